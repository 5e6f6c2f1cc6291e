"""Activations as functions: what ``gradlab.nn.functional`` has of them, and of likeness."""

from __future__ import annotations

import warnings
from typing import Any

from gradlab import arrays
from gradlab.inplace import assign
from gradlab.op import FUNCTIONS
from gradlab.ops import activation, choosing
from gradlab.ops.activation import (
    celu_,
    elu_,
    hardshrink,
    hardtanh_,
    leaky_relu_,
    prelu,
    rrelu_,
    selu_,
    threshold_,
)
from gradlab.ops.choosing import sigmoid
from gradlab.ops.gelu import gelu as gelu_op
from gradlab.ops.similarity import cosine_similarity, normalize, pairwise_distance
from gradlab.ops.trigonometry import tanh
from gradlab.tensor import Tensor

relu_ = FUNCTIONS["relu_"]

__all__ = [
    "celu",
    "celu_",
    "cosine_similarity",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "normalize",
    "pairwise_distance",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def placed(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    """The result, or with ``inplace`` the input, which then holds it."""
    return assign(input, result, direct=True) if inplace else result


# ------------------------------------------------------------------ of straight pieces


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Each element, or 0 where it is negative; with ``inplace`` it overwrites the input.

    >>> import gradlab as gl
    >>> relu(gl.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return placed(input, choosing.relu(input), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Each element, or ``negative_slope`` times it where it is negative.

    >>> import gradlab as gl
    >>> leaky_relu(gl.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    if inplace:
        return leaky_relu_(input, negative_slope)  # type: ignore[no-any-return]
    return activation.leaky_relu(input, negative_slope)  # type: ignore[no-any-return]


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """``leaky_relu`` with slopes drawn from [lower, upper) in ``training``, else the middle one.

    >>> import gradlab as gl
    >>> rrelu(gl.tensor([-1.0, 2.0]), 0.1, 0.3)
    tensor([-0.2000,  2.0000])
    """
    return placed(input, activation.rrelu(input, lower, upper, training), inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Each element where it is above ``threshold``, else ``value``.

    >>> import gradlab as gl
    >>> threshold(gl.tensor([-1.0, 0.5, 2.0]), 1, 20)
    tensor([20., 20.,  2.])
    """
    return placed(input, activation.threshold(input, threshold, value), inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Each element, moved to the bounds where it lies outside.

    Raises ValueError for bounds the wrong way round.

    >>> import gradlab as gl
    >>> hardtanh(gl.tensor([-2.0, 0.5, 3.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError(
            f"min_val cannot be greater than max_val (they are {min_val} and {max_val})"
        )
    return placed(input, activation.hardtanh(input, min_val, max_val), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Each element, or 0 where it is negative and 6 where it is larger.

    >>> import gradlab as gl
    >>> relu6(gl.tensor([-1.0, 2.0, 7.0]))
    tensor([0., 2., 6.])
    """
    return placed(input, activation.hardtanh(input, 0, 6), inplace)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Each element moved by ``lambd`` towards 0, and 0 where it would get beyond.

    Raises RuntimeError for a negative ``lambd``.

    >>> import gradlab as gl
    >>> softshrink(gl.tensor([-1.0, 0.2, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """
    return activation.softshrink(input, lambd)  # type: ignore[no-any-return]


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """A sigmoid of three straight pieces: 0 up to -3, 1 from 3.

    >>> import gradlab as gl
    >>> hardsigmoid(gl.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """
    return placed(input, activation.hardsigmoid(input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Each element times its ``hardsigmoid``.

    >>> import gradlab as gl
    >>> hardswish(gl.tensor([-4.0, 1.0, 4.0]))
    tensor([-0.0000,  0.6667,  4.0000])
    """
    return placed(input, activation.hardswish(input), inplace)


# ------------------------------------------------------------------ smooth


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Each element times its own sigmoid.

    >>> import gradlab as gl
    >>> silu(gl.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return placed(input, activation.silu(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Each element times tanh of its ``softplus``.

    >>> import gradlab as gl
    >>> mish(gl.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    return placed(input, activation.mish(input), inplace)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """Each element times the share of a normal distribution below it.

    ``approximate="tanh"`` computes the share by a formula with tanh. Raises RuntimeError for
    another ``approximate``.

    >>> import gradlab as gl
    >>> gelu(gl.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    return gelu_op(input, approximate=approximate)  # type: ignore[no-any-return]


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Each element, or, where it is negative, what tends to ``-alpha`` below.

    >>> import gradlab as gl
    >>> elu(gl.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return elu_(input, alpha) if inplace else activation.elu(input, alpha)  # type: ignore[no-any-return]


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """``elu`` with the two factors that keep the spread of what goes through many layers.

    >>> import gradlab as gl
    >>> selu(gl.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    return selu_(input) if inplace else activation.selu(input)  # type: ignore[no-any-return]


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``elu`` with a slope of 1 at 0 from both sides, whatever ``alpha``.

    >>> import gradlab as gl
    >>> celu(gl.tensor([-1.0, 2.0]), 2.0)
    tensor([-0.7869,  2.0000])
    """
    return celu_(input, alpha) if inplace else activation.celu(input, alpha)  # type: ignore[no-any-return]


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """A smooth ``relu``; the element itself where ``beta`` times it is above ``threshold``.

    >>> import gradlab as gl
    >>> softplus(gl.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    return activation.softplus(input, beta, threshold)  # type: ignore[no-any-return]


def logsigmoid(input: Tensor) -> Tensor:
    """Logarithm of the sigmoid of each element, without overflow.

    >>> import gradlab as gl
    >>> logsigmoid(gl.tensor([-100.0, 0.0]))
    tensor([-100.0000,   -0.6931])
    """
    return activation.logsigmoid(input)  # type: ignore[no-any-return]


def tanhshrink(input: Any) -> Tensor:
    """Each element minus its tanh.

    >>> import gradlab as gl
    >>> tanhshrink(gl.tensor([-1.0, 2.0]))
    tensor([-0.2384,  1.0360])
    """
    return input - input.tanh()  # type: ignore[no-any-return]


def softsign(input: Any) -> Tensor:
    """Each element over 1 plus its size.

    >>> import gradlab as gl
    >>> softsign(gl.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return input / (input.abs() + 1)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ several elements together


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of the elements along ``dim`` times the sigmoid of the second half.

    Raises RuntimeError for an odd number of them.

    >>> import gradlab as gl
    >>> glu(gl.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """
    return activation.glu(input, dim)  # type: ignore[no-any-return]


def softmax(
    input: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: arrays.dtype | None = None,
) -> Tensor:
    """The numbers along ``dim`` as probabilities: positive, with sum 1.

    ``dtype`` converts the input first. Leaving ``dim`` out is deprecated.

    >>> import gradlab as gl
    >>> softmax(gl.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    dim = _guessed_dim("softmax", input, _stacklevel) if dim is None else dim
    return FUNCTIONS["softmax"](input, dim, dtype=dtype)  # type: ignore[no-any-return]


def softmin(
    input: Any,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: arrays.dtype | None = None,
) -> Tensor:
    """``softmax`` of the negative: the smallest is the most probable.

    >>> import gradlab as gl
    >>> softmin(gl.tensor([0.0, 1.0]), dim=0)
    tensor([0.7311, 0.2689])
    """
    dim = _guessed_dim("softmin", input, _stacklevel) if dim is None else dim
    return FUNCTIONS["softmax"](-input, dim, dtype=dtype)  # type: ignore[no-any-return]


def log_softmax(
    input: Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: arrays.dtype | None = None,
) -> Tensor:
    """The logarithm of ``softmax``, right for large numbers as well.

    >>> import gradlab as gl
    >>> log_softmax(gl.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    dim = _guessed_dim("log_softmax", input, _stacklevel) if dim is None else dim
    return FUNCTIONS["log_softmax"](input, dim, dtype=dtype)  # type: ignore[no-any-return]


def gumbel_softmax(
    logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A random draw from the probabilities ``softmax(logits)`` that can be differentiated.

    The lower ``tau``, the nearer it is to one 1 among zeros; with ``hard`` it is that, and the
    gradient that of the soft one. ``eps`` is without effect.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> gumbel_softmax(gl.tensor([0.0, 0.0, 2.0]), hard=True)
    tensor([0., 0., 1.])
    """
    noise = -FUNCTIONS["empty_like"](logits).exponential_().log()
    soft: Any = FUNCTIONS["softmax"]((logits + noise) / tau, dim)
    if not hard:
        return soft  # type: ignore[no-any-return]
    chosen = soft.max(dim, keepdim=True)[1]
    one_hot = FUNCTIONS["zeros_like"](logits).scatter_(dim, chosen, 1.0)
    return one_hot - soft.detach() + soft  # type: ignore[no-any-return]


def _guessed_dim(name: str, input: Tensor, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if input.ndim in (0, 1, 3) else 1
