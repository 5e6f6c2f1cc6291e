"""Changing a tensor along one dimension, at the places that an index vector names."""

from __future__ import annotations

from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.index import added_along, numbered
from gradlab.ops.shape import at
from gradlab.samples import call, draw, indices
from gradlab.tensor import Tensor, normal_dim

# ------------------------------------------------------------------ checking


def check_source(name: str, array: Array, dim: int, index: Array, source: Array) -> int:
    """Raise PyTorch's errors where ``source`` can't go along ``dim``; return ``dim`` >= 0."""
    dim = normal_dim(dim, array.ndim)
    kind = arrays.dtype_of(index).type_name
    if index.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim} with type: "
            f"{kind} and size: {list(index.shape)}"
        )
    if index.dtype not in ("int64", "int32"):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got: {kind}")
    if array.dtype != source.dtype:
        own, other = arrays.dtype_of(array).type_name, arrays.dtype_of(source).type_name
        raise RuntimeError(
            f"{name}(): self ({own}) and source ({other}) must have the same scalar type"
        )
    size = source.shape[dim] if source.ndim > dim else 1
    if size != index.size:
        raise RuntimeError(
            f"{name}(): Number of indices ({index.size}) should be equal to source.size(dim): "
            f"({size}), for dim: {dim}"
        )
    if _without(array.shape, dim) != _without(source.shape, dim) or array.ndim != source.ndim:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(array.shape)} source.shape = {list(source.shape)}"
        )
    return dim


def _without(shape: tuple[int, ...], dim: int) -> tuple[int, ...]:
    return (*shape[:dim], *shape[dim + 1 :])


def check_bounds(index: Array, dim: int, size: int, error: type[Exception], prefix: str) -> None:
    """Raise an error that begins with ``prefix`` for an index outside [0, size)."""
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index[(index < 0) | (index >= size)].reshape(-1)[0]
        raise error(
            f"{prefix}index {int(bad)} is out of bounds for dimension {dim} with size {size}"
        )


def places_of(xp: Namespace, shape: tuple[int, ...], dim: int, index: Array) -> Array:
    """The numbers, in memory order, of all places that ``index`` names along ``dim``."""
    return xp.take(numbered(xp, shape), index.reshape(-1), dim)


def _size(array: Array, dim: int) -> int:
    return int(array.shape[dim]) if array.ndim else 1


# ------------------------------------------------------------------ adding


@op(
    latex=r"input + alpha \cdot source \text{ at } index",
    grad=dict(
        input=(lambda g: g, r"g"),
        source=(
            lambda g, xp, dim, index, source, alpha: xp.index_select(g, dim, index) * alpha,
            r"alpha \cdot {g}_{index}",
        ),
    ),
    saved=dict(source_dim=lambda source: source.ndim),
    inplace=True,
    samples=(
        call(draw(3, 2), 0, indices(4, below=3), draw(4, 2)),
        call(draw(2, 3), -1, indices(2, below=3), draw(2, 2), alpha=2.5),
        call(draw(), 0, indices(1, below=1), draw()),
    ),
)
def index_add(
    xp: Namespace, input: Array, dim: int, index: Array, source: Array, *, alpha: float = 1
) -> Array:
    """``input`` with ``alpha * source`` added at the places ``index``, a vector, along ``dim``.

    A place may be named several times. Raises RuntimeError for other dtypes or shapes, and for
    places that aren't there.

    >>> import gradlab as gl
    >>> gl.zeros(3).index_add(0, gl.tensor([0, 0, 2]), gl.tensor([1.0, 2.0, 3.0]))
    tensor([3., 0., 3.])
    """
    dim = check_source("index_add_", input, dim, index, source)
    check_bounds(index, dim, _size(input, dim), RuntimeError, "")
    scaled = source if alpha == 1 else (source * alpha).astype(input.dtype, copy=False)
    if not input.ndim:
        return input + scaled
    return input + added_along(xp, scaled, input.shape, dim, index)


# ------------------------------------------------------------------ replacing


