"""Batches: a tensor with a batch dimension, seen as one of its elements.

Inside of ``vmap`` a function is called once, with ``Batched`` tensors, and every operation on them
is done for the whole batch. How, is decided for each operation by what its declaration says of it:

- *pointwise* operations compute on the batches themselves, with ranks aligned;
- others are tried with their dimensions and shapes moved one place on (*shifted*), with the batch
  folded into the first dimension (*folded*), or flattened where they go over all dimensions;
- what none of this suits is *looped*: done for each element, and stacked.

A way is taken only if, on the operation's own samples, it gives what the loop gives. That is tried
once for each operation and each choice of batched arguments. Some operations that matter for speed
have a rule of their own, in ``batching_rules``.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy

from gradlab import arrays, levels
from gradlab.engine import grad
from gradlab.func.pointwise import is_pointwise, sample_arguments
from gradlab.grad_mode import enable_grad
from gradlab.levels import Layout, Level, NeedsRules
from gradlab.op import FUNCTIONS, OPS, Op
from gradlab.op.wrapped import Wrapped, call
from gradlab.ops.loss import MEAN, NONE
from gradlab.tensor import Tensor

Arguments = dict[str, Any]
"""The arguments of an operation by its parameters' names."""

# ------------------------------------------------------------------ batched tensors


class Batched(Wrapped):
    """One element of a batch: ``_value`` holds all of them, along its first dimension."""

    __slots__ = ()

    _level: Vmapped
    _value: Tensor

    @property
    def _inner(self) -> Tensor:
        return self._value

    @property
    def _array(self) -> Layout:
        return Layout(self._value._array, 1)

    def detach(self) -> Tensor:
        """The same numbers without history."""
        return self._level.wrap_one(self._value.detach())

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """Refused: ``.grad`` is about whole tensors."""
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use "
            "functorch.grad or functorch.vjp instead or call backward() outside of functorch "
            "transforms."
        )

    def item(self) -> Any:
        """Refused: there is a number for each element of the batch."""
        raise RuntimeError(
            "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over "
            "calling .item() on a Tensor, please try to rewrite what you're doing with other "
            "operations. If error is occurring somewhere inside PyTorch internals, please file a "
            "bug report."
        )

    __int__ = __float__ = __complex__ = __index__ = item

    def __bool__(self) -> bool:
        raise RuntimeError(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control "
            "flow. We don't support that yet, please file an issue at "
            "https://github.com/pytorch/pytorch/issues . Choose with where() instead: the elements "
            "of the batch may differ."
        )

    def __contains__(self, element: Any) -> bool:
        return bool(self)

    def tolist(self) -> Any:
        """Refused, as ``item`` is."""
        raise _no_numbers()

    def numpy(self, *, force: bool = False) -> Any:
        """Refused, as ``item`` is."""
        raise _no_numbers()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise _no_numbers()

    def __repr__(self) -> str:
        if not self._level.alive:
            return repr(self._value)
        return levels.text(self)

    @property
    def _heading(self) -> str | None:
        return f"BatchedTensor(lvl={self._level.depth}, bdim=0" if self._level.alive else None


def _no_numbers() -> RuntimeError:
    return RuntimeError(
        "Cannot access data pointer of Tensor that doesn't have storage: inside of vmap a tensor "
        "stands for a whole batch. Compute with gradlab's own functions there."
    )


