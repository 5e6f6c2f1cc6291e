"""Clipping: gradients that are too large are made smaller before a step is taken."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable
from typing import Any

from gradlab.grad_mode import no_grad
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor


def _listed(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@no_grad
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as one vector, a 0-d tensor; 0 for none at all.

    ``norm_type``: which p-norm, ``inf`` for the largest element. ``foreach`` is kept and changes
    nothing. Raises RuntimeError for a norm that is not finite, with ``error_if_nonfinite``.

    >>> import gradlab as gl
    >>> get_total_norm([gl.tensor([3.0]), gl.tensor([0.0, 4.0])])
    tensor(5.)
    """
    norms = [FUNCTIONS["norm"](tensor, float(norm_type)) for tensor in _listed(tensors)]
    if not norms:
        return FUNCTIONS["tensor"](0.0)  # type: ignore[no-any-return]
    total: Any = FUNCTIONS["norm"](
        FUNCTIONS["stack"]([norm.to(norms[0].device) for norm in norms]), float(norm_type)
    )
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} for gradients from `parameters` is "
            "non-finite, so it cannot be clipped. To disable this error and scale the gradients by "
            "the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total  # type: ignore[no-any-return]


@no_grad
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale gradients down, in place, so that ``total_norm``, theirs, becomes ``max_norm``.

    >>> import gradlab as gl
    >>> x = gl.ones(1, requires_grad=True)
    >>> (10 * x).sum().backward()
    >>> clip_grads_with_norm_(x, 1.0, gl.tensor(10.0))
    >>> x.grad
    tensor([1.0000])
    """
    scale: Any = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for parameter in _listed(parameters):
        if parameter.grad is not None:
            parameter.grad.mul_(scale.to(parameter.grad.device))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale gradients down, in place, where all of them as one vector are longer than ``max_norm``.

    Returns how long they were, a 0-d tensor. Arguments and errors as in ``get_total_norm``.

    >>> import gradlab as gl
    >>> x = gl.ones(2, requires_grad=True)
    >>> (gl.tensor([3.0, 4.0]) * x).sum().backward()
    >>> clip_grad_norm_(x, 1.0), x.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    given = _listed(parameters)
    if not given and isinstance(parameters, Generator):
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
        )
    gradients = [parameter.grad for parameter in given if parameter.grad is not None]
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(given, max_norm, total)
    return total  # type: ignore[no-any-return]


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The older name of ``clip_grad_norm_``, which it warns of.

    >>> import gradlab as gl
    >>> with warnings.catch_warnings(action="ignore"):
    ...     clip_grad_norm(gl.nn.Linear(2, 2).parameters(), 1.0)
    tensor(0.)
    """
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Cut every element of the gradients off, in place, at ±``clip_value``.

    >>> import gradlab as gl
    >>> x = gl.ones(2, requires_grad=True)
    >>> (gl.tensor([3.0, -0.5]) * x).sum().backward()
    >>> clip_grad_value_(x, 1.0)
    >>> x.grad
    tensor([ 1.0000, -0.5000])
    """
    limit = float(clip_value)
    for parameter in _listed(parameters):
        if parameter.grad is not None:
            parameter.grad.clamp_(-limit, limit)
