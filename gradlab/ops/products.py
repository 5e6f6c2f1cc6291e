"""Further products: with a sum, over any dimensions, of many matrices, of vectors in space.

Those with a name of their own in PyTorch's graphs are operations; the rest are made of views and
the products in ``linalg``.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.linalg import (
    addmm_number,
    check_not_bool,
    check_scalar_type,
    dot,
    matmul,
    mm,
    scaled,
)
from gradlab.ops.matrices import check_floating, check_same_dtype, check_square
from gradlab.ops.reduce import sum_dim
from gradlab.ops.shape import (
    array_of,
    cannot_expand,
    permute,
    reshape,
    unsafe_view,
    unsqueeze,
    view,
)
from gradlab.ops.solve import inv
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, normal_dim

# ------------------------------------------------------------------ vectors


@op(
    latex=r"\overline{input} \cdot other",
    grad=dict(
        input=(lambda g, xp, other: xp.conj(g) * other, r"\overline{g} \, other"),
        other=(lambda g, input: g * input, r"g \, input"),
    ),
    holomorphic=False,
    samples=(call(draw(3), draw(3)), call(draw(0), draw(0))),
)
def vdot(xp: Namespace, input: Array, other: Array) -> Array:
    """The sum of the products of two vectors' elements, those of the first conjugated.

    Raises RuntimeError for anything but two vectors of one length and dtype.

    >>> import gradlab as gl
    >>> gl.vdot(gl.tensor([1j, 2.0]), gl.tensor([1j, 1.0]))
    tensor(3.+0.j)
    """
    if input.ndim != 1 or other.ndim != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {input.ndim}D and {other.ndim}D tensors. "
            "linalg.vecdot takes more dimensions."
        )
    if input.dtype != other.dtype:
        kinds = [arrays.dtype_of(array).type_name for array in (input, other)]
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {kinds[0]} and {kinds[1]}. "
            "Convert one with .to()."
        )
    if input.shape != other.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{input.size}] and src [{other.size}] to "
            f"have the same number of elements, but got {input.size} and {other.size} elements "
            "respectively"
        )
    check_not_bool("dot", input)
    return xp.vdot(input, other)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The products of vectors along a dimension: (*, n) and (*, n) give (*).

    The first are conjugated; batches broadcast. Raises RuntimeError for two dtypes.

    >>> import gradlab as gl
    >>> vecdot(gl.tensor([[1.0, 2.0], [3.0, 4.0]]), gl.tensor([10.0, 1.0]))
    tensor([12., 34.])
    """
    one, two = array_of(x, "linalg_vecdot", "x"), array_of(y, "linalg_vecdot", "y", 2)
    check_floating("linalg.vecdot", one, half=True)
    check_same_dtype("linalg.vecdot", one, two, ("x", "y"))
    if one.ndim == two.ndim == 1:
        return vdot(x, y)  # type: ignore[no-any-return]
    first: Any = x.conj() if x.is_complex() else x
    product = first * y
    return product.sum(dim)  # type: ignore[no-any-return]


@op(
    latex=r"input \times other",
    grad=dict(
        input=(lambda g, xp, other, dim: xp.linalg_cross(other, g, dim), r"other \times g"),
        other=(lambda g, xp, input, dim: xp.linalg_cross(g, input, dim), r"g \times input"),
    ),
    public=False,
    method=False,
    samples=(
        call(draw(3), draw(3)),
        call(draw(2, 3), draw(2, 3)),
        call(draw(3, 2), draw(3, 1), 0),
        call(draw(0, 3), draw(0, 3)),
    ),
)
def linalg_cross(xp: Namespace, input: Array, other: Array, dim: int = -1) -> Array:
    """Cross products along a dimension of size 3."""
    check_not_bool("cross", input)
    a, b = xp.moveaxis(input, dim, 0), xp.moveaxis(other, dim, 0)
    parts = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return xp.stack(parts, dim)


