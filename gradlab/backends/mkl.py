"""``gradlab.backends.mkl``: Intel's library for matrix products."""

from __future__ import annotations

from gradlab.backends import built


def is_available() -> bool:
    """Whether NumPy was built with MKL.

    >>> isinstance(is_available(), bool)
    True
    """
    return "mkl" in str(built.blas().get("name", "")).lower()
