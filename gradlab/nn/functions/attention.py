"""Attention with several heads, as a function."""

from __future__ import annotations

import math
import warnings
from typing import Any

from gradlab import arrays
from gradlab.ops.attention import scaled_dot_product_attention
from gradlab.ops.join import cat
from gradlab.ops.linalg import linear
from gradlab.ops.pad import pad
from gradlab.ops.pointwise import mul
from gradlab.ops.products import baddbmm
from gradlab.ops.recurrent import dropout_noise
from gradlab.tensor import Tensor

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What ``nn.MultiheadAttention`` computes, with weights that are given.

    Shapes are (L, N, E), without a batch (L, E). Raises AssertionError or RuntimeError where
    shapes don't match.

    >>> import gradlab as gl
    >>> x, w = gl.ones(3, 1, 2), gl.ones(6, 2)
    >>> out, weights = multi_head_attention_forward(
    ...     x, x, x, 2, 1, w, None, None, None, False, 0.0, gl.eye(2), None)
    >>> out.shape, weights.shape
    (torch.Size([3, 1, 2]), torch.Size([1, 3, 3]))
    """
    is_batched = _check_dims(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not is_batched:
        query, key, value = (one.unsqueeze(1) for one in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    key_padding_mask = canonical_mask(
        key_padding_mask, "key_padding_mask", attn_mask, "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # which is_causal says shorter
    else:
        attn_mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype)
        is_causal = is_causal and key_padding_mask is None

    head_dim = _head_size(embed_dim, embed_dim_to_check, num_heads)
    _check_keys(key, value, use_separate_proj_weight)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    if use_separate_proj_weight:
        q, k, v = _projected_apart(query, key, value, separate, in_proj_bias)
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _mask_of_heads(attn_mask, (batch * num_heads, length, key.shape[0]))

    if bias_k is not None and bias_v is not None:
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    heads = (batch * num_heads, head_dim)
    q = q.view(length, *heads).transpose(0, 1)
    k = _as_heads(k, heads) if static_k is None else static_k
    v = _as_heads(v, heads) if static_v is None else static_v
    if add_zero_attn:
        k, v = _with_zeros(k), _with_zeros(v)
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    if key_padding_mask is not None:
        attn_mask = _merged(attn_mask, key_padding_mask, batch, num_heads, k.size(1))

    p = dropout_p if training else 0.0
    shape = (batch, num_heads, length, head_dim)
    if need_weights:
        mixed, weights = _with_weights(q, k, v, attn_mask, p, embed_dim)
        weights = weights.view(batch, num_heads, length, k.size(1))
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        weights = None
        mixed = _without_weights(q, k, v, attn_mask, p, is_causal, shape)
    out: Any = linear(mixed, out_proj_weight, out_proj_bias)
    out = out.view(length, batch, out.size(1))
    if is_batched:
        return out, weights
    return out.squeeze(1), None if weights is None else weights.squeeze(0)


# ------------------------------------------------------------------ the steps


def _projected(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
    """Queries, keys and values, by one matrix: in one product for those that are one tensor."""
    size = query.size(-1)
    if key is value and query is key:
        return _parted(linear(query, weight, bias), 3)
    if key is value:
        w_q, w_kv = weight.split([size, 2 * size])
        b_q, b_kv = (None, None) if bias is None else bias.split([size, 2 * size])
        return linear(query, w_q, b_q), *_parted(linear(key, w_kv, b_kv), 2)
    weights = weight.chunk(3)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    pairs = zip((query, key, value), weights, biases, strict=True)
    return tuple(linear(x, w, b) for x, w, b in pairs)


def _parted(joined: Any, count: int) -> tuple[Any, ...]:
    """The parts of the last dimension, each in order in memory."""
    parts = joined.unflatten(-1, (count, joined.size(-1) // count))
    parts = parts.unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
    return tuple(parts[i] for i in range(count))


def _projected_apart(
    query: Any, key: Any, value: Any, weights: tuple[Any, ...], bias: Any
) -> tuple[Any, ...]:
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    size = query.size(-1)
    found = []
    for name, x, w, b in zip(
        ("query", "key", "value"), (query, key, value), weights, biases, strict=True
    ):
        if tuple(w.shape) != (size, x.size(-1)):
            raise AssertionError(
                f"expecting {name} weights shape of {(size, x.size(-1))}, but got {w.shape}"
            )
        found.append(linear(x, w, b))
    return tuple(found)


def _as_heads(tensor: Any, heads: tuple[int, int]) -> Any:
    return tensor.view(tensor.shape[0], *heads).transpose(0, 1)


def _with_zeros(tensor: Any) -> Any:
    """A position more, of zeros."""
    return cat([tensor, tensor.new_zeros((tensor.size(0), 1, tensor.size(2)))], 1)


def _one_more(mask: Any) -> Any:
    """A mask for a position more, which is seen."""
    return None if mask is None else pad(mask, (0, 1))


def _merged(mask: Any, of_keys: Any, batch: int, num_heads: int, length: int) -> Any:
    """The mask of keys for every head, added to the other mask."""
    if tuple(of_keys.shape) != (batch, length):
        where, wanted = (0, batch) if of_keys.shape[0] != batch else (1, length)
        raise AssertionError(
            f"Expected key_padded_mask.shape[{where}] to be {wanted}, "
            f"but got {of_keys.shape[where]}"
        )
    wide = of_keys.view(batch, 1, 1, length).expand(-1, num_heads, -1, -1)
    wide = wide.reshape(batch * num_heads, 1, length)
    return wide if mask is None else mask + wide


def _with_weights(q: Any, k: Any, v: Any, mask: Any, p: float, embed_dim: int) -> tuple[Any, Any]:
    """(L · N, E) of mixtures, and by which weights they were mixed."""
    scaled = q * math.sqrt(1.0 / q.size(2))
    scores = (
        scaled.bmm(k.transpose(-2, -1))
        if mask is None
        else baddbmm(mask, scaled, k.transpose(-2, -1))
    )
    weights = scores.softmax(-1)
    if p > 0:
        weights = mul(weights, dropout_noise(weights._array.shape, p, weights))
    return weights.bmm(v).transpose(0, 1).reshape(-1, embed_dim), weights


def _without_weights(
    q: Any, k: Any, v: Any, mask: Any, p: float, is_causal: bool, shape: tuple[int, ...]
) -> Any:
    """(L · N, E) of mixtures, by attention in one."""
    batch, num_heads, length, head_dim = shape
    if mask is not None:
        if mask.size(0) == 1 and mask.dim() == 3:
            mask = mask.unsqueeze(0)
        else:
            mask = mask.view(batch, num_heads, -1, k.size(1))
    of_keys = (batch, num_heads, k.size(1), head_dim)
    mixed: Any = scaled_dot_product_attention(
        q.view(shape), k.view(of_keys), v.view(of_keys), mask, p, is_causal
    )
    return mixed.permute(2, 0, 1, 3).reshape(batch * length, num_heads * head_dim)


# ------------------------------------------------------------------ checks


def canonical_mask(
    mask: Any, name: str, other: Any, other_name: str, dtype: arrays.dtype
) -> Tensor | None:
    """A mask as numbers to add: minus infinity where a mask of bools is True.

    Warns where ``other``, another mask, has another dtype. Raises AssertionError for integers.
    """
    if mask is None:
        return None
    is_float = mask.is_floating_point()
    if mask.dtype is not arrays.bool_ and not is_float:
        raise AssertionError(
            f"only bool and floating types of {name} are supported, and this one is {mask.dtype}"
        )
    if other is not None and mask.dtype is not other.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for "
            "both instead.",
            stacklevel=3,
        )
    if is_float:
        return mask  # type: ignore[no-any-return]
    zeros = mask.new_zeros(mask.shape, dtype=dtype)
    return zeros.masked_fill_(mask, -math.inf)  # type: ignore[no-any-return]


def _check_dims(
    query: Any, key: Any, value: Any, key_padding_mask: Any, mask: Any, num_heads: int
) -> bool:
    """Whether there is a batch; AssertionError where not all agree on that."""
    dims = query.dim()
    if dims not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor"
        )
    what = f"For {'batched (3-D)' if dims == 3 else 'unbatched (2-D)'} `query`, expected "
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"{what}`key` and `value` to be {dims}-D but found {key.dim()}-D and {value.dim()}-D "
            "tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != dims - 1:
        raise AssertionError(
            f"{what}`key_padding_mask` to be `None` or {dims - 1}-D but found "
            f"{key_padding_mask.dim()}-D tensor instead"
        )
    if mask is not None and mask.dim() not in (2, 3):
        raise AssertionError(
            f"{what}`attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D tensor instead"
        )
    if mask is not None and dims == 2 and mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if tuple(mask.shape) != expected:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {expected} but got {mask.shape}"
            )
    return dims == 3  # type: ignore[no-any-return]


def _head_size(embed_dim: int, expected: int, num_heads: int) -> int:
    if embed_dim != expected:
        raise AssertionError(
            f"was expecting embedding dimension of {expected}, but got {embed_dim}"
        )
    if embed_dim % num_heads:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    return embed_dim // num_heads


def _check_keys(key: Any, value: Any, separate: bool) -> None:
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _mask_of_heads(mask: Any, size: tuple[int, int, int]) -> Any:
    """A mask with a dimension for heads."""
    if mask is None:
        return None
    expected = size[1:] if mask.dim() == 2 else size
    if tuple(mask.shape) != expected:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {expected}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask
