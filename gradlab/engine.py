"""The backward pass.

``run`` is the whole of it: take the nodes of the graph, newest first, turn the gradient that has
arrived at each into gradients of its inputs, and hand these on. It is a generator that pauses
after every node, so a learner (or a widget) can hold it, look around, and take the next ``Step``.
``backward`` and ``grad`` are ``run`` drained.

The same loop serves both kinds of pass: on raw arrays (``_Arrays``), and with
``create_graph=True`` on tensors, recording itself (``_Tensors``).
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from operator import index as as_index
from types import FrameType
from typing import Any

import numpy

from gradlab import arrays, levels, observers
from gradlab.arrays import Array
from gradlab.grad_mode import ensure_mode, mode
from gradlab.graph import AccumulateGrad, Edge, Hooks, Node, leaf_edge
from gradlab.levels import level_of
from gradlab.warn import warn_once


class Step:
    """One node of a backward pass that has just run.

    ``node``; ``grad_outputs``: the gradients that arrived, one per output of the operation;
    ``grad_inputs``: those that leave, one per edge of ``node.next_functions`` (None: nothing).
    Both are tuples of tensors or None, wrapped from the engine's raw arrays only when looked at.
    """

    __slots__ = ("_grad_inputs", "_grad_outputs", "_wrap", "node")

    def __init__(
        self, node: Node, arrived: Sequence[Any], leaving: Sequence[Any], wrap: Callable[[Any], Any]
    ) -> None:
        self.node = node
        self._grad_outputs = arrived
        self._grad_inputs = leaving
        self._wrap = wrap

    @property
    def grad_outputs(self) -> tuple[Any, ...]:
        """Gradients that arrived, one per output of the operation."""
        return tuple(self._wrap(g) for g in self._grad_outputs)

    @property
    def grad_inputs(self) -> tuple[Any, ...]:
        """Gradients that leave, one per edge; nothing leaves an AccumulateGrad."""
        return tuple(self._wrap(g) for g in self._grad_inputs)

    def __repr__(self) -> str:
        return f"Step({self.node.name().rpartition('::')[2]})"


def run(
    roots: Sequence[Any],
    grads: Sequence[Any],
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    accumulate: bool = True,
) -> Iterator[Step]:
    """Run the backward pass from ``roots``, pausing after each node.

    ``grads`` holds the gradient of each root, a tensor of the root's shape. ``retain_graph`` and
    ``create_graph`` as in ``backward``. ``accumulate=False`` leaves every ``.grad`` alone.

    >>> import gradlab as gl
    >>> x = gl.tensor(2.0, requires_grad=True)
    >>> for step in run([(x * x).sin()], [gl.tensor(1.0)]):
    ...     print(step.node.name(), step.grad_inputs)
    SinBackward0 (tensor(-0.6536),)
    MulBackward0 (tensor(-1.3073), tensor(-1.3073))
    torch::autograd::AccumulateGrad ()
    """
    kind = _kind(roots, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    for node, arrived, leaving in _run(kind, roots, grads, keep, accumulate):
        yield Step(node, arrived, leaving, kind.wrap)


def _run(
    kind: _Gradients,
    roots: Sequence[Any],
    grads: Sequence[Any],
    retain_graph: bool,
    accumulate: bool = True,
    needed: set[Node] | None = None,
    captured: dict[Edge, Any] | None = None,
) -> Iterator[tuple[Node, Sequence[Any], Sequence[Any]]]:
    """The loop, with everything that somebody may want of it.

    ``needed`` limits it to these nodes; ``captured`` receives gradients at its keys. Gradients are
    shown in the shapes of the inputs, and none that was shown is changed later.
    """
    arrived: dict[Node, list[Any]] = {}  # per node, the sum so far for each of its outputs
    for root, given in zip(roots, grads, strict=True):
        gradient = kind.ones(root) if given is None else kind.take(given)
        node, output = edge_of(root)
        assert node is not None, "a tensor's own edge leads to a node"
        kind.add(arrived.setdefault(node, _none_for_each_output(node)), node, output, gradient)
    nodes, uses, _ = _order(arrived, needed, captured)
    kind.nodes = {*nodes, *uses}
    waiting = [*reversed(nodes), *reversed([leaf for leaf, left in uses.items() if not left])]
    while waiting:
        node = waiting.pop()
        gradients = arrived.pop(node, None) or _none_for_each_output(node)
        hooks = node.hooks
        if hooks is not None:
            gradients = kind.before(hooks, gradients)
        if captured is not None:
            _capture(node, gradients, captured, kind.wrap)
        if needed is not None and node not in needed:
            continue
        if hooks is not None and hooks.pre:
            gradients = kind.before_node(hooks, gradients)
        leaving: Sequence[Any] = ()
        if type(node) is not AccumulateGrad:
            try:
                leaving = kind.apply(node, gradients)
            except Exception:
                observers.node_failed(node)
                raise
        elif accumulate and gradients[0] is not None:
            kind.accumulate(node, gradients[0])
        if needed is not None:
            leaving = [
                gradient if edge[0] in kind.nodes else None
                for edge, gradient in zip(node.next_functions, leaving, strict=True)
            ]
        leaving = kind.fitted(node, leaving)
        if hooks is not None and hooks.post:
            leaving = kind.after(hooks, leaving, gradients)
        if not retain_graph:
            node.release()
        ready = []
        for edge, gradient in zip(node.next_functions, leaving, strict=True):
            following, output = edge
            if following is None:
                continue
            if gradient is not None:
                if hooks is not None:
                    gradient = kind.fit(gradient, following.outputs[output], node, edge)
                known = arrived.setdefault(following, _none_for_each_output(following))
                kind.add(known, following, output, gradient)
            if following in uses:
                uses[following] -= 1
                if not uses[following]:
                    ready.append(following)
        waiting.extend(reversed(ready))
        if observers.active:
            step = Step(node, gradients, leaving, kind.wrap)
            for observer in observers.active:
                observer.on_step(step)
        yield node, gradients, leaving


def _run_plain(
    roots: Sequence[Any],
    grads: Sequence[Any],
    retain_graph: bool,
    needed: set[Node] | None = None,
    captured: dict[Edge, Any] | None = None,
) -> bool:
    """The same on raw arrays when nobody looks on; False, and nothing done, where hooks would.

    What happens once per edge is written out here: in a small backward pass, calls are what costs.
    """
    arrived: dict[Node, Any] = {}  # the sum so far: an array, or a list of one for each output
    own: set[Node] = set()  # nodes whose arrived array nobody else holds
    wrap = roots[0]._wrap
    for root, given in zip(roots, grads):  # noqa: B905 (0.19 µs)
        node, output = edge_of(root)
        assert node is not None, "a tensor's own edge leads to a node"
        gradient = arrays.ones_like(root._array) if given is None else given._array
        _add_array(arrived, own, node, output, gradient)
    nodes, uses, hooked = _order(arrived, needed, captured)
    if hooked:
        return False
    running = None if needed is None else {*nodes, *uses}
    for leaf in [leaf for leaf, left in uses.items() if not left]:
        _finish(leaf, arrived.pop(leaf), False, captured, wrap)
    for node in nodes:
        gradient = arrived.pop(node, None)
        if captured is not None and needed is not None:
            _capture(node, gradient if type(gradient) is list else (gradient,), captured, wrap)
            if node not in needed:
                continue
        if node.shape is not None:
            leaving = node.apply(gradient)
        else:
            leaving = node.apply(*gradient or _none_for_each_output(node))
        if not retain_graph:
            node.release()
        exact = node.exact
        for edge, given in zip(node.next_functions, leaving):  # noqa: B905 (0.19 µs a node)
            following, output = edge
            if following is None:
                continue
            if given is not None:
                if not exact and (
                    given.shape != following.shape or given.dtype is not following.dtype
                ):
                    if running is not None and following not in running:
                        continue  # nobody asked for it, so it may be wrong
                    given = _fit_array(given, following.outputs[output], node, edge)
                if following in own:
                    known = arrived[following]
                    known += given
                elif following in arrived or following.shape is None:
                    _add_array(arrived, own, following, output, given)
                else:
                    arrived[following] = given
                    if following.can_own and _is_own(given, node, gradient, own):
                        own.add(following)
            if type(following) is AccumulateGrad:
                left = uses.get(following)
                if left == 1:
                    whole = arrived.pop(following, None)
                    _finish(following, whole, following in own, captured, wrap)
                elif left is not None:
                    uses[following] = left - 1
    return True


def _run_through(
    roots: Sequence[Any],
    grads: Sequence[Any],
    retain_graph: bool,
    recorded: bool,
    needed: set[Node] | None = None,
    captured: dict[Edge, Any] | None = None,
) -> None:
    """Run a backward pass to its end."""
    if recorded or observers.active or not _run_plain(roots, grads, retain_graph, needed, captured):
        _drain(_run(_kind(roots, recorded), roots, grads, retain_graph, True, needed, captured))


_drain = deque[Any](maxlen=0).extend
"""Runs an iterator to its end and keeps nothing."""


def edge_of(tensor: Any) -> Edge:
    """The edge at which a tensor's gradient arrives: its grad_fn's, or its AccumulateGrad's."""
    if tensor._view is not None:
        tensor._view.refresh(tensor, asked=True)
    edge: Edge = tensor._edge or leaf_edge(tensor)
    return edge


