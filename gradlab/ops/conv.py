"""Convolution: every kernel weight times every window of a picture.

All convolutions are one trilinear form of a picture x, a weight w and a result y: the sum of all
products ``x · w · y`` in which a weight meets a pixel in making a result. Convolution is its
gradient with respect to y, transposed convolution that with respect to x, and the third, with
respect to w, is what training needs. The three are declared here, and each one's gradients are the
other two, to any order.

How they are computed was decided by measuring (one thread; a 3 x 3 layer of 64 channels on
8 x 64 x 16 x 16: forward and both gradients 5.3 ms, of which the three matrix products are 5.0;
PyTorch takes 4.1):

- Windows become the rows of one matrix, which is multiplied by the weights: one product that BLAS
  does at full speed. Pixels are read with the channels last, so that a row is copied in a few runs.
- A result of few pixels and many channels, as in a network's last layers, takes its windows in the
  order of the weight instead: turning 512 x 512 x 3 x 3 weights around costs more than the product.
- The gradient of the input is the convolution of the arriving gradient with the weights turned
  around, where the stride is 1; else the product is added up window place by window place.
- Groups of few channels are merged with zeros between; each channel by itself is ``depthwise``.

On a GPU, ``cudnn`` is asked first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops import cudnn
from gradlab.ops.depthwise import correlate_apart, to_input_apart, to_weight_apart
from gradlab.ops.pad import constant_pad_nd
from gradlab.ops.shape import squeeze_dim, unsqueeze
from gradlab.ops.windows import (
    Sizes,
    inner,
    offsets,
    padded,
    picture_of,
    pixels_of,
    rows_by_channel,
    rows_by_plane,
    rows_of_windows,
    settled,
    under,
    windows_along,
)
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ kernels: one group


def _correlate(
    xp: Namespace, pixels: Array, weight: Array, out: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """Pixels (N, …, C), padded as needed, and a weight (O, C, …kernel…) to pixels (N, …out…, O)."""
    n, (o, c, *kernel) = pixels.shape[0], weight.shape
    count = n * math.prod(out)
    places = (tuple(kernel), out, stride, dilation)
    if count < o:
        rows = rows_by_channel(xp, pixels, *places)
        # This way round OpenBLAS needs two thirds of the time for few rows.
        result = xp.ascontiguousarray((weight.reshape(o, -1) @ rows.T).T)
    elif c == 1:
        result = rows_by_plane(xp, pixels, *places) @ weight.reshape(o, -1).T
    else:
        result = rows_of_windows(xp, pixels, *places) @ _matrix(weight)
    return result.reshape(n, *out, o)


def _matrix(weight: Array) -> Array:
    """A weight (O, C, …kernel…) as the matrix (kernel · C, O) that rows of windows multiply."""
    o, c, *kernel = weight.shape
    spatial = range(2, weight.ndim)
    if weight.strides[0] >= weight.strides[1]:  # the copy runs along the weight's memory
        return weight.transpose(0, *spatial, 1).reshape(o, -1).T
    return weight.transpose(*spatial, 1, 0).reshape(math.prod(kernel) * c, o)


def _to_input(
    xp: Namespace,
    g: Array,
    weight: Array,
    spatial: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
) -> Array:
    """The gradient of convolved pixels of size ``spatial``, from that of the result."""
    n, *out, o = g.shape
    c, kernel = weight.shape[1], weight.shape[2:]
    count = n * math.prod(out)
    if c <= _FEW and math.prod(kernel) > 1:
        return _to_few_channels(xp, g, weight, spatial, stride, padding, dilation)
    around = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True))
    if set(stride) == {1} and count >= o and min(around) >= 0:
        turned = weight[(slice(None),) * 2 + (slice(None, None, -1),) * len(kernel)]
        return _correlate(
            xp, padded(xp, g, around), turned.swapaxes(0, 1), spatial, stride, dilation
        )
    rows = g.reshape(count, o)
    sizes = [size + 2 * p for size, p in zip(spatial, padding, strict=True)]
    if count >= 2 * o:
        turned = weight.transpose(0, *range(2, weight.ndim), 1).reshape(o, -1)
        parts = (rows @ turned).reshape(n, *out, *kernel, c)
    else:
        parts = (rows @ weight.reshape(o, -1)).reshape(n, *out, c, *kernel)
        parts = parts.transpose(
            *range(len(out) + 1), *range(len(out) + 2, parts.ndim), len(out) + 1
        )
    result = xp.zeros((n, *sizes, c), g.dtype)
    everywhere = (slice(None),) * (len(out) + 1)
    for offset in offsets(kernel):
        result[under(offset, tuple(out), stride, dilation)] += parts[(*everywhere, *offset)]
    return result[inner(spatial, padding)]


_FEW = 4
"""So few channels are not worth putting side by side: the planes of a picture are."""


def _to_few_channels(
    xp: Namespace,
    g: Array,
    weight: Array,
    spatial: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
) -> Array:
    """As ``_to_input``, plane by plane: a quarter of the time for 3 channels, an eighth for 1."""
    n, *out, o = g.shape
    c, kernel = weight.shape[1], weight.shape[2:]
    rows = g.reshape(n * math.prod(out), o)
    parts = (weight.reshape(o, -1).T @ rows.T).reshape(c, *kernel, n, *out)
    sizes = [size + 2 * p for size, p in zip(spatial, padding, strict=True)]
    planes = xp.zeros((c, n, *sizes), g.dtype)
    for offset in offsets(kernel):
        everywhere = under(offset, tuple(out), stride, dilation)
        planes[(slice(None), *everywhere)] += parts[(slice(None), *offset)]
    found = planes[(slice(None), *inner(spatial, padding))]
    return pixels_of(xp.ascontiguousarray(found.swapaxes(0, 1)))


def _to_weight(
    xp: Namespace, pixels: Array, g: Array, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> Array:
    """The gradient (O, C, …kernel…) of a weight, from padded pixels and that of the result."""
    n, *out, o = g.shape
    c = pixels.shape[-1]
    count = n * math.prod(out)
    g = g.reshape(count, o)
    places = (kernel, tuple(out), stride, dilation)
    if count < o:
        return (g.T @ rows_by_channel(xp, pixels, *places)).reshape(o, c, *kernel)
    if c == 1:
        return (g.T @ rows_by_plane(xp, pixels, *places)).reshape(o, c, *kernel)
    product = (g.T @ rows_of_windows(xp, pixels, *places)).reshape(o, *kernel, c)
    # In the weight's own order, for the optimizer's sake.
    return xp.ascontiguousarray(picture_of(product))


# ------------------------------------------------------------------ kernels: all groups


def _convolved(
    xp: Namespace,
    input: Array,
    weight: Array,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    if xp is not numpy:
        found = cudnn.convolved(input, weight, stride, padding, dilation)
        if found is not None:
            return pixels_of(found)
    input, weight = _at_least_single(input, weight)
    kernel = weight.shape[2:]
    out = tuple(map(windows_along, input.shape[2:], kernel, stride, padding, dilation))
    pixels = padded(xp, pixels_of(input), padding)
    if _apart(weight, groups):
        return correlate_apart(xp, pixels, weight, out, stride, dilation)
    weight, groups = _merged(xp, weight, groups, input)
    parts = [
        _correlate(xp, pixels[..., one], weight[two], out, stride, dilation)
        for one, two in _groups(weight, groups)
    ]
    return _joined(xp, parts)


def _input_gradient(
    xp: Namespace,
    g: Array,
    weight: Array,
    spatial: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    if xp is not numpy:
        found = cudnn.input_gradient(g, weight, spatial, stride, padding, dilation, groups)
        if found is not None:
            return pixels_of(found)
    g, weight = _at_least_single(g, weight)
    g = xp.ascontiguousarray(pixels_of(g))
    if _apart(weight, groups):
        return to_input_apart(xp, g, weight, spatial, stride, padding, dilation, groups)
    weight, groups = _merged(xp, weight, groups, g)
    parts = [
        _to_input(xp, g[..., two], weight[two], spatial, stride, padding, dilation)
        for _, two in _groups(weight, groups)
    ]
    return _joined(xp, parts)


def _weight_gradient(
    xp: Namespace,
    input: Array,
    g: Array,
    shape: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    if xp is not numpy:
        found = cudnn.weight_gradient(input, g, shape, stride, padding, dilation)
        if found is not None:
            return xp.ascontiguousarray(found)  # in the weight's own order, as below
    input, g = _at_least_single(input, g)
    kernel = shape[2:]
    pixels = padded(xp, pixels_of(input), padding)
    g = xp.ascontiguousarray(pixels_of(g))
    if groups > 1 and shape[1] == 1:
        return to_weight_apart(xp, pixels, g, kernel, stride, dilation)
    together = _groups_together(xp, groups, shape[1], input, g)
    count = groups // together
    c, o = shape[1] * together, shape[0] // count
    parts = [
        _to_weight(
            xp, pixels[..., i * c : i * c + c], g[..., i * o : i * o + o], kernel, stride, dilation
        )
        for i in range(count)
    ]
    found = parts[0] if count == 1 else xp.concatenate(parts)
    return found if together == 1 else _taken_apart(xp, found, groups, together)


def _apart(weight: Array, groups: int) -> bool:
    return groups > 1 and weight.shape[1] == 1


_WIDE = 16
"""Groups of fewer channels are merged into one with zeros between, of up to so many channels.

Products with zeros are wasted, but copies of longer runs and larger products gain more: forward and
both gradients of 32 groups of 4 channels take half of the time.
"""


def _groups_together(xp: Namespace, groups: int, channels: int, *operands: Array) -> int:
    """How many groups of so many channels each are computed as one: a divisor of ``groups``.

    Groups with an infinity or nan stay by themselves, as 0 times that is not 0.
    """
    most = min(groups, _WIDE // max(1, channels))
    if most < 2 or not all(xp.isfinite(xp.add.reduce(one, axis=None)) for one in operands):
        return 1
    return max(n for n in range(1, most + 1) if groups % n == 0)


def _merged(xp: Namespace, weight: Array, groups: int, other: Array) -> tuple[Array, int]:
    """A weight (O, c, …) as one of fewer and larger groups (O, r · c, …), and their number."""
    together = _groups_together(xp, groups, weight.shape[1], weight, other)
    if together == 1:
        return weight, groups
    o, c, *kernel = weight.shape
    wide = xp.zeros((o, together * c, *kernel), weight.dtype)
    blocks = wide.reshape(groups // together, together, o // groups, together, c, *kernel)
    given = weight.reshape(groups // together, together, o // groups, c, *kernel)
    for i in range(together):
        blocks[:, i, :, i] = given[:, i]
    return wide, groups // together


def _taken_apart(xp: Namespace, wide: Array, groups: int, together: int) -> Array:
    """Of the gradient of a merged weight (O, r · c, …) the part that is not between groups."""
    o, c, *kernel = wide.shape
    c //= together
    blocks = wide.reshape(groups // together, together, o // groups, together, c, *kernel)
    parts = [blocks[:, i, :, i] for i in range(together)]
    return xp.stack(parts, axis=1).reshape(o, c, *kernel)


def _groups(weight: Array, groups: int) -> list[tuple[slice, slice]]:
    """For each group its channels of the input and of the result."""
    if groups == 1:
        return [(slice(None), slice(None))]
    c, o = weight.shape[1], weight.shape[0] // groups
    return [(slice(i * c, i * c + c), slice(i * o, i * o + o)) for i in range(groups)]


def _joined(xp: Namespace, parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=-1)


def _finished(xp: Namespace, pixels: Array, dtype: Any) -> Array:
    """Pixels as the picture that a tensor holds."""
    return settled(xp, pixels.astype(dtype, copy=False))


def _at_least_single(*operands: Array) -> tuple[Array, ...]:
    """Half-precision numbers in single precision: sums of many products would lose them."""
    if operands[0].dtype == arrays.float16.numpy:
        return tuple([operand.astype(numpy.float32) for operand in operands])
    return operands


# ------------------------------------------------------------------ the three operations


def _along(xp: Any, input: Any, weight: Any, shape: Sizes, *places: Any) -> Any:
    """A convolution in a formula, without what is beyond ``shape``.

    A transposed convolution with an ``output_padding`` of its stride or more has room for a window
    more than it was made from.
    """
    *lengths, groups = places
    result = xp.convolution(input, weight, None, *lengths, False, (), groups)
    for dim, size in enumerate(shape[2:], start=2):
        if result.shape[dim] != size:
            result = xp.slice(result, dim, 0, size, 1)
    return result


_SAMPLES = (
    call(draw(2, 3, 5), draw(4, 3, 3), draw(4), [1], [0], [1], False, [0], 1),
    call(draw(2, 2, 4, 5), draw(3, 2, 3, 2), draw(3), [2, 1], [1, 0], [1, 2], False, [0, 0], 1),
    call(draw(1, 4, 4, 3), draw(2, 2, 2, 2), None, [1, 1], [1, 1], [1, 1], False, [0, 0], 2),
    call(draw(1, 2, 4, 3), draw(4, 1, 2, 2), draw(4), [2, 1], [1, 1], [1, 2], False, [0, 0], 2),
    call(draw(1, 3, 3, 3), draw(2, 3, 1, 1), draw(2), [2, 1], [0, 0], [1, 1], False, [0, 0], 1),
    call(draw(1, 2, 3, 3), draw(2, 3, 2, 3), draw(3), [1, 2], [0, 1], [1, 1], True, [0, 1], 1),
    call(draw(2, 4, 3), draw(4, 1, 3), draw(2), [2], [1], [2], True, [1], 2),
    call(draw(1, 1, 3, 3, 2), draw(2, 1, 2, 2, 2), None, [1], [1], [1], False, [0], 1),
)


@op(
    latex=r"input \star weight + bias",
    grad=dict(
        input=(
            lambda g, xp, weight, input_shape, stride, padding, dilation, transposed, groups: (
                _along(xp, g, weight, input_shape, stride, padding, dilation, groups)
                if transposed
                else xp.conv_input_grad(
                    g, weight, input_shape, stride, padding, dilation, groups
                )
            ),
            r"g \star^{\mathsf T} weight",
        ),
        weight=(
            lambda g, xp, input, weight_shape, stride, padding, dilation, transposed, groups: (
                xp.conv_weight_grad(
                    *((g, input) if transposed else (input, g)),
                    weight_shape, stride, padding, dilation, groups,
                )
            ),
            r"input \star g",
        ),
        bias=(
            lambda g, xp: xp.sum_dim(g, (0, *range(2, len(g.shape))), False),
            r"\textstyle\sum g",
        ),
    ),
    method=False,
    samples=_SAMPLES,
)  # fmt: skip
def convolution(
    xp: Namespace,
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    transposed: bool,
    output_padding: Sizes,
    groups: int = 1,
) -> Array:
    """What conv1d to conv3d and conv_transpose1d to 3d compute, with all options spelled out.

    ``input`` (N, C, …), ``weight`` (O, C / groups, …) or, ``transposed``, (C, O / groups, …),
    ``bias`` (O,) or None; the others have one number per spatial dimension. Raises RuntimeError
    for shapes that don't fit.

    >>> import gradlab as gl
    >>> x, w = gl.ones(1, 1, 3, 3), gl.ones(1, 1, 2, 2)
    >>> gl.convolution(x, w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    places = _per_dimension(input, weight, stride, padding, dilation)
    if transposed:
        extra = output_padding or (0,) * (input.ndim - 2)
        extra = _expanded("output_padding", extra, input.ndim - 2)
        spatial = _check_transposed(input, weight, bias, *places, extra, groups)
    else:
        _check(input, weight, bias, *places, groups)
    if transposed:
        pixels = _input_gradient(xp, input, weight, spatial, *places, groups)
    else:
        pixels = _convolved(xp, input, weight, *places, groups)
    if bias is not None:
        pixels += bias
    return _finished(xp, pixels, input.dtype)


@op(
    latex=r"output \star^{\mathsf T} weight",
    grad=dict(
        output=(
            lambda g, xp, weight, output_shape, stride, padding, dilation, groups: _along(
                xp, g, weight, output_shape, stride, padding, dilation, groups
            ),
            r"g \star weight",
        ),
        weight=(
            lambda g, xp, output, weight_shape, stride, padding, dilation, groups: (
                xp.conv_weight_grad(g, output, weight_shape, stride, padding, dilation, groups)
            ),
            r"g \star output",
        ),
    ),
    node="ConvolutionInputGradBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(1, 3, 2, 4), draw(3, 2, 3, 2), (1, 2, 5, 5), (2, 1), (1, 0), (1, 1), 1),
        call(draw(1, 2, 3), draw(2, 1, 3), (1, 2, 3), (1,), (1,), (1,), 2),
    ),
)
def conv_input_grad(
    xp: Namespace,
    output: Array,
    weight: Array,
    shape: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    """The gradient of a convolution's input, of ``shape``, from that of its output."""
    places = _per_dimension(output, weight, stride, padding, dilation)
    found = _input_gradient(xp, output, weight, shape[2:], *places, groups)
    return _finished(xp, found, output.dtype)


@op(
    latex=r"input \star output",
    grad=dict(
        input=(
            lambda g, xp, output, input_shape, stride, padding, dilation, groups: (
                xp.conv_input_grad(output, g, input_shape, stride, padding, dilation, groups)
            ),
            r"output \star^{\mathsf T} g",
        ),
        output=(
            lambda g, xp, input, output_shape, stride, padding, dilation, groups: _along(
                xp, input, g, output_shape, stride, padding, dilation, groups
            ),
            r"input \star g",
        ),
    ),
    node="ConvolutionWeightGradBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(1, 2, 5, 5), draw(1, 3, 2, 4), (3, 2, 3, 2), (2, 1), (1, 0), (1, 1), 1),
        call(draw(1, 2, 3), draw(1, 2, 3), (2, 1, 3), (1,), (1,), (1,), 2),
    ),
)
def conv_weight_grad(
    xp: Namespace,
    input: Array,
    output: Array,
    shape: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    """The gradient of a convolution's weight, of ``shape``, from its input and its output's."""
    places = _per_dimension(input, output, stride, padding, dilation)
    found = _weight_gradient(xp, input, output, shape, *places, groups)
    return found.astype(input.dtype, copy=False)


# ------------------------------------------------------------------ checks


def _expanded(name: str, given: Any, dims: int) -> Sizes:
    """One number for each of ``dims`` dimensions."""
    sizes = (given,) if isinstance(given, int) else tuple(given)
    if len(sizes) == 1:
        return sizes * dims
    if len(sizes) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match "
            f"the convolution dimensions, but got {name}={list(sizes)}"
        )
    return sizes


