"""Adafactor: PyTorch's steps, state, text and errors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error, texts
from tests.optim.test_optimizers import parameters, train

torch = pytest.importorskip("torch")

OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1, "beta2_decay": -0.5, "d": 2.0},
    {"lr": 0.05, "eps": (1e-2, 0.5), "weight_decay": 0.1},
    {"lr": 0.001, "maximize": True, "beta2_decay": 0.0},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-9), ("float32", 2e-3)])
def test_120_steps_are_pytorchs(options: dict[str, Any], dtype: str, rtol: float) -> None:
    trained = []
    for lib in (gl, torch):
        params = parameters(lib, dtype)
        stacked = np.random.default_rng(1).normal(size=(2, 3, 4))
        params.append(lib.tensor(stacked, dtype=getattr(lib, dtype), requires_grad=True))
        optimizer = lib.optim.Adafactor(params, **options)
        trained.append((train(optimizer, params, 120), params, optimizer))
    (our_losses, ours, one), (their_losses, theirs, other) = trained
    np.testing.assert_allclose(our_losses, their_losses, rtol=rtol)
    for param, reference in zip(ours, theirs, strict=True):
        assert_close(param, reference, rtol=rtol, atol=rtol)
        assert list(one.state[param]) == list(other.state[reference])
        for name, kept in one.state[param].items():
            assert_close(kept, other.state[reference][name], rtol=rtol)


def test_training_goes_on_from_a_state_dict() -> None:
    params = parameters(gl)
    optimizer = gl.optim.Adafactor(params, lr=0.1)
    train(optimizer, params, 5)
    again = [param.detach().clone().requires_grad_() for param in params]
    other = gl.optim.Adafactor(again)
    other.load_state_dict(optimizer.state_dict())
    assert train(other, again, 5) == train(optimizer, params, 5)


@pytest.mark.parametrize("options", OPTIONS)
def test_it_prints_as_in_pytorch(options: dict[str, Any]) -> None:
    ours, theirs = texts(lambda lib: lib.optim.Adafactor([lib.ones(1)], **options), torch)
    assert ours == theirs


def complex_step(lib: ModuleType) -> None:
    p = lib.ones(2, dtype=lib.complex64, requires_grad=True)
    p.abs().sum().backward()
    lib.optim.Adafactor([p]).step()


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: lib.optim.Adafactor([lib.ones(1)], lr=-1),
        lambda lib: lib.optim.Adafactor([lib.ones(1)], lr=lib.ones(2)),
        lambda lib: lib.optim.Adafactor([lib.ones(1)], beta2_decay=1),
        lambda lib: lib.optim.Adafactor([lib.ones(1)], eps=(-1, 0)),
        lambda lib: lib.optim.Adafactor([lib.ones(1)], eps=(None, -1)),
        lambda lib: lib.optim.Adafactor([lib.ones(1)], d=0.5),
        lambda lib: lib.optim.Adafactor([lib.ones(1)], weight_decay=-0.1),
        complex_step,
    ],
)
def test_errors_are_pytorchs(case: Any) -> None:
    assert_same_error(case, torch)


def test_halves_whose_squares_are_too_large() -> None:
    found = []
    for lib in (gl, torch):
        p = lib.full((3, 4), 300.0, dtype=lib.float16, requires_grad=True)
        p.grad = lib.full((3, 4), 0.01, dtype=lib.float16)
        lib.optim.Adafactor([p], lr=0.1).step()
        found.append(p.tolist())
    assert found[0] == found[1]
