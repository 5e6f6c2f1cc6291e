"""Derivatives checked by differences: right ones agree, wrong ones are found and named."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gradlab_widgets.checking import check


def arithmetic(gl: Any) -> Any:
    x = gl.tensor([0.5, 2.0], requires_grad=True)
    b = gl.sin(x)
    return ((b * x + b * b) * 2 + 1 - gl.relu(x) ** 3 / 7).sum()


def network(gl: Any) -> Any:
    w = gl.tensor([[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]], requires_grad=True)
    bias = gl.tensor([0.1, 0.2, 0.3], requires_grad=True)
    x = gl.tensor([[1.0, 2.0], [3.0, -1.0]])
    return gl.log_softmax(gl.tanh(x @ w + bias), 1).mean()


def views(gl: Any) -> Any:
    x = gl.tensor([0.5, 2.0, 3.0, 1.0], requires_grad=True)
    return x.reshape(2, 2).transpose(0, 1)[0:1, 1].exp().mean()


def joined(gl: Any) -> Any:
    x = gl.tensor([0.5, 2.0], requires_grad=True)
    return gl.stack([gl.cat([x, x * x]), gl.cat([x, gl.cos(x)])]).prod()


def double(gl: Any) -> Any:
    x = gl.tensor([0.5, 2.0], dtype=gl.float64, requires_grad=True)
    return (gl.sqrt(x) / (1 + gl.exp(-x))).sum()


def broadcast(gl: Any) -> Any:
    x = gl.tensor([[1.0], [2.0]], requires_grad=True)
    y = gl.tensor([3.0, 4.0, 5.0], requires_grad=True)
    return (x * y + x).sum()


def scalar(gl: Any) -> Any:
    x = gl.tensor(0.7, requires_grad=True)
    return gl.tanh(x * x)


GRAPHS = [arithmetic, network, views, joined, double, broadcast, scalar]


@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_every_edge_of_a_right_graph_agrees(gl: Any, make: Any) -> None:
    found = check(make(gl))
    assert [e for e in found.edges if e.verdict != "agrees"] == []
    assert found.agrees
    assert all(abs(e.analytic - e.numeric) == pytest.approx(e.difference) for e in found.edges)


def test_a_wrong_function_is_found(gl: Any) -> None:
    class Cube(gl.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient * 2 * ctx.saved_tensors[0] ** 2

    x = gl.tensor([0.0, 2.0], requires_grad=True)
    y = Cube.apply(x)
    found = check(y.sum())
    assert [e.verdict for e in found.edges] == ["differs", "agrees"]
    wrong = found.edges[0]
    assert wrong.index == (1,)
    assert wrong.numeric / wrong.analytic == pytest.approx(1.5, rel=1e-4)
    assert found.sentence.startswith("The derivative of y (Cube) by x is wrong: at [1]")
    assert "<img" in found._repr_html_()
    assert check(y.grad_fn).edges == (wrong,)


def test_one_node_and_one_edge_can_be_asked(gl: Any) -> None:
    a = gl.tensor([0.5, 2.0], requires_grad=True)
    b = gl.tensor([1.5, 1.0], requires_grad=True)
    y = a * b
    assert [e.input for e in check(y.grad_fn).edges] == ["a", "b"]
    assert [e.input for e in check((y.grad_fn, 1)).edges] == ["b"]
    with pytest.raises(IndexError, match="2 is no slot of MulBackward0, which has 2"):
        check((y.grad_fn, 2))


def test_a_kink_is_no_mistake(gl: Any) -> None:
    x = gl.tensor([0.0, 1.0], requires_grad=True)
    found = check(gl.relu(x).sum())
    assert [e.verdict for e in found.edges] == ["kink", "agrees"]
    assert found.agrees


def test_of_complex_numbers_only_the_real_edges_are_checked(gl: Any) -> None:
    z = gl.ones(3, dtype=gl.complex64, requires_grad=True)
    found = check((z * 2).abs().sum())
    assert [e.verdict for e in found.edges] == ["unknown", "unknown", "agrees"]
    assert "only real ones are nudged" in found.edges[0].reason


def test_only_some_elements_of_many_are_nudged(gl: Any) -> None:
    x = gl.ones(1000, requires_grad=True)
    edge = check(gl.sin(x)).edges[0]
    assert (edge.checked, edge.size, edge.verdict) == (64, 1000, "agrees")


def test_what_cannot_be_checked_says_why(gl: Any) -> None:
    class Scale(gl.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient * ctx.factor, None

    x = gl.tensor([1.0], requires_grad=True)
    edge = check(Scale.apply(x, 3.0)).edges[0]
    assert edge.verdict == "unknown"
    assert "arguments of Scale that are no tensors are not known" in edge.reason
    assert math.isnan(edge.difference)


@pytest.mark.parametrize("x", [3.0, "x", None, (1, 2, 3)])
def test_other_things_are_refused(x: Any) -> None:
    with pytest.raises(TypeError, match="takes a tensor, a node"):
        check(x)


def test_nothing_changes(gl: Any) -> None:
    x = gl.tensor([0.5, 2.0], requires_grad=True)
    out = gl.sin(x).sum()
    check(out)
    assert x.grad is None
    assert x.tolist() == [0.5, 2.0]
    out.backward()
    assert x.grad.tolist() == pytest.approx([math.cos(0.5), math.cos(2.0)])
