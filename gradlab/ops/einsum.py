"""Einstein's sums: products of tensors whose dimensions have letters.

``einsum("bij,bjk->bik", x, y)`` multiplies elements wherever letters agree and adds up over the
letters that the result doesn't have. Like PyTorch, gradlab takes it apart into views, one ``bmm``
(or ``mul``, where nothing is summed) for each pair of operands, and sums. So gradients of any order
come from those. With three or more operands, opt_einsum finds the order that multiplies least.
"""

from __future__ import annotations

import functools
import importlib
import math
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gradlab.op import composite
from gradlab.ops.linalg import bmm
from gradlab.ops.reduce import sum_dim
from gradlab.ops.shape import permute, reshape, unsqueeze, view
from gradlab.tensor import Tensor

LETTERS = string.ascii_uppercase + string.ascii_lowercase
ELLIPSIS = "..."


@composite(method=False)
def einsum(*args: Any) -> Tensor:
    """Multiply tensors and add up, as an equation of letters says: ``einsum(equation, *operands)``.

    Each operand has one letter per dimension, the operands' letters are separated by commas, and
    those of the result follow ``->``. Dimensions of the same letter go together; what the result
    lacks is summed. A letter twice in one operand takes the diagonal. ``...`` stands for any
    further dimensions, which broadcast. Without ``->`` the result has the letters that occur once,
    in alphabetical order, capitals first. Instead of letters, numbers
    under 52 may be given, one list behind each operand: ``einsum(x, [0, 1], y, [1, 2], [0, 2])``.

    Raises RuntimeError where the equation doesn't fit the operands, ValueError for bad lists.

    >>> import gradlab as gl
    >>> x, y = gl.tensor([[1.0, 2.0], [3.0, 4.0]]), gl.tensor([10.0, 1.0])
    >>> gl.einsum("ij,j->i", x, y), gl.einsum("ii", x)
    (tensor([12., 34.]), tensor(5.))
    """
    equation, operands = _read(args)
    plan = _planned(equation, tuple([operand._array.shape for operand in operands]))
    aligned = [
        _aligned(tensor, part, plan.places)
        for tensor, part in zip(operands, plan.parts, strict=True)
    ]
    return _contracted(aligned, plan)


@dataclass(frozen=True)
class _Plan:
    """What an equation means for operands of certain shapes."""

    parts: tuple[_Part, ...]
    places: dict[str | int, int]
    kept: int  # how many dimensions the result has; they are the first places
    order: tuple[tuple[int, int], ...]  # which two operands to multiply next


@functools.lru_cache(maxsize=256)
def _planned(equation: str, shapes: tuple[tuple[int, ...], ...]) -> _Plan:
    """Read an equation, once for all calls with these shapes: that takes longer than they do."""
    inputs, output = _split(equation)
    parts = _parse(inputs, shapes)
    result = _output(output, parts)
    return _Plan(tuple(parts), _places(parts, result), len(result), _order(equation, shapes))


# ------------------------------------------------------------------ reading the arguments


