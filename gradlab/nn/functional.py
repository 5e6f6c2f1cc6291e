"""Functions of neural networks, without parameters of their own: what the layers call."""

from __future__ import annotations

import math
import warnings
from typing import Any

from gradlab import arrays, generator
from gradlab.nn import functions, nonlinear
from gradlab.nn.functions import *  # noqa: F403  # published as its own
from gradlab.nn.nonlinear import *  # noqa: F403  # published as its own
from gradlab.nn.nonlinear import placed
from gradlab.op import FUNCTIONS
from gradlab.ops import loss, pointwise
from gradlab.ops.arrange import channel_shuffle, pixel_shuffle, pixel_unshuffle
from gradlab.ops.linalg import linear
from gradlab.ops.pad import pad
from gradlab.tensor import Tensor

__all__ = [
    *functions.__all__,
    *nonlinear.__all__,
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "l1_loss",
    "linear",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "channel_shuffle",
]

# ------------------------------------------------------------------ dropout


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Elements set to 0 with probability ``p``, the rest divided by 1 - p.

    Unless ``training``, the input itself. Raises ValueError for a ``p`` outside [0, 1].

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> dropout(gl.ones(4))
    tensor([0., 0., 2., 0.])
    """
    check_probability(p)
    array = input._array
    if not training or p == 0 or array.size == 0:
        return input
    mask = generator.default_generator.dropout_mask(array.shape, p, array.dtype)
    noise = Tensor._wrap(arrays.move(mask, input.device))
    return placed(input, pointwise.mul(input, noise), inplace)


def check_probability(p: float) -> None:
    """Raise ValueError unless ``p`` is in [0, 1]."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """For each class number a row of zeros with a 1 at that place.

    ``num_classes`` is by default the largest number plus 1. The shape is the input's with one
    dimension more. Raises RuntimeError for anything but class numbers in range.

    >>> import gradlab as gl
    >>> one_hot(gl.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    classes: Any = tensor._array
    if classes.dtype != arrays.int64.numpy:
        raise RuntimeError(
            "one_hot is only applicable to index tensor of type LongTensor, "
            f"and this one is {tensor.dtype}."
        )
    if classes.size == 0 and num_classes <= 0:
        raise RuntimeError(
            "Can not infer total number of classes from empty tensor: give num_classes."
        )
    if classes.size and classes.min() < 0:
        raise RuntimeError(f"Class values must be non-negative, but one is {classes.min()}.")
    count = int(classes.max()) + 1 if num_classes == -1 else num_classes
    if classes.size and classes.max() >= count:
        raise RuntimeError(
            f"Class values must be smaller than num_classes ({count}), but one is {classes.max()}."
        )
    xp = arrays.array_module(classes)
    return Tensor._wrap((classes[..., None] == xp.arange(count)).astype(classes.dtype))


# ------------------------------------------------------------------ losses


_REDUCTIONS = {"none": loss.NONE, "mean": loss.MEAN, "sum": loss.SUM}


def _number_of(reduction: str) -> int:
    try:
        return _REDUCTIONS[reduction]
    except (KeyError, TypeError):
        raise ValueError(
            f"{reduction} is not a valid value for reduction: 'none', 'mean' or 'sum'"
        ) from None


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The squared differences: their mean, their sum, or, with ``reduction="none"``, each.

    Warns where the shapes differ and broadcast, which is seldom meant.

    >>> import gradlab as gl
    >>> mse_loss(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 4.0]))
    tensor(2.)
    """
    number = _number_of(reduction)
    if input._array.shape != target._array.shape:
        input, target = _stretched(input, target)
    return loss.mse_loss(input, target, number)  # type: ignore[no-any-return]


def l1_loss(input: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """The absolute differences: their mean, their sum, or, with ``reduction="none"``, each.

    >>> import gradlab as gl
    >>> l1_loss(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 4.0]))
    tensor(1.)
    """
    number = _number_of(reduction)
    if input._array.shape != target._array.shape:
        input, target = _stretched(input, target)
    return _reduced((input - target).abs(), number)  # type: ignore[no-any-return]


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
    *,
    ignore_index: int = -100,
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
    number = _number_of(reduction)
    shape = tuple(input.shape)
    _check_class_target(shape, tuple(target.shape))
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


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
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
    number = _number_of(reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if not input.ndim:
        raise ValueError("Expected 1 or more dimensions (got 0): one for the classes at least")
    class_dim = min(1, input.ndim - 1)
    logs: Any = FUNCTIONS["log_softmax"](input, class_dim)
    if target.is_floating_point() and target.shape == input.shape:
        smooth: Any = target
        if label_smoothing:
            smooth = smooth * (1 - label_smoothing) + label_smoothing / input.shape[class_dim]
        return _soft_cross_entropy(logs, smooth, weight, number, class_dim)  # type: ignore[no-any-return]
    hard = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return hard
    even = _even_cross_entropy(logs, target, weight, ignore_index, number, class_dim)
    share = label_smoothing / input.shape[class_dim]
    return hard * (1 - label_smoothing) + even * share  # type: ignore[no-any-return]


def _soft_cross_entropy(logs: Any, target: Any, weight: Any, number: int, class_dim: int) -> Any:
    """Cross-entropy where the target is a probability for each class."""
    losses = _per_class(logs, weight, class_dim) * target
    if number == loss.NONE:
        return -losses.sum(class_dim)
    total = -losses.sum()
    return total / (logs.numel() // logs.shape[class_dim]) if number == loss.MEAN else total


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
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """How surprised one is by yes (1) or no (0), having foretold yes with probability ``input``.

    Each element's loss is at most 100 times its ``weight``. Raises ValueError for different shapes,
    RuntimeError for an input outside [0, 1].

    >>> import gradlab as gl
    >>> binary_cross_entropy(gl.tensor([0.5, 0.9]), gl.tensor([0.0, 1.0]))
    tensor(0.3993)
    """
    number = _number_of(reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    return loss.binary_cross_entropy(input, target, weight, number)  # type: ignore[no-any-return]


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """``binary_cross_entropy`` of the sigmoid of ``input``, right for large numbers as well.

    ``pos_weight`` counts the yes cases differently.

    >>> import gradlab as gl
    >>> binary_cross_entropy_with_logits(gl.tensor([0.0, 200.0]), gl.tensor([0.0, 1.0]))
    tensor(0.3466)
    """
    number = _number_of(reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    return loss.binary_cross_entropy_with_logits(  # type: ignore[no-any-return]
        input, target, weight, pos_weight, number
    )
