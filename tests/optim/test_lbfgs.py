"""L-BFGS: PyTorch's steps, with and without a line search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_same_error

OPTIONS: list[dict[str, Any]] = [
    {"lr": 0.1},
    {"lr": 0.05, "max_iter": 7, "history_size": 3},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 4, "max_eval": 9},
    {"line_search_fn": "strong_wolfe", "lr": 10.0},
    {"lr": 0.1, "tolerance_grad": 1e-2, "tolerance_change": 1e-3},
]


def rosenbrock(lib: Any, p: Any) -> Any:
    return (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum()


def waves(lib: Any, p: Any) -> Any:
    return (lib.sin(3 * p) + p**2).sum() + (p[0] * p[1]).cos()


@pytest.mark.parametrize("function", [rosenbrock, waves])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_steps_are_pytorchs(options: Any, function: Any) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (gl, torch):
        p = lib.tensor([-0.5, 1.0, 0.3], dtype=lib.float64, requires_grad=True)
        unused = lib.ones(2, dtype=lib.float64, requires_grad=True)
        optimizer = lib.optim.LBFGS([p, unused], **options)

        def closure(optimizer: Any = optimizer, lib: Any = lib, p: Any = p) -> Any:
            optimizer.zero_grad()
            loss = function(lib, p)
            loss.backward()
            return loss

        losses = [optimizer.step(closure).item() for _ in range(2)]
        state = optimizer.state_dict()["state"][0]
        found.append((losses, p.tolist(), [state["func_evals"], state["n_iter"]]))
    (losses, p, counts), (their_losses, theirs, their_counts) = found
    assert counts == their_counts
    np.testing.assert_allclose(losses, their_losses, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(p, theirs, rtol=1e-6, atol=1e-7)


def test_it_prints_as_in_pytorch_and_goes_on_from_its_state() -> None:
    torch = pytest.importorskip("torch")
    one, other = (
        repr(lib.optim.LBFGS([lib.ones(2, requires_grad=True)], lr=0.5)) for lib in (gl, torch)
    )
    assert one == other
    p = gl.tensor([-0.5, 1.0, 0.3], dtype=gl.float64, requires_grad=True)
    copy = p.detach().clone().requires_grad_()

    def closure_of(optimizer: Any, p: Any) -> Any:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = rosenbrock(gl, p)
            loss.backward()
            return loss

        return closure

    optimizer = gl.optim.LBFGS([p], lr=0.1, max_iter=3)
    resumed = gl.optim.LBFGS([copy], lr=0.1, max_iter=3)
    optimizer.step(closure_of(optimizer, p))
    with gl.no_grad():
        copy.copy_(p)
    resumed.load_state_dict(optimizer.state_dict())
    optimizer.step(closure_of(optimizer, p))
    resumed.step(closure_of(resumed, copy))
    assert copy.tolist() == p.tolist()


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: lib.optim.LBFGS([lib.ones(2)], lr=-1),
        lambda lib: lib.optim.LBFGS([{"params": [lib.ones(2)]}, {"params": [lib.ones(1)]}]),
    ],
)
def test_what_cannot_be_optimized_is_told_in_pytorchs_words(case: Any) -> None:
    assert_same_error(case, pytest.importorskip("torch"))


def test_a_step_without_closure_and_an_unknown_line_search_are_refused() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'closure'"):
        gl.optim.LBFGS([gl.ones(2, requires_grad=True)]).step()
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        gl.optim.LBFGS([gl.ones(2)], line_search_fn="armijo")
