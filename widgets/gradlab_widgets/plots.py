"""Plots: a function and its gradient against its inputs, as data and as a matplotlib figure."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab_widgets.adapters import Library, library_of
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.trace import SCHEMA, clean, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MOST_POINTS", "figure", "plot_data"]

MOST_POINTS = 2000

Numbers = np.ndarray[Any, Any]


def plot_data(f: Callable[[Any], Any], inputs: Any) -> dict[str, Any]:
    """The data of a plot of `f` and its gradient, as docs/trace.md has it.

    Raises TypeError for inputs that are no floating-point tensor, and ValueError if f returns
    something that is neither of the inputs' shape nor a single number.

    >>> import gradlab as gl
    >>> data = plot_data(gl.sin, gl.tensor([0.0]))
    >>> data["y"], data["dy"]
    ([0.0], [1.0])
    """
    library = library_of(inputs, "plot(f, inputs)")
    points = _evaluate(library, f, inputs)
    variable = Names(library, caller_namespace()).of_tensor(inputs) or "x"
    called = _name_of(f)
    notes = [points.note] if points.note else []
    order = np.argsort(points.x, kind="stable")
    x, dy = points.x[order], points.dy[order]
    y = None if points.y is None else points.y[order]
    if x.size > MOST_POINTS:
        notes.append(f"{MOST_POINTS} of the {x.size} points are shown, evenly picked.")
        picked = np.linspace(0, x.size - 1, MOST_POINTS).round().astype(int)
        x, dy, y = x[picked], dy[picked], None if y is None else y[picked]
    notes += _notes_on_numbers(x, y, dy)
    label = f"{called}({variable})"
    return {
        "schema": SCHEMA,
        "x": [number(v) for v in x],
        "y": None if y is None else [number(v) for v in y],
        "dy": [number(v) for v in dy],
        "x_label": variable,
        "y_label": label,
        "dy_label": f"∂{called}/∂{variable}",
        "title": f"{label} and its gradient" if y is not None else f"The gradient of {label}",
        "note": " ".join(notes),
    }


def figure(f: Callable[[Any], Any], inputs: Any) -> Figure:
    """Plot f(inputs) and its gradient as a matplotlib Figure; `plot` without interaction.

    The figure shows itself in a notebook, `figure(…).savefig(path)` writes it to a file, and its
    axes can be changed like any other's. It does not pass through pyplot, so no window opens and
    nothing must be closed. Arguments and errors are those of `plot`.

    >>> import gradlab as gl
    >>> fig = figure(gl.sin, gl.linspace(0, 6, 100))
    >>> [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    ['sin(x)', '∂sin/∂x']
    """
    from matplotlib.figure import Figure  # half a second to import, and only this needs it

    class Shown(Figure):
        """A figure that knows how to show itself in a notebook without pyplot's help."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", bbox_inches="tight")
            return buffer.getvalue()

    data = plot_data(f, inputs)
    drawn = Shown(figsize=(7, 4), layout="constrained")
    axes = drawn.add_subplot()
    x = _floats(data["x"])
    style: dict[str, Any] = {"marker": "o"} if len(x) == 1 else {}  # one point makes no line
    if data["y"] is not None:
        axes.plot(x, _floats(data["y"]), label=_literal(data["y_label"]), **style)
    axes.plot(x, _floats(data["dy"]), "--", label=_literal(data["dy_label"]), **style)
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=0, label="_zero")
    axes.set_xlabel(_literal(data["x_label"]))
    axes.set_title(_literal(data["title"]))
    if data["note"]:
        drawn.text(0.01, -0.02, data["note"], fontsize="small", va="top", parse_math=False)
    axes.legend()
    return drawn


def _literal(text: str) -> str:
    """Text for matplotlib: short enough for its axes, and no dollar in it starts a formula."""
    return clean(text, 50).replace("$", r"\$")


def _floats(column: list[Any]) -> list[float]:
    return [float(x) for x in column]


@dataclass(frozen=True, slots=True)
class _Points:
    x: Numbers
    y: Numbers | None
    dy: Numbers
    note: str = ""


def _evaluate(library: Library, f: Callable[[Any], Any], inputs: Any) -> _Points:
    """f and its gradient at every element of inputs, on a copy of them."""
    if not inputs.is_floating_point():
        raise TypeError(
            f"plot(f, inputs): inputs of dtype {library.dtype(inputs)} have no gradient; "
            "give floating-point numbers, such as inputs.float()"
        )
    with library.module.enable_grad():
        x = inputs.detach().clone().requires_grad_()
        y = f(x)
    if not library.is_tensor(y):
        raise TypeError(
            f"plot(f, inputs): f is to return a tensor, but returned {type(y).__name__}. "
            "Compute with tensor functions, not with math or numpy."
        )
    elementwise = tuple(y.shape) == tuple(x.shape)
    if not elementwise and y.numel() != 1:
        raise ValueError(
            f"plot(f, inputs): f is to return one number, or a tensor of the inputs' shape "
            f"{tuple(x.shape)}, but returned one of shape {tuple(y.shape)}"
        )
    positions = _flat(library, x)
    heights = _flat(library, y) if elementwise else None
    ones = library.ones_like(y)
    slope = library.grad(y, x, ones) if y.requires_grad else None
    if slope is None:
        note = "Nothing connects f(x) to x, so the gradient is zero everywhere."
        return _Points(positions, heights, np.zeros_like(positions), note)
    note = ""
    if elementwise and _mixes(library, y, x, slope):
        note = "f mixes its inputs: the gradient shown is that of the sum of all f(x)."
    return _Points(positions, heights, _flat(library, slope), note)


def _mixes(library: Library, y: Any, x: Any, slope: Any) -> bool:
    """Whether an output depends on other elements than its own.

    If none does, weighting the outputs weights each slope alike; so weight them 1, 2, 3, 1, 2 …
    """
    numpy_slope = _flat(library, slope)
    weights = np.arange(numpy_slope.size) % 3 + 1.0
    shaped = library.module.tensor(weights.tolist(), dtype=y.dtype).reshape(tuple(y.shape))
    weighted = _flat(library, library.grad(y, x, shaped.to(y.device)))
    tolerance = 1e-2 if y.dtype.itemsize == 2 else 1e-4
    scale = np.abs(numpy_slope[np.isfinite(numpy_slope)]).max(initial=0.0)
    expected = numpy_slope * weights
    return not np.allclose(
        weighted, expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True
    )


def _flat(library: Library, tensor: Any) -> Numbers:
    """A tensor's numbers in one row."""
    return library.array(tensor).reshape(-1)


def _notes_on_numbers(x: Numbers, y: Numbers | None, dy: Numbers) -> list[str]:
    """What a reader should know of numbers that cannot be drawn."""
    if not x.size:
        return ["There are no inputs, so there is nothing to draw."]
    notes = []
    for name, column in (("inputs", x), ("values", y), ("gradients", dy)):
        if column is None:
            continue
        nan = int(np.isnan(column).sum())
        inf = int(np.isinf(column).sum())
        found = [f"{count} {what}" for count, what in ((nan, "NaN"), (inf, "infinite")) if count]
        if found:
            notes.append(f"Among the {name}: {' and '.join(found)}; these are not drawn.")
    return notes


def _name_of(f: Callable[[Any], Any]) -> str:
    """What f is called; "f" where it has no name."""
    name = getattr(f, "__name__", type(f).__name__)
    return clean(name) if name != "<lambda>" else "f"
