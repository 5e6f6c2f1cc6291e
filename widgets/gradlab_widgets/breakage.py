"""When a backward pass fails: the graph with the node it failed at, and the lines it is about.

`breakage(error)` looks at an error of autograd's that was caught. In a notebook nobody needs to
call it: loading the extension shows it under the error's own traceback. It is told of each cell
that was run, so it can neither hide nor change an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

from gradlab_widgets.adapters import FREED, Library, library_of_type
from gradlab_widgets.answer import figure_html, paragraph
from gradlab_widgets.flow import way
from gradlab_widgets.names import NOT_THE_USER, Names
from gradlab_widgets.origins import origin_of
from gradlab_widgets.reading import Line, Reading, read, sources_of
from gradlab_widgets.recorder import trace_of_graph
from gradlab_widgets.sight import tensors_in_sight, was_changed
from gradlab_widgets.sketch import Marks, label_of, sketch_svg
from gradlab_widgets.trace import Trace, TraceBuilder
from gradlab_widgets.tracebacks import shorten_tracebacks
from gradlab_widgets.walk import graph_of

__all__ = ["Breakage", "breakage", "show_errors"]

_CHANGED = "modified by an inplace operation"
_NO_GRAPH = "does not require grad and does not have a grad_fn"
_NO_SEED = "grad can be implicitly created only for scalar outputs"
_SEED_SHAPE = "Mismatch in shape: grad_output"
_INVALID = re.compile(r"Function (\w+) returned an invalid gradient at index (\d+)")
_VERSION = re.compile(r"\[[\w.]+ \[([\d, ]*)\]\].*?is at version (\d+)")


@dataclass(frozen=True)
class Breakage:
    """What there is to see of a backward pass that failed.

    `kind` is "in_place", "second_backward", "no_graph", "seed" or "invalid_gradient"; `culprit` is
    the node it failed at, `saved_by` and `changed_by` the lines of code, "" where not known.
    """

    kind: str
    sentence: str
    culprit: str = ""
    saved_by: str = ""
    changed_by: str = ""
    hint: str = ""
    trace: Trace | None = field(default=None, repr=False)
    marks: Marks = field(default_factory=Marks, repr=False)

    def __repr__(self) -> str:
        return "\n".join(filter(None, [self.sentence, *self._lines(), self.hint]))

    def _lines(self) -> list[str]:
        changed = {"in_place": "changed by", "second_backward": "freed by", "no_graph": "cut by"}
        return [
            f"{words}: {line}"
            for words, line in (
                ("recorded by", self.saved_by),
                (changed.get(self.kind, "called by"), self.changed_by),
            )
            if line
        ]

    def svg(self) -> str:
        """The picture alone; "" where there is none."""
        return "" if self.trace is None else sketch_svg(self.trace, self.marks)

    def _repr_html_(self) -> str:
        page = paragraph(self.sentence, strong=True)
        if self.trace is not None:
            page += figure_html(self.svg(), self.sentence)
        lines = "".join(paragraph(line) for line in self._lines())
        page += lines + (paragraph(self.hint) if self.hint else "")
        return f'<div style="margin-top: 1em">{page}</div>'  # clear of the traceback above


def breakage(error: BaseException) -> Breakage | None:
    """Say what a failed backward pass failed at; None if `error` is of another kind.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> out = gl.sin(x).sum()
    >>> out.backward()
    >>> try:
    ...     out.backward()
    ... except RuntimeError as error:
    ...     found = breakage(error)
    >>> found.kind, found.culprit
    ('second_backward', 'sin')
    """
    message = str(error)
    root, frame = _root_and_frame(error.__traceback__)
    if not isinstance(error, RuntimeError) or root is None:
        return None
    library = library_of_type(type(root))
    assert library is not None  # it was found by being a tensor
    scene = _Scene(library, root, frame, message)
    if _CHANGED in message:
        return scene.in_place()
    if message.startswith(FREED):
        return scene.second_backward()
    if _NO_GRAPH in message:
        return scene.no_graph()
    if message.startswith((_NO_SEED, _SEED_SHAPE)):
        return scene.seed()
    if _INVALID.search(message):
        return scene.invalid_gradient()
    return None


def _root_and_frame(traceback: TracebackType | None) -> tuple[Any, FrameType | None]:
    """The tensor that backward() was called on, and the last frame of the user's before it."""
    frame: FrameType | None = None
    while traceback is not None:
        inside = traceback.tb_frame
        package = str(inside.f_globals.get("__name__", "")).partition(".")[0]
        if package not in NOT_THE_USER:
            frame = inside
        elif inside.f_code.co_name in ("backward", "grad"):
            for name in ("self", "tensors", "outputs", "roots"):
                given = inside.f_locals.get(name)
                first = given[0] if isinstance(given, (tuple, list)) and given else given
                if library_of_type(type(first)) is not None:
                    return first, frame
        traceback = traceback.tb_next
    return None, frame


