"""Recording: the trace tells what the pass did, and a rehearsal leaves no mark on the world."""

from __future__ import annotations

import gc
import importlib
import json
import math
import re
import time
import weakref
from typing import Any

import pytest

import gradlab_widgets as gw
from gradlab_widgets.recorder import no_collections
from gradlab_widgets.trace import Trace, Value


def value_of(trace: Trace, index: int | None) -> Value | None:
    return None if index is None else trace.values[index]


def node_named(trace: Trace, name: str, kind: str = "op") -> int:
    rows = zip(trace.nodes.name, trace.nodes.kind, strict=True)
    return list(rows).index((name, kind))


def sines(gl: Any) -> tuple[Any, Any]:
    """The first lesson's program: its input and its result."""
    a = gl.linspace(0.0, 2 * math.pi, 25, requires_grad=True)
    return a, (2 * gl.sin(a) + 1).sum()


# ---------------------------------------------------------------------- what the trace says


def test_nodes_are_those_of_the_program_with_its_names(gl: Any) -> None:
    a = gl.linspace(0.0, 2 * math.pi, 25, requires_grad=True)
    b = gl.sin(a)
    c = 2 * b
    d = c + 1
    out = d.sum()
    nodes = gw.trace(out).nodes
    assert nodes.kind == ("leaf", "accumulate", "op", "op", "op", "root")
    assert nodes.title == ("a", "accumulate", "sin", "×", "+", "sum")
    assert nodes.name == ("a", "a", "b", "c", "d", "out")
    assert nodes.op[1:] == (
        "AccumulateGrad",
        "SinBackward0",
        "MulBackward0",
        "AddBackward0",
        "SumBackward0",
    )
    assert nodes.shape == ((25,),) * 5 + ((),)
    assert set(nodes.dtype) == {"float32"}


def test_steps_run_from_the_root_to_the_leaf(gl: Any) -> None:
    _, out = sines(gl)
    trace = gw.trace(out)
    assert trace.steps.kind == ("seed", "vjp", "vjp", "vjp", "vjp", "accumulate")
    titles = [trace.nodes.title[i] for i in trace.steps.node]
    assert titles == ["sum", "sum", "+", "×", "sin", "accumulate"]
    assert trace.library == gl.__name__


def test_gradients_are_the_ones_the_library_computes(gl: Any) -> None:
    a, out = sines(gl)
    trace = gw.trace(out)
    final = value_of(trace, trace.steps.after[-1])
    assert final is not None
    out.backward()
    assert final.data == pytest.approx(a.grad.tolist())
    assert final.data == pytest.approx([2 * math.cos(x) for x in a.tolist()], abs=1e-6)


def test_each_gradient_arrives_where_the_one_before_left(gl: Any) -> None:
    _, out = sines(gl)
    steps = gw.trace(out).steps
    for i in range(1, 5):
        assert steps.outgoing[i][0] == steps.incoming[i + 1][0]


