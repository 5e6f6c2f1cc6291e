"""Rounding to whole numbers, or to digits."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.op import FUNCTIONS, alias, composite, op
from gradlab.ops.pointwise import require_float
from gradlab.samples import call, draw, real
from gradlab.tensor import Tensor


@op(
    latex=r"\lfloor input \rfloor",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    promote="same",
    samples=real(0.1, 0.9),
)
def floor(xp: Namespace, input: Array) -> Array:
    """The next whole number below each element (or equal). The gradient is 0.

    >>> import gradlab as gl
    >>> gl.floor(gl.tensor([1.5, -1.5]))
    tensor([ 1., -2.])
    """
    return _rounded("floor_vml_cpu", xp.floor, input)


@op(
    latex=r"\lceil input \rceil",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    promote="same",
    samples=real(0.1, 0.9),
)
def ceil(xp: Namespace, input: Array) -> Array:
    """The next whole number above each element (or equal). The gradient is 0.

    >>> import gradlab as gl
    >>> gl.ceil(gl.tensor([1.5, -1.5]))
    tensor([ 2., -1.])
    """
    return _rounded("ceil_vml_cpu", xp.ceil, input)


@op(
    latex=r"\mathrm{trunc}(input)",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    promote="same",
    samples=real(0.1, 0.9),
)
def trunc(xp: Namespace, input: Array) -> Array:
    """Each element without its fraction. The gradient is 0.

    >>> import gradlab as gl
    >>> gl.trunc(gl.tensor([1.5, -1.5]))
    tensor([ 1., -1.])
    """
    return _rounded("trunc_vml_cpu", xp.trunc, input)


def _rounded(kernel: str, function: Callable[[Array], Array], array: Array) -> Array:
    """Whole numbers stay what they are, bools are refused."""
    if array.dtype.kind == "b":
        raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool': it is whole already")
    if array.dtype.kind == "c":
        raise NotImplementedError(f"{function.__name__} is not supported for complex inputs")
    return array.copy() if array.dtype.kind in "iu" else function(array)


@composite(inplace=True)
def round(input: Any, *, decimals: int = 0) -> Tensor:
    """Each element rounded to a whole number, halves to the even one; to ``decimals`` places.

    The gradient is 0.

    >>> import gradlab as gl
    >>> gl.round(gl.tensor([0.5, 1.5, 2.7]))
    tensor([0., 2., 3.])
    """
    if decimals == 0:
        return round_whole(input)  # type: ignore[no-any-return]
    return round_decimals(input, decimals)  # type: ignore[no-any-return]


@op(
    latex=r"\mathrm{round}(input)",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    node="RoundBackward0",
    public=False,
    method=False,
    samples=real(0.1, 0.4),
)
def round_whole(xp: Namespace, input: Array) -> Array:
    """Whole numbers, halves to even."""
    return _rounded("round_vml_cpu", xp.rint, input)


@op(
    latex=r"\mathrm{round}(input)",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    node="RoundBackward1",
    public=False,
    method=False,
    samples=(call(draw(5, low=0.001, high=0.004), decimals=2),),
    in_single=True,
)
def round_decimals(xp: Namespace, input: Array, decimals: int) -> Array:
    """Rounded after (or, where negative, before) the decimal point."""
    require_float("round_cpu", input)
    power = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return xp.rint(input * power) / power
    return xp.rint(input / power) * power


@op(
    latex=r"input - \mathrm{trunc}(input)",
    grad=dict(input=(lambda g: g, r"g")),
    promote="same",
    samples=real(0.1, 0.9),
)
def frac(xp: Namespace, input: Array) -> Array:
    """The fraction of each element, with its sign. Raises NotImplementedError for whole numbers.

    >>> import gradlab as gl
    >>> gl.frac(gl.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    """
    require_float("frac_cpu", input)
    return input - xp.trunc(input)


for _name in ("round",):
    FUNCTIONS[_name + "_"] = getattr(Tensor, _name + "_")
alias("trunc", "fix")
