"""A pass by hand: each `next()` runs one node of the real pass, and the picture follows."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import gradlab as gl
import gradlab_widgets as gw
from gradlab import observers
from gradlab_widgets.backward import Backward

SECOND = "Trying to backward through the graph a second time"


def product() -> tuple[Any, Any, Any]:
    """Two leaves and a result: d = sum(a·b + a)."""
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    b = gl.tensor([3.0, 4.0], requires_grad=True)
    return a, b, (a * b + a).sum()


def names(steps: Any) -> list[str]:
    return [step.node.name().rpartition("::")[2] for step in steps]


# ---------------------------------------------------------------------- iterating


def test_steps_are_the_nodes_in_the_order_of_the_pass() -> None:
    _, _, loss = product()
    ran = names(Backward(loss))
    expected = [loss.grad_fn.name(), "AddBackward0", "MulBackward0"]
    assert ran == [*expected, "AccumulateGrad", "AccumulateGrad"]


def test_nothing_runs_before_the_first_next() -> None:
    a, b, loss = product()
    backward = Backward(loss)
    assert (a.grad, b.grad, backward.done) == (None, None, False)
    assert not backward.trace.steps
    assert repr(backward) == "<Backward: 0 of 5 nodes have run>"


def test_grads_change_at_their_own_step() -> None:
    a, b, loss = product()
    seen = [
        (names([step])[0], *(None if x.grad is None else x.grad.tolist() for x in (a, b)))
        for step in Backward(loss)
    ]
    assert seen[:3] == [(name, None, None) for name in names(Backward(product()[2]))[:3]]
    assert seen[-1] == ("AccumulateGrad", [4.0, 5.0], [1.0, 2.0])
    assert seen[3] in (
        ("AccumulateGrad", [4.0, 5.0], None),
        ("AccumulateGrad", None, [1.0, 2.0]),
    )


def test_a_step_tells_what_arrived_and_what_left() -> None:
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    step = next(Backward(a * 3, gl.tensor([1.0, 10.0])))
    assert step.node.name() == "MulBackward0"
    assert [g.tolist() for g in step.grad_outputs] == [[1.0, 10.0]]
    assert step.grad_inputs[0].tolist() == [3.0, 30.0]


def test_grads_add_to_what_was_there() -> None:
    a, _, loss = product()
    a.grad = gl.ones(2)
    backward = Backward(loss)
    backward.run()
    assert a.grad.tolist() == [5.0, 6.0]
    step = backward.trace.steps.kind.index("accumulate")
    befores = {backward.trace.steps.before[i] for i in range(step, len(backward.trace.steps))}
    values = [backward.trace.values[i].data for i in befores if i is not None]
    assert (1.0, 1.0) in values


def test_after_the_end_there_is_nothing_more() -> None:
    backward = Backward(product()[2])
    assert len(list(backward)) == 5
    assert backward.done
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(backward)
    assert list(backward) == []
    assert backward.run() is None


def test_done_is_true_with_the_last_node_not_after_it() -> None:
    backward = Backward(product()[2])
    assert [backward.done for _ in backward] == [False] * 4 + [True]


def test_the_result_is_that_of_backward() -> None:
    a, b, loss = product()
    Backward(loss).run()
    c, d, other = product()
    other.backward()
    assert (a.grad.tolist(), b.grad.tolist()) == (c.grad.tolist(), d.grad.tolist())


# ---------------------------------------------------------------------- running to a place


def test_run_stops_behind_a_tensors_node() -> None:
    a = gl.tensor(2.0, requires_grad=True)
    b = a * a
    backward = Backward(gl.sin(b))
    step = backward.run(to=b)
    assert step.node is b.grad_fn
    assert a.grad is None
    assert not backward.done


def test_run_to_a_leaf_and_to_a_node() -> None:
    _, b, loss = product()
    backward = Backward(loss)
    assert backward.run(to=loss.grad_fn).node is loss.grad_fn
    assert backward.run(to=b).node.variable is b
    assert b.grad is not None


@pytest.mark.parametrize("steps", [3, 5], ids=["ran", "done"])
def test_run_to_what_ran_already_is_refused(steps: int) -> None:
    _, _, loss = product()
    backward = Backward(loss)
    for _ in range(steps):
        next(backward)
    with pytest.raises(ValueError, match=r"SumBackward0 will not run in this pass any more"):
        backward.run(to=loss)


@pytest.mark.parametrize("to", [gl.ones(1, requires_grad=True) * 2, "MulBackward0", 3])
def test_run_to_a_stranger_is_refused_before_anything_runs(to: Any) -> None:
    a, _, loss = product()
    backward = Backward(loss)
    with pytest.raises(ValueError, match="will not run in this pass any more"):
        backward.run(to=to)
    assert not backward.trace.steps
    assert a.grad is None


# ---------------------------------------------------------------------- what backward() takes


def test_a_graph_is_freed_as_the_pass_goes() -> None:
    a = gl.tensor([1.0], requires_grad=True)
    b = gl.sin(a)
    loss = b.sum()
    backward = Backward(loss)
    next(backward)
    assert b.grad_fn._saved_self is not None
    next(backward)
    with pytest.raises(RuntimeError, match=SECOND):
        _ = b.grad_fn._saved_self
    assert backward.trace.steps.kind[-1] == "free"


def test_a_second_pass_over_a_freed_graph_fails_as_pytorchs_does() -> None:
    _, _, loss = product()
    Backward(loss).run()
    again = Backward(loss)
    with pytest.raises(RuntimeError, match=SECOND):
        again.run()
    assert again.done


def test_a_retained_graph_can_be_run_again() -> None:
    a, _, loss = product()
    backward = Backward(loss, retain_graph=True)
    backward.run()
    assert "free" not in backward.trace.steps.kind
    Backward(loss).run()
    assert a.grad.tolist() == [8.0, 10.0]


def test_create_graph_makes_grads_with_a_history() -> None:
    a = gl.tensor(3.0, requires_grad=True)
    Backward(a**3, create_graph=True).run()
    assert a.grad.grad_fn is not None


def test_inputs_limit_what_grows() -> None:
    a, b, loss = product()
    backward = Backward(loss, inputs=[b])
    assert names(backward)[-1] == "AccumulateGrad"
    assert backward.done
    assert (a.grad, b.grad.tolist()) == (None, [1.0, 2.0])
    assert backward.trace.steps.kind[-1] == "accumulate"


def test_inputs_may_be_results() -> None:
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    b = gl.sin(a)
    backward = Backward((b * b).sum(), inputs=b)
    backward.run()
    other = gl.sin(a)
    (other * other).sum().backward(inputs=other)
    assert b.grad.tolist() == other.grad.tolist()
    assert a.grad is None


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        (lambda: gl.ones(2, requires_grad=True) * 2, {}, "grad can be implicitly created only"),
        (lambda: gl.ones(2).sum(), {}, "element 0 of tensors does not require grad"),
        (lambda: product()[2], {"inputs": []}, r"`inputs` argument to `backward\(\)` cannot be"),
        (lambda: product()[2], {"inputs": [3]}, "all inputs have to be Tensors"),
        (lambda: product()[2], {"gradient": gl.ones(3)}, "Mismatch in shape"),
    ],
)
def test_what_backward_refuses_is_refused_at_once(loss: Any, options: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=f"^{message}"):
        Backward(loss(), **options)


@pytest.mark.parametrize("x", [3, None, [1.0], "loss"], ids=repr)
def test_what_is_no_tensor_is_refused(x: Any) -> None:
    with pytest.raises(TypeError, match=r"Backward\(loss\) takes a tensor of gradlab or PyTorch"):
        Backward(x)


def test_pytorchs_tensors_are_refused_with_the_ways_out() -> None:
    torch = pytest.importorskip("torch")
    loss = torch.ones(2, requires_grad=True).sum()
    with pytest.raises(TypeError, match=r"can't be paused\. step\(loss\) walks .* record\(\)"):
        Backward(loss)


# ---------------------------------------------------------------------- stopping


def hooks_on(leaf: Any) -> int:
    """How many hooks a leaf's node has."""
    hooks = gl.engine.edge_of(leaf)[0].hooks
    return 0 if hooks is None else len(hooks.pre) + len(hooks.post)


