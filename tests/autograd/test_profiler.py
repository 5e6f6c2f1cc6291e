"""``gradlab.autograd.profiler``: what is recorded, what it is called, and that nothing is left."""

from __future__ import annotations

import inspect
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gradlab as gl
from gradlab import nn
from gradlab.autograd import profiler, profiler_util, timed_code
from gradlab.autograd.profiler import profile, record_function


def names(prof: Any) -> list[str]:
    return [event.name for event in prof.function_events]


def event(prof: Any, name: str) -> Any:
    return next(found for found in prof.function_events if found.name == name)


def two_layers() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))


# ------------------------------------------------------------------ what is seen

late_import = gl.sin  # taken before any profiler ran


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: gl.mul(x, x), "aten::mul"),
        (lambda x: x.mul(x), "aten::mul"),
        (lambda x: x * 2, "aten::mul"),
        (lambda x: 2 * x, "aten::mul"),
        (lambda x: 1 - x, "aten::rsub"),
        (lambda x: x.mean(0), "aten::mean"),
        (lambda x: x.mean(), "aten::mean"),
        (lambda x: x.sum(), "aten::sum"),
        (lambda x: x > 0, "aten::gt"),
        (lambda x: x.add_(1), "aten::add_"),
        (lambda x: x.argmax(), "aten::argmax"),
        (lambda x: x[0], "aten::select"),
        (lambda x: x.sum().item(), "aten::item"),
        (lambda x: late_import(x), "aten::sin"),
        (lambda x: gl.zeros(2), "aten::zeros"),
        (lambda x: gl.cat([x, x]), "aten::cat"),
        (lambda x: nn.functional.softmax(x, 0), "aten::softmax"),
    ],
)
@pytest.mark.parametrize("no_grad", [False, True])
def test_every_way_to_call_an_operation_is_seen(call: Any, expected: str, no_grad: bool) -> None:
    x = gl.ones(3)
    with profile() as prof, gl.set_grad_enabled(not no_grad):
        call(x)
    assert expected in names(prof)


def test_the_names_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")

    def run(library: Any) -> list[str]:
        layer = library.nn.Linear(3, 4)
        optimizer = library.optim.SGD(layer.parameters(), lr=0.1)
        x = library.ones(2, 3)
        with library.autograd.profiler.profile() as prof:
            with library.autograd.profiler.record_function("block"):
                loss = (layer(x).relu() * 2).exp().sum()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        seen = [found.name for found in prof.function_events]
        return [name for name in seen if not name.startswith(("aten", "detach", "[mem"))]

    ours = [name for name in run(gl) if name != "autograd::engine::schedule"]
    assert ours == run(torch)


@pytest.mark.parametrize(
    "name", ["relu", "gelu", "silu", "elu", "leaky_relu", "sigmoid", "tanh", "softplus", "dropout"]
)
def test_a_layers_function_shows_once_and_without_helpers(name: str) -> None:
    torch = pytest.importorskip("torch")
    counts = []
    for library, profiled in ((gl, profile), (torch, torch.autograd.profiler.profile)):
        x = library.ones(2, 3)
        with profiled() as prof:
            getattr(library.nn.functional, name)(x)
        counts.append({event.key: event.count for event in prof.key_averages()})
    ours, theirs = counts
    assert ours[f"aten::{name}"] == 1
    assert ours.keys() <= theirs.keys()


def test_a_function_shows_with_the_ones_it_calls() -> None:
    layer, x = nn.Linear(3, 4), gl.ones(2, 3)
    with profile() as prof:
        layer(x)
    whole = event(prof, "aten::linear")
    assert [child.name for child in whole.cpu_children] == ["aten::t", "aten::addmm"]
    assert all(child.cpu_parent is whole for child in whole.cpu_children)
    own = whole.cpu_time_total - sum(child.cpu_time_total for child in whole.cpu_children)
    assert whole.self_cpu_time_total == pytest.approx(own)
    assert 0 < own < whole.cpu_time_total


def test_a_backward_pass_is_a_step_for_each_node() -> None:
    x = gl.ones(3, requires_grad=True)
    y = (x * 2).exp().sum()
    with profile() as prof:
        y.backward()
    step = "autograd::engine::evaluate_function: "
    top = [found for found in prof.function_events if found.cpu_parent is None]
    assert [found.name for found in top] == [
        "autograd::engine::schedule",
        step + "SumBackward0",
        step + "ExpBackward0",
        step + "MulBackward0",
        step + "torch::autograd::AccumulateGrad",
    ]
    ends = [found.time_range.end for found in top[:-1]]
    assert ends == [found.time_range.start for found in top[1:]], "no time is lost between steps"
    for found in top[1:]:
        (node,) = found.cpu_children
        assert found.name == step + node.name
        assert node.scope == 1


