"""``gradlab.utils``: what helps around training."""

from __future__ import annotations

from gradlab.utils import checkpoint

__all__ = ["checkpoint"]
