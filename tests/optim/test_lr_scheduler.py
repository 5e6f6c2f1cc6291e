"""Schedulers: the same learning rates, momenta, states, warnings and errors as PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_same_error

torch = pytest.importorskip("torch")


def optimizer_of(lib: Any, name: str = "SGD", **options: Any) -> Any:
    groups = [
        {"params": [lib.ones(2, requires_grad=True)]},
        {"params": [lib.ones(1, requires_grad=True)], "lr": 0.3},
    ]
    return getattr(lib.optim, name)(groups, lr=0.05, **options)


def schedulers(lib: Any) -> Any:
    return lib.optim.lr_scheduler


MAKERS: dict[str, Any] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "LambdaLR, two": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda s, o: s.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 4, 4, 11], 0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.25, 0.75, 6),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 7, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 5, 0.001),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.001),
    "CosineAnnealingWarmRestarts, even": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4),
    "CyclicLR, lists": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], 4, 2),
    "CyclicLR, halved": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 2, mode="triangular2"),
    "CyclicLR, decayed": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 2, mode="exp_range", gamma=0.9),
    "CyclicLR, own": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 2, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"
    ),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=21),
    "OneCycleLR, epochs": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.1], epochs=3, steps_per_epoch=7, anneal_strategy="linear", three_phase=True
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=3), s.CosineAnnealingLR(o, 8), s.StepLR(o, 2)], [4, 10]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 5), s.ExponentialLR(o, 0.9)]
    ),
}


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_20_steps_set_pytorchs_rates_and_momenta(maker: Any, name: str) -> None:
    options = {"momentum": 0.9} if name == "SGD" else {}
    found = []
    for lib in (gl, torch):
        optimizer = optimizer_of(lib, name, **options)
        scheduler = maker(schedulers(lib), optimizer)
        rates = [scheduler.get_last_lr()]
        for _ in range(20):
            optimizer.step()
            scheduler.step()
            rates.append([group["lr"] for group in optimizer.param_groups])
            rates.append(scheduler.get_last_lr())
            rates.append(
                [group.get("momentum", group.get("betas")) for group in optimizer.param_groups]
            )
        found.append(rates)
    assert str(found[0]) == str(found[1])


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_states_are_pytorchs_and_training_goes_on_from_them(maker: Any) -> None:
    states, rates = [], []
    for lib in (gl, torch):
        optimizer = optimizer_of(lib, momentum=0.9)
        scheduler = maker(schedulers(lib), optimizer)
        for _ in range(3):
            optimizer.step()
            scheduler.step()
        states.append(scheduler.state_dict())
        other = optimizer_of(lib, momentum=0.9)
        resumed = maker(schedulers(lib), other)
        other.load_state_dict(optimizer.state_dict())
        resumed.load_state_dict(scheduler.state_dict())
        other.step()
        resumed.step()
        optimizer.step()
        scheduler.step()
        rates.append([resumed.get_last_lr(), scheduler.get_last_lr()])
        assert rates[-1][0] == rates[-1][1]
    assert {k: str(v) for k, v in states[0].items() if "scale" not in k} == {
        k: str(v) for k, v in states[1].items() if "scale" not in k
    }
    assert rates[0] == rates[1]


PLATEAUS: list[dict[str, Any]] = [
    {"patience": 1},
    {"patience": 0, "factor": 0.5, "cooldown": 2},
    {"mode": "max", "patience": 1, "threshold_mode": "abs", "threshold": 0.05},
    {"patience": 1, "min_lr": [0.02, 0.001]},
    {"mode": "max", "patience": 0, "threshold": 0.2, "eps": 0.01},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus_are_found_where_pytorch_finds_them(options: Any) -> None:
    losses = [1.0, 0.9, 0.91, 0.9, 0.89, 0.95, 0.95, 0.5, 0.6, 0.6, 0.6, 0.6, 0.49, 0.7, 0.7]
    found = []
    for lib in (gl, torch):
        optimizer = optimizer_of(lib)
        scheduler = schedulers(lib).ReduceLROnPlateau(optimizer, **options)
        rates = []
        for loss in losses:
            scheduler.step(lib.tensor(loss))
            rates.append((scheduler.get_last_lr(), scheduler.num_bad_epochs))
        state = scheduler.state_dict()
        found.append((rates, {key: str(value) for key, value in state.items() if key != "best"}))
    assert found[0] == found[1]


@pytest.mark.parametrize("epoch", [0, 2.5, 3, 7.25, 21])
def test_warm_restarts_can_go_to_a_fraction_of_an_epoch(epoch: float) -> None:
    found = []
    for lib in (gl, torch):
        scheduler = schedulers(lib).CosineAnnealingWarmRestarts(optimizer_of(lib), 3, 2)
        scheduler.step(epoch)
        found.append((scheduler.get_last_lr(), scheduler.T_i, scheduler.T_cur))
    assert found[0] == found[1]


def test_a_scheduler_that_steps_first_is_warned_of() -> None:
    for lib in (gl, torch):
        scheduler = schedulers(lib).StepLR(optimizer_of(lib), 2)
        with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before"):
            scheduler.step()


def test_asking_for_the_next_rate_outside_a_step_is_warned_of() -> None:
    for lib in (gl, torch):
        scheduler = schedulers(lib).StepLR(optimizer_of(lib), 2)
        with pytest.warns(UserWarning, match="please use `get_last_lr"):
            scheduler.get_lr()


def test_an_epoch_can_be_jumped_to_with_a_warning() -> None:
    found = []
    for lib in (gl, torch):
        optimizer = optimizer_of(lib)
        scheduler = schedulers(lib).StepLR(optimizer, 2)
        optimizer.step()
        with pytest.warns(UserWarning, match="The epoch parameter in `scheduler.step"):
            scheduler.step(5)
        found.append(scheduler.get_last_lr())
    assert found[0] == found[1]


def test_a_rate_that_is_a_tensor_stays_that_tensor() -> None:
    rate = gl.tensor(0.5)
    optimizer = gl.optim.SGD([gl.ones(1, requires_grad=True)], lr=rate)
    scheduler = gl.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: schedulers(lib).StepLR(3, 2),
        lambda lib: schedulers(lib).LambdaLR(optimizer_of(lib), [lambda e: e]),
        lambda lib: schedulers(lib).ConstantLR(optimizer_of(lib), 2),
        lambda lib: schedulers(lib).LinearLR(optimizer_of(lib), 0),
        lambda lib: schedulers(lib).LinearLR(optimizer_of(lib), 1, 2),
        lambda lib: schedulers(lib).CosineAnnealingWarmRestarts(optimizer_of(lib), 0),
        lambda lib: schedulers(lib).CosineAnnealingWarmRestarts(optimizer_of(lib), 2, 0),
        lambda lib: schedulers(lib).CosineAnnealingWarmRestarts(optimizer_of(lib), 2).step(-1),
        lambda lib: schedulers(lib).CyclicLR(optimizer_of(lib), 0.1, 1, mode="round"),
        lambda lib: schedulers(lib).CyclicLR(optimizer_of(lib, "Adagrad"), 0.1, 1),
        lambda lib: schedulers(lib).OneCycleLR(optimizer_of(lib), 1),
        lambda lib: schedulers(lib).OneCycleLR(optimizer_of(lib), 1, 0),
        lambda lib: schedulers(lib).OneCycleLR(optimizer_of(lib), 1, epochs=0, steps_per_epoch=1),
        lambda lib: schedulers(lib).OneCycleLR(optimizer_of(lib), 1, epochs=1, steps_per_epoch=0),
        lambda lib: schedulers(lib).OneCycleLR(optimizer_of(lib), 1, 5, pct_start=2.0),
        lambda lib: schedulers(lib).OneCycleLR(optimizer_of(lib), 1, 5, anneal_strategy="exp"),
        lambda lib: schedulers(lib).SequentialLR(optimizer_of(lib), [], []),
        lambda lib: schedulers(lib).ChainedScheduler([]),
        lambda lib: schedulers(lib).ReduceLROnPlateau(optimizer_of(lib), factor=1.0),
        lambda lib: schedulers(lib).ReduceLROnPlateau(optimizer_of(lib), mode="best"),
        lambda lib: schedulers(lib).ReduceLROnPlateau(optimizer_of(lib), threshold_mode="best"),
        lambda lib: schedulers(lib).ReduceLROnPlateau(optimizer_of(lib), min_lr=[0.1] * 7),
        lambda lib: with_a_plateau(lib, optimizer_of(lib)),
    ],
)
def test_what_cannot_be_scheduled_is_told_in_pytorchs_words(case: Any) -> None:
    assert_same_error(case, torch)


def with_a_plateau(lib: Any, optimizer: Any) -> Any:
    s = schedulers(lib)
    both = [s.StepLR(optimizer, 1), s.ReduceLROnPlateau(optimizer)]
    return s.SequentialLR(optimizer, both, milestones=[1])


def test_a_scheduler_of_ones_own_may_have_the_older_base() -> None:
    found = []
    for lib in (gl, torch):

        class Warmup(schedulers(lib)._LRScheduler):  # type: ignore[misc]
            def get_lr(self) -> list[float]:
                return [rate * min(1, (self.last_epoch + 1) / 4) for rate in self.base_lrs]

        optimizer = optimizer_of(lib)
        scheduler = Warmup(optimizer)
        assert isinstance(scheduler, schedulers(lib).LRScheduler)
        rates = [scheduler.get_last_lr()]
        for _ in range(5):
            optimizer.step()
            scheduler.step()
            rates.append(scheduler.get_last_lr())
        found.append(rates)
    assert found[0] == found[1]


def test_groups_that_do_not_know_where_they_began_are_refused() -> None:
    for lib in (gl, torch):
        with pytest.raises(KeyError, match=r"^.param 'initial_lr' is not specified in param_grou"):
            schedulers(lib).StepLR(optimizer_of(lib), 2, last_epoch=3)


def test_a_step_too_many_of_one_cycle_is_refused() -> None:
    def case(lib: Any) -> None:
        scheduler = schedulers(lib).OneCycleLR(optimizer_of(lib, momentum=0.9), 1.0, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(4):
                scheduler.step()

    assert_same_error(case, torch)
