"""Fields: a function of two numbers, and the loss around a model's parameters, as contours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradlab_widgets.adapters import Library, library_of
from gradlab_widgets.chart import Chart
from gradlab_widgets.evaluate import (
    CHART_SCHEMA,
    Numbers,
    called,
    evenly,
    floating,
    short_numbers,
    tidy,
)
from gradlab_widgets.trace import clean

__all__ = ["contours", "landscape"]

_MOST = 81  # places along each axis that are sent to the browser
_MOST_STEPS = 1000  # of a path
_SKEWED = 0.12  # a median this low between least and greatest calls for closer levels below

F = Callable[[Any, Any], Any]


# ---------------------------------------------------------------------- two inputs


def contours(
    f: F,
    x: Any,
    y: Any,
    *,
    path: Sequence[Any] | Mapping[str, Sequence[Any]] | None = None,
    arrows: int = 16,
    levels: int = 18,
) -> Chart:
    """Draw a function of two numbers as contours, with its downhill gradients and paths over them.

    `f(x, y)` works element by element on tensors; `x` and `y` are one-dimensional tensors with the
    places along each axis. `path` is a list of points, each a pair of numbers or a tensor of two:
    what an optimiser went through; a dict of such lists compares several. `arrows` of each axis
    show −∇f, all of one length; `levels` is about how many contours there are.

    Raises TypeError and ValueError as `derivatives` does.

    >>> import gradlab as gl
    >>> x = gl.linspace(-2, 2, 30)
    >>> chart = contours(lambda x, y: x**2 + 3 * y**2, x, x, path=[(1.5, 1.5), (0.5, 0.2), (0, 0)])
    >>> chart.payload["paths"][0]["z"]
    [9.0, 0.37, 0.0]
    >>> chart.figure().axes[0].lines[0].get_xdata().tolist()
    [1.5, 0.5, 0.0]
    """
    what = "contours(f, x, y)"
    library = library_of(x, what)
    notes: list[str] = []
    places = [
        _thinned(np.sort(floating(library, t, what)), name, notes)
        for name, t in (("x", x), ("y", _of_library(library, y)))
    ]
    across, up = places
    heights, *slopes = _field(library, f, x, *np.meshgrid(across, up))
    named = path if isinstance(path, Mapping) else {} if path is None else {"path": path}
    paths = [_path(library, f, x, name, points, notes) for name, points in named.items()]
    called_z = f"{called(f)}(x, y)"
    payload = {
        "schema": CHART_SCHEMA,
        **_grid(across, up, heights, levels),
        "dx": [short_numbers(row) for row in slopes[0]],
        "dy": [short_numbers(row) for row in slopes[1]],
        "x_label": "x",
        "y_label": "y",
        "z_label": called_z,
        "arrows": max(0, int(arrows)),
        "paths": paths,
        "here": None,
        "title": called_z,
        "note": " ".join(notes),
    }
    return Chart("field", payload, max((len(path["x"]) for path in paths), default=0))


def _of_library(library: Library, tensor: Any) -> Any:
    """`tensor`, if it is of this library; else TypeError."""
    if not library.is_tensor(tensor):
        raise TypeError(
            f"contours(f, x, y): y is to be a tensor of {library.name}, as x is, but got "
            f"{type(tensor).__name__}"
        )
    return tensor


def _thinned(places: Numbers, name: str, notes: list[str]) -> Numbers:
    if places.size < 2:
        raise ValueError(
            f"contours(f, x, y): {name} has {places.size} places, but contours need at least 2 "
            "along each axis"
        )
    if places.size > _MOST:
        notes.append(f"{_MOST} of the {places.size} places along {name} are shown, evenly picked.")
    return tidy(places[evenly(places.size, _MOST)])


def _field(library: Library, f: F, like: Any, x: Numbers, y: Numbers) -> Numbers:
    """f and its two slopes at every point given: an array with three layers."""

    def tensor(array: Numbers) -> Any:
        made = library.module.tensor(array.tolist(), dtype=like.dtype, device=like.device)
        return made.requires_grad_()

    with library.module.enable_grad():
        a, b = tensor(x), tensor(y)
        z = f(a, b)
    if not library.is_tensor(z) or tuple(z.shape) != x.shape:
        got = f"shape {tuple(z.shape)}" if library.is_tensor(z) else type(z).__name__
        raise ValueError(
            f"contours(f, x, y): f is to return a tensor of the shape {x.shape} of its inputs, but "
            f"returned {got}"
        )
    slopes = [None, None]
    if z.requires_grad:
        ones = library.ones_like(z)
        slopes = [library.grad(z, a, ones), library.grad(z, b, ones)]
    zero = np.zeros(x.shape)
    layers = [zero if t is None else np.array(library.array(t), float) for t in (z, *slopes)]
    return np.array(layers)


def _path(
    library: Library, f: F, like: Any, name: str, points: Sequence[Any], notes: list[str]
) -> dict[str, Any]:
    """An optimiser's points, with the value and the slopes of f at each."""
    pairs = np.array([_pair(library, point) for point in points], dtype=float).reshape(-1, 2)
    if len(pairs) > _MOST_STEPS:
        notes.append(f"{_MOST_STEPS} of the {len(pairs)} points of {name} are shown.")
        pairs = pairs[evenly(len(pairs), _MOST_STEPS)]
    columns = [*pairs.T, *_field(library, f, like, pairs[:, 0], pairs[:, 1])]
    labels = ("x", "y", "z", "dx", "dy")
    shown = {label: short_numbers(column) for label, column in zip(labels, columns, strict=True)}
    return {"name": clean(name), **shown}


