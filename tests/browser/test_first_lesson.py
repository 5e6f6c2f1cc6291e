"""A learner opens the first lesson, runs it, and walks through its backward pass and back.

The same walk is then taken in the saved notebook under a fresh kernel, in the saved notebook with
no kernel at all, and in the page that the lesson exports.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.harness import Lab, Watched, choose, run_all_cells, running_lab, watched_page

LESSON = "01_tensors_that_remember.ipynb"
SAVED = "saved.ipynb"
A = [2 * math.pi * i / 24 for i in range(25)]
PICTURES = Path(__file__).parents[2] / "artefacts"
NO_KERNELS = (
    "--KernelSpecManager.ensure_native_kernel=False",
    "--KernelSpecManager.allowed_kernelspecs=none",
)

expect.set_options(timeout=30_000)


@dataclass(frozen=True)
class Place:
    """Somewhere the walk can be taken: a page with the stepper in it."""

    name: str
    watched: Watched

    @property
    def page(self) -> Page:
        return self.watched.page

    @property
    def walk(self) -> Locator:
        return self.page.locator("[data-gl-view=step]")

    @property
    def in_lab(self) -> bool:
        return self.name != "exported"

    def press(self, button: str) -> None:
        self.walk.locator(f"[data-gl={button}]").click()

    @property
    def step(self) -> tuple[int, int]:
        """The step shown and how many there are."""
        position, words = self.walk.locator("[data-gl=position]"), r"step ([\d,]+) of ([\d,]+)"
        # The first paint may still be due, and JupyterLab lays out no cell that is out of sight,
        # whose inner text is then empty.
        expect(position).to_have_text(re.compile(words))
        now, last = re.fullmatch(words, position.text_content()).groups()
        return int(now), int(last)

    def numbers(self, handle: str) -> list[float]:
        """The numbers a value shows, read from the page."""
        elements = self.walk.locator(f"[data-gl={handle}][data-gl-name=a] [data-gl=element]")
        return [float(e.get_attribute("data-value")) for e in elements.all()]


# The places --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def lab(home: Path) -> Iterator[Lab]:
    """JupyterLab as `gradlab lab` starts it."""
    command = ["-m", "gradlab", "lab", "--no-browser", "--dir", str(home / "lessons")]
    with running_lab(home, *command) as lab:
        yield lab


@pytest.fixture(scope="module")
def live(lab: Lab, browser: Browser) -> Iterator[Watched]:
    """The lesson, opened by the address the server starts with, run to its end and saved."""
    with watched_page(browser) as watched:
        page = watched.page
        page.goto(lab.url())
        expect(page).to_have_url(re.compile(LESSON))
        run_all(page)
        page.keyboard.press("Control+s")
        expect(page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(0)
        shutil.copy(lab.folder / LESSON, lab.folder / SAVED)
        yield watched


@contextmanager
def under_a_fresh_kernel(lab: Lab, browser: Browser) -> Iterator[Watched]:
    with watched_page(browser) as watched:
        watched.page.goto(lab.url(SAVED))
        kernel_is_idle(watched.page)
        yield watched


@contextmanager
def without_a_kernel(lab: Lab, browser: Browser) -> Iterator[Watched]:
    root = f"--ServerApp.root_dir={lab.folder}"
    command = ["-m", "jupyterlab", "--no-browser", "--allow-root", root, *NO_KERNELS]
    with running_lab(lab.folder.parent, *command) as bare, watched_page(browser) as watched:
        watched.page.goto(bare.url(SAVED))
        dialog = watched.page.locator(".jp-Dialog")
        dialog.get_by_role("button", name="No Kernel").click()
        expect(dialog).to_have_count(0)
        yield watched


@contextmanager
def exported(lab: Lab, browser: Browser) -> Iterator[Watched]:
    with watched_page(browser) as watched:
        watched.page.goto((lab.folder / "backward.html").as_uri())
        yield watched


OTHERS = {
    "saved": under_a_fresh_kernel,
    "no-kernel": without_a_kernel,
    "exported": exported,
}


@pytest.fixture(scope="module", params=["live", *OTHERS])
def place(
    request: pytest.FixtureRequest, live: Watched, lab: Lab, browser: Browser
) -> Iterator[Place]:
    if request.param == "live":
        yield Place("live", live)
        return
    with OTHERS[request.param](lab, browser) as watched:
        yield Place(request.param, watched)


@pytest.fixture
def at_start(place: Place) -> Place:
    """The stepper in view, before the first step."""
    place.walk.scroll_into_view_if_needed()
    if place.step[0]:
        place.press("first")
    expect(place.walk.locator("[data-gl=position]")).to_have_text(re.compile("step 0 of"))
    return place


def kernel_is_idle(page: Page) -> None:
    expect(page.get_by_text(re.compile(r"Python 3.* \| Idle"))).to_be_visible()


def run_all(page: Page) -> None:
    kernel_is_idle(page)
    run_all_cells(page)
    kernel_is_idle(page)


# The walk ----------------------------------------------------------------------------------------


def test_the_lesson_ran_without_an_error(live: Watched, lab: Lab) -> None:
    cells = json.loads((lab.folder / LESSON).read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert len(outputs) > 8
    assert [output for output in outputs if output["output_type"] == "error"] == []


def test_jupyterlab_asks_nothing(live: Watched) -> None:
    expect(live.page.locator(".jp-Dialog")).to_have_count(0)
    expect(live.page.locator(".Toastify__toast")).to_have_count(0)


def test_every_widget_of_the_lesson_is_drawn(place: Place) -> None:
    faces = ["graph", "step", "plot"] if place.in_lab else ["step"]
    for face in faces:
        shown = place.page.locator(f"[data-gl-view={face}]")
        expect(shown).to_have_count(1)
        shown.scroll_into_view_if_needed()
        expect(shown).to_be_visible()


def test_the_graph_shows_the_tensors_by_their_names(at_start: Place) -> None:
    nodes = at_start.walk.locator("[data-gl=node]")
    assert nodes.count() == 6
    words = nodes.locator("text").all_text_contents()
    assert {"a", "b", "c", "d", "out", "sin", "×", "+", "sum"} <= set(words)


def test_the_mouse_steps_to_the_gradient_and_back(at_start: Place) -> None:
    place, last = at_start, at_start.step[1]
    told = [place.walk.locator("[data-gl=words]").inner_text()]
    for position in range(1, last + 1):
        place.press("forward")
        assert place.step == (position, last)
        told.append(place.walk.locator("[data-gl=words]").inner_text())
    assert len(set(told)) == len(told), "every step is told in words of its own"
    assert place.numbers("grad-before") == []
    assert place.numbers("grad-after") == pytest.approx([2 * math.cos(a) for a in A], abs=1e-6)

    for position in reversed(range(last)):
        place.press("back")
        assert place.step == (position, last)
        assert place.walk.locator("[data-gl=words]").inner_text() == told[position]
    expect(place.walk.locator("[data-gl=grad-after]")).to_have_count(0)


def test_the_keyboard_alone_steps_to_the_gradient_and_back(at_start: Place) -> None:
    place, last = at_start, at_start.step[1]
    place.walk.locator("[data-gl=graph]").focus()
    for position in range(1, last + 1):
        place.page.keyboard.press("ArrowRight")
        assert place.step == (position, last)
    assert place.numbers("grad-after") == pytest.approx([2 * math.cos(a) for a in A], abs=1e-6)
    place.page.keyboard.press("ArrowLeft")
    assert place.step == (last - 1, last)
    place.page.keyboard.press("Home")
    assert place.step == (0, last)
    place.page.keyboard.press("End")
    assert place.step == (last, last)


@pytest.mark.parametrize("width", [1280, 400])
def test_the_names_of_the_keys_stand_on_one_line_each(at_start: Place, width: int) -> None:
    place = at_start
    with looking(place, "light", width):
        lines = place.walk.locator(".gl-keys dt").evaluate_all(
            """all => all.map(term => {
                const text = document.createRange();
                text.selectNodeContents(term);
                return text.getClientRects().length;
            })"""
        )
        assert len(lines) >= 8
        assert set(lines) == {1}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_pictures_are_kept(at_start: Place, theme: str, width: int) -> None:
    place = at_start
    folder = PICTURES / place.name
    folder.mkdir(parents=True, exist_ok=True)
    moments = {"start": [], "middle": ["forward"] * 4, "end": ["last"]}
    with looking(place, theme, width):
        for moment, buttons in moments.items():
            for button in buttons:
                place.press(button)
            place.walk.scroll_into_view_if_needed()
            place.page.screenshot(path=folder / f"{theme}-{width}-{moment}.png")
        assert place.walk.evaluate("e => e.scrollWidth <= e.clientWidth"), "cut off at the side"


@contextmanager
def looking(place: Place, theme: str, width: int) -> Iterator[None]:
    """Look at a place in a theme and at a width; in a narrow one the side bar makes way."""
    page = place.page
    narrow, dark = width < 600, theme == "dark"
    side_bar = page.locator(".jp-SideBar.jp-mod-left [title^='File Browser']")
    page.emulate_media(color_scheme=theme)
    if place.in_lab and dark:
        choose(page, "Settings", "Theme", "JupyterLab Dark")
    if place.in_lab and narrow:
        side_bar.click()
    page.set_viewport_size({"width": width, "height": 900})
    try:
        yield
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})
        if place.in_lab and narrow:
            side_bar.click()
        if place.in_lab and dark:
            choose(page, "Settings", "Theme", "JupyterLab Light")


def test_the_page_complained_of_nothing(place: Place) -> None:
    assert place.watched.complaints == []
