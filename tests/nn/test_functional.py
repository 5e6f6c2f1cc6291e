"""Functions of nn: values, gradients, node names and errors are PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from gradlab.autograd import gradcheck, gradgradcheck
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def drawn(*shape: int, low: float = -2.0, high: float = 2.0) -> Any:
    return np.random.default_rng(len(shape)).uniform(low, high, shape)


def classes(*shape: int, below: int = 3) -> Any:
    return np.random.default_rng(0).integers(0, below, shape)


WEIGHT = np.array([0.5, 2.0, 1.0])


def _tensor(lib: ModuleType, value: Any, device: str) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    tensor = lib.tensor(value)
    if lib is gl:
        tensor = tensor.to(device)
    return tensor.requires_grad_() if value.dtype.kind == "f" and value is not WEIGHT else tensor


def assert_same(
    torch: Any, device: str, function: Callable[..., Any], arguments: Any, options: Any
) -> None:
    """The same value, the same kind of node, the same gradients of every floating argument."""
    inputs, results = [], []
    for lib in (gl, torch):
        tensors = [_tensor(lib, value, device) for value in arguments]
        named = {name: _tensor(lib, value, device) for name, value in options.items()}
        inputs.append(tensors)
        results.append(function(lib.nn.functional)(*tensors, **named))
    ours, theirs = results
    assert_close(ours, theirs, rtol=1e-11, atol=1e-13)
    assert _operation(ours) == _operation(theirs)
    (ours * ours).sum().backward()
    (theirs * theirs).sum().backward()
    for one, other in zip(*inputs, strict=True):
        if getattr(other, "grad", None) is not None:
            assert_close(one.grad, other.grad, rtol=1e-10, atol=1e-12)


def _operation(tensor: Any) -> str:
    """The node's name without the number of the overload."""
    name: str = tensor.grad_fn.name()
    return name.rstrip("0123456789")


REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("mse_loss", (drawn(4, 3), drawn(4, 3) + 1), {}),
        ("mse_loss", (drawn(), np.asarray(drawn() + 1)), {}),
        ("l1_loss", (drawn(4, 3), drawn(4, 3) + 1), {}),
        ("nll_loss", (drawn(4, 3), classes(4)), {}),
        ("nll_loss", (drawn(3), classes()), {}),
        ("nll_loss", (drawn(4, 3), classes(4)), {"ignore_index": 1}),
        ("nll_loss", (drawn(4, 3), classes(4)), {"weight": WEIGHT, "ignore_index": 1}),
        ("nll_loss", (drawn(2, 3, 4), classes(2, 4)), {}),
        ("nll_loss", (drawn(2, 3, 4, 5), classes(2, 4, 5)), {"weight": WEIGHT}),
        ("nll_loss", (drawn(2, 3, 2, 2, 2), classes(2, 2, 2, 2)), {"ignore_index": 0}),
        ("cross_entropy", (drawn(4, 3), classes(4)), {}),
        ("cross_entropy", (drawn(3), classes()), {}),
        ("cross_entropy", (drawn(2, 3, 4, 5), classes(2, 4, 5)), {"weight": WEIGHT}),
        ("cross_entropy", (drawn(4, 3), classes(4)), {"label_smoothing": 0.1}),
        (
            "cross_entropy",
            (drawn(4, 3), classes(4)),
            {"label_smoothing": 0.1, "weight": WEIGHT, "ignore_index": 1},
        ),
        ("cross_entropy", (drawn(4, 3), drawn(4, 3, low=0.0)), {}),
        (
            "cross_entropy",
            (drawn(2, 3, 4), drawn(2, 3, 4, low=0.0)),
            {"weight": WEIGHT, "label_smoothing": 0.2},
        ),
        ("binary_cross_entropy", (drawn(4, 3, low=0.1, high=0.9), drawn(4, 3, low=0, high=1)), {}),
        (
            "binary_cross_entropy",
            (drawn(4, 3, low=0.1, high=0.9), drawn(4, 3, low=0, high=1)),
            {"weight": WEIGHT},
        ),
        ("binary_cross_entropy_with_logits", (drawn(4, 3), drawn(4, 3, low=0, high=1)), {}),
        (
            "binary_cross_entropy_with_logits",
            (drawn(4, 3), drawn(4, 3, low=0, high=1)),
            {"weight": WEIGHT, "pos_weight": WEIGHT},
        ),
        ("binary_cross_entropy_with_logits", (400 * drawn(4, 3), drawn(4, 3, low=0, high=1)), {}),
    ],
)
def test_losses_are_pytorchs(
    torch: Any, device: str, name: str, arguments: Any, options: Any, reduction: str
) -> None:
    assert_same(
        torch, device, lambda F: getattr(F, name), arguments, {**options, "reduction": reduction}
    )


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("relu", (drawn(4, 3),), {}),
        ("silu", (50 * drawn(4, 3),), {}),
        ("leaky_relu", (drawn(4, 3),), {}),
        ("leaky_relu", (drawn(4, 3), 0.3), {}),
        ("elu", (drawn(4, 3),), {}),
        ("elu", (500 * drawn(4, 3), 1.5), {}),
        ("softplus", (20 * drawn(4, 3),), {}),
        ("softplus", (drawn(4, 3), 2.0, 1.0), {}),
        ("sigmoid", (drawn(4, 3),), {}),
        ("tanh", (drawn(4, 3),), {}),
        ("softmax", (drawn(4, 3), 0), {}),
        ("softmax", (drawn(4, 3),), {"dim": -1}),
        ("log_softmax", (drawn(4, 3), 1), {}),
        ("linear", (drawn(4, 3), drawn(2, 3), drawn(2)), {}),
        ("linear", (drawn(4, 3), drawn(2, 3)), {}),
    ],
)
def test_activations_are_pytorchs(
    torch: Any, device: str, name: str, arguments: Any, options: Any
) -> None:
    assert_same(torch, device, lambda F: getattr(F, name), arguments, options)


