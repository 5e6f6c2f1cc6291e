"""Products of vectors and matrices: how they are taken apart, gradients and errors, as PyTorch."""

from __future__ import annotations

import itertools

import numpy
import pytest

import gradlab as gl
from gradlab.ops.linalg import linear
from tests.ops.expressions import assert_same, assert_same_error, torch

LINES = [
    "v.dot(v * 2)", "torch.dot(v, v)", "m.mv(v)", "m.mm(w)", "torch.mm(w, m)", "b.bmm(c)",
    "m.t().mm(w.t())", "m @ w", "m @ v", "v @ w", "v @ v", "u @ m", "b @ c", "b @ w", "b @ v",
    "m @ c", "v @ c", "d @ c", "d @ w", "d @ v", "d @ d.mT", "v @ d.mT", "b.transpose(0, 1) @ w",
    "b.mT @ b", "m.detach() @ c", "b @ w.detach()", "b.permute(1, 0, 2) @ w.detach()",
    "b[:1] @ c", "b @ c[:1]", "b[:1].detach() @ c", "torch.matmul(m, w)", "empty @ tied.T @ tied",
    "n @ n.T", "u.outer(v)", "torch.outer(v, u)", "torch.ger(u, v)", "torch.addmm(u, m, w)",
    "torch.addmm(q, m, w, beta=2, alpha=3)", "q.addmm(m, w)", "torch.addmm(s, m, w)",
    "m.float() @ w.float()", "m.matmul(w).matmul(m)",
]  # fmt: skip

ERRORS = [
    "m @ m", "v @ m", "m @ u", "v @ u", "s @ v", "v @ s", "b @ b",
    "b @ torch.ones(3, 5, 2).double()", "m @ w.float()", "m @ n", "m @ 3", "m.matmul(3)",
    "m.mm(v)", "v.mm(m)", "m.mm(m)", "m.mv(w)", "m.mv(u)", "m.dot(v)", "v.dot(u)",
    "v.dot(v.float())", "b.bmm(w)", "m.bmm(c)", "b.bmm(b)", "torch.outer(m, v)",
    "torch.addmm(v, m, w)", "torch.addmm(u, m, v)", "torch.addmm(u.float(), m, w)",
    "mask @ mask.t()", "mask[0] @ mask[0]",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_product_is_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_a_product_is_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


SHAPES = [(3,), (2, 3), (3, 2), (4, 2, 3), (4, 3, 2), (1, 3, 3), (5, 1, 2, 3), (0, 3), (2, 0, 3)]


@pytest.mark.parametrize(("one", "two"), list(itertools.product(SHAPES, SHAPES)))
@pytest.mark.parametrize("tracked", [(True, True), (True, False), (False, True)])
def test_shapes_multiply_where_and_as_pytorchs_do(
    one: tuple[int, ...], two: tuple[int, ...], tracked: tuple[bool, bool]
) -> None:
    shapes = {"p": one, "q": two}
    line = " @ ".join(n + ".detach()" * (not t) for n, t in zip("pq", tracked, strict=True))
    try:
        torch.empty(one) @ torch.empty(two)
    except RuntimeError:
        assert_same_error(line, shapes)
    else:
        assert_same(line, shapes)


LINEAR = [
    "linear(m, m)", "linear(m, m, u)", "linear(v, m)", "linear(v, m, u)", "linear(x, m)",
    "linear(x, m, u)", "linear(x.transpose(0, 1), m)", "linear(x.transpose(0, 1), m, u)",
    "linear(d, m, u)", "linear(m, v)", "linear(m.t().contiguous().t(), m, u)", "linear(m, m, s)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINEAR)
def test_a_layer_is_pytorchs(line: str) -> None:
    assert_same("torch.nn.functional." + line)


def test_a_layer_refuses_sizes_that_do_not_match() -> None:
    with pytest.raises(RuntimeError, match=r"^mat1 and mat2 shapes cannot be multiplied \(2x3 and"):
        linear(gl.ones(2, 3), gl.ones(4, 5), gl.ones(4))


def test_the_gradient_of_a_transposed_weight_lies_in_order() -> None:
    """Adding it to .grad runs through memory once."""
    weight = gl.ones(100, 50, requires_grad=True)
    linear(gl.ones(8, 50), weight, gl.zeros(100)).sum().backward()
    assert weight.grad.is_contiguous()


def test_numpy_arrays_multiply_from_the_right_only_as_pytorchs_do() -> None:
    matrix = gl.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=gl.float64)
    array = numpy.eye(2) * 2
    assert (matrix @ array).tolist() == [[2.0, 4.0], [6.0, 8.0]]
    with pytest.raises(TypeError, match="unsupported operand"):
        array @ matrix
