"""RAdam: Adam that waits until its mean of squares can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from gradlab import arrays
from gradlab.optim.adam import put_means
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
        state = self._remembered(param, "exp_avg", "exp_avg_sq")
        beta1, beta2 = group["betas"]
        scale, is_trusted = _scale(int(state["step"]._array), group)
        mean = parts(state["exp_avg"]._array)
        array = parts(param._array)
        suited(_descend, array)(
            group["maximize"],
            array,
            parts(gradient),
            mean,
            parts(state["exp_avg_sq"]._array),
            spare_like(mean),
            1 - beta1,
            beta2,
            1 - beta2,
            group["eps"] if is_trusted else None,
            scale,
            decay_of(group),
            shrink_of(group),
        )


def _scale(count: int, group: Group) -> tuple[float, bool]:
    """What the mean gradient is multiplied by, and whether the mean of squares is to divide it."""
    beta1, beta2 = group["betas"]
    scale: float = float(group["lr"]) / (1 - beta1**count)
    missing = 1 - beta2**count
    # How many gradients the mean of squares amounts to, in the long run and now.
    most = 2 / (1 - beta2) - 1
    now = most - 2 * count * beta2**count / missing
    if now <= 5:
        return scale, False
    trust = (now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now)
    return scale * math.sqrt(missing * trust), True


def _descend(
    maximize: bool,
    array: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    spare: Any,
    taken1: float,
    kept2: float,
    taken2: float,
    eps: Any,
    scale: float,
    decay: Any,
    shrink: Any,
) -> None:
    xp = arrays.array_module(array)
    gradient = downhill(array, gradient, decay, maximize)
    if shrink is not None:
        array *= shrink
    step = put_means(xp, gradient, mean, square, spare, taken1, kept2, taken2)
    if eps is None:
        step = xp.multiply(mean, scale, out=step)
    else:
        step = xp.sqrt(square, out=step)
        step += eps
        step = xp.divide(mean, step, out=step)
        step *= scale
    array -= step
