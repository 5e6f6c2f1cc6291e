"""Takes screenshots of the example pages: wide and narrow, light and dark, at several steps.

npm run pages -- FOLDER && PYTHONPATH=../tools python scripts/look.py FOLDER SHOTS [names…]
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

import chromium

STEPS = {
    "sin-step": (-1, 0, 3, 4, 6),
    "network": (4,),
    "diamond": (2, 4),
    "middle": (40,),
    "nasty": (3,),
}


def look(pages: Path, shots: Path, names: list[str]) -> None:
    """Opens each page in headless Chromium and prints whatever it logs."""
    shots.mkdir(parents=True, exist_ok=True)
    path = chromium.find()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for width in (1100, 432):
                page = browser.new_page(
                    viewport={"width": width, "height": 900}, color_scheme=scheme
                )
                page.on("console", lambda message: print("console:", message.text))
                page.on("pageerror", lambda error: print("error:", error))
                for name in names:
                    page.goto((pages / f"{name}.html").as_uri())
                    page.wait_for_selector(".gradlab *")
                    for step in STEPS.get(name, (-1,)):
                        if step >= 0:
                            slider = page.locator('[data-gl="slider"]')
                            slider.evaluate(
                                "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }",
                                step,
                            )
                        page.wait_for_timeout(350)
                        stem = f"{name}-{scheme}-{width}-{step}"
                        page.screenshot(path=shots / f"{stem}.png", full_page=True)
                page.close()
        browser.close()


if __name__ == "__main__":
    folder, out, *chosen = sys.argv[1:]
    look(Path(folder), Path(out), chosen or [path.stem for path in Path(folder).glob("*.html")])
