"""Parametrizations to use as they are: weights of given length, of norm 1, or orthogonal.

``weight_norm``: T. Salimans and D. Kingma, "Weight normalization", 2016. ``spectral_norm``:
T. Miyato et al., "Spectral normalization for generative adversarial networks", 2018.
``orthogonal``: M. Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds",
2019.

>>> import gradlab as gl
>>> layer = orthogonal(gl.nn.Linear(3, 3))
>>> bool(gl.allclose(layer.weight @ layer.weight.T, gl.eye(3), atol=1e-5))
True
"""

from __future__ import annotations

from typing import Any, TypeVar

from gradlab import arrays
from gradlab.grad_mode import no_grad
from gradlab.nn.functional import normalize
from gradlab.nn.module import Module
from gradlab.nn.utils.normed import as_matrix, length_of, rows_of
from gradlab.nn.utils.parametrize import register_parametrization
from gradlab.op import FUNCTIONS
from gradlab.ops.decompose import householder_product
from gradlab.ops.solve import solve
from gradlab.tensor import Tensor
from gradlab.type_info import finfo

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def _weight_of(module: Module, name: str) -> Any:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# ------------------------------------------------------------------ length and direction


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, length: Any, direction: Any) -> Any:
        return direction * (length / length_of(direction, self._slices))

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        return length_of(weight, self._slices), weight

    @property
    def _slices(self) -> int | None:
        return None if self.dim == -1 else self.dim


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Make a module's tensor of its length ``original0`` and its direction ``original1``.

    Each slice along ``dim`` has a length of its own; with None (or -1) there is one for all. A
    ``state_dict`` from ``nn.utils.weight_norm`` can be loaded. Raises ValueError for a name that
    isn't there.

    >>> import gradlab as gl
    >>> layer = weight_norm(gl.nn.Linear(3, 2))
    >>> list(layer.state_dict())
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(module: Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        former = [f"{prefix}{name}{end}" for end in ("_g", "_v")]
        if all(key in state_dict for key in former):
            for i, key in enumerate(former):
                present = f"{prefix}parametrizations.{name}.original{i}"
                state_dict[present] = state_dict.pop(key)

    module.register_load_state_dict_pre_hook(rename)
    return module


# ------------------------------------------------------------------ the largest singular value


class _SpectralNorm(Module):
    def __init__(self, weight: Any, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        dims = weight.ndim
        if not -dims <= dim < dims:
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[-{dims}, {dims - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % dims
        self.eps = eps
        if dims > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            rows, columns = (matrix.new_empty(size).normal_(0, 1) for size in matrix.shape)
            self.register_buffer("_u", normalize(rows, dim=0, eps=eps))
            self.register_buffer("_v", normalize(columns, dim=0, eps=eps))
            self._improve(matrix, 15)

    @no_grad
    def _improve(self, matrix: Any, iterations: int) -> None:
        """Steps of the power method, which bring the vectors nearer to the singular ones."""
        for _ in range(iterations):
            self._u.copy_(normalize(matrix.mv(self._v), dim=0, eps=self.eps))
            self._v.copy_(normalize(matrix.mH.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._improve(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # a later look changes them before this backward
        return weight / FUNCTIONS["vdot"](u, matrix.mv(v))

    def right_inverse(self, value: Any) -> Any:
        return value


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a module's tensor by its largest singular value, so that its norm is 1.

    That is found by the power method, 15 steps at first and ``n_power_iterations`` whenever the
    tensor is looked at in training. It counts as a matrix whose rows are along ``dim``: 0, or 1 for
    transposed convolutions; a vector is divided by its length. Raises ValueError for a name that
    isn't there and for fewer than 1 iterations, IndexError for a dimension that isn't there.

    >>> import gradlab as gl
    >>> layer = spectral_norm(gl.nn.Linear(20, 40))
    >>> round(gl.linalg.matrix_norm(layer.weight, 2).item(), 1)
    1.0
    """
    weight = _weight_of(module, name)
    rows = rows_of(module) if dim is None else dim
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, rows, eps)
    )


# ------------------------------------------------------------------ orthogonal matrices

_MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, if it is wider than high), of any matrix.

    ``base``, if there is one, is what the map is multiplied by: then the map of minus the identity,
    or nearly so, is at the tensor's present value, wherever that is.
    """

    base: Any

    def __init__(self, weight: Any, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Any) -> Any:
        is_wide = X.size(-2) < X.size(-1)
        if is_wide:
            X = X.mT
        Q = self._reflected(X) if self.orthogonal_map == "householder" else self._turned(X)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if is_wide else Q

    def _turned(self, X: Any) -> Any:
        """The first columns of a rotation, made of the part below the diagonal."""
        n, k = X.shape[-2:]
        X = X.tril()
        if n != k:
            more = X.new_zeros(n, n - k).expand(*X.shape[:-2], -1, -1)
            X = FUNCTIONS["cat"]([X, more], dim=-1)
        A = X - X.mH
        if self.orthogonal_map == "matrix_exp":
            Q = FUNCTIONS["matrix_exp"](A)
        else:
            one = FUNCTIONS["eye"](n, dtype=A.dtype, device=A.device)
            Q = solve(one - 0.5 * A, one + 0.5 * A)
        return Q if n == k else Q[..., :k]

    def _reflected(self, X: Any) -> Any:
        """The first columns of a product of reflections, by the vectors below the diagonal."""
        A = X.tril(diagonal=-1)
        tau = 2.0 / (1.0 + (A * A).sum(dim=-2))
        signs = X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        return householder_product(A, tau) * signs

    @no_grad
    def right_inverse(self, Q: Any) -> Any:
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {Q.shape}."
            )
        is_wide = Q.size(-2) < Q.size(-1)
        high = Q.mT if is_wide else Q
        if hasattr(self, "base"):
            self.base = _completed(high)
            start = FUNCTIONS["zeros_like"](Q)
            start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return start
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        A, tau = _reflections(high)
        diagonal = A.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[tau == 0.0] *= -1
        return A.mT if is_wide else A


def _completed(Q: Any) -> Any:
    """An orthogonal square matrix whose first columns are those of ``Q``, if they can be."""
    n, k = Q.shape[-2:]
    if n != k:
        more = FUNCTIONS["randn"](*Q.shape[:-2], n, n - k, dtype=Q.dtype, device=Q.device)
        return _orthogonalized(FUNCTIONS["cat"]([Q, more], dim=-1))
    one = FUNCTIONS["eye"](k, dtype=Q.dtype, device=Q.device)
    tolerance = 10.0 * n * finfo(Q.dtype).eps
    is_one = FUNCTIONS["allclose"](Q.mH @ Q, one, atol=tolerance)
    return Q.clone() if is_one else _orthogonalized(Q)


def _orthogonalized(A: Any) -> Any:
    """The Q of the QR decomposition, with a positive diagonal of R."""
    R, tau = _reflections(A)
    return householder_product(R, tau) * R.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _reflections(A: Any) -> tuple[Any, Any]:
    """R of a QR decomposition, below its diagonal the vectors that Q reflects by; and factors."""
    xp = arrays.array_module(A._array)
    transposed, tau = xp.linalg.qr(A._array, mode="raw")
    made = xp.ascontiguousarray(transposed.swapaxes(-1, -2))
    return Tensor._wrap(made), Tensor._wrap(tau)


def orthogonal(
    module: M,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> M:
    """Make a module's matrix (or batch of them) orthogonal, or its columns or rows orthonormal.

    ``orthogonal_map``: by which map, "matrix_exp", "cayley" or "householder"; by default the first
    for square and complex matrices, else the last. ``use_trivialization``: the map begins at the
    present value, also of what is assigned to the tensor, made orthogonal first. Raises ValueError
    for a name that isn't there, a vector, or another map.

    >>> import gradlab as gl
    >>> rows = orthogonal(gl.nn.Linear(5, 2)).weight
    >>> bool(gl.allclose(rows @ rows.T, gl.eye(2), atol=1e-5))
    True
    """
    weight = _weight_of(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        is_square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if is_square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    orth = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, orth, unsafe=True)
