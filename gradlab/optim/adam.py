"""Adam: gradient descent with a step size of its own for every element."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy

from gradlab import arrays
from gradlab.optim.optimizer import Group, Optimizer, check_at_least, check_plain
from gradlab.tensor import Tensor


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
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
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
        array, gradient = _parts(param._array), _parts(gradient)
        lr, decay = float(group["lr"]), group["weight_decay"]
        if group["maximize"]:
            gradient = -gradient
        if decay and group["decoupled_weight_decay"]:
            array *= 1 - lr * decay
        elif decay:
            gradient = gradient + decay * array
        count, mean, square = self._means(param, gradient, group)
        beta1, beta2 = group["betas"]
        root = arrays.array_module(array).sqrt(square)
        # The means start from 0: dividing by these makes up for it.
        root /= math.sqrt(1 - beta2**count)
        root += group["eps"]
        array -= lr / (1 - beta1**count) * mean / root

    def _means(self, param: Any, gradient: Any, group: Group) -> tuple[int, Any, Any]:
        """How many steps there were, and the two running means, brought up to date."""
        state = self.state[param]
        if not state:
            state["step"] = Tensor._wrap(numpy.zeros((), arrays.get_default_dtype().numpy))
            state["exp_avg"] = _zeros_like(param)
            state["exp_avg_sq"] = _zeros_like(param)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = _zeros_like(param)
        beta1, beta2 = group["betas"]
        state["step"]._array += 1
        mean, square = _parts(state["exp_avg"]._array), _parts(state["exp_avg_sq"]._array)
        mean += (1 - beta1) * (gradient - mean)
        square *= beta2
        square += (1 - beta2) * gradient * gradient
        if group["amsgrad"]:
            largest = _parts(state["max_exp_avg_sq"]._array)
            arrays.array_module(largest).maximum(largest, square, out=largest)
            square = largest
        return int(state["step"]._array), mean, square


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


def _zeros_like(tensor: Any) -> Tensor:
    array = tensor._array
    return Tensor._wrap(arrays.array_module(array).zeros_like(array))


def _parts(array: Any) -> Any:
    """A complex array's real and imaginary parts side by side; a real array as it is."""
    if array.dtype.kind != "c":
        return array
    return array.reshape(array.shape or (1,)).view(array.real.dtype)
