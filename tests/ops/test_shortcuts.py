"""What many numbers are computed by instead of the plain way: as right, and as PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradlab as gl

torch = pytest.importorskip("torch")

WIDE = (3, 3000)  # large enough for every shortcut


def drawn(*shape: int, scale: float = 1.0, seed: int = 0) -> Any:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def both(array: Any) -> tuple[Any, Any]:
    return gl.tensor(array), torch.tensor(array)


def assert_same(ours: Any, theirs: Any) -> None:
    """To the bit, the signs of zeros included; any NaN is as good as another."""
    one, other = ours.numpy(), theirs.numpy()
    np.testing.assert_array_equal(one, other)
    known = ~np.isnan(other)
    np.testing.assert_array_equal(np.signbit(one[known]), np.signbit(other[known]))


# ------------------------------------------------------------------ remainders


@pytest.mark.parametrize("name", ["remainder", "fmod"])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6, 1e9, 1e20])
def test_remainders_of_many_singles_are_exact_however_large_the_quotient(
    name: str, scale: float
) -> None:
    x, y = both(drawn(*WIDE, scale=scale)), both(drawn(*WIDE, seed=1))
    assert_same(getattr(gl, name)(x[0], y[0]), getattr(torch, name)(x[1], y[1]))


@pytest.mark.parametrize("name", ["remainder", "fmod"])
def test_remainders_that_are_zero_have_pytorchs_sign(name: str) -> None:
    x = np.round(drawn(*WIDE, scale=8))
    y = np.where(np.arange(3000) % 2, 2, -2).astype(np.float32)
    ours, theirs = getattr(gl, name), getattr(torch, name)
    assert_same(ours(gl.tensor(x), gl.tensor(y)), theirs(torch.tensor(x), torch.tensor(y)))


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, 0.0])
@pytest.mark.parametrize("name", ["remainder", "fmod"])
def test_remainders_beside_numbers_that_have_none(name: str, odd: float) -> None:
    for place in range(2):
        x, y = drawn(*WIDE), drawn(*WIDE, seed=1)
        (x, y)[place][1, 7] = odd
        ours = getattr(gl, name)(gl.tensor(x), gl.tensor(y)).numpy()
        theirs = getattr(torch, name)(torch.tensor(x), torch.tensor(y)).numpy()
        np.testing.assert_array_equal(ours, theirs)


# ------------------------------------------------------------------ products


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("low", [0.99, 0.3])  # with 0.3, the product of a row vanishes in float32
def test_gradient_of_a_product_is_the_product_of_the_others(
    dtype: Any, dim: int, low: float
) -> None:
    x = np.random.default_rng(0).uniform(low, 1.01, (2, 300)).astype(dtype)
    leaf = gl.tensor(x, requires_grad=True)
    leaf.prod(dim).sum().backward()
    others = np.stack(
        [np.delete(x.astype(np.longdouble), i, dim).prod(dim) for i in range(x.shape[dim])], dim
    )
    np.testing.assert_allclose(leaf.grad.numpy(), others.astype(dtype), rtol=2e-5, atol=1e-44)


@pytest.mark.parametrize("odd", [(0.0,), (0.0, 0.0), (np.inf,), (np.nan,)])
def test_gradient_of_a_product_with_factors_that_cannot_be_divided_by(
    odd: tuple[float, ...],
) -> None:
    x = np.random.default_rng(0).uniform(0.9, 1.1, 300).astype(np.float32)
    x[[7, 9][: len(odd)]] = odd
    leaf = gl.tensor(x, requires_grad=True)
    leaf.prod().backward()
    others = np.array([np.delete(x, i).prod() for i in range(len(x))])
    np.testing.assert_allclose(leaf.grad.numpy(), others, rtol=1e-4)


@pytest.mark.parametrize("size", [2048, 3001])
def test_products_of_long_rows(size: int) -> None:
    x = np.random.default_rng(0).uniform(0.99, 1.01, (3, size)).astype(np.float32)
    np.testing.assert_allclose(gl.tensor(x).prod(1).numpy(), x.prod(1, np.float64), rtol=1e-4)
    wide = gl.tensor(x).prod(1, dtype=gl.float64).numpy()
    np.testing.assert_allclose(wide, x.prod(1, np.float64), rtol=1e-12)


# ------------------------------------------------------------------ choosing


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_where_keeps_every_number_as_it_is(dtype: Any) -> None:
    x, y = (drawn(*WIDE, scale=100, seed=seed).astype(dtype) for seed in (0, 1))
    if x.dtype.kind == "f":
        x[0, :4] = y[0, 2:6] = [np.nan, np.inf, -np.inf, -0.0]
    mask = drawn(*WIDE, seed=2) > 0
    found = gl.where(gl.tensor(mask), gl.tensor(x), gl.tensor(y)).numpy()
    assert found.tobytes() == np.where(mask, x, y).tobytes()


def test_where_of_many_broadcasts() -> None:
    mask, x = drawn(*WIDE) > 0, drawn(3, 1, seed=1)
    found = gl.where(gl.tensor(mask), gl.tensor(x), gl.tensor(2.0)).numpy()
    np.testing.assert_array_equal(found, np.where(mask, x, np.float32(2)))


NETS = {
    "hardswish": {},
    "hardsigmoid": {},
    "hardshrink": {},
    "softshrink": dict(lambd=0.3),
    "threshold": dict(threshold=0.1, value=7.0),
    "leaky_relu": dict(negative_slope=-0.2),
    "celu": {},
    "elu": {},
}


@pytest.mark.parametrize("name", NETS)
def test_activations_of_many_numbers(name: str) -> None:
    x = drawn(*WIDE, scale=2)
    x[0, :8] = [np.inf, -np.inf, 3, -3, 0, -0.0, 1e-30, 30]
    if name == "hardswish":  # -inf times 0
        x[0, 1] = -1e30
    ours, theirs = (lib.tensor(x, requires_grad=True) for lib in (gl, torch))
    g = drawn(*WIDE, seed=1)
    one = getattr(gl.nn.functional, name)(ours, **NETS[name])
    other = getattr(torch.nn.functional, name)(theirs, **NETS[name])
    one.backward(gl.tensor(g))
    other.backward(torch.tensor(g))
    np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-6, atol=1e-6)


# ------------------------------------------------------------------ ranks


def ties(*, infinite: bool = False, missing: bool = False) -> Any:
    x = np.round(drawn(5, 300, scale=3))
    if infinite:
        x[1, 3:] = -np.inf
        x[2, :-2] = np.inf
    if missing:
        x[3, [2, 50]] = np.nan
    return x


@pytest.mark.parametrize("infinite", [False, True])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("largest", [False, True])
def test_few_of_long_rows_come_in_order(infinite: bool, missing: bool, largest: bool) -> None:
    x = ties(infinite=infinite, missing=missing)
    values, places = gl.tensor(x).topk(4, largest=largest)
    theirs = torch.tensor(x).sort(descending=largest, stable=True)
    np.testing.assert_array_equal(values.numpy(), theirs.values[:, :4].numpy())
    np.testing.assert_array_equal(np.take_along_axis(x, places.numpy(), 1), values.numpy())
    assert all(len(set(row)) == 4 for row in places.tolist())


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("rank", [1, 7, 150, 300])
@pytest.mark.parametrize("dim", [0, 1])
def test_the_one_at_a_rank_is_that_of_a_stable_sort(dim: int, rank: int, missing: bool) -> None:
    x = ties(missing=missing)
    x = x.T if dim == 0 else x
    value, place = gl.tensor(x).kthvalue(rank, dim)
    theirs = torch.tensor(x).sort(dim=dim, stable=True)
    np.testing.assert_array_equal(value.numpy(), theirs.values.select(dim, rank - 1).numpy())
    np.testing.assert_array_equal(place.numpy(), theirs.indices.select(dim, rank - 1).numpy())


# ------------------------------------------------------------------ rows far from zero


@pytest.mark.parametrize("mean", [0.0, 1.0, 3000.0])
@pytest.mark.parametrize("layer", ["layer", "group"])
def test_norms_of_long_rows_lose_nothing_far_from_zero(layer: str, mean: float) -> None:
    x, g = drawn(64, 8, 1000) + np.float32(mean), drawn(64, 8, 1000, seed=1)
    results = []
    for lib, dtype in ((gl, "float32"), (torch, "float64")):
        like = getattr(lib, dtype)
        net = lib.nn.LayerNorm(1000) if layer == "layer" else lib.nn.GroupNorm(4, 8)
        net = net.to(like)
        with lib.no_grad():
            net.weight.copy_(lib.linspace(0.5, 1.5, net.weight.numel()))
            net.bias.copy_(lib.linspace(-1, 1, net.bias.numel()))
        leaf = lib.tensor(x).to(like).requires_grad_()
        out = net(leaf)
        out.backward(lib.tensor(g).to(like))
        found = (out.detach(), leaf.grad, net.weight.grad, net.bias.grad)
        results.append([one.numpy() for one in found])
    for ours, exact in zip(*results, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-4, atol=2e-4 * np.abs(exact).max())
