"""Conversion and copying: the same elements in another dtype, on another device, elsewhere."""

from __future__ import annotations

import warnings
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.inplace import change
from gradlab.op import FUNCTIONS, OPS, composite, op
from gradlab.samples import call, draw, real
from gradlab.tensor import OutsideCounter, Tensor
from gradlab.type_info import type_name


class memory_format:
    """In which order a new tensor's elements lie in memory.

    >>> import gradlab as gl
    >>> gl.contiguous_format
    torch.contiguous_format
    """

    __slots__ = ("_name", "ndim")

    def __init__(self, name: str, ndim: int | None = None) -> None:
        self._name = name
        self.ndim = ndim  # of what tensors it can be the order; None: of any

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name


contiguous_format = memory_format("contiguous_format")  # the last dimension fastest
preserve_format = memory_format("preserve_format")  # as the tensor it is made from
channels_last = memory_format("channels_last", 4)  # picture by picture, pixel by pixel
channels_last_3d = memory_format("channels_last_3d", 5)  # the same of volumes


# ------------------------------------------------------------------ copies


@op(
    latex=r"input",
    grad=dict(input=(lambda g: g, r"g")),
    samples=real(-2, 2),
)
def clone(
    xp: Namespace, input: Array, *, memory_format: memory_format | None = preserve_format
) -> Array:
    """A copy in memory of its own that keeps its place in the graph.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0], requires_grad=True).clone()
    tensor([1., 2.], grad_fn=<CloneBackward0>)
    """
    if memory_format is not None and memory_format.ndim is not None:
        return _by_pixel(input, memory_format)
    return input.copy(order="C" if memory_format is contiguous_format else layout(input))


def _by_pixel(array: Array, format: memory_format) -> Array:
    """A copy with the channels, dimension 1, innermost in memory."""
    if array.ndim != format.ndim:
        raise RuntimeError(
            f"required rank {format.ndim} tensor to use {format._name} format, and this one has "
            f"shape {list(array.shape)}"
        )
    pixels = array.transpose(0, *range(2, array.ndim), 1).copy(order="C")
    return pixels.transpose(0, array.ndim - 1, *range(1, array.ndim - 1))


def layout(array: Array) -> str:
    """NumPy's word for how a copy lies in memory: as ``array`` does, unless that is stretched."""
    return "C" if 0 in array.strides else "K"


@composite(public=False)
def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """The tensor itself where its elements lie one after the other; else such a copy.

    With ``channels_last``, of pictures (N, C, H, W), pixel after pixel. Raises RuntimeError for
    tensors of another number of dimensions.

    >>> import gradlab as gl
    >>> gl.ones(2, 3).contiguous().is_contiguous()
    True
    >>> gl.ones(2, 3, 4, 4).contiguous(memory_format=gl.channels_last).stride()
    (48, 1, 12, 3)
    """
    if memory_format is preserve_format or input.is_contiguous(memory_format):
        return input
    made: Tensor = clone(input, memory_format=memory_format)
    if memory_format.ndim is not None:
        made._counter = OutsideCounter(made._counter)  # asked for: it stays as it lies
    return made


@op(
    latex=r"other",
    grad=dict(
        input=(lambda g, xp: xp.zeros_like(g), r"0"),
        other=(lambda g: g, r"g"),
    ),
    node="CopyBackwards",
    public=False,
    method=False,
    samples=(call(draw(3), draw(3)), call(draw(2, 3), draw(3)), call(draw(2), draw())),
)
def copy(xp: Namespace, input: Array, other: Array) -> Array:
    """What ``input`` holds after ``other`` was copied into it."""
    other = arrays.move(other, arrays.device_of(input))
    if not arrays.is_expandable(other.shape, input.shape):
        _raise_mismatch(input.shape, other.shape)
    return xp.broadcast_to(_cast(other, input.dtype), input.shape)


OPS["copy"].node.name = lambda self: "torch::autograd::CopyBackwards"  # type: ignore[method-assign]


def _raise_mismatch(target: tuple[int, ...], source: tuple[int, ...]) -> None:
    last = max(len(target), len(source)) - 1
    for back, (a, b) in enumerate(zip(reversed(target), reversed(source), strict=False)):
        if a != b and 1 not in (a, b):
            raise RuntimeError(
                f"The size of tensor a ({a}) must match the size of tensor b ({b}) at "
                f"non-singleton dimension {last - back} (copying shape {list(source)} into "
                f"{list(target)})"
            )
    together = list(numpy.broadcast_shapes(target, source))
    raise RuntimeError(
        f"output with shape {list(target)} doesn't match the broadcast shape {together}"
    )


