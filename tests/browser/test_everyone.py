"""Every widget in every state, for everyone: axe-core, themes, narrow pages, motion, hostile data.

The pages are the example pages of `npm run pages`, with all charts and the answers of `why`,
`explain`, `compare` and `predict`: no Jupyter and no kernel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import gradlab as gl
import gradlab_widgets as gw
from gradlab import nn
from tests.browser.harness import Watched, make_pages, watched_page

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "artefacts" / "everyone"
AXE = ROOT / "widgets/node_modules/axe-core/axe.min.js"

EVIL = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"

Act = Callable[[Page], object]


def part(page: Page, handle: str) -> Locator:
    return page.locator(f"[data-gl={handle}]")


def click(*handles: str) -> Act:
    def act(page: Page) -> None:
        for handle in handles:
            part(page, handle).first.click()

    return act


def press(focus: str, *keys: str) -> Act:
    def act(page: Page) -> None:
        part(page, focus).first.focus()
        for key in keys:
            page.keyboard.press(key)

    return act


def unfold(page: Page) -> None:
    for summary in page.locator("summary").all():
        if summary.is_visible():
            summary.click()


def spoil(page: Page) -> None:
    page.evaluate(
        """() => {
          document.getElementById("here").replaceChildren();
          gradlab.mount(document.getElementById("here"), { view: "none", payload: {} });
        }"""
    )


def nothing(page: Page) -> None:
    """The widget as it appears."""


# Each state: the page, and what is done on it.
STATES: dict[str, tuple[str, Act]] = {
    "graph": ("sin-graph", nothing),
    "graph-details": ("sin-graph", press("graph", "Home", "Enter")),
    "graph-table": ("sin-graph", click("table-button")),
    "graph-search": ("network", press("graph", "/", *"linear", "Enter")),
    "groups": ("grouped", nothing),
    "groups-details": ("grouped", press("graph", "Home", "ArrowDown", "Enter")),
    "step": ("sin-step", nothing),
    "step-middle": ("sin-step", press("graph", *["ArrowRight"] * 5)),
    "step-end": ("sin-step", click("last")),
    "step-details": ("sin-step", press("graph", "End", "Home", *["ArrowRight"] * 4, "Enter")),
    "step-table": ("sin-step", press("graph", "End", "t")),
    "step-nasty": ("nasty", click("last")),
    "step-large": ("middle", press("graph", *["ArrowRight"] * 40)),
    "live": ("live", nothing),
    "live-details": ("live", press("graph", "Home", "Enter")),
    "live-empty": ("live-empty", nothing),
    "plot": ("plot", press("plot-frame", "Home", "ArrowRight")),
    "plot-table": ("gap", unfold),
    "empty": ("empty", nothing),
    "refused": ("sin-graph", spoil),
}
CHARTS = ("derivatives", "contours", "sweep", "vanishing", "landscape", "timeline")
ANSWERS = ("why", "explain", "compare", "predict")
STATES |= {name: (name, nothing) for name in (*CHARTS, *ANSWERS)}
STATES |= {f"{name}-table": (name, unfold) for name in ("vanishing", "timeline")}


def answers() -> dict[str, str]:
    """What `why`, `explain`, `compare` and `predict` show, as HTML."""
    a = gl.tensor([0.5, 1.0], requires_grad=True)
    out = (gl.sin(a) * a).sum()
    made = {
        "why": gw.why(a),
        "explain": gw.explain(a, 0, out),
        "compare": gw.compare(out, (gl.cos(a) * a).sum()),
        "predict": gw.predict(out, a),
    }
    made["predict"].answer([1.0, 2.0])
    return {name: shown._repr_html_() for name, shown in made.items()}


def payloads() -> dict[str, tuple[str, dict[str, Any]]]:
    """What the examples of the TypeScript side have not: groups, and the live panel."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    grouped = gw.step(model(gl.ones(2, 3)).sum()).payload
    parts = [f"part {i}" for i in range(len(grouped["nodes"]["kind"]))]
    nobody = gw.graph(gl.tensor([1.0], requires_grad=True) * 2).payload
    empty = {
        table: {name: [] for name in columns} if isinstance(columns, dict) else columns
        for table, columns in nobody.items()
    }
    words = {"words": "Nothing is new."}
    return {
        "grouped": ("step", grouped),
        "live": ("live", {**grouped, "parts": parts, **words}),
        "live-empty": ("live", {**empty, "math": [], "parts": [], **words}),
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all pages, made from the sources as they are."""
    folder = tmp_path_factory.mktemp("pages")
    for name, content in payloads().items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    make_pages(folder, "widgets/scripts/charts.py")
    for name, html in answers().items():
        head = f"<!doctype html><html lang=en><title>{name}</title>"
        page = f"{head}<style>:root {{ color-scheme: light dark }} main {{ margin: 16px }}</style>"
        page += f"<main class=gradlab>{html}</main>"
        (folder / f"{name}.html").write_text(page, "utf-8")
    return folder


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Watched]:
    """One page for all tests: opening another takes longer than most of them."""
    with watched_page(browser) as watched:
        watched.page.set_default_timeout(10_000)
        yield watched


@pytest.fixture
def watched(window: Watched) -> Iterator[Watched]:
    """The page as if it were new; it must have nothing to complain of."""
    window.page.set_viewport_size({"width": 1280, "height": 900})
    window.page.emulate_media(color_scheme="light", forced_colors="none", reduced_motion="null")
    window.complaints.clear()
    yield window
    assert window.complaints == []


Show = Callable[[str], Page]


@pytest.fixture
def show(pages: Path, watched: Watched) -> Show:
    """Bring a widget into a state."""

    def show(state: str) -> Page:
        name, act = STATES[state]
        page = watched.page
        page.goto((pages / f"{name}.html").as_uri())
        page.wait_for_selector(".gradlab > *")
        act(page)
        return page

    return show


# axe-core ----------------------------------------------------------------------------------------

FAULTS = """async () => {
  const { violations } = await axe.run(".gradlab", { resultTypes: ["violations"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, any }) =>
      `${id}: ${html.slice(0, 160)} ${any.map(({ message }) => message).join()}`));
}"""


# Four hundred nodes of the same few kinds tell axe nothing new, in ten seconds.
@pytest.mark.parametrize("state", [state for state in STATES if state != "step-large"])
def test_axe_finds_no_serious_fault(show: Show, state: str) -> None:
    page = show(state)
    page.add_script_tag(path=AXE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert page.evaluate(FAULTS) == [], scheme


def test_axe_would_find_a_fault(show: Show) -> None:
    page = show("graph")
    page.add_script_tag(path=AXE)
    part(page, "fit").evaluate("(e) => { e.removeAttribute('aria-label'); e.title = '' }")
    assert any("button-name" in fault for fault in page.evaluate(FAULTS))


# The keyboard ------------------------------------------------------------------------------------

WAY = """() => {
  const at = document.activeElement;
  if (!at.closest(".gradlab")) return null;
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  at.dataset.reached = "";
  return outlineStyle !== "none" && parseFloat(outlineWidth) > 0 ? "" : at.outerHTML.slice(0, 160);
}"""
MISSED = """() => [...document.querySelectorAll(".gradlab :is(button, input, select, summary, a)")]
  .filter((e) => e.checkVisibility() && !("reached" in e.dataset))
  .map((e) => e.title || e.outerHTML.slice(0, 160))"""
WIDGETS = [state for state in STATES if state not in ANSWERS]


@pytest.mark.parametrize("state", WIDGETS)
def test_every_control_is_reached_by_tab_or_named_with_its_key(show: Show, state: str) -> None:
    page = show(state)
    page.evaluate("document.activeElement.blur()")
    page.mouse.click(1, 1)
    unseen = []
    for _ in range(200):
        page.keyboard.press("Tab")
        seen = page.evaluate(WAY)
        if seen is None:
            break
        unseen += [seen] if seen else []
    assert unseen == [], "these show no ring while they have the focus"
    by_key = re.compile(r"\((.|enter|escape|space|Home|End)\)$|\(shift enter\)$")
    assert [title for title in page.evaluate(MISSED) if not by_key.search(title)] == []


def test_a_table_is_walked_by_keys(show: Show) -> None:
    page = show("step-table")
    part(page, "table").focus()
    for key, node in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", 0)):
        page.keyboard.press(key)
        expect(part(page, "details")).to_have_attribute("data-gl-node", str(node))
    page.keyboard.press("Escape")
    expect(part(page, "details")).to_have_count(0)
    page.keyboard.press("ArrowUp")
    last = page.evaluate("gradlab.payload.nodes.kind.length - 1")
    expect(part(page, "details")).to_have_attribute("data-gl-node", str(last))


# The table twin ----------------------------------------------------------------------------------

DRAWN = """() => [...document.querySelectorAll(".gl-near text")]
  .filter((e) => e.checkVisibility()).map((e) => e.textContent.trim()).filter(Boolean)"""


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("sin-graph", 0),
        ("sin-step", 0),
        ("sin-step", 1),
        ("sin-step", 5),
        ("sin-step", 7),
        ("network", 9),
        ("diamond", 5),
        ("grouped", 6),
        ("live", 0),
        ("nasty", 5),
    ],
)
def test_the_table_holds_every_word_of_the_picture(
    pages: Path, watched: Watched, name: str, keys: int
) -> None:
    page = watched.page
    page.set_viewport_size({"width": 1280, "height": 1800})
    page.goto((pages / f"{name}.html").as_uri())
    part(page, "graph").focus()
    for key in ["ArrowRight"] * keys:
        page.keyboard.press(key)
    drawn = set(page.evaluate(DRAWN))
    page.keyboard.press("t")
    cells = part(page, "table").locator("tbody :is(td, th)").all_text_contents()
    table = "\n".join(cells)
    assert len(drawn) >= 6
    # A long name is cut short in the picture only.
    assert {words for words in drawn if words.removesuffix("…") not in table} == set()
    edges = page.evaluate("[gradlab.payload.edges.from, gradlab.payload.edges.to]")
    rows = part(page, "table").locator("tbody tr").all()
    inputs = [row.locator("td").nth(2).inner_text().strip() for row in rows]
    listed = {
        (int(source), user)
        for user, sources in enumerate(inputs)
        for source in filter(None, sources.split(", "))
    }
    assert listed == set(zip(*edges, strict=True))


# Motion ------------------------------------------------------------------------------------------

MOVING = """() => [...document.querySelectorAll(".gradlab, .gradlab *")].flatMap((e) => {
  const { transitionDuration, transitionProperty, animationName } = getComputedStyle(e);
  const moves = transitionProperty !== "none" && /[1-9]/.test(transitionDuration);
  return moves || animationName !== "none" ? [e.outerHTML.slice(0, 120)] : [];
})"""


@pytest.mark.parametrize(
    "state", ["graph-search", "groups", "step-middle", "live", "plot", "contours", "vanishing"]
)
def test_nothing_moves_where_less_motion_is_asked_for(
    show: Show, watched: Watched, state: str
) -> None:
    watched.page.emulate_media(reduced_motion="reduce")
    page = show(state)
    page.evaluate(
        """() => {
          document.querySelector("svg.gl-near")?.classList.add("gl-glide");
          document.querySelector(".gl-live-bar")?.classList.add("gl-beat");
          document.querySelector("[data-gl=node]")?.classList.add("gl-new");
        }"""
    )
    assert page.evaluate(MOVING) == []
    assert page.evaluate("document.getAnimations().length") == 0


def test_otherwise_the_camera_glides(show: Show) -> None:
    page = show("graph")
    page.evaluate("document.querySelector('svg.gl-near').classList.add('gl-glide')")
    assert len(page.evaluate(MOVING)) == 1


# Looks -------------------------------------------------------------------------------------------

LOOKS: dict[str, tuple[int, dict[str, Any]]] = {
    "light": (1100, {"color_scheme": "light"}),
    "contrast": (1100, {"color_scheme": "dark", "forced_colors": "active"}),
    "narrow": (400, {"color_scheme": "dark"}),
}


@pytest.mark.parametrize("state", STATES)
def test_nothing_sticks_out_and_pictures_are_kept(show: Show, watched: Watched, state: str) -> None:
    page = show(state)
    folder = PICTURES / state
    folder.mkdir(parents=True, exist_ok=True)
    for look, (width, media) in LOOKS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(**{"forced_colors": "none", **media})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".gradlab").evaluate("(e) => e.scrollWidth <= e.clientWidth + 1")
        page.screenshot(path=folder / f"{look}.png")


@pytest.mark.parametrize("state", ["graph-table", "sweep"])
def test_pressed_buttons_are_readable_where_colours_are_forced(
    show: Show, watched: Watched, state: str
) -> None:
    watched.page.emulate_media(forced_colors="active")
    page = show(state)
    pressed = page.locator("[aria-pressed=true]").first
    ink, paper = pressed.evaluate(
        "(e) => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    )
    assert ink != paper
    assert pressed.evaluate("(e) => getComputedStyle(e).forcedColorAdjust") == "none"


def test_jupyterlabs_high_contrast_theme_darkens_the_lines(show: Show) -> None:
    page = show("step")
    foot = page.locator(".gl-foot")
    line = "(e) => getComputedStyle(e).borderTopColor"
    before = foot.evaluate(line)
    page.evaluate("document.body.dataset.jpThemeName = 'JupyterLab Dark High Contrast'")
    assert foot.evaluate(line) != before


# Hostile data ------------------------------------------------------------------------------------

# In each place of a payload (the rows of a column are one place), one thing is put; the widget has
# to be drawn or to be refused in words, without an exception, and in time.
SPOIL = r"""([kind, bad]) => {
  const bads = { surrogate: "\ud800x\udc00", nan: NaN, infinite: Infinity, nothing: undefined };
  if (kind in bads) bad = bads[kind];
  const written = JSON.stringify(gradlab.payload);
  const here = document.getElementById("here");
  const places = new Set();
  (function walk(value, path) {
    if (path.length) places.add(path.join("/"));
    if (Array.isArray(value)) for (const one of value.slice(0, 40)) walk(one, [...path, "*"]);
    else if (value && typeof value === "object")
      for (const [name, one] of Object.entries(value)) walk(one, [...path, name]);
  })(gradlab.payload, []);

  function put(into, [name, ...rest]) {
    if (into === null || typeof into !== "object") return;
    const names = name !== "*" ? [name] : Array.isArray(into) ? into.keys() : [];
    for (const one of names) {
      if (rest.length) put(into[one], rest);
      else if (kind === "missing") Array.isArray(into) || delete into[one];
      else if (typeof bad !== "string" || typeof into[one] === "string") into[one] = bad;
    }
  }

  const told = { drawn: 0, refused: 0, faults: [] };
  for (const place of places) {
    const payload = JSON.parse(written);
    put(payload, place.split("/"));
    here.replaceChildren();
    const start = performance.now();
    try {
      gradlab.mount(here, { view: gradlab.view, payload, position: 3, selected: 1 })
    } catch (error) {
      told.faults.push(`${place}: ${error}`);
      continue;
    }
    const refused = here.querySelector("[role=alert]");
    told[refused ? "refused" : "drawn"] += 1;
    if (refused && !/: .{8}/.test(refused.textContent)) told.faults.push(`${place}: no reason`);
    if (here.querySelector("img, script, a, iframe, [onerror], [onclick], [href]"))
      told.faults.push(`${place}: markup`);
    if (performance.now() - start > 5000) told.faults.push(`${place}: took too long`);
  }
  return told;
}"""
BAD: dict[str, Any] = {
    "markup": EVIL,
    "surrogate": None,
    "missing": None,
    "nan": None,
    "infinite": None,
    "nothing": None,
    "null": None,
    "number": -1.5,
    "huge": 1e308,
    "list": [],
    "object": {},
}
VIEWS = ("sin-graph", "sin-step", "live", "plot", *CHARTS)


@pytest.mark.parametrize("name", VIEWS)
def test_whatever_stands_in_a_payload_is_drawn_as_text_or_refused(
    pages: Path, watched: Watched, name: str
) -> None:
    page = watched.page
    page.goto((pages / f"{name}.html").as_uri() + "#hold")
    page.wait_for_function("window.gradlab")
    for kind, bad in BAD.items():
        told = page.evaluate(SPOIL, [kind, bad])
        assert told["faults"] == [], kind
        assert told["drawn"] + told["refused"] > 5
        if kind == "object":
            assert told["refused"] > 5
    assert page.evaluate("window.hacked === undefined")


LONG = """() => {
  const payload = structuredClone(gradlab.payload);
  const long = "x".repeat(10_000_000);
  (function lengthen(part, name) {
    for (const [key, one] of Object.entries(part))
      if (typeof one === "string" && /title|name|words|text|label|op|note/.test(`${name} ${key}`)) {
        part[key] = long;
        if (Array.isArray(part)) return;
      } else if (one && typeof one === "object") lengthen(one, key);
  })(payload, "");
  const here = document.getElementById("here");
  const start = performance.now();
  gradlab.mount(here, { view: gradlab.view, payload, position: 1, selected: 1 });
  here.offsetHeight;
  return performance.now() - start;
}"""


@pytest.mark.parametrize("name", ["sin-graph", "sin-step", "live", "plot", "sweep", "timeline"])
def test_ten_megabytes_of_text_are_drawn_in_time(pages: Path, watched: Watched, name: str) -> None:
    page = watched.page
    page.goto((pages / f"{name}.html").as_uri() + "#hold")
    page.wait_for_function("window.gradlab")
    assert page.evaluate(LONG) < 15_000
    expect(page.locator(".gradlab > *").first).to_be_visible()
