"""Pooling, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlab.ops import pool
from gradlab.ops.choosing import relu
from gradlab.ops.shape import squeeze_dim, unsqueeze
from gradlab.tensor import Tensor

Lengths = int | Sequence[int]


def _lengths(name: str, argument: str, given: Any, dims: int) -> tuple[int, ...]:
    """One number for each of ``dims`` dimensions."""
    lengths = (given,) if isinstance(given, int) else tuple(given)
    if len(lengths) not in (1, dims):
        words = {1: "one int", 2: "two ints", 3: "three ints"}[dims]
        raise RuntimeError(
            f"{name}: {argument} must either be a single int, or a tuple of {words} (it is {given})"
        )
    return lengths * dims if len(lengths) == 1 else lengths


def _check_lines(name: str, input: Any) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    if input._array.ndim not in (2, 3) or 0 in input._array.shape[-2:]:
        raise RuntimeError(
            f"{name}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(input._array.shape)}"
        )


def _check_few_lines(name: str, input: Any) -> None:
    if input._array.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input._array.ndim}-dimensional tensor for "
            f"argument #1 'self' (while checking arguments for {name})"
        )


# ------------------------------------------------------------------ maxima


def max_pool1d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest number of each window of lines (N, C, L) or (C, L); ``max_pool2d`` says more.

    >>> import gradlab as gl
    >>> max_pool1d(gl.tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[3., 4.]])
    """
    _check_lines("max_pool1d", input)
    (k,) = _lengths("max_pool1d", "kernel_size", kernel_size, 1)
    (s,) = (k,) if stride is None else _lengths("max_pool1d", "stride", stride, 1)
    (p,) = _lengths("max_pool1d", "padding", padding, 1)
    (d,) = _lengths("max_pool1d", "dilation", dilation, 1)
    _check_line_windows(input._array.shape[-1], k, s, p, d, ceil_mode)
    found = pool.max_pool2d_with_indices(
        unsqueeze(input, -2), (1, k), (1, s), (0, p), (1, d), ceil_mode
    )
    values, indices = (squeeze_dim(one, -2) for one in found)
    return (values, indices) if return_indices else values


