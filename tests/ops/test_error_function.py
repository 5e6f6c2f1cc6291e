"""erf in single precision, beside SciPy's in double; gelu of it, and what works by pieces."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from scipy import special

import gradlab as gl
from gradlab.nn import functional
from gradlab.ops import error_function
from gradlab.ops.error_function import by_pieces


def off(found: Any, exact: Any) -> float:
    """How far the worst is from the exact number, in units of its last place as a single one."""
    spacing = numpy.spacing(numpy.abs(exact).astype(numpy.float32)).astype(float)
    return float((numpy.abs(found.astype(float) - exact) / spacing).max())


@pytest.mark.parametrize(
    "numbers",
    [numpy.linspace(-5, 5, 2_000_001), numpy.geomspace(1e-45, 1e38, 300_001)],
    ids=["usual", "from the least to the greatest"],
)
def test_erf_of_single_numbers_is_exact_to_2_3_units_in_the_last_place(numbers: Any) -> None:
    x = numbers.astype(numpy.float32)
    found = gl.tensor(x).erf().numpy()
    assert found.dtype == numpy.float32
    assert off(found, special.erf(x.astype(float))) < 2.3
    assert numpy.abs(found).max() <= 1


@pytest.mark.parametrize(
    "numbers",
    [numpy.linspace(-5, 10.5, 2_000_001), numpy.geomspace(1e-45, 1e38, 300_001)],
    ids=["usual", "from the least to the greatest"],
)
def test_erfc_of_single_numbers_is_exact_to_0_6_units_in_the_last_place(numbers: Any) -> None:
    x = numbers.astype(numpy.float32)
    found = gl.tensor(x).erfc().numpy()
    assert found.dtype == numpy.float32
    assert off(found, special.erfc(x.astype(float))) < 0.6


@pytest.mark.parametrize("size", [5, 5_000])
def test_erfc_of_infinities_and_nan(size: int) -> None:
    x = numpy.resize(numpy.float32([0, numpy.inf, -numpy.inf, numpy.nan, -1e30]), size)
    found = gl.tensor(x).erfc().numpy()
    numpy.testing.assert_array_equal(found[:5], [1, 0, 2, numpy.nan, 2])


@pytest.mark.parametrize("size", [6, 6_000])
def test_erf_keeps_zeros_infinities_and_nan(size: int) -> None:
    x = numpy.resize(numpy.float32([0, -0.0, numpy.inf, -numpy.inf, numpy.nan, -1e30]), size)
    found = gl.tensor(x).erf().numpy()
    numpy.testing.assert_array_equal(found[:6], [0, 0, 1, -1, numpy.nan, -1])
    assert list(numpy.signbit(found[:2])) == [False, True]


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_of_many_numbers_is_that_of_double_precision(approximate: str) -> None:
    numbers = numpy.linspace(-8, 8, 40_001)
    results = []
    for dtype in (gl.float32, gl.float64):
        x = gl.tensor(numbers, dtype=dtype, requires_grad=True)
        y = functional.gelu(x, approximate=approximate)
        y.backward(gl.full_like(y, 0.7))
        assert x.grad is not None
        results.append((y.detach().numpy(), x.grad.numpy()))
    for single, double in zip(*results, strict=True):
        numpy.testing.assert_allclose(single, double, rtol=3e-7, atol=1e-6)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_of_half_numbers_is_computed_in_single_ones(approximate: str) -> None:
    x = gl.linspace(-4, 4, 99).half().requires_grad_()
    single = x.detach().float().requires_grad_()
    for one in (x, single):
        functional.gelu(one, approximate=approximate).sum().backward()
    assert x.grad is not None
    assert single.grad is not None
    assert x.grad.dtype is gl.float16
    assert x.grad.equal(single.grad.half())


LAYOUTS = {
    "in rows": lambda a: a,
    "in columns": lambda a: a.T,
    "with gaps": lambda a: a[:, ::2],
    "backwards": lambda a: a[::-1],
    "repeated": lambda a: numpy.broadcast_to(a[:1], a.shape),
    "permuted": lambda a: a.reshape(30, 20, -1).transpose(1, 2, 0),
}


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_pieces_find_their_elements_however_arrays_lie(first: str, second: str) -> None:
    arrays = numpy.random.default_rng(0).random((2, 600, 600))
    a, b = LAYOUTS[first](arrays[0]), LAYOUTS[second](arrays[1])
    shape = min(a.shape, b.shape, key=lambda s: numpy.prod(s))
    if a.shape != shape:
        a = a.reshape(-1)[: numpy.prod(shape)].reshape(shape)
    if b.shape != shape:
        b = b.reshape(-1)[: numpy.prod(shape)].reshape(shape)

    def kernel(out: Any, a: Any, b: Any, spare: Any) -> None:
        numpy.multiply(a, 2, spare)
        numpy.add(spare, b, out)

    assert a.size > error_function._PIECE
    numpy.testing.assert_array_equal(by_pieces(kernel, 1, a, b), 2 * a + b)
