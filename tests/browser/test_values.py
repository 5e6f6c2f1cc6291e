"""Values in a real JupyterLab: heat maps and images, and elements taken apart by keys alone.

The same notebook runs on gradlab and on PyTorch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.harness import Lab, running_lab, watched_page
from tests.browser.test_first_lesson import kernel_is_idle, looking

PICTURES = Path(__file__).parents[2] / "artefacts" / "values"
SIZE = {"width": 1280, "height": 1400}

CELLS = {
    "names": "import {library} as gl\nimport gradlab_widgets as gw\nfrom math import inf, nan",
    "product": """gl.manual_seed(0)
X, W, b = gl.randn(2, 3), gl.randn(3, 4), gl.randn(4)
W.requires_grad_(), b.requires_grad_()
Y = X @ W
h = gl.tanh(Y + b)
loss = (h ** 2).mean()
gw.step(loss)""",
    "odd": """odd = gl.tensor([[1e38, -0.0, nan], [inf, -inf, -1e-30]], requires_grad=True)
deep = gl.arange(32.0).reshape(2, 2, 2, 2, 2).requires_grad_()
none = gl.zeros(0, 3, requires_grad=True)
wide = gl.linspace(-1, 1, 60).reshape(3, 20).requires_grad_()
yes = deep > 3
total = (odd * 2).sum() + gl.where(yes, deep, -deep).sum() + none.sum() + gl.exp(wide).sum()
gw.graph(total)""",
    "large": """large, V = gl.randn(200, 64), (gl.randn(64, 32) / 8).requires_grad_()
