"""Pictures made larger or smaller: each new number a mixture of a few old ones.

One dimension after the other. Which old ones (``taps``) and in which shares depends on the mode:
one for ``nearest``, two for ``linear``, four for ``cubic``; with antialiasing as many as the new
one covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace, dtype_of
from gradlab.op import op
from gradlab.ops.windows import Sizes, along_dims
from gradlab.samples import call, draw

Scales = tuple[float | None, ...]

# ------------------------------------------------------------------ taps


def _taps(
    mode: str, size: int, out: int, align_corners: bool, scale: float | None, dtype: Any
) -> tuple[Array, Array]:
    """For each of ``out`` places the taps' indices, (taps, out), and their shares.

    ``scale``: how much larger the result was asked to be; None: as the sizes say.
    """
    if mode in ("nearest", "nearest-exact"):
        return _nearest(mode, size, out, scale), numpy.ones((1, out), dtype)
    if mode.endswith("-antialias"):
        return _covering(mode, size, out, align_corners, scale, dtype)
    step = _step(size, out, align_corners, scale, dtype)
    places = numpy.arange(out, dtype=dtype)
    where = places * step if align_corners else (places + dtype.type(0.5)) * step - dtype.type(0.5)
    if mode == "linear":
        where = places if out == size else numpy.maximum(where, 0)  # a copy, whatever the scale
    first = numpy.floor(where)
    share = (where - first).astype(dtype)
    index = first.astype(numpy.int64)
    if mode == "linear":
        index = numpy.minimum(index, size - 1)
        share = numpy.clip(where - index, 0, 1).astype(dtype)
        taps = numpy.stack([index, numpy.minimum(index + 1, size - 1)])
        return taps, numpy.stack([1 - share, share])
    around = numpy.stack([index - 1, index, index + 1, index + 2])
    shares = numpy.stack([_cubic(share + 1), _cubic(share), _cubic(1 - share), _cubic(2 - share)])
    return numpy.clip(around, 0, size - 1), shares.astype(dtype)


def _step(size: int, out: int, align_corners: bool, scale: float | None, dtype: Any) -> Any:
    """How far apart in the input two neighbours of the result are."""
    if align_corners:
        return dtype.type((size - 1) / (out - 1) if out > 1 else 0)
    return dtype.type(1 / scale if scale is not None and scale > 0 else size / out)


def _nearest(mode: str, size: int, out: int, scale: float | None) -> Array:
    """The index of the nearest number: in single precision whatever the dtype, as in PyTorch."""
    step = numpy.float32(1 / scale if scale is not None and scale > 0 else size / out)
    places = numpy.arange(out, dtype=numpy.float32)
    where = (places + numpy.float32(0.5)) * step if mode == "nearest-exact" else places * step
    return numpy.minimum(numpy.floor(where).astype(numpy.int64), size - 1)[None]


def _cubic(x: Array, a: float = -0.75) -> Array:
    """Keys' cubic convolution kernel at distances ``x`` of 0 to 2."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return numpy.where(x <= 1, near, far)


def _covering(
    mode: str, size: int, out: int, align_corners: bool, scale: float | None, dtype: Any
) -> tuple[Array, Array]:
    """Taps that cover all a new number stands for, so that none is left out when shrinking."""
    step = float(_step(size, out, align_corners, scale, dtype))
    stretch = max(step, 1.0)
    reach = (1 if mode.startswith("linear") else 2) * stretch
    centres = step * (numpy.arange(out) + 0.5)
    first = numpy.maximum((centres - reach + 0.5).astype(numpy.int64), 0)
    last = numpy.minimum((centres + reach + 0.5).astype(numpy.int64), size)
    offsets = numpy.arange(int((last - first).max()))[:, None]
    distance = numpy.abs(offsets + first - centres + 0.5) / stretch
    if mode.startswith("linear"):
        shares = numpy.maximum(1 - distance, 0)
    else:
        shares = numpy.where(distance < 2, _cubic(distance, -0.5), 0)
    shares = numpy.where(offsets + first < last, shares, 0)
    return numpy.minimum(offsets + first, size - 1), (shares / shares.sum(0)).astype(dtype)


# ------------------------------------------------------------------ the two kernels


def _all_taps(
    mode: str, before: Sizes, after: Sizes, align_corners: bool, scales: Scales, dtype: Any
) -> list[tuple[Array, Array]]:
    return [
        _taps(mode, size, out, align_corners, scale, dtype)
        for size, out, scale in zip(before, after, scales, strict=True)
    ]


