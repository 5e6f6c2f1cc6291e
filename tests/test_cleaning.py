"""`gradlab clean` takes widgets out of notebooks and nothing else, by hand and as git's filter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlab.cleaning import ATTRIBUTE, VIEW, cleaned
from gradlab.cli import main

STATE = "application/vnd.jupyter.widget-state+json"
PICTURE = {
    "text/html": ['<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="Graph">'],
    "text/plain": ["<graph>"],
}
OTHER = {
    "data": {"image/png": "iVBORw0KGgo=\n", "text/plain": ["<Figure>"]},
    "metadata": {},
    "output_type": "display_data",
}
STREAM = {"name": "stdout", "output_type": "stream", "text": ["∂L/∂w = 0.1\n"]}
ERROR = {"ename": "E", "evalue": "", "output_type": "error", "traceback": []}


def code(*outputs: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": 7,
        "id": "a",
        "metadata": {"tags": ["keep"]},
        "outputs": list(outputs),
        "source": ["step(out)"],
    }


def shown(data: dict[str, Any]) -> dict[str, Any]:
    return {"data": data, "execution_count": 7, "metadata": {}, "output_type": "execute_result"}


def notebook(*cells: Any, **metadata: Any) -> dict[str, Any]:
    named = {"kernelspec": {"name": "python3"}, **metadata}
    return {"cells": list(cells), "metadata": named, "nbformat": 4, "nbformat_minor": 5}


def written(content: Any, *, ascii: bool = False) -> bytes:
    """A notebook as Jupyter writes it."""
    return (json.dumps(content, indent=1, ensure_ascii=ascii) + "\n").encode()


MODEL = {"version_major": 2, "version_minor": 1, "model_id": "abc"}
SAVED = {STATE: {"state": {"abc": {"state": {"_esm": "x" * 1000}}}}}
MARKDOWN = {"cell_type": "markdown", "id": "b", "metadata": {}, "source": ["# Wärme"]}
WITH = notebook(
    MARKDOWN, code(STREAM, shown({VIEW: MODEL, **PICTURE}), OTHER, ERROR), widgets=SAVED
)
WITHOUT = notebook(MARKDOWN, code(STREAM, shown(PICTURE), OTHER, ERROR))


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize(
    ("indent", "end"),
    [(1, "\n"), (1, "\r\n"), (1, ""), (2, "\n"), ("\t", "\n"), (None, "\n"), (None, "")],
)
def test_widgets_go_and_the_file_is_laid_out_as_before(ascii: bool, indent: Any, end: str) -> None:
    def lay_out(content: Any) -> bytes:
        text = json.dumps(content, indent=indent, ensure_ascii=ascii)
        return (text.replace("\n", end or "\n") + end).encode()

    assert cleaned(lay_out(WITH)) == lay_out(WITHOUT)


@pytest.mark.parametrize(
    "content",
    [
        WITHOUT,
        notebook(),
        notebook(code()),
        notebook(MARKDOWN, {"cell_type": "raw"}, 3, None, {"outputs": "none"}, {"outputs": [3]}),
        notebook(code({"data": "none"}, {"data": {"text/plain": VIEW}})),
        {"cells": [], "metadata": None},
        {"cells": []},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : ")])
def test_what_has_no_widgets_stays_to_the_byte(content: Any, separators: tuple[str, str]) -> None:
    text = json.dumps(content, indent=3, separators=separators).encode()
    assert cleaned(text) == text


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_file_is_a_new_notebook(content: bytes) -> None:
    assert cleaned(content) == content


@pytest.mark.parametrize("ascii", [True, False])
def test_cleaning_twice_is_cleaning_once(ascii: bool) -> None:
    once = cleaned(written(WITH, ascii=ascii))
    assert cleaned(once) == once


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(outputs=st.lists(JSON), rest=st.dictionaries(st.text(), JSON), seen=st.booleans())
def test_whatever_else_a_notebook_holds_stays(outputs: Any, rest: Any, seen: bool) -> None:
    view = [shown({VIEW: MODEL, **PICTURE})] if seen else []
    before = {**rest, "cells": [code(*outputs, *view)], "metadata": {"widgets": SAVED}}
    after = cleaned(written(before))
    picture = [shown(PICTURE)] if seen else []
    assert json.loads(after) == {**rest, "cells": [code(*outputs, *picture)], "metadata": {}}
    assert cleaned(after) == after


def test_an_output_of_a_view_alone_goes_and_other_libraries_keep_their_words() -> None:
    slider = shown({VIEW: MODEL, "text/plain": ["IntSlider(value=3)"]})
    content = notebook(code(shown({VIEW: MODEL}), slider, STREAM), widgets=SAVED)
    kept = notebook(code(shown({"text/plain": ["IntSlider(value=3)"]}), STREAM))
    assert json.loads(cleaned(written(content))) == kept


@pytest.mark.parametrize("name", ["\\ud800", "\\udfff\\ud800", "\\ud83d\\ude00", "é\\ud800"])
def test_halves_of_surrogate_pairs_survive(name: str) -> None:
    text = written(notebook(MARKDOWN, widgets=SAVED)).decode().replace("Wärme", name)
    after = cleaned(text.encode())
    assert json.loads(after)["cells"] == json.loads(text)["cells"]


BROKEN = [
    b"{",
    b"<<<<<<< HEAD\n{}",
    b"[]",
    b'"cells"',
    b"{}",
    b'{"cells": 3}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_notebook_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        cleaned(content)


# ---------------------------------------------------------------------- the command


def test_notebooks_are_cleaned_where_they_lie(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub/.ipynb_checkpoints").mkdir(parents=True)
    paths = [tmp_path / "one.ipynb", tmp_path / "sub/two.ipynb"]
    checkpoint = tmp_path / "sub/.ipynb_checkpoints/two.ipynb"
    for path in [*paths, checkpoint]:
        path.write_bytes(written(WITH))
    assert main(["clean", "--check", str(tmp_path)]) == 1
    assert [path.read_bytes() for path in paths] == [written(WITH)] * 2
    assert main(["clean", str(tmp_path)]) == 0
    assert [path.read_bytes() for path in paths] == [written(WITHOUT)] * 2
    assert checkpoint.read_bytes() == written(WITH)
    assert main(["clean", "--check", *map(str, paths)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"has widgets: {p}" for p in paths] + [f"cleaned: {p}" for p in paths]


@pytest.mark.parametrize("content", [b"{", None])
def test_a_file_that_is_no_notebook_stays_and_the_others_are_cleaned(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, good = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    if content is not None:
        broken.write_bytes(content)
    good.write_bytes(written(WITH))
    assert main(["clean", str(broken), str(good)]) == 1
    assert good.read_bytes() == written(WITHOUT)
    assert f"{broken} stays as it is" in capsys.readouterr().err
    assert (broken.read_bytes() if content is not None else None) == content


def test_a_pipe_is_cleaned() -> None:
    command = [sys.executable, "-m", "gradlab", "clean"]
    piped = subprocess.run(command, input=written(WITH), capture_output=True, check=True)
    assert piped.stdout == written(WITHOUT)


# ---------------------------------------------------------------------- git


class Repository:
    """A repository in a folder of its own, with a git that knows of no other configuration."""

    def __init__(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.top = top
        top.mkdir(parents=True)
        for name, value in {
            "GIT_CONFIG_GLOBAL": str(top.parent / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(top.parent),
        }.items():
            monkeypatch.setenv(name, value)
        (top.parent / "gitconfig").write_text("[user]\n name = A\n email = a@b.c\n")
        self.run("init", "-q")

    def run(self, *arguments: str) -> str:
        return self.process(*arguments).stdout.decode()

    def process(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *arguments], cwd=self.top, capture_output=True, check=True, timeout=60
        )

    def commit(self, *names: str) -> None:
        self.run("add", *names)
        self.run("commit", "-q", "-m", "Work")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository, in a folder whose name has a space, with the filter installed."""
    made = Repository(tmp_path / "my work", monkeypatch)
    monkeypatch.chdir(made.top)
    assert main(["clean", "--install-filter"]) == 0
    return made


