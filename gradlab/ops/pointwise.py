"""Pointwise operations: each element of the result comes from one element of each input."""

from __future__ import annotations

import math
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import PYTHON_SCALARS, REAL_FLOATING, Array, Namespace
from gradlab.op import composite, op
from gradlab.samples import call, draw, mask, pairs, real
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ arithmetic


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
    return xp.add(input, other if alpha == 1 else other * _checked_alpha(alpha, input))


@op(
    latex=r"input - \alpha \, other",
    grad=dict(
        input=(lambda g: g, r"g"),
        other=(lambda g, alpha: -g if alpha == 1 else g * -alpha, r"-g \cdot alpha"),
    ),
    promote="same",
    operator="__sub__",
    samples=(*pairs(), call(draw(3), draw(3), alpha=2.5)),
)
def sub(xp: Namespace, input: Array, other: Array, *, alpha: float = 1) -> Array:
    """Difference of two tensors, the second times ``alpha``.

    Shapes broadcast; dtypes promote. Raises RuntimeError for two bool tensors.

    >>> import gradlab as gl
    >>> gl.sub(gl.tensor([1.0, 2.0]), 10)
    tensor([-9., -8.])
    """
    try:
        return xp.subtract(input, other if alpha == 1 else other * _checked_alpha(alpha, input))
    except TypeError:
        raise RuntimeError(_NO_BOOL_SUBTRACTION) from None


@op(
    latex=r"other - \alpha \, input",
    grad=dict(
        input=(lambda g, alpha: -g if alpha == 1 else g * -alpha, r"-g \cdot alpha"),
        other=(lambda g: g, r"g"),
    ),
    promote="same",
    node="RsubBackward1",
    method=False,
    inplace=False,
    operator="__rsub__",
    samples=(*pairs(), call(draw(3), draw(3), alpha=2.5)),
)
def rsub(xp: Namespace, input: Array, other: Array, *, alpha: float = 1) -> Array:
    """Difference the other way round: ``other`` minus ``alpha`` times ``input``.

    >>> import gradlab as gl
    >>> gl.rsub(gl.tensor([1.0, 2.0]), 10)
    tensor([9., 8.])
    """
    try:
        return xp.subtract(other, input if alpha == 1 else input * _checked_alpha(alpha, input))
    except TypeError:
        raise RuntimeError(_NO_BOOL_SUBTRACTION) from None


_NO_BOOL_SUBTRACTION = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
    "`logical_xor()` operator instead."
)


def _checked_alpha(alpha: float, array: Array) -> float:
    """``alpha``, which must not be of a higher category than what it multiplies."""
    if type(alpha) is bool and array.dtype.kind != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if type(alpha) is float and array.dtype.kind in "iub":
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number, "
            f"got {alpha}."
        )
    return alpha


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
        other=(
            lambda g, input, other: -g * (input / other / other),
            r"-g \, \frac{input}{other^2}",
        ),
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
    latex=r"\frac{1}{input}",
    grad=dict(input=(lambda g, out: -g * (out * out), r"-g \cdot out^2")),
    promote="float",
    samples=real(0.5, 2),
)
def reciprocal(xp: Namespace, input: Array) -> Array:
    """One divided by each element; integers give floats.

    >>> import gradlab as gl
    >>> gl.reciprocal(gl.tensor([1.0, 4.0]))
    tensor([1.0000, 0.2500])
    """
    return xp.divide(1, input)


@composite("__rtruediv__", public=False)
def _rtruediv(input: Any, other: Any) -> Any:
    """``other / input``: as in PyTorch, ``other`` times the reciprocal."""
    return input.reciprocal() * other


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
    try:
        return xp.negative(input)
    except TypeError:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        ) from None


