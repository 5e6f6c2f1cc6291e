"""Why a gradient is what it is: the reason, the sentence, the path, on both libraries."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from gradlab_widgets.reading import Source, read
from gradlab_widgets.recorder import record
from gradlab_widgets.why import REASONS, Why, why


def dead_relu(gl: Any) -> Why:
    x = gl.tensor([-1.0, -2.0], requires_grad=True)
    w = gl.ones(2, requires_grad=True)
    h = gl.relu(x * w)
    out = h.sum()
    out.backward(retain_graph=True)
    return why(x)


def not_run(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = (x * x).sum()  # noqa: F841 - it is in sight
    return why(x)


def accumulated(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = (x * x).sum()
    for _ in range(3):
        out.backward(retain_graph=True)
    return why(x)


def accumulated_and_freed(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = gl.sin(x).sum()
    out.backward(retain_graph=True)
    out.backward()
    return why(x)


def detached_on_the_way(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    w = gl.ones(2, requires_grad=True)
    h = gl.sin(x)
    out = (h.detach() * w).sum()
    out.backward(retain_graph=True)
    return why(x)


def no_grad_on_the_way(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    w = gl.ones(2, requires_grad=True)
    with gl.no_grad():
        h = gl.sin(x)
    out = (h * w).sum()
    out.backward()
    return why(x)


def made_under_no_grad(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    with gl.no_grad():
        h = gl.sin(x)
    return why(h)


def overwritten(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.zero_()
    out = y.sum()
    out.backward(retain_graph=True)
    return why(x)


def never_used(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    w = gl.ones(2, requires_grad=True)
    out = (w * 2).sum()
    out.backward()
    return why(x)


def no_leaf(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    h = gl.sin(x)
    h.sum().backward()
    return why(h)


def a_shared_detached_copy(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    copies = {"d": x.detach()}
    return why(copies["d"])


def a_constant(gl: Any) -> Why:
    return why(gl.ones(2))


def whole_numbers(gl: Any) -> Why:
    return why(gl.tensor([1, 2]))


def frozen(gl: Any) -> Why:
    layer = importlib.import_module(f"{gl.__name__}.nn").Linear(2, 1)
    layer.weight.requires_grad_(False)
    layer(gl.ones(3, 2)).sum().backward()
    return why(layer.weight)


def saturated(gl: Any) -> Why:
    x = gl.tensor([30.0, 40.0], requires_grad=True)
    out = gl.sigmoid(x * 5).sum()
    out.backward(retain_graph=True)
    return why(x)


def almost_saturated(gl: Any) -> Why:
    x = gl.tensor([-20.0, -22.0], requires_grad=True)
    out = gl.sigmoid(x).sum()
    out.backward(retain_graph=True)
    return why(x)


def nan_in_the_backward(gl: Any) -> Why:
    x = gl.tensor([0.0, 4.0], requires_grad=True)
    h = gl.sqrt(x)
    out = (h * h).sum()
    out.backward(retain_graph=True)
    return why(x)


def nan_in_the_forward(gl: Any) -> Why:
    x = gl.tensor([-1.0, 4.0], requires_grad=True)
    h = gl.log(x)
    out = (h * h).sum()
    out.backward(retain_graph=True)
    return why(x)


def exploding(gl: Any) -> Why:
    x = gl.tensor([1.0], requires_grad=True)
    h = x
    for _ in range(40):
        h = h * 2
    out = h.sum()
    out.backward(retain_graph=True)
    return why(x)


def vanishing(gl: Any) -> Why:
    x = gl.tensor([1.0], requires_grad=True)
    h = x
    for _ in range(40):
        h = gl.tanh(h * 0.5)
    out = h.sum()
    out.backward(retain_graph=True)
    return why(x)


def huge(gl: Any) -> Why:
    x = gl.tensor([1e-3, 1.0], requires_grad=True)
    out = (1 / x**2).sum()
    out.backward(retain_graph=True)
    return why(x)


def changed_in_place(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    z = gl.exp(x * 2)
    out = z.sum()
    z.add_(1)
    return why(x, out)


def zeroed(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = (x * x).sum()
    out.backward(retain_graph=True)
    x.grad.zero_()
    return why(x)


def freed_and_reset(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = gl.sin(x).sum()
    out.backward()
    x.grad = None
    return why(x)


def freed_and_bad(gl: Any) -> Why:
    x = gl.tensor([0.0, 2.0], requires_grad=True)
    out = gl.sqrt(x).sum()
    out.backward()
    return why(x)


def multiplied_by_zero(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    mask = gl.zeros(2)
    out = (x * mask).sum()
    out.backward(retain_graph=True)
    return why(x)


def cancelled(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = (x * 3 - x * 3).sum()
    out.backward(retain_graph=True)
    return why(x)


def stopped(gl: Any) -> Why:
    class Stop(gl.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> None:
            return None

    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = Stop.apply(x).sum()
    out.backward(retain_graph=True)
    return why(x)


def fine(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = gl.sin(x).sum()
    out.backward(retain_graph=True)
    return why(x)


def recorded_three_times(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    with record() as r:
        for _ in range(3):
            gl.sin(x).sum().backward()
    return why(x, r)


def recorded_and_freed(gl: Any) -> Why:
    x = gl.tensor([0.0, 2.0], requires_grad=True)
    out = gl.sqrt(x).sum()
    with record() as r:
        out.backward()
    return why(x, r.trace)


def recorded_without_it(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    w = gl.ones(2, requires_grad=True)
    with record() as r:
        (w * 2).sum().backward()
    return why(x, r)


def graphs_gone(gl: Any) -> Why:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    w = gl.ones(2, requires_grad=True)
    other = w.sum()  # noqa: F841 - it is in sight, and has nothing to do with x
    for _ in range(2):
        gl.sin(x).sum().backward()
    return why(x)


CASES: list[tuple[Callable[[Any], Why], str, str, tuple[str, ...]]] = [
    (dead_relu, "dead_relu", "every one of its 2 elements", ("out (sum)", "h (relu)", "×", "x")),
    (not_run, "not_run", "no backward pass has been run from out", ("out (sum)", "×", "x")),
    (accumulated, "accumulated", "looks like the sum of 3 backward passes", ()),
    (accumulated_and_freed, "accumulated", "was written to again", ("out (sum)", "sin", "x")),
    (detached_on_the_way, "detached", "out = (h.detach() * w).sum()", ("out (sum)", "×", "x")),
    (no_grad_on_the_way, "no_grad", "h = gl.sin(x)", ("out (sum)", "×", "x")),
    (made_under_no_grad, "no_grad", "computed where nothing is recorded", ()),
    (overwritten, "zero_here", "y (zero): it overwrote everything", ()),
    (never_used, "never_reached", "out's graph has no x in it", ("out (sum)", "×", "x")),
    (no_leaf, "not_leaf", "h is no leaf but the result of sin", ("h (sin)", "x")),
    (a_shared_detached_copy, "detached", "shares its numbers with x", ()),
    (a_constant, "not_tracked", "its requires_grad is False", ()),
    (whole_numbers, "dtype", "holds int64 numbers", ()),
    (frozen, "frozen", "is a parameter that was frozen", ()),
    (saturated, "saturated", "sigmoid is saturated (its results are all 1)", ()),
    (almost_saturated, "saturated", "x.grad is tiny", ("out (sum)", "sigmoid", "x")),
    (nan_in_the_backward, "nan_here", "arose at h (sqrt)", ("out (sum)", "×", "h (sqrt)", "x")),
    (nan_in_the_forward, "forward_nan", "NaN arose in the forward pass, at h (log)", ()),
    (exploding, "exploding", "grows at 40 nodes in turn, each time to about 2", ()),
    (vanishing, "vanishing", "shrinks at", ()),
    (huge, "huge_here", "reciprocal multiplies the gradient", ()),
    (changed_in_place, "in_place", "a value that exp saved has been changed in place", ()),
    (zeroed, "reset", "was set to zero since: the pass itself brings", ()),
    (freed_and_reset, "reset", "yet x.grad is None", ()),
    (freed_and_bad, "unknown", "the graph was freed by the pass", ()),
    (multiplied_by_zero, "zero_here", "it multiplies by zero", ("out (sum)", "×", "x")),
    (cancelled, "cancelled", "adds up to nothing", ()),
    (stopped, "stopped", "Stop passes no gradient on", ("out (sum)", "Stop", "x")),
    (fine, "fine", "the gradient of one pass", ("out (sum)", "sin", "x")),
    (graphs_gone, "unknown", "the graphs it came through are gone. It was written to", ()),
    (recorded_three_times, "accumulated", "is the sum of 3 backward passes", ()),
    (recorded_and_freed, "nan_here", "arose at sqrt", ()),
    (recorded_without_it, "never_reached", "has no leaf of that name", ()),
]


@pytest.mark.parametrize(
    ("ask", "reason", "said", "path"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_the_reason_is_found(
    gl: Any, ask: Callable[[Any], Why], reason: str, said: str, path: tuple[str, ...]
) -> None:
    answer = ask(gl)
    assert answer.reason == reason
    assert reason in REASONS
    assert said in answer.sentence
    assert answer.sentence.rstrip().endswith(".")
    if path:
        assert answer.path == path
    shown = answer._repr_html_()
    assert "<strong>" in shown
    if answer.trace is not None:
        ElementTree.fromstring(answer.svg())


def test_asking_changes_nothing(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = (x * x).sum()
    out.backward(retain_graph=True)
    kept = x.grad
    why(x)
    assert x.grad is kept
    assert kept.tolist() == [2.0, 4.0]
    out.backward()  # the graph wasn't freed
    assert x.grad.tolist() == [4.0, 8.0]


def test_of_several_results_the_newest_is_meant(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    older = (x * 2).sum()
    newer = gl.sin(x).sum()
    assert why(x).path == ("newer (sum)", "sin", "x")
    assert why(x, older).path == ("older (sum)", "×", "x")
    assert newer.requires_grad


def test_every_reason_is_reached_by_a_case() -> None:
    assert {case[1] for case in CASES} == set(REASONS)


def test_names_from_the_user_are_text(gl: Any) -> None:
    namespace = {"<img onerror=alert(1)>": gl.ones(2, requires_grad=True), "__name__": "user"}
    namespace["out"] = (namespace["<img onerror=alert(1)>"] * 2).sum()
    namespace["why"] = why
    code = "answer = why(globals()['<img onerror=alert(1)>'])"
    exec(code, namespace)
    shown = namespace["answer"]._repr_html_()
    assert "<img onerror" not in shown
    assert "&lt;img onerror" in shown
    assert "<img onerror" not in namespace["answer"].svg()


def test_a_large_graph_is_drawn_as_its_path(gl: Any) -> None:
    answer = exploding(gl)
    drawn = answer.svg()
    assert "more operations" in drawn
    assert drawn.count("<rect") < 40


@pytest.mark.parametrize("x", [None, 3.0, [1.0]])
def test_what_is_no_tensor_is_refused(x: Any) -> None:
    with pytest.raises(TypeError, match=r"why\(x\) takes a tensor"):
        why(x)


def test_a_result_that_is_none_is_refused(gl: Any) -> None:
    x = gl.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match=r"why\(x, out\).*but got float"):
        why(x, 3.0)


# ---------------------------------------------------------------------- reading the source

READINGS = [
    ("y = x.detach()", {"y": "detached"}, {"x"}),
    ("y = x * 2\nz = y.data + 1", {"z": "detached"}, {"x", "y"}),
    ("y = float(x) + x", {}, {"x", "y"}),
    ("y = torch.tensor(x * 2)", {"y": "detached"}, {"x"}),
    ("with torch.no_grad():\n    y = x * 2\nz = y + 1", {"y": "no_grad", "z": "no_grad"}, {"x"}),
    ("with torch.set_grad_enabled(True):\n    y = x", {}, {"x", "y"}),
    ("with torch.set_grad_enabled(False):\n    y = x", {"y": "no_grad"}, {"x"}),
    ("y = x * 2\ny.zero_()", {"y": "in_place"}, {"x"}),
    ("y = c\ny.copy_(x)", {}, {"x"}),
    ("y = x\ny.copy_(c)", {"y": "in_place"}, {"x"}),
    ("y, z = x, x.item()", {"z": "detached"}, {"x", "y"}),
    ("y = x.shape[0] * c\nz = x.grad * 2", {}, {"x"}),
    ("for i in range(3):\n    y = x.detach()", {"y": "detached"}, {"x"}),
    ("y = x.detach()\nx = torch.ones(2)", {}, {"x"}),
    ("%matplotlib inline\ny = x.detach()", {"y": "detached"}, {"x"}),
    ("y = x.detach()\nif y:", {"y": "detached"}, {"x"}),
    ("this is no Python", {}, {"x"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "cuts", "follows"), READINGS, ids=[r[0] for r in READINGS])
def test_the_source_is_read(text: str, cuts: dict[str, str], follows: set[str]) -> None:
    found = read([Source("In [1]", text)], "x")
    assert {name: line.what for name, line in found.cuts.items()} == cuts
    assert found.follows == follows


def test_a_reading_spans_cells_and_knows_the_lines() -> None:
    cells = [Source("In [1]", "a = 1\nh = x.detach()"), Source("In [2]", "out = h * 2")]
    line = read(cells, "x").cuts["out"]
    assert str(line) == "In [1], line 2: h = x.detach()"


def test_changes_and_passes_are_noted() -> None:
    text = "w -= 0.1 * w.grad\nw.data[0] = 3\nx.add_(1)\nloss.backward()"
    found = read([Source("train.py", text, 10)], "x")
    assert [(c.name, c.number) for c in found.changes] == [("w", 10), ("w", 11), ("x", 12)]
    assert [(c.name, c.number) for c in found.passes] == [("loss", 13)]
