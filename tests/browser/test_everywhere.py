"""The same notebook in Notebook 7 and in JupyterLab: run, saved without a kernel, and untrusted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.harness import Lab, Watched, run_all_cells, running_lab, watched_page
from tests.browser.test_first_lesson import NO_KERNELS, kernel_is_idle

PICTURES = Path(__file__).parents[2] / "artefacts" / "everywhere"
A = [0.5, 1.0]
EVIL = "<img src=x onerror='window.hacked=1'>"
APPS = {"lab": "lab/tree/{}?reset&", "notebook": "notebooks/{}?"}

SETUP = f"""\
import gradlab as gl
import gradlab_widgets as gw
a = gl.tensor({A}, requires_grad=True)
b = gl.sin(a)
out = (2 * b + 1).sum()

rules = dict(
    forward=staticmethod(lambda ctx, x: x * 3), backward=staticmethod(lambda ctx, g: g * 3)
)
Evil = type({EVIL!r}, (gl.autograd.Function,), rules)
"""
# Each cell shows one thing; its name is what the tests call it by.
SHOWN = {
    "graph": "gw.graph(out)",
    "step": "gw.step(out)",
    "plot": "gw.plot(gl.sin, gl.linspace(0, 6, 25))",
    "evil": "gw.step(Evil.apply(a).sum())",
    "why": "gw.why(a)",
    "explain": "gw.explain(a, 0, out)",
    "compare": "gw.compare(out, (3 * b + 1).sum())",
    "predict": "gw.predict(out, a)",
    "live": "gw.live()",
    "more": "more = gl.exp(a)",
}
WIDGETS = ("graph", "step", "plot", "evil", "live")
ANSWERS = ("why", "explain", "compare", "predict")

# What the applications, and sidecar in Notebook, complain of by themselves.
THEIRS = re.compile(
    "Command 'filebrowser:open-path' not registered"
    "|Cannot read properties of undefined \\(reading 'schema'\\)"
    "|Could not create a view for model id"
)


class Shown:
    """A notebook in the browser."""

    def __init__(self, watched: Watched) -> None:
        self.page = watched.page
        self._watched = watched

    def output(self, name: str) -> Locator:
        """What the cell called `name` shows."""
        cell = self.page.locator(".jp-CodeCell").nth(1 + list(SHOWN).index(name))
        return cell.locator(".jp-Cell-outputArea")

    def see(self, name: str) -> Locator:
        """Scroll to an output, since those out of sight are not laid out."""
        output = self.output(name)
        output.scroll_into_view_if_needed()
        return output

    def keep_picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.set_viewport_size({"width": 1280, "height": 4400})
        self.page.wait_for_timeout(400)
        self.page.screenshot(path=PICTURES / f"{name}.png")
        self.page.set_viewport_size({"width": 1280, "height": 900})

    @property
    def complaints(self) -> list[str]:
        return [said for said in self._watched.complaints if not THEIRS.search(said)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "lessons").mkdir()
    return home


@contextmanager
def server(home: Path, *arguments: str) -> Iterator[Lab]:
    """JupyterLab, which serves Notebook's pages as well."""
    root = f"--ServerApp.root_dir={home / 'lessons'}"
    with running_lab(
        home, "-m", "jupyterlab", "--no-browser", "--allow-root", root, *arguments
    ) as lab:
        yield lab


@pytest.fixture(scope="module")
def lab(home: Path) -> Iterator[Lab]:
    with server(home) as lab:
        yield lab


@pytest.fixture(scope="module")
def lab_without_kernels(home: Path, run_in_notebook: Shown) -> Iterator[Lab]:
    with server(home, *NO_KERNELS) as lab:
        yield lab


def open_in(app: str, lab: Lab, name: str, page: Page) -> None:
    page.goto(f"{lab.address}{APPS[app].format(name)}token={lab.token}")


@pytest.fixture(scope="module")
def run_in_notebook(lab: Lab, browser: Browser) -> Iterator[Shown]:
    """The notebook after all its cells ran in Notebook 7 and it was saved there.

    A copy of it, changed in a word, is left beside it: nobody has signed that one.
    """
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *SHOWN.values())]
    written = nbformat.v4.new_notebook(cells=cells)
    written.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    path = lab.folder / "run.ipynb"
    nbformat.write(written, path)
    with watched_page(browser) as watched:
        page = watched.page
        open_in("notebook", lab, path.name, page)
        expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible()
        run_all_cells(page)
        page.keyboard.press("Control+s")
        expect(page.locator(".jp-NotebookCheckpoint")).to_contain_text("Last Checkpoint")
        changed = path.read_text("utf-8").replace("2 * b + 1", "2 * b + 1 + 0")
        (lab.folder / "untrusted.ipynb").write_text(changed, "utf-8")
        yield Shown(watched)


