"""Charts drawn by matplotlib, each from its payload alone.

None passes through pyplot, so no window opens, nothing must be closed and no figure of the user's
is drawn into.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image  # matplotlib's own requirement

from gradlab_widgets.trace import clean

__all__ = ["draw", "gradient_sizes", "png"]

Data = dict[str, Any]

_ACCENT = "#d1242f"
_DASHES = ("-", "--", ":", "-.")
_PATHS = ((_ACCENT, "o"), ("#2c7a36", "D"), ("#7a45c9", "s"), ("#3d4451", "^"))
_PHASES = ("#3b62d9", "#7a45c9", "#8c959f")


class _Shown(Figure):
    """A figure that shows itself in a notebook without pyplot's help."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure, *, small: bool = False) -> bytes:
    """A figure as the bytes of a picture; a small one has fewer points and colours."""
    buffer = io.BytesIO()
    if not small:
        figure.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()
    figure.savefig(buffer, format="png", dpi=80)  # a tight box would draw everything twice
    fewer = io.BytesIO()
    Image.open(buffer).convert("RGB").quantize(96).save(fewer, format="png", optimize=True)
    return fewer.getvalue()


def draw(view: str, data: Data) -> Figure:
    """A chart's payload as a figure."""
    return _DRAWINGS[view](data)


def _empty(width: float = 7, height: float = 4.5) -> Figure:
    return _Shown(figsize=(width, height), layout="constrained")


def _literal(text: str, most: int = 50) -> str:
    """Text for matplotlib: not too long, and no dollar in it starts a formula."""
    return clean(text, most).replace("$", r"\$")


def _label(text: str) -> str:
    """Text for a legend, which leaves out what begins with an underscore."""
    return f" {_literal(text)}" if text.startswith("_") else _literal(text)


def _floats(column: Sequence[Any]) -> list[float]:
    """Numbers that may be written as text: "nan", "-inf"; others cannot be drawn."""
    return [math.nan if isinstance(x, str) and x.endswith("j") else float(x) for x in column]


def _note(figure: Figure, text: str) -> None:
    if text:
        figure.text(0.01, -0.02, text, fontsize="small", va="top", parse_math=False)


# ---------------------------------------------------------------------- lines


def _plot(data: Data) -> Figure:
    drawn = _empty(7, 4)
    axes = drawn.add_subplot()
    x = _floats(data["x"])
    one: Data = {"marker": "o"} if len(x) == 1 else {}  # one point makes no line
    named = [name for name in ("y", "dy", "ddy") if data.get(name) is not None]
    for name in named:
        style = _DASHES[("y", "dy", "ddy").index(name)]
        axes.plot(x, _floats(data[name]), style, label=_label(data[f"{name}_label"]), **one)
    if data.get("at") is not None:
        _tangent(axes, x, data)
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=0, label="_zero")
    axes.set_xlabel(_literal(data["x_label"]))
    axes.set_title(_literal(data["title"]))
    _note(drawn, data["note"])
    axes.legend()
    return drawn


def _tangent(axes: Axes, x: Sequence[float], data: Data) -> None:
    """A line that touches f at the point asked about."""
    at = data["at"]
    x0, y0, slope = x[at], *_floats([data["y"][at], data["dy"][at]])
    half = (max(x) - min(x)) / 8
    ends = np.array([x0 - half, x0 + half])
    axes.plot(ends, y0 + slope * (ends - x0), "-", color="black", linewidth=1.2,
              label=f"tangent at {_literal(data['x_label'])} = {x0:g}")  # fmt: skip
    axes.plot([x0], [y0], "o", color="black", label="_point")


def _sweep(data: Data) -> Figure:
    elements = data["elements"]
    rows = ["values", *(["gradients"] if any(one["gradients"] for one in elements) else [])]
    drawn = _empty(min(4.5 + 2.5 * len(elements), 14), 3.2 * len(rows) + 0.6)
    grid = drawn.subplots(len(rows), len(elements), sharex=True, sharey="row", squeeze=False)
    for what, line_of_axes in zip(rows, grid, strict=True):
        for element, axes in zip(elements, line_of_axes, strict=True):
            for line in element[what]:
                axes.plot(data["x"], _floats(line["y"]), label=_label(line["label"]))
            axes.axvline(element["now"], color="0.5", linestyle=":", linewidth=1, label="_now")
            if element[what]:
                axes.legend(fontsize="small")
        line_of_axes[0].set_ylabel(what)
    for element, axes in zip(elements, grid[-1], strict=True):
        axes.set_xlabel(_literal(element["label"]))
    drawn.suptitle(_literal(data["title"], 90), fontsize="medium")
    _note(drawn, data["note"])
    return drawn


# ---------------------------------------------------------------------- two inputs


def _field(data: Data) -> Figure:
    drawn = _empty(7, 5.5)
    axes = drawn.add_subplot()
    x, y = np.array(_floats(data["x"])), np.array(_floats(data["y"]))
    heights = np.ma.masked_invalid([_floats(row) for row in data["z"]])
    levels = np.unique([heights.min(), *data["levels"], heights.max()])
    if len(levels) > 1:
        norm = matplotlib.colors.BoundaryNorm(levels, 256)
        filled = axes.contourf(x, y, heights, levels=levels, cmap="viridis", norm=norm, alpha=0.85)
        axes.contour(x, y, heights, levels=levels, colors="white", linewidths=0.4)
        drawn.colorbar(filled, ax=axes, label=_literal(data["z_label"]), format="%.3g")
    if data["dx"] is not None and data["arrows"]:
        _arrows(axes, x, y, data)
    for i, path in enumerate(data["paths"]):
        colour, marker = _PATHS[i % len(_PATHS)]
        points = np.array([_floats(path["x"]), _floats(path["y"])])
        axes.plot(*points, f"{marker}-", color=colour, markersize=4, linewidth=1.8,
                  label=_label(path["name"]))  # fmt: skip
        if points.size:
            axes.plot(*points[:, -1], "*", color=colour, markersize=13,
                      markeredgecolor="white", label="_end")  # fmt: skip
    if data["paths"]:
        axes.legend(loc="upper right")
    if data["here"] is not None:
        here = [[number] for number in data["here"]]
        axes.plot(*here, "*", color=_ACCENT, markeredgecolor="white", markersize=14)
    axes.set(xlabel=_label(data["x_label"]), ylabel=_label(data["y_label"]))
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
    axes.set_title(_literal(data["title"], 90), fontsize="medium")
    _note(drawn, data["note"])
    return drawn


