"""Module: what it lists, prints, saves, loads and refuses is what PyTorch's does."""

from __future__ import annotations

import copy
import operator
import pickle
from collections import OrderedDict
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from gradlab import nn
from tests.nn.beside import assert_close, assert_same_error, texts


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


class Doubled(nn.Module):
    def forward(self, x: Any, *, times: int = 2) -> Any:
        return x * times


def network(lib: ModuleType) -> Any:
    """A network with a shared layer, a buffer of each kind and an empty place."""
    nn = lib.nn

    class Network(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 4)
            self.register_buffer("mean", lib.zeros(2))
            self.register_buffer("scratch", lib.zeros(1), persistent=False)
            self.scale = nn.Parameter(lib.ones(2))
            self.layers = nn.Sequential(nn.ReLU(), self.first, nn.Linear(4, 2, bias=False))
            self.again = self.first
            self.nothing = None
            self.register_module("later", None)
            self.register_parameter("shift", None)

    return Network()


def tied(lib: ModuleType) -> Any:
    model = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    return model


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


# ------------------------------------------------------------------ listing, printing


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: names(network(lib).named_parameters()),
        lambda lib: names(network(lib).named_parameters(remove_duplicate=False)),
        lambda lib: names(network(lib).named_parameters(prefix="net", recurse=False)),
        lambda lib: names(tied(lib).named_parameters()),
        lambda lib: names(network(lib).named_buffers()),
        lambda lib: names(network(lib).named_modules()),
        lambda lib: names(network(lib).named_modules(prefix="net", remove_duplicate=False)),
        lambda lib: names(network(lib).named_children()),
        lambda lib: [type(m).__name__ for m in network(lib).modules()],
        lambda lib: [type(m).__name__ for m in network(lib).children()],
        lambda lib: [tuple(p.shape) for p in network(lib).parameters()],
        lambda lib: [tuple(b.shape) for b in network(lib).buffers()],
        lambda lib: list(network(lib).state_dict()),
        lambda lib: list(network(lib).state_dict(prefix="net.")),
        lambda lib: type(network(lib).state_dict()).__name__,
        lambda lib: [v.requires_grad for v in network(lib).state_dict().values()],
        lambda lib: [v.requires_grad for v in network(lib).state_dict(keep_vars=True).values()],
        lambda lib: [name for name in dir(network(lib)) if name in ("first", "mean", "scale")],
        lambda lib: network(lib).get_submodule("layers.2").out_features,
        lambda lib: tuple(network(lib).get_parameter("layers.2.weight").shape),
        lambda lib: tuple(network(lib).get_buffer("mean").shape),
        lambda lib: [m.training for m in network(lib).eval().modules()],
        lambda lib: [m.training for m in network(lib).eval().train().modules()],
        lambda lib: [p.requires_grad for p in network(lib).requires_grad_(False).parameters()],
        lambda lib: [p.dtype for p in network(lib).double().parameters()],
        lambda lib: [p.dtype for p in network(lib).half().parameters()],
        lambda lib: [p.dtype for p in network(lib).to(lib.float64).float().buffers()],
        lambda lib: [p.dtype for p in network(lib).to("cpu", lib.float64).buffers()],
        lambda lib: [p.dtype for p in network(lib).to(lib.ones(1, dtype=lib.float64)).buffers()],
        lambda lib: [p.dtype for p in network(lib).type(lib.float64).buffers()],
        lambda lib: network(lib).cpu().first.weight.device,
    ],
)
def test_what_a_module_lists_is_what_pytorch_lists(torch: Any, case: Any) -> None:
    ours, theirs = texts(case, torch)
    assert ours == theirs


