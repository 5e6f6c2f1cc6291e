"""Warnings that come once, however often what they warn of happens."""

from __future__ import annotations

import warnings

_given: set[str] = set()
_always = False


def warn_once(text: str, stacklevel: int) -> None:
    """Warn with ``text`` if that was not done before; ``stacklevel`` as in ``warnings.warn``."""
    if _always or text not in _given:
        _given.add(text)
        warnings.warn(text, UserWarning, stacklevel + 1)


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
