"""Small pictures of a graph with something pointed at: a path, a culprit, words beside a node.

They answer questions (why, compare, an error in a cell), so they leave out what isn't asked about:
a leaf and its accumulator are one box, and of a large graph only the path is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gradlab_widgets.picture import FILL, STROKE, escaped, shape_text
from gradlab_widgets.trace import Trace, clean

__all__ = ["Marks", "chain_svg", "framed", "label_of", "sketch_svg"]

_WHOLE = 26  # boxes up to which a graph is drawn whole
_ENDS = 6  # boxes at each end of a path that is too long to be drawn whole
_WIDTH, _HEIGHT, _ACROSS, _DOWN = 148, 46, 24, 30
_THREAD = 16  # the room an edge takes that passes a layer of boxes


@dataclass(frozen=True, slots=True)
class Marks:
    """What a picture points at; nodes are rows of the trace."""

    path: Sequence[int] = ()  # from the root towards the leaf
    culprits: Sequence[int] = ()
    notes: Mapping[int, str] = field(default_factory=dict)  # in place of a node's shape
    missing: str = ""  # a tensor that is not in the graph, and ...
    cut: str = ""  # ... why there is no way to it from the last node of the path


def label_of(trace: Trace, row: int) -> str:
    """What a node is called in a list of nodes: the user's name and the operation."""
    name, title = trace.nodes.name[row], trace.nodes.title[row]
    if trace.nodes.kind[row] in ("leaf", "accumulate"):
        return name or "a leaf without a name"
    return f"{name} ({title})" if name else title


# ---------------------------------------------------------------------- the picture


def sketch_svg(trace: Trace, marks: Marks | None = None) -> str:
    """The graph as SVG with `marks` on it, inputs at the top."""
    drawing = _Drawing(trace, marks or Marks())
    return drawing.svg()


@dataclass(slots=True)
class _Box:
    """A node of the trace, or what stands for something else: a thread, an ellipsis, a stranger."""

    heading: str
    detail: str
    kind: str
    row: int = -1
    on_path: bool = False
    culprit: bool = False
    rank: int = 0
    x: float = 0.0

    @property
    def width(self) -> int:
        return _THREAD if self.kind == "thread" else _WIDTH


