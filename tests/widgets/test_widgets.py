"""The widgets: state that only changes to what the payload has, and a face for every place."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
import traitlets

import gradlab_widgets as gw
from gradlab_widgets import widgets


@pytest.fixture
def out(gl: Any) -> Any:
    """The result of a small program, with its graph."""
    a = gl.tensor([0.0, 1.0], requires_grad=True)
    return (2 * gl.sin(a) + 1).sum()


@pytest.fixture
def stepper(out: Any) -> gw.GradWidget:
    """A stepper of six steps (0 to 5) over six nodes, that remembers what it sends."""
    return listening(gw.step(out))


def listening(widget: gw.GradWidget) -> gw.GradWidget:
    """The widget, with everything it sends to the browser kept in `sent`."""
    widget.sent = []
    widget._send = lambda message, buffers=None: widget.sent.append(message)
    return widget


def receive(widget: gw.GradWidget, **data: Any) -> None:
    """Let a widget get a message as it comes from the browser."""
    widget._handle_msg({"content": {"data": data}, "buffers": []})


def errors(widget: gw.GradWidget) -> list[str]:
    """The error messages a widget answered."""
    contents = [m["content"] for m in widget.sent if m["method"] == "custom"]
    assert all(content["type"] == "error" for content in contents)
    return [content["message"] for content in contents]


# ---------------------------------------------------------------------- what is synced


def test_the_traits_are_those_of_the_contract(stepper: gw.GradWidget) -> None:
    assert {"view", "payload", "position", "selected", "_esm"} <= set(stepper.keys)
    assert (stepper.view, stepper.position, stepper.selected) == ("step", -1, None)
    assert stepper.payload == stepper.trace.to_json()


def test_each_function_shows_its_face(gl: Any, out: Any) -> None:
    assert gw.graph(out).view == "graph"
    assert gw.graph(out).trace.steps.kind == ()
    assert gw.step(out).view == "step"
    assert gw.plot(gl.sin, gl.ones(3)).view == "plot"


def test_step_shows_what_was_recorded(out: Any) -> None:
    with gw.record() as r:
        out.backward()
    assert gw.step(r).trace is r.trace
    assert gw.step(r.trace).trace is r.trace
    with pytest.raises(TypeError, match="has its gradient already"):
        gw.step(r, out)


@pytest.mark.parametrize(("name", "value"), [("view", "plot"), ("payload", {})])
def test_what_is_shown_cannot_be_replaced(stepper: gw.GradWidget, name: str, value: object) -> None:
    with pytest.raises(traitlets.TraitError, match="read-only"):
        setattr(stepper, name, value)


def test_no_trait_hides_a_method_of_the_widget() -> None:
    own = set(gw.GradWidget.class_trait_names()) - set(
        widgets.anywidget.AnyWidget.class_trait_names()
    )
    assert not own & set(dir(widgets.anywidget.AnyWidget)) - {"_esm"}


def test_a_missing_bundle_is_explained(monkeypatch: pytest.MonkeyPatch, out: Any) -> None:
    monkeypatch.setattr(widgets, "STATIC", widgets.STATIC / "nowhere")
    widgets.bundle.cache_clear()
    try:
        with pytest.raises(RuntimeError, match=r"no step\.js in .*nowhere.*pip install -e"):
            gw.step(out)
    finally:
        widgets.bundle.cache_clear()


# ---------------------------------------------------------------------- from Python


@pytest.mark.parametrize("position", [-1, 0, 5])
def test_position_can_be_set_from_python(stepper: gw.GradWidget, position: int) -> None:
    stepper.position = position
    assert stepper.position == position


@pytest.mark.parametrize("position", [-2, 6, 10**30, 1.5, "1", None, True])
def test_a_position_that_is_no_step_is_refused(stepper: gw.GradWidget, position: Any) -> None:
    with pytest.raises(traitlets.TraitError):
        stepper.position = position
    assert stepper.position == -1


def test_the_refusal_says_what_would_fit(stepper: gw.GradWidget) -> None:
    with pytest.raises(traitlets.TraitError, match="from -1 to 5, the steps of this step; got 6"):
        stepper.position = 6
    with pytest.raises(traitlets.TraitError, match="from 0 to 5, the nodes of this step; got -1"):
        stepper.selected = -1


def test_selected_can_be_a_node_or_none(stepper: gw.GradWidget) -> None:
    stepper.selected = 3
    stepper.selected = None
    assert stepper.selected is None


# ---------------------------------------------------------------------- from the browser


def test_the_browser_moves_the_position_and_the_selection(stepper: gw.GradWidget) -> None:
    receive(stepper, method="update", state={"position": 4, "selected": 2})
    assert (stepper.position, stepper.selected) == (4, 2)
    receive(stepper, method="update", state={"selected": None})
    assert stepper.selected is None
    assert not errors(stepper)


@pytest.mark.parametrize(
    "state",
    [
        {"position": 6},
        {"position": -2},
        {"position": "0"},
        {"position": 1.5},
        {"position": None},
        {"position": True},
        {"position": [0]},
        {"selected": 99},
        {"selected": -1},
        {"selected": {"node": 0}},
        {"view": "plot"},
        {"payload": {}},
        {"_esm": "alert(1)"},
        {"_model_module": "evil"},
        {"layout": "IPY_MODEL_x"},
        {"unheard_of": 1},
        {"position": 3, "selected": 99},
        {"position": 3, "payload": {}},
    ],
    ids=str,
)
def test_state_that_does_not_fit_is_refused_whole(
    stepper: gw.GradWidget, state: dict[str, Any]
) -> None:
    stepper.position, stepper.selected = 1, 2
    before = stepper.get_state()
    stepper.sent.clear()
    receive(stepper, method="update", state=state)
    assert stepper.get_state() == before
    assert len(errors(stepper)) == 1
    told = {k: v for m in stepper.sent if m["method"] == "update" for k, v in m["state"].items()}
    ours = {name: before[name] for name in state if name in ("position", "selected")}
    assert told == ours  # so that the browser goes back to what holds


@pytest.mark.parametrize(
    "content",
    [{"type": "run"}, {"type": "ready", "code": "x"}, {}, [], None, 3, "ready", {"type": None}],
    ids=str,
)
def test_unknown_messages_are_answered_with_an_error(stepper: gw.GradWidget, content: Any) -> None:
    before = stepper.get_state()
    receive(stepper, method="custom", content=content)
    assert stepper.get_state() == before
    assert len(errors(stepper)) == 1


def test_ready_is_understood(stepper: gw.GradWidget) -> None:
    receive(stepper, method="custom", content={"type": "ready"})
    assert stepper.sent == []


def test_a_plot_has_no_position(gl: Any) -> None:
    plot = listening(gw.plot(gl.sin, gl.ones(3)))
    receive(plot, method="update", state={"position": 0})
    assert plot.position == -1
    assert len(errors(plot)) == 1


# ---------------------------------------------------------------------- without widgets


class Page(HTMLParser):
    """The tags of a piece of HTML, and the attributes of its images."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.images: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attrs))

    def svg(self) -> ElementTree.Element:
        """The drawing inside the first image."""
        source = self.images[0]["src"]
        assert source is not None
        return ElementTree.fromstring(base64.b64decode(source.partition(",")[2]))


