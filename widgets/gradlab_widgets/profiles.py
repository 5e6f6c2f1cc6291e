"""Profiles: what a profiler of gradlab or PyTorch recorded, as calls and as times of nodes.

Both libraries' profilers keep events of one form: a name, when it began and ended, and the number
of the graph's node that it made or, in a backward pass, ran.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gradlab_widgets.trace import clean
from gradlab_widgets.walk import graph_of

__all__ = ["BACKWARD", "BLOCK", "FORWARD", "PHASES", "Call", "calls_of", "node_times"]

PHASES = ("forward", "backward", "block")
FORWARD, BACKWARD, BLOCK = range(3)
_ENGINE = "autograd::engine::"
_STEP = f"{_ENGINE}evaluate_function: "


@dataclass(slots=True)
class Call:
    """One event, in microseconds since the profile began."""

    name: str
    start: float
    end: float
    thread: int
    phase: int
    parent: int | None  # among the calls of its thread
    depth: int
    own: float


def calls_of(prof: Any, what: str) -> list[Call]:
    """Each event with its caller, of which it is a part in time in the same thread.

    What the engine does around each node is left out: the node stands there in its stead.
    """
    events = _events(prof, what)
    calls: list[Call] = []
    around: dict[int, list[int]] = defaultdict(list)  # the calls of each thread that still run
    backward_until: dict[int, float] = {}
    begin = min((event.time_range.start for event in events), default=0.0)
    for event in events:
        start, end = event.time_range.start - begin, event.time_range.end - begin
        thread = event.thread
        if event.name.startswith(_STEP):
            backward_until[thread] = end
            continue
        running = around[thread]
        while running and (calls[running[-1]].end < end or calls[running[-1]].end <= start):
            running.pop()
        depth = 0
        if running:
            caller = calls[running[-1]]
            caller.own -= end - start
            depth = caller.depth + 1
        phase = _phase(event, start < backward_until.get(thread, -math.inf))
        parent = running[-1] if running else None
        name = _short(event.name)
        calls.append(Call(name, start, end, thread, phase, parent, depth, end - start))
        running.append(len(calls) - 1)
    return calls


def _events(prof: Any, what: str) -> Sequence[Any]:
    """The events of a profile, in the order in which they began."""
    found = prof
    for name in ("events", "function_events"):
        if hasattr(prof, name):
            found = getattr(prof, name)
            found = found() if callable(found) else found
            break
    if found is None:
        raise RuntimeError(f"{what}: the profiler still runs, or was never entered")
    events: list[Any] = list(found) if isinstance(found, Iterable) else [None]
    if not all(hasattr(event, "time_range") and hasattr(event, "sequence_nr") for event in events):
        raise TypeError(
            f"{what} takes a profile of gradlab or PyTorch that has ended, or its events(), but "
            f"got {type(prof).__name__}"
        )
    on_cpu = [event for event in events if str(event.device_type).endswith("CPU")]
    return sorted(on_cpu, key=lambda event: (event.time_range.start, -event.time_range.end))


def _phase(event: Any, in_backward: bool) -> int:
    """A block of the user's, part of a backward pass, or forward."""
    if event.scope == 7 or getattr(event, "is_user_annotation", False):
        return BLOCK
    in_backward = in_backward or event.scope == 1 or event.name.startswith(_ENGINE)
    return BACKWARD if in_backward else FORWARD


def _short(name: str) -> str:
    """An operation's name without the words in front that all have."""
    for common in ("aten::", "torch::autograd::", "autograd::"):
        name = name.removeprefix(common)
    return clean(name)


def node_times(prof: Any, x: Any, what: str) -> dict[str, list[int | None]]:
    """The nanoseconds that nodes in the trace of `x` took forward and backward; None: not seen.

    Raises ValueError where the profile saw none of the graph's nodes.
    """
    forward: dict[int, int] = {}
    backward: dict[int, int] = defaultdict(int)
    for event in _events(prof, what):
        if event.sequence_nr < 0 or event.name.startswith(_STEP):
            continue
        took = round(1000 * (event.time_range.end - event.time_range.start))
        if event.scope == 1:
            backward[event.sequence_nr] += took
        else:  # of calls inside each other the last to begin made the node
            forward[event.sequence_nr] = took
    rows: list[int | None] = []
    for found in graph_of(x, what).found:
        # a variable has a row of its own before that of what adds to its .grad
        rows += [None, None] if found.accumulates else [found.node._sequence_nr()]
    seen = [(row, nr) for row, nr in enumerate(rows) if nr in forward or nr in backward]
    if not seen:
        raise ValueError(
            f"{what}: the profile saw none of this graph's nodes; let the profiler run around the "
            "computation and its backward()"
        )
    return {
        "node": [row for row, _ in seen],
        "forward": [forward.get(nr) for _, nr in seen if nr is not None],
        "backward": [backward.get(nr) for _, nr in seen if nr is not None],
    }
