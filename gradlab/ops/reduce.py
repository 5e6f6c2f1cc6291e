"""Reductions: fewer elements come out than go in."""

from __future__ import annotations

from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.samples import real


@op(
    latex=r"\sum input",
    grad=dict(input=(lambda g, xp, input_shape: xp.expand(g, input_shape), r"g")),
    samples=real(-2, 2),
)
def sum(xp: Namespace, input: Array) -> Array:
    """x"""
    return xp.add.reduce(input, axis=None)