@pytest.mark.parametrize("name", ["relu", "silu", "leaky_relu", "elu"])
def test_an_activation_in_place_overwrites_its_input(torch: Any, name: str) -> None:
    found = []
    for lib in (gl, torch):
        leaf = lib.tensor(drawn(3), requires_grad=True)
        x = leaf * 1
        y = getattr(lib.nn.functional, name)(x, inplace=True)
        assert y is x
        y.sum().backward()
        found.append((y.detach(), leaf.grad))
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (2, 3, 2, 2)])
def test_a_dim_left_out_is_guessed_with_a_warning(torch: Any, name: str, shape: Any) -> None:
    found = []
    for lib in (gl, torch):
        with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been"):
            found.append(getattr(lib.nn.functional, name)(lib.tensor(drawn(*shape))))
    assert_close(*found, rtol=1e-12)


# ------------------------------------------------------------------ edges


@pytest.mark.parametrize(
    "case",
    [
        lambda lib, F: F.mse_loss(lib.zeros(0), lib.zeros(0)),
        lambda lib, F: F.mse_loss(lib.zeros(0), lib.zeros(0), reduction="sum"),
        lambda lib, F: F.nll_loss(lib.zeros(2, 3), lib.tensor([-100, -100])),
        lambda lib, F: F.nll_loss(lib.zeros(0, 3), lib.zeros(0, dtype=lib.int64)),
        lambda lib, F: F.cross_entropy(lib.zeros(2, 3), lib.tensor([1, 2], dtype=lib.uint8)),
        lambda lib, F: F.binary_cross_entropy(lib.tensor([0.0, 1.0]), lib.tensor([1.0, 0.0])),
        lambda lib, F: F.binary_cross_entropy(lib.tensor([0.0, 1.0]), lib.tensor([0.0, 1.0])),
        lambda lib, F: F.binary_cross_entropy_with_logits(lib.tensor([1e4]), lib.tensor([0.0])),
        lambda lib, F: F.mse_loss(lib.ones(2), lib.ones(2, dtype=lib.float64)),
        lambda lib, F: F.one_hot(lib.tensor([[0, 2], [1, 1]])),
        lambda lib, F: F.one_hot(lib.tensor(1), 4),
        lambda lib, F: F.one_hot(lib.zeros(0, dtype=lib.int64), 2),
        lambda lib, F: F.dropout(lib.ones(5), 1.0),
        lambda lib, F: F.dropout(lib.ones(5), 0.7, training=False),
    ],
)
def test_edge_cases_print_as_in_pytorch(torch: Any, case: Any) -> None:
    assert repr(case(gl, gl.nn.functional)) == repr(case(torch, torch.nn.functional))


@pytest.mark.parametrize(
    "case",
    [
        lambda lib, F: F.mse_loss(lib.ones(2), lib.ones(2), reduction="unknown"),
        lambda lib, F: F.mse_loss(lib.ones(2, dtype=lib.int64), lib.ones(2, dtype=lib.int64)),
        lambda lib, F: F.cross_entropy(lib.ones(3, 2), lib.tensor([0, 1])),
        lambda lib, F: F.nll_loss(lib.ones(3, 2), lib.tensor([0, 1, 2])),
        lambda lib, F: F.nll_loss(lib.ones(3, 2), lib.tensor([0, -1, 0])),
        lambda lib, F: F.nll_loss(lib.ones(3, 2), lib.tensor([0.0, 1.0, 1.0])),
        lambda lib, F: F.nll_loss(lib.ones(3, 2), lib.tensor([0, 1, 1], dtype=lib.int32)),
        lambda lib, F: F.nll_loss(lib.ones(3, 2, 4), lib.zeros(3, 5, dtype=lib.int64)),
        lambda lib, F: F.nll_loss(lib.ones(3, 2), lib.zeros(3, 1, dtype=lib.int64)),
        lambda lib, F: F.cross_entropy(lib.ones(3, 2), lib.zeros(3).long(), label_smoothing=2.0),
        lambda lib, F: F.binary_cross_entropy(lib.ones(3) * 2, lib.ones(3)),
        lambda lib, F: F.binary_cross_entropy(lib.ones(3, 2), lib.ones(3, 1)),
        lambda lib, F: F.binary_cross_entropy_with_logits(lib.ones(3, 2), lib.ones(3, 1)),
        lambda lib, F: F.one_hot(lib.tensor([0, 3]), 2),
        lambda lib, F: F.one_hot(lib.tensor([0.0, 3.0])),
        lambda lib, F: F.one_hot(lib.tensor([-1])),
        lambda lib, F: F.one_hot(lib.zeros(0, dtype=lib.int64)),
        lambda lib, F: F.dropout(lib.ones(2), 1.5),
    ],
)
def test_wrong_arguments_are_told_in_pytorchs_words(torch: Any, case: Any) -> None:
    assert_same_error(lambda lib: case(lib, lib.nn.functional), torch)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
