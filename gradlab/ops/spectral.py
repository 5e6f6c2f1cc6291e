"""Functions of whole matrices: exponential, norms, condition, rank.

Norms of matrices are made of norms of vectors and of singular values, as PyTorch makes them; only
the exponential has a gradient of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.levels import by_numbers
from gradlab.op import OPS, composite, op
from gradlab.ops.decompose import svdvals
from gradlab.ops.join import _cat as cat
from gradlab.ops.matrices import adjoint, check_floating, check_matrix, check_square
from gradlab.ops.reduce import vector_norm as norm_over
from gradlab.ops.shape import array_of, normal_dims
from gradlab.ops.solve import linalg_inv, plain_number, tolerance
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

Dims = int | Sequence[int] | None

# ------------------------------------------------------------------ the exponential


@op(
    latex=r"e^{input}",
    grad=dict(
        input=(
            lambda g, xp, input: _exp_gradient(xp, g, input),
            r"\int_0^1 e^{t \, input^{\mathsf T}} g \; e^{(1 - t) \, input^{\mathsf T}} \, d t",
        )
    ),
    holomorphic=False,
    public=False,
    method=False,
    samples=(call(draw(3, 3)), call(draw(2, 2, 2)), call(draw(1, 1)), call(draw(0, 0))),
)
def linalg_matrix_exp(xp: Namespace, input: Array) -> Array:
    """Exponentials of square matrices.

    A matrix halved until it is small has its exponential approximated by a quotient of polynomials,
    which is squared as often: the way of Higham (2005), for all of a batch at once.
    """
    if not input.size:
        return input.copy()
    if input.dtype.itemsize == 2:
        return OPS["linalg_matrix_exp"].forward(xp, input.astype(numpy.float32)).astype(input.dtype)
    size = xp.add.reduce(xp.abs(input), -2).max(-1)
    halvings = xp.ceil(xp.log2(xp.maximum(size / _SMALL, 1)))
    halvings = xp.where(xp.isfinite(halvings), halvings, 0)[..., None, None]
    x = (input / 2**halvings).astype(input.dtype)
    square, eye = x @ x, xp.eye(x.shape[-1], dtype=x.dtype)
    odd, even, power = 0, 0, eye
    for place in range(0, len(_PADE), 2):
        even = even + _PADE[place] * power
        odd = odd + _PADE[place + 1] * power
        power = power @ square
    odd = x @ odd
    result = xp.linalg.solve(even - odd, even + odd)
    for step in range(int(halvings.max())):
        result = xp.where(step < halvings, result @ result, result)
    return result


def _pade(order: int) -> list[float]:
    """The coefficients of a polynomial p with p(x) / p(-x) close to e^x, the first of them 1."""
    found = [1.0]
    for k in range(order):
        found.append(found[-1] * (order - k) / ((2 * order - k) * (k + 1)))
    return found


_PADE = _pade(13)
_SMALL = 5.37  # up to this size of the matrix the quotient has all digits of float64


def _exp_gradient(xp: Any, g: Any, A: Any) -> Any:
    """The corner of the exponential of a matrix twice the size."""
    turned, size = adjoint(xp, A), A.shape[-1]
    top = xp.cat([turned, g], -1)
    bottom = xp.cat([turned * 0, turned], -1)
    return xp.linalg_matrix_exp(xp.cat([top, bottom], -2))[..., :size, size:]


@composite()
def matrix_exp(input: Tensor) -> Tensor:
    """Exponentials of square matrices, 1 + A + A²/2 + …: (*, n, n).

    Raises RuntimeError for matrices that aren't square, or not of float32, float64 or complex
    numbers.

    >>> import gradlab as gl
    >>> gl.matrix_exp(gl.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    array = array_of(input, "linalg_matrix_exp", "A")
    check_square("linalg.matrix_exp", array, floating=False)
    check_floating("linalg.matrix_exp", array, half=True)
    return linalg_matrix_exp(input)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ norms


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: arrays.dtype | None = None,
) -> Tensor:
    """Norms of all elements, or over the dimensions ``dim``, taken as one vector.

    ``ord`` may be any number, ``inf``, ``-inf``, or 0: how many aren't 0. At 0 the gradient is 0.
    Raises RuntimeError for integers.

    >>> import gradlab as gl
    >>> vector_norm(gl.tensor([3.0, -4.0])), vector_norm(gl.tensor([3.0, -4.0]), 1)
    (tensor(5.), tensor(7.))
    """
    array = array_of(x, "linalg_vector_norm", "x")
    if isinstance(ord, str):
        raise TypeError("linalg_vector_norm(): argument 'ord' (position 2) must be Number, not str")
    check_floating("linalg.vector_norm", array, half=True)
    dims = normal_dims(dim, array.ndim)
    if abs(ord) == math.inf and 0 in [array.shape[d] for d in dims]:
        where = "an empty tensor because the"
        if dim is not None and len(dims) < array.ndim:
            where = f"the dimension {dims[0]}because this dimension is empty and the"
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {float(ord)} norm on {where} operation does "
            "not have an identity"
        )
    return norm_over(x, float(ord), dims, keepdim, None if dtype is None else dtype.numpy)  # type: ignore[no-any-return]


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: arrays.dtype | None = None,
) -> Tensor:
    """Norms of matrices, whose rows and columns are the two dimensions ``dim``.

    ``ord``: "fro", the root of the sum of squares; "nuc", the sum of the singular values; 2 and -2,
    the largest and smallest of them; 1 and -1, the largest and smallest sum of a column's sizes;
    ``inf`` and ``-inf``, of a row's. Raises RuntimeError for another order, and for integers.

    >>> import gradlab as gl
    >>> matrix_norm(gl.tensor([[3.0, 0.0], [0.0, 4.0]])), matrix_norm(gl.eye(3), "nuc")
    (tensor(5.), tensor(3.))
    """
    name = "linalg.matrix_norm"
    array = array_of(A, "linalg_matrix_norm", "A")
    check_matrix(name, array)
    check_floating(name, array, half=True)
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dims))}")
    rows, columns = (normal_dims(one, array.ndim)[0] for one in dims)
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got ({dims[0]}, {dims[1]})")
    if isinstance(ord, str) and ord not in ("fro", "nuc"):
        raise RuntimeError(f"{name}: Order {ord} not supported. Pass 'fro', 'nuc' or a number.")
    if not isinstance(ord, str) and abs(ord) not in (1, 2, math.inf):
        raise RuntimeError(
            f"{name}: Order {ord:g} not supported. Pass 1, 2, inf, or their negatives."
        )
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim, dtype=dtype)
    matrices: Any = A if dtype is None else A.to(dtype)
    if ord in ("nuc", 2, -2):
        return _of_singular_values(matrices, ord, rows, columns, keepdim)  # type: ignore[no-any-return]
    assert not isinstance(ord, str)
    along, across = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums: Any = vector_norm(matrices, 1, (along,), keepdim)
    if not keepdim and along < across:
        across -= 1
    return _extreme(sums, across, keepdim, ord > 0)  # type: ignore[no-any-return]


