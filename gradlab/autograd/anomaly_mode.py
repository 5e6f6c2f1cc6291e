"""Anomaly mode: which line of the forward pass made the operation whose backward went wrong.

While it is on, every node keeps the traceback of the call that recorded it. When running a node
raises an error, or with ``check_nan`` hands on a NaN, that traceback is shown as a warning.
It is an observer (``observers.py``) and costs nothing while it is off.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from gradlab import arrays, observers
from gradlab.engine import running_pass
from gradlab.type_info import check_flag

__all__ = ["detect_anomaly", "set_detect_anomaly"]

_PACKAGE = str(Path(__file__).parent.parent)


class _Watch:
    """The observer: one for all threads, as in PyTorch."""

    def __init__(self) -> None:
        self.check_nan = True

    def on_node(self, node: Any, inputs: Sequence[Any], output: Any) -> None:
        """Keep where ``node`` was recorded, and during the backward of which node."""
        node.metadata["traceback_"] = traceback.format_stack(_users_frame())
        running = running_pass()
        if running is not None and running.node is not None:
            node.metadata["parent_"] = running.node

    def on_step(self, step: Any) -> None:
        """Raise where a gradient that leaves the node has a NaN in it."""
        for i, gradient in enumerate(step.grad_inputs if self.check_nan else ()):
            if gradient is not None and _has_nan(gradient._array):
                self.on_error(step.node)
                raise RuntimeError(
                    f"Function '{step.node.name()}' returned nan values in its {i}th output."
                )

    def on_error(self, node: Any) -> None:
        """Say where the node was recorded whose backward failed."""
        frame = _users_frame()
        filename, line = (frame.f_code.co_filename, frame.f_lineno) if frame else ("gradlab", 0)
        for text in _reports(node):
            warnings.warn_explicit(text, UserWarning, filename, line)


_watch = _Watch()


def _has_nan(array: arrays.Array) -> bool:
    return bool(arrays.array_module(array).isnan(array).any())


def _users_frame() -> FrameType | None:
    """The innermost frame that is not gradlab's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<gradlab ")):
        frame = frame.f_back
    return frame


def _reports(node: Any) -> Iterator[str]:
    """Where ``node`` was recorded, and if that was in a backward pass, what made that run it."""
    yield _report(node, "Error detected in", "caused the error")
    while (node := node.metadata.get("parent_")) is not None:
        yield "\n\n" + _report(
            node, "Previous calculation was induced by", "induced the previous calculation"
        )


def _report(node: Any, what: str, did: str) -> str:
    lines = node.metadata.get("traceback_")
    if lines is None:
        return (
            f"{what} {node.name()}. No forward pass information available. Enable detect anomaly "
            "during forward pass for more information."
        )
    return f"{what} {node.name()}. Traceback of forward call that {did}:\n{''.join(lines)}"


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on.

    >>> with set_detect_anomaly(True):
    ...     is_anomaly_enabled()
    True
    """
    return _watch in observers.active


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, when on, looks for NaN.

    >>> is_anomaly_check_nan_enabled()
    True
    """
    return _watch.check_nan


def _set(enabled: bool, check_nan: bool) -> None:
    (observers.add if enabled else observers.remove)(_watch)
    _watch.check_nan = check_nan


class set_detect_anomaly:
    """Switch anomaly mode on or off: at once when called, and back at the end of a ``with`` block.

    >>> with set_detect_anomaly(True), set_detect_anomaly(False):
    ...     is_anomaly_enabled()
    False
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        check_flag("set_anomaly_enabled", "enabled", mode, 1)
        self._before = (is_anomaly_enabled(), is_anomaly_check_nan_enabled())
        _set(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        _set(*self._before)


class detect_anomaly:
    """Within a ``with`` block, show the forward traceback of what fails in a backward pass.

    With ``check_nan`` a NaN that a node hands on is an error too. Raises RuntimeError for it.

    >>> import gradlab as gl
    >>> x = gl.tensor([-1.0], requires_grad=True)
    >>> with warnings.catch_warnings(action="ignore"), detect_anomaly():
    ...     x.sqrt().backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        self._before = (is_anomaly_enabled(), is_anomaly_check_nan_enabled())
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            UserWarning,
            stacklevel=2,
        )

    def __enter__(self) -> None:
        _set(True, self._check_nan)

    def __exit__(self, *exc: object) -> None:
        _set(*self._before)
