"""The order in memory that a program asks for: pictures pixel by pixel, as in PyTorch."""

from __future__ import annotations

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same_error
from tests.ops.printed import assert_prints_same

LAST = "memory_format=torch.channels_last"
PICTURES = "torch.arange(96.).view(2, 3, 4, 4)"

PRINTED = [
    "torch.channels_last, torch.channels_last_3d",
    f"{PICTURES}.to({LAST}).stride(), {PICTURES}.contiguous({LAST}).stride()",
    f"{PICTURES}.double().to(torch.float32, {LAST}).stride()",
    f"(lambda y: (y.is_contiguous(), y.is_contiguous({LAST})))({PICTURES}.to({LAST}))",
    f"{PICTURES}.is_contiguous({LAST}), torch.ones(2, 3).is_contiguous({LAST})",
    f"(lambda y: (y.to({LAST}) is y, y.contiguous({LAST}) is y))({PICTURES}.to({LAST}))",
    f"(lambda y: (y.contiguous().stride(), y[:, 0].stride(), y.flatten()[:5], y[0, 1, 2]))"
    f"({PICTURES}.to({LAST}))",
    f"(lambda y: (y.add_(1).stride(), y._version, y[0, 0, 0]))({PICTURES}.to({LAST}))",
    "torch.ones(1, 2, 3, 4, 5).to(memory_format=torch.channels_last_3d).stride()",
    f"torch.ones(1, 2, 3, 3, requires_grad=True).contiguous({LAST}).grad_fn.name()",
]

REFUSED = [
    f"torch.ones(2, 3).to({LAST})",
    f"torch.ones(2, 3).contiguous({LAST})",
    f"{PICTURES}.to({LAST}).view(-1)",
]


@pytest.mark.parametrize("line", PRINTED)
def test_laid_out_as_by_pytorch(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", REFUSED)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


def test_gradients_pass_to_where_the_copy_came_from() -> None:
    x = gl.arange(24.0).view(1, 2, 3, 4).requires_grad_()
    y = x.contiguous(memory_format=gl.channels_last)
    (y * y).sum().backward()
    assert x.grad is not None
    assert gl.equal(x.grad, 2 * x.detach())


def test_layers_compute_the_same_of_either_order() -> None:
    x = gl.arange(96.0).view(2, 3, 4, 4) / 96
    layer = gl.nn.Conv2d(3, 2, 3)
    expected = layer(x)
    found = layer.to(memory_format=gl.channels_last)(x.to(memory_format=gl.channels_last))
    assert gl.allclose(found, expected)
