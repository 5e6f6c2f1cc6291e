"""Look at automatic differentiation: draw its graph, step through its backward pass, plot slopes.

Works on tensors of gradlab and of PyTorch. In a notebook:

- `graph(out)` draws what `out` was computed from;
- `step(out)` steps through its backward pass, forwards and back, without changing any `.grad`;
- `with record() as r: out.backward()` records the pass you run, and `step(r)` shows it;
- `Backward(out)` is the pass by hand, a node at each `next()`, and its picture follows;
- `plot(f, a)` plots f and its gradient at the numbers in `a`;
- `live()` follows a notebook as its cells run, also as `%gradlab live`; `watch(x)` follows one
  tensor or module;
- `why(x)` says why `x.grad` is None, zero, NaN or huge; `explain(x, index)` takes one number of
  it apart into paths; `check(out)` compares every derivative in a graph with differences;
- `compare(a, b)` marks what differs between two passes; `predict(out, x)` asks you for a gradient,
  and `score()` keeps count;
- `derivatives`, `contours`, `sweep`, `landscape` and `GradientLog` chart functions and training,
  `timeline(prof)` a profile; every chart's `figure()` is the same in matplotlib;
- `save_html(step(out), "pass.html")` writes a page that needs nothing else;
- `tour(out, [Stop("words", step=1, select="w"), …]).save("tour.html")` writes one that leads
  through the pass in your words;
- `to_dot(out)` and `to_svg(out)` hand the graph to Graphviz;
- `breakage(error)` says what a failed backward pass failed at, which a notebook shows by itself
  under the error (`show_errors(False)` stops that);
- `trace(out)` is the pass as data: a `Trace`, frozen, that turns into JSON and back;
- `observe()` notes the line of code of every operation, which a notebook does by itself;
  `unobserve()` stops that.

>>> import gradlab as gl
>>> a = gl.linspace(0, 6, 25, requires_grad=True)
>>> out = (2 * gl.sin(a) + 1).sum()
>>> trace(out).nodes.title[2:]
('sin', '×', '+', 'sum')
"""

from __future__ import annotations

import sys
from typing import Any

from gradlab_widgets.backward import Backward
from gradlab_widgets.breakage import breakage, show_errors
from gradlab_widgets.chart import Chart
from gradlab_widgets.checking import check
from gradlab_widgets.comparison import compare
from gradlab_widgets.export import save_html, to_dot, to_svg
from gradlab_widgets.fields import contours, landscape
from gradlab_widgets.live import live, register_magic, watch
from gradlab_widgets.origins import observe, unobserve

# `trace`, `explain`, `why` and `breakage`, the functions, hide the modules of these names here;
# `from gradlab_widgets.trace import …` still finds the module.
from gradlab_widgets.paths import explain
from gradlab_widgets.plots import derivatives, plot
from gradlab_widgets.prediction import predict, score
from gradlab_widgets.recorder import record, trace
from gradlab_widgets.sweeps import sweep
from gradlab_widgets.timelines import timeline
from gradlab_widgets.tour import Stop, tour
from gradlab_widgets.trace import Trace
from gradlab_widgets.training import GradientLog
from gradlab_widgets.why import why
from gradlab_widgets.widgets import GradWidget, graph, step

__all__ = [
    "Backward",
    "Chart",
    "GradWidget",
    "GradientLog",
    "Stop",
    "Trace",
    "breakage",
    "check",
    "compare",
    "contours",
    "derivatives",
    "explain",
    "graph",
    "landscape",
    "live",
    "observe",
    "plot",
    "predict",
    "record",
    "save_html",
    "score",
    "show_errors",
    "step",
    "sweep",
    "timeline",
    "to_dot",
    "to_svg",
    "tour",
    "trace",
    "unobserve",
    "watch",
    "why",
]


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext gradlab_widgets` does: offer `%gradlab`, and show what errors are about."""
    register_magic(shell)
    show_errors(True, shell)


def unload_ipython_extension(shell: Any) -> None:
    """What `%unload_ext gradlab_widgets` does: show errors as they are, without a picture."""
    show_errors(False, shell)


def _offer_in_ipython() -> None:
    """Importing offers the magic command in IPython, and in a kernel starts to observe."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        load_ipython_extension(shell)
    if getattr(shell, "kernel", None) is not None:
        observe()


_offer_in_ipython()
