"""``gradlab.testing``: whether what was computed is what was expected, and if not, where not."""

from __future__ import annotations

import cmath
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy

from gradlab import arrays
from gradlab.arrays import complex64, complex128, float16, float32, float64
from gradlab.grad_mode import no_grad
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor
from gradlab.type_info import finfo, iinfo

__all__ = ["assert_close", "make_tensor"]

# How far apart two numbers of a dtype may be: relative to the expected one, and at least.
TOLERANCES = {
    float16: (1e-3, 1e-5),
    float32: (1.3e-6, 1e-5),
    float64: (1e-7, 1e-7),
    complex64: (1.3e-6, 1e-5),
    complex128: (1e-7, 1e-7),
}
SCALAR_DTYPES = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}


class _Wanted(NamedTuple):
    """What counts as close."""

    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_stride: bool

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        """Those asked for, or the wider ones of two dtypes."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        usual = [TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes]
        return max(rtol for rtol, _ in usual), max(atol for _, atol in usual)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise AssertionError unless ``|actual - expected| <= atol + rtol * |expected|`` everywhere.

    Takes tensors of any shape and dtype, numbers, NumPy arrays, and sequences and mappings of
    these. ``rtol`` and ``atol`` are given both or neither; by default they follow the dtype (1.3e-6
    and 1e-5 for float32, 0 for integers). The error tells how many elements differ, by how much and
    where; ``msg`` replaces its text, or makes another of it.

    Raises ValueError for one tolerance without the other, TypeError for what can't be compared.

    >>> import gradlab as gl
    >>> assert_close(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 2.0 + 1e-6]))
    >>> assert_close(gl.tensor(3), gl.tensor(5))
    Traceback (most recent call last):
    AssertionError: Scalars are not equal!
    <BLANKLINE>
    Expected 5 but got 3.
    Absolute difference: 2
    Relative difference: 0.4
    """
    if (rtol is None) is not (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
        )
    wanted = _Wanted(rtol, atol, equal_nan, check_device, check_dtype, check_stride)
    for one, other, path in _pairs(actual, expected, allow_subclasses, ()):
        said = _difference(one, other, wanted)
        if said:
            where = "".join(f"[{key!r}]" for key in path)
            said += f"\n\nThe failure occurred for item {where}" if path else ""
            raise AssertionError(said if msg is None else msg(said) if callable(msg) else msg)


def _pairs(
    actual: Any, expected: Any, allow_subclasses: bool, path: tuple[Any, ...]
) -> Iterator[tuple[Any, Any, tuple[Any, ...]]]:
    """What stands at the same place on both sides, and the place."""
    both = (actual, expected)
    if all(_is_sequence(side) for side in both):
        if len(actual) != len(expected):
            raise AssertionError(
                f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            )
        keys: Any = range(len(actual))
    elif all(isinstance(side, Mapping) for side in both):
        _check_keys(actual, expected)
        keys = sorted(actual, key=str)
    elif _comparable(actual, expected, allow_subclasses):
        yield actual, expected, path
        return
    else:
        raise TypeError(
            "No comparison pair was able to handle inputs of type "
            f"{type(actual)} and {type(expected)}."
        )
    for key in keys:
        yield from _pairs(actual[key], expected[key], allow_subclasses, (*path, key))


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _check_keys(actual: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    if actual.keys() != expected.keys():
        raise AssertionError(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(expected.keys() - actual.keys())}\n"
            f"Additional keys in the actual mapping: {sorted(actual.keys() - expected.keys())}"
        )


def _comparable(actual: Any, expected: Any, allow_subclasses: bool) -> bool:
    both = (actual, expected)
    if actual is None or expected is None:
        return True
    if not allow_subclasses and type(actual) is not type(expected):
        return False
    return any(
        all(isinstance(side, kind) for side in both)
        for kind in (Tensor, (numpy.ndarray, numpy.generic), numbers.Number)
    )


def _difference(actual: Any, expected: Any, wanted: _Wanted) -> str:
    """What is wrong with one of them; nothing if all is well."""
    if actual is None or expected is None:
        return "" if actual is expected else f"None mismatch: {actual} is not {expected}"
    if isinstance(actual, bool) and isinstance(expected, bool):
        return "" if actual is expected else f"Booleans mismatch: {actual} is not {expected}"
    if isinstance(actual, Tensor):
        return _attributes_differ(actual, expected, wanted) or _tensors_differ(
            actual, expected, wanted
        )
    if isinstance(actual, (numpy.ndarray, numpy.generic)):
        return _difference(_of_numpy(actual), _of_numpy(expected), wanted)
    return _scalars_differ(actual, expected, wanted, *map(_dtype_of_number, (actual, expected)))


def _of_numpy(value: Any) -> Tensor:
    return Tensor._wrap(numpy.asarray(value))


def _dtype_of_number(number: Any) -> Any:
    return getattr(arrays, SCALAR_DTYPES[type(number)])


def _attributes_differ(actual: Tensor, expected: Tensor, wanted: _Wanted) -> str:
    checked = {
        "shape": (True, actual.shape, expected.shape),
        "device": (wanted.check_device, actual.device, expected.device),
        "dtype": (wanted.check_dtype, actual.dtype, expected.dtype),
        "stride()": (wanted.check_stride, actual.stride(), expected.stride()),
    }
    for name, (counts, one, other) in checked.items():
        if counts and one != other:
            return f"The values for attribute '{name}' do not match: {one} != {other}."
    return ""