def _none_for_each_output(node: Node) -> list[Any]:
    return [None] if node.shape is not None else [None] * len(node.outputs)


def _order(
    starts: Iterable[Node], needed: set[Node] | None, captured: dict[Edge, Any] | None
) -> tuple[list[Node], dict[Node, int], bool]:
    """The operations reachable from ``starts`` in the order they run; how often each leaf is used;
    and whether any has hooks.

    An operation is always newer than those it takes its inputs from, so newest first is an order
    in which every gradient has arrived before it is needed. The AccumulateGrad of a leaf runs as
    soon as its last gradient is there: right after the oldest of its users.
    """
    uses: dict[Node, int] = {}
    nodes: list[Node] = []
    hooked = False
    wanted = None
    if needed is not None:
        wanted = needed.union(node for node, _ in captured or () if node is not None)
    for node in starts:
        if wanted is None or node in wanted:
            hooked = hooked or node.hooks is not None
            if type(node) is AccumulateGrad:
                uses[node] = 0
            else:
                nodes.append(node)
    seen = set(nodes)
    for node in nodes:  # which grows on the way
        if needed is not None and node not in needed:
            continue
        for following, _ in node.next_functions:
            if following in seen or following is None:
                continue
            if wanted is not None and following not in wanted:
                continue
            if following.hooks is not None:
                hooked = True
            if type(following) is AccumulateGrad:
                uses[following] = uses.get(following, 0) + 1
            else:
                seen.add(following)
                nodes.append(following)
    nodes.sort(key=_BY_ORDER)
    return nodes, uses, hooked


