"""The charts in a real browser: example payloads in plain pages, then all of them in JupyterLab."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.harness import (
    Lab,
    Open,
    Watched,
    choose,
    make_pages,
    running_lab,
    watched_page,
)
from tests.browser.test_first_lesson import run_all

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "artefacts" / "charts"
NAMES = ["derivatives", "contours", "sweep", "vanishing", "steady", "landscape", "timeline"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a page of each chart, made from the sources as they are."""
    folder = tmp_path_factory.mktemp("pages")
    make_pages(folder, "widgets/scripts/charts.py")
    return folder


def part(page: Page | Locator, handle: str) -> Locator:
    return page.locator(f"[data-gl={handle}]")


def number(page: Page, handle: str) -> float:
    return float(part(page, handle).first.get_attribute("data-value") or "nan")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


# ------------------------------------------------------------------ f, f′ and f″


def test_the_tangent_moves_and_all_derivatives_are_read(show: Open) -> None:
    page = show("derivatives")
    assert number(page, "x") == -1.0
    part(page, "plot-frame").focus()
    press(page, "ArrowRight", "ArrowRight")
    x = number(page, "x")
    assert x > -1.0
    y = math.exp(-x * x) * math.sin(3 * x)
    assert number(page, "y") == pytest.approx(y, abs=1e-5)
    slope = math.exp(-x * x) * (3 * math.cos(3 * x) - 2 * x * math.sin(3 * x))
    assert number(page, "dy") == pytest.approx(slope, abs=1e-5)
    expect(part(page, "tangent")).to_have_count(1)
    expect(part(page, "second-tangent")).to_have_count(1)
    assert part(page, "plot-frame").get_attribute("aria-valuetext") == ", ".join(
        part(page, "readout").locator("> span").all_text_contents()
    )


def test_three_curves_differ_by_dash_and_marker(show: Open) -> None:
    page = show("derivatives")
    dash = "(e) => getComputedStyle(e).strokeDasharray"
    names = ["curve-f", "curve-dy", "curve-ddy"]
    assert len({part(page, name).evaluate(dash) for name in names}) == 3


# ------------------------------------------------------------------ contours


def test_keys_move_the_point_over_the_grid(show: Open) -> None:
    page = show("contours")
    part(page, "field-frame").focus()
    press(page, "Home", *["ArrowRight"] * 3, "ArrowUp")
    x, y = number(page, "x"), number(page, "y")
    assert x == pytest.approx(-2 + 3 * 4 / 60)
    z = (1 - x) ** 2 + 5 * (y - x**2) ** 2
    assert number(page, "z") == pytest.approx(z, rel=1e-4)
    assert number(page, "dx") == pytest.approx(-2 * (1 - x) - 20 * x * (y - x**2), rel=1e-4)
    assert number(page, "dy") == pytest.approx(10 * (y - x**2), rel=1e-4)
    press(page, *["ArrowLeft"] * 90)
    assert number(page, "x") == -2.0


def test_the_pointer_finds_the_nearest_place(show: Open) -> None:
    page = show("contours")
    box = part(page, "field").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert abs(number(page, "x")) < 0.2
    assert 0.5 < number(page, "y") < 1.5


def test_the_slider_walks_along_the_paths(show: Open) -> None:
    page = show("contours")
    expect(part(page, "position")).to_have_text("step 59 of 59")
    places = part(page, "at-step")
    before = [place.bounding_box() for place in places.all()]
    part(page, "slider").focus()
    press(page, "Home", "ArrowRight")
    expect(part(page, "position")).to_have_text("step 1 of 59")
    assert [place.bounding_box() for place in places.all()] != before
    rows = part(page, "paths").locator("li")
    expect(rows).to_have_count(3)
    assert all(name in rows.nth(i).inner_text() for i, name in enumerate(["SGD", "moment", "Adam"]))
    part(page, "play").click()
    expect(part(page, "position")).to_have_text("step 4 of 59")
    part(page, "play").click()
    stopped = part(page, "position").inner_text()
    page.wait_for_timeout(500)
    assert part(page, "position").inner_text() == stopped


