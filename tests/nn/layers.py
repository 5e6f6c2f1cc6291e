"""A layer made and called with each library, and all that can be seen of it compared."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

import gradlab as gl
from tests.nn.beside import assert_close

Maker = Callable[[ModuleType], Any]


def picture(*shape: int) -> Any:
    """Numbers of a shape, the same every time, without ties."""
    return np.random.default_rng(len(shape)).permutation(int(np.prod(shape))).reshape(shape) / 7 - 3


def tensor(lib: ModuleType, numbers: Any) -> Any:
    made = lib.tensor(numbers)
    return made.requires_grad_() if numbers.dtype.kind == "f" else made


def chain(result: Any) -> list[str]:
    """The names of the nodes from a result back, along the first edges."""
    names = []
    node = result.grad_fn
    while node is not None and "AccumulateGrad" not in node.name():
        names.append(node.name())
        node = next((n for n, _ in node.next_functions if n is not None), None)
    return names


def assert_same_layer(make: Maker, numbers: Any, torch: ModuleType, **tolerance: float) -> None:
    """The same text, state, result, history, and gradients of first and second order."""
    tolerance = tolerance or {"rtol": 1e-9, "atol": 1e-9}
    seen = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        layer = make(lib.nn).double()
        x = tensor(lib, numbers)
        result = layer(x)
        first = result[0] if isinstance(result, tuple) else result
        inputs = [one for one in (x, *layer.parameters()) if one.requires_grad]
        weights = lib.tensor(np.cos(np.arange(first.numel())).reshape(tuple(first.shape)))
        grads = lib.autograd.grad((first * first * weights).sum(), inputs, create_graph=True)
        again = lib.autograd.grad(sum((g * g).sum() for g in grads), inputs)
        seen.append((repr(layer), layer.state_dict(), chain(first), [first, *grads, *again]))
    (text, state, names, tensors), (their_text, their_state, their_names, theirs) = seen
    assert text == their_text
    assert list(state) == list(their_state)
    for key in state:
        assert_close(state[key], their_state[key], rtol=1e-12, atol=1e-12)
    assert names == their_names
    for one, other in zip(tensors, theirs, strict=True):
        assert_close(one, other, **tolerance)
