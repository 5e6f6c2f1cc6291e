"""Tours: a teacher's stops along a backward pass, each with words, as a widget and as a page.

The words are a small language of their own (`parsed` reads it): paragraphs, `code`, *emphasis*,
**strong words** and $formulas$. They become plain data, pairs of a style and a text, from which the
browser makes elements; nothing that a teacher writes is ever markup.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import traitlets

from gradlab_widgets import picture
from gradlab_widgets.adapters import library_of_type
from gradlab_widgets.formulas import plain_text
from gradlab_widgets.recorder import record, trace
from gradlab_widgets.trace import Trace, clean
from gradlab_widgets.walk import graph_of
from gradlab_widgets.widgets import GradWidget

__all__ = ["Stop", "Tour", "parsed", "tour"]

_MOST_NAMES = 12  # that an error lists of each sort

# A style ("", "code", "em", "strong" or "math") and a text, which for "math" is MathML.
Run = list[str]


@dataclass(frozen=True)
class Stop:
    """One stop of a tour: where the pass stands, what is pointed at, and what is said.

    `words` are paragraphs with an empty line between them; in a line, `` `code` ``, ``*emphasis*``,
    ``**strong words**`` and ``$formulas$`` in LaTeX, large ones as ``$$formulas$$`` (write such
    words as r"…"). A backslash before one of these signs makes it an ordinary one.

    `step` is the number that the stepper shows: 0 before the pass starts, 1 for its first step, −1
    for its last. Or a name, for the step at which that node runs: an operation's rule, or the `+=`
    of a variable's `.grad`. Without it, the stop stays where the one before it stood.

    `select` is what the details are shown of: a variable's name ("w"), its accumulator ("w.grad"),
    an operation ("sin", "MulBackward0"), the row of a node in the trace, or, in a tour of a tensor,
    a tensor or node of its graph.

    `ask` is a question to think about, whose `answer` is hidden until it is asked for. Both are
    words, too.
    """

    words: str = ""
    step: int | str | None = None
    select: Any = None
    ask: str = ""
    answer: str = ""


class Tour(GradWidget):
    """What `tour` returns: shows itself in a notebook, and saves itself as a page.

    `stop` is the stop shown, from 0; setting it goes there.
    """

    stop = traitlets.Int(0).tag(sync=True)

    from_browser = ("position", "selected", "stop")

    def __init__(self, shown: Trace, stops: dict[str, Any]) -> None:
        self._stops = stops
        super().__init__("tour", shown, tour=stops)
        self._go(0)

    def _rows(self, table: str) -> int:
        return len(self._stops["words"]) if table == "stops" else super()._rows(table)

    @traitlets.validate("stop")
    def _check_stop(self, proposal: Any) -> int:
        return self._checked("stop", proposal["value"])

    @traitlets.observe("stop")
    def _stop_changed(self, change: Any) -> None:
        self._go(change["new"])

    def _go(self, stop: int) -> None:
        self.position = self._stops["position"][stop]
        self.selected = self._stops["selected"][stop]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the tour as one page that needs no network and no kernel; return its path.

        Opened in a browser it begins at its first stop, with "#3" behind its address at the third.
        """
        from gradlab_widgets.export import save_html  # which knows all widgets, this one too

        return save_html(self, path)

    def still(self) -> str:
        """The whole tour to read: of each stop its words and a picture.

        Formulas are text, since notebooks that are not trusted show MathML without its structure.
        """
        return self._written(lambda markup: f"<em>{picture.escaped(plain_text(markup))}</em>")

    def paper(self) -> str:
        """The same with formulas as mathematics."""
        return self._written(lambda markup: markup)

    def _written(self, formula: Callable[[str], str]) -> str:
        assert self.trace is not None
        last = len(self.trace.steps)
        parts = [f"<h2>{picture.escaped(self._stops['title'])}</h2>"]
        for i, position in enumerate(self._stops["position"]):
            happens = "" if position < 0 else f" · step {position + 1} of {last}"
            parts.append(f"<section><h3>Stop {i + 1}{happens}</h3>")
            for column in ("words", "ask", "answer"):
                for paragraph in self._stops[column][i]:
                    runs = (_run_html(style, text, formula) for style, text in paragraph)
                    parts.append(f"<p>{''.join(runs)}</p>")
            if position >= 0:
                told = picture.escaped(self.trace.steps.words[position])
                parts.append(f"<p><small>{told}</small></p>")
            parts.append(picture.image_html(self.trace, position))
            parts.append("</section>")
        return "".join(parts)

    def __repr__(self) -> str:
        return f"<{self._stops['title']}: a tour of {self._rows('stops')} stops>"