class _Drawing:
    """Boxes and lines, chosen from a trace and laid out."""

    def __init__(self, trace: Trace, marks: Marks) -> None:
        self._trace = trace
        self._marks = marks
        self._merged = _merged_rows(trace)
        self._path = [self._merged.get(row, row) for row in marks.path]
        self.boxes: list[_Box] = []
        self.lines: list[tuple[int, int, str]] = []  # from box, to box, look
        self._choose()
        self._rank()
        self._thread()
        self._place()

    # ------------------------------------------------------------------ what is drawn

    def _choose(self) -> None:
        rows = [row for row in range(len(self._trace.nodes)) if row not in self._merged]
        if len(rows) <= _WHOLE:
            self._take(rows)
            self._join_by_edges()
        else:
            self._take_path()
        if self._marks.missing:
            self.boxes.insert(0, _Box(self._marks.missing, "not in this graph", "missing"))
            self.lines = [(a + 1, b + 1, look) for a, b, look in self.lines]
            end = self._box_of(self._path[-1]) if self._path else len(self.boxes) - 1
            self.lines.append((0, end, "cut"))

    def _take(self, rows: Sequence[int]) -> None:
        on_path = set(self._path)
        culprits = {self._merged.get(row, row) for row in self._marks.culprits}
        nodes = self._trace.nodes
        for row in rows:
            title, name, kind = nodes.title[row], nodes.name[row], nodes.kind[row]
            heading = title if kind == "leaf" or not name else f"{title} → {name}"
            detail = self._note(row) or shape_text(nodes.shape[row])
            box = _Box(heading, detail, kind, row, row in on_path, row in culprits)
            self.boxes.append(box)

    def _note(self, row: int) -> str:
        """What is to be said of a node, or of the accumulator that its box stands for, too."""
        of = [row, *(inner for inner, outer in self._merged.items() if outer == row)]
        return next((self._marks.notes[r] for r in of if r in self._marks.notes), "")

    def _take_path(self) -> None:
        """Only the path; of a long one, its ends and the surroundings of the culprits."""
        path = self._path or [self._trace.root]
        culprits = {self._merged.get(row, row) for row in self._marks.culprits}
        near = {
            i + step for i, row in enumerate(path) if row in culprits for step in (-2, -1, 0, 1, 2)
        }
        last = len(path) - 1
        kept = [i for i in range(len(path)) if min(i, last - i) < _ENDS or i in near]
        for place in reversed(range(len(kept))):  # inputs first, as the rows of a trace are
            self._take([path[kept[place]]])
            following = len(self.boxes)
            gap = kept[place] - kept[place - 1] - 1 if place else 0
            if gap:
                noun = "operation" if gap == 1 else "operations"
                self.boxes.append(_Box(f"… {gap} more {noun} …", "", "more", on_path=True))
                following += 1
            if place:
                if gap:
                    self.lines.append((following - 2, following - 1, "path"))
                self.lines.append((following - 1, following, "path"))

    def _box_of(self, row: int) -> int:
        return next(i for i, box in enumerate(self.boxes) if box.row == row)

    def _join_by_edges(self) -> None:
        steps = {(b, a) for a, b in zip(self._path, self._path[1:], strict=False)}
        place = {box.row: i for i, box in enumerate(self.boxes)}
        edges = self._trace.edges
        for source, user in zip(edges.from_, edges.to, strict=True):
            if user in self._merged:
                continue  # from a leaf to its own accumulator
            start = self._merged.get(source, source)
            look = "path" if (start, user) in steps else "plain"
            self.lines.append((place[start], place[user], look))

    # ------------------------------------------------------------------ where it is drawn

    def _rank(self) -> None:
        """Each box as high as its inputs allow; leaves right above the first of their users."""
        for source, user, _ in sorted(self.lines, key=lambda line: line[1]):
            self.boxes[user].rank = max(self.boxes[user].rank, self.boxes[source].rank + 1)
        users: dict[int, list[int]] = {}
        for source, user, _ in self.lines:
            users.setdefault(source, []).append(self.boxes[user].rank)
        for i, box in enumerate(self.boxes):
            if box.kind in ("leaf", "missing") and i in users:
                box.rank = min(users[i]) - 1

    def _thread(self) -> None:
        """Give lines that pass a layer a place of their own in it."""
        threaded: list[tuple[int, int, str]] = []
        for start, end, look in self.lines:
            before = start
            for rank in range(self.boxes[start].rank + 1, self.boxes[end].rank):
                self.boxes.append(_Box("", "", "thread", rank=rank, on_path=look == "path"))
                threaded.append((before, len(self.boxes) - 1, look))
                before = len(self.boxes) - 1
            threaded.append((before, end, look))
        self.lines = threaded

    def _place(self) -> None:
        """The path down the middle, everything else beside it and near what it is joined to."""
        depth = max(box.rank for box in self.boxes)
        self._layers = [[b for b in self.boxes if b.rank == rank] for rank in range(depth + 1)]
        near: dict[int, list[_Box]] = {}
        for start, end, _ in self.lines:
            near.setdefault(id(self.boxes[start]), []).append(self.boxes[end])
            near.setdefault(id(self.boxes[end]), []).append(self.boxes[start])
        for sweep in (1, -1, 1, -1):
            for layer in self._layers[::sweep]:
                wanted = {id(b): _mean([n.x for n in near.get(id(b), [])]) for b in layer}
                layer.sort(key=lambda b: wanted[id(b)])
                _spread(layer, [wanted[id(b)] for b in layer])

    # ------------------------------------------------------------------ drawing it

    def svg(self) -> str:
        """The drawing."""
        left = min(box.x - box.width / 2 for box in self.boxes) - 14
        for box in self.boxes:
            box.x -= left
        width = max(box.x + box.width / 2 for box in self.boxes) + 14
        height = len(self._layers) * (_HEIGHT + _DOWN) - _DOWN + 28
        order = sorted(self.lines, key=lambda line: line[2] != "plain")  # the path over the rest
        lines = [self._line(*line) for line in order]
        words = []
        if self._marks.missing and self._marks.cut:
            a, b = next((self.boxes[a], self.boxes[b]) for a, b, look in order if look == "cut")
            middle = (_top(a) + _HEIGHT + _top(b)) / 2 + 6
            words.append(
                f'<text class="scissors" x="{(a.x + b.x) / 2:.0f}" y="{middle:.0f}">✂</text>'
            )
            shown = clean(f"✂ {self._marks.cut}", 70)
            place = f'x="14" y="{height + 6:.0f}"'
            words.append(f'<text class="cutwords" {place}>{escaped(shown)}</text>')
            height, width = height + 20, max(width, 28 + 6.6 * len(shown))
        boxes = [_box_svg(box) for box in self.boxes]
        return framed(width, height, [*lines, *boxes, *words])

    def _line(self, start: int, end: int, look: str) -> str:
        a, b = self.boxes[start], self.boxes[end]
        y1, y2 = _top(a) + _HEIGHT, _top(b)
        bend = (y2 - y1) / 2
        # a thread goes straight down between the boxes of its layer
        start_y = _top(a) if a.kind == "thread" else y1
        curve = (
            f"M{a.x:.0f} {start_y:.0f}V{y1:.0f}C{a.x:.0f} {y1 + bend:.0f} {b.x:.0f} {y2 - bend:.0f}"
        )
        curve += f" {b.x:.0f} {y2:.0f}"
        if b.kind != "thread":
            curve += f"M{b.x - 5:.0f} {y2 - 7:.0f}L{b.x:.0f} {y2:.0f}L{b.x + 5:.0f} {y2 - 7:.0f}"
        return f'<path class="{look}" d="{curve}"/>'


