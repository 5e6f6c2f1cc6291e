"""Matrices as products of simpler ones: Cholesky, QR, LU, eigenvalues, singular values.

Most factors are not unique (signs of eigenvectors, their order among equal eigenvalues), and what
comes out is LAPACK's choice. Gradients are those of any function that doesn't depend on the choice;
where one does, they are inf or nan, or for complex matrices an error.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy

from gradlab import arrays, return_types
from gradlab.arrays import Array, Namespace
from gradlab.grad_mode import is_grad_enabled
from gradlab.op import composite, op
from gradlab.ops.matrices import (
    LinAlgError,
    adjoint,
    batch_element,
    check_floating,
    check_matrix,
    check_square,
    column,
    conjugate,
    identity_like,
    is_complex,
    loudly,
    off_diagonal,
    row,
)
from gradlab.ops.shape import array_of
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ Cholesky


def _cholesky_gradient(xp: Any, g: Any, out: Any, upper: bool) -> Any:
    lower, g = (adjoint(xp, out), adjoint(xp, g)) if upper else (out, g)
    inner = adjoint(xp, lower) @ g
    half = (xp.tril(inner) + xp.tril(inner, -1)) / 2
    whole = (half + adjoint(xp, half)) / 2
    raised = xp.linalg_solve_triangular(adjoint(xp, lower), whole, True)
    return xp.linalg_solve_triangular(lower, raised, False, False)


_CHOLESKY = (
    lambda g, xp, out, upper: _cholesky_gradient(xp, g, out, upper),
    r"out^{-\mathsf T} \, \Phi(out^{\mathsf T} g) \, out^{-1}",
)


@op(
    latex=r"L, \; L L^{\mathsf T} = A",
    grad=dict(A=_CHOLESKY),
    node="LinalgCholeskyExBackward0",
    holomorphic=False,
    public=False,
    method=False,
)
def linalg_cholesky(
    xp: Namespace, A: Array, upper: bool = False, check_errors: bool = True
) -> Array:
    """Cholesky factors of positive-definite matrices, of which one triangle is read."""
    return _cholesky(xp, A, upper, "linalg.cholesky" if check_errors else None)


@op(
    latex=r"L, \; L L^{\mathsf T} = input",
    grad=dict(input=_CHOLESKY),
    holomorphic=False,
    public=False,
    method=False,
)
def cholesky(xp: Namespace, input: Array, upper: bool = False) -> Array:
    """Cholesky factors, by their older name."""
    return _cholesky(xp, input, upper, "cholesky")


def _cholesky(xp: Namespace, matrices: Array, upper: bool, name: str | None) -> Array:
    """Cholesky factors; of matrices that have none an error of this ``name``, or the beginning."""
    source = conjugate(matrices) if upper else matrices
    try:
        with loudly(xp):
            lower = xp.linalg.cholesky(source)
    except numpy.linalg.LinAlgError:
        begun, failed = _begun(source)
        if name is not None:
            raise _not_positive(name, source, failed) from None
        lower = xp.asarray(begun)
    return conjugate(lower) if upper else lower


def _begun(matrices: Array) -> tuple[Array, Array]:
    """For each matrix its factor as far as it goes, and which minor isn't positive, or 0."""
    lapack = importlib.import_module("scipy.linalg.lapack")
    on_cpu = arrays.move(matrices, "cpu")
    factors, failed = numpy.empty_like(on_cpu), numpy.zeros(on_cpu.shape[:-2], numpy.int32)
    (factorize,) = lapack.get_lapack_funcs(("potrf",), (on_cpu,))
    for place in numpy.ndindex(*failed.shape):
        factors[place], failed[place] = factorize(on_cpu[place], lower=True)
    return factors, failed


def _not_positive(name: str, matrices: Array, failed: Array) -> LinAlgError:
    index = int((failed.reshape(-1) != 0).argmax())
    order = failed.reshape(-1)[index]
    return LinAlgError(
        f"{name}: {batch_element(index, matrices)}The factorization could not be completed because "
        f"the input is not positive-definite (the leading minor of order {order} is not "
        "positive-definite)."
    )


