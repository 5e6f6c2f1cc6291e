"""``gradlab.amp``: half precision by itself, which is refused unless it is switched off.

>>> import gradlab as gl
>>> with gl.amp.autocast("cpu", enabled=False):
...     (gl.ones(2) * 2).dtype
torch.float32
"""

from __future__ import annotations

import warnings
from typing import Any

from gradlab.settings import autocast

__all__ = ["GradScaler", "autocast"]


class GradScaler:
    """What keeps small gradients from vanishing in half precision: here it leaves them alone.

    Without ``autocast`` nothing is computed in half precision, so there is nothing to scale; a
    training loop written for it runs as if ``enabled=False``. Warns where it is enabled.

    >>> scaler = GradScaler(enabled=False)
    >>> scaler.get_scale(), scaler.is_enabled()
    (1.0, False)
    """

    def __init__(self, device: str = "cuda", enabled: bool = True, **others: Any) -> None:
        if enabled:
            warnings.warn(
                f"torch.{device}.amp.GradScaler is enabled, but there is no autocast whose "
                "gradients it could scale. Disabling.",
                stacklevel=2,
            )

    def scale(self, outputs: Any) -> Any:
        """Return the loss as it is."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Leave the gradients as they are."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Take a step of the optimizer."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Change nothing."""

    def get_scale(self) -> float:
        """What losses are multiplied by: 1."""
        return 1.0

    def is_enabled(self) -> bool:
        """Whether losses are scaled: never."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Nothing to remember."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to take over."""
