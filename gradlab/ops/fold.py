"""Windows as columns: pictures taken apart into windows, and put together from them."""

from __future__ import annotations

import math
from typing import Any

from gradlab.arrays import Array, Namespace, dtype_of
from gradlab.op import op
from gradlab.ops.windows import (
    Sizes,
    inner,
    offsets,
    padded,
    picture_of,
    pixels_of,
    rows_by_channel,
    under,
    windows_along,
)
from gradlab.samples import call, draw


def _out(spatial: Any, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Sizes:
    return tuple(map(windows_along, spatial, kernel, stride, padding, dilation))


@op(
    latex=r"\text{windows of } input",
    grad=dict(
        input=(
            lambda g, xp, input_shape, kernel_size, dilation, padding, stride: xp.col2im(
                g, input_shape[-2:], kernel_size, dilation, padding, stride
            ),
            r"\textstyle\sum_{\text{windows}} g",
        )
    ),
    node="Im2ColBackward0",
    public=False,
    method=False,
    saved=dict(
        self_sym_argsize_minus_2=lambda input_shape: input_shape[-2],
        self_sym_argsize_minus_1=lambda input_shape: input_shape[-1],
        self_sym_sizes=None,
    ),
    samples=(
        call(draw(2, 2, 4, 5), (2, 3), (1, 1), (0, 1), (1, 2)),
        call(draw(2, 5, 5), (2, 2), (2, 1), (1, 0), (1, 1)),
    ),
)
def im2col(
    xp: Namespace,
    input: Array,
    kernel_size: Sizes,
    dilation: Sizes,
    padding: Sizes,
    stride: Sizes,
) -> Array:
    """Each window of pictures as a column: (N, C, H, W) to (N, C · kernel, windows)."""
    _check_lengths(kernel_size, dilation, padding, stride)
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    _check_kind("im2col_out_cpu", input)
    out = _out(input.shape[-2:], kernel_size, dilation, padding, stride)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input with spatial size {_tuple(input.shape[-2:])}, kernel_size="
            f"{_tuple(kernel_size)}, dilation={_tuple(dilation)}, padding={_tuple(padding)}, "
            f"calculated shape of the array of sliding blocks as {_tuple(out)}, but its components "
            "must be at least one."
        )
    batch = input if input.ndim == 4 else input[None]
    pixels = padded(xp, pixels_of(batch), padding)
    rows = rows_by_channel(xp, pixels, kernel_size, out, stride, dilation)
    columns = rows.reshape(batch.shape[0], math.prod(out), rows.shape[1]).transpose(0, 2, 1)
    columns = xp.ascontiguousarray(columns)
    return columns if input.ndim == 4 else columns[0]


@op(
    latex=r"\textstyle\sum_{\text{windows}} input",
    grad=dict(
        input=(
            lambda g, xp, kernel_size, dilation, padding, stride: xp.im2col(
                g, kernel_size, dilation, padding, stride
            ),
            r"\text{windows of } g",
        )
    ),
    node="Col2ImBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(2, 12, 6), (4, 5), (2, 3), (1, 1), (0, 0), (2, 1)),
        call(draw(4, 15), (4, 4), (2, 2), (1, 1), (0, 1), (1, 1)),
    ),
)
def col2im(
    xp: Namespace,
    input: Array,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes,
    padding: Sizes,
    stride: Sizes,
) -> Array:
    """Columns as the windows of pictures of ``output_size``, added up where they overlap."""
    _check_lengths(kernel_size, dilation, padding, stride)
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    _check_kind("col2im_out_cpu", input)
    out = _out(output_size, kernel_size, dilation, padding, stride)
    _check_columns(input, tuple(output_size), out, kernel_size, dilation, padding, stride)
    batch = input if input.ndim == 3 else input[None]
    c = batch.shape[1] // math.prod(kernel_size)
    parts = batch.reshape(batch.shape[0], c, *kernel_size, *out)
    sizes = [n + 2 * p for n, p in zip(output_size, padding, strict=True)]
    result = xp.zeros((batch.shape[0], *sizes, c), input.dtype)
    for offset in offsets(kernel_size):
        result[under(offset, out, stride, dilation)] += pixels_of(
            parts[(slice(None),) * 2 + offset]
        )
    picture = xp.ascontiguousarray(picture_of(result[inner(output_size, padding)]))
    return picture if input.ndim == 3 else picture[0]


# ------------------------------------------------------------------ checks


def _tuple(sizes: Any) -> str:
    return f"({', '.join(map(str, sizes))})"


def _check_lengths(kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> None:
    for name, lengths in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if min(lengths) < 1:
            shown = "kernel size" if name == "kernel" else name
            raise RuntimeError(
                f"{shown} should be greater than zero, but got {name}_height: {lengths[0]} "
                f"{name}_width: {lengths[1]}"
            )
    if min(padding) < 0:
        raise RuntimeError(
            f"padding should be non-negative, but got pad_height: {padding[0]} pad_width: "
            f"{padding[1]}"
        )


def _check_kind(name: str, input: Array) -> None:
    if input.dtype.kind not in "fc":
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{dtype_of(input).type_name}'. "
            "Convert it, with .float() for example."
        )


def _check_columns(
    input: Array,
    size: Sizes,
    out: Sizes,
    kernel: Sizes,
    dilation: Sizes,
    padding: Sizes,
    stride: Sizes,
) -> None:
    rows, columns = input.shape[-2:]
    dim = input.ndim - 2
    if rows % math.prod(kernel):
        raise RuntimeError(
            f"Expected size of input's dimension {dim} to be divisible by the product of "
            f"kernel_size, but got input.size({dim})={rows} and kernel_size={_tuple(kernel)}."
        )
    if min(out) < 1:
        raise RuntimeError(
            f"Given output_size={_tuple(size)}, kernel_size={_tuple(kernel)}, dilation="
            f"{_tuple(dilation)}, padding={_tuple(padding)}, stride={_tuple(stride)}, calculated "
            f"shape of the array of sliding blocks as {_tuple(out)}, which is too small (non-"
            "positive)"
        )
    if columns != math.prod(out):
        raise RuntimeError(
            f"Given output_size={_tuple(size)}, kernel_size={_tuple(kernel)}, dilation="
            f"{_tuple(dilation)}, padding={_tuple(padding)}, stride={_tuple(stride)}, expected "
            f"size of input's dimension {dim + 1} to match the calculated number of sliding blocks "
            f"{out[0]} * {out[1]} = {math.prod(out)}, but got input.size({dim + 1})={columns}."
        )
