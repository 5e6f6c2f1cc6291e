"""Products of vectors, matrices, and batches of matrices.

``@`` is taken apart as PyTorch does it, into ``dot``, ``mv``, ``mm`` and ``bmm`` with views around
them; only these four (and ``addmm``, a layer's product plus bias) have gradients of their own.
Transposes are views throughout: BLAS reads them where they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import alias, composite, op
from gradlab.ops.convert import contiguous
from gradlab.ops.matrices import common_batch
from gradlab.ops.shape import (
    array_of,
    cannot_expand,
    expand,
    reshape,
    squeeze_dim,
    squeeze_own,
    t,
    transpose,
    unsafe_view,
    unsqueeze,
    view,
)
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

_FLOAT32 = arrays.float32.numpy

# ------------------------------------------------------------------ the four products


@op(
    latex=r"input \cdot tensor",
    grad=dict(
        input=(lambda g, tensor: g * tensor, r"g \, tensor"),
        tensor=(lambda g, input: g * input, r"g \, input"),
    ),
    samples=(call(draw(3), draw(3)), call(draw(0), draw(0))),
)
def dot(xp: Namespace, input: Array, tensor: Array) -> Array:
    """The sum of the products of two vectors' elements.

    Raises RuntimeError for anything but two vectors of one length and dtype.

    >>> import gradlab as gl
    >>> gl.dot(gl.tensor([1.0, 2.0]), gl.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors. "
            "Multiply matrices with @."
        )
    if input.dtype != tensor.dtype:
        raise RuntimeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{_type_name(input)} and {_type_name(tensor)}. Convert one with .to()."
        )
    if input.shape != tensor.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{input.size}] and src [{tensor.size}] to "
            f"have the same number of elements, but got {input.size} and {tensor.size} elements "
            "respectively"
        )
    check_not_bool("dot", input)
    return xp.dot(input, tensor)


@op(
    latex=r"input \; vec",
    grad=dict(
        input=(lambda g, xp, vec: xp.unsqueeze(g, 1) * vec, r"g \; vec^{\mathsf T}"),
        vec=(lambda g, xp, input: xp.mv(xp.t(input), g), r"input^{\mathsf T} g"),
    ),
    samples=(call(draw(2, 3), draw(3)), call(draw(2, 0), draw(0))),
)
def mv(xp: Namespace, input: Array, vec: Array) -> Array:
    """A matrix times a vector: (n, m) and (m) give (n).

    Raises RuntimeError where the sizes or dtypes don't match.

    >>> import gradlab as gl
    >>> gl.mv(gl.tensor([[1.0, 2.0], [3.0, 4.0]]), gl.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim} dimensions"
        )
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input.shape[0]}), mat ({_by(input.shape)}), vec "
            f"({vec.shape[0]})"
        )
    if input.dtype != vec.dtype:
        own, other = _type_name(input), _type_name(vec)
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {other}, {own}, and {other}. "
            "Convert one with .to()."
        )
    if input.size:
        check_not_bool("addmv_impl_cpu", input)
    return xp.matmul(input, vec)


def _left_sizes(left: str) -> Any:
    return lambda node: (node.shape[0], _between(node, left))


def _right_sizes(left: str) -> Any:
    return lambda node: (_between(node, left), node.shape[1])


def _between(node: Any, left: str) -> int:
    """The size that both factors of a product have, read off the one that was saved."""
    if hasattr(node, "mat2"):
        return int(node._unpack("mat2").shape[0])
    return int(node._unpack(left).shape[1])


@op(
    latex=r"input \; mat2",
    grad=dict(
        input=(
            lambda g, xp, mat2, input_strides: _left_gradient(xp, g, mat2, input_strides),
            r"g \; mat2^{\mathsf T}",
        ),
        mat2=(
            lambda g, xp, input, mat2_strides: _right_gradient(xp, g, input, mat2_strides),
            r"input^{\mathsf T} g",
        ),
    ),
    saved=dict(self_sym_sizes=_left_sizes("input"), mat2_sym_sizes=_right_sizes("input")),
    samples=(
        call(draw(2, 3), draw(3, 4)),
        call(draw(2, 0), draw(0, 3)),
        call(draw(1, 1), draw(1, 2)),
    ),
)
def mm(xp: Namespace, input: Array, mat2: Array) -> Array:
    """The product of two matrices: (n, m) and (m, p) give (n, p).

    Raises RuntimeError where the sizes or dtypes don't match.

    >>> import gradlab as gl
    >>> gl.mm(gl.tensor([[1.0, 2.0]]), gl.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    if input.ndim != 2 or mat2.ndim != 2:
        which = "self" if input.ndim != 2 else "mat2"
        raise RuntimeError(
            f"{which} must be a matrix (the shapes are {list(input.shape)} and {list(mat2.shape)})"
        )
    return _product(xp, input, mat2)


def _product(xp: Namespace, one: Array, two: Array) -> Array:
    """The product of two matrices, with PyTorch's errors."""
    if one.dtype is not two.dtype or one.dtype.kind == "b":
        _check_sizes(one, two)
        _check_dtypes(one, two)
        if one.size and two.size:
            check_not_bool("addmm_impl_cpu_", one)
    rows, inner = one.shape
    try:
        if (
            inner >= 256
            and 8 < rows <= 32
            and one.dtype is _FLOAT32
            and two.flags.fnc
            and xp is numpy
        ):
            # A layer on a small batch: OpenBLAS takes 81 µs for 16 x 1000 times the transpose of
            # 100 x 1000, and 47 µs the other way round, copying the result into order included.
            return two.T.dot(one.T).T.copy()
        if rows * two.shape[1] > 16384:
            return xp.matmul(one, two)  # dot fills the result with zeros first: 2 µs for 1000 x 100
        return one.dot(two)  # of two matrices the same as matmul, 0.6 µs sooner
    except ValueError:
        _check_sizes(one, two)
        raise


def _check_sizes(one: Array, two: Array) -> None:
    if one.shape[1] != two.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_by(one.shape)} and {_by(two.shape)})"
        )