_BY_ORDER = attrgetter("order")


def _add_array(
    arrived: dict[Node, Any], own: set[Node], node: Node, output: int, gradient: Array
) -> None:
    """Add to what has arrived; the first sum makes a new array, to which later ones write."""
    known = arrived.get(node)
    if node.shape is None:
        if known is None:
            arrived[node] = known = _none_for_each_output(node)
        before = known[output]
        known[output] = gradient if before is None else arrays.as_array(before + gradient)
    elif known is None:
        arrived[node] = gradient
    else:
        arrived[node] = arrays.as_array(known + gradient)
        own.add(node)


def _fit_array(
    gradient: Array, output: tuple[tuple[int, ...], Any], node: Node, edge: Edge
) -> Array:
    """Undo broadcasting and promotion: the gradient of a tensor has its shape and dtype."""
    shape, dtype = output
    if gradient.shape != shape:
        _check_expandable(gradient.shape, shape, node, edge)
        gradient = arrays.sum_to(arrays.array_module(gradient), gradient, shape)
    if gradient.dtype.kind == "c" and dtype.kind != "c":  # of a real one that met complex ones
        real: Array = gradient.real.astype(dtype)
        return real
    return gradient.astype(dtype, copy=False)


def _finish(
    leaf: Any, gradient: Any, owned: bool, captured: dict[Edge, Any] | None, wrap: Any
) -> None:
    """Give a leaf its gradient, which is complete: store it where it was asked for."""
    if captured is not None:
        _capture(leaf, (gradient,), captured, wrap)
    elif gradient is not None:
        leaf.accumulate(gradient, owned)


def _is_own(gradient: Any, node: Node, arrived: Any, own: set[Node]) -> bool:
    """Whether nobody but ``node``, which has just made it, holds the memory of a gradient.

    A layer's weight is used transposed. Its gradient comes back transposed twice, a view of an
    array that is its own all the same; 0.4 MB of it take 17 µs to copy into ``.grad``.
    """
    if gradient is arrived:
        return False
    memory = gradient.base
    if memory is None:
        return type(arrived) is not list or all(gradient is not one for one in arrived)
    if type(arrived) is list or memory.size != gradient.size or not hasattr(node, "op"):
        return False
    # A declared formula makes views of nothing older than what arrived.
    return node in own if memory is arrived or memory is arrived.base else True


