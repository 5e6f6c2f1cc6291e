"""The `gradlab` command: opens JupyterLab on lessons of your own, and cleans notebooks for git.

The lessons in your folder are yours to change. A lesson you changed is never written over: when
gradlab brings a newer one, it is laid beside yours as "… (new).ipynb". What was laid down is
remembered, as one digest per file, in `.gradlab-lessons.json` in the same folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gradlab import __version__
from gradlab.cleaning import NotInstalled, cleaned, install_filter, notebooks_in, run_filter

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
    clean = commands.add_parser(
        "clean",
        help="take widgets out of notebooks to be committed, and leave their pictures",
        description="Take widgets out of notebooks, and leave the pictures they show without a "
        "kernel. Without a NOTEBOOK: from standard input to standard output.",
    )
    clean.add_argument("notebooks", metavar="NOTEBOOK", nargs="*", type=Path, help="file or folder")
    what = clean.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="change nothing; status 1 if it would")
    what.add_argument(
        "--install-filter",
        action="store_true",
        help="let git clean the notebooks of the repository you are in, whenever one is added",
    )
    options = parser.parse_args(argv)

    if options.command == "lab":
        folder = options.dir.expanduser().resolve()
        for line in copy_lessons(shipped_lessons(), folder):
            print(line, flush=True)
        return open_lab(folder, browser=not options.no_browser, port=options.port)
    if options.install_filter:
        return install_clean_filter(Path.cwd())
    if options.notebooks:
        return clean_notebooks(options.notebooks, check=options.check)
    if options.check or sys.stdin.isatty():
        clean.error("name notebooks to clean, or send one to standard input")
    return run_filter()


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


def clean_notebooks(paths: Sequence[Path], *, check: bool) -> int:
    """Clean notebooks where they lie, or only say which would be; 1 if any would, or can't be."""
    status = 0
    for path in notebooks_in(paths):
        try:
            before = path.read_bytes()
            after = cleaned(before)
        except (OSError, ValueError) as error:
            print(f"gradlab clean: {path} stays as it is: {error}", file=sys.stderr)
            status = 1
            continue
        if after == before:
            continue
        if check:
            status = 1
        else:
            _write(path, after)
        print(f"{'has widgets' if check else 'cleaned'}: {path}")
    return status


def install_clean_filter(folder: Path) -> int:
    """Let git clean the notebooks of the repository around `folder`."""
    try:
        for line in install_filter(folder):
            print(line)
    except NotInstalled as error:
        print(f"gradlab clean --install-filter: {error}", file=sys.stderr)
        return 1
    return 0


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
