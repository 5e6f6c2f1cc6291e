"""Hooks on saving and loading an optimizer run when PyTorch's run, and change what they may."""

from __future__ import annotations

import copy
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl

torch = pytest.importorskip("torch")


def made(lib: ModuleType) -> Any:
    return lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1, momentum=0.5)


def test_hooks_run_in_order_around_saving_and_loading() -> None:
    found = []
    for lib in (gl, torch):
        optimizer, seen = made(lib), []

        def note(word: str, seen: list[Any] = seen) -> Any:
            return lambda given, *rest: seen.append((word, type(given).__name__, len(rest)))

        handles = [
            optimizer.register_state_dict_pre_hook(note("saving")),
            optimizer.register_state_dict_pre_hook(note("first"), prepend=True),
            optimizer.register_state_dict_post_hook(note("saved")),
            optimizer.register_load_state_dict_pre_hook(note("loading")),
            optimizer.register_load_state_dict_post_hook(note("loaded")),
        ]
        optimizer.load_state_dict(optimizer.state_dict())
        for handle in handles:
            handle.remove()
        optimizer.load_state_dict(optimizer.state_dict())
        found.append(seen)
    assert found[0] == found[1]
    assert [word for word, *_ in found[0]] == ["first", "saving", "saved", "loading", "loaded"]


def test_what_hooks_return_takes_the_state_dicts_place() -> None:
    found = []
    for lib in (gl, torch):
        optimizer = made(lib)
        optimizer.register_state_dict_post_hook(lambda _, state: {**state, "run": 7})
        optimizer.register_load_state_dict_pre_hook(
            lambda _, state: {**state, "param_groups": [{**state["param_groups"][0], "lr": 5.0}]}
        )
        state = optimizer.state_dict()
        before = copy.deepcopy(state)
        optimizer.load_state_dict(state)
        assert state == before
        found.append((sorted(state), optimizer.param_groups[0]["lr"]))
    assert found[0] == found[1] == (["param_groups", "run", "state"], 5.0)


def test_hooks_may_change_a_state_dict_in_place() -> None:
    for lib in (gl, torch):
        optimizer = made(lib)
        optimizer.register_load_state_dict_pre_hook(lambda _, state: state.pop("note") and None)
        state = {**optimizer.state_dict(), "note": "mine"}
        optimizer.load_state_dict(state)
        assert state["note"] == "mine"
