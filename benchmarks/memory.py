"""Peak memory of a forward and a backward pass, gradlab's beside PyTorch's.

Each of the two runs in a process of its own, which reports by how much its resident memory rose
above what it was before the first pass, in units of one activation. Run it as

    python benchmarks/memory.py            # the table
    python benchmarks/memory.py --json     # the same as JSON

The limit in the tests is 1.1 of PyTorch's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

LAYERS = 100
ROWS, COLUMNS = 1024, 1024  # float32: 4 MiB
MEGABYTE = 1 << 20


def pointwise(torch: ModuleType) -> Callable[[], None]:
    """A chain of functions that save their result or their input."""
    x = torch.rand(ROWS, COLUMNS, requires_grad=True)

    def run() -> None:
        y = x
        for layer in range(LAYERS):
            y = y.sin() if layer % 2 else y.sigmoid()
        y.sum().backward()
        x.grad = None

    return run


def layers(torch: ModuleType) -> Callable[[], None]:
    """Linear layers of 128 and rectifiers on a wide batch."""
    torch.manual_seed(0)
    rows = ROWS * COLUMNS // 128
    parts: list[Any] = []
    for _ in range(LAYERS):
        parts += [torch.nn.Linear(128, 128), torch.nn.ReLU()]
    model = torch.nn.Sequential(*parts)
    x = torch.rand(rows, 128)

    def run() -> None:
        model(x).sum().backward()
        for parameter in model.parameters():
            parameter.grad = None

    return run


def products(torch: ModuleType) -> Callable[[], None]:
    """Products with a constant, which save nothing but that."""
    x = torch.rand(ROWS, COLUMNS, requires_grad=True)
    weight = torch.rand(ROWS, COLUMNS)

    def run() -> None:
        y = x
        for _ in range(LAYERS):
            y = y * weight
        y.sum().backward()
        x.grad = None

    return run


PASSES = {"pointwise": pointwise, "layers": layers, "products": products}


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The most that was in memory within a ``with`` block, looked at every half millisecond."""

    def __enter__(self) -> Peak:
        self.most = resident()
        self._running = True
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while self._running:
            self.most = max(self.most, resident())
            time.sleep(0.0005)

    def __exit__(self, *exc: object) -> None:
        self._running = False
        self._thread.join()


def measured(library: str, name: str) -> float:
    """By how many activations a pass raises the memory of this process."""
    torch: Any = __import__(library)
    if library == "torch":
        torch.set_num_threads(1)
    run = PASSES[name](torch)
    small = torch.ones(2, requires_grad=True)
    small.exp().sum().backward()  # what is loaded on first use is not counted
    before = resident()
    with Peak() as peak:
        run()
    return (peak.most - before) / (ROWS * COLUMNS * 4)


def in_a_process(library: str, name: str) -> float:
    """The same, measured in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["MALLOC_MMAP_THRESHOLD_"] = str(MEGABYTE)  # freed memory goes back at once
    found = subprocess.run(
        [sys.executable, __file__, "--measure", library, name],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return float(found.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(measured(*arguments.measure))
        return
    table = {
        name: {library: in_a_process(library, name) for library in ("gradlab", "torch")}
        for name in PASSES
    }
    if arguments.json:
        print(json.dumps(table, indent=2))
        return
    print(f"peak of a pass through {LAYERS} layers, in activations of {ROWS * COLUMNS * 4} bytes")
    for name, peaks in table.items():
        ours, theirs = peaks["gradlab"], peaks["torch"]
        print(f"{name:10} gradlab {ours:7.1f}  torch {theirs:7.1f}  ratio {ours / theirs:.3f}")


if __name__ == "__main__":
    main()
