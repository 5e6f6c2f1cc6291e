"""Operations: the one place that turns a declaration into everything an operation needs.

An operation is declared once, in ``ops/``, as a block like this::

    @op(
        latex=r"\\tanh input",
        grad=dict(input=(lambda g, out: g * (1 - out * out), r"g \\, (1 - out^2)")),
        promote="float",
        samples=real(-2, 2),
    )
    def tanh(xp: Namespace, input: Array) -> Array:
        return xp.tanh(input)

The forward works on raw arrays; ``xp`` is the library they belong to. Its parameters annotated
``Array`` are tensors (``Array | None`` optional ones, ``list[Array]`` a sequence of them), the
others are options. ``grad`` has for each differentiable tensor the formula of its gradient and
the same in LaTeX, in which the parameters' names stand for themselves.

The *names of a formula's parameters* say what the node must save: ``g`` is the gradient that
arrives, ``out`` the result, ``xp`` the functions to compute with, any other the tensor or option
of that name; ``input_shape`` saves only the shape of ``input``, ``input_strides`` how it lies in
memory. Several results may have names (``outputs=("Q", "R")``), under which formulas find them
saved; ``gs`` are the gradients of all of them, with zeros where none arrived, and ``arrived`` the
same with None there. A formula uses operators and ``xp.`` functions only, so the one text serves
twice: at first order ``xp`` computes on raw arrays, under ``create_graph=True`` it is gradlab
itself, and the result can be differentiated again.

For complex results a formula is still ``g`` times the plain derivative, as for real ones: the node
conjugates what arrives and what leaves, which makes it PyTorch's gradient, ``g`` times the
conjugate of the derivative. Real inputs that met complex ones get the real part (the engine). Where
that is no gradient, because the operation has no complex derivative (``sgn``, ``conj``, ``eigh``),
the block says ``holomorphic=False`` and its formulas are applied as they stand; so are those of
operations with real results (``abs``, ``norm``).

From the block, ``op`` writes the Python source of the function and of the node's ``apply``, made
for just this operation, and compiles it (as ``dataclasses`` does): signatures are real, and
nothing that is known at import is decided again at every call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy

from gradlab.arrays import PYTHON_SCALARS
from gradlab.inplace import change as changed_by
from gradlab.op.compiled import UNCHANGING, compile_function, make_node
from gradlab.op.declaration import FUNCTIONS, NODES, OPS, Gradient, Op, SavedAs, camel, read
from gradlab.op.nodes import ON_TENSORS, OpNode, SavedTensor, modified_since
from gradlab.op.out import TAKE_OUT
from gradlab.tensor import Tensor
from gradlab.type_info import type_name

__all__ = [
    "FUNCTIONS",
    "NODES",
    "ON_TENSORS",
    "OPS",
    "UNCHANGING",
    "Gradient",
    "Op",
    "OpNode",
    "SavedTensor",
    "alias",
    "composite",
    "modified_since",
    "op",
]


def op(
    *,
    latex: str,
    grad: Mapping[str, tuple[Callable[..., Any], str]] | None = None,
    samples: Any = (),
    promote: str | None = None,
    node: str | None = None,
    outputs: int | tuple[str, ...] | None = 1,
    view: bool = False,
    method: bool = True,
    public: bool = True,
    operator: str | None = None,
    inplace: bool | None = None,
    holomorphic: bool = True,
    saved: Mapping[str, SavedAs] | None = None,
    numbers: tuple[str, ...] | None = None,
    in_single: bool | str = False,
) -> Callable[[Callable[..., Any]], Any]:
    """Declare an operation; see the module's docstring.

    ``node``: the node's name where it is not the op's name in CamelCase with ``Backward0``.
    ``method``/``public``: whether it becomes a method and a function of ``gradlab`` (a primitive
    that a composite function uses is neither). ``operator``: the special method it also is.
    ``outputs``: how many results there are, or their names.
    ``inplace``: whether the form ``name_`` is made; by default for operations that promote.
    ``holomorphic=False``: formulas are PyTorch's gradients of complex results as they stand.
    ``in_single``: of half-precision arrays, forward and formulas (or "forward" alone) compute in
    single precision and round once, as PyTorch's do; else each step would round, and overflow.
    "with numbers": of two operands, where one is a Python number, which halves may not hold.
    ``saved``: attributes ``_saved_<name>`` of the node where PyTorch's are not just what formulas
    name: a function of what they name, that under its own name, or None for what PyTorch lacks.
    ``numbers``: of two operands, those in whose place a Python number may stand, as PyTorch has it;
    by default numbers are taken for tensors.
    Raises ValueError at import for a formula that names something the operation doesn't have.
    """

    def declare(forward: Callable[..., Any]) -> Any:
        declared = read(
            forward,
            latex,
            grad or {},
            samples,
            promote,
            outputs,
            view,
            holomorphic,
            saved,
            numbers,
            in_single,
        )
        node_name = node or camel(declared.name) + "Backward0"
        object.__setattr__(declared, "node", make_node(declared, node_name))
        function = compile_function(
            declared,
            "raise argument_error(op, {arguments}) from None",
            takes_out=public and declared.name in TAKE_OUT,
        )
        object.__setattr__(declared, "function", function)
        known_node = declared.gradients and node_name in NODES and node_name != "NotImplemented"
        if declared.name in OPS or known_node:
            raise ValueError(f"operation {declared.name!r} ({node_name}) is declared twice")
        OPS[declared.name] = declared
        if declared.gradients:
            NODES[node_name] = declared
        if public:
            FUNCTIONS[declared.name] = function
        if method:
            setattr(Tensor, declared.name, function)
        if inplace if inplace is not None else promote is not None:
            single = len(declared.tensors) == 1
            _publish_inplace_form(declared.name, function, public and single)
        if operator is not None:
            setattr(Tensor, operator, compile_function(declared, _OTHERWISE[operator == "__eq__"]))
        return function

    return declare


_OTHERWISE = ("return NotImplemented", "return equals_array(function, input, other)")
"""What an operator does with what is no tensor: ``==`` alone takes NumPy's arrays, as PyTorch's."""


def _publish_inplace_form(name: str, function: Callable[..., Any], public: bool) -> None:
    def change(input: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}_(): argument 'input' (position 1) must be Tensor, "
                f"not {type_name(input)}. Make one with gradlab.tensor(...)."
            )
        return changed_by(function, input, *args, **kwargs)

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"In-place form of ``{name}``: the result replaces ``input``."
    setattr(Tensor, name + "_", change)
    if public:
        FUNCTIONS[name + "_"] = change


def inplace_operator(name: str) -> Callable[..., Any]:
    """What ``x += y`` does for ``add``: with an array of NumPy's, ``x`` becomes another tensor."""
    function = FUNCTIONS[name]

    def operate(input: Any, other: Any) -> Any:
        if not isinstance(other, (Tensor, *PYTHON_SCALARS, numpy.generic)):
            return NotImplemented
        return changed_by(function, input, other)

    return operate


def composite(
    name: str | None = None, *, method: bool = True, public: bool = True, inplace: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Publish a plain function of operations as a function of ``gradlab`` and a method.

    ``inplace``: whether the method ``name_`` is made; whichever operation the function ends with
    must then have the function's first argument as its first tensor.
    """

    def declare(function: Callable[..., Any]) -> Any:
        published = function.__name__ = function.__qualname__ = name or function.__name__
        if public:
            FUNCTIONS[published] = function
        if method:
            setattr(Tensor, published, function)
        if inplace:
            _publish_inplace_form(published, function, public=False)
        return function

    return declare


def alias(name: str, *others: str) -> None:
    """Publish a function, its method and its in-place form under other names too."""
    for other in others:
        for form in ("", "_"):
            if name + form in FUNCTIONS:
                FUNCTIONS[other + form] = FUNCTIONS[name + form]
            if hasattr(Tensor, name + form):
                setattr(Tensor, other + form, getattr(Tensor, name + form))
