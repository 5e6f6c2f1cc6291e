"""Determinants, equations and factorizations beside PyTorch's, for matrices that they can take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab.ops.decompose import symmetric_values
from tests.ops.expressions import Result, assert_same, torch

SQUARE = [(3, 3), (2, 2, 2), (1, 1), (0, 0), (0, 2, 2), (2, 1, 3, 3)]
ANY = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 4), (1, 3)]

POSITIVE = "(a @ a.mT + 3 * torch.eye(a.shape[-1], dtype=a.dtype))"
LOWER = "torch.tril(a + 4 * torch.eye(a.shape[-1], dtype=a.dtype))"
SYMMETRIC = "(a + a.mT)"

OF_SQUARE = [
    "torch.linalg.det(a)", "a.det()", "torch.linalg.slogdet(a)", "torch.logdet(a)",
    "torch.linalg.inv(a)", "a.inverse()", "torch.linalg.inv_ex(a)", "torch.linalg.cond(a)",
    f"torch.linalg.cholesky({POSITIVE})", f"torch.linalg.cholesky({POSITIVE}, upper=True)",
    f"torch.cholesky({POSITIVE})", f"torch.linalg.cholesky_ex({POSITIVE})",
    f"torch.cholesky_inverse({LOWER})", f"torch.cholesky_inverse({LOWER}.mT, upper=True)",
    f"torch.linalg.eigvalsh({SYMMETRIC})", f"torch.linalg.eigvalsh({SYMMETRIC}, 'U')",
    f"[t.abs() for t in torch.linalg.eigh({SYMMETRIC})]", "torch.linalg.matrix_exp(a * 0.3)",
    f"torch.linalg.eigvals({SYMMETRIC}).abs().sort().values", "torch.matrix_power(a, 5)",
    f"torch.linalg.pinv({SYMMETRIC}, hermitian=True)", "torch.matrix_power(a, 0)",
]  # fmt: skip

OF_ANY = [
    "torch.linalg.qr(a)", "torch.linalg.qr(a).Q", "torch.linalg.qr(a).R", "torch.qr(a)",
    "torch.linalg.svdvals(a)", "[t.abs() for t in torch.linalg.svd(a, full_matrices=False)]",
    "[t.abs() for t in torch.linalg.svd(a)]", "torch.linalg.svd(a).U.abs()",
    "torch.linalg.svd(a).Vh.abs()", "torch.linalg.lu(a)", "torch.linalg.lu(a).L",
    "torch.linalg.lu(a).U", "torch.linalg.lu_factor(a)", "torch.linalg.lu_factor_ex(a)",
    "torch.lu_unpack(*torch.linalg.lu_factor(a))", "torch.linalg.pinv(a)", "a.pinverse()",
    "torch.linalg.pinv(a, rtol=0.5)", "torch.linalg.matrix_norm(a)", "torch.linalg.norm(a)",
    "torch.linalg.matrix_norm(a, 'nuc')", "torch.linalg.matrix_norm(a, 2, keepdim=True)",
    "torch.linalg.matrix_norm(a, -2)", "torch.linalg.matrix_norm(a, 1)",
    "torch.norm(a[-1:], 'nuc', (-2, -1))",
    "torch.linalg.matrix_norm(a, -math.inf)", "torch.linalg.vector_norm(a, 3, -1)",
    "torch.linalg.matrix_rank(a)", "torch.linalg.matrix_rank(a, atol=1.0)",
    "torch.linalg.vander(a)", "torch.linalg.vander(a.sum(), N=3)",
]  # fmt: skip


def same(line: str, shapes: dict[str, tuple[int, ...]]) -> None:
    assert_same(line.replace("math.inf", "torch.inf"), shapes)


@pytest.mark.parametrize("shape", SQUARE, ids=str)
@pytest.mark.parametrize("line", OF_SQUARE)
def test_functions_of_square_matrices(line: str, shape: tuple[int, ...]) -> None:
    same(line, {"a": shape})


@pytest.mark.parametrize("shape", ANY, ids=str)
@pytest.mark.parametrize("line", OF_ANY)
def test_functions_of_any_matrices(line: str, shape: tuple[int, ...]) -> None:
    same(line, {"a": shape})


EQUATIONS = [
    ((3, 3), (3, 2)), ((3, 3), (3,)), ((2, 3, 3), (2, 3)), ((2, 3, 3), (3, 2)),
    ((3, 3), (2, 3, 1)), ((2, 1, 3, 3), (4, 3, 2)), ((0, 0), (0, 2)), ((3, 3), (3, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("matrix", "other"), EQUATIONS)
def test_equations(matrix: tuple[int, ...], other: tuple[int, ...]) -> None:
    shapes = {"a": matrix, "y": other}
    same("torch.linalg.solve(a, y)", shapes)
    same("torch.linalg.solve_ex(a, y)", shapes)
    if len(other) >= 2 and other != matrix[:-1]:
        if other[::-1] != matrix[:-1]:  # else y.mT would be vectors
            same("torch.linalg.solve(a, y.mT, left=False)", shapes)
        same(f"torch.cholesky_solve(y, {LOWER})", shapes)
        same(f"torch.cholesky_solve(y, {LOWER}.mT, upper=True)", shapes)


@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2)], ids=str)
@pytest.mark.parametrize(
    ("upper", "left", "ones"), list(itertools.product([True, False], repeat=3))
)
def test_triangular_equations(shape: tuple[int, ...], upper: bool, left: bool, ones: bool) -> None:
    other = "y" if left else "y.mT"
    a = "(a + 3 * torch.eye(a.shape[-1], dtype=a.dtype))"
    shapes = {"a": shape, "y": (*shape[:-1], 1)}
    options = f"upper={upper}, left={left}, unitriangular={ones}"
    same(f"torch.linalg.solve_triangular({a}, {other}, {options})", shapes)
    factors = "torch.linalg.lu_factor(a)"
    same(f"torch.linalg.lu_solve(*{factors}, {other}, left={left}, adjoint={upper})", shapes)


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
@pytest.mark.parametrize("shape", ANY, ids=str)
def test_least_squares(shape: tuple[int, ...], driver: str | None) -> None:
    shapes = {"a": shape, "y": (*shape[:-1], 2)}
    same(f"torch.linalg.lstsq(a, y, driver={driver!r})", shapes)
    same(f"torch.linalg.lstsq(a, y[..., 0].clone(), driver={driver!r})", shapes)


@pytest.mark.parametrize(("shape", "k"), [((3, 2), 2), ((2, 4, 3), 2), ((3, 3), 2), ((3, 2), 3)])
def test_reflections(shape: tuple[int, ...], k: int) -> None:
    """The numbers and gradients are PyTorch's; the graph shows one node per product."""
    shapes = {"a": shape, "y": (*shape[:-2], k)}
    ours, theirs = (
        Result(library, "torch.linalg.householder_product(a, y)", shapes) for library in (gl, torch)
    )
    assert type(ours.error) is type(theirs.error)
    if ours.error is not None:
        assert str(ours.error).startswith(str(theirs.error))
        return
    for one, two in zip(
        ours.numbers + ours.gradients, theirs.numbers + theirs.gradients, strict=True
    ):
        if one is not None and two is not None:
            numpy.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------ against finite differences


