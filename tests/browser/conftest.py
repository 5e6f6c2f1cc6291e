"""A real JupyterLab server and a real Chromium, and pages whose complaints fail tests."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import chromium  # noqa: E402

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"width": 1280, "height": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the browser tests on one worker: they share a server, a kernel and a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: where it answers, its token, and the folder of lessons."""

    address: str
    token: str
    folder: Path

    def url(self, notebook: str) -> str:
        return f"{self.address}lab/tree/{notebook}?reset&token={self.token}"


@contextmanager
def running_lab(home: Path, *command: str) -> Iterator[Lab]:
    """Run `command`, which starts a JupyterLab for `home`, until it is no longer needed."""
    token, runtime = secrets.token_hex(16), home / "runtime"
    env = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "IPYTHONDIR": str(home / "ipython"),
    }
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=home)
        try:
            yield Lab(_address(server, runtime, home / "server.log"), token, home / "lessons")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)
            for left in runtime.glob("jpserver-*"):
                left.unlink()


def _address(server: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Wait for the note a Jupyter server leaves about itself once it answers."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        for note in runtime.glob("jpserver-*.json"):
            try:
                return str(json.loads(note.read_text())["url"])
            except (ValueError, KeyError):
                pass  # still being written
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own for the server: nothing of the machine's user is read or written."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def lab(home: Path) -> Iterator[Lab]:
    """JupyterLab as `gradlab lab` starts it."""
    command = [sys.executable, "-m", "gradlab", "lab", "--no-browser"]
    with running_lab(home, *command, "--dir", str(home / "lessons")) as lab:
        yield lab


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


@pytest.fixture(scope="module")
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page with its own cookies; at the end, no page may have complained of anything."""
    complaints: list[str] = []
    with ExitStack() as stack:

        def open_page(url: str, viewport: dict[str, int] = WIDE) -> Page:
            context: BrowserContext = browser.new_context(viewport=viewport)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
            page.on(
                "console",
                lambda said: complaints.append(f"console: {said.text} ({said.location})")
                if said.type == "error"
                else None,
            )
            page.goto(url)
            return page

        yield open_page
    assert complaints == []
