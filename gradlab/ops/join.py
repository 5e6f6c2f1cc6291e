"""Joining and splitting: several tensors as one, and one tensor as several.

What comes apart is views; what is joined is a copy.
"""

from __future__ import annotations

import builtins
import itertools
import operator
from collections.abc import Sequence
from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.op import alias, composite, op
from gradlab.ops.shape import array_of, at, read_sizes, reshape, unsqueeze
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, normal_dim

# ------------------------------------------------------------------ joining


@op(
    latex=r"\mathrm{cat}(tensors)",
    grad=dict(
        tensors=(
            lambda g, xp, tensors_shape, dim: _cut(xp, g, tensors_shape, dim),
            r"\mathrm{split}(g)",
        )
    ),
    method=False,
    samples=(
        call([draw(2, 3), draw(1, 3)]),
        call([draw(2, 3), draw(2, 1), draw(2, 0)], 1),
        call([draw(2)], -1),
    ),
)
def cat(xp: Namespace, tensors: list[Array], dim: int = 0) -> Array:
    """Tensors one after the other along a dimension; their other sizes must be equal.

    dtypes promote. Raises RuntimeError for sizes that don't match.

    >>> import gradlab as gl
    >>> gl.cat([gl.tensor([1, 2]), gl.tensor([3])])
    tensor([1, 2, 3])
    """
    parts = [a for a in tensors if a.shape != (0,)] or tensors[:1]
    try:
        return xp.concatenate(parts, dim)
    except ValueError:
        raise _cannot_cat(parts, dim) from None


def _cut(xp: Any, g: Any, shapes: list[tuple[int, ...]], dim: int) -> Any:
    """The parts of ``g`` that belong to the tensors that were joined."""
    sizes = tuple(0 if shape == (0,) else shape[dim] for shape in shapes)
    parts = xp.split_with_sizes(g, sizes, dim)
    return [
        xp.view(part, (0,)) if shape == (0,) else part
        for part, shape in zip(parts, shapes, strict=True)
    ]


def _cannot_cat(parts: list[Array], dim: int) -> Exception:
    first = parts[0]
    if first.ndim == 0:
        return RuntimeError(
            "zero-dimensional tensor (at position 0) cannot be concatenated. Use stack()."
        )
    dim = normal_dim(dim, first.ndim)
    for number, part in enumerate(parts):
        if part.ndim != first.ndim:
            return RuntimeError(
                "Tensors must have same number of dimensions: got "
                f"{first.ndim} and {part.ndim} (sizes {list(first.shape)} and {list(part.shape)})"
            )
        for d in range(first.ndim):
            if d != dim and part.shape[d] != first.shape[d]:
                return RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size "
                    f"{first.shape[d]} but got size {part.shape[d]} for tensor number {number} in "
                    "the list."
                )
    return RuntimeError(f"cat(): cannot join {[list(part.shape) for part in parts]}")