def tour(x: Any, stops: Sequence[Stop], title: str = "") -> Tour:
    """Lead through the backward pass of `x`, stop by stop, in a teacher's words.

    `x` is what `step` takes: a tensor, whose pass is rehearsed, a pass that was recorded with
    `record()`, or a `Trace`. The tour shows itself in a notebook; `save` makes a page of it.

    Raises ValueError for no stops, for a stop that names what is not in the trace (the message
    lists what is), a step the pass does not have and a formula that can't be read; TypeError for
    what is no `Stop`, and what `step` raises for `x`.

    >>> import gradlab as gl
    >>> w = gl.tensor(3.0, requires_grad=True)
    >>> loss = (w - 1) ** 2
    >>> shown = tour(
    ...     loss,
    ...     [
    ...         Stop("The pass starts at the *loss*.", step=1),
    ...         Stop(r"The square's rule: $2(w - 1)$.", step="pow", select="pow"),
    ...         Stop("And `w.grad` is there.", step=-1),
    ...     ],
    ...     title="How a square learns",
    ... )
    >>> shown
    <How a square learns: a tour of 3 stops>
    >>> shown.stop = 2
    >>> shown.position, len(shown.trace.steps)
    (3, 4)
    """
    stops = list(stops)
    if not stops:
        raise ValueError("tour(x, stops): there is no stop; give a list of Stop(words, step=…)")
    for stop in stops:
        if not isinstance(stop, Stop):
            raise TypeError(
                f"tour(x, stops): stops is to be a list of Stop, but got {type(stop).__name__} in "
                'it; write Stop("…", step=…, select=…)'
            )
    if isinstance(x, (record, Trace)):
        shown = x.trace if isinstance(x, record) else x
        places = _Places(shown)
    else:
        shown = trace(x)
        places = _Places(shown, x)
    positions: list[int] = []
    selected: list[int | None] = []
    said: dict[str, list[list[list[Run]]]] = {"words": [], "ask": [], "answer": []}
    for number, stop in enumerate(stops, start=1):
        what = f"tour(x, stops): stop {number}"
        before = positions[-1] if positions else -1
        positions.append(before if stop.step is None else places.position(stop.step, what))
        selected.append(None if stop.select is None else places.row(stop.select, what))
        if bool(stop.ask) != bool(stop.answer):
            raise ValueError(f"{what}: ask and answer belong together, but one of them is empty")
        for column, paragraphs in said.items():
            paragraphs.append(parsed(getattr(stop, column), f"{what}: {column}"))
    columns = {"position": positions, "selected": selected, **said}
    return Tour(shown, {"title": clean(title or "A tour", 120), **columns})


# ---------------------------------------------------------------------- where a stop is


