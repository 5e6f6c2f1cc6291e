"""Origins: while somebody observes, each node knows its line, its module, and its small values."""

from __future__ import annotations

import gc
import inspect
import os
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path
from typing import Any

import pytest

import gradlab_widgets as gw


def line_here() -> int:
    """The number of the caller's line."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


@pytest.mark.usefixtures("observed")
def test_each_node_knows_its_line(gl: Any) -> None:
    a = gl.ones(3, requires_grad=True)
    b = gl.sin(a)
    c = b * 2
    here = line_here()
    trace = gw.graph(c.sum()).trace
    found = [trace.nodes.source[i] for i in (2, 3)]
    assert [trace.sources.line[i] for i in found if i is not None] == [here - 2, here - 1]
    assert [trace.sources.text[i] for i in found if i is not None] == ["b = gl.sin(a)", "c = b * 2"]
    assert set(trace.sources.cell) == {"test_origins.py"}


@pytest.mark.usefixtures("observed")
def test_the_line_is_the_users_even_inside_a_module(gl: Any, nn: Any) -> None:
    layer = nn.Linear(3, 2)
    out = layer(gl.ones(4, 3))
    here = line_here() - 1
    trace = gw.graph(out).trace
    lines = {trace.sources.line[i] for i in trace.nodes.source if i is not None}
    assert lines == {here}


@pytest.mark.usefixtures("observed")
def test_small_values_are_known_though_nobody_named_them(gl: Any) -> None:
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    trace = gw.graph((2 * a + 1).sum()).trace
    plus = trace.nodes.value[trace.nodes.title.index("+")]
    assert plus is not None
    assert trace.values[plus].data == (3.0, 5.0)


@pytest.mark.usefixtures("observed")
def test_an_overwritten_value_is_not_shown_as_what_was_computed(gl: Any) -> None:
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    b = a + 1
    out = b * 1
    b.add_(100)
    trace = gw.graph(out).trace
    assert trace.nodes.value[trace.nodes.title.index("+")] is None


@pytest.mark.usefixtures("observed")
def test_observing_keeps_no_large_tensor_alive(gl: Any) -> None:
    a = gl.ones(1000, requires_grad=True)
    b = a + 1
    out = b.sum()
    watched = weakref.ref(b)
    del b
    gc.collect()
    assert watched() is None
    assert gw.graph(out).trace.nodes.value[2] is None


@pytest.mark.usefixtures("observed")
def test_a_constant_operand_is_known(gl: Any) -> None:
    a = gl.ones(2, requires_grad=True)
    d = a + 1.5
    trace = gw.graph(d).trace
    formula = trace.nodes.formula[2]
    assert formula is not None
    assert "<mn>1.5</mn>" in trace.math[formula]


def test_nothing_is_known_of_what_was_made_unobserved(gl: Any) -> None:
    a = gl.ones(3, requires_grad=True)
    before = gl.sin(a)
    gw.observe()
    out = gl.cos(before)
    gw.unobserve()
    later = gl.exp(out)
    trace = gw.graph(later).trace
    known = {t: trace.nodes.source[i] is not None for i, t in enumerate(trace.nodes.title)}
    assert known["cos"]
    assert not known["sin"]
    assert not known["exp"]


def test_observing_twice_is_the_same_as_once(gl: Any) -> None:
    finders = list(sys.meta_path)
    gw.observe()
    gw.observe()
    gw.unobserve()
    assert sys.meta_path == finders
    out = gl.sin(gl.ones(3, requires_grad=True))
    assert gw.graph(out).trace.nodes.source == (None, None, None)


def test_modes_entered_later_stay(gl: Any) -> None:
    if gl.__name__ != "torch":
        pytest.skip("only PyTorch has function modes")
    from torch.overrides import TorchFunctionMode

    seen: list[Any] = []

    class Count(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    gw.observe()
    with Count():
        gw.unobserve()
        gl.sin(gl.ones(2))
    assert seen


@pytest.mark.usefixtures("observed")
def test_modules_are_known_though_they_own_no_parameters(gl: Any, nn: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    nodes = gw.graph(model(gl.ones(4, 3)).sum()).trace.nodes
    assert nodes.module[nodes.title.index("relu")] == "1"


# ---------------------------------------------------------------------- in fresh interpreters


def run(code: str) -> str:
    """What a fresh interpreter prints for `code`."""
    folders = [str(Path(gw.__file__).parents[1]), str(Path(gw.__file__).parents[2])]
    path = os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_it_imports_no_library() -> None:
    code = "import sys, gradlab_widgets; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    assert run(code) == "False False"


@pytest.mark.parametrize("library", ["gradlab", "torch"])
def test_a_library_imported_later_is_observed_too(library: str) -> None:
    pytest.importorskip(library)
    code = f"""
        import gradlab_widgets as gw
        gw.observe()
        import {library} as gl
        out = gl.sin(gl.ones(2, requires_grad=True))
        print(gw.graph(out).trace.nodes.source[-1] is not None)
    """
    assert run(code) == "True"


def test_outside_a_kernel_nothing_is_observed_unasked() -> None:
    code = (
        "import sys; n = len(sys.meta_path); import gradlab_widgets; print(len(sys.meta_path) - n)"
    )
    assert run(code) == "0"