def _capture(
    node: Node, gradients: Sequence[Any], captured: dict[Edge, Any], wrap: Callable[[Any], Any]
) -> None:
    for output, gradient in enumerate(gradients):
        if (node, output) in captured:
            captured[node, output] = None if gradient is None else wrap(gradient)


# ------------------------------------------------------------------ the two kinds of gradient


class _Gradients:
    """What the loop needs to know of gradients, whichever kind they are."""

    recording: bool
    recorded: bool
    nodes: set[Node]  # that run
    node: Node | None = None  # the one that runs, in a pass that is recorded

    def __init__(self, tensor: Callable[[Any], Any]) -> None:
        self._tensor = tensor
        self.own: set[Node] = set()  # nodes whose only arrived array nobody else holds

    def will_run(self, node: Node) -> bool:
        """Whether a gradient may arrive at ``node`` in this pass."""
        return node in self.nodes

    def take(self, gradient: Any) -> Any:
        """A tensor as a gradient of this kind."""
        raise NotImplementedError

    def ones(self, root: Any) -> Any:
        """The gradient of a tensor with respect to itself."""
        raise NotImplementedError

    def wrap(self, gradient: Any) -> Any:
        """A gradient as a tensor; None stays None."""
        raise NotImplementedError

    def apply(self, node: Node, gradients: Sequence[Any]) -> Sequence[Any]:
        """Run a node."""
        raise NotImplementedError

    def fit(
        self, gradient: Any, output: tuple[tuple[int, ...], Any], node: Node, edge: Edge
    ) -> Any:
        """Undo broadcasting and promotion: the gradient of a tensor has its shape and dtype."""
        raise NotImplementedError

    def fitted(self, node: Node, leaving: Sequence[Any]) -> list[Any]:
        """A node's results as its hooks see them: each in the shape and dtype of its input.

        A node of several tensors alike, like ``cat``, has gradients of those that want none, too.
        """
        return [
            gradient
            if edge[0] is None or gradient is None
            else self.fit(gradient, edge[0].outputs[edge[1]], node, edge)
            for edge, gradient in zip(node.next_functions, leaving, strict=True)
        ]

    def add(self, known: list[Any], node: Node, output: int, gradient: Any) -> None:
        """Add a gradient to what is known to have arrived at an output of ``node``."""
        raise NotImplementedError

    def accumulate(self, node: AccumulateGrad, gradient: Any) -> None:
        """Add to a leaf's ``.grad``."""
        raise NotImplementedError

    def before(self, hooks: Hooks, gradients: list[Any]) -> list[Any]:
        """Run the tensors' own hooks; what they return takes the gradients' place."""
        tensors = [self.wrap(g) for g in gradients]
        with _Calling(self):
            for output, hook in list(hooks.on_output.values()):
                if tensors[output] is not None:
                    tensors[output] = _replaced(tensors[output], hook, hook(tensors[output]))
            for output, retain in hooks.retained.items():
                if tensors[output] is not None:
                    retain(tensors[output])
        return [None if t is None else self.take(t) for t in tensors]

    def before_node(self, hooks: Hooks, gradients: list[Any]) -> list[Any]:
        """Run the hooks that a node calls before it runs; likewise."""
        tensors = [self.wrap(g) for g in gradients]
        with _Calling(self):
            for prehook in list(hooks.pre.values()):
                tensors = _replaced_all(tensors, prehook, prehook(tuple(tensors)))
        return [None if t is None else self.take(t) for t in tensors]

    def after(self, hooks: Hooks, leaving: Sequence[Any], gradients: Sequence[Any]) -> list[Any]:
        """Run the hooks that see a node's results; what they return takes the results' place."""
        tensors = [self.wrap(g) for g in leaving]
        arrived = tuple(self.wrap(g) for g in gradients)
        with _Calling(self):
            for hook in list(hooks.post.values()):
                tensors = _replaced_all(tensors, hook, hook(tuple(tensors), arrived))
        return [None if t is None else self.take(t) for t in tensors]


