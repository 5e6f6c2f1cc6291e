"""What the charts' rooms have in common: what a function is called, and numbers for a payload."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradlab_widgets.adapters import Library
from gradlab_widgets.trace import Number, clean, number

__all__ = ["CHART_SCHEMA", "Numbers", "called", "evenly", "floating", "short_numbers", "tidy"]

CHART_SCHEMA = 1  # of the payloads in docs/charts.md

Numbers = np.ndarray[Any, Any]


def called(f: Callable[..., Any]) -> str:
    """What `f` is called; "f" where it has no name.

    >>> called(len), called(lambda x: x)
    ('len', 'f')
    """
    name = clean(getattr(f, "__name__", type(f).__name__))
    return name if name != "<lambda>" else "f"


def floating(library: Library, inputs: Any, what: str) -> Numbers:
    """The numbers of a floating-point tensor in one row; TypeError for one of another dtype."""
    if not inputs.is_floating_point():
        raise TypeError(
            f"{what}: inputs of dtype {library.dtype(inputs)} have no gradient; "
            "give floating-point numbers, such as inputs.float()"
        )
    return library.array(inputs).reshape(-1)


def evenly(size: int, most: int) -> Numbers:
    """At most `most` of the places 0 … size − 1, evenly picked, the first and the last among them.

    >>> evenly(5, 3).tolist(), evenly(2, 3).tolist(), evenly(0, 3).tolist()
    ([0, 2, 4], [0, 1], [])
    """
    if size <= most:
        return np.arange(size)
    return np.linspace(0, size - 1, most).round().astype(int)


def tidy(places: Numbers) -> Numbers:
    """Places without the last digits' noise, as a reader meant them: 0 instead of −1.04e−7.

    >>> tidy(np.array([-1.0, 1e-8, 1.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    finite = places[np.isfinite(places)].astype(float)
    span = np.ptp(finite) if finite.size else 0.0
    if not span > 0 or not np.isfinite(span):
        return places
    digits = int(6 - np.floor(np.log10(span)))
    rounded: Numbers = np.round(places.astype(float), digits) + 0.0
    return rounded


def short_numbers(row: Iterable[Any]) -> list[Number]:
    """Numbers as JSON can hold them, with the six digits that a chart can show.

    >>> short_numbers([1 / 3, float("nan")])
    [0.333333, 'nan']
    """
    return [number(float(f"{float(x):.6g}")) for x in row]
