"""Learn to write like a small book, character by character: python examples/characters.py

`--model gpt` takes a transformer instead of the recurrent network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import trange

import gradlab as gl
from gradlab.nn import functional as F

TEXT = (Path(__file__).parent / "data/the_ferry.txt").read_text("utf-8")
CHARACTERS = sorted(set(TEXT))
LENGTH = 64  # of the pieces of text that are read at once


def encode(text: str) -> gl.Tensor:
    """A text as the numbers of its characters."""
    return gl.tensor([CHARACTERS.index(character) for character in text])


def decode(numbers: gl.Tensor) -> str:
    """The text again."""
    return "".join(CHARACTERS[number] for number in numbers.tolist())


def batch(text: gl.Tensor, size: int = 16) -> tuple[gl.Tensor, gl.Tensor]:
    """Pieces from anywhere in the text, and for each place in them the character that follows."""
    starts = gl.randint(len(text) - LENGTH, (size, 1))
    places = starts + gl.arange(LENGTH)
    return text[places], text[places + 1]


def model_of(kind: str) -> gl.nn.Module:
    """A model that knows the characters and nothing else yet."""
    if kind == "gpt":
        return gl.models.GPT(gl.models.GPTConfig(len(CHARACTERS), block_size=LENGTH))
    return gl.models.CharRNN(len(CHARACTERS), hidden_size=128, kind="LSTM")


def train(model: gl.nn.Module, steps: int) -> list[float]:
    """Train the model; return the loss at each step: how surprising a character was on average."""
    text = encode(TEXT)
    optimizer = gl.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in (progress := trange(steps, unit="step")):
        tokens, follow = batch(text)
        said = model(tokens)
        logits = said[0] if isinstance(said, tuple) else said  # a CharRNN returns its memory too
        optimizer.zero_grad()
        loss = F.cross_entropy(logits.flatten(0, 1), follow.flatten())
        loss.backward()
        gl.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        progress.set_postfix(loss=f"{losses[-1]:.3f}")
    return losses


def main(kind: str = "rnn", steps: int = 400) -> tuple[list[float], str]:
    """Train a model; return its losses, and what it writes afterwards."""
    gl.manual_seed(0)
    model = model_of(kind)
    losses = train(model, steps)
    written = model.generate(encode("Marta ")[None], 300, temperature=0.7)
    return losses, decode(written[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("rnn", "gpt"), default="rnn")
    found, said = main(parser.parse_args().model)
    print(f"loss {found[0]:.3f} at first, {found[-1]:.3f} in the end; it writes:\n\n{said}")
