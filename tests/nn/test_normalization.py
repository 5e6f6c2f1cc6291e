"""Normalisation: layers and functions are PyTorch's, to second derivatives, texts and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradlab as gl
from gradlab.autograd import gradcheck, gradgradcheck
from tests.nn.beside import assert_close, assert_same_error
from tests.nn.layers import Maker, assert_same_layer, picture


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


LAYERS: list[tuple[Maker, tuple[int, ...]]] = [
    (lambda nn: nn.BatchNorm1d(3), (4, 3)),
    (lambda nn: nn.BatchNorm1d(3), (0, 3, 2)),
    (lambda nn: nn.BatchNorm2d(3, affine=False), (0, 3, 2, 2)),
    (lambda nn: nn.BatchNorm2d(3, bias=False).eval(), (0, 3, 2, 2)),
    (lambda nn: nn.BatchNorm1d(3, affine=False), (2, 3, 5)),
    (lambda nn: nn.BatchNorm2d(3), (2, 3, 4, 5)),
    (lambda nn: nn.BatchNorm2d(3, momentum=None), (2, 3, 4, 5)),
    (lambda nn: nn.BatchNorm2d(3, bias=False), (2, 3, 2, 2)),
    (lambda nn: nn.BatchNorm2d(3, track_running_stats=False), (2, 3, 2, 2)),
    (lambda nn: nn.BatchNorm2d(3).eval(), (2, 3, 2, 2)),
    (lambda nn: nn.BatchNorm2d(3, track_running_stats=False).eval(), (2, 3, 2, 2)),
    (lambda nn: nn.BatchNorm3d(2, eps=0.1), (2, 2, 2, 3, 2)),
    (lambda nn: nn.LayerNorm(5), (2, 3, 5)),
    (lambda nn: nn.LayerNorm((3, 5), bias=False), (2, 3, 5)),
    (lambda nn: nn.LayerNorm([5], elementwise_affine=False), (5,)),
    (lambda nn: nn.GroupNorm(2, 4), (3, 4, 2, 3)),
    (lambda nn: nn.GroupNorm(1, 4, affine=False), (3, 4)),
    (lambda nn: nn.InstanceNorm1d(3), (2, 3, 5)),
    (lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (2, 3, 4, 5)),
    (lambda nn: nn.InstanceNorm2d(3, track_running_stats=True).eval(), (3, 4, 5)),
    (lambda nn: nn.InstanceNorm3d(2), (2, 2, 2, 3, 2)),
    (lambda nn: nn.RMSNorm(5), (2, 3, 5)),
    (lambda nn: nn.RMSNorm((3, 5), eps=0.1, elementwise_affine=False), (2, 3, 5)),
    (lambda nn: nn.LocalResponseNorm(3, alpha=0.5), (2, 5, 3)),
    (lambda nn: nn.LocalResponseNorm(2, alpha=0.5, k=2.0), (2, 5, 3, 4)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers_are_pytorchs(make: Maker, shape: tuple[int, ...], torch: Any) -> None:
    assert_same_layer(make, picture(*shape) + 5, torch, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("momentum", [0.1, None, 0.5])
def test_running_statistics_are_pytorchs_over_several_batches(momentum: Any, torch: Any) -> None:
    layers = [lib.nn.BatchNorm2d(3, momentum=momentum) for lib in (gl, torch)]
    for seed in range(3):
        numbers = np.random.default_rng(seed).normal(seed, 2, (4, 3, 2, 2)).astype("float32")
        for lib, layer in zip((gl, torch), layers, strict=True):
            layer(lib.tensor(numbers))
    for layer in layers:
        layer.eval()
    ours, theirs = (layer.state_dict() for layer in layers)
    assert list(ours) == list(theirs)
    for key in ours:
        assert_close(ours[key], theirs[key], rtol=2e-6)
    assert_close(*(m(lib.ones(2, 3, 1, 1)) for lib, m in zip((gl, torch), layers, strict=True)),
                 rtol=2e-6)  # fmt: skip


def test_two_batches_may_pass_before_the_first_goes_back() -> None:
    layer = gl.nn.BatchNorm1d(2)
    x = gl.randn(4, 2, requires_grad=True)
    first, _ = layer(x), layer(x + 1)
    first.pow(3).sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("order", ["C", "channels last"])
def test_large_means_lose_no_precision(order: str) -> None:
    numbers = np.random.default_rng(0).normal(1000, 1, (64, 4, 16, 16)).astype("float32")
    if order != "C":
        numbers = np.ascontiguousarray(numbers.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    result = gl.nn.functional.batch_norm(gl.from_numpy(numbers), None, None, training=True)
    wide = numbers.astype("float64")
    axes = (0, 2, 3)
    expected = (wide - wide.mean(axes, keepdims=True)) / wide.std(axes, keepdims=True)
    np.testing.assert_allclose(result.numpy(), expected, atol=2e-4)


def test_mean_and_deviation_that_a_function_saved_have_gradients_too() -> None:
    from gradlab.op import OPS

    x = gl.randn(3, 2, 2, dtype=gl.float64, requires_grad=True)
    w = gl.randn(2, dtype=gl.float64, requires_grad=True)
    norm = OPS["native_batch_norm"].function
    assert gradcheck(lambda x, w: norm(x, w, None, None, None, True, 0.1, 1e-3), (x, w))
    assert gradgradcheck(lambda x, w: norm(x, w, None, None, None, True, 0.1, 1e-3), (x, w))


def test_half_precision_is_reckoned_in_single(torch: Any) -> None:
    numbers = np.random.default_rng(0).normal(100, 1, (2, 64)).astype("float16")
    found = [lib.nn.functional.layer_norm(lib.tensor(numbers), (64,)) for lib in (gl, torch)]
    assert_close(*found, atol=2e-3)


X = (2, 4, 6, 6)

ERRORS = [
    lambda t: t.nn.functional.batch_norm(t.ones(X), None, None),
    lambda t: t.nn.functional.batch_norm(t.ones(X), None, None, training=True, eps=0.0),
    lambda t: t.nn.functional.batch_norm(t.ones(X), t.zeros(4), t.ones(4), eps=-1.0),
    lambda t: t.nn.functional.batch_norm(t.ones(X), t.zeros(3), t.zeros(4)),
    lambda t: t.nn.functional.batch_norm(t.ones(X), t.zeros(4), t.zeros(4), t.zeros(3)),
    lambda t: t.nn.functional.batch_norm(t.ones(1, 4, 1, 1), None, None, training=True),
    lambda t: t.nn.functional.batch_norm(t.ones(X).long(), t.zeros(4), t.zeros(4)),
    lambda t: t.nn.functional.batch_norm(t.ones(X).double(), t.zeros(4), t.zeros(4)),
    lambda t: t.nn.BatchNorm2d(4)(t.ones(4, 6, 6)),
    lambda t: t.nn.BatchNorm1d(4)(t.ones(X)),
    lambda t: t.nn.BatchNorm3d(4)(t.ones(X)),
    lambda t: t.nn.BatchNorm2d(3)(t.ones(X)),
    lambda t: t.nn.InstanceNorm2d(4)(t.ones(6, 6)),
    lambda t: t.nn.InstanceNorm2d(3, affine=True)(t.ones(X)),
    lambda t: t.nn.InstanceNorm2d(3)(t.ones(2, 3, 1, 1)),
    lambda t: t.nn.functional.instance_norm(t.ones(X), use_input_stats=False),
    lambda t: t.nn.functional.layer_norm(t.ones(X), (6, 5)),
    lambda t: t.nn.functional.layer_norm(t.ones(X), ()),
    lambda t: t.nn.functional.layer_norm(t.ones(X), (6,), t.zeros(5)),
    lambda t: t.nn.functional.layer_norm(t.ones(X), (6,), None, t.zeros(6, 1)),
    lambda t: t.nn.functional.layer_norm(t.ones(X).long(), (6,)),
    lambda t: t.nn.functional.layer_norm(t.ones(X), 6),
    lambda t: t.nn.functional.layer_norm(t.ones(X), (6,), t.zeros(6).double()),
    lambda t: t.nn.functional.group_norm(t.ones(X), 3),
    lambda t: t.nn.functional.group_norm(t.ones(X), 2, t.zeros(3)),
    lambda t: t.nn.functional.group_norm(t.ones(6), 2),
    lambda t: t.nn.functional.group_norm(t.ones(1, 4, 1, 1), 4),
    lambda t: t.nn.GroupNorm(3, 4),
    lambda t: t.nn.functional.rms_norm(t.ones(X), (5,)),
    lambda t: t.nn.functional.rms_norm(t.ones(X), (6,), t.zeros(5)),
    lambda t: t.nn.functional.local_response_norm(t.ones(6, 6), 2),
]


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_pytorchs(case: Any, torch: Any) -> None:
    assert_same_error(case, torch)
