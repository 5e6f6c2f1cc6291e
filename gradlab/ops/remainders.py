"""What division leaves of singles, by way of doubles: NumPy's own functions take 15 ns an element.

A quotient of two singles below 2**28 is never rounded across a whole number in float64, and that
many times the divisor, 28 bits times 24, is exact. So is what is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy

from gradlab.arrays import Array, Namespace
from gradlab.ops.choosing import picked

_MANY = 2048  # elements, from which on ten calls on all of them are quicker
_EXACT = 2.0**28


def truncated_rest(xp: Namespace, input: Array, other: Array) -> Array:
    """What whole times ``other``, rounded towards zero, leave: C's ``fmod``."""
    rest = _rest(xp, input, other, numpy.trunc)
    return xp.fmod(input, other) if rest is None else rest


def floored_rest(xp: Namespace, input: Array, other: Array) -> Array:
    """What whole times ``other``, rounded down, leave: of its sign, or a 0 with that of ``input``.

    NumPy's ``remainder`` takes twice as long as ``fmod``, and gives 0 the sign of the divisor.
    """
    rest = _rest(xp, input, other, numpy.floor)
    if rest is None:
        rest = xp.fmod(input, other)
        rest = picked(xp, (rest != 0) & ((rest < 0) != (other < 0)), rest + other, rest)
    return rest


def _rest(xp: Namespace, input: Array, other: Array, rounded: Callable[..., Array]) -> Array | None:
    """The rest, exactly; None for other dtypes and few elements, and where a quotient is large."""
    if xp is not numpy or input.dtype != numpy.float32 or input.size < _MANY:
        return None
    rest, divisor = input.astype(numpy.float64), other.astype(numpy.float64)
    with numpy.errstate(all="ignore"):
        whole = rest / divisor
    if not (whole.min() > -_EXACT and whole.max() < _EXACT):  # a NaN is neither
        return None
    rounded(whole, whole)
    with numpy.errstate(all="ignore"):
        whole *= divisor
    if not math.isfinite(numpy.add.reduce(whole, None)):  # none of something infinite
        return None
    found: Array = numpy.subtract(rest, whole, whole).astype(numpy.float32)
    nothing = found == 0
    if nothing.any():
        found = picked(xp, nothing, input * numpy.float32(0), found)
    return found
