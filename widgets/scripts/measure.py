"""Measures, in headless Chromium, how soon large graphs appear and how fast a step repaints.

    python scripts/models.py FOLDER && npm run pages -- FOLDER
    PYTHONPATH=../tools python scripts/measure.py FOLDER

A trace of 10,000 nodes must appear within 1 s of its arrival, and a step must be painted within
50 ms. "Painted" is the first task after the frame that shows the change, so the wait for that frame
(16.7 ms at 60 Hz) is part of every figure. While the drawing is dragged, the time from each frame
to the next is taken: 60 frames a second are 16.7 ms. Other work on the machine counts too, so its
load is written down. Writes benchmarks/results/browser.json.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

import chromium

RESULTS = Path(__file__).parents[2] / "benchmarks/results/browser.json"
STATIC = Path(__file__).parents[1] / "gradlab_widgets/static"
GRAPHS = ("sin-step", "network", "chain", "fan", "recurrent", "random", "large")
MODELS = ("resnet18", "resnet50", "transformer", "rnn", "stack", "long-chain")
REPEATS = 5
STEPS = 60

# Mounts a fresh copy of the payload and waits until it is painted.
APPEAR = """async () => {
  document.getElementById("here").replaceChildren();
  const payload = structuredClone(gradlab.payload);
  const start = performance.now();
  gradlab.mount(document.getElementById("here"), { view: gradlab.view, payload });
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const shown = document.querySelectorAll('[data-gl="node"]').length;
  if (!shown) throw new Error("nothing was drawn");
  return performance.now() - start;
}"""

# Presses a button many times; each time is from the click to the end of the frame.
STEP = """async ([button, times]) => {
  const found = [];
  for (let turn = 0; turn < times; turn++) {
    const before = document.querySelector('[data-gl="position"]').textContent;
    const start = performance.now();
    document.querySelector(`[data-gl="${button}"]`).click();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    found.push(performance.now() - start);
    if (document.querySelector('[data-gl="position"]').textContent === before) {
      throw new Error("the step did not change");
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  return found;
}"""


# Notes when frames are drawn until it is told to stop.
WATCH = """() => {
  window.drawn = [];
  const note = (now) => { drawn.push(now); window.watching = requestAnimationFrame(note); };
  requestAnimationFrame(note);
}"""
DRAGS = 120


def pan(page: Page) -> dict[str, float]:
    """Drags the drawing about, and returns how long frames took."""
    box = page.locator('[data-gl="graph"]').bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 70
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10, y)
    page.evaluate(WATCH)
    for turn in range(DRAGS):
        page.mouse.move(x + 100 * (turn % 20) / 20, y - turn)
    drawn = page.evaluate("() => { cancelAnimationFrame(watching); return drawn; }")
    page.mouse.up()
    return figures([later - sooner for sooner, later in itertools.pairwise(drawn)])


def at_first_sight(page: Page, address: str) -> dict[str, Any]:
    """A model's graph: how much of it is shown, how soon, and how it is dragged."""
    page.goto(f"{address}#hold")
    page.wait_for_function("window.gradlab")
    appear = [page.evaluate(APPEAR) for _ in range(REPEATS)]
    shown = page.locator('[data-gl="node"]').count()
    found = {"nodes": page.evaluate("gradlab.payload.nodes.kind.rows"), "boxes_shown": shown}
    return {**found, "appear": figures(appear), "frame_while_dragged": pan(page)}


def figures(times: list[float]) -> dict[str, float]:
    found = {"median_ms": statistics.median(times), "worst_ms": max(times)}
    if len(times) >= 20:
        found["p95_ms"] = statistics.quantiles(times, n=20)[-1]
    return {name: round(found[name], 1) for name in sorted(found)}


def measure(page: Page, address: str) -> dict[str, Any]:
    """Appears `REPEATS` times, then steps: seen near (to be read) and whole (from afar)."""
    page.goto(f"{address}#hold")
    page.wait_for_function("window.gradlab")
    appear = [page.evaluate(APPEAR) for _ in range(REPEATS)]
    steps = page.evaluate("gradlab.payload.steps.kind.length")
    turns = min(STEPS, steps)
    found = {
        "nodes": page.evaluate("gradlab.payload.nodes.kind.length"),
        "edges": page.evaluate("gradlab.payload.edges.to.length"),
        "appear": figures(appear),
        "step_forward": figures(page.evaluate(STEP, ["forward", turns])),
        "step_back": figures(page.evaluate(STEP, ["back", turns])),
    }
    page.locator('[data-gl="fit"]').click()
    page.wait_for_timeout(400)
    found["step_whole_graph_in_view"] = figures(page.evaluate(STEP, ["forward", turns]))
    found["frame_while_dragged"] = pan(page)
    return found


def main(folder: Path) -> None:
    load = os.getloadavg()[0]
    path = chromium.find()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        graphs = {name: measure(page, (folder / f"{name}.html").as_uri()) for name in GRAPHS}
        models = {name: at_first_sight(page, (folder / f"{name}.html").as_uri()) for name in MODELS}
        report = {
            "browser": f"Chromium {browser.version}, headless, software rendering",
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "load_average": round(load, 1),
            "bundle_bytes": {file.name: file.stat().st_size for file in STATIC.glob("*.js")},
            "limits": {
                "appear_ms": 1000,
                "step_ms": 50,
                "frame_ms": 16.7,
                "boxes_shown": 300,
                "bundle_bytes": 90_000,
            },
            "graphs": graphs,
            "models": models,
        }
        browser.close()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
