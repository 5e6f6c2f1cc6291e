"""Which nodes a backward pass made that recorded itself, and at which node's turn it made them.

With create_graph=True every rule that runs is recorded in its turn: a second graph, over the first,
for the derivative of the derivative. The nodes do not know that; somebody must look while they come
into being.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from gradlab_widgets.walk import Graph, inputs_first

__all__ = ["Descent"]


class Descent:
    """For each node that a pass made, the node that was running; it keeps them all alive."""

    def __init__(self) -> None:
        # made → the node that ran, the order of what is made, and where that pass started
        self._of: dict[Any, tuple[Any, int, list[Any]]] = {}
        self._known: set[Any] = set()  # the nodes that were there before the pass that runs now
        self._order = 2  # of what it makes
        self._roots: list[Any] = []  # where it started

    @contextlib.contextmanager
    def during(
        self, roots: Sequence[Any], nodes: Collection[Any], given: Iterable[Any]
    ) -> Iterator[None]:
        """A pass runs from some tensors over these nodes, with the gradients it was given."""
        self._roots = [root for root in roots if _node(root) is not None]
        self._known = {*nodes, *inputs_first(filter(None, map(_node, given)))}
        self._order = 1 + max((self._of[n][1] for n in nodes if n in self._of), default=1)
        try:
            yield
        finally:
            self._roots, self._known = [], set()

    def ran(self, node: Any, tensors: Iterable[Any]) -> None:
        """A node ran, and left tensors that may have a history."""
        stack = [made for made in map(_node, tensors) if made is not None]
        while stack:
            made = stack.pop()
            if made in self._known or made in self._of:
                continue
            self._of[made] = (node, self._order, self._roots)
            stack += [following for following, _ in made.next_functions if following is not None]

    @contextlib.contextmanager
    def watching(self, roots: Sequence[Any], given: Iterable[Any]) -> Iterator[None]:
        """Look on while a pass runs that is not recorded otherwise."""
        nodes = inputs_first(filter(None, map(_node, roots)))
        handles = [node.register_hook(functools.partial(self._left, node)) for node in nodes]
        try:
            with self.during(roots, nodes, given):
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _left(self, node: Any, leaving: Sequence[Any], arrived: Sequence[Any]) -> None:
        self.ran(node, (*arrived, *leaving))

    def missing(self, graph: Graph) -> list[Any]:
        """Where earlier passes started, if a graph lacks nodes that its own were made for."""
        there, found = set(graph.index), {}
        stack = [node for node in graph.index if node in self._of]
        while stack:
            of, _, roots = self._of[stack.pop()]
            if of in there:
                continue
            found.update({id(root): root for root in roots})
            more = set(inputs_first(map(_node, roots))) - there
            there |= more
            stack += [node for node in more if node in self._of]
        return list(found.values())

    def links(self, graph: Graph) -> list[tuple[int, int, int]]:
        """(row of a node that an earlier pass made, row of the node that ran, order)."""
        made = [(row, *self._of[n]) for n, row in graph.index.items() if n in self._of]
        return [(row, graph.index[of], order) for row, of, order, _ in made if of in graph.index]


def _node(tensor: Any) -> Any:
    return None if tensor is None else getattr(tensor, "grad_fn", None)
