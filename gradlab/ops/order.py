"""Order: sorting, the largest, and what else is found by sorting."""

from __future__ import annotations

from typing import Any

from gradlab import arrays, return_types
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.shape import array_of, slice
from gradlab.samples import call, draw, indices
from gradlab.tensor import Tensor, normal_dim

# ------------------------------------------------------------------ sorting


@op(
    latex=r"\mathrm{argsort}(input)",
    samples=(call(draw(2, 3)), call(draw(3), 0, True), call(draw())),
)
def argsort(
    xp: Namespace, input: Array, dim: int = -1, descending: bool = False, stable: bool = False
) -> Array:
    """Indices that would sort the tensor along ``dim``; equals keep their order.

    >>> import gradlab as gl
    >>> gl.tensor([3, 1, 2]).argsort()
    tensor([1, 2, 0])
    """
    dim = normal_dim(dim, input.ndim)
    if not input.ndim:
        return xp.zeros((), arrays.INT64)
    if not descending:
        return xp.argsort(input, dim, kind="stable")
    # Reversed before and after, so that equals keep their order and NaN comes first.
    order = xp.argsort(xp.flip(input, dim), dim, kind="stable")
    return xp.flip(input.shape[dim] - 1 - order, dim).copy()


_PICKED = (
    lambda g, xp, input_shape, dim, indices: xp.gather_backward(g, input_shape, dim, indices),
    r"g \text{ at } indices",
)


@op(
    latex=r"\mathrm{sort}(input)",
    grad=dict(input=_PICKED),
    node="SortBackward0",
    public=False,
    method=False,
    samples=(call(draw(2, 3), indices(2, 3, below=3), 1),),
)
def sort_picked(xp: Namespace, input: Array, indices: Array, dim: int) -> Array:
    """The elements in the order that ``indices`` give."""
    return xp.take_along_axis(input, indices, dim) if input.ndim else input.copy()


@op(
    latex=r"\mathrm{topk}(input)",
    grad=dict(input=_PICKED),
    node="TopkBackward0",
    public=False,
    method=False,
    samples=(call(draw(2, 3), indices(2, 2, below=3), 1),),
)
def topk_picked(xp: Namespace, input: Array, indices: Array, dim: int) -> Array:
    """The elements at ``indices``, where the largest are."""
    return xp.take_along_axis(input, indices, dim) if input.ndim else input.copy()


@composite()
def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    """The elements in order along ``dim``, and where each was: a pair (values, indices).

    >>> import gradlab as gl
    >>> gl.sort(gl.tensor([3.0, 1.0, 2.0]))
    torch.return_types.sort(
    values=tensor([1., 2., 3.]),
    indices=tensor([1, 2, 0]))
    """
    dim = normal_dim(dim, array_of(input, "sort").ndim)
    order = argsort(input, dim, descending)
    return return_types.sort(sort_picked(input, order, dim), order)


@composite()
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The ``k`` largest (or smallest) along ``dim``, in order, and where they are.

    Raises RuntimeError where there are fewer than ``k``.

    >>> import gradlab as gl
    >>> gl.tensor([3.0, 1.0, 2.0]).topk(2).values
    tensor([3., 2.])
    """
    array = array_of(input, "topk")
    dim = normal_dim(dim, array.ndim)
    size = array.shape[dim] if array.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(
            f"selected index k out of range: k is {k}, dimension {dim} has size {size}"
        )
    order = argsort(input, dim, descending=largest)
    if array.ndim:
        order = Tensor._wrap(slice(order, dim, 0, k)._array.copy())
    return return_types.topk(topk_picked(input, order, dim), order)
