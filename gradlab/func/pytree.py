"""Nested containers taken apart into their leaves and put together again.

Dictionaries, lists, tuples, named tuples and their ordered kin are containers; everything else is
a leaf, None included, as in PyTorch.

>>> leaves, tree = flatten({"a": 1, "b": (2, [3])})
>>> leaves
[1, 2, 3]
>>> tree.filled([10, 20, 30])
{'a': 10, 'b': (20, [30])}
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tree:
    """The containers of a nested value, without its leaves."""

    kind: type | None  # None: a leaf
    keys: tuple[Any, ...] = ()  # of a dictionary
    children: tuple[Tree, ...] = ()

    def filled(self, leaves: Sequence[Any]) -> Any:
        """The value that has these leaves."""
        return self._filled(iter(leaves))

    def _filled(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        make: Callable[..., Any] = self.kind
        parts = [child._filled(leaves) for child in self.children]
        if issubclass(self.kind, dict):
            pairs = zip(self.keys, parts, strict=True)
            return dict(pairs) if self.kind is defaultdict else make(pairs)
        return make(*parts) if hasattr(make, "_fields") else make(parts)

    def __repr__(self) -> str:
        return f"TreeSpec({self._words()})" if self.kind is not None else "*"

    def _words(self, indent: int = 0) -> str:
        assert self.kind is not None
        context = list(self.keys) if issubclass(self.kind, dict) else None
        margin = ",\n" + " " * (indent + 2)
        inner = margin.join(map(repr, self.children))
        return f"{self.kind.__name__}, {context}, [{inner}]"


LEAF = Tree(None)


def flatten(value: Any) -> tuple[list[Any], Tree]:
    """The leaves of a nested value, in order, and its containers."""
    leaves: list[Any] = []
    return leaves, _flatten(value, leaves)


def _flatten(value: Any, leaves: list[Any]) -> Tree:
    kind = type(value)
    if kind in (dict, OrderedDict, defaultdict):
        return Tree(kind, tuple(value), tuple(_flatten(one, leaves) for one in value.values()))
    if kind in (list, tuple) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return Tree(kind, (), tuple([_flatten(one, leaves) for one in value]))
    leaves.append(value)
    return LEAF


def spread(prefix: Any, tree: Tree) -> list[Any] | None:
    """A value for each leaf of ``tree`` from one that may stop at any container; None: no match.

    >>> spread((0, None), flatten((1, [2, 3]))[1])
    [0, None, None]
    """
    found: list[Any] = []
    return found if _spread(prefix, tree, found) else None


def _spread(prefix: Any, tree: Tree, found: list[Any]) -> bool:
    _, own = flatten_once(prefix)
    if own is None or tree.kind is None:
        found.extend([prefix] * count(tree))
        return own is None
    if (
        own.kind is not tree.kind
        or own.keys != tree.keys
        or len(own.children) != len(tree.children)
    ):
        return False
    parts = prefix.values() if isinstance(prefix, dict) else prefix
    pairs = zip(parts, tree.children, strict=True)
    return all(_spread(part, child, found) for part, child in pairs)


def flatten_once(value: Any) -> tuple[list[Any], Tree | None]:
    """The parts of the outermost container and its kind; None where there is no container."""
    tree = _flatten(value, [])
    if tree.kind is None:
        return [value], None
    return list(value.values() if isinstance(value, dict) else value), tree


def count(tree: Tree) -> int:
    """How many leaves there are."""
    if tree.kind is None:
        return 1
    return sum(count(child) for child in tree.children)


def over(function: Callable[[Any], Any], value: Any) -> Any:
    """The same containers with ``function`` of each leaf.

    >>> over(lambda n: n + 1, (1, {"a": 2}))
    (2, {'a': 3})
    """
    leaves, tree = flatten(value)
    return tree.filled([function(leaf) for leaf in leaves])
