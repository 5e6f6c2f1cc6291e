"""A gradient as a sum over paths: their number, their products and their sum, on both libraries."""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradlab_widgets.paths import explain


def test_the_paths_of_a_small_graph(gl: Any) -> None:
    x = gl.tensor([0.5, 2.0], requires_grad=True)
    b = gl.sin(x)
    out = (b * x + b * b).sum()
    out.backward(retain_graph=True)
    found = explain(x, 1)
    assert found.count == 4
    assert found.paths[0].steps == ("x[1]", "×[1]", "+[1]", "out")
    assert found.paths[0].factors == pytest.approx((math.sin(2.0), 1.0, 1.0))
    assert found.paths[1].steps == ("x[1]", "b[1]", "×[1]", "+[1]", "out")
    assert found.paths[1].factors == pytest.approx((math.cos(2.0), 2.0, 1.0, 1.0))
    assert found.total == pytest.approx(x.grad[1].item())
    assert found.rest == pytest.approx(0.0)
    assert found.agrees
    assert found.check == ".grad holds the same: −0.6798."


def test_a_matmul_is_its_sums_of_products(gl: Any) -> None:
    a = gl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    b = gl.tensor([[5.0, 6.0, 7.0], [8.0, 9.0, 10.0]])
    out = (a @ b).sum()
    found = explain(a, (1, 0))
    assert sorted(path.product for path in found.paths) == [5.0, 6.0, 7.0]
    assert found.total == 18.0
    assert {path.steps[1] for path in found.paths} == {f"matmul[1, {i}]" for i in range(3)}
    assert found.result == "out"
    assert out.requires_grad


def test_a_broadcast_has_a_path_for_every_copy(gl: Any) -> None:
    x = gl.tensor([[1.0], [2.0]], requires_grad=True)
    c = gl.tensor([3.0, 4.0, 5.0], requires_grad=True)
    out = (x * c).sum()
    assert explain(x, (1, 0), out).total == 12.0
    assert explain(c, 2, out).total == 3.0


def test_of_many_paths_the_largest_are_listed_and_the_rest_is_summed(gl: Any) -> None:
    x = gl.tensor([[0.3, -0.2]], requires_grad=True)
    w = gl.tensor([[0.1 * (i + 3 * j) for i in range(9)] for j in range(2)])
    out = gl.tanh(gl.tanh(x @ w) @ w.t()).sum()
    out.backward(retain_graph=True)
    found = explain(x, 0, out)
    assert found.count == 16  # of nine units two ways each, and one weight is zero
    assert len(found.paths) == 12
    sizes = [abs(path.product) for path in found.paths]
    assert sizes == sorted(sizes, reverse=True)
    shown = math.fsum(path.product for path in found.paths)
    assert shown + found.rest == pytest.approx(x.grad[0, 0].item(), rel=1e-5)
    assert "the other 4 add up to" in found.sentence


def test_astronomically_many_paths_are_counted_not_listed(gl: Any) -> None:
    x = gl.tensor([1.0], requires_grad=True)
    h = x
    for _ in range(60):
        h = h * 0.5 + h * 0.5
    out = h.sum()
    found = explain(x, 0, out)
    assert found.count == 2**60
    assert found.total == pytest.approx(1.0)
    assert found.agrees


def test_a_dead_path_counts_for_nothing(gl: Any) -> None:
    x = gl.tensor([-1.0, 2.0], requires_grad=True)
    out = gl.relu(x).sum()
    assert explain(x, 0, out).count == 0
    assert "its gradient is 0" in explain(x, 0, out).sentence
    assert explain(x, 1, out).count == 1


