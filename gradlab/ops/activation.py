"""Activations: the nonlinear functions between a network's layers that are found in nn alone.

PyTorch has a few of them as plain functions too, as ``torch.selu``; those are published here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays, generator
from gradlab.arrays import Array, Namespace
from gradlab.inplace import assign
from gradlab.op import FUNCTIONS, OPS, composite, op
from gradlab.ops.choosing import picked, zero_where
from gradlab.ops.pointwise import require_float
from gradlab.ops.shape import array_of
from gradlab.samples import Draw, call, draw, real
from gradlab.tensor import Tensor, normal_dim

_BOTH_SIDES = (*real(0.1, 2), *real(-2, -0.1))


# ------------------------------------------------------------------ smooth


@op(
    latex=r"input \cdot \sigma(input)",
    grad=dict(
        input=(
            lambda g, xp, input: _silu_gradient(g, input, xp.sigmoid(input)),
            r"g \, \sigma(input) \, (1 + input \, (1 - \sigma(input)))",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=real(-3, 3),
    in_single=True,
)
def silu(xp: Namespace, input: Array) -> Array:
    """Each element times its own sigmoid."""
    if input.dtype.kind != "c":
        require_float("silu_cpu", input)
    # Far below zero the exponential overflows to inf, and a number over that is the right 0.
    return input / (1 + xp.exp(-input))


def _silu_gradient(g: Any, input: Any, sigmoid: Any) -> Any:
    return g * (sigmoid * (1 + input * (1 - sigmoid)))


@op(
    latex=r"\frac{1}{beta} \ln (1 + e^{beta \cdot input})",
    grad=dict(
        input=(
            lambda g, xp, input, beta, threshold: xp.where(
                input * beta > threshold, g, g * xp.sigmoid(input * beta)
            ),
            r"g \cdot \sigma(beta \cdot input)",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*real(-3, 3), call(draw(3), 2.0), call(draw(3, low=2, high=3), 2.0, 1.0)),
    in_single=True,
)
def softplus(xp: Namespace, input: Array, beta: float = 1, threshold: float = 20) -> Array:
    """A smooth ``relu``; the element itself where ``beta`` times it is above ``threshold``."""
    arrays.check_real("softplus_cpu", input)
    require_float("softplus_cpu", input)
    scaled = input * beta
    wide = scaled.astype("float32") if scaled.dtype == "float16" else scaled  # no half is e^12
    bent = xp.log1p(xp.exp(xp.minimum(wide, threshold))) / beta
    return xp.where(scaled > threshold, input, bent.astype(input.dtype, copy=False))


@op(
    latex=r"input \cdot \tanh \ln (1 + e^{input})",
    grad=dict(
        input=(
            lambda g, xp, input: _mish_gradient(
                g, input, xp.sigmoid(input), xp.tanh(xp.softplus(input))
            ),
            r"g \left( t + input \, (1 - t^2) \, \sigma(input) \right), "
            r"\quad t = \tanh \ln (1 + e^{input})",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=real(-3, 3),
    in_single=True,
)
def mish(xp: Namespace, input: Array) -> Array:
    """Each element times tanh of its softplus."""
    require_float("mish_cpu", input)
    return input * xp.tanh(xp.log1p(xp.exp(-xp.absolute(input))) + xp.maximum(input, 0))


def _mish_gradient(g: Any, input: Any, sigmoid: Any, t: Any) -> Any:
    return g * (t + input * sigmoid * (1 - t * t))


@op(
    latex=r"\ln \frac{1}{1 + e^{-input}}",
    grad=dict(
        input=(
            lambda g, xp, input: g * xp.sigmoid(-input),
            r"g \cdot \frac{1}{1 + e^{input}}",
        )
    ),
    node="LogSigmoidBackward0",
    saved=dict(buffer=lambda input: (-input.detach().abs()).exp()),
    public=False,
    method=False,
    samples=real(-3, 3),
    in_single=True,
)
def logsigmoid(xp: Namespace, input: Array) -> Array:
    """Logarithm of the logistic function of each element, without overflow."""
    require_float("log_sigmoid_cpu", input)
    return xp.minimum(input, 0) - xp.log1p(xp.exp(-xp.absolute(input)))


# ------------------------------------------------------------------ with an exponential below 0


@op(
    latex=(
        r"\begin{cases} scale \cdot input & input > 0 \\ "
        r"scale \cdot alpha \, (e^{input_scale \cdot input} - 1) & input \le 0 \end{cases}"
    ),
    grad=dict(
        input=(
            lambda g, xp, input, alpha, scale, input_scale: xp.where(
                input <= 0,
                g
                * (alpha * scale * input_scale)
                * xp.exp(xp.clamp_max_scalar(input, 0.0) * input_scale),
                g * scale,
            ),
            r"\begin{cases} g \cdot scale & input > 0 \\ g \cdot scale \cdot alpha \cdot "
            r"input_scale \cdot e^{input_scale \cdot input} & input \le 0 \end{cases}",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(
        *_BOTH_SIDES,
        call(draw(3, low=-2, high=-1), 1.5),
        call(draw(3, low=-2, high=-1), 1.5, 2.0, 0.5),
        call(draw(3, low=1, high=2), 1.5, 2.0, 0.5),
    ),
    in_single=True,
)
def elu(
    xp: Namespace, input: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Array:
    """Each element, or, where it is negative, what tends to ``-alpha`` below; all scaled."""
    arrays.check_real("elu_cpu", input)
    require_float("elu_cpu", input)
    below = xp.expm1(xp.minimum(input, 0) * input_scale) * (alpha * scale)
    return xp.maximum(input, 0) * scale + below  # a sum with 0; to choose takes 3 times as long


@op(
    latex=(
        r"\begin{cases} scale \cdot input & input > 0 \\ "
        r"scale \cdot alpha \, (e^{input_scale \cdot input} - 1) & input \le 0 \end{cases}"
    ),
    grad=dict(
        input=(
            lambda g, xp, out, alpha, scale, input_scale: xp.where(
                out <= 0,
                g * input_scale * (out + _way_back("elu", alpha) * scale),
                g * scale,
            ),
            r"\begin{cases} g \cdot scale & out > 0 \\ "
            r"g \cdot input_scale \, (out + alpha \cdot scale) & out \le 0 \end{cases}",
        )
    ),
    promote="same",
    node="EluBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=(*_BOTH_SIDES, call(draw(3, low=-2, high=-1), 1.5, 2.0, 0.5)),
)
def elu_over(
    xp: Namespace, input: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Array:
    """What overwrites the input of ``elu``: its gradient can do with the result."""
    return OPS["elu"].forward(xp, input, alpha, scale, input_scale)


def _way_back(activation: str, slope: float) -> float:
    """The slope, if by it the sign of an input can be told from that of the result."""
    if slope < 0:
        raise RuntimeError(
            f"In-place {activation} backward calculation is triggered with a negative slope which "
            "is not supported. This is caused by calling in-place forward function with a negative "
            f"slope, please call out-of-place version instead. (The slope is {slope}.)"
        )
    return slope


@composite(method=False)
def selu(input: Tensor) -> Tensor:
    """``elu`` with the two factors that keep the spread of what goes through many layers.

    >>> import gradlab as gl
    >>> gl.selu(gl.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    return elu(input, *_SELU)  # type: ignore[no-any-return]


_SELU = (1.6732632423543772, 1.0507009873554805)  # alpha and scale


@op(
    latex=(
        r"\begin{cases} input & input > 0 \\ "
        r"alpha \, (e^{input / alpha} - 1) & input \le 0 \end{cases}"
    ),
    grad=dict(
        input=(
            lambda g, xp, input, alpha: xp.where(
                input < 0, g * xp.exp(xp.clamp_max_scalar(input, 0.0) / alpha), g
            ),
            r"\begin{cases} g & input > 0 \\ g \cdot e^{input / alpha} & input \le 0 \end{cases}",
        )
    ),
    promote="same",
    method=False,
    inplace=False,
    samples=(*_BOTH_SIDES, call(draw(3, low=-2, high=-1), 1.5)),
)
def celu(xp: Namespace, input: Array, alpha: float = 1.0) -> Array:
    """``elu`` with a slope of 1 at 0 from both sides, whatever ``alpha``.

    Raises RuntimeError for an ``alpha`` of 0.

    >>> import gradlab as gl
    >>> gl.celu(gl.tensor([-1.0, 2.0]), 2.0)
    tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    require_float("elu_cpu", input)
    return xp.maximum(input, 0) + xp.expm1(xp.minimum(input, 0) / alpha) * alpha


@op(
    latex=(
        r"\begin{cases} input & input > 0 \\ "
        r"alpha \, (e^{input / alpha} - 1) & input \le 0 \end{cases}"
    ),
    grad=dict(
        input=(
            lambda g, xp, out, alpha: xp.where(out < 0, g * (out / _way_back("elu", alpha) + 1), g),
            r"\begin{cases} g & out > 0 \\ g \, (out / alpha + 1) & out \le 0 \end{cases}",
        )
    ),
    promote="same",
    node="CeluBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=(*_BOTH_SIDES, call(draw(3, low=-2, high=-1), 1.5)),
)
def celu_over(xp: Namespace, input: Array, alpha: float = 1.0) -> Array:
    """What overwrites the input of ``celu``: its gradient can do with the result."""
    return OPS["celu"].forward(xp, input, alpha)


# ------------------------------------------------------------------ of straight pieces


@op(
    latex=(
        r"\begin{cases} input & input > 0 \\ "
        r"negative_slope \cdot input & input \le 0 \end{cases}"
    ),
    grad=dict(
        input=(
            lambda g, xp, input, negative_slope: xp.by_steps(
                xp.where(input > 0, g, g * negative_slope), input
            ),
            r"\begin{cases} g & input > 0 \\ g \cdot negative_slope & input \le 0 \end{cases}",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*_BOTH_SIDES, call(draw(3, low=-2, high=-1), 0.3)),
    in_single=True,
)
def leaky_relu(xp: Namespace, input: Array, negative_slope: float = 0.01) -> Array:
    """Each element, or ``negative_slope`` times it where it is negative."""
    arrays.check_real("leaky_relu_cpu", input)
    require_float("leaky_relu_cpu", input)
    if 0 < negative_slope <= 1:
        return xp.maximum(input, input * negative_slope)  # to choose takes 5 times as long
    return picked(xp, input > 0, input, input * negative_slope)


@op(
    latex=(
        r"\begin{cases} input & input > 0 \\ "
        r"negative_slope \cdot input & input \le 0 \end{cases}"
    ),
    grad=dict(
        input=(
            lambda g, xp, out, negative_slope: xp.by_steps(
                xp.where(out > 0, g, g * _way_back("leakyReLu", negative_slope)), out
            ),
            r"\begin{cases} g & out > 0 \\ g \cdot negative_slope & out \le 0 \end{cases}",
        )
    ),
    promote="same",
    node="LeakyReluBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=(*_BOTH_SIDES, call(draw(3, low=-2, high=-1), 0.3)),
)
def leaky_relu_over(xp: Namespace, input: Array, negative_slope: float = 0.01) -> Array:
    """What overwrites the input of ``leaky_relu``: its gradient can do with the result."""
    return OPS["leaky_relu"].forward(xp, input, negative_slope)


@op(
    latex=(r"\begin{cases} value & input \le threshold \\ input & input > threshold \end{cases}"),
    grad=dict(
        input=(
            lambda g, xp, input, threshold: xp.by_steps(xp.zeroed(g, input <= threshold), input),
            r"\begin{cases} 0 & input \le threshold \\ g & input > threshold \end{cases}",
        )
    ),
    promote="same",
    method=False,
    inplace=False,
    samples=(
        call(draw(3, low=0.6), 0.5, 7.0),
        call(draw(2, 3, high=0.4), 0.5, 7.0),
        call(draw(), -3.0, 0),
    ),
)
def threshold(xp: Namespace, input: Array, threshold: float, value: float) -> Array:
    """Each element where it is above ``threshold``, else ``value``.

    >>> import gradlab as gl
    >>> gl.threshold(gl.tensor([-1.0, 0.5, 2.0]), 1, 20)
    tensor([20., 20.,  2.])
    """
    if input.dtype.kind in "bc":
        raise NotImplementedError(
            f"\"threshold_cpu\" not implemented for '{arrays.dtype_of(input).type_name}': whole "
            "or floating-point numbers are needed"
        )
    for number in (threshold, value):
        arrays.check_fits(number, input.dtype)
    limit, other = (xp.asarray(number).astype(input.dtype) for number in (threshold, value))
    return picked(xp, input <= limit, other, input)


@op(
    latex=r"\min(\max(input, min_val), max_val)",
    grad=dict(
        input=(
            lambda g, xp, input, min_val, max_val: xp.by_steps(
                xp.zeroed(g, xp.logical_or(input <= min_val, input >= max_val)), input
            ),
            r"\begin{cases} g & min_val < input < max_val \\ 0 & \text{otherwise} \end{cases}",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*real(-0.9, 0.9), call(draw(3, low=1.1)), call(draw(5), -2.5, 2.5)),
)
def hardtanh(xp: Namespace, input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """Each element, moved to the bounds; the gradient passes only strictly between them."""
    _check_bounded(input, min_val)
    low, high = (xp.asarray(bound).astype(input.dtype) for bound in (min_val, max_val))
    return input.clip(low, high)


def _check_bounded(input: Array, low: float) -> None:
    kind = input.dtype.kind
    if kind == "c":
        raise NotImplementedError("clamp is not supported for complex types: they have no order")
    if kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh: convert them with .float()")
    if kind == "u" and low < 0:
        raise RuntimeError(
            f"cannot do hardtanh on an unsigned type with negative limits (here {low}): convert "
            "the tensor with .float()"
        )


@op(
    latex=r"\begin{cases} input & |input| > lambd \\ 0 & |input| \le lambd \end{cases}",
    grad=dict(
        input=(
            lambda g, xp, input, lambd: xp.by_steps(xp.zeroed(g, _within(xp, input, lambd)), input),
            r"\begin{cases} g & |input| > lambd \\ 0 & |input| \le lambd \end{cases}",
        )
    ),
    promote="same",
    inplace=False,
    samples=(*real(0.6, 2), *real(-2, -0.6), call(draw(3, low=-0.4, high=0.4)), call(draw(3), 3.0)),
)
def hardshrink(xp: Namespace, input: Array, lambd: float = 0.5) -> Array:
    """Each element, or 0 where it lies within ``lambd`` of 0.

    >>> import gradlab as gl
    >>> gl.hardshrink(gl.tensor([-1.0, 0.2, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    require_float("hardshrink_cpu", input)
    return zero_where(xp, input, _within(xp, input, lambd))


@op(
    latex=(
        r"\begin{cases} input - lambd & input > lambd \\ input + lambd & input < -lambd \\ "
        r"0 & \text{otherwise} \end{cases}"
    ),
    grad=dict(
        input=(
            lambda g, xp, input, lambd: xp.by_steps(xp.zeroed(g, _within(xp, input, lambd)), input),
            r"\begin{cases} g & |input| > lambd \\ 0 & |input| \le lambd \end{cases}",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*real(0.6, 2), *real(-2, -0.6), call(draw(3, low=-0.4, high=0.4)), call(draw(3), 3.0)),
)
def softshrink(xp: Namespace, input: Array, lambd: float = 0.5) -> Array:
    """Each element moved by ``lambd`` towards 0, and 0 where it would get beyond."""
    require_float("softshrink_check", input)
    largest = float(numpy.finfo(input.dtype).max)
    if not 0 <= lambd <= largest:
        raise RuntimeError(
            f"lambda must be in range [0, {largest:g}] for input dtype "
            f"{arrays.dtype_of(input).type_name}, but found {lambd:g}"
        )
    return input - input.clip(-lambd, lambd)


def _within(xp: Any, input: Any, size: float) -> Any:
    return xp.logical_and(input >= -size, input <= size)


@op(
    latex=r"\frac{1}{6} \min(\max(input + 3, 0), 6)",
    grad=dict(
        input=(
            lambda g, xp, input: xp.by_steps(
                xp.zeroed(g / 6, xp.logical_not(_strictly_within_3(xp, input))), input
            ),
            r"\begin{cases} g / 6 & |input| < 3 \\ 0 & |input| \ge 3 \end{cases}",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*real(-2.9, 2.9), call(draw(3, low=3.1, high=4)), call(draw(3, low=-4, high=-3.1))),
    in_single=True,
)
def hardsigmoid(xp: Namespace, input: Array) -> Array:
    """A sigmoid of three straight pieces: 0 up to -3, 1 from 3."""
    require_float("hardsigmoid_cpu", input)
    result = input.clip(-3, 3)
    result += 3
    result /= 6
    return result


def _strictly_within_3(xp: Any, input: Any) -> Any:
    return xp.logical_and(input > -3, input < 3)


@op(
    latex=r"\frac{input}{6} \min(\max(input + 3, 0), 6)",
    grad=dict(
        input=(
            lambda g, xp, input: xp.zeroed(
                g * (xp.zeroed(input / 3 - 0.5, xp.logical_not(input < 3)) + 1), input <= -3
            ),
            r"\begin{cases} g & input \ge 3 \\ g \left( \frac{input}{3} + \frac{1}{2} \right) & "
            r"|input| < 3 \\ 0 & input \le -3 \end{cases}",
        )
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(*real(-2.9, 2.9), call(draw(3, low=3.1, high=4)), call(draw(3, low=-4, high=-3.1))),
    in_single=True,
)
def hardswish(xp: Namespace, input: Array) -> Array:
    """Each element times its ``hardsigmoid``."""
    require_float("hardswish_cpu", input)
    result = input.clip(-3, 3)
    result += 3
    result *= input
    result /= 6
    return result


# ------------------------------------------------------------------ with a slope to be learned


@op(
    latex=r"\begin{cases} input & input > 0 \\ weight \cdot input & input \le 0 \end{cases}",
    grad=dict(
        input=(
            lambda g, xp, input, weight: xp.by_steps(xp.where(input > 0, g, g * weight), input),
            r"\begin{cases} g & input > 0 \\ g \cdot weight & input \le 0 \end{cases}",
        ),
        weight=(
            lambda g, xp, input: xp.zeroed(g * input, input > 0),
            r"\begin{cases} 0 & input > 0 \\ g \cdot input & input \le 0 \end{cases}",
        ),
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(
        call(draw(4, high=-0.1), draw(1)),
        call(draw(2, 3, low=0.1), draw(1, 3)),
        call(draw(2, 3, high=-0.1), draw(1, 3)),
    ),
)
def prelu_kernel(xp: Namespace, input: Array, weight: Array) -> Array:
    """Each element, or ``weight`` times it where it is negative; shapes broadcast."""
    require_float("prelu_cpu", input)
    below = input <= 0
    return zero_where(xp, input, below) + zero_where(xp, weight * input, xp.logical_not(below))


@composite()
def prelu(input: Any, weight: Any) -> Tensor:
    """Each element, or ``weight`` times it where it is negative.

    ``weight`` is one number or has one for each of the channels, which dimension 1 counts.
    Raises RuntimeError for another shape or dtype.

    >>> import gradlab as gl
    >>> gl.prelu(gl.tensor([-1.0, 2.0]), gl.tensor(0.25))
    tensor([-0.2500,  2.0000])
    """
    array, slopes = array_of(input, "prelu"), array_of(weight, "prelu", "weight")
    if array.dtype != slopes.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype.type_name} and "
            f"{weight.dtype.type_name}: convert one with .to(...)"
        )
    if slopes.ndim > 1:
        raise RuntimeError(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: "
            f"ndim = {slopes.ndim}. Flatten it."
        )
    if slopes.size != 1:
        _check_channels(array, slopes.size)
    if slopes.ndim != array.ndim or slopes.ndim != 1:
        size = slopes.size
        shape = (1, size, *(1,) * (array.ndim - 2)) if array.ndim > 1 else (size,) * array.ndim
        weight = weight.reshape(shape)
    return prelu_kernel(input, weight)  # type: ignore[no-any-return]


def _check_channels(array: Array, count: int) -> None:
    if not array.ndim:
        raise RuntimeError(
            f"Not allow zero-dim input tensor. It has no channels for {count} slopes."
        )
    channels = array.shape[1] if array.ndim > 1 else 1
    if count != channels:
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{count} and channel size = {channels}."
        )


@op(
    latex=r"noise \cdot input",
    grad=dict(
        input=(
            lambda g, xp, input, noise, lower, upper, training: (
                g * noise
                if training and upper - lower > 1e-6
                else xp.by_steps(xp.where(input > 0, g, g * ((lower + upper) / 2)), input)
            ),
            r"g \cdot noise",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(3, low=0.1), Draw((3,), 1, 2, "float32"), 0.1, 0.3, False),
        call(draw(3, high=-0.1), Draw((3,), 1, 2, "float32"), 0.1, 0.3, False),
    ),
)
def rrelu_with_noise(
    xp: Namespace, input: Array, noise: Array, lower: float, upper: float, training: bool
) -> Array:
    """Each element, or a slope times it where it is negative: its own, or the middle one."""
    if training:
        return input * noise
    return picked(xp, input > 0, input, input * ((lower + upper) / 2))


@composite(method=False)
def rrelu(input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """Each element, or a slope times it where it is negative.

    In ``training`` each has a slope of its own, drawn from [lower, upper), else all have the
    middle one. Raises RuntimeError for bounds the wrong way round.

    >>> import gradlab as gl
    >>> gl.rrelu(gl.tensor([-1.0, 2.0]), 0.1, 0.3)
    tensor([-0.2000,  2.0000])
    """
    array = array_of(input, "rrelu")
    if lower > upper:
        raise RuntimeError(
            "Lower bound should be less than or equal to the upper bound (they are "
            f"{lower} and {upper})"
        )
    require_float("rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu", array)
    noise = _slopes(array, lower, upper) if training else arrays.array_module(array).zeros((0,))
    return rrelu_with_noise(input, Tensor._wrap(noise), lower, upper, training)  # type: ignore[no-any-return]


def _slopes(array: Array, lower: float, upper: float) -> Array:
    """Random slopes for the negative elements, drawn in their order as in PyTorch; 1 for others."""
    xp = arrays.array_module(array)
    negative = array <= 0
    count = int(negative.sum())
    drawn = generator.default_generator.uniform((count,), "float64", lower, upper)
    slopes = xp.ones_like(array)
    slopes[negative] = arrays.move(drawn.astype(array.dtype), arrays.device_of(array))
    return slopes


# ------------------------------------------------------------------ gates


@op(
    latex=r"a \cdot \sigma(b), \quad (a, b) = input",
    grad=dict(
        input=(
            lambda g, xp, input, dim: _glu_gradient(g, xp, input, dim),
            r"\left( g \, \sigma(b),\ g \, a \, \sigma(b) \, (1 - \sigma(b)) \right)",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(4), 0), call(draw(2, 6), 1), call(draw(2, 4, 3), -2), call(draw(0, 2), 1)),
)
def glu(xp: Namespace, input: Array, dim: int) -> Array:
    """One half of the elements along a dimension times the sigmoid of the other."""
    if not input.ndim:
        raise RuntimeError(
            "glu does not support scalars because halving size must be even: it needs a dimension"
        )
    dim = normal_dim(dim, input.ndim)
    size = input.shape[dim]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    require_float("glu_cpu", input)
    first, second = xp.split(input, 2, dim)
    return first / (1 + xp.exp(-second))


def _glu_gradient(g: Any, xp: Any, input: Any, dim: int) -> Any:
    half = input.shape[dim] // 2
    first, second = xp.slice(input, dim, 0, half), xp.slice(input, dim, half, 2 * half)
    gate = xp.sigmoid(second)
    return xp.cat([g * gate, g * first * gate * (1 - gate)], dim)


# ------------------------------------------------------------------ overwriting the input


def _overwriting(name: str, function: Callable[..., Tensor], published: bool) -> Callable[..., Any]:
    """The form ``name_`` of an activation: the result replaces the input."""

    def change(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return assign(input, function(input, *args, **kwargs), direct=True)  # type: ignore[no-any-return]

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"In-place form of ``{name}``: the result replaces ``input``."
    if published:
        FUNCTIONS[name + "_"] = change
    return change


def _selu_over(input: Tensor) -> Tensor:
    return elu_over(input, *_SELU)  # type: ignore[no-any-return]


elu_ = _overwriting("elu", elu_over, published=False)
leaky_relu_ = _overwriting("leaky_relu", leaky_relu_over, published=False)
hardtanh_ = _overwriting("hardtanh", hardtanh, published=False)
celu_ = _overwriting("celu", celu_over, published=True)
selu_ = _overwriting("selu", _selu_over, published=True)
rrelu_ = _overwriting("rrelu", rrelu, published=True)
threshold_ = _overwriting("threshold", threshold, published=True)
