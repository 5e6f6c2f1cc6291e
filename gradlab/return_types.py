"""Named pairs that reductions return: ``x.max(0).values``, ``x.max(0).indices``."""

from __future__ import annotations

from typing import Any, NamedTuple


class _Pair(NamedTuple):
    values: Any
    indices: Any


def _text(pair: _Pair) -> str:
    """PyTorch's text."""
    return (
        f"torch.return_types.{type(pair).__name__}(\n"
        f"values={pair.values!r},\nindices={pair.indices!r})"
    )


def _named(name: str) -> type[_Pair]:
    return type(name, (_Pair,), {"__repr__": _text, "__slots__": (), "__module__": __name__})


max = _named("max")
min = _named("min")
sort = _named("sort")
topk = _named("topk")
