"""Pictures looked up at places between their pixels: grids, and what lies at their points.

A grid's points are (x, y), or (x, y, z) in volumes, from -1 to 1 over the whole picture. With
``align_corners`` that is from the middle of the first pixel to the middle of the last one, else
from edge to edge.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

from gradlab import arrays
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor

Taps = list[tuple[Any, Any]]
"""Along one dimension: places of pixels, which are whole numbers, and how much each counts."""

_UNSAID = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)

# ------------------------------------------------------------------ grids


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid at whose points a picture looks turned, moved and stretched by ``theta``.

    ``theta``: for each picture a matrix (N, 2, 3), or (N, 3, 4) for volumes. ``size``: the shape of
    the pictures that ``grid_sample`` is to make, (N, C, H, W) or (N, C, D, H, W). The result is
    (N, H, W, 2) or (N, D, H, W, 3). Raises ValueError for shapes that don't fit.

    >>> import gradlab as gl
    >>> as_it_is = gl.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> affine_grid(as_it_is, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    _check_sizes(theta, size)
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if align_corners is None:
        warnings.warn(_UNSAID, UserWarning, stacklevel=2)
    batch, _, *lengths = size
    lines = [_points(theta, length, bool(align_corners)) for length in lengths]
    crossed = FUNCTIONS["meshgrid"](*lines, indexing="ij")
    one = FUNCTIONS["ones_like"](crossed[0])
    base = FUNCTIONS["stack"]([*crossed[::-1], one], dim=-1).reshape(1, -1, len(lengths) + 1)
    grid = base.expand(batch, -1, -1).bmm(theta.transpose(1, 2))
    return grid.view(batch, *lengths, len(lengths))  # type: ignore[no-any-return]


def _check_sizes(theta: Any, size: Any) -> None:
    for dims in (2, 3):
        if len(size) == dims + 2:
            if theta.dim() != 3 or tuple(theta.shape[1:]) != (dims, dims + 1):
                raise ValueError(
                    f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for "
                    f"size {size}. "
                    f"Got {theta.shape}."
                )
            return
    raise NotImplementedError(
        "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
        f"Got size {size}."
    )


def _points(like: Any, count: int, align_corners: bool) -> Any:
    """The middles of pixels, from -1 to 1."""
    if count <= 1:
        return like.new_zeros(count)
    points = FUNCTIONS["linspace"](-1, 1, count, dtype=like.dtype, device=like.device)
    return points if align_corners else points * ((count - 1) / count)


# ------------------------------------------------------------------ sampling


def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """What lies in pictures (N, C, H, W) at the points of a grid (N, h, w, 2): (N, C, h, w).

    Or in volumes (N, C, D, H, W), at (N, d, h, w, 3). ``mode``: "bilinear" takes the four pixels
    around a point by their distances, "nearest" the nearest one, "bicubic" sixteen of a picture.
    ``padding_mode``, for points outside: "zeros", "border", the nearest pixel of the border, or
    "reflection", the picture mirrored there. Both have gradients; of "nearest", only the pictures.
    Raises ValueError for other modes, RuntimeError for shapes that don't fit.

    >>> import gradlab as gl
    >>> picture = gl.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> grid_sample(picture, gl.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[2.5000]]]])
    """
    _check_modes(mode, padding_mode, input)
    _check_shapes(input, grid)
    if align_corners is None:
        warnings.warn(_UNSAID, UserWarning, stacklevel=2)
    batch, channels, *lengths = input.shape
    folded = _PADDINGS[padding_mode]
    taps_by_dim: list[Taps] = []
    for dim, length in enumerate(reversed(lengths)):
        place = _pixels(grid[..., dim], length, bool(align_corners))
        if mode != "bicubic":
            place = folded(place, length, bool(align_corners))
        taps = _TAPS[mode](place)
        if mode == "bicubic":
            taps = [(folded(at, length, bool(align_corners)), share) for at, share in taps]
        taps_by_dim.insert(0, taps)
    flat = input.reshape(batch, channels, -1)
    total: Any = 0
    for around in itertools.product(*taps_by_dim):
        index, share = _flat_index(around, lengths)
        wanted = index.view(batch, 1, -1).expand(-1, channels, -1)
        values = flat.gather(2, wanted).view(batch, channels, *grid.shape[1:-1])
        total = total + values * share.unsqueeze(1)
    return total  # type: ignore[no-any-return]


def _flat_index(taps: Any, lengths: list[int]) -> tuple[Any, Any]:
    """Where in the flattened picture the pixel is, and its share: 0 outside."""
    index, share = 0, 1
    for (at, part), length in zip(taps, lengths, strict=True):
        inside = (at >= 0) & (at <= length - 1)
        index = index * length + at.clamp(0, length - 1).to(arrays.int64)
        share = share * part * inside
    return index, share


def _pixels(coordinate: Any, length: int, align_corners: bool) -> Any:
    """Coordinates from -1 to 1 counted in pixels."""
    if align_corners:
        return (coordinate + 1) / 2 * (length - 1)
    return ((coordinate + 1) * length - 1) / 2


# ------------------------------------------------------------------ points outside


def _as_it_is(place: Any, length: int, align_corners: bool) -> Any:
    return place


def _to_border(place: Any, length: int, align_corners: bool) -> Any:
    """The nearest place inside; on the border and beyond it no gradient passes."""
    inside = (place > 0) & (place < length - 1)
    return FUNCTIONS["where"](inside, place, place.detach().clamp(0, length - 1))


def _mirrored(place: Any, length: int, align_corners: bool) -> Any:
    """The place that is seen in mirrors at the border: pixels' middles, or their edges."""
    low, high = (0.0, length - 1.0) if align_corners else (-0.5, length - 0.5)
    span = high - low
    if span == 0:
        return place * 0
    beyond = (place - low).abs()
    rest = beyond.fmod(span)
    even = (beyond.detach() / span).floor() % 2 == 0
    return _to_border(FUNCTIONS["where"](even, rest, span - rest) + low, length, align_corners)


