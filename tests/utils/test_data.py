"""Data sets, samplers and loaders: PyTorch's batches, in PyTorch's order."""

from __future__ import annotations

import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from gradlab.utils import data
from tests.nn.beside import assert_same_error

Pair = namedtuple("Pair", "x y")


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def plain(batch: Any) -> Any:
    """A batch as numbers, lists and texts, with the tensors' dtypes."""
    if hasattr(batch, "tolist"):
        return str(batch.dtype), batch.tolist()
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch).__name__, [plain(one) for one in batch]
    return batch


def dataset_of(lib: Any, size: int = 10) -> Any:
    return lib.utils.data.TensorDataset(lib.arange(size * 2.0).reshape(size, 2), lib.arange(size))


# ------------------------------------------------------------------ the same batches as PyTorch

LOADERS: dict[str, Any] = {
    "one by one": lambda d, s: d.DataLoader(s),
    "in order": lambda d, s: d.DataLoader(s, 3),
    "the last dropped": lambda d, s: d.DataLoader(s, 3, drop_last=True),
    "shuffled": lambda d, s: d.DataLoader(s, 3, shuffle=True),
    "without batches": lambda d, s: d.DataLoader(s, batch_size=None, shuffle=True),
    "drawn again": lambda d, s: d.DataLoader(
        s, 4, sampler=d.RandomSampler(s, replacement=True, num_samples=70)
    ),
    "drawn twice over": lambda d, s: d.DataLoader(s, 4, sampler=d.RandomSampler(s, num_samples=25)),
    "of a subset": lambda d, s: d.DataLoader(s, 2, sampler=d.SubsetRandomSampler([1, 5, 7])),
    "weighted": lambda d, s: d.DataLoader(
        s, 5, sampler=d.WeightedRandomSampler([1.0, 2.0, 3.0], 12)
    ),
    "own batches": lambda d, s: d.DataLoader(s, batch_sampler=[[1, 2], [0], [9, 9, 9]]),
    "own collation": lambda d, s: d.DataLoader(s, 3, collate_fn=len),
    "joined": lambda d, s: d.DataLoader(s + d.Subset(s, [3, 4]), 5, shuffle=True),
    "side by side": lambda d, s: d.DataLoader(d.StackDataset(a=s, b=range(10)), 4),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("make", LOADERS.values(), ids=LOADERS)
def test_batches_after_manual_seed_are_pytorchs(torch: Any, make: Any, workers: int) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(7)
        loader = make(lib.utils.data, dataset_of(lib))
        if lib is gl and workers:
            loader = data.DataLoader(
                loader.dataset,
                num_workers=workers,
                collate_fn=loader.collate_fn,
                **(
                    {"batch_sampler": loader.batch_sampler}
                    if loader.batch_sampler is not None
                    else {"batch_size": None, "sampler": loader.sampler}
                ),
            )
        found.append([[plain(batch) for batch in loader] for _ in range(2)])
        found[-1].append([len(loader), lib.rand(1).item()])
    assert found[0] == found[1]


@pytest.mark.parametrize("seed", range(3))
def test_a_generator_of_ones_own_decides_as_in_pytorch(torch: Any, seed: int) -> None:
    found = []
    for lib in (gl, torch):
        generator = lib.Generator()
        generator.manual_seed(seed)
        loader = lib.utils.data.DataLoader(dataset_of(lib), 4, shuffle=True, generator=generator)
        parts = lib.utils.data.random_split(range(11), [0.5, 0.3, 0.2], generator=generator)
        batches = [[plain(batch) for batch in loader] for _ in range(2)]
        found.append((batches, [list(part) for part in parts], lib.rand(1, generator=generator)))
    assert found[0][:2] == found[1][:2]
    assert found[0][2].item() == found[1][2].item()


SAMPLES: dict[str, list[Any]] = {
    "numbers": [1, 2, 3],
    "fractions": [1.5, 2.0],
    "bools": [True, False],
    "texts": ["a", "b"],
    "pairs": [(1, 2.0), (3, 4.0)],
    "lists": [[1, 2], [3, 4]],
    "dictionaries": [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}],
    "arrays": [np.ones(2, np.float32), np.zeros(2, np.float32)],
    "NumPy's numbers": [np.int32(1), np.int32(2)],
    "named": [Pair(1, 2.0), Pair(3, 4.0)],
    "nested": [{"x": (1, [2.0, "c"])}, {"x": (3, [4.0, "d"])}],
}


@pytest.mark.parametrize("samples", SAMPLES.values(), ids=SAMPLES)
def test_samples_are_collated_and_converted_as_in_pytorch(torch: Any, samples: Any) -> None:
    ours, theirs = gl.utils.data, torch.utils.data
    assert plain(ours.default_collate(samples)) == plain(theirs.default_collate(samples))
    assert plain(ours.default_convert(samples)) == plain(theirs.default_convert(samples))


