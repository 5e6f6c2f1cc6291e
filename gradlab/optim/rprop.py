"""Rprop: steps by the sign of the gradient alone, longer as long as it stays the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradlab import arrays
from gradlab.optim.fused import suited
from gradlab.optim.optimizer import Group, Optimizer, check_at_least, check_plain, downhill, parts


class Rprop(Optimizer):
    """Moves each number against the sign of its gradient, by a step of its own.

    A step is first ``lr``; it is multiplied by the second of ``etas`` when the sign stayed the
    same, and by the first when it changed, in which case the number rests once. It stays within
    ``step_sizes``. For gradients of all data, not of batches. ``maximize`` goes up. ``foreach`` and
    ``capturable``, which choose among PyTorch's implementations, are kept and change nothing:
    there is one. Raises ValueError for an option out of range.

    >>> import gradlab as gl
    >>> p = gl.tensor([1.0], requires_grad=True)
    >>> optimizer = Rprop([p], lr=0.1)
    >>> (5 * p).sum().backward()
    >>> for _ in range(2):
    ...     optimizer.step()
    >>> p
    tensor([0.7800], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_at_least(0, "learning rate", lr)
        if not 0 < etas[0] < 1 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        check_plain(differentiable)
        defaults = dict(
            lr=lr,
            etas=etas,
            step_sizes=step_sizes,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        is_new = not self.state[param]
        state = self._remembered(param, "prev", "step_size")
        length = parts(state["step_size"]._array)
        if is_new:
            length += float(group["lr"])
        array = parts(param._array)
        suited(_descend, array)(
            group["maximize"],
            array,
            parts(gradient),
            parts(state["prev"]._array),
            length,
            *group["etas"],
            *group["step_sizes"],
        )


def _descend(
    maximize: bool,
    array: Any,
    gradient: Any,
    before: Any,
    length: Any,
    shrink: float,
    grow: float,
    least: float,
    most: float,
) -> None:
    xp = arrays.array_module(array)
    gradient = downhill(array, gradient, None, maximize)
    agrees = gradient * before
    # Of two numbers, ``where`` in a kernel would make float16.
    changed = xp.where(agrees > 0, length * grow, xp.where(agrees < 0, length * shrink, length))
    xp.clip(changed, least, most, out=length)
    gradient = xp.where(agrees < 0, gradient.dtype.type(0), gradient)
    array -= xp.sign(gradient) * length
    before[...] = gradient
