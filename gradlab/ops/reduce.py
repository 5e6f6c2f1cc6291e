"""Reductions: fewer elements come out than go in.

Most come in two primitives, as in PyTorch: over the whole tensor, and over some of its dimensions.
The public function of the name chooses. The options of the second kind are always a tuple of
dimensions counted from the front, so that formulas need not ask.
"""

from __future__ import annotations

import builtins
import contextlib
import math
import operator
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy

from gradlab import arrays, return_types
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops import choosing
from gradlab.ops.buffers import for_rows
from gradlab.ops.shape import array_of, normal_dims, put_back, stretch_back
from gradlab.samples import call, draw, indices, real
from gradlab.tensor import Tensor, normal_dim
from gradlab.type_info import check_int, type_name

Dims = int | Sequence[int] | None

OVER_DIMS = (
    call(draw(2, 3), (0,), False),
    call(draw(2, 3), (1,), True),
    call(draw(2, 3, 4), (0, 2), False),
    call(draw(), (), False),
)


def _over(array: Array, dims: tuple[int, ...]) -> int:
    """How many elements go into each element of a reduction."""
    return math.prod([array.shape[d] for d in dims])


# ------------------------------------------------------------------ sum, mean, product


@op(
    latex=r"\textstyle\sum input",
    grad=dict(input=(lambda g, xp, input_shape: xp.expand(g, input_shape), r"g")),
    public=False,
    method=False,
    samples=real(-2, 2),
)
def sum(xp: Namespace, input: Array, dtype: Any = None) -> Array:
    """Sum of all elements."""
    return xp.add.reduce(input, None, sum_dtype(input) if dtype is None else dtype)


@op(
    latex=r"\textstyle\sum_{dim} input",
    grad=dict(
        input=(
            lambda g, xp, input_shape, dim, keepdim: stretch_back(xp, g, input_shape, dim, keepdim),
            r"g",
        )
    ),
    node="SumBackward1",
    public=False,
    method=False,
    samples=OVER_DIMS,
)
def sum_dim(
    xp: Namespace, input: Array, dim: tuple[int, ...], keepdim: bool = False, dtype: Any = None
) -> Array:
    """Sum over dimensions."""
    dtype = sum_dtype(input) if dtype is None else dtype
    return in_usual_order(
        xp, xp.add.reduce(input, dim if input.ndim else None, dtype, None, keepdim)
    )


def in_usual_order(xp: Namespace, result: Array) -> Array:
    """A reduction's result as PyTorch lays it, where NumPy keeps the order of what was reduced."""
    if result.ndim < 2 or result.flags.c_contiguous:
        return result
    return xp.ascontiguousarray(result)


def sum_dtype(array: Array) -> Any:
    """What sums are computed in: integers and bools in int64."""
    return arrays.INT64 if array.dtype.kind in "biu" else None


@composite("sum")
def _sum(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: arrays.dtype | None = None,
    **also: Any,
) -> Tensor:
    """Sum of all elements, or over the dimensions ``dim``, which ``keepdim`` leaves as size 1.

    Integers and bools add up to int64; ``dtype`` says otherwise. ``axis`` and ``keepdims`` are
    other names of ``dim`` and ``keepdim``. Raises IndexError for a dimension that isn't there.

    >>> import gradlab as gl
    >>> x = gl.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> x.sum(), x.sum(0), x.sum(1, keepdim=True)
    (tensor(10.), tensor([4., 6.]), tensor([[3.],
            [7.]]))
    """
    if dim is None and dtype is None and not keepdim and not also:
        return sum(input)  # type: ignore[no-any-return]
    if also:
        dim, keepdim = _numpy_names("sum", dim, keepdim, also)
    to = None if dtype is None else arrays.as_dtype(dtype, "sum").numpy
    if dim is None and not keepdim:
        return sum(input, to)  # type: ignore[no-any-return]
    return sum_dim(input, named_dims("sum", input, dim, keepdim), keepdim, to)  # type: ignore[no-any-return]


def _numpy_names(
    function: str, dim: Dims, keepdim: bool, also: dict[str, Any]
) -> tuple[Dims, bool]:
    """``axis`` and ``keepdims``, NumPy's words, for ``dim`` and ``keepdim``."""
    dim = also.pop("axis", dim)
    keepdim = also.pop("keepdims", keepdim)
    if also:
        raise TypeError(f"{function}() got an unexpected keyword argument {next(iter(also))!r}")
    return dim, keepdim


def named_dims(function: str, input: Tensor, dim: Dims, keepdim: bool = False) -> tuple[int, ...]:
    ndim = array_of(input, function).ndim
    if type(keepdim) is not bool:
        raise TypeError(
            f"{function}(): argument 'keepdim' (position 2) must be bool, not "
            f"{type(keepdim).__name__}. Several dimensions are given as one tuple."
        )
    try:
        return normal_dims(dim, ndim)
    except TypeError:
        raise TypeError(
            f"{function}() received an invalid combination of arguments - got "
            f"({type(dim).__name__}): dim is an int, a tuple of ints, or None"
        ) from None


