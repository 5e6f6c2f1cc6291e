"""Generated source made to run: its compilation, and the helpers it calls."""

from __future__ import annotations

import functools
import inspect
import linecache
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from gradlab import arrays, observers
from gradlab.arrays import Array
from gradlab.grad_mode import ensure_mode, mode
from gradlab.graph import NO_EDGE, Node, leaf_edge, next_order, second_backward
from gradlab.inplace import view_of
from gradlab.levels import NeedsRules
from gradlab.op.declaration import Op
from gradlab.op.nodes import RAW, OpNode, array_now, arrays_now, raw_functions
from gradlab.op.out import into, with_out
from gradlab.op.source import apply_source, function_source, release_source
from gradlab.op.wrapped import interpret
from gradlab.tensor import Tensor, in_order, inference_counter, no_such_dim
from gradlab.type_info import type_name


def make_node(declared: Op, name: str) -> type[OpNode]:
    slots = (*declared.saved_tensors, *declared.saved_plain)
    if declared.outputs != 1:
        slots = (*slots, "outputs")
    body: dict[str, Any] = {"__slots__": slots, "op": declared, "__module__": __name__}
    body["can_own"] = declared.view and declared.outputs == 1
    if declared.gradients:
        source = apply_source(declared) + "\n\n\n" + release_source(declared)
        made = _compile(f"{declared.name} backward", source, declared)
        body["apply"] = made["apply"]
        body["release"] = made["release"]
    return type(name, (OpNode,), body)


def compile_function(
    declared: Op, on_bad_argument: str, takes_out: bool = False
) -> Callable[..., Any]:
    source = function_source(declared, on_bad_argument, takes_out)
    function: Callable[..., Any] = _compile(declared.name, source, declared)[declared.name]
    function.__doc__ = inspect.getdoc(declared.forward)
    function.__module__ = declared.forward.__module__
    signature = with_out(declared.signature) if takes_out else declared.signature
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _compile(title: str, source: str, declared: Op) -> dict[str, Any]:
    """Run generated source; it is kept where tracebacks and ``inspect.getsource`` find it."""
    filename = f"<gradlab {title}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope: dict[str, Any] = dict(
        _SCOPE,
        __name__=declared.forward.__module__,
        op=declared,
        forward=declared.forward,
        numpy_functions=RAW[numpy],
    )
    for parameter in declared.signature.parameters.values():
        if parameter.name in scope or parameter.name in _LOCALS:
            raise ValueError(
                f"{declared.name}: {parameter.name!r} names something else in generated source"
            )
        scope[f"default_{parameter.name}"] = parameter.default
    for of, rule in declared.gradients.items():
        scope[f"gradient_of_{of}"] = rule.formula
    exec(compile(source, filename, "exec"), scope)
    if declared.name in scope:
        scope["function"] = scope[declared.name]
        scope["Node"] = declared.node
    return scope


_LOCALS = frozenset(("made", "node", "recording", "result", "saved", "self", "xp"))


# ------------------------------------------------------------------ what generated source calls


UNCHANGING = [0]  # the version counter of a Python number


def _promote_present(operands: Sequence[Any], how: str) -> list[Any]:
    """Promote those of several operands that are there."""
    meet = arrays.promote_to_float if how == "float" else arrays.promote
    present = iter(meet([operand for operand in operands if operand is not None]))
    return [None if operand is None else next(present) for operand in operands]


