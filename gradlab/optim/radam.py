"""RAdam: Adam that waits until its mean of squares can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from gradlab import arrays
from gradlab.optim.adam import means_of
from gradlab.optim.optimizer import (
    Group,
    Optimizer,
    check_at_least,
    check_betas,
    check_plain,
    downhill,
    parts,
)


class RAdam(Optimizer):
    """``Adam`` whose first steps divide by nothing, and later ones by a corrected mean square.

    ``betas``, ``eps`` and ``weight_decay`` as in ``Adam``. ``foreach`` and
    ``capturable``, which choose among PyTorch's implementations, are kept and change nothing:
    there is one.
    Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = RAdam([p], lr=0.01)
    >>> (5 * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.9500], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            decoupled_weight_decay=decoupled_weight_decay,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        array = parts(param._array)
        gradient = downhill(array, parts(gradient), group)
        lr, (beta1, beta2) = float(group["lr"]), group["betas"]
        if group["decoupled_weight_decay"]:
            array *= 1 - lr * group["weight_decay"]
        state = self._remembered(param, "exp_avg", "exp_avg_sq")
        mean, square, spare = means_of(state, gradient, beta1, beta2)
        count = int(state["step"]._array)
        xp = arrays.array_module(array)
        scale = lr / (1 - beta1**count)
        missing = 1 - beta2**count
        # How many gradients the mean of squares amounts to, in the long run and now.
        most = 2 / (1 - beta2) - 1
        now = most - 2 * count * beta2**count / missing
        if now > 5:
            size = xp.sqrt(square, out=spare)
            size += group["eps"]
            trust = (now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now)
            scale *= math.sqrt(missing * trust)
            step = xp.divide(mean, size, out=spare)
            step *= scale
        else:
            step = xp.multiply(mean, scale, out=spare)
        array -= step
