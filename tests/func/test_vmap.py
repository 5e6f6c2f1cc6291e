"""vmap: its arguments, what it refuses, and what random functions do inside of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest

import gradlab as gl

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

ROWS = numpy.arange(6.0).reshape(2, 3)

REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "item": lambda t, x: t.vmap(lambda a: a.item())(x[:, 0]),
    "bool": lambda t, x: t.vmap(lambda a: 1 if a.sum() > 0 else 2)(x),
    "nonzero": lambda t, x: t.vmap(lambda a: a.nonzero())(x),
    "mask": lambda t, x: t.vmap(lambda a: a[a > 0])(x),
    "masked_select": lambda t, x: t.vmap(lambda a: a.masked_select(a > 0))(x),
    "unique": lambda t, x: t.vmap(lambda a: a.unique())(x),
    "numpy": lambda t, x: t.vmap(lambda a: a.numpy())(x),
    "tolist": lambda t, x: t.vmap(lambda a: a.tolist())(x),
    "a number as output": lambda t, x: t.vmap(lambda a: 3)(x),
    "different sizes": lambda t, x: t.vmap(lambda a, b: a)(x, t.ones(4)),
    "a number as input": lambda t, x: t.vmap(lambda a: a)(3),
    "in_dims None": lambda t, x: t.vmap(lambda a: a, in_dims=None)(x),
    "in_dims of another structure": lambda t, x: t.vmap(lambda a: a, in_dims=(0, 0))(x),
    "in_dims too large": lambda t, x: t.vmap(lambda a: a, in_dims=2)(x),
    "in_dims too small": lambda t, x: t.vmap(lambda a: a, in_dims=-4)(x),
    "in_dims a string": lambda t, x: t.vmap(lambda a: a, in_dims="x")(x),
    "no inputs": lambda t, x: t.vmap(lambda: 1)(),
    "out_dims too large": lambda t, x: t.vmap(lambda a: a, out_dims=3)(x),
    "out_dims of another structure": lambda t, x: t.vmap(lambda a: (a, a), out_dims=(0,))(x),
    "out_dims a string": lambda t, x: t.vmap(lambda a: a, out_dims="x")(x),
    "out_dims None of a batch": lambda t, x: t.vmap(lambda a: a, out_dims=None)(x),
    "chunks of none": lambda t, x: t.vmap(lambda a: a, chunk_size=0)(x),
    "in place on what is shared": lambda t, x: t.vmap(lambda a: t.zeros(3).copy_(a))(x.float()),
    "random numbers": lambda t, x: t.vmap(lambda a: t.randn(3))(x),
    "dropout": lambda t, x: t.vmap(lambda a: t.nn.functional.dropout(a))(x),
    "an unknown randomness": lambda t, x: t.vmap(lambda a: a, randomness="x")(x),
    "requires_grad_": lambda t, x: t.vmap(lambda a: a.clone().requires_grad_())(x),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_in_pytorchs_words(case: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:  # noqa: PT011 (whatever PyTorch raises)
        REFUSED[case](torch, torch.from_numpy(ROWS.copy()))
    with pytest.raises(type(theirs.value)) as ours:
        REFUSED[case](gl, gl.from_numpy(ROWS.copy()))
    sentence = str(theirs.value).split(". ")[0].split("TreeSpec")[0]
    assert str(ours.value).startswith(sentence.rstrip(".").strip())


ALLOWED: dict[str, Callable[[Any, Any], Any]] = {
    "out_dims": lambda t, x: t.vmap(lambda a: (a, a * 2), out_dims=(1, 0))(x),
    "in_dims": lambda t, x: t.vmap(lambda a, b: a * b, in_dims=(1, None))(x, x[:, 0]),
    "nested in_dims": lambda t, x: t.vmap(
        lambda d: d["a"] + d["b"][0], in_dims=({"a": 0, "b": [None]},)
    )({"a": x, "b": [x[0]]}),
    "chunks": lambda t, x: t.vmap(lambda a: a.sin(), in_dims=1, chunk_size=2)(x),
    "keywords": lambda t, x: t.vmap(lambda a, *, b: (a * b).sum())(x, b=x),
    "an unbatched result": lambda t, x: t.vmap(lambda a: x * 2)(x),
    "a result that is None": lambda t, x: t.vmap(lambda a: (a, None), out_dims=(0, None))(x)[0],
    "in place on its own": lambda t, x: t.vmap(lambda a: a.clone().mul_(a).add_(1))(x),
    "written to what is made like it": lambda t, x: t.vmap(
        lambda a: t.zeros_like(a).copy_(a.flip(0))
    )(x),
    "a part written to": lambda t, x: t.vmap(lambda a: _with_part(a.clone()))(x),
    "an index of its own": lambda t, x: t.vmap(lambda a, i: a[i])(x, t.tensor([2, 0])),
    "indices of its own": lambda t, x: t.vmap(lambda a, i: a[i])(x, t.tensor([[2, 0], [1, 1]])),
    "no elements": lambda t, x: t.vmap(lambda a: a.exp() * a)(x[:0]),
    "numbers of lower rank do not widen": lambda t, x: t.vmap(lambda a: a.float() * a.sum())(x),
    "a python number": lambda t, x: t.vmap(lambda a: 2 * a + 1)(x),
    "the size": lambda t, x: t.vmap(lambda a: a * a.size(0) * a.numel() * a.dim())(x),
    "nested": lambda t, x: t.vmap(t.vmap(lambda a: a * a))(x),
    "all pairs": lambda t, x: t.vmap(
        t.vmap(lambda a, b: (a - b).abs().sum(), (None, 0)), (0, None)
    )(x, x),
}


def _with_part(a: Any) -> Any:
    a[1:] *= a[0]
    return a


@pytest.mark.parametrize("case", ALLOWED)
def test_results_are_pytorchs(case: str) -> None:
    torch = pytest.importorskip("torch")
    ours = ALLOWED[case](gl, gl.from_numpy(ROWS.copy()))
    theirs = ALLOWED[case](torch, torch.from_numpy(ROWS.copy()))
    pairs = zip(ours, theirs, strict=True) if isinstance(ours, tuple) else [(ours, theirs)]
    for one, other in pairs:
        assert str(one.dtype) == str(other.dtype)
        numpy.testing.assert_allclose(one.numpy(), other.numpy())
        assert one.shape == tuple(other.shape)


def test_it_prints_as_pytorchs_does() -> None:
    torch = pytest.importorskip("torch")
    shown: list[str] = []
    for library in (gl, torch):
        x = library.tensor(ROWS)
        library.vmap(library.vmap(lambda a: shown.append(repr(a)) or a))(x)
    assert shown[0] == shown[1]


class TestRandomness:
    def test_the_same_for_all(self) -> None:
        drawn = gl.vmap(lambda a: gl.rand(2), randomness="same")(gl.zeros(3))
        assert (drawn == drawn[0]).all()

    def test_different_for_each(self) -> None:
        drawn = gl.vmap(lambda a: gl.rand(2), randomness="different")(gl.zeros(3))
        assert len(drawn.unique()) == 6

    def test_dropout_of_each_row(self) -> None:
        drop = gl.nn.functional.dropout
        dropped = gl.vmap(lambda a: drop(a), randomness="different")(gl.ones(2, 50))
        assert not (dropped[0] == dropped[1]).all()
        assert set(dropped.unique().tolist()) == {0.0, 2.0}


def test_outside_it_tensors_are_what_they_were() -> None:
    leaked: list[Any] = []
    gl.vmap(lambda a: leaked.append(a) or a)(gl.tensor(ROWS))
    assert repr(leaked[0]) == repr(gl.tensor(ROWS))
    numpy.testing.assert_array_equal((leaked[0] * 2).numpy(), ROWS * 2)


def test_the_graph_outside_goes_through() -> None:
    x = gl.tensor(ROWS, requires_grad=True)
    gl.vmap(lambda a: (a * a).sum())(x).sum().backward()
    numpy.testing.assert_array_equal(x.grad.numpy(), 2 * ROWS)