def test_a_committed_notebook_has_no_widgets_and_the_file_keeps_them(
    repository: Repository,
) -> None:
    path = repository.top / "lesson one.ipynb"
    path.write_bytes(written(WITH))
    repository.commit(".")
    assert repository.process("show", f"HEAD:{path.name}").stdout == written(WITHOUT)
    assert path.read_bytes() == written(WITH)
    assert repository.run("status", "--porcelain") == ""
    assert repository.run("diff") == ""


def test_a_checkout_brings_the_picture(repository: Repository) -> None:
    path = repository.top / "a.ipynb"
    path.write_bytes(written(WITH))
    repository.commit(".")
    path.unlink()
    repository.run("checkout", "--", "a.ipynb")
    assert path.read_bytes() == written(WITHOUT)


def test_a_diff_shows_what_was_written_and_no_widget(repository: Repository) -> None:
    path = repository.top / "a.ipynb"
    path.write_bytes(written(WITH))
    repository.commit(".")
    path.write_bytes(written(WITH).replace(b"step(out)", b"graph(out)"))
    changed = [
        line for line in repository.run("diff").splitlines() if line[0] in "+-" and line[1:2] == " "
    ]
    assert [line.strip(" +-") for line in changed] == ['"step(out)"', '"graph(out)"']


