"""Numbers of four digits, in three bytes each: what a reader takes in, where there are many.

A number is digits · 10^power. Its code counts 10,000 of digits for each power, with room for all
powers that float64 has; above these stand infinity and NaN, and the highest bit is the sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["BITS", "DIGITS", "coded", "decoded", "is_short", "shortened"]

DIGITS = 4
BITS = 24  # of a code

_EACH = 10**DIGITS  # codes for one power
_LEAST = -330  # power
_INFINITY, _NAN = 700 * _EACH, 700 * _EACH + 1
_SIGN = 1 << (BITS - 1)
_EXACT = 22  # powers of ten up to this one are float64s

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Truths = np.ndarray[Any, np.dtype[np.bool_]]


def shortened(x: Floats) -> Floats:
    """Numbers rounded to four digits.

    >>> shortened(np.array([3.14159, -2.71828e-200, 0.5]))
    array([ 3.142e+000, -2.718e-200,  5.000e-001])
    """
    short = decoded(coded(x))
    return np.where(np.isinf(short), x, short)  # of the largest of all, four digits are too many


def is_short(x: Floats) -> Truths:
    """Which numbers `coded` can hold with every digit."""
    truths: Truths = (decoded(coded(x)) == x) | np.isnan(x)
    return truths


@np.errstate(all="ignore")
def coded(x: Floats) -> Integers:
    """The codes of numbers, rounded to four digits."""
    size = np.abs(x)
    power = np.floor(np.log10(size)) - (DIGITS - 1)
    power = np.where(np.isfinite(power), power, 0).astype(np.int64)
    digits = _scaled(size, -power)
    codes: Integers = np.where(np.isfinite(digits), digits, 0).astype(np.int64)
    codes += (power - _LEAST) * _EACH
    carries = digits == _EACH  # 9.9999 becomes 10
    codes[carries] += _EACH // 10
    codes[np.isinf(x)], codes[np.isnan(x)] = _INFINITY, _NAN
    codes[np.signbit(x)] += _SIGN
    return codes


def decoded(codes: Integers) -> Floats:
    """The numbers that `coded` wrote."""
    codes, is_negative = codes % _SIGN, codes >= _SIGN
    digits, power = codes % _EACH, codes // _EACH + _LEAST
    x: Floats = np.where(power < 0, digits / _tens(-power), digits * _tens(power))
    for i in np.flatnonzero((np.abs(power) > _EXACT) & (codes < _INFINITY)).tolist():
        x[i] = float(f"{digits[i]}e{power[i]}")
    x[codes == _INFINITY], x[codes == _NAN] = np.inf, np.nan
    x[is_negative] *= -1
    return x


def _scaled(x: Floats, power: Integers) -> Floats:
    """Whole numbers near x · 10^power, which is taken in two steps: the power may be no float64."""
    half = power // 2
    scaled: Floats = np.rint(x * 10.0**half * 10.0 ** (power - half))
    return scaled


def _tens(power: Integers) -> Floats:
    return np.float64(10) ** np.clip(power, 0, _EXACT)
