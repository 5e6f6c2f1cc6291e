"""Tracebacks in a notebook without the frames inside gradlab: the user's line, then the message.

A learner's error is about a line of the learner's; ten frames of an engine between the two are in
the way. Only what IPython prints is shorter: the error keeps its traceback, `%tb` prints all of it,
and with `%xmode Verbose` nothing is left out. Outside IPython nothing changes.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from gradlab_widgets.names import package_of

__all__ = ["shorten_tracebacks", "without_inside"]

_OURS = ("gradlab", "gradlab_widgets")
_CAUGHT = (Exception,)  # by this very tuple a shell knows that it is ours
_HELPERS = frozenset({"numpy", "cupy", *sys.stdlib_module_names})  # what ours call


def shorten_tracebacks(on: bool, shell: Any) -> None:
    """Have an IPython shell print short tracebacks, unless errors are somebody else's to print."""
    if on and not shell.custom_exceptions:
        shell.set_custom_exc(_CAUGHT, _show)
    elif not on and shell.custom_exceptions is _CAUGHT:
        shell.set_custom_exc((), None)


def without_inside(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of ours, and of what ours called that is no user's.

    A frame of the user's that ours called, such as a hook, stays.
    """
    kept: list[TracebackType] = []
    is_inside = False
    while traceback is not None:
        package = package_of(traceback.tb_frame)
        is_inside = package in _OURS or (is_inside and package in _HELPERS)
        if not is_inside:
            kept.append(traceback)
        traceback = traceback.tb_next
    shorter = None
    for one in reversed(kept):
        shorter = TracebackType(shorter, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return shorter


def _show(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType,
    tb_offset: int | None = None,
) -> None:
    """What IPython calls for an error in a cell."""
    show = functools.partial(shell.showtraceback, tb_offset=tb_offset, running_compiled_code=True)
    if shell.InteractiveTB.mode == "Verbose":
        show((kind, error, traceback))
        return
    with _without_what_it_came_from(error):
        show((kind, error, without_inside(traceback)))
    sys.last_traceback = traceback  # what %tb prints, and %debug looks into


@contextlib.contextmanager
def _without_what_it_came_from(error: BaseException) -> Iterator[None]:
    """For a while, leave out the error that `error` was raised for, if only ours saw that one."""
    cause, context = error.__cause__, error.__context__
    is_suppressed = error.__suppress_context__
    earlier = cause or (None if is_suppressed else context)
    if earlier is not None and without_inside(earlier.__traceback__) is None:
        error.__cause__ = None
        error.__suppress_context__ = True
    try:
        yield
    finally:
        error.__cause__, error.__suppress_context__ = cause, is_suppressed