def cross_of_linalg(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Cross products of vectors along a dimension of size 3; the others broadcast.

    Raises RuntimeError for another size.

    >>> import gradlab as gl
    >>> gl.linalg.cross(gl.tensor([1.0, 0.0, 0.0]), gl.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    one, two = array_of(input, "linalg_cross"), array_of(other, "linalg_cross", "other", 2)
    if one.ndim != two.ndim:
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions. "
            f"These have {one.ndim} and {two.ndim}."
        )
    at = _at(dim, one.ndim)
    sizes = one.shape[at], two.shape[at]
    if sizes != (3, 3):
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes[0]} and "
            f"{sizes[1]}"
        )
    return linalg_cross(input, other, at - one.ndim)  # type: ignore[no-any-return]


@composite()
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Cross products of vectors along ``dim``, or else the first dimension of size 3.

    Raises RuntimeError where there is none. ``linalg.cross`` takes the last dimension.

    >>> import gradlab as gl
    >>> gl.cross(gl.tensor([1.0, 0.0, 0.0]), gl.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if dim is None:
        shape = array_of(input, "cross").shape
        if 3 not in shape:
            raise RuntimeError(f"no dimension of size 3 in input: its shape is {list(shape)}")
        dim = shape.index(3)
    return cross_of_linalg(input, other, dim=dim)


# ------------------------------------------------------------------ a sum and a product


@op(
    latex=r"beta \, input + alpha \, mat \; vec",
    grad=dict(
        input=(lambda g, beta: scaled(g, beta), r"beta \, g"),
        mat=(
            lambda g, xp, vec, alpha: scaled(xp.unsqueeze(g, 1) * vec, alpha),
            r"alpha \, g \; vec^{\mathsf T}",
        ),
        vec=(
            lambda g, xp, mat, alpha: scaled(xp.mv(xp.t(mat), g), alpha),
            r"alpha \, mat^{\mathsf T} g",
        ),
    ),
    inplace=True,
    samples=(
        call(draw(2), draw(2, 3), draw(3)),
        call(draw(1), draw(2, 3), draw(3), beta=0.5, alpha=2.0),
    ),
)
def addmv(
    xp: Namespace, input: Array, mat: Array, vec: Array, *, beta: float = 1, alpha: float = 1
) -> Array:
    """``beta`` times ``input`` plus ``alpha`` times the product of a matrix and a vector.

    >>> import gradlab as gl
    >>> gl.addmv(gl.tensor([100.0]), gl.tensor([[1.0, 2.0]]), gl.tensor([3.0, 4.0]))
    tensor([111.])
    """
    if mat.ndim != 2 or vec.ndim != 1 or input.ndim > 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {input.ndim}, {mat.ndim}, {vec.ndim}: their "
            "dimensions"
        )
    fits = mat.shape[1] == vec.shape[0] and input.shape in ((), (1,), mat.shape[:1])
    if not fits:
        size = input.shape[0] if input.ndim else 1
        raise RuntimeError(
            f"size mismatch, got input ({size}), mat ({mat.shape[0]}x{mat.shape[1]}), vec "
            f"({vec.shape[0]})"
        )
    if not input.dtype == mat.dtype == vec.dtype:
        kinds = [arrays.dtype_of(array).type_name for array in (input, mat, vec)]
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {kinds[0]}, {kinds[1]}, and "
            f"{kinds[2]}. Convert them with .to()."
        )
    check_not_bool("addmv_impl_cpu", input)
    return _plus(input, xp.matmul(mat, vec), beta, alpha)


def _plus(input: Array, product: Array, beta: float, alpha: float) -> Array:
    """``beta input + alpha product``, computed in the product's memory."""
    if alpha != 1:
        product *= addmm_number(alpha, product)
    try:
        product += input if beta == 1 else input * addmm_number(beta, product)
    except ValueError:
        raise cannot_expand(input, product.shape) from None
    return product