@op(
    latex=r"input \text{ with } source \text{ at } index",
    grad=dict(
        input=(
            lambda g, xp, dim, index: xp.index_fill_scalar(g, dim, index, 0),
            r"g,\ 0 \text{ at } index",
        ),
        source=(
            lambda g, xp, dim, index, source: xp.view(
                xp.index_select(g, dim, index), tuple(source.shape)
            ),
            r"{g}_{index}",
        ),
    ),
    saved=dict(source_dim=lambda source: source.ndim),
    inplace=True,
    samples=(
        call(draw(3, 2), 0, indices(1, below=3), draw(1, 2)),
        call(draw(2, 3), -1, Tensor._wrap(numpy.array([2, 0])), draw(2, 2)),
    ),
)
def index_copy(xp: Namespace, input: Array, dim: int, index: Array, source: Array) -> Array:
    """``input`` with ``source`` in the place of what ``index``, a vector, names along ``dim``.

    Raises IndexError for places that aren't there and too few or too many of them, RuntimeError
    for other dtypes or shapes.

    >>> import gradlab as gl
    >>> gl.zeros(3).index_copy(0, gl.tensor([2, 0]), gl.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    dim = _check_copied(input, dim, index, source)
    if not input.ndim:
        return source.reshape(-1)[-1:].reshape(()).copy()
    result = input.copy()
    result[at(dim, index.reshape(-1))] = source
    return result


def _check_copied(array: Array, dim: int, index: Array, source: Array) -> int:
    dim = normal_dim(dim, array.ndim)
    if index.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if source.ndim == 0 and index.size != 1:
        raise IndexError(
            "index_copy_(): When source is scalar, index should have one element "
            f"(got {index.size})"
        )
    if source.ndim != array.ndim and source.ndim and array.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality "
            f"must match. Source dimensionality ({source.ndim}), destination dimensionality "
            f"({array.ndim})"
        )
    if index.dtype != arrays.INT64:
        raise RuntimeError(
            "index_copy_(): Expected a long tensor for index, but got "
            f"{arrays.dtype_of(index).type_name}"
        )
    if array.dtype != source.dtype:
        own, other = arrays.dtype_of(array).type_name, arrays.dtype_of(source).type_name
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got "
            f"(self) {own} and (source) {other}"
        )
    own_slice, other_slice = _without(array.shape, dim), _without(source.shape, dim)
    if own_slice != other_slice:
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination "
            f"slice shape: {' '.join(map(str, own_slice))} at dimension {dim} and source slice "
            f"shape: {' '.join(map(str, other_slice))} at dimension 0."
        )
    if source.ndim and source.shape[dim] != index.size:
        raise IndexError(
            f"index_copy_(): Number of indices ({index.size}) should be equal to source.size(dim) "
            f"({source.shape[dim]})"
        )
    check_bounds(index, dim, _size(array, dim), IndexError, "index_copy_(): ")
    return dim


@op(
    latex=r"input \text{ with } value \text{ at } index",
    grad=dict(
        input=(
            lambda g, xp, dim, index: xp.index_fill_scalar(g, dim, index, 0),
            r"g,\ 0 \text{ at } index",
        )
    ),
    node="IndexFillBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(3, 2), 0, indices(2, below=3), 2.0),
        call(draw(), 0, indices(1, below=1), 2.0),
    ),
)
def index_fill_scalar(xp: Namespace, input: Array, dim: int, index: Array, value: float) -> Array:
    """``input`` with a number at the places ``index`` along ``dim``."""
    return _filled(input, dim, index, value)


@op(
    latex=r"input \text{ with } value \text{ at } index",
    grad=dict(
        input=(
            lambda g, xp, dim, index: xp.index_fill_scalar(g, dim, index, 0),
            r"g,\ 0 \text{ at } index",
        ),
        value=(
            lambda g, xp, dim, index: xp.sum(g - xp.index_fill_scalar(g, dim, index, 0)),
            r"\textstyle\sum g \text{ at } index",
        ),
    ),
    node="IndexFillBackward1",
    public=False,
    method=False,
    samples=(call(draw(3, 2), 0, Tensor._wrap(numpy.array([2, 0])), draw()),),
)
def index_fill_tensor(xp: Namespace, input: Array, dim: int, index: Array, value: Array) -> Array:
    """``input`` with the element of a 0-d tensor at the places ``index`` along ``dim``."""
    return _filled(input, dim, index, value)


def _filled(array: Array, dim: int, index: Array, value: Any) -> Array:
    dim = normal_dim(dim, array.ndim)
    if index.dtype != arrays.INT64:
        raise IndexError(
            f"index_fill_(): Expected dtype int64 for index. (got {arrays.dtype_of(index)!r})"
        )
    if index.ndim > 1:
        raise RuntimeError(f"Index has to be a vector/scalar (it has {index.ndim} dimensions)")
    size = _size(array, dim)
    if index.size and (index.min() < -size or index.max() >= size):
        bad = index[(index < -size) | (index >= size)].reshape(-1)[0]
        raise IndexError(f"index {int(bad)} is out of bounds for dimension {dim} with size {size}")
    result = array.copy() if array.ndim else array.reshape(1).copy()
    if array.ndim:
        result[at(dim, index.reshape(-1))] = value
    elif index.size:
        result[:] = value
    return result.reshape(array.shape)


@composite(inplace=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` at the places ``index``, a vector, along ``dim``.

    ``value`` is a number or a 0-d tensor. Raises IndexError for places that aren't there.

    >>> import gradlab as gl
    >>> gl.zeros(2, 2).index_fill(1, gl.tensor([0]), 5.0)
    tensor([[5., 0.],
            [5., 0.]])
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        return index_fill_tensor(input, dim, index, value)  # type: ignore[no-any-return]
    if type(value) not in arrays.PYTHON_SCALARS:
        raise TypeError(
            "index_fill() received an invalid combination of arguments - got "
            f"(int, Tensor, {type(value).__name__}): value must be a number or a 0-d tensor"
        )
    if isinstance(value, complex) and not input.is_complex():
        raise RuntimeError(
            "index_fill_(): Converting complex Scalar to non-complex type is not supported"
        )
    return index_fill_scalar(input, dim, index, value)  # type: ignore[no-any-return]
