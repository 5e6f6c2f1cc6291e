"""Two passes side by side, with what differs marked: with and without a line, step t and t+1.

Nodes of the two graphs are matched by what they do and where they stand, as a file comparison
matches lines. What is left over was added or is missing; matched nodes are compared by shape,
value, gradient, and a leaf's `.grad` before and after.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gradlab_widgets.adapters import library_of_type
from gradlab_widgets.answer import figure_html, paragraph, table_html
from gradlab_widgets.flow import Flow
from gradlab_widgets.formulas import value_text
from gradlab_widgets.recorder import record, trace
from gradlab_widgets.sketch import Marks, label_of, sketch_svg
from gradlab_widgets.trace import Trace, Value

__all__ = ["Comparison", "Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    `what` is "only in a", "only in b", "shape", "dtype", "value", "gradient", ".grad before" or
    ".grad after"; `a` and `b` are what it is on each side, as text, and `row_a`, `row_b` the nodes'
    rows in the two traces.
    """

    what: str
    node: str
    a: str
    b: str
    row_a: int | None = None
    row_b: int | None = None

    def __str__(self) -> str:
        if self.what.startswith("only"):
            return f"{self.node} is {self.what}"
        return f"{self.what} of {self.node}: {self.a} / {self.b}"


@dataclass(frozen=True)
class Comparison:
    """What `compare(a, b)` found; empty `differences` mean that the two passes are the same."""

    differences: tuple[Difference, ...]
    a: Trace = field(repr=False)
    b: Trace = field(repr=False)
    labels: tuple[str, str] = ("a", "b")

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if not self.differences:
            return "The two passes are the same."
        nodes = [d for d in self.differences if d.what.startswith("only")]
        count = len(self.differences)
        start = f"{count} thing differs" if count == 1 else f"{count} things differ"
        first = self.differences[0]
        if not nodes:
            return f"The graphs are the same; {start}, the first of them {first}."
        return f"{start}, {len(nodes)} of them nodes: {nodes[0]}."

    def __repr__(self) -> str:
        return "\n".join([self.sentence, *(f"  {d}" for d in self.differences)])

    def svgs(self) -> tuple[str, str]:
        """The two graphs, with the nodes marked at which something differs."""
        rows_a = [d.row_a for d in self.differences if d.row_a is not None]
        rows_b = [d.row_b for d in self.differences if d.row_b is not None]
        return (
            sketch_svg(self.a, Marks(culprits=rows_a, notes=_notes(self.differences, "a"))),
            sketch_svg(self.b, Marks(culprits=rows_b, notes=_notes(self.differences, "b"))),
        )

    def _repr_html_(self) -> str:
        drawn = [
            paragraph(label, strong=True) + figure_html(svg, f"{label}: {self.sentence}")
            for label, svg in zip(self.labels, self.svgs(), strict=True)
        ]
        drawings = "".join(f"<div>{one}</div>" for one in drawn)
        rows = [[d.node, d.what, d.a, d.b] for d in self.differences]
        return (
            f"{paragraph(self.sentence, strong=True)}"
            f"<div style='display: flex; gap: 1.5em; flex-wrap: wrap'>{drawings}</div>"
            f"{table_html(['node', 'what differs', *self.labels], rows)}"
        )


def compare(a: Any, b: Any, *, labels: tuple[str, str] = ("a", "b")) -> Comparison:
    """Compare two passes: tensors (whose passes are rehearsed), `Trace`s, or recorded passes.

    `labels` are what the two are called in the picture. Raises TypeError for other things, and
    what `trace` raises where a pass can't be rehearsed.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> compare(gl.sin(x).sum(), gl.sin(x * 2).sum()).differences[0].what
    'only in b'
    """
    one, other = _trace_of(a), _trace_of(b)
    matched, only_a, only_b = _matched(one, other)
    found = [
        *(Difference(f"only in {labels[0]}", label_of(one, i), "is there", "", i) for i in only_a),
        *(Difference(f"only in {labels[1]}", label_of(other, j), "", "is there", None, j)
          for j in only_b),
    ]  # fmt: skip
    flows = (Flow(one), Flow(other))
    steps = (_accumulations(one), _accumulations(other))
    for i, j in matched:
        found += _differing(one, other, flows, steps, i, j)
    return Comparison(tuple(found), one, other, labels)


