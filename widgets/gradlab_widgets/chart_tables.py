"""Charts as tables, for those who read no picture: a header, and rows of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlab_widgets.formulas import number_text

__all__ = ["of"]

Table = tuple[list[str], list[list[str]]]


def of(view: str, payload: dict[str, Any]) -> Table:
    """The numbers of a chart, row by row.

    >>> of("plot", {"x": [0.0], "y": None, "dy": [2.5], "x_label": "a", "dy_label": "∂f/∂a"})
    (['a', '∂f/∂a'], [['0', '2.5']])
    """
    return _TABLES[view](payload)


def _plot(data: dict[str, Any]) -> Table:
    names = [name for name in ("x", "y", "dy", "ddy") if data.get(name) is not None]
    columns = zip(*(data[name] for name in names), strict=True)
    return [data[f"{name}_label"] for name in names], [_texts(row) for row in columns]


def _sweep(data: dict[str, Any]) -> Table:
    rows = [
        [element["label"], number_text(x), what, line["label"], number_text(y)]
        for element in data["elements"]
        for what in ("values", "gradients")
        for line in element[what]
        for x, y in zip(data["x"], line["y"], strict=True)
    ]
    return ["element", "set to", "what", "of", "number"], rows


def _field(data: dict[str, Any]) -> Table:
    header = [data["x_label"], data["y_label"], data["z_label"]]
    names = ["x", "y", "z"]
    if data["dx"] is not None:
        header += [f"∂/∂{data['x_label']}", f"∂/∂{data['y_label']}"]
        names += ["dx", "dy"]
    grid = [
        _texts([x, y, *(data[name][i][j] for name in names[2:])])
        for i, y in enumerate(data["y"])
        for j, x in enumerate(data["x"])
    ]
    if not data["paths"]:
        return header, grid
    walked = [
        [f"{path['name']}, step {k}", *_texts(row)]
        for path in data["paths"]
        for k, row in enumerate(zip(*(path[name] for name in names), strict=True))
    ]
    return ["where", *header], walked + [["grid", *row] for row in grid]


def _gradients(data: dict[str, Any]) -> Table:
    columns = zip(data["steps"], *data["norms"], strict=True)
    rows = [[str(step), *_texts(norms)] for step, *norms in columns]
    return ["step", *data["names"]], rows


def _timeline(data: dict[str, Any]) -> Table:
    ops = data["ops"]
    rows = [
        [data["names"][name], data["phases"][phase], str(calls), number_text(own)]
        for name, phase, calls, own in zip(
            ops["name"], ops["phase"], ops["calls"], ops["self"], strict=True
        )
    ]
    return ["operation", "when", "calls", "self time in µs"], rows


def _texts(row: Any) -> list[str]:
    return [number_text(cell) for cell in row]


_TABLES: dict[str, Callable[[dict[str, Any]], Table]] = {
    "plot": _plot,
    "sweep": _sweep,
    "field": _field,
    "gradients": _gradients,
    "timeline": _timeline,
}
