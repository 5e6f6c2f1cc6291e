"""In-place changes, through views and their chains, held against PyTorch program by program.

A program is a few lines of Python on leaves ``x`` (3 x 4), ``v`` (4) and ``w`` (3). After it every
tensor it made must hold the same numbers, have the same history on the outside (grad_fn, version,
requires_grad), and a backward pass from all of them must reach the leaves with the same gradients,
also when the pass is itself differentiated. Where PyTorch raises, gradlab raises the same kind of
error with the same first words.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gradlab

torch = pytest.importorskip("torch")


# ------------------------------------------------------------------ running a program


def leaves(library: Any) -> dict[str, Any]:
    numbers = numpy.random.default_rng(7)
    shapes = {"x": (3, 4), "v": (4,), "w": (3,)}
    return {
        name: library.tensor(numbers.uniform(0.5, 2, shape).tolist(), dtype=library.float64)
        .requires_grad_()
        for name, shape in shapes.items()
    }  # fmt: skip


class Outcome:
    """What a program did: its error, or its tensors and the leaves' gradients."""

    def __init__(self, library: Any, program: str, order: int = 1) -> None:
        self.error: Exception | None = None
        self.tensors: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.total = 0.0
        self.gradients: list[Any] = []
        names = {"torch": library, **leaves(library)}
        own = [names[name] for name in "xvw"]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                exec(program, names)
                found = {k: t for k, t in names.items() if isinstance(t, library.Tensor)}
                for name, tensor in found.items():
                    self._look_at(name, tensor)
                self._differentiate(library, list(found.values()), own, order)
        except Exception as error:
            self.error = error

    def _look_at(self, name: str, tensor: Any) -> None:
        node = tensor.grad_fn
        self.tensors[name] = numpy.array(tensor.tolist())
        self.facts[name] = {
            "grad_fn": _name(node),
            "next": [] if node is None else [_name(n) for n, _ in node.next_functions],
            "version": tensor._version,
            "requires_grad": tensor.requires_grad,
            "shape": tuple(tensor.shape),
            "base": None if tensor._base is None else tuple(tensor._base.shape),
        }

    def _differentiate(self, library: Any, tensors: list[Any], own: list[Any], order: int) -> None:
        total = library.zeros((), dtype=library.float64)
        for place, tensor in enumerate(tensors, start=1):
            total = total + place * (tensor * tensor).sum()
        self.total = total.item()
        found = library.autograd.grad(total, own, create_graph=order > 1, allow_unused=True)
        if order > 1:
            total = sum((g * g * g).sum() for g in found if g is not None)
            found = library.autograd.grad(total, own, allow_unused=True)
        self.gradients = [None if g is None else numpy.array(g.tolist()) for g in found]


def _name(node: Any) -> str | None:
    return None if node is None else node.name().replace("torch::autograd::", "")


def assert_same(program: str, *, order: int = 1) -> None:
    expected, found = Outcome(torch, program, order), Outcome(gradlab, program, order)
    if expected.error is not None or found.error is not None:
        assert type(found.error) is type(expected.error), (expected.error, found.error)
        sentence = str(expected.error).split(". ")[0].split(": [")[0]
        assert str(found.error).startswith(sentence), (sentence, str(found.error))
        return
    assert_equal(found, expected)


def assert_equal(found: Outcome, expected: Outcome) -> None:
    assert found.facts == expected.facts
    for name, numbers in expected.tensors.items():
        numpy.testing.assert_allclose(found.tensors[name], numbers, rtol=1e-12, err_msg=name)
    for name, of, to in zip("xvw", found.gradients, expected.gradients, strict=True):
        zero = numpy.zeros(()) if of is None or to is None else 0.0
        numpy.testing.assert_allclose(
            zero if of is None else of, zero if to is None else to, rtol=1e-9, atol=1e-12,
            err_msg=f"gradient of {name}",
        )  # fmt: skip


# ------------------------------------------------------------------ the table

