"""``gradlab.cuda.amp``: the older names of what is in ``gradlab.amp``, for "cuda"."""

from __future__ import annotations

import warnings
from typing import Any

from gradlab import arrays, settings
from gradlab.amp import grad_scaler

__all__ = ["GradScaler", "autocast"]


def _warn_of(name: str) -> None:
    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use "
        f"`torch.amp.{name}('cuda', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


class GradScaler(grad_scaler.GradScaler):
    """``amp.GradScaler("cuda", …)``; warns that this is its newer form.

    >>> with warnings.catch_warnings(action="ignore"):
    ...     GradScaler(enabled=False).is_enabled()
    False
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _warn_of("GradScaler")
        super().__init__("cuda", *args, **kwargs)


class autocast(settings.autocast):
    """``amp.autocast("cuda", …)``; warns that this is its newer form.

    >>> with warnings.catch_warnings(action="ignore"), autocast(enabled=False):
    ...     1 + 1
    2
    """

    def __init__(
        self,
        enabled: bool = True,
        dtype: arrays.dtype = arrays.float16,
        cache_enabled: bool = True,
    ) -> None:
        _warn_of("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)
