"""Padding layers: something around lines, pictures and volumes.

``padding`` says how much: one number for all ends, or one for each, the last dimension's first.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradlab.nn.module import Module
from gradlab.ops.pad import pad
from gradlab.tensor import Tensor

Lengths = int | Sequence[int]


class _Pad(Module):
    """What padding layers have in common: how much goes at the ends of each dimension."""

    dims: int
    mode = "constant"

    def __init__(self, padding: Lengths) -> None:
        super().__init__()
        ends = tuple(padding) if isinstance(padding, Sequence) else (padding,) * (2 * self.dims)
        self.padding = ends

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, mode=self.mode)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPad(_Pad):
    """Layers that pad with a number of one's own."""

    def __init__(self, padding: Lengths, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, mode="constant", value=self.value)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Puts the number ``value`` around lines.

    >>> import gradlab as gl
    >>> ConstantPad1d(1, 3.5)(gl.ones(1, 1, 3)).shape
    torch.Size([1, 1, 5])
    """

    dims = 1


class ConstantPad2d(_ConstantPad):
    """Puts the number ``value`` around pictures.

    >>> import gradlab as gl
    >>> ConstantPad2d(1, 3.5)(gl.ones(1, 1, 3, 3)).shape
    torch.Size([1, 1, 5, 5])
    """

    dims = 2


class ConstantPad3d(_ConstantPad):
    """Puts the number ``value`` around volumes.

    >>> import gradlab as gl
    >>> ConstantPad3d(1, 3.5)(gl.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 5, 5, 5])
    """

    dims = 3


class ZeroPad1d(_Pad):
    """Puts zeros around lines.

    >>> import gradlab as gl
    >>> ZeroPad1d(1)(gl.ones(1, 1, 3)).shape
    torch.Size([1, 1, 5])
    """

    dims = 1


class ZeroPad2d(_Pad):
    """Puts zeros around pictures.

    >>> import gradlab as gl
    >>> ZeroPad2d(1)(gl.ones(1, 1, 3, 3)).shape
    torch.Size([1, 1, 5, 5])
    """

    dims = 2


class ZeroPad3d(_Pad):
    """Puts zeros around volumes.

    >>> import gradlab as gl
    >>> ZeroPad3d(1)(gl.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 5, 5, 5])
    """

    dims = 3


class ReflectionPad1d(_Pad):
    """Puts the lines' own numbers mirrored at the border around lines.

    >>> import gradlab as gl
    >>> ReflectionPad1d(1)(gl.ones(1, 1, 3)).shape
    torch.Size([1, 1, 5])
    """

    dims = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Puts the pictures' own numbers mirrored at the border around pictures.

    >>> import gradlab as gl
    >>> ReflectionPad2d(1)(gl.ones(1, 1, 3, 3)).shape
    torch.Size([1, 1, 5, 5])
    """

    dims = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Puts the volumes' own numbers mirrored at the border around volumes.

    >>> import gradlab as gl
    >>> ReflectionPad3d(1)(gl.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 5, 5, 5])
    """

    dims = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Puts the border's numbers repeated around lines.

    >>> import gradlab as gl
    >>> ReplicationPad1d(1)(gl.ones(1, 1, 3)).shape
    torch.Size([1, 1, 5])
    """

    dims = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Puts the border's numbers repeated around pictures.

    >>> import gradlab as gl
    >>> ReplicationPad2d(1)(gl.ones(1, 1, 3, 3)).shape
    torch.Size([1, 1, 5, 5])
    """

    dims = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """Puts the border's numbers repeated around volumes.

    >>> import gradlab as gl
    >>> ReplicationPad3d(1)(gl.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 5, 5, 5])
    """

    dims = 3
    mode = "replicate"


class _CircularPad(_Pad):
    """Layers that pad with what is at the opposite side."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        few, many = self.dims + 1, self.dims + 2
        if input.ndim not in (few, many):
            raise ValueError(f"expected {few}D or {many}D input (got {input.ndim}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """Puts the numbers of the opposite side around lines.

    >>> import gradlab as gl
    >>> CircularPad1d(1)(gl.ones(1, 1, 3)).shape
    torch.Size([1, 1, 5])
    """

    dims = 1


class CircularPad2d(_CircularPad):
    """Puts the numbers of the opposite side around pictures.

    >>> import gradlab as gl
    >>> CircularPad2d(1)(gl.ones(1, 1, 3, 3)).shape
    torch.Size([1, 1, 5, 5])
    """

    dims = 2


class CircularPad3d(_CircularPad):
    """Puts the numbers of the opposite side around volumes.

    >>> import gradlab as gl
    >>> CircularPad3d(1)(gl.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 5, 5, 5])
    """

    dims = 3
