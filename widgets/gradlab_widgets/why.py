"""Why is `x.grad` None, zero, NaN or huge? One sentence, and the path it is about in a picture.

What can be known depends on what is left. A graph that was not freed is rehearsed, so every
gradient on the way is seen. A pass that was recorded tells the same of the past. Where neither is
there, the graph and the source are read, and the answer says how it was come by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradlab_widgets.adapters import FREED, Library, library_of
from gradlab_widgets.answer import figure_html, paragraph
from gradlab_widgets.flow import Flow, norm_text, symptom, way
from gradlab_widgets.formulas import number_text
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.reading import Reading, read, sources_of, user_frame
from gradlab_widgets.recorder import record, trace, trace_of_graph
from gradlab_widgets.sight import (
    edge_to,
    nodes_behind,
    results_from,
    roots_in_sight,
    shares_memory,
    tensors_in_sight,
    was_changed,
)
from gradlab_widgets.sketch import Marks, label_of, sketch_svg
from gradlab_widgets.trace import Trace, Value
from gradlab_widgets.walk import graph_of

__all__ = ["REASONS", "Why", "why"]

REASONS = (
    "accumulated",  # it is the sum of several passes
    "cancelled",  # what arrives by several ways adds up to nothing
    "dead_relu",  # a ReLU (or clamp) lets nothing through
    "detached",  # its numbers were used without its history
    "dtype",  # whole numbers have no gradient
    "exploding",  # the gradient grows a little at many nodes
    "fine",  # nothing is wrong with it
    "forward_nan",  # a value that is not finite arose before the backward pass
    "frozen",  # a parameter that was told to require no gradient
    "huge_here",  # one node makes it large
    "in_place",  # a change in place took the history, or a saved value, away
    "nan_here",  # the first gradient that is not finite arose at this node
    "never_reached",  # the result was computed without it
    "no_grad",  # it was used where nothing is recorded
    "not_leaf",  # a result, whose gradient is not kept
    "not_run",  # no backward pass has come by
    "not_tracked",  # nobody said that it requires a gradient
    "reset",  # it had one, and was reset since
    "saturated",  # a sigmoid, tanh or softmax is flat there
    "stopped",  # a node passes no gradient on
    "unknown",  # what is left doesn't tell
    "vanishing",  # the gradient shrinks a little at many nodes
    "zero_here",  # one node multiplies it by zero
)

_SQUASHING = {"sigmoid", "tanh", "softmax", "log_softmax", "hardsigmoid", "hardtanh", "erf"}
_GATES = {"relu", "threshold", "clamp", "clamp_min", "clamp_max", "hardswish", "relu6", "elu"}


@dataclass(frozen=True)
class Why:
    """The answer of `why(x)`.

    `reason` is one of `REASONS`; `sentence` says it, `hint` what to do about it, `known_from` how
    it is known; `path` are the nodes that it is about, from the result to the tensor.
    """

    reason: str
    sentence: str
    hint: str = ""
    known_from: str = ""
    path: tuple[str, ...] = ()
    trace: Trace | None = field(default=None, repr=False)
    marks: Marks = field(default_factory=Marks, repr=False)

    def __str__(self) -> str:
        return " ".join(filter(None, [self.sentence, self.hint]))

    def __repr__(self) -> str:
        lines = [self.sentence, self.hint]
        if self.path:
            shown = self.path if len(self.path) <= 12 else (*self.path[:6], "…", *self.path[-5:])
            lines.append("path: " + " ← ".join(shown))
        if self.known_from:
            lines.append(f"known from: {self.known_from}")
        return "\n".join(filter(None, lines))

    def svg(self) -> str:
        """The picture alone; "" where there is no graph to draw."""
        return "" if self.trace is None else sketch_svg(self.trace, self.marks)

    def _repr_html_(self) -> str:
        parts = [paragraph(self.sentence, strong=True)]
        parts += [paragraph(self.hint)] if self.hint else []
        if self.trace is not None:
            parts.append(figure_html(self.svg(), " ← ".join(self.path) or self.sentence))
        parts += [paragraph(f"Known from {self.known_from}.")] if self.known_from else []
        return "".join(parts)


def why(x: Any, out: Any = None) -> Why:
    """Say in one sentence why `x.grad` is what it is: None, zero, NaN, huge, or what it should be.

    `out` is the tensor whose backward pass the question is about, or a pass that was recorded
    (`record()` or a `Trace`). Without it, the results among the caller's variables are looked at.
    Nothing is changed: where the graph is still there its backward pass is rehearsed (see `trace`).

    Raises TypeError if `x` is no tensor of gradlab or PyTorch, or `out` is none of these.

    >>> import gradlab as gl
    >>> x = gl.tensor([-1.0, -2.0], requires_grad=True)
    >>> out = gl.relu(x).sum()
    >>> out.backward(retain_graph=True)
    >>> why(x, out).reason
    'dead_relu'
    >>> print(why(gl.relu(x)).sentence)  # doctest: +ELLIPSIS
    The tensor is no leaf but the result of relu, and only leaves keep their gradient in .grad...
    """
    library = library_of(x, "why(x)")
    namespace = caller_namespace()
    name = Names(library, namespace).of_tensor(x)
    reading = read(sources_of(user_frame()), name)
    return _Inquiry(library, x, name, namespace, reading).answer(out)


_Say = Callable[..., Why]


class _Inquiry:
    """One question about one tensor."""

    def __init__(
        self,
        library: Library,
        x: Any,
        name: str,
        namespace: Mapping[str, Any],
        reading: Reading,
    ) -> None:
        self._library = library
        self._x = x
        self._name = name or "the tensor"
        self._named = name
        self._namespace = namespace
        self._reading = reading

    def answer(self, out: Any) -> Why:
        if not self._x.requires_grad:
            return self._untracked()
        if self._x.grad_fn is not None and not self._x.retains_grad:
            return self._no_leaf()
        if isinstance(out, (Trace, record)):
            return self._recorded(out)
        if out is not None and not self._library.is_tensor(out):
            raise TypeError(
                "why(x, out): out is to be the tensor that backward() was called on, or a recorded "
                f"pass, but got {type(out).__name__}"
            )
        return self._of_result(out)

    @property
    def _grad(self) -> str:
        return f"{self._name}.grad" if self._named else "Its .grad"

    @property
    def _subject(self) -> str:
        return self._name[0].upper() + self._name[1:] if not self._named else self._name

    # ------------------------------------------------------------------ no gradient is wanted

    def _untracked(self) -> Why:
        x, subject = self._x, self._subject
        dtype = self._library.dtype(x)
        if not (x.is_floating_point() or x.is_complex()):
            return Why(
                "dtype",
                f"{subject} holds {dtype} numbers, and only floating-point numbers have gradients.",
                f"Make it one with {self._named or 'x'}.float().",
                "its dtype",
            )
        line = self._reading_of(self._named)
        if line is not None:
            said = {
                "no_grad": "was computed where nothing is recorded",
                "detached": "was cut from its history",
                "in_place": "was overwritten",
            }[line.what]
            return Why(
                line.what,
                f"{subject} requires no gradient: it {said} ({line}).",
                "What is computed from it has no way back to what it was computed from.",
                "reading the source",
            )
        twin = self._twin(x)
        if twin:
            return Why(
                "detached",
                f"{subject} requires no gradient: it shares its numbers with {twin}, "
                "but was detached from its history.",
                f"Use {twin} where the gradient is to flow.",
                "the memory they share",
            )
        if type(x).__name__ == "Parameter" or Names(self._library, self._namespace).module_of(x):
            return Why(
                "frozen",
                f"{subject} is a parameter that was frozen: its requires_grad is False.",
                f"{self._named or 'x'}.requires_grad_() makes it learn again.",
                "its requires_grad",
            )
        return Why(
            "not_tracked",
            f"{subject} requires no gradient: its requires_grad is False, and it has no history.",
            f"{self._named or 'x'}.requires_grad_() before it is used asks for one. If it was "
            "computed under no_grad() or from detached tensors, nothing was recorded of that.",
            "its requires_grad",
        )

    def _reading_of(self, name: str) -> Any:
        """The line that cut `name` from any tensor in sight that requires a gradient."""
        if not name:
            return None
        sources = sources_of(user_frame())
        for other, tensor in tensors_in_sight(self._library, self._namespace):
            if tensor.requires_grad and other != name:
                line = read(sources, other).cuts.get(name)
                if line is not None and line.name == name:
                    return line
        return None

    def _twin(self, x: Any) -> str:
        """A tensor in sight that has the same memory and a history."""
        for name, other in tensors_in_sight(self._library, self._namespace):
            if other.requires_grad and other is not x and shares_memory(self._library, x, other):
                return name
        return ""

    # ------------------------------------------------------------------ a result

    def _no_leaf(self) -> Why:
        graph = trace_of_graph(self._x, "why(x)")
        title = graph.nodes.title[graph.root]
        leaves = _leaf_names(graph)
        from_what = f" of {', '.join(leaves[:4])}" if leaves else ""
        path = way(graph, graph.root, lambda row: graph.nodes.kind[row] == "leaf")
        return Why(
            "not_leaf",
            f"{self._subject} is no leaf but the result of {title}, and only leaves keep their "
            f"gradient in .grad; this pass was about the gradients{from_what or ' of its leaves'}.",
            f"{self._named or 'x'}.retain_grad() before backward() keeps it.",
            "the graph",
            _labels(graph, path),
            graph,
            Marks(path=path, culprits=[graph.root]),
        )

    # ------------------------------------------------------------------ a result is at hand

    def _of_result(self, out: Any) -> Why:
        if out is None:
            of_x = results_from(self._library, self._x, self._namespace)
            outermost = self._outermost()
            # the single number in sight is what backward() is for, not what nobody uses further
            aside = (
                outermost is not None
                and outermost.numel() == 1
                and (not of_x or of_x[0][1].numel() != 1)
            )
            if not of_x and self._x.grad is not None:
                return self._of_graphs_gone()
            if not of_x or aside:
                return self._never_reached(outermost)
            out = of_x[0][1]
        elif not out.requires_grad or not self._leads_to_x(out):
            return self._never_reached(out)
        try:
            return self._judge(self._rehearsed(out), out)
        except RuntimeError as error:
            if str(error).startswith(FREED):
                return self._after_the_fact(out)
            if "modified by an inplace operation" in str(error):
                return self._changed_in_place(out, str(error))
            raise

    def _rehearsed(self, out: Any) -> Trace:
        seed = None if out.numel() == 1 else self._library.ones_like(out)
        return trace(out, seed)

    def _leads_to_x(self, out: Any) -> bool:
        edge = edge_to(self._library, self._x)
        node = self._library.edge(out)[0]
        return edge is not None and (node == edge[0] or edge[0] in nodes_behind(node))

    def _outermost(self) -> Any:
        roots = roots_in_sight(self._library, self._namespace)
        return roots[0][1] if roots else None

    def _never_reached(self, out: Any) -> Why:
        """`x` isn't in the graph, or there is no graph at all: where was the way cut?"""
        result = self._name_of(out) if out is not None else ""
        line = self._reading.cuts.get(result) or _last(self._reading.cuts)
        graph = trace_of_graph(out, "why(x)") if out is not None and out.requires_grad else None
        said = f"{result or 'the result'}'s graph has no {self._name} in it" if graph else (
            f"nothing in sight was computed from {self._name}" if out is None
            else f"{result or 'the result'} has no graph at all"
        )  # fmt: skip
        reader = self._reader_of_x(out) if graph is not None else None
        path: Sequence[int] = ()
        words, reason, known_from = "", "never_reached", "the graph"
        if line is not None:
            reason, known_from = line.what, "the graph, and reading the source"
            words = {
                "no_grad": "it was used where nothing is recorded",
                "detached": "only its numbers were used, without its history",
                "in_place": "what was computed from it was overwritten",
            }[line.what]
            sentence = f"No gradient reaches {self._name}: {words} ({line})."
        elif reader is not None:
            row, via = reader
            title = "" if graph is None else label_of(graph, row)
            reason, known_from = "detached", "the graph, and the memory they share"
            words = f"detached copy of {via}"
            sentence = (
                f"No gradient reaches {self._name}: {title} uses the numbers of {via}, "
                "detached from their history."
            )
        else:
            sentence = f"No gradient reaches {self._name}: {said}."
        if graph is not None:
            end = reader[0] if reader is not None else _deepest(graph)
            path = way(graph, graph.root, lambda row: row == end)
        hint = "" if line is not None or reader is not None else (
            "Whether it was cut off (detach, no_grad) or simply not used can't be seen from what "
            "is left; say which result you mean with why(x, out)."
        )  # fmt: skip
        return Why(
            reason,
            sentence,
            hint,
            known_from,
            (*(_labels(graph, path) if graph else ()), self._name),
            graph,
            Marks(path=path, missing=self._name, cut=str(line) if line else words or "no way"),
        )

    def _reader_of_x(self, out: Any) -> tuple[int, str] | None:
        """The node that saved numbers of `x`, or of what `x` leads to, without their history."""
        edge = edge_to(self._library, self._x)
        if edge is None:
            return None
        behind_x = [("", self._x)] + [
            (name, other)
            for name, other in tensors_in_sight(self._library, self._namespace)
            if other.grad_fn is not None and edge[0] in nodes_behind(other.grad_fn)
        ]
        for row, node in _rows(out):
            for _, saved in self._library.saved(node).tensors:
                if saved.requires_grad:
                    continue
                for name, other in behind_x:
                    if shares_memory(self._library, saved, other):
                        return row, name or self._name
        return None

    def _name_of(self, tensor: Any) -> str:
        return Names(self._library, self._namespace).of_tensor(tensor)

    # ------------------------------------------------------------------ the graph was freed

    def _after_the_fact(self, out: Any) -> Why:
        """A pass has been through the graph, and what nodes had saved is gone."""
        graph = trace_of_graph(out, "why(x)")
        row = self._row_in(graph, out)
        path = way(graph, graph.root, lambda r: r == row)
        seen: Any = dict(path=_labels(graph, path), trace=graph, marks=Marks(path=path))
        result = self._name_of(out) or "the result"
        grad = self._x.grad
        if grad is None:
            return Why(
                "reset",
                f"A backward pass went through {result}'s graph, yet {self._grad} is None: it was "
                "reset since (zero_grad() sets it to None), or the pass was autograd.grad()'s, "
                "which returns gradients and stores none.",
                "Which of these it was the graph doesn't tell; a pass under record() would.",
                "the graph, which was freed",
                **seen,
            )
        found = symptom(self._library.value(grad))
        uses = sum(1 for to in graph.edges.from_ if to == row)
        if int(grad._version) >= max(1, uses):
            return Why(
                "accumulated",
                f"{self._grad} was written to again after it was made: each backward pass adds to "
                "it, so it is the sum of several (or it was changed in place in between).",
                "Set it to None, or call zero_grad(), before each pass.",
                "the version of .grad; the graph was freed",
                **seen,
            )
        if found == "fine":
            sentence = f"{self._grad} is the gradient of one pass, and its numbers are usual ones."
            return Why("fine", sentence, "", "its numbers; the graph was freed", **seen)
        return Why(
            "unknown",
            f"{self._grad} is {found}, but the graph was freed by the pass, so what happened "
            "on the way can't be seen any more.",
            "Run the pass under record() and ask why(x, recorded); or keep the graph with "
            "backward(retain_graph=True).",
            "its numbers; the graph was freed",
            **seen,
        )

    def _of_graphs_gone(self) -> Why:
        """There is a gradient, but nothing in sight was computed from `x`."""
        grad = self._x.grad
        found = symptom(self._library.value(grad))
        often = " It was written to more than once: it is a sum, over passes or over uses in one."
        return Why(
            "unknown",
            f"{self._grad} is {'a gradient of usual size' if found == 'fine' else found}, but no "
            "result in sight was computed from it, so the graphs it came through are gone."
            + (often if int(grad._version) else ""),
            "Keep the result in a variable, or run the passes under record() and ask "
            f"why({self._named or 'x'}, recorded).",
            "its numbers",
        )

    def _changed_in_place(self, out: Any, message: str) -> Why:
        graph = trace_of_graph(out, "why(x)")
        culprits = [
            row
            for row, node in _rows(out)
            if was_changed(node)
        ]  # fmt: skip
        row = culprits[0] if culprits else graph.root
        path = way(graph, graph.root, lambda r: r == row)
        line = _last({str(i): c for i, c in enumerate(self._reading.changes)})
        return Why(
            "in_place",
            f"A backward pass can't run: a value that {label_of(graph, row)} saved has been "
            "changed in place since.",
            f"The last change in place that the source shows is {line}." if line else
            "Change a clone() of it instead.",
            "the graph" + (", and reading the source" if line else ""),
            _labels(graph, path),
            graph,
            Marks(path=path, culprits=[row]),
        )  # fmt: skip

    # ------------------------------------------------------------------ a pass was seen

    def _recorded(self, out: Trace | record) -> Why:
        traces = out.traces if isinstance(out, record) else [out]
        if not traces:
            raise RuntimeError("why(x, recorded): record() saw no backward pass")
        rows = [self._row_by_name(t) for t in traces]
        seen = traces[-1]
        row = rows[-1]
        if row is None:
            return Why(
                "never_reached",
                f"No gradient reached {self._name}: the recorded pass has no leaf of that name.",
                ""
                if self._named
                else "Give the tensor a name, and record the pass where it has it.",
                "the recorded pass",
                (label_of(seen, seen.root), self._name),
                seen,
                Marks(path=[seen.root], missing=self._name, cut="not in the graph"),
            )
        passes = sum(1 for t, r in zip(traces, rows, strict=True) if r in _accumulated(t))
        return _judged(seen, row, self._observed(), self._grad, "the recorded pass", passes)

    def _row_by_name(self, seen: Trace) -> int | None:
        nodes = seen.nodes
        leaves = [row for row, kind in enumerate(nodes.kind) if kind == "accumulate"]
        named = [row for row in leaves if nodes.name[row] == self._named]
        return named[0] if named and (self._named or len(leaves) == 1) else None

    def _row_in(self, graph: Trace, out: Any) -> int:
        edge = edge_to(self._library, self._x)
        assert edge is not None
        return next(row for row, node in _rows(out) if node == edge[0])

    def _judge(self, seen: Trace, out: Any) -> Why:
        """The verdict on a pass that was rehearsed just now."""
        row = self._row_in(seen, out)
        times = self._times_expected(out)
        return _judged(
            seen, row, self._observed(), self._grad, "a rehearsal of the pass", times or 1,
            guessed=True,
        )  # fmt: skip

    def _observed(self) -> Value | None:
        return self._library.value(self._x.grad)

    def _times_expected(self, out: Any) -> int:
        """How many times over `.grad` is the gradient of one pass; 0 if it is no multiple."""
        grad = self._x.grad
        if grad is None:
            return 0
        seed = self._library.ones_like(out)
        once = self._library.grad(out, self._x, seed)
        if once is None:
            return 0
        one, now = self._library.array(once), self._library.array(grad)
        largest = int(np.argmax(np.abs(one))) if one.size else 0
        if not one.size or not one.flat[largest] or not np.isfinite(now).all():
            return 0
        ratio = float(np.real(now.flat[largest] / one.flat[largest]))
        times = round(ratio) if math.isfinite(ratio) else 0
        return times if times > 1 and np.allclose(now, times * one, rtol=1e-3, atol=0) else 0


