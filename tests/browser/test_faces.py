"""The widgets' browser side alone: example traces in plain pages, with no Jupyter and no kernel.

The pages are those of `npm run pages`; each holds the bundle, one payload and `window.gradlab`.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.harness import Open, Watched, make_pages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the example pages, made from the sources as they are."""
    folder = tmp_path_factory.mktemp("pages")
    make_pages(folder)
    return folder


def part(page: Page, handle: str) -> Locator:
    return page.locator(f"[data-gl={handle}]")


def node(page: Page, index: int) -> Locator:
    return page.locator(f"[data-gl=node][data-gl-node='{index}']")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def numbers(page: Page, handle: str) -> list[float]:
    elements = page.locator(f"[data-gl={handle}] [data-gl=element]")
    return [float(element.get_attribute("data-value") or "") for element in elements.all()]


def states(page: Page) -> dict[str, str]:
    return {
        str(shown.get_attribute("data-gl-node")): str(shown.get_attribute("data-state"))
        for shown in part(page, "node").all()
    }


@pytest.mark.parametrize("name", ["network", "middle", "sin-step"])
def test_at_first_sight_no_box_is_cut_by_the_upper_edge(show: Open, name: str) -> None:
    page = show(name)
    edge = part(page, "graph").evaluate("e => e.getBoundingClientRect().top")
    cut = part(page, "node").evaluate_all(
        """(all, edge) => all.map(e => e.getBoundingClientRect())
            .filter(({ top, bottom }) => top < edge && bottom > edge).length""",
        edge,
    )
    assert cut == 0
    assert in_view(page, page.evaluate("gradlab.payload.root")), "the pass starts in sight"


def in_view(page: Page, index: int) -> bool:
    """Whether a node lies wholly within the drawing."""
    places = "(box, frame) => [box, frame].map(e => e.getBoundingClientRect().toJSON())"
    box, frame = node(page, index).evaluate(places, part(page, "graph").element_handle())
    return bool(box["top"] > frame["top"] and box["bottom"] < frame["bottom"])


# ------------------------------------------------------------------ step


def markup(page: Page) -> str:
    """Everything in the page but what is local to the moment: the camera's movement."""
    return str(
        page.evaluate(
            """() => {
              const copy = document.querySelector(".gradlab").cloneNode(true);
              copy.querySelector("svg.gl-near").classList.remove("gl-glide");
              return copy.outerHTML;
            }"""
        )
    )


@pytest.mark.parametrize(("name", "steps"), [("sin-step", 7), ("eventful", 7), ("second", 4)])
@pytest.mark.parametrize("selected", [None, 0, 4])
def test_going_back_shows_exactly_what_going_forward_showed(
    show: Open, name: str, steps: int, selected: int | None
) -> None:
    page = show(name)
    if selected is not None:
        node(page, selected).click()
        page.mouse.move(0, 0)  # no tooltip is part of a step
    seen = [markup(page)]
    for _ in range(steps):
        part(page, "forward").click()
        seen.append(markup(page))
    assert len(set(seen)) == steps + 1
    for before in reversed(seen[:-1]):
        part(page, "back").click()
        assert markup(page) == before


def test_the_numbers_of_grad_are_in_the_page(show: Open) -> None:
    page = show("sin-step")
    part(page, "last").click()
    inputs = page.evaluate("gradlab.payload.values.data[0]")
    assert numbers(page, "grad-after") == pytest.approx([2 * math.cos(x) for x in inputs], abs=1e-6)
    after = part(page, "grad-after")
    expect(after).to_have_attribute("data-gl-name", "a")
    expect(part(page, "grad-before")).to_contain_text("None")


def test_the_running_node_is_marked_and_the_done_ones_are_ticked(show: Open) -> None:
    page = show("sin-step")
    for _ in range(5):
        part(page, "forward").click()
    assert states(page) == {
        "0": "waiting",
        "1": "waiting",
        "2": "now",
        "3": "done",
        "4": "done",
        "5": "done",
    }
    expect(node(page, 3).locator(".gl-tick")).to_be_visible()
    expect(node(page, 2).locator(".gl-pointer")).to_be_visible()
    expect(node(page, 2).locator(".gl-tick")).to_be_hidden()