def test_the_bundle_has_a_face_for_every_place(stepper: gw.GradWidget) -> None:
    bundle = stepper._repr_mimebundle_()[0]
    assert set(bundle) == {
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "text/plain",
    }
    library = stepper.trace.library
    assert bundle["text/plain"] == f"<step of {library}: 6 nodes, 6 steps>"
    json.dumps(bundle)


def test_the_still_picture_has_alt_text_and_a_table(out: Any) -> None:
    page = Page(gw.graph(out).still())
    assert page.images[0]["alt"] == "Graph of 6 nodes that computes out."
    assert {"img", "table", "th", "td"} <= page.tags
    texts = [e.text for e in page.svg().iter("{http://www.w3.org/2000/svg}text")]
    assert {"sin", "×", "+", "sum  →  out"} <= set(texts)


def test_the_still_picture_of_a_pass_marks_its_step_and_tells_all(stepper: gw.GradWidget) -> None:
    stepper.position = 2
    html = stepper.still()
    thick = [e for e in Page(html).svg().iter() if e.get("stroke-width") == "4"]
    assert len(thick) == 1
    for words in stepper.trace.steps.words:
        assert escape(words) in html


def test_the_still_plot_draws_its_curves(gl: Any) -> None:
    page = Page(gw.plot(gl.log, gl.tensor([-1.0, 0.0, 1.0, 2.0, 3.0])).still())
    curves = list(page.svg().iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(curves) == 3  # log once, from 1 on; its slope in two pieces, before and after 0
    assert "Among the values" in str(page.images[0]["alt"])


def test_an_empty_plot_is_drawn_honestly(gl: Any) -> None:
    page = Page(gw.plot(gl.sin, gl.zeros(0)).still())
    texts = [e.text for e in page.svg().iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["nothing to draw"]


def test_a_large_graph_is_not_squeezed_into_a_picture(gl: Any) -> None:
    y = gl.tensor(1.0, requires_grad=True)
    for _ in range(200):
        y = gl.sin(y)
    page = Page(gw.graph(y).still())
    assert page.images == []
    assert "table" in page.tags


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\ud800", "x" * 100_000, "a'\"&b"])
def test_names_are_only_ever_text_in_still_pictures(gl: Any, name: str) -> None:
    namespace: dict[str, Any] = {name: gl.ones(2, requires_grad=True), "key": name, "gw": gw}
    namespace["__name__"] = "user"
    exec("shown = gw.step((globals()[key] * 2).sum())", namespace)
    html = namespace["shown"].still()
    page = Page(html)
    assert "script" not in page.tags
    page.svg()
    html.encode()
    assert len(html) < 50_000
    json.dumps(namespace["shown"].payload).encode()
    assert not re.search("[\ud800-\udfff]", json.dumps(namespace["shown"].payload))
