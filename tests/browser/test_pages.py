"""Pages to hand out, opened from a file with the network cut: exports, tours, nbconvert's HTML."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Browser, Locator, Page, expect

import gradlab as gl
import gradlab_widgets as gw
from gradlab_widgets import Stop
from tests.browser.harness import Watched, running_lab, watched_page

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "artefacts" / "pages"
CONFIG = ROOT / "jupyter/config"
AXE = ROOT / "widgets/node_modules/axe-core/axe.min.js"

expect.set_options(timeout=30_000)

# Jupyter's own, in the kernel that makes the notebook
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page without a network, that must have nothing to complain of."""
    with watched_page(browser) as watched:
        watched.page.context.set_offline(True)
        yield watched
        assert watched.complaints == []


@pytest.fixture
def asked(watched: Watched) -> list[str]:
    """All that the page asks for from anywhere but itself."""
    urls: list[str] = []
    watched.page.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "blob:", "data:")) else urls.append(r.url),
    )
    return urls


def part(page: Page | Locator, handle: str) -> Locator:
    return page.locator(f"[data-gl={handle}]")


def face(page: Page, view: str) -> Locator:
    """A widget; the stepper inside of a tour is none of its own."""
    return page.locator(f".gradlab > [data-gl-view={view}]")


# The exports -------------------------------------------------------------------------------------


def test_an_exported_stepper_steps(watched: Watched, asked: list[str], tmp_path: Path) -> None:
    a = gl.tensor([0.0, 1.0], requires_grad=True)
    shown = gw.step((2 * gl.sin(a) + 1).sum())
    shown.position = 2
    page = watched.page
    page.goto(gw.save_html(shown, tmp_path / "pass.html").as_uri())
    expect(part(page, "position")).to_have_text("step 3 of 6")
    part(page, "last").click()
    expect(part(page, "grad-after").locator("[data-gl=element]").first).to_have_text("2.0")
    assert asked == []


def test_an_exported_graph_and_chart_are_drawn(
    watched: Watched, asked: list[str], tmp_path: Path
) -> None:
    a = gl.linspace(0, 6, 25, requires_grad=True)
    page = watched.page
    page.goto(gw.save_html(gw.graph(gl.sin(a).sum()), tmp_path / "graph.html").as_uri())
    expect(part(page, "node")).to_have_count(4)
    page.goto(gw.save_html(gw.plot(gl.sin, a), tmp_path / "plot.html").as_uri())
    expect(page.locator("[data-gl-view=plot]")).to_be_visible()
    assert asked == []