@pytest.mark.parametrize("end", ["close", "with", "run", "forget", "fail"])
def test_nothing_is_left_behind(end: str) -> None:
    a, b, loss = product()
    enabled, watching = gl.is_grad_enabled(), observers.active
    backward: Any = Backward(loss)
    next(backward)
    assert (gl.is_grad_enabled(), observers.active) == (enabled, watching)
    if end == "close":
        backward.close()
    elif end == "with":
        with backward:
            next(backward)
    elif end == "run":
        backward.run()
    elif end == "fail":
        a.register_hook(lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            backward.run()
        assert backward.done
    del backward
    gc.collect()
    assert hooks_on(b) == 0
    assert (gl.is_grad_enabled(), observers.active) == (enabled, watching)


def test_a_closed_pass_goes_no_further_and_leaves_the_rest_to_run() -> None:
    a, _, loss = product()
    backward = Backward(loss)
    next(backward)
    backward.close()
    backward.close()
    assert backward.done
    with pytest.raises(StopIteration):
        next(backward)
    assert a.grad is None
    with pytest.raises(ValueError, match="Still to run: nothing"):
        backward.run(to=a)


def test_two_passes_may_take_turns() -> None:
    a = gl.tensor([1.0, 2.0], requires_grad=True)
    one, other = Backward((a * a).sum()), Backward((a * 10).sum())
    for _ in range(3):
        next(one)
        next(other)
    assert a.grad.tolist() == [12.0, 14.0]


def test_no_gradient_is_recorded_or_hidden_between_steps() -> None:
    a, _, loss = product()
    backward = Backward(loss)
    next(backward)
    later = a * 2
    assert later.grad_fn is not None
    backward.run()
    later.sum().backward()
    assert a.grad.tolist() == [6.0, 7.0]


def test_a_pass_that_is_forgotten_keeps_no_tensor_alive() -> None:
    a, b, loss = product()
    backward = Backward(loss)
    next(backward)
    watched = weakref.ref(a)
    del a, b, loss, backward
    gc.collect()
    assert watched() is None


# ---------------------------------------------------------------------- the picture


def test_the_trace_is_that_of_a_recorded_pass() -> None:
    _, _, loss = product()
    backward = Backward(loss)
    backward.run()
    _, _, loss = product()
    with gw.record() as r:
        loss.backward()
    assert backward.trace.steps == r.trace.steps
    assert backward.trace.nodes.kind == r.trace.nodes.kind
    assert backward.trace.values == r.trace.values


def test_the_widget_follows_without_being_asked() -> None:
    _, _, loss = product()
    backward = Backward(loss)
    widget = backward.widget
    assert (widget.view, widget.position, widget.payload["steps"]["kind"]) == ("step", -1, [])
    next(backward)
    widget.show_now()
    assert widget.payload["steps"]["kind"] == ["seed", "vjp"]
    assert widget.position == 1
    backward.run()
    assert widget.payload["steps"]["kind"][-1] == "accumulate"
    assert widget.position == len(backward.trace.steps) - 1
    assert backward.widget is widget


def test_a_widget_made_late_shows_what_has_run() -> None:
    backward = Backward(product()[2])
    backward.run()
    assert backward.widget.position == len(backward.trace.steps) - 1


def test_a_long_pass_in_one_cell_is_not_drawn_at_every_step() -> None:
    y = gl.tensor(1.0, requires_grad=True)
    for _ in range(300):
        y = gl.sin(y)
    backward = Backward(y)
    pictures: list[Any] = []
    backward.widget.observe(pictures.append, "payload")
    backward.run()
    assert 1 <= len(pictures) < 100
    assert len(backward.widget.trace.steps) == len(backward.trace.steps)


def test_it_is_displayed_as_its_widget() -> None:
    backward = Backward(product()[2])
    data, _ = backward._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == backward.widget.model_id
    assert "<img" in data["text/html"]
