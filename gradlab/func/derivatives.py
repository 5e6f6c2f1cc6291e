"""Derivatives of functions as functions, to be composed in any order.

``grad(grad(f))``, ``vmap(grad(f))``, ``jacfwd(jacrev(f))``: each takes a function and returns one.
Unlike ``autograd.grad`` they ask for no ``requires_grad`` and leave none behind: what is returned
has a history only where something outside of the function is tracked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradlab import levels
from gradlab.func import pytree
from gradlab.func.duals import Forward
from gradlab.func.pullback import (
    Differentiation,
    fresh,
    in_every_batch,
    over_plain,
    pulled,
    tracked_outside,
)
from gradlab.func.pytree import Tree
from gradlab.func.vectorize import vmap
from gradlab.grad_mode import enable_grad, is_grad_enabled
from gradlab.levels import inside
from gradlab.op import FUNCTIONS
from gradlab.ops.creation import zeros_like
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ gradients


def grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The gradient of ``func``, which returns one number, with respect to some of its arguments.

    ``argnums``: which argument, or a tuple of them for a tuple of gradients; an argument may be
    nested containers of tensors. With ``has_aux``, ``func`` returns a pair whose second part is
    handed through beside the gradient.

    Raises RuntimeError where ``func`` returns anything but a tensor of no dimensions.

    >>> import gradlab as gl
    >>> grad(gl.sin)(gl.tensor(0.0)), grad(grad(grad(gl.sin)))(gl.tensor(0.0))
    (tensor(1.), tensor(-1.))
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """As ``grad``, and the value of ``func``: a pair (gradient, value).

    >>> import gradlab as gl
    >>> grad_and_value(lambda x: x**2)(gl.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        chosen = _chosen(args, argnums)
        with _Reverse() as reverse:
            point = reverse.start(chosen)
            with enable_grad():
                returned = func(*_with(args, argnums, point), **kwargs)
            output, aux = _without_aux(returned, has_aux, "grad_and_value(f)(*args): ")
            if not isinstance(output, Tensor):
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got "
                    f"{type(output)}"
                )
            if output.ndim:
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got "
                    f"tensor with {output.ndim} dims. Maybe you wanted to use the vjp or jacrev "
                    "APIs instead?"
                )
            found = reverse.pull([output], [zeros_like(output) + 1])
            value = reverse.handed_out(output)
            if has_aux:
                return found, (value, reverse.handed_out(aux))
            return found, value

    return both


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """``func(*primals)``, and the function that multiplies a vector by its Jacobian.

    A pair (outputs, function), with ``has_aux`` a triple. The function takes a vector nested like
    the outputs and returns a tuple with something nested like it for each of ``primals``. It may
    be called several times.

    >>> import gradlab as gl
    >>> value, pull = vjp(lambda x: x**2, gl.tensor([1.0, 2.0]))
    >>> value, pull(gl.tensor([10.0, 1.0]))
    (tensor([1., 4.]), (tensor([20.,  4.]),))
    """
    return _vjp(func, primals, tuple(range(len(primals))), has_aux)


def _vjp(func: Callable[..., Any], primals: tuple[Any, ...], argnums: Any, has_aux: bool) -> Any:
    with _Reverse() as reverse:
        point = reverse.start(_chosen(primals, argnums))
        with enable_grad():
            returned = func(*_with(primals, argnums, point))
        output, aux = _without_aux(returned, has_aux, "vjp(f, *primals): ")
        outputs, tree = _outputs(output, "vjp(f, *primals)")

        def pull(
            cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None
        ) -> Any:
            given, own = pytree.flatten(cotangents)
            if own != tree and not (len(given) == len(outputs) == 1):
                raise RuntimeError(
                    "Expected pytree structure of cotangents to be the same as pytree structure of "
                    f"outputs to the function. cotangents: {_words(own)}, primal output: "
                    f"{_words(tree)}"
                )
            _check_shapes(given, outputs)
            return reverse.pull(outputs, given, retain_graph, create_graph)

        shown = tree.filled([reverse.handed_out(one) for one in outputs])
        if has_aux:
            return shown, pull, reverse.handed_out(aux)
        return shown, pull


