"""Indexing: ``x[...]`` and ``x[...] = value`` in all their forms, and the functions like them.

``x[1, 2:4, None, mask]`` is taken apart as PyTorch does it: numbers select, slices slice, ``None``
unsqueezes, and what is left, index tensors and masks, goes into one ``index`` operation. The
first three are views; the last is a copy.
"""

from __future__ import annotations

import builtins
import math
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.inplace import change
from gradlab.levels import level_of
from gradlab.op import composite, op
from gradlab.ops.shape import (
    alias,
    expand,
    select,
    slice,
    unsqueeze,
    view,
)
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, no_such_dim
from gradlab.type_info import type_name


class Indices(tuple[Any, ...]):
    """Index tensors and masks of one indexing, with None for dimensions taken whole.

    It remembers the tensors' versions: an index changed in place after it was used would send
    gradients to other places than the values came from.
    """

    _versions: tuple[int, ...]

    def __new__(cls, tensors: Sequence[Tensor | None]) -> Indices:
        made = super().__new__(cls, tensors)
        made._versions = tuple(map(_version, tensors))
        return made

    def key(self, xp: Namespace) -> tuple[Any, ...]:
        """What NumPy and CuPy index with; RuntimeError where an index was changed in between."""
        for tensor, version in zip(self, self._versions, strict=True):
            if _version(tensor) != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: [torch.{tensor.dtype.type_name}Tensor "
                    f"{list(tensor.shape)}] is at version {_version(tensor)}; expected version "
                    f"{version} instead. It is an index; index with a clone() to change it later."
                )
        return tuple(
            builtins.slice(None) if tensor is None else xp.asarray(tensor._array) for tensor in self
        )

    @property
    def hits_once(self) -> bool:
        """Whether no element can be named twice: there is nothing but one mask."""
        found = [tensor for tensor in self if tensor is not None]
        return len(found) == 1 and found[0]._array.dtype == bool


def _version(tensor: Tensor | None) -> int:
    return 0 if tensor is None or tensor.is_inference() else tensor._version


_ROWS = Indices([Tensor._wrap(numpy.array([0, 2, 0]))])
_MASK = Indices([None, Tensor._wrap(numpy.array([True, False, True]))])
_APART = Indices([Tensor._wrap(numpy.array([0, 1])), None, Tensor._wrap(numpy.array([[1], [2]]))])


# ------------------------------------------------------------------ the operations


@op(
    latex=r"{input}_{indices}",
    grad=dict(
        input=(
            lambda g, xp, input_shape, indices: xp.index_backward(g, input_shape, indices),
            r"\textstyle\sum g \text{ at } indices",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(3, 2), _ROWS),
        call(draw(2, 3), _MASK),
        call(draw(2, 2, 3), _APART),
    ),
)
def index(xp: Namespace, input: Array, indices: Indices) -> Array:
    """A copy of the elements that index tensors and masks name."""
    try:
        result = input[indices.key(xp)]
    except IndexError as error:
        raise _index_error(error, input, indices) from None
    # NumPy puts an index's own dimensions first in memory: view() could not flatten x[:, [0, 1]]
    return result if result.flags.c_contiguous else result.copy()


@op(
    latex=r"\textstyle\sum input \text{ at } indices",
    grad=dict(input=(lambda g, xp, indices: xp.index(g, indices), r"{g}_{indices}")),
    public=False,
    method=False,
    samples=(
        call(draw(3, 2), (3, 2), _ROWS),
        call(draw(2, 2), (2, 3), _MASK),
    ),
)
def index_backward(xp: Namespace, input: Array, shape: tuple[int, ...], indices: Indices) -> Array:
    """Zeros of ``shape`` to which ``input`` is added at the places that ``indices`` name."""
    first, *others = indices
    if first is not None and first._array.dtype != bool and not any(t is not None for t in others):
        return added_along(xp, input, shape, 0, indices.key(xp)[0])
    key = indices.key(xp)
    if indices.hits_once:
        result = xp.zeros(shape, input.dtype)
        result[key] = input
        return result
    return added_at(xp, input, shape, numbered(xp, shape)[key])


