"""Distributions over a few values: ``Bernoulli`` and ``Categorical``.

Both take probabilities or logits; whichever is missing is computed when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gradlab.distributions import constraints
from gradlab.distributions.constraints import Constraint
from gradlab.distributions.distribution import Distribution, as_tensors
from gradlab.grad_mode import no_grad
from gradlab.nn import functional
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor
from gradlab.type_info import finfo

_BOTH = "Either `probs` or `logits` must be specified, but not both."


def _inside(probs: Any) -> Any:
    """Probabilities kept off 0 and 1, so that their logarithms are numbers."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


class Bernoulli(Distribution):
    """1 with the probability ``probs``, or the one whose logit is ``logits``; else 0.

    Raises ValueError for both or neither, and for probabilities outside [0, 1].

    >>> import gradlab as gl
    >>> gl.distributions.Bernoulli(0.25).log_prob(gl.tensor(1.0)).exp()
    tensor(0.2500)
    """

    arg_constraints: Mapping[str, Constraint] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueError(_BOTH)
        name, value = ("probs", probs) if logits is None else ("logits", logits)
        (tensor,) = as_tensors(value)
        setattr(self, name, tensor)
        super().__init__(tensor.shape, (), validate_args)

    def __getattr__(self, name: str) -> Any:
        if name == "probs":
            found = self.__dict__["logits"].sigmoid()
        elif name == "logits":
            inside = _inside(self.__dict__["probs"])
            found = inside.log() - (-inside).log1p()
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return found

    @property
    def param_shape(self) -> Any:
        """The shape of ``probs`` and of ``logits``."""
        return self._batch_shape

    @property
    def mean(self) -> Tensor:
        return self.probs  # type: ignore[no-any-return]

    @property
    def mode(self) -> Tensor:
        return (self.probs >= 0.5).to(self.probs).masked_fill(self.probs == 0.5, math.nan)  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return FUNCTIONS["bernoulli"](self.probs.expand(self._shape_of(sample_shape)))  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        logits, target = as_tensors(self.logits, value)
        return -functional.binary_cross_entropy_with_logits(logits, target, reduction="none")  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return functional.binary_cross_entropy_with_logits(
            self.logits, self.probs, reduction="none"
        )

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values: Any = self.probs.new_tensor([0.0, 1.0])
        values = values.view((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values  # type: ignore[no-any-return]


class Categorical(Distribution):
    """The numbers of classes, drawn by the probabilities along the last dimension of ``probs``.

    ``probs`` are made to add up to 1; ``logits`` are their logarithms, up to a constant. Raises
    ValueError for both or neither, for no dimension, and for negative probabilities.

    >>> import gradlab as gl
    >>> gl.distributions.Categorical(gl.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints: Mapping[str, Constraint] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueError(_BOTH)
        name, value = ("probs", probs) if logits is None else ("logits", logits)
        if value.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if logits is None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        self._num_events = value.size(-1)
        super().__init__(value.shape[:-1], (), validate_args)

    def __getattr__(self, name: str) -> Any:
        if name == "probs":
            return self.__dict__["logits"].softmax(-1)
        if name == "logits":
            return _inside(self.__dict__["probs"]).log()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def support(self) -> Constraint:
        return constraints.IntegerInterval(0, self._num_events - 1)

    @property
    def param_shape(self) -> Any:
        """The shape of ``probs`` and of ``logits``."""
        return self.probs.size()

    @property
    def mean(self) -> Tensor:
        return self._nothing()

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(dim=-1)  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        return self._nothing()

    def _nothing(self) -> Tensor:
        """Nan: numbers of classes have no mean."""
        return self.probs.new_full(self._batch_shape, math.nan)  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        rows = self.probs.detach().reshape(-1, self._num_events)
        drawn = FUNCTIONS["multinomial"](rows, math.prod(sample_shape), True).T
        return drawn.reshape(self._shape_of(sample_shape))  # type: ignore[no-any-return]

    def log_prob(self, value: Any) -> Tensor:
        self._check_value(value)
        places, logits = FUNCTIONS["broadcast_tensors"](value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, places[..., :1]).squeeze(-1)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)  # type: ignore[no-any-return]

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = FUNCTIONS["arange"](self._num_events, device=self.probs.device)
        values = values.view((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values  # type: ignore[no-any-return]
