"""Adam: gradient descent with a step size of its own for every element."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

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
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        array = parts(param._array)
        gradient = downhill(array, parts(gradient), group)
        lr = float(group["lr"])
        if group["decoupled_weight_decay"]:
            array *= 1 - lr * group["weight_decay"]
        largest = ("max_exp_avg_sq",) if group["amsgrad"] else ()
        state = self._remembered(param, "exp_avg", "exp_avg_sq", *largest)
        beta1, beta2 = group["betas"]
        mean, square, spare = means_of(state, gradient, beta1, beta2)
        xp = arrays.array_module(array)
        if largest:
            most = parts(state["max_exp_avg_sq"]._array)
            square = xp.maximum(most, square, out=most)
        # The means start from 0: dividing by 1 - beta**count makes up for it. Numbers are divided
        # here instead of whole arrays: p -= lr (mean / rise1) / (sqrt(square / rise2) + eps).
        count = int(state["step"]._array)
        rise1, root_rise2 = 1 - beta1**count, math.sqrt(1 - beta2**count)
        xp.sqrt(square, out=spare)
        spare += group["eps"] * root_rise2
        xp.divide(mean, spare, out=spare)
        spare *= lr * root_rise2 / rise1
        array -= spare


def means_of(
    state: dict[str, Any], gradient: Any, beta1: float, beta2: float
) -> tuple[Any, Any, Any]:
    """The running means of the gradient and of its square, brought up to date.

    And a spare array of their size, to compute the step in: one that was just used is still in the
    processor's cache, and new ones cost more than the arithmetic.
    """
    mean, square = parts(state["exp_avg"]._array), parts(state["exp_avg_sq"]._array)
    xp = arrays.array_module(mean)
    spare = xp.subtract(gradient, mean, out=xp.empty_like(mean))
    spare *= 1 - beta1
    mean += spare
    xp.multiply(gradient, gradient, out=spare)
    spare *= 1 - beta2
    square *= beta2
    square += spare
    return mean, square, spare


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
