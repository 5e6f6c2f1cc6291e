"""Linear algebra: ``gradlab.linalg``, PyTorch's ``torch.linalg``.

Every function takes batches: of tensors with more than two dimensions the last two are matrices.

>>> import gradlab as gl
>>> gl.linalg.det(gl.tensor([[1.0, 2.0], [3.0, 4.0]]))
tensor(-2.)
"""

from __future__ import annotations

from gradlab.ops.decompose import cholesky_ex, eig, eigh, eigvals, eigvalsh, svdvals
from gradlab.ops.decompose import cholesky_of_linalg as cholesky
from gradlab.ops.decompose import qr_of_linalg as qr
from gradlab.ops.decompose import svd_of_linalg as svd
from gradlab.ops.lu import lu_factor, lu_factor_ex
from gradlab.ops.lu import lu_of_linalg as lu
from gradlab.ops.lu import lu_solve_of_linalg as lu_solve
from gradlab.ops.matrices import LinAlgError
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

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "det",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
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
]
