"""Bags of embeddings: results, gradients, text and errors are PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error, texts


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


NUMBERS = [0, 1, 2, 4, 5, 1, 0, 3]
BAGS = {
    "by offsets": ([8], [0, 2, 2, 5]),
    "with the last offset": ([8], [0, 2, 2, 8]),
    "of one size": ([2, 4], None),
    "all empty": ([0], [0, 0]),
    "none": ([0], []),
}


def table(lib: Any, dtype: str = "float32") -> Any:
    numbers = np.random.default_rng(0).standard_normal((6, 3)).astype(dtype)
    return lib.tensor(numbers, requires_grad=True)


def bags(lib: Any, kind: str) -> tuple[Any, Any]:
    shape, offsets = BAGS[kind]
    numbers = lib.tensor(NUMBERS[: int(np.prod(shape))], dtype=lib.int64).reshape(shape)
    return numbers, None if offsets is None else lib.tensor(offsets, dtype=lib.int64)


def trained(lib: Any, kind: str, mode: str, padding_idx: int | None, weighted: bool) -> Any:
    weight, (numbers, offsets) = table(lib), bags(lib, kind)
    factors = lib.linspace(-1, 2, numbers.numel()).reshape(numbers.shape).requires_grad_()
    output = lib.nn.functional.embedding_bag(
        numbers,
        weight,
        offsets,
        mode=mode,
        padding_idx=padding_idx,
        include_last_offset=kind == "with the last offset",
        per_sample_weights=factors if weighted else None,
    )
    (output * output).sum().backward()
    tensors = [output, weight.grad, *([factors.grad] if weighted else [])]
    return tensors, output.grad_fn.name()


@pytest.mark.parametrize(
    ("kind", "mode", "padding_idx", "weighted"),
    [
        *itertools.product(BAGS, ["sum", "mean", "max"], [None, 1, -6], [False]),
        *itertools.product(BAGS, ["sum"], [None, 1], [True]),
    ],
)
def test_results_and_gradients_are_pytorchs(
    torch: Any, kind: str, mode: str, padding_idx: int | None, weighted: bool
) -> None:
    ours, theirs = (trained(lib, kind, mode, padding_idx, weighted) for lib in (gl, torch))
    for one, other in zip(ours[0], theirs[0], strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert ours[1] == theirs[1]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 1])
def test_derivatives_of_any_order_are_right(mode: str, padding_idx: int | None) -> None:
    numbers, offsets = bags(gl, "by offsets")
    weight = table(gl, "float64")
    factors = gl.rand(8, dtype=gl.float64, requires_grad=True) if mode == "sum" else None

    def bag(weight: Any, factors: Any) -> Any:
        return gl.nn.functional.embedding_bag(
            numbers, weight, offsets, mode=mode, per_sample_weights=factors, padding_idx=padding_idx
        ).square()

    assert gl.autograd.gradcheck(bag, (weight, factors))
    assert gl.autograd.gradgradcheck(bag, (weight, factors))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_a_bag_is_made_of_its_embeddings(mode: str) -> None:
    numbers, offsets = bags(gl, "by offsets")
    weight = table(gl)
    rows = gl.nn.functional.embedding(numbers, weight).tensor_split(offsets.tolist()[1:])
    made = {
        "sum": lambda part: part.sum(0),
        "mean": lambda part: part.mean(0),
        "max": lambda part: part.amax(0),
    }[mode]
    expected = gl.stack([made(part) if len(part) else gl.zeros(3) for part in rows])
    gl.testing.assert_close(
        gl.nn.functional.embedding_bag(numbers, weight, offsets, mode=mode), expected
    )


def test_gradients_are_divided_by_how_often_a_row_is_named() -> None:
    weight = table(gl)
    gl.nn.functional.embedding_bag(
        gl.tensor([[0, 0, 3]]), weight, mode="sum", scale_grad_by_freq=True
    ).sum().backward()
    assert weight.grad[:, 0].tolist() == [1, 0, 0, 1, 0, 0]


def test_a_padding_that_is_infinite_does_not_matter() -> None:
    weight = gl.tensor([[gl.inf], [2.0]])
    bag = gl.nn.functional.embedding_bag(gl.tensor([[0, 1]]), weight, mode="sum", padding_idx=0)
    assert bag.item() == 2


def made(lib: Any, **options: Any) -> Any:
    lib.manual_seed(0)
    return lib.nn.EmbeddingBag(4, 3, **options)


PRINTED: list[Callable[[Any], Any]] = [
    lambda lib: (made(lib), made(lib).state_dict()),
    lambda lib: made(lib, padding_idx=-3, mode="sum").state_dict(),
    lambda lib: made(lib, padding_idx=1, mode="max", max_norm=2.0, norm_type=1.0),
    lambda lib: made(lib, scale_grad_by_freq=True, include_last_offset=True),
    lambda lib: made(lib, max_norm=1.0)(lib.tensor([[0, 1, 3], [2, 2, 2]])),
    lambda lib: made(lib, mode="sum")(lib.tensor([0, 2], dtype=lib.int32), lib.tensor([0])),
    lambda lib: lib.nn.EmbeddingBag.from_pretrained(lib.ones(2, 2)).weight,
    lambda lib: lib.nn.EmbeddingBag.from_pretrained(lib.ones(2, 2), freeze=False, mode="max"),
    lambda lib: lib.nn.functional.embedding_bag(lib.tensor([[0, 1]]), table(lib).half()),
]


@pytest.mark.parametrize("case", PRINTED)
def test_what_is_printed_is_pytorchs(torch: Any, case: Callable[[Any], Any]) -> None:
    ours, theirs = texts(case, torch)
    assert ours == theirs


def call(lib: Any, numbers: Any, offsets: Any = None, **options: Any) -> Any:
    offsets = None if offsets is None else lib.tensor(offsets)
    return lib.nn.functional.embedding_bag(lib.tensor(numbers), table(lib), offsets, **options)


WRONG: list[Callable[[Any], Any]] = [
    lambda lib: call(lib, NUMBERS),
    lambda lib: call(lib, NUMBERS, [0], mode="median"),
    lambda lib: call(lib, [[0, 1]], [0]),
    lambda lib: call(lib, [[[0, 1]]]),
    lambda lib: call(lib, NUMBERS, [[0, 2]]),
    lambda lib: call(lib, [0.0, 1.0], [0]),
    lambda lib: call(lib, NUMBERS, [0], per_sample_weights=lib.ones(2), mode="sum"),
    lambda lib: call(lib, NUMBERS, [0], per_sample_weights=lib.ones(8).double(), mode="sum"),
    lambda lib: call(lib, NUMBERS, [0, 9]),
    lambda lib: call(lib, [6], [0]),
    lambda lib: call(lib, [0, -1], [0]),
    lambda lib: call(lib, NUMBERS, [0], padding_idx=6),
    lambda lib: call(lib, NUMBERS, [0], mode="max", scale_grad_by_freq=True),
    lambda lib: call(lib, NUMBERS, [0], mode="max", sparse=True),
    lambda lib: lib.nn.EmbeddingBag(4, 3, padding_idx=4),
    lambda lib: lib.nn.EmbeddingBag(4, 3, _weight=lib.ones(3, 3)),
    lambda lib: lib.nn.EmbeddingBag.from_pretrained(lib.ones(3)),
]


@pytest.mark.parametrize("case", WRONG)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Callable[[Any], Any]) -> None:
    assert_same_error(case, torch)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"offsets": [1, 2]}, "the first sequence in the mini-batch has to start from position 0"),
        ({"offsets": [0, 4, 2]}, "offsets must not decrease"),
        ({"offsets": [0, 4], "include_last_offset": True}, "the last offset value should be"),
        ({"offsets": [0], "mode": "sum", "sparse": True}, "no sparse gradients"),
    ],
)
def test_what_cannot_be_right_is_refused(options: dict[str, Any], said: str) -> None:
    kind = NotImplementedError if "sparse" in options else RuntimeError
    with pytest.raises(kind, match=said):
        call(gl, NUMBERS, **options)


def test_weights_are_for_sums_only() -> None:
    with pytest.raises(NotImplementedError, match="only supported for mode='sum'"):
        call(gl, NUMBERS, [0], per_sample_weights=gl.ones(8))
