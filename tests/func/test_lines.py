"""Lines of ``func`` and ``autograd.functional`` beside PyTorch's: batches in any dimension, nested
arguments, chunks, random numbers. Errors are of PyTorch's kind and begin with its first sentence.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest

import gradlab
from tests.ops.expressions import tensors

torch = pytest.importorskip("torch")

LINES = [
    line
    for line in (Path(__file__).parents[1] / "data" / "vmap_lines.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

_DETACHED = "without create_graph, gradlab's results of forward mode are detached, and in tuples"
_OTHER_SHAPES = "PyTorch's error shows the batch, gradlab's what the function sees"

OTHERWISE = {
    "vmap(lambda a, k: a * k, in_dims=1)(m, k=m)": _OTHER_SHAPES,
    "vmap(lambda a: F.layer_norm(a, (3,)), in_dims=2, out_dims=2)(x)": _OTHER_SHAPES,
    "vmap(lambda a: c5, out_dims=1)(m)": "PyTorch can't place the batch of what isn't batched",
    "vmap(lambda a: a.clone().normal_(), randomness='different', in_dims=1)(m)": (
        "PyTorch's numbers depend on how the batch lies in memory"
    ),
    "vmap(lambda a: torch.zeros(5).normal_(), randomness='different')(m)": (
        "PyTorch refuses what would be the same numbers for all, which gradlab gives"
    ),
    "vmap(lambda a: F.rrelu(a, training=True), randomness='different')(m)": "neither supports it",
    "torch.func.linearize(lambda a: a.sin(), v)[1](v)": _DETACHED,
    "AF.jacobian(lambda a: a.sin(), v, vectorize=True, strategy='forward-mode')": _DETACHED,
    "AF.jacobian(lambda a, b: (a * b, a.sum()), (v, v + 1), vectorize=True, "
    "strategy='forward-mode')": _DETACHED,
    "AF.hessian(lambda a: (a ** 3).sum(), v, vectorize=True, "
    "outer_jacobian_strategy='forward-mode')": _DETACHED,
}


def outcome(library: Any, line: str) -> Any:
    seen = {
        **tensors(library),
        **{name: getattr(library.func, name) for name in _NAMES},
        "F": library.nn.functional,
        "AF": library.autograd.functional,
        "i5": library.tensor([0, 1, 2, 3, 0]),
        "c5": library.ones(2),
    }
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _flat(library, eval(line, seen))
        except Exception as error:
            return error


_NAMES = ("vmap", "grad", "vjp", "jvp", "jacrev", "jacfwd", "hessian")


def _flat(library: Any, value: Any) -> list[Any]:
    """Tensors as facts and numbers, and how what is around them is nested."""
    if isinstance(value, dict):
        return ["{", *[part for k, v in value.items() for part in (k, *_flat(library, v))], "}"]
    if isinstance(value, (tuple, list)):
        return ["(", *[part for one in value for part in _flat(library, one)], ")"]
    if isinstance(value, library.Tensor):
        facts = str(value.dtype), tuple(value.shape), value.requires_grad
        return [facts, numpy.array(value.detach().tolist())]
    return [str(value)]


@pytest.mark.parametrize("line", [line for line in LINES if line not in OTHERWISE])
def test_line_does_what_it_does_in_pytorch(line: str) -> None:
    theirs, ours = outcome(torch, line), outcome(gradlab, line)
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert type(ours).__name__ == type(theirs).__name__, (ours, theirs)
        assert str(ours).startswith(re.split(r"\. |\n", str(theirs))[0].rstrip(".:, "))
        return
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(other, numpy.ndarray):
            numpy.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)
        else:
            assert one == other


def test_the_exceptions_are_of_the_table() -> None:
    assert set(OTHERWISE) <= set(LINES)
