"""gelu, the smooth step of language models: each element times the normal distribution below it.

Forward and gradient are a dozen passes over the elements or more, so both go piece by piece, each
of which stays in the processor's cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from gradlab.arrays import Array, Namespace, array_module
from gradlab.op import op
from gradlab.ops.error_function import by_pieces, put_erf
from gradlab.ops.pointwise import require_float
from gradlab.samples import call, draw, real

_BETA = math.sqrt(2 / math.pi)
_KAPPA = 0.044715


@op(
    latex=r"input \cdot \Phi(input)",
    grad=dict(
        input=(
            lambda g, xp, input, approximate: xp.gelu_backward(g, input, approximate),
            r"g \left( \Phi(input) + input \, \frac{e^{-input^2 / 2}}{\sqrt{2 \pi}} \right)",
        )
    ),
    public=False,
    method=False,
    samples=(*real(-3, 3), call(draw(5, low=-3, high=3), approximate="tanh")),
    in_single=True,
)
def gelu(xp: Namespace, input: Array, *, approximate: str = "none") -> Array:
    """Each element times the share Φ of a normal distribution below it."""
    require_float("GeluKernelImpl", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError(
            f"approximate argument must be either none or tanh. It is {approximate!r}."
        )
    return _at_least_single(_gelu_by_tanh if approximate == "tanh" else _gelu, 2, input)


@op(
    latex=r"g \cdot \frac{d}{d \, input} (input \cdot \Phi(input))",
    grad=dict(
        grad_output=(
            lambda g, xp, input, approximate: xp.gelu_backward(g, input, approximate),
            r"g \left( \Phi(input) + input \, \frac{e^{-input^2 / 2}}{\sqrt{2 \pi}} \right)",
        ),
        input=(
            lambda g, xp, grad_output, input, approximate: (
                g * grad_output * _curvature(xp, input, approximate)
            ),
            r"g \cdot grad_output \, (2 - input^2) \, \frac{e^{-input^2 / 2}}{\sqrt{2 \pi}}",
        ),
    ),
    public=False,
    method=False,
    samples=(
        call(draw(5, low=-3, high=3), draw(5, low=-3, high=3)),
        call(draw(2, 3), draw(2, 3), approximate="tanh"),
    ),
)
def gelu_backward(
    xp: Namespace, grad_output: Array, input: Array, approximate: str = "none"
) -> Array:
    """The gradient of ``gelu``: what arrived times its slope at each element."""
    slope = _slope_by_tanh if approximate == "tanh" else _slope
    return _at_least_single(slope, 2, input, grad_output)


def _at_least_single(kernel: Any, spares: int, *inputs: Array) -> Array:
    dtype = inputs[0].dtype
    if dtype == numpy.float16:
        inputs = tuple(one.astype(numpy.float32) for one in inputs)
    return by_pieces(kernel, spares, *inputs).astype(dtype, copy=False)


# ------------------------------------------------------------------ as it is defined


def _gelu(out: Array, x: Array, square: Array, half: Array) -> None:
    xp = array_module(x)
    xp.multiply(x, math.sqrt(0.5), out)
    put_erf(xp, out, out, square, half)
    xp.multiply(x, 0.5, half)
    xp.multiply(out, half, out)
    xp.add(out, half, out)


def _slope(out: Array, x: Array, g: Array, square: Array, spare: Array) -> None:
    xp = array_module(x)
    xp.multiply(x, math.sqrt(0.5), out)
    put_erf(xp, out, out, square, spare)
    density = xp.negative(square, square)  # of the normal distribution, twice of it, and times x
    xp.exp(density, density)
    xp.multiply(density, x, density)
    xp.multiply(density, _BETA, density)
    xp.add(out, 1, out)
    xp.add(out, density, out)
    xp.multiply(out, 0.5, out)
    xp.multiply(out, g, out)


# ------------------------------------------------------------------ by a tanh, and nearly so


def _gelu_by_tanh(out: Array, x: Array, inner: Array, half: Array) -> None:
    xp = array_module(x)
    _put_tanh(xp, x, out, inner)
    xp.multiply(x, 0.5, half)
    xp.multiply(out, half, out)
    xp.add(out, half, out)


def _slope_by_tanh(out: Array, x: Array, g: Array, inner: Array, value: Array) -> None:
    xp = array_module(x)
    _put_tanh(xp, x, value, inner)
    xp.multiply(inner, 3 * _BETA * _KAPPA, inner)
    xp.add(inner, _BETA, inner)
    xp.multiply(inner, x, inner)  # x times the slope of what tanh was taken of
    xp.multiply(value, value, out)
    xp.subtract(1, out, out)
    xp.multiply(out, inner, out)
    xp.add(out, value, out)
    xp.add(out, 1, out)
    xp.multiply(out, 0.5, out)
    xp.multiply(out, g, out)


def _put_tanh(xp: Namespace, x: Array, out: Array, square: Array) -> None:
    """Put tanh(β (x + κ x³)) into ``out``, and x² into ``square``."""
    xp.multiply(x, x, square)
    xp.multiply(square, _BETA * _KAPPA, out)
    xp.add(out, _BETA, out)
    xp.multiply(out, x, out)
    xp.tanh(out, out)


# ------------------------------------------------------------------ the second derivative


def _curvature(xp: Any, input: Any, approximate: str) -> Any:
    square = input * input
    if approximate == "none":
        return (2 - square) * xp.exp(-0.5 * square) * (0.5 * _BETA)
    value = xp.tanh(_BETA * (input + _KAPPA * input * square))
    slope = _BETA * (1 + 3 * _KAPPA * square)
    bend = 6 * _BETA * _KAPPA * input
    return (1 - value * value) * (slope + 0.5 * input * (bend - 2 * value * slope * slope))