@composite("cat", method=False)
def _cat(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Docstring taken from ``cat``."""
    _check_list("cat", tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    return cat(tensors, dim if axis is None else axis)  # type: ignore[no-any-return]


def _check_list(function: str, tensors: Any) -> None:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{function}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    for place, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"expected Tensor as element {place} in argument 0, but got {type(tensor).__name__}"
            )


_cat.__doc__ = cat.__doc__
alias("cat", "concat", "concatenate")


@op(
    latex=r"\mathrm{stack}(tensors)",
    grad=dict(tensors=(lambda g, xp, dim: xp.unbind(g, dim), r"\mathrm{unbind}(g)")),
    method=False,
    samples=(
        call([draw(2, 3), draw(2, 3)]),
        call([draw(2), draw(2), draw(2)], -1),
        call([draw(), draw()]),
    ),
)
def stack(xp: Namespace, tensors: list[Array], dim: int = 0) -> Array:
    """Tensors of one shape side by side along a new dimension.

    dtypes promote. Raises RuntimeError where the shapes differ.

    >>> import gradlab as gl
    >>> gl.stack([gl.tensor([1, 2]), gl.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    first = tensors[0].shape
    for number, array in enumerate(tensors):
        if array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(array.shape)} at entry {number}"
            )
    return xp.stack(tensors, dim)


@composite("stack", method=False)
def _stack(tensors: Any, dim: int = 0) -> Tensor:
    """Docstring taken from ``stack``."""
    _check_list("stack", tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList: there is nothing to join")
    return stack(tensors, dim)  # type: ignore[no-any-return]


_stack.__doc__ = stack.__doc__


@composite(method=False)
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one below the other; vectors become rows.

    >>> import gradlab as gl
    >>> gl.vstack([gl.tensor([1, 2]), gl.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return _cat([atleast_2d(tensor) for tensor in tensors])  # type: ignore[no-any-return]


alias("vstack", "row_stack")


@composite(method=False)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: along dimension 1, vectors along dimension 0.

    >>> import gradlab as gl
    >>> gl.hstack([gl.tensor([1, 2]), gl.tensor([3])])
    tensor([1, 2, 3])
    """
    parts = [atleast_1d(tensor) for tensor in tensors]
    return _cat(parts, 0 if parts and parts[0].ndim == 1 else 1)  # type: ignore[no-any-return]


@composite(method=False)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one behind the other, along dimension 2."""
    return _cat([atleast_3d(tensor) for tensor in tensors], 2)  # type: ignore[no-any-return]


@composite(method=False)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side; vectors become columns."""
    columns = [x if x.ndim > 1 else reshape(x, (x.numel(), 1)) for x in tensors]
    return hstack(columns)  # type: ignore[no-any-return]


@composite(method=False)
def atleast_1d(input: Tensor) -> Tensor:
    """``input``, a number as a vector."""
    return reshape(input, (1,)) if array_of(input, "atleast_1d").ndim == 0 else input


@composite(method=False)
def atleast_2d(input: Tensor) -> Tensor:
    """``input``, a vector as a matrix of one row."""
    array = array_of(input, "atleast_2d")
    if array.ndim == 0:
        return reshape(input, (1, 1))  # type: ignore[no-any-return]
    return unsqueeze(input, 0) if array.ndim == 1 else input


@composite(method=False)
def atleast_3d(input: Tensor) -> Tensor:
    """``input``, with dimensions of size 1 so that there are three."""
    array = array_of(input, "atleast_3d")
    if array.ndim == 0:
        return reshape(input, (1, 1, 1))  # type: ignore[no-any-return]
    if array.ndim == 1:
        return unsqueeze(unsqueeze(input, 0), -1)  # type: ignore[no-any-return]
    return unsqueeze(input, -1) if array.ndim == 2 else input


@op(
    latex=r"\mathrm{split}(input)",
    grad=dict(input=(lambda gs, xp, dim: xp.cat(gs, dim), r"\mathrm{cat}(g)")),
    outputs=None,
    view=True,
    public=False,
    method=False,
    samples=(call(draw(5, 2), 2, 0), call(draw(2, 3), 3, -1)),
)
def split(xp: Namespace, input: Array, split_size: int, dim: int) -> tuple[Array, ...]:
    """Views of ``split_size`` places along ``dim`` each; the last may be shorter."""
    dim %= input.ndim
    starts = range(0, input.shape[dim], split_size) if input.shape[dim] else (0,)
    return tuple(input[at(dim, builtins.slice(i, i + split_size))] for i in starts)


@op(
    latex=r"\mathrm{split}(input)",
    grad=dict(input=(lambda gs, xp, dim: xp.cat(gs, dim), r"\mathrm{cat}(g)")),
    outputs=None,
    view=True,
    public=False,
    method=False,
    samples=(call(draw(5, 2), (2, 0, 3), 0), call(draw(2, 3), (1, 2), -1)),
)
def split_with_sizes(
    xp: Namespace, input: Array, split_sizes: tuple[int, ...], dim: int
) -> tuple[Array, ...]:
    """Views of so many places along ``dim``, one after the other."""
    dim %= input.ndim
    ends = [0]
    for size in split_sizes:
        ends.append(ends[-1] + size)
    ranges = itertools.pairwise(ends)
    return tuple(input[at(dim, builtins.slice(*between))] for between in ranges)


@composite("split")
def _split(
    input: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None
) -> tuple[Tensor, ...]:
    """Views of parts along ``dim``: of one size each (the last may be shorter), or of these sizes.

    >>> import gradlab as gl
    >>> gl.split(gl.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> gl.arange(5).split([1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    shape = array_of(input, "split").shape
    parts = split_size_or_sections if split_size is None else split_size
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = normal_dim(dim, len(shape))
    if isinstance(parts, Sequence):
        sizes = read_sizes((tuple(parts),))
        if builtins.min(sizes, default=0) < 0:
            raise RuntimeError(
                "split_with_sizes expects split_sizes have only non-negative entries, but got "
                f"split_sizes={list(sizes)}"
            )
        if builtins.sum(sizes) != shape[dim]:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {shape[dim]} (input "
                f"tensor's size at dimension {dim}), but got split_sizes={list(sizes)}"
            )
        return split_with_sizes(input, sizes, dim)  # type: ignore[no-any-return]
    size = operator.index(parts)
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and shape[dim]:
        raise RuntimeError(
            "split_size can only be 0 if dimension size is 0, but got dimension size of "
            f"{shape[dim]}"
        )
    return split(input, size, dim)  # type: ignore[no-any-return]


@composite()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most ``chunks`` parts of equal size along ``dim``; the last may be shorter.

    >>> import gradlab as gl
    >>> gl.chunk(gl.arange(5), 3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    shape = array_of(input, "chunk").shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = normal_dim(dim, len(shape))
    if not shape[dim]:
        return split_with_sizes(input, (0,) * chunks, dim)  # type: ignore[no-any-return]
    return split(input, -(-shape[dim] // chunks), dim)  # type: ignore[no-any-return]


@op(
    latex=r"\mathrm{unbind}(input)",
    grad=dict(input=(lambda gs, xp, dim: xp.stack(gs, dim), r"\mathrm{stack}(g)")),
    outputs=None,
    view=True,
    samples=(call(draw(3, 2)), call(draw(2, 3), -1), call(draw(2))),
)
def unbind(xp: Namespace, input: Array, dim: int = 0) -> tuple[Array, ...]:
    """Views of what is at each place along ``dim``, as a tuple.

    >>> import gradlab as gl
    >>> gl.unbind(gl.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if not input.ndim:
        raise IndexError(
            "Dimension specified as 0 but tensor has no dimensions"
            if dim == 0
            else f"Dimension specified as {dim} but tensor has no dimensions"
        )
    dim = normal_dim(dim, input.ndim)
    return tuple(input[at(dim, i)] for i in range(input.shape[dim]))
