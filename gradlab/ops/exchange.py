"""Tensors to and from other libraries, without a copy where memory can be shared."""

from __future__ import annotations

import enum
import warnings
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array
from gradlab.op import composite
from gradlab.ops.creation import from_numpy, tensor
from gradlab.tensor import OutsideCounter, Tensor, in_order

# ------------------------------------------------------------------ DLPack


class DLDeviceType(enum.IntEnum):
    """Kinds of devices by the numbers that DLPack has for them."""

    kDLCPU = 1
    kDLCUDA = 2


@composite("__dlpack__", public=False)
def _dlpack(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """This tensor's memory as a DLPack capsule, for another library's ``from_dlpack``.

    Raises BufferError for a tensor that requires grad.
    """
    array = _exported(self)
    if arrays.is_on_cpu(array):
        return array.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)
    return array.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)


@composite("__dlpack_device__", public=False)
def _dlpack_device(self: Tensor) -> Any:
    """The kind and the number of the device, as DLPack counts them: (1, 0) is the CPU."""
    kind, number = self._array.__dlpack_device__()
    return DLDeviceType(kind), number


def _exported(self: Tensor) -> Array:
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    return in_order(self)


class _Capsule:
    """A bare capsule, as it is handed on by older code, dressed for ``numpy.from_dlpack``."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


class _Owner:
    """Memory that may be written to, told by NumPy's array interface, kept while it is in use."""

    def __init__(self, array: Array) -> None:
        place, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (place, False)}
        self._kept = array


def _writable(array: Array) -> Array:
    """The same memory: old capsules can't say whether it may be written to, and NumPy says no."""
    return numpy.asarray(_Owner(array))


@composite(method=False)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's array, or of a DLPack capsule.

    ``copy=True`` copies it; ``device``: where to. Raises RuntimeError for what can't be taken so.

    >>> import gradlab as gl, numpy
    >>> gl.from_dlpack(numpy.arange(3))
    tensor([0, 1, 2])
    """
    given = ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Capsule(ext_tensor)
    try:
        on_cpu = tuple(given.__dlpack_device__()) == (1, 0)
        library = numpy if on_cpu else arrays.cupy()
        array = library.from_dlpack(given)
        if isinstance(given, _Capsule):
            array = _writable(array)
    except (ValueError, TypeError) as error:
        raise RuntimeError(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed "
            "only once, so you might have already constructed a tensor from it once. Pass an array "
            f"of another library, not {type(ext_tensor).__name__}: {error}"
        ) from None
    arrays.dtype_of(array)
    shared = _on_memory(array.copy() if copy else array)
    return shared if device is None else shared.to(device)


def to_dlpack(tensor: Tensor) -> Any:
    """The memory of ``tensor`` as a DLPack capsule, which can be taken once.

    >>> import gradlab as gl
    >>> from gradlab.utils.dlpack import from_dlpack, to_dlpack
    >>> from_dlpack(to_dlpack(gl.ones(2)))
    tensor([1., 1.])
    """
    return tensor.__dlpack__()


def _on_memory(array: Array) -> Tensor:
    """A tensor on memory that somebody else brought."""
    made = Tensor._wrap(arrays.plain(array) if arrays.is_on_cpu(array) else array)
    if not made.is_inference():
        made._counter = OutsideCounter([0])
    return made


# ------------------------------------------------------------------ whatever it is


@composite(method=False)
def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """``obj`` as a tensor: a tensor, an array, a buffer of bytes, a number or nested sequences.

    It shares memory where it can, unless ``copy=True``; where it can't, ``copy=False`` is an error
    (ValueError). ``requires_grad``: as ``obj`` unless given. A buffer is read as the default dtype
    unless ``dtype`` is given.

    >>> import gradlab as gl
    >>> x = gl.ones(2)
    >>> gl.asarray(x) is x
    True
    >>> gl.asarray([1, 2.5])
    tensor([1.0000, 2.5000])
    """
    wanted = None if dtype is None else arrays.as_dtype(dtype, "asarray")
    if isinstance(obj, numpy.generic) and copy is False:
        raise RuntimeError(
            "can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray."
        )
    shared = _shared(obj, wanted)
    if shared is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor. Remove copy=False.")
        return tensor(obj, dtype=wanted, device=device, requires_grad=bool(requires_grad))  # type: ignore[no-any-return]
    made = shared if copy is not True else shared.clone()
    if wanted is not None and wanted is not made.dtype:
        if copy is False:
            raise ValueError(
                f"can't alias tensor with dtype '{made.dtype.type_name}' into dtype "
                f"'{wanted.type_name}'. Remove copy=False."
            )
        made = made.to(wanted)
    if device is not None:
        made = made.to(device)
    return _requiring(made, requires_grad)


def _shared(obj: Any, wanted: arrays.dtype | None) -> Tensor | None:
    """A tensor on the memory of ``obj``, or None where it has none of its own."""
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, numpy.ndarray):
        # A number is copied, as PyTorch does.
        return from_numpy(obj if obj.ndim else obj.copy())  # type: ignore[no-any-return]
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj)  # type: ignore[no-any-return]
    if isinstance(obj, (bytes, bytearray, memoryview)):
        return frombuffer(obj, dtype=wanted or arrays.get_default_dtype())  # type: ignore[no-any-return]
    return None


def _requiring(made: Tensor, requires_grad: bool | None) -> Tensor:
    if requires_grad is None or (requires_grad and made.requires_grad):
        return made
    if not requires_grad and not made.is_leaf:
        return made.detach()
    return made.requires_grad_(requires_grad)


@composite(method=False)
def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A tensor of one dimension on the memory of a Python buffer (``bytearray``, ``array``).

    ``count`` elements of ``dtype``, or all, after ``offset`` bytes. Raises ValueError where these
    don't fit the buffer.

    >>> import gradlab as gl
    >>> gl.frombuffer(bytearray([1, 0, 2, 0]), dtype=gl.int16)
    tensor([1, 2], dtype=torch.int16)
    """
    kind = arrays.as_dtype(dtype, "frombuffer").numpy
    try:
        length = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError(
            "object does not implement Python buffer protocol. "
            f"Pass a bytearray, not {type(buffer).__name__}."
        ) from None
    _check_buffer(length, count, offset, kind.itemsize)
    array = numpy.frombuffer(buffer, kind, count, offset)
    if not array.flags.writeable:
        warnings.warn(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. "
            "A change in place of this tensor raises an error; make it a bytearray to avoid that.",
            UserWarning,
            stacklevel=2,
        )
    return _on_memory(array).requires_grad_(requires_grad)


def _check_buffer(length: int, count: int, offset: int, size: int) -> None:
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1"
        )
    if count < 0 and (length - offset) % size:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({size})"
        )
    if count > 0 and count * size > length - offset:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({length} bytes)"
        )