@composite("cholesky")
def _cholesky_of(input: Tensor, upper: bool = False) -> Tensor:
    """Cholesky factors L of symmetric positive-definite matrices A = LL': (*, n, n).

    ``upper=True`` gives L'. ``linalg.cholesky`` is the newer name. Raises LinAlgError for matrices
    that aren't positive-definite.

    >>> import gradlab as gl
    >>> gl.cholesky(gl.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    check_square("cholesky", array_of(input, "cholesky"))
    return cholesky(input, upper)  # type: ignore[no-any-return]


def cholesky_of_linalg(A: Tensor, *, upper: bool = False) -> Tensor:
    """Cholesky factors L of symmetric positive-definite matrices A = LL': (*, n, n).

    Only the lower triangle is read, with ``upper=True`` the upper one, and L' returned. Raises
    LinAlgError for matrices that aren't positive-definite, RuntimeError for those that aren't
    square, or not of float32, float64 or complex numbers.

    >>> import gradlab as gl
    >>> gl.linalg.cholesky(gl.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    check_square("linalg.cholesky", array_of(A, "linalg_cholesky", "A"))
    return linalg_cholesky(A, upper)  # type: ignore[no-any-return]


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """Cholesky factors, and for each matrix 0 or which leading minor isn't positive-definite.

    A factor that could not be finished is only begun. Raises LinAlgError only with
    ``check_errors``.

    >>> import gradlab as gl
    >>> cholesky_ex(gl.tensor([[1.0, 2.0], [2.0, 1.0]])).info
    tensor(2, dtype=torch.int32)
    """
    array = array_of(A, "linalg_cholesky_ex", "A")
    check_square("linalg.cholesky_ex", array)
    xp = arrays.array_module(array)
    factor = linalg_cholesky(A, upper, False)
    _, failed = _begun(conjugate(array) if upper else array)
    if check_errors and failed.any():
        raise _not_positive("linalg.cholesky_ex", array, failed)
    return return_types.linalg_cholesky_ex(factor, Tensor._wrap(xp.asarray(failed)))


# ------------------------------------------------------------------ QR


@op(
    latex=r"Q R = A",
    grad=dict(
        A=(
            lambda arrived, xp, Q, R, kind: _qr_gradient(xp, Q, R, *arrived),
            r"(\bar Q + Q \, M) \, R^{-\mathsf T}",
        )
    ),
    saved=dict(mode="kind", kind=None),
    outputs=("Q", "R"),
    holomorphic=False,
    public=False,
    method=False,
    samples=(
        call(draw(3, 3)),
        call(draw(4, 2)),
        call(draw(2, 4)),
        call(draw(2, 3, 2)),
        call(draw(2, 3), "complete"),
    ),
)
def linalg_qr(xp: Namespace, A: Array, kind: str = "reduced") -> tuple[Array, Array]:
    """Orthogonal and triangular factors."""
    if kind == "r":
        return xp.zeros((0,), A.dtype), xp.linalg.qr(A, kind)
    q, r = xp.linalg.qr(A, kind)
    return q, r


def _qr_gradient(xp: Any, Q: Any, R: Any, gQ: Any, gR: Any) -> Any:
    if len(Q.shape) == 1:
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please "
            "use linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
        )
    rows, columns = Q.shape[-2], R.shape[-1]
    if Q.shape[-1] == rows > columns:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. "
            "Use mode='reduced'."
        )
    if rows >= columns:
        return _tall_qr_gradient(xp, gQ, gR, Q, R)
    if gR is None:
        first = _tall_qr_gradient(xp, gQ, None, Q, R[..., :rows])
        return xp.cat([first, Q @ (R[..., rows:] * 0)], -1)
    moved = Q @ (R[..., rows:] @ adjoint(xp, gR[..., rows:]))
    moved = moved if gQ is None else gQ + moved
    first = _tall_qr_gradient(xp, moved, gR[..., :rows], Q, R[..., :rows])
    return xp.cat([first, Q @ gR[..., rows:]], -1)


def _tall_qr_gradient(xp: Any, gQ: Any, gR: Any, Q: Any, R: Any) -> Any:
    inner = 0 if gR is None else gR @ adjoint(xp, R)
    if gQ is not None:
        inner = inner - adjoint(xp, Q) @ gQ
    turned = Q @ (xp.triu(inner) + adjoint(xp, xp.triu(inner, 1)))
    if is_complex(Q):  # the diagonal of R is real
        turned = turned - Q @ _imaginary_diagonal(xp, inner)
    whole = turned if gQ is None else gQ + turned
    return xp.linalg_solve_triangular(adjoint(xp, R), whole, False, False)