def numbered(xp: Namespace, shape: tuple[int, ...]) -> Array:
    """Places of ``shape``, each with its number in memory order."""
    return xp.arange(math.prod(shape)).reshape(shape)


def added_at(xp: Namespace, array: Array, shape: tuple[int, ...], places: Array) -> Array:
    """Zeros of ``shape`` with ``array`` added at numbered ``places``, which may repeat.

    On flat arrays add.at takes 0.6 ms for 10,000 rows of 16; on the rows themselves 3.5 ms.
    """
    result = xp.zeros(math.prod(shape), array.dtype)
    xp.add.at(result, places.reshape(-1), array.reshape(-1))
    return result.reshape(shape)


def added_along(
    xp: Namespace, array: Array, shape: tuple[int, ...], dim: int, index: Array
) -> Array:
    """Zeros of ``shape`` with ``array`` added along ``dim`` at the places ``index``.

    Rows of floats are added by a product with a matrix of few ones: 1,000 rows of 1,000 take
    0.4 ms, number by number 3.7 ms.
    """
    count = shape[dim]
    if xp is not numpy or dim or array.dtype not in ("float32", "float64") or not array.size:
        places = xp.take(numbered(xp, shape), index.reshape(-1), dim)
        return added_at(xp, array, shape, places)
    from scipy import sparse  # 60 ms, not for everybody

    columns = numpy.arange(index.size + 1)
    ones = numpy.ones(index.size, array.dtype)
    chosen = sparse.csc_array((ones, index.reshape(-1) % count, columns), (count, index.size))
    return (chosen @ array.reshape(index.size, -1)).reshape(shape)


@op(
    latex=r"input \text{ with } values \text{ at } indices",
    grad=dict(
        input=(
            lambda g, xp, indices, accumulate: g if accumulate else xp.cleared(g, indices),
            r"g,\ 0 \text{ at } indices",
        ),
        values=(lambda g, xp, indices: xp.index(g, indices), r"{g}_{indices}"),
    ),
    node="IndexPutBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(
        call(draw(3, 2), Indices([Tensor._wrap(numpy.array([0, 2]))]), draw(2, 2)),
        call(draw(3, 2), _ROWS, draw(2), True),
        call(draw(2, 3), _MASK, draw()),
    ),
)
def index_put(
    xp: Namespace, input: Array, indices: Indices, values: Array, accumulate: bool = False
) -> Array:
    """A copy of ``input`` with ``values`` at the places that ``indices`` name."""
    key = indices.key(xp)
    if values.size == 1 and indices.hits_once and not accumulate:
        values = values.astype(input.dtype, copy=False)  # a mask is filled with whatever it is
    if values.dtype != input.dtype:
        _check_fits(values.shape, _picked_shape(xp, input, indices))
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{arrays.dtype_of(input).type_name} for the destination and "
            f"{arrays.dtype_of(values).type_name} for the source. Convert the source with .to()."
        )
    result = input.copy()
    try:
        if accumulate:
            places = numbered(xp, input.shape)[key]
            return input + added_at(xp, xp.broadcast_to(values, places.shape), input.shape, places)
        result[key] = values
    except IndexError as error:
        raise _index_error(error, input, indices) from None
    except (TypeError, ValueError):
        _check_fits(values.shape, _picked_shape(xp, input, indices))
        raise
    return result


def _picked_shape(xp: Namespace, array: Array, indices: Indices) -> tuple[int, ...]:
    """The shape of what ``indices`` pick, whether or not they point outside."""
    key = [
        xp.zeros_like(part) if getattr(part, "dtype", arrays.BOOL) != arrays.BOOL else part
        for part in indices.key(xp)
    ]
    try:
        return tuple(array[tuple(key)].shape)
    except IndexError as error:
        raise _index_error(error, array, indices) from None


