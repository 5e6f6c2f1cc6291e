"""Losses as functions: how far predictions are from what they should be.

Each takes ``reduction``: the ``"mean"`` of the elements' losses, their ``"sum"``, or ``"none"``,
each by itself. ``size_average`` and ``reduce`` are what old scripts say instead.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from gradlab.grad_mode import no_grad
from gradlab.op import FUNCTIONS
from gradlab.ops import activation, loss, margin_loss
from gradlab.ops.by_number import minus, over, plus, times
from gradlab.ops.similarity import pairwise_distance
from gradlab.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

_REDUCTIONS = {"none": loss.NONE, "mean": loss.MEAN, "sum": loss.SUM}


def _number_of(reduction: str, size_average: bool | None, reduce: bool | None) -> int:
    if size_average is not None or reduce is not None:
        reduction = old_reduction(size_average, reduce)
    try:
        return _REDUCTIONS[reduction]
    except (KeyError, TypeError):
        raise ValueError(
            f"{reduction} is not a valid value for reduction: 'none', 'mean' or 'sum'"
        ) from None


def old_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """What the two flags of old scripts say, with PyTorch's warning."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    reduction = ("mean" if size_average else "sum") if reduce else "none"
    warnings.warn(
        "size_average and reduce args will be deprecated, please use "
        f"reduction='{reduction}' instead.",
        stacklevel=4,
    )
    return reduction


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared differences: their mean, their sum, or, with ``reduction="none"``, each.

    Warns where the shapes differ and broadcast, which is seldom meant.

    >>> import gradlab as gl
    >>> mse_loss(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 4.0]))
    tensor(2.)
    """
    number = _number_of(reduction, size_average, reduce)
    if input.shape != target.shape:
        input, target = _stretched(input, target)
    if weight is not None:
        return _weighted_mean((input - target) ** 2, weight, number)
    return loss.mse_loss(input, target, number)  # type: ignore[no-any-return]


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute differences: their mean, their sum, or, with ``reduction="none"``, each.

    >>> import gradlab as gl
    >>> l1_loss(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 4.0]))
    tensor(1.)
    """
    number = _number_of(reduction, size_average, reduce)
    if input.shape != target.shape:
        input, target = _stretched(input, target)
    if weight is not None:
        return _weighted_mean((input - target).abs(), weight, number)
    return _reduced((input - target).abs(), number)  # type: ignore[no-any-return]


def _weighted_mean(losses: Any, weight: Any, number: int) -> Tensor:
    """Losses that count differently, also in their mean."""
    weighted = _weighted(losses, weight)
    if number != loss.MEAN:
        return _reduced(weighted, number)  # type: ignore[no-any-return]
    return weighted.sum() / weight.sum()  # type: ignore[no-any-return]


def _weighted(losses: Any, weight: Any) -> Any:
    if weight.shape != losses.shape:
        raise ValueError(
            "Weights and input must have the same size. The weights have "
            f"{list(weight.shape)}, the input {list(losses.shape)}."
        )
    return losses * weight


def _stretched(input: Any, target: Any) -> tuple[Any, Any]:
    """Both expanded to the shape they broadcast to, with PyTorch's warning."""
    warnings.warn(
        f"Using a target size ({target.shape}) that is different to the input size "
        f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
        "Please ensure they have the same size.",
        stacklevel=3,
    )
    shape = (input.detach() + target.detach()).shape
    return input.expand(shape), target.expand(shape)


