"""cuDNN on a real GPU: run by `make gpu-test`, skipped elsewhere and without its front end."""

from __future__ import annotations

import pytest

import gradlab as gl
from tests.gpu.convolution_by_cudnn import ConvolutionByCudnn

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not gl.backends.cudnn.is_available(), reason="cuDNN's front end is not installed"
    ),
]


class TestOnCuda(ConvolutionByCudnn):
    """As on the stand-in."""
