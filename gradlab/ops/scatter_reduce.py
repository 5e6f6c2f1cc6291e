"""Scattering that combines: sums, products, means and extremes of what falls on each place."""

from __future__ import annotations

from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.along import check_source, places_of
from gradlab.ops.scatter import check_target, places_along, scattered_part
from gradlab.samples import call, draw, indices
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ on raw arrays


def _combined(
    xp: Namespace, input: Array, places: Array, src: Array, reduce: str, include_self: bool
) -> Array:
    """``input`` with what ``src`` puts at numbered ``places`` combined with it, or among itself."""
    if xp is not numpy:  # CuPy's multiply.at only raises
        host = [arrays.move(array, "cpu") for array in (input, places, src)]
        return xp.asarray(_combined(numpy, host[0], host[1], host[2], reduce, include_self))
    flat, at, values = input.reshape(-1).copy(), places.reshape(-1), src.reshape(-1)
    if not include_self:
        flat[at] = _neutral(reduce, input.dtype)
    {
        "sum": numpy.add,
        "mean": numpy.add,
        "prod": numpy.multiply,
        "amax": numpy.maximum,
        "amin": numpy.minimum,
    }[reduce].at(flat, at, values)
    if reduce == "mean":
        count = numpy.bincount(at, minlength=flat.size) + (1 if include_self else 0)
        count = numpy.maximum(count, 1)
        whole = flat.dtype.kind in "iub"
        flat = (flat // count if whole else flat / count).astype(input.dtype, copy=False)
    return flat.reshape(input.shape)


def _neutral(reduce: str, dtype: numpy.dtype[Any]) -> Any:
    """What changes nothing when it is combined with a number."""
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    if dtype.kind == "f":
        return -numpy.inf if reduce == "amax" else numpy.inf
    if dtype.kind == "b":
        return reduce == "amin"
    limits = numpy.iinfo(dtype)
    return limits.min if reduce == "amax" else limits.max


# ------------------------------------------------------------------ the derivatives


class _Along:
    """The four moves of the derivatives, along a dimension by one kind of index or the other."""

    def __init__(self, xp: Any, name: str, dim: int, index: Any, src: Any) -> None:
        self._xp, self._name, self._dim, self._index, self._src = xp, name, dim, index, src

    def take(self, x: Any) -> Any:
        """At each place of ``src``, what ``x`` has where that falls."""
        function = self._xp.gather if self._name == "scatter" else self._xp.index_select
        taken = function(x, self._dim, self._index)
        return taken if self._name == "scatter" else self._xp.view(taken, tuple(self._src.shape))

    def add(self, x: Any, values: Any) -> Any:
        """``x`` with ``values`` added where ``src`` falls."""
        xp = self._xp
        if self._name == "scatter":
            return xp.scatter_add(x, self._dim, self._index, values)
        return xp.index_add(x, self._dim, self._index, values)

    def clear(self, x: Any) -> Any:
        """``x`` with 0 where ``src`` falls."""
        xp = self._xp
        if self._name == "scatter":
            return xp.scatter_value(x, self._dim, self._index, 0)
        return xp.index_fill_scalar(x, self._dim, self._index, 0)

    def combine(self, x: Any, values: Any, reduce: str, include_self: bool) -> Any:
        xp = self._xp
        function = xp.scatter_reduce if self._name == "scatter" else xp.index_reduce
        return function(x, self._dim, self._index, values, reduce, include_self=include_self)


def _corner(name: str, index: Any, src: Any) -> Any:
    """The part of ``src`` that is scattered."""
    if name == "index" or tuple(src.shape) == tuple(index.shape):
        return src
    return scattered_part(src, index)


def _gradients(
    xp: Any,
    name: str,
    g: Any,
    input: Any,
    dim: int,
    index: Any,
    src: Any,
    reduce: str,
    include_self: bool,
    out: Any,
) -> tuple[Any, Any]:
    """The gradients of ``input`` and of the part of ``src`` that is scattered."""
    along = _Along(xp, name, dim, index, src)
    if reduce == "sum":
        of_input, of_src = g, along.take(g)
    elif reduce == "mean":
        start = xp.zeros_like(g) + (1 if include_self else 0)
        count = along.add(start, xp.zeros_like(src) + 1)
        count = count + _where_equal(xp, count, 0)
        of_input = g / count
        of_src = along.take(of_input)
    elif reduce == "prod":
        of_input, of_src = _of_product(xp, along, g, input, src, include_self, out)
    else:
        own = _where_equal(xp, input, out)
        if not include_self:
            own = along.clear(own)
        hit = _where_equal(xp, src, along.take(out))
        count = along.add(own, hit)
        share = g / (count + _where_equal(xp, count, 0))
        of_input, of_src = own * share, hit * along.take(share)
    return (of_input if include_self else along.clear(of_input)), of_src


def _of_product(
    xp: Any, along: _Along, g: Any, input: Any, src: Any, include_self: bool, out: Any
) -> tuple[Any, Any]:
    """A factor's gradient is the product of the others: the whole by it, where it isn't zero."""
    zero = _where_equal(xp, input, 0)
    filled = input + zero  # 1 for 0
    of_input = g * along.combine(filled, src, "prod", include_self) / filled
    zeros = _where_equal(xp, src, 0)
    alone = zeros * _where_equal(xp, along.take(along.add(xp.zeros_like(input), zeros)), 1)
    without = along.combine(input, src + alone, "prod", include_self)
    of_src = along.take(g * out) / (src + zeros) + alone * along.take(g * without)
    return of_input, of_src


def _where_equal(xp: Any, x: Any, y: Any) -> Any:
    """1 where elements are equal, else 0, in the dtype of ``x``."""
    return xp.zeros_like(x) + xp.eq(x, y)


def _gradient(name: str, which: int) -> Any:
    """A formula: of ``input`` (0) or of what is scattered (1)."""

    def formula(
        g: Any,
        xp: Any,
        input: Any,
        dim: int,
        index: Any,
        src: Any,
        reduce: str,
        include_self: bool,
        out: Any,
    ) -> Any:
        src = _corner(name, index, src)
        return _gradients(xp, name, g, input, dim, index, src, reduce, include_self, out)[which]

    if name == "scatter":
        return formula
    return lambda g, xp, input, dim, index, source, reduce, include_self, out: formula(
        g, xp, input, dim, index, source, reduce, include_self, out
    )


# ------------------------------------------------------------------ the operations


def _no_ties(*shape: int) -> Any:
    return draw(*shape, low=0.5, high=3.0)


@op(
    latex=r"\mathrm{reduce}(input, src \text{ at } index)",
    grad=dict(
        input=(_gradient("scatter", 0), r"g \cdot \frac{\partial out}{\partial input}"),
        src=(_gradient("scatter", 1), r"{g}_{index} \cdot \frac{\partial out}{\partial src}"),
    ),
    inplace=True,
    samples=(
        call(_no_ties(3, 2), 0, indices(4, 2, below=3), _no_ties(4, 2), "sum"),
        call(_no_ties(3, 2), 0, indices(4, 2, below=3), _no_ties(4, 2), "prod"),
        call(_no_ties(2, 3), -1, indices(2, 4, below=3), _no_ties(2, 4), "mean"),
        call(_no_ties(2, 3), 1, indices(2, 4, below=3), _no_ties(2, 4), "amax"),
        call(_no_ties(3), 0, indices(4, below=3), _no_ties(4), "amin", include_self=False),
        call(_no_ties(3), 0, indices(4, below=3), _no_ties(4), "mean", include_self=False),
        call(_no_ties(3), 0, indices(4, below=3), _no_ties(4), "prod", include_self=False),
    ),
)
def scatter_reduce(
    xp: Namespace,
    input: Array,
    dim: int,
    index: Array,
    src: Array,
    reduce: str,
    *,
    include_self: bool = True,
) -> Array:
    """``input`` combined with the elements of ``src`` at the places that ``index`` names.

    ``reduce`` is "sum", "prod", "mean", "amax" or "amin". With ``include_self=False`` places that
    are named forget what was there. Errors as of ``scatter``.

    >>> import gradlab as gl
    >>> gl.ones(3).scatter_reduce(0, gl.tensor([0, 0, 2]), gl.tensor([1.0, 2.0, 3.0]), "sum")
    tensor([4., 1., 4.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    check_target(input, dim, index, src)
    if not index.size:
        return input.copy()
    if not input.ndim:
        places = xp.zeros(1, arrays.INT64)
        return _combined(xp, input, places, src.reshape(-1)[:1], reduce, include_self)
    places = places_along(xp, input.shape, dim, index)
    return _combined(xp, input, places, scattered_part(src, index), reduce, include_self)


@op(
    latex=r"\mathrm{reduce}(input, source \text{ at } index)",
    grad=dict(
        input=(_gradient("index", 0), r"g \cdot \frac{\partial out}{\partial input}"),
        source=(
            _gradient("index", 1), r"{g}_{index} \cdot \frac{\partial out}{\partial source}",
        ),
    ),
    public=False,
    method=False,
    samples=(
        call(_no_ties(3, 2), 0, indices(4, below=3), _no_ties(4, 2), "prod"),
        call(_no_ties(2, 3), -1, indices(4, below=3), _no_ties(2, 4), "mean"),
        call(_no_ties(2, 3), 1, indices(4, below=3), _no_ties(2, 4), "amax"),
        call(_no_ties(3), 0, indices(4, below=3), _no_ties(4), "amin", include_self=False),
    ),
)  # fmt: skip
def index_reduce(
    xp: Namespace,
    input: Array,
    dim: int,
    index: Array,
    source: Array,
    reduce: str,
    *,
    include_self: bool = True,
) -> Array:
    """``input`` combined with ``source`` at the places ``index``, a vector, along ``dim``."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    dim = check_source("index_reduce_", input, dim, index, source)
    size = input.shape[dim] if input.ndim else 1
    if index.size and (index.min() < 0 or index.max() >= size):
        raise IndexError(
            f"index out of range in self: dimension {dim} has size {size}, the index goes from "
            f"{index.min()} to {index.max()}"
        )
    places = places_of(xp, input.shape or (1,), dim, index)
    return _combined(xp, input, places, source, reduce, include_self)


@composite("index_reduce", inplace=True)
def _index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """``input`` combined with ``source`` at the places ``index``, a vector, along ``dim``.

    ``reduce`` is "prod", "mean", "amax" or "amin"; for sums see ``index_add``. With
    ``include_self=False`` places that are named forget what was there. Errors as of ``index_add``.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0, 3.0])
    >>> x.index_reduce(0, gl.tensor([0, 0]), gl.tensor([4.0, 5.0]), "prod")
    tensor([20.,  2.,  3.])
    """
    return index_reduce(input, dim, index, source, reduce, include_self=include_self)  # type: ignore[no-any-return]
