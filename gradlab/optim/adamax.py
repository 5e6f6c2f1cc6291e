"""Adamax: Adam with the largest recent gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradlab import arrays
from gradlab.optim.fused import suited
from gradlab.optim.optimizer import (
    Group,
    Optimizer,
    check_at_least,
    check_betas,
    check_plain,
    decay_of,
    downhill,
    parts,
)


class Adamax(Optimizer):
    """Divides a running mean of the gradient by its largest recent size.

    ``betas`` are the shares that the mean and the largest size keep at each step; ``eps`` keeps the
    divisor from being 0. ``weight_decay`` adds that share of the parameter to the gradient;
    ``maximize`` goes up. ``foreach`` and ``capturable``, which choose among PyTorch's
    implementations, are kept and change nothing: there is one.
    Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = Adamax([p], lr=0.1)
    >>> (5 * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
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
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        state = self._remembered(param, "exp_avg", "exp_inf")
        beta1, beta2 = group["betas"]
        # The mean starts from 0: dividing by this makes up for it.
        missing = 1 - beta1 ** int(state["step"]._array)
        array = parts(param._array)
        suited(_descend, array)(
            group["maximize"],
            array,
            parts(gradient),
            parts(state["exp_avg"]._array),
            parts(state["exp_inf"]._array),
            float(group["lr"]) / missing,
            decay_of(group),
            1 - beta1,
            beta2,
            group["eps"],
        )


def _descend(
    maximize: bool,
    array: Any,
    gradient: Any,
    mean: Any,
    largest: Any,
    lr: float,
    decay: Any,
    taken1: float,
    kept2: float,
    eps: float,
) -> None:
    xp = arrays.array_module(array)
    gradient = downhill(array, gradient, decay, maximize)
    mean += taken1 * (gradient - mean)
    largest *= kept2
    xp.maximum(largest, xp.absolute(gradient) + eps, out=largest)
    array -= lr * (mean / largest)
