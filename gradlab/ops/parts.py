"""Parts of a tensor: windows that slide over it, and copies of it in which a part is another's."""

from __future__ import annotations

import builtins
from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.ops.diagonals import diagonal_of
from gradlab.ops.shape import at
from gradlab.ops.storage import strided
from gradlab.samples import call, draw
from gradlab.tensor import normal_dim

# ------------------------------------------------------------------ windows


@op(
    latex=r"\mathrm{windows}(input)",
    grad=dict(
        input=(
            lambda g, xp, input_shape, dimension, size, step: xp.unfold_backward(
                g, tuple(input_shape), dimension, size, step
            ),
            r"\textstyle\sum g \text{ over the windows}",
        )
    ),
    view=True,
    public=False,
    samples=(
        call(draw(5), 0, 2, 1),
        call(draw(2, 5), -1, 3, 2),
        call(draw(4, 2), 0, 4, 1),
        call(draw(), 0, 1, 1),
    ),
)
def unfold(xp: Namespace, input: Array, dimension: int, size: int, step: int) -> Array:
    """A view of all windows of ``size`` places along a dimension, ``step`` apart.

    Where the dimension was there is one place for each window; the last dimension of the result
    goes through a window. Raises RuntimeError where not even one window fits.

    >>> import gradlab as gl
    >>> gl.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    dim = normal_dim(dimension, input.ndim)
    length = input.shape[dim] if input.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > length:
        raise RuntimeError(
            f"maximum size for tensor at dimension {dim} is {length} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not input.ndim:
        return input.reshape((1,))[:size]
    shape, strides = list(input.shape), list(input.strides)
    shape[dim] = (length - size) // step + 1
    strides[dim] = step * input.strides[dim]
    return strided(input, (*shape, size), (*strides, input.strides[dim]))


@op(
    latex=r"\textstyle\sum input \text{ over the windows}",
    grad=dict(
        input=(
            lambda g, xp, dimension, size, step: xp.unfold(g, dimension, size, step),
            r"\mathrm{windows}(g)",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(4, 2), (5,), 0, 2, 1), call(draw(2, 2, 3), (2, 5), -1, 3, 2)),
)
def unfold_backward(
    xp: Namespace, input: Array, shape: tuple[int, ...], dimension: int, size: int, step: int
) -> Array:
    """Zeros of ``shape`` to which each window is added where it was taken from."""
    if not shape:
        return input.sum().reshape(())
    result = xp.zeros(shape, input.dtype)
    dim = dimension % len(shape)
    reach = (input.shape[dim] - 1) * step + 1
    for k in range(size):  # the windows' k-th places are apart: no two are the same
        result[at(dim, builtins.slice(k, k + reach, step))] += input[..., k]
    return result


# ------------------------------------------------------------------ with a part replaced


def _check_part(src: Array, part: Array) -> None:
    if src.shape != part.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(part.shape)}"
        )


def _with_part(input: Array, src: Array, take: Any) -> Array:
    """A copy of ``input`` in which the view that ``take`` makes of it holds ``src``."""
    result = input.copy()
    part = take(result)
    _check_part(src, part)
    part[...] = src
    return result


@op(
    latex=r"input \text{ with } src \text{ at } index",
    grad=dict(
        input=(
            lambda g, xp, dim, index: xp.select_scatter(
                g, xp.zeros_like(xp.select(g, dim, index)), dim, index
            ),
            r"g,\ 0 \text{ at } index",
        ),
        src=(lambda g, xp, dim, index: xp.select(g, dim, index), r"{g}_{index}"),
    ),
    samples=(call(draw(2, 3), draw(2), 1, 0), call(draw(3), draw(), 0, -1)),
)
def select_scatter(xp: Namespace, input: Array, src: Array, dim: int, index: int) -> Array:
    """A copy of ``input`` with ``src`` at place ``index`` along ``dim``.

    Raises RuntimeError where ``src`` has another shape than ``input.select(dim, index)``.

    >>> import gradlab as gl
    >>> gl.select_scatter(gl.zeros(2, 2), gl.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    dim = normal_dim(dim, input.ndim)
    size = input.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at "
            f"dimension {dim}"
        )
    return _with_part(input, src, lambda array: array[(*at(dim, index),)])


@op(
    latex=r"input \text{ with } src \text{ at } start{:}end{:}step",
    grad=dict(
        input=(
            lambda g, xp, dim, start, end, step: xp.slice_scatter(
                g, xp.zeros_like(_sliced(xp, g, dim, start, end, step)), dim, start, end, step
            ),
            r"g,\ 0 \text{ at } start{:}end{:}step",
        ),
        src=(
            lambda g, xp, dim, start, end, step: _sliced(xp, g, dim, start, end, step),
            r"{g}_{start:end:step}",
        ),
    ),
    samples=(
        call(draw(4, 2), draw(2, 2), 0, 1, 3),
        call(draw(2, 5), draw(2, 3), -1, None, None, 2),
        call(draw(3), draw(1), 0, -1),
    ),
)
def slice_scatter(
    xp: Namespace,
    input: Array,
    src: Array,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Array:
    """A copy of ``input`` with ``src`` in the range from ``start`` to ``end`` along ``dim``.

    Raises RuntimeError where ``src`` has another shape than that part.

    >>> import gradlab as gl
    >>> gl.slice_scatter(gl.zeros(4), gl.ones(2), start=2)
    tensor([0., 0., 1., 1.])
    """
    dim = normal_dim(dim, input.ndim)
    if step <= 0:
        raise RuntimeError(f"slice step must be positive (it is {step})")
    return _with_part(input, src, lambda array: array[at(dim, builtins.slice(start, end, step))])


def _sliced(xp: Any, g: Any, dim: int, start: int | None, end: int | None, step: int) -> Any:
    bounds = builtins.slice(start, end, step).indices(g.shape[dim])
    return xp.slice(g, dim, *bounds)


@op(
    latex=r"input \text{ with } src \text{ on the diagonal}",
    grad=dict(
        input=(
            lambda g, xp, offset, dim1, dim2: xp.diagonal_scatter(
                g, xp.zeros_like(xp.diagonal(g, offset, dim1, dim2)), offset, dim1, dim2
            ),
            r"g,\ 0 \text{ on the diagonal}",
        ),
        src=(
            lambda g, xp, offset, dim1, dim2: xp.diagonal(g, offset, dim1, dim2),
            r"\mathrm{diagonal}(g)",
        ),
    ),
    samples=(
        call(draw(3, 3), draw(3)),
        call(draw(2, 3, 4), draw(3, 2), 1, 0, -1),
        call(draw(3, 2), draw(2), -1),
    ),
)
def diagonal_scatter(
    xp: Namespace, input: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Array:
    """A copy of ``input`` with ``src`` on a diagonal of two dimensions.

    Raises RuntimeError where ``src`` has another shape than that diagonal.

    >>> import gradlab as gl
    >>> gl.diagonal_scatter(gl.zeros(2, 2), gl.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _with_part(input, src, lambda array: diagonal_of(array, offset, dim1, dim2))
