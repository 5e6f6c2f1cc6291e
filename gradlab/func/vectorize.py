"""``vmap``: a function of one element as a function of batches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradlab import levels
from gradlab.func import batching_rules, pytree
from gradlab.func.batching import Batched, Vmapped
from gradlab.func.pytree import Tree
from gradlab.generator import get_rng_state, set_rng_state
from gradlab.levels import inside
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor

assert batching_rules  # imported for the rules it registers


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """``func``, written for one element, as a function that takes and returns batches.

    ``in_dims`` says which dimension of each argument is the batch: an int for all, or a tuple
    (nested like the arguments) of ints and, for what is the same for all elements, None.
    Arguments given by keyword are the same for all. ``out_dims`` says where the batch comes in each
    result. ``chunk_size`` is how many elements are done at once, by default all. ``randomness``
    says what random functions do inside: an "error", the "same" for all, or "different" numbers.

    Raises ValueError for dimensions that don't fit the arguments, and where ``func`` returns
    anything but tensors; RuntimeError inside of ``func`` where what is done would depend on the
    element.

    >>> import gradlab as gl
    >>> dot = lambda x, y: (x * y).sum()
    >>> gl.vmap(dot, in_dims=(0, None))(gl.tensor([[1.0, 2.0], [3.0, 4.0]]), gl.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        call = _Call(func, in_dims, out_dims, args, kwargs)
        if chunk_size is None or chunk_size >= call.size:
            return call.run(randomness)
        return call.run_in_chunks(randomness, chunk_size)

    return mapped


class _Call:
    """One call of a mapped function: its arguments taken apart."""

    def __init__(
        self,
        func: Callable[..., Any],
        in_dims: Any,
        out_dims: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._func = func
        self._name = getattr(func, "__name__", repr(func))
        self._in_dims = in_dims
        self._out_dims = out_dims
        self._leaves, self._tree = pytree.flatten(args)
        self._dims = self._read_dims(args)
        self._kwargs = kwargs
        self.size = self._read_size()

    # ------------------------------------------------------------------ what goes in

    def _read_dims(self, args: tuple[Any, ...]) -> list[int | None]:
        who = f"vmap({self._name}, in_dims={self._in_dims}, ...)(<inputs>): "
        if not isinstance(self._in_dims, (int, tuple)):
            raise ValueError(
                f"{who}expected `in_dims` to be int or a (potentially nested) tuple matching the "
                f"structure of inputs, got: {type(self._in_dims)}."
            )
        if not args:
            raise ValueError(
                f"vmap({self._name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or "
                "you are trying to vmap over a function with no inputs. The latter is unsupported."
            )
        given = self._in_dims
        dims = pytree.spread(given, self._tree)
        if dims is None:
            raise ValueError(
                f"{who}in_dims is not compatible with the structure of `inputs`. in_dims has "
                f"structure {pytree.flatten(given)[1]} but inputs has structure {self._tree}."
            )
        return [self._checked(who, leaf, dim) for leaf, dim in zip(self._leaves, dims, strict=True)]

    def _checked(self, who: str, leaf: Any, dim: Any) -> int | None:
        if dim is None:
            return None
        if not isinstance(dim, int):
            raise ValueError(
                f"{who}Got in_dim={dim} for an input but in_dim must be either an integer "
                "dimension or None."
            )
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"{who}Got in_dim={dim} for an input but the input is of type {type(leaf)}. We "
                "cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -leaf.ndim <= dim < leaf.ndim:
            raise ValueError(
                f"{who}Got in_dim={dim} for some input, but that input is a Tensor of "
                f"dimensionality {leaf.ndim} so expected in_dim to satisfy "
                f"-{leaf.ndim} <= in_dim < {leaf.ndim}."
            )
        return dim % leaf.ndim

    def _read_size(self) -> int:
        sizes = [
            leaf.shape[dim]
            for leaf, dim in zip(self._leaves, self._dims, strict=True)
            if dim is not None
        ]
        if not sizes:
            raise ValueError("vmap: Expected at least one Tensor to vmap over")
        if len(set(sizes)) > 1:
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got "
                f"sizes {sizes} for the mapped dimension"
            )
        return int(sizes[0])

    # ------------------------------------------------------------------ the call

    def run(self, randomness: str) -> Any:
        """All elements at once."""
        results, tree, dims = self._results(self._leaves, self.size, randomness)
        pairs = zip(results, dims, strict=True)
        return tree.filled([one if dim is None else _batch_at(one, dim) for one, dim in pairs])

    def run_in_chunks(self, randomness: str, chunk_size: int) -> Any:
        """So many elements at once, one chunk after the other."""
        parts = []
        state = get_rng_state() if randomness == "same" else None
        for start in range(0, self.size, chunk_size):
            length = min(chunk_size, self.size - start)
            if state is not None:
                set_rng_state(state)
            leaves = [
                leaf if dim is None else FUNCTIONS["narrow"](leaf, dim, start, length)
                for leaf, dim in zip(self._leaves, self._dims, strict=True)
            ]
            parts.append(self._results(leaves, length, randomness))
        _, tree, dims = parts[0]
        columns = zip(*[results for results, _, _ in parts], strict=True)
        whole = [
            column[0] if dim is None else _batch_at(FUNCTIONS["cat"](list(column), 0), dim)
            for column, dim in zip(columns, dims, strict=True)
        ]
        return tree.filled(whole)

    def _results(
        self, leaves: Sequence[Any], size: int, randomness: str
    ) -> tuple[list[Any], Tree, list[int | None]]:
        """The results with the batch in front, and where it is wanted."""
        with inside(Vmapped(size, randomness)) as level:
            assert isinstance(level, Vmapped)
            given = [
                leaf if dim is None else level.wrap_one(_batch_first(leaf, dim))
                for leaf, dim in zip(leaves, self._dims, strict=True)
            ]
            returned = self._func(*self._tree.filled(given), **self._kwargs)
            found, tree = pytree.flatten(returned)
            dims = self._read_out_dims(tree, found)
            results = [
                self._handed_out(level, one, dim) for one, dim in zip(found, dims, strict=True)
            ]
        return results, tree, dims

    # ------------------------------------------------------------------ what comes out

    def _read_out_dims(self, tree: Tree, found: Sequence[Any]) -> list[int | None]:
        given = self._out_dims
        who = f"vmap({self._name}, ..., out_dims={given})"
        leaves, _ = pytree.flatten(given)
        if not all(one is None or isinstance(one, int) for one in leaves):
            raise ValueError(
                f"{who}: `out_dims` must be an int, None or a python collection of ints "
                "representing where in the outputs the vmapped dimension should appear."
            )
        if isinstance(given, tuple) and len(given) == 1 and tree.kind is None:
            (given,) = given
        dims = pytree.spread(given, tree)
        if dims is None:
            raise ValueError(
                f"{who}(<inputs>): out_dims is not compatible with the structure of `outputs`. "
                f"out_dims has structure {pytree.flatten(given)[1]} but outputs has structure "
                f"{tree}."
            )
        return dims

    def _handed_out(self, level: Vmapped, result: Any, dim: int | None) -> Any:
        if not isinstance(result, Tensor):
            if dim is None:
                return result
            raise ValueError(
                f"vmap({self._name}, ...): `{self._name}` must only return Tensors, got type "
                f"{type(result)}. Did you mean to set out_dims= to None for output?"
            )
        if dim is not None:
            return level.full(result)
        if isinstance(result, Batched) and level.is_batched(result):
            raise ValueError(
                f"vmap({self._name}, ...): `{self._name}` can not return a BatchedTensor when "
                "out_dim is None"
            )
        return result


def _batch_first(tensor: Tensor, dim: int) -> Tensor:
    return tensor if dim == 0 else FUNCTIONS["movedim"](tensor, dim, 0)


def _batch_at(tensor: Tensor, dim: int) -> Tensor:
    return tensor if dim == 0 else FUNCTIONS["movedim"](tensor, 0, dim)


def _over_batch(function: Callable[..., list[Any]], batches: Sequence[Tensor]) -> list[Any]:
    """What ``function`` makes of each element of ``batches``; None where it gives None."""
    with inside(Vmapped(int(batches[0].shape[0]))) as level:
        assert isinstance(level, Vmapped)
        found = function(*[level.wrap_one(batch) for batch in batches])
        return [None if one is None else level.full(one) for one in found]


levels.over_batch = _over_batch