class _Places:
    """Finds nodes and steps of a trace by what a teacher calls them."""

    def __init__(self, shown: Trace, x: Any = None) -> None:
        self._trace = shown
        self._x = x

    def position(self, step: object, what: str) -> int:
        """The position of a step by its number, or by the name of the node that runs."""
        steps = self._trace.steps
        if isinstance(step, str):
            row = self.row(step, what)
            if self._trace.nodes.kind[row] == "leaf":
                row = self._user_of(row)
            ran = zip(steps.kind, steps.node, strict=True)
            for position, (kind, node) in enumerate(ran):
                if node == row and kind in ("vjp", "accumulate"):
                    return position
            raise ValueError(f"{what}: {step!r} does not run in this pass, so no step is its")
        count = len(steps)
        if type(step) is not int:
            raise TypeError(
                f"{what}: step is to be a number or a name, but got {type(step).__name__}"
            )
        if not -count <= step <= count:
            raise ValueError(
                f"{what}: there is no step {step}; this pass has {count}, 0 is before the first "
                "and -1 the last"
            )
        return step - 1 if step >= 0 else count + step

    def row(self, wanted: Any, what: str) -> int:
        """The row of a node by its name, its row, or itself."""
        if isinstance(wanted, str):
            return self._row_named(wanted, what)
        if type(wanted) is int:
            if not 0 <= wanted < len(self._trace.nodes):
                raise ValueError(
                    f"{what}: there is no node {wanted}; the trace has "
                    f"{len(self._trace.nodes)} nodes, from 0 on"
                )
            return wanted
        return self._row_of_node(wanted, what)

    def _user_of(self, leaf: int) -> int:
        """The accumulator of a leaf."""
        edges = self._trace.edges
        return edges.to[edges.from_.index(leaf)]

    def _row_named(self, name: str, what: str) -> int:
        for rows in (self._named(name), self._called(name)):
            if len(rows) == 1:
                return rows[0]
            if rows:
                listed = ", ".join(f"{row} ({self._described(row)})" for row in rows[:_MOST_NAMES])
                raise ValueError(
                    f"{what}: {len(rows)} nodes are called {name!r}; give the row of the one you "
                    f"mean: {listed}{', …' if len(rows) > _MOST_NAMES else ''}"
                )
        raise ValueError(f"{what}: nothing in this trace is called {name!r}. {self._vocabulary()}")

    def _named(self, name: str) -> list[int]:
        """The rows of a variable; of one in which a leaf is, the leaf; of `w.grad`, its `+=`."""
        nodes = self._trace.nodes
        variable = name.removesuffix(".grad")
        kinds = ("accumulate",) if variable != name else ("leaf", "op", "root")
        return [
            row
            for row, kind in enumerate(nodes.kind)
            if kind in kinds and variable and variable in nodes.name[row].split(", ")
        ]

    def _called(self, name: str) -> list[int]:
        """The rows of an operation, by its sign or by the name of its node, whole or in short."""
        nodes = self._trace.nodes
        return [
            row
            for row, op in enumerate(nodes.op)
            if op and (name in (op, nodes.title[row]) or name.lower() == _short(op))
        ]

    def _described(self, row: int) -> str:
        nodes = self._trace.nodes
        return nodes.name[row] or f"{nodes.title[row]} {list(nodes.shape[row])}"

    def _vocabulary(self) -> str:
        nodes = self._trace.nodes
        made = [n for n, kind in zip(nodes.name, nodes.kind, strict=True) if kind != "accumulate"]
        names = [name for joined in made for name in joined.split(", ")]
        ops = [_short(op) for op in nodes.op if op and op != "AccumulateGrad"]
        return (
            f"There are the variables {_listed(names)}, each leaf's .grad, and the operations "
            f"{_listed(ops)}."
        )

    def _row_of_node(self, wanted: Any, what: str) -> int:
        library = library_of_type(type(wanted))
        is_tensor = library is not None and library.is_tensor(wanted)
        if not is_tensor and not hasattr(wanted, "next_functions"):
            raise TypeError(
                f"{what}: select is to be a name, a row, a tensor or a node, but got "
                f"{type(wanted).__name__}"
            )
        if self._x is None:
            raise TypeError(
                f"{what}: a recorded pass keeps no tensors and no nodes; give a name. "
                + self._vocabulary()
            )
        assert library is not None or not is_tensor
        node = library.edge(wanted)[0] if library is not None and is_tensor else wanted
        row = 0
        for found in graph_of(self._x, "tour(x, stops)").found:
            if found.node == node:
                return row  # of a leaf, whose AccumulateGrad is the next
            row += 1 + found.accumulates
        raise ValueError(f"{what}: what it selects is not in the graph. {self._vocabulary()}")


def _short(op: str) -> str:
    """A node's name as one would say it: "mul" for MulBackward0."""
    return re.sub(r"Backward\d*$", "", op).lower()


def _listed(names: Sequence[str]) -> str:
    kept = list(dict.fromkeys(filter(None, names)))
    more = ", …" if len(kept) > _MOST_NAMES else ""
    return ", ".join(kept[:_MOST_NAMES]) + more if kept else "(none)"


# ---------------------------------------------------------------------- what is said there

