"""Checkpoints: what it takes to put a ``state_dict`` back into a module."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gradlab.grad_mode import no_grad
from gradlab.nn.parameter import Parameter
from gradlab.nn.uninitialized import is_lazy
from gradlab.tensor import Tensor

if TYPE_CHECKING:
    from gradlab.nn.module import Module


EXTRA_STATE = "_extra_state"
"""The name under which a state_dict holds what ``get_extra_state`` returned."""


def empty_state() -> Any:
    """A state_dict to be filled, which knows the version of every module it is of."""
    state: Any = OrderedDict()
    state._metadata = OrderedDict()
    return state


class LoadedKeys(NamedTuple):
    """Names of a module that a state_dict lacks, and names of the state_dict no module has."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


def load(module: Module, state: Mapping[str, Any], strict: bool, assign: bool) -> LoadedKeys:
    """Load ``state`` into ``module``; see ``Module.load_state_dict``."""
    if not isinstance(state, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state)}.")
    keys = LoadedKeys([], [])
    errors: list[str] = []
    metadata = getattr(state, "_metadata", {})
    state = OrderedDict(state)  # hooks may change it
    _load_into(module, "", state, metadata, strict, assign, keys, errors)
    if strict:
        errors = [*_complaints(keys), *errors]
    if errors:
        title = f"Error(s) in loading state_dict for {type(module).__name__}:"
        raise RuntimeError("\n\t".join([title, *errors]))
    return keys


def _load_into(
    module: Module,
    prefix: str,
    state: OrderedDict[str, Any],
    metadata: Mapping[str, Any],
    strict: bool,
    assign: bool,
    keys: LoadedKeys,
    errors: list[str],
) -> None:
    """Load what belongs to ``module``, whose names begin with ``prefix``, then to its children."""
    about = metadata.get(prefix[:-1], {})
    for hook in module._load_state_dict_pre_hooks.values():
        hook.function(
            module, state, prefix, about, strict, keys.missing_keys, keys.unexpected_keys, errors
        )
    module._bring_up_to_date(state, prefix, about.get("version"), errors)
    own = module._persistent()
    for name, tensor in own.items():
        key = prefix + name
        if is_lazy(tensor) and isinstance(state.get(key), Tensor) and not is_lazy(state[key]):
            tensor.materialize(state[key].shape)  # a lazy layer takes its shape from what it loads
        if key not in state:
            keys.missing_keys.append(key)
        elif is_lazy(state[key]) and is_lazy(tensor):
            continue
        elif problem := _mismatch(key, tensor, state[key]):
            errors.append(problem)
        elif assign:
            setattr(module, name, _in_place_of(tensor, state[key]))
        else:
            with no_grad():
                tensor.copy_(state[key])
    extra = prefix + EXTRA_STATE
    if module._has_extra_state():
        if extra in state:
            module.set_extra_state(state[extra])
        else:
            keys.missing_keys.append(extra)
    for key in state:
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            known = name in own or (key == extra and module._has_extra_state())
            if not known and name.split(".")[0] not in module._modules:
                keys.unexpected_keys.append(key)
    for name, child in module._modules.items():
        if child is not None:
            _load_into(child, f"{prefix}{name}.", state, metadata, strict, assign, keys, errors)
    for hook in module._load_state_dict_post_hooks.values():
        if hook.function(module, keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                "return new values, if incompatible_keys need to be modified, it should be done "
                "inplace."
            )


def _mismatch(key: str, own: Tensor, loaded: Any) -> str | None:
    if not isinstance(loaded, Tensor):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
            f"object from checkpoint but received {type(loaded)}"
        )
    if loaded.shape != own.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {loaded.shape} from "
            f"checkpoint, the shape in current model is {own.shape}."
        )
    return None


def _in_place_of(own: Tensor, loaded: Tensor) -> Tensor:
    """What is assigned where ``own`` was: a parameter for a parameter."""
    if not isinstance(own, Parameter) or isinstance(loaded, Parameter):
        return loaded
    return Parameter(loaded, requires_grad=own.requires_grad)


def _complaints(keys: LoadedKeys) -> list[str]:
    found = [("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys)]
    return [
        f"{what} key(s) in state_dict: {', '.join(map(_quoted, names))}. "
        for what, names in found
        if names
    ]


def _quoted(name: str) -> str:
    return f'"{name}"'