@pytest.fixture(scope="module", params=APPS)
def saved(
    request: pytest.FixtureRequest, lab_without_kernels: Lab, browser: Browser
) -> Iterator[Shown]:
    """The saved notebook where there is no kernel."""
    with watched_page(browser) as watched:
        open_in(request.param, lab_without_kernels, "run.ipynb", watched.page)
        dialog = watched.page.locator(".jp-Dialog")
        dialog.get_by_role("button", name="No Kernel").click()
        expect(dialog).to_have_count(0)
        yield Shown(watched)


@pytest.fixture(scope="module", params=APPS)
def untrusted(
    request: pytest.FixtureRequest, run_in_notebook: Shown, lab: Lab, browser: Browser
) -> Iterator[Shown]:
    """The copy that nobody has signed."""
    with watched_page(browser) as watched:
        open_in(request.param, lab, "untrusted.ipynb", watched.page)
        yield Shown(watched)


# Drawn and driven --------------------------------------------------------------------------------


def walk(shown: Shown) -> None:
    """Step to the gradient by the mouse, and back to the start by the keyboard."""
    step = shown.see("step")
    position = step.locator("[data-gl=position]")
    expect(position).to_have_text(re.compile(r"step \d+ of"))
    step.locator("[data-gl=last]").click()
    elements = step.locator("[data-gl=grad-after] [data-gl=element]").all()
    numbers = [float(element.get_attribute("data-value") or "nan") for element in elements]
    assert numbers == pytest.approx([2 * math.cos(x) for x in A], abs=1e-3)
    step.locator("[data-gl=graph]").focus()
    shown.page.keyboard.press("ArrowLeft")
    expect(step.locator("[data-gl=grad-after]")).to_have_count(0)
    shown.page.keyboard.press("Home")
    expect(position).to_have_text(re.compile("step 0 of"))


def all_are_drawn(shown: Shown) -> None:
    for name in WIDGETS:
        expect(shown.see(name).locator("[data-gl-view]")).to_be_visible()
    for name in ANSWERS:
        picture = shown.see(name).locator("img").first
        assert picture.evaluate("(e) => e.decode().then(() => e.naturalWidth)") > 50
        assert picture.get_attribute("alt")


def test_in_notebook_everything_is_drawn(run_in_notebook: Shown) -> None:
    all_are_drawn(run_in_notebook)
    run_in_notebook.keep_picture("notebook")


def test_in_notebook_the_stepper_steps(run_in_notebook: Shown) -> None:
    walk(run_in_notebook)


def test_in_notebook_the_live_panel_sits_in_the_output(run_in_notebook: Shown) -> None:
    """With sidecar installed, too: Notebook has no place beside."""
    panel = run_in_notebook.see("live")
    expect(panel.locator(".gl-live-bar")).to_have_text(re.compile("^live"))
    expect(panel.locator("[data-gl=node]", has_text="more")).to_be_visible()


def test_a_saved_notebook_is_drawn_without_a_kernel(
    saved: Shown, request: pytest.FixtureRequest
) -> None:
    all_are_drawn(saved)
    saved.keep_picture(f"saved-in-{request.node.callspec.params['saved']}")


def test_a_saved_notebook_steps_without_a_kernel(saved: Shown) -> None:
    walk(saved)


def test_a_saved_panel_does_not_call_itself_live(saved: Shown) -> None:
    expect(saved.see("live").locator(".gl-live-bar")).to_have_text(re.compile("^not live"))


# Untrusted: no widget and no script, but a picture and a table -----------------------------------


@pytest.mark.parametrize("name", [*WIDGETS, *ANSWERS])
def test_an_untrusted_notebook_shows_a_picture(untrusted: Shown, name: str) -> None:
    output = untrusted.see(name)
    picture = output.locator("img[src^='data:image/svg']").first
    assert picture.evaluate("(e) => e.decode().then(() => e.naturalWidth)") > 50
    assert len(picture.get_attribute("alt") or "") > 20
    expect(output.locator("[data-gl-view]")).to_have_count(0)


@pytest.mark.parametrize("name", WIDGETS)
def test_an_untrusted_notebook_shows_a_table(untrusted: Shown, name: str) -> None:
    output = untrusted.see(name)
    output.locator("summary").click()
    expect(output.locator("tbody tr").first).to_be_visible()


def test_an_untrusted_notebook_is_kept_as_a_picture(
    untrusted: Shown, request: pytest.FixtureRequest
) -> None:
    untrusted.keep_picture(f"untrusted-in-{request.node.callspec.params['untrusted']}")


# The keyboard alone ------------------------------------------------------------------------------

KEYS = {**SHOWN, "predict": "gw.predict(out, a).form()", "live": "gw.live(beside=False)"}


