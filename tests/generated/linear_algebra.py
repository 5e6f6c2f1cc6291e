"""PyTorch's names of the primitives of linear algebra, and which have none."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

Counterpart = Callable[[ModuleType], Callable[..., Any]]


def linalg(name: str) -> Counterpart:
    return lambda torch: getattr(torch.linalg, name)


COUNTERPARTS: dict[str, Counterpart] = {
    "linalg_det": linalg("det"),
    "linalg_slogdet": linalg("slogdet"),
    "linalg_inv": linalg("inv"),
    "linalg_solve": lambda torch: lambda A, B, left=True: torch.linalg.solve(A, B, left=left),
    "linalg_solve_triangular": lambda torch: (
        lambda A, B, upper, left=True, unitriangular=False: torch.linalg.solve_triangular(
            A, B, upper=upper, left=left, unitriangular=unitriangular
        )
    ),
    **{f"linalg_{name}": linalg(name) for name in ("cholesky", "eig", "eigh", "lu", "lu_solve")},
    "linalg_pinv": linalg("pinv"),
    "singular_values": linalg("svdvals"),
    "symmetric_values": linalg("eigvalsh"),
    "linalg_qr": linalg("qr"),
    "linalg_lu_factor": linalg("lu_factor_ex"),
    "linalg_matrix_exp": linalg("matrix_exp"),
    "linalg_cross": lambda torch: lambda x, y, dim=-1: torch.linalg.cross(x, y, dim=dim),
    "trilinear": lambda torch: lambda x, weight, y: torch.bilinear(x, y, weight, None),
    "cdist_forward": lambda torch: lambda x, y, p: torch.cdist(x, y, p=p),
}

OWN_PARTS = {
    "cofactors": "a part of det's derivative",
    "cofactors_backward": "a part of det's derivative",
    "euclidean_dist": "rounds more than other distances; cdist is compared",
    "identity_like": "a part of the derivatives of factorizations",
    "linalg_lstsq": "has singular values whichever the driver; lstsq is compared",
    "linalg_svd": "signs are the LAPACK library's choice; svd is compared without them",
    "lu_factors": "lu_unpack is compared",
    "pair_differences": "a part of pdist's derivative",
    "pair_differences_backward": "a part of pdist's derivative",
    "pdist_forward": "PyTorch has none for halves; pdist is compared",
    "pivot_matrix": "a part of the derivatives of factorizations",
}

BY_HAND = {
    "cholesky", "cholesky_inverse", "cholesky_solve", "linalg_cholesky", "linalg_eig",
    "linalg_eigh", "linalg_lstsq", "linalg_lu", "linalg_lu_solve", "lu_factors",
    "symmetric_values",
}  # fmt: skip
"""They want symmetric or factorized matrices: tests/ops/test_decompose.py gives them some."""
