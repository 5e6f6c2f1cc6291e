"""Big graphs in the browser: an overview at first, groups opened and closed, search, minimap."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.harness import Open, Watched, make_pages

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "artefacts" / "big-graphs"
MODELS = ("resnet18", "resnet50", "transformer", "rnn", "stack", "long-chain")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page for each model, made from the sources as they are."""
    folder = tmp_path_factory.mktemp("pages")
    make_pages(folder, "widgets/scripts/models.py")
    return folder


@pytest.fixture
def show(pages: Path, watched: Watched) -> Open:
    """Open a model's graph by name."""

    def show(name: str) -> Page:
        page = watched.page
        page.goto((pages / f"{name}.html").as_uri())
        page.wait_for_selector("[data-gl=node]")
        return page

    return show


def part(page: Page, handle: str) -> Locator:
    return page.locator(f"[data-gl={handle}]")


def box(page: Page, words: str) -> Locator:
    return page.locator("[data-gl=node]", has_text=words).first


def titles(page: Page) -> list[str]:
    return page.locator("[data-gl=node] .gl-title").all_text_contents()


@pytest.mark.parametrize("name", MODELS)
def test_a_big_graph_is_an_overview_at_first(show: Open, name: str) -> None:
    page = show(name)
    assert page.evaluate("gradlab.payload.nodes.kind.rows") > 100
    assert 2 <= part(page, "node").count() <= 30
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


@pytest.mark.parametrize(
    ("name", "title", "times"),
    [
        ("transformer", "blocks", "×12"),
        ("rnn", "cell", "×500"),
        ("stack", "0 … 11", "×12"),
        ("long-chain", "sin ×", "×5,000"),
    ],
)
def test_what_repeats_is_one_box_that_says_how_often(
    show: Open, name: str, title: str, times: str
) -> None:
    page = show(name)
    folded = box(page, times)
    expect(folded.locator(".gl-title")).to_have_text(title, ignore_case=True)


def test_a_press_on_plus_opens_and_on_the_frames_name_closes(show: Open) -> None:
    page = show("resnet18")
    before = titles(page)
    layer = box(page, "layer4")
    where = layer.locator(".gl-plus").bounding_box()
    assert where
    page.mouse.click(where["x"] + 4, where["y"] + 4)
    expect(box(page, "layer4.1")).to_be_visible()
    name = part(page, "frame").filter(has_text="layer4").locator(".gl-frame-name")
    expect(name).to_have_count(1)
    where = name.bounding_box()
    assert where
    page.mouse.click(where["x"] + where["width"] / 2, where["y"] + where["height"] / 2)
    expect(part(page, "frame")).to_have_count(0)
    assert sorted(titles(page)) == sorted(before)


def test_the_keyboard_opens_and_closes(show: Open) -> None:
    page = show("transformer")
    before = titles(page)
    part(page, "graph").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Home")
    for _ in range(30):
        if page.locator("[data-cursor]", has_text="blocks").count():
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("o")
    expect(box(page, "blocks.3")).to_be_attached()
    spoken = page.locator(".gl-picture > [aria-live]")
    expect(spoken).to_contain_text("blocks opened")
    page.keyboard.press("o")
    page.keyboard.press("o")
    expect(spoken).to_contain_text("closed")
    assert len(titles(page)) >= len(before)


def test_a_frame_holds_its_own_and_nothing_else(show: Open) -> None:
    page = show("transformer")
    page.set_viewport_size({"width": 1280, "height": 900})
    box(page, "blocks").dblclick()
    part(page, "fit").click()
    page.wait_for_timeout(400)
    frame = part(page, "frame").filter(has_text="blocks").locator(".gl-frame-line").bounding_box()
    assert frame
    inside = []
    for shown in part(page, "node").all():
        place = shown.locator(".gl-shape").first.bounding_box()
        assert place
        if (
            frame["x"] <= place["x"]
            and place["x"] + place["width"] <= frame["x"] + frame["width"]
            and frame["y"] <= place["y"]
            and place["y"] + place["height"] <= frame["y"] + frame["height"]
        ):
            inside.append(shown.locator(".gl-title").text_content())
    assert inside
    assert all(str(title).startswith("blocks.") for title in inside), inside
    assert len(inside) == 12


def test_search_goes_from_one_to_the_next_and_opens_what_they_are_in(show: Open) -> None:
    page = show("resnet50")
    part(page, "graph").focus()
    page.keyboard.press("/")
    field = part(page, "search")
    expect(field).to_be_focused()
    page.keyboard.type("layer3.2.bn2.weight")
    expect(part(page, "found")).to_have_text("2")
    assert page.locator("[data-found]").count() == 1  # the closed box that both are in
    page.keyboard.press("Enter")
    expect(part(page, "found")).to_have_text("1 of 2")
    expect(page.locator("[data-cursor]")).to_contain_text("layer3.2.bn2.weight")
    expect(page.locator("[data-cursor]")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(part(page, "found")).to_have_text("1 of 2")
    field.fill("no such thing")
    expect(part(page, "found")).to_have_text("none")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    expect(part(page, "graph")).to_be_focused()


def test_the_path_of_a_leaf_is_marked(show: Open) -> None:
    page = show("rnn")
    box(page, "of_hidden.bias").first.click()
    marked = page.locator("[data-path] .gl-title").all_text_contents()
    assert any("of_hidden.bias" in title for title in marked)
    assert "sum" in marked
    assert not any("of_input.weight" in title for title in marked)
    assert page.locator(".gl-line[data-path]").count() >= 3
    expect(page.locator(".gl-picture > [aria-live]")).to_contain_text("leads to")


@pytest.mark.parametrize("pause", [0, 150])
def test_a_double_press_opens_a_group_at_any_speed(show: Open, pause: int) -> None:
    page = show("long-chain")
    at = box(page, "×5,000").bounding_box()
    assert at
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    for count in (1, 2):
        page.mouse.down(click_count=count)
        page.mouse.up(click_count=count)
        page.wait_for_timeout(pause)
    expect(part(page, "minimap")).to_be_visible()
    expect(part(page, "details")).to_have_count(0)


def test_the_minimap_moves_the_view(show: Open) -> None:
    page = show("long-chain")
    expect(part(page, "minimap")).to_be_hidden()
    box(page, "×5,000").dblclick()
    expect(part(page, "minimap")).to_be_visible()
    world = page.locator("svg.gl-near")
    before = world.get_attribute("style")
    where = part(page, "minimap").bounding_box()
    assert where
    page.mouse.click(where["x"] + where["width"] / 2, where["y"] + 8)
    page.wait_for_timeout(100)
    assert world.get_attribute("style") != before
    assert part(page, "node").count() < 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [432, 1280])
def test_opened_groups_look_right_everywhere(
    show: Open, watched: Watched, scheme: str, width: int
) -> None:
    watched.page.set_viewport_size({"width": width, "height": 900})
    watched.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page = show("transformer")
    box(page, "blocks").dblclick()
    page.wait_for_timeout(400)
    page.screenshot(path=PICTURES / f"opened-{scheme}-{width}.png")
    face = page.locator("[data-gl-view]")
    assert face.evaluate("e => e.scrollWidth <= e.clientWidth")
