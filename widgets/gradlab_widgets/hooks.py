"""The user's hooks, watched at work: each that runs in a pass is noted, and what it changed.

For the time of a pass every hook that can be found is replaced, where the library keeps it, by one
that calls it and looks at the gradients before and after. Nothing is added and nothing reordered.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from gradlab_widgets.adapters import Hooked
from gradlab_widgets.formulas import value_text
from gradlab_widgets.values import Value
from gradlab_widgets.walk import Graph

__all__ = ["Fired", "HookWatch", "with_hooks"]

_MOST = 1000  # nodes; looking for hooks takes PyTorch 5 µs at each
_FIRST = ("tensor hook", "pre-hook", "retain_grad")  # these run before their node does


@dataclass(frozen=True, slots=True)
class Fired:
    """A hook that ran at the node of a row; before and after are None where it changed nothing."""

    row: int
    kind: str
    name: str
    slot: int | None = None  # of a tensor's hook its output, of a node's hook the place it changed
    before: Value | None = None
    after: Value | None = None


class HookWatch:
    """Watches the hooks of a graph's nodes and tensors, for the time of a `with` block."""

    def __init__(self, graph: Graph) -> None:
        self.fired: list[Fired] = []
        self._graph = graph
        self.tensors: dict[int, list[tuple[int, Any]]] = {}
        self._replaced: list[tuple[Hooked, Any, Any]] = []

    def __enter__(self) -> Self:
        graph = self._graph
        if len(graph.found) > _MOST:
            return self
        for node, output, tensor in graph.names.outputs():
            if node in graph.index:
                self.tensors.setdefault(graph.index[node], []).append((output, tensor))
        for row, found in enumerate(graph.found):
            leaf = [(0, found.variable)] if found.accumulates else []
            for hooked in graph.library.hooks(found.node, leaf or self.tensors.get(row, [])):
                self._watch(row, hooked)
        return self

    def __exit__(self, *exc: object) -> None:
        for hooked, before, watched in self._replaced:
            if hooked.table.get(hooked.key) is watched:
                hooked.table[hooked.key] = before

    def ran(self, row: int) -> None:
        """A node ran; what is kept of its gradient is kept by now."""
        for output, tensor in self.tensors.get(row, ()):
            if tensor.retains_grad:
                self.fired.append(
                    Fired(row, "retain_grad", self._graph.names.of_tensor(tensor), output)
                )

    def _watch(self, row: int, hooked: Hooked) -> None:
        look = _LOOKS[hooked.kind]
        hook = hooked.function

        @functools.wraps(hook)
        def watched(*given: Any) -> Any:
            return look(self, row, hooked, functools.partial(hook, *given), given)

        before, after = hooked.table[hooked.key], hooked.replaced(watched)
        hooked.table[hooked.key] = after
        self._replaced.append((hooked, before, after))

    # ------------------------------------------------------------------ each kind of hook

    def _on_tensor(
        self, row: int, hooked: Hooked, call: Callable[[], Any], given: Sequence[Any]
    ) -> Any:
        (gradient,) = given
        before = self._graph.fleeting(gradient)
        result = call()
        after = self._graph.fleeting(gradient if result is None else result)
        self._note(row, hooked, [(hooked.slot, before, after)])
        return result

    def _on_node(
        self, row: int, hooked: Hooked, call: Callable[[], Any], given: Sequence[Any]
    ) -> Any:
        passing = given[0]
        before = [self._graph.fleeting(g) for g in passing]
        result = call()
        replaced = result if isinstance(result, (tuple, list)) else passing
        after = [self._graph.fleeting(g) for g in replaced]
        self._note(row, hooked, list(zip(range(len(before)), before, after, strict=False)))
        return result

    def _on_grad(
        self, row: int, hooked: Hooked, call: Callable[[], Any], given: Sequence[Any]
    ) -> Any:
        variable = self._graph.found[row].variable
        before = self._graph.fleeting(variable.grad)
        result = call()
        self._note(row, hooked, [(None, before, self._graph.fleeting(variable.grad))])
        return result

    def _note(
        self,
        row: int,
        hooked: Hooked,
        passed: Sequence[tuple[int | None, Value | None, Value | None]],
    ) -> None:
        name = _name_of(hooked.function)
        changed = [Fired(row, hooked.kind, name, *one) for one in passed if one[1] != one[2]]
        slot = hooked.slot if hooked.kind == "tensor hook" else None
        self.fired += changed or [Fired(row, hooked.kind, name, slot)]


_LOOKS = {
    "tensor hook": HookWatch._on_tensor,
    "pre-hook": HookWatch._on_node,
    "node hook": HookWatch._on_node,
    "post-accumulate hook": HookWatch._on_grad,
}


def _name_of(hook: Any) -> str:
    """What the user calls a hook: a function's name, or the class of something called."""
    inner = inspect.unwrap(hook.func if isinstance(hook, functools.partial) else hook)
    name = getattr(inner, "__qualname__", type(inner).__name__).rpartition("<locals>.")[2]
    return "lambda" if name == "<lambda>" else name


# ---------------------------------------------------------------------- in words


def with_hooks(words: str, graph: Graph, fired: Sequence[Fired]) -> str:
    """The words of a node's step between what its hooks did before, and what after it ran."""
    first = [_sentence(graph, one) for one in fired if one.kind in _FIRST]
    then = [_sentence(graph, one) for one in fired if one.kind not in _FIRST]
    return " ".join([*first, words, *then])


def _sentence(graph: Graph, fired: Fired) -> str:
    found = graph.found[fired.row]
    title = found.title
    tensor = graph.names.of(found.node, fired.slot or 0) if not found.accumulates else found.name
    tensor = tensor or ("a leaf" if found.accumulates else f"the result of {title}")
    by = "" if fired.slot is None else f" by slot {fired.slot}"
    where, passing = {
        "tensor hook": (f"on {tensor}", "the gradient that arrives"),
        "pre-hook": (f"of {title}", "what arrives"),
        "node hook": (f"of {title}", "what leaves" + by),
        "post-accumulate hook": (f"on {tensor}", f"{tensor}.grad"),
        "retain_grad": ("", ""),
    }[fired.kind]
    if fired.kind == "retain_grad":
        return f"The gradient of {tensor} is kept in its .grad, as retain_grad() asked for."
    opening = f"The {fired.kind} {fired.name} {where} sees {passing}"
    if fired.before == fired.after:
        return f"{opening} and leaves it as it is."
    return f"{opening} and changes it from {_told(fired.before)} to {_told(fired.after)}."


def _told(value: Value | None) -> str:
    return "None" if value is None else value_text(value)