@op(
    latex=r"|input|",
    grad=dict(input=(lambda g, xp, input: g * xp.sign(input), r"g \cdot \mathrm{sign}(input)")),
    promote="same",
    operator="__abs__",
    samples=(*real(0.1, 2), *real(-2, -0.1)),
)
def abs(xp: Namespace, input: Array) -> Array:
    """Absolute value of each element. At 0 the gradient is 0.

    >>> import gradlab as gl
    >>> gl.abs(gl.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """
    return xp.absolute(input)


@op(
    latex=r"\mathrm{sign}(input)",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    promote="same",
    samples=(*real(0.1, 2), *real(-2, -0.1)),
)
def sign(xp: Namespace, input: Array) -> Array:
    """-1, 0 or 1 by the sign of each element. The gradient is 0 everywhere.

    >>> import gradlab as gl
    >>> gl.sign(gl.tensor([-1.5, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    return xp.sign(input)


# ------------------------------------------------------------------ powers and exponentials


@composite(inplace=True)
def pow(input: Any, exponent: Any) -> Tensor:
    """``input`` to the power ``exponent``, element by element.

    One of them may be a number. Shapes broadcast; dtypes promote. Raises RuntimeError for
    integers to a negative whole number.

    >>> import gradlab as gl
    >>> gl.pow(gl.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    >>> gl.pow(2, gl.tensor([1.0, 2.0, 3.0]))
    tensor([2., 4., 8.])
    """
    if type(exponent) in PYTHON_SCALARS:
        return pow_scalar(input, exponent)  # type: ignore[no-any-return]
    if isinstance(exponent, numpy.generic):
        return pow_scalar(input, exponent.item())  # type: ignore[no-any-return]
    if type(input) in PYTHON_SCALARS:
        return scalar_pow(input, exponent)  # type: ignore[no-any-return]
    return pow_tensor(input, exponent)  # type: ignore[no-any-return]


@op(
    latex=r"input^{exponent}",
    grad=dict(
        input=(
            lambda g, xp, input, exponent: (
                xp.zeros_like(g) if exponent == 0 else g * (exponent * input ** (exponent - 1))
            ),
            r"g \cdot exponent \cdot input^{exponent - 1}",
        )
    ),
    node="PowBackward0",
    public=False,
    method=False,
    samples=(
        *(call(draw(3), n) for n in (0, 1, 2, 3, 3.0)),
        *(call(draw(2, 3, low=0.5), p) for p in (-1, 0.5, -2.5)),
        call(draw(), 2),
        call(draw(0), 2),
    ),
)
def pow_scalar(xp: Namespace, input: Array, exponent: float) -> Array:
    """Elements to the power of a number."""
    if input.dtype not in REAL_FLOATING or type(exponent) is complex:
        dtype = arrays.result_dtype((input, exponent))
        input = input.astype(dtype, copy=False)
        if dtype.kind in "iu" and exponent < 0:
            raise RuntimeError(
                "Integers to negative integer powers are not allowed. Convert the tensor with "
                f".float() first, or write {float(exponent)}."
            )
    return input**exponent


@op(
    latex=r"input^{exponent}",
    grad=dict(
        input=(
            lambda g, xp, input, exponent: xp.masked_fill_scalar(
                g * (exponent * input ** (exponent - 1)), exponent == 0, 0
            ),
            r"g \cdot exponent \cdot input^{exponent - 1}",
        ),
        exponent=(
            lambda g, xp, input, exponent, out: xp.masked_fill_scalar(
                g * (out * xp.log(input)), xp.logical_and(input == 0, exponent >= 0), 0
            ),
            r"g \cdot out \cdot \ln input",
        ),
    ),
    promote="same",
    node="PowBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=pairs(0.5, 2, -2, 2),
)
def pow_tensor(xp: Namespace, input: Array, exponent: Array) -> Array:
    """Elements to the power of elements."""
    return _power(xp, input, exponent)


@op(
    latex=r"input^{exponent}",
    grad=dict(
        exponent=(
            lambda g, xp, input, exponent, out: (
                xp.masked_fill_scalar(g * (out * -math.inf), exponent >= 0, 0)
                if input == 0
                else g * (out * _log_of_number(input))
            ),
            r"g \cdot out \cdot \ln input",
        )
    ),
    node="PowBackward2",
    public=False,
    method=False,
    samples=(call(2, draw(3)), call(0.5, draw(2, 3)), call(2.5, draw()), call(2, draw(0))),
)
def scalar_pow(xp: Namespace, input: float, exponent: Array) -> Array:
    """A number to the power of elements."""
    base, exponent = arrays.promote((input, exponent))
    return _power(xp, base, exponent)


def _power(xp: Namespace, base: Array, exponent: Array) -> Array:
    """Powers; for integers also negative ones, of which PyTorch keeps the whole part."""
    if exponent.dtype.kind == "i" and (exponent < 0).any():
        small = xp.where(base == 1, 1, xp.where(base == -1, 1 - 2 * (exponent & 1), 0))
        powers = xp.power(base, xp.maximum(exponent, 0))
        return xp.where(exponent < 0, small, powers).astype(base.dtype, copy=False)
    return xp.power(base, exponent)


def _log_of_number(value: float) -> float:
    return float(numpy.log(value)) if value > 0 else math.nan


@composite("__pow__", public=False)
def _pow_operator(input: Any, exponent: Any) -> Any:
    try:
        return pow(input, exponent)
    except TypeError:
        return NotImplemented


@composite("__rpow__", public=False)
def _rpow(input: Any, base: Any) -> Any:
    return _pow_operator(base, input)


@op(
    latex=r"e^{input}",
    grad=dict(input=(lambda g, out: g * out, r"g \cdot out")),
    promote="float",
    samples=real(-2, 2),
)
def exp(xp: Namespace, input: Array) -> Array:
    """e to the power of each element.

    >>> import gradlab as gl
    >>> gl.exp(gl.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return xp.exp(input)


@op(
    latex=r"\ln input",
    grad=dict(input=(lambda g, input: g / input, r"\frac{g}{input}")),
    promote="float",
    samples=real(0.5, 3),
)
def log(xp: Namespace, input: Array) -> Array:
    """Natural logarithm of each element: -inf at 0, nan below.

    >>> import gradlab as gl
    >>> gl.log(gl.tensor([1.0, 2.0]))
    tensor([0.0000, 0.6931])
    """
    return xp.log(input)


@op(
    latex=r"\sqrt{input}",
    grad=dict(input=(lambda g, out: g / (2 * out), r"\frac{g}{2 \, out}")),
    promote="float",
    samples=real(0.5, 3),
)
def sqrt(xp: Namespace, input: Array) -> Array:
    """Square root of each element: nan below 0. At 0 the gradient is infinite.

    >>> import gradlab as gl
    >>> gl.sqrt(gl.tensor([4.0, 2.0]))
    tensor([2.0000, 1.4142])
    """
    return xp.sqrt(input)


# ------------------------------------------------------------------ trigonometric, hyperbolic


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
    latex=r"\tanh input",
    grad=dict(input=(lambda g, out: g * (1 - out * out), r"g \, (1 - out^2)")),
    promote="float",
    samples=real(-2, 2),
)
def tanh(xp: Namespace, input: Array) -> Array:
    """Hyperbolic tangent of each element.

    >>> import gradlab as gl
    >>> gl.tanh(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return xp.tanh(input)


# ------------------------------------------------------------------ activations


@op(
    latex=r"\frac{1}{1 + e^{-input}}",
    grad=dict(input=(lambda g, out: g * (1 - out) * out, r"g \cdot out \, (1 - out)")),
    promote="float",
    samples=real(-3, 3),
)
def sigmoid(xp: Namespace, input: Array) -> Array:
    """Logistic function of each element: from 0 far below zero to 1 far above.

    >>> import gradlab as gl
    >>> gl.sigmoid(gl.tensor([-200.0, 0.0, 2.0]))
    tensor([0.0000, 0.5000, 0.8808])
    """
    # e to a negative number only: nothing overflows, and small results keep their digits.
    e = xp.exp(-xp.absolute(input))
    return xp.where(input >= 0, 1, e) / (1 + e)


@op(
    latex=r"\max(input, 0)",
    grad=dict(
        input=(
            lambda g, xp, out: xp.masked_fill_scalar(g, out <= 0, 0),
            r"\begin{cases} g & out > 0 \\ 0 & out \le 0 \end{cases}",
        )
    ),
    promote="same",
    samples=(*real(0.1, 2), *real(-2, -0.1)),
)
def relu(xp: Namespace, input: Array) -> Array:
    """Each element, or 0 where it is negative. At 0 the gradient is 0.

    >>> import gradlab as gl
    >>> gl.relu(gl.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return xp.maximum(input, 0)


# ------------------------------------------------------------------ choosing elements


@op(
    latex=r"\max(input, other)",
    grad=dict(
        input=(
            lambda g, xp, input, other: xp.masked_fill_scalar(
                xp.where(input == other, g / 2, g), input < other, 0
            ),
            r"\begin{cases} g & input > other \\ g / 2 & input = other \\ 0 & input < other "
            r"\end{cases}",
        ),
        other=(
            lambda g, xp, input, other: xp.masked_fill_scalar(
                xp.where(input == other, g / 2, g), input > other, 0
            ),
            r"\begin{cases} g & other > input \\ g / 2 & other = input \\ 0 & other < input "
            r"\end{cases}",
        ),
    ),
    promote="same",
    inplace=False,
    samples=pairs(),
)
def maximum(xp: Namespace, input: Array, other: Array) -> Array:
    """The larger of two elements; nan where either is. Equal ones share the gradient.

    >>> import gradlab as gl
    >>> gl.maximum(gl.tensor([1.0, 5.0]), gl.tensor([3.0, 4.0]))
    tensor([3., 5.])
    """
    return xp.maximum(input, other)


@op(
    latex=r"\min(input, other)",
    grad=dict(
        input=(
            lambda g, xp, input, other: xp.masked_fill_scalar(
                xp.where(input == other, g / 2, g), input > other, 0
            ),
            r"\begin{cases} g & input < other \\ g / 2 & input = other \\ 0 & input > other "
            r"\end{cases}",
        ),
        other=(
            lambda g, xp, input, other: xp.masked_fill_scalar(
                xp.where(input == other, g / 2, g), input < other, 0
            ),
            r"\begin{cases} g & other < input \\ g / 2 & other = input \\ 0 & other > input "
            r"\end{cases}",
        ),
    ),
    promote="same",
    inplace=False,
    samples=pairs(),
)
def minimum(xp: Namespace, input: Array, other: Array) -> Array:
    """The smaller of two elements; nan where either is. Equal ones share the gradient.

    >>> import gradlab as gl
    >>> gl.minimum(gl.tensor([1.0, 5.0]), gl.tensor([3.0, 4.0]))
    tensor([1., 4.])
    """
    return xp.minimum(input, other)


@composite(inplace=True)
def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """Each element, moved to ``min`` where it lies below and to ``max`` where it lies above.

    A bound is a number, a tensor (shapes broadcast), or None for no bound. On the bounds the
    gradient passes. Raises RuntimeError where there is no bound at all.

    >>> import gradlab as gl
    >>> gl.clamp(gl.tensor([-1.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return clamp_tensor(input, min, max)  # type: ignore[no-any-return]
    return clamp_scalar(input, min, max)  # type: ignore[no-any-return]


def _clamp_gradient(g: Any, xp: Any, input: Any, min: Any, max: Any) -> Any:
    """``g`` where ``input`` is within the bounds, else 0 (a nan is not within them)."""
    for inside in (None if min is None else input >= min, None if max is None else input <= max):
        if inside is not None:
            g = xp.masked_fill_scalar(g, xp.logical_not(inside), 0)
    return g


@op(
    latex=r"\min(\max(input, min), max)",
    grad=dict(
        input=(
            _clamp_gradient,
            r"\begin{cases} g & min \le input \le max \\ 0 & \text{otherwise} \end{cases}",
        )
    ),
    node="ClampBackward1",
    public=False,
    method=False,
    samples=(
        *(call(draw(*shape), -1.0, 1.0) for shape in ((3,), (2, 3), (), (0,))),
        call(draw(5), min=0.5),
        call(draw(5), max=0.5),
    ),
)
def clamp_scalar(
    xp: Namespace, input: Array, min: float | None = None, max: float | None = None
) -> Array:
    """Elements within bounds that are numbers."""
    dtype = arrays.result_dtype([x for x in (input, min, max) if x is not None])
    result = input.astype(dtype, copy=False)
    if min is not None:
        result = xp.maximum(result, min)
    if max is not None:
        result = xp.minimum(result, max)
    return result


@op(
    latex=r"\min(\max(input, min), max)",
    grad=dict(
        input=(
            _clamp_gradient,
            r"\begin{cases} g & min \le input \le max \\ 0 & \text{otherwise} \end{cases}",
        ),
        min=(
            lambda g, xp, input, min, max: xp.masked_fill_scalar(
                g,
                xp.logical_not(
                    input < min if max is None else xp.logical_and(input < min, min < max)
                ),
                0,
            ),
            r"\begin{cases} g & input < min < max \\ 0 & \text{otherwise} \end{cases}",
        ),
        max=(
            lambda g, xp, input, min, max: xp.masked_fill_scalar(
                g,
                xp.logical_not(
                    input > max if min is None else xp.logical_or(input > max, max < min)
                ),
                0,
            ),
            r"\begin{cases} g & input > max \text{ or } min > max \\ 0 & \text{otherwise} "
            r"\end{cases}",
        ),
    ),
    promote="same",
    node="ClampBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(
        call(draw(4), draw(4, high=0), draw(4, low=0)),
        call(draw(2, 3), draw(3), None),
        call(draw(2, 3), None, draw()),
        call(draw(3), draw(2, 1), draw(3)),
    ),
)
def clamp_tensor(
    xp: Namespace, input: Array, min: Array | None = None, max: Array | None = None
) -> Array:
    """Elements within bounds that are tensors."""
    result = input if min is None else xp.maximum(input, min)
    return result if max is None else xp.minimum(result, max)


@op(
    latex=r"\begin{cases} input & condition \\ other & \text{otherwise} \end{cases}",
    grad=dict(
        input=(
            lambda g, xp, condition: xp.masked_fill_scalar(g, xp.logical_not(condition), 0),
            r"\begin{cases} g & condition \\ 0 & \text{otherwise} \end{cases}",
        ),
        other=(
            lambda g, xp, condition: xp.masked_fill_scalar(g, condition, 0),
            r"\begin{cases} 0 & condition \\ g & \text{otherwise} \end{cases}",
        ),
    ),
    public=False,
    method=False,
    samples=(
        call(mask(3), draw(3), draw(3)),
        call(mask(2, 1), draw(3), draw()),
        call(mask(), draw(2), draw(2)),
        call(mask(0), draw(0), draw(1)),
    ),
)
def where(xp: Namespace, condition: Array, input: Array, other: Array) -> Array:
    """Elements of one or the other tensor."""
    if input.dtype is not other.dtype:
        input, other = arrays.promote((input, other))
    return xp.where(condition, input, other)


@composite("where", method=False)
def _where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Elements of ``input`` where ``condition`` holds, else of ``other``.

    ``condition`` is a tensor of bools; the other two are tensors or numbers. Shapes broadcast,
    dtypes promote. With ``condition`` alone: the indices where it holds, as ``nonzero`` gives them.
    Raises RuntimeError for a condition that is not bool.

    >>> import gradlab as gl
    >>> x = gl.tensor([-1.0, 2.0])
    >>> gl.where(x > 0, x, 0)
    tensor([0., 2.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(condition, Tensor):
        raise TypeError(
            "where(): argument 'condition' (position 1) must be Tensor, not "
            f"{type(condition).__name__}"
        )
    if condition._array.dtype.kind != "b":
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{condition.dtype.type_name}. Compare it first, with != 0 for example."
        )
    if type(input) in PYTHON_SCALARS or type(other) in PYTHON_SCALARS:
        operands = [v._array if isinstance(v, Tensor) else v for v in (input, other)]
        dtype = arrays.result_dtype(operands)
        xp = arrays.array_module(condition._array)
        input, other = (
            Tensor._wrap(xp.asarray(v, dtype)) if type(v) in PYTHON_SCALARS else v
            for v in (input, other)
        )
    return where(condition, input, other)


@composite("where", public=False)
def _where_method(input: Tensor, condition: Any, other: Any) -> Any:
    """Elements of the tensor where ``condition`` holds, else of ``other``."""
    return _where(condition, input, other)


@composite(inplace=True)
def masked_fill(input: Any, mask: Any, value: Any) -> Tensor:
    """``input`` with ``value``, a number or a 0-d tensor, wherever ``mask`` holds.

    Shapes of ``input`` and ``mask`` broadcast; the dtype stays. Raises RuntimeError for a mask
    that is not bool.

    >>> import gradlab as gl
    >>> gl.masked_fill(gl.tensor([1.0, 2.0]), gl.tensor([True, False]), -1)
    tensor([-1.,  2.])
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s). gradlab.where(mask, value, input) takes any shape."
            )
        return masked_fill_tensor(input, mask, value)  # type: ignore[no-any-return]
    return masked_fill_scalar(input, mask, value)  # type: ignore[no-any-return]


