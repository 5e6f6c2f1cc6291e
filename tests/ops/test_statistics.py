"""Statistics: medians, quantiles, modes, counts, spreads, correlations, as in PyTorch."""

from __future__ import annotations

import warnings

import numpy
import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error, torch
from tests.ops.printed import assert_prints_same

LINES = [
    "x.median()", "x.median(1)", "x.median(-1, keepdim=True)", "tied.median()", "nan.median()",
    "nan.median(0)", "s.median()", "s.median(0)", "empty.median()", "empty.median(1)",
    "n.median()", "nan.nanmedian()", "nan.nanmedian(0)", "x.nanmedian(1)", "empty.nanmedian()",
    "x.kthvalue(2)", "x.kthvalue(1, 0)", "x.kthvalue(3, 1, keepdim=True)", "nan.kthvalue(3)",
    "s.kthvalue(1)", "empty.kthvalue(1)", "x.mode()", "x.mode(0)", "tied.mode(1, keepdim=True)",
    "s.mode()", "n.mode()", "mask.mode(0)", "torch.aminmax(x)", "torch.aminmax(x, dim=1)",
    "x.aminmax(dim=-1, keepdim=True)", "tied.aminmax()", "tied.aminmax(dim=1)", "nan.aminmax()",
    "s.aminmax(dim=0)", "empty.aminmax(dim=1)", "mask.aminmax()", "torch.var_mean(x)",
    "torch.var_mean(x, 1)", "torch.var_mean(m, (0, 1), correction=0, keepdim=True)",
    "torch.std_mean(x)", "torch.std_mean(m, 0, unbiased=False)", "torch.std_mean(m, False)",
    "x.count_nonzero()", "x.count_nonzero(0)", "n.count_nonzero((0, 1))", "nan.count_nonzero()",
    "mask.count_nonzero(-1)", "nan.nansum()", "nan.nansum(0)", "x.nansum((0, 2), keepdim=True)",
    "n.nansum()", "mask.nansum()", "n.nansum(dtype=torch.float32)", "x.nanmean(1)",
    "nan.nanmean()", "m.nanmean((0, 1), keepdim=True)", "torch.dist(x, m)",
    "torch.dist(m, v, 1)", "torch.dist(m, v, 3)", "torch.dist(m, v, float('inf'))",
    "m.renorm(2, 0, 1)", "m.renorm(1, 1, 0.5)", "x.renorm(3, 1, 2)", "m.clone().renorm_(2, 0, 1)",
    "m.renorm(float('inf'), 0, 1)", "torch.cov(m)", "torch.cov(m, correction=0)", "torch.cov(v)",
    "torch.cov(m.t(), fweights=i0.repeat(4))", "torch.cov(m.t(), aweights=u.detach().exp())",
    "torch.cov(m.t(), fweights=n[0].abs(), aweights=u.detach().exp(), correction=2)",
    "torch.corrcoef(m)", "torch.corrcoef(v)", "torch.cov(n)", "x.detach().histc(4)",
    "x.detach().histc(5, -1, 1)", "empty.detach().histc(3)", "zeros.detach().histc(3)",
]  # fmt: skip

QUANTILES = [
    "X.quantile(0.5)", "X.quantile(0.3, 1)", "X.quantile(0.3, 0, keepdim=True)",
    "X.quantile(Q, 1)", "X.quantile(Q, 1, keepdim=True)", "X.quantile(Q)",
    "X.quantile(Q, keepdim=True)", "X.quantile(Q[0])", "X.quantile(1)", "X.quantile(0)",
    "X.quantile(Q.clone().requires_grad_(), 1)", "X.nanquantile(Q.clone().requires_grad_(), 0)",
    "N.quantile(Q.clone().requires_grad_(), 1)", "N.nanquantile(Q[0].clone().requires_grad_(), 1)",
    "X.nanquantile(0.5, 1)", "X.nanquantile(Q)", "N.quantile(0.5, 1)", "N.nanquantile(0.5, 1)",
    "N.nanquantile(Q, 0)", "N.nanquantile(0.4)", "X[0, 0].quantile(0.2)", "X.quantile(Q, -2)",
    *(f"X.quantile(Q, 1, interpolation={how!r})"
      for how in ("linear", "lower", "higher", "midpoint", "nearest")),
]  # fmt: skip

