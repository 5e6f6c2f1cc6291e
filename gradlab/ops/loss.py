"""Losses: how far predictions are from what they should be, in one number or one per element.

``reduction`` is PyTorch's number for what is done with the elements: nothing, their mean, their
sum. ``gradlab.nn.functional`` calls these by its names.
"""

from __future__ import annotations

import math
from typing import Any

from gradlab.arrays import Array, Namespace, check_real, dtype_of, int64, uint8
from gradlab.op import op
from gradlab.samples import call, draw, indices

NONE, MEAN, SUM = 0, 1, 2
_CLASS_DTYPES = (int64.numpy, uint8.numpy)


def reduced(xp: Namespace, losses: Array, reduction: int) -> Array:
    """The losses as they are, their mean, or their sum."""
    if reduction == NONE:
        return losses
    total = xp.add.reduce(losses, axis=None)
    return total if reduction == SUM else total / (losses.size or math.nan)


def share(g: Any, reduction: int, shape: tuple[int, ...]) -> Any:
    """What one element's loss receives of the gradient ``g`` of the reduced loss."""
    return g / (math.prod(shape) or 1) if reduction == MEAN else g


_REDUCED_PAIRS = tuple(
    call(draw(*shape), draw(*shape), reduction)
    for reduction in (NONE, MEAN, SUM)
    for shape in ((3,), (2, 3), ())
)


@op(
    latex=r"\frac{1}{n} \sum (input - target)^2",
    grad=dict(
        input=(
            lambda g, input, target, reduction, input_shape: (
                (input - target) * (2 * share(g, reduction, input_shape))
            ),
            r"\frac{2}{n} \, g \, (input - target)",
        ),
        target=(
            lambda g, input, target, reduction, input_shape: (
                (target - input) * (2 * share(g, reduction, input_shape))
            ),
            r"\frac{2}{n} \, g \, (target - input)",
        ),
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*_REDUCED_PAIRS, call(draw(0, 2), draw(0, 2), SUM)),
    in_single=True,
)
def mse_loss(xp: Namespace, input: Array, target: Array, reduction: int = MEAN) -> Array:
    """Squared differences."""
    if input.dtype.kind != "f":
        raise NotImplementedError(
            f"\"mse_cpu\" not implemented for '{dtype_of(input).type_name}': give floating-point "
            "tensors, with .float() for example"
        )
    difference = input - target
    return reduced(xp, difference * difference, reduction)


# ------------------------------------------------------------------ classes


@op(
    latex=r"-\frac{1}{n} \sum_i {input}_{i, {target}_i}",
    grad=dict(
        input=(
            lambda g, xp, input, target, weight, reduction, ignore_index, input_shape: xp.by_steps(
                xp.nll_loss_backward(g, target, weight, reduction, ignore_index, input_shape),
                input,
            ),
            r"-\frac{g}{n} \text{ at } (i, {target}_i)",
        )
    ),
    public=False,
    method=False,
    samples=(
        *(call(draw(4, 3), indices(4, below=3), None, r) for r in (NONE, MEAN, SUM)),
        call(draw(4, 3), indices(4, below=3), None, MEAN, 0),
        call(draw(4, 3), indices(4, below=3), draw(3, low=0.5), MEAN, 1),
        call(draw(3), indices(below=3)),
    ),
    in_single=True,
)
def nll_loss(
    xp: Namespace,
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: int = MEAN,
    ignore_index: int = -100,
) -> Array:
    """What stands, negated, in each row at the place its target names; (N, C) or one row (C,)."""
    return _picked_loss(xp, input, target, weight, reduction, ignore_index)


@op(
    latex=r"-\frac{1}{n} \sum_i {input}_{i, {target}_i}",
    grad=dict(
        input=(
            lambda g, xp, input, target, weight, reduction, ignore_index, input_shape: xp.by_steps(
                xp.nll_loss_backward(g, target, weight, reduction, ignore_index, input_shape),
                input,
            ),
            r"-\frac{g}{n} \text{ at } (i, {target}_i)",
        )
    ),
    node="NllLoss2DBackward0",
    public=False,
    method=False,
    samples=(
        *(call(draw(2, 3, 2, 2), indices(2, 2, 2, below=3), None, r) for r in (NONE, MEAN, SUM)),
        call(draw(2, 3, 2, 2), indices(2, 2, 2, below=3), draw(3, low=0.5), MEAN, 1),
    ),
    in_single=True,
)
def nll_loss2d(
    xp: Namespace,
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: int = MEAN,
    ignore_index: int = -100,
) -> Array:
    """``nll_loss`` at every point of a picture: (N, C, H, W) with a target of (N, H, W)."""
    return _picked_loss(xp, input, target, weight, reduction, ignore_index)


