r"""Which elements make which: a small operation taken apart into its numbers.

The axes of an operation's tensors are numbered, as einsum gives them letters: in a product of
matrices `input` has the axes (0, 1), `mat2` (1, 2) and the result (0, 2). The gradients' rules
share them. For any element of a result the browser then lists the terms by itself: it goes through
the axes that the result hasn't, and puts the numbers it meets into the formula of one term.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gradlab_widgets.formulas import (
    SCALES,
    Rule,
    Template,
    counted,
    identifier,
)
from gradlab_widgets.trace import PREVIEW, Value

__all__ = ["MARK", "Apart", "Axes", "axes_of", "taken_apart"]

Shape = tuple[int, ...]

MARK = 0xE300  # U+E300 + i stands in a term where the number of operand i goes

# Products, by the letters of their operands and of the result.
_PRODUCTS = {
    "MmBackward0": ("input mat2", "ik,kj,ij"),
    "BmmBackward0": ("input mat2", "bik,bkj,bij"),
    "MvBackward0": ("input vec", "ik,k,i"),
    "DotBackward0": ("input tensor", "k,k,"),
    "AddmmBackward0": ("mat1 mat2", "ik,kj,ij"),
    "AddmvBackward0": ("mat vec", "ik,k,i"),
    "BaddbmmBackward0": ("batch1 batch2", "bik,bkj,bij"),
}
_ADDED = "input"  # what the last three add to their product
_REDUCTIONS = {
    "SumBackward0": "sum",
    "SumBackward1": "sum",
    "MeanBackward0": "mean",
    "MeanBackward1": "mean",
    "MaxBackward0": "max",
    "MaxBackward1": "max",
    "AmaxBackward0": "max",
    "MinBackward0": "min",
    "MinBackward1": "min",
    "AminBackward0": "min",
}
_LOSSES = (
    *("MseLossBackward0", "HuberLossBackward0", "SmoothL1LossBackward0", "L1LossBackward0"),
    *("BinaryCrossEntropyBackward0", "BinaryCrossEntropyWithLogitsBackward0"),
)
_RESHAPES = (
    *("ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0"),
    *("UnsqueezeBackward0", "SqueezeBackward0", "SqueezeBackward1", "SqueezeBackward2"),
)
_TURNS = ("TBackward0", "TransposeBackward0", "PermuteBackward0")
_EXPANDS = ("ExpandBackward0",)
_MOVES = (*_RESHAPES, *_TURNS, *_EXPANDS)  # operations that move elements and change none
_PICKS = ("MaxBackward0", "MinBackward0")  # whose gradient goes by saved indices

_TRANSPOSED = re.compile(r"\^\{\\mathsf T\}")
_SIDE_BY_SIDE = re.compile(r"\\(?:,|;|cdot|odot)|\s+")


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of an operation's tensors; `of["out"]` are the result's and its gradient's.

    A tensor's elements lie in the order of its axes, the last one fastest. Dimensions of length 1
    that are repeated for others have none.
    """

    sizes: Shape
    of: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Apart:
    """How each element of one tensor comes of elements of others.

    Element by element, `term` with the operands' numbers in it. Over the axes that the result
    hasn't, `how` says what is made of the terms: "sum", "mean", "max", "min"; or "product" for a
    sum whose terms are products of the operands' numbers.
    """

    slot: int  # the gradient that leaves there; -1: the node's own result
    sizes: Shape
    axes: tuple[Shape, ...]  # the result's, then each operand's
    values: tuple[Value, ...]  # likewise
    names: tuple[str, ...]  # likewise, in MathML
    term: str  # MathML with U+E300 + i where the number of operand i goes
    how: str
    plus: int | None = None  # the operand that is added to the terms but is none


class Operand(Protocol):
    """Something a formula speaks of."""

    @property
    def markup(self) -> str: ...
    @property
    def value(self) -> Value | None: ...


# ---------------------------------------------------------------------- axes