class Vmapped(Level):
    """A call of ``vmap``, over batches of ``size``."""

    def __init__(self, size: int, randomness: str = "error") -> None:
        self.size = size
        self.randomness = randomness

    # ------------------------------------------------------------------ between the two views

    def wrap_one(self, value: Tensor) -> Batched:
        """A batch seen as one of its elements."""
        made: Batched = object.__new__(Batched)
        made._level = self
        made._value = value
        return made

    def wrap(self, result: Any) -> Any:
        """A batch, or each of several, likewise."""
        if isinstance(result, tuple):
            return tuple([self.wrap_one(one) for one in result])
        return self.wrap_one(result)

    def is_batched(self, value: Any) -> bool:
        """Whether ``value`` is a tensor that differs along this level's batch."""
        return isinstance(value, Batched) and value._level is self

    def value(self, value: Any) -> Any:
        """The batch of a batched tensor; anything else as it is."""
        return value._value if self.is_batched(value) else value

    def full(self, value: Any) -> Any:
        """A tensor as a batch: one that isn't batched is the same for all."""
        if not isinstance(value, Tensor):
            return value
        if self.is_batched(value):
            return value._value
        return FUNCTIONS["unsqueeze"](value, 0).expand((self.size, *value.shape))

    def element(self, value: Any, place: int) -> Any:
        """What stands at one place of the batch; in tuples and lists, of each."""
        if self.is_batched(value):
            return FUNCTIONS["select"](value._value, 0, place)
        if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
            return type(value)([self.element(one, place) for one in value])
        return value

    # ------------------------------------------------------------------ what a level answers to

    def call(self, op: Op, args: tuple[Any, ...]) -> Any:
        """The operation on the whole batch."""
        arguments = dict(zip(op.signature.parameters, args, strict=True))
        decompose = DECOMPOSED.get(op.name)
        if decompose is not None:
            return decompose(**arguments)
        if "generator" in op.options:
            return self.draw(op.name + "_", functools.partial(_named, op), (), arguments)
        rule = RULES.get(op.name)
        if rule is not None:
            found = rule(self, op, arguments)
            if found is not None:
                return self.wrap(found)
        return self.wrap(_by_its_way(self, op, arguments))

    def assign(self, target: Any, result: Any) -> None:
        """Write a batch into ``target``, which must be one already."""
        if not self.is_batched(target):
            raise RuntimeError(
                "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists "
                "a Tensor `other` in extra_args that has more elements than `self`. This happened "
                "due to `other` being vmapped over but `self` not being vmapped over in a vmap. "
                "Please try to use out-of-place operators instead of inplace arithmetic. If said "
                "operator is being called inside the PyTorch framework, please file a bug report "
                "instead."
            )
        if result.shape != target.shape:
            raise RuntimeError(
                f"output with shape {list(target.shape)} doesn't match the broadcast shape "
                f"{list(result.shape)}"
            )
        own = target._value
        if arrays.category(result._array.dtype) > arrays.category(own._array.dtype):
            raise RuntimeError(
                f"result type {result.dtype.type_name} can't be cast to the desired output type "
                f"{own.dtype.type_name}"
            )
        own.copy_(self.full(result))

    def over_batches(self, tensor: Any, make: Callable[[Any], Any]) -> Any:
        """A batch, of which ``make`` does the same."""
        return self.wrap_one(make(self.full(tensor)))

    def fresh(self, tensor: Any, make: Callable[[Any], Any]) -> Any:
        """Every element gets its own: what is not batched yet is."""
        return self.wrap_one(make(self.full(tensor)))

    def plain(self, tensor: Any, function: str) -> Any:
        """Refused: the results for the elements would have various shapes."""
        raise dynamic_shape(function)

    def owned(self, tensor: Any) -> Any:
        """A batch of copies."""
        return self.wrap_one(self.full(tensor).clone())

    def draw(self, name: str, make: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Random numbers: drawn once for all, or for each element.

        What draws of a shape or from tensors element by element does it for the whole batch: the
        numbers depend on how many are drawn at once.
        """
        if self.randomness == "error":
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use "
                "the 'same' or 'different' randomness flags on vmap or perform the randomness "
                "operation out of vmap"
            )
        batched = any(self.is_batched(one) for one in (*args, *kwargs.values()))
        if self.randomness == "same" and not batched:
            return make(*args, **kwargs)
        if self.randomness == "same" and name in _FILLS:
            given = {key: self.element(one, 0) for key, one in kwargs.items()}
            return make(**given)
        if self.randomness == "same":
            raise RuntimeError(
                "Vmap does not currently support same randomness with a batched tensor input. "
                "Draw uniform numbers outside of vmap and compare with them."
            )
        if name in _FILLS and not batched:
            raise RuntimeError(
                "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This "
                "will appear like same randomness. Make the tensor from the batch, with "
                "x.new_empty(...) for example."
            )
        if name in ("rand", "randn"):
            sizes = kwargs.pop("size", None) or args
            sizes = sizes[0] if isinstance(sizes[0], (tuple, list)) else sizes
            return self.wrap_one(make((self.size, *sizes), **kwargs))
        if name == "normal" and not batched and len(args) == 3:
            return self.wrap_one(make(*args[:2], (self.size, *args[2]), **kwargs))
        if name in _FILLS or name == "normal":
            return self.wrap_one(
                make(
                    *[self.full(one) if self.is_batched(one) else one for one in args],
                    **{k: self.full(v) if self.is_batched(v) else v for k, v in kwargs.items()},
                )
            )
        return self.by_numbers(make, args, kwargs)

    def by_numbers(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What a function gives for each element."""
        results = [
            function(
                *[self.element(one, i) for one in args],
                **{name: self.element(one, i) for name, one in kwargs.items()},
            )
            for i in range(self.size)
        ]
        if not isinstance(results[0], tuple):
            return self.wrap_one(FUNCTIONS["stack"](results))
        return self.wrap(
            tuple([FUNCTIONS["stack"](list(one)) for one in zip(*results, strict=True)])
        )


_FILLS = frozenset(("bernoulli_fill_", "exponential_", "normal_", "random_", "uniform_"))
"""What overwrites a tensor with random numbers."""


def _named(op: Op, **arguments: Any) -> Any:
    return call(op, tuple(arguments.values()))


# ------------------------------------------------------------------ rules that have names

Rule = Callable[[Vmapped, Op, Arguments], Any]
"""What makes the result's batches; None where it does not suit these arguments."""

RULES: dict[str, Rule] = {}
"""Operations with a rule of their own, by name."""

DECOMPOSED: dict[str, Callable[..., Any]] = {}
"""Operations that are other ones in a batch, by name: functions of the batched tensors."""


# ------------------------------------------------------------------ ways to do any operation


class Unsuited(Exception):
    """A way does not suit these arguments."""


def pointwise(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    """On the batches themselves, with dimensions of size 1 behind the first to align ranks."""
    if any(_names_dims(name) or _names_a_shape(name) for name in op.options):
        raise Unsuited
    tensors = [name for name in op.tensors if isinstance(arguments[name], Tensor)]
    rank = max(arguments[name].ndim for name in tensors)
    changed = dict(arguments)
    for name in tensors:
        changed[name] = _aligned(level, arguments[name], rank)
    if op.promote is not None:
        _promote_as_elements(level, op, arguments, changed)
    return call(op, tuple(changed.values()))


def _aligned(level: Vmapped, tensor: Tensor, rank: int) -> Tensor:
    """A batch whose elements have ``rank`` dimensions, the first of them new."""
    value = level.value(tensor)
    missing = rank - tensor.ndim
    if not missing or not level.is_batched(tensor):
        return value  # type: ignore[no-any-return]
    shape = value.shape
    return FUNCTIONS["reshape"](value, (shape[0], *(1,) * missing, *shape[1:]))  # type: ignore[no-any-return]


def _promote_as_elements(level: Vmapped, op: Op, arguments: Arguments, changed: Arguments) -> None:
    """Convert batches of numbers that count for less than tensors with dimensions do."""
    given = [arguments[name] for name in op.tensors if arguments[name] is not None]
    zero_d = [
        name
        for name in op.tensors
        if level.is_batched(arguments[name]) and not arguments[name].ndim
    ]
    if not zero_d or len(given) == len(zero_d):
        return
    common = arrays.result_dtype([getattr(one, "_array", one) for one in given])
    for name in zero_d:
        if arguments[name]._array.dtype != common:
            changed[name] = changed[name].to(arrays.BY_NUMPY[common])


def shifted(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    """With all dimensions counted one further; tensors that aren't batched stay as they are."""
    return _shifted(level, op, arguments, level.value)


def stretched(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    """As ``shifted``, with every tensor made a batch."""
    return _shifted(level, op, arguments, level.full)


def _shifted(level: Vmapped, op: Op, arguments: Arguments, as_batch: Callable[[Any], Any]) -> Any:
    changed: Arguments = {}
    for name, value in arguments.items():
        if name in op.tensors:
            changed[name] = [level.full(one) for one in value] if op.sequence else as_batch(value)
        else:
            changed[name] = _moved(name, value, level.size)
    return call(op, tuple(changed.values()))


def _names_dims(name: str) -> bool:
    return name.startswith("dim") or name in ("axis", "dims", "start_dim", "end_dim")


def _names_a_shape(name: str) -> bool:
    return name in ("shape", "sizes") or name.endswith("_shape")


def _moved(name: str, value: Any, size: int) -> Any:
    """An option for elements as one for batches."""
    if _names_dims(name):
        if isinstance(value, (tuple, list)):
            return tuple([d + 1 if d >= 0 else d for d in value])
        if type(value) is not int:
            raise Unsuited
        return value + 1 if value >= 0 else value
    if _names_a_shape(name) and isinstance(value, (tuple, list)):
        return (size, *value)
    return value


def folded(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    """With the batch and the first dimension as one: more samples for a layer that takes many."""
    if any(_names_dims(name) for name in op.options):
        raise Unsuited
    rows = {arguments[n].shape[:1] for n in op.tensors if level.is_batched(arguments[n])}
    if len(rows) != 1 or not next(iter(rows)):
        raise Unsuited
    ((count,),) = rows
    changed: Arguments = {}
    for name, value in arguments.items():
        if level.is_batched(value):
            batch = level.value(value)
            changed[name] = FUNCTIONS["flatten"](batch, 0, 1)
        elif _names_a_shape(name) and isinstance(value, (tuple, list)):
            if value[0] != count:
                raise Unsuited
            changed[name] = (level.size * count, *value[1:])
        else:
            changed[name] = value
    result = call(op, tuple(changed.values()))
    unfolded = [
        FUNCTIONS["unflatten"](one, 0, (level.size, count))
        for one in (result if isinstance(result, tuple) else (result,))
    ]
    return tuple(unfolded) if isinstance(result, tuple) else unfolded[0]


def over_all(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    """What goes over all dimensions, on rows: by the operation's form that takes dimensions."""
    if len(op.tensors) != 1:
        raise Unsuited
    own = [name for name in op.options if _names_dims(name)]
    by_dim = op if own else OPS.get(op.name + "_dim")
    if by_dim is None or arguments.get("keepdim") or any(arguments[n] is not None for n in own):
        raise Unsuited
    named = [name for name in by_dim.options if _names_dims(name)]
    if len(named) != 1:
        raise Unsuited
    (dim,) = named
    several = "tuple" in str(by_dim.signature.parameters[dim].annotation)
    changed: Arguments = {}
    for name, parameter in by_dim.signature.parameters.items():
        if name in by_dim.tensors:
            batch = level.value(arguments[op.tensors[0]])
            changed[name] = FUNCTIONS["reshape"](batch, (level.size, -1 if batch.numel() else 0))
        elif name == dim:
            changed[name] = (1,) if several else 1
        elif name in arguments:
            changed[name] = arguments[name]
        elif parameter.default is not parameter.empty:
            changed[name] = parameter.default
        elif name == "keepdim":
            changed[name] = False
        else:
            raise Unsuited
    return call(by_dim, tuple(changed.values()))


def unreduced(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    """A loss: pointwise in a batch, and then reduced for each element."""
    if "reduction" not in arguments:
        raise Unsuited
    kind = arguments["reduction"]
    losses = level.wrap_one(pointwise(level, op, {**arguments, "reduction": NONE}))
    if kind == NONE:
        return losses._value
    return level.full(losses.mean() if kind == MEAN else losses.sum())


def looped(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    """For one element after the other, stacked."""
    if not level.size:
        return _of_none(level, op, arguments)
    results = [
        call(op, tuple([level.element(value, i) for value in arguments.values()]))
        for i in range(level.size)
    ]
    if not isinstance(results[0], tuple):
        return _stack(op, results)
    return tuple([_stack(op, list(column)) for column in zip(*results, strict=True)])


def _stack(op: Op, results: list[Tensor]) -> Tensor:
    if any(one.shape != results[0].shape for one in results):
        raise dynamic_shape(op.public_name)
    return FUNCTIONS["stack"](results)  # type: ignore[no-any-return]


def _of_none(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    """The result for a batch of no elements: what it would be for zeros says its shape."""
    zeros = Vmapped(1)
    one = {
        name: zeros.wrap_one(value._value.new_zeros((1, *value.shape)))
        if level.is_batched(value)
        else value
        for name, value in arguments.items()
    }
    found = looped(zeros, op, one)
    if isinstance(found, tuple):
        return tuple([each[:0] for each in found])
    return found[:0]


def dynamic_shape(name: str) -> RuntimeError:
    """The error for results whose shape depends on the numbers."""
    return RuntimeError(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to "
        f"vmap over aten::{name}. Please file an issue at "
        "https://github.com/pytorch/pytorch/issues if you need this feature. The results for the "
        "elements of a batch would have different shapes."
    )


# ------------------------------------------------------------------ which way suits


def _by_its_way(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    try:
        return _way(op.name, _pattern(level, op, arguments))(level, op, arguments)
    except NeedsRules:
        raise
    except Exception:  # unsuited after all; or there is an error, which the loop tells as it is
        return looped(level, op, arguments)


Pattern = tuple[tuple[bool, int], ...]
"""For each tensor of a call: whether it is batched, and how many dimensions an element has."""


def _pattern(level: Vmapped, op: Op, arguments: Arguments) -> Pattern | None:
    """The kind of a call; None where an option is batched, which only the loop can do."""
    for name in op.options:
        if any(level.is_batched(one) for one in _within(arguments[name])):
            return None
    if op.sequence:
        return ((True, max(one.ndim for one in arguments[op.tensors[0]])),)
    return tuple(
        [
            (level.is_batched(value), value.ndim if isinstance(value, Tensor) else -1)
            for value in (arguments[name] for name in op.tensors)
        ]
    )


def _within(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for one in value:
            yield from _within(one)
    else:
        yield value


@functools.cache
def _way(name: str, pattern: Pattern | None) -> Rule:
    """The first way that gives on the operation's samples what the loop gives."""
    op = OPS[name]
    if pattern is None:
        return looped
    if is_pointwise(name):
        return pointwise
    cases = [case for case in _cases(op, pattern) if _pattern(case[0], op, case[1]) == pattern]
    if not cases and len({ndim for _, ndim in pattern if ndim >= 0}) == 1:
        # No sample has so many dimensions: what suits several other numbers of them suits this.
        cases = list(_cases(op, pattern))
        if len({_pattern(level, op, arguments) for level, arguments in cases}) < 2:
            return looped
    for way in (pointwise, over_all, shifted, stretched, unreduced, folded):
        if cases and all(_agrees(way, op, level, arguments) for level, arguments in cases):
            return way
    return looped


def _cases(op: Op, pattern: Pattern) -> Iterator[tuple[Vmapped, Arguments]]:
    """The samples of an operation with batches for those tensors that are batched in ``pattern``.

    Of several tensors with dimensions, only samples in which all have the same number of them, if
    it is so in the pattern.
    """
    generator = numpy.random.default_rng(0)
    alike = len({ndim for _, ndim in pattern if ndim >= 0}) == 1
    for sample in op.samples:
        level = Vmapped(3)
        arguments = sample_arguments(op, sample, generator, functools.partial(_drawn, level))
        if arguments is None:
            continue
        for (batched, _), name in zip(pattern, op.tensors, strict=True):
            if not batched and level.is_batched(arguments[name]):
                arguments[name] = level.element(arguments[name], 0)
        found = _pattern(level, op, arguments)
        if found is None or [kind[0] for kind in found] != [kind[0] for kind in pattern]:
            continue
        if not alike or len({ndim for _, ndim in found if ndim >= 0}) == 1:
            yield level, arguments


def _drawn(level: Vmapped, draw: Any, generator: numpy.random.Generator) -> Tensor:
    drawn = [draw.array(generator) for _ in range(level.size)]
    return level.wrap_one(Tensor._wrap(numpy.stack(drawn)))


def _agrees(way: Rule, op: Op, level: Vmapped, arguments: Arguments) -> bool:
    """Whether a way gives the loop's results, and gradients."""
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = _with_gradients(way, op, level, arguments)
            expected = _with_gradients(looped, op, level, arguments)
        except Exception:  # this way computes what makes no sense, so anything may go wrong
            return False
    return len(expected) == len(found) and all(map(_same, expected, found))


def _with_gradients(way: Rule, op: Op, level: Vmapped, arguments: Arguments) -> list[Any]:
    """The arrays that come out, and those of the gradients that some weights give."""
    tracked = {name: _tracked(level, arguments[name]) for name in op.gradients}
    leaves = [
        leaf
        for value in tracked.values()
        for leaf in (map(level.value, value) if op.sequence else [level.value(value)])
        if isinstance(leaf, Tensor) and leaf.requires_grad
    ]
    with enable_grad():
        found = way(level, op, {**arguments, **tracked})
    results = found if isinstance(found, tuple) else (found,)
    arrays_found = [one._array for one in results]
    generator = numpy.random.default_rng(0)
    roots, weights = [], []
    for one in results:
        drawn = generator.uniform(-1, 1, one._array.shape)
        if one.requires_grad:
            roots.append(one)
            weights.append(Tensor._wrap(drawn.astype(one._array.dtype)))
    if roots:
        try:
            slopes = grad(roots, leaves, weights, allow_unused=True)
        except NotImplementedError:
            return arrays_found
        arrays_found += [numpy.zeros(()) if one is None else one._array for one in slopes]
    return arrays_found


def _tracked(level: Vmapped, value: Any) -> Any:
    """A leaf that requires grad, of a floating-point tensor, batched as that is."""
    if isinstance(value, list):
        return [_tracked(level, one) for one in value]
    if level.is_batched(value):
        return level.wrap_one(_tracked(level, level.value(value)))
    if isinstance(value, Tensor) and value.dtype.is_floating_point:
        return value.detach().requires_grad_()
    return value


def _same(one: Any, other: Any) -> bool:
    return (
        one.shape == other.shape
        and one.dtype == other.dtype
        and numpy.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True)
    )