@op(
    latex=r"\frac{1}{n} \textstyle\sum input",
    grad=dict(
        input=(
            lambda g, xp, input_shape: xp.expand(g / (math.prod(input_shape) or 1), input_shape),
            r"\frac{g}{n}",
        )
    ),
    saved=dict(self_sym_numel=lambda input_shape: math.prod(input_shape)),
    public=False,
    method=False,
    samples=real(-2, 2),
)
def mean(xp: Namespace, input: Array) -> Array:
    """Mean of all elements."""
    return mean_of_array(xp, input, None, False, input.size)


@op(
    latex=r"\frac{1}{n} \textstyle\sum_{dim} input",
    grad=dict(
        input=(
            lambda g, xp, input_shape, dim, keepdim: stretch_back(
                xp, g / (count_along(input_shape, dim) or 1), input_shape, dim, keepdim
            ),
            r"\frac{g}{n}",
        )
    ),
    saved=dict(self_sym_numel=lambda input_shape: math.prod(input_shape)),
    node="MeanBackward1",
    public=False,
    method=False,
    samples=OVER_DIMS,
)
def mean_dim(xp: Namespace, input: Array, dim: tuple[int, ...], keepdim: bool = False) -> Array:
    """Mean over dimensions."""
    return mean_of_array(xp, input, dim, keepdim, count_along(input.shape, dim))


def mean_of_array(xp: Namespace, array: Array, dim: Any, keepdim: bool, count: int) -> Array:
    if not count:
        return xp.full_like(xp.add.reduce(array, dim, None, None, keepdim), math.nan)
    if array.dtype == "float16":  # the sum may be out of its range
        return xp.mean(array, dim, keepdims=keepdim)
    return in_usual_order(xp, xp.add.reduce(array, dim, None, None, keepdim) / count)


def count_along(shape: tuple[int, ...], dims: Iterable[int]) -> int:
    """How many elements go into each element of a reduction."""
    return math.prod([shape[d] for d in dims])


@composite("mean")
def _mean_of(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: arrays.dtype | None = None,
    **also: Any,
) -> Tensor:
    """Mean of all elements, or over the dimensions ``dim``.

    Raises RuntimeError for integers and bools, which have no mean of their own dtype: say
    ``dtype=``, or convert with ``.float()``.

    >>> import gradlab as gl
    >>> gl.tensor([[1.0, 2.0], [3.0, 6.0]]).mean(0)
    tensor([2., 4.])
    """
    if also:
        dim, keepdim = _numpy_names("mean", dim, keepdim, also)
    if dtype is not None:
        input = input.to(dtype)
    if array_of(input, "mean").dtype not in arrays.DIFFERENTIABLE:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {input.dtype.type_name}. Convert it, with .float() for example."
        )
    if dim is None and not keepdim:
        return mean(input)  # type: ignore[no-any-return]
    return mean_dim(input, named_dims("mean", input, dim, keepdim), keepdim)  # type: ignore[no-any-return]


@op(
    latex=r"\textstyle\prod input",
    grad=dict(
        input=(
            lambda g, xp, input, out: (
                g * xp.view(_product_of_others(xp, input.reshape((-1,)), 0), input.shape)
            ),
            r"g \, \textstyle\prod_{j \ne i} {input}_j",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(3)), call(draw(2, 3)), call(draw()), call(draw(0))),
)
def prod(xp: Namespace, input: Array, dtype: Any = None) -> Array:
    """Product of all elements."""
    dtype = sum_dtype(input) if dtype is None else dtype
    as_it_is = dtype is None or input.dtype == dtype
    rows = _multiplied_rows(xp, input) if as_it_is else input
    return xp.multiply.reduce(rows, None, dtype)


def _multiplied_rows(xp: Namespace, array: Array) -> Array:
    """Fewer numbers with the same product, as far as they are found quickly.

    Each factor waits for the product before it, 0.8 ns long; rows multiply each other in step.
    """
    if xp is not numpy or array.size < 4096 or array.dtype.kind not in "fc":
        return array
    flat = array.reshape(-1)
    in_rows = flat.size - flat.size % 256
    rows = numpy.multiply.reduce(flat[:in_rows].reshape(-1, 256), 0)
    return numpy.concatenate((rows, flat[in_rows:]))


@op(
    latex=r"\textstyle\prod_{dim} input",
    grad=dict(
        input=(
            lambda g, xp, input, out, dim, keepdim: (
                put_back(xp, g, input.shape, (dim,), keepdim) * _product_of_others(xp, input, dim)
            ),
            r"g \, \textstyle\prod_{j \ne i} {input}_j",
        )
    ),
    node="ProdBackward1",
    public=False,
    method=False,
    samples=(call(draw(2, 3), 0), call(draw(2, 3), 1, True), call(draw(), 0)),
)
def prod_dim(
    xp: Namespace, input: Array, dim: int, keepdim: bool = False, dtype: Any = None
) -> Array:
    """Product over one dimension."""
    dtype = sum_dtype(input) if dtype is None else dtype
    if dtype is None or input.dtype == dtype:
        input = _multiplied_halves(xp, input, dim)
    return xp.multiply.reduce(input, dim, dtype, None, keepdim)


