"""Likeness of vectors: their angle and distance, and vectors brought to one length."""

from __future__ import annotations

from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.grad_mode import no_grad
from gradlab.op import OPS, composite, op
from gradlab.ops.by_number import plus
from gradlab.ops.reduce import norm, norm_gradient
from gradlab.ops.shape import put_back
from gradlab.samples import call, draw
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
    return norm_along(plus(x1 - x2, eps), float(p), (-1,), keepdim)  # type: ignore[no-any-return]


def _norm_gradient(xp: Any, g: Any, input: Any, result: Any, p: Any, dim: Any, keep: Any) -> Any:
    g, result = (put_back(xp, one, input.shape, dim, keep) for one in (g, result))
    return norm_gradient(xp, g, input, result, p, dim)


@op(
    latex=r"\lVert input \rVert_{p}",
    grad=dict(
        input=(
            lambda g, xp, input, out, p, dim, keepdim: _norm_gradient(
                xp, g, input, out, p, dim, keepdim
            ),
            r"g \, \mathrm{sign}(input) \left(\frac{|input|}{out}\right)^{p - 1}",
        )
    ),
    node="NormBackward1",
    public=False,
    method=False,
    samples=(call(draw(2, 3), 2.0, (1,)), call(draw(2, 3), 3.0, (0,), True)),
)
def norm_along(
    xp: Namespace, input: Array, p: float, dim: tuple[int, ...], keepdim: bool = False
) -> Array:
    """The norm as PyTorch's ``pairwise_distance`` takes it: an older operation than ``norm``'s."""
    return OPS["vector_norm"].forward(xp, input, p, dim, keepdim)


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """The tensor divided by its p-norms along ``dim``, each of which counts as ``eps`` at least.

    >>> import gradlab as gl
    >>> gl.nn.functional.normalize(gl.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    lengths: Any = norm(input, p, dim, True)
    return input / lengths.clamp_min(eps).expand(input.shape)  # type: ignore[no-any-return]
