"""Triangular factors: A = PLU, and equations solved with them.

P exchanges rows, so that no step divides by a small number. LAPACK and PyTorch keep L and U in one
matrix and P as a list of exchanges, its rows counted from 1.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy

from gradlab import arrays, return_types
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.matrices import (
    adjoint,
    batch_element,
    check_fits,
    check_floating,
    check_matrix,
    check_same_dtype,
    check_square,
    common_batch,
    conjugate,
    stretched,
    substituted,
    without_history,
)
from gradlab.ops.shape import array_of
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ the factors


def factorized(xp: Namespace, matrices: Array) -> tuple[Array, Array, Array]:
    """Both triangles in one matrix, the rows exchanged at each step (from 1), and where U is 0.

    LAPACK factorizes one matrix after the other; CuPy's batches are done on the CPU as well.
    """
    lapack = importlib.import_module("scipy.linalg.lapack")
    source = arrays.move(matrices, "cpu")
    batch, size = source.shape[:-2], min(source.shape[-2:])
    lu = numpy.empty_like(source)
    pivots, info = numpy.empty((*batch, size), numpy.int32), numpy.zeros(batch, numpy.int32)
    if source.size:
        (factorize,) = lapack.get_lapack_funcs(("getrf",), (source,))
        for place in numpy.ndindex(*batch):
            lu[place], pivots[place], info[place] = factorize(source[place])
    return xp.asarray(lu), xp.asarray(pivots + 1), xp.asarray(info)


@op(latex=r"P", public=False, method=False)
def pivot_matrix(xp: Namespace, input: Array, LU: Array) -> Array:
    """The permutation that undoes the exchanges which a factorization's pivots ``input`` tell."""
    return _permutation(xp, input, LU)


def _permutation(xp: Namespace, pivots: Array, lu: Array) -> Array:
    rows, batch = lu.shape[-2], pivots.shape[:-1]
    order = xp.broadcast_to(xp.arange(rows), (*batch, rows)).copy()
    for step in range(pivots.shape[-1]):
        other = pivots[..., step : step + 1].astype(numpy.int64) - 1
        there = xp.take_along_axis(order, other, -1)
        xp.put_along_axis(order, other, order[..., step : step + 1].copy(), -1)
        order[..., step : step + 1] = there
    return xp.eye(rows, dtype=lu.dtype)[order].swapaxes(-2, -1)


def _lu_gradient(xp: Any, P: Any, L: Any, U: Any, gL: Any, gU: Any) -> Any:
    """The gradient of A = PLU. What is beyond the square parts of L and U is moved into them."""
    rows, columns = L.shape[-2], U.shape[-1]
    size = min(rows, columns)
    upper, lower = U[..., :size], L[..., :size, :]
    right = below = None
    in_lower = 0 if gL is None else gL[..., :size, :]
    in_upper = 0 if gU is None else gU[..., :size]
    if columns > size and gU is not None:
        right = _raised(xp, lower, gU[..., size:])
        in_lower = in_lower - right @ adjoint(xp, U[..., size:])
    if rows > size and gL is not None:
        below = xp.linalg_solve_triangular(adjoint(xp, upper), gL[..., size:, :], False, False)
        in_upper = in_upper - adjoint(xp, L[..., size:, :]) @ below
    inner: Any = 0
    if type(in_lower) is not int:
        inner = inner + xp.tril(adjoint(xp, lower) @ in_lower, -1)
    if type(in_upper) is not int:
        inner = inner + xp.triu(in_upper @ adjoint(xp, upper))
    square = xp.linalg_solve_triangular(adjoint(xp, upper), inner, False, False)
    whole = _raised(xp, lower, square)
    if columns > size:
        whole = xp.cat([whole, U[..., size:] * 0 if right is None else right], -1)
    if rows > size:
        whole = xp.cat([whole, L[..., size:, :] * 0 if below is None else below], -2)
    return P @ whole


def _raised(xp: Any, lower: Any, x: Any) -> Any:
    """What L, with ones on its diagonal, turned and inverted makes of ``x``."""
    return xp.linalg_solve_triangular(adjoint(xp, lower), x, True, True, True)


