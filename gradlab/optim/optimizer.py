"""Optimizer: what all optimizers are: parameters in groups, options for each, a memory for each.

``param_groups`` is a list of dictionaries, each with ``"params"`` and the options that hold for
them; ``defaults`` fills in what a group doesn't say; ``state`` remembers something for a parameter
from step to step.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy

from gradlab import arrays
from gradlab.grad_mode import enable_grad
from gradlab.graph import RemovableHandle, register
from gradlab.nn.parameter import clear_grad, typename
from gradlab.tensor import Tensor

Group = dict[str, Any]


def _noticed(step: Callable[..., Any]) -> Callable[..., Any]:
    """A ``step`` that schedulers know was called, and that runs hooks."""

    @functools.wraps(step)
    def run(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        for hook in tuple(self._step_pre_hooks.values()):
            changed = hook(self, args, kwargs)
            if changed is not None:
                args, kwargs = _arguments(step, changed)
        self._opt_called = True
        result = step(*args, **kwargs)
        for hook in tuple(self._step_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    return run


def _arguments(step: Any, changed: Any) -> Any:
    if isinstance(changed, tuple) and len(changed) == 2:
        return changed
    raise RuntimeError(
        f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}. "
        "So must each hook that is called before it."
    )


class Optimizer:
    """Base class of all optimizers: subclass it and write ``_update`` (or all of ``step``).

    ``params``: the tensors to optimize, or pairs of name and tensor such as ``named_parameters()``
    gives, or dictionaries that are parameter groups; names are kept as the group's
    ``"param_names"``. ``defaults``: the options of groups that don't say otherwise. Raises
    TypeError for anything but tensors, ValueError for none at all, for one that is no leaf, for one
    that is in two groups, or where only some have names.

    >>> import gradlab as gl
    >>> class Halving(Optimizer):
    ...     def _update(self, param, gradient, group):
    ...         param._array /= 2
    >>> w = gl.ones(2, requires_grad=True)
    >>> w.sum().backward()
    >>> Halving([w], {}).step()
    >>> w
    tensor([0.5000, 0.5000], requires_grad=True)
    """

    defaults: Group
    param_groups: list[Group]
    state: defaultdict[Any, dict[str, Any]]

    def __init__(self, params: Iterable[Any], defaults: Group) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {typename(params)}: put it in a list"
            )
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        self._opt_called = False  # for schedulers, which want to come after
        self._step_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._step_post_hooks: dict[int, Callable[..., Any]] = {}
        self._saving_hooks: dict[str, OrderedDict[int, Callable[..., Any]]]
        self._saving_hooks = defaultdict(OrderedDict)
        given = list(params)
        if not given:
            raise ValueError("optimizer got an empty parameter list")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _noticed(cls.step)  # type: ignore[method-assign]

    # ------------------------------------------------------------------ groups

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own, such as a layer that is to be trained later.

        >>> import gradlab as gl
        >>> optimizer = gl.optim.SGD([gl.zeros(1, requires_grad=True)], lr=0.1)
        >>> optimizer.add_param_group({"params": gl.zeros(1, requires_grad=True), "lr": 0.5})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.5]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params, names = _with_names(_listed(param_group["params"]))
        for param in params:
            _check_optimizable(param)
        if names:
            param_group["param_names"] = names
        for name, value in self.defaults.items():
            param_group.setdefault(name, value)
        if len(set(params)) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; give each parameter once",
                stacklevel=3,
            )
        if any(("param_names" in group) != bool(names) for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if names else 'without'} names to the optimizer"
            )
        known = {param for group in self.param_groups for param in group["params"]}
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        param_group["params"] = params
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Remove ``.grad`` of all parameters, or fill it with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                clear_grad(param, set_to_none)

    # ------------------------------------------------------------------ stepping

    @_noticed
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change all parameters that have a gradient; nothing of it is recorded.

        ``closure``, if given, is called first to compute the loss (and gradients) anew; its result
        is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [param for param in group["params"] if param._grad is not None]
            self._update_all(params, group)
            for param in params:
                param._counter[0] += 1
        return loss

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return other ones.

        ``args`` begins with the optimizer, as its method ``step`` is given it. Returns a handle
        whose ``remove()`` takes the hook off again. Steps raise RuntimeError for a hook that
        returns anything but None or a pair of arguments.

        >>> import gradlab as gl
        >>> optimizer = gl.optim.SGD([gl.zeros(1, requires_grad=True)], lr=0.1)
        >>> handle = optimizer.register_step_pre_hook(lambda *_: print("a step begins"))
        >>> optimizer.step()
        a step begins
        """
        return register(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step; its result is ignored.

        Returns a handle whose ``remove()`` takes the hook off again.

        >>> import gradlab as gl
        >>> optimizer = gl.optim.SGD([gl.zeros(1, requires_grad=True)], lr=0.1)
        >>> handle = optimizer.register_step_post_hook(lambda *_: print("a step is done"))
        >>> optimizer.step()
        a step is done
        """
        return register(self._step_post_hooks, hook)

    def _update_all(self, params: Sequence[Any], group: Group) -> None:
        for param in params:
            self._update(param, param._grad._array, group)

    def _update(self, param: Any, gradient: Any, group: Group) -> None:
        """Change the array of one parameter in place, given its gradient's and its group."""
        raise NotImplementedError(f"{type(self).__name__} has neither step nor _update")

    def _remembered(self, param: Any, *names: str) -> dict[str, Any]:
        """The state of a parameter: a count of its steps, this one included, and arrays.

        They are zeros, under ``names``, before the first step.
        """
        state = self.state[param]
        if not state:
            state["step"] = Tensor._wrap(numpy.zeros((), arrays.get_default_dtype().numpy))
            for name in names:
                state[name] = zeros_like(param)
        state["step"]._array += 1
        return state

    # ------------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """State and groups, the parameters as numbers counted through the groups."""
        for hook in self._saving_hooks["before saving"].values():
            hook(self)
        number: dict[Any, int] = {}
        for i, param in enumerate(p for group in self.param_groups for p in group["params"]):
            number.setdefault(param, i)
        groups = [
            {**_options(group), "params": [number[param] for param in group["params"]]}
            for group in self.param_groups
        ]
        found: dict[str, Any] = {
            "state": {number.get(param, param): state for param, state in self.state.items()},
            "param_groups": groups,
        }
        for hook in self._saving_hooks["after saving"].values():
            changed = hook(self, found)
            found = found if changed is None else changed
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned: options, and state for the same parameters.

        Raises ValueError unless groups and parameters are as many.
        """
        state_dict = dict(state_dict)  # hooks may change it
        for hook in self._saving_hooks["before loading"].values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        loaded = copy.deepcopy(state_dict)
        groups = loaded["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(groups)}, and this optimizer {len(self.param_groups)}"
            )
        for own, group in zip(self.param_groups, groups, strict=True):
            if len(own["params"]) != len(group["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group: {len(group['params'])} and {len(own['params'])}"
                )
        by_number = {
            number: param
            for own, group in zip(self.param_groups, groups, strict=True)
            for param, number in zip(own["params"], group["params"], strict=True)
        }
        self.state = defaultdict(dict)
        for number, state in loaded["state"].items():
            param = by_number.get(number, number)
            self.state[param] = {key: _fitting(param, key, v) for key, v in state.items()}
        for own, group in zip(self.param_groups, groups, strict=True):
            own.update(_options(group))
        for hook in self._saving_hooks["after loading"].values():
            hook(self)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before ``state_dict`` is made, first of all with ``prepend``."""
        return self._add_saving_hook("before saving", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` with what was made; it may return another one.

        >>> import gradlab as gl
        >>> optimizer = gl.optim.SGD([gl.zeros(1, requires_grad=True)], lr=0.1)
        >>> handle = optimizer.register_state_dict_post_hook(lambda _, state: {**state, "run": 7})
        >>> optimizer.state_dict()["run"]
        7
        >>> handle.remove()
        """
        return self._add_saving_hook("after saving", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before one is loaded; it may return another one."""
        return self._add_saving_hook("before loading", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after a ``state_dict`` was loaded."""
        return self._add_saving_hook("after loading", hook, prepend)

    def _add_saving_hook(
        self, when: str, hook: Callable[..., Any], prepend: bool
    ) -> RemovableHandle:
        handle = register(self._saving_hooks[when], hook)
        if prepend:
            self._saving_hooks[when].move_to_end(handle.id, last=False)
        return handle

    # ------------------------------------------------------------------ showing

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            lines += ["", f"Parameter Group {i}"]
            lines += [f"    {key}: {value}" for key, value in sorted(_options(group).items())]
        return "\n".join([f"{type(self).__name__} (", *lines[1:], ")"])


def _options(group: Group) -> Group:
    return {key: value for key, value in group.items() if key != "params"}


def _listed(params: Any) -> list[Any]:
    if isinstance(params, Tensor):
        return [params]
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            "tensors in sets will change between runs. Please use a list instead."
        )
    return list(params)


def _with_names(params: list[Any]) -> tuple[list[Any], list[str]]:
    """The tensors of a group, and their names: of all or of none."""
    names = [param[0] for param in params if isinstance(param, tuple)]
    if names and len(names) != len(params):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing: "
            f"{len(names)} of {len(params)} have one"
        )
    return [param[1] if isinstance(param, tuple) else param for param in params], names


def _check_optimizable(param: Any) -> None:
    if not isinstance(param, Tensor):
        raise TypeError(
            f"optimizer can only optimize Tensors, but one of the params is {typename(param)}"
        )
    if param.grad_fn is not None and not param.retains_grad:
        raise ValueError(
            "can't optimize a non-leaf Tensor: this one is the result of an operation "
            f"({param.grad_fn.name()}); give the tensors it was computed from"
        )


def _fitting(param: Any, key: str, value: Any) -> Any:
    """A loaded value of a parameter's state in its dtype, on its device; ``step`` is a count."""
    if not isinstance(value, Tensor) or not isinstance(param, Tensor) or key == "step":
        return value
    dtype = param.dtype if param.is_floating_point() else value.dtype
    return value.to(device=param.device, dtype=dtype)


def check_at_least(minimum: float, what: str, value: Any) -> None:
    """Raise PyTorch's ValueError for an option that is too small (or NaN)."""
    if not float(value) >= minimum:
        raise ValueError(f"Invalid {what}: {value}")


def check_plain(differentiable: bool) -> None:
    """Raise for an option of PyTorch's that would need another way of computing."""
    if differentiable:
        raise NotImplementedError(
            "differentiable=True is not available: steps are not recorded. To differentiate "
            "through a step, write it out of place: p = p - lr * grad, with create_graph=True."
        )


# ------------------------------------------------------------------ what updates are made of


def zeros_like(tensor: Any) -> Tensor:
    """A tensor of zeros beside a parameter."""
    array = tensor._array
    return Tensor._wrap(arrays.array_module(array).zeros_like(array))


def parts(array: Any) -> Any:
    """A complex array's real and imaginary parts side by side; a real array as it is."""
    if array.dtype.kind != "c":
        return array
    return array.reshape(array.shape or (1,)).view(array.real.dtype)


def downhill(array: Any, gradient: Any, decay: Any, maximize: bool) -> Any:
    """The gradient that a step is made of: turned round to ``maximize``, weight decay added."""
    if maximize:
        gradient = -gradient
    if decay is not None:
        gradient = gradient + decay * array
    return gradient


def decay_of(group: Group) -> Any:
    """The share of the parameters that is added to their gradients, if any."""
    return None if group.get("decoupled_weight_decay") else group["weight_decay"] or None


def shrink_of(group: Group) -> Any:
    """What the parameters themselves are multiplied by before a step, if they are."""
    if group["decoupled_weight_decay"] and group["weight_decay"]:
        return 1 - float(group["lr"]) * group["weight_decay"]
    return None


def check_betas(betas: tuple[float, float]) -> None:
    """Raise PyTorch's ValueError for a share that is not in [0, 1)."""
    for i, beta in enumerate(betas):
        if not 0 <= beta < 1:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
