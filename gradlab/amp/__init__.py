"""``gradlab.amp``: what goes with half precision: losses scaled up, so that no gradient vanishes.

``autocast``, which computes in half precision by itself, is refused unless it is switched off.

>>> import gradlab as gl
>>> with gl.amp.autocast("cpu", enabled=False):
...     (gl.ones(2) * 2).dtype
torch.float32
"""

from __future__ import annotations

from gradlab.amp import cuda
from gradlab.amp.grad_scaler import GradScaler
from gradlab.settings import autocast

__all__ = ["GradScaler", "autocast", "cuda"]
