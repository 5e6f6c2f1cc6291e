"""``gradlab.backends.opt_einsum``: what orders the products of ``einsum``."""

from __future__ import annotations

from typing import Any

import opt_einsum

enabled = True
strategy = "auto"


def is_available() -> bool:
    """Whether ``opt_einsum`` orders the products of ``einsum``: always.

    >>> is_available()
    True
    """
    return True


def get_opt_einsum() -> Any:
    """The module ``opt_einsum``.

    >>> get_opt_einsum().__name__
    'opt_einsum'
    """
    return opt_einsum
