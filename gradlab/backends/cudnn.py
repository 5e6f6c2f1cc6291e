"""``gradlab.backends.cudnn``: NVIDIA's library for layers, which nothing here uses.

Scripts set its switches; they may be set and read, and change nothing.
"""

from __future__ import annotations

from typing import Any

enabled = False
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = False


def is_available() -> bool:
    """Whether cuDNN computes here: never; on a GPU CuPy's own kernels do.

    >>> is_available()
    False
    """
    return False


def version() -> None:
    """The version of cuDNN: None, since there is none.

    >>> version() is None
    True
    """
    return None


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN could compute with a tensor: never.

    >>> import gradlab as gl
    >>> is_acceptable(gl.ones(2))
    False
    """
    return False