def _tensors_differ(actual: Tensor, expected: Tensor, wanted: _Wanted) -> str:
    rtol, atol = wanted.tolerances(actual.dtype, expected.dtype)
    one, other = (_numbers(side) for side in (actual, expected))
    common = numpy.result_type(one, other)
    one, other = one.astype(common), other.astype(common)
    close = numpy.isclose(one, other, rtol, atol, wanted.equal_nan)
    if close.all():
        return ""
    if one.ndim == 0:
        return _scalars_differ(one.item(), other.item(), wanted, actual.dtype, expected.dtype)
    with numpy.errstate(all="ignore"):
        apart = numpy.where(close, 0, abs(one - other))
        # Integers are divided in single precision, as `/` between tensors does it.
        size = abs(other) if other.dtype.kind in "fc" else abs(other).astype(numpy.float32)
        relative = numpy.where(close, 0, (apart / size).astype(size.dtype))
    wrong = close.size - int(close.sum())
    lines = [
        f"Tensor-likes are not {_nearness(rtol, atol)}!\n",
        f"Mismatched elements: {wrong} / {close.size} ({wrong / close.size:.1%})",
        f"Greatest absolute difference: {_greatest(apart)}{_allowed(atol, rtol, atol)}",
        f"Greatest relative difference: {_greatest(relative)}{_allowed(rtol, rtol, atol)}",
    ]
    return "\n".join(lines)


def _numbers(tensor: Tensor) -> Any:
    with no_grad():
        array = tensor.detach().cpu().numpy()
    return array.astype(numpy.int64) if array.dtype == bool else array


def _greatest(apart: Any) -> str:
    at = numpy.unravel_index(int(apart.argmax()), apart.shape)
    return f"{apart[at].item()} at index {tuple(int(i) for i in at)}"


def _scalars_differ(actual: Any, expected: Any, wanted: _Wanted, one: Any, other: Any) -> str:
    if wanted.check_dtype and type(actual) is not type(expected):
        return f"The (d)types do not match: {type(actual)} != {type(expected)}."
    rtol, atol = wanted.tolerances(one, other)
    if _is_close(actual, expected, rtol, atol, wanted.equal_nan):
        return ""
    apart = abs(actual - expected)
    relative = float("inf") if expected == 0 else apart / abs(expected)
    lines = [
        f"Scalars are not {_nearness(rtol, atol)}!\n",
        f"Expected {expected} but got {actual}.",
        f"Absolute difference: {apart}{_allowed(atol, rtol, atol)}",
        f"Relative difference: {relative}{_allowed(rtol, rtol, atol)}",
    ]
    return "\n".join(lines)


def _is_close(actual: Any, expected: Any, rtol: float, atol: float, equal_nan: bool) -> bool:
    if cmath.isnan(actual) and cmath.isnan(expected):
        return equal_nan
    if actual == expected:
        return True
    apart = abs(actual - expected)
    return bool(cmath.isfinite(apart) and apart <= atol + rtol * abs(expected))


def _nearness(rtol: float, atol: float) -> str:
    return "close" if rtol or atol else "equal"


def _allowed(tolerance: float, rtol: float, atol: float) -> str:
    return f" (up to {tolerance} allowed)" if rtol or atol else ""


# ------------------------------------------------------------------ tensors to test with


def make_tensor(
    *shape: Any,
    dtype: arrays.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of random numbers to test with, from ``low`` up to but not including ``high``.

    By default from -9 to 9, as far as the dtype goes. ``noncontiguous``: every other number in
    memory; ``exclude_zero``: the smallest number there is in place of 0. Raises ValueError for an
    interval without numbers and for integers that require grad.

    >>> import gradlab as gl
    >>> x = make_tensor(2, 3, dtype=gl.float32, device="cpu", low=0, high=1)
    >>> bool(((x >= 0) & (x < 1)).all())
    True
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"{noncontiguous=} and {memory_format=}"
        )
    whole = not (dtype.is_floating_point or dtype.is_complex)
    if requires_grad and whole:
        raise ValueError(
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got "
            f"{dtype=}"
        )
    apart = noncontiguous and math.prod(sizes) > 1
    full = (*sizes[:-1], 2 * sizes[-1]) if apart else sizes
    low, high = _interval(dtype, low, high)
    if whole:
        ends = math.ceil(low), math.ceil(high)
        made = FUNCTIONS["randint"](*ends, full, device=device, dtype=dtype)
    else:
        made = FUNCTIONS["empty"](full, device=device, dtype=dtype)
        (FUNCTIONS["view_as_real"](made) if dtype.is_complex else made).uniform_(low, high)
    if apart:
        made = made[..., 1::2]
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        made[made == 0] = 1 if whole else finfo(dtype).tiny
    return made.requires_grad_(requires_grad)  # type: ignore[no-any-return]


def _interval(dtype: arrays.dtype, low: float | None, high: float | None) -> tuple[float, float]:
    """The interval that was asked for, as far as the dtype goes."""
    least, end, first, last = _range_of(dtype)
    low, high = first if low is None else low, last if high is None else high
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if high < least or low >= end:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} "
            f"only supports [{least}, {end})"
        )
    return min(max(low, least), end), min(max(high, least), end)


def _range_of(dtype: arrays.dtype) -> tuple[float, float, float, float]:
    """The least number of a dtype, what all are below, and the interval taken by default."""
    if dtype is arrays.bool_:
        return 0, 2, 0, 2
    if dtype.is_floating_point or dtype.is_complex:
        limits = finfo(dtype)
        return limits.min, limits.max, -9, 9
    whole = iinfo(dtype)
    return whole.min, whole.max + (dtype is not arrays.int64), -9, 10
