"""Predict, then reveal: a gradient is hidden, the learner says what it is, and gets a fitting hint.

The answer is checked against the library's own gradient. What went wrong is found by making the
usual mistakes on purpose (leave one factor of the chain rule out, forget to accumulate, to sum over
what a broadcast repeated, transpose) and looking which of them gives the learner's answer.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab_widgets.adapters import Library, library_of, library_of_type
from gradlab_widgets.answer import figure_html, paragraph, table_html
from gradlab_widgets.expressions import evaluate
from gradlab_widgets.formulas import number_text
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.plots import derivatives
from gradlab_widgets.recorder import trace_of_graph
from gradlab_widgets.sight import nodes_behind, tensors_in_sight
from gradlab_widgets.sketch import Marks, sketch_svg
from gradlab_widgets.trace import clean
from gradlab_widgets.walk import graph_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MISTAKES", "Prediction", "Score", "Verdict", "predict", "score"]

MISTAKES = (
    "accumulate",  # forgot what .grad had before, or one of several passes
    "chain",  # left the factor of one operation out
    "elements",  # some elements are right
    "factor",  # right up to a number
    "formula",  # what was given is no number, array or formula
    "shape",  # has another shape
    "sign",
    "transpose",
    "unbroadcast",  # forgot to sum over what a broadcast had repeated
    "value",  # gave the value instead of the gradient
    "wrong",
)

_MOST_NODES = 200  # whose factor is left out, one at a time, to find a mistake

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Verdict:
    """What is said to an answer: whether it is right; if not, the mistake and a hint."""

    correct: bool
    mistake: str = ""
    hint: str = ""

    def __bool__(self) -> bool:
        return self.correct

    def __repr__(self) -> str:
        return "✓ Right." if self.correct else f"✗ Not yet. {self.hint}"

    def _repr_html_(self) -> str:
        return paragraph(repr(self), strong=True)


@dataclass
class Score:
    """The answers of a learner, as plain data, and what they come to.

    A question counts 1 if it is answered at first, half of that at the second try, a third at the
    third, and nothing once it was revealed.
    """

    answers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many questions were answered at least once."""
        return len({entry["number"] for entry in self.answers})

    @property
    def points(self) -> float:
        """The sum over all questions."""
        best: dict[int, float] = {}
        for entry in self.answers:
            best[entry["number"]] = max(best.get(entry["number"], 0.0), entry["points"])
        return sum(best.values())

    def __repr__(self) -> str:
        return f"{self.points:g} of {self.asked} points"


_SCORE = Score()
_numbers = itertools.count(1)


def score() -> Score:
    """The score of all predictions that were given no other.

    >>> isinstance(score().answers, list)
    True
    """
    return _SCORE


