"""The recorder: turns a graph, or a backward pass over it, into a trace.

The pass is the library's own. Hooks on the nodes see what arrives and what leaves; they take
previews and touch nothing. `trace(x)` rehearses: it runs the pass and leaves the world as it was.
`record()` watches the pass that the user runs.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from gradlab_widgets.adapters import FREED, Library, known_libraries, node_of
from gradlab_widgets.descent import Descent
from gradlab_widgets.elements import Apart
from gradlab_widgets.explain import Explained
from gradlab_widgets.formulas import equation
from gradlab_widgets.groups import groups_of
from gradlab_widgets.hooks import Fired, HookWatch, with_hooks
from gradlab_widgets.lean import settle_within
from gradlab_widgets.ledger import Ledger
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.trace import Trace, TraceBuilder, Value
from gradlab_widgets.values import PREVIEW
from gradlab_widgets.walk import Graph, graph_of

__all__ = [
    "Event",
    "Seen",
    "no_collections",
    "record",
    "trace",
    "trace_of_graph",
    "write_graph",
]


@dataclass(slots=True)  # frozen, it would take a microsecond more to make
class Event:
    """One node that ran in a backward pass."""

    row: int
    incoming: tuple[Value | None, ...]
    outgoing: tuple[Value | None, ...] = ()
    before: Value | None = None  # .grad before and after, of an AccumulateGrad
    after: Value | None = None


def trace_of_graph(root: Any, what: str = "graph(x)") -> Trace:
    """The graph behind `root` as a trace without steps."""
    with no_collections():
        return _build(graph_of(root, what), None, [])


def trace(root: Any, gradient: Any = None) -> Trace:
    """Rehearse `root.backward(gradient)` and return it as a trace; nothing is left changed.

    The real pass runs, so hooks that were registered on tensors and nodes run too, and whatever
    they do to other things stays done. But every `.grad` is the same object with the same numbers
    afterwards, and the graph is not freed.

    Raises RuntimeError as the library's backward does: for a tensor without history, for one that
    is no scalar if no `gradient` is given, for a graph that was freed already.

    >>> import gradlab as gl
    >>> a = gl.tensor([0.0, 1.0], requires_grad=True)
    >>> t = trace(gl.sin(a).sum())
    >>> t.steps.kind
    ('seed', 'vjp', 'vjp', 'accumulate')
    >>> a.grad is None
    True
    """
    with no_collections():
        return _rehearse(root, gradient)


def _rehearse(root: Any, gradient: Any) -> Trace:
    graph = graph_of(root, "step(x)")
    if gradient is not None and not graph.library.is_tensor(gradient):
        raise TypeError(
            f"step(x, gradient): gradient is to be a tensor of {graph.library.name} with x's shape "
            f"{tuple(root.shape)}, but got {type(gradient).__name__}"
        )
    watch = _Watch(graph)
    try:
        with _grads_restored(graph), watch:
            graph.library.backward(root, gradient)
    except RuntimeError as error:
        hint = _way_out(str(error))
        if not hint:
            raise
        raise type(error)(f"{error}\n{hint}") from error
    return _build(graph, watch, [_seed(graph, root, gradient)])


@contextlib.contextmanager
def no_collections() -> Iterator[None]:
    """Hold the garbage collector back.

    A trace is made of many small objects, none of them garbage, and looking at all of them again
    and again took 40 % of the time of a trace of 10,000 nodes. Afterwards they count as old, or the
    collector would look at all of them at once: 1 µs a node.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():  # what somebody else froze would thaw
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _way_out(message: str) -> str:
    """What to do about an error of the library's; "" if there is nothing to add."""
    if message.startswith(FREED):
        return (
            "To look at a pass, call step(x) before x.backward(); or record the pass itself: "
            "with record() as r: x.backward(), then step(r)."
        )
    if message.startswith("grad can be implicitly created only for scalar outputs"):
        return "Give step(x, gradient) a tensor of x's shape, or take step(x.sum())."
    return ""


