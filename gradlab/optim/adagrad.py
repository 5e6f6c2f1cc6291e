"""Adagrad: smaller steps for what has already moved much."""

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


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares so far.

    The sum starts at ``initial_accumulator_value``; ``eps`` keeps the divisor from being 0.
    ``lr_decay`` makes all steps smaller as they go on. ``weight_decay`` adds that share of the
    parameter to the gradient; ``maximize`` goes up. ``foreach`` and ``fused``, which choose among
    PyTorch's implementations, are kept and change nothing: there is one.
    Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = Adagrad([p], lr=0.1)
    >>> (5 * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_at_least(0, "learning rate", lr)
        check_at_least(0, "lr_decay value", lr_decay)
        check_at_least(0, "weight_decay value", weight_decay)
        check_at_least(0, "initial_accumulator_value value", initial_accumulator_value)
        check_at_least(0, "epsilon value", eps)
        check_plain(differentiable)
        defaults = dict(
            lr=lr,
            lr_decay=lr_decay,
            eps=eps,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            fused=fused,
        )
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                start = group["initial_accumulator_value"]
                total = zeros_like(param)
                total._array += complex(start, start) if param.is_complex() else start
                count = numpy.zeros((), arrays.get_default_dtype().numpy)
                self.state[param] = {"step": Tensor._wrap(count), "sum": total}

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        state = self._remembered(param)
        before = int(state["step"]._array) - 1
        array = parts(param._array)
        suited(_descend, array)(
            group["maximize"],
            array,
            parts(gradient),
            parts(state["sum"]._array),
            float(group["lr"]) / (1 + before * group["lr_decay"]),
            decay_of(group),
            group["eps"],
        )


def _descend(
    maximize: bool,
    array: Any,
    gradient: Any,
    total: Any,
    lr: float,
    decay: Any,
    eps: float,
) -> None:
    xp = arrays.array_module(array)
    gradient = downhill(array, gradient, decay, maximize)
    total += gradient * gradient
    size = xp.sqrt(total)
    size += eps
    array -= lr * (gradient / size)
