"""Where the time goes: ``profile`` records every operation and every node that backward runs.

>>> import gradlab as gl
>>> x = gl.ones(3, requires_grad=True)
>>> with gl.autograd.profiler.profile() as prof:
...     (x * x).sum().backward()
>>> [event.name for event in prof.function_events if event.scope == 1]
['SumBackward0', 'MulBackward0', 'torch::autograd::AccumulateGrad']

How operations are watched is in ``timed_code``; what a profile prints as, in ``profiler_util``.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeVar, cast

import numpy

from gradlab import arrays
from gradlab.autograd import timed_code
from gradlab.autograd.profiler_util import (
    EventList,
    FunctionEvent,
    FunctionEventAvg,
    chrome_trace,
)
from gradlab.autograd.timed_code import PASS, Label, running
from gradlab.graph import AccumulateGrad, Node

__all__ = ["EventList", "FunctionEvent", "emit_itt", "emit_nvtx", "profile", "record_function"]

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = str(Path(__file__).parent.parent)


# ------------------------------------------------------------------ recording

_CALL, _NODE, _BLOCK = range(3)


class _Entry(NamedTuple):
    """What is noted of one call."""

    kind: int
    name: str
    began: int  # nanoseconds
    ended: int
    order: int | None  # of the node that was recorded, or that was run
    shapes: Sequence[Sequence[int]] = ()
    memory: int | None = None  # bytes of new results; None where nobody counts them
    device_memory: int = 0
    stack: Sequence[tuple[CodeType, int]] = ()
    device_events: tuple[Any, Any] | None = None


class _Recorder:
    """Notes every call; what they mean together is worked out when somebody asks."""

    memory = False
    on_device = False

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []  # each the first fields of an _Entry, or all
        self.thread = threading.get_native_id()
        self.started = 0

    def begin(self, label: Label, args: tuple[Any, ...]) -> Any:
        return perf_counter_ns()

    def end(
        self, label: Label, begun: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        ended = perf_counter_ns()
        if type(label) is str:
            self.entries.append((_CALL, label, begun, ended, _order(result)))
        else:
            kind, name, order = _of_first(label, args, result)
            self.entries.append((kind, name, begun, ended, order))

    def end_block(self, name: str, begun: Any) -> None:
        self.entries.append((_BLOCK, name, self.time(begun), perf_counter_ns(), None))

    def time(self, begun: Any) -> int:
        """When a call began."""
        return int(begun)


class _FullRecorder(_Recorder):
    """Notes more of each call than its time."""

    def __init__(self, *, shapes: bool, memory: bool, stack: bool, on_device: bool) -> None:
        super().__init__()
        self.memory = memory
        self.on_device = on_device
        self._shapes = shapes
        self._stack = stack

    def begin(self, label: Label, args: tuple[Any, ...]) -> Any:
        stack = _frames(sys._getframe(2)) if self._stack else ()
        memory = _device_memory() if self.memory and self.on_device else 0
        event = _device_event() if self.on_device else None
        return perf_counter_ns(), stack, memory, event

    def end(
        self, label: Label, begun: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        super().end(label, begun, args, kwargs, result)
        kind, name, (began, stack, memory, event), ended, order = self.entries[-1]
        inputs = (*args, *kwargs.values())
        self.entries[-1] = (
            kind,
            name,
            began,
            ended,
            order,
            _shapes(kind, inputs) if self._shapes else (),
            _new_bytes(inputs, result) if self.memory else None,
            _device_memory() - memory if self.memory and self.on_device else 0,
            stack,
            (event, _device_event()) if self.on_device else None,
        )

    def time(self, begun: Any) -> int:
        return int(begun[0])


def _of_first(label: Any, args: tuple[Any, ...], result: Any) -> tuple[int, str, int | None]:
    """What a call is, its name and its node's place in time, where the label has to be asked."""
    name = label(args)
    if isinstance(label, timed_code.Block):
        return _BLOCK, name, None
    if not isinstance(args[0], Node):
        return _CALL, name, _order(result)
    return _NODE, name, None if type(args[0]) is AccumulateGrad else args[0].order


def _order(result: Any) -> int | None:
    """The place in time of the node that made a result."""
    if type(result) is tuple and result:
        result = result[0]
    edge = getattr(result, "_edge", None)
    return None if edge is None else edge[0].order


def _shapes(kind: int, inputs: Sequence[Any]) -> list[tuple[int, ...]]:
    """The shapes of inputs, () for what is no tensor; of a node's, those of gradients only."""
    if kind == _BLOCK:
        return []
    arrays = [getattr(value, "_array", value) for value in inputs]
    if kind == _NODE:
        arrays = [array for array in arrays[1:] if hasattr(array, "shape")]
    return [getattr(array, "shape", ()) for array in arrays]


def _new_bytes(inputs: Sequence[Any], result: Any) -> int:
    """Bytes of memory that results have to themselves: views and changed arguments have none."""
    array = getattr(result, "_array", None)
    if type(array) is numpy.ndarray and array.base is None:  # most are: 1 µs less
        known_already = any(getattr(value, "_array", None) is array for value in inputs)
        return 0 if known_already else array.nbytes
    results = result if isinstance(result, (tuple, list)) else (result,)
    known = {id(_memory(value)) for value in inputs}
    found = {id(memory): memory for memory in map(_memory, results) if memory is not None}
    return sum(int(memory.nbytes) for key, memory in found.items() if key not in known)


def _memory(value: Any) -> Any:
    """The array that a tensor's or an array's memory belongs to; None for anything else."""
    array = getattr(value, "_array", value)
    if not isinstance(array, numpy.ndarray):
        return None
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    return array


def _frames(frame: FrameType | None) -> list[tuple[CodeType, int]]:
    """The user's calls, innermost first. Their text is written only when somebody reads it."""
    found = []
    while frame is not None:
        if not frame.f_code.co_filename.startswith((_PACKAGE, "<gradlab ")):
            found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found


def _device_event() -> Any:
    event = arrays.cupy().cuda.Event()
    event.record()
    return event


def _device_memory() -> int:
    return int(arrays.cupy().get_default_memory_pool().used_bytes())


# ------------------------------------------------------------------ what it means


def _events(recorder: _Recorder) -> EventList:
    """The calls in the order in which they began, each with the calls it made."""
    entries = [_Entry(*fields) for fields in recorder.entries]
    makers = _makers(entries)
    pending: list[tuple[_Entry, FunctionEvent]] = []
    for entry in entries:  # in the order in which they ended: calls made inside come first
        event = _event(recorder, entry, entry.order is not None and makers(entry))
        inside = len(pending)
        while inside and pending[inside - 1][0].began >= entry.began:
            inside -= 1
        children = pending[inside:]
        if entry.name == PASS:
            pending[inside:] = [(entry, step) for step in _steps(event, children)]
            continue
        pending[inside:] = [(entry, event)]
        for _, child in children:
            event.append_cpu_child(child)
        _merge_only_child(event)
        if event.cpu_children and entry.memory != 0:
            _add_up_memory(event)
    found = list(_walk([event for _, event in pending]))
    _name_forward_threads(found)
    for number, event in enumerate(found, start=1):
        event.id = number
    device = "cuda" if recorder.on_device else None
    return EventList(found, use_device=device, profile_memory=recorder.memory)


def _makers(entries: Sequence[_Entry]) -> Callable[[_Entry], bool]:
    """Whether a call that returned a node's tensor is the one that recorded it, or made that one.

    The first to end is. ``x.contiguous()`` may return ``x`` itself, which another call made.
    """
    began: dict[int, int] = {}
    for entry in entries:
        if entry.kind == _CALL and entry.order is not None:
            began.setdefault(entry.order, entry.began)
    return lambda entry: entry.kind != _CALL or entry.began <= began[cast(int, entry.order)]


def _event(recorder: _Recorder, entry: _Entry, has_node: bool) -> FunctionEvent:
    event = FunctionEvent(
        id=0,
        name="ProfilerStep*" if entry.name.startswith("ProfilerStep#") else entry.name,
        trace_name=entry.name,
        thread=recorder.thread,
        start_us=(entry.began - recorder.started) / 1000,
        end_us=(entry.ended - recorder.started) / 1000,
        fwd_thread=0,
        input_shapes=[list(shape) for shape in entry.shapes],
        stack=[f"{c.co_filename}({line}): {c.co_name}" for c, line in entry.stack],
        scope={_NODE: 1, _BLOCK: 7}.get(entry.kind, 0),
        use_device="cuda" if recorder.on_device else None,
        cpu_memory_usage=entry.memory or 0,
        device_memory_usage=entry.device_memory,
        sequence_nr=-cast(int, entry.order) if has_node else -1,
        is_legacy=recorder.on_device,
        is_user_annotation=entry.kind == _BLOCK,
    )
    if entry.device_events is not None:
        begun, ended = entry.device_events
        duration = 1000 * arrays.cupy().cuda.get_elapsed_time(begun, ended)
        event.append_kernel(entry.name, 0, duration)
    return event


