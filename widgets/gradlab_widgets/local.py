"""Local derivatives: what one node's rule makes of a gradient, without running the pass around it.

The rule is the library's own: the node is called, or where PyTorch's can't be (an
`autograd.Function` of the user's), reached through a hook on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradlab_widgets.adapters import Edge, Library

__all__ = ["local_gradients"]

Numbers = np.ndarray[Any, Any]


def local_gradients(library: Library, node: Any, arriving: Sequence[Any]) -> list[Numbers | None]:
    """What leaves by each edge of `node` if `arriving` arrives at its outputs, as arrays.

    `arriving` has a tensor, or None, for each output. Nothing is stored and nothing is freed.
    Raises RuntimeError as the library does where what the node saved is gone.

    >>> import gradlab as gl
    >>> from gradlab_widgets.adapters import library_of
    >>> y = gl.tensor([1.0, 2.0], requires_grad=True) * 3
    >>> local_gradients(library_of(y), y.grad_fn, [gl.tensor([0.0, 1.0])])
    [array([0., 3.], dtype=float32), None]
    """
    leaving = (
        _called(library, node, arriving) if callable(node) else _hooked(library, node, arriving)
    )
    shapes = [_shape_of(library, edge) for edge in node.next_functions]
    arrays = [None if g is None else np.array(library.array(g)) for g in leaving]
    return [
        None if array is None or shape is None else _unbroadcast(array, shape)
        for array, shape in zip(arrays, shapes, strict=True)
    ]


def _called(library: Library, node: Any, arriving: Sequence[Any]) -> Sequence[Any]:
    with library.module.no_grad():
        leaving = node(*arriving)
    return leaving if isinstance(leaving, (tuple, list)) else (leaving,)


def _hooked(library: Library, node: Any, arriving: Sequence[Any]) -> Sequence[Any]:
    seen: list[Sequence[Any]] = []
    handle = node.register_hook(lambda leaving, arrived: seen.append(leaving))
    edge_type = library.module.autograd.graph.GradientEdge
    wanted = [
        edge_type(*edge) for edge in dict.fromkeys(node.next_functions) if edge[0] is not None
    ]
    given = [(edge_type(node, i), g) for i, g in enumerate(arriving) if g is not None]
    outputs, gradients = [edge for edge, _ in given], [g for _, g in given]
    try:
        library.module.autograd.grad(
            outputs, wanted, gradients, retain_graph=True, allow_unused=True
        )
    finally:
        handle.remove()
    return seen[0]


def _shape_of(library: Library, edge: Edge) -> tuple[int, ...] | None:
    """The shape of the tensor that an edge stands for; None where no gradient is wanted."""
    node, output = edge
    return None if node is None else library.output_metas(node)[output][0]


def _unbroadcast(array: Numbers, shape: tuple[int, ...]) -> Numbers:
    """The sum over whatever was repeated to make an input of `shape` fit."""
    if array.shape == shape:
        return array
    added = tuple(range(array.ndim - len(shape)))
    array = array.sum(axis=added)
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and array.shape[i] != 1)
    return array.sum(axis=repeated, keepdims=True) if repeated else array.reshape(shape)
