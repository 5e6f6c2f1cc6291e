"""Dropout."""

from __future__ import annotations

from gradlab.nn import functional
from gradlab.nn.module import Module
from gradlab.tensor import Tensor


class _Dropout(Module):
    """What dropout layers have in common."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        functional.check_probability(p)
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """While training, sets elements to 0 with probability ``p`` and divides the rest by 1 - p.

    After ``eval()`` it returns its input. Raises ValueError for a ``p`` outside [0, 1].

    >>> import gradlab as gl
    >>> Dropout(p=0.2).eval()(gl.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """``Dropout`` of whole channels of lines, (N, C, L) or (C, L).

    >>> Dropout1d()
    Dropout1d(p=0.5, inplace=False)
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """``Dropout`` of whole channels of pictures, (N, C, H, W).

    >>> Dropout2d(0.2)
    Dropout2d(p=0.2, inplace=False)
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """``Dropout`` of whole channels of volumes, (N, C, D, H, W) or (C, D, H, W).

    >>> Dropout3d().p
    0.5
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout for networks of ``selu``: mean and variance stay as they are.

    >>> AlphaDropout(0.1)
    AlphaDropout(p=0.1, inplace=False)
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """``AlphaDropout`` of whole channels.

    >>> FeatureAlphaDropout().training
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.feature_alpha_dropout(input, self.p, self.training)