class Prediction:
    """A hidden gradient; `answer` it, or `reveal` it.

    `answers` is plain data: for each answer given a dict with `number` (of the question, counted
    through the session), `question`, `answer`, `correct`, `mistake`, `attempt` and `points`.
    """

    def __init__(self, hidden: _Hidden, kept: Score, question: str, tolerance: float) -> None:
        self.question = question
        self.revealed = False
        self._hidden = hidden
        self._score = kept
        self._tolerance = tolerance
        self._number = next(_numbers)
        self._own: list[dict[str, Any]] = []

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What was answered, as plain data."""
        return [dict(entry) for entry in self._own]

    @property
    def correct(self) -> bool:
        """Whether some answer was right."""
        return any(entry["correct"] for entry in self._own)

    def answer(self, given: Any) -> Verdict:
        """Check an answer: a number, nested lists, an array, a tensor, or a formula as text."""
        try:
            array = self._hidden.numbers(given)
        except ValueError as error:
            verdict = Verdict(False, "formula", f"{error}."[0].upper() + f"{error}."[1:])
        else:
            verdict = self._hidden.judge(array, self._tolerance)
        attempt = len(self._own) + 1
        earned = 1 / attempt if verdict.correct and not self.revealed else 0.0
        shown = given if isinstance(given, str) else _plain(given)
        entry = {
            "number": self._number,
            "question": self.question,
            "answer": shown,
            "correct": verdict.correct,
            "mistake": verdict.mistake,
            "attempt": attempt,
            "points": earned,
        }
        self._own.append(entry)
        self._score.answers.append(entry)
        return verdict

    def reveal(self) -> Any:
        """The right answer: as lists; for a function the figure of it. Answers count no more."""
        self.revealed = True
        return self._hidden.shown()

    def __repr__(self) -> str:
        state = "revealed" if self.revealed else "answered" if self.correct else "hidden"
        return f"{self.question} ({state})"

    def _repr_html_(self) -> str:
        page = paragraph(self.question, strong=True)
        svg = self._hidden.svg()
        if svg:
            page += figure_html(svg, f"The graph of the question: {self.question}")
        rows = [
            [
                str(e["attempt"]),
                clean(e["answer"], 80),
                "✓" if e["correct"] else f"✗ {e['mistake']}",
            ]
            for e in self._own
        ]
        return page + (table_html(["try", "answer", "verdict"], rows) if rows else "")

    def form(self) -> Any:
        """The question as a form in the notebook: a line to type a number, list or formula into."""
        import ipywidgets

        line = ipywidgets.Text(placeholder="a number, a list, or a formula", description="answer")
        button = ipywidgets.Button(description="check")
        said = ipywidgets.HTML()

        def checked(_: object) -> None:
            said.value = self.answer(line.value)._repr_html_() + paragraph(repr(self._score))

        button.on_click(checked)
        asked = ipywidgets.HTML(self._repr_html_())
        row = ipywidgets.HBox([line, button], layout={"flex_flow": "row wrap"})
        return ipywidgets.VBox([asked, row, said])


def predict(
    out: Any,
    x: Any,
    *,
    passes: int = 1,
    tolerance: float = 5e-3,
    score: Score | None = None,
) -> Prediction:
    """Hide a gradient and ask for it.

    `predict(out, x)` asks what `x.grad` will be after `out.backward()` (with `passes`, after so
    many), which adds to what `x.grad` has now; for a tensor that is no leaf, and in the middle of
    the graph, it asks for its gradient. `predict(f, inputs)` asks for f′ at the inputs; there a
    formula may speak of `x`. Nothing is changed: the real pass is still to be run.

    An answer is right if each number is within `tolerance`, relative to the largest.

    Raises TypeError for what is no tensor, ValueError if `out` was not computed from `x`.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> p = predict((3 * gl.sin(x)).sum(), x)
    >>> p.answer([0.5403, -0.4161])
    ✗ Not yet. That is what comes out without the factor of ×. ...
    >>> p.answer([1.621, -1.248])
    ✓ Right.
    >>> [entry["mistake"] for entry in p.answers]
    ['chain', '']
    """
    kept = _SCORE if score is None else score
    namespace = caller_namespace()
    if callable(out) and library_of_type(type(out)) is None:
        library = library_of(x, "predict(f, inputs)")
        hidden: _Hidden = _HiddenSlope(library, out, x)
        name = getattr(out, "__name__", "f")
        asked = f"What is the derivative of {'f' if name == '<lambda>' else clean(name)} at x?"
        return Prediction(hidden, kept, asked, tolerance)
    library = library_of(out, "predict(out, x)")
    if not library.is_tensor(x):
        raise TypeError(
            f"predict(out, x): x is to be a tensor of {library.name}, as out is, but got "
            f"{type(x).__name__}"
        )
    reached = (
        x.requires_grad
        and out.requires_grad
        and (library.edge(x)[0] in {library.edge(out)[0], *nodes_behind(library.edge(out)[0])})
    )
    if not reached:
        raise ValueError(
            "predict(out, x): out was not computed from x, so there is no gradient to predict; "
            "why(x, out) says where the way was cut"
        )
    if x.is_complex() or out.is_complex():
        raise TypeError("predict(out, x): gradients of complex numbers can't be asked for")
    names = Names(library, namespace)
    of, result = names.of_tensor(x) or "x", names.of_tensor(out) or "out"
    inner = x.grad_fn is not None and not x.retains_grad
    times = "" if passes == 1 else f" has run {passes} times"
    asked = (
        f"What is ∂{result}/∂{of}?"
        if inner
        else f"What is {of}.grad after {result}.backward(){times}?"
    )
    return Prediction(_Hidden(library, out, x, namespace, passes, inner), kept, asked, tolerance)


class _Hidden:
    """A gradient that is asked for, and the mistakes one can make about it."""

    def __init__(
        self,
        library: Library,
        out: Any,
        x: Any,
        namespace: Mapping[str, Any],
        passes: int,
        inner: bool,
    ) -> None:
        self._library = library
        self._out = out
        self._x = x
        self._seed = library.ones_like(out)
        self._passes = passes
        self._names = dict(tensors_in_sight(library, namespace))
        self.once = self._gradient()
        before = None if inner else x.grad
        self.before = None if before is None else self._array(before)
        self.expected = self.once * passes + (0 if self.before is None else self.before)

    def _array(self, tensor: Any) -> Numbers:
        return np.array(self._library.array(tensor), dtype=np.float64)

    def _gradient(self) -> Numbers:
        gradient = self._library.grad(self._out, self._x, self._seed)
        if gradient is None:
            return np.zeros(tuple(self._x.shape))
        return self._array(gradient)

    # ------------------------------------------------------------------ answers

    def numbers(self, given: Any) -> Numbers:
        """An answer as an array; ValueError if it is none."""
        if isinstance(given, str):
            return evaluate(given, self.vocabulary())
        try:
            return np.asarray(_plain(given), dtype=np.float64)
        except (TypeError, ValueError):
            kind = type(given).__name__
            raise ValueError(f"an answer is a number, an array or a formula, not {kind}") from None

    def vocabulary(self) -> dict[str, Numbers]:
        """The names that a formula may use."""
        return {name: self._array(tensor) for name, tensor in self._names.items()}

    def judge(self, given: Numbers, tolerance: float) -> Verdict:
        """Whether an answer is right; if it isn't, which mistake explains it."""

        def same(a: Numbers, b: Numbers) -> bool:
            return a.shape == b.shape and _close(a, b, tolerance)

        expected = self.expected
        if given.ndim == 0 and expected.ndim:
            given = np.full(expected.shape, float(given))  # one number for all of them
        if same(given, expected):
            return Verdict(True)
        for mistake, hint, wrong in self._mistakes():
            if same(given, wrong):
                return Verdict(False, mistake, hint)
        if given.shape != expected.shape:
            return self._of_other_shape(given, tolerance)
        return _partly(given, expected, tolerance)

    def _mistakes(self) -> Iterator[tuple[str, str, Numbers]]:
        """(mistake, hint, what it gives), the likeliest first."""
        expected = self.expected
        if self.before is not None or self._passes > 1:
            hint = "That is the gradient of one pass alone. backward() adds to what .grad has."
            yield "accumulate", hint, self.once
        yield "sign", "The size is right, the sign is not.", -expected
        if expected.ndim == 2:
            hint = (
                "That is the transpose. A gradient has the shape of its tensor; for a product "
                "A @ B the gradient of A is g @ B.T, and that of B is A.T @ g."
            )
            yield "transpose", hint, expected.T
        for title, wrong in self._without_one_factor():
            yield (
                "chain",
                f"That is what comes out without the factor of {title}. Each operation on the way "
                "multiplies the gradient by its own derivative.",
                wrong * self._passes + (0 if self.before is None else self.before),
            )
        hint = "That is a value. Asked for is by how much the result changes with it."
        yield "value", hint, self._array(self._x)
        yield "value", hint, np.broadcast_to(self._array(self._out), self._out.shape)

    def _without_one_factor(self) -> Iterator[tuple[str, Numbers]]:
        """The gradient with one operation, each in turn, passing on what arrives as it is."""
        root = self._library.edge(self._out)[0]
        between = [node for node in (root, *nodes_behind(root)) if node.next_functions]
        for node in between[:_MOST_NODES]:
            handle = node.register_hook(_passing_on(self._library))
            try:
                wrong = self._gradient()
            finally:
                handle.remove()
            if not np.array_equal(wrong, self.once):
                yield self._library.title(node), wrong

    def _of_other_shape(self, given: Numbers, tolerance: float) -> Verdict:
        expected = self.expected
        is_shape = f"The shape is {list(given.shape)}, but that of the tensor is"
        for axes in _summed_axes(given.shape, expected.shape):
            summed = given.sum(axis=axes).reshape(expected.shape)
            if _close(summed, expected, tolerance):
                return Verdict(
                    False,
                    "unbroadcast",
                    f"{is_shape} {list(expected.shape)}: the tensor was repeated to fit, so its "
                    "gradient is the sum over all copies.",
                )
        hint = f"{is_shape} {list(expected.shape)}; a gradient has the shape of its tensor."
        return Verdict(False, "shape", hint)

    # ------------------------------------------------------------------ pictures

    def shown(self) -> Any:
        """The right answer, as lists."""
        return self.expected.tolist()

    def svg(self) -> str:
        """The graph, with a question mark where the hidden gradient is."""
        graph = trace_of_graph(self._out, "predict(out, x)")
        edge = self._library.edge(self._x)
        row, asked = 0, graph.root
        for found in graph_of(self._out, "predict(out, x)").found:
            row += found.accumulates
            if found.node == edge[0]:
                asked = row
            row += 1
        return sketch_svg(graph, Marks(path=[asked], notes={asked: "gradient: ?"}))


