"""``gradlab.utils``: what helps around training."""

from __future__ import annotations

from gradlab.utils import benchmark, checkpoint, data, dlpack

__all__ = ["benchmark", "checkpoint", "data", "dlpack"]
