"""Pooling: the largest or the average number of each window.

Windows are taken place by place: one pass over the result for each place of the kernel, all
windows at once. What a maximum was taken from is known by its index in the picture (the last two
or three dimensions as one), which is also what PyTorch returns as ``indices``.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy

from gradlab.arrays import Array, Namespace, dtype_of, int64
from gradlab.op import op
from gradlab.ops.windows import (
    Sizes,
    inner,
    offsets,
    padded,
    picture_of,
    pixels_of,
    settled,
    under,
    windows,
)
from gradlab.samples import call, draw, indices

# ------------------------------------------------------------------ where windows are


def out_sizes(
    spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Sizes:
    """How many windows there are along each dimension.

    With ``ceil_mode`` also those that go over the end, if they begin in the input or its padding.
    """
    result = []
    for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = (room + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        result.append(count)
    return tuple(result)


def _with_margins(
    xp: Namespace,
    pixels: Array,
    out: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    value: Any,
) -> Array:
    """Pixels padded so that all windows find all their places."""
    return padded(xp, pixels, padding, _behind(pixels.shape[1:-1], out, kernel, stride, padding,
                                               dilation), value)  # fmt: skip


def _behind(
    spatial: Sizes, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Sizes:
    return tuple(
        max(0, (m - 1) * s + d * (k - 1) + 1 - n - p)
        for n, m, k, s, p, d in zip(spatial, out, kernel, stride, padding, dilation, strict=True)
    )


def _grid(lines: list[list[int]]) -> Array:
    """Sums of one number of each list, for all combinations: a dimension for each, and a last."""
    result = numpy.zeros((1,) * (len(lines) + 1), int64.numpy)
    for dim, line in enumerate(lines):
        result = result + numpy.array(line, int64.numpy).reshape(-1, *[1] * (len(lines) - dim))
    return result


@functools.lru_cache(maxsize=32)  # a quarter of the time of pooling small pictures
def _window_places(
    spatial: Sizes, kernel: Sizes, out: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> tuple[Array, Array, Array]:
    """Where in the picture as one dimension windows have their places.

    From a window's start to each of its places; where each window starts; and where each has its
    first place that is no padding.
    """
    steps = _steps(spatial)
    jumps = [
        sum(o * d * step for o, d, step in zip(offset, dilation, steps, strict=True))
        for offset in offsets(kernel)
    ]
    starts = [
        [(m * s - p) * step for m in range(count)]
        for count, s, p, step in zip(out, stride, padding, steps, strict=True)
    ]
    first = [
        [(m * s - p + max(0, -(-(p - m * s) // d)) * d) * step for m in range(count)]
        for count, s, p, d, step in zip(out, stride, padding, dilation, steps, strict=True)
    ]
    return numpy.array(jumps, int64.numpy), _grid(starts), _grid(first)


def _steps(spatial: Sizes) -> list[int]:
    """How far apart in a picture as one dimension the neighbours along each dimension are."""
    return [math.prod(spatial[dim + 1 :]) for dim in range(len(spatial))]


# ------------------------------------------------------------------ maxima


def _maxima(
    xp: Namespace,
    input: Array,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> tuple[Array, Array]:
    """The largest number of each window, and where in the picture it is."""
    pixels = _pixels(input, len(kernel))
    spatial = pixels.shape[1:-1]
    out = out_sizes(spatial, kernel, stride, padding, dilation, ceil_mode)
    _check_out(input.shape[-len(kernel) - 1 :], out)
    floating = input.dtype.kind == "f"
    lowest = -math.inf if floating else xp.iinfo(input.dtype).min
    places = _with_margins(xp, pixels, out, kernel, stride, padding, dilation, lowest)
    parts = [places[under(offset, out, stride, dilation)] for offset in offsets(kernel)]
    best = parts[0].copy()
    for part in parts[1:]:
        xp.maximum(best, part, out=best)
    number = _first_equal(xp, parts, best)
    sizes = map(tuple, (spatial, kernel, out, stride, padding, dilation))  # given as lists, maybe
    jumps, starts, first = map(xp.asarray, _window_places(*sizes))
    index = jumps[number]
    index += starts
    if any(padding):
        lost = best == lowest  # nothing beats the padding: the first place that is no padding
        if lost.any():
            index = xp.where(lost, first, index)
    return _pictures(xp, best, input.ndim), _pictures(xp, index, input.ndim)


def _first_equal(xp: Namespace, parts: list[Array], best: Array) -> Array:
    """The number of the first part that holds the maximum; of the last NaN where there is one.

    Counting the parts before it takes four passes over bytes per part; ``argmax`` over a copy of
    all windows takes three times as long.
    """
    kind = xp.uint8 if len(parts) < 256 else xp.int32
    number = xp.zeros(best.shape, kind)
    seen = xp.zeros(best.shape, bool)
    for part in parts[:-1]:
        seen |= part == best
        number += ~seen
    if best.dtype.kind == "f":
        lost = xp.isnan(best)
        if lost.any():
            for i, part in enumerate(parts):
                number[xp.isnan(part)] = i
    return number


def _positions(xp: Namespace, index: Array, size: int) -> Array:
    """Where in (N, size, C) as one dimension the pixels of pictures' indices (N, …, C) are."""
    n, c = index.shape[0], index.shape[-1]
    lines = (n, *[1] * (index.ndim - 2), 1)
    positions = index + (xp.arange(n) * size).reshape(lines)
    positions *= c
    positions += xp.arange(c)
    return positions