@op(
    latex=r"beta \, input + alpha \, vec1 \; vec2^{\mathsf T}",
    grad=dict(
        input=(lambda g, beta: scaled(g, beta), r"beta \, g"),
        vec1=(
            lambda g, xp, vec2, alpha: scaled(xp.sum_dim(g * vec2, (1,)), alpha),
            r"alpha \, g \; vec2",
        ),
        vec2=(
            lambda g, xp, vec1, alpha: scaled(xp.sum_dim(g * xp.unsqueeze(vec1, 1), (0,)), alpha),
            r"alpha \, g^{\mathsf T} vec1",
        ),
    ),
    inplace=True,
    promote="same",
    public=False,
    method=False,
    samples=(
        call(draw(2, 3), draw(2), draw(3)),
        call(draw(3), draw(2), draw(3), beta=0.5, alpha=2.0),
    ),
)
def addr(
    xp: Namespace, input: Array, vec1: Array, vec2: Array, *, beta: float = 1, alpha: float = 1
) -> Array:
    """A matrix and the products of every element of one vector with every one of another."""
    for name, array in (("vec1", vec1), ("vec2", vec2)):
        if array.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {array.ndim}-D")
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, float) and input.dtype not in arrays.DIFFERENTIABLE:
            raise RuntimeError(
                f"For integral input tensors, argument {name} must not be a floating point number."
            )
    return _plus(input, vec1[:, None] * vec2, beta, alpha)


