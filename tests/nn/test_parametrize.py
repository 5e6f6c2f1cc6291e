"""Parametrized modules: text, names, numbers, gradients and errors are PyTorch's."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error, texts


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def module(lib: Any, forward: Callable[[Any], Any], inverse: Any = None, name: str = "Map") -> Any:
    """A parametrization that does this, and undoes it so."""
    members = {"forward": lambda self, *x: forward(*x)}
    if inverse is not None:
        members["right_inverse"] = lambda self, x: inverse(x)
    return type(name, (lib.nn.Module,), members)()


def symmetric(lib: Any) -> Any:
    return module(lib, lambda x: x.triu() + x.triu(1).transpose(-1, -2), lambda a: a.triu(), "Sym")


def exp(lib: Any) -> Any:
    return module(lib, lambda x: x.exp(), lambda a: a.log(), "Exp")


def doubled(lib: Any) -> Any:
    return module(lib, lambda x: 2 * x, name="Doubled")


def product(lib: Any) -> Any:
    return module(lib, lambda a, b: a * b, lambda w: (w.abs(), w.sign()), "Product")


def linear(lib: Any, *parametrizations: Any, **options: Any) -> Any:
    """A layer with a parametrized weight."""
    lib.manual_seed(0)
    layer = lib.nn.Linear(3, 3)
    for one in parametrizations:
        of(lib).register_parametrization(layer, "weight", one(lib), **options)
    return layer


def of(lib: Any) -> Any:
    return lib.nn.utils.parametrize


def described(layer: Any) -> list[Any]:
    names = [name for name, _ in layer.named_parameters()]
    return [layer, list(layer.state_dict()), names, layer.weight, layer.bias]


def assigned(lib: Any, *parametrizations: Any) -> list[Any]:
    layer = linear(lib, *parametrizations)
    layer.weight = -1 - lib.arange(9.0).view(3, 3)
    return [layer.weight, layer.state_dict()]


def removed(lib: Any, leave: bool, *parametrizations: Any) -> list[Any]:
    layer = linear(lib, *parametrizations)
    found = of(lib).remove_parametrizations(layer, "weight", leave_parametrized=leave)
    return [found is layer, type(layer).__name__, *described(layer)]


def two_tensors(lib: Any) -> list[Any]:
    layer = linear(lib, symmetric)
    of(lib).register_parametrization(layer, "bias", doubled(lib))
    text = str(described(layer))
    of(lib).remove_parametrizations(layer, "weight")
    return [text, *described(layer), of(lib).is_parametrized(layer)]


def copied(lib: Any) -> list[Any]:
    layer = linear(lib, symmetric)
    other = copy.deepcopy(layer)
    with lib.no_grad():
        layer.parametrizations.weight.original.fill_(0)
    return [type(other).__name__, *described(other)]


def buffer(lib: Any) -> list[Any]:
    norm = lib.nn.BatchNorm1d(2)
    norm.running_mean.fill_(3.0)
    of(lib).register_parametrization(norm, "running_mean", exp(lib))
    return [norm, norm.state_dict(), norm.running_mean]


def transferred(lib: Any) -> list[Any]:
    one = linear(lib, symmetric, doubled)
    other = of(lib).transfer_parametrizations_and_params(one, lib.nn.Linear(3, 3))
    shared = other.parametrizations.weight.original is one.parametrizations.weight.original
    return [shared, other, other.weight]


def asked(lib: Any) -> list[Any]:
    layer = linear(lib, symmetric)
    is_parametrized = of(lib).is_parametrized
    return [
        is_parametrized(layer),
        is_parametrized(layer, "weight"),
        is_parametrized(layer, "bias"),
        is_parametrized(lib.nn.Linear(2, 2)),
        of(lib).type_before_parametrizations(layer) is lib.nn.Linear,
        of(lib).type_before_parametrizations(lib.nn.ReLU()) is lib.nn.ReLU,
    ]


PRINTED: list[Callable[[Any], Any]] = [
    lambda lib: described(linear(lib, symmetric)),
    lambda lib: described(linear(lib, symmetric, doubled)),
    lambda lib: described(linear(lib, product)),
    lambda lib: described(linear(lib, product, doubled)),
    lambda lib: assigned(lib, symmetric),
    lambda lib: assigned(lib, product),
    lambda lib: removed(lib, True, symmetric),
    lambda lib: removed(lib, False, symmetric),
    lambda lib: removed(lib, True, product),
    lambda lib: lib.nn.Sequential(linear(lib, symmetric), lib.nn.ReLU()).double(),
    lambda lib: linear(lib, lambda lib: module(lib, lambda x: x[:1]), unsafe=True).weight,
    lambda lib: linear(lib, symmetric).parametrizations.weight,
    lambda lib: linear(lib, symmetric).eval().parametrizations.weight[0].training,
    two_tensors,
    copied,
    buffer,
    transferred,
    asked,
]


@pytest.mark.parametrize("case", PRINTED)
def test_what_is_printed_is_pytorchs(torch: Any, case: Callable[[Any], Any]) -> None:
    ours, theirs = texts(case, torch)
    assert ours == theirs


def test_training_changes_what_the_tensor_is_made_of(torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        layer = linear(lib, symmetric)
        original = layer.parametrizations.weight.original
        optimizer = lib.optim.SGD(layer.parameters(), lr=0.1)
        layer(lib.arange(3.0)).square().sum().backward()
        optimizer.step()
        assert layer.parametrizations.weight.original is original
        assert lib.equal(layer.weight, layer.weight.T)
        found.append((layer.weight, original.grad))
    for one, other in zip(*found, strict=True):
        assert_close(one, other, rtol=1e-5)


def test_a_state_dict_is_loaded_into_a_module_parametrized_alike() -> None:
    one, other = linear(gl, symmetric), linear(gl, symmetric)
    with gl.no_grad():
        one.parametrizations.weight.original.mul_(2)
    assert str(other.load_state_dict(one.state_dict())) == "<All keys matched successfully>"
    assert other.weight.equal(one.weight)


def test_in_a_cached_block_a_tensor_is_computed_once() -> None:
    layer, other = linear(gl, symmetric), linear(gl, symmetric)
    assert layer.weight is not layer.weight
    with gl.nn.utils.parametrize.cached():
        before = layer.weight
        with gl.nn.utils.parametrize.cached():
            assert layer.weight is before
        assert layer.weight is before
        assert other.weight is not before
    assert layer.weight is not before


def test_other_layers_of_the_class_stay_as_they_are() -> None:
    layer = linear(gl, symmetric)
    assert type(gl.nn.Linear(3, 3)) is gl.nn.Linear
    assert isinstance(layer, gl.nn.Linear)
    assert "weight" not in vars(gl.nn.Linear)


def test_parametrized_modules_are_saved_by_their_state_dict_only(torch: Any) -> None:
    with pytest.raises(RuntimeError, match=r"only supported through state_dict\(\)"):
        pickle.dumps(linear(gl, symmetric))


def assign(lib: Any, layer: Any) -> None:
    layer.weight = lib.ones(3, 3)


RESULTS = [lambda x: x.double(), lambda x: x[:1], lambda x: 3]
UNDONE = [lambda w: 3, lambda w: w.double(), lambda w: [3]]


WRONG: list[Callable[[Any], Any]] = [
    *(
        lambda lib, do=do, before=before: linear(lib, *before, lambda lib: module(lib, do))
        for do in RESULTS
        for before in ([], [symmetric])
    ),
    *(
        lambda lib, undo=undo, before=before: linear(
            lib, *before, lambda lib: module(lib, lambda x: x, undo)
        )
        for undo in UNDONE
        for before in ([], [symmetric])
    ),
    lambda lib: of(lib).register_parametrization(lib.nn.Linear(2, 2), "w", symmetric(lib)),
    lambda lib: of(lib).remove_parametrizations(lib.nn.Linear(2, 2), "weight"),
    lambda lib: removed(lib, False, product),
    lambda lib: assign(lib, linear(lib, doubled)),
    lambda lib: setattr(linear(lib, symmetric), "weight", lib.nn.Parameter(lib.ones(3, 3))),
    lambda lib: of(lib).ParametrizationList([], lib.ones(2)),
]


@pytest.mark.parametrize("case", WRONG)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Callable[[Any], Any]) -> None:
    assert_same_error(case, torch)
