"""Export: a widget as one page, a graph as Graphviz source or SVG."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped]

from gradlab_widgets import picture
from gradlab_widgets.recorder import trace_of_graph
from gradlab_widgets.trace import Trace
from gradlab_widgets.widgets import GradWidget

__all__ = ["save_html", "to_dot", "to_svg"]

# The still picture instead of the widget: where no script runs, and of a tour, all of it, on paper.
_STILL = "#widget { display: none; } #still { display: block; }"

# Everything is in the page: it may run its own script, and load nothing from anywhere.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 1200px; padding: 1rem; font-family: system-ui, sans-serif; }}
#still {{ display: none; }}
#still section {{ break-inside: avoid; }}
#still table {{ border-collapse: collapse; }}
#still td, #still th {{ padding: 2px 12px 2px 0; text-align: left; vertical-align: top; }}
@media print {{
  :root, .gradlab {{ color-scheme: light !important; }}
  .gradlab .gl-body {{ height: auto !important; min-height: var(--gl-height); }}
  .gradlab .gl-side {{ overflow: visible !important; }}
  {print}
}}
</style>
<noscript><style>{plain}</style></noscript>
</head>
<body>
<main id="widget"></main>
<section id="still">{still}</section>
<script type="application/json" id="state">{state}</script>
<script type="application/json" id="bundle">{bundle}</script>
<script type="module">
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const code = new Blob([read("bundle")], {{ type: "text/javascript" }});
const {{ mount }} = await import(URL.createObjectURL(code));
mount(document.getElementById("widget"), {{ ...read("state"), alone: true }});
</script>
</body>
</html>
"""


def save_html(shown: GradWidget | Trace, path: str | os.PathLike[str]) -> Path:
    """Write a widget as one page that needs no network, no server and no kernel; return its path.

    The page opens at the widget's position, with the same node selected. A `Trace` opens as
    `step(trace)` would, or as `graph` if it has no steps.

    Raises TypeError for anything else, OSError where the file cannot be written.
    """
    if isinstance(shown, Trace):
        shown = GradWidget("step" if len(shown.steps) else "graph", shown)
    if not isinstance(shown, GradWidget):
        raise TypeError(
            "save_html(widget, path) takes what graph, step or plot returned, or a Trace, but got "
            f"{type(shown).__name__}; for a tensor x it is save_html(step(x), path)"
        )
    state = {name: getattr(shown, name) for name in ("view", "payload", *shown.from_browser)}
    page = _PAGE.format(
        title=picture.escaped(repr(shown).strip("<>")),
        print=_STILL if shown.view == "tour" else "",
        plain=_STILL,
        still=shown.paper(),
        state=embedded(state),
        bundle=embedded(shown._esm),
    )
    target = Path(path)
    target.write_text(page, encoding="utf-8")
    return target


def embedded(data: Any) -> str:
    """JSON that cannot end the script element it stands in, whatever text is in it."""
    written = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# ---------------------------------------------------------------------- Graphviz

_SHAPES = {"leaf": "ellipse", "accumulate": "hexagon", "op": "box", "root": "doubleoctagon"}


def to_dot(x: Any) -> graphviz.Digraph:
    """The graph behind a tensor (or a `Trace`'s) as a graphviz.Digraph, inputs at the top.

    Building it needs no Graphviz on the machine, rendering does: `to_dot(x).render("graph")`. Where
    there is none, `to_svg(x)` can use pygraphviz instead.

    >>> import gradlab as gl
    >>> a = gl.tensor(1.0, requires_grad=True)
    >>> [line.strip() for line in to_dot(gl.sin(a)).body if "->" in line]
    ['0 -> 1', '1 -> 2']
    """
    trace = x if isinstance(x, Trace) else trace_of_graph(x, "to_dot(x)")
    dot = graphviz.Digraph()
    dot.attr("node", fontname="sans-serif", fontsize="11", style="filled")
    nodes = trace.nodes
    for i, kind in enumerate(nodes.kind):
        shape = "×".join(map(str, nodes.shape[i]))
        title = nodes.op[i] or nodes.title[i]
        named = nodes.name[i] if kind != "leaf" else ""
        lines = [part for part in (title, named, f"{nodes.dtype[i]} {shape}".strip()) if part]
        dot.node(
            str(i),
            graphviz.escape("\n".join(lines)),
            shape=_SHAPES[kind],
            fillcolor=picture.FILL[kind],
            color=picture.STROKE[kind],
        )
    for source, user in zip(trace.edges.from_, trace.edges.to, strict=True):
        dot.edge(str(source), str(user))
    return dot


def to_svg(x: Any) -> str:
    """The graph behind a tensor (or a `Trace`'s) as SVG, laid out by Graphviz.

    Uses pygraphviz if it is installed (its wheel brings Graphviz along), else a `dot` on the path.
    Raises RuntimeError, with the way out, where there is neither.
    """
    dot = to_dot(x)
    if importlib.util.find_spec("pygraphviz") is not None:
        import pygraphviz

        drawn: bytes = pygraphviz.AGraph(string=dot.source).draw(format="svg", prog="dot")
        return drawn.decode()
    if shutil.which("dot"):
        piped: str = dot.pipe(format="svg", encoding="utf-8")
        return piped
    raise RuntimeError(
        "to_svg(x) needs Graphviz: `pip install gradlab[svg]` brings it, or install your system's "
        "graphviz package. to_dot(x).source needs neither."
    )
