"""Statistics: medians and quantiles, counts, spreads and correlations."""

from __future__ import annotations

import builtins
import math
import operator
import warnings
from typing import Any

from gradlab import arrays, return_types
from gradlab.arrays import Array, Namespace
from gradlab.levels import by_numbers
from gradlab.op import OPS, composite, op
from gradlab.ops import mixing
from gradlab.ops.by_number import times
from gradlab.ops.pointwise import require_float
from gradlab.ops.reduce import (
    OVER_DIMS,
    SELECTED,
    SHARED,
    Dims,
    count_along,
    dims_and_correction,
    mean_of_array,
    named_dims,
    norm_gradient,
    sum_dtype,
    variance_gradient,
    variance_of_array,
)
from gradlab.ops.shape import array_of, at, normal_dims, put_back, squeeze_own, stretch_back
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, normal_dim

# ------------------------------------------------------------------ one element of many


def _picked(
    xp: Namespace, array: Array, places: Array, dim: int, keepdim: bool
) -> tuple[Array, Array]:
    """The elements at one place along ``dim``, and the places; ``places`` has size 1 there."""
    values = xp.take_along_axis(array, places, dim)
    places = places.copy()  # it may be a part of an array of ranks, which nobody is to see
    return (values, places) if keepdim else (values.squeeze(dim), places.squeeze(dim))


def _checked_dim(name: str, kernel: str, array: Array, dim: int, refused: str) -> int:
    """The dimension from the front, of an array from which there is something to choose."""
    dim = normal_dim(operator.index(dim), array.ndim)
    if array.ndim and not array.shape[dim]:
        raise IndexError(
            f"{name}(): Expected reduction dim {dim} to have non-zero size. "
            f"This tensor has shape {list(array.shape)}."
        )
    if array.ndim and array.dtype.kind in refused:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{arrays.dtype_of(array).type_name}': it needs "
            "numbers that have an order"
        )
    return dim


def _number(xp: Namespace, array: Array) -> tuple[Array, Array]:
    """The choice from a single number: itself, and place 0."""
    return array.copy(), xp.zeros((), arrays.INT64)


def _ranked(xp: Namespace, array: Array, rank: int, dim: int) -> Array:
    """Where along ``dim`` what comes at ``rank`` in order is; of equals, the first come first.

    To part many numbers and look for one takes a sixth of the time of sorting their places.
    """
    last = at(dim, builtins.slice(rank, rank + 1))
    if array.shape[dim] < 128:
        return xp.argsort(array, dim, kind="stable")[last]
    value = xp.partition(array, rank, dim)[last]
    equal = array == value
    if not equal.any(dim).all():  # nan, which comes last, and equals nothing
        return xp.argsort(array, dim, kind="stable")[last]
    before = rank - xp.add.reduce(array < value, dim, arrays.INT64, None, True)
    if before.any():
        equal = xp.cumsum(equal, dim) > before
    return xp.expand_dims(xp.argmax(equal, dim), dim)


_ROWS = (call(draw(2, 5), 1), call(draw(4, 3), 0, True), call(draw(), 0))


