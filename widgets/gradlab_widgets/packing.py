"""Packing: columns in few characters, which a notebook keeps and a browser unpacks.

A column of a trace is long and has little in it: the same words again and again, indices that
mostly count up, numbers of few bytes. Text that says so is a tenth as long as the cells one by one
(docs/trace.md has the forms). What is packed comes back exactly, and what can't be packed is left
as it is.
"""

from __future__ import annotations

import base64
import functools
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from gradlab_widgets.decimals import BITS, DIGITS, coded, decoded, is_short
from gradlab_widgets.values import (
    STATISTICS,
    Number,
    Value,
    number,
    number_text,
    settle,
)

__all__ = [
    "SMALL",
    "marked",
    "near",
    "packed",
    "packed_formulas",
    "packed_values",
    "unmarked",
    "unpacked",
    "unpacked_formulas",
    "unpacked_values",
]

SMALL = 32  # rows up to which a column is left as it is: a person may read it

_MOST_BITS = 24  # of one code: the browser counts with 32
_TABLE = 4096  # different differences that are worth a table
_INDENT = 12  # characters before a cell in a notebook
_MARK = 0xE800  # U+E800 + i: part i of a text; text from a user has no private characters

Integers = np.ndarray[Any, np.dtype[np.int64]]


def packed(column: Sequence[Any]) -> Any:
    """A column as JSON in few characters; its cells are text, numbers, None and tuples of these.

    >>> packed(("sin", "cos"))
    ['sin', 'cos']
    >>> packed(("sin", "cos") * 50)
    {'cells': ['sin', 'cos'], 'codes': 'qqqqqqqqqqqqqqqqCg==', 'rows': 100}
    """
    if len(column) <= SMALL:
        return _listed(column)
    forms = [form for form in (_as_table(column), _as_counts(column)) if form is not None]
    if forms:
        return min(forms, key=_room)
    return _as_lists(column) or _listed(column)


def unpacked(column: Any) -> tuple[Any, ...]:
    """The column that `packed` packed; ValueError for what it can't have made."""
    if isinstance(column, list):
        return tuple(_tupled(cell) for cell in column)
    try:
        return _unpacked(column)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{str(column)[:60]} is no packed column: {error!r}") from error


def _room(form: dict[str, Any]) -> int:
    """About how many characters a form takes in a notebook, where each cell has its own line."""
    return len(str(form)) + _INDENT * (len(form.get("cells", ())) + len(form.get("sums", ())))


def _listed(x: Any) -> Any:
    return [_listed(cell) for cell in x] if isinstance(x, (tuple, list)) else x


def _tupled(x: Any) -> Any:
    return tuple(_tupled(cell) for cell in x) if isinstance(x, list) else x


# ---------------------------------------------------------------------- the forms of a column


def _as_table(column: Sequence[Any]) -> dict[str, Any] | None:
    """The different cells once, and for each row which it is; None where too many differ."""
    try:
        table = {cell: code for code, cell in enumerate(dict.fromkeys(column))}
    except TypeError:  # an object
        return None
    few = len(column) // (8 if type(column[0]) is tuple else 2)  # tuples can be cut up instead
    if len(table) > max(2, few) or any(map(_has_float, table)):
        return None  # 0.0 and -0.0 would be one
    codes = np.fromiter((table[cell] for cell in column), np.int64, len(column))
    return {"cells": _listed(list(table)), **_coded(codes, len(table))}


def _has_float(cell: Any) -> bool:
    return any(map(_has_float, cell)) if type(cell) is tuple else type(cell) is float


