"""Errors: PyTorch's exception, and a message that begins with PyTorch's own sentence.

Each case is a small program and the sentence; PyTorch, where installed, has to raise the same.
gradlab may go on after the sentence, to say what to do.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy
import pytest

Program = Callable[[ModuleType], Any]


@dataclass(frozen=True)
class Case:
    """A program that must fail, how, and with which first words."""

    program: Program
    error: type[Exception]
    sentence: str


CASES: list[Case] = []


def fails(error: type[Exception], sentence: str) -> Callable[[Program], Program]:
    """Put a program in the table."""

    def enter(program: Program) -> Program:
        CASES.append(Case(program, error, sentence))
        return program

    return enter


def ones(torch: ModuleType, *shape: int) -> Any:
    """A leaf of ones that requires grad."""
    return torch.ones(*shape, requires_grad=True)


# ------------------------------------------------------------------ changes in place

LEAF = "a leaf Variable that requires grad is being used in an in-place operation."


@fails(RuntimeError, LEAF)
def change_of_a_leaf(torch: ModuleType) -> None:
    ones(torch, 2).add_(1)


@fails(RuntimeError, LEAF)
def operator_that_changes_a_leaf(torch: ModuleType) -> None:
    x = ones(torch, 2)
    x *= 2


@fails(RuntimeError, LEAF)
def zeroing_a_leaf(torch: ModuleType) -> None:
    ones(torch, 2).zero_()


@fails(RuntimeError, "a view of " + LEAF)
def change_of_an_element_of_a_leaf(torch: ModuleType) -> None:
    ones(torch, 2)[0] = 1


@fails(RuntimeError, "a view of " + LEAF)
def change_of_a_view_of_a_leaf(torch: ModuleType) -> None:
    ones(torch, 2).view(2).mul_(2)


@fails(
    RuntimeError,
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
    "Given that this use case is ambiguous and error-prone, it is forbidden.",
)
def change_of_a_view_made_under_no_grad(torch: ModuleType) -> None:
    x = ones(torch, 2) * 1
    with torch.no_grad():
        view = x[:1]
    view.mul_(2)


@fails(
    RuntimeError,
    "A view was created in no_grad mode and its base or another view of its base has been modified "
    "inplace with grad mode enabled.",
)
def use_of_a_view_made_under_no_grad_after_its_base_changed(torch: ModuleType) -> None:
    x = ones(torch, 2) * 1
    with torch.no_grad():
        view = x[:1]
    x.mul_(2)
    _ = view.grad_fn


@fails(
    RuntimeError,
    "Output 0 of Unbind is a view and is being modified inplace. This view is the output of a "
    "function that returns multiple views. Such functions do not allow the output views to be "
    "modified inplace. You should replace the inplace operation by an out-of-place one.",
)
def change_of_one_of_several_views(torch: ModuleType) -> None:
    (ones(torch, 2) * 1).unbind(0)[0].mul_(2)


@fails(
    RuntimeError,
    "unsupported operation: more than one element of the written-to tensor refers to a single "
    "memory location. Please clone() the tensor before performing the operation.",
)
def change_of_memory_that_shows_several_times(torch: ModuleType) -> None:
    torch.ones(1).expand(3).add_(1)


@fails(RuntimeError, "output with shape [2] doesn't match the broadcast shape [3, 2]")
def change_that_would_not_fit(torch: ModuleType) -> None:
    torch.ones(2).add_(torch.ones(3, 2))


@fails(RuntimeError, "result type Float can't be cast to the desired output type Long")
def change_that_would_round(torch: ModuleType) -> None:
    torch.tensor([1, 2]).add_(1.5)


@fails(RuntimeError, "Can't detach views in-place. Use detach() instead.")
def detaching_a_view_in_place(torch: ModuleType) -> None:
    (ones(torch, 2, 2) * 1)[0].detach_()


# ------------------------------------------------------------------ saved values changed

CHANGED = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [torch.FloatTensor {shape}]{origin} is at version {now}; expected version {then} "
    "instead."
)


@fails(RuntimeError, CHANGED.format(shape=[2, 3], origin="", now=1, then=0))
def saved_constant_changed(torch: ModuleType) -> None:
    w = torch.ones(2, 3)
    y = ones(torch, 2, 3) * w
    w.zero_()
    y.sum().backward()


@fails(
    RuntimeError,
    CHANGED.format(shape=[2], origin=", which is output 0 of Exp,", now=1, then=0),
)
def saved_result_changed(torch: ModuleType) -> None:
    y = (ones(torch, 2) * 2).exp()
    z = y * 1
    y.mul_(2)
    z.sum().backward()


@fails(
    RuntimeError,
    CHANGED.format(shape=[2], origin=", which is output 0 of Add,", now=3, then=2),
)
def saved_intermediate_changed(torch: ModuleType) -> None:
    y = torch.ones(2)
    y.add_(1)
    y = y.mul_(ones(torch, 2))
    z = y.sin()
    y += 1
    z.sum().backward()


@fails(
    RuntimeError,
    CHANGED.format(
        shape=[2], origin=", which is output 0 of torch::autograd::CopySlices,", now=1, then=0
    ),
)
def saved_value_changed_through_an_element(torch: ModuleType) -> None:
    y = ones(torch, 2) * 1
    z = y.sin()
    y[0] = 5
    z.sum().backward()


@fails(RuntimeError, CHANGED.format(shape=[2, 2], origin="", now=1, then=0))
def saved_value_changed_through_a_view(torch: ModuleType) -> None:
    w = torch.ones(2, 2)
    y = ones(torch, 2, 2) * w
    w.t()[0].add_(1)
    y.sum().backward()


@fails(RuntimeError, CHANGED.format(shape=[2], origin="", now=1, then=0))
def saved_value_changed_through_detach(torch: ModuleType) -> None:
    x = ones(torch, 2)
    y = (x * x).sum()
    x.detach().mul_(2)
    y.backward()


@fails(RuntimeError, CHANGED.format(shape=[2], origin="", now=1, then=0))
def saved_value_changed_under_no_grad(torch: ModuleType) -> None:
    x = ones(torch, 2)
    y = x.sin()
    with torch.no_grad():
        x.mul_(2)
    y.sum().backward()


@fails(RuntimeError, CHANGED.format(shape=[2], origin="", now=1, then=0))
def saved_value_changed_and_differentiated_again(torch: ModuleType) -> None:
    x = ones(torch, 2)
    y = (x * x).sum()
    with torch.no_grad():
        x.mul_(2)
    torch.autograd.grad(y, x, create_graph=True)


# ------------------------------------------------------------------ the graph is gone, or never was

AGAIN = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed)."
)


@fails(RuntimeError, AGAIN)
def backward_twice(torch: ModuleType) -> None:
    x = ones(torch, 2)
    y = (x * x).sum()
    y.backward()
    y.backward()


@fails(RuntimeError, AGAIN)
def backward_twice_with_create_graph(torch: ModuleType) -> None:
    x = ones(torch, 2)
    y = (x * x).sum()
    y.backward()
    torch.autograd.grad(y, x, create_graph=True)


@fails(RuntimeError, AGAIN)
def two_losses_on_one_freed_part(torch: ModuleType) -> None:
    middle = ones(torch, 2).exp()
    one, two = middle.sum(), (middle * 2).sum()
    one.backward()
    two.backward()


@fails(RuntimeError, AGAIN)
def looking_at_a_freed_saved_value(torch: ModuleType) -> None:
    x = ones(torch, 2)
    y = (x * x).sum()
    node = y.grad_fn.next_functions[0][0]
    y.backward()
    _ = node._saved_self


@fails(RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn")
def backward_of_a_constant(torch: ModuleType) -> None:
    torch.ones(2).sum().backward()


@fails(RuntimeError, "element 1 of tensors does not require grad and does not have a grad_fn")
def backward_of_a_list_with_a_constant(torch: ModuleType) -> None:
    torch.autograd.backward([ones(torch, 2).sum(), torch.ones(())])


@fails(RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn")
def backward_of_what_was_made_under_no_grad(torch: ModuleType) -> None:
    with torch.no_grad():
        y = ones(torch, 2).sum()
    y.backward()


# ------------------------------------------------------------------ the gradient to start with

SCALAR = "grad can be implicitly created only for scalar outputs"


@fails(RuntimeError, SCALAR)
def backward_of_a_vector(torch: ModuleType) -> None:
    (ones(torch, 2) * 2).backward()


@fails(RuntimeError, SCALAR)
def grad_of_a_vector(torch: ModuleType) -> None:
    x = ones(torch, 2)
    torch.autograd.grad(x * 2, x)


@fails(
    RuntimeError,
    "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape "
    "of torch.Size([2]).",
)
def gradient_of_another_shape(torch: ModuleType) -> None:
    (ones(torch, 2) * 2).backward(torch.ones(3))


@fails(
    RuntimeError,
    "Mismatch in shape: grad_output[0] has a shape of torch.Size([]) and output[0] has a shape "
    "of torch.Size([2]).",
)
def gradient_that_is_a_number(torch: ModuleType) -> None:
    torch.autograd.backward([ones(torch, 2) * 2], [torch.tensor(1.0)])


@fails(
    RuntimeError,
    "For complex Tensors, both grad_output and output are required to have the same dtype. "
    "Mismatch in dtype: grad_output[0] has a dtype of torch.complex64 and output[0] has a dtype "
    "of torch.float32.",
)
def complex_gradient_of_a_real_result(torch: ModuleType) -> None:
    (ones(torch, 2) * 2).backward(torch.ones(2, dtype=torch.complex64))


@fails(TypeError, "gradients can be either Tensors or None, but got float")
def gradient_that_is_no_tensor(torch: ModuleType) -> None:
    torch.autograd.backward([ones(torch, 2) * 2], [1.0])


@fails(RuntimeError, "got 2 tensors and 1 gradients")
def too_few_gradients(torch: ModuleType) -> None:
    x = ones(torch, 2)
    torch.autograd.backward([x.sum(), x.sum()], [torch.tensor(1.0)])


@fails(RuntimeError, "got 2 tensors and 1 gradients")
def too_few_gradients_for_grad(torch: ModuleType) -> None:
    x = ones(torch, 2)
    torch.autograd.grad([x * 2, x * 3], x, [torch.ones(2)])


# ------------------------------------------------------------------ inputs


@fails(RuntimeError, "One of the differentiated Tensors does not require grad")
def grad_of_a_constant_input(torch: ModuleType) -> None:
    torch.autograd.grad(ones(torch, 2).sum(), torch.ones(2))


@fails(
    RuntimeError,
    "The differentiated Tensor at index 1 appears to not have been used in the graph. "
    "Set allow_unused=True if this is the desired behavior.",
)
def grad_of_an_unused_input(torch: ModuleType) -> None:
    x = ones(torch, 2)
    torch.autograd.grad(x.sum(), [x, ones(torch, 3)])


@fails(RuntimeError, "`inputs` argument to `grad()` cannot be empty.")
def grad_without_inputs(torch: ModuleType) -> None:
    torch.autograd.grad(ones(torch, 2).sum(), [])


@fails(RuntimeError, "`inputs` argument to `backward()` cannot be empty.")
def backward_with_empty_inputs(torch: ModuleType) -> None:
    ones(torch, 2).sum().backward(inputs=[])


@fails(
    ValueError,
    "Expected allow_unused to be True or not passed when materialize_grads=True, "
    "but got: allow_unused=False.",
)
def zeros_for_unused_that_are_not_allowed(torch: ModuleType) -> None:
    x = ones(torch, 2)
    torch.autograd.grad(x.sum(), x, allow_unused=False, materialize_grads=True)


# ------------------------------------------------------------------ requires_grad and leaves


@fails(RuntimeError, "Only Tensors of floating point and complex dtype can require gradients")
def new_tensor_of_integers_that_requires_grad(torch: ModuleType) -> None:
    torch.tensor([1, 2], requires_grad=True)


@fails(RuntimeError, "only Tensors of floating point dtype can require gradients")
def requires_grad_of_integers(torch: ModuleType) -> None:
    torch.tensor([1, 2]).requires_grad_()


@fails(RuntimeError, "only Tensors of floating point and complex dtype can require gradients")
def requires_grad_of_bools_as_an_attribute(torch: ModuleType) -> None:
    torch.tensor([True]).requires_grad = True


FLAG = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed "
    "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
)


@fails(RuntimeError, FLAG)
def requires_grad_of_a_result(torch: ModuleType) -> None:
    (ones(torch, 2) * 2).requires_grad = False


@fails(RuntimeError, FLAG)
def requires_grad_of_a_result_in_place(torch: ModuleType) -> None:
    (ones(torch, 2) * 2).requires_grad_(False)


@fails(
    RuntimeError,
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
    "the moment.",
)
def deepcopy_of_a_result(torch: ModuleType) -> None:
    copy.deepcopy(ones(torch, 2) * 2)


# ------------------------------------------------------------------ .grad


@fails(TypeError, "assigned grad expected to be a Tensor or None but got grad of type int")
def grad_set_to_a_number(torch: ModuleType) -> None:
    ones(torch, 2).grad = 3


@fails(
    RuntimeError,
    "attempting to assign a gradient of size '[3]' to a tensor of size '[2]'. Please ensure that "
    "the gradient and the tensor are the same size",
)
def grad_set_to_another_shape(torch: ModuleType) -> None:
    ones(torch, 2).grad = torch.ones(3)


@fails(RuntimeError, "attempting to assign a gradient with dtype '")
def grad_set_to_another_dtype(torch: ModuleType) -> None:
    ones(torch, 2).grad = torch.ones(2, dtype=torch.float64)


@fails(RuntimeError, "can't assign Variable as its own grad")
def grad_set_to_the_tensor_itself(torch: ModuleType) -> None:
    x = ones(torch, 2)
    x.grad = x


@fails(TypeError, "Variable data has to be a tensor, but got int")
def data_set_to_a_number(torch: ModuleType) -> None:
    torch.ones(2).data = 3


# ------------------------------------------------------------------ hooks


@fails(RuntimeError, "cannot register a hook on a tensor that doesn't require gradient")
def hook_on_a_constant(torch: ModuleType) -> None:
    torch.ones(2).register_hook(print)


@fails(RuntimeError, "can't retain_grad on Tensor that has requires_grad=False")
def retain_grad_of_a_constant(torch: ModuleType) -> None:
    torch.ones(2).retain_grad()


@fails(TypeError, "expected Variable, but hook returned 'int'")
def tensor_hook_that_returns_a_number(torch: ModuleType) -> None:
    y = ones(torch, 2) * 2
    y.register_hook(lambda g: 3)
    y.sum().backward()


@fails(RuntimeError, "hook 'too_long' has changed the size of value")
def tensor_hook_that_returns_another_shape(torch: ModuleType) -> None:
    def too_long(gradient: Any) -> Any:
        return torch.ones(5)

    y = ones(torch, 2) * 2
    y.register_hook(too_long)
    y.sum().backward()


@fails(
    RuntimeError,
    "hook 'only_one' has returned an incorrect number of values (got 1, but expected 2)",
)
def node_hook_that_returns_too_few(torch: ModuleType) -> None:
    def only_one(inputs: Any, outputs: Any) -> Any:
        return (inputs[0],)

    y = ones(torch, 2) * ones(torch, 2)
    y.grad_fn.register_hook(only_one)
    y.sum().backward()


@fails(
    RuntimeError,
    "hook 'twice' has returned an incorrect number of values (got 2, but expected 1)",
)
def node_prehook_that_returns_too_many(torch: ModuleType) -> None:
    def twice(outputs: Any) -> Any:
        return outputs * 2

    y = ones(torch, 2).sin()
    y.grad_fn.register_prehook(twice)
    y.sum().backward()


@fails(TypeError, "expected tuple, but hook returned 'int'")
def node_hook_that_returns_a_number(torch: ModuleType) -> None:
    y = ones(torch, 2).sin()
    y.grad_fn.register_hook(lambda inputs, outputs: 3)
    y.sum().backward()


@fails(ZeroDivisionError, "division by zero")
def hook_that_fails(torch: ModuleType) -> None:
    y = ones(torch, 2).sin()
    y.register_hook(lambda g: 1 / 0)
    y.sum().backward()


# ------------------------------------------------------------------ leaving for Python and NumPy

NUMPY = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."


@fails(RuntimeError, NUMPY)
def numpy_of_a_leaf(torch: ModuleType) -> None:
    ones(torch, 2).numpy()


@fails(RuntimeError, NUMPY)
def numpy_of_a_result(torch: ModuleType) -> None:
    (ones(torch, 2) * 2).numpy()


@fails(RuntimeError, NUMPY)
def asarray_of_a_leaf(torch: ModuleType) -> None:
    numpy.asarray(ones(torch, 2))


@fails(RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar")
def item_of_several(torch: ModuleType) -> None:
    torch.ones(2).item()


@fails(RuntimeError, "Boolean value of Tensor with more than one value is ambiguous")
def truth_of_several(torch: ModuleType) -> None:
    bool(torch.ones(2))


@fails(RuntimeError, "Boolean value of Tensor with no values is ambiguous")
def truth_of_none(torch: ModuleType) -> None:
    bool(torch.ones(0))


@fails(TypeError, "len() of a 0-d tensor")
def length_of_a_number(torch: ModuleType) -> None:
    len(torch.tensor(1.0))


@fails(TypeError, "iteration over a 0-d tensor")
def loop_over_a_number(torch: ModuleType) -> None:
    for _ in torch.tensor(1.0):
        pass


# ------------------------------------------------------------------ arguments


@fails(
    RuntimeError,
    "The size of tensor a (2) must match the size of tensor b (4) at non-singleton dimension 0",
)
def shapes_that_do_not_broadcast(torch: ModuleType) -> None:
    _ = torch.ones(2, 3) + torch.ones(4, 3)


@fails(TypeError, "sin(): argument 'input' (position 1) must be Tensor, not float")
def function_of_a_number(torch: ModuleType) -> None:
    torch.sin(3.0)


@fails(TypeError, "unsupported operand type(s) for +: 'Tensor' and 'str'")
def sum_with_a_string(torch: ModuleType) -> None:
    _ = torch.ones(2) + "a"


@fails(IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 2)")
def dimension_that_is_not_there(torch: ModuleType) -> None:
    torch.ones(2, 3).sum(2)


@fails(IndexError, "index 5 is out of bounds for dimension 0 with size 2")
def index_that_is_not_there(torch: ModuleType) -> None:
    _ = torch.ones(2)[5]


# ------------------------------------------------------------------ what is no tensor


@fails(TypeError, "sin(): argument 'input' (position 1) must be Tensor, not numpy.ndarray")
def function_of_an_array(torch: ModuleType) -> None:
    torch.sin(numpy.ones(2))


@fails(TypeError, "mul(): argument 'other' (position 2) must be Tensor, not numpy.ndarray")
def function_of_a_tensor_and_an_array(torch: ModuleType) -> None:
    torch.mul(torch.ones(2), numpy.ones(2))


@fails(TypeError, "sum(): argument 'input' (position 1) must be Tensor, not numpy.ndarray")
def sum_of_an_array(torch: ModuleType) -> None:
    torch.sum(numpy.ones(2))


@fails(TypeError, "matmul(): argument 'other' (position 1) must be Tensor, not int")
def product_with_a_number(torch: ModuleType) -> None:
    torch.ones(2).matmul(3)


@fails(TypeError, "max() received an invalid combination of arguments - got (float, Tensor)")
def maximum_of_a_number_and_a_tensor(torch: ModuleType) -> None:
    torch.max(1.0, torch.ones(2))


@fails(TypeError, "min() received an invalid combination of arguments - got (Tensor, float)")
def minimum_of_a_tensor_and_a_number(torch: ModuleType) -> None:
    torch.min(torch.ones(2), 1.0)


@fails(
    TypeError, "max() received an invalid combination of arguments - got (Tensor, numpy.ndarray)"
)
def maximum_of_a_tensor_and_an_array(torch: ModuleType) -> None:
    torch.max(torch.ones(2), numpy.ones(2))


@fails(TypeError, "Tensor does not support deleting items")
def deleting_an_element(torch: ModuleType) -> None:
    x = torch.ones(2)
    del x[0]


@fails(RuntimeError, "mat1 and mat2 must have the same dtype, but got Double and Float")
def a_layer_of_single_precision_given_double(torch: ModuleType) -> None:
    torch.nn.Linear(2, 3)(torch.ones(4, 2).double())


@fails(RuntimeError, "self and mat2 must have the same dtype, but got Float and Double")
def addmm_of_double_to_single_precision(torch: ModuleType) -> None:
    double = torch.ones(2, 2).double()
    torch.addmm(torch.ones(2), double, double)


@fails(
    RuntimeError,
    "attempting to assign a gradient with dtype 'long int' to a tensor with grad_dtype 'Float'.",
)
def a_gradient_of_integers(torch: ModuleType) -> None:
    ones(torch, 2).grad = torch.ones(2).long()


# ------------------------------------------------------------------ inference mode


def made_in_inference_mode(torch: ModuleType) -> Any:
    with torch.inference_mode():
        return torch.ones(2)


@fails(RuntimeError, "Inplace update to inference tensor outside InferenceMode is not allowed.")
def change_of_an_inference_tensor(torch: ModuleType) -> None:
    made_in_inference_mode(torch).add_(1)


@fails(RuntimeError, "Inference tensors cannot be saved for backward.")
def saving_an_inference_tensor(torch: ModuleType) -> None:
    _ = ones(torch, 2) * made_in_inference_mode(torch)


@fails(
    RuntimeError,
    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.",
)
def requires_grad_of_an_inference_tensor(torch: ModuleType) -> None:
    made_in_inference_mode(torch).requires_grad_()


@fails(RuntimeError, "Inference tensors do not track version counter.")
def version_of_an_inference_tensor(torch: ModuleType) -> None:
    _ = made_in_inference_mode(torch)._version


# ------------------------------------------------------------------ the tests


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.program.__name__)
def test_error_begins_with_pytorchs_sentence(torch: ModuleType, case: Case) -> None:
    with pytest.raises(case.error) as caught:
        case.program(torch)
    assert type(caught.value) is case.error
    assert str(caught.value).replace("torch.cuda.", "torch.").startswith(case.sentence)


def test_the_error_for_a_changed_value_says_what_to_do(torch: ModuleType) -> None:
    with pytest.raises(RuntimeError) as caught:
        saved_result_changed(torch)
    assert "torch.autograd.set_detect_anomaly(True" in str(caught.value)


def test_reading_grad_of_a_result_warns(torch: ModuleType) -> None:
    y = ones(torch, 2) * 2
    sentence = (
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
        "attribute won't be populated during autograd.backward()."
    )
    with pytest.warns(UserWarning, match=re.escape(sentence)):
        assert y.grad is None


def test_reading_grad_warns_of_nothing_where_it_is_filled(torch: ModuleType) -> None:
    x = ones(torch, 2)
    y = x * 2
    y.retain_grad()
    assert (x.grad, y.grad) == (None, None)


def test_a_failed_pass_can_be_repeated(torch: ModuleType) -> None:
    x = ones(torch, 2)
    y = x * 2
    handle = y.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_refused_change_changes_nothing(torch: ModuleType) -> None:
    x = ones(torch, 2)
    with pytest.raises(RuntimeError, match="leaf"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="leaf"):
        x[0] = 5
    assert x.tolist() == [1.0, 1.0]
    assert x._version == 0


def test_a_view_whose_history_is_lost_can_still_be_printed(torch: ModuleType) -> None:
    x = ones(torch, 2) * 1
    first, _ = x.unbind()
    x.mul_(2)
    assert repr(first) == "tensor(2., grad_fn=<Invalid>)"