def _multiplied_halves(xp: Namespace, array: Array, dim: int) -> Array:
    """As ``_multiplied_rows``, where the last dimension goes: half of it times the other half."""
    last = array.ndim - 1
    if xp is numpy and dim == last and array.size >= 4096 and array.dtype.char in "fdFD":
        while array.shape[last] >= 32:
            half, odd = builtins.divmod(array.shape[last], 2)
            product = array[..., :half] * array[..., half : 2 * half]
            if odd:
                product[..., 0] *= array[..., -1]
            array = product
    return array


def _product_of_others(xp: Any, input: Any, dim: int) -> Any:
    """For each element the product of all others along ``dim``, right also where some are 0.

    The product of all over the element where that is known to be right. Else, as it would be 0/0 at
    a 0, what is before an element times what is after it, each by doubling steps.
    """
    if type(input) is numpy.ndarray and input.dtype in (numpy.float32, numpy.float64):
        quotients = _quotients(input, dim)
        if quotients is not None:
            return quotients
    size = input.shape[dim] if input.shape else 1
    before, after = xp.shifted(input, 1, dim, 1.0), xp.shifted(input, -1, dim, 1.0)
    step = 1
    while step < size:
        before = before * xp.shifted(before, step, dim, 1.0)
        after = after * xp.shifted(after, -step, dim, 1.0)
        step *= 2
    return before * after


def _quotients(input: Array, dim: int) -> Array | None:
    """The product of all along ``dim`` over each element, of finite factors other than 0.

    In float64. None of singles can be seen to vanish or to overflow there that wouldn't in float32;
    of doubles the product must have all its digits.
    """
    size = numpy.absolute(input)
    if not (size.min(initial=1) > 0 and size.max(initial=1) < math.inf):
        return None
    wide = input.astype(numpy.float64, copy=False)
    product = numpy.multiply.reduce(
        _multiplied_halves(numpy, wide, dim), dim, keepdims=input.ndim > 0
    )
    if input.dtype == numpy.float64:
        whole = numpy.absolute(product)
        limits = numpy.finfo(numpy.float64)
        if not (whole.min(initial=1) >= limits.tiny and whole.max(initial=1) <= limits.max):
            return None
    with numpy.errstate(over="ignore", under="ignore"):
        quotients: Array = (product / wide).astype(input.dtype, copy=False)
    return quotients


@op(
    latex=r"{input}_{i - steps}",
    grad=dict(
        input=(lambda g, xp, steps, dim: xp.shifted(g, -steps, dim, 0.0), r"{g}_{i + steps}")
    ),
    public=False,
    method=False,
    samples=(call(draw(4), 1, 0, 1.0), call(draw(2, 3), -2, 1, 0.0), call(draw(2), 5, 0, 1.0)),
)
def shifted(xp: Namespace, input: Array, steps: int, dim: int, fill: float) -> Array:
    """The elements moved along ``dim``; those that nothing moves to are ``fill``."""
    result = xp.full(input.shape, fill, input.dtype)
    if input.ndim:
        kept = builtins.max(input.shape[dim] - builtins.abs(steps), 0)
        before, front = (slice(None),) * dim, slice(0, kept)
        back = slice(input.shape[dim] - kept, None)
        to, of = (back, front) if steps > 0 else (front, back)
        result[(*before, to)] = input[(*before, of)]
    return result


@composite("prod")
def _prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: arrays.dtype | None = None,
) -> Tensor:
    """Product of all elements, or over one dimension; of integers and bools in int64.

    The gradient is right also where some elements are 0.

    >>> import gradlab as gl
    >>> gl.tensor([[1.0, 2.0], [3.0, 4.0]]).prod(1)
    tensor([ 2., 12.])
    """
    to = None if dtype is None else arrays.as_dtype(dtype, "prod").numpy
    ndim = array_of(input, "prod").ndim
    if dim is None:
        return prod(input, to)  # type: ignore[no-any-return]
    return prod_dim(input, normal_dim(operator.index(dim), ndim), keepdim, to)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ variance and norm


@op(
    latex=r"\frac{1}{n - correction} \textstyle\sum_{dim} (input - \overline{input})^2",
    grad=dict(
        input=(
            lambda g, xp, input, dim, correction, keepdim: variance_gradient(
                xp, g, input, dim, correction, keepdim
            ),
            r"\frac{2 \, g \, (input - \overline{input})}{n - correction}",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(3, 4), (0, 1)),
        call(draw(3, 4), (1,), 0, True),
        call(draw(3, 4), (0,), 1.5, False),
    ),
)
def var(
    xp: Namespace,
    input: Array,
    dim: tuple[int, ...],
    correction: float = 1,
    keepdim: bool = False,
) -> Array:
    """Variance over dimensions."""
    return variance_of_array(xp, input, dim, correction, keepdim)


@op(
    latex=r"\sqrt{\frac{1}{n - correction} \textstyle\sum_{dim} (input - \overline{input})^2}",
    grad=dict(
        input=(
            lambda g, xp, input, out, dim, correction, keepdim: variance_gradient(
                xp, xp.ratio(g, out) * 0.5, input, dim, correction, keepdim
            ),
            r"\frac{g \, (input - \overline{input})}{(n - correction) \, out}",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(3, 4), (0, 1)), call(draw(3, 4), (1,), 0, True)),
)
def std(
    xp: Namespace,
    input: Array,
    dim: tuple[int, ...],
    correction: float = 1,
    keepdim: bool = False,
) -> Array:
    """Standard deviation over dimensions."""
    return variance_of_array(xp, input, dim, correction, keepdim, root=True)


