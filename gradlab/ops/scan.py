"""Scans: running totals, products, extremes and integrals along a dimension."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays, return_types
from gradlab.arrays import Array, Namespace
from gradlab.op import OPS, composite, op
from gradlab.op import alias as also_known_as
from gradlab.ops.arithmetic import log_of_sum
from gradlab.ops.by_number import over, times
from gradlab.ops.pointwise import require_float
from gradlab.ops.reduce import sum_dtype
from gradlab.ops.shape import array_of
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, normal_dim

_ALONG = (call(draw(2, 3), 0), call(draw(2, 5), -1), call(draw(), 0), call(draw(0), 0))


def _running(
    xp: Namespace,
    ufunc: str,
    combine: Callable[[Array, Array], Array],
    array: Array,
    dim: int,
    neutral: Any,
) -> Array:
    """``combine`` of all elements up to each one along ``dim``.

    NumPy's ufuncs do it themselves. CuPy's accumulate sums and products only: there by doubling
    steps, as many as the size has binary digits; beyond the start lies ``neutral``.
    """
    if xp is numpy and array.dtype.kind != "c":
        return getattr(xp, ufunc).accumulate(array, dim)
    step = 1
    while step < array.shape[dim]:
        array = combine(array, OPS["shifted"].forward(xp, array, step, dim, neutral))
        step *= 2
    return array


def _recurrence(xp: Any, terms: Any, factors: Any, dim: int) -> Any:
    """For each k along ``dim``: term k, plus factor k times what there is for k + 1.

    By doubling steps, for formulas; each is differentiable like the operations it is made of.
    """
    step, size = 1, terms.shape[dim] if terms.shape else 1
    while step < size:
        terms = terms + factors * xp.shifted(terms, -step, dim, 0.0)
        factors = factors * xp.shifted(factors, -step, dim, 0.0)
        step *= 2
    return terms


# ------------------------------------------------------------------ totals and products


@op(
    latex=r"\textstyle\sum_{j \le i} {input}_j",
    grad=dict(
        input=(
            lambda g, xp, dim: xp.flip(xp.cumsum(xp.flip(g, (dim,)), dim), (dim,)),
            r"\textstyle\sum_{j \ge i} {g}_j",
        )
    ),
    inplace=True,
    samples=_ALONG,
    in_single=True,
)
def cumsum(xp: Namespace, input: Array, dim: int, *, dtype: Any = None) -> Array:
    """Running totals along ``dim``; of integers and bools in int64.

    >>> import gradlab as gl
    >>> gl.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    to = sum_dtype(input) if dtype is None else dtype.numpy
    if not input.ndim:
        normal_dim(dim, 0)
        return input.astype(input.dtype if to is None else to)
    return xp.cumsum(input, dim, to)


@op(
    latex=r"\textstyle\prod_{j \le i} {input}_j",
    grad=dict(
        input=(
            lambda g, xp, input, out, dim: _cumprod_gradient(
                xp, g, input, out, normal_dim(dim, len(input.shape))
            ),
            r"\textstyle\sum_{j \ge i} {g}_j \, \prod_{k \le j,\ k \ne i} {input}_k",
        )
    ),
    inplace=True,
    samples=_ALONG,
)
def cumprod(xp: Namespace, input: Array, dim: int, *, dtype: Any = None) -> Array:
    """Running products along ``dim``; of integers and bools in int64.

    The gradient is right also where some elements are 0.

    >>> import gradlab as gl
    >>> gl.tensor([1, 2, 3, 4]).cumprod(0)
    tensor([ 1,  2,  6, 24])
    """
    to = sum_dtype(input) if dtype is None else dtype.numpy
    if not input.ndim:
        normal_dim(dim, 0)
        return input.astype(input.dtype if to is None else to)
    return xp.cumprod(input, dim, to)


def _cumprod_gradient(xp: Any, g: Any, input: Any, out: Any, dim: int) -> Any:
    """What is before an element times what is after it: out / input would be 0/0 at a 0."""
    before = xp.shifted(out, 1, dim, 1.0)
    return before * _recurrence(xp, g, xp.shifted(input, -1, dim, 0.0), dim)


