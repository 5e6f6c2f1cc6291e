"""Linear algebra: ``gradlab.linalg``, PyTorch's ``torch.linalg``.

Every function takes batches: of tensors with more than two dimensions the last two are matrices.

>>> import gradlab as gl
>>> gl.linalg.det(gl.tensor([[1.0, 2.0], [3.0, 4.0]]))
tensor(-2.)
"""

from __future__ import annotations

from gradlab.ops.decompose import (
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    householder_product,
    svdvals,
)
from gradlab.ops.decompose import cholesky_of_linalg as cholesky
from gradlab.ops.decompose import qr_of_linalg as qr
from gradlab.ops.decompose import svd_of_linalg as svd
from gradlab.ops.linalg import matmul
from gradlab.ops.lu import lu_factor, lu_factor_ex
from gradlab.ops.lu import lu_of_linalg as lu
from gradlab.ops.lu import lu_solve_of_linalg as lu_solve
from gradlab.ops.matrices import LinAlgError
from gradlab.ops.products import cross_of_linalg as cross
from gradlab.ops.products import matrix_power, multi_dot, vecdot
from gradlab.ops.solve import (
    det,
    inv,
    inv_ex,
    lstsq,
    pinv,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
from gradlab.ops.spectral import (
    cond,
    matrix_exp,
    matrix_norm,
    matrix_rank,
    norm,
    vander,
    vector_norm,
)
from gradlab.tensor import Tensor


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Diagonals of matrices, a view: as ``gradlab.diagonal``, of the last two dimensions.

    >>> import gradlab as gl
    >>> diagonal(gl.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.])
    """
    return A.diagonal(offset, dim1, dim2)  # type: ignore[no-any-return]


__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