def _reduced(losses: Any, number: int) -> Any:
    if number == loss.NONE:
        return losses
    return losses.mean() if number == loss.MEAN else losses.sum()


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative of the log-probabilities that stand at the places of the right classes.

    ``input``: log-probabilities, (N, C), (C,) or (N, C, d1, …); ``target``: class numbers,
    (N,), () or (N, d1, …). ``weight`` counts classes differently, also in the mean; elements whose
    target is ``ignore_index`` don't count. Raises ValueError for shapes that don't fit,
    IndexError for a class that doesn't exist.

    >>> import gradlab as gl
    >>> nll_loss(gl.tensor([[-0.5, -1.0], [-2.0, -3.0]]), gl.tensor([0, 1]))
    tensor(1.7500)
    """
    number = _number_of(reduction, size_average, reduce)
    return _picked(input, target, weight, number, ignore_index)


def _picked(input: Any, target: Any, weight: Any, number: int, ignore_index: int) -> Tensor:
    """What stands, negated, at the places of the right classes."""
    shape = tuple(input.shape)
    _check_class_target(shape, tuple(target.shape))
    _check_class_weight(weight, shape[min(1, len(shape) - 1)])
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(
            f"expected scalar type {input.dtype.type_name} but found {weight.dtype.type_name}: "
            "that of the classes' weights"
        )
    if len(shape) < 3:
        return loss.nll_loss(input, target, weight, number, ignore_index)  # type: ignore[no-any-return]
    if len(shape) == 4:
        return loss.nll_loss2d(input, target, weight, number, ignore_index)  # type: ignore[no-any-return]
    # As in PyTorch, other shapes become a picture that is a single pixel high.
    width = math.prod(shape[2:])
    picture = input.reshape(shape[0], shape[1], 1, width)
    places = target.reshape(shape[0], 1, width)
    losses = loss.nll_loss2d(picture, places, weight, number, ignore_index)
    return losses.reshape(target.shape) if number == loss.NONE else losses  # type: ignore[no-any-return]


def _check_class_target(shape: tuple[int, ...], found: tuple[int, ...]) -> None:
    if not shape:
        raise ValueError("Expected 1 or more dimensions (got 0): one for the classes at least")
    if len(shape) > 1 and found[:1] != shape[:1]:
        raise ValueError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size "
            f"({found[0] if found else 'none: a 0-d target'})."
        )
    expected = (*shape[:1], *shape[2:]) if len(shape) > 1 else ()
    if len(shape) < 3 and len(found) > 1:
        raise RuntimeError(
            "0D or 1D target tensor expected, multi-target not supported "
            f"(the target has shape {list(found)}, the input {list(shape)})"
        )
    if found != expected:
        raise RuntimeError(
            f"Expected target size {list(expected)}, got {list(found)} "
            f"(an input of shape {list(shape)})"
        )


def _check_class_weight(weight: Any, classes: int, function: str = "") -> None:
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"{function}weight tensor should be defined either for all {classes} classes or no "
            f"classes but got weight tensor of shape: {list(weight.shape)}"
        )


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """``nll_loss`` of ``log_softmax``: how surprised a classifier with these scores is.

    ``input``: scores, (N, C), (C,) or (N, C, d1, …). ``target``: class numbers as for ``nll_loss``,
    or a probability for each class, of the shape of ``input``. ``label_smoothing`` mixes the
    target with equal probabilities for all.

    >>> import gradlab as gl
    >>> cross_entropy(gl.tensor([[0.0, 0.0], [0.0, 0.0]]), gl.tensor([0, 1]))
    tensor(0.6931)
    """
    number = _number_of(reduction, size_average, reduce)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if not input.ndim:
        raise ValueError("Expected 1 or more dimensions (got 0): one for the classes at least")
    class_dim = min(1, input.ndim - 1)
    logs: Any = FUNCTIONS["log_softmax"](input, class_dim)
    if target.shape == input.shape:
        _check_probabilities(target, ignore_index)
        _check_class_weight(weight, input.shape[class_dim], "cross_entropy: ")
        smooth: Any = target
        if label_smoothing:
            share = label_smoothing / input.shape[class_dim]
            smooth = plus(times(smooth, 1 - label_smoothing), share)
        return _soft_cross_entropy(logs, smooth, weight, number, class_dim)  # type: ignore[no-any-return]
    hard = _picked(logs, target, weight, number, ignore_index)
    if not label_smoothing:
        return hard
    even = _even_cross_entropy(logs, target, weight, ignore_index, number, class_dim)
    share = label_smoothing / input.shape[class_dim]
    return times(hard, 1 - label_smoothing) + times(even, share)  # type: ignore[no-any-return]


def _check_probabilities(target: Tensor, ignore_index: int) -> None:
    if not target.is_floating_point():
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{target.dtype.type_name}: a target of the input's shape {list(target.shape)} has one "
            "for each class; numbers of classes have a dimension less."
        )
    if ignore_index >= 0:
        raise RuntimeError(
            f"ignore_index is not supported for floating point target (it is {ignore_index})"
        )


def _soft_cross_entropy(logs: Any, target: Any, weight: Any, number: int, class_dim: int) -> Any:
    """Cross-entropy where the target is a probability for each class."""
    losses = _per_class(logs * target, weight, class_dim)
    if number == loss.NONE:
        return -losses.sum(class_dim)
    total = -losses.sum()
    if number == loss.SUM:
        return total
    return over(total, logs.numel() // logs.shape[class_dim])


def _even_cross_entropy(
    logs: Any, target: Any, weight: Any, ignored: int, number: int, class_dim: int
) -> Any:
    """What label smoothing mixes in: the log-probabilities of all classes, counted alike."""
    losses = -_per_class(logs, weight, class_dim).sum(class_dim)
    left_out = target == ignored
    losses = losses.masked_fill(left_out, 0.0)
    if number == loss.NONE:
        return losses
    total = losses.sum()
    if number == loss.SUM:
        return total
    if weight is None:
        return total / left_out.logical_not().sum()
    return total / weight[target[left_out.logical_not()]].sum()


def _per_class(logs: Any, weight: Any, class_dim: int) -> Any:
    if weight is None:
        return logs
    shape = [1] * logs.ndim
    shape[class_dim] = -1
    return logs * weight.reshape(*shape)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How surprised one is by yes (1) or no (0), having foretold yes with probability ``input``.

    Each element's loss is at most 100 times its ``weight``. Raises ValueError for different shapes,
    RuntimeError for an input outside [0, 1].

    >>> import gradlab as gl
    >>> binary_cross_entropy(gl.tensor([0.5, 0.9]), gl.tensor([0.0, 1.0]))
    tensor(0.3993)
    """
    number = _number_of(reduction, size_average, reduce)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(
            f"Found dtype {target.dtype.type_name} but expected {input.dtype.type_name}: make the "
            "target of the input's dtype, with .to()"
        )
    return loss.binary_cross_entropy(input, target, weight, number)  # type: ignore[no-any-return]


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """``binary_cross_entropy`` of the sigmoid of ``input``, right for large numbers as well.

    ``pos_weight`` counts the yes cases differently.

    >>> import gradlab as gl
    >>> binary_cross_entropy_with_logits(gl.tensor([0.0, 200.0]), gl.tensor([0.0, 1.0]))
    tensor(0.3466)
    """
    number = _number_of(reduction, size_average, reduce)
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    if not target.dtype.is_floating_point:
        raise RuntimeError(_no_probability(input, target))
    return loss.binary_cross_entropy_with_logits(  # type: ignore[no-any-return]
        input, target, weight, pos_weight, number
    )


