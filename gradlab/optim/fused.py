"""Fused: a formula of elementwise steps, which a GPU runs as one kernel for each parameter.

On the CPU the steps are NumPy's calls, in memory that is still in the processor's cache from the
call before. On a GPU each call would be a kernel of its own, launched by itself and going through
all memory by itself; there CuPy follows the formula once, writes one kernel of all its steps, and
keeps it for each choice and each combination of dtypes.

So that one text serves both, a formula

- takes a choice of what is computed, which makes a kernel of its own; arrays of one shape, some of
  which it changes in place; and numbers. None instead of an array or number leaves out what it is
  for;
- computes element by element, with operators and functions of NumPy's and CuPy's, and returns
  nothing;
- computes nothing from numbers alone: the GPU would do it for each element, in double precision;
- is given ``spare``, the room it computes in, which is None where a kernel needs none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy

from gradlab import arrays

Formula = Callable[..., None]


def suited(formula: Formula, array: Any) -> Formula:
    """The formula itself for NumPy's arrays, one kernel of all its steps for CuPy's.

    >>> def descend(maximize, array, gradient, lr):
    ...     array -= -lr * gradient if maximize else lr * gradient
    >>> array = numpy.ones(2)
    >>> suited(descend, array)(False, array, numpy.ones(2), 0.25)
    >>> array
    array([0.75, 0.75])
    """
    return formula if isinstance(array, numpy.ndarray) else _as_one_kernel(formula)


@functools.cache
def _as_one_kernel(formula: Formula) -> Formula:
    name = f"gradlab_{formula.__module__.rpartition('.')[2]}"
    kernels: dict[Any, Any] = {}

    def run(choice: Any, array: Any, *operands: Any) -> None:
        xp = arrays.array_module(array)
        kernel = kernels.get((xp, choice))
        if kernel is None:
            fuse = xp.fuse(kernel_name=name)
            kernel = kernels[xp, choice] = fuse(functools.partial(formula, choice))
        # A Python float would be one in double precision to CuPy 13, and the kernel slow.
        number = numpy.finfo(array.dtype).dtype.type
        kernel(array, *(number(one) if isinstance(one, Real) else one for one in operands))

    return run


def spare_like(array: Any) -> Any:
    """Room for NumPy to compute in; None on a GPU, where a kernel has registers."""
    return numpy.empty_like(array) if isinstance(array, numpy.ndarray) else None


def add_scaled(array: Any, number: float, other: Any) -> None:
    """Add ``number * other`` to ``array``, in place; also a step of a formula.

    On the CPU BLAS does it in one pass over memory and rounds once, as PyTorch does: 100,000
    numbers in single precision take 11 µs, NumPy's two passes 23 µs.

    >>> array = numpy.ones(2)
    >>> add_scaled(array, -0.5, numpy.array([1.0, 2.0]))
    >>> array
    array([0.5, 0. ])
    """
    if isinstance(array, numpy.ndarray) and _lie_alike(array, other):
        _axpy(array.dtype.char)(other.reshape(-1), array.reshape(-1), a=number)
    else:
        array += number * other


def _lie_alike(array: Any, other: Any) -> bool:
    """Whether BLAS takes both for vectors of one kind."""
    return bool(
        array.dtype.char in "fd"
        and other.dtype is array.dtype
        and array.size
        and array.flags.c_contiguous
        and other.flags.c_contiguous
    )


@functools.cache
def _axpy(kind: str) -> Callable[..., Any]:
    from scipy.linalg import blas  # 60 ms, not for everybody

    return blas.saxpy if kind == "f" else blas.daxpy  # type: ignore[no-any-return]