def _resampled(
    xp: Namespace, input: Array, mode: str, out: Sizes, align_corners: bool, scales: Scales
) -> Array:
    first = input.ndim - len(out)
    array, dtype = _widened(input)
    taps = _all_taps(mode, input.shape[first:], out, align_corners, scales, dtype)
    for dim, (index, shares) in enumerate(taps, start=first):
        parts = [array.take(xp.asarray(one), axis=dim) for one in index]
        if mode.startswith("nearest"):
            (array,) = parts
            continue
        shape = [1] * array.ndim
        shape[dim] = out[dim - first]
        array = sum(
            part * xp.asarray(share).reshape(shape)
            for part, share in zip(parts, shares, strict=True)
        )
    return array.astype(input.dtype, copy=False)


def _widened(input: Array) -> tuple[Array, Any]:
    """Numbers to mix, in single precision at least, and the dtype of their shares."""
    if input.dtype == arrays.float16.numpy:
        return input.astype(numpy.float32), numpy.dtype(numpy.float32)
    return input, input.dtype


def _put_back(
    xp: Namespace,
    g: Array,
    shape: Sizes,
    mode: str,
    align_corners: bool,
    scales: Scales,
) -> Array:
    dims = len(scales)
    array, dtype = _widened(g)
    matrices: list[Array | None] = []
    for size, (index, shares) in zip(
        shape[-dims:],
        _all_taps(mode, shape[-dims:], g.shape[-dims:], align_corners, scales, dtype),
        strict=True,
    ):
        matrix = numpy.zeros((size, index.shape[1]), dtype)
        for one, share in zip(index, shares, strict=True):
            matrix[one, numpy.arange(len(one))] += share
        matrices.append(xp.asarray(matrix))
    return along_dims(xp, array, matrices).astype(g.dtype, copy=False)


# ------------------------------------------------------------------ operations


_OUTPUT_SIZE = dict(output_size=lambda shape: shape[2:])


@op(
    latex=r"\textstyle\sum_{\text{taps}} w \, input",
    grad=dict(
        input=(
            lambda g, xp, input_shape, how, align_corners, scales: xp.resample_backward(
                g, input_shape, how, align_corners, scales
            ),
            r"\textstyle\sum_{\text{taps}} w \, g",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(1, 2, 3), "linear", (5,), False, (None,)),),
)
def resample(
    xp: Namespace, input: Array, how: str, output_size: Sizes, align_corners: bool, scales: Scales
) -> Array:
    """The last dimensions with other sizes; what the gradient of ``resample_backward`` is."""
    return _resampled(xp, input, how, output_size, align_corners, scales)


@op(
    latex=r"\textstyle\sum_{\text{taps}} w \, gradient",
    grad=dict(
        gradient=(
            lambda g, xp, gradient_shape, how, align_corners, scales: xp.resample(
                g, how, gradient_shape[-len(scales) :], align_corners, scales
            ),
            r"\textstyle\sum_{\text{taps}} w \, g",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(1, 2, 5), (1, 2, 3), "linear", False, (None,)),
        call(draw(1, 1, 5, 2), (1, 1, 3, 3), "cubic", True, (None, 1.5)),
    ),
)
def resample_backward(
    xp: Namespace, gradient: Array, shape: Sizes, how: str, align_corners: bool, scales: Scales
) -> Array:
    """The gradient of the input, of ``shape``, of a picture with another size."""
    return _put_back(xp, gradient, shape, how, align_corners, scales)


_LATEX = r"\textstyle\sum_{\text{taps}} w \, g"


def _of_nearest(mode: str) -> list[dict[str, Any]]:
    """The gradients of the nearest numbers of lines, pictures and volumes."""
    one = lambda g, xp, input_shape, scales: xp.resample_backward(  # noqa: E731
        g, input_shape, mode, False, (scales,)
    )
    two = lambda g, xp, input_shape, scales_h, scales_w: xp.resample_backward(  # noqa: E731
        g, input_shape, mode, False, (scales_h, scales_w)
    )
    three = lambda g, xp, input_shape, scales_d, scales_h, scales_w: (  # noqa: E731
        xp.resample_backward(g, input_shape, mode, False, (scales_d, scales_h, scales_w))
    )
    return [dict(input=(formula, _LATEX)) for formula in (one, two, three)]