def _check_fits(values: tuple[int, ...], places: tuple[int, ...]) -> None:
    if not arrays.is_expandable(values, places):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values)} cannot be broadcast to indexing "
            f"result of shape {list(places)}"
        )


@op(
    latex=r"input,\ 0 \text{ at } indices",
    grad=dict(input=(lambda g, xp, indices: xp.cleared(g, indices), r"g,\ 0 \text{ at } indices")),
    public=False,
    method=False,
    samples=(call(draw(3, 2), _ROWS), call(draw(2, 3), _MASK)),
)
def cleared(xp: Namespace, input: Array, indices: Indices) -> Array:
    """A copy of ``input`` with 0 at the places that ``indices`` name."""
    result = input.copy()
    result[indices.key(xp)] = 0
    return result


def _index_error(error: IndexError, array: Array, indices: Indices) -> IndexError:
    """NumPy's complaint in PyTorch's words."""
    too_many = re.search(r"array is (\d+)-dimensional, but (\d+) were indexed", str(error))
    if too_many:
        have, got = too_many.groups()
        return IndexError(f"too many indices for tensor of dimension {have} (got {got})")
    columns = [column for _, column in _columns(indices)]
    if "broadcast" in str(error):
        shapes = ", ".join(str(list(column.shape)) for column in columns)
        return IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        )
    sizes = [array.shape[d] for d, _ in _columns(indices)]
    if 0 in sizes:
        return IndexError("index is out of bounds for dimension with size 0")
    numbers = numpy.stack([column.reshape(-1) for column in numpy.broadcast_arrays(*columns)], 1)
    wrong = (numbers < -numpy.array(sizes)) | (numbers >= numpy.array(sizes))
    place, d = numpy.argwhere(wrong)[0]
    return IndexError(
        f"index {numbers[place, d]} is out of bounds for dimension {d} with size {sizes[d]}"
    )


def _columns(indices: Indices) -> list[tuple[int, Any]]:
    """(dimension, indices along it) for every dimension that is indexed; masks as what they are."""
    found: list[tuple[int, Any]] = []
    dim = 0
    for tensor in indices:
        if tensor is None:
            dim += 1
            continue
        array = arrays.move(tensor._array, "cpu")
        columns = array.nonzero() if array.dtype == bool else (array,)
        found += [(dim + d, column) for d, column in enumerate(columns)]
        dim += len(columns)
    return found


index_op = index  # `index` is what the arguments are called below


# ------------------------------------------------------------------ reading an index


def _as_items(index: Any) -> tuple[Any, ...]:
    """An index as the tuple it stands for. A list of lists, slices or tensors is a tuple too."""
    if isinstance(index, tuple):
        return index
    if isinstance(index, list) and len(index) < 32:
        parts = (Tensor, Sequence, builtins.slice, type(None), type(Ellipsis), numpy.ndarray)
        if builtins.any(isinstance(part, parts) for part in index):
            return tuple(index)
    return (index,)


def _as_index(item: Any) -> Any:
    """One part of an index as what it is: an int, a bool, a slice, None, … or an index tensor."""
    if item is None or item is Ellipsis or isinstance(item, (bool, int, builtins.slice)):
        return item
    if isinstance(item, numpy.integer):
        return int(item)
    if isinstance(item, (str, bytes)):
        kind = type(item).__name__
        raise TypeError(f"new(): invalid data type '{kind}' ({item!r}): an index holds numbers")
    tensor = _as_index_tensor(item)
    array = tensor._array
    if array.dtype == "uint8":
        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
            "instead.",
            UserWarning,
            stacklevel=4,
        )
        tensor = Tensor._wrap(array.astype(bool))
    elif array.dtype.kind not in "biu":
        raise IndexError(
            "tensors used as indices must be long, int, byte or bool tensors "
            f"(this one is {tensor.dtype})"
        )
    return tensor if tensor._array.ndim or level_of(tensor) else tensor._array.item()


