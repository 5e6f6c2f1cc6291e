"""``gradlab.backends.nnpack``: a library for layers, which nothing here uses."""

from __future__ import annotations


def is_available() -> bool:
    """Whether NNPACK computes here: never.

    >>> is_available()
    False
    """
    return False
