"""``autograd.Function`` on wrapped tensors: by its ``jvp``, and by its ``vmap`` or a made one.

A Function that says ``generate_vmap_rule = True`` becomes another Function, whose forward and
backward are its own, done to batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gradlab import levels
from gradlab.autograd.function import Function
from gradlab.func import pytree
from gradlab.func.batching import Vmapped
from gradlab.func.derivatives import check_tangent
from gradlab.func.duals import Forward
from gradlab.func.showing import text
from gradlab.grad_mode import no_grad
from gradlab.levels import inside
from gradlab.op import FUNCTIONS
from gradlab.ops.creation import zeros_like
from gradlab.tensor import Tensor


def _apply(cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``cls.apply(*args, **kwargs)`` gives where some of ``args`` are wrapped."""
    level = levels.innermost(args)
    if isinstance(level, Forward):
        if level.name is not None:
            _check_separate(cls)
        return _pushed(level, cls, args, kwargs)
    assert isinstance(level, Vmapped)
    _check_separate(cls)
    return _mapped(level, cls, args, kwargs)


def _check_separate(cls: type[Function]) -> None:
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, "
            "jacrev, ...), it must override the setup_context staticmethod. For more details, "
            "please see https://pytorch.org/docs/main/notes/extending.func.html. Let forward take "
            f"no ctx, and {cls.__name__}.setup_context(ctx, inputs, output) leave on it what "
            "backward needs."
        )


levels.apply_function = _apply
levels.check_function = _check_separate
levels.text = text


# ------------------------------------------------------------------ forward mode


