"""Together: the memories of many parameters in one array each, so that one step serves them all.

A small model's step is mostly calls: a dozen of NumPy's for each of its parameters. Parameters
whose first step is the same get parts of common arrays for their ``state``; then a dozen calls do
for all of them. A large one's step is mostly waiting for memory: common arrays are gone through
piece by piece, and a piece stays in the processor's cache from call to call.

What ``state`` says is what counts: where something there was replaced, or parameters don't come all
at once or equally far, they take their steps one by one.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy

from gradlab import arrays
from gradlab.tensor import Tensor

_PIECE = 1 << 15  # so many numbers at once: some five arrays of them fit into the second cache


class Piece(NamedTuple):
    """What one piece has: cuts of the gradients, and rooms in memory."""

    cuts: list[tuple[int, slice]]  # of which parameter's gradient which part
    pairs: list[tuple[Any, Any]]  # that part of the parameter, and the part of spare to compute in
    gradient: Any
    memories: list[Any]
    spare: Any


class Together:
    """Parameters that take their steps as one, and the memories ``state`` shows parts of."""

    def __init__(
        self, params: Sequence[Any], names: Sequence[str], state: Mapping[Any, Any]
    ) -> None:
        """Take over what ``state`` has under ``names`` and as ``"step"``; it begins with zeros."""
        dtype = params[0]._array.dtype
        ends = numpy.cumsum([param._array.size for param in params]).tolist()
        self.params = params
        self.ids = frozenset(map(id, params))
        self.names = names
        self.counts = numpy.zeros(len(params), arrays.get_default_dtype().numpy)
        self._arrays = [param._array for param in params]
        memories = [numpy.zeros(ends[-1], dtype) for _ in names]
        self._shown = []
        for i, (array, end) in enumerate(zip(self._arrays, ends, strict=True)):
            own = slice(end - array.size, end)
            parts = [memory[own].reshape(array.shape) for memory in memories]
            self._shown.append([self.counts[i : i + 1].reshape(()), *parts])
            _show(state[params[i]], ("step", *names), self._shown[-1])
        self._pieces = list(_pieces(self._arrays, ends, memories))

    def are_due(
        self, given: Mapping[int, Any], names: Sequence[str], state: Mapping[Any, Any]
    ) -> bool:
        """Whether all of them are given, have come equally far, and lie where they lay."""
        return (
            self.ids <= given.keys()
            and self.names == names
            and len(set(self.counts.tolist())) == 1
            and all(
                param._array is array and _shows(state[param], parts)
                for param, array, parts in zip(self.params, self._arrays, self._shown, strict=True)
            )
        )

    def pieces(self) -> Iterator[Piece]:
        """Piece by piece, each with a copy of its gradient, to compute in as well."""
        gradients = [param._grad._array.reshape(-1) for param in self.params]
        for piece in self._pieces:
            parts = [gradients[number][part] for number, part in piece.cuts]
            numpy.concatenate(parts, out=piece.gradient)
            yield piece


def _pieces(own: Sequence[Any], ends: Sequence[int], memories: Sequence[Any]) -> Iterator[Piece]:
    """The pieces of parameters that end at these places when they stand in a row."""
    gradient, spare = numpy.empty((2, min(_PIECE, ends[-1])), own[0].dtype)
    lines = [array.reshape(-1) for array in own]
    for start in range(0, ends[-1], _PIECE):
        stop = min(start + _PIECE, ends[-1])
        cuts, pairs = [], []
        for number, (begin, end) in enumerate(itertools.pairwise([0, *ends])):
            low, high = max(start, begin), min(stop, end)
            if low < high:
                part = slice(low - begin, high - begin)
                cuts.append((number, part))
                pairs.append((lines[number][part], spare[low - start : high - start]))
        here = [memory[start:stop] for memory in memories]
        yield Piece(cuts, pairs, gradient[: stop - start], here, spare[: stop - start])


def can_be_together(params: Sequence[Any], names: Sequence[str], state: Mapping[Any, Any]) -> bool:
    """Whether common memories would do for all of these and for what ``state`` has of them."""
    dtype = params[0]._array.dtype
    return dtype in (numpy.float32, numpy.float64) and all(
        is_plain(param._array, dtype) and _fits(state[param], param._array, names)
        for param in params
    )


def _fits(entries: Mapping[str, Any], array: Any, names: Sequence[str]) -> bool:
    if not entries:
        return True
    return (
        list(entries) == ["step", *names]
        and all(isinstance(entry, Tensor) and entry._view is None for entry in entries.values())
        and entries["step"]._array.shape == ()
        and all(
            is_plain(entries[name]._array, array.dtype)
            and entries[name]._array.shape == array.shape
            for name in names
        )
    )


def is_plain(array: Any, dtype: Any) -> bool:
    """Whether an array's numbers lie in a row in main memory, and are of the dtype."""
    return type(array) is numpy.ndarray and array.dtype == dtype and array.flags.c_contiguous


def _show(entries: dict[str, Any], names: Sequence[str], parts: Sequence[Any]) -> None:
    """Let entries be these parts of memory, which take over what they are."""
    for name, part in zip(names, parts, strict=True):
        if name in entries:
            part[...] = entries[name]._array
            entries[name]._array = part
        else:
            entries[name] = Tensor._wrap(part)


def _shows(entries: Mapping[str, Any], parts: Sequence[Any]) -> bool:
    try:
        found = [entry._array for entry in entries.values()]
    except AttributeError:  # something else than tensors was put there
        return False
    return len(found) == len(parts) and all(map(operator.is_, found, parts))
