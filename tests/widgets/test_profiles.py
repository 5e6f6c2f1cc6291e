"""Profiles as timelines and as times of nodes: of both libraries' profilers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import gradlab_widgets as gw


@pytest.fixture
def profiled(gl: Any) -> tuple[Any, Any]:
    """A profile of a small program, and its result."""
    w = gl.ones(3, requires_grad=True)
    with gl.autograd.profiler.profile() as prof:
        with gl.autograd.profiler.record_function("mine"):
            out = (w * w).sum()
        out.backward(retain_graph=True)
    return prof, out


def calls(chart: gw.Chart) -> list[dict[str, Any]]:
    """The events of a timeline, row by row, with names and phases spelt out."""
    columns = chart.payload["events"]
    found = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for call in found:
        call["name"] = chart.payload["names"][call["name"]]
        call["phase"] = chart.payload["phases"][call["phase"]]
    return found


def test_a_timeline_has_blocks_operations_and_nodes(profiled: tuple[Any, Any]) -> None:
    found = calls(gw.timeline(profiled[0]))
    seen = {(call["name"], call["phase"]) for call in found}
    nodes = {("SumBackward0", "backward"), ("MulBackward0", "backward")}
    assert {("mine", "block"), ("mul", "forward"), ("sum", "forward"), *nodes} <= seen


def test_calls_lie_within_their_callers(profiled: tuple[Any, Any]) -> None:
    found = calls(gw.timeline(profiled[0]))
    assert found[0]["start"] == 0.0
    inside = [call for call in found if call["parent"] is not None]
    assert {"mul", "sum"} <= {call["name"] for call in inside}
    for call in inside:
        caller = found[call["parent"]]
        assert caller["start"] <= call["start"] <= call["end"] <= caller["end"]
        assert (caller["lane"], caller["depth"] + 1) == (call["lane"], call["depth"])


def test_times_by_themselves_add_up_to_the_whole(profiled: tuple[Any, Any]) -> None:
    chart = gw.timeline(profiled[0])
    outer = sum(call["end"] - call["start"] for call in calls(chart) if call["parent"] is None)
    assert sum(chart.payload["ops"]["self"]) == pytest.approx(outer, rel=1e-3, abs=0.05)
    assert sum(chart.payload["ops"]["calls"]) == len(calls(chart))
    assert chart.payload["ops"]["self"] == sorted(chart.payload["ops"]["self"], reverse=True)


def test_the_events_alone_do_as_well(profiled: tuple[Any, Any]) -> None:
    prof = profiled[0]
    assert gw.timeline(prof.function_events).payload == gw.timeline(prof).payload


@pytest.mark.parametrize("what", [3, "profile", [1, 2], None])
def test_what_is_no_profile_is_refused(what: Any) -> None:
    with pytest.raises((TypeError, RuntimeError), match=r"timeline\(prof\)"):
        gw.timeline(what)


def event(name: str, start: float, end: float, **more: Any) -> SimpleNamespace:
    common = {"thread": 1, "scope": 0, "sequence_nr": -1, "device_type": "DeviceType.CPU"}
    span = SimpleNamespace(start=start, end=end)
    return SimpleNamespace(name=name, time_range=span, **{**common, **more})


def test_steps_of_the_engine_stand_for_their_nodes() -> None:
    chart = gw.timeline(
        [
            event("autograd::engine::evaluate_function: MulBackward0", 10, 20),
            event("MulBackward0", 11, 15, scope=1),
            event("aten::sum", 16, 18),
            event("aten::add", 30, 31, thread=2),
            event("kernel", 30, 31, device_type="DeviceType.CUDA"),
        ]
    )
    found = calls(chart)
    assert [(c["name"], c["phase"], c["lane"]) for c in found] == [
        ("MulBackward0", "backward", 0),
        ("sum", "backward", 0),
        ("add", "forward", 1),
    ]
    assert chart.payload["lanes"] == {"name": ["thread 1", "thread 2"], "depth": [1, 1]}


def test_of_too_many_calls_the_longest_are_shown() -> None:
    many = [event("outer", 0, 1e6), *(event(f"op{i % 3}", i, i + 0.5) for i in range(1, 5001))]
    chart = gw.timeline(many)
    assert len(chart.payload["events"]["name"]) == 4000
    assert chart.payload["events"]["parent"][1] == 0
    assert sum(chart.payload["ops"]["calls"]) == 5001
    assert chart.payload["note"].startswith("The 4000 longest of 5001 calls are shown")


def test_an_empty_profile_is_an_empty_timeline() -> None:
    chart = gw.timeline([])
    assert chart.payload["events"]["name"] == []
    assert chart.figure()._repr_png_()


def test_nodes_of_a_graph_have_their_times(profiled: tuple[Any, Any]) -> None:
    prof, out = profiled
    shown = gw.graph(out, profile=prof)
    assert shown.trace is not None
    times = shown.payload["times"]
    ops = [shown.trace.nodes.op[row] for row in times["node"]]
    assert ops == ["MulBackward0", "SumBackward0"]
    spans = {e.name: e.time_range for e in prof.function_events if e.scope == 1}
    taken = [round(1000 * (spans[op].end - spans[op].start)) for op in ops]
    assert times["backward"] == taken
    assert all(ns > 0 for ns in times["forward"])


def test_a_profile_of_something_else_is_refused(gl: Any, profiled: tuple[Any, Any]) -> None:
    other = (gl.ones(2, requires_grad=True) * 2).sum()
    with pytest.raises(ValueError, match="saw none of this graph's nodes"):
        gw.graph(other, profile=profiled[0])