def _median_along(
    xp: Namespace, name: str, array: Array, dim: int, keepdim: bool
) -> tuple[Array, Array]:
    dim = _checked_dim("median", "median_out", array, dim, "bc")
    if not array.ndim:
        return _number(xp, array)
    size = array.shape[dim]
    if (array == array).all():
        return _picked(xp, array, _ranked(xp, array, (size - 1) // 2, dim), dim, keepdim)
    order = xp.argsort(array, dim, kind="stable")  # nan comes last
    numbers = xp.add.reduce(array == array, dim, arrays.INT64, None, True)
    if name == "median":  # the first nan, where there is one
        middle = xp.where(numbers < size, numbers, (size - 1) // 2)
    else:
        middle = xp.maximum(numbers - 1, 0) // 2
    return _picked(xp, array, xp.take_along_axis(order, middle, dim), dim, keepdim)


@op(
    latex=r"\mathrm{median}_{dim}(input)",
    grad=dict(input=SELECTED),
    outputs=("values", "indices"),
    node="MedianBackward1",
    public=False,
    method=False,
    samples=_ROWS,
)
def median_dim(xp: Namespace, input: Array, dim: int, keepdim: bool = False) -> tuple[Array, Array]:
    """The median along a dimension, and where it is."""
    return _median_along(xp, "median", input, dim, keepdim)


@op(
    latex=r"\mathrm{median}_{dim}(input)",
    grad=dict(input=SELECTED),
    outputs=("values", "indices"),
    node="NanmedianBackward1",
    public=False,
    method=False,
    samples=_ROWS,
)
def nanmedian_dim(
    xp: Namespace, input: Array, dim: int, keepdim: bool = False
) -> tuple[Array, Array]:
    """The median along a dimension of what is a number, and where it is."""
    return _median_along(xp, "nanmedian", input, dim, keepdim)


def _median_of_all(xp: Namespace, name: str, array: Array) -> Array:
    if not array.size:
        empty = math.nan if array.dtype.kind in "fc" else _lowest(array.dtype)
        return xp.full((), empty, array.dtype)
    _checked_dim(name, "median_cpu", array.ravel(), 0, "bc")
    numbers = int(xp.add.reduce(array == array, None, arrays.INT64))
    if name == "median" and numbers < array.size:
        return xp.full((), math.nan, array.dtype)
    middle = max(numbers - 1, 0) // 2  # nan comes last
    return xp.partition(array.ravel(), middle)[middle]


def _lowest(dtype: Any) -> int:
    """PyTorch's median of no integers, or of no bools."""
    if dtype.kind == "b":
        return True
    return 0 if dtype.kind == "u" or dtype.itemsize < 4 else -(2 ** (8 * dtype.itemsize - 1))


_ALL = (call(draw(2, 3)), call(draw(5)), call(draw()))


@op(
    latex=r"\mathrm{median}(input)",
    grad=dict(input=SHARED),
    public=False,
    method=False,
    samples=_ALL,
)
def median(xp: Namespace, input: Array) -> Array:
    """The median of all elements."""
    return _median_of_all(xp, "median", input)


@op(
    latex=r"\mathrm{median}(input)",
    grad=dict(input=SHARED),
    public=False,
    method=False,
    samples=_ALL,
)
def nanmedian(xp: Namespace, input: Array) -> Array:
    """The median of all elements that are numbers."""
    return _median_of_all(xp, "nanmedian", input)


@composite("median")
def _median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle one of all elements, or of those along ``dim`` and where it is: a named pair.

    Of an even number of elements it is the lower of the two in the middle; nan where one is nan.

    >>> import gradlab as gl
    >>> x = gl.tensor([[1, 5, 3], [4, 2, 2]])
    >>> x.median(), x.median(1).values
    (tensor(2), tensor([3, 2]))
    """
    if dim is None:
        return median(input)
    return return_types.median(*median_dim(input, _one_dim("median", dim), keepdim))


@composite("nanmedian")
def _nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """As ``median``, of the elements that aren't nan.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, float("nan"), 3.0]).nanmedian()
    tensor(1.)
    """
    if dim is None:
        return nanmedian(input)
    return return_types.nanmedian(*nanmedian_dim(input, _one_dim("nanmedian", dim), keepdim))


def _one_dim(name: str, dim: Any) -> int:
    if not hasattr(dim, "__index__"):
        raise TypeError(
            f"{name}(): argument 'dim' (position 1) must be int, not {type(dim).__name__}"
        )
    return operator.index(dim)


@op(
    latex=r"k\text{-th smallest of } {input}_{dim}",
    grad=dict(input=SELECTED),
    outputs=("values", "indices"),
    node="KthvalueBackward0",
    public=False,
    method=False,
    samples=(call(draw(2, 5), 2, 1), call(draw(4, 3), 4, 0, True), call(draw(), 1, 0)),
)
def kthvalue_parts(
    xp: Namespace, input: Array, k: int, dim: int, keepdim: bool = False
) -> tuple[Array, Array]:
    """The k-th smallest along a dimension, and where it is."""
    dim = _checked_dim("kthvalue", "kthvalue_cpu", input, dim, "bc")
    if not 1 <= k <= (input.shape[dim] if input.ndim else 1):
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {dim} "
            f"(k is {k}; it counts from 1)"
        )
    if not input.ndim:
        return _number(xp, input)
    return _picked(xp, input, _ranked(xp, input, k - 1, dim), dim, keepdim)


def put_one(shape: tuple[int, ...], dim: int) -> tuple[int, ...]:
    """The shape with size 1 at ``dim``."""
    return (*shape[:dim], 1, *shape[dim + 1 :])


@composite()
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The ``k``-th smallest element along ``dim``, and where it is: a pair (values, indices).

    Raises RuntimeError for a ``k`` that is not in 1, 2, … up to the size.

    >>> import gradlab as gl
    >>> gl.tensor([5, 1, 4]).kthvalue(2)
    torch.return_types.kthvalue(
    values=tensor(4),
    indices=tensor(2))
    """
    return return_types.kthvalue(*kthvalue_parts(input, k, dim, keepdim))


@op(
    latex=r"\mathrm{mode}_{dim}(input)",
    grad=dict(input=SELECTED),
    outputs=("values", "indices"),
    node="ModeBackward0",
    public=False,
    method=False,
    samples=_ROWS,
)
def mode_parts(xp: Namespace, input: Array, dim: int, keepdim: bool = False) -> tuple[Array, Array]:
    """The most frequent value along a dimension, and the last place where it is.

    In sorted order equals are runs. The longest run ends where the count of equals so far is
    largest, and the first of several such is that of the smallest value. Each nan is a value of
    its own, larger than all others.
    """
    dim = _checked_dim("mode", "mode_cpu", input, dim, "c")
    if not input.ndim:
        return _number(xp, input)
    size = input.shape[dim]
    order = xp.argsort(input, dim, kind="stable")
    along = xp.arange(size).reshape((-1,) + (1,) * (input.ndim - dim - 1))
    values = xp.take_along_axis(input, order, dim)
    before = OPS["shifted"].forward(xp, values, 1, dim, 0)
    starts = xp.where((values != before) | (along == 0), along, 0)
    run = along - OPS["cummax_parts"].forward(xp, starts, dim)[0]
    last = xp.expand_dims(xp.argmax(run, dim), dim)
    return _picked(xp, input, xp.take_along_axis(order, last, dim), dim, keepdim)


@composite()
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent value along ``dim``, and where it is: a pair (values, indices).

    Of several the smallest; of its places the last.

    >>> import gradlab as gl
    >>> gl.tensor([2, 1, 1, 2, 3]).mode()
    torch.return_types.mode(
    values=tensor(1),
    indices=tensor(2))
    """
    return return_types.mode(*mode_parts(input, dim, keepdim))


# ------------------------------------------------------------------ quantiles


@composite()
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """What a share ``q`` of the elements, all or those along ``dim``, lies below.

    ``q`` is a number in [0, 1], or a tensor of several, which become dimension 0 of the result.
    Between two elements ``interpolation`` decides: "linear", "lower", "higher", "midpoint",
    "nearest". Nan where an element is nan. Raises RuntimeError for other dtypes than float32 and
    float64, and without elements.

    >>> import gradlab as gl
    >>> x = gl.tensor([0.0, 1.0, 2.0, 10.0])
    >>> x.quantile(0.5), x.quantile(gl.tensor([0.0, 0.9]))
    (tensor(1.5000), tensor([0.0000, 7.6000]))
    """
    return _quantile(input, q, dim, keepdim, interpolation, ignore_nan=False)  # type: ignore[no-any-return]


@composite()
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """As ``quantile``, of the elements that aren't nan; nan where all are.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, float("nan"), 3.0]).nanquantile(0.5)
    tensor(2.)
    """
    return _quantile(input, q, dim, keepdim, interpolation, ignore_nan=True)  # type: ignore[no-any-return]


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Any:
    array = array_of(input, "quantile")
    xp = arrays.array_module(array)
    shares, many = _shares(xp, array, q)
    if not array.size:
        raise RuntimeError(
            f"quantile() input tensor must be non-empty, and this one has shape {list(array.shape)}"
        )
    if array.dtype not in ("float32", "float64"):
        raise RuntimeError(
            "quantile() input tensor must be either float or double dtype. "
            f"This one is {input.dtype}: convert it, with .float() for example."
        )
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if dim is None:
        rows, shape = input.flatten(), (1,) * array.ndim
    else:
        dim = normal_dim(dim, array.ndim)
        last = array.ndim and dim == array.ndim - 1
        rows = input if last else input.unsqueeze(-1).transpose(dim, -1)
        shape = put_one(array.shape, dim) if array.ndim else ()
    if not keepdim:
        shape = () if dim is None else (*shape[:dim], *shape[dim + 1 :])
    rows = rows.sort(-1)[0]
    rows = rows.view((*shape, rows.size(-1)))
    found = _at_shares(rows, q, shares, interpolation, ignore_nan)
    if not many:
        return squeeze_own(found, -1)
    put_first = OPS["transpose_own"].function(OPS["unsqueeze_own"].function(found, 0), 0, -1)
    return squeeze_own(put_first, -1)


def _shares(xp: Namespace, array: Array, q: Any) -> tuple[Array, bool]:
    """``q`` as a 1-d array, and whether it stood for several."""
    if not isinstance(q, Tensor):
        if type(q) not in (int, float):
            raise TypeError(
                f"quantile() received an invalid combination of arguments - got ({type(q).__name__}"
                "): q is a number in [0, 1] or a tensor of several"
            )
        if not 0 <= q <= 1:
            raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q}")
        return xp.asarray([q], array.dtype), False
    if q.ndim > 1:
        raise RuntimeError(
            f"quantile() q must be a scalar or 1D tensor, and this one has {q.ndim} dimensions"
        )
    if array.dtype.kind == "f" and q._array.dtype != array.dtype:
        raise RuntimeError(
            "quantile() q tensor must be same dtype as the input tensor: it is "
            f"{q.dtype}, the input {arrays.dtype_of(array)}"
        )
    if not ((q._array >= 0) & (q._array <= 1)).all():
        raise RuntimeError(
            f"quantile() q values must be in the range [0, 1], and these are {q.tolist()}"
        )
    return q._array.reshape(-1), q.ndim == 1


def _at_shares(rows: Any, q: Any, shares: Array, interpolation: str, ignore_nan: bool) -> Any:
    """Elements of sorted rows, in which nan comes last, at shares ``q`` of their size."""
    below, above, weight = _between(rows.detach(), shares, interpolation, ignore_nan)
    found = rows.gather(-1, below)
    if interpolation not in ("linear", "midpoint"):
        return found
    if interpolation == "linear" and isinstance(q, Tensor) and q.requires_grad:
        weight = _ranks(rows.detach(), q, below.shape, ignore_nan) - below
    return mixing.lerp(found, rows.gather(-1, above), weight)


def _ranks(rows: Any, q: Any, shape: tuple[int, ...], ignore_nan: bool) -> Any:
    """What ``_between`` has before it rounds, for the gradient of ``q``."""
    is_nan, last = rows.isnan(), rows.size(-1) - 1
    if ignore_nan:
        ranks = q * (is_nan.logical_not().sum(-1, keepdim=True) - 1)
        return ranks.masked_fill(ranks < 0, 0)
    return times(q, last).expand(shape).masked_fill(is_nan.any(-1, keepdim=True), last)


@by_numbers
def _between(
    rows: Tensor, shares: Array, interpolation: str, ignore_nan: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The places around each share, and how far it is from the first to the second."""
    array = rows._array
    xp = arrays.array_module(array)
    numbers = xp.add.reduce(array == array, -1, array.dtype, None, True)
    if ignore_nan:
        ranks = xp.maximum(shares * (numbers - 1), 0)
    else:
        last = array.shape[-1] - 1
        ranks = xp.where(numbers <= last, last, shares * last).astype(array.dtype, copy=False)
    if interpolation in ("lower", "higher", "nearest"):
        ranks = {"lower": xp.floor, "higher": xp.ceil, "nearest": xp.rint}[interpolation](ranks)
    below = xp.floor(ranks)
    weight = xp.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
    places = (below.astype(arrays.INT64), xp.ceil(ranks).astype(arrays.INT64))
    return Tensor._wrap(places[0]), Tensor._wrap(places[1]), Tensor._wrap(weight)


# ------------------------------------------------------------------ both extremes


@op(
    latex=r"(\min_{dim} input,\ \max_{dim} input)",
    grad=dict(
        input=(
            lambda gs, xp, input, min, max, dim, keepdim: _of_extremes(
                xp, gs, input, (min, max), dim, keepdim
            ),
            r"{g}_{min} \frac{[input = min]}{{n}_{min}} "
            r"+ {g}_{max} \frac{[input = max]}{{n}_{max}}",
        )
    ),
    outputs=("min", "max"),
    node="AminmaxBackward0",
    public=False,
    method=False,
    samples=(call(draw(2, 3)), call(draw(2, 3), 1), call(draw(4, 3), 0, True), call(draw(), 0)),
)
def aminmax_parts(
    xp: Namespace, input: Array, dim: int | None = None, keepdim: bool = False
) -> tuple[Array, Array]:
    """The smallest and the largest."""
    if dim is None and not input.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
            f"identity. This tensor has shape {list(input.shape)}."
        )
    if input.dtype.kind == "c":
        raise NotImplementedError(
            f"\"aminmax_cpu\" not implemented for '{arrays.dtype_of(input).type_name}': complex "
            "numbers have no order"
        )
    if dim is not None:
        dim = normal_dim(operator.index(dim), input.ndim)
        if input.ndim and not input.shape[dim]:
            raise IndexError(
                f"aminmax: Expected reduction dim {dim} to have non-zero size. "
                f"This tensor has shape {list(input.shape)}."
            )
    over = dim if input.ndim else None
    return xp.amin(input, over, keepdims=keepdim), xp.amax(input, over, keepdims=keepdim)


def _of_extremes(xp: Any, gs: Any, input: Any, found: Any, dim: int | None, keepdim: bool) -> Any:
    shape = input.shape
    dims = normal_dims(dim, len(shape))
    total = None
    for g, extreme in zip(gs, found, strict=True):
        g, extreme = (put_back(xp, part, shape, dims, keepdim) for part in (g, extreme))
        part = g * xp.ties(input, extreme, dims)
        total = part if total is None else total + part
    return total


@composite()
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element, of all or along ``dim``: a pair (min, max).

    Equals share the gradient. Raises RuntimeError or IndexError where there is no element.

    >>> import gradlab as gl
    >>> gl.aminmax(gl.tensor([3, 1, 2]))
    torch.return_types.aminmax(
    min=tensor(1),
    max=tensor(3))
    """
    return return_types.aminmax(*aminmax_parts(input, dim, keepdim))


# ------------------------------------------------------------------ spread and mean together


_SPREADS = (
    call(draw(3, 4), (0, 1)),
    call(draw(3, 4), (1,), 0, True),
    call(draw(3, 4), (0,), 1.5, False),
)


def _mean_gradient(xp: Any, g: Any, shape: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
    return stretch_back(xp, g / (count_along(shape, dim) or 1), shape, dim, keepdim)


def _both_gradients(
    xp: Any, of_var: Any, of_mean: Any, input: Any, dim: Any, correction: float, keepdim: bool
) -> Any:
    """The gradient through whichever of the two was used: the other's may be infinite."""
    parts = []
    if of_var is not None:
        parts.append(variance_gradient(xp, of_var, input, dim, correction, keepdim))
    if of_mean is not None:
        parts.append(_mean_gradient(xp, of_mean, input.shape, dim, keepdim))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@op(
    latex=r"\left( \mathrm{var}_{dim}(input),\ \overline{input} \right)",
    grad=dict(
        input=(
            lambda arrived, xp, input, dim, correction, keepdim: _both_gradients(
                xp, arrived[0], arrived[1], input, dim, correction, keepdim
            ),
            r"\frac{2 \, {g}_{1} \, (input - \overline{input})}{n - correction} "
            r"+ \frac{{g}_{2}}{n}",
        )
    ),
    outputs=("result0", "result1"),
    public=False,
    method=False,
    samples=_SPREADS,
)
def var_mean(
    xp: Namespace,
    input: Array,
    dim: tuple[int, ...],
    correction: float = 1,
    keepdim: bool = False,
) -> tuple[Array, Array]:
    """Variance and mean over dimensions."""
    mean = mean_of_array(xp, input, dim, keepdim, count_along(input.shape, dim))
    return variance_of_array(xp, input, dim, correction, keepdim), mean


@op(
    latex=r"\left( \sqrt{\mathrm{var}_{dim}(input)},\ \overline{input} \right)",
    grad=dict(
        input=(
            lambda arrived, xp, input, result0, dim, correction, keepdim: _both_gradients(
                xp,
                None if arrived[0] is None else xp.ratio(arrived[0], result0) * 0.5,
                arrived[1],
                input,
                dim,
                correction,
                keepdim,
            ),
            r"\frac{{g}_{1} \, (input - \overline{input})}{(n - correction) \, result0} "
            r"+ \frac{{g}_{2}}{n}",
        )
    ),
    outputs=("result0", "result1"),
    public=False,
    method=False,
    samples=_SPREADS,
)
def std_mean(
    xp: Namespace,
    input: Array,
    dim: tuple[int, ...],
    correction: float = 1,
    keepdim: bool = False,
) -> tuple[Array, Array]:
    """Standard deviation and mean over dimensions."""
    mean = mean_of_array(xp, input, dim, keepdim, count_along(input.shape, dim))
    return variance_of_array(xp, input, dim, correction, keepdim, root=True), mean


@composite("var_mean", method=False)
def _var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **also: Any,
) -> Any:
    """Variance and mean of all elements, or over the dimensions ``dim``; see ``var``.

    >>> import gradlab as gl
    >>> gl.var_mean(gl.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    also["keepdim"] = keepdim
    return var_mean(input, *dims_and_correction("var_mean", input, dim, unbiased, correction, also))


@composite("std_mean", method=False)
def _std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **also: Any,
) -> Any:
    """Standard deviation and mean of all elements, or over the dimensions ``dim``; see ``std``.

    >>> import gradlab as gl
    >>> gl.std_mean(gl.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    also["keepdim"] = keepdim
    return std_mean(input, *dims_and_correction("std_mean", input, dim, unbiased, correction, also))


# ------------------------------------------------------------------ counts, and sums without nan


@op(latex=r"\textstyle\sum_{dim} [input \ne 0]", public=False, method=False,
    samples=(call(draw(2, 3), (0,)), call(draw(2, 3), (0, 1))))  # fmt: skip
def count_nonzero(xp: Namespace, input: Array, dim: tuple[int, ...]) -> Array:
    """How many are not 0."""
    return xp.add.reduce(input != 0, dim if input.ndim else None, arrays.INT64)


@composite("count_nonzero")
def _count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements are not 0, of all or over the dimensions ``dim``; nan is not 0.

    >>> import gradlab as gl
    >>> gl.tensor([[0, 1], [2, 3]]).count_nonzero(1)
    tensor([1, 2])
    """
    return count_nonzero(input, named_dims("count_nonzero", input, dim))  # type: ignore[no-any-return]


@op(
    latex=r"\textstyle\sum_{dim} input",
    grad=dict(
        input=(
            lambda g, xp, input, dim, keepdim: xp.zeroed(
                stretch_back(xp, g, input.shape, dim, keepdim), xp.isnan(input)
            ),
            r"\begin{cases} g & input \text{ is a number} \\ 0 & \text{otherwise} \end{cases}",
        )
    ),
    public=False,
    method=False,
    samples=OVER_DIMS,
)
def nansum(
    xp: Namespace, input: Array, dim: tuple[int, ...], keepdim: bool = False, dtype: Any = None
) -> Array:
    """Sum over dimensions of what is a number."""
    if input.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs. Sum .real and .imag.")
    dtype = sum_dtype(input) if dtype is None else dtype
    numbers = xp.where(input == input, input, 0) if input.dtype.kind == "f" else input
    return xp.add.reduce(numbers, dim if input.ndim else None, dtype, None, keepdim)


@composite("nansum")
def _nansum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: arrays.dtype | None = None
) -> Tensor:
    """As ``sum``, of the elements that aren't nan.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, float("nan"), 3.0]).nansum()
    tensor(4.)
    """
    to = None if dtype is None else dtype.numpy
    return nansum(input, named_dims("nansum", input, dim, keepdim), keepdim, to)  # type: ignore[no-any-return]


@composite()
def nanmean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: arrays.dtype | None = None
) -> Tensor:
    """As ``mean``, of the elements that aren't nan; nan where all are.

    Raises RuntimeError for integers and bools.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, float("nan"), 3.0]).nanmean()
    tensor(2.)
    """
    array = array_of(input, "nanmean")
    if array.dtype not in arrays.DIFFERENTIABLE:
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{input.dtype.type_name}. Convert it, with .float() for example."
        )
    dims = named_dims("nanmean", input, dim, keepdim)
    number: Any = input.eq(input)
    return _nansum(input, dim, keepdim, dtype=dtype) / number.sum(dims, keepdim)  # type: ignore[no-any-return]


@op(latex=r"\mathrm{histogram}(input)", samples=(call(draw(9), 4), call(draw(9), 3, 0, 1)))
def histc(xp: Namespace, input: Array, bins: int = 100, min: float = 0, max: float = 0) -> Array:
    """How many elements lie in each of ``bins`` ranges of equal width from ``min`` to ``max``.

    Where both are 0, from the smallest to the largest element. Elements outside don't count.
    Raises RuntimeError for no bins, and for a range that is empty or not finite.

    >>> import gradlab as gl
    >>> gl.histc(gl.tensor([0.0, 1.0, 1.5, 4.0]), bins=2)
    tensor([3., 1.])
    """
    require_float("histogram_cpu", input)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = _histogram_range(input, min, max)
    numbers = input[(input >= low) & (input <= high)]
    places = ((numbers - low) * bins / (high - low)).astype(arrays.INT64)
    counts = xp.bincount(xp.minimum(places, bins - 1), minlength=bins)
    return counts.astype(input.dtype)


def _histogram_range(array: Array, low: float, high: float) -> tuple[float, float]:
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.histc: max must be larger than min ({high} is below {low})")
    return (low - 1, high + 1) if low == high else (low, high)


# ------------------------------------------------------------------ distances and norms


@op(
    latex=r"\lVert input - other \rVert_{p}",
    grad=dict(
        input=(
            lambda g, xp, input, other, out, p: _distance_gradient(xp, g, input - other, out, p),
            r"g \, \mathrm{sign}(d) \left(\frac{|d|}{out}\right)^{p - 1}, \quad d = input - other",
        ),
        other=(
            lambda g, xp, input, other, out, p: -_distance_gradient(xp, g, input - other, out, p),
            r"-g \, \mathrm{sign}(d) \left(\frac{|d|}{out}\right)^{p - 1}, \quad d = input - other",
        ),
    ),
    promote="no bool",
    numbers=(),
    inplace=False,
    samples=(
        call(draw(2, 3), draw(2, 3)),
        call(draw(2, 3), draw(3), 1.0),
        call(draw(2, 3), draw(2, 3), 3.0),
        call(draw(2, 3), draw(2, 3), math.inf),
        call(draw(2, 3), draw(), 1.5),
    ),
)
def dist(xp: Namespace, input: Array, other: Array, p: float = 2) -> Array:
    """The p-norm of the difference of two tensors. Shapes broadcast.

    >>> import gradlab as gl
    >>> gl.dist(gl.tensor([1.0, 2.0]), gl.tensor([4.0, 6.0]))
    tensor(5.)
    """
    difference = OPS["sub"].forward(xp, input, other)
    if input.dtype not in arrays.DIFFERENTIABLE:
        raise RuntimeError(
            "norm(): input dtype should be either floating point or complex. Got "
            f"{arrays.dtype_of(input).type_name} instead."
        )
    return OPS["vector_norm"].forward(xp, difference, float(p), tuple(range(difference.ndim)))


def _distance_gradient(xp: Any, g: Any, difference: Any, out: Any, p: float) -> Any:
    return norm_gradient(xp, g, difference, out, float(p), tuple(range(len(difference.shape))))


@op(
    latex=r"\begin{cases} input \cdot \frac{maxnorm}{n} & n > maxnorm \\ input & \text{otherwise} "
    r"\end{cases}, \quad n = \lVert input \rVert_{p}",
    grad=dict(
        input=(
            lambda g, xp, input, p, dim, maxnorm: _renorm_gradient(xp, g, input, p, dim, maxnorm),
            r"\begin{cases} \frac{maxnorm}{n} \left( g - \frac{\textstyle\sum g \, input}{n} "
            r"\nabla n \right) & n > maxnorm \\ g & \text{otherwise} \end{cases}",
        )
    ),
    holomorphic=False,
    inplace=True,
    samples=(
        call(draw(2, 3, low=0.5), 2, 0, 1.0),
        call(draw(2, 3, low=0.5), 1, -1, 1.5),
        call(draw(2, 3, 2, low=0.5), 3, 1, 2),
        call(draw(2, 3, low=0.5), 2, 0, 9.0),
    ),
    in_single=True,
)
def renorm(xp: Namespace, input: Array, p: float, dim: int, maxnorm: float) -> Array:
    """Each part along ``dim`` scaled down to a p-norm of ``maxnorm`` where it has a larger one.

    Raises RuntimeError for fewer than 2 dimensions, a ``p`` that is not positive and a negative
    ``maxnorm``.

    >>> import gradlab as gl
    >>> gl.renorm(gl.tensor([[3.0, 4.0], [0.3, 0.4]]), p=2, dim=0, maxnorm=1)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if p <= 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported (p is {p})")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions"
        )
    dims = _other_dims(dim, input.ndim)
    if input.dtype not in arrays.DIFFERENTIABLE:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{arrays.dtype_of(input).type_name}. Convert it, with .float() for example."
        )
    norm = OPS["vector_norm"].forward(xp, input, float(p), dims, True)
    scale = xp.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1)
    return input * scale.astype(input.dtype, copy=False)


