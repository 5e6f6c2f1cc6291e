"""Half precision over its whole range: results and gradients are PyTorch's, to a rounding or two.

PyTorch computes halves in single precision and rounds once. Where gradlab did otherwise, numbers
overflowed on the way (hardswish beyond 10,920, a loss beyond 181) or were lost (sigmoid below -11).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy
import pytest

import gradlab

torch = pytest.importorskip("torch")

EVERY = numpy.arange(2**16, dtype=numpy.uint16).view(numpy.float16)
FINITE = EVERY[numpy.isfinite(EVERY)]

FORWARD = [
    *("x * 0.1", "x * 1e5", "x * 1e-8", "x / 0.1", "x / 1e5", "0.1 / x", "x * 1e6 / 1e6"),
    *("x + 0.1", "x - 1e5", "1 - x", "x % 0.3", "x**2", "x**3", "x.rsqrt()"),
    *("x.sigmoid()", "x.tanh()", "x.deg2rad()", "x.rad2deg()", "x.round(decimals=2)", "x.sinc()"),
    *("F.silu(x)", "F.mish(x)", "F.softplus(x)", "F.softplus(x, 2)", "F.logsigmoid(x)"),
    *("F.hardswish(x)", "F.hardsigmoid(x)", "F.leaky_relu(x, 0.1)", "F.elu(x, 0.3)", "F.selu(x)"),
    *("F.relu6(x)", "F.hardtanh(x)", "F.softsign(x)", "F.tanhshrink(x)", "x.exp()", "x.log()"),
    *("torch.lerp(x, x * 0 + 2, 0.3)", "torch.addcmul(x, x, x, value=0.1)"),
    *("torch.addcdiv(x, x, x, value=0.1)", "torch.special.entr(x)", "x.square()", "x.sqrt()"),
]

GRADIENTS = [
    *("x * 0.1", "x * 1e5", "x / 1e5", "x.sigmoid()", "x.tanh()", "F.silu(x)", "F.mish(x)"),
    *("F.softplus(x)", "F.softplus(x, 2)", "F.logsigmoid(x)", "F.hardswish(x)", "F.hardsigmoid(x)"),
    *("F.leaky_relu(x, 0.1)", "F.elu(x, 0.3)", "F.gelu(x)", "x.rsqrt()", "x.exp()", "x.sqrt()"),
]


def computed(library: Any, line: str, array: Any) -> tuple[Any, Any]:
    """A line's result, and the gradient of its sum, as arrays."""
    x = library.tensor(array).requires_grad_()
    seen = {"x": x, "torch": library, "F": library.nn.functional}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = eval(line, seen)
        result.backward(library.ones_like(result))
    return result.detach().numpy(), x.grad.numpy()


def steps_apart(one: Any, other: Any) -> Any:
    """How many halves lie between the numbers; nan is equal to nan, and far from numbers."""
    places = [numpy.where((i := a.view(numpy.int16).astype(int)) < 0, -(2**15) - i, i)
              for a in (one, other)]  # fmt: skip
    apart = numpy.abs(places[0] - places[1])
    nan = numpy.isnan(one), numpy.isnan(other)
    return numpy.where(nan[0] | nan[1], numpy.where(nan[0] & nan[1], 0, 2**16), apart)


@pytest.mark.parametrize("line", FORWARD)
def test_results(line: str) -> None:
    (ours, _), (theirs, _) = (computed(lib, line, EVERY) for lib in (gradlab, torch))
    assert ours.dtype == theirs.dtype == numpy.float16
    assert steps_apart(ours, theirs).max() <= 2


@pytest.mark.parametrize("line", GRADIENTS)
def test_gradients(line: str) -> None:
    (_, ours), (_, theirs) = (computed(lib, line, FINITE) for lib in (gradlab, torch))
    assert ours.dtype == theirs.dtype == numpy.float16
    apart = steps_apart(ours, theirs)
    known = numpy.isfinite(theirs)
    assert numpy.array_equal(known, numpy.isfinite(ours))
    small = numpy.abs(theirs) < 2e-3  # where PyTorch's own approximations show
    assert apart[known & ~small].max(initial=0) <= 4
    numpy.testing.assert_allclose(ours[small], theirs[small], atol=4e-6)


def test_whole_quotients() -> None:
    ours, theirs = ((lib.tensor(EVERY) // 0.1).numpy() for lib in (gradlab, torch))
    assert steps_apart(ours, theirs).max() == 0


SUMS = [
    *("x.sum()", "x.mean(-1)", "x.var(-1)", "x.std()", "x.norm()", "x.norm(3)", "x.cumsum(-1)"),
    *("x.logsumexp(-1)", "x.softmax(-1)", "x.log_softmax(0)", "F.layer_norm(x, (300,))"),
    *("F.mse_loss(x, y)", "F.smooth_l1_loss(x, y)", "F.huber_loss(x, y)", "F.l1_loss(x, y)"),
    *("F.avg_pool1d(x, 3)", "F.adaptive_avg_pool1d(x, 7)", "F.group_norm(x, 2)"),
    "F.scaled_dot_product_attention(x, y, y)",
    "torch.logcumsumexp(x, -1)",
]


@pytest.mark.parametrize("scale", [1e-2, 1, 30, 300])
@pytest.mark.parametrize("line", SUMS)
def test_sums(line: str, scale: float) -> None:
    numbers = numpy.random.default_rng(0).standard_normal((4, 8, 300)) * scale
    found = []
    for library in (gradlab, torch):
        x, y = (library.tensor(a.astype("float16")) for a in (numbers, numbers[::-1].copy()))
        found.append(eval(line, {"x": x, "y": y, "torch": library, "F": library.nn.functional}))
    ours, theirs = (one.numpy().astype("float64") for one in found)
    assert numpy.array_equal(numpy.isfinite(ours), numpy.isfinite(theirs))
    known = numpy.isfinite(theirs)
    bound = numpy.abs(theirs[known]).max(initial=1e-4)
    numpy.testing.assert_allclose(ours[known], theirs[known], rtol=4e-3, atol=2e-3 * bound)


ASKED = [
    *("x.cumsum(-1, dtype=torch.float32)", "x.cumsum(-1, dtype=torch.float64)"),
    *("torch.linalg.vector_norm(x, dtype=torch.float32)", "x.norm(2, dtype=torch.float32)"),
]


@pytest.mark.parametrize("line", ASKED)
def test_a_result_has_the_dtype_that_was_asked_for(line: str) -> None:
    numbers = numpy.random.default_rng(0).standard_normal((4, 300)).astype("float16")
    found = []
    for library in (gradlab, torch):
        x = library.tensor(numbers, requires_grad=True)
        result = eval(line, {"x": x, "torch": library})
        result.sum().backward()
        found.append((result.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype
        numpy.testing.assert_allclose(ours, theirs, rtol=2e-3)
