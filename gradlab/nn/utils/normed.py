"""Weights that are computed anew before each forward pass, from parameters of another kind.

``weight_norm``: T. Salimans and D. Kingma, "Weight normalization", 2016. ``spectral_norm``:
T. Miyato et al., "Spectral normalization for generative adversarial networks", 2018.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from gradlab.grad_mode import no_grad
from gradlab.nn.functional import normalize
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.op import FUNCTIONS

M = TypeVar("M", bound=Module)


class _Recomputed:
    """A forward pre-hook that sets ``module.<name>`` from other parameters of the module."""

    kind: str

    def __init__(self, name: str) -> None:
        self.name = name

    def weight_of(self, module: Module, training: bool) -> Any:
        """The weight, computed with its history."""
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.weight_of(module, module.training))

    def attach(self, module: Module) -> None:
        """Make the hook run before each forward pass; RuntimeError where one does already."""
        if _attached(module, type(self), self.name) is not None:
            raise RuntimeError(
                f"Cannot register two {self.kind} hooks on the same parameter {self.name}"
            )
        module.register_forward_pre_hook(self)

    def parts(self) -> list[str]:
        """The names of what the weight is computed from."""
        raise NotImplementedError


def _attached(module: Module, kind: type, name: str) -> int | None:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook.function, kind) and vars(hook.function)["name"] == name:
            return key
    return None


def _remove(module: M, kind: type[_Recomputed], name: str) -> M:
    key = _attached(module, kind, name)
    if key is None:
        raise ValueError(f"{kind.kind} of '{name}' not found in {module}")
    hook: Any = module._forward_pre_hooks.pop(key).function
    with no_grad():
        weight = hook.weight_of(module, training=False)
    delattr(module, name)
    for part in hook.parts():
        delattr(module, part)
    module.register_parameter(name, Parameter(weight.detach()))
    return module


# ------------------------------------------------------------------ length and direction


class _WeightNorm(_Recomputed):
    kind = "weight_norm"

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = dim

    def parts(self) -> list[str]:
        return [self.name + "_g", self.name + "_v"]

    def weight_of(self, module: Module, training: bool) -> Any:
        length, direction = (getattr(module, part) for part in self.parts())
        return direction * (length / length_of(direction, self.dim))


def length_of(weight: Any, dim: int | None) -> Any:
    """The length of each slice along ``dim``, or with None of the whole."""
    if dim is None:
        return weight.norm()
    others = tuple(d for d in range(weight.dim()) if d != dim % weight.dim())
    return weight.norm(2, others, keepdim=True) if others else weight.abs()


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Split a module's parameter into its length ``name_g`` and its direction ``name_v``.

    Each slice along ``dim`` has a length of its own; with None there is one for all. The weight is
    computed from them before each forward pass. Raises RuntimeError where that is so already.
    Warns that ``parametrizations.weight_norm`` is the newer form.

    >>> import gradlab as gl
    >>> with warnings.catch_warnings(action="ignore"):
    ...     layer = weight_norm(gl.nn.Linear(3, 2))
    >>> sorted(dict(layer.named_parameters()))
    ['bias', 'weight_g', 'weight_v']
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of "
        "`torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    hook = _WeightNorm(name, dim)
    hook.attach(module)
    weight: Any = getattr(module, name)
    delattr(module, name)
    length = length_of(weight.detach(), dim)
    module.register_parameter(name + "_g", Parameter(length))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    hook(module, ())
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Take ``weight_norm`` off: the weight is a parameter again.

    Raises ValueError where there is none.

    >>> import gradlab as gl
    >>> with warnings.catch_warnings(action="ignore"):
    ...     layer = remove_weight_norm(weight_norm(gl.nn.Linear(3, 2)))
    >>> sorted(dict(layer.named_parameters()))
    ['bias', 'weight']
    """
    return _remove(module, _WeightNorm, name)


# ------------------------------------------------------------------ the largest singular value


class _SpectralNorm(_Recomputed):
    kind = "spectral_norm"

    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        super().__init__(name)
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.n_power_iterations = n_power_iterations
        self.eps = eps
        self.dim = dim

    def parts(self) -> list[str]:
        return [self.name + end for end in ("_orig", "_u", "_v")]

    def weight_of(self, module: Module, training: bool) -> Any:
        weight, u, v = (getattr(module, part) for part in self.parts())
        matrix = as_matrix(weight, self.dim)
        if training:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(normalize(matrix.mv(v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()  # a later pass changes them before this one's backward
        return weight / FUNCTIONS["dot"](u, matrix.mv(v))


def as_matrix(weight: Any, dim: int) -> Any:
    """The weight with dimension ``dim`` first and all others as one."""
    if dim:
        others = [d for d in range(weight.dim()) if d != dim]
        weight = weight.permute(dim, *others)
    return weight.reshape(weight.size(0), -1)


def rows_of(module: Module) -> int:
    """The dimension along which a module's weight has its rows: 1 in transposed convolutions."""
    return int(any(kind.__name__.startswith("ConvTranspose") for kind in type(module).__mro__))


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a module's weight by its largest singular value, before each forward pass.

    That is found by the power method, ``n_power_iterations`` steps a pass in training, from
    vectors kept as buffers. The weight counts as a matrix whose rows are along ``dim``: 0, or 1
    for transposed convolutions. Raises RuntimeError where it is so already, ValueError for a
    parameter that is None.

    >>> import gradlab as gl
    >>> layer = spectral_norm(gl.nn.Linear(3, 2))
    >>> sorted(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if dim is None:
        dim = rows_of(module)
    hook = _SpectralNorm(name, n_power_iterations, eps, dim)
    hook.attach(module)
    weight: Any = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    with no_grad():
        height, width = as_matrix(weight, dim).shape
        u = normalize(weight.new_empty(height).normal_(0, 1), dim=0, eps=eps)
        v = normalize(weight.new_empty(width).normal_(0, 1), dim=0, eps=eps)
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Take ``spectral_norm`` off: the weight, as divided last, is a parameter again.

    Raises ValueError where there is none.

    >>> import gradlab as gl
    >>> layer = remove_spectral_norm(spectral_norm(gl.nn.Linear(3, 2)))
    >>> sorted(layer.state_dict())
    ['bias', 'weight']
    """
    return _remove(module, _SpectralNorm, name)
