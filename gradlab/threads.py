"""How many threads matrix products take: those of the OpenBLAS that NumPy and SciPy carry.

Elementwise operations run in the calling thread. OpenBLAS is asked and told directly; where NumPy
stands on another library, the answer is what the environment says, and nothing can be changed.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_NAMES = [
    (f"{prefix}get_num_threads{suffix}", f"{prefix}set_num_threads{suffix}")
    for prefix in ("scipy_openblas_", "openblas_")
    for suffix in ("64_", "")
]


@functools.cache
def _libraries() -> list[tuple[Callable[[], int], Callable[[int], Any]]]:
    """For each OpenBLAS: what asks for its number of threads, and what sets it."""
    return [
        (getattr(library, getter), getattr(library, setter))
        for library in _found()
        for getter, setter in _NAMES
        if hasattr(library, getter) and hasattr(library, setter)
    ]


def _found() -> Iterator[ctypes.CDLL]:
    for package in ("numpy", "scipy"):
        spec = importlib.util.find_spec(package)
        folder = Path(str(spec and spec.origin)).parent
        for place in (folder.with_name(folder.name + ".libs"), folder / ".dylibs"):
            for file in place.glob("*openblas*"):
                yield ctypes.CDLL(str(file))  # it is loaded already: this is the same one


def _from_environment() -> int:
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return os.cpu_count() or 1


def get_num_threads() -> int:
    """How many threads a matrix product may take.

    >>> get_num_threads() >= 1
    True
    """
    libraries = _libraries()
    return int(libraries[0][0]()) if libraries else _from_environment()


def set_num_threads(number: int) -> None:
    """Let matrix products take at most ``number`` threads.

    Raises RuntimeError unless it is a positive integer. Warns where the library below NumPy can't
    be told.

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    if not isinstance(number, int) or isinstance(number, bool):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(number).__name__}")
    if number < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, and this is {number}")
    for _, setter in _libraries():
        setter(number)
    if get_num_threads() != number:
        warnings.warn(
            f"This NumPy takes {get_num_threads()} threads, which can't be changed from here: set "
            f"the environment variable OMP_NUM_THREADS={number} before Python starts",
            stacklevel=2,
        )


def get_num_interop_threads() -> int:
    """How many operations may run at once: one, since each runs in the calling thread.

    >>> get_num_interop_threads()
    1
    """
    return 1


def set_num_interop_threads(number: int) -> None:
    """Accept one thread for running operations at once, which is what there is.

    Raises RuntimeError for any other number.

    >>> set_num_interop_threads(1)
    """
    if number != 1:
        raise RuntimeError(
            f"set_num_interop_threads({number}): operations run one at a time, each in the calling "
            "thread; set_num_threads() is about matrix products"
        )