_FILLED = r"\begin{cases} value & mask \\ input & \text{otherwise} \end{cases}"
_UNFILLED = r"\begin{cases} 0 & mask \\ g & \text{otherwise} \end{cases}"


@op(
    latex=_FILLED,
    grad=dict(input=(lambda g, xp, mask: xp.masked_fill_scalar(g, mask, 0), _UNFILLED)),
    node="MaskedFillBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(3), mask(3), 0.5),
        call(draw(2, 3), mask(3), 2),
        call(draw(3), mask(2, 1), 0.0),
        call(draw(), mask(), 1.0),
    ),
)
def masked_fill_scalar(xp: Namespace, input: Array, mask: Array, value: float) -> Array:
    """Elements, and a number where a mask holds."""
    _check_mask(mask)
    return xp.where(mask, xp.asarray(value, input.dtype), input)


@op(
    latex=_FILLED,
    grad=dict(
        input=(lambda g, xp, mask: xp.masked_fill_scalar(g, mask, 0), _UNFILLED),
        value=(
            lambda g, xp, mask: xp.masked_fill_scalar(g, xp.logical_not(mask), 0),
            r"\sum_{mask} g",
        ),
    ),
    node="MaskedFillBackward1",
    public=False,
    method=False,
    samples=(call(draw(3), mask(3), draw()), call(draw(2, 3), mask(3), draw())),
)
def masked_fill_tensor(xp: Namespace, input: Array, mask: Array, value: Array) -> Array:
    """Elements, and a 0-d tensor's where a mask holds."""
    _check_mask(mask)
    return xp.where(mask, value.astype(input.dtype, copy=False), input)


def _check_mask(mask: Array) -> None:
    if mask.dtype.kind != "b":
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{arrays.dtype_of(mask).name}. Compare it first, with != 0 for example."
        )


# ------------------------------------------------------------------ operators

for _name, _same in {
    "__radd__": "__add__",
    "__rmul__": "__mul__",
    "__iadd__": "add_",
    "__isub__": "sub_",
    "__imul__": "mul_",
    "__itruediv__": "div_",
    "__ipow__": "pow_",
}.items():
    setattr(Tensor, _name, getattr(Tensor, _same))