@composite("copy_", public=False)
def _copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Any:
    """Copy the elements of ``src`` in, converted to this tensor's dtype and device.

    ``src`` broadcasts to the tensor's shape; RuntimeError where it can't.

    >>> import gradlab as gl
    >>> gl.zeros(2, 2).copy_(gl.tensor([1.0, 2.0]))
    tensor([[1., 2.],
            [1., 2.]])
    """
    if type(src) in arrays.PYTHON_SCALARS:
        src = fill_scalar(input.detach(), src)
    if not isinstance(src, Tensor):
        raise TypeError(
            f"copy_(): argument 'other' (position 1) must be Tensor, not {type_name(src)}"
        )
    if input._array.dtype not in arrays.DIFFERENTIABLE:
        src = src.detach()
    return change(copy, input, src)


@op(
    latex=r"value",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    node="FillBackward2",
    public=False,
    method=False,
    samples=(call(draw(3), 2.5), call(draw(), 1)),
)
def fill_scalar(xp: Namespace, input: Array, value: float) -> Array:
    """What ``input`` holds after it was filled with a number."""
    arrays.check_fits(value, input.dtype)
    return xp.broadcast_to(xp.asarray(value).astype(input.dtype), input.shape)


@op(
    latex=r"value",
    grad=dict(
        input=(lambda g, xp: xp.zeros_like(g), r"0"),
        value=(lambda g: g, r"\sum g"),
    ),
    node="FillBackward3",
    public=False,
    method=False,
    samples=(call(draw(3), draw()), call(draw(), draw())),
)
def fill_tensor(xp: Namespace, input: Array, value: Array) -> Array:
    """What ``input`` holds after it was filled with a 0-d tensor's element."""
    return xp.broadcast_to(value.astype(input.dtype, copy=False), input.shape)


