"""More of arithmetic: signs and exponents of floating-point numbers, divisors, degrees, sums of
exponentials.
"""

from __future__ import annotations

import math
from typing import Any

from gradlab import arrays, return_types
from gradlab.arrays import PYTHON_SCALARS, Array, Namespace
from gradlab.inplace import assign
from gradlab.op import FUNCTIONS, composite, op
from gradlab.ops import powers
from gradlab.ops.pointwise import no_gradient, require_float
from gradlab.samples import call, draw, indices, pairs, real
from gradlab.tensor import Tensor

_DEGREES = 180 / math.pi

# ------------------------------------------------------------------ signs


@composite(inplace=True)
def copysign(input: Any, other: Any) -> Tensor:
    """The size of ``input`` with the sign of ``other``, a tensor or a number; zeros have one too.

    Shapes broadcast; integers become floats. The gradient of ``other`` is 0, and at an ``input``
    of 0 that of ``input`` is, too.

    >>> import gradlab as gl
    >>> gl.copysign(gl.tensor([1.0, -2.0]), gl.tensor([-0.0, 3.0]))
    tensor([-1.,  2.])
    """
    if type(other) in PYTHON_SCALARS:
        return copysign_scalar(input, other)  # type: ignore[no-any-return]
    return copysign_tensor(input, other)  # type: ignore[no-any-return]


_COPYSIGN = r"|input| \cdot \mathrm{sign}(other)"
_COPYSIGN_INPUT = (
    lambda g, xp, input, out: g * (xp.sgn(input) * xp.sgn(out)),
    r"g \cdot \mathrm{sign}(input) \cdot \mathrm{sign}(other)",
)


@op(
    latex=_COPYSIGN,
    grad=dict(input=_COPYSIGN_INPUT, other=(lambda g, xp: xp.zeros_like(g), r"0")),
    promote="float",
    numbers=("other",),
    node="CopysignBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(*pairs(0.5, 2, 0.5, 2), *pairs(0.5, 2, -2, -0.5)),
)
def copysign_tensor(xp: Namespace, input: Array, other: Array) -> Array:
    """The signs of a tensor."""
    require_float("copysign_cpu", input)
    return xp.copysign(input, other)


@op(
    latex=_COPYSIGN,
    grad=dict(input=_COPYSIGN_INPUT),
    promote="float",
    node="CopysignBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=(call(draw(3, low=0.5), -2.0), call(draw(low=0.5), 3)),
)
def copysign_scalar(xp: Namespace, input: Array, other: float) -> Array:
    """The sign of a number."""
    require_float("copysign_cpu", input)
    return xp.copysign(input, other)


@op(latex=r"[input < 0]", samples=(call(draw(3)), call(draw()), call(draw(0))))
def signbit(xp: Namespace, input: Array) -> Array:
    """Whether each element is negative; -0.0 is.

    >>> import gradlab as gl
    >>> gl.signbit(gl.tensor([1.0, -0.0]))
    tensor([False,  True])
    """
    kind = input.dtype.kind
    if kind == "c":
        raise NotImplementedError("signbit is not implemented for complex tensors: they have none")
    return xp.signbit(input) if kind == "f" else input < 0


@op(latex=r"[input = \infty]", samples=(call(draw(3)), call(draw())))
def isposinf(xp: Namespace, input: Array) -> Array:
    """Whether each element is infinite and positive.

    >>> import gradlab as gl
    >>> gl.isposinf(gl.tensor([float("inf"), -float("inf"), 1.0]))
    tensor([ True, False, False])
    """
    if input.dtype.kind == "c":
        raise RuntimeError("isposinf does not support complex inputs: they are neither")
    return input == math.inf


@op(latex=r"[input = -\infty]", samples=(call(draw(3)), call(draw())))
def isneginf(xp: Namespace, input: Array) -> Array:
    """Whether each element is infinite and negative.

    >>> import gradlab as gl
    >>> gl.isneginf(gl.tensor([float("inf"), -float("inf"), 1.0]))
    tensor([False,  True, False])
    """
    if input.dtype.kind == "c":
        raise RuntimeError("isneginf does not support complex inputs: they are neither")
    return input == -math.inf


