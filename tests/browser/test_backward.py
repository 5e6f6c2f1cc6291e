"""`Backward` in a real JupyterLab: its picture moves on as cells call next()."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import Lab, running_lab, watched_page
from tests.browser.test_first_lesson import kernel_is_idle

PICTURES = Path(__file__).parents[2] / "artefacts" / "backward"

CELLS = [
    "import gradlab as gl\nimport gradlab_widgets as gw\n"
    "a = gl.tensor([0.5, 1.0], requires_grad=True)\nb = gl.sin(a)\nloss = (2 * b + 1).sum()",
    "backward = gw.Backward(loss)\nbackward",
    "next(backward)",
    "next(backward)\nnext(backward)",
    "print(a.grad, backward.done)",
    "print(backward.run(), backward.done)",
    "print(a.grad)",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    (home / "lessons").mkdir()
    root = f"--ServerApp.root_dir={home / 'lessons'}"
    with running_lab(home, "-m", "jupyterlab", "--no-browser", "--allow-root", root) as lab:
        yield lab


@pytest.fixture
def page(lab: Lab, browser: Browser) -> Iterator[Page]:
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    written.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(written, lab.folder / "by-hand.ipynb")
    with watched_page(browser) as watched:
        watched.page.set_viewport_size({"width": 1280, "height": 1800})
        watched.page.goto(lab.url("by-hand.ipynb"))
        kernel_is_idle(watched.page)
        yield watched.page
        assert watched.complaints == []


def run(page: Page, cell: int) -> str:
    """Run a cell, and return what it printed."""
    code = page.locator(".jp-CodeCell").nth(cell)
    code.locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    expect(code.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))
    return " ".join(code.locator(".jp-OutputArea-output").all_text_contents()).strip()


def test_the_picture_moves_on_as_cells_call_next(page: Page) -> None:
    face = page.locator("[data-gl-view=step]")
    position = face.locator("[data-gl=position]")
    states = face.locator("[data-gl=node]")

    def told() -> dict[str, str]:
        """The state of each operation, by its title."""
        boxes = states.all()
        return {
            box.locator(".gl-title").first.text_content() or "": box.get_attribute("data-state")
            or ""
            for box in boxes
        }

    run(page, 0)
    run(page, 1)
    expect(states.first).to_be_visible()
    assert set(told().values()) == {"waiting"}
    assert run(page, 2).endswith("Step(SumBackward0)")
    expect(position).to_have_text("step 2 of 2")
    assert told()["sum"] == "now"
    assert run(page, 3).endswith("Step(MulBackward0)")
    expect(position).to_have_text("step 4 of 5")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "half-way.png")
    state = told()
    assert (state["sum"], state["+"], state["×"], state["sin"]) == (
        "done",
        "done",
        "now",
        "waiting",
    )
    assert run(page, 4) == "None False"
    assert run(page, 5) == "Step(AccumulateGrad) True"
    expect(face.locator("[data-gl=words]")).to_contain_text("a.grad was None; now it is")
    assert "waiting" not in {s for title, s in told().items() if title != "a"}
    assert run(page, 6).startswith("tensor([1.7552, 1.0806])")
    page.screenshot(path=PICTURES / "done.png")


def test_what_was_zoomed_and_chosen_stays_when_the_pass_goes_on(page: Page) -> None:
    face = page.locator("[data-gl-view=step]")
    run(page, 0)
    run(page, 1)
    face.locator("[data-gl=node]", has_text="sin").click()
    face.locator("[data-gl=zoom-in]").click()
    face.locator("[data-gl=zoom-in]").click()
    face.get_by_role("button", name="Stop here").click()
    marked = face.locator("[data-selected][data-stop]")
    expect(marked).to_contain_text("sin")
    scale = "e => new DOMMatrix(getComputedStyle(e).transform).a"
    expect(face.locator(".gl-near:not(.gl-glide)")).to_have_count(1)
    zoomed = face.locator(".gl-near").evaluate(scale)
    assert zoomed > 1.2
    kept = face.element_handle()
    run(page, 2)
    run(page, 3)
    expect(face.locator("[data-gl=position]")).to_have_text("step 4 of 5")
    assert face.locator(".gl-near").evaluate(scale) == pytest.approx(zoomed)
    expect(marked).to_contain_text("sin")
    expect(face.locator("[data-gl=details]")).to_be_visible()
    assert face.evaluate("(e, kept) => e === kept", kept), "the same face goes on"
    run(page, 5)
    assert face.locator(".gl-near").evaluate(scale) == pytest.approx(zoomed)
