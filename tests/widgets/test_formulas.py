"""Formulas: placeholders become names and numbers, and nothing a user wrote becomes markup."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import astuple

import pytest

from gradlab.op import NODES
from gradlab_widgets.formulas import (
    Template,
    bar,
    equation,
    identifier,
    indexed,
    number_text,
    numeral,
    plain_text,
    rule_of,
    value_markup,
    value_text,
)
from gradlab_widgets.trace import Value

WORDS = ("g", "out", "input", "other", "exponent")
NAMES = {
    "g": bar(identifier("c")),
    "out": identifier("c"),
    "input": identifier("a"),
    "other": identifier("b"),
    "exponent": identifier("n"),
}
NUMBERS = {
    "g": numeral(2.0),
    "out": numeral(0.5),
    "input": numeral(-0.26),
    "other": numeral(3.0),
    "exponent": numeral(2),
}


@pytest.mark.parametrize(
    ("latex", "named", "numeric"),
    [
        (r"\sin input", "sin a", "sin(−0.26)"),
        (r"g \cos input", "gradient of c · cos a", "2 · cos(−0.26)"),
        (r"input \cdot other", "a · b", "(−0.26) · 3"),
        (r"g \, (1 - out^2)", "gradient of c · (1 − c²)", "2 · (1 − 0.5²)"),
        (r"\frac{g}{2 \, out}", "gradient of c / (2 · c)", "2 / (2 · 0.5)"),
        (r"g input", "gradient of c · a", "2 · (−0.26)"),
        (r"e^{input}", "e^a", "e^(−0.26)"),
        (r"\log(1 + e^{input})", "log(1 + e^a)", "log(1 + e^(−0.26))"),
        (r"\max(input, other)", "max(a, b)", "max((−0.26), 3)"),
        (r"g \, [input > 0]", "gradient of c · [a > 0]", "2 · [(−0.26) > 0]"),
        (r"\operatorname{sign} input", "sign a", "sign(−0.26)"),
        (r"\sin^2 input", "sin² a", "sin²(−0.26)"),
        (
            r"g \cdot exponent \cdot input^{exponent - 1}",
            "gradient of c · n · a^(n − 1)",
            "2 · 2 · (−0.26)^(2 − 1)",
        ),
        (r"|input|", "|a|", "|(−0.26)|"),
        (r"g \, |input| \, other", "gradient of c · |a| · b", "2 · |(−0.26)| · 3"),
        (r"\lVert input \rVert_{2}", "‖ a ‖_2", "‖ (−0.26) ‖_2"),
        (r"g \, \mathrm{sign}(input)", "gradient of c · sign(a)", "2 · sign(−0.26)"),
        (r"input_{i} \, other", "a_i · b", "(−0.26)_i · 3"),
        (r"input_{other{:}exponent}", "a_b:n", "(−0.26)_3:2"),
        (r"g \; other^{\mathsf T}", "gradient of c · bᵀ", "2 · 3ᵀ"),
        (r"(input - \overline{input})^2", "(a − mean(a))²", "((−0.26) − mean(−0.26))²"),
        (r"\textstyle\sum_{i} g \, out", "∑_i gradient of c · c", "∑_i 2 · 0.5"),
        (r"g \left(1 - out\right)", "gradient of c · (1 − c)", "2 · (1 − 0.5)"),
        (r"\text{input of other}", "input of other", "input of other"),
        (r"g \, \psi(input)", "gradient of c · ψ(a)", "2 · ψ(−0.26)"),
        (r"g \, \sigma (1 - input)", "gradient of c · σ(1 − a)", "2 · σ(1 − (−0.26))"),
        (r"\frac{input}{\sigma} \, g", "a / σ · gradient of c", "(−0.26) / σ · 2"),
        (r"{g}_{min} \, other_{ij}", "gradient of c_min · b_ij", "2_min · 3_ij"),
    ],
)
def test_templates_take_names_and_numbers(latex: str, named: str, numeric: str) -> None:
    template = Template(latex, WORDS)
    assert plain_text(template.fill(NAMES)) == named
    assert plain_text(template.fill(NUMBERS, numeric=True)) == numeric


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"g \cdot other", ("multiplies it by", "other")),
        (r"g \cos input", ("multiplies it by", r"\cos input")),
        (r"g \, (1 - out^2)", ("multiplies it by", "(1 - out^2)")),
        (r"\frac{g}{other}", ("divides it by", "other")),
        (r"g + other", None),
        (r"-g", None),
        (r"g \, input - other", None),
    ],
)
def test_a_scaling_is_recognised(latex: str, expected: tuple[str, str] | None) -> None:
    found = Template(latex, WORDS).factor
    assert (found and (found[0], found[1].latex)) == expected


HOSTILE = [
    "<script>alert(1)</script>",
    "</math><img src=x onerror=alert(1)>",
    "a&b",
    '"><svg/onload=alert(1)>',
    "\ud800",
    "\x00",
    "x" * 10_000,
    r"\frac{1}{2}",
    "\ue000",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(name: str) -> None:
    markup = equation(
        bar(identifier(name)),
        Template(r"g \cos input", WORDS).fill(
            {"g": bar(identifier(name)), "input": identifier(name)}
        ),
    )
    root = ElementTree.fromstring(markup)
    known = {"math", "mrow", "mi", "mo", "mover"}
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= known
    assert len(markup) < 2000


@pytest.mark.parametrize("op", sorted(NODES))
def test_every_declared_formula_becomes_mathml(op: str) -> None:
    rule = rule_of(op)
    assert rule is not None
    for template in (rule.forward, *rule.gradients.values()):
        fragments = dict.fromkeys(template.used, identifier("v"))
        markup = equation(template.fill(fragments))
        ElementTree.fromstring(markup)
        assert not any("\ue000" <= character <= "\uf8ff" for character in markup)
        assert plain_text(template.fill(fragments))


def test_an_operation_nobody_knows_has_no_rule() -> None:
    assert rule_of("FantasyBackward0") is None


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (1.0, "1"),
        (0.261799, "0.2618"),
        (-3, "−3"),
        ("nan", "nan"),
        ("-inf", "−inf"),
        (1e-9, "1e-09"),
        ("0.682772517-1.2625196j", "0.6828-1.263j"),
        ("True", "True"),
    ],
)
def test_numbers_are_short(x: float | str, text: str) -> None:
    assert number_text(x) == text


def test_values_are_cut_and_say_so() -> None:
    long = Value((2, 3), "float32", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), 6)
    assert value_text(long) == "[1, 2, 3, …] (2×3 numbers)"
    assert plain_text(value_markup(Value((6,), *astuple(long)[1:]))) == "[1, 2, 3, …]"
    assert value_text(Value((0,), "float32", (), 0)) == "an empty tensor"
    assert value_text(None) == "nothing"
    assert plain_text(value_markup(Value((), "float32", (-2.5,), 1))) == "(−2.5)"
    assert plain_text(value_markup(Value((), "float32", (-2.5,), 1), alone=True)) == "−2.5"


@pytest.mark.parametrize(
    ("shape", "kept", "text"),
    [
        ((2, 3), 6, "[0, 1, 2; 3, 4, 5]"),
        ((2, 1), 2, "[0; 1]"),
        ((2, 5), 10, "[0, 1, ⋯; 5, 6, ⋯]"),
        ((4, 2), 8, "[0, 1; 2, 3; ⋮, ⋮]"),
        ((9, 9), 64, "[0, 1, ⋯; 9, 10, ⋯; ⋮, ⋮, ⋱]"),
        ((2, 100), 64, "[0, 1, 2, …]"),  # the second row was not kept
        ((0, 3), 0, "[]"),
        ((2, 2, 2), 8, "[0, 1, 2, …]"),
    ],
)
def test_matrices_stand_in_rows_and_columns(shape: tuple[int, ...], kept: int, text: str) -> None:
    value = Value(shape, "int64", tuple(range(kept)), math.prod(shape))
    assert plain_text(value_markup(value)) == text


def test_powers_of_ten_are_written_as_such() -> None:
    tiny = Value((2,), "float32", (-1.5e-9, 2.0), 2)
    assert plain_text(value_markup(tiny)) == "[−1.5 · 10^-9, 2]"
    assert plain_text(numeral(-1.5e-9, alone=True)) == "−1.5 · 10^-9"


def test_an_element_is_indexed_in_every_dimension() -> None:
    assert plain_text(indexed(identifier("a"), (1, 2))) == "a[1, 2]"
    assert plain_text(indexed(identifier("a"), ())) == "a"


@pytest.mark.parametrize(
    ("sides", "aired"),
    [
        ("<mi>cos</mi><mo>\u2061</mo><mi>a</mi>", True),
        ("<mi>cos</mi><mo>\u2061</mo><mrow><mo>(</mo><mn>0</mn><mo>)</mo></mrow>", False),
    ],
)
def test_a_function_stands_apart_from_a_name_but_not_from_a_bracket(
    sides: str, aired: bool
) -> None:
    assert ('rspace="0.17em">\u2061' in equation(sides)) is aired
