"""Sequences of different lengths, padded and packed: numbers, gradients, graphs as PyTorch's."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error, texts
from tests.nn.test_rnn import node_names


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def sequences(lib: Any) -> list[Any]:
    """Three sequences of lengths 3, 4 and 1 with two features."""
    rng = np.random.default_rng(0)
    return [
        lib.tensor(rng.standard_normal((length, 2)).astype("float32"), requires_grad=True)
        for length in (3, 4, 1)
    ]


def padded(lib: Any, shape: tuple[int, ...] = (4, 3, 2)) -> Any:
    numbers = np.random.default_rng(1).standard_normal(shape).astype("float32")
    return lib.tensor(numbers, requires_grad=True)


def vectors(lib: Any) -> list[Any]:
    return [lib.arange(3.0), lib.arange(2.0) + 10, lib.arange(4.0) + 20]


def of(lib: Any) -> Any:
    return lib.nn.utils.rnn


PRINTED: list[Callable[[Any], Any]] = [
    lambda lib: of(lib).pad_sequence(sequences(lib)),
    lambda lib: of(lib).pad_sequence(sequences(lib), True, -1.0, "left"),
    lambda lib: of(lib).pad_sequence(vectors(lib), padding_value=7),
    lambda lib: of(lib).pad_sequence(tuple(vectors(lib)), padding_side="left"),
    lambda lib: of(lib).pad_sequence(lib.ones(2, 3)),
    lambda lib: of(lib).pad_sequence([lib.tensor([1, 2]), lib.tensor([3])], batch_first=True),
    lambda lib: of(lib).pack_padded_sequence(padded(lib), [4, 2, 1]),
    lambda lib: of(lib).pack_padded_sequence(padded(lib, (3, 4, 2)), [3, 3, 1], batch_first=True),
    lambda lib: of(lib).pack_padded_sequence(padded(lib), lib.tensor([2, 4, 1]), False, False),
    lambda lib: of(lib).pack_sequence(vectors(lib), enforce_sorted=False),
    lambda lib: of(lib).pack_sequence(sequences(lib), enforce_sorted=False),
    lambda lib: of(lib).pack_sequence([lib.ones(2, 3), lib.zeros(1, 3)]),
    lambda lib: of(lib).unpack_sequence(of(lib).pack_sequence(sequences(lib), False)),
    lambda lib: of(lib).unpad_sequence(lib.arange(8).view(4, 2), lib.tensor([3, 1])),
    lambda lib: of(lib).unpad_sequence(lib.arange(8).view(2, 4), lib.tensor([3, 1]), True),
    lambda lib: of(lib).invert_permutation(lib.tensor([2, 0, 1])),
    lambda lib: of(lib).invert_permutation(None),
    lambda lib: of(lib).PackedSequence((lib.ones(3), lib.tensor([2, 1]))),
    lambda lib: of(lib).PackedSequence(lib.ones(3), lib.tensor([2, 1]), lib.tensor([1, 0])),
    lambda lib: of(lib).pack_sequence(vectors(lib), enforce_sorted=False).double(),
    lambda lib: of(lib).pack_sequence(vectors(lib), enforce_sorted=False).to(lib.int16),
]


@pytest.mark.parametrize("case", PRINTED)
def test_what_is_printed_is_pytorchs(torch: Any, case: Callable[[Any], Any]) -> None:
    ours, theirs = texts(case, torch)
    if "<" in theirs:  # numbers that were drawn for PyTorch may end in another digit
        ours, theirs = ours.replace(" ", ""), theirs.replace(" ", "")
    assert ours == theirs


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("enforce_sorted", [False, True])
@pytest.mark.parametrize("total_length", [None, 6])
def test_padding_again_gives_the_batch_and_its_gradient(
    torch: Any, batch_first: bool, enforce_sorted: bool, total_length: int | None
) -> None:
    lengths = [4, 4, 2] if enforce_sorted else [4, 1, 3]
    found = []
    for lib in (gl, torch):
        x = padded(lib, (3, 4, 2) if batch_first else (4, 3, 2))
        packed = of(lib).pack_padded_sequence(x, lengths, batch_first, enforce_sorted)
        again, counts = of(lib).pad_packed_sequence(packed, batch_first, -2.0, total_length)
        (again * again * lib.arange(2.0)).sum().backward()
        found.append((again, counts, x.grad, node_names(again.grad_fn)))
    for one, other in zip(found[0][:3], found[1][:3], strict=True):
        assert_close(one, other, rtol=1e-6)
    assert found[0][3] == found[1][3]


OPTIONS = [
    {},
    {"num_layers": 2, "dropout": 0.4},
    {"bias": False, "batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "dropout": 0.4},
]


def read(lib: Any, kind: str, dtype: str, given: bool, options: Any, enforce_sorted: bool) -> Any:
    """Outputs, states and gradients of a network that read a packed batch, and its graph."""
    lib.manual_seed(2)
    network = getattr(lib.nn, kind)(2, 3, dtype=getattr(lib, dtype), **options)
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    order = [1, 0, 2] if enforce_sorted else [0, 1, 2]
    leaves = [sequences(lib)[i] for i in order]
    packed = of(lib).pack_sequence(leaves, enforce_sorted).to(getattr(lib, dtype))
    states = [
        lib.full((layers, 3, size), 0.1, dtype=getattr(lib, dtype), requires_grad=True)
        + lib.arange(3.0, dtype=getattr(lib, dtype))[:, None]
        for size in (options.get("proj_size", 3), 3)
    ]
    for state in states:
        state.retain_grad()
    hx = None if not given else tuple(states) if kind == "LSTM" else states[0]
    output, last = network(packed, hx)
    last = last if kind == "LSTM" else (last,)
    (output.data.square().sum() + sum((one * one * one).sum() for one in last)).backward()
    grads = [t.grad for t in (*leaves, *states, *network.parameters()) if t.grad is not None]
    places = [str(one) for one in output[1:]]
    return [output.data, *last, *grads], places, node_names(output.data.grad_fn)


@pytest.mark.parametrize(
    ("kind", "dtype", "given", "options", "enforce_sorted"),
    [
        *itertools.product(
            ["RNN", "GRU", "LSTM"], ["float32"], [False, True], OPTIONS, [False, True]
        ),
        ("RNN", "float64", True, {"nonlinearity": "relu"}, False),
        ("GRU", "float64", True, {"bidirectional": True}, False),
        ("LSTM", "float64", True, {"bidirectional": True}, False),
    ],
)
def test_a_network_reads_a_packed_batch_as_pytorchs(
    torch: Any, kind: str, dtype: str, given: bool, options: Any, enforce_sorted: bool
) -> None:
    ours, theirs = (
        read(lib, kind, dtype, given, options, enforce_sorted) for lib in (gl, torch)
    )  # fmt: skip
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-9}
    for one, other in zip(ours[0], theirs[0], strict=True):
        assert_close(one, other, **tolerance)
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_each_sequence_is_read_as_if_it_were_alone(kind: str) -> None:
    network = getattr(gl.nn, kind)(2, 3, num_layers=2, bidirectional=True)
    alone = [network(one)[0] for one in sequences(gl)]
    packed = gl.nn.utils.rnn.pack_sequence(sequences(gl), enforce_sorted=False)
    together = gl.nn.utils.rnn.unpack_sequence(network(packed)[0])
    for one, other in zip(together, alone, strict=True):
        gl.testing.assert_close(one, other)


def packed(lib: Any) -> Any:
    return of(lib).pack_sequence([lib.ones(2, 2), lib.ones(1, 2)])


WRONG: list[Callable[[Any], Any]] = [
    lambda lib: of(lib).pad_sequence(3),
    lambda lib: of(lib).pad_sequence([]),
    lambda lib: of(lib).pad_sequence([lib.ones(1)], padding_side="up"),
    lambda lib: of(lib).pad_sequence([lib.ones(2, 3), lib.ones(2, 2)]),
    lambda lib: of(lib).pack_padded_sequence(padded(lib), [1, 2, 3]),
    lambda lib: of(lib).pack_padded_sequence(padded(lib), [2, 1]),
    lambda lib: of(lib).pack_padded_sequence(padded(lib), [2, 1, 0]),
    lambda lib: of(lib).pack_padded_sequence(padded(lib), lib.tensor([[2, 1, 1]])),
    lambda lib: of(lib).pack_padded_sequence(lib.zeros(0, 3, 2), [1, 1, 1]),
    lambda lib: of(lib).pack_sequence(vectors(lib)),
    lambda lib: of(lib).pad_packed_sequence(packed(lib), total_length=1),
    lambda lib: of(lib).PackedSequence(lib.ones(2)),
    lambda lib: lib.nn.GRU(2, 3)(packed(lib), lib.zeros(2, 3)),
    lambda lib: lib.nn.GRU(5, 3)(packed(lib)),
    lambda lib: lib.nn.RNN(2, 3)(packed(lib).double()),
]


@pytest.mark.parametrize("case", WRONG)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Callable[[Any], Any]) -> None:
    assert_same_error(case, torch)


def test_lengths_beyond_the_input_are_refused() -> None:
    with pytest.raises(RuntimeError, match="length 5 is not in an input of 4 steps"):
        gl.nn.utils.rnn.pack_padded_sequence(gl.ones(4, 3), [5, 4, 1])


def test_a_state_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size \(1, 2, 3\), got"):
        gl.nn.LSTM(2, 3)(packed(gl), (gl.zeros(1, 1, 3), gl.zeros(1, 1, 3)))


def test_a_packed_sequence_is_a_tuple_that_stays_itself() -> None:
    one = packed(gl)
    assert one.to(gl.float32) is one
    assert not one.is_cuda
    data, sizes, order, back = one
    assert data is one.data
    assert sizes is one.batch_sizes
    assert order is back is None
    again = pickle.loads(pickle.dumps(one))
    assert type(again) is type(one)
    assert again.data.equal(one.data)


def test_unpadding_leaves_the_padded_batch_as_it_was() -> None:
    batch = gl.arange(8).view(4, 2)
    gl.nn.utils.rnn.unpad_sequence(batch, gl.tensor([3, 1]))
    assert batch.shape == (4, 2)