def variance_of_array(
    xp: Namespace,
    array: Array,
    dim: tuple[int, ...],
    correction: float,
    keepdim: bool,
    root: bool = False,
) -> Array:
    """The variance, or its square root."""
    if array.dtype == "float16":  # of which squares are often none
        wide = variance_of_array(xp, array.astype("float32"), dim, correction, keepdim, root)
        return arrays.as_array(wide.astype(array.dtype))
    count = count_along(array.shape, dim)
    centred = array - mean_of_array(xp, array, dim, True, count)
    if centred.dtype.kind == "c":
        squares = xp.real(centred * xp.conj(centred))
    else:
        squares = centred * centred
    total = xp.add.reduce(squares, dim, None, None, keepdim)
    freedom = builtins.max(count - correction, 0)
    if freedom:
        return xp.sqrt(total / freedom) if root else total / freedom
    # Nothing is left to divide by: 0/0 is no number, anything else over 0 infinite.
    return xp.where(total > 0, math.inf, math.nan).astype(total.dtype)


def variance_gradient(
    xp: Any, g: Any, input: Any, dim: tuple[int, ...], correction: float, keepdim: bool
) -> Any:
    freedom = builtins.max(count_along(input.shape, dim) - correction, 0)
    g = put_back(xp, g, input.shape, dim, keepdim)
    slope = 2 / freedom if freedom else math.inf
    return (g * slope) * (input - xp.mean_dim(input, dim, True))


@op(
    latex=r"\frac{input}{other}",
    grad=dict(
        input=(lambda g, xp, other: xp.ratio(g, other), r"\frac{g}{other}"),
        other=(
            lambda g, xp, input, other: -xp.ratio(g * xp.ratio(input, other), other),
            r"-g \, \frac{input}{other^2}",
        ),
    ),
    promote="same",
    public=False,
    method=False,
    inplace=False,
    samples=(call(draw(3), draw(3, low=0.5)), call(draw(2, 3), draw(3, low=0.5))),
)
def ratio(xp: Namespace, input: Array, other: Array) -> Array:
    """``input / other``, and 0 where ``other`` is 0: the slope of a norm at 0 counts as 0."""
    safe = xp.where(other == 0, xp.ones_like(other), other)
    return xp.where(other == 0, xp.zeros_like(input), input / safe)


def dims_and_correction(
    name: str, input: Tensor, dim: Any, unbiased: bool | None, correction: Any, also: dict[str, Any]
) -> tuple[tuple[int, ...], float, bool]:
    """What var and std compute over; ``x.var(False)`` means unbiased=False."""
    keepdim = also.pop("keepdim", False)
    if type(dim) is bool:
        dim, unbiased = None, dim
    dim, keepdim = _numpy_names(name, dim, keepdim, also)
    dims = named_dims(name, input, dim)
    if array_of(input, name).dtype not in arrays.DIFFERENTIABLE:
        functions = "std and var" if name in ("std", "var") else name
        raise RuntimeError(
            f"{functions} only support floating point and complex dtypes "
            f"(this tensor is {input.dtype}; convert it, with .float() for example)"
        )
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    if count_along(input._array.shape, dims) - correction <= 0:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            UserWarning,
            stacklevel=3,
        )
    return dims, correction, keepdim


@composite("var")
def _var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **also: Any,
) -> Tensor:
    """Variance of all elements, or over the dimensions ``dim``.

    The squares of the differences from the mean are divided by n - ``correction``, which is 1
    unless said (``unbiased=False`` means 0). Warns where that leaves nothing to divide by.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0, 3.0])
    >>> x.var(), x.var(correction=0)
    (tensor(1.), tensor(0.6667))
    """
    also["keepdim"] = keepdim
    return var(input, *dims_and_correction("var", input, dim, unbiased, correction, also))  # type: ignore[no-any-return]


@composite("std")
def _std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **also: Any,
) -> Tensor:
    """Standard deviation of all elements, or over ``dim``: the square root of ``var``.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0, 3.0]).std()
    tensor(1.)
    """
    also["keepdim"] = keepdim
    return std(input, *dims_and_correction("std", input, dim, unbiased, correction, also))  # type: ignore[no-any-return]


@op(
    latex=r"\lVert input \rVert_{ord}",
    grad=dict(
        input=(
            lambda g, xp, input, out, ord, dim, keepdim: _vector_norm_gradient(
                xp, g, input, out, ord, dim, keepdim
            ),
            r"g \, \mathrm{sign}(input) \left(\frac{|input|}{out}\right)^{ord - 1}",
        )
    ),
    node="LinalgVectorNormBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(2, 3), 2.0, (0, 1)),
        call(draw(2, 3), 1.0, (1,), True),
        call(draw(2, 3), 3.0, (0,)),
        call(draw(2, 3), 1.5, (0,)),
        call(draw(2, 3), math.inf, (0,)),
        call(draw(2, 3), -math.inf, (1,)),
        call(draw(2, 3), 0.0, (1,)),
        call(draw(), 2.0, ()),
    ),
    in_single=True,
)
def vector_norm(
    xp: Namespace,
    input: Array,
    ord: float,
    dim: tuple[int, ...],
    keepdim: bool = False,
    dtype: Any = None,
) -> Array:
    """Norm over dimensions, taken as one vector."""
    if input.dtype == "float16" and dtype is None:  # of which squares are often none
        wide = vector_norm_of(xp, input.astype("float32"), ord, dim, keepdim)
        return arrays.as_array(wide.astype(input.dtype))
    return vector_norm_of(xp, input if dtype is None else input.astype(dtype), ord, dim, keepdim)


