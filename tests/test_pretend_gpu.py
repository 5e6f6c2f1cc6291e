"""`device="cuda"` without a GPU: everything on a stand-in for CuPy that is as strict as CuPy.

Here it is found when an operation or the engine mixes NumPy's and CuPy's arrays, or wants of CuPy
what it can't do. Whether CUDA computes right is for `tests/gpu` and `make gpu-test` to say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab import arrays
from gradlab.op import nodes
from tests import pretend_cupy
from tests.generated.cases import (
    Case,
    each_case,
    each_differentiable_case,
    numbers,
    tensors,
)
from tests.gpu.networks_on_the_device import OPTIMISERS, NetworksOnTheDevice
from tests.gpu.on_the_device import OnTheDevice


@pytest.fixture
def _on_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = pretend_cupy.modules()
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    gl.set_default_device("cuda")
    yield
    gl.set_default_device("cpu")
    nodes.RAW.pop(made["cupy"], None)


def forward(case: Case) -> tuple[list[Any], list[Any]]:
    args, kwargs = case.arguments(gl)
    result = case.op.function(*args, **kwargs)
    return tensors([args, kwargs]), tensors([result])


def gradients(case: Case, create_graph: bool) -> list[Any]:
    given, results = forward(case)
    inputs = [tensor for tensor in given if tensor.requires_grad]
    outputs = [tensor for tensor in results if tensor.requires_grad]
    seeds = [gl.ones_like(result) * 0.5 for result in outputs]
    found = gl.autograd.grad(outputs, inputs, seeds, create_graph=create_graph, allow_unused=True)
    return [gradient for gradient in found if gradient is not None]


def assert_same(ours: list[Any], expected: list[Any]) -> None:
    for one, two in zip(ours, expected, strict=True):
        assert (one.dtype, one.shape) == (two.dtype, two.shape)
        numpy.testing.assert_allclose(numbers(one), numbers(two), rtol=1e-12, atol=1e-12)


TO_THE_CPU = {"to_copy"}  # its samples name the CPU


@each_case
def test_result_is_on_the_device_and_as_on_the_cpu(
    case: Case, request: pytest.FixtureRequest
) -> None:
    _, expected = forward(case)
    request.getfixturevalue("_on_cuda")
    given, results = forward(case)
    assert all(tensor.is_cuda for tensor in given)
    assert all(tensor.is_cuda for tensor in results) or case.op.name in TO_THE_CPU
    assert_same(results, expected)


@pytest.mark.parametrize("create_graph", [False, True])
@each_differentiable_case
def test_gradients_are_on_the_device_and_as_on_the_cpu(
    case: Case, create_graph: bool, request: pytest.FixtureRequest
) -> None:
    expected = gradients(case, create_graph)
    request.getfixturevalue("_on_cuda")
    found = gradients(case, create_graph)
    assert all(gradient.is_cuda for gradient in found)
    assert_same(found, expected)


@pytest.mark.usefixtures("_on_cuda")
class TestOnTheStandIn(OnTheDevice):
    """As on a real GPU."""


@pytest.mark.usefixtures("_on_cuda")
class TestNetworksOnTheStandIn(NetworksOnTheDevice):
    """As on a real GPU."""


@pytest.mark.usefixtures("_on_cuda")
@pytest.mark.parametrize(("name", "options"), OPTIMISERS)
def test_a_step_is_one_kernel_for_each_parameter(name: str, options: dict[str, Any]) -> None:
    params = [gl.ones(shape, requires_grad=True) for shape in ((3, 4), (), (5,))]
    optimizer = getattr(gl.optim, name)(params, **options)
    for param in params:
        param.grad = gl.ones_like(param)
    optimizer.step()  # the first makes the memories
    pretend_cupy.launched.clear()
    optimizer.step()
    room = type(optimizer)._update.__module__ if name != "SGD" else "gradlab.optim.sgd"
    assert pretend_cupy.launched == [f"gradlab_{room.rpartition('.')[2]}"] * len(params)


@pytest.mark.parametrize(
    ("formula", "error"),
    [
        (lambda x, number: x.__iadd__(1 - number), TypeError),
        (lambda x, number: x.__iadd__(1) if number else None, TypeError),
        (lambda x, number: abs(x), TypeError),
        (lambda x, number: numpy.sqrt(x), TypeError),
        (lambda x, number: x @ x, TypeError),
        (lambda x, number: x.sum(), AttributeError),
        (lambda x, number: x + 1, TypeError),
    ],
)
def test_the_stand_in_fuses_what_cupy_fuses(formula: Any, error: type[Exception]) -> None:
    cupy = pretend_cupy.modules()["cupy"]
    kernel = cupy.fuse(kernel_name="kernel")(formula)
    with pytest.raises(error):
        kernel(cupy.ones(2), numpy.float64(0.5))


@pytest.mark.parametrize("number", [0.5, numpy.float64(0.5)])
def test_the_stand_in_wants_numbers_as_exact_as_its_arrays(number: Any) -> None:
    cupy = pretend_cupy.modules()["cupy"]
    kernel = cupy.fuse(kernel_name="kernel")(lambda x, number: None)
    with pytest.raises(TypeError):
        kernel(cupy.ones(2, "float32"), number)


def test_the_stand_in_is_strict() -> None:
    cupy = pretend_cupy.modules()["cupy"]
    array = cupy.asarray(numpy.ones(2))
    with pytest.raises(TypeError):
        _ = array + numpy.ones(2)
    with pytest.raises(TypeError):
        numpy.sin(array)
    with pytest.raises(TypeError):
        numpy.asarray(array)
    with pytest.raises(NotImplementedError):
        cupy.maximum.reduce(array)
    with pytest.raises(TypeError):
        cupy.add.reduce(array, initial=0)
    with pytest.raises(AttributeError):
        _ = cupy.lib
    assert type(cupy.add.reduce(array)) is pretend_cupy.Array
    assert arrays.is_on_cpu(array.get())
