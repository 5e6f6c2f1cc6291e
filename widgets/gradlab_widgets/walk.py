"""The graph behind a tensor, read once: nodes in order, and all that is known about each.

Reading changes nothing and keeps nothing alive for longer than the drawing takes. Nodes are keyed
by the node itself: PyTorch makes and drops its Python wrappers as it likes, so an `id()` may be
another node's a moment later, but wrappers of one node are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradlab_widgets.adapters import Edge, Library, library_of
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.origins import Origin, observed_since, origin_of
from gradlab_widgets.trace import PREVIEW, Value

__all__ = ["Found", "Graph", "graph_of", "inputs_first"]

# Elements that the previews of one trace share, so that a large graph's trace stays a few MB.
_ELEMENTS = 40_000


@dataclass(slots=True)
class Found:
    """One node of a graph, and what is known about it."""

    node: Any
    op: str
    title: str
    inputs: Sequence[Edge]  # next_functions
    shape: tuple[int, ...]
    dtype: str
    is_root: bool = False
    variable: Any = None  # the leaf, of an AccumulateGrad
    name: str = ""
    module: str = ""
    value: Value | None = None
    saved: list[tuple[str, Value]] = field(default_factory=list)
    saved_names: dict[str, str] = field(default_factory=dict)  # of tensors outside the graph
    options: dict[str, Any] = field(default_factory=dict)
    origin: Origin | None = None

    @property
    def accumulates(self) -> bool:
        """Whether this is an AccumulateGrad."""
        return self.variable is not None


class Graph:
    """Every node reachable from some roots, inputs before their users."""

    def __init__(
        self, library: Library, roots: Sequence[Any], names: Names, most: int = PREVIEW
    ) -> None:
        """Read the graph; values are previewed by at most `most` elements."""
        self.library = library
        self.names = names
        self.roots: list[Edge] = [library.edge(root) for root in roots]
        order = _oldest_first([node for node, _ in self.roots])
        self.index: dict[Any, int] = {node: i for i, node in enumerate(order)}
        self.preview = min(most, max(4, _ELEMENTS // len(order)))
        self._known: dict[tuple[Any, int], Value | None] = {}
        self._seen: dict[int, tuple[Any, Value | None]] = {}  # by id() of a tensor held here
        self.kept: list[Value] = []  # every value that was taken
        self.found = [self._read(node) for node in order]
        for root, (node, output) in zip(roots, self.roots, strict=True):
            self.found[self.index[node]].is_root = True
            self._known.setdefault((node, output), self.value(root))
        self._read_saved()
        self._settle_values()
        self._settle_origins()
        self._settle_modules()

    def value(self, tensor: Any) -> Value | None:
        """The preview of a tensor; taken once for each tensor that lives as long as this."""
        if tensor is None:
            return None
        seen = self._seen.get(id(tensor))
        if seen is None:
            seen = self._seen[id(tensor)] = (tensor, self.fleeting(tensor))
        return seen[1]

    def fleeting(self, tensor: Any) -> Value | None:
        """The preview of a tensor that will soon be gone or changed, such as a gradient."""
        value = self.library.value(tensor, self.preview)
        if value is not None:
            self.kept.append(value)
        return value

    def keep(self, found: list[Found]) -> None:
        """Leave only some of the nodes, and the edges between them."""
        self.found = found
        self.index = {one.node: i for i, one in enumerate(found)}
        for one in found:
            one.inputs = [(n if n in self.index else None, output) for n, output in one.inputs]

    # ------------------------------------------------------------------ reading

    def _read(self, node: Any) -> Found:
        library = self.library
        op = library.node_name(node)
        variable = getattr(node, "variable", None) if op == "AccumulateGrad" else None
        metas = library.output_metas(node)
        shape, dtype = metas[0] if metas else ((), "")
        found = Found(node, op, library.title(node), node.next_functions, shape, dtype)
        if variable is not None:
            found.title = "accumulate"
            found.variable = variable
            found.name = self.names.of_leaf(variable)
            found.value = self.value(variable)
        else:
            found.name = self.names.of(node)
            for output in range(1, len(metas)):
                if name := self.names.of(node, output):
                    found.name += f", {name}" if found.name else name
            found.origin = origin_of(node)
        return found

    def _read_saved(self) -> None:
        for found in self.found:
            if found.accumulates:
                continue
            saved = self.library.saved(found.node)
            found.options = saved.options
            for name, tensor in saved.tensors:
                value = self._saved_value(tensor)
                if value is not None:
                    found.saved.append((name, value))
                    if tensor.grad_fn is None:
                        found.saved_names[name] = self.names.of_leaf(tensor)

    def _saved_value(self, tensor: Any) -> Value | None:
        """A saved tensor's value, which is also the value of the node that produced it."""
        producer = tensor.grad_fn
        if producer is None or producer not in self.index:
            return self.value(tensor)
        key = (producer, int(tensor.output_nr))
        if key not in self._known:
            self._known[key] = self.fleeting(tensor)
        return self._known[key]

    # ------------------------------------------------------------------ what follows from others

    def _settle_values(self) -> None:
        """Values of produced tensors: saved by somebody, in a variable, or still about."""
        for found in self.found:
            if found.accumulates:
                continue
            node = found.node
            tensor = self.names.tensor_of(node)
            if tensor is None and found.origin is not None:
                tensor = found.origin.tensor
                if tensor is not None and tensor.grad_fn not in (None, node):
                    tensor = None  # changed in place since; it is another node's now
            known = self._known.get((node, 0))
            found.value = known if known is not None else self.value(tensor)

    def _settle_origins(self) -> None:
        """A node that was recorded on the way to another, inside one call, has its origin."""
        since = observed_since(self.library.name)
        for found in reversed(self.found):
            if found.origin is None:
                continue
            for node in [n for n, _ in found.inputs if n is not None]:
                inner = self.found[self.index[node]]
                unseen = not inner.accumulates and inner.origin is None
                if unseen and node._sequence_nr() > since:
                    inner.origin = found.origin

    def _settle_modules(self) -> None:
        """Paths of modules: seen while the module ran, or told by whose parameters go in.

        A node fed by one module's parameters alone (a transposed weight) belongs to that module,
        and so does the node where these meet the data.
        """
        if not self.names.has_modules:
            return
        parameters_only: dict[Any, str] = {}
        for found in self.found:
            if found.accumulates:
                found.module = self.names.module_of(found.variable)
                parameters_only[found.node] = found.module
                continue
            inputs = [node for node, _ in found.inputs if node is not None]
            fed_by = {parameters_only[n] for n in inputs if parameters_only.get(n)}
            if len(fed_by) == 1:
                (found.module,) = fed_by
                if all(n in parameters_only for n in inputs):
                    parameters_only[found.node] = found.module
            module = None if found.origin is None else found.origin.module
            if module is not None:
                found.module = self.names.path_of(module) or found.module