class _HiddenSlope(_Hidden):
    """The derivative of a function at some inputs."""

    def __init__(self, library: Library, f: Callable[[Any], Any], inputs: Any) -> None:
        self._f = f
        self._inputs = inputs
        with library.module.enable_grad():
            x = inputs.detach().clone().requires_grad_()
            y = f(x)
        if not library.is_tensor(y) or not y.requires_grad:
            raise ValueError("predict(f, inputs): f(inputs) doesn't depend on its inputs")
        super().__init__(library, y, x, {}, 1, True)
        self._names = {"x": x}

    def shown(self) -> Figure:
        return derivatives(self._f, self._inputs).figure()

    def svg(self) -> str:
        return ""


def _passing_on(library: Library) -> Callable[[Any, Any], Any]:
    """A hook for a node that hands on what arrived, wherever that fits."""

    def hook(leaving: tuple[Any, ...], arrived: tuple[Any, ...]) -> tuple[Any, ...]:
        given = next((g for g in arrived if g is not None), None)
        return tuple(_fitted(g, given) for g in leaving)

    return hook


def _fitted(leaving: Any, arrived: Any) -> Any:
    """`arrived` in the shape of what leaves, if it can be had by repeating or reshaping."""
    if leaving is None or arrived is None:
        return leaving
    shape = tuple(leaving.shape)
    if arrived.numel() == leaving.numel():
        return arrived.reshape(shape)
    try:
        np.broadcast_to(np.empty(tuple(arrived.shape)), shape)
    except ValueError:
        return leaving
    return arrived.expand(shape)


