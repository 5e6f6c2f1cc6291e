"""``autograd.Function``: gradlab and PyTorch run the same Functions with the same outcome."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from tests.autograd.outcomes import Program, assert_same


def function(torch: ModuleType, forward: Any, backward: Any = None, **others: Any) -> Any:
    """A Function of that forward and backward, called MyFn."""
    body = {"forward": staticmethod(forward)}
    if backward is not None:
        body["backward"] = staticmethod(backward)
    body |= {name: staticmethod(method) for name, method in others.items()}
    return type("MyFn", (torch.autograd.Function,), body)


def leaf(torch: ModuleType, *numbers: float) -> Any:
    return torch.tensor(list(numbers) or [1.0, 2.0], requires_grad=True)


def double(ctx: Any, x: Any, *others: Any) -> Any:
    return x * 2


def twice(ctx: Any, gradient: Any) -> Any:
    return gradient * 2


def cube(ctx: Any, x: Any) -> Any:
    ctx.save_for_backward(x)
    return x**3


def of_cube(ctx: Any, gradient: Any) -> Any:
    (x,) = ctx.saved_tensors
    return gradient * 3 * x * x


# ------------------------------------------------------------------ values


def gradient_through(torch: ModuleType, forward: Any, backward: Any, *args: Any) -> Any:
    x = leaf(torch)
    y = function(torch, forward, backward).apply(x, *args)
    (y[0] if isinstance(y, tuple) else y).sum().backward()
    return y, x.grad


def saves_its_result(ctx: Any, x: Any) -> Any:
    y = x.exp()
    ctx.save_for_backward(y, None)
    return y


def of_exp(ctx: Any, gradient: Any) -> Any:
    y, nothing = ctx.saved_tensors
    assert nothing is None
    return gradient * y


def keeps_attributes(ctx: Any, x: Any, power: int) -> Any:
    ctx.shape, ctx.dtype, ctx.order, ctx.hooks, ctx.op = "s", "d", "o", "h", power
    ctx.outputs, ctx.exact, ctx.name = "u", "e", "n"
    return x * power


def of_attributes(ctx: Any, gradient: Any) -> Any:
    words = (ctx.shape, ctx.dtype, ctx.order, ctx.hooks, ctx.outputs, ctx.exact, ctx.name)
    assert words == ("s", "d", "o", "h", "u", "e", "n")
    return gradient * ctx.op, None


def two_results(ctx: Any, x: Any) -> Any:
    return x * 2, "text", x * 3


VALUES: dict[str, Program] = {
    "a saved input": lambda t: gradient_through(t, cube, of_cube),
    "a saved result": lambda t: gradient_through(t, saves_its_result, of_exp),
    "attributes, whatever their names": lambda t: gradient_through(
        t, keeps_attributes, of_attributes, 5
    ),
    "None as gradient": lambda t: gradient_through(t, double, lambda ctx, g: None),
    "surplus gradients that are None": lambda t: gradient_through(
        t, double, lambda ctx, g: (g, None, None)
    ),
    "a gradient to be summed up": lambda t: gradient_through(
        t, double, lambda ctx, g: t.ones(3, 2)
    ),
    "a gradient of another dtype": lambda t: gradient_through(
        t, double, lambda ctx, g: t.ones(2, dtype=t.float64)
    ),
    "an integer gradient": lambda t: gradient_through(
        t, double, lambda ctx, g: t.ones(2, dtype=t.int64)
    ),
    "several results, one no tensor": lambda t: gradient_through(
        t, two_results, lambda ctx, a, b, c: a * 2 + (0 if b is None else 1) + c * 3
    ),
    "a number as result": lambda t: function(t, lambda ctx, x: 3).apply(leaf(t)),
    "None as result": lambda t: function(t, lambda ctx, x: None).apply(leaf(t)),
    "a list as result has no history": lambda t: function(t, lambda ctx, x: [x * 2]).apply(leaf(t)),
    "an integer result has no history": lambda t: function(t, lambda ctx, x: (x * 2).long()).apply(
        leaf(t)
    ),
    "an input as it came": lambda t: gradient_through(t, lambda ctx, x: x, twice),
    "an input that needs no gradient": lambda t: function(t, double).apply(t.ones(2)),
    "a tensor by name": lambda t: function(t, double, twice).apply(x=leaf(t)),
}


@pytest.mark.parametrize("program", VALUES.values(), ids=VALUES)
def test_values_are_pytorchs(program: Program) -> None:
    assert_same(program)


def test_needs_input_grad_has_one_for_each_argument(torch: ModuleType) -> None:
    seen = []

    def forward(ctx: Any, *args: Any) -> Any:
        seen.append(ctx.needs_input_grad)
        return args[0] * args[2]

    x = leaf(torch)
    function(torch, forward, twice).apply(x, 2, torch.ones(2))
    with torch.no_grad():
        function(torch, forward, twice).apply(torch.ones(2), 2, x)
    assert seen == [(True, False, False), (False, False, True)]


def test_forward_is_not_recorded_and_backward_only_with_create_graph(torch: ModuleType) -> None:
    seen = []

    def forward(ctx: Any, x: Any) -> Any:
        seen.append(torch.is_grad_enabled())
        return x * 2

    def backward(ctx: Any, gradient: Any) -> Any:
        seen.append(torch.is_grad_enabled())
        return gradient * 2

    x = leaf(torch)
    y = function(torch, forward, backward).apply(x).sum()
    torch.autograd.grad(y, x, retain_graph=True)
    torch.autograd.grad(y, x, create_graph=True)
    assert seen == [False, False, True]
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(("materialize", "seen"), [(True, [0.0, 0.0]), (False, None)])
def test_missing_gradients_are_zeros_or_none(
    torch: ModuleType, materialize: bool, seen: Any
) -> None:
    arrived: list[Any] = []

    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(materialize)
        return x * 2, x * 3, 5

    def backward(ctx: Any, *gradients: Any) -> Any:
        arrived.extend(gradients)
        return gradients[0] * 2

    x = leaf(torch)
    function(torch, forward, backward).apply(x)[0].sum().backward()
    assert arrived[0].tolist() == [1.0, 1.0]
    assert (None if arrived[1] is None else arrived[1].tolist()) == seen
    assert arrived[2] is None


def test_a_result_marked_non_differentiable_has_no_history_and_zeros_arrive(
    torch: ModuleType,
) -> None:
    arrived: list[Any] = []

    def forward(ctx: Any, x: Any) -> Any:
        values, indices = x.max(0)
        floor = x.floor()
        ctx.mark_non_differentiable(indices, floor)
        return values * 1, indices, floor

    def backward(ctx: Any, *gradients: Any) -> Any:
        arrived.extend(g.tolist() for g in gradients)
        return gradients[0].expand(2)

    x = leaf(torch)
    values, indices, floor = function(torch, forward, backward).apply(x)
    assert [t.requires_grad for t in (values, indices, floor)] == [True, False, False]
    values.backward()
    assert arrived == [1.0, 0, [0.0, 0.0]]


def test_setup_context_gets_all_arguments_and_the_result(torch: ModuleType) -> None:
    seen: list[Any] = []

    class Scale(torch.autograd.Function):  # type: ignore[name-defined,misc]
        @staticmethod
        def forward(x: Any, factor: int = 3) -> Any:
            return x * factor

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            seen.append((len(inputs), inputs[1], output.tolist(), torch.is_grad_enabled()))
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return gradient * ctx.factor, None

    x = leaf(torch)
    (Scale.apply(x) + Scale.apply(x, factor=5)).sum().backward()
    assert seen == [(2, 3, [3.0, 6.0], False), (2, 5, [5.0, 10.0], False)]
    assert x.grad.tolist() == [8.0, 8.0]


def test_vjp_is_another_name_for_backward(torch: ModuleType) -> None:
    x = leaf(torch)
    function(torch, double, vjp=twice).apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_hooks_work_on_results_and_nodes(torch: ModuleType) -> None:
    seen: list[Any] = []
    x = leaf(torch)
    y = function(torch, double, twice).apply(x)
    y.register_hook(lambda g: g * 10)
    y.grad_fn.register_prehook(lambda gs: seen.append(gs[0].tolist()))
    y.grad_fn.register_hook(lambda into, out: seen.append((into[0].tolist(), out[0].tolist())))
    y.sum().backward()
    assert seen == [[10.0, 10.0], ([20.0, 20.0], [10.0, 10.0])]
    assert x.grad.tolist() == [20.0, 20.0]


# ------------------------------------------------------------------ the node


def test_the_node_is_named_after_the_function(torch: ModuleType) -> None:
    x = leaf(torch)
    y = function(torch, double, twice).apply(x, 3, x)
    assert y.grad_fn.name() == "MyFnBackward"
    assert repr(y) == "tensor([2., 4.], grad_fn=<MyFnBackward>)"
    pattern = r"<torch\.autograd\.function\.MyFnBackward object at 0x[0-9a-f]+>"
    assert re.fullmatch(pattern, repr(y.grad_fn))
    assert [node.variable is x for node, _ in y.grad_fn.next_functions] == [True, True]


def test_the_node_knows_what_the_context_knows(torch: ModuleType) -> None:
    def forward(ctx: Any, x: Any, power: int) -> Any:
        ctx.save_for_backward(x)
        ctx.power = power
        assert ctx.name() == "MyFnBackward"
        assert ctx.saved_tensors == ()
        ctx.metadata["note"] = 1
        return x**power

    x = leaf(torch)
    node = function(torch, forward, twice).apply(x, 3).grad_fn
    assert node.power == 3
    assert node.needs_input_grad == (True, False)
    assert node.saved_tensors[0] is x
    assert node.metadata == {"note": 1}
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = node.other


def test_the_context_prints_as_the_node() -> None:
    seen: list[str] = []
    y = function(gl, lambda ctx, x: (seen.append(repr(ctx)), x * 2)[1], twice).apply(leaf(gl))
    assert seen == [repr(y.grad_fn)]


def test_a_function_is_freed_with_its_result(torch: ModuleType) -> None:
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(x, y)
        ctx.watched = x + 1
        watched.append(weakref.ref(ctx.watched))
        return y

    watched: list[Any] = []
    gc.disable()
    try:
        y = function(torch, forward, of_exp).apply(leaf(torch))
        assert watched[0]() is not None
        del y
        assert watched[0]() is None
    finally:
        gc.enable()


# ------------------------------------------------------------------ memory


@pytest.mark.parametrize("create_graph", [False, True])
def test_grad_never_shares_memory_with_what_backward_returned(create_graph: bool) -> None:
    x, kept = leaf(gl), leaf(gl, 5.0, 6.0)
    y = function(gl, double, lambda ctx, g: kept).apply(x).sum()
    y.backward(create_graph=create_graph)
    with gl.no_grad():
        x.grad.zero_()
    assert kept.tolist() == [5.0, 6.0]


def test_grad_does_not_share_memory_with_a_named_op_attribute() -> None:
    kept = gl.tensor([5.0, 6.0])

    def forward(ctx: Any, x: Any) -> Any:
        ctx.op = "anything"  # declared operations have such an attribute
        return x * 2

    x = leaf(gl)
    function(gl, forward, lambda ctx, g: kept).apply(x).sum().backward()
    x.grad.zero_()
    assert kept.tolist() == [5.0, 6.0]


def test_passing_the_gradient_on_leaves_it_to_both_inputs(torch: ModuleType) -> None:
    x, y = leaf(torch), leaf(torch)
    function(torch, lambda ctx, a, b: a + b, lambda ctx, g: (g, g)).apply(x, y).sum().backward()
    x.grad.mul_(10)
    assert y.grad.tolist() == [1.0, 1.0]


# ------------------------------------------------------------------ derivatives of derivatives


def test_backward_can_be_differentiated(torch: ModuleType) -> None:
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    derivatives = [function(torch, cube, of_cube).apply(x)]
    for _ in range(3):
        derivatives += torch.autograd.grad(derivatives[-1], x, create_graph=True)
    assert [d.item() for d in derivatives] == [8.0, 12.0, 12.0, 6.0]


def test_a_saved_result_is_differentiated_again(torch: ModuleType) -> None:
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = function(torch, saves_its_result, of_exp).apply(x)
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert second.item() == pytest.approx(y.item(), rel=1e-12)


class Hypotenuse(gl.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        length = (x * x + y * y).sqrt()
        ctx.save_for_backward(x, y, length)
        return length

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        x, y, length = ctx.saved_tensors
        return gradient * x / length, gradient * y / length


def test_gradcheck_of_a_function() -> None:
    x = gl.tensor([3.0, 1.0], dtype=gl.float64, requires_grad=True)
    y = gl.tensor([[4.0, 2.0]], dtype=gl.float64, requires_grad=True)
    assert gl.autograd.gradcheck(Hypotenuse.apply, (x, y))
    assert gl.autograd.gradgradcheck(Hypotenuse.apply, (x, y))


def test_gradcheck_finds_a_wrong_backward() -> None:
    wrong = function(gl, cube, lambda ctx, g: g * 2 * ctx.saved_tensors[0])
    x = gl.tensor([3.0], dtype=gl.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gl.autograd.gradcheck(wrong.apply, (x,))


def test_once_differentiable_gives_a_first_derivative_and_refuses_a_second(
    torch: ModuleType,
) -> None:
    backward = torch.autograd.function.once_differentiable(lambda ctx, g: g * 2)
    x, v = leaf(torch), torch.ones(2, requires_grad=True)
    y = function(torch, double, backward).apply(x)
    (first,) = torch.autograd.grad(y, x, torch.ones(2), create_graph=True)
    assert (first.tolist(), first.requires_grad) == ([2.0, 2.0], False)
    y = function(torch, double, backward).apply(x)
    (first,) = torch.autograd.grad(y, x, v, create_graph=True)
    assert repr(first) == "tensor([2., 2.], grad_fn=<Error>)"
    with pytest.raises(RuntimeError, match="trying to differentiate twice"):
        first.sum().backward()


# ------------------------------------------------------------------ changes in place


def adds_one(ctx: Any, *args: Any) -> Any:
    args[-1].add_(1)
    ctx.mark_dirty(args[-1])
    return args[-1]


def test_a_dirty_input_is_the_result_itself(torch: ModuleType) -> None:
    x = leaf(torch)
    z = x * 1
    y = function(torch, adds_one, lambda ctx, g: g * 5).apply(z)
    assert y is z
    assert (z.grad_fn.name(), z._version) == ("MyFnBackward", 2)
    z.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_a_dirty_view_rewrites_the_history_of_its_base(torch: ModuleType) -> None:
    x = leaf(torch)
    base = x * 1
    part = base[:1]
    y = function(torch, adds_one, lambda ctx, g: g * 5).apply(part)
    assert y is part
    assert base.grad_fn.name().endswith("CopySlices")
    assert part.grad_fn.name() == "AsStridedBackward0"
    (base.sum() * 2 + part.sum()).backward()
    assert x.grad.tolist() == [15.0, 2.0]


@pytest.mark.parametrize("of", ["the view", "its base"])
def test_a_dirty_view_need_not_come_first(of: str) -> None:
    """PyTorch takes the first argument's gradient for the view's, which is silently wrong."""
    x, other = leaf(gl), leaf(gl, 7.0)
    base = x * 1
    part = base[:1]
    function(gl, adds_one, lambda ctx, g: (g * 5, g * 7)).apply(other, part)
    (part if of == "the view" else base).sum().backward()
    assert other.grad.tolist() == [5.0]
    assert x.grad.tolist() == [7.0, 0.0 if of == "the view" else 1.0]


def change(torch: ModuleType, forward: Any, of: Callable[[Any, Any], Any]) -> None:
    """Call ``of(input, result)`` on a Function's input and result."""
    z = leaf(torch) * 1
    of(z, function(torch, forward, lambda ctx, *g: g[0]).apply(z))


