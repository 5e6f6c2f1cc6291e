"""Activations: the nonlinear functions between a network's layers that are found in nn alone."""

from __future__ import annotations

from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.samples import call, draw, real

_BOTH_SIDES = (*real(0.1, 2), *real(-2, -0.1))


@op(
    latex=r"input \cdot \sigma(input)",
    grad=dict(
        input=(
            lambda g, xp, input: _silu_gradient(g, input, xp.sigmoid(input)),
            r"g \, \sigma(input) \, (1 + input \, (1 - \sigma(input)))",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=real(-3, 3),
)
def silu(xp: Namespace, input: Array) -> Array:
    """Each element times its own sigmoid."""
    e = xp.exp(-xp.absolute(input))  # of negative numbers only: nothing overflows
    return input * (xp.where(input >= 0, 1, e) / (1 + e))


def _silu_gradient(g: Any, input: Any, sigmoid: Any) -> Any:
    return g * (sigmoid * (1 + input * (1 - sigmoid)))


@op(
    latex=(
        r"\begin{cases} input & input > 0 \\ "
        r"negative_slope \cdot input & input \le 0 \end{cases}"
    ),
    grad=dict(
        input=(
            lambda g, xp, input, negative_slope: xp.where(input > 0, g, g * negative_slope),
            r"\begin{cases} g & input > 0 \\ g \cdot negative_slope & input \le 0 \end{cases}",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*_BOTH_SIDES, call(draw(3, low=-2, high=-1), 0.3)),
)
def leaky_relu(xp: Namespace, input: Array, negative_slope: float = 0.01) -> Array:
    """Each element, or ``negative_slope`` times it where it is negative."""
    return xp.where(input > 0, input, input * negative_slope)


@op(
    latex=r"\begin{cases} input & input > 0 \\ alpha \, (e^{input} - 1) & input \le 0 \end{cases}",
    grad=dict(
        input=(
            lambda g, xp, input, alpha: xp.where(
                input > 0, g, g * alpha * xp.exp(xp.minimum(input, 0))
            ),
            r"\begin{cases} g & input > 0 \\ g \cdot alpha \, e^{input} & input \le 0 \end{cases}",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*_BOTH_SIDES, call(draw(3, low=-2, high=-1), 1.5)),
)
def elu(xp: Namespace, input: Array, alpha: float = 1.0) -> Array:
    """Each element, or, where it is negative, what tends to ``-alpha`` below."""
    return xp.where(input > 0, input, alpha * xp.expm1(xp.minimum(input, 0)))


@op(
    latex=r"\frac{1}{beta} \ln (1 + e^{beta \cdot input})",
    grad=dict(
        input=(
            lambda g, xp, input, beta, threshold: xp.where(
                input * beta > threshold, g, g * xp.sigmoid(input * beta)
            ),
            r"g \cdot \sigma(beta \cdot input)",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*real(-3, 3), call(draw(3), 2.0), call(draw(3, low=2, high=3), 2.0, 1.0)),
)
def softplus(xp: Namespace, input: Array, beta: float = 1, threshold: float = 20) -> Array:
    """A smooth ``relu``; the element itself where ``beta`` times it is above ``threshold``."""
    scaled = input * beta
    bent = xp.log1p(xp.exp(xp.minimum(scaled, threshold))) / beta
    return xp.where(scaled > threshold, input, bent)
