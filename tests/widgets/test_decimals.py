"""Numbers of four digits: three bytes hold them, and nothing else is taken for one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlab_widgets.decimals import coded, decoded, is_short, shortened


@given(st.integers(-9_999, 9_999), st.integers(-327, 304))
def test_four_digits_and_a_power_come_back(digits: int, power: int) -> None:
    x = np.array([float(f"{digits}e{power}")])
    assert is_short(x).all()
    assert decoded(coded(x)) == x
    assert coded(x) < 2**24


@pytest.mark.parametrize("x", [0.0, -0.0, math.inf, -math.inf, math.nan])
def test_what_is_no_plain_number_comes_back(x: float) -> None:
    (back,) = decoded(coded(np.array([x]))).tolist()
    assert repr(back) == repr(x)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_rounded_to_four_digits(x: float) -> None:
    (short,) = shortened(np.array([x])).tolist()
    assert short == (pytest.approx(float(f"{x:.3e}"), rel=1.001e-3) if abs(x) < 1.797e308 else x)
    assert is_short(np.array([short])).all() or abs(x) >= 1.797e308


@pytest.mark.parametrize("x", [1.2345e300, 12345.0, 0.1 + 0.2, 1 / 3, 1.0001e-300])
def test_longer_numbers_are_not_taken_for_short_ones(x: float) -> None:
    assert not is_short(np.array([x])).any()
