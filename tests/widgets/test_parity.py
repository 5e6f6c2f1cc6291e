"""Parity: for the same program, gradlab's trace and PyTorch's differ in the library's name only."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest

import gradlab
import gradlab_widgets as gw
from gradlab_widgets.trace import Trace

torch = pytest.importorskip("torch")


def first_lesson(gl: Any) -> Any:
    a = gl.arange(0.0, 6.0, 0.25).requires_grad_()
    b = a * a
    c = 2 * b
    d = c + 1
    out = d.sum()
    return gw.trace(out), b


def shared_leaf(gl: Any) -> Any:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    u = x * x
    v = u + 3 * x
    return gw.trace(v.sum()), u


def broadcasting(gl: Any) -> Any:
    x = gl.ones(4, 3, requires_grad=True)
    w = gl.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * w - w
    return gw.trace(y.mean()), y


def powers_and_quotients(gl: Any) -> Any:
    x = gl.tensor([1.0, 2.0, 4.0], requires_grad=True)
    y = x**2 / 4
    z = -y
    return gw.trace(z.sum()), z


def matrices(gl: Any) -> Any:
    x = gl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w = gl.tensor([[1.0, 0.0], [2.0, 1.0]], requires_grad=True)
    h = x @ w
    r = gl.relu(h - 3)
    return gw.trace(r.sum()), r


def shapes(gl: Any) -> Any:
    x = gl.arange(0.0, 12.0, 1.0).requires_grad_()
    y = x.view(3, 4)
    z = y.transpose(0, 1)
    w = z.reshape(2, 6).unsqueeze(0)
    return gw.trace(w.sum()), z


def a_gradient_given(gl: Any) -> Any:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    x.grad = gl.tensor([0.5, 0.5])
    y = x * 3
    return gw.trace(y, gl.tensor([1.0, 10.0])), y


def recorded(gl: Any) -> Any:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    with gw.record() as r:
        y.sum().backward()
    return r.trace, y


def observed(gl: Any) -> Any:
    gw.observe()
    try:
        x = gl.tensor([1.0, 2.0], requires_grad=True)
        y = (2 * x + 1) * x
        return gw.trace(y.sum()), y
    finally:
        gw.unobserve()


def modules(gl: Any) -> Any:
    nn = importlib.import_module(f"{gl.__name__}.nn")
    model = nn.Sequential(nn.Linear(2, 40), nn.ReLU(), nn.Linear(40, 2))
    for i, parameter in enumerate(model.parameters()):
        parameter.data = gl.ones(*parameter.shape) * (i + 1)
    gw.observe()
    try:
        loss = nn.MSELoss()(model(gl.tensor([[1.0, 2.0]])), gl.tensor([[3.0, 4.0]]))
        return gw.trace(loss), model
    finally:
        gw.unobserve()


def odd_values(gl: Any) -> Any:
    x = gl.tensor([float("nan"), float("inf"), 1.0], requires_grad=True)
    y = x * 2
    return gw.trace(y.sum()), y


PROGRAMS = [
    first_lesson,
    shared_leaf,
    broadcasting,
    powers_and_quotients,
    matrices,
    shapes,
    a_gradient_given,
    recorded,
    observed,
    modules,
    odd_values,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_same_program_has_the_same_trace(program: Any) -> None:
    ours: Trace = program(gradlab)[0]
    theirs: Trace = program(torch)[0]
    assert (ours.library, theirs.library) == ("gradlab", "torch")
    assert ours.nodes.columns() == theirs.nodes.columns()
    assert ours.steps.columns() == theirs.steps.columns()
    assert dataclasses.replace(ours, library="torch") == theirs