def test_gradients_stand_on_the_edges_they_left_by(show: Open) -> None:
    page = show("sin-step")
    part(page, "last").click()
    labels = part(page, "edge-label").all_text_contents()
    assert sorted(labels) == sorted(["25 × 1.0", "25 × 1.0", "25 × 2.0", "2.0, 1.93, …", "1.0"])
    press(page, "Home")
    expect(part(page, "edge-label")).to_have_count(0)


def test_grad_grows_in_the_accumulate_node(show: Open) -> None:
    page = show("sin-step")
    expect(node(page, 1)).to_contain_text(".grad None")
    part(page, "last").click()
    expect(node(page, 1)).to_contain_text("None → 2.0, 1.93, …")


def test_the_rule_is_drawn_in_symbols_and_in_numbers(show: Open) -> None:
    page = show("sin-step")
    for _ in range(5):
        press(page, "Tab")
        part(page, "forward").click()
    formulas = page.locator("[data-gl=formula]")
    expect(formulas).to_have_count(2)
    assert "cos" in (formulas.nth(0).text_content() or "")
    assert "1.93" in (formulas.nth(1).text_content() or "")


@pytest.mark.parametrize("focus", ["graph", "slider", "forward"])
def test_the_keys_of_time_work_wherever_the_focus_is(show: Open, focus: str) -> None:
    page = show("sin-step")
    position = part(page, "position")
    part(page, focus).focus()
    press(page, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    expect(position).to_have_text("step 2 of 7")
    press(page, "End", "ArrowRight")
    expect(position).to_have_text("step 7 of 7")
    press(page, "Home", "ArrowLeft")
    expect(position).to_have_text("step 0 of 7")


def test_the_slider_jumps_anywhere(show: Open) -> None:
    page = show("sin-step")
    slider = part(page, "slider")
    slider.fill("4")
    expect(part(page, "position")).to_have_text("step 5 of 7")
    expect(slider).to_have_attribute("aria-valuetext", "step 5 of 7")


def test_space_plays_to_the_end_and_stops_there(show: Open) -> None:
    page = show("diamond")
    part(page, "graph").focus()
    page.clock.install()
    press(page, " ")
    expect(part(page, "pause")).to_be_visible()
    expect(part(page, "position")).to_have_text("step 1 of 5")
    page.clock.run_for(20_000)
    expect(part(page, "position")).to_have_text("step 5 of 5")
    expect(part(page, "play")).to_be_visible()


def test_a_step_is_announced_in_words(show: Open) -> None:
    page = show("sin-step")
    words = part(page, "words")
    expect(words).to_have_attribute("aria-live", "polite")
    part(page, "forward").click()
    expect(words).to_have_text(
        "The pass starts at out: its gradient with respect to itself is 1.0."
    )


# ------------------------------------------------------------------ stops


def position(page: Page) -> str:
    return part(page, "position").inner_text()


def stops(page: Page) -> list[str]:
    return part(page, "stops").locator(".gl-row button").all_inner_texts()


@pytest.mark.parametrize(
    ("name", "keys", "at", "told"),
    [
        ("eventful", ["ArrowUp", "ArrowUp", "ArrowUp", "b"], 5, "Stop (+ y). "),
        ("eventful", ["ArrowUp", "ArrowUp", "a"], 3, "Stop (every MulBackward0). "),
        ("nasty", ["n"], 2, "Stop (first NaN or inf). "),
    ],
)
def test_playing_stops_at_a_node_at_a_kind_and_at_nan(
    show: Open, name: str, keys: list[str], at: int, told: str
) -> None:
    page = show(name)
    part(page, "graph").focus()
    press(page, *keys, "End", "Home")
    for _ in range(at - 2):
        press(page, "ArrowRight")
    press(page, "Space")
    expect(part(page, "position")).to_have_text(re.compile(f"step {at} of"), timeout=3000)
    assert part(page, "words").inner_text().startswith(told)
    expect(part(page, "play")).to_be_visible()
    page.wait_for_timeout(1500)
    assert f"step {at} of" in position(page), "it stays there"


def test_stops_are_marked_listed_announced_and_taken_away_by_keyboard(show: Open) -> None:
    page = show("eventful")
    marked = page.locator("[data-stop] .gl-stop")
    part(page, "graph").focus()
    press(page, "ArrowUp", "ArrowUp", "b")
    expect(marked).to_be_visible()
    assert stops(page) == ["× ×"]
    said = part(page, "stops").locator("[aria-live]")
    expect(said).to_have_text("Stop set: ×; 1 stop in all")
    press(page, "a", "n")
    assert stops(page) == ["× ×", "every MulBackward0 ×", "first NaN or inf ×"]
    press(page, "t")
    assert part(page, "table").locator("tr[data-gl-node='5'] td").nth(9).inner_text() == (
        "waiting, stop"
    )
    press(page, "t", "b")
    expect(said).to_have_text("Stop removed: ×; 2 stops in all")
    part(page, "stops").get_by_role("button", name="Remove stop: every MulBackward0").press("Enter")
    expect(marked).to_have_count(0)
    assert stops(page) == ["first NaN or inf ×"]


def test_one_runs_to_a_node_and_from_stop_to_stop_in_both_directions(show: Open) -> None:
    page = show("eventful")
    node(page, 2).click()
    part(page, "details").get_by_role("button", name="Run to here").click()
    assert "step 6 of 7" in position(page), "a leaf's gradient arrives where it is accumulated"
    part(page, "details").get_by_role("button", name="Stop here").click()
    part(page, "graph").focus()
    node(page, 5).click()
    press(page, "b", "Home", ".")
    assert "step 3 of 7" in position(page)
    press(page, ".")
    assert "step 6 of 7" in position(page)
    press(page, ",")
    assert "step 3 of 7" in position(page)
    press(page, ",")
    assert "step 0 of 7" in position(page)
    press(page, "r")
    assert "step 3 of 7" in position(page)
    node(page, 5).click()


# ------------------------------------------------------------------ what happened


def ledger(page: Page) -> list[list[str]]:
    rows = part(page, "ledger").locator("tr").all()[1:]
    return [row.locator("td").all_inner_texts() for row in rows]


def entry(page: Page, title: str) -> Locator:
    term = part(page, "details").get_by_text(title, exact=True)
    return term.locator("xpath=following-sibling::dd[1]")


def test_the_ledger_grows_with_the_steps_and_says_that_grad_doubled(show: Open) -> None:
    page = show("eventful")
    node(page, 0).click()
    before = ["", "w.grad before", "", "4.0, 5.0"]
    assert ledger(page) == [
        before,
        ["5", "+ y, slot 0", "…", "…"],
        ["7", "w.grad +=", "…", "…"],
    ]
    part(page, "last").click()
    assert ledger(page) == [
        before,
        ["5", "+ y, slot 0", "+ 4.0, 5.0", ""],
        ["7", "w.grad +=", "+ 4.0, 5.0", "8.0, 10.0"],
    ]
    expect(part(page, "ledger")).to_contain_text("The same gradient once more: w.grad has doubled.")
    part(page, "back").click()
    assert ledger(page)[2] == ["7", "w.grad +=", "…", "…"]


def test_the_ledger_of_a_tensor_used_twice_has_the_running_sum(show: Open) -> None:
    page = show("eventful")
    node(page, 4).click()
    part(page, "last").click()
    assert ledger(page) == [
        ["3", "×, slot 0", "+ 4.0, 5.0", "4.0, 5.0"],
        ["3", "×, slot 1", "+ 4.0, 5.0", "8.0, 10.0"],
    ]
    expect(entry(page, "Hooks")).to_have_text("tensor hook halve: 8.0, 10.0 → 4.0, 5.0")
    expect(node(page, 4)).to_contain_text("[2] · hook")


def test_the_axes_summed_for_a_broadcast_are_on_the_edge_and_in_words(show: Open) -> None:
    page = show("eventful")
    part(page, "last").click()
    labels = part(page, "edge-label").all_text_contents()
    assert "Σ axis 0: 9.0" in labels
    node(page, 4).click()
    expect(entry(page, "Undoes a broadcast")).to_have_text("slot 1: Σ axis 0, [2] → scalar")
    part(page, "table-button").click()
    row = part(page, "table").locator("tr[data-gl-node='4'] td")
    assert row.last.inner_text() == "4.0, 5.0; Σ axis 0: 9.0"


def test_saved_values_are_struck_through_once_they_are_freed(show: Open) -> None:
    page = show("eventful")
    node(page, 5).click()
    saved = part(page, "saved").first

    def line() -> str:
        return str(saved.evaluate("e => getComputedStyle(e).textDecorationLine"))

    expect(entry(page, "Saved values")).to_have_text("held until step 4")
    assert line() == "none"
    for _ in range(4):
        part(page, "forward").click()
    expect(entry(page, "Saved values")).to_have_text("freed at step 4")
    assert line() == "line-through"
    part(page, "back").click()
    expect(entry(page, "Saved values")).to_have_text("held until step 4")
    assert line() == "none"


def test_a_second_graph_is_told_from_the_first_and_leads_back_to_it(show: Open) -> None:
    page = show("second")
    second = page.locator("[data-second]")
    assert second.count() == 2
    assert second.first.locator(".gl-shape").evaluate(
        "e => getComputedStyle(e).strokeDasharray"
    ) not in ("none", "")
    expect(node(page, 3)).to_contain_text("2nd of sin")
    node(page, 3).click()
    expect(entry(page, "Made in a pass with create_graph=True")).to_have_text(
        "by the rule of sin y"
    )
    part(page, "details").get_by_role("button", name="sin y").click()
    expect(part(page, "details")).to_have_attribute("data-gl-node", "2")


# ------------------------------------------------------------------ graph


def test_a_click_shows_a_nodes_details_and_a_click_beside_closes_them(show: Open) -> None:
    page = show("sin-graph")
    node(page, 2).click()
    details = part(page, "details")
    for text in ("SinBackward0", "[25] float32", "Saved self", "In [3], line 2", "b = gl.sin(a)"):
        expect(details).to_contain_text(text)
    expect(details.locator("math")).to_have_text("b=sin\u2061a")
    assert len(details.locator("[data-gl=value] [data-gl=element]").all()) == 25
    part(page, "graph").click(position={"x": 5, "y": 5})
    expect(details).to_have_count(0)


def test_hovering_tells_what_a_node_is(show: Open) -> None:
    page = show("sin-graph")
    node(page, 3).hover()
    tip = page.locator(".gl-tip")
    expect(tip).to_be_visible()
    assert tip.inner_text().split("\n")[:3] == ["× c", "MulBackward0", "[25] float32"]


def test_the_arrows_walk_along_edges_and_rows(show: Open) -> None:
    page = show("diamond-graph")
    part(page, "graph").focus()
    cursor = page.locator("[data-cursor]")
    for key, index in (
        ("ArrowUp", 4),
        ("ArrowUp", 2),
        ("ArrowRight", 3),
        ("ArrowUp", 1),
        ("ArrowUp", 0),
        ("ArrowUp", 0),
        ("End", 4),
        ("Home", 0),
        ("ArrowDown", 1),
    ):
        press(page, key)
        expect(cursor).to_have_attribute("data-gl-node", str(index))
    press(page, "Enter")
    expect(part(page, "details")).to_have_attribute("data-gl-node", "1")
    press(page, "ArrowUp")
    expect(part(page, "details")).to_have_attribute("data-gl-node", "0")
    press(page, " ")
    expect(part(page, "details")).to_have_count(0)


def test_the_graph_is_one_tab_stop(show: Open) -> None:
    page = show("sin-graph")
    press(page, "Tab")
    expect(part(page, "graph")).to_be_focused()
    press(page, "Tab")
    expect(part(page, "table-button")).to_be_focused()


def test_kinds_differ_in_shape_and_not_only_in_colour(show: Open) -> None:
    page = show("sin-graph")
    shapes = {
        str(shape)
        for shape in page.evaluate(
            """() => ["leaf", "accumulate", "op", "root"].map((kind) => {
              const parts = [...document.querySelectorAll(`[data-gl=node].gl-${kind} > .gl-shape,
                [data-gl=node].gl-${kind} > .gl-inner`)].slice(0, 2);
              return parts.map((one) => one.tagName + one.getAttribute("rx")).join();
            })"""
        )
    }
    assert len(shapes) == 4
    assert page.locator(".gl-legend li").all_inner_texts() == [
        "input",
        "adds to .grad",
        "operation",
        "result",
    ]


def test_the_table_holds_all_that_the_picture_holds(show: Open) -> None:
    page = show("sin-step")
    press(page, "Tab", "t")
    part(page, "last").click()
    rows = [
        [cell.strip() for cell in row.locator("th, td").all_inner_texts()]
        for row in part(page, "table").locator("tbody tr").all()
    ]
    trace = page.evaluate("gradlab.payload")
    for index, row in enumerate(rows):
        assert row[0] == str(index)
        for column in ("title", "op", "module"):
            assert trace["nodes"][column][index] in "\t".join(row)
    assert rows[2][3:7] == ["1", "[25]", "float32", "0.0, 0.259, …"]
    assert rows[2][-3:] == ["done, saved values freed", "25 × 2.0", "2.0, 1.93, …"]
    assert rows[1][-3:] == ["now", "2.0, 1.93, …", ".grad None → 2.0, 1.93, …"]
    press(page, "t")
    expect(part(page, "graph")).to_be_visible()


def test_keys_and_buttons_zoom_and_dragging_pans(show: Open) -> None:
    page = show("sin-graph")
    world = page.locator("svg.gl-near")

    def scale_and_x() -> tuple[float, float]:
        box = world.evaluate(
            "(e) => { const m = new DOMMatrix(getComputedStyle(e).transform); return [m.a, m.e] }"
        )
        return box[0], box[1]

    scale, _ = scale_and_x()
    part(page, "graph").focus()
    press(page, "+")
    part(page, "zoom-in").click()
    page.wait_for_timeout(50)
    assert scale_and_x()[0] == pytest.approx(scale * 1.3**2)
    x = scale_and_x()[1]
    page.mouse.move(40, 60)
    page.mouse.down()
    page.mouse.move(100, 60)
    page.mouse.move(140, 60)
    page.mouse.up()
    page.wait_for_timeout(50)
    assert scale_and_x()[1] == pytest.approx(x + 100)
    expect(part(page, "details")).to_have_count(0)
    press(page, "0")
    page.wait_for_timeout(300)
    assert scale_and_x()[0] == pytest.approx(scale)


def test_the_wheel_zooms_only_with_focus_or_a_modifier(show: Open) -> None:
    page = show("sin-graph")
    world = page.locator("svg.gl-near")
    before = world.get_attribute("style")
    page.mouse.move(200, 200)
    page.mouse.wheel(0, 100)
    page.wait_for_timeout(60)
    assert world.get_attribute("style") == before
    part(page, "graph").focus()
    page.mouse.wheel(0, 100)
    page.wait_for_timeout(60)
    assert world.get_attribute("style") != before


def test_modules_fold_into_one_box_and_open_again(show: Open) -> None:
    page = show("network")
    everything = part(page, "node").count()
    page.set_viewport_size({"width": 1280, "height": 1800})
    part(page, "fit").click()
    page.wait_for_timeout(400)
    expect(part(page, "frame")).to_have_count(3)
    page.locator("[data-gl=node]", has_text="linear").first.dblclick()
    expect(part(page, "node")).to_have_count(everything - 5)
    box = page.locator("[data-gl=node].gl-module")
    expect(box).to_have_count(1)
    expect(box).to_contain_text("6 nodes")
    expect(part(page, "frame")).to_have_count(2)
    box.click()
    part(page, "details").get_by_role("button", name="open").click()
    expect(part(page, "node")).to_have_count(everything)


# ------------------------------------------------------------------ plot


def test_the_point_moves_along_the_curve_with_its_tangent(show: Open) -> None:
    page = show("plot")
    part(page, "plot-frame").focus()
    press(page, "Home", "ArrowRight", "ArrowRight")
    read = {
        name: float(part(page, name).get_attribute("data-value") or "") for name in ("x", "y", "dy")
    }
    assert read["x"] == pytest.approx(2 * math.pi * 2 / 199)
    assert read["y"] == pytest.approx(2 * math.sin(read["x"]) + 1)
    assert read["dy"] == pytest.approx(2 * math.cos(read["x"]))
    rising = part(page, "tangent").get_attribute("d")
    box = part(page, "plot").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    assert float(part(page, "dy").get_attribute("data-value") or "") == pytest.approx(-2, abs=0.05)
    assert part(page, "tangent").get_attribute("d") != rising


def test_nan_is_a_gap_in_the_curve(show: Open) -> None:
    page = show("gap")
    curve = part(page, "curve-f").get_attribute("d") or ""
    assert curve.count("M") == 2
    assert "NaN" not in page.locator(".gl-plot").inner_html()
    expect(part(page, "note")).to_have_text("1 point is NaN and leaves a gap.")
    part(page, "plot-frame").focus()
    press(page, "Home", *["ArrowRight"] * 10)
    expect(part(page, "y")).to_contain_text("nan")
    expect(part(page, "tangent")).to_have_count(0)


def test_curves_differ_by_dash_and_marker(show: Open) -> None:
    page = show("gap")
    dash = "(e) => getComputedStyle(e).strokeDasharray"
    assert part(page, "curve-f").evaluate(dash) != part(page, "curve-dy").evaluate(dash)
    assert page.locator("circle.gl-marker").count() > 10
    assert page.locator("path.gl-marker").count() > 10


MOUNT = """([view, payload]) => {
  document.getElementById("here").replaceChildren();
  gradlab.mount(document.getElementById("here"), { view, payload });
}"""


@pytest.mark.parametrize(
    "change",
    [
        {"x": [], "y": [], "dy": []},
        {"x": [1], "y": [2], "dy": [3]},
        {"x": [1, 1], "y": [2, 2], "dy": [0, 0]},
        {"x": [0, 1], "y": ["nan", "inf"], "dy": ["-inf", "nan"]},
        {"x": [-1e308, 1e308], "y": [1e308, -1e308], "dy": [0, 1e308]},
        {"x": [0, 1], "y": None, "dy": [1, 2]},
    ],
    ids=["none", "one", "equal", "not-finite", "huge", "no-y"],
)
def test_plots_of_odd_data_are_drawn(show: Open, change: dict[str, Any]) -> None:
    page = show("plot", hold=True)
    payload = {**page.evaluate("gradlab.payload"), **change}
    page.evaluate(MOUNT, ["plot", payload])
    press(page, "Tab", "End", "Home")
    drawing = page.locator(".gl-plot").inner_html()
    assert "NaN" not in drawing
    assert "Infinity" not in drawing


# ------------------------------------------------------------------ bad and nasty data


def test_markup_in_names_stays_text(show: Open) -> None:
    page = show("nasty")
    for _ in range(5):
        part(page, "forward").click()
    for index in range(6):
        node(page, index).click()
        node(page, index).hover()
    press(page, "t")
    gradlab = page.locator(".gradlab")
    expect(gradlab.locator("img, script, a, [onclick], [href], [onerror]")).to_have_count(0)
    expect(part(page, "words")).to_have_text("empty.grad is empty.")
    assert page.evaluate("window.hacked === undefined")
    assert '<img src=x onerror="window.hacked=1">' in gradlab.inner_text()


def test_nan_infinity_and_nothing_are_seen(show: Open) -> None:
    page = show("nasty")
    for _ in range(3):
        part(page, "forward").click()
    arrived = part(page, "incoming")
    expect(arrived).to_contain_text("1 × NaN")
    expect(arrived).to_contain_text("2 × inf")
    texts = arrived.locator("[data-gl=element]").all_inner_texts()
    assert texts == ["nan", "inf", "-inf", "0.0", "1e-30"]
    part(page, "last").click()
    expect(part(page, "grad-after")).to_contain_text("no elements")


@pytest.mark.parametrize(
    ("view", "spoil", "told"),
    [
        ("graph", "null", "the payload is empty"),
        ("step", "{}", "the payload is empty"),
        ("plot", "{schema: 1}", "x is missing"),
        ("graph", "{...p, schema: 9}", "schema is 9"),
        ("step", "{...p, nodes: {...p.nodes, title: []}}", "nodes.title has 0 rows"),
        ("step", "{...p, root: 60}", "root should be an index into nodes, below 6, but is 60"),
        ("plot", "{...p, dy: [1]}", "dy has 1 rows, but x has 200"),
        ("<script>", "p", 'there is no view named "<script>"'),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_in_words(
    show: Open, view: str, spoil: str, told: str
) -> None:
    page = show({"plot": "plot", "graph": "sin-graph"}.get(view, "sin-step"), hold=True)
    page.evaluate(MOUNT, [view, page.evaluate(f"((p) => ({spoil}))(gradlab.payload)")])
    message = part(page, "message")
    expect(message).to_contain_text(told)
    expect(message).to_have_attribute("role", "alert")


def test_an_empty_graph_says_so(show: Open) -> None:
    expect(part(show("empty"), "message")).to_contain_text("holds no nodes")


# ------------------------------------------------------------------ large graphs


@pytest.mark.parametrize("name", ["chain", "fan", "recurrent", "random"])
def test_ten_thousand_nodes_are_drawn_without_ten_thousand_elements(show: Open, name: str) -> None:
    page = show(name)
    part(page, "forward").click()
    expect(page.locator("[data-gl=node][data-state=now]")).to_have_count(1)
    folds = page.locator("[data-gl=node].gl-fold")
    if folds.count():  # what repeats is one box at first
        assert part(page, "node").count() < 30
        folds.first.dblclick()
    assert page.evaluate("document.querySelectorAll('.gradlab *').length") < 6000
    part(page, "fit").click()
    canvas = page.locator(".gl-far canvas").last
    expect(canvas).to_be_visible()
    painted = canvas.evaluate(
        """(e) => e.getContext("2d").getImageData(0, 0, e.width, e.height).data.some(Boolean)"""
    )
    assert painted
    part(page, "last").click()
    expect(part(page, "position")).to_contain_text("of")


# ------------------------------------------------------------------ views, room, themes

MODEL = """() => {
  window.listening = 0;
  window.sent = [];
  const traits = { view: "step", payload: gradlab.payload, position: -1, selected: null };
  const events = new EventTarget();
  window.model = {
    get: (name) => traits[name],
    set(name, value) { traits[name] = value; events.dispatchEvent(new Event(`change:${name}`)); },
    on(name, act) { events.addEventListener(name, act); listening++; },
    off(name, act) { events.removeEventListener(name, act); listening--; },
    save_changes() {},
    send: (content) => sent.push(content),
  };
  window.stops = ["one", "two"].map((id) => {
    const el = document.createElement("div");
    el.id = id;
    document.body.append(el);
    return gradlab.render({ model, el });
  });
}"""


def test_two_views_of_one_model_show_the_same(show: Open) -> None:
    page = show("sin-step", hold=True)
    page.evaluate(MODEL)
    one, two = page.locator("#one"), page.locator("#two")
    one.locator("[data-gl=forward]").click()
    two.locator("[data-gl=forward]").click()
    two.locator("[data-gl=node][data-gl-node='2']").click()
    for view in (one, two):
        expect(view.locator("[data-gl=position]")).to_have_text("step 2 of 7")
        expect(view.locator("[data-gl=details]")).to_have_attribute("data-gl-node", "2")
    page.evaluate("model.set('position', 5)")
    expect(one.locator("[data-gl=position]")).to_have_text("step 6 of 7")
    page.evaluate("model.set('position', 1e9)")
    expect(two.locator("[data-gl=position]")).to_have_text("step 7 of 7")
    page.evaluate("model.set('selected', -4)")
    expect(two.locator("[data-gl=details]")).to_have_count(0)
    assert page.evaluate("sent") == [{"type": "ready"}]


def test_cleaning_up_leaves_nothing_behind(show: Open) -> None:
    page = show("sin-step", hold=True)
    page.evaluate(MODEL)
    page.locator("#one [data-gl=play]").click()
    page.evaluate("stops[0]()")
    expect(page.locator("#one *")).to_have_count(0)
    expect(page.locator("#two [data-gl=position]")).to_have_text("step 1 of 7")
    page.wait_for_timeout(1500)
    expect(page.locator("#two [data-gl=position]")).to_have_text("step 1 of 7")
    page.evaluate("stops[1]()")
    assert page.evaluate("listening") == 0


@pytest.mark.parametrize("name", ["sin-step", "sin-graph", "network", "nasty", "plot", "gap"])
def test_nothing_sticks_out_at_400_pixels(show: Open, watched: Watched, name: str) -> None:
    watched.page.set_viewport_size({"width": 432, "height": 900})
    page = show(name)
    if part(page, "last").count():
        part(page, "last").click()
        page.locator("[data-state=now]").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 432
    assert page.locator(".gradlab").evaluate("(e) => e.scrollWidth <= e.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(show: Open, watched: Watched, scheme: Any) -> None:
    watched.page.emulate_media(color_scheme=scheme)
    page = show("sin-step")
    for _ in range(4):
        part(page, "forward").click()
    contrast = page.evaluate(
        """() => {
          const pen = document.createElement("canvas").getContext("2d");
          const light = (colour) => {
            pen.fillStyle = colour;
            pen.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((part) => {
              const share = part / 255;
              return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ratio = (one, other) => {
            const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
            return (high + 0.05) / (low + 0.05);
          };
          const style = (selector) => getComputedStyle(document.querySelector(selector));
          const face = style(".gl-face").backgroundColor;
          return {
            words: ratio(style(".gl-words").color, face),
            dim: ratio(style(".gl-position").color, face),
            title: ratio(style(".gl-title").fill, style("[data-state=now] > .gl-shape").fill),
            chip: ratio(style(".gl-now text").fill, style(".gl-now rect").fill),
            now: ratio(style("[data-state=now] > .gl-shape").stroke, face),
          };
        }"""
    )
    assert min(contrast["words"], contrast["dim"], contrast["title"], contrast["chip"]) >= 4.5
    assert contrast["now"] >= 3


def test_jupyterlabs_colours_are_taken_where_they_are(show: Open) -> None:
    page = show("sin-step")
    page.evaluate(
        """() => {
          document.body.dataset.jpThemeLight = "false";
          document.body.style.setProperty("--jp-layout-color0", "rgb(1, 2, 3)");
        }"""
    )
    face = page.locator(".gl-face").first
    assert face.evaluate("(e) => getComputedStyle(e).backgroundColor") == "rgb(1, 2, 3)"
    assert page.locator(".gradlab").evaluate("(e) => getComputedStyle(e).colorScheme") == "dark"


def test_no_motion_where_none_is_wanted(show: Open, watched: Watched) -> None:
    watched.page.emulate_media(reduced_motion="reduce")
    page = show("chain")
    world = page.locator("svg.gl-near")
    world.evaluate("(e) => e.classList.add('gl-glide')")
    assert world.evaluate("(e) => getComputedStyle(e).transitionProperty") == "none"


def test_a_step_that_frees_shows_what_is_let_go_of(show: Open) -> None:
    page = show("sin-step")
    step = page.evaluate("gradlab.payload.steps.kind.indexOf('free')")
    for _ in range(step + 1):
        part(page, "forward").click()
    expect(part(page, "freed").first).to_be_visible()
    saved = page.evaluate(
        "s => gradlab.payload.nodes.saved[gradlab.payload.steps.node[s]].length", step
    )
    expect(part(page, "freed")).to_have_count(saved)


def test_the_ring_around_the_search_field_covers_no_word(show: Open) -> None:
    page = show("sin-step")
    part(page, "graph").focus()
    page.keyboard.press("/")
    page.keyboard.type("nothing like it")
    field, found = part(page, "search"), part(page, "found")
    expect(found).to_have_text("none")
    reach = field.evaluate(
        """(e) => {
          const { outlineOffset, outlineWidth } = getComputedStyle(e);
          const ring = parseFloat(outlineOffset) + parseFloat(outlineWidth);
          return e.getBoundingClientRect().right + ring;
        }"""
    )
    assert reach <= found.evaluate("e => e.getBoundingClientRect().left")


@pytest.mark.parametrize(("wanted", "moves"), [("no-preference", True), ("reduce", False)])
def test_the_picture_glides_aside_for_details(
    show: Open, watched: Watched, wanted: Literal["no-preference", "reduce"], moves: bool
) -> None:
    watched.page.emulate_media(reduced_motion=wanted)
    page = show("sin-graph")
    place = "e => new DOMMatrix(getComputedStyle(e).transform).e"
    world = page.locator("svg.gl-near")
    before = world.evaluate(place)
    node(page, 2).click()
    part(page, "details").wait_for()
    on_the_way = world.evaluate(
        """async (e) => {
          const seen = new Set();
          for (let frame = 0; frame < 20; frame++) {
            await new Promise(requestAnimationFrame);
            seen.add(Math.round(new DOMMatrix(getComputedStyle(e).transform).e));
          }
          return seen.size;
        }"""
    )
    assert (on_the_way > 3) is moves
    page.wait_for_timeout(300)
    assert world.evaluate(place) < before - 40


def test_forced_colours_still_tell_states_apart(show: Open, watched: Watched) -> None:
    watched.page.emulate_media(forced_colors="active")
    page = show("sin-step")
    part(page, "forward").click()
    stroke = "(e) => getComputedStyle(e).stroke"
    now = page.locator("[data-state=now] > .gl-shape").first.evaluate(stroke)
    waiting = page.locator("[data-state=waiting] > .gl-shape").first.evaluate(stroke)
    assert now != waiting


def test_a_page_asks_for_nothing_from_anywhere(show: Open, watched: Watched) -> None:
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    page = show("sin-step")
    part(page, "last").click()
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []
