"""Timelines: every call that a profiler recorded, and the time of each operation by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gradlab_widgets.chart import Chart
from gradlab_widgets.evaluate import CHART_SCHEMA
from gradlab_widgets.profiles import BACKWARD, FORWARD, PHASES, Call, calls_of

__all__ = ["timeline"]

_MOST = 4000  # calls that are sent to the browser


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
    calls = calls_of(prof, "timeline(prof)")
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
        "phases": list(PHASES),
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


def _added_up(calls: Iterable[Call]) -> dict[tuple[str, int], tuple[float, int]]:
    """For each operation and phase the time by itself, and how often it was called."""
    sums: dict[tuple[str, int], tuple[float, int]] = {}
    for call in calls:
        own, count = sums.get((call.name, call.phase), (0.0, 0))
        sums[call.name, call.phase] = (own + max(call.own, 0.0), count + 1)
    return sums


def _longest(calls: Sequence[Call]) -> list[Call]:
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
    parts = [f"{PHASES[phase]} {_time(totals[phase])}" for phase in (FORWARD, BACKWARD)]
    return f"{count} calls: {', '.join(parts)}"


def _time(us: float) -> str:
    for size, unit in ((1e6, "s"), (1e3, "ms")):
        if us >= size:
            return f"{us / size:.3g} {unit}"
    return f"{us:.3g} µs"