@op(
    latex=r"-\frac{gradient}{n} \text{ at } (i, {target}_i)",
    grad=dict(
        gradient=(
            lambda g, xp, target, weight, reduction, ignore_index: (
                xp.nll_loss if len(g.shape) < 3 else xp.nll_loss2d
            )(g, target, weight, reduction, ignore_index),
            r"-\frac{1}{n} \sum_i {g}_{i, {target}_i}",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(4), indices(4, below=3), None, NONE, 1, (4, 3)),
        call(draw(), indices(4, below=3), draw(3, low=0.5), MEAN, 1, (4, 3)),
        call(draw(), indices(2, 2, 2, below=3), None, SUM, -100, (2, 3, 2, 2)),
    ),
)
def nll_loss_backward(
    xp: Namespace,
    gradient: Array,
    target: Array,
    weight: Array | None,
    reduction: int,
    ignore_index: int,
    shape: tuple[int, ...],
) -> Array:
    """Zeros of ``shape``, but for what ``gradient`` sends to the places that ``nll_loss`` took."""
    last = shape if len(shape) < 3 else (shape[0], *shape[2:], shape[1])
    spread = xp.zeros(last, gradient.dtype)
    rows = spread.reshape(-1, last[-1])
    places, weights = _places(xp, rows.dtype, target, weight, ignore_index, last[-1])
    arrived = gradient.reshape(-1)
    if reduction == MEAN:
        arrived = arrived / _total(xp, weights, len(rows))
    rows[xp.arange(len(rows)), places] = -arrived if weights is None else -weights * arrived
    return spread if len(shape) < 3 else xp.moveaxis(spread, -1, 1)


def _picked_loss(
    xp: Namespace, input: Array, target: Array, weight: Array | None, reduction: int, ignored: int
) -> Array:
    rows = _rows(xp, input)
    _check_classes(target, ignored, rows.shape[1])
    places, weights = _places(xp, rows.dtype, target, weight, ignored, rows.shape[1])
    losses = -rows[xp.arange(len(rows)), places]
    if weights is not None:
        losses *= weights
    if reduction == NONE:
        return losses.reshape(target.shape)
    total = xp.add.reduce(losses)
    return total if reduction == SUM else total / _total(xp, weights, len(rows))


def _rows(xp: Namespace, array: Array) -> Array:
    """(N, C, …) or (C,) as one row of C classes for each target."""
    last = array if array.ndim < 3 else xp.moveaxis(array, 1, -1)
    return last.reshape(math.prod(last.shape[:-1]), last.shape[-1])


def _check_classes(target: Array, ignored: int, count: int) -> None:
    """Raise unless each target that isn't ignored names one of so many classes."""
    if target.dtype not in _CLASS_DTYPES:
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {dtype_of(target).type_name}: "
            "classes are whole numbers, .long() makes them so"
        )
    outside = (target < 0) | (target >= count)
    if outside.any():
        outside &= target != ignored
        if outside.any():
            raise IndexError(
                f"Target {int(target[outside][0])} is out of bounds. There are {count} "
                f"classes, 0 to {count - 1}."
            )


def _places(
    xp: Namespace, dtype: Any, target: Array, weight: Array | None, ignored: int, classes: int
) -> tuple[Array, Array | None]:
    """For each row the place that its target names, and how much it counts; None: each counts 1."""
    target = target.reshape(-1)
    if weight is None and not 0 <= ignored < classes and not (target == ignored).any():
        return target, None
    counts = target != ignored
    places = xp.where(counts, target, 0)
    weights = counts.astype(dtype)
    return places, weights if weight is None else weights * weight[places]


def _total(xp: Namespace, weights: Array | None, rows: int) -> Any:
    """The sum of weights to divide by; NaN for none, so that the mean of nothing is NaN."""
    if weights is None:
        return rows or math.nan
    total = xp.add.reduce(weights)
    return xp.where(total == 0, xp.nan, total)