def _check_line_windows(size: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> None:
    for name, value, least in (("kernel_size", k, 1), ("stride", s, 1), ("dilation", d, 1)):
        if value < least:
            raise RuntimeError(f"max_pool1d() {name} must be greater than zero, but got {value}")
    if p < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {p}")
    if p > k // 2:
        raise RuntimeError(
            "max_pool1d() padding should be at most half of kernel size, but got "
            f"padding={p} and kernel_size={k}"
        )
    (out,) = pool.out_sizes((size,), (k,), (s,), (p,), (d,), ceil_mode)
    if out < 1:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {max(out, 0)}")


def max_pool2d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest number of each window of pictures (N, C, H, W) or (C, H, W).

    ``stride``: how far the window moves at a time, by default its own size. ``padding``: what is
    added around, which is never the largest. ``dilation``: steps between the pixels of a window.
    ``ceil_mode``: windows may go over the end. ``return_indices``: where the maxima were, too, for
    ``max_unpool2d``. Raises RuntimeError for windows that don't fit.

    >>> import gradlab as gl
    >>> max_pool2d(gl.arange(16.0).view(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(
        pool.max_pool2d_with_indices, "max_pool2d", 2, input, kernel_size, stride, padding,
        dilation, ceil_mode, return_indices,
    )  # fmt: skip


def max_pool3d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest number of each window of volumes; ``max_pool2d`` says more.

    >>> import gradlab as gl
    >>> max_pool3d(gl.arange(8.0).view(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    return _max_pool(
        pool.max_pool3d_with_indices, "max_pool3d", 3, input, kernel_size, stride, padding,
        dilation, ceil_mode, return_indices,
    )  # fmt: skip


def _max_pool(
    function: Any,
    name: str,
    dims: int,
    input: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    size = _lengths(name, "kernel_size", kernel, dims)
    found = function(
        input,
        size,
        size if stride is None or stride == () else _lengths(name, "stride", stride, dims),
        _lengths(name, "padding", padding, dims),
        _lengths(name, "dilation", dilation, dims),
        ceil_mode,
    )
    return found if return_indices else found[0]


# ------------------------------------------------------------------ maxima put back


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros, with the maxima of ``max_pool1d`` where they were.

    >>> import gradlab as gl
    >>> values, where = max_pool1d(gl.tensor([[1.0, 3.0, 2.0, 4.0]]), 2, return_indices=True)
    >>> max_unpool1d(values, where, 2)
    tensor([[0., 3., 0., 4.]])
    """
    sizes = _unpooled_size(1, input, kernel_size, stride, padding, output_size)
    found = pool.max_unpool2d(unsqueeze(input, -2), unsqueeze(indices, -2), (1, *sizes))
    return squeeze_dim(found, -2)  # type: ignore[no-any-return]


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros, with the maxima of ``max_pool2d`` where they were.

    Several sizes may have been pooled to this one; ``output_size`` says which it was. Raises
    ValueError for one it can't have been.

    >>> import gradlab as gl
    >>> values, where = max_pool2d(gl.tensor([[[1.0, 3.0], [2.0, 4.0]]]), 2, return_indices=True)
    >>> max_unpool2d(values, where, 2)
    tensor([[[0., 0.],
             [0., 4.]]])
    """
    sizes = _unpooled_size(2, input, kernel_size, stride, padding, output_size)
    return pool.max_unpool2d(input, indices, sizes)  # type: ignore[no-any-return]


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros, with the maxima of ``max_pool3d`` where they were; ``max_unpool2d`` says more.

    >>> import gradlab as gl
    >>> values, where = max_pool3d(gl.ones(1, 2, 2, 2), 2, return_indices=True)
    >>> max_unpool3d(values, where, 2).sum()
    tensor(1.)
    """
    sizes = _unpooled_size(3, input, kernel_size, stride, padding, output_size)
    return pool.max_unpool3d(input, indices, sizes)  # type: ignore[no-any-return]


def _unpooled_size(
    dims: int, input: Any, kernel: Any, stride: Any, padding: Any, asked: Any
) -> tuple[int, ...]:
    name = f"max_unpool{dims}d"
    size = _lengths(name, "kernel_size", kernel, dims)
    steps = size if stride is None else _lengths(name, "stride", stride, dims)
    pads = _lengths(name, "padding", padding, dims)
    usual = tuple(
        (n - 1) * s + k - 2 * p
        for n, s, k, p in zip(input.shape[-dims:], steps, size, pads, strict=True)
    )
    if asked is None:
        return usual
    wanted = tuple(asked)
    if len(wanted) == dims + 2:
        wanted = wanted[2:]
    if len(wanted) != dims:
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it "
            f"has a length of '{len(wanted)}'"
        )
    for dim, (n, one, s) in enumerate(zip(usual, wanted, steps, strict=True)):
        if not n - s < one < n + s:
            raise ValueError(
                f'invalid output_size "{wanted}" (dim {dim} must be between {n - s} and {n + s})'
            )
    return wanted


# ------------------------------------------------------------------ averages


def avg_pool1d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The average of each window of lines (N, C, L) or (C, L); ``avg_pool2d`` says more.

    >>> import gradlab as gl
    >>> avg_pool1d(gl.tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[2., 3.]])
    """
    _check_few_lines("avg_pool1d", input)
    (k,) = _lengths("avg_pool1d", "kernel_size", kernel_size, 1)
    (s,) = (k,) if stride is None else _lengths("avg_pool1d", "stride", stride, 1)
    (p,) = _lengths("avg_pool1d", "padding", padding, 1)
    found = pool.avg_pool2d(
        unsqueeze(input, -2), (1, k), (1, s), (0, p), ceil_mode, count_include_pad
    )
    return squeeze_dim(found, -2)  # type: ignore[no-any-return]


def avg_pool2d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of each window of pictures (N, C, H, W) or (C, H, W).

    ``padding``: zeros around, which count unless ``count_include_pad=False``.
    ``divisor_override``: what sums are divided by instead. Others as for ``max_pool2d``.

    >>> import gradlab as gl
    >>> avg_pool2d(gl.arange(16.0).view(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _avg_pool(
        pool.avg_pool2d, "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode,
        count_include_pad, divisor_override,
    )  # fmt: skip


def avg_pool3d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of each window of volumes; ``avg_pool2d`` says more.

    >>> import gradlab as gl
    >>> avg_pool3d(gl.arange(8.0).view(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    return _avg_pool(
        pool.avg_pool3d, "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode,
        count_include_pad, divisor_override,
    )  # fmt: skip


def _avg_pool(
    function: Any,
    name: str,
    dims: int,
    input: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    counts: bool,
    divisor: int | None,
) -> Tensor:
    if divisor == 0:
        raise RuntimeError("divisor must be not zero (divisor_override is 0)")
    size = _lengths(name, "kernel_size", kernel, dims)
    steps = size if stride is None or stride == () else _lengths(name, "stride", stride, dims)
    pads = _lengths(name, "padding", padding, dims)
    return function(input, size, steps, pads, ceil_mode, counts, divisor)  # type: ignore[no-any-return]


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: int,
    stride: Lengths | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The root of the sum of the powers ``norm_type`` of each window of lines.

    >>> import gradlab as gl
    >>> lp_pool1d(gl.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    means = avg_pool1d(_powers(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return _root(means, kernel_size, norm_type)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The root of the sum of the powers ``norm_type`` of each window of pictures.

    >>> import gradlab as gl
    >>> lp_pool2d(gl.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    kw, kh = _lengths("lp_pool2d", "kernel_size", kernel_size, 2)
    means = avg_pool2d(_powers(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return _root(means, kw * kh, norm_type)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The root of the sum of the powers ``norm_type`` of each window of volumes.

    >>> import gradlab as gl
    >>> lp_pool3d(gl.ones(1, 2, 2, 2), 1, 2)
    tensor([[[[8.]]]])
    """
    kd, kw, kh = _lengths("lp_pool3d", "kernel_size", kernel_size, 3)
    means = avg_pool3d(_powers(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return _root(means, kd * kw * kh, norm_type)


def _powers(input: Any, norm_type: float) -> Any:
    return input.pow(norm_type)


def _root(means: Any, count: int, norm_type: float) -> Tensor:
    return (means.sign() * relu(means.abs())).mul(count).pow(1 / norm_type)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ as many windows as asked for


def adaptive_avg_pool1d(input: Tensor, output_size: Lengths) -> Tensor:
    """Averages of ``output_size`` windows of lines; ``adaptive_avg_pool2d`` says more.

    >>> import gradlab as gl
    >>> adaptive_avg_pool1d(gl.tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[2., 3.]])
    """
    _check_few_lines("adaptive_avg_pool1d", input)
    size = _one_size("adaptive_avg_pool1d", output_size)
    found = adaptive_avg_pool2d(unsqueeze(input, -2), (1, size))
    return squeeze_dim(found, -2)  # type: ignore[no-any-return]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Averages of windows of pictures (N, C, H, W) or (C, H, W): ``output_size`` of them.

    The windows cover everything and are nearly alike. A size of None stays as it is.

    >>> import gradlab as gl
    >>> adaptive_avg_pool2d(gl.arange(16.0).view(1, 4, 4), (2, 1))
    tensor([[[ 3.5000],
             [11.5000]]])
    """
    sizes = _adaptive_sizes("adaptive_avg_pool2d", input, output_size, 2, "tensor, but got")
    if sizes == (1, 1):
        return input.mean((-1, -2), keepdim=True)  # type: ignore[no-any-return]
    return pool.adaptive_avg_pool2d(input, sizes)  # type: ignore[no-any-return]


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Averages of ``output_size`` windows of volumes; ``adaptive_avg_pool2d`` says more.

    >>> import gradlab as gl
    >>> adaptive_avg_pool3d(gl.arange(8.0).view(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    sizes = _adaptive_sizes("adaptive_avg_pool3d", input, output_size, 3, "tensor, but got")
    if sizes == (1, 1, 1):
        return input.mean((-1, -2, -3), keepdim=True)  # type: ignore[no-any-return]
    return pool.adaptive_avg_pool3d(input, sizes)  # type: ignore[no-any-return]


def adaptive_max_pool1d(input: Tensor, output_size: Lengths, return_indices: bool = False) -> Any:
    """The largest numbers of ``output_size`` windows of lines.

    >>> import gradlab as gl
    >>> adaptive_max_pool1d(gl.tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[3., 4.]])
    """
    _check_few_lines("adaptive_max_pool1d", input)
    size = _one_size("adaptive_max_pool1d", output_size)
    found = pool.adaptive_max_pool2d(unsqueeze(input, -2), (1, size))
    values, indices = (squeeze_dim(one, -2) for one in found)
    return (values, indices) if return_indices else values


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest numbers of ``output_size`` windows; as ``adaptive_avg_pool2d`` averages them.

    >>> import gradlab as gl
    >>> adaptive_max_pool2d(gl.arange(16.0).view(1, 4, 4), (2, 1))
    tensor([[[ 7.],
             [15.]]])
    """
    sizes = _adaptive_sizes("adaptive_max_pool2d", input, output_size, 2, "tensor, but got:")
    found = pool.adaptive_max_pool2d(input, sizes)
    return found if return_indices else found[0]


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest numbers of ``output_size`` windows of volumes.

    >>> import gradlab as gl
    >>> adaptive_max_pool3d(gl.arange(8.0).view(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    sizes = _adaptive_sizes("adaptive_max_pool3d", input, output_size, 3, "tensor, but got:")
    found = pool.adaptive_max_pool3d(input, sizes)
    return found if return_indices else found[0]


def _one_size(name: str, given: Any) -> int:
    sizes = (given,) if isinstance(given, int) else tuple(given)
    if len(sizes) != 1:
        raise RuntimeError(
            f"{name}() argument 'output_size' should contain one int (got {len(sizes)})"
        )
    return int(sizes[0])


def _adaptive_sizes(name: str, input: Any, given: Any, dims: int, but: str) -> tuple[int, ...]:
    shape = input._array.shape
    sizes = (given,) * dims if given is None or isinstance(given, int) else tuple(given)
    if len(sizes) != dims:
        if name.startswith("adaptive_max"):
            raise RuntimeError(
                f"{name}(): internal error: output_size.size() must be {dims} (it is {given})"
            )
        raise RuntimeError(f"{name}: output_size must be {dims} numbers, not {given}")
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(f"{name}(): Expected {dims + 1}D or {dims + 2}D {but} {list(shape)}")
    for dim in range(len(shape) - dims, len(shape)):
        if not shape[dim]:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {list(shape)} with dimension {dim} being empty"
            )
    known = tuple(n if size is None else size for size, n in zip(sizes, shape[-dims:], strict=True))
    if min(known) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{', '.join(map(str, known))}}}"
        )
    return known