# ---------------------------------------------------------------------- the verdict on a trace


def _judged(
    seen: Trace,
    row: int,
    grad: Value | None,
    called: str,
    known_from: str,
    passes: int,
    *,
    guessed: bool = False,
) -> Why:
    """What a trace says of a leaf's gradient; `row` is its accumulator's."""
    flow = Flow(seen)
    arrived = flow.arrived(row)
    usual = flow.path_through(row, [])

    def say(reason: str, sentence: str, hint: str = "", culprits: Sequence[int] = ()) -> Why:
        path = flow.path_through(row, culprits) if culprits else usual
        marks = Marks(path=path, culprits=culprits, notes=flow.notes(path))
        return Why(reason, sentence, hint, known_from, _labels(seen, path), seen, marks)

    if arrived is None:
        stop = flow.where_it_stops(row)
        return say(
            "stopped",
            f"{called} gets nothing: {label_of(seen, stop)} passes no gradient on.",
            "Its backward returns None for this input.",
            [stop],
        )
    if grad is None:
        if guessed:
            result = label_of(seen, seen.root)
            return say(
                "not_run",
                f"{called} is None because no backward pass has been run from {result}, "
                "or it was reset since.",
                f"{seen.nodes.name[seen.root] or 'out'}.backward() would make it "
                f"{_brief(arrived)}.",
            )
        return say("reset", f"{called} was {_brief(arrived)} after the pass and was reset since.")
    found = symptom(grad)
    if found == "not finite":
        return _not_finite(flow, row, called, say)
    if found == "zero":
        if symptom(arrived) != "zero":
            sentence = f"{called} was set to zero since: the pass itself brings {_brief(arrived)}."
            return say("reset", sentence)
        return _zero(flow, row, called, say)
    if passes > 1:
        how = "looks like the sum" if guessed else "is the sum"
        return say(
            "accumulated",
            f"{called} {how} of {passes} backward passes: every pass adds to it.",
            "Set it to None, or call zero_grad(), before each pass.",
        )
    if found in ("huge", "tiny"):
        return _grown(flow, row, called, found, say)
    return say("fine", f"{called} is the gradient of one pass, and its numbers are usual ones.")


