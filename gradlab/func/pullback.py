"""Reverse mode inside of transformations: gradients of wrapped tensors.

Operations on wrapped tensors are recorded on what these wrap, the plain tensors at the bottom: the
graph knows of no wrapping. So a gradient of wrapped tensors is found by taking the levels off, the
innermost first:

- of a batch: the gradient of the whole batch, where what is differentiated was a batch, too, so
  that each element has its own gradient. ``fresh`` sees to that;
- of a dual number: the gradient of the number, and as its tangent, since derivatives may be taken
  in any order, the gradient of the number's tangent.

What arrives (the vector of ``vjp``) may be wrapped at levels further in. These are left on: the
pass is then made with operations on wrapped tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradlab import engine, levels
from gradlab.grad_mode import enable_grad, is_grad_enabled
from gradlab.graph import AccumulateGrad, Node, walk
from gradlab.levels import Level
from gradlab.op import FUNCTIONS
from gradlab.op.wrapped import Wrapped
from gradlab.ops.creation import zeros_like
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ what is differentiated


class Differentiation:
    """One reverse-mode differentiation: its own leaves are nobody else's business."""

    depth: int  # how many transformations it is inside of, itself included

    def __init__(self) -> None:
        self.running = True
        self.outside_recorded = is_grad_enabled()
        self.nodes: set[Node] = set()  # that stand for what is differentiated by, with a history


def fresh(tensor: Any, around: Sequence[Level], of: Differentiation | None = None) -> Any:
    """A tensor of the same numbers to differentiate by, at these levels.

    It has the history of the given one, if that has any.
    """
    if around:
        *outer, inner = around
        return inner.fresh(tensor, lambda one: fresh(one, outer, of))
    if tensor.requires_grad and (of is None or of.outside_recorded):
        with enable_grad():
            alias = FUNCTIONS["view_as"](tensor, tensor)
        if of is not None:
            of.nodes.add(alias.grad_fn)
        return alias
    leaf = tensor.detach().requires_grad_()
    if of is not None:
        leaf.__dict__["_differentiation"] = of
    return leaf


def in_every_batch(tensor: Any, around: Sequence[Level]) -> Any:
    """A tensor batched at all levels of batches there are."""
    if not around:
        return tensor
    *outer, inner = around
    return inner.over_batches(tensor, lambda one: in_every_batch(one, outer))


def bottom(tensor: Any) -> Tensor:
    """The plain tensor inside of all wrapping."""
    while isinstance(tensor, Wrapped):
        tensor = tensor._inner
    return tensor  # type: ignore[no-any-return]


def over_plain(function: Callable[[Tensor], Tensor], tensor: Any) -> Any:
    """A wrapped tensor with ``function`` of each plain tensor inside."""
    level = levels.level_of(tensor)
    if level is None:
        return function(tensor)
    if _is_dual(tensor):
        parts = (over_plain(function, one) for one in (tensor._primal, tensor._tangent))
        return level.dual(*parts)  # type: ignore[attr-defined]
    return level.wrap_one(over_plain(function, tensor._value))  # type: ignore[attr-defined]


def _is_dual(tensor: Any) -> bool:
    return "_primal" in tensor.__dict__


