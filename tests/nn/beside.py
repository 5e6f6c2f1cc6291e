"""The same lines run with gradlab and with PyTorch, and what came of them compared."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradlab as gl


def texts(case: Callable[[ModuleType], Any], torch: ModuleType) -> tuple[str, str]:
    """What ``case`` returns, printed, with each library."""
    return str(case(gl)), str(case(torch))


def errors(case: Callable[[ModuleType], Any], torch: ModuleType) -> tuple[Exception, Exception]:
    """What ``case`` raises with each library."""
    found = []
    for lib in (gl, torch):
        with pytest.raises(Exception) as info:  # noqa: PT011 (the caller compares)
            case(lib)
        found.append(info.value)
    ours, theirs = found
    return ours, theirs


def assert_same_error(case: Callable[[ModuleType], Any], torch: ModuleType) -> None:
    """PyTorch's kind of error, in words that begin with PyTorch's."""
    ours, theirs = errors(case, torch)
    assert isinstance(ours, type(theirs)), f"{ours!r} is no {type(theirs).__name__}: {theirs}"
    said = str(theirs.args[0]).rstrip(".")
    assert str(ours.args[0]).startswith(said), f"{ours.args[0]!r} doesn't begin with {said!r}"


def assert_close(ours: Any, theirs: Any, **tolerance: float) -> None:
    """The same numbers in the same dtype and shape."""
    one, other = ours.detach().cpu().numpy(), theirs.detach().numpy()
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    np.testing.assert_allclose(one, other, **tolerance)