def _zero(flow: Flow, row: int, called: str, say: _Say) -> Why:
    culprits = flow.where_it_dies(row)
    if not culprits:
        return say(
            "cancelled", f"{called} is zero: what arrives by several ways adds up to nothing."
        )
    first, seen = culprits[0], flow.trace
    title, label = seen.nodes.title[first], label_of(seen, culprits[0])
    more = f" (and {len(culprits) - 1} more like it)" if len(culprits) > 1 else ""
    if title in _GATES:
        value = flow.saved(first, "result") or flow.value(first)
        flat = value is not None and isinstance(value.max, (int, float)) and value.max <= 0
        count = f"every one of its {value.size} elements" if value and value.size > 1 else "it"
        where = f"for {count}" if flat else "wherever a gradient arrives"
        return say(
            "dead_relu",
            f"{called} is zero because {label} is dead{more}: its input is on the flat side "
            f"{where}, so it lets no gradient through.",
            "A smaller learning rate, another start or leaky_relu keeps units alive.",
            culprits,
        )
    if title in _SQUASHING:
        return _saturated(flow, first, f"{called} is zero", say, culprits)
    factors = {
        "×": "it multiplies by zero",
        "matmul": "it multiplies by zeros",
        "index": "none of the elements it picked are among these",
        "select": "none of the elements it picked are among these",
        "slice": "none of the elements it picked are among these",
        "where": "it chose the other side everywhere",
        "max": "other elements were picked",
        "min": "other elements were picked",
        "pow": "its slope there is zero",
        "zero": "it overwrote everything with zeros",
        "fill": "it overwrote everything with one number",
    }
    because = factors.get(title, "its slope there is zero")
    return say("zero_here", f"{called} is zero because of {label}{more}: {because}.", "", culprits)


