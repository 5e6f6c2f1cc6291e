"""Optimizers: the same steps, texts, states and errors as PyTorch's."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def parameters(lib: ModuleType, dtype: str = "float64", device: str = "cpu") -> list[Any]:
    random = np.random.default_rng(0)
    kind = getattr(lib, dtype)
    arrays = [random.normal(size=shape) for shape in ((3, 2), (4,), ())]
    if lib is gl:
        return [gl.tensor(a, dtype=kind, device=device, requires_grad=True) for a in arrays]
    return [lib.tensor(a, dtype=kind, requires_grad=True) for a in arrays]


def train(optimizer: Any, params: list[Any], steps: int) -> list[float]:
    """Make a bowl's bottom the aim, with a slope that differs between elements."""
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = sum(((p * p).sum() * (i + 1) + (p * p * p * p).sum()) for i, p in enumerate(params))
        loss.backward()
        losses.append(optimizer.step(lambda loss=loss: loss).item())
    return losses


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.01}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.01, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1, "nesterov": True}),
    ("SGD", {"lr": 0.0001, "maximize": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("Adam", {"lr": 0.001, "maximize": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.001, "alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-4}),
    ("RMSprop", {"lr": 0.001, "weight_decay": 0.1, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.2)}),
    ("Rprop", {"lr": 1e-4, "step_sizes": (1e-6, 1e-3), "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.01, "lambd": 0.1, "alpha": 0.5, "t0": 20, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.0001, "t0": 5, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.01}),
    ("Adamax", {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 1e-3}),
    ("NAdam", {"lr": 0.01}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.01}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.9)}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
]


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-11), ("float32", 2e-4)])
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_120_steps_are_pytorchs(
    torch: Any, device: str, name: str, options: Any, dtype: str, rtol: float
) -> None:
    trained = []
    for lib in (gl, torch):
        params = parameters(lib, dtype, device)
        losses = train(getattr(lib.optim, name)(params, **options), params, 120)
        trained.append((losses, params))
    (our_losses, ours), (their_losses, theirs) = trained
    np.testing.assert_allclose(our_losses, their_losses, rtol=rtol)
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    "name",
    ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam"],
)
def test_complex_parameters_are_trained_as_in_pytorch(torch: Any, name: str) -> None:
    found = []
    for lib in (gl, torch):
        params = [lib.tensor([1 + 2j, -1j], requires_grad=True)]
        optimizer = getattr(lib.optim, name)(params, lr=0.1)
        for factor in (1.0, 2.0, 3.0):
            params[0].grad = lib.tensor([1 - 1j, 0.5j]) * factor
            optimizer.step()
        found.append(params[0])
    assert_close(*found, rtol=1e-5)


def test_groups_have_options_of_their_own(torch: Any) -> None:
    trained = []
    for lib in (gl, torch):
        one, two, three = parameters(lib)
        optimizer = lib.optim.SGD([{"params": [one]}, {"params": two, "lr": 0.02}], lr=0.01)
        optimizer.add_param_group({"params": [three], "momentum": 0.5})
        train(optimizer, [one, two, three], 10)
        trained.append([one, two, three])
    for ours, theirs in zip(*trained, strict=True):
        assert_close(ours, theirs, rtol=1e-11)


# ------------------------------------------------------------------ what a step does besides


def test_parameters_without_gradient_are_left_alone() -> None:
    used, unused = gl.ones(2, requires_grad=True), gl.ones(2, requires_grad=True)
    optimizer = gl.optim.SGD([used, unused], lr=0.1, weight_decay=0.5, momentum=0.9)
    used.sum().backward()
    optimizer.step()
    assert unused.tolist() == [1.0, 1.0]
    assert (unused._version, used._version) == (0, 1)
    assert list(optimizer.state) == [used]


def test_a_step_leaves_gradients_as_they_are() -> None:
    x = gl.ones(2, requires_grad=True)
    x.sum().backward()
    gl.optim.SGD([x], lr=0.1, weight_decay=0.5, momentum=0.9, nesterov=True, maximize=True).step()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_graph_made_before_a_step_notices_it() -> None:
    x = gl.ones(2, requires_grad=True)
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    gl.optim.SGD([x], lr=0.1).step()
    with pytest.raises(RuntimeError, match=r"is at version 1; expected\s+version 0 instead"):
        loss.backward()