def graph_of(root: Any, what: str) -> Graph:
    """The graph behind the tensor `root`, with the names of whoever called.

    Raises TypeError if it is no tensor, and RuntimeError if it has no history; `what` says in
    these errors who wants to know.
    """
    library = library_of(root, what)
    check_history(root, what)
    return Graph(library, [root], Names(library, caller_namespace()))


def check_history(root: Any, what: str) -> None:
    """Raise RuntimeError if nothing was recorded for `root`."""
    if not root.requires_grad:
        raise RuntimeError(
            "element 0 of tensors does not require grad and does not have a grad_fn, so there is "
            f"no graph behind it for {what} to show. Set requires_grad=True on a tensor it is "
            "computed from, and compute it outside no_grad()."
        )


def _oldest_first(roots: Sequence[Any]) -> list[Any]:
    """Every node reachable from the roots in the order they were made, leaves at their first use.

    Nodes of several threads are counted apart, so where that order would put a node before its
    inputs it is only inputs first.
    """
    reachable = inputs_first(roots)
    made = [node for node in reachable if node.next_functions]
    order: dict[Any, None] = {}
    for node in sorted(made, key=lambda n: int(n._sequence_nr())):
        for following, _ in node.next_functions:
            if following is None or following in order:
                continue
            if following.next_functions:
                return reachable
            order[following] = None
        order[node] = None
    return list(order | dict.fromkeys(reachable))


def inputs_first(roots: Iterable[Any]) -> list[Any]:
    """Every node reachable from the roots, each after all it takes inputs from; no recursion."""
    order: list[Any] = []
    seen: set[Any] = set()
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(root.next_functions))]
        while stack:
            node, edges = stack[-1]
            for following, _ in edges:
                if following is not None and following not in seen:
                    seen.add(following)
                    stack.append((following, iter(following.next_functions)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order