@op(
    latex=r"\ln \textstyle\sum_{j \le i} e^{{input}_j}",
    grad=dict(
        input=(
            lambda g, xp, input, out, dim: _logcumsumexp_gradient(
                xp, g, input, out, normal_dim(dim, len(input.shape))
            ),
            r"\textstyle\sum_{j \ge i} {g}_j \, e^{{input}_i - {out}_j}",
        )
    ),
    samples=_ALONG,
    in_single="forward",
)
def logcumsumexp(xp: Namespace, input: Array, dim: int) -> Array:
    """Logarithm of running totals of exponentials along ``dim``, without overflow.

    Raises NotImplementedError for whole numbers.

    >>> import gradlab as gl
    >>> gl.tensor([0.0, 0.0, 0.0]).logcumsumexp(0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    dim = normal_dim(dim, input.ndim)
    if input.dtype.kind != "c":
        require_float("logcumsumexp_out_cpu", input)
    if not input.ndim:
        return input.copy()
    combine = (lambda a, b: log_of_sum(xp, a, b)) if input.dtype.kind == "c" else xp.logaddexp
    return _running(xp, "logaddexp", combine, input, dim, -math.inf)


def _logcumsumexp_gradient(xp: Any, g: Any, input: Any, out: Any, dim: int) -> Any:
    """No exponent is above 0: sums relative to where they are, not to 0, cannot overflow."""
    fading = xp.exp(out - xp.shifted(out, -1, dim, math.inf))
    return xp.exp(input - out) * _recurrence(xp, g, fading, dim)


# ------------------------------------------------------------------ running extremes


def _extremes(xp: Namespace, name: str, input: Array, dim: int) -> tuple[Array, Array]:
    """The largest (smallest) up to each element, and where that is: the last of equals."""
    dim = normal_dim(dim, input.ndim)
    if not input.ndim:
        return input.copy(), xp.zeros((), arrays.INT64)
    if input.dtype.kind == "c":
        raise NotImplementedError(
            f"\"cum{name[:3]}_cpu\" not implemented for '{arrays.dtype_of(input).type_name}': "
            "complex numbers have no order"
        )
    numbers = input.astype("uint8") if input.dtype.kind == "b" else input
    found = _running(xp, name, getattr(xp, name), numbers, dim, _worst(numbers, name))
    is_new = (numbers == found) | (numbers != numbers)
    places = xp.arange(input.shape[dim]).reshape((-1,) + (1,) * (input.ndim - dim - 1))
    marked = xp.where(is_new, places, 0)
    return found.astype(input.dtype, copy=False), _running(
        xp, "maximum", xp.maximum, marked, dim, 0
    )


def _worst(array: Array, name: str) -> Any:
    """What never is the largest (smallest) of any numbers."""
    if array.dtype.kind == "f":
        return -math.inf if name == "maximum" else math.inf
    limits = numpy.iinfo(array.dtype)
    return limits.min if name == "maximum" else limits.max


_TO_EXTREMES = (
    lambda g, xp, input, dim, indices: xp.gather_backward(
        g, tuple(input.shape), normal_dim(dim, len(input.shape)), indices
    ),
    r"\textstyle\sum g \text{ of where it is the extreme}",
)


@op(
    latex=r"\max_{j \le i} {input}_j",
    grad=dict(input=_TO_EXTREMES),
    outputs=("values", "indices"),
    node="CummaxBackward0",
    public=False,
    method=False,
    samples=_ALONG,
)
def cummax_parts(xp: Namespace, input: Array, dim: int) -> tuple[Array, Array]:
    """The largest up to each element, and where it is."""
    return _extremes(xp, "maximum", input, dim)


@op(
    latex=r"\min_{j \le i} {input}_j",
    grad=dict(input=_TO_EXTREMES),
    outputs=("values", "indices"),
    node="CumminBackward0",
    public=False,
    method=False,
    samples=_ALONG,
)
def cummin_parts(xp: Namespace, input: Array, dim: int) -> tuple[Array, Array]:
    """The smallest up to each element, and where it is."""
    return _extremes(xp, "minimum", input, dim)


@composite()
def cummax(input: Tensor, dim: int) -> Any:
    """The largest element so far along ``dim``, and where it is: a pair (values, indices).

    Of equals the last counts; a nan is larger than anything.

    >>> import gradlab as gl
    >>> gl.tensor([1, 3, 2, 3]).cummax(0)
    torch.return_types.cummax(
    values=tensor([1, 3, 3, 3]),
    indices=tensor([0, 1, 1, 3]))
    """
    return return_types.cummax(*cummax_parts(input, operator.index(dim)))


@composite()
def cummin(input: Tensor, dim: int) -> Any:
    """The smallest element so far along ``dim``, and where it is: a pair (values, indices).

    Of equals the last counts; a nan is smaller than anything.

    >>> import gradlab as gl
    >>> gl.tensor([3, 1, 2, 1]).cummin(0)
    torch.return_types.cummin(
    values=tensor([3, 1, 1, 1]),
    indices=tensor([0, 1, 1, 3]))
    """
    return return_types.cummin(*cummin_parts(input, operator.index(dim)))


# ------------------------------------------------------------------ differences


@composite()
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Each element minus the one before it along ``dim``, ``n`` times over.

    ``prepend`` and ``append`` are put before and after the tensor first. Of bools: whether they
    differ. Raises RuntimeError for a number, and for shapes that don't match.

    >>> import gradlab as gl
    >>> gl.tensor([1, 4, 9, 16]).diff()
    tensor([3, 5, 7])
    """
    if not array_of(input, "diff").ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = normal_dim(dim, input.ndim)
    for beside in (prepend, append):
        _check_beside(input, beside, dim)
    if n == 0:
        return input.clone()  # type: ignore[no-any-return]
    parts = [part for part in (prepend, input, append) if part is not None]
    joined: Any = OPS["cat"].function(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, joined.shape[dim])):
        size = joined.shape[dim]
        after = joined.narrow(dim, min(1, size), max(size - 1, 0))
        before = joined.narrow(dim, 0, max(size - 1, 0))
        joined = after.logical_xor(before) if joined.dtype is arrays.bool_ else after - before
    return joined  # type: ignore[no-any-return]


