"""Shape: the same elements in another arrangement, mostly without moving them.

What can be a view of the input's memory is one, as in PyTorch. Gradients undo the arrangement, and
so are mostly views too.
"""

from __future__ import annotations

import builtins
import contextlib
import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any

from gradlab import arrays, levels
from gradlab.arrays import Array, Namespace
from gradlab.levels import Layout
from gradlab.op import ON_TENSORS, composite, op
from gradlab.op import alias as also_known_as
from gradlab.ops.convert import clone, contiguous, contiguous_format
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, in_order, normal_dim
from gradlab.type_info import type_name

# ------------------------------------------------------------------ reading sizes and dimensions


def read_sizes(
    given: tuple[Any, ...], keyword: Any = None, function: str = "", argument: str = "size"
) -> tuple[int, ...]:
    """The sizes in ``x.f(2, 3)``, ``x.f((2, 3))`` or ``x.f(shape=(2, 3))``.

    Raises PyTorch's TypeErrors, for the ``function`` called, where there are none.
    """
    if keyword is not None:
        given = (keyword,)
    if not given:
        raise TypeError(f'{function}() missing 1 required positional arguments: "{argument}"')
    if len(given) == 1 and type(given[0]) is not int:
        with contextlib.suppress(TypeError):  # a number that isn't quite an int, a 0-d tensor
            given = tuple(given[0])
    try:
        return tuple([n if type(n) is int else operator.index(n) for n in given])
    except TypeError:
        wrong = next((n for n in given if not hasattr(n, "__index__")), None)
        if not function or wrong is None:
            raise
        raise TypeError(
            f"{function}(): argument '{argument}' (position 1) must be tuple of ints, not "
            f"{type_name(wrong)}"
        ) from None


def normal_dims(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """The dimensions ``dim`` stands for, counted from the front; None and () stand for all.

    A number has none, though ``dim`` may be 0 or -1.
    """
    if dim is None:
        return tuple(range(ndim))
    named = dim if isinstance(dim, Sequence) else (dim,)
    dims = tuple([normal_dim(operator.index(d), ndim) for d in named])
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims if dims and ndim else tuple(range(ndim))


def array_of(tensor: Any, function: str, argument: str = "input", position: int = 1) -> Array:
    """The array of what must be a tensor; TypeError where it is none."""
    try:
        return tensor._array
    except AttributeError:
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, "
            f"not {type_name(tensor)}. Make one with gradlab.tensor(...)."
        ) from None


def numbers_in(tensor: Any, function: str) -> Array:
    """As ``array_of``, for a function whose result's shape depends on the numbers."""
    array = array_of(tensor, function)
    return levels.numbers_of(tensor, function) if isinstance(array, Layout) else array


# ------------------------------------------------------------------ pieces of formulas


def put_back(xp: Any, g: Any, shape: tuple[int, ...], dims: Sequence[int], keepdim: bool) -> Any:
    """The gradient of a reduction over ``dims`` with these dimensions back, of size 1."""
    if keepdim or not shape:
        return g
    for d in sorted(dims):
        g = xp.unsqueeze(g, d)
    return g


def stretch_back(
    xp: Any, g: Any, shape: tuple[int, ...], dims: Sequence[int], keepdim: bool
) -> Any:
    """The gradient of a reduction over ``dims`` at every element of the input's ``shape``."""
    return xp.expand(put_back(xp, g, shape, dims, keepdim), shape)


def sum_to(xp: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """Add up what broadcasting stretched, so that ``g`` has ``shape``."""
    found = g.shape
    lead = len(found) - len(shape)
    stretched = [i + lead for i, n in enumerate(shape) if n == 1 and found[i + lead] != 1]
    if lead or stretched:
        g = xp.sum_dim(g, (*range(lead), *stretched), True)
    return xp.view(g, tuple(shape)) if lead else g


# ------------------------------------------------------------------ sizes


@op(
    latex=r"input",
    grad=dict(input=(lambda g, input_shape: g.reshape(input_shape), r"g")),
    view=True,
    public=False,
    method=False,
    samples=(call(draw(2, 3), (3, 2)), call(draw(4), (2, -1)), call(draw(), (1, 1))),
)
def view(xp: Namespace, input: Array, shape: tuple[int, ...]) -> Array:
    """The same memory with other sizes."""
    array = _reshaped(input, shape)
    if not (input.flags.c_contiguous or xp.may_share_memory(input, array) or not array.size):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead. "
            f"(sizes {list(input.shape)}, strides "
            f"{[s // input.itemsize for s in input.strides]}, asked for {list(shape)})"
        )
    return array


