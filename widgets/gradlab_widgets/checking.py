"""Checks derivatives by differences: nudge an input, compute anew, compare with the rule.

Every edge of a recorded graph can be asked: its operation is computed again from inputs moved a
little up and a little down, in double precision, and the slope found so is put beside the one that
the operation's rule gives. Above all for an `autograd.Function` of one's own.
"""

from __future__ import annotations

import copy
import math
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradlab_widgets.adapters import Library, known_libraries, library_of_type
from gradlab_widgets.answer import figure_html, paragraph, table_html
from gradlab_widgets.formulas import number_text
from gradlab_widgets.local import local_gradients
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.recorder import trace_of_graph
from gradlab_widgets.replay import Replay, Unknown
from gradlab_widgets.sketch import Marks, sketch_svg
from gradlab_widgets.trace import Trace
from gradlab_widgets.walk import Found, Graph, graph_of

__all__ = ["Check", "EdgeCheck", "check"]

_MOST = 64  # elements of an input that are nudged
_STEP = 1e-6
_ROUGH = {"float16": 1e-2, "bfloat16": 3e-2, "float32": 1e-3, "float64": 1e-5}
_KINK = 1e-3  # how much the slopes to the left and right may differ, relative to the largest

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class EdgeCheck:
    """One edge: the derivative of a node's output by one of its inputs, both ways.

    `verdict` is "agrees", "differs", "kink" (agrees but for elements that stand where there is no
    slope) or "unknown", which `reason` explains. `analytic` and `numeric` are those of the element
    that differs most, `index` in the input; `difference` is how much.
    """

    node: str
    input: str
    slot: int
    verdict: str
    difference: float = math.nan
    index: tuple[int, ...] = ()
    analytic: float = math.nan
    numeric: float = math.nan
    checked: int = 0
    size: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """What `check` found: a row per edge."""

    edges: tuple[EdgeCheck, ...]
    trace: Trace | None = field(default=None, repr=False)
    rows: tuple[int, ...] = field(default=(), repr=False)  # of the trace, one for each edge

    @property
    def agrees(self) -> bool:
        """Whether nothing differs, of what could be checked."""
        return all(edge.verdict != "differs" for edge in self.edges)

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        wrong = [edge for edge in self.edges if edge.verdict == "differs"]
        unknown = sum(1 for edge in self.edges if edge.verdict == "unknown")
        known = len(self.edges) - unknown
        if wrong:
            first = wrong[0]
            start = (
                f"The derivative of {first.node} by {first.input} is wrong: at "
                f"{list(first.index)} its rule says {number_text(first.analytic)}, "
                f"differences say {number_text(first.numeric)}"
            )
            start += f" (and {len(wrong) - 1} more edges differ)" if len(wrong) > 1 else ""
        else:
            edges = "The edge agrees" if known == 1 else f"All {known} edges agree"
            start = f"{edges} with differences" if known else "Nothing could be checked"
        return start + (f"; {unknown} could not be checked." if unknown else ".")

    def __repr__(self) -> str:
        lines = [self.sentence]
        for e in self.edges:
            shown = e.reason if e.verdict == "unknown" else (
                f"rule {number_text(e.analytic)}, differences {number_text(e.numeric)}, "
                f"largest difference {number_text(float(f'{e.difference:.2g}'))}"
            )  # fmt: skip
            lines.append(f"  {e.node} by {e.input}: {e.verdict}: {shown}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        signs = {"agrees": "✓ agrees", "differs": "✗ differs", "kink": "✓ agrees, but for kinks"}
        rows = [
            [e.node, e.input, *(
                ["", "", "", ""] if e.verdict == "unknown" else
                [number_text(e.analytic), number_text(e.numeric),
                 number_text(float(f"{e.difference:.2g}")), f"{e.checked} of {e.size}"]
            ), signs.get(e.verdict, f"not checked: {e.reason}")]
            for e in self.edges
        ]  # fmt: skip
        header = ["operation", "by", "rule", "differences", "largest difference", "elements"]
        page = paragraph(self.sentence, strong=True)
        if self.trace is not None and not self.agrees:
            pairs = zip(self.rows, self.edges, strict=True)
            wrong = [row for row, edge in pairs if edge.verdict == "differs"]
            svg = sketch_svg(self.trace, Marks(path=wrong[:1], culprits=wrong))
            page += figure_html(svg, self.sentence)
        return page + table_html([*header, "verdict"], rows)


def check(x: Any) -> Check:
    """Check derivatives by finite differences, beside what the rules of the graph give.

    `x` is a tensor, whose whole graph is checked edge by edge; a node, such as `y.grad_fn`, of
    which every edge is checked; or one edge, a pair `(node, slot)` with the slot's place in
    `next_functions`. At most 64 elements of each input are nudged, evenly picked.

    Raises TypeError for anything else, RuntimeError for a tensor without history or a graph that
    was freed, IndexError for a slot that is not there.

    >>> import gradlab as gl
    >>> x = gl.tensor([0.5, 2.0], requires_grad=True)
    >>> check(gl.sin(x).sum()).sentence
    'All 2 edges agree with differences.'
    """
    if library_of_type(type(x)) is not None:
        graph = graph_of(x, "check(x)")
        return _checked(graph, [f for f in graph.found if not f.accumulates], None, x)
    node, slot = x if isinstance(x, tuple) and len(x) == 2 else (x, None)
    if not hasattr(node, "next_functions"):
        raise TypeError(
            "check(x) takes a tensor, a node (its grad_fn) or an edge (node, slot), but got "
            f"{type(x).__name__}"
        )
    if slot is not None and not 0 <= slot < len(node.next_functions):
        raise IndexError(
            f"check((node, slot)): {slot} is no slot of {node.name()}, which has "
            f"{len(node.next_functions)}"
        )
    library = _library_of_node(node)
    graph = _graph_behind(library, node)
    return _checked(graph, [graph.found[graph.index[node]]], slot, None)


def _library_of_node(node: Any) -> Library:
    graph = sys.modules.get("gradlab.graph")
    own = "gradlab" if graph is not None and isinstance(node, graph.Node) else "torch"
    return next(library for library in known_libraries() if library.name == own)


def _graph_behind(library: Library, node: Any) -> Graph:
    """The graph of a node whose tensor is not at hand: None stands for it."""
    at_node = copy.copy(library)
    at_node.__dict__["edge"] = lambda root: (node, 0)
    return Graph(at_node, [None], Names(library, caller_namespace()))


def _checked(graph: Graph, nodes: list[Found], slot: int | None, root: Any) -> Check:
    replay = Replay(graph)
    edges: list[EdgeCheck] = []
    rows: list[int] = []
    generator = np.random.default_rng(0)
    offsets = np.cumsum([found.accumulates for found in graph.found])
    for found in nodes:
        for i, (following, _) in enumerate(found.inputs):
            if following is not None and slot in (None, i):
                edges.append(_check_edge(graph, replay, found, i, generator))
                row = graph.index[found.node]
                rows.append(row + int(offsets[row]))
    trace = None if root is None else trace_of_graph(root, "check(x)")
    return Check(tuple(edges), trace, tuple(rows))


def _check_edge(
    graph: Graph, replay: Replay, found: Found, slot: int, generator: np.random.Generator
) -> EdgeCheck:
    """One edge: the gradient of a weighted sum of the node's outputs, both ways."""
    name = f"{found.name} ({found.title})" if found.name else found.title
    following, output = found.inputs[slot]
    source = graph.found[graph.index[following]]
    by = source.name if source.accumulates else graph.names.of(following, output) or source.title
    by = by or "a leaf without a name"
    try:
        inputs = replay.inputs(found, slopes_only=True)
        x = inputs[slot]
        assert x is not None
        if x.dtype.kind != "f":
            held = "complex" if x.dtype.kind == "c" else "whole"
            raise Unknown(f"{by} holds {held} numbers; only real ones are nudged")
        computed = replay.forward(found, inputs, slopes_only=True)
    except Unknown as unknown:
        return EdgeCheck(name, by, slot, "unknown", reason=str(unknown))
    library = graph.library
    metas = library.output_metas(found.node)
    weights = [generator.uniform(0.5, 1.5, shape) for shape, _ in metas]
    dtypes = [getattr(library.module, dtype) for _, dtype in metas]
    arriving: list[Any] = [
        library.module.tensor(w.tolist(), dtype=dtype) if np.asarray(c).dtype.kind == "f" else None
        for w, dtype, c in zip(weights, dtypes, computed, strict=False)
    ]
    arriving += [None] * (len(metas) - len(arriving))
    leaving = local_gradients(library, found.node, arriving)[slot]
    rule = np.zeros(x.shape) if leaving is None else leaving.astype(np.float64)

    def total(moved: Numbers) -> float:
        results = replay.forward(
            found, [moved if i == slot else v for i, v in enumerate(inputs)], slopes_only=True
        )
        pairs = zip(results, weights, arriving, strict=False)
        return math.fsum(float((r * w).sum()) for r, w, g in pairs if g is not None)

    return _compared(name, by, slot, x, rule, total, _ROUGH.get(metas[0][1], 1e-3))


def _compared(
    name: str, by: str, slot: int, x: Numbers, rule: Numbers, total: Any, tolerance: float
) -> EdgeCheck:
    """Nudge elements of `x` one by one, and find the one whose slope differs most."""
    picked = np.unique(np.linspace(0, x.size - 1, min(x.size, _MOST)).round().astype(int))
    flat, middle = rule.reshape(-1), total(x)
    slopes, kinks = np.zeros(len(picked)), np.zeros(len(picked), bool)
    with np.errstate(all="ignore"):
        for k, i in enumerate(picked):
            step = _STEP * max(1.0, abs(float(x.flat[i])))
            up, down = x.copy(), x.copy()
            up.flat[i] += step
            down.flat[i] -= step
            right, left = (total(up) - middle) / step, (middle - total(down)) / step
            slopes[k] = (right + left) / 2
            kinks[k] = abs(right - left) > _KINK * max(1.0, abs(right), abs(left))
        analytic = flat[picked]
        off = np.abs(slopes - analytic)
        off[np.isnan(slopes) & np.isnan(analytic)] = 0
        off[(slopes == analytic)] = 0
    scale = max(1e-3, float(np.abs(analytic[np.isfinite(analytic)]).max(initial=0.0)))
    wrong = ~(off <= tolerance * scale)
    judged = np.where(kinks, 0.0, np.where(np.isnan(off), np.inf, off))
    at = int(np.argmax(judged))
    verdict = "differs" if (wrong & ~kinks).any() else "kink" if (wrong & kinks).any() else "agrees"
    return EdgeCheck(
        name, by, slot, verdict,
        float(judged[at]), tuple(int(j) for j in np.unravel_index(int(picked[at]), x.shape)),
        float(analytic[at]), float(slopes[at]), len(picked), x.size,
    )  # fmt: skip
