"""Functions of neural networks, without parameters of their own: what the layers call."""

from __future__ import annotations

from typing import Any

from gradlab import arrays, generator
from gradlab.levels import by_chance, level_of
from gradlab.nn import functions
from gradlab.nn.functions import *  # noqa: F403  # published as its own
from gradlab.nn.functions import activation, loss
from gradlab.nn.functions.activation import *  # noqa: F403  # published as its own
from gradlab.nn.functions.activation import placed
from gradlab.nn.functions.loss import *  # noqa: F403  # published as its own
from gradlab.op import FUNCTIONS
from gradlab.ops import pointwise
from gradlab.ops.arrange import channel_shuffle, pixel_shuffle, pixel_unshuffle
from gradlab.ops.distance import pdist
from gradlab.ops.linalg import linear
from gradlab.ops.pad import pad
from gradlab.tensor import Tensor

__all__ = [
    *functions.__all__,
    *loss.__all__,
    *activation.__all__,
    "dropout",
    "linear",
    "one_hot",
    "pad",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "channel_shuffle",
]

# ------------------------------------------------------------------ dropout


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
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
    noise = _dropout_noise(array, p, input.device)
    return placed(input, pointwise.mul(input, noise), inplace)


@by_chance
def _dropout_noise(like: Any, p: float, device: Any) -> Tensor:
    """What to multiply by; drawn in the order in which the numbers lie in memory, as PyTorch's."""
    if like.flags.c_contiguous:
        mask = generator.default_generator.dropout_mask(like.shape, p, like.dtype)
    else:
        order = sorted(range(like.ndim), key=lambda dim: -like.strides[dim])
        shape = tuple(like.shape[dim] for dim in order)
        drawn = generator.default_generator.dropout_mask(shape, p, like.dtype)
        mask = drawn.transpose(sorted(range(like.ndim), key=order.__getitem__))
    return Tensor._wrap(arrays.move(mask, device))


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
    if level_of(tensor) is not None and num_classes != -1:
        places = FUNCTIONS["arange"](num_classes, device=tensor.device)
        return (tensor.unsqueeze(-1) == places).to(tensor.dtype)  # type: ignore[no-any-return]
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