def _pushed(
    level: Forward, cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    parts = [level.parts(value) for value in args]
    primals = tuple([primal for primal, _ in parts])
    result, ctx = _called(cls, primals, kwargs)
    tangents = [
        zeros_like(primal)
        if tangent is None and isinstance(primal, Tensor) and ctx.materialize_grads
        else tangent
        for primal, tangent in parts
    ]
    returned = cls.jvp(ctx, *tangents)
    outputs = result if isinstance(result, tuple) else (result,)
    found = returned if isinstance(returned, tuple) else (returned,)
    if len(found) != len(outputs):
        raise RuntimeError(
            "Function's jvp returned an invalid number of forward gradients (expected "
            f"{len(outputs)} but got {len(found)}). {cls.__name__} has to return one per output."
        )
    made = tuple(
        [
            _with_tangent(level, i, output, tangent, args, primals)
            for i, (output, tangent) in enumerate(zip(outputs, found, strict=True))
        ]
    )
    return made if isinstance(result, tuple) else made[0]


def _called(
    cls: type[Function], primals: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    """The result, and a ctx on which ``jvp`` finds what was saved for it."""
    if levels.innermost(primals) is None:
        result, node = cls._applied(primals, kwargs)
        ctx: Any = node.ctx
        saved = node.saved_tensors or ctx.to_save
    else:  # what is recorded is another Function, of batches: ctx is of a second call
        result = cls.apply(*primals, **kwargs)
        node = cls._backward_cls(primals, False)
        ctx = node.ctx
        with no_grad():
            if cls.setup_context is Function.setup_context:
                cls.forward(ctx, *primals, **kwargs)
            else:
                cls.setup_context(ctx, primals, cls.forward(*primals, **kwargs))
        saved = ctx.to_save
        ctx.kept_node = node
    ctx.saved_for_jvp = ctx.__dict__.get("saved_for_forward", saved)
    return result, ctx


def _with_tangent(
    level: Forward,
    index: int,
    output: Any,
    tangent: Any,
    args: Sequence[Any],
    primals: Sequence[Any],
) -> Any:
    if tangent is None or not isinstance(output, Tensor):
        return output
    if not isinstance(tangent, Tensor):
        raise RuntimeError(
            f"expected Variable or None (got {type(tangent).__name__}) for grad output {index}."
        )
    check_tangent(output, tangent)
    for given, primal in zip(args, primals, strict=True):
        if output is primal and given is not primal:  # changed in place
            given._tangent = tangent
            return given
    return level.dual(output, tangent)


# ------------------------------------------------------------------ batches


class VmapInfo(NamedTuple):
    """What a Function's ``vmap`` learns of the call it is in.

    >>> VmapInfo(batch_size=3, randomness="error").batch_size
    3
    """

    batch_size: int
    randomness: str


def _mapped(level: Vmapped, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    own = cls.vmap is not Function.vmap
    if own and cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and "
            "an overridden vmap staticmethod. Please set generate_vmap_rule=False or delete the "
            "overridden vmap staticmethod to avoid ambiguity. For more details, please see "
            "https://pytorch.org/docs/main/notes/extending.func.html"
        )
    if not own and not cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please "
            "override and implement the vmap staticmethod or set generate_vmap_rule=True. For more "
            "details, please see https://pytorch.org/docs/main/notes/extending.func.html"
        )
    values = [level.value(value) for value in args]
    if own:
        return _by_own_rule(level, cls, args, values)
    batched = tuple([level.is_batched(value) for value in args])
    made = _generated(cls, level.size, level.randomness, batched, kwargs)
    return pytree.over(
        lambda one: level.wrap_one(one) if isinstance(one, Tensor) else one, made.apply(*values)
    )


def _by_own_rule(level: Vmapped, cls: Any, args: Sequence[Any], values: Sequence[Any]) -> Any:
    in_dims = tuple([0 if level.is_batched(value) else None for value in args])
    returned = cls.vmap(VmapInfo(level.size, level.randomness), in_dims, *values)
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise RuntimeError(
            f"Expected the vmap staticmethod of {cls.__name__} to have two returns, an output and "
            "out_dims with pytree structure compatible with the output. Got a "
            f"{type(returned).__name__}."
        )
    output, out_dims = returned
    leaves, tree = pytree.flatten(output)
    dims = pytree.spread(out_dims, tree)
    if dims is None:
        raise RuntimeError(
            f"The out_dims that {cls.__name__}.vmap returned, {out_dims}, don't fit its output"
        )
    return tree.filled(
        [
            leaf if dim is None else level.wrap_one(FUNCTIONS["movedim"](leaf, dim, 0))
            for leaf, dim in zip(leaves, dims, strict=True)
        ]
    )


def _generated(
    cls: Any, size: int, randomness: str, batched: tuple[bool, ...], kwargs: dict[str, Any]
) -> Any:
    """The Function that does to batches what ``cls`` does to one element."""

    def as_elements(level: Vmapped, values: Sequence[Any]) -> list[Any]:
        return [
            level.wrap_one(value) if is_batched and isinstance(value, Tensor) else value
            for value, is_batched in zip(values, batched, strict=True)
        ]

    def whole(level: Vmapped, result: Any) -> Any:
        return pytree.over(level.full, result)

    def done(function: Callable[[Vmapped], Any]) -> Any:
        with inside(Vmapped(size, randomness)) as level:
            assert isinstance(level, Vmapped)
            return function(level)

    def forward(*values: Any) -> Any:
        return done(lambda level: whole(level, cls.forward(*as_elements(level, values), **kwargs)))

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        def run(level: Vmapped) -> None:
            ctx.of_elements = _ElementCtx(ctx, level)
            outputs = pytree.over(
                lambda one: level.wrap_one(one) if isinstance(one, Tensor) else one, output
            )
            cls.setup_context(ctx.of_elements, tuple(as_elements(level, inputs)), outputs)

        done(run)

    def backward(ctx: Any, *gradients: Any) -> Any:
        def run(level: Vmapped) -> Any:
            arriving = [None if g is None else level.wrap_one(g) for g in gradients]
            found = cls.backward(ctx.of_elements.at(level, ctx.saved_tensors), *arriving)
            per_input = found if isinstance(found, tuple) else (found,)
            return tuple(
                [
                    None if g is None else (level.full(g) if own else level.full(g).sum(0))
                    for g, own in zip(per_input, batched, strict=True)
                ]
            )

        return done(run)

    def jvp(ctx: Any, *tangents: Any) -> Any:
        def run(level: Vmapped) -> Any:
            given = as_elements(level, tangents)
            return whole(level, cls.jvp(ctx.of_elements.at(level, ctx.saved_tensors), *given))

        return done(run)

    body = dict(
        forward=staticmethod(forward),
        setup_context=staticmethod(setup_context),
        backward=staticmethod(backward),
        jvp=staticmethod(jvp),
        generate_vmap_rule=True,
    )
    return type(f"Vmapped{cls.__name__}", (Function,), body)


class _ElementCtx:
    """What a Function sees as its ctx while it runs on a batch: one element's."""

    def __init__(self, ctx: Any, level: Vmapped) -> None:
        self._whole = ctx
        self._level = level
        self._batched: list[bool] = []
        self._saved: tuple[Any, ...] = ()
        self.needs_input_grad = ctx.needs_input_grad

    def _values(self, tensors: Sequence[Any]) -> list[Any]:
        return [self._level.value(tensor) for tensor in tensors]

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep the batches."""
        self._batched = [self._level.is_batched(tensor) for tensor in tensors]
        self._whole.save_for_backward(*self._values(tensors))

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep the batches for ``jvp``, where they are those for ``backward``."""
        self._batched = [self._level.is_batched(tensor) for tensor in tensors]
        self._whole.save_for_forward(*self._values(tensors))

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs were changed in place."""
        self._whole.mark_dirty(*self._values(tensors))

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self._whole.mark_non_differentiable(*self._values(tensors))

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients are zeros."""
        self._whole.set_materialize_grads(value)

    def at(self, level: Vmapped, saved: Sequence[Any]) -> _ElementCtx:
        """This ctx with what was saved seen as elements at another level."""
        self._level = level
        self._saved = tuple(
            [
                level.wrap_one(tensor) if batched and tensor is not None else tensor
                for tensor, batched in zip(saved, self._batched, strict=True)
            ]
        )
        return self

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept."""
        return self._saved
