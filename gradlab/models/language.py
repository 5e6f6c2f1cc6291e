"""Networks that write: given the beginning of a text, they say what may come next.

A text is a row of tokens, which are numbers from 0 on; for a small model every character is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradlab import nn
from gradlab.generator import Generator
from gradlab.grad_mode import no_grad
from gradlab.nn import functional as F
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ one token after the other


class _Writer(nn.Module):
    """What both kinds of model have in common: writing on."""

    def _written(
        self,
        tokens: Any,
        count: int,
        next_logits: Callable[[Any], Any],
        temperature: float,
        top_k: int | None,
        generator: Generator | None,
    ) -> Tensor:
        """``count`` tokens more, each drawn by what ``next_logits`` says of all before it."""
        if temperature < 0:
            raise ValueError(f"temperature should be 0 or more, but got {temperature}")
        was_training = self.training
        self.eval()
        try:
            with no_grad():
                for _ in range(count):
                    chosen = _drawn(next_logits(tokens), temperature, top_k, generator)
                    tokens = FUNCTIONS["cat"]([tokens, chosen], 1)
        finally:
            self.train(was_training)
        return tokens  # type: ignore[no-any-return]


def _drawn(logits: Any, temperature: float, top_k: int | None, generator: Generator | None) -> Any:
    """A token for each row of (N, vocabulary) logits, as a column."""
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    logits = logits / temperature
    if top_k is not None:
        least = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -math.inf)
    return FUNCTIONS["multinomial"](logits.softmax(-1), 1, generator=generator)


# ------------------------------------------------------------------ with a memory


class CharRNN(_Writer):
    """A recurrent network that reads token after token and remembers: ``kind`` LSTM, GRU or RNN.

    Input: tokens, (N, length), and the memory that an earlier call returned, if any. Output: for
    each place the logits of the token that follows, (N, length, ``vocab_size``), and the memory.
    Raises ValueError for another ``kind``.

    >>> import gradlab as gl
    >>> logits, memory = CharRNN(vocab_size=10)(gl.zeros(2, 5, dtype=gl.int64))
    >>> logits.shape
    torch.Size([2, 5, 10])
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 32,
        hidden_size: int = 128,
        num_layers: int = 1,
        kind: str = "LSTM",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        kinds: dict[str, Any] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
        if kind not in kinds:
            raise ValueError(f"kind should be one of {', '.join(kinds)}, but got {kind!r}")
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.rnn = kinds[kind](
            embedding_dim, hidden_size, num_layers, batch_first=True, dropout=dropout
        )
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, tokens: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        read, memory = self.rnn(self.embedding(tokens), memory)
        return self.head(read), memory

    def generate(
        self,
        tokens: Tensor,
        count: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: Generator | None = None,
    ) -> Tensor:
        """``tokens`` (N, length) and ``count`` more, drawn by chance one after the other.

        A ``temperature`` below 1 prefers likely ones, and 0 takes the likeliest; ``top_k`` leaves
        but so many to choose from. Raises ValueError for a negative temperature.

        >>> import gradlab as gl
        >>> CharRNN(vocab_size=10).generate(gl.zeros(1, 3, dtype=gl.int64), 4).shape
        torch.Size([1, 7])
        """
        memory = None

        def next_logits(written: Any) -> Any:
            nonlocal memory
            logits, memory = self(written if memory is None else written[:, -1:], memory)
            return logits[:, -1]

        return self._written(tokens, count, next_logits, temperature, top_k, generator)


# ------------------------------------------------------------------ with attention


@dataclass(frozen=True)
class GPTConfig:
    """How large a ``GPT`` is.

    ``vocab_size`` tokens, texts of ``block_size`` at most, ``n_layer`` blocks with ``n_head`` heads
    each, and ``n_embd`` numbers to describe a token. ``dropout`` is the probability of leaving a
    number out in training; ``bias=False`` leaves out the biases of linear layers and norms.

    >>> GPTConfig(vocab_size=65).n_embd
    64
    """

    vocab_size: int
    block_size: int = 64
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 64
    dropout: float = 0.0
    bias: bool = True

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd ({self.n_embd}) should be a multiple of n_head ({self.n_head}): "
                "the heads share it evenly"
            )