def same(ctx: Any, x: Any) -> Any:
    return x


def viewed(ctx: Any, x: Any) -> Any:
    return x.view(-1)


def viewed_twice(ctx: Any, x: Any) -> Any:
    return x.view(-1), x.view(2)


ERRORS: dict[str, Program] = {
    "no forward": lambda t: type("MyFn", (t.autograd.Function,), {}).apply(leaf(t)),
    "no backward": lambda t: function(t, double).apply(leaf(t)).sum().backward(),
    "backward and vjp": lambda t: (
        function(t, double, twice, vjp=twice).apply(leaf(t)).sum().backward()
    ),
    "too few gradients": lambda t: gradient_through(t, double, lambda ctx, g: (g,), 3),
    "too many gradients": lambda t: gradient_through(t, double, lambda ctx, g: (g, g)),
    "gradients in a list": lambda t: gradient_through(t, double, lambda ctx, g: [g]),
    "a number as gradient": lambda t: gradient_through(t, double, lambda ctx, g: 3),
    "text as gradient": lambda t: gradient_through(t, double, lambda ctx, g: "a"),
    "a gradient for what is no tensor": lambda t: gradient_through(
        t, double, lambda ctx, g: (g, g), 3
    ),
    "a gradient too large": lambda t: gradient_through(t, double, lambda ctx, g: t.ones(3)),
    "a gradient too small": lambda t: gradient_through(t, double, lambda ctx, g: t.ones(())),
    "a wrong gradient of the second input": lambda t: (
        (lambda x: function(t, double, lambda ctx, g: (g, None, t.ones(3))).apply(x, 3, x))(leaf(t))
        .sum()
        .backward()
    ),
    "a complex gradient of a real input": lambda t: gradient_through(
        t, double, lambda ctx, g: t.ones(2, dtype=t.complex64)
    ),
    "saving a number": lambda t: gradient_through(
        t, lambda ctx, x: (ctx.save_for_backward(3), x * 2)[1], twice
    ),
    "saving a list": lambda t: gradient_through(
        t, lambda ctx, x: (ctx.save_for_backward(x, [x]), x * 2)[1], twice
    ),
    "a dirty number": lambda t: gradient_through(
        t, lambda ctx, x: (ctx.mark_dirty(3), x * 2)[1], twice
    ),
    "a non-differentiable number": lambda t: gradient_through(
        t, lambda ctx, x: (ctx.mark_non_differentiable(3), x * 2)[1], twice
    ),
    "a dirty leaf": lambda t: function(t, adds_one, twice).apply(leaf(t)),
    "a dirty view of a leaf": lambda t: function(t, adds_one, twice).apply(leaf(t)[:1]),
    "a dirty input that is not returned": lambda t: change(
        t, lambda ctx, x: adds_one(ctx, x) * 2, lambda z, y: None
    ),
    "a dirty view among several results": lambda t: function(
        t, lambda ctx, x: (adds_one(ctx, x), x * 2), twice
    ).apply((leaf(t) * 1)[:1]),
    "a change of an input returned as it came": lambda t: change(t, same, lambda z, y: y.add_(1)),
    "a change of a returned view": lambda t: change(t, viewed, lambda z, y: y.add_(1)),
    "a change of a view of a returned view": lambda t: change(
        t, viewed, lambda z, y: y.view(1, 2).add_(1)
    ),
    "a change of one of several returned views": lambda t: change(
        t, viewed_twice, lambda z, y: y[1].add_(1)
    ),
    "the history of a returned view after a change": lambda t: change(
        t, same, lambda z, y: (z.add_(1), y.grad_fn)
    ),
    "a saved input that was changed": lambda t: change(
        t, cube, lambda z, y: (z.add_(1), y.grad_fn.saved_tensors)
    ),
    "a saved result that was changed": lambda t: change(
        t, saves_its_result, lambda z, y: (y.add_(1), y.grad_fn.next_functions[0][0].saved_tensors)
    ),
    "a second pass": lambda t: (lambda y: (y.backward(), y.backward()))(
        function(t, cube, of_cube).apply(leaf(t)).sum()
    ),
    "saved tensors after a pass": lambda t: (
        lambda y: (y.sum().backward(), y.grad_fn.saved_tensors)
    )(function(t, cube, of_cube).apply(leaf(t))),
    "a name that forward hasn't": lambda t: function(t, double).apply(leaf(t), other=3),
    "an argument twice": lambda t: function(t, double).apply(leaf(t), x=leaf(t)),
    "a gap among named arguments": lambda t: function(t, lambda ctx, x, a=1, b=2: x).apply(
        leaf(t), b=3
    ),
    "a missing attribute": lambda t: function(t, lambda ctx, x: ctx.nothing).apply(leaf(t)),
}


