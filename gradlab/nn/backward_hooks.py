"""Hooks on a module's backward pass: what its gradients are when they come in and go out.

A module's inputs and outputs each pass through a node of their own. Gradients of the outputs arrive
at the one, where pre-hooks see them; gradients of the inputs leave by the other, where hooks see
both.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gradlab.autograd import Function
from gradlab.grad_mode import is_grad_enabled
from gradlab.tensor import Tensor

if TYPE_CHECKING:
    from gradlab.nn.module import Module

Hook = Callable[..., Any]


class BackwardHookFunction(Function):
    """Passes tensors on, and gradients through a function."""

    @staticmethod
    def forward(ctx: Any, through: Hook, *tensors: Tensor) -> Any:
        ctx.through = through
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return (None, *ctx.through(gradients))


class BackwardHooks:
    """The hooks of one call of a module."""

    def __init__(self, module: Module, hooks: Sequence[Hook], pre_hooks: Sequence[Hook]) -> None:
        self._module = module
        self._hooks = hooks
        self._pre_hooks = pre_hooks
        self._arrived: tuple[Any, ...] = ()
        self._inputs = 0
        self._watches_inputs = False

    def at_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with gradients that hooks see."""
        self._inputs = len(args)
        passed = _passed(args, self._leaving)
        self._watches_inputs = passed is not None
        return args if passed is None else passed

    def at_outputs(self, result: Any) -> Any:
        """The result, with gradients that pre-hooks see. Of anything but tensors, as it is."""
        single = not isinstance(result, tuple)
        passed = _passed((result,) if single else result, self._arriving)
        if passed is None:
            return result
        return passed[0] if single else passed

    def _arriving(self, gradients: tuple[Any, ...], places: list[int], count: int) -> Any:
        full = _spread(gradients, places, count)
        for hook in self._pre_hooks:
            full = _changed(full, hook(self._module, full), "pre hook", "grad_output")
        self._arrived = full
        if not self._watches_inputs:
            if self._hooks:
                warnings.warn(
                    "Full backward hook is firing when gradients are computed with respect to "
                    "module outputs since no inputs require gradients: grad_input is None.",
                    stacklevel=2,
                )
            nothing = (None,) * self._inputs
            for hook in self._hooks:
                if hook(self._module, nothing, full) is not None:
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
        return [full[place] for place in places]

    def _leaving(self, gradients: tuple[Any, ...], places: list[int], count: int) -> Any:
        full = _spread(gradients, places, count)
        for hook in self._hooks:
            found = hook(self._module, full, self._arrived)
            full = _changed(full, found, "hook", "grad_input")
        return [full[place] for place in places]


def _passed(values: tuple[Any, ...], through: Hook) -> tuple[Any, ...] | None:
    """The values, their tensors through a node; None where none of these has a gradient."""
    places = [place for place, value in enumerate(values) if isinstance(value, Tensor)]
    tensors = [values[place] for place in places]
    if not is_grad_enabled() or not any(tensor.requires_grad for tensor in tensors):
        return None

    def passing(gradients: tuple[Any, ...]) -> Any:
        return through(gradients, places, len(values))

    passed = BackwardHookFunction.apply(passing, *tensors)
    found = list(values)
    for place, tensor in zip(places, passed, strict=True):
        found[place] = tensor
    return tuple(found)


def _spread(gradients: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
    """The gradients at the places of their tensors, None at those of other values."""
    found = [None] * count
    for place, gradient in zip(places, gradients, strict=True):
        found[place] = gradient
    return tuple(found)


def _changed(known: tuple[Any, ...], found: Any, who: str, what: str) -> tuple[Any, ...]:
    """What a hook returned, if anything, in place of what was known."""
    if found is None:
        return known
    replaced = found if isinstance(found, tuple) else (found,)
    if len(replaced) != len(known):
        raise RuntimeError(
            f"Backward {who} returned an invalid number of {what}, got {len(replaced)}, but "
            f"expected {len(known)}"
        )
    return replaced