_SIGNS = re.compile(
    r"""
      \\(?P<plain>[\\`*$])
    | `(?P<code>[^`]+)`
    | (?P<sign>\$\$?)(?P<math>[^\s$](?:[^$]*[^\s$])?)(?P=sign)(?!\d)  # no prices: "$5 or $6"
    | \*\*(?P<strong>[^\s*](?:[^*]*[^\s*])?)\*\*
    | \*(?P<em>[^\s*](?:[^*]*[^\s*])?)\*          # not the products in "2 * a * b"
    """,
    re.VERBOSE,
)

# What \alpha, \bar, \frac, \rho, \tanh and \vec become in words without an r before them.
_EATEN = re.compile(r"[\x07\x08\x0b\x0c]\w*|\r(?!\n)\w*|\$[^$\n]*\t\w*")


def parsed(words: str, what: str = "parsed(words)") -> list[list[Run]]:
    """Read a teacher's words: for each paragraph its runs, pairs of a style and a text.

    Raises TypeError for what is no text, ValueError for a formula that can't be read; `what` says
    in these errors whose words they are.

    >>> parsed("Now `w.grad`\\n\\nis *there*.")
    [[['', 'Now '], ['code', 'w.grad']], [['', 'is '], ['em', 'there'], ['', '.']]]
    """
    if not isinstance(words, str):
        raise TypeError(f"{what} is to be text, but got {type(words).__name__}")
    eaten = _EATEN.search(words)
    if eaten:
        raise ValueError(
            f"{what}: Python has taken a backslash in {eaten[0]!r} for its own; put an r before "
            'the words: r"…"'
        )
    paragraphs = re.split(r"\n\s*\n", words.strip())
    return [list(_runs(paragraph, what)) for paragraph in paragraphs if paragraph]


def _runs(paragraph: str, what: str) -> Iterator[Run]:
    """The runs of one paragraph; plain text that was taken apart comes in one piece."""
    waiting, done = "", 0
    for match in _SIGNS.finditer(paragraph):
        waiting += paragraph[done : match.start()]
        done = match.end()
        style = match.lastgroup or "plain"
        if style == "plain":
            waiting += match[style]
            continue
        if waiting:
            yield ["", _cleaned(waiting)]
            waiting = ""
        text = match[style]
        if style == "math":
            text = _mathml(text, "block" if match["sign"] == "$$" else "inline", what)
        else:
            text = _cleaned(text)
        yield [style, text]
    if waiting + paragraph[done:]:
        yield ["", _cleaned(waiting + paragraph[done:])]


def _cleaned(text: str) -> str:
    return clean(re.sub(r"\s+", " ", text), len(text) + 1)


def _mathml(latex: str, display: str, what: str) -> str:
    """A formula as MathML that an XML parser can read; ValueError says why there is none."""
    from latex2mathml.converter import convert  # 30 ms to import, and only formulas need it

    try:
        markup = re.sub(r' xmlns="[^"]*"', "", convert(latex, display=display))
        root = ElementTree.fromstring(markup)
    except Exception as error:  # latex2mathml raises what it comes upon
        why = f"{type(error).__name__}{f': {error}' if str(error) else ''}"
        raise ValueError(f"{what}: the formula ${latex}$ can't be read ({why})") from None
    for element in root.iter():
        unknown = element.tag if element.tag not in _MATHEMATICS else _command(element)
        if unknown:
            raise ValueError(f"{what}: {unknown} in the formula ${latex}$ isn't known")
        element.attrib = {k: v for k, v in element.attrib.items() if k in _ATTRIBUTES}
    return ElementTree.tostring(root, encoding="unicode")


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# All that may be in a formula, so that it can stand in a page as it is.
_MATHEMATICS = _words(
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom mover munder",
    "munderover msub msup msubsup mtable mtr mtd",
)
_ATTRIBUTES = _words(
    "accent columnalign columnspacing depth display displaystyle fence form height largeop",
    "linethickness lspace mathvariant maxsize minsize movablelimits rowspacing rspace scriptlevel",
    "separator stretchy symmetric voffset width",
)


def _command(element: ElementTree.Element) -> str:
    """The command of LaTeX that was left as it is; "" if there is none."""
    found = re.match(r"\\\w+", element.text or "")
    return found[0] if found else ""


def _run_html(style: str, text: str, formula: Callable[[str], str]) -> str:
    if style == "math":
        return formula(text)
    return f"<{style}>{picture.escaped(text)}</{style}>" if style else picture.escaped(text)
