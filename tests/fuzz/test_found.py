"""What random programs found to differ once, each as the one line that is left of the program."""

from __future__ import annotations

import pytest

import gradlab
from tests.ops.expressions import assert_same_error
from tests.ops.printed import assert_prints_same, printed

torch = pytest.importorskip("torch")

CALCULATIONS = [
    # complex gradients, where a formula asks which gradients arrived, or what lies side by side
    "torch.autograd.grad(torch.var_mean(z)[0] * 2, z) if (z := torch.tensor([1 + 2j, 3 - 1j], "
        "requires_grad=True)) is not None else 0",
    "[torch.autograd.grad(torch.std_mean(z)[1].abs() * torch.std_mean(z)[0], z) for z in "
        "[torch.tensor([1 + 2j, 3 - 1j, 2j], requires_grad=True)]]",
    "[torch.autograd.grad(torch.view_as_real(z * 2).sum(), z) for z in "
        "[torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)]]",
    # how what is joined lies in memory
    "torch.cat([torch.ones(3, 4).t()] * 2, 1).stride()",
    "torch.cat([torch.ones(4).expand(2, 3, 4)] * 2).view(-1).shape",
    "torch.stack([torch.ones(3, 4).t()] * 2, 1).stride()",
    "torch.stack([torch.ones(2, 3, 4).permute(2, 0, 1)] * 2).stride()",
    "torch.stack([torch.ones(2)[0]] * 2, 0)", "torch.stack([torch.ones(2, 2).t()[0]] * 2, 1)",
    # losses of a single sample
    "torch.nn.functional.multi_margin_loss(torch.ones(1, 3), torch.tensor(0), reduction='none')",
    "torch.nn.functional.multi_margin_loss(torch.tensor(0.5), torch.tensor(0))",
    "torch.nn.functional.multi_margin_loss(torch.ones(0, 3), torch.zeros(0, dtype=torch.long), "
        "reduction='none')",
    "[torch.autograd.grad(torch.nn.functional.multi_margin_loss(x, torch.tensor(1)), x) for x in "
        "[torch.tensor([[0.5, 0.25, 1.0]], requires_grad=True)]]",
    # nothing to compute with
    "torch.mv(torch.ones(2, 0, dtype=torch.bool), torch.ones(0, dtype=torch.bool))",
    "torch.mm(torch.ones(2, 0, dtype=torch.bool), torch.ones(0, 1, dtype=torch.bool))",
    "torch.bmm(torch.ones(0, 2, 2, dtype=torch.bool), torch.ones(0, 2, 1, dtype=torch.bool))",
    "torch.cdist(torch.ones(2, 0).half(), torch.ones(3, 0).half())",
    "[torch.zeros(0, dtype=d).median() for d in (torch.int8, torch.int16, torch.int32, "
        "torch.int64, torch.uint8, torch.bool)]",
    # dtypes
    "torch.addr(torch.ones((), dtype=torch.float64), torch.ones(2).half(), torch.ones(2).char())",
    # halves beyond e^11, and whose squares are none
    "torch.tensor([-300.0, 300.0, 0.0], dtype=torch.float16).std()",
    "torch.dist(torch.full((2,), 2000.0).half(), torch.zeros(2).half(), 1.5)",
    "torch.full((2,), 2000.0).half().norm()",
    "torch.std_mean(torch.tensor([-300.0, 300.0, 0.0], dtype=torch.float16))",
    "torch.nn.functional.softplus(torch.tensor([6.41, 12.0], dtype=torch.float16), 2.0)",
    # derivatives
    "[(x.norm(0).backward(), x.grad) for x in [torch.ones(2, requires_grad=True)]]",
    "[torch.autograd.grad(torch.autograd.grad(torch.xlogy(0, x), x, create_graph=True)[0], x) "
        "for x in [torch.tensor(1e-3, dtype=torch.float16, requires_grad=True)]]",
    "[torch.autograd.grad((x.scatter(0, torch.tensor([1]), y).floor() + x * 2).sum(), x) for x, y "
        "in [(torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True))]]",
    "[torch.autograd.grad(torch.xlogy(0, torch.dist(x, x, 1.5)), x) for x in "
        "[torch.ones(2, requires_grad=True)]]",
    "[torch.autograd.grad(torch.autograd.grad(torch.special.log_ndtr(x), x, create_graph=True)[0], "
        "x) for x in [torch.tensor(480.0, requires_grad=True)]]",
    "[torch.autograd.grad(torch.view_as_real(torch.autograd.grad(x**y, y, torch.ones(2, "
        "dtype=torch.complex64), create_graph=True)[0]).sum(), x) for x, y in [(torch.tensor([2.0, "
        "-1.5], requires_grad=True), torch.tensor([1 + 1j, 2j], requires_grad=True))]]",
    "[torch.autograd.grad(x.gather(0, torch.zeros(0, dtype=torch.long)).sum(), x) for x in "
        "[torch.ones(2, 3, requires_grad=True)]]",
    # numbers among vectors
    "torch.gather(torch.tensor(2.0), 0, torch.tensor([0, 0]))",
    "torch.gather(torch.tensor([2.0, 3.0]), 0, torch.tensor(1))",
    "[torch.autograd.grad(x.gather(0, torch.tensor([0, 0])).sum(), x) for x in "
        "[torch.tensor(2.0, requires_grad=True)]]",
    "[torch.autograd.grad(x.gather(0, torch.tensor(1)) * 3, x) for x in "
        "[torch.ones(3, requires_grad=True)]]",
    "torch.ones(3).scatter(0, torch.tensor(1), 2.0)",
    "torch.ones(3).scatter_add(0, torch.tensor([1]), torch.tensor(2.0))",
    "torch.ones(3).scatter_add(0, torch.tensor([], dtype=torch.long), torch.tensor(2.0))",
    "torch.ones(3).scatter_reduce(0, torch.tensor(1), torch.tensor(2.0), 'prod')",
    "[torch.autograd.grad(x.scatter_reduce(0, torch.tensor(0), y, 'prod'), [x, y]) for x, y in "
        "[(torch.tensor(2.0, requires_grad=True), torch.tensor([3.0], requires_grad=True))]]",
    "torch.cummax(torch.tensor(1j), 0)",
    # numbers among tensors of other dtypes
    "torch.lerp(torch.ones(2), torch.zeros(2), torch.tensor(0.25 + 1j))",
    "torch.lerp(torch.ones(2).long(), torch.zeros(2).long(), torch.tensor(0.25))",
    "[(torch.asarray(a).add_(1), a) for a in [numpy.array(1.5)]]",
    "torch.arange(6).reshape(3, 2).t().view_copy((2, -1)) if hasattr(torch.Tensor, 'view_copy') "
        "else torch.view_copy(torch.arange(6).reshape(3, 2).t(), (2, -1))",
    "torch.logsumexp(torch.tensor(1 + 3.9j), 0)",
    "[torch.autograd.grad(torch.autograd.grad(x.norm(1.5), x, create_graph=True)[0].sum(), x) "
        "for x in [torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True)]]",
    # the second derivative at 0 of what is smooth there only once
    "[torch.autograd.grad(torch.autograd.grad(torch.celu(x, 1.5), x, create_graph=True)[0], x) "
        "for x in [torch.tensor(0.0, requires_grad=True)]]",
    "[torch.autograd.grad(torch.nn.functional.celu_(x * 1), x) for x in "
        "[torch.tensor(0.0, requires_grad=True)]]",
    # second derivatives of what is linear in pieces: zeros, not an error
    *(
        f"[torch.autograd.grad(torch.autograd.grad({f}.sum(), x, create_graph=True)[0].sum(), x) "
        "for F, x in [(torch.nn.functional, torch.arange(16.0).reshape(1, 1, 4, 4)"
        ".requires_grad_())]]"
        for f in (
            "F.max_pool2d(x, 2)", "F.avg_pool2d(x, 2)", "F.adaptive_avg_pool2d(x, 2)",
            "F.pad(x, (1, 1, 1, 1), mode='reflect')", "F.pad(x, (1, 1, 1, 1), mode='replicate')",
            "F.nll_loss(x.reshape(4, 4), torch.arange(4))",
        )
    ),
    # layouts of gradients
    "[torch.autograd.grad((x * 2).t().square_().sum(), x)[0].stride() for x in "
        "[torch.ones(3, 4, requires_grad=True)]]",
    "[torch.autograd.grad(torch.ones(2, requires_grad=True).sum(), x, allow_unused=True, "
        "materialize_grads=True)[0].stride() for x in [torch.ones(3, 4).t().requires_grad_()]]",
    # slopes
    *(
        f"torch.gradient({call})"
        for call in (
            "torch.tensor([1.0, 4.0, 9.0, 16.0])", "torch.arange(12).reshape(3, 4) ** 2",
            "torch.arange(12.0).reshape(3, 4) ** 2, dim=1, spacing=2.0, edge_order=2",
            "torch.arange(12.0).reshape(3, 4) ** 2, dim=(0, -1), spacing=[1.0, 2.0]",
            "torch.tensor([1.0, 4.0]), spacing=(torch.tensor([0.0, 4.0]),)",
            "torch.tensor(1.0)", "torch.tensor([1 + 1j, 2, 4 - 2j])",
        )
    ),
    "torch.gradient(torch.tensor([1.0, 4.0, 9.0]), spacing=None)",
    "[torch.autograd.grad(torch.gradient(x, edge_order=2)[0].pow(2).sum(), x) for x in "
        "[torch.tensor([1.0, 4.0, 9.0, 16.0], requires_grad=True)]]",
    # hooks
    "[(x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad)), "
        "(x * x).sum().backward(inputs=x), seen) for x, seen in "
        "[(torch.ones(2, requires_grad=True), [])]][0][1:]",
]  # fmt: skip


