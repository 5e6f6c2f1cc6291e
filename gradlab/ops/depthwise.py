"""Depthwise convolution: each channel by itself, a sum over the places of the kernel.

No matrix product in it is worth the copy of its windows. Kernels on raw arrays, as in ``windows``.
Measured and no faster: to let windows run over the ends of lines, so that all sums go through
memory in order; channels merged into groups with zeros between.
"""

from __future__ import annotations

from gradlab.arrays import Array, Namespace
from gradlab.ops.windows import Sizes, inner, offsets, under


def correlate_apart(
    xp: Namespace, pixels: Array, weight: Array, out: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """Pixels (N, …, C), padded as needed, and a weight (C · m, 1, …kernel…) to pixels of C · m."""
    weight = _weight_apart(pixels, weight)
    pixels = pixels[..., None]
    result = xp.zeros((pixels.shape[0], *out, *weight.shape[:2]), pixels.dtype)
    product = xp.empty_like(result)
    for offset in offsets(weight.shape[2:]):
        part = pixels[under(offset, out, stride, dilation)]
        xp.multiply(part, _along_line(xp, weight, offset, out), out=product)
        result += product
    return result.reshape(*result.shape[:-2], -1)


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
    for offset in offsets(weight.shape[2:]):
        product = g * _along_line(xp, weight, offset, tuple(out))
        part = product[..., 0] if weight.shape[1] == 1 else xp.add.reduce(product, axis=-1)
        result[under(offset, tuple(out), stride, dilation)] += part
    return result[inner(spatial, padding)]


def to_weight_apart(
    xp: Namespace, pixels: Array, g: Array, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """The gradient (C · m, 1, …kernel…) of a weight, from padded pixels and that of the result."""
    n, *out, o = g.shape
    c = pixels.shape[-1]
    g = g.reshape(n, *out, c, o // c)
    pixels = pixels[..., None]
    result = xp.empty((c, o // c, *kernel), g.dtype)
    ones, product = xp.ones(g.size // o, g.dtype), xp.empty_like(g)
    for offset in offsets(kernel):
        part = pixels[under(offset, tuple(out), stride, dilation)]
        xp.multiply(part, g, out=product)
        result[(..., *offset)] = (ones @ product.reshape(-1, o)).reshape(c, o // c)
    return result.reshape(o, 1, *kernel)


def _along_line(xp: Namespace, weight: Array, offset: Sizes, out: Sizes) -> Array:
    """One place of a kernel for a whole line of pixels: half the time of one for each pixel."""
    place = weight[(..., *offset)]
    return xp.broadcast_to(place, (out[-1], *place.shape)).copy()


def _weight_apart(pixels: Array, weight: Array) -> Array:
    c = pixels.shape[-1]
    return weight.reshape(c, weight.shape[0] // c, *weight.shape[2:])
