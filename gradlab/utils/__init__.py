"""``gradlab.utils``: what helps around training."""

from __future__ import annotations

from gradlab.utils import benchmark, checkpoint, data

__all__ = ["benchmark", "checkpoint", "data"]
