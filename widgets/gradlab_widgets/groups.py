"""The groups a graph is read in: modules in modules, and the functions that were called.

A call is a group, of a module or of a function; so a layer that ran 500 times is 500 groups, each
between what it took and what it gave. What belongs to a module but to none of its calls (its
parameters) joins the only call if there is just one, else it stays outside. Containers that are
never called themselves (a ModuleList) are groups by their path.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from gradlab_widgets.calls import Call
from gradlab_widgets.walk import Found, Graph

__all__ = ["Group", "groups_of"]


@dataclass(frozen=True, slots=True)
class Group:
    """One group; `parent` is the row of the group around it."""

    name: str
    kind: str  # "module" or "function"
    parent: int | None


def groups_of(graph: Graph) -> tuple[list[Group], list[int | None]]:
    """The groups of a graph, outer ones first, and for each node the innermost it is in."""
    return _Grouping(graph).result()


class _Grouping:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._groups: list[Group] = []
        self._by_call: dict[Call, int | None] = {}
        self._containers: dict[tuple[int | None, str], int] = {}
        self._called: defaultdict[str, list[int | None]] = defaultdict(list)  # groups by path
        operations = [f for f in graph.found if not f.accumulates]
        self._common = _common(operations)
        self._models = {call for f in operations for call in _chain(f) if self._is_model(call)}
        rows = {id(f): self._of_operation(f) for f in operations if _call(f) is not None}
        for found in graph.found:
            if id(found) not in rows:
                rows[id(found)] = self._of_path(found.module)
        for found, users in self._strange_leaves():
            rows[id(found)] = self._around_all([rows[id(user)] for user in users])
        self._rows = [rows[id(found)] for found in graph.found]

    def result(self) -> tuple[list[Group], list[int | None]]:
        return self._groups, self._rows

    def _is_model(self, call: Call) -> bool:
        """Whether a whole model was called, one that is in no other."""
        return call.module is not None and self._graph.names.path_of(call.module) == ""

    def _of_operation(self, found: Found) -> int | None:
        call = _call(found)
        if call is None:
            return None
        group: int | None = None
        path = ""
        for at, one in enumerate(call.chain()):
            if one in self._by_call:
                group = self._by_call[one]
            elif at < len(self._common) and self._common[at] is one:
                self._by_call[one] = None
                if one.module is not None:
                    self._called[self._graph.names.path_of(one.module)].append(None)
            elif one in self._models and len(self._models) == 1:
                self._by_call[one] = group  # the only call of a model: what is in it tells more
            else:
                group = self._by_call[one] = self._of_call(one, path, group)
            if one.module is not None:
                path = self._graph.names.path_of(one.module)
        return group

    def _of_call(self, call: Call, path: str, group: int | None) -> int | None:
        if call.running is None:
            return self._add(call.name, "function", group)
        own = "" if call.module is None else self._graph.names.path_of(call.module)
        if not own:
            return self._add(call.name, "module", group)
        for container in _prefixes(own)[:-1]:
            if _is_inside(container, path) and container not in self._called:
                group = self._container(container, group)
        row = self._add(own, "module", group)
        self._called[own].append(row)
        return row

    def _of_path(self, path: str) -> int | None:
        group: int | None = None
        for prefix in _prefixes(path):
            called = self._called.get(prefix)
            if called is None:
                group = self._container(prefix, group)
            elif len(called) == 1:
                group = called[0]
            else:
                break
        return group

    def _strange_leaves(self) -> list[tuple[Found, list[Found]]]:
        """Leaves that nothing in sight owns, such as those of a model that is gone, and users."""
        users: defaultdict[int, list[Found]] = defaultdict(list)
        for found in self._graph.found:
            for node, _ in found.inputs:
                if node is not None:
                    users[self._graph.index[node]].append(found)
        leaves = [(i, f) for i, f in enumerate(self._graph.found) if f.accumulates]
        return [(f, users[i]) for i, f in leaves if users[i] and not f.name]

    def _around_all(self, rows: list[int | None]) -> int | None:
        """The innermost group that all of `rows` are in."""
        common, *others = (self._path(row) for row in rows)
        for path in others:
            common = [one for one, other in zip(common, path, strict=False) if one == other]
        return common[-1] if common else None

    def _path(self, row: int | None) -> list[int]:
        path: list[int] = []
        while row is not None:
            path.append(row)
            row = self._groups[row].parent
        return path[::-1]

    def _container(self, path: str, group: int | None) -> int:
        key = (group, path)
        if key not in self._containers:
            self._containers[key] = self._add(path, "module", group)
        return self._containers[key]

    def _add(self, name: str, kind: str, parent: int | None) -> int:
        self._groups.append(Group(name, kind, parent))
        return len(self._groups) - 1


def _call(found: Found) -> Call | None:
    return None if found.origin is None else found.origin.call


def _chain(found: Found) -> list[Call]:
    call = _call(found)
    return [] if call is None else call.chain()


def _common(operations: list[Found]) -> list[Call]:
    """The calls around every operation: a group of all there is would tell nothing.

    The result alone may have been made outside: the loss, after `model(x)`.
    """
    inner = [f for f in operations if not f.is_root] or operations
    chains = [_chain(f) for f in inner]
    if not chains:
        return []
    common = min(chains, key=len)
    for chain in chains:
        same = 0
        while same < len(common) and chain[same] is common[same]:
            same += 1
        common = common[:same]
    return common


def _prefixes(path: str) -> list[str]:
    parts = path.split(".") if path else []
    return [".".join(parts[: at + 1]) for at in range(len(parts))]


def _is_inside(path: str, outer: str) -> bool:
    return not outer or (path != outer and path.startswith(f"{outer}."))