CHANGES = {
    "a row times a number": "y = x * 1; y[0].mul_(2)",
    "a stretch by one": "y = x * 1; y.expand(1, 3, 4).mul_(2)",
    "a stretch of nothing": "y = torch.ones(0, 3).expand(2, 0, 3).add_(1)",
    "no rows at all": "y = x * 1; y[:0].mul_(2); z = torch.ones(2, 0, 3).add_(1)",
    "a column set to a tensor": "y = x * 1; y[:, 1] = w",
    "a row of the transpose": "y = x * 1; y.t()[0].add_(1)",
    "a mask set to a number": "y = x * 1; y[y > 1] = 3.0",
    "a mask set to a 0-d tensor": "y = x * 1; y[x > 1] = w[0]",
    "a masked row set to a vector": "y = x * 1; y[torch.tensor([True, False, True])] = v",
    "rows by index set to a tensor": "y = x * 1; y[torch.tensor([0, 2])] = v * 2",
    "a row by two views": "y = x * 1; a = y[1:]; a[0].mul_(w[0])",
    "a chain of five views": "y = x * 1; y.t()[1:].unsqueeze(0).squeeze(0)[0].mul_(w)",
    "a view through reshape": "y = x * 1; y.reshape(2, 6)[0].mul_(3)",
    "a view through view": "y = x * 1; y.view(-1)[3:7] = v",
    "a permuted view": "y = x * 1; y.permute(1, 0)[2].copy_(w)",
    "a diagonal": "y = x * 1; y.diagonal().mul_(w)",
    "an expanded value": "y = x * 1; y[:2] = v.expand(2, 4)",
    "a value with leading ones": "y = x * 1; y[0] = v.view(1, 1, 4)",
    "a stretched value": "y = x * 1; y[1:] = v",
    "a whole slice": "y = x * 1; y[:] = v",
    "an ellipsis": "y = x * 1; y[...] = 2.0",
    "an ellipsis set to a tensor": "y = x * 1; y[..., 0] = w",
    "a new dimension": "y = x * 1; y[None] = v",
    "one element": "y = x * 1; y[1, 2] = 5.0",
    "one element set to a tensor": "y = x * 1; y[1, 2] = w[0] * v[1]",
    "True": "y = x * 1; y[True] = 0.0",
    "False": "y = x * 1; y[False] = 0.0",
    "an index within a row": "y = x * 1; y[0, torch.tensor([1, 3])] = w[:2]",
    "an index in the last dimension": "y = x * 1; y[:, torch.tensor([1, 3])] = w.view(3, 1)",
    "a list": "y = x * 1; y[[0, 1]] = v",
    "a repeated index": "y = x * 1; y.index_put_((torch.tensor([0, 0]),), v, accumulate=True)",
    "an earlier view sees it": "y = x * 1; a = y[0]; y.mul_(2)",
    "an earlier view of a view sees it": "y = x * 1; a = y[0]; b = a[1:]; y[:, 2].mul_(w)",
    "the base sees it": "y = x * 1; a = y[0]; a.mul_(v); b = y * 2",
    "two views, both changed": "y = x * 1; a = y[0]; b = y[:, 0]; a.mul_(2); b.add_(w)",
    "overlapping views in turn": "y = x * 1; a = y[:2]; b = y[1:]; a.mul_(2); b.mul_(3); a.add_(1)",
    "a view changed twice": "y = x * 1; a = y[0]; a.mul_(2); a.mul_(v)",
    "a base changed, then a view": "y = x * 1; a = y[0]; y.mul_(2); a.mul_(v)",
    "a view changed, then the base": "y = x * 1; a = y[0]; a.mul_(v); y.mul_(2)",
    "something computed before": "y = x * 1; a = y + 1; y[0].add_(1)",
    "a history gained by a view": "y = torch.zeros(3, 4, dtype=torch.float64); y[0] = v",
    "a history gained through two views":
        "y = torch.zeros(3, 4, dtype=torch.float64); a = y[1]; y[1:].t()[0] = w[:2]; b = a * 2",
    "a view older than its base's history":
        "y = torch.zeros(3, 4, dtype=torch.float64); a = y[0]; y[0] = v; b = a * v",
    "an element at a time": "y = torch.zeros(4, dtype=torch.float64)\n"
        "for i in range(4): y[i] = v[i] * (y[i - 1].clone() if i else 1)",
    "zero_": "y = x * 1; y[0].zero_()",
    "fill_": "y = x * 1; y[0].fill_(2)",
    "fill_ with a tensor": "y = x * 1; y[0].fill_(w[1])",
    "copy_": "y = x * 1; y.copy_(v)",
    "copy_ of a part of itself": "y = x * 1; y[0].copy_(y[1])",
    "a saved result changed as a view": "y = x * 1; y[0].exp_(); a = y * 2",
    "a saved input kept as a copy": "y = x * 1; y[0].sin_()",
    "powers": "y = x * 1; y[1].pow_(3)",
    "a product by itself shifted": "y = x * 1; y[0].mul_(y[1].clone())",
    "tril_": "y = x * 1; y.tril_()",
    "scatter_": "y = x * 1; y.scatter_(0, torch.tensor([[0, 1, 2, 0]]), v.view(1, 4))",
    "scatter_add_": "y = x * 1; y.scatter_add_(0, torch.tensor([[0, 1, 2, 0]]), v.view(1, 4))",
    "masked_fill_": "y = x * 1; y.masked_fill_(x > 1, 0.0)",
    "detach shares memory": "y = x * 1; a = y.detach(); y.add_(1)",
    "no_grad": "y = x * 1\nwith torch.no_grad():\n    y.mul_(2)",
    "no_grad through a view made before":
        "y = x * 1; a = y[0]\nwith torch.no_grad():\n    a.mul_(2)",
    "a leaf within no_grad": "with torch.no_grad():\n    x[0] = 1.0\n    x.mul_(2)",
    "a 0-d view": "y = x * 1; y[0, 0].mul_(3)",
    "an empty view": "y = x * 1; y[3:].mul_(3); y[:, :0] = 1.0",
    "squeeze": "y = (x * 1).unsqueeze(0); y.squeeze(0)[1].mul_(w[2])",
    "movedim": "y = x * 1; y.movedim(0, 1)[0] = w",
    "narrow": "y = x * 1; y.narrow(1, 1, 2).mul_(2)",
    "chunk read": "y = x * 1; a, b = y.chunk(2, 1); c = a * b",
    "an operator": "y = x * 1; a = y[0]; a *= v; a += 1",
    "an indexed operator": "y = x * 1; y[0] *= 2; y[:, 1] -= w",
}  # fmt: skip

