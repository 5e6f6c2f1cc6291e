"""Adam's parameters take their steps together, and nobody can tell but by the time."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab.optim import adam, together

SHAPES = [(3, 4), (5,), (), (2, 1, 3), (0,), (11,)]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_PIECE", 7)  # so that parameters lie across their borders


@pytest.fixture
def stepped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many parameters took each step that was taken together."""
    found: list[int] = []
    original = adam._update_together

    def noted(these: Any, group: Any) -> None:
        found.append(len(these.params))
        original(these, group)

    monkeypatch.setattr(adam, "_update_together", noted)
    return found


def parameters(dtype: Any = gl.float32) -> list[Any]:
    draw = numpy.random.default_rng(0)
    return [gl.tensor(draw.normal(size=s), dtype=dtype, requires_grad=True) for s in SHAPES]


def give_gradients(params: list[Any], seed: int) -> None:
    draw = numpy.random.default_rng(seed)
    for p in params:
        p.grad = gl.tensor(draw.normal(size=tuple(p.shape)), dtype=p.dtype)


def trained(params: list[Any], optimizer: Any, steps: int = 5) -> list[Any]:
    """What everything is after some steps: parameters, and the optimizer's state."""
    for seed in range(steps):
        give_gradients(params, seed)
        optimizer.step()
    state = optimizer.state_dict()["state"]
    return [p.detach() for p in params] + [v for entry in state.values() for v in entry.values()]


def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adam, "can_be_together", lambda *_: False)


@pytest.mark.parametrize("dtype", [gl.float32, gl.float64])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"weight_decay": 0.1}, {"maximize": True}, {"amsgrad": True},
        {"weight_decay": 0.1, "maximize": True}, {"decoupled_weight_decay": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "amsgrad": True},
        {"lr": gl.tensor(0.02)},
    ],
    ids=str,
)  # fmt: skip
def test_steps_together_are_steps_one_by_one(
    monkeypatch: pytest.MonkeyPatch, stepped: list[int], options: Any, dtype: Any
) -> None:
    params = parameters(dtype)
    found = trained(params, gl.optim.Adam(params, **options))
    assert stepped == [len(SHAPES)] * 5
    apart(monkeypatch)
    params = parameters(dtype)
    for one, other in zip(found, trained(params, gl.optim.Adam(params, **options)), strict=True):
        assert one.equal(other)
    assert len(stepped) == 5


def lie_otherwise(params: list[Any], optimizer: Any) -> None:
    params[0].data = gl.tensor(params[0].detach().numpy().copy())


def replace_a_mean(params: list[Any], optimizer: Any) -> None:
    optimizer.state[params[1]]["exp_avg"] = gl.ones(5)


def replace_a_means_numbers(params: list[Any], optimizer: Any) -> None:
    optimizer.state[params[1]]["exp_avg"].data = gl.ones(5)


def overwrite_a_mean(params: list[Any], optimizer: Any) -> None:
    optimizer.state[params[1]]["exp_avg"].fill_(1)


def reset_one(params: list[Any], optimizer: Any) -> None:
    optimizer.state[params[1]]["step"].zero_()


def forget_one(params: list[Any], optimizer: Any) -> None:
    optimizer.state[params[3]].clear()


def forget_all(params: list[Any], optimizer: Any) -> None:
    optimizer.state.clear()


def train_another_one(params: list[Any], optimizer: Any) -> None:
    params.append(gl.ones(4, requires_grad=True))
    optimizer.add_param_group({"params": params[-1:], "lr": 0.1})


def step_with_some(params: list[Any], optimizer: Any) -> None:
    give_gradients(params, 99)
    for p in params[2:]:
        p.grad = None
    optimizer.step()


def load_what_was_saved(params: list[Any], optimizer: Any) -> None:
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


@pytest.mark.parametrize(
    ("happens", "together_again"),
    [
        (lie_otherwise, 0),
        (replace_a_mean, 0),
        (replace_a_means_numbers, 0),
        (overwrite_a_mean, 5),
        (reset_one, 0),
        (forget_one, 0),
        (forget_all, 0),
        (train_another_one, 5),
        (step_with_some, 0),
        (load_what_was_saved, 5),
    ],
)
def test_whatever_happens_between_steps_counts(
    monkeypatch: pytest.MonkeyPatch,
    stepped: list[int],
    happens: Callable[[list[Any], Any], None],
    together_again: int,
) -> None:
    results = []
    for are_apart in (False, True):
        if are_apart:
            apart(monkeypatch)
        params = parameters()
        optimizer = gl.optim.Adam(params)
        trained(params, optimizer)
        stepped.clear()
        happens(params, optimizer)
        results.append(trained(params, optimizer))
        assert len(stepped) == (0 if are_apart else together_again)
    for one, other in zip(*results, strict=True):
        assert one.equal(other)


def test_parameters_that_join_later_are_together_among_themselves(stepped: list[int]) -> None:
    params = parameters()
    optimizer = gl.optim.Adam(params)
    trained(params[:2], optimizer, 2)
    assert stepped == [2, 2]
    trained(params, optimizer, 2)
    assert stepped == [2, 2, 2, 4, 2, 4]


def test_a_parameter_given_twice_takes_two_steps(stepped: list[int]) -> None:
    params = parameters()
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = gl.optim.Adam([*params, params[0]])
    trained(params, optimizer, 1)
    assert optimizer.state[params[0]]["step"].item() == 2
    assert not stepped


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_shares_no_memory(stepped: list[int], copied: Callable[[Any], Any]) -> None:
    params = parameters()
    optimizer = gl.optim.Adam(params)
    before = [value.clone() for value in trained(params, optimizer)]
    others, copy_of_it = copied((params, optimizer))
    stepped.clear()
    trained(others, copy_of_it)
    assert stepped == [len(SHAPES)] * 5
    state = optimizer.state_dict()["state"]
    after = [*params, *(v for entry in state.values() for v in entry.values())]
    for one, other in zip(before, after, strict=True):
        assert one.equal(other.detach())


def test_a_saved_state_is_each_parameters_own(tmp_path: Path) -> None:
    params = parameters()
    optimizer = gl.optim.Adam(params)
    trained(params, optimizer)
    gl.save(optimizer.state_dict(), tmp_path / "state.pt")
    loaded = gl.load(tmp_path / "state.pt")["state"]
    for number, param in enumerate(params):
        for name, value in optimizer.state[param].items():
            assert loaded[number][name].equal(value)
            assert loaded[number][name].shape == value.shape
