"""Levels: the transformations that a thread is inside of, and the stand-in for numbers they keep.

``vmap`` and forward mode compute with *wrapped* tensors (``op.wrapped.Wrapped``): a batch seen as
one of its elements, a number with its derivative. Each call of such a transformation is a
``Level``; levels stack up, and a wrapped tensor belongs to one of them. A wrapped tensor knows its
shape and dtype, so its ``_array`` is a ``Layout``: whoever asks it for more than that is answered
with ``NeedsRules``, which every operation catches, to ask the level how to go on. Plain tensors
pay nothing for it.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class NeedsRules(AttributeError):
    """The numbers of a wrapped tensor were asked for, and it has none of its own."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} was asked of a tensor inside of vmap or forward-mode differentiation, which "
            "stands for many numbers or for a number and its derivative. This function computes "
            "with the numbers directly: call it outside of the transformation."
        )


class Level:
    """One transformation that is running: what operations on its wrapped tensors mean."""

    depth: int = 0  # how many transformations this one is inside of, itself included
    alive: bool = True
    transforms: bool = True  # a function of ``func`` does, and not a dual number by itself

    def call(self, op: Any, args: tuple[Any, ...]) -> Any:
        """The result of an operation, some of whose arguments are wrapped at this level."""
        raise NotImplementedError

    def assign(self, target: Any, result: Any) -> None:
        """Put what ``result`` holds into ``target``; one of them is wrapped at this level."""
        raise NotImplementedError

    def follow(self, view: Any) -> None:
        """Wrap, in place, a view of a tensor that was wrapped at this level in place."""
        raise NotImplementedError

    def fresh(self, tensor: Any, make: Callable[[Any], Any]) -> Any:
        """``tensor`` with ``make`` of what is differentiated inside; of every element its own."""
        raise NotImplementedError

    def over_batches(self, tensor: Any, make: Callable[[Any], Any]) -> Any:
        """``tensor``, batched if this is a level of batches, with ``make`` of what is inside."""
        raise NotImplementedError

    def by_numbers(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What a function without derivative gives, some of whose arguments are wrapped."""
        raise NotImplementedError

    def plain(self, tensor: Any, function: str) -> Any:
        """The tensor inside, where ``function`` may look at its numbers."""
        raise NotImplementedError

    def owned(self, tensor: Any) -> Any:
        """A new tensor as one that may be written to at this level."""
        return tensor

    def draw(self, name: str, make: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What ``make(*args, **kwargs)``, called so, draws at random, as this level has it."""
        return make(*args, **kwargs)


class _Stack(threading.local):
    def __init__(self) -> None:
        self.levels: list[Level] = []
        self.reverse: list[Any] = []


_stack = _Stack()
_counting = threading.Lock()

active = 0
"""How many levels there are in all threads: where none, nobody need look for wrapped tensors."""


reversing = 0
"""How many functions are being differentiated by ``func`` in reverse, in all threads."""


def begin_reverse(differentiation: Any) -> None:
    """Note that what this thread calls now will be differentiated in reverse."""
    global reversing
    with _counting:
        reversing += 1
    _stack.reverse.append(differentiation)
    differentiation.depth = len(_stack.levels) + len(_stack.reverse)


def end_reverse(differentiation: Any) -> None:
    """The end of that."""
    global reversing
    _stack.reverse.remove(differentiation)
    with _counting:
        reversing -= 1


def reversed_by() -> Sequence[Any]:
    """By what this thread's functions are being differentiated in reverse, the outermost first."""
    return _stack.reverse


def transforming() -> bool:
    """Whether this thread is inside of a function that ``func`` transforms."""
    return bool(_stack.reverse) or any(level.transforms for level in _stack.levels)


def entered() -> Sequence[Level]:
    """The levels this thread is inside of, the outermost first."""
    return _stack.levels


def enter(level: Level) -> None:
    """Start a level inside of those there are."""
    global active
    with _counting:
        active += 1
    _stack.levels.append(level)
    level.depth = len(_stack.levels) + len(_stack.reverse)


def leave(level: Level) -> None:
    """End the innermost level. Tensors wrapped at it are from now on what they wrap."""
    global active
    assert _stack.levels[-1] is level, "levels end in the reverse order of their beginning"
    _stack.levels.pop()
    level.alive = False
    with _counting:
        active -= 1


@contextmanager
def inside(level: Level) -> Iterator[Level]:
    """A level for the length of a block."""
    enter(level)
    try:
        yield level
    finally:
        leave(level)


# ------------------------------------------------------------------ wrapped tensors


def level_of(value: Any) -> Level | None:
    """The level that a tensor is wrapped at; None for a plain one, and for what is no tensor."""
    return getattr(value, "_level", None)


def innermost(*values: Any) -> Level | None:
    """The innermost level that a tensor in ``values``, or in tuples and lists there, belongs to."""
    found: Level | None = None
    for value in values:
        level = innermost(*value) if isinstance(value, (tuple, list)) else level_of(value)
        if level is not None and (found is None or level.depth > found.depth):
            found = level
    return found


def owned_like(tensor: Any, made: Any) -> Any:
    """``made``, a new tensor, as one that what is computed from ``tensor`` may be written to."""
    level = level_of(tensor)
    return made if level is None else level.owned(owned_like(tensor._inner, made))


def assign(target: Any, result: Any) -> Any:
    """Put what ``result`` holds into ``target``, where one of them at least is wrapped."""
    level = innermost(target, result)
    assert level is not None
    level.assign(target, result)
    return target


def by_chance(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function that draws random numbers: each level has its way to call it."""

    @functools.wraps(function)
    def drawing(*args: Any, **kwargs: Any) -> Any:
        if active and _stack.levels:
            return _drawn(function, args, kwargs, _stack.levels)
        return function(*args, **kwargs)

    return drawing


def _drawn(function: Callable[..., Any], args: Any, kwargs: Any, around: Sequence[Level]) -> Any:
    if not around:
        return function(*args, **kwargs)
    *outer, inner = around
    name = function.__name__.removeprefix("_")
    return inner.draw(name, lambda *a, **k: _drawn(function, a, k, outer), args, kwargs)


def by_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function of tensors that computes with their arrays and has no derivative."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        level = innermost(*args, *kwargs.values()) if active else None
        if level is None:
            return function(*args, **kwargs)
        return level.by_numbers(called, args, kwargs)

    return called


def numbers_of(tensor: Any, function: str) -> Any:
    """The array of a tensor for a function whose result's shape depends on the numbers."""
    level = level_of(tensor)
    return tensor._array if level is None else numbers_of(level.plain(tensor, function), function)


def _missing(*args: Any) -> Any:
    raise RuntimeError("internal: nothing has said yet how to do this with wrapped tensors")


text: Callable[[Any], str] = _missing
"""How a tensor prints inside of transformations; ``func`` says it."""

differentiate: Callable[..., list[Any]] = _missing
"""Gradients of wrapped tensors; ``func`` says how."""

over_batch: Callable[..., list[Any]] = _missing
"""What a function makes of every element of batches, with all of them at once; likewise."""

check_function: Callable[[Any], None] = _missing
"""Raises for an ``autograd.Function`` that may not be used inside of transformations."""

apply_function: Callable[..., Any] = _missing
"""The result of an ``autograd.Function`` on wrapped tensors; likewise."""


# ------------------------------------------------------------------ layouts


class Flags:
    """What NumPy tells of an array's memory, as far as shape and strides say it."""

    __slots__ = ("c_contiguous", "f_contiguous", "writeable")

    def __init__(self, shape: Sequence[int], strides: Sequence[int], itemsize: int) -> None:
        self.c_contiguous = _in_order(shape, strides, itemsize)
        self.f_contiguous = _in_order(shape[::-1], strides[::-1], itemsize)
        self.writeable = True

    @property
    def fnc(self) -> bool:
        """Whether the first dimension is the fastest, and not the last as well."""
        return self.f_contiguous and not self.c_contiguous


def _in_order(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> bool:
    if 0 in shape:
        return True
    step = itemsize
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


class Layout:
    """Shape, strides and dtype of an array that isn't there: of ``source`` without some dims."""

    __slots__ = ("dtype", "shape", "source", "strides")

    def __init__(self, source: Any, leading: int = 0) -> None:
        self.source = source
        self.shape: tuple[int, ...] = source.shape[leading:]
        self.strides: tuple[int, ...] = source.strides[leading:]
        self.dtype = source.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.itemsize

    @property
    def flags(self) -> Flags:
        """How the elements lie in memory."""
        return Flags(self.shape, self.strides, self.itemsize)

    def __getattr__(self, name: str) -> Any:
        raise NeedsRules(f"array.{name}")


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(self: Layout, *args: Any, **kwargs: Any) -> Any:
        raise NeedsRules(name)

    return refuse


for _name in (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "mod"),
    *("pow", "matmul", "and", "or", "xor", "neg", "invert", "abs", "eq", "ne", "lt", "le", "gt"),
    *("ge", "getitem", "setitem", "iter", "len", "bool", "int", "float", "complex", "index"),
    *("array", "array_ufunc", "array_function", "iadd", "imul"),
):
    setattr(Layout, f"__{_name}__", _refusing(f"__{_name}__"))
del _name