def test_backward_is_attributed_to_the_call_that_recorded_it() -> None:
    x = gl.ones(3, requires_grad=True)
    with profile(with_stack=True) as prof:
        y = x * 2
        z = y.contiguous()  # which is y itself, and recorded nothing
        z.exp().sum().backward()
    for forward, backward in [
        ("aten::mul", "MulBackward0"),
        ("aten::exp", "ExpBackward0"),
        ("aten::sum", "SumBackward0"),
    ]:
        made, run = event(prof, forward), event(prof, backward)
        assert made.sequence_nr == run.sequence_nr >= 0
        assert run.fwd_thread == made.thread
        assert run.stack == made.stack
    assert event(prof, "aten::contiguous").sequence_nr == -1
    assert event(prof, "torch::autograd::AccumulateGrad").sequence_nr == -1


def test_a_recorded_backward_pass_shows_what_it_computes() -> None:
    x = gl.ones(3, requires_grad=True)
    with profile() as prof:
        gl.autograd.grad((x * x).sum(), x, create_graph=True)
    node = event(prof, "MulBackward0")
    assert [child.name for child in node.cpu_children] == ["aten::mul", "aten::mul"]


def test_a_custom_function_shows_by_its_name() -> None:
    class Double(gl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient * 2

    x = gl.ones(3, requires_grad=True)
    with profile() as prof:
        Double.apply(x).sum().backward()
    assert event(prof, "Double").sequence_nr == event(prof, "DoubleBackward").sequence_nr
    assert [child.name for child in event(prof, "DoubleBackward").cpu_children] == ["aten::mul"]


def test_input_shapes_are_those_of_all_arguments() -> None:
    x = gl.ones(2, 3, requires_grad=True)
    with profile(record_shapes=True) as prof:
        (x * gl.ones(3)).add(1).sum().backward()
    assert event(prof, "aten::mul").input_shapes == [[2, 3], [3]]
    assert event(prof, "aten::add").input_shapes == [[2, 3], []]
    assert event(prof, "MulBackward0").input_shapes == [[2, 3]]


@pytest.mark.parametrize(
    ("call", "name", "nbytes"),
    [
        (lambda x: x * 2, "aten::mul", 24),
        (lambda x: x.t(), "aten::t", 0),
        (lambda x: x.detach(), "aten::detach", 0),
        (lambda x: x.add_(1), "aten::add_", 0),
        (lambda x: x.sum(0), "aten::sum", 12),
        (lambda x: x.split(1), "aten::split", 0),
        (lambda x: nn.functional.linear(x, gl.ones(5, 3)), "aten::linear", 40),
    ],
)
def test_memory_is_what_results_take(call: Any, name: str, nbytes: int) -> None:
    x = gl.ones(2, 3)
    with profile(profile_memory=True) as prof:
        kept = call(x)
    assert event(prof, name).cpu_memory_usage == nbytes
    assert kept is not None


def test_stacks_name_the_users_lines() -> None:
    x = gl.ones(3)
    with profile(with_stack=True) as prof:
        x.exp()
    innermost = event(prof, "aten::exp").stack[0]
    assert innermost.startswith(__file__ + "(")
    assert innermost.endswith(": test_stacks_name_the_users_lines")


def test_an_operation_that_fails_is_seen_and_the_profiler_goes_on() -> None:
    with profile() as prof:
        with pytest.raises(RuntimeError, match="must match the size"):
            gl.ones(2) + gl.ones(3)
        gl.ones(2).exp()
    assert names(prof) == ["aten::ones", "aten::ones", "aten::add", "aten::ones", "aten::exp"]


# ------------------------------------------------------------------ blocks


def test_a_block_holds_what_runs_in_it() -> None:
    @record_function("decorated")
    def work(x: Any) -> Any:
        return x.exp()

    with profile() as prof:
        with record_function("outer"), record_function("inner"):
            gl.ones(1)
        work(gl.ones(2))
    outer = event(prof, "outer")
    assert [child.name for child in outer.cpu_children] == ["inner"]
    assert [child.name for child in outer.cpu_children[0].cpu_children] == ["aten::ones"]
    assert outer.is_user_annotation
    assert [child.name for child in event(prof, "decorated").cpu_children] == ["aten::exp"]


def test_a_block_without_a_profiler_does_nothing() -> None:
    with record_function("nobody looks"):
        assert gl.ones(1).item() == 1


# ------------------------------------------------------------------ on and off


def test_off_every_function_is_as_it_was() -> None:
    functions = [
        *(f for f in gl.op.FUNCTIONS.values() if inspect.isfunction(f)),
        gl.Tensor.__mul__,
        type(gl.ones(1, requires_grad=True).sin().grad_fn).apply,
    ]
    before = [function.__code__ for function in functions]
    with profile():
        during = [function.__code__ for function in functions]
    assert sum(one is not two for one, two in zip(before, during, strict=True)) > 100
    assert [function.__code__ for function in functions] == before
    assert not timed_code._originals


def test_only_the_profiled_thread_is_recorded() -> None:
    def work() -> None:
        gl.ones(2).exp()

    with profile() as prof:
        other = threading.Thread(target=work)
        other.start()
        other.join()
        gl.ones(2).sin()
    assert names(prof) == ["aten::ones", "aten::sin"]


def test_threads_have_profilers_of_their_own() -> None:
    found: dict[int, list[str]] = {}
    ready = threading.Barrier(3)

    def work(i: int) -> None:
        with profile() as prof:
            ready.wait()
            for _ in range(i + 1):
                gl.ones(2).exp()
        found[i] = names(prof)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: ["aten::ones", "aten::exp"] * (i + 1) for i in range(3)}
    assert not timed_code._originals


