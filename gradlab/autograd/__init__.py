"""``gradlab.autograd``: PyTorch's names for differentiating.

>>> import gradlab as gl
>>> x = gl.tensor(3.0, requires_grad=True)
>>> gl.autograd.grad(x * x, x)
(tensor(6.),)
"""

from __future__ import annotations

from gradlab.autograd import (
    anomaly_mode,
    forward_ad,
    function,
    functional,
    graph,
    profiler,
    profiler_util,
)
from gradlab.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from gradlab.autograd.function import Function
from gradlab.autograd.gradcheck import gradcheck, gradgradcheck
from gradlab.autograd.variable import Variable
from gradlab.engine import backward, grad
from gradlab.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "Function",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "profiler",
    "profiler_util",
    "set_detect_anomaly",
    "set_grad_enabled",
]
