"""Order: sorting, the largest, and what else is found by sorting."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from gradlab import arrays, return_types
from gradlab.arrays import Array, Namespace
from gradlab.levels import by_numbers
from gradlab.op import OPS, composite, op
from gradlab.ops.shape import array_of, at, numbers_in
from gradlab.samples import call, draw, indices
from gradlab.tensor import Tensor, normal_dim
from gradlab.type_info import check_int

# ------------------------------------------------------------------ sorting


@op(
    latex=r"\mathrm{argsort}(input)",
    samples=(call(draw(2, 3)), call(draw(3), 0, True), call(draw())),
)
def argsort(
    xp: Namespace, input: Array, dim: int = -1, descending: bool = False, stable: bool = False
) -> Array:
    """Indices that would sort the tensor along ``dim``; equals keep their order.

    >>> import gradlab as gl
    >>> gl.tensor([3, 1, 2]).argsort()
    tensor([1, 2, 0])
    """
    dim = normal_dim(dim, input.ndim)
    _check_sortable(input, "Sort")
    if not input.ndim:
        return xp.zeros((), arrays.INT64)
    if not descending:
        return xp.argsort(input, dim, kind="stable")
    # Reversed before and after, so that equals keep their order and NaN comes first.
    order = xp.argsort(xp.flip(input, dim), dim, kind="stable")
    return xp.flip(input.shape[dim] - 1 - order, dim).copy()


_PICKED = (
    lambda g, xp, input_shape, dim, indices: xp.gather_backward(g, input_shape, dim, indices),
    r"g \text{ at } indices",
)


@op(
    latex=r"\mathrm{sort}(input)",
    grad=dict(input=_PICKED),
    node="SortBackward0",
    public=False,
    method=False,
    samples=(call(draw(2, 3), indices(2, 3, below=3), 1),),
)
def sort_picked(xp: Namespace, input: Array, indices: Array, dim: int) -> Array:
    """The elements in the order that ``indices`` give."""
    return xp.take_along_axis(input, indices, dim) if input.ndim else input.copy()


@op(
    latex=r"\mathrm{topk}(input)",
    grad=dict(input=_PICKED),
    node="TopkBackward0",
    public=False,
    method=False,
    samples=(call(draw(2, 3), indices(2, 2, below=3), 1),),
)
def topk_picked(xp: Namespace, input: Array, indices: Array, dim: int) -> Array:
    """The elements at ``indices``, where the largest are."""
    return xp.take_along_axis(input, indices, dim) if input.ndim else input.copy()


@op(
    latex=r"\mathrm{sort}(input)",
    grad=dict(input=_PICKED),
    node="SortBackward1",
    public=False,
    method=False,
    samples=(call(draw(2, 3), indices(2, 3, below=3), 1),),
)
def sort_picked_stably(xp: Namespace, input: Array, indices: Array, dim: int) -> Array:
    """The same where it was asked whether equals keep their order."""
    return OPS["sort_picked"].forward(xp, input, indices, dim)


def _check_sortable(array: Array, name: str) -> None:
    if array.dtype.kind == "c":
        raise RuntimeError(f" {name} does not support complex dtypes on CPU: sort by .abs()")


@composite()
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None
) -> Any:
    """The elements in order along ``dim``, and where each was: a pair (values, indices).

    Equals keep their order, ``stable`` or not; nan is larger than all.

    >>> import gradlab as gl
    >>> gl.sort(gl.tensor([3.0, 1.0, 2.0]))
    torch.return_types.sort(
    values=tensor([1., 2., 3.]),
    indices=tensor([1, 2, 0]))
    """
    array = array_of(input, "sort")
    dim = normal_dim(dim, array.ndim)
    _check_sortable(array, "Sort")
    order = argsort(input, dim, descending)
    pick = sort_picked if stable is None else sort_picked_stably
    return return_types.sort(pick(input, order, dim), order)


@composite()
def msort(input: Tensor) -> Tensor:
    """The elements in order along the first dimension.

    >>> import gradlab as gl
    >>> gl.msort(gl.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    array_of(input, "msort")
    return sort(input, 0)[0]  # type: ignore[no-any-return]


@composite()
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The ``k`` largest (or smallest) along ``dim``, in order, and where they are.

    Of equals, those at the front come first; which of them are among the ``k`` is not said, as in
    PyTorch. Raises RuntimeError where there are fewer than ``k``.

    >>> import gradlab as gl
    >>> gl.tensor([3.0, 1.0, 2.0]).topk(2).values
    tensor([3., 2.])
    """
    array = array_of(input, "topk")
    check_int("topk", "k", k, 2)
    dim = normal_dim(dim, array.ndim)
    size = array.shape[dim] if array.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(
            f"selected index k out of range: k is {k}, dimension {dim} has size {size}"
        )
    _check_sortable(array, "topk")
    if array.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU: convert it with .int()")
    order = _top(input, k, dim, largest)
    return return_types.topk(topk_picked(input, order, dim), order)


@by_numbers
def _top(input: Tensor, k: int, dim: int, largest: bool) -> Tensor:
    """Where the ``k`` largest or smallest are, in order: chosen first, which is cheap, then sorted.

    A few in long rows are taken one after the other: of 256 rows of 1,024, the 5 largest in 0.2 ms,
    which take 2 ms to choose together, and 6 to sort all.
    """
    array = input._array
    xp = arrays.array_module(array)
    if not array.ndim:
        return Tensor._wrap(xp.zeros((), arrays.INT64))
    size = array.shape[dim]
    if k <= 8 and size >= 128 and dim == array.ndim - 1:
        found = _one_by_one(xp, array, k, largest)
        if found is not None:
            return Tensor._wrap(found)
    part = at(dim, builtins.slice(size - k, None) if largest else builtins.slice(k))
    if 0 < k < size:
        chosen = xp.argpartition(array, size - k if largest else k - 1, dim)[part]
    else:
        chosen = xp.argsort(array, dim)[part]
    chosen = xp.sort(chosen, dim)  # of equals, those at the front come first
    if largest:  # reversed before and after, so that equals keep their order and nan comes first
        chosen = xp.flip(chosen, dim)
    ranks = xp.argsort(xp.take_along_axis(array, chosen, dim), dim, kind="stable")
    chosen = xp.take_along_axis(chosen, ranks, dim)
    return Tensor._wrap(xp.ascontiguousarray(xp.flip(chosen, dim) if largest else chosen))


def _one_by_one(xp: Namespace, array: Array, k: int, largest: bool) -> Array | None:
    """Where the ``k`` largest or smallest of each row are; None where what is crossed out shows."""
    limits = xp.finfo(array.dtype) if array.dtype.kind == "f" else xp.iinfo(array.dtype)
    crossed_out = limits.min if largest else limits.max
    find = xp.argmax if largest else xp.argmin
    left = xp.array(array, order="C").reshape(-1, array.shape[-1])
    rows = xp.arange(len(left))
    chosen = xp.empty((len(left), k), arrays.INT64)
    for i in range(k):
        chosen[:, i] = place = find(left, 1)
        value = left[rows, place]
        beyond = value <= crossed_out if largest else ~(value < crossed_out)  # nan is never least
        if beyond.any():
            return None
        left[rows, place] = crossed_out
    return chosen.reshape(*array.shape[:-1], k)


# ------------------------------------------------------------------ places in a sorted sequence


@composite(method=False)
@by_numbers
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where elements would have to be put into a sorted sequence so that it stays sorted.

    Before equals, or after them with ``right=True`` or ``side="right"``. The sequence is a vector,
    or has one for every row of ``input``; ``sorter`` sorts it first. Raises RuntimeError for other
    shapes.

    >>> import gradlab as gl
    >>> gl.searchsorted(gl.tensor([1, 3, 5]), gl.tensor([3, 4]))
    tensor([1, 2])
    """
    sequence = array_of(sorted_sequence, "searchsorted", "sorted_sequence")
    xp = arrays.array_module(sequence)
    values = input._array if isinstance(input, Tensor) else xp.asarray(input)
    _check_search(sequence, values, side, right)
    if sorter is not None:
        sequence = _sorted_by(xp, sequence, sorter._array)
    where = side or ("right" if right else "left")
    if sequence.ndim == 1:
        found = xp.searchsorted(sequence, values, where)
    else:
        rows = zip(
            sequence.reshape(-1, sequence.shape[-1]),
            values.reshape(-1, values.shape[-1]),
            strict=True,
        )
        found = xp.stack([xp.searchsorted(row, wanted, where) for row, wanted in rows])
        found = found.reshape(values.shape)
    return Tensor._wrap(xp.asarray(found).astype("int32" if out_int32 else "int64"))


def _check_search(sequence: Array, values: Array, side: str | None, right: bool) -> None:
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    if values.ndim == 0 and sequence.ndim != 1:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor "
            f"dimension is 1, but we got boundaries tensor dim({sequence.ndim}) and input value's "
            f"dim({values.ndim}) numel({values.size})"
        )
    if sequence.ndim != 1 and sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(sequence.shape)} and input value tensor {list(values.shape)}"
        )