def _of_mixture(mode: str) -> list[dict[str, Any]]:
    """The gradients of mixtures of lines, pictures and volumes."""
    one = lambda g, xp, input_shape, align_corners, scales: xp.resample_backward(  # noqa: E731
        g, input_shape, mode, align_corners, (scales,)
    )
    two = lambda g, xp, input_shape, align_corners, scales_h, scales_w: (  # noqa: E731
        xp.resample_backward(g, input_shape, mode, align_corners, (scales_h, scales_w))
    )
    three = lambda g, xp, input_shape, align_corners, scales_d, scales_h, scales_w: (  # noqa: E731
        xp.resample_backward(g, input_shape, mode, align_corners, (scales_d, scales_h, scales_w))
    )
    return [dict(input=(formula, _LATEX)) for formula in (one, two, three)]


_NEAREST = _of_nearest("nearest")
_EXACT = _of_nearest("nearest-exact")
_LINEAR = _of_mixture("linear")
_SUM = r"\textstyle\sum_{\text{taps}} w \, input"


@op(
    latex=r"{input}_{\text{nearest}}",
    grad=_NEAREST[0],
    node="UpsampleNearest1DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(call(draw(2, 2, 4), (7,), 1.7),),
)
def upsample_nearest1d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    scales: float | None = None,
) -> Array:
    """Each new number of lines the old one nearest to it."""
    check(input, output_size, "upsample_nearest1d")
    return _resampled(xp, input, "nearest", output_size, False, (scales,))


@op(
    latex=r"{input}_{\text{nearest}}",
    grad=_NEAREST[1],
    node="UpsampleNearest2DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(call(draw(2, 2, 4, 3), (7, 2), None, 1.5),),
)
def upsample_nearest2d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """Each new number of pictures the old one nearest to it."""
    check(input, output_size, "upsample_nearest2d")
    return _resampled(
        xp,
        input,
        "nearest",
        output_size,
        False,
        (
            scales_h,
            scales_w,
        ),
    )


@op(
    latex=r"{input}_{\text{nearest}}",
    grad=_NEAREST[2],
    node="UpsampleNearest3DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(call(draw(2, 2, 4, 3, 2), (7, 2, 3), None, None, None),),
)
def upsample_nearest3d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    scales_d: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """Each new number of volumes the old one nearest to it."""
    check(input, output_size, "upsample_nearest3d")
    return _resampled(
        xp,
        input,
        "nearest",
        output_size,
        False,
        (
            scales_d,
            scales_h,
            scales_w,
        ),
    )


@op(
    latex=r"{input}_{\text{nearest}}",
    grad=_EXACT[0],
    node="UpsampleNearestExact1DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(call(draw(2, 2, 4), (7,), 1.7),),
)
def upsample_nearest_exact1d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    scales: float | None = None,
) -> Array:
    """Each new number of lines the old one nearest to it, from middle to middle."""
    check(input, output_size, "upsample_nearest_exact1d")
    return _resampled(xp, input, "nearest-exact", output_size, False, (scales,))


@op(
    latex=r"{input}_{\text{nearest}}",
    grad=_EXACT[1],
    node="UpsampleNearestExact2DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(call(draw(2, 2, 4, 3), (7, 2), None, 1.5),),
)
def upsample_nearest_exact2d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """Each new number of pictures the old one nearest to it, from middle to middle."""
    check(input, output_size, "upsample_nearest_exact2d")
    return _resampled(
        xp,
        input,
        "nearest-exact",
        output_size,
        False,
        (
            scales_h,
            scales_w,
        ),
    )


@op(
    latex=r"{input}_{\text{nearest}}",
    grad=_EXACT[2],
    node="UpsampleNearestExact3DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(call(draw(2, 2, 4, 3, 2), (7, 2, 3), None, None, None),),
)
def upsample_nearest_exact3d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    scales_d: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """Each new number of volumes the old one nearest to it, from middle to middle."""
    check(input, output_size, "upsample_nearest_exact3d")
    return _resampled(
        xp,
        input,
        "nearest-exact",
        output_size,
        False,
        (
            scales_d,
            scales_h,
            scales_w,
        ),
    )


@op(
    latex=_SUM,
    grad=_LINEAR[0],
    node="UpsampleLinear1DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(
        call(draw(2, 2, 4), (7,), False, 1.7),
        call(draw(2, 2, 4), (2,), True, None),
    ),
)
def upsample_linear1d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    align_corners: bool,
    scales: float | None = None,
) -> Array:
    """Each new number of lines on the straight line between two old ones."""
    check(input, output_size, "upsample_linear1d", floats=True)
    return _resampled(xp, input, "linear", output_size, align_corners, (scales,))


