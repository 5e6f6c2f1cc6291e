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
        count, mean, square = self._means(param, gradient, group)
        beta1, beta2 = group["betas"]
        root = arrays.array_module(array).sqrt(square)
        # The means start from 0: dividing by these makes up for it.
        root /= math.sqrt(1 - beta2**count)
        root += group["eps"]
        array -= lr / (1 - beta1**count) * mean / root

    def _means(self, param: Any, gradient: Any, group: Group) -> tuple[int, Any, Any]:
        """How many steps there were, and the two running means, brought up to date."""
        largest = ("max_exp_avg_sq",) if group["amsgrad"] else ()
        state = self._remembered(param, "exp_avg", "exp_avg_sq", *largest)
        mean, square = means_of(state, gradient, group["betas"])
        if group["amsgrad"]:
            most = parts(state["max_exp_avg_sq"]._array)
            arrays.array_module(most).maximum(most, square, out=most)
            square = most
        return int(state["step"]._array), mean, square


def means_of(state: dict[str, Any], gradient: Any, betas: tuple[float, float]) -> tuple[Any, Any]:
    """The running means of the gradient and of its square, brought up to date."""
    mean, square = parts(state["exp_avg"]._array), parts(state["exp_avg_sq"]._array)
    mean += (1 - betas[0]) * (gradient - mean)
    square *= betas[1]
    square += (1 - betas[1]) * gradient * gradient
    return mean, square


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
