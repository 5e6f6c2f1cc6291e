"""One number's gradient as a sum over paths: along each, the product of the local derivatives.

The chain rule on the level of single numbers. Every tensor falls apart into its elements, every
operation into derivatives of one number with respect to another; a path leads from the result down
to the element asked about, and what it contributes is the product of the derivatives on it. The
gradient is the sum of all contributions, however many paths there are: their number, their sum and
the largest of them are found without listing them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gradlab_widgets.adapters import Edge, Library, library_of
from gradlab_widgets.answer import figure_html, paragraph, table_html
from gradlab_widgets.formulas import number_text
from gradlab_widgets.local import local_gradients
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.sight import edge_to, results_from
from gradlab_widgets.sketch import chain_svg

__all__ = ["Explanation", "Path", "explain"]

_SHOWN = 12  # paths that are listed
_DRAWN = 8  # of which so many are drawn
_MOST_NUMBERS = 20_000_000  # local derivatives that are computed before giving up

_MOST_PROBED = 200_000  # elements of a tensor whose neighbours are found by probing

Numbers = np.ndarray[Any, Any]
Place = tuple[int, int]  # a tensor (its row) and which of its elements, counted along its rows


@dataclass(frozen=True)
class Path:
    """One way from an element to the result: the numbers on it, their derivatives, the product."""

    steps: tuple[str, ...]  # from the element to the result: "x[1]", "sin[1]", "out"
    factors: tuple[float, ...]  # ∂ of each step with respect to the one before
    product: float

    def __str__(self) -> str:
        ways = " → ".join(self.steps)
        return f"{ways}: {' · '.join(map(number_text, self.factors))} = {number_text(self.product)}"


@dataclass(frozen=True)
class Explanation:
    """What `explain(x, index)` found: paths, the largest first, and their sum.

    `count` is how many paths with a product other than zero there are, `total` the sum of all,
    `rest` what those beyond `paths` add up to; `grad` is that element of `x.grad`, None where there
    is none, and `gradient` the library's own gradient of it.
    """

    element: str
    result: str
    paths: tuple[Path, ...]
    count: int
    total: float
    rest: float
    magnitude: float  # what the products add up to without their signs
    gradient: float
    grad: float | None

    @property
    def agrees(self) -> bool:
        """Whether the sum over paths is the gradient that the library computes."""
        return self._close(self.gradient)

    def _close(self, other: float) -> bool:
        """Whether a gradient equals the sum, as well as single precision can tell."""
        if math.isnan(self.total) or math.isnan(other):
            return math.isnan(self.total) and math.isnan(other)
        return self.total == other or abs(self.total - other) <= 1e-4 * self.magnitude

    @property
    def sentence(self) -> str:
        """The explanation in words."""
        if not self.count:
            return (
                f"No path with a slope other than zero leads from {self.element} to {self.result}, "
                "so its gradient is 0."
            )
        ways = "one path" if self.count == 1 else f"the sum over {_count(self.count)} paths"
        start = f"∂{self.result}/∂{self.element} = {number_text(self.total)}: {ways}"
        if self.count > len(self.paths):
            start += (
                f". The {len(self.paths)} largest are shown; the other "
                f"{_count(self.count - len(self.paths))} add up to {number_text(self.rest)}"
            )
        if abs(self.total) < 1e-3 * self.magnitude:
            start += (
                f". They nearly cancel: without their signs they add up to "
                f"{number_text(self.magnitude)}"
            )
        return start + "."

    @property
    def check(self) -> str:
        """How the sum compares with what is in `.grad`."""
        if not self.agrees:
            return (
                f"The library computes {number_text(self.gradient)}, which differs: either the "
                "numbers are too rough for their sum, or a rule is no true derivative."
            )
        if self.grad is None:
            return "The library computes the same; .grad holds nothing yet."
        if self._close(self.grad):
            return f".grad holds the same: {number_text(self.grad)}."
        times = self.grad / self.total if self.total else math.nan
        if times > 1.5 and math.isclose(times, round(times), rel_tol=1e-3):
            return f".grad holds {number_text(self.grad)}: {round(times)} passes were added up."
        return f".grad holds {number_text(self.grad)}, which is not of this pass alone."

    def __repr__(self) -> str:
        lines = [self.sentence, *(f"  {path}" for path in self.paths)]
        if self.count > len(self.paths):
            lines.append(f"  the rest: {number_text(self.rest)}")
        return "\n".join([*lines, self.check])

    def _repr_html_(self) -> str:
        parts = [paragraph(self.sentence, strong=True)]
        for path in self.paths[:_DRAWN]:
            links = [f"× {number_text(factor)}" for factor in path.factors]
            drawn = chain_svg(_shortened(path.steps), _shortened(links))
            parts.append(
                "<div style='display: flex; align-items: center; gap: 1em; flex-wrap: wrap'>"
                f"{figure_html(drawn, str(path))}<span>= {number_text(path.product)}</span></div>"
            )
        rows = [[str(i + 1), " → ".join(p.steps), " · ".join(map(number_text, p.factors)),
                 number_text(p.product)] for i, p in enumerate(self.paths)]  # fmt: skip
        if self.count > len(self.paths):
            more = _count(self.count - len(self.paths))
            rows.append(["…", f"{more} more", "", number_text(self.rest)])
        rows.append(["sum", "", "", number_text(self.total)])
        parts.append(table_html(["path", "way", "local derivatives", "product"], rows))
        return "".join([*parts, paragraph(self.check)])


def _shortened(parts: Sequence[str]) -> list[str]:
    """The parts of a path that fit beside each other."""
    return list(parts) if len(parts) <= 9 else [*parts[:4], "…", *parts[-4:]]


def explain(x: Any, index: int | Sequence[int] = (), out: Any = None) -> Explanation:
    """Take the gradient of one element of `x` apart into paths and products of local derivatives.

    `index` says which element: a number counts along the rows, a tuple has one number for each
    dimension. `out` is the single number that the gradient is of; without it, the one in sight
    that was computed from `x`. No `.grad` changes and nothing is freed.

    Raises TypeError for what is no tensor, IndexError for an element that is not there, ValueError
    where `out` is no single number or not computed from `x`, or where there are too many numbers
    between, RuntimeError where the graph was freed.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * 3
    >>> explain(x, 1, (y + x).sum())
    ∂out/∂x[1] = 4: the sum over 2 paths.
      x[1] → ×[1] → +[1] → out: 3 · 1 · 1 = 3
      x[1] → +[1] → out: 1 · 1 = 1
    The library computes the same; .grad holds nothing yet.
    """
    library = library_of(x, "explain(x, index)")
    namespace = caller_namespace()
    names = Names(library, namespace)
    element = _element(x, index)
    if out is None:
        found = [r for _, r in results_from(library, x, namespace) if r.numel() == 1]
        if not found:
            raise ValueError(
                "explain(x, index): no single number in sight was computed from x; say which "
                "result you mean with explain(x, index, out)"
            )
        out = found[0]
    elif not library.is_tensor(out) or out.numel() != 1:
        got = f"shape {tuple(out.shape)}" if library.is_tensor(out) else type(out).__name__
        raise ValueError(
            f"explain(x, index, out): out is to be a tensor of one number, but got {got}. "
            "Take one element of it, or its sum()."
        )
    return _explained(library, names, x, element, out)


def _element(x: Any, index: int | Sequence[int]) -> int:
    """The place of an element along the rows of `x`."""
    shape = tuple(int(n) for n in x.shape)
    if isinstance(index, (int, np.integer)):
        place, size = int(index), math.prod(shape)
        if not -size <= place < size:
            raise IndexError(f"explain(x, index): {index} is no element of the {size} of x")
        return place % size
    try:
        at = tuple(int(i) for i in index)
        if len(at) != len(shape):
            raise ValueError
        wrapped = tuple(i + n if i < 0 else i for i, n in zip(at, shape, strict=True))
        return int(np.ravel_multi_index(wrapped, shape)) if shape else 0
    except ValueError:
        raise IndexError(
            f"explain(x, index): {tuple(index)} is no element of a tensor of shape {shape}"
        ) from None


def _explained(library: Library, names: Names, x: Any, element: int, out: Any) -> Explanation:
    edge = edge_to(library, x)
    root = library.edge(out)
    web = _Web(library, names, root, out.device)
    if edge is None or edge not in web.rows:
        raise ValueError(
            "explain(x, index, out): out was not computed from x, so there is no path between "
            "them; why(x, out) says where the way was cut"
        )
    web.unravel((web.rows[edge], element))
    seed = library.ones_like(out)
    gradient = library.grad(out, x, seed)
    whole = float(library.array(gradient).reshape(-1)[element]) if gradient is not None else 0.0
    keeps = x.grad_fn is None or x.retains_grad
    grad = x.grad if keeps else None
    called = names.of_tensor(x) or "x"
    paths = web.largest(_SHOWN, called)
    start = web.start
    total, count = web.total.get(start, 0.0), web.count.get(start, 0)
    return Explanation(
        element=_indexed(called, element, tuple(x.shape)),
        result=names.of_tensor(out) or "out",
        paths=tuple(paths),
        count=count,
        total=total,
        magnitude=web.magnitude.get(start, 0.0),
        rest=total - math.fsum(path.product for path in paths),
        gradient=whole,
        grad=None if grad is None else float(library.array(grad).reshape(-1)[element]),
    )


class _Way(NamedTuple):
    """A way from a place down to the element: its product, and its first step."""

    product: float
    to: Place | None  # None: it has arrived
    derivative: float
    rank: int  # which of the ways from there it goes on with


class _Web:
    """The elements between a result and one element, and the derivatives between neighbours.

    Tensors are rows, outputs of nodes, in the order the backward pass meets them. From the result
    on, each element that a derivative other than zero leads to is taken apart by its node's rule.
    """

    def __init__(self, library: Library, names: Names, root: Edge, device: Any) -> None:
        self._library = library
        self._device = device
        self._names = names
        self.start: Place = (0, 0)
        self.rows: dict[Edge, int] = {}
        self._edges: list[Edge] = []
        self._order(root)
        self._links: dict[Place, list[tuple[Place, float]]] = {}
        self._spent = 0
        self.total: dict[Place, float] = {}  # the sum of the products of all paths from a place
        self.magnitude: dict[Place, float] = {}  # the same of their absolute values
        self.count: dict[Place, int] = {}  # how many paths there are

    def _order(self, root: Edge) -> None:
        """Every tensor after all that were computed from it."""
        finished: list[Any] = []
        seen = {root[0]}
        stack = [(root[0], iter(root[0].next_functions))]
        while stack:
            node, following = stack[-1]
            deeper = next((n for n, _ in following if n is not None and n not in seen), None)
            if deeper is None:
                finished.append(node)
                stack.pop()
            else:
                seen.add(deeper)
                stack.append((deeper, iter(deeper.next_functions)))
        age = {node: i for i, node in enumerate(reversed(finished))}
        edges = {root} | {e for n in finished for e in n.next_functions if e[0] is not None}
        self._edges = sorted(edges, key=lambda e: (age[e[0]], e[1]))
        self.rows = {edge: row for row, edge in enumerate(self._edges)}
        self.start = (self.rows[root], 0)

    def _shape(self, row: int) -> tuple[int, ...]:
        node, output = self._edges[row]
        return self._library.output_metas(node)[output][0]

    # ------------------------------------------------------------------ derivatives

    def unravel(self, target: Place) -> None:
        """Find the derivatives between the result and `target`, then their sums and counts."""
        self._target = target
        leading = self._leading_to(target[0])
        self._reach = self._reached_from(target, leading)
        pending: list[list[int]] = [[] for _ in self._edges]
        pending[self.start[0]] = [self.start[1]]
        for row in range(len(self._edges)):
            if row == target[0]:
                continue  # further down there is nothing to find
            for element in sorted(set(pending[row])):
                self._links[row, element] = links = self._taken_apart(row, element, leading)
                for place, _ in links:
                    pending[place[0]].append(place[1])
        self._add_up()

    def _leading_to(self, target: int) -> set[int]:
        """The rows from which there is a way to the row `target`."""
        leading = {target}
        for row in reversed(range(target + 1)):
            node, _ = self._edges[row]
            if any(self.rows[e] in leading for e in node.next_functions if e[0] is not None):
                leading.add(row)
        return leading

    def _reached_from(self, target: Place, leading: set[int]) -> dict[int, set[int]]:
        """row → which of its elements may depend on the target, where that is easily known.

        It is where every number was made from one other (views, functions of single numbers).
        Without it, all of a weight's elements would be taken apart to find one.
        """
        reach = {target[0]: {target[1]}}
        for row in sorted((r for r in leading if r < target[0]), reverse=True):
            node, output = self._edges[row]
            slots = [
                (slot, self.rows[e])
                for slot, e in enumerate(node.next_functions)
                if e[0] is not None and self.rows[e] in leading
            ]
            if len(slots) == 1 and slots[0][1] in reach and output == 0:
                slot, below = slots[0]
                found = self._one_to_one(row, slot, reach[below])
                if found is not None:
                    reach[row] = found
        return reach

    def _one_to_one(self, row: int, slot: int, below: set[int]) -> set[int] | None:
        """The elements of a tensor that some of an input's make, if each makes at most one.

        Three gradients tell: of ones comes each derivative, of 1, 2, 3, … which element it belongs
        to, and random ones show whether that explains all.
        """
        shape = self._shape(row)
        size = math.prod(shape)
        if not 1 < size <= _MOST_PROBED or len(self._library.output_metas(self._edges[row][0])) > 1:
            return None
        generator = np.random.default_rng(0)
        weights = [np.ones(size), np.arange(1.0, size + 1), generator.uniform(1, 2, size)]
        answers = [self._answer(row, slot, w.reshape(shape)) for w in weights]
        if any(a is None or a.dtype.kind != "f" for a in answers):
            return None
        ones, counted, drawn = (np.asarray(a, np.float64).reshape(-1) for a in answers)
        live = ones != 0
        with np.errstate(all="ignore"):
            places = np.where(live, np.rint(counted / ones), 1).astype(np.int64) - 1
        inside = (places >= 0) & (places < size)
        if not inside.all():
            return None
        explained = weights[2][places] * ones
        rough = 1e-2 * np.abs(ones)
        if not (np.abs(drawn - explained) <= rough).all() or (counted[~live] != 0).any():
            return None
        return {int(places[i]) for i in below if live[i]}

    def _answer(self, row: int, slot: int, arriving: Numbers) -> Numbers | None:
        """What leaves a node by one slot, if `arriving` arrives at its only output."""
        node, output = self._edges[row]
        module = self._library.module
        dtype = getattr(module, self._library.output_metas(node)[output][1])
        given = module.tensor(arriving.tolist(), dtype=dtype, device=self._device)
        return local_gradients(self._library, node, [given])[slot]

    def _taken_apart(self, row: int, element: int, leading: set[int]) -> list[tuple[Place, float]]:
        """The derivatives of one element with respect to those it was computed from."""
        library, (node, output) = self._library, self._edges[row]
        edges = [e for e in node.next_functions if e[0] is not None and self.rows[e] in leading]
        if not edges:
            return []
        arriving = [None] * max(1, len(library.output_metas(node)))
        arriving[output] = self._one_hot(row, element)
        found: list[tuple[Place, float]] = []
        leaving = local_gradients(library, node, arriving)
        for edge, array in zip(node.next_functions, leaving, strict=True):
            if array is None or edge not in edges:
                continue
            if array.dtype.kind == "c":
                raise ValueError(
                    f"explain(x, index): {library.title(node)} works on complex numbers, whose "
                    "gradients are no products of single numbers"
                )
            flat = array.reshape(-1)
            self._spend(flat.size)
            below = self.rows[edge]
            places = np.flatnonzero(flat) if below not in self._reach else self._reach[below]
            found += [((below, int(i)), float(flat[i])) for i in places if flat[i]]
        return found

    def _one_hot(self, row: int, element: int) -> Any:
        shape = self._shape(row)
        self._spend(math.prod(shape))
        node, output = self._edges[row]
        dtype = self._library.output_metas(node)[output][1]
        module = self._library.module
        hot = module.zeros(shape, dtype=getattr(module, dtype), device=self._device)
        hot.reshape(-1)[element] = 1
        return hot

    def _spend(self, numbers: int) -> None:
        self._spent += numbers
        if self._spent > _MOST_NUMBERS:
            raise ValueError(
                "explain(x, index): between them lie too many numbers for single paths "
                f"(more than {_MOST_NUMBERS} local derivatives). Take a smaller input or a "
                "smaller batch: the paths are of the same kind."
            )

    def _add_up(self) -> None:
        """From the element up to the result: sums and counts of paths."""
        self.total[self._target], self.count[self._target] = 1.0, 1
        self.magnitude[self._target] = 1.0
        for place in reversed(self._links):  # rows were met in order, so inputs come last
            links = [(to, d) for to, d in self._links[place] if to in self.count]
            if links:
                self.total[place] = math.fsum(d * self.total[to] for to, d in links)
                self.magnitude[place] = math.fsum(abs(d) * self.magnitude[to] for to, d in links)
                self.count[place] = sum(self.count[to] for to, _ in links)

    # ------------------------------------------------------------------ paths

    def largest(self, most: int, called: str) -> list[Path]:
        """The paths with the largest absolute products, largest first.

        From the element up, each place needs only the `most` best ways below it, so the work grows
        with the number of derivatives, not with that of paths.
        """
        best: dict[Place, list[_Way]] = {self._target: [_Way(1.0, None, 1.0, 0)]}
        for place in reversed(self._links):
            ways = (
                _Way(d * below.product, to, d, i)
                for to, d in self._links[place]
                for i, below in enumerate(best.get(to, ()))
            )
            kept = heapq.nlargest(most, ways, key=lambda way: abs(way.product))
            if kept:
                best[place] = kept
        return [self._path(best, way, called) for way in best.get(self.start, ())]

    def _path(self, best: dict[Place, list[_Way]], way: _Way, called: str) -> Path:
        steps, factors = [self._label(self.start, called)], []
        at = way
        while at.to is not None:
            steps.append(self._label(at.to, called))
            factors.append(at.derivative)
            at = best[at.to][at.rank]
        return Path(tuple(reversed(steps)), tuple(reversed(factors)), way.product)

    def _label(self, place: Place, called: str) -> str:
        row, element = place
        node, output = self._edges[row]
        if row == self._target[0]:
            name = called
        elif place == self.start:
            name = self._names.of(node, output) or "out"
        else:
            name = self._names.of(node, output) or self._library.title(node)
        return _indexed(name, element, self._shape(row))


def _indexed(name: str, element: int, shape: tuple[int, ...]) -> str:
    """An element's name: x[1, 2]."""
    if not shape:
        return name
    at = np.unravel_index(element, shape)
    return f"{name}[{', '.join(str(int(i)) for i in at)}]"


def _count(n: int) -> str:
    return f"{n:,}" if n < 10**6 else f"{n:.3g}" if n < 10**300 else "countless"