def tracked_outside(tensors: Sequence[Any], of: Differentiation) -> bool:
    """Whether the tensors depend on something, besides ``of``'s own leaves, that is tracked."""
    if not of.outside_recorded:
        return False
    found: list[Any] = []

    def collect(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    for tensor in tensors:
        over_plain(collect, tensor)
    starts = [one.grad_fn for one in found]
    if any(one.requires_grad and one.grad_fn is None and _is_foreign(one, of) for one in found):
        return True
    return any(
        not node.next_functions
        and (type(node) is not AccumulateGrad or _is_foreign(node.variable, of))
        for node in walk(*starts)
    )


def _is_foreign(leaf: Tensor, of: Differentiation) -> bool:
    owner = leaf.__dict__.get("_differentiation")
    return owner is None or (owner.running and owner is not of)


# ------------------------------------------------------------------ gradients


def pulled(
    roots: Sequence[Any],
    inputs: Sequence[Any],
    arriving: Sequence[Any],
    around: Sequence[Level],
    *,
    recorded: bool,
    keep: bool = True,
) -> list[Any]:
    """The gradient of ``roots`` at each input, which ``fresh`` made at the levels ``around``."""
    plain = [bottom(one) for one in inputs]
    return _pulled(engine._gradients, roots, plain, arriving, around, keep, recorded)


def _pulled(
    find: Callable[..., list[Any]],
    roots: Sequence[Any],
    plain: Sequence[Tensor],
    arriving: Sequence[Any],
    around: Sequence[Level],
    keep: bool,
    recorded: bool,
) -> list[Any]:
    if not around:
        pairs = [(y, u) for y, u in zip(roots, arriving, strict=True) if y.requires_grad]
        if not pairs:
            return [None] * len(plain)
        return find([y for y, _ in pairs], [u for _, u in pairs], plain, keep, recorded)
    *outer, level = around
    if not hasattr(level, "dual"):
        found = _pulled(
            find,
            [without_batch(one, level) for one in roots],
            plain,
            [without_batch(one, level) for one in arriving],
            outer,
            keep,
            recorded,
        )
        return [None if one is None else with_batch(one, level) for one in found]
    split_roots = [split(one, level) for one in roots]
    split_arriving = [split(one, level) for one in arriving]
    primals = [one for one, _ in split_roots]
    starts = [one for one, _ in split_arriving]
    both = [
        pair
        for (y, y_tangent), (u, u_tangent) in zip(split_roots, split_arriving, strict=True)
        for pair in ((y, u_tangent), (y_tangent, u))
        if pair[0] is not None and pair[1] is not None
    ]
    tangents: list[Any] = [None] * len(plain)
    if both:
        ys, us = zip(*both, strict=True)
        tangents = _pulled(find, ys, plain, us, outer, True, recorded)
    found = _pulled(find, primals, plain, starts, outer, keep, recorded)
    return [joined(one, tangent, level) for one, tangent in zip(found, tangents, strict=True)]


def _differentiate(
    find: Callable[..., list[Any]],
    roots: Sequence[Any],
    grads: Sequence[Any],
    inputs: Sequence[Any],
    keep: bool,
    recorded: bool,
) -> list[Any]:
    """What ``autograd.grad`` finds between wrapped tensors."""
    around = levels_of(inputs)
    for one in levels_of(roots):
        if one not in around:
            if not hasattr(one, "dual"):
                raise RuntimeError(
                    "a gradient for each element of a batch was asked for, with respect to a "
                    "tensor that all share: make it inside of vmap, or use gradlab.func.grad"
                )
            around.append(one)
    around.sort(key=lambda level: level.depth)
    starts = [
        zeros_like(root) + 1 if one is None else one for root, one in zip(roots, grads, strict=True)
    ]
    plain = [bottom(one) for one in inputs]
    return _pulled(find, roots, plain, starts, around, keep, recorded)


def levels_of(tensors: Sequence[Any]) -> list[Level]:
    """The levels at which some of the tensors are wrapped."""
    found: list[Level] = []
    for tensor in tensors:
        while isinstance(tensor, Wrapped):
            if tensor._level not in found:
                found.append(tensor._level)
            tensor = tensor._inner
    return found


levels.differentiate = _differentiate


# ------------------------------------------------------------------ one level off, and on again


def _is_deeper(tensor: Any, level: Level) -> bool:
    own = levels.level_of(tensor)
    return own is not None and own.depth > level.depth


def without_batch(tensor: Any, level: Any) -> Any:
    """A tensor as the batch it is at ``level``, which may lie below others."""
    if not _is_deeper(tensor, level):
        return level.full(tensor)
    inner = tensor._level
    if _is_dual(tensor):
        return inner.dual(
            without_batch(tensor._primal, level), without_batch(tensor._tangent, level)
        )
    return inner.wrap_one(without_batch(tensor._value, level).transpose(0, 1))


def with_batch(tensor: Any, level: Any) -> Any:
    """The reverse of ``without_batch``."""
    if not _is_deeper(tensor, level):
        return level.wrap_one(tensor)
    inner = tensor._level
    if _is_dual(tensor):
        return inner.dual(with_batch(tensor._primal, level), with_batch(tensor._tangent, level))
    return inner.wrap_one(with_batch(tensor._value.transpose(0, 1), level))


def split(tensor: Any, level: Any) -> tuple[Any, Any]:
    """Number and tangent at ``level``, which may lie below others; None for no tangent."""
    if not _is_deeper(tensor, level):
        return level.parts(tensor)  # type: ignore[no-any-return]
    inner = tensor._level
    if _is_dual(tensor):
        one, one_tangent = split(tensor._primal, level)
        two, two_tangent = split(tensor._tangent, level)
        if one_tangent is None and two_tangent is None:
            return tensor, None
        moving = zeros_like(one) if one_tangent is None else one_tangent
        return inner.dual(one, two), inner.dual(moving, two_tangent)
    primal, tangent = split(tensor._value, level)
    return inner.wrap_one(primal), None if tangent is None else inner.wrap_one(tangent)


def joined(primal: Any, tangent: Any, level: Any) -> Any:
    """The reverse of ``split``; None where there is nothing at all."""
    if tangent is None:
        return primal
    if primal is None:
        primal = zeros_like(tangent)
    inner = max(
        (one for one in map(levels.level_of, (primal, tangent)) if one is not None),
        key=lambda one: one.depth,
        default=None,
    )
    if inner is None or inner.depth <= level.depth:
        return level.dual(primal, tangent)
    deep: Any = inner
    if hasattr(deep, "dual"):
        (one, one_tangent), (two, two_tangent) = deep.parts(primal), deep.parts(tangent)
        return deep.dual(joined(one, two, level), joined(one_tangent, two_tangent, level))
    return deep.wrap_one(joined(deep.full(primal), deep.full(tangent), level))
