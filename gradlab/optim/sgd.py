"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gradlab.optim.fused import add_scaled, suited
from gradlab.optim.optimizer import (
    Group,
    Optimizer,
    check_at_least,
    check_plain,
    downhill,
    zeros_like,
)


class SGD(Optimizer):
    """Goes down the gradient: ``p -= lr * p.grad``, with momentum if it is asked for.

    ``weight_decay`` adds that share of ``p`` to the gradient. With ``momentum`` a velocity
    takes its place, which keeps that share of itself at each step and takes on (1 - ``dampening``)
    of the gradient, all of it in the first step; ``nesterov`` looks one step ahead. ``maximize``
    goes up instead. ``foreach`` and ``fused``, which choose among PyTorch's implementations, are
    kept and change nothing: there is one. Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([p], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (2 * p).sum().backward()
    ...     optimizer.step()
    >>> p
    tensor([0.4200], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_at_least(0, "learning rate", lr)
        check_at_least(0, "momentum value", momentum)
        check_at_least(0, "weight_decay value", weight_decay)
        check_plain(differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                "Nesterov momentum requires a momentum and zero dampening, "
                f"and got momentum={momentum}, dampening={dampening}"
            )
        defaults = dict(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
            foreach=foreach,
            differentiable=differentiable,
            fused=fused,
        )
        super().__init__(params, defaults)

    def _update_all(self, params: Sequence[Any], group: Group) -> None:
        step, decay = -float(group["lr"]), float(group["weight_decay"]) or None
        maximize, momentum, nesterov = group["maximize"], group["momentum"], group["nesterov"]
        taken = 1 - group["dampening"] if group["dampening"] else None
        for param in params:
            velocity, is_first = self._velocity(param) if momentum else (None, False)
            array, gradient = param._array, param._grad._array
            choice = maximize, nesterov, is_first
            descend = suited(_descend, array)
            descend(choice, array, gradient, velocity, step, decay, momentum, taken)

    def _velocity(self, param: Any) -> tuple[Any, bool]:
        """The array of a parameter's velocity, and whether it has none yet."""
        state = self.state[param]
        known = state.get("momentum_buffer")
        if known is None:
            known = state["momentum_buffer"] = zeros_like(param)
            return known._array, True
        known._counter[0] += 1
        return known._array, False


def _descend(
    choice: tuple[bool, bool, bool],
    array: Any,
    gradient: Any,
    velocity: Any,
    step: float,
    decay: Any,
    momentum: float,
    taken: Any,
) -> None:
    maximize, nesterov, is_first = choice
    gradient = downhill(array, gradient, decay, maximize)
    if velocity is not None:
        if is_first:
            velocity[...] = gradient
        else:
            velocity *= momentum
            if taken is None:
                velocity += gradient
            else:
                add_scaled(velocity, taken, gradient)
        gradient = gradient + momentum * velocity if nesterov else velocity
    add_scaled(array, step, gradient)
