"""Types of tensors: ``FloatTensor`` and its like, ``type()``, and what operands' types make."""

from __future__ import annotations

import builtins
import warnings
from typing import Any

import numpy

from gradlab import arrays
from gradlab.op import FUNCTIONS, composite
from gradlab.ops.convert import converted
from gradlab.ops.creation import array_of_data, empty, finished
from gradlab.tensor import Size, Tensor
from gradlab.type_info import type_name

# ------------------------------------------------------------------ made by a class, as of old


def _new_tensor(cls: Any, *args: Any, device: Any = None, **unknown: Any) -> Any:
    """``Tensor(2, 3)`` is a tensor of that shape, not filled; ``Tensor([2, 3])`` holds these."""
    if unknown:
        given = [type_name(one) for one in args]
        given += [f"{name}={type_name(value)}" for name, value in unknown.items()]
        raise TypeError(
            f"new() received an invalid combination of arguments - got ({', '.join(given)}): it "
            f"takes no {', '.join(unknown)}. gradlab.tensor(data) takes dtype and requires_grad."
        )
    if len(args) == 1 and isinstance(args[0], Tensor):  # of any dtype, unlike FloatTensor's
        return cls._from(args[0].detach())
    return cls._from(_legacy(arrays.get_default_dtype(), args, device))


def _legacy(dtype: arrays.dtype, args: tuple[Any, ...], device: Any) -> Tensor:
    if len(args) != 1 or (isinstance(args[0], (int, Size)) and type(args[0]) is not bool):
        return empty(*args or (0,), dtype=dtype, device=device)  # type: ignore[no-any-return]
    (data,) = args
    if isinstance(data, Tensor):
        if data.dtype is not dtype:
            raise TypeError(
                f"expected TensorOptions(dtype={dtype.c_name}, device=cpu, layout=Strided, "
                "requires_grad=false (default), pinned_memory=false (default), "
                f"memory_format=(nullopt)), got a tensor of {data.dtype}. Convert it with "
                f".to({dtype})."
            )
        return data.detach()
    if type(data) in arrays.PYTHON_SCALARS:
        raise TypeError(
            f"new(): data must be a sequence (got {type(data).__name__}); gradlab.tensor({data}) "
            "takes a number"
        )
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str': pass a list of numbers")
    return finished(array_of_data(data, dtype, copy=True), device, False)


class tensortype(builtins.type):
    """What ``FloatTensor`` is: a class of the tensors of one dtype, on the CPU or a GPU."""

    dtype: arrays.dtype
    is_cuda: bool

    def __instancecheck__(cls, instance: Any) -> bool:
        same = isinstance(instance, Tensor) and instance.dtype is cls.dtype
        return same and instance.is_cuda is cls.is_cuda

    def __call__(cls, *args: Any, device: Any = None) -> Any:
        return _legacy(cls.dtype, args, device)

    def __repr__(cls) -> str:
        return f"<class '{cls.place}.{cls.__name__}'>"

    @property
    def place(cls) -> str:
        """``torch`` or ``torch.cuda``."""
        return "torch.cuda" if cls.is_cuda else "torch"


TYPES: dict[str, tensortype] = {}
"""Every such class by its name, such as ``torch.FloatTensor``."""


def _publish_class(dtype: arrays.dtype) -> None:
    name = f"{dtype.type_name}Tensor"
    for is_cuda in (False, True):
        facts = {"dtype": dtype, "is_cuda": is_cuda, "__module__": "gradlab"}
        facts["__doc__"] = (
            f"A {dtype.name} tensor of a shape, not filled, or with the content of a list.\n\n"
            f">>> import gradlab as gl\n>>> gl.{name}([1]).dtype\ntorch.{dtype.name}\n"
        )
        made = tensortype(name, (), facts)
        TYPES[f"{made.place}.{name}"] = made
    FUNCTIONS[name] = TYPES[f"torch.{name}"]


Tensor.__new__ = staticmethod(_new_tensor)  # type: ignore[method-assign]
for _dtype in arrays.ALL_DTYPES:
    if not _dtype.is_complex:
        _publish_class(_dtype)


