"""Still pictures: what a place without widgets shows of one (GitHub, nbconvert, a mail).

An `<img>` with the drawing inside, since untrusted notebooks show images but no bare SVG, and a
table for those who cannot see it. Plain Python makes the drawing; no Graphviz is needed.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import Any

from gradlab_widgets.formulas import number_text, value_text
from gradlab_widgets.trace import Number, Trace, clean

__all__ = [
    "FILL",
    "STROKE",
    "escaped",
    "image_html",
    "plot_html",
    "plot_svg",
    "shape_text",
    "table_html",
    "trace_html",
    "trace_svg",
]

_DRAWN = 120  # nodes up to which a still picture is readable
_ROWS = 60  # of the table beside it

_WIDTH, _HEIGHT, _GAP = 132, 40, 26
FILL = {"leaf": "#e3f1e3", "accumulate": "#fbeed3", "op": "#e6eefb", "root": "#f6e2ee"}
STROKE = {"leaf": "#2c7a36", "accumulate": "#9a6700", "op": "#2f5fb3", "root": "#a0296b"}
_STYLE = 'font-family="system-ui, sans-serif" text-anchor="middle"'


def trace_html(trace: Trace, position: int) -> str:
    """A graph as picture and table; for a pass, the table says what each step does."""
    shown = image_html(trace, position)
    if not shown:
        shown = f"<p>{escaped(_describe(trace))} It is too large for a still picture.</p>"
    if len(trace.steps):
        rows = [[str(i), words] for i, words in enumerate(trace.steps.words)]
        return shown + table_html(["step", "what happens"], rows)
    return shown + table_html(["operation", "name", "shape", "value"], _node_rows(trace))


def image_html(trace: Trace, position: int) -> str:
    """The picture alone; "" for a graph that is too large for one."""
    if len(trace.nodes) > _DRAWN:
        return ""
    return _image(trace_svg(trace, position), _describe(trace))


def shape_text(shape: Sequence[int]) -> str:
    """A shape as PyTorch lists it; a tensor without axes is a scalar.

    >>> shape_text((2, 3)), shape_text(())
    ('[2, 3]', 'scalar')
    """
    return str(list(shape)) if shape else "scalar"


def _describe(trace: Trace) -> str:
    nodes = trace.nodes
    root = nodes.name[trace.root] or nodes.title[trace.root]
    leaves = [n for n, kind in zip(nodes.name, nodes.kind, strict=True) if kind == "leaf" and n]
    start = f" from {', '.join(leaves[:8])}{' …' if len(leaves) > 8 else ''}" if leaves else ""
    return clean(f"Graph of {len(nodes)} nodes that computes {root}{start}.", 400)


def _node_rows(trace: Trace) -> list[list[str]]:
    columns = trace.nodes
    rows = zip(columns.title, columns.name, columns.shape, columns.value, strict=True)
    return [
        [title, name, shape_text(shape), "" if v is None else value_text(trace.values[v])]
        for title, name, shape, v in rows
    ]


# ---------------------------------------------------------------------- the graph


def trace_svg(trace: Trace, position: int = -1) -> str:
    """The graph as SVG, inputs at the top, the node of step `position` with a thick border."""
    places, width, height = _layout(trace)
    now = trace.steps.node[position] if 0 <= position < len(trace.steps) else None
    lines = [
        _arrow(places[a], places[b]) for a, b in zip(trace.edges.from_, trace.edges.to, strict=True)
    ]
    boxes = [_box(trace, i, places[i], i == now) for i in range(len(trace.nodes))]
    return _svg(width, height, lines + boxes)


def _layout(trace: Trace) -> tuple[list[tuple[float, float]], float, float]:
    """The centre of each node: as low as its inputs push it, and about below them."""
    count = len(trace.nodes)
    inputs: list[list[int]] = [[] for _ in range(count)]
    users: list[list[int]] = [[] for _ in range(count)]
    for source, user in zip(trace.edges.from_, trace.edges.to, strict=True):
        inputs[user].append(source)
        users[source].append(user)
    rank = [0] * count
    for i in range(count):
        rank[i] = max((rank[j] + 1 for j in inputs[i]), default=0)
    for i in reversed(range(count)):  # leaves and their accumulators move down to their users
        if trace.nodes.kind[i] in ("leaf", "accumulate") and users[i]:
            rank[i] = min(rank[j] for j in users[i]) - 1
    layers: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for i in range(count):
        layers[rank[i]].append(i)
    x = [0.0] * count
    for layer in layers:
        wanted = {i: sum(x[j] for j in inputs[i]) / max(1, len(inputs[i])) for i in layer}
        layer.sort(key=lambda i: (wanted[i], i))
        middle = sum(wanted.values()) / max(1, len(layer))
        for slot, i in enumerate(layer):
            x[i] = middle + (slot - (len(layer) - 1) / 2) * (_WIDTH + _GAP)
    left = min(x) - _WIDTH / 2 - _GAP / 2
    places = [
        (x[i] - left, rank[i] * (_HEIGHT + _GAP) + _HEIGHT / 2 + _GAP / 2) for i in range(count)
    ]
    width = max(x) - left + _WIDTH / 2 + _GAP / 2
    return places, width, len(layers) * (_HEIGHT + _GAP)


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    y1, y2 = y1 + _HEIGHT / 2, y2 - _HEIGHT / 2
    bend = (y2 - y1) / 2
    curve = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f}"
    tip = f"M{x2 - 4:.0f} {y2 - 6:.0f}L{x2:.0f} {y2:.0f}L{x2 + 4:.0f} {y2 - 6:.0f}"
    return f'<path d="{curve} {x2:.0f} {y2:.0f}{tip}" fill="none" stroke="#57606a"/>'


def _box(trace: Trace, i: int, place: tuple[float, float], now: bool) -> str:
    """One node: kinds differ in outline as well as in colour."""
    nodes, (x, y) = trace.nodes, place
    kind = nodes.kind[i]
    look = f'fill="{FILL[kind]}" stroke="{STROKE[kind]}" stroke-width="{4 if now else 1.5}"'
    left, top, right, bottom = x - _WIDTH / 2, y - _HEIGHT / 2, x + _WIDTH / 2, y + _HEIGHT / 2
    if kind == "accumulate":
        corners = [(left + 12, top), (right - 12, top), (right, y), (right - 12, bottom)]
        corners += [(left + 12, bottom), (left, y)]
        points = " ".join(f"{a:.0f},{b:.0f}" for a, b in corners)
        outline = f'<polygon points="{points}" {look}/>'
    else:
        radius = {"leaf": _HEIGHT / 2, "op": 8, "root": 2}[kind]
        outline = _rectangle(left, top, _WIDTH, _HEIGHT, radius, look)
        if kind == "root":
            outline += _rectangle(left + 4, top + 4, _WIDTH - 8, _HEIGHT - 8, 0, look)
    title, name = nodes.title[i], nodes.name[i]
    heading = title if kind in ("leaf", "accumulate") or not name else f"{title}  →  {name}"
    shape = shape_text(nodes.shape[i])
    return (
        f"<g>{outline}"
        f'<text x="{x:.0f}" y="{y - 2:.0f}" font-size="13" {_STYLE}>{escaped(clean(heading, 20))}'
        f'</text><text x="{x:.0f}" y="{y + 13:.0f}" font-size="10" fill="#57606a" {_STYLE}>'
        f"{escaped(clean(shape, 24))}</text></g>"
    )


def _rectangle(
    left: float, top: float, width: float, height: float, radius: float, look: str
) -> str:
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'rx="{radius:.0f}" {look}/>'
    )


# ---------------------------------------------------------------------- the plot


def plot_html(data: dict[str, Any]) -> str:
    """A plot as picture and table."""
    described = f"Plot of {data['title']} against {data['x_label']}. {data['note']}".strip()
    columns = [data["x"], *([data["y"]] if data["y"] is not None else []), data["dy"]]
    labels = [data["x_label"], *([data["y_label"]] if data["y"] is not None else [])]
    rows = [[number_text(v) for v in row] for row in zip(*columns, strict=True)]
    note = f"<p>{escaped(data['note'])}</p>" if data["note"] else ""
    table = table_html([*labels, data["dy_label"]], rows)
    return _image(plot_svg(data), described) + note + table


def plot_svg(data: dict[str, Any]) -> str:
    """The curves of f and of its gradient (dashed) as SVG."""
    width, height, margin = 560, 300, 40
    xs = [x for x in data["x"] if not isinstance(x, str)]
    lines = [column for column in (data["y"], data["dy"]) if column is not None]
    ys = [y for column in lines for y in column if not isinstance(y, str)]
    if not xs or not ys:
        return _svg(width, height, [_label(width / 2, height / 2, "nothing to draw")])
    horizontal, vertical = _Axis(xs, margin, width - margin), _Axis(ys, height - margin, margin)
    looks = ['stroke="#2f5fb3"', 'stroke="#a0296b" stroke-dasharray="6 4"'][-len(lines) :]
    labels = [data["y_label"], data["dy_label"]][-len(lines) :]
    parts = [_zero_line(vertical, margin, width - margin)] if vertical.low <= 0 else []
    for i, (column, look, label) in enumerate(zip(lines, looks, labels, strict=True)):
        parts += [
            f'<polyline points="{points}" fill="none" stroke-width="2" {look}/>'
            for points in _runs(data["x"], column, horizontal, vertical)
        ]
        y = 16 + 16 * i
        parts.append(f'<path d="M{margin} {y - 4}h28" stroke-width="2" {look}/>')
        parts.append(_label(margin + 36, y, label, "start"))
    parts.append(_label(margin, height - 18, number_text(horizontal.low)))
    parts.append(_label(width - margin, height - 18, number_text(horizontal.high)))
    parts.append(_label(margin - 4, height - margin, number_text(vertical.low), "end"))
    parts.append(_label(margin - 4, margin + 4, number_text(vertical.high), "end"))
    parts.append(_label(width / 2, height - 6, data["x_label"]))
    return _svg(width, height, parts)


class _Axis:
    """Maps numbers between the smallest and the largest to pixels."""

    def __init__(self, numbers: Sequence[float], start: float, end: float) -> None:
        self.low, self.high = min(numbers), max(numbers)
        self._start, self._span = start, end - start

    def __call__(self, x: float) -> float:
        extent = self.high / 2 - self.low / 2  # halves: the difference could overflow
        return self._start + self._span * ((x / 2 - self.low / 2) / extent if extent else 0.5)


def _runs(
    xs: Sequence[Number], ys: Sequence[Number], horizontal: _Axis, vertical: _Axis
) -> list[str]:
    """The points of a curve, in pieces that are interrupted by what cannot be drawn."""
    runs: list[list[str]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if isinstance(x, str) or isinstance(y, str):
            runs.append([])
        else:
            runs[-1].append(f"{horizontal(x):.1f},{vertical(y):.1f}")
    return [" ".join(run if len(run) > 1 else run * 2) for run in runs if run]


def _zero_line(vertical: _Axis, left: float, right: float) -> str:
    y = vertical(min(0.0, vertical.high))
    return f'<path d="M{left} {y:.1f}H{right}" stroke="#8c959f" stroke-width="0.7"/>'


# ---------------------------------------------------------------------- both


def _label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" font-size="12" text-anchor="{anchor}"'
    return f'<text {place} font-family="system-ui, sans-serif">{escaped(clean(text, 40))}</text>'


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    background = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{background}{"".join(parts)}</svg>'


def _image(svg: str, described: str) -> str:
    encoded = base64.b64encode(svg.encode()).decode()
    return (
        f'<img src="data:image/svg+xml;base64,{encoded}" alt="{escaped(described)}" '
        'style="max-width: 100%">'
    )


def table_html(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first rows as an HTML table, folded away."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escaped(c)}</{tag}>" for c in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows[:_ROWS])
    more = f"<p>… and {len(rows) - _ROWS} more rows.</p>" if len(rows) > _ROWS else ""
    return (
        "<details><summary>The same as a table</summary>"
        f"<table><thead>{line(header, 'th')}</thead><tbody>{body}</tbody></table>{more}</details>"
    )


def escaped(text: str) -> str:
    """Text as HTML and XML can hold it."""
    return html.escape(clean(text, 1000))