def _promote_without_bool(operands: Sequence[Any]) -> list[Array]:
    """Promote for a subtraction, which PyTorch refuses for masks (the forward, for two masks)."""
    bools = [type(one) is bool or getattr(one, "dtype", None) == arrays.BOOL for one in operands]
    if any(bools) and not all(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return arrays.promote(operands)


def _zeros_for_missing(node: Node, gradients: Sequence[Array | None]) -> list[Array] | None:
    """Zeros for outputs at which no gradient arrived; None where none did at any."""
    known = next((g for g in gradients if g is not None), None)
    if known is None:
        return None
    xp = arrays.array_module(known)
    return [
        xp.zeros(*node.outputs[i]) if gradient is None else gradient
        for i, gradient in enumerate(gradients)
    ]


def _conjugated(gradients: Sequence[Array | None]) -> list[Array | None]:
    return [None if g is None else arrays.as_array(g.conj()) for g in gradients]


def _unpack_all(node: OpNode, name: str, saved: Sequence[Any]) -> list[Array]:
    for _, _, counter, version in saved:
        if counter[0] != version:
            return arrays_now(node, name)
    return [array for _, array, _, _ in saved]


def _equals_array(function: Callable[..., Any], tensor: Tensor, other: Any) -> Any:
    if isinstance(other, numpy.ndarray):
        return function(tensor, Tensor._wrap(arrays.plain(other)))
    return NotImplemented


def _convert_arguments(declared: Op, values: tuple[Any, ...]) -> list[Any] | None:
    """The arguments with NumPy scalars as Python's and a leading number as a tensor, or None.

    The number has the dtype that it has beside the other operand, or by itself beside another.
    """
    if not hasattr(mode, "enabled"):
        ensure_mode()
        return list(values)  # nothing was wrong but that this thread had no mode yet
    converted = list(values)
    for i, name in enumerate(declared.signature.parameters):
        if name in declared.tensors and isinstance(values[i], numpy.generic):
            converted[i] = values[i].item()
    paired = len(declared.tensors) == 2 and declared.promote is not None and not declared.sequence
    takes_it = declared.numbers is None or declared.tensors[0] in declared.numbers
    if paired and takes_it and type(converted[0]) in arrays.PYTHON_SCALARS:
        first, second = converted[:2]
        if isinstance(second, Tensor):
            meet = arrays.promote_to_float if declared.promote == "float" else arrays.promote
            try:
                beside = meet((first, second._array))
            except NeedsRules:  # it stands for many numbers, of one dtype
                beside = meet((first, numpy.empty(1, second.dtype.numpy)))
            converted[0] = Tensor._wrap(beside[0])
        elif declared.numbers is None and type(second) in arrays.PYTHON_SCALARS:
            converted[0] = Tensor._wrap(numpy.asarray(first, arrays.scalar_dtype(first)))
    same = all(new is old for new, old in zip(converted, values, strict=True))
    return None if same else converted


def _argument_error(declared: Op, values: tuple[Any, ...]) -> TypeError:
    if declared.numbers:
        return _no_such_form(declared, values)
    for position, (name, value) in enumerate(
        zip(declared.signature.parameters, values, strict=True), start=1
    ):
        if name in declared.tensors and not isinstance(value, Tensor) and not declared.sequence:
            if value is None and name in declared.optional:
                continue
            return TypeError(
                f"{declared.public_name}(): argument '{name}' (position {position}) must be "
                f"Tensor, not {type_name(value)}. Make one with gradlab.tensor(...)."
            )
    return _no_such_form(declared, values)


def _no_such_form(declared: Op, values: tuple[Any, ...]) -> TypeError:
    names = " or ".join(f"'{name}'" for name in declared.numbers or ())
    way_out = names and f". Only {names} may be a number: make one with gradlab.tensor(...)."
    return TypeError(
        f"{declared.public_name}() received an invalid combination of arguments - got "
        f"({', '.join(type(v).__name__ for v in values)}){way_out}"
    )


def _not_differentiable(declared: Op, name: str) -> RuntimeError:
    return RuntimeError(
        f"The function '{declared.name}' is not differentiable with respect to argument '{name}'. "
        "This input cannot have requires_grad True. Pass its .detach()."
    )


def _empty_list(name: str) -> RuntimeError:
    return RuntimeError(f"{name}(): expected a non-empty list of Tensors")


def _forward_error(declared: Op, error: ValueError, operands: Sequence[Array]) -> Exception:
    """PyTorch's error for dimensions that aren't there and shapes that don't broadcast."""
    if isinstance(error, numpy.exceptions.AxisError) and error.axis is not None:
        return no_such_dim(error.axis, error.ndim or 0)
    shapes = [getattr(operand, "shape", ()) for operand in operands]
    if len(shapes) < 2 or (declared.promote is None and "broadcast" not in str(error)):
        return RuntimeError(f"{declared.public_name}(): {error}")
    one, two = shapes[0], shapes[1]
    for other in shapes[1:]:
        two = other
        for back in range(1, min(len(one), len(other)) + 1):
            a, b = one[-back], other[-back]
            if a != b and 1 not in (a, b):
                return RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at "
                    f"non-singleton dimension {max(len(one), len(two)) - back}"
                    f" ({declared.public_name} of shapes {list(one)} and {list(two)})"
                )
    return RuntimeError(f"{declared.public_name}(): {error}")


