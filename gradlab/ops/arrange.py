"""Arranging: the same elements in other places, some of them several times. All copies."""

from __future__ import annotations

import builtins
from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.shape import array_of, normal_dims, read_sizes
from gradlab.samples import call, draw
from gradlab.tensor import Tensor


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
    return repeat(input, read_sizes(times, repeats))  # type: ignore[no-any-return]


@composite()
def tile(input: Tensor, *times: Any, dims: Any = None) -> Tensor:
    """As ``repeat``, with 1 for dimensions that ``dims`` leaves out in front."""
    counts = read_sizes(times, dims)
    missing = array_of(input, "tile").ndim - len(counts)
    return repeat(input, (1,) * missing + counts)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ flips, triangles, diagonals


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
    wanted = read_sizes(along, dims)
    return flip(input, normal_dims(wanted, ndim) if wanted else ())  # type: ignore[no-any-return]


@composite(method=True)
def fliplr(input: Tensor) -> Tensor:
    """A matrix with its columns in reverse order."""
    return _flip(input, 1)  # type: ignore[no-any-return]


@composite(method=True)
def flipud(input: Tensor) -> Tensor:
    """A tensor in reverse order along its first dimension."""
    return _flip(input, 0)  # type: ignore[no-any-return]
