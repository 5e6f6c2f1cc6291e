"""A network with two layers trains as the same network does in PyTorch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradlab as gl


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def loss_curve(lib: ModuleType, device: str, momentum: float) -> list[float]:
    lib.manual_seed(0)
    nn = lib.nn
    model = nn.Sequential(nn.Linear(1000, 100), nn.ReLU(), nn.Linear(100, 10)).to(device)
    x, target = lib.randn(16, 1000).to(device), lib.randn(16, 10).to(device)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.01, momentum=momentum)
    loss_function = nn.MSELoss()
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_from_the_same_seed_the_losses_are_pytorchs(
    torch: Any, device: str, momentum: float
) -> None:
    ours = loss_curve(gl, device, momentum)
    theirs = loss_curve(torch, "cpu", momentum)
    assert ours[-1] < 0.3 * ours[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_a_transposed_weights_gradient_is_kept_without_being_shared() -> None:
    one, two = (gl.ones(2, 3, requires_grad=True) for _ in range(2))
    given = gl.ones(3, 2)
    (one.t() + two.t()).backward(given)
    layer = gl.nn.Linear(3, 2)
    layer(gl.ones(4, 3)).sum().backward()
    for gradient in (one.grad, two.grad, layer.weight.grad):
        assert gradient is not None
        assert gradient.is_contiguous()
        gradient.add_(1)
    assert one.grad is not None
    assert one.grad.tolist() == [[2.0] * 3] * 2
    assert two.grad is not None
    assert two.grad.tolist() == [[2.0] * 3] * 2
    assert given.tolist() == [[1.0] * 2] * 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 8, 9, 16, 32, 33])
def test_a_layer_on_a_small_batch_computes_what_pytorchs_computes(
    torch: Any, rows: int, dtype: str
) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        layer = lib.nn.Linear(300, 20, dtype=getattr(lib, dtype))
        y = layer(lib.randn(rows, 300, dtype=getattr(lib, dtype)))
        assert y.is_contiguous()
        (y * y).sum().backward()
        found.append([t.detach().numpy() for t in (y, layer.weight.grad, layer.bias.grad)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_the_graph_of_a_network_is_pytorchs(torch: Any) -> None:
    def walked(lib: ModuleType) -> list[str]:
        nn = lib.nn
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        loss = nn.MSELoss()(model(lib.ones(5, 4)), lib.zeros(5, 2))
        found, stack = [], [loss.grad_fn]
        while stack:
            node = stack.pop()
            found.append(node.name())
            stack += [following for following, _ in node.next_functions if following is not None]
        return [name.removeprefix("torch::autograd::") for name in found]

    assert walked(gl) == walked(torch)


def test_a_classifier_learns_to_tell_classes_apart() -> None:
    gl.manual_seed(1)
    nn = gl.nn
    centres = gl.tensor([[0.0, 3.0], [3.0, -3.0], [-3.0, -3.0]])
    classes = gl.tensor([0, 1, 2] * 30)
    points = centres[classes] + gl.randn(90, 2)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = gl.optim.Adam(model.parameters(), lr=0.05)
    loss_function = nn.CrossEntropyLoss()
    for _ in range(100):
        optimizer.zero_grad()
        loss_function(model(points), classes).backward()
        optimizer.step()
    right = (model(points).argmax(1) == classes).sum().item()
    assert right >= 88