def test_contours_lie_where_the_heights_are(show: Open) -> None:
    page = show("contours")
    levels = page.evaluate("gradlab.payload.levels.length")
    assert page.locator(".gl-plot > .gl-band").count() == levels + 1
    assert page.locator(".gl-level").count() == levels + 1
    assert "NaN" not in part(page, "field").inner_html()


def test_a_landscape_marks_where_the_parameters_are(show: Open) -> None:
    page = show("landscape")
    expect(part(page, "here")).to_have_count(1)
    assert (number(page, "x"), number(page, "y")) == (0.0, 0.0)
    expect(part(page, "slider")).to_have_count(0)


# ------------------------------------------------------------------ sweeps


def test_an_element_and_what_is_drawn_are_chosen(show: Open) -> None:
    page = show("sweep")
    expect(part(page, "line")).to_have_count(4)
    part(page, "kind-1").click()
    expect(part(page, "readout")).to_contain_text("∂loss/∂weights[0]")
    page.locator("select").select_option("weights[2]")
    expect(part(page, "readout")).to_contain_text("∂loss/∂weights[2]")
    part(page, "sweep-frame").focus()
    press(page, "End")
    read = part(page, "readout").locator("output").all()
    w = [0.5, -1.0, 3.0]
    hidden = [math.tanh(v) for v in (w[0], 2 * w[1], -w[2])]
    expected = 2 * (sum(hidden) - 1) * (1 - hidden[2] ** 2) * -1
    assert float(read[0].get_attribute("data-value") or "") == 3.0
    assert float(read[-1].get_attribute("data-value") or "") == pytest.approx(expected, rel=1e-3)


# ------------------------------------------------------------------ training


def test_a_step_is_chosen_and_its_histograms_shown(show: Open) -> None:
    page = show("vanishing")
    expect(part(page, "verdict")).to_contain_text("Gradients vanish")
    expect(part(page, "layer")).to_have_count(14)
    bars = part(page, "layer").first.locator(".gl-histogram rect")
    shown = [bar.get_attribute("height") for bar in bars.all()]
    part(page, "norms-frame").focus()
    press(page, "Home")
    expect(part(page, "position")).to_have_text("step 0 of 39")
    assert [bar.get_attribute("height") for bar in bars.all()] != shown
    norm = part(page, "layer").first.locator("output").get_attribute("data-value")
    assert float(norm or "") == page.evaluate("gradlab.payload.norms[0][0]")


def test_the_curves_do_not_cross_out_the_name_of_an_area(show: Open) -> None:
    page = show("vanishing")
    name = page.locator(".gl-zone-text", has_text="vanishing")
    halo = name.evaluate(
        """(e) => {
          const { paintOrder, strokeWidth, stroke } = getComputedStyle(e);
          const face = getComputedStyle(e.closest(".gl-face")).backgroundColor;
          return [paintOrder, parseFloat(strokeWidth) >= 4, stroke === face];
        }"""
    )
    assert halo == ["stroke", True, True]
    is_after = name.evaluate(
        """(e) => [...e.parentNode.querySelectorAll(".gl-curve")]
            .map((curve) => curve.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING)"""
    )
    assert is_after
    assert all(is_after)


def test_layers_are_chosen_by_keys_and_pointer(show: Open) -> None:
    page = show("vanishing")
    part(page, "norms-frame").focus()
    press(page, "ArrowDown", "ArrowDown")
    expect(page.locator(".gl-layer-row.gl-chosen")).to_contain_text("0.bias")
    expect(page.locator(".gl-curve.gl-faint")).to_have_count(13)
    value = part(page, "norms-frame").get_attribute("aria-valuetext") or ""
    assert value.startswith("step 39, 0.bias ")
    press(page, "Escape")
    expect(page.locator(".gl-curve.gl-faint")).to_have_count(0)
    part(page, "layer").nth(3).hover()
    expect(page.locator(".gl-curve.gl-strong")).to_have_count(1)