@composite("addr")
def _addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """``beta`` times ``input`` plus ``alpha`` times every element of one vector times another's.

    >>> import gradlab as gl
    >>> gl.addr(gl.zeros(2, 2), gl.tensor([1.0, 2.0]), gl.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    if not array_of(input, "addr").ndim:  # its dtype counts as if it had been stretched already
        input = view(input, (1,))
    return addr(input, vec1, vec2, beta=beta, alpha=alpha)  # type: ignore[no-any-return]


def _check_batches(batch1: Array, batch2: Array) -> None:
    for name, array in (("batch1", batch1), ("batch2", batch2)):
        if array.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor, and its shape is {list(array.shape)}")


def _check_expected(batch1: Array, batch2: Array) -> None:
    if batch2.shape[:2] != (batch1.shape[0], batch1.shape[2]):
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{batch1.shape[0]}, {batch1.shape[2]}] but got: "
            f"[{batch2.shape[0]}, {batch2.shape[1]}]."
        )


@op(
    latex=r"beta \, input + alpha \, batch1 \; batch2",
    grad=dict(
        input=(lambda g, beta: scaled(g, beta), r"beta \, g"),
        batch1=(
            lambda g, xp, batch2, alpha: scaled(xp.bmm(g, xp.transpose(batch2, 1, 2)), alpha),
            r"alpha \, g \; batch2^{\mathsf T}",
        ),
        batch2=(
            lambda g, xp, batch1, alpha: scaled(xp.bmm(xp.transpose(batch1, 1, 2), g), alpha),
            r"alpha \, batch1^{\mathsf T} g",
        ),
    ),
    inplace=True,
    samples=(
        call(draw(2, 4), draw(3, 2, 3), draw(3, 3, 4)),
        call(draw(3, 2, 4), draw(3, 2, 3), draw(3, 3, 4), beta=0.5, alpha=2.0),
    ),
)
def baddbmm(
    xp: Namespace, input: Array, batch1: Array, batch2: Array, *, beta: float = 1, alpha: float = 1
) -> Array:
    """``beta`` times ``input`` plus ``alpha`` times the products of two batches of matrices.

    ``input`` broadcasts to the products' shape. Raises RuntimeError where sizes or dtypes don't
    match.

    >>> import gradlab as gl
    >>> gl.baddbmm(gl.tensor([1.0]), gl.ones(1, 1, 2), gl.ones(1, 2, 1))
    tensor([[[3.]]])
    """
    _check_batches(batch1, batch2)
    _check_expected(batch1, batch2)
    check_scalar_type(batch1, batch2)
    check_scalar_type(input, batch1)
    check_not_bool("baddbmm", input)
    return _plus(input, xp.matmul(batch1, batch2), beta, alpha)


@op(
    latex=r"beta \, input + alpha \textstyle\sum batch1 \; batch2",
    grad=dict(
        input=(lambda g, beta: scaled(g, beta), r"beta \, g"),
        batch1=(
            lambda g, xp, batch1_shape, batch2, alpha: scaled(
                xp.bmm(
                    xp.expand(g, (batch1_shape[0], batch1_shape[1], batch2.shape[2])),
                    xp.transpose(batch2, 1, 2),
                ),
                alpha,
            ),
            r"alpha \, g \; batch2^{\mathsf T}",
        ),
        batch2=(
            lambda g, xp, batch1, batch2_shape, alpha: scaled(
                xp.bmm(
                    xp.transpose(batch1, 1, 2),
                    xp.expand(g, (batch2_shape[0], batch1.shape[1], batch2_shape[2])),
                ),
                alpha,
            ),
            r"alpha \, batch1^{\mathsf T} g",
        ),
    ),
    saved=dict(
        batch1_sym_argsize_0=lambda batch1_shape: batch1_shape[0],
        batch1_sym_argsize_1=lambda batch1_shape: batch1_shape[1],
        batch1_sym_sizes=None,
        batch2_sym_argsize_2=lambda batch2_shape: batch2_shape[2],
        batch2_sym_sizes=None,
    ),
    inplace=True,
    samples=(
        call(draw(2, 4), draw(3, 2, 3), draw(3, 3, 4)),
        call(draw(4), draw(3, 2, 3), draw(3, 3, 4), beta=0.5, alpha=2.0),
    ),
)
def addbmm(
    xp: Namespace, input: Array, batch1: Array, batch2: Array, *, beta: float = 1, alpha: float = 1
) -> Array:
    """``beta`` times ``input`` plus ``alpha`` times the sum of a batch of products.

    >>> import gradlab as gl
    >>> gl.addbmm(gl.zeros(1, 1), gl.ones(2, 1, 3), gl.ones(2, 3, 1))
    tensor([[6.]])
    """
    _check_batches(batch1, batch2)
    if batch1.shape[0] != batch2.shape[0]:
        raise RuntimeError(
            "batch1 and batch2 must have same number of batches, got "
            f"{batch1.shape[0]} and {batch2.shape[0]}"
        )
    if batch1.shape[2] != batch2.shape[1]:
        raise RuntimeError(
            "Incompatible matrix sizes for bmm "
            f"({batch1.shape[1]}x{batch1.shape[2]} and {batch2.shape[1]}x{batch2.shape[2]})"
        )
    check_scalar_type(batch1, batch2)
    check_scalar_type(input, batch1)
    check_not_bool("addmm_impl_cpu_", input)
    rows = xp.moveaxis(batch1, 0, 1).reshape(batch1.shape[1], -1)
    return _plus(input, rows.dot(batch2.reshape(-1, batch2.shape[2])), beta, alpha)


# ------------------------------------------------------------------ over any dimensions


@composite(method=False)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Multiply two tensors and add up over pairs of dimensions.

    ``dims`` is two lists, of the dimensions of ``a`` and of ``b`` that go together, or a number:
    so many of the last of ``a`` and the first of ``b``. The result has the others of both. Raises
    RuntimeError where sizes don't match.

    >>> import gradlab as gl
    >>> gl.tensordot(gl.ones(2, 3, 4), gl.ones(3, 4, 5), dims=([1, 2], [0, 1])).shape
    torch.Size([2, 5])
    """
    one, two = array_of(a, "tensordot", "a").shape, array_of(b, "tensordot", "b", 2).shape
    lefts, rights = [], []
    for left, right in _pairs(dims, len(one), len(two)):
        at, other = _at(left, len(one)), _at(right, len(two))
        if one[at] != two[other] and 1 not in (one[at], two[other]):
            raise RuntimeError(
                "contracted dimensions need to match, but first has size "
                f"{one[at]} in dim {left} and second has size {two[other]} in dim {right}"
            )
        if two[other] == 1:
            a = sum_dim(a, (at,), True)
        elif one[at] == 1:
            b = sum_dim(b, (other,), True)
        if at in lefts or other in rights:
            twice = at if at in lefts else other
            raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
        lefts.append(at)
        rights.append(other)
    return _tensordot(a, b, lefts, rights)


