"""Pictures made larger or smaller, and taken apart into windows, as functions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from gradlab.nn.functions.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
)
from gradlab.ops import fold as columns
from gradlab.ops import interpolate as resampling
from gradlab.tensor import Tensor

_MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
_DIMS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_NEAREST = {
    "nearest": (
        resampling.upsample_nearest1d,
        resampling.upsample_nearest2d,
        resampling.upsample_nearest3d,
    ),
    "nearest-exact": (
        resampling.upsample_nearest_exact1d,
        resampling.upsample_nearest_exact2d,
        resampling.upsample_nearest_exact3d,
    ),
}
_MIXED = {
    "linear": resampling.upsample_linear1d,
    "bilinear": resampling.upsample_bilinear2d,
    "bicubic": resampling.upsample_bicubic2d,
    "trilinear": resampling.upsample_trilinear3d,
}
_ANTIALIASED = {
    "bilinear": resampling.upsample_bilinear2d_aa,
    "bicubic": resampling.upsample_bicubic2d_aa,
}


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Lines (N, C, L), pictures (N, C, H, W) or volumes made as large as ``size`` says.

    Or larger by ``scale_factor``. ``mode``: ``"nearest"``, ``"nearest-exact"``, ``"area"``, or by
    dimension ``"linear"``, ``"bilinear"``, ``"bicubic"``, ``"trilinear"``. ``align_corners``: the
    corners' middles stay in place, not their edges. ``recompute_scale_factor``: reckon with the
    factor that the rounded sizes make. ``antialias``: take all numbers into account when shrinking.
    Raises ValueError or NotImplementedError for options that don't go together.

    >>> import gradlab as gl
    >>> interpolate(gl.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    >>> interpolate(gl.tensor([[[1.0, 2.0]]]), size=3, mode="linear", align_corners=True)
    tensor([[[1.0000, 1.5000, 2.0000]]])
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    shape = input._array.shape
    sizes, scales = _asked(shape, size, scale_factor)
    if recompute_scale_factor:
        if size is not None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        scales = (None,) * len(sizes)
    dims = len(shape) - 2
    if antialias and (mode not in _ANTIALIASED or dims != 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if dims not in (1, 2, 3) or mode not in (*_NEAREST, *_MIXED, "area"):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {len(shape)}D) for the "
            f"modes: {_MODES} (got {mode})"
        )
    if mode in _NEAREST:
        return _NEAREST[mode][dims - 1](input, sizes, *scales)  # type: ignore[no-any-return]
    if mode == "area":
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
        return pool[dims - 1](input, sizes)
    if _DIMS[mode] != dims:
        raise NotImplementedError(
            f"Got {len(shape)}D input, but {mode} mode needs {_DIMS[mode] + 2}D input"
        )
    resample = _ANTIALIASED[mode] if antialias else _MIXED[mode]
    return resample(input, sizes, align_corners, *scales)  # type: ignore[no-any-return]


def _asked(
    shape: tuple[int, ...], size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The sizes asked for, and the factors where these were given."""
    dims = len(shape) - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    name, given = ("output size", size) if scale_factor is None else ("scale_factor", scale_factor)
    values = tuple(given) if isinstance(given, Sequence) else (given,) * dims
    if len(values) != dims:
        form = "(o1, o2, ...,oK)" if scale_factor is None else "(s1, s2, ...,sK)"
        shown = "output size of" if scale_factor is None else "scale_factor of shape"
        both = "Input and output" if scale_factor is None else "Input and scale_factor"
        raise ValueError(
            f"{both} must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {list(shape[2:])} and {shown} {given}. Please provide input tensor in "
            f"(N, C, d1, d2, ...,dK) format and {name} in {form} format."
        )
    if scale_factor is None:
        return tuple(int(n) for n in values), (None,) * dims
    factors = tuple(float(f) for f in values)
    return (
        tuple(math.floor(n * f) for n, f in zip(shape[2:], factors, strict=True)),
        factors,
    )


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The older name of ``interpolate``, which it warns of.

    >>> import warnings
    >>> import gradlab as gl
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample(gl.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    _warn_of("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The older name of ``interpolate`` with mode "nearest", which it warns of.

    >>> import warnings
    >>> import gradlab as gl
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample_nearest(gl.tensor([[[1.0, 2.0]]]), size=3)
    tensor([[[1., 1., 2.]]])
    """
    _warn_of("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The older name of ``interpolate`` in mode "bilinear" with aligned corners; it warns of it.

    >>> import warnings
    >>> import gradlab as gl
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample_bilinear(gl.tensor([[[[1.0, 2.0]]]]), size=(1, 3))
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """
    _warn_of("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn_of(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


# ------------------------------------------------------------------ windows as columns


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Each window of pictures as a column: (N, C, H, W) to (N, C · kernel, windows).

    Or (C, H, W) to (C · kernel, windows). Raises RuntimeError for windows that don't fit.

    >>> import gradlab as gl
    >>> unfold(gl.arange(9.0).view(1, 3, 3), 2)
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]])
    """
    named = dict(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    lengths = [_pair(one, name) for name, one in named.items()]
    return columns.im2col(input, *lengths)  # type: ignore[no-any-return]


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Columns as windows of pictures of ``output_size``, added up where they overlap.

    Puts together what ``unfold`` took apart: (N, C · kernel, windows) to (N, C, H, W). Raises
    RuntimeError for another number of windows.

    >>> import gradlab as gl
    >>> fold(gl.ones(4, 4), (3, 3), 2)
    tensor([[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]])
    """
    named = dict(
        output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding,
        stride=stride,
    )  # fmt: skip
    lengths = [_pair(one, name) for name, one in named.items()]
    return columns.col2im(input, *lengths)  # type: ignore[no-any-return]


def _pair(given: Any, name: str) -> tuple[int, int]:
    pair = (given, given) if isinstance(given, int) else tuple(given)
    if len(pair) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(pair)}")
    return pair
