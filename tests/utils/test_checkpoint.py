"""``utils.checkpoint``: the same numbers from less memory, in both libraries."""

from __future__ import annotations

import gc
import importlib
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from tests.autograd.outcomes import Program, assert_same


def checkpointing(torch: ModuleType) -> Any:
    return importlib.import_module(f"{torch.__name__}.utils.checkpoint")


def leaf(torch: ModuleType, *numbers: float) -> Any:
    return torch.tensor(list(numbers) or [1.0, 2.0], requires_grad=True)


def differentiated(
    make: Callable[[ModuleType], Callable[..., Any]], *more: Any, **options: Any
) -> Program:
    """A program: results and gradient of a checkpointed function."""

    def program(t: ModuleType) -> Any:
        x = leaf(t)
        y = checkpointing(t).checkpoint(make(t), x, *more, **options)
        sum(one.sum() for one in (y if isinstance(y, tuple) else (y,))).backward()
        return y, x.grad

    return program


FUNCTIONS: dict[str, Callable[[ModuleType], Callable[..., Any]]] = {
    "a chain": lambda t: lambda x: x.exp().sin() * x,
    "two results": lambda t: lambda x: (x * x, x.exp()),
    "a saved result": lambda t: lambda x: x.exp(),
    "nothing saved": lambda t: lambda x: x + 1,
    "the input itself": lambda t: lambda x: x * 1,
    "views and changes in place": lambda t: (
        lambda x: (lambda z: (z[0].mul_(3), z.exp_())[1])(x * 1)
    ),
    "a constant": lambda t: lambda x: t.ones(2),
    "lists": lambda t: lambda x: t.stack([x, x * 2]).prod(0),
}


