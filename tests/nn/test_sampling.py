"""Grids, and pictures sampled at their points: numbers, gradients and errors are PyTorch's."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def drawn(lib: Any, *shape: int, scale: float = 1.0, dtype: str = "float64") -> Any:
    numbers = scale * np.random.default_rng(0).uniform(-1, 1, shape)
    return lib.tensor(numbers.astype(dtype), requires_grad=True)


PICTURES = {"picture": ((2, 2, 3, 4), (2, 3, 5, 2)), "volume": ((1, 2, 2, 3, 4), (1, 2, 3, 2, 3))}
MODES = ["bilinear", "nearest", "bicubic"]
PADDINGS = ["zeros", "border", "reflection"]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("kind", "mode", "padding_mode"),
    [
        *itertools.product(["picture"], MODES, PADDINGS),
        *itertools.product(["volume"], MODES[:2], PADDINGS),
    ],
)
def test_samples_and_gradients_are_pytorchs(
    torch: Any, kind: str, mode: str, padding_mode: str, align_corners: bool
) -> None:
    found = []
    for lib in (gl, torch):
        input, grid = drawn(lib, *PICTURES[kind][0]), drawn(lib, *PICTURES[kind][1], scale=2.5)
        output = lib.nn.functional.grid_sample(input, grid, mode, padding_mode, align_corners)
        output.square().sum().backward()
        found.append([output, input.grad, *([grid.grad] if mode != "nearest" else [])])
    for one, other in zip(*found, strict=True):
        assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("padding_mode", PADDINGS)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_derivatives_of_any_order_are_right(mode: str, padding_mode: str) -> None:
    input, grid = drawn(gl, 1, 1, 3, 3), drawn(gl, 1, 2, 2, 2, scale=1.4)

    def sampled(input: Any, grid: Any) -> Any:
        return gl.nn.functional.grid_sample(input, grid, mode, padding_mode, align_corners=False)

    assert gl.autograd.gradcheck(sampled, (input, grid))
    assert gl.autograd.gradgradcheck(sampled, (input, grid))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 2, 3), (2, 1, 3, 4)), ((1, 3, 4), (1, 2, 2, 3, 4)), ((1, 2, 3), (1, 1, 1, 2))],
)
def test_grids_and_their_gradients_are_pytorchs(
    torch: Any, shape: tuple[int, ...], size: tuple[int, ...], align_corners: bool
) -> None:
    found = []
    for lib in (gl, torch):
        theta = drawn(lib, *shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of grids of one row
            grid = lib.nn.functional.affine_grid(theta, lib.Size(size), align_corners)
        grid.square().sum().backward()
        found.append((grid, theta.grad))
    for one, other in zip(*found, strict=True):
        assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("align_corners", [False, True])
def test_the_grid_that_changes_nothing_gives_the_picture(mode: str, align_corners: bool) -> None:
    input = drawn(gl, 2, 3, 4, 5)
    same = gl.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=gl.float64).expand(2, 2, 3)
    grid = gl.nn.functional.affine_grid(same, input.shape, align_corners)
    output = gl.nn.functional.grid_sample(input, grid, mode, align_corners=align_corners)
    gl.testing.assert_close(output, input)


def test_who_does_not_say_where_corners_are_is_warned(torch: Any) -> None:
    said = []
    for lib in (gl, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            grid = lib.nn.functional.affine_grid(lib.zeros(1, 2, 3), (1, 1, 2, 2))
            lib.nn.functional.grid_sample(lib.ones(1, 1, 2, 2), grid)
        said.append([str(one.message) for one in caught])
    assert said[0] == said[1]


def sample(lib: Any, *shapes: tuple[int, ...], **options: Any) -> Any:
    input, grid = (drawn(lib, *shape) for shape in shapes)
    return lib.nn.functional.grid_sample(input, grid, align_corners=False, **options)


def grid(lib: Any, shape: tuple[int, ...], size: tuple[int, ...]) -> Any:
    return lib.nn.functional.affine_grid(drawn(lib, *shape), size, align_corners=False)


FOUR, FIVE = (1, 1, 2, 2), (1, 1, 2, 2, 3)
WRONG: list[Callable[[Any], Any]] = [
    lambda lib: sample(lib, FOUR, FOUR, mode="cubic"),
    lambda lib: sample(lib, FOUR, FOUR, padding_mode="ones"),
    lambda lib: sample(lib, FOUR, FIVE),
    lambda lib: sample(lib, FOUR, (2, 1, 2, 2)),
    lambda lib: sample(lib, FOUR, (1, 1, 2, 3)),
    lambda lib: sample(lib, FOUR, (1, 2, 2)),
    lambda lib: grid(lib, (1, 2, 3), (1, 1, 0, 2)),
    lambda lib: sample(lib, (1, 1, 0, 2), FOUR),
    lambda lib: sample(lib, FIVE, FIVE, mode="bicubic"),
    lambda lib: grid(lib, (2, 3), FOUR),
    lambda lib: grid(lib, (1, 2, 3), (1, 1, 2, 2, 2)),
    lambda lib: grid(lib, (1, 2, 3), (1, 2, 2)),
    lambda lib: lib.nn.functional.affine_grid(lib.ones(1, 2, 3).int(), FOUR, align_corners=False),
]


@pytest.mark.parametrize("case", WRONG)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Callable[[Any], Any]) -> None:
    assert_same_error(case, torch)