def _in_batch(array: Array, dims: int) -> Array:
    return array if array.ndim == dims + 2 else array[None]


def _pixels(array: Array, dims: int) -> Array:
    """A picture, or a batch of them, as a batch of pixels."""
    return pixels_of(_in_batch(array, dims))


def _pictures(xp: Namespace, pixels: Array, ndim: int) -> Array:
    """A batch of pixels as pictures again, or as the only picture where that has ``ndim``."""
    if pixels.ndim == ndim:
        return settled(xp, pixels)
    return xp.ascontiguousarray(picture_of(pixels)[0])


@op(
    latex=r"\textstyle\sum gradient \text{ at } indices",
    grad=dict(
        gradient=(
            lambda g, xp, indices, dims: xp.taken_at(g, indices, dims),
            r"g \text{ at } indices",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(2, 2, 2, 2), indices(2, 2, 2, 2, below=9), (2, 2, 3, 3), 2),
        call(draw(2, 2, 2), indices(2, 2, 2, below=9), (2, 3, 3), 2),
        call(draw(2, 2, 2, 2), indices(2, 2, 2, 2, below=12), (2, 2, 3, 2), 3),
    ),
)
def put_at(xp: Namespace, gradient: Array, indices: Array, shape: Sizes, dims: int) -> Array:
    """Zeros of ``shape``, and each number added at its index in its picture."""
    g = _pixels(gradient, dims)
    n, c, spatial = g.shape[0], g.shape[-1], shape[-dims:]
    size = math.prod(spatial)
    positions = _positions(xp, _pixels(indices, dims), size)
    # NumPy's bincount is 4 times as fast as its add.at.
    sums = xp.bincount(positions.reshape(-1), g.reshape(-1), n * size * c)
    return _pictures(xp, sums.astype(g.dtype, copy=False).reshape(n, *spatial, c), len(shape))


@op(
    latex=r"input \text{ at } indices",
    grad=dict(
        input=(
            lambda g, xp, indices, input_shape, dims: xp.put_at(g, indices, input_shape, dims),
            r"\textstyle\sum g \text{ at } indices",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(2, 2, 3, 3), indices(2, 2, 2, 2, below=9), 2),
        call(draw(2, 3, 3), indices(2, 2, 2, below=9), 2),
        call(draw(2, 2, 3, 2), indices(2, 2, 2, 2, below=12), 3),
    ),
)
def taken_at(xp: Namespace, input: Array, indices: Array, dims: int) -> Array:
    """The numbers at the indices of their pictures."""
    leading = input.shape[:-dims]
    flat = input.reshape(*leading, math.prod(input.shape[-dims:]))
    index = indices.reshape(*leading, math.prod(indices.shape[-dims:]))
    return xp.take_along_axis(flat, index, len(leading)).reshape(indices.shape)


