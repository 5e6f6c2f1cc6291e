"""The backward pass: what it computes, in which order, what it calls, and what it frees.

Tests that take the fixture `torch` are one script for two libraries: PyTorch, where installed,
has to meet the same expectations.
"""

from __future__ import annotations

import gc
import itertools
import math
import random
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from gradlab.engine import run


def parameter(torch: ModuleType, *values: float) -> Any:
    """A leaf that requires grad."""
    return torch.tensor(values, requires_grad=True)


def short_name(node: Any) -> str:
    """PyTorch writes its own few nodes with their C++ namespace."""
    return str(node.name()).removeprefix("torch::autograd::")


def nodes(root: Any) -> list[Any]:
    """Every node of a graph, each once, in the order a depth-first walk finds them."""
    found: dict[Any, None] = {}
    stack = [root.grad_fn]
    while stack:
        node = stack.pop()
        if node not in found:
            found[node] = None
            stack += [following for following, _ in reversed(node.next_functions) if following]
    return list(found)


# ------------------------------------------------------------------ what is computed


def test_backward_adds_to_grad(torch: ModuleType) -> None:
    x = parameter(torch, 1.0, 2.0)
    (x * 3).sum().backward()
    (x * 4).sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]


def test_backward_adds_in_place_so_a_kept_grad_grows(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    (x * 3).sum().backward()
    kept = x.grad
    (x * 4).sum().backward()
    assert x.grad is kept
    assert kept.tolist() == [7.0]


def test_grad_set_to_none_starts_anew(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    (x * 3).sum().backward()
    kept = x.grad
    x.grad = None
    (x * 4).sum().backward()
    assert (x.grad.tolist(), kept.tolist()) == ([4.0], [3.0])


def test_grad_does_not_share_memory_with_the_gradient_given(torch: ModuleType) -> None:
    x = parameter(torch, 1.0, 2.0)
    given = torch.ones(2)
    x.backward(given)
    x.backward(given)
    assert (x.grad.tolist(), given.tolist()) == ([2.0, 2.0], [1.0, 1.0])


def test_two_leaves_do_not_share_one_gradient(torch: ModuleType) -> None:
    x, y = parameter(torch, 1.0, 2.0), parameter(torch, 1.0, 2.0)
    (x + y).backward(torch.ones(2))
    x.grad.mul_(10)
    assert y.grad.tolist() == [1.0, 1.0]


def test_gradient_requires_no_grad(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    (x * x).sum().backward()
    assert not x.grad.requires_grad
    assert x.grad.grad_fn is None


def test_a_root_given_twice_counts_twice(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x.sum()
    torch.autograd.backward([y, y])
    assert x.grad.tolist() == [2.0]


def test_several_roots_with_gradients_of_their_own(torch: ModuleType) -> None:
    x = parameter(torch, 1.0, 2.0)
    torch.autograd.backward([x * 2, x.sum()], [torch.tensor([1.0, 10.0]), None])
    assert x.grad.tolist() == [3.0, 21.0]


def test_a_leaf_as_root_receives_the_gradient_itself(torch: ModuleType) -> None:
    x = parameter(torch, 1.0, 2.0)
    x.backward(torch.tensor([5.0, 6.0]))
    assert x.grad.tolist() == [5.0, 6.0]


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda x: x * x, 6.0),
        (lambda x: x * x * x, 27.0),
        (lambda x: (x * 2) * (x + 1), 14.0),
        (lambda x: (x * x).sin() + (x * x).cos(), 6 * (math.cos(9) - math.sin(9))),
        (lambda x: x + x + x + x, 4.0),
        (lambda x: (x / x) * x, 1.0),
    ],
)
def test_every_path_counts(torch: ModuleType, function: Callable[[Any], Any], slope: float) -> None:
    x = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    function(x).backward()
    assert x.grad.item() == pytest.approx(slope, rel=1e-12)


def test_third_derivative(torch: ModuleType) -> None:
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    derivatives = [x.sin() * x * x]
    for _ in range(3):
        derivatives += torch.autograd.grad(derivatives[-1], x, create_graph=True)
    # d³/dx³ x² sin x = 6 cos x - 6 x sin x - x² cos x
    third = 6 * math.cos(2) - 12 * math.sin(2) - 4 * math.cos(2)
    assert derivatives[3].item() == pytest.approx(third, rel=1e-12)


def test_a_saved_result_is_differentiated_again(torch: ModuleType) -> None:
    """exp saves its result; its second derivative needs that result's own place in the graph."""
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = (x * 2).exp()
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert second.item() == pytest.approx(4 * math.e, rel=1e-12)


def test_gradient_of_a_gradient_with_respect_to_the_gradient_given(torch: ModuleType) -> None:
    x, v = parameter(torch, 1.0, 2.0), parameter(torch, 3.0, 4.0)
    (first,) = torch.autograd.grad(x * x, x, v, create_graph=True)
    (of_v,) = torch.autograd.grad(first.sum(), v)
    assert of_v.tolist() == [2.0, 4.0]


def test_create_graph_makes_retain_graph_the_default(torch: ModuleType) -> None:
    x = parameter(torch, 2.0)
    y = (x * x).sum()
    torch.autograd.grad(y, x, create_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0]


def test_retain_graph_allows_another_pass(torch: ModuleType) -> None:
    x = parameter(torch, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]


def test_a_graph_that_saved_nothing_can_run_again(torch: ModuleType) -> None:
    x = parameter(torch, 2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0]


def test_a_gradient_of_another_dtype_is_converted(torch: ModuleType) -> None:
    x = parameter(torch, 1.0, 2.0)
    (x * 2).backward(torch.ones(2, dtype=torch.float64))
    assert x.grad.dtype == torch.float32


def test_gradients_have_the_dtype_and_shape_of_their_inputs(torch: ModuleType) -> None:
    x = torch.ones(3, 1, requires_grad=True)
    y = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (x * y).sum().backward()
    assert (x.grad.dtype, tuple(x.grad.shape)) == (torch.float32, (3, 1))
    assert (y.grad.dtype, tuple(y.grad.shape)) == (torch.float64, (2,))
    assert (x.grad.tolist(), y.grad.tolist()) == ([[2.0]] * 3, [3.0, 3.0])


def test_backward_of_nothing_is_allowed(torch: ModuleType) -> None:
    torch.autograd.backward([])


def test_new_data_of_the_same_shape_leave_a_leaf_where_it_is_in_its_graph(
    torch: ModuleType,
) -> None:
    x = parameter(torch, 1.0, 2.0)
    y = (x * 3).sum()
    x.data = torch.tensor([5.0, 6.0])
    (found,) = torch.autograd.grad(y, x, retain_graph=True)
    assert found.tolist() == [3.0, 3.0]
    calls = []
    x.register_hook(calls.append)
    y.backward()
    assert len(calls) == 1


def test_the_gradient_of_an_empty_tensor_can_be_added_to(torch: ModuleType) -> None:
    x = torch.ones(0, 3, requires_grad=True)
    for _ in range(2):
        x.mean(1).sum().backward()
    assert x.grad.zero_().shape == (0, 3)


@pytest.mark.parametrize("flag", [3, 0, None, "yes"])
def test_only_true_or_false_say_whether_a_gradient_is_wanted(torch: ModuleType, flag: Any) -> None:
    x = torch.ones(2)
    with pytest.raises(RuntimeError, match=r"^requires_grad must be a bool"):
        x.requires_grad = flag


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("freeze", ["x.requires_grad_(False)", "x.detach_()"])
def test_a_leaf_frozen_after_its_use_gets_no_gradient(
    torch: ModuleType, freeze: str, create_graph: bool
) -> None:
    x, y = parameter(torch, 1.0), parameter(torch, 2.0)
    product = x * y
    eval(freeze, {"x": x})
    product.backward(create_graph=create_graph)
    assert x.grad is None
    assert y.grad.tolist() == [1.0]


# ------------------------------------------------------------------ inputs=, grad()


def test_inputs_limits_what_is_added_to(torch: ModuleType) -> None:
    x, y = parameter(torch, 1.0), parameter(torch, 2.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [2.0]
    assert y.grad is None


def test_inputs_may_be_one_tensor(torch: ModuleType) -> None:
    x, y = parameter(torch, 1.0), parameter(torch, 2.0)
    (x * y).sum().backward(inputs=y)
    assert x.grad is None
    assert y.grad.tolist() == [1.0]


SEVERAL = {
    "generator": lambda tensors: (t for t in tensors),
    "values of a dictionary": lambda tensors: dict(enumerate(tensors)).values(),
    "list": list,
}


@pytest.mark.parametrize("several", SEVERAL.values(), ids=SEVERAL)
def test_tensors_may_come_from_anything_that_hands_them_out(
    torch: ModuleType, several: Callable[[list[Any]], Any]
) -> None:
    x, y = parameter(torch, 1.0), parameter(torch, 2.0)
    found = torch.autograd.grad(several([x * y]), several([x, y]), several([torch.ones(1)]))
    assert [g.tolist() for g in found] == [[2.0], [1.0]]
    (x * y).sum().backward(inputs=several([y]))
    torch.autograd.backward(several([x.sum(), (x * y).sum()]), several([None, None]))
    assert (x.grad.tolist(), y.grad.tolist()) == ([3.0], [2.0])


@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_inputs_may_name_a_tensor_that_is_no_leaf(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 3
    y.sum().backward(inputs=[y], retain_graph=True)
    y.sum().backward(inputs=[y, x])
    assert y.grad.tolist() == [2.0]
    assert x.grad.tolist() == [3.0]


def test_inputs_add_once_to_a_tensor_that_retains_its_gradient(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 3
    y.retain_grad()
    (y * 2).sum().backward(inputs=[x, y])
    assert (x.grad.tolist(), y.grad.tolist()) == ([6.0], [2.0])


def test_grad_changes_no_grad_attribute(torch: ModuleType) -> None:
    x, y = parameter(torch, 1.0), parameter(torch, 2.0)
    found = torch.autograd.grad((x * y).sum(), [x, y])
    assert [g.tolist() for g in found] == [[2.0], [1.0]]
    assert x.grad is None
    assert y.grad is None


def test_grad_with_respect_to_an_intermediate_and_to_what_it_came_from(torch: ModuleType) -> None:
    x = parameter(torch, 3.0)
    y = x * 2
    found = torch.autograd.grad((y * y).sum(), [y, x])
    assert [g.tolist() for g in found] == [[12.0], [24.0]]


def test_grad_of_a_tensor_with_respect_to_itself(torch: ModuleType) -> None:
    x = parameter(torch, 3.0)
    y = x * 2
    found = torch.autograd.grad(y, [y, x], torch.ones(1))
    assert [g.tolist() for g in found] == [[1.0], [2.0]]


def test_grad_runs_only_what_leads_to_its_inputs(torch: ModuleType) -> None:
    x, y = parameter(torch, 1.0), parameter(torch, 2.0)
    ran = []
    a, b = x.sin(), y.cos()
    for tensor in (a, b):
        tensor.grad_fn.register_prehook(lambda g, t=tensor: ran.append(t.grad_fn.name()))
    torch.autograd.grad((a * b).sum(), x)
    assert ran == ["SinBackward0"]


def test_allow_unused_gives_none(torch: ModuleType) -> None:
    x, y = parameter(torch, 1.0), parameter(torch, 2.0)
    found = torch.autograd.grad(x.sum(), [x, y], allow_unused=True)
    assert found[0].tolist() == [1.0]
    assert found[1] is None


def test_materialize_grads_gives_zeros(torch: ModuleType) -> None:
    x, y = parameter(torch, 1.0), torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    found = torch.autograd.grad(x.sum(), [x, y], materialize_grads=True)
    assert found[1].tolist() == [[0.0] * 3] * 2
    assert found[1].dtype == torch.float64


def test_grad_keeps_the_graph_only_when_told(torch: ModuleType) -> None:
    x = parameter(torch, 2.0)
    y = (x * x).sum()
    torch.autograd.grad(y, x, retain_graph=True)
    torch.autograd.grad(y, x)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(y, x)


# ------------------------------------------------------------------ several outputs, no gradient


def test_outputs_of_one_operation_share_a_node(torch: ModuleType) -> None:
    x = torch.ones(2, 2, requires_grad=True)
    a, b = x.unbind(0)
    assert a.grad_fn is b.grad_fn
    assert (a.output_nr, b.output_nr) == (0, 1)


def test_an_output_without_gradient_counts_as_zeros(torch: ModuleType) -> None:
    x = torch.ones(2, 2, requires_grad=True)
    _, b = x.unbind(0)
    (b * 3).sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0], [3.0, 3.0]]


def test_every_output_gets_its_own_gradient(torch: ModuleType) -> None:
    x = torch.ones(2, 2, requires_grad=True)
    a, b = x.unbind(0)
    (b * 3 + a * a * 5).sum().backward()
    assert x.grad.tolist() == [[10.0, 10.0], [3.0, 3.0]]


def test_values_of_max_have_a_gradient_and_indices_none(torch: ModuleType) -> None:
    x = torch.tensor([[1.0, 5.0], [7.0, 2.0]], requires_grad=True)
    values, indices = x.max(1)
    assert values.requires_grad
    assert not indices.requires_grad
    (values * torch.tensor([2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0], [3.0, 0.0]]


def test_inputs_that_require_no_grad_have_an_empty_edge(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * torch.ones(1)
    assert y.grad_fn.next_functions[1] == (None, 0)
    y.backward()
    assert x.grad.tolist() == [1.0]


def test_a_graph_with_only_constants_is_no_graph(torch: ModuleType) -> None:
    y = torch.ones(2) * 2 + 1
    assert (y.requires_grad, y.grad_fn, y.is_leaf) == (False, None, True)


# ------------------------------------------------------------------ the graph a learner sees


def test_next_functions_lead_from_the_result_to_the_leaf(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    names = [short_name(node) for node in nodes((x.sin() * 2 + 1).sum())]
    assert names == [
        "SumBackward0",
        "AddBackward0",
        "MulBackward0",
        "SinBackward0",
        "AccumulateGrad",
    ]


def test_accumulate_grad_knows_its_variable_and_is_one_per_leaf(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    one, two = (x * 2).grad_fn, (x.sin() + x).grad_fn
    accumulate = one.next_functions[0][0]
    assert accumulate is two.next_functions[1][0]
    assert accumulate is two.next_functions[0][0].next_functions[0][0]
    assert accumulate.variable is x
    assert accumulate.next_functions == ()


def test_a_leaf_has_no_grad_fn_and_a_result_has(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 2
    assert (x.is_leaf, x.grad_fn, y.is_leaf) == (True, None, False)
    assert y.grad_fn.name() == "MulBackward0"


def test_grad_fn_is_the_same_object_each_time(torch: ModuleType) -> None:
    y = parameter(torch, 1.0) * 2
    assert y.grad_fn is y.grad_fn


def test_detach_shares_memory_but_no_history(torch: ModuleType) -> None:
    x = parameter(torch, 1.0, 2.0)
    y = x * 2
    d = y.detach()
    assert (d.requires_grad, d.grad_fn, d.is_leaf) == (False, None, True)
    d[0] = 100
    assert y.tolist() == [100.0, 4.0]


def test_detach_counts_changes_with_its_origin_and_data_does_not(torch: ModuleType) -> None:
    x = torch.ones(2)
    x.detach().add_(1)
    assert x._version == 1
    x.data.add_(1)
    assert x._version == 1
    assert x.tolist() == [3.0, 3.0]


def test_a_change_through_data_is_not_noticed(torch: ModuleType) -> None:
    x = parameter(torch, 2.0)
    y = (x * x).sum()
    x.data.mul_(5)
    y.backward()
    assert x.grad.tolist() == [20.0]


def test_data_can_be_replaced(torch: ModuleType) -> None:
    x = parameter(torch, 2.0)
    x.data = torch.tensor([3.0, 4.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [6.0, 8.0]


def test_detach_in_place_makes_a_leaf(torch: ModuleType) -> None:
    y = parameter(torch, 1.0) * 2
    assert y.detach_() is y
    assert (y.requires_grad, y.grad_fn, y.is_leaf) == (False, None, True)


def test_requires_grad_in_place_returns_the_tensor(torch: ModuleType) -> None:
    x = torch.ones(1)
    assert x.requires_grad_() is x
    assert x.requires_grad
    assert not x.requires_grad_(False).requires_grad
    y = x.requires_grad_() * 2
    assert y.requires_grad_() is y


def test_a_result_requires_grad_if_any_input_does(torch: ModuleType) -> None:
    plain, tracked = torch.ones(1), parameter(torch, 1.0)
    assert [(a + b).requires_grad for a, b in itertools.product((plain, tracked), repeat=2)] == [
        False,
        True,
        True,
        True,
    ]


def test_integer_results_have_no_history(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    assert not (x > 0).requires_grad
    assert not x.to(torch.int64).requires_grad


# ------------------------------------------------------------------ hooks on tensors


def test_a_tensor_hook_sees_the_whole_gradient_before_it_is_stored(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    seen = []
    x.register_hook(lambda g: seen.append((g.tolist(), x.grad)))
    (x * 2 + x * 3).sum().backward()
    assert seen == [([5.0], None)]


def test_what_a_tensor_hook_returns_takes_the_gradients_place(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    y.sum().backward()
    assert x.grad.tolist() == [21.0]


def test_a_tensor_hook_must_not_change_the_dtype(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    x.register_hook(lambda gradient: gradient.double())
    said = r"^hook '<lambda>' has changed the type of value \(was torch.(cuda.)?FloatTensor got to"
    with pytest.raises(RuntimeError, match=said):
        (x * 2).backward()
    assert x.grad is None


def test_tensor_hooks_run_in_order_and_pass_on(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    seen = []
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g + 1)
    x.sum().backward()
    assert (seen, x.grad.tolist()) == ([[10.0]], [11.0])


def test_a_removed_hook_is_not_called(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    handle = x.register_hook(lambda g: g * 10)
    handle.remove()
    handle.remove()
    x.sum().backward()
    with x.register_hook(lambda g: g * 10):
        x.sum().backward()
    x.sum().backward()
    assert x.grad.tolist() == [12.0]


def test_a_hook_that_removes_itself_runs_once(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    calls = []

    def once(gradient: Any) -> None:
        calls.append(gradient)
        handle.remove()

    handle = x.register_hook(once)
    x.sum().backward()
    x.sum().backward()
    assert len(calls) == 1


def test_a_hook_belongs_to_the_history_it_was_registered_on(torch: ModuleType) -> None:
    y = parameter(torch, 1.0) * 3
    seen = []
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    y.mul_(2)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    y.sum().backward()
    assert seen == [("after", [1.0]), ("before", [2.0])]


def test_hooks_run_once_per_pass(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    calls: list[int] = []
    y = x * 2
    y.register_hook(lambda g: calls.append(1))
    (y + y + y).sum().backward(retain_graph=True)
    assert len(calls) == 1


def test_a_leafs_hook_is_called_by_grad_as_well(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    x.register_hook(lambda g: g * 10)
    (found,) = torch.autograd.grad(x.sum(), x)
    assert found.tolist() == [10.0]
    assert x.grad is None


def test_a_tensor_hook_records_under_create_graph(torch: ModuleType) -> None:
    x = parameter(torch, 3.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)  # x · 2x
    (second,) = torch.autograd.grad(first.sum(), x)
    assert (first.tolist(), second.tolist()) == ([18.0], [12.0])


def test_grad_mode_in_a_hook_is_off_unless_the_pass_is_recorded(torch: ModuleType) -> None:
    x = parameter(torch, 3.0)
    modes = []
    x.register_hook(lambda g: modes.append(torch.is_grad_enabled()))
    torch.autograd.grad((x * x).sum(), x)
    torch.autograd.grad((x * x).sum(), x, create_graph=True)
    assert modes == [False, True]


def test_retain_grad_stores_what_hooks_left(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 3
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert y.retains_grad
    assert (y.grad.tolist(), x.grad.tolist()) == ([10.0], [30.0])


def test_retain_grad_adds_up_over_passes(torch: ModuleType) -> None:
    y = parameter(torch, 1.0) * 3
    y.retain_grad()
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert y.grad.tolist() == [2.0]


def test_retain_grad_on_a_leaf_changes_nothing(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    x.retain_grad()
    x.sum().backward()
    assert not x.retains_grad
    assert x.grad.tolist() == [1.0]


def test_retain_grad_follows_the_tensor_through_a_change_in_place(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 3
    y.retain_grad()
    y.mul_(2)
    y.sum().backward()
    assert (y.grad.tolist(), x.grad.tolist()) == ([1.0], [6.0])


def test_retain_grad_of_a_base_and_of_a_view_follow_a_change_in_place(torch: ModuleType) -> None:
    x = torch.ones(2, requires_grad=True)
    base = x * 3
    view = base[:1]
    base.retain_grad()
    view.retain_grad()
    view.mul_(2)
    (base * torch.tensor([10.0, 100.0])).sum().backward()
    assert (base.grad.tolist(), x.grad.tolist()) == ([10.0, 100.0], [60.0, 300.0])


# ------------------------------------------------------------------ hooks on nodes


def test_a_node_hook_sees_what_leaves_and_what_arrived(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 3
    seen = []
    y.grad_fn.register_hook(
        lambda inputs, outputs: seen.append((inputs[0].tolist(), inputs[1], outputs[0].tolist()))
    )
    (y * 5).sum().backward()
    assert seen == [([15.0], None, [5.0])]


def test_what_a_node_hook_returns_leaves_instead(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x.sin()
    y.grad_fn.register_hook(lambda inputs, outputs: (outputs[0] * 7,))
    y.sum().backward()
    assert x.grad.tolist() == [7.0]


def test_what_a_node_prehook_returns_arrives_instead(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 3
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 2,))
    y.sum().backward()
    assert x.grad.tolist() == [6.0]


def test_a_node_hook_may_hold_a_gradient_back(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 3
    y.grad_fn.register_hook(lambda inputs, outputs: (None, None))
    y.sum().backward()
    assert x.grad is None


def test_a_node_prehook_may_hold_a_gradient_back(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 3
    y.grad_fn.register_prehook(lambda outputs: (None,))
    y.sum().backward()
    assert x.grad is None


def test_hooks_on_accumulate_grad_run_before_and_after_it_adds(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = (x * 2).sum()
    accumulate = y.grad_fn.next_functions[0][0].next_functions[0][0]
    seen = []

    def grad_now() -> Any:
        return None if x.grad is None else x.grad.tolist()

    accumulate.register_hook(lambda inputs, outputs: seen.append(("after", inputs, grad_now())))
    accumulate.register_prehook(lambda outputs: seen.append(("before", grad_now())))
    x.register_hook(lambda g: seen.append(("tensor", grad_now())))
    y.backward()
    assert seen == [("tensor", None), ("before", None), ("after", (), [2.0])]


def test_order_of_all_kinds_of_hooks(torch: ModuleType) -> None:
    y = parameter(torch, 1.0).sin()
    seen: list[str] = []
    y.grad_fn.register_hook(lambda i, o: seen.append("node"))
    y.grad_fn.register_prehook(lambda o: seen.append("node before"))
    y.register_hook(lambda g: seen.append("tensor"))
    y.sum().backward()
    assert seen == ["tensor", "node before", "node"]


def test_a_removed_node_hook_is_not_called(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x.sin()
    handles = [
        y.grad_fn.register_hook(lambda i, o: (o[0] * 100,)),
        y.grad_fn.register_prehook(lambda o: (o[0] * 100,)),
    ]
    for handle in handles:
        handle.remove()
    y.sum().backward()
    assert x.grad.item() == pytest.approx(math.cos(1))


def test_prehooks_of_a_node_that_need_not_run_are_not_called(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    y = x * 2
    seen: list[str] = []
    y.grad_fn.register_prehook(lambda o: seen.append("node before"))
    y.register_hook(lambda g: seen.append("tensor"))
    torch.autograd.grad(y.sum(), y)
    assert seen == ["tensor"]


def test_metadata_of_a_node_is_kept(torch: ModuleType) -> None:
    y = parameter(torch, 1.0) * 2
    y.grad_fn.metadata["label"] = "double"
    assert y.grad_fn.metadata == {"label": "double"}


# ------------------------------------------------------------------ order


def order_of_run(root: Any, leaves: list[Any]) -> list[str]:
    """The names of the nodes of a pass in the order they run, leaves by their number."""
    ran: list[str] = []
    for number, node in enumerate(nodes(root)):
        title = f"{short_name(node)} {number}"
        if hasattr(node, "variable"):
            title = f"leaf {[leaf is node.variable for leaf in leaves].index(True)}"
        node.register_prehook(lambda g, title=title: ran.append(title))
    root.backward()
    return ran


def random_graph(torch: ModuleType, seed: int) -> tuple[Any, list[Any]]:
    """Forty operations on tensors chosen at random from those made so far."""
    choose = random.Random(seed)
    leaves = [parameter(torch, 0.5) for _ in range(4)]
    made = list(leaves)
    for _ in range(40):
        a, b = choose.choice(made), choose.choice(made[-6:])
        operation = choose.randrange(4)
        made.append([lambda: a + b, lambda: a * b, lambda: b.sin(), lambda: -b][operation]())  # noqa: B023
    return (made[-1] + made[-2]).sum(), leaves


@pytest.mark.parametrize("seed", range(25))
def test_nodes_run_in_pytorchs_order(seed: int) -> None:
    pytorch = pytest.importorskip("torch")
    assert order_of_run(*random_graph(gl, seed)) == order_of_run(*random_graph(pytorch, seed))


def test_newest_operation_first_and_a_leaf_as_soon_as_it_can(torch: ModuleType) -> None:
    x, y = parameter(torch, 1.0), parameter(torch, 2.0)
    late = x.sin()
    root = (y.cos() * late).sum()
    assert order_of_run(root, [x, y]) == [
        "SumBackward0 0",
        "MulBackward0 1",
        "CosBackward0 2",
        "leaf 1",
        "SinBackward0 4",
        "leaf 0",
    ]


# ------------------------------------------------------------------ run, advanced by hand


def steps_of(y: Any, **options: Any) -> Iterator[Any]:
    return run([y], [gl.ones(y.shape)], **options)


def test_run_yields_each_node_with_what_came_in_and_what_goes_out() -> None:
    x = parameter(gl, 3.0)
    seen = [
        (
            short_name(s.node),
            [g.tolist() for g in s.grad_outputs],
            [g and g.tolist() for g in s.grad_inputs],
        )
        for s in steps_of((x * x).sum())
    ]
    assert seen == [
        ("SumBackward0", [1.0], [[1.0]]),
        ("MulBackward0", [[1.0]], [[3.0], [3.0]]),
        ("AccumulateGrad", [[6.0]], []),
    ]


def test_grad_changes_while_run_is_paused() -> None:
    x = parameter(gl, 1.0)
    known = []
    for step in steps_of((x * 3).sin().sum()):
        known.append((short_name(step.node), x.grad is not None))
    assert known == [
        ("SumBackward0", False),
        ("SinBackward0", False),
        ("MulBackward0", False),
        ("AccumulateGrad", True),
    ]


def test_steps_kept_for_later_still_show_what_went_by() -> None:
    x = parameter(gl, 3.0)
    y = (x * x + x).sum()
    steps = list(steps_of(y, retain_graph=True))
    y.backward()
    shown = {
        short_name(step.node): [g.tolist() for g in (*step.grad_outputs, *step.grad_inputs)]
        for step in steps
    }
    assert shown == {
        "SumBackward0": [1.0, [1.0]],
        "AddBackward0": [[1.0], [1.0], [1.0]],
        "MulBackward0": [[1.0], [3.0], [3.0]],
        "AccumulateGrad": [[7.0]],
    }
    assert x.grad.tolist() == [14.0]


def test_a_step_shows_gradients_in_the_shapes_of_the_inputs() -> None:
    x, y = gl.ones(2, 3, requires_grad=True), gl.ones(3, requires_grad=True)
    _, step, *_ = steps_of((x * y).sum())
    assert [tuple(g.shape) for g in step.grad_inputs] == [(2, 3), (3,)]


def test_run_does_nothing_until_it_is_advanced() -> None:
    x = parameter(gl, 3.0)
    steps = steps_of((x * x).sum())
    assert x.grad is None
    next(steps)
    assert x.grad is None
    assert [short_name(s.node) for s in steps] == ["MulBackward0", "AccumulateGrad"]
    assert x.grad is not None


def test_run_can_be_left_halfway_and_the_graph_used_again() -> None:
    x = parameter(gl, 3.0)
    y = (x * x).sum()
    steps = steps_of(y, retain_graph=True)
    next(steps)
    steps.close()
    y.backward()
    assert x.grad.tolist() == [6.0]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("enabled", [False, True])
def test_grad_mode_of_the_consumer_is_its_own(create_graph: bool, enabled: bool) -> None:
    x = parameter(gl, 3.0)
    y = (x * x).sin().sum()
    with gl.set_grad_enabled(enabled):
        for _ in steps_of(y, create_graph=create_graph, accumulate=False):
            assert gl.is_grad_enabled() == enabled
            assert (x * 2).requires_grad == enabled


def test_two_runs_can_be_advanced_in_turn() -> None:
    x, y = parameter(gl, 3.0), parameter(gl, 4.0)
    both = [steps_of((t * t).sum()) for t in (x, y)]
    for _ in zip(*both, strict=True):
        pass
    assert (x.grad.tolist(), y.grad.tolist()) == ([6.0], [8.0])


def test_run_without_accumulate_leaves_grad_alone() -> None:
    x = parameter(gl, 3.0)
    names = [short_name(s.node) for s in steps_of((x * x).sum(), accumulate=False)]
    assert names[-1] == "AccumulateGrad"
    assert x.grad is None


def test_run_under_create_graph_gives_steps_that_can_be_differentiated() -> None:
    x = parameter(gl, 3.0)
    last = list(steps_of((x * x * x).sum(), create_graph=True, accumulate=False))[-1]
    (first,) = last.grad_outputs
    (second,) = gl.autograd.grad(first.sum(), x)
    assert (first.tolist(), second.tolist()) == ([27.0], [18.0])


def test_an_error_in_the_pass_leaves_grad_mode_as_it_was() -> None:
    x = parameter(gl, 3.0)
    y = x * 2

    def fail(gradient: Any) -> None:
        raise ZeroDivisionError

    y.register_hook(fail)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()
    assert gl.is_grad_enabled()


# ------------------------------------------------------------------ large graphs


def test_a_chain_of_a_million_nodes_runs_and_is_freed() -> None:
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        x = gl.tensor(1.0, requires_grad=True)
        y = x
        for _ in range(1_000_000):
            y = y * 1.0
        assert len(gc.get_objects()) - before > 1_000_000
        first = weakref.ref(y.grad_fn)
        y.backward()
        assert x.grad.item() == 1.0
        del y
        assert first() is None
        assert len(gc.get_objects()) - before < 100
    finally:
        gc.enable()


def test_a_long_chain_is_differentiated_twice() -> None:
    x = gl.tensor(1.0, dtype=gl.float64, requires_grad=True)
    y = x * x
    for _ in range(5_000):
        y = y * 1.0
    (first,) = gl.autograd.grad(y, x, create_graph=True)
    (second,) = gl.autograd.grad(first, x)
    assert (first.item(), second.item()) == (2.0, 2.0)
    assert sys.getrecursionlimit() < 5_000


def test_a_fan_of_a_thousand(torch: ModuleType) -> None:
    x = parameter(torch, 2.0)
    branches = [x * i for i in range(1_000)]
    torch.stack(branches).sum().backward()
    assert x.grad.tolist() == [sum(range(1_000))]


def test_a_tower_of_sixty_diamonds(torch: ModuleType) -> None:
    """2⁶⁰ paths: each node may run only once."""
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


# ------------------------------------------------------------------ memory


@pytest.fixture
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_collector")
class TestFreedAtOnce:
    """Nothing here is left to the garbage collector."""

    def test_graph_goes_with_its_result(self) -> None:
        x = parameter(gl, 1.0)
        y = x * 2
        z = (y.sin() + y).sum()
        held = [weakref.ref(node) for node in nodes(z)]
        tensors = [weakref.ref(t) for t in (y, z)]
        del y, z
        assert [ref() for ref in held + tensors] == [None] * len(held + tensors)

    def test_leaf_and_its_accumulate_grad_are_no_cycle(self) -> None:
        x = parameter(gl, 1.0)
        y = (x * x).sum()
        y.backward()
        leaf = weakref.ref(x)
        del x
        assert leaf() is not None, "the graph holds its leaf"
        del y
        assert leaf() is None

    def test_saved_values_go_after_backward(self) -> None:
        x = parameter(gl, 1.0)
        w = x * 3
        y = (x * w).sum()
        saved = weakref.ref(w)
        del w
        assert saved() is not None
        y.backward()
        assert saved() is None

    def test_a_node_that_saved_its_result_is_no_cycle(self) -> None:
        y = parameter(gl, 1.0).exp()
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None

    def test_a_second_backward_graph_goes_too(self) -> None:
        x = parameter(gl, 1.0)
        (first,) = gl.autograd.grad((x.exp() * x).sum(), x, create_graph=True)
        held = [weakref.ref(node) for node in nodes(first)]
        del first
        assert [ref() for ref in held if ref() is not None] == []

    def test_a_pass_left_halfway_goes(self) -> None:
        x = parameter(gl, 1.0)
        y = x * 2
        steps = steps_of(y.sum())
        next(steps)
        node = weakref.ref(y.grad_fn)
        del y, steps
        assert node() is None

    def test_a_retained_gradients_tensor_goes(self) -> None:
        x = parameter(gl, 1.0)
        y = x * 2
        y.retain_grad()
        z = y.sum()
        z.backward()
        middle = weakref.ref(y)
        del y
        assert middle() is None

    def test_views_and_in_place_changes_go(self) -> None:
        x = gl.ones(2, 2, requires_grad=True)
        y = x * 1
        y[0].mul_(3)
        y[1] = 5.0
        y.sum().backward()
        held = [weakref.ref(node) for node in nodes(y)] + [weakref.ref(y)]
        del y
        assert [ref() for ref in held if ref() is not None] == []


def test_a_leafs_hook_survives_the_graph(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)
    x.register_hook(lambda g: g * 10)
    x.sum().backward()
    gc.collect()
    x.sum().backward()
    assert x.grad.tolist() == [20.0]


# ------------------------------------------------------------------ threads


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work(number)` returns in threads that all start at once; errors are raised here."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count
    errors: list[BaseException] = []

    def body(number: int) -> None:
        try:
            barrier.wait()
            results[number] = work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=body, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


@pytest.fixture
def _frequent_switches() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_frequent_switches")
def test_backward_in_threads_that_share_leaves_loses_nothing(torch: ModuleType) -> None:
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)

    def work(number: int) -> None:
        for i in range(100):
            (w * (100 * number + i)).sum().backward()

    in_threads(8, work)
    assert w.grad.tolist() == [sum(range(800))] * 3


@pytest.mark.usefixtures("_frequent_switches")
def test_one_graph_may_be_run_by_several_threads(torch: ModuleType) -> None:
    x = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    y = (x * x).exp().log()
    found = in_threads(4, lambda _: torch.autograd.grad(y, x, retain_graph=True)[0].item())
    assert found == pytest.approx([6.0] * 4)


@pytest.mark.usefixtures("_frequent_switches")
def test_each_thread_has_its_own_grad_mode(torch: ModuleType) -> None:
    x = parameter(torch, 1.0)

    def work(number: int) -> set[bool]:
        with torch.set_grad_enabled(number % 2 == 0):
            return {(x * 2).requires_grad for _ in range(200)}

    assert in_threads(4, work) == [{True}, {False}, {True}, {False}]


def test_a_new_thread_records_whatever_mode_started_it(torch: ModuleType) -> None:
    with torch.no_grad():
        assert in_threads(1, lambda _: torch.is_grad_enabled()) == [True]
