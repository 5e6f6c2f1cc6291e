"""Plots: a function of one number, beside its gradient or its first two derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab_widgets.adapters import Library, library_of
from gradlab_widgets.chart import Chart
from gradlab_widgets.evaluate import CHART_SCHEMA, Numbers, called, evenly, floating
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.trace import number

__all__ = ["MOST_POINTS", "derivatives", "plot", "plot_data"]

MOST_POINTS = 2000


def plot(f: Callable[[Any], Any], inputs: Any) -> Chart:
    """Plot f(inputs) and the gradient of f, interactively.

    `f` maps a tensor to a tensor, element by element, or to one number; in that case only its
    gradient is drawn. `inputs` is a floating-point tensor of gradlab or PyTorch; neither its
    `.grad` nor anybody else's is touched. `plot(…).figure()` is the same in matplotlib.

    Raises TypeError for inputs that are no floating-point tensor, and ValueError if f returns
    something that is neither of the inputs' shape nor a single number.

    >>> import gradlab as gl
    >>> plot(gl.sin, gl.linspace(0, 6, 100))
    <chart: sin(x) and its gradient>
    """
    return Chart("plot", plot_data(f, inputs))


def plot_data(f: Callable[[Any], Any], inputs: Any) -> dict[str, Any]:
    """The data of a plot of `f` and its gradient, as docs/charts.md has it.

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
    name = called(f)
    notes = [points.note] if points.note else []
    order = np.argsort(points.x, kind="stable")
    x, dy = points.x[order], points.dy[order]
    y = None if points.y is None else points.y[order]
    if x.size > MOST_POINTS:
        notes.append(f"{MOST_POINTS} of the {x.size} points are shown, evenly picked.")
        picked = evenly(x.size, MOST_POINTS)
        x, dy, y = x[picked], dy[picked], None if y is None else y[picked]
    notes += _notes_on_numbers(x, y, dy)
    label = f"{name}({variable})"
    return {
        "schema": CHART_SCHEMA,
        "x": [number(v) for v in x],
        "y": None if y is None else [number(v) for v in y],
        "dy": [number(v) for v in dy],
        "x_label": variable,
        "y_label": label,
        "dy_label": f"∂{name}/∂{variable}",
        "title": f"{label} and its gradient" if y is not None else f"The gradient of {label}",
        "note": " ".join(notes),
    }


@dataclass(frozen=True, slots=True)
class _Points:
    x: Numbers
    y: Numbers | None
    dy: Numbers
    note: str = ""


def _evaluate(library: Library, f: Callable[[Any], Any], inputs: Any) -> _Points:
    """f and its gradient at every element of inputs, on a copy of them."""
    floating(library, inputs, "plot(f, inputs)")
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


# ---------------------------------------------------------------------- f, f′ and f″


def derivatives(f: Callable[[Any], Any], inputs: Any, at: float | None = None) -> Chart:
    """Plot f, f′ and f″ at the numbers in `inputs`, with a tangent of f that moves along it.

    `f` works element by element on a floating-point tensor of gradlab or PyTorch, so that each
    result depends on one input. Neither its `.grad` nor anybody else's is touched. The tangent
    stands at `at` to begin with, else in the middle.

    Raises TypeError for inputs that are no floating-point tensor, ValueError if f returns something
    of another shape.

    >>> import gradlab as gl
    >>> drawn = derivatives(gl.sin, gl.linspace(0, 6, 100), at=1.0).figure()
    >>> [line.get_label() for line in drawn.axes[0].lines][:4]
    ['sin(x)', 'sin′(x)', 'sin″(x)', 'tangent at x = 1']
    """
    library = library_of(inputs, "derivatives(f, inputs)")
    floating(library, inputs, "derivatives(f, inputs)")
    table = _two_derivatives(library, f, inputs)
    if at is not None:
        point = library.module.tensor([float(at)], dtype=inputs.dtype, device=inputs.device)
        table = np.hstack([_two_derivatives(library, f, point), table])
    places = np.argsort(table[0], kind="stable")
    notes = []
    if places.size > MOST_POINTS:
        notes.append(f"{MOST_POINTS} of the {places.size} points are shown, evenly picked.")
        places = places[evenly(places.size, MOST_POINTS)]
    if at is not None and 0 not in places:
        places = np.sort(np.append(places, 0))
    x, y, dy, ddy = table[:, places]
    name = called(f)
    return Chart(
        "plot",
        {
            "schema": CHART_SCHEMA,
            "x": [number(v) for v in x],
            "y": [number(v) for v in y],
            "dy": [number(v) for v in dy],
            "ddy": [number(v) for v in ddy],
            "x_label": "x",
            "y_label": f"{name}(x)",
            "dy_label": f"{name}′(x)",
            "ddy_label": f"{name}″(x)",
            "at": None if at is None else int(np.flatnonzero(places == 0)[0]),
            "title": f"{name} and its derivatives",
            "note": " ".join(notes + _notes_on_numbers(x, y, dy)),
        },
    )


def _two_derivatives(library: Library, f: Callable[[Any], Any], inputs: Any) -> Numbers:
    """Four rows: x, f(x), f′(x) and f″(x)."""
    with library.module.enable_grad():
        x = inputs.detach().clone().requires_grad_()
        y = f(x)
        if not library.is_tensor(y) or tuple(y.shape) != tuple(x.shape):
            got = f"shape {tuple(y.shape)}" if library.is_tensor(y) else type(y).__name__
            raise ValueError(
                f"derivatives(f, inputs): f is to return a tensor of the inputs' shape "
                f"{tuple(x.shape)}, but returned {got}"
            )
        first = _slope(library, y, x, create_graph=True)
        second = None if first is None else _slope(library, first, x)
    zero = np.zeros(x.numel())
    return np.array([zero if row is None else _flat(library, row) for row in (x, y, first, second)])


def _slope(library: Library, y: Any, x: Any, create_graph: bool = False) -> Any:
    """dy/dx where each result depends on its own input alone; None where none does."""
    if not y.requires_grad:
        return None
    gradient = library.module.autograd.grad
    ones = library.ones_like(y)
    return gradient(y, x, ones, create_graph=create_graph, allow_unused=True)[0]
