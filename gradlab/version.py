"""``gradlab.version``: what this is a version of, and of which CUDA."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

debug = False
git_version = "Unknown"
hip = None
xpu = None


def __getattr__(name: str) -> Any:
    """``cuda``: CUDA's version as CuPy knows it, such as "12.9"; None without CuPy."""
    if name == "__version__":
        return sys.modules["gradlab"].__version__
    if name != "cuda":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if importlib.util.find_spec("cupy") is None:
        return None
    import cupy

    number = cupy.cuda.runtime.runtimeGetVersion()
    return f"{number // 1000}.{number % 1000 // 10}"
