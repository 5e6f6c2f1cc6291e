"""Dual numbers: making, unpacking, printing, what is refused, and derivatives through them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab.autograd import forward_ad
from tests.autograd.outcomes import assert_same

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def library(torch: Any) -> Any:
    return forward_ad if torch is gl else torch.autograd.forward_ad


REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "integers": lambda t, fw: fw.make_dual(t.tensor([1]), t.ones(1)),
    "another size": lambda t, fw: fw.make_dual(t.ones(2), t.ones(3)),
    "a dual number": lambda t, fw: fw.make_dual(fw.make_dual(t.ones(1), t.ones(1)), t.ones(1)),
    "a dual tangent": lambda t, fw: fw.make_dual(t.ones(1), fw.make_dual(t.ones(1), t.ones(1))),
    "another level": lambda t, fw: fw.make_dual(t.ones(1), t.ones(1), level=3),
    "a level inside": lambda t, fw: fw.enter_dual_level(),
    "exit of another level": lambda t, fw: fw.exit_dual_level(level=2),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs, library(torch).dual_level():  # noqa: PT011
        REFUSED[case](torch, library(torch))
    with pytest.raises(type(theirs.value)) as ours, forward_ad.dual_level():
        REFUSED[case](gl, forward_ad)
    assert str(ours.value).startswith(str(theirs.value).rstrip("."))


def test_outside_of_a_level_there_are_no_dual_numbers() -> None:
    with pytest.raises(RuntimeError, match="no level exists"):
        forward_ad.make_dual(gl.ones(1), gl.ones(1))
    with pytest.raises(RuntimeError, match="Dual level must be a positive number"):
        forward_ad.exit_dual_level()
    assert forward_ad.unpack_dual(gl.ones(1)).tangent is None


SHOWN: dict[str, Callable[[Any, Any, Any], Any]] = {
    "a dual": lambda t, fw, x: x,
    "a result": lambda t, fw, x: x * x,
    "unpacked": lambda t, fw, x: fw.unpack_dual(x.sin()),
    "without a tangent": lambda t, fw, x: fw.unpack_dual(x > 1),
    "detached": lambda t, fw, x: x.detach(),
    "a view": lambda t, fw, x: x[0],
    "changed in place": lambda t, fw, x: x.clone().mul_(x),
    "changed in part": lambda t, fw, x: _changed_in_part(x.clone()),
    "written to a plain tensor": lambda t, fw, x: t.zeros(2).copy_(x),
    "written to a part of a plain tensor": lambda t, fw, x: _written(t.zeros(3), x),
    "filled": lambda t, fw, x: fw.unpack_dual(x.clone().fill_(2.0)),
    "a number": lambda t, fw, x: x.sum().item(),
    "a choice": lambda t, fw, x: bool((x > 0).all()),
}


def _changed_in_part(x: Any) -> Any:
    x[0] *= x[1]
    return x


def _written(target: Any, x: Any) -> Any:
    target[1:] = x
    return target


@pytest.mark.parametrize("case", SHOWN)
def test_texts_are_pytorchs(case: str) -> None:
    torch = pytest.importorskip("torch")
    texts = []
    for t in (gl, torch):
        fw = library(t)
        with fw.dual_level():
            x = fw.make_dual(t.tensor([1.0, 2.0]), t.tensor([10.0, 20.0]))
            texts.append(repr(SHOWN[case](t, fw, x)))
    assert texts[0] == texts[1]


def test_after_the_level_a_dual_number_is_plain() -> None:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(gl.tensor([1.0]), gl.tensor([5.0]))
    assert repr(x) == "tensor([1.])"
    assert repr(x * 2) == "tensor([2.])"


def test_forward_over_reverse() -> None:
    x = gl.tensor([0.3, 0.7], dtype=gl.float64, requires_grad=True)
    direction = gl.tensor([1.0, -2.0], dtype=gl.float64)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, direction)
        (slope,) = gl.autograd.grad((dual.sin() * dual.sum()).sum(), x)
        primal, tangent = forward_ad.unpack_dual(slope)

    def gradient(y: Any) -> Any:
        return gl.autograd.grad((y.sin() * y.sum()).sum(), y, create_graph=True)[0]

    numpy.testing.assert_allclose(primal.numpy(force=True), gradient(x).numpy(force=True))
    (expected,) = gl.autograd.grad(gradient(x), x, direction)
    numpy.testing.assert_allclose(tangent.numpy(force=True), expected.numpy(force=True))


class Square(gl.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_forward(x)
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 2 * g * ctx.saved_tensors[0]

    @staticmethod
    def jvp(ctx: Any, tangent: Any) -> Any:
        return 2 * tangent * ctx.saved_tensors[0]


def test_a_function_with_a_jvp() -> None:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(gl.tensor([3.0]), gl.tensor([10.0]))
        primal, tangent = forward_ad.unpack_dual(Square.apply(x))
    assert (primal.item(), tangent.item()) == (9.0, 60.0)


def test_a_function_without_a_jvp_is_refused() -> None:
    class Plain(gl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * x

    with forward_ad.dual_level():
        x = forward_ad.make_dual(gl.tensor([3.0]), gl.tensor([10.0]))
        with pytest.raises(NotImplementedError, match="You must implement the jvp function"):
            Plain.apply(x)


def test_gradcheck_in_every_mode() -> None:
    x = gl.tensor([[0.5, 2.0], [1.0, 3.0]], dtype=gl.float64, requires_grad=True)

    def function(a: Any) -> Any:
        return a.sin() @ a, a.sum(0)

    modes = dict(check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True)
    assert gl.autograd.gradcheck(function, (x,), **modes)
    assert gl.autograd.gradcheck(function, (x,), fast_mode=True, **modes)
    assert gl.autograd.gradgradcheck(function, (x,), check_fwd_over_rev=True)


def test_gradcheck_finds_a_wrong_jvp() -> None:
    class Wrong(Square):
        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            return tangent

    x = gl.tensor([3.0], dtype=gl.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian computed with forward mode mismatch"):
        gl.autograd.gradcheck(Wrong.apply, (x,), check_forward_ad=True)


# ------------------------------------------------------------------ views of what becomes dual


def overlapping(torch: ModuleType) -> Any:
    """Through one view a buffer becomes dual; what the others, made before, know of it."""
    fw = library(torch)
    buffer = torch.zeros(3)
    first, second = buffer[:2], buffer[1:]
    part, elements = second[:1], buffer.unbind()
    with fw.dual_level():
        dual = fw.make_dual(torch.ones(3), torch.tensor([1.0, 2.0, 3.0]))
        first.copy_(dual[:2])
        with torch.no_grad():
            found = [fw.unpack_dual(part * 2).tangent]
        found += [fw.unpack_dual(one).tangent for one in (buffer, second)]
        second.mul_(3)
        part += dual[0]
        found += [fw.unpack_dual(one).tangent for one in (buffer, first, elements[1])]
        found += [fw.unpack_dual(torch.stack(elements)).tangent]
        found += [second.requires_grad, second.is_leaf]
        shown = repr(second)
    return [*found, second * 2, buffer.view(3), elements[2] + 1, shown]


def transposed(torch: ModuleType) -> Any:
    """A view that is shown, and one that is tracked, before anything else is done to them."""
    fw = library(torch)
    buffer = torch.zeros(2, 2)
    turned, flat = buffer.t(), buffer.view(4)
    with fw.dual_level():
        dual = fw.make_dual(torch.ones(2), torch.tensor([5.0, 6.0]))
        buffer[0].copy_(dual)
        shown = repr(turned)
        flat.requires_grad_()
        total = flat.sum()
    return [shown, repr(total), total, turned]


@pytest.mark.parametrize("program", [overlapping, transposed])
def test_views_of_what_becomes_dual_become_dual(program: Any) -> None:
    assert_same(program)


def test_views_of_what_becomes_dual_inside_of_jvp() -> None:
    def written(x: Any) -> Any:
        buffer = gl.zeros(3)
        first, second = buffer[:2], buffer[1:]
        first.copy_(x[:2] * x[1:])
        second.add_(x[1:])
        return second * 2

    x = gl.tensor([1.0, 2.0, 3.0])
    expected = gl.tensor([[0.0, 8.0, 4.0], [0.0, 0.0, 2.0]])
    assert gl.equal(gl.func.jacfwd(written)(x), expected)
    assert gl.equal(gl.func.jvp(written, (x,), (gl.ones(3),))[1], expected.sum(1))
