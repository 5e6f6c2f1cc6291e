"""Which of a loader's workers the present code runs in."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, and the data set.

    >>> WorkerInfo(id=0, num_workers=2, seed=7, dataset=[1, 2]).num_workers
    2
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


running = threading.local()
"""``running.info`` of the running thread; the main thread has none."""


def get_worker_info() -> WorkerInfo | None:
    """The worker that calls this; None outside of a loader's workers.

    A stream uses it to give each worker a part of its own.

    >>> get_worker_info() is None
    True
    """
    info: WorkerInfo | None = getattr(running, "info", None)
    return info
