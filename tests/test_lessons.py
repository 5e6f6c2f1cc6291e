"""The committed lessons are clean; that they run top to bottom is nbmake's to say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import clean_notebooks
import gradlab

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_committed_lesson_carries_nothing_that_running_left(lesson: Path) -> None:
    notebook = json.loads(lesson.read_text("utf-8"))
    assert notebook == clean_notebooks.clean(notebook), "run: make clean-notebooks"


def test_lessons_are_numbered_without_a_gap() -> None:
    assert [int(lesson.name[:2]) for lesson in LESSONS] == list(range(1, len(LESSONS) + 1))


def test_cleaning_drops_outputs_counts_and_widget_state() -> None:
    cell = {
        "cell_type": "code",
        "id": "one",
        "metadata": {"trusted": True},
        "source": "1 + 1\n2",
        "execution_count": 3,
        "outputs": [{"output_type": "stream"}],
    }
    notebook = {"cells": [cell], "metadata": {"widgets": {}, "language_info": {"version": "3.11"}}}
    cleaned = clean_notebooks.clean(notebook)
    assert cleaned["cells"] == [
        {
            "cell_type": "code",
            "id": "one",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": ["1 + 1\n", "2"],
        }
    ]
    assert cleaned["metadata"].keys() == {"kernelspec", "language_info"}
    assert clean_notebooks.clean(cleaned) == cleaned


def test_cleaning_keeps_the_mark_of_cells_that_fail_on_purpose() -> None:
    marked = {"tags": ["raises-exception", "draft"], "collapsed": True}
    cell = {"cell_type": "code", "id": "one", "metadata": marked, "source": "1 / 0"}
    (cleaned,) = clean_notebooks.clean({"cells": [cell]})["cells"]
    assert cleaned["metadata"] == {"tags": ["raises-exception"]}


@pytest.mark.parametrize(
    ("lesson", "answer", "said"),
    [
        (1, "None", "Put your derivative"),
        (1, "3 * x**2 - 1", "Yes!"),
        (1, "3 * x.detach() ** 2 - 1", "Yes!"),
        (1, "3 * x**2", "Not yet"),
        (2, "None", "Put your derivative"),
        (2, "(2 * (w * x + b - y) * x).mean()", "Yes!"),
        (2, "-17 / 3", "Yes!"),
        (2, "2 * (w * x + b - y).mean()", "Not yet"),
        (3, "None", "Put your two numbers"),
        (3, "[12.0, 24.0]", "Yes!"),
        (3, "[6.0, 12.0]", "Not yet. That is what one pass brings"),
        (3, "[1.0, 2.0]", "Not yet. From the walk"),
    ],
)
def test_the_exercise_of_a_lesson_knows_right_from_wrong(
    lesson: int, answer: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = json.loads(LESSONS[lesson - 1].read_text("utf-8"))["cells"]
    *_, task, check = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert "mine = None" in task
    scope = {"gl": gradlab}
    exec(task.replace("mine = None", f"mine = {answer}") + "\n" + check, scope)
    assert capsys.readouterr().out.startswith(said)
