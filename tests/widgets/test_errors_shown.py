"""Errors of a backward pass: the node, the lines, and the picture under the traceback."""

from __future__ import annotations

import contextlib
import importlib
import io
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

import gradlab_widgets as gw
from gradlab_widgets.breakage import Breakage, breakage, show_errors


def caught(run: Callable[[], Any]) -> tuple[RuntimeError, Breakage]:
    with pytest.raises(RuntimeError) as raised:
        run()
    found = breakage(raised.value)
    assert found is not None
    return raised.value, found


def in_place(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = gl.exp(y)
    out = z.sum()
    z.add_(1)
    out.backward()


def weight_changed(gl: Any) -> None:
    w = gl.tensor([1.0, 2.0], requires_grad=True)
    out = (w * w).sum()
    with gl.no_grad():
        w -= 0.1
    out.backward()


def second(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = gl.sin(x).sum()
    out.backward()
    out.backward()


def no_graph(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    with gl.no_grad():
        h = gl.sin(x)
    out = h.sum()
    out.backward()


def constant(gl: Any) -> None:
    gl.ones(1).backward()


def no_seed(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.backward()


def wrong_seed(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.backward(gl.ones(3))


def invalid(gl: Any) -> None:
    class Bad(gl.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gl.ones(5)

    x = gl.tensor([1.0, 2.0], requires_grad=True)
    Bad.apply(x).sum().backward()


CASES = [
    (in_place, "in_place", "exp", "z was changed in place", "z.add_(1)"),
    (weight_changed, "in_place", "×", "w was changed in place", "w -= 0.1"),
    (second, "second_backward", "sin", "sin let go of what it had saved", "out.backward()"),
    (no_graph, "no_graph", "out", "computed where nothing is recorded", "h = gl.sin(x)"),
    (constant, "no_graph", "the result", "nothing that it was computed from requires", ""),
    (no_seed, "seed", "y", "y has shape (2,)", ""),
    (wrong_seed, "seed", "y", "doesn't have the shape (2,) of y", ""),
    (invalid, "invalid_gradient", "Bad", "gave its input number 0 a gradient that doesn't fit", ""),
]


@pytest.mark.parametrize(
    ("run", "kind", "culprit", "said", "line"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_the_culprit_and_the_lines_are_found(
    gl: Any, observed: None, run: Any, kind: str, culprit: str, said: str, line: str
) -> None:
    _, found = caught(lambda: run(gl))
    assert (found.kind, found.culprit.partition(" (")[0]) == (kind, culprit.partition(" (")[0])
    assert said in found.sentence
    assert line in found.changed_by
    assert bool(line) == bool(found.changed_by)
    if kind in ("in_place", "second_backward"):
        assert "test_errors_shown.py, line" in found.saved_by
    ElementTree.fromstring(found.svg())
    assert "<strong>" in found._repr_html_()
    assert found.sentence in repr(found)


def test_other_errors_are_left_alone(gl: Any) -> None:
    assert breakage(RuntimeError("something else")) is None
    assert breakage(ValueError("x")) is None
    with pytest.raises(RuntimeError) as raised:
        gl.ones(2, 3) @ gl.ones(2, 3)
    assert breakage(raised.value) is None


# ---------------------------------------------------------------------- in IPython


@pytest.fixture
def shell() -> Iterator[Any]:
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    made = interactive.InteractiveShell()
    yield made
    show_errors(False, made)
    made.history_manager.end_session()


def run_cell(shell: Any, code: str) -> tuple[Any, str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = shell.run_cell(code)
    return result, printed.getvalue()


CELL = """
x = gl.tensor([1.0, 2.0], requires_grad=True)
out = gl.sin(x).sum()
out.backward()
out.backward()
"""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    import IPython.display

    monkeypatch.setattr(IPython.display, "display", seen.append)
    return seen


def test_a_failing_cell_shows_it_under_its_traceback(gl: Any, shell: Any, shown: list[Any]) -> None:
    shell.user_ns["gl"] = gl
    show_errors(True, shell)
    show_errors(True, shell)
    result, printed = run_cell(shell, CELL)
    assert isinstance(result.error_in_exec, RuntimeError)
    assert "Trying to backward through the graph a second time" in printed
    assert [found.kind for found in shown] == ["second_backward"]


def test_it_can_be_switched_off(gl: Any, shell: Any, shown: list[Any]) -> None:
    shell.user_ns["gl"] = gl
    show_errors(True, shell)
    show_errors(False, shell)
    show_errors(False, shell)
    run_cell(shell, CELL)
    assert shown == []


def test_the_extension_turns_it_on_and_off(gl: Any, shell: Any, shown: list[Any]) -> None:
    shell.user_ns["gl"] = gl
    gw.load_ipython_extension(shell)
    run_cell(shell, CELL)
    gw.unload_ipython_extension(shell)
    run_cell(shell, CELL)
    assert len(shown) == 1


def test_outside_ipython_it_says_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = pytest.importorskip("IPython")
    monkeypatch.setattr(ipython, "get_ipython", lambda: None)
    with pytest.raises(RuntimeError, match="elsewhere there is breakage"):
        show_errors()


def test_errors_of_our_own_are_never_seen(
    gl: Any, shell: Any, shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(error: BaseException) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(importlib.import_module("gradlab_widgets.breakage"), "breakage", broken)
    shell.user_ns["gl"] = gl
    show_errors(True, shell)
    result, printed = run_cell(shell, CELL)
    assert isinstance(result.error_in_exec, RuntimeError)
    assert "ZeroDivisionError" not in printed
    assert shown == []


def test_cells_without_such_errors_show_nothing(shell: Any, shown: list[Any]) -> None:
    show_errors(True, shell)
    run_cell(shell, "1 / 0")
    run_cell(shell, "x = 1")
    assert shown == []


# ---------------------------------------------------------------------- its traceback

HOOKED = """
def doubled(g):
    raise KeyError("mine")
h = gl.sin(gl.ones(2, requires_grad=True))
h.register_hook(doubled)
h.sum().backward()
"""


@pytest.mark.parametrize(
    ("cell", "lines", "last"),
    [
        (CELL, ["out.backward()"], "RuntimeError: Trying to backward through the graph a second"),
        ("gl.ones(2, 3) @ gl.ones(2, 3)", ["gl.ones(2, 3) @"], "RuntimeError: mat1 and mat2"),
        ("gl.tensor([[1, 2], [3]])", ["gl.tensor([[1"], "ValueError: expected sequence of length"),
        (HOOKED, ["h.sum().backward()", 'raise KeyError("mine")'], "KeyError: 'mine'"),
    ],
)
def test_a_traceback_has_the_users_lines_and_the_message(
    shell: Any, shown: list[Any], cell: str, lines: list[str], last: str
) -> None:
    show_errors(True, shell)
    shell.run_cell("import gradlab as gl")
    shell.run_line_magic("colors", "nocolor")
    result, printed = run_cell(shell, cell)
    pointed = [line for line in printed.splitlines() if line.startswith("---->")]
    assert len(pointed) == len(lines)
    assert all(line in at for line, at in zip(lines, pointed, strict=True))
    assert last in printed
    assert "gradlab/" not in printed
    packages = [
        f.f_globals["__name__"] for f, _ in traceback.walk_tb(result.error_in_exec.__traceback__)
    ]
    assert "gradlab.engine" in packages or cell != CELL
    _, whole = run_cell(shell, "%tb")
    assert "gradlab/" in whole


def test_a_users_own_way_to_print_errors_stays(shell: Any) -> None:
    seen = []
    shell.set_custom_exc((KeyError,), lambda *given, **more: seen.append(given))
    show_errors(True, shell)
    run_cell(shell, "{}[1]")
    show_errors(False, shell)
    run_cell(shell, "{}[1]")
    assert len(seen) == 2


def test_errors_of_the_users_alone_are_printed_as_ever(shell: Any) -> None:
    shell.run_line_magic("colors", "nocolor")
    cell = "import json\njson.loads('{')"
    _, before = run_cell(shell, cell)
    show_errors(True, shell)
    _, after = run_cell(shell, cell)
    assert "json/decoder.py" in after
    assert after.replace("[2]", "[1]") == before
