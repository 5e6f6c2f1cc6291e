"""Joining and splitting: several tensors as one, and one tensor as several.

What comes apart is views; what is joined is a copy.
"""

from __future__ import annotations

import builtins
import itertools
import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import alias, composite, op
from gradlab.ops.masks import common_shape, masked_select
from gradlab.ops.shape import (
    array_of,
    at,
    expand,
    flatten,
    read_sizes,
    reshape,
    slice,
    unsqueeze,
    view,
)
from gradlab.ops.windows import pixels_of
from gradlab.samples import call, draw
from gradlab.tensor import Size, Tensor, normal_dim
from gradlab.type_info import check_int, type_name

# ------------------------------------------------------------------ joining


@op(
    latex=r"\mathrm{cat}(tensors)",
    grad=dict(
        tensors=(
            lambda g, xp, tensors_shape, dim: _cut(xp, g, tensors_shape, dim),
            r"\mathrm{split}(g)",
        )
    ),
    saved=dict(tensors_sym_sizes=None),
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
        return xp.concatenate(parts, dim, out=_place_for(xp, parts, dim))
    except (ValueError, IndexError):
        raise _cannot_cat(parts, dim) from None


def _place_for(xp: Namespace, parts: list[Array], dim: int) -> Array | None:
    """An array for the parts in the usual order, which NumPy leaves for that of the parts.

    Pictures that all lie pixel by pixel stay so.
    """
    for part in parts:  # all() takes twice the time
        if not part.flags.c_contiguous:
            break
    else:
        return None
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    if all(part.ndim > 3 and pixels_of(part).flags.c_contiguous for part in parts):
        count, channels, *sizes = shape
        by_pixel = xp.empty((count, *sizes, channels), parts[0].dtype)
        return by_pixel.transpose(0, by_pixel.ndim - 1, *range(1, by_pixel.ndim - 1))
    return xp.empty(shape, parts[0].dtype)


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
    check_tensors(tensors)


def check_tensors(tensors: Sequence[Any]) -> None:
    """TypeError for a sequence that holds anything but tensors."""
    for place, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"expected Tensor as element {place} in argument 0, but got {type_name(tensor)}"
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
    if first and dim in (0, -len(first) - 1):  # a quarter of the time that xp.stack takes
        joined = xp.concatenate(tensors, out=_place_for(xp, tensors, 0))
        return joined.reshape((len(tensors), *first))
    return xp.stack([xp.asarray(array, order="C") for array in tensors], dim)


@composite("stack", method=False)
def _stack(tensors: Any, dim: int = 0) -> Tensor:
    """Docstring taken from ``stack``."""
    _check_list("stack", tensors)
    _check_not_empty("stack", tensors)
    return stack(tensors, dim)  # type: ignore[no-any-return]


def _check_not_empty(name: str, tensors: Sequence[Tensor]) -> None:
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList: there is nothing to join")


_stack.__doc__ = stack.__doc__


@composite(method=False)
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one below the other; vectors become rows.

    >>> import gradlab as gl
    >>> gl.vstack([gl.tensor([1, 2]), gl.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    _check_not_empty("vstack", tensors)
    return _cat([atleast_2d(tensor) for tensor in tensors])  # type: ignore[no-any-return]


alias("vstack", "row_stack")


@composite(method=False)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: along dimension 1, vectors along dimension 0.

    >>> import gradlab as gl
    >>> gl.hstack([gl.tensor([1, 2]), gl.tensor([3])])
    tensor([1, 2, 3])
    """
    _check_not_empty("hstack", tensors)
    parts = [atleast_1d(tensor) for tensor in tensors]
    return _cat(parts, 0 if parts[0].ndim == 1 else 1)  # type: ignore[no-any-return]


@composite(method=False)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one behind the other, along dimension 2.

    >>> import gradlab as gl
    >>> gl.dstack([gl.ones(2), gl.zeros(2)]).shape
    torch.Size([1, 2, 2])
    """
    _check_not_empty("dstack", tensors)
    return _cat([atleast_3d(tensor) for tensor in tensors], 2)  # type: ignore[no-any-return]


@composite(method=False)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side; vectors become columns.

    >>> import gradlab as gl
    >>> gl.column_stack([gl.ones(2), gl.zeros(2)])
    tensor([[1., 0.],
            [1., 0.]])
    """
    _check_not_empty("column_stack", tensors)
    columns = [x if x.ndim > 1 else reshape(x, (x.numel(), 1)) for x in tensors]
    return hstack(columns)  # type: ignore[no-any-return]


def _at_least(name: str, deepen: Callable[[Tensor], Tensor], what: str, example: str) -> Any:
    """Publish a function that deepens one tensor, or each of several."""

    def atleast(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return deepen(tensors[0])
        given = tensors[0] if len(tensors) == 1 else tensors
        check_tensors(given)
        return tuple(deepen(tensor) for tensor in given)

    atleast.__doc__ = f"{what} Of several tensors, a tuple of each.\n\n{example}"
    return composite(name, method=False)(atleast)


def _as_vector(input: Tensor) -> Tensor:
    return reshape(input, (1,)) if input.ndim == 0 else input


def _as_rows(input: Tensor) -> Tensor:
    if input.ndim == 0:
        return reshape(input, (1, 1))  # type: ignore[no-any-return]
    return unsqueeze(input, 0) if input.ndim == 1 else input


def _as_planes(input: Tensor) -> Tensor:
    if input.ndim == 0:
        return reshape(input, (1, 1, 1))  # type: ignore[no-any-return]
    if input.ndim == 1:
        return unsqueeze(unsqueeze(input, 0), -1)  # type: ignore[no-any-return]
    return unsqueeze(input, -1) if input.ndim == 2 else input


atleast_1d = _at_least(
    "atleast_1d",
    _as_vector,
    "A number as a vector; other tensors as they are.",
    ">>> import gradlab as gl\n>>> gl.atleast_1d(gl.tensor(3))\ntensor([3])",
)
atleast_2d = _at_least(
    "atleast_2d",
    _as_rows,
    "A vector as a matrix of one row; other tensors of two or more dimensions as they are.",
    ">>> import gradlab as gl\n>>> gl.atleast_2d(gl.tensor([3, 4]))\ntensor([[3, 4]])",
)
atleast_3d = _at_least(
    "atleast_3d",
    _as_planes,
    "A tensor with dimensions of size 1 so that there are three.",
    ">>> import gradlab as gl\n>>> gl.atleast_3d(gl.tensor([3, 4])).shape\ntorch.Size([1, 2, 1])",
)


@op(
    latex=r"\mathrm{split}(input)",
    grad=dict(
        input=(
            lambda gs, xp, input_shape, split_size, dim: xp.cat(gs, dim),
            r"\mathrm{cat}(g)",
        )
    ),
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
    grad=dict(
        input=(
            lambda gs, xp, input_shape, split_sizes, dim: xp.cat(gs, dim),
            r"\mathrm{cat}(g)",
        )
    ),
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
    if not hasattr(parts, "__index__"):
        if not isinstance(parts, (tuple, list)):
            raise TypeError(
                "split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, "
                f"not {type_name(parts)}"
            )
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
    check_int("chunk", "chunks", chunks, 2)
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
            f"Dimension specified as {normal_dim(dim, 0)} but tensor has no dimensions"
        )
    dim = normal_dim(dim, input.ndim)
    return tuple(input[at(dim, i)] for i in range(input.shape[dim]))


@composite("split_with_sizes")
def _split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of parts of these sizes along ``dim``; see ``split``.

    >>> import gradlab as gl
    >>> gl.split_with_sizes(gl.arange(3), (1, 2))
    (tensor([0]), tensor([1, 2]))
    """
    return _split(input, tuple(split_sizes), dim)  # type: ignore[no-any-return]


@composite()
def tensor_split(
    input: Tensor,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    indices: Any = None,
    sections: Any = None,
) -> tuple[Tensor, ...]:
    """Views of so many parts along ``dim``, or of the parts between places where it is cut.

    Parts are as equal as can be, the longer ones first. The number or the places may be in a
    tensor. Raises RuntimeError for a number that isn't positive.

    >>> import gradlab as gl
    >>> gl.tensor_split(gl.arange(5), 3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> gl.tensor_split(gl.arange(5), (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """  # fmt: skip
    shape = array_of(input, "tensor_split").shape
    given = next((g for g in (indices_or_sections, indices, sections) if g is not None), None)
    if not shape:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    dim = normal_dim(dim, len(shape))
    if isinstance(given, Tensor):
        given = _cuts_in_tensor(given)
    if isinstance(given, int):
        cuts = _even_cuts(shape[dim], given)
    elif isinstance(given, (tuple, list)):
        cuts = read_sizes((tuple(given),))
    else:
        raise TypeError(
            "tensor_split() received an invalid combination of arguments - got "
            f"(Tensor, {type(given).__name__}): give a number of parts, or where to cut"
        )
    bounds = [builtins.slice(*between).indices(shape[dim]) for between in _between(cuts)]
    return tuple(slice(input, dim, start, max(start, end)) for start, end, _ in bounds)


def _cuts_in_tensor(given: Tensor) -> Any:
    if given.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
            f"one-dimensional tensor, but got a tensor with {given.ndim} dims"
        )
    if given.dtype is not arrays.int64:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
            f"{given.dtype.type_name}"
        )
    return given.tolist()


def _even_cuts(size: int, sections: int) -> tuple[int, ...]:
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    shortest, longer = divmod(size, sections)
    return tuple(i * shortest + min(i, longer) for i in range(1, sections))


def _between(cuts: tuple[int, ...]) -> Any:
    return itertools.pairwise((0, *cuts, None))


def _split_along(name: str, least: int, input: Tensor, dim: int, given: Any) -> tuple[Tensor, ...]:
    shape = array_of(input, name).shape
    if len(shape) < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
            f"with {len(shape)} dimensions!"
        )
    if isinstance(given, int) and (given == 0 or shape[dim] % given):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{shape[dim]} is not divisible by the split_size {given}!"
        )
    return tensor_split(input, given, dim)  # type: ignore[no-any-return]


