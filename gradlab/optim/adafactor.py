"""Adafactor: Adam's scaling with a memory of rows and columns, not of every number.

N. Shazeer and M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy

from gradlab import arrays
from gradlab.optim.optimizer import Group, Optimizer
from gradlab.tensor import Tensor


class Adafactor(Optimizer):
    """Scales the gradient by its root mean square, kept as one number for each row and column.

    Their product stands for the whole, so that a matrix of n by m numbers needs n + m of memory;
    vectors keep all. ``beta2_decay``: the power of the step's number by which a step counts.
    Steps are relative to the parameter's root mean square, which is taken as ``eps[1]`` at least,
    and are shortened where their own is more than ``d``; ``lr`` is the most they may be.
    ``eps[0]``, None for the dtype's, keeps the scale from 0. ``weight_decay`` takes that share of
    the parameter off, times ``lr``; ``maximize`` goes up. ``foreach``, which chooses among
    PyTorch's implementations, is kept and changes nothing. Raises ValueError for an option out of
    range, RuntimeError for complex parameters.

    >>> import gradlab as gl
    >>> p = gl.ones(2, 3, requires_grad=True)
    >>> optimizer = Adafactor([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p[0]
    tensor([0.9000, 0.9000, 0.9000], grad_fn=<SelectBackward0>)
    >>> {name: tuple(kept.shape) for name, kept in optimizer.state[p].items()}
    {'step': (), 'row_var': (2, 1), 'col_var': (1, 3)}
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError(f"Tensor lr must be 1-element: this one has {lr.numel()}")
        _check(lr >= 0, f"Learning rate should be >= 0 but is: {lr}")
        _check(beta2_decay <= 0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        _check(eps[0] is None or eps[0] >= 0, f"epsilon1 should be >= 0 but is: {eps[0]}")
        _check(eps[1] >= 0, f"epsilon2 should be >= 0 but is: {eps[1]}")
        _check(d >= 1, f"Clipping threshold d should be >= 1 but is: {d}")
        _check(weight_decay >= 0, f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = dict(
            lr=lr,
            beta2_decay=beta2_decay,
            eps=eps,
            d=d,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
        )
        super().__init__(params, defaults)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        array = param._array
        if array.dtype.kind == "c":
            raise RuntimeError("Adafactor does not support complex parameters")
        if group["maximize"]:
            gradient = -gradient
        state = self._kept_of(param)
        count = state["step"].item()
        lr = float(group["lr"])
        least = group["eps"][0]
        if least is None:
            least = float(numpy.finfo(array.dtype).eps)
        size = max(group["eps"][1], _root_mean_square(array)) * min(lr, 1 / math.sqrt(count))
        if group["weight_decay"]:
            array *= 1 - lr * group["weight_decay"]
        squares = _mean_squares(state, gradient, count ** group["beta2_decay"], least)
        step = gradient / arrays.array_module(array).sqrt(squares.clip(min=least * least))
        array -= (size / max(1.0, _root_mean_square(step) / group["d"])) * step

    def _kept_of(self, param: Any) -> dict[str, Any]:
        """The state of a parameter, its count of steps with this one."""
        state, array = self.state[param], param._array
        if not state:
            zeros = arrays.array_module(array).zeros
            state["step"] = Tensor._wrap(numpy.zeros((), arrays.get_default_dtype().numpy))
            if array.ndim > 1:
                *others, rows, columns = array.shape
                state["row_var"] = Tensor._wrap(zeros((*others, rows, 1), array.dtype))
                state["col_var"] = Tensor._wrap(zeros((*others, 1, columns), array.dtype))
            else:
                state["variance"] = Tensor._wrap(zeros(array.shape, array.dtype))
        state["step"]._array += 1
        return state


def _mean_squares(state: dict[str, Any], gradient: Any, share: float, least: float) -> Any:
    """The running mean of the squared gradient, with the present one counted by ``share``."""
    squares = gradient * gradient
    if gradient.ndim < 2:
        return _towards(state["variance"]._array, squares, share)
    rows = _towards(state["row_var"]._array, squares.mean(-1, keepdims=True), share)
    columns = _towards(state["col_var"]._array, squares.mean(-2, keepdims=True), share)
    return rows * columns / rows.mean(-2, keepdims=True).clip(min=least)


def _towards(mean: Any, present: Any, share: float) -> Any:
    mean += share * (present - mean)
    return mean


def _root_mean_square(array: Any) -> float:
    if array.dtype == arrays.float16.numpy:  # which has no squares of numbers above 255
        array = array.astype(numpy.float32)
    return math.sqrt(float((array * array).mean())) if array.size else 0.0


def _check(right: bool, error: str) -> None:
    if not right:
        raise ValueError(error)
