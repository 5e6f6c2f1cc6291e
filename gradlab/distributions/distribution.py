"""What all distributions share: shapes, checks of parameters and values, how they are shown."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from gradlab.distributions.constraints import Constraint
from gradlab.grad_mode import no_grad
from gradlab.op import FUNCTIONS
from gradlab.tensor import Size, Tensor


class Distribution:
    """Numbers drawn at random, in batches: each draw has the shape ``batch_shape + event_shape``.

    ``sample`` draws without a history, ``rsample``, where there is one, so that gradients reach the
    parameters; ``log_prob`` is the logarithm of a value's density or probability. A class says in
    ``arg_constraints`` what its parameters may be, and in ``support`` what it draws; both are
    checked unless ``validate_args`` is False.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether parameters and values are checked where ``validate_args`` doesn't say.

        >>> Distribution.set_default_validate_args(True)
        """
        if value not in (True, False):
            raise ValueError(f"validate_args is True or False, not {value!r}")
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: tuple[int, ...] = (),
        event_shape: tuple[int, ...] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        for name, constraint in self._parameters_to_check().items():
            if name in vars(self):
                self._check_parameter(name, constraint, getattr(self, name))

    def _parameters_to_check(self) -> Mapping[str, Constraint]:
        if not self._validate_args:
            return {}
        try:
            return self.arg_constraints
        except NotImplementedError:
            _warn_unchecked(f"{type(self)} does not define `arg_constraints`", "arg_constraints")
            return {}

    def _check_parameter(self, name: str, constraint: Constraint, value: Any) -> None:
        if not constraint.check(value).all():
            raise ValueError(
                f"Expected parameter {name} ({type(value).__name__} of shape "
                f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                f"{constraint!r}, but found invalid values:\n{value}"
            )

    # ------------------------------------------------------------------ what it is

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters: so many distributions side by side."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw from one of them."""
        return self._event_shape

    @property
    def arg_constraints(self) -> Mapping[str, Constraint]:
        """What each parameter may be, by name."""
        raise NotImplementedError

    @property
    def support(self) -> Constraint:
        """What may be drawn."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The mean of what is drawn."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """What is drawn most easily."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The mean of the squared distances from the mean."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        known = [name for name in self.arg_constraints if name in vars(self)]
        facts = [(name, getattr(self, name)) for name in known]
        shown = [f"{name}: {v if v.numel() == 1 else v.size()}" for name, v in facts]
        return f"{type(self).__name__}({', '.join(shown)})"

    # ------------------------------------------------------------------ what it does

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, as many as ``sample_shape`` says of each; no gradient goes through."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws through which gradients reach the parameters: noise, moved and stretched."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """``n`` draws; an old form of ``sample``."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density (or probability) at ``value``."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """How much of the distribution lies below ``value``."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """Below what the share ``value`` of the distribution lies."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """How surprising draws are on average, in nats."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """The exponential of the entropy."""
        return FUNCTIONS["exp"](self.entropy())  # type: ignore[no-any-return]

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values that may be drawn, along a new first dimension."""
        raise NotImplementedError

    def expand(self, batch_shape: Any) -> Distribution:
        """The same distribution for a larger batch."""
        own = {n: getattr(self, n) for n in self.arg_constraints if n in vars(self)}
        stretched = {}
        for name, value in own.items():
            kept = value.shape[value.ndim - self.arg_constraints[name].event_dim :]
            stretched[name] = value.expand((*batch_shape, *kept))
        made: Distribution = type(self)(**stretched, validate_args=False)
        made._validate_args = self._validate_args
        return made

    # ------------------------------------------------------------------ for subclasses

    def _shape_of(self, sample_shape: Any) -> Size:
        """The shape of so many draws."""
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _check_value(self, value: Any) -> None:
        if not self._validate_args:
            return
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        own, wanted = value.shape, Size(self._batch_shape + self._event_shape)
        start = len(own) - len(self._event_shape)
        if own[start:] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {own} vs "
                f"{self._event_shape}."
            )
        for one, other in zip(reversed(own), reversed(wanted), strict=False):
            if one != other and 1 not in (one, other):
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {own} vs {wanted}."
                )
        try:
            support = self.support
        except NotImplementedError:
            _warn_unchecked(f"{type(self)} does not define `support`", "support")
            return
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(own)}) to be "
                f"within the support ({support!r}) of the distribution {self!r}, but found "
                f"invalid values:\n{value}"
            )


def _warn_unchecked(fact: str, name: str) -> None:
    warnings.warn(
        f"{fact}. Give the class `{name}`, or pass validate_args=False to the constructor.",
        stacklevel=4,
    )


def as_tensors(*values: Any) -> tuple[Any, ...]:
    """Numbers and tensors as tensors of one shape; numbers of the dtype of the first tensor."""
    if not all(isinstance(one, (Tensor, int, float)) for one in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
            f"__torch_function__. These are {', '.join(type(one).__name__ for one in values)}."
        )
    like = next((one for one in values if isinstance(one, Tensor)), None)
    number = FUNCTIONS["tensor"] if like is None else like.new_tensor
    tensors = [one if isinstance(one, Tensor) else number(float(one)) for one in values]
    return tuple(FUNCTIONS["broadcast_tensors"](*tensors))