def _extreme(values: Any, dim: int, keepdim: bool, largest: bool) -> Any:
    """The largest (or smallest) along a dimension; the largest of none is 0, as of norms."""
    if not largest:
        return values.amin(dim, keepdim)
    if not values._array.shape[dim]:
        return values.detach().sum(dim, keepdim=keepdim)
    return values.amax(dim, keepdim)


def _of_singular_values(A: Any, ord: float | str, rows: int, columns: int, keepdim: bool) -> Any:
    others = [dim for dim in range(A.ndim) if dim not in (rows, columns)]
    values: Any = svdvals(A.permute(*others, rows, columns))
    if ord == "nuc":
        norm = values.sum(-1, keepdim=keepdim)
    else:
        norm = _extreme(values, -1, keepdim, ord == 2)
    if not keepdim:
        return norm
    back = sorted(range(A.ndim), key=[*others, rows, columns].__getitem__)
    return norm.unsqueeze(-1).permute(back)


def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: arrays.dtype | None = None,
) -> Tensor:
    """Norms of vectors or matrices: ``vector_norm`` or ``matrix_norm``.

    Without ``ord``, the root of the sum of all squares. Else ``dim`` says which: one dimension for
    vectors, two for matrices; without it the tensor itself is a vector or a matrix. Raises
    RuntimeError where it is neither.

    >>> import gradlab as gl
    >>> norm(gl.tensor([[3.0, 0.0], [0.0, 4.0]]), 2), norm(gl.tensor([3.0, 4.0]), 2)
    (tensor(4.), tensor(5.))
    """
    array = array_of(A, "linalg_norm", "A")
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if ord is None:
        return vector_norm(A, 2, dims, keepdim, dtype=dtype)
    if isinstance(ord, str) and dims is not None:
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if dims is None and array.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{array.ndim}D."
        )
    if len(dims or array.shape) == 1 and not isinstance(ord, str):
        return vector_norm(A, ord, dims, keepdim, dtype=dtype)
    return matrix_norm(A, ord, dims or (-2, -1), keepdim, dtype=dtype)


