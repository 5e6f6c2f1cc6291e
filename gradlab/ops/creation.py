"""Creation: tensors from Python's and NumPy's data, from a rule, or from chance."""

from __future__ import annotations

import functools
import math
import operator
import warnings
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import PYTHON_SCALARS, Array, Namespace
from gradlab.generator import multiply_add
from gradlab.levels import level_of, owned_like
from gradlab.op import composite, op
from gradlab.ops.convert import layout
from gradlab.samples import call, draw
from gradlab.tensor import OutsideCounter, Tensor
from gradlab.type_info import check_flag, check_int, number_of

# ------------------------------------------------------------------ from data


@composite(method=False)
def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor that holds a copy of ``data``: a number, nested sequences of them, or an array.

    Without ``dtype``: floats get the default dtype, whole numbers int64, bools bool; an array
    keeps its own. ``pin_memory`` is taken without effect. Raises ValueError for rows of different
    lengths, TypeError for what are no numbers, RuntimeError for a number that ``dtype`` cannot
    hold.

    >>> import gradlab as gl
    >>> gl.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> gl.tensor([1.0, 2.0], requires_grad=True)
    tensor([1., 2.], requires_grad=True)
    """
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use "
            "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), "
            "rather than torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
    array = array_of_data(data, dtype and arrays.as_dtype(dtype, "tensor"), copy=True)
    return finished(array, device, requires_grad)


@composite(method=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """``data`` as a tensor, copied only where it must be: a tensor or array keeps its memory.

    Arguments and errors as of ``tensor``.

    >>> import gradlab as gl
    >>> gl.as_tensor([1, 2])
    tensor([1, 2])
    """
    wanted = dtype and arrays.as_dtype(dtype, "as_tensor")
    if isinstance(data, Tensor):
        return data.to(device, wanted)
    return finished(array_of_data(data, wanted, copy=False), device, False)


@composite(method=False)
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the memory of a NumPy array: what changes in one changes in the other.

    Raises TypeError for anything else and for dtypes that tensors can't have.

    >>> import gradlab as gl, numpy
    >>> gl.from_numpy(numpy.array([1.0, 2.0]))
    tensor([1., 2.], dtype=torch.float64)
    """
    if not isinstance(ndarray, numpy.ndarray):
        kind = type(ndarray)
        name = f"numpy.{kind.__name__}" if isinstance(ndarray, numpy.generic) else kind.__name__
        raise TypeError(f"expected np.ndarray (got {name}); gradlab.tensor takes lists")
    _check_array(ndarray)
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. A change in place of this tensor raises an error; copy the array first "
            "(array.copy()) to avoid that.",
            UserWarning,
            stacklevel=2,
        )
    tensor = Tensor._wrap(arrays.plain(ndarray))
    if not tensor.is_inference():
        tensor._counter = OutsideCounter([0])
    return tensor


def _check_array(array: numpy.ndarray[Any, Any]) -> None:
    """Raise PyTorch's errors for a NumPy array on which there can be no tensor."""
    arrays.dtype_of(array)
    if any(step < 0 for step in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().)"
        )


def finished(array: Array, device: Any, requires_grad: bool, function: str = "tensor") -> Tensor:
    """A new leaf on ``array``, on the device asked for or else the default one."""
    where = arrays.get_default_device() if device is None else device
    if where is not arrays.CPU:  # `move` would see this too, 1 µs later
        array = arrays.move(array, where)
    made = Tensor._wrap(array)
    if requires_grad is not False:
        check_flag(function, "requires_grad", requires_grad)
    if requires_grad:
        if array.dtype not in arrays.DIFFERENTIABLE:
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients, not "
                f"{made.dtype}: write 1.0 for 1, or pass dtype=gradlab.float32"
            )
        made._requires_grad = True
    return made


