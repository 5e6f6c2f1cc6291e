"""How much memory a backward pass needs at most, in units of one activation.

PyTorch's figures, which ``benchmarks/memory.py`` measures beside these, are 53.3, 102.1 and 3.1.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

import gradlab as gl

LAYERS = 100
SIZE = 512  # a square of float32 of this width is 1 MiB


def pointwise() -> None:
    x = gl.rand(SIZE, SIZE, requires_grad=True)
    y = x
    for layer in range(LAYERS):
        y = y.sin() if layer % 2 else y.sigmoid()
    y.sum().backward()


def layers() -> None:
    parts = [gl.nn.Linear(64, 64) if i % 2 == 0 else gl.nn.ReLU() for i in range(2 * LAYERS)]
    gl.nn.Sequential(*parts)(gl.rand(SIZE * SIZE // 64, 64)).sum().backward()


def products() -> None:
    x = gl.rand(SIZE, SIZE, requires_grad=True)
    weight = gl.rand(SIZE, SIZE)
    y = x
    for _ in range(LAYERS):
        y = y * weight
    y.sum().backward()


def peak(run: Callable[[], None]) -> float:
    """The most that was allocated while ``run`` ran, in activations."""
    run()  # what is made on first use is not counted
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / (SIZE * SIZE * 4)
    finally:
        tracemalloc.stop()


# Besides PyTorch's figure: the input, which is made within, and the layers' weights and gradients.
@pytest.mark.parametrize(("run", "most"), [(pointwise, 56), (layers, 108), (products, 5.5)])
def test_a_pass_of_a_hundred_layers_needs_no_more_memory_than_pytorchs(
    run: Callable[[], None], most: float
) -> None:
    assert peak(run) < most
