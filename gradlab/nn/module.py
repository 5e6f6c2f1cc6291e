"""Module: a function with parameters, made of other modules.

A module keeps its parameters, buffers (tensors that belong to it but aren't trained) and child
modules in three tables. Assigning an attribute puts it into the right one, and everything else
walks them: listing what is to be trained, moving to another dtype or device, saving, printing.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self, TypeVar

from gradlab import arrays
from gradlab.graph import RemovableHandle, register
from gradlab.nn.backward_hooks import BackwardHooks
from gradlab.nn.checkpoint import EXTRA_STATE, LoadedKeys, empty_state, load
from gradlab.nn.parameter import Buffer, Parameter, clear_grad, typename
from gradlab.tensor import Tensor

T = TypeVar("T")

_TABLES = ("_parameters", "_modules", "_buffers")
_HOOKS = (
    *("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks"),
    *("_state_dict_pre_hooks", "_state_dict_hooks"),
    *("_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"),
)


class _Hook(NamedTuple):
    """A forward hook or pre-hook, and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool
    always_call: bool = False


_global_pre_hooks: OrderedDict[int, _Hook] = OrderedDict()
_global_hooks: OrderedDict[int, _Hook] = OrderedDict()
_global_backward_pre_hooks: OrderedDict[int, _Hook] = OrderedDict()
_global_backward_hooks: OrderedDict[int, _Hook] = OrderedDict()


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, args)`` before the ``forward`` of every module there is.

    It may return other arguments. These hooks run before a module's own; they are for watching,
    since they are seen by all code.
    """
    return _add_hook(_global_pre_hooks, _Hook(hook, False), False)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the ``forward`` of every module there is.

    It may return another output. Arguments as in ``Module.register_forward_hook``.

    >>> from gradlab import nn, ones
    >>> handle = register_module_forward_hook(lambda module, args, output: print(module))
    >>> _ = nn.Sequential(nn.ReLU(), nn.Tanh())(ones(2))
    ReLU()
    Tanh()
    Sequential(
      (0): ReLU()
      (1): Tanh()
    )
    >>> handle.remove()
    """
    return _add_hook(_global_hooks, _Hook(hook, with_kwargs, always_call), False)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the backward pass of every module there is.

    As ``Module.register_full_backward_pre_hook``; these run before a module's own.
    """
    return _add_hook(_global_backward_pre_hooks, _Hook(hook, False), False)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after the backward pass of every module.

    As ``Module.register_full_backward_hook``; these run before a module's own.
    """
    return _add_hook(_global_backward_hooks, _Hook(hook, False), False)