@pytest.mark.parametrize(
    "case",
    [
        network,
        lambda lib: lib.nn.Parameter(lib.ones(2)),
        lambda lib: lib.nn.Parameter(lib.ones(2, dtype=lib.float64), requires_grad=False),
        lambda lib: lib.nn.Parameter(),
        lambda lib: lib.nn.Module(),
        lambda lib: lib.nn.Linear(2, 3),
        lambda lib: lib.nn.Linear(2, 3, bias=False),
        lambda lib: lib.nn.Identity(3, unused=1),
        lambda lib: lib.nn.Flatten(),
        lambda lib: lib.nn.ReLU(),
        lambda lib: lib.nn.ReLU(inplace=True),
        lambda lib: lib.nn.SiLU(inplace=True),
        lambda lib: lib.nn.LeakyReLU(0.2, inplace=True),
        lambda lib: lib.nn.ELU(),
        lambda lib: lib.nn.Softplus(),
        lambda lib: lib.nn.Sigmoid(),
        lambda lib: lib.nn.Tanh(),
        lambda lib: lib.nn.Softmax(1),
        lambda lib: lib.nn.LogSoftmax(),
        lambda lib: lib.nn.Dropout(0.2, inplace=True),
        lambda lib: lib.nn.MSELoss(),
        lambda lib: lib.nn.CrossEntropyLoss(weight=lib.ones(2)),
        lambda lib: lib.nn.Sequential(),
        lambda lib: lib.nn.Sequential(OrderedDict(a=lib.nn.ReLU(), b=lib.nn.Tanh())),
        lambda lib: lib.nn.Sequential(OrderedDict(a=lib.nn.ReLU(), b=lib.nn.Tanh()))[:1],
        lambda lib: (
            lib.nn.Sequential(OrderedDict(a=lib.nn.ReLU())) + lib.nn.Sequential(lib.nn.Tanh())
        ),
        lambda lib: lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Tanh()) * 2,
        lambda lib: 3 * lib.nn.Sequential(OrderedDict(a=lib.nn.ReLU())),
        lambda lib: operator.imul(lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Tanh()), 2),
        lambda lib: operator.imul(lib.nn.Sequential(lib.nn.ReLU()), 1),
        lambda lib: operator.iadd(
            lib.nn.Sequential(lib.nn.ReLU()), lib.nn.Sequential(lib.nn.SiLU())
        ),
        lambda lib: lib.nn.ModuleList(),
        lambda lib: lib.nn.ModuleList([network(lib), network(lib), lib.nn.ReLU()]),
        lambda lib: lib.nn.ModuleDict({"a": lib.nn.ReLU(), "b": lib.nn.Sequential(lib.nn.ReLU())}),
    ],
)
def test_a_module_prints_as_in_pytorch(torch: Any, case: Any) -> None:
    ours, theirs = texts(lambda lib: repr(case(lib)), torch)
    assert ours == theirs


# ------------------------------------------------------------------ containers


def numbers(row: Any) -> list[int]:
    """The layers of a row told apart by their sizes."""
    return [layer.in_features for layer in row]


@pytest.mark.parametrize("times", [0, -1, 1.5])
@pytest.mark.parametrize("multiply", [operator.mul, operator.imul])
def test_a_sequence_is_repeated_a_whole_number_of_times(
    multiply: Any, times: float, torch: Any
) -> None:
    raised = []
    for lib in (gl, torch):
        with pytest.raises((TypeError, ValueError)) as info:
            multiply(lib.nn.Sequential(lib.nn.ReLU()), times)
        raised.append((info.type, str(info.value).partition("<")[0]))
    assert raised[0] == raised[1]


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
@pytest.mark.parametrize(
    "change",
    [
        lambda row, layer: row,
        lambda row, layer: row.append(layer(9)),
        lambda row, layer: row.extend([layer(9), layer(10)]),
        lambda row, layer: (row.insert(1, layer(9)), row)[1],
        lambda row, layer: row[1:],
        lambda row, layer: row[::2],
        lambda row, layer: row.pop(1) and row,
        lambda row, layer: row.pop(-1) and row,
        lambda row, layer: row.__delitem__(0) or row,
        lambda row, layer: row.__delitem__(slice(0, 2)) or row,
        lambda row, layer: row.__setitem__(-1, layer(9)) or row,
        lambda row, layer: row + row[:1],
        lambda row, layer: row.__iadd__(row[:1]),
        lambda row, layer: [row[0], row[-1]],
    ],
)
def test_a_row_of_modules_changes_as_in_pytorch(torch: Any, kind: str, change: Any) -> None:
    def case(lib: ModuleType) -> Any:
        def layer(n: int) -> Any:
            return lib.nn.Linear(n, 1)

        row = getattr(lib.nn, kind)(
            *([layer(1), layer(2), layer(3)],) if kind == "ModuleList" else map(layer, (1, 2, 3))
        )
        changed = change(row, layer)
        return len(changed), numbers(changed)

    ours, theirs = texts(case, torch)
    assert ours == theirs


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
@pytest.mark.parametrize(("index", "order"), [(0, "9123"), (-1, "1293"), (3, "1239"), (7, "1239")])
def test_a_module_is_inserted_where_a_list_would(kind: str, index: int, order: str) -> None:
    row = getattr(nn, kind)()
    row.extend(nn.Linear(n, 1) for n in (1, 2, 3))
    row.insert(index, nn.Linear(9, 1))
    assert numbers(row) == [int(n) for n in order]
    assert list(row._modules) == ["0", "1", "2", "3"]


