"""Distributions of real numbers: ``Normal`` and ``Uniform``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gradlab.distributions import constraints
from gradlab.distributions.constraints import Constraint
from gradlab.distributions.distribution import Distribution, as_tensors
from gradlab.grad_mode import no_grad
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor


class Normal(Distribution):
    """Normally distributed numbers of mean ``loc`` and standard deviation ``scale``.

    Raises ValueError for a ``scale`` that is not positive.

    >>> import gradlab as gl
    >>> gl.distributions.Normal(0.0, 1.0).log_prob(gl.tensor(0.0))
    tensor(-0.9189)
    """

    arg_constraints: Mapping[str, Constraint] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = as_tensors(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc  # type: ignore[no-any-return]

    mode = mean

    @property
    def stddev(self) -> Tensor:
        return self.scale  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2)  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        with no_grad():
            return FUNCTIONS["normal"](self.loc.expand(shape), self.scale.expand(shape))  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        noise = FUNCTIONS["normal"](self.loc.new_zeros(shape), self.loc.new_ones(shape))
        return self.loc + noise * self.scale  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        distance = -((value - self.loc) ** 2) / (2 * self.scale**2)
        return distance - self.scale.log() - math.log(math.sqrt(2 * math.pi))  # type: ignore[no-any-return]

    def cdf(self, value: Tensor) -> Tensor:
        self._check_value(value)
        distance = (value - self.loc) * self.scale.reciprocal() / math.sqrt(2)
        return 0.5 * (1 + FUNCTIONS["erf"](distance))  # type: ignore[no-any-return]

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * FUNCTIONS["erfinv"](2 * value - 1) * math.sqrt(2)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()  # type: ignore[no-any-return]


class Uniform(Distribution):
    """Numbers spread evenly over [``low``, ``high``).

    Raises ValueError where ``low`` is not below ``high``.

    >>> import gradlab as gl
    >>> gl.distributions.Uniform(0.0, 4.0).log_prob(gl.tensor(1.0)).exp()
    tensor(0.2500)
    """

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = as_tensors(low, high)
        super().__init__(self.low.shape, (), validate_args)

    @property
    def arg_constraints(self) -> Mapping[str, Constraint]:
        below, above = constraints.LessThan(self.high), constraints.GreaterThan(self.low)
        return {"low": below, "high": above}

    @property
    def support(self) -> Constraint:
        return constraints.Interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2  # type: ignore[no-any-return]

    @property
    def mode(self) -> Tensor:
        return math.nan * self.high  # type: ignore[no-any-return]

    @property
    def stddev(self) -> Tensor:
        return (self.high - self.low) / 12**0.5  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low).pow(2) / 12  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        drawn = FUNCTIONS["rand"](shape, dtype=self.low.dtype, device=self.low.device)
        return self.low + drawn * (self.high - self.low)  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        above, below = self.low.le(value).type_as(self.low), self.high.gt(value).type_as(self.low)
        return FUNCTIONS["log"](above.mul(below)) - FUNCTIONS["log"](self.high - self.low)  # type: ignore[no-any-return]

    def cdf(self, value: Tensor) -> Tensor:
        self._check_value(value)
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)  # type: ignore[no-any-return]

    def icdf(self, value: Tensor) -> Tensor:
        return value * (self.high - self.low) + self.low  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return FUNCTIONS["log"](self.high - self.low)  # type: ignore[no-any-return]
