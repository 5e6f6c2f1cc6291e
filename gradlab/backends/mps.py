"""``gradlab.backends.mps``: Apple's GPUs, on which nothing here computes."""

from __future__ import annotations


def is_available() -> bool:
    """Whether tensors can be on an Apple GPU: never.

    >>> is_available()
    False
    """
    return False


def is_built() -> bool:
    """Whether gradlab knows Apple's GPUs at all: no.

    >>> is_built()
    False
    """
    return False