def _per_dimension(
    input: Array, weight: Array, stride: Any, padding: Any, dilation: Any
) -> tuple[Sizes, Sizes, Sizes]:
    """Stride, padding and dilation, each with a number for every spatial dimension."""
    dims = weight.ndim - 2
    if dims <= 0:
        raise RuntimeError("weight should have at least three dimensions")
    _check_ndim(input, weight)
    return (
        _expanded("stride", stride, dims),
        _expanded("padding", padding, dims),
        _expanded("dilation", dilation, dims),
    )


def _check_ndim(input: Array, weight: Array) -> None:
    if input.ndim != weight.ndim:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight"
            f"{list(weight.shape)}, but got {input.ndim}-dimensional input of size "
            f"{list(input.shape)} instead"
        )


def _check_common(
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> None:
    for name, lengths, least in (("stride", stride, 1), ("padding", padding, 0),
                                 ("dilation", dilation, 1)):  # fmt: skip
        if min(lengths) < least:
            kind = "non-positive" if least else "negative"
            raise RuntimeError(f"{kind} {name} is not supported ({name} {list(lengths)})")
    if groups <= 0:
        raise RuntimeError(f"non-positive groups is not supported (groups is {groups})")
    if weight.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {list(weight.shape)} instead"
        )
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(weight.shape)}] instead"
        )
    _check_dtypes(input, weight, bias)


