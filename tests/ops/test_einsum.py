"""einsum beside PyTorch's: numbers, how it is taken apart, gradients, and what is refused."""

from __future__ import annotations

import random
import re

import numpy
import pytest

import gradlab as gl
from tests.ops.expressions import Result, assert_same, assert_same_error, torch

LINES = [
    "torch.einsum('ij,jk->ik', m, w)", "torch.einsum('ij,jk', m, w)", "torch.einsum('ii', q)",
    "torch.einsum('ii->i', q)", "torch.einsum('ij->ji', m)", "torch.einsum('ij->', m)",
    "torch.einsum('ij->i', m)", "torch.einsum('ij,ij->ij', m, m)", "torch.einsum('ij,ij->', m, m)",
    "torch.einsum('i,j->ij', u, v)", "torch.einsum('i,i->', v, v)", "torch.einsum('ij,j->i', m, v)",
    "torch.einsum('bij,bjk->bik', b, c)", "torch.einsum('bij,bjk,kl->bil', b, c, c[0].t())",
    "torch.einsum('...ij,...jk->...ik', b, w)", "torch.einsum('...ij->...ji', d)",
    "torch.einsum('i...->...i', x)", "torch.einsum('...i,i', x, v)", "torch.einsum('...->', m)",
    "torch.einsum(' i j , j k -> i k ', m, w)", "torch.einsum('', s)", "torch.einsum(',', s, s)",
    "torch.einsum(',i', s, v)", "torch.einsum('aB,Bc', m, w)", "torch.einsum('ba', m)",
    "torch.einsum('i,j->', u, v)", "torch.einsum('ij,k->i', m, u)",
    "torch.einsum('iii->i', q[None, :1, :1])",
    "torch.einsum('ij,jk,kl->il', m, w, m)", "torch.einsum('ij,jk,kl->', m, w, m)",
    "torch.einsum('i,i,i->', v, v, v)", "torch.einsum('ij,j->i', empty, empty.sum(0))",
    "torch.einsum('ij,kj->ik', one[0], m[:1].t()[:1])", "torch.einsum('ij,ij->ij', n, n)",
    "torch.einsum(m, [0, 1], w, [1, 2])", "torch.einsum(m, [0, 1], w, [1, 2], [2, 0])",
    "torch.einsum(x, [..., 0], [0, ...])", "torch.einsum('ij,jk', [m, w])",
    "torch.einsum('ij,jk->ik', n.t(), n)", "torch.einsum('ij->', n)", "torch.einsum('ij->j', mask)",
]  # fmt: skip

ERRORS = [
    "torch.einsum('ij,jk->ik', m)", "torch.einsum('ij', m, w)", "torch.einsum('ij->ik', m)",
    "torch.einsum('ij,kj->ik', m, w)", "torch.einsum('i1->i', m)", "torch.einsum('ijk->i', m)",
    "torch.einsum('i->i', m)", "torch.einsum('ij->ii', m)", "torch.einsum('ij->i->j', m)",
    "torch.einsum('i..j->ij', m)", "torch.einsum('...i...->i', m)", "torch.einsum('ij->ji.', m)",
    "torch.einsum('...i->i......', m)", "torch.einsum('ii->i', m)", "torch.einsum('ijkl...', x)",
    "torch.einsum('ij,jk', m, w.float())", "torch.einsum(m, [0, 52])", "torch.einsum(m)",
    "torch.einsum('ij')", "torch.einsum('ij', 3)", "torch.einsum(3, m)", "torch.einsum()",
    "torch.einsum('ij,jk', mask, mask.t())", "torch.einsum('ij-j', m)", "torch.einsum('.ij', m)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_sum_is_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_a_sum_is_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


def random_sum(seed: int) -> tuple[str, dict[str, tuple[int, ...]]]:
    """A line with a random equation, and the shapes of its operands."""
    chosen = random.Random(seed)
    letters = "abcdeF"
    sizes = {
        letter: chosen.choice([1, 2, 2, 3, 3, 0 if seed % 7 == 0 else 2]) for letter in letters
    }
    parts = [chosen.choices(letters, k=chosen.randint(0, 4)) for _ in range(chosen.randint(1, 4))]
    used = sorted({letter for part in parts for letter in part})
    output = "->" + "".join(chosen.sample(used, chosen.randint(0, len(used))))
    equation = ",".join(map("".join, parts)) + output * (seed % 5 > 0)
    shapes = {f"t{i}": tuple(sizes[letter] for letter in part) for i, part in enumerate(parts)}
    return f"torch.einsum({equation!r}, {', '.join(shapes)})", shapes


@pytest.mark.parametrize("seed", range(60))
def test_a_random_sum_has_pytorchs_numbers_and_gradients(seed: int) -> None:
    """Not always its nodes: where the two libraries' sums lie differently, so do reshapes."""
    ours, theirs = (Result(library, *random_sum(seed)) for library in (gl, torch))
    assert ours.error is theirs.error is None
    assert [fact["shape"] for fact in ours.facts] == [fact["shape"] for fact in theirs.facts]
    for one, two in zip(
        ours.numbers + ours.gradients, theirs.numbers + theirs.gradients, strict=True
    ):
        numpy.testing.assert_allclose(
            0 if one is None else one, 0 if two is None else two, atol=1e-8
        )


def test_an_equation_of_several_operands_multiplies_the_small_ones_first() -> None:
    """A thousand times fewer products than from left to right; opt_einsum says so."""
    tall, wide, column = gl.ones(100, 1), gl.ones(1, 100), gl.ones(100, requires_grad=True)
    found = gl.einsum("ij,jk,k->i", tall, wide, column)
    inner = []
    pending = [found.grad_fn]
    while pending:
        node = pending.pop()
        if node is not None:
            inner += [node.shape] * (node.name() == "BmmBackward0")
            pending += [following for following, _ in node.next_functions]
    assert max(shape[1] * shape[2] for shape in inner) <= 100


def test_an_error_names_the_character() -> None:
    with pytest.raises(RuntimeError, match=re.escape("not '1'")):
        gl.einsum("i1", gl.ones(2, 2))


def test_pytorch_is_the_oracle() -> None:
    assert torch.backends.opt_einsum.is_available(), "orders of products are compared with its own"