@op(latex=r"[\mathrm{Im}(input) = 0]", samples=(call(draw(3)), call(draw())))
def isreal(xp: Namespace, input: Array) -> Array:
    """Whether each element is a real number: complex ones are where their imaginary part is 0.

    >>> import gradlab as gl
    >>> gl.isreal(gl.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    return input.imag == 0 if input.dtype.kind == "c" else xp.ones(input.shape, bool)


@op(
    latex=r"\begin{cases} 0 & input < 0 \\ values & input = 0 \\ 1 & input > 0 \end{cases}",
    grad=dict(
        input=(no_gradient("heaviside"), r"\text{none}"),
        values=(no_gradient("heaviside"), r"\text{none}"),
    ),
    node="NotImplemented",
    inplace=True,
)
def heaviside(xp: Namespace, input: Array, values: Array) -> Array:
    """The step from 0 to 1: 0 below zero (and for nan), 1 above, ``values`` at it.

    Shapes broadcast. Has no gradient. Raises RuntimeError for different dtypes.

    >>> import gradlab as gl
    >>> gl.heaviside(gl.tensor([-2.0, 0.0, 3.0]), gl.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if "c" in (input.dtype.kind, values.dtype.kind):
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input.dtype != values.dtype:
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes. Convert one with "
            ".to(...)"
        )
    return xp.where(input == 0, values, (input > 0).astype(input.dtype))


# ------------------------------------------------------------------ exponents


@op(
    latex=r"input \cdot 2^{other}",
    grad=dict(
        input=(lambda g, xp, other: g * xp.exp2(other), r"g \cdot 2^{other}"),
        other=(lambda g, out: g * (out * math.log(2)), r"g \cdot out \cdot \ln 2"),
    ),
    promote="float",
    numbers=(),
    samples=pairs(),
)
def ldexp(xp: Namespace, input: Array, other: Array) -> Array:
    """``input`` times 2 to the power ``other``.

    >>> import gradlab as gl
    >>> gl.ldexp(gl.tensor([1.0, 3.0]), gl.tensor([2, -1]))
    tensor([4.0000, 1.5000])
    """
    half = xp.floor(other.real / 2)  # in two steps: neither overflows before the product does
    product = input * xp.exp2(half) * xp.exp2(other - half)
    stays = ((input == 0) | xp.isinf(input)) & xp.isfinite(other)  # the product may be nan there
    return xp.where(stays, input, product)


@op(
    latex=r"mantissa \cdot 2^{exponent} = input",
    grad=dict(
        input=(
            lambda g, xp, exponent: g / xp.exp2(exponent + xp.zeros_like(g)),
            r"\frac{g}{2^{exponent}}",
        )
    ),
    outputs=("mantissa", "exponent"),
    node="FrexpBackward0",
    public=False,
    method=False,
    samples=(call(draw(3, low=1.1, high=1.9)), call(draw(2, 3, low=-7, high=-4.1)), call(draw(0))),
)
def frexp_parts(xp: Namespace, input: Array) -> tuple[Array, Array]:
    """Mantissa and exponent."""
    if input.dtype.kind != "f":
        raise RuntimeError(
            "torch.frexp() only supports floating-point dtypes. Convert it, with .float() for "
            "example."
        )
    mantissa, exponent = xp.frexp(input)
    return mantissa, xp.where(xp.isfinite(input), exponent, 0).astype("int32")


@composite()
def frexp(input: Tensor) -> Any:
    """Each element as a mantissa of size [0.5, 1) times 2 to an exponent: a pair of tensors.

    Raises RuntimeError for dtypes other than floating-point ones.

    >>> import gradlab as gl
    >>> gl.frexp(gl.tensor([3.0, 8.0]))
    torch.return_types.frexp(
    mantissa=tensor([0.7500, 0.5000]),
    exponent=tensor([2, 4], dtype=torch.int32))
    """
    return return_types.frexp(*frexp_parts(input))


