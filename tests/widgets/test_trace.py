"""The trace's data: previews that do not lie, columns that agree, JSON that any reader takes."""

from __future__ import annotations

import json
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gradlab_widgets.trace import Trace, TraceBuilder, Value, clean, number, preview

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((0, 3)), {"size": 0, "data": (), "min": None, "mean": None, "norm": None}),
        (np.array(3.0), {"shape": (), "data": (3.0,), "min": 3.0, "max": 3.0, "norm": 3.0}),
        (np.array(-4), {"data": (-4,), "min": -4, "mean": -4, "norm": 4}),
        (np.array(-128, np.int8), {"min": -128, "norm": 128}),
        (
            np.array([1, NAN, -3.0]),
            {"data": (1.0, "nan", -3.0), "min": -3.0, "mean": -1.0, "nan": 1},
        ),
        (np.array([NAN, NAN]), {"min": "nan", "mean": "nan", "nan": 2, "inf": 0}),
        (np.array([1, -INF]), {"data": (1.0, "-inf"), "min": "-inf", "max": 1.0, "inf": 1}),
        (np.array([INF, -INF]), {"mean": "nan", "norm": "inf", "inf": 2}),
        (np.array([True, False]), {"data": ("True", "False"), "min": None, "norm": None}),
        (np.array([3 + 4j]), {"data": ("3+4j",), "min": None, "mean": "3+4j", "norm": 5.0}),
        (np.array([1j, NAN]), {"nan": 1, "mean": "0+1j", "norm": 1.0}),
        (np.full(1000, 60000, np.float16), {"mean": 60000.0, "max": 60000.0}),
        (np.array([1e200, -1e200]), {"mean": 0.0, "norm": 1.414213562e200}),
        (np.array([1e-200, 1e-200]), {"mean": 1e-200, "norm": 1.414213562e-200}),
        (np.array([0.1, 0.2], np.float32), {"data": (0.1, 0.2), "min": 0.1, "max": 0.2}),
        (np.array([2**63 - 1]), {"data": ("9223372036854775807",)}),
        (np.array(["a"]), {"data": ("a",), "min": None}),
    ],
    ids=lambda case: str(case).replace("\n", "")[:40] if isinstance(case, np.ndarray) else "",
)
def test_preview_says_what_is_there(array: np.ndarray[Any, Any], expected: dict[str, Any]) -> None:
    value = preview(array)
    assert {name: getattr(value, name) for name in expected} == expected


def test_preview_of_float16_norm_does_not_overflow() -> None:
    value = preview(np.full(1000, 60000, np.float16))
    assert value.norm == pytest.approx(60000 * math.sqrt(1000))


def test_preview_keeps_the_first_64_elements_row_by_row() -> None:
    array = np.arange(200).reshape(10, 20)
    assert preview(array).data == tuple(range(64))
    assert preview(array.T, limit=3).data == (0, 20, 40)
    assert preview(array).size == 200


def test_preview_of_a_large_array_makes_no_copy_of_it() -> None:
    array = np.ones((2000, 2000), np.float32).T[::2]
    tracemalloc.start()
    preview(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < array.nbytes / 4


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6)))
def test_statistics_agree_with_numpy(array: np.ndarray[Any, Any]) -> None:
    value = preview(array)
    assert (value.min, value.max) == (array.min(), array.max())
    assert value.mean == pytest.approx(array.mean(), rel=1e-8, abs=1e-8)
    assert value.norm == pytest.approx(np.linalg.norm(array), rel=1e-8, abs=1e-8)


@given(arrays(np.float32, st.integers(0, 80), elements=st.floats(width=32)))
def test_previews_are_plain_json(array: np.ndarray[Any, Any]) -> None:
    value = preview(array)
    json.dumps([value.data, value.min, value.max, value.mean, value.norm], allow_nan=False)
    assert value.nan == np.isnan(array).sum()
    assert value.inf == np.isinf(array).sum()
    assert len(value.data) == min(64, array.size)


@pytest.mark.parametrize("text", ["\ud800half", "nul\x00", "bell\x07", "\ufffe"])
def test_clean_leaves_nothing_a_page_cannot_hold(text: str) -> None:
    assert "\ufffd" in clean(text)
    clean(text).encode()


def test_clean_cuts_what_is_unbelievably_long() -> None:
    assert len(clean("x" * 10**6)) == 80