def _saturated(flow: Flow, row: int, start: str, say: _Say, culprits: Sequence[int]) -> Why:
    value = flow.saved(row, "result") or flow.value(row)
    between = ""
    if value is not None and value.min is not None and value.max is not None:
        low, high = number_text(value.min), number_text(value.max)
        one = "is" if value.size == 1 else "are all"
        between = f" (its results are between {low} and {high})"
        if low == high:
            between = f" (its {'result' if value.size == 1 else 'results'} {one} {low})"
    return say(
        "saturated",
        f"{start} because {label_of(flow.trace, row)} is saturated{between}: its slope there is "
        "next to nothing.",
        "Smaller inputs (normalise them, or start with smaller weights) bring it back to life.",
        culprits,
    )


_NOT_FINITE = {
    "sqrt": "the slope of a square root is infinite at 0",
    "rsqrt": "it divides by a square root, which is 0 somewhere",
    "log": "the logarithm's slope is infinite at 0, and there is none below",
    "log2": "the logarithm's slope is infinite at 0, and there is none below",
    "log10": "the logarithm's slope is infinite at 0, and there is none below",
    "÷": "it divides by 0",
    "reciprocal": "it divides by 0",
    "pow": "a power with an exponent below 1 has no finite slope at 0",
    "norm": "a norm has no slope where all of it is 0",
    "exp": "the exponential is too large for the dtype",
    "×": "it multiplies something infinite, or by zero",
    "std": "the standard deviation of equal numbers has no slope",
    "acos": "its slope is infinite at −1 and 1",
    "asin": "its slope is infinite at −1 and 1",
}


