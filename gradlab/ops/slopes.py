"""Slopes of what was measured at points: ``gradient``, by differences of neighbours."""

from __future__ import annotations

from typing import Any

from gradlab import arrays
from gradlab.op import composite
from gradlab.ops.by_number import over, times
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
        return [1 if spacing is None else spacing] * len(dims)
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
    before, here, after = (input.narrow(dim, i, size - 2) for i in range(3))
    first = [input.narrow(dim, i, 1) for i in range(min(size, 3))]
    last = [input.narrow(dim, size - 1 - i, 1) for i in range(min(size, 3))]
    if isinstance(step, Tensor) and step.ndim:
        steps = step[1:] - step[:-1]
        shape = (-1, *[1] * (input.ndim - dim - 1))
        inside = _weighted(_inner_weights(steps[:-1], steps[1:], shape), before, here, after)
        begin, end = _ends_of_uneven(steps, first, last, edge_order)
    else:
        inside = over(over(after - before, step), 2)
        begin, end = _ends_of_even(step, first, last, edge_order)
    return cat([begin, inside, end], dim)  # type: ignore[no-any-return]


def _weighted(weights: tuple[Any, Any, Any], one: Any, two: Any, three: Any) -> Any:
    return weights[0] * one + weights[1] * two + weights[2] * three


def _inner_weights(left: Any, right: Any, shape: Any) -> tuple[Any, Any, Any]:
    """What three neighbours count in the slope, in the middle, of the parabola through them."""
    before = -right / (left * (left + right))
    here = (right - left) / (left * right)
    after = left / (right * (left + right))
    return before.reshape(shape), here.reshape(shape), after.reshape(shape)


def _outer_weights(near: Any, far: Any) -> tuple[Any, Any, Any]:
    """What the first three points count in the slope of their parabola at the first."""
    return (
        -(times(near, 2) + far) / (near * (near + far)),
        (near + far) / (near * far),
        -near / (far * (near + far)),
    )


def _ends_of_uneven(steps: Any, first: Any, last: Any, edge_order: int) -> tuple[Any, Any]:
    if edge_order == 1:
        return (first[1] - first[0]) / steps[0], (last[0] - last[1]) / steps[-1]
    begin = _weighted(_outer_weights(steps[0], steps[1]), *first)
    near, far = steps[-1], steps[-2]
    weights = (
        near / (far * (far + near)),
        -(far + near) / (far * near),
        (times(near, 2) + far) / (near * (far + near)),
    )
    return begin, _weighted(weights, *reversed(last))


def _ends_of_even(step: Any, first: Any, last: Any, edge_order: int) -> tuple[Any, Any]:
    if edge_order == 1:
        return over(first[1] - first[0], step), over(last[0] - last[1], step)
    begin = times(first[0], -1.5) + times(first[1], 2) - times(first[2], 0.5)
    end = times(last[0], 1.5) - times(last[1], 2) + times(last[2], 0.5)
    return over(begin, step), over(end, step)