def _sorted_by(xp: Namespace, sequence: Array, order: Array) -> Array:
    if order.shape != sequence.shape:
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
            f"tensor {list(sequence.shape)}and got sorter tensor {list(order.shape)}"
        )
    if order.dtype != arrays.INT64:
        raise RuntimeError(
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
            f"{arrays.dtype_of(order).type_name}"
        )
    if order.size and (order.min() < 0 or order.max() >= sequence.shape[-1]):
        raise RuntimeError(
            "torch.searchsorted(): sorter index out of range: it goes from "
            f"{int(order.min())} to {int(order.max())}"
        )
    return xp.take_along_axis(sequence, order, -1)


@composite(method=False)
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The number of the interval between sorted ``boundaries`` that each element is in.

    A boundary itself belongs to the interval before it, with ``right=True`` to the one after it.

    >>> import gradlab as gl
    >>> gl.bucketize(gl.tensor([0, 3, 9]), gl.tensor([1, 3, 5]))
    tensor([0, 1, 3])
    """
    ndim = array_of(boundaries, "bucketize", "boundaries").ndim
    if ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ different elements


def _no_gradient(name: str) -> dict[str, Any]:
    """Names in the graph, and an error for whoever goes back through it: as PyTorch does it."""

    def formula() -> Any:
        raise NotImplementedError(
            f"the derivative for '{name}' is not implemented. Detach the tensor first."
        )

    return dict(input=(formula, r"\text{none}"))


def _declare_different(name: str, node: str) -> Any:
    def forward(xp: Namespace, input: Array, found: Any) -> Array:
        return found

    forward.__name__ = name
    return op(
        latex=r"\mathrm{unique}(input)",
        grad=_no_gradient(name),
        node=node,
        public=False,
        method=False,
    )(forward)


_unique2 = _declare_different("_unique2", "Unique2Backward0")
_unique_dim = _declare_different("unique_dim", "UniqueDimBackward0")
_unique_run = _declare_different("_unique_consecutive", "UniqueConsecutiveBackward0")


def _answer(values: Tensor, inverse: Array, counts: Array, wanted: Sequence[bool]) -> Any:
    """The values, and after them what else was asked for."""
    pairs = zip((inverse, counts), wanted, strict=True)
    more = [Tensor._wrap(array.astype(arrays.INT64)) for array, asked in pairs if asked]
    return (values, *more) if more else values


@composite()
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements, sorted; with ``dim``, the different parts along that dimension.

    ``return_inverse``: also where each element is among them. ``return_counts``: also how often
    each occurs. There is no gradient.

    >>> import gradlab as gl
    >>> gl.unique(gl.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    array = numbers_in(input, "unique")
    if array.dtype.kind == "c":
        raise NotImplementedError(
            f"\"unique\" not implemented for '{arrays.dtype_of(array).type_name}': complex numbers "
            "have no order"
        )
    xp = arrays.array_module(array)
    wanted = (return_inverse, return_counts)
    options = dict(return_inverse=True, return_counts=True, equal_nan=False)
    if dim is None:
        found, inverse, counts = xp.unique(array, **options)
        return _answer(_unique2(input, found), inverse.reshape(array.shape), counts, wanted)
    dim = normal_dim(dim, array.ndim)
    if not array.ndim:
        found, inverse, counts = xp.unique(array, **options)
        return _answer(_unique_dim(input, found.reshape(())), inverse, counts, wanted)
    _check_not_empty(array, dim)
    if not array.size:
        none = xp.zeros(0, arrays.INT64)
        return _answer(_unique_dim(input, array.copy()), none, none, wanted)
    found, inverse, counts = xp.unique(array, axis=dim, **options)
    return _answer(_unique_dim(input, found), inverse.reshape(-1), counts, wanted)


def _check_not_empty(array: Array, dim: int) -> None:
    empty = array.shape.count(0)
    if empty > 1:
        raise RuntimeError(
            "Number of zero sized dimensions is more than one, so unique cannot be applied  "
            f"(shape {list(array.shape)})"
        )
    if empty and array.shape[dim]:
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied "
            f"(shape {list(array.shape)}, dim {dim})"
        )


@composite()
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements without those that equal the one before; with ``dim``, parts along it.

    Arguments as of ``unique``.

    >>> import gradlab as gl
    >>> gl.unique_consecutive(gl.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    array = numbers_in(input, "unique_consecutive")
    xp = arrays.array_module(array)
    along = 0 if dim is None else normal_dim(dim, array.ndim)
    parts = array.reshape(-1) if dim is None or not array.ndim else xp.moveaxis(array, along, 0)
    if dim is not None and array.ndim:
        _check_not_empty(array, along)
    count = parts.shape[0]
    rows = parts.reshape(count, -1) if parts.size else parts.reshape(count, 0)
    new = xp.ones(count, bool)
    new[1:] = (rows[1:] != rows[:-1]).any(1)
    starts = xp.nonzero(new)[0]
    counts = xp.diff(xp.concatenate([starts, xp.asarray([count])])) if count else starts
    inverse = xp.cumsum(new) - 1
    found = parts[starts]
    if dim is None:
        return _answer(
            _unique_run(input, found),
            inverse.reshape(array.shape),
            counts,
            (return_inverse, return_counts),
        )
    found = xp.moveaxis(found, 0, along) if array.ndim else found
    return _answer(_unique_run(input, found), inverse, counts, (return_inverse, return_counts))


@composite()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 on occurs in a vector; or what ``weights`` there add up to.

    At least ``minlength`` places. Raises RuntimeError for anything but a vector of integers that
    are not negative.

    >>> import gradlab as gl
    >>> gl.bincount(gl.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    array = numbers_in(input, "bincount")
    xp = arrays.array_module(array)
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0 (it is {minlength})")
    if array.dtype.kind not in "iu":
        raise NotImplementedError(
            f"\"bincount_cpu\" not implemented for '{arrays.dtype_of(array).type_name}': "
            "only integers are counted"
        )
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None or not array.size:
        return Tensor._wrap(xp.bincount(array, minlength=minlength).astype(arrays.INT64))
    heavy = weights._array
    if heavy.shape != array.shape:
        raise RuntimeError(
            "weights should be 1-d and have the same length as input: "
            f"{list(heavy.shape)} and {list(array.shape)}"
        )
    sums = xp.bincount(array, heavy, minlength)
    return Tensor._wrap(sums.astype(heavy.dtype if heavy.dtype == "float32" else "float64"))


@composite(method=False)
@by_numbers
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is one of ``test_elements``; with ``invert``, whether it is not.

    One of the two may be a number. Raises RuntimeError for bools.

    >>> import gradlab as gl
    >>> gl.isin(gl.tensor([1, 2, 3]), gl.tensor([2, 5]))
    tensor([False,  True, False])
    """
    given = [one for one in (elements, test_elements) if isinstance(one, Tensor)]
    if not given:
        raise TypeError(
            "isin() received an invalid combination of arguments - got "
            f"({type(elements).__name__}, {type(test_elements).__name__}): one must be a tensor"
        )
    xp = arrays.array_module(given[0]._array)
    both = [
        one._array if isinstance(one, Tensor) else xp.asarray(one)
        for one in (elements, test_elements)
    ]
    for array in both:
        if array.dtype.kind in "bc":
            kind = arrays.dtype_of(array).type_name
            raise RuntimeError(f"Unsupported input type encountered for isin(): {kind}")
    found = xp.isin(*both, assume_unique=False, invert=invert)
    return Tensor._wrap(arrays.as_array(found))
