"""``gradlab.backends.mkldnn``: Intel's library for layers, which nothing here uses."""

from __future__ import annotations

enabled = False


def is_available() -> bool:
    """Whether oneDNN computes here: never.

    >>> is_available()
    False
    """
    return False
