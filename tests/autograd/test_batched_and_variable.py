"""``grad`` of a batch of gradients, and ``Variable``."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.autograd.outcomes import Program, assert_same


def batched(outputs: Any, inputs: Any, grads: Any = None, **options: Any) -> Any:
    """A program: ``grad`` with is_grads_batched of what the functions make of x and w."""

    def program(t: ModuleType) -> Any:
        x = t.tensor([1.0, 2.0], requires_grad=True)
        w = t.tensor(3.0, requires_grad=True)
        given = None if grads is None else grads(t)
        chosen = inputs(x, w)
        return t.autograd.grad(outputs(x, w), chosen, given, is_grads_batched=True, **options)

    return program


def only_x(x: Any, w: Any) -> Any:
    return x


def both(x: Any, w: Any) -> Any:
    return (x, w)


BATCHES: dict[str, Program] = {
    "a Jacobian": batched(lambda x, w: x**2, only_x, lambda t: t.eye(2)),
    "two inputs": batched(lambda x, w: x**2 * w, both, lambda t: t.ones(3, 2)),
    "two outputs": batched(lambda x, w: (x**2, w * x.sum()), both, lambda t: (t.eye(2), t.ones(2))),
    "a number": batched(lambda x, w: (x * x).sum(), only_x, lambda t: t.ones(3)),
    "differentiable": batched(lambda x, w: x**3, only_x, lambda t: t.eye(2), create_graph=True),
    "an unused input": batched(lambda x, w: x**2, both, lambda t: t.eye(2)),
    "an unused input allowed": batched(
        lambda x, w: x**2, both, lambda t: t.eye(2), allow_unused=True
    ),
    "an unused input as zeros": batched(
        lambda x, w: x**2, both, lambda t: t.eye(2), materialize_grads=True
    ),
    "nothing given": batched(lambda x, w: (x**2).sum(), only_x),
    "no first dimension": batched(lambda x, w: w * 2, both, lambda t: t.ones(())),
    "another shape": batched(lambda x, w: x**2, only_x, lambda t: t.ones(3, 3)),
    "an empty batch": batched(lambda x, w: x**2, only_x, lambda t: t.ones(0, 2)),
    "batches of several sizes": batched(
        lambda x, w: (x**2, w * x), both, lambda t: (t.eye(2), t.ones(3, 2))
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, of torch.jit
@pytest.mark.parametrize("program", BATCHES.values(), ids=BATCHES)
def test_batches_are_pytorchs(program: Program) -> None:
    assert_same(program)


def test_a_batch_can_be_differentiated_again(torch: ModuleType) -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with torch.no_grad():
        seeds = torch.eye(2)
    (rows,) = torch.autograd.grad(x**3, x, seeds, is_grads_batched=True, create_graph=True)
    (second,) = torch.autograd.grad(rows.sum(), x)
    assert second.tolist() == [6.0, 12.0]


def test_a_batch_frees_the_graph_at_its_end(torch: ModuleType) -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    torch.autograd.grad(y, x, torch.eye(2), is_grads_batched=True)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(y, x, torch.eye(2), is_grads_batched=True)


VARIABLES: dict[str, Program] = {
    "of a tensor": lambda t: t.autograd.Variable(t.ones(2)),
    "that requires grad": lambda t: t.autograd.Variable(t.ones(2), requires_grad=True),
    "by position": lambda t: t.autograd.Variable(t.ones(2), True),
    "of nothing": lambda t: t.autograd.Variable(),
    "of a result": lambda t: t.autograd.Variable(t.ones(2, requires_grad=True) * 2).is_leaf,
    "of a list": lambda t: t.autograd.Variable([1, 2]),
    "of a number": lambda t: t.autograd.Variable(3.0),
    "of integers that require grad": lambda t: t.autograd.Variable(
        t.tensor([1, 2]), requires_grad=True
    ),
    "volatile and requiring grad": lambda t: t.autograd.Variable(
        t.ones(2), requires_grad=True, volatile=True
    ),
    "every tensor is one": lambda t: [
        isinstance(value, t.autograd.Variable) for value in (t.ones(1), 3, None)
    ],
}


@pytest.mark.filterwarnings("ignore:volatile was removed")
@pytest.mark.parametrize("program", VARIABLES.values(), ids=VARIABLES)
def test_variables_are_pytorchs(program: Program) -> None:
    assert_same(program)


def test_a_variable_shares_memory_and_no_history(torch: ModuleType) -> None:
    x = torch.ones(2)
    v = torch.autograd.Variable(x, requires_grad=True)
    v.data.add_(1)
    (v * v).sum().backward()
    assert x.tolist() == [2.0, 2.0]
    assert (x.requires_grad, v.grad.tolist()) == (False, [4.0, 4.0])


def test_volatile_warns(torch: ModuleType) -> None:
    with pytest.warns(UserWarning, match="volatile was removed"):
        torch.autograd.Variable(torch.ones(2), volatile=True)
