"""Attention, as a function and as a layer: results, gradients, graph and errors are PyTorch's."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from gradlab.op import OPS
from tests.nn.beside import assert_close, assert_same_error
from tests.nn.test_rnn import node_names


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


SHAPES = {
    "four dimensions": [(2, 3, 5, 4)] * 3,
    "three": [(3, 5, 4)] * 3,
    "two": [(5, 4)] * 3,
    "other keys": [(2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 4)],
    "other values": [(2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)],
    "shared heads": [(2, 4, 5, 4), (2, 2, 7, 4), (2, 2, 7, 4)],
}


def attended(lib: Any, shapes: Any, mask: str | None, factor: float, options: Any) -> Any:
    rng = np.random.default_rng(0)
    given = [
        lib.tensor((rng.standard_normal(s) * factor).astype("float32"), requires_grad=True)
        for s in shapes
    ]
    size = (shapes[0][-2], shapes[1][-2])
    seen = rng.random(size) < 0.7
    seen[0] = False  # a row where nothing is seen
    numbers = rng.standard_normal(size).astype("float32")
    masks = {
        None: None,
        "bool": lib.tensor(seen),
        "float": lib.tensor(numbers),
        "trained": lib.tensor(numbers, requires_grad=True),
    }
    lib.manual_seed(1)
    attend = lib.nn.functional.scaled_dot_product_attention
    output = attend(*given, attn_mask=masks[mask], **options)
    (output * output).sum().backward()
    grads = [one.grad for one in given] + [masks["trained"].grad] * (mask == "trained")
    return [output, *grads], node_names(output.grad_fn), output.stride()


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("mask", [None, "bool", "float", "trained"])
@pytest.mark.parametrize("factor", [1, 40])
@pytest.mark.parametrize("options", [{}, {"dropout_p": 0.3}, {"scale": 0.7}, {"is_causal": True}])
def test_attention_is_pytorchs(
    torch: Any, shapes: str, mask: str | None, factor: float, options: dict[str, Any]
) -> None:
    if mask is not None and "is_causal" in options:
        pytest.skip("PyTorch takes one or the other")
    if shapes == "shared heads":
        options = {**options, "enable_gqa": True}
    ours, theirs = (attended(lib, SHAPES[shapes], mask, factor, options) for lib in (gl, torch))
    for one, other in zip(ours[0], theirs[0], strict=True):
        assert_close(one, other, rtol=2e-3, atol=2e-5 * factor**3)
    if shapes != "shared heads":  # for which PyTorch's kernel makes no copies
        assert ours[1] == theirs[1]
    assert ours[2] == theirs[2]


@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_the_fused_gradients_are_those_of_differences(is_causal: bool, masked: bool) -> None:
    gl.manual_seed(0)
    tensors = [gl.randn(1, 2, 3, 2, dtype=gl.float64, requires_grad=True) for _ in range(3)]
    mask = [gl.tensor([[0.0, 1, 2], [0, -1, 0], [3, 0, 0]], dtype=gl.float64)] * masked

    def attend(*given: Any) -> Any:
        return OPS["attention"].function([*given, *mask], is_causal, 0.8)[0]

    assert gl.autograd.gradcheck(attend, tensors)
    assert gl.autograd.gradgradcheck(attend, tensors)


def test_attention_inside_of_vmap() -> None:
    gl.manual_seed(0)
    q = gl.randn(4, 2, 3, 5, 4)
    attend = gl.nn.functional.scaled_dot_product_attention
    batched = gl.func.vmap(lambda one: attend(one, one, one, is_causal=True))(q)
    alone = gl.stack([attend(one, one, one, is_causal=True) for one in q])
    np.testing.assert_allclose(batched.numpy(), alone.numpy(), rtol=1e-5, atol=1e-6)


def four(lib: Any, *shape: int, **options: Any) -> Any:
    return lib.ones(*(shape or (2, 3, 5, 4)), **options)


def attend(lib: Any, q: Any, k: Any = None, v: Any = None, **options: Any) -> Any:
    k = q if k is None else k
    v = k if v is None else v
    return lib.nn.functional.scaled_dot_product_attention(q, k, v, **options)


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: attend(lib, 1, four(lib), four(lib)),
        lambda lib: attend(lib, four(lib), four(lib, dtype=lib.float64)),
        lambda lib: attend(lib, lib.ones(4), four(lib)),
        lambda lib: attend(lib, four(lib), attn_mask=lib.ones(5, 5, dtype=lib.int64)),
        lambda lib: attend(lib, four(lib), attn_mask=lib.ones(5, 5, dtype=lib.float64)),
        lambda lib: attend(lib, four(lib), attn_mask=lib.ones(4, 4, dtype=lib.bool)),
        lambda lib: attend(lib, four(lib), dropout_p=2.0),
        lambda lib: attend(lib, four(lib), four(lib, 2, 2, 5, 4)),
        lambda lib: attend(lib, four(lib), four(lib, 2, 3, 5, 3)),
        lambda lib: lib.nn.MultiheadAttention(7, 2),
        lambda lib: lib.nn.MultiheadAttention(0, 2),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(*[lib.ones(4)] * 3),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(*[lib.ones(3, 2, 6)] * 3),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(lib.ones(3, 1, 4), *[lib.ones(3, 4)] * 2),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(*[lib.ones(3, 2, 4)] * 3, is_causal=True),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(
            *[lib.ones(3, 2, 4)] * 3, attn_mask=lib.ones(2, 2)
        ),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(
            *[lib.ones(3, 2, 4)] * 3, attn_mask=lib.ones(2, 3, 3)
        ),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(
            *[lib.ones(3, 2, 4)] * 3, key_padding_mask=lib.ones(3, 3)
        ),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(
            *[lib.ones(3, 2, 4)] * 3, key_padding_mask=lib.ones(3)
        ),
        lambda lib: lib.nn.MultiheadAttention(4, 2)(
            lib.ones(3, 2, 4), lib.ones(5, 2, 4), lib.ones(4, 2, 4)
        ),
    ],
)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


# ------------------------------------------------------------------ several heads


LAYERS: list[dict[str, Any]] = [
    {},
    {"kdim": 6, "vdim": 5},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"bias": False},
    {"dropout": 0.3},
    {"batch_first": True},
    {"batch_first": True, "add_bias_kv": True, "add_zero_attn": True, "kdim": 6, "dropout": 0.2},
]


def layered(lib: Any, options: dict[str, Any], same: str, batched: bool, call: Any) -> Any:
    rng = np.random.default_rng(0)
    lib.manual_seed(0)
    layer = lib.nn.MultiheadAttention(8, 2, **options)
    sizes = (5, 8), (4, options.get("kdim", 8)), (4, options.get("vdim", 8))

    def given(length: int, features: int) -> Any:
        numbers = rng.standard_normal((length, 2, features)).astype("float32")
        if not batched:
            numbers = numbers[:, 0]
        elif options.get("batch_first"):
            numbers = numbers.swapaxes(0, 1).copy()
        return lib.tensor(numbers, requires_grad=True)

    q, k, v = (given(*size) for size in sizes)
    if same != "none" and "kdim" not in options:
        v = k
        if same == "all":
            q = k
    lib.manual_seed(4)
    output, weights = layer(q, k, v, **call(lib, _length(q, options)))
    loss = (output * output).sum()
    if weights is not None:
        loss = loss + (weights * weights).sum()
    loss.backward()
    tensors = [output, *([] if weights is None else [weights])]
    grads = [q.grad, k.grad, v.grad, *(p.grad for p in layer.parameters())]
    known = [p.detach().numpy().tobytes() for p in layer.parameters()]
    return (repr(layer), list(layer.state_dict()), known, weights is None), tensors + grads


def _length(q: Any, options: dict[str, Any]) -> int:
    return q.shape[1 if q.dim() == 3 and options.get("batch_first") else 0]


CALLS = {
    "weights": lambda lib, length: {},
    "no weights": lambda lib, length: {"need_weights": False},
    "each head's weights": lambda lib, length: {"average_attn_weights": False},
    "numbers added": lambda lib, length: {"attn_mask": lib.ones(length, 4).tril() * 0.5},
    "bools": lambda lib, length: {"attn_mask": lib.ones(length, 4).tril() == 0},
    "bools, no weights": lambda lib, length: {
        "attn_mask": lib.ones(length, 4).tril() == 0,
        "need_weights": False,
    },
}


@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.parametrize("same", ["none", "keys", "all"])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_a_layer_is_pytorchs(
    torch: Any, options: dict[str, Any], same: str, batched: bool, call: str
) -> None:
    ours, theirs = (layered(lib, options, same, batched, CALLS[call]) for lib in (gl, torch))
    assert ours[0] == theirs[0]
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert_close(one, other, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize(
    ("padding", "mask"), list(itertools.product([None, "bool", "float"], [None, "bool", "float"]))
)
@pytest.mark.parametrize("need_weights", [True, False])
def test_masks_of_keys_and_of_pairs_are_merged(
    torch: Any, padding: str | None, mask: str | None, need_weights: bool
) -> None:
    hidden = np.array([[False, False, False], [False, False, True]])
    later = np.triu(np.ones((3, 3), bool), 1)
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        layer = lib.nn.MultiheadAttention(4, 2)
        x = lib.randn(3, 2, 4)
        kinds = {"bool": lambda m: m, "float": lambda m: np.where(m, -2.0, 0.5).astype("float32")}
        masks = {
            "key_padding_mask": None if padding is None else lib.tensor(kinds[padding](hidden)),
            "attn_mask": None if mask is None else lib.tensor(kinds[mask](later)),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of masks of different dtypes
            found.append(layer(x, x, x, need_weights=need_weights, **masks)[0])
    assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
