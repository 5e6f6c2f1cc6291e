"""gradcheck finds what is wrong, says it in PyTorch's words, and leaves its inputs as they were."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl


def double(torch: ModuleType, *values: float) -> Any:
    """A leaf fit for checking."""
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


RIGHT: list[Callable[..., Any]] = [
    lambda torch, x, y: x * y,
    lambda torch, x, y: (x.sin(), y * x),
    lambda torch, x, y: (x / y).sum(),
    lambda torch, x, y: x.unbind(0),
    lambda torch, x, y: x,
    lambda torch, x, y: [x + y, x.detach().long()],
    lambda torch, x, y: torch.stack([x, y]).max(0),
]


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("function", RIGHT)
def test_right_gradients_pass(
    torch: ModuleType, function: Callable[..., Any], fast_mode: bool
) -> None:
    x, y = double(torch, 0.5, -2.0, 1.5), double(torch, 1.25, 2.0, -0.75)

    def program(x: Any, y: Any) -> Any:
        result = function(torch, x, y)
        return tuple(result) if isinstance(result, (list, tuple)) else result

    assert torch.autograd.gradcheck(program, (x, y), fast_mode=fast_mode)
    assert torch.autograd.gradgradcheck(program, (x, y), fast_mode=fast_mode)


def half_forgotten(x: Any) -> Any:
    """x², of which the gradient knows only one factor."""
    return x * x.detach()


def test_a_wrong_gradient_is_shown_beside_the_right_one(torch: ModuleType) -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.autograd.gradcheck(half_forgotten, double(torch, 1.0, 2.0))
    assert type(caught.value).__name__ == "GradcheckError"
    assert str(caught.value).startswith(
        "Jacobian mismatch for output 0 with respect to input 0,\n"
        "numerical:tensor([[2.0000, 0.0000],\n        [0.0000, 4.0000]], dtype=torch.float64)\n"
        "analytical:tensor([[1., 0.],\n        [0., 2.]], dtype=torch.float64)\n"
    )


def test_the_second_output_and_input_are_named(torch: ModuleType) -> None:
    x, y = double(torch, 1.0), double(torch, 2.0)
    with pytest.raises(RuntimeError, match="mismatch for output 1 with respect to input 1,"):
        torch.autograd.gradcheck(lambda x, y: (x * y, x * half_forgotten(y)), (x, y))


def test_a_wrong_gradient_is_found_in_fast_mode(torch: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input"):
        torch.autograd.gradcheck(half_forgotten, double(torch, 1.0, 2.0), fast_mode=True)


def test_a_wrong_second_derivative_is_found(torch: ModuleType) -> None:
    x = double(torch, 1.0, 2.0)
    assert torch.autograd.gradcheck(lambda x: x.detach() + x - x.detach(), x)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradgradcheck(lambda x: x * x * x.detach(), x)


def test_without_exception_the_answer_is_false(torch: ModuleType) -> None:
    x = double(torch, 1.0, 2.0)
    assert torch.autograd.gradcheck(half_forgotten, x, raise_exception=False) is False
    assert torch.autograd.gradgradcheck(half_forgotten, x, raise_exception=False) is False


def test_tolerances_are_those_given(torch: ModuleType) -> None:
    x = double(torch, 1.0, 2.0)

    def slightly_off(x: Any) -> Any:
        return x * 1.5 + x.detach() * 1e-3

    assert not torch.autograd.gradcheck(slightly_off, x, rtol=0.0, raise_exception=False)
    assert torch.autograd.gradcheck(slightly_off, x, rtol=0.0, atol=2e-3)
    assert torch.autograd.gradcheck(slightly_off, x, rtol=2e-3, atol=0.0)


def test_a_result_cut_off_from_its_input_is_found(torch: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="Numerical gradient for function expected to be zero"):
        torch.autograd.gradcheck(lambda x: (x * x).detach(), double(torch, 1.0))


def test_a_result_that_really_is_constant_passes(torch: ModuleType) -> None:
    assert torch.autograd.gradcheck(lambda x: (x * 0).detach(), double(torch, 1.0))


def test_a_pass_that_differs_from_time_to_time_is_found(torch: ModuleType) -> None:
    calls = []

    def drifting(x: Any) -> Any:
        y = x * 2
        y.register_hook(lambda g: g and g * (1 + 1e-9 * (calls.append(g) or len(calls))))
        return y

    x = double(torch, 1.0)
    with pytest.raises(RuntimeError, match="Backward is not reentrant"):
        torch.autograd.gradcheck(drifting, x)
    assert torch.autograd.gradcheck(drifting, x, nondet_tol=1e-3)


def test_a_gradient_added_to_is_found(torch: ModuleType) -> None:
    """A hook that adds a constant passes where that is small, but a zero must stay zero."""

    def biased(x: Any) -> Any:
        y = x * 2
        y.register_hook(lambda g: g + 1e-7)
        return y

    with pytest.raises(RuntimeError, match="backward not multiplied by grad_output"):
        torch.autograd.gradcheck(biased, double(torch, 1.0))


def test_a_missing_gradient_that_is_not_taken_for_zero_is_found(torch: ModuleType) -> None:
    def needs_a_gradient(x: Any) -> Any:
        y = x.sin()
        y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 1,))
        return y

    x = double(torch, 1.0)
    kinds = (RuntimeError, TypeError)  # PyTorch lets an error of the hook's own through
    with pytest.raises(kinds):
        torch.autograd.gradcheck(needs_a_gradient, x)
    assert torch.autograd.gradcheck(needs_a_gradient, x, check_undefined_grad=False)


def test_inputs_are_left_as_they_were(torch: ModuleType) -> None:
    x = double(torch, 0.1, 0.7)
    before = x.tolist()
    torch.autograd.gradcheck(lambda x: x.sin(), x)
    assert (x.tolist(), x._version, x.grad) == (before, 0, None)


def test_inputs_are_left_as_they_were_when_the_function_fails() -> None:
    x = double(gl, 0.1, 0.7)
    calls = []

    def fails_later(x: Any) -> Any:
        calls.append(x)
        if len(calls) > 2:
            raise ZeroDivisionError
        return x * 2

    with pytest.raises(ZeroDivisionError):
        gl.autograd.gradcheck(fails_later, x)
    assert x.tolist() == [0.1, 0.7]


def test_other_inputs_are_passed_on(torch: ModuleType) -> None:
    x = double(torch, 1.0, 2.0)
    assert torch.autograd.gradcheck(lambda x, n, c: x**n * c, (x, 3, torch.ones(2)))


def test_inputs_without_grad_are_refused(torch: ModuleType) -> None:
    with pytest.raises(ValueError, match="gradcheck expects at least one input tensor to require"):
        torch.autograd.gradcheck(lambda x: x, torch.ones(2))


def test_inputs_that_overlap_themselves_are_refused(torch: ModuleType) -> None:
    x = torch.ones(1, dtype=torch.float64).expand(3).requires_grad_()
    with pytest.raises(RuntimeError, match="The 0th input has a dimension with stride 0"):
        torch.autograd.gradcheck(lambda x: x * 2, x)


def test_float32_is_warned_of(torch: ModuleType) -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precisi"):
        torch.autograd.gradcheck(lambda x: x * 2, x, eps=1e-2, atol=1e-2)


def test_gradients_given_to_gradgradcheck_are_used() -> None:
    x, v = double(gl, 1.0, 2.0), double(gl, 3.0, 4.0)
    seen = []

    def square(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda g: seen.append(g.tolist()))
        return y

    assert gl.autograd.gradgradcheck(square, x, v)
    assert [3.0, 4.0] in seen


def test_gradients_with_gaps_in_memory() -> None:
    strides = []

    def square(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda g: strides.append(g.stride()))
        return y

    x = double(gl, 1.0, 2.0)
    assert gl.autograd.gradgradcheck(square, x, gen_non_contig_grad_outputs=True)
    assert (2,) in strides


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1, 1)])
def test_every_shape_can_be_checked(torch: ModuleType, shape: tuple[int, ...]) -> None:
    x = torch.full(shape, 0.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: x.sin() * x, x)
