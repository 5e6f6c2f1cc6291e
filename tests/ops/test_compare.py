"""Comparison, logic and bits: results, dtypes, forms, operators and errors, as in PyTorch."""

from __future__ import annotations

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error
from tests.ops.printed import assert_prints_same

LINES = [
    "x == m", "x != m", "x < m", "x <= m", "x > m", "x >= m", "x > 0", "0 < x", "n == 2",
    "2 == n", "tied >= 3", "nan == nan", "nan != nan", "n <= 1.5", "mask == True", "empty == 1",
    "x.eq(m)", "torch.ne(x, 0)", "x.greater(m)", "x.less_equal(0)", "torch.not_equal(n, 2)",
    "torch.logical_and(x > 0, m > 0)", "torch.logical_or(mask, n > 0)", "mask.logical_xor(n > 0)",
    "torch.logical_not(x)", "n.logical_not()", "torch.logical_and(x, m)",
    "mask & (n > 0)", "mask | (n > 0)", "mask ^ (n > 0)", "~mask", "~n", "n & 6", "6 & n", "n | 1",
    "n ^ 3", "mask & 1", "n << 2", "n >> 1", "1 << (n & 3)", "64 >> (n & 3)",
    "n & n.to(torch.int8)",
    "torch.bitwise_and(n, 3)", "torch.bitwise_or(1, n)", "n.bitwise_not()",
    "n.bitwise_left_shift(1)", "torch.bitwise_right_shift(n, 1)",
    "nan.isnan()", "(1 / zeros).isinf()", "nan.isfinite()", "n.isnan()", "n.isfinite()",
    "torch.isclose(x, x + 1e-9)", "torch.isclose(nan, nan, equal_nan=True)",
    "torch.isclose(n, n + 1, rtol=0, atol=1)", "torch.isclose(1 / zeros, 1 / zeros)",
    "mask.all()", "mask.any()", "mask.all(0)", "mask.any(-1, keepdim=True)", "(x > 0).any((0, 2))",
    "(x > 0).all(dim=())", "(x > -9).all(axis=1)", "x.any()", "nan.all()", "empty.any()",
    "empty.all(0)", "n.to(torch.uint8).any()", "n.to(torch.uint8).all(1)", "s.all()",
    # in place: what was there has no influence on the result any more
    "x.clone().eq_(m)", "n.clone().gt_(0)", "n.clone().logical_not_()", "n.clone().bitwise_and_(3)",
    "n.clone().bitwise_left_shift_(1)", "mask.clone().logical_and_(mask[0])",
]  # fmt: skip

# PyTorch's nodes are named after the operation; here it is always a copy. Gradients are the same.
OTHER_NODES = {"x.clone().eq_(m)"}

PRINTED = [
    "torch.ones(2) == None", "torch.ones(2) != 'a'", "torch.ones(2) == [1, 1]",
    "torch.ones(2) == numpy.ones(2)", "numpy.ones(2) == torch.ones(2)",
    "torch.tensor([1, 2], dtype=torch.uint8) < -1", "torch.tensor([44], dtype=torch.uint8) == 300",
    "torch.equal(torch.ones(2), torch.ones(3))", "torch.equal(torch.ones(2), torch.ones(2).long())",
    "torch.equal(torch.tensor([float('nan')]), torch.tensor([float('nan')]))",
    "torch.allclose(torch.ones(2), torch.ones(2) + 1e-6)", "torch.ones(2).allclose(torch.zeros(2))",
    "torch.is_tensor(torch.ones(1)), torch.is_tensor(1)", "torch.is_nonzero(torch.tensor([2]))",
    "torch.is_floating_point(torch.ones(1)), torch.is_complex(torch.ones(1))",
    "torch.numel(torch.ones(2, 3))", "torch.ones(2).eq_(1).dtype",
    "torch.bitwise_left_shift(torch.tensor([1]), torch.tensor([-1]))",
    "torch.isinf(torch.tensor([1j, float('inf')]))", "torch.isfinite(torch.tensor([1j]))",
    "torch.tensor([1j]) == torch.tensor([1j])",
]  # fmt: skip

ERRORS = [
    "x == torch.ones(3)", "x < 'a'", "x & m", "x | 1", "x << 1", "x ^ True",
    "~x", "n ^ 2.0", "mask << mask", "torch.tensor([1j]) < 1", "torch.isclose(x, m.float())",
    "torch.isclose(x, m, rtol=-1.0)", "torch.equal(x, 1)", "torch.numel(3)",
    "torch.is_floating_point(3)", "torch.is_nonzero(x)", "mask.all(2)", "mask.any(-3)",
    "mask.all((0, 0))",
]  # fmt: skip


@pytest.mark.parametrize("line", [line for line in LINES if line not in OTHER_NODES])
def test_values_dtypes_and_history_are_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", PRINTED)
def test_prints_what_pytorch_prints(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"])
def test_a_comparison_in_place_passes_no_gradient(name: str) -> None:
    leaf = gl.tensor([1.0, -2.0], requires_grad=True)
    x = leaf * 3
    changed = getattr(x, name + "_")(gl.tensor([3.0, 5.0]))
    assert changed is x
    assert x.requires_grad
    x.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("operator", ["&", "|", "^", "<<", ">>"])
def test_an_augmented_assignment_changes_the_tensor_itself(operator: str) -> None:
    x = gl.tensor([12, 10])
    seen = {"x": x}
    exec(f"x {operator}= 2", seen)
    assert seen["x"] is x
    assert x.tolist() == [eval(f"a {operator} 2") for a in (12, 10)]


def test_a_comparison_can_be_a_mask_and_a_condition() -> None:
    x = gl.tensor([1.0, -2.0])
    assert x[x > 0].tolist() == [1.0]
    assert bool((x != 0).all())
