"""nbconvert: saved widgets play in its page, pictures stand in for those that were not saved."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from gradlab_widgets.nbconverted import STATE, VIEW, PlayingWidgets, _load_jupyter_server_extension

CONFIG = Path(__file__).parents[2] / "jupyter/config"
NAMED = "gradlab_widgets.nbconverted.PlayingWidgets"
PICTURE = '<img alt="a graph" src="data:,">'

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Jupyter's own


def model(view: str = "step", esm: str = "export const mount = 1", **more: Any) -> dict[str, Any]:
    """A widget as Jupyter saves it."""
    state = {
        "_anywidget_id": "gradlab_widgets.widgets.GradWidget",
        "_esm": esm,
        "_model_name": "AnyModel",
        "view": view,
        "payload": {"schema": 1, "name": "</script><script>alert(1)</script>"},
        "position": 3,
        "selected": None,
        "layout": "IPY_MODEL_1",
    }
    return {"model_name": "AnyModel", "model_module": "anywidget", "state": {**state, **more}}


SLIDER = {"model_name": "IntSliderModel", "model_module": "c", "state": {"value": 3}}


def notebook(models: dict[str, Any], *shown: str, picture: str | None = PICTURE) -> NotebookNode:
    """A saved notebook that shows the widgets of these names, each with its picture."""
    cells = []
    for name in shown:
        data = {VIEW: {"model_id": name}, "text/plain": f"<{name}>"}
        if picture is not None:
            data["text/html"] = picture
        output = nbformat.v4.new_output("display_data", data)
        cells.append(nbformat.v4.new_code_cell("show()", outputs=[output]))
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["widgets"] = {STATE: {"state": models, "version_major": 2, "version_minor": 0}}
    return nbformat.from_dict(json.loads(json.dumps(made)))


def page(shown: NotebookNode, **options: Any) -> str:
    config = Config({"HTMLExporter": {"preprocessors": [NAMED], **options}})
    body, _ = HTMLExporter(config=config).from_notebook_node(shown)
    return str(body)


def held(html: str, name: str) -> Any:
    found = re.search(rf'<script[^>]* id="{name}"[^>]*>(.*?)</script>', html, re.S)
    assert found is not None
    return json.loads(found[1])


def test_a_saved_widget_is_in_the_page_with_its_picture_and_its_bundle() -> None:
    html = page(notebook({"one": model()}, "one"))
    assert 'alt="a graph"' in html
    assert held(html, "gradlab-bundle-1") == "export const mount = 1"
    assert held(html, "gradlab-1-state") == {
        "view": "step",
        "payload": {"schema": 1, "name": "</script><script>alert(1)</script>"},
        "position": 3,
        "selected": None,
        "layout": "IPY_MODEL_1",
    }
    assert "<script>alert(1)" not in html
    assert "html-manager" not in html, "nothing is fetched for widgets"


def test_a_bundle_is_in_the_page_once() -> None:
    models = {"one": model(), "two": model("plot", "export const mount = 2"), "three": model()}
    html = page(notebook(models, "one", "two", "three", "one"))
    assert [held(html, f"gradlab-bundle-{i}")[-1] for i in (1, 2)] == ["1", "2"]
    assert re.findall(r'read\("(gradlab-bundle-\d)"\)', html) == [
        f"gradlab-bundle-{i}" for i in (1, 2, 1, 1)
    ]
    assert html.count("export const mount = 1") == 1


def test_a_widget_that_was_not_saved_is_a_picture() -> None:
    html = page(notebook({"one": model()}, "one", "gone"))
    assert html.count('alt="a graph"') == 2
    assert "gradlab-2" not in html


def test_a_widget_without_a_picture_is_played_nevertheless() -> None:
    html = page(notebook({"one": model()}, "one", picture=None))
    assert "&lt;one&gt;" in html
    assert held(html, "gradlab-1-state")["view"] == "step"


def test_other_libraries_widgets_are_left_to_nbconvert() -> None:
    html = page(notebook({"one": model(), "slider": SLIDER}, "one", "slider"))
    assert "html-manager" in html
    saved = re.search(rf'<script type="{re.escape(STATE)}">(.*?)</script>', html, re.S)
    assert saved is not None
    assert list(json.loads(saved[1])["state"]) == ["slider"]


@pytest.mark.parametrize(
    "shown",
    [
        nbformat.v4.new_notebook(),
        notebook({"slider": SLIDER}, "slider"),
        notebook({"other": model(_anywidget_id="theirs.Widget")}, "other"),
        notebook({"bare": model(_esm=None)}, "bare"),
    ],
    ids=["none", "slider", "other", "bare"],
)
def test_a_notebook_without_saved_widgets_of_ours_is_left_alone(shown: NotebookNode) -> None:
    before = json.dumps(shown)
    after, _ = PlayingWidgets().preprocess(shown, {})
    assert json.dumps(after) == before


def test_where_scripts_are_taken_out_there_is_no_code_to_read() -> None:
    html = page(notebook({"one": model()}, "one"), sanitize_html=True)
    assert "export const mount" not in html
    assert "gradlab-1" not in html
    assert "a graph" in html


# ---------------------------------------------------------------------- how Jupyter finds it


def test_the_configuration_adds_to_what_others_have_nbconvert_do() -> None:
    theirs = Config(
        {"HTMLExporter": {"preprocessors": ["nbconvert.preprocessors.TagRemovePreprocessor"]}}
    )
    theirs.merge(PyFileConfigLoader("jupyter_nbconvert_config.py", path=str(CONFIG)).load_config())
    names = [type(p).__name__ for p in HTMLExporter(config=theirs)._preprocessors]
    assert {"TagRemovePreprocessor", "PlayingWidgets"} <= set(names)


def test_jupyterlab_exports_by_it_too() -> None:
    extension = json.loads((CONFIG / "jupyter_server_config.d/gradlab.json").read_text())
    assert extension["ServerApp"]["jpserver_extensions"] == {PlayingWidgets.__module__: True}

    class WebApp:
        settings = {"config": Config()}  # noqa: RUF012

    class Server:
        web_app = WebApp

    _load_jupyter_server_extension(Server)
    names = [
        type(p).__name__ for p in HTMLExporter(config=WebApp.settings["config"])._preprocessors
    ]
    assert "PlayingWidgets" in names