def test_a_dict_of_modules_behaves_as_a_dict() -> None:
    relu, tanh = nn.ReLU(), nn.Tanh()
    modules = nn.ModuleDict({"relu": relu})
    modules["tanh"] = tanh
    modules.update([("again", relu)])
    assert (list(modules), len(modules)) == (["relu", "tanh", "again"], 3)
    assert "tanh" in modules
    assert modules.pop("tanh") is tanh
    assert dict(modules.items()) == {"relu": relu, "again": relu}
    assert list(modules.values()) == [relu, relu]
    del modules["again"]
    assert list(modules.keys()) == ["relu"]
    modules.clear()
    assert len(modules) == 0


def test_sequential_calls_its_modules_in_order() -> None:
    model = nn.Sequential(Doubled(), nn.ReLU(), Doubled())
    assert model(gl.tensor([-1.0, 3.0])).tolist() == [0.0, 12.0]


# ------------------------------------------------------------------ errors


def _without_init(lib: ModuleType, **members: Any) -> Any:
    class Hasty(lib.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            for name, value in members.items():
                setattr(self, name, value)

    return Hasty()


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: setattr(network(lib).first, "weight", lib.ones(2)),
        lambda lib: setattr(network(lib).first, "weight", 3),
        lambda lib: setattr(network(lib), "first", 3),
        lambda lib: setattr(network(lib), "mean", 3),
        lambda lib: network(lib).register_parameter("a.b", None),
        lambda lib: network(lib).register_parameter("", None),
        lambda lib: network(lib).register_parameter(3, None),
        lambda lib: network(lib).register_parameter("training", None),
        lambda lib: network(lib).register_parameter("new", lib.ones(2)),
        lambda lib: network(lib).register_parameter("new", 1),
        lambda lib: network(lib).register_buffer("a.b", None),
        lambda lib: network(lib).register_buffer("", None),
        lambda lib: network(lib).register_buffer(3, None),
        lambda lib: network(lib).register_buffer("scale", lib.ones(2)),
        lambda lib: network(lib).register_buffer("new", 3),
        lambda lib: network(lib).add_module("a.b", lib.nn.ReLU()),
        lambda lib: network(lib).add_module("", lib.nn.ReLU()),
        lambda lib: network(lib).add_module(3, lib.nn.ReLU()),
        lambda lib: network(lib).add_module("new", 3),
        lambda lib: network(lib).add_module("scale", lib.nn.ReLU()),
        lambda lib: _without_init(lib, layer=lib.nn.ReLU()),
        lambda lib: _without_init(lib, weight=lib.nn.Parameter(lib.ones(2))),
        lambda lib: network(lib).unknown,
        lambda lib: delattr(network(lib), "unknown"),
        lambda lib: network(lib).train(3),
        lambda lib: network(lib).to(lib.int32),
        lambda lib: network(lib).get_submodule("unknown"),
        lambda lib: network(lib).get_submodule("scale"),
        lambda lib: network(lib).get_parameter("first.unknown"),
        lambda lib: network(lib).get_parameter("mean"),
        lambda lib: network(lib).get_buffer("scale"),
        lambda lib: lib.nn.Module()(1),
        lambda lib: lib.nn.Sequential(1),
        lambda lib: lib.nn.Sequential(lib.nn.ReLU())[1],
        lambda lib: lib.nn.Sequential(lib.nn.ReLU())["0"],
        lambda lib: operator.add(lib.nn.Sequential(), [lib.nn.ReLU()]),
        lambda lib: operator.iadd(lib.nn.Sequential(), [1]),
        lambda lib: lib.nn.ModuleList(3),
        lambda lib: lib.nn.ModuleList([lib.nn.ReLU()])(1),
        lambda lib: lib.nn.ModuleDict(3),
        lambda lib: lib.nn.ModuleDict([("a", lib.nn.ReLU(), 3)]),
        lambda lib: lib.nn.Parameter(lib.ones(2, dtype=lib.int64)),
        lambda lib: lib.nn.Dropout(3),
        lambda lib: network(lib).load_state_dict(3),
    ],
)
def test_a_module_refuses_what_pytorch_refuses_in_its_words(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


def test_a_parameter_that_was_computed_is_refused() -> None:
    computed = nn.Parameter(gl.ones(2))
    computed._edge = (gl.ones(2, requires_grad=True) * 2)._edge
    with pytest.raises(ValueError, match=r"Cannot assign non-leaf Tensor to parameter 'p'\. Model"):
        nn.Module().register_parameter("p", computed)


# ------------------------------------------------------------------ attributes


def test_an_attribute_moves_between_the_tables_with_what_is_assigned() -> None:
    module = nn.Module()
    module.x = 1
    module.x = nn.Parameter(gl.ones(2))
    assert names(module.named_parameters()) == ["x"]
    assert "x" not in module.__dict__
    module.x = None
    assert (names(module.named_parameters()), module.x) == ([], None)
    module.x = nn.ReLU()
    assert (list(module._parameters), list(module._modules)) == ([], ["x"])
    del module.x
    assert not hasattr(module, "x")


def test_a_parameter_keeps_its_place_when_it_is_replaced() -> None:
    layer = nn.Linear(2, 2)
    layer.weight = nn.Parameter(gl.ones(2, 2))
    assert names(layer.named_parameters()) == ["weight", "bias"]


def test_a_buffer_can_be_replaced_by_a_tensor_and_deleted() -> None:
    module = nn.Module()
    module.register_buffer("mean", gl.zeros(2), persistent=False)
    module.mean = gl.ones(2)
    assert module.mean.tolist() == [1.0, 1.0]
    assert list(module.state_dict()) == []
    del module.mean
    assert names(module.named_buffers()) == []


def test_parameters_lie_in_the_memory_of_what_they_are_made_from() -> None:
    data = gl.ones(2)
    parameter = nn.Parameter(data)
    data.add_(1)
    assert parameter.tolist() == [2.0, 2.0]
    assert parameter.is_leaf
    assert isinstance(parameter, gl.Tensor)


# ------------------------------------------------------------------ saving and loading


@pytest.mark.parametrize(
    "state",
    [
        lambda lib: {"weight": lib.ones(3)},
        lambda lib: {"weight": lib.ones(2, 2), "more": 1, "weight.x": 2},
        lambda lib: {"weight": 3, "bias": lib.ones(2)},
        lambda lib: {"0.weight": lib.ones(2, 2), "x": 1},
    ],
)
def test_what_does_not_fit_is_told_in_pytorchs_words(torch: Any, state: Any) -> None:
    assert_same_error(lambda lib: lib.nn.Linear(2, 2).load_state_dict(state(lib)), torch)
    assert_same_error(
        lambda lib: lib.nn.Sequential(lib.nn.Linear(2, 2)).load_state_dict(state(lib)), torch
    )


@pytest.mark.parametrize("state", [{}, {"weight": 1}, {"weight": 1, "bias": 1}, {"a": 1, "b.c": 1}])
def test_without_strict_the_names_that_did_not_fit_are_returned(torch: Any, state: Any) -> None:
    def case(lib: ModuleType) -> Any:
        tensors = {name: lib.ones(2, 2) if name == "weight" else lib.ones(2) for name in state}
        return lib.nn.Linear(2, 2).load_state_dict(tensors, strict=False)

    ours, theirs = texts(case, torch)
    assert ours == theirs


def test_a_loaded_module_computes_the_same() -> None:
    one, other = network(gl), network(gl)
    keys = other.load_state_dict(one.state_dict())
    assert (keys.missing_keys, keys.unexpected_keys) == ([], [])
    for ours, theirs in zip(other.parameters(), one.parameters(), strict=True):
        assert ours.tolist() == theirs.tolist()
        assert ours is not theirs


def test_loading_with_assign_takes_the_tensors_themselves() -> None:
    layer = nn.Linear(2, 1)
    weight, bias = gl.ones(1, 2, dtype=gl.float64), nn.Parameter(gl.zeros(1))
    layer.load_state_dict({"weight": weight, "bias": bias}, assign=True)
    assert layer.bias is bias
    assert (layer.weight.dtype, layer.weight.requires_grad) == (gl.float64, True)


def older(lib: ModuleType, make: Any, *names: str) -> Any:
    """A layer, and what an older version saved of it: without ``names``, not saying its version."""
    layer = make(lib.nn)
    state = {k: v + 1 for k, v in layer.state_dict().items() if k.split(".")[-1] not in names}
    return layer, state


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.BatchNorm2d(2),
        lambda nn: nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2)),
        lambda nn: nn.InstanceNorm2d(2, track_running_stats=True),
        lambda nn: nn.BatchNorm2d(2, track_running_stats=False),
    ],
)
def test_norms_saved_before_batches_were_counted_load(make: Any, torch: Any) -> None:
    def loaded(lib: ModuleType) -> Any:
        layer, state = older(lib, make, "num_batches_tracked")
        keys = layer.load_state_dict(state)
        return (
            keys,
            [k for k in layer.state_dict() if "num" in k],
            len(state),
            list(layer.buffers()),
        )

    ours, theirs = texts(loaded, torch)
    assert ours == theirs


