"""Transformers: stacks of layers of attention and of small networks on each position."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

from gradlab.arrays import dtype as Dtype
from gradlab.grad_mode import is_grad_enabled
from gradlab.nn import functional, init
from gradlab.nn.attention import MultiheadAttention
from gradlab.nn.container import ModuleList
from gradlab.nn.dropout import Dropout
from gradlab.nn.functions.attention import canonical_mask
from gradlab.nn.linear import Linear
from gradlab.nn.module import Module
from gradlab.nn.normalization import LayerNorm
from gradlab.ops.creation import full
from gradlab.tensor import Tensor

Activation = Callable[[Any], Any]

# ------------------------------------------------------------------ layers


class _Layer(Module):
    """What the two kinds of layers share: a small network on each position, and how to add up."""

    def __init__(
        self,
        attentions: list[str],
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float,
        activation: str | Activation,
        layer_norm_eps: float,
        batch_first: bool,
        norm_first: bool,
        bias: bool,
        device: Any,
        dtype: Dtype | None,
    ) -> None:
        super().__init__()
        made = {"device": device, "dtype": dtype}
        for name in attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, **made
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        numbers = range(1, len(attentions) + 2)
        for number in numbers:
            setattr(self, f"norm{number}", LayerNorm(d_model, layer_norm_eps, bias=bias, **made))
        for number in numbers:
            setattr(self, f"dropout{number}", Dropout(dropout))
        self.activation = _activation(activation)

    def _added(self, number: int, x: Any, block: Callable[[Any], Any]) -> Any:
        """``x`` plus what a block makes of it; normed before the block, or after the sum."""
        norm, dropout = getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")
        if self.norm_first:
            return x + dropout(block(norm(x)))
        return norm(x + dropout(block(x)))

    def _network(self, x: Any) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


def _activation(given: str | Activation) -> Activation:
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    return getattr(functional, given)  # type: ignore[no-any-return]


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a small network; each is added to what it was given, and normed.

    The network goes through ``dim_feedforward`` features and ``activation`` (``"relu"``,
    ``"gelu"`` or a function). With ``norm_first`` blocks get normed inputs instead. Called with
    (L, N, d_model), with ``batch_first`` (N, L, d_model); masks as of ``MultiheadAttention``.

    >>> import gradlab as gl
    >>> TransformerEncoderLayer(d_model=8, nhead=2)(gl.ones(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    self_attn: MultiheadAttention

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(
            ["self_attn"], d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
            batch_first, norm_first, bias, device, dtype,
        )  # fmt: skip

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        padding = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", src_mask, "src_mask", src.dtype
        )
        mask = canonical_mask(src_mask, "src_mask", None, "", src.dtype)

        def attend(x: Any) -> Any:
            return self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)[0]

        x = self._added(1, src, attend)
        return self._added(2, x, self._network)  # type: ignore[no-any-return]


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention on what an encoder made, then a small network.

    Arguments as of ``TransformerEncoderLayer``. Called with a target and the encoder's memory.

    >>> import gradlab as gl
    >>> TransformerDecoderLayer(d_model=8, nhead=2)(gl.ones(4, 3, 8), gl.ones(5, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(
            ["self_attn", "multihead_attn"], d_model, nhead, dim_feedforward, dropout, activation,
            layer_norm_eps, batch_first, norm_first, bias, device, dtype,
        )  # fmt: skip

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Any) -> Any:
            return self.self_attn(
                x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal
            )[0]

        def look(x: Any) -> Any:
            return self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask,
                is_causal=memory_is_causal,
            )[0]  # fmt: skip

        x = self._added(2, self._added(1, tgt, attend), look)
        return self._added(3, x, self._network)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ stacks


class TransformerEncoder(Module):
    """A stack of copies of an encoder layer, all starting from the same weights.

    ``norm`` is applied at the end. Nested tensors don't exist here, but what one sees of them does:
    in evaluation without gradients, what ``src_key_padding_mask`` hides at the ends comes out as
    zeros, unless ``enable_nested_tensor`` is False.

    >>> import gradlab as gl
    >>> layer = TransformerEncoderLayer(d_model=8, nhead=2, batch_first=True)
    >>> TransformerEncoder(layer, num_layers=2)(gl.ones(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        reason = _why_not_nested(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not reason
        if enable_nested_tensor and reason:
            warnings.warn(
                "enable_nested_tensor is True, but self.use_nested_tensor is False because "
                f"encoder_layer{reason}",
                stacklevel=2,
            )

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        padding: Any = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", mask, "mask", src.dtype
        )
        mask = canonical_mask(mask, "mask", None, "", src.dtype)
        first: Any = self.layers[0]
        causal = _is_causal(mask, is_causal, src, first.self_attn.batch_first)
        output = src
        for layer in self.layers:
            output = layer(output, mask, padding, is_causal=causal)
        if mask is None and padding is not None and self._leaves_out(src, padding):
            output = output.masked_fill((padding != 0).unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)  # type: ignore[no-any-return]

    def _leaves_out(self, src: Any, padding: Any) -> bool:
        """Whether PyTorch would compute what is no padding in a nested tensor, and nothing else."""
        first: Any = self.layers[0]
        if not self.use_nested_tensor or first.training or src.dim() != 3:
            return False
        hidden = padding != 0
        if self.mask_check and bool((hidden[:, :-1] & ~hidden[:, 1:]).any()):
            return False
        tensors = (src, *first.parameters())
        return not (is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))


def _why_not_nested(layer: Any) -> str:
    """PyTorch's reason to do without nested tensors, of which it warns."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    if layer.norm_first:
        return ".norm_first was True"
    if not layer.self_attn.batch_first:
        return (
            ".self_attn.batch_first was not True(use batch_first for better inference performance)"
        )
    if layer.self_attn.in_proj_bias is None:
        return ".self_attn was passed bias=False"
    known = (functional.relu, functional.gelu)
    if layer.activation not in known and type(layer.activation).__name__ not in ("ReLU", "GELU"):
        return ".activation_relu_or_gelu was not True"
    return ".self_attn.num_heads is odd" if layer.self_attn.num_heads % 2 else ""


class TransformerDecoder(Module):
    """A stack of copies of a decoder layer, all starting from the same weights.

    >>> import gradlab as gl
    >>> decoder = TransformerDecoder(TransformerDecoderLayer(d_model=8, nhead=2), num_layers=2)
    >>> decoder(gl.ones(4, 3, 8), gl.ones(5, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        first: Any = self.layers[0]
        causal = _is_causal(tgt_mask, tgt_is_causal, tgt, first.self_attn.batch_first)
        output = tgt
        for layer in self.layers:
            output = layer(
                output, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
                memory_key_padding_mask, causal, memory_is_causal,
            )  # fmt: skip
        return output if self.norm is None else self.norm(output)  # type: ignore[no-any-return]


def _copies(module: Module, count: int) -> ModuleList:
    return ModuleList(copy.deepcopy(module) for _ in range(count))


def _is_causal(mask: Any, hint: bool | None, input: Any, batch_first: bool) -> bool:
    """The hint, or, without one, whether the mask is the one that hides what comes later."""
    if hint is not None or mask is None:
        return hint is True
    length = input.shape[1 if batch_first and input.dim() == 3 else 0]
    if tuple(mask.shape) != (length, length):
        return False
    later = Transformer.generate_square_subsequent_mask(length, mask.device, mask.dtype)
    return bool((mask == later).all())


class Transformer(Module):
    """An encoder and a decoder: from a source and a target to the target's next positions.

    ``custom_encoder`` and ``custom_decoder`` take the place of the stacks. Weights with more than
    one dimension are drawn by ``init.xavier_uniform_``.

    >>> import gradlab as gl
    >>> model = Transformer(8, nhead=2, num_encoder_layers=1, batch_first=True)
    >>> model(gl.ones(3, 5, 8), gl.ones(3, 4, 8)).shape
    torch.Size([3, 4, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = functional.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        options = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*options), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*options), num_decoder_layers, norm()
        )
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch) != tgt.size(batch):
            raise RuntimeError(
                "the batch number of src and tgt must be equal, and they are "
                f"{src.size(batch)} and {tgt.size(batch)}"
            )
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError(
                "the feature number of src and tgt must be equal to d_model: they are "
                f"{src.size(-1)} and {tgt.size(-1)}, it is {self.d_model}"
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(  # type: ignore[no-any-return]
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: Any = None, dtype: Dtype | None = None
    ) -> Tensor:
        """The mask that hides from each position those after it: minus infinity there, else 0.

        >>> Transformer.generate_square_subsequent_mask(3)
        tensor([[0., -inf, -inf],
                [0., 0., -inf],
                [0., 0., 0.]])
        """
        hidden: Any = full((sz, sz), -math.inf, dtype=dtype, device=device)
        return hidden.triu(1)  # type: ignore[no-any-return]
