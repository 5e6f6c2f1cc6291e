"""Comparison, logic and bits: results that have no gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import FUNCTIONS, alias, composite, op
from gradlab.ops.shape import array_of, normal_dims
from gradlab.samples import Draw, call, draw, mask, pairs, real
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ order


@op(
    latex=r"input = other",
    promote="same",
    numbers=("other",),
    inplace=False,
    operator="__eq__",
    samples=pairs(),
)
def eq(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements are equal.

    Shapes broadcast; the result is bool.

    >>> import gradlab as gl
    >>> gl.eq(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 3.0]))
    tensor([ True, False])
    """
    return xp.equal(input, other)


@op(
    latex=r"input \ne other",
    promote="same",
    numbers=("other",),
    inplace=False,
    operator="__ne__",
    samples=pairs(),
)
def ne(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements differ; a nan differs from everything.

    >>> import gradlab as gl
    >>> gl.ne(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 3.0]))
    tensor([False,  True])
    """
    return xp.not_equal(input, other)


@op(
    latex=r"input < other",
    promote="same",
    numbers=("other",),
    inplace=False,
    operator="__lt__",
    samples=pairs(),
)
def lt(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements of ``input`` are less than those of ``other``.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]) < 2
    tensor([ True, False])
    """
    _check_ordered("lt_cpu", input)
    return xp.less(input, other)


@op(
    latex=r"input \le other",
    promote="same",
    numbers=("other",),
    inplace=False,
    operator="__le__",
    samples=pairs(),
)
def le(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements of ``input`` are less than those of ``other`` or equal.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]) <= 1
    tensor([ True, False])
    """
    _check_ordered("le_cpu", input)
    return xp.less_equal(input, other)


@op(
    latex=r"input > other",
    promote="same",
    numbers=("other",),
    inplace=False,
    operator="__gt__",
    samples=pairs(),
)
def gt(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements of ``input`` are greater than those of ``other``.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]) > 1
    tensor([False,  True])
    """
    _check_ordered("gt_cpu", input)
    return xp.greater(input, other)


@op(
    latex=r"input \ge other",
    promote="same",
    numbers=("other",),
    inplace=False,
    operator="__ge__",
    samples=pairs(),
)
def ge(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements of ``input`` are greater than those of ``other`` or equal.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]) >= 2
    tensor([False,  True])
    """
    _check_ordered("ge_cpu", input)
    return xp.greater_equal(input, other)


def _check_ordered(kernel: str, array: Array) -> None:
    if array.dtype.kind == "c":
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{arrays.dtype_of(array).type_name}': complex "
            "numbers have no order; compare their .abs()"
        )


# ------------------------------------------------------------------ logic

_MASKS = (
    call(mask(4), mask(4)),
    call(mask(2, 1), mask(3)),
    call(mask(), mask()),
    call(draw(3), mask(3)),
)


@op(latex=r"\lnot input", samples=(call(mask(4)), call(mask()), call(draw(3))))
def logical_not(xp: Namespace, input: Array) -> Array:
    """Whether elements are False (or zero).

    >>> import gradlab as gl
    >>> gl.logical_not(gl.tensor([0.0, 2.0]))
    tensor([ True, False])
    """
    return xp.logical_not(input)


@op(latex=r"input \land other", promote="same", numbers=(), inplace=False, samples=_MASKS)
def logical_and(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether both elements are True (or not zero).

    >>> import gradlab as gl
    >>> gl.logical_and(gl.tensor([True, True]), gl.tensor([True, False]))
    tensor([ True, False])
    """
    return xp.logical_and(input, other)


