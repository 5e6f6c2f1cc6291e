"""Writes graphs of well-known shapes as payloads, for pages.mjs to make pages of.

python scripts/models.py FOLDER && npm run pages -- FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradlab as gl
import gradlab_widgets as gw
from gradlab import nn


def resnet(name: str) -> Any:
    model = getattr(gl.models, name)(num_classes=10)
    return model, nn.functional.cross_entropy(model(gl.randn(2, 3, 32, 32)), gl.tensor([3, 1]))


class Block(nn.Module):
    """One layer of a transformer, of a single head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attention(self, x: Any) -> Any:
        scores = self.query(x) @ self.key(x).transpose(-1, -2)
        return self.out(scores.softmax(-1) @ self.value(x))

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norm1(x))
        return x + self.down(gl.relu(self.up(self.norm2(x))))


def transformer() -> Any:
    parts = nn.ModuleDict(
        dict(
            embed=nn.Embedding(50, 16),
            blocks=nn.Sequential(*[Block(16) for _ in range(12)]),
            head=nn.Linear(16, 50),
        )
    )
    x = parts["blocks"](parts["embed"](gl.tensor([[1, 2, 3, 4]])))
    return parts, parts["head"](x).sum()


class Cell(nn.Module):
    """One step of a recurrent network."""

    def __init__(self) -> None:
        super().__init__()
        self.of_input, self.of_hidden = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x: Any, hidden: Any) -> Any:
        return gl.tanh(self.of_input(x) + self.of_hidden(hidden))


def rnn() -> Any:
    cell, hidden = Cell(), gl.zeros(1, 4)
    for x in gl.randn(500, 1, 3):
        hidden = cell(x, hidden)
    return nn.ModuleDict(dict(cell=cell)), hidden.sum()


def stack() -> Any:
    layers = [nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4)) for _ in range(12)]
    model = nn.Sequential(*layers)
    return model, model(gl.randn(2, 4)).sum()


def long_chain() -> Any:
    y = gl.ones(2, requires_grad=True)
    for _ in range(5_000):
        y = gl.sin(y) * 1.01
    return None, y.sum()


# Each returns a model, which names its modules while it is in sight, and a result.
MODELS: dict[str, Callable[[], Any]] = {
    "resnet18": lambda: resnet("resnet18"),
    "resnet50": lambda: resnet("resnet50"),
    "transformer": transformer,
    "rnn": rnn,
    "stack": stack,
    "long-chain": long_chain,
}


def main(folder: Path) -> None:
    gw.observe()
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MODELS.items():
        model, result = make()  # noqa: RUF059
        payload = gw.graph(result).payload
        (folder / f"{name}.json").write_text(json.dumps(["graph", payload]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
