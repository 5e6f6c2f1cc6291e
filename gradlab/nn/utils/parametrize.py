"""Parametrizations: a module's tensor that is computed from others whenever it is looked at.

What a module's ``weight`` is made of becomes its parameter, and ``weight`` a property that calls a
module on it. Whatever that module may return holds then: matrices that are symmetric, orthogonal,
of norm 1, and an optimizer changes what they are made of.

>>> import gradlab as gl
>>> class Symmetric(gl.nn.Module):
...     def forward(self, x):
...         return x.triu() + x.triu(1).transpose(-1, -2)
>>> register_parametrization(gl.nn.Linear(3, 3), "weight", Symmetric())
ParametrizedLinear(
  in_features=3, out_features=3, bias=True
  (parametrizations): ModuleDict(
    (weight): ParametrizationList(
      (0): Symmetric()
    )
  )
)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from typing import Any, TypeVar

from gradlab.grad_mode import no_grad
from gradlab.nn.container import ModuleDict, ModuleList
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

M = TypeVar("M", bound=Module)

# ------------------------------------------------------------------ computing once

_local = threading.local()


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor only once inside of the block, at its first use.

    For layers that are called many times, as a recurrent network's are. Blocks may be nested.

    >>> import gradlab as gl
    >>> class Counting(gl.nn.Module):
    ...     calls = 0
    ...     def forward(self, x):
    ...         self.calls += 1
    ...         return x
    >>> counting = Counting()
    >>> layer = register_parametrization(gl.nn.Linear(1, 1), "weight", counting)
    >>> counting.calls = 0
    >>> with cached():
    ...     layer(gl.ones(1)) is layer(gl.ones(1))
    False
    >>> counting.calls
    1
    """
    outer = getattr(_local, "kept", None)
    _local.kept = {} if outer is None else outer
    try:
        yield
    finally:
        _local.kept = outer


def _present(module: Module, name: str) -> Any:
    """What a parametrized tensor is now."""
    parametrization: Any = module.parametrizations[name]
    kept = getattr(_local, "kept", None)
    if kept is None:
        return parametrization()
    if (module, name) not in kept:
        kept[module, name] = parametrization()
    return kept[module, name]


