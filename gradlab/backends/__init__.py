"""``gradlab.backends``: which libraries compute here. Each answers for itself.

>>> import gradlab as gl
>>> gl.backends.cudnn.is_available(), gl.backends.mps.is_available()
(False, False)
"""

from __future__ import annotations

from gradlab.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, nnpack, openmp, opt_einsum

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum"]
