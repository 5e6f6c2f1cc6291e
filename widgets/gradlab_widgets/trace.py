"""The trace: one backward pass, frozen into columns that a browser can replay.

Nothing in here knows a library. The recorder fills a `TraceBuilder`; what comes out is a `Trace`,
immutable and checked, that turns into plain JSON and back (docs/trace.md describes each column).
Arrays never enter the trace: a `Value` keeps the first few elements and honest statistics.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import Any, Self

from gradlab_widgets.packing import (
    SMALL,
    marked,
    near,
    packed,
    packed_formulas,
    packed_values,
    unmarked,
    unpacked,
    unpacked_formulas,
    unpacked_values,
)
from gradlab_widgets.values import PREVIEW, Number, Value, number, preview

__all__ = [
    "PREVIEW",
    "SCHEMA",
    "Edges",
    "Elements",
    "Groups",
    "Hooks",
    "Nodes",
    "Number",
    "Samples",
    "Second",
    "Sources",
    "Steps",
    "Sums",
    "Terms",
    "Trace",
    "TraceBuilder",
    "Value",
    "clean",
    "number",
    "preview",
]

SCHEMA = 3
_READ = (1, 2, 3)  # the first packed no column, the second no number of four digits
NAME_LENGTH = 80  # longer names from the user are cut, so that no box outgrows the screen
TEXT_LENGTH = 240  # the same for source lines and sentences

NODE_KINDS = ("leaf", "accumulate", "op", "root")
STEP_KINDS = ("seed", "vjp", "accumulate", "free")
GROUP_KINDS = ("module", "function")
HOOK_KINDS = ("tensor hook", "pre-hook", "node hook", "post-accumulate hook", "retain_grad")

# What no HTML, SVG or XML may hold (control characters, halves of surrogate pairs), and private
# characters, which look like nothing and mark the places in formulas.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\uf8ff\ufffe\uffff]")


def clean(text: object, length: int = NAME_LENGTH) -> str:
    """Return `text` as a string any page can show: no control characters, not overlong.

    >>> clean("loss")
    'loss'
    >>> clean("x" * 100, 5)
    'xxxx…'
    """
    shown = _UNPRINTABLE.sub("\ufffd", str(text))
    return shown if len(shown) <= length else shown[: length - 1] + "…"


_clean = functools.lru_cache(maxsize=1024)(clean)  # of names, which come again and again


class Columns:
    """A table whose rows are spread over equally long columns, one per dataclass field.

    A field named with a trailing underscore (`from_`) is the column of that name without it.
    """

    @classmethod
    def column_names(cls) -> list[str]:
        """The columns' names in JSON, in order."""
        return [f.name.rstrip("_") for f in fields(cls)]  # type: ignore[arg-type]

    def columns(self) -> dict[str, tuple[Any, ...]]:
        """The columns by their names in JSON."""
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]
        return {name.rstrip("_"): getattr(self, name) for name in names}

    def __len__(self) -> int:
        return len(next(iter(self.columns().values())))

    def to_json(self) -> dict[str, Any]:
        """The columns, the long ones packed."""
        return {name: packed(column) for name, column in self.columns().items()}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Self:
        """The table that `to_json` wrote."""
        missing = [name for name in cls.column_names() if name not in table]
        if missing:
            raise ValueError(f"trace: {cls.__name__.lower()} has no column {missing[0]!r}")
        return cls(*(unpacked(table[name]) for name in cls.column_names()))

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[Any]]) -> Self:
        """The table whose rows are `rows`, in the order of the fields."""
        width = len(cls.column_names())
        return cls(*(zip(*rows, strict=True) if rows else [()] * width))