def _not_finite(flow: Flow, row: int, called: str, say: _Say) -> Why:
    seen = flow.trace
    forward = flow.first_value_not_finite()
    if forward is not None:
        label, value = label_of(seen, forward), flow.value(forward)
        kind = seen.nodes.kind[forward]
        where = "is what it was given" if kind == "leaf" else "arose in the forward pass"
        sentence = (
            f"{called} is not finite because a value wasn't before: {_bad(value)} {where}, at "
            f"{label}."
        )
        on_way = forward in flow.path_through(row, [forward])
        return say("forward_nan", sentence, "", [forward] if on_way else [])
    culprit = flow.first_gradient_not_finite()
    if culprit is None:
        return say(
            "unknown",
            f"{called} is not finite, but this pass brought only finite gradients: it was so "
            "before the pass, or was changed since.",
        )
    title = seen.nodes.title[culprit]
    because = _NOT_FINITE.get(title, "its rule gives something that is not finite")
    sentence = (
        f"{called} is not finite: the first gradient that isn't arose at "
        f"{label_of(seen, culprit)}, where {because}."
    )
    hint = "Keep its input away from there: clamp it, or add a small number before."
    on_way = culprit in flow.path_through(row, [culprit])
    return say("nan_here", sentence, hint, [culprit] if on_way else [])