def _pairs(dims: Any, left: int, right: int) -> list[tuple[int, int]]:
    """Which dimension goes with which, as they were named."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(left, right):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}: the tensors have "
                f"{left} and {right} dimensions"
            )
        return list(zip(range(-dims, 0), range(dims), strict=True))
    first, second = ([one] if isinstance(one, int) else list(one) for one in dims)
    if len(first) != len(second):
        raise RuntimeError(
            f"both dimension lists should have same length; they have {len(first)} and "
            f"{len(second)}"
        )
    return list(zip(first, second, strict=True))


def _at(dim: int, ndim: int) -> int:
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return normal_dim(dim, ndim)


def _tensordot(a: Tensor, b: Tensor, left: list[int], right: list[int]) -> Tensor:
    one, two = a._array.shape, b._array.shape
    rows = [dim for dim in range(len(one)) if dim not in left]
    columns = [dim for dim in range(len(two)) if dim not in right]
    inner = math.prod([one[dim] for dim in left])
    first, second = permute(a, tuple(rows + left)), permute(b, tuple(right + columns))
    height = math.prod([one[dim] for dim in rows])
    width = math.prod([two[dim] for dim in columns])
    if height == width == 1:
        product = dot(_flat(first), _flat(second))
    else:
        product = mm(reshape(first, (height, inner)), reshape(second, (inner, width)))
    shape = (*(one[dim] for dim in rows), *(two[dim] for dim in columns))
    return view(product, shape)  # type: ignore[no-any-return]


def _flat(tensor: Tensor) -> Tensor:
    return tensor if tensor._array.ndim == 1 else reshape(tensor, (tensor._array.size,))


@composite()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Multiply two tensors and add up over their last dimensions: (*, n) and (+, n) give (*, +).

    A number is multiplied. Raises RuntimeError where the last sizes don't match.

    >>> import gradlab as gl
    >>> gl.inner(gl.tensor([1.0, 2.0]), gl.tensor([3.0, 4.0]))
    tensor(11.)
    """
    one, two = array_of(input, "inner"), array_of(other, "inner", "other", 2)
    if not one.ndim or not two.ndim:
        product: Any = input
        return product * other  # type: ignore[no-any-return]
    if one.shape[-1] != two.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(one.shape)} and {list(two.shape)}"
        )
    return _tensordot(input, other, [one.ndim - 1], [two.ndim - 1])