class record:
    """Record the backward passes that run inside a `with` block.

    `trace` is the last pass as a `Trace`, `traces` all of them, in order. `step(r)` shows the
    last. Passes of `autograd.grad` are not recorded: they leave no `.grad` to watch grow.

    While a pass runs, what goes by is only copied. A trace, with formulas and sentences, is written
    when it is first asked for; until then its graph is kept.

    >>> import gradlab as gl
    >>> a = gl.tensor(2.0, requires_grad=True)
    >>> out = a * a
    >>> with record() as r:
    ...     out.backward()
    >>> r.trace.steps.kind
    ('seed', 'vjp', 'free', 'accumulate')
    """

    def __init__(self) -> None:
        self._passes: list[Trace | Callable[[], Trace]] = []
        self._descent = Descent()
        self._undo = contextlib.ExitStack()

    @property
    def traces(self) -> list[Trace]:
        """All passes that ran to their end, in order."""
        self._passes = [one if isinstance(one, Trace) else one() for one in self._passes]
        return [one for one in self._passes if isinstance(one, Trace)]

    @property
    def trace(self) -> Trace:
        """The last pass; RuntimeError if none ran to its end."""
        if not self._passes:
            raise RuntimeError(
                "record() saw no backward pass. Run one inside its block: "
                "with record() as r: out.backward()"
            )
        last = self._passes[-1]
        if not isinstance(last, Trace):
            with no_collections():
                last = self._passes[-1] = last()
        return last

    def __enter__(self) -> Self:
        for library in known_libraries():
            for module_name, function in library.backward_entries:
                self._watch(library, importlib.import_module(module_name), function)
            self._watch_grad(library)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.close()
        self._descent = Descent()

    def _watch(self, library: Library, module: Any, function: str) -> None:
        """Put a function that records in the place of one through which backward passes go."""
        original = getattr(module, function)

        @functools.wraps(original)
        def recorded(tensors: Any, grad_tensors: Any = None, *args: Any, **kwargs: Any) -> Any:
            roots = _as_list(tensors)
            if not all(library.is_tensor(root) and root.requires_grad for root in roots):
                return original(tensors, grad_tensors, *args, **kwargs)  # which will say why not
            with no_collections():
                names = Names(library, caller_namespace())
                graph = Graph(library, roots, names)
                if earlier := self._descent.missing(graph):
                    graph = Graph(library, [*roots, *earlier], names)
                given = [None] * len(roots) if grad_tensors is None else _as_list(grad_tensors)
                seeds = [_seed(graph, *pair) for pair in zip(roots, given, strict=False)]
                second = self._descent.links(graph)
                watch, during = _Watch(graph, self._descent), self._descent.during
                with during(roots, graph.index, given), watch:
                    result = original(tensors, grad_tensors, *args, **kwargs)
                freed = watch.freed(_is_retained(*args, **kwargs))
            self._passes.append(lambda: _build(graph, watch, seeds, freed, second))
            return result

        setattr(module, function, recorded)
        self._undo.callback(setattr, module, function, original)

    def _watch_grad(self, library: Library) -> None:
        """Look on while autograd.grad makes nodes, so that a later pass can tell where from."""
        module = library.module.autograd
        original = module.grad

        @functools.wraps(original)
        def watched(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            given = args[0] if args else kwargs.get("grad_outputs")
            if not (args[2] if len(args) > 2 else kwargs.get("create_graph")):
                return original(outputs, inputs, *args, **kwargs)
            with self._descent.watching(_as_list(outputs), _as_list(given)):
                gradients = original(outputs, inputs, *args, **kwargs)
                for tensor, gradient in zip(_as_list(inputs), gradients, strict=False):
                    if library.is_tensor(tensor):  # where several terms met, they were summed
                        self._descent.ran(library.edge(tensor)[0], [gradient])
                return gradients

        module.grad = watched
        self._undo.callback(setattr, module, "grad", original)


def _is_retained(
    retain_graph: bool | None = None, create_graph: bool = False, *args: Any, **kwargs: Any
) -> bool:
    """Whether a pass with these arguments of backward() keeps its graph."""
    return bool(create_graph if retain_graph is None else retain_graph)


def _as_list(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


# ---------------------------------------------------------------------- watching a pass


class _Watch:
    """Hooks on every node of a graph, for the time of a `with` block."""

    def __init__(self, graph: Graph, descent: Descent | None = None) -> None:
        self.events: list[Event] = []
        self.ledger = Ledger(graph)
        self.hooks = HookWatch(graph)
        self._descent = descent
        self._graph = graph
        self._before: dict[int, Value | None] = {}
        self._on_the_way: dict[int, tuple[Any, Value | None]] = {}  # by id(), which is kept
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        self.hooks.__enter__()
        found = self._graph.found
        for row, leaf in [(row, one.node) for row, one in enumerate(found) if one.accumulates]:
            before = functools.partial(self.about_to_accumulate, row)
            after = functools.partial(self.accumulated, row)
            self._handles += [leaf.register_prehook(before), leaf.register_hook(after)]
        made = {one.node: row for row, one in enumerate(found) if not one.accumulates}
        self._handles += self._graph.library.watch(made, self.ran)
        return self

    def __exit__(self, *exc: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._on_the_way.clear()
        self.hooks.__exit__()

    def freed(self, retained: bool) -> frozenset[int]:
        """Rows of the nodes that ran and have let go of what they had saved."""
        found = self._graph.found
        return frozenset(() if retained else (e.row for e in self.events if found[e.row].saved))

    def ran(self, row: int, leaving: Sequence[Any], arrived: Sequence[Any]) -> None:
        if self._graph.library.has_hooks(self._graph.found[row].node):
            self._on_the_way.clear()
        look = self._look
        incoming, outgoing = [look(g) for g in arrived], [look(g) for g in leaving]
        self.events.append(Event(row, tuple(incoming), tuple(outgoing)))
        self._noted(row, leaving, arrived)

    def _look(self, gradient: Any) -> Value | None:
        """The preview of a gradient; of a small array that goes from node to node, taken once.

        No array is changed on its way but by a hook, after which all are looked at again.
        """
        seen = self._on_the_way.get(id(gradient))
        if seen is not None:
            return seen[1]
        if gradient is None:
            return None
        value = self._graph.fleeting(gradient)
        if type(gradient) is np.ndarray and gradient.size <= PREVIEW and gradient.base is None:
            self._on_the_way[id(gradient)] = (gradient, value)
        return value

    def about_to_accumulate(self, row: int, arrived: Sequence[Any] = ()) -> None:
        self._before[row] = self._graph.fleeting(self._graph.found[row].variable.grad)

    def accumulated(self, row: int, leaving: Sequence[Any], arrived: Sequence[Any]) -> None:
        preview = self._graph.fleeting
        incoming = tuple(preview(g) for g in arrived)
        after = preview(self._graph.found[row].variable.grad)
        self.events.append(Event(row, incoming, (), self._before.get(row), after))
        self._noted(row, (), (self._graph.found[row].variable.grad, *arrived))
        self._on_the_way.clear()

    def _noted(self, row: int, leaving: Sequence[Any], others: Sequence[Any]) -> None:
        if self.ledger.several:
            self.ledger.add(row, leaving)
        if self.hooks.tensors:
            self.hooks.ran(row)
        if self._descent is not None and not _are_arrays(leaving):
            self._descent.ran(self._graph.found[row].node, (*others, *leaving))


def _are_arrays(gradients: Sequence[Any]) -> bool:
    """Whether gradients are arrays, which have no history."""
    for gradient in gradients:
        if gradient is not None:
            return type(gradient) is np.ndarray
    return False


@contextlib.contextmanager
def _grads_restored(graph: Graph) -> Iterator[None]:
    """Lend every tensor a copy of its `.grad` to accumulate into; give back the original after."""
    kept = [(t, t.grad) for t in _tensors_with_grad(graph)]
    try:
        for tensor, grad in kept:
            tensor.grad = None if grad is None else grad.detach().clone()
        yield
    finally:
        for tensor, grad in kept:
            tensor.grad = grad


def _tensors_with_grad(graph: Graph) -> list[Any]:
    """The leaves of a graph, and the tensors in it whose retain_grad() was called.

    No node tells which tensors these are, so all tensors that exist are asked, at 0.1 µs for each
    object the garbage collector knows.
    """
    leaves = [found.variable for found in graph.found if found.accumulates]
    tensor_type = graph.library.tensor_type
    tensors = [x for x in gc.get_objects() if issubclass(type(x), tensor_type)]
    return leaves + [tensor for tensor in tensors if _retains_grad_in(graph, tensor)]


def _retains_grad_in(graph: Graph, tensor: Any) -> bool:
    node = node_of(tensor)
    return node is not None and tensor.retains_grad and node in graph.index


def _seed(graph: Graph, root: Any, gradient: Any) -> Event:
    """What a pass starts with: the gradient of `root` with respect to itself."""
    node, output = graph.library.edge(root)
    start = graph.library.ones_like(root) if gradient is None else gradient
    outputs = max(1, len(graph.library.output_metas(node)))
    incoming: list[Value | None] = [None] * outputs
    incoming[output] = graph.fleeting(start) if graph.library.is_tensor(start) else None
    return Event(graph.index[node], tuple(incoming))


class Seen:
    """A pass that somebody else runs, step by step, as far as it has come."""

    def __init__(self, graph: Graph, root: Any, gradient: Any, *, retained: bool) -> None:
        self._graph = graph
        self._seeds = [_seed(graph, root, gradient)]
        self._retained = retained
        self._watch = _Watch(graph)

    def watch_leaves(self) -> list[Any]:
        """Look at each leaf's `.grad` right before it grows, until the handles are removed."""
        leaves = [(row, f.node) for row, f in enumerate(self._graph.found) if f.accumulates]
        look = self._watch.about_to_accumulate
        return [leaf.register_prehook(functools.partial(look, row)) for row, leaf in leaves]

    def add(self, node: Any, arrived: Sequence[Any], leaving: Sequence[Any]) -> None:
        """A node ran."""
        row = self._graph.index[node]
        if self._graph.found[row].accumulates:
            self._watch.accumulated(row, leaving, arrived)
        else:
            self._watch.ran(row, leaving, arrived)

    def trace(self) -> Trace:
        """What has run so far, in the whole graph."""
        with no_collections():
            seeds = self._seeds if self._watch.events else []
            return _build(self._graph, self._watch, seeds, self._watch.freed(self._retained))


# ---------------------------------------------------------------------- writing the trace


def _build(
    graph: Graph,
    watch: _Watch | None,
    seeds: list[Event],
    freed: frozenset[int] = frozenset(),
    second: Sequence[tuple[int, int, int]] = (),
) -> Trace:
    """Write nodes, edges and steps into a trace."""
    events = [] if watch is None else watch.events
    fired = _by_row([] if watch is None else watch.hooks.fired)
    builder = TraceBuilder(graph.library.name)
    explained = Explained(graph, numbers=bool(events))
    rows = write_graph(builder, graph, explained)
    for i, row in enumerate(rows):
        _write_elements(builder, row, explained.apart(i))
    for seed in seeds if events else []:
        _write_step(builder, "seed", rows, seed, *explained.seed(seed))
    for event in events:
        accumulates = graph.found[event.row].accumulates
        kind, explain = (
            ("accumulate", explained.accumulate) if accumulates else ("vjp", explained.vjp)
        )
        hooks = fired.get(event.row, ())
        formulas, words = explain(_before_hooks(event, hooks))
        _write_step(builder, kind, rows, event, formulas, with_hooks(words, graph, hooks))
        _write_elements(builder, rows[event.row], explained.apart(event.row, event))
        if event.row in freed:
            builder.step(kind="free", node=rows[event.row], words=explained.free(event.row))
        for slot, axes in explained.summed(event):
            builder.sum(rows[event.row], slot, axes)
    for row, slot, so_far in [] if watch is None else watch.ledger.terms:
        builder.term(rows[row], slot, builder.value(so_far))
    for one in [] if watch is None else watch.hooks.fired:
        changed = builder.value(one.before), builder.value(one.after)
        builder.hook(rows[one.row], one.kind, one.name, one.slot, *changed)
    for row, of, order in second:
        builder.second(rows[row], rows[of], order)
    return builder.build(root=rows[graph.index[graph.roots[0][0]]])


def _by_row(fired: Sequence[Fired]) -> dict[int, list[Fired]]:
    found: dict[int, list[Fired]] = defaultdict(list)
    for one in fired:
        found[one.row].append(one)
    return found


def _before_hooks(event: Event, fired: Sequence[Fired]) -> Event:
    """An accumulate's event with the `.grad` as it was until a hook of the user's changed it."""
    changed = [f for f in fired if f.kind == "post-accumulate hook" and f.before != f.after]
    return replace(event, after=changed[0].before) if changed else event


def write_graph(builder: TraceBuilder, graph: Graph, explained: Explained) -> list[int]:
    """Write a graph's groups, nodes and edges, and return the row of each node found."""
    settle_within(graph.kept)
    groups, group_of = groups_of(graph)
    written: list[int] = []
    for group in groups:
        parent = None if group.parent is None else written[group.parent]
        written.append(builder.group(group.name, group.kind, parent))
    rows = [
        _write_node(builder, graph, explained, i, None if at is None else written[at])
        for i, at in enumerate(group_of)
    ]
    for found, row in zip(graph.found, rows, strict=True):
        for slot, (node, output) in enumerate(found.inputs):
            if node is not None:
                builder.edge(rows[graph.index[node]], row, slot, output)
    return rows


def _write_node(
    builder: TraceBuilder, graph: Graph, explained: Explained, i: int, group: int | None
) -> int:
    """Write one node; before an AccumulateGrad also the leaf it belongs to."""
    found = graph.found[i]
    formula = explained.forward(i)
    common: dict[str, Any] = {
        "name": found.name,
        "module": found.module,
        "shape": found.shape,
        "dtype": found.dtype,
        "value": builder.value(found.value),
        "group": group,
    }
    if found.accumulates:
        leaf = builder.node(kind="leaf", title=found.name or "leaf", **common)
        row = builder.node(kind="accumulate", op=found.op, title=found.title, **common)
        builder.edge(leaf, row)
        return row
    origin = found.origin
    saved = [(name, builder.value(value)) for name, value in found.saved]
    return builder.node(
        kind="root" if found.is_root else "op",
        op=found.op,
        title=found.title,
        saved=[(name, index) for name, index in saved if index is not None],
        formula=None if formula is None else builder.math(formula),
        source=None if origin is None else builder.source(origin.cell, origin.line, origin.text),
        **common,
    )


def _write_elements(builder: TraceBuilder, row: int, parts: list[Apart]) -> None:
    for part in parts:
        values = tuple(builder.value(value) for value in part.values)
        builder.element(
            node=row,
            part=part.slot + 1,
            sizes=part.sizes,
            axes=part.axes,
            values=tuple(index for index in values if index is not None),
            names=tuple(builder.math(equation(name)) for name in part.names),
            term=builder.math(equation(part.term)),
            how=part.how,
            plus=part.plus,
        )


def _write_step(
    builder: TraceBuilder,
    kind: str,
    rows: list[int],
    event: Event,
    formulas: list[str],
    words: str,
) -> None:
    builder.step(
        kind=kind,
        node=rows[event.row],
        incoming=[builder.value(v) for v in event.incoming],
        outgoing=[builder.value(v) for v in event.outgoing],
        before=builder.value(event.before),
        after=builder.value(event.after),
        formulas=[builder.math(formula) for formula in formulas],
        words=words,
    )
