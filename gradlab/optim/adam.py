"""Adam: gradient descent with a step size of its own for every element."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy

from gradlab import arrays
from gradlab.optim.fused import spare_like, suited
from gradlab.optim.optimizer import (
    Group,
    Optimizer,
    check_at_least,
    check_betas,
    check_plain,
    decay_of,
    downhill,
    parts,
    shrink_of,
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
        names = _memories(group)
        state = self._remembered(param, *names)
        memories = [parts(state[name]._array) for name in names]
        array = parts(param._array)
        suited(_descend, array)(
            group["maximize"],
            array,
            parts(gradient),
            *_three(memories),
            spare_like(memories[0]),
            *_rates(int(state["step"]._array), group),
            decay_of(group),
            shrink_of(group),
        )


def _memories(group: Group) -> list[str]:
    return ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]


def _three(memories: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Means of the gradient and of its square, and the largest of the latter if it is kept."""
    mean, square, *largest = memories
    return mean, square, largest[0] if largest else None


def _update_together(together: Together, group: Group) -> None:
    together.counts += 1
    rates = _rates(int(together.counts[0]), group)
    decay, shrink = decay_of(group), shrink_of(group)
    for _, pairs, gradient, memories, spare in together.pieces():
        if group["maximize"]:
            gradient *= -1
        if decay is not None:
            for own, room in pairs:
                numpy.multiply(own, decay, out=room)
            gradient += spare
        _stepped(numpy, gradient, *_three(memories), spare, *rates)
        for own, step in pairs:
            if shrink is not None:
                own *= shrink
            own -= step


def _rates(count: int, group: Group) -> tuple[float, ...]:
    """The numbers in step number ``count``.

    Means start from 0: dividing by 1 - beta**count makes up for it. Numbers are divided here
    instead of whole arrays: p -= lr (mean / rise1) / (sqrt(square / rise2) + eps).
    """
    beta1, beta2 = group["betas"]
    rise1, root_rise2 = 1 - beta1**count, math.sqrt(1 - beta2**count)
    scale = float(group["lr"]) * root_rise2 / rise1
    return 1 - beta1, beta2, 1 - beta2, group["eps"] * root_rise2, scale


def _descend(
    maximize: bool,
    array: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    largest: Any,
    spare: Any,
    taken1: float,
    kept2: float,
    taken2: float,
    eps: float,
    scale: float,
    decay: Any,
    shrink: Any,
) -> None:
    xp = arrays.array_module(array)
    gradient = downhill(array, gradient, decay, maximize)
    if shrink is not None:
        array *= shrink
    array -= _stepped(xp, gradient, mean, square, largest, spare, taken1, kept2, taken2, eps, scale)


def _stepped(
    xp: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    largest: Any,
    spare: Any,
    taken1: float,
    kept2: float,
    taken2: float,
    eps: float,
    scale: float,
) -> Any:
    """Bring the memories up to date, and find what to go down by, computing it in ``spare``."""
    spare = put_means(xp, gradient, mean, square, spare, taken1, kept2, taken2)
    if largest is not None:
        square = xp.maximum(largest, square, out=largest)
    step = xp.sqrt(square, out=spare)
    step += eps
    step = xp.divide(mean, step, out=step)
    step *= scale
    return step


def put_means(
    xp: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    spare: Any,
    taken1: float,
    kept2: float,
    taken2: float,
) -> Any:
    """Bring running means of a gradient and of its square up to date; the room that was used.

    Room that was just used is still in the processor's cache, and new room costs more than the
    arithmetic.
    """
    change = xp.subtract(gradient, mean, out=spare)
    change *= taken1
    mean += change
    change = xp.multiply(gradient, gradient, out=change)
    change *= taken2
    square *= kept2
    square += change
    return change


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
