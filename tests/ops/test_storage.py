"""Memory under tensors, views laid over it, and views in other forms, as in PyTorch."""

from __future__ import annotations

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error, torch

LINES = [
    "m.as_strided((2, 2), (1, 2))", "torch.as_strided(m, (3, 3), (1, 1), 2)",
    "m[1:].as_strided((2, 2), (1, 1))", "m[1:].as_strided((2, 2), (1, 1), 0)",
    "m.t().as_strided((2, 2), (1, 3))", "x.as_strided((), (), 7)", "v.as_strided((3, 2), (0, 1))",
    "(m * 1).as_strided((4,), (6,)).mul_(2)",
    "m.detach().as_strided_scatter(q.detach(), (4, 4), (5, 1))",
    "m.numel(), m[2:].storage_offset()", "m[1:, 2:].storage_offset()",
    # copies
    "torch.alias_copy(m)", "torch.as_strided_copy(m, (2,), (3,))", "torch.expand_copy(v, (4, 5))",
    "torch.expand_copy(v, (4, -1))", "torch.permute_copy(x, (2, 0, 1))",
    "torch.select_copy(m, 0, -1)", "torch.slice_copy(m, 0, 1, None, 2)", "torch.slice_copy(m)",
    "torch.split_copy(m, 3)", "torch.split_with_sizes_copy(m, (1, 3))", "torch.squeeze_copy(one)",
    "torch.squeeze_copy(one, 0)", "torch.squeeze_copy(one, (0, 2))", "torch.t_copy(m)",
    "torch.transpose_copy(x, 0, -1)", "torch.unbind_copy(m)", "torch.unfold_copy(m, 0, 2, 1)",
    "torch.unsqueeze_copy(m, -1)", "torch.view_copy(m, (20,))", "torch.view_copy(m, (2, -1))",
    "torch.narrow_copy(m, 0, 1, 2)", "m.narrow_copy(-1, -3, 2)", "torch.diagonal_copy(m)",
    "torch.detach_copy(m.detach())",
    # in place
    "(m * 1).t_()", "(x * 1).transpose_(0, -1)", "(x * 1).swapaxes_(0, 1)",
    "(x * 1).swapdims_(1, 2)", "(one * 1).squeeze_()", "(one * 1).squeeze_(0)",
    "(one * 1).squeeze_(1)", "(one * 1).squeeze_((0, 2))", "(m * 1).unsqueeze_(-1)",
    "(m * 1).as_strided_((2, 2), (1, 3))", "(m * 1)[1:3].t_()", "(m * 1)[1:3].t_().mul_(2)",
    "(m * 1).t_().mul_(3).t_()", "(lambda y: (y[0].unsqueeze_(0).mul_(5), y)[1])(m * 1)",
    "(lambda y: (y.t(), y.t_().add_(1))[0])(m * 1)", "torch.zeros(2, 3).t_().unsqueeze_(0)",
]  # fmt: skip

ERRORS = [
    "m.as_strided((2, 2), (1,))", "m.as_strided((2, 2), (1, -1))", "m.as_strided((-2, 2), (1, 1))",
    "m.as_strided((20, 20), (1, 1))", "m.as_strided((2, 2), (1, 1), -1)", "m.resize_(3)", "m.t_()",
    "m.unsqueeze_(0)", "(x * 1).t_()", "(m * 1).squeeze_(5)", "torch.slice_copy(m, 0, 0, 2, 0)",
    "torch.zeros(3).set_(i)", "torch.zeros(3).pin_memory()", "torch.narrow_copy(m, 0, 3, 2)",
    "m.detach().as_strided_scatter(v.detach(), (4,), (1,))",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_shows_memory_as_pytorch(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


ANSWERS = [
    "x.layout", "torch.strided", "x.apply_(lambda n: n + 1)", "x.map_(x.clone(), max)",
    "x.storage_offset()", "x[1:].storage_offset()", "x.t()[1].storage_offset()",
    "x[1:].untyped_storage().nbytes()", "len(x.untyped_storage())", "x.untyped_storage().size()",
    "x[1:].untyped_storage().data_ptr() == x.data_ptr()", "x[1:].data_ptr() - x.data_ptr()",
    "torch.zeros(0).data_ptr()", "x.is_set_to(x.detach())", "x.is_set_to(x.t())",
    "x.is_set_to(x[:1])", "x.dim_order()", "x.t().dim_order()", "x.is_shared()", "x.is_pinned()",
    "x.ndimension()", "torch.is_same_size(x, x)", "x.is_same_size(x[0])", "torch.typename(x)",
    "torch.typename(1)", "torch.typename([])", "torch.typename(torch.ones(1).long())",
    "x.get_device()", "torch.get_device(x)", "x.is_signed()", "torch.is_signed(torch.tensor(True))",
    "x.to(torch.uint8).is_signed()", "x.is_cpu", "x.is_sparse", "x.is_quantized", "x.is_meta",
    "x.resize_(4).shape", "x.resize_(2, 1).tolist()", "x[1:].resize_(1, 2).tolist()",
    "torch.zeros(3).resize_(2, 2).shape", "x.resize_as_(x[0]).shape",
    "torch.zeros(1).set_(x).tolist()", "torch.zeros(1).set_().shape",
    "x.as_subclass(torch.Tensor).shape",
]  # fmt: skip


@pytest.mark.parametrize("line", ANSWERS)
def test_answers_about_memory_are_pytorchs(line: str) -> None:
    answers = []
    for library in (gl, torch):
        seen = {"torch": library, "x": library.arange(6.0).reshape(2, 3)}
        answers.append(repr(eval(line, seen)))
    assert answers[0] == answers[1]


def test_a_tensor_that_outgrows_its_memory_keeps_its_elements() -> None:
    x = gl.arange(3.0)
    assert x.resize_(2, 3).reshape(-1)[:3].tolist() == [0.0, 1.0, 2.0]


def test_a_copy_of_a_view_has_memory_of_its_own() -> None:
    x = gl.zeros(2, 3)
    gl.t_copy(x).fill_(1)
    gl.select_copy(x, 0, 0).fill_(1)
    assert x.tolist() == [[0.0] * 3] * 2


def test_a_matrix_turned_in_place_under_no_grad_stays_a_leaf() -> None:
    x = gl.ones(2, 3, requires_grad=True)
    x.sum().backward()
    x.grad = None
    with gl.no_grad():
        x.t_()
    (x * gl.arange(6.0).view(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
