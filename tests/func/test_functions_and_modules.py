"""Custom Functions and modules inside of transformations; arguments of the transformations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest

import gradlab as gl

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def squares(t: Any) -> Any:
    class Square(t.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any) -> Any:
            return x**2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * g

        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * tangent

    return Square


USES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "vmap": lambda F, f, x: F.vmap(f)(x),
    "vmap vmap": lambda F, f, x: F.vmap(F.vmap(f))(x),
    "vmap grad": lambda F, f, x: F.vmap(F.grad(lambda y: f(y).sum()))(x),
    "grad vmap": lambda F, f, x: F.grad(lambda y: F.vmap(f)(y).sum())(x),
    "jvp": lambda F, f, x: F.jvp(f, (x,), (x,))[1],
    "vmap jvp": lambda F, f, x: F.vmap(lambda y: F.jvp(f, (y,), (y,))[1])(x),
    "jvp vmap": lambda F, f, x: F.jvp(F.vmap(f), (x,), (x,))[1],
    "jacfwd": lambda F, f, x: F.jacfwd(f)(x[0]),
    "jacrev": lambda F, f, x: F.jacrev(f)(x[0]),
    "hessian": lambda F, f, x: F.hessian(lambda y: f(y).sum())(x[0]),
    "jacrev jacrev": lambda F, f, x: F.jacrev(F.jacrev(lambda y: f(y).sum()))(x[0]),
}


@pytest.mark.parametrize("use", USES)
def test_a_custom_function_is_transformed(use: str) -> None:
    torch = pytest.importorskip("torch")
    numbers = numpy.arange(6.0).reshape(2, 3)
    ours = USES[use](gl.func, squares(gl).apply, gl.from_numpy(numbers.copy()))
    theirs = USES[use](torch.func, squares(torch).apply, torch.from_numpy(numbers.copy()))
    numpy.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy())


def test_a_custom_function_with_its_own_rule_for_batches() -> None:
    seen: list[Any] = []

    class Own(squares(gl)):  # type: ignore[misc]
        generate_vmap_rule = False

        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any) -> Any:
            seen.append((info.batch_size, info.randomness, in_dims))
            return (x**2).movedim(0, 1), 1

    found = gl.vmap(Own.apply)(gl.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    assert found.tolist() == [[1.0, 4.0, 9.0], [16.0, 25.0, 36.0]]
    assert seen == [(2, "error", (0,))]


def test_a_custom_function_without_rule_is_refused() -> None:
    class Plain(squares(gl)):  # type: ignore[misc]
        generate_vmap_rule = False

    with pytest.raises(RuntimeError, match="does not have vmap support"):
        gl.vmap(Plain.apply)(gl.ones(2))
    with pytest.raises(RuntimeError, match="it must override the setup_context staticmethod"):
        gl.vmap(_with_ctx().apply)(gl.ones(2))


def _with_ctx() -> Any:
    class WithCtx(gl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

    return WithCtx


# ------------------------------------------------------------------ modules


def test_an_ensemble_is_its_models() -> None:
    models = [gl.nn.Sequential(gl.nn.Linear(3, 4), gl.nn.Tanh(), gl.nn.Linear(4, 2)) for _ in "abc"]
    parameters, buffers = gl.func.stack_module_state(models)
    x = gl.randn(5, 3)
    found = gl.vmap(lambda p, b: gl.func.functional_call(models[0], (p, b), (x,)))(
        parameters, buffers
    )
    expected = gl.stack([model(x) for model in models])
    numpy.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-5)
    found.sum().backward()
    assert parameters["0.weight"].grad.shape == (3, 4, 3)


def test_gradients_of_each_sample() -> None:
    model = gl.nn.Linear(3, 2)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    x, y = gl.randn(4, 3), gl.tensor([0, 1, 1, 0])

    def loss(p: Any, one: Any, target: Any) -> Any:
        logits = gl.func.functional_call(model, p, (one.unsqueeze(0),))
        return gl.nn.functional.cross_entropy(logits, target.unsqueeze(0))

    found = gl.vmap(gl.func.grad(loss), (None, 0, 0))(parameters, x, y)
    for i in range(4):
        model.zero_grad()
        gl.nn.functional.cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
        numpy.testing.assert_allclose(
            found["weight"][i].numpy(), model.weight.grad.numpy(), rtol=1e-5, atol=1e-7
        )


def tied(t: Any) -> Any:
    class Tied(t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = t.nn.Parameter(t.ones(1))
            self.b = self.a

        def forward(self, x: Any) -> Any:
            return x * self.a + self.b

    return Tied()


CALLS: dict[str, Callable[[Any], Any]] = {
    "tied": lambda t: t.func.functional_call(tied(t), {"a": t.zeros(1)}, t.ones(2)),
    "untied": lambda t: t.func.functional_call(
        tied(t), {"a": t.zeros(1)}, t.ones(2), tie_weights=False
    ),
    "both names": lambda t: t.func.functional_call(
        tied(t), {"a": t.zeros(1), "b": t.ones(1)}, t.ones(2)
    ),
    "strict": lambda t: t.func.functional_call(
        t.nn.Linear(1, 1), {"weight": t.ones(1, 1), "x": t.ones(1)}, t.ones(1), strict=True
    ),
    "no such module": lambda t: t.func.functional_call(
        t.nn.Linear(1, 1), {"a.weight": t.ones(1)}, t.ones(1)
    ),
    "no dictionary": lambda t: t.func.functional_call(t.nn.Linear(1, 1), 3, t.ones(1)),
    "twice": lambda t: t.func.functional_call(
        t.nn.Linear(1, 1), [{"weight": t.ones(1, 1)}, {"weight": t.ones(1, 1)}], t.ones(1)
    ),
    "no models": lambda t: t.func.stack_module_state([]),
    "models of two kinds": lambda t: t.func.stack_module_state([t.nn.Linear(1, 1), t.nn.ReLU()]),
}


def outcome(call: Callable[[Any], Any], torch: Any) -> Any:
    try:
        return call(torch)
    except Exception as error:
        return error


@pytest.mark.parametrize("case", CALLS)
def test_modules_are_called_as_by_pytorch(case: str) -> None:
    torch = pytest.importorskip("torch")
    expected = outcome(CALLS[case], torch)
    if isinstance(expected, Exception):
        ours = outcome(CALLS[case], gl)
        assert type(ours) is type(expected)
        assert str(ours).startswith(str(expected).rstrip("."))
    else:
        numpy.testing.assert_allclose(CALLS[case](gl).detach().numpy(), expected.detach().numpy())


# ------------------------------------------------------------------ arguments

X = numpy.ones((2, 3))

REFUSED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "grad of several": lambda t, F, x: F.grad(lambda a: a)(x),
    "grad of a tuple": lambda t, F, x: F.grad(lambda a: (a.sum(), a))(x),
    "grad of a number": lambda t, F, x: F.grad(lambda a: 3)(x),
    "grad at a number": lambda t, F, x: F.grad(lambda a: a.sum())(3),
    "grad of no such argument": lambda t, F, x: F.grad(lambda a: a.sum(), argnums=1)(x),
    "grad without aux": lambda t, F, x: F.grad(lambda a: a.sum(), has_aux=True)(x),
    "grad at integers": lambda t, F, x: F.grad(lambda a: a.sum())(x.long()),
    "jvp at a tensor": lambda t, F, x: F.jvp(lambda a: a, x, x),
    "jvp along a tensor": lambda t, F, x: F.jvp(lambda a: a, (x,), x),
    "jvp along another shape": lambda t, F, x: F.jvp(lambda a: a, (x,), (x[0],)),
    "jvp of a number": lambda t, F, x: F.jvp(lambda a: 3, (x,), (x,)),
    "vjp of a number": lambda t, F, x: F.vjp(lambda a: 3, x),
    "vjp at a number": lambda t, F, x: F.vjp(lambda a: a, 3),
    "vjp with another shape": lambda t, F, x: F.vjp(lambda a: a * 2, x)[1](x[0]),
    "vjp with another structure": lambda t, F, x: F.vjp(lambda a: (a * 2, a), x)[1](x),
    "jacrev of a number": lambda t, F, x: F.jacrev(lambda a: 3)(x),
    "jacrev of no such argument": lambda t, F, x: F.jacrev(lambda a: a, argnums=2)(x),
    "jacrev of an argument by name": lambda t, F, x: F.jacrev(lambda a: a, argnums="x")(x),
    "jacrev in chunks of none": lambda t, F, x: F.jacrev(lambda a: a, chunk_size=0)(x),
    "jacfwd of a number": lambda t, F, x: F.jacfwd(lambda a: 3)(x),
    "backward inside": lambda t, F, x: F.vmap(lambda a: a.sum().backward())(x),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_in_pytorchs_words(case: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:  # noqa: PT011 (whatever PyTorch raises)
        REFUSED[case](torch, torch.func, torch.from_numpy(X.copy()))
    with pytest.raises(type(theirs.value)) as ours:
        REFUSED[case](gl, gl.func, gl.from_numpy(X.copy()))
    sentence = str(theirs.value).split(". ")[0].split("TreeSpec")[0].rstrip(".")
    assert str(ours.value).startswith(sentence)


def test_results_have_a_history_only_where_something_outside_is_tracked() -> None:
    x = gl.tensor([1.0, 2.0])
    w = gl.tensor([3.0, 4.0], requires_grad=True)
    assert not gl.func.grad(lambda y: (y * y).sum())(x).requires_grad
    assert not gl.func.hessian(lambda y: (y**3).sum())(x).requires_grad
    assert not gl.func.vjp(gl.sin, x)[0].requires_grad
    slope = gl.func.grad(lambda y: (y * y * w).sum())(x)
    assert slope.requires_grad
    assert gl.autograd.grad(slope.sum(), w)[0].tolist() == [2.0, 4.0]
    with gl.no_grad():
        assert not gl.func.grad(lambda y: (y * w).sum())(x).requires_grad


def test_linearize_is_jvp() -> None:
    x, t = gl.tensor([0.5, 2.0]), gl.tensor([1.0, -1.0])
    value, push = gl.func.linearize(lambda y: y.sin() * y.sum(), x)
    expected = gl.func.jvp(lambda y: y.sin() * y.sum(), (x,), (t,))
    numpy.testing.assert_allclose(value.numpy(), expected[0].numpy())
    numpy.testing.assert_allclose(push(t).numpy(), expected[1].numpy(), rtol=1e-6)
