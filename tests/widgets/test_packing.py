"""Packing: what a notebook keeps of a long column is short, and comes back exactly."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import gradlab as gl
import gradlab_widgets as gw
from gradlab_widgets.packing import (
    marked,
    packed,
    packed_formulas,
    packed_values,
    unmarked,
    unpacked,
    unpacked_formulas,
    unpacked_values,
)
from gradlab_widgets.trace import Trace
from gradlab_widgets.values import Value, preview

cells = st.one_of(st.none(), st.integers(0, 9), st.integers(0, 2**40), st.text(max_size=3))
nested = st.lists(st.lists(cells, max_size=3).map(tuple) | cells, max_size=200).map(tuple)


def through_json(x: Any) -> Any:
    return json.loads(json.dumps(x, allow_nan=False))


@pytest.mark.parametrize(
    ("column", "most"),
    [
        (("op",) * 10_000, 60),
        (("sin", "×", "+") * 3_000, 3_200),
        (tuple(range(10_000)), 1_800),
        (tuple(range(0, 20_000, 2))[::-1], 1_800),
        ((None,) * 5_000 + tuple(range(5_000)), 3_500),
        (tuple((i, i + 1) for i in range(5_000)), 3_500),
        (tuple((("self", i), ("other", i + 3))[: i % 3] for i in range(5_000)), 7_000),
        (((2, 3),) * 9_000 + ((),) * 1_000, 1_800),
        ((0.0, -0.0) * 50, 600),
        (({"an": "object"},) * 40, 1_000),
        (("a", None, 3, (1, None)) * 20, 200),
        (tuple(f"name {i}" for i in range(100)), 1_200),
    ],
    ids=lambda x: "" if isinstance(x, int) else str(x[:2])[:40],
)
def test_a_column_becomes_short_and_comes_back(column: tuple[Any, ...], most: int) -> None:
    written = packed(column)
    assert len(json.dumps(written)) <= most
    back = unpacked(through_json(written))
    assert back == column
    assert str(back) == str(column)  # -0.0 too


@given(nested)
def test_any_column_comes_back(column: tuple[Any, ...]) -> None:
    assert unpacked(through_json(packed(column))) == column


@pytest.mark.parametrize(
    "column",
    [
        {},
        {"codes": "AAAA"},
        {"cells": ["a"], "rows": 3},
        {"cells": ["a", "b", "c"], "codes": "////", "rows": 9},
        {"lengths": [1, 2]},
        {"first": [1], "second": [1, 2]},
        "text",
        None,
    ],
)
def test_what_is_no_packed_column_is_refused(column: Any) -> None:
    with pytest.raises(ValueError, match=r"is no packed column|zip"):
        unpacked(column)


shaped = array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=12)
numbers = st.one_of(
    arrays(np.float32, shaped, elements=st.floats(width=32)),
    arrays(np.float64, shaped, elements=st.floats()),
    arrays(np.float16, shaped, elements=st.floats(width=16)),
    arrays(np.int64, shaped),
    arrays(np.bool_, shaped),
    arrays(np.complex64, shaped, elements=st.complex_numbers(width=64)),
)


@given(st.lists(numbers, min_size=1, max_size=4), st.sampled_from([4, 64]))
def test_values_come_back_with_every_digit(many: list[Any], limit: int) -> None:
    many += [np.full(3, i) for i in range(40)]
    values = tuple(preview(array, limit=limit) for array in many)
    assert unpacked_values(through_json(packed_values(values))) == values


def test_values_that_were_made_by_hand_come_back() -> None:
    values = tuple(Value((2,), "float32", (float(i), "nan"), 2) for i in range(40))
    assert unpacked_values(through_json(packed_values(values))) == values


def test_a_norm_that_float32_cannot_hold_comes_back() -> None:
    values = tuple(preview(np.full(100, 3e38, np.float32) * (1 - i / 100)) for i in range(40))
    assert float(str(values[0].norm)) == pytest.approx(3e39)
    assert unpacked_values(through_json(packed_values(values))) == values


@given(st.text(), st.lists(st.text(max_size=3), max_size=4))
def test_marks_come_back_as_what_they_marked(text: str, parts: list[str]) -> None:
    if not any("\ue800" <= c <= "\uefff" for c in "".join([text, *parts])):
        assert unmarked(marked(text, parts), parts) == text


def test_formulas_that_differ_in_their_numbers_are_kept_once() -> None:
    formulas = tuple(f"<mi>y</mi><mo>=</mo><mn>{i / 8:.4g}</mn><mn>−2</mn>" for i in range(500))
    written = packed_formulas(formulas, (), {})
    assert written["texts"]["cells"] == ["<mi>y</mi><mo>=</mo><mn>\ue800</mn><mn>\ue800</mn>"]
    assert unpacked_formulas(through_json(written), ()) == formulas


def test_a_formula_with_a_values_numbers_refers_to_the_value() -> None:
    values = tuple(preview(np.array([i / 4, -i, 7.0])) for i in range(1, 51))
    formulas = tuple(f"<mn>{i / 4:.4g}</mn><mn>−{i}</mn>" for i in range(1, 51))
    written = packed_formulas(formulas, values, {row: [0, row] for row in range(50)})
    assert written["numbers"] == ""
    assert unpacked_formulas(through_json(written), values) == formulas


@pytest.mark.parametrize(
    "numeral", ["12345", "1.50", "nan", "inf", "1e5", "0x1", "½", "10", "−0", "1e+400"]
)
def test_numerals_of_any_kind_come_back(numeral: str) -> None:
    formulas = (f"<mn>{numeral}</mn>",) * 40
    assert unpacked_formulas(through_json(packed_formulas(formulas, (), {})), ()) == formulas


# ---------------------------------------------------------------------- whole traces


def chain(nodes: int, elements: tuple[int, ...], dtype: Any = gl.float32) -> Any:
    """A long program whose values are all different."""
    gl.manual_seed(0)
    y = gl.rand(elements, dtype=dtype, requires_grad=True)
    for _ in range(nodes // 4):
        y = gl.sin(y * (1 + gl.rand(elements, dtype=dtype) / 5)) + gl.rand(elements, dtype=dtype)
        y = y * (1 + gl.rand(elements, dtype=dtype) / 100)
    return y.sum()


@pytest.mark.parametrize("elements", [(2,), (2, 3), (4, 5)], ids=str)
def test_ten_thousand_nodes_take_less_than_a_megabyte(elements: tuple[int, ...]) -> None:
    trace = gw.trace(chain(10_000, elements))
    text = json.dumps(trace.to_json(), allow_nan=False)
    assert len(trace.nodes) == 10_003
    assert len(text) < 1e6
    assert Trace.from_json(json.loads(text)) == trace


def test_a_trace_of_the_first_schema_is_read() -> None:
    small = gw.trace(gl.sin(gl.tensor([1.0, math.inf], requires_grad=True)).sum())
    assert Trace.from_json({**small.to_json(), "schema": 1}) == small
