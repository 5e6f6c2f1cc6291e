"""What a profile consists of: events, what becomes of many of them, and the table they print as."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

__all__ = [
    "DeviceType",
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "Interval",
    "Kernel",
]


class DeviceType(Enum):
    """Where something ran.

    >>> DeviceType.CUDA
    DeviceType.CUDA
    """

    CPU = 0
    CUDA = 1

    def __repr__(self) -> str:
        return str(self)


class Interval(NamedTuple):
    """A stretch of time, in microseconds since the profile began.

    >>> Interval(2.0, 5.5).elapsed_us()
    3.5
    """

    start: float
    end: float

    def elapsed_us(self) -> float:
        """How long it is."""
        return self.end - self.start


class Kernel(NamedTuple):
    """Work on a GPU: what it is called, the GPU's number, and how many microseconds it took."""

    name: str
    device: int
    duration: float


# ------------------------------------------------------------------ numbers as text


def _time_text(us: float, unit: str | None = None) -> str:
    """A time in the largest unit that leaves a digit before the point, or in ``unit``."""
    if unit == "s" or (unit is None and us >= 1e6):
        return f"{us / 1e6:.3f}s"
    if unit == "ms" or (unit is None and us >= 1e3):
        return f"{us / 1e3:.3f}ms"
    return f"{us:.3f}us"


def _share_text(us: float, total: float) -> str:
    return "NaN" if total == 0 else f"{us * 100.0 / total:.2f}%"


def _memory_text(nbytes: int) -> str:
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if abs(nbytes) >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} B"


def _as_text(name: str) -> Any:
    return property(lambda self: _time_text(getattr(self, name)), doc=f"``{name}`` with its unit.")


