"""What a benchmark on a GPU needs besides: to find it, to wait for it, and to say what it is."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import gradlab


def checked(torch: ModuleType | None) -> ModuleType | None:
    """PyTorch, if it can use a GPU. Ends the program where gradlab can't."""
    if not gradlab.cuda.is_available():
        sys.exit(
            "--device cuda needs an NVIDIA GPU and CuPy (pip install gradlab[cudnn12] or "
            "gradlab[cudnn13]), and gradlab.cuda.is_available() is False here: nothing was timed."
        )
    if not gradlab.backends.cudnn.is_available():
        print("cuDNN's front end is not installed: convolutions are products.", file=sys.stderr)
    if torch is not None and not torch.cuda.is_available():
        print("This PyTorch can't use the GPU: it is left out.", file=sys.stderr)
        return None
    return torch


def settling(torch: ModuleType | None) -> Callable[[], None]:
    """A function that waits until the GPU has done all that either library told it."""

    def settle() -> None:
        gradlab.cuda.synchronize()
        if torch is not None:
            torch.cuda.synchronize()

    return settle


@contextlib.contextmanager
def in_full_precision(torch: ModuleType | None) -> Iterator[None]:
    """Without TF32, in which two libraries that choose other kernels differ by a thousandth."""
    switches = [module.backends.cudnn for module in (gradlab, torch) if module is not None]
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = False
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value


def described() -> dict[str, str]:
    """The GPU and the versions of what computes on it."""
    found = {"gpu": gradlab.cuda.get_device_name(), "cuDNN": str(gradlab.backends.cudnn.version())}
    for package in ("cupy-cuda12x", "cupy-cuda13x", "nvidia-cudnn-frontend"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def file_name() -> str:
    """Today and the GPU, such as 2026-11-22-nvidia-h100."""
    name = re.sub("[^a-z0-9]+", "-", gradlab.cuda.get_device_name().lower()).strip("-")
    return f"{date.today().isoformat()}-{name}"
