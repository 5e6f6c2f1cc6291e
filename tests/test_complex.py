"""Gradients of complex tensors are refused: right or a clear error, never silently wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gradlab as gl


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(lambda z, x: (z * z).abs().sum().backward(), id="complex leaf"),
        pytest.param(lambda z, x: (x * 1j).abs().sum().backward(), id="real leaf, complex between"),
        pytest.param(
            lambda z, x: gl.autograd.grad((w := x * 1j).abs().sum(), w), id="gradient asked for"
        ),
        pytest.param(
            lambda z, x: (x * 1j).abs().sum().backward(create_graph=True), id="create_graph"
        ),
    ],
)
def test_a_complex_gradient_is_refused_and_nothing_is_stored(
    program: Callable[[Any, Any], Any],
) -> None:
    z = gl.tensor([1 + 2j], requires_grad=True)
    x = gl.tensor([3.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match="does not differentiate complex numbers yet"):
        program(z, x)
    assert z.grad is None
    assert x.grad is None


def test_complex_numbers_compute_without_a_gradient() -> None:
    z = gl.tensor([3 + 4j])
    assert (z * z).tolist() == [-7 + 24j]
    assert z.abs().tolist() == [5.0]
