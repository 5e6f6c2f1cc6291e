"""Every operation on complex numbers, against PyTorch: results, gradients, what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy
import pytest

import gradlab as gl
from tests.generated.cases import (
    CASES,
    OWN_PARTS,
    Case,
    counterpart,
    numbers,
    random_seeds,
    tensors,
)

pytorch = pytest.importorskip("torch")

Outcome = tuple[list[Any], list[Any]] | Exception


def outcome(torch: Any, case: Case, *, create_graph: bool = False) -> Outcome:
    """Results and gradients of a case on complex128, or the exception where it is refused."""
    function = case.op.function if torch is gl else counterpart(pytorch, case.op)
    args, kwargs = case.arguments(torch, dtype="complex128")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = function(*args, **kwargs)
            results = tensors(found if isinstance(found, (tuple, list)) else [found])
            recorded = [result for result in results if result.requires_grad]
            inputs = [tensor for tensor in tensors([args, kwargs]) if tensor.requires_grad]
            if not recorded or not inputs:
                return results, []
            seeds = random_seeds(torch, recorded)
            gradients = torch.autograd.grad(
                recorded, inputs, seeds, create_graph=create_graph, allow_unused=True
            )
    except (RuntimeError, TypeError, NotImplementedError, IndexError, ValueError) as error:
        return error
    return results, list(gradients)


COMPARED = [case for case in CASES if case.op.name not in OWN_PARTS]


@pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("case", COMPARED, ids=str)
def test_results_and_gradients(case: Case, create_graph: bool) -> None:
    theirs = outcome(pytorch, case)
    if isinstance(theirs, Exception):
        pytest.skip(f"PyTorch refuses: {theirs}")
    ours = outcome(gl, case, create_graph=create_graph)
    assert not isinstance(ours, Exception), ours
    for found, expected in zip(ours, theirs, strict=True):
        assert len(found) == len(expected)
        for one, two in zip(found, expected, strict=True):
            if one is None or two is None:  # no gradient, or zeros: libraries differ in which
                assert not any(numbers(g).any() for g in (one, two) if g is not None)
                continue
            assert str(one.dtype) == str(two.dtype)
            assert tuple(one.shape) == tuple(two.shape)
            numpy.testing.assert_allclose(numbers(one), numbers(two), 1e-8, 1e-8)