def _read(args: tuple[Any, ...]) -> tuple[str, list[Tensor]]:
    """The equation and the operands, in whichever form they are given."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if isinstance(args[0], Tensor):
        return _from_lists(args)
    equation, *operands = args
    if not isinstance(equation, str):
        raise TypeError(
            f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}"
        )
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    for place, operand in enumerate(operands):
        if not isinstance(operand, Tensor):
            raise TypeError(
                f"expected Tensor as element {place} in argument 1, but got "
                f"{type(operand).__name__}"
            )
    return equation, operands


def _from_lists(args: tuple[Any, ...]) -> tuple[str, list[Tensor]]:
    """The equation that lists of numbers stand for."""
    count = len(args) // 2 * 2
    equation = ",".join(_letters(given) for given in args[1:count:2])
    if len(args) > count:
        equation += "->" + _letters(args[-1])
    return equation, list(args[0:count:2])


def _letters(subscripts: Sequence[Any]) -> str:
    def letter(one: Any) -> str:
        if one is Ellipsis:
            return ELLIPSIS
        if not 0 <= one < len(LETTERS):
            raise ValueError(
                "einsum(): subscript in subscript list is not within the valid range [0, 52): "
                f"{one}"
            )
        return LETTERS[one]

    return "".join(map(letter, subscripts))


# ------------------------------------------------------------------ reading the equation


@dataclass(frozen=True)
class _Part:
    """The labels of one operand's dimensions, from the front.

    Those that ``...`` stands for are numbers: how many of them come behind, so that they broadcast.
    """

    labels: tuple[str | int, ...]
    sizes: tuple[int, ...]


def _split(equation: str) -> tuple[str, str | None]:
    """What is in front of the arrow and behind it; None without one."""
    start, arrow, end = equation.partition("->")
    _check_subscripts(start, 0, ",")
    _check_subscripts(end, len(start) + 2, "")
    return start, end if arrow else None


def _check_subscripts(text: str, start: int, also: str) -> None:
    for place, character in enumerate(text, start=start):
        if character not in LETTERS + ". " + also:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {place} in the equation string, "
                f"subscripts must be in [a-zA-Z], not {character!r}"
            )


def _tokens(text: str, whose: str, named: str, again: str) -> Iterator[str]:
    """The letters of a text and its ellipsis, of which there may be one."""
    seen = False
    place = 0
    while place < len(text):
        if text[place] == ".":
            if seen:
                raise RuntimeError(f"einsum(): found '.' for {whose} {again}")
            if not text.startswith(ELLIPSIS, place):
                raise RuntimeError(
                    f"einsum(): found '.' for {whose} that is not part of any ellipsis{named}"
                )
            seen = True
            yield ELLIPSIS
            place += 3
        else:
            if text[place] != " ":
                yield text[place]
            place += 1


def _parse(inputs: str, shapes: Sequence[tuple[int, ...]]) -> list[_Part]:
    """The labels of every operand's dimensions."""
    texts = inputs.split(",")
    if len(texts) != len(shapes):
        how = "fewer" if len(shapes) < len(texts) else "more"
        raise RuntimeError(
            f"einsum(): {how} operands were provided than specified in the equation "
            f"({len(shapes)} for {inputs!r})"
        )
    parts = []
    for number, (text, sizes) in enumerate(zip(texts, shapes, strict=True)):
        whose = f"operand {number}"
        tokens = list(_tokens(text, whose, "", "for which an ellipsis was already found"))
        parts.append(_Part(_labelled(tokens, number, len(sizes)), sizes))
    _check_sizes(parts)
    return parts


def _labelled(tokens: list[str], number: int, ndim: int) -> tuple[str | int, ...]:
    letters = len([token for token in tokens if token != ELLIPSIS])
    rest = ndim - letters
    if ELLIPSIS in tokens and rest < 0:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({letters}) is more than the "
            f"number of dimensions ({ndim}) for operand {number}"
        )
    if ELLIPSIS not in tokens and rest:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({letters}) does not match the "
            f"number of dimensions ({ndim}) for operand {number} and no ellipsis was given"
        )
    labels: list[str | int] = []
    for token in tokens:
        labels += reversed(range(rest)) if token == ELLIPSIS else [token]
    return tuple(labels)


def _check_sizes(parts: Sequence[_Part]) -> None:
    """Raise RuntimeError where dimensions of one letter differ in size."""
    seen: dict[str | int, int] = {}
    for number, part in enumerate(parts):
        own: dict[str | int, int] = {}
        for label, size in zip(part.labels, part.sizes, strict=True):
            if own.setdefault(label, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {number} but the sizes "
                    f"don't match, {size} != {own[label]}"
                )
            known = seen.get(label, 1)
            if 1 not in (known, size) and known != size and type(label) is str:
                raise RuntimeError(
                    f"einsum(): subscript {label} has size {size} for operand {number} which does "
                    f"not broadcast with previously seen size {known}"
                )
            seen[label] = max(known, size) if size else size


def _output(text: str | None, parts: Sequence[_Part]) -> tuple[str | int, ...]:
    """The labels of the result's dimensions."""
    counts = Counter(label for part in parts for label in part.labels)
    further = sorted((label for label in counts if type(label) is int), reverse=True)
    if text is None:
        once = sorted(label for label in counts if type(label) is str and counts[label] == 1)
        return (*further, *once)
    result: list[str | int] = []
    again = "but an ellipsis (...) was already found"
    for token in _tokens(text, "output", " (...)", again):
        if token in result:
            raise RuntimeError(
                f"einsum(): output subscript {token} appears more than once in the output"
            )
        if token != ELLIPSIS and token not in counts:
            raise RuntimeError(
                f"einsum(): output subscript {token} does not appear in the equation for any input "
                "operand"
            )
        result += further if token == ELLIPSIS else [token]
    return tuple(result)


# ------------------------------------------------------------------ computing


