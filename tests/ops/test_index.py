"""Indexing and its functions: values, graph, gradients and errors, as in PyTorch."""

from __future__ import annotations

import random

import numpy
import pytest

import gradlab as gl
from gradlab.nn.functional import one_hot
from tests.ops.expressions import REAL, Result, assert_same, assert_same_error, torch

LINES = [
    "x[0]", "x[-1]", "x[:]", "x[1:]", "x[:-1]", "x[::2]", "x[-100:2]", "x[2:1]", "x[10:]",
    "x[None]", "x[...]", "x[()]", "x[:, :]", "x[0, 1]", "x[0, :, 1]", "x[0, 1, 2]", "x[..., 0]",
    "x[0, ..., 0]", "x[None, ..., None]", "x[:, None, 1:3]", "x[...,  None, 1]", "x[True]",
    "x[False]", "x[:, True]", "x[i0]", "x[i0, i0]", "x[i0:]", "x[slice(None, i0)]",
    "x[torch.tensor(True)]", "x[i]", "x[[0, 2]]", "x[(0, 2)]", "x[[[0, 1], [1, 2]]]",
    "x[[True, False, True]]", "x[[]]", "x[range(2)]", "x[numpy.array([0, 1])]", "x[numpy.int64(1)]",
    "x[i, i]", "x[i, :, i]", "x[i, 0]", "x[i, None]", "x[:, i]", "x[0, :, i]", "x[..., i]",
    "x[i[:, None], i]", "x[i - 3]", "x[mask]", "x[mask, 0]", "x[mask, 1:3]", "x[:, mask[0]]",
    "x[mask.numpy()]", "x[0, mask[0]]", "x[x > 0]", "x[x > 99]", "x[mask[:, 0], i[:1]]",
    "x[i.to(torch.int32)]", "x[[0, slice(None)]]", "x[torch.tensor([0, 1, 1])]", "s[None]",
    "s[...]", "s[()]", "s[True]", "n[n > 0]", "x[0][1][2]", "m.t()[i]",
    "x[torch.tensor([], dtype=torch.long)]", "empty[i[:0]]", "x[i][i][0]", "m.index_put((i,), v)",
    "m.index_put((i, i), s)", "v.index_put((i,), u[:3], accumulate=True)",
]  # fmt: skip

ERRORS = [
    "s[1:]", "x['a']", "x[1.5, 0]", "x[{}]", "x[numpy.bool_(True)]",
    "x[torch.tensor([True] * 4), 1]", "m[[0, 9], [7, 0]]", "x[:, [9]]", "x[0, 0, 0, 'a']", "x[3]",
    "x[-4]", "x[0, 4]", "x[0, 0, 0, 0]", "x[1.5]", "x[1.0:]", "x[::-1]", "x[:, ::-1]", "x[::0]",
    "x[i + 3]", "x[i * 1.0]", "x[torch.empty(0)]", "x[i, i[:2]]", "x[mask.t()]", "x[mask[0]]",
    "s[0]", "x[0][0][0][0]", "s[i]", "x[None, 0, 0, 0, 0]", "m.index_put((i,), v.float())",
    "m.index_put((i,), u)",
]  # fmt: skip

WRITES = [
    ("0", "1.0"), ("0", "m"), ("0", "v"), ("0", "s"), ("0", "m.float()"), ("0", "2"), ("0", "True"),
    ("(0, 1)", "v"), ("slice(None)", "v"), ("...", "m"), ("()", "s"), ("None", "m"), ("i", "1.0"),
    ("[0, 2]", "b"), ("mask", "v"), ("mask", "0.5"), ("(0, i)", "v"), ("(slice(None), i)", "v"),
    ("(..., 0)", "u"), ("(i, 0)", "s"), ("x > 0", "0.0"), ("(mask, 1)", "s"), ("False", "7.0"),
    ("True", "m"), ("0", "numpy.float64(3)"), ("(slice(1, None), 0)", "v"), ("(i, i)", "v"),
    ("(i, slice(None), i)", "u"), ("0", "m[None, None]"), ("[True, False, True]", "m"),
]  # fmt: skip