def vector_norm_of(
    xp: Namespace, array: Array, ord: float, dim: tuple[int, ...], keepdim: bool
) -> Array:
    size = xp.abs(array)
    if ord == math.inf:
        return xp.max(size, dim, keepdims=keepdim)
    if ord == -math.inf:
        return xp.min(size, dim, keepdims=keepdim)
    if ord == 0:
        return xp.add.reduce(size != 0, dim, size.dtype, None, keepdim)
    if ord == 1:
        return xp.add.reduce(size, dim, None, None, keepdim)
    if ord == 2:
        return xp.sqrt(xp.add.reduce(size * size, dim, None, None, keepdim))
    return xp.add.reduce(size**ord, dim, None, None, keepdim) ** (1 / ord)


def _vector_norm_gradient(
    xp: Any, g: Any, input: Any, out: Any, ord: float, dim: tuple[int, ...], keepdim: bool
) -> Any:
    if ord == 0:
        return None  # a number of elements, to which nothing flows
    g, out = (put_back(xp, one, input.shape, dim, keepdim) for one in (g, out))
    return norm_gradient(xp, g, input, out, ord, dim)


def norm_gradient(xp: Any, g: Any, input: Any, out: Any, ord: float, dim: tuple[int, ...]) -> Any:
    """PyTorch's choices at 0: a slope of 0; the largest elements of the inf norm share it."""
    if ord == 0:
        return xp.zeros_like(input)
    if ord == 2:
        return g * xp.ratio(input, out)
    if ord == 1:
        return g * xp.sgn(input)
    if math.isinf(ord):
        return g * xp.sgn(input) * xp.ties(builtins.abs(input), out, dim)
    size = builtins.abs(input)
    if ord > 2:
        g = xp.zeroed(g, out == 0)  # also of what isn't finite
        return g * xp.sgn(input) * xp.ratio(size, out) ** (ord - 1)
    if ord > 1:  # apart, since the first factor's slope at 0 is infinite
        return xp.sgn(input) * size ** (ord - 1) * xp.zeroed(g * out ** (1 - ord), out == 0)
    return g * xp.sgn(input) * xp.ratio(out, size) ** (1 - ord)


@composite()
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: arrays.dtype | None = None,
) -> Tensor:
    """The p-norm of all elements, or over the dimensions ``dim``: (Σ|x|^p)^(1/p).

    ``p`` may be any number, ``inf`` (the largest size), ``-inf`` (the smallest) and 0 (how many
    are not 0); "fro" is 2. At 0 the gradient is 0. Raises RuntimeError for integers.

    >>> import gradlab as gl
    >>> gl.tensor([3.0, 4.0]).norm(), gl.tensor([3.0, -4.0]).norm(1)
    (tensor(5.), tensor(7.))
    """
    array = array_of(input, "norm")
    if dtype is not None and arrays.promote_types(array.dtype, dtype.numpy) != dtype.numpy:
        raise RuntimeError(
            f"linalg.vector_norm: the dtype of the input ({input.dtype.type_name}) should be "
            f"convertible without narrowing to the specified dtype ({dtype.type_name})"
        )
    if array.dtype not in arrays.DIFFERENTIABLE:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{input.dtype.type_name}. Convert it, with .float() for example."
        )
    if p == "nuc":
        # Late: singular values are made of what is declared here.
        from gradlab.ops.spectral import matrix_norm

        both: Any = tuple(range(array.ndim)) if dim is None else dim
        return matrix_norm(input, p, both, keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported. Pass a number or 'fro'.")
    ord = 2.0 if p is None or isinstance(p, str) else float(p)
    dims = named_dims("norm", input, dim, keepdim)
    if math.isinf(ord) and not count_along(array.shape, dims):
        where = "an empty tensor because the"
        if len(dims) < array.ndim:  # PyTorch's sentence, its missing space too
            where = f"the dimension {dim}because this dimension is empty and the"
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on {where} operation does not have "
            "an identity"
        )
    return vector_norm(input, ord, dims, keepdim, None if dtype is None else dtype.numpy)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ largest and smallest


@op(latex=r"\frac{[input = out]}{n_{=}}", public=False, method=False)
def ties(xp: Namespace, input: Array, out: Array, dim: tuple[int, ...]) -> Array:
    """For each element 0, or 1/n where it is one of n equals that were found largest (smallest).

    It changes only by jumps, so its own gradient is none.
    """
    share = (input == out).astype(input.dtype)
    if input.dtype.kind == "f":
        share += xp.isnan(input) & xp.isnan(out)
    return share / xp.maximum(xp.add.reduce(share, dim, None, None, True), 1)


def _shared(xp: Any, g: Any, share: Any) -> Any:
    """``g`` where something is due, and a clean 0 elsewhere even if ``g`` is NaN."""
    return xp.masked_fill_scalar(g * share, share == 0, 0.0)


