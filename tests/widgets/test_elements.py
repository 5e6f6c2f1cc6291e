"""Small operations taken apart: the terms that a trace leads to give the elements there are."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradlab_widgets.elements import MARK
from gradlab_widgets.recorder import trace, trace_of_graph
from gradlab_widgets.trace import Trace

Parts = dict[int, dict[str, Any]]


def parts_of(recorded: Trace, op: str) -> Parts:
    """What is taken apart of the last node named `op`: 0 its result, 1 + slot the gradients."""
    table = recorded.elements
    (node,) = [i for i, name in enumerate(recorded.nodes.op) if name == op][-1:]
    names = table.column_names()
    rows = zip(*table.columns().values(), strict=True)
    return {row[1]: dict(zip(names, row, strict=True)) for row in rows if row[0] == node}


def terms_of(part: dict[str, Any], element: int) -> list[tuple[int, ...]]:
    """The operands' elements in each term, found as the browser finds them."""
    sizes, (own, *operands) = part["sizes"], part["axes"]
    place = dict(zip(own, np.unravel_index(element, [sizes[a] for a in own]), strict=True))
    free = [a for a in range(len(sizes)) if a not in own]
    found = []
    for at in itertools.product(*(range(sizes[a]) for a in free)):
        here = place | dict(zip(free, at, strict=True))
        found.append(
            tuple(
                int(np.ravel_multi_index([here[a] for a in axes], [sizes[a] for a in axes]))
                if axes
                else 0
                for axes in operands
            )
        )
    return found


def rebuilt(recorded: Trace, part: dict[str, Any]) -> list[float]:
    """All elements of a result, made of the terms that the trace leads to."""
    _, *operands = (recorded.values[row].data for row in part["values"])
    gather: Callable[[list[float]], float] = {
        "product": sum,
        "mean": lambda terms: sum(terms) / len(terms),
        "max": max,
        "min": min,
    }[part["how"]]
    result = []
    for element in range(recorded.values[part["values"][0]].size):
        terms = []
        for places in terms_of(part, element):
            numbers = [float(data[i]) for data, i in zip(operands, places, strict=True)]
            added = 0.0 if part["plus"] is None else numbers.pop(part["plus"])
            terms.append(math.prod(numbers))
        result.append(gather(terms) + added)
    return result


def tensors(gl: Any) -> dict[str, Any]:
    gl.manual_seed(0)

    def made(*shape: int) -> Any:
        return gl.randn(*shape).requires_grad_()

    return {
        "a": made(2, 3),
        "w": made(3, 4),
        "v": made(3),
        "b": made(4),
        "c": made(2, 1),
        "d": made(2),
        "e": made(2, 3, 4),
        "s": gl.tensor(0.5).requires_grad_(),
    }


OPERATIONS: dict[str, tuple[str, Callable[..., Any], str]] = {
    "matmul": ("MmBackward0", lambda gl, t: t["a"] @ t["w"], "012"),
    "matrix by vector": ("MvBackward0", lambda gl, t: t["a"] @ t["v"], "012"),
    "dot": ("DotBackward0", lambda gl, t: t["v"] @ t["v"], "012"),
    "affine": ("AddmmBackward0", lambda gl, t: gl.addmm(t["b"], t["a"], t["w"]), "0123"),
    "affine, a vector": (
        "AddmvBackward0",
        lambda gl, t: gl.addmv(t["d"], t["a"], t["v"]),
        "0123",
    ),
    "batches": ("BmmBackward0", lambda gl, t: gl.bmm(t["a"][None], t["w"][None]), "012"),
    "times": ("MulBackward0", lambda gl, t: t["a"] * t["v"], "012"),
    "times a column": ("MulBackward0", lambda gl, t: t["a"] * t["c"], "012"),
    "times one number": ("MulBackward0", lambda gl, t: t["a"] * t["s"], "012"),
    "doubled": ("MulBackward0", lambda gl, t: 2 * t["a"], "01"),
    "sum": ("SumBackward0", lambda gl, t: t["a"].sum(), "01"),
    "sum along": ("SumBackward1", lambda gl, t: t["a"].sum(-1), "01"),
    "sum along, kept": ("SumBackward1", lambda gl, t: t["a"].sum(0, keepdim=True), "01"),
    "mean": ("MeanBackward1", lambda gl, t: t["a"].mean(0), "0"),
    "largest along": ("MaxBackward0", lambda gl, t: t["a"].max(1).values, "0"),
    "smallest": ("AminBackward0", lambda gl, t: t["a"].amin(1), "0"),
    "transposed": ("TBackward0", lambda gl, t: t["w"].t(), "01"),
    "permuted": ("PermuteBackward0", lambda gl, t: t["e"].permute(2, 0, 1), "01"),
    "swapped": ("TransposeBackward0", lambda gl, t: t["w"].transpose(-1, 0), "01"),
    "viewed": ("ViewBackward0", lambda gl, t: t["a"].view(3, 2), "01"),
    "expanded": ("ExpandBackward0", lambda gl, t: t["c"].expand(2, 3), "01"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_terms_give_the_elements(gl: Any, name: str) -> None:
    op, compute, wanted = OPERATIONS[name]
    out = compute(gl, tensors(gl))
    recorded = trace(out, gl.ones_like(out) * 0.7)
    parts = parts_of(recorded, op)
    checked = [part for part in parts.values() if part["how"] != "sum"]
    for part in checked:
        expected = [float(x) for x in recorded.values[part["values"][0]].data]
        assert rebuilt(recorded, part) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert {str(part["part"]) for part in checked} == set(wanted)


@pytest.mark.parametrize(
    ("compute", "op", "axes"),
    [
        (lambda gl, t: gl.sin(t["a"]), "SinBackward0", [((0, 1), (0, 1)), ((0, 1),) * 3]),
        (lambda gl, t: t["a"] / t["c"], "DivBackward0", [((0, 1), (0, 1), (0,))] * 2),
        (lambda gl, t: t["a"].mean(0), "MeanBackward1", [((1,), (0, 1)), ((0, 1), (1,))]),
        (lambda gl, t: gl.relu(t["a"]), "ReluBackward0", [((0, 1), (0, 1)), ((0, 1),) * 3]),
    ],
)
def test_a_formula_of_one_element_has_a_place_for_every_operand(
    gl: Any, compute: Callable[..., Any], op: str, axes: list[Any]
) -> None:
    out = compute(gl, tensors(gl))
    recorded = trace(out, gl.ones_like(out))
    parts = parts_of(recorded, op)
    assert [parts[i]["axes"] for i in (0, 1)] == axes
    for part in parts.values():
        marks = {chr(MARK + i) for i in range(len(part["axes"]) - 1)}
        assert {c for c in recorded.math[part["term"]] if c >= "\ue000"} == marks


def test_a_sum_over_what_was_repeated_leads_to_all_of_it(gl: Any) -> None:
    t = tensors(gl)
    recorded = trace((t["a"] / t["v"]).sum())
    part = parts_of(recorded, "DivBackward0")[2]
    assert terms_of(part, 1) == [(1, 1, 1), (4, 4, 1)]


def test_a_graph_without_a_pass_has_results_taken_apart(gl: Any) -> None:
    t = tensors(gl)
    out = t["a"] @ t["w"]
    assert set(parts_of(trace_of_graph(out), "MmBackward0")) == {0}


@pytest.mark.parametrize(
    "compute",
    [
        lambda gl: gl.randn(9, 8).requires_grad_() * 2,  # not all numbers are kept
        lambda gl: gl.zeros(0, 3).requires_grad_() * 2,
        lambda gl: gl.randn(3).requires_grad_().cumsum(0),
        lambda gl: gl.addmm(gl.randn(2), *(gl.randn(2, 2).requires_grad_(),) * 2, alpha=2),
        lambda gl: gl.randn(2, 3).requires_grad_().prod(),
    ],
    ids=["large", "empty", "cumsum", "a factor", "prod"],
)
def test_what_cannot_be_taken_apart_is_left_whole(gl: Any, compute: Callable[..., Any]) -> None:
    out = compute(gl)
    recorded = trace(out, gl.ones_like(out))
    assert 0 not in parts_of(recorded, recorded.nodes.op[recorded.root])


def test_a_result_of_a_tensor_that_nobody_kept_is_left_whole(gl: Any) -> None:
    a = gl.randn(3).requires_grad_()
    out = a + gl.randn(3)
    recorded = trace(out, gl.ones_like(out))
    assert set(parts_of(recorded, "AddBackward0")) == {1}  # the gradient of a needs no other


def test_a_value_that_is_no_number_is_taken_apart_all_the_same(gl: Any) -> None:
    a = gl.tensor([math.nan, math.inf, -0.0]).requires_grad_()
    recorded = trace((a * a).sum())
    part = parts_of(recorded, "MulBackward0")[1]
    assert recorded.values[part["values"][2]].data == ("nan", "inf", -0.0)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_loss_counts_what_it_averages(nn: Any, gl: Any, reduction: str) -> None:
    a = tensors(gl)["a"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = nn.functional.mse_loss(a, gl.zeros(2, 3), reduction=reduction)
    recorded = trace(out, gl.ones_like(out))
    part = parts_of(recorded, "MseLossBackward0")[1]
    assert ("<mn>6</mn>" in recorded.math[part["term"]]) is (reduction == "mean")


def test_elements_survive_json(gl: Any) -> None:
    t = tensors(gl)
    recorded = trace((t["a"] @ t["w"]).sum())
    assert len(recorded.elements) > 2
    assert Trace.from_json(recorded.to_json()).elements == recorded.elements


# ---------------------------------------------------------------------- cat and stack


@pytest.mark.parametrize(
    ("join", "formulas"),
    [
        (lambda gl, a, b, c: gl.cat([a, b], 1), [">:, 0:3<", ">:, 3:5<"]),
        (lambda gl, a, b, c: gl.cat([c, a, b], -1), [">:, 1:4<", ">:, 4:6<"]),
        (lambda gl, a, b, c: gl.cat([a, c, b], 1), [">:, 0:3<", ">:, 4:6<"]),
        (lambda gl, a, b, c: gl.stack([b, b]), [">0<", ">1<"]),
        (lambda gl, a, b, c: gl.stack([b, b], -1), [">:, :, 0<", ">:, :, 1<"]),
    ],
)
def test_what_was_joined_gets_its_part_of_the_gradient(
    gl: Any, join: Callable[..., Any], formulas: list[str]
) -> None:
    a, b = gl.randn(2, 3).requires_grad_(), gl.randn(2, 2).requires_grad_()
    out = join(gl, a, b, gl.randn(2, 1))  # the last is a constant, for which PyTorch has a gradient
    recorded = trace(out, gl.ones_like(out))
    shown = [recorded.math[i] for i in recorded.steps.formulas[1]]
    assert [any(part in markup for markup in shown) for part in formulas] == [True] * 2