def test_other_files_and_notebooks_in_folders(repository: Repository) -> None:
    (repository.top / "sub").mkdir()
    (repository.top / "sub/a.ipynb").write_bytes(written(WITH))
    (repository.top / "a.json").write_bytes(written(WITH))
    repository.commit(".")
    assert repository.process("show", "HEAD:sub/a.ipynb").stdout == written(WITHOUT)
    assert repository.process("show", "HEAD:a.json").stdout == written(WITH)


@pytest.mark.parametrize("content", BROKEN[:-1], ids=range(len(BROKEN) - 1))
def test_what_is_no_notebook_is_committed_as_it_is_and_git_tells(
    repository: Repository, content: bytes
) -> None:
    (repository.top / "a.ipynb").write_bytes(content)
    told = repository.process("add", ".").stderr.decode()
    assert "gradlab clean: a.ipynb is no notebook, and stays as it is" in told
    repository.run("commit", "-q", "-m", "Broken")
    assert repository.process("show", "HEAD:a.ipynb").stdout == content


def test_installing_twice_changes_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    before = repository.run("config", "--local", "--list")
    assert main(["clean", "--install-filter"]) == 0
    assert (repository.top / ".gitattributes").read_text() == f"{ATTRIBUTE}\n"
    assert repository.run("config", "--local", "--list") == before


def test_attributes_that_were_there_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Repository(tmp_path / "repository", monkeypatch)
    (made.top / ".gitattributes").write_text("*.png binary")
    (made.top / "sub").mkdir()
    monkeypatch.chdir(made.top / "sub")
    assert main(["clean", "--install-filter"]) == 0
    assert (made.top / ".gitattributes").read_text() == f"*.png binary\n{ATTRIBUTE}\n"


def test_another_filter_is_not_pushed_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Repository(tmp_path / "repository", monkeypatch)
    (made.top / ".gitattributes").write_text("*.ipynb filter=theirs\n")
    monkeypatch.chdir(made.top)
    assert main(["clean", "--install-filter"]) == 1
    assert "through the filter 'theirs' already" in capsys.readouterr().err
    assert (made.top / ".gitattributes").read_text() == "*.ipynb filter=theirs\n"


@pytest.mark.parametrize(
    ("path", "told"), [(None, "not a git repository"), ("", "there is no git on this machine")]
)
def test_without_git_or_a_repository_it_says_so(
    path: str | None,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if path is not None:
        monkeypatch.setenv("PATH", path)
    monkeypatch.chdir(tmp_path)
    assert main(["clean", "--install-filter"]) == 1
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