def symmetric(a: Any) -> Any:
    return a + a.mT


def positive(a: Any) -> Any:
    return a @ a.mT + 3 * gl.eye(a.shape[-1], dtype=a.dtype)


CHECKED: dict[str, Callable[[Any], Any]] = {
    "cholesky": lambda a: gl.linalg.cholesky(positive(a)),
    "cholesky upper": lambda a: gl.cholesky(positive(a), upper=True),
    "cholesky_inverse reads one triangle": lambda a: gl.cholesky_inverse(a + gl.eye(3) * 5),
    "cholesky_solve reads one triangle": lambda a: gl.cholesky_solve(a, a + gl.eye(3) * 5),
    "eigh": lambda a: tuple(gl.linalg.eigh(symmetric(a))),
    "eigvals": lambda a: gl.linalg.eigvals(symmetric(a)).abs().sum(),
    "eigenvalues alone": lambda a: symmetric_values(symmetric(a)),
    "svd": lambda a: tuple(gl.linalg.svd(a)),
    "lu": lambda a: tuple(gl.linalg.lu(a))[1:],
    "lu_solve": lambda a: gl.linalg.lu_solve(*gl.linalg.lu_factor(a), a),
    "lu_unpack": lambda a: tuple(gl.lu_unpack(*gl.linalg.lu_factor(a)))[1:],
    "lstsq": lambda a: gl.linalg.lstsq(a[:, :2], a).solution,
    "lstsq's residuals": lambda a: gl.linalg.lstsq(a[:, :2], a, driver="gelsd").residuals,
}


