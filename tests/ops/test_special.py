"""Special functions: values over their whole range, gradients, dtypes, refusals, as PyTorch's."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy
import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error, torch
from tests.ops.printed import assert_prints_same

NAMES = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "expit", "gammaln", "i0", "i0e", "i1",
    "i1e", "log_ndtr", "logit", "ndtr", "ndtri", "psi", "sinc",
]  # fmt: skip

LINES = [
    "x.erfc()", "x.lgamma()", "x.i0()", "x.sinc()",
    "x.sigmoid().logit()", "x.sigmoid().logit(0.2)", "torch.logit(x, eps=0.1)",
    "(x.tanh() * 0.9).erfinv()",
    "torch.mvlgamma(x.exp() + 2, 3)", "torch.xlogy(x, m.exp())", "torch.xlogy(x, 2)",
    "torch.xlogy(2, x.exp())", "torch.special.xlog1py(x, m.exp())", "torch.xlogy(x, -1)",
    "torch.special.xlog1py(x, 2.5)", "torch.special.xlog1py(2.5, x.exp())",
    "torch.special.i0e(x)", "torch.special.i1(x)", "torch.special.i1e(x)",
    "torch.special.erfcx(x)", "torch.special.log_ndtr(x * 5)", "torch.special.entr(x.exp())",
    "torch.special.ndtri(x.sigmoid())", "torch.special.zeta(3, x.exp())",
    "torch.special.gammaln(x)", "torch.special.expit(x)",
    "torch.special.multigammaln(x.exp() + 2, 2)", "torch.special.logsumexp(x, 0)",
    "torch.special.softmax(x, 0)",
    "x.clone().erfinv_()", "x.clone().lgamma_()", "x.clone().sinc_()", "x.clone().xlogy_(m.exp())",
    "(x * 0.1 + 0.5).logit_(0.1)", "torch.erfc_(x.clone())",
    "zeros.i0()", "torch.special.entr(zeros)", "torch.xlogy(zeros, zeros)",
    "zeros.xlogy(0)", "zeros.lgamma()", "empty.erf()", "s.erf()",
]  # fmt: skip

EDGES = (
    "torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.5, 30.0, -30.0, 300.0, -300.0,"
    " float('inf'), -float('inf'), float('nan')], dtype=torch.float64)"
)

PRINTED = [
    "torch.tensor([0, 1, 2]).erf()", "torch.tensor([True]).lgamma()",
    "torch.tensor([0.5]).half().erfinv()", "torch.tensor([1, 2]).polygamma(1)",
    "torch.tensor([1.5]).polygamma(3)", "torch.tensor([3, 4]).mvlgamma(2)",
    "torch.xlogy(torch.tensor([0, 2]), torch.tensor([0, 3]))", "torch.xlogy(torch.tensor([2]), 0)",
    "torch.tensor([0.0, 0.3, 1.0, 1.5]).logit()", "torch.tensor([0.0, 1.0, 1.5]).logit(1e-3)",
    "torch.special.zeta(torch.tensor([2.0, 1.0, 0.5]), torch.tensor([1.0, 2.0, 0.5]))",
    "torch.special.zeta(torch.tensor([2.0]), 1)", "torch.tensor([0.0, 0.5]).sinc()",
    "torch.igamma(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0]))",
    "torch.ones(2, requires_grad=True).polygamma(1).grad_fn._saved_n",
    "torch.ones(2, requires_grad=True).erf().grad_fn._saved_self",
]  # fmt: skip

ERRORS = [
    "torch.polygamma(-1, x)", "torch.mvlgamma(x, 0)", "mask.mvlgamma(1)", "torch.erf(1.0)",
    "torch.erf(torch.tensor([1j]))", "torch.tensor([1j]).lgamma()", "torch.tensor([1j]).i0()",
    "torch.tensor([1j]).logit()", "torch.tensor([1]).erf_()",
    "torch.igamma(x, x.exp()).sum().backward()", "torch.special.zeta(x, m).sum().backward()",
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


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_the_ends_of_the_range_and_the_poles_are_pytorchs(name: str, dtype: str) -> None:
    found = []
    for lib in (gl, torch):
        x = eval(EDGES, {"torch": lib}).to(getattr(lib, dtype))
        found.append(getattr(lib.special, name)(x).numpy())
    near = 1e-11 if dtype == "float64" else 3e-5
    numpy.testing.assert_allclose(*found, rtol=near, atol=near if name == "gammaln" else 1e-30)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_derivatives_of_the_gamma_function_are_pytorchs(n: int) -> None:
    """Whose own are right to 9 digits."""
    found = []
    for lib in (gl, torch):
        x = lib.tensor([0.3, 1.0, 2.5, 40.0, -0.7], dtype=lib.float64, requires_grad=True)
        y = lib.polygamma(n, x)
        found.append([y.detach().numpy(), *(g.numpy() for g in lib.autograd.grad(y.sum(), x))])
    numpy.testing.assert_allclose(*found, rtol=1e-7)


def test_every_name_of_the_namespace_is_pytorchs() -> None:
    assert set(gl.special.__all__) <= set(dir(torch.special))


def test_sinc_bends_at_zero() -> None:
    """There PyTorch's own second derivative is nan; the limit is -π²/3."""
    x = gl.zeros(1, dtype=gl.float64, requires_grad=True)
    (slope,) = gl.autograd.grad(x.sinc().sum(), x, create_graph=True)
    (bend,) = gl.autograd.grad(slope.sum(), x)
    assert (slope.item(), bend.item()) == (0, pytest.approx(-(numpy.pi**2) / 3))


@pytest.mark.parametrize("name", ["i1", "i1e"])
def test_bessel_functions_have_a_slope_of_one_half_at_zero(name: str) -> None:
    x = gl.zeros(1, requires_grad=True)
    getattr(gl.special, name)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.item() == 0.5


def test_erf_is_computed_for_many_elements_at_once() -> None:
    """One by one in Python it took 100 ns an element, 50 times an addition's share."""
    x = gl.full((200_000,), 0.5)

    def seconds(name: str) -> float:
        start = time.perf_counter()
        getattr(x, name)()
        return time.perf_counter() - start

    seconds("erf")
    tanh = min(seconds("tanh") for _ in range(5))
    assert min(seconds("erf") for _ in range(5)) < 20 * tanh


def test_scipy_is_imported_when_it_is_needed() -> None:
    program = (
        "import sys, gradlab as gl; assert 'scipy.special' not in sys.modules; "
        "gl.ones(2).erf(); assert 'scipy.special' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
