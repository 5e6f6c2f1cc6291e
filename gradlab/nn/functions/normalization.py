"""Normalisation, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from gradlab.arrays import dtype_of, float16
from gradlab.nn.functions.pooling import avg_pool2d, avg_pool3d
from gradlab.ops.by_number import plus
from gradlab.ops.norm import check_kind, native_batch_norm, native_group_norm, native_layer_norm
from gradlab.ops.pad import pad
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ over batches


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of (N, C, …) with mean 0 and variance 1, times ``weight``, plus ``bias``.

    While ``training``, mean and variance are the batch's, and the running ones, where given, are
    moved towards them by ``momentum``; else the running ones are used. Raises ValueError for a
    single value per channel while training, RuntimeError for sizes or dtypes that don't match.

    >>> import gradlab as gl
    >>> batch_norm(gl.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if training:
        _check_several(input._array.shape)
    if eps < 0 or (training and not eps):
        least = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {least}, but got {eps}")
    return _by_channel(input, running_mean, running_var, weight, bias, training, momentum, eps)


def _by_channel(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    array = input._array
    check_kind("batch_norm", array)
    channels = array.shape[1] if array.ndim > 1 else 0
    for name, one in (("running_mean", running_mean), ("running_var", running_var)):
        if one is None and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    parts = dict(
        running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )  # fmt: skip
    for name, one in parts.items():
        if one is not None and one._array.size != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {one._array.size}")
        if one is not None and one._array.dtype != array.dtype and array.dtype != float16.numpy:
            raise RuntimeError(
                f"mixed dtype (CPU): all inputs must share same datatype. {name} is "
                f"{one.dtype}, the input {input.dtype}"
            )
    if not array.size:
        return _of_nothing(input, weight, bias)
    return native_batch_norm(  # type: ignore[no-any-return]
        input, weight, bias, running_mean, running_var, training, momentum, eps
    )[0]


def _of_nothing(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """A batch without numbers, which moves no statistics, but has a gradient, of zeros."""
    made: Tensor = input.clone()
    if weight is not None and weight.numel():
        made = made * weight[0]
    return made if bias is None or not bias.numel() else made + bias[0]


def _check_several(shape: tuple[int, ...]) -> None:
    count = shape[0]
    for n in shape[2:]:
        count *= n
    if count == 1:
        raise ValueError(
            "Expected more than 1 value per channel when training, got input size "
            f"torch.Size({list(shape)})"
        )


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As ``batch_norm``, each picture of the batch by itself.

    Running means and variances, where given, are moved towards the average over the batch;
    ``use_input_stats=False`` uses them.

    >>> import gradlab as gl
    >>> instance_norm(gl.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    x: Any = input
    shape = tuple(x.shape)
    if use_input_stats:
        _check_spatial(shape)
    elif running_mean is None or running_var is None:
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    n, c = shape[:2]
    merged: list[Any] = [_repeated(one, n) for one in (running_mean, running_var, weight, bias)]
    result: Any = _by_channel(
        x.contiguous().view(1, n * c, *shape[2:]),
        merged[0],
        merged[1],
        merged[2],
        merged[3],
        use_input_stats,
        momentum,
        eps,
    )
    for running, moved in ((running_mean, merged[0]), (running_var, merged[1])):
        if running is not None and use_input_stats:
            running.detach().copy_(moved.detach().view(n, c).mean(0))
    return result.view(shape)  # type: ignore[no-any-return]


def _repeated(one: Any, times: int) -> Any:
    return None if one is None else one.repeat(times)


def _check_spatial(shape: tuple[int, ...]) -> None:
    count = 1
    for n in shape[2:]:
        count *= n
    if count == 1:
        raise ValueError(
            "Expected more than 1 spatial element when training, got input size "
            f"torch.Size({list(shape)})"
        )


# ------------------------------------------------------------------ over layers and groups


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The last dimensions, which have ``normalized_shape``, with mean 0 and variance 1.

    Then times ``weight`` and plus ``bias``, of that shape. Raises RuntimeError for shapes that
    don't match.

    >>> import gradlab as gl
    >>> layer_norm(gl.tensor([[1.0, 3.0], [0.0, 8.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    shape = _normalized_shape("layer_norm", normalized_shape)
    found = input._array.shape
    _check_parts(shape, weight=weight, bias=bias)
    if found[len(found) - len(shape) :] != shape:
        expected = ", ".join(["*", *map(str, shape)])
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [{expected}], but "
            f"got input of size{list(found)}"
        )
    check_kind("LayerNormKernelImpl", input._array)
    for one in (weight, bias):
        if one is not None and one.dtype is not input.dtype and input.dtype is not float16:
            raise RuntimeError(
                "mixed dtype (CPU): expect parameter to have scalar type of "
                f"{dtype_of(input._array).type_name}, not {dtype_of(one._array).type_name}"
            )
    return native_layer_norm(input, shape, weight, bias, eps)[0]  # type: ignore[no-any-return]


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """The last dimensions divided by the root of the mean of their squares, times ``weight``.

    ``eps`` is added to that mean; None for the dtype's own.

    >>> import gradlab as gl
    >>> rms_norm(gl.tensor([3.0, 4.0]), (2,))
    tensor([0.8485, 1.1314])
    """
    shape = _normalized_shape("rms_norm", normalized_shape)
    x: Any = input
    found = input._array.shape
    _check_parts(shape, weight=weight)
    if found[len(found) - len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape "
            f"[*{', '.join(map(str, shape))}], but got input of size{list(found)}"
        )
    check_kind("rms_norm", input._array)
    if eps is None:
        eps = float(
            numpy.finfo(x.float()._array.dtype if x.dtype is float16 else x._array.dtype).eps
        )
    wide = x.float() if x.dtype is float16 else x
    dims = list(range(-len(shape), 0))
    result = wide * plus(wide.pow(2).mean(dims, True), eps).rsqrt()
    result = result if weight is None else result * weight
    return result.to(x.dtype) if wide is not x else result  # type: ignore[no-any-return]


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each of ``num_groups`` parts of the channels of (N, C, …) with mean 0 and variance 1.

    Then times ``weight`` and plus ``bias``, of shape (C,). Raises RuntimeError where the channels
    can't be divided so.

    >>> import gradlab as gl
    >>> group_norm(gl.tensor([[1.0, 3.0, 0.0, 8.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    shape = input._array.shape
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}"
        )
    n, c = shape[:2]
    count = n * (c // num_groups)
    for size in shape[2:]:
        count *= size
    if count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}"
        )
    if c % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(shape)} and num_groups={num_groups}"
        )
    for name, one in (("weight", weight), ("bias", bias)):
        if one is not None and one._array.shape != (c,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(one._array.shape)} and input of shape {list(shape)}"
            )
    check_kind("GroupNormKernelImpl", input._array)
    return native_group_norm(input, weight, bias, num_groups, eps)[0]  # type: ignore[no-any-return]


def _normalized_shape(name: str, given: Any) -> tuple[int, ...]:
    if isinstance(given, int):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int"
        )
    shape = tuple(given)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    return shape


def _check_parts(shape: tuple[int, ...], **parts: Tensor | None) -> None:
    for name, one in parts.items():
        if one is not None and one._array.shape != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(one._array.shape)} and normalized_shape = {list(shape)}"
            )


# ------------------------------------------------------------------ over neighbouring channels


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each number divided by a power of how large it is in the ``size`` channels around it.

    Raises ValueError for fewer than three dimensions, (N, C, …).

    >>> import gradlab as gl
    >>> local_response_norm(gl.ones(1, 2, 1), 2, alpha=2.0, beta=1.0)
    tensor([[[0.5000],
             [0.3333]]])
    """
    x: Any = input
    if x.ndim < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality                          input "
            f"(got {x.ndim} dimensions)"
        )
    if not x.numel():
        return input
    squares = x.mul(x)
    before, after = size // 2, (size - 1) // 2
    if x.ndim == 3:
        around = pad(squares.unsqueeze(1), (0, 0, before, after))
        means = avg_pool2d(around, (size, 1), stride=1).squeeze(1)
    else:
        n, c, first = squares.shape[:3]
        flat = squares.view(n, 1, c, first, -1)
        around = pad(flat, (0, 0, 0, 0, before, after))
        means = avg_pool3d(around, (size, 1, 1), stride=1).squeeze(1).view(x.shape)
    return x / means.mul(alpha).add(k).pow(beta)  # type: ignore[no-any-return]
