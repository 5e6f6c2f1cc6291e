"""Transformers: weights, results, gradients, text and errors are PyTorch's."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


OPTIONS: list[dict[str, Any]] = [
    {},
    {"batch_first": True, "dropout": 0.3},
    {"norm_first": True, "activation": "gelu"},
    {"bias": False, "activation": "leaky_relu", "dropout": 0.2},
    {"batch_first": True, "norm_first": True, "bias": False, "layer_norm_eps": 1e-3},
]


def built(lib: Any, kind: str, options: dict[str, Any]) -> Any:
    nn = lib.nn
    given = {"dim_feedforward": 16, "dropout": 0.0, **options}
    if given.get("activation") == "leaky_relu":
        given["activation"] = nn.functional.leaky_relu
    if kind == "encoder layer":
        return nn.TransformerEncoderLayer(8, 2, **given)
    if kind == "decoder layer":
        return nn.TransformerDecoderLayer(8, 2, **given)
    if kind == "encoder":
        return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, **given), 2, nn.LayerNorm(8))
    if kind == "decoder":
        return nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, **given), 2)
    return nn.Transformer(8, 2, 1, 2, **given)


def called(lib: Any, kind: str, model: Any, src: Any, tgt: Any, mask: str | None) -> Any:
    later = lib.nn.Transformer.generate_square_subsequent_mask
    name = {"encoder": "mask", "encoder layer": "src_mask"}.get(kind, "tgt_mask")
    masks = {} if mask is None else {name: later(5 if "encoder" in kind else 4)}
    if mask == "hinted":
        masks["is_causal" if "encoder" in kind else "tgt_is_causal"] = True
    if mask == "padded":
        padding = lib.tensor([[False] * 4, [False, False, False, True]])
        full = lib.tensor([[False] * 5, [False] * 4 + [True]])
        name = "src_key_padding_mask" if "encoder" in kind else "tgt_key_padding_mask"
        masks = {name: full if "encoder" in kind else padding}
    if "encoder" in kind:
        return model(src, **masks)
    if "decoder" in kind:
        return model(tgt, src, **masks)
    return model(src, tgt, **masks)


@pytest.mark.parametrize(
    "kind", ["encoder layer", "decoder layer", "encoder", "decoder", "transformer"]
)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("mask", [None, "causal", "hinted", "padded"])
@pytest.mark.parametrize("training", [True, False])
def test_a_transformer_is_pytorchs(
    torch: Any, kind: str, options: dict[str, Any], mask: str | None, training: bool
) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of nested tensors
            model = built(lib, kind, options).train(training)
        src, tgt = lib.randn(5, 2, 8), lib.randn(4, 2, 8)
        if options.get("batch_first"):
            src, tgt = (one.transpose(0, 1).contiguous() for one in (src, tgt))
        src.requires_grad_()
        lib.manual_seed(1)
        output = called(lib, kind, model, src, tgt, mask)
        (output * output * output).sum().backward()
        known = [p.detach().numpy().tobytes() for p in model.parameters()]
        text = (repr(model), list(model.state_dict()), known, output.stride())
        found.append((text, [output, src.grad, *(p.grad for p in model.parameters())]))
    ours, theirs = found
    assert ours[0] == theirs[0]
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert_close(one, other, rtol=2e-3, atol=3e-4)


def test_the_mask_hides_what_comes_later(torch: Any) -> None:
    masks = [
        lib.nn.Transformer.generate_square_subsequent_mask(4, dtype=lib.float64)
        for lib in (gl, torch)
    ]
    assert_close(*masks)


def test_layers_are_copies_that_start_alike() -> None:
    layer = gl.nn.TransformerEncoderLayer(4, 2, batch_first=True)
    encoder = gl.nn.TransformerEncoder(layer, 2)
    one, two = encoder.layers
    assert one.linear1.weight is not two.linear1.weight
    assert gl.equal(one.linear1.weight, two.linear1.weight)
    again = copy.deepcopy(encoder)
    x = gl.randn(2, 3, 4)
    assert gl.equal(again.eval()(x), encoder.eval()(x))


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_stack_that_cant_be_nested_warns_as_pytorchs(torch: Any, batch_first: bool) -> None:
    found = []
    for lib in (gl, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            layer = lib.nn.TransformerEncoderLayer(4, 2, batch_first=batch_first)
            lib.nn.TransformerEncoder(layer, 1)
        found.append([str(one.message) for one in caught])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: lib.nn.TransformerEncoderLayer(4, 2, activation="selu"),
        lambda lib: lib.nn.TransformerEncoderLayer(5, 2),
        lambda lib: lib.nn.Transformer(4, 2, 1, 1, 4, batch_first=True)(
            lib.ones(2, 3, 4), lib.ones(1, 3, 4)
        ),
        lambda lib: lib.nn.Transformer(4, 2, 1, 1, 4, batch_first=True)(
            lib.ones(2, 3, 4), lib.ones(2, 3, 5)
        ),
        lambda lib: lib.nn.TransformerEncoderLayer(4, 2)(
            lib.ones(2, 3, 4), lib.ones(2, 2, dtype=lib.int64)
        ),
    ],
)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True, but:UserWarning")
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize(
    "padding",
    [
        [[False] * 5, [False, False, True, True, True]],
        [[False] * 3 + [True] * 2] * 2,
        [[True, False, False, False, True], [False] * 5],
    ],
    ids=["of one", "of both", "at both ends"],
)
@pytest.mark.parametrize(
    ("options", "recorded"),
    [({}, False), ({}, True), ({"enable_nested_tensor": False}, False), ({"nhead": 1}, False)],
    ids=["unrecorded", "recorded", "not nested", "odd heads"],
)
def test_padding_comes_out_as_in_pytorch_in_evaluation(
    torch: Any, options: dict[str, Any], recorded: bool, padding: list[list[bool]], normed: bool
) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        stack = dict(options)
        nn = lib.nn
        layer = nn.TransformerEncoderLayer(4, stack.pop("nhead", 2), 8, batch_first=True)
        norm = nn.LayerNorm(4) if normed else None
        encoder = nn.TransformerEncoder(layer, 2, norm, **stack).eval()
        with lib.set_grad_enabled(recorded):
            found.append(encoder(lib.randn(2, 5, 4), src_key_padding_mask=lib.tensor(padding)))
    assert_close(*found, atol=1e-5)
