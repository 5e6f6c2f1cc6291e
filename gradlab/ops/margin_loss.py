"""Losses that are straight lines from a margin on, or nearly so.

``reduction`` as in ``loss``.
"""

from __future__ import annotations

import math
from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.ops.loss import MEAN, NONE, SUM, reduced, share
from gradlab.samples import call, draw, indices

_REDUCTIONS = (NONE, MEAN, SUM)
_FAR_APART = tuple(
    call(draw(*shape, low=2, high=3), draw(*shape, low=0, high=1), reduction)
    for reduction in _REDUCTIONS
    for shape in ((3,), (2, 3), ())
)
_NEAR = tuple(
    call(draw(2, 3, low=0, high=0.4), draw(2, 3, low=0, high=0.4), reduction)
    for reduction in _REDUCTIONS
)


def _smooth_slope(
    g: Any, xp: Any, input: Any, target: Any, reduction: int, beta: float, shape: tuple[int, ...]
) -> Any:
    return share(g, reduction, shape) * xp.clamp_scalar((input - target) / beta, -1.0, 1.0)


@op(
    latex=r"\frac{1}{n} \sum \begin{cases} \frac{(input - target)^2}{2 beta} & |input - target| < "
    r"beta \\ |input - target| - \frac{beta}{2} & \text{otherwise} \end{cases}",
    grad=dict(
        input=(
            lambda g, xp, input, target, reduction, beta, input_shape: _smooth_slope(
                g, xp, input, target, reduction, beta, input_shape
            ),
            r"\frac{g}{n} \, \min(\max(\frac{input - target}{beta}, -1), 1)",
        ),
        target=(
            lambda g, xp, input, target, reduction, beta, input_shape: (
                -_smooth_slope(g, xp, input, target, reduction, beta, input_shape)
            ),
            r"-\frac{g}{n} \, \min(\max(\frac{input - target}{beta}, -1), 1)",
        ),
    ),
    node="SmoothL1LossBackward0",
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*_FAR_APART, *_NEAR),
    in_single=True,
)
def smooth_l1_loss(
    xp: Namespace, input: Array, target: Array, reduction: int = MEAN, beta: float = 1.0
) -> Array:
    """Squares below ``beta``, straight lines beyond."""
    return reduced(xp, _bent(xp, input, target, beta) / beta, reduction)


def _bent(xp: Namespace, input: Array, target: Array, size: float) -> Array:
    """Half the squares of differences up to ``size``, and beyond straight lines of that slope.

    Without a case: for 262,144 elements 0.1 ms, where to choose takes 1.2.
    """
    apart = xp.absolute(input - target)
    slope = xp.minimum(apart, size)
    apart -= slope * 0.5
    apart *= slope
    return apart


def _huber_slope(
    g: Any, xp: Any, input: Any, target: Any, reduction: int, delta: float, shape: tuple[int, ...]
) -> Any:
    return share(g, reduction, shape) * xp.clamp_scalar(input - target, -delta, delta)


@op(
    latex=r"\frac{1}{n} \sum \begin{cases} \frac{1}{2} (input - target)^2 & |input - target| \le "
    r"delta \\ delta \, (|input - target| - \frac{delta}{2}) & \text{otherwise} \end{cases}",
    grad=dict(
        input=(
            lambda g, xp, input, target, reduction, delta, input_shape: _huber_slope(
                g, xp, input, target, reduction, delta, input_shape
            ),
            r"\frac{g}{n} \, \min(\max(input - target, -delta), delta)",
        ),
        target=(
            lambda g, xp, input, target, reduction, delta, input_shape: (
                -_huber_slope(g, xp, input, target, reduction, delta, input_shape)
            ),
            r"-\frac{g}{n} \, \min(\max(input - target, -delta), delta)",
        ),
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*_FAR_APART, *_NEAR),
    in_single=True,
)
def huber_loss(
    xp: Namespace, input: Array, target: Array, reduction: int = MEAN, delta: float = 1.0
) -> Array:
    """Half the squares up to ``delta``, straight lines beyond."""
    return reduced(xp, _bent(xp, input, target, delta), reduction)


