"""Attention with several heads, as a layer."""

from __future__ import annotations

from typing import Any

from gradlab.arrays import dtype as Dtype
from gradlab.nn import functional, init
from gradlab.nn.functions.attention import canonical_mask
from gradlab.nn.linear import Linear
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.ops.creation import empty
from gradlab.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """``Linear``, under the name that PyTorch prints for the one at the end of attention.

    >>> NonDynamicallyQuantizableLinear(2, 3)
    NonDynamicallyQuantizableLinear(in_features=2, out_features=3, bias=True)
    """


class MultiheadAttention(Module):
    """Attention of ``num_heads`` heads, each on its share of ``embed_dim`` features.

    Queries, keys and values are projected, attention is computed in each head, and the heads'
    results are projected together. ``kdim`` and ``vdim``: how many features keys and values have,
    if not as many as queries. ``add_bias_kv`` and ``add_zero_attn`` add a position of parameters
    and one of zeros to keys and values. ``dropout`` is that of the weights while training.

    Called with a query (L, N, E), a key and a value (S, N, E), with ``batch_first`` (N, L, E), or
    without a batch, it returns the result and, unless ``need_weights`` is False, the weights of
    each query (N, L, S), or of each head too without ``average_attn_weights``.
    ``key_padding_mask`` (N, S) hides keys, ``attn_mask`` (L, S) or (N · heads, L, S) hides keys
    from queries: where it is True, or by adding its numbers. ``is_causal`` says that the mask is
    that of ``Transformer.generate_square_subsequent_mask``.

    >>> import gradlab as gl
    >>> x = gl.ones(5, 2, 8)
    >>> out, weights = MultiheadAttention(8, num_heads=2)(x, x, x)
    >>> out.shape, weights.shape
    (torch.Size([5, 2, 8]), torch.Size([2, 5, 5]))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(
                f"embed_dim must be divisible by num_heads, and {embed_dim} is not by {num_heads}"
            )
        apart = not self._qkv_same_embed_dim
        sizes = {
            "q_proj_weight": (embed_dim, embed_dim) if apart else None,
            "k_proj_weight": (embed_dim, self.kdim) if apart else None,
            "v_proj_weight": (embed_dim, self.vdim) if apart else None,
            "in_proj_weight": None if apart else (3 * embed_dim, embed_dim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
        }
        made = {"device": device, "dtype": dtype}
        self._register(sizes, made)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        more = (1, 1, embed_dim) if add_bias_kv else None
        self._register({"bias_k": more, "bias_v": more}, made)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    @property
    def _qkv_same_embed_dim(self) -> bool:
        """Whether queries, keys and values have as many features, so that one matrix does."""
        return self.kdim == self.embed_dim and self.vdim == self.embed_dim

    def _register(self, sizes: dict[str, Any], made: dict[str, Any]) -> None:
        for name, size in sizes.items():
            parameter = None if size is None else Parameter(empty(size, **made))
            self.register_parameter(name, parameter)

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)  # type: ignore[arg-type]
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        key_padding_mask = canonical_mask(
            key_padding_mask, "key_padding_mask", attn_mask, "attn_mask", query.dtype
        )
        attn_mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype)
        turned = self.batch_first and query.dim() == 3
        if turned:
            turned_once = {id(x): x.transpose(1, 0) for x in (query, key, value)}
            query, key, value = (turned_once[id(x)] for x in (query, key, value))
        out, weights = functional.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (out.transpose(1, 0) if turned else out), weights