def axes_of(
    op: str, rule: Rule, shapes: Mapping[str, Shape], options: Mapping[str, Any]
) -> Axes | None:
    """The axes of an operation by its node's name; None for one that can't be taken apart so.

    >>> from gradlab_widgets.formulas import rule_of
    >>> shapes = {"input": (2, 3), "mat2": (3, 4), "out": (2, 4)}
    >>> axes_of("MmBackward0", rule_of("MmBackward0"), shapes, {})
    Axes(sizes=(2, 3, 4), of={'input': (0, 1), 'mat2': (1, 2), 'out': (0, 2)})
    """
    if op in _PRODUCTS:
        return _product_axes(op, shapes)
    out = shapes["out"]
    if op in _RESHAPES:
        return Axes((math.prod(out),), {"input": (0,), "out": (0,)})
    if op in _TURNS:
        order = _order(op, len(out), options)
        turned = tuple(order.index(d) for d in range(len(out)))
        return Axes(out, {"input": turned, "out": _all(out)})
    if op in _REDUCTIONS and "input" in shapes:
        return _reduced_axes(shapes["input"], out, options)
    if op in _LOSSES and "input" in shapes:
        whole = _all(shapes["input"])
        of = {"input": whole, "target": whole, "out": whole if out else ()}
        return Axes(shapes["input"], of) if shapes.get("target") == shapes["input"] else None
    if rule.elementwise or op in _EXPANDS:
        return Axes(out, {word: _aligned(shape, out) for word, shape in shapes.items()})
    return None


def _all(shape: Shape) -> Shape:
    """All axes in their order."""
    return tuple(range(len(shape)))


def _product_axes(op: str, shapes: Mapping[str, Shape]) -> Axes | None:
    words, letters = _PRODUCTS[op]
    by_word = dict(zip((*words.split(), "out"), letters.split(","), strict=True))
    sizes: dict[str, int] = {}
    for word, own in by_word.items():
        sizes.update(zip(own, shapes.get(word, ()), strict=False))
    axes = {letter: i for i, letter in enumerate(sizes)}
    if any(letter not in axes for own in by_word.values() for letter in own):
        return None
    of = {word: tuple(axes[letter] for letter in own) for word, own in by_word.items()}
    if _ADDED in shapes and _ADDED not in of:
        added = _aligned(shapes[_ADDED], shapes["out"])
        of[_ADDED] = tuple(of["out"][d] for d in added)
    return Axes(tuple(sizes.values()), of)


def _aligned(shape: Shape, out: Shape) -> Shape:
    """The axes of a tensor that is broadcast to the shape `out`."""
    lead = len(out) - len(shape)
    return tuple(lead + d for d, n in enumerate(shape) if n == out[lead + d])


def _reduced_axes(shape: Shape, out: Shape, options: Mapping[str, Any]) -> Axes | None:
    """The axes of a reduction: those that are summed, say, are missing in the result's."""
    whole = _all(shape)
    if math.prod(out) == 1 and math.prod(shape) != 1:
        kept: Shape = ()
    elif len(out) == len(shape):
        kept = tuple(d for d in whole if shape[d] == out[d])
    else:
        gone = _dims(options.get("dim", ()), len(shape))
        kept = tuple(d for d in whole if d not in gone)
        if tuple(shape[d] for d in kept) != out:
            return None
    return Axes(shape, {"input": whole, "out": kept})


def _dims(dim: Any, rank: int) -> Shape:
    """Dimensions counted from the first; PyTorch saves -1 as 2**64 - 1."""
    several = dim if isinstance(dim, (tuple, list)) else (dim,)
    return tuple((int(d) - 2**64 if d >= 2**63 else int(d)) % max(rank, 1) for d in several)


def _order(op: str, rank: int, options: Mapping[str, Any]) -> Shape:
    """For each dimension of the result the one of the input that it was."""
    order = list(range(rank))
    if op == "PermuteBackward0":
        return _dims(options.get("dims", order), rank)
    pair = (options.get("dim0", 0), options.get("dim1", 1)) if op != "TBackward0" else (0, 1)
    if rank > 1:
        one, other = _dims(pair, rank)
        order[one], order[other] = order[other], order[one]
    return tuple(order)


