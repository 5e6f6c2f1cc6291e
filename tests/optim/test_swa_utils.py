"""Averaged models, their batch norms and their learning rates are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def of(lib: Any) -> Any:
    return lib.optim.swa_utils


def batches(lib: Any) -> list[Any]:
    numbers = np.random.default_rng(0).standard_normal((3, 5, 4)).astype("float32")
    return [lib.tensor(batch) for batch in numbers]


def network(lib: Any) -> Any:
    lib.manual_seed(0)
    layers = lib.nn.Linear(4, 3), lib.nn.BatchNorm1d(3), lib.nn.ReLU(), lib.nn.Linear(3, 1)
    return lib.nn.Sequential(*layers)


def half_way(averaged: Any, present: Any, count: Any) -> Any:
    return averaged + (present - averaged) / 2 + count


AVERAGES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "by default": lambda lib: {},
    "buffers too": lambda lib: {"use_buffers": True},
    "swa": lambda lib: {"avg_fn": of(lib).get_swa_avg_fn(), "use_buffers": True},
    "swa of lists": lambda lib: {"multi_avg_fn": of(lib).get_swa_multi_avg_fn()},
    "ema": lambda lib: {"avg_fn": of(lib).get_ema_avg_fn(0.9), "use_buffers": True},
    "ema of lists": lambda lib: {
        "multi_avg_fn": of(lib).get_ema_multi_avg_fn(0.9), "use_buffers": True
    },
    "my own": lambda lib: {"avg_fn": half_way, "device": "cpu"},
}  # fmt: skip


def averaged(lib: Any, options: dict[str, Any]) -> Any:
    """The average of a model over four steps of its training."""
    model = network(lib)
    average = of(lib).AveragedModel(model, **options)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
    for x in [*batches(lib), batches(lib)[0]]:
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
        average.update_parameters(model)
    return average


@pytest.mark.parametrize("kind", AVERAGES)
def test_averages_are_pytorchs(torch: Any, kind: str) -> None:
    ours, theirs = (averaged(lib, AVERAGES[kind](lib)) for lib in (gl, torch))
    assert str(ours) == str(theirs)
    states = ours.state_dict(), theirs.state_dict()
    assert list(states[0]) == list(states[1])
    assert ours.n_averaged.item() == 4
    for name, tensor in states[0].items():
        assert_close(tensor, states[1][name], rtol=1e-4, atol=1e-6)
    outputs = [model.eval()(batches(lib)[0]) for lib, model in ((gl, ours), (torch, theirs))]
    assert_close(*outputs, rtol=1e-3, atol=1e-5)


def test_the_average_goes_on_from_a_state_dict() -> None:
    first = averaged(gl, {})
    again = gl.optim.swa_utils.AveragedModel(network(gl))
    again.load_state_dict(first.state_dict())
    other = network(gl)
    for average in (first, again):
        average.update_parameters(other)
    assert again.n_averaged.item() == 5
    for one, two in zip(first.parameters(), again.parameters(), strict=True):
        assert one.equal(two)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norms_are_computed_anew(torch: Any, pairs: bool, training: bool) -> None:
    found = []
    for lib in (gl, torch):
        model = network(lib).train(training)
        with lib.no_grad():
            model[1].running_mean.fill_(7)
        data = [(x, 0) for x in batches(lib)] if pairs else batches(lib)
        of(lib).update_bn(data, model)
        assert model.training is training
        assert model[1].momentum == 0.1
        found.append(model[1])
    assert_close(found[0].running_mean, found[1].running_mean, rtol=1e-4, atol=1e-6)
    assert_close(found[0].running_var, found[1].running_var, rtol=1e-4, atol=1e-6)
    assert found[0].num_batches_tracked.item() == 3


def test_a_model_without_batch_norms_is_not_called() -> None:
    gl.optim.swa_utils.update_bn([None], gl.nn.Linear(1, 1))


def rates(lib: Any, epochs: int, **options: Any) -> tuple[list[Any], list[str]]:
    groups = [{"params": [lib.ones(1, requires_grad=True)]} for _ in range(2)]
    groups[1]["lr"] = 0.5
    optimizer = lib.optim.SGD(groups, lr=0.1)
    decay = lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    scheduler = of(lib).SWALR(optimizer, **options)
    found = []
    for epoch in range(epochs):
        optimizer.step()
        (scheduler if epoch > 1 else decay).step()
        found.append([group["lr"] for group in optimizer.param_groups])
    state = {key: value for key, value in scheduler.state_dict().items() if key[:2] != "__"}
    assert state["last_epoch"] == max(0, epochs - 2)
    return found, scheduler.get_last_lr()


@pytest.mark.parametrize(
    "options",
    [
        {"swa_lr": 0.05},
        {"swa_lr": 0.05, "anneal_epochs": 3, "anneal_strategy": "linear"},
        {"swa_lr": [0.01, 0.9], "anneal_epochs": 4},
        {"swa_lr": 0.2, "anneal_epochs": 0},
    ],
)
def test_learning_rates_are_pytorchs(torch: Any, options: dict[str, Any]) -> None:
    ours, theirs = (rates(lib, 9, **options) for lib in (gl, torch))
    assert np.allclose(ours[0], theirs[0], rtol=1e-12)
    assert np.allclose(ours[1], theirs[1], rtol=1e-12)


def test_a_schedule_goes_on_from_a_state_dict() -> None:
    def made() -> tuple[Any, Any]:
        optimizer = gl.optim.SGD([gl.ones(1, requires_grad=True)], lr=1.0)
        return optimizer, gl.optim.swa_utils.SWALR(optimizer, 0.1, anneal_epochs=5)

    (optimizer, scheduler), (other, resumed) = made(), made()
    for _ in range(2):
        optimizer.step()
        scheduler.step()
    other.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    for one in (optimizer, scheduler, other, resumed):
        one.step()
    assert scheduler.get_last_lr() == resumed.get_last_lr()


def scheduled(lib: Any, **options: Any) -> Any:
    return of(lib).SWALR(lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=1.0), **options)


def test_averages_of_whole_numbers_are_cut() -> None:
    counts = gl.tensor([5, 7])
    gl.optim.swa_utils.get_swa_multi_avg_fn()([counts], [gl.tensor([8, -7])], 2)
    assert counts.tolist() == [6, 2]


WRONG: list[Callable[[Any], Any]] = [
    lambda lib: of(lib).get_ema_avg_fn(1.5),
    lambda lib: of(lib).get_ema_multi_avg_fn(-0.5),
    lambda lib: of(lib).AveragedModel(network(lib), avg_fn=half_way, multi_avg_fn=half_way),
    lambda lib: scheduled(lib, swa_lr=[0.1, 0.2]),
    lambda lib: scheduled(lib, swa_lr=0.1, anneal_strategy="steps"),
    lambda lib: scheduled(lib, swa_lr=0.1, anneal_epochs=-1),
    lambda lib: scheduled(lib, swa_lr=0.1, anneal_epochs=1.5),
]


@pytest.mark.parametrize("case", WRONG)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Callable[[Any], Any]) -> None:
    assert_same_error(case, torch)
