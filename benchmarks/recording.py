"""What it costs to record a backward pass for the widgets, and how much room a trace takes.

A chain of small operations runs its backward pass plainly, under `record()`, and is rehearsed by
`trace()`, in turns. The difference to the plain pass, by node, is what recording adds: `record()`
only copies what goes by; a trace with formulas and sentences is written when it is asked for.
"""

from __future__ import annotations

import functools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import gradlab
import gradlab_widgets as gw

TITLE = "Recording a pass over 2×3 tensors, microseconds a node"
TARGET = 15.0  # microseconds that recording may add to a node
ROOM = 1_000_000  # bytes that a trace of 10,000 nodes may take
NODES = 4_000
SHAPES = {"2": (2,), "2×3": (2, 3), "100": (100,)}
DTYPES = ("float32", "float64")

Timed = Callable[[Mapping[str, Callable[[], Any]], int], dict[str, list[float]]]


def chain(lib: ModuleType, nodes: int, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    """A result of about so many small operations, with numbers that are all different."""
    lib.manual_seed(0)
    rand = functools.partial(lib.rand, shape, dtype=getattr(lib, dtype))
    y = rand(requires_grad=True)
    for _ in range(nodes // 4):
        y = lib.sin(y * (1 + rand() / 5)) + rand()
        y = y * (1 + rand() / 100)
    return y.sum()


def contestants(lib: ModuleType) -> dict[str, Callable[[], Any]]:
    """A plain pass, a recorded one, a trace of that, and a trace of a rehearsal."""
    out = chain(lib, NODES, (2, 3))

    def plain() -> None:
        out.backward(retain_graph=True)

    def recorded() -> gw.record:
        with gw.record() as r:
            out.backward(retain_graph=True)
        return r

    return {
        "plain": plain,
        "recorded": recorded,
        "recorded and written": lambda: recorded().trace,
        "rehearsed and written": lambda: gw.trace(out),
    }


def measured(timed: Timed, torch: ModuleType | None, rounds: int) -> dict[str, Any]:
    """Microseconds that each way adds to a node, and bytes of traces of 10,000 nodes."""
    added: dict[str, dict[str, float]] = {}
    for name, lib in {"gradlab": gradlab, **({"torch": torch} if torch else {})}.items():
        times = timed(contestants(lib), rounds)
        plain = times.pop("plain")
        added[name] = {"plain": statistics.median(plain) / NODES * 1e6}
        for way, seconds in times.items():
            more = [one - other for one, other in zip(seconds, plain, strict=True)]
            added[name][way] = statistics.median(more) / NODES * 1e6
            added[name][f"{way}, least"] = (min(seconds) - min(plain)) / NODES * 1e6
    room = {
        f"{name} of {dtype}": _room(chain(gradlab, 10_000, shape, dtype))
        for dtype in DTYPES
        for name, shape in SHAPES.items()
    }
    return {"added_us": added, "bytes_of_10000_nodes": room}


def _room(out: Any) -> int:
    """Bytes that the trace of a pass takes in a notebook."""
    return len(json.dumps(gw.trace(out).to_json(), ensure_ascii=False).encode())


def table(report: Mapping[str, Any]) -> str:
    """What was measured, as a table."""
    ways: Sequence[str] = list(next(iter(report["added_us"].values())))
    lines = [
        f"### {TITLE}\n",
        f"The plain pass, and what is added to it; recording is to add at most {TARGET:.0f}.\n",
        f"| | {' | '.join(ways)} |",
        "|---|" + "---:|" * len(ways),
    ]
    for library, added in report["added_us"].items():
        lines.append(f"| {library} | {' | '.join(f'{added[way]:.1f}' for way in ways)} |")
    rooms = report["bytes_of_10000_nodes"].items()
    sizes = "; ".join(f"{name}: {size / 1000:.0f} kB" for name, size in rooms)
    lines.append(f"\nA trace of 10,000 nodes, by shape (at most {ROOM / 1000:.0f} kB): {sizes}.")
    return "\n".join(lines)