def array_of_data(data: Any, dtype: arrays.dtype | None, copy: bool) -> Array:
    """``data`` as an array of ``dtype``; on its own memory where ``copy`` is False."""
    if type(data) in PYTHON_SCALARS:
        return _packed([data], dtype).reshape(())
    if isinstance(data, Tensor):
        array = data._array
    elif hasattr(data, "__array__"):
        array = arrays.plain(numpy.asarray(data))
        _check_array(array)
    else:
        shape, flat = _flattened(data)
        if shape and isinstance(flat[0] if flat else None, (str, bytes)):
            raise ValueError(
                f"too many dimensions '{type(flat[0]).__name__}': a tensor holds numbers, not "
                f"{flat[0]!r}"
            )
        return _packed(flat, dtype).reshape(shape)
    return array.astype(array.dtype if dtype is None else dtype.numpy, copy=copy)


def _flattened(data: Any) -> tuple[list[int], list[Any]]:
    """The shape of nested sequences, and what they hold in one list."""
    shape: list[int] = []
    flat = [data]
    while flat and _is_sequence(flat[0]):
        if isinstance(flat[0], numpy.ndarray):
            warnings.warn(
                "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please "
                "consider converting the list to a single numpy.ndarray with numpy.array() before "
                "converting to a tensor.",
                UserWarning,
                stacklevel=4,
            )
        length = len(flat[0])
        for row in flat:
            if not _is_sequence(row):
                raise TypeError(
                    f"not a sequence: {row!r} at dim {len(shape)}, where its neighbour has "
                    f"{length} elements"
                )
            if len(row) != length:
                raise ValueError(
                    f"expected sequence of length {length} at dim {len(shape)} (got {len(row)})"
                )
        shape.append(length)
        flat = list(chain.from_iterable(flat))
    return shape, flat


def _is_sequence(value: Any) -> bool:
    if isinstance(value, numpy.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _packed(flat: list[Any], dtype: arrays.dtype | None) -> Array:
    """A one-dimensional array of these numbers, by default of the dtype they meet in."""
    found = (dtype or _inferred(flat)).numpy
    convert = _CONVERTED[found.kind]
    numbers = [convert(one) if isinstance(one, Tensor) else _number(one) for one in flat]
    try:
        return numpy.array(numbers, found)
    except (OverflowError, TypeError, ValueError):
        wrong = next((type(n).__name__ for n in numbers if not isinstance(n, (int, float))), None)
        if wrong is not None:
            raise TypeError(f"must be real number, not {wrong}, for {found.name}") from None
        # What is left: an integer out of range; nan or inf as an integer.
        return numpy.array([_fitting(number, found) for number in numbers], found)


def _inferred(flat: list[Any]) -> arrays.dtype:
    """The dtype that these numbers meet in; the default for none at all."""
    if not flat:
        return arrays.get_default_dtype()
    kinds = {type(one) for one in flat}
    found = [arrays.scalar_dtype(kind(0)) for kind in kinds & PYTHON_SCALARS]
    if not kinds <= PYTHON_SCALARS:
        found += [_dtype_of_one(one) for one in flat if type(one) not in PYTHON_SCALARS]
    return arrays.BY_NUMPY[functools.reduce(arrays.promote_types, found)]


def _dtype_of_one(one: Any) -> numpy.dtype[Any]:
    if isinstance(one, (list, tuple)):
        raise TypeError(
            f"'{type(one).__name__}' object cannot be interpreted as an integer: {one!r} stands "
            "where its neighbours are numbers"
        )
    if isinstance(one, (str, bytes)):
        raise TypeError(
            f"new(): invalid data type '{type(one).__name__}' ({one!r}): a tensor holds numbers"
        )
    if isinstance(one, (Tensor, numpy.generic, numpy.ndarray)):
        return arrays.dtype_of(one._array if isinstance(one, Tensor) else one).numpy
    raise RuntimeError(
        f"Could not infer dtype of {type(one).__name__}: a tensor is made from a number, nested "
        "lists or tuples of numbers, or an array"
    )


def _number(one: Any) -> Any:
    """An element, no tensor, as a Python number."""
    return one.item() if isinstance(one, (numpy.generic, numpy.ndarray)) else one


def _of_one_element(number: Callable[[Any], Any]) -> Callable[[Tensor], Any]:
    """How a tensor among the elements becomes a number, with the way out where it has several."""

    def convert(one: Tensor) -> Any:
        if one.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars, not one of shape "
                f"{list(one.shape)}: put several tensors together with gradlab.stack"
            )
        return number(one)

    return convert


