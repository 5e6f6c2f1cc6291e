"""Packing: what a notebook keeps of a long column is short, and comes back exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from ipywidgets import Widget

import gradlab as gl
import gradlab_widgets as gw
from gradlab_widgets.lean import settle_within
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


@pytest.mark.parametrize(
    ("text", "near", "expected"),
    [
        ("It gets 4.428e-08. It", ["4.428e-08"], "It gets \ue800. It"),
        ("It gets 0.5.", ["0.5"], "It gets \ue800."),
        ("version 1.2.3", ["1.2", "2.3"], "version 1.2.3"),
        ("[1, 0, 1; 0]", ["1", "0", "1", "0"], "[\ue800, \ue801, \ue802; \ue803]"),
        ("7 and 7", ["7"], "\ue800 and \ue800"),
    ],
)
def test_sentences_that_differ_in_their_numbers_become_one(
    text: str, near: list[str], expected: str
) -> None:
    assert marked(text, near) == expected
    assert unmarked(expected, near) == text


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


Program = Callable[[int, tuple[int, ...], Any], Any]


def chain(nodes: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """A long program whose values are all different."""
    y = gl.rand(shape, dtype=dtype, requires_grad=True)
    for _ in range(nodes // 4):
        y = gl.sin(y * (1 + gl.rand(shape, dtype=dtype) / 5)) + gl.rand(shape, dtype=dtype)
        y = y * (1 + gl.rand(shape, dtype=dtype) / 100)
    return y.sum()


def products(nodes: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """Numbers that fall to 1e-230."""
    y = gl.rand(shape, dtype=dtype, requires_grad=True)
    for _ in range(nodes):
        y = y * (0.9 + gl.rand(shape, dtype=dtype) / 10)
    return y.sum()


def sines(nodes: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """One weight that is used again and again."""
    y, w = ((1 + gl.rand(shape, dtype=dtype)).requires_grad_() for _ in range(2))
    for _ in range(nodes // 2):
        y = gl.sin(y * w)
    return y.sum()


def perceptron(nodes: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """Layers with parameters of their own."""
    batch, width = shape
    layers = [gl.nn.Linear(width, width, dtype=dtype) for _ in range(nodes // 8)]
    x = gl.rand(batch, width, dtype=dtype)
    for layer in layers:
        x = gl.tanh(2 * layer(x))
    return (x * x).mean()


def recurrence(nodes: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """An LSTM: products of which both factors need gradients."""
    cell = gl.nn.LSTMCell(shape[1], shape[1], dtype=dtype)
    state = (gl.rand(shape, dtype=dtype), gl.rand(shape, dtype=dtype))
    for _ in range(nodes // 16):
        state = cell(state[0] * gl.rand(shape, dtype=dtype), state)
    return state[0].sum()


HEAVY = [
    (chain, (2, 3), gl.float32),
    (chain, (4, 5), gl.float64),
    (products, (), gl.float64),
    (products, (100,), gl.float64),
    (products, (8,), gl.float16),
    (sines, (100,), gl.float64),
    (perceptron, (16, 32), gl.float64),
    (recurrence, (4, 16), gl.float32),
    (recurrence, (4, 16), gl.float64),
]


@pytest.mark.parametrize(("program", "shape", "dtype"), HEAVY)
def test_ten_thousand_nodes_take_less_than_a_megabyte_in_a_notebook(
    program: Program, shape: tuple[int, ...], dtype: Any
) -> None:
    gl.manual_seed(0)
    stepper = gw.step(program(10_000, shape, dtype))
    assert stepper.trace is not None
    assert 9_800 < len(stepper.trace.nodes) < 10_400
    text = json.dumps(stepper.payload, allow_nan=False)
    saved = _saved(stepper)
    assert len(text.encode()) < 850_000
    assert len(saved.encode()) < 1_000_000
    assert Trace.from_json(json.loads(text)) == stepper.trace


def _saved(widget: Any) -> str:
    """A notebook that holds one widget, as it is saved."""
    state = Widget.get_manager_state(widgets=[widget], drop_defaults=True)
    output = nbformat.v4.new_output("display_data", data=widget._repr_mimebundle_()[0])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])])
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    return str(nbformat.writes(notebook))


def test_many_values_keep_fewer_elements_and_at_last_four_digits_of_each() -> None:
    arrays = [np.linspace(i, i + 1, 100) / 3 for i in range(1, 200)]
    seen = []
    for room in (200_000, 40_000, 10_000, 6_000, 1_000):
        values = [preview(array) for array in arrays]
        settle_within(values, room)
        seen.append((len(values[0].data), values[0].data[0], values[0].mean))
        assert unpacked_values(through_json(packed_values(values))) == tuple(values)
    third, mean = 1 / 3, 0.5
    assert seen == [
        (64, third, mean),
        (16, third, mean),
        (8, 0.3333, mean),
        (4, 0.3333, mean),
        (1, 0.3333, mean),
    ]


def test_what_is_left_out_of_a_value_still_counts_in_its_statistics() -> None:
    values = [preview(np.arange(64.0) + i) for i in range(100)]
    settle_within(values, 3_000)
    assert [(v.data, v.size, v.min, v.max, v.mean) for v in values[:2]] == [
        ((0.0, 1.0, 2.0, 3.0), 64, 0.0, 63.0, 31.5),
        ((1.0, 2.0, 3.0, 4.0), 64, 1.0, 64.0, 32.5),
    ]


def test_few_values_keep_all_their_digits() -> None:
    trace = gw.trace(chain(200, (2, 3), gl.float64))
    assert max(len(repr(value.data[0])) for value in trace.values if value.data) > 15


@pytest.mark.parametrize("schema", [1, 2])
def test_a_trace_of_an_earlier_schema_is_read(schema: int) -> None:
    small = gw.trace(gl.sin(gl.tensor([1.0, math.inf], requires_grad=True)).sum())
    assert Trace.from_json({**small.to_json(), "schema": schema}) == small
