"""The widgets: a trace, frozen, with a position that Python and the browser share.

Everything that is drawn is in the payload; the browser asks nothing of Python afterwards. So a
running widget, a saved notebook and an exported page show the same thing. What comes back from
the browser is checked: only `position` and `selected` may change, and only to what the payload has.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from gradlab_widgets import picture
from gradlab_widgets.profiles import node_times
from gradlab_widgets.recorder import record, trace, trace_of_graph
from gradlab_widgets.trace import Trace

__all__ = ["GradWidget", "graph", "step"]

STATIC = Path(__file__).parent / "static"

# What draws each view; charts have views of their own.
_BUNDLES = {"graph": "graph.js", "step": "step.js", "live": "graph.js", "tour": "tour.js"}
# What each number counts, and from where on.
_COUNTED = {"position": ("steps", -1), "selected": ("nodes", 0), "stop": ("stops", 0)}


@functools.cache
def bundle(name: str) -> str:
    """A browser's part, as JavaScript; RuntimeError with the way out if it was not built.

    There are several, since each widget carries its own whole: "graph.js" draws graphs, live ones
    too, "step.js" steppers, "tour.js" tours and "chart.js" charts.
    """
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuntimeError(
            f"the browser part of gradlab_widgets is missing: there is no {name} in {STATIC}. It "
            "is built when the package is installed: run `pip install -e .` in the source folder "
            "(or `make lab`)."
        ) from None


class GradWidget(anywidget.AnyWidget):
    """What `graph` and `step` return: shows itself in a notebook.

    `position` is the step shown (-1 before the first), `selected` the node whose details are
    shown, or None; both can be set from Python, too. `trace` is the Trace that is shown.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    view = traitlets.Enum(tuple(_BUNDLES), read_only=True).tag(sync=True)
    payload = traitlets.Dict(read_only=True).tag(sync=True)
    position = traitlets.Int(-1).tag(sync=True)
    selected = traitlets.Int(None, allow_none=True).tag(sync=True)

    from_browser: tuple[str, ...] = ("position", "selected")  # the traits it may change

    def __init__(self, view: str, payload: Trace | dict[str, Any], **more: Any) -> None:
        self.trace = payload if isinstance(payload, Trace) else None
        data = payload.to_json() if isinstance(payload, Trace) else payload
        self.set_trait("view", view)
        self.set_trait("payload", {**data, **more})
        super().__init__(_esm=bundle(_BUNDLES.get(view, "chart.js")))
        self.on_msg(type(self)._answer)

    # ------------------------------------------------------------------ what may change

    @traitlets.validate("position")
    def _check_position(self, proposal: Any) -> int:
        return self._checked("position", proposal["value"])

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Any) -> int | None:
        value = proposal["value"]
        return None if value is None else self._checked("selected", value)

    def _checked(self, name: str, value: object) -> int:
        """`value` if the payload has such a row, else TraitError."""
        table, first = _COUNTED[name]
        rows = self._rows(table)
        if type(value) is not int or not first <= value < rows:
            raise traitlets.TraitError(
                f"{name} is to be a whole number from {first} to {rows - 1}, the {table} of this "
                f"{self.view}; got {value!r}"
            )
        return value

    def _rows(self, table: str) -> int:
        """How many rows a table of the payload has."""
        return 0 if self.trace is None else len(getattr(self.trace, table))

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser changed, all of it or, if anything does not fit, nothing."""
        try:
            for name, value in sync_data.items():
                if name not in self.from_browser:
                    theirs = " and ".join(self.from_browser)
                    raise traitlets.TraitError(
                        f"{name!r} is not the browser's to change; only {theirs} are"
                    )
                if not (name == "selected" and value is None):
                    self._checked(name, value)
        except traitlets.TraitError as error:
            self._refuse(str(error))
            self.send_state([name for name in sync_data if name in self.from_browser])
            return
        super().set_state(sync_data)

    def _answer(self, content: object, buffers: object) -> None:
        """Answer a message from the browser; the only one known is that it is ready."""
        if content != {"type": "ready"}:
            self._refuse(
                f"unknown message {str(content)[:200]}; the only one is {{'type': 'ready'}}"
            )

    def _refuse(self, message: str) -> None:
        self.send({"type": "error", "message": message})

    # ------------------------------------------------------------------ where there are no widgets

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget, and for places that have none a picture with a table, and plain text."""
        rendered = super()._repr_mimebundle_(**kwargs)
        if rendered is None:  # closed
            return None
        data, metadata = rendered
        fallback = {"text/plain": repr(self), "text/html": self.still()}
        return {**data, **fallback}, metadata

    def still(self) -> str:
        """What is shown now, as HTML without a script: an image and a table."""
        assert self.trace is not None
        return picture.trace_html(self.trace, self.position)

    def paper(self) -> str:
        """The same for a page of its own, where it may be printed, too."""
        return self.still()

    def __repr__(self) -> str:
        assert self.trace is not None
        nodes, steps = len(self.trace.nodes), len(self.trace.steps)
        extent = f"{nodes} nodes" if self.view == "graph" else f"{nodes} nodes, {steps} steps"
        return f"<{self.view} of {self.trace.library}: {extent}>"


def graph(x: Any, profile: Any = None) -> GradWidget:
    """Draw the graph that gradients of `x` will flow through; inputs at the top.

    `x` is a tensor of gradlab or PyTorch that was computed from one with `requires_grad=True`.
    With a `profile` of that computation and its backward pass, recorded by the library's profiler,
    nodes are shaded by the time they took, which stands in each.

    Raises TypeError for what is no tensor or no profile, RuntimeError for a tensor without history,
    ValueError for a profile that saw none of the graph's nodes.
    """
    if profile is None:
        return GradWidget("graph", trace_of_graph(x))
    times = node_times(profile, x, "graph(x, profile)")
    return GradWidget("graph", trace_of_graph(x), times=times)


def step(x: Any, gradient: Any = None) -> GradWidget:
    """Step through the backward pass of `x`, forwards and back.

    `x` is a tensor, whose backward pass is rehearsed (no `.grad` changes, the graph stays; see
    `trace`), or a pass that was recorded with `record()`, or a `Trace`. `gradient` is as in
    `x.backward(gradient)`: needed if `x` has more than one element.

    Raises TypeError for what is none of these, RuntimeError for a tensor without history, one
    with several elements and no gradient, and a graph that was freed already.
    """
    if isinstance(x, (record, Trace)):
        if gradient is not None:
            raise TypeError("step(recorded, gradient): a recorded pass has its gradient already")
        return GradWidget("step", x.trace if isinstance(x, record) else x)
    return GradWidget("step", trace(x, gradient))