def test_tensors_are_stacked_with_their_history() -> None:
    x = gl.ones(2, requires_grad=True)
    batch = data.default_collate([x * 1, x * 2])
    batch.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]


# ------------------------------------------------------------------ streams


class Countdown(data.IterableDataset):
    def __init__(self, start: int) -> None:
        self.start = start

    def __iter__(self) -> Iterator[int]:
        info = data.get_worker_info()
        step = 1 if info is None else info.num_workers
        return iter(range(self.start - (0 if info is None else info.id), 0, -step))

    def __len__(self) -> int:
        return self.start


@pytest.mark.parametrize(
    ("options", "batches"),
    [
        ({"batch_size": 2}, [[5, 4], [3, 2], [1]]),
        ({"batch_size": 2, "drop_last": True}, [[5, 4], [3, 2]]),
        ({"batch_size": None}, [5, 4, 3, 2, 1]),
        ({"batch_size": 2, "num_workers": 2}, [[5, 3], [4, 2], [1]]),
    ],
)
def test_a_stream_is_taken_as_it_comes(options: Any, batches: Any) -> None:
    loader = data.DataLoader(Countdown(5), **options)
    found = [batch.tolist() if hasattr(batch, "tolist") else batch for batch in loader]
    assert found == batches


def test_streams_are_chained() -> None:
    assert list(Countdown(2) + Countdown(1)) == [2, 1, 1]
    assert len(data.ChainDataset([Countdown(2), Countdown(1)])) == 3


# ------------------------------------------------------------------ workers


def test_workers_know_who_they_are_and_are_prepared() -> None:
    prepared: list[int] = []

    class Who(data.Dataset):
        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> Any:
            info = data.get_worker_info()
            assert info is not None
            assert info.dataset is self
            return index, info.id, info.num_workers

    loader = data.DataLoader(Who(), num_workers=3, worker_init_fn=prepared.append)
    assert [[x.item() for x in batch] for batch in loader] == [[i, i % 3, 3] for i in range(6)]
    assert sorted(prepared) == [0, 1, 2]
    assert data.get_worker_info() is None


@pytest.mark.parametrize("torch", [gl, pytest.param("torch", id="torch")])
def test_what_one_worker_is_told_is_not_for_the_others(torch: Any) -> None:
    library = pytest.importorskip("torch") if torch == "torch" else torch

    class Range(library.utils.data.IterableDataset):  # type: ignore[misc,name-defined]
        start, end = 3, 7

        def __iter__(self) -> Any:
            return iter(range(self.start, self.end))

    def share(worker: int) -> None:
        mine = library.utils.data.get_worker_info().dataset
        mine.start, mine.end = 3 + 2 * worker, 5 + 2 * worker

    loader = library.utils.data.DataLoader(Range(), num_workers=2, worker_init_fn=share)
    assert [int(batch) for batch in loader] == [3, 5, 4, 6]


def test_workers_share_the_numbers_of_an_array_and_what_cant_be_copied() -> None:
    seen: list[Any] = []

    class Open(list[int]):
        def __reduce_ex__(self, protocol: Any) -> Any:
            raise TypeError("cannot be copied")

    def look(worker: int) -> None:
        seen.append(data.get_worker_info().dataset)

    array, opened = np.arange(4.0), Open([1, 2])
    for dataset in (array, opened):
        loader = data.DataLoader(dataset, num_workers=1, worker_init_fn=look)
        assert len(list(loader)) == len(dataset)
    assert seen[0] is not array
    assert np.shares_memory(seen[0], array)
    assert seen[1] is opened


def test_workers_work_beside_each_other() -> None:
    together = threading.Barrier(3)

    class Meeting(data.Dataset):
        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> int:
            together.wait(timeout=10)  # nobody gets on unless three are here at once
            return index

    loader = data.DataLoader(Meeting(), num_workers=3)
    assert [batch.item() for batch in loader] == list(range(6))


