"""Products with sums, over any dimensions, of many matrices; distances: all as PyTorch's."""

from __future__ import annotations

import itertools

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error

LINES = [
    "torch.vdot(v, v)", "torch.linalg.vecdot(m, v)", "torch.linalg.vecdot(v, v)", "torch.trace(q)",
    "torch.trace(m)", "torch.trace(n)", "torch.linalg.vecdot(m, m, dim=0)", "q.trace()",
    "torch.addmv(u, m, v)", "u.addmv(m, v, beta=0.5, alpha=2)", "torch.addmv(s, m, v)",
    "torch.addr(m, u, v)", "torch.addr(v, u, v, beta=2, alpha=0.5)", "torch.addr(n, n[:, 0], n[0])",
    "torch.baddbmm(m[:, :3], b, c)", "torch.baddbmm(s, b, c, beta=2, alpha=0.5)",
    "torch.addbmm(m[:, :3], b, c)", "torch.addbmm(s, b, c, beta=2, alpha=0.5)",
    "(m[:, :3] * 1).addbmm_(b, c)", "(x[:2, :, :3] * 1).baddbmm_(b, c)",
    "torch.cross(x[:, 0], x[:, 1])",
    "torch.linalg.cross(x[..., :3], x[..., 1:4])", "torch.linalg.cross(x, x[:, :1], dim=0)",
    "torch.cross(n, n.flip(0))", "torch.tensordot(m, w, 1)", "torch.tensordot(m, m, 2)",
    "torch.tensordot(m, w, 0)", "torch.tensordot(x, b, ([1], [1]))",
    "torch.tensordot(m, one, ([0], [0]))",
    "torch.tensordot(x, b, ([-1, 1], [2, 1]))", "torch.inner(m, m)", "torch.inner(v, v)",
    "torch.inner(x, v)", "torch.inner(v, m)", "torch.inner(s, m)", "torch.kron(m, q)",
    "torch.kron(v, m)", "torch.kron(b, q)", "torch.kron(s, v)", "torch.kron(n, n)",
    "torch.chain_matmul(m, w, m)", "torch.chain_matmul(m)", "torch.linalg.multi_dot([m, w])",
    "torch.linalg.multi_dot([u, m, w, q])", "torch.linalg.multi_dot([m, w, q, u])",
    "torch.linalg.multi_dot([u, m, v])", "torch.linalg.multi_dot([v, v])",
    "torch.matrix_power(q, 7)",
    "torch.matrix_power(n[:, :3], 3)",
    "torch.bilinear(u[None], m[:1], x, None)",
    "torch.bilinear(u[None], v[None], x, u[:3])", "torch.linalg.diagonal(x)",
    "torch.bilinear(b, b, torch.ones(2, 5, 5, dtype=torch.float64), u[:2])",
    "torch.linalg.tensorsolve(q.reshape(2, 2, 4), q[:2, :2])",
]  # fmt: skip

ERRORS = [
    "torch.vdot(v, m)", "torch.vdot(v, u)", "torch.vdot(v, v.float())", "torch.linalg.vecdot(n, n)",
    "torch.linalg.vecdot(v, v.float())", "torch.trace(v)", "torch.trace(mask)", "torch.cross(m, m)",
    "torch.linalg.cross(m, m)", "torch.cross(v, m)", "torch.addmv(u, m, m)", "torch.addmv(v, m, u)",
    "torch.addmv(u, m, v.float())", "torch.addr(m, m, v)", "torch.addr(q, u, v)",
    "torch.baddbmm(m, b, b)", "torch.baddbmm(q, b, c)", "torch.baddbmm(s, b, c.float())",
    "torch.addbmm(s, b, c[:1])", "torch.tensordot(m, m, 1)", "torch.tensordot(m, m, -1)",
    "torch.tensordot(m, m, 3)", "torch.tensordot(m, m, ([0], [0, 1]))", "torch.inner(m, q)",
    "torch.linalg.multi_dot([m])", "torch.linalg.multi_dot([m, m])",
    "torch.linalg.multi_dot([m, v, m])", "torch.linalg.multi_dot([m, w.float()])",
    "torch.inner(v, 3)", "torch.chain_matmul(m, v)", "torch.bilinear(m, m, x, None)",
    "torch.bilinear(m, v, x, None)",
    "torch.cdist(v, v)", "torch.cdist(m, q)", "torch.cdist(m, m, p=-1)",
    "torch.cdist(m, m.float())",
    "torch.cdist(n, n)", "torch.pdist(v)", "torch.pdist(m, -1)", "torch.vdot(mask[0], mask[0])",
    "torch.bmm(b, c.float())", "torch.mv(m, v.float())", "torch.matrix_power(m, 2)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_product_is_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_a_product_is_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


SIZES = [(2, 3, 4, 5), (5, 4, 3, 2), (3, 3, 3, 3), (2, 1, 4, 1, 3), (6, 2, 5, 1, 3, 2)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_many_matrices_are_multiplied_in_pytorchs_order(sizes: tuple[int, ...]) -> None:
    shapes = {f"t{i}": pair for i, pair in enumerate(itertools.pairwise(sizes))}
    assert_same(f"torch.linalg.multi_dot([{', '.join(shapes)}])", shapes)


NORMS = ["0.0", "0.5", "1.0", "1.5", "2.0", "3.0", "torch.inf"]
ROWS = {"p": (4, 3), "q": (2, 3), "r": (2, 1, 3, 3), "tall": (30, 3)}


@pytest.mark.parametrize("norm", NORMS)
def test_distances_are_pytorchs(norm: str) -> None:
    for one, two in itertools.product(("p", "q", "r"), repeat=2):
        line = f"torch.cdist({one}.detach(), {two}, {norm})"
        assert_first_order_same(line)
    assert_first_order_same(f"torch.cdist(p, p * 1, {norm})")
    assert_first_order_same(f"torch.pdist(torch.cat([p, p[:1]]), {norm})")


@pytest.mark.parametrize("mode", ["use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"])
def test_euclidean_distances_by_either_way(mode: str) -> None:
    assert_first_order_same(f"torch.cdist(p, q, compute_mode={mode!r})")
    assert_first_order_same("torch.cdist(tall, q)")


def assert_first_order_same(line: str) -> None:
    """PyTorch has no second derivative of distances: the sum's gradient is compared."""
    leaves = ", ".join(name for name in ROWS)
    wanted = f"torch.autograd.grad(({line} * 2).sum(), [{leaves}], allow_unused=True)"
    assert_same(f"[{line}.detach(), {wanted}]", ROWS)


def test_distances_have_second_derivatives() -> None:
    x = gl.randn(3, 2, dtype=gl.float64, requires_grad=True)
    y = gl.randn(4, 2, dtype=gl.float64, requires_grad=True)
    assert gl.autograd.gradgradcheck(lambda a, b: gl.cdist(a, b), (x, y))
    assert gl.autograd.gradgradcheck(gl.pdist, (x,))
