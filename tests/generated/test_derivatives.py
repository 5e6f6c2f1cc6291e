"""Every derivative against finite differences, which need no other library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest

import gradlab as gl
from tests.generated.cases import Case, each_differentiable_case, numbers, tensors


def program(case: Case) -> tuple[Any, tuple[Any, ...]]:
    """A case as a function of its tensors that require grad, and these."""
    args, kwargs = case.arguments(gl)
    inputs = tuple(tensor for tensor in tensors([args, kwargs]) if tensor.requires_grad)

    def function(*values: Any) -> Any:
        replaced = dict(zip(map(id, inputs), values, strict=True))

        def put(value: Any) -> Any:
            if isinstance(value, (tuple, list)):
                return type(value)([put(one) for one in value])
            return replaced.get(id(value), value)

        result = case.op.function(*put(args), **{name: put(v) for name, v in kwargs.items()})
        return tuple(t for t in tensors([result]) if t.requires_grad)

    return function, inputs


@each_differentiable_case
def test_first_derivative(case: Case) -> None:
    function, inputs = program(case)
    assert gl.autograd.gradcheck(function, inputs)


@each_differentiable_case
def test_second_derivative(case: Case) -> None:
    function, inputs = program(case)
    assert gl.autograd.gradgradcheck(function, inputs)


THIRD = ("mul", "div", "pow_scalar", "pow_tensor", "exp", "log", "sqrt", "sin", "tanh", "sigmoid",
         "mm", "prod", "softmax", "logsumexp", "std", "vector_norm")  # fmt: skip


@pytest.mark.parametrize("name", THIRD)
def test_third_derivative(name: str) -> None:
    """The gradient of the gradient, checked again, in a function that mixes all inputs."""
    (case, *_) = (c for c in CASES_BY_NAME[name] if c.arguments(gl)[0][0].numel() > 1)
    function, inputs = program(case)

    def slope(*values: Any) -> Any:
        (result,) = function(*values)
        return gl.autograd.grad((result * result).sum(), values, create_graph=True)

    assert gl.autograd.gradgradcheck(slope, inputs, atol=1e-4)


CASES_BY_NAME: dict[str, list[Case]] = {}
for _case in each_differentiable_case.args[1]:
    CASES_BY_NAME.setdefault(_case.op.name, []).append(_case)


def weighed_by(tensor: Any) -> list[Callable[[], Any]]:
    x, target = gl.full((2, 3), 0.5, requires_grad=True), gl.full((2, 3), 0.25)
    functional = gl.nn.functional
    return [
        lambda: functional.binary_cross_entropy(x, target, tensor),
        lambda: functional.binary_cross_entropy_with_logits(x, target, tensor),
        lambda: functional.nll_loss(x, gl.tensor([0, 2]), tensor),
    ]


def test_an_input_that_has_no_derivative_must_not_require_grad() -> None:
    for loss in weighed_by(gl.ones(3, requires_grad=True)):
        with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'weig"):
            loss()
    for loss in weighed_by(gl.ones(3)):
        assert loss().item() > -1


@each_differentiable_case
def test_recorded_and_plain_passes_agree(case: Case) -> None:
    """One formula, two vocabularies: on arrays, and on tensors under create_graph."""
    function, inputs = program(case)
    found = []
    for create_graph in (False, True):
        results = function(*inputs)
        seeds = [gl.ones_like(result) for result in results]
        found.append(
            gl.autograd.grad(results, inputs, seeds, create_graph=create_graph, allow_unused=True)
        )
    for plain, recorded in zip(*found, strict=True):
        assert (plain is None) == (recorded is None)
        if plain is not None:
            assert plain.dtype is recorded.dtype
            numpy.testing.assert_allclose(numbers(plain), numbers(recorded), rtol=1e-14, atol=1e-14)


@each_differentiable_case
def test_an_operation_changes_neither_its_inputs_nor_its_gradients(case: Case) -> None:
    function, inputs = program(case)
    results = function(*inputs)
    seeds = [gl.ones_like(result) for result in results]
    before = [numbers(tensor).copy() for tensor in (*inputs, *results, *seeds)]
    gl.autograd.grad(results, inputs, seeds, allow_unused=True)
    for tensor, kept in zip((*inputs, *results, *seeds), before, strict=True):
        numpy.testing.assert_array_equal(numbers(tensor), kept)
