"""Trigonometric and hyperbolic functions, and their inverses."""

from __future__ import annotations

from typing import Any

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import alias, op
from gradlab.ops.pointwise import require_float
from gradlab.samples import pairs, real


@op(
    latex=r"\sin input",
    grad=dict(input=(lambda g, xp, input: g * xp.cos(input), r"g \cos input")),
    promote="float",
    samples=real(-3, 3),
)
def sin(xp: Namespace, input: Array) -> Array:
    """Sine of each element, in radians.

    >>> import gradlab as gl
    >>> gl.sin(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8415])
    """
    return xp.sin(input)


@op(
    latex=r"\cos input",
    grad=dict(input=(lambda g, xp, input: -g * xp.sin(input), r"-g \sin input")),
    promote="float",
    samples=real(-3, 3),
)
def cos(xp: Namespace, input: Array) -> Array:
    """Cosine of each element, in radians.

    >>> import gradlab as gl
    >>> gl.cos(gl.tensor([0.0, 1.0]))
    tensor([1.0000, 0.5403])
    """
    return xp.cos(input)


@op(
    latex=r"\tan input",
    grad=dict(input=(lambda g, out: g * (1 + out * out), r"g \, (1 + out^2)")),
    promote="float",
    samples=real(-1, 1),
)
def tan(xp: Namespace, input: Array) -> Array:
    """Tangent of each element, in radians.

    >>> import gradlab as gl
    >>> gl.tan(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5574])
    """
    return xp.tan(input)


@op(
    latex=r"\arcsin input",
    grad=dict(
        input=(lambda g, xp, input: g / xp.sqrt(1 - input * input), r"\frac{g}{\sqrt{1 - input^2}}")
    ),
    promote="float",
    samples=real(-0.9, 0.9),
)
def asin(xp: Namespace, input: Array) -> Array:
    """Arc sine of each element, in radians; nan outside [-1, 1].

    >>> import gradlab as gl
    >>> gl.asin(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5708])
    """
    return xp.arcsin(input)


@op(
    latex=r"\arccos input",
    grad=dict(
        input=(
            lambda g, xp, input: -g / xp.sqrt(1 - input * input),
            r"\frac{-g}{\sqrt{1 - input^2}}",
        )
    ),
    promote="float",
    samples=real(-0.9, 0.9),
)
def acos(xp: Namespace, input: Array) -> Array:
    """Arc cosine of each element, in radians; nan outside [-1, 1].

    >>> import gradlab as gl
    >>> gl.acos(gl.tensor([0.0, 1.0]))
    tensor([1.5708, 0.0000])
    """
    return xp.arccos(input)


@op(
    latex=r"\arctan input",
    grad=dict(input=(lambda g, input: g / (input * input + 1), r"\frac{g}{1 + input^2}")),
    promote="float",
    samples=real(-3, 3),
)
def atan(xp: Namespace, input: Array) -> Array:
    """Arc tangent of each element, in radians.

    >>> import gradlab as gl
    >>> gl.atan(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7854])
    """
    return xp.arctan(input)


@op(
    latex=r"\sinh input",
    grad=dict(input=(lambda g, xp, input: g * xp.cosh(input), r"g \cosh input")),
    promote="float",
    samples=real(-2, 2),
)
def sinh(xp: Namespace, input: Array) -> Array:
    """Hyperbolic sine of each element.

    >>> import gradlab as gl
    >>> gl.sinh(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 1.1752])
    """
    return xp.sinh(input)


@op(
    latex=r"\cosh input",
    grad=dict(input=(lambda g, xp, input: g * xp.sinh(input), r"g \sinh input")),
    promote="float",
    samples=real(-2, 2),
)
def cosh(xp: Namespace, input: Array) -> Array:
    """Hyperbolic cosine of each element.

    >>> import gradlab as gl
    >>> gl.cosh(gl.tensor([0.0, 1.0]))
    tensor([1.0000, 1.5431])
    """
    return xp.cosh(input)