@dataclass(frozen=True)
class Nodes(Columns):
    """One row per node of the graph; inputs come before their users."""

    kind: tuple[str, ...]
    op: tuple[str, ...]
    title: tuple[str, ...]
    name: tuple[str, ...]
    module: tuple[str, ...]
    shape: tuple[tuple[int, ...], ...]
    dtype: tuple[str, ...]
    value: tuple[int | None, ...]
    saved: tuple[tuple[tuple[str, int], ...], ...]
    formula: tuple[int | None, ...]
    source: tuple[int | None, ...]
    group: tuple[int | None, ...]


@dataclass(frozen=True)
class Edges(Columns):
    """One row per tensor that flows from a node (`from`) into its user (`to`)."""

    from_: tuple[int, ...]
    to: tuple[int, ...]
    slot: tuple[int, ...]
    output: tuple[int, ...]


@dataclass(frozen=True)
class Steps(Columns):
    """One row per thing that happened in the pass, in the order it happened."""

    kind: tuple[str, ...]
    node: tuple[int, ...]
    incoming: tuple[tuple[int | None, ...], ...]
    outgoing: tuple[tuple[int | None, ...], ...]
    before: tuple[int | None, ...]
    after: tuple[int | None, ...]
    formulas: tuple[tuple[int, ...], ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Sources(Columns):
    """One row per line of the user's code that made a node."""

    cell: tuple[str, ...]
    line: tuple[int, ...]
    text: tuple[str, ...]


@dataclass(frozen=True)
class Groups(Columns):
    """One row per call of a module or function, or module around others; outer ones first."""

    name: tuple[str, ...]
    kind: tuple[str, ...]
    parent: tuple[int | None, ...]


@dataclass(frozen=True)
class Sums(Columns):
    """One row per gradient that a node summed over axes, since its forward had broadcast them."""

    node: tuple[int, ...] = ()
    slot: tuple[int, ...] = ()
    axes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Terms(Columns):
    """One row per gradient that is one of several for its tensor: what they amount to with it."""

    node: tuple[int, ...] = ()
    slot: tuple[int, ...] = ()
    sum: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Hooks(Columns):
    """One row per hook of the user's that ran; before and after are None where it changed none."""

    node: tuple[int, ...] = ()
    kind: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    slot: tuple[int | None, ...] = ()
    before: tuple[int | None, ...] = ()
    after: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Second(Columns):
    """One row per node that a pass with create_graph=True made, while `of` ran.

    The order is 2 for what a pass over a graph of the user's made, 3 for a pass over that, …
    """

    node: tuple[int, ...] = ()
    of: tuple[int, ...] = ()
    order: tuple[int, ...] = ()


@dataclass(frozen=True)
class Elements(Columns):
    """One row per result, or gradient, whose elements can be taken apart into their terms."""

    node: tuple[int, ...] = ()
    part: tuple[int, ...] = ()  # 0: the node's result; else 1 + the slot that a gradient leaves by
    sizes: tuple[tuple[int, ...], ...] = ()
    axes: tuple[tuple[tuple[int, ...], ...], ...] = ()
    values: tuple[tuple[int, ...], ...] = ()
    names: tuple[tuple[int, ...], ...] = ()
    term: tuple[int, ...] = ()
    how: tuple[str, ...] = ()
    plus: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Samples(Columns):
    """One row per large value of which an image and a histogram were kept (`Sample`)."""

    value: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    columns_: tuple[int, ...] = ()
    levels: tuple[str, ...] = ()
    scale: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    bins: tuple[tuple[int, ...], ...] = ()


# What most passes have nothing of; left out of the JSON then.
_RARE: dict[str, type[Columns]] = {
    "sums": Sums,
    "terms": Terms,
    "hooks": Hooks,
    "second": Second,
    "elements": Elements,
    "samples": Samples,
}


@dataclass(frozen=True)
class Trace:
    """One backward pass, or with no steps one graph, as frozen data.

    Raises ValueError, naming the column and the row, if the columns contradict each other.
    """

    library: str
    root: int
    nodes: Nodes
    edges: Edges
    steps: Steps
    values: tuple[Value, ...]
    sources: Sources
    groups: Groups
    math: tuple[str, ...]
    sums: Sums = Sums()
    terms: Terms = Terms()
    hooks: Hooks = Hooks()
    second: Second = Second()
    elements: Elements = Elements()
    samples: Samples = Samples()

    def __post_init__(self) -> None:
        _check(self)

    def to_json(self) -> dict[str, Any]:
        """The trace as plain dicts, lists, text and finite numbers, as docs/trace.md has it."""
        steps = self.steps.to_json()
        if len(self.steps) > SMALL:
            steps["words"] = packed([marked(*said) for said in self._said(self.steps.words)])
        return {
            "schema": SCHEMA,
            "library": self.library,
            "root": self.root,
            "nodes": self.nodes.to_json(),
            "edges": self.edges.to_json(),
            "steps": steps,
            "values": packed_values(self.values),
            "sources": self.sources.to_json(),
            "groups": self.groups.to_json(),
            "math": packed_formulas(self.math, self.values, self._near_formulas()),
            **{name: rare.to_json() for name in _RARE if len(rare := getattr(self, name))},
        }

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> Trace:
        """The trace that `to_json` wrote; ValueError if it is of another schema or broken."""
        if payload.get("schema") not in _READ:
            raise ValueError(
                f"trace: schema {payload.get('schema')!r} is none of {_READ}, which this version "
                "of gradlab_widgets reads. Record the pass again, or install the version that "
                "wrote it."
            )
        values = unpacked_values(payload["values"])
        trace = cls(
            library=payload["library"],
            root=payload["root"],
            nodes=Nodes.from_json(payload["nodes"]),
            edges=Edges.from_json(payload["edges"]),
            steps=Steps.from_json(payload["steps"]),
            values=values,
            sources=Sources.from_json(payload["sources"]),
            groups=Groups.from_json(payload["groups"]),
            math=unpacked_formulas(payload["math"], values),
            **_rare(lambda kind, name: kind.from_json(payload[name]), payload),
        )
        words = tuple(unmarked(*said) for said in trace._said(trace.steps.words))
        return replace(trace, steps=replace(trace.steps, words=words))

    def _said(self, words: Sequence[str]) -> Iterable[tuple[str, list[str]]]:
        """Each step's sentence, and the numbers that it may have in it."""
        known = [near(value) for value in self.values]
        for step, sentence in enumerate(words):
            rows = (row for row in self._values_at(step) if row is not None)
            yield sentence, [number for row in rows for number in known[row]]

    def _values_at(self, step: int) -> list[int | None]:
        """The rows of the values that a step's sentence and formulas speak of."""
        steps = self.steps
        saved = (row for _, row in self.nodes.saved[steps.node[step]])
        own = (steps.before[step], steps.after[step], self.nodes.value[steps.node[step]])
        return [*steps.incoming[step], *steps.outgoing[step], *own, *saved]

    def _near_formulas(self) -> dict[int, list[int]]:
        """For each formula, the rows of the values that its numbers may be from."""
        near: dict[int, list[int]] = {}
        for formula, saved in zip(self.nodes.formula, self.nodes.saved, strict=True):
            if formula is not None and saved:
                near.setdefault(formula, [row for _, row in saved])
        for step, formulas in enumerate(self.steps.formulas):
            rows = [row for row in self._values_at(step) if row is not None] if formulas else []
            for formula in formulas:
                near.setdefault(formula, rows)
        return near


def _rare(make: Callable[[type[Columns], str], Columns], there: Container[str]) -> dict[str, Any]:
    """The rare tables among those that are there, each as `make` makes it."""
    return {name: make(kind, name) for name, kind in _RARE.items() if name in there}


def _check(trace: Trace) -> None:
    """Raise ValueError unless every column has its length and every index its row."""
    rare: list[Columns] = [getattr(trace, name) for name in _RARE]
    for table in (trace.nodes, trace.edges, trace.steps, trace.sources, trace.groups, *rare):
        lengths = {name: len(column) for name, column in table.columns().items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"trace: {type(table).__name__.lower()} has uneven columns {lengths}")
    nodes, steps = trace.nodes, trace.steps
    rows, math_rows = len(nodes), len(trace.math)
    if rows or trace.root:
        _inside("root", [trace.root], rows)
    _inside("edges.from", trace.edges.from_, rows)
    _inside("edges.to", trace.edges.to, rows)
    _inside("steps.node", steps.node, rows)
    for kind in (*nodes.kind, *steps.kind):
        if kind not in NODE_KINDS and kind not in STEP_KINDS:
            raise ValueError(f"trace: {kind!r} is no kind of node or step")
    for user, source in zip(trace.edges.to, trace.edges.from_, strict=True):
        if source >= user:
            raise ValueError(f"trace: edge {source} → {user} does not lead from input to user")
    _inside("nodes.formula", nodes.formula, math_rows)
    _inside("nodes.source", nodes.source, len(trace.sources))
    _inside("nodes.group", nodes.group, len(trace.groups))
    for kind in trace.groups.kind:
        if kind not in GROUP_KINDS:
            raise ValueError(f"trace: {kind!r} is no kind of group")
    for row, parent in enumerate(trace.groups.parent):
        _inside("groups.parent", [parent], row)
    _inside("steps.formulas", (i for row in steps.formulas for i in row), math_rows)
    for name, table in zip(_RARE, rare, strict=True):
        _inside(f"{name}.node", table.columns().get("node", ()), rows)
    for kind in trace.hooks.kind:
        if kind not in HOOK_KINDS:
            raise ValueError(f"trace: {kind!r} is no kind of hook")
    _inside("second.of", trace.second.of, rows)
    elements = trace.elements
    _inside("elements.term", elements.term, math_rows)
    _inside("elements.names", (i for row in elements.names for i in row), math_rows)
    used = [*nodes.value, *steps.before, *steps.after]
    used += [*trace.samples.value, *(i for row in elements.values for i in row)]
    used += [*trace.terms.sum, *trace.hooks.before, *trace.hooks.after]
    used += [i for row in (*steps.incoming, *steps.outgoing) for i in row]
    used += [i for row in nodes.saved for _, i in row]
    _inside("a value index", used, len(trace.values))


def _inside(what: str, indices: Iterable[int | None], rows: int) -> None:
    for index in indices:
        if index is not None and not 0 <= index < rows:
            raise ValueError(f"trace: {what} is {index}, but there are only {rows} rows")


class TraceBuilder:
    """Collects rows and freezes them into a `Trace`; equal values, sources, formulas share a row.

    >>> builder = TraceBuilder("torch")
    >>> leaf = builder.node(kind="leaf", name="a", shape=(2,), dtype="float32")
    >>> sin = builder.node(kind="root", op="SinBackward0", title="sin")
    >>> builder.edge(leaf, sin)
    >>> len(builder.build(root=sin).nodes)
    2
    """

    def __init__(self, library: str) -> None:
        self.library = library
        self._nodes: list[tuple[Any, ...]] = []
        self._edges: list[tuple[int, int, int, int]] = []
        self._steps: list[tuple[Any, ...]] = []
        self._values: list[Value] = []
        self._rows_of_values: dict[Any, int] = {}
        self._sources: dict[tuple[str, int, str], int] = {}
        self._groups: list[tuple[str, str, int | None]] = []
        self._math: dict[str, int] = {}
        self._rare: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _RARE}

    def value(self, value: Value | None) -> int | None:
        """The row of `value`; None stays None."""
        if value is None:
            return None
        key = value.key()
        row = self._rows_of_values.setdefault(key, len(self._values))
        if row == len(self._values):
            self._values.append(value)
            if value.sample is not None:
                self._rare["samples"].append((row, *astuple(value.sample)))
        return row

    def source(self, cell: str, line: int, text: str) -> int:
        """The row of a line of source."""
        row = (clean(cell), line, clean(text, TEXT_LENGTH))
        return self._sources.setdefault(row, len(self._sources))

    def math(self, markup: str) -> int:
        """The row of a formula in MathML."""
        return self._math.setdefault(markup, len(self._math))

    def group(self, name: str, kind: str, parent: int | None = None) -> int:
        """Add a group, after the one around it, and return its row."""
        self._groups.append((clean(name, TEXT_LENGTH), kind, parent))
        return len(self._groups) - 1

    def node(
        self,
        *,
        kind: str,
        op: str = "",
        title: str = "",
        name: str = "",
        module: str = "",
        shape: tuple[int, ...] = (),
        dtype: str = "",
        value: int | None = None,
        saved: Sequence[tuple[str, int]] = (),
        formula: int | None = None,
        source: int | None = None,
        group: int | None = None,
    ) -> int:
        """Add a node, after the nodes it takes its inputs from, and return its index."""
        names = (_clean(op), _clean(title), _clean(name), _clean(module, TEXT_LENGTH))
        known = (shape, dtype, value, tuple(saved), formula, source, group)
        self._nodes.append((kind, *names, *known))
        return len(self._nodes) - 1

    def edge(self, source: int, user: int, slot: int = 0, output: int = 0) -> None:
        """Say that output `output` of node `source` enters node `user` at `slot`."""
        self._edges.append((source, user, slot, output))

    def step(
        self,
        *,
        kind: str,
        node: int,
        incoming: Sequence[int | None] = (),
        outgoing: Sequence[int | None] = (),
        before: int | None = None,
        after: int | None = None,
        formulas: Sequence[int] = (),
        words: str = "",
    ) -> None:
        """Add what happened next."""
        sentence = clean(words, 4 * TEXT_LENGTH)
        columns = (tuple(incoming), tuple(outgoing), before, after, tuple(formulas), sentence)
        self._steps.append((kind, node, *columns))

    def sum(self, node: int, slot: int, axes: Sequence[int]) -> None:
        """Say that what leaves `node` by `slot` was summed over the axes of a broadcast."""
        self._rare["sums"].append((node, slot, tuple(axes)))

    def term(self, node: int, slot: int, so_far: int | None) -> None:
        """Say what the gradients of one tensor amount to, up to the one leaving by `slot`."""
        self._rare["terms"].append((node, slot, so_far))

    def hook(
        self,
        node: int,
        kind: str,
        name: str,
        slot: int | None = None,
        before: int | None = None,
        after: int | None = None,
    ) -> None:
        """Say that a hook of the user's ran at `node`, and which gradient it changed."""
        self._rare["hooks"].append((node, kind, clean(name), slot, before, after))

    def second(self, node: int, of: int, order: int) -> None:
        """Say that an earlier pass made `node` while it ran `of`."""
        self._rare["second"].append((node, of, order))

    def element(
        self,
        *,
        node: int,
        part: int,
        sizes: tuple[int, ...],
        axes: tuple[tuple[int, ...], ...],
        values: tuple[int, ...],
        names: tuple[int, ...],
        term: int,
        how: str = "",
        plus: int | None = None,
    ) -> None:
        """Say how the elements of a node's result, or of a gradient that left it, are made."""
        row = (node, part, sizes, axes, values, names, term, how, plus)
        self._rare["elements"].append(row)

    def build(self, root: int) -> Trace:
        """Freeze what was collected; ValueError if it contradicts itself."""
        return Trace(
            library=self.library,
            root=root,
            nodes=Nodes.from_rows(self._nodes),
            edges=Edges.from_rows(self._edges),
            steps=Steps.from_rows(self._steps),
            values=tuple(self._values),
            sources=Sources.from_rows(list(self._sources)),
            groups=Groups.from_rows(self._groups),
            math=tuple(self._math),
            **_rare(lambda kind, name: kind.from_rows(self._rare[name]), _RARE),
        )
