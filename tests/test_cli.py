"""`gradlab lab` copies the lessons and never writes over what their owner changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gradlab
from gradlab.cli import RECORD, copy_lessons, lab_arguments, main, shipped_lessons


def notebook(text: str, output: str = "") -> str:
    cell = {"cell_type": "code", "source": [text], "outputs": [output] if output else []}
    return json.dumps({"cells": [cell], "nbformat": 4})


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """A shipped lesson, in its first edition."""
    (tmp_path / "shipped").mkdir()
    path = tmp_path / "shipped" / "01.ipynb"
    path.write_text(notebook("one"))
    return path


@pytest.fixture
def folder(tmp_path: Path, lesson: Path) -> Path:
    """The owner's folder, the lesson's first edition laid down in it."""
    folder = tmp_path / "mine"
    assert list(copy_lessons([lesson], folder)) == [f"copied {folder / '01.ipynb'}"]
    return folder


def notebooks(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.ipynb"))}


def test_a_second_time_changes_nothing(lesson: Path, folder: Path) -> None:
    assert list(copy_lessons([lesson], folder)) == []
    assert notebooks(folder) == {"01.ipynb": notebook("one")}


@pytest.mark.parametrize("found", [notebook("one"), notebook("one", "saved output")])
def test_a_newer_lesson_replaces_one_whose_cells_are_unchanged(
    lesson: Path, folder: Path, found: str
) -> None:
    (folder / "01.ipynb").write_text(found)
    lesson.write_text(notebook("two"))
    assert list(copy_lessons([lesson], folder)) == [f"refreshed {folder / '01.ipynb'}"]
    assert notebooks(folder) == {"01.ipynb": notebook("two")}


@pytest.mark.parametrize("mine", [notebook("mine"), "no longer a notebook", "", "[]"])
def test_a_changed_lesson_stays_and_the_newer_one_lies_beside_it(
    lesson: Path, folder: Path, mine: str
) -> None:
    (folder / "01.ipynb").write_text(mine)
    assert list(copy_lessons([lesson], folder)) == [], "nothing newer, so nothing to bring"
    lesson.write_text(notebook("two"))
    (said,) = copy_lessons([lesson], folder)
    assert "you changed 01.ipynb" in said
    both = {"01 (new).ipynb": notebook("two"), "01.ipynb": mine}
    assert notebooks(folder) == both
    assert list(copy_lessons([lesson], folder)) == []
    assert notebooks(folder) == both


def test_a_changed_new_lesson_stays_as_well(lesson: Path, folder: Path) -> None:
    (folder / "01.ipynb").write_text(notebook("mine"))
    lesson.write_text(notebook("two"))
    list(copy_lessons([lesson], folder))
    (folder / "01 (new).ipynb").write_text(notebook("mine too"))
    lesson.write_text(notebook("three"))
    list(copy_lessons([lesson], folder))
    assert notebooks(folder) == {
        "01 (new 2).ipynb": notebook("three"),
        "01 (new).ipynb": notebook("mine too"),
        "01.ipynb": notebook("mine"),
    }


def test_a_new_lesson_thrown_away_stays_away_and_a_deleted_lesson_comes_back(
    lesson: Path, folder: Path
) -> None:
    (folder / "01.ipynb").write_text(notebook("mine"))
    lesson.write_text(notebook("two"))
    list(copy_lessons([lesson], folder))
    (folder / "01 (new).ipynb").unlink()
    assert list(copy_lessons([lesson], folder)) == []
    (folder / "01.ipynb").unlink()
    assert list(copy_lessons([lesson], folder)) == [f"copied {folder / '01.ipynb'}"]


@pytest.mark.parametrize("record", ["{broken", "[1]", "7"])
def test_without_a_readable_record_nothing_is_written_over(
    lesson: Path, folder: Path, record: str
) -> None:
    (folder / RECORD).write_text(record)
    lesson.write_text(notebook("two"))
    list(copy_lessons([lesson], folder))
    assert notebooks(folder)["01.ipynb"] == notebook("one")


def test_someone_elses_notebook_of_the_same_name_is_not_written_over(
    lesson: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "01.ipynb").write_text(notebook("theirs"))
    list(copy_lessons([lesson], folder))
    assert notebooks(folder)["01.ipynb"] == notebook("theirs")


def test_jupyterlab_opens_on_the_first_lesson() -> None:
    arguments = lab_arguments(Path("/mine"), browser=True, port=None)
    assert "--ServerApp.root_dir=/mine" in arguments
    assert f"--LabApp.default_url=/lab/tree/{shipped_lessons()[0].name}" in arguments
    assert not [argument for argument in arguments if "port" in argument or "browser" in argument]


@pytest.mark.parametrize("argv", [[], ["learn"], ["lab", "--port", "any"], ["clean", "--check"]])
def test_a_wrong_command_line_says_how_it_is_used(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(argv)
    assert "usage: gradlab" in capsys.readouterr().err


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "gradlab", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout == f"gradlab {gradlab.__version__}\n"