def _bad(value: Value | None) -> str:
    return "NaN" if value is not None and value.nan else "an infinity"


def _grown(flow: Flow, row: int, called: str, kind: str, say: _Say) -> Why:
    """A gradient that is very large or very small: at one node, or little by little."""
    gains = flow.gains(row)
    grad = flow.arrived(row)
    start = f"{called} is {kind} (its norm is {norm_text(grad)})"
    logs = {at: math.log(gain) for at, gain in gains.items() if gain > 0}
    sign = 1 if kind == "huge" else -1
    total = sum(logs.values())
    if not logs or total * sign <= 0:
        return say("fine", f"{start}, as is what the pass started with.")
    at = max(logs, key=lambda r: sign * logs[r])
    if logs[at] / total > 0.5 or len(logs) == 1:
        label, title = label_of(flow.trace, at), flow.trace.nodes.title[at]
        if kind == "tiny" and title in _SQUASHING:
            return _saturated(flow, at, start, say, [at])
        verb = "multiplies" if kind == "huge" else "shrinks"
        factor = number_text(math.exp(sign * logs[at]))
        reason = "huge_here" if kind == "huge" else "zero_here"
        said = f"{start} because {label} {verb} the gradient, {factor} times."
        return say(reason, said, "", [at])
    moving = [r for r in logs if sign * logs[r] > 0.05]
    typical = math.exp(sum(logs[r] for r in moving) / max(1, len(moving)))
    verb = "grows" if kind == "huge" else "shrinks"
    return say(
        "exploding" if kind == "huge" else "vanishing",
        f"{start} because it {verb} at {len(moving)} nodes in turn, each time to about "
        f"{number_text(float(f'{typical:.3g}'))} of what arrived.",
        "Clip the gradient, or make the factors smaller." if kind == "huge"
        else "Shortcuts, normalisation or another activation keep gradients alive.",
        sorted(moving, key=lambda r: -sign * logs[r])[:1],
    )  # fmt: skip


