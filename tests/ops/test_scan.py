"""Scans: running totals, products and extremes, differences and integrals, as in PyTorch."""

from __future__ import annotations

import numpy
import pytest

import gradlab as gl
from gradlab.op import OPS
from tests.ops.expressions import assert_same, assert_same_error
from tests.ops.printed import assert_prints_same

LINES = [
    "x.cumsum(0)", "x.cumsum(-1)", "n.cumsum(0)", "mask.cumsum(1)", "s.cumsum(0)",
    "n.cumsum(0, dtype=torch.float64)", "x.clone().cumsum_(1)",
    "x.cumprod(1)", "n.cumprod(0)", "mask.cumprod(1)", "s.cumprod(0)", "zeros.cumprod(1)",
    "tied.cumprod(1)", "empty.cumprod(0)", "x.cumprod(2, dtype=torch.float32)",
    "x.clone().cumprod_(0)", "x.logcumsumexp(1)", "(x * 300).logcumsumexp(2)", "s.logcumsumexp(0)",
    "empty.logcumsumexp(1)", "x.cummax(0)", "x.cummin(-1)", "tied.cummax(1)", "tied.cummin(0)",
    "nan.cummax(0)", "nan.cummin(0)", "s.cummax(0)", "empty.cummin(1)", "mask.cummax(0)",
    "n.cummin(1)", "n.to(torch.uint8).cummax(1)", "x.diff()", "x.diff(dim=0)", "x.diff(n=2, dim=1)",
    "x.diff(n=9)", "n.diff()", "mask.diff()", "m.diff(prepend=u[:, None])",
    "m.diff(dim=0, prepend=m[:1], append=m)",
]  # fmt: skip

INTEGRALS = [
    "torch.trapezoid(m)", "torch.trapezoid(m, dim=0)", "torch.trapezoid(m, dx=0.5)",
    "torch.trapezoid(m, v)", "torch.trapezoid(m, m * m, dim=0)", "torch.trapezoid(m, u, dim=0)",
    "torch.trapz(m)", "torch.trapezoid(n)", "torch.cumulative_trapezoid(m)",
    "torch.cumulative_trapezoid(m, dx=2, dim=0)", "torch.cumulative_trapezoid(m, v)",
    "torch.trapezoid(v[:1])", "torch.cumulative_trapezoid(v[:1])", "torch.trapezoid(empty)",
]  # fmt: skip

ERRORS = [
    "x.cumsum(4)", "x.cumprod(3)", "x.cummax(3)", "x.cummin(-4)", "x.logcumsumexp(3)",
    "n.logcumsumexp(0)", "torch.tensor([1j]).cummax(0)", "s.diff()", "x.diff(n=-1)",
    "x.diff(dim=7)", "m.diff(prepend=v)", "m.diff(prepend=m[:1])", "torch.trapezoid(mask)",
    "torch.trapezoid(s)", "torch.trapezoid(m, u)", "torch.cumulative_trapezoid(m, u)",
    "torch.trapezoid(m, mask)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_scan_is_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", INTEGRALS)
def test_an_integral_is_pytorchs(line: str) -> None:
    assert_prints_same(
        f"(lambda m, v, u, s, n, empty: ({line}).detach())(torch.arange(20.0).reshape(4, 5).sin(), "
        "torch.arange(5.0) ** 2, torch.arange(4.0) ** 2, torch.tensor(1.0), torch.tensor([3, 5]), "
        "torch.zeros(0, 3))"
    )


@pytest.mark.parametrize("line", ERRORS)
def test_a_scan_is_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


def test_a_product_with_zeros_has_the_right_gradient_of_any_order() -> None:
    x = gl.tensor([2.0, 0.0, 3.0, 0.0, 5.0], dtype=gl.float64, requires_grad=True)
    weights = gl.arange(1.0, 6.0, dtype=gl.float64)
    assert gl.autograd.gradcheck(lambda x: (x.cumprod(0) * weights).sum(), x)
    assert gl.autograd.gradgradcheck(lambda x: (x.cumprod(0) * weights).sum(), x)


@pytest.mark.parametrize("name", ["logcumsumexp", "cummax_parts", "cummin_parts"])
@pytest.mark.parametrize("dim", [0, 1])
def test_doubling_steps_give_what_numpys_accumulate_does(name: str, dim: int) -> None:
    """As on a GPU, whose library accumulates sums and products only."""

    class Other:  # a library that is not numpy, with its functions
        def __getattr__(self, function: str) -> object:
            return getattr(numpy, function)

    array = numpy.random.default_rng(0).standard_normal((5, 7)).round(1)
    found, expected = (OPS[name].forward(xp, array, dim) for xp in (Other(), numpy))
    numpy.testing.assert_allclose(numpy.stack(found), numpy.stack(expected), rtol=1e-14)