def _check_dtypes(input: Array, weight: Array, bias: Array | None) -> None:
    one, two = arrays.dtype_of(input), arrays.dtype_of(weight)
    if bias is not None and bias.dtype != input.dtype:
        raise RuntimeError(
            f"Input type ({_C_NAMES.get(one.name, one.name)}) and bias type "
            f"({_C_NAMES.get(arrays.dtype_of(bias).name, arrays.dtype_of(bias).name)}) should be "
            "the same. Convert one with .to()."
        )
    if one is not two:
        if one is arrays.float32:
            raise RuntimeError(
                f"Input type (torch.{one.type_name}Tensor) and weight type "
                f"(torch.{two.type_name}Tensor) should be the same or input should be a MKLDNN "
                "tensor and weight is a dense tensor. Convert one with .to()."
            )
        raise RuntimeError(
            f"expected scalar type {one.type_name} but found {two.type_name}: input and weight "
            "must have one dtype. Convert one with .to()."
        )
    if input.dtype.kind == "b":
        raise NotImplementedError(
            "\"slow_conv2d_cpu\" not implemented for 'Bool'. Convert it with .to()."
        )


_C_NAMES = {
    "float16": "c10::Half",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
}


def _check(
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> None:
    """Raise PyTorch's error for a convolution that can't be."""
    _check_common(input, weight, bias, stride, padding, dilation, groups)
    channels = weight.shape[1] * groups
    if input.shape[1] != channels:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected "
            f"input{list(input.shape)} to have {channels} channels, but got {input.shape[1]} "
            "channels instead"
        )
    _check_bias(weight, bias, weight.shape[0], "")
    kernel = weight.shape[2:]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    sizes = [n + 2 * p for n, p in zip(input.shape[2:], padding, strict=True)]
    if min(kernel) < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got {list(kernel)}")
    if any(r > n for r, n in zip(reach, sizes, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({_by(sizes)}). Kernel size: "
            f"({_by(reach)}). Kernel size can't be greater than actual input size"
        )


def _check_transposed(
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    output_padding: Sizes,
    groups: int,
) -> Sizes:
    """Raise PyTorch's error for a transposed convolution that can't be; the size of its result."""
    _check_dtypes(input, weight, None)
    _check_common(input, weight, bias, stride, padding, dilation, groups)
    if min(output_padding) < 0:
        raise RuntimeError(
            f"negative output_padding is not supported (output_padding {list(output_padding)})"
        )
    if input.shape[1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected "
            f"input{list(input.shape)} to have {weight.shape[0]} channels, but got "
            f"{input.shape[1]} channels instead"
        )
    _check_bias(weight, bias, weight.shape[1] * groups, "transposed=1, ")
    for extra, s, d in zip(output_padding, stride, dilation, strict=True):
        if extra >= max(s, d):
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got "
                + " ".join(
                    f"{name}_{axis}: {n}"
                    for name, lengths in (
                        ("output_padding", output_padding),
                        ("stride", stride),
                        ("dilation", dilation),
                    )
                    for axis, n in zip(_AXES[-len(lengths) :], lengths, strict=True)
                )
            )
    spatial = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, s, p, d, k, extra in zip(
            input.shape[2:], stride, padding, dilation, weight.shape[2:], output_padding,
            strict=True,
        )
    )  # fmt: skip
    if min(spatial) < 1:
        raise RuntimeError(
            f"Given input size per channel: ({_by(input.shape[2:])}). Calculated output size per "
            f"channel: ({_by(spatial)}). Output size is too small"
        )
    return spatial