def _steps(run: FunctionEvent, inside: Sequence[tuple[_Entry, FunctionEvent]]) -> list[Any]:
    """A backward pass cut into what the engine did for each node, and before the first.

    A step lasts until the next node begins: what leaves a node is fitted and added up after it ran.
    """
    starts = [i for i, (entry, _) in enumerate(inside) if entry.kind == _NODE]
    found = []
    for first, last in zip([0, *starts], [*starts, len(inside)], strict=True):
        node = inside[first][1] if first in starts and first != last else None
        began = run.start_us if node is None else node.start_us
        ended = inside[last][1].start_us if last < len(inside) else run.end_us
        name = "autograd::engine::schedule" if node is None else _STEP + node.name
        step = replace(
            run, name=name, trace_name=name, start_us=began, end_us=ended, input_shapes=[]
        )
        if node is not None:
            step.sequence_nr = node.sequence_nr
        for _, child in inside[first:last]:
            step.append_cpu_child(child)
        _add_up_memory(step)
        found.append(step)
    return found


_STEP = "autograd::engine::evaluate_function: "


def _add_up_memory(event: FunctionEvent) -> None:
    event.cpu_memory_usage = sum(child.cpu_memory_usage for child in event.cpu_children)


def _merge_only_child(event: FunctionEvent) -> None:
    """Let a function that did nothing but call its namesake be one call with it."""
    if len(event.cpu_children) == 1 and event.cpu_children[0].name == event.name:
        child = event.cpu_children[0]
        event.cpu_children = []
        event.cpu_memory_usage = event.cpu_memory_usage and child.cpu_memory_usage
        for grandchild in child.cpu_children:
            event.append_cpu_child(grandchild)


def _walk(roots: Sequence[FunctionEvent]) -> Iterator[FunctionEvent]:
    stack = list(reversed(roots))
    while stack:
        event = stack.pop()
        yield event
        stack += reversed(event.cpu_children)


def _name_forward_threads(events: Sequence[FunctionEvent]) -> None:
    """Tell runs of nodes which thread recorded them, and where in the user's source."""
    recorded = {e.sequence_nr: e for e in events if e.scope == 0 and not _is_step(e)}
    for event in events:
        forward = recorded.get(event.sequence_nr) if event.sequence_nr >= 0 else None
        if forward is not None and (event.scope == 1 or _is_step(event)):
            event.fwd_thread = forward.thread
            event.stack = forward.stack


def _is_step(event: FunctionEvent) -> bool:
    return event.name.startswith(_STEP)


# ------------------------------------------------------------------ what people use


_UNFINISHED = "<unfinished torch.autograd.profile>"