@op(
    latex=_SUM,
    grad=_LINEAR[1],
    node="UpsampleBilinear2DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(
        call(draw(2, 2, 4, 3), (7, 2), False, 1.7, None),
        call(draw(2, 2, 4, 3), (2, 5), True, None, None),
    ),
)
def upsample_bilinear2d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    align_corners: bool,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """Each new number of pictures between the four old ones around it."""
    check(input, output_size, "upsample_bilinear2d", floats=True)
    return _resampled(
        xp,
        input,
        "linear",
        output_size,
        align_corners,
        (
            scales_h,
            scales_w,
        ),
    )


@op(
    latex=_SUM,
    grad=_LINEAR[2],
    node="UpsampleTrilinear3DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(
        call(draw(2, 2, 4, 3, 2), (7, 2, 3), False, 1.7, None, 2.0),
        call(draw(2, 2, 4, 3, 2), (2, 5, 4), True, None, None, None),
    ),
)
def upsample_trilinear3d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    align_corners: bool,
    scales_d: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """Each new number of volumes between the eight old ones around it."""
    check(input, output_size, "upsample_trilinear3d", floats=True)
    return _resampled(
        xp,
        input,
        "linear",
        output_size,
        align_corners,
        (
            scales_d,
            scales_h,
            scales_w,
        ),
    )


@op(
    latex=_SUM,
    grad=_of_mixture("cubic")[1],
    node="UpsampleBicubic2DBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(
        call(draw(2, 2, 4, 3), (7, 2), False, 1.7, None),
        call(draw(2, 2, 4, 3), (2, 5), True, None, None),
    ),
)
def upsample_bicubic2d(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    align_corners: bool,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """Each new number of pictures on a smooth surface through the 16 old ones around it."""
    check(input, output_size, "upsample_bicubic2d", floats=True)
    return _resampled(
        xp,
        input,
        "cubic",
        output_size,
        align_corners,
        (
            scales_h,
            scales_w,
        ),
    )


@op(
    latex=_SUM,
    grad=_of_mixture("linear-antialias")[1],
    node="UpsampleBilinear2DAaBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(
        call(draw(2, 2, 4, 3), (7, 2), False, 1.7, None),
        call(draw(2, 2, 4, 3), (2, 5), True, None, None),
    ),
)
def upsample_bilinear2d_aa(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    align_corners: bool,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """As ``upsample_bilinear2d``, from all old numbers that a new one covers."""
    check(input, output_size, "upsample_bilinear2d_aa", floats=True)
    return _resampled(
        xp,
        input,
        "linear-antialias",
        output_size,
        align_corners,
        (
            scales_h,
            scales_w,
        ),
    )


@op(
    latex=_SUM,
    grad=_of_mixture("cubic-antialias")[1],
    node="UpsampleBicubic2DAaBackward0",
    saved=_OUTPUT_SIZE,
    public=False,
    method=False,
    samples=(
        call(draw(2, 2, 4, 3), (7, 2), False, 1.7, None),
        call(draw(2, 2, 4, 3), (2, 5), True, None, None),
    ),
)
def upsample_bicubic2d_aa(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    align_corners: bool,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Array:
    """As ``upsample_bicubic2d``, from all old numbers that a new one covers."""
    check(input, output_size, "upsample_bicubic2d_aa", floats=True)
    return _resampled(
        xp,
        input,
        "cubic-antialias",
        output_size,
        align_corners,
        (
            scales_h,
            scales_w,
        ),
    )


# ------------------------------------------------------------------ checks


def check(input: Array, output_size: Sequence[int], name: str, *, floats: bool = False) -> None:
    """Raise PyTorch's error for sizes and dtypes that can't be."""
    spatial = input.shape[2:]
    if min((*spatial, *output_size)) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input "
            f"({_named(spatial)}) output ({_named(output_size)})"
        )
    if math.prod(input.shape[1:]) == 0:
        raise RuntimeError(
            f"Non-empty {input.ndim}D data tensor expected but got a tensor with sizes "
            f"{list(input.shape)}"
        )
    if input.dtype.kind != "f" and (floats or input.dtype != arrays.uint8.numpy):
        raise NotImplementedError(
            f"\"{name}_channels_last\" not implemented for '{dtype_of(input).type_name}'. "
            "Convert it, with .float() for example."
        )


def _named(sizes: Sequence[int]) -> str:
    return ", ".join(f"{axis}: {n}" for axis, n in zip("DHW"[-len(sizes) :], sizes, strict=True))