class CausalSelfAttention(nn.Module):
    """Lets each token take something from those before it, and from itself.

    >>> import gradlab as gl
    >>> CausalSelfAttention(GPTConfig(vocab_size=10))(gl.zeros(2, 5, 64)).shape
    torch.Size([2, 5, 64])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.resid_dropout = nn.Dropout(config.dropout)
        self.n_head = config.n_head
        self.dropout = config.dropout

    def forward(self, x: Any) -> Tensor:
        size = x.shape[-1]
        query, key, value = (
            part.unflatten(-1, (self.n_head, -1)).transpose(1, 2)  # (N, heads, length, features)
            for part in self.c_attn(x).split(size, -1)
        )
        dropout = self.dropout if self.training else 0.0
        mixed: Any = F.scaled_dot_product_attention(
            query, key, value, dropout_p=dropout, is_causal=True
        )
        return self.resid_dropout(self.c_proj(mixed.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then two linear layers for each token by itself; each adds to what came in.

    >>> import gradlab as gl
    >>> Block(GPTConfig(vocab_size=10))(gl.zeros(2, 5, 64)).shape
    torch.Size([2, 5, 64])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias))
        self.mlp.add_module("gelu", nn.GELU(approximate="tanh"))
        self.mlp.add_module("c_proj", nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias))
        self.mlp.add_module("dropout", nn.Dropout(config.dropout))

    def forward(self, x: Any) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class GPT(_Writer):
    """A small transformer that looks back: A. Radford et al., GPT-2, 2019, and named as it.

    Input: tokens, (N, length), ``config.block_size`` of them at most; output: for each place the
    logits of the token that follows, (N, length, ``vocab_size``). Tokens are described by the same
    weights on the way in and on the way out. Raises ValueError for a longer text.

    >>> import gradlab as gl
    >>> GPT(GPTConfig(vocab_size=10))(gl.zeros(2, 5, dtype=gl.int64)).shape
    torch.Size([2, 5, 10])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),
                "wpe": nn.Embedding(config.block_size, config.n_embd),
                "drop": nn.Dropout(config.dropout),
                "h": nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
                "ln_f": nn.LayerNorm(config.n_embd, bias=config.bias),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight
        self.apply(_initialise)
        # So many blocks add to the same sum: each begins with less, or the sum would grow.
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.n_layer))

    def forward(self, tokens: Any) -> Tensor:
        length = tokens.shape[1]
        if length > self.config.block_size:
            raise ValueError(
                f"a text of {length} tokens is longer than the {self.config.block_size} that this "
                "GPT can look back on (block_size)"
            )
        layers: Any = self.transformer
        places = FUNCTIONS["arange"](length, device=tokens.device)
        x = layers["drop"](layers["wte"](tokens) + layers["wpe"](places))
        for block in layers["h"]:
            x = block(x)
        return self.lm_head(layers["ln_f"](x))  # type: ignore[no-any-return]

    def generate(
        self,
        tokens: Tensor,
        count: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: Generator | None = None,
    ) -> Tensor:
        """``tokens`` (N, length) and ``count`` more, drawn by chance one after the other.

        Of a long text, the last ``config.block_size`` tokens decide. Options are as in
        ``CharRNN.generate``.

        >>> import gradlab as gl
        >>> GPT(GPTConfig(vocab_size=10)).generate(gl.zeros(1, 3, dtype=gl.int64), 4).shape
        torch.Size([1, 7])
        """

        def next_logits(written: Any) -> Any:
            return self(written[:, -self.config.block_size :])[:, -1]

        return self._written(tokens, count, next_logits, temperature, top_k, generator)


def _initialise(module: nn.Module) -> None:
    """Draw weights as GPT-2's were: normal, with a standard deviation of 0.02."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
