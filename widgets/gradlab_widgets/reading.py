"""Reads the user's source for what a graph can't tell: where values were cut from their history.

What is computed under `no_grad()`, or from `x.detach()` or `x.item()`, records no node, so there is
nothing in any graph to point at. The lines are still there: this follows names through them, from
top to bottom, without running anything. It is a reading, not a proof (loops are read once, and
functions of the user's are not entered), and whoever shows its result says so.
"""

from __future__ import annotations

import ast
import linecache
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType

from gradlab_widgets.names import NOT_THE_USER, first_frame_outside

__all__ = ["Line", "Reading", "Source", "read", "sources_of", "user_frame"]

# What tells of a tensor and has none of its history, ...
_ASKING_ATTRIBUTES = {"grad", "shape", "size", "dim", "ndim", "numel", "dtype", "device", "is_leaf"}
_ASKING_ATTRIBUTES |= {"requires_grad", "grad_fn", "argmax", "argmin", "argsort"}
# ... what yields the numbers of a tensor without its history, ...
_CUTTING_ATTRIBUTES = {"detach", "data", "item", "tolist", "numpy"}
# ... what does so if it is given one, ...
_CUTTING_CALLS = {"tensor", "as_tensor", "from_numpy", "float", "int", "asarray", "array"}
# ... and what overwrites all that was there.
_OVERWRITING = {"zero_", "fill_", "normal_", "uniform_", "random_"}
_UNRECORDED = {"no_grad", "inference_mode", "set_grad_enabled"}


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of source: where it is from, and the number its first line has there."""

    where: str
    text: str
    first: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the user's, and what it does to a name: 'detached', 'no_grad', 'in_place', ..."""

    what: str
    name: str
    where: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.where}, line {self.number}: {self.text}"


@dataclass(slots=True)
class Reading:
    """What was read about one name: where its history was cut, and what happened beside that."""

    cuts: dict[str, Line] = field(default_factory=dict)  # name → the line from which it has no way
    follows: set[str] = field(default_factory=set)  # names that depend on it with their history
    changes: list[Line] = field(default_factory=list)  # of anything, in place
    passes: list[Line] = field(default_factory=list)  # calls of backward() and grad()


def user_frame() -> FrameType | None:
    """The frame of the user's code that called into this package."""
    return first_frame_outside(NOT_THE_USER, sys._getframe(1))


def sources_of(frame: FrameType | None) -> list[Source]:
    """The source that ran up to where `frame` is: the cells before it, then its own lines.

    In a notebook these are all cells that were run, for a script the lines above, inside a
    function those of the function.
    """
    if frame is None:
        return []
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and frame.f_globals is shell.user_ns and _is_module(frame.f_code):
        cells = list(shell.user_ns.get("In", []))
        return [Source(f"In [{i}]", str(cell)) for i, cell in enumerate(cells) if cell]
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    first = 1 if _is_module(frame.f_code) else frame.f_code.co_firstlineno
    text = "".join(lines[first - 1 : frame.f_lineno])
    where = frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return [Source(where, text, first)] if text else []


def _is_module(code: CodeType) -> bool:
    return code.co_name == "<module>"


def read(sources: Sequence[Source], name: str) -> Reading:
    """Follow `name` through `sources`.

    >>> found = read([Source("In [1]", "y = x.detach() * 2\\nz = x + y")], "x")
    >>> found.cuts["y"].what, found.cuts["y"].number, sorted(found.follows)
    ('detached', 1, ['x', 'z'])
    """
    reader = _Reader(name)
    for source in sources:
        tree = _parsed(source.text)
        if tree is not None:
            reader.enter(source, tree)
    return reader.found


def _parsed(text: str) -> ast.Module | None:
    """The tree of a piece of source; of one that ends in the middle, as much as can be read."""
    plain = "\n".join(
        "" if line.lstrip().startswith(("%", "!", "?")) else line
        for line in textwrap.dedent(text).split("\n")
    )
    lines = plain.split("\n")
    for end in range(len(lines), max(0, len(lines) - 40), -1):
        kept = "\n".join(lines[:end])
        for attempt in (kept, f"{kept} pass"):  # a block whose first line is missing
            try:
                return ast.parse(attempt)
            except (SyntaxError, ValueError):
                continue
    return None