@pytest.mark.parametrize("line", CALCULATIONS)
def test_prints_the_same(line: str) -> None:
    assert_prints_same(line)


ARRAYS = [
    "torch.ones(2) + numpy.array(1.0)", "torch.ones(2).bool() & numpy.array([True, False])",
    "torch.ones(2) == numpy.array([1.0, 2.0])", "torch.ones(2) != numpy.array([1.0, 2.0])",
    "torch.ones(2) @ numpy.ones(2)", "torch.ones(2) ** numpy.arange(2)",
]  # fmt: skip


@pytest.mark.parametrize("line", ARRAYS)
def test_tensors_beside_arrays_print_the_same(line: str) -> None:
    """NumPy, which computes these, has warnings for how PyTorch lets it."""
    assert printed(gradlab, line)[0] == printed(torch, line)[0]


ERRORS = [
    "torch.nn.functional.multi_margin_loss(torch.ones(2, 3), torch.zeros(1, dtype=torch.long))",
    "torch.nn.functional.multi_margin_loss(torch.ones(2, 0), torch.zeros(2, dtype=torch.long))",
    "torch.nn.functional.multi_margin_loss(torch.ones(2, 3, dtype=torch.uint8), "
        "torch.zeros(2, dtype=torch.long), weight=torch.ones(3, requires_grad=True))",
    "torch.nn.functional.pad(torch.ones(0, 2, 3), (1, 0, 2, 1), mode='replicate')",
    "torch.nn.functional.pad(torch.ones(1, 0), (1, 1), mode='reflect')",
    "torch.nn.functional.pad(torch.ones(2, 2, 3), (-2, -1), mode='reflect')",
    "torch.nn.functional.pad(torch.ones(2, 3, 3), (-3, -1, 0, 0), mode='replicate')",
    "torch.ones(3).index_select(0, torch.tensor([[1]]))",
    "torch.tensor(1.0).index_select(0, torch.tensor([0, 0]))",
    "torch.ones(3, 2).index_copy(0, torch.tensor([1]), torch.tensor(2.0))",
    "torch.argsort(torch.tensor([1j, 2]))", "torch.unique(torch.tensor([1j, 2]))",
    "torch.constant_pad_nd(torch.ones(2, 0), (-1, 1))",
    "torch.constant_pad_nd(torch.ones(2, 1), (-2, 3))",
    "torch.lerp(torch.ones(2), torch.zeros(2).double(), torch.tensor(0.25))",
    "torch.lerp(torch.ones(2).long(), torch.zeros(2).long(), torch.tensor(1))",
    "torch.ones(2) < numpy.ones(2)", "numpy.ones(2) * torch.ones(2)",
    "numpy.ones(2) >= torch.ones(2)", "numpy.ones(2) @ torch.ones(2)",
    "[(y.__setitem__(y > 0, 1.0), y.sum().backward(), y.sum().backward(create_graph=True)) for y "
        "in [torch.ones(2, requires_grad=True) * 1]]",
    "torch.gradient(torch.ones(1))", "torch.gradient(torch.ones(3), edge_order=3)",
    "torch.gradient(torch.ones(2), edge_order=2)", "torch.gradient(torch.ones(3).byte())",
    "torch.gradient(torch.ones(3, 3), dim=(0, 0))", "torch.gradient(torch.ones(3), dim=2)",
    "torch.gradient(torch.ones(3, 3), spacing=[1.0])", "torch.gradient(torch.ones(3) > 0)",
    "torch.gradient(torch.ones(3), spacing=(torch.ones(3, 1),))",
    "torch.add(torch.ones(2), torch.ones(2), alpha=True)", "torch.ones(2).sub(1, alpha=True)",
    "torch.add(torch.ones(2), torch.ones(2), alpha='a')",
    "torch.add(torch.ones(2), torch.ones(2), alpha=None)",
    "torch.where(torch.tensor([True]), 1, 'a')", "torch.where(torch.tensor([True]), 1)",
    "torch.where(torch.tensor([True]), torch.ones(1), numpy.ones(1))",
    "torch.ones(2).where(torch.tensor([True, False]), 'a')",
    "torch.ones(2).expand_as(numpy.ones(2))",
    "torch.ones(2).view_as(numpy.ones(2))", "torch.ones(2).reshape_as([1, 2])",
    "torch.ones(2).type_as(numpy.ones(2))", "torch.ones(2).fill_(numpy.ones(2))",
    "torch.ones(2).fill_('a')", "torch.ones(2).fill_(None)", "torch.full((2,), numpy.ones(2))",
    "torch.full((2,), 'a')", "torch.ones(2).copy_(numpy.ones(2))",
    "torch.cat([torch.ones(2), numpy.ones(2)])",
    "torch.addmv(torch.ones(2).bool(), torch.ones(2, 2).bool(), torch.ones(2).bool())",
]  # fmt: skip


@pytest.mark.parametrize("line", ERRORS)
def test_raises_the_same(line: str) -> None:
    assert_same_error(line)
