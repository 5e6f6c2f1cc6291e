"""Slopes of what was measured at points: ``gradient``, by differences of neighbours."""

from __future__ import annotations

from typing import Any

from gradlab import arrays
from gradlab.op import composite
from gradlab.ops.join import cat
from gradlab.ops.shape import array_of
from gradlab.tensor import Tensor, normal_dim


@composite(method=False)
def gradient(
    input: Tensor,
    *,
    spacing: Any = 1,
    dim: int | tuple[int, ...] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """The slope along each dimension, or along those in ``dim``, as far as neighbours show it.

    Inside, a parabola through three neighbours gives it; at the ends a line through two, or with
    ``edge_order=2`` a parabola again. ``spacing`` is the distance of neighbours, one number or one
    for each dimension, or where the points lie, a vector for each dimension. Raises RuntimeError
    for fewer than ``edge_order + 1`` points and for a ``spacing`` that doesn't fit.

    >>> import gradlab as gl
    >>> gl.gradient(gl.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    >>> gl.gradient(gl.tensor([1.0, 4.0, 16.0]), spacing=(gl.tensor([1.0, 2.0, 4.0]),))
    (tensor([3., 4., 6.]),)
    """
    array = array_of(input, "gradient")
    if array.dtype == arrays.uint8.numpy:
        raise RuntimeError("torch.gradient does not support uint8 input. Convert it first.")
    if edge_order not in (1, 2):
        raise RuntimeError(
            f"torch.gradient only supports edge_order=1 and edge_order=2. (It is {edge_order}.)"
        )
    dims = _dims(array.ndim, dim)
    if any(array.shape[d] < edge_order + 1 for d in dims):
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1 "
            f"(edge_order is {edge_order}, the sizes {list(array.shape)})"
        )
    steps = _spacings(spacing, dims, array.ndim, dim is not None)
    return tuple(_slope(input, d, step, edge_order) for d, step in zip(dims, steps, strict=True))


def _dims(ndim: int, dim: Any) -> list[int]:
    if dim is None:
        return list(range(ndim))
    dims = [normal_dim(d, ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
    twice = next((d for d in dims if dims.count(d) > 1), None)
    if twice is not None:
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return dims


def _spacings(spacing: Any, dims: list[int], ndim: int, chosen: bool) -> list[Any]:
    """For each dimension the distance of neighbours, or where the points lie."""
    if not isinstance(spacing, (list, tuple)):
        return [spacing] * len(dims)
    if len(spacing) != len(dims):
        what = (
            f"a list of length equal to 'dim' = {len(dims)}, but got a list of length"
            if chosen
            else f"a list of length equal to 'self.dim() = {ndim}', since dim argument was not "
            "given, but got a list of length"
        )
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or {what} {len(spacing)}"
        )
    for points in spacing:
        if isinstance(points, Tensor) and points.ndim > 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got an "
                f"element with {points.ndim} dimensions!"
            )
    return list(spacing)


def _slope(input: Tensor, dim: int, step: Any, edge_order: int) -> Tensor:
    size = input.size(dim)
    if isinstance(step, Tensor) and step.ndim:
        step = (step[1:] - step[:-1]).reshape((-1, *[1] * (input.ndim - dim - 1)))
        left, right = step[:-1], step[1:]
        ends = (step[:1], step[1:2], step[-1:], step[-2:-1])
    else:
        left = right = step
        ends = (step,) * 4
    inside = []
    if size > 2:
        before, here, after = (input.narrow(dim, i, size - 2) for i in range(3))
        inside.append(_through_three(before, here, after, left, right))
    first = [input.narrow(dim, i, 1) for i in range(min(size, 3))]
    last = [input.narrow(dim, size - 1 - i, 1) for i in range(min(size, 3))]
    begin = _at_end(first, ends[0], ends[1], edge_order)
    end = -_at_end(last, ends[2], ends[3], edge_order)
    return cat([begin, *inside, end], dim)  # type: ignore[no-any-return]


def _through_three(before: Any, here: Any, after: Any, left: Any, right: Any) -> Any:
    """The slope, in the middle, of the parabola through three points at these distances."""
    if left is right:
        return (after - before) / (2 * left)
    rising = (after - here) * (left / right) + (here - before) * (right / left)
    return rising / (left + right)


def _at_end(points: list[Any], near: Any, far: Any, order: int) -> Any:
    """The slope at the first of points, going from it to the others."""
    line = (points[1] - points[0]) / near
    if order == 1:
        return line
    return line + (line - (points[2] - points[1]) / far) * (near / (near + far))
