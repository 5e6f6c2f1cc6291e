"""Rules of their own: operations in a batch that are not just themselves with one dimension more.

Some are other operations in a batch (a product of matrices is a product of batches of matrices);
some count dimensions or sizes in a way that only they know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradlab.func.batching import DECOMPOSED, RULES, Arguments, Rule, Vmapped
from gradlab.op import FUNCTIONS, OPS, Op
from gradlab.op.wrapped import call
from gradlab.ops.index import Indices
from gradlab.ops.loss import MEAN, NONE
from gradlab.tensor import Tensor


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def _decomposed(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        DECOMPOSED[name] = function
        return function

    return register


def _matmul(one: Any, two: Any) -> Any:
    return FUNCTIONS["matmul"](one, two)


# ------------------------------------------------------------------ products


@_decomposed("dot")
def _dot(input: Tensor, tensor: Tensor) -> Any:
    return (input * tensor).sum()


@_rule("mv")
def _mv(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    matrix, vector = arguments["input"], arguments["vec"]
    if level.is_batched(matrix) and level.is_batched(vector):
        column = FUNCTIONS["unsqueeze"](level.value(vector), 2)
        return FUNCTIONS["squeeze"](FUNCTIONS["bmm"](level.value(matrix), column), 2)
    if level.is_batched(matrix):
        return _matmul(level.value(matrix), vector)
    return _matmul(level.value(vector), FUNCTIONS["t"](matrix))


@_rule("mm", "bmm")
def _product(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    return _matmul(level.value(arguments["input"]), level.value(arguments["mat2"]))


@_decomposed("addmm")
def _addmm(input: Tensor, mat1: Tensor, mat2: Tensor, beta: float, alpha: float) -> Any:
    return _added(input, FUNCTIONS["mm"](mat1, mat2), beta, alpha)


def _added(input: Tensor, product: Any, beta: float, alpha: float) -> Any:
    scaled = product if alpha == 1 else product * alpha
    return scaled + (input if beta == 1 else input * beta)


@_decomposed("addmv")
def _addmv(input: Tensor, mat: Tensor, vec: Tensor, beta: float, alpha: float) -> Any:
    return _added(input, FUNCTIONS["mv"](mat, vec), beta, alpha)


@_decomposed("baddbmm")
def _baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, beta: float, alpha: float) -> Any:
    return _added(input, FUNCTIONS["bmm"](batch1, batch2), beta, alpha)


# ------------------------------------------------------------------ over all elements


def _over_all(name: str, by_dim: str) -> None:
    @_decomposed(name)
    def reduce(input: Tensor) -> Any:
        return FUNCTIONS[by_dim](FUNCTIONS["reshape"](input, (-1,)), 0)


for _name, _by_dim in (("max", "amax"), ("min", "amin")):
    _over_all(_name, _by_dim)


@_decomposed("trace")
def _trace(input: Tensor) -> Any:
    return FUNCTIONS["diagonal"](input).sum()


# ------------------------------------------------------------------ classes


@_decomposed("nll_loss")
def _nll_loss(input: Tensor, target: Tensor, weight: Any, reduction: int, ignore_index: int) -> Any:
    if input.ndim == 1:
        rows = _nll_loss(input.unsqueeze(0), target.unsqueeze(0), weight, reduction, ignore_index)
        return rows.squeeze(0) if reduction == NONE else rows
    places, weights = _weighed_places(input, target, weight, ignore_index)
    losses = -input.gather(1, places.unsqueeze(1)).squeeze(1) * weights
    if reduction == NONE:
        return losses
    return losses.sum() / weights.sum() if reduction == MEAN else losses.sum()


@_decomposed("nll_loss_backward")
def _nll_loss_backward(
    gradient: Tensor,
    target: Tensor,
    weight: Any,
    reduction: int,
    ignore_index: int,
    shape: tuple[int, ...],
) -> Any:
    many = target if target.ndim else target.unsqueeze(0)
    places, weights = _weighed_places(gradient, many, weight, ignore_index)
    shares = weights / weights.sum() if reduction == MEAN else weights
    rows = gradient.new_zeros(shape) if len(shape) > 1 else gradient.new_zeros((1, *shape))
    found = rows.scatter(1, places.unsqueeze(1), (-shares * gradient).unsqueeze(1))
    return found if target.ndim else found.squeeze(0)


def _weighed_places(like: Tensor, target: Tensor, weight: Any, ignore_index: int) -> Any:
    """Where each row's class is, and how much it counts; what is ignored counts for nothing."""
    counts = FUNCTIONS["ne"](target, ignore_index)
    places = FUNCTIONS["where"](counts, target, 0)
    if weight is None:
        return places, counts.to(like.dtype)
    return places, weight[places] * counts.to(like.dtype)


