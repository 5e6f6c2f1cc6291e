"""``profile`` with a schedule: which steps of a loop to record, and what to do with them."""

from __future__ import annotations

import gzip
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Any

from gradlab import arrays
from gradlab.autograd.profiler import profile as _profile
from gradlab.autograd.profiler import record_function
from gradlab.autograd.profiler_util import EventList


class ProfilerActivity(Enum):
    """What to record: operations on the CPU, and the time that they take on the GPU.

    >>> ProfilerActivity.CPU
    <ProfilerActivity.CPU: 0>
    """

    CPU = 0
    CUDA = 3


class ProfilerAction(Enum):
    """What to do in a step of a loop.

    >>> ProfilerAction.RECORD_AND_SAVE.name
    'RECORD_AND_SAVE'
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """The activities that can be recorded here: the GPU's where there is one.

    >>> ProfilerActivity.CPU in supported_activities()
    True
    """
    on_gpu = {ProfilerActivity.CUDA} if arrays.cuda_is_available() else set()
    return {ProfilerActivity.CPU} | on_gpu


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """For ``profile``: let ``wait`` steps pass, then ``warmup`` more, record ``active``, and again.

    ``repeat``: how often, 0 for as long as there are steps. ``skip_first``: steps to pass before
    all; ``skip_first_wait``: not 0 for a first time without waiting. Raises AssertionError for
    negative numbers, and where nothing is active.

    >>> [schedule(wait=1, warmup=1, active=2)(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} "
            f"(need >= 0), active={active} (need > 0), repeat={repeat} (need >= 0), "
            f"skip_first={skip_first} (need >= 0)."
        )
    if warmup == 0:
        warnings.warn(
            "Profiler won't be using warmup, this can skew profiler results", stacklevel=2
        )
    cycle = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        place = step % cycle
        if place < wait or (repeat and step >= repeat * cycle):
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """For ``profile(on_trace_ready=…)``: write each recording as a file into a directory.

    Its name is ``worker_name`` (the machine's, and the process's number), the time, and
    ``.pt.trace.json``: what TensorBoard's profiler plugin and https://ui.perfetto.dev read.

    >>> import gradlab as gl, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with profile(on_trace_ready=tensorboard_trace_handler(folder, "me")):
    ...         y = gl.ones(3) * 2
    ...     [name.split(".")[0] for name in os.listdir(folder)]
    ['me']
    """
    worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"

    def write(of: profile) -> None:
        folder = Path(dir_name)
        folder.mkdir(parents=True, exist_ok=True)
        ending = ".gz" if use_gzip else ""
        of.export_chrome_trace(folder / f"{worker}.{time.time_ns()}.pt.trace.json{ending}")

    return write


class profile:
    """Record, within a ``with`` block, what operations take; with ``step()``, chosen steps of it.

    ``activities``: what to record, by default all that is supported. ``schedule(number)`` says what
    to do in each step, and ``step()`` that the next one begins; without a schedule everything is
    recorded. ``on_trace_ready(prof)`` is called when a recording is complete. The others are as
    for ``autograd.profiler.profile``.

    Raises AssertionError for no activities, and where events are asked for before any.

    >>> import gradlab as gl
    >>> with profile(schedule=schedule(wait=1, warmup=1, active=1)) as prof:
    ...     for number in range(3):
    ...         y = gl.ones(number + 1).exp()
    ...         prof.step()
    >>> [event.name for event in prof.events()]
    ['ProfilerStep*', 'aten::ones', 'aten::exp']
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[Any], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
    ) -> None:
        chosen = set(supported_activities() if activities is None else activities)
        if use_cuda is not None:
            (chosen.add if use_cuda else chosen.discard)(ProfilerActivity.CUDA)
        for activity in chosen:
            if not isinstance(activity, ProfilerActivity):
                raise TypeError(f"Expected ProfilerActivity or dict, got {type(activity)}")
        if not chosen:
            raise AssertionError("No valid profiler activities found")
        self.activities = chosen
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.acc_events = acc_events
        self.step_num = 0
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.record_steps = schedule is not None
        self.current_action = self.schedule(0)
        self.profiler: _profile | None = None
        self._options = dict(
            use_device="cuda" if ProfilerActivity.CUDA in chosen else None,
            record_shapes=record_shapes,
            profile_memory=profile_memory,
            with_stack=with_stack,
            with_flops=with_flops,
            acc_events=acc_events,
        )
        self._metadata: dict[str, Any] = {}
        self._recording = False
        self._step_block: record_function | None = None

    # ------------------------------------------------------------------ steps

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """What entering the block does."""
        if self.current_action in _RECORDING:
            self._begin()
        self._enter_step()

    def step(self) -> None:
        """Say that the next step of the loop begins."""
        self._leave_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = after = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD and after in (
            ProfilerAction.NONE,
            ProfilerAction.WARMUP,
        ):
            warnings.warn(f"Incorrect schedule: RECORD followed by {after.name}", stacklevel=2)
            self._finish(ready=False)
        if before is ProfilerAction.RECORD_AND_SAVE:
            self._finish(ready=True)
        if after in _RECORDING and not self._recording:
            self._begin()
        self._enter_step()

    def stop(self) -> None:
        """What leaving the block does."""
        self._leave_step()
        self._finish(ready=True)

    def _begin(self) -> None:
        if self.profiler is None or not self.acc_events:
            self.profiler = _profile(**self._options)  # type: ignore[arg-type]
        self.profiler._metadata = self._metadata
        self.profiler._start()
        self._recording = True

    def _finish(self, *, ready: bool) -> None:
        if not self._recording or self.profiler is None:
            return
        self._recording = False
        self.profiler._stop()
        if ready and self.on_trace_ready:
            self.on_trace_ready(self)

    def _enter_step(self) -> None:
        if self.record_steps:
            self._step_block = record_function(f"ProfilerStep#{self.step_num}")
            self._step_block.__enter__()

    def _leave_step(self) -> None:
        if self._step_block is not None:
            self._step_block.__exit__()
            self._step_block = None

    # ------------------------------------------------------------------ what was recorded

    def _recorded(self, what: str) -> _profile:
        if self.profiler is None:
            raise AssertionError(
                f"Profiler must be initialized before {what}: enter the with block first, and "
                "with a schedule let it come to a step that is recorded"
            )
        return self.profiler

    def events(self) -> EventList:
        """Every call of the last recording, in the order in which they began."""
        return self._recorded("accessing events").function_events

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """One entry per name of the last recording; see ``autograd.profiler.profile``."""
        return self._recorded("getting key averages").key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the last recording as a file for https://ui.perfetto.dev; ``.gz`` compresses it."""
        recorded = self._recorded("exporting chrome trace")
        recorded.export_chrome_trace(path)
        if str(path).endswith(".gz"):
            file = Path(path)
            file.write_bytes(gzip.compress(file.read_bytes()))

    def export_stacks(
        self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total"
    ) -> None:
        """Write call stacks and times of the last recording for flame graphs."""
        self._recorded("exporting stacks").export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Write a string of one's own into the trace files to come."""
        self._metadata[key] = value
