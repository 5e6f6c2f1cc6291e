"""Grad mode: whether operations are recorded, in blocks, decorators, generators and threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator
from types import ModuleType
from typing import Any

import pytest


def recorded(torch: ModuleType) -> bool:
    """Whether an operation is recorded right now; the flag has to say the same."""
    found = bool((torch.ones(1, requires_grad=True) * 2).requires_grad)
    assert found == torch.is_grad_enabled()
    return found


MODES: dict[str, tuple[Callable[[ModuleType], Any], bool]] = {
    "no_grad": (lambda torch: torch.no_grad(), False),
    "enable_grad": (lambda torch: torch.enable_grad(), True),
    "set_grad_enabled(True)": (lambda torch: torch.set_grad_enabled(True), True),
    "set_grad_enabled(False)": (lambda torch: torch.set_grad_enabled(False), False),
    "inference_mode": (lambda torch: torch.inference_mode(), False),
    "inference_mode(False)": (lambda torch: torch.inference_mode(False), True),
}
each_mode = pytest.mark.parametrize(("mode", "inside"), MODES.values(), ids=MODES)


@pytest.fixture(autouse=True)
def _left_as_found(torch: ModuleType) -> Iterator[None]:
    assert torch.is_grad_enabled()
    yield
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


@each_mode
@pytest.mark.parametrize("outside", [True, False])
def test_a_block_sets_the_mode_and_puts_it_back(
    torch: ModuleType, mode: Callable[[ModuleType], Any], inside: bool, outside: bool
) -> None:
    with contextlib.nullcontext() if outside else torch.no_grad():
        with mode(torch):
            assert recorded(torch) == inside
        assert recorded(torch) == outside


@each_mode
def test_an_error_in_a_block_puts_the_mode_back(
    torch: ModuleType, mode: Callable[[ModuleType], Any], inside: bool
) -> None:
    with pytest.raises(ZeroDivisionError), mode(torch):
        _ = 1 / 0
    assert recorded(torch)


@each_mode
def test_as_a_decorator_it_holds_inside_the_function(
    torch: ModuleType, mode: Callable[[ModuleType], Any], inside: bool
) -> None:
    @mode(torch)
    def function(factor: int, *, plus: int) -> tuple[bool, int]:
        """Says what it saw."""
        return recorded(torch), factor + plus

    assert recorded(torch)
    assert function(1, plus=2) == (inside, 3)
    assert function(1, plus=2) == (inside, 3)
    assert recorded(torch)
    assert (function.__name__, function.__doc__) == ("function", "Says what it saw.")


@each_mode
def test_an_error_in_a_decorated_function_puts_the_mode_back(
    torch: ModuleType, mode: Callable[[ModuleType], Any], inside: bool
) -> None:
    @mode(torch)
    def function() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        function()
    assert recorded(torch)


@pytest.mark.parametrize("name", ["no_grad", "enable_grad", "inference_mode"])
def test_a_decorator_needs_no_parentheses(torch: ModuleType, name: str) -> None:
    @getattr(torch, name)
    def function() -> bool:
        return recorded(torch)

    with torch.no_grad() if name == "enable_grad" else torch.enable_grad():
        assert function() == (name == "enable_grad")


def test_a_decorated_function_can_call_itself(torch: ModuleType) -> None:
    @torch.no_grad()
    def function(depth: int) -> list[bool]:
        return [recorded(torch)] + (function(depth - 1) if depth else [])

    assert function(3) == [False] * 4
    assert recorded(torch)


def test_a_decorated_method_keeps_its_object(torch: ModuleType) -> None:
    class Model:
        @torch.no_grad()
        def evaluate(self) -> tuple[Any, bool]:
            return self, recorded(torch)

    model = Model()
    assert model.evaluate() == (model, False)


# ------------------------------------------------------------------ generators


@each_mode
def test_a_decorated_generator_leaves_its_consumers_mode_alone(
    torch: ModuleType, mode: Callable[[ModuleType], Any], inside: bool
) -> None:
    @mode(torch)
    def generator() -> Iterator[bool]:
        for _ in range(3):
            yield recorded(torch)

    seen = []
    for value in generator():
        assert recorded(torch)
        seen.append(value)
    assert seen == [inside] * 3


def test_a_decorated_generator_receives_what_is_sent_and_returns(torch: ModuleType) -> None:
    @torch.no_grad()
    def generator() -> Generator[Any, Any, str]:
        received = yield recorded(torch)
        received = yield (received, recorded(torch))
        return f"done {received}"

    running = generator()
    assert next(running) is False
    assert running.send("hello") == ("hello", False)
    with pytest.raises(StopIteration) as stop:
        running.send("bye")
    assert stop.value.value == "done bye"


def test_a_decorated_generator_handles_what_is_thrown_into_it(torch: ModuleType) -> None:
    seen = []

    @torch.no_grad()
    def generator() -> Iterator[str]:
        try:
            yield "first"
        except KeyError:
            seen.append(recorded(torch))
            yield "after"

    running = generator()
    next(running)
    assert running.throw(KeyError("thrown")) == "after"
    assert seen == [False]
    assert recorded(torch)


def test_a_decorated_generator_that_is_closed_cleans_up_in_its_mode(torch: ModuleType) -> None:
    seen = []

    @torch.no_grad()
    def generator() -> Iterator[int]:
        try:
            yield 1
        finally:
            seen.append(recorded(torch))

    running = generator()
    next(running)
    running.close()
    assert seen == [False]
    assert recorded(torch)


def test_an_undecorated_generator_may_hold_a_block_across_yields(torch: ModuleType) -> None:
    def generator() -> Iterator[bool]:
        with torch.no_grad():
            yield recorded(torch)

    running = generator()
    assert next(running) is False
    running.close()
    assert recorded(torch)


# ------------------------------------------------------------------ set_grad_enabled, nesting


def test_set_grad_enabled_acts_when_called(torch: ModuleType) -> None:
    torch.set_grad_enabled(False)
    assert not recorded(torch)
    torch.set_grad_enabled(True)
    assert recorded(torch)


def test_set_grad_enabled_as_a_block_puts_back_what_was_before_the_call(torch: ModuleType) -> None:
    block = torch.set_grad_enabled(False)
    assert not recorded(torch)
    with block:
        assert not recorded(torch)
    assert recorded(torch)


def test_blocks_nest(torch: ModuleType) -> None:
    seen = []
    with torch.no_grad():
        seen.append(recorded(torch))
        with torch.enable_grad():
            seen.append(recorded(torch))
            with torch.set_grad_enabled(False):
                seen.append(recorded(torch))
            seen.append(recorded(torch))
        seen.append(recorded(torch))
    assert seen == [False, True, False, True, False]


def test_one_block_object_can_be_entered_again(torch: ModuleType) -> None:
    block = torch.no_grad()
    for _ in range(2):
        with block:
            assert not recorded(torch)
        assert recorded(torch)


def test_a_leaf_made_under_no_grad_can_still_require_grad(torch: ModuleType) -> None:
    with torch.no_grad():
        x = torch.ones(2, requires_grad=True)
        x += 1
    assert x.requires_grad
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 4.0]


def test_backward_works_under_no_grad(torch: ModuleType) -> None:
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    with torch.no_grad():
        y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_results_under_no_grad_have_no_history(torch: ModuleType) -> None:
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        result, view = x * 2, x[:1]
    assert (result.requires_grad, result.grad_fn, view.grad_fn) == (False, None, None)


# ------------------------------------------------------------------ threads


def test_a_block_counts_only_in_its_own_thread(torch: ModuleType) -> None:
    inside, looked = threading.Event(), threading.Event()
    seen = []

    def work() -> None:
        with torch.no_grad():
            inside.set()
            looked.wait(10)
            seen.append(recorded(torch))

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    assert recorded(torch)
    looked.set()
    thread.join()
    assert seen == [False]


def test_a_decorated_function_may_run_in_two_threads_at_once(torch: ModuleType) -> None:
    both = threading.Barrier(2)
    seen = []

    @torch.no_grad()
    def function() -> None:
        both.wait(10)
        seen.append(recorded(torch))
        both.wait(10)

    def work(enabled: bool) -> None:
        with torch.set_grad_enabled(enabled):
            function()
            seen.append(recorded(torch) == enabled)

    threads = [threading.Thread(target=work, args=(flag,)) for flag in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [False, False, True, True]


# ------------------------------------------------------------------ inference mode


def test_tensors_made_in_inference_mode_say_so(torch: ModuleType) -> None:
    before = torch.ones(2)
    with torch.inference_mode():
        made = torch.ones(2)
        computed, view = before * 2, before[:1]
    assert [t.is_inference() for t in (before, made, computed)] == [False, True, True]
    assert not view.is_inference()
    assert not torch.ones(2).is_inference()


def test_is_inference_mode_enabled(torch: ModuleType) -> None:
    assert not torch.is_inference_mode_enabled()
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        with torch.inference_mode(False):
            assert not torch.is_inference_mode_enabled()
        assert torch.is_inference_mode_enabled()


def test_enable_grad_does_not_end_inference_mode(torch: ModuleType) -> None:
    with torch.inference_mode(), torch.enable_grad():
        x = torch.ones(2, requires_grad=True)
        assert (x * 2).is_inference()
        assert not (x * 2).requires_grad


def test_an_inference_tensor_may_change_inside_and_be_used_outside(torch: ModuleType) -> None:
    with torch.inference_mode():
        x = torch.ones(2)
        x.add_(1)
    x_grad = torch.ones(2, requires_grad=True)
    y = x_grad + x
    y.sum().backward()
    assert y.tolist() == [3.0, 3.0]
    assert x_grad.grad.tolist() == [1.0, 1.0]


def test_a_clone_of_an_inference_tensor_is_an_ordinary_one(torch: ModuleType) -> None:
    with torch.inference_mode():
        x = torch.ones(2)
    w = torch.ones(2, requires_grad=True)
    (w * x.clone()).sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_ordinary_tensors_may_change_in_inference_mode(torch: ModuleType) -> None:
    x = torch.ones(2)
    with torch.inference_mode():
        x.add_(1)
    assert x.tolist() == [2.0, 2.0]
    assert x._version == 1


def test_an_inference_tensor_can_be_computed_with_where_nothing_is_saved(
    torch: ModuleType,
) -> None:
    with torch.inference_mode():
        x = torch.ones(2)
    assert (x * 2 + x).tolist() == [3.0, 3.0]
