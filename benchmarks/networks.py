"""The networks that the benchmark trains a step of, written once for gradlab and for PyTorch.

As in ``cases``: a case is a function that prepares a contestant and returns what is timed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from cases import Round
from sklearn.datasets import load_digits


def drawn(*shape: int, seed: int = 0, bound: float = 1.0) -> Any:
    """Numbers between ±bound, the same for every library."""
    return np.random.default_rng(seed).uniform(-bound, bound, shape).astype(np.float32)


def alike(lib: ModuleType, model: Any) -> Any:
    """The model with the weights that every library gets."""
    with lib.no_grad():
        for seed, parameter in enumerate(model.parameters()):
            if parameter.ndim > 1:  # biases begin with 0, norms with 1
                bound = float(np.prod(parameter.shape[1:])) ** -0.5
                parameter.copy_(lib.tensor(drawn(*parameter.shape, seed=seed, bound=bound)))
            elif parameter.std() > 0:
                parameter.zero_()
    return model


def forward_and_backward(model: Any, loss_of: Callable[[], Any]) -> Round:
    """A pass in each direction; what is compared is the loss and the last parameter's gradient."""
    parameters = list(model.parameters())

    def run() -> Any:
        for parameter in parameters:
            parameter.grad = None
        loss = loss_of()
        loss.backward()
        return loss.detach(), parameters[-1].grad

    return run


# ------------------------------------------------------------------ digits

SIZES = (64, 128, 64, 10)
BATCH = 64


def _digits() -> tuple[Any, Any]:
    pictures, numbers = load_digits(return_X_y=True)
    return (pictures / 16).astype(np.float32), numbers.astype(np.int64)


def _mlp(lib: ModuleType) -> Any:
    nn = lib.nn
    layers = [nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)]
    return alike(lib, nn.Sequential(*layers))


def digits_like_torch(lib: ModuleType, batch: int = BATCH) -> Round:
    pictures, numbers = (lib.tensor(array) for array in _digits())
    model, loss_function = _mlp(lib), lib.nn.CrossEntropyLoss()
    optimizer = lib.optim.Adam(model.parameters())

    def run() -> Any:
        for start in range(0, len(pictures), batch):
            optimizer.zero_grad()
            part = slice(start, start + batch)
            loss = loss_function(model(pictures[part]), numbers[part])
            loss.backward()
            optimizer.step()
        return (loss.detach(),)

    return run


def digits_numpy() -> Round:
    """Written by hand, with Adam as its paper has it."""
    pictures, numbers = _digits()
    weights = []
    for i, (into, out) in enumerate(itertools.pairwise(SIZES)):
        weights += [drawn(out, into, seed=2 * i, bound=into**-0.5), np.zeros(out, np.float32)]
    means, squares = ([np.zeros_like(w) for w in weights] for _ in range(2))
    count = 0

    def gradients(x: Any, y: Any) -> tuple[Any, list[Any]]:
        inputs = [x]
        for i in (0, 2):
            inputs.append(np.maximum(inputs[-1] @ weights[i].T + weights[i + 1], 0))
        scores = inputs[-1] @ weights[4].T + weights[5]
        scores -= scores.max(1, keepdims=True)
        total = np.exp(scores).sum(1, keepdims=True)
        rows = np.arange(len(x))
        loss = (np.log(total[:, 0]) - scores[rows, y]).mean()
        d = np.exp(scores) / total
        d[rows, y] -= 1
        d /= np.float32(len(x))
        found: list[Any] = []
        for i in (4, 2, 0):
            before = inputs[i // 2]
            found[:0] = [d.T @ before, d.sum(0)]
            if i:
                d = d @ weights[i] * (before > 0)
        return loss, found

    def run() -> Any:
        nonlocal count
        for start in range(0, len(pictures), BATCH):
            part = slice(start, start + BATCH)
            loss, found = gradients(pictures[part], numbers[part])
            count += 1
            for w, g, m, v in zip(weights, found, means, squares, strict=True):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                w -= 1e-3 / (1 - 0.9**count) * m / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
        return (loss,)

    return run


# ------------------------------------------------------------------ a transformer's block


def block_like_torch(lib: ModuleType, batch: int = 8) -> Round:
    nn, functional = lib.nn, lib.nn.functional
    size, heads = 128, 4

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(size), nn.LayerNorm(size)
            self.c_attn, self.c_proj = nn.Linear(size, 3 * size), nn.Linear(size, size)
            self.mlp = nn.Sequential(
                nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size)
            )

        def attention(self, x: Any) -> Any:
            n, length, _ = x.shape
            q, k, v = (
                part.view(n, length, heads, -1).transpose(1, 2)
                for part in self.c_attn(x).split(size, -1)
            )
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(mixed.transpose(1, 2).reshape(n, length, size))

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    model = alike(lib, Block())
    x, target = (lib.tensor(drawn(batch, 64, size, seed=seed)) for seed in (100, 101))
    return forward_and_backward(model, lambda: functional.mse_loss(model(x), target))


