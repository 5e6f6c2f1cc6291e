"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with other tensors for its parameters and buffers.

    The tensors are given by their dotted names in a dictionary, or in several. Those that aren't
    named stay; with ``strict`` that is an error, and so is a name that the module doesn't have.
    With ``tie_weights`` a tensor for a parameter stands in for it under all its names. ``args``
    that isn't a tuple is the only argument.

    >>> import gradlab as gl
    >>> layer = gl.nn.Linear(2, 1)
    >>> ones = {"weight": gl.ones(1, 2), "bias": gl.zeros(1)}
    >>> functional_call(layer, ones, gl.tensor([3.0, 4.0]))
    tensor([7.])
    """
    given = _merged(parameter_and_buffer_dicts)
    arguments = () if args is None else (args if isinstance(args, tuple) else (args,))
    with _replaced(module, given, tie_weights, strict):
        return module(*arguments, **(kwargs or {}))


def _merged(dicts: Any) -> dict[str, Tensor]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    if not all(isinstance(one, dict) for one in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for one in dicts for name in one]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous. Name each tensor once."
        )
    return {name: tensor for one in dicts for name, tensor in one.items()}


@contextmanager
def _replaced(
    module: Any, given: Mapping[str, Tensor], tie_weights: bool, strict: bool
) -> Iterator[None]:
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    wanted = _tied(own, given) if tie_weights else dict(given)
    if strict:
        _check_names(module, own, wanted)
    places = [(*_place(module, name), tensor) for name, tensor in wanted.items()]
    before = [(table, name, table.get(name, _ABSENT)) for table, name, _ in places]
    try:
        for table, name, tensor in places:
            table[name] = tensor
        yield
    finally:
        for table, name, original in before:
            if original is _ABSENT:
                table.pop(name, None)
            else:
                table[name] = original


_ABSENT = object()


def _tied(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors given, also under the other names of what they stand in for."""
    names_of: dict[int, list[str]] = {}
    for name, tensor in own.items():
        names_of.setdefault(id(tensor), []).append(name)
    found = dict(given)
    for names in names_of.values():
        named = [name for name in names if name in given]
        if len({id(given[name]) for name in named}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {named}, which are tied. Consider "
                "using tie_weights=False"
            )
        for name in names if named else ():
            found[name] = given[named[0]]
    return found


def _check_names(module: Any, own: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    unexpected = sorted(set(given) - set(own))
    missing = sorted(set(own) - set(given))
    if not unexpected and not missing:
        return
    lines = [f"Error(s) in reparametrizing for {type(module).__name__}:"]
    for kind, names in (("Unexpected", unexpected), ("Missing", missing)):
        if names:
            lines.append(f"\t{kind} key(s): {', '.join(map(repr, names))}.")
    raise RuntimeError("\n".join(lines))


def _place(module: Any, path: str) -> tuple[dict[str, Any], str]:
    """The table that holds the tensor of a dotted name, and its name there."""
    if not path:
        raise KeyError('tensor name can\'t be empty string ""')
    *parents, name = path.split(".")
    holder = module
    for parent in parents:
        children = holder._modules
        if parent not in children:
            raise AttributeError(f"{type(holder).__name__} has no attribute `{parent}`")
        holder = children[parent]
    if name in holder._buffers:
        return holder._buffers, name
    if name in holder._parameters:
        return holder._parameters, name
    return holder.__dict__, name


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several models of one kind, each stacked to one tensor.

    With ``vmap`` and ``functional_call`` the models then run as one. Raises RuntimeError for no
    models, for models of several classes, and for some in training and some in evaluation mode.

    >>> import gradlab as gl
    >>> parameters, buffers = stack_module_state([gl.nn.Linear(2, 1) for _ in range(3)])
    >>> parameters["weight"].shape
    torch.Size([3, 1, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return (
        {name: _stacked(name, [one[name] for one in parameters]) for name in parameters[0]},
        {name: _stacked(name, [one[name] for one in buffers]) for name in buffers[0]},
    )


def _stacked(name: str, tensors: list[Tensor]) -> Tensor:
    flags = {tensor.requires_grad for tensor in tensors}
    if len(flags) > 1:
        raise RuntimeError(
            f"Expected {name} from each model to have the same .requires_grad: some have it, some "
            "don't"
        )
    stacked: Tensor = FUNCTIONS["stack"](tensors)
    return stacked.detach().requires_grad_() if flags.pop() else stacked
