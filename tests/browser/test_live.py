"""The live panel in a real JupyterLab: it grows as cells run, follows a training loop, forgets.

With gradlab it is docked beside the notebook, with PyTorch it stays in the cell's output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.harness import Lab, choose, running_lab, watched_page
from tests.browser.test_first_lesson import kernel_is_idle, looking

PICTURES = Path(__file__).parents[2] / "artefacts" / "live-panel"
SIZE = {"width": 1280, "height": 1600}
LIBRARIES = {"gradlab": "%gradlab live", "torch": "gw.live(beside=False)"}

CELLS = [
    "import {library} as gl\nimport gradlab_widgets as gw\nfrom {library} import nn",
    "{live}",
    "a = gl.tensor([0.5, 1.0], requires_grad=True)",
    "b = gl.sin(a)",
    "out = (2 * b + 1).sum()",
    "import time\nw = gl.tensor(3.0, requires_grad=True)\n"
    "for turn in range(300):\n    loss = (w - 1) ** 2\n    loss.backward()\n"
    "    with gl.no_grad():\n        w -= 0.01 * w.grad\n    w.grad = None\n    time.sleep(0.01)",
    "del w, loss",
    "b = gl.sin(a)\nout = (2 * b + 1).sum()",
    "del a, b, out, turn",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    (home / "lessons").mkdir()
    root = f"--ServerApp.root_dir={home / 'lessons'}"
    with running_lab(home, "-m", "jupyterlab", "--no-browser", "--allow-root", root) as lab:
        yield lab


class Notebook:
    """A notebook in JupyterLab, whose cells are run one by one."""

    in_lab = True

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panels = page.locator("[data-gl-view=live]:not(.gl-ended)")
        self.panel = self.panels.and_(page.locator(":not(.gl-elsewhere)"))

    def run(self, cell: int, *, wait: bool = True) -> None:
        code = self.page.locator(".jp-CodeCell").nth(cell)
        code.locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Control+Enter")
        if wait:
            expect(code.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))

    @property
    def is_docked(self) -> bool:
        return bool(self.panel.evaluate("(e) => e.matches('.jupyterlab-sidecar *')"))

    def texts(self) -> set[str]:
        return set(self.panel.locator("[data-gl=node] text").all_text_contents())

    def places(self) -> dict[str, str]:
        """Where each box stands in the drawing, by its words."""
        boxes = self.panel.locator("[data-gl=node]:not(.gl-accumulate)").all()
        return {
            " ".join(b.locator(".gl-title, .gl-tag-text").all_text_contents()): str(
                b.get_attribute("transform")
            )
            for b in boxes
        }

    def has(self, nodes: int) -> None:
        word = "node" if nodes == 1 else "nodes"
        expect(self.panel.locator("[data-gl=position]")).to_have_text(f"{nodes} {word}")

    def value(self, box: str) -> str:
        return self.node(box).locator(".gl-note").text_content() or ""

    def node(self, words: str) -> Locator:
        return self.panel.locator("[data-gl=node]", has_text=words).first


@pytest.fixture(scope="module", params=LIBRARIES)
def notebook(request: pytest.FixtureRequest, lab: Lab, browser: Browser) -> Iterator[Notebook]:
    pytest.importorskip(request.param)
    live = LIBRARIES[request.param]
    cells = [c.replace("{library}", request.param).replace("{live}", live) for c in CELLS]
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    written.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    name = f"{request.param}.ipynb"
    nbformat.write(written, lab.folder / name)
    with watched_page(browser) as watched:
        watched.page.set_viewport_size(SIZE)
        watched.page.goto(lab.url(name))
        kernel_is_idle(watched.page)
        notebook = Notebook(watched.page)
        notebook.run(0)
        notebook.run(1)
        yield notebook
        assert watched.complaints == []


def test_it_grows_node_by_node_and_old_nodes_stay(notebook: Notebook) -> None:
    expect(notebook.panel).to_contain_text("No tensor requires a gradient yet.")
    notebook.run(2)
    notebook.has(2)
    first = notebook.places()
    assert set(first) == {"a"}
    notebook.run(3)
    notebook.has(3)
    second = notebook.places()
    notebook.run(4)
    notebook.has(6)
    third = notebook.places()
    assert {"sin b", "×", "+", "sum out"} <= set(third)
    for before, after in ((first, second), (second, third)):
        assert {box: after[box] for box in before} == before


def test_a_training_loop_is_followed_while_it_runs(notebook: Notebook) -> None:
    before = notebook.places()
    notebook.run(5, wait=False)
    prompt = notebook.page.locator(".jp-CodeCell").nth(5).locator(".jp-InputPrompt")
    expect(notebook.node("loss")).to_be_visible()
    seen = set()
    for _ in range(40):
        seen.add(notebook.value("loss"))
        notebook.page.wait_for_timeout(50)
        if prompt.text_content() != "[*]:":
            break
    assert len(seen) >= 5, seen
    expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))
    after = notebook.places()
    assert {box: after[box] for box in before} == before


def test_what_is_deleted_leaves_no_ghost(notebook: Notebook) -> None:
    notebook.run(6)
    notebook.has(6)
    assert "loss" not in notebook.texts()
    before = notebook.places()
    notebook.run(7)  # the same computation again, with new nodes
    notebook.has(6)
    assert notebook.places() == before


def test_details_stay_open_while_the_graph_goes_on(notebook: Notebook) -> None:
    notebook.node("sin").click()
    details = notebook.panel.locator("[data-gl=details]")
    expect(details).to_contain_text("SinBackward0")
    notebook.run(5)
    expect(details).to_contain_text("SinBackward0")
    details.locator("[data-gl=close-details]").click()
    expect(details).to_have_count(0)
    notebook.run(6)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_pictures_are_kept(notebook: Notebook, theme: str, width: int) -> None:
    page = notebook.page
    folder = PICTURES / ("docked" if notebook.is_docked else "output")
    folder.mkdir(parents=True, exist_ok=True)
    with looking(notebook, theme, width):
        notebook.panel.scroll_into_view_if_needed()
        page.wait_for_timeout(400)
        page.screenshot(path=folder / f"{theme}-{width}.png")
        assert notebook.panel.evaluate("e => e.scrollWidth <= e.clientWidth"), "cut off"
    page.set_viewport_size(SIZE)


def test_the_saved_notebook_holds_the_last_state(notebook: Notebook, lab: Lab) -> None:
    page = notebook.page
    page.keyboard.press("Control+s")
    expect(page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(0)
    name = page.url.rpartition("/")[2].partition("?")[0]
    saved = json.loads((lab.folder / name).read_text("utf-8"))
    states = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    live = [s["state"] for s in states.values() if s["state"].get("view") == "live"]
    assert [s["payload"]["nodes"]["name"] for s in live] == [["a", "a", "b", "", "", "out"]]


def test_when_all_is_deleted_the_panel_is_empty(notebook: Notebook) -> None:
    notebook.run(8)
    notebook.has(0)
    expect(notebook.panel.locator("[data-gl=node]")).to_have_count(0)
    expect(notebook.panel).to_contain_text("No tensor requires a gradient yet.")


def test_a_restart_leaves_nothing_that_follows(notebook: Notebook) -> None:
    choose(notebook.page, "Kernel", r"Restart Kernel…")
    notebook.page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    kernel_is_idle(notebook.page)
    was_docked = notebook.page.locator(".jupyterlab-sidecar").count() > 0
    for old in notebook.page.locator("[data-gl-view=live]").all():
        expect(old).to_contain_text("not live", use_inner_text=True)
    notebook.run(0)
    notebook.run(1)
    notebook.run(2)
    notebook.has(2)
    assert set(notebook.places()) == {"a"}
    assert notebook.is_docked == was_docked
    ghosts = notebook.page.locator("[data-gl=node]:visible").filter(has_text="sin")
    expect(ghosts).to_have_count(0)


def test_the_output_shows_the_panel_where_nothing_is_docked(notebook: Notebook) -> None:
    if not notebook.is_docked:
        expect(notebook.panels).to_have_count(1)
        return
    output = notebook.page.locator(".jp-Cell [data-gl-view=live]")
    expect(output).to_have_text(re.compile(r"live\s+beside the notebook"), use_inner_text=True)
    docked = notebook.page.locator(".jupyterlab-sidecar", has=notebook.panel)
    tab = notebook.page.locator(f".lm-TabBar-tab[data-id='{docked.get_attribute('id')}']")
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    expect(output.locator("[data-gl=node]")).to_have_count(2)
    expect(output.locator("[data-gl=node]").first).to_be_visible()
