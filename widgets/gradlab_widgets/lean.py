"""Room: what values keep where there are so many that a notebook would grow heavy with them.

Of few values everything is kept that a person may want to look at. Of very many nobody looks at
most, so they keep fewer of their elements; and where that is not enough, four digits of each
number, as many as the pictures show.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from gradlab_widgets.values import PREVIEW, STATISTICS, Value, is_settled, settle, shorten

__all__ = ["ROOM", "settle_within"]

ROOM = 450_000  # bytes for the numbers of one trace: in base 64, six tenths of a megabyte
# Elements of a value to keep, and whether four digits of each do; the first that fits is taken.
_WAYS = ((PREVIEW, False), (32, False), (16, False), (8, False), (8, True), (4, True), (2, True))
_LEAST = (1, True)
_SHORT = 3  # bytes of a number of four digits


def settle_within(values: Collection[Value], room: int = ROOM) -> None:
    """`settle`, after making values so lean that all together take little more than `room`."""
    waiting = [value for value in values if value.head is not None and not is_settled(value)]
    if sum(map(_most_bytes, waiting)) > room:
        shorten(waiting, *_way(waiting, room))
    settle(values)


def _most_bytes(value: Value) -> int:
    assert value.head is not None
    return int(value.head.nbytes) + len(STATISTICS) * value.head.itemsize


def _way(values: Sequence[Value], room: int) -> tuple[int, bool]:
    different = {value.key(): value for value in values}.values()
    heads = [value.head for value in different if value.head is not None]
    lengths = np.array([len(head) for head in heads])
    sizes = np.array([value.size for value in different])
    widths = np.array([head.itemsize for head in heads])
    narrow = np.where([head.dtype.kind == "f" for head in heads], _SHORT, widths)
    for most, short in _WAYS:
        is_whole = (lengths == sizes) & (sizes <= most + len(STATISTICS))
        numbers = np.where(is_whole, lengths, np.minimum(lengths, most) + len(STATISTICS))
        if (numbers * (narrow if short else widths)).sum() <= room:
            return most, short
    return _LEAST
