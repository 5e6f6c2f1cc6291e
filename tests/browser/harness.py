"""Running a real JupyterLab server, and opening pages that keep what they complain of."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Watched:
    """A page, and all that it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def heard(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(f"{said.text} ({said.location})")


@contextmanager
def watched_page(browser: Browser) -> Iterator[Watched]:
    """Open an empty page with cookies of its own, and listen to it from its first word."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    watched = Watched(context.new_page())
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on("console", lambda said: watched.heard(said))
    yield watched
    context.close()


class Open(Protocol):
    """Opens an example page by name; with `hold`, nothing is mounted yet."""

    def __call__(self, name: str, *, hold: bool = False) -> Page: ...


def make_pages(folder: Path, *scripts: str) -> None:
    """Fill a folder with example pages, made from the sources as they are.

    `scripts` write payloads there first. Skips the test where the front end can't be built, but on
    CI, where it must be.
    """
    if not (ROOT / "widgets/node_modules").exists():
        message = "no widgets/node_modules: python hatch_build.py ci installs them"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "widgets"), str(ROOT)])}
    for script in scripts:
        subprocess.run([sys.executable, script, str(folder)], cwd=ROOT, check=True, env=env)
    command = [sys.executable, "hatch_build.py", "run", "--silent", "pages", "--", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, its token, and the folder of lessons it shows."""

    address: str
    token: str
    folder: Path

    def url(self, notebook: str | None = None) -> str:
        """Where the browser goes: the server's first page, or one notebook and no other tab."""
        path = f"lab/tree/{notebook}?reset&" if notebook else "?"
        return f"{self.address}{path}token={self.token}"


@contextmanager
def running_lab(home: Path, *arguments: str) -> Iterator[Lab]:
    """Run Python with `arguments`, which start a JupyterLab, in a home that is nobody's."""
    token, runtime, log = secrets.token_hex(16), home / "runtime", home / "server.log"
    env = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "IPYTHONDIR": str(home / "ipython"),
    }
    command = [sys.executable, *arguments]
    with log.open("w") as out:
        server = subprocess.Popen(command, env=env, stdout=out, stderr=out, cwd=home)
    try:
        yield Lab(_address(server, runtime, log), token, home / "lessons")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def _address(server: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Wait for the note that a Jupyter server leaves about itself once it listens."""
    note = runtime / f"jpserver-{server.pid}.json"
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return str(json.loads(note.read_text())["url"])
        except (FileNotFoundError, ValueError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


def choose(page: Page, *path: str) -> None:
    """Choose an entry of JupyterLab's menus."""
    labels = page.locator(".lm-MenuBar-itemLabel, .lm-Menu-itemLabel")
    for name in path:
        labels.filter(has_text=re.compile(f"^{name}$")).click()


def run_all_cells(page: Page) -> None:
    """Run a notebook's cells by the menu, and wait for the last.

    A busy machine takes its time, and Jupyter drops what is chosen before all of it has loaded.
    """
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    for _ in range(6):
        choose(page, "Run", "Run All Cells")
        with suppress(AssertionError):
            expect(prompts.first).not_to_have_text("[ ]:", timeout=10_000)
            break
    expect(prompts.last).to_have_text(re.compile(r"\[\d+\]:"), timeout=120_000)
