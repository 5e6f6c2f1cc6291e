"""Dropout."""

from __future__ import annotations

from gradlab.nn import functional
from gradlab.nn.module import Module
from gradlab.tensor import Tensor


class Dropout(Module):
    """While training, sets elements to 0 with probability ``p`` and divides the rest by 1 - p.

    After ``eval()`` it returns its input. Raises ValueError for a ``p`` outside [0, 1].

    >>> import gradlab as gl
    >>> Dropout(p=0.2).eval()(gl.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        functional.check_probability(p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