# ------------------------------------------------------------------ what a tensor is made of


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in their order, and what the first is called on.

    That is ``original``, or, if the first one's ``right_inverse`` returned several tensors,
    ``original0``, ``original1``, … They are parameters where the tensor was one, else buffers. In a
    module: ``module.parametrizations.weight``. Raises ValueError for parametrizations that return
    no tensor or, unless ``unsafe``, one of another dtype or shape.
    """

    def __init__(
        self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False
    ) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        dtype, shape = original.dtype, original.shape
        made_of = self._undone(original)
        self.is_tensor = isinstance(made_of, Tensor)
        if isinstance(made_of, Tensor):
            self.ntensors = 1
            self._keep(original, made_of)
        elif isinstance(made_of, Sequence):
            self.ntensors = len(made_of)
            self._keep_each(original, made_of)
        else:
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(made_of).__name__}"
            )
        if not unsafe:
            self._check(self(), dtype, shape)

    def _undone(self, value: Any) -> Any:
        """What the parametrizations make ``value`` of, as far as they can tell."""
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        value = module.right_inverse(value)
        return value

    def _keep(self, original: Any, made_of: Any) -> None:
        for what in ("dtype", "device"):
            before, after = getattr(original, what), getattr(made_of, what)
            if before != after:
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                    f"original.{what}: {before}\nright_inverse(original).{what}: {after}"
                )
        original.data = made_of.detach()
        _register(self, "original", original)

    def _keep_each(self, original: Any, made_of: Sequence[Any]) -> None:
        for i, part in enumerate(made_of):
            if not isinstance(part, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {i} of the sequence with type {type(part).__name__}."
                )
            kept: Any = part
            if isinstance(original, Parameter):
                kept = Parameter(part, original.requires_grad)
            kept.requires_grad_(original.requires_grad)
            _register(self, f"original{i}", kept)

    def _check(self, made: Any, dtype: Any, shape: Any) -> None:
        if not isinstance(made, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(made).__name__}.")
        for what, before in (("dtype", dtype), ("shape", shape)):
            if getattr(made, what) != before:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, "
                    f"unless `unsafe` flag is enabled.\nunparametrized {what}: {before}\n"
                    f"parametrized {what}: {getattr(made, what)}"
                )

    @property
    def _originals(self) -> list[Any]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    @no_grad
    def right_inverse(self, value: Any) -> None:
        """Change what the tensor is made of, so that it becomes ``value`` or close to it.

        This is what assigning to the tensor does. Raises RuntimeError where a parametrization has
        no ``right_inverse``, ValueError where one returns what doesn't fit.
        """
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(
                    f"parametrization {type(module).__name__} does not implement right_inverse."
                )
            value = module.right_inverse(value)
        if self.is_tensor:
            if not isinstance(value, Tensor):
                raise ValueError(
                    f"`right_inverse` should return a tensor. Got {type(value).__name__}"
                )
            if value.dtype != self.original.dtype:
                raise ValueError(
                    f"The tensor returned by `right_inverse` has dtype {value.dtype} while "
                    f"`original` has dtype {self.original.dtype}"
                )
            self.original.data = value.detach()
        else:
            self._set_each(value)

    def _set_each(self, values: Any) -> None:
        if not isinstance(values, Sequence):
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors. Got {type(values).__name__}."
            )
        if len(values) != self.ntensors:
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got a sequence of length {len(values)}."
            )
        for i, (own, value) in enumerate(zip(self._originals, values, strict=True)):
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors. "
                    f"Got element {i} of type {type(value).__name__}."
                )
            if own.dtype != value.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {value.dtype} while "
                    f"`original{i}` has dtype {own.dtype}"
                )
            own.data = value.detach()

    def forward(self) -> Any:
        first, *others = self
        made = first(*self._originals)
        for module in others:
            made = module(made)
        return made


def _register(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


# ------------------------------------------------------------------ a class with properties


def _parametrized_class(kind: type[Module]) -> type[Module]:
    """A class for one module, which gets properties that other modules of its kind don't have."""

    def refuse(self: Module) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(): save "
            "that, and load it into a module that is parametrized the same way."
        )

    def copied(self: Module, memo: dict[int, Any]) -> Any:
        replica = memo[id(self)] = self.__new__(type(self))
        replica.__dict__.update(deepcopy(self.__dict__, memo))
        return replica

    members: dict[str, Any] = {"__getstate__": refuse}
    if not hasattr(kind, "__deepcopy__"):
        members["__deepcopy__"] = copied
    return type(f"Parametrized{kind.__name__}", (kind,), members)


