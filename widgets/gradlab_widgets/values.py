"""A value: what a trace keeps of one array, its first elements and honest statistics.

Nothing in here knows a library. Arrays never enter a trace: a `Value` is text and numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["PREVIEW", "Number", "Value", "number", "preview"]

PREVIEW = 64  # elements of an array that a trace shows; the rest is statistics

Number = int | float | str


def number(x: object) -> Number:
    """Return one element as JSON can hold it: NaN, infinities, complex and bool become text.

    float32 and float16 keep the digits they have, instead of the longer ones of their float64.

    >>> number(np.float32(0.1)), number(float("-inf")), number(1 + 2j), number(2**60)
    (0.1, '-inf', '1+2j', '1152921504606846976')
    """
    if isinstance(x, (float, np.floating)):
        decimal = x if type(x) is float else float(str(x))
        return decimal if math.isfinite(decimal) else str(decimal)
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (int, np.integer)):
        whole = int(x)
        return whole if abs(whole) <= 2**53 else str(whole)  # JavaScript's exact integers end here
    if isinstance(x, (complex, np.complexfloating)):
        return f"{x.real:.9g}{x.imag:+.9g}j"
    return str(x)


@dataclass(frozen=True, slots=True)
class Value:
    """What a trace keeps of one array: shape, dtype, its first elements, and statistics.

    `min`, `max`, `mean` and `norm` are over the elements that are not NaN, in float64, so that a
    float16 array does not overflow in them; they are None where they say nothing: for an empty
    array, for bools, and the order of complex numbers. `nan` and `inf` count what they are named.
    """

    shape: tuple[int, ...]
    dtype: str
    data: tuple[Number, ...]
    size: int
    min: Number | None = None
    max: Number | None = None
    mean: Number | None = None
    norm: Number | None = None
    nan: int = 0
    inf: int = 0


def preview(array: np.ndarray[Any, Any], dtype: str | None = None, limit: int = PREVIEW) -> Value:
    """Return the `Value` of `array`; its statistics take one pass in blocks and no full copy.

    `dtype` names the library's dtype where NumPy has none of that name (bfloat16).

    >>> preview(np.array([1.0, np.nan, -3.0])).min
    -3.0
    >>> preview(np.zeros((0, 3))).mean is None
    True
    """
    name = dtype or array.dtype.name
    # flat[:k] copies k elements whatever the memory layout; reshape(-1) could copy them all
    head = array.flat[:limit] if array.ndim else array.reshape(1)[:limit]
    exact = head.tolist() if head.dtype.itemsize >= 8 and head.dtype.kind == "f" else head
    data = tuple(number(x) for x in exact)
    if array.size == 0 or array.dtype.kind not in "iufc":
        return Value(array.shape, name, data, array.size)
    return Value(array.shape, name, data, array.size, *_statistics(array))


Statistics = tuple[Number | None, Number | None, Number | None, Number | None, int, int]


def _statistics(array: np.ndarray[Any, Any]) -> Statistics:
    """min, max, mean, norm, NaN count and inf count of a numeric array that is not empty."""
    if array.dtype.kind == "c":
        return _complex_statistics(array)
    if array.size == 1:  # most values of a long scalar graph; six times faster than a pass
        x = array.item()
        if math.isfinite(x):
            element = array.flat[0]
            shown = number(element)
            size = number(abs(x) if array.dtype.kind in "iu" else abs(element))
            return shown, shown, shown, size, 0, 0
    nan, inf, low, high = 0, 0, math.inf, -math.inf
    total, squares = 0.0, 0.0
    with np.errstate(all="ignore"):  # inf - inf and overflow are answers here, not surprises
        for block in _blocks(array):
            low, high = min(low, float(np.fmin.reduce(block))), max(high, np.fmax.reduce(block))
            block_sum, block_squares = float(np.add.reduce(block)), float(np.dot(block, block))
            if not math.isfinite(block_squares):
                missing = np.isnan(block)
                nan += int(np.count_nonzero(missing))
                inf += int(np.count_nonzero(np.isinf(block)))
                block = block[~missing]
                block_sum, block_squares = float(np.add.reduce(block)), float(np.dot(block, block))
            total, squares = total + block_sum, squares + block_squares
    if nan == array.size:
        return "nan", "nan", "nan", "nan", nan, inf
    count = array.size - nan
    mean, norm = total / count, math.sqrt(squares)
    largest = max(abs(low), abs(high))
    if not inf and (not 1e-150 < largest < 1e150):
        mean, norm = _scaled(array, largest, count)
    return _bound(low, array), _bound(high, array), _round(mean), _round(norm), nan, inf


def _blocks(array: np.ndarray[Any, Any]) -> Iterable[np.ndarray[Any, np.dtype[np.float64]]]:
    """The elements as float64, a buffer at a time, in whatever order memory has them.

    Buffers stay below the 10,000 elements from which on BLAS would use threads for their dot
    product: on a busy machine these took a hundred times as long as the sum itself.
    """
    return np.nditer(  # type: ignore[return-value]
        array,
        flags=["external_loop", "buffered"],
        op_dtypes=[np.float64],
        casting="same_kind",
        buffersize=8192,
    )


def _scaled(array: np.ndarray[Any, Any], largest: float, count: int) -> tuple[float, float]:
    """Mean and norm of finite numbers so large or so small that their squares leave float64."""
    if largest == 0:
        return 0.0, 0.0
    total, squares = 0.0, 0.0
    for block in _blocks(array):
        small = block[~np.isnan(block)] / largest
        total, squares = total + float(small.sum()), squares + float(small @ small)
    return total / count * largest, math.sqrt(squares) * largest


def _bound(x: float, array: np.ndarray[Any, Any]) -> Number:
    """A minimum or maximum with the digits of its own dtype."""
    if array.dtype.kind in "iu":
        return number(int(x)) if abs(x) < 2**53 else number(float(x))
    return number(array.dtype.type(x)) if array.dtype.itemsize < 8 else number(float(x))


def _round(x: float) -> Number:
    """A mean or norm to ten digits: more would be noise of the summation order."""
    return number(float(f"{x:.10g}"))


def _complex_statistics(array: np.ndarray[Any, Any]) -> Statistics:
    """Complex numbers have no order, so no minimum or maximum; mean and norm are as usual."""
    missing = np.isnan(array)
    kept = array[~missing].astype(np.complex128)
    inf = int(np.count_nonzero(np.isinf(kept)))
    nan = array.size - kept.size
    if not kept.size:
        return None, None, "nan", "nan", nan, inf
    with np.errstate(all="ignore"):
        mean, norm = complex(kept.mean()), float(np.linalg.norm(kept))
    return None, None, number(mean), _round(norm), nan, inf