def _imaginary_diagonal(xp: Any, x: Any) -> Any:
    """The skew part of the diagonals of matrices, as matrices."""
    diagonals = x - off_diagonal(xp, x)
    return (diagonals - adjoint(xp, diagonals)) / 2


def qr_of_linalg(A: Tensor, mode: str = "reduced") -> Any:
    """Factors Q with orthonormal columns and upper triangular R: A = QR.

    (*, m, n) give (*, m, k) and (*, k, n), k = min(m, n); with mode "complete" k = m; with mode
    "r" Q is empty. Raises RuntimeError for another mode, and when differentiated with "r" or, where
    m > n, "complete".

    >>> import gradlab as gl
    >>> gl.linalg.qr(gl.tensor([[3.0], [4.0]])).R.abs()
    tensor([[5.]])
    """
    array = array_of(A, "linalg_qr", "A")
    check_matrix("linalg.qr", array)
    check_floating("linalg.qr", array)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    return return_types.linalg_qr(*linalg_qr(A, mode))


@composite()
def qr(input: Tensor, some: bool = True) -> Any:
    """Factors Q and R; ``some=False`` is mode "complete" of ``linalg.qr``, which is newer.

    >>> import gradlab as gl
    >>> gl.qr(gl.tensor([[3.0], [4.0]])).R.abs()
    tensor([[5.]])
    """
    return return_types.qr(*qr_of_linalg(input, "reduced" if some else "complete"))


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of reflections: (*, m, n) and (*, k) give (*, m, n).

    Reflection i has the vector of column i of ``A`` below the diagonal, a one on it, and the factor
    ``tau[i]``; so QR factorizations keep their Q. Raises RuntimeError where m < n or n < k.

    >>> import gradlab as gl
    >>> householder_product(gl.tensor([[5.0], [0.0]]), gl.tensor([2.0]))
    tensor([[-1.],
            [ 0.]])
    """
    name = "torch.linalg.householder_product"
    array, factors = array_of(A, "linalg_householder_product"), array_of(tau, name, "tau", 2)
    if array.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if array.shape[-2] < array.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if array.shape[-1] < factors.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    eye: Any = identity_like(A)
    vectors: Any = A.tril(-1) + eye
    product = eye.expand(array.shape)
    for i in reversed(range(factors.shape[-1])):
        vector = vectors[..., i : i + 1]
        product = product - tau[..., i, None, None] * (vector @ (vector.mH @ product))
    return product  # type: ignore[no-any-return]


# ------------------------------------------------------------------ eigenvalues


def _failing_eigenvalues(name: str, matrices: Array) -> LinAlgError:
    finite = arrays.array_module(matrices).isfinite(matrices).all((-2, -1)).reshape(-1)
    index = int(finite.argmin())
    return LinAlgError(
        f"{name}: {batch_element(index, matrices)}The algorithm failed to converge because the "
        "input matrix is ill-conditioned or has too many repeated eigenvalues"
        + ("." if finite.all() else ": it has infs or nans.")
    )


def _check_gauge(inner: Any, name: str, what: str) -> None:
    """Refuse gradients of functions of the phase of complex vectors, which is arbitrary."""
    array = getattr(inner, "_array", inner)
    if (abs(array.diagonal(0, -2, -1).imag) > 1e-2).any():
        rest = (
            "this phase term, making it ill-defined."
            if what == "singular vectors"
            else "this quantity, so it is ill-defined."
        )
        raise RuntimeError(
            f"{name}: The {what} in the complex case are specified up to multiplication by e^{{i "
            f"phi}}. The specified loss function depends on {rest}"
        )


@op(
    latex=r"A = V \, \mathrm{diag}(L) \, V^{\mathsf T}",
    grad=dict(
        A=(
            lambda arrived, xp, eigenvalues, eigenvectors: _eigh_gradient(
                xp, eigenvalues, eigenvectors, *arrived
            ),
            r"V \left(\mathrm{diag}(\bar L) + \frac{V^{\mathsf T} \bar V}{L_{j} - L_{i}}\right) "
            r"V^{\mathsf T}",
        )
    ),
    outputs=("eigenvalues", "eigenvectors"),
    holomorphic=False,
    public=False,
    method=False,
)
def linalg_eigh(xp: Namespace, A: Array, UPLO: str = "L") -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of symmetric matrices, of which one triangle is read."""
    try:
        with loudly(xp):
            values, vectors = xp.linalg.eigh(A, UPLO)
    except numpy.linalg.LinAlgError:
        raise _failing_eigenvalues("linalg.eigh", A) from None
    return values, vectors