def _other_dims(dim: int, ndim: int) -> tuple[int, ...]:
    kept = normal_dim(dim, ndim)
    return tuple(d for d in range(ndim) if d != kept)


def _renorm_gradient(xp: Any, g: Any, input: Any, p: float, dim: int, maxnorm: float) -> Any:
    dims = _other_dims(dim, len(input.shape))
    norm = xp.vector_norm(input, float(p), dims, True)
    scale = maxnorm / (norm + 1e-7)
    shared = xp.real_part(g * xp.conj(input)) if arrays.is_complex(input) else g * input
    to_norm = -xp.sum_dim(shared, dims, True) * scale / (norm + 1e-7)
    scaled = g * scale + norm_gradient(xp, to_norm, input, norm, float(p), dims)
    return xp.where(norm > maxnorm, scaled, g)


# ------------------------------------------------------------------ correlation


@composite()
def cov(
    input: Any,
    *,
    correction: int = 1,
    fweights: Any = None,
    aweights: Any = None,
) -> Tensor:
    """Covariances of the rows of a matrix, each of them a variable, each column an observation.

    ``fweights`` says how often each observation was made, ``aweights`` how much it counts.
    The sums are divided by their number less ``correction``. Raises RuntimeError for more than
    two dimensions and weights that don't fit.

    >>> import gradlab as gl
    >>> gl.cov(gl.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    if input.dtype is arrays.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input. Convert it first.")
    rows = input if input.ndim == 2 else input.view((1, -1))
    observations = rows.shape[1]
    weights = _weights(fweights, aweights, observations)
    total: Any = observations if weights is None else weights.sum()
    if weights is not None and bool(total == 0):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    mean = (rows if weights is None else rows * weights).sum(1) / total
    freedom = total - correction
    if aweights is not None and correction:
        freedom = total - times((weights * aweights).sum(), correction) / total
    if float(freedom) <= 0:
        warnings.warn("cov(): degrees of freedom is <= 0", UserWarning, stacklevel=2)
        freedom = 0
    centred = rows - mean.unsqueeze(1)
    weighted = centred if weights is None else centred * weights
    if weighted.is_complex():
        weighted = weighted.conj()
    return (centred.mm(weighted.t()) / freedom).squeeze()  # type: ignore[no-any-return]


def _weights(fweights: Any, aweights: Any, observations: int) -> Any:
    """The product of both kinds of weights; None where there are none."""
    product = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        _check_weights(name, weights, observations)
        product = weights if product is None else product * weights
    return product


def _check_weights(name: str, weights: Any, observations: int) -> None:
    array = array_of(weights, "cov", name)
    if array.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
            f"{array.ndim} dimensions"
        )
    kinds, word = ("iu", "integral") if name == "fweights" else ("f", "floating point")
    if array.dtype.kind not in kinds:
        raise RuntimeError(
            f"cov(): expected {name} to have {word} dtype but got {name} with "
            f"{weights.dtype.type_name} dtype"
        )
    if array.size != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the "
            f"input but got {array.size} != {observations}"
        )
    if array.size and array.min() < 0:
        raise RuntimeError(f"cov(): {name} cannot be negative")


@composite()
def corrcoef(input: Any) -> Tensor:
    """Correlations, from -1 to 1, of the rows of a matrix, each of them a variable.

    >>> import gradlab as gl
    >>> gl.corrcoef(gl.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    found: Any = cov(input)
    if not found.ndim:
        return found / found  # type: ignore[no-any-return]
    variances = found.diagonal()
    spread = (variances.real if variances.is_complex() else variances).sqrt()
    found = found / spread.view((-1, 1)) / spread.view((1, -1))
    if found.is_complex():
        return OPS["complex"].function(found.real.clip(-1, 1), found.imag.clip(-1, 1))
    return found.clip(-1, 1)  # type: ignore[no-any-return]