SHARED = (
    lambda g, xp, input, out: _shared(xp, g, xp.ties(input, out, tuple(range(len(input.shape))))),
    r"g \, \frac{[input = out]}{n_{=}}",
)
_SHARED_DIM = (
    lambda g, xp, input, out, dim, keepdim: (
        put_back(xp, g, input.shape, dim, keepdim)
        * xp.ties(input, put_back(xp, out, input.shape, dim, keepdim), dim)
    ),
    r"g \, \frac{[input = out]}{n_{=}}",
)
SELECTED = (
    lambda g, xp, input_shape, indices, dim, keepdim: xp.gather_backward(
        put_back(xp, g, input_shape, (dim,), keepdim),
        input_shape,
        dim,
        put_back(xp, indices, input_shape, (dim,), keepdim),
    ),
    r"g \text{ at } indices,\ 0 \text{ elsewhere}",
)
_SELECTIONS = (
    call(draw(2, 3), indices(3, below=2), 0, False),
    call(draw(2, 3), indices(2, 1, below=3), 1, True),
)
_WHOLE = (call(draw(2, 3)), call(draw()), call(draw(4)))


@op(
    latex=r"\max input",
    grad=dict(input=SHARED),
    node="MaxBackward1",
    public=False,
    method=False,
    samples=_WHOLE,
)
def max(xp: Namespace, input: Array) -> Array:
    """Largest of all elements."""
    return _extreme("max", input)


@op(
    latex=r"\min input",
    grad=dict(input=SHARED),
    node="MinBackward1",
    public=False,
    method=False,
    samples=_WHOLE,
)
def min(xp: Namespace, input: Array) -> Array:
    """Smallest of all elements."""
    return _extreme("min", input)


@op(
    latex=r"\max_{dim} input",
    grad=dict(input=_SHARED_DIM),
    public=False,
    method=False,
    samples=OVER_DIMS,
)
def amax(xp: Namespace, input: Array, dim: tuple[int, ...], keepdim: bool = False) -> Array:
    """Largest over dimensions."""
    return _extreme("amax", input, dim, keepdim)


@op(
    latex=r"\min_{dim} input",
    grad=dict(input=_SHARED_DIM),
    public=False,
    method=False,
    samples=OVER_DIMS,
)
def amin(xp: Namespace, input: Array, dim: tuple[int, ...], keepdim: bool = False) -> Array:
    """Smallest over dimensions."""
    return _extreme("amin", input, dim, keepdim)


_KERNELS = {"amax": "max_values_cpu", "amin": "min_values_cpu"}


def _extreme(name: str, array: Array, dim: Any = None, keepdim: bool = False) -> Array:
    arrays.check_real(_KERNELS.get(name) or f"{name}_all", array)
    over = range(array.ndim) if dim is None else dim
    if not array.size and not count_along(array.shape, over):
        _check_not_empty(name, array, over)
    find = array.max if name.endswith("max") else array.min  # CuPy has no maximum.reduce
    return find(dim, None, keepdim)


def _check_not_empty(name: str, array: Array, dims: Sequence[int]) -> None:
    """Raise PyTorch's error where there is nothing to choose from."""
    if len(dims) == array.ndim:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    empty = next((d for d in dims if not array.shape[d]), None)
    if empty is not None:
        raise IndexError(
            f"{name}(): Expected reduction dim {empty} to have non-zero size. "
            f"This tensor has shape {list(array.shape)}."
        )


@op(
    latex=r"\max_{dim} input",
    grad=dict(input=SELECTED),
    node="MaxBackward0",
    public=False,
    method=False,
    samples=_SELECTIONS,
)
def max_dim(xp: Namespace, input: Array, indices: Array, dim: int, keepdim: bool) -> Array:
    """What ``indices`` select along ``dim``, where the largest is."""
    return _selected(xp, input, indices, dim, keepdim)


@op(
    latex=r"\min_{dim} input",
    grad=dict(input=SELECTED),
    node="MinBackward0",
    public=False,
    method=False,
    samples=_SELECTIONS,
)
def min_dim(xp: Namespace, input: Array, indices: Array, dim: int, keepdim: bool) -> Array:
    """What ``indices`` select along ``dim``, where the smallest is."""
    return _selected(xp, input, indices, dim, keepdim)


def _selected(xp: Namespace, array: Array, indices: Array, dim: int, keepdim: bool) -> Array:
    if not array.ndim:
        return array.copy()
    if keepdim:
        return xp.take_along_axis(array, indices, dim)
    picked = xp.take_along_axis(array, xp.expand_dims(indices, dim), dim)
    return picked.squeeze(dim)