@pytest.mark.parametrize("program", ERRORS.values(), ids=ERRORS)
def test_errors_are_pytorchs(program: Program) -> None:
    assert_same(program)


def test_each_error_case_fails_in_gradlab() -> None:
    for program in ERRORS.values():
        with pytest.raises((RuntimeError, TypeError, NotImplementedError, AttributeError)):
            program(gl)


def test_a_function_is_not_instantiated(torch: ModuleType) -> None:
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        instance = function(torch, double, twice)()
    with pytest.raises(RuntimeError, match=r"^Legacy autograd function with non-static forward"):
        instance(leaf(torch))


def test_marking_a_result_dirty_that_is_no_input_warns(torch: ModuleType) -> None:
    def forward(ctx: Any, x: Any) -> Any:
        y = x * 2
        ctx.mark_dirty(y)
        return y

    x = leaf(torch)
    # PyTorch warns of this once per process.
    if torch is gl:
        with pytest.warns(UserWarning, match="a tensor that was not an input"):
            y = function(torch, forward, twice).apply(x)
        y.sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]


def test_without_recording_a_function_leaves_no_history(torch: ModuleType) -> None:
    x = leaf(torch)
    with torch.no_grad():
        y = function(torch, cube, of_cube).apply(x)
    assert (y.requires_grad, y.grad_fn) == (False, None)
