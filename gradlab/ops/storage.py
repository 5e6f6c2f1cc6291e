"""Storage: the memory under a tensor, and tensors laid over it at will.

A tensor's storage is the whole piece of memory that its elements lie in. Views share it; the
``storage_offset`` says how far from its beginning a tensor's first element is.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.inplace import check_writable, count_change
from gradlab.levels import Layout
from gradlab.op import composite, op
from gradlab.ops.shape import array_of, read_sizes
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, in_order

# ------------------------------------------------------------------ memory


def _owner(array: Array) -> Array:
    """The array whose memory ``array`` shows a part of."""
    while isinstance(array.base, type(array)):
        array = array.base
    return array


def _address(array: Array) -> int:
    """Where the first element is."""
    return int(array.ctypes.data if arrays.is_on_cpu(array) else array.data.ptr)


def strided(array: Array, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> Array:
    """A view of the memory of ``array``, ``offset`` bytes from its first element on.

    RuntimeError where that leads out of the memory. (numpy.lib.stride_tricks doesn't look.)
    """
    if not arrays.is_on_cpu(array):
        library = arrays.array_module(array)
        return library.ndarray(tuple(shape), array.dtype, array.data + offset, tuple(strides))
    owner = _owner(array)
    dense = owner.transpose(sorted(range(owner.ndim), key=lambda d: -owner.strides[d]))
    start = _address(array) - _address(owner) + offset
    try:
        if not owner.nbytes and 0 not in shape:
            raise ValueError  # NumPy doesn't look at how much memory there is where there is none
        return numpy.ndarray(tuple(shape), array.dtype, dense, start, tuple(strides))
    except (TypeError, ValueError):
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {_in_elements(array, strides)}, storage "
            f"offset {start // array.itemsize}, and itemsize {array.itemsize} requiring a storage "
            "size of "
            f"{start + _reach(shape, strides) + array.itemsize} are out of bounds for storage of "
            f"size {owner.nbytes}"
        ) from None


def _in_elements(array: Array, strides: Sequence[int]) -> list[int]:
    return [s // array.itemsize for s in strides]


def _reach(shape: Sequence[int], strides: Sequence[int]) -> int:
    """How far the last element is from the first, in the unit of ``strides``."""
    return builtins.sum((n - 1) * s for n, s in zip(shape, strides, strict=True))


# ------------------------------------------------------------------ laid over memory


def _places(shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> Array:
    """Where in memory each element of a tensor lies, counted in elements."""
    places = numpy.full(tuple(shape), offset)
    for d, (n, stride) in enumerate(zip(shape, strides, strict=True)):
        places += (stride * numpy.arange(n)).reshape([n] + [1] * (len(shape) - d - 1))
    return places


def _overlay(
    shape: Sequence[int],
    strides: Sequence[int],
    size: Sequence[int],
    stride: Sequence[int],
    offset: int,
) -> Array:
    """Which element of a tensor each element of a view over its memory is; -1 where it is none."""
    own, seen = _places(shape, strides).reshape(-1), _places(size, stride, offset)
    low = builtins.min(own.min(initial=0), seen.min(initial=0))
    number = numpy.full(builtins.max(own.max(initial=0), seen.max(initial=0)) - low + 1, -1)
    number[own - low] = numpy.arange(own.size)
    return number[seen - low]


def _put_back(xp: Any, g: Any, shape: Any, strides: Any, size: Any, stride: Any, at: int) -> Any:
    strides = [s // g.itemsize for s in strides]
    return xp.overlay_backward(g, tuple(shape), _overlay(shape, strides, size, stride, at))


_GRADIENT = (
    lambda g, xp, input_shape, input_strides, size, stride, storage_offset: _put_back(
        xp, g, input_shape, input_strides, size, stride, storage_offset
    ),
    r"\textstyle\sum g \text{ where it lies}",
)


@op(
    latex=r"\mathrm{strided}(input)",
    grad=dict(input=_GRADIENT),
    saved=dict(self_sym_sizes=None, self_sym_strides=None),
    view=True,
    public=False,
    method=False,
    samples=(
        call(draw(3, 3), (2, 2), (3, 1), 1),
        call(draw(6), (3, 3), (1, 1), 0),
        call(draw(4), (), (), 2),
    ),
)
def as_strided(
    xp: Namespace,
    input: Array,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    storage_offset: int,
) -> Array:
    """A view over the memory of ``input``; the offset counts from the first element of that."""
    apart = [s * input.itemsize for s in stride]
    return strided(input, size, apart, storage_offset * input.itemsize)


@op(
    latex=r"\textstyle\sum input \text{ where it lies}",
    grad=dict(input=(lambda g, xp, places: xp.overlay(g, places), r"g \text{ at } places")),
    public=False,
    method=False,
    samples=(call(draw(2, 2), (3,), numpy.array([[0, 1], [1, -1]])),),
)
def overlay_backward(xp: Namespace, input: Array, shape: tuple[int, ...], places: Any) -> Array:
    """Zeros of ``shape`` to which ``input`` is added at numbered ``places``; -1 is no place."""
    result = xp.zeros(math.prod(shape) + 1, input.dtype)
    xp.add.at(result, xp.asarray(places).reshape(-1), input.reshape(-1))
    return result[:-1].reshape(shape)


@op(
    latex=r"input \text{ at } places",
    grad=dict(
        input=(
            lambda g, xp, input_shape, places: xp.overlay_backward(g, tuple(input_shape), places),
            r"\textstyle\sum g \text{ at } places",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(3), numpy.array([[0, 1], [1, -1]])),),
)
def overlay(xp: Namespace, input: Array, places: Any) -> Array:
    """The elements at numbered ``places``; 0 for -1."""
    flat = xp.concatenate([input.reshape(-1), xp.zeros(1, input.dtype)])
    return flat[xp.asarray(places)]


def _read_geometry(
    function: str, input: Any, size: Any, stride: Any, storage_offset: int | None
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Checked sizes and strides, and the offset from the tensor's first element."""
    array_of(input, function)
    shape, steps = read_sizes((tuple(size),)), read_sizes((tuple(stride),))
    if len(shape) != len(steps):
        raise RuntimeError(
            f"mismatch in length of strides and shape: {list(steps)} for {list(shape)}"
        )
    if builtins.min(steps, default=0) < 0:
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(steps)}. flip() reverses a tensor."
        )
    if builtins.min(shape, default=0) < 0:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(shape)} and "
            f"strides={list(steps)}"
        )
    own = storage_offset_of(in_order(input))
    if storage_offset is not None and storage_offset < 0:
        raise RuntimeError(
            f"Tensor: invalid storage offset {storage_offset}: it counts from the beginning of "
            "the memory"
        )
    return shape, steps, 0 if storage_offset is None else storage_offset - own


