"""Every operation's derivative forward, and every operation in a batch, on its own samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab.func import jvp, vmap
from gradlab.samples import Draw
from tests.generated.cases import (
    Case,
    each_case,
    each_differentiable_case,
    numbers,
    tensors,
)
from tests.generated.test_derivatives import program


def drawn_like(tensor: Any, generator: numpy.random.Generator) -> Any:
    array = generator.uniform(-1, 1, tuple(tensor.shape))
    if tensor.is_complex():
        array = array + 1j * generator.uniform(-1, 1, tuple(tensor.shape))
    return gl.tensor(array, dtype=tensor.dtype)


def inner(one: Any, two: Any) -> float:
    return float((numbers(one).conj() * numbers(two)).real.sum())


# ------------------------------------------------------------------ forward mode


@each_differentiable_case
def test_tangents_are_what_gradients_say(case: Case) -> None:
    """u · (J t) is (Jᵀ u) · t, for one t and one u drawn at random."""
    function, inputs = program(case)
    generator = numpy.random.default_rng(0)
    speeds = tuple(drawn_like(x, generator) for x in inputs)
    results = function(*inputs)
    values, moved = jvp(function, inputs, speeds)
    weights = [drawn_like(result, generator) for result in results]
    slopes = gl.autograd.grad(results, inputs, weights, allow_unused=True)
    forward = sum(inner(u, t) for u, t in zip(weights, moved, strict=True))
    backward = sum(inner(g, t) for g, t in zip(slopes, speeds, strict=True) if g is not None)
    assert forward == pytest.approx(backward, rel=1e-9, abs=1e-12)
    for result, value, tangent in zip(results, values, moved, strict=True):
        numpy.testing.assert_array_equal(numbers(value), numbers(result))
        assert (tangent.shape, tangent.dtype) == (result.shape, result.dtype)


@each_differentiable_case
def test_tangents_can_be_differentiated(case: Case) -> None:
    function, inputs = program(case)
    generator = numpy.random.default_rng(0)
    speeds = tuple(drawn_like(x, generator) for x in inputs)

    def moved(*values: Any) -> Any:
        return jvp(function, values, speeds)[1]

    if any(t.requires_grad for t in moved(*inputs)):
        assert gl.autograd.gradcheck(moved, inputs, fast_mode=True)


# ------------------------------------------------------------------ batches

SIZE = 3


def batched(case: Case) -> Iterator[tuple[list[Any], dict[str, Any], list[Any]]]:
    """Arguments of the case with batches for all its tensors, and for each of them alone.

    With them, for each argument, whether it is a batch.
    """
    drawn = [i for i, value in enumerate(case.sample.args) if _is_drawn(value)]
    choices = [drawn, *([i] for i in drawn if len(drawn) > 1)]
    for chosen in choices:
        args = []
        for i, value in enumerate(case.sample.args):
            generator = numpy.random.default_rng(i)
            args.append(_drawn(value, generator, i in chosen))
        yield args, dict(case.sample.kwargs), [0 if i in chosen else None for i in range(len(args))]


def _is_drawn(value: Any) -> bool:
    parts = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(one, Draw) for one in parts)


def _drawn(value: Any, generator: numpy.random.Generator, batch: bool) -> Any:
    if type(value) in (list, tuple):
        return type(value)([_drawn(one, generator, batch) for one in value])
    if not isinstance(value, Draw):
        return value
    if not batch:
        return gl.from_numpy(numpy.array(value.array(generator)))
    return gl.from_numpy(numpy.stack([value.array(generator) for _ in range(SIZE)]))


def element(value: Any, dim: Any, place: int) -> Any:
    if dim is None or not _holds_tensors(value):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)([element(one, dim, place) for one in value])
    return value[place]


def _holds_tensors(value: Any) -> bool:
    return bool(tensors(value))


def has_no_batches(case: Case) -> bool:
    """Whether PyTorch refuses the operation inside of vmap, too: results of various shapes."""
    return case.op.name in ("masked_select", "masked_select_backward")


@each_case
def test_a_batch_is_its_elements(case: Case) -> None:
    if has_no_batches(case):
        pytest.skip("its results have various shapes")
    for args, kwargs, dims in batched(case):
        if all(dim is None for dim in dims):
            continue

        def function(*values: Any, kwargs: Any = kwargs) -> Any:
            return case.op.function(*values, **kwargs)

        one_by_one = [
            tensors([function(*[element(v, d, i) for v, d in zip(args, dims, strict=True)])])
            for i in range(SIZE)
        ]
        at_once = tensors([vmap(function, tuple(dims))(*args)])
        assert len(at_once) == len(one_by_one[0])
        for result, *parts in zip(at_once, *one_by_one, strict=True):
            assert result.dtype is parts[0].dtype
            assert result.shape == (SIZE, *parts[0].shape)
            expected = numpy.stack([numbers(part) for part in parts])
            numpy.testing.assert_allclose(numbers(result), expected, rtol=1e-9, atol=1e-12)


def detached(value: Any) -> Any:
    """Arguments with tensors of their own: some of a sample's belong to the sample."""
    if isinstance(value, (tuple, list)):
        return type(value)([detached(one) for one in value])
    return value.detach() if isinstance(value, gl.Tensor) else value


@each_differentiable_case
def test_gradients_of_a_batch_are_its_elements(case: Case) -> None:
    if has_no_batches(case):
        pytest.skip("its results have various shapes")
    for given, kwargs, dims in batched(case):
        args = detached(given)
        leaves = [t for t in tensors(args) if t.is_floating_point()]
        for leaf in leaves:
            leaf.requires_grad_()
        named = dict(zip(case.op.signature.parameters, args, strict=False))
        for name, value in named.items():
            if name not in case.op.gradients:
                for tensor in tensors(value):
                    tensor.requires_grad_(False)
        leaves = [leaf for leaf in leaves if leaf.requires_grad]
        if not leaves or all(dim is None for dim in dims):
            continue

        def function(*values: Any, kwargs: Any = kwargs) -> Any:
            return case.op.function(*values, **kwargs)

        loop = [
            tensors([function(*[element(v, d, i) for v, d in zip(args, dims, strict=True)])])
            for i in range(SIZE)
        ]
        stacked = [gl.stack(list(column)) for column in zip(*loop, strict=True)]
        at_once = tensors([vmap(function, tuple(dims))(*args)])
        generator = numpy.random.default_rng(0)
        found = []
        weights = [drawn_like(one, generator) for one in stacked]
        for results in (at_once, stacked):
            tracked = [(r, w) for r, w in zip(results, weights, strict=True) if r.requires_grad]
            if not tracked:
                found.append([None] * len(leaves))
                continue
            roots, starts = zip(*tracked, strict=True)
            try:
                found.append(gl.autograd.grad(roots, leaves, starts, materialize_grads=True))
            except NotImplementedError:  # by this argument PyTorch has no derivative either
                return
        for one, other in zip(*found, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                numpy.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-9, atol=1e-12)
