"""Depthwise convolution: each channel by itself, a sum over the places of the kernel.

No matrix product in it is worth the copy of its windows. Kernels on raw arrays, as in ``windows``.
A few pictures at a time stay in the processor's cache from one place of the kernel to the next,
and NumPy computes where they are: with both, 16 pictures of 32 x 32 pixels of 32 channels take 1.3
ms, not 3.5, for a kernel of 3 x 3 (one thread). Measured and no faster: to let windows run over the
ends of lines, so that all sums go through memory in order; channels merged into groups with zeros
between.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from gradlab.arrays import Array, Namespace
from gradlab.ops.buffers import for_rows
from gradlab.ops.windows import Sizes, inner, offsets, under

_PIECE = 1 << 16  # numbers of a result computed at a time


def correlate_apart(
    xp: Namespace, pixels: Array, weight: Array, out: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """Pixels (N, …, C), padded as needed, and a weight (C · m, 1, …kernel…) to pixels of C · m."""
    weight = _weight_apart(pixels, weight)
    pixels = pixels[..., None]
    result = xp.zeros((pixels.shape[0], *out, *weight.shape[:2]), pixels.dtype)
    lines = {offset: _along_line(xp, weight, offset, out) for offset in offsets(weight.shape[2:])}
    with _by_lines(result, stride):
        for few in _few_pictures(result):
            total, given = result[few], pixels[few]
            product = xp.empty_like(total)
            for offset, line in lines.items():
                part = given[under(offset, out, stride, dilation)]
                xp.multiply(part, line, out=product)
                total += product
    return result.reshape(*result.shape[:-2], weight.shape[0] * weight.shape[1])


def to_input_apart(
    xp: Namespace,
    g: Array,
    weight: Array,
    spatial: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    channels: int,
) -> Array:
    """The gradient of convolved pixels of size ``spatial``, from that of the result."""
    n, *out, _ = g.shape
    sizes = [size + 2 * p for size, p in zip(spatial, padding, strict=True)]
    result = xp.zeros((n, *sizes, channels), g.dtype)
    weight = _weight_apart(result, weight)
    g = g.reshape(n, *out, *weight.shape[:2])
    shape = tuple(out)
    lines = {offset: _along_line(xp, weight, offset, shape) for offset in offsets(weight.shape[2:])}
    with _by_lines(g, stride):
        for few in _few_pictures(g):
            total, given = result[few], g[few]
            product = xp.empty_like(given)
            for offset, line in lines.items():
                xp.multiply(given, line, out=product)
                part = product[..., 0] if weight.shape[1] == 1 else xp.add.reduce(product, axis=-1)
                place = total[under(offset, shape, stride, dilation)]
                place += part
    return result[inner(spatial, padding)]


def to_weight_apart(
    xp: Namespace, pixels: Array, g: Array, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """The gradient (C · m, 1, …kernel…) of a weight, from padded pixels and that of the result."""
    n, *out, o = g.shape
    c = pixels.shape[-1]
    g = g.reshape(n, *out, c, o // c)
    pixels = pixels[..., None]
    result = xp.zeros((c, o // c, *kernel), g.dtype)
    with _by_lines(g, stride):
        for few in _few_pictures(g):
            arrived, given = g[few], pixels[few]
            ones, product = xp.ones(arrived.size // o, g.dtype), xp.empty_like(arrived)
            for offset in offsets(kernel):
                part = given[under(offset, tuple(out), stride, dilation)]
                xp.multiply(part, arrived, out=product)
                result[(..., *offset)] += (ones @ product.reshape(-1, o)).reshape(c, o // c)
    return result.reshape(o, 1, *kernel)


def _few_pictures(pixels: Array) -> Iterator[slice]:
    """The pictures, as many at a time as make a piece."""
    count = len(pixels)
    step = max(1, _PIECE * count // max(1, pixels.size))
    return (slice(start, start + step) for start in range(0, count, step))


def _by_lines(pixels: Array, stride: Sizes) -> contextlib.AbstractContextManager[None]:
    """The setting for going through (N, …, line, C, m) line by line, if lines are in one piece."""
    *_, line, c, m = pixels.shape
    return for_rows(line * c if m == stride[-1] == 1 else 0, pixels.size)


def _along_line(xp: Namespace, weight: Array, offset: Sizes, out: Sizes) -> Array:
    """One place of a kernel for a whole line of pixels: half the time of one for each pixel."""
    place = weight[(..., *offset)]
    return xp.broadcast_to(place, (out[-1], *place.shape)).copy()


def _weight_apart(pixels: Array, weight: Array) -> Array:
    c = pixels.shape[-1]
    return weight.reshape(c, weight.shape[0] // c, *weight.shape[2:])
