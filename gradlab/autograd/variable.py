"""``Variable``, as scripts older than tensors that require grad spell it: today a tensor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy

from gradlab import arrays
from gradlab.tensor import Tensor


class _AnyTensor(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_AnyTensor):
    """``Variable(data, requires_grad=False)`` makes a leaf on the memory of ``data``.

    Every tensor is an instance. Raises TypeError where ``data`` is no tensor, RuntimeError where
    its dtype can't require grad, ValueError for ``volatile``, which has no effect any more, with
    ``requires_grad``.

    >>> import gradlab as gl
    >>> x = Variable(gl.ones(2), requires_grad=True)
    >>> x
    tensor([1., 1.], requires_grad=True)
    >>> isinstance(x * 2, Variable)
    True
    """

    def __new__(  # type: ignore[misc]  # what it makes is a tensor
        cls, data: Any = None, requires_grad: bool = False, volatile: bool = False
    ) -> Tensor:
        if data is None:
            data = Tensor._wrap(numpy.empty(0, arrays.get_default_dtype().numpy))
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Variable data has to be a tensor, but got {type(data).__name__}. Make one with "
                "gradlab.tensor(...)."
            )
        if volatile and requires_grad:
            raise ValueError("Variable can't be volatile and require_grad at the same time!")
        if requires_grad and data._array.dtype not in arrays.DIFFERENTIABLE:
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients, and this "
                f"one is {data.dtype}"
            )
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        return data.detach().requires_grad_(bool(requires_grad))
