"""Signs, exponents, divisors, degrees and sums of exponentials, as in PyTorch."""

from __future__ import annotations

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error
from tests.ops.printed import assert_prints_same

LINES = [
    "torch.copysign(x, m)", "torch.copysign(x, -1)", "x.copysign(m)", "x.clone().copysign_(m)",
    "torch.ldexp(x, m)",
    "x.clone().ldexp_(m)", "torch.frexp(x)", "zeros.frexp()", "torch.nextafter(x, m)",
    "torch.nextafter(x, x)", "x.deg2rad()", "torch.rad2deg(x)", "x.clone().deg2rad_()",
    "torch.logaddexp(x, m)", "torch.logaddexp2(x, m)", "torch.logaddexp(x * 1000, m * 1000)",
    "x.logaddexp(x)", "x.float_power(2)", "torch.float_power(2, x)", "x.exp().float_power(m)",
    "x.clone().float_power_(3)", "x.float().float_power(2)", "x.signbit()", "x.isposinf()",
    "x.isneginf()", "x.isreal()", "torch.heaviside(x.detach(), m.detach())", "n.gcd(n.flip(0))",
    "n.lcm(n.flip(0))", "torch.gcd(n, i0)",
]  # fmt: skip

PRINTED = [
    "torch.copysign(torch.tensor([3, -4]), -1)", "torch.copysign(torch.tensor([True]), -1)",
    "torch.copysign(torch.tensor([3.0, 0.0]), torch.tensor([-0.0, -2.0]))",
    "torch.signbit(torch.tensor([-0.0, 0.0, float('nan'), -1]))",
    "torch.signbit(torch.tensor([-1, 2]))", "torch.signbit(torch.tensor([1], dtype=torch.uint8))",
    "torch.ldexp(torch.tensor([3.0, 1]), torch.tensor([2, -1]))",
    "torch.ldexp(torch.tensor([3]), torch.tensor([2]))",
    "torch.ldexp(torch.tensor([0.0, 1, -3, math.inf]), torch.tensor(555))",
    "torch.ldexp(torch.tensor([0.0, 1, -3, math.inf]), torch.tensor(-300))",
    "torch.frexp(torch.tensor([3.0, -8, 0]))",
    "torch.frexp(torch.tensor([float('inf'), float('nan')]))",
    "torch.frexp(torch.tensor([3.0]).half())",
    "torch.heaviside(torch.tensor([-1.0, 0, 2, float('nan')]), torch.tensor(0.5))",
    "torch.heaviside(torch.tensor([1, 0]), torch.tensor([7, 7]))",
    "torch.nextafter(torch.tensor([1.0]), torch.tensor([2.0])).double().item()",
    "torch.gcd(torch.tensor([12, -7, 0]), torch.tensor([8, 21, 5]))",
    "torch.lcm(torch.tensor([4, -3, 0]), torch.tensor([6, 4, 5]))",
    "torch.gcd(torch.tensor([12], dtype=torch.int8), torch.tensor([8]))",
    "torch.tensor([180, 90]).deg2rad()", "torch.tensor([3.0]).rad2deg()",
    "torch.logaddexp(torch.tensor([float('inf'), -float('inf')]), torch.tensor([float('inf'),"
    " -float('inf')]))",
    "torch.logaddexp(torch.tensor([1 + 2j]), torch.tensor([0.5j]))",
    "torch.isposinf(torch.tensor([1, 2]))", "torch.isneginf(torch.tensor([-float('inf')]))",
    "torch.isreal(torch.tensor([1 + 1j, 1 + 0j]))", "torch.isreal(torch.tensor([float('nan')]))",
    "torch.float_power(torch.tensor([2, 3]), 2)", "torch.tensor([2.0]).float_power(0.5)",
    "torch.float_power(torch.tensor([4.0]), 0.5 + 1j)",
]  # fmt: skip

ERRORS = [
    "torch.copysign(torch.tensor([1j]), 1)", "torch.signbit(torch.tensor([1j]))",
    "torch.isposinf(torch.tensor([1j]))", "torch.isneginf(torch.tensor([1j]))", "n.frexp()",
    "torch.heaviside(x, x.float())", "torch.heaviside(x, x).sum().backward()",
    "torch.nextafter(n, n)", "torch.gcd(x, x)", "torch.lcm(mask, mask)", "torch.logaddexp(n, n)",
    "torch.float_power(2, 3)", "x.float().float_power_(2)", "torch.tensor([1j]).deg2rad()",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_values_graph_and_gradients_are_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", PRINTED)
def test_prints_what_pytorch_prints(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


def test_at_zero_the_sign_counts_and_the_gradient_is_zero() -> None:
    x = gl.tensor([0.0, -0.0], requires_grad=True)
    y = gl.copysign(x, gl.tensor([-1.0, 1.0]))
    y.sum().backward()
    assert str(y.detach()) == "tensor([-0., 0.])"
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0]
