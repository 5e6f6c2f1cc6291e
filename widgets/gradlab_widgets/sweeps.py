"""Sweeps: what a computation's values and gradients do while one element of a leaf is moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradlab_widgets.adapters import Library, library_of
from gradlab_widgets.chart import Chart
from gradlab_widgets.evaluate import CHART_SCHEMA, Numbers, short_numbers, tidy
from gradlab_widgets.names import Names, caller_namespace
from gradlab_widgets.trace import clean, number

__all__ = ["sweep"]

_MOST_LINES = 8  # elements of one tensor that get lines
_MOST_ELEMENTS = 16  # of the leaf that are swept when all are asked for

Place = tuple[int, ...]
Lines = dict[str, float]


def sweep(f: Callable[[], Any], leaf: Any, index: int | Sequence[int] | None, values: Any) -> Chart:
    """Plot what `f` computes, and the gradients of it, while one element of a leaf is swept.

    `f` takes no argument and computes from `leaf`: it returns a tensor, or a dict of named tensors
    of which the last is the result. A tensor of several elements is drawn as one line for each, at
    most eight. Gradients are those of the result (its sum) by each of the other tensors and by the
    leaf's element. `index` is the element's; None sweeps each element in turn, at most sixteen, and
    lets the reader choose. The leaf has its own numbers back afterwards.

    Raises TypeError for what is no tensor, IndexError for an element that is not there.

    >>> import gradlab as gl
    >>> w = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> chart = sweep(lambda: {"h": w * w, "loss": (w * w).sum()}, w, 0, [-1.0, 0.0, 1.0])
    >>> for line in chart.payload["elements"][0]["values"]:
    ...     print(line["label"], line["y"])
    h[0] [1.0, 0.0, 1.0]
    h[1] [4.0, 4.0, 4.0]
    loss [5.0, 4.0, 5.0]
    >>> w
    tensor([1., 2.], requires_grad=True)
    """
    library = library_of(leaf, "sweep(f, leaf, index, values)")
    name = Names(library, caller_namespace()).of_tensor(leaf) or "leaf"
    shape = tuple(int(n) for n in leaf.shape)
    given = library.array(values) if library.is_tensor(values) else np.array(values, float)
    swept = tidy(given.reshape(-1))
    notes = []
    if index is None:
        places = list(np.ndindex(shape))[:_MOST_ELEMENTS]
        if leaf.numel() > _MOST_ELEMENTS:
            notes.append(f"The first {_MOST_ELEMENTS} of {leaf.numel()} elements are swept.")
    else:
        places = [_place(index, shape)]
    elements = [_swept(library, f, leaf, name, place, swept) for place in places]
    only = f" as {elements[0]['label']} is swept" if len(elements) == 1 else ""
    payload = {
        "schema": CHART_SCHEMA,
        "x": short_numbers(swept),
        "elements": elements,
        "title": f"values and gradients{only or f' as elements of {name} are swept'}",
        "note": " ".join(notes),
    }
    return Chart("sweep", payload, len(elements))


def _place(index: int | Sequence[int], shape: Place) -> Place:
    """An element's index in full; a number counts through all elements."""
    if isinstance(index, int):
        return tuple(int(i) for i in np.unravel_index(index, shape)) if shape else ()
    return tuple(int(i) for i in index)


def _swept(
    library: Library, f: Callable[[], Any], leaf: Any, name: str, place: Place, swept: Numbers
) -> dict[str, Any]:
    """One element of the payload: the lines of values and of gradients."""
    label = _element(name, place)
    now = leaf.detach()[place]
    held = float(now)
    values: list[Lines] = []
    gradients: list[Lines] = []
    try:
        for value in swept:
            with library.module.no_grad():
                leaf[place] = float(value)
            with library.module.enable_grad():
                tensors = _named(library, f())
            values.append(_values(library, tensors))
            gradients.append(_gradients(library, tensors, leaf, place, label))
    finally:
        with library.module.no_grad():
            leaf[place] = held
    return {
        "label": label,
        "now": number(held),
        "values": _lines(values),
        "gradients": _lines(gradients),
    }


def _named(library: Library, result: Any) -> Mapping[str, Any]:
    tensors: Mapping[str, Any] = result if isinstance(result, Mapping) else {"f": result}
    for label, tensor in tensors.items():
        if not library.is_tensor(tensor):
            raise TypeError(
                f"sweep(f, …): f is to return tensors, but {label!r} is {type(tensor).__name__}"
            )
    return tensors


def _values(library: Library, tensors: Mapping[str, Any]) -> Lines:
    pairs = ((clean(label), library.array(tensor)) for label, tensor in tensors.items())
    return {key: value for label, array in pairs for key, value in _elements(label, array)}


def _gradients(
    library: Library, tensors: Mapping[str, Any], leaf: Any, place: Place, own: str
) -> Lines:
    """The gradients of the last tensor by the others, and by the element that is swept."""
    *inner, (last, root) = tensors.items()
    if not root.requires_grad:
        return {}
    found: Lines = {}
    ones = library.ones_like(root)
    for label, tensor in inner:
        gradient = library.grad(root, tensor, ones) if tensor.requires_grad else None
        if gradient is not None:
            found |= dict(_elements(f"∂{clean(last)}/∂{clean(label)}", library.array(gradient)))
    gradient = library.grad(root, leaf, ones) if leaf.requires_grad else None
    by_leaf = 0.0 if gradient is None else float(library.array(gradient)[place])
    return {**found, f"∂{clean(last)}/∂{own}": by_leaf}


def _lines(rows: Sequence[Lines]) -> list[dict[str, Any]]:
    """A line per label; a number that is not always there leaves a gap."""
    labels = list(dict.fromkeys(label for row in rows for label in row))
    nan = float("nan")
    return [
        {"label": label, "y": short_numbers(row.get(label, nan) for row in rows)}
        for label in labels
    ]


def _elements(label: str, array: Numbers) -> list[tuple[str, float]]:
    if not array.ndim:
        return [(label, float(array))]
    picked = list(np.ndindex(array.shape))[:_MOST_LINES] if array.size else []
    return [(_element(label, i), float(array[i])) for i in picked]


def _element(label: str, place: Place) -> str:
    return f"{label}[{', '.join(map(str, place))}]" if place else label
