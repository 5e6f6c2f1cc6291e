"""What a step says: its formulas, in symbols and in numbers, and one plain sentence.

The symbols are the user's: a variable's name where there is one, the number where an operand is a
constant, and x and y for what has no name. A bar over a name is the gradient with respect to it.
"""

from __future__ import annotations

import functools
import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab_widgets.elements import Apart, axes_of, taken_apart
from gradlab_widgets.formulas import (
    SCALES,
    Rule,
    Template,
    bar,
    counted,
    equation,
    identifier,
    indexed,
    not_averaged,
    numeral,
    parenthesised,
    plain_text,
    rule_of,
    sum_of,
    value_markup,
    value_text,
)
from gradlab_widgets.trace import Value, number
from gradlab_widgets.walk import Found, Graph

if TYPE_CHECKING:
    from gradlab_widgets.recorder import Event

__all__ = ["Explained"]

_NUMBERS_UP_TO = 1000  # nodes; a larger graph's trace has its formulas in symbols only
_APART_UP_TO = 200  # nodes; the operations of larger graphs are not taken apart

# PyTorch's names for what a node saved, where they are not the parameter's.
_SAVED_AS = {"input": "self", "out": "result", "input_shape": "self_sym_sizes"}

_MEAN, _SUM = 1, 2  # what a loss's reduction may be, as nodes save it

# Formulas that pass on what arrives, or a multiple of it.
_PASSES_ON = re.compile(r"\s*(?:-|(?:alpha|beta) *\\,)?\s*g\s*")


@dataclass(frozen=True, slots=True)
class Operand:
    """Something a formula speaks of: how it is written, how it is called, what it is if known."""

    markup: str
    text: str
    value: Value | None = None
    letter: str = ""  # what stands for it in formulas, if it has no name


