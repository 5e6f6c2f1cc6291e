"""Evaluates a learner's formula, such as "2 * cos(x) @ w.T", on numbers and nothing else.

A formula is what a calculator takes: numbers, names of tensors, operators and well-known functions.
Anything else is refused by name, so no formula can reach into Python.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["FUNCTIONS", "evaluate"]

Numbers = np.ndarray[Any, Any]


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs,
    "sign": np.sign, "sigmoid": _sigmoid, "relu": lambda x: np.maximum(x, 0), "sum": np.sum,
    "mean": np.mean, "ones_like": np.ones_like, "zeros_like": np.zeros_like,
    "where": np.where, "matmul": np.matmul, "outer": np.outer, "dot": np.dot,
    "transpose": np.transpose,
}  # fmt: skip

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow, ast.MatMult: operator.matmul,
}  # fmt: skip
_UNARY: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_COMPARING: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_CONSTANTS = {"pi": np.pi, "e": np.e}
_LONGEST = 500


def evaluate(formula: str, names: Mapping[str, Numbers]) -> Numbers:
    """The numbers that a formula gives; ValueError, with the culprit, if it is none.

    >>> evaluate("2 * cos(x)", {"x": np.array([0.0])})
    array([2.])
    """
    if len(formula) > _LONGEST:
        raise ValueError(f"a formula has at most {_LONGEST} characters, this one {len(formula)}")
    try:
        tree = ast.parse(formula.strip().replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{formula!r} is no formula: {error.__class__.__name__}") from None
    try:
        with np.errstate(all="ignore"):
            return np.asarray(_value(tree.body, names), dtype=np.float64)
    except (TypeError, ZeroDivisionError, OverflowError, RecursionError) as error:
        raise ValueError(f"{formula!r} can't be computed: {error}") from None


def _value(node: ast.expr, names: Mapping[str, Numbers]) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() as number):
            return float(number)  # so that 9 ** 9 ** 9 overflows instead of taking for ever
        case ast.Name(id=name):
            return _named(name, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left, names), _value(right, names))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARING:
            compared = _COMPARING[type(op)](_value(left, names), _value(right, names))
            return np.asarray(compared, dtype=np.float64)
        case ast.Attribute(value=value, attr="T"):
            return np.transpose(_value(value, names))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*(_value(argument, names) for argument in arguments))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return np.array([_value(part, names) for part in parts])
    raise ValueError(
        f"{ast.unparse(node)!r} is not understood: a formula has numbers, names, + − * / ** @, .T "
        f"and the functions {', '.join(sorted(FUNCTIONS))}"
    )


def _named(name: str, names: Mapping[str, Numbers]) -> Any:
    if name in names:
        return names[name]
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    known = ", ".join(sorted(names)) or "none"
    raise ValueError(f"there is no tensor {name!r} in sight; there are {known}")
