"""Switches of PyTorch's about how to compute, each with what it can mean here.

Operations compute in the dtype of their inputs, the same way every time: some switches have
nothing to switch and are kept only to be read again; what can't be done is refused.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

from gradlab import arrays

F = TypeVar("F", bound=Callable[..., Any])

__all__ = [
    "are_deterministic_algorithms_enabled",
    "autocast",
    "compile",
    "get_autocast_dtype",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "is_autocast_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "use_deterministic_algorithms",
]


class _Chosen:
    """What was chosen last."""

    deterministic = False
    warn_only = False
    precision = "highest"


# ------------------------------------------------------------------ the same result every time


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same result every time; on the CPU that is how it is in any case.

    On a GPU CuPy adds up in an order that may differ from run to run in ``index_add`` and its
    like, which this does not change. Raises TypeError where ``mode`` is no bool.

    >>> use_deterministic_algorithms(True)
    >>> are_deterministic_algorithms_enabled()
    True
    >>> use_deterministic_algorithms(False)
    """
    if not isinstance(mode, bool):
        raise TypeError(
            "_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not "
            f"{type(mode).__name__}"
        )
    _Chosen.deterministic = mode
    _Chosen.warn_only = mode and warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms(True)`` was called.

    >>> are_deterministic_algorithms_enabled()
    False
    """
    return _Chosen.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` was called with ``warn_only=True``.

    >>> is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _Chosen.warn_only


_DEBUG_MODES = ("default", "warn", "error")


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """As ``use_deterministic_algorithms``: "default" or 0 is off, "warn" or 1, "error" or 2 on.

    Raises RuntimeError for anything else.

    >>> set_deterministic_debug_mode("default")
    """
    chosen = _DEBUG_MODES.index(debug_mode) if debug_mode in _DEBUG_MODES else debug_mode
    if chosen not in (0, 1, 2):
        raise RuntimeError(
            "invalid value of debug_mode, expected `default`, `warn`, `error`, 0, 1 or 2, but got "
            f"{debug_mode}"
        )
    use_deterministic_algorithms(chosen != 0, warn_only=chosen == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: see ``set_deterministic_debug_mode``.

    >>> get_deterministic_debug_mode()
    0
    """
    return 0 if not _Chosen.deterministic else 1 if _Chosen.warn_only else 2


# ------------------------------------------------------------------ precision


def set_float32_matmul_precision(precision: str) -> None:
    """Allow products of float32 matrices to be less precise; they stay at the highest precision.

    ``precision``: "highest", "high" or "medium". Any other changes nothing, with a warning.

    >>> set_float32_matmul_precision("high")
    >>> get_float32_matmul_precision()
    'high'
    >>> set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current "
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=2,
        )
        return
    _Chosen.precision = precision


def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` was last given.

    >>> get_float32_matmul_precision()
    'highest'
    """
    return _Chosen.precision


def set_flush_denormal(mode: bool) -> bool:
    """Say whether numbers next to zero are to become zero; False: that can't be switched here.

    NumPy keeps them, and the processor's switch can't be reached from Python.

    >>> set_flush_denormal(True)
    False
    """
    return False


# ------------------------------------------------------------------ other ways to compute


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: Any = None,
    disable: bool = False,
) -> Any:
    """Return the function or module as it is, so that a script that compiles runs here too.

    Nothing is compiled: what runs, and what widgets show, is the code as it was written. Also a
    decorator, with or without arguments, all of which are ignored.

    >>> import gradlab as gl
    >>> @gl.compile(mode="max-autotune")
    ... def double(x):
    ...     return x * 2
    >>> double(gl.ones(2))
    tensor([2., 2.])
    """
    return (lambda found: found) if model is None else model


class autocast:
    """What computes in half precision by itself in PyTorch; here only ``enabled=False`` works.

    On a "cuda" that is not available it is switched off with a warning, as in PyTorch. Raises
    NotImplementedError where it is enabled, ValueError for a device type that is no text.

    >>> with autocast("cuda", enabled=False):
    ...     is_autocast_enabled()
    False
    """

    def __init__(
        self,
        device_type: str,
        dtype: arrays.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(
                f"Expected `device_type` of type `str`, got: `{type(device_type)}`. Pass "
                "device.type of a device."
            )
        if enabled and device_type == "cuda" and not arrays.cuda_is_available():
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2
            )
            enabled = False
        if enabled:
            raise NotImplementedError(
                "autocast is not available: operations compute in the dtype of their inputs. "
                "Convert what is to be of half precision with .half(), or pass enabled=False."
            )
        self.device = device_type
        self.fast_dtype = dtype

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return cast(F, wrapped)


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether operations are cast to half precision by themselves: they never are.

    >>> is_autocast_enabled()
    False
    """
    return False


def get_autocast_dtype(device_type: str) -> arrays.dtype:
    """The dtype that ``autocast`` would cast to.

    >>> get_autocast_dtype("cuda")
    torch.float16
    """
    return arrays.float16
