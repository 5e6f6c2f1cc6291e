r"""Formulas: from the LaTeX of an operation's declaration to MathML with the user's names in it.

The declaration of `sin` says `\sin input` and, for the gradient of its input, `g \cos input`. The
words `input`, `g`, `out` are placeholders. LaTeX becomes MathML once per formula, with a character
of Unicode's private range in each placeholder's stead; names and numbers replace these afterwards,
already escaped. So whatever a variable is called, it can only ever be text.
"""

from __future__ import annotations

import functools
import html
import importlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradlab_widgets.trace import clean
from gradlab_widgets.values import Number, Value, number_text, value_text

__all__ = [
    "SCALES",
    "Rule",
    "Template",
    "bar",
    "counted",
    "equation",
    "identifier",
    "indexed",
    "not_averaged",
    "number_text",
    "numeral",
    "parenthesised",
    "plain_text",
    "rule_of",
    "sum_of",
    "value_markup",
    "value_text",
]

SCALES = ("alpha", "beta")  # factors that some operations have, and hardly anybody uses

_PLACE = 0xE000  # U+E000 + i: placeholder i
_ARGUMENT = 0xE100  # U+E100 + i: placeholder i right behind a function's name, as in sin x
_TIMES = "\ue200"  # between two factors written side by side

_FUNCTIONS = ["sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "ln"]
_WORD = re.compile(
    r"\\(?:text|mathrm|operatorname|begin|end)\*?\s*\{[^}]*\}|\\[A-Za-z]+|\\.|[A-Za-z_][A-Za-z_0-9]*"
)
_BY = r"\s*\\(?:,|;|cdot)\s*"  # the sign between two factors
_DOUBLED = re.compile(  # parentheses directly inside parentheses
    r"(<mo[^>]*>\(</mo>)<mrow><mo>\(</mo>((?:(?!</?mrow>|<mo>\().)*)<mo>\)</mo></mrow>(<mo[^>]*>\)</mo>)"
)
_FUNCTION_CALL = re.compile(
    rf"(\\(?:{'|'.join(_FUNCTIONS)})|\\operatorname\{{\w+\}})\s*([\ue000-\ue0ff])"
)


_SCALINGS = (
    (re.compile(r"g(?: ?\\(?:cdot|odot|,))? (.+)"), "multiplies it by"),
    (re.compile(r"\\frac\{ ?g ?\}\{(.+)\}"), "divides it by"),
)


def _is_one_term(latex: str) -> bool:
    """Whether a piece of LaTeX has balanced brackets and no sum outside of them."""
    depth = 0
    for character in latex:
        depth += (character in "({[") - (character in ")}]")
        if depth < 0 or (depth == 0 and character in "+-"):
            return False
    return depth == 0


class Template:
    """One formula in MathML with places for its words.

    >>> Template(r"\\sin input", ["input"]).fill({"input": identifier("a")})
    '<mrow><mi>sin</mi><mo>\u2061</mo><mi>a</mi></mrow>'
    """

    def __init__(self, latex: str, words: Sequence[str]) -> None:
        self.latex = latex
        self.words = tuple(words)
        marked = _WORD.sub(self._mark, latex)
        found = [self.words[ord(c) - _PLACE] for c in marked if _PLACE <= ord(c) < _ARGUMENT]
        self.used = tuple(dict.fromkeys(found))  # each placeholder in order of appearance
        self._markup = _mathml(_FUNCTION_CALL.sub(_mark_argument, marked))

    @functools.cached_property
    def factor(self) -> tuple[str, Template] | None:
        """How the gradient is scaled, if that is all the formula does: a verb, and by what."""
        latex = " ".join(self.latex.split())
        for pattern, verb in _SCALINGS:
            match = pattern.fullmatch(latex)
            if match and _is_one_term(match[1]):
                return verb, Template(match[1], self.words)
        return None

    def _mark(self, match: re.Match[str]) -> str:
        """A placeholder's mark; for `input_i` that of `input`, with its subscript behind it.

        Any other word of several letters is one name, where LaTeX would multiply its letters.
        """
        word, found = match.group(), match.group()
        while found and found not in self.words:
            found = found.rpartition("_")[0]
        if found:
            return chr(_PLACE + self.words.index(found)) + word[len(found) :]
        return rf"\operatorname{{{word}}}" if word.isalnum() and len(word) > 1 else word

    def fill(self, fragments: Mapping[str, str], *, numeric: bool = False) -> str:
        """The formula with a fragment of MathML in each place.

        With `numeric`, factors side by side get a dot and arguments their parentheses: 2 · cos(3).
        """
        return self._filled(tuple(fragments[word] for word in self.used), numeric)

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - templates are few and kept anyway
    def _filled(self, fragments: tuple[str, ...], numeric: bool) -> str:
        markup = self._markup.replace(_TIMES, "·" if numeric else "\u2062")
        for word, fragment in zip(self.used, fragments, strict=True):
            i = self.words.index(word)
            argument = f"<mo>\u2061</mo>{parenthesised(fragment) if numeric else fragment}"
            markup = markup.replace(f"<mi>{chr(_ARGUMENT + i)}</mi>", argument)
            markup = markup.replace(f"<mi>{chr(_PLACE + i)}</mi>", fragment)
        return _DOUBLED.sub(r"\1\2\3", markup)


def _mark_argument(match: re.Match[str]) -> str:
    function, place = match.groups()
    return f"{function} {chr(ord(place) - _PLACE + _ARGUMENT)}"


def _mathml(latex: str) -> str:
    """The inside of the MathML for `latex`, with every product and application spelt out."""
    from latex2mathml.converter import convert  # 30 ms to import, and only formulas need it

    spelt = re.sub(r"\\mathrm\{(\w{2,})\}", r"\\operatorname{\1}", latex)  # else letter by letter
    spelt = re.sub(r"\\overline\{([^{}]*)\}", r"\\operatorname{mean}(\1)", spelt)  # no gradient
    markup = re.sub(r' xmlns="[^"]*"', "", convert(spelt))
    root = ElementTree.fromstring(markup)
    for element in list(root.iter()):
        if element.tag in _ROWS:
            _join(element)
    return "".join(ElementTree.tostring(child, encoding="unicode") for child in root)


def _join(row: ElementTree.Element) -> None:
    """Put the sign that LaTeX leaves out between neighbours: times, or application."""
    children, spaced, inside_bars = list(row), False, False
    previous: ElementTree.Element | None = None
    ended = False  # whether an operand ends with `previous`
    for child in children:
        row.remove(child)
    for child in children:
        if child.tag == "mspace":
            spaced = True
            continue
        starts, ends = _starts_operand(child, spaced), _ends_operand(child)
        if _is_bar(child):  # the bars of |x| open and close by turns
            starts, ends = not inside_bars, inside_bars
            inside_bars = not inside_bars
        if previous is not None and starts:
            in_brackets = _first(child).text == "("
            if _is_function(previous):
                if not _is_argument(child) and not in_brackets:
                    row.append(_sign("\u2061"))
            elif in_brackets and _first(previous).text in _LETTER_FUNCTIONS:
                pass  # ψ(x) is no product
            elif ended:
                row.append(_sign(_TIMES))
        row.append(child)
        previous, ended, spaced = child, ends, False


def _sign(text: str) -> ElementTree.Element:
    sign = ElementTree.Element("mo")
    sign.text = text
    return sign


_ROWS = ("math", "mrow", "mtd", "mstyle")
_SCRIPTED = ("msup", "msub", "msubsup")
_LETTER_FUNCTIONS = ("Φ", "ψ", "σ", "Γ", "I")


def _first(element: ElementTree.Element) -> ElementTree.Element:
    """What an element begins with."""
    while element.tag in _ROWS + _SCRIPTED and len(element):
        element = element[0]
    return element


def _last(element: ElementTree.Element) -> ElementTree.Element:
    """What an element ends with, exponents aside."""
    while element.tag in _ROWS + _SCRIPTED and len(element):
        element = element[-1] if element.tag in _ROWS else element[0]
    return element


def _is_function(element: ElementTree.Element) -> bool:
    name = _first(element).text or ""
    return _first(element).tag in ("mi", "mo") and len(name) > 1 and name.isalpha()


def _is_bar(element: ElementTree.Element) -> bool:
    bar = element[0] if element.tag in _SCRIPTED else element
    return bar.tag == "mo" and bar.text in ("|", "‖", "∣", "∥")


def _is_argument(element: ElementTree.Element) -> bool:
    """Whether this is a placeholder that brings its own sign of application."""
    return element.tag == "mi" and _ARGUMENT <= ord((element.text or " ")[0]) < ord(_TIMES)


def _starts_operand(element: ElementTree.Element, spaced: bool) -> bool:
    if element.tag in _SCRIPTED and element[0].tag == "mo":
        return _is_function(element)  # otherwise a closing bracket with an exponent
    first = _first(element)
    if first.tag == "mo":
        opening = ("(", "[") if spaced else ("(",)  # x [y > 0] is a product, x[y] an index
        return first.text in opening or _is_function(first)
    return _is_operand(first)


def _ends_operand(element: ElementTree.Element) -> bool:
    last = _last(element)
    return last.text in (")", "]") if last.tag == "mo" else _is_operand(last)


def _is_operand(element: ElementTree.Element) -> bool:
    if element.tag == "mi":  # a name or a place; latex2mathml's other signs are none
        letter = (element.text or " ")[0]
        return letter.isalnum() or _PLACE <= ord(letter) < ord(_TIMES)
    return element.tag not in ("mtext", "mtable", "munder", "munderover")


@dataclass(frozen=True)
class Rule:
    """What an operation computes, and the gradient of each of its inputs."""

    tensors: tuple[str, ...]
    inputs: tuple[str, ...]  # those that have a gradient, in the order of next_functions
    forward: Template
    gradients: Mapping[str, Template]
    elementwise: bool
    sequence: bool  # its only input is a list of tensors
    counts: bool  # its n is how many elements are averaged


@functools.cache
def rule_of(op: str, ones: frozenset[str] = frozenset(SCALES)) -> Rule | None:
    """The rule of a node's operation by the node's name; None where no formula is known.

    Every formula comes from gradlab's declarations, for PyTorch's graphs too: the nodes have the
    same names. `ones` are the factors among `SCALES` that are 1, and left out.
    """
    nodes: Mapping[str, Any] = importlib.import_module("gradlab.op").NODES
    importlib.import_module("gradlab")  # importing it fills the table
    is_pointwise = importlib.import_module("gradlab.func.pointwise").is_pointwise
    declared = nodes.get(op)
    if declared is None:
        return None
    shapes = [f"{name}_shape" for name in declared.tensors]
    words = ("g", "out", *declared.tensors, *declared.options, *shapes)

    def template(latex: str) -> Template:
        if "alpha" in declared.options:
            latex = latex.replace(r"\alpha", "alpha")
        for scale in ones:
            latex = re.sub(rf"\b{scale}{_BY}|{_BY}{scale}\b", "", latex)
        return Template(latex, words)

    return Rule(
        tensors=tuple(declared.tensors),
        inputs=tuple(declared.gradients),
        forward=template(declared.latex),
        gradients={name: template(g.latex) for name, g in declared.gradients.items()},
        elementwise=is_pointwise(declared.name) or declared.name in _ELEMENTWISE,
        sequence=declared.sequence,
        counts=declared.name in _AVERAGES,
    )


# Pointwise operations that promote no dtypes, which is_pointwise() leaves aside.
_ELEMENTWISE = (
    *("angle", "clamp_scalar", "clone", "copy", "gelu", "lerp_scalar", "lerp_tensor", "logsigmoid"),
    *("masked_fill_scalar", "masked_fill_tensor", "mvlgamma", "pow_scalar", "scalar_pow"),
    *("to_copy", "where"),
)

# Operations of whose formulas the n is the number of elements that are averaged into one.
_LOSSES = "binary_cross_entropy binary_cross_entropy_with_logits huber_loss mse_loss smooth_l1_loss"
_AVERAGES = ("mean", "mean_dim", "var", "std", "soft_margin_loss", *_LOSSES.split())
_N = re.compile(r"(?<![A-Za-z\\_])n(?![A-Za-z_])")


@functools.lru_cache(maxsize=1024)
def counted(template: Template, n: int) -> Template:
    """A formula with the number of elements averaged in the place of its n."""
    return Template(_N.sub(str(n), template.latex), template.words)


@functools.lru_cache(maxsize=256)
def not_averaged(template: Template, *, summed: bool) -> Template:
    """A loss's formula where it is no mean: without n; and, unless `summed`, without the sum.

    >>> not_averaged(Template(r"\\frac{1}{n} \\sum input^2", ["input"]), summed=True).latex
    '\\\\sum input^2'
    """
    latex = template.latex.replace(r"\frac{2}{n}", "2").replace(r"\frac{g}{n} \,", r"g \,")
    latex = latex.replace(r"\frac{1}{n} ", "")
    return Template(latex if summed else latex.replace(r"\sum ", ""), template.words)


# ---------------------------------------------------------------------- fragments of MathML


@functools.lru_cache(maxsize=1024)
def identifier(name: str) -> str:
    """A name as MathML, whatever characters it has.

    >>> identifier("<script>")
    '<mi>&lt;script&gt;</mi>'
    """
    return f"<mi>{html.escape(clean(name), quote=False)}</mi>"


def bar(fragment: str) -> str:
    """The gradient of something: a bar over it."""
    return f'<mover accent="true"><mrow>{fragment}</mrow><mo stretchy="true">¯</mo></mover>'


def indexed(fragment: str, index: Sequence[int]) -> str:
    """One element of something: b[3]."""
    if not index:
        return fragment
    inside = "<mo>,</mo>".join(f"<mn>{i}</mn>" for i in index)
    return f"<mrow>{fragment}<mo>[</mo>{inside}<mo>]</mo></mrow>"


def sum_of(fragment: str) -> str:
    """A sum over whatever a broadcast had repeated."""
    return f"<mo>∑</mo>{parenthesised(fragment)}"


def equation(*sides: str) -> str:
    """A whole formula: the sides with an equals sign between them."""
    inside = "<mo>=</mo>".join(sides)
    for sign, spaced in _AIRED:
        inside = sign.sub(spaced, inside)
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow>{inside}</mrow></math>'


# Browsers set these signs without any space, and b cos a comes out as "bcosa".
_AIRED = (
    (re.compile(r"<mo>\u2061</mo>(?!(<mrow>)?<mo>\()"), '<mo rspace="0.17em">\u2061</mo>'),
    (re.compile(r"<mo>\u2062</mo>"), '<mo lspace="0.1em" rspace="0.1em">\u2062</mo>'),
)


def parenthesised(fragment: str) -> str:
    """Something in parentheses, unless it already is."""
    if fragment.startswith("<mrow><mo>(</mo>"):
        return fragment
    return f"<mrow><mo>(</mo>{fragment}<mo>)</mo></mrow>"


def numeral(x: Number, *, alone: bool = False) -> str:
    """A number as MathML; in parentheses, unless alone, where its sign would meet another one."""
    text = number_text(x)
    scientific = re.fullmatch(r"(.*\d)e([+-]\d+)", text)
    if scientific:
        ten = f"<msup><mn>10</mn><mn>{int(scientific[2])}</mn></msup>"
        markup = f"<mrow><mn>{scientific[1]}</mn><mo>·</mo>{ten}</mrow>"
    else:
        markup = f"<mn>{text}</mn>"
    compound = scientific or text.startswith("−") or text.endswith("j")
    return parenthesised(markup) if compound and not alone else markup


def value_markup(value: Value, most: int = 3, *, alone: bool = False) -> str:
    """A value as MathML: a number, a matrix, or the first of many in brackets."""
    if value.size == 1 and value.data:
        return numeral(value.data[0], alone=alone)
    if len(value.shape) == 2 and value.size:
        matrix = _matrix(value)
        if matrix:
            return matrix
    shown = [numeral(x, alone=True) for x in value.data[:most]]
    if value.size > min(most, len(value.data)):
        shown.append("<mi>…</mi>")
    return f"<mrow><mo>[</mo>{'<mo>,</mo>'.join(shown)}<mo>]</mo></mrow>"


_MATRIX = 3  # rows and columns of a matrix that a formula shows


def _matrix(value: Value) -> str:
    """A matrix in brackets, a large one by its first corner; "" where that was not kept."""
    rows, columns = value.shape
    shown = [n if n <= _MATRIX else _MATRIX - 1 for n in (rows, columns)]
    if (shown[0] - 1) * columns + shown[1] > len(value.data):
        return ""
    lines = []
    for i in range(shown[0]):
        cells = [numeral(x, alone=True) for x in value.data[i * columns :][: shown[1]]]
        lines.append([*cells, "<mo>⋯</mo>"] if shown[1] < columns else cells)
    if shown[0] < rows:
        lines.append(["<mo>⋮</mo>"] * shown[1] + ["<mo>⋱</mo>"] * (shown[1] < columns))
    body = "".join(
        "<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in line) + "</mtr>" for line in lines
    )
    table = f'<mtable columnspacing="0.8em">{body}</mtable>'
    return f"<mrow><mo>[</mo>{table}<mo>]</mo></mrow>"


# ---------------------------------------------------------------------- MathML as a line of text

_POWERS = {"2": "²", "3": "³", "⊤": "ᵀ", "T": "ᵀ"}
_BOUND_TIGHTLY = {"mi", "mn", "mtext", "msup", "msqrt", "mover", "mo"}


@functools.lru_cache(maxsize=1024)
def plain_text(markup: str) -> str:
    """A formula as one line of text, for sentences and alternative text.

    >>> plain_text("<mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac>")
    'a / (b + 1)'
    """
    text = _text(ElementTree.fromstring(f"<mrow>{markup}</mrow>"))
    text = text.replace("\u2061(", "(").replace("\u2061", " ")
    return re.sub(r"\s+", " ", text).strip()


def _text(element: ElementTree.Element) -> str:
    kind = element.tag.rpartition("}")[2]
    parts = list(element)
    if kind == "mo":
        return _operator_text(element.text or "")
    if kind == "mfrac":
        return f"{_grouped(parts[0])} / {_grouped(parts[1])}"
    if kind == "msup":
        exponent = _grouped(parts[1])
        return _grouped(parts[0]) + _POWERS.get(exponent, f"^{exponent}")
    if kind == "msub":
        behind = " " if parts[0].tag == "mo" and not _is_bar(parts[0]) else ""
        return f"{_text(parts[0]).rstrip()}_{_grouped(parts[1])}{behind}"
    if kind == "msqrt":
        return f"√({''.join(map(_text, parts)).strip()})"
    if kind == "mover":
        return f"gradient of {_text(parts[0])}"
    if kind == "mtr":
        return ", ".join(_text(cell).strip() for cell in parts)
    if kind == "mtable":
        return "; ".join(map(_text, parts))
    return (element.text or "") + "".join(map(_text, parts))


_SPACING = {"\u2062": " · ", ",": ", ", "¯": ""} | {sign: sign for sign in "()[]{}|…⊤\u2061"}


def _operator_text(sign: str) -> str:
    if sign.isalpha():
        return sign
    return _SPACING.get(sign, f" {sign} ")


def _grouped(element: ElementTree.Element) -> str:
    """An operand as text, in parentheses if it has operators of its own."""
    while element.tag == "mrow" and len(element) == 1:
        element = element[0]
    text = _text(element).strip()
    simple = element.tag in _BOUND_TIGHTLY or " " not in text
    return text if simple or text[0] + text[-1] in ("()", "[]") else f"({text})"
