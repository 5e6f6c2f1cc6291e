"""``gradlab.nn.utils.stateless``: where ``func.functional_call`` was before."""

from __future__ import annotations

import warnings
from typing import Any

from gradlab.func.modules import functional_call as _functional_call

__all__ = ["functional_call"]


def functional_call(*args: Any, **kwargs: Any) -> Any:
    """``func.functional_call``; warns that this is its newer place.

    >>> import gradlab as gl
    >>> with warnings.catch_warnings(action="ignore"):
    ...     functional_call(gl.nn.Linear(1, 1, False), {"weight": gl.ones(1, 1)}, gl.ones(1))
    tensor([1.])
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(*args, **kwargs)