def _left_gradient(xp: Any, g: Any, mat2: Any, strides: tuple[int, ...]) -> Any:
    """g mat2ᵀ in the memory order of the matrix it is the gradient of."""
    if strides[0] < strides[1]:
        return xp.t(xp.mm(mat2, xp.t(g)))
    return xp.mm(g, xp.t(mat2))


def _right_gradient(xp: Any, g: Any, mat1: Any, strides: tuple[int, ...]) -> Any:
    """mat1ᵀ g in the memory order of the matrix it is the gradient of.

    A layer's weight comes in transposed. So made, its gradient, transposed back, lies in order, and
    adding it to ``.grad`` runs through memory once: 0.2 ms less for 1000 x 100.
    """
    if strides[0] < strides[1]:
        return xp.t(xp.mm(xp.t(g), mat1))
    return xp.mm(xp.t(mat1), g)


@op(
    latex=r"input \; mat2",
    grad=dict(
        input=(
            lambda g, xp, mat2: xp.bmm(g, xp.transpose(mat2, 1, 2)),
            r"g \; mat2^{\mathsf T}",
        ),
        mat2=(
            lambda g, xp, input: xp.bmm(xp.transpose(input, 1, 2), g),
            r"input^{\mathsf T} g",
        ),
    ),
    samples=(call(draw(2, 2, 3), draw(2, 3, 4)), call(draw(0, 2, 3), draw(0, 3, 1))),
)
def bmm(xp: Namespace, input: Array, mat2: Array) -> Array:
    """The products of two batches of matrices: (b, n, m) and (b, m, p) give (b, n, p).

    Raises RuntimeError where the sizes or dtypes don't match; nothing broadcasts.

    >>> import gradlab as gl
    >>> gl.bmm(gl.ones(2, 1, 3), gl.ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    if input.ndim != 3 or mat2.ndim != 3:
        which = "batch1" if input.ndim != 3 else "batch2"
        raise RuntimeError(
            f"{which} must be a 3D tensor (the shapes are {list(input.shape)} and "
            f"{list(mat2.shape)})"
        )
    if mat2.shape[:2] != (input.shape[0], input.shape[2]):
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{input.shape[0]}, {input.shape[2]}] but got: [{mat2.shape[0]}, {mat2.shape[1]}]."
        )
    check_scalar_type(input, mat2)
    if input.size and mat2.size:
        check_not_bool("bmm", input)
    return xp.matmul(input, mat2)


@op(
    latex=r"beta \, input + alpha \, mat1 \; mat2",
    grad=dict(
        input=(lambda g, beta: g if beta == 1 else g * beta, r"beta \, g"),
        mat1=(
            lambda g, xp, mat2, mat1_strides, alpha: scaled(
                _left_gradient(xp, g, mat2, mat1_strides), alpha
            ),
            r"alpha \, g \; mat2^{\mathsf T}",
        ),
        mat2=(
            lambda g, xp, mat1, mat2_strides, alpha: scaled(
                _right_gradient(xp, g, mat1, mat2_strides), alpha
            ),
            r"alpha \, mat1^{\mathsf T} g",
        ),
    ),
    saved=dict(mat1_sym_sizes=_left_sizes("mat1"), mat2_sym_sizes=_right_sizes("mat1")),
    inplace=True,
    samples=(
        call(draw(4), draw(2, 3), draw(3, 4)),
        call(draw(2, 4), draw(2, 3), draw(3, 4), beta=0.5, alpha=2.0),
    ),
)
def addmm(
    xp: Namespace, input: Array, mat1: Array, mat2: Array, *, beta: float = 1, alpha: float = 1
) -> Array:
    """``beta`` times ``input`` plus ``alpha`` times the product of two matrices.

    ``input`` broadcasts to the product's shape. Raises RuntimeError where sizes or dtypes don't
    match.

    >>> import gradlab as gl
    >>> gl.addmm(gl.tensor([100.0]), gl.tensor([[1.0, 2.0]]), gl.tensor([[3.0], [4.0]]))
    tensor([[111.]])
    """
    if mat1.ndim != 2 or mat2.ndim != 2:
        which, bad = ("mat1", mat1) if mat1.ndim != 2 else ("mat2", mat2)
        raise RuntimeError(f"{which} must be a matrix, got {bad.ndim}-D tensor")
    for name, one in (("self", input), ("mat1", mat1)):
        if one.dtype != mat2.dtype:
            raise RuntimeError(
                f"{name} and mat2 must have the same dtype, but got "
                f"{_type_name(one)} and {_type_name(mat2)}. Convert one with .to()."
            )
    result = _product(xp, mat1, mat2)
    if alpha != 1:
        result *= addmm_number(alpha, result)
    try:
        result += input if beta == 1 else input * addmm_number(beta, result)
    except ValueError:
        raise cannot_expand(input, result.shape) from None
    return result


def addmm_number(factor: float, array: Array) -> float:
    """A factor as PyTorch takes it: for integers without what follows the point."""
    return int(factor) if array.dtype.kind in "iu" else factor


def scaled(value: Any, factor: float) -> Any:
    """A gradient times ``alpha`` or ``beta``."""
    return value if factor == 1 else value * factor


# ------------------------------------------------------------------ errors


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _type_name(array: Array) -> str:
    return arrays.dtype_of(array).type_name


_C_NAMES = {
    "float16": "c10::Half",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "bool": "bool",
}


def _check_dtypes(one: Array, two: Array) -> None:
    if one.dtype != two.dtype:
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{_C_NAMES[one.dtype.name]} != {_C_NAMES[two.dtype.name]}. Convert one with .to()."
        )


def check_scalar_type(one: Array, two: Array) -> None:
    """PyTorch's error for batches of matrices of two dtypes."""
    if one.dtype != two.dtype:
        raise RuntimeError(
            f"expected scalar type {_type_name(one)} but found {_type_name(two)}. Convert one with "
            ".to()."
        )


