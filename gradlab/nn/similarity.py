"""Likeness of vectors as modules."""

from __future__ import annotations

from gradlab.nn import functional
from gradlab.nn.module import Module
from gradlab.tensor import Tensor


class CosineSimilarity(Module):
    """Cosine of the angle between the vectors along ``dim``; a length counts ``eps`` at least.

    >>> import gradlab as gl
    >>> CosineSimilarity()(gl.tensor([[1.0, 0.0]]), gl.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return functional.cosine_similarity(x1, x2, self.dim, self.eps)  # type: ignore[no-any-return]


class PairwiseDistance(Module):
    """The p-norm of the difference, plus ``eps``, of the vectors along the last dimension.

    >>> import gradlab as gl
    >>> PairwiseDistance()(gl.tensor([[0.0, 0.0]]), gl.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        distance: Tensor = functional.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
        return distance
