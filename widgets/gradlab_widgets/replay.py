"""Computes a recorded node's forward anew, from other numbers than it was recorded with.

A graph remembers derivatives, not functions. But nodes have names, and gradlab declares an
operation for each, so what a node computed can be computed again, in double precision, for graphs
of gradlab and of PyTorch alike; an `autograd.Function` of the user's brings its own forward.
Constants and options come from what the node saved; where one can't be found, `Unknown` says which.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradlab_widgets.adapters import Edge
from gradlab_widgets.walk import Found, Graph

__all__ = ["Replay", "Unknown"]

Numbers = np.ndarray[Any, Any]

# PyTorch's names for what a node saved, where they are not the parameter's.
_SAVED_AS = {"input": "self"}
# A constant term moves a sum, but not its slopes.
_SUMS = {"add", "sub", "rsub"}


class Unknown(Exception):
    """A node can't be computed anew; the message says what is missing."""


class Replay:
    """The numbers in a graph, and what its nodes compute from others."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._library = graph.library
        self._known: dict[Edge, Numbers] = {}
        self._find_saved()

    def _find_saved(self) -> None:
        """Results that some node saved are known whole."""
        for found in self._graph.found:
            if found.accumulates:
                continue
            for _, tensor in self._library.saved(found.node).tensors:
                if tensor.grad_fn is not None:
                    edge = (tensor.grad_fn, int(tensor.output_nr))
                    with contextlib.suppress(Unknown):
                        self._known.setdefault(edge, self._double(tensor))

    def _double(self, tensor: Any) -> Numbers:
        try:
            array = np.array(self._library.array(tensor))
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
            raise Unknown(f"the numbers of a tensor can't be read: {error}") from error
        precise = {"f": np.float64, "c": np.complex128}.get(array.dtype.kind)
        return array if precise is None else array.astype(precise)

    # ------------------------------------------------------------------ the numbers there are

    def value(self, edge: Edge) -> Numbers:
        """The tensor that an edge stands for, found or computed anew; Unknown where neither can."""
        if edge not in self._known:
            self._known[edge] = self._found(edge)
        return self._known[edge]

    def _found(self, edge: Edge) -> Numbers:
        node, output = edge
        found = self._graph.found[self._graph.index[node]]
        if found.accumulates:
            return self._double(found.variable)
        tensor = self._graph.names.tensor_of(node, output)
        if tensor is None and output == 0 and found.origin is not None:
            tensor = found.origin.tensor
        if tensor is not None:
            return self._double(tensor)
        return self.forward(found, self.inputs(found))[output]

    def inputs(self, found: Found, *, slopes_only: bool = False) -> list[Numbers | None]:
        """The values of a node's inputs, None for those that are constants.

        With `slopes_only`, where they are not known and the node's slopes are the same everywhere
        (it saved no tensor), any numbers will do.
        """
        try:
            return [None if edge[0] is None else self.value(edge) for edge in found.inputs]
        except Unknown:
            everywhere = slopes_only and not self._library.is_custom(found.node)
            if not everywhere or self._declared(found).saved_tensors:
                raise
            edges = [edge if edge[0] is not None else None for edge in found.inputs]
            return [None if edge is None else self._anything(edge) for edge in edges]

    def _anything(self, edge: Edge) -> Numbers:
        shape, _ = self._library.output_metas(edge[0])[edge[1]]
        return np.random.default_rng(0).uniform(-1, 1, shape)

    # ------------------------------------------------------------------ computing anew

    def forward(
        self, found: Found, inputs: Sequence[Numbers | None], *, slopes_only: bool = False
    ) -> list[Numbers]:
        """What a node computes from `inputs`, an array for each output.

        With `slopes_only`, a constant term that is not known may be left out.
        """
        if self._library.is_custom(found.node):
            return self._custom(found, inputs)
        declared = self._declared(found)
        gradlab = importlib.import_module("gradlab")
        given = self._arguments(declared, found, inputs, slopes_only)
        tensors = {
            name: [gradlab.tensor(a) for a in x] if isinstance(x, list) else
            x if x is None else gradlab.tensor(x)
            for name, x in given.items()
        }  # fmt: skip
        options = self._options(declared, found)
        try:
            with gradlab.no_grad():
                result = declared.function(**tensors, **options)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise Unknown(f"{found.title} can't be computed anew: {error}") from error
        results = list(result) if isinstance(result, (tuple, list)) else [result]
        return [np.array(r.numpy()) for r in results]

    def _declared(self, found: Found) -> Any:
        nodes = importlib.import_module("gradlab.op").NODES
        importlib.import_module("gradlab")  # importing it fills the table
        declared = nodes.get(found.op)
        if declared is None:
            raise Unknown(f"no forward of {found.op} is known here")
        return declared

    def _arguments(
        self, declared: Any, found: Found, inputs: Sequence[Numbers | None], slopes_only: bool
    ) -> dict[str, Any]:
        if declared.sequence:
            if any(x is None for x in inputs):
                raise Unknown(f"{found.title} was given a constant among its tensors, not saved")
            return {declared.tensors[0]: list(inputs)}
        given: dict[str, Any] = {}
        slots = dict(zip(declared.gradients, inputs, strict=False))
        saved = dict(self._library.saved(found.node).tensors)
        for name in declared.tensors:
            if slots.get(name) is not None:
                given[name] = slots[name]
                continue
            tensor = saved.get(_SAVED_AS.get(name, name), saved.get(name))
            numbers = [] if found.origin is None else list(found.origin.arguments)
            if tensor is not None:
                given[name] = self._double(tensor)
            elif name in declared.optional:
                given[name] = None
            elif len(numbers) == 1:
                given[name] = np.asarray(float(numbers[0]))
            elif slopes_only and declared.name in _SUMS:
                given[name] = np.zeros(found.shape)
            else:
                raise Unknown(f"the constant {name!r} of {found.title} was not saved")
        return given

    def _options(self, declared: Any, found: Found) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for name in declared.options:
            if name in found.options:
                options[name] = _signed(found.options[name])
            elif name == "shape":
                options[name] = found.shape
            elif name == "output_padding" and not found.options.get("transposed"):
                options[name] = (0,) * len(found.options.get("stride", ()))  # not looked at
            elif declared.signature.parameters[name].default is declared.signature.empty:
                raise Unknown(f"the option {name!r} of {found.title} was not saved")
        return options

    def _custom(self, found: Found, inputs: Sequence[Numbers | None]) -> list[Numbers]:
        node, module = found.node, self._library.module
        function = getattr(node, "_forward_cls", None) or getattr(node, "function", None)
        if function is None or any(x is None for x in inputs):
            raise Unknown(f"the arguments of {found.title} that are constants are not known")
        if len(node.needs_input_grad) != len(inputs):
            raise Unknown(f"the arguments of {found.title} that are no tensors are not known")
        with module.no_grad():
            result = function.apply(*(module.tensor(x) for x in inputs))
        results = list(result) if isinstance(result, (tuple, list)) else [result]
        return [self._double(r) for r in results]


def _signed(option: Any) -> Any:
    """PyTorch hands out negative numbers as very large ones."""
    if isinstance(option, int) and not isinstance(option, bool) and option >= 2**63:
        return option - 2**64
    return tuple(map(_signed, option)) if isinstance(option, tuple) else option
