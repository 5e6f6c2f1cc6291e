"""Samples: what a trace keeps of a large array besides its first elements and statistics.

An image of at most 256 of its elements, evenly spread, and a histogram of at most 1,024. Looking
at all of them would take milliseconds for each gradient of a training step; this takes 60 µs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Sample", "sample_of"]

_PIXELS, _SIDE, _WIDTH = 256, 16, 32  # of an image; more than 16 columns only where rows are few
_LOOKED_AT = 1024  # elements that the histogram counts
_BINS = 16
_LEVELS = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8
)
_MIDDLE = 30  # the level of zero; 0 to 60 are numbers, then come these
_NAN, _INF, _MINUS_INF = 61, 62, 63

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """Some elements of a large array.

    `levels` has a letter of base64's alphabet for each pixel: (level - 30) / 30 of `scale`, the
    size of the largest number among them; the last three letters are NaN, inf and -inf. `bins`
    counts the finite elements looked at, by sixteenths of the way from `low` to `high`.
    """

    rows: int
    columns: int
    levels: str
    scale: float
    low: float
    high: float
    bins: tuple[int, ...]


def sample_of(array: Array) -> Sample | None:
    """The sample of an array that is not empty; None where its elements are no real numbers.

    >>> sample_of(np.eye(4)).levels
    '8eeee8eeee8eeee8'
    >>> sample_of(np.arange(64.0)).bins
    (4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4)
    """
    if array.dtype.kind not in "fiub" or not array.size:
        return None
    length = array.shape[-1] if array.ndim else 1
    lines = array.size // length
    rows = min(lines, _SIDE)
    columns = min(length, _PIXELS // rows, _WIDTH if rows > 1 else 2 * _WIDTH)
    places = (np.arange(rows) * lines // rows)[:, None] * length
    image = _at(array, (places + np.arange(columns) * length // columns).ravel())
    finite = np.isfinite(image)
    scale = float(np.max(np.abs(image), where=finite, initial=0))
    with np.errstate(all="ignore"):
        levels = np.rint(image / (scale or 1.0) * _MIDDLE) + _MIDDLE
    levels[np.isnan(image)] = _NAN
    levels[image == math.inf] = _INF
    levels[image == -math.inf] = _MINUS_INF
    text = _LEVELS[levels.astype(np.uint8)].tobytes().decode()
    return Sample(rows, columns, text, _short(scale), *_histogram(array, length))


def _at(array: Array, places: np.ndarray[Any, np.dtype[np.int64]]) -> Array:
    """Elements by their place in row-major order, as float64; nothing else is copied."""
    if array.flags.c_contiguous:
        found: Array = array.reshape(-1)[places]
    else:
        found = array[np.unravel_index(places, array.shape)]
    return found.astype(np.float64)


def _histogram(array: Array, length: int) -> tuple[float, float, tuple[int, ...]]:
    """The range of some elements, and how many lie in each part of it."""
    stride = max(1, array.size // _LOOKED_AT)
    while math.gcd(stride, length) > 1:  # else some columns would never be looked at
        stride += 1
    seen = _at(array, np.arange(0, array.size, stride))
    seen = seen[np.isfinite(seen)]
    if not seen.size:
        return 0.0, 0.0, ()
    low, high = float(seen.min()), float(seen.max())
    scaled = seen / (max(abs(low), abs(high)) or 1.0)  # what follows would overflow, or round to 0
    from_low = scaled - scaled.min()
    part = (from_low / (from_low.max() or 1.0) * _BINS).astype(np.intp)
    counts = np.bincount(np.minimum(part, _BINS - 1), minlength=_BINS)
    return _short(low), _short(high), tuple(counts.tolist())


def _short(x: float) -> float:
    return float(f"{x:.5g}")
