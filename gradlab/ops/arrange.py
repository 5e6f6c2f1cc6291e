"""Arranging: the same elements in other places, some of them several times. All copies."""

from __future__ import annotations

import builtins
import math
from typing import Any

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.convert import clone, contiguous_format
from gradlab.ops.scatter import index_select
from gradlab.ops.shape import (
    array_of,
    expand,
    flatten,
    normal_dims,
    read_sizes,
    unsqueeze,
)
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, normal_dim

# ------------------------------------------------------------------ repeating


@op(
    latex=r"\mathrm{repeat}(input)",
    grad=dict(
        input=(
            lambda g, xp, input_shape, repeats: _sum_of_repeats(xp, g, input_shape, repeats),
            r"\textstyle\sum g",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(2, 3), (2, 1, 3)), call(draw(), (2,)), call(draw(2), (0,))),
)
def repeat(xp: Namespace, input: Array, repeats: tuple[int, ...]) -> Array:
    """Copies of the tensor side by side."""
    if len(repeats) < input.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            f"tensor (here {len(repeats)} and {input.ndim})"
        )
    if builtins.min(repeats, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(repeats)}")
    return xp.tile(input, repeats)


def _sum_of_repeats(xp: Any, g: Any, shape: tuple[int, ...], repeats: tuple[int, ...]) -> Any:
    full = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    apart = [n for pair in zip(repeats, full, strict=True) for n in pair]
    if not apart:
        return g
    summed = xp.sum_dim(xp.view(g, tuple(apart)), tuple(range(0, len(apart), 2)), False)
    return xp.view(summed, tuple(shape))


@composite("repeat", public=False)
def _repeat(input: Tensor, *times: Any, repeats: Any = None) -> Tensor:
    """Copies of the tensor side by side, so many along each dimension.

    >>> import gradlab as gl
    >>> gl.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    return repeat(input, read_sizes(times, repeats, "repeat", "repeats"))  # type: ignore[no-any-return]


@composite()
def tile(input: Tensor, *times: Any, dims: Any = None) -> Tensor:
    """As ``repeat``, with 1 for dimensions that ``dims`` leaves out in front.

    >>> import gradlab as gl
    >>> gl.tile(gl.arange(2), (2,))
    tensor([0, 1, 0, 1])
    """
    ndim = array_of(input, "tile").ndim
    counts = read_sizes(times, dims, "tile", "dims")
    missing = ndim - len(counts)
    return repeat(input, (1,) * missing + counts)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ flips, triangles, diagonals


@composite()
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element (or each place along ``dim``) several times, one after the other.

    ``repeats`` is a number, or a vector with one for each place. ``repeat_interleave(repeats)``
    alone gives the number of each place as often as its element says. ``output_size`` is checked.
    Raises RuntimeError for negative numbers and where there are too many or too few.

    >>> import gradlab as gl
    >>> gl.tensor([1, 2]).repeat_interleave(2)
    tensor([1, 1, 2, 2])
    >>> gl.repeat_interleave(gl.tensor([7, 8]), gl.tensor([1, 3]))
    tensor([7, 8, 8, 8])
    """
    if repeats is None:
        return Tensor._wrap(_repeated_places(array_of(input, "repeat_interleave"), output_size))
    ndim = array_of(input, "repeat_interleave").ndim
    if type(repeats) is bool or not isinstance(repeats, (int, Tensor)):
        raise TypeError(
            "repeat_interleave() received an invalid combination of arguments - got "
            f"({type(repeats).__name__}): repeats must be an int or a tensor of them"
        )
    if dim is None:
        input, dim = flatten(input), 0
    else:
        dim = normal_dim(dim, ndim)
    if isinstance(repeats, Tensor):
        return _interleaved(input, repeats, dim, output_size)
    return _evenly_interleaved(input, repeats, dim, output_size)


def _interleaved(input: Tensor, repeats: Tensor, dim: int, output_size: int | None) -> Tensor:
    counts, size = repeats._array, input._array.shape[dim] if input._array.ndim else 1
    if counts.ndim == 0 or (counts.ndim == 1 and counts.size == 1):
        counts = arrays.array_module(counts).broadcast_to(counts.reshape(1), (size,))
    elif counts.ndim > 1:
        raise RuntimeError(
            f"repeats must be 0-dim or 1-dim tensor (this one has {counts.ndim} dimensions)"
        )
    elif counts.size != size:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({dim}) = {size}"
        )
    return index_select(input, dim, Tensor._wrap(_repeated_places(counts, output_size)))  # type: ignore[no-any-return]


