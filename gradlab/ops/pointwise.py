"""Arithmetic, element by element: sums, products, quotients, remainders, signs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import PYTHON_SCALARS, Array, Namespace
from gradlab.op import alias, composite, inplace_operator, op
from gradlab.ops.remainders import floored_rest, truncated_rest
from gradlab.samples import call, draw, pairs, real
from gradlab.tensor import Tensor
from gradlab.type_info import number_of

_LN_2 = math.log(2)
_LN_10 = math.log(10)


def require_float(kernel: str, array: Array) -> None:
    """Raise PyTorch's error for whole numbers, bools, and complex numbers."""
    if array.dtype.kind != "f":
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{arrays.dtype_of(array).type_name}': only "
            "floating-point numbers will do"
        )


# ------------------------------------------------------------------ arithmetic

_ONE = 1  # the one int of this value there is: ``is`` it, and not True or 1.0, takes half of ==


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
    return xp.add(input, other if alpha is _ONE else _scaled(xp, other, alpha))


@op(
    latex=r"input - \alpha \, other",
    grad=dict(
        input=(lambda g: g, r"g"),
        other=(lambda g, alpha: -g if alpha == 1 else g * -alpha, r"-g \cdot alpha"),
    ),
    promote="no bool",
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
        return xp.subtract(input, other if alpha is _ONE else _scaled(xp, other, alpha))
    except TypeError:
        raise RuntimeError(_NO_BOOL_SUBTRACTION) from None


@op(
    latex=r"other - \alpha \, input",
    grad=dict(
        input=(lambda g, alpha: -g if alpha == 1 else g * -alpha, r"-g \cdot alpha"),
    ),
    promote="no bool",
    numbers=("other",),
    node="RsubBackward1",
    public=False,
    method=False,
    inplace=False,
    operator="__rsub__",
    samples=(call(draw(3), 2.0), call(draw(2, 3), 1), call(draw(), 2.0, alpha=2.5)),
)
def rsub(xp: Namespace, input: Array, other: Array, *, alpha: float = 1) -> Array:
    """A number minus elements."""
    try:
        return xp.subtract(other, input if alpha is _ONE else _scaled(xp, input, alpha))
    except TypeError:
        raise RuntimeError(_NO_BOOL_SUBTRACTION) from None


@composite("rsub", method=False)
def _rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Difference the other way round: ``other`` minus ``alpha`` times ``input``.

    >>> import gradlab as gl
    >>> gl.rsub(gl.tensor([1.0, 2.0]), 10)
    tensor([9., 8.])
    """
    if isinstance(other, Tensor):
        return rsub_tensor(input, other, alpha=alpha)
    return rsub(input, other, alpha=alpha)


@op(
    latex=r"other - \alpha \, input",
    grad=dict(
        input=(lambda g, alpha: -g if alpha == 1 else g * -alpha, r"-g \cdot alpha"),
        other=(lambda g: g, r"g"),
    ),
    promote="no bool",
    numbers=("other",),
    node="RsubBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(*pairs(), call(draw(3), draw(3), alpha=2.5)),
)
def rsub_tensor(xp: Namespace, input: Array, other: Array, *, alpha: float = 1) -> Array:
    """Elements of ``other`` minus elements of ``input``."""
    try:
        return xp.subtract(other, input if alpha is _ONE else _scaled(xp, input, alpha))
    except TypeError:
        raise RuntimeError(_NO_BOOL_SUBTRACTION) from None


_NO_BOOL_SUBTRACTION = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
    "`logical_xor()` operator instead."
)


def _scaled(xp: Namespace, array: Array, alpha: Any) -> Array:
    """``array`` times ``alpha``, which must not be of a higher category than the array's dtype."""
    alpha = number_of("add", "alpha", alpha)
    if isinstance(alpha, (bool, numpy.bool)) and array.dtype.kind != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, (complex, numpy.complexfloating)) and array.dtype.kind != "c":
        raise RuntimeError(
            "For non-complex input tensors, argument alpha must not be a complex number, "
            f"got {alpha}."
        )
    if isinstance(alpha, (float, numpy.floating)) and array.dtype.kind in "iub":
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number, "
            f"got {alpha}."
        )
    return array * xp.asarray(alpha).astype(array.dtype)


