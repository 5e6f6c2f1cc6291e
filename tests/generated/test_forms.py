"""The forms of an operation agree: function, method, in-place form; and the LaTeX is readable."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy
import pytest
from latex2mathml.converter import convert

import gradlab as gl
from gradlab.op import FUNCTIONS, OPS, Op
from gradlab.samples import Draw
from tests.generated.cases import CASES, Case, each_case, each_op, numbers, tensors
from tests.generated.linear_algebra import BY_HAND


def same(one: Any, two: Any) -> None:
    for a, b in zip(tensors([one]), tensors([two]), strict=True):
        assert a.dtype is b.dtype
        numpy.testing.assert_array_equal(numbers(a), numbers(b))


PUBLIC = [case for case in CASES if FUNCTIONS.get(case.op.name) is case.op.function]


@pytest.mark.parametrize(
    "case", [c for c in PUBLIC if getattr(gl.Tensor, c.op.name, None) is c.op.function], ids=str
)
def test_method_is_the_function(case: Case) -> None:
    (first, *others), kwargs = case.arguments(gl)
    same(
        getattr(first, case.op.name)(*others, **kwargs), case.op.function(first, *others, **kwargs)
    )


@pytest.mark.parametrize("case", PUBLIC, ids=str)
def test_arguments_may_be_named(case: Case) -> None:
    args, kwargs = case.arguments(gl)
    named = dict(zip(case.op.signature.parameters, args, strict=False))
    same(case.op.function(**named, **kwargs), case.op.function(*args, **kwargs))


def in_place_cases() -> list[Case]:
    """Cases of operations with an in-place form whose result fits in the first input."""
    found = []
    for case in PUBLIC:
        if not (case.op.gradients and hasattr(gl.Tensor, case.op.name + "_")):
            continue
        if not isinstance(case.sample.args[0], Draw):  # has no derivative for its first input
            continue
        args, kwargs = case.arguments(gl, requires_grad=False)
        result = case.op.function(*args, **kwargs)
        if (result.shape, result.dtype) == (args[0].shape, args[0].dtype):
            found.append(case)
    return found


@pytest.mark.parametrize("case", in_place_cases(), ids=str)
def test_in_place_form_gives_the_same_numbers_and_gradients(case: Case) -> None:
    found = []
    for form in (case.op.name, case.op.name + "_"):
        (leaf, *others), kwargs = case.arguments(gl)
        changed = leaf * 1
        result = getattr(changed, form)(*others, **kwargs)
        assert (result is changed) == form.endswith("_")
        inputs = [t for t in tensors([leaf, others, kwargs]) if t.requires_grad]
        result.backward(gl.ones_like(result))
        found.append([result, *(t.grad for t in inputs if t.grad is not None)])
    same(*found)


@pytest.mark.parametrize("case", in_place_cases(), ids=str)
def test_in_place_form_on_a_view_gives_the_base_its_gradient(case: Case) -> None:
    (leaf, *others), kwargs = case.arguments(gl)
    base = gl.stack([leaf, leaf * 2])
    getattr(base[0], case.op.name + "_")(*others, **kwargs)
    (of_base,) = gl.autograd.grad(base.sum(), leaf)

    (leaf, *others), kwargs = case.arguments(gl)
    apart = gl.stack([getattr(leaf * 1, case.op.name)(*others, **kwargs), leaf * 2])
    (expected,) = gl.autograd.grad(apart.sum(), leaf)
    numpy.testing.assert_allclose(numbers(of_base), numbers(expected), rtol=1e-14)


@each_case
def test_under_no_grad_the_numbers_are_the_same_and_nothing_is_recorded(case: Case) -> None:
    args, kwargs = case.arguments(gl)
    with gl.no_grad():
        plain = case.op.function(*args, **kwargs)
    assert not any(t.grad_fn for t in tensors([plain]))
    same(plain, case.op.function(*args, **kwargs))


@pytest.mark.parametrize("case", [c for c in CASES if c.op.view], ids=str)
def test_a_view_shares_memory_and_versions_with_its_base(case: Case) -> None:
    args, kwargs = case.arguments(gl, requires_grad=False)
    (base, *_) = tensors([args])
    for view in tensors([case.op.function(*args, **kwargs)]):
        assert view._base is base
        before, version = numbers(view).copy(), view._version
        base.add_(1)
        assert not view.numel() or (numbers(view) != before).any()
        assert view._version == version + 1


# ------------------------------------------------------------------ what a learner reads


# As the widgets read it: a word is letters, digits and underscores; commands and \text are none.
WORD = re.compile(
    r"\\(?:text|mathrm|operatorname|begin|end)\*?\s*\{[^}]*\}|\\[A-Za-z]+|\\.|[A-Za-z_]\w*"
)


@each_op
def test_latex_can_be_read_and_names_only_what_there_is(op: Op) -> None:
    known = {"g", "out", *op.tensors, *op.options, *op.results}
    for latex in (op.latex, *(rule.latex for rule in op.gradients.values())):
        words = {word for word in WORD.findall(latex) if not word.startswith("\\")}
        strange = {w for w in words - known if len(w.strip("_")) > 1 or w.split("_")[0] in known}
        assert strange == set(), latex
        replaced = WORD.sub(lambda m: "x" if m.group() in known else m.group(), latex)
        assert convert(replaced).startswith("<math")


@each_op
def test_documented_as_pytorchs_are(op: Op) -> None:
    if FUNCTIONS.get(op.name) is not op.function:
        pytest.skip("not public")
    text = inspect.getdoc(op.function) or ""
    assert text.partition("\n")[0].endswith(".")
    assert ">>>" in text


def test_every_operation_with_a_gradient_has_samples() -> None:
    missing = {op.name for op in OPS.values() if op.gradients and not op.samples}
    assert missing == RANDOM | NO_DERIVATIVE | BY_HAND | WITH_INNER_RESULTS


# These have no gradients: tests/nn compares what uses them.
WITH_INNER_RESULTS = {"attention", "lstm_layer"}


NO_DERIVATIVE = {
    "floor_divide", "heaviside", "scalar_remainder", "scatter_combined",
    "_unique2", "unique_dim", "_unique_consecutive",
}  # fmt: skip
"""Their gradient is an error, as in PyTorch."""

RANDOM = {
    "bernoulli", "bernoulli_fill", "exponential", "normal", "normal_around", "normal_of_each",
    "normal_spread", "random", "uniform",
}  # fmt: skip
"""Their derivatives are zero or the draw's own, and their results are tested seed for seed."""
