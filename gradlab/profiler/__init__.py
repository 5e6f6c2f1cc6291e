"""``gradlab.profiler``: a profile of a training loop, step by step.

>>> import gradlab as gl
>>> with gl.profiler.profile() as prof:
...     total = gl.ones(2, 3).sum()
>>> [entry.key for entry in prof.key_averages()]
['aten::ones', 'aten::sum']
"""

from __future__ import annotations

from gradlab.autograd.profiler import record_function
from gradlab.autograd.profiler_util import DeviceType
from gradlab.profiler import shown
from gradlab.profiler.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "DeviceType",
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
