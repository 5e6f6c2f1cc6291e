"""Pooling: layers and functions are PyTorch's, to second derivatives, texts and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error
from tests.nn.layers import Maker, assert_same_layer, picture


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


LAYERS: list[tuple[Maker, tuple[int, ...]]] = [
    (lambda nn: nn.MaxPool1d(2), (2, 3, 7)),
    (lambda nn: nn.MaxPool1d(3, 2, padding=1, ceil_mode=True), (3, 8)),
    (lambda nn: nn.MaxPool2d(2), (2, 3, 4, 6)),
    (lambda nn: nn.MaxPool2d((3, 2), stride=(2, 1), padding=1), (1, 2, 6, 5)),
    (lambda nn: nn.MaxPool2d(2, dilation=2, ceil_mode=True), (2, 6, 5)),
    (lambda nn: nn.MaxPool2d(2, return_indices=True), (1, 2, 4, 4)),
    (lambda nn: nn.MaxPool3d(2, stride=1), (1, 2, 3, 4, 3)),
    (lambda nn: nn.AvgPool1d(2), (2, 3, 7)),
    (lambda nn: nn.AvgPool2d(2), (2, 3, 4, 6)),
    (lambda nn: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (1, 2, 6, 5)),
    (lambda nn: nn.AvgPool2d((3, 2), ceil_mode=True, padding=1), (2, 6, 5)),
    (lambda nn: nn.AvgPool2d(2, divisor_override=3), (2, 6, 5)),
    (lambda nn: nn.AvgPool2d(5, stride=1), (1, 2, 6, 6)),
    (lambda nn: nn.AvgPool3d(2, padding=1), (1, 2, 3, 4, 3)),
    (lambda nn: nn.AdaptiveAvgPool1d(3), (2, 3, 7)),
    (lambda nn: nn.AdaptiveAvgPool2d(1), (2, 3, 4, 5)),
    (lambda nn: nn.AdaptiveAvgPool2d((2, None)), (2, 3, 4, 5)),
    (lambda nn: nn.AdaptiveAvgPool2d((3, 2)), (3, 4, 5)),
    (lambda nn: nn.AdaptiveAvgPool3d((2, 1, 3)), (1, 2, 4, 3, 5)),
    (lambda nn: nn.AdaptiveMaxPool1d(3), (2, 3, 7)),
    (lambda nn: nn.AdaptiveMaxPool2d((2, 3)), (2, 3, 4, 6)),
    (lambda nn: nn.AdaptiveMaxPool2d((3, 2)), (3, 4, 5)),
    (lambda nn: nn.AdaptiveMaxPool3d(2), (1, 2, 4, 3, 5)),
    (lambda nn: nn.LPPool1d(2, 3), (2, 3, 7)),
    (lambda nn: nn.LPPool2d(2, 2, stride=1), (1, 2, 4, 5)),
    (lambda nn: nn.LPPool3d(3, 2), (1, 1, 2, 4, 3)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers_are_pytorchs(make: Maker, shape: tuple[int, ...], torch: Any) -> None:
    numbers = picture(*shape)
    assert_same_layer(make, np.abs(numbers) + 1 if "LP" in repr(make(gl.nn)) else numbers, torch)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("batch", [(2,), ()])
def test_maxima_go_back_to_where_they_were(dims: int, batch: tuple[int, ...], torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        x = lib.tensor(picture(*batch, 2, *[5] * dims), requires_grad=True)
        pool = getattr(lib.nn, f"MaxPool{dims}d")(2, stride=2, return_indices=True)
        values, indices = pool(x)
        unpool = getattr(lib.nn, f"MaxUnpool{dims}d")(2)
        back = unpool(values, indices, output_size=(5,) * dims)
        (grad,) = lib.autograd.grad((back * back).sum(), x)
        found.append((indices, back, grad))
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs)


SPECIAL = [
    np.array([[[[1.0, 1.0], [1.0, 1.0]]]]),
    np.array([[[[np.nan, 1.0], [np.nan, 2.0]]]]),
    np.full((1, 1, 2, 2), -np.inf),
    np.array([[[[np.inf, -np.inf], [np.nan, np.inf]]]]),
    np.array([[[[3, 3], [-4, 3]]]]),
]


@pytest.mark.parametrize("numbers", SPECIAL)
def test_ties_infinities_and_nans_are_pytorchs(numbers: Any, torch: Any) -> None:
    found = [
        lib.nn.functional.max_pool2d(lib.tensor(numbers), 2, 1, 1, return_indices=True)
        for lib in (gl, torch)
    ]
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "int32", "uint8"])
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_dtypes(name: str, dtype: str, torch: Any) -> None:
    if (name, dtype) in {("avg_pool2d", "int32"), ("avg_pool2d", "uint8")}:
        pytest.skip("PyTorch doesn't")
    numbers = np.arange(32).reshape(2, 4, 4) % 11
    found = [
        getattr(lib.nn.functional, name)(lib.tensor(numbers).to(getattr(lib, dtype)), 2)
        for lib in (gl, torch)
    ]
    assert_close(*found)


X = (2, 4, 6, 6)

ERRORS = [
    lambda t: t.nn.functional.max_pool2d(t.ones(X), 0),
    lambda t: t.nn.functional.max_pool2d(t.ones(X), 2, 0),
    lambda t: t.nn.functional.max_pool2d(t.ones(X), 2, padding=2),
    lambda t: t.nn.functional.max_pool2d(t.ones(X), 8),
    lambda t: t.nn.functional.max_pool2d(t.ones(6, 6), 2),
    lambda t: t.nn.functional.max_pool2d(t.ones(X).bool(), 2),
    lambda t: t.nn.functional.max_pool2d(t.ones(X), (2, 2, 2)),
    lambda t: t.nn.functional.max_pool2d(t.ones(X), 2, padding=-1),
    lambda t: t.nn.functional.max_pool2d(t.ones(2, 0, 6, 6), 2),
    lambda t: t.nn.functional.max_pool1d(t.ones(X), 2),
    lambda t: t.nn.functional.max_pool1d(t.ones(4, 6), 9),
    lambda t: t.nn.functional.max_pool1d(t.ones(4, 6), 2, padding=2),
    lambda t: t.nn.functional.max_pool1d(t.ones(4, 6), 0),
    lambda t: t.nn.functional.max_pool3d(t.ones(X), 9),
    lambda t: t.nn.functional.avg_pool2d(t.ones(X), 0),
    lambda t: t.nn.functional.avg_pool2d(t.ones(X), 2, padding=2),
    lambda t: t.nn.functional.avg_pool2d(t.ones(X), 8),
    lambda t: t.nn.functional.avg_pool2d(t.ones(X), 2, divisor_override=0),
    lambda t: t.nn.functional.avg_pool1d(t.ones(X), 2),
    lambda t: t.nn.functional.avg_pool3d(t.ones(X), 9),
    lambda t: t.nn.functional.adaptive_avg_pool2d(t.ones(X), -1),
    lambda t: t.nn.functional.adaptive_avg_pool2d(t.ones(6, 6), 2),
    lambda t: t.nn.functional.adaptive_avg_pool2d(t.ones(X).long(), 2),
    lambda t: t.nn.functional.adaptive_max_pool2d(t.ones(6, 6), 2),
    lambda t: t.nn.functional.adaptive_avg_pool1d(t.ones(X), 2),
    lambda t: t.nn.functional.adaptive_avg_pool1d(t.ones(4, 6), (2, 3)),
    lambda t: t.nn.functional.adaptive_avg_pool2d(t.ones(2, 4, 0, 6), 2),
    lambda t: unpooled(t, lambda v, i: (v, i.int()), None),
    lambda t: unpooled(t, lambda v, i: (v, i[:1]), None),
    lambda t: unpooled(t, lambda v, i: (v, i * 0 + 100), None),
    lambda t: unpooled(t, lambda v, i: (v, i), (9, 9)),
    lambda t: unpooled(t, lambda v, i: (v, i), (7,)),
]


def unpooled(lib: Any, change: Any, size: Any) -> Any:
    values, indices = lib.nn.functional.max_pool2d(lib.ones(X), 2, return_indices=True)
    return lib.nn.functional.max_unpool2d(*change(values, indices), 2, output_size=size)


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_pytorchs(case: Any, torch: Any) -> None:
    assert_same_error(case, torch)
