"""Samples of large arrays: the image's elements are the array's, the histogram counts them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradlab_widgets.recorder import trace
from gradlab_widgets.samples import sample_of
from gradlab_widgets.trace import Trace
from gradlab_widgets.values import preview

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def shown(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The image of an array, as the browser reads it."""
    sample = sample_of(array)
    assert sample is not None
    levels = np.array([LETTERS.index(letter) for letter in sample.levels], float)
    numbers = (levels - 30) / 30 * sample.scale
    for level, odd in ((61, math.nan), (62, math.inf), (63, -math.inf)):
        numbers[levels == level] = odd
    return numbers.reshape(sample.rows, sample.columns)


@pytest.mark.parametrize(
    ("shape", "picture"),
    [
        ((100, 64), (16, 16)),
        ((8, 3, 32, 32), (16, 16)),
        ((1000,), (1, 64)),
        ((3, 100), (3, 32)),
        ((100, 3), (16, 3)),
        ((9, 9), (9, 9)),
        ((65,), (1, 64)),
        ((2, 2, 2, 3, 3), (16, 3)),
    ],
)
def test_the_image_holds_elements_that_are_evenly_spread(
    shape: tuple[int, ...], picture: tuple[int, int]
) -> None:
    array = np.random.default_rng(0).standard_normal(shape)
    lines = array.reshape(-1, shape[-1])
    rows, columns = picture
    expected = lines[np.arange(rows) * len(lines) // rows]
    expected = expected[:, np.arange(columns) * shape[-1] // columns]
    image = shown(array)
    assert image.shape == picture
    assert image == pytest.approx(expected, abs=np.abs(expected).max() / 59)


@pytest.mark.parametrize("turn", [lambda x: x.T, lambda x: x[::-2], lambda x: x[:, ::-1]])
def test_how_an_array_lies_in_memory_makes_no_difference(turn: Any) -> None:
    array = turn(np.arange(2000.0).reshape(40, 50))
    assert sample_of(array) == sample_of(np.ascontiguousarray(array))


def test_zero_is_in_the_middle_and_what_is_no_number_says_so() -> None:
    array = np.array([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 0.5] * 8)
    assert shown(array)[0, :7].tolist() == pytest.approx(
        [0, 0, 1, -1, math.nan, math.inf, -math.inf], nan_ok=True
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"])
def test_every_real_dtype_has_one(dtype: str) -> None:
    array = np.arange(100).astype(dtype)
    sample = sample_of(array)
    assert sample is not None
    assert sum(sample.bins) == 100
    assert (sample.low, sample.high) == (0, array.max())


@pytest.mark.parametrize(
    "array", [np.zeros(100, complex), np.zeros((0, 3))], ids=["complex", "empty"]
)
def test_what_has_no_order_or_no_elements_has_none(array: Any) -> None:
    assert sample_of(array) is None


@pytest.mark.parametrize(
    ("array", "bins"),
    [
        (np.array([1e308, -1e308] * 50), (50, *[0] * 14, 50)),
        (np.full(100, 7.0), (100, *[0] * 15)),
        (np.full(100, math.nan), ()),
        (np.array([math.inf] * 50 + [1.0] * 50), (50, *[0] * 15)),
        (np.array([5e-324, 0.0] * 50), (50, *[0] * 14, 50)),
    ],
    ids=["huge", "constant", "nan", "inf", "tiny"],
)
def test_the_histogram_counts_the_finite_ones(array: Any, bins: tuple[int, ...]) -> None:
    sample = sample_of(array)
    assert sample is not None
    assert sample.bins == bins


def test_the_histogram_sees_every_column() -> None:
    """An even stride over 64 columns would only ever meet the first."""
    array = np.zeros((1024, 64))
    array[:, 1:] = 1
    sample = sample_of(array)
    assert sample is not None
    assert sample.bins[-1] > 60 * sample.bins[0] > 0


def test_small_and_constant_values_have_none() -> None:
    assert preview(np.arange(64.0)).sample is None
    assert preview(np.ones(100)).sample is None
    assert preview(np.arange(65.0)).sample is not None
    assert preview(np.arange(65.0), limit=8).sample is None  # of a large graph


def test_a_trace_keeps_the_samples_of_its_large_values(gl: Any) -> None:
    a = gl.randn(20, 30).requires_grad_()
    recorded = trace((a * a).sum())
    assert len(recorded.samples) >= 2
    for row in recorded.samples.value:
        assert recorded.values[row].size == 600
    assert Trace.from_json(recorded.to_json()).samples == recorded.samples