class _Scene:
    """A tensor whose backward pass failed, and the code around it."""

    def __init__(self, library: Library, root: Any, frame: FrameType | None, message: str) -> None:
        self._library = library
        self._root = root
        self._message = message
        self._sources = sources_of(frame)
        self._namespace: Mapping[str, Any] = (
            {} if frame is None else {**frame.f_globals, **frame.f_locals}
        )
        self._name = Names(library, self._namespace).of_tensor(root) or "the result"

    def _reading(self, name: str = "") -> Reading:
        return read(self._sources, name)

    def _nodes(self) -> list[tuple[int, Any]]:
        """(row in the trace, node) in the order of the pass."""
        rows, row = [], 0
        for found in graph_of(self._root, "breakage(error)").found:
            row += found.accumulates
            if not found.accumulates:
                rows.append((row, found.node))
            row += 1
        return rows[::-1]

    def _drawn(self, row: int | None, notes: Mapping[int, str]) -> tuple[Trace, Marks]:
        graph = trace_of_graph(self._root, "breakage(error)")
        culprits = [graph.root if row is None else row]
        path = way(graph, graph.root, lambda r: r == culprits[0])
        return graph, Marks(path=path, culprits=culprits, notes=notes)

    # ------------------------------------------------------------------ the kinds

    def in_place(self) -> Breakage:
        found = [(row, node) for row, node in self._nodes() if was_changed(node)]
        row, node = found[0] if found else (None, None)
        graph, marks = self._drawn(row, {} if row is None else {row: "saved value was changed"})
        culprit = label_of(graph, marks.culprits[0])
        change = self._change()
        changed = f"{change.name} was changed" if change is not None else "it was changed"
        return Breakage(
            "in_place",
            f"{culprit} had saved a value for its backward, and {changed} in place after that.",
            culprit,
            _line_of(node),
            "" if change is None else str(change),
            "Compute a new tensor instead of changing the old one, or change a clone().",
            graph,
            marks,
        )

    def _change(self) -> Line | None:
        """The line that changed a tensor of the shape and version that the error tells."""
        told = _VERSION.search(self._message)
        shape = tuple(int(n) for n in told[1].split(",") if n.strip()) if told else None
        version = int(told[2]) if told else -1
        suspects = {
            name
            for name, tensor in tensors_in_sight(self._library, self._namespace)
            if tuple(tensor.shape) == shape and tensor._version == version
        }
        changes = [c for c in self._reading().changes if c.name in suspects]
        return changes[-1] if changes else None

    def second_backward(self) -> Breakage:
        freed = [(row, node) for row, node in self._nodes() if self._library.saved(node).freed]
        row, node = freed[0] if freed else (None, None)
        graph, marks = self._drawn(row, {r: "freed" for r, _ in freed})
        culprit = label_of(graph, marks.culprits[0])
        passes = self._reading().passes
        earlier = str(passes[-2]) if len(passes) > 1 else ""
        return Breakage(
            "second_backward",
            f"A pass went through this graph before, and {culprit} let go of what it had saved.",
            culprit,
            _line_of(node),
            earlier,
            "Compute the result again before each pass; or keep the graph in the first one, with "
            "backward(retain_graph=True).",
            graph,
            marks,
        )

    def no_graph(self) -> Breakage:
        line = self._cut()
        builder = TraceBuilder(self._library.name)
        row = builder.node(
            kind="root",
            title="no grad_fn",
            name="" if self._name == "the result" else self._name,
            shape=tuple(int(n) for n in self._root.shape),
            dtype=self._library.dtype(self._root),
        )
        leaves = [n for n, t in tensors_in_sight(self._library, self._namespace)
                  if t.requires_grad and t.grad_fn is None]  # fmt: skip
        why = {
            "no_grad": "it was computed where nothing is recorded",
            "detached": "it was computed from numbers without their history",
            "in_place": "what it was computed from was overwritten",
        }
        said = "nothing that it was computed from requires a gradient, or nothing was recorded"
        if line is not None:
            said = why[line[1].what]
        return Breakage(
            "no_graph",
            f"{self._name} has no graph to go back through: {said}.",
            self._name,
            "",
            "" if line is None else str(line[1]),
            "" if leaves else "No tensor in sight has requires_grad=True.",
            builder.build(root=row),
            Marks(
                path=[row],
                culprits=[row],
                missing=line[0] if line else next(iter(leaves), "any leaf"),
                cut=str(line[1]) if line else "no graph",
            ),
        )

    def _cut(self) -> tuple[str, Line] | None:
        """A leaf from which the source leads to the result, and the line that cut the way."""
        for name, tensor in tensors_in_sight(self._library, self._namespace):
            if tensor.requires_grad:
                line = self._reading(name).cuts.get(self._name)
                if line is not None:
                    return name, line
        return None

    def seed(self) -> Breakage:
        graph, marks = self._drawn(None, {})
        shape = tuple(int(n) for n in self._root.shape)
        missing = self._message.startswith(_NO_SEED)
        said = (
            f"a pass starts from a single number, and {self._name} has shape {shape}"
            if missing
            else f"the gradient it was given doesn't have the shape {shape} of {self._name}"
        )
        size = self._root.numel()
        hint = (
            f"Reduce it to one number ({self._name}.sum() or .mean()), or give backward() a "
            f"gradient of shape {shape}, the weight of each of the {size} elements."
        )
        return Breakage("seed", f"The pass can't start: {said}.", self._name, "", "", hint,
                        graph, marks)  # fmt: skip

    def invalid_gradient(self) -> Breakage:
        told = _INVALID.search(self._message)
        assert told is not None
        named = [(r, n) for r, n in self._nodes() if self._library.node_name(n) == told[1]]
        row, node = named[0] if named else (None, None)
        graph, marks = self._drawn(row, {})
        culprit = label_of(graph, marks.culprits[0])
        expected = ""
        if node is not None and int(told[2]) < len(node.next_functions):
            following, output = node.next_functions[int(told[2])]
            if following is not None:
                shape = self._library.output_metas(following)[output][0]
                expected = f"; its input has shape {shape}"
        return Breakage(
            "invalid_gradient",
            f"{culprit} gave its input number {told[2]} a gradient that doesn't fit{expected}.",
            culprit,
            _line_of(node),
            "",
            "A backward returns, for each input, a gradient of that input's shape.",
            graph,
            marks,
        )


