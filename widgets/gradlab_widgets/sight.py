"""What is in sight of a question about a tensor: which results were computed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradlab_widgets.adapters import Edge, Library, node_of

__all__ = [
    "edge_to",
    "nodes_behind",
    "results_from",
    "roots_in_sight",
    "shares_memory",
    "tensors_in_sight",
    "was_changed",
]


def tensors_in_sight(library: Library, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The named tensors of a library in a namespace, private names last."""
    found = [(str(n), x) for n, x in namespace.items() if library.is_tensor(x)]
    own = [(name, x) for name, x in found if not name.startswith(("_", "@"))]
    return iter(own)


def roots_in_sight(library: Library, namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Named results that no other named result was computed from.

    Single numbers come first, since backward() is for them; of these the newest, since a question
    is rather about what was computed last.
    """
    results = [(n, x) for n, x in tensors_in_sight(library, namespace) if _has_history(x)]
    inside: set[Any] = set()
    for _, x in results:
        inside.update(nodes_behind(library.edge(x)[0]))
    outermost = [(n, x) for n, x in results if library.edge(x)[0] not in inside]
    newest = sorted(outermost, key=lambda pair: -int(library.edge(pair[1])[0]._sequence_nr()))
    return sorted(newest, key=lambda pair: pair[1].numel() != 1)


def results_from(library: Library, x: Any, namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Those of `roots_in_sight` whose graph has `x` in it."""
    edge = edge_to(library, x)
    if edge is None:
        return []
    roots = roots_in_sight(library, namespace)
    return [(n, r) for n, r in roots if edge[0] in nodes_behind(library.edge(r)[0])]


def edge_to(library: Library, x: Any) -> Edge | None:
    """Where gradients of `x` arrive; None if it requires none."""
    return library.edge(x) if x.requires_grad else None


def shares_memory(library: Library, a: Any, b: Any) -> bool:
    """Whether two tensors hold the same numbers in the same place."""
    try:
        one, other = library.array(a), library.array(b)
        most: Any = 1000  # NumPy's stubs know only its two special values
        return one.size > 0 and bool(np.shares_memory(one, other, max_work=most))
    except (RuntimeError, TypeError, ValueError, NotImplementedError, np.exceptions.TooHardError):
        return False


def _has_history(x: Any) -> bool:
    return node_of(x) is not None


def nodes_behind(node: Any) -> set[Any]:
    """Every node that `node` takes inputs from, near or far."""
    seen: set[Any] = set()
    stack = [node]
    while stack:
        for following, _ in stack.pop().next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                stack.append(following)
    return seen


def was_changed(node: Any) -> bool:
    """Whether asking a node for what it saved says that it was changed in place."""
    names = [n for n in dir(node) if n.startswith("_saved_") or n == "saved_tensors"]
    for name in names:
        try:
            getattr(node, name)
        except RuntimeError as error:
            if "modified by an inplace operation" in str(error):
                return True
    return False
