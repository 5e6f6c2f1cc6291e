"""Arranging, diagonals and parts: values, graph, gradients and errors, as in PyTorch."""

from __future__ import annotations

import pytest

from tests.ops.expressions import assert_same, assert_same_error

LINES = [
    # repeating
    "v.repeat(2, 3)", "m.repeat(2, 1, 3)", "m.repeat((1, 2))", "s.repeat(3)", "v.repeat(0)",
    "m.tile(2)", "m.tile((2, 1, 1))", "torch.tile(v, (2, 2))", "s.tile(())",
    "m.repeat_interleave(2)", "v.repeat_interleave(3)", "s.repeat_interleave(2)",
    "m.repeat_interleave(2, dim=1)", "m.repeat_interleave(2, 0)", "x.repeat_interleave(2, -1)",
    "m.t().repeat_interleave(2)", "m.repeat_interleave(0, 0)", "m.repeat_interleave(1, 0)",
    "m.repeat_interleave(torch.tensor([1, 0, 2, 1]), dim=0)",
    "m.repeat_interleave(torch.tensor([2]), dim=0)", "m.repeat_interleave(torch.tensor(2), 1)",
    "v.repeat_interleave(torch.tensor([1, 0, 2, 1, 1]))",
    "torch.repeat_interleave(torch.tensor([1, 0, 2]))",
    "torch.repeat_interleave(torch.tensor([1, 2], dtype=torch.int32))",
    "torch.repeat_interleave(torch.tensor([1, 2]), output_size=3)",
    "m.repeat_interleave(torch.tensor([1, 2, 1, 1]), 0, output_size=5)",
    "m.repeat_interleave(2, 0, output_size=8)", "s.repeat_interleave(torch.tensor([2]))",
    # turning
    "m.flip(0)", "m.flip(0, 1)", "torch.flip(m, (-1,))", "s.flip(())", "m.fliplr()", "m.flipud()",
    "m.roll(1)", "m.roll((1, 2), (0, 1))", "m.roll(-1, 0)", "m.roll((1, 1), (0, 0))",
    "torch.roll(x, shifts=2, dims=-1)", "s.roll(1)", "empty.roll(1, 1)", "x.roll(100, 1)",
    "m.rot90()", "m.rot90(2)", "m.rot90(-1, (1, 0))", "x.rot90(1, (0, -1))", "torch.rot90(m, 4)",
    # channels and pixels
    "torch.channel_shuffle(x, 2)", "torch.channel_shuffle(d.transpose(1, 2), 4)",
    "torch.pixel_shuffle(d.transpose(1, 2), 2)", "torch.pixel_shuffle(q.reshape(1, 4, 2, 2), 2)",
    "torch.pixel_unshuffle(q[None], 2)", "torch.pixel_unshuffle(q[None, None], 4)",
    "torch.pixel_shuffle(x, 1)",
    # triangles, diagonals
    "m.tril()", "m.tril(-1)", "x.triu(1)", "torch.triu(m)", "m.diagonal()", "m.diagonal(1)",
    "x.diagonal(0, 1, 2)", "x.diagonal(-1, dim1=-1, dim2=0)", "q.diag()", "v.diag()", "v.diag(1)",
    "torch.diag(m, -1)", "torch.diag_embed(m)", "m.diag_embed(1)", "m.diag_embed(-1, 0, 1)",
    "x.diag_embed(0, 0, 2)", "m.diag_embed(dim1=-1, dim2=0)", "v.diagflat()", "m.diagflat(-1)",
    "s.diagflat()", "torch.diagonal_copy(m, 1)", "torch.block_diag(m, v, s)", "torch.block_diag(m)",
    "torch.block_diag(n, s)", "torch.block_diag()", "torch.tril_indices(3, 2)",
    "torch.tril_indices(3, 4, 1)", "torch.triu_indices(3, 2, -1)", "torch.triu_indices(0, 2)",
    "torch.triu_indices(3, 4, offset=1, dtype=torch.int32)", "(m * 1).fill_diagonal_(2.0)",
    "(q * 1).fill_diagonal_(0)", "(x * 1).repeat(1, 1, 2)[:, :3, :3].clone().fill_diagonal_(2.0)",
    "torch.zeros(7, 2).fill_diagonal_(3.0, wrap=True)", "torch.zeros(2, 7).fill_diagonal_(3.0)",
    "torch.zeros(3, 2).fill_diagonal_(3.0, wrap=True)", "(m * 1).tril_()", "(m * 1).triu_(1)",
    "torch.zeros(3, 4).t().fill_diagonal_(3.0)",
    # windows, and a part replaced
    "m.unfold(0, 2, 1)", "x.unfold(1, 3, 2)", "x.unfold(-1, 5, 1)", "v.unfold(0, 2, 2)",
    "s.unfold(0, 1, 1)", "m.t().unfold(0, 2, 3)", "m.unfold(1, 0, 1)", "m.unfold(1, 3, 1)[0] * 2",
    "m.unfold(0, 2, 1).unfold(1, 2, 1)", "x.mul(2).unfold(0, 1, 1)", "torch.diagonal_scatter(q, u)",
    "torch.diagonal_scatter(m, u, 1)",
    "torch.diagonal_scatter(x, x.diagonal(-1, 2, 0) * 2, -1, 2, 0)",
    "torch.select_scatter(m, v, 0, 1)", "m.select_scatter(u, 1, -1)",
    "torch.slice_scatter(m, m[:2], 0, 1, 3)", "m.slice_scatter(m * 2)",
    "m.slice_scatter(w.t()[:, :2], 1, 0, None, 3)", "m.slice_scatter(m[:1], start=-1)",
    "m.slice_scatter(m[:0], start=9)",
]  # fmt: skip