class Module:
    """Base class of all layers and networks: subclass it and write ``forward``.

    >>> import gradlab as gl
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = Parameter(gl.tensor(3.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> scale = Scale()
    >>> scale(gl.tensor(2.0)).backward()
    >>> scale.factor.grad
    tensor(2.)
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _forward_pre_hooks: OrderedDict[int, _Hook]
    _forward_hooks: OrderedDict[int, _Hook]
    _backward_pre_hooks: OrderedDict[int, _Hook]
    _backward_hooks: OrderedDict[int, _Hook]
    _state_dict_pre_hooks: OrderedDict[int, _Hook]
    _state_dict_hooks: OrderedDict[int, _Hook]
    _load_state_dict_pre_hooks: OrderedDict[int, _Hook]
    _load_state_dict_post_hooks: OrderedDict[int, _Hook]
    _version: int = 1
    """Goes into ``state_dict``'s metadata, for classes whose layout changed."""

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _modules={},
            _non_persistent_buffers_set=set(),
            **{name: OrderedDict() for name in _HOOKS},
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: OrderedDict() for name in _HOOKS} | state)

    # ------------------------------------------------------------------ calling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the module computes; every subclass writes its own."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or _global_hooks
            or _global_pre_hooks
            or _global_backward_hooks
            or _global_backward_pre_hooks
        ):
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        waiting = OrderedDict([*_global_hooks.items(), *self._forward_hooks.items()])
        try:
            for pre_hook in [*_global_pre_hooks.values(), *self._forward_pre_hooks.values()]:
                args, kwargs = self._after_pre_hook(pre_hook, args, kwargs)
            backward = self._hooks_of_backward()
            if backward is not None:
                args = backward.at_inputs(args)
            result = self.forward(*args, **kwargs)
            while waiting:
                hook = waiting.popitem(last=False)[1]
                changed = self._run_forward_hook(hook, args, kwargs, result)
                result = result if changed is None else changed
            return result if backward is None else backward.at_outputs(result)
        except Exception:
            for hook in waiting.values():
                if hook.always_call:
                    self._run_despite_error(hook, args, kwargs)
            raise

    def _hooks_of_backward(self) -> BackwardHooks | None:
        """The hooks that this call's backward pass will run, if any."""
        after = [*_global_backward_hooks.values(), *self._backward_hooks.values()]
        before = [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]
        if not after and not before:
            return None
        return BackwardHooks(self, [h.function for h in after], [h.function for h in before])

    def _after_pre_hook(
        self, hook: _Hook, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as a pre-hook leaves them."""
        if hook.with_kwargs:
            changed = hook.function(self, args, kwargs)
            if changed is None:
                return args, kwargs
            if isinstance(changed, tuple) and len(changed) == 2:
                return changed
            raise RuntimeError(
                "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                f"but got {changed}."
            )
        changed = hook.function(self, args)
        if changed is None:
            return args, kwargs
        return (changed if isinstance(changed, tuple) else (changed,)), kwargs

    def _run_forward_hook(
        self, hook: _Hook, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> Any:
        if hook.with_kwargs:
            return hook.function(self, args, kwargs, result)
        return hook.function(self, args, result)

    def _run_despite_error(
        self, hook: _Hook, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        try:
            self._run_forward_hook(hook, args, kwargs, None)
        except Exception as error:
            warnings.warn(
                "module forward hook with ``always_call=True`` raised an exception that was "
                f"silenced as another error was raised in forward: {error}",
                stacklevel=4,
            )

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every ``forward``; it may return other arguments.

        ``with_kwargs``: it is called with ``(module, args, kwargs)`` and may return
        ``(args, kwargs)``. ``prepend``: it comes before the hooks registered so far.
        """
        return _add_hook(self._forward_pre_hooks, _Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every ``forward``.

        What it returns, unless that is None, takes the output's place. ``with_kwargs``: it is
        called with ``(module, args, kwargs, output)``. ``prepend``: it comes before the hooks
        registered so far. ``always_call``: also, with None as the output, where ``forward`` raises.

        >>> import gradlab as gl
        >>> relu = gl.nn.ReLU()
        >>> handle = relu.register_forward_hook(lambda module, args, output: output + 1)
        >>> relu(gl.tensor([-1.0, 2.0]))
        tensor([1., 3.])
        >>> handle.remove()
        """
        return _add_hook(self._forward_hooks, _Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when gradients of the outputs have arrived.

        ``grad_output`` is a tuple; what the hook returns, unless that is None, takes its place.
        """
        return _add_hook(self._backward_pre_hooks, _Hook(hook, False), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when gradients of the inputs are known.

        Both are tuples, with None for what is no tensor; what the hook returns, unless that is
        None, takes the place of ``grad_input``.

        >>> import gradlab as gl
        >>> double = gl.nn.Linear(1, 1, bias=False)
        >>> handle = double.register_full_backward_hook(
        ...     lambda module, grad_input, grad_output: print(grad_output))
        >>> double(gl.ones(1, 1, requires_grad=True)).backward()
        (tensor([[1.]]),)
        >>> handle.remove()
        """
        return _add_hook(self._backward_hooks, _Hook(hook, False), prepend)

    # ------------------------------------------------------------------ attributes

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; None keeps the place for one.

        Raises KeyError for a name that can't be one or is taken, TypeError for what is no
        Parameter, ValueError for a tensor that was computed from others.
        """
        self._require_init("parameter", "_parameters")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module but is not trained, such as a running mean.

        One that is not ``persistent`` is left out of ``state_dict``.
        """
        self._require_init("buffer", "_buffers")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under a name; None keeps the place for one."""
        self._require_init("module", "_modules")
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as ``add_module``."""
        self.add_module(name, module)

    def _require_init(self, what: str, table: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(
                f"cannot assign {what} before Module.__init__() call. "
                f"Call super().__init__() first in {type(self).__name__}.__init__."
            )

    def _check_name(self, what: str, name: str, table: Mapping[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and name not in table:
            raise KeyError(f"attribute '{name}' already exists")

    def _tables(self) -> list[dict[str, Any]]:
        """The three tables, as far as ``__init__`` has made them."""
        return [self.__dict__[name] for name in _TABLES if name in self.__dict__]

    def _forget(self, name: str, keep: dict[str, Any]) -> None:
        """Remove an attribute from everywhere but the table ``keep``, where it keeps its place."""
        for table in (self.__dict__, *self._tables()):
            if table is not keep:
                table.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._require_init("parameters", "_parameters")
            self._forget(name, keep=self._parameters)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._require_init("module", "_modules")
            self._forget(name, keep=self._modules)
            self._modules[name] = value
        elif isinstance(value, Buffer):
            self._require_init("buffers", "_buffers")
            self._forget(name, keep=self._buffers)
            self.register_buffer(name, value.tensor, value.persistent)
        elif (table := self._table_with(name)) is None:
            object.__setattr__(self, name, value)
        elif value is None or (table is self._buffers and isinstance(value, Tensor)):
            table[name] = value
        else:
            raise TypeError(f"cannot assign '{typename(value)}' as {self._expected(name, table)}")

    def _table_with(self, name: str) -> dict[str, Any] | None:
        return next((table for table in self._tables() if name in table), None)

    def _expected(self, name: str, table: dict[str, Any]) -> str:
        if table is self._parameters:
            return f"parameter '{name}' (torch.nn.Parameter or None expected)"
        if table is self._modules:
            return f"child module '{name}' (torch.nn.Module or None expected)"
        return f"buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for table in _TABLES:  # every layer's forward comes through here
            if table in own and name in own[table]:
                return own[table][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        table = self._table_with(name)
        if table is None:
            object.__delattr__(self, name)
        else:
            del table[name]
            self._non_persistent_buffers_set.discard(name)

    def __dir__(self) -> list[str]:
        names = {*object.__dir__(self), *(name for table in self._tables() for name in table)}
        return sorted(name for name in names if not name[0].isdigit())

    # ------------------------------------------------------------------ walking

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their dotted names, parents first.

        A module that is there twice comes once, unless ``remove_duplicate`` is False.

        >>> import gradlab as gl
        >>> [name for name, _ in gl.nn.Sequential(gl.nn.ReLU(), gl.nn.ReLU()).named_modules()]
        ['', '0', '1']
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, parents first."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, each once, with their names."""
        yield from _each_once(self._modules.items(), set())

    def children(self) -> Iterator[Module]:
        """The modules directly below this one, each once."""
        for _, child in self.named_children():
            yield child

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names, this module's own first.

        One that is shared comes once, unless ``remove_duplicate`` is False. ``recurse=False``
        leaves out those of the modules below.

        >>> import gradlab as gl
        >>> [name for name, _ in gl.nn.Linear(2, 3).named_parameters(prefix="first")]
        ['first.weight', 'first.bias']
        """
        yield from self._members(_own_parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once: what an optimizer trains."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names, as ``named_parameters`` lists parameters."""
        yield from self._members(_own_buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _members(
        self,
        own: Callable[[Module], Mapping[str, T | None]],
        prefix: str,
        recurse: bool,
        remove_duplicate: bool,
    ) -> Iterator[tuple[str, T]]:
        holders = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        seen: set[T] | None = set() if remove_duplicate else None
        for path, module in holders:
            for name, member in _each_once(own(module).items(), seen):
                yield (f"{path}.{name}" if path else name), member

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted name; AttributeError where there is none."""
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module  # type: ignore[no-any-return]

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted name.

        Raises ValueError for an empty name and for what is no module, AttributeError where the
        module that it belongs to is not there or, if ``strict``, where there was none at the name.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        holder = self.get_submodule(path)
        if strict and not hasattr(holder, name):
            raise AttributeError(f"{type(holder).__name__} has no attribute `{name}`")
        if hasattr(holder, name) and not isinstance(getattr(holder, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(holder, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted name; AttributeError where there is none."""
        holder, name = self._holder(target)
        if name not in holder._parameters:
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return getattr(holder, name)  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted name; AttributeError where there is none."""
        holder, name = self._holder(target)
        if name not in holder._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(holder, name)  # type: ignore[no-any-return]

    def _holder(self, target: str) -> tuple[Module, str]:
        path, _, name = target.rpartition(".")
        holder = self.get_submodule(path)
        if not hasattr(holder, name):
            raise AttributeError(f"{type(holder).__name__} has no attribute `{name}`")
        return holder, name

    # ------------------------------------------------------------------ changing all at once

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call ``fn`` on every module below this one, then on this one; return it.

        >>> import gradlab as gl
        >>> _ = gl.nn.Sequential(gl.nn.ReLU()).apply(lambda module: print(type(module).__name__))
        ReLU
        Sequential
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Tell this module and all below it whether they are being trained; return it."""
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Tell this module and all below it that they are being used, not trained; return it."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` of all parameters; return the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Remove ``.grad`` of all parameters, or fill it with zeros."""
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move parameters and buffers to a device or a floating dtype, in place; return the module.

        As ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``, by position or by
        name. Integers keep their dtype. ``memory_format`` is taken, without effect. Raises
        TypeError for a dtype that isn't floating.

        >>> import gradlab as gl
        >>> gl.nn.Linear(1, 1).to(gl.float64).weight.dtype
        torch.float64
        """
        device, dtype = _destination(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, "
                f"but got desired dtype={dtype}"
            )

        def convert(tensor: Any) -> Any:
            fits = tensor.is_floating_point() or tensor.is_complex()
            return tensor.to(device=device, dtype=dtype if fits else None)

        return self._apply(convert)

    def type(self, dst_type: arrays.dtype) -> Self:
        """Give all parameters and buffers this dtype."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self) -> Self:
        """Give all floating parameters and buffers dtype float32."""
        return self._apply(_floating_to(arrays.float32))

    def double(self) -> Self:
        """Give all floating parameters and buffers dtype float64."""
        return self._apply(_floating_to(arrays.float64))

    def half(self) -> Self:
        """Give all floating parameters and buffers dtype float16."""
        return self._apply(_floating_to(arrays.float16))

    def bfloat16(self) -> Self:
        """Raise NotImplementedError: NumPy has no such numbers."""
        raise NotImplementedError("NumPy has no bfloat16: use half() or float()")

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without copying: what parameters and buffers hold is undefined then."""
        return self._apply(lambda tensor: tensor.new_empty(tensor.shape, device=device), recurse)

    def share_memory(self) -> Self:
        """Nothing, and the module: threads share memory anyway."""
        return self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: code runs as it is written."""

    def cuda(self, device: Any = None) -> Self:
        """Move all parameters and buffers to a GPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def cpu(self) -> Self:
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replace what every parameter, its gradient and every buffer holds by ``fn`` of it."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            gradient = parameter.grad
            parameter.data = fn(parameter.data)
            if gradient is not None:
                parameter.grad = fn(gradient.detach()).requires_grad_(gradient.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    # ------------------------------------------------------------------ saving

    def state_dict(
        self,
        *,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by their dotted names.

        The tensors are detached, in the same memory, or the parameters themselves with
        ``keep_vars``. They are added to ``destination`` if it is given.

        >>> import gradlab as gl
        >>> list(gl.nn.Sequential(gl.nn.Linear(2, 3)).state_dict())
        ['0.weight', '0.bias']
        """
        found: Any = empty_state() if destination is None else destination
        about = {"version": self._version}
        if hasattr(found, "_metadata"):
            found._metadata[prefix[:-1]] = about
        for hook in self._state_dict_pre_hooks.values():
            hook.function(self, prefix, keep_vars)
        for name, tensor in self._persistent().items():
            found[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._has_extra_state():
            found[prefix + EXTRA_STATE] = self.get_extra_state()
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            if hook.function(self, found, prefix, about) is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return found  # type: ignore[no-any-return]

    def get_extra_state(self) -> Any:
        """What ``state_dict`` holds beside parameters and buffers, where a subclass says so.

        It writes this and ``set_extra_state``, which is given it when it is loaded.
        """
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: "
            f"{type(self).__name__} has no extra state."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take what ``get_extra_state`` returned."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called: "
            f"{type(self).__name__} has no extra state."
        )

    def _bring_up_to_date(
        self, state: dict[str, Any], prefix: str, version: int | None, errors: list[str]
    ) -> None:
        """Change what is to be loaded into this module where an older version wrote it otherwise.

        What is wrong with it is added to ``errors``.
        """

    def _has_extra_state(self) -> bool:
        return type(self).get_extra_state is not Module.get_extra_state

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before ``state_dict`` is made."""
        return _add_hook(self._state_dict_pre_hooks, _Hook(hook, False), False)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after it; it changes it."""
        return _add_hook(self._state_dict_hooks, _Hook(hook, False), False)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook`` before this module's part of a state_dict is loaded; it may change that.

        Its arguments: module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs.
        """
        return _add_hook(self._load_state_dict_pre_hooks, _Hook(hook, False), False)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; it may change those lists."""
        return _add_hook(self._load_state_dict_post_hooks, _Hook(hook, False), False)

    def _persistent(self) -> dict[str, Tensor]:
        """This module's own parameters and buffers that are saved."""
        members = {**self._parameters, **self._buffers}
        left_out = self._non_persistent_buffers_set
        return {n: t for n, t in members.items() if t is not None and n not in left_out}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> LoadedKeys:
        """Copy the tensors of ``state_dict`` into the parameters and buffers of those names.

        Returns the names that were missing and those that nothing was there for; unless ``strict``
        is False, both are an error. ``assign`` makes the tensors themselves the parameters instead
        of copying. Raises RuntimeError with a line for everything that didn't fit, TypeError for
        what is no mapping.

        >>> import gradlab as gl
        >>> one, other = gl.nn.Linear(2, 3), gl.nn.Linear(2, 3)
        >>> one.load_state_dict(other.state_dict())
        <All keys matched successfully>
        """
        return load(self, state_dict, strict, assign)

    # ------------------------------------------------------------------ showing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of the module's text, before its children."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        if not children and len(lines) == 1:
            return f"{self._get_name()}({extra})"
        return in_brackets(self._get_name(), [*lines, *children])


def in_brackets(name: str, lines: list[str]) -> str:
    """The text of a module: its name, and its parts in brackets, one on each line."""
    return f"{name}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


def indented(text: str) -> str:
    """A child's text with every line but the first moved to the right."""
    return text.replace("\n", "\n  ")


def _add_hook(hooks: OrderedDict[int, _Hook], hook: _Hook, prepend: bool) -> RemovableHandle:
    handle = register(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _own_parameters(module: Module) -> Mapping[str, Parameter | None]:
    return module._parameters


def _own_buffers(module: Module) -> Mapping[str, Tensor | None]:
    return module._buffers


def _each_once(items: Any, seen: set[T] | None) -> Iterator[tuple[str, T]]:
    """The named things that are there and, where ``seen`` is kept, not in it yet."""
    for name, thing in items:
        if thing is None or (seen is not None and thing in seen):
            continue
        if seen is not None:
            seen.add(thing)
        yield name, thing


def _floating_to(dtype: arrays.dtype) -> Callable[[Any], Any]:
    return lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor


def _destination(
    *args: Any,
    device: Any = None,
    dtype: arrays.dtype | None = None,
    tensor: Tensor | None = None,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> tuple[Any, arrays.dtype | None]:
    """The device and dtype that the arguments of ``to`` ask for; the last two are no matter."""
    for arg in args:
        if isinstance(arg, Tensor):
            tensor = arg
        elif isinstance(arg, arrays.dtype):
            dtype = arg
        elif arg is not None and not isinstance(arg, bool):
            device = arg
    if tensor is not None:
        return tensor.device, tensor.dtype
    return (None if device is None else arrays.device(device)), dtype