# ------------------------------------------------------------------ layers


@_rule("native_layer_norm")
def _layer_norm(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    weight, bias = arguments["weight"], arguments["bias"]
    if not (level.is_batched(weight) or level.is_batched(bias)):
        return None
    plain = {**arguments, "weight": None, "bias": None}
    result, *statistics = call(op, tuple(plain.values()))
    if weight is not None:
        result = result * weight
    if bias is not None:
        result = result + bias
    return tuple([level.full(one) for one in (result, *statistics)])


# ------------------------------------------------------------------ views


@_decomposed("t")
def _t(input: Tensor) -> Any:
    return FUNCTIONS["transpose"](input, 0, 1) if input.ndim == 2 else OPS["alias"].function(input)


@_rule("permute")
def _permute(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    dims = arguments["dims"]
    return OPS["permute"].function(
        level.value(arguments["input"]), (0, *[d % len(dims) + 1 for d in dims])
    )


@_rule("expand")
def _expand(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    input, shape = arguments["input"], arguments["shape"]
    value = level.value(input)
    missing = len(shape) - input.ndim
    known = [
        input.shape[i - missing] if n == -1 and i >= missing else n for i, n in enumerate(shape)
    ]
    aligned = FUNCTIONS["reshape"](value, (level.size, *(1,) * missing, *input.shape))
    return OPS["expand"].function(aligned, (level.size, *known))


@_rule("view", "reshape_alias", "unsafe_view")
def _view(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    input, shape = arguments["input"], tuple(arguments["shape"])
    if -1 in shape:
        known = 1
        for n in shape:
            known *= 1 if n == -1 else n
        shape = tuple(input.numel() // max(known, 1) if n == -1 else n for n in shape)
    return FUNCTIONS["reshape"](level.value(input), (level.size, *shape))


@_rule("as_strided")
def _as_strided(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    value = level.value(arguments["input"])
    size, stride = arguments["size"], arguments["stride"]
    step = value._array.strides[0] // value._array.itemsize
    return op.function(value, (level.size, *size), (step, *stride), arguments["storage_offset"])


@_rule("squeeze_all")
def _squeeze_all(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    input = arguments["input"]
    ones = tuple([d + 1 for d, n in enumerate(input.shape) if n == 1])
    return OPS["squeeze_dims"].function(level.value(input), ones)


@_rule("repeat")
def _repeat(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    input, repeats = arguments["input"], arguments["repeats"]
    missing = len(repeats) - input.ndim
    value = FUNCTIONS["reshape"](level.value(input), (level.size, *(1,) * missing, *input.shape))
    return OPS["repeat"].function(value, (1, *repeats))


# ------------------------------------------------------------------ indexing

NO_MASKS = (
    "vmap: We do not support batching operators that can support dynamic shape. Attempting to "
    "batch over indexing with a boolean mask. Choose with where() instead: each element of the "
    "batch may pick another number of places."
)


@_rule("index")
def _index(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    places = _Places(level, arguments["input"], arguments["indices"])
    return places.as_elements(op.function(places.whole(arguments["input"]), places.indices))


@_rule("index_backward")
def _index_backward(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    shape = tuple(arguments["shape"])
    places = _Places(level, len(shape), arguments["indices"])
    arriving = places.as_indexed(level.full(arguments["input"]))
    return op.function(arriving, (level.size, *shape), places.indices)


@_rule("index_put")
def _index_put(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    input, values = arguments["input"], arguments["values"]
    places = _Places(level, input, arguments["indices"])
    if level.is_batched(values):
        picked = OPS["index"].function(input.detach(), arguments["indices"])
        values = places.as_indexed(level.full(FUNCTIONS["broadcast_to"](values, picked.shape)))
    elif places.moves:
        return None
    return op.function(places.whole(input), places.indices, values, arguments["accumulate"])


@_rule("cleared")
def _cleared(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    places = _Places(level, arguments["input"], arguments["indices"])
    return op.function(places.whole(arguments["input"]), places.indices)


class _Places:
    """Index tensors for elements as index tensors for batches.

    The batch is one more dimension in front. Where no index is batched it is taken whole; else an
    index for it is added. Either way the dimensions of the result may come in another order than
    that of the elements' results with the batch in front.
    """

    def __init__(self, level: Vmapped, input: Any, indices: Any) -> None:
        self._level = level
        given = [self._numbered(one) for one in indices]
        flat: list[Any] = [one for many in given for one in many]
        named = [i for i, one in enumerate(flat) if one is not None]
        self._rank = max(flat[i].ndim for i in named)
        together = named == list(range(named[0], named[-1] + 1))
        self._before = named[0] if together else 0  # whole dimensions before the indices' own
        self._batched = any(level.is_batched(one) for one in flat)
        if self._batched:
            flat = [None if one is None else self._aligned(one) for one in flat]
            counted = FUNCTIONS["arange"](level.size, device=flat[named[0]].device)
            own = FUNCTIONS["reshape"](counted, (level.size, *(1,) * self._rank))
            self.indices = Indices([own, *flat])
            self._leads = named[0] == 0 or not together  # else the indices' dimensions lead
        else:
            self.indices = Indices([None, *flat])
            self._leads = together

    def _numbered(self, one: Any) -> Sequence[Any]:
        """An index as index tensors of numbers: a mask is one for each of its dimensions."""
        if one is None or one._array.dtype != bool:
            return (one,)
        if self._level.is_batched(one):
            raise RuntimeError(NO_MASKS)
        return FUNCTIONS["nonzero"](one, as_tuple=True)  # type: ignore[no-any-return]

    def _aligned(self, one: Any) -> Any:
        value = self._level.value(one)
        if not self._level.is_batched(one):
            return value
        missing = self._rank - one.ndim
        return FUNCTIONS["reshape"](value, (self._level.size, *(1,) * missing, *one.shape))

    def whole(self, input: Any) -> Any:
        """What is indexed, as a batch."""
        return self._level.full(input)

    @property
    def moves(self) -> bool:
        """Whether the result's dimensions come in another order."""
        return self._order(self._before + self._rank + 1) is not None

    def _order(self, ndim: int) -> tuple[int, ...] | None:
        """Where the dimensions wanted (batch, then an element's) lie in what indexing gives."""
        rest = range(self._before + self._rank + 1, ndim)
        if not self._batched:
            if self._leads:
                return None  # batch, whole ones, the indices' own, the rest
            # The indices stand apart: theirs, then the batch, then the rest.
            own = range(self._rank)
            return (self._rank, *own, *rest)
        if not self._before:
            return None  # batch and the indices' own, then the rest
        own = range(1, self._rank + 1)
        before = range(self._rank + 1, self._rank + 1 + self._before)
        return (0, *before, *own, *rest)

    def as_elements(self, result: Any) -> Any:
        """The result of indexing with the batch in front of each element's dimensions."""
        order = self._order(result.ndim)
        return result if order is None else OPS["permute"].function(result, order)

    def as_indexed(self, batch: Any) -> Any:
        """The reverse of ``as_elements``."""
        order = self._order(batch.ndim)
        if order is None:
            return batch
        back = tuple(order.index(d) for d in range(len(order)))
        return OPS["permute"].function(batch, back)


@_decomposed("index_select")
def _index_select(input: Tensor, dim: int, index: Tensor) -> Any:
    if not input.ndim:
        return input.clone()
    many = index if index.ndim else index.unsqueeze(0)
    return OPS["index"].function(input, Indices([*[None] * (dim % input.ndim), many]))


@_decomposed("index_select_backward")
def _index_select_backward(input: Tensor, shape: tuple[int, ...], dim: int, index: Tensor) -> Any:
    if not shape:
        return input
    many = index if index.ndim else index.unsqueeze(0)
    where = Indices([*[None] * (dim % len(shape)), many])
    return OPS["index_backward"].function(input, shape, where)


@_rule("masked_select")
def _masked_select(level: Vmapped, op: Op, arguments: Arguments) -> Any:
    if level.is_batched(arguments["mask"]):
        raise RuntimeError(
            "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot "
            "support this because for each batch this would return a differently shaped Tensor. "
            "Please file an issue at https://github.com/pytorch/pytorch/issues if you need this "
            "feature. Choose with where() instead."
        )
    return None