# Of integers a tensor must be an integer; ``float`` and ``complex`` warn of a history that is lost.
_CONVERTED: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys("iub", operator.index),
    "f": _of_one_element(float),
    "c": _of_one_element(complex),
}


def _fitting(number: Any, dtype: numpy.dtype[Any]) -> Any:
    """A number that an integer dtype can hold; a negative one may wrap in an unsigned dtype."""
    if dtype == arrays.INT64 and type(number) is int and not -(2**63) <= number < 2**63:
        raise ValueError(f"Overflow when unpacking long long: {number} does not fit in 64 bits")
    limits = numpy.iinfo(dtype)
    low = -limits.max if dtype.kind == "u" and type(number) is int else limits.min
    if not low <= number <= limits.max:
        raise RuntimeError(
            f"value cannot be converted to type {dtype.name} without overflow: {number} is not "
            f"in [{limits.min}, {limits.max}]"
        )
    return arrays.wrap_integer(int(number), dtype)


# ------------------------------------------------------------------ of one value


@op(latex=r"0", public=False, method=False, samples=(call(draw(2, 3)), call(draw())))
def zeros_like(xp: Namespace, input: Array) -> Array:
    """Zeros, as constants, in formulas.

    >>> import gradlab as gl
    >>> gl.zeros_like(gl.ones(2, dtype=gl.int64))
    tensor([0, 0])
    """
    return xp.zeros_like(input)


@composite(method=False)
def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Zeros of a shape, given as ``zeros(2, 3)`` or ``zeros((2, 3))``.

    Raises RuntimeError for negative sizes, TypeError for what are no sizes.

    >>> import gradlab as gl
    >>> gl.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _made("zeros", given_sizes(sizes, size), dtype, device, requires_grad)


@composite(method=False)
def ones(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones of a shape; arguments and errors as of ``zeros``.

    >>> import gradlab as gl
    >>> gl.ones(2)
    tensor([1., 1.])
    """
    return _made("ones", given_sizes(sizes, size), dtype, device, requires_grad)


@composite(method=False)
def empty(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor whose elements are whatever lay in memory; arguments and errors as of ``zeros``.

    ``memory_format`` as of ``contiguous``.

    >>> import gradlab as gl
    >>> gl.empty(2, 3).shape
    torch.Size([2, 3])
    """
    made = _made("empty", given_sizes(sizes, size), dtype, device, requires_grad)
    return _laid_out(made, memory_format)


@composite(method=False)
def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Whatever lay in memory, of a shape and with these steps between neighbours, in elements.

    Raises RuntimeError for negative sizes and strides, and where there are not as many of both.

    >>> import gradlab as gl
    >>> gl.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, steps = read_shape("empty_strided", (tuple(size),)), tuple(stride)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(steps)})"
        )
    if min(steps, default=0) < 0:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(shape)} and "
            f"strides={list(steps)}"
        )
    reach = sum((n - 1) * step for n, step in zip(shape, steps, strict=True)) + 1
    flat = empty(reach if math.prod(shape) else 0, dtype=dtype, device=device)
    return flat.as_strided(shape, steps).detach().requires_grad_(requires_grad)  # type: ignore[no-any-return]