@pytest.mark.parametrize("make", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("use_reentrant", [False, True])
def test_results_and_gradients_are_those_of_the_function(use_reentrant: bool, make: Any) -> None:
    assert_same(differentiated(make, use_reentrant=use_reentrant))


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_arguments_that_are_no_tensors(use_reentrant: bool) -> None:
    make = lambda t: lambda x, power, words: (x**power).exp()  # noqa: E731
    assert_same(differentiated(make, 3, "words", use_reentrant=use_reentrant))


ARGUMENTS: dict[str, Program] = {
    "by name": differentiated(lambda t: lambda x, k=1: (x * k).exp(), k=2.0, use_reentrant=False),
    "by name, with re-entrance": differentiated(lambda t: lambda x: x, k=2.0, use_reentrant=True),
    "contexts with re-entrance": differentiated(
        lambda t: lambda x: x, context_fn=lambda: (None, None), use_reentrant=True
    ),
    "debug with re-entrance": differentiated(lambda t: lambda x: x, debug=True, use_reentrant=True),
}


@pytest.mark.parametrize("program", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_are_taken_or_refused(program: Program) -> None:
    assert_same(program)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_parameters_that_the_function_captures_get_their_gradient(
    torch: ModuleType, use_reentrant: bool
) -> None:
    x, w = leaf(torch), leaf(torch, 3.0, 4.0)
    y = checkpointing(torch).checkpoint(lambda x: x * w, x, use_reentrant=use_reentrant)
    y.sum().backward()
    assert (x.grad.tolist(), w.grad.tolist()) == ([3.0, 4.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("use_reentrant", "calls"),
    [(False, ["start", "end", "start"]), (True, ["start", "end", "start", "end"])],
)
def test_the_function_runs_again_and_stops_once_it_may(
    torch: ModuleType, use_reentrant: bool, calls: list[str]
) -> None:
    seen: list[str] = []

    def function(x: Any) -> Any:
        seen.append("start")
        y = x.exp()
        z = y + 1
        seen.append("end")
        return z

    checkpointing(torch).checkpoint(
        function, leaf(torch), use_reentrant=use_reentrant
    ).sum().backward()
    assert seen == calls


@pytest.mark.parametrize("how", ["argument", "block"])
def test_early_stop_can_be_switched_off(torch: ModuleType, how: str) -> None:
    seen: list[str] = []

    def function(x: Any) -> Any:
        y = x.exp() + 1
        seen.append("end")
        return y

    module = checkpointing(torch)
    if how == "argument":
        y = module.checkpoint(function, leaf(torch), use_reentrant=False, early_stop=False)
    else:
        with module.set_checkpoint_early_stop(False):
            y = module.checkpoint(function, leaf(torch), use_reentrant=False)
    y.sum().backward()
    assert seen == ["end", "end"]


def test_nothing_between_is_kept_until_the_backward_pass(torch: ModuleType) -> None:
    alive: list[Any] = []

    def function(x: Any) -> Any:
        between = x.exp()
        alive.append(weakref.ref(between))
        return between.sin()

    x = leaf(torch)
    y = checkpointing(torch).checkpoint(function, x, use_reentrant=False)
    gc.collect()
    assert alive[0]() is None
    y.sum().backward()


def test_a_checkpoint_within_another_forgets_more(torch: ModuleType) -> None:
    alive: list[Any] = []
    checkpoint = checkpointing(torch).checkpoint

    def outer(x: Any) -> Any:
        between = x.exp()
        alive.append(weakref.ref(between))
        return checkpoint(lambda y: y.sin().cos(), between, use_reentrant=False)

    x = leaf(torch)
    y = checkpoint(outer, x, use_reentrant=False)
    gc.collect()
    assert alive[0]() is None
    y.sum().backward()
    plain = leaf(torch)
    plain.exp().sin().cos().sum().backward()
    assert x.grad.tolist() == plain.grad.tolist()


def test_the_graph_can_run_again_when_retained(torch: ModuleType) -> None:
    x = leaf(torch)
    y = checkpointing(torch).checkpoint(lambda x: x * x, x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_without_reentrance_grad_and_higher_derivatives_work(torch: ModuleType) -> None:
    x = leaf(torch)
    y = checkpointing(torch).checkpoint(lambda x: x**3, x, use_reentrant=False).sum()
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert (first.tolist(), second.tolist()) == ([3.0, 12.0], [6.0, 12.0])


def test_the_function_may_differentiate_within(torch: ModuleType) -> None:
    def slope(x: Any) -> Any:
        (gradient,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        return gradient * x

    x = leaf(torch)
    checkpointing(torch).checkpoint(slope, x, use_reentrant=False).sum().backward()
    assert x.grad.tolist() == [9.0, 36.0]


@pytest.mark.parametrize("how", ["grad", "inputs", "grad around a backward"])
def test_with_reentrance_only_a_whole_backward_works(torch: ModuleType, how: str) -> None:
    x = leaf(torch)
    y = checkpointing(torch).checkpoint(lambda x: x.exp(), x, use_reentrant=True).sum()
    z = x * 2
    z.register_hook(lambda g: y.backward())
    passes = {
        "grad": lambda: torch.autograd.grad(y, x),
        "inputs": lambda: y.backward(inputs=[x]),
        "grad around a backward": lambda: torch.autograd.grad(z.sum(), x),
    }
    with pytest.raises(RuntimeError, match=r"^When use_reentrant=True, torch\.utils\.checkpoint"):
        passes[how]()


@pytest.mark.parametrize("use_reentrant", [False, True])
@pytest.mark.parametrize("preserve_rng_state", [True, False])
def test_random_numbers_are_drawn_again(
    torch: ModuleType, use_reentrant: bool, preserve_rng_state: bool
) -> None:
    torch.manual_seed(0)
    drawn: list[Any] = []

    def function(x: Any) -> Any:
        mask = torch.rand(2)
        drawn.append(mask.tolist())
        return (x * mask).exp()

    y = checkpointing(torch).checkpoint(
        function,
        leaf(torch),
        use_reentrant=use_reentrant,
        preserve_rng_state=preserve_rng_state,
    )
    after = torch.get_rng_state() if hasattr(torch, "get_rng_state") else None
    y.sum().backward()
    assert (drawn[0] == drawn[1]) is preserve_rng_state
    if after is not None and preserve_rng_state:
        assert torch.get_rng_state().tolist() == after.tolist()


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_an_argument_that_was_changed_in_place_is_noticed(
    torch: ModuleType, use_reentrant: bool
) -> None:
    z = leaf(torch) * 1
    y = checkpointing(torch).checkpoint(lambda z: z.exp(), z, use_reentrant=use_reentrant)
    z.add_(1)
    with pytest.raises(RuntimeError, match=r"^one of the variables needed for gradient"):
        y.sum().backward()


def changing(t: ModuleType, first: Any, second: Any) -> Callable[[Any], Any]:
    """A function that does one thing, and another when it runs again."""
    ways = iter([first, second])
    return lambda x: next(ways)(x)


CHANGING: dict[str, Program] = {
    "fewer tensors": differentiated(
        lambda t: changing(t, lambda x: x.exp() * x.sin(), lambda x: x.exp()), use_reentrant=False
    ),
    "more tensors, all looked at": differentiated(
        lambda t: changing(t, lambda x: x.exp(), lambda x: x.exp() * x.sin()),
        use_reentrant=False,
        early_stop=False,
    ),
    "another dtype": differentiated(
        lambda t: changing(t, lambda x: x.exp(), lambda x: x.double().exp()), use_reentrant=False
    ),
    "another dtype, not looked at": differentiated(
        lambda t: changing(t, lambda x: x.exp(), lambda x: x.double().exp()),
        use_reentrant=False,
        determinism_check="none",
    ),
}


@pytest.mark.parametrize("program", CHANGING.values(), ids=CHANGING)
def test_a_function_that_does_something_else_is_noticed(program: Program) -> None:
    assert_same(program)


def test_a_saved_tensor_that_the_function_changes_is_noticed() -> None:
    """PyTorch takes the changed numbers, which are wrong."""

    def function(x: Any) -> Any:
        y = x * 1
        z = y.sin()
        y.add_(1)
        return z

    def gradient(**options: Any) -> Any:
        x = leaf(gl)
        gl.utils.checkpoint.checkpoint(function, x, use_reentrant=False, **options).sum().backward()
        return x.grad

    assert gradient().tolist() == gl.tensor([1.0, 2.0]).cos().tolist()  # stops before the change
    with pytest.raises(RuntimeError, match=r"^one of the variables needed for gradient"):
        gradient(early_stop=False)


def test_checkpoint_error_is_a_runtime_error(torch: ModuleType) -> None:
    assert issubclass(checkpointing(torch).CheckpointError, RuntimeError)


def test_contexts_are_entered_around_each_run(torch: ModuleType) -> None:
    seen: list[str] = []

    class Note:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            seen.append(self.name)

        def __exit__(self, *exc: object) -> None:
            seen.append("end of " + self.name)

    y = checkpointing(torch).checkpoint(
        lambda x: x.exp(),
        leaf(torch),
        use_reentrant=False,
        context_fn=lambda: (Note("first"), Note("second")),
    )
    y.sum().backward()
    assert seen == ["first", "end of first", "second", "end of second"]


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_without_recording_the_function_just_runs(torch: ModuleType, use_reentrant: bool) -> None:
    with torch.no_grad():
        y = checkpointing(torch).checkpoint(
            lambda x: x * 2, leaf(torch), use_reentrant=use_reentrant
        )
    assert (y.tolist(), y.requires_grad) == ([2.0, 4.0], False)


def test_with_reentrance_an_input_must_require_grad(torch: ModuleType) -> None:
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        y = checkpointing(torch).checkpoint(lambda x: x, torch.ones(2), use_reentrant=True)
    assert not y.requires_grad


def test_leaving_out_use_reentrant_warns_and_means_true(torch: ModuleType) -> None:
    with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed"):
        y = checkpointing(torch).checkpoint(lambda x: x * 2, leaf(torch))
    assert y.grad_fn.name() == "CheckpointFunctionBackward"


@pytest.mark.parametrize("use_reentrant", [False, True])
@pytest.mark.parametrize("segments", [1, 2, 3])
def test_a_sequence_in_segments(segments: int, use_reentrant: bool) -> None:
    def program(t: ModuleType) -> Any:
        x = leaf(t)
        steps = [t.exp, t.sin, t.cos, t.neg, t.exp]
        y = checkpointing(t).checkpoint_sequential(steps, segments, x, use_reentrant=use_reentrant)
        y.sum().backward()
        return y, x.grad

    assert_same(program)


def test_a_sequential_module_in_segments() -> None:
    model = gl.nn.Sequential(gl.nn.Linear(2, 3), gl.nn.Tanh(), gl.nn.Linear(3, 1))
    x = gl.ones(4, 2, requires_grad=True)
    model(x).sum().backward()
    expected = [parameter.grad.tolist() for parameter in model.parameters()]
    model.zero_grad()
    gl.utils.checkpoint.checkpoint_sequential(model, 2, x, use_reentrant=False).sum().backward()
    assert [parameter.grad.tolist() for parameter in model.parameters()] == expected