def _line_of(node: Any) -> str:
    """The line that recorded a node, where somebody watched."""
    origin = None if node is None else origin_of(node)
    return "" if origin is None else f"{origin.cell}, line {origin.line}: {origin.text}"


# ---------------------------------------------------------------------- in a notebook


def show_errors(on: bool = True, shell: Any = None) -> None:
    """Show a picture under each error of autograd's in a notebook; `show_errors(False)` stops that.

    The traceback above it goes without the frames inside gradlab; `%tb` shows all of them.
    Importing gradlab_widgets in IPython turns it on; twice is the same as once. Raises
    RuntimeError where there is no IPython to show it in.
    """
    if shell is None:
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        raise RuntimeError("show_errors() works in IPython; elsewhere there is breakage(error)")
    shorten_tracebacks(on, shell)
    registered = shell.events.callbacks["post_run_cell"]
    if on and _after_cell not in registered:
        shell.events.register("post_run_cell", _after_cell)
    elif not on and _after_cell in registered:
        shell.events.unregister("post_run_cell", _after_cell)


def _after_cell(result: Any) -> None:
    """Show what there is to see, if the cell ended with an error of autograd's."""
    error = result.error_in_exec
    if not isinstance(error, RuntimeError):
        return
    try:
        found = breakage(error)
    except Exception:  # the user has one error already, and needs none of ours beside it
        return
    if found is not None:
        from IPython.display import display

        display(found)  # type: ignore[no-untyped-call]