@composite()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of ``input`` times all of ``other``, side by side.

    Sizes multiply, dimension by dimension; the tensor with fewer counts as having size 1 in front.

    >>> import gradlab as gl
    >>> gl.kron(gl.eye(2), gl.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    one, two = array_of(input, "kron").shape, array_of(other, "kron", "other", 2).shape
    ndim = max(len(one), len(two))
    one, two = (1,) * (ndim - len(one)) + one, (1,) * (ndim - len(two)) + two
    left = unsafe_view(input, tuple(size for n in one for size in (n, 1)))
    right = unsafe_view(other, tuple(size for n in two for size in (1, n)))
    return unsafe_view(left * right, tuple(map(operator.mul, one, two)))  # type: ignore[no-any-return]


@op(
    latex=r"\mathrm{tr} \, input",
    grad=dict(
        input=(
            lambda g, xp, input_shape: xp.diagonal_backward(
                xp.expand(g, (min(input_shape),)), input_shape, 0, 0, 1
            ),
            r"g \, I",
        )
    ),
    samples=(call(draw(3, 3)), call(draw(2, 4)), call(draw(0, 2))),
)
def trace(xp: Namespace, input: Array) -> Array:
    """The sum of the elements on the diagonal of a matrix; of integers, in int64.

    Raises RuntimeError for anything but a matrix.

    >>> import gradlab as gl
    >>> gl.trace(gl.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if input.dtype.kind == "b":
        raise NotImplementedError("\"trace\" not implemented for 'Bool'. Convert it with .to().")
    kind = arrays.INT64 if input.dtype.kind in "iu" else None
    return xp.add.reduce(input.diagonal(), 0, kind)


@op(
    latex=r"z_{b o} = \textstyle\sum_{n m} x_{b n} \, W_{o n m} \, y_{b m}",
    grad=dict(
        i1=(
            lambda g, xp, i2, i3: xp.trilinear(g, xp.permute(i2, (1, 0, 2)), i3),
            r"\textstyle\sum_{o m} \bar z_{b o} \, W_{o n m} \, y_{b m}",
        ),
        i2=(
            lambda g, xp, i1, i3: _of_weight(xp, g, i1, i3),
            r"\textstyle\sum_b \bar z_{b o} \, x_{b n} \, y_{b m}",
        ),
        i3=(
            lambda g, xp, i1, i2: xp.trilinear(g, xp.permute(i2, (2, 0, 1)), i1),
            r"\textstyle\sum_{o n} \bar z_{b o} \, W_{o n m} \, x_{b n}",
        ),
    ),
    public=False,
    method=False,
    samples=(
        call(draw(2, 3), draw(4, 3, 2), draw(2, 2)),
        call(draw(0, 3), draw(4, 3, 2), draw(0, 2)),
    ),
)
def trilinear(xp: Namespace, i1: Array, i2: Array, i3: Array) -> Array:
    """For each row of two matrices its products with every matrix of a batch."""
    if i1.size:
        check_not_bool("bmm", i1)
    halves = xp.matmul(i1, i2)  # (out, batch, m)
    return xp.ascontiguousarray(xp.add.reduce(halves * i3, -1, i1.dtype).T)


def _of_weight(xp: Any, g: Any, i1: Any, i3: Any) -> Any:
    rows, (n, m) = i1.shape[0], (i1.shape[1], i3.shape[1])
    pairs = xp.unsqueeze(i1, 2) * xp.unsqueeze(i3, 1)
    flat = xp.mm(xp.t(g), xp.unsafe_view(pairs, (rows, n * m)))
    return xp.unsafe_view(flat, (g.shape[1], n, m))


@composite(method=False)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x W_k y + bias_k`` for every k: (*, n), (*, m), (o, n, m) and (o) give (*, o).

    Raises RuntimeError where sizes don't match.

    >>> import gradlab as gl
    >>> gl.bilinear(gl.ones(1, 2), gl.ones(1, 3), gl.ones(1, 2, 3))
    tensor([[6.]])
    """
    one, two = array_of(input1, "bilinear", "input1"), array_of(input2, "bilinear", "input2", 2)
    weights = array_of(weight, "bilinear", "weight")
    _check_bilinear(one.shape, two.shape, weights.shape, bias)
    rows = math.prod(one.shape[:-1])
    product = trilinear(
        reshape(input1, (rows, one.shape[-1])), weight, reshape(input2, (rows, two.shape[-1]))
    )
    result = reshape(product, (*one.shape[:-1], weights.shape[0]))
    return result if bias is None else result + bias  # type: ignore[no-any-return]


def _check_bilinear(
    one: tuple[int, ...], two: tuple[int, ...], weight: tuple[int, ...], bias: Tensor | None
) -> None:
    if len(one) != len(two):
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {len(one)} and {len(two)}"
        )
    for dim, (a, b) in enumerate(zip(one[:-1], two[:-1], strict=True)):
        if a != b:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {dim}: got {a} and {b}"
            )
    for number, given, wanted in ((1, one[-1], weight[1]), (2, two[-1], weight[2])):
        if given != wanted:
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {given} but "
                f"expected {wanted}"
            )
    if bias is not None and bias._array.shape[0] != weight[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias._array.shape[0]} but "
            f"expected {weight[0]}"
        )


