"""The live panel: what it draws of a notebook's variables, when it looks, and what it forgets."""

from __future__ import annotations

import gc
import sys
import time
import types
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import gradlab_widgets as gw
from gradlab_widgets.origins import moment

live_module = sys.modules["gradlab_widgets.live"]


@pytest.fixture
def shell(gl: Any) -> Iterator[InteractiveShell]:
    """A notebook without a browser, in which `gl` is imported and observed."""
    shell = InteractiveShell.instance()
    gw.load_ipython_extension(shell)
    shell.user_ns.update(gl=gl, gw=gw)
    yield shell
    for panel in list(live_module._panels.values()):
        panel.close()
    live_module._panels.clear()
    gw.unobserve()
    shell.reset(new_session=False)
    InteractiveShell.clear_instance()


def run(shell: InteractiveShell, code: str) -> None:
    shell.run_cell(code).raise_error()


def names(panel: Any) -> list[str]:
    return [name or title for name, title in zip(*_named(panel), strict=True)]


def _named(panel: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    nodes = panel.trace.nodes
    return nodes.name, nodes.title


def test_it_grows_as_cells_run(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)")
    panel = shell.user_ns["panel"]
    assert names(panel) == []
    run(shell, "a = gl.tensor([1.0, 2.0], requires_grad=True)")
    assert names(panel) == ["a", "a"]
    run(shell, "b = gl.sin(a)")
    assert names(panel) == ["a", "a", "b"]
    before = list(panel.payload["parts"])
    run(shell, "c = b * 2")
    assert names(panel) == ["a", "a", "b", "c"]
    assert panel.payload["parts"][:3] == before
    assert panel.payload["words"] == "1 node new; 4 in all."


def test_what_requires_no_gradient_is_not_drawn(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)\nx = gl.ones(3)\ny = x * 2\nn = 5")
    assert names(shell.user_ns["panel"]) == []


def test_it_keeps_nothing_alive(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)\na = gl.ones(2, requires_grad=True)\nb = gl.exp(a)")
    dead = [weakref.ref(shell.user_ns["a"]), weakref.ref(shell.user_ns["b"])]
    run(shell, "del a, b")
    gc.collect()
    assert [one() for one in dead] == [None, None]
    assert names(shell.user_ns["panel"]) == []


def test_a_cell_that_runs_again_plays_the_same_parts(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)\na = gl.ones(2, requires_grad=True)")
    panel = shell.user_ns["panel"]
    cell = "b = gl.sin(a)\nc = (b * 3).sum()"
    run(shell, cell)
    before = list(panel.payload["parts"])
    assert len(set(before)) == len(before)
    run(shell, cell)
    assert panel.payload["parts"] == before


def test_nothing_is_sent_when_nothing_changed(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)\na = gl.ones(2, requires_grad=True)")
    panel = shell.user_ns["panel"]
    changes: list[Any] = []
    panel.observe(changes.append, "payload")
    run(shell, "n = 3")
    assert changes == []


def test_a_running_loop_is_looked_at_as_a_pass_starts(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)\nw = gl.ones(2, requires_grad=True)")
    panel = shell.user_ns["panel"]
    seen: list[list[str]] = []
    panel.observe(lambda change: seen.append(names(panel)), "payload")
    shell.user_ns["ask"] = lambda: moment.ask(panel._pulse._timed_look)
    run(
        shell,
        "def train():\n"
        "    for turn in range(3):\n"
        "        hidden = w * (turn + 1)\n"
        "        loss = hidden.sum()\n"
        "        ask()\n"
        "        loss.backward()\n"
        "train()",
    )
    whole = ["w", "w", "hidden", "loss"]  # the variables of the function that runs
    assert seen[:3] == [whole, whole, whole]
    assert seen[-1] == ["w", "w"]


def test_without_a_pass_it_looks_when_it_has_waited(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)\nw = gl.ones(2, requires_grad=True)")
    panel = shell.user_ns["panel"]
    seen: list[int] = []
    panel.observe(lambda change: seen.append(len(panel.trace.nodes)), "payload")
    shell.user_ns["ask"] = lambda: moment.ask(panel._pulse._timed_look)
    run(shell, "y = w\nfor turn in range(8):\n    y = gl.sin(y)\n    ask()")
    assert seen[0] < 10
    assert seen[-1] == 10


def test_looking_takes_little_of_a_loops_time(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)\nw = gl.ones(50, requires_grad=True)")
    panel = shell.user_ns["panel"]
    spent: list[float] = []
    look = panel._pulse._look

    def timed() -> None:
        start = time.perf_counter()
        look()
        spent.append(time.perf_counter() - start)

    panel._pulse._look = timed
    start = time.perf_counter()
    run(
        shell,
        "import time\nend = time.perf_counter() + 1.5\n"
        "while time.perf_counter() < end:\n    gl.sin(w * 2).sum().backward()",
    )
    assert 3 <= len(spent) <= 16
    assert sum(spent) < 0.08 * (time.perf_counter() - start)  # 5 % and room for a busy machine


def test_an_error_in_drawing_is_told_and_not_raised(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(shell, "panel = gw.live(beside=False)")
    panel = shell.user_ns["panel"]

    def broken(*args: object) -> None:
        raise ValueError("<b>no</b>")

    monkeypatch.setattr(panel, "_trace_of", broken)
    run(shell, "a = gl.ones(2, requires_grad=True)")
    assert panel.payload["words"] == "The panel stopped: ValueError: <b>no</b>"


def test_a_second_panel_takes_the_first_away(shell: InteractiveShell) -> None:
    run(shell, "one = gw.live(beside=False)")
    run(shell, "two = gw.live(beside=False)\na = gl.ones(2, requires_grad=True)")
    assert names(shell.user_ns["two"]) == ["a", "a"]
    assert names(shell.user_ns["one"]) == []


def test_stop_leaves_the_picture(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)\na = gl.ones(2, requires_grad=True)")
    run(shell, "%gradlab stop")
    run(shell, "b = a * 2")
    assert names(shell.user_ns["panel"]) == ["a", "a"]


def test_the_still_picture_shows_the_last_state(shell: InteractiveShell) -> None:
    run(shell, "panel = gw.live(beside=False)")
    panel = shell.user_ns["panel"]
    assert "No tensor requires a gradient yet" in panel.still()
    run(shell, "a = gl.ones(2, requires_grad=True)\nb = gl.sin(a)")
    assert "<img" in panel.still()
    assert repr(panel) == "<live graph: 3 nodes>"


# ---------------------------------------------------------------------- watch


def test_watching_a_variable_follows_its_name(shell: InteractiveShell) -> None:
    run(shell, "a = gl.ones(2, requires_grad=True)\nb = a * 2\nother = a.sum()\np = gw.watch(b)")
    panel = shell.user_ns["p"]
    assert names(panel) == ["a", "a", "b"]
    run(shell, "b = gl.exp(a) * 2")
    assert names(panel) == ["a", "a", "exp", "b"]


def test_watching_a_module_shows_its_parameters_and_what_ran_in_it(
    shell: InteractiveShell, nn: Any
) -> None:
    shell.user_ns["nn"] = nn
    run(shell, "m = nn.Sequential(nn.Linear(2, 3), nn.Tanh())\nextra = gl.ones(3)\np = gw.watch(m)")
    panel = shell.user_ns["p"]
    assert set(names(panel)) == {"0.weight", "0.bias"}
    run(shell, "out = (m(gl.ones(1, 2)) * extra).sum()")
    assert "tanh" in names(panel)
    assert "×" not in names(panel)
    assert "out" not in names(panel)


@pytest.mark.parametrize("thing", [3, "a", None, [1]])
def test_what_cannot_be_watched_is_refused(shell: InteractiveShell, thing: Any) -> None:
    with pytest.raises(TypeError, match=r"takes a tensor or an nn\.Module"):
        gw.watch(thing)


# ---------------------------------------------------------------------- magic, places


def test_the_magic_command(shell: InteractiveShell) -> None:
    run(shell, "a = gl.ones(2, requires_grad=True)")
    assert shell.run_line_magic("gradlab", "watch a").payload["nodes"]["name"] == ["a", "a"]
    with pytest.raises(NameError, match="no variable 'nowhere'"):
        shell.run_line_magic("gradlab", "watch nowhere")
    with pytest.raises(ValueError, match="there are `%gradlab live`"):
        shell.run_line_magic("gradlab", "dance")


def test_outside_a_notebook_it_says_what_else_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"graph\(x\) draws"):
        gw.live()


def test_docking_needs_sidecar(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install sidecar"):
        gw.live(beside=True)
    assert "text/html" in gw.live()._repr_mimebundle_()[0]


def test_with_sidecar_it_docks_and_the_output_keeps_a_view(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[dict[str, str]] = []

    class Sidecar:
        def __init__(self, **options: str) -> None:
            opened.append(options)

        def __enter__(self) -> None:
            pass

        def __exit__(self, *exc: object) -> None:
            pass

        def close(self) -> None:
            opened.clear()

    fake = types.ModuleType("sidecar")
    fake.__spec__ = types.SimpleNamespace(name="sidecar")  # type: ignore[assignment]
    fake.Sidecar = Sidecar  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sidecar", fake)
    panel = gw.live()
    assert opened == [{"title": "live graph", "anchor": "split-right"}]
    assert "application/vnd.jupyter.widget-view+json" in panel._repr_mimebundle_()[0]
    panel.close()
    assert opened == []