class _Times:
    """What events and their averages know of times."""

    count: int
    cpu_time_total: Any
    device_time_total: Any

    cpu_time_str = _as_text("cpu_time")
    device_time_str = _as_text("device_time")
    cpu_time_total_str = _as_text("cpu_time_total")
    device_time_total_str = _as_text("device_time_total")
    self_cpu_time_total_str = _as_text("self_cpu_time_total")
    self_device_time_total_str = _as_text("self_device_time_total")

    @property
    def cpu_time(self) -> float:
        """Microseconds that one call took on the CPU, on average."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        """Microseconds that one call took on the GPU, on average."""
        return self.device_time_total / self.count if self.count else 0.0


# ------------------------------------------------------------------ one call


@dataclass(eq=False, repr=False)
class FunctionEvent(_Times):
    """One call of an operation, one node run by a backward pass, or one ``record_function`` block.

    ``time_range`` is in microseconds since the profile began. ``sequence_nr`` is the number of the
    node that the call recorded or, in a backward pass, ran: so both have the same. -1: no node.
    Times and memory named ``self_…`` are without what ``cpu_children`` took.

    >>> event = FunctionEvent(id=1, name="aten::mul", thread=1, start_us=2.0, end_us=5.5)
    >>> event.cpu_time_total, event.cpu_time_str
    (3.5, '3.500us')
    """

    id: int
    name: str
    thread: int
    start_us: float
    end_us: float
    fwd_thread: int | None = None
    input_shapes: list[Any] = field(default_factory=list)
    concrete_inputs: list[Any] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    scope: int = 0  # 0: an operation; 1: a node's backward; 7: a block of the user's
    use_device: str | None = None
    cpu_memory_usage: int = 0
    device_memory_usage: int = 0
    sequence_nr: int = -1
    device_type: DeviceType = DeviceType.CPU
    device_index: int = 0
    is_async: bool = False
    is_remote: bool = False
    is_legacy: bool = False
    is_user_annotation: bool = False
    node_id: int = -1
    flops: int = 0
    overload_name: str = ""
    trace_name: str | None = None

    def __post_init__(self) -> None:
        self.time_range = Interval(self.start_us, self.end_us)
        self.trace_name = self.trace_name or self.name
        self.kernels: list[Kernel] = []
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None
        self.count = 1

    @property
    def key(self) -> str:
        """What events are put together by: the name."""
        return self.name

    @property
    def cpu_time_total(self) -> float:
        """Microseconds from beginning to end."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds without those of the calls that this one made."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def device_time_total(self) -> float:
        """Microseconds on the GPU."""
        own = sum(kernel.duration for kernel in self.kernels)
        return own + sum(child.device_time_total for child in self.cpu_children)

    @property
    def self_device_time_total(self) -> float:
        """Microseconds on the GPU without those of the calls that this one made."""
        return sum(kernel.duration for kernel in self.kernels)

    @property
    def self_cpu_memory_usage(self) -> int:
        """Bytes without those of the calls that this one made."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    @property
    def self_device_memory_usage(self) -> int:
        """Bytes on the GPU without those of the calls that this one made."""
        children = sum(child.device_memory_usage for child in self.cpu_children)
        return self.device_memory_usage - children

    def append_kernel(self, name: str, device: int, duration: float) -> None:
        """Add work on a GPU."""
        self.kernels.append(Kernel(name, device, duration))

    def append_cpu_child(self, child: FunctionEvent) -> None:
        """Add a call that this one made."""
        self.cpu_children.append(child)
        child.cpu_parent = self

    def __repr__(self) -> str:
        device = self.use_device
        return (
            f"<FunctionEvent id={self.id} name={self.name} overload_name={self.overload_name} "
            f"device_type={self.device_type} node_id={self.node_id} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start} end_us={self.time_range.end} "
            f"cpu_children={[child.id for child in self.cpu_children]} "
            f"{device}_time={self.device_time_str} name={self.name} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} "
            f"{device}_memory_usage={self.device_memory_usage} is_async={self.is_async} "
            f"is_remote={self.is_remote} seq_nr={self.sequence_nr} is_legacy={self.is_legacy}>"
        )


# ------------------------------------------------------------------ many calls


# What is added up, and what the first call decides.
_SUMS = (
    *("cpu_time_total", "self_cpu_time_total", "device_time_total", "self_device_time_total"),
    *("cpu_memory_usage", "self_cpu_memory_usage"),
    *("device_memory_usage", "self_device_memory_usage", "count", "flops"),
)
_SHARED = (
    *("node_id", "is_async", "is_remote", "is_legacy", "is_user_annotation", "overload_name"),
    *("cpu_parent", "cpu_children", "input_shapes", "stack", "scope", "device_type", "use_device"),
)


class FunctionEventAvg(_Times):
    """What several calls of one name took together, and (``cpu_time``) each on average."""

    self_cpu_time_total: float
    self_device_time_total: float
    cpu_memory_usage: int
    device_memory_usage: int
    self_cpu_memory_usage: int
    self_device_memory_usage: int
    flops: int

    def __init__(self) -> None:
        self.key: str | None = None
        self.input_shapes: Any = None
        self.stack: list[str] = []
        self.overload_name: str | None = None
        self.use_device: str | None = None
        for name in _SUMS:
            setattr(self, name, 0)

    def add(self, other: Any) -> FunctionEventAvg:
        """Count in one call more, or several. Raises AssertionError for one of another name."""
        if self.key is None:
            self.key = other.key
            for name in _SHARED:
                setattr(self, name, getattr(other, name))
        if other.key != self.key:
            raise AssertionError(f"Expected keys to match, but got {other.key} vs {self.key}")
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        device = self.use_device or "cuda"
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str}  self_{device}_time={self.self_device_time_total_str} "
            f"{device}_time={self.device_time_str} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage} "
            f"{device}_memory_usage={self.device_memory_usage}>"
        )


class EventList(list[Any]):
    """Events in the order in which they began, or averages; prints as a table.

    >>> events = EventList([FunctionEvent(1, "aten::mul", 1, 2.0, 5.5)])
    >>> events.self_cpu_time_total
    3.5
    """

    def __init__(
        self,
        events: Iterable[Any] = (),
        *,
        use_device: str | None = None,
        profile_memory: bool = False,
        with_flops: bool = False,
    ) -> None:
        super().__init__(events)
        self._use_device = use_device
        self._profile_memory = profile_memory
        self._with_flops = with_flops

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all, each counted once."""
        return float(sum(event.self_cpu_time_total for event in self))

    def _like(self, events: Iterable[Any]) -> EventList:
        return EventList(
            events,
            use_device=self._use_device,
            profile_memory=self._profile_memory,
            with_flops=self._with_flops,
        )

    def key_averages(
        self,
        group_by_input_shapes: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """One entry per name, in the order of the first calls.

        ``group_by_input_shapes``: one for each name and shapes; ``group_by_stack_n``: one for each
        name and the innermost that many lines of the call stack.
        """
        groups: dict[Any, FunctionEventAvg] = {}
        for event in self:
            key = [event.key, event.node_id, event.is_user_annotation, event.device_type]
            if group_by_input_shapes:
                key.append(str(event.input_shapes))
            key += event.stack[:group_by_stack_n] if group_by_stack_n > 0 else []
            groups.setdefault(tuple(key), FunctionEventAvg()).add(event)
        for group in groups.values():
            group.stack = group.stack[:group_by_stack_n]
            if not group_by_input_shapes:
                group.input_shapes = ""
            if not group_by_overload_name:
                group.overload_name = ""
        return self._like(groups.values())

    def total_average(self) -> FunctionEventAvg:
        """All events as one, called "Total"."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
            total.key = None
        total.key = "Total"
        return total

    def __str__(self) -> str:
        return self.table()

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int | None = 75,
        max_name_column_width: int | None = 55,
        max_shapes_column_width: int | None = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as a table, a line for each.

        ``sort_by``: a time, a memory usage or ``count``, the largest first; ``row_limit``: at most
        so many lines, -1 for all; ``time_unit``: "s", "ms" or "us" for all times.
        ``top_level_events_only`` leaves out calls that were made by another event. Raises
        AttributeError for a ``sort_by`` that events don't have.
        """
        if not self:
            return ""
        events = list(self)
        if sort_by is not None:
            attribute = sort_by.replace("cuda", "device")
            events.sort(key=lambda event: getattr(event, attribute), reverse=True)
        columns = _columns(
            events,
            time_unit,
            self._use_device or events[0].use_device,
            self._profile_memory,
            (max_name_column_width, max_shapes_column_width, max_src_column_width),
        )
        shown = [e for e in events if not (top_level_events_only and e.cpu_parent is not None)]
        rule = "".join("-" * column.width + "  " for column in columns)
        lines = []
        if header is not None:
            lines += ["=" * (len(rule) - 2), header]
        if top_level_events_only:
            lines += ["=" * (len(rule) - 2), "This report only display top-level ops statistics"]
        lines += [rule, _line(columns, [column.title for column in columns]), rule]
        for event in shown if row_limit < 0 else shown[:row_limit]:
            lines += _rows(columns, event)
        lines += [rule, "Self CPU time total: " + _time_text(_own(events), time_unit)]
        on_device = _own_on_device(events)
        if on_device > 0:
            device = (events[0].use_device or "None").upper()
            lines.append(f"Self {device} time total: " + _time_text(on_device, time_unit))
        return "\n".join(lines) + "\n"

    # ------------------------------------------------------------------ files

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events as a file for https://ui.perfetto.dev or chrome://tracing."""
        Path(path).write_text(json.dumps(chrome_trace(self)), encoding="utf-8")

    def supported_export_stacks_metrics(self) -> list[str]:
        """What ``export_stacks`` takes for ``metric``."""
        return ["self_cpu_time_total", "self_cuda_time_total"]

    def export_stacks(self, path: str | os.PathLike[str], metric: str) -> None:
        """Write a line per event, the call stack and a time, as tools for flame graphs read them.

        Raises ValueError for another metric than ``supported_export_stacks_metrics()``.
        """
        known = self.supported_export_stacks_metrics()
        if metric not in known:
            raise ValueError(f"metric should be one of: {known}, and this is {metric!r}")
        attribute = metric.replace("cuda", "device")
        as_one_word = str.maketrans(" ;\t\n", "____")
        lines = []
        for event in self:
            time = int(getattr(event, attribute))
            if event.stack and time > 0:
                frames = ";".join(entry.translate(as_one_word) for entry in reversed(event.stack))
                lines.append(f"{frames} {time}\n")
        Path(path).write_text("".join(lines), encoding="utf-8")


# ------------------------------------------------------------------ the table


@dataclass
class _Column:
    """A column: its title, its width, and what it says of an event."""

    title: str
    width: int
    text: Callable[[Any], Any]
    left: bool = False


_WIDTH = 12


def _own(events: Sequence[Any]) -> float:
    return float(sum(event.self_cpu_time_total for event in events))


def _own_on_device(events: Sequence[Any]) -> float:
    return float(sum(event.self_device_time_total for event in events))


def _columns(
    events: Sequence[Any],
    unit: str | None,
    device: str | None,
    memory: bool,
    limits: tuple[int | None, int | None, int | None],
) -> list[_Column]:
    name_limit, shapes_limit, source_limit = limits

    def time(attribute: str) -> Callable[[Any], str]:
        return lambda event: _time_text(getattr(event, attribute), unit)

    def share(attribute: str, total: float) -> Callable[[Any], str]:
        return lambda event: _share_text(getattr(event, attribute), total)

    def memory_of(attribute: str) -> Callable[[Any], str]:
        return lambda event: _memory_text(getattr(event, attribute))

    def plain(title: str, text: Callable[[Any], Any]) -> _Column:
        return _Column(title, _WIDTH, text)

    total, on_device = _own(events), _own_on_device(events)
    width = _limited(max(len(event.key) for event in events) + 4, name_limit)
    columns = [
        _Column("Name", width, lambda event: _cut(event.key, name_limit)),
        plain("Self CPU %", share("self_cpu_time_total", total)),
        plain("Self CPU", time("self_cpu_time_total")),
        plain("CPU total %", share("cpu_time_total", total)),
        plain("CPU total", time("cpu_time_total")),
        plain("CPU time avg", time("cpu_time")),
    ]
    title = (device or "None").upper()
    if on_device > 0:
        columns += [
            plain(f"Self {title}", time("self_device_time_total")),
            plain(f"Self {title} %", share("self_device_time_total", on_device)),
            plain(f"{title} total", time("device_time_total")),
            plain(f"{title} time avg", time("device_time")),
        ]
    if memory:
        columns += [
            plain("CPU Mem", memory_of("cpu_memory_usage")),
            plain("Self CPU Mem", memory_of("self_cpu_memory_usage")),
        ]
        if device and any(event.self_device_memory_usage > 0 for event in events):
            columns += [
                plain(f"{title} Mem", memory_of("device_memory_usage")),
                plain(f"Self {title} Mem", memory_of("self_device_memory_usage")),
            ]
    columns.append(plain("# of Calls", lambda event: event.count))
    if any(event.input_shapes for event in events):
        longest = max(len(str(event.input_shapes)) for event in events) + 4
        width = _limited(longest, shapes_limit)
        columns.append(
            _Column("Input Shapes", width, lambda event: str(event.input_shapes)[:width])
        )
    if any(event.stack for event in events):
        longest = max(len(entry) for event in events for entry in event.stack) + 4
        columns.append(
            _Column("Source Location", _limited(longest, source_limit), lambda _: "", left=True)
        )
    return columns


def _limited(width: int, limit: int | None) -> int:
    return width if limit is None else min(width, limit)


def _cut(name: str, limit: int | None) -> str:
    return name if limit is None or len(name) < limit - 3 else name[: limit - 3] + "..."


def _line(columns: Sequence[_Column], values: Sequence[Any]) -> str:
    cells = [
        f"{value: <{column.width}}" if column.left else f"{value: >{column.width}}"
        for column, value in zip(columns, values, strict=True)
    ]
    return "".join(cell + "  " for cell in cells)


def _rows(columns: Sequence[_Column], event: Any) -> list[str]:
    """The lines of one event: several where its call stack is shown."""
    values = [column.text(event) for column in columns]
    if not columns[-1].left:
        return [_line(columns, values)]
    empty = [""] * len(columns)
    stack = [_end_of(entry, columns[-1].width) for entry in event.stack] or [""]
    firsts = [values, *([empty] * (len(stack) - 1))]
    lines = [_line(columns, [*v[:-1], s]) for v, s in zip(firsts, stack, strict=True)]
    return [*lines, _line(columns, empty)]


def _end_of(entry: str, width: int) -> str:
    """The last ``width`` letters of a place in the source, where the file's name is."""
    return entry if len(entry) <= width else "..." + entry[len(entry) - width + 3 :]


# ------------------------------------------------------------------ the trace


def chrome_trace(events: Iterable[FunctionEvent], origin_us: float = 0.0) -> dict[str, Any]:
    """The events in Chrome's trace event format; an arrow leads from forward to backward.

    ``origin_us`` is added to all times: when the profile began, on a clock shared with others.
    """
    pid = os.getpid()
    out: list[dict[str, Any]] = []

    def describe(what: str, tid: int, **args: Any) -> None:
        out.append(dict(ph="M", name=what, ts=origin_us, pid=pid, tid=tid, args=args))

    events = list(events)
    describe("process_name", 0, name="python")
    describe("process_labels", 0, labels="CPU")
    for thread in sorted({event.thread for event in events}):
        describe("thread_name", thread, name=f"thread {thread}")
    for event in events:
        out.append(
            dict(
                ph="X",
                cat="user_annotation" if event.is_user_annotation else "cpu_op",
                name=event.trace_name,
                pid=pid,
                tid=event.thread,
                ts=origin_us + event.time_range.start,
                dur=event.time_range.elapsed_us(),
                args=_trace_arguments(event),
            )
        )
    for forward, backward in _recorded_and_run(events):
        place = dict(cat="fwdbwd", name="fwdbwd", id=backward.id, pid=pid)
        out += [
            dict(place, ph="s", tid=forward.thread, ts=origin_us + forward.time_range.start),
            dict(
                place,
                ph="f",
                bp="e",
                tid=backward.thread,
                ts=origin_us + backward.time_range.start,
            ),
        ]
    return dict(schemaVersion=1, displayTimeUnit="ms", traceEvents=out)


def _trace_arguments(event: FunctionEvent) -> dict[str, Any]:
    found: dict[str, Any] = {"External id": event.id}
    if event.sequence_nr >= 0:
        found["Sequence number"] = event.sequence_nr
        found["Fwd thread id"] = event.fwd_thread or 0
    if event.input_shapes:
        found["Input Dims"] = event.input_shapes
    if event.stack:
        found["Call stack"] = ";".join(event.stack)
    return found


def _recorded_and_run(
    events: Sequence[FunctionEvent],
) -> Iterable[tuple[FunctionEvent, FunctionEvent]]:
    """Pairs of the call that recorded a node, and the run of this node in a backward pass."""
    # Of a call and those it made, the one that began last made the node.
    recorded = {e.sequence_nr: e for e in events if e.scope == 0 and not e.fwd_thread}
    for event in events:
        if event.scope == 1 and event.sequence_nr in recorded and event.sequence_nr >= 0:
            yield recorded[event.sequence_nr], event