def _extreme_of(name: str, input: Tensor, dim: Any, keepdim: bool, other: Any) -> Any:
    """The three forms of max and min: of all, over a dimension with indices, of two tensors."""
    if isinstance(dim, Tensor):
        if keepdim is not False:
            raise TypeError(f"{name}(): argument 'dim' (position 1) must be int, not Tensor")
        dim, other = None, dim
    if other is not None and isinstance(input, Tensor):
        return choosing.maximum(input, other) if name == "max" else choosing.minimum(input, other)
    if other is not None or not (dim is None or isinstance(dim, (int, tuple, list, numpy.integer))):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({type_name(input)}, "
            f"{type_name(dim if other is None else other)}): {name} takes two tensors, or a "
            f"tensor and a dim. With a number, clamp() does it, or {name}imum() of it as a tensor."
        )
    if dim is None:
        if keepdim:
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got (keepdim=bool, ): "
                f"keepdim needs a dim; {name} of all elements has no dimension to keep"
            )
        return (max if name == "max" else min)(input)
    if isinstance(dim, (tuple, list)):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({type(dim).__name__}): "
            f"dim is one int; a{name} takes several"
        )
    array = array_of(input, name)
    dim = normal_dim(operator.index(dim), array.ndim)
    if array.ndim:
        _check_not_empty(name, array, (dim,)) if not array.shape[dim] else None
    compared = Tensor._wrap(array.astype("uint8")) if array.dtype == bool else input
    indices = (argmax if name == "max" else argmin)(compared, dim, keepdim)
    values = (max_dim if name == "max" else min_dim)(input, indices, dim, keepdim)
    return getattr(return_types, name)(values, indices)


@composite("max")
def _max(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, **also: Any
) -> Any:
    """Largest of all elements; over one dimension with its indices; or of two tensors.

    ``x.max()`` is a number (equals share its gradient), ``x.max(dim)`` a pair (values, indices),
    ``gl.max(x, y)`` is ``maximum``. Raises RuntimeError or IndexError where there is no element.

    >>> import gradlab as gl
    >>> x = gl.tensor([[1.0, 5.0], [4.0, 2.0]])
    >>> x.max()
    tensor(5.)
    >>> x.max(0)
    torch.return_types.max(
    values=tensor([4., 5.]),
    indices=tensor([1, 0]))
    """
    if also:
        dim, keepdim = _numpy_names("max", dim, keepdim, also)
    return _extreme_of("max", input, dim, keepdim, other)


@composite("min")
def _min(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, **also: Any
) -> Any:
    """Smallest of all elements; over one dimension with its indices; or of two tensors.

    As ``max``.

    >>> import gradlab as gl
    >>> gl.tensor([[1.0, 5.0], [4.0, 2.0]]).min(1).indices
    tensor([0, 1])
    """
    if also:
        dim, keepdim = _numpy_names("min", dim, keepdim, also)
    return _extreme_of("min", input, dim, keepdim, other)


@composite("amax")
def _amax(input: Tensor, dim: Dims = (), keepdim: bool = False, **also: Any) -> Tensor:
    """Largest over the dimensions ``dim`` (by default all); equals share the gradient.

    >>> import gradlab as gl
    >>> gl.tensor([[1, 5], [4, 2]]).amax(1)
    tensor([5, 4])
    """
    dim, keepdim = _numpy_names("amax", dim, keepdim, also)
    return amax(input, named_dims("amax", input, dim, keepdim), keepdim)  # type: ignore[no-any-return]


@composite("amin")
def _amin(input: Tensor, dim: Dims = (), keepdim: bool = False, **also: Any) -> Tensor:
    """Smallest over the dimensions ``dim`` (by default all); equals share the gradient.

    >>> import gradlab as gl
    >>> gl.tensor([[1, 5], [4, 2]]).amin((0, 1))
    tensor(1)
    """
    dim, keepdim = _numpy_names("amin", dim, keepdim, also)
    return amin(input, named_dims("amin", input, dim, keepdim), keepdim)  # type: ignore[no-any-return]


_PLACES = (call(draw(2, 3)), call(draw(2, 3), 1), call(draw(3), 0, True))


@op(latex=r"\arg\max input", samples=_PLACES)
def argmax(xp: Namespace, input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Where the largest element is, in the flat tensor or along ``dim``; the first of equals.

    >>> import gradlab as gl
    >>> gl.tensor([1, 7, 7]).argmax()
    tensor(1)
    """
    return _place(xp, "argmax", xp.argmax, input, dim, keepdim)


@op(latex=r"\arg\min input", samples=_PLACES)
def argmin(xp: Namespace, input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Where the smallest element is, in the flat tensor or along ``dim``; the first of equals.

    >>> import gradlab as gl
    >>> gl.tensor([3, 1, 1]).argmin()
    tensor(1)
    """
    return _place(xp, "argmin", xp.argmin, input, dim, keepdim)


def _place(
    xp: Namespace, name: str, find: Any, array: Array, dim: int | None, keepdim: bool
) -> Array:
    if array.dtype == bool:
        raise RuntimeError(f"{name}(): does not support bool input. Convert it with .int() first.")
    if array.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input. Take its .abs() first.")
    if dim is None:
        if not array.size:
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
            )
        found = find(array)
        return xp.full((1,) * array.ndim, found) if keepdim else found
    dim = normal_dim(dim, array.ndim)
    if not array.ndim:
        return xp.zeros((), arrays.INT64)
    if not array.shape[dim]:
        raise IndexError(
            f"{name}(): Expected reduction dim {dim} to have non-zero size. "
            f"This tensor has shape {list(array.shape)}."
        )
    return find(array, dim, keepdims=keepdim)


# ------------------------------------------------------------------ exponentials


