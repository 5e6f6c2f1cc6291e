"""What all of linear algebra needs: how matrices are checked, and what goes wrong with them.

Formulas that work on arrays and on tensors alike share their small parts here. They are written
for complex matrices with conjugate transposes, which for real ones are plain transposes, and so
hold as they stand: their operations say ``holomorphic=False``.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.tensor import Tensor


class LinAlgError(RuntimeError):
    """Raised where a matrix has no inverse or factorization, or an algorithm didn't converge.

    >>> issubclass(LinAlgError, RuntimeError)
    True
    """

    __module__ = "gradlab.linalg"


# ------------------------------------------------------------------ checks


def check_square(name: str, array: Array, letter: str = "A", floating: bool = True) -> None:
    """Raise RuntimeError for anything but square matrices, and those not of floats."""
    check_matrix(name, array, letter)
    rows, columns = array.shape[-2:]
    if rows != columns:
        raise RuntimeError(
            f"{name}: {letter} must be batches of square matrices, but they are {rows} by "
            f"{columns} matrices"
        )
    if floating:
        check_floating(name, array)


def check_matrix(name: str, array: Array, letter: str = "A") -> None:
    """Raise RuntimeError for what has fewer than two dimensions."""
    if array.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor {letter} must have at least 2 dimensions. "
            f"Its shape is {list(array.shape)}."
        )


def check_floating(name: str, array: Array, half: bool = False) -> None:
    """Raise RuntimeError for integers, which have no inverse, and for halves unless allowed."""
    kind = arrays.dtype_of(array).type_name
    if array.dtype not in arrays.DIFFERENTIABLE:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {kind}. "
            "Convert it, with .float() for example."
        )
    if array.dtype.itemsize == 2 and not half:
        raise RuntimeError(
            f"{name}: Low precision dtypes not supported. Got {kind}. Convert it with .float()."
        )


def check_same_dtype(name: str, one: Array, two: Array, names: tuple[str, str]) -> None:
    """Raise RuntimeError where two tensors that an equation joins differ in dtype."""
    if one.dtype != two.dtype:
        kinds = [arrays.dtype_of(array).type_name for array in (one, two)]
        raise RuntimeError(
            f"{name}: Expected {names[0]} and {names[1]} to have the same dtype, but found "
            f"{names[0]} of type {kinds[0]} and {names[1]} of type {kinds[1]} instead. Convert one "
            "with .to()."
        )


def check_fits(name: str, matrix: Array, other: Array, left: bool = True) -> None:
    """Raise RuntimeError where the matrices of AX = B (or XA = B) can't be multiplied."""
    if matrix.shape[-2] != other.shape[-2 if left else -1]:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({by(matrix)} and {by(other)})"
        )


def by(array: Array) -> str:
    """The size of an array's matrices: ``2x3``."""
    return "x".join(map(str, array.shape[-2:]))


def stretched(array: Array, other: Array) -> tuple[Array, Array]:
    """Two arrays of matrices with the batches in front broadcast to one shape."""
    if array.shape[:-2] == other.shape[:-2]:
        return array, other
    xp = arrays.array_module(array)
    batch = common_batch(array.shape[:-2], other.shape[:-2])
    return (
        xp.broadcast_to(array, batch + array.shape[-2:]),
        xp.broadcast_to(other, batch + other.shape[-2:]),
    )


def common_batch(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int, ...]:
    """The shape two batches broadcast to; PyTorch's RuntimeError where they don't."""
    try:
        return numpy.broadcast_shapes(one, two)
    except ValueError:
        last = max(len(one), len(two)) - 1
        pairs = zip(reversed(one), reversed(two), strict=False)
        back, a, b = next((i, a, b) for i, (a, b) in enumerate(pairs) if a != b and 1 not in (a, b))
        raise RuntimeError(
            f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton "
            f"dimension {last - back} (batches of shape {list(one)} and {list(two)})"
        ) from None


def batch_element(index: int, array: Array) -> str:
    """The clause that says which matrix of several it was."""
    return f"(Batch element {index}): " if array.ndim > 2 else ""


def loudly(xp: Namespace) -> Any:
    """A context in which failures raise: NumPy's always do, CuPy's only where asked to."""
    if xp is numpy:
        return contextlib.nullcontext()
    return importlib.import_module("cupyx").errstate(linalg="raise")


def first_singular(array: Array) -> tuple[int, int] | None:
    """Which of several square matrices is singular, and at which pivot, counted from 1."""
    lapack = importlib.import_module("scipy.linalg.lapack")
    size = array.shape[-1]
    for index, matrix in enumerate(arrays.move(array, "cpu").reshape(-1, size, size)):
        (factorize,) = lapack.get_lapack_funcs(("getrf",), (matrix,))
        failed = int(factorize(matrix)[2])
        if failed > 0:
            return index, failed
    return None


def substituted(xp: Namespace, A: Array, B: Array, upper: bool, ones: bool) -> Array:
    """X of AX = B, one row after the other for all of a batch; a 0 to divide by gives inf or nan.

    A single matrix of NumPy's goes to LAPACK, unless it is singular, which is an error there.
    """
    size = A.shape[-1]
    if A.ndim == 2 and xp is numpy and B.size and (ones or A.diagonal().all()):
        solver = importlib.import_module("scipy.linalg").solve_triangular
        return solver(A, B, lower=not upper, unit_diagonal=ones, check_finite=False)
    X = B.copy()
    for i in reversed(range(size)) if upper else range(size):
        known = slice(i + 1, size) if upper else slice(0, i)
        X[..., i, :] -= (A[..., i : i + 1, known] @ X[..., known, :])[..., 0, :]
        if not ones:
            X[..., i, :] /= A[..., i, i, None]
    return X


# ------------------------------------------------------------------ parts of formulas


def is_complex(x: Any) -> bool:
    """Whether an array or tensor holds complex numbers."""
    kind: str = getattr(x, "_array", x).dtype.kind
    return kind == "c"


def adjoint(xp: Any, x: Any) -> Any:
    """The conjugate transposes of matrices, in a formula."""
    turned = xp.transpose(x, -2, -1)
    return xp.conj(turned) if is_complex(x) else turned


def conjugate(x: Array) -> Array:
    """The conjugate transposes of matrices, in a forward."""
    turned = x.swapaxes(-2, -1)
    return turned.conj() if x.dtype.kind == "c" else turned


def column(xp: Any, x: Any) -> Any:
    """Each element of vectors as a row of its own: it scales the rows of a matrix."""
    return xp.unsqueeze(x, -1)


def row(xp: Any, x: Any) -> Any:
    """Each element of vectors as a column of its own: it scales the columns of a matrix."""
    return xp.unsqueeze(x, -2)


def off_diagonal(xp: Any, x: Any) -> Any:
    """Matrices with zeros on their diagonals."""
    return xp.tril(x, -1) + xp.triu(x, 1)


def without_history(tensor: Tensor) -> Tensor:
    """A result that is no function one could differentiate, such as a permutation."""
    return Tensor._wrap(tensor._array)


@op(latex=r"I", public=False, method=False, samples=())
def identity_like(xp: Namespace, input: Array) -> Array:
    """One matrix of the size and dtype of those given, with ones on its diagonal."""
    return xp.eye(*input.shape[-2:], dtype=input.dtype)