def test_pressing_the_chart_chooses_a_step(show: Open) -> None:
    page = show("vanishing")
    box = part(page, "norms").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    found = re.match(r"step (\d+) of 39", part(page, "position").inner_text())
    assert found
    assert 10 < int(found[1]) < 30
    expect(page.locator(".gl-tip")).to_be_visible()


# ------------------------------------------------------------------ timelines


def test_calls_are_walked_by_keys(show: Open) -> None:
    page = show("timeline")
    part(page, "timeline-frame").focus()
    press(page, "ArrowRight")
    words = part(page, "words")
    expect(words).to_contain_text("training step")
    press(page, "ArrowDown", "ArrowRight")
    expect(words).to_contain_text("forward")
    press(page, "ArrowDown")
    expect(words).to_contain_text("linear")
    press(page, "ArrowUp", "ArrowUp")
    expect(words).to_contain_text("training step")
    expect(page.locator("[data-gl=event][data-selected]")).to_have_count(1)
    press(page, "Escape")
    expect(words).to_contain_text("Press a bar")


# The profile is a real one, in which any call may have taken most of the time: of those that take
# at most so much of the width, the one nearest to the middle, the widest of these.
IN_THE_MIDDLE = """(share) => {
  const { left, width } = document.querySelector("[data-gl=timeline]").getBoundingClientRect();
  const far = (box) => Math.max(box.left - left - width / 2, left + width / 2 - box.right, 0);
  return [...document.querySelectorAll("[data-gl-event]")]
    .map((event) => [event, event.querySelector("rect").getBoundingClientRect()])
    .filter(([, box]) => box.width > 3 && box.width <= share * width)
    .sort(([, one], [, other]) => far(one) - far(other) || other.width - one.width)[0][0]
    .getAttribute("data-gl-event");
}"""


def test_the_timeline_is_zoomed_and_dragged(show: Open) -> None:
    page = show("timeline")

    def box_of(event: str) -> dict[str, float]:
        box = page.locator(f"[data-gl-event='{event}'] rect").bounding_box()
        assert box
        return dict(box)

    middle = page.evaluate(IN_THE_MIDDLE, 1)
    whole = box_of(middle)
    part(page, "zoom-in").click()
    assert box_of(middle)["width"] > whole["width"]
    part(page, "fit").click()
    assert box_of(middle) == whole
    box = part(page, "timeline").bounding_box()
    assert box
    small = page.evaluate(IN_THE_MIDDLE, 0.25)
    before = box_of(small)
    centre = before["x"] + before["width"] / 2
    page.mouse.dblclick(centre, before["y"] + before["height"] / 2)
    zoomed = box_of(small)
    assert zoomed["width"] > box["width"] * 0.8
    # Dragged to where there is more to come: at the ends of the profile it stops.
    by = -100 if centre < box["x"] + box["width"] / 2 else 100
    page.mouse.move(box["x"] + 300, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 300 + by, box["y"] + 30, steps=4)
    page.mouse.up()
    painted = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    page.evaluate(painted)
    moved = box_of(small)
    # What goes out of sight is cut there, so the other edge tells.
    edge = 1 if by < 0 else 0
    expected = zoomed["x"] + edge * zoomed["width"] + by
    assert moved["x"] + edge * moved["width"] == pytest.approx(expected, abs=3)


def test_pointing_at_an_operation_shows_where_its_calls_are(show: Open) -> None:
    page = show("timeline")
    part(page, "operation").first.hover()
    faint = page.locator(".gl-event.gl-faint")
    assert 0 < faint.count() < part(page, "event").count()
    page.mouse.move(0, 0)
    expect(faint).to_have_count(0)


