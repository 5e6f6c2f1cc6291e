"""``gradlab.utils``: what helps around training."""

from __future__ import annotations

from gradlab.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