@op(
    latex=r"input",
    grad=dict(input=(lambda g, input_shape: g.reshape(input_shape), r"g")),
    view=True,
    public=False,
    method=False,
    samples=(call(draw(2, 3), (3, 2)),),
)
def reshape_alias(xp: Namespace, input: Array, shape: tuple[int, ...]) -> Array:
    """As ``view``, for a tensor whose elements don't lie in order."""
    return input.reshape(shape)


@op(
    latex=r"input",
    grad=dict(input=(lambda g, input_shape: g.reshape(input_shape), r"g")),
    public=False,
    method=False,
    samples=(call(draw(2, 3), (3, 2)),),
)
def unsafe_view(xp: Namespace, input: Array, shape: tuple[int, ...]) -> Array:
    """As ``view``, of a tensor that nobody else holds: not counted as a view."""
    return _reshaped(input, shape)


def _reshaped(array: Array, shape: tuple[int, ...]) -> Array:
    try:
        return array.reshape(shape)
    except ValueError:
        raise _bad_sizes(shape, array.size) from None


def _bad_sizes(shape: tuple[int, ...], numel: int) -> RuntimeError:
    unknown = builtins.sum(n == -1 for n in shape)
    if builtins.any(n < -1 for n in shape):
        bad = next(n for n in shape if n < -1)
        return RuntimeError(
            f"invalid shape dimension {bad} at index {shape.index(bad)} of shape {list(shape)}"
        )
    if unknown > 1:
        return RuntimeError(f"only one dimension can be inferred, and {list(shape)} has {unknown}")
    if unknown and not numel and 0 in shape:
        return RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
            "dimension size -1 can be any value and is ambiguous"
        )
    return RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")


