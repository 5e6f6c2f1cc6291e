"""Which call of the user's made a node: of an nn.Module, or of a Python function.

A graph is read in the groups it was written in. A module tells of its calls by hooks; of a
function's call nobody tells, but its frame is on the stack, and a frame can carry a mark: `f_trace`
holds whatever is put there, is read only while a debugger traces, and is gone with the frame. So
two calls of one function are two marks, no frame is kept alive, and from the second operation of a
call on its mark is found at once.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from types import FrameType
from typing import Any

from gradlab_widgets.names import NOT_THE_USER, package_of

__all__ = ["Call", "call_of", "enter", "leave"]

_DEEPEST = 40  # frames of the user's that are looked at, from the inside out

_serial = itertools.count()


class Call:
    """One call of a module or of a function, and the call it was made in."""

    __slots__ = ("name", "parent", "running", "serial")

    def __init__(self, name: str, parent: Call | None, module: Any = None) -> None:
        self.name = name
        self.parent = parent
        self.running: weakref.ref[Any] | None = None if module is None else weakref.ref(module)
        self.serial = next(_serial)

    def __call__(self, *event: object) -> None:
        """What Python does with `f_trace` while a debugger traces; there is nothing to tell."""

    @property
    def module(self) -> Any:
        """The module that was called; None for a function, and for a module that is gone."""
        return None if self.running is None else self.running()

    def chain(self) -> list[Call]:
        """This call and those around it, outermost first."""
        calls: list[Call] = []
        call: Call | None = self
        while call is not None and call is not _NOWHERE:
            calls.append(call)
            call = call.parent
        return calls[::-1]


# Marks the frame of what is no call worth telling, such as a lambda's.
_NOWHERE = Call("", None)


class _Modules(threading.local):
    """The calls of modules that are running in this thread, outermost first."""

    def __init__(self) -> None:
        self.running: list[tuple[Call, Any]] = []


_modules = _Modules()


def enter(module: Any, frame: FrameType | None) -> None:
    """Note that `module` was called, by the user's code in `frame`."""
    outer = None if frame is None else call_of(frame)
    _modules.running.append((Call(type(module).__name__, outer, module), module))


def leave(module: Any) -> None:
    """Note that `module` is done, and those in it that were interrupted."""
    while _modules.running and _modules.running.pop()[1] is not module:
        pass


def call_of(frame: FrameType) -> Call | None:
    """The innermost call that is running in `frame`, the innermost of the user's; None for none."""
    running = _modules.running[-1][0] if _modules.running else None
    if frame.f_code.co_name == "<module>":
        return running
    mark = frame.f_trace
    return _inner(mark if type(mark) is Call else _mark(frame, running), running)


def _inner(one: Call | None, other: Call | None) -> Call | None:
    """The later of two calls that are both running, which is inside the other."""
    if one is None or other is None:
        return one or other
    return one if one.serial > other.serial else other


def _mark(frame: FrameType | None, running: Call | None) -> Call:
    """Mark `frame` and those around it that carry no mark yet."""
    fresh: list[FrameType] = []
    outer: Call | None = None
    while frame is not None and len(fresh) < _DEEPEST and frame.f_code.co_name != "<module>":
        if package_of(frame) not in NOT_THE_USER:
            if type(frame.f_trace) is Call:
                outer = frame.f_trace
                break
            fresh.append(frame)
        frame = frame.f_back
    call = _inner(outer, running) or _NOWHERE
    for frame in reversed(fresh):
        name = frame.f_code.co_name
        is_forward = name == "forward" and call.running is not None  # of the module just called
        if frame.f_trace is not None:  # a debugger's
            continue
        if not is_forward and not name.startswith("<"):
            call = Call(name, call)
        frame.f_trace = call
    return call