def check_not_bool(name: str, array: Array) -> None:
    """PyTorch's error for products of masks."""
    if array.dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'. Convert it with .to().")


# ------------------------------------------------------------------ every other product


@composite()
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product ``input @ other`` of vectors, matrices, or batches of matrices.

    Two vectors give a number; a vector counts as a row in front of a matrix and as a column behind
    one. Of tensors with more dimensions the last two are matrices, and those in front broadcast.
    Raises RuntimeError where the sizes or dtypes don't match.

    >>> import gradlab as gl
    >>> gl.ones(2, 3) @ gl.ones(3)
    tensor([3., 3.])
    >>> (gl.ones(5, 1, 2, 3) @ gl.ones(4, 3, 2)).shape
    torch.Size([5, 4, 2, 2])
    """
    one = array_of(input, "matmul").ndim
    two = array_of(other, "matmul", "other").ndim
    if one == 2 and two == 2:
        return mm(input, other)  # type: ignore[no-any-return]
    if not one or not two:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{one}D and {two}D. Multiply by a number with *."
        )
    if one == 1 and two == 1:
        return dot(input, other)  # type: ignore[no-any-return]
    if one == 2 and two == 1:
        return mv(input, other)  # type: ignore[no-any-return]
    if one == 1 and two == 2:
        return squeeze_own(mm(unsqueeze(input, 0), other), 0)  # type: ignore[no-any-return]
    if _folds(input, other):
        return _folded(input, other)
    return _batched(input, other)


def _folds(input: Tensor, other: Tensor) -> bool:
    """Whether one is a batch and the other is a single matrix or vector, best multiplied at once.

    A batch of rows times one matrix is one tall matrix times it. Where the single one needs a
    gradient that is worth copying the batch: otherwise a gradient for each of the batch would be
    made first and then added up.
    """
    batch_first = input._array.ndim >= other._array.ndim
    batch, single = (input, other) if batch_first else (other, input)
    if batch._array.ndim < 3 or single._array.ndim > 2:
        return False
    if single.requires_grad:
        return True
    if input._array.ndim == 2:
        return False
    array = batch._array if batch_first else batch._array.swapaxes(-1, -2)
    rows, strides = array.shape[:-1], array.strides[:-1]
    return not array.size or all(
        strides[d] == strides[d + 1] * rows[d + 1] for d in range(len(rows) - 1)
    )


def _folded(input: Tensor, other: Tensor) -> Tensor:
    batch_first = input._array.ndim >= other._array.ndim
    batch, single = (input, other) if batch_first else (transpose(other, -2, -1), input)
    if not batch_first and single._array.ndim == 2:
        single = t(single)
    shape = batch._array.shape
    rows = reshape(batch, (math.prod(shape[:-1]), shape[-1]))
    if single._array.ndim == 1:
        return unsafe_view(mv(rows, single), shape[:-1])  # type: ignore[no-any-return]
    product = unsafe_view(mm(rows, single), (*shape[:-1], single._array.shape[1]))
    if batch_first:
        return product  # type: ignore[no-any-return]
    return contiguous(transpose(product, -2, -1))  # type: ignore[no-any-return]


def _batched(input: Tensor, other: Tensor) -> Tensor:
    one, two = input._array.shape, other._array.shape
    if len(one) == len(two) == 3 and one[0] != two[0]:
        if one[0] == 1 and input.requires_grad:
            return matmul(squeeze_dim(input, 0), other)  # type: ignore[no-any-return]
        if two[0] == 1 and other.requires_grad:
            return matmul(input, squeeze_dim(other, 0))  # type: ignore[no-any-return]
    batch = common_batch(one[:-2], two[:-2])
    count = math.prod(batch)
    rows = one[-2:] if len(one) > 1 else (1, *one)
    left = reshape(expand(input, (*batch, *rows)), (count, *rows))
    if len(two) == 1:
        right = unsqueeze(reshape(expand(other, (*batch, *two)), (count, *two)), 2)
        product = squeeze_dim(bmm(left, right), -1)
    else:
        right = reshape(expand(other, (*batch, *two[-2:])), (count, *two[-2:]))
        product = bmm(left, right)
    shape = (*batch, *one[-2:-1], *(two[-1:] if len(two) > 1 else ()))
    return unsafe_view(product, shape)  # type: ignore[no-any-return]


def _operator(swapped: bool) -> Callable[[Any, Any], Any]:
    def at(self: Any, other: Any) -> Any:
        if not isinstance(other, Tensor):
            return NotImplemented
        return matmul(other, self) if swapped else matmul(self, other)

    return at


Tensor.__matmul__ = _operator(swapped=False)  # type: ignore[method-assign]
Tensor.__rmatmul__ = _operator(swapped=True)  # type: ignore[attr-defined]


@composite()
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every element of one vector times every element of another: (n) and (m) give (n, m).

    >>> import gradlab as gl
    >>> gl.outer(gl.tensor([1.0, 2.0]), gl.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    for name, tensor in (("self", input), ("vec2", vec2)):
        ndim = array_of(tensor, "outer").ndim
        if ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {ndim}-D")
    column: Any = reshape(input, (input._array.size, 1))
    return column * vec2  # type: ignore[no-any-return]


alias("outer", "ger")


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``, a layer: (*, n), (m, n) and (m) give (*, m).

    Raises RuntimeError where the sizes or dtypes don't match.

    >>> import gradlab as gl
    >>> linear(gl.ones(2, 3), gl.ones(1, 3), gl.tensor([0.5]))
    tensor([[3.5000],
            [3.5000]])
    """
    if bias is None:
        return matmul(input, t(weight))  # type: ignore[no-any-return]
    array = array_of(input, "linear")
    if array.ndim == 2:
        return addmm(bias, input, t(weight))  # type: ignore[no-any-return]
    if not array.ndim:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are 0D and {weight.ndim}D"
        )
    if not array.flags.c_contiguous:
        product: Any = matmul(input, t(weight))
        return product + bias  # type: ignore[no-any-return]
    rows = view(input, (math.prod(array.shape[:-1]), array.shape[-1]))
    product = addmm(bias, rows, t(weight))
    return view(product, (*array.shape[:-1], product._array.shape[1]))  # type: ignore[no-any-return]