@pytest.mark.parametrize("name", CHECKED)
def test_first_and_second_derivatives(name: str) -> None:
    a = gl.tensor(numpy.random.default_rng(2).standard_normal((3, 3)).tolist(), dtype=gl.float64)
    a.requires_grad_()
    assert gl.autograd.gradcheck(CHECKED[name], (a,))
    assert gl.autograd.gradgradcheck(CHECKED[name], (a,), atol=1e-4)


def test_the_gradient_of_a_singular_matrixs_determinant_is_right() -> None:
    """PyTorch's first-order gradient is 0 there; the cofactors are what finite differences find."""
    for rank in range(3):
        a = gl.diag(gl.tensor([2.0, 3.0, 5.0][:rank] + [0.0] * (3 - rank), dtype=gl.float64))
        a.requires_grad_()
        assert gl.autograd.gradcheck(gl.linalg.det, (a,))
        assert gl.autograd.gradgradcheck(gl.linalg.det, (a,))


def test_a_factor_multiplies_back() -> None:
    a = gl.tensor(numpy.random.default_rng(0).standard_normal((5, 4, 3)), dtype=gl.float64)
    q, r = gl.linalg.qr(a)
    u, s, vh = gl.linalg.svd(a, full_matrices=False)
    p, lower, upper = gl.linalg.lu(a)
    for product in (q @ r, (u * s[:, None]) @ vh, p @ lower @ upper):
        numpy.testing.assert_allclose(product.numpy(), a.numpy(), atol=1e-12)
    values, vectors = gl.linalg.eig(a @ a.mT)
    numpy.testing.assert_allclose(
        (a @ a.mT).numpy() @ vectors.numpy(), vectors.numpy() * values.numpy()[:, None], atol=1e-12
    )


def test_equal_eigenvalues_have_gradients_and_their_vectors_have_none() -> None:
    eye = gl.eye(2, dtype=gl.float64, requires_grad=True)
    gl.linalg.eigvalsh(eye).sum().backward()
    assert eye.grad.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    (of_vectors,) = gl.autograd.grad(gl.linalg.eigh(eye).eigenvectors.sum(), eye)
    assert not of_vectors.isfinite().all()


# ------------------------------------------------------------------ complex matrices

COMPLEX = [
    "T.linalg.det(z)", "T.linalg.slogdet(z)", "T.linalg.inv(z)", "T.linalg.solve(z, z[:, :1])",
    "T.linalg.qr(z)", "T.linalg.svdvals(z)", "T.linalg.eigvals(z).abs().sum()",
    "T.linalg.eigh(z @ z.mH).eigenvalues", "T.linalg.cholesky(z @ z.mH)", "T.linalg.pinv(z)",
    "T.linalg.matrix_exp(z)", "T.linalg.eigh(z @ z.mH).eigenvectors.abs()", "T.linalg.lu_factor(z)",
    "T.linalg.svd(z).U.abs()", "T.linalg.eig(z).eigenvectors.abs().sum()", "T.vdot(z[0], z[1])",
    "T.linalg.matrix_norm(z, 'nuc')", "T.linalg.solve_triangular(z, z, upper=True)",
]  # fmt: skip