def _eigh_gradient(xp: Any, L: Any, V: Any, gL: Any, gV: Any) -> Any:
    turned = adjoint(xp, V)
    if gV is None:
        return (V * row(xp, gL)) @ turned
    inner = turned @ gV
    if is_complex(V):
        _check_gauge(inner, "linalg_eigh_backward", "eigenvectors")
    gaps = row(xp, L) - column(xp, L) + xp.identity_like(inner).real
    middle = off_diagonal(xp, inner / gaps) @ turned
    return V @ (middle if gL is None else middle + column(xp, gL) * turned)


@op(
    latex=r"L, \; A = V \, \mathrm{diag}(L) \, V^{\mathsf T}",
    grad=dict(
        A=(
            lambda g, xp, A, UPLO: _eigh_gradient(xp, None, xp.linalg_eigh(A, UPLO)[1], g, None),
            r"V \, \mathrm{diag}(g) \, V^{\mathsf T}",
        )
    ),
    holomorphic=False,
    public=False,
    method=False,
)
def symmetric_values(xp: Namespace, A: Array, UPLO: str = "L") -> Array:
    """Eigenvalues of symmetric matrices alone, where no gradient will want the vectors: faster."""
    try:
        with loudly(xp):
            return xp.linalg.eigvalsh(A, UPLO)
    except numpy.linalg.LinAlgError:
        raise _failing_eigenvalues("linalg.eigh", A) from None