class _Arrays(_Gradients):
    """Gradients as raw arrays: nothing is wrapped, nothing is recorded."""

    recording = recorded = False

    def take(self, gradient: Any) -> Any:
        return gradient._array

    def ones(self, root: Any) -> Any:
        return arrays.ones_like(root._array)

    def wrap(self, gradient: Any) -> Any:
        return None if gradient is None else self._tensor(gradient)

    def apply(self, node: Node, gradients: Sequence[Any]) -> Sequence[Any]:
        return node.apply(*gradients)

    def fit(
        self, gradient: Any, output: tuple[tuple[int, ...], Any], node: Node, edge: Edge
    ) -> Any:
        return _fit_array(gradient, output, node, edge)

    def add(self, known: list[Any], node: Node, output: int, gradient: Any) -> None:
        """The first sum makes a new array, later ones write to it."""
        if node in self.own:
            known[output] += gradient
        elif known[output] is None:
            known[output] = gradient
        else:
            known[output] = arrays.as_array(known[output] + gradient)
            if len(known) == 1:
                self.own.add(node)

    def accumulate(self, node: AccumulateGrad, gradient: Any) -> None:
        node.accumulate(gradient, owned=False)  # what was shown must not change with .grad


class _Tensors(_Gradients):
    """Gradients as tensors, mostly with a history of their own, made as the pass goes on."""

    recording = True

    def __init__(self, tensor: Callable[[Any], Any], recorded: bool = True) -> None:
        super().__init__(tensor)
        self.recorded = recorded  # not where only wrapped tensors, which are no arrays, arrive

    def take(self, gradient: Any) -> Any:
        return gradient

    def ones(self, root: Any) -> Any:
        return self._tensor(arrays.ones_like(root._array))

    def wrap(self, gradient: Any) -> Any:
        return gradient

    def apply(self, node: Node, gradients: Sequence[Any]) -> Sequence[Any]:
        self.node = node
        with _Calling(self) if observers.active else _GradMode(self.recorded):
            return node.apply_tensors(*gradients)

    def fit(
        self, gradient: Any, output: tuple[tuple[int, ...], Any], node: Node, edge: Edge
    ) -> Any:
        shape, dtype = output
        with _GradMode(self.recorded):
            if gradient._array.shape != shape:
                _check_expandable(gradient._array.shape, shape, node, edge)
                gradient = gradient.sum_to_size(shape)
            if gradient.is_complex() and dtype.kind != "c":
                gradient = gradient.real
            return (
                gradient if gradient._array.dtype is dtype else gradient.to(arrays.BY_NUMPY[dtype])
            )

    def add(self, known: list[Any], node: Node, output: int, gradient: Any) -> None:
        with _GradMode(self.recorded):
            known[output] = gradient if known[output] is None else known[output] + gradient

    def accumulate(self, node: AccumulateGrad, gradient: Any) -> None:
        with _GradMode(self.recorded):
            node.accumulate_tensor(gradient)


def running_pass() -> _Gradients | None:
    """The pass in this thread that is calling a hook, or recording itself and observed."""
    running: _Gradients | None = getattr(_running, "now", None)
    return running


def pass_is_limited() -> bool:
    """Whether the pass that this thread is in, or one around it, was asked for some inputs only.

    Read off the stack, since few ask: a flag would cost each call of ``grad`` 0.2 µs.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code is not _run_limited.__code__:
        frame = frame.f_back
    return frame is not None


_running = threading.local()


def _kind(roots: Sequence[Any], create_graph: bool) -> _Gradients:
    return (_Tensors if create_graph else _Arrays)(roots[0]._wrap)


class _GradMode:
    """Grad mode for the length of a call; never held across a pause of ``run``."""

    __slots__ = ("_before", "_enabled")

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled

    def __enter__(self) -> None:
        self._before = ensure_mode().enabled
        mode.enabled = self._enabled

    def __exit__(self, *exc: object) -> None:
        mode.enabled = self._before


class _Calling(_GradMode):
    """The grad mode of a pass, and the pass as the running one, while others' code is called."""

    __slots__ = ("_outer", "_pass")

    def __init__(self, of: _Gradients) -> None:
        super().__init__(of.recorded)
        self._pass = of

    def __enter__(self) -> None:
        super().__enter__()
        self._outer = getattr(_running, "now", None)
        _running.now = self._pass

    def __exit__(self, *exc: object) -> None:
        _running.now = self._outer
        super().__exit__()


def _replaced(tensor: Any, hook: Any, result: Any) -> Any:
    """What a tensor's hook leaves: its result, or the tensor where it returned None."""
    if result is None:
        return tensor
    if type(result) is not type(tensor) and not hasattr(result, "_array"):
        raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
    if result.shape != tensor.shape:
        raise RuntimeError(
            f"hook {_hook_name(hook)} has changed the size of value: "
            f"from {list(tensor.shape)} to {list(result.shape)}"
        )
    if result.dtype is not tensor.dtype:
        raise RuntimeError(
            f"hook {_hook_name(hook)} has changed the type of value "
            f"(was {tensor.type()} got {result.type()}). Let it return .to({tensor.dtype})."
        )
    return result