class Explained:
    """Formulas and sentences for the nodes of one graph."""

    def __init__(self, graph: Graph, *, numbers: bool) -> None:
        self._graph = graph
        self._numbers = numbers and len(graph.found) <= _NUMBERS_UP_TO
        self._vocabularies: dict[int, _Vocabulary] = {}

    def _vocabulary(self, row: int) -> _Vocabulary:
        if row not in self._vocabularies:
            self._vocabularies[row] = _Vocabulary(self._graph, self._graph.found[row])
        return self._vocabularies[row]

    def forward(self, row: int) -> str | None:
        """The equation of what a node computed: b = sin a."""
        vocabulary = self._vocabulary(row)
        rule = vocabulary.rule
        if vocabulary.joins:
            return equation(vocabulary.out.markup, vocabulary.joined())
        if rule is None:
            return None
        template = vocabulary.averaged(rule.forward)
        symbols = {word: vocabulary.operand(word).markup for word in template.used}
        return equation(vocabulary.out.markup, template.fill(symbols))

    def apart(self, row: int, event: Event | None = None) -> list[Apart]:
        """The results of a node (with its `event`, the gradients that left) taken apart."""
        vocabulary = self._vocabulary(row)
        if vocabulary.rule is None or len(self._graph.found) > _APART_UP_TO:
            return []
        return vocabulary.apart(event)

    def seed(self, event: Event) -> tuple[list[str], str]:
        """The first step: the root's gradient with respect to itself."""
        out = self._vocabulary(event.row).out
        start = next((v for v in event.incoming if v is not None), None)
        formulas = (
            [] if start is None else [equation(bar(out.markup), value_markup(start, alone=True))]
        )
        if start is not None and start.size == 1 and start.data == (1.0,):
            words = f"The pass starts at {out.text}: its gradient with respect to itself is 1."
        else:
            given = value_text(start)
            words = f"The pass starts at {out.text} with the gradient it was given: {given}."
        return formulas, words

    def accumulate(self, event: Event) -> tuple[list[str], str]:
        """A leaf's `.grad` growing."""
        found = self._graph.found[event.row]
        name = f"{found.name}.grad" if found.name else "The leaf's .grad"
        arrived = event.incoming[0] if event.incoming else None
        letter = found.name or "x"
        grad, gradient = identifier(f"{letter}.grad"), bar(identifier(letter))
        if event.before is None:
            formulas = [equation(grad, gradient)]
            words = f"{name} was None; now it is the gradient that arrived: "
        else:
            grows = f"{grad}<mo>←</mo>{grad}<mo>+</mo>{gradient}"
            formulas = [equation(grows)]
            words = (
                f"{name} was {value_text(event.before)}; the gradient that arrived is added, "
                f"{value_text(arrived)}, and now it is "
            )
        if self._numbers and arrived is not None and event.after is not None:
            sides = [grad, value_markup(event.after, alone=True)]
            if event.before is not None:
                added = f"{value_markup(event.before)}<mo>+</mo>{value_markup(arrived)}"
                sides.insert(1, added)
            formulas.append(equation(*sides))
        return formulas, words + value_text(event.after) + "."

    def free(self, row: int) -> str:
        """A node letting go of what it saved."""
        found = self._graph.found[row]
        saved = ", ".join(name for name, _ in found.saved)
        return (
            f"{found.title} lets go of what it had saved ({saved}): "
            "backward can't go through it a second time."
        )

    def summed(self, event: Event) -> list[tuple[int, tuple[int, ...]]]:
        """(slot, axes) of each gradient that was summed over axes, since a broadcast is undone."""
        arrived = next((v for v in event.incoming if v is not None), None)
        if arrived is None:
            return []
        vocabulary = self._vocabulary(event.row)
        smaller = [(i, v) for i, v in enumerate(event.outgoing) if v and v.size < arrived.size]
        expands = self._graph.found[event.row].title == "expand"
        return [
            (slot, axes_summed(arrived.shape, left.shape))
            for slot, left in smaller
            if expands or vocabulary.sums(vocabulary.gradient_of(slot), arrived, left)
        ]

    def vjp(self, event: Event) -> tuple[list[str], str]:
        """A node turning the gradient of its output into those of its inputs."""
        found, vocabulary = self._graph.found[event.row], self._vocabulary(event.row)
        arrived = next((v for v in event.incoming if v is not None), None)
        symbols: list[str] = []
        numbers: list[str] = []
        deeds: list[str] = []
        for slot, left in enumerate(event.outgoing):
            if (
                left is None or found.inputs[slot][0] is None
            ):  # PyTorch's cat: a gradient for nobody
                continue
            target = vocabulary.target(slot)
            template = vocabulary.gradient_of(slot)
            summed = arrived is not None and vocabulary.sums(template, arrived, left)
            if template is not None:
                symbols.append(vocabulary.symbolic(template, target, summed))
                if self._numbers:
                    numbers += vocabulary.numeric(template, target, event, left, summed)
            elif vocabulary.joins:
                part = vocabulary.part(slot)
                symbols.append(equation(bar(target.markup), part))
                if self._numbers:
                    numbers.append(equation(bar(target.markup), value_markup(left, alone=True)))
            deed = _deed(found.title, template, vocabulary)
            if summed:
                deed += f", adds it up over what {target.text} was repeated for"
            deeds.append(f"{deed} and passes {value_text(left)} on to {target.text}")
        opening = f"{found.title} receives the gradient of {vocabulary.out.text}"
        if arrived is None:
            return symbols, f"{opening}: nothing arrives, so nothing leaves."
        said = "; it ".join(deeds) or "passes nothing on: nothing before it requires a gradient"
        words = f"{opening}: {value_text(arrived)}. It {said}."
        return list(dict.fromkeys(symbols + numbers)), words


