"""One line of Python evaluated with PyTorch and with gradlab, and everything about it compared.

The line sees ``torch`` (one library or the other) and tensors of the same numbers in both; those
in ``REAL`` require grad. Compared are numbers, dtype, shape, the chain of node names, which input
the result is a view of, and gradients of first and second order; of errors, kind and first words.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pytest

import gradlab

torch = pytest.importorskip("torch")

REAL = {
    "x": (3, 4, 5),
    "m": (4, 5),
    "w": (5, 4),
    "q": (4, 4),
    "v": (5,),
    "u": (4,),
    "s": (),
    "one": (1, 4, 1),
    "b": (2, 4, 5),
    "c": (2, 5, 3),
    "d": (7, 1, 4, 5),
}


def tensors(library: Any, shapes: Mapping[str, tuple[int, ...]] = REAL) -> dict[str, Any]:
    """The tensors a line sees; real ones that require grad have these ``shapes``."""
    numbers = numpy.random.default_rng(3)

    def make(array: Any) -> Any:
        made = library.tensor(array.tolist(), dtype=getattr(library, array.dtype.name))
        return made.reshape(array.shape)

    seen = {name: make(numbers.standard_normal(shape)) for name, shape in shapes.items()}
    for tensor in seen.values():
        tensor.requires_grad_()
    return {
        **seen,
        "torch": library,
        "numpy": numpy,
        "math": math,
        "i": make(numpy.array([0, 2, 0])),
        "i0": make(numpy.array(1)),
        "mask": make(numbers.random((3, 4)) > 0.5),
        "n": make(numbers.integers(-9, 9, (3, 4))),
        "tied": make(numpy.array([[1.0, 3.0, 3.0], [3.0, 0.0, 0.0]])).requires_grad_(),
        "zeros": make(numpy.zeros((2, 3))).requires_grad_(),
        "nan": make(numpy.array([1.0, numpy.nan, 3.0])).requires_grad_(),
        "empty": make(numpy.zeros((0, 3))).requires_grad_(),
        "z": make(complex_numbers(numbers, (3, 4))).requires_grad_(),
        "k": make(complex_numbers(numbers, (4,))).requires_grad_(),
    }


def complex_numbers(numbers: numpy.random.Generator, shape: tuple[int, ...]) -> Any:
    return numbers.standard_normal(shape) + 1j * numbers.standard_normal(shape)


class Result:
    """What a line gave: an error, or tensors and the gradients that reach the inputs."""

    def __init__(self, library: Any, line: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.error: Exception | None = None
        seen = tensors(library, shapes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                value = eval(line, seen)
            except Exception as error:
                self.error = error
                return
            found = _flat(value, library)
            self.kind = type(value).__name__
            self.numbers = [numpy.array(t.tolist()) for t in found]
            self.facts = [
                {
                    "dtype": str(t.dtype),
                    "shape": tuple(t.shape),
                    "requires_grad": t.requires_grad,
                    "nodes": _nodes(t.grad_fn),
                    "is": [name for name in shapes if seen[name] is t],
                    "view of": [name for name in seen if seen[name] is t._base],
                }
                for t in found
            ]  # fmt: skip
            self.gradients = _gradients(library, found, seen)


def _flat(value: Any, library: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in _flat(part, library)]
    return [value] if isinstance(value, library.Tensor) else []


def nodes_of(value: Any, library: Any) -> list[str]:
    """The graph of each tensor in a value, as text."""
    return [_nodes(tensor.grad_fn) for tensor in _flat(value, library)]


def _nodes(node: Any) -> str:
    """A graph as text: ``MulBackward0(SinBackward0(leaf), none)``."""
    if node is None:
        return "none"
    if not node.next_functions:
        return "leaf"
    inner = ", ".join(_nodes(following) for following, _ in node.next_functions)
    return f"{node.name().removeprefix('torch::autograd::')}({inner})"


def _loss(library: Any, tensor: Any) -> Any:
    """What is differentiated: squares; of complex numbers something that depends on their angle."""
    parts = _parts(library, tensor)
    return parts * parts * (1 + parts) if tensor.is_complex() else parts * parts


def _parts(library: Any, tensor: Any) -> Any:
    return library.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _gradients(library: Any, found: list[Any], seen: dict[str, Any]) -> list[Any]:
    """Gradients of first and second order of every input; None stands for zeros."""
    roots = [t for t in found if t.requires_grad]
    leaves = [t for t in seen.values() if isinstance(t, library.Tensor) and t.requires_grad]
    if not roots:
        return []
    total = sum((place * _loss(library, t)).sum() for place, t in enumerate(roots, start=1))
    first = library.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    total = sum((_parts(library, g) ** 3).sum() for g in first if g is not None)
    second: Sequence[Any] = [None] * len(leaves)
    if getattr(total, "requires_grad", False):
        second = library.autograd.grad(total, leaves, allow_unused=True)
    return [None if g is None else numpy.array(g.tolist()) for g in (*first, *second)]


def assert_same(line: str, shapes: Mapping[str, tuple[int, ...]] = REAL) -> None:
    """The line does in gradlab what it does in PyTorch."""
    expected, found = Result(torch, line, shapes), Result(gradlab, line, shapes)
    assert expected.error is None, f"for a table of errors: {expected.error!r}"
    if found.error is not None:
        raise found.error
    assert found.kind == expected.kind
    assert found.facts == expected.facts
    singles = any(word in line + str(found.facts) for word in ("float32", "float()", "half"))
    rtol, atol = (2e-3, 1e-3) if singles else (1e-9, 1e-10)
    for ours, theirs in zip(found.numbers, expected.numbers, strict=True):
        numpy.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
    for ours, theirs in zip(found.gradients, expected.gradients, strict=True):
        if ours is None or theirs is None:
            assert not numpy.any(theirs if ours is None else ours)
        else:
            numpy.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def assert_same_error(line: str, shapes: Mapping[str, tuple[int, ...]] = REAL) -> None:
    """The line raises in gradlab what it raises in PyTorch, in words that begin with PyTorch's."""
    expected, found = Result(torch, line, shapes), Result(gradlab, line, shapes)
    assert expected.error is not None, "the line belongs into the table of results"
    assert found.error is not None, f"gradlab takes what PyTorch refuses: {expected.error}"
    assert type(found.error) is type(expected.error), (found.error, expected.error)
    said = str(expected.error).split("\\n")[0].split(" but expected one of")[0].rstrip(". ,")
    assert str(found.error).startswith(said), (str(found.error), said)