def _lower(xp: Any, lu: Any, eye: Any) -> Any:
    return xp.tril(lu[..., : eye.shape[-1]], -1) + eye


def _upper(xp: Any, lu: Any) -> Any:
    return xp.triu(lu[..., : min(lu.shape[-2:]), :])


def _eye(xp: Namespace, lu: Array) -> Array:
    return xp.eye(lu.shape[-2], min(lu.shape[-2:]), dtype=lu.dtype)


_LU_LATEX = (
    r"P \, L^{-\mathsf T} (\mathrm{tril}(L^{\mathsf T} \bar L) + "
    r"\mathrm{triu}(\bar U U^{\mathsf T})) \, U^{-\mathsf T}"
)


@op(
    latex=r"A = P L U",
    grad=dict(A=(lambda arrived, xp, P, L, U: _lu_gradient(xp, P, L, U, *arrived[1:]), _LU_LATEX)),
    outputs=("P", "L", "U"),
    holomorphic=False,
    public=False,
    method=False,
)
def linalg_lu(xp: Namespace, A: Array, pivot: bool = True) -> tuple[Array, Array, Array]:
    """A permutation and two triangular factors."""
    lu, pivots, _ = factorized(xp, A)
    return _permutation(xp, pivots, lu), _lower(xp, lu, _eye(xp, lu)), _upper(xp, lu)


def lu_of_linalg(A: Tensor, *, pivot: bool = True) -> Any:
    """Factors of A = PLU: a permutation, a lower and an upper triangular matrix.

    (*, m, n) give (*, m, m), (*, m, k) and (*, k, n), k = min(m, n). L has ones on its diagonal.
    Raises RuntimeError for ``pivot=False``, which only GPUs can do.

    >>> import gradlab as gl
    >>> gl.linalg.lu(gl.tensor([[1.0, 2.0], [2.0, 2.0]])).U
    tensor([[2., 2.],
            [0., 1.]])
    """
    _check_lu("linalg.lu", A, pivot)
    P, L, U = linalg_lu(A, pivot)
    return return_types.linalg_lu(without_history(P), L, U)


def _check_lu(name: str, A: Tensor, pivot: bool) -> None:
    array = array_of(A, name.replace(".", "_"), "A")
    if array.ndim < 2:
        raise RuntimeError(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(array.shape)} "
            "instead"
        )
    if array.dtype not in arrays.DIFFERENTIABLE or array.dtype.itemsize == 2:
        raise NotImplementedError(
            f"\"lu_cpu\" not implemented for '{A.dtype.type_name}'. Convert it with .float()."
        )
    if not pivot:
        raise RuntimeError(
            "linalg.lu_factor: LU without pivoting is not implemented on the CPU. "
            "Leave pivot=False away."
        )


@op(
    latex=r"A = P L U",
    grad=dict(
        A=(
            lambda arrived, xp, LU, pivots: _lu_factor_gradient(xp, arrived[0], LU, pivots),
            _LU_LATEX,
        )
    ),
    outputs=("LU", "pivots", "info"),
    node="LinalgLuFactorExBackward0",
    saved=dict(pivot=lambda: True),
    holomorphic=False,
    public=False,
    method=False,
    samples=(call(draw(3, 3)), call(draw(4, 2)), call(draw(2, 4)), call(draw(2, 2, 2))),
)
def linalg_lu_factor(xp: Namespace, A: Array) -> tuple[Array, Array, Array]:
    """Both triangular factors in one matrix, the pivots, and where U has a 0."""
    return factorized(xp, A)