def _as_index_tensor(item: Any) -> Tensor:
    if isinstance(item, Tensor):
        return item
    if isinstance(item, numpy.ndarray):
        return Tensor._wrap(arrays.plain(item))
    if isinstance(item, Sequence) and not isinstance(item, (str, bytes)):
        array = numpy.array([part.item() if isinstance(part, Tensor) else part for part in item])
        return Tensor._wrap(array if array.size else array.astype(numpy.int64))
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {'numpy.' * isinstance(item, numpy.generic)}{type(item).__name__})"
    )


def _dims_named(item: Any) -> int:
    """How many of the tensor's dimensions a part of an index stands for."""
    if item is None or item is Ellipsis or item is True or item is False:
        return 0
    is_mask = isinstance(item, Tensor) and item._array.dtype in _MASKS
    return int(item._array.ndim) if is_mask else 1


_MASKS = (arrays.BOOL, arrays.uint8.numpy)


def _take_views(input: Tensor, given: Any) -> tuple[Tensor, list[Tensor | None]]:
    """Do the parts of an index that make views; return the view and the index tensors left."""
    items = _as_items(given)
    named = builtins.sum(map(_dims_named, items))
    if named > input._array.ndim:
        raise IndexError(f"too many indices for tensor of dimension {input._array.ndim}")
    result = input
    left: list[Tensor | None] = []
    masks: list[tuple[Tensor, int]] = []
    dim = covered = 0  # places in the result, and where `left` ends
    for position, item in enumerate(map(_as_index, items)):
        if item is Ellipsis:
            dim += input._array.ndim - named
        elif item is None:
            result = unsqueeze(result, dim)
            dim += 1
        elif type(item) is int:
            result = _selected(result, dim, item, position)
        elif type(item) is builtins.slice:
            result = _sliced(result, dim, item)
            dim += 1
        else:
            if type(item) is bool:  # chooses all or nothing of a new dimension
                result = unsqueeze(result, dim)
                item = Tensor._wrap(numpy.zeros(int(item), numpy.int64))
            elif item._array.dtype == bool:
                masks.append((item, dim))
            left += [*[None] * (dim - covered), item]
            dim += _dims_named(item)
            covered = dim
    for mask, at in masks:
        _check_mask(mask, result, at)
    return result, left


def _selected(tensor: Tensor, dim: int, place: int, position: int) -> Tensor:
    """What is at one place along ``dim``; ``position``: which part of the index asks for it."""
    sizes = tensor._array.shape
    size = sizes[dim] if dim < len(sizes) else 0
    if not -size <= place < size:
        raise IndexError(
            f"index {place} is out of bounds for dimension {position} with size {size}"
        )
    return select(tensor, dim, place)  # type: ignore[no-any-return]


def _sliced(tensor: Tensor, dim: int, part: builtins.slice, always: bool = False) -> Tensor:
    """A slice along ``dim``; the tensor itself where it is all of it, unless ``always``."""
    sizes = tensor._array.shape
    if dim >= len(sizes):  # behind a second ellipsis
        raise no_such_dim(dim, len(sizes))
    size = sizes[dim]
    start, stop, step = part.indices(size)
    if step < 1:
        raise ValueError(
            f"step must be greater than zero (it is {step}). flip() reverses a tensor."
        )
    whole = not part.start and (part.stop is None or part.stop >= size) and step == 1
    if whole and not always:
        return tensor
    return slice(tensor, dim, start, stop, step)  # type: ignore[no-any-return]


def _check_mask(mask: Tensor, tensor: Tensor, dim: int) -> None:
    shape, sizes = mask._array.shape, tensor._array.shape
    if dim + len(shape) > len(sizes):
        raise IndexError(
            f"too many indices for tensor of dimension {len(sizes)} (got {dim + len(shape)})"
        )
    for d, n in enumerate(shape):
        if n != sizes[dim + d]:
            raise IndexError(
                f"The shape of the mask {list(shape)} at index {d} does not match the shape of the "
                f"indexed tensor {list(sizes)} at index {dim + d}"
            )