def _summed_axes(given: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The axes over which something of the shape `given` may be summed to get `wanted`."""
    if len(given) < len(wanted):
        return
    added = tuple(range(len(given) - len(wanted)))
    rest = given[len(added) :]
    repeated = tuple(i + len(added) for i, (n, m) in enumerate(zip(rest, wanted, strict=True))
                     if m == 1 and n != 1)  # fmt: skip
    if all(m in (1, n) for n, m in zip(rest, wanted, strict=True)) and (added or repeated):
        yield added + repeated


def _close(a: Numbers, b: Numbers, tolerance: float) -> bool:
    """Whether two arrays of one shape are as good as equal, relative to the largest number."""
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max()) if finite.size else 0.0
    bound = tolerance * scale if scale else tolerance
    return bool(np.allclose(a, b, rtol=0, atol=bound, equal_nan=True))


def _partly(given: Numbers, expected: Numbers, tolerance: float) -> Verdict:
    """What can be said of an answer of the right shape that no mistake explains."""
    with np.errstate(all="ignore"):
        ratios = (given / expected)[expected != 0]
    zeros_fit = bool(np.all(given[expected == 0] == 0))
    if (
        ratios.size
        and zeros_fit
        and np.isfinite(ratios).all()
        and np.ptp(ratios) < 1e-2 * abs(float(ratios.mean()))
    ):
        factor = number_text(float(f"{float(ratios.mean()):.3g}"))
        hint = f"All of it is {factor} times what it should be: look for a constant factor."
        return Verdict(False, "factor", hint)
    finite = np.abs(expected[np.isfinite(expected)])
    bound = tolerance * (float(finite.max()) if finite.size else 1.0)
    right = np.isclose(given, expected, rtol=0, atol=bound or tolerance, equal_nan=True)
    count = int(right.sum())
    if count and expected.size > 1:
        at = [int(i) for i in np.argwhere(~right)[0]]
        hint = f"{count} of {expected.size} elements are right; look at {at}."
        return Verdict(False, "elements", hint)
    size = "smaller" if _size(given) > _size(expected) else "larger"
    return Verdict(False, "wrong", f"What is asked for is {size} in size.")


def _size(array: Numbers) -> float:
    return math.sqrt(float((array[np.isfinite(array)] ** 2).sum()))


def _plain(given: Any) -> Any:
    """An answer as numbers and lists."""
    library = library_of_type(type(given))
    if library is not None:
        return library.array(given).tolist()
    if isinstance(given, (np.ndarray, np.generic)):
        return given.tolist()
    if isinstance(given, (list, tuple)):
        return [_plain(part) for part in given]
    return given if isinstance(given, (int, float)) else str(given)