# ------------------------------------------------------------------ condition and rank


def cond(A: Tensor, p: float | str | None = None) -> Tensor:
    """How much a matrix can enlarge relative errors: its norm times that of its inverse.

    ``p`` is the order of the norm, 2 by default: then the largest singular value over the smallest,
    also of matrices that aren't square. inf for singular matrices. Raises RuntimeError for another
    order than ``matrix_norm``'s.

    >>> import gradlab as gl
    >>> cond(gl.tensor([[4.0, 0.0], [0.0, 1.0]]))
    tensor(4.)
    """
    array = array_of(A, "linalg_cond", "A")
    if array.ndim < 2:
        raise RuntimeError(
            "linalg.cond: The input tensor must have at least 2 dimensions. "
            f"Its shape is {list(array.shape)}."
        )
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(
            f"linalg.cond got an invalid norm type: {p}. Pass 'fro', 'nuc' or a number."
        )
    if p in (None, 2, -2):
        return _spread(A, p == -2)
    check_square(f"linalg.cond(ord={p})", array)
    if not array.size:
        return A.new_zeros(array.shape[:-2])  # type: ignore[no-any-return]
    if p == "nuc":
        values: Any = svdvals(A)
        return values.sum(-1) * svdvals(A).reciprocal().sum(-1)  # type: ignore[no-any-return]
    inverse: Any = linalg_inv(A, False)
    xp = arrays.array_module(array)
    singular = Tensor._wrap(xp.isnan(inverse._array).any((-2, -1), keepdims=True))
    inverse = inverse.masked_fill(singular, math.inf)
    product: Any = matrix_norm(A, p or "fro")
    product = product * matrix_norm(inverse, p or "fro")
    return product.nan_to_num(math.inf, math.inf, -math.inf)  # type: ignore[no-any-return]


def _spread(A: Tensor, inverted: bool) -> Tensor:
    if not A._array.size:
        return A.new_zeros(A._array.shape[:-2])  # type: ignore[no-any-return]
    values: Any = svdvals(A)
    size = values.shape[-1]
    largest, smallest = values.narrow(-1, 0, 1), values.narrow(-1, size - 1, 1)
    ratio = smallest / largest if inverted else largest / smallest
    return ratio.squeeze(-1)  # type: ignore[no-any-return]


@by_numbers
def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """How many singular values of matrices aren't 0: (*, m, n) give (*), of int64.

    Those up to ``max(atol, rtol * the largest)`` count as 0, as in ``pinv``; ``tol`` is an older
    name of ``atol``. Raises RuntimeError for anything but matrices of floats.

    >>> import gradlab as gl
    >>> matrix_rank(gl.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    array = array_of(A, "linalg_matrix_rank")
    check_matrix("torch.linalg.matrix_rank", array, "input")
    check_floating("linalg.matrix_rank" if hermitian else "linalg.svd", array)
    xp = arrays.array_module(array)
    if not array.size:
        return Tensor._wrap(xp.zeros(array.shape[:-2], numpy.int64))
    if tol is not None:
        atol, rtol = tol, 0.0
    if hermitian:
        check_square("linalg.matrix_rank", array)
        values = xp.abs(xp.linalg.eigvalsh(array))
    else:
        values = xp.linalg.svd(array, compute_uv=False)
    least = tolerance(xp, array, values, plain_number(atol), plain_number(rtol))
    return Tensor._wrap(xp.asarray(xp.add.reduce(values > least, -1, numpy.int64)))


# ------------------------------------------------------------------ powers of a vector


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Powers 0 to N - 1 of each element: (*, n) give (*, n, N); N is n unless given.

    Raises RuntimeError where N is under 2.

    >>> import gradlab as gl
    >>> vander(gl.tensor([2.0, 3.0]), N=3)
    tensor([[1., 2., 4.],
            [1., 3., 9.]])
    """
    array = array_of(x, "linalg_vander", "x")
    if array.dtype.kind == "b" or array.dtype.itemsize == 2:
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got "
            f"{x.dtype.type_name}"
        )
    shape = array.shape or (1,)  # a number is a vector of one
    N = shape[-1] if N is None else N
    if N <= 1:
        raise RuntimeError(f"N must be greater than 1. It is {N}.")
    column: Any = (x if x.ndim else x.unsqueeze(0)).unsqueeze(-1)
    powers = column.expand(*shape, N - 1).cumprod(-1)
    ones = Tensor._wrap(arrays.array_module(array).ones((*shape, 1), array.dtype))
    return cat([ones, powers], -1)  # type: ignore[no-any-return]