ERRORS = {
    "a leaf": "x.mul_(2)",
    "a view of a leaf": "x[0].mul_(2)",
    "an item of a leaf": "x[0] = 1.0",
    "a mask of a leaf": "x[x > 1] = 1.0",
    "a saved input": "y = x * 1; a = y.sin(); y[0].mul_(2)",
    "a saved input through an older view": "y = x * 1; b = y[0]; a = y * y; b.add_(1)",
    "a saved result": "y = x.exp(); y.mul_(2)",
    "a saved result through a view": "y = x.exp(); y[0] = 1.0",
    "a view saved": "y = x * 1; a = y[0]; b = a * v; y.add_(1)",
    "an expanded tensor": "y = (v * 1).expand(3, 4); y.mul_(2)",
    "one of many views": "y = x * 1; a, b, c = y.unbind(0); a.mul_(2)",
    "a view of one of many views": "y = x * 1; a, b, c = y.unbind(0); a[0:2].mul_(2)",
    "a part of a split": "y = x * 1; y.split(2)[0].mul_(2)",
    "a view made in no_grad": "y = x * 1\nwith torch.no_grad():\n    a = y[0]\na.mul_(2)",
    "a view of a view made in no_grad":
        "y = x * 1\nwith torch.no_grad():\n    a = y[0]\nb = a[1:]; b.mul_(2)",
    "a shape that would grow": "y = v * 1; y.mul_(x)",
    "a value that doesn't fit": "y = x * 1; y[0] = w",
    "a mask value that doesn't fit": "y = x * 1; y[x > 0] = v",
    "a list": "y = x * 1; y[0] = [1.0, 2.0, 3.0, 4.0]",
    "an index outside": "y = x * 1; y[3] = 1.0",
    "an index tensor changed afterwards":
        "i = torch.tensor([0, 1]); y = x * 1; y[i] = v; i.add_(1)",
    "an index tensor changed after reading":
        "i = torch.tensor([0, 1]); y = (x * 1)[i]; i.add_(1)",
    "detach_ of a view": "y = x * 1; y[0].detach_()",
}  # fmt: skip


