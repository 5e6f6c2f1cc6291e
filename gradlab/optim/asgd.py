"""ASGD: gradient descent that also keeps the average of where it was.

B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy

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
    zeros_like,
)
from gradlab.tensor import Tensor


class ASGD(Optimizer):
    """Goes against the gradient by steps that get shorter, and averages the parameters.

    The average, ``state[param]["ax"]``, begins after ``t0`` steps. Steps are ``lr`` divided by
    ``(1 + lambd * lr * t) ** alpha``, and each shrinks the parameter by the share ``lambd``.
    ``weight_decay`` adds that share of the parameter to the gradient; ``maximize`` goes up.
    ``foreach`` and ``capturable``, which choose among PyTorch's implementations, are kept and
    change nothing: there is one. Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = ASGD([p], lr=0.1, lambd=0)
    >>> (5 * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_at_least(0, "learning rate", lr)
        check_at_least(0, "weight_decay value", weight_decay)
        check_plain(differentiable)
        defaults = dict(
            lr=lr,
            lambd=lambd,
            alpha=alpha,
            t0=t0,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        lr, lambd = float(group["lr"]), group["lambd"]
        state = self._remembered(param)
        if "ax" not in state:
            state |= {"eta": _number(lr), "mu": _number(1), "ax": zeros_like(param)}
        eta, mu = float(state["eta"]._array), float(state["mu"]._array)
        array = parts(param._array)
        suited(_descend, array)(
            group["maximize"],
            array,
            parts(gradient),
            parts(state["ax"]._array),
            eta,
            mu,
            decay_of(group),
            1 - lambd * eta,
        )
        step = float(state["step"]._array)
        state["eta"]._array[...] = lr / (1 + lambd * lr * step) ** group["alpha"]
        state["mu"]._array[...] = 1 / max(1, step - group["t0"])


def _descend(
    maximize: bool,
    array: Any,
    gradient: Any,
    average: Any,
    eta: float,
    mu: float,
    decay: Any,
    shrink: float,
) -> None:
    gradient = downhill(array, gradient, decay, maximize)
    array *= shrink
    array -= eta * gradient
    average += mu * (array - average)


def _number(value: float) -> Tensor:
    return Tensor._wrap(numpy.full((), value, arrays.get_default_dtype().numpy))
