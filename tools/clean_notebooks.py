"""Strip what running left in the lessons: `python tools/clean_notebooks.py [--check]`.

A committed lesson carries no outputs, no counts and no widget state (JupyterLab shows "model not
found" for a widget whose state is missing). With --check nothing is written, and the exit status
says whether there is something to strip.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LESSONS = Path(__file__).parent.parent / "notebooks"
MEANT_TO_FAIL = "raises-exception"  # JupyterLab then runs on to the cells below
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def clean(notebook: dict[str, Any]) -> dict[str, Any]:
    """Keep the cells as written, which of them fail on purpose, and the kernel's name."""
    return {
        "cells": [_clean_cell(cell) for cell in notebook["cells"]],
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _clean_cell(cell: dict[str, Any]) -> dict[str, Any]:
    tags = [tag for tag in cell["metadata"].get("tags", []) if tag == MEANT_TO_FAIL]
    metadata = {"tags": tags} if tags else {}
    kept = {"cell_type": cell["cell_type"], "id": cell["id"], "metadata": metadata}
    if cell["cell_type"] == "code":
        kept |= {"execution_count": None, "outputs": []}
    return kept | {"source": "".join(cell["source"]).splitlines(keepends=True)}


def main(check: bool) -> int:
    unclean = []
    for lesson in sorted(LESSONS.glob("*.ipynb")):
        text = lesson.read_text("utf-8")
        cleaned = json.dumps(clean(json.loads(text)), indent=1, ensure_ascii=False) + "\n"
        if cleaned != text:
            unclean.append(lesson)
            if not check:
                lesson.write_text(cleaned, "utf-8")
    for lesson in unclean:
        print(f"{'not clean' if check else 'cleaned'}: {lesson}")
    return int(check and bool(unclean))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