def test_shapes_that_broadcast_are_warned_of(torch: Any, name: str) -> None:
    found = []
    for lib in (gl, torch):
        one, other = lib.tensor(drawn(3)), lib.tensor(drawn(2, 1))
        with pytest.warns(UserWarning, match=r"Using a target size \(torch.Size\(\[2, 1\]\)\)"):
            found.append(getattr(lib.nn.functional, name)(one, other))
    assert_close(*found, rtol=1e-12)


def test_dropout_draws_as_pytorch_does(torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(5)
        x = lib.ones(100, requires_grad=True)
        y = lib.nn.functional.dropout(x, 0.3)
        y.sum().backward()
        found.append((y.detach(), x.grad))
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, rtol=1e-6)


def test_dropout_is_nothing_when_it_is_off() -> None:
    x = gl.ones(3)
    assert gl.nn.functional.dropout(x, 0.5, training=False) is x
    assert gl.nn.functional.dropout(x, 0.0) is x
    assert gl.nn.Dropout().eval()(x) is x


def test_what_a_loss_saves_has_pytorchs_names(torch: Any) -> None:
    for lib in (gl, torch):
        x = lib.ones(3, requires_grad=True)
        node = lib.nn.functional.mse_loss(x, lib.zeros(3)).grad_fn
        assert node._saved_reduction == 1
        assert node._saved_self.tolist() == [1.0, 1.0, 1.0]
        assert node._saved_target.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mse_loss", (drawn(3, 2), drawn(3, 2) + 1)),
        ("nll_loss", (drawn(4, 3), classes(4))),
        ("nll_loss", (drawn(4, 3), classes(4), WEIGHT)),
        ("nll_loss", (drawn(2, 3, 2, 2), classes(2, 2, 2))),
        ("cross_entropy", (drawn(4, 3), classes(4))),
        ("binary_cross_entropy", (drawn(3, low=0.2, high=0.8), drawn(3, low=0.2, high=0.8))),
        ("binary_cross_entropy_with_logits", (drawn(3), drawn(3, low=0.2, high=0.8))),
        ("binary_cross_entropy_with_logits", (drawn(3), drawn(3, low=0.2, high=0.8), WEIGHT)),
    ],
)
def test_first_and_second_derivatives_of_losses_are_right(
    name: str, arguments: Any, reduction: str
) -> None:
    function = getattr(gl.nn.functional, name)
    tensors = [_tensor(gl, value, "cpu") for value in arguments]
    scored = [t for t in tensors if t.requires_grad]

    def of(*inputs: Any) -> Any:
        return function(*inputs, *tensors[len(scored) :], reduction=reduction)

    assert gradcheck(of, tuple(scored))
    assert gradgradcheck(of, tuple(scored))


LOSSES = ["MSELoss", "L1Loss", "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "NLLLoss"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_loss_modules_do_what_their_functions_do(torch: Any, name: str, reduction: str) -> None:
    by_class = name in ("CrossEntropyLoss", "NLLLoss")
    target = classes(4) if by_class else drawn(4, 3, low=0, high=1)
    arguments = (drawn(4, 3, low=0.1, high=0.9), target)
    results = []
    for lib in (gl, torch):
        weighted = {} if name in ("MSELoss", "L1Loss") else {"weight": lib.tensor(WEIGHT)}
        module = getattr(lib.nn, name)(**weighted, reduction=reduction)
        results.append(module(*map(lib.tensor, arguments)))
        assert list(module.state_dict()) == list(weighted)
    assert_close(*results, rtol=1e-11)


ACTIVATIONS = [
    ("ReLU", ()),
    ("SiLU", ()),
    ("LeakyReLU", (0.2,)),
    ("ELU", (1.5,)),
    ("Sigmoid", ()),
    ("Tanh", ()),
    ("Softplus", (2.0,)),
    ("Softmax", (1,)),
    ("LogSoftmax", (0,)),
    ("Flatten", (0,)),
    ("Identity", ()),
]


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_activation_modules_are_pytorchs(torch: Any, name: str, arguments: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        modules = [getattr(lib.nn, name)(*arguments) for lib in (gl, torch)]
        results = [m(lib.tensor(drawn(4, 3))) for m, lib in zip(modules, (gl, torch), strict=True)]
    assert_close(*results, rtol=1e-12)
