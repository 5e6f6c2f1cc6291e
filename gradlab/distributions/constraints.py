"""What values may be: parameters of distributions, and what is drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Constraint:
    """What an argument has to satisfy; ``event_dim`` dimensions of it make one value."""

    event_dim = 0
    is_discrete = False

    def check(self, value: Any) -> Any:
        """For each value whether it is allowed: a tensor of bools."""
        raise NotImplementedError

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({facts})"


class Real(Constraint):
    """Any number but nan."""

    def check(self, value: Any) -> Any:
        return value == value


class Boolean(Constraint):
    """0 or 1."""

    is_discrete = True

    def check(self, value: Any) -> Any:
        return (value == 0) | (value == 1)


@dataclass(repr=False)
class GreaterThan(Constraint):
    """Numbers above a bound."""

    lower_bound: Any

    def check(self, value: Any) -> Any:
        return value > self.lower_bound


@dataclass(repr=False)
class LessThan(Constraint):
    """Numbers below a bound."""

    upper_bound: Any

    def check(self, value: Any) -> Any:
        return value < self.upper_bound


@dataclass(repr=False)
class Interval(Constraint):
    """Numbers from one bound to the other, both included."""

    lower_bound: Any
    upper_bound: Any

    def check(self, value: Any) -> Any:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


@dataclass(repr=False)
class IntegerInterval(Constraint):
    """Whole numbers from one bound to the other, both included."""

    lower_bound: int
    upper_bound: int
    is_discrete = True

    def check(self, value: Any) -> Any:
        inside = (value >= self.lower_bound) & (value <= self.upper_bound)
        return (value % 1 == 0) & inside


class Simplex(Constraint):
    """Along the last dimension: numbers from 0 on that add up to 1."""

    event_dim = 1

    def check(self, value: Any) -> Any:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class IndependentConstraint(Constraint):
    """A constraint that all values along the last dimensions satisfy together."""

    def __init__(self, base: Constraint, dims: int) -> None:
        self._base, self._dims = base, dims
        self.event_dim = base.event_dim + dims
        self.is_discrete = base.is_discrete

    def check(self, value: Any) -> Any:
        allowed = self._base.check(value)
        return allowed.flatten(allowed.ndim - self._dims).all(-1) if self._dims else allowed

    def __repr__(self) -> str:
        return f"IndependentConstraint({self._base!r}, {self._dims})"


real, boolean, simplex = Real(), Boolean(), Simplex()
positive, unit_interval = GreaterThan(lower_bound=0.0), Interval(0.0, 1.0)
real_vector = IndependentConstraint(real, 1)