def _check_beside(input: Tensor, beside: Tensor | None, dim: int) -> None:
    if beside is None:
        return
    if beside.ndim != input.ndim:
        raise RuntimeError(
            "diff expects prepend or append to be the same dimension as input: they have "
            f"{beside.ndim} and {input.ndim}"
        )
    for d, (ours, theirs) in enumerate(zip(input.shape, beside.shape, strict=True)):
        if d != dim and ours != theirs:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input "
                f"except along the differencing dimension; input.size({d}) = {ours}, but got "
                f"tensor.size({d}) = {theirs}"
            )


# ------------------------------------------------------------------ integrals


def _spans(function: str, y: Any, x: Any, dx: Any, dim: int) -> Any:
    """What trapezoids' mean heights are to be multiplied by: numbers, or differences of ``x``."""
    for name, value in (("`y`", y), ("`x` or `y`", x)):
        if value is not None and array_of(value, function).dtype.kind == "b":
            asked = "`y`" if x is None else "`x` or `y`"
            raise RuntimeError(
                f"{function}: received a bool input for {asked}, but bool is not supported. "
                f"Convert {name} with .float() first."
            )
    if not y.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if x is None:
        return dx
    points = x.shape[dim] if x.ndim == y.ndim else x.shape[0] if x.ndim == 1 else None
    if points is not None and points != y.shape[dim]:
        raise RuntimeError(
            f"{function}: There must be one `x` value for each sample point, not "
            f"{points} for {y.shape[dim]}"
        )
    if x.ndim == 1 and y.ndim > 1:
        x = x.view((-1, *(1,) * (y.ndim - 1 - normal_dim(dim, y.ndim))))
        return diff(x, dim=0)
    return diff(x, dim=dim) if x.ndim else diff(x.view(1))


@composite(method=False)
def trapezoid(y: Any, x: Any = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The integral along ``dim`` of what runs straight from each value of ``y`` to the next.

    The values lie ``dx`` apart, or where ``x``, with one value for each or of the shape of ``y``,
    says. Raises RuntimeError for bools and for shapes that don't match.

    >>> import gradlab as gl
    >>> gl.trapezoid(gl.tensor([0.0, 1.0, 4.0])), gl.trapezoid(gl.ones(3), gl.tensor([0, 2, 3]))
    (tensor(3.), tensor(3.))
    """
    spans = _spans("trapezoid", y, x, dx, dim)
    size = y.shape[dim]
    if x is None:
        if not size:
            return times(y.sum(dim), 1.0)  # type: ignore[no-any-return]
        ends = times(y.select(dim, 0) + y.select(dim, size - 1), 0.5)
        return times(y.sum(dim) - ends, spans)  # type: ignore[no-any-return]
    heights = y.narrow(dim, 0, max(size - 1, 0)) + y.narrow(dim, min(1, size), max(size - 1, 0))
    return over((heights * spans).sum(dim), 2.0)  # type: ignore[no-any-return]


@composite(method=False)
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The running integral along ``dim``, as ``trapezoid``: one value fewer than ``y`` has.

    >>> import gradlab as gl
    >>> gl.cumulative_trapezoid(gl.tensor([0.0, 1.0, 4.0]))
    tensor([0.5000, 3.0000])
    """
    spans = _spans("cumulative_trapezoid", y, x, dx, dim)
    size = y.shape[dim]
    heights = y.narrow(dim, min(1, size), max(size - 1, 0)) + y.narrow(dim, 0, max(size - 1, 0))
    if x is None:
        return times(heights, spans / 2.0).cumsum(dim)  # type: ignore[no-any-return]
    return over((heights * spans).cumsum(dim), 2.0)  # type: ignore[no-any-return]


also_known_as("trapezoid", "trapz")