def test_a_second_profiler_in_a_thread_is_refused_and_the_first_goes_on() -> None:
    with profile() as outer:
        with pytest.raises(RuntimeError, match="Profiler is already enabled on this thread"):
            profile().__enter__()
        gl.ones(1)
    assert names(outer) == ["aten::ones"]


def test_a_profile_is_entered_once() -> None:
    with profile() as prof:
        pass
    with pytest.raises(RuntimeError, match="Profiler context manager is not reentrant"):
        prof.__enter__()


def test_a_disabled_profile_records_nothing() -> None:
    with profile(enabled=False) as prof:
        gl.ones(1)
    assert prof is None


def test_gradients_are_the_same_while_somebody_looks() -> None:
    gl.manual_seed(1)
    model, x = two_layers(), gl.randn(5, 3)
    model(x).pow(2).mean().backward()
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    with profile(record_shapes=True, profile_memory=True, with_stack=True):
        model(x).pow(2).mean().backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert gl.equal(parameter.grad, gradient)


def test_nothing_is_kept_alive() -> None:
    import gc
    import weakref

    gc.disable()
    try:
        with profile(record_shapes=True, profile_memory=True, with_stack=True) as prof:
            y = gl.ones(3, requires_grad=True) * 2
            gone = weakref.ref(y)
            del y
            assert gone() is None
    finally:
        gc.enable()
    assert "aten::mul" in names(prof)


# ------------------------------------------------------------------ averages and tables


def test_averages_count_and_add_up() -> None:
    x = gl.ones(2, 3)
    with profile(record_shapes=True) as prof:
        for _ in range(3):
            x.exp()
        x.sum(0).exp()
    (exp,) = [entry for entry in prof.key_averages() if entry.key == "aten::exp"]
    calls = [found for found in prof.function_events if found.name == "aten::exp"]
    assert exp.count == 4
    assert exp.cpu_time_total == pytest.approx(sum(call.cpu_time_total for call in calls))
    assert exp.cpu_time == pytest.approx(exp.cpu_time_total / 4)
    by_shape = prof.key_averages(group_by_input_shape=True)
    counts = {str(e.input_shapes): e.count for e in by_shape if e.key == "aten::exp"}
    assert counts == {"[[2, 3]]": 3, "[[3]]": 1}
    total = prof.total_average()
    assert (total.key, total.count) == ("Total", 5)
    assert total.self_cpu_time_total == pytest.approx(prof.self_cpu_time_total)


EVENTS: list[dict[str, Any]] = [
    dict(name="aten::linear", start_us=0.0, end_us=1500.25, input_shapes=[[2, 3], [4, 3], []]),
    dict(name="aten::mm", start_us=10.0, end_us=40.5, input_shapes=[[2, 3], [3, 4]]),
    dict(name="aten::mm", start_us=50.0, end_us=70.5, input_shapes=[[2, 3], [3, 4]]),
    dict(name="a" * 70, start_us=1600.0, end_us=2500000.0, input_shapes=[[1] * 40]),
    dict(name="my block", start_us=2600000.0, end_us=2600000.0, is_user_annotation=True),
]
STACKS = [["file.py(3): work", "long/" * 20 + "file.py(9): <module>"], ["b.py(1): f"], [], [], []]