def _add_property(kind: type[Module], name: str) -> None:
    def look(self: Module) -> Any:
        return _present(self, name)

    def assign(self: Module, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(kind, name, property(look, assign))


# ------------------------------------------------------------------ registering


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Make a module's parameter or buffer the result of calling ``parametrization`` on it.

    Several are called one after the other. If the parametrization has a method ``right_inverse``,
    it is called on the tensor first, and on what is assigned to it: it returns what the tensor is
    to be made of, one tensor or several. ``unsafe`` allows other shapes and dtypes. Returns the
    module, whose class is now its own. Raises ValueError for a name that isn't there, and for
    parametrizations whose results don't fit.

    >>> import gradlab as gl
    >>> layer = register_parametrization(gl.nn.Linear(2, 2), "weight", gl.nn.Softplus())
    >>> bool((layer.weight > 0).all()), list(layer.state_dict())
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_another(module, tensor_name, parametrization)
        those: Any = module.parametrizations[tensor_name]
        those.append(parametrization)
        those.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        those = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.__class__ = _parametrized_class(type(module))  # type: ignore[assignment]
            module.parametrizations = ModuleDict()
        _add_property(type(module), tensor_name)
        module.parametrizations[tensor_name] = those
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_another(module: Module, name: str, parametrization: Any) -> None:
    """Raise the error for one more parametrization that changes the dtype or shape."""
    before = getattr(module, name)
    made = parametrization(before)
    if not isinstance(made, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(made).__name__}.")
    for what in ("dtype", "shape"):
        if getattr(made, what) != getattr(before, what):
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless "
                f"the `unsafe` flag is enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"parametrization(module.{name}).{what}: {getattr(made, what)}"
            )
    if not hasattr(parametrization, "right_inverse"):
        return
    with suppress(NotImplementedError):
        undone = parametrization.right_inverse(made)
        if not isinstance(undone, Tensor):
            raise ValueError(
                f"parametrization.right_inverse must return a tensor. Got: {type(undone).__name__}"
            )
        for what in ("dtype", "shape"):
            if getattr(undone, what) != getattr(before, what):
                raise ValueError(
                    f"The tensor returned by parametrization.right_inverse must have the same "
                    f"{what} as module.{name}, unless the `unsafe` flag is enabled.\n"
                    f"module.{name}.{what}: {getattr(before, what)}\n"
                    f"returned {what}: {getattr(undone, what)}"
                )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized tensors, or one of this name.

    >>> import gradlab as gl
    >>> is_parametrized(gl.nn.Linear(2, 2))
    False
    """
    those = getattr(module, "parametrizations", None)
    if not isinstance(those, ModuleDict):
        return False
    return len(those) > 0 if tensor_name is None else tensor_name in those


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make a parametrized tensor a plain parameter (or buffer) again, and return the module.

    It keeps the value that it has or, without ``leave_parametrized``, gets that of what it was made
    of. Raises ValueError where there is no parametrization, or where it was made of several.

    >>> import gradlab as gl
    >>> layer = register_parametrization(gl.nn.Linear(2, 2), "weight", gl.nn.Softplus())
    >>> remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    those: Any = module.parametrizations
    original = _left(module, those[tensor_name], tensor_name, leave_parametrized)
    delattr(type(module), tensor_name)
    del those[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def _left(module: Module, those: Any, name: str, leave_parametrized: bool) -> Any:
    """The parameter or buffer that is left of a parametrized tensor."""
    if those.is_tensor:
        if leave_parametrized:
            with no_grad():
                those.original.data = getattr(module, name).detach()
        return those.original
    if not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    made = getattr(module, name)
    return Parameter(made) if made.requires_grad else made


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class that a module had before its tensors were parametrized.

    >>> import gradlab as gl
    >>> layer = register_parametrization(gl.nn.Linear(2, 2), "weight", gl.nn.Softplus())
    >>> type_before_parametrizations(layer).__name__
    'Linear'
    """
    kind = type(module)
    return kind.__bases__[0] if is_parametrized(module) else kind


def transfer_parametrizations_and_params(
    from_module: Module, to_module: M, tensor_name: str | None = None
) -> M:
    """Give one module's parametrizations, and what tensors are made of, to another one.

    All of them, or those of one tensor; what the other module doesn't have yet, it gets. The two
    share them then. Returns the other module.

    >>> import gradlab as gl
    >>> one = register_parametrization(gl.nn.Linear(2, 2), "weight", gl.nn.Softplus())
    >>> other = transfer_parametrizations_and_params(one, gl.nn.Linear(2, 2))
    >>> other.weight.equal(one.weight)
    True
    """
    if not is_parametrized(from_module):
        return to_module
    those: Any = from_module.parametrizations
    for name in list(those) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in those[name]:
            register_parametrization(to_module, name, parametrization)
        target: Any = to_module.parametrizations[name]
        for key in [*those[name]._parameters, *those[name]._buffers]:
            setattr(target, key, getattr(those[name], key))
    return to_module
