"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradlab import arrays
from gradlab.optim.optimizer import Group, Optimizer, check_at_least, check_plain
from gradlab.tensor import Tensor


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

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        if group["maximize"]:
            gradient = -gradient
        if group["weight_decay"]:
            gradient = gradient + float(group["weight_decay"]) * param._array
        if group["momentum"]:
            velocity = self._velocity(param, gradient, group)
            ahead = gradient + group["momentum"] * velocity if group["nesterov"] else velocity
            gradient = ahead
        param._array -= float(group["lr"]) * gradient

    def _velocity(self, param: Any, gradient: Any, group: Group) -> Any:
        """The array of the parameter's velocity, brought up to date."""
        state = self.state[param]
        known = state.get("momentum_buffer")
        if known is None:
            first = arrays.as_array(gradient.copy())
            known = state["momentum_buffer"] = Tensor._wrap(first)
        else:
            taken = 1 - group["dampening"]
            known._array *= group["momentum"]
            known._array += gradient if taken == 1 else taken * gradient
            known._counter[0] += 1
        return known._array
