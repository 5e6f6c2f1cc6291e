"""Groups of a graph: calls of modules and functions, and what belongs to none of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import gradlab_widgets as gw
from gradlab_widgets.trace import Trace, TraceBuilder

pytestmark = pytest.mark.usefixtures("observed")

Tree = dict[str, list[str]]


def groups(trace: Trace) -> list[tuple[str, str, str]]:
    """(name, kind, name of the group around it) of each group."""
    table = trace.groups
    around = ["" if p is None else table.name[p] for p in table.parent]
    return list(zip(table.name, table.kind, around, strict=True))


def members(trace: Trace) -> Tree:
    """The titles of the nodes directly in each group, by the group's name and row."""
    found: Tree = {}
    for title, group in zip(trace.nodes.title, trace.nodes.group, strict=True):
        name = "" if group is None else f"{trace.groups.name[group]}@{group}"
        found.setdefault(name, []).append(title)
    return found


def test_each_call_of_a_function_is_a_group(gl: Any) -> None:
    w = gl.ones(2, requires_grad=True)

    def layer(x: Any) -> Any:
        return gl.sin(x * w)

    def net(x: Any) -> Any:
        return layer(layer(x)) + 1

    trace = gw.graph(net(gl.ones(2)) - net(w)).trace
    assert groups(trace) == [
        ("net", "function", ""),
        ("layer", "function", "net"),
        ("layer", "function", "net"),
        ("net", "function", ""),
        ("layer", "function", "net"),
        ("layer", "function", "net"),
    ]
    assert members(trace)["layer@1"] == ["×", "sin"]
    assert members(trace)["net@3"] == ["+"]
    assert members(trace)[""] == ["w", "accumulate", "−"]


def test_a_loop_within_a_call_stays_in_it(gl: Any) -> None:
    w = gl.ones(2, requires_grad=True)

    def power(x: Any, n: int) -> Any:
        for _ in range(n):
            x = x * w
        return x

    trace = gw.graph(power(w, 3) + power(w, 2)).trace
    assert [members(trace)[f"power@{i}"] for i in (0, 1)] == [["×"] * 3, ["×"] * 2]


def test_a_recursive_function_nests(gl: Any) -> None:
    w = gl.ones(2, requires_grad=True)

    def tower(n: int) -> Any:
        return w * 1 if n == 0 else gl.sin(tower(n - 1))

    trace = gw.graph(tower(2) + w).trace
    assert [around for _, _, around in groups(trace)] == ["", "tower"]  # the outermost is all


def test_what_is_around_everything_is_no_group(gl: Any) -> None:
    def everything() -> Any:
        return gl.sin(gl.ones(2, requires_grad=True)).sum()

    assert gw.graph(everything()).trace.groups.name == ()


def test_lambdas_and_comprehensions_are_part_of_their_function(gl: Any) -> None:
    w = gl.ones(2, requires_grad=True)

    def sums() -> Any:
        return sum([gl.sin(w * i) for i in range(2)])

    double = lambda x: x * 2  # noqa: E731
    trace = gw.graph(double(sums()) + w).trace
    assert trace.groups.name == ("sums",)


def test_modules_nest_by_their_calls(gl: Any, nn: Any) -> None:
    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return gl.tanh(self.linear(x))

    class Net(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Block(), Block()])

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return x

    net = Net()
    trace = gw.graph(net(gl.ones(1, 2)).sum()).trace
    assert groups(trace) == [
        ("blocks", "module", ""),
        ("blocks.0", "module", "blocks"),
        ("blocks.0.linear", "module", "blocks.0"),
        ("blocks.1", "module", "blocks"),
        ("blocks.1.linear", "module", "blocks.1"),
    ]
    linear = members(trace)["blocks.0.linear@2"]
    assert {"blocks.0.linear.weight", "blocks.0.linear.bias"} <= set(linear)
    assert members(trace)["blocks.0@1"] == ["tanh"]


def test_a_module_that_runs_again_is_a_group_each_time_and_its_weights_are_shared(
    gl: Any, nn: Any
) -> None:
    cell = nn.Linear(2, 2, bias=False)
    x = gl.ones(1, 2)
    for _ in range(3):
        x = gl.tanh(cell(x))
    trace = gw.graph(x.sum()).trace
    assert len(trace.groups.name) == 3
    assert set(trace.groups.kind) == {"module"}
    assert {"cell.weight", "accumulate"} <= set(members(trace)[""])


def test_a_debugger_that_uses_the_frames_is_left_alone(gl: Any) -> None:
    import sys

    w = gl.ones(2, requires_grad=True)

    def traced(x: Any) -> Any:
        frame = sys._getframe()
        frame.f_trace = mine
        y = gl.sin(x * w)
        assert frame.f_trace is mine
        return y

    def mine(*event: object) -> None:
        return None

    assert gw.graph(traced(w) + 1).trace.groups.name == ()


def test_groups_survive_json(gl: Any) -> None:
    w = gl.ones(2, requires_grad=True)

    def part(x: Any) -> Any:
        return gl.sin(x * w)

    trace = gw.graph(part(w) + part(w)).trace
    assert Trace.from_json(json.loads(json.dumps(trace.to_json()))) == trace


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("parent", [1, None], "groups.parent is 1"),
        ("kind", ["module", "class"], "'class' is no kind of group"),
        ("name", ["a"], "uneven columns"),
    ],
)
def test_broken_groups_are_refused(name: str, rows: list[Any], message: str) -> None:
    builder = TraceBuilder("gradlab")
    outer = builder.group("a", "module")
    inner = builder.group("a.b", "module", outer)
    root = builder.node(kind="root", title="sin", group=inner)
    payload = builder.build(root=root).to_json()
    payload["groups"][name] = rows
    with pytest.raises(ValueError, match=message):
        Trace.from_json(payload)


def test_rows_are_in_the_order_the_nodes_were_made(gl: Any) -> None:
    a = gl.ones(2, requires_grad=True)
    first = gl.sin(a)
    second = gl.exp(a)
    both = second * first
    assert gw.graph(both).trace.nodes.title[2:] == ("sin", "exp", "×")


def test_the_weights_of_a_model_that_is_gone_are_with_the_call_that_used_them(
    gl: Any, nn: Any
) -> None:
    def loss() -> Any:
        model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        return model(gl.ones(1, 2)).sum()

    trace = gw.graph(loss() * 2).trace
    for group, titles in members(trace).items():
        if group.startswith("Linear"):
            assert titles.count("accumulate") == 2
    assert "accumulate" not in members(trace).get("", [])