def test_number_keeps_integers_that_javascript_would_round_as_text() -> None:
    assert number(2**53) == 2**53
    assert number(2**53 + 1) == str(2**53 + 1)


# ---------------------------------------------------------------------- tables


def small() -> TraceBuilder:
    """A trace of one leaf, its AccumulateGrad, and a sine."""
    builder = TraceBuilder("gradlab")
    value = builder.value(Value((2,), "float32", (0.0, 1.0), 2))
    leaf = builder.node(kind="leaf", title="a", name="a", shape=(2,), dtype="float32", value=value)
    accumulate = builder.node(kind="accumulate", op="AccumulateGrad", title="accumulate", name="a")
    sin = builder.node(
        kind="root",
        op="SinBackward0",
        title="sin",
        saved=[("self", 0)],
        formula=builder.math("<math></math>"),
        source=builder.source("In [1]", 3, "b = gl.sin(a)"),
    )
    builder.edge(leaf, accumulate)
    builder.edge(accumulate, sin)
    builder.step(kind="seed", node=sin, incoming=[value], words="The pass starts.")
    builder.step(kind="accumulate", node=accumulate, incoming=[value], after=value, formulas=[0])
    return builder


def test_json_round_trip_is_the_same_trace() -> None:
    trace = small().build(root=2)
    text = json.dumps(trace.to_json(), allow_nan=False)
    assert Trace.from_json(json.loads(text)) == trace


def test_json_has_the_columns_of_the_contract() -> None:
    payload = small().build(root=2).to_json()
    assert payload["schema"] == 3
    assert payload["edges"] == {"from": [0, 1], "to": [1, 2], "slot": [0, 0], "output": [0, 0]}
    assert payload["nodes"]["saved"] == [[], [], [["self", 0]]]
    assert payload["sources"] == {"cell": ["In [1]"], "line": [3], "text": ["b = gl.sin(a)"]}
    assert payload["values"]["data"] == [[0.0, 1.0]]
    assert payload["steps"]["after"] == [None, 0]


def test_equal_rows_are_kept_once() -> None:
    builder = TraceBuilder("gradlab")
    assert builder.value(preview(np.ones(3))) == builder.value(preview(np.ones(3)))
    assert builder.value(preview(np.ones(3))) != builder.value(preview(np.ones(3, np.float32)))
    assert builder.math("<math/>") == builder.math("<math/>")
    assert builder.source("In [1]", 1, "x") == builder.source("In [1]", 1, "x")
    assert builder.value(None) is None


def test_a_trace_cannot_be_changed() -> None:
    trace = small().build(root=2)
    with pytest.raises(AttributeError):
        trace.root = 0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        trace.nodes.name = ()  # type: ignore[misc]


def broken(**changes: Any) -> dict[str, Any]:
    """A payload in which `table__column=[…]` replaces a column."""
    payload = small().build(root=2).to_json()
    for path, column in changes.items():
        table, _, name = path.partition("__")
        if name:
            payload[table][name] = column
        else:
            payload[table] = column
    return payload


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 4}, r"schema 4 is none of \(1, 2, 3\)"),
        ({"root": 3}, "root is 3, but there are only 3 rows"),
        ({"root": -1}, "root is -1"),
        ({"nodes__name": ["a"]}, "nodes has uneven columns"),
        ({"nodes__kind": ["leaf", "accumulate", "script"]}, "'script' is no kind"),
        ({"edges__from": [1, 1]}, "edge 1 → 1 does not lead from input to user"),
        ({"edges__to": [1, 9]}, "edges.to is 9"),
        ({"steps__node": [2, 7]}, "steps.node is 7"),
        ({"steps__incoming": [[0], [5]]}, "a value index is 5"),
        ({"steps__formulas": [[], [4]]}, "steps.formulas is 4"),
        ({"nodes__source": [None, None, 2]}, "nodes.source is 2"),
        ({"nodes__saved": [[], [], [["self", 9]]]}, "a value index is 9"),
    ],
)
def test_contradictions_are_refused_with_the_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trace.from_json(broken(**changes))


def test_a_missing_column_is_named() -> None:
    payload = small().build(root=2).to_json()
    del payload["steps"]["words"]
    with pytest.raises(ValueError, match="steps has no column 'words'"):
        Trace.from_json(payload)
