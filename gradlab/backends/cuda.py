"""``gradlab.backends.cuda``: NVIDIA's GPUs, on which CuPy computes."""

from __future__ import annotations

import importlib.util


def is_built() -> bool:
    """Whether CuPy is installed, with a GPU or without.

    >>> isinstance(is_built(), bool)
    True
    """
    return importlib.util.find_spec("cupy") is not None


class _Products:
    """Switches for products of matrices; they may be set and read, and change nothing."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = False
    allow_bf16_reduced_precision_reduction = False


matmul = _Products()
