"""Observers: whoever wants to watch operations and backward passes happen.

Engine and ops test one module-level tuple and know nothing else about the profiler, the anomaly
mode or the live drawing. An observer is any object with the two methods of ``Observer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Observer(Protocol):
    """What an observer answers to.

    It may have ``on_error(node)`` too: running ``node`` in a backward pass raised an error.
    """

    def on_node(self, node: Any, inputs: Sequence[Any], output: Any) -> None:
        """A forward operation has just recorded ``node`` and is about to return ``output``.

        ``inputs`` are what it was given for its tensors: tensors, Python numbers, or None.
        """

    def on_step(self, step: Any) -> None:
        """A backward pass has just run ``step.node``."""


active: tuple[Observer, ...] = ()


def add(observer: Observer) -> None:
    """Start telling ``observer``; adding it twice is the same as once."""
    global active
    if observer not in active:
        active = (*active, observer)


def remove(observer: Observer) -> None:
    """Stop telling ``observer``; one that was never added is ignored."""
    global active
    active = tuple(known for known in active if known is not observer)


def node_recorded(node: Any, inputs: Sequence[Any], output: Any) -> None:
    """Tell everyone that ``node`` was recorded."""
    for observer in active:
        observer.on_node(node, inputs, output)


def node_failed(node: Any) -> None:
    """Tell those who want to know that running ``node`` in a backward pass raised an error."""
    for observer in active:
        on_error = getattr(observer, "on_error", None)
        if on_error is not None:
            on_error(node)