def _pair(library: Library, point: Any) -> tuple[float, float]:
    parts = library.array(point).reshape(-1) if library.is_tensor(point) else list(point)
    if len(parts) != 2:
        raise ValueError(f"contours(…, path): each point is two numbers, but one is {len(parts)}")
    first, second = (float(p.detach() if library.is_tensor(p) else p) for p in parts)
    return first, second


def _grid(x: Numbers, y: Numbers, z: Numbers, levels: int) -> dict[str, Any]:
    """Places, heights and the levels of the contours between them."""
    return {
        "x": short_numbers(x),
        "y": short_numbers(y),
        "z": [short_numbers(row) for row in z],
        "levels": short_numbers(_levels(z[np.isfinite(z)], levels)),
    }


def _levels(heights: Numbers, count: int) -> Numbers:
    """Heights between the least and the greatest at which contours are drawn.

    Evenly spaced, but closer below where most of a function lies close to its least value: a narrow
    valley would hold no line.
    """
    if not heights.size or count < 1:
        return np.array([])
    low, high = heights.min(), heights.max()
    shares = np.linspace(0, 1, count + 2)[1:-1]
    if (np.median(heights) - low) < _SKEWED * (high - low):
        shares = shares**3
    return np.unique(low + shares * (high - low)) if high > low else np.array([])


# ---------------------------------------------------------------------- the loss around a point


def landscape(
    loss: Callable[[], Any],
    parameters: Any,
    *,
    span: float = 1.0,
    points: int = 21,
    seed: int = 0,
) -> Chart:
    """Draw the loss on a plane through where a model's parameters are now.

    `loss` takes no argument and returns a single number; `parameters` is a module or a list of
    tensors. The plane has two random directions, each as long in every parameter as the parameter
    itself, so that layers of different size count alike; `span` is how far it reaches, 1 being the
    length of the parameters. They are back in their place afterwards, to the bit.

    Raises ValueError where there are no parameters, or fewer than 2 points along an axis.

    >>> import gradlab as gl
    >>> w = gl.tensor([1.0, -2.0], requires_grad=True)
    >>> landscape(lambda: (w**2).sum(), [w], points=5).payload["z"][2][2]
    5.0
    >>> w
    tensor([ 1., -2.], requires_grad=True)
    """
    given = parameters.parameters() if hasattr(parameters, "parameters") else parameters
    tensors = list(given)
    if not tensors:
        raise ValueError("landscape(loss, parameters): there are no parameters to move")
    if not 2 <= points <= _MOST:
        raise ValueError(f"landscape(…, points): between 2 and {_MOST} fit, but got {points}")
    library = library_of(tensors[0], "landscape(loss, parameters)")
    start = [np.array(library.array(t)) for t in tensors]
    generator = np.random.default_rng(seed)
    first, second = (_directions(start, generator) for _ in range(2))
    steps = np.linspace(-span, span, points)
    heights = np.zeros((points, points))
    try:
        for (i, b), (j, a) in ((r, c) for r in enumerate(steps) for c in enumerate(steps)):
            moved = [s + a * u + b * v for s, u, v in zip(start, first, second, strict=True)]
            _put(library, tensors, moved)
            with library.module.no_grad():
                heights[i, j] = float(loss())
    finally:
        _put(library, tensors, start)
    payload = {
        "schema": CHART_SCHEMA,
        **_grid(steps, steps, heights, 18),
        "dx": None,
        "dy": None,
        "x_label": "along one random direction",
        "y_label": "along another",
        "z_label": "loss",
        "arrows": 0,
        "paths": [],
        "here": [0.0, 0.0],
        "title": "loss around the present parameters (★)",
        "note": "",
    }
    return Chart("field", payload)


def _directions(start: Sequence[Numbers], generator: np.random.Generator) -> list[Numbers]:
    """A random direction per parameter, as long as the parameter."""
    found: list[Numbers] = []
    for array in start:
        direction: Numbers = np.asarray(generator.standard_normal(array.shape))
        length = float(np.linalg.norm(direction))
        own = float(np.linalg.norm(array.astype(np.float64))) or 1.0
        found.append(direction * (own / length) if length else direction)
    return found


def _put(library: Library, tensors: Sequence[Any], arrays: Sequence[Numbers]) -> None:
    """Write numbers into tensors, past the graph."""
    with library.module.no_grad():
        for tensor, array in zip(tensors, arrays, strict=True):
            numbers = library.module.tensor(array.tolist(), dtype=tensor.dtype)
            tensor.copy_(numbers.to(tensor.device))