def test_nodes_of_a_profiled_graph_are_shaded_and_say_their_time(show: Open) -> None:
    page = show("profiled")
    times = page.evaluate("gradlab.payload.times")
    assert len(times["node"]) == 7
    shades = {}
    for node, forward, backward in zip(*times.values(), strict=True):
        box = page.locator(f"[data-gl=node][data-gl-node='{node}']")
        expect(box.locator(".gl-note")).to_have_text(re.compile(r"↓ [\d.]+ [µm]s +↑ [\d.]+ [µm]s"))
        found = re.search(r"(\d+)%", box.get_attribute("style") or "")
        assert found
        shades[forward + backward] = int(found[1])
    assert [shade for _, shade in sorted(shades.items())] == sorted(shades.values())
    assert len(set(shades.values())) > 3
    assert page.locator("[data-gl=node].gl-leaf").first.get_attribute("style") is None
    part(page, "table-button").click()
    heads = page.locator("thead th").all_text_contents()
    cells = page.locator("tbody tr").nth(times["node"][0]).locator("td").all_text_contents()
    assert cells[heads.index("Time") - 1].startswith("↓ ")


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize("name", NAMES)
def test_the_table_holds_what_the_picture_holds(show: Open, name: str) -> None:
    page = show(name)
    part(page, "table").locator("summary").click()
    rows = {
        "derivatives": "p.x.length",
        "contours": "p.x.length * p.y.length + p.paths.reduce((n, q) => n + q.x.length, 0)",
        "landscape": "p.x.length * p.y.length",
        "sweep": "p.x.length * p.elements.reduce((n, e) => n + e.values.length"
        " + e.gradients.length, 0)",
        "vanishing": "p.steps.length",
        "steady": "p.steps.length",
        "timeline": "p.ops.name.length",
    }[name]
    expect(part(page, "table").locator("tbody tr")).to_have_count(
        page.evaluate(f"((p) => {rows})(gradlab.payload)")
    )