def _repeated_places(counts: Array, output_size: int | None) -> Array:
    """The number of each place, as often as ``counts`` says there."""
    if counts.ndim != 1:
        raise RuntimeError(
            f"repeat_interleave only accept 1D vector as repeat (got {counts.ndim} dimensions)"
        )
    if counts.dtype not in ("int64", "int32"):
        kind = arrays.dtype_of(counts).type_name
        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{kind}': repeats are int32 or int64"
        )
    if counts.size and counts.min() < 0:
        raise RuntimeError(f"repeats can not be negative (one is {int(counts.min())})")
    if output_size is not None and output_size != counts.sum():
        raise RuntimeError(
            f"allocated size does not match required size: output_size is {output_size}, the "
            f"repeats add up to {int(counts.sum())}"
        )
    xp = arrays.array_module(counts)
    return xp.repeat(xp.arange(counts.size, dtype=counts.dtype), counts)


def _evenly_interleaved(input: Tensor, repeats: int, dim: int, output_size: int | None) -> Tensor:
    if repeats < 0:
        raise RuntimeError(f"Repeats must be non-negative (got {repeats})")
    shape = input._array.shape or (1,)
    expected = shape[dim] * repeats
    if output_size is not None and output_size != expected:
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {expected} but got {output_size}"
        )
    stretched = expand(unsqueeze(input, dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
    return flatten(clone(stretched, memory_format=contiguous_format), dim, dim + 1)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ turning


@op(
    latex=r"\mathrm{flip}(input)",
    grad=dict(input=(lambda g, xp, dims: xp.flip(g, dims), r"\mathrm{flip}(g)")),
    public=False,
    method=False,
    samples=(call(draw(2, 3), (0,)), call(draw(2, 3), (0, -1)), call(draw(), ())),
)
def flip(xp: Namespace, input: Array, dims: tuple[int, ...]) -> Array:
    """A copy in reverse order along some dimensions."""
    return (xp.flip(input, dims) if input.ndim else input).copy()


@composite("flip")
def _flip(input: Tensor, *along: Any, dims: Any = None) -> Tensor:
    """A copy in reverse order along the dimensions ``dims``.

    >>> import gradlab as gl
    >>> gl.flip(gl.tensor([1, 2, 3]), [0])
    tensor([3, 2, 1])
    """
    ndim = array_of(input, "flip").ndim
    wanted = read_sizes(along, dims, "flip", "dims")
    return flip(input, normal_dims(wanted, ndim) if wanted else ())  # type: ignore[no-any-return]


@composite(method=True)
def fliplr(input: Tensor) -> Tensor:
    """A matrix with its columns in reverse order.

    >>> import gradlab as gl
    >>> gl.fliplr(gl.arange(4).reshape(2, 2))
    tensor([[1, 0],
            [3, 2]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"Input must be >= 2-d. It is {input.ndim}-d.")
    return _flip(input, 1)  # type: ignore[no-any-return]


@composite(method=True)
def flipud(input: Tensor) -> Tensor:
    """A tensor in reverse order along its first dimension.

    >>> import gradlab as gl
    >>> gl.flipud(gl.arange(4).reshape(2, 2))
    tensor([[2, 3],
            [0, 1]])
    """
    if not input.ndim:
        raise RuntimeError("Input must be >= 1-d. It is 0-d.")
    return _flip(input, 0)  # type: ignore[no-any-return]


@op(
    latex=r"\mathrm{rot90}(input)",
    grad=dict(input=(lambda g, xp, k, dims: xp.rot90(g, -k, dims), r"\mathrm{rot90}^{-1}(g)")),
    samples=(call(draw(2, 3)), call(draw(2, 3, 2), 3, (1, 2)), call(draw(2, 3), 2, (0, -1))),
)
def rot90(xp: Namespace, input: Array, k: int = 1, dims: tuple[int, ...] = (0, 1)) -> Array:
    """A copy turned by ``k`` quarters in the plane of two dimensions, from the first to the second.

    Raises RuntimeError for anything but two different dimensions.

    >>> import gradlab as gl
    >>> gl.rot90(gl.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    ndim = input.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if (dims[0] != dims[1] and builtins.abs(dims[0] - dims[1]) == ndim) or dims[0] == dims[1]:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    return xp.rot90(input, k, [normal_dim(d, ndim) for d in dims]).copy()


@op(
    latex=r"\mathrm{roll}(input)",
    grad=dict(
        input=(
            lambda g, xp, shifts, dims: xp.roll(g, tuple(-shift for shift in shifts), dims),
            r"\mathrm{roll}^{-1}(g)",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(2, 3), (4,), ()), call(draw(2, 3), (1, -2), (0, 1)), call(draw(), (1,), ())),
)
def roll(xp: Namespace, input: Array, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Array:
    """A copy shifted along dimensions; without any, as if it were flat."""
    return xp.roll(input, shifts, dims) if dims else xp.roll(input, shifts[0])


@composite("roll")
def _roll(input: Tensor, shifts: Any, dims: Any = ()) -> Tensor:
    """A copy shifted along dimensions: what leaves at one end comes in again at the other.

    Without ``dims``, as if the tensor were flat. Raises RuntimeError unless there is a dimension
    for each shift.

    >>> import gradlab as gl
    >>> gl.roll(gl.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    ndim = array_of(input, "roll").ndim
    by, along = _numbers("shifts", 1, shifts), _numbers("dims", 2, dims)
    if not by:
        raise RuntimeError("`shifts` required")
    if len(by) != len(along) and (along or len(by) > 1):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along)}"
        )
    if along and not ndim:
        raise IndexError(f"Dimension specified as {along[0]} but tensor has no dimensions")
    for d in along:
        normal_dim(d, ndim)
    return roll(input, by, along)  # type: ignore[no-any-return]


def _numbers(name: str, position: int, given: Any) -> tuple[int, ...]:
    try:
        return read_sizes((given,))
    except TypeError:
        raise TypeError(
            f"roll(): argument '{name}' (position {position}) must be tuple of ints, not "
            f"{type(given).__name__}"
        ) from None


# ------------------------------------------------------------------ channels and pixels


@op(
    latex=r"\mathrm{shuffle}(input)",
    grad=dict(
        input=(
            lambda g, xp, groups: xp.channel_shuffle(g, g.shape[1] // groups),
            r"\mathrm{shuffle}^{-1}(g)",
        )
    ),
    method=False,
    samples=(call(draw(1, 6, 2), 2), call(draw(2, 4, 1, 3), 4)),
)
def channel_shuffle(xp: Namespace, input: Array, groups: int) -> Array:
    """The channels, dimension 1, dealt out: the first of each group, the second of each, ….

    Raises RuntimeError where the channels can't be divided into ``groups``.

    >>> import gradlab as gl
    >>> gl.channel_shuffle(gl.arange(6).view(1, 6, 1), 2).flatten()
    tensor([0, 3, 1, 4, 2, 5])
    """
    shape = input.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and "
            f"{groups} groups."
        )
    dealt = input.reshape((shape[0], groups, shape[1] // groups, *shape[2:])).swapaxes(1, 2)
    return dealt.reshape(shape)


def _check_pixels(name: str, factor: str, given: int, array: Array) -> None:
    if array.ndim < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with "
            f"{array.ndim} dimension(s)"
        )
    if given <= 0:
        raise RuntimeError(f"{name} expects a positive {factor}, but got {given}")


@op(
    latex=r"\mathrm{shuffle}(input)",
    grad=dict(
        input=(
            lambda g, xp, upscale_factor: xp.pixel_unshuffle(g, upscale_factor),
            r"\mathrm{unshuffle}(g)",
        )
    ),
    method=False,
    samples=(call(draw(1, 4, 2, 3), 2), call(draw(9, 1, 1), 3)),
)
def pixel_shuffle(xp: Namespace, input: Array, upscale_factor: int) -> Array:
    """Pictures with every ``r * r`` channels as one of ``r`` times the height and width.

    (…, C * r², H, W) becomes (…, C, H * r, W * r). Raises RuntimeError where the number of channels
    is no multiple of r².

    >>> import gradlab as gl
    >>> gl.pixel_shuffle(gl.arange(4).view(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]])
    """
    r = upscale_factor
    _check_pixels("pixel_shuffle", "upscale_factor", r, input)
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = math.prod(lead)
    apart = input.reshape((n, c // (r * r), r, r, h, w)).transpose((0, 1, 4, 2, 5, 3))
    return apart.reshape((*lead, c // (r * r), h * r, w * r))


@op(
    latex=r"\mathrm{unshuffle}(input)",
    grad=dict(
        input=(
            lambda g, xp, downscale_factor: xp.pixel_shuffle(g, downscale_factor),
            r"\mathrm{shuffle}(g)",
        )
    ),
    method=False,
    samples=(call(draw(1, 1, 4, 2), 2), call(draw(2, 3, 3), 3)),
)
def pixel_unshuffle(xp: Namespace, input: Array, downscale_factor: int) -> Array:
    """Undo ``pixel_shuffle``: every r by r pixels become r² channels of one.

    >>> import gradlab as gl
    >>> gl.pixel_unshuffle(gl.arange(4).view(1, 2, 2), 2).flatten()
    tensor([0, 1, 2, 3])
    """
    r = downscale_factor
    _check_pixels("pixel_unshuffle", "downscale_factor", r, input)
    *lead, c, h, w = input.shape
    for side, place, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {side} to be divisible by downscale_factor, but "
                f"input.size({place})={size} is not divisible by {r}"
            )
    n = math.prod(lead)
    apart = input.reshape((n, c, h // r, r, w // r, r)).transpose((0, 1, 3, 5, 2, 4))
    return apart.reshape((*lead, c * r * r, h // r, w // r))
