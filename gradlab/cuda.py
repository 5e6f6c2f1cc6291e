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
    "Event",
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
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


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The generation of a GPU, such as (9, 0). Raises RuntimeError where there is none."""
    digits = str(_device(device).compute_capability)
    return int(digits[:-1]), int(digits[-1])


def memory_allocated(device: Any = None) -> int:
    """Bytes of GPU memory that arrays occupy; 0 without a GPU."""
    if not is_available():
        return 0
    with _device(device):
        return int(arrays.cupy().get_default_memory_pool().used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes of GPU memory that CuPy holds, in use or kept for later; 0 without a GPU."""
    if not is_available():
        return 0
    with _device(device):
        return int(arrays.cupy().get_default_memory_pool().total_bytes())


def max_memory_allocated(device: Any = None) -> int:
    """The most that ``memory_allocated`` ever was: 0 without a GPU.

    Raises NotImplementedError with one: CuPy does not remember it.
    """
    if not is_available():
        return 0
    raise NotImplementedError(
        "max_memory_allocated() is not available: CuPy does not remember its peak. Ask "
        "memory_allocated() where you expect it, or memory_reserved()."
    )


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Bytes of GPU memory that are free, and all. Raises RuntimeError where there is no GPU."""
    free, total = _device(device).mem_info
    return int(free), int(total)


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


def get_arch_list() -> list[str]:
    """The generations of GPUs that kernels were compiled for: none, CuPy compiles as it goes.

    >>> get_arch_list()
    []
    """
    return []


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether tensors can be of bfloat16: no, NumPy has no such dtype.

    >>> is_bf16_supported()
    False
    """
    return False


class device:
    """Within a ``with`` block, let "cuda" stand for another GPU; None or -1 for the same.

    Raises RuntimeError where there is none.

    >>> with device(None):
    ...     pass
    """

    def __init__(self, device: Any) -> None:
        self.idx = device
        self._entered: Any = None

    def __enter__(self) -> None:
        if self.idx is not None and self.idx != -1:
            self._entered = _device(self.idx)
            self._entered.__enter__()

    def __exit__(self, *exc: object) -> None:
        if self._entered is not None:
            self._entered.__exit__(*exc)


class Event:
    """A mark in what a GPU has to do, to measure the time between two of them.

    Raises RuntimeError where there is no GPU.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        if interprocess:
            raise NotImplementedError("Event(interprocess=True) is not available")
        self._event = arrays.cupy().cuda.Event(block=blocking, disable_timing=not enable_timing)

    def record(self, stream: Any = None) -> None:
        """Set the mark behind everything the GPU was told so far."""
        self._event.record()

    def synchronize(self) -> None:
        """Wait until the GPU has come to the mark."""
        self._event.synchronize()

    def query(self) -> bool:
        """Whether the GPU has come to the mark."""
        return bool(self._event.done)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds between this mark and a later one. Both need ``enable_timing``."""
        return float(arrays.cupy().cuda.get_elapsed_time(self._event, end_event._event))
