"""A backward pass by hand: `Backward(loss)` runs one node at each `next()`.

The engine's pass is a generator, and pauses after each node. So what a cell sees between two steps
is the real thing: the `.grad` that grew is the leaf's, and a graph that was freed stays freed. The
widget shows the pass as far as it has come, and moves on as cells do.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Self

from gradlab_widgets.adapters import library_of
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.recorder import Seen
from gradlab_widgets.trace import Trace
from gradlab_widgets.walk import Graph
from gradlab_widgets.widgets import GradWidget

__all__ = ["Backward", "BackwardWidget"]

_BEAT = 0.1  # seconds between two pictures while a cell runs


class Backward:
    """Run the backward pass of a tensor by hand, a node at each `next()`.

    `gradient`, `retain_graph`, `create_graph` and `inputs` are as in `loss.backward()`. Each step
    is a `gradlab.engine.Step`: the `node` that ran, `grad_outputs` that arrived at it and
    `grad_inputs` that left. Nothing has run before the first `next()`, and between two steps
    nothing is changed but what a pass changes: the `.grad` of the leaves that were reached, and
    saved values that were freed. In a notebook it is displayed as a picture that follows.

    Raises TypeError for what is no tensor and for PyTorch's tensors, whose engine can't be paused;
    RuntimeError where `loss.backward()` does. StopIteration comes after the last node.

    >>> import gradlab as gl
    >>> a = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> loss = (a * a).sum()
    >>> backward = Backward(loss)
    >>> next(backward)
    Step(SumBackward0)
    >>> next(backward).grad_inputs
    (tensor([1., 2.]), tensor([1., 2.]))
    >>> a.grad is None
    True
    >>> next(backward)
    Step(AccumulateGrad)
    >>> a.grad
    tensor([2., 4.])
    >>> backward.done
    True
    """

    def __init__(
        self,
        loss: Any,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        library = library_of(loss, "Backward(loss)")
        if library.name != "gradlab":
            raise TypeError(
                f"Backward(loss) takes a tensor of gradlab, but got one of {library.name}, whose "
                "engine runs a backward pass as a whole and can't be paused. step(loss) walks "
                "through a rehearsal of it, and record() through the pass that you run."
            )
        self._pass = _Pass(loss, gradient, retain_graph, create_graph, inputs)
        graph = Graph(library, [loss], Names(library, caller_namespace()))
        self._seen = Seen(graph, loss, gradient, retained=self._pass.retained)
        self._steps = self._pass.steps()
        self._library = library
        self._stop = weakref.finalize(self, _remove, self._seen.watch_leaves())
        self._widget: BackwardWidget | None = None

    # ------------------------------------------------------------------ going on

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        """Run the next node and return its step; StopIteration if none is left."""
        try:
            step = next(self._steps)
        except BaseException:
            self.close()
            raise
        self._seen.add(step.node, step.grad_outputs, step.grad_inputs)
        if not self._pass.waiting:
            self.close()
        elif self._widget is not None:
            self._widget.move_on()
        return step

    @property
    def done(self) -> bool:
        """Whether no node will run any more: all have, or the pass failed or was closed."""
        return not self._stop.alive

    def run(self, to: Any = None) -> Any:
        """Run on to the end, or until `to` has run, and return the last step (None if none ran).

        `to` is a node, such as `b.grad_fn`, or a tensor: the node that made it, or for a leaf the
        one that adds to its `.grad`. Raises ValueError if that will not run any more.

        >>> import gradlab as gl
        >>> a = gl.tensor(2.0, requires_grad=True)
        >>> b = a * a
        >>> backward = Backward(gl.sin(b))
        >>> backward.run(to=b)
        Step(MulBackward0)
        >>> backward.run()
        Step(AccumulateGrad)
        """
        target = self._library.edge(to)[0] if self._library.is_tensor(to) else to
        if target is not None and (self.done or target not in self._pass.waiting):
            waiting = [] if self.done else [one.name() for one in self._pass.waiting]
            listed = ", ".join(waiting[:8]) + (", …" if len(waiting) > 8 else "")
            raise ValueError(
                f"run(to): {_named(target)} will not run in this pass any more. Still to run: "
                f"{listed or 'nothing'}."
            )
        step = None
        for step in self:
            if step.node is target:
                break
        return step

    def close(self) -> None:
        """Stop here; what has run stays as it is."""
        self._steps.close()
        self._stop()
        if self._widget is not None:
            self._widget.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ being looked at

    @property
    def trace(self) -> Trace:
        """The pass as far as it has come."""
        return self._seen.trace()

    @property
    def widget(self) -> BackwardWidget:
        """The picture that follows; the same one each time."""
        if self._widget is None:
            self._widget = BackwardWidget(self._seen.trace)
            if self.done:
                self._widget.stop()
        return self._widget

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The picture; where there are no widgets a still one, and plain text."""
        return self.widget._repr_mimebundle_(**kwargs)

    def __repr__(self) -> str:
        left = len(self._pass.waiting)
        return f"<Backward: {self._pass.count - left} of {self._pass.count} nodes have run>"