def _trace_of(x: Any) -> Trace:
    if isinstance(x, Trace):
        return x
    if isinstance(x, record):
        return x.trace
    library = library_of_type(type(x))
    if library is None:
        raise TypeError(
            "compare(a, b) takes two tensors, traces or recorded passes, but got "
            f"{type(x).__name__}"
        )
    return trace(x, None if x.numel() == 1 else library.ones_like(x))


# ---------------------------------------------------------------------- which node is which


def _signature(seen: Trace, row: int) -> tuple[str, ...]:
    """What makes a node itself: its operation; a leaf also its name."""
    nodes = seen.nodes
    if nodes.kind[row] in ("leaf", "accumulate"):
        return (nodes.kind[row], nodes.name[row])
    return ("op", nodes.op[row])


def _matched(a: Trace, b: Trace) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Pairs of rows that are the same node in both, and the rows left over on each side."""
    one = [_signature(a, i) for i in range(len(a.nodes))]
    other = [_signature(b, j) for j in range(len(b.nodes))]
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    pairs = [
        (block.a + k, block.b + k) for block in matcher.get_matching_blocks()
        for k in range(block.size)
    ]  # fmt: skip
    left = {i for i, _ in pairs}
    right = {j for _, j in pairs}
    # a leaf may only have moved: names tell it apart wherever it stands
    for i in (i for i in range(len(one)) if i not in left and one[i][0] != "op" and one[i][1]):
        j = next((j for j in range(len(other)) if j not in right and other[j] == one[i]), None)
        if j is not None:
            pairs.append((i, j))
            left.add(i)
            right.add(j)
    only_a = [i for i in range(len(one)) if i not in left and a.nodes.kind[i] != "accumulate"]
    only_b = [j for j in range(len(other)) if j not in right and b.nodes.kind[j] != "accumulate"]
    return sorted(pairs), only_a, only_b


# ---------------------------------------------------------------------- what differs


Accumulations = dict[int, tuple[Value | None, Value | None]]


def _accumulations(seen: Trace) -> Accumulations:
    """row → `.grad` before and after the pass."""
    steps = seen.steps
    rows = zip(steps.kind, steps.node, steps.before, steps.after, strict=True)
    return {
        node: (_at(seen, before), _at(seen, after))
        for kind, node, before, after in rows
        if kind == "accumulate"
    }


def _at(seen: Trace, row: int | None) -> Value | None:
    return None if row is None else seen.values[row]


def _differing(
    a: Trace,
    b: Trace,
    flows: tuple[Flow, Flow],
    steps: tuple[Accumulations, Accumulations],
    i: int,
    j: int,
) -> list[Difference]:
    """What differs at one node; a leaf speaks for its accumulator, too."""
    label = label_of(a, i)
    found: list[Difference] = []

    def note(what: str, one: str, other: str) -> None:
        if one != other:
            found.append(Difference(what, label, one, other, i, j))

    if a.nodes.kind[i] == "accumulate":
        none: tuple[Value | None, Value | None] = (None, None)
        before, after = zip(steps[0].get(i, none), steps[1].get(j, none), strict=True)
        note("gradient", *_texts(flows[0].arrived(i), flows[1].arrived(j)))
        note(".grad before", *_texts(*before))
        note(".grad after", *_texts(*after))
        return found
    note("shape", str(list(a.nodes.shape[i])), str(list(b.nodes.shape[j])))
    note("dtype", a.nodes.dtype[i], b.nodes.dtype[j])
    value_a, value_b = _at(a, a.nodes.value[i]), _at(b, b.nodes.value[j])
    if value_a is not None and value_b is not None:
        note("value", *_texts(value_a, value_b))
    if a.nodes.kind[i] != "leaf":
        note("gradient", *_texts(flows[0].arrived(i), flows[1].arrived(j)))
    return found


def _texts(a: Value | None, b: Value | None) -> tuple[str, str]:
    """Two values as text; texts differ if the values do, whatever digits that takes."""
    one, other = ("None" if v is None else value_text(v) for v in (a, b))
    if a != b and one == other and a is not None and b is not None:
        return f"{one}, norm {a.norm}", f"{other}, norm {b.norm} (differs in later elements)"
    return one, other


def _notes(differences: Sequence[Difference], side: str) -> dict[int, str]:
    """What is written in the box of each node that differs."""
    found: dict[int, list[str]] = {}
    for d in differences:
        row = d.row_a if side == "a" else d.row_b
        if row is not None:
            found.setdefault(row, []).append(d.what)
    return {
        row: "not in the other" if whats[0].startswith("only") else f"differs: {', '.join(whats)}"
        for row, whats in found.items()
    }