# ---------------------------------------------------------------------- small things


def _brief(value: Value) -> str:
    if value.size == 1 and value.data:
        return number_text(value.data[0])
    return f"a gradient of norm {norm_text(value)}"


def _last(lines: Mapping[str, Any]) -> Any:
    return next(reversed(list(lines.values())), None)


def _labels(seen: Trace, path: Sequence[int]) -> tuple[str, ...]:
    """The names along a path; a leaf and its accumulator are one."""
    rows = [row for row in path if seen.nodes.kind[row] != "accumulate"]
    if path and seen.nodes.kind[path[-1]] == "accumulate":
        rows.append(path[-1])
    return tuple(label_of(seen, row) for row in rows)


def _leaf_names(seen: Trace) -> list[str]:
    nodes = seen.nodes
    return [n for n, kind in zip(nodes.name, nodes.kind, strict=True) if kind == "leaf" and n]


def _deepest(seen: Trace) -> int:
    """The first operation in forward order: as far as a picture can follow the way down."""
    ops = [row for row, kind in enumerate(seen.nodes.kind) if kind in ("op", "root")]
    return ops[0] if ops else seen.root


def _rows(out: Any) -> list[tuple[int, Any]]:
    """(row in the trace of `out`, node) of every node; a leaf has a row of its own before it."""
    rows, row = [], 0
    for found in graph_of(out, "why(x)").found:
        row += found.accumulates
        rows.append((row, found.node))
        row += 1
    return rows


def _accumulated(seen: Trace) -> set[int]:
    kinds = zip(seen.steps.kind, seen.steps.node, strict=True)
    return {node for kind, node in kinds if kind == "accumulate"}