@op(
    latex=r"\log \textstyle\sum_{dim} e^{input}",
    grad=dict(
        input=(
            lambda g, xp, input, out, dim, keepdim: (
                put_back(xp, g, input.shape, dim, keepdim)
                * xp.exp(input - put_back(xp, out, input.shape, dim, keepdim))
            ),
            r"g \, e^{input - out}",
        )
    ),
    promote="float",
    public=False,
    method=False,
    inplace=False,
    samples=OVER_DIMS,
)
def logsumexp(xp: Namespace, input: Array, dim: tuple[int, ...], keepdim: bool = False) -> Array:
    """Logarithm of a sum of exponentials over dimensions."""
    if not count_along(input.shape, dim):
        return xp.full_like(xp.add.reduce(input, dim, None, None, keepdim), -math.inf)
    largest = arrays.largest(xp, input.real, dim)
    largest = xp.where(xp.isfinite(largest), largest, xp.zeros_like(largest))
    total = xp.add.reduce(xp.exp(input - largest), dim, None, None, True)
    result = xp.log(total) + largest
    return result if keepdim else result.squeeze(dim)


@composite("logsumexp")
def _logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log Σ exp(x) over the dimensions ``dim``, without overflow.

    >>> import gradlab as gl
    >>> gl.tensor([0.0, 0.0]).logsumexp(0)
    tensor(0.6931)
    """
    return logsumexp(input, named_dims("logsumexp", input, dim, keepdim), keepdim)  # type: ignore[no-any-return]


@op(
    latex=r"\frac{e^{input}}{\textstyle\sum_{dim} e^{input}}",
    grad=dict(
        input=(
            lambda g, xp, out, dim: out * (g - xp.sum_dim(g * out, (dim,), True)),
            r"out \left(g - \textstyle\sum_{dim} g \, out\right)",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(2, 3), 1), call(draw(2, 3, 4), 0), call(draw(), 0)),
)
def softmax(xp: Namespace, input: Array, dim: int) -> Array:
    """Exponentials along a dimension, made to add up to 1."""
    with _along_rows(input, dim):
        powers = xp.asarray(input - arrays.largest(xp, input, dim))
        xp.exp(powers, powers)
        powers /= _sums(xp, powers, dim)
    return powers


def _along_rows(array: Array, dim: int) -> contextlib.AbstractContextManager[None]:
    """The setting for a number for each row, where rows go along the last dimension."""
    last = array.ndim - 1
    return for_rows(array.shape[last] if array.ndim and dim in (last, -1) else 0, array.size)


def _sums(xp: Namespace, array: Array, dim: int) -> Array:
    """Sums along a dimension, which stays; of long rows by BLAS, in a third of the time."""
    last = array.ndim - 1
    if (
        xp is numpy
        and array.size >= 4096
        and dim in (last, -1)
        and array.dtype.char in "fd"
        and array.flags.c_contiguous
    ):
        return (array @ numpy.ones(array.shape[last], array.dtype))[..., None]
    return xp.add.reduce(array, dim, None, None, True)


@op(
    latex=r"input - \log \textstyle\sum_{dim} e^{input}",
    grad=dict(
        input=(
            lambda g, xp, out, dim: g - xp.exp(out) * xp.sum_dim(g, (dim,), True),
            r"g - e^{out} \textstyle\sum_{dim} g",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(2, 3), 1), call(draw(2, 3, 4), 0), call(draw(), 0)),
)
def log_softmax(xp: Namespace, input: Array, dim: int) -> Array:
    """Logarithm of softmax."""
    with _along_rows(input, dim):
        centred = input - arrays.largest(xp, input, dim)
        centred -= xp.log(_sums(xp, xp.exp(centred), dim))
    return centred


@composite("softmax")
def _softmax(input: Tensor, dim: int, dtype: arrays.dtype | None = None) -> Tensor:
    """Exponentials along ``dim``, divided by their sum: numbers above 0 that add up to 1.

    Raises NotImplementedError for integers; say ``dtype=`` or convert them.

    >>> import gradlab as gl
    >>> gl.tensor([0.0, 0.0, 0.0, 0.0]).softmax(0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return softmax(*_for_softmax("softmax", input, dim, dtype))  # type: ignore[no-any-return]


@composite("log_softmax")
def _log_softmax(input: Tensor, dim: int, dtype: arrays.dtype | None = None) -> Tensor:
    """Logarithm of ``softmax`` along ``dim``, exact also where softmax rounds to 0.

    >>> import gradlab as gl
    >>> gl.tensor([0.0, -200.0]).log_softmax(0)
    tensor([   0., -200.])
    """
    return log_softmax(*_for_softmax("log_softmax", input, dim, dtype))  # type: ignore[no-any-return]


def _for_softmax(
    name: str, input: Tensor, dim: int, dtype: arrays.dtype | None
) -> tuple[Tensor, int]:
    if dtype is not None:
        input = input.to(dtype)
    array = array_of(input, name)
    check_int(name, "dim", dim, 2)
    dim = normal_dim(dim, array.ndim)
    if array.dtype not in arrays.REAL_FLOATING:
        kernel = f"{name}_lastdim_kernel_impl" if dim == array.ndim - 1 else f"{name}_kernel_impl"
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{input.dtype.type_name}'. "
            "Convert it, with .float() for example."
        )
    return input, dim
