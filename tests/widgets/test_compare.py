"""Two passes compared: the nodes that are added or missing, and the numbers that differ."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from gradlab_widgets.comparison import Comparison, compare
from gradlab_widgets.recorder import record, trace


def told(found: Comparison) -> set[tuple[str, str]]:
    return {(d.what, d.node) for d in found.differences}


def test_a_pass_is_the_same_as_itself(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    out = gl.sin(x * 2).sum()
    found = compare(out, out)
    assert found.differences == ()
    assert found.sentence == "The two passes are the same."


def test_without_zero_grad_the_second_step_accumulates(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    with record() as r:
        for _ in range(2):
            (x * 3).sum().backward()
    found = compare(*r.traces, labels=("step 1", "step 2"))
    assert told(found) == {(".grad before", "x"), (".grad after", "x")}
    assert [(d.a, d.b) for d in found.differences] == [("None", "[3, 3]"), ("[3, 3]", "[6, 6]")]
    with record() as r:
        for _ in range(2):
            x.grad = None
            (x * 3).sum().backward()
    assert compare(*r.traces).differences == ()


def test_detach_takes_a_branch_away(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    w = gl.tensor([3.0, 4.0], requires_grad=True)
    whole = (gl.sin(x) * w).sum()
    cut = (gl.sin(x).detach() * w).sum()
    found = compare(whole, cut)
    assert ("only in a", "x") in told(found)
    assert ("only in a", "sin") in told(found)
    assert not any(d.what == "only in b" for d in found.differences)


def test_no_grad_takes_a_branch_away(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    w = gl.tensor([3.0, 4.0], requires_grad=True)
    whole = (gl.exp(x) * w).sum()
    with gl.no_grad():
        h = gl.exp(x)
    assert ("only in a", "exp") in told(compare(whole, (h * w).sum()))


def test_normalisation_adds_nodes_and_changes_gradients(gl: Any, nn: Any) -> None:
    x = gl.tensor([[1.0, 5.0, 9.0]], requires_grad=True)
    norm = nn.LayerNorm(3)
    plain = gl.tanh(x).sum()
    normed = gl.tanh(norm(x)).sum()
    found = compare(plain, normed, labels=("plain", "normalised"))
    assert any(d.what == "only in normalised" for d in found.differences)
    assert ("gradient", "x") in told(found)
    assert "of them nodes" in found.sentence


def test_step_t_and_the_next(gl: Any) -> None:
    w = gl.tensor([1.0, 2.0], requires_grad=True)
    first = trace((w * w).sum())
    with gl.no_grad():
        w -= 0.5
    found = compare(first, trace((w * w).sum()))
    assert ("value", "w") in told(found)
    assert ("gradient", "w") in told(found)
    change = next(d for d in found.differences if (d.what, d.node) == ("gradient", "w"))
    assert (change.a, change.b) == ("[2, 4]", "[1, 3]")
    assert found.sentence.startswith("The graphs are the same; ")


def test_shapes_and_dtypes_are_compared(gl: Any) -> None:
    x = gl.ones(2, requires_grad=True)
    found = compare(x * 2, gl.ones(3, dtype=gl.float64, requires_grad=True) * 2)
    assert {"shape", "dtype"} <= {d.what for d in found.differences}


def test_values_that_print_alike_still_differ(gl: Any) -> None:
    x = gl.ones(100, requires_grad=True)
    first = trace((x * 2).sum())
    with gl.no_grad():
        x[99] = 2.0
    found = compare(first, trace((x * 2).sum()))
    assert any("later elements" in d.b for d in found.differences)


def test_it_is_drawn(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    found = compare(gl.sin(x).sum(), gl.sin(x * 2).sum(), labels=("<b>", "with ×"))
    for svg in found.svgs():
        ElementTree.fromstring(svg)
    page = found._repr_html_()
    assert page.count("<img") == 2
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


@pytest.mark.parametrize("x", [None, 3.0])
def test_other_things_are_refused(x: Any) -> None:
    with pytest.raises(TypeError, match="takes two tensors, traces or recorded passes"):
        compare(x, x)
