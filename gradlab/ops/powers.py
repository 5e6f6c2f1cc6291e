"""Powers, roots, exponentials and logarithms."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import PYTHON_SCALARS, REAL_FLOATING, Array, Namespace
from gradlab.op import FUNCTIONS, composite, op
from gradlab.samples import call, draw, pairs, real
from gradlab.tensor import Tensor

_LN_2 = math.log(2)
_LN_10 = math.log(10)


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
                xp.zeros_like(g)
                if exponent == 0
                else g * (exponent * xp.pow_scalar(input, exponent - 1))
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
    in_single="forward",
)
def pow_scalar(xp: Namespace, input: Array, exponent: float) -> Array:
    """Elements to the power of a number."""
    if input.dtype not in REAL_FLOATING or type(exponent) is complex:
        dtype = arrays.result_dtype((input, exponent))
        input = input.astype(dtype, copy=False)
        if dtype.kind == "b":
            return xp.logical_or(input, not exponent)
        if dtype.kind in "iu" and exponent < 0:
            raise RuntimeError(
                "Integers to negative integer powers are not allowed. Convert the tensor with "
                f".float() first, or write {float(exponent)}."
            )
    if exponent == 3:
        return input * input * input  # PyTorch's way, to the last bit
    if xp is numpy and input.dtype.kind == "f" and exponent not in _FAST and not exponent % 1:
        # NumPy takes 60 ns for a whole power of a negative number, 2 ns of a positive one.
        power = numpy.abs(input) ** exponent
        return numpy.copysign(power, input) if exponent % 2 else power
    return input**exponent


def _like_result(xp: Any, input: Any, out: Any) -> Any:
    """A base that is real although the result is complex has a complex logarithm."""
    if arrays.is_complex(out) and not arrays.is_complex(input):
        return input + xp.zeros_like(out)
    return input


_FAST = (-1, 0, 1, 2)  # exponents that NumPy knows by themselves


@op(
    latex=r"input^{exponent}",
    grad=dict(
        input=(
            lambda g, xp, input, exponent: xp.zeroed(
                g * (exponent * input ** (exponent - 1)), exponent == 0
            ),
            r"g \cdot exponent \cdot input^{exponent - 1}",
        ),
        exponent=(
            lambda g, xp, input, exponent, out: xp.zeroed(
                g * (out * xp.log(_like_result(xp, input, out))),
                xp.logical_and(input == 0, _is_not_negative(xp, exponent)),
            ),
            r"g \cdot out \cdot \ln input",
        ),
    ),
    promote="same",
    numbers=("input", "exponent"),
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
                xp.zeroed(g * (out * -math.inf), _is_not_negative(xp, exponent))
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


def _is_not_negative(xp: Any, value: Any) -> Any:
    """Where numbers are real and at least 0."""
    if not arrays.is_complex(value):
        return value >= 0
    real_part = xp.real_part(value)
    return xp.logical_and(real_part == value, real_part >= 0)


def _power(xp: Namespace, base: Array, exponent: Array) -> Array:
    """Powers; for integers also negative ones, of which PyTorch keeps the whole part."""
    if base.dtype.kind == "b":
        raise NotImplementedError(
            "\"pow\" not implemented for 'Bool'. Convert one of them, with .int() for example."
        )
    if exponent.dtype.kind == "i" and (exponent < 0).any():
        small = xp.where(base == 1, 1, xp.where(base == -1, 1 - 2 * (exponent & 1), 0))
        powers = xp.power(base, xp.maximum(exponent, 0))
        return xp.where(exponent < 0, small, powers).astype(base.dtype, copy=False)
    return xp.power(base, exponent)


def _log_of_number(value: complex) -> complex:
    if isinstance(value, complex):
        return cmath.log(value)
    return math.log(value) if value > 0 else math.nan


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
    latex=r"2^{input}",
    grad=dict(input=(lambda g, out: g * (out * _LN_2), r"g \cdot out \cdot \ln 2")),
    promote="float",
    samples=real(-2, 2),
)
def exp2(xp: Namespace, input: Array) -> Array:
    """2 to the power of each element.

    >>> import gradlab as gl
    >>> gl.exp2(gl.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return xp.exp2(input)


@op(
    latex=r"e^{input} - 1",
    grad=dict(input=(lambda g, out: g * (out + 1), r"g \, (out + 1)")),
    promote="float",
    samples=real(-2, 2),
)
def expm1(xp: Namespace, input: Array) -> Array:
    """e to the power of each element, minus 1; exact also for small elements.

    >>> import gradlab as gl
    >>> gl.expm1(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 1.7183])
    """
    return xp.expm1(input)


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
    latex=r"\log_2 input",
    grad=dict(input=(lambda g, input: g / (input * _LN_2), r"\frac{g}{input \, \ln 2}")),
    promote="float",
    samples=real(0.5, 3),
    in_single="forward",
)
def log2(xp: Namespace, input: Array) -> Array:
    """Logarithm to base 2 of each element.

    >>> import gradlab as gl
    >>> gl.log2(gl.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return xp.log2(input)


@op(
    latex=r"\log_{10} input",
    grad=dict(input=(lambda g, input: g / (input * _LN_10), r"\frac{g}{input \, \ln 10}")),
    promote="float",
    samples=real(0.5, 3),
)
def log10(xp: Namespace, input: Array) -> Array:
    """Logarithm to base 10 of each element.

    >>> import gradlab as gl
    >>> gl.log10(gl.tensor([1.0, 100.0]))
    tensor([0., 2.])
    """
    if input.dtype.kind == "c":
        return xp.log10(input)
    # In float32 NumPy's is a last bit off for 100 and other powers of ten, and it shows in print.
    return xp.log10(input, dtype=numpy.float64).astype(input.dtype, copy=False)


@op(
    latex=r"\ln (1 + input)",
    grad=dict(input=(lambda g, input: g / (input + 1), r"\frac{g}{1 + input}")),
    promote="float",
    node="Log1PBackward0",
    samples=real(-0.5, 3),
)
def log1p(xp: Namespace, input: Array) -> Array:
    """Natural logarithm of 1 plus each element; exact also for small elements.

    >>> import gradlab as gl
    >>> gl.log1p(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.6931])
    """
    return xp.log1p(input)


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


@op(
    latex=r"\frac{1}{\sqrt{input}}",
    grad=dict(input=(lambda g, out: -0.5 * g * out**3, r"-\frac{1}{2} \, g \cdot out^3")),
    promote="float",
    samples=real(0.5, 3),
    in_single="forward",
)
def rsqrt(xp: Namespace, input: Array) -> Array:
    """One divided by the square root of each element: inf at 0, nan below.

    >>> import gradlab as gl
    >>> gl.rsqrt(gl.tensor([4.0, 0.25]))
    tensor([0.5000, 2.0000])
    """
    return xp.divide(1, xp.sqrt(input))


@composite(inplace=True)
def square(input: Any) -> Tensor:
    """Each element times itself.

    >>> import gradlab as gl
    >>> gl.square(gl.tensor([1.0, -2.0]))
    tensor([1., 4.])
    """
    return pow(input, 2)  # type: ignore[no-any-return]


for _name, _same in {"__ipow__": "pow_"}.items():
    setattr(Tensor, _name, getattr(Tensor, _same))

for _name in ("square",):
    FUNCTIONS[_name + "_"] = getattr(Tensor, _name + "_")
