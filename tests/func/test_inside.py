"""What is seen from inside of a function that is transformed: texts and refusals, as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gradlab
from tests.ops.expressions import assert_same_error

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

TRANSFORMED = {
    "grad": lambda f, see, x: f.grad(see)(x[0]),
    "grad of grad": lambda f, see, x: f.grad(lambda x: f.grad(see)(x).sum())(x[0]),
    "vmap": lambda f, see, x: f.vmap(see)(x),
    "grad in vmap": lambda f, see, x: f.vmap(f.grad(see))(x),
    "vmap in grad": lambda f, see, x: f.grad(lambda x: f.vmap(see)(x).sum())(x),
    "jvp": lambda f, see, x: f.jvp(see, (x,), (x,)),
    "vjp": lambda f, see, x: f.vjp(see, x),
    "jacrev": lambda f, see, x: f.jacrev(see)(x),
    "jacfwd": lambda f, see, x: f.jacfwd(see)(x[0]),
    "of what requires grad": lambda f, see, x: f.grad(see)((x[0] * 1).requires_grad_()),
    "of what has a history": lambda f, see, x: f.grad(see)(x.clone().requires_grad_()[0] * 2),
}


def texts(library: Any, transformed: Callable[..., Any]) -> list[str]:
    """What an argument and something computed from it print like inside."""
    seen: list[str] = []

    def see(x: Any) -> Any:
        seen.extend(map(str, (x, x * 2, (x * x).sum())))
        return (x * x).sum()

    transformed(library.func, see, library.arange(6.0).reshape(2, 3))
    return seen


@pytest.mark.parametrize("transformed", TRANSFORMED.values(), ids=TRANSFORMED)
def test_tensors_print_as_in_pytorch(transformed: Callable[..., Any]) -> None:
    assert texts(gradlab, transformed) == texts(torch, transformed)


def test_tensors_print_as_ever_when_it_is_over() -> None:
    kept = []
    gradlab.func.grad(lambda x: (kept.append(x), (x * 2).sum())[1])(gradlab.ones(2))
    assert str(kept[0]) == "tensor([1., 1.], requires_grad=True)"


FUNCTION = (
    "type('F', (torch.autograd.Function,), dict(forward=staticmethod(lambda ctx, x: x * 2), "
    "backward=staticmethod(lambda ctx, g: g * 2)))"
)
REFUSED = [
    *(
        f"torch.func.{transform}({FUNCTION}.apply)(torch.tensor(2.0))"
        for transform in ("grad", "jacrev", "jacfwd", "hessian")
    ),
    f"torch.func.vjp({FUNCTION}.apply, torch.tensor(2.0))",
    f"torch.func.vmap({FUNCTION}.apply)(torch.ones(2))",
    f"torch.func.grad(lambda x: ({FUNCTION}.apply(torch.ones(2)) * x).sum())(torch.tensor(2.0))",
    "torch.func.grad(lambda x: (x * x).backward())(torch.tensor(2.0))",
    "torch.func.vjp(lambda x: (x * x).backward(), torch.tensor(2.0))",
    "torch.func.jvp(lambda x: (x * x).backward(), (s.detach(),), (s.detach(),))",
]


@pytest.mark.parametrize("line", REFUSED)
def test_refuses_what_pytorch_refuses(line: str) -> None:
    assert_same_error(line)