REFUSED = [
    ("3", "0.0"), ("0", "u"), ("0", "b"), ("i", "v.float()"), ("mask", "u"), ("i", "u"),
    ("0", "[1.0]"), ("0", "'a'"), ("0", "1j"), ("slice(None, None, -1)", "0.0"), ("i + 3", "0.0"),
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_an_index_reads_what_it_reads_in_pytorch(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_an_index_is_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


def written(index: str, value: str) -> str:
    """A line that writes to a copy of x and gives the copy."""
    return f"(lambda y: (y.__setitem__({index}, {value}), y)[1])(x * 1)"


@pytest.mark.parametrize(("index", "value"), WRITES)
def test_an_index_writes_what_it_writes_in_pytorch(index: str, value: str) -> None:
    assert_same(written(index, value))


@pytest.mark.parametrize(("index", "value"), REFUSED)
def test_a_write_is_refused_as_by_pytorch(index: str, value: str) -> None:
    assert_same_error(written(index, value))


def test_a_mask_of_bytes_warns() -> None:
    with pytest.warns(UserWarning, match=r"^indexing with dtype torch.uint8 is now deprecated"):
        assert gl.arange(3)[gl.tensor([0, 1, 1], dtype=gl.uint8)].tolist() == [1, 2]


def test_an_index_changed_between_forward_and_backward_is_noticed() -> None:
    rows = gl.tensor([0, 1])
    x = gl.ones(3, requires_grad=True)
    picked = x[rows]
    rows.add_(1)
    with pytest.raises(RuntimeError, match=r"^one of the variables needed .*LongTensor \[2\]"):
        picked.sum().backward()


@pytest.mark.parametrize("index", ["x[:, i]", "x[..., i]", "x[0, :, i]", "x[:, None, i]"])
def test_what_an_index_picks_lies_in_order(index: str) -> None:
    assert_same(index + ".view(-1)")


def test_repeated_places_add_up_their_gradients() -> None:
    x = gl.zeros(3, requires_grad=True)
    x[gl.tensor([0, 0, 2, 0])].sum().backward()
    assert x.grad.tolist() == [3.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("given", "classes"), [([0, 2, 1], -1), ([[0, 1], [3, 3]], 5), ([], 4), (2, -1)]
)
def test_one_hot_is_pytorchs(given: object, classes: int) -> None:
    theirs = torch.nn.functional.one_hot(torch.tensor(given, dtype=torch.int64), classes)
    ours = one_hot(gl.tensor(given, dtype=gl.int64), classes)
    assert (ours.tolist(), tuple(ours.shape)) == (theirs.tolist(), tuple(theirs.shape))


@pytest.mark.parametrize(
    ("given", "classes", "sentence"),
    [
        ([0.5], -1, "one_hot is only applicable to index tensor of type LongTensor"),
        ([-1], -1, "Class values must be non-negative"),
        ([4], 3, "Class values must be smaller than num_classes"),
    ],
)
def test_one_hot_refuses_what_it_cannot_place(given: object, classes: int, sentence: str) -> None:
    with pytest.raises(RuntimeError, match=f"^{sentence}"):
        one_hot(gl.tensor(given), classes)


def test_the_gradient_of_an_index_is_fast_on_many_rows() -> None:
    """10,000 rows of 16 by an index: adding row by row would take longer than the whole of this."""
    x = gl.zeros(1000, 16, requires_grad=True)
    rows = gl.tensor(numpy.random.default_rng(0).integers(0, 1000, 10_000))
    x[rows].sum().backward()
    counts = numpy.bincount(rows.numpy(), minlength=1000)
    assert (x.grad.numpy() == counts[:, None]).all()


# ------------------------------------------------------------------ at random


def random_part(draw: random.Random) -> str:
    """One part of an index."""
    places = [draw.choice([0, 1, 2, -1]) for _ in range(draw.randint(1, 2))]
    mask = [draw.random() < 0.5 for _ in range(draw.choice([3, 4, 5]))]
    return draw.choice(
        [
            *(str(draw.choice([0, 1, 2, -1, -2, 4])) for _ in range(2)),
            *(draw.choice([":", "1:", ":-1", "::2", "2:1", "-9:9:3"]) for _ in range(3)),
            draw.choice(["None", "...", "True", "False", "torch.tensor(True)"]),
            draw.choice(["[0, 2]", "[[0, 1], [1, 0]]", "range(2)", "torch.tensor(1)", "[]"]),
            f"torch.tensor({places})",
            f"numpy.array({places})",
            f"torch.tensor({mask})",
        ]
    )


@pytest.mark.parametrize("seed", range(60))
def test_a_random_index_reads_and_writes_as_in_pytorch(seed: int) -> None:
    draw = random.Random(seed)
    index = ", ".join(random_part(draw) for _ in range(draw.randint(1, 4)))
    tensor = draw.choice(["x", "m", "v", "x.transpose(0, 2)"])
    value = draw.choice(
        ["1.5", "s", f"({tensor})[{index}] * 3", f"({tensor})[{index}].flip(0)[None]"]
    )
    write = f"(y := {tensor} * 1, y.__setitem__(numpy.s_[{index}], {value}), y)"
    for line in (f"({tensor})[{index}]", write):
        same = assert_same if Result(torch, line, REAL).error is None else assert_same_error
        same(line)
