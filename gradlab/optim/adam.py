"""Adam: gradient descent with a step size of its own for every element."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy

from gradlab import arrays
from gradlab.optim.optimizer import (
    Group,
    Optimizer,
    check_at_least,
    check_betas,
    check_plain,
    downhill,
    parts,
)
from gradlab.optim.together import Together, can_be_together


class Adam(Optimizer):
    """Divides a running mean of the gradient by the root of a running mean of its square.

    ``betas`` are the shares that the two means keep at each step, ``eps`` keeps the divisor from
    being 0. With ``amsgrad`` the largest mean of squares so far divides. ``weight_decay`` adds that
    share of the parameter to the gradient, or, with ``decoupled_weight_decay``, pulls the parameter
    itself towards 0 (which is AdamW). ``maximize`` goes up. ``foreach``, ``capturable`` and
    ``fused``, which choose among PyTorch's implementations, are kept and change nothing: there is
    one. Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([p], lr=0.1)
    >>> (5 * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_at_least(0, "learning rate", lr)
        check_at_least(0, "epsilon value", eps)
        check_betas(betas)
        check_at_least(0, "weight_decay value", weight_decay)
        check_plain(differentiable)
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        self._together: list[Together] = []
        super().__init__(params, defaults)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_together": []}  # what it shares memory with is not copied along

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned: options, and state for the same parameters.

        Raises ValueError unless groups and parameters are as many.
        """
        super().load_state_dict(state_dict)
        self._together = []  # to begin with what was loaded

    def _update_all(self, params: Sequence[Any], group: Group) -> None:
        """Parameters that are met at the same step take it, and those to come, as one."""
        names = _memories(group)
        left = {id(param): param for param in params}
        if len(left) < len(params):  # one is there twice, and takes two steps
            return super()._update_all(params, group)
        met = frozenset().union(*(together.ids for together in self._together))
        new = [param for number, param in left.items() if number not in met]
        if len(new) > 1 and can_be_together(new, names, self.state):
            self._together.append(Together(new, names, self.state))
        for together in self._together:
            if together.are_due(left, names, self.state):
                _update_together(together, group)
                for param in together.params:
                    del left[id(param)]
        return super()._update_all([*left.values()], group)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        array = parts(param._array)
        gradient = downhill(array, parts(gradient), group)
        _pull_towards_zero(array, group)
        names = _memories(group)
        state = self._remembered(param, *names)
        memories = [parts(state[name]._array) for name in names]
        spare = arrays.array_module(array).empty_like(memories[0])
        _put_step(gradient, *memories, spare=spare, count=int(state["step"]._array), group=group)
        array -= spare


def _memories(group: Group) -> list[str]:
    return ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]


def _update_together(together: Together, group: Group) -> None:
    together.counts += 1
    count = int(together.counts[0])
    for _, pairs, gradient, memories, spare in together.pieces():
        if group["maximize"]:
            gradient *= -1
        if group["weight_decay"]:
            _decay(pairs, gradient, spare, group)
        _put_step(gradient, *memories, spare=spare, count=count, group=group)
        for own, step in pairs:
            own -= step


def _decay(pairs: Sequence[Any], gradient: Any, spare: Any, group: Group) -> None:
    for own, room in pairs:
        if group["decoupled_weight_decay"]:
            _pull_towards_zero(own, group)
        else:
            numpy.multiply(own, group["weight_decay"], out=room)
    if not group["decoupled_weight_decay"]:
        gradient += spare


def _pull_towards_zero(array: Any, group: Group) -> None:
    if group["decoupled_weight_decay"]:
        array *= 1 - float(group["lr"]) * group["weight_decay"]


def _put_step(
    gradient: Any, mean: Any, square: Any, *largest: Any, spare: Any, count: int, group: Group
) -> None:
    """Bring the memories up to date, and put into the spare one what to go down by."""
    beta1, beta2 = group["betas"]
    xp = arrays.array_module(mean)
    put_means(gradient, mean, square, spare, beta1, beta2)
    for most in largest:
        square = xp.maximum(most, square, out=most)
    # The means start from 0: dividing by 1 - beta**count makes up for it. Numbers are divided
    # here instead of whole arrays: p -= lr (mean / rise1) / (sqrt(square / rise2) + eps).
    rise1, root_rise2 = 1 - beta1**count, math.sqrt(1 - beta2**count)
    xp.sqrt(square, out=spare)
    spare += group["eps"] * root_rise2
    xp.divide(mean, spare, out=spare)
    spare *= float(group["lr"]) * root_rise2 / rise1


def means_of(
    state: dict[str, Any], gradient: Any, beta1: float, beta2: float
) -> tuple[Any, Any, Any]:
    """The running means of the gradient and of its square, brought up to date.

    And a spare array of their size, to compute the step in: one that was just used is still in the
    processor's cache, and new ones cost more than the arithmetic.
    """
    mean, square = parts(state["exp_avg"]._array), parts(state["exp_avg_sq"]._array)
    spare = arrays.array_module(mean).empty_like(mean)
    put_means(gradient, mean, square, spare, beta1, beta2)
    return mean, square, spare


def put_means(
    gradient: Any, mean: Any, square: Any, spare: Any, beta1: float, beta2: float
) -> None:
    """Bring running means of a gradient and of its square up to date, computing in ``spare``."""
    xp = arrays.array_module(mean)
    xp.subtract(gradient, mean, out=spare)
    spare *= 1 - beta1
    mean += spare
    xp.multiply(gradient, gradient, out=spare)
    spare *= 1 - beta2
    square *= beta2
    square += spare


class AdamW(Adam):
    """``Adam`` whose ``weight_decay`` pulls the parameters themselves towards 0.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> AdamW([p]).defaults["weight_decay"]
    0.01
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
