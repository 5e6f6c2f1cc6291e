"""Transformations composed in any order: the same as PyTorch's, on programs drawn at random."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy
import pytest

import gradlab as gl
from tests.func.programs import COMPOSITIONS, compiled, leaves, program


@pytest.mark.parametrize("composition", COMPOSITIONS)
@pytest.mark.parametrize("seed", range(6))
def test_random_programs_are_pytorchs(composition: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    draw = random.Random(f"{composition} {seed}")
    steps = program(draw)
    generator = numpy.random.default_rng(seed)
    numbers = generator.standard_normal((3, 4)), generator.standard_normal(4)

    def run(library: Any) -> list[Any]:
        given = [library.from_numpy(array.copy()) for array in numbers]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch says where it loops
            found = COMPOSITIONS[composition](library.func, compiled(steps, library), *given)
        return [numpy.array(one.detach().numpy(force=True)) for one in leaves(found)]

    try:
        expected = run(torch)
    except Exception:
        pytest.skip("PyTorch does not do this")
    found = run(gl)
    assert len(found) == len(expected), steps
    for one, other in zip(found, expected, strict=True):
        scale = max(1.0, float(numpy.abs(other).max(initial=0)))
        numpy.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8 * scale, err_msg=str(steps))
