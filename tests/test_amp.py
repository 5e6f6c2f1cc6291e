"""GradScaler scales, leaves steps out, grows and refuses as PyTorch's does."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error

torch = pytest.importorskip("torch")

LIBRARIES = (gl, torch)


def loop(lib: ModuleType, factors: list[float], **options: Any) -> tuple[list[Any], Any]:
    """Train with losses multiplied by ``factors``; the scaler's state each time, and the weight."""
    w = lib.nn.Parameter(lib.tensor([1.0, -2.0]))
    optimizer = lib.optim.SGD([w], lr=0.1, momentum=0.9)
    scaler = lib.amp.GradScaler("cpu", **options)
    seen = [(scaler.get_scale(), scaler.state_dict())]
    for factor in factors:
        optimizer.zero_grad()
        loss = (w * w).sum() * factor
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        lib.nn.utils.clip_grad_norm_([w], 1.0)
        scaler.step(optimizer)
        scaler.update()
        seen.append((scaler.get_scale(), scaler.state_dict()))
    return seen, w


@pytest.mark.parametrize(
    ("factors", "options"),
    [
        ([1, 1, 1], {}),
        ([1, float("inf"), 1, float("nan"), 1], {}),
        ([1] * 7, {"growth_interval": 2, "growth_factor": 3.0, "init_scale": 4.0}),
        ([1e36, 1, 1e36, 1], {"growth_interval": 1, "backoff_factor": 0.25}),
        ([1] * 3, {"init_scale": 2.0**126, "growth_interval": 1}),
        ([1e38, 1], {"init_scale": 2.0**-12}),  # finite before they are divided, not afterwards
        ([1, 1], {"enabled": False}),
    ],
)
def test_a_loop_goes_as_in_pytorch(factors: list[float], options: dict[str, Any]) -> None:
    (ours, w), (theirs, v) = (loop(lib, factors, **options) for lib in LIBRARIES)
    assert ours == theirs
    assert_close(w, v, rtol=1e-6)


def test_losses_may_come_in_lists_and_in_half_precision() -> None:
    found = []
    for lib in LIBRARIES:
        scaler = lib.amp.GradScaler("cpu", init_scale=2.0**15)
        small = lib.tensor([2.0**-12]).half()
        found.append(scaler.scale([small, (small[0], lib.tensor(2.0), lib.tensor(3.0).double())]))
    assert str(found[0]) == str(found[1])


def test_a_scaler_goes_on_from_a_state_dict() -> None:
    for lib in LIBRARIES:
        one, other = (lib.amp.GradScaler("cpu", init_scale=8.0) for _ in range(2))
        one.scale(lib.ones(1))
        one.update(2.0)
        other.load_state_dict(one.state_dict())
        assert other.get_scale() == 2.0
        other.set_growth_factor(4.0)
        other.set_backoff_factor(0.1)
        other.set_growth_interval(5)
        other.load_state_dict({**other.state_dict(), "scale": 3.0})
        wanted = {"scale": 3.0, "growth_factor": 4.0, "backoff_factor": 0.1, "growth_interval": 5}
        assert other.state_dict() == {**wanted, "_growth_tracker": 0}
        assert other.get_growth_factor() == 4.0
        assert other.get_backoff_factor() == 0.1
        assert other.get_growth_interval() == 5


def ready(lib: ModuleType, dtype: str = "float32") -> tuple[Any, Any]:
    """A scaler and an optimizer with gradients of a scaled loss."""
    w = lib.nn.Parameter(lib.ones(2, dtype=getattr(lib, dtype)))
    scaler = lib.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale((w * 2).sum()).backward()
    return scaler, lib.optim.SGD([w], lr=0.1)


def twice(method: str) -> Callable[[ModuleType], Any]:
    def case(lib: ModuleType) -> None:
        scaler, optimizer = ready(lib)
        for _ in range(2):
            getattr(scaler, method)(optimizer)

    return case


def unscaled_after_its_step(lib: ModuleType) -> None:
    scaler, optimizer = ready(lib)
    scaler.step(optimizer)
    scaler.unscale_(optimizer)


def with_no_gradient(lib: ModuleType) -> None:
    scaler, _ = ready(lib)
    scaler.step(lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], lr=0.1))


@pytest.mark.parametrize(
    "case",
    [
        twice("unscale_"),
        twice("step"),
        unscaled_after_its_step,
        with_no_gradient,
        lambda lib: ready(lib)[0].update(),
        lambda lib: (lambda pair: pair[0].step(pair[1], closure=len))(ready(lib)),
        lambda lib: (lambda pair: pair[0].unscale_(pair[1]))(ready(lib, "float16")),
        lambda lib: (lambda pair: pair[0].step(pair[1]))(ready(lib, "float16")),
        lambda lib: lib.amp.GradScaler("cpu").update(),
        lambda lib: lib.amp.GradScaler("cpu").step(ready(lib)[1]),
        lambda lib: lib.amp.GradScaler("cpu").scale(3),
        lambda lib: lib.amp.GradScaler("cpu").load_state_dict({}),
        lambda lib: lib.amp.GradScaler("cpu", growth_factor=1),
        lambda lib: lib.amp.GradScaler("cpu", backoff_factor=1),
    ],
)
def test_errors_are_pytorchs(case: Callable[[ModuleType], Any]) -> None:
    assert_same_error(case, torch)


@pytest.mark.skipif(gl.cuda.is_available(), reason="there is a GPU")
def test_the_older_names_are_warned_of_and_without_a_gpu_switched_off() -> None:
    from gradlab.cuda.amp import GradScaler, autocast

    said = []
    for scaler, cast in (
        (GradScaler, autocast),
        (torch.cuda.amp.GradScaler, torch.cuda.amp.autocast),
    ):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            made = scaler(init_scale=2.0)
            with cast():
                assert not made.is_enabled()
                assert made.get_scale() == 1.0
        said.append([(one.category, str(one.message)) for one in warned])
    assert said[0] == said[1]
    assert gl.cuda.amp.GradScaler is GradScaler
    assert issubclass(GradScaler, gl.GradScaler)
