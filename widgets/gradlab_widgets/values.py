"""A value: what a trace keeps of one array, its first elements and honest statistics.

Nothing in here knows a library. Of an array only the first few elements are kept, copied. While a
pass is watched nothing is computed of them: what takes microseconds for one array takes a tenth of
that for each of a thousand (`settle`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab_widgets.decimals import DIGITS, shortened
from gradlab_widgets.samples import Sample, sample_of

__all__ = [
    "PREVIEW",
    "STATISTICS",
    "WHOLE",
    "Number",
    "Value",
    "is_settled",
    "number",
    "number_text",
    "preview",
    "settle",
    "shorten",
    "value_text",
]

PREVIEW = 64  # elements of an array that a trace shows; the rest is statistics
STATISTICS = ("min", "max", "mean", "norm")
WHOLE = 8  # elements up to which it shows all, where statistics would take as much room

Number = int | float | str
Array = np.ndarray[Any, Any]


def number(x: object) -> Number:
    """Return one element as JSON can hold it: NaN, infinities, complex and bool become text.

    float32 and float16 keep the digits they have, instead of the longer ones of their float64.

    >>> number(np.float32(0.1)), number(float("-inf")), number(1 + 2j), number(2**60)
    (0.1, '-inf', '1+2j', '1152921504606846976')
    """
    if isinstance(x, (float, np.floating)):
        decimal = x if type(x) is float else float(str(x))
        return decimal if math.isfinite(decimal) else str(decimal)
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (int, np.integer)):
        whole = int(x)
        return whole if abs(whole) <= 2**53 else str(whole)  # JavaScript's exact integers end here
    if isinstance(x, (complex, np.complexfloating)):
        return f"{x.real:.9g}{x.imag:+.9g}j"
    return str(x)


class _Kept:
    """The elements that a value shows, as they came; what follows from them is computed later."""

    __slots__ = ("head", "sample")

    head: Array | None
    sample: Sample | None  # of a large array


@dataclass(frozen=True, slots=True)
class Value(_Kept):
    """What a trace keeps of one array: shape, dtype, its first elements, and statistics.

    `min`, `max`, `mean` and `norm` are over the elements that are not NaN, in float64, so that a
    float16 array does not overflow in them; they are None where they say nothing: for an empty
    array, for bools, and the order of complex numbers. `nan` and `inf` count what they are named.
    """

    shape: tuple[int, ...]
    dtype: str
    data: tuple[Number, ...]
    size: int
    min: Number | None = None
    max: Number | None = None
    mean: Number | None = None
    norm: Number | None = None
    nan: int = 0
    inf: int = 0

    def __getattr__(self, name: str) -> Any:
        """Compute what was not yet asked for."""
        if name in ("head", "sample"):  # of a value made of its parts; of a small one
            return None
        settle([self])
        return object.__getattribute__(self, name)

    def key(self) -> Any:
        """What no other value has that is not equal to this one."""
        head = self.head
        if head is None:
            return (self.shape, self.dtype, self.data, self.min, self.max, self.mean, self.norm)
        if len(head) == self.size:
            return (self.shape, self.dtype, head.tobytes())
        rest = (self.min, self.max, self.mean, self.norm, self.nan, self.inf)
        return (self.shape, self.dtype, head.tobytes(), rest)

    @classmethod
    def of(cls, head: Array, dtype: str, shape: tuple[int, ...], size: int, *known: Any) -> Value:
        """A value by its first elements, which nobody changes any more; and by its statistics."""
        value = cls.__new__(cls)
        _set_shape(value, shape)
        _set_dtype(value, dtype)
        _set_size(value, size)
        _set_head(value, head)
        for setter, x in zip(_set_statistics, known, strict=False):
            setter(value, x)
        return value


# The slots' own setters go past the frozen class's refusal, and take 50 ns.
_set_head, _set_sample, _set_shape, _set_dtype, _set_size, _set_data = (
    getattr(Value, name).__set__ for name in ("head", "sample", "shape", "dtype", "size", "data")
)
_new = object.__new__
_set_statistics = [
    getattr(Value, name).__set__ for name in ("min", "max", "mean", "norm", "nan", "inf")
]


def preview(array: Array, dtype: str | None = None, limit: int = PREVIEW) -> Value:
    """Return the `Value` of `array`, which may change afterwards.

    Of a small array, all is copied; a large one's statistics take one pass in blocks and no full
    copy. `dtype` names the library's dtype where NumPy has none of that name (bfloat16).

    >>> preview(np.array([1.0, np.nan, -3.0])).min
    -3.0
    >>> preview(np.zeros((0, 3))).mean is None
    True
    """
    name = dtype or array.dtype.name
    size = array.size
    if size <= limit or size <= WHOLE:  # as `Value.of`, without a call
        value = _new(Value)
        _set_shape(value, array.shape)
        _set_dtype(value, name)
        _set_size(value, size)
        _set_head(value, array.flatten())
        return value
    # flat[:k] copies k elements whatever the memory layout; reshape(-1) could copy them all
    value = Value.of(array.flat[:limit], name, array.shape, size, *_statistics(array))
    if limit >= PREVIEW and (value.min != value.max or value.nan):  # less in large graphs
        _set_sample(value, sample_of(array))
    return value


# ---------------------------------------------------------------------- of many at once


@np.errstate(all="ignore")  # overflow and inf - inf are answers here, not surprises
def settle(values: Iterable[Value]) -> None:
    """Compute what is not known yet of the elements and statistics of `values`."""
    for alike in _by_dtype(value for value in values if not is_settled(value)):
        heads = [head for _, head in alike]
        ends = np.cumsum([len(head) for head in heads]).tolist()
        shown = _numbers(np.concatenate(heads))
        for (value, _), start, end in zip(alike, [0, *ends], ends, strict=False):
            _set_data(value, tuple(shown[start:end]))
        _summarise([(value, head) for value, head in alike if head.size == value.size])


@np.errstate(all="ignore")
def shorten(values: Sequence[Value], most: int, short: bool) -> None:
    """Let values that nobody has looked at yet keep only their first `most` elements.

    One whose statistics would take as much room as what is left out stays whole. Where `short`,
    what is kept are four digits of each number.
    """
    for alike in _by_dtype(values):
        parts = [
            (value, head)
            for value, head in alike
            if len(head) != value.size or value.size > most + len(STATISTICS)
        ]
        _summarise([(value, head) for value, head in parts if len(head) == value.size])
        for value, head in parts:
            _set_head(value, head[:most])
        if short and alike[0][1].dtype.kind == "f":
            _round_heads([value for value, _ in alike])
            for value, _ in parts:
                for name, setter in zip(STATISTICS, _set_statistics, strict=False):
                    setter(value, _four_digits(getattr(value, name)))


def _round_heads(values: Sequence[Value]) -> None:
    """Round the elements of values of one dtype to four digits."""
    heads = [value.head for value in values if value.head is not None]
    rounded = shortened(np.concatenate(heads).astype(np.float64)).astype(heads[0].dtype)
    ends = np.cumsum([len(head) for head in heads])
    for value, head in zip(values, np.split(rounded, ends), strict=False):
        _set_head(value, head)


def _four_digits(x: Number | None) -> Number | None:
    return float(f"{x:.{DIGITS}g}") if isinstance(x, float) else x


def _by_dtype(values: Iterable[Value]) -> Iterable[list[tuple[Value, Array]]]:
    """The values made of arrays, with their elements, those of one dtype together."""
    found: defaultdict[np.dtype[Any], list[tuple[Value, Array]]] = defaultdict(list)
    for value in values:
        head = value.head
        if head is not None:
            found[head.dtype].append((value, head))
    return found.values()


def _summarise(whole: Sequence[tuple[Value, Array]]) -> None:
    """Compute the statistics of values of one dtype of which all elements are there."""
    if not whole:
        return
    found = _statistics_of([head for _, head in whole], whole[0][1].dtype)
    for (value, _), row in zip(whole, found, strict=True):
        for setter, x in zip(_set_statistics, row, strict=True):
            setter(value, x)


def is_settled(value: Value) -> bool:
    """Whether all of a value is known."""
    try:
        object.__getattribute__(value, "data")
    except AttributeError:
        return False
    return True


def _numbers(flat: Array) -> list[Number]:
    """Elements as JSON can hold them."""
    if flat.dtype == np.float64:
        numbers: list[Number] = flat.tolist()
        if np.isfinite(flat).all():
            return numbers
        return [number(x) for x in numbers]
    if flat.dtype == np.float32:
        return _shortest(flat)
    return [number(x) for x in flat]


def _shortest(flat: np.ndarray[Any, np.dtype[np.float32]]) -> list[Number]:
    """Elements of float32 with as many digits as tell them from all others, none more.

    A number of p digits is a whole number divided by a power of ten, both of which float64 holds;
    the first p whose number rounds back to the element is right.
    """
    exact = flat.astype(np.float64)
    exponents, plain = _exponents(exact)
    found, missing = exact.copy(), plain
    for digits in range(6, 10):  # fewer need not be tried: their numbers end in zeros
        rounded = _to_digits(exact, digits, exponents)
        fits = missing & (rounded.astype(np.float32) == flat)
        found[fits] = rounded[fits]
        missing = missing & ~fits
    shown: list[Number] = found.tolist()
    for i in np.flatnonzero((~plain & (exact != 0)) | missing).tolist():
        shown[i] = number(flat[i])
    return shown


def _exponents(x: Array) -> tuple[Array, Array]:
    """The power of ten of each number, and whether arithmetic with such powers is exact."""
    exponents = np.floor(np.log10(np.abs(x)))
    plain = np.abs(exponents) < 13  # neither 0 nor NaN nor infinite
    return np.where(plain, exponents, 0), plain


def _to_digits(x: Array, digits: int, exponents: Array) -> Array:
    """Numbers rounded to so many significant digits."""
    power = digits - 1 - exponents
    up, down = 10.0 ** np.maximum(power, 0), 10.0 ** np.maximum(-power, 0)
    rounded: Array = np.rint(x * up / down) / up * down
    return rounded


def _statistics_of(heads: Sequence[Array], dtype: np.dtype[Any]) -> Iterable[Statistics]:
    """The statistics of small arrays of one dtype."""
    filled = [head for head in heads if len(head)]
    if dtype.kind != "f" or not filled:
        return [_statistics(head) for head in heads]
    flat, sizes = np.concatenate(filled), np.array([len(head) for head in filled])
    starts = np.cumsum(sizes) - sizes
    exact = flat.astype(np.float64)
    largest = np.maximum.reduceat(np.abs(exact), starts)
    mean = np.add.reduceat(exact, starts) / sizes + 0.0  # no -0.0
    norm = np.sqrt(np.add.reduceat(exact * exact, starts))
    columns = [
        _numbers(np.minimum.reduceat(flat, starts)),
        _numbers(np.maximum.reduceat(flat, starts)),
        _rounded(mean, dtype),
        _rounded(norm, dtype),
    ]
    # no NaN, and no square overflows or vanishes
    plain = (((largest > 1e-150) | (largest == 0)) & (largest < 1e150)).tolist()
    found = zip(plain, *columns, strict=True)
    computed = iter([(*row, 0, 0) if is_plain else None for is_plain, *row in found])
    known = [next(computed) if len(head) else None for head in heads]
    return [row or _statistics(head) for row, head in zip(known, heads, strict=True)]


def _rounded(numbers: Array, dtype: np.dtype[Any]) -> list[Number]:
    """Means or norms, rounded as `_round` does one."""
    narrow = numbers.astype(np.float32)
    if dtype == np.float32 and np.isfinite(narrow).all():
        return _shortest(narrow)
    exponents, plain = _exponents(numbers)
    rounded: list[Number] = np.where(plain, _to_digits(numbers, 10, exponents), 0.0).tolist()
    for i in np.flatnonzero((~plain & (numbers != 0)) | (dtype == np.float32)).tolist():
        rounded[i] = _round(float(numbers[i]), dtype)
    return rounded


# ---------------------------------------------------------------------- of one array


Statistics = tuple[Number | None, Number | None, Number | None, Number | None, int, int]


def _statistics(array: Array) -> Statistics:
    """min, max, mean, norm, NaN count and inf count of an array."""
    if array.size == 0 or array.dtype.kind not in "iufc":
        return None, None, None, None, 0, 0
    if array.dtype.kind == "c":
        return _complex_statistics(array)
    if array.size == 1 and math.isfinite(x := array.item()):  # four times faster than a pass
        shown = number(array.flat[0])
        if array.dtype.kind in "iu":
            return shown, shown, shown, number(abs(x)), 0, 0
        return shown, shown, _round(x, array.dtype), _round(abs(x), array.dtype), 0, 0
    nan, inf, low, high = 0, 0, math.inf, -math.inf
    total, squares = 0.0, 0.0
    with np.errstate(all="ignore"):  # inf - inf and overflow are answers here, not surprises
        for block in _blocks(array):
            low, high = min(low, float(np.fmin.reduce(block))), max(high, np.fmax.reduce(block))
            block_sum, block_squares = float(np.add.reduce(block)), float(np.dot(block, block))
            if not math.isfinite(block_squares):
                missing = np.isnan(block)
                nan += int(np.count_nonzero(missing))
                inf += int(np.count_nonzero(np.isinf(block)))
                block = block[~missing]
                block_sum, block_squares = float(np.add.reduce(block)), float(np.dot(block, block))
            total, squares = total + block_sum, squares + block_squares
    if nan == array.size:
        return "nan", "nan", "nan", "nan", nan, inf
    count = array.size - nan
    mean, norm = total / count, math.sqrt(squares)
    largest = max(abs(low), abs(high))
    if not inf and (not 1e-150 < largest < 1e150):
        mean, norm = _scaled(array, largest, count)
    rounded = _round(mean, array.dtype), _round(norm, array.dtype)
    return _bound(low, array), _bound(high, array), *rounded, nan, inf


def _blocks(array: Array) -> Iterable[np.ndarray[Any, np.dtype[np.float64]]]:
    """The elements as float64, a buffer at a time, in whatever order memory has them.

    Buffers stay below the 10,000 elements from which on BLAS would use threads for their dot
    product: on a busy machine these took a hundred times as long as the sum itself.
    """
    return np.nditer(  # type: ignore[return-value]
        array,
        flags=["external_loop", "buffered"],
        op_dtypes=[np.float64],
        casting="same_kind",
        buffersize=8192,
    )


def _scaled(array: Array, largest: float, count: int) -> tuple[float, float]:
    """Mean and norm of finite numbers so large or so small that their squares leave float64."""
    if largest == 0:
        return 0.0, 0.0
    total, squares = 0.0, 0.0
    for block in _blocks(array):
        small = block[~np.isnan(block)] / largest
        total, squares = total + float(small.sum()), squares + float(small @ small)
    return total / count * largest, math.sqrt(squares) * largest


def _bound(x: float, array: Array) -> Number:
    """A minimum or maximum with the digits of its own dtype."""
    if array.dtype.kind in "iu":
        return number(int(x)) if abs(x) < 2**53 else number(float(x))
    return number(array.dtype.type(x)) if array.dtype.itemsize < 8 else number(float(x))


def _round(x: float, dtype: np.dtype[Any]) -> Number:
    """A mean or norm with no more digits than its elements or the order of their sum leave it."""
    if dtype == np.float32 and abs(x) < _FLOAT32_MAX:
        return number(np.float32(x))
    return number(float(f"{x:.10g}"))


_FLOAT32_MAX = float(np.finfo(np.float32).max)


def _complex_statistics(array: Array) -> Statistics:
    """Complex numbers have no order, so no minimum or maximum; mean and norm are as usual."""
    missing = np.isnan(array)
    kept = array[~missing].astype(np.complex128)
    inf = int(np.count_nonzero(np.isinf(kept)))
    nan = array.size - kept.size
    if not kept.size:
        return None, None, "nan", "nan", nan, inf
    with np.errstate(all="ignore"):
        mean, norm = complex(kept.mean()), float(np.linalg.norm(kept))
    return None, None, number(mean), _round(norm, array.dtype), nan, inf


# ---------------------------------------------------------------------- as a person reads them


def number_text(x: Number) -> str:
    """A number with the four digits a reader can take in.

    >>> number_text(1.93185165), number_text(0.0), number_text(-12345678.0), number_text("nan")
    ('1.932', '0', '−1.235e+07', 'nan')
    """
    if isinstance(x, str) and x.endswith("j"):
        z = complex(x)
        text = f"{z.real:.4g}{z.imag:+.4g}j"
    else:
        text = x if isinstance(x, str) else f"{x:.4g}"
    return "−" + text[1:] if text.startswith("-") else text


def value_text(value: Value | None, most: int = 3) -> str:
    """A value in words that can be read aloud.

    >>> value_text(Value((3,), "float32", (1.0, 0.5, 2.0), 3), 2)
    '[1, 0.5, …] (3 numbers)'
    """
    if value is None:
        return "nothing"
    if value.size == 1 and value.data:
        return number_text(value.data[0])
    if value.size == 0:
        return "an empty tensor"
    shown = [number_text(x) for x in value.data[:most]]
    if value.size > most or not shown:
        shown.append("…")
    count = "" if value.size <= most else f" ({_count(value.shape)})"
    return f"[{', '.join(shown)}]{count}"


def _count(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) + " numbers"
