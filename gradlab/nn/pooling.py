"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlab.nn.conv import lengths
from gradlab.nn.functions import pooling as functional
from gradlab.nn.module import Module
from gradlab.tensor import Tensor

Lengths = int | Sequence[int]

# ------------------------------------------------------------------ maxima


class _MaxPool(Module):
    """What layers of maxima have in common."""

    dims: int

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        dilation: Lengths = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)
        return pool[self.dims - 1](
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest number of each window of lines; arguments as for ``functional.max_pool2d``.

    >>> import gradlab as gl
    >>> MaxPool1d(2)(gl.tensor([[1.0, 3.0, 2.0, 4.0]]))
    tensor([[3., 4.]])
    """

    dims = 1


class MaxPool2d(_MaxPool):
    """The largest number of each window of pictures; arguments as for ``functional.max_pool2d``.

    >>> import gradlab as gl
    >>> MaxPool2d(3, stride=2)(gl.randn(20, 16, 50, 32)).shape
    torch.Size([20, 16, 24, 15])
    """

    dims = 2


class MaxPool3d(_MaxPool):
    """The largest number of each window of volumes; arguments as for ``functional.max_pool2d``.

    >>> import gradlab as gl
    >>> MaxPool3d(2)(gl.randn(1, 2, 4, 6, 8)).shape
    torch.Size([1, 2, 2, 3, 4])
    """

    dims = 3


class _MaxUnpool(Module):
    """What layers that put maxima back have in common."""

    dims: int

    def __init__(
        self, kernel_size: Lengths, stride: Lengths | None = None, padding: Lengths = 0
    ) -> None:
        super().__init__()
        self.kernel_size = lengths(kernel_size, self.dims)
        self.stride = lengths(kernel_size if stride is None else stride, self.dims)
        self.padding = lengths(padding, self.dims)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        unpool = (functional.max_unpool1d, functional.max_unpool2d, functional.max_unpool3d)
        return unpool[self.dims - 1](
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Zeros, with the maxima of ``MaxPool1d`` where they were.

    >>> import gradlab as gl
    >>> values, where = MaxPool1d(2, return_indices=True)(gl.tensor([[1.0, 3.0]]))
    >>> MaxUnpool1d(2)(values, where)
    tensor([[0., 3.]])
    """

    dims = 1


class MaxUnpool2d(_MaxUnpool):
    """Zeros, with the maxima of ``MaxPool2d`` where they were.

    >>> MaxUnpool2d(2)
    MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))
    """

    dims = 2


class MaxUnpool3d(_MaxUnpool):
    """Zeros, with the maxima of ``MaxPool3d`` where they were.

    >>> MaxUnpool3d(2, stride=1).stride
    (1, 1, 1)
    """

    dims = 3


# ------------------------------------------------------------------ averages


class AvgPool1d(Module):
    """The average of each window of lines; arguments as for ``functional.avg_pool2d``.

    >>> import gradlab as gl
    >>> AvgPool1d(2)(gl.tensor([[1.0, 3.0, 2.0, 4.0]]))
    tensor([[2., 3.]])
    """

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = lengths(kernel_size, 1)
        self.stride = lengths(kernel_size if stride is None else stride, 1)
        self.padding = lengths(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """What layers of averages of pictures and volumes have in common."""

    dims: int

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        pool = functional.avg_pool2d if self.dims == 2 else functional.avg_pool3d
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The average of each window of pictures; arguments as for ``functional.avg_pool2d``.

    >>> import gradlab as gl
    >>> AvgPool2d((3, 2), stride=(2, 1))(gl.randn(20, 16, 50, 32)).shape
    torch.Size([20, 16, 24, 31])
    """

    dims = 2


class AvgPool3d(_AvgPool):
    """The average of each window of volumes; arguments as for ``functional.avg_pool2d``.

    >>> AvgPool3d(2)
    AvgPool3d(kernel_size=2, stride=2, padding=0)
    """

    dims = 3


class _LPPool(Module):
    """What layers of p-norms have in common."""

    dims: int

    def __init__(
        self,
        norm_type: float,
        kernel_size: Any,
        stride: Lengths | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        pool = (functional.lp_pool1d, functional.lp_pool2d, functional.lp_pool3d)
        return pool[self.dims - 1](
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The ``norm_type``-norm of each window of lines.

    >>> import gradlab as gl
    >>> LPPool1d(2, 2)(gl.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """

    dims = 1


class LPPool2d(_LPPool):
    """The ``norm_type``-norm of each window of pictures.

    >>> LPPool2d(2, 3)
    LPPool2d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)
    """

    dims = 2


class LPPool3d(_LPPool):
    """The ``norm_type``-norm of each window of volumes.

    >>> LPPool3d(2, 3).kernel_size
    3
    """

    dims = 3


# ------------------------------------------------------------------ as many windows as asked for


class _AdaptiveAvgPool(Module):
    """What layers of as many averages as asked for have in common."""

    dims: int

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        pool = (
            functional.adaptive_avg_pool1d,
            functional.adaptive_avg_pool2d,
            functional.adaptive_avg_pool3d,
        )
        return pool[self.dims - 1](input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Averages of ``output_size`` windows that cover lines.

    >>> import gradlab as gl
    >>> AdaptiveAvgPool1d(2)(gl.tensor([[1.0, 3.0, 2.0, 4.0]]))
    tensor([[2., 3.]])
    """

    dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Averages of ``output_size`` windows that cover pictures; a size of None stays as it is.

    >>> import gradlab as gl
    >>> AdaptiveAvgPool2d((5, None))(gl.randn(1, 64, 8, 9)).shape
    torch.Size([1, 64, 5, 9])
    """

    dims = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Averages of ``output_size`` windows that cover volumes.

    >>> AdaptiveAvgPool3d(7)
    AdaptiveAvgPool3d(output_size=7)
    """

    dims = 3


class _AdaptiveMaxPool(Module):
    """What layers of as many maxima as asked for have in common."""

    dims: int

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        pool = (
            functional.adaptive_max_pool1d,
            functional.adaptive_max_pool2d,
            functional.adaptive_max_pool3d,
        )
        return pool[self.dims - 1](input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest numbers of ``output_size`` windows that cover lines.

    >>> import gradlab as gl
    >>> AdaptiveMaxPool1d(2)(gl.tensor([[1.0, 3.0, 2.0, 4.0]]))
    tensor([[3., 4.]])
    """

    dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest numbers of ``output_size`` windows that cover pictures.

    >>> AdaptiveMaxPool2d((5, 7))
    AdaptiveMaxPool2d(output_size=(5, 7))
    """

    dims = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest numbers of ``output_size`` windows that cover volumes.

    >>> AdaptiveMaxPool3d(2)
    AdaptiveMaxPool3d(output_size=2)
    """

    dims = 3
