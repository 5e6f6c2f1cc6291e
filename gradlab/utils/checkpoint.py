"""Checkpoints: forget what a part of a model computed, and compute it again when it is needed.

``checkpoint(function, *args)`` gives what ``function(*args)`` gives, and keeps ``args`` instead of
everything the backward pass will want. Without re-entrance (``use_reentrant=False``, the one to
use) the graph is recorded as usual and only what its nodes saved is replaced, by
``saved_tensors_hooks``; the first node that misses something has the function run again. With
re-entrance the whole function is one node, whose backward runs it again and starts a backward pass
of its own.
"""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy

from gradlab.autograd.function import Function
from gradlab.autograd.graph import saved_tensors_hooks
from gradlab.engine import backward, pass_is_limited
from gradlab.generator import default_generator
from gradlab.grad_mode import enable_grad, is_grad_enabled
from gradlab.op import modified_since
from gradlab.tensor import Tensor

__all__ = [
    "CheckpointError",
    "checkpoint",
    "checkpoint_sequential",
    "noop_context_fn",
    "set_checkpoint_early_stop",
]


class CheckpointError(RuntimeError):
    """A checkpointed function saved something else when it ran again."""


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: the default for ``context_fn``.

    >>> first, second = noop_context_fn()
    >>> with first, second:
    ...     pass
    """
    return contextlib.nullcontext(), contextlib.nullcontext()


_early_stop: list[bool] = []  # what the blocks of set_checkpoint_early_stop say, the innermost last


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within a ``with`` block, say whether running again stops once nothing more is needed.

    >>> with set_checkpoint_early_stop(False):
    ...     pass
    """
    _early_stop.append(enable)
    try:
        yield
    finally:
        _early_stop.pop()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, of which the backward pass computes again what it needs.

    ``function`` must do the same when it runs again; random numbers are drawn from the same state
    unless ``preserve_rng_state`` is False. Only without re-entrance: keyword arguments,
    ``autograd.grad``, ``context_fn`` (contexts for the two runs), ``determinism_check`` ("default"
    compares shapes and dtypes of what is saved, "none" doesn't), ``early_stop``. ``debug`` is
    accepted and shows nothing more.

    Warns where ``use_reentrant`` is left out, which means True. Raises CheckpointError where the
    second run saved something else.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> y = checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False)
    >>> y.sum().backward()
    >>> x.grad
    tensor([-2.4784,  3.3129])
    """
    if use_reentrant is None:
        _warn_about_reentrance("torch.utils.checkpoint")
        use_reentrant = True
    random_state = default_generator.get_state() if preserve_rng_state else None
    if not use_reentrant:
        if determinism_check not in ("default", "none"):
            raise ValueError(
                "determinism_check should be one of ['default', 'none'], but got "
                f"{determinism_check}"
            )
        contexts = context_fn()
        if not is_grad_enabled():
            with contexts[0]:
                return function(*args, **kwargs)
        stops_early = _early_stop[-1] if _early_stop else early_stop
        run = _Run(function, contexts, random_state, determinism_check != "none", stops_early)
        return run.record(args, kwargs)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, random_state, *args)


def checkpoint_sequential(
    functions: Iterable[Callable[[Any], Any]],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    *,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Run functions one after the other in ``segments`` parts, each but the last a checkpoint.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> y = checkpoint_sequential([gl.exp, gl.sin, gl.neg], 3, x, use_reentrant=False)
    >>> y.sum().backward()
    >>> x.grad
    tensor([ 2.4784, -3.3129])
    """
    if use_reentrant is None:
        _warn_about_reentrance("torch.utils.checkpoint.checkpoint_sequential")
        use_reentrant = True
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions)
    length = len(steps) // segments
    for start in range(0, length * (segments - 1), length):
        input = checkpoint(
            _chain(steps[start : start + length]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )
    return _chain(steps[length * (segments - 1) :])(input)


def _chain(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


def _warn_about_reentrance(function: str) -> None:
    warnings.warn(
        f"{function}: the use_reentrant parameter should be passed explicitly. Left out it means "
        "True; use_reentrant=False is recommended.",
        UserWarning,
        stacklevel=3,
    )


# ------------------------------------------------------------------ without re-entrance


class _EnoughComputed(BaseException):
    """Ends a second run once everything that was saved in the first is there again."""


class _Slot:
    """Stands in a node for a saved tensor; holds it between the second run and its use."""

    __slots__ = ("__weakref__", "tensor")

    def __init__(self) -> None:
        self.tensor: Tensor | None = None


class _Run:
    """One call of a checkpointed function, and how to run it again."""

    def __init__(
        self,
        function: Callable[..., Any],
        contexts: tuple[Any, Any],
        random_state: Any,
        compares: bool,
        stops_early: bool,
    ) -> None:
        self._function = function
        self._contexts = contexts
        self._random_state = random_state
        self._compares = compares
        self._stops_early = stops_early
        self._slots: list[weakref.ref[_Slot]] = []  # in the order of the first run
        self._kinds: list[tuple[Any, ...]] = []  # shape, dtype and device of what went there
        self._complete = False

    def record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the function and let its nodes save nothing but slots."""
        self._arguments = _Arguments(args, kwargs)
        with self._contexts[0], saved_tensors_hooks(self._pack, self._unpack):
            result = self._function(*args, **kwargs)
        self._complete = True
        return result

    def _pack(self, tensor: Tensor) -> _Slot:
        slot = _Slot()
        self._slots.append(weakref.ref(slot))
        self._kinds.append(_kind(tensor))
        return slot

    def _unpack(self, slot: _Slot) -> Tensor:
        if slot.tensor is None:
            self._run_again()
        tensor, slot.tensor = slot.tensor, None  # another pass computes it anew
        assert tensor is not None
        return tensor

    def _run_again(self) -> None:
        args, kwargs = self._arguments.again()
        saved: list[tuple[Tensor, int]] = []

        def keep(tensor: Tensor) -> Tensor:
            kept = tensor.detach()
            saved.append((kept, kept._version))
            if self._stops_early and len(saved) == len(self._slots):
                raise _EnoughComputed
            return kept

        with (
            enable_grad(),
            _random_numbers_from(self._random_state),
            contextlib.suppress(_EnoughComputed),
            self._contexts[1],
            saved_tensors_hooks(keep, lambda kept: kept),
        ):
            self._function(*args, **kwargs)
        if not self._complete:  # a backward pass within the function itself
            saved = saved[: len(self._slots)]
        self._check([tensor for tensor, _ in saved])
        for reference, (tensor, version) in zip(self._slots, saved, strict=True):
            slot = reference()
            if slot is None:
                continue
            if tensor._version != version:
                who = "A checkpointed function saved it, changed it later"
                raise modified_since(tensor._array, tensor._counter, version, None, who)
            slot.tensor = tensor

    def _check(self, saved: Sequence[Tensor]) -> None:
        if len(saved) > len(self._slots):
            raise CheckpointError(
                "torch.utils.checkpoint: trying to save more tensors during recomputation than "
                f"during the original forward pass: {len(saved)} and not {len(self._slots)}.\n"
                "The function must do the same each time it runs."
            )
        if len(saved) < len(self._slots):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self._slots)}\n"
                f"Number of tensors saved during recomputation: {len(saved)}.\n"
                "The function must do the same each time it runs."
            )
        different = [
            f"tensor at position {i}:\nsaved metadata: {_words(before)}\n"
            f"recomputed metadata: {_words(_kind(tensor))}"
            for i, (before, tensor) in enumerate(zip(self._kinds, saved, strict=True))
            if self._compares and before != _kind(tensor)
        ]
        if different:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                "different metadata than during the forward pass.\n"
                + "\n".join(different)
                + ".\nThe function must do the same each time it runs."
            )


def _kind(tensor: Tensor) -> tuple[Any, ...]:
    return (tensor.shape, tensor.dtype, tensor.device)


def _words(kind: tuple[Any, ...]) -> str:
    shape, dtype, device = kind
    return f"{{'shape': {shape}, 'dtype': {dtype}, 'device': {device!r}}}"


@contextlib.contextmanager
def _random_numbers_from(state: Any) -> Iterator[None]:
    """Draw random numbers from ``state`` on, and afterwards go on as if none had been drawn."""
    before = default_generator.get_state()
    if state is not None:
        default_generator.set_state(state)
    try:
        yield
    finally:
        if state is not None:
            default_generator.set_state(before)


class _Arguments:
    """The arguments of a run, for another. Tensors are saved as a node saves its inputs.

    So they are checked for changes in place, and a checkpoint around this one may forget them too
    and compute them again.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        values = (*args, *kwargs.values())
        self._names = tuple(kwargs)
        self._is_tensor = [isinstance(value, Tensor) for value in values]
        self._others = [value for value in values if not isinstance(value, Tensor)]
        marker = Tensor._wrap(numpy.empty(0, numpy.float32)).requires_grad_()
        tensors = [value for value in values if isinstance(value, Tensor)]
        self._node = _SaveInputs.apply(marker, *tensors).grad_fn

    def again(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the constructor was given."""
        tensors, others = iter(self._node.saved_tensors), iter(self._others)
        values = [next(tensors) if one else next(others) for one in self._is_tensor]
        positional = len(values) - len(self._names)
        return tuple(values[:positional]), dict(zip(self._names, values[positional:], strict=True))


class _SaveInputs(Function):
    """Saves tensors and computes nothing; its marker has it recorded."""

    @staticmethod
    def forward(ctx: Any, marker: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return marker.detach()


# ------------------------------------------------------------------ with re-entrance


class CheckpointFunction(Function):
    """A checkpointed function as one node."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], random_state: Any, *args: Any) -> Any:
        if not any(isinstance(value, Tensor) and value.requires_grad for value in args):
            warnings.warn(
                "None of the inputs have requires_grad=True. Gradients will be None",
                UserWarning,
                stacklevel=4,
            )
        ctx.function = function
        ctx.random_state = random_state
        ctx.others = [None if isinstance(value, Tensor) else value for value in args]
        ctx.places = [i for i, value in enumerate(args) if isinstance(value, Tensor)]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        if pass_is_limited():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        args = list(ctx.others)
        for place, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            args[place] = tensor.detach().requires_grad_(tensor.requires_grad)
        with enable_grad(), _random_numbers_from(ctx.random_state):
            results = ctx.function(*args)
        outputs = results if isinstance(results, tuple) else (results,)
        tracked = [
            (output, gradient)
            for output, gradient in zip(outputs, gradients, strict=True)
            if isinstance(output, Tensor) and output.requires_grad
        ]
        if not tracked:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([output for output, _ in tracked], [gradient for _, gradient in tracked])
        return (None, None, *[a.grad if isinstance(a, Tensor) else None for a in args])
