"""Anomaly mode: errors name the operation, warnings show the line that recorded it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl


def anomalies(program: Callable[[], Any]) -> tuple[Exception | None, list[str]]:
    """How a program fails, and the reports it gives before that."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            program()
        except Exception as error:
            failed: Exception | None = error
        else:
            failed = None
    texts = [str(warning.message).strip() for warning in caught]
    return failed, [text for text in texts if text.startswith(("Error detected", "Previous"))]


def negative_root(torch: ModuleType) -> Any:
    x = torch.tensor([-1.0, 4.0], requires_grad=True)
    return x.sqrt()  # the line to be found


def saved_and_changed(torch: ModuleType) -> Any:
    y = torch.ones(2, requires_grad=True).exp()  # the line to be found
    y.add_(1)
    return y


def failing_function(torch: ModuleType) -> Any:
    class Failing(torch.autograd.Function):  # type: ignore[name-defined,misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return 1 / 0

    return Failing.apply(torch.ones(2, requires_grad=True))  # the line to be found


def misshapen_function(torch: ModuleType) -> Any:
    class Misshapen(torch.autograd.Function):  # type: ignore[name-defined,misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return torch.ones(3)

    return Misshapen.apply(torch.ones(2, requires_grad=True))  # the line to be found


@pytest.mark.parametrize(
    ("make", "error", "text", "node"),
    [
        (
            negative_root,
            RuntimeError,
            "Function 'SqrtBackward0' returned nan values in its 0th output.",
            "SqrtBackward0",
        ),
        (saved_and_changed, RuntimeError, "one of the variables needed", "ExpBackward0"),
        (failing_function, ZeroDivisionError, "division by zero", "FailingBackward"),
        (misshapen_function, RuntimeError, "Function MisshapenBackward", "MisshapenBackward"),
    ],
)
def test_a_warning_shows_the_line_that_recorded_what_failed(
    torch: ModuleType,
    make: Callable[[ModuleType], Any],
    error: type[Exception],
    text: str,
    node: str,
) -> None:
    def program() -> None:
        with torch.autograd.detect_anomaly():
            make(torch).sum().backward()

    failed, (warning,) = anomalies(program)
    assert isinstance(failed, error)
    assert str(failed).startswith(text)
    head, *lines = warning.split("\n")
    assert head == (f"Error detected in {node}. Traceback of forward call that caused the error:")
    assert any(line.endswith("# the line to be found") for line in lines)


def test_nan_is_let_through_where_it_is_not_looked_for(torch: ModuleType) -> None:
    def program() -> None:
        with torch.autograd.detect_anomaly(check_nan=False):
            negative_root(torch).sum().backward()

    assert anomalies(program) == (None, [])


def test_which_of_several_gradients_is_nan(torch: ModuleType) -> None:
    def program() -> None:
        x = torch.tensor([1.0], requires_grad=True)
        with torch.autograd.set_detect_anomaly(True):
            (x / torch.zeros(1, requires_grad=True) * torch.zeros(1)).backward()

    failed, _ = anomalies(program)
    assert str(failed) == "Function 'DivBackward0' returned nan values in its 0th output."


def test_a_forward_pass_outside_leaves_no_traceback(torch: ModuleType) -> None:
    def program() -> None:
        y = negative_root(torch)
        with torch.autograd.detect_anomaly():
            y.sum().backward()

    failed, (warning,) = anomalies(program)
    assert "SqrtBackward0" in str(failed)
    assert warning.startswith(
        "Error detected in SqrtBackward0. No forward pass information available. Enable detect "
        "anomaly during forward pass for more information."
    )


def test_what_a_backward_pass_recorded_knows_for_which_node(torch: ModuleType) -> None:
    with torch.autograd.set_detect_anomaly(True):
        x = torch.ones(2, requires_grad=True)
        y = x.exp()
        (gradient,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert gradient.grad_fn.metadata["parent_"] is y.grad_fn
    assert "x.exp()" in y.grad_fn.metadata["traceback_"][-1]
    assert "parent_" not in y.grad_fn.metadata


def test_the_report_goes_on_to_what_induced_the_failing_operation(torch: ModuleType) -> None:
    def program() -> None:
        with torch.autograd.set_detect_anomaly(True):
            x = torch.tensor([0.0, 1.0], requires_grad=True)
            (first,) = torch.autograd.grad(x.sqrt().sum(), x, create_graph=True)
            (first * 0).sum().backward()

    failed, (report, induced) = anomalies(program)
    assert str(failed) == "Function 'DivBackward0' returned nan values in its 1th output."
    assert report.startswith("Error detected in DivBackward0. Traceback of forward call that")
    assert induced.startswith("Previous calculation was induced by SqrtBackward0. Traceback of")
    assert "torch.autograd.grad(x.sqrt().sum()" in induced


def test_the_switches(torch: ModuleType) -> None:
    def state() -> tuple[bool, bool]:
        return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()

    assert state() == (False, True)
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        assert state() == (True, False)
        with torch.autograd.set_detect_anomaly(False):
            assert state() == (False, True)
        assert state() == (True, False)
    assert state() == (False, True)
    torch.autograd.set_detect_anomaly(True)
    assert state() == (True, True)
    torch.autograd.set_detect_anomaly(False)
    assert state() == (False, True)


def test_detect_anomaly_warns_that_it_is_slow(torch: ModuleType) -> None:
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        context = torch.autograd.detect_anomaly()
    assert not torch.is_anomaly_enabled()
    with context:
        assert torch.is_anomaly_enabled()
    assert not torch.is_anomaly_enabled()


def test_off_it_leaves_nothing_behind() -> None:
    before = gl.observers.active
    with gl.autograd.set_detect_anomaly(True):
        pass
    y = gl.ones(1, requires_grad=True).exp()
    assert gl.observers.active == before
    assert y.grad_fn.metadata == {}
