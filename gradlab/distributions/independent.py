"""``Independent``: a batch of distributions as one, of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradlab.distributions.constraints import Constraint, IndependentConstraint
from gradlab.distributions.distribution import Distribution
from gradlab.tensor import Tensor


class Independent(Distribution):
    """``base_distribution`` with its last batch dimensions as dimensions of what is drawn.

    Logarithms of densities are added up over them. Raises ValueError for more dimensions than the
    batch has.

    >>> import gradlab as gl
    >>> each = gl.distributions.Normal(gl.zeros(3), gl.ones(3))
    >>> gl.distributions.Independent(each, 1).log_prob(gl.zeros(3))
    tensor(-2.7568)
    """

    arg_constraints: Mapping[str, Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        batch = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(batch)}"
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        shape = tuple(batch + base_distribution.event_shape)
        kept = len(batch) - reinterpreted_batch_ndims
        super().__init__(shape[:kept], shape[kept:], validate_args)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint:
        base, dims = self.base_dist.support, self.reinterpreted_batch_ndims
        return IndependentConstraint(base, dims) if dims else base

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return added_up(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return added_up(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError(
                "Enumeration over cartesian product is not implemented: enumerate base_dist's"
            )
        return self.base_dist.enumerate_support(expand)

    def expand(self, batch_shape: Any) -> Distribution:
        inner = self.event_shape[: self.reinterpreted_batch_ndims]
        base = self.base_dist.expand((*batch_shape, *inner))
        return Independent(base, self.reinterpreted_batch_ndims, validate_args=False)


def added_up(values: Any, dims: int) -> Tensor:
    """Sums over the last dimensions."""
    if not dims:
        return values  # type: ignore[no-any-return]
    return values.reshape((*values.shape[: values.ndim - dims], -1)).sum(-1)  # type: ignore[no-any-return]
