"""Dropout of whole channels, and dropout that keeps mean and variance, as functions."""

from __future__ import annotations

import math
import warnings
from typing import Any

from gradlab import arrays, generator
from gradlab.inplace import assign
from gradlab.levels import by_chance
from gradlab.ops.pointwise import mul
from gradlab.tensor import Tensor


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


@by_chance
def _noise(shape: tuple[int, ...], p: float, dtype: Any, device: Any) -> Tensor:
    """0 with probability ``p``, else 1 / (1 - p)."""
    return Tensor._wrap(
        arrays.move(generator.default_generator.dropout_mask(shape, p, dtype), device)
    )


@by_chance
def _kept(shape: tuple[int, ...], p: float, dtype: Any, device: Any) -> Tensor:
    """0 with probability ``p``, else 1."""
    return Tensor._wrap(
        arrays.move(generator.default_generator.bernoulli(1 - p, shape, dtype), device)
    )


def _per_channel(input: Tensor) -> tuple[int, ...]:
    """The shape of one number for each channel of each example."""
    shape = input._array.shape
    if len(shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*shape[:2], *[1] * (len(shape) - 2))


def _channel_dropout(input: Any, p: float, training: bool, inplace: bool) -> Tensor:
    _check_probability(p)
    array = input._array
    if not training or p == 0 or array.size == 0:
        return input  # type: ignore[no-any-return]
    shape = _per_channel(input)
    result = mul(input, _noise(shape, p, array.dtype, input.device))
    return assign(input, result, direct=True) if inplace else result  # type: ignore[no-any-return]


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of lines (N, C, L) or (C, L) set to 0 with probability ``p``.

    The others are divided by 1 - p. Unless ``training``, the input itself.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> dropout1d(gl.ones(1, 3, 2))
    tensor([[[0., 0.],
             [0., 0.],
             [2., 2.]]])
    """
    _check_probability(p)
    ndim = input._array.ndim
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _with_batch(input, 3, p, training, inplace)


def _with_batch(input: Any, ndim: int, p: float, training: bool, inplace: bool) -> Tensor:
    if input._array.ndim == ndim:
        return _channel_dropout(input, p, training, inplace)
    batch = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result: Any = _channel_dropout(batch, p, training, inplace)
    return result.squeeze_(0) if inplace else result.squeeze(0)  # type: ignore[no-any-return]


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of pictures (N, C, H, W) set to 0 with probability ``p``.

    The others are divided by 1 - p. Unless ``training``, the input itself.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> dropout2d(gl.ones(1, 3, 1, 2))
    tensor([[[[0., 0.]],
    <BLANKLINE>
             [[0., 0.]],
    <BLANKLINE>
             [[2., 2.]]]])
    """
    _check_probability(p)
    ndim = input._array.ndim
    if ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {ndim}-D input to dropout2d, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead.",
            stacklevel=2,
        )
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. Use dropout1d for that.",
            stacklevel=2,
        )
    return _channel_dropout(input, p, training, inplace)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of volumes (N, C, D, H, W) or (C, D, H, W) set to 0 with probability ``p``.

    The others are divided by 1 - p. Unless ``training``, the input itself.

    >>> import gradlab as gl
    >>> dropout3d(gl.ones(1, 3, 2, 2, 2), p=1.0).sum()
    tensor(0.)
    """
    _check_probability(p)
    ndim = input._array.ndim
    if ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {ndim}-D input to dropout3d, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead.",
            stacklevel=2,
        )
    return _with_batch(input, 5, p, training, inplace)


_SATURATION = 1.7580993408473766  # minus what selu tends to far below zero


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Elements set to selu's lowest value with probability ``p``, and all scaled and shifted.

    So that numbers of mean 0 and variance 1 keep both. Unless ``training``, the input itself.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> alpha_dropout(gl.ones(4), training=True)
    tensor([-0.7792, -0.7792,  1.6656, -0.7792])
    """
    return _alpha_dropout(input, tuple(input._array.shape), p, training, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """``alpha_dropout`` of whole channels.

    >>> import gradlab as gl
    >>> feature_alpha_dropout(gl.ones(1, 2, 3))
    tensor([[[1., 1., 1.],
             [1., 1., 1.]]])
    """
    _check_probability(p)
    if not training or p == 0:
        return input
    return _alpha_dropout(input, _per_channel(input), p, training, inplace)


def _alpha_dropout(
    input: Any, shape: tuple[int, ...], p: float, training: bool, inplace: bool
) -> Tensor:
    _check_probability(p)
    array = input._array
    if not training or p == 0 or array.size == 0:
        return input  # type: ignore[no-any-return]
    if p == 1:
        result = input * _noise(shape, 1, array.dtype, input.device)
    else:
        a = 1 / math.sqrt((_SATURATION**2 * p + 1) * (1 - p))
        kept: Any = _kept(shape, p, array.dtype, input.device)
        shift = (kept - 1) * (_SATURATION * a) + _SATURATION * a * p
        result = input * (kept * a) + shift
    return assign(input, result, direct=False) if inplace else result  # type: ignore[no-any-return]
