"""Initialisation: fills tensors with the numbers a network's training starts from.

The functions whose names end in ``_`` change the tensor they are given, without being recorded,
and return it. After the same ``manual_seed`` the numbers are PyTorch's.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from gradlab import arrays, inplace
from gradlab import generator as randomness
from gradlab.generator import Generator
from gradlab.grad_mode import no_grad
from gradlab.tensor import Tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a layer's spread should grow to make up for the nonlinearity after it.

    ``param`` is the slope of ``"leaky_relu"`` (0.01 if not given). Raises ValueError for a name
    that isn't known.

    >>> calculate_gain("tanh"), calculate_gain("relu") == 2**0.5
    (1.6666666666666667, True)
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5 / 3
    if nonlinearity == "relu":
        return math.sqrt(2)
    if nonlinearity == "selu":
        return 3 / 4
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
        raise ValueError(f"negative_slope {param} not a valid number")
    slope = 0.01 if param is None else param
    return math.sqrt(2 / (1 + slope**2))


_LINEAR = frozenset(
    (
        "linear",
        "sigmoid",
        *(f"conv{n}d" for n in (1, 2, 3)),
        *(f"conv_transpose{n}d" for n in (1, 2, 3)),
    )
)


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers drawn evenly from [a, b).

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> uniform_(gl.empty(3))
    tensor([0.4963, 0.7682, 0.0885])
    """
    array = tensor._array
    return _filled(tensor, _source(generator).uniform(array.shape, array.dtype, a, b))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with normally distributed numbers.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> w = gl.empty(2, 3)
    >>> gl.nn.init.normal_(w) is w
    True
    """
    array = tensor._array
    return _filled(tensor, _source(generator).normal(array.shape, array.dtype, mean, std))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> w = gl.empty(2, 3)
    >>> gl.nn.init.constant_(w, 0.5) is w
    True
    """
    with no_grad():
        return tensor.fill_(val)  # type: ignore[no-any-return]


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> w = gl.empty(2, 3)
    >>> gl.nn.init.ones_(w) is w
    True
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> w = gl.empty(2, 3)
    >>> gl.nn.init.zeros_(w) is w
    True
    """
    return constant_(tensor, 0.0)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill evenly from ±bound so that the variance is gain² · 2 / (fan_in + fan_out).

    That keeps the spread of both activations and gradients from layer to layer. Raises ValueError
    for fewer than two dimensions.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> w = gl.empty(2, 3)
    >>> gl.nn.init.xavier_uniform_(w) is w
    True
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """As ``xavier_uniform_``, normally distributed.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> w = gl.empty(2, 3)
    >>> gl.nn.init.xavier_normal_(w) is w
    True
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill evenly from ±bound so that the variance is gain² / fan.

    ``mode`` chooses the fan, ``"fan_in"`` to keep the spread of activations, ``"fan_out"`` that of
    gradients; the gain is that of ``nonlinearity``, where ``a`` is the slope of ``"leaky_relu"``.

    >>> import gradlab as gl
    >>> bool(kaiming_uniform_(gl.empty(2, 12)).abs().max() <= 0.5**0.5)
    True
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """As ``kaiming_uniform_``, normally distributed.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> w = gl.empty(2, 3)
    >>> gl.nn.init.kaiming_normal_(w) is w
    True
    """
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _source(generator: Generator | None) -> Generator:
    return randomness.default_generator if generator is None else generator


def _filled(tensor: Tensor, numbers: Any) -> Tensor:
    with no_grad():
        inplace.check_writable(tensor)
    inplace.write(tensor, arrays.move(numbers, tensor.device))
    return tensor


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor._array.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def _xavier_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / (fan_in + fan_out))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    fan = fan_in if mode == "fan_in" else fan_out
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output of a weight sees, and the other way round."""
    shape = tensor._array.shape
    if len(shape) < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions: "
            f"this one has shape {list(shape)}"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field