def _merged_rows(trace: Trace) -> dict[int, int]:
    """accumulate row → the row of its leaf, which is drawn for both."""
    nodes, edges = trace.nodes, trace.edges
    pairs = zip(edges.from_, edges.to, strict=True)
    return {to: start for start, to in pairs if nodes.kind[to] == "accumulate"}


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _spread(layer: list[_Box], wanted: Sequence[float]) -> None:
    """Set a layer's places: in order, apart, near where wanted, and the path at zero."""
    edge = float("-inf")
    for box, x in zip(layer, wanted, strict=True):
        box.x = max(x, edge + box.width / 2)
        edge = box.x + box.width / 2 + _ACROSS
    fixed = [box.x for box in layer if box.on_path]
    off = fixed[0] if fixed else _mean([b.x for b in layer]) - _mean(wanted)
    for box in layer:
        box.x -= off


def _top(box: _Box) -> float:
    return 14 + box.rank * (_HEIGHT + _DOWN)


def _box_svg(box: _Box) -> str:
    if box.kind == "thread":
        return ""
    x, y = box.x - _WIDTH / 2, _top(box)
    look = " ".join([box.kind, *(["on"] if box.on_path else []), *(["bad"] if box.culprit else [])])
    radius = {"leaf": _HEIGHT / 2, "root": 2, "missing": _HEIGHT / 2}.get(box.kind, 8)
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    parts = []
    if box.kind != "more":
        parts.append(f'<rect class="{look}" x="{x:.0f}" y="{y:.0f}" rx="{radius:.0f}" {size}/>')
    if box.kind == "root":
        inner = f'width="{_WIDTH - 8}" height="{_HEIGHT - 8}"'
        parts.append(f'<rect class="{look} inner" x="{x + 4:.0f}" y="{y + 4:.0f}" {inner}/>')
    middle = y + (20 if box.detail else 28)
    parts.append(_text(box.x, middle, box.heading, 21, "heading"))
    if box.detail:
        parts.append(_text(box.x, y + 36, box.detail, 24, "detail"))
    if box.culprit:
        parts.append(f'<circle class="badge" cx="{x + _WIDTH:.0f}" cy="{y:.0f}" r="9"/>')
        parts.append(_text(x + _WIDTH, y + 4.5, "!", 1, "mark"))
    return f"<g>{''.join(parts)}</g>"


