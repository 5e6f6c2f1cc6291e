"""A real Chromium for the tests that look at a page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import chromium
from tests.browser.harness import Open, Watched, watched_page

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups, whatever was asked for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the browser tests on one worker: they share a server, a kernel and a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium, closed with the module: Playwright's event loop must not outlive it."""
    path = chromium.find()
    if path is None:
        message = "no Chromium: python tools/chromium.py installs one"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page that must have nothing to complain of."""
    with watched_page(browser) as watched:
        watched.page.set_default_timeout(10_000)
        yield watched
        assert watched.complaints == []


@pytest.fixture
def show(pages: Path, watched: Watched) -> Open:
    """Opens one of the module's `pages` by name; with `hold`, nothing is mounted yet."""

    def show(name: str, *, hold: bool = False) -> Page:
        page = watched.page
        page.goto((pages / f"{name}.html").as_uri() + ("#hold" if hold else ""))
        page.wait_for_function("window.gradlab")
        if not hold:
            page.wait_for_selector(".gradlab > *")
        return page

    return show
