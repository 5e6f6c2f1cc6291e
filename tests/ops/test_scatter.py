"""Gathering, scattering, masks: values, graph, gradients and errors, as in PyTorch."""

from __future__ import annotations

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error, torch

LINES = [
    # gather and scatter
    "x.gather(0, torch.zeros(1, 4, 5, dtype=torch.long))",
    "m.gather(1, torch.tensor([[0, 0], [1, 4], [2, 2]]))", "m.gather(-1, n[:, :3].abs() % 5)",
    "v.gather(0, i)", "s.gather(0, i0 * 0)", "m.gather(0, torch.zeros(0, 5, dtype=torch.long))",
    "torch.gather(m, dim=0, index=i[:, None])", "m.gather(0, i[:, None], sparse_grad=False)",
    "m.t().gather(0, i[:, None].expand(3, 4))", "m.gather(0, i[:, None].to(torch.int32))",
    "m.scatter_add(0, torch.zeros(2, 5, dtype=torch.long), w.t()[:2])",
    "v.scatter_add(0, i, u[:3])", "m.scatter(0, torch.zeros(1, 5, dtype=torch.long), w.t()[:1])",
    "m.scatter(1, i[:, None], 2.0)", "v.scatter(0, i[:2], value=3.0)",
    "(m * 1).scatter_(1, i[:, None], 2.0)", "(v * 1).scatter_add_(0, i, u[:3])",
    "(m * 1).scatter_(0, i[:1, None].expand(1, 5), w.t()[:1])",
    "m.detach().scatter(0, i[:, None], w.t().detach(), reduce='add')",
    "m.detach().scatter(0, i[:, None], 2.0, reduce='multiply')",
    "m.detach().clone().scatter_(0, i[:, None], 2.0, reduce='add')",
    "torch.take_along_dim(m, m.argsort(1), 1)", "torch.take_along_dim(m, i)",
    "torch.take_along_dim(x, i[:, None, None], 0)", "m.take_along_dim(i[:, None] - 1, 0)",
    "m.take_along_dim(i[:, None] + 9, 0)",
    # as if flat
    "m.take(i)", "torch.take(m, i[None] - 1)", "m.take(i0)", "m.t().take(i)", "empty.take(i[:0])",
    "m.put(i[:2], u[:2])", "m.put(i, u[:3], accumulate=True)", "m.put(i[1:] - 1, u[:2])",
    "(m * 1).put_(i[1:], v[:2])", "m.put(i[:0], v[:0])", "m.t().put(i[:2], v[:2])",
    # along a dimension
    "x.index_select(0, i)", "x.index_select(-1, i)", "x.index_select(1, i0)",
    "s.index_select(0, i[:1])", "m.index_select(0, i.to(torch.int32))",
    "torch.index_add(m, 0, i, w.t()[:3])", "m.index_add(1, i, w[:4, :3])",
    "m.index_add(0, i, w.t()[:3], alpha=2)", "m.index_add(0, i[0], w.t()[:1])",
    "s.index_add(0, i[:1], v[0])", "n.index_add(0, i, n, alpha=3)",
    "m.index_add(0, i.to(torch.int32), m[:3])", "(m * 1).index_add_(0, i, w.t()[:3])",
    "torch.index_copy(m, 0, i[:2], w.t()[:2])", "m.index_copy(-1, i[1:], w[:4, :2])",
    "s.index_copy(0, i[:1], v[0])", "(m * 1).index_copy_(0, i[:2], w.t()[:2])",
    "m.index_copy(0, i[0], w.t()[:1])", "torch.index_fill(m, 0, i, 2.0)",
    "m.index_fill(1, i, s)", "m.index_fill(0, i0, 1.0)", "s.index_fill(0, i * 0, 1.0)",
    "n.index_fill(0, i, 1.5)", "n.index_fill(0, i, torch.tensor(1.5))",
    "(m * 1).index_fill_(0, i, s)", "(m * 1).index_fill_(0, i, 3)",
    # combining
    "m.scatter_reduce(0, i[:, None], w.t()[:3, :1].clone(), 'sum')",
    *(f"m.scatter_reduce({dim}, {index}, w.t()[:, :{width}].clone(), '{how}', include_self={own})"
      for how in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)
      for dim, index, width in ((0, "n.abs().repeat(2, 2)[:4, :5] % 4", 5),
                                (-1, "n.abs().t() % 5", 3))),
    "zeros.scatter_reduce(1, i[None], tied[:1], 'prod')",
    "tied.scatter_reduce(1, i[None], tied[:1], 'amax')",
    "n.scatter_reduce(0, i[:, None], n, 'mean')", "n.scatter_reduce(0, i[:, None], n, 'amin')",
    "s.scatter_reduce(0, i0 * 0, v[0], 'prod')", "nan.scatter_reduce(0, i, nan.detach(), 'amax')",
    "(v * 1).scatter_reduce_(0, i, u[:3], 'mean')",
    *(f"m.index_reduce(0, i, w.t()[:3], '{how}', include_self={own})"
      for how in ("prod", "mean", "amax", "amin") for own in (True, False)),
    "m.index_reduce(1, i, w[:4, :3], 'mean')", "(m * 1).index_reduce_(0, i, w.t()[:3], 'amax')",
    "n.index_reduce(0, i, n, 'mean')",
    *(f"s.index_reduce(0, i0 * 0, s * 2, '{how}', include_self={own})"
      for how in ("prod", "mean", "amax", "amin") for own in (True, False)),
    # masks
    "x.masked_select(x > 0)", "m.masked_select(mask[:1, :4].t())", "v.masked_select(mask[:, :1])",
    "m.masked_scatter(m > 0, w)", "m.masked_scatter((m > 0)[0], w * 2)",
    "m.masked_scatter((m > 0)[None], w)", "v[:4].masked_scatter(mask, x)",
    "(m * 1).masked_scatter_(m > 0, w)", "m.masked_scatter(m > 99, v[:0])",
    "torch.nonzero(n > 0)", "torch.nonzero(n > 0, as_tuple=True)", "s.nonzero()",
    "torch.argwhere(n)", "s.argwhere()", "torch.argwhere(torch.tensor(0))",
    "torch.nonzero_static(n, size=3)", "i.nonzero_static(size=5, fill_value=7)",
    "i.nonzero_static(size=0)", "torch.unravel_index(i, (2, 2))",
    "torch.unravel_index(torch.tensor([[5, 4]]), [2, 1, 3])", "torch.unravel_index(i + 1, 5)",
    "torch.unravel_index(torch.tensor(4), (3, 2))",
    "torch.unravel_index(torch.tensor([-1, 9]), (2, 2))", "torch.unravel_index(i, ())",
]  # fmt: skip