def _text(x: float, y: float, text: str, most: int, look: str) -> str:
    return f'<text class="{look}" x="{x:.0f}" y="{y:.1f}">{escaped(clean(text, most))}</text>'


# ---------------------------------------------------------------------- one path as a row

_LINK = 84  # the length of the arrow between two boxes of a row


def chain_svg(boxes: Sequence[str], links: Sequence[str]) -> str:
    """A path as a row of boxes, with words over the arrows between them.

    >>> chain_svg(["a[0]", "b[0]"], ["×2"]).count("<rect")
    3
    """
    parts, x = [], 10.0
    for i, words in enumerate(boxes):
        shown = clean(words, 18)
        width = 22 + 7.2 * len(shown)
        place = f'x="{x:.0f}" y="8" width="{width:.0f}" height="30"'
        parts.append(f'<rect class="{"leaf" if i == 0 else "op"}" {place} rx="8"/>')
        parts.append(_text(x + width / 2, 27.5, shown, 18, "heading"))
        x += width
        if i < len(links):
            end = x + _LINK
            parts.append(
                f'<path class="path" d="M{x:.0f} 23H{end:.0f}M{end - 7:.0f} 18L{end:.0f} 23'
                f'L{end - 7:.0f} 28"/>'
            )
            parts.append(_text(x + _LINK / 2 - 2, 17, links[i], 12, "over"))
            x = end
    return framed(x + 10, 46, parts)


# ---------------------------------------------------------------------- looks


def framed(width: float, height: float, parts: Sequence[str]) -> str:
    """An SVG with the looks of all pictures here; dark where the page is."""
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>'
        f'<rect class="paper" width="100%" height="100%" rx="6"/>{"".join(parts)}</svg>'
    )


_KINDS = "".join(f".{kind}{{fill:{FILL[kind]};stroke:{STROKE[kind]}}}" for kind in FILL)
_DARK_FILL = {"leaf": "#12351b", "accumulate": "#3a2c0c", "op": "#13294b", "root": "#3d1430"}
_DARK_STROKE = {"leaf": "#58b368", "accumulate": "#d29922", "op": "#6ea8fe", "root": "#e77fbf"}
_DARK = "".join(
    f".{kind}{{fill:{_DARK_FILL[kind]};stroke:{_DARK_STROKE[kind]}}}" for kind in _DARK_FILL
)
_STYLE = (
    "text{font-family:system-ui,sans-serif;text-anchor:middle;fill:#1f2328}"
    ".paper{fill:#fff}rect{stroke-width:1.5}.paper{stroke:none}"
    f"{_KINDS}.inner{{fill:none;stroke-width:1}}"
    ".missing{fill:none;stroke:#57606a;stroke-dasharray:5 4}"
    "path{fill:none}.plain{stroke:#8c959f;stroke-width:1.2}.path{stroke:#b35900;stroke-width:3}"
    ".cut{stroke:#c5221f;stroke-width:2.5;stroke-dasharray:3 6}"
    ".on{stroke-width:3}.inner.on{stroke-width:1}.bad{stroke:#c5221f;stroke-width:3}"
    ".badge{fill:#c5221f}.mark{fill:#fff;font-size:13px;font-weight:700}"
    ".heading{font-size:13px}.detail{font-size:11px;fill:#57606a}.over{font-size:11px}"
    ".cutwords{font-size:12px;fill:#c5221f;text-anchor:start}"
    ".scissors{font-size:18px;fill:#c5221f}"
    "@media(prefers-color-scheme:dark){"
    f"text{{fill:#e6edf3}}.paper{{fill:#161b22}}{_DARK}.inner{{fill:none}}"
    ".missing{fill:none;stroke:#9aa4af}"
    ".plain{stroke:#6e7681}.path{stroke:#f0a04b}.cut,.bad{stroke:#ff7b72}.badge{fill:#ff7b72}"
    ".mark{fill:#161b22}.detail{fill:#9aa4af}.cutwords,.scissors{fill:#ff7b72}}"
)