_PADDINGS: dict[str, Callable[[Any, int, bool], Any]] = {
    "zeros": _as_it_is,
    "border": _to_border,
    "reflection": _mirrored,
}


# ------------------------------------------------------------------ the pixels around a point


def _two(place: Any) -> Taps:
    first = place.detach().floor()
    share = place - first
    return [(first, 1 - share), (first + 1, share)]


def _one(place: Any) -> Taps:
    nearest = place.detach().round()
    return [(nearest, FUNCTIONS["ones_like"](nearest))]


def _four(place: Any) -> Taps:
    """Cubic convolution with the factor -0.75."""
    first = place.detach().floor()
    t = place - first
    shares = [_far(t + 1), _near(t), _near(1 - t), _far(2 - t)]
    return [(first + i - 1, share) for i, share in enumerate(shares)]


def _near(x: Any, a: float = -0.75) -> Any:
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _far(x: Any, a: float = -0.75) -> Any:
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


_TAPS: dict[str, Callable[[Any], Taps]] = {"bilinear": _two, "nearest": _one, "bicubic": _four}


# ------------------------------------------------------------------ checks


def _check_modes(mode: str, padding_mode: str, input: Any) -> None:
    if mode not in _TAPS:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in _PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if mode == "bicubic" and input.dim() == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _check_shapes(input: Any, grid: Any) -> None:
    sizes = f"input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got {sizes}"
        )
    dims = input.dim() - 2
    if grid.shape[-1] != dims:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {dims} in last dimension, but got grid "
            f"with sizes {list(grid.shape)}"
        )
    if dims not in (2, 3) or grid.dim() != input.dim():
        wanted = f"{dims + 2}D" if dims in (2, 3) else "4D or 5D"
        raise RuntimeError(
            f"grid_sampler(): expected {wanted} input and grid with same number of dimensions, but "
            f"got {sizes}"
        )
    if 0 in input.shape[2:]:
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
            f"sizes {list(input.shape)} with dimension {input.shape.index(0, 2)} being empty"
        )
