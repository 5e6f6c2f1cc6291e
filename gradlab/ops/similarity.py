"""Likeness of vectors: their angle and distance, and vectors brought to one length."""

from __future__ import annotations

from typing import Any

from gradlab.grad_mode import no_grad
from gradlab.op import composite
from gradlab.ops.reduce import norm
from gradlab.tensor import Tensor


@composite(method=False)
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between the vectors that lie along ``dim``: from -1 to 1.

    Shapes broadcast. A length counts as ``eps`` at least.

    >>> import gradlab as gl
    >>> gl.cosine_similarity(gl.tensor([[1.0, 0.0]]), gl.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    x1, x2 = _together(x1, x2)
    return (x1 / _length(x1, dim, eps) * (x2 / _length(x2, dim, eps))).sum(dim)  # type: ignore[no-any-return]


def _together(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Both in the shape they broadcast to."""
    if x1.shape == x2.shape:
        return x1, x2
    shape = (x1.detach() + x2.detach()).shape
    return x1.expand(shape), x2.expand(shape)


def _length(x: Any, dim: int, eps: float) -> Any:
    """Lengths, with the gradient of a length also where ``eps`` took its place."""
    length: Any = norm(x, 2, dim, True).clone()
    with no_grad():
        length.clamp_min_(eps)
    return length


@composite(method=False)
def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of the difference, plus ``eps``, of the vectors along the last dimension.

    >>> import gradlab as gl
    >>> gl.pairwise_distance(gl.tensor([[0.0, 0.0]]), gl.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    return norm(x1 - x2 + eps, p, -1, keepdim)  # type: ignore[no-any-return]


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """The tensor divided by its p-norms along ``dim``, each of which counts as ``eps`` at least.

    >>> import gradlab as gl
    >>> gl.nn.functional.normalize(gl.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    lengths: Any = norm(input, p, dim, True)
    return input / lengths.clamp_min(eps).expand(input.shape)  # type: ignore[no-any-return]
