"""The cases that the benchmark times, written for each library as its users write them.

NumPy's are a forward and a backward pass written out by hand.

A case is a function that prepares one library's contestant and returns what is timed: a function
without arguments that does one round and returns the numbers by which the libraries are compared
before any of them is timed.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

Round = Callable[[], Sequence[Any]]


def _if_installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


autograd, anp, mygrad = map(_if_installed, ("autograd", "autograd.numpy", "mygrad"))

# ------------------------------------------------------------------ (a) the sine of 25 numbers

ANGLES = np.linspace(0, 2 * math.pi, 25, dtype=np.float32)


def sine_like_torch(lib: ModuleType) -> Round:
    a = lib.tensor(ANGLES, requires_grad=True)

    def run() -> Sequence[Any]:
        a.grad = None
        out = (2 * lib.sin(a) + 1).sum()
        out.backward()
        return out.detach(), a.grad

    return run


def sine_numpy() -> Round:
    a = ANGLES.copy()

    def run() -> Sequence[Any]:
        b = np.sin(a)
        c = 2 * b
        d = c + 1
        out = d.sum()
        d_d = np.ones_like(d)
        d_b = 2 * d_d
        d_a = d_b * np.cos(a)
        return out, d_a

    return run


def sine_numpy_folded() -> Round:
    """No backward pass at all: the derivative worked out on paper."""
    a = ANGLES.copy()

    def run() -> Sequence[Any]:
        return (2 * np.sin(a) + 1).sum(), 2 * np.cos(a)

    return run


def sine_mygrad() -> Round:
    a = mygrad.tensor(ANGLES)

    def run() -> Sequence[Any]:
        out = (2 * mygrad.sin(a) + 1).sum()
        out.backward()  # .grad is new for every graph
        return out.data, a.grad

    return run


def sine_autograd() -> Round:
    a = ANGLES.copy()
    value_and_grad = autograd.value_and_grad(lambda a: anp.sum(2 * anp.sin(a) + 1))
    return lambda: value_and_grad(a)


# ------------------------------------------------------------------ (b) one training step

BATCH, INPUTS, HIDDEN, OUTPUTS, LEARNING_RATE = 16, 1000, 100, 10, 1e-4


def _training_data(batch: int = BATCH) -> tuple[list[Any], Any, Any]:
    """Weights as (W1, b1, W2, b2), W of shape (inputs, outputs); a batch; its targets."""
    random = np.random.default_rng(0)

    def uniform(bound: float, *shape: int) -> Any:
        return random.uniform(-bound, bound, shape).astype(np.float32)

    one, two = INPUTS**-0.5, HIDDEN**-0.5
    weights = [
        uniform(one, INPUTS, HIDDEN),
        uniform(one, HIDDEN),
        uniform(two, HIDDEN, OUTPUTS),
        uniform(two, OUTPUTS),
    ]
    return weights, uniform(1, batch, INPUTS), uniform(1, batch, OUTPUTS)


def training_like_torch(lib: ModuleType, batch: int = BATCH) -> Round:
    (w1, b1, w2, b2), x, target = _training_data(batch)
    nn = lib.nn
    model = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUTPUTS))
    initial = [w1.T.copy(), b1, w2.T.copy(), b2]
    with lib.no_grad():
        for parameter, array in zip(model.parameters(), initial, strict=True):
            parameter.copy_(lib.tensor(array))
    optimizer = lib.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    loss_function = nn.MSELoss(reduction="sum")
    inputs, targets = lib.tensor(x), lib.tensor(target)

    def run() -> Sequence[Any]:
        optimizer.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return (loss.detach(),)

    return run


def training_numpy() -> Round:
    (w1, b1, w2, b2), x, target = _training_data()

    def run() -> Sequence[Any]:
        nonlocal w1, b1, w2, b2
        before = x @ w1 + b1
        hidden = np.maximum(before, 0)
        error = hidden @ w2 + b2 - target
        loss = (error * error).sum()
        d_out = 2 * error
        d_w2 = hidden.T @ d_out
        d_b2 = d_out.sum(axis=0)
        d_before = d_out @ w2.T * (before > 0)
        d_w1 = x.T @ d_before
        d_b1 = d_before.sum(axis=0)
        w1 -= LEARNING_RATE * d_w1
        b1 -= LEARNING_RATE * d_b1
        w2 -= LEARNING_RATE * d_w2
        b2 -= LEARNING_RATE * d_b2
        return (loss,)

    return run


def training_mygrad() -> Round:
    arrays, x, target = _training_data()
    weights = [mygrad.tensor(array) for array in arrays]
    w1, b1, w2, b2 = weights

    def run() -> Sequence[Any]:
        hidden = mygrad.maximum(x @ w1 + b1, 0)
        loss = ((hidden @ w2 + b2 - target) ** 2).sum()
        loss.backward()
        for weight in weights:
            weight.data -= LEARNING_RATE * weight.grad
        return (loss.data,)

    return run


def training_autograd() -> Round:
    weights, x, target = _training_data()

    def loss_of(weights: Any) -> Any:
        w1, b1, w2, b2 = weights
        hidden = anp.maximum(anp.dot(x, w1) + b1, 0)
        return anp.sum((anp.dot(hidden, w2) + b2 - target) ** 2)

    value_and_grad = autograd.value_and_grad(loss_of)

    def run() -> Sequence[Any]:
        loss, gradients = value_and_grad(weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight -= LEARNING_RATE * gradient
        return (loss,)

    return run


# ------------------------------------------------------------------ (c) a long chain

LINKS = 1000  # of a division and a multiplication each
X = np.linspace(1.0, 1.5, 6, dtype=np.float32).reshape(2, 3)
Y = np.linspace(1.1, 1.4, 6, dtype=np.float32).reshape(2, 3)
# Each element of (Y / X) ** 1000 must stay a float32: the chain is bent back to 1.
X = (X + 99 * Y) / 100
Z = np.ones((2, 3), np.float32)


def chain_like_torch(lib: ModuleType) -> Round:
    x, y = lib.tensor(X, requires_grad=True), lib.tensor(Y, requires_grad=True)
    start = lib.tensor(Z)

    def run() -> Sequence[Any]:
        x.grad = y.grad = None
        z = start
        for _ in range(LINKS):
            z = (z / x) * y
        z.sum().backward()
        return x.grad, y.grad

    return run


def chain_numpy() -> Round:
    x, y, start = X.copy(), Y.copy(), Z.copy()

    def run() -> Sequence[Any]:
        z = start
        quotients = []
        for _ in range(LINKS):
            quotient = z / x
            quotients.append(quotient)
            z = quotient * y
        d_x, d_y, d_z = np.zeros_like(x), np.zeros_like(y), np.ones_like(z)
        for quotient in reversed(quotients):
            d_y += d_z * quotient
            d_quotient = d_z * y
            d_z = d_quotient / x
            d_x -= d_z * quotient
        return d_x, d_y

    return run


def chain_mygrad() -> Round:
    x, y = mygrad.tensor(X), mygrad.tensor(Y)

    def run() -> Sequence[Any]:
        z = Z
        for _ in range(LINKS):
            z = (z / x) * y
        z.sum().backward()
        return x.grad, y.grad

    return run


def chain_autograd() -> Round:
    def last(x: Any, y: Any) -> Any:
        z = Z
        for _ in range(LINKS):
            z = (z / x) * y
        return anp.sum(z)

    gradients = autograd.grad(last, (0, 1))
    return lambda: gradients(X, Y)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ (d) the same with one number

NUMBER = 1.1


def number_chain_like_torch(lib: ModuleType) -> Round:
    start = lib.tensor(Z, requires_grad=True)

    def run() -> Sequence[Any]:
        start.grad = None
        z = start
        for _ in range(LINKS):
            z = (z / NUMBER) * NUMBER
        z.sum().backward()
        return (start.grad,)

    return run


def number_chain_numpy() -> Round:
    start = Z.copy()

    def run() -> Sequence[Any]:
        z = start
        for _ in range(LINKS):
            z = (z / NUMBER) * NUMBER
        d_z = np.ones_like(z)
        for _ in range(LINKS):
            d_z = (d_z * NUMBER) / NUMBER
        return (d_z,)

    return run


def number_chain_mygrad() -> Round:
    start = mygrad.tensor(Z)

    def run() -> Sequence[Any]:
        z = start
        for _ in range(LINKS):
            z = (z / NUMBER) * NUMBER
        z.sum().backward()
        return (start.grad,)

    return run


def number_chain_autograd() -> Round:
    def last(z: Any) -> Any:
        for _ in range(LINKS):
            z = (z / NUMBER) * NUMBER
        return anp.sum(z)

    gradient = autograd.grad(last)
    return lambda: (gradient(Z),)


# ------------------------------------------------------------------ (e) ten million numbers


def large_like_torch(lib: ModuleType) -> Round:
    a = lib.tensor(np.linspace(0, 2 * math.pi, 10_000_000, dtype=np.float32), requires_grad=True)

    def run() -> Sequence[Any]:
        a.grad = None
        out = (2 * lib.sin(a) + a * a).mean()
        out.backward()
        return out.detach(), a.grad[::1000]

    return run


def large_numpy() -> Round:
    a = np.linspace(0, 2 * math.pi, 10_000_000, dtype=np.float32)

    def run() -> Sequence[Any]:
        out = (2 * np.sin(a) + a * a).mean()
        share = np.float32(1 / a.size)
        return out, (np.cos(a) * (2 * share) + 2 * share * a)[::1000]

    return run


# ------------------------------------------------------------------ (f) matrices of derivatives

WIDE = np.random.default_rng(2).uniform(-1, 1, (300, 100)).astype(np.float32)
POINT = np.linspace(-1, 1, 100, dtype=np.float32)


def jacobian_like_torch(lib: ModuleType) -> Round:
    """300 outputs of 100 inputs, one backward pass for each output."""
    weight, x = lib.tensor(WIDE), lib.tensor(POINT)
    return lambda: (lib.autograd.functional.jacobian(lambda x: lib.tanh(weight @ x), x),)


def jacobian_numpy() -> Round:
    def run() -> Sequence[Any]:
        y = np.tanh(WIDE @ POINT)
        return ((1 - y * y)[:, None] * WIDE,)

    return run


def jacobian_at_once_like_torch(lib: ModuleType) -> Round:
    """The same by one vectorized pass."""
    weight, x = lib.tensor(WIDE), lib.tensor(POINT)
    return lambda: (
        lib.autograd.functional.jacobian(lambda x: lib.tanh(weight @ x), x, vectorize=True),
    )


jacobian_at_once_numpy = jacobian_numpy


def hessian_like_torch(lib: ModuleType) -> Round:
    """Of a function of 100 inputs."""
    x = lib.tensor(POINT)
    return lambda: (lib.autograd.functional.hessian(lambda x: (x * x * x).sum() + x.sum() ** 2, x),)


def hessian_numpy() -> Round:
    return lambda: (np.diag(6 * POINT) + np.full((100, 100), 2, np.float32),)


# ------------------------------------------------------------------ (g) a deep graph

DEPTH = 100_000


def deep_like_torch(lib: ModuleType) -> Round:
    x = lib.tensor(1.0, requires_grad=True)

    def run() -> Sequence[Any]:
        x.grad = None
        y = x
        for _ in range(DEPTH):
            y = y + 1
        y.backward()
        return (x.grad,)

    return run


def deep_numpy() -> Round:
    def run() -> Sequence[Any]:
        y = np.array(1.0, np.float32)
        one = np.array(1.0, np.float32)
        for _ in range(DEPTH):
            y = np.add(y, one)
        return (np.ones((), np.float32),)

    return run


# ------------------------------------------------------------------ (h) indexing

ROWS = np.random.default_rng(3).integers(0, 50, 30)
GRID = np.random.default_rng(4).uniform(-1, 1, (50, 40)).astype(np.float32)


def indexing_like_torch(lib: ModuleType) -> Round:
    """A row, a slice, a mask, and rows drawn again and again."""
    x, rows = lib.tensor(GRID, requires_grad=True), lib.tensor(ROWS)
    mask = lib.tensor(GRID > 0)

    def run() -> Sequence[Any]:
        x.grad = None
        out = x[3].sum() + x[1:20:2, 5:].sum() + x[mask].sum() + (x[rows] * 2).sum()
        out.backward()
        return out.detach(), x.grad

    return run


def indexing_numpy() -> Round:
    def run() -> Sequence[Any]:
        x, mask = GRID, GRID > 0
        out = x[3].sum() + x[1:20:2, 5:].sum() + x[mask].sum() + (x[ROWS] * 2).sum()
        gradient = mask.astype(np.float32)
        gradient[3] += 1
        gradient[1:20:2, 5:] += 1
        np.add.at(gradient, ROWS, np.float32(2))
        return out, gradient

    return run


# ------------------------------------------------------------------ one operation at a time

_random = np.random.default_rng(1)
SMALL = _random.uniform(0.5, 1.5, (5, 5)).astype(np.float32)
LARGE = _random.uniform(0.5, 1.5, (300, 300)).astype(np.float32)

OPERATIONS: dict[str, Callable[..., Any]] = {
    "x + y": lambda lib, x, y: x + y,
    "x * y": lambda lib, x, y: x * y,
    "x / y": lambda lib, x, y: x / y,
    "2 * x": lambda lib, x, y: 2 * x,
    "x ** 2": lambda lib, x, y: x**2,
    "exp(x)": lambda lib, x, y: lib.exp(x),
    "tanh(x)": lambda lib, x, y: lib.tanh(x),
    "relu(x)": lambda lib, x, y: lib.relu(x),
    "x.sum()": lambda lib, x, y: x.sum(),
    "x.mean(0)": lambda lib, x, y: x.mean(0),
    "x @ y": lambda lib, x, y: x @ y,
    "x.T": lambda lib, x, y: x.T,
    "x[1:]": lambda lib, x, y: x[1:],
    "clamp": lambda lib, x, y: x.clamp(0.8, 1.2),
    "where": lambda lib, x, y: lib.where(x > 1, x, y),
    "maximum": lambda lib, x, y: lib.maximum(x, y),
    "softmax": lambda lib, x, y: lib.softmax(x, -1),
    "logsumexp": lambda lib, x, y: lib.logsumexp(x, 1),
    "cumsum": lambda lib, x, y: lib.cumsum(x, 0),
    "sort": lambda lib, x, y: lib.sort(x, 1)[0],
    "max": lambda lib, x, y: lib.max(x, 1)[0],
    "var": lambda lib, x, y: x.var(0),
    "norm": lambda lib, x, y: x.norm(),
    "cat": lambda lib, x, y: lib.cat([x, y]),
    "x[mask]": lambda lib, x, y: x[x.detach() > 1],
    "prod": lambda lib, x, y: x.prod(1),
    "x % y": lambda lib, x, y: x % y,
    "erfc": lambda lib, x, y: lib.erfc(x),
    "topk": lambda lib, x, y: x.topk(3)[0],
    "median": lambda lib, x, y: x.median(1)[0],
    "layer_norm": lambda lib, x, y: lib.nn.functional.layer_norm(x, x.shape[-1:]),
    "group_norm": lambda lib, x, y: lib.nn.functional.group_norm(x, 5),
    "hardswish": lambda lib, x, y: lib.nn.functional.hardswish(x),
    "smooth_l1": lambda lib, x, y: lib.nn.functional.smooth_l1_loss(x, y.detach()),
    "gelu": lambda lib, x, y: lib.nn.functional.gelu(x),
    "einsum": lambda lib, x, y: lib.einsum("ij,jk->ik", x, y),
    "inv": lambda lib, x, y: lib.linalg.inv(x + 3 * lib.eye(x.shape[0])),
}


def operation_like_torch(lib: ModuleType, name: str, numbers: Any, backward: bool) -> Round:
    """One operation, recorded; with ``backward``, the backward pass as well."""
    operation = OPERATIONS[name]
    x, y = (lib.tensor(numbers, requires_grad=True) for _ in range(2))
    gradient = lib.ones_like(operation(lib, x, y).detach())

    def forward() -> Sequence[Any]:
        return (operation(lib, x, y).detach(),)

    def both() -> Sequence[Any]:
        x.grad = y.grad = None
        operation(lib, x, y).backward(gradient)
        return (x.grad,)

    return both if backward else forward