def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues, in ascending order, and orthonormal eigenvectors of symmetric matrices.

    (*, n, n) give (*, n) and (*, n, n), whose columns are the vectors. Only the lower triangle is
    read, with ``UPLO="U"`` the upper one. Gradients of the vectors are finite only where all
    eigenvalues differ. Raises RuntimeError for matrices that aren't square, or not of floats,
    LinAlgError for those with nan.

    >>> import gradlab as gl
    >>> eigh(gl.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    _check_eigh(A, UPLO)
    return return_types.linalg_eigh(*linalg_eigh(A, UPLO.upper()))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues, in ascending order, of symmetric matrices: (*, n, n) give (*, n).

    As ``eigh``, with gradients also where eigenvalues are equal.

    >>> import gradlab as gl
    >>> eigvalsh(gl.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    _check_eigh(A, UPLO)
    if not (A.requires_grad and is_grad_enabled()):
        return symmetric_values(A, UPLO.upper())  # type: ignore[no-any-return]
    return linalg_eigh(A, UPLO.upper())[0]  # type: ignore[no-any-return]


def _check_eigh(A: Tensor, UPLO: str) -> None:
    array = array_of(A, "linalg_eigh", "A")
    if array.ndim >= 2 and array.dtype not in arrays.DIFFERENTIABLE:
        raise NotImplementedError(
            f"\"linalg_eigh_cpu\" not implemented for '{A.dtype.type_name}'. Convert it with "
            ".float()."
        )
    check_square("linalg.eigh", array)
    if UPLO not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")


@op(
    latex=r"A = V \, \mathrm{diag}(L) \, V^{-1}",
    grad=dict(
        A=(
            lambda arrived, xp, eigenvalues, eigenvectors: _eig_gradient(
                xp, eigenvalues, eigenvectors, *arrived
            ),
            r"V^{-\mathsf H} \left(\mathrm{diag}(\bar L) + \frac{V^{\mathsf H} \bar V - "
            r"V^{\mathsf H} V \, \mathrm{diag}(V^{\mathsf H} \bar V)}{\overline{L_{j} - L_{i}}}"
            r"\right) V^{\mathsf H}",
        )
    ),
    outputs=("eigenvalues", "eigenvectors"),
    holomorphic=False,
    public=False,
    method=False,
)
def linalg_eig(xp: Namespace, A: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of square matrices, always complex."""
    kind = numpy.result_type(A.dtype, numpy.complex64)
    if not A.size:
        return xp.zeros(A.shape[:-1], kind), xp.zeros(A.shape, kind)
    values, vectors = xp.linalg.eig(A)
    return values.astype(kind, copy=False), vectors.astype(kind, copy=False)


def _eig_gradient(xp: Any, L: Any, V: Any, gL: Any, gV: Any) -> Any:
    turned = adjoint(xp, V)
    if gV is None:
        return xp.linalg_solve(turned, column(xp, gL) * turned)
    inner = turned @ gV
    _check_gauge(inner, "linalg_eig_backward", "eigenvectors")
    lengths = xp.diagonal(inner, 0, -2, -1).real
    gaps = xp.conj(row(xp, L) - column(xp, L)) + xp.identity_like(inner)
    middle = off_diagonal(xp, (inner - (turned @ V) * row(xp, lengths)) / gaps) @ turned
    if gL is not None:
        middle = middle + column(xp, gL) * turned
    return xp.linalg_solve(turned, middle)


def eig(A: Tensor) -> Any:
    """Eigenvalues, in no order, and eigenvectors of length 1 of square matrices, always complex.

    (*, n, n) give (*, n) and (*, n, n), whose columns are the vectors. Their phase is arbitrary: a
    gradient that would depend on it is an error. Raises RuntimeError for matrices that aren't
    square, or not of floats, or hold inf or nan.

    >>> import gradlab as gl
    >>> eig(gl.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([2.+0.j, 1.+0.j])
    """
    _check_eig("linalg.eig", A)
    return return_types.linalg_eig(*linalg_eig(A))


def eigvals(A: Tensor) -> Tensor:
    """Eigenvalues, in no order, of square matrices, always complex: (*, n, n) give (*, n).

    Raises as ``eig``.

    >>> import gradlab as gl
    >>> eigvals(gl.tensor([[0.0, 1.0], [-1.0, 0.0]]))
    tensor([0.+1.j, 0.-1.j])
    """
    _check_eig("linalg.eigvals", A)
    return linalg_eig(A)[0]  # type: ignore[no-any-return]


def _check_eig(name: str, A: Tensor) -> None:
    array = array_of(A, name.replace(".", "_"), "A")
    check_square(name, array)
    if not arrays.array_module(array).isfinite(array).all():
        raise RuntimeError(f"torch.{name}: input tensor should not contain infs or NaNs.")


# ------------------------------------------------------------------ singular values


@op(
    latex=r"A = U \, \mathrm{diag}(S) \, V^{\mathsf T}",
    grad=dict(
        A=(
            lambda arrived, xp, U, S, Vh, full_matrices: _svd_gradient(xp, U, S, Vh, *arrived),
            r"U \left(\mathrm{diag}(\bar S) + \ldots\right) V^{\mathsf T}",
        )
    ),
    saved=dict(S_sym_argsize_minus_1=lambda S: S.shape[-1]),
    outputs=("U", "S", "Vh"),
    holomorphic=False,
    public=False,
    method=False,
    samples=(
        call(draw(3, 3), False),
        call(draw(4, 2), False),
        call(draw(2, 4), False),
        call(draw(2, 2, 2), False),
    ),
)
def linalg_svd(
    xp: Namespace, A: Array, full_matrices: bool = True, driver: str | None = None
) -> tuple[Array, Array, Array]:
    """Singular values and vectors."""
    try:
        with loudly(xp):
            u, s, vh = xp.linalg.svd(A, full_matrices=full_matrices)
    except numpy.linalg.LinAlgError:
        raise _failing_singular_values(A) from None
    return u, s, vh


def _failing_singular_values(matrices: Array) -> LinAlgError:
    finite = arrays.array_module(matrices).isfinite(matrices).all((-2, -1)).reshape(-1)
    why = (
        "is ill-conditioned or has too many repeated singular values"
        if finite.all()
        else "contained non-finite values"
    )
    return LinAlgError(
        f"linalg.svd: {batch_element(int(finite.argmin()), matrices)}The algorithm failed to "
        f"converge because the input matrix {why}."
    )


@op(
    latex=r"S, \; A = U \, \mathrm{diag}(S) \, V^{\mathsf T}",
    grad=dict(
        A=(
            lambda g, xp, A: _values_gradient(xp, g, *xp.linalg_svd(A, False)),
            r"U \, \mathrm{diag}(g) \, V^{\mathsf T}",
        )
    ),
    holomorphic=False,
    public=False,
    method=False,
    samples=(call(draw(3, 3)), call(draw(4, 2)), call(draw(2, 2, 3)), call(draw(0, 2))),
)
def singular_values(xp: Namespace, A: Array) -> Array:
    """Singular values alone, where no gradient will want the vectors: three times as fast."""
    try:
        with loudly(xp):
            return xp.linalg.svd(A, compute_uv=False)
    except numpy.linalg.LinAlgError:
        raise _failing_singular_values(A) from None


def _values_gradient(xp: Any, g: Any, U: Any, S: Any, Vh: Any) -> Any:
    return (U * row(xp, g)) @ Vh


def _svd_gradient(xp: Any, U: Any, S: Any, Vh: Any, gU: Any, gS: Any, gVh: Any) -> Any:
    """With ``full_matrices``, gradients of the vectors beyond the singular values are ignored."""
    size = S.shape[-1]
    U, Vh = U[..., :size], Vh[..., :size, :]
    if gU is None and gVh is None:
        return _values_gradient(xp, gS, U, S, Vh)
    Uh, V = adjoint(xp, U), adjoint(xp, Vh)
    eye = xp.identity_like(Vh @ V)
    gaps = row(xp, S) * row(xp, S) - column(xp, S) * column(xp, S) + eye
    middle = 0 if gS is None else eye * row(xp, gS)
    turning = 0  # how U and V turn alike: nothing that a function of complex ones may depend on
    if gU is not None:
        gU = gU[..., :size]
        inner = Uh @ gU
        turning = inner = inner - adjoint(xp, inner)
        middle = middle + off_diagonal(xp, inner / gaps) * row(xp, S)
        if is_complex(U):
            middle = middle + inner * eye / (2 * row(xp, S))
    if gVh is not None:
        gVh = gVh[..., :size, :]
        inner = Vh @ adjoint(xp, gVh)
        inner = inner - adjoint(xp, inner)
        turning = turning + inner
        middle = middle + column(xp, S) * off_diagonal(xp, inner / gaps)
    if is_complex(U):
        _check_gauge(turning, "svd_backward", "singular vectors")
    left = U @ middle
    if gU is not None and U.shape[-2] > size:
        outside = gU / row(xp, S)
        left = left + outside - U @ (Uh @ outside)
    whole = left @ Vh
    if gVh is not None and Vh.shape[-1] > size:
        outside = gVh / column(xp, S)
        whole = whole + U @ (outside - (outside @ V) @ Vh)
    return whole


def _check_svd(A: Tensor) -> None:
    array = array_of(A, "linalg_svd", "A")
    check_matrix("linalg.svd", array)
    check_floating("linalg.svd", array)


def svd_of_linalg(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """Singular values, in descending order, and vectors: A = U diag(S) Vh.

    (*, m, n) give (*, m, m), (*, k) and (*, n, n), k = min(m, n), or with ``full_matrices=False``
    (*, m, k), (*, k) and (*, k, n). Gradients of the vectors are finite only where all singular
    values differ and none is 0. ``driver`` makes a difference only on a GPU in PyTorch, and is
    refused on the CPU there. Raises LinAlgError for matrices with nan.

    >>> import gradlab as gl
    >>> gl.linalg.svd(gl.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    _check_svd(A)
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
            f"cuSOLVER backend. Leave driver={driver!r} away."
        )
    return return_types.linalg_svd(*linalg_svd(A, full_matrices))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """Singular values, in descending order: (*, m, n) give (*, min(m, n)).

    Their gradients are finite also where some are equal. Raises as ``svd``.

    >>> import gradlab as gl
    >>> svdvals(gl.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    if not (A.requires_grad and is_grad_enabled()) and driver is None:
        _check_svd(A)
        return singular_values(A)  # type: ignore[no-any-return]
    return svd_of_linalg(A, False, driver=driver)[1]  # type: ignore[no-any-return]


@composite()
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """Singular values and vectors: A = U diag(S) V'; ``linalg.svd``, which gives V', is newer.

    ``some=False`` makes U and V square; ``compute_uv=False`` leaves them zero.

    >>> import gradlab as gl
    >>> gl.svd(gl.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    _check_svd(input)
    if not compute_uv:
        rows, columns = input._array.shape[-2:]
        batch = input._array.shape[:-2]
        zeros: Any = [input.new_zeros((*batch, size, size)) for size in (rows, columns)]
        return return_types.svd(zeros[0], svdvals(input), zeros[1])
    u, s, vh = linalg_svd(input, not some)
    return return_types.svd(u, s, vh.mH)
