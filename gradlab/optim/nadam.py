"""NAdam: Adam that looks one step ahead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy

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
    zeros_like,
)
from gradlab.tensor import Tensor


class NAdam(Optimizer):
    """``Adam`` with Nesterov's momentum, whose strength grows from step to step.

    ``betas``, ``eps`` and ``weight_decay`` as in ``Adam``; ``momentum_decay`` says how soon the
    momentum is at its full strength. ``foreach`` and ``capturable``, which choose among PyTorch's
    implementations, are kept and change nothing: there is one.
    Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = NAdam([p], lr=0.1)
    >>> (5 * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.8944], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_at_least(0, "momentum_decay value", momentum_decay)
        check_plain(differentiable)
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        lr, (beta1, beta2) = float(group["lr"]), group["betas"]
        state = self.state[param]
        if not state:
            one = numpy.ones((), arrays.get_default_dtype().numpy)
            state["step"] = Tensor._wrap(numpy.zeros_like(one))
            state["mu_product"] = Tensor._wrap(one)
            state.update(exp_avg=zeros_like(param), exp_avg_sq=zeros_like(param))
        count = int(self._remembered(param)["step"]._array)
        now, ahead = (
            beta1 * (1 - 0.5 * 0.96 ** (n * group["momentum_decay"])) for n in (count, count + 1)
        )
        product = state["mu_product"]._array
        product *= now
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
            1 - beta2**count,
            group["eps"],
            lr * (1 - now) / (1 - float(product)),
            lr * ahead / (1 - float(product) * ahead),
            decay_of(group),
            shrink_of(group),
        )


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
    missing2: float,
    eps: float,
    by_gradient: float,
    by_mean: float,
    decay: Any,
    shrink: Any,
) -> None:
    xp = arrays.array_module(array)
    gradient = downhill(array, gradient, decay, maximize)
    if shrink is not None:
        array *= shrink
    spare = put_means(xp, gradient, mean, square, spare, taken1, kept2, taken2)
    size = xp.divide(square, missing2, out=spare)
    size = xp.sqrt(size, out=size)
    size += eps
    array -= by_gradient * (gradient / size)
    array -= by_mean * (mean / size)