_AXES = ("depth", "height", "width")


def _check_bias(weight: Array, bias: Array | None, outputs: int, how: str) -> None:
    if bias is not None and bias.shape != (outputs,):
        raise RuntimeError(
            f"Given {how}weight of size {list(weight.shape)}, expected bias to be 1-dimensional "
            f"with {outputs} elements, but got bias of size {list(bias.shape)} instead"
        )


def _by(sizes: Any) -> str:
    return " x ".join(map(str, sizes))


# ------------------------------------------------------------------ what people call


def _convolve(dims: int, input: Any, weight: Any, bias: Any, *places: Any) -> Tensor:
    stride, padding, dilation, groups = places
    name = f"conv{dims}d"
    batched = _check_batch(name, input, weight, bias, dims)
    if isinstance(padding, str):
        input, padding = _with_named_padding(input, weight, stride, padding, dilation, dims)
    x = input if batched else unsqueeze(input, 0)
    result = convolution(x, weight, bias, stride, padding, dilation, False, (0,) * dims, groups)
    return result if batched else squeeze_dim(result, 0)  # type: ignore[no-any-return]


def _convolve_transposed(dims: int, input: Any, weight: Any, bias: Any, *places: Any) -> Tensor:
    stride, padding, output_padding, groups, dilation = places
    batched = _check_batch(f"conv_transpose{dims}d", input, weight, bias, dims)
    x = input if batched else unsqueeze(input, 0)
    result = convolution(x, weight, bias, stride, padding, dilation, True, output_padding, groups)
    return result if batched else squeeze_dim(result, 0)  # type: ignore[no-any-return]


