"""Masks: elements picked and replaced where a bool is true, and where elements are not zero."""

from __future__ import annotations

import math
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.shape import array_of, numbers_in
from gradlab.samples import call, draw, mask
from gradlab.tensor import Tensor


def common_shape(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of two shapes broadcast to; PyTorch's error where they don't."""
    try:
        return numpy.broadcast_shapes(one, two)
    except ValueError:
        last = max(len(one), len(two)) - 1
        pairs = zip(reversed(one), reversed(two), strict=False)
        back, a, b = next((i, a, b) for i, (a, b) in enumerate(pairs) if a != b and 1 not in (a, b))
        raise RuntimeError(
            f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton "
            f"dimension {last - back}"
        ) from None


# ------------------------------------------------------------------ what a mask picks


@op(
    latex=r"{input}_{mask}",
    grad=dict(
        input=(
            lambda g, xp, input, mask: xp.masked_select_backward(
                g, numpy.broadcast_shapes(tuple(input.shape), tuple(mask.shape)), mask
            ),
            r"g \text{ at } mask,\ 0 \text{ elsewhere}",
        )
    ),
    samples=(call(draw(2, 3), mask(2, 3)), call(draw(2, 3), mask(3)), call(draw(3), mask(2, 1))),
)
def masked_select(xp: Namespace, input: Array, mask: Array) -> Array:
    """The elements where ``mask`` is true, in one dimension; both broadcast.

    Raises RuntimeError for a mask that isn't bool.

    >>> import gradlab as gl
    >>> x = gl.tensor([1, 2, 3])
    >>> x.masked_select(x > 1)
    tensor([2, 3])
    """
    if mask.dtype != bool:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask (got {mask.dtype})")
    shape = common_shape(mask.shape, input.shape)
    return xp.broadcast_to(input, shape)[xp.broadcast_to(mask, shape)]


@op(
    latex=r"input \text{ at } mask,\ 0 \text{ elsewhere}",
    grad=dict(input=(lambda g, xp, mask: xp.masked_select(g, mask), r"{g}_{mask}")),
    samples=(call(draw(2), (3,), Tensor._wrap(numpy.array([True, False, True]))),),
    public=False,
    method=False,
)
def masked_select_backward(
    xp: Namespace, input: Array, shape: tuple[int, ...], mask: Array
) -> Array:
    """Zeros of ``shape`` with ``input`` where ``mask`` is true."""
    result = xp.zeros(shape, input.dtype)
    result[xp.broadcast_to(mask, shape)] = input
    return result


@op(
    latex=r"input \text{ with } source \text{ at } mask",
    grad=dict(
        input=(
            lambda g, xp, mask: xp.masked_fill_scalar(g, mask, 0.0),
            r"g,\ 0 \text{ at } mask",
        ),
        source=(
            lambda g, xp, mask, source_shape: xp.masked_scatter_backward(
                g, mask, tuple(source_shape)
            ),
            r"{g}_{mask}",
        ),
    ),
    inplace=True,
    samples=(
        call(draw(2, 3), mask(2, 3), draw(7)),
        call(draw(2, 3), mask(3), draw(2, 3)),
        call(draw(3), mask(2, 1), draw(6)),
    ),
)
def masked_scatter(xp: Namespace, input: Array, mask: Array, source: Array) -> Array:
    """A copy of ``input`` with elements of ``source``, in order, where ``mask`` is true.

    Raises RuntimeError for a mask that isn't bool, other dtypes, and too few elements.

    >>> import gradlab as gl
    >>> x = gl.zeros(4)
    >>> x.masked_scatter(gl.tensor([True, False, True, False]), gl.tensor([1.0, 2.0]))
    tensor([1., 0., 2., 0.])
    """
    if mask.dtype != bool:
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{arrays.dtype_of(mask).type_name}"
        )
    if input.dtype != source.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{arrays.dtype_of(input).type_name} and {arrays.dtype_of(source).type_name}"
        )
    shape = common_shape(mask.shape, input.shape)
    result = xp.broadcast_to(input, shape).copy()
    where = xp.broadcast_to(mask, shape)
    count = int(where.sum())
    if count > source.size:
        raise RuntimeError(
            f"Number of elements of source < number of ones in mask ({source.size} < {count})"
        )
    result[where] = source.reshape(-1)[:count]
    return result


@op(
    latex=r"{input}_{mask}",
    grad=dict(
        input=(
            lambda g, xp, input_shape, mask: xp.masked_scatter(
                xp.expand(xp.zeros_like(xp.sum(g)), tuple(input_shape)), mask, g
            ),
            r"g \text{ at } mask,\ 0 \text{ elsewhere}",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(2, 3), Tensor._wrap(numpy.arange(6).reshape(2, 3) % 2 == 0), (2, 2)),),
)
def masked_scatter_backward(
    xp: Namespace, input: Array, mask: Array, shape: tuple[int, ...]
) -> Array:
    """What ``mask`` picks, filled up with zeros to ``shape``."""
    picked = input[xp.broadcast_to(mask, input.shape)]
    result = xp.zeros(math.prod(shape), input.dtype)
    result[: picked.size] = picked
    return result.reshape(shape)


# ------------------------------------------------------------------ what is not zero


@composite()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Where the elements are that aren't 0: a row of indices for each, or a tuple of columns.

    >>> import gradlab as gl
    >>> gl.nonzero(gl.tensor([[0, 7], [8, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    array = numbers_in(input, "nonzero")
    xp = arrays.array_module(array)
    if as_tuple:
        return tuple(Tensor._wrap(places) for places in xp.nonzero(xp.atleast_1d(array)))
    if not array.ndim:
        return Tensor._wrap(xp.zeros((int(array != 0), 0), arrays.INT64))
    return Tensor._wrap(xp.argwhere(array))


@composite()
def argwhere(input: Tensor) -> Tensor:
    """Where the elements are that aren't 0: a row of indices for each.

    >>> import gradlab as gl
    >>> gl.argwhere(gl.tensor([[0, 7], [8, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    array_of(input, "argwhere")
    return nonzero(input)  # type: ignore[no-any-return]


@composite()
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first ``size`` rows of ``nonzero``; rows of ``fill_value`` where there are fewer.

    >>> import gradlab as gl
    >>> gl.nonzero_static(gl.tensor([0, 7, 8]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    array = array_of(input, "nonzero_static")
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer (got {size})")
    xp = arrays.array_module(array)
    found = xp.argwhere(array)[:size] if array.ndim else xp.zeros((0, 0), arrays.INT64)
    rest = xp.full((size - len(found), array.ndim), fill_value, arrays.INT64)
    return Tensor._wrap(xp.concatenate([found, rest]))


@composite(method=False)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The indices along each dimension of ``shape`` of places given by number, in memory order.

    Raises TypeError for indices that are no integers, ValueError for negative sizes.

    >>> import gradlab as gl
    >>> gl.unravel_index(gl.tensor([0, 5]), (2, 3))
    (tensor([0, 1]), tensor([0, 2]))
    """
    array = array_of(indices, "unravel_index", "indices")
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"expected 'indices' to be integer dtype, but got {arrays.dtype_of(array)!r}"
        )
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    steps = [math.prod(sizes[d + 1 :]) for d in range(len(sizes))]
    xp = arrays.array_module(array)
    return tuple(
        Tensor._wrap(xp.asarray(array // step % n)) for n, step in zip(sizes, steps, strict=True)
    )
