"""On a real GPU: run by `make gpu-test`, skipped elsewhere.

`make gpu-test` runs the engine's other tests on the GPU as well: with `--device cuda` every tensor
is made there unless a test says otherwise.
"""

from __future__ import annotations

import gc

import pytest

import gradlab as gl
from tests.gpu.networks_on_the_device import NetworksOnTheDevice
from tests.gpu.on_the_device import OnTheDevice

pytestmark = pytest.mark.gpu


class TestOnCuda(OnTheDevice):
    """As on the stand-in."""


class TestNetworksOnCuda(NetworksOnTheDevice):
    """As on the stand-in."""


def test_the_gpu_has_a_name() -> None:
    assert gl.cuda.get_device_name()


def test_memory_is_given_back_with_the_graph() -> None:
    x = gl.ones(1 << 20, requires_grad=True)
    (x * 2).sum().backward()
    gc.collect()
    before = gl.cuda.memory_allocated()
    y = x
    for _ in range(10):
        y = (y * 1.5).sin()
    assert gl.cuda.memory_allocated() > before + 10 * (4 << 20)
    del y
    assert gl.cuda.memory_allocated() == before


def test_a_large_product_is_that_of_the_cpu() -> None:
    gl.manual_seed(0)
    a, b = gl.rand(300, 400, dtype=gl.float64), gl.rand(400, 200, dtype=gl.float64)
    assert gl.allclose((a @ b).cpu(), a.cpu() @ b.cpu())


def test_backward_waits_for_the_gpu_before_numbers_are_read() -> None:
    x = gl.ones(1 << 22, requires_grad=True)
    y = x
    for _ in range(50):
        y = y * 1.0
    y.sum().backward()
    assert x.grad.sum().item() == 1 << 22
