"""Windows: what convolution and pooling slide over pictures. Kernels on raw arrays, no operations.

Kernels work on *pixels*: arrays (N, …spatial…, C), in which the channels of one pixel lie side by
side, as matrix products and strided loops like them. Tensors have the shape (N, C, …spatial…); a
picture that a kernel made is such a tensor over memory in the order of pixels, and the next kernel
reads it where it is. No layer copies between the two orders. A learner never sees this: whoever
looks at how such a tensor lies in memory finds it put in order first (``tensor.in_order``).

Lengths of kernel, stride, padding and dilation are tuples, one number per spatial dimension.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy

from gradlab.arrays import Array, Namespace
from gradlab.ops.storage import strided

Sizes = tuple[int, ...]


def pixels_of(picture: Array) -> Array:
    """(N, C, …) seen as (N, …, C)."""
    return picture.transpose(0, *range(2, picture.ndim), 1)


def picture_of(pixels: Array) -> Array:
    """(N, …, C) seen as (N, C, …)."""
    last = pixels.ndim - 1
    return pixels.transpose(0, last, *range(1, last))


def settled(xp: Namespace, pixels: Array) -> Array:
    """Pixels as a picture that lies in memory without gaps: in order, or pixel by pixel.

    Lines lie in order: what is short isn't worth hiding.
    """
    picture = picture_of(pixels)
    if picture.ndim == 3:
        return xp.ascontiguousarray(picture)
    return picture if picture.flags.c_contiguous else picture_of(xp.ascontiguousarray(pixels))


def windows_along(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """How many windows fit along one dimension."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def padded(
    xp: Namespace, pixels: Array, padding: Sizes, after: Sizes | None = None, value: Any = 0
) -> Array:
    """Pixels with ``padding`` more of them before and ``after`` (else as many) behind."""
    after = padding if after is None else after
    if not any(padding) and not any(after):
        return pixels
    n, *spatial, c = pixels.shape
    sizes = [p + size + q for size, p, q in zip(spatial, padding, after, strict=True)]
    # Filling only the border would save a third of this copy, which is 3 % of a 3 x 3 layer.
    zeros = xp.zeros((n, *sizes, c), pixels.dtype)
    if value:
        zeros += zeros.dtype.type(value)
    zeros[inner(spatial, padding)] = pixels
    return zeros


def inner(spatial: Any, padding: Sizes) -> tuple[slice, ...]:
    """The index of what lies inside the padding."""
    return (slice(None), *(slice(p, p + n) for n, p in zip(spatial, padding, strict=True)))


def offsets(kernel: Sizes) -> Iterator[Sizes]:
    """The places in a window, row by row."""
    return itertools.product(*map(range, kernel))


def under(offset: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> tuple[slice, ...]:
    """The index of the pixels that lie under one place of all windows: (N, …out…, C)."""
    return (
        slice(None),
        *(
            slice(o * d, o * d + (n - 1) * s + 1, s) if n else slice(0)
            for o, n, s, d in zip(offset, out, stride, dilation, strict=True)
        ),
    )


def windows(
    xp: Namespace, pixels: Array, kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """A view of all windows: (N, …out…, …kernel…, C)."""
    first, *steps, last = pixels.strides
    between = [step * s for step, s in zip(steps, stride, strict=True)]
    within = [step * d for step, d in zip(steps, dilation, strict=True)]
    shape = (pixels.shape[0], *out, *kernel, pixels.shape[-1])
    strides = (first, *between, *within, last)
    if xp is numpy and pixels.flags.c_contiguous:  # 1 µs; the general way takes 17
        return numpy.ndarray(shape, pixels.dtype, pixels, 0, strides)
    return strided(pixels, shape, strides)


def rows_of_windows(
    xp: Namespace, pixels: Array, kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """A matrix with a row for each window, the channels of one pixel side by side."""
    count = pixels.shape[0] * math.prod(out)
    if math.prod(kernel) == 1:
        return pixels[under((0,) * len(kernel), out, stride, dilation)].reshape(
            count, pixels.shape[-1]
        )
    view = windows(xp, pixels, kernel, out, stride, dilation)
    return view.reshape(count, math.prod(kernel) * pixels.shape[-1])


def rows_by_channel(
    xp: Namespace, pixels: Array, kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """A matrix with a row for each window, in the order of a weight: the kernel of one channel.

    Copied place by place: the same in one strided copy takes 2 to 3 times as long.
    """
    n, c = pixels.shape[0], pixels.shape[-1]
    result = xp.empty((n, *out, c, *kernel), pixels.dtype)
    for offset in offsets(kernel):
        result[(..., *offset)] = pixels[under(offset, out, stride, dilation)]
    return result.reshape(n * math.prod(out), c * math.prod(kernel))


def rows_by_plane(
    xp: Namespace, pixels: Array, kernel: Sizes, out: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """As ``rows_by_channel``, transposed in memory: half the time where there is one channel."""
    n, c = pixels.shape[0], pixels.shape[-1]
    result = xp.empty((c, *kernel, n, *out), pixels.dtype)
    planes = pixels.transpose(pixels.ndim - 1, *range(pixels.ndim - 1))
    for offset in offsets(kernel):
        everywhere = under(offset, out, stride, dilation)
        result[(slice(None), *offset)] = planes[(slice(None), *everywhere)]
    return result.reshape(c * math.prod(kernel), n * math.prod(out)).T


def along_dims(xp: Namespace, array: Array, matrices: list[Array | None]) -> Array:
    """Each of the last dimensions multiplied by its matrix (new size, old size), if it has one."""
    first = array.ndim - len(matrices)
    for dim, matrix in enumerate(matrices, start=first):
        if matrix is None:
            continue
        if dim == array.ndim - 1:
            array = array @ matrix.T
        else:  # matrix times matrix for all dimensions before, the ones behind as one
            shape = array.shape
            flat = array.reshape(*shape[: dim + 1], math.prod(shape[dim + 1 :]))
            array = (matrix @ flat).reshape(*shape[:dim], len(matrix), *shape[dim + 1 :])
    return array
