"""The `gradlab` command: `gradlab lab` puts the lessons in a folder of yours and opens JupyterLab.

The lessons in your folder are yours to change. A lesson you changed is never written over: when
gradlab brings a newer one, it is laid beside yours as "… (new).ipynb". What was laid down is
remembered, as one digest per file, in `.gradlab-lessons.json` in the same folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gradlab import __version__

FOLDER = Path.home() / "gradlab-lessons"
RECORD = ".gradlab-lessons.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `gradlab` command with `argv` (the process's own arguments by default).

    >>> main(["--version"])
    Traceback (most recent call last):
        ...
    SystemExit: 0
    """
    parser = argparse.ArgumentParser(prog="gradlab", description=__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"gradlab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    lab = commands.add_parser("lab", help="open JupyterLab on the first lesson")
    lab.add_argument(
        "--dir", type=Path, default=FOLDER, help="your folder of lessons (default: %(default)s)"
    )
    lab.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    lab.add_argument("--port", type=int, help="port to listen on (default: JupyterLab's)")
    options = parser.parse_args(argv)

    folder = options.dir.expanduser().resolve()
    for line in copy_lessons(shipped_lessons(), folder):
        print(line, flush=True)
    return open_lab(folder, browser=not options.no_browser, port=options.port)


def shipped_lessons() -> list[Path]:
    """List the lessons that came with gradlab, the first lesson first.

    >>> shipped_lessons()[0].name
    '01_tensors_that_remember.ipynb'
    """
    package = Path(__file__).parent
    # A wheel carries them inside the package; in a clone they lie beside it.
    for home in (package / "lessons", package.parent / "notebooks"):
        if lessons := sorted(home.glob("*.ipynb")):
            return lessons
    raise FileNotFoundError(
        f"no lessons in {package / 'lessons'} or {package.parent / 'notebooks'}: "
        "the installation is incomplete; install gradlab again"
    )


def copy_lessons(lessons: Sequence[Path], folder: Path) -> Iterator[str]:
    """Bring `folder` up to date with `lessons`, yielding one line about each file it writes.

    A lesson that is missing is copied, and one whose cells are as they were laid down is
    refreshed. One that was changed stays, and the newer lesson is laid beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record_file = folder / RECORD
    record = _read_record(record_file)
    for lesson in lessons:
        content = lesson.read_bytes()
        target, said = _place(digest(content), folder, lesson, record)
        if said:
            _write(folder / target, content)
            yield said
        record[target] = digest(content)
    _write(record_file, json.dumps(record, indent=1).encode())


def _read_record(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        # Without a record every lesson that differs counts as changed, so nothing can be lost.
        return {}


def _place(new: str, folder: Path, lesson: Path, record: dict[str, str]) -> tuple[str, str]:
    """Find the file for a lesson whose digest is `new`, and what to say if it must be written."""
    for name in _names(lesson):
        path, laid_down = folder / name, record.get(name)
        first = name == lesson.name
        if not path.exists():
            # A "(new)" lesson that was laid down and thrown away is not wanted.
            if laid_down == new and not first:
                return name, ""
            why = "" if first else f": you changed {lesson.name}, so the newer one lies beside it"
            return name, f"copied {path}{why}"
        if laid_down == new:
            return name, ""
        found = digest(path.read_bytes())
        if found == new:
            return name, ""
        if found == laid_down:
            return name, f"refreshed {path}"
    raise AssertionError("unreachable: the names never end")


def _names(lesson: Path) -> Iterator[str]:
    yield lesson.name
    yield f"{lesson.stem} (new){lesson.suffix}"
    number = 2
    while True:
        yield f"{lesson.stem} (new {number}){lesson.suffix}"
        number += 1


def digest(content: bytes) -> str:
    """Digest what a person writes in a notebook: its cells' text, not what running them left.

    >>> empty = b'{"cells": [{"cell_type": "code", "source": ["1 + 1"], "outputs": []}]}'
    >>> ran = empty.replace(b"[]", b'[{"text": "2"}]')
    >>> digest(empty) == digest(ran), digest(empty) == digest(empty.replace(b"1 + 1", b"1 + 2"))
    (True, False)
    """
    try:
        cells = [_written(cell) for cell in json.loads(content)["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _written(cell: dict[str, Any]) -> list[Any]:
    source = cell.get("source", "")
    text = source if isinstance(source, str) else "".join(source)
    return [cell.get("cell_type"), text, cell.get("attachments", {})]


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is wholly there or not at all."""
    half = path.with_name(f"{path.name}.part")
    half.write_bytes(content)
    half.replace(path)


def open_lab(folder: Path, *, browser: bool, port: int | None) -> int:
    """Start JupyterLab in `folder` on the first lesson and stay until it ends."""
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(lab_arguments(folder, browser=browser, port=port))
    return 0


def lab_arguments(folder: Path, *, browser: bool, port: int | None) -> list[str]:
    """List the arguments JupyterLab is started with.

    >>> lab_arguments(Path("mine"), browser=False, port=9000)[:3]
    ['--ServerApp.root_dir=mine', '--no-browser', '--ServerApp.port=9000']
    """
    arguments = [f"--ServerApp.root_dir={folder}"]
    if not browser:
        arguments.append("--no-browser")
    if port is not None:
        arguments.append(f"--ServerApp.port={port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Jupyter refuses to start as root; in a container, where all is root's, that is a dead end.
        arguments.append("--ServerApp.allow_root=True")
    return [*arguments, f"--LabApp.default_url=/lab/tree/{shipped_lessons()[0].name}"]
