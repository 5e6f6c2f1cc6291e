"""Named tuples that operations return: ``x.max(0).values``, ``x.max(0).indices``."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def _text(several: Any) -> str:
    """PyTorch's text."""
    parts = ",\n".join(f"{name}={getattr(several, name)!r}" for name in several._fields)
    return f"torch.return_types.{type(several).__name__}(\n{parts})"


def _named(name: str, *fields: str) -> Any:
    """A kind of tuple; of values and their indices unless other ``fields`` are named."""
    make: Any = namedtuple  # which mypy knows only with literals
    base = make(name, fields or ("values", "indices"))
    return type(name, (base,), {"__repr__": _text, "__slots__": (), "__module__": __name__})


max = _named("max")
min = _named("min")
sort = _named("sort")
topk = _named("topk")

linalg_slogdet = _named("linalg_slogdet", "sign", "logabsdet")
linalg_inv_ex = _named("linalg_inv_ex", "inverse", "info")
linalg_solve_ex = _named("linalg_solve_ex", "result", "info")
triangular_solve = _named("triangular_solve", "solution", "cloned_coefficient")
linalg_cholesky_ex = _named("linalg_cholesky_ex", "L", "info")
linalg_qr = _named("linalg_qr", "Q", "R")
qr = _named("qr", "Q", "R")
linalg_eigh = _named("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_eig = _named("linalg_eig", "eigenvalues", "eigenvectors")
linalg_svd = _named("linalg_svd", "U", "S", "Vh")
svd = _named("svd", "U", "S", "V")
linalg_lu = _named("linalg_lu", "P", "L", "U")
linalg_lu_factor = _named("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = _named("linalg_lu_factor_ex", "LU", "pivots", "info")
lu_unpack = _named("lu_unpack", "P", "L", "U")
linalg_lstsq = _named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")

aminmax = _named("aminmax", "min", "max")
cummax = _named("cummax")
cummin = _named("cummin")
frexp = _named("frexp", "mantissa", "exponent")
kthvalue = _named("kthvalue")
median = _named("median")
mode = _named("mode")
nanmedian = _named("nanmedian")
