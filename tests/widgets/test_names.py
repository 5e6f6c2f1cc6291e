"""Names: what the user calls a thing, found by identity, in whatever namespace they work."""

from __future__ import annotations

from typing import Any

import pytest

import gradlab_widgets as gw

module_level: dict[str, Any] = {}


def names_in(namespace: dict[str, Any], expression: str) -> tuple[str, ...]:
    """The names in the trace of an expression, as code in that namespace would see it."""
    namespace |= {"gw": gw, "__name__": "user"}
    exec(f"graph = gw.graph({expression}).trace", namespace)
    names: tuple[str, ...] = namespace["graph"].nodes.name
    return names


def test_locals_come_before_globals(gl: Any) -> None:
    x = gl.tensor(1.0, requires_grad=True)
    assert gw.graph(x * 2).trace.nodes.name == ("x", "x", "")


def test_names_are_found_at_the_top_level_of_a_module(gl: Any) -> None:
    namespace = {"weight": gl.tensor(1.0, requires_grad=True)}
    assert names_in(namespace, "weight * 2") == ("weight", "weight", "")


def test_the_first_of_several_names_is_taken_and_public_ones_before_private(gl: Any) -> None:
    x = gl.tensor(1.0, requires_grad=True)
    assert names_in({"_x": x, "x": x, "also": x}, "x * 2")[0] == "x"
    assert names_in({"_hidden": x}, "_hidden * 2")[0] == "_hidden"


@pytest.mark.parametrize("history", ["_", "__", "_3", "_i", "_i3", "In", "Out", "_oh", "__x__"])
def test_ipythons_history_names_nothing(gl: Any, history: str) -> None:
    x = gl.tensor(1.0, requires_grad=True)
    assert names_in({history: x}, f"{history} * 2")[0] == ""


def test_items_of_lists_and_dicts_are_named_by_their_place(gl: Any) -> None:
    x = gl.tensor(1.0, requires_grad=True)
    assert names_in({"inputs": [x]}, "inputs[0] * 2")[0] == "inputs[0]"
    assert names_in({"params": {"w": x}}, "params['w'] * 2")[0] == "params['w']"
    assert names_in({"p": [x], "x": x}, "x * 2")[0] == "x"


def test_a_name_follows_the_variable_not_the_node(gl: Any) -> None:
    x = gl.tensor(1.0, requires_grad=True)
    y = gl.sin(x)
    y = gl.cos(y)
    assert gw.graph(y).trace.nodes.name == ("x", "x", "", "y")


def test_detached_and_equal_tensors_do_not_lend_their_names(gl: Any) -> None:
    x = gl.tensor(1.0, requires_grad=True)
    z = [gl.sin(x)]
    twin = gl.tensor(1.0, requires_grad=True)
    detached = x.detach()
    names = gw.graph(z[0] * 1).trace.nodes.name
    assert names == ("x", "x", "z[0]", "")
    assert twin is not detached


def test_names_cannot_break_a_page(gl: Any) -> None:
    x = gl.tensor(1.0, requires_grad=True)
    namespace = {"<script>alert(1)</script>": x, "x": None}
    names = names_in(namespace, "globals()['<script>alert(1)</script>'] * 2")
    assert names[0] == "<script>alert(1)</script>"
    namespace = {"\ud800" * 3: x, "key": "\ud800" * 3}
    assert names_in(namespace, "globals()[key] * 2")[0] == "\ufffd" * 3
    namespace = {"x" * 10_000: x, "key": "x" * 10_000}
    assert len(names_in(namespace, "globals()[key] * 2")[0]) == 80


# ---------------------------------------------------------------------- modules


def test_parameters_have_the_dotted_names_of_their_module(gl: Any, nn: Any) -> None:
    class Net(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer1 = nn.Linear(3, 2)
            self.layer2 = nn.Linear(2, 1)

        def forward(self, x: Any) -> Any:
            return self.layer2(self.layer1(x).relu())

    model = Net()
    nodes = gw.graph(model(gl.ones(4, 3)).sum()).trace.nodes
    leaves = {name for name, kind in zip(nodes.name, nodes.kind, strict=True) if kind == "leaf"}
    expected = {f"layer{i}.{name}" for i in (1, 2) for name in ("weight", "bias")}
    assert leaves == expected
    assert {"layer1", "layer2"} <= set(nodes.module)
    for name, module in zip(nodes.name, nodes.module, strict=True):
        if name in expected:
            assert module == name.partition(".")[0]


def test_a_single_layer_goes_by_its_variable(gl: Any, nn: Any) -> None:
    layer = nn.Linear(3, 2)
    names = gw.graph(layer(gl.ones(4, 3)).sum()).trace.nodes.name
    assert {"layer.weight", "layer.bias"} <= set(names)


def test_two_models_go_by_their_variables(gl: Any, nn: Any) -> None:
    one = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    two = nn.Sequential(nn.Linear(2, 1))
    names = gw.graph(two(one(gl.ones(4, 3))).sum()).trace.nodes.name
    assert {"one.0.weight", "two.0.weight"} <= set(names)


def test_what_a_module_computes_belongs_to_it(gl: Any, nn: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    out = model(gl.ones(4, 3)).sum()
    nodes = gw.graph(out).trace.nodes
    modules = dict.fromkeys(
        m for m, kind in zip(nodes.module, nodes.kind, strict=True) if kind == "op"
    )
    assert {"0", "2"} <= set(modules)
    assert nodes.module[-1] == ""