def test_values_of_intermediates_come_from_whoever_saved_or_named_them(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = (gl.exp(x) * gl.sin(x)).sum()
    trace = gw.trace(out)
    row = trace.nodes.title.index("sin")
    value = value_of(trace, trace.nodes.value[row])
    assert value is not None
    assert value.data == pytest.approx([math.sin(1), math.sin(2)])


def test_saved_values_have_pytorchs_names(gl: Any) -> None:
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    b = gl.tensor([3.0, 4.0], requires_grad=True)
    trace = gw.trace((a * b).sum())
    row = trace.nodes.title.index("×")
    saved = {name: trace.values[i].data for name, i in trace.nodes.saved[row]}
    assert saved == {"self": (1.0, 2.0), "other": (3.0, 4.0)}


def test_a_leaf_used_twice_is_one_node_and_grows_once(gl: Any) -> None:
    x = gl.tensor(3.0, requires_grad=True)
    trace = gw.trace(x * x)
    assert trace.nodes.kind == ("leaf", "accumulate", "root")
    assert trace.edges.slot == (0, 0, 1)
    assert trace.steps.kind.count("accumulate") == 1
    assert value_of(trace, trace.steps.after[-1]).data == (6.0,)


def test_accumulate_adds_to_what_was_there(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    x.grad = gl.tensor([10.0, 10.0])
    trace = gw.trace((x * x).sum())
    assert value_of(trace, trace.steps.before[-1]).data == (10.0, 10.0)
    assert value_of(trace, trace.steps.after[-1]).data == (12.0, 14.0)
    assert trace.steps.words[-1] == (
        "x.grad was [10, 10]; the gradient that arrived is added, [2, 4], and now it is [12, 14]."
    )


def test_outputs_of_one_node_are_told_apart(gl: Any) -> None:
    a = gl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = gl.unbind(a)
    trace = gw.trace((first * second).sum())
    row = node_named(trace, "first, second")
    outputs = [trace.edges.output[i] for i, source in enumerate(trace.edges.from_) if source == row]
    assert outputs == [0, 1]
    step = trace.steps.node.index(row)
    incoming = [value_of(trace, i) for i in trace.steps.incoming[step]]
    assert [v.data for v in incoming if v] == [(3.0, 4.0), (1.0, 2.0)]


def test_a_gradient_given_starts_the_pass(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    trace = gw.trace(x * 3, gl.tensor([1.0, 10.0]))
    assert value_of(trace, trace.steps.incoming[0][0]).data == (1.0, 10.0)
    assert value_of(trace, trace.steps.after[-1]).data == (3.0, 30.0)


def test_formulas_speak_with_the_users_names_and_numbers(gl: Any) -> None:
    a = gl.tensor([0.0, 0.26], requires_grad=True)
    b = gl.sin(a)
    trace = gw.trace(b, gl.tensor([1.0, 2.0]))
    step = trace.steps.kind.index("vjp")
    shown = ["".join(_texts(trace.math[i])) for i in trace.steps.formulas[step]]
    assert shown == [
        "a¯=b¯\u2062cos\u2061a",
        "a¯=[1,2]·cos\u2061([0,0.26])=[1,1.933]",
        "a¯[1]=2·cos\u2061(0.26)=1.933",
    ]
    assert "".join(_texts(trace.math[trace.nodes.formula[2]])) == "b=sin\u2061a"


def _texts(markup: str) -> list[str]:
    import xml.etree.ElementTree as ElementTree

    return [element.text or "" for element in ElementTree.fromstring(markup).iter()]


def test_a_broadcast_operand_gets_the_sum(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    w = gl.tensor(3.0, requires_grad=True)
    trace = gw.trace((x * w).sum())
    step = trace.steps.node.index(trace.nodes.title.index("×"))
    assert "adds it up over what w was repeated for" in trace.steps.words[step]
    assert any("∑" in trace.math[i] for i in trace.steps.formulas[step])


def test_what_a_bias_gets_is_summed_over_the_rows(gl: Any, nn: Any) -> None:
    layer = nn.Linear(3, 2)
    trace = gw.trace(layer(gl.ones(4, 3)).sum())
    step = trace.steps.node.index(trace.nodes.title.index("addmm"))
    assert "adds it up over what layer.bias was repeated for" in trace.steps.words[step]
    assert any("∑" in trace.math[i] for i in trace.steps.formulas[step])


def test_letters_in_sentences_are_explained(gl: Any) -> None:
    x = gl.tensor([1.0], requires_grad=True)
    words = gw.trace(gl.exp(x * 2).sum()).steps.words
    assert "multiplies it by y (y is its result)" in words[2]


def test_a_users_x_is_not_confused_with_an_unnamed_one(gl: Any) -> None:
    x = gl.tensor([1.0], requires_grad=True)
    trace = gw.graph((x * 2) + x).trace
    formula = trace.nodes.formula[-1]
    assert formula is not None
    assert "".join(_texts(trace.math[formula])) == "y=x′+x"


def test_sentences_are_whole_and_speak_plainly(gl: Any) -> None:
    a = gl.tensor([0.0], requires_grad=True)
    b = gl.sin(a)
    out = b.sum()
    words = gw.trace(out).steps.words
    assert words == (
        "The pass starts at out: its gradient with respect to itself is 1.",
        "sum receives the gradient of out: 1. It repeats it for every element that was summed "
        "and passes 1 on to b.",
        "sin receives the gradient of b: 1. It multiplies it by cos a and passes 1 on to a.",
        "a.grad was None; now it is the gradient that arrived: 1.",
    )


def test_the_trace_survives_json(gl: Any) -> None:
    _, out = sines(gl)
    trace = gw.trace(out)
    assert Trace.from_json(json.loads(json.dumps(trace.to_json(), allow_nan=False))) == trace


# ---------------------------------------------------------------------- what a rehearsal leaves


def test_a_rehearsal_leaves_every_grad_as_it_was(gl: Any) -> None:
    a, out = sines(gl)
    b = gl.ones(25, requires_grad=True)
    b.grad = kept = gl.ones(25)
    gw.trace(out + (b * 2).sum())
    assert a.grad is None
    assert b.grad is kept
    assert kept.tolist() == [1.0] * 25


def test_a_rehearsal_leaves_retained_grads_as_they_were(gl: Any) -> None:
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    hidden = [gl.sin(a)]
    hidden[0].retain_grad()
    gw.trace(hidden[0].sum())
    assert hidden[0].grad is None
    hidden[0].sum().backward()
    assert hidden[0].grad.tolist() == [1.0, 1.0]


def test_a_rehearsal_frees_nothing(gl: Any) -> None:
    a, out = sines(gl)
    gw.trace(out)
    gw.trace(out)
    out.backward()
    assert a.grad is not None


def test_a_rehearsal_that_fails_leaves_every_grad_as_it_was(gl: Any) -> None:
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    a.grad = kept = gl.ones(2)
    b = gl.sin(a)

    def fail(gradient: Any) -> None:
        raise ValueError("the user's hook fails")

    b.register_hook(fail)
    with pytest.raises(ValueError, match="the user's hook fails"):
        gw.trace(b.sum())
    assert a.grad is kept
    assert kept.tolist() == [1.0, 1.0]


def test_other_errors_come_through_as_they_are(gl: Any) -> None:
    b = gl.sin(gl.ones(2, requires_grad=True))

    def fail(gradient: Any) -> None:
        raise RuntimeError("the user's hook fails")

    b.register_hook(fail)
    with pytest.raises(RuntimeError, match=r"^the user's hook fails$") as e:
        gw.trace(b.sum())
    assert e.value.__cause__ is None


def test_a_rehearsal_leaves_no_hooks_behind(gl: Any) -> None:
    _, out = sines(gl)
    trace = gw.trace(out)
    assert gw.trace(out).steps == trace.steps


def test_hooks_of_the_user_run_and_are_seen(gl: Any) -> None:
    a = gl.tensor([1.0], requires_grad=True)
    b = a * 2
    b.register_hook(lambda gradient: gradient * 100)
    trace = gw.trace(b.sum())
    assert value_of(trace, trace.steps.after[-1]).data == (200.0,)


def test_a_trace_keeps_no_tensor_alive(gl: Any) -> None:
    a, out = sines(gl)
    trace = gw.trace(out)
    watched = weakref.ref(a)
    del a, out
    gc.collect()
    assert watched() is None
    assert len(trace.nodes) == 6


# ---------------------------------------------------------------------- recording the real one


def test_record_sees_the_pass_the_user_runs(gl: Any) -> None:
    a, out = sines(gl)
    expected = gw.trace(out)
    with gw.record() as r:
        out.backward()
    assert a.grad is not None
    assert r.trace.nodes == expected.nodes
    assert [k for k in r.trace.steps.kind if k != "free"] == list(expected.steps.kind)


def test_free_steps_follow_the_nodes_that_had_saved_something(gl: Any) -> None:
    _, out = sines(gl)
    with gw.record() as r:
        out.backward()
    steps, nodes = r.trace.steps, r.trace.nodes
    freed = [
        nodes.title[n] for n, kind in zip(steps.node, steps.kind, strict=True) if kind == "free"
    ]
    assert freed == ["×", "sin"]
    for i, kind in enumerate(steps.kind):
        if kind == "free":
            assert (steps.kind[i - 1], steps.node[i - 1]) == ("vjp", steps.node[i])


def test_nothing_is_freed_where_the_graph_is_retained(gl: Any) -> None:
    _, out = sines(gl)
    with gw.record() as r:
        out.backward(retain_graph=True)
    assert "free" not in r.trace.steps.kind


def test_record_sees_the_function_as_well_as_the_method(gl: Any) -> None:
    x = gl.tensor(2.0, requires_grad=True)
    with gw.record() as r:
        gl.autograd.backward(x * x)
        (x * x * x).backward()
    assert [len(t.nodes) for t in r.traces] == [3, 4]
    assert r.trace is r.traces[-1]


def test_several_roots_are_all_roots(gl: Any) -> None:
    x = gl.tensor(2.0, requires_grad=True)
    with gw.record() as r:
        gl.autograd.backward([x * 3, x * x])
    assert r.trace.nodes.kind.count("root") == 2
    assert r.trace.steps.kind[:2] == ("seed", "seed")
    assert value_of(r.trace, r.trace.steps.after[-1]).data == (7.0,)


def test_a_leaf_can_be_the_root(gl: Any) -> None:
    x = gl.tensor(2.0, requires_grad=True)
    with gw.record() as r:
        x.backward()
    assert r.trace.nodes.kind == ("leaf", "accumulate")
    assert r.trace.steps.kind == ("seed", "accumulate")


def test_record_without_a_pass_says_so(gl: Any) -> None:
    with gw.record() as r:
        pass
    with pytest.raises(RuntimeError, match="saw no backward pass"):
        _ = r.trace


def test_record_ends_with_its_block(gl: Any) -> None:
    module = importlib.import_module(f"{gl.__name__}.autograd")
    original = module.backward
    with pytest.raises(ValueError, match="stop"), gw.record() as r:
        raise ValueError("stop")
    assert module.backward is original
    gl.tensor(1.0, requires_grad=True).backward()
    assert not r.traces


def test_errors_of_the_real_pass_come_through(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    with gw.record() as r:
        with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar"):
            (x * 2).backward()
        with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
            x.detach().sum().backward()
    assert not r.traces


# ---------------------------------------------------------------------- what cannot be recorded


@pytest.mark.parametrize("show", [gw.trace, gw.step, gw.graph, gw.to_dot])
@pytest.mark.parametrize("x", [3, None, "out", [1.0], {}], ids=repr)
def test_what_is_no_tensor_is_refused(show: Any, x: Any) -> None:
    with pytest.raises(TypeError, match="takes a tensor of gradlab or PyTorch, but got"):
        show(x)


@pytest.mark.parametrize("show", [gw.trace, gw.step, gw.graph, gw.to_dot])
def test_a_tensor_without_history_is_refused(gl: Any, show: Any) -> None:
    message = "element 0 of tensors does not require grad and does not have a grad_fn"
    with pytest.raises(RuntimeError, match=message):
        show(gl.ones(3).sum())


def test_a_root_of_several_elements_needs_a_gradient(gl: Any) -> None:
    x = gl.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar") as e:
        gw.trace(x * 2)
    assert "take step(x.sum())" in str(e.value)


def test_a_gradient_that_is_no_tensor_is_refused(gl: Any) -> None:
    x = gl.ones(3, requires_grad=True)
    with pytest.raises(TypeError, match=r"gradient is to be a tensor of .* but got list"):
        gw.trace(x * 2, [1.0, 1.0, 1.0])


def test_a_freed_graph_is_refused_but_can_be_drawn(gl: Any) -> None:
    _, out = sines(gl)
    out.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second") as e:
        gw.trace(out)
    assert "call step(x) before x.backward()" in str(e.value)
    trace = gw.graph(out).trace
    assert trace.nodes.title[2:] == ("sin", "×", "+", "sum")
    assert all(saved == () for saved in trace.nodes.saved)


def test_a_pass_of_several_thousand_nodes_takes_no_recursion(gl: Any) -> None:
    y = gl.tensor(1.0, requires_grad=True)
    for _ in range(3000):
        y = y * 1.0
    assert len(gw.trace(y).steps) == 3002


def test_ten_thousand_nodes_are_traced_in_time_and_a_few_megabytes(gl: Any) -> None:
    y = gl.tensor(1.0, requires_grad=True)
    for _ in range(5000):
        y = gl.sin(y) + 0.1
    best = math.inf
    for _ in range(3):
        started = time.thread_time()  # other processes may be busy
        trace = gw.trace(y)
        best = min(best, time.thread_time() - started)
    assert len(trace.nodes) == 10_002
    assert best < 2  # 0.8 s on a quiet machine
    assert len(json.dumps(trace.to_json())) < 8e6


@pytest.mark.parametrize(
    "numbers",
    [[math.nan, 1.0], [math.inf, -1.0], [-math.inf], []],
    ids=["nan", "inf", "-inf", "empty"],
)
def test_odd_values_are_drawn_honestly(gl: Any, numbers: list[float]) -> None:
    x = gl.tensor(numbers, requires_grad=True)
    trace = gw.trace((x * x).sum())
    leaf = value_of(trace, trace.nodes.value[0])
    assert leaf is not None
    assert leaf.size == len(numbers)
    assert leaf.nan == sum(map(math.isnan, numbers))
    assert leaf.inf == sum(map(math.isinf, numbers))
    json.dumps(trace.to_json(), allow_nan=False)


def test_a_view_elsewhere_whose_history_was_lost_is_passed_over() -> None:
    torch = pytest.importorskip("torch")
    base = torch.ones(3)
    with torch.no_grad():
        view = base[:2]
    base.mul_(torch.ones(3, requires_grad=True))
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode"):
        _ = view.grad_fn
    _, out = sines(torch)
    assert gw.trace(out).steps


@pytest.mark.parametrize(
    ("nodes", "formula", "words"),
    [
        (20, "y=x·[0.5,1.5]", "multiplies it by [0.5, 1.5]"),
        (1_200, "y=x·c", "multiplies it by c (c is [0.5, 1.5])"),
    ],
)
def test_in_a_large_graph_a_letter_stands_for_a_constant(
    nodes: int, formula: str, words: str
) -> None:
    gl = pytest.importorskip("gradlab")
    y = gl.ones(2, requires_grad=True)
    for _ in range(nodes):
        y = y * gl.tensor([0.5, 1.5])
    recorded = gw.trace(y.sum())
    forward = recorded.math[recorded.nodes.formula[5] or 0]
    assert re.sub(r"<[^>]*>", "", forward) == formula
    assert words in recorded.steps.words[3]


def test_after_recording_the_collector_works_and_nothing_is_frozen() -> None:
    gc.enable()
    before = gc.get_freeze_count()
    with no_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == before
    gc.freeze()
    try:
        with no_collections():
            pass
        assert gc.get_freeze_count() > 0, "what somebody else froze stays frozen"
    finally:
        gc.unfreeze()
