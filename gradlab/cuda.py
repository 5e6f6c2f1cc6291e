"""``gradlab.cuda``: what there is to know about GPUs, and a few words to say to them.

Everything answers truthfully where there is no GPU: nothing is available, and asking for one is an
error that says what is missing. CuPy is imported only by a call that needs it.
"""

from __future__ import annotations

from typing import Any

from gradlab import arrays
from gradlab.arrays import cuda_device_count as device_count
from gradlab.arrays import cuda_is_available as is_available
from gradlab.generator import manual_seed as _manual_seed

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "memory_allocated",
    "set_device",
    "synchronize",
]


def is_initialized() -> bool:
    """Whether GPUs can be used: they are set up when CuPy is first asked for."""
    return is_available()


def _device(device: Any) -> Any:
    """CuPy's device of that name or number, the current one for None."""
    library = arrays.cupy()
    if device is None:
        return library.cuda.Device()
    index = device if isinstance(device, int) else arrays.device(device).index
    return library.cuda.Device(index)


def current_device() -> int:
    """The number of the GPU that "cuda" stands for. Raises RuntimeError where there is none."""
    return int(_device(None).id)


def set_device(device: Any) -> None:
    """Let "cuda" stand for another GPU. Raises RuntimeError where there is none."""
    _device(device).use()


def get_device_name(device: Any = None) -> str:
    """What a GPU is called, such as "NVIDIA H100". Raises RuntimeError where there is none."""
    properties = arrays.cupy().cuda.runtime.getDeviceProperties(_device(device).id)
    return str(properties["name"].decode())


def synchronize(device: Any = None) -> None:
    """Wait until a GPU has done all that it was told. Raises RuntimeError where there is none."""
    _device(device).synchronize()


def memory_allocated(device: Any = None) -> int:
    """Bytes of GPU memory that arrays occupy; 0 without a GPU."""
    if not is_available():
        return 0
    with _device(device):
        return int(arrays.cupy().get_default_memory_pool().used_bytes())


def empty_cache() -> None:
    """Give back GPU memory that no array occupies; nothing to do without a GPU."""
    if is_available():
        arrays.cupy().get_default_memory_pool().free_all_blocks()


def manual_seed(seed: int) -> None:
    """Start a GPU's random numbers over from ``seed``; nothing to do without a GPU.

    They are drawn on the CPU and moved, so this is ``gradlab.manual_seed``.
    """
    if is_available():
        _manual_seed(seed)


manual_seed_all = manual_seed