@pytest.mark.parametrize("program", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_in_place_is_pytorchs(program: str) -> None:
    assert Outcome(torch, program).error is None
    assert_same(program)


@pytest.mark.parametrize("program", CHANGES.values(), ids=CHANGES.keys())
def test_second_derivatives_through_a_change_in_place_are_pytorchs(program: str) -> None:
    assert_same(program, order=2)


@pytest.mark.parametrize("program", ERRORS.values(), ids=ERRORS.keys())
def test_an_illegal_change_in_place_is_refused_as_by_pytorch(program: str) -> None:
    assert Outcome(torch, program).error is not None
    assert_same(program)


# ------------------------------------------------------------------ programs nobody thought of

VIEWS = (
    "{t}[0]", "{t}[-1]", "{t}[..., 0]", "{t}[1:]", "{t}[::2]", "{t}[:, 1:]", "{t}[None]", "{t}.t()",
    "{t}.ravel()", "{t}.reshape(-1)", "{t}.view(-1)", "{t}.flatten()", "{t}.unsqueeze(-1)",
    "{t}.squeeze()", "{t}.squeeze(0)", "{t}.diagonal()", "{t}.transpose(0, -1)",
    "{t}.movedim(0, -1)", "{t}.narrow(0, 0, 1)", "{t}.unbind(0)[0]", "{t}.split(2)[0]",
    "{t}.detach()", "{t}[...]",
)  # fmt: skip
CHANGES_OF_ANY = (
    "{t}.mul_(2)", "{t}.add_({u}.mean())", "{t}.mul_({u}.mean())", "{t}.sub_({u}.mean(), alpha=2)",
    "{t}.sin_()", "{t}.sigmoid_()", "{t}.zero_()", "{t}.fill_({u}.mean())", "{t}.copy_({u}.mean())",
    "{t}[0] = {u}.mean()", "{t}[..., -1] = 0.5", "{t}[{t} > 0.7] = {u}.mean()",
    "{t}[torch.tensor([0, -1])] = {u}.mean()", "{t}[1:] = {t}[:-1].clone()", "{t}[...] = 1.5",
    "{t}[[0, 0]] *= {u}.mean()", "{t} += {u}.mean()", "{t}.mul_({t}.clone())",
)  # fmt: skip
RESULTS = ("{t} * 1", "{t}.sin()", "{t} * {u}.mean()", "{t}.exp()", "{t}.sum()", "{t} * {t}")


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Up to ten lines that PyTorch runs, or of which it refuses the last."""
    lines = ["y = x * 1", "z = torch.zeros(3, 4, dtype=torch.float64)"]
    state = {"torch": torch, **leaves(torch)}
    exec("\n".join(lines), state)
    for number in range(draw(st.integers(1, 8))):
        names = [name for name, value in state.items() if isinstance(value, torch.Tensor)]
        kind = draw(st.sampled_from(("view", "view", "change", "change", "result")))
        choices = {"view": VIEWS, "change": CHANGES_OF_ANY, "result": RESULTS}[kind]
        changeable = [name for name in names if name not in "xvw"]
        target = draw(st.sampled_from(names if kind == "result" else changeable))
        line = draw(st.sampled_from(choices)).format(t=target, u=draw(st.sampled_from(names)))
        if kind != "change":
            line = f"t{number} = {line}"
        elif draw(st.integers(0, 9)) == 0:
            line = f"with torch.no_grad(): {line}"
        try:
            exec(line, state)
        except RuntimeError as error:
            if "modified inplace" in str(error) or "in-place operation" in str(error):
                return "\n".join([*lines, line])
        except (IndexError, ValueError):
            pass  # the tensor hasn't the dimensions for it
        else:
            lines.append(line)
    return "\n".join(lines)


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(programs())
def test_a_random_program_of_views_and_changes_does_what_pytorch_does(program: str) -> None:
    for order in (1, 2):
        expected, found = Outcome(torch, program, order), Outcome(gradlab, program, order)
        if expected.error is None and found.error is None:
            assert_equal(found, expected)
        elif found.error is not None:
            assert type(found.error) is type(expected.error), (expected.error, found.error)
        elif order == 1 and "detach" not in program and "no_grad" not in program:
            # What PyTorch refuses and gradlab does must be right: differences say so.
            assert_differences_agree(program, found)


def assert_differences_agree(program: str, found: Outcome) -> None:
    for name, gradient in zip("xvw", found.gradients, strict=True):
        start = leaves(gradlab)[name].tolist()
        for place in numpy.ndindex(numpy.shape(start)):
            step = 1e-6
            high, low = (Outcome(gradlab, _nudged(name, place, d) + program) for d in (step, -step))
            slope = (high.total - low.total) / (2 * step)
            reached = 0.0 if gradient is None else gradient[place]
            assert slope == pytest.approx(reached, rel=1e-4, abs=1e-4), (program, name, place)


def _nudged(name: str, place: tuple[int, ...], step: float) -> str:
    return f"with torch.no_grad(): {name}[{place}] += {step}\n"
