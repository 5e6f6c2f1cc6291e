"""Shape: the same elements in another arrangement, mostly without moving them."""

from __future__ import annotations

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.samples import call, draw


@op(
    latex=r"\mathrm{expand}(input)",
    grad=dict(input=(lambda g, xp, input_shape: xp.sum_to_size(g, input_shape), r"\sum g")),
    view=True,
    samples=(call(draw(3, 1), (2, 3, 4)), call(draw(), (2,))),
)
def expand(xp: Namespace, input: Array, shape: tuple[int, ...]) -> Array:
    """x"""
    return arrays.expand(xp, input, shape)


@op(
    latex=r"\sum input",
    grad=dict(input=(lambda g, xp, input_shape: xp.expand(g, input_shape), r"g")),
    samples=(call(draw(2, 3), (1, 3)),),
)
def sum_to_size(xp: Namespace, input: Array, shape: tuple[int, ...]) -> Array:
    """x"""
    return arrays.sum_to(xp, input, tuple(shape))
