"""Optimizers given ``named_parameters()`` keep the names, as PyTorch's do."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_same_error, texts


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def network(lib: ModuleType) -> Any:
    return lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Linear(3, 1))


def made(lib: ModuleType) -> Any:
    return lib.optim.SGD(network(lib).named_parameters(), lr=0.1)


def grouped(lib: ModuleType) -> Any:
    one, two = network(lib)
    groups = [{"params": one.named_parameters()}, {"params": two.named_parameters(), "lr": 0.5}]
    return lib.optim.Adam(groups)


def added(lib: ModuleType) -> Any:
    optimizer = made(lib)
    optimizer.add_param_group({"params": [("extra", lib.nn.Parameter(lib.ones(1)))], "lr": 1.0})
    return optimizer


@pytest.mark.parametrize("make", [made, grouped, added])
@pytest.mark.parametrize(
    "shown",
    [
        repr,
        lambda optimizer: [group["param_names"] for group in optimizer.param_groups],
        lambda optimizer: [list(group)[:2] for group in optimizer.param_groups],
        lambda optimizer: [tuple(p.shape) for g in optimizer.param_groups for p in g["params"]],
        lambda optimizer: [g["param_names"] for g in optimizer.state_dict()["param_groups"]],
    ],
)
def test_names_stand_in_the_groups(
    torch: Any, make: Callable[[ModuleType], Any], shown: Callable[[Any], Any]
) -> None:
    ours, theirs = texts(lambda lib: shown(make(lib)), torch)
    assert ours == theirs


def test_named_parameters_are_trained() -> None:
    model = network(gl)
    optimizer = gl.optim.SGD(model.named_parameters(), lr=0.1)
    before = model[1].bias.item()
    model(gl.ones(1, 2)).sum().backward()
    optimizer.step()
    assert model[1].bias.item() == pytest.approx(before - 0.1)


@pytest.mark.parametrize(
    ("saves", "loads"),
    [(True, True), (True, False), (False, True)],
    ids=["names to names", "names to none", "none to names"],
)
def test_a_loaded_state_brings_its_names_or_leaves_those_there_are(
    torch: Any, saves: bool, loads: bool
) -> None:
    def names(lib: ModuleType) -> Any:
        def make(named: bool, letter: str) -> Any:
            tensor = lib.nn.Parameter(lib.ones(1))
            return lib.optim.SGD([(letter, tensor)] if named else [tensor], lr=0.1)

        optimizer = make(loads, "b")
        optimizer.load_state_dict(make(saves, "a").state_dict())
        return optimizer.param_groups[0].get("param_names")

    ours, theirs = texts(names, torch)
    assert ours == theirs


@pytest.mark.parametrize(
    "case",
    [
        lambda lib, p: lib.optim.SGD([("a", p(1)), p(2)], lr=0.1),
        lambda lib, p: made(lib).add_param_group({"params": [p(1)]}),
        lambda lib, p: lib.optim.SGD([p(1)], lr=0.1).add_param_group({"params": [("a", p(2))]}),
        lambda lib, p: lib.optim.SGD([("a", 3)], lr=0.1),
    ],
)
def test_names_of_only_some_are_refused(torch: Any, case: Callable[..., Any]) -> None:
    assert_same_error(lambda lib: case(lib, lambda size: lib.nn.Parameter(lib.ones(size))), torch)
