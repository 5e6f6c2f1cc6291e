"""Layers that only change the shape."""

from __future__ import annotations

from gradlab.nn.module import Module
from gradlab.ops.shape import flatten
from gradlab.tensor import Tensor


class Flatten(Module):
    """Makes the dimensions from ``start_dim`` to ``end_dim`` one; by default all but the first.

    >>> import gradlab as gl
    >>> Flatten()(gl.ones(32, 1, 5, 5)).shape
    torch.Size([32, 25])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return flatten(input, self.start_dim, self.end_dim)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
