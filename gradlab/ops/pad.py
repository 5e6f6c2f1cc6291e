"""Padding: more places around a tensor, filled with a number or with what lies inside.

``padding`` goes from the last dimension to the first: (left, right, top, bottom, front, back).
Negative numbers cut off.
"""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.op import OPS, op
from gradlab.ops.shape import array_of, at, slice
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ a number all around


def _by_dimension(padding: Sequence[int], ndim: int) -> list[tuple[int, int, int]]:
    """(dimension, before, after) of each dimension that is padded, the last one first."""
    return [(ndim - 1 - i, padding[2 * i], padding[2 * i + 1]) for i in range(len(padding) // 2)]


@op(
    latex=r"\mathrm{pad}(input)",
    grad=dict(
        input=(
            lambda g, xp, pad: xp.constant_pad_nd(g, tuple(-n for n in pad), 0.0),
            r"\mathrm{pad}^{-1}(g)",
        )
    ),
    method=False,
    samples=(
        call(draw(2, 3), (1, 2)),
        call(draw(2, 3), (1, -1, 0, 1), 2.5),
        call(draw(), ()),
        call(draw(3), (-1, -1)),
    ),
)
def constant_pad_nd(xp: Namespace, input: Array, pad: Sequence[int], value: float = 0) -> Array:
    """A copy with ``pad`` more places before and after each dimension, filled with ``value``.

    Raises RuntimeError for too many or an odd number of widths, and where nothing would be left.

    >>> import gradlab as gl
    >>> gl.constant_pad_nd(gl.ones(2), (1, 2))
    tensor([0., 1., 1., 0., 0.])
    """
    ndim = input.ndim
    _check_pairs(pad, ndim)
    shape = list(input.shape)
    inner, outer = [builtins.slice(None)] * ndim, [builtins.slice(None)] * ndim
    for d, before, after in _by_dimension(pad, ndim):
        shape[d] += before + after
        if input.shape[d] + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError(
                f"narrow(): length must be non-negative. The size {input.shape[d]} of dimension "
                f"{d} and the padding {before}, {after} give {shape[d]}."
            )
        inner[d] = builtins.slice(max(before, 0), shape[d] - max(after, 0))
        outer[d] = builtins.slice(max(-before, 0), input.shape[d] - max(-after, 0))
    fill = int(value) if input.dtype.kind in "iu" else value
    result = xp.full(shape, fill, input.dtype)
    result[tuple(inner)] = input[tuple(outer)]
    return result


def _check_pairs(pad: Sequence[int], ndim: int) -> None:
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2 (it is {len(pad)})")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {ndim}"
        )


# ------------------------------------------------------------------ what lies inside


def _sources(xp: Namespace, size: int, before: int, after: int, how: str) -> Array:
    """Where along a dimension each place of the padded tensor takes its element from."""
    places = xp.arange(-before, size + after)
    if how == "replicate":
        return xp.clip(places, 0, size - 1)
    places = xp.absolute(places)
    return xp.where(places < size, places, 2 * (size - 1) - places)


@op(
    latex=r"\mathrm{pad}(input)",
    grad=dict(
        input=(
            lambda g, xp, input, input_shape, padding, how: xp.by_steps(
                xp.padded_backward(g, tuple(input_shape), padding, how), input
            ),
            r"\textstyle\sum g",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(2, 3), (1, 2), "reflect"), call(draw(2, 2, 3), (1, 0, 2, 1), "replicate")),
)
def padded(xp: Namespace, input: Array, padding: tuple[int, ...], how: str) -> Array:
    """A copy with more places, filled by reflection at the ends or by repeating what is there."""
    for d, before, after in _by_dimension(padding, input.ndim):
        input = xp.take(input, _sources(xp, input.shape[d], before, after, how), d)
    return input


@op(
    latex=r"\textstyle\sum input",
    grad=dict(input=(lambda g, xp, padding, how: xp.padded(g, padding, how), r"\mathrm{pad}(g)")),
    public=False,
    method=False,
    samples=(
        call(draw(2, 6), (2, 3), (1, 2), "reflect"),
        call(draw(2, 5, 4), (2, 2, 3), (1, 0, 2, 1), "replicate"),
    ),
)
def padded_backward(
    xp: Namespace, input: Array, shape: tuple[int, ...], padding: tuple[int, ...], how: str
) -> Array:
    """Zeros of ``shape`` to which ``input`` is added where ``padded`` took from."""
    for d, before, after in _by_dimension(padding, input.ndim):
        sources = _sources(xp, shape[d], before, after, how)
        result = xp.zeros((*input.shape[:d], shape[d], *input.shape[d + 1 :]), input.dtype)
        # Inside, each element has a place of its own, all at once; those around are added.
        first, start = max(before, 0), max(-before, 0)
        count = shape[d] - start - max(-after, 0)
        inside = builtins.slice(first, first + count)
        result[at(d, builtins.slice(start, start + count))] = input[at(d, inside)]
        for place in (*range(first), *range(first + count, input.shape[d])):
            result[at(d, int(sources[place]))] += input[at(d, place)]
        input = result
    return input


def _declare(kind: str, how: str, dims: int) -> Any:
    """The operation of a how for so many dimensions: PyTorch names them apart."""

    def forward(xp: Namespace, input: Array, padding: tuple[int, ...]) -> Array:
        return OPS["padded"].forward(xp, input, padding, how)

    forward.__name__ = f"{kind}_pad{dims}d"
    return op(
        latex=r"\mathrm{pad}(input)",
        grad=dict(
            input=(
                lambda g, xp, input, input_shape, padding: xp.by_steps(
                    xp.padded_backward(g, tuple(input_shape), padding, how), input
                ),
                r"\textstyle\sum g",
            )
        ),
        node=f"{kind.capitalize()}Pad{dims}DBackward0",
        public=False,
        method=False,
        samples=(call(draw(*(2, 2, 3, 4, 3)[: dims + 2]), (1, 2, 1, 0, 0, 1)[: 2 * dims]),),
    )(forward)


_PADS = {
    (how, dims): _declare(kind, how, dims)
    for kind, how in (("reflection", "reflect"), ("replication", "replicate"))
    for dims in (1, 2, 3)
}


def _check_not_empty(shape: tuple[int, ...], padding: Sequence[int]) -> None:
    """Raise where there is nothing to fill the places with, or no place is left."""
    dims = len(padding) // 2
    if 0 in (shape[1:] if len(shape) == dims + 2 else shape):
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size "
            f"and other non-zero dimensions for input, but got: {list(shape)}"
        )
    after = [shape[d] + left + right for d, left, right in _by_dimension(padding, len(shape))]
    if max(after) > 0 > min(after):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(after)}: "
            f"{[*shape[:-dims], *reversed(after)]}. The padding cuts off more than there is."
        )
    if max(after) < 1:
        sizes = ("W: {}", "H: {}, W: {}", "D: {} H: {}, W: {}")[dims - 1].format(*shape[-dims:])
        left = zip("DHW"[-dims:], reversed(after), strict=True)
        raise RuntimeError(
            f"input ({sizes}) is too small. Calculated output "
            + " ".join(f"{name}: {size}" for name, size in left)
        )