def test_an_error_in_a_worker_is_raised_where_the_batch_is_wanted() -> None:
    class Broken(data.Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> int:
            if index == 2:
                raise ValueError("sample 2 is no good")
            return index

    batches = iter(data.DataLoader(Broken(), num_workers=2))
    assert [next(batches).item(), next(batches).item()] == [0, 1]
    with pytest.raises(ValueError, match="sample 2 is no good") as caught:
        next(batches)
    assert caught.value.__notes__ == ["Caught in DataLoader worker thread 0."]


def test_workers_stop_when_nobody_wants_their_batches() -> None:
    before = threading.active_count()
    batches = iter(data.DataLoader(range(1000), num_workers=4))
    next(batches)
    del batches
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_batch_that_takes_too_long_is_told() -> None:
    stop = threading.Event()

    class Slow(data.Dataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> int:
            stop.wait(10)
            return index

    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0.05 seconds"):
        next(iter(data.DataLoader(Slow(), num_workers=1, timeout=0.05)))
    stop.set()


# ------------------------------------------------------------------ errors


def stream_of(library: Any) -> Any:
    return type("Stream", (library.IterableDataset,), {"__iter__": lambda self: iter([1])})()


@pytest.mark.parametrize(
    "case",
    [
        lambda d: d.Dataset()[0],
        lambda d: d.ConcatDataset([]),
        lambda d: d.ConcatDataset([[1]])[-2],
        lambda d: d.ConcatDataset([stream_of(d)]),
        lambda d: d.StackDataset(),
        lambda d: d.StackDataset([1], x=[2]),
        lambda d: d.random_split([1, 2], [2, 2]),
        lambda d: d.random_split([1, 2], [1.5, -0.5]),
        lambda d: d.RandomSampler([1], replacement=1),
        lambda d: d.RandomSampler([1], num_samples=-1),
        lambda d: d.WeightedRandomSampler([1.0], 0),
        lambda d: d.WeightedRandomSampler([1.0], 1, replacement=1),
        lambda d: d.WeightedRandomSampler([[1.0]], 1),
        lambda d: d.BatchSampler([1], 0, False),
        lambda d: d.BatchSampler([1], 1, 0),
        lambda d: d.DataLoader([1], num_workers=-1),
        lambda d: d.DataLoader([1], timeout=-1),
        lambda d: d.DataLoader([1], persistent_workers=True),
        lambda d: d.DataLoader([1], shuffle=True, sampler=[0]),
        lambda d: d.DataLoader([1], batch_size=2, batch_sampler=[[0]]),
        lambda d: d.DataLoader([1], batch_size=None, drop_last=True),
        lambda d: d.DataLoader(stream_of(d), shuffle=True),
        lambda d: d.DataLoader(stream_of(d), sampler=[1]),
        lambda d: d.DataLoader(stream_of(d), batch_sampler=[[1]]),
        lambda d: d.default_collate([object()]),
        lambda d: d.default_collate([[1, 2], [3]]),
        lambda d: d.default_collate([np.array(["a", "b"])]),
        lambda d: d.default_collate([np.array([None])]),
        lambda d: d.RandomSampler([1], num_samples=0),
        lambda d: d.RandomSampler([]),
        lambda d: d.DataLoader([], shuffle=True),
        lambda d: d.DataLoader([1], multiprocessing_context="spawn"),
        lambda d: setattr(d.DataLoader([1]), "batch_size", 2),
        lambda d: setattr(d.DataLoader([1]), "dataset", [2]),
        lambda d: setattr(d.DataLoader([1]), "sampler", None),
        lambda d: setattr(d.DataLoader([1]), "drop_last", True),
    ],
)
def test_what_cannot_be_loaded_is_told_in_pytorchs_words(torch: Any, case: Any) -> None:
    assert_same_error(lambda lib: case(lib.utils.data), torch)


def test_what_a_loader_is_not_made_of_may_be_set_later(torch: Any) -> None:
    for library in (gl, torch):
        loader = library.utils.data.DataLoader([1, 2])
        loader.note = "mine"
        loader.collate_fn = lambda batch: batch
        loader.num_workers = 0
        assert list(loader) == [[1], [2]]


@pytest.mark.skipif(gl.cuda.is_available(), reason="there is a GPU")
def test_memory_that_can_not_be_pinned_is_warned_of(torch: Any) -> None:
    for library in (gl, torch):
        loader = library.utils.data.DataLoader([1, 2], pin_memory=True)
        with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no acceler"):
            assert [batch.item() for batch in loader] == [1, 2]


def augmented(lib: Any) -> Any:
    """Samples that are changed at random as they are read."""

    class Augmented(lib.utils.data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 12

        def __getitem__(self, index: int) -> Any:
            return index + lib.rand(2) + lib.randn(()) + lib.randint(5, (1,))

    return Augmented()


@pytest.mark.parametrize("workers", [1, 3])
def test_each_worker_draws_its_own_random_numbers_and_leaves_ours_alone(
    torch: Any, workers: int
) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(3)
        loader = lib.utils.data.DataLoader(augmented(lib), 2, shuffle=True, num_workers=workers)
        batches = [batch.tolist() for _ in range(2) for batch in loader]
        found.append((batches, lib.rand(2).tolist(), lib.initial_seed()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-6)
    assert found[0][1:] == found[1][1:]


def test_a_worker_that_is_seeded_seeds_nobody_else(torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(3)
        loader = lib.utils.data.DataLoader(
            augmented(lib), 3, num_workers=2, worker_init_fn=lambda n, lib=lib: lib.manual_seed(n)
        )
        found.append(([batch.tolist() for batch in loader], lib.rand(2).tolist()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-6)
    assert found[0][1] == found[1][1]


def test_a_workers_seed_is_where_its_numbers_begin() -> None:
    class Seeds(gl.utils.data.Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> bool:
            info = gl.utils.data.get_worker_info()
            assert info is not None
            return gl.initial_seed() == info.seed

    assert all(flag.all() for flag in gl.utils.data.DataLoader(Seeds(), num_workers=2))