@pytest.mark.parametrize("line", COMPLEX)
def test_gradients_of_complex_matrices(line: str) -> None:
    numbers = numpy.random.default_rng(5)
    array = numbers.standard_normal((3, 3)) + 1j * numbers.standard_normal((3, 3))
    found = []
    for library in (gl, torch):
        z = library.tensor(array.tolist(), dtype=library.complex128, requires_grad=True)
        value = eval(line, {"T": library, "z": z})
        parts = value if isinstance(value, tuple) else (value,)
        roots = [part for part in parts if part.requires_grad]
        total = sum((part.abs() ** 2).sum() + part.real.sum() for part in roots)
        found.append(numpy.array(library.autograd.grad(total, z)[0].tolist()))
    numpy.testing.assert_allclose(found[0], found[1], rtol=1e-8, atol=1e-8)


# ------------------------------------------------------------------ what is refused

REFUSED = [
    "L.inv(zeros)", "L.inv(singular)", "L.inv(batch)", "L.inv(wide)", "L.inv(whole)",
    "L.inv(vector)",
    "L.inv(half)", "L.inv(3)", "T.inverse(wide)", "L.det(wide)", "L.det(whole)", "L.det(vector)",
    "L.slogdet(wide)", "T.logdet(wide)", "L.solve(zeros, vector)", "L.solve(batch, eye)",
    "L.solve(wide, vector)", "L.solve(eye, wide)", "L.solve(eye, whole)",
    "L.solve(eye, vector.double())",
    "L.solve(batch, T.ones(4, 3, 1))", "L.solve(eye, T.tensor(1.0))", "L.cholesky(-eye)",
    "L.cholesky(T.stack([eye, -eye]))", "L.cholesky(wide)", "L.cholesky(whole)", "T.cholesky(-eye)",
    "T.cholesky_solve(vector, eye)", "T.cholesky_solve(wide, eye)",
    "T.cholesky_solve(wide.T, wide)",
    "T.cholesky_inverse(wide)", "T.cholesky_inverse(zeros)",
    "L.solve_triangular(eye, vector, upper=True)",
    "L.solve_triangular(eye, wide, upper=True)", "T.triangular_solve(vector, zeros)",
    "T.triangular_solve(wide, eye)", "L.qr(vector)", "L.qr(whole)", "L.qr(wide, mode='x')",
    "L.eigh(wide)", "L.eigh(whole)", "L.eigh(eye, UPLO='X')", "L.eigh(vector)", "L.eig(wide)",
    "L.eig(eye * nan)", "L.svd(vector)", "L.svd(whole)", "L.svd(eye * nan)", "L.svdvals(eye * nan)",
    "L.lstsq(wide, vector)", "L.lstsq(wide, eye)", "L.lstsq(whole, T.ones(2, 1))",
    "L.lstsq(eye, eye, driver='x')", "L.lu(vector)", "L.lu(whole)", "L.lu(eye, pivot=False)",
    "L.lu_factor(zeros)", "L.lu_factor(vector)", "L.matrix_exp(wide)", "L.matrix_exp(whole)",
    "L.matrix_power(wide, 2)", "L.matrix_power(vector, 2)", "L.matrix_power(whole, -2)",
    "L.matrix_power(zeros, -2)", "L.matrix_power(eye, 1.5)", "L.matrix_rank(vector)",
    "L.pinv(vector)",
    "L.pinv(whole)", "L.cond(vector)", "L.cond(wide, 1)", "L.cond(zeros, 'x')",
    "L.tensorinv(eye, 3)",
    "L.tensorinv(eye, 0)", "L.tensorinv(wide, 1)", "L.matrix_norm(vector)",
    "L.matrix_norm(wide, 'x')",
    "L.matrix_norm(wide, 3)", "L.matrix_norm(wide, 2, dim=(0, 0))", "L.matrix_norm(whole)",
    "L.matrix_norm(wide, dim=(0,))", "L.vector_norm(whole)", "L.vector_norm(wide, 'fro')",
    "L.vector_norm(T.ones(0), T.inf)", "L.norm(wide, 'fro', dim=0)", "L.norm(T.ones(2, 2, 2), 2)",
    "L.norm(vector, 'fro')", "L.norm(T.ones(2, 2, 2), 2, dim=(0, 1, 2))", "T.norm(vector, 'nuc')",
    "T.norm(T.ones(2, 2, 2), 'nuc')", "L.vander(vector, N=1)", "L.lu_solve(eye, vector, wide.T)",
    "L.inv_ex(zeros, check_errors=True)",
]  # fmt: skip