def test_norms_that_do_say_their_version_need_the_count(torch: Any) -> None:
    def load(lib: ModuleType) -> None:
        state = lib.nn.BatchNorm1d(3).state_dict()
        del state["num_batches_tracked"]
        lib.nn.BatchNorm1d(3).load_state_dict(state)

    assert_same_error(load, torch)
    versions = [layer.state_dict()._metadata for layer in (nn.BatchNorm1d(1), nn.InstanceNorm1d(1))]
    assert versions == [{"": {"version": 2}}] * 2


def test_running_statistics_for_a_layer_without_are_refused(torch: Any) -> None:
    def error(lib: ModuleType) -> str:
        _, state = older(
            lib, lambda nn: nn.Sequential(nn.InstanceNorm2d(2, 1e-5, 0.1, False, True))
        )
        with pytest.raises(RuntimeError) as info:
            lib.nn.Sequential(lib.nn.InstanceNorm2d(2)).load_state_dict(state)
        return str(info.value)

    assert error(torch).startswith(error(gl))


def test_a_state_dict_shares_memory_with_the_module() -> None:
    layer = nn.Linear(2, 2)
    layer.state_dict()["weight"].zero_()
    assert layer.weight.tolist() == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copied_or_pickled_module_is_a_module_of_its_own(copied: Any) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    twin = copied(model)
    x = gl.ones(4, 2)
    assert repr(twin) == repr(model)
    assert twin(x).tolist() == model(x).tolist()
    twin[0].weight.data.zero_()
    assert twin(x).tolist() != model(x).tolist()
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in twin.parameters())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copied_or_pickled_module_leaves_gradients_behind(copied: Any, torch: Any) -> None:
    def kept(lib: ModuleType) -> Any:
        model = lib.nn.Linear(2, 1)
        model.register_buffer("seen", lib.ones(2, requires_grad=True))
        (model(lib.ones(1, 2)) + model.seen.sum()).sum().backward()
        twin = copied(model)
        return [p.grad for p in twin.parameters()], twin.seen.grad, model.bias.grad

    ours, theirs = texts(kept, torch)
    assert ours == theirs