@composite(public=False)
def new(input: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of the same dtype, as ``Tensor(...)`` makes one: of a shape, or of a list.

    >>> import gradlab as gl
    >>> gl.ones(1, dtype=gl.int64).new([1, 2])
    tensor([1, 2])
    """
    return _legacy(input.dtype, args, input.device if device is None else device)


# ------------------------------------------------------------------ converted by type


@composite("type", public=False)
def _type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type, such as 'torch.FloatTensor'; with ``dtype``, it converted.

    ``dtype`` may be such a name or class too. Raises ValueError for a name there is not.

    >>> import gradlab as gl
    >>> gl.ones(2).type()
    'torch.FloatTensor'
    >>> gl.ones(2).type(gl.int64)
    tensor([1, 1])
    """
    if dtype is None:
        place = "torch.cuda" if input.is_cuda else "torch"
        return f"{place}.{input.dtype.type_name}Tensor"
    if isinstance(dtype, arrays.dtype):
        return converted(input, dtype, None, False)
    wanted = _named_type(dtype)
    return converted(input, wanted.dtype, "cuda" if wanted.is_cuda else "cpu", False)


def _named_type(named: Any) -> tensortype:
    if isinstance(named, tensortype):
        return named
    if named is Tensor:
        return TYPES[f"torch.{arrays.get_default_dtype().type_name}Tensor"]
    if not isinstance(named, (str, builtins.type)):
        raise TypeError(
            f"dtype must be a type, str, or dtype object, not {builtins.type(named).__name__}"
        )
    name = named if isinstance(named, str) else named.__name__
    if name not in TYPES:
        raise ValueError(f"invalid type: {name!r}; one of {', '.join(TYPES)}")
    return TYPES[name]


@composite(method=False)
def set_default_tensor_type(t: Any) -> None:
    """Make the dtype of a type such as ``DoubleTensor``, or its name, the default; deprecated.

    Raises TypeError for a type of integers, and warns: ``set_default_dtype`` takes its place.

    >>> import gradlab as gl
    >>> gl.set_default_dtype(gl.FloatTensor.dtype)  # instead of set_default_tensor_type
    """
    if isinstance(t, str) and t not in TYPES:
        raise AttributeError(f"there is no type of tensors {t!r}; they are {', '.join(TYPES)}")
    wanted = TYPES[t] if isinstance(t, str) else t
    if not isinstance(wanted, tensortype):
        raise TypeError(
            "invalid type object: only floating-point types are supported as the default type, "
            f"got {t!r}"
        )
    arrays.set_default_dtype(wanted.dtype)
    if wanted.is_cuda:
        arrays.set_default_device("cuda")
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )


# ------------------------------------------------------------------ what types make


@composite(method=False)
def result_type(tensor: Any, other: Any) -> arrays.dtype:
    """The dtype in which two operands, tensors or Python numbers, meet.

    Raises TypeError for anything else.

    >>> import gradlab as gl
    >>> gl.result_type(gl.tensor([1, 2]), 1.0)
    torch.float32
    """
    operands = []
    for operand in (tensor, other):
        if isinstance(operand, Tensor):
            operands.append(operand._array)
        elif builtins.type(operand) in arrays.PYTHON_SCALARS:
            operands.append(operand)
        elif isinstance(operand, numpy.generic):
            operands.append(operand.item())
        else:
            raise TypeError(
                "result_type() received an invalid combination of arguments - got "
                f"({builtins.type(tensor).__name__}, {builtins.type(other).__name__}): tensors and "
                "Python numbers are needed"
            )
    return arrays.BY_NUMPY[arrays.result_dtype(operands)]


@composite()
def is_signed(input: Tensor) -> bool:
    """Whether the elements may be negative.

    >>> import gradlab as gl
    >>> gl.is_signed(gl.tensor([1], dtype=gl.uint8))
    False
    """
    return input.dtype.is_signed


@composite(public=False)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    >>> import gradlab as gl
    >>> gl.ones(2).is_same_size(gl.zeros(2))
    True
    """
    return input.shape == other.shape