def _replaced_all(tensors: list[Any], hook: Any, results: Any) -> list[Any]:
    """What a node's hook leaves: the tuple it returned, or the tensors where it returned None."""
    if results is None:
        return tensors
    if hasattr(results, "_array"):
        results = (results,)
    if not isinstance(results, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(results).__name__}'")
    if len(results) != len(tensors):
        raise RuntimeError(
            f"hook {_hook_name(hook)} has returned an incorrect number of values "
            f"(got {len(results)}, but expected {len(tensors)})"
        )
    return [
        result if tensor is None or result is None else _replaced(tensor, hook, result)
        for tensor, result in zip(tensors, results, strict=True)
    ]


def _hook_name(hook: Any) -> str:
    return repr(getattr(hook, "__name__", type(hook).__name__))


def _check_expandable(
    found: tuple[int, ...], shape: tuple[int, ...], node: Node, edge: Edge
) -> None:
    if not arrays.is_expandable(shape, found):
        raise invalid_gradient(node, node.next_functions.index(edge), found, shape)


def invalid_gradient(
    node: Node, slot: int, found: tuple[int, ...], shape: tuple[int, ...]
) -> RuntimeError:
    """The error for a gradient that can't be summed up to the shape of the node's input."""
    return RuntimeError(
        f"Function {node.name()} returned an invalid gradient at index {slot} - got "
        f"{list(found)} but expected shape compatible with {list(shape)}"
    )


# ------------------------------------------------------------------ what people call


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add to the ``.grad`` of every leaf the gradient of ``tensors``.

    ``grad_tensors``: the gradient each tensor starts with, of its shape; may be left out for a
    tensor of one element. ``retain_graph`` keeps saved values for another pass (by default only
    with ``create_graph``, which records the pass itself). ``grad_variables`` is an old name for
    ``grad_tensors``. ``inputs``: add only to these.

    Raises RuntimeError for a tensor without history, one of several elements without a gradient,
    a gradient of another shape, and a graph whose saved values are gone.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    if (levels.active or levels.reversing) and levels.transforming():
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use "
            "functorch.grad or functorch.vjp instead or call backward() outside of functorch "
            "transforms."
        )
    if grad_variables is not None:
        grad_tensors = _under_its_old_name(grad_tensors, grad_variables)
    chosen = None if inputs is None else _as_tuple(inputs)
    if chosen is not None and not chosen:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    roots = _as_tuple(tensors)
    if not roots:
        return
    grads = _start(roots, grad_tensors)
    keep, create_graph = _flags(retain_graph, create_graph)
    if create_graph:
        warn_once(_CYCLE, stacklevel=2)
    if chosen is None:
        _run_through(roots, grads, keep, create_graph)
        return
    for tensor in chosen:
        _check_input(tensor)
        tensor.retain_grad()
    targets = {node for node, _ in map(edge_of, chosen) if node is not None}
    _run_limited(roots, grads, keep, create_graph, _leading_to(targets, roots) | targets)


def _flags(retain_graph: Any, create_graph: Any) -> tuple[bool, bool]:
    """Whether saved values are kept and whether the pass is recorded."""
    keep = create_graph if retain_graph is None else retain_graph
    if type(keep) is bool and type(create_graph) is bool:
        return keep, create_graph
    return _flag(keep), _flag(create_graph)


def _flag(value: Any) -> bool:
    try:
        return bool(as_index(value))
    except TypeError as error:
        raise TypeError(f"{error}: this argument is True or False") from None


def _under_its_old_name(grad_tensors: Any, grad_variables: Any) -> Any:
    warnings.warn(
        "`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=3
    )
    if grad_tensors is not None:
        raise RuntimeError(
            "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
            "`backward()`. Please only use `grad_tensors`."
        )
    return grad_variables


