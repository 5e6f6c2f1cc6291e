"""Frozen parameters, as in fine-tuning: no gradient, no history, and no time spent on either."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from gradlab_widgets import trace


def frozen(model: Any) -> Any:
    """The model, all of whose parameters are left out of history."""
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model


def network(torch: ModuleType) -> Any:
    """A body of two layers and a head; the body is frozen."""
    nn = torch.nn
    body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())
    model = nn.Module()
    model.body, model.fc = frozen(body), nn.Linear(8, 3)
    return model


def history(tensor: Any) -> set[str]:
    """The names of the nodes that a backward pass from a tensor would visit."""
    found, waiting = set(), [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        found.add(node.name().removeprefix("torch::autograd::"))
        waiting += [following for following, _ in node.next_functions if following is not None]
    return found


def test_history_stops_at_the_head(torch: ModuleType) -> None:
    model = network(torch)
    features = model.body(torch.randn(5, 4))
    assert not features.requires_grad
    assert features.grad_fn is None
    loss = model.fc(features).sum()
    assert history(loss) == {"SumBackward0", "AddmmBackward0", "TBackward0", "AccumulateGrad"}


def test_only_the_head_gets_gradients_and_moves(torch: ModuleType) -> None:
    model = network(torch)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model.fc(model.body(torch.randn(5, 4))).square().sum().backward()
        optimizer.step()
    graded = [name for name, p in model.named_parameters() if p.grad is not None]
    moved = [name for name, value in model.state_dict().items() if not value.equal(before[name])]
    assert graded == moved == ["fc.weight", "fc.bias"]
    assert len(optimizer.state) == 2


def test_a_frozen_layer_lets_gradients_through_to_what_is_before_it(torch: ModuleType) -> None:
    nn = torch.nn
    first, second = nn.Linear(4, 4), frozen(nn.Linear(4, 1))
    second(first(torch.ones(2, 4))).sum().backward()
    assert first.weight.grad is not None
    assert second.weight.grad is None
    assert second.bias.grad is None


def test_what_is_thawed_learns_again(torch: ModuleType) -> None:
    model = network(torch)
    for parameter in model.body[2].parameters():
        parameter.requires_grad_(True)
    model.fc(model.body(torch.randn(5, 4))).sum().backward()
    graded = [name for name, p in model.named_parameters() if p.grad is not None]
    assert graded == ["body.2.weight", "body.2.bias", "fc.weight", "fc.bias"]


def test_no_grad_leaves_out_as_freezing_does(torch: ModuleType) -> None:
    nn = torch.nn
    body, head = nn.Linear(4, 4), nn.Linear(4, 1)
    with torch.no_grad():
        features = body(torch.ones(2, 4))
    head(features).sum().backward()
    assert body.weight.grad is None
    assert head.weight.grad is not None


@pytest.mark.parametrize("name", ["linear", "conv"])
def test_a_frozen_body_costs_no_time_in_the_backward_pass(name: str) -> None:
    """The least of several passes, by the side of the pass through all of the network."""
    nn = gl.nn
    if name == "linear":
        body = nn.Sequential(*(nn.Linear(200, 200) for _ in range(12)))
        head, x = nn.Linear(200, 10), gl.randn(64, 200)
    else:
        body = nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(6)), nn.Flatten())
        head, x = nn.Linear(8 * 16 * 16, 10), gl.randn(4, 8, 16, 16)

    def seconds() -> float:
        least = float("inf")
        for _ in range(7):
            loss = head(body(x)).sum()
            start = time.perf_counter()
            loss.backward()
            least = min(least, time.perf_counter() - start)
        return least

    whole = seconds()
    frozen(body)
    assert seconds() < whole / 3


def test_the_drawn_graph_begins_at_the_head() -> None:
    model, x = network(gl), gl.randn(5, 4)
    drawn = trace(model.fc(model.body(x)).sum())
    assert {name for name in drawn.nodes.name if name} == {"fc.weight", "fc.bias"}
    assert "relu" not in drawn.nodes.title
    whole = trace(model.requires_grad_(True).fc(model.body(x)).sum())
    assert "body.0.weight" in whole.nodes.name
    assert whole.nodes.title.count("relu") == 2