# ------------------------------------------------------------------ all at once


def test_apply_reaches_children_before_parents() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
    seen: list[str] = []
    assert model.apply(lambda module: seen.append(type(module).__name__)) is model
    assert seen == ["ReLU", "Tanh", "Sequential", "Sequential"]


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad_removes_or_empties_gradients(set_to_none: bool) -> None:
    layer = nn.Linear(2, 1)
    layer(gl.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none)
    expected = None if set_to_none else [[0.0, 0.0]]
    grad = layer.weight.grad
    assert (grad if grad is None else grad.tolist()) == expected


def test_converting_keeps_parameters_and_converts_gradients() -> None:
    layer = nn.Linear(2, 1)
    weight = layer.weight
    layer(gl.ones(1, 2)).sum().backward()
    layer.double()
    assert layer.weight is weight
    assert weight.grad is not None
    assert (weight.dtype, weight.grad.dtype) == (gl.float64, gl.float64)
    layer(gl.ones(1, 2, dtype=gl.float64)).sum().backward()
    assert weight.grad.tolist() == [[2.0, 2.0]]


def test_converting_leaves_whole_numbers_alone() -> None:
    module = nn.Module()
    module.register_buffer("count", gl.tensor(3))
    assert module.to(gl.float64).count.dtype is gl.int64
    assert module.half().count.dtype is gl.int64


