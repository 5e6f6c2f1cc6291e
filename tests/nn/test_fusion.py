"""A layer and the batch norm after it, as one layer: what they do, and PyTorch's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


Case = tuple[Callable[[Any], Any], Callable[[Any], Any], tuple[int, ...], bool]
LAYERS: dict[str, Case] = {
    "convolution": (
        lambda lib: lib.nn.Conv2d(2, 3, 2), lambda lib: lib.nn.BatchNorm2d(3), (4, 2, 3, 3), False
    ),
    "without a bias": (
        lambda lib: lib.nn.Conv1d(2, 3, 2, bias=False),
        lambda lib: lib.nn.BatchNorm1d(3, affine=False), (4, 2, 5), False,
    ),
    "transposed": (
        lambda lib: lib.nn.ConvTranspose2d(2, 3, 2), lambda lib: lib.nn.BatchNorm2d(3),
        (4, 2, 3, 3), True,
    ),
    "linear": (lambda lib: lib.nn.Linear(2, 3), lambda lib: lib.nn.BatchNorm1d(3), (4, 2), False),
}  # fmt: skip


def trained(lib: Any, case: Case) -> tuple[Any, Any, Any]:
    """A layer and a batch norm with statistics, and an input."""
    make_layer, make_norm, shape, _ = case
    lib.manual_seed(0)
    layer, norm = make_layer(lib), make_norm(lib)
    x = lib.randn(shape)
    norm(layer(x))
    if norm.affine:
        lib.nn.init.uniform_(norm.weight)
        lib.nn.init.uniform_(norm.bias)
    return layer.eval(), norm.eval(), x


def fused(lib: Any, layer: Any, norm: Any, transpose: bool) -> Any:
    if isinstance(layer, lib.nn.Linear):
        return lib.nn.utils.fuse_linear_bn_eval(layer, norm)
    return lib.nn.utils.fuse_conv_bn_eval(layer, norm, transpose)


@pytest.mark.parametrize("kind", LAYERS)
def test_one_layer_does_what_two_did(torch: Any, kind: str) -> None:
    found = []
    for lib in (gl, torch):
        layer, norm, x = trained(lib, LAYERS[kind])
        before = layer.weight.clone()
        one = fused(lib, layer, norm, LAYERS[kind][3])
        lib.testing.assert_close(one(x), norm(layer(x)), rtol=1e-4, atol=1e-5)
        assert lib.equal(layer.weight, before)
        found.append((one.weight, one.bias, one.bias.requires_grad))
    for ours, theirs in zip(found[0][:2], found[1][:2], strict=True):
        assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert found[0][2] == found[1][2]


def of_three(lib: Any, training: bool, **options: Any) -> Any:
    layer, norm = lib.nn.Linear(2, 3).eval(), lib.nn.BatchNorm1d(3, **options).train(training)
    return lib.nn.utils.fuse_linear_bn_eval(layer, norm)


WRONG: list[Callable[[Any], Any]] = [
    lambda lib: of_three(lib, True),
    lambda lib: lib.nn.utils.fuse_linear_bn_eval(
        lib.nn.Linear(2, 3).eval(), lib.nn.BatchNorm1d(2).eval()
    ),
    lambda lib: lib.nn.utils.fuse_conv_bn_eval(
        lib.nn.Conv2d(1, 2, 1).eval(), lib.nn.BatchNorm2d(2, track_running_stats=False).eval()
    ),
]


@pytest.mark.parametrize("case", WRONG)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Callable[[Any], Any]) -> None:
    assert_same_error(case, torch)
