"""Warnings that come once, however often what they warn of happens."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

_given: set[str] = set()
_always = False


def warn_once(text: str, stacklevel: int | None = None) -> None:
    """Warn with ``text`` if that was not done before; ``stacklevel`` as in ``warnings.warn``.

    Without one, the line is shown that called the first of gradlab's functions.
    """
    if _always or text not in _given:
        _given.add(text)
        warnings.warn(text, UserWarning, _to_caller() if stacklevel is None else stacklevel + 1)


def _to_caller() -> int:
    """The ``stacklevel`` of who called gradlab, seen from ``warn_once``."""
    frame: FrameType | None = sys._getframe(2)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").startswith("gradlab."):
        frame, level = frame.f_back, level + 1
    return level


def set_warn_always(b: bool) -> None:
    """Whether warnings that usually come once in a process come every time.

    >>> set_warn_always(True)
    >>> is_warn_always_enabled()
    True
    >>> set_warn_always(False)
    """
    global _always
    _always = b


def is_warn_always_enabled() -> bool:
    """Whether warnings that usually come once in a process come every time.

    >>> is_warn_always_enabled()
    False
    """
    return _always