def _named(target: Any) -> str:
    name = getattr(target, "name", None)
    return str(name()) if callable(name) else repr(target)


def _remove(handles: Sequence[Any]) -> None:
    for handle in handles:
        handle.remove()


class _Pass:
    """gradlab's backward pass with what `backward()` takes, as a generator of steps."""

    def __init__(
        self,
        loss: Any,
        gradient: Any,
        retain_graph: bool | None,
        create_graph: bool,
        inputs: Any,
    ) -> None:
        engine = self._engine = importlib.import_module("gradlab.engine")
        self.retained = bool(create_graph if retain_graph is None else retain_graph)
        self._roots = (loss,)
        self._gradients = engine._start(self._roots, gradient)
        self._create_graph = create_graph
        self._needed = None if inputs is None else self._limits(inputs)
        self.waiting = dict.fromkeys(self._reachable())  # in the order in which they were made
        self.count = len(self.waiting)

    def _limits(self, inputs: Any) -> set[Any]:
        """The nodes that lead to some tensors, and those at which their gradients arrive."""
        engine = self._engine
        chosen = engine._as_tuple(inputs)
        if not chosen:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        for tensor in chosen:
            engine._check_input(tensor)
            tensor.retain_grad()
        targets = {engine.edge_of(tensor)[0] for tensor in chosen}
        limits: set[Any] = engine._leading_to(targets, self._roots) | targets
        return limits

    def _reachable(self) -> list[Any]:
        """The nodes that will run."""
        walk = importlib.import_module("gradlab.graph").walk
        nodes = walk(*(self._engine.edge_of(root)[0] for root in self._roots))
        return [node for node in nodes if self._needed is None or node in self._needed]

    def steps(self) -> Generator[Any, None, None]:
        """Run node after node; what waits is told in `waiting`."""
        kind = self._engine._kind(self._roots, self._create_graph)
        passing = self._engine._run(
            kind, self._roots, self._gradients, self.retained, True, self._needed
        )
        for node, arrived, leaving in passing:
            self.waiting.pop(node, None)
            yield self._engine.Step(node, arrived, leaving, kind.wrap)


class BackwardWidget(GradWidget):
    """The picture of a `Backward`: shows each step soon after it ran."""

    def __init__(self, trace: Callable[[], Trace]) -> None:
        self._trace_now = trace
        self._shown_at = 0.0
        self._steps = 0
        super().__init__("step", trace())
        self._shell = _shell()
        if self._shell is not None:
            self._shell.events.register("post_run_cell", self.show_now)
        self._point()

    def move_on(self) -> None:
        """Show what has run, unless that was just done: then the end of the cell will."""
        if time.monotonic() - self._shown_at > _BEAT:
            self.show_now()

    def show_now(self, result: object = None) -> None:
        """Show what has run."""
        trace = self._trace_now()
        if len(trace.steps) != self._steps:
            self.trace = trace
            with self.hold_sync():
                self.set_trait("payload", trace.to_json())
                self._point()
        self._shown_at = time.monotonic()

    def _point(self) -> None:
        """Point to the last step that computed something."""
        assert self.trace is not None
        kinds = self.trace.steps.kind
        self._steps = len(kinds)
        self.position = max((i for i, kind in enumerate(kinds) if kind != "free"), default=-1)

    def stop(self) -> None:
        """Show what has run; nothing more will."""
        if self._shell is not None:
            with contextlib.suppress(ValueError):  # stopped before
                self._shell.events.unregister("post_run_cell", self.show_now)
        self.show_now()


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()