class Keyboard:
    """A notebook in JupyterLab that no pointer touches."""

    def __init__(self, watched: Watched) -> None:
        self.shown = Shown(watched)
        self.press = watched.page.keyboard.press
        self.write = watched.page.keyboard.type

    def tab_to(self, name: str, selector: str) -> Locator:
        """Press tab until the focus is on `selector` in the output called `name`."""
        wanted = self.shown.output(name).locator(selector).first
        for _ in range(80):
            if wanted.evaluate("(e) => e === document.activeElement"):
                return wanted
            self.press("Tab")
        raise AssertionError(f"80 tabs do not lead to {selector} of {name}")


@pytest.fixture(scope="module")
def keyboard(lab: Lab, browser: Browser) -> Iterator[Keyboard]:
    """A notebook whose cells were run by Shift+Enter."""
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *KEYS.values())]
    written = nbformat.v4.new_notebook(cells=cells)
    written.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(written, lab.folder / "keys.ipynb")
    with watched_page(browser) as watched:
        page = watched.page
        open_in("lab", lab, "keys.ipynb", page)
        kernel_is_idle(page)
        expect(page.locator(".jp-Notebook:focus-within")).to_be_visible()
        for cell in range(len(cells)):
            page.keyboard.press("Shift+Enter")
            prompt = page.locator(".jp-CodeCell").nth(cell).locator(".jp-InputPrompt")
            expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))
        page.keyboard.press("Escape")
        for _ in range(len(cells)):
            page.keyboard.press("ArrowUp")
        yield Keyboard(watched)


def test_by_keys_a_graph_tells_of_a_node(keyboard: Keyboard) -> None:
    keyboard.tab_to("graph", "[data-gl=graph]")
    for key in ("ArrowUp", "Home", "ArrowDown", "ArrowDown", "Enter"):  # the first shows the cursor
        keyboard.press(key)
    details = keyboard.shown.output("graph").locator("[data-gl=details]")
    expect(details).to_contain_text("SinBackward0")
    keyboard.press("/")
    keyboard.write("sum")
    keyboard.press("Enter")
    found = keyboard.shown.output("graph").locator("[data-gl=found]")
    expect(found).to_have_text("1 of 1")
    keyboard.press("Escape")


def test_by_keys_the_stepper_steps(keyboard: Keyboard) -> None:
    keyboard.tab_to("step", "[data-gl=graph]")
    keyboard.press("End")
    elements = keyboard.shown.output("step").locator("[data-gl=grad-after] [data-gl=element]")
    expect(elements).to_have_count(2)
    numbers = [float(e.get_attribute("data-value") or "nan") for e in elements.all()]
    assert numbers == pytest.approx([2 * math.cos(x) for x in A], abs=1e-3)
    keyboard.press("t")
    expect(keyboard.shown.output("step").locator("tbody tr").first).to_be_visible()
    keyboard.press("t")


def test_by_keys_a_point_moves_along_a_plot(keyboard: Keyboard) -> None:
    keyboard.tab_to("plot", "[data-gl=plot-frame]")
    keyboard.press("Home")
    keyboard.press("ArrowRight")
    output = keyboard.shown.output("plot")
    x = float(output.locator("[data-gl=x]").get_attribute("data-value") or "nan")
    dy = float(output.locator("[data-gl=dy]").get_attribute("data-value") or "nan")
    assert (x, dy) == pytest.approx((0.25, math.cos(0.25)), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("why", "no backward pass has been run"),
        ("explain", "1.755: one path"),
        ("compare", "things differ"),
    ],
)
def test_by_keys_a_question_is_answered(keyboard: Keyboard, name: str, words: str) -> None:
    expect(keyboard.shown.output(name)).to_contain_text(words)


def test_by_keys_a_prediction_is_checked(keyboard: Keyboard) -> None:
    keyboard.tab_to("predict", "input")
    keyboard.write("2 * cos(a)")
    keyboard.tab_to("predict", "button")
    keyboard.press("Enter")
    expect(keyboard.shown.output("predict")).to_contain_text("Right")


def test_by_keys_the_live_panel_tells_of_a_node(keyboard: Keyboard) -> None:
    keyboard.tab_to("live", "[data-gl=graph]")
    for key in ("ArrowUp", "Home", "Enter"):
        keyboard.press(key)
    expect(keyboard.shown.output("live").locator("[data-gl=details]")).to_contain_text("input")


# Nowhere -----------------------------------------------------------------------------------------


def is_harmless(shown: Shown) -> None:
    """A name that is markup was shown as text, no script ran, and nobody complained."""
    expect(shown.see("evil")).to_contain_text("img src=x onerror")
    assert shown.page.evaluate("window.hacked === undefined")
    assert shown.complaints == []


def test_in_notebook_no_name_is_run(run_in_notebook: Shown) -> None:
    is_harmless(run_in_notebook)


def test_in_a_saved_notebook_no_name_is_run(saved: Shown) -> None:
    is_harmless(saved)


def test_in_an_untrusted_notebook_no_name_is_run(untrusted: Shown) -> None:
    is_harmless(untrusted)