def _no_probability(input: Any, target: Any) -> str:
    """What is wrong with a target that is true or false, or a whole number."""
    way_out = "a target is a probability, .float() makes it one"
    if target.dtype.name == "bool":
        return (
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            f"`logical_xor()` operator instead: {way_out}."
        )
    own, other = input.dtype.type_name, target.dtype.type_name
    return f"result type {own} can't be cast to the desired output type {other}: {way_out}"


# ------------------------------------------------------------------ numbers, less strictly


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """``mse_loss`` / 2 / ``beta`` where the difference is below ``beta``, ``l1_loss`` beyond.

    Raises RuntimeError for a negative ``beta``.

    >>> import gradlab as gl
    >>> smooth_l1_loss(gl.tensor([0.5, 3.0]), gl.tensor([0.0, 0.0]), reduction="none")
    tensor([0.1250, 2.5000])
    """
    number = _number_of(reduction, size_average, reduce)
    if input.shape != target.shape:
        input, target = _stretched(input, target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta: {beta}")
    if beta == 0:
        return _reduced((input - target).abs(), number)  # type: ignore[no-any-return]
    return margin_loss.smooth_l1_loss(input, target, number, beta)  # type: ignore[no-any-return]


def huber_loss(
    input: Any,
    target: Any,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half the squared difference up to ``delta``, and in a straight line beyond.

    Raises RuntimeError for a ``delta`` that is not positive.

    >>> import gradlab as gl
    >>> huber_loss(gl.tensor([0.5, 3.0]), gl.tensor([0.0, 0.0]), reduction="none")
    tensor([0.1250, 2.5000])
    """
    number = _number_of(reduction, None, None)
    if input.shape != target.shape:
        input, target = _stretched(input, target)
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta: {delta}")
    if weight is not None:
        losses = _weighted(margin_loss.huber_loss(input, target, loss.NONE, delta), weight)
        return _reduced(losses, number)  # type: ignore[no-any-return]
    return margin_loss.huber_loss(input, target, number, delta)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ distributions


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """How much is lost by taking ``input``, log-probabilities, for the probabilities ``target``.

    ``log_target``: these are logarithms too. ``reduction="batchmean"``, the sum divided by the
    first size, is what the mathematics calls the Kullback-Leibler divergence.

    >>> import gradlab as gl
    >>> kl_div(gl.tensor([[-0.6931, -0.6931]]), gl.tensor([[0.5, 0.5]]), reduction="sum")
    tensor(-4.7207e-05)
    """
    if size_average is not None or reduce is not None:
        reduction = old_reduction(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. "
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.",
            stacklevel=2,
        )
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = FUNCTIONS["xlogy"](target, target) - target * input
    if reduction == "batchmean":
        total: Any = losses.sum()
        return total / input.shape[0] if input.ndim else total  # type: ignore[no-any-return]
    return _reduced(losses, _number_of(reduction, None, None))  # type: ignore[no-any-return]


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How surprising counts are where a Poisson distribution of mean e^``input`` was foretold.

    Of mean ``input`` itself, plus ``eps`` in logarithms, without ``log_input``. ``full`` adds what
    depends on the target alone, by Stirling's formula.

    >>> import gradlab as gl
    >>> poisson_nll_loss(gl.tensor([0.0]), gl.tensor([2.0]))
    tensor(1.)
    """
    number = _number_of(reduction, size_average, reduce)
    losses = input.exp() - target * input if log_input else input - target * plus(input, eps).log()
    if full:
        rest = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + rest.masked_fill(target <= 1, 0)
    return _reduced(losses, number)  # type: ignore[no-any-return]


def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """How surprising numbers are where a normal distribution of mean and variance was foretold.

    ``var``: of the shape of ``input``, or one for each of its rows, or one number; it counts
    ``eps`` at least. ``full`` adds the constant. Raises ValueError for another shape, or a negative
    variance.

    >>> import gradlab as gl
    >>> gaussian_nll_loss(gl.tensor([0.0]), gl.tensor([2.0]), gl.tensor([1.0]))
    tensor(2.)
    """
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * FUNCTIONS["ones_like"](input)
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        var = _variance_for(var, input)
    number = _number_of(reduction, None, None)
    var = var.clone()
    with no_grad():  # the gradient of what is raised to eps is not cut off
        var.clamp_(min=eps)
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return _reduced(losses, number)  # type: ignore[no-any-return]


def _variance_for(var: Any, input: Any) -> Any:
    if input.shape[:-1] == var.shape:
        return var.unsqueeze(-1)
    if input.ndim == var.ndim:
        others = [n for m, n in zip(input.shape, var.shape, strict=True) if m != n]
        if sum(others) == 1:  # one variance for all along one dimension
            return var
    raise ValueError(
        f"var is of incorrect size: {list(var.shape)} for an input of {list(input.shape)}"
    )


# ------------------------------------------------------------------ margins


def soft_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """ln(1 + e^(-target · input)): for scores whose sign is to be that of ``target``, 1 or -1.

    >>> import gradlab as gl
    >>> soft_margin_loss(gl.tensor([0.0]), gl.tensor([1.0]))
    tensor(0.6931)
    """
    number = _number_of(reduction, size_average, reduce)
    return margin_loss.soft_margin_loss(input, target, number)  # type: ignore[no-any-return]


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """A distance itself where ``target`` is 1, and what it lacks to ``margin`` where it is -1.

    >>> import gradlab as gl
    >>> hinge_embedding_loss(gl.tensor([0.2, 0.2]), gl.tensor([1, -1]), reduction="none")
    tensor([0.2000, 0.8000])
    """
    number = _number_of(reduction, size_average, reduce)
    where, nothing = FUNCTIONS["where"], FUNCTIONS["zeros_like"](input)
    far = where(target != 1, _number_like(input, margin).sub(input).clamp_min(0), nothing)
    near = where(target != -1, input, nothing)
    return _reduced(far + near, number)  # type: ignore[no-any-return]


def _number_like(tensor: Any, number: float) -> Any:
    """A number as a tensor of this dtype: PyTorch subtracts from such a one inside."""
    return tensor.new_full((), number)


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cosine where ``target`` is 1, what the cosine has over ``margin`` where it is -1.

    Inputs (N, D) with a target (N,), or (D,) with (). Raises RuntimeError for other shapes.

    >>> import gradlab as gl
    >>> cosine_embedding_loss(gl.tensor([[1.0, 0.0]]), gl.tensor([[0.0, 1.0]]), gl.tensor([1]))
    tensor(1.)
    """
    number = _number_of(reduction, size_average, reduce)
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found "
            f"inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    product = (input1 * input2).sum(target.ndim)
    square1 = plus((input1 * input1).sum(target.ndim), _COSINE_EPSILON)
    square2 = plus((input2 * input2).sum(target.ndim), _COSINE_EPSILON)
    cosine = product / (square1 * square2).sqrt()
    where, nothing = FUNCTIONS["where"], FUNCTIONS["zeros_like"](cosine)
    same = where(target == 1, _number_like(cosine, 1).sub(cosine), nothing)
    other = where(target == -1, minus(cosine, margin).clamp_min(0), nothing)
    return _reduced(same + other, number)  # type: ignore[no-any-return]


_COSINE_EPSILON = 1e-12


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What ``input1`` lacks to be above ``input2`` by ``margin``, or below where ``target`` is -1.

    Raises RuntimeError for arguments of different numbers of dimensions.

    >>> import gradlab as gl
    >>> margin_ranking_loss(gl.tensor([1.0]), gl.tensor([3.0]), gl.tensor([1.0]))
    tensor(2.)
    """
    number = _number_of(reduction, size_average, reduce)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    losses = plus(-target * (input1 - input2), margin).clamp_min(0)
    return _reduced(losses, number)  # type: ignore[no-any-return]


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What ``negative`` lacks to be farther from ``anchor`` than ``positive`` is, by ``margin``.

    Distances are ``pairwise_distance(p, eps)``. ``swap`` takes the distance of positive and
    negative where that is the nearer one. Raises ValueError for a margin that is not positive.

    >>> import gradlab as gl
    >>> a, b = gl.tensor([[0.0, 0.0]]), gl.tensor([[3.0, 4.0]])
    >>> triplet_margin_loss(a, b, a)
    tensor(6.0000)
    """
    number = _number_of(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(one: Any, other: Any) -> Any:
        return pairwise_distance(one, other, p, eps)

    return _triplet_loss(anchor, positive, negative, distance, plus, margin, swap, number)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """``triplet_margin_loss`` with a distance of one's own.

    >>> import gradlab as gl
    >>> a, b = gl.tensor([[0.0, 0.0]]), gl.tensor([[3.0, 4.0]])
    >>> triplet_margin_with_distance_loss(a, b, a, distance_function=lambda x, y: (x - y).norm())
    tensor(6.)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    number = _number_of(reduction, None, None)
    add = FUNCTIONS["add"]
    return _triplet_loss(anchor, positive, negative, distance, add, margin, swap, number)


def _triplet_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    distance: Callable[[Any, Any], Any],
    add: Callable[[Any, float], Any],
    margin: float,
    swap: bool,
    number: int,
) -> Tensor:
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
            f"{negative.ndim}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = FUNCTIONS["minimum"](far, distance(positive, negative))
    return _reduced((add(near, margin) - far).clamp_min(0), number)  # type: ignore[no-any-return]


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What the right class's score lacks to be above each other one by ``margin``, on average.

    ``input``: (N, C) or (C,); ``target``: class numbers, (N,) or (). ``p``: 1, or 2 for squares;
    ``weight`` counts classes differently. Raises ValueError for another ``p``.

    >>> import gradlab as gl
    >>> multi_margin_loss(gl.tensor([[0.1, 0.2, 0.4, 0.8]]), gl.tensor([3]))
    tensor(0.3250)
    """
    number = _number_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    return margin_loss.multi_margin_loss(input, target, weight, p, margin, number)  # type: ignore[no-any-return]


def multilabel_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What the scores of several right classes lack to be above the others' by 1.

    ``target``: class numbers, of the shape of ``input``, (N, C) or (C,); those from the first -1 on
    don't count.

    >>> import gradlab as gl
    >>> multilabel_margin_loss(gl.tensor([[0.1, 0.2, 0.4, 0.8]]), gl.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """
    number = _number_of(reduction, size_average, reduce)
    return margin_loss.multilabel_margin_loss(input, target, number)  # type: ignore[no-any-return]


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``binary_cross_entropy_with_logits`` of each class, averaged over classes.

    >>> import gradlab as gl
    >>> multilabel_soft_margin_loss(gl.tensor([[0.0, 0.0]]), gl.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
    number = _number_of(reduction, size_average, reduce)
    yes, no = activation.logsigmoid(input), activation.logsigmoid(-input)
    losses = -(target * yes + (1 - target) * no)
    if weight is not None:
        losses = losses * weight
    losses = losses.sum(input.ndim - 1) / input.shape[-1]
    return _reduced(losses, number)  # type: ignore[no-any-return]
