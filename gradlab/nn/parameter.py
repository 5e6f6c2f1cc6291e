"""Parameter: a tensor that a module trains."""

from __future__ import annotations

from typing import Any

import numpy

from gradlab import arrays
from gradlab.tensor import Tensor


class Parameter(Tensor):
    """A tensor that becomes one of a module's parameters when it is assigned as an attribute.

    It lies in the memory of ``data`` (by default, of an empty tensor), and is a leaf that requires
    grad unless told otherwise. Raises RuntimeError for a dtype that can't be differentiated.

    >>> import gradlab as gl
    >>> Parameter(gl.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = Tensor._wrap(numpy.empty(0, arrays.get_default_dtype().numpy))
        elif requires_grad and not (data.is_floating_point() or data.is_complex()):
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients "
                f"(this one is {data.dtype}; convert it, or pass requires_grad=False)"
            )
        made: Parameter = cls._from(data.detach())  # type: ignore[assignment]
        made._requires_grad = requires_grad
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copied = super().__deepcopy__(memo)
        copied._grad = None  # as in PyTorch, where only other tensors' copies keep it
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer:
    """A tensor that becomes one of a module's buffers when it is assigned as an attribute.

    One that is not ``persistent`` is left out of ``state_dict``. The module then holds the tensor
    itself.

    >>> import gradlab as gl
    >>> module = gl.nn.Module()
    >>> module.mean = gl.nn.Buffer(gl.zeros(2))
    >>> module.state_dict()["mean"]
    tensor([0., 0.])
    """

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        if data is None:
            data = Tensor._wrap(numpy.empty(0, arrays.get_default_dtype().numpy))
        self.tensor = data
        self.persistent = persistent

    def __repr__(self) -> str:
        return repr(self.tensor)


def clear_grad(parameter: Tensor, set_to_none: bool) -> None:
    """Remove a gradient, or fill it with zeros and cut it from its history."""
    gradient: Any = parameter._grad
    if set_to_none:
        parameter._grad = None
    elif gradient is not None:
        if gradient.grad_fn is not None:
            gradient.detach_()
        else:
            gradient.requires_grad_(False)
        gradient.zero_()


def typename(value: Any) -> str:
    """What PyTorch's errors call the type of ``value``: ``torch.FloatTensor``, ``int``, …

    >>> typename(Parameter()), typename(1)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(value, Tensor):
        place = "torch.cuda" if value.is_cuda else "torch"
        return f"{place}.{value.dtype.type_name}Tensor"
    kind = value if isinstance(value, type) else type(value)
    prefix = "" if kind.__module__ == "builtins" else kind.__module__ + "."
    return prefix + kind.__qualname__