def _lu_factor_gradient(xp: Any, g: Any, LU: Any, pivots: Any) -> Any:
    size = min(LU.shape[-2:])
    lower = _lower(xp, LU, xp.identity_like(LU[..., :size]))
    P = xp.pivot_matrix(pivots, LU)
    return _lu_gradient(xp, P, lower, _upper(xp, LU), g[..., :size], g[..., :size, :])


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """Both triangular factors of A = PLU in one matrix, and the pivots, counted from 1.

    (*, m, n) give (*, m, n) and (*, k), k = min(m, n); L's ones are left away. For
    ``linalg.lu_solve``. Raises RuntimeError where U has a 0 on its diagonal.

    >>> import gradlab as gl
    >>> lu_factor(gl.tensor([[1.0, 2.0], [2.0, 2.0]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    _check_lu("torch.lu_factor", A, pivot)
    factors, pivots, info = linalg_lu_factor(A)
    failed = arrays.move(info._array, "cpu").reshape(-1)
    if failed.any():
        index = int((failed != 0).argmax())
        raise RuntimeError(
            f"torch.linalg.lu_factor: {batch_element(index, A._array)}U[{failed[index]},"
            f"{failed[index]}] is zero and using it on lu_solve would result in a division by "
            "zero. If you still want to perform the factorization, consider calling "
            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )
    return return_types.linalg_lu_factor(factors, pivots)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """As ``lu_factor``, and for each matrix 0 or where U has a 0 on its diagonal, from 1.

    Raises RuntimeError for it only with ``check_errors``.

    >>> import gradlab as gl
    >>> lu_factor_ex(gl.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    _check_lu("torch.lu_factor", A, pivot)
    if check_errors:
        lu_factor(A)
    return return_types.linalg_lu_factor_ex(*linalg_lu_factor(A))


@op(
    latex=r"L, U",
    grad=dict(
        LU=(
            lambda arrived, xp, LU: _unpack_gradient(xp, arrived, LU),
            r"\mathrm{tril}(\bar L) + \mathrm{triu}(\bar U)",
        )
    ),
    outputs=("L", "U"),
    holomorphic=False,
    public=False,
    method=False,
    node="LuUnpackBackward0",
)
def lu_factors(xp: Namespace, LU: Array) -> tuple[Array, Array]:
    """The two factors out of one matrix."""
    return _lower(xp, LU, _eye(xp, LU)), _upper(xp, LU)


def _unpack_gradient(xp: Any, arrived: Any, LU: Any) -> Any:
    gL, gU = arrived
    size = min(LU.shape[-2:])
    whole = LU * 0
    if gL is not None:
        rest = LU[..., size:] * 0
        whole = whole + xp.cat([xp.tril(gL, -1), rest], -1)
    if gU is not None:
        whole = whole + xp.cat([xp.triu(gU), LU[..., size:, :] * 0], -2)
    return whole


@composite(method=False)
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """The factors P, L and U out of what ``linalg.lu_factor`` returns.

    ``unpack_data=False`` leaves L and U empty, ``unpack_pivots=False`` P. Raises RuntimeError for
    pivots that aren't int32.

    >>> import gradlab as gl
    >>> gl.lu_unpack(*gl.linalg.lu_factor(gl.tensor([[1.0, 2.0], [2.0, 2.0]]))).U
    tensor([[2., 2.],
            [0., 1.]])
    """
    _check_pivots("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
                  "dtype", array_of(LU_pivots, "lu_unpack", "LU_pivots"))  # fmt: skip
    empty: Any = LU_data.new_empty(0)
    P = pivot_matrix(LU_pivots, LU_data) if unpack_pivots else empty
    L, U = lu_factors(LU_data) if unpack_data else (empty, empty)
    return return_types.lu_unpack(P, L, U)


def _check_pivots(sentence: str, pivots: Array) -> None:
    if pivots.dtype != numpy.int32:
        raise RuntimeError(f"{sentence}. These are {arrays.dtype_of(pivots)}.")


@composite(method=True)
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple[Tensor, ...]:
    """Both triangular factors in one matrix, and pivots; ``linalg.lu_factor`` is newer.

    >>> import gradlab as gl
    >>> gl.tensor([[1.0, 2.0], [2.0, 2.0]]).lu()[1]
    tensor([2, 2], dtype=torch.int32)
    """
    _check_lu("torch.lu_factor", A, pivot)
    found: tuple[Tensor, ...] = linalg_lu_factor(A)
    return found if get_infos else found[:2]


@op(
    latex=r"(P L U)^{-1} B",
    grad=dict(
        LU=(
            lambda g, xp, LU, pivots, out, left, adjoint: _lu_solve_gradient(
                xp, g, LU, pivots, out, left, adjoint
            ),
            r"-\mathrm{lu}'((P L U)^{-\mathsf T} g \; out^{\mathsf T})",
        ),
        B=(
            lambda g, xp, LU, pivots, left, adjoint: xp.linalg_lu_solve(
                LU, pivots, g, left, not adjoint
            ),
            r"(P L U)^{-\mathsf T} g",
        ),
    ),
    holomorphic=False,
    public=False,
    method=False,
)
def linalg_lu_solve(
    xp: Namespace,
    LU: Array,
    pivots: Array,
    B: Array,
    left: bool = True,
    adjoint: bool = False,
) -> Array:
    """Solutions of equations whose matrix is factorized already."""
    if not left:
        turned = _lu_solved(xp, LU, pivots, conjugate(B), not adjoint)
        return conjugate(turned)
    return _lu_solved(xp, LU, pivots, B, adjoint)


def _lu_solved(xp: Namespace, LU: Array, pivots: Array, B: Array, turned: bool) -> Array:
    """X of AX = B, or with ``turned`` of A'X = B."""
    P = _permutation(xp, pivots, LU)
    lu, other = stretched(LU, B)
    if not turned:
        half = substituted(xp, lu, conjugate(P) @ other, False, True)
        return substituted(xp, lu, half, True, False)
    raised = conjugate(lu)
    half = substituted(xp, raised, other, False, False)
    return P @ substituted(xp, raised, half, True, True)


def _lu_solve_gradient(
    xp: Any, g: Any, LU: Any, pivots: Any, out: Any, left: bool, turned: bool
) -> Any:
    """First the gradient of the whole matrix, as ``solve`` has it, then those of its factors."""
    moved = xp.linalg_lu_solve(LU, pivots, g, left, not turned)
    one, two = (moved, out) if left != turned else (out, moved)
    of_whole = -(one @ adjoint(xp, two)) if left else -(adjoint(xp, one) @ two)
    inner = adjoint(xp, xp.pivot_matrix(pivots, LU)) @ of_whole
    lower, upper = _lower(xp, LU, xp.identity_like(LU)), xp.triu(LU)
    return xp.tril(inner @ adjoint(xp, upper), -1) + xp.triu(adjoint(xp, lower) @ inner)


def lu_solve_of_linalg(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """Solutions X of AX = B, A being factorized: (*, n, n), (*, n) and (*, n, k) give (*, n, k).

    ``LU`` and ``pivots`` are from ``lu_factor``. ``left=False`` solves XA = B; with ``adjoint`` A
    is conjugated and transposed. Batches broadcast.

    >>> import gradlab as gl
    >>> lu, pivots = gl.linalg.lu_factor(gl.tensor([[2.0, 0.0], [0.0, 4.0]]))
    >>> gl.linalg.lu_solve(lu, pivots, gl.tensor([[2.0], [2.0]]))
    tensor([[1.0000],
            [0.5000]])
    """
    name = "linalg.lu_solve"
    matrix, other = array_of(LU, "linalg_lu_solve", "LU"), array_of(B, "linalg_lu_solve", "B")
    places = array_of(pivots, "linalg_lu_solve", "pivots")
    check_floating(name, matrix)
    check_same_dtype(name, matrix, other, ("A", "B"))
    _check_pivots(f"{name}: pivots should be a Tensor of scalar type torch.int32", places)
    check_square(name, matrix, "LU")
    check_matrix(name, other, "B")
    check_fits(name, matrix, other, left)
    common_batch(matrix.shape[:-2], other.shape[:-2])
    return linalg_lu_solve(LU, pivots, B, left, adjoint)  # type: ignore[no-any-return]


@composite()
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """Solutions X of AX = b, A being factorized; ``linalg.lu_solve`` is newer.

    >>> import gradlab as gl
    >>> gl.lu_solve(gl.tensor([[2.0]]), *gl.linalg.lu_factor(gl.tensor([[4.0]])))
    tensor([[0.5000]])
    """
    return lu_solve_of_linalg(LU_data, LU_pivots, b)
