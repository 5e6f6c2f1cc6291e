"""Complex tensors: gradients in PyTorch's convention, parts that are views, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import gradlab as gl
from gradlab.autograd.gradcheck import GradcheckError
from tests.ops.expressions import assert_same, assert_same_error
from tests.ops.printed import assert_prints_same

LINES = [
    # holomorphic functions of complex tensors, of real ones that met them, of both
    "z * k", "z / k", "z * x[..., 0]", "x[..., 0] * 1j", "x[..., 0] / z", "(2 - 1j) * m",
    "z - m[:, 0]", "z + 1j", "1j - z", "1j / z", "z ** 2", "z ** 2.5", "z ** (1 + 2j)", "z ** k",
    "(1 + 1j) ** z", "x[..., 0].abs() ** z", "z ** x[..., 0]", "z.exp()", "z.log()", "z.sqrt()",
    "z.sin() + z.cos()", "z.tanh()", "z.sigmoid()", "z.reciprocal()",
    "torch.add(z, k, alpha=1 + 2j)", "z.asin()", "z.atan()", "torch.sub(z, k, alpha=2j)",
    "torch.addcmul(z, k, z, value=1j)", "z.rsqrt()", "z.log10()",
    "torch.addcdiv(z, k, z, value=2j)", "z.square()", "-z", "z.expm1()", "z.acosh()",
    "torch.lerp(z, k, 0.25)",
    # reductions and products
    "z.sum()", "z.sum(0)", "z.mean()", "z.mean(1, keepdim=True)", "z.prod()", "z.prod(0)",
    "z.cumsum(0)", "z.abs().sum()", "z.norm()", "z.norm(1)", "z.norm(3, dim=0)",
    "torch.linalg.vector_norm(z, 2, 1)", "z.var()", "z.std(0)", "z.cumprod(1)", "z @ k", "k @ k",
    "z @ z.T", "torch.dot(k, k)", "torch.vdot(k, k)", "torch.mv(z, k)",
    "torch.einsum('ij,j->i', z, k)", "torch.outer(k, k)", "z.unsqueeze(0) @ z.T",
    "torch.inner(z, k)", "torch.addmm(z @ z.T, z, z.T, beta=1j, alpha=2 - 1j)",
    # no holomorphic functions
    "z.abs()", "z.angle()", "z.sgn()", "z.real", "z.imag", "torch.real(z)", "z.real.real",
    "z.conj() * k", "z.conj_physical()", "torch.view_as_real(z)",
    "torch.view_as_complex(torch.view_as_real(z) * 2)", "torch.complex(m[0], m[1])",
    "torch.complex(m, v)", "torch.polar(m.abs(), m)", "torch.polar(u, u[:1])",
    "(z * z.conj()).real.sum()", "z.H @ z", "z.mH @ k[:3]", "(z @ z.H).real",
    "torch.adjoint(z) + z.T", "z.abs() ** 2", "z.abs() * z", "z.angle().cos()",
    "(z - k).abs().sum()", "torch.where(mask, z, k)", "z.masked_fill(mask, 1j)",
    "(z + 0 * z.conj()).angle()", "m.angle()", "z.real * 2 + z.imag", "z.imag.sum() * z",
    # shapes, indices
    "z[0]", "z[:, 1]", "z[i]", "z[mask]", "z[..., None]", "z.T", "z.reshape(4, 3)", "z.flatten()",
    "z.view(2, 6)", "torch.cat([z, x[..., 0]])", "torch.stack([k, u])", "z.unbind(1)",
    "z.split(2, 1)", "z.chunk(2)", "z.expand(2, 3, 4)", "z.flip(0)", "z.tril()", "z.diagonal()",
    "z.gather(1, i.unsqueeze(1))", "z.index_select(0, i)", "z.masked_select(mask)",
    "z.repeat(2, 1)", "z.to(torch.complex64)", "m.to(torch.complex128)",
    "m.cdouble() * z[:, 0].sum()", "k.real[0]", "torch.stack([u, k.imag])",
    # in place, through views as well
    "(z * 1).mul_(k)", "(z * 1).mul_(m[0, 0])", "(z * 1).div_(2j)", "(z * 1).exp_()",
    "(z * 1).sigmoid_()", "(lambda y: (y[0].mul_(2j), y)[1])(z * 1)",
    "(lambda y: (y.real.mul_(m[:3, :4]), y)[1])(z * 1)",
    "(lambda y: (y.imag.copy_(x[..., 0]), y)[1])(z * 1)",
    "(lambda y: (y.t().mul_(z.T), y)[1])(z * 1)", "(lambda y: (y.__setitem__(0, k), y)[1])(z * 1)",
    "(lambda y: (y.__setitem__(mask, 1j), y)[1])(z * 1)",
    "(lambda y: (y.__setitem__((slice(None), 1), x[:, 0, 0]), y)[1])(z * 1)",
    "(lambda y: (y.real.zero_(), y * y)[1])(z * 1)",
    "(lambda y: (torch.view_as_real(y).mul_(2), y)[1])(z * 1)",
    "(lambda y, v: (y.mul_(k), v)[1])(*(lambda y: (y, y.real))(z * 1))",
    "(lambda y, v: (v[0].mul_(3), y)[1])(*(lambda y: (y, y.imag))(z * 1))",
    "(lambda y: (setattr(y, 'real', x[..., 0]), y)[1])(z * 1)",
    "(lambda y: (setattr(y, 'imag', x[..., 0]), y)[1])(z * 1)", "(z * 1).conj_physical_()",
    "(z * 1).copy_(x[..., 0])", "(z * 1).add_(k, alpha=1j)", "(z * 1).pow_(2)",
    "(lambda y: (torch.view_as_complex(y).mul_(1j), y)[1])(m[:, :2] * 1)",
]  # fmt: skip

PRINTED = [
    "torch.tensor([1 + 2j, 0j])", "torch.tensor(1j)", "torch.tensor([1e-5 + 1j, 2.5 - 1e8j])",
    "torch.tensor([1j], dtype=torch.complex128)",
    "torch.tensor([[1.5 + 2j, -1j], [float('nan'), 3]])",
    "torch.tensor([1 + 2j], requires_grad=True) * 2",
    "torch.tensor([complex('inf'), complex('nanj')])",
    "torch.tensor([1j, -1.0, 0]).angle(), torch.tensor([-1.0, 0.0, float('nan')]).angle()",
    "torch.tensor([-2, 0, 3]).angle(), torch.tensor([True]).angle()",
    "torch.tensor([1 + 1j]).item()",
    "torch.tensor([3 + 4j, 0]).sgn(), torch.tensor([3 + 4j, 0]).abs()", "torch.tensor([1, 2]).real",
    "(lambda x: (x.real is x, x.conj_physical() is x, x.resolve_conj() is x, "
    "x.is_conj()))(torch.ones(2))",
    "torch.isreal(torch.tensor([1 + 2j, 3.0])), torch.isreal(torch.tensor([1, 2]))",
    "torch.is_complex(torch.tensor(1j)), torch.tensor(1j).is_complex(), "
    "torch.ones(1).is_complex()",
    "torch.tensor([[1j, 2]]).H, torch.tensor([[1j, 2]]).mH, torch.tensor([[1j, 2]]).adjoint()",
    "torch.ones(2, 3).H.shape, torch.ones(2, 3, 4).mH.shape", "torch.tensor(2j).H",
    "torch.complex(torch.ones(2, 1), torch.zeros(3)).shape",
    "torch.polar(torch.ones(0), torch.ones(0))",
    "torch.view_as_real(torch.zeros(0, dtype=torch.cfloat)).shape",
    "torch.view_as_real(torch.tensor([[1j, 2]]).t()).stride()",
    "torch.tensor([1 + 2j]).resolve_neg()",
    "torch.view_as_complex(torch.arange(6.0).reshape(3, 2))",
    "torch.tensor([1j]).real.is_contiguous()", "torch.tensor([1 + 2j, 3]).imag.stride()",
    "torch.zeros(2, dtype=torch.cdouble).real.dtype",
    "torch.tensor(1 + 2j).real, torch.tensor(1 + 2j).imag",
    "torch.view_as_real(torch.tensor(1 + 2j))",
    "(lambda z: (setattr(z, 'real', 5), z)[1])(torch.tensor([1 + 2j]))",
    "complex(torch.tensor(1 + 2j))",
    "(lambda z: (z.abs().sum().backward(), z.grad)[1])(torch.tensor([3 + 4j, 0], "
    "requires_grad=True))",
    "(lambda z: (z.backward(torch.tensor(1j)), z.grad)[1])(torch.tensor(3 + 4j, "
    "requires_grad=True))",
    "(lambda z: torch.autograd.grad(z * z, z, torch.tensor(1j)))(torch.tensor(3 + 1j, "
    "requires_grad=True))",
    "(lambda x: torch.autograd.grad(((x * 1j).exp() * 2).real, x))(torch.tensor(0.5, "
    "requires_grad=True))",
]  # fmt: skip

ERRORS = [
    "z.sum().backward()", "k[0].backward()", "torch.autograd.grad(z.sum(), z)", "z.H.H.H[0].H",
    "k.mH", "k.adjoint()", "m.imag", "torch.imag(m)", "torch.view_as_real(m)",
    "torch.view_as_complex(m)", "torch.view_as_complex(s)", "torch.view_as_complex(n)",
    "torch.view_as_complex(torch.ones(2, 2).t())", "torch.real(1.0)", "torch.imag(1.0)",
    "torch.complex(m, m.float())", "torch.complex(n, n)", "torch.complex(1.0, m)",
    "torch.polar(m, m.float())", "z.sum().backward(torch.tensor(1.0))", "z.detach() < 1",
    "z.detach().max()", "torch.ones(2, 2, 2).H", "z.relu()", "z.floor()", "z.sign()",
    "z.clamp(0, 1)", "z.detach().sort()", "torch.maximum(z, z)", "z.erf()",
    "float(z[0, 0].detach())", "int(z[0, 0].detach())", "z.real.mul_(2)", "torch.ones(2).mul_(1j)",
    "z % 2", "torch.atan2(z, z)", "torch.ones(2).copy_(torch.ones(2)).fill_(1j)", "z // 2",
    "z.detach().argmax()", "z.softmax(0)", "z.detach().median()", "z.detach().cummax(0)",
    "z.detach().topk(1)", "torch.fmod(z, 2)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_values_graph_and_gradients_are_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", PRINTED)
def test_prints_what_pytorch_prints(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


# ------------------------------------------------------------------ what is our own


def test_conj_is_computed_at_once_and_has_memory_of_its_own() -> None:
    z = gl.tensor([1 + 2j])
    conjugate = z.conj()
    z.mul_(2)
    assert conjugate.tolist() == [1 - 2j]
    assert conjugate._base is None
    assert not conjugate.is_conj()


def test_the_gradient_is_the_direction_of_steepest_ascent() -> None:
    """A small step against it makes a real loss smaller by its squared length."""
    z = gl.tensor([1 + 2j, -0.5j], dtype=gl.complex128, requires_grad=True)

    def loss(z: Any) -> Any:
        return ((z * z).exp() - 1j * z).abs().sum()

    (gradient,) = gl.autograd.grad(loss(z), z)
    step = 1e-7
    gained = loss(z).item() - loss(z - step * gradient).item()
    assert gained == pytest.approx(step * (gradient.abs() ** 2).sum().item(), rel=1e-4)


@pytest.mark.parametrize("dtype", [gl.complex64, gl.complex128])
def test_gradients_have_the_leafs_dtype(dtype: gl.dtype) -> None:
    z = gl.tensor([1 + 2j], dtype=dtype, requires_grad=True)
    x = gl.tensor([3.0], requires_grad=True)
    (z * x).abs().sum().backward()
    assert (z.grad.dtype, x.grad.dtype) == (dtype, gl.float32)


def test_a_real_gradient_owns_no_more_memory_than_it_shows() -> None:
    x = gl.ones(3, requires_grad=True)
    (x * 1j).imag.sum().backward()
    assert x.grad.is_contiguous()
    assert x.grad.tolist() == [1, 1, 1]


GRADCHECKED = {
    "complex to complex": lambda z, x: z * z.exp() + z.conj(),
    "complex to real": lambda z, x: (z * z).abs(),
    "real and complex": lambda z, x: x * z + x * 1j,
    "several outputs": lambda z, x: (z.real * x, z * x, (z * x).angle()),
}


@pytest.mark.parametrize("name", GRADCHECKED)
@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_takes_complex_inputs_and_outputs(name: str, fast_mode: bool) -> None:
    z = gl.tensor([1 + 2j, -0.5j], dtype=gl.complex128, requires_grad=True)
    x = gl.tensor([3.0, -1.5], dtype=gl.float64, requires_grad=True)
    function = GRADCHECKED[name]
    assert gl.autograd.gradcheck(function, (z, x), fast_mode=fast_mode)
    assert gl.autograd.gradgradcheck(function, (z, x), fast_mode=fast_mode)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_finds_a_gradient_that_was_not_conjugated(fast_mode: bool) -> None:
    class Square(gl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (z,) = ctx.saved_tensors
            return g * 2 * z

    z = gl.tensor([1 + 2j], dtype=gl.complex128, requires_grad=True)
    with pytest.raises(
        GradcheckError,
        match=r"^While considering the imaginary part of complex outputs only, Jacobian mismatch",
    ):
        gl.autograd.gradcheck(Square.apply, z, fast_mode=fast_mode)