out = gl.relu(large @ V).sum()
gw.step(out)""",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    (home / "lessons").mkdir()
    root = f"--ServerApp.root_dir={home / 'lessons'}"
    with running_lab(home, "-m", "jupyterlab", "--no-browser", "--allow-root", root) as lab:
        yield lab


class Notebook:
    """A notebook in JupyterLab whose cells have run."""

    in_lab = True

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name

    def widget(self, cell: str) -> Locator:
        code = self.page.locator(".jp-CodeCell").nth(list(CELLS).index(cell))
        code.scroll_into_view_if_needed()
        return code.locator(".gradlab")

    def part(self, cell: str, handle: str) -> Locator:
        return self.widget(cell).locator(f"[data-gl={handle}]")

    def select(self, cell: str, title: str) -> None:
        """Click the box of that title."""
        named = re.compile(f"^{re.escape(title)}$")
        title_of = self.page.locator(".gl-title", has_text=named)
        self.part(cell, "node").filter(has=title_of).first.click()

    def step_to(self, cell: str, title: str) -> None:
        """Step until the rule of an operation runs."""
        heading = self.widget(cell).locator(".gl-side section").first
        self.part(cell, "graph").focus()
        self.page.keyboard.press("Home")
        for _ in range(20):
            self.page.keyboard.press("ArrowRight")
            if re.match(rf"{title}.*the rule runs", heading.inner_text(), re.DOTALL):
                return
        pytest.fail(f"no rule of {title} ran")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def focus(self) -> str:
        """What somebody who cannot see is told of the element with the focus."""
        return str(self.page.evaluate("document.activeElement.getAttribute('aria-label')"))


@pytest.fixture(scope="module", params=["gradlab", "torch"])
def notebook(request: pytest.FixtureRequest, lab: Lab, browser: Browser) -> Iterator[Notebook]:
    pytest.importorskip(request.param)
    cells = [cell.replace("{library}", request.param) for cell in CELLS.values()]
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    written.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(written, lab.folder / f"{request.param}.ipynb")
    with watched_page(browser) as watched:
        watched.page.set_viewport_size(SIZE)
        watched.page.goto(lab.url(f"{request.param}.ipynb"))
        kernel_is_idle(watched.page)
        for code in watched.page.locator(".jp-CodeCell").all():
            code.locator(".jp-InputArea-editor").click()
            watched.page.keyboard.press("Control+Enter")
            expect(code.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))
        yield Notebook(watched.page, request.param)
        assert watched.complaints == []


def terms(apart: Locator) -> tuple[list[float], float]:
    """The terms that are listed, and what they are said to give."""
    last = [
        float(re.sub(r"[()]", "", row.locator("td").last.inner_text()).replace("−", "-"))
        for row in apart.locator("tr").all()
    ]
    return last[:-1], last[-1]


def test_a_gradient_is_taken_apart_by_keys_alone(notebook: Notebook) -> None:
    notebook.step_to("product", "matmul")
    position = notebook.part("product", "position").inner_text()
    for _ in range(60):
        notebook.press("Tab")
        if notebook.page.locator("[data-gl=outgoing] [role=gridcell]:focus").count():
            break
    assert notebook.focus.startswith("[0, 0] ")
    notebook.press("ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft")
    assert notebook.focus.startswith("[1, 1] ")
    notebook.press("Enter")
    apart = notebook.part("product", "apart")
    expect(apart).to_be_visible()
    parts, total = terms(apart)
    assert len(parts) == 2
    assert sum(parts) == pytest.approx(total, rel=2e-3)
    assert float(notebook.focus.partition("] ")[2]) == pytest.approx(total, rel=1e-3)
    assert notebook.part("product", "position").inner_text() == position
    notebook.press("End")  # the end of time, as elsewhere
    assert notebook.part("product", "position").inner_text() != position


def test_an_element_of_a_product_shows_the_row_and_the_column_that_made_it(
    notebook: Notebook,
) -> None:
    notebook.select("product", "matmul")
    value = notebook.part("product", "details").locator("[data-gl=value]")
    value.locator("[data-gl=element]").nth(6).click()
    maps = value.locator("[data-gl=apart] figure")
    outlined = maps.evaluate_all(
        """all => all.map(map => [...map.querySelectorAll(".gl-cell")]
            .flatMap((cell, i) => cell.hasAttribute("data-in") ? [i] : []))"""
    )
    assert outlined == [[3, 4, 5], [2, 6, 10]]  # row 1 of X, column 2 of W
    parts, total = terms(value.locator("[data-gl=apart]"))
    assert sum(parts) == pytest.approx(total, rel=2e-3)
    notebook.press("Escape")


def test_the_pointer_is_told_what_it_is_on(notebook: Notebook) -> None:
    notebook.select("product", "matmul")
    value = notebook.part("product", "details").locator("[data-gl=value]")
    cell = value.locator("[data-gl=element]").nth(5)
    cell.hover()
    told = f"[1, 1] = {cell.get_attribute('data-value')}"
    expect(value.locator(".gl-tell")).to_have_text(told)
    notebook.press("Escape")


@pytest.mark.parametrize(
    ("title", "texts"),
    [
        ("odd", ["1e+38", "-0.0", "nan", "inf", "-inf", "-1e-30"]),
        ("none", []),
    ],
)
def test_odd_numbers_look_like_what_they_are(
    notebook: Notebook, title: str, texts: list[str]
) -> None:
    notebook.select("odd", title)
    value = notebook.part("odd", "details").locator("[data-gl=value]")
    assert value.locator("[data-gl=element]").all_inner_texts() == texts
    expect(value).to_contain_text("[2, 3] float32" if texts else "no elements")
    hatched = value.locator(".gl-odd").all_inner_texts()
    assert hatched == [text for text in texts if re.search("nan|inf", text)]
    notebook.press("Escape")


def test_a_large_value_is_an_image_and_a_histogram(notebook: Notebook) -> None:
    notebook.step_to("large", "matmul")
    far = notebook.part("large", "outgoing").locator("[data-gl=far]").last
    expect(far.locator("[role=gridcell]")).to_have_count(256)
    label = far.locator("svg").get_attribute("aria-label") or ""
    counts = [int(n) for n in label.rpartition(":")[2].split(",")]
    assert len(counts) == 16
    assert f"Histogram of {sum(counts):,} elements" in label
    far.locator("[role=gridcell]").nth(17).focus()
    assert re.match(r"\[4, 2\] ≈ -?[\d.]+", notebook.focus)
    notebook.press("ArrowUp")
    assert notebook.focus.startswith("[0, 2] ≈ ")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_pictures_are_kept(notebook: Notebook, theme: str, width: int) -> None:
    page = notebook.page
    folder = PICTURES / notebook.name
    folder.mkdir(parents=True, exist_ok=True)
    notebook.step_to("product", "matmul")
    notebook.part("product", "outgoing").locator("[data-gl=element]").nth(5).click()
    notebook.select("odd", "deep")
    notebook.step_to("large", "matmul")
    with looking(notebook, theme, width):
        for cell in ("product", "odd", "large"):
            widget = notebook.widget(cell)
            widget.locator(".gl-side").evaluate("side => side.scrollTop = 0")
            widget.scroll_into_view_if_needed()
            page.wait_for_timeout(400)
            widget.screenshot(path=folder / f"{cell}-{theme}-{width}.png")
            assert widget.evaluate("e => e.scrollWidth <= e.clientWidth"), "cut off"
    page.set_viewport_size(SIZE)
