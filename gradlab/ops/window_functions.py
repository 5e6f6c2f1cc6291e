"""Window functions of signal processing: numbers that rise to 1 in the middle and fall again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite
from gradlab.ops.creation import finished
from gradlab.tensor import Tensor


def _window(
    name: str,
    length: int,
    periodic: bool,
    shape: Callable[[Namespace, Array, int], Array],
    dtype: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    """The window that ``shape(xp, places, number of places)`` gives."""
    wanted = arrays.get_default_dtype() if dtype is None else arrays.as_dtype(dtype, name)
    if not wanted.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {wanted!r}")
    if length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={length}"
        )
    xp = arrays.namespace(device)
    if length < 2:
        return finished(xp.ones(length, wanted.numpy), device, requires_grad)
    count = length + 1 if periodic else length  # a period goes on to where the next begins
    made = shape(xp, xp.arange(count).astype(wanted.numpy), count)[:length]
    return finished(made.astype(wanted.numpy, copy=False), device, requires_grad)


@composite(method=False)
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One wave of a cosine, turned over: ``alpha - beta * cos``.

    ``periodic``: without the last place of a symmetric window, as Fourier transforms want it.
    Raises RuntimeError for a negative length and for dtypes that are not floating-point.

    >>> import gradlab as gl
    >>> gl.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """

    def shape(xp: Namespace, places: Array, count: int) -> Array:
        return xp.cos(places * (2 * math.pi / (count - 1))) * -beta + alpha

    return _window("hamming_window", window_length, periodic, shape, dtype, device, requires_grad)


@composite(method=False)
def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One wave of a cosine, turned over, from 0 to 1; arguments as of ``hamming_window``.

    >>> import gradlab as gl
    >>> gl.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def shape(xp: Namespace, places: Array, count: int) -> Array:
        return xp.cos(places * (2 * math.pi / (count - 1))) * -0.5 + 0.5

    return _window("hann_window", window_length, periodic, shape, dtype, device, requires_grad)


@composite(method=False)
def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A sum of two cosines, flatter at the ends; arguments as of ``hamming_window``.

    >>> import gradlab as gl
    >>> gl.blackman_window(4, dtype=gl.float64)[2]
    tensor(1., dtype=torch.float64)
    """

    def shape(xp: Namespace, places: Array, count: int) -> Array:
        angle = places * (math.pi / (count - 1))
        return xp.cos(angle * 4) * 0.08 - xp.cos(angle * 2) * 0.5 + 0.42

    return _window("blackman_window", window_length, periodic, shape, dtype, device, requires_grad)


@composite(method=False)
def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A straight line up and one down again; arguments as of ``hamming_window``.

    >>> import gradlab as gl
    >>> gl.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def shape(xp: Namespace, places: Array, count: int) -> Array:
        line = places * (2 / (count - 1))
        middle = ((count - 1) >> 1) + 1
        return xp.concatenate([line[:middle], line[middle:] * -1 + 2])

    return _window("bartlett_window", window_length, periodic, shape, dtype, device, requires_grad)


@composite(method=False)
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A Bessel function's bell, the narrower the larger ``beta``; else as ``hamming_window``.

    >>> import gradlab as gl
    >>> gl.kaiser_window(4)[2]
    tensor(1.)
    """

    def shape(xp: Namespace, places: Array, count: int) -> Array:
        across = places.astype(numpy.float64) * (2 / (count - 1)) - 1
        return xp.i0(beta * xp.sqrt(xp.maximum(0, 1 - across * across))) / xp.i0(
            xp.asarray(float(beta))
        )

    return _window("kaiser_window", window_length, periodic, shape, dtype, device, requires_grad)