def _arrows(axes: Axes, x: Any, y: Any, data: Data) -> None:
    """Arrows downhill at some points of the grid: direction only, so that all can be seen."""
    pick = np.ix_(*(_evenly(len(places), data["arrows"]) for places in (y, x)))
    slopes = [np.array([_floats(row) for row in data[name]])[pick] for name in ("dx", "dy")]
    length = np.hypot(*slopes)
    with np.errstate(all="ignore"):
        u, v = (np.where(length > 0, -slope / length, 0) for slope in slopes)
    across, up = np.meshgrid(x, y)
    axes.quiver(across[pick], up[pick], u, v, color="white", alpha=0.8, width=0.0035,
                scale=1.6 * data["arrows"], pivot="mid", angles="xy")  # fmt: skip


def _evenly(size: int, most: int) -> Any:
    return np.unique(np.linspace(0, size - 1, most).round().astype(int))


# ---------------------------------------------------------------------- training


def _gradients(data: Data) -> Figure:
    """The norm of each parameter's gradient over the steps, on a logarithmic scale."""
    drawn = _empty(8, 4.5)
    axes = drawn.add_subplot()
    names = data["names"]
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(names)))
    for name, norms, colour in zip(names, data["norms"], colours, strict=True):
        sizes = [n if n > 0 else math.nan for n in _floats(norms)]
        axes.plot(data["steps"], sizes, ".-", color=colour, label=_label(name))
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("norm of the gradient")
    axes.set_title(_literal(data["title"], 90), fontsize="medium")
    axes.legend(fontsize="small", ncols=1 + len(names) // 12)
    _note(drawn, data["note"])
    return drawn


def gradient_sizes(data: Data) -> Figure:
    """For each parameter, how its gradient's elements are spread, step by step."""
    names, bins = data["names"], data["bins"]
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    drawn = _empty(3.4 * columns, 2.3 * rows + 0.4)
    drawn.suptitle("sizes of the gradient's elements, step by step", fontsize="medium")
    grid = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    edges = np.linspace(bins["low"], bins["high"], bins["count"] + 1)
    steps = np.append(data["steps"], data["steps"][-1] + 1) - 0.5 if data["steps"] else [0, 1]
    for axes, name, histograms in zip(grid.flat, names, data["histograms"], strict=False):
        counts = np.zeros((max(len(histograms), 1), bins["count"]))
        for row, (first, *some) in zip(counts, histograms, strict=False):
            row[first : first + len(some)] = some
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        axes.pcolormesh(steps, edges, shares.T, cmap="Blues", vmin=0)
        axes.set_title(_literal(name), fontsize="small")
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    drawn.supxlabel("step", fontsize="small")
    drawn.supylabel("log₁₀ of the size", fontsize="small")
    return drawn


# ---------------------------------------------------------------------- profiles


def _timeline(data: Data) -> Figure:
    """Every call as a bar, calls it made below it."""
    events = data["events"]
    rows = [0, *np.cumsum(data["lanes"]["depth"])]
    drawn = _empty(11, 1.6 + 0.28 * max(rows[-1], 1))
    axes = drawn.add_subplot()
    for phase, (name, colour) in enumerate(zip(data["phases"], _PHASES, strict=True)):
        mine = [i for i, of in enumerate(events["phase"]) if of == phase]
        levels = [rows[events["lane"][i]] + events["depth"][i] for i in mine]
        starts = [events["start"][i] / 1000 for i in mine]
        widths = [(events["end"][i] - events["start"][i]) / 1000 for i in mine]
        if mine:
            axes.barh(levels, widths, 0.86, starts, color=colour, edgecolor="white",
                      linewidth=0.3, label=name)  # fmt: skip
    longest = max((end / 1000 for end in events["end"]), default=1.0)
    for i, start in enumerate(events["start"]):
        width = (events["end"][i] - start) / 1000
        text = data["names"][events["name"][i]]
        if width / longest * 150 > len(text):  # about as many letters fit in the whole width
            level = rows[events["lane"][i]] + events["depth"][i]
            axes.text(start / 1000, level, f" {_literal(text)}", color="white", va="center",
                      fontsize="x-small", clip_on=True)  # fmt: skip
    axes.set_ylim(max(rows[-1], 1) - 0.4, -0.6)
    axes.set_yticks([(rows[i] + rows[i + 1] - 1) / 2 for i in range(len(data["lanes"]["name"]))],
                    [_literal(name) for name in data["lanes"]["name"]])  # fmt: skip
    axes.set_xlabel("milliseconds")
    axes.set_title(_literal(data["title"], 90), fontsize="medium", loc="left")
    if events["name"]:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize="small")
    _note(drawn, data["note"])
    return drawn


_DRAWINGS: dict[str, Callable[[Data], Figure]] = {
    "plot": _plot,
    "sweep": _sweep,
    "field": _field,
    "gradients": _gradients,
    "timeline": _timeline,
}