def test_an_exported_page_prints_in_light_colours_and_whole(
    watched: Watched, tmp_path: Path
) -> None:
    a = gl.tensor([0.0, 1.0], requires_grad=True)
    shown = gw.step(gl.sin(a).sum())
    shown.position, shown.selected = 2, 2
    page = watched.page
    page.emulate_media(color_scheme="dark")
    page.goto(gw.save_html(shown, tmp_path / "pass.html").as_uri())
    side = page.locator(".gl-side")
    expect(part(page, "details")).to_be_visible()
    assert side.evaluate("(e) => e.scrollHeight > e.clientHeight"), "else there is nothing to lose"
    page.emulate_media(media="print", color_scheme="dark")
    assert side.evaluate("(e) => e.scrollHeight <= e.clientHeight")
    face = page.locator(".gl-face")
    assert face.evaluate("(e) => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    expect(page.locator("#still")).to_be_hidden()


def test_without_a_script_there_is_the_picture(browser: Browser, tmp_path: Path) -> None:
    a = gl.tensor([0.0, 1.0], requires_grad=True)
    path = gw.save_html(gw.step(gl.sin(a).sum()), tmp_path / "pass.html")
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    picture = page.get_by_role("img")
    expect(picture).to_be_visible()
    assert (picture.bounding_box() or {"width": 0})["width"] > 100
    context.close()


# Tours -------------------------------------------------------------------------------------------

WORDS = r"""The rule of the *square*: **twice** the `error` times $\bar y$.

$$\bar e = \frac{2}{n} e$$"""


@pytest.fixture(scope="module")
def tour() -> Any:
    """A tour of four stops over eight steps."""
    w = gl.tensor(1.0, requires_grad=True)
    b = gl.tensor(0.0, requires_grad=True)
    guess = w * gl.tensor([1.0, 2.0, 3.0]) + b
    error = guess - gl.tensor([2.0, 4.0, 6.5])
    loss = (error**2).mean()
    stops = [
        Stop("Before anything runs: $100 <b>bold</b>."),
        Stop(WORDS, step="pow", select="pow"),
        Stop(
            "`b` was repeated.",
            step="b",
            select="b.grad",
            ask="What is its gradient?",
            answer="A *sum*.",
        ),
        Stop("All is done.", step=-1, select="w"),
    ]
    return gw.tour(loss, stops, title="How a line learns")


@pytest.fixture
def opened(tour: Any, watched: Watched, tmp_path: Path) -> Page:
    """The page of the tour."""
    watched.page.goto(tour.save(tmp_path / "tour.html").as_uri())
    expect(page_stop(watched.page)).to_have_text("Stop 1 of 4")
    return watched.page


def page_stop(page: Page) -> Locator:
    return part(page, "said").locator(".gl-dim")


def is_at(page: Page, stop: int, step: int) -> None:
    """The words, the marks, the stepper and the address agree where the tour is."""
    expect(page_stop(page)).to_have_text(f"Stop {stop} of 4")
    expect(part(page, "position")).to_have_text(f"step {step} of 8")
    marks = part(page, "stop-mark")
    for i in range(4):
        current = marks.nth(i).get_attribute("aria-current")
        assert current == ("step" if i == stop - 1 else None)
    expect(part(page, "return")).to_be_hidden()


def test_buttons_lead_from_stop_to_stop(opened: Page, asked: list[str]) -> None:
    page = opened
    is_at(page, 1, 0)
    expect(part(page, "details")).to_have_count(0)
    for stop, step in [(2, 3), (3, 6), (4, 8)]:
        part(page, "next-stop").click()
        is_at(page, stop, step)
        expect(part(page, "details")).to_be_visible()
        assert page.url.endswith(f"#{stop}")
    expect(part(page, "next-stop")).to_have_attribute("aria-disabled", "true")
    part(page, "next-stop").click(force=True)
    is_at(page, 4, 8)
    part(page, "previous-stop").click()
    is_at(page, 3, 6)
    part(page, "stop-mark").first.click()
    is_at(page, 1, 0)
    expect(part(page, "previous-stop")).to_have_attribute("aria-disabled", "true")
    assert asked == []


def test_keys_lead_wherever_the_focus_is(opened: Page) -> None:
    page = opened
    page.keyboard.press("n")
    is_at(page, 2, 3)
    part(page, "graph").focus()
    page.keyboard.press("PageDown")
    is_at(page, 3, 6)
    part(page, "slider").focus()
    page.keyboard.press("PageUp")
    is_at(page, 2, 3)
    page.keyboard.press("p")
    is_at(page, 1, 0)
    page.keyboard.press("p")
    is_at(page, 1, 0)
    page.keyboard.press("Control+n")
    is_at(page, 1, 0)


def test_the_keyboard_alone_reaches_everything(opened: Page) -> None:
    page = opened
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.dataset.gl"))
    assert reached[:6] == ["previous-stop", *["stop-mark"] * 4, "next-stop"]
    part(page, "next-stop").focus()
    page.keyboard.press("Enter")
    is_at(page, 2, 3)
    assert part(page, "next-stop").evaluate("(e) => e === document.activeElement")


def test_who_searches_may_type_the_letters_of_the_keys(opened: Page) -> None:
    page = opened
    part(page, "find").click()
    part(page, "search").focus()
    page.keyboard.type("nn")
    expect(part(page, "search")).to_have_value("nn")
    is_at(page, 1, 0)


def test_the_learner_leaves_the_tour_and_comes_back(opened: Page) -> None:
    page = opened
    part(page, "next-stop").click()
    is_at(page, 2, 3)
    part(page, "back").click()
    expect(part(page, "position")).to_have_text("step 2 of 8")
    expect(page_stop(page)).to_have_text("Stop 2 of 4")
    again = part(page, "return")
    expect(again).to_be_visible()
    again.click()
    is_at(page, 2, 3)
    assert part(page, "next-stop").evaluate("(e) => e === document.activeElement")
    part(page, "close-details").click()
    expect(again).to_be_visible()
    page.keyboard.press("n")
    is_at(page, 3, 6)


def test_the_address_is_that_of_a_stop(opened: Page, watched: Watched) -> None:
    page = opened
    address = page.url.partition("#")[0]
    page.goto("about:blank")
    page.goto(f"{address}#3")
    is_at(page, 3, 6)
    part(page, "next-stop").click()
    is_at(page, 4, 8)
    page.go_back()
    is_at(page, 3, 6)
    page.evaluate("location.hash = '#2'")
    is_at(page, 2, 3)
    for wrong in ("#99", "#0", "#x", "#-1", "#1.5"):
        page.goto("about:blank")
        page.goto(address + wrong)
        is_at(page, 1, 0)


def test_words_are_set_and_markup_in_them_is_text(opened: Page) -> None:
    page = opened
    said = part(page, "said")
    expect(said).to_contain_text("$100 <b>bold</b>.")
    expect(said.locator("b")).to_have_count(0)
    part(page, "next-stop").click()
    expect(said.locator("em")).to_have_text("square")
    expect(said.locator("strong")).to_have_text("twice")
    expect(said.locator("code")).to_have_text("error")
    assert said.locator("math").count() == 2
    assert said.locator("math mfrac").count() == 1
    paragraph = said.locator("p math").first
    assert (paragraph.bounding_box() or {"height": 0})["height"] > 8


def test_an_answer_is_hidden_until_it_is_asked_for(opened: Page) -> None:
    page = opened
    said = part(page, "said")
    expect(said.locator("details")).to_have_count(0)
    part(page, "stop-mark").nth(2).click()
    expect(said).to_contain_text("What is its gradient?")
    expect(said.locator("em")).to_be_hidden()
    said.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(said.locator("em")).to_be_visible()
    is_at(page, 3, 6)


def test_a_screen_reader_hears_the_words_and_nothing_moves(opened: Page) -> None:
    page = opened
    said = part(page, "said")
    expect(said).to_have_attribute("aria-live", "polite")
    expect(said).to_have_attribute("aria-atomic", "true")
    expect(page.locator("section.gl-tour")).to_have_attribute("aria-label", "How a line learns")
    expect(part(page, "stop-mark").nth(1)).to_have_accessible_name("Stop 2")
    moving = "document.getAnimations().length"
    page.emulate_media(reduced_motion="reduce")
    part(page, "next-stop").click()
    is_at(page, 2, 3)
    assert page.evaluate(moving) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_pictures_of_the_tour_are_kept(opened: Page, scheme: Any, width: int) -> None:
    page = opened
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    part(page, "next-stop").click()
    is_at(page, 2, 3)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"tour-{scheme}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = part(page, "said").evaluate(
        "(e) => getComputedStyle(e.closest('.gl-face')).backgroundColor"
    )
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_the_page(opened: Page, scheme: Any) -> None:
    page = opened
    if not AXE.exists():
        message = "no axe-core: python hatch_build.py ci installs it"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    page.emulate_media(color_scheme=scheme)
    part(page, "stop-mark").nth(2).click()
    part(page, "said").locator("summary").click()
    part(page, "back").click()
    page.evaluate(AXE.read_text("utf-8"))
    # The body is the stepper's; test_everyone.py looks at it.
    run = "axe.run({ exclude: ['.gl-body'] }).then(({ violations }) => violations)"
    found = page.evaluate(run)
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == []


def test_forced_colours_still_show_the_way(opened: Page) -> None:
    page = opened
    page.emulate_media(forced_colors="active", color_scheme="dark")
    colour = "(e) => getComputedStyle(e).backgroundColor"
    canvas = page.locator("section.gl-tour").evaluate(colour)
    marks = [part(page, "stop-mark").nth(i).evaluate(colour) for i in range(4)]
    assert len({canvas, *marks[:2]}) == 3
    assert marks[1] == marks[2] == marks[3]
    onward = part(page, "next-stop")
    assert onward.evaluate(colour) != onward.evaluate("(e) => getComputedStyle(e).color")
    assert onward.evaluate("(e) => getComputedStyle(e).forcedColorAdjust") == "none"


def test_the_tour_prints_as_a_handout(opened: Page) -> None:
    page = opened
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#widget")).to_be_hidden()
    still = page.locator("#still")
    expect(still.locator("h3")).to_have_text(
        ["Stop 1", "Stop 2 · step 3 of 8", "Stop 3 · step 6 of 8", "Stop 4 · step 8 of 8"]
    )
    expect(still.locator("img")).to_have_count(4)
    expect(still.locator("mfrac")).to_have_count(1)
    assert still.evaluate("(e) => getComputedStyle(e).color") == "rgb(0, 0, 0)"
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "tour-print.png", full_page=True)


SPOILT = [
    ('"position":[-1,', '"position":[99,', "tour.position[0] should be a step below 8, or -1"),
    ('"selected":[null,', '"selected":[99,', "tour.selected[0] should be an index into nodes"),
    ('"title":"How', '"title":3,"x":"How', "tour.title should be text, but is 3"),
    ('"words":[[[["",', '"words":[[[[7,', "tour.words[0] should be a list in which each entry"),
    ('"tour":{', '"tours":{', "tour is missing"),
]


