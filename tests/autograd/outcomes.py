"""What a program comes to in either library, in a form that can be compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy
import pytest

Program = Callable[[ModuleType], Any]


@dataclass(frozen=True)
class Plain:
    """What a tensor is; two are equal if their numbers are close."""

    shape: tuple[int, ...]
    dtype: str
    requires_grad: bool
    numbers: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plain):
            return False
        mine = (self.shape, self.dtype, self.requires_grad)
        return mine == (other.shape, other.dtype, other.requires_grad) and numpy.allclose(
            self.numbers, other.numbers, rtol=1e-5, atol=1e-6, equal_nan=True
        )


def plain(value: Any) -> Any:
    """Tensors as ``Plain``, in whatever tuples and lists they are."""
    if isinstance(value, (tuple, list)):
        return type(value)(plain(one) for one in value)
    if hasattr(value, "requires_grad"):
        shape, dtype = tuple(value.shape), str(value.dtype)
        return Plain(shape, dtype, value.requires_grad, value.tolist())
    return value


@dataclass(frozen=True)
class Failure:
    """An exception: its type's name and its text."""

    kind: str
    text: str


def outcome(program: Program, library: ModuleType) -> Any:
    """The result, or how it failed."""
    try:
        return plain(program(library))
    except Exception as error:
        return Failure(type(error).__name__, str(error))


def assert_same(program: Program) -> None:
    """The program has the same outcome in PyTorch and here.

    Of an exception, PyTorch's first sentence; ours may go on.
    """
    theirs = outcome(program, pytest.importorskip("torch"))
    ours = outcome(program, pytest.importorskip("gradlab"))
    if isinstance(theirs, Failure) and isinstance(ours, Failure):
        assert ours.kind == theirs.kind, ours
        first_sentence = re.split(r"\. |\n", theirs.text)[0].rstrip(".")
        assert ours.text.startswith(first_sentence)
    else:
        assert ours == theirs