@composite()
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Views of parts side by side: along dimension 1, of a vector along dimension 0.

    Equal parts, or those between places where it is cut. Raises RuntimeError where parts can't be
    equal.

    >>> import gradlab as gl
    >>> gl.hsplit(gl.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    dim = 0 if array_of(input, "hsplit").ndim == 1 else 1
    return _split_along("hsplit", 1, input, dim, indices_or_sections)


@composite()
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Views of parts one below the other, along dimension 0; see ``hsplit``.

    >>> import gradlab as gl
    >>> gl.vsplit(gl.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _split_along("vsplit", 2, input, 0, indices_or_sections)


@composite()
def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Views of parts one behind the other, along dimension 2; see ``hsplit``.

    >>> import gradlab as gl
    >>> [part.shape for part in gl.dsplit(gl.zeros(1, 2, 4), 2)]
    [torch.Size([1, 2, 2]), torch.Size([1, 2, 2])]
    """
    return _split_along("dsplit", 3, input, 2, indices_or_sections)


# ------------------------------------------------------------------ broadcast against each other


@composite(method=False)
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Views of the tensors stretched to the shape that they have in common.

    Raises RuntimeError where the shapes don't broadcast.

    >>> import gradlab as gl
    >>> [x.shape for x in gl.broadcast_tensors(gl.zeros(2, 1), gl.zeros(3))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    check_tensors(tensors)
    shape: tuple[int, ...] = ()
    for tensor in tensors:
        shape = common_shape(shape, tensor._array.shape)
    return tuple(
        tensor if tensor._array.shape == shape else expand(tensor, shape) for tensor in tensors
    )


@composite(method=False)
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes have after broadcasting.

    Raises RuntimeError where they don't broadcast, ValueError for a negative size.

    >>> import gradlab as gl
    >>> gl.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    common: list[int] = []
    given = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    for shape in given:
        common = [1] * (len(shape) - len(common)) + common
    for place, shape in enumerate(given):
        for back in range(-1, -1 - len(shape), -1):
            if shape[back] < 0:
                raise ValueError(
                    "Attempting to broadcast a dimension with negative length! "
                    f"(shape {shape}, argument {place})"
                )
            if shape[back] in (1, common[back]):
                continue
            if common[back] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {shape[back]} at {back}! "
                    f"Mismatching argument at index {place} had {shape}; but expected shape "
                    f"should be broadcastable to {common}"
                )
            common[back] = shape[back]
    return Size(common)


@composite(method=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Grids of coordinates: each vector stretched along the dimensions of all others, as views.

    ``indexing="ij"``: the first vector goes with the first dimension, and so on. ``"xy"``: the
    first two change places. Without it, "ij" and PyTorch's warning. Raises RuntimeError for
    tensors of several dimensions or dtypes.

    >>> import gradlab as gl
    >>> x, y = gl.meshgrid(gl.tensor([1, 2]), gl.tensor([3, 4, 5]), indexing="ij")
    >>> x
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            'argument. Pass indexing="ij" for what you get now.',
            UserWarning,
            stacklevel=2,
        )
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    return _grids(list(given), indexing or "ij")


def _grids(tensors: list[Tensor], indexing: str) -> tuple[Tensor, ...]:
    check_tensors(tensors)
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for tensor in tensors:
        if tensor.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                f"{tensor.detach()!r}"
            )
    if len({tensor.dtype for tensor in tensors}) > 1:
        raise RuntimeError(
            "meshgrid expects all tensors to have the same dtype: "
            f"got {[tensor.dtype for tensor in tensors]}"
        )
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    if indexing == "xy" and len(tensors) > 1:
        tensors = [tensors[1], tensors[0], *tensors[2:]]
    shape = tuple(tensor.numel() for tensor in tensors)
    ones = (1,) * len(shape)
    grids = [
        expand(view(tensor, (*ones[:d], shape[d], *ones[d + 1 :])), shape)
        for d, tensor in enumerate(tensors)
    ]
    if indexing == "xy" and len(tensors) > 1:
        grids[:2] = grids[1::-1]
    return tuple(grids)


def _check_vector(tensor: Tensor) -> None:
    if tensor.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(tensor.shape)}")


@composite(method=False)
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All ways to take an element from each vector, one to a row.

    >>> import gradlab as gl
    >>> gl.cartesian_prod(gl.tensor([1, 2]), gl.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    check_tensors(tensors)
    for tensor in tensors:
        _check_vector(tensor)
    if len(tensors) == 1:
        return tensors[0]
    return stack([flatten(grid) for grid in _grids(list(tensors), "ij")], 1)  # type: ignore[no-any-return]


@composite(method=False)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of ``r`` elements of a vector, in order, one to a row.

    ``with_replacement``: an element may be chosen again. Raises RuntimeError for anything but a
    vector, and for a negative ``r``.

    >>> import gradlab as gl
    >>> gl.combinations(gl.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    array = array_of(input, "combinations")
    _check_vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    xp = arrays.array_module(array)
    if r == 0:
        return Tensor._wrap(xp.empty(0, array.dtype))
    places = xp.arange(array.size)
    chosen = xp.ones((array.size,) * r, bool)
    for d in range(r - 1):
        one, two = (places.reshape((-1,) + (1,) * (r - 1 - k)) for k in (d, d + 1))
        chosen &= one <= two if with_replacement else one < two
    mask = Tensor._wrap(chosen)
    return stack([masked_select(grid, mask) for grid in _grids([input] * r, "ij")], 1)  # type: ignore[no-any-return]
