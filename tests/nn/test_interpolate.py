"""Pictures made larger, smaller, and taken apart: as PyTorch does, to second derivatives."""

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
    (lambda nn: nn.Upsample(scale_factor=2), (2, 3, 4)),
    (lambda nn: nn.Upsample(size=5), (2, 3, 4)),
    (lambda nn: nn.Upsample(scale_factor=(2, 1.5)), (1, 2, 3, 4)),
    (lambda nn: nn.Upsample(size=(2, 7), mode="nearest-exact"), (1, 2, 3, 4)),
    (lambda nn: nn.Upsample(scale_factor=1.7, mode="linear"), (2, 3, 4)),
    (lambda nn: nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3, 4)),
    (lambda nn: nn.Upsample(size=(5, 2), mode="bilinear", align_corners=True), (1, 2, 3, 4)),
    (lambda nn: nn.Upsample(scale_factor=1.7, mode="bicubic"), (1, 2, 3, 4)),
    (lambda nn: nn.Upsample(scale_factor=1.5, mode="trilinear"), (1, 2, 2, 3, 4)),
    (lambda nn: nn.UpsamplingNearest2d(scale_factor=2), (1, 2, 3, 4)),
    (lambda nn: nn.UpsamplingBilinear2d(size=(5, 6)), (1, 2, 3, 4)),
    (lambda nn: nn.Unfold(2), (2, 3, 4, 5)),
    (lambda nn: nn.Unfold((2, 3), dilation=2, padding=1, stride=(1, 2)), (3, 4, 5)),
    (lambda nn: nn.Fold((4, 5), 2), (2, 12, 12)),
    (lambda nn: nn.Fold((4, 5), (2, 3), padding=1, stride=2), (12, 9)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers_are_pytorchs(make: Maker, shape: tuple[int, ...], torch: Any) -> None:
    assert_same_layer(make, picture(*shape), torch)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("size", [(7, 3), (2, 8), (1, 1), (4, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_sizes(mode: str, size: tuple[int, int], dtype: str, torch: Any) -> None:
    found = [
        lib.nn.functional.interpolate(
            lib.tensor(picture(1, 2, 4, 5)).to(getattr(lib, dtype)), size, mode=mode
        )
        for lib in (gl, torch)
    ]
    tolerance = {"float16": 5e-3, "float32": 1e-5, "float64": 1e-12}[dtype]
    assert_close(*found, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 4), (12, 5)])
def test_antialiasing(mode: str, size: tuple[int, int], torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        x = lib.tensor(picture(1, 2, 9, 10), requires_grad=True)
        y = lib.nn.functional.interpolate(x, size, mode=mode, antialias=True)
        y.pow(2).sum().backward()
        found.append((y, x.grad))
        assert y.grad_fn.name().endswith("2DAaBackward0")
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("recompute", [True, False])
def test_a_factor_may_be_reckoned_anew_from_the_sizes(recompute: bool, torch: Any) -> None:
    found = [
        lib.nn.functional.interpolate(
            lib.tensor(picture(1, 1, 5, 5)),
            scale_factor=1.7,
            mode="bilinear",
            recompute_scale_factor=recompute,
        )
        for lib in (gl, torch)
    ]
    assert_close(*found, rtol=1e-12)


def test_infinities_stay_where_they_are(torch: Any) -> None:
    numbers = np.array([[[np.inf, 1.0, 2.0, 3.0]]])
    found = [
        lib.nn.functional.interpolate(lib.tensor(numbers), scale_factor=2) for lib in (gl, torch)
    ]
    assert_close(*found)


X = (2, 4, 6, 6)


def resized(**options: Any) -> Any:
    return lambda t: t.nn.functional.interpolate(t.ones(X), **options)


ERRORS = [
    resized(),
    resized(size=3, scale_factor=2),
    resized(size=(3,)),
    resized(scale_factor=(2,)),
    resized(scale_factor=2, mode="linear"),
    resized(scale_factor=2, mode="trilinear"),
    resized(scale_factor=2, mode="foo"),
    resized(scale_factor=2, align_corners=True),
    resized(size=0),
    resized(size=3, recompute_scale_factor=True),
    resized(size=2, antialias=True),
    lambda t: t.nn.functional.interpolate(t.ones(6, 6), scale_factor=2),
    lambda t: t.nn.functional.interpolate(t.ones(2, 0, 6, 6), scale_factor=2),
    lambda t: t.nn.functional.interpolate(t.ones(4, 6, 6), scale_factor=2, mode="bilinear"),
    lambda t: t.nn.functional.unfold(t.ones(X), 9),
    lambda t: t.nn.functional.unfold(t.ones(X), 0),
    lambda t: t.nn.functional.unfold(t.ones(X), 2, stride=0),
    lambda t: t.nn.functional.unfold(t.ones(X), (2, 2, 2)),
    lambda t: t.nn.functional.unfold(t.ones(X), 2, padding=-1),
    lambda t: t.nn.functional.unfold(t.ones(X).long(), 2),
    lambda t: t.nn.functional.fold(t.ones(2, 8, 8), (4, 4), 2),
    lambda t: t.nn.functional.fold(t.ones(2, 7, 9), (4, 4), 2),
    lambda t: t.nn.functional.fold(t.ones(X), (4, 4), 2),
]


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_pytorchs(case: Any, torch: Any) -> None:
    assert_same_error(case, torch)


@pytest.mark.parametrize(
    "case",
    [
        lambda f, x: f.upsample(x, size=4, mode="bilinear", align_corners=True),
        lambda f, x: f.upsample_nearest(x, scale_factor=2),
        lambda f, x: f.upsample_bilinear(x, size=(7, 5)),
    ],
)
def test_older_names_are_warned_of(case: Any, torch: Any) -> None:
    found, said = [], []
    for lib in (gl, torch):
        with pytest.warns(UserWarning, match="is deprecated") as warned:
            found.append(case(lib.nn.functional, lib.arange(18.0).reshape(1, 2, 3, 3)))
        said.append([str(one.message) for one in warned])
    assert said[0] == said[1]
    assert_close(*found, rtol=1e-6)