def _check_sizes(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """``shape``; NumPy takes any negative number for "what is left", PyTorch only -1."""
    if builtins.min(shape, default=0) < -1:
        raise _bad_sizes(shape, numel)
    return shape


@composite("view", public=False)
def _view(input: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """The same memory with other sizes, of which one may be -1: what is left.

    With a dtype instead of sizes, the same memory read as numbers of that dtype, without history.
    Raises RuntimeError where the number of elements differs, or where they don't lie in memory
    so that a view is possible (``reshape`` copies then).

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0, 3.0, 4.0]).view(2, -1)
    tensor([[1., 2.],
            [3., 4.]])
    >>> gl.tensor([1.0]).view(gl.int32)
    tensor([1065353216], dtype=torch.int32)
    """
    if len(shape) == 1 and isinstance(shape[0], arrays.dtype):
        return _reread(input, shape[0])
    if dtype is not None:
        return _reread(input, arrays.as_dtype(dtype, "view"))
    return view(input, _check_sizes(read_sizes(shape, size, "view"), input._array.size))  # type: ignore[no-any-return]


def _reread(input: Tensor, dtype: arrays.dtype) -> Tensor:
    """The memory of ``input`` as numbers of another dtype, whose derivative would mean nothing."""
    old, new = input.dtype.itemsize, dtype.itemsize
    if old != new:
        _check_reread(input, dtype, new // old)
    made: Tensor = input.detach()
    made._array = made._array.view(dtype.numpy)
    return made


def _check_reread(input: Tensor, dtype: arrays.dtype, times: int) -> None:
    words = (
        f"to view {input.dtype.type_name} as {dtype.type_name} (different element sizes), but got"
    )
    if not input.ndim:
        raise RuntimeError(f"self.dim() cannot be 0 {words[:-9]}")
    if input.stride(-1) != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {words} {input.stride(-1)}")
    if times <= 1:
        return
    if input.shape[-1] % times:
        raise RuntimeError(f"self.size(-1) must be divisible by {times} {words} {input.shape[-1]}")
    if input.storage_offset() % times:
        raise RuntimeError(
            f"self.storage_offset() must be divisible by {times} {words} {input.storage_offset()}"
        )


@composite()
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` viewed with the sizes of ``other``.

    >>> import gradlab as gl
    >>> gl.arange(4).view_as(gl.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return view(input, array_of(other, "view_as", "other").shape)  # type: ignore[no-any-return]


@composite()
def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements with other sizes, of which one may be -1: what is left.

    A view where that is possible, else a copy. Raises RuntimeError where the number of elements
    differs.

    >>> import gradlab as gl
    >>> gl.reshape(gl.tensor([[1, 2], [3, 4]]), (-1,))
    tensor([1, 2, 3, 4])
    """
    array = array_of(input, "reshape")
    to = _check_sizes(read_sizes(sizes, shape, "reshape", "shape"), array.size)
    if array.flags.c_contiguous or in_order(input).flags.c_contiguous:
        return view(input, to)  # type: ignore[no-any-return]
    if not isinstance(array, Layout):
        result = _reshaped(array, to)
        if arrays.array_module(array).may_share_memory(array, result):
            return reshape_alias(input, to)  # type: ignore[no-any-return]
    return unsafe_view(clone(input, memory_format=contiguous_format), to)  # type: ignore[no-any-return]


@composite(public=False)
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` with the sizes of ``other``.

    >>> import gradlab as gl
    >>> gl.arange(4).reshape_as(gl.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    shape = array_of(other, "reshape_as", "other").shape
    return reshape(input, shape)  # type: ignore[no-any-return]


@composite()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from ``start_dim`` to ``end_dim`` as one; a view where that is possible.

    >>> import gradlab as gl
    >>> gl.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    shape = array_of(input, "flatten").shape
    start, end = normal_dim(start_dim, len(shape)), normal_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError(
            "flatten() has invalid args: start_dim cannot come after end_dim "
            f"(here {start_dim} and {end_dim} of {len(shape)} dimensions)"
        )
    if not shape:
        return reshape(input, (1,))  # type: ignore[no-any-return]
    if start == end:
        return input
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))  # type: ignore[no-any-return]


@composite()
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension; a view where that is possible.

    >>> import gradlab as gl
    >>> gl.ones(2, 2).ravel()
    tensor([1., 1., 1., 1.])
    """
    return view(contiguous(input), (-1,))  # type: ignore[no-any-return]


@composite()
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension as several, of ``sizes``; one of them may be -1.

    >>> import gradlab as gl
    >>> gl.zeros(2, 12).unflatten(1, (3, -1)).shape
    torch.Size([2, 3, 4])
    """
    shape = array_of(input, "unflatten").shape
    if not isinstance(dim, int):
        raise TypeError(
            f"unflatten(): argument 'dim' (position 1) must be int, not {type(dim).__name__}"
        )
    dim = normal_dim(dim, len(shape))
    into = read_sizes((tuple(sizes),))
    if not into:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if into.count(-1) > 1:
        raise RuntimeError(
            "unflatten got an unexpected error:\nonly one dimension can be inferred, and "
            f"{list(into)} has {into.count(-1)}"
        )
    known = math.prod(n for n in into if n != -1)
    if known and -1 in into:
        into = tuple(shape[dim] // known if n == -1 else n for n in into)
    if math.prod(into) != shape[dim]:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
            f"({shape[dim]}) in the input tensor"
        )
    return view(input, (*shape[:dim], *into, *shape[dim + 1 :]))  # type: ignore[no-any-return]


# ------------------------------------------------------------------ dimensions of size 1


@op(
    latex=r"input",
    grad=dict(input=(lambda g, xp, dim: xp.squeeze_dim(g, dim), r"g")),
    view=True,
    samples=(call(draw(2, 3), 1), call(draw(2), -1), call(draw(), 0)),
)
def unsqueeze(xp: Namespace, input: Array, dim: int) -> Array:
    """A view with one more dimension, of size 1, at place ``dim``.

    >>> import gradlab as gl
    >>> gl.unsqueeze(gl.tensor([1, 2]), 1)
    tensor([[1],
            [2]])
    """
    shape = input.shape
    dim = normal_dim(dim, len(shape) + 1)
    return input.reshape((*shape[:dim], 1, *shape[dim:]))


@op(
    latex=r"input",
    grad=dict(input=(
        lambda g, xp, input_shape: _unsqueezed(xp, g, input_shape, range(len(input_shape))), r"g",
    )),
    node="SqueezeBackward0",
    view=True,
    public=False,
    method=False,
    samples=(call(draw(2, 1, 3, 1)), call(draw(1)), call(draw(2))),
)  # fmt: skip
def squeeze_all(xp: Namespace, input: Array) -> Array:
    """Without all dimensions of size 1."""
    return input.reshape([n for n in input.shape if n != 1])


@op(
    latex=r"input",
    grad=dict(
        input=(lambda g, xp, input_shape, dim: _unsqueezed(xp, g, input_shape, (dim,)), r"g")
    ),
    node="SqueezeBackward1",
    view=True,
    public=False,
    method=False,
    samples=(call(draw(2, 1), 1), call(draw(2, 1), 0), call(draw(1, 3), -2)),
)
def squeeze_dim(xp: Namespace, input: Array, dim: int) -> Array:
    """Without the dimension ``dim`` if its size is 1."""
    return _without(input, (normal_dim(dim, input.ndim),))


@op(
    latex=r"input",
    grad=dict(input=(lambda g, xp, input_shape, dim: _unsqueezed(xp, g, input_shape, dim), r"g")),
    node="SqueezeBackward2",
    view=True,
    public=False,
    method=False,
    samples=(call(draw(2, 1, 1), (0, 2)), call(draw(1, 1), (0, -1))),
)
def squeeze_dims(xp: Namespace, input: Array, dim: tuple[int, ...]) -> Array:
    """Without those of the dimensions ``dim`` whose size is 1."""
    return _without(input, normal_dims(dim, input.ndim) if dim else ())


@op(
    latex=r"input",
    grad=dict(
        input=(lambda g, xp, input_shape, dim: _unsqueezed(xp, g, input_shape, (dim,)), r"g")
    ),
    node="SqueezeBackward4",
    public=False,
    method=False,
    samples=(call(draw(1, 3), 0),),
)
def squeeze_own(xp: Namespace, input: Array, dim: int) -> Array:
    """As ``squeeze_dim``, of a tensor that nobody else holds: not counted as a view."""
    return _without(input, (normal_dim(dim, input.ndim),))


def _without(array: Array, dims: Sequence[int]) -> Array:
    return array.reshape([n for d, n in enumerate(array.shape) if n != 1 or d not in dims])


def _unsqueezed(xp: Any, g: Any, shape: tuple[int, ...], dims: Sequence[int]) -> Any:
    if not shape:
        return g
    for d in sorted(d % len(shape) for d in dims):
        if shape[d] == 1:
            g = xp.unsqueeze(g, d)
    return g


@composite()
def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """A view without dimensions of size 1: all of them, or those named that are.

    >>> import gradlab as gl
    >>> gl.zeros(1, 2, 1).squeeze().shape, gl.zeros(1, 2, 1).squeeze(0).shape
    (torch.Size([2]), torch.Size([2, 1]))
    """
    if dim is None:
        return squeeze_all(input)  # type: ignore[no-any-return]
    if isinstance(dim, Sequence):
        return squeeze_dims(input, tuple(dim))  # type: ignore[no-any-return]
    return squeeze_dim(input, dim)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ order of dimensions


@op(
    latex=r"input^{\mathsf T}",
    grad=dict(input=(lambda g, xp, dim0, dim1: xp.transpose(g, dim0, dim1), r"g^{\mathsf T}")),
    view=True,
    samples=(call(draw(2, 3), 0, 1), call(draw(2, 3, 4), -1, 0), call(draw(3), 0, 0)),
)
def transpose(xp: Namespace, input: Array, dim0: int, dim1: int) -> Array:
    """A view in which two dimensions have changed places.

    Raises IndexError for a dimension that isn't there.

    >>> import gradlab as gl
    >>> gl.transpose(gl.tensor([[1, 2, 3]]), 0, 1)
    tensor([[1],
            [2],
            [3]])
    """
    if not input.ndim:
        return input.reshape((1,) * (normal_dim(dim0, 0) + normal_dim(dim1, 0)))
    return input.swapaxes(dim0, dim1)


@op(
    latex=r"input^{\mathsf T}",
    grad=dict(input=(lambda g, xp: xp.t(g), r"g^{\mathsf T}")),
    view=True,
    samples=(call(draw(2, 3)), call(draw(3)), call(draw())),
)
def t(xp: Namespace, input: Array) -> Array:
    """The transpose of a matrix, as a view; a vector or a number as it is.

    Raises RuntimeError for a tensor of more than two dimensions.

    >>> import gradlab as gl
    >>> gl.zeros(2, 3).t().shape
    torch.Size([3, 2])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D. Say which two "
            "dimensions change places with transpose(dim0, dim1)."
        )
    return input.T


@op(
    latex=r"\mathrm{permute}(input)",
    grad=dict(input=(
        lambda g, xp, dims: xp.permute(g, _inverse(dims)), r"\mathrm{permute}^{-1}(g)",
    )),
    view=True,
    public=False,
    method=False,
    samples=(call(draw(2, 3, 4), (2, 0, 1)), call(draw(2, 3), (-1, 0)), call(draw(), ())),
)  # fmt: skip
def permute(xp: Namespace, input: Array, dims: tuple[int, ...]) -> Array:
    """A view with the dimensions in another order."""
    return input.transpose(dims)


def _inverse(dims: tuple[int, ...]) -> tuple[int, ...]:
    order = [d % len(dims) for d in dims]
    return tuple(sorted(range(len(dims)), key=order.__getitem__))


@composite("permute")
def _permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """A view with the dimensions in another order: the new first is the old ``dims[0]``, ….

    Raises RuntimeError where a dimension is missing or named twice.

    >>> import gradlab as gl
    >>> gl.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    ndim = array_of(input, "permute").ndim
    wanted = read_sizes(order, dims, "permute", "dims")
    if len(wanted) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            "length of the desired ordering of dimensions i.e. "
            f"input.dim() = {ndim} is not equal to len(dims) = {len(wanted)}"
        )
    normal = tuple(normal_dim(d, ndim) for d in wanted)
    if len(set(normal)) < ndim:
        raise RuntimeError(f"permute(): duplicate dims are not allowed. Got {list(wanted)}.")
    return permute(input, normal)  # type: ignore[no-any-return]


@composite()
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """A view with the dimensions ``source`` moved to the places ``destination``.

    >>> import gradlab as gl
    >>> gl.zeros(2, 3, 4).movedim(0, -1).shape
    torch.Size([3, 4, 2])
    """
    ndim = array_of(input, "movedim").ndim
    if isinstance(source, int) != isinstance(destination, int):
        raise TypeError(
            "movedim() received an invalid combination of arguments - got "
            f"({type(source).__name__}, {type(destination).__name__}): give two numbers, or two "
            "tuples of as many"
        )
    given = [(d,) if isinstance(d, int) else tuple(d) for d in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(given[0])} dims) should "
            "contain the same number of dims as destination "
            f"({list(given[1])} dims)"
        )
    of, to = [[normal_dim(operator.index(d), ndim) for d in dims] for dims in given]
    for name, dims, normal in zip(("source", "destination"), given, (of, to), strict=True):
        if len(set(normal)) < len(normal):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(dims)})")
    if ndim == 0:
        return alias(input)  # type: ignore[no-any-return]
    order = [d for d in range(ndim) if d not in of]
    for place, d in sorted(zip(to, of, strict=True)):
        order.insert(place, d)
    return permute(input, tuple(order))  # type: ignore[no-any-return]


