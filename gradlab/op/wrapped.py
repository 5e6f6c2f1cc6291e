"""Wrapped tensors: what ``vmap`` and forward mode hand to the functions they transform.

A ``Wrapped`` tensor has no array. It answers for what it wraps (shape, dtype, whether it requires
grad), and every operation that reads its numbers ends up in ``interpret``, which asks the level
that it belongs to for the operation's rule.
"""

from __future__ import annotations

from typing import Any

from gradlab import arrays
from gradlab.graph import Edge, Node
from gradlab.inplace import View
from gradlab.levels import Layout, Level, NeedsRules, innermost, level_of
from gradlab.op.declaration import Op
from gradlab.tensor import Tensor


def interpret(op: Op, args: tuple[Any, ...]) -> Any:
    """The result of an operation on wrapped tensors, by the rules of their innermost level."""
    args = tuple([_revived(value) for value in args])
    _follow_bases(args)
    level = innermost(*args)
    if level is None:
        return call(op, args)
    result = level.call(op, args)
    if op.view:
        several = result if isinstance(result, tuple) else (result,)
        for output, one in enumerate(several):
            one.__dict__["_viewed"] = (op, args, output)
    return result


def call(op: Op, args: tuple[Any, ...]) -> Any:
    """The operation with all its arguments in the order of its signature."""
    parameters = list(op.signature.parameters.values())
    if parameters[-1].kind is not parameters[-1].KEYWORD_ONLY:
        return op.function(*args)
    given = list(zip(parameters, args, strict=True))
    return op.function(
        *[value for p, value in given if p.kind is not p.KEYWORD_ONLY],
        **{p.name: value for p, value in given if p.kind is p.KEYWORD_ONLY},
    )


def _revived(value: Any) -> Any:
    """A value without tensors wrapped at a level that has ended: what they wrap instead."""
    if type(value) in (tuple, list):
        return type(value)([_revived(one) for one in value])
    while isinstance(value, Wrapped) and not value._level.alive:
        value = value._inner
    return value


def _follow_bases(values: Any) -> None:
    """Wrap the plain views of what has been wrapped since, in place, before one is looked at."""
    for value in values:
        if type(value) in (tuple, list):
            _follow_bases(value)
        elif isinstance(value, Tensor) and level_of(value) is None and value._view is not None:
            value._view.refresh(value, asked=True)


class Wrapped(Tensor):
    """A tensor that stands for others; ``_level`` says in what way."""

    __slots__ = ()  # so that a plain tensor can become a wrapped one

    _level: Level
    _viewed: tuple[Op, tuple[Any, ...], int] | None = None  # the view operation that made this

    @property
    def _inner(self) -> Tensor:
        """The tensor inside that holds the numbers and their history."""
        raise NotImplementedError

    @property
    def _array(self) -> Layout:
        raise NotImplementedError

    # ------------------------------------------------------------------ history: that of the inner

    @property
    def _view(self) -> View | None:  # type: ignore[override]
        raise NeedsRules("its place in memory")

    @property
    def _edge(self) -> Edge | None:  # type: ignore[override]
        return self._inner._edge

    @property
    def _requires_grad(self) -> bool:  # type: ignore[override]
        raise NeedsRules("its history")

    @property
    def _counter(self) -> list[int]:  # type: ignore[override]
        return self._inner._counter

    @property
    def _grad(self) -> Tensor | None:  # type: ignore[override]
        return self._inner._grad

    @property
    def requires_grad(self) -> bool:
        """Whether operations on what is inside are recorded."""
        return self._inner.requires_grad

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self._inner.requires_grad = flag

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Refused: it would track the whole batch, or the number without its derivative."""
        raise RuntimeError(
            "You are attempting to call Tensor.requires_grad_() (or perhaps using "
            "torch.autograd.functional.* APIs) inside of a function being transformed by a "
            "functorch transform. This is unsupported, please attempt to use the functorch "
            "transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside "
            "of a function being transformed instead."
        )

    @property
    def grad_fn(self) -> Node | None:
        """The node that made what is inside."""
        return self._inner.grad_fn

    @property
    def _base(self) -> Tensor | None:
        return self._inner._base

    def _is_view(self) -> bool:
        return self._inner._is_view()

    @property
    def data(self) -> Tensor:
        """The same numbers without history (and as a number, without its tangent)."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        raise RuntimeError(
            "the memory of a tensor can't be exchanged inside of vmap or forward mode: write to "
            "it with copy_()"
        )

    # ------------------------------------------------------------------ where it is

    @property
    def device(self) -> arrays.device:
        """Where the elements are."""
        return self._inner.device

    @property
    def is_cuda(self) -> bool:
        """Whether the elements are on a GPU."""
        return self._inner.is_cuda

    # ------------------------------------------------------------------ showing

    @property
    def _heading(self) -> str | None:
        """What PyTorch's text of it begins with; None where it prints as what is inside."""
        raise NotImplementedError

    def __format__(self, spec: str) -> str:
        return object.__format__(self, spec)