def _check_shapes(given: Sequence[Any], outputs: Sequence[Tensor]) -> None:
    for i, (one, output) in enumerate(zip(given, outputs, strict=True)):
        if not isinstance(one, Tensor):
            raise TypeError(
                f"gradients can be either Tensors or None, but got {type(one).__name__}"
            )
        if one.shape != output.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {one.shape} and output[{i}] "
                f"has a shape of {output.shape}."
            )


class _Reverse:
    """One differentiation in reverse mode, at the levels that were entered before it."""

    def __init__(self) -> None:
        self._of = Differentiation()
        self._around = list(levels.entered())
        self._inputs: list[Any] = []

    def __enter__(self) -> _Reverse:
        levels.begin_reverse(self._of)
        return self

    def __exit__(self, *exc: object) -> None:
        levels.end_reverse(self._of)
        self._of.running = False

    def start(self, chosen: Any) -> Any:
        """The arguments as ones of their own, to differentiate by."""
        leaves, self._tree = pytree.flatten(chosen)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise ValueError(f"Thing passed to transform API must be Tensor, got {type(leaf)}")
        self._inputs = [fresh(leaf, self._around, self._of) for leaf in leaves]
        return self._tree.filled(self._inputs)

    def pull(
        self,
        outputs: Sequence[Tensor],
        arriving: Sequence[Tensor],
        keep: bool = True,
        recorded: bool | None = None,
    ) -> Any:
        """The gradients, nested like the arguments; zeros where nothing depends on one."""
        outside = tracked_outside(outputs, self._of) or any(one.requires_grad for one in arriving)
        if recorded is None:
            recorded = is_grad_enabled() and outside
        found = pulled(outputs, self._inputs, arriving, self._around, keep=keep, recorded=recorded)
        return self._tree.filled(
            [
                zeros_like(given) if one is None else (one if recorded else _detached(one))
                for one, given in zip(found, self._inputs, strict=True)
            ]
        )

    def handed_out(self, value: Any) -> Any:
        """Outputs without a history that is only this differentiation's."""

        def one(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or tracked_outside([leaf], self._of):
                return leaf
            return _detached(leaf)

        return pytree.over(one, value)


def _detached(tensor: Tensor) -> Tensor:
    return over_plain(lambda one: one.detach() if one.requires_grad else one, tensor)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ forward mode


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """``func(*primals)``, and its Jacobian times ``tangents``: in one go, by forward mode.

    ``tangents`` is nested like ``primals``, a tuple, and its tensors have the same shapes. With
    ``strict`` an output that doesn't depend on the primals is an error; else its tangent is zeros.

    >>> import gradlab as gl
    >>> jvp(lambda x: x**2, (gl.tensor([1.0, 2.0]),), (gl.tensor([10.0, 1.0]),))
    (tensor([1., 4.]), tensor([20.,  4.]))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to "
            "call f(*primals)."
        )
    if not primals:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected at least one Tensor in primals. Give a tensor to "
            "differentiate by."
        )
    numbers, tree = pytree.flatten(primals)
    speeds, own = pytree.flatten(tangents)
    if own != tree:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python "
            "structure. For example, if primals is a tuple of 3 tensors, tangents also must be. "
            f"Got primals with structure {tree} and tangents with structure {own}"
        )
    for name, ones in (("primals", numbers), ("tangents", speeds)):
        for one in ones:
            if not isinstance(one, Tensor):
                raise RuntimeError(
                    f"jvp(f, primals, tangents): Expected {name} to only contain Tensors, got "
                    f"{type(one)}"
                )
    for number, speed in zip(numbers, speeds, strict=True):
        check_tangent(number, speed)
    # Tangents differ along every batch, sooner or later: from the start, so that a tangent can
    # be written to where its number is changed in place.
    speeds = [in_every_batch(speed, levels.entered()) for speed in speeds]
    with inside(Forward()) as level:
        assert isinstance(level, Forward)
        duals = [level.dual(*pair) for pair in zip(numbers, speeds, strict=True)]
        returned = func(*tree.filled(duals))
        output, aux = _without_aux(returned, has_aux, "jvp(f, primals, tangents): ")
        outputs, out_tree = _outputs(output, "jvp(f, primals, tangents)", "f(*primals)")
        parts = [level.parts(one) for one in outputs]
        if strict and any(tangent is None for _, tangent in parts):
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the "
                "inputs. This is not allowed with strict=True."
            )
        values = out_tree.filled([primal for primal, _ in parts])
        moved = out_tree.filled(
            [zeros_like(primal) if tangent is None else tangent for primal, tangent in parts]
        )
        if has_aux:
            return values, moved, pytree.over(lambda one: level.parts(one)[0], aux)
        return values, moved


def check_tangent(primal: Tensor, tangent: Tensor) -> None:
    """Raise PyTorch's error for a tangent of another shape than its primal's."""
    if primal.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(primal.shape)} while the "
            f"given forward gradient is of size {list(tangent.shape)}."
        )


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """``func(*primals)``, and the function that multiplies its Jacobian by tangents.

    ``func`` runs once; the function may be called several times, with a tangent for each primal.

    >>> import gradlab as gl
    >>> value, push = linearize(lambda x: x**2, gl.tensor([1.0, 2.0]))
    >>> value, push(gl.tensor([10.0, 1.0]))
    (tensor([1., 4.]), tensor([20.,  4.]))
    """
    numbers, tree = pytree.flatten(primals)
    output, pull = vjp(func, *primals)
    outputs, out_tree = pytree.flatten(output)
    around = list(levels.entered())
    with enable_grad():
        # vjp is linear in its vector: what it is does not matter, its derivative is wanted.
        seeds = [fresh(zeros_like(one), around) for one in outputs]
        passed, _ = pytree.flatten(pull(out_tree.filled(seeds), create_graph=True))

    def push(*tangents: Any) -> Any:
        speeds, own = pytree.flatten(tangents)
        if own != tree:
            raise RuntimeError(
                f"Expected the tangents {own} to have the same structure as the primals {tree}"
            )
        for number, speed in zip(numbers, speeds, strict=True):
            check_tangent(number, speed)
        found = pulled(passed, seeds, speeds, around, recorded=False)
        return out_tree.filled(
            [
                zeros_like(one) if moved is None else moved
                for one, moved in zip(outputs, found, strict=True)
            ]
        )

    return output, push


# ------------------------------------------------------------------ whole matrices


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The Jacobian of ``func``, by reverse mode: all its rows in one batched backward pass.

    Best where there are fewer outputs than inputs. For each tensor that ``func`` returns, and each
    in the arguments ``argnums``, a tensor of shape ``output.shape + input.shape``, nested like
    the outputs and in that like the arguments. ``chunk_size`` limits how many rows are computed
    at once.

    >>> import gradlab as gl
    >>> jacrev(gl.sin)(gl.tensor([0.0, 0.0]))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        called = functools.partial(func, **kwargs)
        found = _vjp(called, args, argnums, has_aux)
        output, pull = found[0], found[1]
        outputs, tree = pytree.flatten(output)
        chosen, chosen_tree = pytree.flatten(_chosen(args, argnums))
        rows = vmap(
            lambda *units: tuple(pytree.flatten(pull(tree.filled(units)))[0]),
            chunk_size=chunk_size,
        )(*units_of(outputs))
        blocks = by_output(rows, outputs, chosen)
        nested = tree.filled([chosen_tree.filled(block) for block in blocks])
        return (nested, found[2]) if has_aux else nested

    return jacobian


def units_of(like: Sequence[Tensor]) -> list[Tensor]:
    """For each element of all tensors together, in each tensor a one there and zeros elsewhere."""
    counts = [one.numel() for one in like]
    total = sum(counts)
    units = []
    before = 0
    for one, count in zip(like, counts, strict=True):
        eye = FUNCTIONS["eye"](total, dtype=one.dtype, device=one.device)
        columns = FUNCTIONS["narrow"](eye, 1, before, count)
        units.append(FUNCTIONS["reshape"](columns, (total, *one.shape)))
        before += count
    return units


def by_output(
    rows: Sequence[Tensor], outputs: Sequence[Tensor], inputs: Sequence[Tensor]
) -> list[list[Tensor]]:
    """The rows, for each input all of them, as a block for each output and input."""
    counts = [one.numel() for one in outputs]
    blocks: list[list[Tensor]] = [[] for _ in outputs]
    for column, given in zip(rows, inputs, strict=True):
        parts = FUNCTIONS["split"](column, counts, 0)
        for block, part, output in zip(blocks, parts, outputs, strict=True):
            block.append(FUNCTIONS["reshape"](part, (*output.shape, *given.shape)))
    return blocks


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """The Jacobian of ``func``, by forward mode: all its columns at once.

    Best where there are fewer inputs than outputs; the result is that of ``jacrev``.

    >>> import gradlab as gl
    >>> jacfwd(gl.sin)(gl.tensor([0.0, 0.0]))
    tensor([[1., 0.],
            [0., 1.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen, chosen_tree = pytree.flatten(_chosen(args, argnums))
        _check_tensors(chosen)

        def push(*units: Tensor) -> Any:
            def called(*own: Any) -> Any:
                return func(*_with(args, argnums, chosen_tree.filled(own)), **kwargs)

            found = jvp(called, tuple(chosen), units, has_aux=has_aux)
            moved, tree = pytree.flatten(found[1])
            kept.append((tree, found[2] if has_aux else None))
            return tuple(moved)

        kept: list[tuple[Tree, Any]] = []
        columns = vmap(push, randomness=randomness)(*units_of(chosen))
        tree, aux = kept[0]
        blocks = [_by_input(column, chosen) for column in columns]
        nested = tree.filled([chosen_tree.filled(block) for block in blocks])
        return (nested, aux) if has_aux else nested

    return jacobian


def _by_input(columns: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """The columns, stacked along the first dimension, as a block for each input."""
    parts = FUNCTIONS["split"](columns, [one.numel() for one in inputs], 0)
    return [
        FUNCTIONS["reshape"](FUNCTIONS["movedim"](part, 0, -1), (*columns.shape[1:], *given.shape))
        for part, given in zip(parts, inputs, strict=True)
    ]


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The matrix of second derivatives of ``func``: forward mode over reverse mode.

    >>> import gradlab as gl
    >>> hessian(lambda x: (x**3).sum())(gl.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


# ------------------------------------------------------------------ arguments and results


def _chosen(args: tuple[Any, ...], argnums: Any) -> Any:
    """The argument ``argnums`` names, or a tuple of those."""
    if isinstance(argnums, int) and not isinstance(argnums, bool):
        return args[_checked(argnums, args)]
    if isinstance(argnums, tuple):
        if not argnums and args:
            raise RuntimeError("argnums must be non-empty")
        places = [_checked(one, args) % len(args) for one in argnums]
        if len(set(places)) < len(places):
            raise RuntimeError(f"argnums elements must be unique, got {argnums}")
        return tuple([args[place] for place in places])
    raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")


def _checked(argnum: int, args: tuple[Any, ...]) -> int:
    if not -len(args) <= argnum < len(args):
        raise RuntimeError(f"Got argnum={argnum}, but only {len(args)} positional inputs")
    return argnum


def _with(args: tuple[Any, ...], argnums: Any, point: Any) -> tuple[Any, ...]:
    """The arguments with those that ``argnums`` names replaced."""
    changed = list(args)
    pairs = [(argnums, point)] if isinstance(argnums, int) else zip(argnums, point, strict=True)
    for position, value in pairs:
        changed[position] = value
    return tuple(changed)


def _without_aux(returned: Any, has_aux: bool, who: str) -> tuple[Any, Any]:
    if not has_aux:
        return returned, None
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise RuntimeError(
            f"{who}output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return returned


def _outputs(output: Any, who: str, call: str = "f(*primals)") -> tuple[list[Tensor], Tree]:
    leaves, tree = pytree.flatten(output)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{who}: expected {call} to return only tensors, got unsupported type {type(leaf)}"
            )
    if not leaves:
        raise RuntimeError(f"{who}: Expected f to be a function that has non-empty output")
    return leaves, tree


def _check_tensors(values: Sequence[Any]) -> None:
    for value in values:
        if not isinstance(value, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(value)}")


def _words(tree: Tree) -> str:
    """PyTorch's short form of a tree: its containers with a star for each leaf."""
    if tree.kind is None:
        return "*"
    inner = ", ".join(map(_words, tree.children))
    if issubclass(tree.kind, dict):
        pairs = zip(tree.keys, map(_words, tree.children), strict=True)
        return "{" + ", ".join(f"{key!r}: {value}" for key, value in pairs) + "}"
    if tree.kind is list:
        return f"[{inner}]"
    return f"({inner},)" if len(tree.children) == 1 else f"({inner})"
