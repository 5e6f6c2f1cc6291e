"""Questions about a tensor, answered truthfully; and Python functions called element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlab.op import composite
from gradlab.ops.shape import array_of
from gradlab.tensor import Tensor


@composite(public=False)
def ndimension(input: Tensor) -> int:
    """Number of dimensions.

    >>> import gradlab as gl
    >>> gl.ones(2, 3).ndimension()
    2
    """
    return input.ndim


@composite()
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    >>> import gradlab as gl
    >>> gl.is_same_size(gl.zeros(2), gl.ones(2))
    True
    """
    return bool(array_of(input, "is_same_size").shape == other._array.shape)


@composite()
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers.

    >>> import gradlab as gl
    >>> gl.is_signed(gl.zeros(2)), gl.is_signed(gl.tensor(True))
    (True, False)
    """
    return array_of(input, "is_signed").dtype.kind not in "bu"


@composite()
def get_device(input: Tensor) -> int:
    """The number of the GPU that holds the tensor; -1 for main memory.

    >>> import gradlab as gl
    >>> gl.get_device(gl.zeros(2))
    -1
    """
    array_of(input, "get_device")
    index = input.device.index
    return -1 if index is None else index


@composite(method=False)
def typename(obj: Any) -> str:
    """The name of something's type: of a tensor with its dtype, as ``x.type()`` gives it.

    >>> import gradlab as gl
    >>> gl.typename(gl.zeros(2)), gl.typename(1)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, Tensor):
        return str(obj.type())
    kind = obj if isinstance(obj, type) else type(obj)
    module = "" if kind.__module__ in ("builtins", "__builtin__", None) else kind.__module__ + "."
    return module + kind.__qualname__


class layout:
    """How a tensor's elements are kept: ``strided``, in one piece of memory, is the only way here.

    >>> import gradlab as gl
    >>> gl.zeros(2).layout
    torch.strided
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "torch.strided"

    def __reduce__(self) -> str:
        return "strided"


strided = layout()


@composite(public=False)
def as_subclass(input: Tensor, cls: type[Tensor]) -> Tensor:
    """The tensor, without its history's view of it, as one of a class derived from ``Tensor``.

    >>> import gradlab as gl
    >>> gl.ones(2).as_subclass(gl.Tensor)
    tensor([1., 1.])
    """
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"as_subclass(): argument 'cls' must be a subclass of Tensor, not {cls!r}")
    return input if cls is Tensor else cls._from(input)


def _publish_fact(name: str, answer: bool, what: str) -> None:
    """Publish an attribute that is the same for all of gradlab's tensors."""

    def fact(self: Tensor) -> bool:
        return answer

    fact.__doc__ = what
    setattr(Tensor, name, property(fact))


for _name, _what in {
    "is_sparse": "Whether only elements that aren't zero are stored: never.",
    "is_quantized": "Whether the elements are quantized: never.",
    "is_meta": "Whether the tensor has a shape but no memory: never.",
    "is_mkldnn": "Whether the tensor lies as oneDNN likes it: never.",
    "is_mps": "Whether the elements are on an Apple GPU: never.",
    "is_xpu": "Whether the elements are on an Intel GPU: never.",
    "is_nested": "Whether the rows have different lengths: never.",
}.items():
    _publish_fact(_name, False, _what)


def _is_cpu(self: Tensor) -> bool:
    """Whether the elements are in the computer's main memory."""
    return not self.is_cuda


Tensor.is_cpu = property(_is_cpu)  # type: ignore[attr-defined]


def _layout(self: Tensor) -> layout:
    """How the elements are kept: ``gradlab.strided``."""
    return strided


Tensor.layout = property(_layout)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ element by element


def _called(name: str, function: Callable[..., Any], input: Tensor, *others: Tensor) -> Tensor:
    """Put what ``function`` returns for each element (and those beside it) in its place."""
    if input.requires_grad:
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. "
            f"Use var.detach().{name}() instead."
        )
    if input.is_cuda:
        raise TypeError(f"{name} is only implemented on CPU tensors: call .cpu() first")
    columns = [input.reshape(-1).tolist()]
    columns += [other.expand(input.shape).reshape(-1).tolist() for other in others]
    values = [function(*row) for row in zip(*columns, strict=True)]
    return input.copy_(input.new_tensor(values).reshape(input.shape))  # type: ignore[no-any-return]


@composite(public=False)
def apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Put ``callable(element)`` in the place of each element. Slow: a call of Python for each.

    >>> import gradlab as gl
    >>> gl.tensor([1, 2]).apply_(lambda n: n * 10)
    tensor([10, 20])
    """
    return _called("apply_", callable, input)


@composite(public=False)
def map_(input: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Put ``callable(element, other)`` in the place of each element; see ``apply_``.

    >>> import gradlab as gl
    >>> gl.tensor([1, 2]).map_(gl.tensor([3, 4]), lambda a, b: a * b)
    tensor([3, 8])
    """
    return _called("map_", callable, input, tensor)