def _max_gradient(dims: int) -> dict[str, Any]:
    return dict(
        input=(
            lambda g, xp, input, result1, input_shape, kernel_size, stride, padding, dilation,
            ceil_mode: xp.by_steps(xp.put_at(g, result1, input_shape, dims), input),
            r"g \text{ where the maximum was}",
        )
    )  # fmt: skip


def _adaptive_max_gradient(dims: int) -> dict[str, Any]:
    return dict(
        input=(
            lambda g, xp, input, result1, input_shape: xp.by_steps(
                xp.put_at(g, result1, input_shape, dims), input
            ),
            r"g \text{ where the maximum was}",
        )
    )


@op(
    latex=r"\max_{\text{window}} input",
    grad=_max_gradient(2),
    node="MaxPool2DWithIndicesBackward0",
    outputs=("values", "result1"),
    public=False,
    method=False,
    samples=(
        call(draw(2, 3, 5, 4), [2, 2], [2, 2]),
        call(draw(2, 5, 6), [3, 2], [2, 1], [1, 1], [1, 2], True),
    ),
)
def max_pool2d_with_indices(
    xp: Namespace,
    input: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes = (0, 0),
    dilation: Sizes = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """The largest number of each window of pictures, and its index in its picture."""
    _check_pool("max_pool2d", input, kernel_size, stride, padding, dilation)
    _check_kind("max_pool2d", input, "iuf")
    return _maxima(xp, input, kernel_size, stride, padding, dilation, ceil_mode)


@op(
    latex=r"\max_{\text{window}} input",
    grad=_max_gradient(3),
    node="MaxPool3DWithIndicesBackward0",
    outputs=("values", "result1"),
    public=False,
    method=False,
    samples=(
        call(draw(1, 2, 3, 4, 4), [2, 2, 2], [1, 2, 2]),
        call(draw(2, 3, 3, 4), [2, 2, 2], [2, 2, 1], [1, 1, 1], [1, 1, 2], True),
    ),
)
def max_pool3d_with_indices(
    xp: Namespace,
    input: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes = (0, 0, 0),
    dilation: Sizes = (1, 1, 1),
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """As ``max_pool2d_with_indices``, of volumes."""
    _check_pool("max_pool3d", input, kernel_size, stride, padding, dilation)
    _check_kind("max_pool3d_with_indices", input, "iuf")
    return _maxima(xp, input, kernel_size, stride, padding, dilation, ceil_mode)


# ------------------------------------------------------------------ maxima put back


@op(
    latex=r"input \text{ at } indices",
    grad=dict(input=(lambda g, xp, indices: xp.taken_at(g, indices, 2), r"g \text{ at } indices")),
    node="MaxUnpool2DBackward0",
    public=False,
    method=False,
    # One maximum for each plane: two at one place would depend on their order.
    samples=(call(draw(2, 1, 1), indices(2, 1, 1, below=4), (2, 2)),),
)
def max_unpool2d(xp: Namespace, input: Array, indices: Array, output_size: Sizes) -> Array:
    """Zeros, with each number at its index in a picture of ``output_size``."""
    return _unpooled(xp, input, indices, output_size)


@op(
    latex=r"input \text{ at } indices",
    grad=dict(input=(lambda g, xp, indices: xp.taken_at(g, indices, 3), r"g \text{ at } indices")),
    node="MaxUnpool3DBackward0",
    public=False,
    method=False,
    # One maximum for each plane: two at one place would depend on their order.
    samples=(call(draw(2, 1, 1, 1), indices(2, 1, 1, 1, below=8), (2, 2, 2)),),
)
def max_unpool3d(xp: Namespace, input: Array, indices: Array, output_size: Sizes) -> Array:
    """As ``max_unpool2d``, for volumes."""
    return _unpooled(xp, input, indices, output_size)


def _unpooled(xp: Namespace, input: Array, indices: Array, spatial: Sizes) -> Array:
    dims, size = len(spatial), math.prod(spatial)
    if indices.dtype != int64.numpy:
        raise RuntimeError(
            f"elements in indices should be type int64 but got: {dtype_of(indices).type_name}"
        )
    if indices.shape != input.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    outside = (indices < 0) | (indices >= size)
    if outside.any():
        raise RuntimeError(
            f"Found an invalid max index: {int(indices[outside][0])} (output volumes are of size "
            f"{'x'.join(map(str, spatial))})"
        )
    leading = input.shape[:-dims]
    result = xp.zeros((*leading, size), input.dtype)
    flat = indices.reshape(*leading, -1) if indices.size else indices.reshape(*leading, 0)
    xp.put_along_axis(result, flat, input.reshape(flat.shape), axis=-1)
    return result.reshape(*leading, *spatial)


# ------------------------------------------------------------------ averages


def _divisors(
    xp: Namespace,
    spatial: Sizes,
    out: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    """By what the sum of each window is divided: one number, or one per window."""
    if divisor_override is not None:
        return divisor_override
    result: Any = 1
    for dim, (n, m, k, s, p) in enumerate(zip(spatial, out, kernel, stride, padding, strict=True)):
        first, last = (-p, n + p) if count_include_pad else (0, n)
        counts = [min(i * s - p + k, last) - max(i * s - p, first) for i in range(m)]
        if len(set(counts)) < 2:
            result = result * (counts[0] if counts else 1)
        else:
            shape = [1] * (len(spatial) + 1)
            shape[dim] = m
            result = result * xp.asarray(counts).reshape(shape)
    return result


def _averages(
    xp: Namespace,
    input: Array,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    dims = len(kernel)
    pixels = _pixels(input, dims)
    spatial, ones = pixels.shape[1:-1], (1,) * dims
    out = out_sizes(spatial, kernel, stride, padding, ones, ceil_mode)
    _check_out(input.shape[-dims - 1 :], out)
    places = _with_margins(xp, pixels, out, kernel, stride, padding, ones, 0)
    if math.prod(kernel) > 16:
        view = windows(xp, places, kernel, out, stride, ones)
        sums = xp.add.reduce(view, axis=tuple(range(dims + 1, 2 * dims + 1)), dtype=input.dtype)
    else:
        sums = sum(places[under(offset, out, stride, ones)] for offset in offsets(kernel))
    by = _divisors(xp, spatial, out, kernel, stride, padding, count_include_pad, divisor_override)
    return _pictures(xp, _divided(xp, sums, by), input.ndim)


def _divided(xp: Namespace, sums: Array, by: Any) -> Array:
    """Sums divided in their dtype; whole numbers rounded towards zero, as in C."""
    if sums.dtype.kind == "f":
        return (sums * (1 / by) if isinstance(by, int) else sums / by).astype(
            sums.dtype, copy=False
        )
    return (xp.sign(sums) * (abs(sums) // by)).astype(sums.dtype)


def _spread(
    xp: Namespace,
    g: Array,
    shape: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """The gradient of averages: each one's share, added up wherever its window was."""
    dims = len(kernel)
    g, spatial, ones = _pixels(g, dims), shape[-dims:], (1,) * dims
    n, *out, c = g.shape
    by = _divisors(
        xp, spatial, tuple(out), kernel, stride, padding, count_include_pad, divisor_override
    )
    share = _divided(xp, g, by)
    behind = _behind(spatial, tuple(out), kernel, stride, padding, ones)
    sizes = [p + m + q for m, p, q in zip(spatial, padding, behind, strict=True)]
    result = xp.zeros((n, *sizes, c), g.dtype)
    for offset in offsets(kernel):
        result[under(offset, tuple(out), stride, ones)] += share
    return _pictures(xp, result[inner(spatial, padding)], len(shape))


_AVERAGE_GRADIENT = dict(
    input=(
        lambda g, xp, input, input_shape, kernel_size, stride, padding, ceil_mode,
        count_include_pad, divisor_override: xp.by_steps(
            xp.avg_pool_backward(
                g, input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad,
                divisor_override,
            ),
            input,
        ),
        r"\frac{1}{n} \textstyle\sum_{\text{windows}} g",
    )
)  # fmt: skip


@op(
    latex=r"\frac{1}{n} \textstyle\sum_{\text{window}} input",
    grad=_AVERAGE_GRADIENT,
    node="AvgPool2DBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(2, 3, 5, 4), [2, 2], [2, 2]),
        call(draw(2, 5, 6), [3, 2], [2, 1], [1, 1], True, False),
        call(draw(1, 1, 5, 6), [3, 2], [2, 2], [1, 1], True, True, 5),
        call(draw(1, 2, 6, 6), [5, 4], [1, 2]),
    ),
    in_single=True,
)
def avg_pool2d(
    xp: Namespace,
    input: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The average of each window of pictures."""
    _check_pool("avg_pool2d", input, kernel_size, stride, padding)
    _check_kind("avg_pool2d", input, "iuf")
    return _averages(
        xp, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@op(
    latex=r"\frac{1}{n} \textstyle\sum_{\text{window}} input",
    grad=_AVERAGE_GRADIENT,
    node="AvgPool3DBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(1, 2, 3, 4, 4), [2, 2, 2], [1, 2, 2]),
        call(draw(2, 3, 3, 4), [2, 2, 2], [2, 2, 1], [1, 1, 1], True, False),
    ),
    in_single=True,
)
def avg_pool3d(
    xp: Namespace,
    input: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes = (0, 0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """As ``avg_pool2d``, of volumes."""
    _check_pool("avg_pool3d", input, kernel_size, stride, padding)
    if any(n < k for n, k in zip(input.shape[-3:], kernel_size, strict=True)):
        sizes = " ".join(f"{axis}: {n}" for axis, n in zip("THW", input.shape[-3:], strict=True))
        lengths = " ".join(f"k{axis}: {k}" for axis, k in zip("THW", kernel_size, strict=True))
        raise RuntimeError(f"input image ({sizes}) smaller than kernel size ({lengths})")
    _check_kind("avg_pool3d", input, "iuf")
    return _averages(
        xp, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@op(
    latex=r"\frac{1}{n} \textstyle\sum_{\text{windows}} gradient",
    grad=dict(
        gradient=(
            lambda g, xp, kernel_size, stride, padding, ceil_mode, count_include_pad,
            divisor_override: (xp.avg_pool2d if len(kernel_size) == 2 else xp.avg_pool3d)(
                g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
            ),
            r"\frac{1}{n} \textstyle\sum_{\text{window}} g",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(2, 3, 2, 2), (2, 3, 5, 4), [2, 2], [2, 2], [0, 0], False, True, None),
        call(draw(2, 3, 7), (2, 5, 6), [3, 2], [2, 1], [1, 1], True, False, None),
    ),
)  # fmt: skip
def avg_pool_backward(
    xp: Namespace,
    gradient: Array,
    shape: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """The gradient of an average's input, of ``shape``."""
    return _spread(
        xp, gradient, shape, kernel_size, stride, padding, count_include_pad, divisor_override
    )


# ------------------------------------------------------------------ as many windows as asked for


def adaptive_edges(size: int, out: int) -> list[tuple[int, int]]:
    """Where the ``out`` windows, nearly alike, that cover ``size`` places begin and end."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _adaptive_average(xp: Namespace, input: Array, output_size: Sizes) -> Array:
    dims = len(output_size)
    kernel = _even_kernel(input.shape[-dims:], output_size)
    if kernel is not None:
        return _averages(xp, input, kernel, kernel, (0,) * dims, False, True, None)
    for dim, count in enumerate(output_size, start=input.ndim - dims):
        size = input.shape[dim]
        if count != size:
            sums = [
                xp.add.reduce(input[_at(dim, slice(*edges))], axis=dim) / (edges[1] - edges[0])
                for edges in adaptive_edges(size, count)
            ]
            input = xp.stack(sums, axis=dim) if sums else input[_at(dim, slice(0))]
    return input


def _adaptive_spread(xp: Namespace, g: Array, shape: Sizes, dims: int) -> Array:
    """The gradient of averages: each one's share, added up wherever its window was."""
    for dim in range(len(shape) - dims, len(shape)):
        size, count = shape[dim], g.shape[dim]
        if count != size:
            spread = xp.zeros((*g.shape[:dim], size, *g.shape[dim + 1 :]), g.dtype)
            for i, (first, last) in enumerate(adaptive_edges(size, count)):
                share = g[_at(dim, slice(i, i + 1))] / (last - first)
                spread[_at(dim, slice(first, last))] += share
            g = spread
    return g


def _even_kernel(spatial: Sizes, out: Sizes) -> Sizes | None:
    """The size of the windows where they are all alike and side by side."""
    if any(m < 1 or n % m for n, m in zip(spatial, out, strict=True)):
        return None
    return tuple(n // m for n, m in zip(spatial, out, strict=True))


def _at(dim: int, where: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * dim, where)


def _adaptive_average_gradient(dims: int) -> dict[str, Any]:
    return dict(
        input=(
            lambda g, xp, input, input_shape: xp.by_steps(
                xp.adaptive_avg_backward(g, input_shape, dims), input
            ),
            r"\frac{1}{n} \textstyle\sum_{\text{windows}} g",
        )
    )


@op(
    latex=r"\frac{1}{n} \textstyle\sum_{\text{window}} input",
    grad=_adaptive_average_gradient(2),
    node="AdaptiveAvgPool2DBackward0",
    saved=dict(self_sym_sizes=None),
    public=False,
    method=False,
    samples=(
        call(draw(2, 3, 5, 4), [2, 3]),
        call(draw(2, 4, 6), [2, 3]),
        call(draw(1, 1, 2, 3), [4, 3]),
    ),
    in_single=True,
)
def adaptive_avg_pool2d(xp: Namespace, input: Array, output_size: Sizes) -> Array:
    """Averages of as many windows of pictures as ``output_size`` says."""
    _check_kind("adaptive_avg_pool2d", input, "f")
    return _adaptive_average(xp, input, output_size)


@op(
    latex=r"\frac{1}{n} \textstyle\sum_{\text{window}} input",
    grad=_adaptive_average_gradient(3),
    node="AdaptiveAvgPool3DBackward0",
    saved=dict(self_sym_sizes=None),
    public=False,
    method=False,
    samples=(call(draw(1, 2, 3, 4, 4), [2, 2, 3]), call(draw(2, 4, 3, 4), [2, 3, 2])),
    in_single=True,
)
def adaptive_avg_pool3d(xp: Namespace, input: Array, output_size: Sizes) -> Array:
    """As ``adaptive_avg_pool2d``, of volumes."""
    _check_kind("adaptive_avg_pool3d", input, "f")
    return _adaptive_average(xp, input, output_size)


@op(
    latex=r"\frac{1}{n} \textstyle\sum_{\text{windows}} gradient",
    grad=dict(
        gradient=(
            lambda g, xp, gradient_shape, dims: (
                xp.adaptive_avg_pool2d if dims == 2 else xp.adaptive_avg_pool3d
            )(g, gradient_shape[-dims:]),
            r"\frac{1}{n} \textstyle\sum_{\text{window}} g",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(2, 3, 2, 3), (2, 3, 5, 4), 2),
        call(draw(2, 2, 3), (2, 4, 6), 2),
        call(draw(1, 2, 2, 3, 2), (1, 2, 4, 3, 4), 3),
    ),
)
def adaptive_avg_backward(xp: Namespace, gradient: Array, shape: Sizes, dims: int) -> Array:
    """The gradient of the input, of ``shape``, of averages over its last ``dims`` dimensions."""
    kernel = _even_kernel(shape[-dims:], gradient.shape[-dims:])
    if kernel is not None:
        return _spread(xp, gradient, shape, kernel, kernel, (0,) * dims, True, None)
    return _adaptive_spread(xp, gradient, shape, dims)


def _adaptive_maxima(xp: Namespace, input: Array, output_size: Sizes) -> tuple[Array, Array]:
    spatial = input.shape[-len(output_size) :]
    kernel = _even_kernel(spatial, output_size)
    if kernel is not None:
        ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
        return _maxima(xp, input, kernel, kernel, zeros, ones, False)
    leading = input.shape[: -len(output_size)]
    values = xp.empty((*leading, *output_size), input.dtype)
    index = xp.empty(values.shape, int64.numpy)
    grid = xp.arange(math.prod(spatial)).reshape(spatial)
    edges = [adaptive_edges(n, m) for n, m in zip(spatial, output_size, strict=True)]
    for place in offsets(output_size):
        cell = tuple(slice(*lines[i]) for lines, i in zip(edges, place, strict=True))
        window = input[(..., *cell)].reshape(*leading, -1)
        largest = window.argmax(-1)
        lost = xp.isnan(window)
        if lost.any():  # PyTorch takes the last NaN
            last = lost.shape[-1] - 1 - lost[..., ::-1].argmax(-1)
            largest = xp.where(lost.any(-1), last, largest)
        index[(..., *place)] = grid[cell].reshape(-1)[largest]
        values[(..., *place)] = xp.take_along_axis(window, largest[..., None], -1)[..., 0]
    return values, index


@op(
    latex=r"\max_{\text{window}} input",
    grad=_adaptive_max_gradient(2),
    node="AdaptiveMaxPool2DBackward0",
    outputs=("values", "result1"),
    public=False,
    method=False,
    samples=(call(draw(2, 3, 5, 4), [2, 3]), call(draw(2, 4, 6), [2, 3])),
)
def adaptive_max_pool2d(xp: Namespace, input: Array, output_size: Sizes) -> tuple[Array, Array]:
    """The largest numbers of as many windows of pictures as asked for, and their indices."""
    _check_kind("adaptive_max_pool2d", input, "f")
    return _adaptive_maxima(xp, input, output_size)


@op(
    latex=r"\max_{\text{window}} input",
    grad=_adaptive_max_gradient(3),
    node="AdaptiveMaxPool3DBackward0",
    outputs=("values", "result1"),
    public=False,
    method=False,
    samples=(call(draw(1, 2, 3, 4, 4), [2, 2, 3]), call(draw(2, 4, 3, 4), [2, 3, 2])),
)
def adaptive_max_pool3d(xp: Namespace, input: Array, output_size: Sizes) -> tuple[Array, Array]:
    """As ``adaptive_max_pool2d``, of volumes."""
    _check_kind("adaptive_max_pool3d", input, "f")
    return _adaptive_maxima(xp, input, output_size)


# ------------------------------------------------------------------ checks


def _check_kind(name: str, input: Array, kinds: str) -> None:
    if input.dtype.kind not in kinds:
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{dtype_of(input).type_name}'. Convert it with .to()."
        )


def _check_pool(
    name: str,
    input: Array,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes = (),
) -> None:
    """Raise PyTorch's error for windows that can't be."""
    dims = len(kernel)
    if min(stride) == 0:
        raise RuntimeError(f"stride should not be zero (kernel {list(kernel)}, {list(stride)})")
    if min(kernel) <= 0 or min(stride) < 0:
        raise RuntimeError(
            "kernel size should be greater than zero, but got "
            f"kernel_size {list(kernel)}, stride {list(stride)}"
        )
    if dilation and min(dilation) <= 0:
        raise RuntimeError(
            "dilation should be greater than zero, but got "
            + " ".join(
                f"dilation{axis}: {d}" for axis, d in zip("THW"[-dims:], dilation, strict=True)
            )
        )
    if min(padding) < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {min(padding)}")
    for k, p, d in zip(kernel, padding, dilation or (1,) * dims, strict=True):
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input "
            f"({name} got shape {list(input.shape)})"
        )
    if 0 in input.shape[-dims - 1 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch "
            f"size for input, but got:{list(input.shape)}"
        )


def _check_out(shape: Sizes, out: Sizes) -> None:
    if min(out) < 1:
        before = "x".join(map(str, shape))
        after = "x".join(map(str, (shape[0], *out)))
        raise RuntimeError(
            f"Given input size: ({before}). Calculated output size: ({after}). Output size is too "
            "small"
        )
