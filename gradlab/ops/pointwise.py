"""Pointwise operations: each element of the result comes from one element of each input."""

from __future__ import annotations

from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.samples import call, draw, pairs, real


@op(
    latex=r"input + \alpha \, other",
    grad=dict(
        input=(lambda g: g, r"g"),
        other=(lambda g, alpha: g if alpha == 1 else g * alpha, r"g \cdot alpha"),
    ),
    promote="same",
    operator="__add__",
    samples=(*pairs(), call(draw(3), draw(3), alpha=2.5)),
)
def add(xp: Namespace, input: Array, other: Array, *, alpha: float = 1) -> Array:
    """Sum of two tensors, the second times ``alpha``.

    Shapes broadcast; dtypes promote.

    >>> import gradlab as gl
    >>> gl.add(gl.tensor([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    return xp.add(input, other if alpha == 1 else other * alpha)


@op(
    latex=r"input \cdot other",
    grad=dict(
        input=(lambda g, other: g * other, r"g \cdot other"),
        other=(lambda g, input: g * input, r"g \cdot input"),
    ),
    promote="same",
    operator="__mul__",
    samples=pairs(),
)
def mul(xp: Namespace, input: Array, other: Array) -> Array:
    """Product of two tensors, element by element.

    >>> import gradlab as gl
    >>> gl.mul(gl.tensor([1.0, 2.0]), gl.tensor([3.0, 4.0]))
    tensor([3., 8.])
    """
    return xp.multiply(input, other)


@op(
    latex=r"\frac{input}{other}",
    grad=dict(
        input=(lambda g, other: g / other, r"\frac{g}{other}"),
        other=(lambda g, input, other: -g * (input / other / other), r"-g \, \frac{input}{other^2}"),
    ),
    promote="float",
    operator="__truediv__",
    samples=pairs(-2, 2, 0.5, 2),
)
def div(xp: Namespace, input: Array, other: Array) -> Array:
    """Quotient of two tensors, element by element; integers divide to floats.

    >>> import gradlab as gl
    >>> gl.div(gl.tensor([3, 4]), 2)
    tensor([1.5000, 2.0000])
    """
    return xp.divide(input, other)


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
    latex=r"-input",
    grad=dict(input=(lambda g: -g, r"-g")),
    promote="same",
    operator="__neg__",
    samples=real(-2, 2),
)
def neg(xp: Namespace, input: Array) -> Array:
    """Negative of each element.

    Raises RuntimeError for bools.

    >>> import gradlab as gl
    >>> gl.neg(gl.tensor([1, -2]))
    tensor([-1,  2])
    """
    if input.dtype == bool:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return xp.negative(input)
