"""Adadelta: steps as large as recent ones, so that no learning rate need be chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradlab import arrays
from gradlab.optim.fused import suited
from gradlab.optim.optimizer import (
    Group,
    Optimizer,
    check_at_least,
    check_plain,
    decay_of,
    downhill,
    parts,
)


class Adadelta(Optimizer):
    """Scales the gradient by the root mean squares of recent steps and of recent gradients.

    Both means keep the share ``rho`` of themselves at each step; ``eps`` starts them off.
    ``weight_decay`` adds that share of the parameter to the gradient; ``maximize`` goes up.
    ``foreach`` and ``capturable``, which choose among PyTorch's
    implementations, are kept and change nothing: there is one.
    Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = Adadelta([p], eps=0.01)
    >>> (5 * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.6844], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_at_least(0, "learning rate", lr)
        if not 0 <= rho <= 1:
            raise ValueError(f"Invalid rho value: {rho}")
        check_at_least(0, "epsilon value", eps)
        check_at_least(0, "weight_decay value", weight_decay)
        check_plain(differentiable)
        defaults = dict(
            lr=lr,
            rho=rho,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            capturable=capturable,
            foreach=foreach,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        state = self._remembered(param, "square_avg", "acc_delta")
        array = parts(param._array)
        suited(_descend, array)(
            group["maximize"],
            array,
            parts(gradient),
            parts(state["square_avg"]._array),
            parts(state["acc_delta"]._array),
            float(group["lr"]),
            decay_of(group),
            group["rho"],
            1 - group["rho"],
            group["eps"],
        )


def _descend(
    maximize: bool,
    array: Any,
    gradient: Any,
    squares: Any,
    steps: Any,
    lr: float,
    decay: Any,
    kept: float,
    taken: float,
    eps: float,
) -> None:
    xp = arrays.array_module(array)
    gradient = downhill(array, gradient, decay, maximize)
    squares *= kept
    squares += taken * gradient * gradient
    step = xp.sqrt(steps + eps) / xp.sqrt(squares + eps) * gradient
    steps *= kept
    steps += taken * step * step
    array -= lr * step
