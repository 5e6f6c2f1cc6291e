"""DataLoader: batches of a data set, made as they are asked for, or ahead of time by workers.

Workers are threads: each has the data set as an object of its own, unless it refuses to be copied,
and random numbers of its own, which its seed fixes as in PyTorch. They share the numbers in the
data set, need no pickling, and start at once, on every system and in every notebook. Reading files
and NumPy's work on large arrays run beside each other; Python code of the data set's own takes
turns.
"""

from __future__ import annotations

import copy
import itertools
import queue
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy

from gradlab.arrays import cuda_is_available
from gradlab.generator import Generator, default_generator
from gradlab.utils.data.collate import default_collate, default_convert
from gradlab.utils.data.dataset import IterableDataset
from gradlab.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    draw_seed,
)
from gradlab.utils.data.worker import WorkerInfo, running

_SETTLED = frozenset(
    ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)


class DataLoader:
    """Batches of ``batch_size`` samples, in order or (``shuffle``) at random.

    ``sampler`` chooses the indices, or ``batch_sampler`` whole batches of them;
    ``batch_size=None`` gives samples one by one. ``collate_fn`` makes a batch of a list of samples,
    by default ``default_collate``. ``drop_last`` leaves out a last batch that is not full.
    ``generator``: whose chance shuffles; by default that of ``manual_seed``, so that the same seed
    gives PyTorch's order. ``num_workers`` threads make ``prefetch_factor`` batches each ahead of
    time (2 by default), each calling ``worker_init_fn(id)`` first; ``timeout`` is how many seconds
    to wait for a batch, 0: for ever. ``pin_memory``, ``persistent_workers`` and
    ``multiprocessing_context``, which are about PyTorch's processes, are kept and change nothing
    (memory to be pinned for a GPU that isn't there is warned of). What batches are made of can't be
    set later. Raises ValueError for options that exclude each other.

    >>> list(DataLoader(range(5), batch_size=2))
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; use num_workers=0 to disable "
                f"multiprocessing. It is {num_workers}."
            )
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and multiprocessing_context is not None:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading "
                f"(num_workers > 0), but got num_workers={num_workers}"
            )
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing.let num_workers "
                "> 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self._streams = isinstance(dataset, IterableDataset)
        if self._streams:
            _check_stream(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if sampler is None and not self._streams:
            by_chance = RandomSampler(dataset, generator=generator) if shuffle else None
            sampler = by_chance or SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None and not self._streams:
            assert sampler is not None
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.num_workers, self.timeout = num_workers, timeout
        self.worker_init_fn = worker_init_fn
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.generator, self.in_order = generator, in_order
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.persistent_workers = persistent_workers
        self.multiprocessing_context = multiprocessing_context
        batches = batch_size is not None or batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batches else default_convert)
        self._is_made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SETTLED and "_is_made" in vars(self):
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: "
                "make another one"
            )
        object.__setattr__(self, name, value)

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __len__(self) -> int:
        """How many batches there are (for a stream that knows its length, about how many)."""
        if not self._streams:
            return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]
        size = len(self.dataset)
        if self.batch_size is None:
            return size
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory and not cuda_is_available():
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device "
                "pinned memory won't be used.",
                stacklevel=2,
            )
        seed = draw_seed(self.generator)  # drawn in any case, as PyTorch does
        if self.num_workers:
            return _WithWorkers(self, seed)
        if self._streams:
            return self._batches_of_stream(self.dataset)
        return (self._fetch(self.dataset, index) for index in self._indices())

    # ------------------------------------------------------------------ making batches

    def _indices(self) -> Iterator[Any]:
        return iter(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]

    def _fetch(self, dataset: Any, index: Any) -> Any:
        """The batch of some indices, or the sample of one."""
        if self.batch_sampler is None:
            return self.collate_fn(dataset[index])
        if hasattr(dataset, "__getitems__"):
            return self.collate_fn(dataset.__getitems__(index))
        return self.collate_fn([dataset[i] for i in index])

    def _batches_of_stream(self, dataset: Any) -> Iterator[Any]:
        samples = iter(dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)


def _check_stream(shuffle: bool | None, sampler: Any, batch_sampler: Any) -> None:
    if shuffle not in (None, False):
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified shuffle option, but got "
            f"shuffle={shuffle}"
        )
    if sampler is not None:
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified sampler option, but got "
            f"sampler={sampler}"
        )
    if batch_sampler is not None:
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified batch_sampler option, but got "
            f"batch_sampler={batch_sampler}"
        )


# ------------------------------------------------------------------ workers


class _Failure:
    """An error in a worker, on its way to whoever asks for the batch."""

    def __init__(self, error: BaseException, worker: int) -> None:
        self.error = error
        self.worker = worker

    def raise_again(self) -> None:
        self.error.add_note(f"Caught in DataLoader worker thread {self.worker}.")
        raise self.error


_END = object()


class _WithWorkers:
    """One pass through a loader with workers: batch n is made by worker n modulo their number.

    Each worker has a queue of its own for its batches, as long as it may work ahead, so batches
    come in order, and a worker whose reader has gone away finds its queue closed and stops.
    """

    def __init__(self, loader: DataLoader, seed: int) -> None:
        self._loader = loader
        self._closed = threading.Event()
        self._turn = 0
        count = loader.num_workers
        ahead = max(loader.prefetch_factor or 0, 1)
        self._made: list[queue.Queue[Any]] = [queue.Queue(ahead) for _ in range(count)]
        self._indices = _Shared(loader._indices()) if not loader._streams else None
        self._ended = [False] * count
        for worker in range(count):
            # Its own, as where workers are processes: what one is told is not for the others.
            info = WorkerInfo(worker, count, seed + worker, _own(loader.dataset))
            job = (loader, info, self._indices, self._made[worker], self._closed)
            threading.Thread(target=_work, args=job, daemon=True).start()

    def __iter__(self) -> _WithWorkers:
        return self

    def __next__(self) -> Any:
        while not all(self._ended):
            worker = self._turn % len(self._made)
            self._turn += 1
            if self._ended[worker]:
                continue
            batch = self._wait_for(worker)
            if batch is _END:
                self._ended[worker] = True
            elif isinstance(batch, _Failure):
                self._close()
                batch.raise_again()
            else:
                return batch
        raise StopIteration

    def _wait_for(self, worker: int) -> Any:
        try:
            return self._made[worker].get(timeout=self._loader.timeout or None)
        except queue.Empty:
            self._close()
            raise RuntimeError(
                f"DataLoader timed out after {self._loader.timeout} seconds"
            ) from None

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        self._closed.set()
        for made in self._made:  # wake who waits for room
            while not made.empty():
                made.get_nowait()


def _own(dataset: Any) -> Any:
    """Another object of the same data; the very same where there can't be one."""
    if isinstance(dataset, numpy.ndarray):
        return dataset[...]  # a copy would be one of all numbers
    try:
        return copy.copy(dataset)
    except TypeError:  # it holds what can't be copied, such as an open file
        return dataset


