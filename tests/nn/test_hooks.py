"""Hooks on backward passes and state_dicts, extra state, containers of parameters: as PyTorch's."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from gradlab.nn.module import (
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)
from tests.nn.beside import assert_same_error, texts


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


# ------------------------------------------------------------------ backward


def pair(lib: ModuleType) -> Any:
    """A module of two inputs and two outputs."""

    class Pair(lib.nn.Module):  # type: ignore[name-defined, misc]
        def forward(self, x: Any, y: Any) -> Any:
            return x * y, x + 1

    return Pair()


def shapes(gradients: Any) -> list[Any]:
    return [None if one is None else tuple(one.shape) for one in gradients]


def seen_in_order(lib: ModuleType, requires_grad: bool) -> Any:
    log: list[Any] = []
    model = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.ReLU(), lib.nn.Linear(3, 1))
    for module in model.modules():
        name = type(module).__name__
        module.register_full_backward_hook(
            lambda m, gi, go, name=name: log.append((name, shapes(gi), shapes(go)))
        )
        module.register_full_backward_pre_hook(
            lambda m, go, name=name: log.append((name, shapes(go)))
        )
    output = model(lib.ones(4, 2, requires_grad=requires_grad))
    output.sum().backward()
    return log, output.grad_fn.name().rpartition("::")[2]


def changed_by(lib: ModuleType, hook: Any, pre_hook: Any) -> Any:
    module = pair(lib)
    if hook is not None:
        module.register_full_backward_hook(hook)
    if pre_hook is not None:
        module.register_full_backward_pre_hook(pre_hook)
    x = lib.ones(2, requires_grad=True)
    a, b = module(x, lib.full((2,), 3.0))
    (a.sum() + b.sum()).backward()
    return x.grad


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: seen_in_order(lib, True),
        lambda lib: changed_by(lib, lambda m, gi, go: (gi[0] * 100, gi[1]), None),
        lambda lib: changed_by(lib, None, lambda m, go: (go[0] * 10, go[1])),
        lambda lib: changed_by(lib, lambda m, gi, go: None, lambda m, go: (go[1] * 2, go[0])),
    ],
)
def test_backward_hooks_see_and_change_what_pytorchs_do(torch: Any, case: Any) -> None:
    ours, theirs = texts(case, torch)
    assert ours == theirs


def test_a_hook_is_told_when_no_input_has_a_gradient(torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        with pytest.warns(UserWarning, match="Full backward hook is firing when gradients are"):
            found.append(seen_in_order(lib, False))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: changed_by(lib, lambda m, gi, go: gi[:1], None),
        lambda lib: changed_by(lib, None, lambda m, go: go[:1]),
    ],
)
def test_hooks_that_return_too_few_gradients_are_refused(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


def test_global_hooks_run_for_every_module_until_removed() -> None:
    log: list[str] = []
    handles = [
        register_module_full_backward_hook(lambda m, gi, go: log.append(type(m).__name__)),
        register_module_full_backward_pre_hook(lambda m, go: log.append("before")),
    ]
    model = gl.nn.Sequential(gl.nn.Linear(1, 1), gl.nn.Tanh())
    x = gl.ones(1, 1, requires_grad=True)
    model(x).sum().backward()
    assert log == ["before", "before", "Tanh", "before", "Linear", "Sequential"]
    for handle in handles:
        handle.remove()
    model(x).sum().backward()
    assert len(log) == 6


# ------------------------------------------------------------------ state_dict


def counted(lib: ModuleType) -> Any:
    class Counted(lib.nn.Module):  # type: ignore[name-defined, misc]
        count = 1

        def get_extra_state(self) -> Any:
            return {"count": self.count}

        def set_extra_state(self, state: Any) -> None:
            self.count = state["count"]

    return lib.nn.Sequential(Counted())


def restored(lib: ModuleType) -> Any:
    model = counted(lib)
    keys = model.load_state_dict({"0._extra_state": {"count": 4}})
    return keys, model[0].count


def hooked(lib: ModuleType) -> Any:
    log: list[Any] = []
    layer = lib.nn.Linear(1, 1)
    layer.register_state_dict_pre_hook(lambda *a: log.append(("before", *a[1:])))
    layer.register_state_dict_post_hook(lambda m, sd, *rest: log.append((list(sd), *rest)))
    layer.register_load_state_dict_pre_hook(lambda m, sd, *rest: log.append((list(sd), *rest)))
    layer.register_load_state_dict_post_hook(lambda m, keys: log.append(keys))
    layer.load_state_dict(layer.state_dict())
    return log


def renamed(lib: ModuleType) -> Any:
    """A hook that gives old names new ones."""
    layer = lib.nn.Linear(1, 1, bias=False)

    def rename(module: Any, state: Any, prefix: str, *rest: Any) -> None:
        state[prefix + "weight"] = state.pop(prefix + "old")

    layer.register_load_state_dict_pre_hook(rename)
    old = {"0.old": lib.full((1, 1), 7.0)}
    lib.nn.Sequential(layer).load_state_dict(old)
    return layer.weight, list(old)


def forgiving(lib: ModuleType) -> Any:
    layer = lib.nn.Linear(1, 1)
    layer.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    return layer.load_state_dict({})


def assigned_buffers(lib: ModuleType) -> Any:
    module = lib.nn.Module()
    module.mean = lib.nn.Buffer(lib.ones(2))
    module.scratch = lib.nn.Buffer(lib.zeros(1), persistent=False)
    return list(module.state_dict()), dict(module.named_buffers()), module.mean


def replaced(lib: ModuleType, target: str, strict: bool = False) -> Any:
    model = lib.nn.Sequential(lib.nn.Sequential(lib.nn.ReLU()), lib.nn.Tanh())
    model.set_submodule(target, lib.nn.Sigmoid(), strict)
    return model


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")
@pytest.mark.parametrize(
    "case",
    [
        lambda lib: counted(lib).state_dict(),
        lambda lib: counted(lib).state_dict()._metadata,
        lambda lib: lib.nn.Sequential(lib.nn.Linear(1, 1)).state_dict()._metadata,
        restored,
        hooked,
        renamed,
        forgiving,
        assigned_buffers,
        lambda lib: replaced(lib, "1"),
        lambda lib: replaced(lib, "0.0"),
        lambda lib: replaced(lib, "2"),
        lambda lib: lib.nn.Linear(2, 3).to_empty(device="cpu").weight.shape,
        lambda lib: lib.nn.Linear(2, 3).share_memory(),
        lambda lib: lib.nn.Linear(1, 1)._version,
        lambda lib: lib.nn.Linear(1, 1).compile(),
    ],
)
def test_a_module_does_what_pytorchs_does(torch: Any, case: Any) -> None:
    ours, theirs = texts(case, torch)
    assert ours == theirs


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: counted(lib).load_state_dict({}),
        lambda lib: lib.nn.Linear(1, 1, bias=False).load_state_dict(
            {"weight": lib.ones(1, 1), "_extra_state": 3}
        ),
        lambda lib: replaced(lib, ""),
        lambda lib: replaced(lib, "7", strict=True),
        lambda lib: replaced(lib, "5.x"),
        lambda lib: lib.nn.Sequential(lib.nn.ReLU()).set_submodule("0", 3),
        lambda lib: _post_hook_that_returns(lib),
        lambda lib: _load_hook_that_returns(lib),
    ],
)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


def _post_hook_that_returns(lib: ModuleType) -> Any:
    layer = lib.nn.Linear(1, 1)
    layer.register_state_dict_post_hook(lambda *a: 3)
    return layer.state_dict()


def _load_hook_that_returns(lib: ModuleType) -> Any:
    layer = lib.nn.Linear(1, 1)
    layer.register_load_state_dict_post_hook(lambda *a: 3)
    return layer.load_state_dict(layer.state_dict())


def test_extra_state_that_nobody_has_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="should never be called"):
        gl.nn.Linear(1, 1).get_extra_state()
    with pytest.raises(RuntimeError, match="should never be called"):
        gl.nn.Linear(1, 1).set_extra_state(1)


def test_bfloat16_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="bfloat16"):
        gl.nn.Linear(1, 1).bfloat16()


# ------------------------------------------------------------------ containers of parameters


def in_list(lib: ModuleType) -> Any:
    values = [lib.nn.Parameter(lib.ones(2)), lib.ones(1, 2), 3, "a"]
    return lib.nn.ParameterList(values)


def in_dict(lib: ModuleType) -> Any:
    values = {"a": lib.nn.Parameter(lib.ones(2)), "b": lib.ones(1, 3), "c": 1}
    return lib.nn.ParameterDict(values)


@pytest.mark.parametrize(
    "case",
    [
        in_list,
        lambda lib: (len(in_list(lib)), list(in_list(lib).state_dict()), in_list(lib)[1]),
        lambda lib: (in_list(lib)[-1], in_list(lib)[1:3], in_list(lib)[::2]),
        lambda lib: list(in_list(lib).append(lib.zeros(1)).extend([2, lib.ones(1)])),
        lambda lib: in_list(lib).__iadd__([lib.ones(2, 2)]),
        lambda lib: in_list(lib).__setitem__(0, lib.zeros(3)),
        lambda lib: lib.nn.ParameterList(),
        in_dict,
        lambda lib: (len(in_dict(lib)), list(in_dict(lib)), list(reversed(in_dict(lib)))),
        lambda lib: list(in_dict(lib).state_dict()),
        lambda lib: ("a" in in_dict(lib), "q" in in_dict(lib), in_dict(lib)["b"]),
        lambda lib: (in_dict(lib).get("z", 4), in_dict(lib).get("c"), in_dict(lib).pop("c")),
        lambda lib: in_dict(lib).setdefault("k", lib.ones(1)),
        lambda lib: in_dict(lib).popitem(),
        lambda lib: in_dict(lib) | {"w": lib.ones(1)},
        lambda lib: (in_dict(lib).copy(), list(in_dict(lib).items()), list(in_dict(lib).values())),
        lambda lib: in_dict(lib).fromkeys(["x", "y"], lib.ones(1)),
        lambda lib: in_dict(lib).update([("u", lib.ones(1))]),
        lambda lib: in_dict(lib).clear(),
        lambda lib: lib.nn.ParameterDict(),
    ],
)
def test_containers_of_parameters_print_and_give_what_pytorchs_do(torch: Any, case: Any) -> None:
    ours, theirs = texts(case, torch)
    assert ours == theirs


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: in_list(lib)[9],
        lambda lib: in_list(lib)(),
        lambda lib: in_list(lib).extend(3),
        lambda lib: lib.nn.ParameterList(lib.ones(2)),
        lambda lib: in_dict(lib)["q"],
        lambda lib: in_dict(lib).update(3),
        lambda lib: in_dict(lib).update([(1, 2, 3)]),
        lambda lib: in_dict(lib).update(["a"]),
    ],
)
def test_containers_refuse_what_pytorchs_do(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("made", [in_list, in_dict, lambda lib: lib.nn.LSTM(2, 3)])
def test_copies_hold_the_same_in_memory_of_their_own(copied: Any, made: Any) -> None:
    module = made(gl)
    other = copied(module)
    assert repr(other) == repr(module)
    for one, two in zip(module.parameters(), other.parameters(), strict=True):
        assert gl.equal(one, two)
        assert one.data_ptr() != two.data_ptr()
