"""Memory that one pass frees is there for the next."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PASSES = """
import resource
import gradlab as gl
x = gl.ones(200_000, requires_grad=True)  # its arrays were given back to the system at every pass
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for i in range(25):
    if i == 5:
        before = faults()
    x.grad = None
    ((x * 2).sin() + x * x).sum().backward()
print((faults() - before) / 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries have other ways")
def test_passes_do_not_fault_in_their_memory_anew() -> None:
    run = [sys.executable, "-c", PASSES]
    found = subprocess.run(run, capture_output=True, text=True, check=True)
    assert float(found.stdout) < 20  # pages; one array has 195
