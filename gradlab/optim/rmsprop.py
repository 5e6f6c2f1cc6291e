"""RMSprop: the gradient divided by its own recent size."""

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


class RMSprop(Optimizer):
    """Divides the gradient by the root of a running mean of its square.

    The mean keeps the share ``alpha`` of itself at each step; ``eps`` keeps the divisor from being
    0. With ``centered`` the running mean's own square is taken off first, which leaves the
    variance. With ``momentum`` what results is gathered in a velocity. ``weight_decay`` adds that
    share of the parameter to the gradient; ``maximize`` goes up. ``foreach`` and
    ``capturable``, which choose among PyTorch's implementations, are kept and change nothing:
    there is one.
    Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = RMSprop([p], lr=0.01)
    >>> (5 * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_at_least(0, "learning rate", lr)
        check_at_least(0, "epsilon value", eps)
        check_at_least(0, "momentum value", momentum)
        check_at_least(0, "weight_decay value", weight_decay)
        check_at_least(0, "alpha value", alpha)
        check_plain(differentiable)
        defaults = dict(
            lr=lr,
            momentum=momentum,
            alpha=alpha,
            eps=eps,
            centered=centered,
            weight_decay=weight_decay,
            capturable=capturable,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        moving = ("momentum_buffer",) if group["momentum"] else ()
        centre = ("grad_avg",) if group["centered"] else ()
        state = self._remembered(param, "square_avg", *moving, *centre)
        array = parts(param._array)
        suited(_descend, array)(
            group["maximize"],
            array,
            parts(gradient),
            parts(state["square_avg"]._array),
            parts(state["grad_avg"]._array) if centre else None,
            parts(state["momentum_buffer"]._array) if moving else None,
            float(group["lr"]),
            decay_of(group),
            group["alpha"],
            1 - group["alpha"],
            group["eps"],
            group["momentum"],
        )


def _descend(
    maximize: bool,
    array: Any,
    gradient: Any,
    square: Any,
    mean: Any,
    velocity: Any,
    lr: float,
    decay: Any,
    kept: float,
    taken: float,
    eps: float,
    momentum: float,
) -> None:
    xp = arrays.array_module(array)
    gradient = downhill(array, gradient, decay, maximize)
    square *= kept
    square += taken * gradient * gradient
    if mean is not None:
        mean += taken * (gradient - mean)
        square = square - mean * mean
    size = xp.sqrt(square)
    size += eps
    step = gradient / size
    if velocity is not None:
        velocity *= momentum
        velocity += step
        step = velocity
    array -= lr * step
