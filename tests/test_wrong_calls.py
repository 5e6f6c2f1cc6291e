"""Wrong calls: what PyTorch refuses is refused here, with its kind of error and in its words.

``data/wrong_calls.txt`` has some five hundred, right ones among them. Errors begin with PyTorch's
first sentence; where they are meant to be others, the line is in one of the tables below.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import gradlab
import gradlab.utils.checkpoint

torch = pytest.importorskip("torch")
pytest.importorskip("torch.utils.checkpoint")

LINES = [
    line
    for line in (Path(__file__).parent / "data" / "wrong_calls.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

# ------------------------------------------------------------------ errors that are others

PYTHONS_WORDS = {
    "x.requires_grad_(True, True)",
    "torch.tensor()",
    "x.retain_grad(3)",
    'y.retain_grad("x")',
    "x.detach(3)",
    "x.detach_(3)",
    "x.numpy(3)",
    "x.item(3)",
    "x.tolist(3)",
    "x.clone(3)",
    "x.mul()",
    "x.transpose()",
    "x.transpose(0)",
    "x.unsqueeze()",
    "x.index_select()",
    "x.matmul()",
    "torch.cat()",
    "torch.exp()",
    "torch.softmax(x)",
    "torch.func.vjp(s, x)[1]()",
    "torch.autograd.graph.GradientEdge(3)",
    "torch.allclose(x)",
    'setattr(x, "grad_fn", None)',
    'setattr(x, "is_leaf", True)',
    'setattr(x, "shape", (3,))',
    'setattr(x, "dtype", torch.float64)',
    'setattr(x, "_version", 3)',
}
"""How many arguments there are, and which attributes can be set, Python itself says here."""

PLACES = {
    "x.requires_grad_(requires_grad=1)",
    'x.add("a")',
    "x.add(None)",
    "x.mul([1])",
    'x.sum(0, keepdim="a")',
    "x.sum(0, keepdim=None)",
    'x.transpose("a", "b")',
    'x.unsqueeze("a")',
    "x.index_select(0, 3)",
    "x.gather(0, 3)",
    'torch.nn.functional.softmax(x, dim="a")',
    'x.mul_("a")',
}
"""PyTorch counts arguments after the tensor whose method is called, and leaves out the place of one
given by name; gradlab's methods are its functions, and count the tensor, too."""

OVERLOADS = {
    *(f"torch.arctan2({arguments})" for arguments in ("x, 2.0", "2.0, x", "2.0, 3")),
    *(f"torch.{name}(2.0, 3)" for name in ("copysign", "pow", "rsub", "xlogy")),
    "torch.rsub(2.0, x)",
    "torch.rand(2, requires_grad=1)",
    "torch.arange(3.0, requires_grad=3)",
    "torch.linspace(0, 1, 3, requires_grad=3)",
    "torch.eye(2, requires_grad=3)",
    "torch.rand_like(x, requires_grad=3)",
    "torch.linspace(0, 1)",
    "x.to(dtype=3)",
    "x.add()",
    "x.pow()",
    'x.pow("a")',
    'x.sum(dim="a")',
    'x.sum(dtype="float")',
    'x.max("a")',
    "x.view()",
    'x.view("a")',
    "x.view(2.5)",
    'x.squeeze("a")',
    'torch.clamp(x, "a")',
    "torch.randint(3)",
}
"""PyTorch lists all ways to call the function; gradlab says what is wrong."""

BY_CHANCE = {
    "torch.ones(2, device=3.5)",
    'torch.ones(2, device="gpu")',
    'x.to("gpu")',
    "torch.func.jacfwd(f)(3)",
    "torch.func.hessian(f)(3)",
    'torch.func.vmap(f, chunk_size="a")(x)',
    'torch.autograd.gradcheck(f, xd, eps="a")',
    "torch.nn.Parameter(3)",
    'torch.nn.Parameter("x")',
    "torch.nn.functional.mse_loss(x, 3)",
    "torch.nn.functional.linear(x, 3)",
    'torch.nn.functional.dropout(x, "a")',
    'torch.randint("a", (2,))',
    'torch.norm("a")',
    'torch.split(x, "a")',
}
"""PyTorch doesn't look at the argument, and something inside fails on it, or it names devices that
gradlab has not."""

# ------------------------------------------------------------------ the calls


def seen(library: Any) -> dict[str, Any]:
    """What a line sees."""
    x = library.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    return {
        "torch": library,
        "x": x,
        "y": y,
        "loss": (y * y).sum(),
        "c": library.ones(3),
        "z": library.ones(3, requires_grad=True),
        "n": library.tensor([1, 2, 3]),
        "xd": library.tensor([1.0, 2.0], dtype=library.float64, requires_grad=True),
        "f": lambda x: x * 2,
        "s": lambda x: (x * x).sum(),
        "float32": None,
    }


def failure(library: Any, line: str) -> Exception | None:
    """What the line raises, with all modes put back."""
    library.manual_seed(0)
    recording, dtype = library.is_grad_enabled(), library.get_default_dtype()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(line, seen(library))
    except Exception as error:
        return error
    finally:
        library.set_grad_enabled(recording)
        library.autograd.set_detect_anomaly(False)
        library.set_default_dtype(dtype)
    return None


def first_sentence(error: Exception) -> str:
    return re.split(r"\. |\n| but expected one of", str(error))[0].rstrip(".:, ")


def without_place(text: str) -> str:
    """An error about an argument without the place, and without the underscore of ``mul_``."""
    return re.sub(r" \(position \d\)", "", text).replace("_():", "():")


@pytest.mark.parametrize(
    "line", [ln for ln in LINES if ln not in PYTHONS_WORDS | PLACES | OVERLOADS | BY_CHANCE]
)
def test_error_begins_with_pytorchs_sentence(line: str) -> None:
    theirs, ours = failure(torch, line), failure(gradlab, line)
    assert type(ours).__name__ == type(theirs).__name__, (ours, theirs)
    if theirs is not None:
        assert str(ours).startswith(first_sentence(theirs))


@pytest.mark.parametrize("line", sorted(PYTHONS_WORDS | OVERLOADS))
def test_what_is_refused_in_other_words(line: str) -> None:
    theirs, ours = failure(torch, line), failure(gradlab, line)
    assert type(ours) is type(theirs)


@pytest.mark.parametrize("line", sorted(PLACES))
def test_what_is_refused_but_for_the_place(line: str) -> None:
    theirs, ours = failure(torch, line), failure(gradlab, line)
    assert type(ours) is type(theirs)
    assert without_place(str(ours)).startswith(without_place(first_sentence(theirs)))


@pytest.mark.parametrize("line", sorted(BY_CHANCE))
def test_what_pytorch_fails_on_by_chance(line: str) -> None:
    assert failure(torch, line) is not None
    assert failure(gradlab, line) is not None


def test_the_exceptions_are_of_the_table() -> None:
    assert set(LINES) >= PYTHONS_WORDS | PLACES | OVERLOADS | BY_CHANCE
