"""Profiles: what a profiler of gradlab or PyTorch recorded, as a timeline and as times of nodes.

Both libraries' profilers keep events of one form: a name, when it began and ended, which calls it
made, and the number of the graph's node that it made or, in a backward pass, ran.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab_widgets.chart import Chart
from gradlab_widgets.evaluate import CHART_SCHEMA
from gradlab_widgets.trace import clean

__all__ = ["node_times", "timeline"]

_MOST = 4000  # calls that are sent to the browser
_PHASES = ("forward", "backward", "block")
_FORWARD, _BACKWARD, _BLOCK = range(3)
_ENGINE = "autograd::engine::"
_STEP = f"{_ENGINE}evaluate_function: "


@dataclass(slots=True)
class _Call:
    """One event, in microseconds since the profile began."""

    name: str
    start: float
    end: float
    thread: int
    phase: int
    parent: int | None  # among the calls of its thread
    depth: int
    own: float


def timeline(prof: Any) -> Chart:
    """Show a profile as a timeline: every call as a bar, with the calls it made below it.

    `prof` is what a profiler of gradlab or PyTorch recorded: a `profile` that has ended, or its
    `events()`. Forward operations, those of backward passes and `record_function` blocks are told
    apart; times are also added up for each operation by itself, without the calls it made.

    Raises TypeError for anything else, RuntimeError where the profiler still runs.

    >>> import gradlab as gl
    >>> x = gl.ones(3, requires_grad=True)
    >>> with gl.autograd.profiler.profile() as prof:
    ...     (x * x).sum().backward()
    >>> shown = timeline(prof)
    >>> [shown.payload["names"][name] for name in shown.payload["events"]["name"]][:2]
    ['mul', 'sum']
    """
    events = _events(prof, "timeline(prof)")
    calls = _calls(events)
    ops = _added_up(calls)
    note = ""
    if len(calls) > _MOST:
        note = f"The {_MOST} longest of {len(calls)} calls are shown; all are in the sums."
        calls = _longest(calls)
    names = list(dict.fromkeys(call.name for call in calls))
    names += [name for name in dict.fromkeys(name for name, _ in ops) if name not in set(names)]
    place = {name: at for at, name in enumerate(names)}
    threads = sorted({call.thread for call in calls}, key=[c.thread for c in calls].index)
    lanes = {thread: at for at, thread in enumerate(threads)}
    columns: dict[str, list[Any]] = {
        "name": [place[call.name] for call in calls],
        "start": [round(call.start, 3) for call in calls],
        "end": [round(call.end, 3) for call in calls],
        "self": [round(call.own, 3) for call in calls],
        "depth": [call.depth for call in calls],
        "parent": [call.parent for call in calls],
        "lane": [lanes[call.thread] for call in calls],
        "phase": [call.phase for call in calls],
    }
    deepest = [max(c.depth for c in calls if c.thread == thread) + 1 for thread in threads]
    ranked = sorted(ops.items(), key=lambda item: -item[1][0])
    payload = {
        "schema": CHART_SCHEMA,
        "names": names,
        "phases": list(_PHASES),
        "lanes": {"name": [f"thread {at + 1}" for at in range(len(threads))], "depth": deepest},
        "events": columns,
        "ops": {
            "name": [place[name] for (name, _), _ in ranked],
            "phase": [phase for (_, phase), _ in ranked],
            "self": [round(own, 3) for _, (own, _) in ranked],
            "calls": [count for _, (_, count) in ranked],
        },
        "title": _summary(ops),
        "note": note,
    }
    return Chart("timeline", payload, len(calls))


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
    events = list(found) if isinstance(found, Iterable) else [None]
    if not all(hasattr(event, "time_range") and hasattr(event, "sequence_nr") for event in events):
        raise TypeError(
            f"{what} takes a profile of gradlab or PyTorch that has ended, or its events(), but "
            f"got {type(prof).__name__}"
        )
    on_cpu = [event for event in events if str(event.device_type).endswith("CPU")]
    return sorted(on_cpu, key=lambda event: (event.time_range.start, -event.time_range.end))


# ---------------------------------------------------------------------- calls


def _calls(events: Sequence[Any]) -> list[_Call]:
    """Each event with its caller, of which it is a part in time in the same thread.

    What the engine does around each node is left out: the node stands there in its stead.
    """
    calls: list[_Call] = []
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
        calls.append(_Call(name, start, end, thread, phase, parent, depth, end - start))
        running.append(len(calls) - 1)
    return calls


def _phase(event: Any, in_backward: bool) -> int:
    """A block of the user's, part of a backward pass, or forward."""
    if event.scope == 7 or getattr(event, "is_user_annotation", False):
        return _BLOCK
    in_backward = in_backward or event.scope == 1 or event.name.startswith(_ENGINE)
    return _BACKWARD if in_backward else _FORWARD


def _short(name: str) -> str:
    """An operation's name without the words in front that all have."""
    for common in ("aten::", "torch::autograd::", "autograd::"):
        name = name.removeprefix(common)
    return clean(name)


def _added_up(calls: Iterable[_Call]) -> dict[tuple[str, int], tuple[float, int]]:
    """For each operation and phase the time by itself, and how often it was called."""
    sums: dict[tuple[str, int], tuple[float, int]] = {}
    for call in calls:
        own, count = sums.get((call.name, call.phase), (0.0, 0))
        sums[call.name, call.phase] = (own + max(call.own, 0.0), count + 1)
    return sums


def _longest(calls: Sequence[_Call]) -> list[_Call]:
    """The longest calls, in their order; a caller is never shorter than a call it made."""
    lengths = np.array([call.end - call.start for call in calls])
    kept = np.sort(np.argsort(-lengths, kind="stable")[:_MOST]).tolist()
    place = {old: new for new, old in enumerate(kept)}
    for old in kept:
        parent = calls[old].parent
        calls[old].parent = None if parent is None else place.get(parent)
    return [calls[old] for old in kept]


def _summary(ops: dict[tuple[str, int], tuple[float, int]]) -> str:
    """The profile in a sentence."""
    totals = [sum(own for (_, of), (own, _) in ops.items() if of == phase) for phase in range(3)]
    count = sum(count for _, count in ops.values())
    parts = [f"{_PHASES[phase]} {_time(totals[phase])}" for phase in (_FORWARD, _BACKWARD)]
    return f"{count} calls: {', '.join(parts)}"


def _time(us: float) -> str:
    for size, unit in ((1e6, "s"), (1e3, "ms")):
        if us >= size:
            return f"{us / size:.3g} {unit}"
    return f"{us:.3g} µs"
