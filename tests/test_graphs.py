"""Whole graphs, node by node: from each result of hundreds of calls down to the leaves.

What ``y.grad_fn`` and ``next_functions`` show is PyTorch's, in names, in order, and in what has no
node; ``data/graph_lines.txt`` has the calls. Where gradlab's graph is meant to be another one, the
line is in ``OTHERWISE``, with the reason; such a line fails as soon as the graphs agree.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import gradlab
from tests.ops.expressions import nodes_of, tensors

torch = pytest.importorskip("torch")

LINES = [
    line
    for line in (Path(__file__).parent / "data" / "graph_lines.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

_BY_OPERATIONS = "made of other operations, each of which has its node"
_ONE_OVERLOAD = "PyTorch has one operation for each way to call it, gradlab one for all"
_LIES_OTHERWISE = "LAPACK's result lies transposed in PyTorch's memory, and in order in gradlab's"

OTHERWISE = {
    "F.affine_grid(x[:, :2, :3], (3, 1, 2, 2))": _BY_OPERATIONS,
    "F.affine_grid(x[:, :3, :4], (3, 1, 2, 2, 2))": _BY_OPERATIONS,
    "F.grid_sample(d[:, :, :, :4], d[:, 0, :, :2].unsqueeze(1))": _BY_OPERATIONS,
    "torch.linalg.householder_product(w, u)": _BY_OPERATIONS,
    "torch.triangular_solve(m, q.triu())": _BY_OPERATIONS,
    "torch.special.round(x)": _ONE_OVERLOAD,
    "x.clone().random_()": _ONE_OVERLOAD,
    "torch.linalg.tensorinv(q.reshape(2, 2, 4), ind=2)": _LIES_OTHERWISE,
}


def graphs(library: Any, line: str) -> list[str]:
    """The graph of each tensor that a line gives."""
    seen = {**tensors(library), "F": library.nn.functional, "nn": library.nn}
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nodes_of(eval(line, seen), library)


@pytest.mark.parametrize("line", [line for line in LINES if line not in OTHERWISE])
def test_graph_is_pytorchs(line: str) -> None:
    assert graphs(gradlab, line) == graphs(torch, line)


@pytest.mark.parametrize("line", OTHERWISE)
def test_graph_that_is_meant_to_be_another(line: str) -> None:
    ours, theirs = graphs(gradlab, line), graphs(torch, line)
    assert len(ours) == len(theirs)
    assert ours != theirs, "now they agree: take the line out of OTHERWISE"


def test_the_exceptions_are_of_the_table() -> None:
    assert set(OTHERWISE) <= set(LINES)
