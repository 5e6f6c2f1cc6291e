"""Shape operations: views and copies, node names, gradients and errors, as in PyTorch."""

from __future__ import annotations

import numpy
import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error

LINES = [
    # sizes
    "x.view(12, 5)", "x.view((3, -1))", "x.view(-1)", "m.view(size=(20,))", "s.view(1, 1)",
    "m.t().view(5, 2, 2)", "empty.view(3, 0)", "empty.view(0, 7)", "x.reshape(12, 5)",
    "x.reshape((-1,))", "torch.reshape(x, (5, 12))", "m.t().reshape(20)", "m.t().reshape(5, 2, 2)",
    "m[:, :4].reshape(4, 2, 2)", "m[:, :3].reshape(-1)", "x.reshape(x.shape)", "s.reshape(())",
    "v.expand(3, 5).reshape(15)", "m.reshape_as(w)", "m.view_as(b[0])", "x.flatten()",
    "x.flatten(1)", "x.flatten(0, 1)", "x.flatten(-2)", "v.flatten()", "s.flatten()",
    "x.transpose(0, 1).flatten()", "m.ravel()", "m.t().ravel()", "v.unflatten(0, (5, 1))",
    "x.unflatten(1, (2, -1))", "m.contiguous()", "m.t().contiguous()",
    # dimensions of size 1
    "x.unsqueeze(0)", "x.unsqueeze(-1)", "s.unsqueeze(0)", "m.t().unsqueeze(1)", "one.squeeze()",
    "one.squeeze(0)", "one.squeeze(1)", "one.squeeze((0, 2))", "one.squeeze((0, 1))", "s.squeeze()",
    "s.squeeze(0)", "torch.squeeze(one, -1)",
    # order
    "x.transpose(0, 1)", "x.transpose(-1, 0)", "s.transpose(0, -1)", "m.t()", "v.t()", "s.t()",
    "m.T", "x.mT", "x.permute(2, 0, 1)", "x.permute((2, 0, 1))", "x.permute(-1, 0, 1)",
    "torch.permute(m, (1, 0))", "x.permute(dims=(0, 2, 1))", "x.movedim(0, 1)",
    "x.movedim((0, 1), (-1, -2))", "x.moveaxis(2, 0)", "s.movedim(0, -1)", "m.movedim((), ())",
    "s.mT", "x.swapaxes(0, 1)", "x.swapdims(0, 2)",
    # stretching and repeating
    "v.expand(4, 5)", "v.expand(4, -1)", "v.expand((2, 4, 5))", "v.expand(5)", "v.expand(1, 5)",
    "s.expand(2, 3)", "one.expand(2, -1, 3)", "v[:1].expand(0)", "v.expand_as(m)",
    "v.broadcast_to(4, 5)", "torch.broadcast_to(v, (4, 5))", "m.sum_to_size(1, 5)",
    "m.sum_to_size(4, 5)", "x.sum_to_size(5)", "m.sum_to_size((4, 1))",
    "s.sum_to_size(())", "m.sum_to_size(())",
    # taking apart
    "m.select(0, 1)", "m.select(-1, -1)", "torch.select(x, 1, 0)", "m.narrow(0, 1, 2)",
    "m.narrow(1, -2, 2)",
    # the same memory as another dtype
    "m.view(torch.int64)", "m.view(dtype=torch.int32)", "w.view(torch.complex128)",
    "w.view(torch.float64)", "w.view(torch.uint8)", "m.t().view(torch.int64)",
    "n.view(torch.int16)", "m.half().view(torch.int16)", "w.float().view(torch.float64)",
    "s.view(torch.int64)", "m[1:, :].view(torch.int32)", "empty.view(torch.int16)",
    "(lambda bits: (bits.bitwise_xor_(1), n, n._version)[1])(n.view(torch.uint8))",
]  # fmt: skip

ERRORS = [
    "x.view(-1, 7)", "x.view(61)", "x.view(-1, -1)", "x.view(-2, 30)", "m.t().view(-1)",
    "empty.view(-1, 0)", "x.reshape(-1, 7)", "x.flatten(2, 1)", "x.flatten(3)", "m.squeeze(2)",
    "m.unsqueeze(4)", "m.transpose(0, 2)", "x.t()", "v.mT", "m.permute(0)", "m.permute(0, 0)",
    "m.permute(0, 2)", "m.movedim(0, 2)", "m.expand(3, 4, 4)", "m.expand(5)", "v.expand(-1, 5)",
    "m.narrow(0, 3, 2)", "m.narrow(0, 9, 1)", "m.narrow(0, 0, -1)", "m.select(0, 4)",
    "s.select(0, 0)", "v.unflatten(0, (2, 2))", "m.unflatten(0, ())", "m.unflatten(0, (3, -1))",
    "m.unflatten(0, (-1, 0))", "m.unflatten(5, (-1, 0))", "m.unflatten('a', (2, 2))",
    "m.movedim((0, 1), (0,))", "m.movedim((0, 0), (0, 1))", "m.movedim(0, (1,))",
    "m.sum_to_size(3)", "m.view(torch.complex128)", "m.t().view(torch.int32)",
    "s.view(torch.int32)", "w[:, 1:3].view(torch.complex128)", "w[:, ::2].view(torch.complex128)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_shape_operation_is_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_a_shape_operation_is_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


@pytest.mark.parametrize(
    "line",
    ["x.view(6)", "x.t()", "x.T", "x.reshape(-1)", "x[0]", "x[:, 1]", "x.diagonal()", "x[None]",
     "x.unbind(1)[0]", "x.split(1, 1)[2]", "x.permute(1, 0)", "x.unsqueeze(0)", "x.expand(1, 2, 3)",
     "x.narrow(1, 0, 2)", "x.detach()", "x.squeeze()", "x[...]"],
)  # fmt: skip
def test_a_view_shows_what_is_written_to_its_memory(line: str) -> None:
    array = numpy.zeros((2, 3))
    x = gl.from_numpy(array)
    view = eval(line, {"x": x})
    array += 7
    assert (view == 7).all()
    view.fill_(9)
    assert (array == 9).any()
    assert x._version == view._version == 1


def test_an_expanded_tensor_cannot_be_written_to() -> None:
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        gl.ones(3).expand(2, 3).add_(1)
    gl.ones(3).expand(1, 3).add_(1)  # nothing is stretched


def test_the_transpose_of_other_than_two_dimensions_warns() -> None:
    with pytest.warns(UserWarning, match=r"^The use of `x.T` on tensors of dimension other than 2"):
        assert gl.zeros(2, 3, 4).T.shape == (4, 3, 2)
