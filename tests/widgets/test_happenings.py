"""What a trace tells beyond gradients: sums undone, terms that meet, hooks, and second graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gradlab_widgets as gw
from gradlab_widgets.trace import Trace


def data_of(trace: Trace, index: int | None) -> tuple[Any, ...] | None:
    return None if index is None else trace.values[index].data


def rows(table: Any) -> list[tuple[Any, ...]]:
    return list(zip(*table.columns().values(), strict=True))


def sums_of(trace: Trace) -> dict[tuple[str, int], tuple[int, ...]]:
    return {(trace.nodes.title[node], slot): axes for node, slot, axes in rows(trace.sums)}


# ---------------------------------------------------------------------- broadcasts undone


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda gl, x, r, c, s: x + r, {("+", 1): (0,)}),
        (lambda gl, x, r, c, s: x * c, {("×", 1): (1,)}),
        (lambda gl, x, r, c, s: s - x, {("−", 0): (0, 1)}),
        (lambda gl, x, r, c, s: r + c, {("+", 0): (0,), ("+", 1): (1,)}),
        (lambda gl, x, r, c, s: r.expand(4, 2, 3), {("expand", 0): (0, 1)}),
        (lambda gl, x, r, c, s: gl.nn.functional.linear(x, x, c[:, 0]), {("addmm", 0): (0,)}),
        (lambda gl, x, r, c, s: x * x, {}),
        (lambda gl, x, r, c, s: x.sum(0, keepdim=True), {}),
        (lambda gl, x, r, c, s: x[:1], {}),
    ],
)
def test_the_axes_that_a_broadcast_is_summed_over_are_told(
    gl: Any, compute: Callable[..., Any], expected: dict[tuple[str, int], tuple[int, ...]]
) -> None:
    shapes = ((2, 3), (3,), (2, 1), ())
    leaves = [gl.ones(shape, requires_grad=True) for shape in shapes]
    assert sums_of(gw.trace(compute(gl, *leaves).sum())) == expected


# ---------------------------------------------------------------------- the ledger


def test_terms_add_up_in_the_order_they_leave_to_what_arrives(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    trace = gw.trace((x * x + 3 * x).sum())
    sums = [data_of(trace, total) for _, _, total in rows(trace.terms)]
    titles = [(trace.nodes.title[node], slot) for node, slot, _ in rows(trace.terms)]
    assert titles == [("×", 0), ("×", 0), ("×", 1)]
    assert sums[-1] == data_of(trace, trace.steps.incoming[-1][0]) == (5.0, 7.0)
    terms = [
        data_of(trace, trace.steps.outgoing[trace.steps.node.index(node, 1)][slot])
        for node, slot, _ in rows(trace.terms)
    ]
    running = (0.0, 0.0)
    for term, total in zip(terms, sums, strict=True):
        running = (running[0] + term[0], running[1] + term[1])
        assert running == total


def test_a_tensor_used_once_has_no_ledger(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    assert len(gw.trace(gl.sin(x).sum()).terms) == 0


def test_a_second_pass_starts_from_the_grad_of_the_first(gl: Any) -> None:
    x = gl.tensor(3.0, requires_grad=True)
    y = x * x
    with gw.record() as recorded:
        y.backward(retain_graph=True)
        y.backward()
    first, second = recorded.traces
    assert data_of(first, first.steps.before[-1]) is None
    assert data_of(second, second.steps.before[-1]) == (6.0,)
    assert second.steps.before[-1] == second.steps.incoming[-1][0], "the same numbers, one row"
    assert data_of(second, second.steps.after[-1]) == (12.0,)


# ---------------------------------------------------------------------- hooks


def hooks_of(trace: Trace) -> list[tuple[Any, ...]]:
    return [
        (trace.nodes.title[node], kind, name, slot, data_of(trace, before), data_of(trace, after))
        for node, kind, name, slot, before, after in rows(trace.hooks)
    ]


def clip(gradient: Any) -> Any:
    return gradient.clamp(max=1.0)


def test_hooks_are_told_where_they_ran_with_what_they_changed(gl: Any) -> None:
    a = gl.tensor(2.0, requires_grad=True)
    b = a * 3
    out = b * b

    def look(*gradients: Any) -> None:
        pass

    def half(arriving: Any) -> Any:
        return tuple(g / 2 for g in arriving)

    def drop(leaf: Any) -> None:
        leaf.grad.zero_()

    b.register_hook(clip)
    b.register_hook(look)
    b.retain_grad()
    b.grad_fn.register_prehook(half)
    b.grad_fn.register_hook(look)
    a.register_hook(lambda gradient: -gradient)
    a.register_post_accumulate_grad_hook(drop)
    trace = gw.trace(out)
    assert hooks_of(trace) == [
        ("×", "tensor hook", "clip", 0, (12.0,), (1.0,)),
        ("×", "tensor hook", "look", 0, None, None),
        ("×", "pre-hook", "half", 0, (1.0,), (0.5,)),
        ("×", "node hook", "look", None, None, None),
        ("×", "retain_grad", "b", 0, None, None),
        ("accumulate", "tensor hook", "lambda", 0, (1.5,), (-1.5,)),
        ("accumulate", "post-accumulate hook", "drop", None, (-1.5,), (0.0,)),
    ]
    assert data_of(trace, trace.steps.after[-1]) == (0.0,)
    words = trace.steps.words
    assert words[2].startswith(
        "The tensor hook clip on b sees the gradient that arrives and changes it from 12 to 1. "
        "The tensor hook look on b sees the gradient that arrives and leaves it as it is. "
        "The pre-hook half of × sees what arrives and changes it from 1 to 0.5."
    )
    assert "kept in its .grad, as retain_grad() asked for. × receives" in words[2]
    assert words[2].endswith("The node hook look of × sees what leaves and leaves it as it is.")
    assert words[3].endswith(
        "a.grad was None; now it is the gradient that arrived: −1.5. The post-accumulate hook drop "
        "on a sees a.grad and changes it from −1.5 to 0."
    )


def test_watching_hooks_leaves_them_as_they_were(gl: Any) -> None:
    a = gl.tensor(2.0, requires_grad=True)
    b = a * 3
    seen: list[str] = []
    once = b.register_hook(lambda gradient: (seen.append("once"), once.remove())[0])
    b.register_hook(lambda gradient: seen.append("always"))
    out = b * b
    gw.trace(out)
    assert seen == ["once", "always"]
    out.backward()
    assert seen == ["once", "always", "always"]
    assert a.grad.item() == 36.0


def test_a_hook_that_fails_fails_as_without_watching(gl: Any) -> None:
    a = gl.tensor(2.0, requires_grad=True)
    b = a * 3

    def broken(gradient: Any) -> None:
        raise ZeroDivisionError("as planned")

    handle = b.register_hook(broken)
    with pytest.raises(ZeroDivisionError, match="as planned"):
        gw.trace(b * b)
    handle.remove()
    (b * b).backward()
    assert a.grad.item() == 36.0


# ---------------------------------------------------------------------- a second graph


@pytest.mark.filterwarnings("ignore:Using backward")
def test_nodes_of_a_second_graph_know_whose_rule_made_them(gl: Any) -> None:
    x = gl.tensor(3.0, requires_grad=True)
    y = gl.sin(x)
    with gw.record() as recorded:
        y.backward(create_graph=True)
        (x.grad**2).backward()
    trace = recorded.trace
    title = trace.nodes.title
    links = {(title[node], title[of]) for node, of, order in rows(trace.second) if order == 2}
    assert {("cos", "sin"), ("×", "sin")} <= links
    titles = [trace.nodes.title[node] for node in trace.steps.node]
    assert "cos" in titles, "the second pass goes through the second graph"
    assert "sin" not in titles, "and not through the node that it came from"
    assert "sin" in trace.nodes.title
    assert trace.nodes.title[trace.root] == "pow"
    assert len(recorded.traces[0].second) == 0


def test_autograd_grad_makes_a_second_graph_too(gl: Any) -> None:
    x = gl.tensor(0.5, requires_grad=True)
    with gw.record() as recorded:
        first = gl.autograd.grad(gl.sin(x), x, create_graph=True)[0]
        second = gl.autograd.grad(first, x, create_graph=True)[0]
        second.backward()
    assert len(recorded.traces) == 1, "passes of autograd.grad are no traces"
    (trace,) = recorded.traces
    titles = trace.nodes.title
    links = {(titles[node], titles[of], order) for node, of, order in rows(trace.second)}
    assert {("cos", "sin", 2), ("sin", "cos", 3)} <= links
    assert trace.root in trace.second.node


def test_the_sum_of_terms_is_of_the_second_graph_too(gl: Any) -> None:
    x = gl.tensor(0.5, requires_grad=True)
    with gw.record() as recorded:
        (slope,) = gl.autograd.grad(gl.sin(x) * x, x, create_graph=True)
        slope.backward()
    trace = recorded.trace
    links = {(trace.nodes.title[node], trace.nodes.title[of]) for node, of, _ in rows(trace.second)}
    assert ("+", "accumulate") in links
    assert trace.root in trace.second.node


def test_each_second_graph_is_drawn_over_its_own_first_one(gl: Any) -> None:
    with gw.record() as recorded:
        for _ in range(3):
            x = gl.tensor(2.0, requires_grad=True)
            (slope,) = gl.autograd.grad(x**3, x, create_graph=True)
            (slope * 2).backward()
    first, *others = (trace.nodes.title for trace in recorded.traces)
    assert others == [first, first]
    assert first.count("pow") > 1


def test_nothing_is_second_where_no_pass_recorded_itself(gl: Any) -> None:
    x = gl.tensor(0.5, requires_grad=True)
    with gw.record() as recorded:
        for _ in range(2):
            gl.exp(x).backward()
    assert [len(trace.second) for trace in recorded.traces] == [0, 0]


def test_the_rare_tables_survive_json_and_are_left_out_where_empty(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    x.register_hook(clip)
    trace = gw.trace((x * x + x.sum()).sum())
    told = trace.to_json()
    assert {"sums", "terms", "hooks"} <= told.keys()
    assert "second" not in told
    assert Trace.from_json(told) == trace
