"""Determinants, inverses, and linear equations.

All take batches: of tensors with more than two dimensions the last two are the matrices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy

from gradlab import arrays, return_types
from gradlab.arrays import Array, Namespace
from gradlab.op import OPS, composite, op
from gradlab.ops.choosing import _where as where
from gradlab.ops.matrices import (
    LinAlgError,
    adjoint,
    batch_element,
    check_fits,
    check_floating,
    check_matrix,
    check_same_dtype,
    check_square,
    column,
    common_batch,
    conjugate,
    first_singular,
    is_complex,
    loudly,
    row,
    stretched,
    substituted,
)
from gradlab.ops.shape import array_of, reshape
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ determinants


def _factor(which: int) -> Any:
    """What PyTorch keeps of a matrix: the triangular factors in one, or the pivots."""
    return lambda A: OPS["linalg_lu_factor"].function(A.detach())[which]


_FACTORS = dict(LU=_factor(0), pivots=_factor(1))


@op(
    latex=r"\det A",
    grad=dict(
        A=(
            lambda g, xp, A, out: column(xp, column(xp, g)) * xp.cofactors(A),
            r"g \, \det(A) \, A^{-\mathsf T}",
        )
    ),
    saved=_FACTORS,
    public=False,
    method=False,
    samples=(call(draw(3, 3)), call(draw(2, 2, 2)), call(draw(1, 1)), call(draw(0, 2, 2))),
)
def linalg_det(xp: Namespace, A: Array) -> Array:
    """Determinants of square matrices."""
    return xp.linalg.det(A)


@op(
    latex=r"\mathrm{cof} \, A",
    grad=dict(A=(lambda g, xp, A: xp.cofactors_backward(g, A), r"\mathrm{cof}'(A) \, g")),
    public=False,
    method=False,
    samples=(call(draw(3, 3)), call(draw(2, 2, 2))),
)
def cofactors(xp: Namespace, A: Array) -> Array:
    """What multiplies each element in the determinant; it exists for singular matrices too."""
    det = xp.linalg.det(A)
    if (xp.abs(det) >= _NEARLY_SINGULAR * xp.finfo(A.dtype).eps).all():
        return det[..., None, None] * xp.linalg.inv(A).swapaxes(-2, -1)
    u, s, vh, sign = _turned(xp, A)
    others = _products_of_others(xp, s, 1)
    return sign * ((u * others[..., None, :]) @ vh).conj()


_NEARLY_SINGULAR = 100  # determinants under so many roundings: the inverse has no good digits


def _turned(xp: Namespace, matrices: Array) -> tuple[Array, Array, Array, Array]:
    """Singular vectors and values, and the factor that turning by them costs the determinant."""
    u, s, vh = xp.linalg.svd(matrices, full_matrices=True)
    sign = (xp.linalg.det(u) * xp.linalg.det(vh))[..., None, None]
    return u, s, vh, sign


def _products_of_others(xp: Namespace, values: Array, left_out: int) -> Array:
    """For each value (or each pair of them) the product of all others, zeros among them or not."""
    size = values.shape[-1]
    eye = xp.eye(size, dtype=bool)
    out = eye if left_out == 1 else eye[:, None, :] | eye[None, :, :]
    spread = values.reshape(values.shape[:-1] + (1,) * left_out + (size,))
    return xp.prod(xp.where(out, values.dtype.type(1), spread), -1)


@op(
    latex=r"\mathrm{cof}'(A) \, input",
    grad=dict(
        input=(lambda g, xp, A: xp.cofactors_backward(g, A), r"\mathrm{cof}'(A) \, g"),
        A=(lambda g, xp, input, A: _third(xp, g, input, A), r"\mathrm{cof}''(A) \, input \, g"),
    ),
    public=False,
    method=False,
    samples=(call(draw(3, 3), draw(3, 3)), call(draw(2, 2, 2), draw(2, 2, 2))),
)
def cofactors_backward(xp: Namespace, input: Array, A: Array) -> Array:
    """The second derivative of the determinant in a direction ``input``.

    In the directions of the singular vectors it is made of products of all but two singular values.
    """
    u, s, vh, sign = _turned(xp, A)
    direction = u.conj().swapaxes(-2, -1) @ input @ vh.conj().swapaxes(-2, -1)
    others = _products_of_others(xp, s, 2) * ~xp.eye(s.shape[-1], dtype=bool)
    on_diagonal = (others @ direction.diagonal(0, -2, -1)[..., None])[..., 0]
    slope = -others * direction.swapaxes(-2, -1)
    slope += on_diagonal[..., None] * xp.eye(s.shape[-1], dtype=s.dtype)
    return sign * (u.conj() @ slope @ vh.conj())


def _third(xp: Any, g: Any, direction: Any, A: Any) -> Any:
    """The third derivative of the determinant, in two directions, where there is an inverse."""
    turned = xp.transpose(xp.linalg_inv(A), -2, -1)
    one, two = xp.transpose(direction, -2, -1) @ turned, xp.transpose(g, -2, -1) @ turned
    p, q = _trace(xp, one), _trace(xp, two)
    both = _trace(xp, two @ one)
    inner = (p * q - both) * xp.identity_like(A) - q * one - p * two + one @ two + two @ one
    return column(xp, column(xp, xp.linalg_det(A))) * (turned @ inner)


def _trace(xp: Any, x: Any) -> Any:
    return column(xp, column(xp, xp.sum_dim(xp.diagonal(x, 0, -2, -1), (-1,))))


@composite("det")
def _det(input: Tensor) -> Tensor:
    """Determinants of square matrices; see ``linalg.det``.

    >>> import gradlab as gl
    >>> gl.eye(2).det()
    tensor(1.)
    """
    return det(input)


def det(A: Tensor) -> Tensor:
    """Determinants of square matrices: (*, n, n) give (*).

    The gradient is right for singular matrices too. Raises RuntimeError for matrices that aren't
    square, or not of float32, float64 or complex numbers.

    >>> import gradlab as gl
    >>> det(gl.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    check_square("linalg.det", array_of(A, "linalg_det", "A"))
    return linalg_det(A)  # type: ignore[no-any-return]


@op(
    latex=r"\log |\det A|",
    grad=dict(
        A=(
            lambda arrived, xp, A, sign: _slogdet_gradient(xp, arrived, A, sign),
            r"g \, A^{-\mathsf T}",
        )
    ),
    saved=_FACTORS,
    outputs=("sign", "logabsdet"),
    holomorphic=False,
    public=False,
    method=False,
    samples=(call(draw(3, 3)), call(draw(2, 2, 2))),
)
def linalg_slogdet(xp: Namespace, A: Array) -> tuple[Array, Array]:
    """Signs and logarithms of determinants."""
    sign, size = xp.linalg.slogdet(A)
    return sign, size


def _slogdet_gradient(xp: Any, arrived: Any, A: Any, sign: Any) -> Any:
    g_sign, g = arrived
    slope = 0 if g is None else g
    if is_complex(A) and g_sign is not None:  # a complex sign turns as the matrix does
        slope = slope + xp.conj(sign) * g_sign - (xp.conj(sign) * g_sign).real
    elif g is None:
        return A * 0
    return column(xp, column(xp, slope)) * adjoint(xp, xp.linalg_inv(A, False))


@composite("slogdet")
def _slogdet(input: Tensor) -> Any:
    """Signs and logarithms of the sizes of determinants; see ``linalg.slogdet``.

    >>> import gradlab as gl
    >>> gl.eye(2).slogdet().sign
    tensor(1.)
    """
    return slogdet(input)


def slogdet(A: Tensor) -> Any:
    """Signs and logarithms of the sizes of determinants: (*, n, n) give (*) and (*).

    For large matrices, whose determinant is out of any float's range. Raises as ``det``.

    >>> import gradlab as gl
    >>> slogdet(gl.tensor([[1.0, 2.0], [3.0, 4.0]]))
    torch.return_types.linalg_slogdet(
    sign=tensor(-1.),
    logabsdet=tensor(0.6931))
    """
    check_square("linalg.slogdet", array_of(A, "linalg_slogdet", "A"))
    return return_types.linalg_slogdet(*linalg_slogdet(A))


@composite()
def logdet(input: Tensor) -> Tensor:
    """Logarithms of determinants: (*, n, n) give (*); nan for negative ones, -inf for zero.

    >>> import gradlab as gl
    >>> gl.logdet(gl.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor(1.7918)
    """
    check_square("logdet", array_of(input, "logdet"))
    sign, size = linalg_slogdet(input)
    if sign.is_complex():
        return sign.log() + size  # type: ignore[no-any-return]
    return where(sign == -1.0, math.nan, size)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ inverses


@op(
    latex=r"A^{-1}",
    grad=dict(
        A=(
            lambda g, xp, out: -(adjoint(xp, out) @ g @ adjoint(xp, out)),
            r"-out^{\mathsf T} g \; out^{\mathsf T}",
        )
    ),
    saved=dict(inverse="out", result=None),
    node="LinalgInvExBackward0",
    holomorphic=False,
    public=False,
    method=False,
    samples=(call(draw(3, 3)), call(draw(2, 2, 2)), call(draw(0, 0)), call(draw(2, 1, 1))),
)
def linalg_inv(xp: Namespace, A: Array, check_errors: bool = True) -> Array:
    """Inverses of square matrices; of singular ones nan where that is no error."""
    try:
        with loudly(xp):
            return xp.linalg.inv(A)
    except numpy.linalg.LinAlgError:
        if check_errors:
            raise no_inverse("linalg.inv", A) from None
    return _one_by_one(xp, xp.linalg.inv, A, A)


def no_inverse(name: str, array: Array) -> LinAlgError:
    """PyTorch's error for matrices of which one is singular."""
    index, pivot = first_singular(array) or (0, 1)
    return LinAlgError(
        f"{name}: {batch_element(index, array)}The diagonal element {pivot} is zero, the inversion "
        "could not be completed because the input matrix is singular."
    )


def _one_by_one(xp: Namespace, function: Any, like: Array, *operands: Array) -> Array:
    """A function of single matrices applied to each of a batch; nan where it fails."""
    result = xp.full(like.shape, xp.nan, like.dtype)
    batch = like.shape[:-2]
    for place in numpy.ndindex(*batch):
        try:
            with loudly(xp):
                result[place] = function(*(operand[place] for operand in operands))
        except numpy.linalg.LinAlgError:
            continue
    return result


def _info(xp: Namespace, matrices: Array) -> Array:
    """For each square matrix the pivot at which it is singular, counted from 1, or 0."""
    batch, size = matrices.shape[:-2], matrices.shape[-1]
    found = numpy.zeros(batch, numpy.int32)
    for place in numpy.ndindex(*batch):
        singular = first_singular(matrices[place]) if size else None
        found[place] = singular[1] if singular else 0
    return xp.asarray(found)


def _info_of(result: Tensor, input: Tensor) -> Tensor:
    """The ``info`` beside a result: zeros at once where all went well."""
    xp, array = arrays.array_module(input._array), input._array
    if xp.isfinite(result._array).all():
        return Tensor._wrap(xp.zeros(array.shape[:-2], xp.int32))
    return Tensor._wrap(_info(xp, array))


@composite()
def inverse(input: Tensor) -> Tensor:
    """Inverses of square matrices; see ``linalg.inv``.

    >>> import gradlab as gl
    >>> gl.inverse(gl.eye(2) * 2)
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    return inv(input)


def inv(A: Tensor) -> Tensor:
    """Inverses of square matrices: (*, n, n) give (*, n, n).

    To solve equations, ``linalg.solve`` is faster and rounds less. Raises LinAlgError for singular
    matrices, RuntimeError for those that aren't square, or not of float32, float64 or complex
    numbers.

    >>> import gradlab as gl
    >>> inv(gl.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    check_square("linalg.inv", array_of(A, "linalg_inv", "A"))
    return linalg_inv(A)  # type: ignore[no-any-return]


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """Inverses, and for each matrix 0 or the pivot at which it turned out to be singular.

    The inverse of a singular matrix is nan. Raises LinAlgError only with ``check_errors``.

    >>> import gradlab as gl
    >>> inv_ex(gl.tensor([[2.0, 0.0], [0.0, 0.0]])).info
    tensor(2, dtype=torch.int32)
    """
    check_square("linalg.inv_ex", array_of(A, "linalg_inv_ex", "A"))
    result = linalg_inv(A, False)
    info = _info_of(result, A)
    if check_errors and info.any():
        raise no_inverse("linalg.inv_ex", A._array)
    return return_types.linalg_inv_ex(result, info)


# ------------------------------------------------------------------ linear equations


@op(
    latex=r"A^{-1} B",
    grad=dict(
        A=(
            lambda g, xp, A, B_shape, out, left: _solve_gradient(xp, g, A, B_shape, out, left),
            r"-A^{-\mathsf T} g \; out^{\mathsf T}",
        ),
        B=(
            lambda g, xp, A, B_shape, left: _solved(xp, A, B_shape, g, left),
            r"A^{-\mathsf T} g",
        ),
    ),
    saved=dict(**_FACTORS, B_sym_sizes=None),
    node="LinalgSolveExBackward0",
    holomorphic=False,
    public=False,
    method=False,
    samples=(
        call(draw(3, 3), draw(3, 2)),
        call(draw(3, 3), draw(3)),
        call(draw(3, 3), draw(2, 3), False),
        call(draw(2, 2, 2), draw(2, 2)),
        call(draw(2, 2), draw(3, 2, 1)),
        call(draw(0, 0), draw(0, 2)),
    ),
)
def linalg_solve(
    xp: Namespace, A: Array, B: Array, left: bool = True, check_errors: bool = True
) -> Array:
    """Solutions X of AX = B, or of XA = B."""
    vectors = _is_vectors(A.shape, B.shape)
    if not left:
        A, B = A.swapaxes(-2, -1), B.swapaxes(-2, -1)
    one, two = stretched(A, B[..., None] if vectors else B)
    try:
        with loudly(xp):
            result = xp.linalg.solve(one, two)
    except numpy.linalg.LinAlgError:
        if check_errors:
            raise no_solution(one) from None
        result = _one_by_one(xp, xp.linalg.solve, two, one, two)
    if vectors:
        return result[..., 0]
    return result if left else result.swapaxes(-2, -1)


def _is_vectors(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether ``other`` is one vector for each matrix, and not matrices."""
    return len(other) == 1 or (len(other) == len(shape) - 1 and other == shape[:-1])


def _solved(xp: Any, A: Any, shape: tuple[int, ...], g: Any, left: bool) -> Any:
    """The gradient of ``B``, which has this shape and which the engine adds up over batches."""
    if not _is_vectors(A.shape, shape):
        return xp.linalg_solve(adjoint(xp, A), g, left)
    return xp.linalg_solve(adjoint(xp, A), column(xp, g), True)[..., 0]


def _solve_gradient(xp: Any, g: Any, A: Any, shape: tuple[int, ...], out: Any, left: bool) -> Any:
    moved = _solved(xp, A, shape, g, left)
    if _is_vectors(A.shape, shape):
        return -(column(xp, moved) * row(xp, xp.conj(out) if is_complex(out) else out))
    return -(moved @ adjoint(xp, out)) if left else -(adjoint(xp, out) @ moved)


def no_solution(array: Array) -> LinAlgError:
    """PyTorch's error for equations with a singular matrix."""
    index, _ = first_singular(array) or (0, 1)
    return LinAlgError(
        f"torch.linalg.solve: {batch_element(index, array)}The solver failed because the input "
        "matrix is singular."
    )


def _check_equation(name: str, A: Tensor, B: Tensor, left: bool) -> None:
    """Raise PyTorch's errors for what is no equation."""
    matrix, other = array_of(A, "linalg_solve", "A"), array_of(B, "linalg_solve", "B", 2)
    check_square(name, matrix)
    check_same_dtype(name, matrix, other, ("A", "B"))
    if _is_vectors(matrix.shape, other.shape):
        if not left:
            raise RuntimeError(
                f"{name}: Vector broadcasting of the left hand side is not supported for "
                "left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)"
            )
        other = B.unsqueeze(-1)._array
    check_matrix(name, other, "B")
    check_fits(name, matrix, other, left)
    common_batch(other.shape[:-2], matrix.shape[:-2])


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Solutions X of AX = B: (*, n, n) and (*, n, k), or vectors (*, n), give X like ``B``.

    With ``left=False``, of XA = B. Batches broadcast. Raises LinAlgError for singular matrices,
    RuntimeError for shapes and dtypes that make no equation.

    >>> import gradlab as gl
    >>> solve(gl.tensor([[2.0, 0.0], [0.0, 4.0]]), gl.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    _check_equation("linalg.solve", A, B, left)
    return linalg_solve(A, B, left)  # type: ignore[no-any-return]


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """As ``solve``, and for each matrix 0 or the pivot at which it turned out to be singular.

    The solution is nan there. Raises LinAlgError only with ``check_errors``.

    >>> import gradlab as gl
    >>> solve_ex(gl.zeros(2, 2), gl.ones(2)).info
    tensor(1, dtype=torch.int32)
    """
    _check_equation("linalg.solve_ex", A, B, left)
    result = linalg_solve(A, B, left, check_errors)
    return return_types.linalg_solve_ex(result, _info_of(result, A))


# ------------------------------------------------------------------ triangular matrices


@op(
    latex=r"A^{-1} B",
    grad=dict(
        input=(
            lambda g, xp, input, out, left, upper, unitriangular: _triangle_gradient(
                xp, g, input, out, left, upper, unitriangular
            ),
            r"-input^{-\mathsf T} g \; out^{\mathsf T}",
        ),
        B=(
            lambda g, xp, input, left, upper, unitriangular: xp.linalg_solve_triangular(
                adjoint(xp, input), g, not upper, left, unitriangular
            ),
            r"input^{-\mathsf T} g",
        ),
    ),
    holomorphic=False,
    public=False,
    method=False,
    samples=(
        call(draw(3, 3, low=1.0), draw(3, 2), True),
        call(draw(3, 3, low=1.0), draw(3, 2), False),
        call(draw(3, 3, low=1.0), draw(2, 3), True, False),
        call(draw(3, 3), draw(2, 3), False, False, True),
        call(draw(2, 1, 2, 2, low=1.0), draw(3, 2, 2), True),
        call(draw(0, 0), draw(0, 2), True),
    ),
)
def linalg_solve_triangular(
    xp: Namespace,
    input: Array,
    B: Array,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Array:
    """Solutions X of AX = B, or of XA = B, of whose A one triangle is read."""
    if left:
        return substituted(xp, *stretched(input, B), upper, unitriangular)
    one, two = stretched(input.swapaxes(-2, -1), B.swapaxes(-2, -1))
    return substituted(xp, one, two, not upper, unitriangular).swapaxes(-2, -1)


def _triangle_gradient(
    xp: Any, g: Any, A: Any, out: Any, left: bool, upper: bool, ones: bool
) -> Any:
    moved = xp.linalg_solve_triangular(adjoint(xp, A), g, not upper, left, ones)
    whole = -(moved @ adjoint(xp, out)) if left else -(adjoint(xp, out) @ moved)
    return xp.triu(whole, int(ones)) if upper else xp.tril(whole, -int(ones))


def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Solutions X of AX = B for triangular A: (*, n, n) and (*, n, k) give (*, n, k).

    Only the ``upper`` or else the lower triangle of ``input`` is read, and with ``unitriangular``
    ones instead of its diagonal. ``left=False`` solves XA = B. Batches broadcast. A singular
    matrix is no error: the solution is inf or nan.

    >>> import gradlab as gl
    >>> solve_triangular(gl.tensor([[2.0, 1.0], [0.0, 4.0]]), gl.tensor([[3.0], [4.0]]), upper=True)
    tensor([[1.],
            [1.]])
    """
    name = "linalg.solve_triangular"
    matrix = array_of(input, "linalg_solve_triangular")
    other = array_of(B, "linalg_solve_triangular", "B", 2)
    check_same_dtype(name, matrix, other, ("A", "B"))
    check_square(name, matrix)
    check_matrix(name, other, "B")
    check_fits(name, matrix, other, left)
    common_batch(matrix.shape[:-2], other.shape[:-2])
    return linalg_solve_triangular(input, B, upper, left, unitriangular)  # type: ignore[no-any-return]


@composite("triangular_solve")
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """Solutions X of AX = b for triangular A, and a copy of A; an old ``solve_triangular``.

    >>> import gradlab as gl
    >>> gl.triangular_solve(gl.tensor([[3.0], [4.0]]), gl.tensor([[2.0, 1.0], [0.0, 4.0]])).solution
    tensor([[1.],
            [1.]])
    """
    other, matrix = array_of(b, "triangular_solve", "b"), array_of(A, "triangular_solve", "A")
    for name, array in (("b", other), ("A", matrix)):
        if array.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it "
                f"has {array.ndim} dimensions instead"
            )
    _check_sizes("triangular_solve", other, matrix)
    turned: Any = A.mT if transpose else A
    solution = linalg_solve_triangular(turned, b, upper != transpose, True, unitriangular)
    return return_types.triangular_solve(solution, A.clone())


def _check_sizes(name: str, other: Array, matrix: Array) -> None:
    if matrix.shape[-1] != matrix.shape[-2]:
        raise RuntimeError(
            f"A must be batches of square matrices, but they are {matrix.shape[-2]} by "
            f"{matrix.shape[-1]} matrices"
        )
    if matrix.shape[-1] != other.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {matrix.shape[-1]} by "
            f"{matrix.shape[-1]} but each b matrix is {' by '.join(map(str, other.shape[-2:]))}"
        )


# ------------------------------------------------------------------ Cholesky factors


@op(
    latex=r"(L L^{\mathsf T})^{-1} input",
    grad=dict(
        input=(
            lambda g, xp, input2, upper: xp.cholesky_solve(g, input2, upper),
            r"(L L^{\mathsf T})^{-1} g",
        ),
        input2=(
            lambda g, xp, input2, out, upper: _factor_gradient(
                xp, xp.cholesky_solve(g, input2, upper) @ adjoint(xp, out), input2, upper
            ),
            r"-(M + M^{\mathsf T}) L, \; M = (L L^{\mathsf T})^{-1} g \, out^{\mathsf T}",
        ),
    ),
    holomorphic=False,
    public=False,
    method=False,
)
def cholesky_solve(xp: Namespace, input: Array, input2: Array, upper: bool = False) -> Array:
    """Solutions X of LL'X = B: the Cholesky factor of a matrix is known."""
    matrix, other = stretched(input2, input)
    lower, raised = (conjugate(matrix), matrix) if upper else (matrix, conjugate(matrix))
    half = substituted(xp, lower, other, False, False)
    return substituted(xp, raised, half, True, False)


def _factor_gradient(xp: Any, common: Any, factor: Any, upper: bool) -> Any:
    """The gradient of a Cholesky factor, from that of the matrix, ``-common``.

    Only one triangle is read, and only there it isn't 0. PyTorch's formula fills the other too.
    """
    both = common + adjoint(xp, common)
    return xp.triu(-(xp.triu(factor) @ both)) if upper else xp.tril(-(both @ xp.tril(factor)))


@composite("cholesky_solve")
def _cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """Solutions X of AX = B, where ``L`` is the Cholesky factor of A: (*, n, k) and (*, n, n).

    ``upper`` says that the factor is upper triangular. Batches broadcast.

    >>> import gradlab as gl
    >>> gl.cholesky_solve(gl.tensor([[4.0]]), gl.tensor([[2.0]]))
    tensor([[1.]])
    """
    other, matrix = array_of(B, "cholesky_solve", "B"), array_of(L, "cholesky_solve", "L")
    for name, array in (("b", other), ("u", matrix)):
        if array.ndim < 2:
            raise RuntimeError(
                f"{name} should have at least 2 dimensions, but has {array.ndim} dimensions instead"
            )
    _check_sizes("cholesky_solve", other, matrix)
    return cholesky_solve(B, L, upper)  # type: ignore[no-any-return]


@op(
    latex=r"(L L^{\mathsf T})^{-1}",
    grad=dict(
        input=(
            lambda g, xp, input, out, upper: _factor_gradient(xp, out @ g @ out, input, upper),
            r"-out \, (g + g^{\mathsf T}) \, out \, input",
        ),
    ),
    holomorphic=False,
    public=False,
    method=False,
)
def cholesky_inverse(xp: Namespace, input: Array, upper: bool = False) -> Array:
    """Inverses of matrices whose Cholesky factors are known."""
    if not input.diagonal(0, -2, -1).all():
        raise no_inverse("cholesky_inverse", xp.triu(input) if upper else xp.tril(input))
    lower = conjugate(input) if upper else input
    eye = xp.broadcast_to(xp.eye(input.shape[-1], dtype=input.dtype), input.shape)
    half = substituted(xp, lower, eye, False, False)
    return conjugate(half) @ half


@composite("cholesky_inverse")
def _cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """Inverses of the matrices of which ``L`` are the Cholesky factors: (*, n, n).

    Raises LinAlgError for a factor with a 0 on the diagonal.

    >>> import gradlab as gl
    >>> gl.cholesky_inverse(gl.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    check_square("cholesky_inverse", array_of(L, "cholesky_inverse", "L"))
    return cholesky_inverse(L, upper)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ least squares


@op(
    latex=r"input^{+}",
    grad=dict(
        input=(
            lambda g, xp, input, out: pinv_gradient(xp, g, input, out),
            r"-out^{\mathsf T} g \; out^{\mathsf T} + \ldots",
        )
    ),
    holomorphic=False,
    public=False,
    method=False,
    samples=(call(draw(3, 2)), call(draw(2, 3)), call(draw(2, 2, 2)), call(draw(0, 2))),
)
def linalg_pinv(
    xp: Namespace, input: Array, atol: Any = None, rtol: Any = None, hermitian: bool = False
) -> Array:
    """Pseudo-inverses: what is closest to an inverse."""
    if not input.size:
        return xp.zeros((*input.shape[:-2], input.shape[-1], input.shape[-2]), input.dtype)
    if hermitian:
        values, vectors = xp.linalg.eigh(input)
        left, right = vectors, conjugate(vectors)
    else:
        u, values, vh = xp.linalg.svd(input, full_matrices=False)
        left, right = conjugate(vh), conjugate(u)
    sizes = xp.abs(values)
    kept = sizes > tolerance(xp, input, sizes, atol, rtol)
    upside_down = xp.where(kept, 1 / xp.where(kept, values, 1), 0).astype(values.dtype)
    return (left * upside_down[..., None, :]) @ right


def tolerance(xp: Namespace, matrices: Array, values: Array, atol: Any, rtol: Any) -> Array:
    """Below which size a singular value counts as 0."""
    if rtol is None:
        eps = xp.finfo(matrices.dtype).eps
        none_given = eps * max(matrices.shape[-2:])
        rtol = none_given if atol is None else xp.where(xp.asarray(atol) > 0, 0.0, none_given)
    largest = xp.max(values, -1, keepdims=True)
    relative = xp.asarray(rtol)[..., None] * largest
    return relative if atol is None else xp.maximum(xp.asarray(atol)[..., None], relative)


def pinv_gradient(xp: Any, g: Any, A: Any, out: Any) -> Any:
    """The gradient of a matrix from that of its pseudo-inverse ``out``."""
    back, turned = adjoint(xp, out), adjoint(xp, g)
    whole = -(back @ g @ back)
    outside = turned @ out @ back
    inside = back @ out @ turned
    return whole + outside - A @ (out @ outside) + inside - (inside @ out) @ A


def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """Pseudo-inverses: (*, m, n) give (*, n, m).

    Singular values under ``max(atol, rtol * the largest)`` count as 0; by default ``rtol`` is
    max(m, n) roundings, or 0 where ``atol`` is given. ``rcond`` is an older name of ``rtol``.
    ``hermitian=True`` promises that the matrices equal their conjugate transposes. Raises
    RuntimeError for anything but matrices of float32, float64 or complex numbers.

    >>> import gradlab as gl
    >>> pinv(gl.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    array = array_of(A, "linalg_pinv", "input")
    if array.ndim < 2 or array.dtype not in arrays.DIFFERENTIABLE or array.dtype.itemsize == 2:
        shape = ", ".join(map(str, array.shape))
        raise RuntimeError(
            f"linalg.pinv({A.dtype.type_name}{{[{shape}]}}): expected a tensor with 2 or more "
            "dimensions of float, double, cfloat or cdouble types"
        )
    if hermitian:
        check_square("linalg.pinv", array)
    rtol = rcond if rtol is None else rtol
    return linalg_pinv(A, plain_number(atol), plain_number(rtol), hermitian)  # type: ignore[no-any-return]


def plain_number(value: Any) -> Any:
    """A tolerance as a number or an array."""
    return value._array if isinstance(value, Tensor) else value


@composite("pinverse")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Pseudo-inverses, as ``linalg.pinv`` with ``rtol=rcond``.

    >>> import gradlab as gl
    >>> gl.pinverse(gl.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return pinv(input, rtol=rcond)


@op(
    latex=r"input^{+} b",
    grad=dict(
        input=(
            lambda arrived, xp, input, b: _lstsq_gradients(xp, arrived, input, b)[0],
            r"\mathrm{pinv}'(input) \, g \, b^{\mathsf T}",
        ),
        b=(
            lambda arrived, xp, input, b: _lstsq_gradients(xp, arrived, input, b)[1],
            r"(input^{+})^{\mathsf T} g",
        ),
    ),
    outputs=("solution", "residuals", "rank", "singular_values"),
    holomorphic=False,
    public=False,
    method=False,
)
def linalg_lstsq(
    xp: Namespace, input: Array, b: Array, rcond: float | None = None, driver: str = "gelsy"
) -> tuple[Array, Array, Array, Array]:
    """Least-squares solutions of AX = B, the smallest where there are many."""
    vectors = _is_vectors(input.shape, b.shape)
    b = b[..., None] if vectors else b
    u, s, vh = xp.linalg.svd(input, full_matrices=False)
    rows, columns = input.shape[-2:]
    relative = xp.finfo(s.dtype).eps * max(rows, columns) if rcond is None else rcond
    kept = s > relative * s[..., :1] if driver != "gels" else xp.ones(s.shape, bool)
    upside_down = xp.where(kept, 1 / xp.where(kept, s, 1), 0).astype(s.dtype)
    solution = conjugate(vh) @ (upside_down[..., None] * (conjugate(u) @ b))
    rank = xp.add.reduce(kept, -1, xp.int64)
    residuals = xp.zeros((0,), s.dtype)
    if rows > columns and driver != "gelsy" and (driver == "gels" or (rank == columns).all()):
        residuals = xp.add.reduce(xp.abs(b - input @ solution) ** 2, -2)
    return solution[..., 0] if vectors else solution, residuals, rank, s


def _lstsq_gradients(xp: Any, arrived: Any, A: Any, b: Any) -> tuple[Any, Any]:
    """Gradients of both sides, from those of the solution and of the residuals."""
    g, g_residuals = arrived[:2]
    vectors = _is_vectors(A.shape, b.shape)
    if vectors:
        b, g = column(xp, b), None if g is None else column(xp, g)
    of_A, of_b = A * 0, b * 0
    if g is not None:
        inverse_ = xp.linalg_pinv(A)
        of_A = pinv_gradient(xp, g @ adjoint(xp, b), A, inverse_)
        of_b = adjoint(xp, inverse_) @ g
    if g_residuals is not None and 0 not in g_residuals.shape:
        inverse_ = xp.linalg_pinv(A)
        rest = A @ (inverse_ @ b) - b
        slope = 2 * row(xp, g_residuals) * rest
        of_A = of_A + slope @ adjoint(xp, inverse_ @ b)
        of_b = of_b - slope
    return of_A, of_b[..., 0] if vectors else of_b


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """Least-squares solutions X of AX = B: (*, m, n) and (*, m, k), or (*, m), give X.

    A tuple of the solution (the smallest where many are as good), the squared residuals (where m >
    n, all ranks are full and the driver isn't "gelsy", the default), the ranks (not for the driver
    "gels"), and the singular values ("gelsd" and "gelss"); what isn't known is empty.

    >>> import gradlab as gl
    >>> lstsq(gl.tensor([[1.0], [1.0]]), gl.tensor([[1.0], [3.0]])).solution
    tensor([[2.0000]])
    """
    name = "torch.linalg.lstsq"
    matrix, other = array_of(A, "linalg_lstsq"), array_of(B, "linalg_lstsq", "b", 2)
    driver = _check_lstsq(name, matrix, other, driver)
    size = -1 if other.ndim == 1 or matrix.ndim - 1 == other.ndim else -2
    if matrix.shape[-2] != other.shape[size]:
        raise RuntimeError(
            f"{name}: input.size(-2) should match other.size({size}) "
            f"(the shapes are {list(matrix.shape)} and {list(other.shape)})"
        )
    if not _is_vectors(matrix.shape, other.shape):
        common_batch(matrix.shape[:-2], other.shape[:-2])
    solution, residuals, rank, values = linalg_lstsq(A, B, rcond, driver)
    empty = arrays.array_module(matrix).zeros
    return return_types.linalg_lstsq(
        solution,
        residuals,
        Tensor._wrap(empty((0,), arrays.INT64)) if driver == "gels" else rank,
        Tensor._wrap(
            values._array if driver in ("gelsd", "gelss") else empty((0,), values._array.dtype)
        ),
    )


def _check_lstsq(name: str, matrix: Array, other: Array, driver: str | None) -> str:
    if matrix.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if other.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if matrix.dtype != other.dtype:
        kinds = [arrays.dtype_of(array).type_name for array in (matrix, other)]
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype "
            f"{kinds[0]} and other's dtype {kinds[1]}. Convert one with .to()."
        )
    if driver is not None and driver not in _DRIVERS:
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of ({', '.join(_DRIVERS)}), not {driver!r}"
        )
    check_floating("linalg.lstsq", matrix)
    return driver or "gelsy"


# ------------------------------------------------------------------ tensors as matrices


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of a tensor seen as a matrix, whose rows are its first ``ind`` dimensions.

    Raises RuntimeError where that matrix isn't square, LinAlgError where it is singular.

    >>> import gradlab as gl
    >>> tensorinv(gl.eye(4).reshape(2, 2, 4)).shape
    torch.Size([4, 2, 2])
    """
    shape = array_of(A, "linalg_tensorinv").shape
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    if ind > len(shape):
        raise RuntimeError(
            f"ArrayRef: invalid slice, N = {ind}; size = {len(shape)}: ind counts dimensions"
        )
    rows, columns = math.prod(shape[:ind]), math.prod(shape[ind:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    inverted = inv(reshape(A, (rows, columns)))
    return reshape(inverted, (*shape[ind:], *shape[:ind]))  # type: ignore[no-any-return]


def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """X such that the last dimensions of ``A``, multiplied by X, give ``B``.

    ``dims`` are moved to the end of ``A`` first. Raises RuntimeError where ``A``, seen as a matrix
    with a row for each element of ``B``, isn't square.

    >>> import gradlab as gl
    >>> tensorsolve(gl.eye(4).reshape(2, 2, 4) * 2, gl.ones(2, 2))
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    matrix, other = array_of(A, "linalg_tensorsolve"), array_of(B, "linalg_tensorsolve", "other", 2)
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(-len(dims), 0)))
    rest = A._array.shape[other.ndim :]
    size = math.prod(rest)
    if size != other.size or matrix.size != size * size:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {size} != "
            f"{math.prod(A._array.shape[: other.ndim])}"
        )
    solution = solve(reshape(A, (size, size)), B.flatten())
    return reshape(solution, rest)  # type: ignore[no-any-return]
