"""A tensor made a Python number: what it is, and the warning where a history is lost with it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import gradlab as gl

pytorch = pytest.importorskip("torch")

SENTENCE = (
    "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
    "Consider using tensor.detach() first"
)

Use = Callable[[Any, Any], Any]

USES: dict[str, Use] = {
    "float": lambda torch, x: float(x),
    "int": lambda torch, x: int(x),
    "complex": lambda torch, x: complex(x),
    "bool": lambda torch, x: bool(x),
    "item": lambda torch, x: x.item(),
    "tolist": lambda torch, x: x.tolist(),
    "sqrt": lambda torch, x: math.sqrt(x),
    "floor": lambda torch, x: math.floor(x),
    "format": lambda torch, x: f"{x:.2f}",
    "percent f": lambda torch, x: "%.2f" % x,  # noqa: UP031
    "percent d": lambda torch, x: "%d" % x,  # noqa: UP031
    "comparison": lambda torch, x: x > 1 and 3,
    "into an array": lambda torch, x: numpy.zeros(2).__setitem__(0, x),
    "into a tensor": lambda torch, x: torch.zeros(2).__setitem__(0, x),
    "tensor of one": lambda torch, x: torch.tensor([x]),
    "tensor of three": lambda torch, x: torch.tensor([[x, 1.0, x], [0.5, x, 2.0]]),
    "tensor of complex": lambda torch, x: torch.tensor([x], dtype=torch.complex64),
    "as_tensor": lambda torch, x: torch.as_tensor([x]),
    "asarray": lambda torch, x: torch.asarray([x]),
    "Tensor": lambda torch, x: torch.Tensor([x]),
    "FloatTensor": lambda torch, x: torch.FloatTensor([x, x]),
    "new_tensor": lambda torch, x: torch.ones(1).new_tensor([x]),
    "linspace": lambda torch, x: torch.linspace(0, x, 3),
}

TENSORS: dict[str, Callable[[Any], Any]] = {
    "leaf": lambda torch: torch.tensor(2.5, requires_grad=True),
    "result": lambda torch: torch.tensor(2.5, requires_grad=True) * 2,
    "detached": lambda torch: torch.tensor(2.5, requires_grad=True).detach(),
}


def outcome(torch: Any, use: Use, x: Any) -> tuple[str, list[str]]:
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            shown = repr(use(torch, x))
    finally:
        torch.set_warn_always(False)
    return shown, [str(one.message)[: len(SENTENCE)] for one in caught]


@pytest.mark.parametrize("tensor", TENSORS)
@pytest.mark.parametrize("use", USES)
def test_a_number_is_pytorchs_and_so_is_the_warning(use: str, tensor: str) -> None:
    ours, theirs = (outcome(lib, USES[use], TENSORS[tensor](lib)) for lib in (gl, pytorch))
    assert ours == theirs


@pytest.mark.parametrize("use", ["float", "complex", "tensor of one"])
def test_nothing_is_lost_where_nothing_is_recorded(use: str) -> None:
    x = gl.tensor(2.5, requires_grad=True)
    with gl.no_grad():
        assert outcome(gl, USES[use], x)[1] == []


def test_the_warning_comes_once_and_shows_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradlab.warn._given", set())
    x = gl.tensor(2.5, requires_grad=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gl.tensor([x])
        float(x)
    assert [one.filename for one in caught] == [__file__]
    assert "no gradient flows through a Python number" in str(caught[0].message)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
@pytest.mark.parametrize("numbers", [[2.5], [2, 1.0], [3]])
def test_integers_are_made_of_tensors_of_integers_only(dtype: str, numbers: list[Any]) -> None:
    def made(torch: Any) -> str:
        try:
            parts = [torch.tensor(one) for one in numbers]
            return str(torch.tensor(parts, dtype=getattr(torch, dtype)))
        except TypeError as error:
            return str(error)

    assert made(gl) == made(pytorch)