@op(
    latex=r"input \cdot other",
    grad=dict(
        input=(lambda g, other: g * other, r"g \cdot other"),
        other=(lambda g, input: g * input, r"g \cdot input"),
    ),
    promote="same",
    operator="__mul__",
    samples=pairs(),
    in_single="with numbers",
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
    public=False,
    method=False,
    inplace=False,
    operator="__truediv__",
    samples=pairs(-2, 2, 0.5, 2),
    in_single="with numbers",
)
def div(xp: Namespace, input: Array, other: Array) -> Array:
    """Quotient of two tensors."""
    return xp.divide(input, other)


@composite("div", inplace=True)
def _div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient of two tensors, element by element; integers divide to floats.

    ``rounding_mode`` "floor" rounds it down and "trunc" towards zero; both keep integers and have
    gradient 0. Raises RuntimeError for other modes and for integers divided by 0 with a mode.

    >>> import gradlab as gl
    >>> gl.div(gl.tensor([3, 4]), 2)
    tensor([1.5000, 2.0000])
    >>> gl.div(gl.tensor([3, 4]), 2, rounding_mode="floor")
    tensor([1, 2])
    """
    if rounding_mode is None:
        return div(input, other)  # type: ignore[no-any-return]
    return div_rounded(input, other, rounding_mode=rounding_mode)  # type: ignore[no-any-return]


@op(
    latex=r"\mathrm{round}\left(\frac{input}{other}\right)",
    grad=dict(
        input=(lambda g, xp, input, other, rounding_mode: xp.zeros_like(g), r"0"),
        other=(lambda g, xp, input, other: xp.zeros_like(g), r"0"),
    ),
    promote="same",
    node="DivBackward2",
    public=False,
    method=False,
    inplace=False,
    samples=(
        call(draw(5, low=-9, high=9), draw(5, low=1, high=3), rounding_mode="floor"),
        call(draw(5, low=-9, high=9), draw(low=1, high=3), rounding_mode="trunc"),
    ),
)
def div_rounded(xp: Namespace, input: Array, other: Array, *, rounding_mode: str) -> Array:
    """Whole quotients."""
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    _check_divisor(f"div_{rounding_mode}_cpu", xp, input, other)
    if rounding_mode == "floor":
        return _floor_quotient(xp, input, other)
    if input.dtype.kind == "f":
        return xp.trunc(xp.divide(input, other))
    quotient = xp.floor_divide(input, other)
    rest = input - quotient * other
    return quotient + ((rest != 0) & ((input < 0) != (other < 0)))


def _check_divisor(kernel: str, xp: Namespace, input: Array, other: Array) -> None:
    """Raise PyTorch's errors for bools, complex numbers, and integers divided by 0."""
    if input.dtype.kind in "bc":
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{arrays.dtype_of(input).type_name}': integers or "
            "floating-point numbers are needed"
        )
    if input.dtype.kind in "iu" and xp.any(xp.asarray(other == 0)):
        raise RuntimeError("ZeroDivisionError: an integer was divided by 0")


_DETACH = "it would be 0 wherever there is one. Detach the tensor first"


def no_gradient(name: str, way_out: str = _DETACH) -> Callable[[], Any]:
    """The gradient of an operation for which PyTorch has none either."""

    def formula() -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented; {way_out}.")

    return formula


_NO_FLOOR_DIVIDE = no_gradient("floor_divide", f"{_DETACH}, or use div(..., rounding_mode='floor')")


@op(
    latex=r"\lfloor input / other \rfloor",
    grad=dict(
        input=(_NO_FLOOR_DIVIDE, r"\text{none}"),
        other=(_NO_FLOOR_DIVIDE, r"\text{none}"),
    ),
    promote="same",
    node="NotImplemented",
    operator="__floordiv__",
    in_single="with numbers",
)
def floor_divide(xp: Namespace, input: Array, other: Array) -> Array:
    """Quotient of two tensors, rounded down; integers stay integers.

    Has no gradient. Raises RuntimeError for integers divided by 0.

    >>> import gradlab as gl
    >>> gl.tensor([-7, 7]) // 2
    tensor([-4,  3])
    """
    _check_divisor("div_floor_cpu", xp, input, other)
    return _floor_quotient(xp, input, other)