def _check_reflected(shape: tuple[int, ...], padding: Sequence[int]) -> None:
    for place, (d, before, after) in enumerate(_by_dimension(padding, len(shape))):
        if max(before, after) >= shape[d]:
            raise RuntimeError(
                f"Argument #{4 + 2 * place}: Padding size should be less than the corresponding "
                f"input dimension, but got: padding ({before}, {after}) at dimension {d} of input "
                f"{list(shape)}"
            )


def _circular(input: Tensor, padding: Sequence[int]) -> Any:
    """The tensor as on a ring: put into a larger one, then its ends copied around."""
    shape = list(input.shape)
    widths = _by_dimension(padding, len(shape))
    inside = input
    for d, before, after in widths:
        if max(before, after) > shape[d]:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        shape[d] += before + after
        if shape[d] < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
    result = input.new_empty(shape)
    target = result
    for d, before, after in widths:
        target = slice(target, d, max(before, 0), shape[d] - max(after, 0))
        inside = slice(inside, d, max(-before, 0), inside.size(d) - max(-after, 0))
    target.copy_(inside)
    for d, before, after in widths:
        left, right = max(before, 0), max(after, 0)
        if left:
            end = shape[d] - right
            slice(result, d, 0, left).copy_(slice(result, d, end - left, end))
        if right:
            end = shape[d]
            slice(result, d, end - right, end).copy_(slice(result, d, left, left + right))
    return result


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Any:
    """A tensor with more places around: (left, right, top, bottom, …), the last dimension first.

    They hold ``value`` (0 unless given), or with ``mode`` "reflect" the elements mirrored at the
    ends, with "replicate" the ends again, with "circular" what comes from the other side; these
    are for the last 1, 2 or 3 dimensions of a tensor that has one or two more. Raises RuntimeError
    for widths that don't fit, NotImplementedError for other dimensions or modes.

    >>> import gradlab as gl
    >>> pad(gl.tensor([[1, 2, 3]]), (1, 1), mode="reflect")
    tensor([[2, 1, 2, 3, 2]])
    """
    array = array_of(input, "pad")
    widths = _read_widths(pad)
    if mode == "constant":
        return constant_pad_nd(input, widths, 0 if value is None else value)
    _check_pairs(widths, array.ndim)
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument (got {value})')
    dims = len(widths) // 2
    if dims not in (1, 2, 3) or array.ndim not in (dims + 1, dims + 2):
        raise NotImplementedError(
            f"Padding size {len(widths)} is not supported for {array.ndim}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  2, 4 or 6 widths, of a tensor with one or two dimensions more than they pad"
        )
    if mode == "circular":
        return _circular(input, widths)
    if mode not in ("reflect", "replicate"):
        raise NotImplementedError(
            f"Unrecognised padding mode {mode}: constant, reflect, replicate or circular"
        )
    _check_not_empty(array.shape, widths)
    if mode == "reflect":
        _check_reflected(array.shape, widths)
    return _PADS[mode, dims](input, widths)


def _read_widths(given: Any) -> tuple[int, ...]:
    if not isinstance(given, (tuple, list)):
        raise TypeError(
            f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(given).__name__}"
        )
    for place, width in enumerate(given):
        if not hasattr(width, "__index__"):
            raise TypeError(
                "pad(): argument 'pad' (position 2) must be tuple of ints, but found element of "
                f"type {type(width).__name__} at pos {place}"
            )
    return tuple(operator.index(width) for width in given)
