"""Layers that move numbers between channels and pixels."""

from __future__ import annotations

from gradlab.nn.module import Module
from gradlab.ops.arrange import channel_shuffle, pixel_shuffle, pixel_unshuffle
from gradlab.tensor import Tensor


class PixelShuffle(Module):
    """Makes pictures ``upscale_factor`` times larger of that many squared times the channels.

    >>> import gradlab as gl
    >>> PixelShuffle(3)(gl.ones(1, 9, 4, 4)).shape
    torch.Size([1, 1, 12, 12])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return pixel_shuffle(input, self.upscale_factor)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Undoes ``PixelShuffle``: smaller pictures of more channels.

    >>> import gradlab as gl
    >>> PixelUnshuffle(3)(gl.ones(1, 1, 12, 12)).shape
    torch.Size([1, 9, 4, 4])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return pixel_unshuffle(input, self.downscale_factor)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Mixes ``groups`` groups of channels: the first of each, then the second of each, …

    >>> import gradlab as gl
    >>> ChannelShuffle(2)(gl.arange(4.0).view(1, 4, 1, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return channel_shuffle(input, self.groups)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
