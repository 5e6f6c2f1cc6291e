"""``autograd.functional``: every function, flag and mistake as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from tests.autograd.outcomes import Program, assert_same

Problem = Callable[[ModuleType], tuple[Callable[..., Any], Any]]


def vector(t: ModuleType) -> Any:
    return t.tensor([1.0, 2.0, 3.0])


def matrix(t: ModuleType) -> Any:
    return t.tensor([[0.5, 0.25], [1.0, 2.0]])


# Functions and where to differentiate them.
PROBLEMS: dict[str, Problem] = {
    "elementwise": lambda t: (lambda x: x**2, vector(t)),
    "transcendental": lambda t: (lambda x: x.exp() * x.sin(), vector(t)),
    "to a number": lambda t: (lambda x: (x**3).sum(), vector(t)),
    "to a matrix of one": lambda t: (lambda x: (x**3).sum().reshape(1, 1), vector(t)),
    "of a number": lambda t: (lambda x: x**3, t.tensor(2.0)),
    "of a matrix": lambda t: (lambda x: x @ x, matrix(t)),
    "of two to two": lambda t: (
        lambda x, y: (x**2, (y * y.exp()).sum()),
        (vector(t), matrix(t)),
    ),
    "of two to a number": lambda t: (
        lambda x, y: (x**2).sum() * (y**3).sum(),
        (vector(t), matrix(t)),
    ),
    "of one in a tuple": lambda t: (lambda x: (x**2).sum(), (vector(t),)),
    "to one in a tuple": lambda t: (lambda x: (x**2,), vector(t)),
    "linear": lambda t: (lambda x: 2 * x, vector(t)),
    "linear to a number": lambda t: (lambda x: (2 * x).sum(), vector(t)),
    "constant": lambda t: (lambda x: t.ones(2), vector(t)),
    "partly constant": lambda t: (lambda x: (x**2, t.ones(1)), vector(t)),
    "with an unused input": lambda t: (lambda x, y: x**2, (vector(t), matrix(t))),
    "to a number with an unused input": lambda t: (
        lambda x, y: (x**2).sum(),
        (vector(t), matrix(t)),
    ),
    "of an input that requires grad": lambda t: (
        lambda x: (x**3).sum(),
        vector(t).requires_grad_(),
    ),
    "to another dtype": lambda t: (lambda x: x.double() ** 2, vector(t)),
    "to a number that is no tensor": lambda t: (lambda x: 3, vector(t)),
    "to a tuple with no tensor in it": lambda t: (lambda x: (x, 3), vector(t)),
    "to a list": lambda t: (lambda x: [x], vector(t)),
    "of a list": lambda t: (lambda x: x, [vector(t)]),
    "of a number that is no tensor": lambda t: (lambda x: x, 3.0),
    "of a tuple with no tensor in it": lambda t: (lambda x, y: x, (vector(t), 3.0)),
    "of integers": lambda t: (lambda x: x**2, t.tensor([1, 2])),
}

FLAGS = [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize(("create_graph", "strict"), FLAGS)
@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "vhp", "hvp"])
def test_each_function_of_each_problem(
    name: str, create_graph: bool, strict: bool, problem: Problem
) -> None:
    def program(t: ModuleType) -> Any:
        func, inputs = problem(t)
        derivative = getattr(t.autograd.functional, name)
        return derivative(func, inputs, create_graph=create_graph, strict=strict)

    assert_same(program)


VECTORS: dict[str, Callable[[ModuleType], Any]] = {
    "a vector": vector,
    "a matrix": matrix,
    "a number": lambda t: t.tensor(2.0),
    "vector and matrix": lambda t: (vector(t), matrix(t)),
    "a vector in a tuple": lambda t: (vector(t),),
    "vector and number": lambda t: (vector(t), t.tensor(2.0)),
    "no tensor": lambda t: 3,
    "no tensor in a tuple": lambda t: (vector(t), 3),
    "a list": lambda t: [vector(t)],
}


@pytest.mark.parametrize("v", VECTORS.values(), ids=VECTORS)
@pytest.mark.parametrize(("create_graph", "strict"), FLAGS)
@pytest.mark.parametrize("name", ["vjp", "jvp", "vhp", "hvp"])
@pytest.mark.parametrize(
    "problem",
    ["elementwise", "to a number", "of two to two", "of two to a number", "linear to a number"],
)
def test_each_product_with_each_vector(
    problem: str, name: str, create_graph: bool, strict: bool, v: Callable[[ModuleType], Any]
) -> None:
    def program(t: ModuleType) -> Any:
        func, inputs = PROBLEMS[problem](t)
        product = getattr(t.autograd.functional, name)
        return product(func, inputs, v(t), create_graph=create_graph, strict=strict)

    assert_same(program)


def with_options(name: str, **options: Any) -> Program:
    def program(t: ModuleType) -> Any:
        func, inputs = PROBLEMS["to a number"](t)
        return getattr(t.autograd.functional, name)(func, inputs, **options)

    return program


@pytest.mark.parametrize(
    "program",
    [
        with_options("jacobian", strategy="sideways"),
        with_options("hessian", outer_jacobian_strategy="sideways"),
        with_options("jacobian", strategy="forward-mode"),
        with_options("jacobian", strategy="forward-mode", create_graph=True),
        with_options("jacobian", strategy="forward-mode", strict=True),
        with_options("jacobian", vectorize=True, strict=True),
        with_options("hessian", outer_jacobian_strategy="forward-mode"),
    ],
)
def test_options_that_are_refused(program: Program) -> None:
    assert_same(program)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, of torch.jit
@pytest.mark.parametrize(
    "program",
    [
        with_options("jacobian", vectorize=True),
        with_options("jacobian", vectorize=True, strategy="forward-mode"),
        with_options("hessian", vectorize=True),
    ],
)
def test_vectorize_changes_no_number(program: Program) -> None:
    assert_same(program)


@pytest.mark.parametrize("name", ["jacobian", "hessian"])
def test_the_callers_grad_mode_does_not_matter(name: str) -> None:
    def program(t: ModuleType) -> Any:
        func, inputs = PROBLEMS["of an input that requires grad"](t)
        with t.no_grad():
            return getattr(t.autograd.functional, name)(func, inputs, create_graph=True)

    assert_same(program)


def test_a_tensor_that_func_captures_is_a_constant(torch: ModuleType) -> None:
    x = vector(torch).requires_grad_()
    found = torch.autograd.functional.jacobian(lambda given: (given * x).sum(), x)
    assert found.tolist() == [1.0, 2.0, 3.0]


def test_an_input_given_twice_is_two_inputs(torch: ModuleType) -> None:
    x = vector(torch)
    blocks = torch.autograd.functional.jacobian(lambda a, b: (a * a * b).sum(), (x, x))
    assert [block.tolist() for block in blocks] == [[2.0, 8.0, 18.0], [1.0, 4.0, 9.0]]


def test_create_graph_lets_the_result_be_differentiated(torch: ModuleType) -> None:
    x = vector(torch).requires_grad_()
    matrix_of_second = torch.autograd.functional.hessian(
        lambda x: (x**4).sum(), x, create_graph=True
    )
    (third,) = torch.autograd.grad(matrix_of_second.sum(), x)
    assert third.tolist() == [24.0, 48.0, 72.0]


def test_a_hessian_of_functions_of_custom_functions() -> None:
    class Cube(gl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (x,) = ctx.saved_tensors
            return gradient * 3 * x**2

    found = gl.autograd.functional.hessian(lambda x: Cube.apply(x).sum(), gl.tensor([1.0, 2.0]))
    assert found.tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_the_function_is_called_once(torch: ModuleType) -> None:
    calls = []

    def square(x: Any) -> Any:
        calls.append(x)
        return x**2

    torch.autograd.functional.jacobian(square, vector(torch))
    assert len(calls) == 1
