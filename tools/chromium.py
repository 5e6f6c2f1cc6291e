"""Find a Chromium for the browser tests, or install one: `python tools/chromium.py`.

Debian's own package comes first, then the build that Playwright downloads.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Give the path of a Chromium that starts, or None."""
    candidates = [*(found for name in NAMES if (found := shutil.which(name))), *_playwrights()]
    return next((path for path in candidates if _starts(path)), None)


def _playwrights() -> list[str]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return [path] if Path(path).exists() else []


def _starts(path: str) -> bool:
    # Ubuntu's `chromium` may be a stub that asks for snap: only one that answers counts.
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install() -> None:
    """Install Chromium the first way that this machine allows."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root and shutil.which("apt-get") and _is_debian():
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        packages = ["chromium", "fonts-dejavu-core"]
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        if subprocess.run(command, env=quiet, check=False).returncode == 0 and find():
            return
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    subprocess.run([*command, "--with-deps"] if root else command, check=False)


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


def main() -> int:
    if not find():
        install()
    if path := find():
        print(f"Chromium: {path}")
        return 0
    print(
        "No Chromium could be installed, so the browser tests cannot run. Install one (on Debian: "
        "apt-get install chromium) and run make test again.",
        file=sys.stderr,
    )
    # A learner's machine may do without; continuous integration may not.
    return int(bool(os.environ.get("CI")))


if __name__ == "__main__":
    sys.exit(main())