# ---------------------------------------------------------------------- taking apart


def taken_apart(
    op: str,
    rule: Rule,
    axes: Axes,
    operand: Callable[[str], Operand],
    target: str,
    result: Value,
    name: str,
    template: Template | None,
) -> Apart | None:
    """One result of an operation taken apart; None where a number of it was not kept.

    `target` is the input whose gradient `result` is, with the formula `template`; "out" and no
    template stand for the operation's own result.
    """
    slot = -1 if target == "out" else rule.inputs.index(target)
    found = _term(op, rule, template)
    if found is None:
        return None
    term, how = found
    own = axes.of.get(target)
    if own is None or not _is_whole(result):
        return None
    if rule.counts and target != "out":
        term = counted(
            term, result.size // max(1, math.prod(axes.sizes[a] for a in axes.of["out"]))
        )
    if any(word in rule.tensors and word not in axes.of for word in term.used):
        return None  # a tensor that nobody kept
    used = [word for word in term.used if word == "g" or word in axes.of]
    if how == "sum" and _is_product(term, tuple(used)):
        how = "product"
    added = _ADDED if op in _PRODUCTS and target == "out" and _ADDED not in term.used else ""
    if added in axes.of:
        used.append(added)
    operands = [operand(word) for word in used]
    values = [one.value for one in operands]
    if any(value is None or not _is_whole(value) for value in values):
        return None
    marks = {word: f"<mi>{chr(MARK + i)}</mi>" for i, word in enumerate(used)}
    others = {word: operand(word).markup for word in term.used if word not in marks}
    involved = (own, *(axes.of["out" if word == "g" else word] for word in used))
    kept = sorted(set().union(*involved))
    return Apart(
        slot,
        tuple(axes.sizes[axis] for axis in kept),
        tuple(tuple(map(kept.index, one)) for one in involved),
        (result, *(value for value in values if value is not None)),
        (name, *(_name(word, one) for word, one in zip(used, operands, strict=True))),
        term.fill(marks | others, numeric=True),
        how,
        used.index(added) if added in axes.of else None,
    )


def _name(word: str, operand: Operand) -> str:
    """What an operand is called; many numbers without a name go by the formula's word."""
    return identifier(word) if operand.markup.startswith("<mrow><mo>[") else operand.markup


def _is_whole(value: Value) -> bool:
    """Whether every number of a value was kept."""
    return 0 < value.size == len(value.data) <= PREVIEW


def _term(op: str, rule: Rule, template: Template | None) -> tuple[Template, str] | None:
    """The formula of one term, and what is made of the terms."""
    if template is None:
        if op in _LOSSES or (op in _PRODUCTS and any(s in rule.forward.used for s in SCALES)):
            return None
        if op in _PRODUCTS:
            return _product_of(_PRODUCTS[op][0], rule.forward.words), "sum"
        term = rule.forward if rule.elementwise else _product_of("input", rule.forward.words)
        return term, _REDUCTIONS.get(op, "sum")
    if op in _PRODUCTS:
        return _stripped(template), "sum"
    if op in _MOVES:
        return _product_of("g", template.words), "sum"
    adds = r"\sum" in template.latex or r"\prod" in template.latex
    return None if op in _PICKS or adds else (template, "sum")


@functools.lru_cache(maxsize=256)
def _stripped(template: Template) -> Template:
    """A product of matrices as one of numbers: nothing to transpose."""
    return Template(_TRANSPOSED.sub("", template.latex), template.words)


@functools.lru_cache(maxsize=256)
def _product_of(words: str, known: Sequence[str]) -> Template:
    return Template(r" \cdot ".join(words.split()), known)


@functools.lru_cache(maxsize=1024)
def _is_product(template: Template, words: Sequence[str]) -> bool:
    """Whether a formula is nothing but a product of `words`, each taken once."""
    return sorted(_SIDE_BY_SIDE.sub(" ", template.latex).split()) == sorted(words)