also_known_as("movedim", "moveaxis")
also_known_as("transpose", "swapaxes", "swapdims")


def _capital_t(input: Tensor) -> Tensor:
    """The dimensions in reverse order, as a view. Warns where there are not two."""
    if not input.ndim:
        warnings.warn(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.",
            UserWarning,
            stacklevel=2,
        )
    elif input.ndim != 2:
        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor.",
            UserWarning,
            stacklevel=2,
        )
    return permute(input, tuple(range(input.ndim - 1, -1, -1)))  # type: ignore[no-any-return]


def _matrix_t(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, as a view."""
    if input.ndim == 0:
        warnings.warn(
            "Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.",
            UserWarning,
            stacklevel=2,
        )
        return input
    if input.ndim < 2:
        raise RuntimeError(
            "tensor.mT is only supported on matrices or batches of matrices. Got "
            f"{input.ndim}-D tensor."
        )
    return transpose(input, -2, -1)  # type: ignore[no-any-return]


Tensor.T = property(_capital_t)  # type: ignore[attr-defined]
Tensor.mT = property(_matrix_t)  # type: ignore[attr-defined]


@op(
    latex=r"input",
    grad=dict(input=(lambda g: g, r"g")),
    view=True,
    public=False,
    method=False,
    samples=(call(draw(2, 3)),),
)
def alias(xp: Namespace, input: Array) -> Array:
    """A view of the whole."""
    return input[...]


# ------------------------------------------------------------------ stretching and repeating


@op(
    latex=r"\mathrm{expand}(input)",
    grad=dict(input=(lambda g, xp, input_shape: sum_to(xp, g, input_shape), r"\textstyle\sum g")),
    view=True,
    public=False,
    method=False,
    samples=(
        call(draw(3, 1), (2, 3, 4)),
        call(draw(), (2,)),
        call(draw(2), (2,)),
        call(draw(1), (0,)),
    ),
)
def expand(xp: Namespace, input: Array, shape: tuple[int, ...]) -> Array:
    """A view stretched to ``shape``; what is not stretched stays writable."""
    lead = len(shape) - input.ndim
    if lead >= 0 and input.shape == shape[lead:] and math.prod(shape[:lead]) == 1:
        return input.reshape(shape)
    try:
        return arrays.expand(xp, input, shape)
    except ValueError:
        raise cannot_expand(input, shape) from None


def cannot_expand(array: Array, shape: tuple[int, ...]) -> RuntimeError:
    own = list(array.shape)
    if len(own) > len(shape):
        kind = arrays.dtype_of(array).type_name
        return RuntimeError(
            f"expand(torch.{kind}Tensor{{{own}}}, size={list(shape)}): the number of sizes "
            f"provided ({len(shape)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(own)})"
        )
    lead = len(shape) - len(own)
    bad = next(
        d for d in range(len(shape) - 1, -1, -1) if d >= lead and own[d - lead] not in (1, shape[d])
    )
    return RuntimeError(
        f"The expanded size of the tensor ({shape[bad]}) must match the existing size "
        f"({own[bad - lead]}) at non-singleton dimension {bad}.  Target sizes: {list(shape)}.  "
        f"Tensor sizes: {own}"
    )


@composite("expand", public=False)
def _expand(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """A view with dimensions of size 1 stretched, and new ones in front; -1 keeps a size.

    Every place along a stretched dimension is the same memory: ``clone()`` before writing to it.
    Raises RuntimeError where a size that isn't 1 would have to change.

    >>> import gradlab as gl
    >>> gl.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    shape = read_sizes(sizes, size, "expand")
    if -1 in shape:
        shape = _kept_sizes(shape, input._array.shape)
    return expand(input, shape)  # type: ignore[no-any-return]


def _kept_sizes(shape: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
    """``shape`` with the tensor's ``own`` sizes for -1."""
    lead = len(shape) - len(own)
    if -1 in shape[: builtins.max(lead, 0)]:
        raise RuntimeError(
            "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
            f"dimension {shape.index(-1)}"
        )
    return tuple(own[d - lead] if n == -1 and d >= lead else n for d, n in enumerate(shape))


@composite(public=False)
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` stretched to the shape of ``other``, as a view.

    >>> import gradlab as gl
    >>> gl.arange(2).expand_as(gl.ones(2, 2))
    tensor([[0, 1],
            [0, 1]])
    """
    shape = array_of(other, "expand_as", "other").shape
    return expand(input, shape)  # type: ignore[no-any-return]


@composite()
def broadcast_to(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """``input`` stretched to a shape, as a view; see ``expand``.

    >>> import gradlab as gl
    >>> gl.broadcast_to(gl.arange(2), (2, 2))
    tensor([[0, 1],
            [0, 1]])
    """
    array_of(input, "broadcast_to")
    return _expand(input, *sizes, size=size)  # type: ignore[no-any-return]


@composite(public=False)
def sum_to_size(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Undo ``expand``: add up the elements that came from the same one.

    Raises RuntimeError where the sizes could not be expanded to those of ``input``.

    >>> import gradlab as gl
    >>> gl.ones(2, 3).sum_to_size(3)
    tensor([2., 2., 2.])
    """
    shape = read_sizes(sizes, size, "sum_to_size")
    if not arrays.is_expandable(shape, input._array.shape):
        raise RuntimeError(
            f"size {{{list(shape)}}} is not expandable to size {{{list(input.shape)}}}."
        )
    if not shape:
        return input.sum()  # type: ignore[no-any-return]
    return sum_to(ON_TENSORS, input, shape)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ taking apart


def at(dim: int, where: Any) -> tuple[Any, ...]:
    """The NumPy index that takes ``where`` along ``dim`` and everything else whole."""
    return (*(builtins.slice(None),) * dim, where, Ellipsis)


@op(
    latex=r"{input}_{index}",
    grad=dict(
        input=(
            lambda g, xp, input_shape, dim, index: xp.select_backward(g, input_shape, dim, index),
            r"g \text{ at } index,\ 0 \text{ elsewhere}",
        )
    ),
    view=True,
    samples=(call(draw(2, 3), 1, 0), call(draw(2, 3), -1, -1), call(draw(3), 0, 2)),
)
def select(xp: Namespace, input: Array, dim: int, index: int) -> Array:
    """A view of what is at place ``index`` along ``dim``, without that dimension.

    Raises IndexError where there is no such dimension or place.

    >>> import gradlab as gl
    >>> gl.select(gl.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = normal_dim(dim, input.ndim)
    try:
        return input[at(dim, index)]
    except IndexError:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at "
            f"dimension {dim}"
        ) from None


@op(
    latex=r"input \text{ at } index,\ 0 \text{ elsewhere}",
    grad=dict(input=(lambda g, xp, dim, index: xp.select(g, dim, index), r"{g}_{index}")),
    public=False,
    method=False,
    samples=(call(draw(2), (2, 3), 1, 0), call(draw(), (3,), -1, -1)),
)
def select_backward(
    xp: Namespace, input: Array, shape: tuple[int, ...], dim: int, index: int
) -> Array:
    """Zeros of ``shape`` with ``input`` at place ``index`` along ``dim``."""
    result = xp.zeros(shape, input.dtype)
    result[at(dim % len(shape), index)] = input
    return result


@op(
    latex=r"{input}_{start:end:step}",
    grad=dict(
        input=(
            lambda g, xp, input_shape, dim, start, end, step: xp.slice_backward(
                g, input_shape, dim, start, end, step
            ),
            r"g \text{ at } start{:}end{:}step,\ 0 \text{ elsewhere}",
        )
    ),
    view=True,
    public=False,
    method=False,
    samples=(call(draw(4, 3), 0, 1, 3, 1), call(draw(2, 5), -1, 0, 5, 2), call(draw(3), 0, 2, 1)),
)
def slice(xp: Namespace, input: Array, dim: int, start: int, end: int, step: int = 1) -> Array:
    """A view of a range along ``dim``."""
    return input[at(dim % input.ndim, builtins.slice(start, end, step))]


@op(
    latex=r"input \text{ at } start{:}end{:}step,\ 0 \text{ elsewhere}",
    grad=dict(
        input=(
            lambda g, xp, dim, start, end, step: xp.slice(g, dim, start, end, step),
            r"{g}_{start:end:step}",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(2, 3), (4, 3), 0, 1, 3, 1), call(draw(2, 3), (2, 5), -1, 0, 5, 2)),
)
def slice_backward(
    xp: Namespace, input: Array, shape: tuple[int, ...], dim: int, start: int, end: int, step: int
) -> Array:
    """Zeros of ``shape`` with ``input`` in a range along ``dim``."""
    result = xp.zeros(shape, input.dtype)
    result[at(dim % len(shape), builtins.slice(start, end, step))] = input
    return result


@composite()
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A view of ``length`` places along ``dim``, from ``start`` on.

    >>> import gradlab as gl
    >>> gl.narrow(gl.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    dim, first = place_narrow(array_of(input, "narrow"), dim, start, length)
    return slice(input, dim, first, first + length)  # type: ignore[no-any-return]


def place_narrow(array: Array, dim: int, start: Any, length: int) -> tuple[int, int]:
    """The dimension and the first place of ``narrow``, counted from the front."""
    if not array.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = normal_dim(dim, array.ndim)
    size = array.shape[dim]
    first = operator.index(start)
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative. Got {length}.")
    if not -size <= first <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {first})"
        )
    first += size if first < 0 else 0
    if first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return dim, first