def _as_counts(column: Sequence[Any]) -> dict[str, Any] | None:
    """Whole numbers, and -1 for None, by how much each is more than the one before."""
    if not all(type(cell) is int or cell is None for cell in column):
        return None
    known = [cell for cell in column if cell is not None]
    if known and not 0 <= min(known) <= max(known) < 2 ** (_MOST_BITS - 2):
        return None
    numbers = np.array([-1 if cell is None else cell for cell in column], np.int64)
    steps = np.diff(numbers, prepend=0)
    different, codes = np.unique(steps, return_inverse=True)
    zigzag = np.where(steps < 0, -2 * steps - 1, 2 * steps)
    bits = int(zigzag.max()).bit_length()
    plain = {"bits": bits, "codes": _bits(zigzag, bits), "rows": len(column)}
    if len(different) > min(_TABLE, len(column) // 4):
        return plain
    return min(plain, {"sums": different.tolist(), **_coded(codes, len(different))}, key=_room)


def _as_lists(column: Sequence[Any]) -> dict[str, Any] | None:
    """Tuples as their lengths and what is in all of them; pairs as two columns."""
    if not all(type(cell) is tuple for cell in column):
        return None
    lengths = [len(cell) for cell in column]
    if set(lengths) == {2}:
        first, second = zip(*column, strict=True)
        return {"first": packed(first), "second": packed(second)}
    return {"lengths": packed(lengths), "flat": packed(list(itertools.chain(*column)))}


def _unpacked(column: Mapping[str, Any]) -> tuple[Any, ...]:
    if "first" in column:
        return tuple(zip(unpacked(column["first"]), unpacked(column["second"]), strict=True))
    if "lengths" in column:
        flat = iter(unpacked(column["flat"]))
        return tuple(tuple(itertools.islice(flat, n)) for n in unpacked(column["lengths"]))
    rows, cells, sums = column["rows"], column.get("cells"), column.get("sums")
    if "digits" in column:
        return tuple(map(number, decoded(_codes(column["codes"], BITS, rows)).tolist()))
    if cells is not None:
        table = _tupled(cells)
        return tuple(table[code] for code in _codes(column["codes"], _width(len(table)), rows))
    if sums is not None:
        codes = _codes(column["codes"], _width(len(sums)), rows)
        steps = np.array(sums, np.int64)[codes]
    else:
        zigzag = _codes(column["codes"], column["bits"], rows)
        steps = np.where(zigzag & 1, -(zigzag + 1) // 2, zigzag // 2)
    return tuple(None if n < 0 else n for n in np.cumsum(steps).tolist())


# ---------------------------------------------------------------------- bits and bytes


def _coded(codes: Integers, different: int) -> dict[str, Any]:
    return {"codes": _bits(codes, _width(different)), "rows": len(codes)}


def _width(different: int) -> int:
    """Bits for one of so many."""
    return max(0, different - 1).bit_length()


def _bits(codes: Integers, bits: int) -> str:
    """Numbers of so many bits each, side by side, the lowest bit first, in base 64."""
    spread = (codes[:, None] >> np.arange(bits)) & 1
    return _text(np.packbits(spread.astype(np.uint8).ravel(), bitorder="little").tobytes())


def _codes(text: str, bits: int, rows: int) -> Integers:
    spread = np.unpackbits(
        np.frombuffer(base64.b64decode(text), np.uint8), count=rows * bits, bitorder="little"
    )
    weights = 1 << np.arange(bits, dtype=np.int64)
    return spread.reshape(rows, bits).astype(np.int64) @ weights


def _decimals(numbers: Sequence[float]) -> dict[str, Any]:
    """Numbers of four digits."""
    codes = coded(np.array(numbers, np.float64))
    return {"digits": DIGITS, "codes": _bits(codes, BITS), "rows": len(numbers)}


def _floats(numbers: Sequence[float], dtype: str) -> str:
    """Numbers as the bytes they have in memory, the lowest first, in base 64."""
    return _text(np.array(numbers, np.float64).astype(dtype).tobytes())


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


# ---------------------------------------------------------------------- values

_STREAMS = {"f4": "<f4", "f8": "<f8"}
_NOT_SINGLE = {"float16": np.float16, "float64": np.float64}  # what is not kept as float32
# What is written apart for all values, each column packed as any.
_PLAIN = ("shape", "dtype", "size", "nan", "inf")


def packed_values(values: Sequence[Value]) -> dict[str, Any]:
    """Values as columns; of many, the numbers in streams by how many bytes it takes to hold them.

    A value puts its elements into its stream and, unless these are all it has, its four statistics.
    """
    settle(values)
    if len(values) <= SMALL:
        names = [field.name for field in fields(Value)]
        return {name: [_listed(getattr(value, name)) for value in values] for name in names}
    streams: dict[str, list[Any]] = {name: [] for name in ("d4", *_STREAMS, "cells")}
    told = [_told(value) for value in values]
    places = _places(values, told)
    for value, numbers, place in zip(values, told, places, strict=True):
        streams[place] += numbers if place != "cells" else [*value.data, *_statistics(value)]
    return {
        **{name: packed([getattr(value, name) for value in values]) for name in _PLAIN},
        "kept": packed([len(value.data) for value in values]),
        "in": packed(places),
        "d4": _decimals(streams["d4"]),
        **{name: _floats(streams[name], kind) for name, kind in _STREAMS.items()},
        "cells": packed(streams["cells"]),
    }


def _statistics(value: Value) -> list[Any]:
    return [value.min, value.max, value.mean, value.norm]


def _told(value: Value) -> list[float]:
    """What a value puts into a stream of floating-point numbers."""
    head = value.head
    if head is None or head.dtype.kind != "f":
        return []
    numbers: list[Any] = [*value.data, *([] if len(head) == value.size else _statistics(value))]
    return [*map(float, numbers)]


def _places(values: Sequence[Value], told: Sequence[list[float]]) -> list[str]:
    """The narrowest stream that each value's numbers fit into exactly."""
    is_long = ~is_short(np.array([*itertools.chain(*told)], np.float64))
    ends = np.cumsum([0, *map(len, told)])
    long_before = np.cumsum([0, *is_long])[ends].tolist()
    return [
        _place(value, is_short=start == end)
        for value, (start, end) in zip(values, itertools.pairwise(long_before), strict=True)
    ]


def _place(value: Value, *, is_short: bool) -> str:
    head = value.head
    if head is None or head.dtype.kind != "f":
        return "cells"
    if is_short:
        return "d4"
    if head.dtype.itemsize == 8:
        return "f8"
    if head.dtype.itemsize != 4:
        return "cells"
    if len(head) == value.size:
        return "f4"
    computed = np.array([float(x) for x in _statistics(value)[2:]])
    with np.errstate(over="ignore"):
        fits = np.isfinite(computed.astype(np.float32)) | ~np.isfinite(computed)
    return "f4" if fits.all() else "cells"


def unpacked_values(columns: Mapping[str, Any]) -> tuple[Value, ...]:
    """The values that `packed_values` packed."""
    if "kept" not in columns:
        lists = [unpacked(columns[field.name]) for field in fields(Value)]
        return tuple(Value(*row) for row in zip(*lists, strict=True))
    known = {name: unpacked(columns[name]) for name in (*_PLAIN, "kept", "in")}
    raw = {name: base64.b64decode(columns[name]) for name in _STREAMS}
    streams: dict[str, Any] = {name: np.frombuffer(raw[name], t) for name, t in _STREAMS.items()}
    for name in ("d4", "cells"):
        streams[name] = unpacked(columns.get(name, []))
    at = dict.fromkeys(streams, 0)
    values = []
    for shape, dtype, size, nan, inf, kept, place in zip(*known.values(), strict=True):
        start, end = at[place], at[place] + kept
        at[place] = end if place != "cells" and kept == size else end + len(STATISTICS)
        numbers, statistics = streams[place][start:end], streams[place][end : at[place]]
        if place == "cells":
            low, high, mean, norm = statistics
            values.append(Value(shape, dtype, numbers, size, low, high, mean, norm, nan, inf))
        else:
            head = np.array(numbers, _NOT_SINGLE.get(dtype, np.float32))
            shown = [number(x if place == "f4" else float(x)) for x in statistics]
            values.append(
                Value.of(head, dtype, shape, size, *shown, *((nan, inf) if shown else ()))
            )
    return tuple(values)


# ---------------------------------------------------------------------- text with numbers in it


def marked(text: str, near: Sequence[str]) -> str:
    """`text` with a mark in the place of each number that is in `near`: many texts become one.

    Texts name numbers in their order, so of equal ones the mark is that of the next.

    >>> marked("a is [2.5, 1] (2×3 numbers)", ["3", "2.5"])
    'a is [\ue801, 1] (2×3 numbers)'
    """
    at = -1

    def mark(found: re.Match[str]) -> str:
        nonlocal at
        places = [i for i, number in enumerate(near) if number == found[0]]
        if not places:
            return found[0]
        at = next((i for i in places if i > at), places[0])
        return chr(_MARK + at)

    return _IN_TEXT.sub(mark, text)


def unmarked(text: str, near: Sequence[str]) -> str:
    """The text that `marked` marked."""
    return _MARKS.sub(lambda mark: near[ord(mark[0]) - _MARK], text)


def near(value: Value) -> list[str]:
    """The numbers of a value that texts may take from it, as they are written there."""
    return [_written_alike(x) for x in value.data[:_NEAR]]


def _written_alike(x: Number) -> str:
    """A number as texts have it; "" where the browser would write it otherwise."""
    is_plain = type(x) is not str and not (x == 0 and math.copysign(1, x) < 0)
    return number_text(x) if is_plain else ""


def packed_formulas(
    column: Sequence[str], values: Sequence[Value], candidates: Mapping[int, Sequence[int]]
) -> Any:
    """Formulas with marks for numbers, and where these are found, in the order of the marks.

    `candidates` are the rows of values that a formula may speak of: where its numbers are the first
    elements of one, it refers to that. Other numbers are written one after the other.
    """
    if len(column) <= SMALL:
        return list(column)
    texts: list[str] = []
    whose: list[int | None] = []
    rest: list[float] = []
    written = functools.cache(lambda i: near(values[i]))
    for row, formula in enumerate(column):
        numbers = [found for x in _NUMERAL.findall(formula) if (found := _number(x)) is not None]
        texts.append(_NUMERAL.sub(_mark_of_number, formula))
        said = [number_text(x) for x in numbers]
        known = candidates.get(row, ()) if said else ()
        whose.append(next((i for i in known if written(i)[: len(said)] == said), None))
        if whose[-1] is None:
            rest += numbers
    return {"texts": packed(texts), "values": packed(whose), "numbers": _floats(rest, "<f4")}


def unpacked_formulas(columns: Any, values: Sequence[Value]) -> tuple[str, ...]:
    """The formulas that `packed_formulas` packed."""
    if isinstance(columns, list):
        return tuple(columns)
    rest = iter(np.frombuffer(base64.b64decode(columns["numbers"]), "<f4").tolist())
    texts = []
    for text, row in zip(unpacked(columns["texts"]), unpacked(columns["values"]), strict=True):
        numbers = rest if row is None else iter(values[row].data)
        texts.append(_MARKS.sub(lambda _: number_text(next(numbers)), text))  # noqa: B023
    return tuple(texts)


def _mark_of_number(match: re.Match[str]) -> str:
    return match[0] if _number(match[0]) is None else chr(_MARK)


_NEAR = 12  # elements of a value that a text may have in it
_MARKS = re.compile("[\ue800-\uefff]")
_IN_TEXT = re.compile(r"(?<![\w.×])−?\d+(?:\.\d+)?(?:e[+-]\d+)?(?![\w×]|\.\d)")
_NUMERAL = re.compile("(?<=<mn>)[^<]+(?=</mn>)")


@functools.lru_cache(maxsize=4096)
def _number(text: str) -> float | None:
    """The number of float32 that is written so; None if there is none."""
    try:
        x = float(np.float32(text.replace("\u2212", "-")))
    except ValueError:
        return None
    return x if math.isfinite(x) and _written_alike(x) == text else None
