"""Dual numbers: forward-mode differentiation.

A ``Dual`` tensor carries, beside its number (the primal), how fast that changes (the tangent). An
operation on duals is the operation on the primals, and for the tangents one of these:

- a view, and what else is linear, is done to the tangents as well;
- of *pointwise* operations the gradient's formula multiplies by the derivative, which is what a
  tangent needs too;
- of any other, the backward pass is a linear function of the gradient that arrives. Transposed,
  which is what differentiating it gives, it takes tangents forward.

All of it is done with operations, so tangents have a history like anything else, and can
themselves be batches or duals.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays, levels, printing
from gradlab.func.pointwise import is_pointwise, sample_arguments
from gradlab.func.pullback import Differentiation, fresh, levels_of, pulled
from gradlab.grad_mode import enable_grad, is_grad_enabled, no_grad
from gradlab.levels import Layout, Level
from gradlab.op import FUNCTIONS, ON_TENSORS, OPS, Op
from gradlab.op.wrapped import Wrapped, call
from gradlab.ops.creation import zeros_like
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ dual tensors


class Dual(Wrapped):
    """A number and how fast it changes."""

    __slots__ = ()

    _level: Forward
    _primal: Tensor
    _tangent: Tensor

    @property
    def _inner(self) -> Tensor:
        return self._primal

    @property
    def _array(self) -> Layout:
        return Layout(self._primal._array)

    def detach(self) -> Tensor:
        """The number alone, without history and without its tangent."""
        return self._primal.detach()

    def item(self) -> Any:
        """The only element as a Python number."""
        return self._primal.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._primal.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """The elements as a NumPy array; the tangent would be lost without ``force``."""
        if not force and self._level.alive:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. "
                "Use tensor.detach().numpy() instead."
            )
        return self._primal.numpy(force=force)

    def __bool__(self) -> bool:
        return bool(self._primal)

    def __index__(self) -> int:
        return operator.index(self._primal)

    def __contains__(self, element: Any) -> bool:
        return element in self._primal

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """Add the gradient of the number to the leaves' ``.grad``."""
        self._primal.backward(*args, **kwargs)

    @property
    def _heading(self) -> str | None:
        named = self._level.name is not None and self._level.alive
        return f"{self._level.name}(lvl={self._level.depth}" if named else None

    def __repr__(self) -> str:
        if not self._level.alive:
            return repr(self._primal)
        return self._shown_as_number() if self._level.name is None else levels.text(self)

    def _shown_as_number(self) -> str:
        number = self._primal
        if isinstance(number, Wrapped):
            return f"{number!r}, tangent={self._tangent!r}"
        node = number.grad_fn
        return printing.tensor_text(
            arrays.move(number._array, "cpu"),
            default_dtype_name=arrays.get_default_dtype().name,
            device=str(number.device),
            requires_grad=number.requires_grad,
            grad_fn=None if node is None else node.name().rpartition("::")[2],
            tangent=format(self._tangent),  # of no dimensions: a number
        )

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Track the number; not inside of ``func.jvp``, which is about its own argument only."""
        if self._level.name is not None:
            return super().requires_grad_(requires_grad)
        self._primal.requires_grad_(requires_grad)
        return self


class Forward(Level):
    """One forward-mode differentiation: what its tangents are derivatives along."""

    def __init__(self, name: str | None = "GradTrackingTensor") -> None:
        self.name = name  # what its tensors are printed as; None: like any other, with a tangent
        self.transforms = name is not None

    def dual(self, primal: Tensor, tangent: Tensor | None) -> Tensor:
        """A number with its tangent; the number itself where it doesn't change."""
        if tangent is None:
            return primal
        made: Dual = object.__new__(Dual)
        made._level = self
        made._primal = primal
        made._tangent = tangent
        return made

    def parts(self, value: Any) -> tuple[Any, Tensor | None]:
        """The number and the tangent of a dual tensor of this level; of anything else, None."""
        if isinstance(value, Dual) and value._level is self:
            return value._primal, value._tangent
        return value, None

    # ------------------------------------------------------------------ what a level answers to

    def call(self, op: Op, args: tuple[Any, ...]) -> Any:
        """The operation on the numbers, and its derivative on the tangents."""
        tangents: dict[str, Any] = {}
        primals: dict[str, Any] = {}
        for name, value in zip(op.signature.parameters, args, strict=True):
            if op.sequence and name in op.tensors:
                pairs = [self.parts(one) for one in value]
                primals[name] = [primal for primal, _ in pairs]
                tangents[name] = [tangent for _, tangent in pairs]
            else:
                primals[name], tangent = self.parts(self._without(value))
                if tangent is not None and name in op.gradients:
                    tangents[name] = tangent
        if not op.gradients or not any(_present(t) for t in tangents.values()):
            return call(op, tuple(primals.values()))
        return _differentiated(self, op, primals, tangents)

    def _without(self, value: Any) -> Any:
        """An option without tangents: options are not differentiated."""
        if isinstance(value, (tuple, list)) and levels.innermost(value) is self:
            return type(value)([self.parts(self._without(one))[0] for one in value])
        return value

    def assign(self, target: Any, result: Any) -> None:
        """Write number and tangent; a target without a tangent gets one."""
        primal, tangent = self.parts(result)
        own, known = self.parts(target)
        if known is None and tangent is not None:
            self._make_dual(target, tangent)
            own, known = self.parts(target)
        own.copy_(primal)
        if known is not None:
            _write_tangent(target, known, tangent)

    def follow(self, view: Any) -> None:
        """The view's tangent is the same part of its base's; it has none any more at the end."""
        if self.alive:
            self._make_dual(view, view)
        else:
            view._view.base = view._view.base._primal

    def by_numbers(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The numbers are all that counts."""
        return function(
            *[self.parts(one)[0] for one in args],
            **{name: self.parts(one)[0] for name, one in kwargs.items()},
        )

    def plain(self, tensor: Any, function: str) -> Any:
        """The number."""
        return self.parts(tensor)[0]

    def _make_dual(self, target: Tensor, like: Tensor) -> None:
        """Give a tensor a tangent of zeros, into which ones ``like`` another can be written.

        If it is a view, a part of its base's.
        """
        plain: Any = _moved_out(target)
        if isinstance(plain, Wrapped) and plain._viewed is not None:
            op, args, output = plain._viewed
            primal, whole = self._made_dual(args[0], like)
            plain._viewed = (op, (primal, *args[1:]), output)
            tangent = call(op, (whole, *args[1:]))
            tangent = tangent[output] if isinstance(tangent, tuple) else tangent
        elif isinstance(plain, Wrapped) or plain._view is None:
            tangent = _zeros_at(levels_of([plain, like]), plain)
        else:
            view = plain._view
            view.base, whole = self._made_dual(view.base, like)
            tangent = _replayed(whole, view.steps)
        target.__class__ = Dual
        target.__dict__.clear()
        target.__dict__.update(_level=self, _primal=plain, _tangent=tangent)

    def _made_dual(self, base: Any, like: Tensor) -> tuple[Any, Any]:
        """Number and tangent of what a view shows a part of, which gets one if it has none."""
        if self.parts(base)[1] is None:
            self._make_dual(base, like)
        return self.parts(base)

    def over_batches(self, tensor: Any, make: Callable[[Any], Any]) -> Any:
        """``make`` of the number and of its tangent."""
        primal, tangent = self.parts(tensor)
        return self.dual(make(primal), None if tangent is None else make(tangent))

    def fresh(self, tensor: Any, make: Callable[[Any], Any]) -> Any:
        """The number is differentiated anew; the tangent is a constant of that."""
        primal, tangent = self.parts(tensor)
        return self.dual(make(primal), tangent)


def _present(tangent: Any) -> bool:
    return any(one is not None for one in tangent) if isinstance(tangent, list) else True


def _moved_out(tensor: Tensor) -> Tensor:
    """All that a tensor is, in a new one: the old one is about to become another kind."""
    made = object.__new__(type(tensor))
    if isinstance(tensor, Wrapped):
        made.__dict__.update(tensor.__dict__)
        return made
    for slot in ("_array", "_edge", "_requires_grad", "_grad", "_view", "_counter"):
        setattr(made, slot, getattr(tensor, slot))
    return made


def _replayed(tensor: Any, steps: Any) -> Any:
    for op, options, output in steps:
        tensor = op.function(tensor, *options)
        if op.outputs != 1:
            tensor = tensor[output]
    return tensor


def _write_tangent(target: Any, known: Tensor, tangent: Tensor | None) -> None:
    if not _may_be_written(known, tangent):
        if target._primal._is_view():
            raise RuntimeError(
                "a view is changed in place whose tangent can't be written to, so that the tensor "
                "it is a view of would not learn of it. Work on a clone()."
            )
        target._tangent = zeros_like(known) if tangent is None else tangent.clone()
    elif tangent is None:
        known.zero_()
    else:
        known.copy_(tangent)


def _may_be_written(known: Tensor, tangent: Tensor | None) -> bool:
    """Whether a tangent is memory of its own, into which another one fits."""
    layout = known._array
    pairs = zip(layout.shape, layout.strides, strict=True)
    if any(n > 1 and step == 0 for n, step in pairs) or (known.requires_grad and known.is_leaf):
        return False
    own = levels_of([known])
    arriving = levels_of([tangent])
    return all(level in own for level in arriving if not isinstance(level, Forward))


def _zeros_at(around: list[Level], like: Tensor) -> Tensor:
    """Zeros of a tensor's shape that can be written to at these levels."""
    made: Tensor = FUNCTIONS["zeros"](tuple(like.shape), dtype=like.dtype, device=like.device)
    for level in sorted(around, key=lambda one: one.depth):
        made = level.owned(made)
    return made


# ------------------------------------------------------------------ tangents of operations


def _differentiated(
    level: Forward, op: Op, primals: dict[str, Any], tangents: dict[str, Any]
) -> Any:
    if op.view or is_linear(op.name):
        return _linear(level, op, primals, tangents)
    if is_pointwise(op.name) and _is_real(primals, tangents):
        return _diagonal(level, op, primals, tangents)
    return _transposed(level, op, primals, tangents)


def _linear(level: Forward, op: Op, primals: dict[str, Any], tangents: dict[str, Any]) -> Any:
    """Tangents take the same way as the numbers."""
    result = call(op, tuple(primals.values()))
    changed = dict(primals)
    for name in op.tensors:
        if op.sequence:
            pairs = zip(primals[name], tangents[name], strict=True)
            changed[name] = [_filled(tangent, primal) for primal, tangent in pairs]
        elif isinstance(primals[name], Tensor) and name in op.gradients:
            changed[name] = _filled(tangents.get(name), primals[name])
        elif name in op.gradients and primals[name] is not None:
            changed[name] = 0  # a Python number doesn't change
    return _together(level, result, call(op, tuple(changed.values())))


def _filled(tangent: Tensor | None, primal: Tensor) -> Tensor:
    return zeros_like(primal) if tangent is None else tangent


def _together(level: Forward, result: Any, tangents: Any) -> Any:
    if not isinstance(result, tuple):
        return level.dual(result, tangents)
    pairs = zip(result, tangents, strict=True)
    return tuple([level.dual(primal, tangent) for primal, tangent in pairs])


def _is_real(primals: dict[str, Any], tangents: dict[str, Any]) -> bool:
    """Whether all is floating-point: what the derivative of complex numbers is, formulas differ."""
    given = [one for one in primals.values() if isinstance(one, Tensor)]
    return all(one.dtype.is_floating_point for one in (*given, *tangents.values()))


def _diagonal(level: Forward, op: Op, primals: dict[str, Any], tangents: dict[str, Any]) -> Any:
    """Each tangent times the derivative, by the gradients' formulas, all added up."""
    result = call(op, tuple(primals.values()))
    total: Any = None
    for name, tangent in tangents.items():
        rule = op.gradients[name]
        values = {"xp": ON_TENSORS, "out": result, "g": _fitted(tangent, result)}
        for used in rule.parameters:
            if used in primals:
                values[used] = primals[used]
            elif used not in values:
                return _transposed(level, op, primals, tangents)
        part = rule.formula(**{used: values[used] for used in rule.parameters})
        total = part if total is None else total + part
    return level.dual(result, _fitted(total, result))


def _fitted(tangent: Any, result: Tensor) -> Any:
    """A tangent in the shape and dtype of the number it belongs to."""
    if tangent.shape != result.shape:
        tangent = tangent.expand(result.shape)
    return tangent if tangent.dtype is result.dtype else tangent.to(result.dtype)


def _transposed(level: Forward, op: Op, primals: dict[str, Any], tangents: dict[str, Any]) -> Any:
    """The backward pass is linear in what arrives: its transpose takes tangents forward."""
    around = [one for one in levels.entered() if one.depth < level.depth]
    recorded = is_grad_enabled() and _is_tracked(primals, tangents)
    own = Differentiation()
    moving: list[tuple[Tensor, Tensor]] = []  # what is differentiated, and its tangent

    def tracked(primal: Tensor, tangent: Tensor | None) -> Tensor:
        if tangent is None:
            return primal
        alias = fresh(primal, around, own)
        moving.append((alias, tangent))
        return alias  # type: ignore[no-any-return]

    with enable_grad():
        changed = dict(primals)
        for name, tangent in tangents.items():
            if op.sequence:
                pairs = zip(primals[name], tangent, strict=True)
                changed[name] = [tracked(*pair) for pair in pairs]
            else:
                changed[name] = tracked(primals[name], tangent)
        outputs = call(op, tuple(changed.values()))
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        moved = [one for one in several if one.requires_grad]
        seeds = [fresh(zeros_like(one.detach()), around, own) for one in moved]
        gradients = pulled(moved, [alias for alias, _ in moving], seeds, around, recorded=True)
        passed = [
            (gradient, _fitted(tangent, gradient))
            for gradient, (_, tangent) in zip(gradients, moving, strict=True)
            if gradient is not None and gradient.requires_grad
        ]
    found: list[Any] = [None] * len(seeds)
    if passed:
        roots, arriving = zip(*passed, strict=True)
        found = pulled(list(roots), seeds, list(arriving), around, recorded=recorded)
    own.running = False
    result = call(op, tuple(primals.values()))
    results = iter(found)
    given = result if isinstance(result, tuple) else (result,)
    made = [
        level.dual(one, _zeros_for(next(results), one)) if traced.requires_grad else one
        for one, traced in zip(given, several, strict=True)
    ]
    return tuple(made) if isinstance(result, tuple) else made[0]


def _is_tracked(*given: dict[str, Any]) -> bool:
    """Whether something outside differentiates by a tensor among these."""
    values = [value for arguments in given for value in arguments.values()]
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return any(isinstance(one, Tensor) and one.requires_grad for one in flat)


def _zeros_for(tangent: Tensor | None, primal: Tensor) -> Tensor:
    return _filled(tangent, primal)


# ------------------------------------------------------------------ which operations are linear


@functools.cache
def is_linear(name: str) -> bool:
    """Whether the tensors that have gradients, taken together, are mapped linearly.

    No formula needs one of them, so the derivative is the same everywhere (almost: that of steps
    is, too); sums go to sums on all samples; and no number among the options is unknown to the
    formulas, where another value than the samples' might be added.
    """
    op = OPS[name]
    needed = set(op.saved_tensors).intersection({*op.gradients, "out", *op.results})
    if not op.gradients or needed or not op.samples:
        return False
    used = {parameter for rule in op.gradients.values() for parameter in rule.parameters}
    for option in op.options:
        annotation = str(op.signature.parameters[option].annotation)
        if option not in used and ("float" in annotation or option in ("value", "fill")):
            return False
    with no_grad():
        return all(_adds_up(op, sample) for sample in op.samples)


def _adds_up(op: Op, sample: Any) -> bool:
    """Whether, on one sample, a sum of multiples goes to the sum of the results' multiples."""
    generator = numpy.random.default_rng(0)

    def drawn(draw: Any, generator: numpy.random.Generator) -> Tensor:
        return Tensor._wrap(numpy.asarray(draw.array(generator)))

    one = sample_arguments(op, sample, generator, drawn)
    two = sample_arguments(op, sample, generator, drawn)
    if one is None or two is None:
        return False
    two = {name: two[name] if name in op.gradients else one[name] for name in one}
    both = dict(one)
    for name in op.gradients:
        a, b = one[name], two[name]
        if isinstance(a, Tensor):
            both[name] = a * 0.7 + b * 1.9
        elif op.sequence:
            both[name] = [x * 0.7 + y * 1.9 for x, y in zip(a, b, strict=True)]
        elif a is not None:
            return False
    first, second, together = (_results(op, each) for each in (one, two, both))
    return all(
        numpy.allclose(c, a * 0.7 + b * 1.9)
        for a, b, c in zip(first, second, together, strict=True)
    )


def _results(op: Op, arguments: dict[str, Any]) -> list[Any]:
    result = call(op, tuple(arguments.values()))
    return [one._array for one in (result if isinstance(result, tuple) else (result,))]