def _floor_quotient(xp: Namespace, input: Array, other: Array) -> Array:
    """Quotients rounded down, exactly.

    NumPy's function takes 20 ns for a float, and is asked only where it must be: a quotient that is
    not whole was not rounded across a whole number, so that its floor is right.
    """
    if xp is not numpy or input.dtype.kind != "f" or input.ndim + other.ndim == 0:
        return xp.floor_divide(input, other)
    quotient = numpy.divide(input, other)
    floor = numpy.floor(quotient)
    unsure = floor == quotient
    if unsure.any():
        one, two = numpy.broadcast_arrays(input, other)
        floor[unsure] = numpy.floor_divide(one[unsure], two[unsure])
    return floor


@composite("__rfloordiv__", public=False)
def _rfloordiv(input: Any, other: Any) -> Any:
    return floor_divide(other, input)


@composite(inplace=True)
def remainder(input: Any, other: Any) -> Tensor:
    """What is left of ``input`` after whole times ``other``, with the sign of ``other``.

    The ``%`` of Python. The gradient of ``other`` is minus the whole times; of a number's
    remainder there is none. Raises RuntimeError for integers divided by 0.

    >>> import gradlab as gl
    >>> gl.remainder(gl.tensor([-7.0, 7.0]), 3)
    tensor([2., 1.])
    """
    if type(other) in PYTHON_SCALARS:
        return remainder_scalar(input, other)  # type: ignore[no-any-return]
    if type(input) in PYTHON_SCALARS:
        return scalar_remainder(input, other)  # type: ignore[no-any-return]
    return remainder_tensor(input, other)  # type: ignore[no-any-return]


@op(
    latex=r"input \bmod other",
    grad=dict(input=(lambda g: g, r"g")),
    promote="same",
    numbers=("input", "other"),
    node="RemainderBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(call(draw(5, low=-9, high=9), 2.5), call(draw(), -1.5)),
)
def remainder_scalar(xp: Namespace, input: Array, other: Array) -> Array:
    """What is left after whole times a number."""
    return _remainder(xp, input, other)


_NO_REMAINDER = no_gradient("remainder", "of a number. Make the number a tensor")


@op(
    latex=r"input \bmod other",
    grad=dict(input=(_NO_REMAINDER, r"\text{none}"), other=(_NO_REMAINDER, r"\text{none}")),
    promote="same",
    node="NotImplemented",
    public=False,
    method=False,
    inplace=False,
)
def scalar_remainder(xp: Namespace, input: Array, other: Array) -> Array:
    """What is left of a number after whole times elements."""
    return _remainder(xp, input, other)


@op(
    latex=r"input \bmod other",
    grad=dict(
        input=(lambda g: g, r"g"),
        other=(
            lambda g, xp, input, other: -g * xp.div_rounded(input, other, rounding_mode="floor"),
            r"-g \, \lfloor input / other \rfloor",
        ),
    ),
    promote="same",
    numbers=("input", "other"),
    node="RemainderBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=pairs(-9, 9, 1, 3),
)
def remainder_tensor(xp: Namespace, input: Array, other: Array) -> Array:
    """What is left after whole times elements."""
    return _remainder(xp, input, other)


def _remainder(xp: Namespace, input: Array, other: Array) -> Array:
    _check_divisor("remainder_cpu", xp, input, other)
    if input.dtype.kind != "f":
        return xp.remainder(input, other)
    return floored_rest(xp, input, other)


@composite("__mod__", public=False)
def _mod(input: Any, other: Any) -> Any:
    try:
        return remainder(input, other)
    except TypeError:
        return NotImplemented


@composite("__rmod__", public=False)
def _rmod(input: Any, other: Any) -> Any:
    return _mod(other, input)


@composite(inplace=True)
def fmod(input: Any, other: Any) -> Tensor:
    """What is left of ``input`` after whole times ``other``, with the sign of ``input``.

    The ``fmod`` of C. Raises RuntimeError for integers divided by 0.

    >>> import gradlab as gl
    >>> gl.fmod(gl.tensor([-7.0, 7.0]), 3)
    tensor([-1.,  1.])
    """
    if type(other) in PYTHON_SCALARS:
        return fmod_scalar(input, other)  # type: ignore[no-any-return]
    return fmod_tensor(input, other)  # type: ignore[no-any-return]