@op(latex=r"input \lor other", promote="same", numbers=(), inplace=False, samples=_MASKS)
def logical_or(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether an element or both are True (or not zero).

    >>> import gradlab as gl
    >>> gl.logical_or(gl.tensor([True, False]), gl.tensor([False, False]))
    tensor([ True, False])
    """
    return xp.logical_or(input, other)


@op(latex=r"input \oplus other", promote="same", numbers=(), inplace=False, samples=_MASKS)
def logical_xor(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether exactly one of the elements is True (or not zero).

    >>> import gradlab as gl
    >>> gl.logical_xor(gl.tensor([True, True]), gl.tensor([True, False]))
    tensor([False,  True])
    """
    return xp.logical_xor(input, other)


@op(
    latex=r"\textstyle\bigwedge input",
    public=False,
    method=False,
    samples=(call(mask(4)), call(mask(2, 3), (1,), True), call(mask(0)), call(draw(3))),
)
def all(
    xp: Namespace, input: Array, dim: tuple[int, ...] | None = None, keepdim: bool = False
) -> Array:
    """Whether every element is True."""
    return _as_bool_or_byte(input, xp.all(input, axis=dim, keepdims=keepdim))


@op(
    latex=r"\textstyle\bigvee input",
    public=False,
    method=False,
    samples=(call(mask(4)), call(mask(2, 3), (1,), True), call(mask(0)), call(draw(3))),
)
def any(
    xp: Namespace, input: Array, dim: tuple[int, ...] | None = None, keepdim: bool = False
) -> Array:
    """Whether one element or more are True."""
    return _as_bool_or_byte(input, xp.any(input, axis=dim, keepdims=keepdim))


def _as_bool_or_byte(input: Array, result: Array) -> Array:
    """PyTorch answers about uint8 in uint8."""
    return result.astype(input.dtype) if input.dtype == numpy.uint8 else result


@composite("all")
def _all(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Whether every element is True (or not zero), in all or along the dimensions ``dim``.

    Bool, or uint8 for uint8. ``keepdim`` leaves these dimensions with size 1. Raises IndexError
    for a dimension that isn't there.

    >>> import gradlab as gl
    >>> gl.all(gl.tensor([[True, True], [True, False]]), 1)
    tensor([ True, False])
    """
    return all(input, _over(input, "all", dim if axis is None else axis), keepdim)  # type: ignore[no-any-return]


@composite("any")
def _any(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Whether one element or more are True (or not zero); arguments and errors as of ``all``.

    >>> import gradlab as gl
    >>> gl.any(gl.tensor([[True, True], [False, False]]), 1)
    tensor([ True, False])
    """
    return any(input, _over(input, "any", dim if axis is None else axis), keepdim)  # type: ignore[no-any-return]


def _over(input: Tensor, function: str, dim: Any) -> tuple[int, ...]:
    """The dimensions to reduce; unlike elsewhere, none at all for ``()``."""
    ndim = array_of(input, function).ndim
    return () if dim == () else normal_dims(dim, ndim)


# ------------------------------------------------------------------ bits


def _integers(low: int, high: int) -> tuple[Any, ...]:
    """Samples of an operation on two tensors of whole numbers, the second from a range."""

    def drawn(*shape: int) -> Draw:
        return Draw(shape, -9, 9, "int64", integers=True)

    def second(*shape: int) -> Draw:
        return Draw(shape, low, high, "int64", integers=True)

    return call(drawn(4), second(4)), call(drawn(2, 1), second(3)), call(drawn(), second())


def _on_bits(name: str, function: Callable[..., Array], *operands: Array) -> Array:
    try:
        return function(*operands)
    except TypeError:
        raise NotImplementedError(
            f"\"{name}_cpu\" not implemented for '{arrays.dtype_of(operands[0]).type_name}': "
            "only whole numbers and bools have bits to work on"
        ) from None


@op(
    latex=r"input \mathbin{\&} other",
    promote="same",
    numbers=("input", "other"),
    inplace=False,
    operator="__and__",
    samples=(*_integers(-9, 9), call(mask(4), mask(4))),
)
def bitwise_and(xp: Namespace, input: Array, other: Array) -> Array:
    """Bits that are set in both elements; for bools, whether both are True.

    Raises NotImplementedError for floating-point numbers.

    >>> import gradlab as gl
    >>> gl.bitwise_and(gl.tensor([12, 10]), 6)
    tensor([4, 2])
    """
    return _on_bits("bitwise_and", xp.bitwise_and, input, other)


@op(
    latex=r"input \mathbin{|} other",
    promote="same",
    numbers=("input", "other"),
    inplace=False,
    operator="__or__",
    samples=(*_integers(-9, 9), call(mask(4), mask(4))),
)
def bitwise_or(xp: Namespace, input: Array, other: Array) -> Array:
    """Bits that are set in an element or both; for bools, whether one is True.

    >>> import gradlab as gl
    >>> gl.bitwise_or(gl.tensor([12, 10]), 6)
    tensor([14, 14])
    """
    return _on_bits("bitwise_or", xp.bitwise_or, input, other)


@op(
    latex=r"input \oplus other",
    promote="same",
    numbers=("input", "other"),
    inplace=False,
    operator="__xor__",
    samples=(*_integers(-9, 9), call(mask(4), mask(4))),
)
def bitwise_xor(xp: Namespace, input: Array, other: Array) -> Array:
    """Bits that are set in exactly one of the elements; for bools, whether just one is True.

    >>> import gradlab as gl
    >>> gl.bitwise_xor(gl.tensor([12, 10]), 6)
    tensor([10, 12])
    """
    return _on_bits("bitwise_xor", xp.bitwise_xor, input, other)


@op(
    latex=r"\sim input",
    samples=(call(mask(4)), call(Draw((3,), -9, 9, "int64", integers=True))),
)
def bitwise_not(xp: Namespace, input: Array) -> Array:
    """Bits turned over: -1 minus the element; for bools, the opposite.

    >>> import gradlab as gl
    >>> gl.bitwise_not(gl.tensor([0, 5]))
    tensor([-1, -6])
    """
    return _on_bits("bitwise_not", xp.bitwise_not, input)


@composite("__invert__", public=False)
def _invert(input: Tensor) -> Any:
    if input.dtype.is_floating_point or input.dtype.is_complex:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors, not "
            f"on {input.dtype}: make a mask first, with != 0 for example"
        )
    return bitwise_not(input)


def _check_shiftable(kernel: str, array: Array) -> None:
    if array.dtype.kind == "b":
        raise NotImplementedError(
            f"\"{kernel}_cpu\" not implemented for 'Bool': convert the tensors with .int() first"
        )


@op(
    latex=r"input \cdot 2^{other}",
    promote="same",
    numbers=("input", "other"),
    inplace=False,
    operator="__lshift__",
    samples=_integers(0, 5),
)
def bitwise_left_shift(xp: Namespace, input: Array, other: Array) -> Array:
    """Bits moved to the left by as many places as ``other`` says.

    >>> import gradlab as gl
    >>> gl.bitwise_left_shift(gl.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    _check_shiftable("lshift", input)
    return _on_bits("lshift", xp.left_shift, input, other)


@op(
    latex=r"\lfloor input / 2^{other} \rfloor",
    promote="same",
    numbers=("input", "other"),
    inplace=False,
    operator="__rshift__",
    samples=_integers(0, 5),
)
def bitwise_right_shift(xp: Namespace, input: Array, other: Array) -> Array:
    """Bits moved to the right by as many places as ``other`` says.

    >>> import gradlab as gl
    >>> gl.bitwise_right_shift(gl.tensor([4, 13]), 2)
    tensor([1, 3])
    """
    _check_shiftable("rshift", input)
    return _on_bits("rshift", xp.right_shift, input, other)


# ------------------------------------------------------------------ kinds of numbers, closeness


@op(latex=r"input \text{ is nan}", samples=real(-2, 2))
def isnan(xp: Namespace, input: Array) -> Array:
    """Whether elements are nan, the result of 0/0 and its like.

    >>> import gradlab as gl
    >>> gl.isnan(gl.tensor([0.0, 1.0]) / 0)
    tensor([ True, False])
    """
    return xp.isnan(input)


@op(latex=r"|input| = \infty", samples=real(-2, 2))
def isinf(xp: Namespace, input: Array) -> Array:
    """Whether elements are infinite, of either sign.

    >>> import gradlab as gl
    >>> gl.isinf(gl.tensor([0.0, 1.0]) / 0)
    tensor([False,  True])
    """
    return xp.isinf(input)


@op(latex=r"|input| < \infty", samples=real(-2, 2))
def isfinite(xp: Namespace, input: Array) -> Array:
    """Whether elements are numbers: neither infinite nor nan.

    >>> import gradlab as gl
    >>> gl.isfinite(gl.tensor([0.0, 1.0]) / 0)
    tensor([False, False])
    """
    return xp.isfinite(input)


@op(
    latex=r"|input - other| \le atol + rtol \cdot |other|",
    samples=(*pairs(0, 1e-7), call(draw(3), draw(3), rtol=1.0, atol=0.5)),
)
def isclose(
    xp: Namespace,
    input: Array,
    other: Array,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> Array:
    """Whether elements are equal but for ``atol + rtol * abs(other)``.

    Equal infinities are close; nans are with ``equal_nan``. Raises RuntimeError for tensors of
    different dtypes and for negative tolerances.

    >>> import gradlab as gl
    >>> gl.isclose(gl.tensor([1.0, 2.0]), gl.tensor([1.000001, 2.1]))
    tensor([ True, False])
    """
    if input.dtype != other.dtype:
        one, two = arrays.dtype_of(input).type_name, arrays.dtype_of(other).type_name
        raise RuntimeError(f"{one} did not match {two}: convert one with .to(...)")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    close = xp.equal(input, other)
    if equal_nan:
        close = close | (xp.isnan(input) & xp.isnan(other))
    input, other = arrays.promote_to_float((input, other))
    distance = xp.absolute(input - other)
    return close | (xp.isfinite(distance) & (distance <= atol + xp.absolute(rtol * other)))


@composite()
def allclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:
    """Whether every element is close to the other tensor's; see ``isclose``.

    >>> import gradlab as gl
    >>> gl.allclose(gl.tensor([1.0, 2.0]), gl.tensor([1.000001, 2.1]))
    False
    """
    array_of(input, "allclose")
    array_of(other, "allclose", "other", 2)
    return bool(all(isclose(input, other, rtol, atol, equal_nan)))


@composite()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements.

    >>> import gradlab as gl
    >>> gl.equal(gl.tensor([1, 2]), gl.tensor([1, 2]))
    True
    """
    if not isinstance(other, Tensor):
        raise TypeError(
            f"equal(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}"
        )
    return array_of(input, "equal").shape == other.shape and bool(all(eq(input, other)))


# ------------------------------------------------------------------ questions about a tensor


@composite(method=False)
def is_tensor(obj: Any) -> bool:
    """Whether something is a tensor.

    >>> import gradlab as gl
    >>> gl.is_tensor([1.0])
    False
    """
    return isinstance(obj, Tensor)


def _publish_question(name: str) -> None:
    method = getattr(Tensor, name)

    def ask(input: Tensor) -> Any:
        array_of(input, name)
        return method(input)

    ask.__doc__ = method.__doc__
    composite(name, method=False)(ask)


for _name in ("is_floating_point", "is_complex", "is_inference", "numel"):
    _publish_question(_name)


@composite()
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero; RuntimeError where there are several.

    >>> import gradlab as gl
    >>> gl.is_nonzero(gl.tensor([0.0]))
    False
    """
    return bool(input)


# ------------------------------------------------------------------ other names, in-place forms


def _publish_inplace_form(name: str) -> None:
    """Results are bool, or have bits: they are copied in, and no gradient goes through."""
    function = FUNCTIONS[name]

    def change(input: Any, *args: Any) -> Any:
        return input.copy_(function(input, *args))

    change.__doc__ = f"In-place form of ``{name}``: the result, converted, replaces ``input``."
    composite(name + "_", public=False)(change)


for _name in (
    *("eq", "ne", "lt", "le", "gt", "ge"),
    *("logical_not", "logical_and", "logical_or", "logical_xor"),
    *("bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor"),
    *("bitwise_left_shift", "bitwise_right_shift"),
):
    _publish_inplace_form(_name)

alias("ne", "not_equal")
alias("lt", "less")
alias("le", "less_equal")
alias("gt", "greater")
alias("ge", "greater_equal")


def _publish_reflected_shift(name: str, function: Callable[[Any, Any], Any]) -> None:
    def shift(input: Tensor, other: Any) -> Any:
        return function(other, input)

    composite(name, public=False)(shift)


_publish_reflected_shift("__rlshift__", bitwise_left_shift)
_publish_reflected_shift("__rrshift__", bitwise_right_shift)

for _name, _same in {
    "__rand__": "__and__",
    "__ror__": "__or__",
    "__rxor__": "__xor__",
    "__iand__": "bitwise_and_",
    "__ior__": "bitwise_or_",
    "__ixor__": "bitwise_xor_",
    "__ilshift__": "bitwise_left_shift_",
    "__irshift__": "bitwise_right_shift_",
}.items():
    setattr(Tensor, _name, getattr(Tensor, _same))
