"""Initialisation: fills tensors with the numbers a network's training starts from.

The functions whose names end in ``_`` change the tensor they are given, without being recorded,
and return it. After the same ``manual_seed`` the numbers are PyTorch's.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy

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


# ------------------------------------------------------------------ of a special form


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normally distributed numbers between ``a`` and ``b``.

    Numbers outside are drawn again. After the same seed PyTorch's.

    >>> import gradlab as gl
    >>> w = trunc_normal_(gl.empty(100), std=0.02, a=-0.03, b=0.03)
    >>> bool((w.abs() <= 0.03).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect.",
            stacklevel=2,
        )
    below, above = (math.erf((end - mean) / (std * math.sqrt(2))) / 2 for end in (a, b))
    draw = _truncated if above - below > 0.3 else _truncated_far_out
    array = tensor._array
    return _filled(tensor, draw(_source(generator), array.shape, array.dtype, mean, std, a, b))


def _truncated(
    source: Generator, shape: Any, dtype: Any, mean: float, std: float, a: float, b: float
) -> Any:
    """Normal numbers, drawn again where they are outside."""
    low, high = dtype.type(a), dtype.type(b)
    numbers = source.normal(shape, dtype, mean, std)
    while (outside := (numbers < low) | (numbers > high)).any():
        numbers = numpy.where(outside, source.normal(shape, dtype, mean, std), numbers)
    return numbers


def _truncated_far_out(
    source: Generator, shape: Any, dtype: Any, mean: float, std: float, a: float, b: float
) -> Any:
    """Even numbers, each kept as often as its density is of the highest: few are within."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

    def proposed() -> tuple[Any, Any]:
        numbers = source.uniform(shape, dtype, a, b)
        density = ((numbers - dtype.type(mean)) / dtype.type(std)) ** 2 * dtype.type(-0.5)
        with numpy.errstate(divide="ignore"):
            chance = numpy.log(source.uniform(shape, dtype))
        return numbers, chance > density - dtype.type(peak)

    numbers, refused = proposed()
    while refused.any():
        others, refused_again = proposed()
        numbers = numpy.where(refused, others, numbers)
        refused = refused & refused_again
    return numbers


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on its diagonal and zeros elsewhere; ValueError for another shape.

    >>> import gradlab as gl
    >>> eye_(gl.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    array: Any = tensor._array
    _require_dims(tensor, "2", (2,))
    return _filled(tensor, arrays.array_module(array).eye(*array.shape, dtype=array.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that channels come out as they went in.

    As many as there are, in each group. ValueError unless it has 3, 4 or 5 dimensions and its
    first is divisible by ``groups``.

    >>> import gradlab as gl
    >>> dirac_(gl.empty(2, 2, 3))[1]
    tensor([[0., 0., 0.],
            [0., 1., 0.]])
    """
    _require_dims(tensor, "3, 4, or 5", (3, 4, 5))
    array: Any = tensor._array
    if array.shape[0] % groups:
        raise ValueError(f"dim 0 must be divisible by groups: {array.shape[0]} is not by {groups}")
    per_group = array.shape[0] // groups
    centre = tuple(size // 2 for size in array.shape[2:])
    numbers = arrays.array_module(array).zeros_like(array)
    for group in range(groups):
        for channel in range(min(per_group, array.shape[1])):
            numbers[(group * per_group + channel, channel, *centre)] = 1
    return _filled(tensor, numbers)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with a matrix whose rows, or whose columns if those are fewer, are orthonormal.

    Times ``gain``; dimensions after the first count as columns. After the same seed PyTorch's up to
    rounding. ValueError for fewer than two dimensions.

    >>> import gradlab as gl
    >>> w = orthogonal_(gl.empty(2, 5))
    >>> gl.allclose(w @ w.T, gl.eye(2), atol=1e-6)
    True
    """
    array: Any = tensor._array
    if array.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if array.size == 0:
        return tensor
    rows, columns = array.shape[0], array.size // array.shape[0]
    drawn = _source(generator).normal((rows, columns), array.dtype)
    wide = rows < columns
    q, r = numpy.linalg.qr(drawn.T if wide else drawn)
    q = q * numpy.sign(numpy.diagonal(r))
    numbers = (q.T if wide else q).reshape(array.shape) * array.dtype.type(gain)
    return _filled(tensor, numbers.astype(array.dtype, copy=False))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill a matrix with normally distributed numbers, and a share of each column with zeros.

    ``sparsity`` is that share. ValueError for another shape.

    >>> import gradlab as gl
    >>> (sparse_(gl.empty(10, 2), sparsity=0.3) == 0).sum(0)
    tensor([3, 3])
    """
    _require_dims(tensor, "2", (2,))
    array: Any = tensor._array
    rows, columns = array.shape
    source = _source(generator)
    numbers = source.normal(array.shape, array.dtype, 0.0, std)
    for column in range(columns):
        numbers[source.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return _filled(tensor, numbers)


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


def _require_dims(tensor: Tensor, said: str, allowed: tuple[int, ...]) -> None:
    if tensor._array.ndim not in allowed:
        raise ValueError(
            f"Only tensors with {said} dimensions are supported, "
            f"and this one has {tensor._array.ndim}"
        )


# ------------------------------------------------------------------ older names


def _older(function: Callable[..., Tensor], arguments: str) -> Callable[..., Tensor]:
    """The name without "_" that a function had once: the same, with PyTorch's warning."""
    newer = function.__name__
    name = newer.removesuffix("_")

    def older(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{newer}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    older.__name__ = older.__qualname__ = name
    older.__doc__ = f"""The older name of ``{newer}``, which it warns of.

    >>> from gradlab import empty
    >>> with warnings.catch_warnings(action="ignore"):
    ...     {name}({arguments}).view(2, 3, 4).dtype
    torch.float32
    """
    return older


uniform = _older(uniform_, "empty(2, 3, 4), -1, 1")
normal = _older(normal_, "empty(2, 3, 4), std=0.1")
constant = _older(constant_, "empty(2, 3, 4), 0.5")
dirac = _older(dirac_, "empty(2, 3, 4)")
eye = _older(eye_, "empty(6, 4)")
xavier_uniform = _older(xavier_uniform_, "empty(2, 3, 4)")
xavier_normal = _older(xavier_normal_, "empty(2, 3, 4)")
kaiming_uniform = _older(kaiming_uniform_, "empty(2, 3, 4)")
kaiming_normal = _older(kaiming_normal_, "empty(2, 3, 4)")
orthogonal = _older(orthogonal_, "empty(2, 3, 4)")
