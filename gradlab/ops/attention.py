"""Scaled dot-product attention: what each query takes from the values, by how its key fits.

Where PyTorch's is one node (four-dimensional tensors of one head size, no dropout, a mask without a
gradient) it is one here, with a backward pass written by hand; else it is the operations that it is
made of. In one node the weights are kept as they come from the exponential, not yet divided by
their sums: what the division would be done to a matrix of (queries, keys) is done to one of
(queries, features) in both passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy

from gradlab import arrays, engine
from gradlab.arrays import Array, Namespace, dtype_of
from gradlab.grad_mode import enable_grad
from gradlab.levels import innermost
from gradlab.op import OPS, op
from gradlab.ops.by_number import times
from gradlab.ops.linalg import matmul
from gradlab.ops.pointwise import mul
from gradlab.ops.recurrent import dropout_noise
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ the function


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query @ keyᵀ · scale + attn_mask) @ value``: for each query a mixture of values.

    Shapes are (…, L, E), (…, S, E) and (…, S, Ev); the result's is (…, L, Ev). ``scale`` is 1/√E
    if not given. Where a mask of bools is False, or with ``is_causal`` after its own position, a
    query takes nothing; a mask of numbers is added. ``dropout_p`` is the probability with which
    weights are dropped, in evaluation too. With ``enable_gqa``, a head of keys and values serves
    several heads of queries. Raises RuntimeError where shapes or dtypes don't match.

    >>> import gradlab as gl
    >>> q = gl.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> scaled_dot_product_attention(q, q, q, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    _check(query, key, value, attn_mask, dropout_p)
    if enable_gqa:
        key, value = _shared_heads(query, key, value)
    if attn_mask is not None and attn_mask.dtype is arrays.bool_:
        attn_mask = _additive(attn_mask, query)
    elif attn_mask is not None:
        attn_mask = attn_mask.to(query.dtype)
    scale = 1 / math.sqrt(query._array.shape[-1] or 1) if scale is None else float(scale)
    if dropout_p == 0 and _is_one_node(query, key, value, attn_mask):
        tensors = [query, key, value, *([] if attn_mask is None else [attn_mask])]
        return OPS["attention"].function(tensors, is_causal, scale)[0]  # type: ignore[no-any-return]
    return _by_operations(query, key, value, attn_mask, dropout_p, is_causal, scale)


def _check(query: Any, key: Any, value: Any, mask: Any, dropout_p: float) -> None:
    tensors = {"query": query, "key": key, "value": value}
    for position, (name, tensor) in enumerate(tensors.items(), start=1):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"scaled_dot_product_attention(): argument '{name}' (position {position}) must be "
                f"Tensor, not {type(tensor).__name__}"
            )
    one, two, three = (dtype_of(t._array) for t in tensors.values())
    if not one is two is three:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{_c_name(one)} key.dtype: {_c_name(two)} and value.dtype: {_c_name(three)} instead."
        )
    dims = [tensor.dim() for tensor in tensors.values()]
    if min(dims) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{dims[0]} key.dim: {dims[1]} and value.dim: {dims[2]} instead."
        )
    if mask is not None and mask.dtype not in (arrays.bool_, arrays.float32, one):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {_c_name(mask.dtype)} and  query.dtype: {_c_name(one)} instead."
        )
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")


def _c_name(dtype: arrays.dtype) -> str:
    names = {"float16": "c10::Half", "float32": "float", "float64": "double", "int64": "long int"}
    return names.get(dtype.name, dtype.name)


def _shared_heads(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """Keys and values with each head as often as there are queries' heads for it."""
    found = []
    for tensor in (key, value):
        heads, own = query.size(-3), tensor.size(-3)
        if own == 0 or heads % own:
            raise RuntimeError(
                "Number of heads in key and value must divide the number of heads in query: "
                f"{own} doesn't divide {heads}"
            )
        found.append(tensor if own == heads else tensor.repeat_interleave(heads // own, -3))
    return found[0], found[1]


def _additive(mask: Any, like: Any) -> Tensor:
    """A mask of bools as numbers to add: 0 where it is True, else minus infinity."""
    zeros = like.new_zeros(mask.shape)
    return zeros.masked_fill(mask.logical_not(), -math.inf)  # type: ignore[no-any-return]


def _is_one_node(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    """Whether PyTorch's attention of such tensors is one node; not inside of transformations."""
    if innermost(query, key, value, mask) is not None:
        return False
    q, k, v = query._array, key._array, value._array
    return (
        q.ndim == k.ndim == v.ndim == 4
        and q.shape[:2] == k.shape[:2] == v.shape[:2]
        and k.shape[2] == v.shape[2]
        and q.shape[3] == k.shape[3] == v.shape[3]
        and q.dtype in _SMALL
        and 0 not in (q.shape[2], k.shape[2])
        and (mask is None or (not mask.requires_grad and _mask_fits(mask._array, q, k)))
    )


def _mask_fits(mask: Array, q: Array, k: Array) -> bool:
    full = (*q.shape[:3], k.shape[2])
    own = mask.shape
    known = own[0] in (1, full[0]) and own[1] in (1, full[1]) if len(own) == 4 else len(own) == 2
    return known and own[-2] in (1, full[2]) and own[-1] in (1, full[3])


# ------------------------------------------------------------------ by operations


def _by_operations(
    query: Any, key: Any, value: Any, mask: Any, dropout_p: float, is_causal: bool, scale: float
) -> Tensor:
    if is_causal:
        if mask is not None:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
                "is_causal=True"
            )
        shape = (query.size(-2), key.size(-2))
        mask = _additive(query.new_ones(shape, dtype=arrays.bool_).tril(), query)
    if query.dtype is arrays.float16:  # of which products are often none
        query, key, value = query.float(), key.float(), value.float()
        mask = None if mask is None else mask.float()
        result: Any = _by_operations(query, key, value, mask, dropout_p, False, scale)
        return result.to(arrays.float16)  # type: ignore[no-any-return]
    root = math.sqrt(abs(scale))  # to both: products stay in range
    left = times(query, root if scale >= 0 else -root)
    scores: Any = matmul(left, times(key.transpose(-2, -1), root))
    if mask is not None:
        scores = scores + mask
    weights: Any = safe_softmax(scores, -1)
    if dropout_p > 0:
        weights = mul(weights, dropout_noise(weights._array.shape, dropout_p, weights))
    return matmul(weights, value)  # type: ignore[no-any-return]


@op(
    latex=r"\frac{e^{input}}{\sum e^{input}}",
    grad=dict(
        input=(
            lambda g, xp, out, dim: out * (g - xp.sum_dim(g * out, (dim,), True)),
            r"out \, (g - \textstyle\sum g \cdot out)",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(2, 3), -1), call(draw(2, 3), 0)),
)
def safe_softmax(xp: Namespace, input: Array, dim: int) -> Array:
    """Softmax; zeros where everything is minus infinity."""
    if not input.size:
        return input.copy()
    top = xp.max(input, axis=dim, keepdims=True)
    powers = xp.exp(input - xp.where(xp.isneginf(top), 0, top))
    sums = xp.add.reduce(powers, axis=dim, keepdims=True)
    return powers / xp.where(sums == 0, 1, sums).astype(input.dtype, copy=False)


# ------------------------------------------------------------------ in one


def _attention_gradients(
    g: Any,
    tensors: Sequence[Any],
    output: Any,
    powers: Any,
    sums: Any,
    is_causal: bool,
    scale: float,
) -> Sequence[Any]:
    if isinstance(g, Tensor):
        return _gradients_by_operations(g, tensors, is_causal, scale)
    q, k, v = tensors[:3]
    library = arrays.array_module(g)
    share = g / sums
    along = _row_sums(library, share * output)
    d_v = library.empty_like(v)
    library.matmul(powers.swapaxes(-1, -2), share, out=d_v)
    slopes = library.matmul(share, v.swapaxes(-1, -2))
    slopes -= along
    slopes *= powers
    d_q, d_k = library.empty_like(q), library.empty_like(k)
    library.matmul(slopes, k, out=d_q)
    d_q *= q.dtype.type(scale)
    library.matmul(slopes.swapaxes(-1, -2), q, out=d_k)
    d_k *= q.dtype.type(scale)
    return [d_q, d_k, d_v, None][: len(tensors)]


def _gradients_by_operations(
    g: Tensor, tensors: Sequence[Any], is_causal: bool, scale: float
) -> Sequence[Any]:
    """The gradients with a history of their own: those of the operations it is made of."""
    with enable_grad():
        own = [one.view_as(one) for one in tensors]  # to differentiate by these, and no further
        mask = own[3] if len(own) > 3 else None
        if is_causal and mask is not None:
            shape = (own[0].size(-2), own[1].size(-2))
            allowed = own[0].new_ones(shape, dtype=arrays.bool_).tril()
            mask = mask + _additive(allowed, mask)
        q, k, v = own[:3]
        result = _by_operations(q, k, v, mask, 0.0, is_causal and mask is None, scale)
        needed = [one for one in own if one.requires_grad]
        found = iter(engine.grad(result, needed, g, create_graph=True, allow_unused=True))
    return [next(found) if one.requires_grad else None for one in own]


def _row_sums(xp: Namespace, array: Array) -> Array:
    """The sums over the last dimension, which stays with size 1: a product with ones."""
    return xp.matmul(array, xp.ones((array.shape[-1], 1), array.dtype))


_SMALL = {numpy.dtype("float32"): 40.0, numpy.dtype("float64"): 300.0}
"""Numbers up to which an exponential, and many times it, is far from overflow and from 0."""


@op(
    latex=r"\mathrm{softmax}(scale \cdot q \, k^{\mathsf T}) \, v",
    grad=dict(
        tensors=(
            lambda arrived, tensors, output, powers, sums, is_causal, scale: _attention_gradients(
                arrived[0], tensors, output, powers, sums, is_causal, scale
            ),
            r"\bar{v} = p^{\mathsf T} g, \quad "
            r"\bar{s} = p \, (g \, v^{\mathsf T} - g \cdot output), \quad "
            r"\bar{q} = scale \cdot \bar{s} \, k, \quad "
            r"\bar{k} = scale \cdot \bar{s}^{\mathsf T} q",
        )
    ),
    node="ScaledDotProductFlashAttentionForCpuBackward0",
    outputs=("output", "powers", "sums"),
    public=False,
    method=False,
)
def attention(
    xp: Namespace, tensors: list[Array], is_causal: bool, scale: float
) -> tuple[Array, Array, Array]:
    """Attention of a query, a key and a value (N, heads, L, E), and a mask to add, if any.

    For the backward pass also what the exponentials are, and their sums.
    """
    q, k, v = tensors[:3]
    scores = xp.matmul(q * q.dtype.type(scale), k.swapaxes(-1, -2))
    limit = _SMALL.get(q.dtype, 0.0)
    # Most scores are small: then there is no need to look for the largest of each row.
    is_small = xp is numpy and len(tensors) == 3 and -limit < scores.min() <= scores.max() < limit
    if len(tensors) > 3:
        scores += tensors[3]
    if is_causal:
        scores += xp.triu(xp.full(scores.shape[-2:], -math.inf, q.dtype), 1)
    if not is_small:
        top = xp.max(scores, axis=-1, keepdims=True)
        scores -= xp.where(xp.isneginf(top), 0, top).astype(q.dtype, copy=False)
    powers = xp.exp(scores, out=scores)
    sums = _row_sums(xp, powers)
    if len(tensors) > 3:
        sums[sums == 0] = 1  # a row where all is masked
    output = xp.empty_like(q)
    xp.matmul(powers, v, out=output)
    output /= sums
    return output, powers, sums