class profile:
    """Record, within a ``with`` block, what each operation of this thread takes.

    ``record_shapes`` notes the shapes of inputs, ``profile_memory`` the bytes that results take
    (not when they are freed), ``with_stack`` the lines of the user's source, ``use_device="cuda"``
    the time between an operation's beginning and end on the GPU. Prints as a table; see also
    ``key_averages``, ``table`` and ``export_chrome_trace``. A call takes some microseconds longer
    while it is recorded. ``use_kineto``, ``with_modules``, ``experimental_config`` and the like
    are accepted and change nothing.

    Raises RuntimeError when entered twice, or where another profiler runs in the thread.

    >>> import gradlab as gl
    >>> with profile(record_shapes=True) as prof:
    ...     total = gl.ones(2, 3).sum()
    >>> [(event.name, event.input_shapes) for event in prof.function_events][-1]
    ('aten::sum', [[2, 3]])
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Callable[[], str] | None = None,
    ) -> None:
        if with_flops:
            raise NotImplementedError(
                "with_flops=True is not available: operations are timed, not counted in flops"
            )
        device = "cuda" if use_cuda else use_device
        if device == "cuda" and not arrays.cuda_is_available():
            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=2)
            device = None
        elif device not in (None, "cuda", "cpu"):
            raise ValueError(f"The {device} is not a valid device option: use 'cuda', or None.")
        self.enabled = enabled
        self.entered = False
        self.use_device = device if device == "cuda" else None
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.acc_events = acc_events
        self._metadata: dict[str, Any] = {}
        self._recorder: _Recorder | None = None
        self._finished: EventList | None = None
        self._earlier: list[FunctionEvent] = []

    def __enter__(self) -> profile | None:
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant: make another one")
        self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            self._stop()

    def _start(self) -> None:
        self.entered = True
        more = dict(
            shapes=self.record_shapes,
            memory=self.profile_memory,
            stack=self.with_stack,
            on_device=self.use_device is not None,
        )
        recorder = _FullRecorder(**more) if any(more.values()) else _Recorder()
        self._earlier = list(self.function_events) if self.acc_events else []
        self._finished = None
        timed_code.start(recorder)
        recorder.started = perf_counter_ns()
        self._recorder = recorder

    def _stop(self) -> None:
        timed_code.stop()
        if self.use_device:
            arrays.cupy().cuda.Device().synchronize()

    @property
    def function_events(self) -> EventList:
        """Every call, in the order in which they began; empty before the block's end."""
        if self._finished is None:
            if self._recorder is None or getattr(running, "recorder", None) is self._recorder:
                return EventList()
            self._finished = _events(self._recorder)
            self._finished += self._earlier
        return self._finished

    def __repr__(self) -> str:
        return repr(self.function_events) if self._recorder else _UNFINISHED

    def __str__(self) -> str:
        return str(self.function_events) if self._recorder else _UNFINISHED

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
        """The calls as a table, a line for each; ``key_averages().table()`` has one per name.

        ``sort_by``: a time (``"self_cpu_time_total"``), a memory usage or ``"count"``;
        ``row_limit``: -1 for all lines.
        """
        return self.function_events.table(
            sort_by,
            row_limit,
            max_src_column_width,
            max_name_column_width,
            max_shapes_column_width,
            header,
            top_level_events_only,
            time_unit,
        )

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """One entry per name (and shapes, or place in the source): how often, and how long."""
        return self.function_events.key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def total_average(self) -> FunctionEventAvg:
        """All calls as one entry, called "Total"."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all calls."""
        return self.function_events.self_cpu_time_total

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write a file for https://ui.perfetto.dev or chrome://tracing: the calls over time.

        Arrows lead from what recorded a node to where a backward pass ran it.
        """
        began = self._recorder.started / 1000 if self._recorder else 0.0
        found = chrome_trace(self.function_events, began)
        Path(path).write_text(json.dumps({**self._metadata, **found}), encoding="utf-8")

    def export_stacks(
        self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total"
    ) -> None:
        """Write call stacks and times for tools that draw flame graphs.

        Raises AssertionError without ``with_stack=True``.
        """
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        self.function_events.export_stacks(path, metric)


class record_function:
    """Show a block, or a decorated function, as an entry of its own in a profile.

    >>> import gradlab as gl
    >>> with profile() as prof, record_function("my layer"):
    ...     y = gl.ones(3).exp()
    >>> [child.name for child in prof.function_events[0].cpu_children]
    ['aten::ones', 'aten::exp']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._recorder: Any = None

    def __enter__(self) -> record_function:
        self._recorder = getattr(running, "recorder", None)
        if self._recorder is not None:
            self._begun = self._recorder.begin(self.name, ())
        return self

    def __exit__(self, *exc: object) -> None:
        if self._recorder is not None:
            self._recorder.end_block(self.name, self._begun)

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return cast(F, wrapped)


# ------------------------------------------------------------------ ranges for others' profilers


class _Ranges:
    """Tells another profiler when calls begin and end."""

    def __init__(self, push: Callable[[str], Any], pop: Callable[[], Any], shapes: bool) -> None:
        self._push = push
        self._pop = pop
        self._shapes = shapes

    def begin(self, label: Label, args: tuple[Any, ...]) -> None:
        name = label if isinstance(label, str) else label(args)
        if args and isinstance(args[0], Node) and type(args[0]) is not AccumulateGrad:
            name += f", seq = {-args[0].order}"
        if self._shapes:
            name += f", sizes = {[list(shape) for shape in _shapes(_CALL, args)]}"
        self._push(name)

    def end(self, *_: Any) -> None:
        self._pop()

    def end_block(self, name: str, begun: Any) -> None:
        self._pop()


class emit_nvtx:
    """Within a ``with`` block, make each operation a range in NVIDIA's Nsight Systems.

    Raises RuntimeError where there is no GPU, or where another profiler runs in the thread.

    >>> with emit_nvtx(enabled=False):
    ...     pass
    """

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled = enabled
        self.entered = False
        self.record_shapes = record_shapes

    def __enter__(self) -> emit_nvtx | None:
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("NVTX annotation context manager is not reentrant: make another one")
        nvtx = arrays.cupy().cuda.nvtx
        timed_code.start(_Ranges(nvtx.RangePush, nvtx.RangePop, self.record_shapes))
        self.entered = True
        return self

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            timed_code.stop()


class emit_itt:
    """What makes ranges for Intel's VTune in PyTorch; not available, unless it is not enabled.

    >>> with emit_itt(enabled=False):
    ...     pass
    """

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        if enabled:
            raise NotImplementedError(
                "emit_itt() needs Intel's ITT library, which gradlab does not use. Use profile() "
                "and export_chrome_trace(), or emit_nvtx() with a GPU."
            )

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None
