"""``gradlab.profiler``: schedules, steps, and files as TensorBoard and Perfetto read them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import gradlab as gl
from gradlab.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from tests.autograd.test_profiler import check_trace_format

SCHEDULES = [
    dict(wait=1, warmup=1, active=2),
    dict(wait=0, warmup=1, active=1, repeat=2),
    dict(wait=2, warmup=1, active=3, repeat=1, skip_first=2),
    dict(wait=3, warmup=1, active=1, skip_first=1, skip_first_wait=1),
]


@pytest.mark.parametrize("arguments", SCHEDULES)
def test_schedules_are_pytorchs(arguments: dict[str, int]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = schedule(**arguments), torch.profiler.schedule(**arguments)
    assert [ours(i).name for i in range(30)] == [theirs(i).name for i in range(30)]


# Of nine steps, in PyTorch 2.13: at which step a recording was ready, and which steps are in it.
# (Not compared here: on leaving the block while it is warming up, that PyTorch may crash.)
RECORDED = [
    [(4, [2, 3]), (8, [6, 7])],
    [(2, [1]), (4, [3])],
    [(8, [5, 6, 7])],
    [(3, [2]), (8, [7])],
]


@pytest.mark.parametrize(("arguments", "expected"), [*zip(SCHEDULES, RECORDED, strict=True)])
def test_the_steps_recorded_are_those_of_the_schedule(
    arguments: dict[str, int], expected: list[Any]
) -> None:
    ready: list[Any] = []

    def keep(prof: profile) -> None:
        steps = [event for event in prof.events() if event.name == "ProfilerStep*"]
        ready.append((prof.step_num, [int(step.trace_name.split("#")[1]) for step in steps]))

    with profile(schedule=schedule(**arguments), on_trace_ready=keep) as prof:
        for _ in range(9):
            gl.ones(2).exp()
            prof.step()
    assert ready == expected


def test_without_a_schedule_everything_is_recorded() -> None:
    with profile() as prof:
        gl.ones(2)
        prof.step()
        gl.ones(2).exp()
    assert [event.name for event in prof.events()] == ["aten::ones", "aten::ones", "aten::exp"]


def test_steps_are_one_entry_among_averages() -> None:
    with profile(schedule=schedule(wait=0, warmup=1, active=3)) as prof:
        for _ in range(4):
            gl.ones(2)
            prof.step()
    counts = {entry.key: entry.count for entry in prof.key_averages()}
    assert counts == {"ProfilerStep*": 3, "aten::ones": 3}


def test_recordings_add_up_where_that_is_wanted() -> None:
    with profile(schedule=schedule(wait=1, warmup=1, active=1), acc_events=True) as prof:
        for _ in range(6):
            gl.ones(2)
            prof.step()
    counts = {entry.key: entry.count for entry in prof.key_averages()}
    assert counts == {"ProfilerStep*": 2, "aten::ones": 2}


@pytest.mark.parametrize("use_gzip", [False, True])
def test_each_recording_becomes_a_file(tmp_path: Path, use_gzip: bool) -> None:
    folder = tmp_path / "new/log"
    write = tensorboard_trace_handler(str(folder), "worker", use_gzip)
    with profile(schedule=schedule(wait=1, warmup=1, active=1), on_trace_ready=write) as prof:
        prof.add_metadata("learner", "me")
        for _ in range(6):
            x = gl.ones(2, requires_grad=True)
            x.exp().sum().backward()
            prof.step()
    files = sorted(folder.iterdir())
    assert len(files) == 2
    for file in files:
        assert file.name.startswith("worker.")
        assert file.name.endswith(".pt.trace.json" + ".gz" * use_gzip)
        text = gzip.decompress(file.read_bytes()) if use_gzip else file.read_bytes()
        trace = json.loads(text)
        check_trace_format(trace)
        assert trace["learner"] == "me"


def test_an_interrupted_cycle_is_a_warning() -> None:
    def careless(step: int) -> ProfilerAction:
        return [ProfilerAction.RECORD, ProfilerAction.NONE][step]

    warning = pytest.warns(UserWarning, match="Incorrect schedule: RECORD followed by NONE")
    with profile(schedule=careless) as prof, warning:
        prof.step()


def test_cpu_is_always_supported_and_cuda_where_there_is_one() -> None:
    supported = supported_activities()
    assert ProfilerActivity.CPU in supported
    assert (ProfilerActivity.CUDA in supported) == gl.cuda.is_available()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: profile(activities=[]), AssertionError, "No valid profiler activities found"),
        (lambda: profile(activities=["cpu"]), TypeError, "Expected ProfilerActivity or dict"),
        (lambda: profile().events(), AssertionError, "Profiler must be initialized before"),
        (lambda: profile().key_averages(), AssertionError, "Profiler must be initialized before"),
        (
            lambda: schedule(wait=-1, warmup=0, active=1),
            AssertionError,
            r"Invalid profiler schedule arguments. Got wait=-1 \(need >= 0\)",
        ),
        (
            lambda: schedule(wait=0, warmup=1, active=1)(-1),
            AssertionError,
            "Step must be non-negative. Got -1",
        ),
        (lambda: profile(with_flops=True).start(), NotImplementedError, "with_flops=True"),
    ],
)
def test_wrong_arguments_are_pytorchs_errors(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_no_warm_up_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="Profiler won't be using warmup, this can skew"):
        schedule(wait=0, warmup=0, active=1)