def _check_batch(name: str, input: Any, weight: Any, bias: Any, dims: int) -> bool:
    """Whether the input is a batch of pictures and not a single one; raises for anything else."""
    for argument, value in (("input", input), ("weight", weight), ("bias", bias)):
        if not isinstance(value, Tensor) and not (value is None and argument == "bias"):
            raise TypeError(
                f"{name}() received an invalid combination of arguments - {argument} must be a "
                f"Tensor, not {type(value).__name__}"
            )
    ndim = input._array.ndim
    if ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got "
            f"input of size: {list(input._array.shape)}"
        )
    return bool(ndim == dims + 2)


def _with_named_padding(
    input: Any, weight: Any, stride: Any, padding: str, dilation: Any, dims: int
) -> tuple[Any, Sizes]:
    """The input and the padding that "same" or "valid" stands for.

    Where "same" needs one zero more at the end than at the beginning, the input gets it here.
    """
    if padding == "valid":
        return input, (0,) * dims
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}' (it can be 'same' or 'valid')")
    if any(s != 1 for s in _expanded("stride", stride, dims)):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    if input._array.ndim == dims + 2:
        _check_ndim(input._array, weight._array)
    kernel = weight._array.shape[2:]
    total = [
        d * (k - 1) for d, k in zip(_expanded("dilation", dilation, dims), kernel, strict=True)
    ]
    if any(n % 2 for n in total):
        ends = [end for n in reversed(total) for end in (0, n % 2)]
        input = constant_pad_nd(input, ends)
    return input, tuple(n // 2 for n in total)


@composite(method=False)
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes | str = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of lines: (N, C, L) or (C, L) with ``weight`` (O, C / groups, K).

    Options as for ``conv2d``.

    >>> import gradlab as gl
    >>> gl.conv1d(gl.tensor([[1.0, 2.0, 4.0]]), gl.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2.]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False)
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes | str = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of pictures: (N, C, H, W) or (C, H, W) with ``weight`` (O, C / groups, KH, KW).

    Each number of the result is the sum of a window of the input times a kernel, plus ``bias``
    (O,). ``stride``: how far the window moves at a time; ``padding``: zeros around the input,
    ``"valid"`` for none, ``"same"`` for so many that the size stays; ``dilation``: steps between
    the pixels of a window; ``groups``: parts of the channels that are convolved separately. Each
    may be given once or per dimension. Raises RuntimeError for shapes that don't fit.

    >>> import gradlab as gl
    >>> gl.conv2d(gl.ones(1, 1, 3, 3), gl.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False)
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes | str = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of volumes: (N, C, D, H, W) or (C, D, H, W).

    ``weight`` has the shape (O, C / groups, KD, KH, KW); options as for ``conv2d``.

    >>> import gradlab as gl
    >>> gl.conv3d(gl.ones(1, 1, 2, 2, 2), gl.ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False)
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    output_padding: int | Sizes = 0,
    groups: int = 1,
    dilation: int | Sizes = 1,
) -> Tensor:
    """Transposed convolution of lines: (N, C, L) or (C, L) with ``weight`` (C, O / groups, K).

    Options as for ``conv_transpose2d``.

    >>> import gradlab as gl
    >>> gl.conv_transpose1d(gl.tensor([[1.0, 2.0]]), gl.tensor([[[1.0, 10.0]]]))
    tensor([[ 1., 12., 20.]])
    """
    return _convolve_transposed(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite(method=False)
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    output_padding: int | Sizes = 0,
    groups: int = 1,
    dilation: int | Sizes = 1,
) -> Tensor:
    """Transposed convolution of pictures, with ``weight`` (C, O / groups, KH, KW).

    What the gradient of a convolution does: every input number lays the kernel, times itself, into
    the result, ``stride`` apart; ``padding`` takes so much off the result's border, and
    ``output_padding`` adds to one side. Raises RuntimeError for shapes that don't fit.

    >>> import gradlab as gl
    >>> gl.conv_transpose2d(gl.ones(1, 1, 2, 2), gl.ones(1, 1, 2, 2))
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    return _convolve_transposed(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite(method=False)
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    output_padding: int | Sizes = 0,
    groups: int = 1,
    dilation: int | Sizes = 1,
) -> Tensor:
    """Transposed convolution of volumes, with ``weight`` (C, O / groups, KD, KH, KW).

    Options as for ``conv_transpose2d``.

    >>> import gradlab as gl
    >>> gl.conv_transpose3d(gl.ones(1, 1, 1, 1, 2), gl.ones(1, 1, 1, 1, 2))
    tensor([[[[[1., 2., 1.]]]]])
    """
    return _convolve_transposed(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