ERRORS = [
    "x.gather(0, i)", "m.gather(0, torch.zeros(1, 6, dtype=torch.long))", "m.gather(0, m)",
    "v.gather(0, i + 9)", "v.gather(0, i - 9)", "v.gather(1, i)", "x.index_select(0, i + 5)",
    "x.index_select(0, i[None])", "x.index_select(0, v)", "x.masked_select(mask)",
    "x.masked_select(i)", "v.scatter_add(0, i, u[:2])", "v.scatter_add(0, i, u.float())",
    "v.scatter(0, i + 9, 1.0)", "m.scatter(0, torch.zeros(1, 6, dtype=torch.long), m)",
    "m.scatter(1, i, 1.0)", "m.scatter(0, torch.zeros(1, 6, dtype=torch.long), 1.0)",
    "m.scatter(0, m, 1.0)", "m.detach().scatter(0, i[:, None], m.detach(), reduce='foo')",
    "torch.take_along_dim(m, i, 0)", "torch.take_along_dim(m, i[:, None].to(torch.int32), 0)",
    "m.take(i + 99)", "m.take(i - 99)", "m.take(i.double())", "m.take(i.to(torch.int32))",
    "torch.zeros(0).take(i)", "m.put(i, v)", "m.put(i, v[:3].float())", "m.put(i + 99, v[:3])",
    "m.put(i.to(torch.int32), v[:3])", "m.index_add(0, i, m)", "m.index_add(0, i, m[:3, :2])",
    "m.index_add(0, i, v)", "m.index_add(0, i + 9, m[:3])", "m.index_add(0, i - 1, m[:3])",
    "m.index_add(0, i[None], m[:3])", "m.index_add(0, i.double(), m[:3])",
    "m.index_add(0, i, m[:3].float())", "m.index_add(5, i, m[:3])", "m.index_add(0, i0, m[0])",
    "s.index_add(0, i[:1], v[:1])", "m.index_copy(0, i, m)",
    "m.index_copy(0, i, m[:3, :2])", "m.index_copy(0, i, v)", "m.index_copy(0, i + 9, m[:3])",
    "m.index_copy(0, i - 1, m[:3])", "m.index_copy(0, i.to(torch.int32), m[:3])",
    "m.index_copy(0, i, m[:3].float())", "m.index_copy(0, i[None], m[:3])",
    "m.index_copy(0, i, s)", "m.index_fill(0, i + 9, 1.0)",
    "m.index_fill(0, i.to(torch.int32), 1.0)", "m.index_fill(0, i[None], 1.0)",
    "m.index_fill(0, i, v)", "m.index_fill(0, i, 'a')", "m.detach().index_fill(0, i, 1j)",
    "m.index_reduce(0, i, m[:3], 'sum')", "m.index_reduce(0, i, m[:2], 'prod')",
    "m.index_reduce(0, i + 9, m[:3], 'prod')", "m.index_reduce(0, i, m[:3].float(), 'prod')",
    "m.scatter_reduce(0, i[:, None], m, 'foo')", "m.scatter_reduce(0, i, m, 'sum')",
    "m.scatter_reduce(0, i[:, None] + 9, m, 'sum')",
    "m.scatter_reduce(0, i[:, None], m.float(), 'sum')",
    "m.scatter_reduce(0, i[:, None].expand(3, 9), m, 'sum')", "m.masked_scatter(m, m)",
    "m.masked_scatter(m > -99, v[:1])",
    "m.masked_scatter((m > 0)[:, :2], v)",
    "torch.nonzero_static(i, size=-1)", "torch.unravel_index(torch.tensor([1.0]), (2, 2))",
    "torch.unravel_index(i, (2, -2))",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_gathers_and_scatters_as_pytorch(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8"])
@pytest.mark.parametrize("how", ["sum", "prod", "mean", "amax", "amin"])
def test_combining_keeps_the_dtype(how: str, dtype: str) -> None:
    found = []
    for library in (gl, torch):
        kind = getattr(library, dtype)
        x, src = library.tensor([3, 1, 2], dtype=kind), library.tensor([5, 2, 2, 7], dtype=kind)
        index = library.tensor([0, 2, 0, 0])
        for own in (True, False):
            result = x.scatter_reduce(0, index, src, how, include_self=own)
            found.append((str(result.dtype), result.tolist()))
    assert found[:2] == found[2:]


def test_adding_with_a_scatter_asks_for_the_operation_that_has_a_gradient() -> None:
    x = gl.zeros(3, requires_grad=True)
    result = x.scatter(0, gl.tensor([0]), 1.0, reduce="add")
    with pytest.raises(RuntimeError, match=r"^derivative for aten::scatter is not implemented"):
        result.sum().backward()


def test_a_product_with_zeros_has_pytorchs_gradient() -> None:
    found = []
    for library in (gl, torch):
        x = library.tensor([2.0, 0.0, 3.0], requires_grad=True)
        src = library.tensor([0.0, 5.0, 0.0, 0.0, 4.0], requires_grad=True)
        index = library.tensor([0, 0, 1, 2, 2])
        for own in (True, False):
            result = x.scatter_reduce(0, index, src, "prod", include_self=own)
            grads = library.autograd.grad(result.sum(), (x, src))
            found.append([g.tolist() for g in grads])
    assert found[:2] == found[2:]