def storage_offset_of(array: Array) -> int:
    """How many elements come before the first in its memory."""
    while isinstance(array, Layout):
        array = array.source
    return (_address(array) - _address(_owner(array))) // int(array.itemsize)


@composite("as_strided")
def _as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of ``size`` over the memory of ``input``, with these steps between neighbours.

    ``storage_offset`` says where in that memory the first element is; by default, where that of
    ``input`` is. Elements may be seen several times. Raises RuntimeError where the view would lead
    out of the memory.

    >>> import gradlab as gl
    >>> gl.arange(5).as_strided((3, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    return as_strided(input, *_read_geometry("as_strided", input, size, stride, storage_offset))  # type: ignore[no-any-return]


@op(
    latex=r"input \text{ with } src \text{ at its places}",
    grad=dict(
        input=(
            lambda g, xp, size, stride, storage_offset: xp.strided_scatter(
                g, xp.zeros_like(xp.as_strided(g, size, stride, storage_offset)),
                size, stride, storage_offset,
            ),
            r"g,\ 0 \text{ at the places}",
        ),
        src=(
            lambda g, xp, size, stride, storage_offset: xp.as_strided(
                xp.clone(g), size, stride, storage_offset
            ),
            r"\mathrm{strided}(g)",
        ),
    ),
    node="AsStridedScatterBackward0",
    public=False,
    method=False,
    samples=(call(draw(3, 3), draw(2, 2), (2, 2), (3, 1), 1),),
)  # fmt: skip
def strided_scatter(
    xp: Namespace,
    input: Array,
    src: Array,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    storage_offset: int,
) -> Array:
    """A copy of ``input`` with ``src`` where ``as_strided`` would look."""
    result = input.copy()
    part = strided(
        result, size, [s * input.itemsize for s in stride], storage_offset * input.itemsize
    )
    if src.shape != part.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(part.shape)}"
        )
    part[...] = src
    return result


