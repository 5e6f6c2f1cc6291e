"""Comparison, logic and bits: results that have no gradient."""

from __future__ import annotations

from typing import Any

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import alias, composite, op
from gradlab.samples import pairs
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ order


@op(
    latex=r"input = other",
    promote="same",
    inplace=False,
    operator="__eq__",
    samples=pairs(),
)
def eq(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements are equal.

    Shapes broadcast; the result is bool.

    >>> import gradlab as gl
    >>> gl.eq(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 3.0]))
    tensor([ True, False])
    """
    return xp.equal(input, other)


@op(
    latex=r"input \ne other",
    promote="same",
    inplace=False,
    operator="__ne__",
    samples=pairs(),
)
def ne(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements differ; a nan differs from everything.

    >>> import gradlab as gl
    >>> gl.ne(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 3.0]))
    tensor([False,  True])
    """
    return xp.not_equal(input, other)


@op(
    latex=r"input < other",
    promote="same",
    inplace=False,
    operator="__lt__",
    samples=pairs(),
)
def lt(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements of ``input`` are less than those of ``other``.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]) < 2
    tensor([ True, False])
    """
    return xp.less(input, other)


@op(
    latex=r"input \le other",
    promote="same",
    inplace=False,
    operator="__le__",
    samples=pairs(),
)
def le(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements of ``input`` are less than those of ``other`` or equal.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]) <= 1
    tensor([ True, False])
    """
    return xp.less_equal(input, other)


@op(
    latex=r"input > other",
    promote="same",
    inplace=False,
    operator="__gt__",
    samples=pairs(),
)
def gt(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements of ``input`` are greater than those of ``other``.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]) > 1
    tensor([False,  True])
    """
    return xp.greater(input, other)


@op(
    latex=r"input \ge other",
    promote="same",
    inplace=False,
    operator="__ge__",
    samples=pairs(),
)
def ge(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether elements of ``input`` are greater than those of ``other`` or equal.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]) >= 2
    tensor([False,  True])
    """
    return xp.greater_equal(input, other)


# ------------------------------------------------------------------ logic


@op(latex=r"\lnot input", samples=pairs()[:0])
def logical_not(xp: Namespace, input: Array) -> Array:
    """Whether elements are zero (or False).

    >>> import gradlab as gl
    >>> gl.logical_not(gl.tensor([0.0, 2.0]))
    tensor([ True, False])
    """
    return xp.logical_not(input)


@op(latex=r"input \land other", promote="same", inplace=False, samples=pairs())
def logical_and(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether both elements are non-zero (or True).

    >>> import gradlab as gl
    >>> gl.logical_and(gl.tensor([True, True]), gl.tensor([True, False]))
    tensor([ True, False])
    """
    return xp.logical_and(input, other)


@op(latex=r"input \lor other", promote="same", inplace=False, samples=pairs())
def logical_or(xp: Namespace, input: Array, other: Array) -> Array:
    """Whether one element or both are non-zero (or True).

    >>> import gradlab as gl
    >>> gl.logical_or(gl.tensor([True, False]), gl.tensor([False, False]))
    tensor([ True, False])
    """
    return xp.logical_or(input, other)