@pytest.mark.parametrize(("whole", "spoilt", "told"), SPOILT, ids=range(len(SPOILT)))
def test_a_tour_that_does_not_fit_is_refused_in_words(
    tour: Any, watched: Watched, tmp_path: Path, whole: str, spoilt: str, told: str
) -> None:
    path = tour.save(tmp_path / "tour.html")
    text = path.read_text("utf-8")
    assert text.count(whole) == 1
    path.write_text(text.replace(whole, spoilt), "utf-8")
    watched.page.goto(path.as_uri())
    expect(part(watched.page, "message")).to_contain_text(told)


# nbconvert ---------------------------------------------------------------------------------------

CELLS = [
    "import gradlab as gl\nimport gradlab_widgets as gw\nfrom gradlab_widgets import Stop",
    "a = gl.linspace(0, 6, 25, requires_grad=True)\nb = gl.sin(a)\nout = (2 * b + 1).sum()",
    "gw.graph(out)",
    "gw.step(out)",
    "gw.plot(gl.sin, a)",
    "gw.tour(out, [Stop('First.'), Stop('Then `b`.', step='sin', select='b')])",
    "gw.why(a)",
]
VIEWS = ["graph", "step", "plot", "tour"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook that a kernel ran, saved with all that its widgets are."""
    path = tmp_path_factory.mktemp("nbconvert") / "saved.ipynb"
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    NotebookClient(written, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    nbformat.write(written, path)
    return path


def converted(notebook: Path, *options: str) -> Path:
    """The page that `jupyter nbconvert --to html` makes of a notebook, with gradlab's settings."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", *options, str(notebook)]
    env = {**os.environ, "JUPYTER_CONFIG_PATH": str(CONFIG)}
    subprocess.run(command, env=env, check=True, capture_output=True, cwd=notebook.parent)
    return notebook.with_suffix(".html")


@pytest.mark.parametrize("template", ["lab", "classic"])
def test_saved_widgets_play_in_nbconverts_page_without_a_network(
    saved: Path, template: str, browser: Browser
) -> None:
    with watched_page(browser) as watched:
        page = watched.page
        page.context.set_offline(True)
        page.goto(converted(saved, "--template", template).as_uri())
        for view in VIEWS:
            expect(face(page, view)).to_be_visible()
        expect(page.get_by_text("cannot be drawn")).to_have_count(0)
        stepper = face(page, "step")
        part(stepper, "last").click()
        values = part(stepper, "grad-after").locator("[data-gl=element]")
        expect(values.first).to_have_text("2.0")
        tour = face(page, "tour")
        part(tour, "next-stop").click()
        expect(part(tour, "said")).to_contain_text("Then b.")
        assert "#" not in page.url, "the address is the page's, not the tour's"
        expect(page.get_by_text("a.grad is None")).to_be_visible()
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"nbconvert-{template}.png", full_page=True)
        # nbconvert's own page asks for MathJax and require.js, and does without.
        others = [said for said in watched.complaints if "ERR_INTERNET_DISCONNECTED" not in said]
        assert others == []


def test_pictures_stand_in_nbconverts_page_for_widgets_that_were_cleaned_away(
    saved: Path, browser: Browser, tmp_path: Path
) -> None:
    clean = tmp_path / "clean.ipynb"
    clean.write_bytes(saved.read_bytes())
    subprocess.run([sys.executable, "-m", "gradlab", "clean", str(clean)], check=True)
    with watched_page(browser) as watched:
        page = watched.page
        page.context.set_offline(True)
        page.goto(converted(clean).as_uri())
        pictures = page.locator(".jp-OutputArea-output img")
        expect(pictures).to_have_count(len(VIEWS) + 1 + 1)  # a tour has two, why has one
        for picture in pictures.all():
            expect(picture).to_be_visible()
            assert picture.evaluate("(e) => e.complete && e.naturalWidth > 100")


def test_jupyterlab_exports_pages_that_play(
    saved: Path, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(CONFIG))
    (tmp_path / "saved.ipynb").write_bytes(saved.read_bytes())
    root = f"--ServerApp.root_dir={tmp_path}"
    with running_lab(tmp_path, "-m", "jupyterlab", "--no-browser", "--allow-root", root) as lab:
        url = f"{lab.address}nbconvert/html/saved.ipynb?download=true&token={lab.token}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            exported = tmp_path / "exported.html"
            exported.write_bytes(answer.read())
    with watched_page(browser) as watched:
        watched.page.context.set_offline(True)
        watched.page.goto(exported.as_uri())
        for view in VIEWS:
            expect(face(watched.page, view)).to_be_visible()
        part(face(watched.page, "step"), "forward").click()
        expect(part(watched.page, "position").first).to_have_text(re.compile("step 1 of"))