def made(library: Any, stacks: bool, memory: bool) -> Any:
    util = library.autograd.profiler_util
    events = [
        util.FunctionEvent(
            **{"input_shapes": [], **values},
            id=i + 1,
            thread=1,
            stack=STACKS[i] if stacks else [],
            cpu_memory_usage=[100, 2048, 0, -3 << 20, 5 << 30][i],
            overload_name="",
        )
        for i, values in enumerate(EVENTS)
    ]
    for child in events[1:3]:
        events[0].append_cpu_child(child)
        child.cpu_parent = events[0]
    found = util.EventList(events, profile_memory=memory)
    found._tree_built = True
    return found


@pytest.mark.parametrize("stacks", [False, True])
@pytest.mark.parametrize(
    "how",
    [
        {},
        dict(sort_by="cpu_time_total"),
        dict(sort_by="self_cpu_time_total", row_limit=2),
        dict(sort_by="cpu_memory_usage", row_limit=-1),
        dict(sort_by="count", header="A header"),
        dict(top_level_events_only=True),
        dict(time_unit="ms"),
        dict(time_unit="s", max_name_column_width=20),
        dict(max_shapes_column_width=None, max_src_column_width=30),
    ],
)
@pytest.mark.parametrize("averages", [{}, None, dict(group_by_input_shapes=True)])
def test_tables_are_pytorchs_to_the_letter(
    stacks: bool, how: dict[str, Any], averages: dict[str, Any] | None
) -> None:
    torch = pytest.importorskip("torch")
    tables = []
    for library in (gl, torch):
        events = made(library, stacks, memory=True)
        if averages is not None:
            n = 2 if stacks else 0
            events = events.key_averages(**averages, group_by_stack_n=n)
        tables.append(events.table(**how))
    assert tables[0] == tables[1]


def test_an_unknown_key_to_sort_by_is_an_error() -> None:
    with profile() as prof:
        gl.ones(1)
    with pytest.raises(AttributeError, match="nonsense"):
        prof.table(sort_by="nonsense")


# ------------------------------------------------------------------ files


def check_trace_format(trace: dict[str, Any]) -> None:
    """What Chrome's trace event format asks of a file, and Perfetto's importer checks."""
    flows: dict[Any, list[Any]] = {}
    for found in trace["traceEvents"]:
        assert found["ph"] in {"X", "M", "s", "f", "i"}
        assert isinstance(found["name"], str)
        assert isinstance(found["pid"], int)
        assert isinstance(found["tid"], int)
        assert isinstance(found["ts"], (int, float))
        assert found["ts"] >= 0
        if found["ph"] == "X":
            assert found["dur"] >= 0
            assert isinstance(found["args"], dict)
            assert isinstance(found["cat"], str)
        if found["ph"] == "M":
            assert found["name"] in {"process_name", "process_labels", "thread_name"}
        if found["ph"] in {"s", "f"}:
            flows.setdefault((found["cat"], found["name"], found["id"]), []).append(found)
    slices = [found for found in trace["traceEvents"] if found["ph"] == "X"]
    for begin, end in flows.values():
        assert (begin["ph"], end["ph"], end["bp"]) == ("s", "f", "e")
        assert begin["ts"] <= end["ts"]
        for flow in (begin, end):  # an arrow hangs on the slice that is open where it begins
            assert any(
                one["tid"] == flow["tid"] and one["ts"] <= flow["ts"] <= one["ts"] + one["dur"]
                for one in slices
            )
    for tid in {one["tid"] for one in slices}:  # slices of a thread lie in each other, or apart
        open_until: list[float] = []
        mine = (one for one in slices if one["tid"] == tid)
        for one in sorted(mine, key=lambda one: (one["ts"], -one["dur"])):
            while open_until and open_until[-1] <= one["ts"] + 1e-3:
                open_until.pop()
            assert not open_until or one["ts"] + one["dur"] <= open_until[-1] + 1e-2
            open_until.append(one["ts"] + one["dur"])


