"""Named pairs that reductions return: ``x.max(0).values``, ``x.max(0).indices``."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def _pair(name: str) -> type[tuple[Any, ...]]:
    """A named tuple (values, indices) that prints as PyTorch's."""

    def text(self: Any) -> str:
        fields = ",\n".join(f"{field}={getattr(self, field)!r}" for field in self._fields)
        return f"torch.return_types.{name}(\n{fields})"

    made = namedtuple(name, ("values", "indices"))
    made.__repr__ = text  # type: ignore[method-assign]
    made.__module__ = __name__
    return made


max = _pair("max")
min = _pair("min")
sort = _pair("sort")
topk = _pair("topk")
