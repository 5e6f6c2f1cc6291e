"""Pointwise operations: each element of the result comes of one element of each input.

Their batches need no care, and their derivatives are a diagonal: the formula of the gradient,
which multiplies by it, is the formula of the tangent too. That an operation is pointwise is seen
on its samples: what it makes of all elements is what it makes of each of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy

from gradlab.op import OPS, Op
from gradlab.samples import Draw, Sample
from gradlab.tensor import Tensor

Drawing = Callable[[Draw, numpy.random.Generator], Any]


def sample_arguments(
    op: Op, sample: Sample, generator: numpy.random.Generator, draw: Drawing
) -> dict[str, Any] | None:
    """All arguments of a sample by name, tensors drawn by ``draw``; None for what is no call."""

    def drawn(value: Any) -> Any:
        if isinstance(value, Draw):
            return draw(value, generator)
        if type(value) in (tuple, list):
            return type(value)([drawn(one) for one in value])
        return value

    try:
        bound = op.signature.bind(
            *[drawn(value) for value in sample.args],
            **{name: drawn(value) for name, value in sample.kwargs.items()},
        )
    except TypeError:
        return None
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    return {name: arguments[name] for name in op.signature.parameters}


@functools.cache
def is_pointwise(name: str) -> bool:
    """Whether an operation that promotes is pointwise on all its samples."""
    op = OPS[name]
    if op.promote is None or op.outputs != 1 or op.sequence or op.view or not op.samples:
        return False
    if any(option.startswith("dim") or option == "reduction" for option in op.options):
        return False
    generator = numpy.random.default_rng(0)
    seen = False
    for sample in op.samples:
        arguments = sample_arguments(op, sample, generator, lambda draw, g: draw.array(g))
        if arguments is None:
            return False
        with numpy.errstate(all="ignore"):
            verdict = _is_so(op, arguments)
        if verdict is False:
            return False
        seen = seen or verdict is True
    return seen


def _is_so(op: Op, arguments: dict[str, Any]) -> bool | None:
    """Whether one call is; None where its result has too few elements to say."""
    operands = {}
    for name in op.tensors:
        value = arguments[name]
        operands[name] = value._array if isinstance(value, Tensor) else value
    shaped = {name: one for name, one in operands.items() if one is not None}
    try:
        shape = numpy.broadcast_shapes(*[numpy.shape(one) for one in shaped.values()])
    except ValueError:
        return False
    result = _forward(op, arguments, operands)
    if numpy.shape(result) != shape:
        return False
    flat = {n: numpy.broadcast_to(one, shape).reshape(-1) for n, one in shaped.items()}
    elements = numpy.asarray(result).reshape(-1)
    for i in range(elements.size):
        one = {name: values[i : i + 1] for name, values in flat.items()}
        if not numpy.allclose(_forward(op, arguments, one), elements[i], equal_nan=True):
            return False
    return True if elements.size > 1 else None


def _forward(op: Op, arguments: dict[str, Any], operands: dict[str, Any]) -> Any:
    parameters = op.signature.parameters.values()
    given = {**arguments, **operands}
    return op.forward(
        numpy,
        *[given[p.name] for p in parameters if p.kind is not p.KEYWORD_ONLY],
        **{p.name: given[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY},
    )
