"""Sorting and what is found by it: values, graph, gradients and errors, as in PyTorch."""

from __future__ import annotations

import numpy
import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error, torch

SORTED = "torch.tensor([1, 3, 5])"
ROWS = "torch.tensor([[1, 3, 5], [2, 4, 6]])"
PAIRS = "torch.tensor([[1, 2], [1, 2], [0, 1]])"

LINES = [
    "x.sort()", "x.sort(0, descending=True)", "torch.sort(m, dim=1)", "x.argsort()",
    "x.argsort(0, True)", "n.sort(dim=1, stable=True)", "n.argsort(stable=True)", "s.sort()",
    "m.sort(-1, True)", "m.t().sort(0)", "(m > 0).sort(stable=True)", "m.msort()", "torch.msort(s)",
    "empty.sort(1)", "nan.sort()", "nan.sort(descending=True)", "x.topk(2)", "x.topk(1, 0)",
    "x.topk(3, largest=False)", "x.topk(0)", "x.topk(5)", "torch.topk(v, k=2).values", "s.topk(1)",
    "s.topk(0)", "nan.topk(2)", "nan.topk(2, largest=False)", "m.t().topk(3, dim=0)",
    "m.topk(5, sorted=True)", f"torch.searchsorted({SORTED}, 3)",
    f"torch.searchsorted({SORTED}, 3.5)", f"torch.searchsorted({SORTED}, torch.tensor(3))",
    f"torch.searchsorted({SORTED}, 3, right=True)",
    f"torch.searchsorted({SORTED}, 3, side='right')",
    f"torch.searchsorted({SORTED}, torch.tensor([[3, 4]]), out_int32=True)",
    f"torch.searchsorted({ROWS}, torch.tensor([[3, 4], [3, 9]]))",
    f"torch.searchsorted({ROWS}, torch.tensor([[3], [3]]), right=True)",
    "torch.searchsorted(torch.tensor([5, 1, 3]), 3, sorter=torch.tensor([1, 2, 0]))",
    "torch.searchsorted(v.sort()[0], v)", "torch.searchsorted(torch.tensor([1.0, 2.0]), nan)",
    f"torch.bucketize(3, {SORTED})", f"torch.bucketize(torch.tensor([3, 4]), {SORTED}, right=True)",
    f"torch.bucketize(m, {SORTED}, out_int32=True)", "torch.unique(i)",
    "i.unique(return_inverse=True)", "n.unique(return_inverse=True)",
    "torch.unique(n, return_inverse=True, return_counts=True)", "i.unique(return_counts=True)",
    "torch.unique(i, dim=0)", f"torch.unique({PAIRS}, dim=0, return_inverse=True)",
    f"torch.unique({PAIRS}, dim=1, return_counts=True)", f"torch.unique({PAIRS}, dim=-1)",
    "torch.unique(nan.detach(), return_counts=True)", "torch.unique(mask)",
    "torch.unique(torch.zeros(2, 0), dim=1)", "torch.unique(torch.tensor(3))",
    "torch.unique(i, sorted=False)", "torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))",
    "torch.unique_consecutive(torch.tensor([1, 1, 2, 1]), return_inverse=True, return_counts=True)",
    f"torch.unique_consecutive({PAIRS}, dim=0, return_counts=True)",
    f"{PAIRS}.unique_consecutive(return_inverse=True)", f"{PAIRS}.unique_consecutive(dim=1)",
    "torch.unique_consecutive(torch.tensor(3), return_counts=True)",
    "torch.unique_consecutive(torch.tensor([]), return_counts=True)", "torch.bincount(i)",
    "i.bincount(minlength=5)", "torch.bincount(i, torch.tensor([0.5, 1, 2]))",
    "torch.bincount(i, torch.tensor([1, 1, 2]))", "torch.bincount(i[:0], minlength=3)",
    "torch.bincount(i.to(torch.uint8), u[:3].detach())", "torch.bincount(i[:0])",
    "torch.isin(i, torch.tensor([0, 5]))", "torch.isin(i, 2)", "torch.isin(2, i)",
    "torch.isin(i, torch.tensor([2.0]), invert=True)", "torch.isin(n, i, assume_unique=True)",
    "torch.isin(v, v)",
]  # fmt: skip

ERRORS = [
    "x.topk(6)", "x.topk(-1)", "m.topk(2, 5)", "(m > 0).topk(2)", "s.topk(2)", "x.sort(3)",
    "m.to(torch.complex64).topk(2)", "m.to(torch.complex64).sort()",
    f"torch.searchsorted({SORTED}, 3, side='foo')",
    f"torch.searchsorted({SORTED}, 3, side='left', right=True)",
    f"torch.searchsorted({ROWS}, torch.tensor([3, 4]))", f"torch.searchsorted({ROWS}, 3)",
    f"torch.searchsorted({SORTED}, 3, sorter=torch.tensor([1, 2]))",
    f"torch.searchsorted({SORTED}, 3, sorter=torch.tensor([1, 2, 9]))",
    f"torch.searchsorted({SORTED}, 3, sorter=torch.tensor([1.0, 2, 0]))",
    f"torch.bucketize(i, {ROWS})", "torch.unique(i, dim=3)", "torch.unique(empty, dim=1)",
    "torch.unique(torch.zeros(0, 0), dim=1)", "torch.unique_consecutive(i, dim=4)",
    "torch.bincount(i, torch.tensor([0.5, 1]))", "torch.bincount(i - 1)", "torch.bincount(i[None])",
    "torch.bincount(i.double())", "torch.bincount(i, minlength=-1)", "torch.bincount(mask[0])",
    "torch.isin(1, 2)", "torch.isin(mask, mask)", "v.unique().sum().backward()",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_sorts_as_pytorch(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


@pytest.mark.parametrize("size", [1, 2, 7, 50])
@pytest.mark.parametrize("largest", [True, False])
def test_the_largest_are_pytorchs_for_every_number_of_them(size: int, largest: bool) -> None:
    numbers = numpy.random.default_rng(size).standard_normal((3, size, 2)).round(1)
    for k in range(size + 1):
        ours, where = gl.tensor(numbers).topk(k, 1, largest)
        theirs = torch.tensor(numbers).topk(k, 1, largest).values
        assert ours.tolist() == theirs.tolist()
        assert gl.tensor(numbers).gather(1, where).tolist() == ours.tolist()
        assert all(len(set(row)) == k for row in where.transpose(1, 2).reshape(6, k).tolist())


def test_of_equals_the_first_come_first() -> None:
    x = gl.tensor([2.0, 1.0, 2.0, 1.0])
    assert x.topk(4).indices.tolist() == [0, 2, 1, 3]
    assert x.topk(4, largest=False).indices.tolist() == [1, 3, 0, 2]
    assert x.sort(descending=True).indices.tolist() == [0, 2, 1, 3]


def test_a_named_pair_prints_as_pytorchs() -> None:
    assert repr(gl.tensor([3, 1]).topk(1)) == repr(torch.tensor([3, 1]).topk(1))