ERRORS = [
    "empty.median(0)", "mask.median()", "mask.median(0)", "x.median(3)", "x.median((0, 1))",
    "empty.nanmedian(0)", "x.kthvalue(0)", "x.kthvalue(9)", "mask.kthvalue(1)",
    "empty.kthvalue(1, 0)", "empty.mode(0)", "x.mode(3)", "torch.tensor([1j]).mode()",
    "empty.aminmax()", "empty.aminmax(dim=0)", "torch.tensor([1j]).aminmax()", "torch.var_mean(n)",
    "torch.std_mean(mask)", "x.count_nonzero(3)", "x.count_nonzero((0, 0))",
    "torch.tensor([1j]).nansum()", "n.nanmean()", "torch.dist(n, n)", "x.renorm(2, 3, 1)",
    "x.renorm(0, 0, 1)", "x.renorm(2, 0, -1)", "v.renorm(2, 0, 1)", "n.renorm(2, 0, 1)",
    "x.histc(0)", "x.histc(3, 2, 1)", "n.histc(3)", "torch.cov(x)", "torch.cov(mask)",
    "torch.cov(m, fweights=v)", "torch.cov(m, fweights=i)", "torch.cov(m, aweights=i)",
    "torch.cov(m, aweights=-v.exp())", "torch.cov(m, fweights=n)", "torch.corrcoef(x)",
    "x.quantile(1.5)", "x.quantile('a')", "n.quantile(0.5)", "empty.quantile(0.5)",
    "x.quantile(0.5, interpolation='most')", "x.quantile(v.exp())", "x.quantile(m)",
    "x.quantile(v.float())", "x.quantile(0.5, 3)", "x.half().quantile(0.5)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_statistics_are_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", QUANTILES)
def test_quantiles_and_their_gradients_are_pytorchs(line: str) -> None:
    found = []
    for lib in (gl, torch):
        x = lib.tensor([[1.0, 5, 3, 8], [4, 2, 2, 7], [0, 9, 6, 6]], requires_grad=True)
        holes = lib.tensor([[1.0, 5, numpy.nan, 8], [numpy.nan, 2, 3, 7]], requires_grad=True)
        y = eval(line, {"X": x, "N": holes, "Q": lib.tensor([0.1, 0.5, 0.9])})
        of = holes if line[0] == "N" else x
        (gradient,) = lib.autograd.grad((y * y).nansum(), of)
        found.append([y.detach().numpy(), gradient.numpy()])
    for ours, theirs in zip(*found, strict=True):
        numpy.testing.assert_allclose(ours, theirs, rtol=2e-6)


@pytest.mark.parametrize("shares", [0.3, [0.1, 0.5, 0.9]])
@pytest.mark.parametrize("function", ["quantile", "nanquantile"])
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_a_quantile_has_a_gradient_for_its_share(
    shares: object, function: str, dim: int | None
) -> None:
    found = []
    for lib in (gl, torch):
        x = lib.tensor([[1.0, 5, numpy.nan, 8], [4, 2, 3, 7], [0, 9, 6, 6]])
        q = lib.tensor(shares, requires_grad=True)
        getattr(lib, function)(x, q, dim).nansum().backward()
        found.append(q.grad.numpy())
    numpy.testing.assert_allclose(*found, rtol=2e-6)


@pytest.mark.parametrize("line", ERRORS)
def test_statistics_are_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


@pytest.mark.parametrize(
    "line",
    [
        "torch.tensor([3, 1, 2]).median()", "torch.tensor([[3, 1, 2]]).median(1)",
        "torch.tensor([2, 1, 1, 2, 3]).mode()", "torch.tensor([5, 1, 4]).kthvalue(2)",
        "torch.aminmax(torch.tensor([3, 1, 2]))", "torch.tensor([1.0, 2]).nanmedian(0)",
        "torch.zeros(0, dtype=torch.int64).median()", "torch.histc(torch.ones(3), 3)",
        "torch.zeros(0, dtype=torch.uint8).median()",
        "torch.dist(torch.ones(2), torch.zeros(1), 0)",
    ],
)  # fmt: skip
def test_prints_what_pytorch_prints(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", ["cov(ONE)", "cov(ONE, correction=5)", "corrcoef(ONE)"])
def test_a_covariance_without_degrees_of_freedom_warns(line: str) -> None:
    found = []
    for lib in (gl, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            found.append(eval("lib." + line, {"lib": lib, "ONE": lib.ones(1)}).item())
        assert "cov(): degrees of freedom is <= 0" in str(caught[0].message)
    assert numpy.array_equal(*found, equal_nan=True)


def test_a_histogram_of_what_is_not_finite_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"torch.histc: range of \[nan, nan\] is not finite"):
        gl.histc(gl.tensor([float("nan")]))


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_mode_is_found_in_rows_of_any_length(size: int) -> None:
    rows = numpy.random.default_rng(size).integers(0, 5, (20, size))
    found = gl.tensor(rows).mode(1)
    expected = [max(range(5), key=lambda v: ((row == v).sum(), -v)) for row in rows]
    assert found.values.tolist() == expected
    assert gl.tensor(rows).gather(1, found.indices[:, None])[:, 0].tolist() == expected


def test_statistics_of_integers_give_no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gl.arange(6).reshape(2, 3).median(1)
        gl.arange(6).mode()


@pytest.mark.parametrize("function", ["median", "nanmedian", "kthvalue"])
def test_indices_have_memory_of_their_own(function: str) -> None:
    numbers = [[0.5, 3.0, 1.0, 2.0], [9.0, 7.0, 8.0, 6.0], [4.0, 5.0, 2.0, 1.0]]
    found = []
    for library in (gl, torch):
        options = (2, 0) if function == "kthvalue" else (0,)
        indices = getattr(library.tensor(numbers), function)(*options).indices
        found.append((indices.as_strided((4,), (1,)).tolist(), indices.stride()))
    assert found[0] == found[1]