# ------------------------------------------------------------------ many matrices


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices, in the order that multiplies least.

    The first and the last may be vectors, a row and a column. Raises RuntimeError where sizes or
    dtypes don't match.

    >>> import gradlab as gl
    >>> multi_dot([gl.ones(2, 3), gl.ones(3, 4), gl.ones(4)])
    tensor([12., 12.])
    """
    factors = list(tensors)
    if len(factors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(factors)}")
    _check_chain(factors)
    shape: tuple[int, ...] = ()
    if factors[0]._array.ndim == 1:
        factors[0] = unsqueeze(factors[0], 0)
    else:
        shape += factors[0]._array.shape[:1]
    if factors[-1]._array.ndim == 1:
        factors[-1] = unsqueeze(factors[-1], -1)
    else:
        shape += factors[-1]._array.shape[1:]
    sizes = [factor._array.shape[0] for factor in factors] + [factors[-1]._array.shape[1]]
    return view(_multiplied(factors, _splits(sizes), 0, len(factors) - 1), shape)  # type: ignore[no-any-return]


def _check_chain(factors: list[Tensor]) -> None:
    ends = {0: "the first tensor", len(factors) - 1: "the last tensor"}
    for number, factor in enumerate(factors):
        if factor._array.ndim != 2 and not (factor._array.ndim == 1 and number in ends):
            which, also = ends.get(number, f"tensor {number}"), "1D or " * (number in ends)
            raise RuntimeError(
                f"multi_dot(): {which} must be {also}2D but got {factor._array.ndim}D"
            )
    for number, factor in enumerate(factors):
        if factor._array.dtype != factors[0]._array.dtype:
            raise RuntimeError(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{factors[0].dtype.c_name} and tensor {number} {factor.dtype.c_name}"
            )
    for number, (one, two) in enumerate(itertools.pairwise(factors)):
        if one._array.shape[-1] != two._array.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {number} and {number + 1} with shapes "
                f"{list(one._array.shape)} and {list(two._array.shape)} cannot be multiplied"
            )


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """For each run of matrices, behind which to split it so that least is multiplied.

    Of splits that are as good, three matrices have the last one behind the others, as in PyTorch.
    """
    count = len(sizes) - 1
    costs = {(i, i): 0 for i in range(count)}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            found = [
                (costs[i, k] + costs[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in (range(j - 1, i - 1, -1) if count == 3 else range(i, j))
            ]
            costs[i, j], splits[i, j] = min(found, key=operator.itemgetter(0))
    return splits


def _multiplied(
    factors: list[Tensor], splits: dict[tuple[int, int], int], first: int, last: int
) -> Tensor:
    if first == last:
        return factors[first]
    split = splits[first, last]
    left = _multiplied(factors, splits, first, split)
    return mm(left, _multiplied(factors, splits, split + 1, last))  # type: ignore[no-any-return]


@composite(method=False)
def chain_matmul(*matrices: Any) -> Tensor:
    """The product of several matrices, in the order that multiplies least.

    ``linalg.multi_dot`` is newer. Raises RuntimeError for what is no matrix.

    >>> import gradlab as gl
    >>> gl.chain_matmul(gl.ones(1, 2), gl.ones(2, 1))
    tensor([[2.]])
    """
    factors = list(matrices[0]) if isinstance(matrices[0], (list, tuple)) else list(matrices)
    for factor in factors:
        if factor._array.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {factor._array.ndim}, expected 2 instead.")
    return factors[0].clone() if len(factors) == 1 else multi_dot(factors)


@composite()
def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices; negative ones are of the inverse: (*, n, n).

    Raises RuntimeError for matrices that aren't square, LinAlgError for a negative power of a
    singular one.

    >>> import gradlab as gl
    >>> gl.matrix_power(gl.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    if not isinstance(n, int):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    array = array_of(input, "linalg_matrix_power", "A")
    check_square("linalg.matrix_power", array, floating=False)
    if n == 0:
        identity = arrays.array_module(array).eye(array.shape[-1], dtype=array.dtype)
        return input.clone().copy_(Tensor._wrap(identity))  # type: ignore[no-any-return]
    power: Any = inv(input) if n < 0 else input
    n = abs(n)
    if n == 1:
        return power.clone() if power is input else power  # type: ignore[no-any-return]
    if n == 3:
        return matmul(matmul(power, power), power)  # type: ignore[no-any-return]
    result: Any = None
    while True:
        if n % 2:
            result = power if result is None else matmul(result, power)
        n //= 2
        if not n:
            return result  # type: ignore[no-any-return]
        power = matmul(power, power)
