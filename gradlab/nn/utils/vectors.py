"""All parameters of a network as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters, one after the other, as one vector with their history.

    Raises TypeError for parameters on different devices.

    >>> import gradlab as gl
    >>> parameters_to_vector([gl.zeros(2, 2), gl.ones(1)])
    tensor([0., 0., 0., 0., 1.])
    """
    given: list[Any] = list(parameters)
    _check_devices(given)
    return FUNCTIONS["cat"]([parameter.view(-1) for parameter in given])  # type: ignore[no-any-return]


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put the elements of a vector where ``parameters_to_vector`` would take them from.

    Raises TypeError for a vector that is no tensor, or parameters on different devices.

    >>> import gradlab as gl
    >>> w, b = gl.zeros(2, 2), gl.zeros(1)
    >>> vector_to_parameters(gl.arange(5.0), [w, b])
    >>> b
    tensor([4.])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    given: list[Any] = list(parameters)
    _check_devices(given)
    start = 0
    for parameter in given:
        end = start + parameter.numel()
        parameter.data = vec[start:end].view_as(parameter).data
        start = end


def _check_devices(parameters: list[Any]) -> None:
    devices = {str(parameter.device) for parameter in parameters}
    if len(devices) > 1:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported: "
            f"{', '.join(sorted(devices))}"
        )
