"""Predictions: right answers are right however given, and each usual mistake gets its hint."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from gradlab_widgets.expressions import evaluate
from gradlab_widgets.prediction import MISTAKES, Prediction, Score, predict


def product(gl: Any, kept: Score) -> Prediction:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    return predict((3 * gl.sin(x)).sum(), x, score=kept)


RIGHT: list[tuple[str, Callable[[Any], Any]]] = [
    ("list", lambda gl: [3 * math.cos(1.0), 3 * math.cos(2.0)]),
    ("rounded", lambda gl: [1.62, -1.25]),
    ("array", lambda gl: 3 * np.cos(np.array([1.0, 2.0]))),
    ("tensor", lambda gl: 3 * gl.cos(gl.tensor([1.0, 2.0]))),
    ("formula", lambda gl: "3 * cos(x)"),
    ("text", lambda gl: "[1.62, -1.25]"),
]


@pytest.mark.parametrize(("how", "give"), RIGHT, ids=[case[0] for case in RIGHT])
def test_a_right_answer_is_right_however_it_is_given(gl: Any, how: str, give: Any) -> None:
    kept = Score()
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    asked = predict((3 * gl.sin(x)).sum(), x, score=kept)
    verdict = asked.answer(give(gl))
    assert verdict, verdict
    assert repr(verdict) == "✓ Right."
    assert asked.correct
    assert (kept.points, kept.asked) == (1.0, 1)
    assert x.grad is None


def chain(gl: Any) -> tuple[Any, Any]:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    return (3 * gl.sin(x)).sum(), x


def mean(gl: Any) -> tuple[Any, Any]:
    x = gl.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    return (x * x).mean(), x


def accumulated(gl: Any) -> tuple[Any, Any]:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    (x * 5).sum().backward()
    return (x * x).sum(), x


def matmul(gl: Any) -> tuple[Any, Any]:
    x = gl.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])
    w = gl.tensor([[1.0, 0.5], [2.0, 1.0], [0.0, 1.0]], requires_grad=True)
    g = gl.tensor([[1.0, 2.0], [3.0, 4.0]])
    return ((x @ w) * g).sum(), w


def bias(gl: Any) -> tuple[Any, Any]:
    x = gl.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    b = gl.tensor([0.1, 0.2], requires_grad=True)
    return ((x + b) * x).sum(), b


def column(gl: Any) -> tuple[Any, Any]:
    x = gl.tensor([[1.0, 2.0], [3.0, 4.0]])
    b = gl.tensor([[0.1], [0.2]], requires_grad=True)
    return (x * b).sum(), b


def negative(gl: Any) -> tuple[Any, Any]:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    return gl.cos(x).sum(), x


WRONG = [
    (chain, [math.cos(1.0), math.cos(2.0)], "chain", "without the factor of ×"),
    (chain, [3.0, 3.0], "chain", "without the factor of sin"),
    (mean, [2.0, 4.0, 6.0, 8.0], "chain", "without the factor of mean"),
    (mean, [0.5, 1.0, 1.5, 2.5], "elements", "3 of 4 elements are right; look at [3]"),
    (mean, [1.0, 1.0, 1.0, 1.0], "elements", "1 of 4 elements"),
    (mean, [5.0, 10.0, 15.0, 20.0], "factor", "All of it is 10 times"),
    (accumulated, [2.0, 4.0], "accumulate", "backward() adds to what .grad has"),
    (matmul, [[13.0, 17.0, 24.0], [18.0, 24.0, 34.0]], "transpose", "That is the transpose"),
    (matmul, [[1.0, 2.0]], "shape", "The shape is [1, 2], but that of the tensor is [3, 2]"),
    (bias, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "unbroadcast", "the sum over all copies"),
    (column, [[1.0, 2.0], [3.0, 4.0]], "unbroadcast", "the sum over all copies"),
    (negative, "sin(x)", "sign", "the sign is not"),
    (negative, [0.0, 7.0], "wrong", "is smaller in size"),
    (negative, [0.1, 0.0], "wrong", "is larger in size"),
    (negative, [1.0, 2.0], "value", "That is a value"),
    (negative, "import os", "formula", "is no formula"),
    (negative, object(), "formula", "a number, an array or a formula"),
]


@pytest.mark.parametrize(
    ("make", "given", "mistake", "hint"),
    WRONG,
    ids=[f"{case[0].__name__}-{case[2]}-{i}" for i, case in enumerate(WRONG)],
)
def test_each_mistake_gets_its_hint(
    gl: Any, make: Any, given: Any, mistake: str, hint: str
) -> None:
    out, x = make(gl)
    asked = predict(out, x, score=Score())
    verdict = asked.answer(given)
    assert not verdict
    assert verdict.mistake == mistake
    assert hint in verdict.hint
    assert verdict.mistake in MISTAKES
    assert asked.answer(asked.reveal())


def test_the_real_pass_gives_what_was_asked_for(gl: Any) -> None:
    for make in (chain, mean, accumulated, matmul, bias, column, negative):
        out, x = make(gl)
        expected = predict(out, x, score=Score()).reveal()
        out.backward()
        assert np.array(expected) == pytest.approx(np.array(x.grad.tolist()), rel=1e-5)


def test_several_passes_add_up(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    asked = predict((x * x).sum(), x, passes=3, score=Score())
    assert asked.answer([2.0, 4.0]).mistake == "accumulate"
    assert asked.answer([6.0, 12.0])


def test_a_tensor_in_the_middle_can_be_asked_for(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    h = gl.sin(x)
    out = (h * h).sum()
    asked = predict(out, h, score=Score())
    assert asked.question == "What is ∂out/∂h?"
    assert asked.answer("2 * h")


def test_a_function_is_asked_for_its_slope(gl: Any) -> None:
    x = gl.linspace(0.0, 1.0, 5)
    asked = predict(lambda v: gl.sin(v * 3), x, score=Score())
    assert asked.answer("cos(3 * x)").mistake == "chain"
    assert asked.answer("3 * cos(3*x)")
    assert asked.reveal()._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="doesn't depend on its inputs"):
        predict(lambda v: gl.ones(2), x)


def test_the_score_and_the_answers_are_plain_data(gl: Any) -> None:
    kept = Score()
    asked = product(gl, kept)
    asked.answer([0.0, 0.0])
    asked.answer("3 * cos(y)")
    assert kept.points == 0.0
    asked.answer([1.621, -1.248])
    assert kept.points == pytest.approx(1 / 3)
    assert [e["correct"] for e in asked.answers] == [False, False, True]
    assert [e["mistake"] for e in asked.answers] == ["wrong", "formula", ""]
    assert json.loads(json.dumps(asked.answers)) == asked.answers
    assert kept.answers == asked.answers
    assert repr(kept) == "0.333333 of 1 points"


def test_two_questions_of_the_same_words_count_as_two(gl: Any) -> None:
    kept = Score()
    for _ in range(2):
        product(gl, kept).answer([1.62, -1.25])
    assert (kept.points, kept.asked) == (2.0, 2)


def test_what_was_revealed_counts_nothing(gl: Any) -> None:
    kept = Score()
    asked = product(gl, kept)
    asked.answer(asked.reveal())
    assert (asked.correct, kept.points) == (True, 0.0)


def test_the_question_is_drawn_without_its_answer(gl: Any) -> None:
    x = gl.tensor([1.25, 2.0], requires_grad=True)
    asked = predict((x * 7).sum(), x, score=Score())
    ElementTree.fromstring(asked._hidden.svg())
    assert "gradient: ?" in asked._hidden.svg()
    asked.answer("<script>")
    page = asked._repr_html_()
    assert "<script>" not in page
    assert "✗ formula" in page


def test_the_form_checks_what_is_typed(gl: Any) -> None:
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    asked = predict((x * 3).sum(), x, score=Score())
    form = asked.form()
    line, button = form.children[1].children
    line.value = "3"
    button.click()
    assert "Right" in form.children[2].value
    assert asked.correct


def test_bad_questions_are_refused(gl: Any) -> None:
    x = gl.ones(2, requires_grad=True)
    other = gl.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="out was not computed from x"):
        predict((x * 2).sum(), other)
    with pytest.raises(TypeError, match="x is to be a tensor of"):
        predict((x * 2).sum(), 3.0)
    with pytest.raises(TypeError, match="takes a tensor"):
        predict(3.0, x)
    z = gl.ones(2, dtype=gl.complex64, requires_grad=True)
    with pytest.raises(TypeError, match="complex numbers can't be asked for"):
        predict(z.abs().sum(), z)


# ---------------------------------------------------------------------- formulas

FORMULAS = [
    ("1 + 2 * 3", 7.0),
    ("x ^ 2", [1.0, 4.0]),
    ("-x + pi", [math.pi - 1, math.pi - 2]),
    ("sigmoid(0 * x)", [0.5, 0.5]),
    ("w @ x", [5.0, 11.0]),
    ("w.T @ x", [7.0, 10.0]),
    ("(x > 1) * x", [0.0, 2.0]),
    ("sum(x)", 3.0),
    ("[x, x]", [[1.0, 2.0], [1.0, 2.0]]),
    ("1e3", 1000.0),
]


@pytest.mark.parametrize(("formula", "value"), FORMULAS)
def test_formulas_are_computed(formula: str, value: Any) -> None:
    names = {"x": np.array([1.0, 2.0]), "w": np.array([[1.0, 2.0], [3.0, 4.0]])}
    assert evaluate(formula, names) == pytest.approx(np.array(value))


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os')",
        "x.__class__",
        "x.tolist()",
        "(lambda: 1)()",
        "[i for i in x]",
        "open('f')",
        "x[0]",
        "y",
        "1 +",
        "'a'",
        "sum(x, axis=0)",
        "1 if x else 2",
        "9 ** 9 ** 9 ** 9",
        "1" * 501,
        "",
        "x := 3",
        "1 < x < 2",
        "sin",
        "sin()",
        "w @ x",
    ],
)
def test_anything_else_is_refused(formula: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages differ
        evaluate(formula, {"x": np.array([1.0, 2.0]), "w": np.ones((3, 3))})


def test_a_picture_lists_shapes_as_pytorch_does() -> None:
    gl = pytest.importorskip("gradlab")
    x = gl.tensor([1.0, 2.0], requires_grad=True)
    svg = predict(gl.sin(x).sum(), x)._hidden.svg()
    assert ">[2]</text>" in svg
    assert ">scalar</text>" in svg
