"""Joining and splitting: values, views, graph, gradients and errors, as in PyTorch."""

from __future__ import annotations

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error

LINES = [
    # joining
    "torch.cat([m, m * 2])", "torch.cat((m, b[0]), 1)", "torch.cat([m, w.t()], dim=-1)",
    "torch.cat([v, torch.ones(2)])", "torch.cat([m, torch.zeros(0, dtype=torch.float64)])",
    "torch.cat([v, n[0]])", "torch.concat([m, m])", "torch.concatenate([m, m], axis=1)",
    "torch.cat([v])", "torch.stack([m, b[0]])", "torch.stack([v, v], 1)", "torch.stack([s, s])",
    "torch.stack((m, m), -1)", "torch.stack([v, n[0, 0].expand(5)])", "torch.vstack([v, m])",
    "torch.vstack([v, v])", "torch.hstack([v, u])", "torch.hstack([m, m])", "torch.dstack([v, v])",
    "torch.column_stack([u, m])", "torch.row_stack([v, v])", "torch.hstack((s, v))",
    "torch.atleast_1d(s)", "torch.atleast_2d(v)", "torch.atleast_3d(m)", "torch.atleast_1d(s, v)",
    "torch.atleast_2d([s, m])", "torch.atleast_3d((s, v))",
    # splitting
    "m.split(3)", "m.split(2, 1)", "m.split([1, 3])", "m.split((5,), -1)", "torch.split(m, [0, 4])",
    "m.chunk(3)", "m.chunk(2, 1)", "empty.chunk(2)", "m.unbind()", "m.unbind(1)", "v.unbind()",
    "list(m)", "torch.split(m, 2)[1] * 2", "m.split_with_sizes((1, 3))",
    "torch.split_with_sizes(m, [2, 3], dim=1)", "torch.tensor_split(m, 3)", "m.tensor_split(2, -1)",
    "torch.tensor_split(m, (1, 2), 1)", "m.tensor_split([1, -1])", "m.tensor_split([3, 1, 100])",
    "m.tensor_split(7)", "m.tensor_split(torch.tensor(3))", "m.tensor_split(torch.tensor([1, 3]))",
    "m.tensor_split(indices=(1,))", "m.tensor_split(sections=2)", "m.hsplit(5)", "m.hsplit([2])",
    "v.hsplit((1, 3))", "m.vsplit(2)", "x.dsplit(5)", "torch.dsplit(x, [1])",
    "torch.unsafe_split(m, 3)", "torch.unsafe_chunk(m, 2)", "m.unsafe_split_with_sizes((1, 3))",
    # broadcast against each other
    "torch.broadcast_tensors(m, v)", "torch.broadcast_tensors(m, s, one[0])",
    "torch.broadcast_tensors()", "torch.broadcast_tensors(m)",
    "torch.meshgrid(v, u, indexing='ij')", "torch.meshgrid(v, u, indexing='xy')",
    "torch.meshgrid([v, u, s])", "torch.meshgrid(v, indexing='xy')",
    "torch.meshgrid((v, u, i.double()), indexing='xy')", "torch.cartesian_prod(v, u)",
    "torch.cartesian_prod(v)", "torch.cartesian_prod(i, i, i)", "torch.combinations(v)",
    "torch.combinations(v, 3)", "torch.combinations(v, 2, with_replacement=True)",
    "torch.combinations(v, 1)", "torch.combinations(v, 0)", "torch.combinations(v, 6)",
    "torch.combinations(i, with_replacement=True)",
]  # fmt: skip

ERRORS = [
    "torch.cat([])", "torch.stack([])", "torch.cat([m, v])", "torch.cat([m, w])",
    "torch.cat([s, s])", "torch.cat(m)", "torch.stack(m)", "torch.cat([m, 1])",
    "torch.stack([m, v])", "torch.cat([m, m], 2)", "torch.stack([m, m], 3)", "m.split(0)",
    "m.split(-1)", "m.split([1, 1])", "s.split(1)", "m.chunk(0)", "s.unbind()",
    "m.split_with_sizes((1, 2))", "m.split_with_sizes((-1, 5))", "m.tensor_split(0)",
    "s.tensor_split(2)", "m.tensor_split(-1)", "m.tensor_split(torch.tensor([1.0, 3]))",
    "m.tensor_split(torch.tensor([[1]]))", "m.hsplit(2)", "s.hsplit(2)", "v.hsplit(2)",
    "v.vsplit(2)", "m.vsplit(3)", "m.dsplit(2)", "x.dsplit(2)", "m.hsplit(0)",
    "torch.broadcast_tensors(m, u)", "torch.broadcast_tensors([m, v])", "torch.meshgrid()",
    "torch.meshgrid(v, u, indexing='zz')", "torch.meshgrid(v, i)", "torch.cartesian_prod(m)",
    "torch.cartesian_prod()", "torch.cartesian_prod(v, i)", "torch.combinations(m)",
    "torch.combinations(v, -1)", "torch.broadcast_shapes((2, 1), (3,), 5)",
    "torch.broadcast_shapes((2, 1), (3, 4), (5,))", "torch.broadcast_shapes((-1,))",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_joins_and_splits_as_pytorch(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


@pytest.mark.parametrize("shapes", [((2, 1), (3,)), (), (5,), ((0, 1), 4), ((1,), ()), ([2], 1)])
def test_shapes_broadcast_as_pytorchs(shapes: tuple[object, ...]) -> None:
    torch = pytest.importorskip("torch")
    assert repr(gl.broadcast_shapes(*shapes)) == repr(torch.broadcast_shapes(*shapes))


def test_a_grid_without_indexing_warns_where_it_was_asked_for() -> None:
    with pytest.warns(UserWarning, match=r"^torch.meshgrid: in an upcoming release") as caught:
        gl.meshgrid(gl.ones(2), gl.ones(3))
    assert [one.filename for one in caught] == [__file__]