# ------------------------------------------------------------------ probabilities


def _log(xp: Namespace, x: Array) -> Array:
    """The logarithm, at least -100: one wrong certainty does not make the loss infinite."""
    return xp.maximum(xp.log(xp.maximum(x, xp.finfo(x.dtype).smallest_subnormal)), -100)


def _cross_entropy_gradient(
    g: Any,
    xp: Any,
    input: Any,
    target: Any,
    weight: Any,
    reduction: int,
    input_shape: tuple[int, ...],
) -> Any:
    part = _weighted(share(g, reduction, input_shape), weight)
    return part * (input - target) / xp.clamp_scalar(input * (1 - input), 1e-12)


def _weighted(g: Any, weight: Any) -> Any:
    return g if weight is None else g * weight


@op(
    latex=r"-\frac{1}{n} \sum target \ln input + (1 - target) \ln (1 - input)",
    grad=dict(
        input=(
            _cross_entropy_gradient,
            r"\frac{g}{n} \, \frac{input - target}{input \, (1 - input)}",
        ),
        target=(
            lambda g, xp, input, weight, reduction, input_shape: (
                _weighted(share(g, reduction, input_shape), weight)
                * (xp.log(1 - input) - xp.log(input))
            ),
            r"\frac{g}{n} \, (\ln (1 - input) - \ln input)",
        ),
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(
        *(call(draw(3, low=0.1, high=0.9), draw(3, low=0, high=1), None, r) for r in range(3)),
        call(draw(2, 3, low=0.1, high=0.9), draw(2, 3, low=0, high=1), draw(3, low=0.5), MEAN),
    ),
    in_single=True,
)
def binary_cross_entropy(
    xp: Namespace, input: Array, target: Array, weight: Array | None = None, reduction: int = MEAN
) -> Array:
    """The surprise at what is true with probability ``target``, foretold with ``input``."""
    if not ((input >= 0) & (input <= 1)).all():
        raise RuntimeError(
            "all elements of input should be between 0 and 1, and these go from "
            f"{input.min()} to {input.max()}: put a sigmoid before, or use the loss with logits"
        )
    losses = -(target * _log(xp, input) + (1 - target) * _log(xp, 1 - input))
    return reduced(xp, _weighted(losses, weight), reduction)


def _logits_gradient(
    g: Any,
    xp: Any,
    input: Any,
    target: Any,
    weight: Any,
    pos_weight: Any,
    reduction: int,
    input_shape: tuple[int, ...],
) -> Any:
    part = _weighted(share(g, reduction, input_shape), weight)
    if pos_weight is None:
        return part * (xp.sigmoid(input) - target)
    positive = pos_weight * target
    return part * ((positive + 1 - target) * xp.sigmoid(input) - positive)


def _logits_target_gradient(
    g: Any,
    xp: Any,
    input: Any,
    weight: Any,
    pos_weight: Any,
    reduction: int,
    input_shape: tuple[int, ...],
) -> Any:
    part = _weighted(share(g, reduction, input_shape), weight)
    if pos_weight is None:
        return -part * input
    return part * ((pos_weight - 1) * xp.softplus(-input) - input)


@op(
    latex=r"\frac{1}{n} \sum (1 - target) \, input + \ln (1 + e^{-input})",
    grad=dict(
        input=(_logits_gradient, r"\frac{g}{n} \, (\sigma(input) - target)"),
        target=(_logits_target_gradient, r"-\frac{g}{n} \, input"),
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(
        *(call(draw(3), draw(3, low=0, high=1), None, None, r) for r in range(3)),
        call(draw(2, 3), draw(2, 3, low=0, high=1), draw(3, low=0.5), draw(3, low=0.5), MEAN),
    ),
    in_single=True,
)
def binary_cross_entropy_with_logits(
    xp: Namespace,
    input: Array,
    target: Array,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    reduction: int = MEAN,
) -> Array:
    """``binary_cross_entropy`` of the sigmoid of ``input``, right for large numbers as well."""
    check_real("log_sigmoid_cpu", input)
    surprise = xp.maximum(-input, 0) + xp.log1p(xp.exp(-xp.absolute(input)))
    if pos_weight is not None:
        surprise = ((pos_weight - 1) * target + 1) * surprise
    return reduced(xp, _weighted((1 - target) * input + surprise, weight), reduction)
