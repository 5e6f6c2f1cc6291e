"""CharRNN and GPT: the same networks written in torch.nn weigh, say and learn the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from gradlab.models import GPT, CharRNN, GPTConfig
from tests.nn.beside import assert_close

torch = pytest.importorskip("torch")

VOCABULARY = 12
TEXT = np.random.default_rng(0).integers(0, VOCABULARY, (4, 17))


def char_rnn(kind: str, layers: int) -> Any:
    nn = torch.nn

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, 8)
            self.rnn = getattr(nn, kind)(8, 16, layers, batch_first=True)
            self.head = nn.Linear(16, VOCABULARY)

        def forward(self, tokens: Any, memory: Any = None) -> Any:
            read, memory = self.rnn(self.embedding(tokens), memory)
            return self.head(read), memory

    return Net()


def gpt(layers: int, bias: bool) -> Any:
    """GPT-2 as one would write it by hand: its attention by a matrix and a mask."""
    nn, size, heads = torch.nn, 16, 4

    class Attention(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.c_attn = nn.Linear(size, 3 * size, bias)
            self.c_proj = nn.Linear(size, size, bias)

        def forward(self, x: Any) -> Any:
            n, length, _ = x.shape
            q, k, v = self.c_attn(x).view(n, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
            fit = q @ k.transpose(-2, -1) / math.sqrt(size // heads)
            later = torch.ones(length, length, dtype=torch.bool).triu(1)
            mixed = fit.masked_fill(later, -math.inf).softmax(-1) @ v
            return self.c_proj(mixed.transpose(1, 2).reshape(n, length, size))

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ln_1 = nn.LayerNorm(size, bias=bias)
            self.attn = Attention()
            self.ln_2 = nn.LayerNorm(size, bias=bias)
            self.mlp = nn.Sequential()
            self.mlp.add_module("c_fc", nn.Linear(size, 4 * size, bias))
            self.mlp.add_module("gelu", nn.GELU(approximate="tanh"))
            self.mlp.add_module("c_proj", nn.Linear(4 * size, size, bias))

        def forward(self, x: Any) -> Any:
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            parts = {"wte": nn.Embedding(VOCABULARY, size), "wpe": nn.Embedding(20, size)}
            parts["h"] = nn.ModuleList([Block() for _ in range(layers)])
            parts["ln_f"] = nn.LayerNorm(size, bias=bias)
            self.transformer = nn.ModuleDict(parts)
            self.lm_head = nn.Linear(size, VOCABULARY, bias=False)
            self.lm_head.weight = self.transformer.wte.weight
            self.apply(self.initialise)
            for name, parameter in self.named_parameters():
                if name.endswith("c_proj.weight"):
                    nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers))

        def initialise(self, module: Any) -> None:
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

        def forward(self, tokens: Any) -> Any:
            parts = self.transformer
            x = parts.wte(tokens) + parts.wpe(torch.arange(tokens.shape[1]))
            for block in parts.h:
                x = block(x)
            return self.lm_head(parts.ln_f(x))

    return Net()


def our_gpt(layers: int, bias: bool) -> GPT:
    return GPT(GPTConfig(VOCABULARY, 20, layers, n_head=4, n_embd=16, bias=bias))


def our_rnn(kind: str, layers: int) -> CharRNN:
    return CharRNN(VOCABULARY, 8, 16, layers, kind)


PAIRS = {
    **{
        f"{kind}-{layers}": (
            lambda kind=kind, layers=layers: our_rnn(kind, layers),
            lambda kind=kind, layers=layers: char_rnn(kind, layers),
        )
        for kind, layers in [("LSTM", 1), ("LSTM", 2), ("GRU", 1), ("RNN", 2)]
    },
    "GPT-1": (lambda: our_gpt(1, True), lambda: gpt(1, True)),
    "GPT-2-without-bias": (lambda: our_gpt(2, False), lambda: gpt(2, False)),
}


def pair(name: str) -> tuple[Any, Any]:
    """The same network in both libraries, after the same seed."""
    ours, theirs = PAIRS[name]
    gl.manual_seed(3)
    torch.manual_seed(3)
    return ours(), theirs()


def logits_of(model: Any, tokens: Any) -> Any:
    said = model(tokens)
    return said[0] if isinstance(said, tuple) else said


each = pytest.mark.parametrize("name", PAIRS)


@each
def test_the_same_seed_gives_the_same_weights_by_the_same_names(name: str) -> None:
    ours, theirs = (model.state_dict() for model in pair(name))
    assert list(ours) == list(theirs)
    for key in ours:
        assert_close(ours[key], theirs[key], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-9), ("float32", 2e-3)])
@each
def test_the_same_weights_say_and_learn_the_same(name: str, dtype: str, rtol: float) -> None:
    ours, theirs = pair(name)
    ours.load_state_dict({k: gl.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    curves = []
    for lib, model in ((gl, ours), (torch, theirs)):
        model.to(getattr(lib, dtype))
        tokens, follow = lib.tensor(TEXT[:, :-1]), lib.tensor(TEXT[:, 1:])
        optimizer = lib.optim.Adam(model.parameters(), lr=1e-2)
        losses = []
        for _ in range(30):
            optimizer.zero_grad()
            logits = logits_of(model, tokens)
            loss = lib.nn.functional.cross_entropy(logits.flatten(0, 1), follow.flatten())
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        curves.append((losses, logits))
    (our_losses, our_logits), (their_losses, their_logits) = curves
    np.testing.assert_allclose(our_losses, their_losses, rtol=rtol)
    assert our_losses[-1] < 0.8 * our_losses[0]
    assert_close(our_logits, their_logits, rtol=10 * rtol, atol=10 * rtol)


@pytest.mark.parametrize("make", [lambda: our_rnn("LSTM", 2), lambda: our_gpt(2, True)])
class TestWriting:
    def test_the_likeliest_token_follows_at_temperature_0(self, make: Callable[[], Any]) -> None:
        model, tokens = make(), gl.tensor(TEXT[:, :5])
        written = model.generate(tokens, 3, temperature=0)
        assert written[:, :5].equal(tokens)
        for place in range(5, 8):
            likeliest = logits_of(model, written[:, :place])[:, -1].argmax(-1)
            assert written[:, place].equal(likeliest)

    def test_one_of_the_k_likeliest_follows(self, make: Callable[[], Any]) -> None:
        model, tokens = make(), gl.tensor(TEXT[:1, :5]).expand(300, 5)
        written = model.generate(tokens, 1, temperature=3.0, top_k=3)[:, -1]
        likeliest = logits_of(model, tokens[:1])[0, -1].topk(3).indices
        assert set(written.tolist()) == set(likeliest.tolist())

    def test_a_generator_repeats_itself_and_nothing_is_recorded(
        self, make: Callable[[], Any]
    ) -> None:
        model, tokens = make(), gl.tensor(TEXT[:, :5])
        texts = [
            model.generate(tokens, 30, generator=gl.Generator().manual_seed(4)) for _ in range(2)
        ]
        assert texts[0].equal(texts[1])
        assert texts[0].shape == (4, 35)
        assert not texts[0].requires_grad
        assert model.training

    def test_a_negative_temperature_is_refused(self, make: Callable[[], Any]) -> None:
        with pytest.raises(ValueError, match=r"0 or more, but got -1"):
            make().generate(gl.tensor(TEXT), 1, temperature=-1)


def test_no_token_knows_what_follows_it() -> None:
    for model in (our_rnn("GRU", 1), our_gpt(2, True)):
        changed = gl.tensor(TEXT)
        changed[:, 9:] = 0
        one, other = (logits_of(model, tokens)[:, :9] for tokens in (gl.tensor(TEXT), changed))
        assert one.equal(other)


def test_tokens_are_described_by_one_weight() -> None:
    model = our_gpt(1, True)
    assert model.lm_head.weight is model.transformer["wte"].weight
    names = [name for name, _ in model.named_parameters()]
    assert "transformer.wte.weight" in names
    assert "lm_head.weight" not in names


def test_dropout_leaves_out_in_training_only() -> None:
    model = GPT(GPTConfig(VOCABULARY, dropout=0.5))
    tokens = gl.tensor(TEXT)
    assert not model(tokens).equal(model(tokens))
    model.eval()
    assert model(tokens).equal(model(tokens))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CharRNN(5, kind="lstm"), "kind should be one of LSTM, GRU, RNN, but got 'lstm'"),
        (lambda: GPTConfig(5, n_head=3, n_embd=16), r"n_embd \(16\) should be a multiple of n_hea"),
        (lambda: our_gpt(1, True)(gl.zeros(1, 21, dtype=gl.int64)), "21 tokens is longer than the"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
