"""Clean notebooks for a repository: widgets go, the pictures they left stay.

A saved widget is a view in its cell's output and, in the notebook's metadata, a state that holds
all the view draws. Without its state, JupyterLab shows an error in the view's place; without the
view, it shows the picture. So both go together.

git runs this file by itself, for every notebook anew. Hence it imports nothing but the standard
library: it is done in a fraction of the time that importing gradlab takes.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["NotInstalled", "cleaned", "install_filter", "notebooks_in", "run_filter"]

VIEW = "application/vnd.jupyter.widget-view+json"
ATTRIBUTE = "*.ipynb filter=gradlab"


def cleaned(content: bytes) -> bytes:
    """Return a notebook without its widgets; one that has none is returned as it is, to the byte.

    Indentation, escapes and line ends stay as they were. Raises ValueError for what is no notebook.

    >>> cleaned(b'{"cells": [], "metadata": {"widgets": {"state": {}}}}')
    b'{"cells": [], "metadata": {}}'
    """
    if not content.strip():
        return content  # JupyterLab takes an empty file for a new notebook
    try:
        notebook = json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError("it holds no list of cells")
    return _written(notebook, content) if _take_widgets_out(notebook) else content


def _take_widgets_out(notebook: dict[str, Any]) -> bool:
    """Do so, and say whether there was anything to take out."""
    metadata = notebook.get("metadata")
    found = isinstance(metadata, dict) and metadata.pop("widgets", None) is not None
    for cell in filter(_is_object, notebook["cells"]):
        outputs = cell.get("outputs")
        if not isinstance(outputs, list):
            continue
        cell["outputs"] = kept = []
        for output in outputs:
            if _has_view(output):
                del output["data"][VIEW]
                found = True
                if not output["data"]:
                    continue  # there was a view and nothing else
            kept.append(output)
    return found


def _is_object(x: object) -> bool:
    return isinstance(x, dict)


def _has_view(output: Any) -> bool:
    return _is_object(output) and _is_object(output.get("data")) and VIEW in output["data"]


def _written(notebook: dict[str, Any], like: bytes) -> bytes:
    """A notebook as JSON, laid out as the file it was read from."""
    indent = re.match(rb"\s*\{\r?\n([ \t]+)", like)
    text = json.dumps(
        notebook,
        indent=indent[1].decode() if indent else None,
        ensure_ascii=like.isascii(),
    )
    # Halves of surrogate pairs can be written as escapes only.
    text = re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)
    if like.endswith(b"\n"):
        text += "\n"
    return text.replace("\n", "\r\n" if b"\r\n" in like else "\n").encode()


def notebooks_in(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the notebooks among `paths` and in the folders among them, checkpoints left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*.ipynb")):
            if not any(part.startswith(".") for part in found.relative_to(path).parts):
                yield found


# ---------------------------------------------------------------------- as a filter of git's


class NotInstalled(Exception):
    """The filter could not be installed; the message says why, and the way out."""


def install_filter(folder: Path) -> Iterator[str]:
    """Make git clean notebooks of the repository around `folder`; yield a line on each thing done.

    `.gitattributes` says that notebooks go through the filter, for everybody who has the
    repository; what the filter is stands in git's own configuration of this clone.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel"))
    asked = _git(top, "check-attr", "filter", "--", "a.ipynb").rpartition(": ")[2]
    if asked not in ("unspecified", "gradlab"):
        raise NotInstalled(
            f"notebooks go through the filter {asked!r} already; take its line out of "
            ".gitattributes (or .git/info/attributes) first"
        )
    _git(top, "config", "--local", "filter.gradlab.clean", _command())
    yield f"{top}: git cleans notebooks as they are added"
    if asked == "unspecified":
        attributes = top / ".gitattributes"
        before = attributes.read_text("utf-8") if attributes.exists() else ""
        gap = "\n" if before and not before.endswith("\n") else ""
        attributes.write_text(f"{before}{gap}{ATTRIBUTE}\n", "utf-8")
        yield f"added to {attributes}: {ATTRIBUTE}"
    yield "in other clones: gradlab clean --install-filter; for what is committed already: "
    yield "  git add --renormalize . && git commit"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise NotInstalled("there is no git on this machine") from None
    except subprocess.CalledProcessError as error:
        raise NotInstalled(f"git {arguments[0]}: {error.stderr.strip()}") from None
    return done.stdout.strip()


def _command() -> str:
    """How git's shell calls this file, also where the environment of now is not active."""
    parts = [Path(sys.executable).as_posix(), "-I", Path(__file__).resolve().as_posix()]
    return f"{shlex.join(parts)} %f"


def run_filter(name: str = "the input") -> int:
    """Clean standard input onto standard output; what is no notebook passes as it is.

    The status is then 1, so that git shows the message and takes what it had.
    """
    content = sys.stdin.buffer.read()
    try:
        result, problem = cleaned(content), None
    except ValueError as error:
        result, problem = content, error
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()
    if problem is None:
        return 0
    print(f"gradlab clean: {name} is no notebook, and stays as it is: {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(run_filter(*sys.argv[1:]))