class _Vocabulary:
    """What the placeholders in the formulas of one node stand for."""

    def __init__(self, graph: Graph, found: Found) -> None:
        self._graph = graph
        self._found = found
        rule = rule_of(found.op, frozenset(s for s in SCALES if found.options.get(s, 1) == 1))
        self.rule: Rule | None = None if rule is None or rule.sequence else rule
        self.elementwise = self.rule is not None and self.rule.elementwise
        self.joins = _JOINS.get(found.op, "")
        self._operands: dict[str, Operand] = {}
        self._letters: dict[Any, str] = {}
        edges = {edge for edge in found.inputs if edge[0] is not None}
        self._unnamed = sum(1 for edge in edges if not self._name_of(*edge))
        self._taken = {self._name_of(*edge) for edge in edges} | {found.name}
        # In a large graph a letter stands for a constant's numbers: most formulas are alike then.
        self._is_one_of_many = len(graph.found) > _NUMBERS_UP_TO
        letter = self._letter("y")
        name = found.name
        value = found.value or self._saved("out")
        if name:
            self.out = Operand(identifier(name), name, value)
        else:
            self.out = Operand(identifier(letter), "its result", value, letter)

    def operand(self, word: str) -> Operand:
        """What a placeholder of this node's formulas stands for."""
        if word not in self._operands:
            self._operands[word] = self._find(word)
        return self._operands[word]

    def target(self, slot: int) -> Operand:
        """The input that the gradient at `slot` belongs to."""
        if self.rule is not None and slot < len(self.rule.inputs):
            return self.operand(self.rule.inputs[slot])
        return self._input(slot)

    def gradient_of(self, slot: int) -> Template | None:
        """The formula of the gradient that leaves at `slot`."""
        if self.rule is None or slot >= len(self.rule.inputs):
            return None
        template = self.rule.gradients.get(self.rule.inputs[slot])
        return None if template is None else self.averaged(template)

    def averaged(self, template: Template) -> Template:
        """A formula of this node, as it is for a loss that takes no mean."""
        reduction = self._found.options.get("reduction", _MEAN)
        if self.rule is None or not self.rule.counts or reduction == _MEAN:
            return template
        return not_averaged(template, summed=reduction == _SUM)

    def sums(self, template: Template | None, arrived: Value, left: Value) -> bool:
        """Whether a broadcast is undone: more arrives than leaves, and nothing else did that."""
        passed_on = template is not None and _PASSES_ON.fullmatch(template.latex) is not None
        return arrived.size > left.size and (self.elementwise or passed_on)

    def symbolic(self, template: Template, target: Operand, summed: bool) -> str:
        """The rule in symbols."""
        symbols = {word: self.operand(word).markup for word in template.used if word != "g"}
        symbols["g"] = bar(self.out.markup)
        side = template.fill(symbols)
        return equation(bar(target.markup), sum_of(side) if summed else side)

    def numeric(
        self, template: Template, target: Operand, event: Event, left: Value, summed: bool
    ) -> list[str]:
        """The rule with this node's numbers; where it works element by element, one of them too."""
        if not template.used:  # 0, whatever arrives
            return [equation(bar(target.markup), value_markup(left, alone=True))]
        if self.rule is not None and self.rule.counts:
            template = counted(template, left.size // max(1, math.prod(self._found.shape)))
        values: dict[str, Value] = {}
        constants: dict[str, str] = {}
        for word in template.used:
            value = event.incoming[0] if word == "g" else self.operand(word).value
            if value is not None and (value.data or not value.size):
                values[word] = value
            elif self._is_option(word):
                constants[word] = self.operand(word).markup
            else:
                return []
        whole = {word: value_markup(value) for word, value in values.items()} | constants
        side, result = template.fill(whole, numeric=True), value_markup(left, alone=True)
        if template.latex.strip() == "g":  # nothing was computed
            return [equation(bar(target.markup), result)]
        lines = [equation(bar(target.markup), sum_of(side) if summed else side, result)]
        if self.elementwise and left.size > 1:
            lines += _one_element(template, target, values, constants, left)
        return lines

    def _is_option(self, word: str) -> bool:
        """Whether a placeholder stands for something known that is no tensor."""
        if word in self._found.options or word.endswith("_shape"):
            return True
        is_tensor = word == "out" or (self.rule is not None and word in self.rule.tensors)
        return not is_tensor and self.operand(word).text != word

    def apart(self, event: Event | None) -> list[Apart]:
        """This node's result taken apart, or the gradients that left it in `event`."""
        rule, found = self.rule, self._found
        assert rule is not None
        shapes = {word: self._shape(word) for word in rule.tensors} | {"out": found.shape}
        known = {word: shape for word, shape in shapes.items() if shape is not None}
        axes = axes_of(found.op, rule, known, found.options)
        if axes is None:
            return []
        take = functools.partial(taken_apart, found.op, rule, axes)
        if event is None:
            value, name = self.out.value, self.out.markup
            parts = [] if value is None else [take(self.operand, "out", value, name, None)]
            return [part for part in parts if part is not None]
        gradient = Operand(bar(self.out.markup), "", event.incoming[0])

        def operand(word: str) -> Operand:
            return gradient if word == "g" else self.operand(word)

        made = []
        for slot, left in enumerate(event.outgoing):
            template = self.gradient_of(slot)
            if left is not None and template is not None:
                name = bar(self.target(slot).markup)
                made.append(take(operand, rule.inputs[slot], left, name, template))
        return [part for part in made if part is not None]

    def _shape(self, word: str) -> tuple[int, ...] | None:
        """The shape of an operand, if it is known."""
        assert self.rule is not None
        slot = self.rule.inputs.index(word) if word in self.rule.inputs else len(self._found.inputs)
        node, output = self._found.inputs[slot] if slot < len(self._found.inputs) else (None, 0)
        if node is not None:
            return self._graph.library.output_metas(node)[output][0]
        value = self.operand(word).value
        return None if value is None else value.shape

    # ------------------------------------------------------------------ cat and stack

    def joined(self) -> str:
        """What was put together: cat(a, b)."""
        inputs = [
            "<mo>…</mo>" if node is None else self._input(slot).markup
            for slot, (node, _) in enumerate(self._found.inputs)
        ]
        return f"<mi>{self.joins}</mi><mo>\u2061</mo>" + parenthesised("<mo>,</mo>".join(inputs))

    def part(self, slot: int) -> str:
        """The part of the result's gradient that belongs to the input at `slot`: its [:, 2:5]."""
        dim = int(self._found.options.get("dim", 0)) % 2**64  # PyTorch saves -1 as 2**64 - 1
        rank = len(self._found.shape)
        dim = dim - 2**64 + rank if dim >= 2**63 else dim
        at = f"{slot}"
        if self.joins == "cat":
            sizes = [self._length(node, output, dim) for node, output in self._found.inputs]
            before, after = sizes[:slot], sizes[slot + 1 :]
            if None not in before:
                start = sum(n for n in before if n)
            elif None not in after:
                start = self._found.shape[dim] - sum(n for n in (*after, sizes[slot]) if n)
            else:
                return f"<mi>split</mi>{parenthesised(bar(self.out.markup))}"
            at = f"{start}:{start + (sizes[slot] or 0)}"
        places = ", ".join([":"] * dim + [at])
        place = f"<mo>[</mo><mtext>{places}</mtext><mo>]</mo>"
        return f"<mrow>{bar(self.out.markup)}{place}</mrow>"

    def _length(self, node: Any, output: int, dim: int) -> int | None:
        """How long an input is along `dim`; None for one that no node made."""
        if node is None:
            return None
        shape, _ = self._graph.library.output_metas(node)[output]
        return shape[dim] if dim < len(shape) else 0  # cat passes over empty vectors

    # ------------------------------------------------------------------ finding operands

    def _find(self, word: str) -> Operand:
        assert self.rule is not None
        if word == "out":
            return self.out
        if word in self.rule.inputs:
            slot = self.rule.inputs.index(word)
            if slot < len(self._found.inputs) and self._found.inputs[slot][0] is not None:
                return self._input(slot)
        return self._constant(word)

    def _input(self, slot: int) -> Operand:
        """The operand that another node produced."""
        node, output = self._found.inputs[slot]
        source = self._graph.found[self._graph.index[node]]
        value = source.value if output == 0 else None
        name = self._name_of(node, output)
        if name:
            return Operand(identifier(name), name, value)
        edge = (node, output)
        if edge not in self._letters:
            number = f"{len(self._letters) + 1}" if self._unnamed > 1 else ""
            self._letters[edge] = self._letter("x" + number.translate(_SUBSCRIPTS))
        text = "a leaf without a name" if source.accumulates else f"the result of {source.title}"
        letter = self._letters[edge]
        return Operand(identifier(letter), text, value, letter)

    def _name_of(self, node: Any, output: int) -> str:
        """What the user calls an input."""
        source = self._graph.found[self._graph.index[node]]
        return source.name if source.accumulates else self._graph.names.of(node, output)

    def _letter(self, letter: str) -> str:
        """A letter for what has no name, which is nobody else's name."""
        while letter in self._taken:
            letter += "′"
        return letter

    def _saved(self, word: str) -> Value | None:
        saved = dict(self._found.saved)
        return saved.get(_SAVED_AS.get(word, word), saved.get(word))

    def _constant(self, word: str) -> Operand:
        """The operand that no gradient flows to: a number, a tensor of data, an option."""
        found, saved_as = self._found, _SAVED_AS.get(word, word)
        value = self._saved(word)
        name = found.saved_names.get(saved_as) or found.saved_names.get(word, "")
        if name:
            return Operand(identifier(name), name, value)
        if value is not None and self._is_one_of_many:
            letter = self._letter("c")
            self._taken.add(letter)
            return Operand(identifier(letter), value_text(value), value, letter)
        if value is not None:
            return Operand(value_markup(value), value_text(value), value)
        option = found.options.get(saved_as, found.options.get(word))
        listed = [v for of, v in found.saved if of.startswith(f"{saved_as}[")]
        if option is None and listed:  # x[[0, 2], [1, 1]]
            return Operand("<mo>,</mo>".join(map(value_markup, listed)), "the indices")
        constants = found.origin.arguments if found.origin is not None else ()
        if option is None and self.rule and word in self.rule.tensors and len(constants) == 1:
            option = constants[0]
        if isinstance(option, (int, float, complex)):
            plain = number(option)
            return Operand(numeral(plain), str(plain), Value((), "", (plain,), 1))
        if option is not None:
            several = isinstance(option, (list, tuple))
            text = ", ".join(map(str, option)) if several else str(option)
            return Operand(f"<mtext>{html.escape(text, quote=False)}</mtext>", text)
        if self.rule and word in self.rule.tensors:
            return Operand("<mtext>constant</mtext>", "a constant")
        return Operand(identifier(word), word)


_JOINS = {"CatBackward0": "cat", "StackBackward0": "stack"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def axes_summed(larger: Sequence[int], smaller: Sequence[int]) -> tuple[int, ...]:
    """The axes of `larger` along which something of shape `smaller` was repeated to get there.

    >>> axes_summed((5, 3), (3,)), axes_summed((5, 3), (5, 1)), axes_summed((2, 3), ())
    ((0,), (1,), (0, 1))
    """
    new = len(larger) - len(smaller)
    stretched = (i for i, n in enumerate(smaller, new) if n == 1 and larger[i] != 1)
    return (*range(new), *stretched)


def _one_element(
    template: Template,
    target: Operand,
    values: Mapping[str, Value],
    constants: Mapping[str, str],
    left: Value,
) -> list[str]:
    """The rule for the one element, among those previewed, whose gradient is largest."""
    if any(v.shape != left.shape and v.size != 1 for v in values.values()):
        return []
    shown = min([len(left.data), *(len(v.data) for v in values.values() if v.size > 1)])
    sizes = [abs(x) if isinstance(x, (int, float)) else -1.0 for x in left.data[:shown]]
    if not sizes:
        return []
    k = int(np.argmax(sizes))
    fragments = {w: numeral(v.data[k if v.size > 1 else 0]) for w, v in values.items()}
    side = template.fill(fragments | dict(constants), numeric=True)
    index = [int(i) for i in np.unravel_index(k, left.shape)]
    return [equation(indexed(bar(target.markup), index), side, numeral(left.data[k], alone=True))]


# ---------------------------------------------------------------------- sentences

_SHAPED = "gives it the shape its input had"
_PICKED = "puts it back where the elements were taken from, with zeros elsewhere,"
_PICKED_LARGEST = "gives it to the elements that were picked, and zero to the others,"
_DEEDS = {
    "sum": "repeats it for every element that was summed",
    "mean": "shares it out equally to the elements that were averaged",
    "relu": "lets it through where its input was positive, and stops it elsewhere,",
    "clamp": "lets it through where its input was within the bounds, and stops it elsewhere,",
    "max": _PICKED_LARGEST,
    "min": _PICKED_LARGEST,
    "amax": _PICKED_LARGEST,
    "amin": _PICKED_LARGEST,
    "maximum": "lets it through where this input was the larger one, half of it where they tied,",
    "minimum": "lets it through where this input was the smaller one, half of it where they tied,",
    "view": _SHAPED,
    "reshape": _SHAPED,
    "squeeze": _SHAPED,
    "unsqueeze": _SHAPED,
    "transpose": "swaps the same dimensions back",
    "permute": "puts the dimensions back in their order",
    "expand": "sums it over the copies that were made",
    "cat": "cuts out of it the part that came from this input",
    "stack": "cuts out of it the part that came from this input",
    "index": _PICKED,
    "select": _PICKED,
    "slice": _PICKED,
    "where": "keeps it where this input was chosen, with zeros elsewhere,",
    "clone": "leaves it as it is",
    "to_copy": "turns it back into the dtype its input had",
}


def _deed(title: str, template: Template | None, vocabulary: _Vocabulary) -> str:
    """What a node does to the gradient, as a verb phrase."""
    if title in _DEEDS:
        return _DEEDS[title]
    if template is None or "cases" in template.latex:  # a table is no sentence
        return "applies its rule to it"
    latex = " ".join(template.latex.split())
    if latex == "g":
        return "leaves it as it is"
    if latex in ("-g", "- g"):
        return "turns its sign"
    fragments = {word: vocabulary.operand(word).markup for word in template.used if word != "g"}
    unnamed = [vocabulary.operand(word) for word in template.used if word != "g"]
    letters = {x.letter: x.text for x in unnamed if x.letter}
    legend = " and ".join(f"{letter} is {text}" for letter, text in letters.items())
    where = f" ({legend})" if legend else ""
    if template.factor is not None:
        verb, factor = template.factor
        return f"{verb} {plain_text(factor.fill(fragments))}{where}"
    whole = template.fill(fragments | {"g": "<mtext>the gradient</mtext>"})
    return f"computes {plain_text(whole)}{where}"
