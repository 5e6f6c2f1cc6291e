"""Forward-mode differentiation by dual numbers: values that carry how fast they change.

>>> import gradlab as gl
>>> with dual_level():
...     x = make_dual(gl.tensor([1.0, 2.0]), gl.tensor([10.0, 1.0]))
...     primal, tangent = unpack_dual(x * x)
>>> tangent
tensor([20.,  4.])
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from gradlab import levels
from gradlab.func.derivatives import check_tangent
from gradlab.func.duals import Forward
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]


class UnpackedDualTensor(NamedTuple):
    """What ``unpack_dual`` returns: a number, and its tangent or None.

    >>> import gradlab as gl
    >>> unpack_dual(gl.tensor(3.0))
    UnpackedDualTensor(primal=tensor(3.), tangent=None)
    """

    primal: Tensor
    tangent: Tensor | None


class _Current(threading.local):
    level: Forward | None = None


_current = _Current()


def enter_dual_level() -> int:
    """Begin a level in which dual numbers can be made; return its number, 0.

    Raises RuntimeError inside of one. (``func.jvp`` can be nested.)

    >>> enter_dual_level()
    0
    >>> exit_dual_level()
    """
    if _current.level is not None:
        raise RuntimeError(
            "Nested forward mode AD is not supported at the moment. Nest calls of gradlab.func.jvp "
            "or gradlab.func.jacfwd instead."
        )
    _current.level = Forward(None)
    levels.enter(_current.level)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: its dual numbers are plain ones from now on.

    >>> import gradlab as gl
    >>> _ = enter_dual_level()
    >>> x = make_dual(gl.tensor(3.0), gl.tensor(1.0))
    >>> exit_dual_level()
    >>> unpack_dual(x).tangent is None
    True
    """
    entered = _current.level
    if level not in (None, 0 if entered is not None else -1):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is "
            "not supported."
        )
    if entered is None:
        raise RuntimeError("Dual level must be a positive number. There is no level to exit.")
    levels.leave(entered)
    _current.level = None


class dual_level:
    """A ``with`` block, or decorator, inside of which dual numbers can be made.

    >>> import gradlab as gl
    >>> with dual_level():
    ...     x = make_dual(gl.tensor(3.0), gl.tensor(1.0))
    ...     print(unpack_dual(x * x).tangent)
    tensor(6.)
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: object) -> None:
        exit_dual_level()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return decorated


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A dual number: ``tensor``, which changes as fast as ``tangent`` says.

    ``tangent`` has its shape. Raises RuntimeError outside of a level and for another shape,
    ValueError for tensors of integers.

    >>> import gradlab as gl
    >>> with dual_level():
    ...     print(unpack_dual(make_dual(gl.tensor(3.0), gl.tensor(1.0))))
    UnpackedDualTensor(primal=tensor(3.), tangent=tensor(1.))
    """
    own = _current.level
    if own is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    for name, given in (("primal", tensor), ("tangent", tangent)):
        if not (given.is_floating_point() or given.is_complex()):
            raise ValueError(
                f"Expected {name} to be floating point or complex, but got: {given.dtype}. "
                "Convert it first, with .float() for example."
            )
    if level not in (None, 0):
        raise RuntimeError("Invalid level given to _make_dual: there is only level 0.")
    if own.parts(tensor)[1] is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the "
            "same level 0 is not supported. unpack_dual() it first."
        )
    if own.parts(tangent)[1] is not None:
        raise RuntimeError(
            "Setting a forward grad that itself has a forward gradient at the same level0 is not "
            "supported. unpack_dual() it first."
        )
    check_tangent(tensor, tangent)
    return own.dual(FUNCTIONS["view_as"](tensor, tensor), tangent)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The number and the tangent of a dual number; of any other tensor itself, and None.

    >>> import gradlab as gl
    >>> unpack_dual(gl.tensor(3.0)).tangent is None
    True
    """
    own = _current.level
    if own is None:
        return UnpackedDualTensor(tensor, None)
    _ = tensor.grad_fn  # asked, a view of what has become dual since becomes dual as well
    primal, tangent = own.parts(tensor)
    return UnpackedDualTensor(FUNCTIONS["view_as"](primal, primal), tangent)