@pytest.mark.parametrize("name", NAMES)
def test_nothing_sticks_out_at_400_pixels(show: Open, watched: Watched, name: str) -> None:
    watched.page.set_viewport_size({"width": 432, "height": 900})
    page = show(name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 432
    assert page.locator(".gradlab").evaluate("(e) => e.scrollWidth <= e.clientWidth")
    svg = page.locator(".gl-plot").bounding_box()
    assert svg
    for text in page.locator(".gl-plot text").all():
        box = text.bounding_box()
        assert box
        assert box["x"] >= svg["x"] - 1
        assert box["x"] + box["width"] <= svg["x"] + svg["width"] + 1


# Of every element with text of its own: its colour and the nearest background behind it.
CONTRASTS = """() => [...document.querySelectorAll('.gradlab *:not(style)')].flatMap((element) => {
  const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || !element.checkVisibility() || element.closest('.gl-hidden')) return [];
  const rgb = (css) => {
    const pen = document.createElement('canvas').getContext('2d');
    pen.fillStyle = css;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = (css) => {
    const [r, g, b] = rgb(css).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = element;
  while (behind && !rgb(getComputedStyle(behind).backgroundColor)[3]) behind = behind.parentElement;
  const style = getComputedStyle(element);
  const ink = light(element instanceof SVGElement ? style.fill : style.color);
  const paper = light(behind ? getComputedStyle(behind).backgroundColor : '#fff');
  const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  return ratio < 4.5 ? [`${ratio.toFixed(2)} ${element.textContent}`] : [];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_text_is_readable(show: Open, watched: Watched, name: str, scheme: Any) -> None:
    watched.page.emulate_media(color_scheme=scheme)
    page = show(name)
    page.evaluate("document.documentElement.style.background = 'Canvas'")
    assert page.evaluate(CONTRASTS) == []


SPOILS = {
    "derivatives": ("{...p, ddy: [1]}", "ddy has 1 rows"),
    "contours": ("{...p, z: p.z.slice(1)}", "z has 60 rows, but y has 61"),
    "sweep": ("{...p, elements: []}", "elements is empty"),
    "vanishing": ("{...p, norms: [[1]]}", "norms has 1 rows, but names has 14"),
    "landscape": ("{...p, levels: ['a']}", "levels[0] should be a finite number"),
    "timeline": ("{...p, names: []}", "events.name[0] should be an index into names"),
}


@pytest.mark.parametrize("name", SPOILS)
def test_a_payload_that_does_not_fit_is_refused_in_words(show: Open, name: str) -> None:
    page = show(name, hold=True)
    spoil, told = SPOILS[name]
    page.evaluate(
        f"() => {{ const p = gradlab.payload; gradlab.mount(document.getElementById('here'), "
        f"{{view: gradlab.view, payload: {spoil}}}); }}"
    )
    expect(part(page, "message")).to_contain_text(told)
    expect(part(page, "message")).to_have_attribute("role", "alert")


@pytest.mark.parametrize("name", NAMES)
def test_names_with_markup_stay_text(show: Open, name: str) -> None:
    page = show(name, hold=True)
    page.evaluate(
        """() => {
      const evil = '<img src=x onerror="window.pwned = 1">';
      const spoil = (x) => typeof x === 'string' ? (/^-?(nan|inf)$/.test(x) ? x : evil)
        : Array.isArray(x) ? x.map(spoil)
        : x && typeof x === 'object'
          ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, spoil(v)])) : x;
      gradlab.mount(document.getElementById('here'),
        {view: gradlab.view, payload: spoil(gradlab.payload)});
    }"""
    )
    part(page, "table").locator("summary").click()
    page.wait_for_timeout(100)
    expect(page.locator(".gradlab img")).to_have_count(0)
    assert page.evaluate("window.pwned") is None


# ------------------------------------------------------------------ in JupyterLab

CELLS = [
    "import sys; sys.path.insert(0, SCRIPTS)\nfrom charts import *\ngl.manual_seed(0)",
    *(f"EXAMPLES[{name!r}]()" for name in NAMES),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    (home / "lessons").mkdir()
    root = f"--ServerApp.root_dir={home / 'lessons'}"
    with running_lab(home, "-m", "jupyterlab", "--no-browser", "--allow-root", root) as lab:
        yield lab


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser) -> Iterator[Page]:
    """A notebook in JupyterLab that shows every chart."""
    scripts = str(ROOT / "widgets/scripts")
    cells = [cell.replace("SCRIPTS", repr(scripts)) for cell in CELLS]
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    written.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(written, lab.folder / "charts.ipynb")
    with watched_page(browser) as watched:
        page = watched.page
        page.set_viewport_size({"width": 1280, "height": 8000})
        page.goto(lab.url("charts.ipynb"))
        run_all(page)
        expect(page.locator(".gradlab [data-gl-view]")).to_have_count(len(NAMES), timeout=120_000)
        yield page
        assert watched.complaints == []


def test_every_chart_is_drawn_in_jupyterlab(notebook: Page) -> None:
    views = [
        face.get_attribute("data-gl-view")
        for face in notebook.locator(".gradlab [data-gl-view]").all()
    ]
    assert views == ["plot", "field", "sweep", "gradients", "gradients", "field", "timeline"]


@pytest.mark.parametrize("look", ["light", "dark", "contrast", "narrow"])
def test_pictures_of_all_charts_are_kept(notebook: Page, look: str) -> None:
    choose(notebook, "Settings", "Theme", f"JupyterLab {'Dark' if look == 'dark' else 'Light'}")
    width = 700 if look == "narrow" else 1280
    notebook.emulate_media(forced_colors="active" if look == "contrast" else "none")
    notebook.set_viewport_size({"width": width, "height": 8000})
    folder = PICTURES / look
    folder.mkdir(parents=True, exist_ok=True)
    notebook.wait_for_timeout(800)
    for name, face in zip(NAMES, notebook.locator(".gradlab").all(), strict=True):
        face.screenshot(path=folder / f"{name}.png")
        assert face.evaluate("(e) => e.scrollWidth <= e.clientWidth"), name
