"""Padding, shuffling, dropout, embedding, lazy and other small layers are PyTorch's."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error, texts
from tests.nn.layers import Maker, assert_same_layer, picture


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


# ------------------------------------------------------------------ padding and shuffling

LAYERS: list[tuple[Maker, tuple[int, ...]]] = [
    (lambda nn: nn.ConstantPad1d(2, 3.5), (2, 3, 4)),
    (lambda nn: nn.ConstantPad2d((1, 0, 2, 1), 1), (2, 3, 4)),
    (lambda nn: nn.ConstantPad3d(1, -1.0), (1, 2, 2, 3)),
    (lambda nn: nn.ZeroPad1d(1), (2, 3, 4)),
    (lambda nn: nn.ZeroPad2d((1, 2, 0, -1)), (1, 2, 3, 4)),
    (lambda nn: nn.ZeroPad3d(1), (1, 2, 2, 3)),
    (lambda nn: nn.ReflectionPad1d((2, 1)), (2, 3, 4)),
    (lambda nn: nn.ReflectionPad2d(2), (1, 2, 3, 4)),
    (lambda nn: nn.ReflectionPad3d(1), (1, 1, 2, 3, 2)),
    (lambda nn: nn.ReplicationPad1d(2), (2, 3, 4)),
    (lambda nn: nn.ReplicationPad2d((1, 2, 0, 3)), (1, 2, 3, 4)),
    (lambda nn: nn.ReplicationPad3d(1), (1, 1, 2, 3, 2)),
    (lambda nn: nn.PixelShuffle(2), (2, 8, 3, 2)),
    (lambda nn: nn.PixelUnshuffle(2), (2, 2, 4, 6)),
    (lambda nn: nn.ChannelShuffle(2), (2, 4, 3, 2)),
    (lambda nn: nn.Flatten(), (2, 4, 3, 2)),
    (lambda nn: nn.Unflatten(1, (2, 3)), (2, 6, 2)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers_are_pytorchs(make: Maker, shape: tuple[int, ...], torch: Any) -> None:
    assert_same_layer(make, picture(*shape), torch)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_circular_padding(dims: int, torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        layer = getattr(lib.nn, f"CircularPad{dims}d")(1)
        x = lib.tensor(picture(1, 2, *[3] * dims), requires_grad=True)
        y = layer(x)
        y.pow(2).sum().backward()
        found.append((y, x.grad))
    printed, expected = texts(lambda lib: getattr(lib.nn, f"CircularPad{dims}d")(1), torch)
    assert printed == expected
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs)


def test_bilinear_is_pytorchs(torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        layer = lib.nn.Bilinear(3, 4, 2).double()
        one = lib.tensor(picture(5, 3), requires_grad=True)
        result = layer(one, lib.tensor(picture(5, 4)))
        result.pow(2).sum().backward()
        found.append((result, one.grad, layer.weight.grad, layer.bias.grad))
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, rtol=1e-9)
    assert len(set(texts(lambda lib: lib.nn.Bilinear(3, 4, 2, bias=False), torch))) == 1


# ------------------------------------------------------------------ dropout

DROPOUTS = [
    (lambda nn: nn.Dropout1d(), (2, 3, 4)),
    (lambda nn: nn.Dropout1d(0.2), (3, 4)),
    (lambda nn: nn.Dropout2d(0.3), (4, 5, 2, 2)),
    (lambda nn: nn.Dropout3d(), (4, 5, 2, 2, 1)),
    (lambda nn: nn.Dropout3d(), (5, 2, 2, 1)),
    (lambda nn: nn.AlphaDropout(0.4), (4, 5)),
    (lambda nn: nn.FeatureAlphaDropout(), (4, 5, 2)),
    (lambda nn: nn.Dropout2d(1.0), (4, 5, 2, 2)),
    (lambda nn: nn.Dropout2d(0.0), (4, 5, 2, 2)),
]


@pytest.mark.parametrize(("make", "shape"), DROPOUTS)
def test_dropout_drops_what_pytorchs_drops(make: Maker, shape: tuple[int, ...], torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(3)
        x = lib.tensor(picture(*shape).astype("float32"), requires_grad=True)
        y = make(lib.nn)(x)
        y.sum().backward()
        found.append((y, x.grad))
        assert (make(lib.nn).eval()(x) == x).all()
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    assert len(set(texts(lambda lib: make(lib.nn), torch))) == 1


# ------------------------------------------------------------------ embedding

EMBEDDINGS: list[dict[str, Any]] = [
    {},
    {"padding_idx": 1},
    {"padding_idx": -1},
    {"scale_grad_by_freq": True},
    {"max_norm": 1.0},
    {"max_norm": 0.5, "norm_type": 1.0, "padding_idx": 0},
]


@pytest.mark.parametrize("options", EMBEDDINGS)
@pytest.mark.parametrize("indices", [[[1, 2, 1], [4, 1, 0]], [3], 2, []])
def test_embedding_is_pytorchs(options: dict[str, Any], indices: Any, torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        layer = lib.nn.Embedding(5, 3, **options)
        result = layer(lib.tensor(indices, dtype=lib.int64))
        result.pow(2).sum().backward()
        found.append((result, layer.weight, layer.weight.grad))
        assert result.grad_fn.name() == "EmbeddingBackward0"
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert len(set(texts(lambda lib: lib.nn.Embedding(5, 3, **options), torch))) == 1


def test_sparse_gradients_are_refused_by_name() -> None:
    with pytest.raises(NotImplementedError, match="leave out sparse=True"):
        gl.nn.Embedding(3, 2, sparse=True)(gl.tensor([0]))


# ------------------------------------------------------------------ lazy layers

LAZY = [
    (lambda nn: nn.LazyLinear(3), (2, 4)),
    (lambda nn: nn.LazyConv1d(3, 2), (2, 4, 5)),
    (lambda nn: nn.LazyConv2d(4, 2, groups=2, bias=False), (2, 4, 5, 3)),
    (lambda nn: nn.LazyConv3d(3, 2), (4, 2, 3, 3)),
    (lambda nn: nn.LazyConvTranspose1d(3, 2), (2, 4, 5)),
    (lambda nn: nn.LazyConvTranspose2d(3, 2, stride=2), (2, 4, 5, 3)),
    (lambda nn: nn.LazyConvTranspose3d(3, 2), (1, 4, 2, 3, 3)),
    (lambda nn: nn.LazyBatchNorm1d(), (3, 4)),
    (lambda nn: nn.LazyBatchNorm2d(affine=False), (3, 4, 2, 2)),
    (lambda nn: nn.LazyBatchNorm3d(), (3, 4, 2, 2, 1)),
    (lambda nn: nn.LazyInstanceNorm2d(affine=True), (3, 4, 2, 2)),
]


@pytest.mark.parametrize(("make", "shape"), LAZY)
def test_lazy_layers_become_pytorchs(make: Maker, shape: tuple[int, ...], torch: Any) -> None:
    seen = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        layer = make(lib.nn)
        before = (repr(layer), str(list(layer.state_dict().items())))
        parameters = list(layer.parameters())
        result = layer(lib.tensor(picture(*shape).astype("float32")))
        assert all(a is b for a, b in zip(parameters, layer.parameters(), strict=True))
        seen.append((before, repr(layer), type(layer).__name__, result, layer.state_dict()))
    ours, theirs = seen
    assert ours[:3] == theirs[:3]
    assert_close(ours[3], theirs[3], rtol=1e-4, atol=1e-5)
    for one, other in zip(ours[4].values(), theirs[4].values(), strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_a_lazy_layer_takes_its_shape_from_what_it_loads(torch: Any) -> None:
    for lib in (gl, torch):
        layer = lib.nn.LazyLinear(3)
        source = lib.nn.Linear(2, 3)
        layer.load_state_dict(source.state_dict())
        assert (layer(lib.ones(1, 2)) == source(lib.ones(1, 2))).all()
        assert repr(layer) == repr(source)


def test_a_lazy_layer_can_be_copied_and_converted() -> None:
    layer = copy.deepcopy(gl.nn.LazyLinear(3)).double()
    assert layer(gl.ones(1, 2, dtype=gl.float64)).dtype is gl.float64


# ------------------------------------------------------------------ errors

X = (2, 4, 6, 6)

ERRORS = [
    lambda t: t.nn.functional.dropout1d(t.ones(X)),
    lambda t: t.nn.functional.dropout2d(t.ones(X), 2),
    lambda t: t.nn.functional.alpha_dropout(t.ones(X), 1.5),
    lambda t: t.nn.Dropout2d(3),
    lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(5, 3), 7),
    lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(5, 3), -7),
    lambda t: t.nn.functional.embedding(t.tensor([5]), t.ones(5, 3)),
    lambda t: t.nn.functional.embedding(t.tensor([-1]), t.ones(5, 3)),
    lambda t: t.nn.functional.embedding(t.tensor([1.0]), t.ones(5, 3)),
    lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(5)),
    lambda t: t.nn.functional.embedding([1], t.ones(5, 3)),
    lambda t: t.nn.Embedding(3, 2, padding_idx=3),
    lambda t: t.nn.Embedding(3, 2, _weight=t.ones(5, 3)),
    lambda t: t.nn.Embedding.from_pretrained(t.ones(3)),
    lambda t: t.nn.Bilinear(0, 2, 3),
    lambda t: t.nn.Unflatten(1, 2),
    lambda t: t.nn.Unflatten(1, (2, "a")),
    lambda t: t.nn.ReflectionPad2d(7)(t.ones(X)),
    lambda t: t.nn.LazyConv2d(3, 3)(t.ones(2, 3)),
    lambda t: t.nn.LazyLinear(3).weight.shape,
    lambda t: t.nn.LazyLinear(3).weight.add(1),
    lambda t: t.nn.LazyLinear(3).weight.numel(),
    lambda t: t.nn.Linear(2, 3)(t.tensor(1.0)),
    lambda t: t.nn.Embedding(5, 2, max_norm=1.0)(t.tensor([7])),
    lambda t: t.nn.Embedding(5, 2, max_norm=1.0)(t.tensor([1, -7])),
    lambda t: t.nn.Embedding(5, 2, max_norm=1.0)(t.tensor([1.0])),
    lambda t: t.nn.EmbeddingBag(5, 2, max_norm=1.0)(t.tensor([[1.0]])),
    lambda t: t.nn.ModuleDict([3]),
    lambda t: t.nn.ModuleDict([("a", t.nn.ReLU(), 3)]),
]


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_pytorchs(case: Any, torch: Any) -> None:
    assert_same_error(case, torch)


def test_initial_weights_and_states_of_a_convolutional_network_are_pytorchs(torch: Any) -> None:
    states = []
    for lib in (gl, torch):
        nn = lib.nn
        lib.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 4, 2), nn.Conv1d(2, 3, 2),
            nn.LayerNorm(4), nn.Embedding(5, 3, padding_idx=0), nn.Bilinear(2, 3, 4),
            nn.GroupNorm(2, 4), nn.RMSNorm(3), nn.Conv3d(1, 2, 2, bias=False),
        )  # fmt: skip
        states.append(net.state_dict())
    ours, theirs = states
    assert list(ours) == list(theirs)
    for key in ours:
        np.testing.assert_array_equal(ours[key].numpy(), theirs[key].numpy())
