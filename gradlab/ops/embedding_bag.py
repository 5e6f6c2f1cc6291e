"""Bags of rows of a table: their sums, means or largest elements, without the rows themselves.

``offsets`` says where in the list of row numbers each bag begins. A row that is the padding counts
as if it were not in the bag.
"""

from __future__ import annotations

from typing import Any

import numpy

from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.ops.embedding import check_indices
from gradlab.ops.index import added_along
from gradlab.samples import call, draw, indices
from gradlab.tensor import Tensor

MODES = ("sum", "mean", "max")
"""What is made of a bag; operations call it by its place."""

SUM, MEAN, MAX = range(3)


def _offsets(*starts: int) -> Tensor:
    return Tensor._wrap(numpy.array(starts))


def _to_weight(
    g: Any,
    xp: Any,
    weight_shape: tuple[int, ...],
    indices: Any,
    scale_grad_by_freq: bool,
    kind: int,
    per_sample_weights: Any,
    padding_idx: int,
    bags: Any,
    shares: Any,
    places: Any,
) -> Any:
    if kind == MAX:
        return xp.gather_backward(g * xp.unsqueeze(shares, 1), tuple(weight_shape), 0, places)
    if per_sample_weights is not None:
        shares = shares * per_sample_weights
    each = xp.index_select(g, 0, bags) * xp.unsqueeze(shares, 1)
    return xp.embedding_dense_backward(
        each, indices, weight_shape[0], padding_idx, scale_grad_by_freq
    )


def _to_factors(g: Any, xp: Any, weight: Any, indices: Any, bags: Any, shares: Any) -> Any:
    each = xp.index_select(g, 0, bags) * xp.index_select(weight, 0, indices)
    return xp.sum_dim(each, (1,)) * shares


_BY_OFFSETS = (draw(4, 2), indices(4, below=4))


@op(
    latex=r"\textstyle\sum_{i \in \text{bag}} {weight}_{i}",
    grad=dict(
        weight=(_to_weight, r"\textstyle\sum g \text{ of the bags that a row is in}"),
        per_sample_weights=(_to_factors, r"g \text{ of its bag} \cdot {weight}_{i}"),
    ),
    outputs=("output", "bags", "shares", "places"),
    saved=dict(mode="kind", kind=None, bags=None, shares=None, places=None),
    public=False,
    method=False,
    samples=(
        call(*_BY_OFFSETS, _offsets(0, 2, 2), False, SUM, False, draw(4), False, -1),
        call(*_BY_OFFSETS, _offsets(0, 1), False, MEAN, False),
        call(*_BY_OFFSETS, _offsets(0, 1, 4), False, MAX, False),
    ),
)
def embedding_bag(
    xp: Namespace,
    weight: Array,
    indices: Array,
    offsets: Array,
    scale_grad_by_freq: bool = False,
    kind: int = SUM,
    sparse: bool = False,
    per_sample_weights: Array | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> tuple[Array, ...]:
    """Each bag's result; ``nn.functional.embedding_bag`` says more.

    For the backward pass also: each index's bag, by how much each index counts (of the largest:
    each bag, 0 if it is empty), and from which rows the largest elements came.
    """
    _check(weight, indices, offsets, sparse, include_last_offset)
    starts = offsets[:-1] if include_last_offset else offsets
    bags = xp.searchsorted(starts, xp.arange(len(indices)), side="right") - 1
    counted = indices != padding_idx
    if kind == MAX:
        output, filled, places = _largest(xp, weight, indices, starts, bags, counted)
        return output, bags, filled.astype(weight.dtype), places
    shares = counted.astype(weight.dtype)
    each = weight.take(indices[counted], axis=0)
    if per_sample_weights is not None:
        each = each * per_sample_weights[counted][:, None]
    output = added_along(xp, each, (len(starts), weight.shape[1]), 0, bags[counted])
    if kind == MEAN:
        sizes = xp.bincount(bags[counted], minlength=len(starts))
        sizes = xp.maximum(sizes, 1).astype(weight.dtype)
        output = output / sizes[:, None]
        shares = shares / sizes[bags]
    return output, bags, shares, bags[:0]


def _largest(
    xp: Namespace, weight: Array, indices: Array, starts: Array, bags: Array, counted: Array
) -> tuple[Array, Array, Array]:
    """The largest elements, which bags are not empty, and the rows; of equals the first."""
    rank = xp.arange(len(indices)) - starts[bags]
    longest = int(rank.max()) + 1 if rank.size else 1
    rows = xp.full((len(starts), longest), -1)
    rows[bags[counted], rank[counted]] = indices[counted]
    values = xp.where((rows >= 0)[:, :, None], weight[rows], -xp.inf)
    first = values.argmax(1)
    places = rows[xp.arange(len(starts))[:, None], first]
    filled = (rows >= 0).any(1)
    places[~filled] = 0
    found = weight[places, xp.arange(weight.shape[1])]
    return xp.where(filled[:, None], found, weight.dtype.type(0)), filled, places


# ------------------------------------------------------------------ checks


def _check(
    weight: Array, indices: Array, offsets: Array, sparse: bool, include_last_offset: bool
) -> None:
    check_indices(indices, "embedding_bag")
    check_indices(offsets, "embedding_bag")
    if sparse:
        raise NotImplementedError(
            "gradlab has no sparse gradients: leave out sparse=True, the gradient is then a dense "
            "tensor with zeros in the other rows"
        )
    _check_offsets([int(start) for start in offsets.tolist()], len(indices), include_last_offset)
    outside = (indices < 0) | (indices >= len(weight))
    if outside.any():
        place = int(outside.argmax())
        raise RuntimeError(
            f"Index {place} of input takes value {int(indices[place])} which is not in the valid "
            f"range [0, {len(weight)})"
        )


def _check_offsets(offsets: list[int], count: int, include_last_offset: bool) -> None:
    """Raise the error for bags that don't follow each other from the first index to the last."""
    if include_last_offset and not offsets:
        raise RuntimeError(
            "include_last_offset: number of offsets should be at least 1, and there is none"
        )
    if not offsets:
        if count:
            raise RuntimeError(f"offsets is empty: the {count} indices are in no bag")
        return
    if offsets[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {offsets[0]}"
        )
    if offsets[-1] > count:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {count} but got offsets[-1] of "
            f"{offsets[-1]}"
        )
    if include_last_offset and offsets[-1] != count:
        raise RuntimeError(
            "Your input appears to be incorrect: the last offset value should be the size of the "
            f"indices tensor, but it seems not to be the case: {offsets[-1]} and {count}."
        )
    if sorted(offsets) != offsets:
        raise RuntimeError(
            f"offsets must not decrease, since a bag ends where the next begins: {offsets}"
        )