def test_the_closure_is_recorded_even_without_grad_mode() -> None:
    x = gl.ones(2, requires_grad=True)
    optimizer = gl.optim.SGD([x], lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    with gl.no_grad():
        assert optimizer.step(closure).item() == 2.0
    assert x.tolist() == pytest.approx([0.8, 0.8])


@pytest.mark.parametrize(("set_to_none", "left"), [(True, None), (False, [0.0, 0.0])])
def test_zero_grad_removes_or_empties(set_to_none: bool, left: Any) -> None:
    x = gl.ones(2, requires_grad=True)
    optimizer = gl.optim.SGD([x], lr=0.1)
    x.sum().backward()
    optimizer.zero_grad(set_to_none)
    assert (x.grad if x.grad is None else x.grad.tolist()) == left


# ------------------------------------------------------------------ texts, states, errors


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_an_optimizer_prints_as_in_pytorch(torch: Any, name: str, options: Any) -> None:
    one, other = (
        repr(getattr(lib.optim, name)([{"params": parameters(lib)}], **options))
        for lib in (gl, torch)
    )
    assert one == other


def test_groups_print_as_in_pytorch(torch: Any) -> None:
    one, other = (
        repr(lib.optim.SGD([{"params": [p], "lr": i} for i, p in enumerate(parameters(lib))]))
        for lib in (gl, torch)
    )
    assert one == other


def _own_optimizer(lib: Any) -> Any:
    class Own(lib.optim.Optimizer):
        def step(self) -> float:
            return 2.5

    return Own(parameters(lib), {"lr": 0.1})


STEPPING = {
    "of its own": _own_optimizer,
    "SGD": lambda lib: lib.optim.SGD(parameters(lib), lr=0.1),
    "a kind of SGD": lambda lib: type("Kind", (lib.optim.SGD,), {})(parameters(lib), lr=0.1),
}


@pytest.mark.parametrize("make", STEPPING.values(), ids=STEPPING)
def test_a_scheduler_knows_of_every_optimizers_step(torch: Any, make: Any) -> None:
    for lib in (gl, torch):
        optimizer = make(lib)
        scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 1)
        optimizer.step()
        scheduler.step()  # and warns of nothing
        assert scheduler.get_last_lr() == pytest.approx([0.01])


@pytest.mark.parametrize("make", STEPPING.values(), ids=STEPPING)
def test_hooks_run_before_and_after_a_step(torch: Any, make: Any) -> None:
    for lib in (gl, torch):
        events: list[Any] = []
        optimizer = make(lib)
        optimizer.register_step_pre_hook(lambda *given, e=events: e.append(("before", *given)))
        after = optimizer.register_step_post_hook(
            lambda *given, e=events: e.append(("after", given))
        )
        result = optimizer.step()
        after.remove()
        assert optimizer.step() == result
        before = ("before", optimizer, (optimizer,), {})
        assert events == [before, ("after", (optimizer, (optimizer,), {})), before]


def test_a_hook_may_change_what_a_step_is_given(torch: Any) -> None:
    for lib in (gl, torch):
        optimizer = lib.optim.SGD(parameters(lib), lr=0.1)
        optimizer.register_step_pre_hook(lambda o, args, kwargs: ((*args, lambda: 7.0), kwargs))
        assert optimizer.step() == 7.0


