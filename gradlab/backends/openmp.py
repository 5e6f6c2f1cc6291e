"""``gradlab.backends.openmp``: a way to use several threads."""

from __future__ import annotations

from gradlab.backends import built


def is_available() -> bool:
    """Whether NumPy's matrix products use OpenMP for their threads, and not threads of their own.

    >>> isinstance(is_available(), bool)
    True
    """
    return "USE_OPENMP" in str(built.blas().get("openblas configuration", ""))
