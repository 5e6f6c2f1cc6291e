"""Writes payloads of all charts, and of a graph with a profile, for `npm run pages` to show.

PYTHONPATH=.. python scripts/charts.py FOLDER && npm run pages -- FOLDER
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


def bump(x: Any) -> Any:
    return gl.exp(-x * x) * gl.sin(3 * x)


def valley(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 5 * (y - x**2) ** 2


def walk(make: Callable[[list[Any]], Any], steps: int = 60) -> list[Any]:
    """Where an optimiser goes in the valley."""
    place = gl.tensor([-1.5, 1.8], requires_grad=True)
    optimizer = make([place])
    seen = []
    for _ in range(steps):
        seen.append(place.tolist())
        optimizer.zero_grad()
        valley(place[0], place[1]).backward()
        optimizer.step()
    return seen


def contours() -> gw.Chart:
    x, y = gl.linspace(-2, 2, 61), gl.linspace(-1, 3, 61)
    paths = {
        "SGD": walk(lambda p: gl.optim.SGD(p, lr=0.015)),
        "momentum": walk(lambda p: gl.optim.SGD(p, lr=0.01, momentum=0.9)),
        "Adam": walk(lambda p: gl.optim.Adam(p, lr=0.15)),
    }
    return gw.contours(valley, x, y, path=paths)


def sweep(index: int | None) -> gw.Chart:
    weights = gl.tensor([0.5, -1.0, 2.0], requires_grad=True)

    def network() -> dict[str, Any]:
        hidden = gl.tanh(weights * gl.tensor([1.0, 2.0, -1.0]))
        return {"hidden": hidden, "loss": ((hidden.sum() - 1) ** 2)}

    return gw.sweep(network, weights, index, gl.linspace(-3, 3, 61))


def training(activation: type[nn.Module], depth: int, scale: float, steps: int) -> gw.Chart:
    parts: list[nn.Module] = []
    for _ in range(depth):
        parts += [nn.Linear(12, 12), activation()]
    model = nn.Sequential(*parts, nn.Linear(12, 1))
    with gl.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    log = gw.GradientLog(model)
    optimizer = gl.optim.SGD(model.parameters(), lr=0.01)
    inputs = gl.randn(32, 12)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(inputs) - inputs[:, :1]).square().mean().backward()
        log()
        optimizer.step()
    return log.chart()


def landscape() -> gw.Chart:
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    inputs = gl.randn(32, 2)
    wanted = inputs[:, :1] * inputs[:, 1:]
    return gw.landscape(lambda: (model(inputs) - wanted).square().mean(), model, points=25)


def profile() -> gw.Chart:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = gl.optim.Adam(model.parameters())
    inputs, wanted = gl.randn(32, 64), gl.randint(0, 10, (32,))
    with gl.profiler.profile() as prof:
        for _ in range(3):
            with gl.profiler.record_function("training step"):
                optimizer.zero_grad()
                with gl.profiler.record_function("forward"):
                    loss = nn.functional.cross_entropy(model(inputs), wanted)
                loss.backward()
                optimizer.step()
    return gw.timeline(prof)


def profiled() -> gw.GradWidget:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    with gl.profiler.profile() as prof:
        loss = model(gl.randn(32, 64)).square().mean()
        loss.backward(retain_graph=True)
    return gw.graph(loss, profile=prof)


EXAMPLES: dict[str, Callable[[], gw.GradWidget]] = {
    "derivatives": lambda: gw.derivatives(bump, gl.linspace(-3, 3, 241), at=-1.0),
    "contours": contours,
    "sweep": lambda: sweep(None),
    "vanishing": lambda: training(nn.Sigmoid, 6, 1.0, 40),
    "steady": lambda: training(nn.Tanh, 1, 1.0, 40),
    "landscape": landscape,
    "timeline": profile,
    "profiled": profiled,
}


def main(folder: Path) -> None:
    gl.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in EXAMPLES.items():
        chart = make()
        (folder / f"{name}.json").write_text(json.dumps([chart.view, chart.payload]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
