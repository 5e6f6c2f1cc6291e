"""Every array function that operations call exists in CuPy: no GPU is needed to find a typo.

The names are read from gradlab's sources and looked up in the installed CuPy, or else in the list
that `make cupy-names` takes from one of its wheels.
"""

from __future__ import annotations

import ast
import functools
import importlib
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from gradlab.op import OPS

ROOT = Path(__file__).parent.parent.parent
LIST = ROOT / "tests/data/cupy_names.txt"
SOURCES = [*sorted((ROOT / "gradlab/ops").glob("*.py")), ROOT / "gradlab/arrays.py"]
NAMESPACES = ("xp", "library")  # what the array module is called in a forward


def cupy_has(name: str) -> bool:
    """Whether CuPy has a function, or a ufunc a method that is implemented."""
    if name in listed() or name.startswith("cuda."):
        return True
    module, is_method = (
        installed(),
        isinstance(getattr(numpy, name.split(".")[0], None), numpy.ufunc),
    )
    if module is None or (is_method and "." in name):  # such methods exist, and only raise
        return False
    try:
        operator.attrgetter(name)(module)
    except AttributeError:
        return False
    return True


@functools.cache
def installed() -> Any:
    try:
        return importlib.import_module("cupy")
    except ImportError:
        return None


@functools.cache
def listed() -> frozenset[str]:
    lines = LIST.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def array_functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Dotted names behind `xp.` with their lines: `add.reduce` for `xp.add.reduce(x)`."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            name = dotted(node)
            if name.split(".")[0] in NAMESPACES:
                yield name.partition(".")[2], node.lineno


def special_functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """SciPy's names in calls of `special(xp, "erf", …)`, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) == "special":
            name = node.args[1]
            assert isinstance(name, ast.Constant), "name the function where it is called"
            yield f"special.{name.value}", node.lineno


def dotted(node: ast.expr) -> str:
    """`xp.add.reduce`, or nothing for an attribute of something else than a name."""
    if isinstance(node, ast.Attribute):
        start = dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return node.id if isinstance(node, ast.Name) else ""


def without_numpys_branch(tree: ast.AST) -> ast.AST:
    """The tree without what runs only where `xp is numpy`."""

    class Remover(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> Any:
            self.generic_visit(node)
            return node.orelse if is_for_numpy(node.test) else node

        def visit_IfExp(self, node: ast.IfExp) -> Any:
            self.generic_visit(node)
            return node.orelse if is_for_numpy(node.test) else node

    return Remover().visit(tree)


def is_for_numpy(test: ast.expr) -> bool:
    first = (
        test.values[0] if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else test
    )
    return ast.unparse(first) == "xp is numpy"


def forwards(tree: ast.AST) -> Iterator[ast.AST]:
    """The functions under `@op(...)`. Elsewhere, as in formulas, `xp.` names operations as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            calls = [d.func for d in node.decorator_list if isinstance(d, ast.Call)]
            if any(isinstance(call, ast.Name) and call.id == "op" for call in calls):
                yield from node.body


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_array_functions_exist_in_cupy(file: Path) -> None:
    tree = without_numpys_branch(ast.parse(file.read_text("utf-8")))
    in_forwards = {found for body in forwards(tree) for found in array_functions(body)}
    missing = [
        f"line {line}: xp.{name}"
        for name, line in array_functions(tree)
        if not cupy_has(name) and (name not in OPS or (name, line) in in_forwards)
    ]
    missing += [
        f"line {line}: {name}" for name, line in special_functions(tree) if not cupy_has(name)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("xp.sin(x)", ["sin"]),
        ("xp.add.reduce(x, axis=None)", ["add.reduce"]),
        ("library.linalg.norm(xp.abs(x))", ["abs", "linalg.norm"]),
        ("xp.where(x, y).astype(z)", ["where"]),
        ("numpy.sin(x) + x.T", []),
        ("xp.fast(x) if xp is numpy else xp.slow(x)", ["slow"]),
        ("if xp is numpy and ready:\n    xp.fast(x)\nelse:\n    xp.slow(x)", ["slow"]),
    ],
)
def test_names_are_read_off_the_source(source: str, names: list[str]) -> None:
    tree = without_numpys_branch(ast.parse(source))
    assert sorted(name for name, _ in array_functions(tree)) == names


def test_names_of_special_functions_are_read_too() -> None:
    tree = ast.parse('special(xp, "erf", "kernel", x) + other(xp, "sin")')
    assert list(special_functions(tree)) == [("special.erf", 1)]


def test_a_name_that_cupy_lacks_is_noticed() -> None:
    assert cupy_has("special.erfinv")
    assert not cupy_has("special.no_such_function")
    assert cupy_has("sin")
    assert cupy_has("add.reduce")
    assert not cupy_has("maximum.reduce")
    assert not cupy_has("no_such_function")