class _Reader:
    """Follows one name through statements."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.found = Reading(follows={name} if name else set())
        self._unrecorded = 0
        self._source = Source("", "")

    def enter(self, source: Source, tree: ast.Module) -> None:
        self._source = source
        body: Sequence[ast.stmt] = tree.body
        if source.first > 1 and len(body) == 1 and isinstance(body[0], _FUNCTIONS):
            body = body[0].body  # the source of a function is read as what is inside it
        self._block(body)

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            return
        if isinstance(statement, (ast.With, ast.AsyncWith)):
            stops = any(_stops_recording(item.context_expr) for item in statement.items)
            self._unrecorded += stops
            self._block(statement.body)
            self._unrecorded -= stops
            return
        self._note_calls(statement)
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                self._assign(target, statement.value, statement)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, statement.value, statement)
        elif isinstance(statement, ast.AugAssign):
            self._change(statement.target, statement)
            if isinstance(statement.target, ast.Name):
                self._augmented(statement.target.id, statement)
        for block in _blocks(statement):
            self._block(block)

    # ------------------------------------------------------------------ names

    def _assign(self, target: ast.expr, value: ast.expr, statement: ast.stmt) -> None:
        pairs = [(target, value)]
        if isinstance(target, (ast.Tuple, ast.List)):
            same = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
            values = value.elts if same else [value] * len(target.elts)  # type: ignore[attr-defined]
            pairs = list(zip(target.elts, values, strict=True))
        for to, of in pairs:
            if isinstance(to, ast.Name):
                tracked, cut = self._flow(of, to.id)
                self._settle(to.id, tracked, cut, statement)
            else:
                self._change(to, statement)

    def _settle(self, name: str, tracked: bool, cut: Line | None, at: ast.stmt) -> None:
        if name == self._name:  # the tensor asked about is the last of that name
            self.found.follows, self.found.cuts = {name}, {}
            return
        self.found.follows.discard(name)
        self.found.cuts.pop(name, None)
        if tracked and self._unrecorded:
            self.found.cuts[name] = self._line("no_grad", name, at)
        elif tracked:
            self.found.follows.add(name)
        elif cut is not None:
            self.found.cuts[name] = cut

    def _augmented(self, name: str, statement: ast.AugAssign) -> None:
        tracked, cut = self._flow(statement.value, name)
        if tracked and not self._unrecorded:
            self.found.follows.add(name)
        elif cut is not None and name not in self.found.follows:
            self.found.cuts[name] = cut

    def _flow(self, expression: ast.expr, to: str) -> tuple[bool, Line | None]:
        """Whether the name's history flows through an expression; if only its numbers do, where."""
        if isinstance(expression, ast.Name):
            return expression.id in self.found.follows, self.found.cuts.get(expression.id)
        if isinstance(expression, (ast.Lambda, ast.GeneratorExp, ast.Compare)) or _asks(expression):
            return False, None
        flows = [self._flow(part, to) for part in _parts(expression)]
        tracked = any(yes for yes, _ in flows)
        cut = next((line for _, line in flows if line is not None), None)
        if tracked and _cuts(expression):
            return False, self._line("detached", to, expression)
        return tracked, cut

    # ------------------------------------------------------------------ what happens beside

    def _note_calls(self, statement: ast.stmt) -> None:
        for part in _outside_blocks(statement):
            if not isinstance(part, ast.Call) or not isinstance(part.func, ast.Attribute):
                continue
            method, owner = part.func.attr, part.func.value
            if method in ("backward", "grad"):
                self.found.passes.append(self._line("pass", _root_name(owner), part))
            if method.endswith("_") and not method.endswith("__") and isinstance(owner, ast.Name):
                self._change(owner, statement)
                given = [self._flow(argument, owner.id)[0] for argument in part.args]
                overwrites = method in _OVERWRITING or (method == "copy_" and not any(given))
                if overwrites and owner.id in self.found.follows and not self._unrecorded:
                    self.found.follows.discard(owner.id)
                    self.found.cuts[owner.id] = self._line("in_place", owner.id, part)
                elif method == "detach_" and owner.id in self.found.follows:
                    self.found.follows.discard(owner.id)
                    self.found.cuts[owner.id] = self._line("detached", owner.id, part)

    def _change(self, target: ast.expr, statement: ast.stmt) -> None:
        self.found.changes.append(self._line("in_place", _root_name(target), statement))

    def _line(self, what: str, name: str, at: ast.stmt | ast.expr) -> Line:
        lines = textwrap.dedent(self._source.text).split("\n")
        text = lines[at.lineno - 1].strip() if at.lineno <= len(lines) else ""
        return Line(what, name, self._source.where, at.lineno + self._source.first - 1, text)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The statements inside a statement: bodies of loops, branches, try."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list):
            yield block
    for handler in getattr(statement, "handlers", []):
        yield handler.body


def _outside_blocks(statement: ast.stmt) -> Iterator[ast.AST]:
    """All expressions of a statement that are not in a block of it."""
    for _, value in ast.iter_fields(statement):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.expr):
                yield from ast.walk(part)


def _parts(expression: ast.expr) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(expression):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.keyword):
            yield child.value


def _cuts(expression: ast.expr) -> bool:
    """Whether an expression gives away numbers without their history."""
    if isinstance(expression, ast.Attribute):
        return expression.attr in _CUTTING_ATTRIBUTES
    if isinstance(expression, ast.Call):
        return _called(expression) in _CUTTING_CALLS
    return False


def _asks(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Attribute) and expression.attr in _ASKING_ATTRIBUTES


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _stops_recording(context: ast.expr) -> bool:
    if not isinstance(context, ast.Call) or _called(context) not in _UNRECORDED:
        return False
    given = context.args[0] if context.args else None
    value = given.value if isinstance(given, ast.Constant) else None
    return value is False if _called(context) == "set_grad_enabled" else value is not False


def _root_name(expression: ast.expr) -> str:
    """The name that an attribute or item belongs to: `w` in `w.data[0]`."""
    while isinstance(expression, (ast.Attribute, ast.Subscript, ast.Call)):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else ""
