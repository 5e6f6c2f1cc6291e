"""Convolutions: layers and functions are PyTorch's, to second derivatives, texts and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error
from tests.nn.layers import Maker, assert_same_layer, picture


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


LAYERS: list[tuple[Maker, tuple[int, ...]]] = [
    (lambda nn: nn.Conv1d(3, 4, 3), (2, 3, 7)),
    (lambda nn: nn.Conv1d(3, 4, 3, padding="same"), (3, 7)),
    (lambda nn: nn.Conv2d(3, 4, 3, stride=2, padding=1), (2, 3, 6, 7)),
    (lambda nn: nn.Conv2d(3, 40, 3, padding=1), (1, 3, 4, 4)),
    (lambda nn: nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(2, 0), groups=2), (2, 4, 5, 6)),
    (lambda nn: nn.Conv2d(4, 4, 3, dilation=2, groups=4, bias=False), (2, 4, 6, 6)),
    (lambda nn: nn.Conv2d(4, 8, 3, padding=1, groups=4), (1, 4, 3, 5)),
    (lambda nn: nn.Conv2d(4, 8, 3, padding=1, groups=4), (0, 4, 3, 5)),  # no pictures
    (lambda nn: nn.Conv2d(12, 18, 3, stride=2, padding=1, groups=6), (2, 12, 4, 5)),
    (lambda nn: nn.Conv2d(40, 20, (2, 3), padding=1, groups=20), (1, 40, 4, 5)),
    (lambda nn: nn.Conv2d(42, 28, 3, groups=14), (1, 42, 3, 4)),
    (lambda nn: nn.Conv2d(5, 3, 1), (2, 5, 3, 4)),
    (lambda nn: nn.Conv2d(5, 3, 1, stride=2), (2, 5, 3, 4)),
    (lambda nn: nn.Conv2d(2, 3, 2, padding="same"), (2, 2, 4, 4)),
    (lambda nn: nn.Conv2d(2, 3, 3, padding="valid"), (2, 4, 4)),
    (lambda nn: nn.Conv2d(2, 3, 3, padding=2, padding_mode="reflect"), (1, 2, 4, 5)),
    (lambda nn: nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode="replicate"), (1, 2, 4, 5)),
    (lambda nn: nn.Conv2d(2, 3, 4, padding="same", padding_mode="reflect"), (1, 2, 4, 5)),
    (lambda nn: nn.Conv3d(2, 3, 2, stride=(1, 2, 1), padding=1), (1, 2, 3, 4, 3)),
    (lambda nn: nn.ConvTranspose1d(3, 2, 4, stride=2, padding=1), (2, 3, 5)),
    (lambda nn: nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1, groups=2), (1, 4, 3, 2)),
    (lambda nn: nn.ConvTranspose2d(12, 6, 3, stride=2, groups=3), (2, 12, 3, 2)),
    (lambda nn: nn.ConvTranspose2d(2, 3, 2, dilation=2, output_padding=1), (2, 3, 3)),
    (lambda nn: nn.ConvTranspose3d(1, 2, 2, stride=2), (1, 1, 2, 2, 2)),
]


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")  # PyTorch's own
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers_are_pytorchs(make: Maker, shape: tuple[int, ...], torch: Any) -> None:
    assert_same_layer(make, picture(*shape), torch)


def test_circular_padding_gives_the_same_numbers_and_gradients(torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        layer = lib.nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode="circular").double()
        x = lib.tensor(picture(1, 2, 4, 5), requires_grad=True)
        y = layer(x)
        y.pow(2).sum().backward()
        found.append((y, x.grad))
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
@pytest.mark.parametrize("where", ["x", "w"])
def test_what_is_not_finite_stays_in_its_group(bad: float, where: str, torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        numbers = {"x": picture(1, 6, 4, 4), "w": picture(6, 2, 3, 3)}
        numbers[where].flat[0] = bad
        x, w = (lib.tensor(numbers[name], requires_grad=True) for name in "xw")
        y = lib.conv2d(x, w, padding=1, groups=3)
        y.backward(lib.ones_like(y))
        found.append((y, x.grad, w.grad))
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours.isfinite(), theirs.isfinite())
        assert ours.isfinite().any()


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8"])
def test_dtypes(dtype: str, torch: Any) -> None:
    x, w = np.arange(32) % 7, np.arange(24) % 5
    found = [
        lib.conv2d(
            lib.tensor(x).reshape(1, 2, 4, 4).to(getattr(lib, dtype)),
            lib.tensor(w).reshape(3, 2, 2, 2).to(getattr(lib, dtype)),
        )
        for lib in (gl, torch)
    ]
    assert_close(*found)


def test_transposed_layers_reach_an_output_size(torch: Any) -> None:
    for lib in (gl, torch):
        up = lib.nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)
        x = lib.ones(1, 1, 3, 3)
        assert tuple(up(x, output_size=(6, 5)).shape) == (1, 1, 6, 5)
        assert tuple(up(x, output_size=(1, 1, 5, 6)).shape) == (1, 1, 5, 6)


X, W = (2, 4, 6, 6), (5, 4, 3, 3)

ERRORS = [
    lambda t: t.conv2d(t.ones(6, 6), t.ones(W)),
    lambda t: t.conv2d(t.ones(1, *X), t.ones(W)),
    lambda t: t.conv1d(t.ones(X), t.ones(W)),
    lambda t: t.conv2d(t.ones(2, 3, 6, 6), t.ones(W)),
    lambda t: t.conv2d(t.ones(X), t.ones(W).double()),
    lambda t: t.conv2d(t.ones(X).double(), t.ones(W)),
    lambda t: t.conv2d(t.ones(X), t.ones(W), t.zeros(5).double()),
    lambda t: t.conv2d(t.ones(X).double(), t.ones(W), t.zeros(5)),
    lambda t: t.conv2d(t.ones(X).long(), t.ones(W), t.zeros(5)),
    lambda t: t.conv1d(t.ones(X[1:]).half(), t.ones(W[1:]), t.zeros(4)),
    lambda t: t.conv_transpose2d(t.ones(X).double(), t.ones(4, 5, 3, 3), t.zeros(5)),
    lambda t: t.conv2d(t.ones(X), t.ones(W), groups=2),
    lambda t: t.conv2d(t.ones(X), t.ones(W), groups=0),
    lambda t: t.conv2d(t.ones(X), t.ones(W), t.zeros(4)),
    lambda t: t.conv2d(t.ones(X), t.ones(W), stride=0),
    lambda t: t.conv2d(t.ones(X), t.ones(W), padding=-1),
    lambda t: t.conv2d(t.ones(X), t.ones(W), dilation=0),
    lambda t: t.conv2d(t.ones(X), t.ones(W), dilation=5),
    lambda t: t.conv2d(t.ones(X), t.ones(5, 4, 9, 9)),
    lambda t: t.conv2d(t.ones(X), t.ones(W), stride=(1, 2, 3)),
    lambda t: t.conv2d(t.ones(X), t.ones(W), padding="foo"),
    lambda t: t.conv2d(t.ones(X), t.ones(W), padding="same", stride=2),
    lambda t: t.conv2d(t.ones(X), t.ones(0, 4, 3, 3)),
    lambda t: t.conv2d(t.ones(X).bool(), t.ones(W).bool()),
    lambda t: t.conv_transpose2d(t.ones(X), t.ones(W)),
    lambda t: t.conv_transpose2d(t.ones(X), t.ones(4, 5, 3, 3), output_padding=1),
    lambda t: t.conv_transpose2d(t.ones(X), t.ones(4, 5, 3, 3), t.zeros(3)),
    lambda t: t.conv_transpose2d(t.ones(X), t.ones(4, 5, 3, 3), output_padding=-1),
    lambda t: t.nn.Conv2d(3, 4, 3, groups=2),
    lambda t: t.nn.Conv2d(4, 3, 3, groups=2),
    lambda t: t.nn.Conv2d(4, 4, 3, groups=0),
    lambda t: t.nn.Conv2d(4, 3, 3, padding="same", stride=2),
    lambda t: t.nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"),
    lambda t: t.nn.ConvTranspose2d(4, 4, 3, stride=2)(t.ones(X), output_size=(3, 3)),
    lambda t: t.nn.ConvTranspose2d(4, 4, 3, stride=2)(t.ones(X), output_size=(13, 14, 3)),
]


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_pytorchs(case: Any, torch: Any) -> None:
    assert_same_error(case, torch)


# ------------------------------------------------------------------ the hidden order in memory


def convolved() -> Any:
    gl.manual_seed(0)
    return gl.nn.Conv2d(3, 4, 3, padding=1)(gl.randn(2, 3, 5, 6)).relu()


def test_what_a_convolution_made_looks_contiguous() -> None:
    assert convolved().stride() == (120, 30, 6, 1)
    assert convolved().is_contiguous()
    assert convolved().detach().numpy().flags.c_contiguous
    y = convolved()
    assert y.contiguous() is y


def test_view_and_flatten_of_a_convolution_are_views_on_its_memory() -> None:
    with gl.no_grad():
        for look in (lambda y: y.view(2, -1), lambda y: y.flatten(1), lambda y: y.reshape(-1)):
            y = convolved()
            expected = np.array(y.tolist())
            view = look(y)
            np.testing.assert_array_equal(view.numpy().ravel(), expected.ravel())
            view.zero_()
            assert not y.numpy().any()


def test_other_tensors_on_a_convolutions_memory_see_its_changes() -> None:
    for alias in (
        lambda y: y.detach(),
        lambda y: y.data,
        lambda y: y[0],
        lambda y: y.transpose(1, 2),
    ):
        y = convolved()
        with gl.no_grad():
            other = alias(y)
            y.view(-1).zero_()
            y.numpy(force=True)
            assert not other.numpy(force=True).any()


def test_memory_that_was_brought_along_stays_where_it_is() -> None:
    ours = np.zeros((2, 5, 6, 3), np.float32).transpose(0, 3, 1, 2)
    tensor = gl.from_numpy(ours)
    assert tensor.stride() == (90, 1, 18, 3)
    tensor.detach().fill_(1)
    assert ours.all()


def test_a_layers_weight_keeps_its_memory_through_training_steps() -> None:
    layer = gl.nn.Conv2d(3, 4, 3)
    data = layer.weight.data
    layer(gl.randn(1, 3, 6, 6)).sum().backward()
    data.fill_(1)
    assert layer.weight.sum().item() == 108
    assert layer.weight.grad.is_contiguous()