# ------------------------------------------------------------------ recurrent


def lstm_like_torch(lib: ModuleType, batch: int = 16) -> Round:
    model = alike(lib, lib.nn.LSTM(32, 64))
    x = lib.tensor(drawn(50, batch, 32, seed=100))
    return forward_and_backward(model, lambda: model(x)[0].square().mean())


# ------------------------------------------------------------------ convolutional


def convolution_like_torch(lib: ModuleType, batch: int = 8) -> Round:
    """With the gradient of its input, as in the middle of a network."""
    model = alike(lib, lib.nn.Conv2d(64, 64, 3, padding=1, bias=False))
    x = lib.tensor(drawn(batch, 64, 16, 16, seed=100), requires_grad=True)
    given = lib.tensor(drawn(batch, 64, 16, 16, seed=101))

    def run() -> Any:
        x.grad = model.weight.grad = None
        model(x).backward(given)
        return x.grad, model.weight.grad

    return run


def _resnet(lib: ModuleType) -> Any:
    """ResNet-18 for ten classes, as torchvision lays it out."""
    nn = lib.nn

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, inputs: int, planes: int) -> None:
            super().__init__()
            stride = 1 if inputs == planes else 2
            self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.down = nn.Identity()
            if inputs != planes:
                conv = nn.Conv2d(inputs, planes, 1, stride, bias=False)
                self.down = nn.Sequential(conv, nn.BatchNorm2d(planes))

        def forward(self, x: Any) -> Any:
            out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            out += self.down(x)
            return self.relu(out)

    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    sizes = [(64, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512)]
    blocks = [Block(*size) for size in [*sizes, (512, 512)]]
    head = [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(512, 10)]
    return alike(lib, nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1), *blocks, *head))


def resnet_like_torch(lib: ModuleType, batch: int) -> Round:
    model = _resnet(lib)
    optimizer = lib.optim.SGD(model.parameters(), lr=1e-4)
    x, classes = lib.tensor(drawn(batch, 3, 64, 64, seed=100)), lib.arange(batch) % 10

    def run() -> Any:
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(model(x), classes)
        loss.backward()
        optimizer.step()
        return (loss.detach(),)

    return run


# ------------------------------------------------------------------ optimizers alone


def _step(lib: ModuleType, model: Any, name: str, options: dict[str, Any]) -> Round:
    parameters = list(model.parameters())
    for seed, parameter in enumerate(parameters):
        parameter.grad = lib.tensor(drawn(*parameter.shape, seed=seed))
    optimizer = getattr(lib.optim, name)(parameters, **options)

    def run() -> Any:
        optimizer.step()
        return (parameters[0].detach(),)

    return run


def adam_small_like_torch(lib: ModuleType) -> Round:
    return _step(lib, _mlp(lib), "Adam", {})


def adam_large_like_torch(lib: ModuleType) -> Round:
    return _step(lib, _resnet(lib), "Adam", {})


def sgd_small_like_torch(lib: ModuleType) -> Round:
    return _step(lib, _mlp(lib), "SGD", {"lr": 1e-3, "momentum": 0.9})


def sgd_large_like_torch(lib: ModuleType) -> Round:
    return _step(lib, _resnet(lib), "SGD", {"lr": 1e-3, "momentum": 0.9})