@op(
    latex=r"\mathrm{fmod}(input, other)",
    grad=dict(input=(lambda g: g, r"g")),
    promote="same",
    numbers=("other",),
    node="FmodBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(call(draw(5, low=-9, high=9), 2.5), call(draw(), -1.5)),
)
def fmod_scalar(xp: Namespace, input: Array, other: Array) -> Array:
    """C's fmod with a number."""
    return _fmod(xp, input, other)


@op(
    latex=r"\mathrm{fmod}(input, other)",
    grad=dict(
        input=(lambda g: g, r"g"),
        other=(
            lambda g, xp, input, other: -g * xp.div_rounded(input, other, rounding_mode="trunc"),
            r"-g \cdot \mathrm{trunc}(input / other)",
        ),
    ),
    promote="same",
    numbers=("other",),
    node="FmodBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=pairs(-9, 9, 1, 3),
)
def fmod_tensor(xp: Namespace, input: Array, other: Array) -> Array:
    """C's fmod of elements."""
    return _fmod(xp, input, other)


def _fmod(xp: Namespace, input: Array, other: Array) -> Array:
    _check_divisor("fmod_cpu", xp, input, other)
    return truncated_rest(xp, input, other)


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
    grad=dict(input=(lambda g, xp, input: g * xp.sgn(input), r"g \cdot \mathrm{sign}(input)")),
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
    if input.dtype.kind == "b":
        raise NotImplementedError(
            "\"abs_cpu\" not implemented for 'Bool': a bool is never negative"
        )
    return xp.absolute(input)


@composite()
def positive(input: Tensor) -> Tensor:
    """The tensor itself. Raises RuntimeError for bools.

    >>> import gradlab as gl
    >>> +gl.tensor([1.0, -2.0])
    tensor([ 1., -2.])
    """
    if input.dtype is arrays.bool_:
        raise RuntimeError(
            "The `+` operator, on a bool tensor is not supported. Convert it with .int() first."
        )
    return input


@op(
    latex=r"\mathrm{sign}(input)",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    promote="same",
    samples=(*real(0.1, 2), *real(-2, -0.1)),
)
def sign(xp: Namespace, input: Array) -> Array:
    """-1, 0 or 1 by the sign of each element; 0 for nan. The gradient is 0 everywhere.

    >>> import gradlab as gl
    >>> gl.sign(gl.tensor([-1.5, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    if input.dtype.kind == "c":
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
            "torch.sgn instead."
        )
    return _signs(xp, input)


@op(
    latex=r"\mathrm{sign}(input)",
    grad=dict(
        input=(
            lambda g, xp, input, out: (
                xp.ratio(g - xp.real_part(g * xp.conj(out)) * out, xp.abs(input))
                if arrays.is_complex(input)
                else xp.zeros_like(g)
            ),
            r"\frac{g - \operatorname{Re}(g \, \overline{out}) \, out}{|input|}",
        )
    ),
    promote="same",
    holomorphic=False,
    samples=(*real(0.1, 2), *real(-2, -0.1)),
)
def sgn(xp: Namespace, input: Array) -> Array:
    """The sign of each element, as ``sign``; for a complex one, it divided by its length.

    >>> import gradlab as gl
    >>> gl.sgn(gl.tensor([-1.5, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    return _signs(xp, input)


def _signs(xp: Namespace, array: Array) -> Array:
    if array.dtype.kind == "c":
        return xp.sign(array)
    if array.dtype.kind == "b":
        return array.copy()
    # Not xp.sign, which leaves nan where PyTorch has 0.
    return xp.greater(array, 0).astype(array.dtype) - xp.less(array, 0)


# ------------------------------------------------------------------ operators

for _name, _same in {
    "__radd__": "__add__",
    "__rmul__": "__mul__",
    "__pos__": "positive",
}.items():
    setattr(Tensor, _name, getattr(Tensor, _same))

for _name, _same in {
    "__iadd__": "add",
    "__isub__": "sub",
    "__imul__": "mul",
    "__itruediv__": "div",
    "__ifloordiv__": "floor_divide",
    "__imod__": "remainder",
}.items():
    setattr(Tensor, _name, inplace_operator(_same))

alias("sub", "subtract")
alias("mul", "multiply")
alias("div", "divide", "true_divide")
alias("neg", "negative")
alias("abs", "absolute")