_CYCLE = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter "
    "and its gradient which can cause a memory leak. Use autograd.grad() where the gradient is to "
    "be differentiated again, or set .grad to None afterwards."
)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """Gradients of ``outputs`` with respect to ``inputs``, a tensor for each, no ``.grad`` changed.

    Arguments as in ``backward``. An input that the outputs don't depend on is an error, or None
    with ``allow_unused``, or zeros with ``materialize_grads``. With ``is_grads_batched``, each of
    ``grad_outputs`` has one dimension more, its first, and so has each result: one pass for each
    element along it. ``only_inputs`` is ignored. Returns a tuple, or for a dictionary of inputs a
    dictionary.

    >>> import gradlab as gl
    >>> x = gl.tensor(3.0, requires_grad=True)
    >>> (slope,) = grad(x**2, x, create_graph=True)
    >>> grad(slope, x)
    (tensor(2.),)
    """
    roots, chosen = _as_tuple(outputs), _as_tuple(inputs)
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). Use "
            "backward() to add gradients to other leaves.",
            FutureWarning,
            stacklevel=2,
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    if materialize_grads and not allow_unused:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, "
            "but got: allow_unused=False."
        )
    if not chosen:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    keep, create_graph = _flags(retain_graph, create_graph)
    allow_unused, materialize_grads = _flag(allow_unused), _flag(materialize_grads)
    if not roots:
        found: list[Any] = [None] * len(chosen)
    elif is_grads_batched:
        _check_inputs(chosen)
        batches = _one_for_each(roots, grad_outputs)
        found = _gradients_of_batch(roots, batches, chosen, keep, create_graph)
    else:
        grads = _start(roots, grad_outputs)
        _check_inputs(chosen)
        found = _found(roots, grads, chosen, keep, create_graph)
    for index, gradient in enumerate(found):
        if gradient is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {index} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
    if materialize_grads:
        found = [_zeros_like(t) if g is None else g for t, g in zip(chosen, found, strict=True)]
    return dict(zip(inputs, found, strict=True)) if isinstance(inputs, dict) else tuple(found)


def _zeros_like(tensor: Any) -> Any:
    if level_of(tensor) is not None or not hasattr(tensor, "_counter"):  # an edge
        return tensor.new_zeros(tensor.shape)
    array = tensor._array
    order = "C" if 0 in array.strides else "K"
    return tensor._wrap(arrays.array_module(array).zeros_like(array, order=order))


def _check_input(tensor: Any) -> None:
    if not hasattr(tensor, "_edge"):
        raise RuntimeError(
            f"all inputs have to be Tensors or GradientEdges, but got {type(tensor).__name__}"
        )


def _check_inputs(inputs: Sequence[Any]) -> None:
    for tensor in inputs:
        _check_input(tensor)
        if not tensor.requires_grad:
            raise RuntimeError(
                "One of the differentiated Tensors does not require grad. Make it with "
                "requires_grad=True, or call .requires_grad_() on it before using it."
            )


def _found(
    roots: Sequence[Any],
    grads: Sequence[Any],
    inputs: Sequence[Any],
    keep: bool,
    recorded: bool,
) -> list[Any]:
    """The gradient that arrives at each input, or None; of wrapped tensors, wrapped ones."""
    if levels.active and levels.innermost(*roots, *inputs) is not None:
        return levels.differentiate(_gradients, roots, grads, inputs, keep, recorded)
    return _gradients(roots, grads, inputs, keep, recorded)


def _gradients(
    roots: Sequence[Any],
    grads: Sequence[Any],
    inputs: Sequence[Any],
    keep: bool,
    recorded: bool,
) -> list[Any]:
    """As ``_found``, of plain tensors. What arrives at the roots may be wrapped."""
    edges = [edge_of(tensor) for tensor in inputs]
    captured: dict[Edge, Any] = dict.fromkeys(edges)
    targets = {node for node, _ in edges if node is not None}
    _run_limited(roots, grads, keep, recorded, _leading_to(targets, roots), captured)
    return [captured[edge] for edge in edges]


def _run_limited(
    roots: Sequence[Any],
    grads: Sequence[Any],
    keep: bool,
    recorded: bool,
    needed: set[Node],
    captured: dict[Edge, Any] | None = None,
) -> None:
    """As ``_run_through``, of some nodes only. What arrives at the roots may be wrapped."""
    if levels.active and levels.innermost(*grads) is not None:
        kind = _Tensors(roots[0]._wrap, recorded)
        _drain(_run(kind, roots, grads, keep, needed=needed, captured=captured))
    else:
        _run_through(roots, grads, keep, recorded, needed, captured)


def _gradients_of_batch(
    roots: Sequence[Any], batches: Sequence[Any], inputs: Sequence[Any], keep: bool, recorded: bool
) -> list[Any]:
    """As ``_found``, for all elements along the first dimension of what is given at once."""
    _check_batches(roots, batches)

    def one(*grads: Any) -> list[Any]:
        return _found(roots, _start(roots, list(grads)), inputs, keep, recorded)

    return levels.over_batch(one, batches)


