"""Reductions: forms, dtypes, ties, empty tensors and errors, as in PyTorch."""

from __future__ import annotations

import numpy
import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error, torch

LINES = [
    # sum, mean, product
    "x.sum()", "x.sum(0)", "x.sum(-1)", "x.sum((0, 2))", "x.sum(dim=[0, -1], keepdim=True)",
    "x.sum(())", "x.sum(axis=1, keepdims=True)", "torch.sum(x, 1)", "s.sum()", "s.sum(0)",
    "empty.sum()", "empty.sum(0)", "x.sum(dtype=torch.float32)", "x.sum(0, dtype=torch.float32)",
    "n.sum()", "mask.sum(0)", "n.to(torch.uint8).sum()", "mask.sum(dtype=torch.int32)",
    "x.half().sum()", "x.mean()", "x.mean(1)", "x.mean((0, -1), keepdim=True)",
    "n.mean(dtype=torch.float64)", "empty.mean()", "empty.mean(0)", "s.mean()", "s.mean(0)",
    "x.float().mean(0)", "x.half().mean()", "v.prod()", "x[:2, :2, :2].prod()", "m.prod(1)",
    "m.prod(0, keepdim=True)", "zeros.prod(1)", "tied.prod(0)", "tied.prod()", "empty.prod()",
    "s.prod()", "s.prod(0)", "n.prod(1)",
    # variance and norm
    "x.var()", "x.var(0)", "x.var((0, 1), correction=0)", "x.var(unbiased=False)", "x.var(False)",
    "m.var(0, True)", "m.var(1, keepdim=True)", "m.std()", "m.std(0, keepdim=True)",
    "m.std(axis=1)", "m.std(dim=0, correction=2)", "zeros.std()", "v[:1].var()", "v[:1].std()",
    "x.norm()", "x.norm(1)", "x.norm(3)", "x.norm(0.5)", "x.norm(1.5, dim=0)", "x.norm(2, 1)",
    "x.norm(dim=(0, 2), keepdim=True)", "x.norm('fro')", "x.norm(float('inf'), 0)",
    "x.norm(-float('inf'))", "torch.norm(m, p=2, dim=-1, keepdim=True)", "x.norm(0, dim=1)",
    "m.float().norm(dtype=torch.float64)", "s.norm()", "empty.norm()",
    # largest and smallest
    "x.max()", "x.min()", "tied.max()", "tied.min()", "tied.amax()", "tied.amax(1)",
    "tied.max(1)", "tied.amin((0, 1))", "nan.max()", "nan.amin()", "nan.max(0)", "nan.argmax()",
    "x.max(0)", "x.max(1, keepdim=True)", "x.min(-1)", "torch.max(m, dim=1)",
    "torch.max(m, m * m)", "torch.min(m, v)", "m.max(v)", "x.amax((0, 2))",
    "x.amax(1, keepdim=True)", "x.amin(())", "s.max()", "s.max(0)", "s.amax()", "n.max()",
    "n.max(0)", "mask.max(0)", "mask.amax(1)", "empty.max(1)", "empty.amax(1)", "x.argmax()",
    "x.argmax(0)", "x.argmin(-1, keepdim=True)", "x.argmax(keepdim=True)", "tied.argmax(1)",
    "s.argmax(0)", "empty.argmax(1)", "x.max(0).values", "x.max(0)[1]",
    # exponentials and running totals
    "x.logsumexp(0)", "x.logsumexp((0, 1), keepdim=True)", "s.logsumexp(0)", "n.logsumexp(0)",
    "(m * 1000).logsumexp(1)", "x.softmax(1)", "torch.softmax(m, -1)", "s.softmax(0)",
    "(m * 1000).softmax(0)", "n.softmax(0, dtype=torch.float64)", "x.log_softmax(0)",
    "(m * 1000).log_softmax(1)", "x.softmax(dim=0, dtype=torch.float32)", "x.cumsum(0)",
    "x.cumsum(-1)", "n.cumsum(0)", "mask.cumsum(1)", "s.cumsum(0)",
    "n.cumsum(0, dtype=torch.float64)",
]  # fmt: skip

ERRORS = [
    "x.sum(3)", "x.sum((0, 0))", "x.sum((0, -3))", "s.sum(1)", "x.sum(0, 1)", "x.sum(0.5)",
    "n.mean()", "mask.mean(0)", "n.var()", "n.std(0)", "n.norm()", "m.norm('fra')",
    "empty.norm(float('inf'))", "empty.norm(float('inf'), 0)", "empty.max()", "empty.amax()",
    "empty.max(0)", "empty.amin(0)", "empty.argmax()", "empty.argmin(0)", "x.max(3)",
    "m.max(m, 0)", "x.max((0, 1))", "x.argmax(7)", "mask.argmax()", "x.softmax(5)",
    "n.softmax(0)", "n.log_softmax(0)", "x.cumsum(4)", "x.logsumexp(-4)", "x.prod(3)",
    "x.amax(dim=(0, 0))",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_reduction_is_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_a_reduction_is_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


def test_a_pair_of_values_and_indices_prints_and_unpacks() -> None:
    pair = gl.tensor([[1.0, 5.0], [4.0, 2.0]], requires_grad=True).max(0)
    assert repr(pair) == (
        "torch.return_types.max(\n"
        "values=tensor([4., 5.], grad_fn=<MaxBackward0>),\n"
        "indices=tensor([1, 0]))"
    )
    values, indices = pair
    assert (values is pair.values, indices is pair.indices) == (True, True)


@pytest.mark.parametrize("name", ["var", "std"])
def test_a_variance_without_degrees_of_freedom_warns(name: str) -> None:
    with pytest.warns(UserWarning, match=rf"^{name}\(\): degrees of freedom is <= 0"):
        assert getattr(gl.ones(1), name)().isnan()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_product_with_zeros_differentiates_to_any_order(order: int) -> None:
    """d³(abc)/da db dc is 1, also where a, b and c are 0."""
    x = gl.zeros(3, requires_grad=True)
    value = x.prod()
    for place in range(order):
        (gradient,) = gl.autograd.grad(value, x, create_graph=True)
        value = gradient[place]
    assert value.item() == (1 if order == 3 else 0)


def test_logsumexp_and_softmax_do_not_overflow() -> None:
    x = gl.tensor([1e4, 1e4, -float("inf")])
    assert x.softmax(0).tolist() == [0.5, 0.5, 0.0]
    assert x.logsumexp(0).item() == pytest.approx(1e4 + 0.6931, abs=1e-3)
    assert gl.full((2,), -float("inf")).logsumexp(0).item() == -float("inf")


@pytest.mark.parametrize("size", [4095, 4096, 10_000, 65_537])
def test_long_products_are_pytorchs(size: int) -> None:
    numbers = numpy.random.default_rng(size).uniform(0.99, 1.0101, size)
    x = gl.tensor(numbers)
    assert x.prod().item() == pytest.approx(torch.tensor(numbers).prod().item(), rel=1e-12)
    backwards = gl.tensor(numbers.reshape(-1, 1)[::-1].copy())
    assert backwards.prod().item() == pytest.approx(x.prod().item(), rel=1e-12)


def test_counting_what_is_not_zero_has_no_slope_even_at_infinity() -> None:
    x = gl.tensor([float("inf"), 0.0, float("nan"), 2.0], requires_grad=True)
    (x.norm(0) + x[3]).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0, 0, 1]
