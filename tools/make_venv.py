"""Make the virtual environment the make targets use: `python3 tools/make_venv.py .venv`.

Needs nothing but a Python of 3.11 or newer. Where Debian's Python lacks `ensurepip`, its package
is installed if we may, and named if we may not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def main(folder: str) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - make calls whichever python3 is there
        have = ".".join(map(str, sys.version_info[:3]))
        return _refuse(
            f"gradlab needs Python 3.11 or newer, and {sys.executable} is {have}.",
            "Name a newer one: make lab PYTHON=python3.12",
        )
    if not _has_ensurepip() and not _install_ensurepip():
        return _refuse(
            f"{sys.executable} cannot make virtual environments: it has no ensurepip.",
            "On Debian and Ubuntu: sudo apt-get install python3-venv",
        )
    # A child process: an ensurepip installed a moment ago is not seen by this one.
    return subprocess.run([sys.executable, "-m", "venv", folder], check=False).returncode


def _has_ensurepip() -> bool:
    probe = [sys.executable, "-c", "import ensurepip"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _install_ensurepip() -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    subprocess.run(["apt-get", "update", "-qq"], check=False)
    subprocess.run(["apt-get", "install", "-y", "-qq", package], check=False)
    return _has_ensurepip()


def _refuse(what: str, way_out: str) -> int:
    print(what, way_out, sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
