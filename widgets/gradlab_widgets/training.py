"""Training: how large each parameter's gradient is, step by step, and what that says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab_widgets.adapters import library_of
from gradlab_widgets.chart import Chart
from gradlab_widgets.evaluate import CHART_SCHEMA, Numbers, evenly, short_numbers
from gradlab_widgets.trace import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GradientLog"]

_LOW, _HIGH, _BINS = -12, 4, 64  # powers of ten; what is smaller or larger is at the ends
_MOST_ROWS = 4000  # steps times parameters that are sent to the browser


class GradientLog:
    """Keeps the size of each parameter's gradient while a model trains, and shows it.

    Call `log()` after each `backward()`, before gradients are reset. It keeps, for each parameter,
    the norm and a histogram of the sizes of its elements, and nothing of the tensors. In a notebook
    it shows itself as `chart()` does.

    >>> import gradlab as gl
    >>> layer = gl.nn.Linear(2, 1)
    >>> log = GradientLog(layer)
    >>> for _ in range(3):
    ...     layer.zero_grad()
    ...     layer(gl.ones(4, 2)).sum().backward()
    ...     log()
    >>> log.names, len(log.norms["weight"])
    (('weight', 'bias'), 3)
    >>> log.chart()
    <chart: Gradients are of like size: 4 to 5.7.>
    >>> len(log.figure().axes[0].lines)
    2
    """

    _EDGES = np.linspace(_LOW, _HIGH, _BINS + 1)

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
            return np.zeros(_BINS, dtype=int)
        sizes = np.abs(array[np.isfinite(array)]).astype(np.float64).reshape(-1)
        with np.errstate(divide="ignore"):
            powers = np.clip(np.log10(sizes), _LOW, _HIGH)
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

    # ------------------------------------------------------------------ shown

    def chart(self) -> Chart:
        """What was logged until now: norms over the steps, and histograms of the step chosen."""
        payload = self._payload()
        return Chart("gradients", payload, len(payload["steps"]))

    def _payload(self) -> dict[str, Any]:
        logged = len(self.norms[self.names[0]])
        steps = evenly(logged, max(2, _MOST_ROWS // len(self.names)))
        thinned = f"{len(steps)} of {logged} steps are shown, evenly picked."
        return {
            "schema": CHART_SCHEMA,
            "steps": steps.tolist(),
            "names": [clean(name) for name in self.names],
            "sizes": [int(parameter.numel()) for parameter in self._parameters.values()],
            "norms": [short_numbers(norms[i] for i in steps) for norms in self.norms.values()],
            "bins": {"low": _LOW, "high": _HIGH, "count": _BINS},
            "histograms": [[_trimmed(some[i]) for i in steps] for some in self.histograms.values()],
            "title": self.verdict,
            "note": thinned if len(steps) < logged else "",
        }

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.chart()._repr_mimebundle_(**kwargs)

    def figure(self) -> Figure:
        """The norm of each parameter's gradient over the steps, on a logarithmic scale."""
        return self.chart().figure()

    def histogram(self) -> Figure:
        """For each parameter, how its gradient's elements are spread, step by step."""
        from gradlab_widgets import figures  # brings matplotlib, half a second

        return figures.gradient_sizes(self._payload())


def _trimmed(counts: Numbers) -> list[int]:
    """A histogram without the empty bins at its ends: where it begins, then the counts."""
    filled = np.flatnonzero(counts)
    if not filled.size:
        return [0]
    first, last = int(filled[0]), int(filled[-1])
    return [first, *counts[first : last + 1].tolist()]