ERRORS = [
    "m.repeat(2)", "x.flip(0, 0)", "m.repeat_interleave(-1)", "m.repeat_interleave(True)",
    "m.repeat_interleave(torch.tensor([1, 2]), 0)", "m.repeat_interleave(2, 5)",
    "m.repeat_interleave(torch.tensor([1, -2, 1, 1]), 0)",
    "m.repeat_interleave(torch.tensor([1.0]), 0)", "m.repeat_interleave(torch.tensor([[1]]), 0)",
    "m.repeat_interleave(torch.tensor([1, 2, 1, 1]), 0, output_size=7)",
    "m.repeat_interleave(2, 0, output_size=3)", "m.roll(1, 2)", "m.roll((1, 2))",
    "m.roll((1, 2), 0)", "m.roll(())", "m.roll(1.5)", "s.roll(1, 0)", "m.rot90(1, (0, 0))",
    "m.rot90(1, (0,))", "m.rot90(1, (0, 5))", "v.rot90()", "m.rot90(1, (0, 1, 2))",
    "x.rot90(1, (0, -3))", "torch.channel_shuffle(m, 2)", "torch.channel_shuffle(x, 3)",
    "torch.channel_shuffle(x, 0)", "torch.pixel_shuffle(x, 3)", "torch.pixel_shuffle(x, 0)",
    "torch.pixel_shuffle(m, 2)", "torch.pixel_unshuffle(x, 2)", "torch.pixel_unshuffle(x, -1)",
    "torch.pixel_unshuffle(m, 2)", "v.tril()", "x.diagonal(0, 1, 1)", "x.diag()",
    "torch.diag_embed(m, dim1=0, dim2=0)", "torch.diag_embed(m, dim1=5)", "torch.diag_embed(s)",
    "torch.block_diag(x)", "torch.block_diag(m, 1)", "torch.tril_indices(-1, 2)",
    "torch.triu_indices(2, -1)", "torch.triu_indices(3, 2, dtype=torch.float32)",
    "torch.zeros(3).fill_diagonal_(1)", "torch.zeros(2, 3, 3).fill_diagonal_(1)",
    "m.unfold(0, 6, 1)", "m.unfold(0, 2, 0)", "m.unfold(0, -1, 1)", "m.unfold(2, 1, 1)",
    "s.unfold(0, 2, 1)", "torch.diagonal_scatter(q, v)", "torch.select_scatter(m, u, 0, 1)",
    "torch.select_scatter(m, v, 0, 9)", "torch.select_scatter(m, v, 5, 9)",
    "torch.slice_scatter(m, m, 0, 0, 2)", "torch.slice_scatter(m, m, 0, 0, 4, 0)",
    "m.fill_diagonal_(1.0)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_arranges_as_pytorch(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)