def _work(
    loader: DataLoader,
    info: WorkerInfo,
    indices: _Shared | None,
    made: queue.Queue[Any],
    closed: threading.Event,
) -> None:
    """What a worker's thread does. It doesn't know its reader, whose end is what ends it."""
    running.info = info
    default_generator.use_own_stream(info.seed)
    try:
        if loader.worker_init_fn is not None:
            loader.worker_init_fn(info.id)
        batches: Iterator[Any]
        if indices is None:
            batches = loader._batches_of_stream(info.dataset)
        else:
            mine = indices.every(info.num_workers, info.id)
            batches = (loader._fetch(info.dataset, index) for index in mine)
        for batch in batches:
            if not _put(made, batch, closed):
                return
        _put(made, _END, closed)
    except BaseException as error:
        _put(made, _Failure(error, info.id), closed)


def _put(made: queue.Queue[Any], batch: Any, closed: threading.Event) -> bool:
    """Hand a batch over once there is room; False where nobody wants it any more."""
    while not closed.is_set():
        try:
            made.put(batch, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


class _Shared:
    """An iterator of which several threads take every n-th item each, in order."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._lock = threading.Lock()
        self._waiting: dict[int, Any] = {}
        self._next = 0

    def every(self, step: int, start: int) -> Iterator[Any]:
        """Items start, start + step, start + 2 * step, …"""
        position = start
        while True:
            with self._lock:
                while self._next <= position:
                    try:
                        with default_generator.everyones_stream():  # a sampler draws for all
                            self._waiting[self._next] = next(self._items)
                    except StopIteration:
                        break
                    self._next += 1
                if position not in self._waiting:
                    return
                item = self._waiting.pop(position)
            yield item
            position += step
