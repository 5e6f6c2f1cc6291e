"""Mixing tensors: on the way from one to another, with products or quotients added."""

from __future__ import annotations

import builtins
from typing import Any

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.choosing import chosen
from gradlab.ops.pointwise import require_float
from gradlab.ops.shape import array_of
from gradlab.samples import call, draw, real
from gradlab.tensor import Tensor


@composite(inplace=True)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """The way from ``input`` to ``end``, of which ``weight``, a number or a tensor, is gone.

    Shapes broadcast. Raises RuntimeError for different dtypes.

    >>> import gradlab as gl
    >>> gl.lerp(gl.tensor([0.0, 10.0]), gl.tensor([1.0, 20.0]), 0.25)
    tensor([ 0.2500, 12.5000])
    """
    # Here, not where they are computed: halves come there in single precision.
    _check_same_dtype(array_of(input, "lerp"), "end", array_of(end, "lerp", "end"))
    if isinstance(weight, Tensor):
        if weight.ndim:
            _check_same_dtype(input._array, "weight", weight._array)
        return lerp_tensor(input, end, weight)  # type: ignore[no-any-return]
    return lerp_scalar(input, end, weight)  # type: ignore[no-any-return]


@op(
    latex=r"input + weight \, (end - input)",
    grad=dict(
        input=(lambda g, weight: g * (1 - weight), r"g \, (1 - weight)"),
        end=(lambda g, weight: g * weight, r"g \cdot weight"),
    ),
    node="LerpBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(3), draw(3), 0.25),
        call(draw(2, 1), draw(3), 0.75),
        call(draw(), draw(), 2.0),
    ),
    in_single="forward",
)
def lerp_scalar(xp: Namespace, input: Array, end: Array, weight: float) -> Array:
    """Part of the way, the same everywhere."""
    _require_floats("lerp_kernel_scalar", input)
    step = end - input
    # From the nearer end, so that a weight of 1 arrives exactly.
    return input + weight * step if builtins.abs(weight) < 0.5 else end - step * (1 - weight)


@op(
    latex=r"input + weight \, (end - input)",
    grad=dict(
        input=(lambda g, weight: g * (1 - weight), r"g \, (1 - weight)"),
        end=(lambda g, weight: g * weight, r"g \cdot weight"),
        weight=(lambda g, input, end: g * (end - input), r"g \, (end - input)"),
    ),
    node="LerpBackward1",
    public=False,
    method=False,
    samples=(call(draw(3), draw(3), draw(3)), call(draw(2, 1), draw(3), draw())),
    in_single="forward",
)
def lerp_tensor(xp: Namespace, input: Array, end: Array, weight: Array) -> Array:
    """Part of the way, of each element its own."""
    if not weight.ndim:  # a number that makes floats of integers, and complex numbers of floats
        input, end, weight = arrays.promote((input, end, weight))
    _require_floats("lerp_kernel_tensor", input)
    step = end - input
    near = xp.absolute(weight) < 0.5
    return xp.where(near, input + weight * step, end - step * (1 - weight))


def _require_floats(kernel: str, array: Array) -> None:
    if array.dtype not in arrays.DIFFERENTIABLE:
        require_float(kernel, array)


def _check_same_dtype(input: Array, name: str, other: Array) -> None:
    if other.dtype is not input.dtype:
        raise RuntimeError(
            f"expected dtype {arrays.dtype_of(input).c_name} for `{name}` but got dtype "
            f"{arrays.dtype_of(other).c_name}; "
            "convert one with .to(...)"
        )


@op(
    latex=r"input + value \cdot tensor1 \cdot tensor2",
    grad=dict(
        input=(lambda g: g, r"g"),
        tensor1=(lambda g, tensor2, value: g * (tensor2 * value), r"g \cdot value \cdot tensor2"),
        tensor2=(lambda g, tensor1, value: g * (tensor1 * value), r"g \cdot value \cdot tensor1"),
    ),
    promote="same",
    samples=(
        call(draw(3), draw(3), draw(3)),
        call(draw(2, 3), draw(3), draw(2, 1), value=2.5),
        call(draw(), draw(2), draw()),
    ),
    in_single="forward",
)
def addcmul(
    xp: Namespace, input: Array, tensor1: Array, tensor2: Array, *, value: float = 1
) -> Array:
    """``input`` plus ``value`` times the product of two tensors. Shapes broadcast.

    >>> import gradlab as gl
    >>> gl.addcmul(gl.ones(2), gl.tensor([1.0, 2.0]), gl.tensor([3.0, 4.0]), value=10)
    tensor([31., 81.])
    """
    if input.dtype.kind in "iu":
        value = int(value)
    return input + value * (tensor1 * tensor2)


@op(
    latex=r"input + value \cdot \frac{tensor1}{tensor2}",
    grad=dict(
        input=(lambda g: g, r"g"),
        tensor1=(lambda g, tensor2, value: g * (value / tensor2), r"g \, \frac{value}{tensor2}"),
        tensor2=(
            lambda g, tensor1, tensor2, value: -g * (value * tensor1 / (tensor2 * tensor2)),
            r"-g \cdot value \cdot \frac{tensor1}{tensor2^2}",
        ),
    ),
    promote="same",
    samples=(
        call(draw(3), draw(3), draw(3, low=0.5)),
        call(draw(2, 3), draw(3), draw(2, 1, low=0.5), value=2.5),
        call(draw(), draw(2), draw(low=0.5)),
    ),
    in_single="forward",
)
def addcdiv(
    xp: Namespace, input: Array, tensor1: Array, tensor2: Array, *, value: float = 1
) -> Array:
    """``input`` plus ``value`` times the quotient of two tensors. Shapes broadcast.

    Raises RuntimeError for integers.

    >>> import gradlab as gl
    >>> gl.addcdiv(gl.ones(2), gl.tensor([1.0, 2.0]), gl.tensor([2.0, 4.0]), value=10)
    tensor([6., 6.])
    """
    if input.dtype.kind in "iub":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release "
            "addcdiv will perform a true division of tensor1 and tensor2. Convert a tensor with "
            ".float() for that."
        )
    return input + value * (tensor1 / tensor2)


def _is_finite(xp: Any, input: Any) -> Any:
    """Where real numbers are finite; a complex one may be so in one part only."""
    if arrays.is_complex(input):
        raise RuntimeError(
            "nan_to_num does not support automatic differentiation for outputs with complex dtype. "
            "Apply it to view_as_real() of the tensor."
        )
    return xp.isfinite(input)


@op(
    latex=r"\text{input, numbers for nan and } \pm\infty",
    grad=dict(
        input=(
            lambda g, xp, input: chosen(xp, g, _is_finite(xp, input)),
            r"\begin{cases} g & |input| < \infty \\ 0 & \text{otherwise} \end{cases}",
        )
    ),
    promote="same",
    samples=real(-2, 2),
)
def nan_to_num(
    xp: Namespace,
    input: Array,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Array:
    """Each element, but ``nan`` (0) for nan and ``posinf``, ``neginf`` for infinities.

    The infinities become the dtype's largest and smallest numbers unless given.

    >>> import gradlab as gl
    >>> gl.nan_to_num(gl.tensor([float("nan"), 1.0]), nan=-1.0)
    tensor([-1.,  1.])
    """
    if input.dtype.kind in "iub":
        return input.copy()
    return xp.nan_to_num(input, nan=nan or 0.0, posinf=posinf, neginf=neginf)
