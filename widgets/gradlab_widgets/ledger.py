"""The ledger: what the gradients that meet at one tensor amount to, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gradlab_widgets.adapters import Edge
from gradlab_widgets.values import Value
from gradlab_widgets.walk import Graph

__all__ = ["Ledger"]

_MOST = 1000  # nodes; in a larger graph the terms are shown without their running sum


class Ledger:
    """Adds up, in the order in which they leave, the gradients of tensors that are used twice.

    The library does the same inside, where no hook sees it. Where a pass starts at a tensor that is
    used as well, what it starts with would be one more term, so that one is left out.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._so_far: dict[Edge, Any] = {}
        self.several: set[Edge] = set()
        self.terms: list[tuple[int, int, Value | None]] = []  # row, slot, the sum with this one
        if len(graph.found) <= _MOST:
            uses = Counter(e for found in graph.found for e in found.inputs if e[0] is not None)
            self.several = {e for e, n in uses.items() if n > 1} - set(graph.roots)

    def add(self, row: int, leaving: Sequence[Any]) -> None:
        """Take note of the gradients that leave the node of a row."""
        for slot, (edge, gradient) in enumerate(
            zip(self._graph.found[row].inputs, leaving, strict=False)
        ):
            if gradient is None or tuple(edge) not in self.several:
                continue
            before = self._so_far.get(tuple(edge))
            term = gradient.detach() if hasattr(gradient, "detach") else gradient
            total = self._so_far[tuple(edge)] = term if before is None else before + term
            self.terms.append((row, slot, self._graph.fleeting(total)))
