"""In a real kernel: cells are known by their prompts, and a saved notebook holds its widgets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import gradlab_widgets as gw

FOLDERS = [str(Path(gw.__file__).parents[1]), str(Path(gw.__file__).parents[2])]
WIDGET = "application/vnd.jupyter.widget-view+json"

pytestmark = [
    pytest.mark.xdist_group("kernel"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Jupyter's own
]


def run(cells: list[str], folder: Path) -> nbformat.NotebookNode:
    """A notebook of these cells after its kernel ran them all."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    path = os.pathsep.join([*FOLDERS, os.environ.get("PYTHONPATH", "")])
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "PYTHONPATH": path})
    return notebook


def states(notebook: nbformat.NotebookNode) -> list[dict[str, Any]]:
    """What the notebook saved of each GradWidget, in the order their cells show them."""
    saved = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    shown = [
        output["data"][WIDGET]["model_id"]
        for cell in notebook.cells
        for output in cell.outputs
        if WIDGET in output.get("data", {})
    ]
    return [saved[model]["state"] for model in shown]


def test_a_saved_notebook_holds_all_its_widgets_need(tmp_path: Path) -> None:
    notebook = run(
        [
            "import gradlab as gl\nfrom gradlab_widgets import graph, plot, step, record",
            "a = gl.linspace(0, 6, 25, requires_grad=True)\nb = gl.sin(a)\nc = 2 * b",
            "out = (c + 1).sum()\ngraph(out)",
            "step(out)",
            "plot(gl.sin, a)",
            "with record() as r:\n    out.backward()\nstep(r)",
        ],
        tmp_path,
    )
    drawn, stepped, plotted, recorded = states(notebook)
    assert [s["view"] for s in (drawn, stepped, plotted, recorded)] == [
        "graph",
        "step",
        "plot",
        "step",
    ]
    for state in (drawn, stepped, plotted, recorded):
        assert len(state["_esm"]) > 1000
        assert state["position"] == -1
        json.dumps(state, allow_nan=False)
    assert stepped["payload"]["nodes"]["name"] == ["a", "a", "b", "c", "", "out"]
    assert "free" in recorded["payload"]["steps"]["kind"]
    assert plotted["payload"]["x_label"] == "a"


def test_nodes_know_their_cell_without_being_asked(tmp_path: Path) -> None:
    notebook = run(
        [
            "import gradlab_widgets as gw\nimport gradlab as gl",
            "def wave(x):\n    return gl.sin(x)",
            "a = gl.ones(3, requires_grad=True)\nb = wave(a)\nc = b * 2",
            "gw.graph(c)",
        ],
        tmp_path,
    )
    payload = states(notebook)[0]["payload"]
    sources = payload["sources"]
    found = {
        payload["nodes"]["title"][i]: (sources["cell"][s], sources["line"][s], sources["text"][s])
        for i, s in enumerate(payload["nodes"]["source"])
        if s is not None
    }
    assert found == {
        "sin": ("In [2]", 2, "return gl.sin(x)"),
        "×": ("In [3]", 3, "c = b * 2"),
    }


def test_pytorch_imported_after_the_widgets_is_observed(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    notebook = run(
        [
            "import gradlab_widgets as gw\nimport torch\n"
            "a = torch.ones(3, requires_grad=True)\nb = torch.sin(a)",
            "gw.step(b.sum())",
        ],
        tmp_path,
    )
    payload = states(notebook)[0]["payload"]
    assert payload["sources"]["cell"] == ["In [1]", "In [2]"]
    assert payload["sources"]["text"] == ["b = torch.sin(a)", "gw.step(b.sum())"]


def test_the_figure_shows_itself(tmp_path: Path) -> None:
    notebook = run(
        [
            "import gradlab as gl\nfrom gradlab_widgets import plot",
            "plot(gl.sin, gl.ones(3)).figure()",
        ],
        tmp_path,
    )
    data = notebook.cells[1].outputs[0]["data"]
    assert "image/png" in data