def _check_batches(roots: Sequence[Any], batches: Sequence[Any]) -> None:
    for i, (root, batch) in enumerate(zip(roots, batches, strict=True)):
        if batch is None and root._array.size != 1:
            _first_gradient(i, root, None)  # which says that one is needed
        if batch is None:
            raise ValueError(
                "vmap(vjp, in_dims=0, ...)(<inputs>): Got in_dim=0 for some input, but that input "
                "is a Tensor of dimensionality 0 so expected in_dim to satisfy 0 <= in_dim < 0. "
                f"With is_grads_batched=True, give grad_outputs[{i}] a first dimension to go along."
            )
        if batch[0].shape != root.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output "
                "as the batch dimension. The sizes of the remaining dimensions are expected to "
                "match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {batch.shape} and output[{i}] has a shape of "
                f"{root.shape}."
            )
    sizes = [batch.shape[0] for batch in batches]
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )


def _leading_to(targets: set[Node], roots: Sequence[Any]) -> set[Node]:
    """The nodes that must run so that gradients reach ``targets`` (which need not run for that)."""
    users: dict[Node, list[Node]] = {}
    stack = [edge_of(root)[0] for root in roots]
    seen = set(stack)
    while stack:
        node = stack.pop()
        assert node is not None
        for following, _ in node.next_functions:
            if following is not None:
                users.setdefault(following, []).append(node)
                if following not in seen:
                    seen.add(following)
                    stack.append(following)
    needed: set[Node] = set()
    pending = list(targets)
    while pending:
        for user in users.get(pending.pop(), ()):
            if user not in needed:
                needed.add(user)
                pending.append(user)
    return needed


def _as_tuple(values: Any) -> tuple[Any, ...]:
    """One value, or whatever several of them come from, as a tuple; a dictionary's values."""
    if hasattr(values, "_edge") or hasattr(values, "__array__"):  # an edge is a tuple itself
        return (values,)
    if isinstance(values, dict):
        return tuple(values.values())
    try:
        return tuple(values)
    except TypeError as error:
        raise TypeError(f"{error}: give a tensor, or a tuple or list of them") from None


def _start(roots: Sequence[Any], given: Any) -> list[Any]:
    """The gradients a pass starts with, checked; None stands for ones."""
    if given is None and len(roots) == 1 and _is_plain_number(roots[0]):
        return [None]  # as nearly every pass starts: 1 µs sooner
    grads = _one_for_each(roots, given)
    first = [_first_gradient(i, root, grads[i]) for i, root in enumerate(roots)]
    for i, root in enumerate(roots):
        if not root.requires_grad or (level_of(root) is None and edge_of(root)[0] is None):
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn"
            )
    return first


def _is_plain_number(root: Any) -> bool:
    """Whether a tensor is one real number that an operation made, and no view."""
    array = getattr(root, "_array", None)
    return (
        type(array) is numpy.ndarray  # so neither wrapped nor an edge
        and array.size == 1
        and array.dtype.kind == "f"
        and root._edge is not None
        and root._requires_grad
        and root._view is None
    )


def _one_for_each(roots: Sequence[Any], given: Any) -> tuple[Any, ...]:
    grads = (None,) * len(roots) if given is None else _as_tuple(given)
    if len(grads) < len(roots):
        raise RuntimeError(
            f"got {len(roots)} tensors and {len(grads)} gradients. Give one gradient per tensor."
        )
    return grads[: len(roots)]


def _first_gradient(index: int, root: Any, gradient: Any) -> Any:
    if not hasattr(root, "_edge"):
        raise AssertionError(f"Expected output to be a torch.Tensor. It is {root!r}.")
    if gradient is None:
        if not root.requires_grad:
            return None
        if root._array.size != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs. This one has shape "
                f"{tuple(root.shape)}: pass a gradient of that shape, or sum() it first."
            )
        if root.is_complex():
            raise RuntimeError(
                "grad can be implicitly created only for real scalar outputs but got "
                f"{root.dtype}. Make it real, with abs() for example, or pass a gradient."
            )
        return None
    if not hasattr(gradient, "_array"):
        raise TypeError(
            f"gradients can be either Tensors or None, but got {type(gradient).__name__}"
        )
    if gradient.shape != root.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of {gradient.shape} and "
            f"output[{index}] has a shape of {root.shape}."
        )
    if gradient.is_complex() != root.is_complex():
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. "
            f"Mismatch in dtype: grad_output[{index}] has a dtype of {gradient.dtype} and "
            f"output[{index}] has a dtype of {root.dtype}."
        )
    return gradient.to(root.dtype)