def refusal(library: Any, line: str) -> Exception:
    eye, zeros = library.eye(3), library.zeros(3, 3)
    seen = {
        "T": library, "L": library.linalg, "eye": eye, "zeros": zeros, "nan": math.nan,
        "batch": library.stack([eye, zeros]), "wide": library.ones(2, 3),
        "whole": library.ones(3, 3, dtype=library.int64), "vector": library.ones(3),
        "half": eye.half(), "singular": library.tensor([[1.0, 2.0], [2.0, 4.0]]),
    }  # fmt: skip
    with pytest.raises((RuntimeError, TypeError, IndexError, NotImplementedError)) as caught:
        eval(line, seen)
    return caught.value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", REFUSED)
def test_a_matrix_is_refused_as_by_pytorch(line: str) -> None:
    ours, theirs = refusal(gl, line), refusal(torch, line)
    assert type(ours).__name__ == type(theirs).__name__.lstrip("_")
    said = str(theirs).split("\n")[0].split(" but expected one of")[0].rstrip(". ")
    assert str(ours).startswith(said)


GRADIENTS_REFUSED = [
    "T.linalg.qr(a, mode='r').R", "T.linalg.qr(a, mode='complete').R", "T.linalg.svd(z).U",
    "T.linalg.eigh(z @ z.mH).eigenvectors", "T.linalg.eig(z).eigenvectors",
]  # fmt: skip


@pytest.mark.parametrize("line", GRADIENTS_REFUSED)
def test_a_gradient_that_depends_on_a_choice_is_refused_as_by_pytorch(line: str) -> None:
    said = []
    numbers = numpy.random.default_rng(0)
    real, imaginary = numbers.standard_normal((2, 3, 2))
    square = numbers.standard_normal((3, 3)) + 1j * numbers.standard_normal((3, 3))
    for library in (gl, torch):
        a = library.tensor((real + imaginary).tolist(), requires_grad=True)
        z = library.tensor(square.tolist(), dtype=library.complex128, requires_grad=True)
        result = eval(line, {"T": library, "a": a, "z": z})
        with pytest.raises(RuntimeError) as caught:
            (result * result).sum().backward(library.ones_like((result * result).sum()))
        said.append(str(caught.value))
    assert said[0].startswith(said[1].rstrip("."))


def test_the_error_is_linalgs_own() -> None:
    with pytest.raises(gl.linalg.LinAlgError, match="singular"):
        gl.linalg.inv(gl.zeros(2, 2))
    assert gl.linalg.LinAlgError.__module__ == "gradlab.linalg"


def test_what_fails_is_said_and_not_raised_by_the_forms_that_check_nothing() -> None:
    batch = gl.stack([gl.eye(2), gl.zeros(2, 2)])
    inverse, info = gl.linalg.inv_ex(batch)
    assert (info.tolist(), inverse[0].tolist()) == ([0, 1], [[1.0, 0.0], [0.0, 1.0]])
    assert inverse[1].isnan().all()
    assert gl.linalg.solve_ex(batch, gl.ones(2, 2)).info.tolist() == [0, 1]
    assert gl.linalg.cholesky_ex(gl.tensor([[1.0, 2.0], [2.0, 1.0]])).info.item() == 2
    assert gl.linalg.lu_factor_ex(batch).info.tolist() == [0, 1]


def test_a_saved_factor_must_not_change() -> None:
    a = gl.eye(2, requires_grad=True)
    q, r = gl.linalg.qr(a)
    loss = (q * r).sum()
    with gl.no_grad():
        q.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_everything_named_is_there() -> None:
    theirs = {name for name in dir(torch.linalg) if not name.startswith("_")}
    missing = theirs - set(gl.linalg.__all__) - {"Tensor", "common_notes", "sys", "torch"}
    assert missing == {"ldl_factor", "ldl_factor_ex", "ldl_solve"}