@composite("fill_", public=False)
def _fill_(input: Tensor, value: Any) -> Any:
    """Put ``value``, a number or a 0-d tensor, at every position.

    >>> import gradlab as gl
    >>> gl.zeros(3).fill_(2)
    tensor([2., 2., 2.])
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value.ndim} dimensions. copy_() takes one of any shape."
            )
        if input._array.dtype not in arrays.DIFFERENTIABLE:
            value = value.detach()
        return change(lambda input: fill_tensor(input, value), input)
    if not isinstance(value, (*arrays.PYTHON_SCALARS, numpy.generic)):
        raise TypeError(
            f"fill_() received an invalid combination of arguments - got ({type_name(value)}): "
            "value is a number or a 0-d tensor"
        )
    return change(fill_scalar, input, value)


@op(
    latex=r"0",
    grad=dict(input=(lambda g, xp: xp.zeros_like(g), r"0")),
    method=False,
    public=False,
    inplace=True,
    samples=(call(draw(3)), call(draw())),
)
def zero(xp: Namespace, input: Array) -> Array:
    """Zeros in the place of the elements."""
    return xp.zeros_like(input)


for _name in ("fill_", "zero_"):
    FUNCTIONS[_name] = getattr(Tensor, _name)


# ------------------------------------------------------------------ dtype and device


@op(
    latex=r"input",
    grad=dict(
        input=(
            lambda g, xp, device, source: (
                g if device == source else xp.to_copy(g, None, source, device)
            ),
            r"g",
        )
    ),
    saved=dict(device=None, source=None),
    public=False,
    method=False,
    samples=(call(draw(3), arrays.float64, arrays.CPU, arrays.CPU),),
)
def to_copy(
    xp: Namespace,
    input: Array,
    dtype: arrays.dtype | None,
    device: arrays.device,
    source: arrays.device,
) -> Array:
    """A copy in another dtype, on another device than ``source``, where ``input`` is."""
    moved = input if device == source else arrays.move(input, device)
    if dtype is None or dtype.numpy is moved.dtype:
        return moved.copy(order="K") if moved is input else moved
    return _cast(moved, dtype.numpy)


def _cast(array: Array, dtype: Any) -> Array:
    if array.dtype.kind == "c" and dtype.kind not in "cb":
        warnings.warn(
            "Casting complex values to real discards the imaginary part. Take .real first if "
            "that is what you want.",
            UserWarning,
            stacklevel=5,
        )
        array = array.real
    return array.astype(dtype, copy=False)


@composite(public=False)
def to(
    input: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """The tensor with another dtype or on another device; itself where it has both already.

    ``x.to(dtype)``, ``x.to(device)``, ``x.to(device, dtype)``, or ``x.to(other)`` for another
    tensor's dtype and device. After these may follow ``non_blocking`` (taken, without effect) and
    ``copy``: whether to copy in any case. ``memory_format`` is as of ``contiguous``. Raises
    RuntimeError for a device that isn't there.

    >>> import gradlab as gl
    >>> gl.tensor([1.5, -2.5]).to(gl.int64)
    tensor([ 1, -2])
    """
    for position, argument in enumerate(args):
        if isinstance(argument, Tensor):
            dtype, device = argument.dtype, argument.device
        elif isinstance(argument, arrays.dtype) or (
            isinstance(argument, type) and argument in arrays.PYTHON_SCALARS
        ):
            dtype = argument
        elif isinstance(argument, (str, arrays.device)) or type(argument) is int:
            device = argument
        elif type(argument) is bool:
            _, copy = (*args[position:], False)[:2]
            break
        elif argument is not None:
            raise TypeError(
                "to() received an invalid combination of arguments - got "
                f"({', '.join(type(a).__name__ for a in args)}): give a dtype, a device, or "
                "another tensor"
            )
    if isinstance(dtype, str):
        raise TypeError(
            "to() received an invalid combination of arguments - got (dtype=str, ): pass "
            f"gradlab.float32 or another dtype for {dtype!r}"
        )
    made = converted(input, dtype, device, copy)
    return made if memory_format is preserve_format else contiguous(made, memory_format)


def converted(input: Tensor, dtype: Any, device: Any, copy: bool) -> Tensor:
    wanted = input.dtype if dtype is None else arrays.as_dtype(dtype, "to")
    source = input.device
    target = source if device is None else arrays.device_in_full(device)
    if not copy and target == source and wanted is input.dtype:
        return input
    if wanted.numpy not in arrays.DIFFERENTIABLE:
        input = input.detach()
    return to_copy(input, wanted, target, source)  # type: ignore[no-any-return]


@composite(public=False)
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor with the dtype and on the device of ``other``.

    >>> import gradlab as gl
    >>> gl.ones(2).type_as(gl.tensor(1))
    tensor([1, 1])
    """
    if not isinstance(other, Tensor):
        raise TypeError(
            f"type_as(): argument 'other' (position 1) must be Tensor, not {type_name(other)}"
        )
    return converted(input, other.dtype, other.device, False)


@composite(public=False)
def cpu(input: Tensor, memory_format: Any = preserve_format) -> Tensor:
    """The tensor in the computer's main memory; itself where it is there.

    >>> import gradlab as gl
    >>> x = gl.ones(2)
    >>> x.cpu() is x
    True
    """
    return converted(input, None, "cpu", False)


@composite(public=False)
def cuda(
    input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> Tensor:
    """The tensor on a GPU, the current one unless ``device`` says; itself where it is there.

    Raises RuntimeError where there is none.
    """
    return converted(input, None, "cuda" if device is None else device, False)


def _publish_conversion(name: str, dtype: arrays.dtype) -> None:
    def convert(input: Tensor, memory_format: Any = preserve_format) -> Tensor:
        return converted(input, dtype, None, False)

    convert.__doc__ = (
        f"The tensor as {dtype.name}; itself where it is that already.\n\n"
        f">>> import gradlab as gl\n>>> gl.tensor([0, 1]).{name}().dtype\n{dtype!r}"
    )
    convert.__qualname__ = name
    composite(name, public=False)(convert)


for _name, _dtype in {
    "half": arrays.float16,
    "float": arrays.float32,
    "double": arrays.float64,
    "cfloat": arrays.complex64,
    "cdouble": arrays.complex128,
    "byte": arrays.uint8,
    "char": arrays.int8,
    "short": arrays.int16,
    "int": arrays.int32,
    "long": arrays.int64,
    "bool": arrays.bool_,
}.items():
    _publish_conversion(_name, _dtype)
