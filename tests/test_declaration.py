"""Declarations of operations: what is written wrongly in one is told at import."""

from __future__ import annotations

from typing import Any

import pytest

from gradlab.arrays import Array, Namespace
from gradlab.op import FUNCTIONS, OPS, op


def test_an_option_may_not_be_called_as_something_in_generated_source() -> None:
    def wrong_option(xp: Namespace, input: Array, mode: str) -> Array:
        return input

    with pytest.raises(ValueError, match="wrong_option: 'mode' names something else in generated"):
        op(latex="x", public=False, method=False)(wrong_option)
    assert "wrong_option" not in OPS


@pytest.mark.parametrize(
    ("grad", "message"),
    [
        ({"input": (lambda g, other: g, "g")}, "the gradient of 'input' names 'other'; it can use"),
        ({"other": (lambda g: g, "g")}, "gradient of 'other', which is no tensor of it"),
    ],
)
def test_a_formula_that_names_what_is_not_there_is_refused(grad: Any, message: str) -> None:
    def wrong_formula(xp: Namespace, input: Array) -> Array:
        return input

    with pytest.raises(ValueError, match=message):
        op(latex="x", grad=grad, method=False)(wrong_formula)
    assert "wrong_formula" not in FUNCTIONS


def test_one_name_is_one_operation() -> None:
    def exp(xp: Namespace, input: Array) -> Array:
        return input

    known = OPS["exp"]
    with pytest.raises(ValueError, match=r"operation 'exp' .* is declared twice"):
        op(latex="x", method=False)(exp)
    assert OPS["exp"] is known
