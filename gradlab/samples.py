"""Samples: what arguments an operation's generated tests call it with.

A block says what its inputs may be (``real(-2, 2)``); the tests draw the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy


@dataclass(frozen=True)
class Draw:
    """A tensor to be drawn: uniform numbers in [low, high) of a shape, real, complex or whole."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    dtype: str = "float64"
    integers: bool = False

    def array(self, generator: numpy.random.Generator) -> Any:
        """The drawn numbers."""
        if self.dtype == "bool":
            return generator.random(self.shape) < 0.5
        if self.dtype == "complex128":
            return generator.uniform(self.low, self.high, (*self.shape, 2)).view(complex)[..., 0]
        if self.integers:
            return generator.integers(int(self.low), int(self.high), self.shape, self.dtype)
        return generator.uniform(self.low, self.high, self.shape).astype(self.dtype)


@dataclass(frozen=True)
class Sample:
    """One call: positional arguments, of which ``Draw``s are tensors, and keyword options."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def call(*args: Any, **kwargs: Any) -> Sample:
    """A sample with these arguments."""
    return Sample(args, kwargs)


def draw(*shape: int, low: float = -2.0, high: float = 2.0) -> Draw:
    """A tensor of uniform numbers of this shape."""
    return Draw(shape, low, high)


def complex_draw(*shape: int) -> Draw:
    """A tensor of complex numbers of this shape."""
    return Draw(shape, dtype="complex128")


def mask(*shape: int) -> Draw:
    """A tensor of random bools."""
    return Draw(shape, dtype="bool")


def indices(*shape: int, below: int) -> Draw:
    """A tensor of random indices in [0, below)."""
    return Draw(shape, 0, below, "int64", integers=True)


_SHAPES: tuple[tuple[int, ...], ...] = ((3,), (2, 3), (), (0,), (2, 1, 4))


def real(low: float, high: float) -> tuple[Sample, ...]:
    """Samples of an operation on one tensor of numbers in [low, high), in several shapes."""
    return tuple(call(Draw(shape, low, high)) for shape in _SHAPES)


def pairs(
    low: float = -2.0, high: float = 2.0, low2: float | None = None, high2: float | None = None
) -> tuple[Sample, ...]:
    """Samples of an operation on two tensors that broadcast against each other."""
    second = (low if low2 is None else low2, high if high2 is None else high2)
    shapes = [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((), (2, 2)),
        ((2, 3), ()),
        ((), ()),
        ((0,), (1,)),
        ((2, 1, 3), (4, 1)),
    ]
    return tuple(call(Draw(one, low, high), Draw(two, *second)) for one, two in shapes)