@op(
    latex=r"\mathrm{nextafter}(input, other)",
    grad=dict(
        input=(
            lambda g, xp, input, other: xp.zeroed(g, input == other),
            r"\begin{cases} g & input \ne other \\ 0 & input = other \end{cases}",
        ),
        other=(
            lambda g, xp: xp.zeros_like(g),
            r"0",
        ),
    ),
    promote="same",
    numbers=(),
    samples=pairs(-2, -1, 1, 2),
)
def nextafter(xp: Namespace, input: Array, other: Array) -> Array:
    """The number that comes next after ``input`` on the way to ``other``.

    Raises NotImplementedError for whole numbers.

    >>> import gradlab as gl
    >>> (gl.nextafter(gl.tensor(1.0), gl.tensor(2.0)) - 1).item()
    1.1920928955078125e-07
    """
    require_float("nextafter_cpu", input)
    return xp.nextafter(input, other)


@composite()
def float_power(input: Any, exponent: Any) -> Tensor:
    """As ``pow``, computed in float64 (or complex128) whatever the dtypes.

    >>> import gradlab as gl
    >>> gl.float_power(gl.tensor([2]), -1)
    tensor([0.5000], dtype=torch.float64)
    """
    if not (isinstance(input, Tensor) or isinstance(exponent, Tensor)):
        raise TypeError(
            "float_power() received an invalid combination of arguments - got "
            f"({type(input).__name__}, {type(exponent).__name__}): one of them must be a Tensor"
        )
    dtype = _double_dtype(input, exponent)
    return powers.pow(_in_dtype(input, dtype), _in_dtype(exponent, dtype))  # type: ignore[no-any-return]


@composite(public=False)
def float_power_(input: Tensor, exponent: Any) -> Tensor:
    """In-place form of ``float_power``, for tensors of float64 (or complex128)."""
    dtype = _double_dtype(input, exponent)
    if input.dtype is not dtype:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {input.dtype.type_name} but the "
            f"operation's result requires dtype {dtype.type_name}. Use float_power(...)."
        )
    return assign(input, float_power(input, exponent), direct=True)  # type: ignore[no-any-return]


def _double_dtype(*values: Any) -> arrays.dtype:
    is_complex = any(
        type(v) is complex or getattr(v, "dtype", arrays.bool_).is_complex for v in values
    )
    return arrays.complex128 if is_complex else arrays.float64


def _in_dtype(value: Any, dtype: arrays.dtype) -> Any:
    if isinstance(value, Tensor):
        return value.to(dtype)
    return complex(value) if dtype.is_complex else float(value)


# ------------------------------------------------------------------ divisors


@op(
    latex=r"\gcd(input, other)",
    promote="same",
    numbers=(),
    samples=(call(indices(4, below=50), indices(4, below=50)),),
)
def gcd(xp: Namespace, input: Array, other: Array) -> Array:
    """The largest whole number that divides both elements.

    Raises NotImplementedError for anything but integers.

    >>> import gradlab as gl
    >>> gl.gcd(gl.tensor([12, -7, 0]), gl.tensor(8))
    tensor([4, 1, 8])
    """
    _require_integers("gcd_cpu", input)
    return xp.gcd(input, other)


@op(
    latex=r"\mathrm{lcm}(input, other)",
    promote="same",
    numbers=(),
    samples=(call(indices(4, below=50), indices(4, below=50)),),
)
def lcm(xp: Namespace, input: Array, other: Array) -> Array:
    """The smallest positive whole number that both elements divide; 0 where one is 0.

    Raises NotImplementedError for anything but integers.

    >>> import gradlab as gl
    >>> gl.lcm(gl.tensor([4, -3, 0]), gl.tensor(6))
    tensor([12,  6,  0])
    """
    _require_integers("lcm_cpu", input)
    return xp.lcm(input, other)


def _require_integers(kernel: str, array: Array) -> None:
    if array.dtype.kind not in "iu":
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{arrays.dtype_of(array).type_name}': only "
            "integers will do"
        )


# ------------------------------------------------------------------ degrees