@op(
    latex=r"\frac{1}{n} \sum \ln (1 + e^{-target \cdot input})",
    grad=dict(
        input=(
            lambda g, xp, input, target, reduction, input_shape: (
                -share(g, reduction, input_shape) * target * xp.sigmoid(-target * input)
            ),
            r"-\frac{g}{n} \, target \cdot \sigma(-target \cdot input)",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=tuple(call(draw(2, 3), draw(2, 3), reduction) for reduction in _REDUCTIONS),
    in_single=True,
)
def soft_margin_loss(xp: Namespace, input: Array, target: Array, reduction: int = MEAN) -> Array:
    """How surprising the target's sign is, foretold by scores."""
    return reduced(xp, xp.logaddexp(xp.zeros_like(input), -target * input), reduction)


# ------------------------------------------------------------------ classes


def _multi_margin_gradient(
    g: Any,
    xp: Any,
    input: Any,
    target: Any,
    weight: Any,
    p: int,
    margin: float,
    reduction: int,
    input_shape: tuple[int, ...],
) -> Any:
    classes = input_shape[-1] if input_shape else 1
    count = input_shape[0] if len(input_shape) == 2 else 1
    rows, right = xp.view(input, (count, classes)), xp.view(target, (count, 1))
    lacking = xp.clamp_scalar(margin - xp.gather(rows, 1, right) + rows, 0.0)
    slopes = 2 * lacking if p == 2 else xp.sign(lacking)
    if weight is not None:
        slopes = slopes * xp.take(weight, right)
    slopes = xp.scatter_value(slopes, 1, right, 0.0) / classes
    slopes = xp.scatter_add(slopes, 1, right, -xp.sum_dim(slopes, (1,), True))
    return xp.view(slopes * _of_rows(g, xp, reduction, input_shape), input_shape)


def _as_rows(array: Array) -> Array:
    """One row for each sample, also of a single sample or number."""
    return array.reshape(-1, array.shape[-1] if array.ndim else 1)


def _of_rows(g: Any, xp: Any, reduction: int, shape: tuple[int, ...]) -> Any:
    """What each row's loss receives, as a column or one number."""
    part = share(g, reduction, shape[:-1])
    return xp.view(part, (math.prod(shape[:-1]), 1)) if reduction == NONE else part


@op(
    latex=r"\frac{1}{n} \sum_{i \ne target} \max(0, margin - {input}_{target} + {input}_i)^p",
    grad=dict(
        input=(
            _multi_margin_gradient,
            r"\frac{g}{n} \text{ at } i \text{ where it is lacking}, "
            r"\text{ minus their sum at } target",
        )
    ),
    saved=dict(self_sym_sizes=None),
    public=False,
    method=False,
    samples=(
        *(call(draw(3, 4), indices(3, below=4), None, 1, 0.7, r) for r in _REDUCTIONS),
        *(call(draw(3, 4), indices(3, below=4), draw(4, low=0.5), 2, 1.0, r) for r in _REDUCTIONS),
        call(draw(4), indices(below=4), None),
    ),
)
def multi_margin_loss(
    xp: Namespace,
    input: Array,
    target: Array,
    weight: Array | None = None,
    p: int = 1,
    margin: float = 1.0,
    reduction: int = MEAN,
) -> Array:
    """What the right class's score lacks to be above each other one."""
    if input.ndim > 2 or (input.ndim and not input.shape[-1]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    rows, right = _as_rows(input), target.reshape(-1)
    if target.ndim > 1 or right.size != len(rows):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{len(rows)}], but got "
            f"{list(target.shape)}. Input has shape {list(input.shape)}."
        )
    if right.size and not 0 <= right.min() <= right.max() < rows.shape[1]:
        raise RuntimeError(f"target out of range: of {rows.shape[1]} classes, got {right.tolist()}")
    if weight is not None and weight.size != rows.shape[1]:
        raise RuntimeError(
            f"inconsistent weight size, expected {rows.shape[1]} but got {list(weight.shape)}"
        )
    places = xp.arange(len(rows))
    lacking = xp.maximum(margin - rows[places, right][:, None] + rows, 0) ** p
    if weight is not None:
        lacking = lacking * weight[right][:, None]
    lacking[places, right] = 0
    losses = xp.add.reduce(lacking, 1) / rows.shape[1]
    if not losses.size and reduction == MEAN:
        reduction = SUM  # 0, not 0/0
    return reduced(xp, losses.reshape(target.shape), reduction)


@op(
    latex=r"\frac{1}{n} \sum_{t \in target} \sum_{i \notin target} "
    r"\max(0, 1 - {input}_t + {input}_i)",
    grad=dict(
        input=(
            lambda g, xp, input, target, reduction, input_shape: xp.view(
                xp.multilabel_margin_slopes(input, target)
                * _of_rows(g, xp, reduction, input_shape),
                input_shape,
            ),
            r"\frac{g}{n} \text{ at } i, \; -\frac{g}{n} \text{ at } t, "
            r"\text{ where it is lacking}",
        )
    ),
    node="MultilabelMarginLossBackward0",
    public=False,
    method=False,
    samples=tuple(call(draw(2, 3), indices(2, 3, below=3), reduction) for reduction in _REDUCTIONS),
)
def multilabel_margin_loss(
    xp: Namespace, input: Array, target: Array, reduction: int = MEAN
) -> Array:
    """What the scores of several right classes lack to be above the others'."""
    if input.ndim not in (1, 2) or target.shape != input.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    lacking, counts, _ = _lacking(xp, input, target)
    losses = xp.add.reduce(lacking * counts, (1, 2)) / input.shape[-1]
    return reduced(xp, losses.reshape(input.shape[:-1]), reduction)


@op(
    latex=r"\frac{\partial}{\partial input} \, \text{multilabel margin}",
    public=False,
    method=False,
    samples=(call(draw(2, 3), indices(2, 3, below=3)),),
)
def multilabel_margin_slopes(xp: Namespace, input: Array, target: Array) -> Array:
    """The slopes of ``multilabel_margin_loss`` in each row: steps, whose own slope is 0."""
    lacking, counts, right = _lacking(xp, input, target)
    steps = (lacking > 0) * counts / input.shape[-1]
    slopes = xp.add.reduce(steps, 1)
    rows = xp.arange(len(slopes))[:, None]
    xp.subtract.at(slopes, (rows, right), xp.add.reduce(steps, 2))
    return slopes.astype(input.dtype)


def _lacking(xp: Namespace, input: Array, target: Array) -> tuple[Array, Array, Array]:
    """For each row, target t and class i: what t lacks; whether it counts; and where t is."""
    rows, named = input.reshape(-1, input.shape[-1]), target.reshape(-1, input.shape[-1])
    if named.size and not -1 <= named.min() <= named.max() < rows.shape[1]:
        raise RuntimeError(f"target out of range: of {rows.shape[1]} classes, got {named.tolist()}")
    counted = xp.multiply.accumulate((named >= 0).astype(named.dtype), 1) > 0
    right = xp.where(counted, named, 0)
    place = xp.arange(len(rows))[:, None]
    is_right = xp.zeros(rows.shape, bool)
    # Target by target, since a class that doesn't count may stand for one that does.
    for t in range(rows.shape[1]):
        is_right[place[:, 0], right[:, t]] |= counted[:, t]
    lacking = xp.maximum(1 - rows[place, right][:, :, None] + rows[:, None, :], 0)
    return lacking, counted[:, :, None] & ~is_right[:, None, :], right