def _option_error(declared: Op, error: TypeError, values: tuple[Any, ...]) -> TypeError:
    """PyTorch's error for an option that should be a whole number; else the error as it is."""
    parameters = declared.signature.parameters.values()
    for position, (parameter, value) in enumerate(zip(parameters, values, strict=True), start=1):
        if parameter.annotation == "int" and not hasattr(value, "__index__"):
            return TypeError(
                f"{declared.public_name}(): argument '{parameter.name}' (position {position}) must "
                f"be int, not {type_name(value)}"
            )
    return error


def _in_single(compute: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What is computed of half-precision arrays as if they were of single precision."""
    found = compute(*[_single(one) for one in args], **options)
    return found.astype(_HALF) if getattr(found, "dtype", None) == numpy.float32 else found


def _single(value: Any) -> Any:
    return value.astype(numpy.float32) if getattr(value, "dtype", None) == _HALF else value


def _with_number(
    forward: Callable[..., Any], meet: Callable[..., Any], array: Array, number: Any
) -> tuple[Callable[..., Any], Array, Any]:
    """How and of what to compute where an array meets a Python number.

    One of half precision does in single, in which the number is; seen as another array, it tells
    the engine that a gradient is to be fitted.
    """
    if array.dtype != _HALF or type(number) not in (int, float):
        return forward, *meet((array, number))
    wide = numpy.array(number, numpy.float32) if type(array) is numpy.ndarray else number
    return functools.partial(_in_single, forward), array[...], wide


_HALF = arrays.float16.numpy

_SCOPE: dict[str, Any] = {
    "DIFFERENTIABLE": arrays.DIFFERENTIABLE,
    "FLOAT16": _HALF,
    "FLOAT32": arrays.float32.numpy,
    "NO_EDGE": NO_EDGE,
    "NeedsRules": NeedsRules,
    "NUMBERS": frozenset((float, int)),
    "PYTHON_SCALARS": arrays.PYTHON_SCALARS,
    "REAL_FLOATING": arrays.REAL_FLOATING,
    "SINGLE_OR_DOUBLE": frozenset(arrays.REAL_FLOATING) - {_HALF},
    "Tensor": Tensor,
    "UNCHANGING": UNCHANGING,
    "argument_error": _argument_error,
    "array_module": arrays.array_module,
    "as_array": arrays.as_array,
    "array": numpy.array,
    "asarray": numpy.asarray,
    "array_now": array_now,
    "conjugated": _conjugated,
    "convert_arguments": _convert_arguments,
    "empty_list": _empty_list,
    "equals_array": _equals_array,
    "forward_error": _forward_error,
    "leaf_edge": leaf_edge,
    "in_order": in_order,
    "in_single": _in_single,
    "inference_counter": inference_counter,
    "interpret": interpret,
    "into": into,
    "mode": mode,
    "ndarray": numpy.ndarray,
    "option_error": _option_error,
    "new": object.__new__,
    "next_order": next_order,
    "not_differentiable": _not_differentiable,
    "numpy": numpy,
    "numpy_scalar": numpy.generic,
    "observers": observers,
    "promote": arrays.promote,
    "promote_present": _promote_present,
    "promote_to_float": arrays.promote_to_float,
    "promote_without_bool": _promote_without_bool,
    "raw_functions": raw_functions,
    "second_backward": second_backward,
    "unpack_all": _unpack_all,
    "view_of": view_of,
    "with_number": _with_number,
    "zeros_for_missing": _zeros_for_missing,
}
