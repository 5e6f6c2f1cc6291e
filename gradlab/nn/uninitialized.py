"""Parameters and buffers whose shape is not known yet: what lazy layers have until they are called.

They have a dtype and a device but no numbers. ``materialize`` makes them ordinary, in place: the
same object, which an optimizer may hold already.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from gradlab.arrays import Array, get_default_dtype
from gradlab.arrays import dtype as Dtype
from gradlab.nn.parameter import Parameter
from gradlab.ops.creation import empty
from gradlab.tensor import Tensor

_ARRAY = Tensor.__dict__["_array"]  # the slot, which the property below covers


class _Uninitialized:
    """A tensor without numbers. Whatever asks for its array is told what to do."""

    __slots__ = ()
    _becomes: type[Tensor]

    @classmethod
    def _made(cls, device: Any, dtype: Dtype | None, requires_grad: bool) -> Any:
        made: Any = object.__new__(cls)
        made._edge = made._grad = made._view = None
        made._requires_grad = requires_grad
        made._counter = [0]
        made.__dict__["_like"] = empty((0,), device=device, dtype=dtype or get_default_dtype())
        return made

    def materialize(
        self: Any, shape: Sequence[int], device: Any = None, dtype: Dtype | None = None
    ) -> None:
        """Become an ordinary tensor of ``shape``, with whatever numbers are in its memory."""
        like = self.__dict__.pop("_like")
        made = empty(tuple(shape), device=device or like.device, dtype=dtype or like.dtype)
        self.__class__ = self._becomes
        _ARRAY.__set__(self, made._array)

    @property
    def _array(self) -> Array:
        asked = sys._getframe(1).f_code.co_name
        raise ValueError(
            f"Attempted to use an uninitialized parameter in <method {asked!r} of "
            "'torch._C.TensorBase' objects>. This error happens when you are using a `LazyModule` "
            "or explicitly manipulating `torch.nn.parameter.UninitializedParameter` objects. When "
            "using LazyModules Call `forward` with a dummy batch to initialize the parameters "
            "before calling torch functions"
        )

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    @property
    def dtype(self: Any) -> Dtype:
        return self._like.dtype  # type: ignore[no-any-return]

    @property
    def device(self: Any) -> Any:
        return self._like.device

    @property
    def data(self: Any) -> Tensor:
        """An empty tensor of the dtype and on the device, which ``Module.to`` converts."""
        return self._like  # type: ignore[no-any-return]

    @data.setter
    def data(self: Any, value: Tensor) -> None:
        self.__dict__["_like"] = value

    def detach(self) -> Any:
        return self

    def to(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.__dict__["_like"] = self._like.to(*args, **kwargs)
        return self

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        memo[id(self)] = made = self._made(self.device, self.dtype, self._requires_grad)
        return made

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter that gets its shape when its lazy module is called for the first time.

    >>> weight = UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> type(weight).__name__, weight.shape
    ('Parameter', torch.Size([2, 3]))
    """

    __slots__ = ()
    _becomes = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Dtype | None = None
    ) -> UninitializedParameter:
        return cls._made(device, dtype, requires_grad)  # type: ignore[no-any-return]


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer that gets its shape when its lazy module is called for the first time.

    >>> UninitializedBuffer()
    <UninitializedBuffer>
    """

    __slots__ = ()
    _becomes = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Dtype | None = None
    ) -> UninitializedBuffer:
        return cls._made(device, dtype, requires_grad)  # type: ignore[no-any-return]


def is_lazy(tensor: Any) -> bool:
    """Whether a tensor has no shape yet.

    >>> is_lazy(UninitializedParameter())
    True
    """
    return isinstance(tensor, _Uninitialized)
