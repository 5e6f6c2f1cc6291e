"""AdaptiveLogSoftmaxWithLoss: PyTorch's weights, losses, gradients, predictions and errors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error, texts

torch = pytest.importorskip("torch")

OPTIONS: list[dict[str, Any]] = [
    {"cutoffs": [3, 7]},
    {"cutoffs": [5], "div_value": 2.0, "head_bias": True},
    {"cutoffs": (1, 2, 11), "div_value": 1.5},
]


def made(lib: ModuleType, options: dict[str, Any]) -> Any:
    lib.manual_seed(0)
    return lib.nn.AdaptiveLogSoftmaxWithLoss(16, 12, **options)


def layer(lib: ModuleType) -> Any:
    return made(lib, {"cutoffs": [3, 7]})


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("targets", [list(range(12)), [0, 0, 2], [11, 10, 11], [4]])
def test_losses_and_gradients_are_pytorchs(options: dict[str, Any], targets: list[int]) -> None:
    found = []
    for lib in (gl, torch):
        softmax = made(lib, options)
        x = lib.randn(len(targets), 16, requires_grad=True)
        result = softmax(x, lib.tensor(targets))
        (result.loss * 2 + result[0][0]).backward()
        weights = [p.grad for p in softmax.parameters()]
        given = [one if one is not None else lib.zeros(1) for one in weights]
        found.append([result.output, result.loss, x.grad, *given])
        assert list(softmax.state_dict()) == list(made(torch, options).state_dict())
    for one, other in zip(*found, strict=True):
        assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS)
def test_every_class_has_a_probability_and_the_likeliest_is_predicted(
    options: dict[str, Any],
) -> None:
    found = []
    for lib in (gl, torch):
        softmax, x = made(lib, options), lib.randn(40, 16) * 3
        found.append((softmax.log_prob(x), softmax.predict(x), softmax(x[0], lib.tensor(7))))
        assert softmax.predict(x).tolist() == softmax.log_prob(x).argmax(1).tolist()
    (logs, likeliest, one), (their_logs, theirs, other) = found
    assert_close(logs, their_logs, rtol=1e-4, atol=1e-5)
    assert likeliest.tolist() == theirs.tolist()
    assert_close(one.output, other.output, rtol=1e-4)
    assert_close(one.loss, other.loss, rtol=1e-4)
    assert one.output.shape == ()


@pytest.mark.parametrize("options", OPTIONS)
def test_it_prints_as_in_pytorch(options: dict[str, Any]) -> None:
    ours, theirs = texts(lambda lib: made(lib, options), torch)
    assert ours == theirs


def test_resetting_draws_the_same_weights_again() -> None:
    found = []
    for lib in (gl, torch):
        softmax = layer(lib)
        lib.manual_seed(3)
        softmax.reset_parameters()
        found.append(list(softmax.parameters()))
    for one, other in zip(*found, strict=True):
        assert_close(one, other, rtol=1e-6)


@pytest.mark.parametrize(
    "case",
    [
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, []),
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [3, 2]),
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [3, 3]),
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [0, 3]),
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [9]),
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [2.5]),
        lambda t: layer(t)(t.ones(2, 16), t.tensor([0, 12])),
        lambda t: layer(t)(t.ones(2, 16), t.tensor([-1, 3])),
        lambda t: layer(t)(t.ones(2, 16), t.tensor([1])),
        lambda t: layer(t)(t.ones(2, 16, 1), t.tensor([1, 2])),
        lambda t: layer(t)(t.ones(2, 16), t.tensor(1)),
        lambda t: layer(t)(t.ones(2, 16), t.tensor([[1], [2]])),
    ],
)
def test_errors_are_pytorchs(case: Any) -> None:
    assert_same_error(case, torch)