def _places(parts: Sequence[_Part], result: tuple[str | int, ...]) -> dict[str | int, int]:
    """Where each label's dimension goes: the result's in front, then those that are summed."""
    further = sorted({n for part in parts for n in part.labels if type(n) is int}, reverse=True)
    letters = sorted({c for part in parts for c in part.labels if type(c) is str})
    ordered = dict.fromkeys((*result, *further, *letters))
    return {label: place for place, label in enumerate(ordered)}


def _aligned(operand: Tensor, part: _Part, places: dict[str | int, int]) -> Tensor:
    """An operand with one dimension for each label of all; of size 1 where it lacks one."""
    tensor: Any = operand
    labels: list[str | int] = []
    for label in part.labels:
        if label in labels:
            first = labels.index(label)
            tensor = tensor.diagonal(0, first, len(labels)).movedim(-1, first)
        else:
            labels.append(label)
    for label in places:
        if label not in labels:
            tensor = unsqueeze(tensor, len(labels))
            labels.append(label)
    at = {label: place for place, label in enumerate(labels)}
    return permute(tensor, tuple(at[label] for label in places))  # type: ignore[no-any-return]


def _contracted(aligned: list[Tensor], plan: _Plan) -> Tensor:
    """Multiply the operands pair by pair, summing each dimension when nothing else has it."""
    summed = range(plan.kept, len(plan.places))
    if len(aligned) == 1:
        (single,) = aligned
        return sum_dim(single, tuple(summed)) if summed else single
    users = [sum(t._array.shape[dim] != 1 for t in aligned) for dim in range(len(plan.places))]
    for one, two in plan.order:
        second = aligned.pop(max(one, two))
        first = aligned.pop(min(one, two))
        aligned.append(_pair(first, second, summed, users))
    (result,) = aligned
    return view(result, result._array.shape[: plan.kept]) if summed else result


def _order(equation: str, shapes: Sequence[tuple[int, ...]]) -> tuple[tuple[int, int], ...]:
    """Which two operands to multiply next, by their places; the product goes to the end."""
    if len(shapes) == 1:
        return ()
    if len(shapes) == 2:
        return ((0, 1),)
    opt_einsum = importlib.import_module("opt_einsum")  # late: it takes a while
    path, _ = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize="auto")
    steps: list[tuple[int, int]] = []
    for step in path:  # of more than two at a time, one after the other
        left = len(shapes) - len(steps)
        steps += [(step[0], step[1])] if len(step) == 2 else [(0, 1)] * (left - 1)
    return tuple(steps)


def _pair(first: Tensor, second: Tensor, summed: range, users: list[int]) -> Tensor:
    """The product of two operands, summed over what no other operand has."""
    of_first: list[int] = []
    of_second: list[int] = []
    of_both: list[int] = []
    for dim in summed:
        one, two = first._array.shape[dim] != 1, second._array.shape[dim] != 1
        if one and two:
            users[dim] -= 1
        if (one or two) and users[dim] == 1:
            (of_both if one and two else of_first if one else of_second).append(dim)
            users[dim] = 0
    if of_first:
        first = sum_dim(first, tuple(of_first), True)
    if of_second:
        second = sum_dim(second, tuple(of_second), True)
    if not of_both:
        product: Any = first
        return product * second  # type: ignore[no-any-return]
    return _product(first, second, of_both)


def _product(first: Tensor, second: Tensor, summed: list[int]) -> Tensor:
    """One batched matrix product: rows only the first has, columns the rest, batches both have."""
    left, right = first._array.shape, second._array.shape
    kept = [dim for dim in range(len(left)) if dim not in summed]
    batch = [dim for dim in kept if left[dim] != 1 and right[dim] != 1]
    rows = [dim for dim in kept if left[dim] != 1 and right[dim] == 1]
    columns = [dim for dim in kept if left[dim] == 1]
    if rows and columns and columns[-1] < rows[-1]:  # the result then lies in order
        first, second, left, right, rows, columns = second, first, right, left, columns, rows

    def count(shape: tuple[int, ...], dims: list[int]) -> int:
        return math.prod([shape[dim] for dim in dims])

    batches, inner = count(left, batch), count(left, summed)
    one = permute(first, tuple(batch + rows + summed + columns))
    one = reshape(one, (batches, count(left, rows), inner))
    two = permute(second, tuple(batch + summed + columns + rows))
    two = reshape(two, (batches, inner, count(right, columns)))
    order = batch + rows + summed + columns
    sizes = [1 if dim in summed else left[dim] if left[dim] != 1 else right[dim] for dim in order]
    product = view(bmm(one, two), tuple(sizes))
    return permute(product, tuple(order.index(dim) for dim in range(len(order))))  # type: ignore[no-any-return]
