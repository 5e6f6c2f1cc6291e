"""PyTorch's own corners: what only it has is recorded honestly, too."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

import gradlab_widgets as gw
from gradlab_widgets.trace import Trace

torch = pytest.importorskip("torch")


class MyReLU(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """A function whose backward the user wrote."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (x,) = ctx.saved_tensors
        return gradient * (x > 0)


def in_place() -> Any:
    x = torch.ones(3, 2, requires_grad=True)
    y = x * 2
    y[0] = 0.0
    y[1].add_(1)
    return y.mul_(3).sum()


def double_backward() -> Any:
    x = torch.ones(3, requires_grad=True)
    (slope,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    return slope.sum()


def checkpointed() -> Any:
    from torch.utils.checkpoint import checkpoint

    x = torch.ones(3, requires_grad=True)
    return checkpoint(torch.sin, x, use_reentrant=False).sum()


def attention() -> Any:
    x = torch.ones(3, 4, requires_grad=True)
    return torch.nn.MultiheadAttention(4, 2)(x, x, x)[0].sum()


def nested() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is a prototype
        parts = [torch.ones(2), torch.ones(3)]
        return torch.nested.nested_tensor(parts, requires_grad=True)


PROGRAMS = {
    "custom function": lambda: MyReLU.apply(torch.ones(3, requires_grad=True)).sum(),
    "bfloat16": lambda: torch.ones(3, dtype=torch.bfloat16, requires_grad=True).mul(2).sum(),
    "complex": lambda: torch.ones(3, dtype=torch.cfloat, requires_grad=True).mul(1j).abs().sum(),
    "conjugate": lambda: torch.ones(3, dtype=torch.cfloat, requires_grad=True).conj().real.sum(),
    "sparse gradient": lambda: torch.nn.Embedding(9, 2, sparse=True)(torch.tensor([1, 2])).sum(),
    "named tuple": lambda: torch.ones(3, 2, requires_grad=True).max(dim=0).values.sum(),
    "changed in place": in_place,
    "double backward": double_backward,
    "checkpoint": checkpointed,
    "attention": attention,
    "convolution": lambda: torch.nn.Conv2d(1, 2, 3)(torch.ones(1, 1, 5, 5)).relu().mean(),
    "recurrent": lambda: torch.nn.LSTM(4, 3)(torch.ones(3, 4))[0].sum(),
    "layer norm": lambda: torch.nn.LayerNorm(4)(torch.ones(3, 4)).sum(),
    "unused outputs": lambda: torch.ones(4, requires_grad=True).split(2)[1].sum(),
    "meta": lambda: torch.ones(3, device="meta", requires_grad=True).mul(2).sum(),
    "nested": lambda: nested().mul(2).to_padded_tensor(0.0).sum(),
    "expanded": lambda: torch.ones(1, requires_grad=True).expand(1000).sum(),
}


@pytest.mark.parametrize("observed", [False, True], ids=["unobserved", "observed"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_recorded_and_drawn(name: str, observed: bool) -> None:
    if observed:
        gw.observe()
    try:
        out = PROGRAMS[name]()
    finally:
        gw.unobserve()
    trace = gw.trace(out)
    assert trace.steps.kind.count("vjp") == trace.nodes.kind.count("op") + 1
    assert trace.steps.kind.count("accumulate") == trace.nodes.kind.count("leaf")
    assert all(trace.steps.words)
    assert Trace.from_json(json.loads(json.dumps(trace.to_json(), allow_nan=False))) == trace


def test_a_custom_function_goes_by_its_name() -> None:
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    with gw.record() as r:
        MyReLU.apply(x).sum().backward()
    nodes, steps = r.trace.nodes, r.trace.steps
    assert nodes.title[2] == "MyReLU"
    assert [(name, r.trace.values[i].data) for name, i in nodes.saved[2]] == [
        ("tensors[0]", (-1.0, 2.0))
    ]
    assert "applies its rule to it" in steps.words[2]
    assert steps.kind == ("seed", "vjp", "vjp", "free", "accumulate")


def test_bfloat16_keeps_its_name() -> None:
    x = torch.tensor([1.0, 2.5], dtype=torch.bfloat16, requires_grad=True)
    trace = gw.trace((x * 2).sum())
    value = trace.values[trace.nodes.value[0] or 0]
    assert (value.dtype, value.data) == ("bfloat16", (1.0, 2.5))


def test_a_value_changed_since_it_was_saved_is_not_shown() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y.add_(1)
    trace = gw.graph(z).trace
    row = max(i for i, title in enumerate(trace.nodes.title) if title == "×")
    assert trace.nodes.saved[row] == ()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gw.trace(z.sum())


def test_a_rehearsal_gives_an_optimizer_nothing_to_do() -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = model(torch.ones(4, 2)).square().mean()
    before = [p.detach().clone() for p in model.parameters()]
    gw.trace(loss)
    optimizer.step()
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_observing_stays_out_of_programs_that_are_traced_or_compiled() -> None:
    x = torch.ones(3, requires_grad=True)
    gw.observe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            traced = torch.jit.trace(lambda v: v * 2, (x,))
            compiled = torch.compile(lambda v: torch.sin(v) * 2, backend="eager")(x)
    finally:
        gw.unobserve()
    assert "detach" not in str(traced.graph)
    assert compiled.tolist() == pytest.approx((torch.sin(x) * 2).tolist())


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's own
def test_functions_of_functions_are_observed_without_harm() -> None:
    x = torch.tensor([1.0, 2.0])
    gw.observe()
    try:
        slopes = torch.func.vmap(torch.func.grad(lambda v: v**3))(x)
        hessian = torch.func.hessian(lambda v: (v**3).sum())(x)
    finally:
        gw.unobserve()
    assert slopes.tolist() == [3.0, 12.0]
    assert hessian.diagonal().tolist() == [6.0, 12.0]