@op(
    latex=r"\frac{\pi}{180} \, input",
    grad=dict(input=(lambda g: g * (1 / _DEGREES), r"\frac{\pi}{180} \, g")),
    promote="float",
    node="Deg2RadBackward0",
    samples=real(-180, 180),
    in_single=True,
)
def deg2rad(xp: Namespace, input: Array) -> Array:
    """Angles in degrees as angles in radians.

    >>> import gradlab as gl
    >>> gl.deg2rad(gl.tensor([180.0, 90.0]))
    tensor([3.1416, 1.5708])
    """
    return _scaled_angle("deg2rad", input, 1 / _DEGREES)


@op(
    latex=r"\frac{180}{\pi} \, input",
    grad=dict(input=(lambda g: g * _DEGREES, r"\frac{180}{\pi} \, g")),
    promote="float",
    node="Rad2DegBackward0",
    samples=real(-3, 3),
    in_single=True,
)
def rad2deg(xp: Namespace, input: Array) -> Array:
    """Angles in radians as angles in degrees.

    >>> import gradlab as gl
    >>> gl.rad2deg(gl.tensor([3.1416, 0.0])).round()
    tensor([180.,   0.])
    """
    return _scaled_angle("rad2deg", input, _DEGREES)


def _scaled_angle(name: str, array: Array, factor: float) -> Array:
    if array.dtype.kind == "c":
        raise RuntimeError(f"{name} is not supported for complex tensors. Take its .angle() first.")
    return array * factor


# ------------------------------------------------------------------ sums of exponentials


@op(
    latex=r"\ln (e^{input} + e^{other})",
    grad=dict(
        input=(
            lambda g, xp, input, other: g / (xp.exp(other - input) + 1),
            r"\frac{g}{1 + e^{other - input}}",
        ),
        other=(
            lambda g, xp, input, other: g / (xp.exp(input - other) + 1),
            r"\frac{g}{1 + e^{input - other}}",
        ),
    ),
    promote="same",
    numbers=(),
    inplace=False,
    samples=pairs(),
)
def logaddexp(xp: Namespace, input: Array, other: Array) -> Array:
    """Logarithm of the sum of two exponentials, without overflow. Shapes broadcast.

    Raises NotImplementedError for whole numbers.

    >>> import gradlab as gl
    >>> gl.logaddexp(gl.tensor(1000.0), gl.tensor(1000.0))
    tensor(1000.6932)
    """
    if input.dtype.kind == "c":
        return log_of_sum(xp, input, other)
    require_float("logaddexp_cpu", input)
    return xp.logaddexp(input, other)


def log_of_sum(xp: Namespace, input: Array, other: Array) -> Array:
    """``logaddexp`` of complex numbers, which NumPy has not."""
    swapped = input.real < other.real
    large, small = xp.where(swapped, other, input), xp.where(swapped, input, other)
    found = large + xp.log1p(xp.exp(small - large))
    return xp.where(xp.isinf(large.real) & (large == small), large, found)


@op(
    latex=r"\log_2 (2^{input} + 2^{other})",
    grad=dict(
        input=(
            lambda g, xp, input, other: g / (xp.exp2(other - input) + 1),
            r"\frac{g}{1 + 2^{other - input}}",
        ),
        other=(
            lambda g, xp, input, other: g / (xp.exp2(input - other) + 1),
            r"\frac{g}{1 + 2^{input - other}}",
        ),
    ),
    promote="same",
    numbers=(),
    node="Logaddexp2Backward0",
    inplace=False,
    samples=pairs(),
)
def logaddexp2(xp: Namespace, input: Array, other: Array) -> Array:
    """Logarithm to base 2 of the sum of two powers of 2, without overflow. Shapes broadcast.

    Raises NotImplementedError for complex numbers and integers.

    >>> import gradlab as gl
    >>> gl.logaddexp2(gl.tensor(1000.0), gl.tensor(1000.0))
    tensor(1001.)
    """
    require_float("logaddexp2_cpu", input)
    return xp.logaddexp2(input, other)


for _name in ("gcd_", "lcm_", "ldexp_"):
    FUNCTIONS[_name] = getattr(Tensor, _name)
