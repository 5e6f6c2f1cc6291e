"""Convolution by cuDNN without a GPU: on stand-ins for CuPy and cuDNN's front end.

Here it is found when a graph is described wrongly: arguments, sizes, strides, the order of steps,
addresses. Whether cuDNN has kernels, and how fast they are, is for `tests/gpu` to say.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import gradlab as gl
from gradlab.backends import cudnn as settings
from gradlab.nn import functional as F
from gradlab.op import nodes
from gradlab.ops import cudnn
from tests import pretend_cudnn, pretend_cupy
from tests.gpu.convolution_by_cudnn import ConvolutionByCudnn

CACHES = [settings.front_end, cudnn._plan, cudnn._handle]


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[pretend_cudnn.Library]:
    made, library = pretend_cupy.modules(), pretend_cudnn.Library()
    for name, module in {**made, "cudnn": library.module()}.items():
        monkeypatch.setitem(sys.modules, name, module)
    for cache in CACHES:
        cache.cache_clear()
    gl.set_default_device("cuda")
    yield library
    gl.set_default_device("cpu")
    nodes.RAW.pop(made["cupy"], None)
    for cache in CACHES:
        cache.cache_clear()


class TestOnTheStandIns(ConvolutionByCudnn):
    """As on a real GPU."""


def layer(n: int = 2, dtype: Any = gl.float32) -> Any:
    """A pass through a layer, forward and backward; how far it is from that by products."""
    gl.manual_seed(0)
    x, w = gl.randn(n, 3, 6, 5).to(dtype), gl.randn(4, 3, 3, 3).to(dtype)
    found = []
    for enabled in (settings.enabled, False):
        given = [x.clone().requires_grad_(), w.clone().requires_grad_()]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(settings, "enabled", enabled)
            F.conv2d(*given, padding=1).square().sum().backward()
        found.append([one.grad for one in given])
    return max((one - two).abs().max().item() for one, two in zip(*found, strict=True))


def test_a_graph_is_built_once_for_each_operation_and_size(library: Any) -> None:
    for n in (2, 2, 3, 2):
        assert layer(n) < 1e-4
    operations = ["conv_fprop", "conv_wgrad", "conv_dgrad"]
    assert sorted(graph.operation for graph in library.built) == sorted(operations * 2)
    assert len(library.ran) == 4 * 3
    assert layer(2, gl.float64) < 1e-10
    assert len(library.built) == 3 * 3
    assert set(library.streams) == {pretend_cupy.STREAM}


@pytest.mark.parametrize(
    ("dtype", "kind", "exact"),
    [
        (gl.float16, "HALF", "FLOAT"),
        (gl.float32, "FLOAT", "FLOAT"),
        (gl.float64, "DOUBLE", "DOUBLE"),
    ],
)
def test_sums_are_in_single_precision_at_least(
    library: Any, dtype: Any, kind: str, exact: str
) -> None:
    layer(2, dtype)
    options = library.built[0].options
    assert options["io_data_type"].name == kind
    assert options["compute_data_type"].name == options["intermediate_data_type"].name == exact
    assert library.built[0].channels_last


def test_settings_bar_kernels(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = pretend_cudnn.numerical_note
    tensor_cores, unsteady = {notes.TENSOR_CORE}, {notes.NONDETERMINISTIC}
    assert settings.allow_tf32 is True  # as in PyTorch
    layer()
    assert library.built[-1].notes == [tensor_cores, unsteady, set()]
    monkeypatch.setattr(settings, "allow_tf32", False)
    layer()
    assert library.built[-1].notes == [unsteady, set()]
    layer(dtype=gl.float16)  # in which TF32 plays no part
    assert library.built[-1].notes == [tensor_cores, unsteady, set()]
    monkeypatch.setattr(settings, "deterministic", True)
    layer()
    assert library.built[-1].notes == [set()]


def test_tensors_lie_in_order_where_cudnn_wants_it(library: Any) -> None:
    library.refuses = lambda graph: graph.channels_last
    assert layer() < 1e-4
    assert len(library.ran) == 3
    assert not any(graph.channels_last for graph in library.ran)


def test_what_cudnn_refuses_is_computed_by_products_and_not_asked_again(library: Any) -> None:
    asked = []
    library.refuses = lambda graph: asked.append(graph) or True
    assert layer() == 0
    assert len(asked) == 3 * 2  # in both orders
    assert layer() == 0
    assert (len(asked), library.ran) == (6, [])


def test_a_kernel_that_fails_is_named_once_and_replaced(library: Any) -> None:
    library.fails_to_run = True
    x, w = gl.ones(1, 1, 3, 3), gl.ones(1, 1, 2, 2)
    with pytest.warns(UserWarning, match="failed to run it: CUDNN_STATUS_EXECUTION_FAILED"):
        assert F.conv2d(x, w).sum() == 16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert F.conv2d(x, w).sum() == 16
    assert (len(library.built), library.ran) == (1, [])


def test_pictures_are_not_turned_around_between_layers(library: Any) -> None:
    x = gl.nn.Conv2d(3, 8, 3)(gl.ones(2, 3, 6, 6))
    pretend_cupy.launched.clear()
    gl.nn.Conv2d(8, 4, 3, bias=False)(x)
    assert x._array.strides[1] == x._array.itemsize  # pixel by pixel
    assert [name for name in pretend_cupy.launched if "copy" in name] == []


def test_windows_that_are_left_out_are_no_convolution_of_cudnns(library: Any) -> None:
    x, w = gl.ones(1, 1, 3), gl.ones(1, 1, 2)
    out = F.conv_transpose1d(x.requires_grad_(), w, stride=2, output_padding=1, dilation=1)
    out.sum().backward()
    assert out.tolist() == [[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]]]
    assert x.grad.tolist() == [[[2.0, 2.0, 2.0]]]
    y = F.conv_transpose1d(x.detach(), w, stride=1, output_padding=1, dilation=2)
    assert y.tolist() == [[[1.0, 1.0, 2.0, 1.0, 1.0, 0.0]]]


def test_without_the_front_end_nothing_is_asked(
    library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cudnn", None)  # importing it raises ImportError
    settings.front_end.cache_clear()
    assert layer() == 0
    assert not settings.is_available()
    assert settings.version() is None
    assert library.built == []


def test_without_the_library_below_nothing_is_asked(
    library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> int:
        raise RuntimeError("Unable to dlopen libcudnn")

    monkeypatch.setattr(sys.modules["cudnn"], "backend_version", missing)
    settings.front_end.cache_clear()
    assert layer() == 0
    assert not settings.is_available()
    assert library.built == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (dict(stride=[2, 2]), "spatial sizes"),
        (dict(pads=[1, 1]), "unexpected arguments"),
        (dict(dilation=(1, 1)), "a list of int is wanted"),
        (dict(stride=[1.0, 1.0]), "a list of int is wanted"),
    ],
)
def test_the_stand_in_is_strict(wrong: dict[str, Any], error: str) -> None:
    kind = pretend_cudnn.data_type["FLOAT"]
    graph: Any = pretend_cudnn.Library().module().pygraph(io_data_type=kind, handle=object())

    def describe() -> None:
        x = graph.tensor(name="x", dim=[1, 1, 4, 4], stride=[16, 16, 4, 1], data_type=kind)
        w = graph.tensor(name="w", dim=[1, 1, 2, 2], stride=[4, 4, 2, 1], data_type=kind)
        lengths = dict(pre_padding=[0, 0], post_padding=[0, 0], stride=[1, 1], dilation=[1, 1])
        y = graph.conv_fprop(image=x, weight=w, **{**lengths, **wrong})
        y.set_output(True)
        y.set_dim([1, 1, 3, 3])
        graph.validate()

    with pytest.raises((TypeError, RuntimeError), match=error):
        describe()