def test_a_trace_is_in_the_format_with_an_arrow_for_each_node(tmp_path: Path) -> None:
    model, x = two_layers(), gl.ones(5, 3)
    with profile(record_shapes=True, with_stack=True) as prof:
        with record_function("forward"):
            loss = model(x).sum()
        loss.backward()
    file = tmp_path / "trace.json"
    prof.export_chrome_trace(str(file))
    trace = json.loads(file.read_text())
    check_trace_format(trace)
    by_name = {found["name"]: found for found in trace["traceEvents"] if found["ph"] == "X"}
    assert by_name["forward"]["cat"] == "user_annotation"
    assert by_name["aten::addmm"]["args"]["Input Dims"] == [[1], [5, 4], [4, 1]]
    arrows = [found["ts"] for found in trace["traceEvents"] if found["ph"] == "f"]
    nodes = [found for found in prof.function_events if found.scope == 1 and found.sequence_nr >= 0]
    assert len(arrows) == len(nodes) > 4
    event_list = tmp_path / "events.json"
    prof.function_events.export_chrome_trace(event_list)
    check_trace_format(json.loads(event_list.read_text()))


def test_stacks_are_written_for_flame_graphs(tmp_path: Path) -> None:
    x = gl.ones(300, 300)
    with profile(with_stack=True) as prof:
        x @ x
    file = tmp_path / "stacks"
    prof.export_stacks(file)
    lines = [line for line in file.read_text().splitlines() if "test_stacks_are" in line]
    assert lines
    frames, _, microseconds = lines[-1].rpartition(" ")
    assert int(microseconds) > 0
    assert frames.split(";")[-1].endswith(":_test_stacks_are_written_for_flame_graphs")
    with pytest.raises(ValueError, match="metric should be one of"):
        prof.export_stacks(file, "nonsense")
    with profile() as without:
        pass
    with pytest.raises(AssertionError, match=r"export_stacks\(\) requires with_stack=True"):
        without.export_stacks(file)


# ------------------------------------------------------------------ GPUs


class PretendEvent:
    """A CUDA event that takes the CPU's time."""

    def record(self) -> None:
        self.time = time.perf_counter()


def test_device_time_and_memory_come_from_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    ranges: list[str] = []
    used = iter(range(0, 10_000, 256))
    cuda = SimpleNamespace(
        Event=PretendEvent,
        get_elapsed_time=lambda one, two: 1000 * (two.time - one.time),
        Device=lambda: SimpleNamespace(synchronize=lambda: None),
        nvtx=SimpleNamespace(RangePush=ranges.append, RangePop=lambda: ranges.append("pop")),
    )
    pool = SimpleNamespace(used_bytes=lambda: next(used))
    pretend = SimpleNamespace(cuda=cuda, get_default_memory_pool=lambda: pool)
    monkeypatch.setattr(profiler.arrays, "cupy", lambda: pretend)
    monkeypatch.setattr(profiler.arrays, "cuda_is_available", lambda: True)
    x = gl.ones(3)
    with profile(use_device="cuda", profile_memory=True) as prof:
        x.exp()
    (exp,) = prof.function_events
    assert exp.device_time_total > 0
    assert exp.device_memory_usage == 256
    table = prof.key_averages().table(sort_by="cuda_time_total")
    for title in ("Self CUDA", "Self CUDA %", "CUDA total", "CUDA time avg", "CUDA Mem"):
        assert title in table
    assert "Self CUDA time total: " in table
    y = gl.ones(3, requires_grad=True).exp().sum()
    with profiler.emit_nvtx(record_shapes=True):
        x.exp()
        y.backward()
    assert ranges[:2] == ["aten::exp, sizes = [[3]]", "pop"]
    assert any(one.startswith("ExpBackward0, seq = ") for one in ranges)
    assert ranges.count("pop") == len(ranges) / 2


@pytest.mark.skipif(gl.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_device_time_is_refused() -> None:
    with pytest.warns(UserWarning, match="CUDA is not available, disabling CUDA profiling"):
        assert profile(use_device="cuda").use_device is None
    with pytest.raises(RuntimeError):
        profiler.emit_nvtx().__enter__()
    assert getattr(timed_code.running, "recorder", None) is None


def test_times_and_memory_read_well() -> None:
    text = profiler_util._time_text
    assert [text(1.5), text(1500), text(2.5e6)] == ["1.500us", "1.500ms", "2.500s"]
    memory = profiler_util._memory_text
    assert [memory(3), memory(-2048), memory(5 << 20)] == ["3 B", "-2.00 KB", "5.00 MB"]