@op(
    latex=r"\tanh input",
    grad=dict(input=(lambda g, out: g * (1 - out * out), r"g \, (1 - out^2)")),
    promote="float",
    samples=real(-2, 2),
    in_single=True,
)
def tanh(xp: Namespace, input: Array) -> Array:
    """Hyperbolic tangent of each element.

    >>> import gradlab as gl
    >>> gl.tanh(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return xp.tanh(input)


@op(
    latex=r"\mathrm{arsinh}\, input",
    grad=dict(
        input=(lambda g, xp, input: g / xp.sqrt(input * input + 1), r"\frac{g}{\sqrt{input^2 + 1}}")
    ),
    promote="float",
    samples=real(-2, 2),
)
def asinh(xp: Namespace, input: Array) -> Array:
    """Inverse hyperbolic sine of each element.

    >>> import gradlab as gl
    >>> gl.asinh(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8814])
    """
    return xp.arcsinh(input)


@op(
    latex=r"\mathrm{arcosh}\, input",
    grad=dict(
        input=(
            lambda g, xp, input: (
                g * (xp.rsqrt(input + 1) * xp.rsqrt(input - 1))  # the right one of the two roots
                if arrays.is_complex(input)
                else g / xp.sqrt(input * input - 1)
            ),
            r"\frac{g}{\sqrt{input^2 - 1}}",
        )
    ),
    promote="float",
    samples=real(1.5, 3),
)
def acosh(xp: Namespace, input: Array) -> Array:
    """Inverse hyperbolic cosine of each element; nan below 1.

    >>> import gradlab as gl
    >>> gl.acosh(gl.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3170])
    """
    return xp.arccosh(input)


@op(
    latex=r"\mathrm{artanh}\, input",
    grad=dict(input=(lambda g, input: g / (1 - input * input), r"\frac{g}{1 - input^2}")),
    promote="float",
    samples=real(-0.9, 0.9),
)
def atanh(xp: Namespace, input: Array) -> Array:
    """Inverse hyperbolic tangent of each element; nan outside [-1, 1].

    >>> import gradlab as gl
    >>> gl.atanh(gl.tensor([0.0, 0.5]))
    tensor([0.0000, 0.5493])
    """
    return xp.arctanh(input)


def _over_square(xp: Any, value: Any, x: Any, y: Any) -> Any:
    """``value / (x² + y²)``, and 0 at the origin."""
    square = x * x + y * y
    return xp.zeroed(value / square, square == 0)


@op(
    latex=r"\mathrm{arctan2}(input, other)",
    grad=dict(
        input=(
            lambda g, xp, input, other: _over_square(xp, g * other, input, other),
            r"g \cdot \frac{other}{input^2 + other^2}",
        ),
        other=(
            lambda g, xp, input, other: _over_square(xp, -g * input, input, other),
            r"-g \cdot \frac{input}{input^2 + other^2}",
        ),
    ),
    promote="float",
    numbers=(),
    samples=pairs(0.5, 2, -2, 2),
)
def atan2(xp: Namespace, input: Array, other: Array) -> Array:
    """Angle, in radians, of the point with ``other`` to the right and ``input`` up.

    >>> import gradlab as gl
    >>> gl.atan2(gl.tensor([1.0, 1.0]), gl.tensor([1.0, -1.0]))
    tensor([0.7854, 2.3562])
    """
    arrays.check_real("atan2_cpu", input)
    return xp.arctan2(input, other)


@op(
    latex=r"\sqrt{input^2 + other^2}",
    grad=dict(
        input=(lambda g, input, out: g * (input / out), r"g \cdot \frac{input}{out}"),
        other=(lambda g, other, out: g * (other / out), r"g \cdot \frac{other}{out}"),
    ),
    promote="same",
    numbers=(),
    samples=pairs(0.5, 2, -2, 2),
)
def hypot(xp: Namespace, input: Array, other: Array) -> Array:
    """Length of the hypotenuse over two sides, without overflow on the way.

    Raises NotImplementedError for whole numbers.

    >>> import gradlab as gl
    >>> gl.hypot(gl.tensor([3.0]), gl.tensor([4.0]))
    tensor([5.])
    """
    require_float("hypot_cpu", input)
    return xp.hypot(input, other)


alias("asin", "arcsin")
alias("acos", "arccos")
alias("atan", "arctan")
alias("atan2", "arctan2")
alias("asinh", "arcsinh")
alias("acosh", "arccosh")
alias("atanh", "arctanh")
