"""Exports: a page that needs nothing else, and Graphviz source that any name can be in."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import gradlab_widgets as gw
from gradlab_widgets import widgets

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def out(gl: Any) -> Any:
    """The result of a small program, with its graph."""
    a = gl.tensor([0.0, 1.0], requires_grad=True)
    return (2 * gl.sin(a) + 1).sum()


def state_in(page: str) -> Any:
    """The widget's state as a saved page holds it."""
    found = re.search(r'<script type="application/json" id="state">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_the_widget_where_it_stands(out: Any, tmp_path: Path) -> None:
    shown = gw.step(out)
    shown.position, shown.selected = 3, 2
    path = gw.save_html(shown, tmp_path / "pass.html")
    state = state_in(path.read_text(encoding="utf-8"))
    assert (state["view"], state["position"], state["selected"]) == ("step", 3, 2)
    assert state["payload"] == shown.payload


@pytest.mark.parametrize(
    ("show", "bundle"),
    [
        (lambda gl, out: gw.graph(out), "graph.js"),
        (lambda gl, out: gw.step(out), "step.js"),
        (lambda gl, out: gw.plot(gl.sin, gl.ones(3)), "chart.js"),
        (lambda gl, out: gw.tour(out, [gw.Stop()]), "tour.js"),
    ],
    ids=["graph", "step", "plot", "tour"],
)
def test_the_page_holds_the_whole_bundle_of_its_face(
    gl: Any, out: Any, show: Any, bundle: str, tmp_path: Path
) -> None:
    page = gw.save_html(show(gl, out), tmp_path / "graph.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="bundle">(.*?)</script>', page, re.S)
    assert found is not None
    assert json.loads(found[1]) == widgets.bundle(bundle)


def test_the_page_asks_nothing_of_the_network(out: Any, tmp_path: Path) -> None:
    page = gw.save_html(gw.step(out), tmp_path / "pass.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    without_data = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    assert not re.search(r"https?://", without_data)


def test_a_plot_and_a_trace_can_be_saved(gl: Any, out: Any, tmp_path: Path) -> None:
    plot = gw.save_html(gw.plot(gl.sin, gl.ones(3)), tmp_path / "plot.html")
    assert state_in(plot.read_text(encoding="utf-8"))["view"] == "plot"
    saved = gw.save_html(gw.trace(out), str(tmp_path / "trace.html"))
    assert state_in(saved.read_text(encoding="utf-8"))["view"] == "step"
    drawn = gw.save_html(gw.graph(out).trace, tmp_path / "graph.html")
    assert state_in(drawn.read_text(encoding="utf-8"))["view"] == "graph"


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "{title}",
    "\u2028\u2029",
    "\ud800",
    "x" * 100_000,
    'a"b\\',
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_leaves_its_place(gl: Any, name: str, tmp_path: Path) -> None:
    namespace: dict[str, Any] = {name: gl.ones(2, requires_grad=True), "key": name, "gw": gw}
    namespace["__name__"] = "user"
    exec("shown = gw.step((globals()[key] * 2).sum())", namespace)
    path = gw.save_html(namespace["shown"], tmp_path / "page.html")
    page = path.read_text(encoding="utf-8")
    assert page.count("<script") == page.count("</script") == 3
    assert "<!--" not in page
    assert state_in(page)["payload"] == namespace["shown"].payload


@pytest.mark.parametrize("x", [3, None, "page.html"])
def test_what_is_no_widget_is_refused(x: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="takes what graph, step or plot returned, or a Trace"):
        gw.save_html(x, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


# ---------------------------------------------------------------------- Graphviz


def test_dot_has_a_node_and_an_edge_for_each(out: Any) -> None:
    dot = gw.to_dot(out)
    assert len([line for line in dot.body if "->" in line]) == 5
    assert len([line for line in dot.body if "label=" in line]) == 6
    for op in ("AccumulateGrad", "SinBackward0", "MulBackward0", "AddBackward0", "SumBackward0"):
        assert op in dot.source


def test_dot_of_a_trace_is_that_of_its_tensor(out: Any) -> None:
    assert gw.to_dot(gw.graph(out).trace).source == gw.to_dot(out).source


def test_dot_tells_kinds_apart_by_shape(out: Any) -> None:
    shapes = set(re.findall(r"shape=(\w+)", gw.to_dot(out).source))
    assert shapes == {"ellipse", "hexagon", "box", "doubleoctagon"}


def named(gl: Any, name: str) -> Any:
    """The graph of a program whose input has this name, as Graphviz draws it."""
    namespace: dict[str, Any] = {name: gl.ones(2, requires_grad=True), "key": name, "gw": gw}
    namespace["__name__"] = "user"
    exec("trace = gw.graph(globals()[key] * 2).trace", namespace)
    return namespace["trace"]


@pytest.mark.parametrize(
    "name",
    ["<b>bold</b>", "a\\nb", 'quo"te', "back\\", "\\N", "{a|b}", "<", "]; rm", "\ud800", "é ∂"],
)
def test_names_in_dot_are_only_labels(gl: Any, name: str) -> None:
    pytest.importorskip("pygraphviz")
    trace = named(gl, name)
    drawn = ElementTree.fromstring(gw.to_svg(trace))
    texts = ["".join(e.itertext()) for e in drawn.iter(f"{SVG}text")]
    assert texts[0] == trace.nodes.name[0]
    assert len([e for e in drawn.iter(f"{SVG}g") if e.get("class") == "node"]) == 3


def test_svg_without_graphviz_says_where_to_get_it(
    out: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install gradlab\[svg\]"):
        gw.to_svg(out)