def test_a_hook_that_returns_something_else_is_refused(torch: Any) -> None:
    for lib in (gl, torch):
        optimizer = lib.optim.SGD(parameters(lib), lr=0.1)
        optimizer.register_step_pre_hook(lambda *_: 3)
        with pytest.raises(RuntimeError, match=r"must return None or a tuple .*, but got 3\."):
            optimizer.step()


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_a_state_dict_prints_as_in_pytorch(torch: Any, name: str, options: Any) -> None:
    found = []
    for lib in (gl, torch):
        params = parameters(lib)
        optimizer = getattr(lib.optim, name)(params, **options)
        train(optimizer, params, 1)
        found.append(str(optimizer.state_dict()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "saved", [lambda state: state, lambda state: pickle.loads(pickle.dumps(state))]
)
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_training_goes_on_from_a_state_dict(name: str, options: Any, saved: Any) -> None:
    params = parameters(gl)
    optimizer = getattr(gl.optim, name)(params, **options)
    train(optimizer, params, 3)
    copies = copy.deepcopy(params)
    resumed = getattr(gl.optim, name)(copies, lr=0.5)
    resumed.load_state_dict(saved(optimizer.state_dict()))
    # Loading casts NAdam's product and ASGD's rate to the parameters' dtype, as in PyTorch.
    rel = 1e-7 if name == "ASGD" else 1e-9
    assert train(resumed, copies, 3) == pytest.approx(train(optimizer, params, 3), rel=rel)


def test_a_loaded_state_takes_the_parameters_dtype() -> None:
    params = parameters(gl, "float64")
    optimizer = gl.optim.Adam(params)
    train(optimizer, params, 2)
    resumed = gl.optim.Adam(parameters(gl, "float32"))
    resumed.load_state_dict(optimizer.state_dict())
    state = resumed.state_dict()["state"][0]
    assert (state["exp_avg"].dtype, state["step"].dtype) == (gl.float32, gl.float32)


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: lib.optim.SGD(lib.ones(2), lr=0.1),
        lambda lib: lib.optim.SGD([], lr=0.1),
        lambda lib: lib.optim.SGD([3], lr=0.1),
        lambda lib: lib.optim.SGD([{"params": {lib.ones(2, requires_grad=True)}}], lr=0.1),
        lambda lib: lib.optim.SGD([lib.ones(2, requires_grad=True) * 2], lr=0.1),
        lambda lib: lib.optim.SGD([lib.ones(2)], lr=-1),
        lambda lib: lib.optim.SGD([lib.ones(2)], lr=0.1, momentum=-1),
        lambda lib: lib.optim.SGD([lib.ones(2)], lr=0.1, weight_decay=-1),
        lambda lib: lib.optim.SGD([lib.ones(2)], lr=0.1, nesterov=True),
        lambda lib: lib.optim.SGD([lib.ones(2)], lr=0.1, momentum=0.1, dampening=1, nesterov=True),
        lambda lib: lib.optim.Adam([lib.ones(2)], lr=-1),
        lambda lib: lib.optim.Adam([lib.ones(2)], eps=-1),
        lambda lib: lib.optim.Adam([lib.ones(2)], betas=(1.0, 0.9)),
        lambda lib: lib.optim.Adam([lib.ones(2)], betas=(0.9, -1.0)),
        lambda lib: lib.optim.Adam([lib.ones(2)], weight_decay=-1),
        lambda lib: lib.optim.RMSprop([lib.ones(2)], alpha=-1),
        lambda lib: lib.optim.RMSprop([lib.ones(2)], momentum=-1),
        lambda lib: lib.optim.Adagrad([lib.ones(2)], lr_decay=-1),
        lambda lib: lib.optim.Adagrad([lib.ones(2)], initial_accumulator_value=-1),
        lambda lib: lib.optim.Adadelta([lib.ones(2)], rho=2),
        lambda lib: lib.optim.Adamax([lib.ones(2)], betas=(1.0, 0.9)),
        lambda lib: lib.optim.NAdam([lib.ones(2)], momentum_decay=-1),
        lambda lib: lib.optim.RAdam([lib.ones(2)], eps=-1),
        lambda lib: lib.optim.SGD([lib.ones(2)]).add_param_group([lib.ones(2)]),
        lambda lib: lib.optim.SGD(2 * [{"params": parameters(lib)[:1]}][:1] * 2),
        lambda lib: lib.optim.SGD([lib.ones(2)]).load_state_dict(
            lib.optim.SGD([{"params": [lib.ones(2)]}, {"params": [lib.ones(2)]}]).state_dict()
        ),
        lambda lib: lib.optim.SGD([lib.ones(2)]).load_state_dict(
            lib.optim.SGD([lib.ones(2), lib.ones(2)]).state_dict()
        ),
    ],
)
def test_what_cannot_be_optimized_is_told_in_pytorchs_words(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


def test_a_parameter_given_twice_is_warned_of() -> None:
    x = gl.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="contains a parameter group with duplicate parameters"):
        gl.optim.SGD([x, x], lr=0.1)


def test_steps_that_would_have_to_be_recorded_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="differentiable=True is not available"):
        gl.optim.SGD([gl.ones(2)], lr=0.1, differentiable=True)


def test_an_optimizer_of_ones_own_needs_only_an_update() -> None:
    class SignDescent(gl.optim.Optimizer):
        def _update(self, param: Any, gradient: Any, group: Any) -> None:
            param._array -= group["lr"] * np.sign(gradient)

    x = gl.tensor([1.0, -1.0], requires_grad=True)
    optimizer = SignDescent([x], {"lr": 0.5})
    (x * x).sum().backward()
    optimizer.step()
    assert x.tolist() == [0.5, -0.5]
