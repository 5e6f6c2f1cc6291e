"""Charts of functions, gradients and training, each a matplotlib Figure.

None passes through pyplot, so no window opens, nothing must be closed and no figure of the user's
is drawn into. Each shows itself in a notebook, and its axes can be changed like any other's.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab_widgets.adapters import Library, library_of
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.trace import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GradientLog", "contours", "derivatives", "landscape", "sweep"]

Numbers = np.ndarray[Any, Any]


def _figure(width: float = 7, height: float = 4.5) -> Figure:
    """An empty figure that shows itself in a notebook without pyplot's help."""
    from matplotlib.figure import Figure  # half a second to import, and only this needs it

    class Shown(Figure):
        """A figure with a picture of its own."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", bbox_inches="tight")
            return buffer.getvalue()

    return Shown(figsize=(width, height), layout="constrained")


def _literal(text: str) -> str:
    """Text for matplotlib: not too long, and no dollar in it starts a formula."""
    return clean(text, 50).replace("$", r"\$")


def _name_of(f: Any) -> str:
    name = clean(getattr(f, "__name__", type(f).__name__))
    return name if name != "<lambda>" else "f"


# ---------------------------------------------------------------------- f, f′ and f″


def derivatives(f: Callable[[Any], Any], inputs: Any, at: float | None = None) -> Figure:
    """Plot f, f′ and f″ at the numbers in `inputs`, and the tangent of f at `at`.

    `f` works element by element on a floating-point tensor of gradlab or PyTorch, so that each
    result depends on one input. Neither its `.grad` nor anybody else's is touched.

    Raises TypeError for inputs that are no floating-point tensor, ValueError if f returns something
    of another shape.

    >>> import gradlab as gl
    >>> fig = derivatives(gl.sin, gl.linspace(0, 6, 100), at=1.0)
    >>> [line.get_label() for line in fig.axes[0].lines][:4]
    ['sin(x)', 'sin′(x)', 'sin″(x)', 'tangent at x = 1']
    """
    library = library_of(inputs, "derivatives(f, inputs)")
    order = np.argsort(_floating(library, inputs, "derivatives"), kind="stable")
    columns = [column[order] for column in _two_derivatives(library, f, inputs)]
    name = _name_of(f)
    drawn = _figure()
    axes = drawn.add_subplot()
    labels = (f"{name}(x)", f"{name}′(x)", f"{name}″(x)")
    styles = ("-", "--", ":")
    for column, label, style in zip(columns[1:], labels, styles, strict=True):
        axes.plot(columns[0], column, style, label=_literal(label), linewidth=2)
    if at is not None:
        point = library.module.tensor([float(at)], dtype=inputs.dtype, device=inputs.device)
        x0, y0, slope, _ = (float(c[0]) for c in _two_derivatives(library, f, point))
        half = (columns[0][-1] - columns[0][0]) / 8
        ends = np.array([x0 - half, x0 + half])
        axes.plot(ends, y0 + slope * (ends - x0), "-", color="black", linewidth=1.2,
                  label=f"tangent at x = {at:g}")  # fmt: skip
        axes.plot([x0], [y0], "o", color="black", label="_point")
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=0, label="_zero")
    axes.set_xlabel("x")
    axes.set_title(_literal(f"{name} and its derivatives"))
    axes.legend()
    return drawn


def _floating(library: Library, inputs: Any, what: str) -> Numbers:
    if not inputs.is_floating_point():
        raise TypeError(
            f"{what}(f, inputs): inputs of dtype {library.dtype(inputs)} have no gradient; "
            "give floating-point numbers, such as inputs.float()"
        )
    return library.array(inputs).reshape(-1)


def _two_derivatives(
    library: Library, f: Callable[[Any], Any], inputs: Any
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """x, f(x), f′(x) and f″(x), each in one row."""
    grad = library.module.autograd.grad
    with library.module.enable_grad():
        x = inputs.detach().clone().requires_grad_()
        y = f(x)
        if not library.is_tensor(y) or tuple(y.shape) != tuple(x.shape):
            got = f"shape {tuple(y.shape)}" if library.is_tensor(y) else type(y).__name__
            raise ValueError(
                f"derivatives(f, inputs): f is to return a tensor of the inputs' shape "
                f"{tuple(x.shape)}, but returned {got}"
            )
        first = grad(y, x, library.ones_like(y), create_graph=True, allow_unused=True)[0] \
            if y.requires_grad else None  # fmt: skip
        second = (
            grad(first, x, library.ones_like(first), allow_unused=True)[0]
            if first is not None and first.requires_grad
            else None
        )
    zero = np.zeros(x.numel())
    rows = [x, y, first, second]
    found = [zero if r is None else np.array(library.array(r)).reshape(-1) for r in rows]
    return found[0], found[1], found[2], found[3]


# ---------------------------------------------------------------------- two inputs


def contours(
    f: Callable[[Any, Any], Any],
    x: Any,
    y: Any,
    *,
    path: Sequence[Any] | None = None,
    arrows: int = 16,
    levels: int = 18,
) -> Figure:
    """Draw a function of two numbers as contours, with its downhill gradients and a path over them.

    `f(x, y)` works element by element on tensors; `x` and `y` are one-dimensional tensors with the
    places along each axis. `path` is a list of points, each a pair of numbers or a tensor of two:
    what an optimiser went through. `arrows` of each axis show −∇f, all of one length.

    Raises TypeError and ValueError as `derivatives` does.

    >>> import gradlab as gl
    >>> x = gl.linspace(-2, 2, 30)
    >>> fig = contours(lambda x, y: x**2 + 3 * y**2, x, x, path=[(1.5, 1.5), (0.5, 0.2), (0, 0)])
    >>> fig.axes[0].lines[0].get_xdata().tolist()
    [1.5, 0.5, 0.0]
    """
    library = library_of(x, "contours(f, x, y)")
    across = _floating(library, x, "contours")
    up = _floating(library, _of_library(library, y), "contours")
    grid_x, grid_y = np.meshgrid(across, up)
    heights, slope_x, slope_y = _field(library, f, x, grid_x, grid_y)
    drawn = _figure(7, 5.5)
    axes = drawn.add_subplot()
    filled = axes.contourf(grid_x, grid_y, heights, levels=levels, cmap="viridis", alpha=0.85)
    axes.contour(grid_x, grid_y, heights, levels=filled.levels, colors="white", linewidths=0.4)
    drawn.colorbar(filled, ax=axes, label=_literal(f"{_name_of(f)}(x, y)"))
    if arrows:
        _arrows(axes, grid_x, grid_y, slope_x, slope_y, arrows)
    if path is not None:
        points = np.array([_pair(library, point) for point in path], dtype=float).reshape(-1, 2)
        axes.plot(points[:, 0], points[:, 1], "o-", color="#d1242f", markersize=4,
                  linewidth=1.8, label="path")  # fmt: skip
        if len(points):
            axes.plot(*points[-1], "*", color="#d1242f", markersize=13,
                      markeredgecolor="white", label="end")  # fmt: skip
        axes.legend(loc="upper right")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.set_xlim(across.min(), across.max())
    axes.set_ylim(up.min(), up.max())
    return drawn


def _of_library(library: Library, tensor: Any) -> Any:
    """`tensor`, if it is of this library; else TypeError."""
    if not library.is_tensor(tensor):
        raise TypeError(
            f"contours(f, x, y): y is to be a tensor of {library.name}, as x is, but got "
            f"{type(tensor).__name__}"
        )
    return tensor


def _pair(library: Library, point: Any) -> tuple[float, float]:
    parts = library.array(point).reshape(-1) if library.is_tensor(point) else list(point)
    if len(parts) != 2:
        raise ValueError(f"contours(…, path): each point is two numbers, but one is {len(parts)}")
    first, second = (float(p.detach() if library.is_tensor(p) else p) for p in parts)
    return first, second


def _field(
    library: Library, f: Callable[[Any, Any], Any], like: Any, grid_x: Numbers, grid_y: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """f and its two slopes at every point of a grid."""

    def tensor(array: Numbers) -> Any:
        made = library.module.tensor(array.tolist(), dtype=like.dtype, device=like.device)
        return made.requires_grad_()

    with library.module.enable_grad():
        x, y = tensor(grid_x), tensor(grid_y)
        z = f(x, y)
    if not library.is_tensor(z) or tuple(z.shape) != grid_x.shape:
        got = f"shape {tuple(z.shape)}" if library.is_tensor(z) else type(z).__name__
        raise ValueError(
            f"contours(f, x, y): f is to return a tensor of the shape {grid_x.shape} of its "
            f"inputs, but returned {got}"
        )
    slopes = [None, None]
    if z.requires_grad:
        ones = library.ones_like(z)
        slopes = [library.grad(z, x, ones), library.grad(z, y, ones)]
    zero = np.zeros(grid_x.shape)
    first, second = (zero if s is None else np.array(library.array(s)) for s in slopes)
    return np.array(library.array(z)), first, second


def _arrows(
    axes: Axes, x: Numbers, y: Numbers, slope_x: Numbers, slope_y: Numbers, most: int
) -> None:
    """Arrows downhill at some points of the grid: direction only, so that all can be seen."""
    rows = np.unique(np.linspace(0, x.shape[0] - 1, most).round().astype(int))
    columns = np.unique(np.linspace(0, x.shape[1] - 1, most).round().astype(int))
    pick = np.ix_(rows, columns)
    length = np.hypot(slope_x[pick], slope_y[pick])
    with np.errstate(all="ignore"):
        u, v = (np.where(length > 0, -s[pick] / length, 0) for s in (slope_x, slope_y))
    axes.quiver(x[pick], y[pick], u, v, color="white", alpha=0.8, width=0.0035,
                scale=1.6 * most, pivot="mid")  # fmt: skip


# ---------------------------------------------------------------------- one element is swept


def sweep(
    f: Callable[[], Any],
    leaf: Any,
    index: int | Sequence[int],
    values: Any,
    *,
    gradients: bool = False,
) -> Figure:
    """Plot what `f` computes, or the gradients of it, while one element of a leaf is swept.

    `f` takes no argument and computes from `leaf`: it returns a tensor, or a dict of named tensors
    of which the last is the result. A tensor of several elements is drawn as one line for each, at
    most eight. With `gradients`, the gradient of the result (its sum) with respect to each of the
    others and to the leaf's element is drawn instead. The leaf has its own number back afterwards.

    Raises TypeError for what is no tensor, IndexError for an element that is not there.

    >>> import gradlab as gl
    >>> w = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> fig = sweep(lambda: {"h": w * w, "loss": (w * w).sum()}, w, 0, [-1.0, 0.0, 1.0])
    >>> [line.get_label() for line in fig.axes[0].lines]
    ['h[0]', 'h[1]', 'loss', '_now']
    >>> w
    tensor([1., 2.], requires_grad=True)
    """
    library = library_of(leaf, "sweep(f, leaf, index, values)")
    name = Names(library, caller_namespace()).of_tensor(leaf) or "leaf"
    shape = tuple(int(n) for n in leaf.shape)
    at = np.unravel_index(index, shape) if isinstance(index, int) and shape else tuple(index)  # type: ignore[arg-type]
    at = tuple(int(i) for i in at)
    swept = library.array(values).reshape(-1) if library.is_tensor(values) else np.array(values)
    called = f"{name}[{', '.join(map(str, at))}]" if shape else name
    now = float(leaf.detach()[at])
    columns: dict[str, list[float]] = {}
    try:
        for value in swept:
            with library.module.no_grad():
                leaf[at] = float(value)
            with library.module.enable_grad():
                row = _measured(library, f(), leaf, at, called, gradients)
            for label, number in row.items():
                columns.setdefault(label, []).append(number)
    finally:
        with library.module.no_grad():
            leaf[at] = now
    drawn = _figure()
    axes = drawn.add_subplot()
    for label, column in columns.items():
        axes.plot(swept, column, label=_literal(label))
    axes.axvline(now, color="0.5", linestyle=":", linewidth=1, label="_now")
    axes.set_xlabel(_literal(called))
    what = "gradients" if gradients else "values"
    axes.set_title(_literal(f"{what} as {called} is swept (dotted: now)"))
    if columns:
        axes.legend()
    return drawn


_MOST_LINES = 8


def _measured(
    library: Library, result: Any, leaf: Any, at: tuple[int, ...], called: str, gradients: bool
) -> dict[str, float]:
    """One column of a sweep: label → number."""
    tensors: Mapping[str, Any] = result if isinstance(result, Mapping) else {"f": result}
    for label, tensor in tensors.items():
        if not library.is_tensor(tensor):
            raise TypeError(
                f"sweep(f, …): f is to return tensors, but {label!r} is {type(tensor).__name__}"
            )
    if not gradients:
        pairs = ((label, library.array(tensor)) for label, tensor in tensors.items())
        return {key: number for label, array in pairs for key, number in _elements(label, array)}
    *inner, (last, root) = tensors.items()
    found: dict[str, float] = {}
    ones = library.ones_like(root)
    for label, tensor in inner:
        gradient = library.grad(root, tensor, ones) if tensor.requires_grad else None
        if gradient is not None:
            found |= dict(_elements(f"∂{last}/∂{label}", library.array(gradient)))
    gradient = library.grad(root, leaf, ones) if root.requires_grad else None
    own = 0.0 if gradient is None else float(library.array(gradient)[at])
    return {**found, f"∂{last}/∂{called}": own}


def _elements(label: str, array: Numbers) -> list[tuple[str, float]]:
    if not array.ndim:
        return [(label, float(array))]
    picked = list(np.ndindex(array.shape))[:_MOST_LINES] if array.size else []
    return [(f"{label}[{', '.join(map(str, i))}]", float(array[i])) for i in picked]


# ---------------------------------------------------------------------- training


class GradientLog:
    """Keeps the size of each parameter's gradient while a model trains, and draws it.

    Call `log()` after each `backward()`, before gradients are reset. It keeps, for each parameter,
    the norm and a histogram of the sizes of its elements, and nothing of the tensors.

    >>> import gradlab as gl
    >>> layer = gl.nn.Linear(2, 1)
    >>> log = GradientLog(layer)
    >>> for _ in range(3):
    ...     layer.zero_grad()
    ...     layer(gl.ones(4, 2)).sum().backward()
    ...     log()
    >>> log.names, len(log.norms["weight"])
    (('weight', 'bias'), 3)
    >>> len(log.figure().axes[0].lines)
    2
    """

    _EDGES = np.linspace(-12, 4, 65)  # powers of ten; what is smaller or larger is at the ends

    def __init__(self, model: Any) -> None:
        named = model.named_parameters() if hasattr(model, "named_parameters") else model.items()
        self._parameters: dict[str, Any] = dict(named)
        if not self._parameters:
            raise ValueError("GradientLog(model): the model has no parameters to watch")
        self._library = library_of(next(iter(self._parameters.values())), "GradientLog(model)")
        self.norms: dict[str, list[float]] = {name: [] for name in self._parameters}
        self.histograms: dict[str, list[Numbers]] = {name: [] for name in self._parameters}

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in the model's order: those nearest to the input first."""
        return tuple(self._parameters)

    def __call__(self) -> None:
        """Note how large the gradients are now; NaN for a parameter that has none."""
        for name, parameter in self._parameters.items():
            grad = parameter.grad
            array = None if grad is None else self._library.array(grad)
            size = math.nan if array is None else float(np.linalg.norm(array.astype(np.float64)))
            self.norms[name].append(size)
            self.histograms[name].append(self._histogram(array))

    def _histogram(self, array: Numbers | None) -> Numbers:
        if array is None:
            return np.zeros(len(self._EDGES) - 1, dtype=int)
        sizes = np.abs(array[np.isfinite(array)]).astype(np.float64).reshape(-1)
        with np.errstate(divide="ignore"):
            powers = np.clip(np.log10(sizes), self._EDGES[0], self._EDGES[-1])
        counts: Numbers = np.histogram(powers, self._EDGES)[0]
        return counts

    @property
    def verdict(self) -> str:
        """What the last step says: vanishing, exploding, or neither; in one sentence."""
        last = {name: norms[-1] for name, norms in self.norms.items() if norms}
        usable = {name: size for name, size in last.items() if math.isfinite(size) and size > 0}
        if not usable:
            return "No gradient has been logged yet." if not last else "All gradients are zero."
        broken = [name for name, size in last.items() if math.isinf(size)]
        small, large = (pick(usable, key=lambda n: usable[n]) for pick in (min, max))
        ratio = usable[large] / usable[small]
        if broken or usable[large] > 1e3:
            return f"Gradients explode: {broken[0] if broken else large} has the largest."
        if ratio > 300 or usable[large] < 1e-6:
            return (
                f"Gradients vanish: that of {small} is {usable[small]:.2g}, that of {large} "
                f"{usable[large]:.2g}."
            )
        return f"Gradients are of like size: {usable[small]:.2g} to {usable[large]:.2g}."

    def figure(self) -> Figure:
        """The norm of each parameter's gradient over the steps, on a logarithmic scale."""
        import matplotlib

        drawn = _figure(8, 4.5)
        axes = drawn.add_subplot()
        colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(self.names)))
        for name, colour in zip(self.names, colours, strict=True):
            norms = [n if n > 0 else math.nan for n in self.norms[name]]
            axes.plot(range(len(norms)), norms, ".-", color=colour, label=_literal(name))
        axes.set_yscale("log")
        axes.set_xlabel("step")
        axes.set_ylabel("norm of the gradient")
        axes.set_title(_literal(self.verdict), fontsize="medium")
        axes.legend(fontsize="small", ncols=1 + len(self.names) // 12)
        return drawn

    def histogram(self) -> Figure:
        """For each parameter, how its gradient's elements are spread, step by step."""
        columns = min(3, len(self.names))
        rows = math.ceil(len(self.names) / columns)
        drawn = _figure(3.4 * columns, 2.3 * rows + 0.4)
        drawn.suptitle("sizes of the gradient's elements, step by step", fontsize="medium")
        grid = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, name in zip(grid.flat, self.names, strict=False):
            counts = np.array(self.histograms[name]).reshape(-1, len(self._EDGES) - 1)
            shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
            steps = np.arange(len(counts) + 1) - 0.5
            axes.pcolormesh(steps, self._EDGES, shares.T, cmap="Blues", vmin=0)
            axes.set_title(_literal(name), fontsize="small")
        for axes in grid.flat[len(self.names) :]:
            axes.set_visible(False)
        drawn.supxlabel("step", fontsize="small")
        drawn.supylabel("log₁₀ of the size", fontsize="small")
        return drawn


# ---------------------------------------------------------------------- the loss around a point


def landscape(
    loss: Callable[[], Any],
    parameters: Any,
    *,
    span: float = 1.0,
    points: int = 21,
    seed: int = 0,
) -> Figure:
    """Draw the loss on a plane through where a model's parameters are now.

    `loss` takes no argument and returns a single number; `parameters` is a module or a list of
    tensors. The plane has two random directions, each as long in every parameter as the parameter
    itself, so that layers of different size count alike; `span` is how far it reaches, 1 being the
    length of the parameters. They are back in their place afterwards, to the bit.

    >>> import gradlab as gl
    >>> w = gl.tensor([1.0, -2.0], requires_grad=True)
    >>> fig = landscape(lambda: (w**2).sum(), [w], points=5)
    >>> w
    tensor([ 1., -2.], requires_grad=True)
    """
    given = parameters.parameters() if hasattr(parameters, "parameters") else parameters
    tensors = list(given)
    if not tensors:
        raise ValueError("landscape(loss, parameters): there are no parameters to move")
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
    drawn = _figure(6.5, 5.5)
    axes = drawn.add_subplot()
    filled = axes.contourf(steps, steps, heights, levels=24, cmap="viridis")
    axes.contour(steps, steps, heights, levels=filled.levels, colors="white", linewidths=0.4)
    drawn.colorbar(filled, ax=axes, label="loss")
    axes.plot([0], [0], "*", color="#d1242f", markeredgecolor="white", markersize=14)
    axes.set_xlabel("along one random direction")
    axes.set_ylabel("along another")
    axes.set_title("loss around the present parameters (★)", fontsize="medium")
    return drawn


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
