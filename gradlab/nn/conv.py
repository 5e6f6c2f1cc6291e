"""Convolution layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradlab.arrays import dtype as Dtype
from gradlab.nn import init
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.ops import conv, pad
from gradlab.ops.creation import empty
from gradlab.tensor import Tensor

Lengths = int | Sequence[int]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def lengths(given: Lengths, dims: int) -> tuple[int, ...]:
    """One number for each of ``dims`` dimensions.

    >>> lengths(3, 2), lengths([1, 2], 2)
    ((3, 3), (1, 2))
    """
    return tuple(given) if isinstance(given, Sequence) else (given,) * dims


class _Conv(Module):
    """What convolution layers have in common: their options, weight and bias."""

    weight: Parameter
    bias: Parameter | None
    dims: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths,
        padding: Lengths | str,
        dilation: Lengths,
        output_padding: Lengths,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Dtype | None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = lengths(kernel_size, self.dims)
        self.stride = lengths(stride, self.dims)
        self.padding = padding if isinstance(padding, str) else lengths(padding, self.dims)
        self.dilation = lengths(dilation, self.dims)
        self.output_padding = lengths(output_padding, self.dims)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check_options()
        self._make_parameters(bias, device, dtype)

    def _check_options(self) -> None:
        if self.groups <= 0:
            raise ValueError(f"groups must be a positive integer (it is {self.groups})")
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise ValueError(
                    f"{name} must be divisible by groups ({getattr(self, name)} channels, "
                    f"{self.groups} groups)"
                )
        if isinstance(self.padding, str):
            if self.padding not in ("valid", "same"):
                raise ValueError(
                    f"Invalid padding string {self.padding!r}, should be one of 'valid', 'same'"
                )
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {', '.join(map(repr, _PADDING_MODES))}, but got "
                f"padding_mode={self.padding_mode!r}"
            )

    def _make_parameters(self, bias: bool, device: Any, dtype: Dtype | None) -> None:
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        vector = (
            Parameter(empty((self.out_channels,), device=device, dtype=dtype)) if bias else None
        )
        self.register_parameter("bias", vector)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        channels = (self.out_channels, self.in_channels // self.groups)
        if self.transposed:
            channels = (self.in_channels, self.out_channels // self.groups)
        return (*channels, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # which is ±1/√(a window's numbers)
        if self.bias is not None:
            window = math.prod(self.weight.shape[1:])
            if window:
                init.uniform_(self.bias, -1 / math.sqrt(window), 1 / math.sqrt(window))

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = pad.pad(input, self._ends(), mode=self.padding_mode)
            padding = (0,) * self.dims
        convolve = (conv.conv1d, conv.conv2d, conv.conv3d)[self.dims - 1]
        return convolve(  # type: ignore[no-any-return]
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _ends(self) -> tuple[int, ...]:
        """How much is added at both ends of each dimension, the last dimension's first."""
        if isinstance(self.padding, str):
            total = [
                d * (k - 1) if self.padding == "same" else 0
                for d, k in zip(self.dilation, self.kernel_size, strict=True)
            ]
            return tuple(end for n in reversed(total) for end in (n // 2, n - n // 2))
        return tuple(p for n in reversed(self.padding) for p in (n, n))

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}, stride={self.stride}",
        ]
        zeros, ones = (0,) * self.dims, (1,) * self.dims
        if self.padding != zeros:
            parts.append(f"padding={self.padding}")
        if self.dilation != ones:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != zeros:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _PlainConv(_Conv):
    """A convolution, and what its constructor takes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths = 1,
        padding: Lengths | str = 0,
        dilation: Lengths = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip


class Conv1d(_PlainConv):
    """Convolution of lines, (N, C, L) or (C, L); ``Conv2d`` says what the arguments are.

    >>> import gradlab as gl
    >>> Conv1d(16, 33, 3, stride=2)(gl.ones(20, 16, 50)).shape
    torch.Size([20, 33, 24])
    """

    dims = 1


class Conv2d(_PlainConv):
    """Convolution of pictures, (N, C, H, W) or (C, H, W): a bank of small learned filters.

    ``weight`` has the shape (out_channels, in_channels / groups, *kernel_size), ``bias``
    (out_channels,), or is None with ``bias=False``. Both are drawn evenly from ±1/√n for the n
    numbers a filter looks at. ``padding_mode`` says what is put around the input: ``"zeros"``, or
    the input reflected, its border repeated (``"replicate"``), or its other side
    (``"circular"``). Other options as for ``functional.conv2d``. Raises ValueError for options that
    don't go together.

    >>> import gradlab as gl
    >>> Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))(gl.ones(20, 16, 50, 100)).shape
    torch.Size([20, 33, 28, 100])
    """

    dims = 2


class Conv3d(_PlainConv):
    """Convolution of volumes, (N, C, D, H, W) or (C, D, H, W); arguments as for ``Conv2d``.

    >>> import gradlab as gl
    >>> Conv3d(2, 3, 3)(gl.ones(1, 2, 5, 6, 7)).shape
    torch.Size([1, 3, 3, 4, 5])
    """

    dims = 3


class _ConvTranspose(_Conv):
    """A transposed convolution, and what its constructor takes."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths = 1,
        padding: Lengths = 0,
        output_padding: Lengths = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Lengths = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {type(self).__name__} '
                f"(padding_mode is {padding_mode!r})"
            )
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding,
            groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        names = (conv.conv_transpose1d, conv.conv_transpose2d, conv.conv_transpose3d)
        return names[self.dims - 1](  # type: ignore[no-any-return]
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip

    def _extra(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The ``output_padding`` with which the result has ``output_size``."""
        wanted = tuple(output_size)
        if len(wanted) == input.ndim:
            wanted = wanted[-self.dims :]
        if len(wanted) != self.dims:
            raise ValueError(
                f"ConvTranspose{self.dims}D: for {input.ndim}D input, output_size must have "
                f"{self.dims} or {input.ndim} elements (got {len(wanted)})"
            )
        assert not isinstance(self.padding, str)
        sizes = input.shape[-self.dims :]
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                sizes, self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not a <= n <= b for a, n, b in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {least} to "
                f"{most} (for an input of {sizes})"
            )
        return tuple(n - a for n, a in zip(wanted, least, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of lines; arguments as for ``ConvTranspose2d``.

    >>> import gradlab as gl
    >>> ConvTranspose1d(2, 3, 4, stride=2)(gl.ones(1, 2, 5)).shape
    torch.Size([1, 3, 12])
    """

    dims = 1


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution of pictures: what makes them larger, as ``Conv2d`` makes them smaller.

    ``weight`` has the shape (in_channels, out_channels / groups, *kernel_size). Several sizes may
    be made smaller to the same one; ``output_padding``, or ``output_size`` when calling, says which
    to return to. Raises ValueError for options that don't go together.

    >>> import gradlab as gl
    >>> up = ConvTranspose2d(16, 8, 3, stride=2, padding=1)
    >>> up(gl.ones(1, 16, 6, 6), output_size=(12, 12)).shape
    torch.Size([1, 8, 12, 12])
    """

    dims = 2


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution of volumes; arguments as for ``ConvTranspose2d``.

    >>> import gradlab as gl
    >>> ConvTranspose3d(1, 1, 2)(gl.ones(1, 1, 2, 3, 4)).shape
    torch.Size([1, 1, 3, 4, 5])
    """

    dims = 3