# ------------------------------------------------------------------ hooks


def test_hooks_see_and_replace_arguments_and_result() -> None:
    module, seen = Doubled(), []

    def add_one(module: Any, args: Any) -> Any:
        seen.append(("pre", args[0].tolist()))
        return args[0] + 1

    def negate(module: Any, args: Any, output: Any) -> Any:
        seen.append(("post", args[0].tolist(), output.tolist()))
        return -output

    handles = [module.register_forward_pre_hook(add_one), module.register_forward_hook(negate)]
    assert module(gl.tensor(1.0)).item() == -4.0
    assert seen == [("pre", 1.0), ("post", 2.0, 4.0)]
    for handle in handles:
        handle.remove()
    assert module(gl.tensor(1.0)).item() == 2.0


def test_hooks_with_kwargs_see_and_replace_them() -> None:
    module = Doubled()
    module.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {"times": kwargs["times"] + 1}), with_kwargs=True
    )
    module.register_forward_hook(
        lambda module, args, kwargs, output: output + kwargs["times"], with_kwargs=True
    )
    assert module(gl.tensor(1.0), times=3).item() == 8.0


@pytest.mark.parametrize("kind", ["register_forward_hook", "register_forward_pre_hook"])
def test_a_prepended_hook_comes_first(kind: str) -> None:
    module, seen = nn.Identity(), []
    register = getattr(module, kind)
    register(lambda *args: seen.append("first"))
    register(lambda *args: seen.append("second"), prepend=True)
    module(gl.ones(1))
    assert seen == ["second", "first"]


def test_a_pre_hook_with_kwargs_must_return_both() -> None:
    module = Doubled()
    module.register_forward_pre_hook(lambda *args: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"^forward pre-hook must return None or a tuple of"):
        module(gl.ones(1))


class Failing(nn.Module):
    def forward(self) -> Any:
        raise KeyError("broken")


def test_a_hook_that_is_always_called_sees_a_failure() -> None:
    module, seen = Failing(), []
    module.register_forward_hook(lambda *args: seen.append("skipped"))
    module.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(KeyError, match="broken"):
        module()
    assert seen == [None]


def test_a_failing_hook_does_not_hide_the_first_failure() -> None:
    module = Failing()
    module.register_forward_hook(lambda *args: 1 / 0, always_call=True)
    with (
        pytest.raises(KeyError, match="broken"),
        pytest.warns(UserWarning, match="raised an exception that was silenced"),
    ):
        module()


def test_linear_computes_what_pytorchs_computes(torch: Any, device: str) -> None:
    theirs = torch.nn.Linear(5, 3)
    ours = nn.Linear(5, 3)
    ours.load_state_dict({k: gl.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    ours.to(device)
    for shape in [(5,), (4, 5), (2, 4, 5), (0, 5)]:
        x = torch.randn(*shape)
        assert_close(ours(gl.tensor(x.numpy()).to(device)), theirs(x), rtol=1e-5, atol=1e-6)
