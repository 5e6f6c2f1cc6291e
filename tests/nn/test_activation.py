"""Activations: values, gradients, overwriting, kinks and texts are PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_same_error

torch = pytest.importorskip("torch")

KINKS = np.array(
    [
        -np.inf,
        -30,
        -3.5,
        -3,
        -1,
        -0.5,
        -0.25,
        -0.0,
        0,
        0.25,
        0.5,
        1,
        2.5,
        3,
        6,
        7,
        30,
        np.inf,
        np.nan,
    ]
)

CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("relu", ()), ("relu6", ()), ("leaky_relu", ()), ("leaky_relu", (0.3,)), ("leaky_relu", (0,)),
    ("leaky_relu", (1.5,)), ("leaky_relu", (-0.5,)), ("rrelu", ()), ("rrelu", (0.1, 0.5)),
    ("threshold", (0.5, 2.5)), ("threshold", (-0.5, -7)), ("hardtanh", ()), ("hardtanh", (-3, 3)),
    ("hardshrink", ()), ("hardshrink", (0.25,)), ("softshrink", ()), ("softshrink", (0.25,)),
    ("hardsigmoid", ()), ("hardswish", ()), ("silu", ()), ("mish", ()), ("gelu", ()),
    ("elu", ()), ("elu", (1.5,)), ("selu", ()), ("celu", ()), ("celu", (2.0,)),
    ("softplus", ()), ("softplus", (2, 5)), ("logsigmoid", ()), ("tanhshrink", ()),
    ("softsign", ()), ("sigmoid", ()), ("tanh", ()),
]  # fmt: skip


def both(function: Any) -> tuple[Any, Any]:
    return function(gl), function(torch)


def applied(lib: ModuleType, name: str, options: Any, numbers: Any, dtype: str) -> list[Any]:
    """The name of the node, the values, the gradient."""
    x = lib.tensor(numbers.tolist(), dtype=getattr(lib, dtype), requires_grad=True)
    y = getattr(lib.nn.functional, name)(x, *options)
    (gradient,) = lib.autograd.grad((y * 2).sum(), x)
    return [y.grad_fn.name(), y.detach().numpy(), gradient.numpy()]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize(("name", "options"), CALLS)
def test_values_and_gradients_are_pytorchs_at_kinks_too(
    name: str, options: Any, dtype: str
) -> None:
    small = dtype == "float16" or (name == "gelu" and dtype == "float32")  # there PyTorch has nan
    numbers = KINKS[np.abs(KINKS) < 8] if small else KINKS
    ours, theirs = both(lambda lib: applied(lib, name, options, numbers, dtype))
    assert ours[0] == theirs[0]
    near = {"float64": 1e-11, "float32": 3e-6, "float16": 4e-3}[dtype]
    if name == "hardsigmoid":  # whose gradient PyTorch computes with 1/6 in float32
        near = max(near, 1e-7)
    for one, two in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_allclose(one, two, rtol=near, atol=near)


IN_PLACE = [
    ("relu_", ()), ("leaky_relu_", (0.3,)), ("elu_", (1.5,)), ("celu_", (2.0,)), ("selu_", ()),
    ("hardtanh_", ()), ("threshold_", (0.5, 2.0)), ("rrelu_", (0.1, 0.5)),
    ("relu6", ()), ("silu", ()), ("mish", ()), ("hardswish", ()), ("hardsigmoid", ()),
    ("leaky_relu", (0.3,)), ("elu", (1.5,)), ("celu", (2.0,)), ("selu", ()), ("rrelu", (0.1, 0.5)),
    ("hardtanh", (-2, 2)), ("threshold", (0.5, 2.0)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), IN_PLACE)
def test_in_place_forms_overwrite_their_input(name: str, options: Any) -> None:
    def found(lib: ModuleType) -> list[Any]:
        leaf = lib.tensor([-1.5, -0.2, 0.7, 2.5], dtype=lib.float64, requires_grad=True)
        x = leaf + 0
        also = {} if name.endswith("_") else {"inplace": True}
        y = getattr(lib.nn.functional, name)(x, *options, **also)
        assert y is x
        assert x._version == 1
        (gradient,) = lib.autograd.grad(y.sum(), leaf)
        return [y.detach().numpy(), gradient.numpy(), y.grad_fn.name()]

    ours, theirs = both(found)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=3e-8 if name == "hardsigmoid" else 1e-12)
    apart = {"threshold", "threshold_", "rrelu", "rrelu_"}  # there PyTorch has a second node
    assert name in apart or ours[2] == theirs[2]


def test_random_slopes_are_pytorchs_after_the_same_seed() -> None:
    def found(lib: ModuleType) -> list[Any]:
        lib.manual_seed(3)
        x = lib.tensor(np.linspace(-2, 2, 41), requires_grad=True)
        y = lib.nn.functional.rrelu(x, training=True)
        (gradient,) = lib.autograd.grad(y.sum(), x)
        return [y.detach().numpy(), gradient.numpy(), lib.rand(3).numpy()]

    for ours, theirs in zip(*both(found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "slopes"),
    [((4,), 1), ((2, 3), 1), ((2, 3), 3), ((2, 3, 4), 3), ((), 1), ((0, 3), 3), ((2, 3), ())],
)
def test_learned_slopes_and_their_gradients_are_pytorchs(shape: Any, slopes: Any) -> None:
    def found(lib: ModuleType) -> list[Any]:
        x = lib.tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
        weight = lib.tensor(np.random.default_rng(1).normal(size=slopes), requires_grad=True)
        y = lib.nn.functional.prelu(x, weight)
        gradients = lib.autograd.grad((y * y).sum(), (x, weight))
        return [y.detach().numpy(), *(g.numpy() for g in gradients)]

    for ours, theirs in zip(*both(found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gates_and_softmin_are_pytorchs(dim: int) -> None:
    def found(lib: ModuleType) -> list[Any]:
        x = lib.tensor(np.random.default_rng(0).normal(size=(4, 6)), requires_grad=True)
        y = lib.nn.functional.glu(x, dim) * 3
        z = lib.nn.functional.softmin(x, dim)
        (gradient,) = lib.autograd.grad((y * y).sum() + (z * z).sum(), x)
        return [y.detach().numpy(), z.detach().numpy(), gradient.numpy()]

    for ours, theirs in zip(*both(found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_draws_as_pytorch_does(hard: bool) -> None:
    def found(lib: ModuleType) -> list[Any]:
        lib.manual_seed(1)
        x = lib.tensor(np.linspace(-1, 1, 12).reshape(3, 4), requires_grad=True)
        y = lib.nn.functional.gumbel_softmax(x, tau=0.7, hard=hard)
        (gradient,) = lib.autograd.grad((y * y.detach()).sum(), x)
        return [y.detach().numpy(), gradient.numpy()]

    for ours, theirs in zip(*both(found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


PAIRS = [
    lambda lib, x, y: lib.nn.functional.cosine_similarity(x, y),
    lambda lib, x, y: lib.cosine_similarity(x, y[:1], dim=-1),
    lambda lib, x, y: lib.nn.functional.cosine_similarity(x * 0, y, dim=0, eps=0.1),
    lambda lib, x, y: lib.nn.functional.pairwise_distance(x, y),
    lambda lib, x, y: lib.pairwise_distance(x, y, p=1, keepdim=True),
    lambda lib, x, y: lib.nn.functional.normalize(x) * y,
    lambda lib, x, y: lib.nn.functional.normalize(x, p=1, dim=0, eps=5.0) * y,
]


@pytest.mark.parametrize("case", PAIRS)
def test_likeness_of_vectors_is_pytorchs(case: Any) -> None:
    def found(lib: ModuleType) -> list[Any]:
        generator = np.random.default_rng(0)
        x, y = (lib.tensor(generator.normal(size=(3, 4)), requires_grad=True) for _ in "xy")
        z = case(lib, x, y)
        return [z.detach().numpy(), *(g.numpy() for g in lib.autograd.grad((z * z).sum(), (x, y)))]

    for ours, theirs in zip(*both(found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "case",
    [
        lambda lib, F: F.celu(lib.ones(2), 0.0),
        lambda lib, F: F.hardtanh(lib.ones(2), 1, -1),
        lambda lib, F: F.hardtanh(lib.tensor([True])),
        lambda lib, F: F.hardtanh(lib.tensor([1], dtype=lib.uint8)),
        lambda lib, F: F.softshrink(lib.ones(2), -1),
        lambda lib, F: F.glu(lib.ones(3)),
        lambda lib, F: F.glu(lib.tensor(1.0)),
        lambda lib, F: F.glu(lib.ones(3, 4), 5),
        lambda lib, F: F.prelu(lib.ones(3, 4), lib.ones(3)),
        lambda lib, F: F.prelu(lib.tensor(1.0), lib.ones(3)),
        lambda lib, F: F.prelu(lib.ones(3, 4), lib.ones(4, 1)),
        lambda lib, F: F.prelu(lib.ones(3).long(), lib.ones(1)),
        lambda lib, F: F.rrelu(lib.ones(2), 0.5, 0.1),
        lambda lib, F: F.gelu(lib.ones(2), approximate="x"),
        lambda lib, F: F.threshold(lib.tensor([True]), 1, 2),
        lambda lib, F: F.elu_(lib.ones(2, requires_grad=True) + 0, -1).sum().backward(),
        lambda lib, F: F.cosine_similarity(lib.ones(2, 3), lib.ones(4, 5)),
        lambda lib, F: lib.nn.Softmax2d()(lib.ones(2)),
        lambda lib, F: lib.nn.Hardtanh(1, 1),
        *(
            lambda lib, F, name=name: getattr(F, name)(lib.tensor([1, 2]))
            for name in ("silu", "mish", "gelu", "elu", "celu", "leaky_relu", "softplus",
                         "logsigmoid", "hardshrink", "softshrink", "hardsigmoid", "hardswish")
        ),
    ],
)  # fmt: skip
def test_refused_as_by_pytorch(case: Any) -> None:
    assert_same_error(lambda lib: case(lib, lib.nn.functional), torch)


def test_a_falling_leaky_relu_that_overwrote_its_input_has_no_gradient() -> None:
    y = gl.nn.functional.leaky_relu_(gl.ones(2, requires_grad=True) + 0, -1)
    with pytest.raises(RuntimeError, match="In-place leakyReLu backward calculation is triggered"):
        y.sum().backward()


PIECEWISE_LINEAR = {
    "leaky_relu": lambda F, x: F.leaky_relu(x, 0.2),
    "leaky_relu_": lambda F, x: F.leaky_relu_(x + 0, 0.2),
    "hardtanh": lambda F, x: F.hardtanh(x),
    "relu6": lambda F, x: F.relu6(x),
    "threshold": lambda F, x: F.threshold(x, 0.1, 0.0),
    "hardshrink": lambda F, x: F.hardshrink(x),
    "softshrink": lambda F, x: F.softshrink(x),
    "rrelu": lambda F, x: F.rrelu(x),
    "prelu": lambda F, x: F.prelu(x, x[:1].detach() * 0 + 0.3),
}


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_the_second_derivative_of_straight_pieces_is_zero_and_not_an_error(name: str) -> None:
    def found(lib: ModuleType) -> Any:
        x = lib.tensor([-2.0, -0.3, 0.4, 3.0], requires_grad=True)
        y = PIECEWISE_LINEAR[name](lib.nn.functional, x)
        (slope,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        (curvature,) = lib.autograd.grad(slope.sum(), x)
        return [slope.detach().numpy(), (curvature + 0).tolist()]

    ours, theirs = both(found)
    np.testing.assert_allclose(ours[0], theirs[0])
    assert ours[1] == theirs[1] == [0.0] * 4


def test_a_penalty_on_the_slope_leaves_zeros_in_the_biases_before_leaky_relu() -> None:
    def found(lib: ModuleType) -> Any:
        lib.manual_seed(0)
        critic = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.LeakyReLU(0.2), lib.nn.Linear(4, 1))
        x = lib.randn(5, 3, requires_grad=True)
        (slope,) = lib.autograd.grad(critic(x).sum(), x, create_graph=True)
        ((slope.norm(2, dim=1) - 1) ** 2).mean().backward()
        return [None if p.grad is None else p.grad.tolist() for p in critic.parameters()]

    ours, theirs = both(found)
    assert ours[1] == theirs[1] == [0.0] * 4
    assert ours[3] is theirs[3] is None
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-6)


MODULES = [
    "CELU()", "CELU(2.0, inplace=True)", "SELU(True)", "ReLU6()", "ReLU6(inplace=True)",
    "Hardtanh()", "Hardtanh(-2, 2, inplace=True)", "Mish()", "Mish(True)", "Tanhshrink()",
    "Softshrink()", "Softshrink(0.3)", "Hardshrink()", "Hardsigmoid()", "Hardsigmoid(True)",
    "Hardswish()", "Softsign()", "Softmin()", "Softmin(1)", "GLU()", "GLU(0)", "LogSigmoid()",
    "GELU()", "GELU('tanh')", "PReLU()", "PReLU(3, 0.1)", "RReLU()", "RReLU(inplace=True)",
    "Threshold(0.1, 2)", "Threshold(0.1, 2, True)", "Softmax2d()", "LeakyReLU(0.2)", "Softplus(2)",
]  # fmt: skip


@pytest.mark.parametrize("text", MODULES)
def test_modules_print_and_compute_as_pytorchs(text: str) -> None:
    def found(lib: ModuleType) -> list[Any]:
        module = eval("nn." + text, {"nn": lib.nn}).double().eval()
        shape = (3, 4, 2) if "2d" in text else (4, 2) if text == "GLU(0)" else (2, 4)
        if text == "PReLU(3, 0.1)":
            shape = (2, 3)
        x = lib.tensor(np.random.default_rng(0).normal(size=shape))
        if text == "Softmin()":
            module.dim = 1
        return [repr(module), sorted(module.state_dict()), module(x).detach().numpy()]

    ours, theirs = both(found)
    assert ours[:2] == theirs[:2]
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-12)
    assert gl.nn.Softmin(dim=0)(gl.zeros(2)).tolist() == [0.5, 0.5]
