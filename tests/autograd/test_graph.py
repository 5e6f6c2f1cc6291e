"""``autograd.graph``: edges, hooks on saved tensors, hooks on several gradients."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from tests.autograd.outcomes import Program, assert_same


def leaf(torch: ModuleType, *numbers: float) -> Any:
    return torch.tensor(list(numbers) or [1.0, 2.0], requires_grad=True)


# ------------------------------------------------------------------ edges

EDGES: dict[str, Program] = {
    "printed": lambda t: str(t.autograd.graph.get_gradient_edge(leaf(t) * 2)).split(" at ")[0],
    "of what needs no gradient": lambda t: t.autograd.graph.get_gradient_edge(t.ones(2)),
    "as root": lambda t: (
        lambda x: t.autograd.grad(t.autograd.graph.get_gradient_edge(x.exp()), x, t.ones(2))
    )(leaf(t)),
    "as root of one element": lambda t: (
        lambda x: t.autograd.grad(t.autograd.graph.get_gradient_edge(x.exp().sum()), x)
    )(leaf(t)),
    "as root without gradient": lambda t: t.autograd.backward(
        t.autograd.graph.get_gradient_edge(leaf(t) * 2)
    ),
    "as root with a gradient of another shape": lambda t: t.autograd.backward(
        t.autograd.graph.get_gradient_edge(leaf(t) * 2), t.ones(3)
    ),
    "as input": lambda t: (
        lambda y: t.autograd.grad((y * y).sum(), t.autograd.graph.get_gradient_edge(y))
    )(leaf(t) * 2),
    "as one of several inputs": lambda t: (
        lambda x, y: t.autograd.grad((y * y).sum(), [x, t.autograd.graph.get_gradient_edge(y)])
    )(*(lambda x: (x, x * 2))(leaf(t))),
    "as an unused input": lambda t: t.autograd.grad(
        leaf(t).sum(), t.autograd.graph.get_gradient_edge(leaf(t) * 2), materialize_grads=True
    ),
}


@pytest.mark.parametrize("program", EDGES.values(), ids=EDGES)
def test_edges_are_pytorchs(program: Program) -> None:
    assert_same(program)


def test_backward_adds_to_the_leaf_that_an_edge_leads_to(torch: ModuleType) -> None:
    x, y = leaf(torch), leaf(torch)
    edge = torch.autograd.graph.get_gradient_edge(x)
    (x * y).sum().backward(inputs=edge)
    assert x.grad.tolist() == [1.0, 2.0]
    assert y.grad is None


def test_an_edge_outlives_its_tensor(torch: ModuleType) -> None:
    x = leaf(torch)
    edge = torch.autograd.graph.get_gradient_edge(x.exp().sum())
    gc.collect()
    torch.autograd.backward(edge)
    assert x.grad.tolist() == pytest.approx([2.7182817, 7.3890562])


def test_node_is_the_class_of_all_nodes(torch: ModuleType) -> None:
    node = (leaf(torch) * 2).grad_fn
    assert isinstance(node, torch.autograd.graph.Node)
    assert not isinstance(3, torch.autograd.graph.Node)


def test_increment_version_makes_saved_tensors_stale(torch: ModuleType) -> None:
    x = leaf(torch)
    w = torch.ones(2)
    y = (x * w).sum()
    torch.autograd.graph.increment_version(w)
    assert w._version == 1
    torch.autograd.graph.increment_version([w, w])
    assert w._version == 3
    with pytest.raises(RuntimeError, match=r"is at version 3; expected version 0 instead"):
        y.backward()


# ------------------------------------------------------------------ hooks on what is saved


class Recorded:
    """Hooks that note what they are given."""

    def __init__(self) -> None:
        self.packed: list[Any] = []
        self.unpacked: list[Any] = []

    def pack(self, tensor: Any) -> Any:
        self.packed.append(tensor.tolist())
        return tensor.detach().clone()

    def unpack(self, packed: Any) -> Any:
        self.unpacked.append(packed.tolist())
        return packed


def product_in_function(t: ModuleType) -> Callable[[Any, Any], Any]:
    class Product(t.autograd.Function):  # type: ignore[name-defined,misc]
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x, y, None)
            return x * y

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            x, y, _ = ctx.saved_tensors
            return gradient * y, gradient * x

    apply: Callable[[Any, Any], Any] = Product.apply
    return apply


SAVING: dict[str, Callable[[ModuleType], Callable[[Any, Any], Any]]] = {
    "two inputs": lambda t: lambda x, y: x * y,
    "the same input for two gradients": lambda t: lambda x, y: x / y,
    "input, input and result": lambda t: lambda x, y: x**y,
    "a result": lambda t: lambda x, y: x.exp() + y,
    "a number": lambda t: lambda x, y: x * 2 + y,
    "another dtype": lambda t: lambda x, y: x * y.double(),
    "a list": lambda t: lambda x, y: t.stack([x, y]).sin().sum(0),
    "matrices": lambda t: lambda x, y: x @ y,
    "what is then changed in place": lambda t: lambda x, y: (x * 1).mul_(y),
    "a result in place": lambda t: lambda x, y: (x * y).exp_(),
    "a part in place": lambda t: lambda x, y: (lambda z: (z[0].mul_(y[1]), z)[1])(x * 1),
    "by a Function": product_in_function,
}


def run(t: ModuleType, make: Any, pack: Any, unpack: Any) -> Any:
    x, y = leaf(t), leaf(t, 3.0, 4.0)
    with t.autograd.graph.saved_tensors_hooks(pack, unpack):
        z = make(t)(x, y)
    z.sum().backward()
    return x.grad, y.grad


@pytest.mark.parametrize("make", SAVING.values(), ids=SAVING)
def test_gradients_are_the_same_under_hooks(make: Any) -> None:
    def program(t: ModuleType) -> Any:
        recorded = Recorded()
        return run(t, make, recorded.pack, recorded.unpack)

    assert_same(program)


@pytest.mark.parametrize("make", SAVING.values(), ids=SAVING)
def test_gradients_are_the_same_when_hooks_keep_the_tensor_itself(make: Any) -> None:
    assert_same(lambda t: run(t, make, lambda tensor: tensor, lambda tensor: tensor))


@pytest.mark.parametrize(
    "name", ["two inputs", "the same input for two gradients", "a number", "by a Function"]
)
def test_each_saved_tensor_is_packed_and_unpacked_once(name: str) -> None:
    def program(t: ModuleType) -> Any:
        recorded = Recorded()
        run(t, SAVING[name], recorded.pack, recorded.unpack)
        return sorted(recorded.packed), sorted(recorded.unpacked)

    assert_same(program)


HOOKS: dict[str, tuple[Any, Any]] = {
    "a number instead of a tensor": (lambda x: x, lambda x: 3),
    "nothing instead of a tensor": (lambda x: x, lambda x: None),
    "a change of the tensor": (lambda x: x.detach().add_(1), lambda x: x),
    "an error in pack": (lambda x: 1 / 0, lambda x: x),
    "an error in unpack": (lambda x: x, lambda x: 1 / 0),
    "other numbers": (lambda x: x.detach() * 0 + 5, lambda x: x),
    "lists": (lambda x: (type(x), x.tolist()), lambda kept: kept[0](kept[1])),
}


@pytest.mark.parametrize("hooks", HOOKS.values(), ids=HOOKS)
def test_hooks_that_do_something_else(hooks: tuple[Any, Any]) -> None:
    assert_same(lambda t: run(t, lambda t: lambda x, y: x * y, *hooks))


def test_the_graph_under_hooks_can_be_differentiated_again(torch: ModuleType) -> None:
    x = torch.tensor([0.5, 1.0], dtype=torch.float64, requires_grad=True)
    recorded = Recorded()
    with torch.autograd.graph.saved_tensors_hooks(recorded.pack, recorded.unpack):
        y = x.exp() * x
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert second.tolist() == pytest.approx([(2 + v) * 2.718281828459045**v for v in (0.5, 1.0)])


def test_the_innermost_hooks_decide(torch: ModuleType) -> None:
    outer, inner = Recorded(), Recorded()
    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(outer.pack, outer.unpack):
        with torch.autograd.graph.saved_tensors_hooks(inner.pack, inner.unpack):
            y = x.sin()
        z = x.cos()
    (y + z + x.tan()).sum().backward()
    assert (len(outer.packed), len(inner.packed)) == (1, 1)


def test_hooks_of_one_thread_are_not_anothers(torch: ModuleType) -> None:
    recorded = Recorded()
    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(recorded.pack, recorded.unpack):
        other = threading.Thread(target=lambda: x.sin())
        other.start()
        other.join()
    assert recorded.packed == []


def test_hooks_run_without_recording(torch: ModuleType) -> None:
    modes: list[bool] = []

    def note(tensor: Any) -> Any:
        modes.append(torch.is_grad_enabled())
        return tensor

    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(note, note):
        y = (x * x).sum()
    y.backward()
    assert modes == [False] * 4


def test_no_version_is_checked_for_what_a_hook_packed(torch: ModuleType) -> None:
    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        z = x * 1
        y = z * z
    z.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_what_was_packed_is_freed_after_the_pass(torch: ModuleType) -> None:
    class Kept:
        def __init__(self, tensor: Any) -> None:
            self.numbers = tensor.tolist()

    kept: list[Any] = []

    def pack(tensor: Any) -> Kept:
        packed = Kept(tensor)
        kept.append(weakref.ref(packed))
        return packed

    x = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda k: torch.tensor(k.numbers)):
        y = (x * x).sum()
    assert [one() is None for one in kept] == [False, False]
    y.backward()
    assert [one() is None for one in kept] == [True, True]


def test_hooks_leave_no_trace_when_their_block_ends() -> None:
    before = gl.observers.active
    with gl.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        pass
    with pytest.raises(ZeroDivisionError), gl.autograd.graph.save_on_cpu():
        _ = 1 / 0
    assert gl.observers.active == before


def test_hooks_can_be_disabled(torch: ModuleType) -> None:
    graph = torch.autograd.graph
    hooks = graph.saved_tensors_hooks(lambda t: t, lambda t: t)
    refused = pytest.raises(RuntimeError, match=r"^not here")
    with graph.disable_saved_tensors_hooks("not here"), refused:
        hooks.__enter__()
    with hooks, refused:
        graph.disable_saved_tensors_hooks("not here either").__enter__()


def test_save_on_cpu_gives_the_same_gradient(torch: ModuleType) -> None:
    x = leaf(torch)
    with torch.autograd.graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_saved_tensors_may_be_changed_where_that_is_allowed(torch: ModuleType) -> None:
    x = leaf(torch)
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        y = x * 1
        z = (y * y).sum()
        y.sin_()
        z.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_allowed_changes_do_not_nest_and_end_with_their_block(torch: ModuleType) -> None:
    x = leaf(torch)
    allow = torch.autograd.graph.allow_mutation_on_saved_tensors
    with allow():
        y = (x * x).sum()
        with pytest.raises(RuntimeError, match="contexts cannot be nested"):
            allow().__enter__()
    with pytest.raises(AssertionError, match="outside of the 'allow_mutation_on_saved_tensors'"):
        y.backward()


# ------------------------------------------------------------------ hooks on several gradients


def test_a_hook_on_all_is_called_once_with_all_gradients(torch: ModuleType) -> None:
    a, b = leaf(torch), leaf(torch)
    c = a * b
    seen: list[Any] = []
    handle = torch.autograd.graph.register_multi_grad_hook(
        [a, b, c], lambda gs: seen.append([None if g is None else g.tolist() for g in gs])
    )
    (c * 2).sum().backward()
    (a * 3 + b).sum().backward()
    handle.remove()
    (a * b).sum().backward()
    assert seen == [
        [[2.0, 4.0], [2.0, 4.0], [2.0, 2.0]],
        [[3.0, 3.0], [1.0, 1.0], None],
    ]


def test_a_hook_on_all_counts_only_what_the_pass_reaches(torch: ModuleType) -> None:
    x = leaf(torch)
    a, b = x.sin(), leaf(torch).cos()
    seen: list[Any] = []
    torch.autograd.graph.register_multi_grad_hook(
        [a, b], lambda gs: seen.append([g is not None for g in gs])
    )
    torch.autograd.grad((a * b).sum(), x)
    assert seen == [[True, False]]


def test_a_hook_on_any_is_called_with_the_first_gradient(torch: ModuleType) -> None:
    a, b = leaf(torch), leaf(torch)
    y = a.exp()
    seen: list[Any] = []
    torch.autograd.graph.register_multi_grad_hook(
        [a, b, y], lambda g: seen.append(g.tolist()), mode="any"
    )
    (y * 3).sum().backward()
    (b * 5).sum().backward()
    assert seen == [[3.0, 3.0], [5.0, 5.0]]


MULTI: dict[str, Program] = {
    "another mode": lambda t: t.autograd.graph.register_multi_grad_hook(
        [leaf(t)], print, mode="some"
    ),
    "a tensor without gradient": lambda t: t.autograd.graph.register_multi_grad_hook(
        [t.ones(2)], print
    ),
}


@pytest.mark.parametrize("program", MULTI.values(), ids=MULTI)
def test_mistakes_with_hooks_on_several(program: Program) -> None:
    assert_same(program)


# ------------------------------------------------------------------ after accumulating


def test_a_post_accumulate_hook_sees_the_grad_after_each_pass(torch: ModuleType) -> None:
    x = leaf(torch)
    seen: list[Any] = []
    handle = x.register_post_accumulate_grad_hook(
        lambda p: seen.append((p is x, p.grad.tolist(), torch.is_grad_enabled()))
    )
    for _ in range(2):
        (x * 3).sum().backward()
    torch.autograd.grad((x * 3).sum(), x)
    handle.remove()
    (x * 3).sum().backward()
    assert seen == [(True, [3.0, 3.0], False), (True, [6.0, 6.0], False)]


def test_a_parameter_can_be_updated_as_soon_as_its_gradient_is_known(torch: ModuleType) -> None:
    x = leaf(torch)

    def step(parameter: Any) -> None:
        parameter -= 0.1 * parameter.grad
        parameter.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * x).sum().backward()
    assert x.tolist() == pytest.approx([0.8, 1.6])
    assert x.grad is None


def test_the_order_of_hooks(torch: ModuleType) -> None:
    x = leaf(torch)
    seen: list[str] = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append("accumulated"))
    x.register_hook(lambda g: seen.append("tensor"))
    node = torch.autograd.graph.get_gradient_edge(x).node
    node.register_hook(lambda *gs: seen.append("node"))
    node.register_prehook(lambda *gs: seen.append("before node"))
    (x * 3).sum().backward()
    assert seen == ["tensor", "before node", "accumulated", "node"]


POST: dict[str, Program] = {
    "on a result": lambda t: (leaf(t) * 2).register_post_accumulate_grad_hook(print),
    "on a constant": lambda t: t.ones(2).register_post_accumulate_grad_hook(print),
    "that returns something": lambda t: (
        lambda x: (x.register_post_accumulate_grad_hook(lambda p: 3), (x * 2).sum().backward())
    )(leaf(t)),
}


@pytest.mark.parametrize("program", POST.values(), ids=POST)
def test_mistakes_with_post_accumulate_hooks(program: Program) -> None:
    assert_same(program)


@pytest.mark.parametrize("join", ["stack", "cat", "hstack", "block_diag"])
def test_a_hook_sees_the_gradients_of_constants_that_were_joined(join: str) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for library in (gl, torch):
        parts = [library.ones(2, 2, requires_grad=True), library.ones(2, 2)]
        joined = getattr(library, join)
        result = joined(*parts) if join == "block_diag" else joined(parts)
        seen: list[Any] = []
        result.grad_fn.register_hook(lambda into, _, seen=seen: seen.extend(into))
        result.sum().backward()
        found.append([None if one is None else one.tolist() for one in seen])
    assert found[0] == found[1]
