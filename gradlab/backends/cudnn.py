"""``gradlab.backends.cudnn``: NVIDIA's library for layers, which convolves on a GPU if installed.

Its Python front end is an extra: ``pip install gradlab[cudnn12]`` or ``gradlab[cudnn13]``. Without
it, and where ``enabled`` is False, convolutions are matrix products. ``allow_tf32`` lets it round
float32 to 10 bits for tensor cores, as PyTorch does; ``deterministic`` leaves out kernels that add
up in another order each time. ``benchmark`` and ``benchmark_limit`` may be set and read, and change
nothing: cuDNN's own heuristics choose.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from gradlab import arrays

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


@functools.cache
def front_end() -> Any:
    """The module of cuDNN's front end; None where that or cuDNN itself is missing.

    >>> front_end() is None
    True
    """
    try:
        module = importlib.import_module("cudnn")
        module.backend_version()
    except Exception:  # ImportError without the one, RuntimeError or OSError without the other
        return None
    return module


def is_available() -> bool:
    """Whether there are a GPU and cuDNN to convolve on it.

    >>> is_available()
    False
    """
    return arrays.cuda_is_available() and front_end() is not None


def version() -> int | None:
    """The version of cuDNN, such as 91002 for 9.10.2; None where there is none.

    >>> version() is None
    True
    """
    return int(front_end().backend_version()) if is_available() else None


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN could compute with a tensor: one of floats, on a GPU.

    >>> import gradlab as gl
    >>> is_acceptable(gl.ones(2))
    False
    """
    return tensor.is_cuda and enabled and is_available() and tensor.dtype.is_floating_point