def test_what_several_passes_left_is_noticed(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = (x * x).sum()
    out.backward(retain_graph=True)
    out.backward(retain_graph=True)
    assert explain(x, 1).check == ".grad holds 8: 2 passes were added up."


def test_it_goes_through_a_users_function(gl: Any) -> None:
    class Cube(gl.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient * 3 * ctx.saved_tensors[0] ** 2

    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = Cube.apply(x).sum()
    found = explain(x, 1, out)
    assert found.paths[0].steps == ("x[1]", "Cube[1]", "out")
    assert found.total == 12.0


def test_several_outputs_of_a_node_are_told_apart(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    first, second = x.split(2)
    out = (first * 10 + second * second).sum()
    assert explain(x, 0, out).total == 10.0
    assert explain(x, 3, out).total == 8.0


def test_a_whole_network_agrees_with_its_gradient(gl: Any, nn: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, 2))
    loss = (model(gl.randn(4, 3)) ** 2).mean()
    loss.backward(retain_graph=True)
    for parameter in model.parameters():
        found = explain(parameter, 0, loss)
        assert found.agrees
        assert found.total == pytest.approx(parameter.grad.reshape(-1)[0].item(), rel=1e-3)


@pytest.mark.parametrize("library", ["gradlab", "torch"])
@settings(max_examples=40)
@given(data=st.data())
def test_any_program_is_the_sum_of_its_paths(library: str, data: st.DataObject) -> None:
    gl = pytest.importorskip(library)
    numbers = st.floats(-2.0, 2.0, width=16)
    x = gl.tensor(data.draw(st.lists(numbers, min_size=2, max_size=3)), requires_grad=True)
    pool = [x, gl.tensor(data.draw(numbers), requires_grad=True)]
    unary = [gl.sin, gl.tanh, lambda t: t * 2, lambda t: t.sum(), lambda t: -t, gl.relu]
    binary = [lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a - b]
    for _ in range(data.draw(st.integers(1, 6))):
        a, b = data.draw(st.sampled_from(pool)), data.draw(st.sampled_from(pool))
        if data.draw(st.booleans()):
            pool.append(data.draw(st.sampled_from(unary))(a))
        else:
            pool.append(data.draw(st.sampled_from(binary))(a, b))
    out = sum(t.sum() for t in pool[1:]) + x.sum()
    (gradient,) = gl.autograd.grad(out, x, retain_graph=True)
    found = explain(x, 0, out)
    assert found.agrees
    assert found.total == pytest.approx(gradient[0].item(), rel=1e-4, abs=1e-4)
    products = [math.prod(path.factors) for path in found.paths]
    assert products == pytest.approx([path.product for path in found.paths])
    if found.count <= len(found.paths):
        assert math.fsum(products) == pytest.approx(found.total)
    for one, next_one in itertools.pairwise(found.paths):
        assert abs(one.product) >= abs(next_one.product) * (1 - 1e-12)


def test_one_weight_of_many_is_found_without_taking_all_apart(gl: Any, nn: Any) -> None:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.Linear(64, 10))
    target = gl.tensor([0, 1, 2, 3])
    loss = nn.functional.cross_entropy(model(gl.randn(4, 64)), target)
    loss.backward(retain_graph=True)
    found = explain(model[0].weight, (3, 5), loss)
    assert found.agrees
    assert found.total == pytest.approx(model[0].weight.grad[3, 5].item(), rel=1e-3)
    assert found.count > 1000


def test_nothing_is_changed(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = gl.sin(x).sum()
    explain(x, 0, out)
    assert x.grad is None
    out.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        explain(x, 0, out)


def test_the_page_has_every_path_and_the_sum(gl: Any) -> None:
    x = gl.tensor([0.5, 2.0], requires_grad=True)
    out = (gl.sin(x) * x).sum()
    page = explain(x, 1, out)._repr_html_()
    assert page.count("<img") == 2
    assert "x[1] → ×[1] → out" in page
    assert '<th scope="row">sum</th>' in page


def test_bad_questions_are_refused(gl: Any) -> None:
    x = gl.tensor([[1.0, 2.0]], requires_grad=True)
    w = gl.tensor(1.0, requires_grad=True)
    out = (x * 2).sum()
    with pytest.raises(IndexError, match="5 is no element of the 2 of x"):
        explain(x, 5, out)
    with pytest.raises(IndexError, match=r"\(0, 2\) is no element of a tensor of shape \(1, 2\)"):
        explain(x, (0, 2), out)
    with pytest.raises(IndexError, match=r"\(0,\) is no element"):
        explain(x, (0,), out)
    with pytest.raises(ValueError, match=r"a tensor of one number, but got shape \(1, 2\)"):
        explain(x, 0, x * 2)
    with pytest.raises(ValueError, match="out was not computed from x"):
        explain(w, 0, out)
    with pytest.raises(ValueError, match="no single number in sight"):
        explain(w)
    with pytest.raises(TypeError, match="takes a tensor"):
        explain(3.0)
    z = gl.ones(2, dtype=gl.complex64, requires_grad=True)
    with pytest.raises(ValueError, match="works on complex numbers"):
        explain(z, 0, (z * 2).abs().sum())


def test_negative_indices_and_zero_dimensions(gl: Any) -> None:
    x = gl.tensor([[1.0, 2.0]], requires_grad=True)
    out = (x * x).sum()
    assert explain(x, -1, out).element == "x[0, 1]"
    assert explain(x, (0, -1), out).total == 4.0
    w = gl.tensor(3.0, requires_grad=True)
    assert explain(w, (), w * w).total == 6.0
    assert importlib.import_module("gradlab_widgets.paths").explain is explain