def _check_not_0d(tensor: Tensor, index: int) -> None:
    if not tensor._array.ndim:
        if index:
            raise IndexError(f"index {index} is out of bounds for dimension 0 with size 0")
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` "
            "in C++ to convert a 0-dim tensor to a number"
        )


def _getitem(self: Tensor, index: Any) -> Tensor:
    if type(index) is int:
        _check_not_0d(self, index)
        return _selected(self, 0, index, 0)
    if type(index) is builtins.slice:
        _check_sliceable(self)
        return _sliced(self, 0, index, always=True)
    result, left = _take_views(self, index)
    if left:
        return index_op(result, Indices(left))  # type: ignore[no-any-return]
    return alias(self) if result is self else result


def _check_sliceable(tensor: Tensor) -> None:
    if not tensor._array.ndim:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")


# ------------------------------------------------------------------ writing


def _setitem(self: Tensor, index: Any, value: Any) -> None:
    value = _as_value(self, value)
    if type(index) is int:
        _check_not_0d(self, index)
        _put(_selected(self, 0, index, 0), value)
    elif index is False:
        return
    elif index is True:
        _put(unsqueeze(self, 0), value)
    else:
        if type(index) is builtins.slice:
            _check_sliceable(self)
        part, left = _take_views(self, index)
        if left:
            places = Indices(left)
            change(index_put, part, places, _without_leading_ones(value))
        else:
            _put(part, value)


def _as_value(target: Tensor, value: Any) -> Tensor:
    """What is assigned, as a tensor; a number takes the target's dtype."""
    if isinstance(value, Tensor):
        return value
    dtype = target.dtype
    if type(value) not in arrays.PYTHON_SCALARS and not isinstance(value, numpy.generic):
        raise TypeError(f"can't assign a {type_name(value)} to a torch.{dtype.type_name}Tensor")
    number = value.item() if isinstance(value, numpy.generic) else value
    arrays.check_fits(number, dtype.numpy, half=False)
    return Tensor._wrap(arrays.array_module(target._array).asarray(number).astype(dtype.numpy))


def _put(part: Any, value: Any) -> None:
    """Write ``value`` to a view, stretched as needed."""
    if value.shape == part.shape:
        part.copy_(value)
    elif not value._array.ndim:
        part.fill_(value)
    else:
        value = _without_leading_ones(value, always=True)
        same = value.shape == part.shape
        part.copy_(value if same else expand(value, part._array.shape))


def _without_leading_ones(value: Tensor, always: bool = False) -> Tensor:
    """``value`` without dimensions of size 1 in front: assigning allows more of them than fit."""
    shape = value._array.shape
    lead = next((d for d, n in enumerate(shape) if n != 1), len(shape))
    return view(value, shape[lead:]) if lead or always else value


Tensor.__getitem__ = _getitem  # type: ignore[method-assign]


def _delitem(input: Any, index: Any) -> None:
    raise TypeError(
        "Tensor does not support deleting items. Choose the others by an index, or with cat()."
    )


Tensor.__setitem__ = _setitem  # type: ignore[method-assign]
Tensor.__delitem__ = _delitem  # type: ignore[attr-defined]


def _given_indices(given: Any, name: str) -> Indices:
    if not isinstance(given, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'indices' must be tuple of Tensors, not {type(given).__name__}"
        )
    return Indices([None if item is None else _as_index_tensor(item) for item in given])


@composite("index_put")
def _index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` with ``values`` at the places that a tuple of index tensors names.

    With ``accumulate`` they are added to what is there, also where a place is named twice.

    >>> import gradlab as gl
    >>> gl.zeros(3).index_put((gl.tensor([0, 0]),), gl.ones(2), accumulate=True)
    tensor([2., 0., 0.])
    """
    return index_put(input, _given_indices(indices, "index_put"), values, accumulate)  # type: ignore[no-any-return]


@composite("index_put_")
def _index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Any:
    """In-place form of ``index_put``."""
    return change(_index_put, input, indices, values, accumulate)
