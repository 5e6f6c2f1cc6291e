"""Arithmetic of a tensor and a Python number as PyTorch's own functions do it inside.

``x * 2`` in a script makes ``MulBackward0``, the operation of two tensors; where a function of
PyTorch's multiplies by a number itself, as in ``trapezoid`` or ``cross_entropy``, its graph shows
``MulBackward1``, the operation of a tensor and a number. The functions here are for such functions:
``plus``, ``minus``, ``times`` and ``over``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlab.arrays import PYTHON_SCALARS, Array, Namespace
from gradlab.op import op
from gradlab.ops.pointwise import add, div, mul, sub
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

_SAMPLES = (call(draw(2, 3), 0.5), call(draw(), -2.0))


@op(
    latex=r"input + other",
    grad=dict(input=(lambda g: g, r"g")),
    node="AddBackward1",
    public=False,
    method=False,
    samples=_SAMPLES,
)
def add_number(xp: Namespace, input: Array, other: float) -> Array:
    """A tensor plus a number."""
    return input + input.dtype.type(other)


@op(
    latex=r"input - other",
    grad=dict(input=(lambda g: g, r"g")),
    node="SubBackward1",
    public=False,
    method=False,
    samples=_SAMPLES,
)
def sub_number(xp: Namespace, input: Array, other: float) -> Array:
    """A tensor minus a number."""
    return input - input.dtype.type(other)


@op(
    latex=r"input \cdot other",
    grad=dict(input=(lambda g, other: g * other, r"g \cdot other")),
    node="MulBackward1",
    public=False,
    method=False,
    samples=_SAMPLES,
    in_single=True,
)
def mul_number(xp: Namespace, input: Array, other: float) -> Array:
    """A tensor times a number."""
    return input * input.dtype.type(other)


@op(
    latex=r"\frac{input}{other}",
    grad=dict(input=(lambda g, other: g / other, r"\frac{g}{other}")),
    node="DivBackward1",
    public=False,
    method=False,
    samples=_SAMPLES,
    in_single=True,
)
def div_number(xp: Namespace, input: Array, other: float) -> Array:
    """A tensor divided by a number."""
    return input / input.dtype.type(other)


def _by_number(with_number: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with a number where there may be a gradient, else the one that promotes."""

    def compute(input: Tensor, other: Any) -> Any:
        floating = input.is_floating_point() and type(other) is not complex
        if type(other) in PYTHON_SCALARS and (floating or input.is_complex()):
            return with_number(input, other)
        return plain(input, other)

    return compute


plus = _by_number(add_number, add)
minus = _by_number(sub_number, sub)
times = _by_number(mul_number, mul)
over = _by_number(div_number, div)