@composite(method=False)
def empty_permuted(
    size: Any,
    physical_layout: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Whatever lay in memory, of a shape, with the dimensions in memory in another order.

    ``physical_layout`` names the dimensions, the slowest first. Raises RuntimeError unless it names
    each once.

    >>> import gradlab as gl
    >>> gl.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    shape, order = read_shape("empty_permuted", (tuple(size),)), tuple(physical_layout)
    if len(shape) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    if len(set(order)) < len(order):
        raise RuntimeError(f"Duplicate dim not allowed (in {list(order)})")
    made = empty([shape[d] for d in order], dtype=dtype, device=device)
    back = sorted(range(len(order)), key=order.__getitem__)
    return made.permute(back).detach().requires_grad_(requires_grad)  # type: ignore[no-any-return]


def given_sizes(sizes: tuple[Any, ...], size: Any) -> tuple[Any, ...]:
    """The sizes from between the parentheses, or those given by keyword."""
    return sizes if size is None else (size,)


def _made(function: str, size: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    maker = getattr(arrays.namespace(device), function)
    array = maker(read_shape(function, size), read_dtype(function, dtype).numpy)
    return finished(array, device, requires_grad, function)


def _laid_out(made: Tensor, memory_format: Any) -> Tensor:
    """A new tensor in the memory format asked for; with None, as it is."""
    if memory_format is None:
        return made
    laid: Tensor = made.detach().contiguous(memory_format=memory_format)
    return laid.requires_grad_(made.requires_grad)


def read_dtype(function: str, dtype: Any) -> arrays.dtype:
    """The dtype asked for, or the default."""
    return arrays.get_default_dtype() if dtype is None else arrays.as_dtype(dtype, function)


def read_shape(function: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape from what stands between the parentheses of ``zeros(2, 3)`` or ``zeros((2, 3))``."""
    if not size:
        raise TypeError(f'{function}() missing 1 required positional arguments: "size"')
    sizes = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    try:
        shape = tuple(operator.index(n) for n in sizes if type(n) is not bool)
    except TypeError:
        shape = ()
    if len(shape) != len(sizes):
        if size is not sizes and type(sizes[0]) is int:
            place = next(i for i, n in enumerate(sizes, 1) if type(n) is not int)
            raise TypeError(
                f"{function}(): argument 'size' failed to unpack the object at pos {place} with "
                f'error "type must be tuple of ints,but got {type(sizes[place - 1]).__name__}"'
            )
        raise TypeError(
            f"{function}(): argument 'size' (position 1) must be tuple of ints, not "
            f"{', '.join(type(n).__name__ for n in sizes)}"
        )
    negative = next((n for n in shape if n < 0), None)
    if negative is not None:
        if function == "zeros":
            raise RuntimeError(f"zeros: Dimension size must be non-negative. Got {list(shape)}")
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {negative}: {list(shape)}"
        )
    return shape


@composite(method=False)
def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of shape ``size``, a tuple, with ``fill_value`` everywhere.

    Without ``dtype`` the value decides: a float gives the default dtype, an int int64.

    >>> import gradlab as gl
    >>> gl.full((2,), 1.5)
    tensor([1.5000, 1.5000])
    """
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}"
        )
    number_of("full", "fill_value", fill_value, 2)
    value = array_of_data(fill_value, dtype and arrays.as_dtype(dtype, "full"), copy=False)
    array = arrays.namespace(device).full(read_shape("full", (size,)), value.item(), value.dtype)
    return finished(array, device, requires_grad, "full")


def _publish_new(function: str) -> None:
    def new(
        input: Tensor,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        own = input.device if device is None else device
        wanted = input.dtype if dtype is None else dtype
        check_flag(f"new_{function}", "requires_grad", requires_grad)
        return owned_like(input, _made(function, size, wanted, own, requires_grad))  # type: ignore[no-any-return]

    new.__doc__ = (
        f"As ``gradlab.{function}``, by default of this tensor's dtype and device.\n\n"
        f">>> import gradlab as gl\n>>> gl.arange(3).new_{function}(2).dtype\ntorch.int64"
    )
    composite(f"new_{function}", public=False)(new)


for _function in ("zeros", "ones", "empty"):
    _publish_new(_function)


@composite(public=False)
def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """As ``gradlab.full``, by default of this tensor's dtype and device.

    >>> import gradlab as gl
    >>> gl.ones(2, dtype=gl.float64).new_full((2,), 7.0)
    tensor([7., 7.], dtype=torch.float64)
    """
    made = full(
        size,
        fill_value,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
    )
    return owned_like(input, made)  # type: ignore[no-any-return]


@composite(public=False)
def new_tensor(
    input: Tensor,
    data: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """As ``gradlab.tensor``, by default of this tensor's dtype and device.

    >>> import gradlab as gl
    >>> gl.ones(2, dtype=gl.float64).new_tensor([1, 2])
    tensor([1., 2.], dtype=torch.float64)
    """
    check_flag("new_tensor", "requires_grad", requires_grad)
    return tensor(  # type: ignore[no-any-return]
        data,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
    )


@composite(public=False)
def new_empty_strided(
    input: Tensor,
    size: Any,
    stride: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """As ``gradlab.empty_strided``, by default of this tensor's dtype and device.

    >>> import gradlab as gl
    >>> gl.ones(2).new_empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    return empty_strided(  # type: ignore[no-any-return]
        size,
        stride,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
    )


def _like(
    function: str, input: Any, dtype: Any, device: Any, requires_grad: bool, *value: Any
) -> Tensor:
    """Made by NumPy's function of that name: of the shape and memory layout of ``input``."""
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{function}(): argument 'input' (position 1) must be Tensor, not "
            f"{type(input).__name__}. Make one with gradlab.tensor(...)."
        )
    wanted = input.dtype if dtype is None else arrays.as_dtype(dtype, function)
    if level_of(input) is not None:
        make = getattr(arrays.namespace(input.device), function.removesuffix("_like"))
        made = finished(
            make(input.shape, *value, dtype=wanted.numpy), device, requires_grad, function
        )
        return owned_like(input, made)  # type: ignore[no-any-return]
    array = getattr(arrays.array_module(input._array), function)(
        input._array, *value, dtype=wanted.numpy, order=layout(input._array)
    )
    own = input.device if device is None else device
    return finished(array, own, requires_grad, function)


def _publish_like(function: str, what: str) -> None:
    def like(
        input: Tensor,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        return _laid_out(_like(function, input, dtype, device, requires_grad), memory_format)

    like.__doc__ = (
        f"{what} of the shape, dtype and device of ``input``, unless given otherwise.\n\n"
        f">>> import gradlab as gl\n>>> gl.{function}(gl.arange(3)).dtype\ntorch.int64"
    )
    composite(function, method=False)(like)


_publish_like("zeros_like", "Zeros")
_publish_like("ones_like", "Ones")
_publish_like("empty_like", "Whatever lay in memory, in a tensor")


@composite(method=False)
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """``fill_value`` everywhere in a tensor of the shape, dtype and device of ``input``.

    >>> import gradlab as gl
    >>> gl.full_like(gl.ones(2), 3)
    tensor([3., 3.])
    """
    value = number_of("full_like", "fill_value", fill_value, 2)
    if isinstance(value, complex):
        wanted = input.dtype if dtype is None else arrays.as_dtype(dtype, "full_like")
        arrays.check_fits(value, wanted.numpy)
    made = _like("full_like", input, dtype, device, requires_grad, value)
    return _laid_out(made, memory_format)


@composite(method=False)
def scalar_tensor(
    s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A 0-d tensor of a number, of the default dtype unless ``dtype`` says otherwise.

    >>> import gradlab as gl
    >>> gl.scalar_tensor(3)
    tensor(3.)
    """
    return full(  # type: ignore[no-any-return]
        (), s, dtype=read_dtype("scalar_tensor", dtype), device=device, requires_grad=requires_grad
    )


# ------------------------------------------------------------------ by a rule


@composite(method=False)
def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from ``start`` (0 if left out) up to but not including ``end``, ``step`` apart.

    int64 where all three are whole numbers, else of the default dtype. Floats are PyTorch's to
    the bit on x86 for up to 32768 of them; of more, PyTorch's own last bits depend on how many
    threads it has. Raises RuntimeError for a step of 0 or one that leads away from ``end``.

    >>> import gradlab as gl
    >>> gl.arange(3)
    tensor([0, 1, 2])
    >>> gl.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        start, end = 0, number_of("arange", "end", start, 1)
    start = number_of("arange", "start", 0 if start is None else start, 1)
    end, step = number_of("arange", "end", end, 2), number_of("arange", "step", step, 3)
    if dtype is None:
        whole = {type(start), type(end), type(step)} <= {int, bool}
        found = arrays.int64 if whole else arrays.get_default_dtype()
    else:
        found = arrays.as_dtype(dtype, "arange")
    if found is arrays.bool_:
        raise NotImplementedError("\"arange_cpu\" not implemented for 'Bool'")
    if not math.isfinite(start) or not math.isfinite(end):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if not found.is_floating_point:
        start, end, step = int(start), int(end), int(step)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            "upper bound and lower bound inconsistent with step sign: "
            f"arange({start}, {end}, {step}) would never arrive"
        )
    return finished(_stepped(start, end, step, found.numpy), device, requires_grad, "arange")


@composite("range", method=False)
def _range(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from ``start`` up to and including ``end``. Deprecated: use ``arange``.

    >>> import gradlab as gl, warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     gl.range(0, 2)
    tensor([0., 1., 2.])
    """
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    start, end = number_of("range", "start", start, 1), number_of("range", "end", end, 2)
    step = number_of("range", "step", step, 3)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            "upper bound and lower bound inconsistent with step sign: "
            f"range({start}, {end}, {step}) would never arrive"
        )
    found = read_dtype("range", dtype)
    count = math.floor((end - start) / step) + 1
    array = (start + numpy.arange(count) * step).astype(found.numpy)
    return finished(array, device, requires_grad)


@composite(method=False)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each element of a vector, one to a row: 0 to ``N - 1``, the highest first.

    ``N`` is by default the number of elements. Raises RuntimeError for anything but a vector.

    >>> import gradlab as gl
    >>> gl.vander(gl.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor. (it has {x.ndim} dimensions)")
    count = len(x) if N is None else N
    if count < 0:
        raise RuntimeError(f"N must be non-negative. (it is {count})")
    whole = arrays.int64 if x.dtype.numpy.kind in "iub" else x.dtype
    result = x.new_empty((len(x), count), dtype=whole)
    if count:
        result.select(1, 0).fill_(1)
    if count > 1:
        result.narrow(1, 1, count - 1).copy_(x.unsqueeze(1))
        result.narrow(1, 1, count - 1).copy_(result.narrow(1, 1, count - 1).cumprod(1))
    return result if increasing else result.flip(1)  # type: ignore[no-any-return]


def _stepped(start: Any, end: Any, step: Any, dtype: numpy.dtype[Any]) -> Array:
    """The numbers of ``arange``.

    PyTorch computes them in blocks of two vector registers: the first of each register in one
    rounding, the others by adding to it, and what doesn't fill a block one by one.
    """
    if dtype.kind in "iu":
        return numpy.arange(start, end, step).astype(dtype)
    n = math.ceil((end - start) / step)
    lanes = 32 // dtype.itemsize
    i = numpy.arange(n, dtype=numpy.float64)
    blocks = n - n % (2 * lanes)
    lane = i[:blocks] % lanes
    firsts = (
        multiply_add(i[:blocks] - lane, float(step), float(start))
        .astype(dtype)
        .astype(numpy.float64)
    )
    rest = multiply_add(i[blocks:], float(step), float(start))
    return numpy.concatenate([multiply_add(lane, float(step), firsts), rest]).astype(dtype)


def _end_of_span(function: str, name: str, value: Any) -> Any:
    """A number; PyTorch takes a tensor's here, too, though no gradient flows to it."""
    if not isinstance(value, Tensor):
        return number_of(function, name, value)
    if value.ndim:
        raise RuntimeError(
            f"{function} only supports 0-dimensional start and end tensors, but got {name} with "
            f"{value.ndim} dimension(s)."
        )
    return value.item()


@composite(method=False)
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """``steps`` numbers from ``start`` to ``end``, both included, evenly spaced.

    Of the default dtype unless ``dtype`` says otherwise. Computed from both ends to the middle,
    as in PyTorch and, on processors with a fused multiply-add, to the bit. Raises RuntimeError
    for negative ``steps``.

    >>> import gradlab as gl
    >>> gl.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    found, start, end, steps = _span("linspace", start, end, steps, dtype)
    return finished(_spaced(start, end, steps, found.numpy), device, requires_grad, "linspace")


@composite(method=False)
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """``base`` to the power of ``steps`` evenly spaced numbers from ``start`` to ``end``.

    float64 is PyTorch's to a last bit here and there, as is float32 in most places. Errors as of
    ``linspace``.

    >>> import gradlab as gl
    >>> gl.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    found, start, end, steps = _span("logspace", start, end, steps, dtype)
    wide = numpy.complex128 if found.is_complex else numpy.float64
    exponents = _spaced(start, end, steps, numpy.dtype(wide))
    return finished((base**exponents).astype(found.numpy), device, requires_grad)


def _span(
    function: str, start: Any, end: Any, steps: Any, dtype: Any
) -> tuple[arrays.dtype, Any, Any, int]:
    """Checked arguments of ``linspace``, and the dtype of its result."""
    start, end = _end_of_span(function, "start", start), _end_of_span(function, "end", end)
    if not hasattr(steps, "__index__"):
        raise TypeError(
            f"{function}() received an invalid combination of arguments - got "
            f"({type(start).__name__}, {type(end).__name__}, {type(steps).__name__}): steps must "
            "be an int"
        )
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    complex_ends = complex in (type(start), type(end))
    default = arrays.BY_NUMPY[arrays.scalar_dtype(0j if complex_ends else 0.0)]
    found = default if dtype is None else arrays.as_dtype(dtype, function)
    if found is arrays.bool_:
        raise NotImplementedError(f"\"{function}_cpu\" not implemented for 'Bool'")
    return found, start, end, operator.index(steps)


def _spaced(start: Any, end: Any, steps: int, dtype: numpy.dtype[Any]) -> Array:
    """Evenly spaced numbers, the first half counted from ``start``, the second from ``end``."""
    if steps == 1:
        return numpy.array([start]).astype(dtype)
    working = numpy.dtype(numpy.float64) if dtype.kind in "iu" else dtype
    first, last = numpy.array([start, end]).astype(dtype).astype(working)
    step = working.type((last - first) / working.type(steps - 1))
    up = numpy.arange(steps // 2, dtype=working)
    down = numpy.arange(steps - steps // 2 - 1, -1, -1, dtype=working)
    if working in (numpy.float32, numpy.float64):
        halves = multiply_add(up, step, first), multiply_add(down, -step, last)
    else:
        halves = first + step * up, last - step * down
    return numpy.concatenate(halves).astype(dtype)


@composite(method=False)
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """An ``n`` by ``m`` matrix (square if ``m`` is left out) with ones on its diagonal.

    Raises RuntimeError for negative sizes.

    >>> import gradlab as gl
    >>> gl.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_int("eye", "n", n, 1)
    for name, size in (("n", n), ("m", m)):
        if size is not None and size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    array = arrays.namespace(device).eye(n, m, dtype=read_dtype("eye", dtype).numpy)
    return finished(array, device, requires_grad)
