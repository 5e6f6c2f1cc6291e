"""The gradients that a trace saw, by node and edge, and how they change on the way to a leaf."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from gradlab_widgets.formulas import number_text
from gradlab_widgets.trace import Trace, Value

__all__ = ["Flow", "norm_text", "symptom", "way"]

_HUGE = 1e4
_TINY = 1e-7


class Flow:
    """The gradients of a trace's steps, by node and edge."""

    def __init__(self, seen: Trace) -> None:
        self.trace = seen
        self._users: dict[int, list[tuple[int, int]]] = {}
        self._inputs: dict[int, list[tuple[int, int]]] = {}
        edges = seen.edges
        for start, to, slot in zip(edges.from_, edges.to, edges.slot, strict=True):
            self._users.setdefault(start, []).append((to, slot))
            self._inputs.setdefault(to, []).append((start, slot))
        self._in: dict[int, tuple[int | None, ...]] = {}
        self._out: dict[int, tuple[int | None, ...]] = {}
        self.order: list[int] = []
        for kind, node, arrived, left in zip(
            seen.steps.kind, seen.steps.node, seen.steps.incoming, seen.steps.outgoing, strict=True
        ):
            if kind in ("vjp", "accumulate"):
                self._in[node], self._out[node] = arrived, left
                self.order.append(node)

    def _at(self, row: int | None) -> Value | None:
        return None if row is None else self.trace.values[row]

    def arrived(self, row: int) -> Value | None:
        """The gradient that arrived at a node, the first of several outputs' that did."""
        return next((self._at(v) for v in self._in.get(row, ()) if v is not None), None)

    def left(self, row: int, slot: int) -> Value | None:
        """The gradient that left a node by a slot."""
        leaving = self._out.get(row, ())
        return self._at(leaving[slot]) if slot < len(leaving) else None

    def value(self, row: int) -> Value | None:
        """What a node computed, where it is known."""
        return self._at(self.trace.nodes.value[row])

    def saved(self, row: int, name: str) -> Value | None:
        """What a node saved by a name."""
        return self._at(dict(self.trace.nodes.saved[row]).get(name))

    def path_through(self, row: int, culprits: Sequence[int]) -> list[int]:
        """A way from the root to `row`, by way of the first culprit if there is one."""
        seen = self.trace
        if culprits:
            upper = way(seen, seen.root, lambda r: r == culprits[0])
            lower = way(seen, culprits[0], lambda r: r == row)
            if upper and lower:
                return [*upper, *lower[1:]]
        return self._strongest(row)

    def _strongest(self, row: int) -> list[int]:
        """Up from `row`, each time to the user that sent the largest gradient."""
        path = [row]
        while path[-1] != self.trace.root:
            users = self._users.get(path[-1], [])
            if not users:
                break
            path.append(max(users, key=lambda u: _size(self.left(*u)))[0])
        return path[::-1]

    def notes(self, path: Sequence[int]) -> dict[int, str]:
        """For each node of a path, the norm of the gradient that arrived."""
        found = {}
        for row in path:
            value = self.arrived(row)
            if value is not None:
                found[row] = f"gradient: {norm_text(value)}"
            elif row in self._in:
                found[row] = "gradient: none"
        return found

    def where_it_stops(self, row: int) -> int:
        """The last node on the way to `row` that something arrived at."""
        while True:
            users = self._users.get(row, [])
            fed = [user for user, _ in users if self.arrived(user) is not None]
            if fed or not users:
                return fed[0] if fed else row
            row = users[0][0]

    def where_it_dies(self, row: int) -> list[int]:
        """The nodes that more than zero arrives at, and only zero leaves towards `row`."""
        culprits, seen, stack = [], {row}, [row]
        while stack:
            for user, slot in self._users.get(stack.pop(), []):
                if _size(self.left(user, slot)) > 0:
                    continue  # it dies further down, or is cancelled there
                if _size(self.arrived(user)) > 0:
                    culprits.append(user)
                elif user not in seen:
                    seen.add(user)
                    stack.append(user)
        return list(dict.fromkeys(culprits))

    def first_value_not_finite(self) -> int | None:
        """The first node in forward order whose value has a NaN or an infinity."""
        for row in range(len(self.trace.nodes)):
            value = self.value(row)
            if value is not None and (value.nan or value.inf):
                return row
        return None

    def first_gradient_not_finite(self) -> int | None:
        """The first node in the order of the pass from which a NaN or an infinity leaves."""
        for row in self.order:
            for slot in range(len(self._out.get(row, ()))):
                value = self.left(row, slot)
                if value is not None and (value.nan or value.inf):
                    return row
        return None

    def gains(self, row: int) -> dict[int, float]:
        """How much larger the gradient leaves each node on the strongest way than it arrives."""
        path = self._strongest(row)
        found = {}
        for user, following in itertools.pairwise(path):
            slot = next((s for to, s in self._users.get(following, []) if to == user), 0)
            arrived, left = _peak(self.arrived(user)), _peak(self.left(user, slot))
            if arrived > 0 and left > 0:
                found[user] = left / arrived
        return found


# ---------------------------------------------------------------------- of one value


def symptom(grad: Value | None) -> str:
    """What is to be said of the numbers of a gradient."""
    if grad is None:
        return "None"
    if grad.nan or grad.inf:
        return "not finite"
    peak = _peak(grad)
    if peak == 0:
        return "zero" if grad.size else "fine"
    return "huge" if peak > _HUGE else "tiny" if peak < _TINY else "fine"


def _peak(value: Value | None) -> float:
    """The largest absolute value among the elements."""
    if value is None or not value.size:
        return 0.0
    if value.min is None or value.max is None:  # complex
        return _size(value)
    return max(abs(float(value.min)), abs(float(value.max)))


def _size(value: Value | None) -> float:
    """The norm, NaN counting as infinite; 0 for what is not there."""
    if value is None or value.norm is None:
        return 0.0
    return math.inf if value.nan else abs(complex(value.norm))


def norm_text(value: Value | None) -> str:
    if value is None or value.norm is None:
        return "none"
    if value.nan:
        return "NaN"
    return number_text(value.norm)


def way(seen: Trace, start: int, ends: Callable[[int], bool]) -> list[int]:
    """The shortest way from `start`, by inputs, to a row that `ends`; [] if there is none."""
    inputs: dict[int, list[int]] = {}
    for source, user in zip(seen.edges.from_, seen.edges.to, strict=True):
        inputs.setdefault(user, []).append(source)
    before: dict[int, int] = {start: start}
    queue = [start]
    for row in queue:
        if ends(row):
            path = [row]
            while path[-1] != start:
                path.append(before[path[-1]])
            return path[::-1]
        for source in inputs.get(row, []):
            if source not in before:
                before[source] = row
                queue.append(source)
    return []