@composite()
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy of ``input``, laid out in order, with ``src`` where ``as_strided`` would look.

    >>> import gradlab as gl
    >>> gl.as_strided_scatter(gl.zeros(2, 2), gl.ones(2), (2,), (3,))
    tensor([[1., 0.],
            [0., 1.]])
    """
    shape, steps, offset = _read_geometry("as_strided_scatter", input, size, stride, storage_offset)
    return strided_scatter(input, src, shape, steps, offset)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ questions about memory


class UntypedStorage:
    """The memory under a tensor, as bytes."""

    def __init__(self, array: Array) -> None:
        self._memory = _owner(array)

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return _address(self._memory)

    def nbytes(self) -> int:
        """How many bytes there are."""
        return int(self._memory.nbytes)

    size = __len__ = nbytes

    @property
    def device(self) -> arrays.device:
        """Where the memory is."""
        return arrays.device_of(self._memory)

    def is_shared(self) -> bool:
        """Whether other processes see this memory: no, gradlab never shares any."""
        return False

    def is_pinned(self) -> bool:
        """Whether the memory is page-locked: no, gradlab never does that."""
        return False


@composite(method=False)
def is_storage(obj: Any) -> bool:
    """Whether an object is the memory of tensors.

    >>> import gradlab as gl
    >>> gl.is_storage(gl.ones(2).untyped_storage()), gl.is_storage(gl.ones(2))
    (True, False)
    """
    return isinstance(obj, UntypedStorage)


@composite(public=False)
def untyped_storage(input: Tensor) -> UntypedStorage:
    """The memory under the tensor: its address and how many bytes there are.

    >>> import gradlab as gl
    >>> x = gl.zeros(4)
    >>> x[1:].untyped_storage().nbytes(), x[1:].untyped_storage().data_ptr() == x.data_ptr()
    (16, True)
    """
    return UntypedStorage(in_order(input))


@composite(public=False)
def storage_offset(input: Tensor) -> int:
    """How many elements of the storage come before the tensor's first.

    >>> import gradlab as gl
    >>> gl.arange(6).view(2, 3)[1].storage_offset()
    3
    """
    return storage_offset_of(in_order(input))


@composite(public=False)
def data_ptr(input: Tensor) -> int:
    """The address of the first element in memory; 0 for a tensor without elements.

    >>> import gradlab as gl
    >>> x = gl.arange(4)
    >>> x.data_ptr() == x.view(2, 2).data_ptr()
    True
    """
    return _address(in_order(input)) if input._array.size else 0


@composite(public=False)
def is_set_to(input: Tensor, tensor: Tensor) -> bool:
    """Whether both tensors show the same memory in the same way.

    >>> import gradlab as gl
    >>> x = gl.zeros(2)
    >>> x.is_set_to(x.detach()), x.is_set_to(x.clone())
    (True, False)
    """
    one, two = in_order(input), in_order(tensor)
    return (
        _address(one) == _address(two)
        and one.shape == two.shape
        and one.strides == two.strides
        and one.dtype == two.dtype
    )


@composite(public=False)
def dim_order(input: Tensor) -> tuple[int, ...]:
    """The dimensions in the order in which they lie in memory, the slowest first.

    >>> import gradlab as gl
    >>> gl.zeros(2, 3).t().dim_order()
    (1, 0)
    """
    strides = in_order(input).strides
    return tuple(sorted(range(len(strides)), key=lambda d: -strides[d]))


@composite(public=False)
def is_shared(input: Tensor) -> bool:
    """Whether other processes see this memory: only a GPU's may be, as in PyTorch.

    >>> import gradlab as gl
    >>> gl.ones(2).is_shared()
    False
    """
    return bool(input.is_cuda)


@composite(public=False)
def is_pinned(input: Tensor) -> bool:
    """Whether the memory is page-locked: no, gradlab never does that.

    >>> import gradlab as gl
    >>> gl.ones(2).is_pinned()
    False
    """
    return False


@composite(public=False)
def pin_memory(input: Tensor) -> Tensor:
    """RuntimeError without a GPU, for which alone memory is page-locked; with one, the tensor.

    >>> import gradlab as gl
    >>> if gl.cuda.is_available():
    ...     x = gl.ones(2).pin_memory()
    """
    if not arrays.cuda_is_available():
        raise RuntimeError(
            "Cannot access accelerator device when none is available. There is nothing to pin "
            "memory for: leave pin_memory out."
        )
    return input


# ------------------------------------------------------------------ other memory


@composite(public=False)
def set_(input: Tensor, source: Tensor | None = None) -> Tensor:
    """Let the tensor show the memory of ``source`` instead of its own; without one, nothing.

    >>> import gradlab as gl
    >>> x, y = gl.zeros(2), gl.ones(3)
    >>> x.set_(y)
    tensor([1., 1., 1.])
    """
    check_writable(input)
    library = arrays.array_module(input._array)
    array = library.empty(0, input._array.dtype) if source is None else in_order(source)
    if array.dtype != input._array.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {arrays.dtype_of(array).c_name} to a tensor of type "
            f"{input.dtype.c_name}. Convert it with .to() first."
        )
    input._array = array
    count_change(input)
    return input


@composite(public=False)
def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor other sizes in place; what new elements hold is whatever lay in memory.

    It keeps its memory where that is large enough; otherwise it gets new memory that begins with
    the old elements, and tensors that shared the old no longer share. Raises RuntimeError for a
    tensor that requires grad.

    >>> import gradlab as gl
    >>> gl.arange(6).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad: resize a detach() of it")
    shape = read_sizes(sizes, None, "resize_")
    if builtins.min(shape, default=0) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {builtins.min(shape)}: {list(shape)}"
        )
    array = in_order(input)
    if array.shape == shape:
        return input
    library = arrays.array_module(array)
    steps = _in_order(shape, array.itemsize)
    offset, owner = _address(array) - _address(_owner(array)), _owner(array)
    if offset + math.prod(shape) * array.itemsize <= owner.nbytes:
        input._array = strided(array, shape, steps)
    else:
        grown = library.empty(math.prod(shape), array.dtype)
        kept = (owner.nbytes - offset) // array.itemsize
        grown[:kept] = strided(array, (kept,), (array.itemsize,))
        input._array = grown.reshape(shape)
    return input


def _in_order(shape: Sequence[int], itemsize: int) -> list[int]:
    """Strides of a tensor whose elements lie one after the other."""
    return [math.prod(shape[d + 1 :]) * itemsize for d in range(len(shape))]


@composite()
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Give the tensor the sizes of another, in place; see ``resize_``.

    >>> import gradlab as gl
    >>> gl.arange(6).resize_as_(gl.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return resize_(input, the_template.shape)  # type: ignore[no-any-return]
