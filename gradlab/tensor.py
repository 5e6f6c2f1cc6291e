"""The tensor: an array, and how it came to be.

A tensor holds its numbers (``_array``), the node that made it (``_node``), a version counter that
every tensor on the same memory shares, and, where it is a view, what it is a view of. No
derivative is written here: operations attach themselves to the class in ``op``, and what
happens to history when memory changes under it is in ``inplace.py``.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, SupportsIndex

from gradlab import arrays, engine, levels, printing
from gradlab.arrays import Array
from gradlab.grad_mode import is_grad_enabled, is_inference_mode_enabled
from gradlab.graph import Edge, Node, Reassigned, RemovableHandle, register
from gradlab.inplace import View
from gradlab.levels import Layout, level_of
from gradlab.type_info import check_flag
from gradlab.warn import warn_once

new = object.__new__


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of sizes.

    >>> Size([2, 3]), Size([2, 3]).numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """Number of elements of a tensor of this shape."""
        count = 1
        for n in self:
            count *= n
        return count

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(found, tuple) else found

    def __add__(self, other: tuple[Any, ...]) -> Any:
        return Size(tuple.__add__(self, other))


class Tensor:
    """An array whose history is remembered for differentiation.

    Make one with ``gradlab.tensor``, ``ones``, ``randn``, …; its methods are the functions of
    ``gradlab`` with the tensor as first argument.

    >>> import gradlab as gl
    >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_accumulator",  # weak reference to a leaf's AccumulateGrad; empty until it is needed
        "_array",
        "_counter",  # [how often the memory was written to], shared by all tensors on it
        "_edge",  # (the node that made it, which of its outputs this is), or None for a leaf
        "_grad",
        "_requires_grad",
        "_view",  # inplace.View, or None for a tensor with memory of its own
    )

    __array_priority__ = 1000  # NumPy lets our reflected operators answer

    _accumulator: weakref.ref[Node]
    _array: Array
    _counter: list[int]
    _grad: Tensor | None
    _edge: Edge | None
    _requires_grad: bool
    _view: View | None

    if TYPE_CHECKING:  # what operations attach to the class (``op``)

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __matmul__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __invert__(self) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __getitem__(self, index: Any) -> Any: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    # ------------------------------------------------------------------ making

    @staticmethod
    def _wrap(array: Array) -> Tensor:
        """A tensor without history on ``array``, which it does not copy."""
        tensor: Tensor = new(Tensor)
        tensor._array = array
        tensor._edge = None
        tensor._requires_grad = False
        tensor._grad = None
        tensor._view = None
        tensor._counter = [0]
        if is_inference_mode_enabled():
            tensor._counter = inference_counter()
        return tensor

    # ------------------------------------------------------------------ what it is

    @property
    def shape(self) -> Size:
        """Sizes of the dimensions."""
        return Size(self._array.shape)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return int(self._array.ndim)

    @property
    def dtype(self) -> arrays.dtype:
        """Type of the elements."""
        return arrays.BY_NUMPY[self._array.dtype]

    @property
    def device(self) -> arrays.device:
        """Where the elements are."""
        return arrays.device_of(self._array)

    @property
    def is_cuda(self) -> bool:
        """Whether the elements are on a GPU."""
        return not arrays.is_on_cpu(self._array)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self._array.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self._array.nbytes)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension.

        >>> import gradlab as gl
        >>> gl.ones(2, 3).size(), gl.ones(2, 3).size(-1)
        (torch.Size([2, 3]), 3)
        """
        return self.shape if dim is None else self._array.shape[normal_dim(dim, self.ndim)]

    def dim(self) -> int:
        """Number of dimensions.

        >>> import gradlab as gl
        >>> gl.ones(2, 3).dim()
        2
        """
        return self.ndim

    def numel(self) -> int:
        """Number of elements.

        >>> import gradlab as gl
        >>> gl.ones(2, 3).numel()
        6
        """
        return int(self._array.size)

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element.

        >>> import gradlab as gl
        >>> gl.ones(2, 3).element_size()
        4
        """
        return self.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours along each dimension (or one), in elements.

        >>> import gradlab as gl
        >>> gl.ones(2, 3).stride(), gl.ones(2, 3).t().stride()
        ((3, 1), (1, 3))
        """
        array = in_order(self)
        strides = tuple(s // array.itemsize for s in array.strides)
        return strides if dim is None else strides[normal_dim(dim, self.ndim)]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie one after the other, last dimension fastest.

        With ``memory_format=channels_last``: whether pixel after pixel, the channels fastest.

        >>> import gradlab as gl
        >>> gl.ones(2, 3).is_contiguous(), gl.ones(2, 3).t().is_contiguous()
        (True, False)
        """
        array = in_order(self)
        if memory_format is not None and memory_format.ndim is not None:
            if array.ndim != memory_format.ndim:
                return False
            array = array.transpose(0, *range(2, array.ndim), 1)
        return bool(array.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """Whether the elements are real floating-point numbers.

        >>> import gradlab as gl
        >>> gl.ones(2).is_floating_point(), gl.arange(2).is_floating_point()
        (True, False)
        """
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the elements are complex numbers.

        >>> import gradlab as gl
        >>> gl.ones(2).is_complex()
        False
        """
        return self.dtype.is_complex

    # ------------------------------------------------------------------ history

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded. May be set on leaves."""
        return self._requires_grad or (self._view is not None and self._view.base.requires_grad)

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if not isinstance(flag, bool):
            raise RuntimeError(f"requires_grad must be a bool, not {flag!r}")
        self._set_requires_grad(flag, "floating point and complex dtype", may_be_computed=False)

    def _set_requires_grad(self, flag: bool, allowed: str, *, may_be_computed: bool) -> None:
        if self._edge is not None and not (flag and may_be_computed):
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        if flag and self._array.dtype not in arrays.DIFFERENTIABLE:
            raise RuntimeError(
                f"only Tensors of {allowed} can require gradients "
                f"(this one is {self.dtype}; convert it first, with .float() for example)"
            )
        if flag and self.is_inference() and not is_inference_mode_enabled():
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                "allowed. clone() it to get a normal tensor."
            )
        self._requires_grad = bool(flag) or self._edge is not None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set ``requires_grad`` and return the tensor itself.

        >>> import gradlab as gl
        >>> gl.ones(2).requires_grad_()
        tensor([1., 1.], requires_grad=True)
        """
        if requires_grad is not True:
            check_flag("requires_grad_", "requires_grad", requires_grad, 1)
        self._set_requires_grad(requires_grad, "floating point dtype", may_be_computed=True)
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for a leaf."""
        if self._view is not None:
            self._view.refresh(self, asked=True)
        return None if self._edge is None else self._edge[0]

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor: backward stores ``.grad`` here."""
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        """Which output of ``grad_fn`` this tensor is."""
        return 0 if self._edge is None else self._edge[1]

    @property
    def _version(self) -> int:
        """How often this tensor's memory was changed in place."""
        if self.is_inference():
            raise RuntimeError("Inference tensors do not track version counter.")
        return int(self._counter[0])

    @property
    def _base(self) -> Tensor | None:
        """The tensor this one is a view of; None where it has memory of its own."""
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    def is_inference(self) -> bool:
        """Whether this tensor was made in ``inference_mode``.

        >>> import gradlab as gl
        >>> with gl.inference_mode():
        ...     x = gl.ones(2)
        >>> x.is_inference()
        True
        """
        return type(self._counter) is _InferenceCounter

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have added up here; None before the first."""
        if self._grad is None and self._edge is not None and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                ".grad attribute won't be populated during autograd.backward(). If you want it, "
                "call .retain_grad() on this tensor before the backward pass. If you meant a leaf, "
                "you may be holding the result of an operation on it instead.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is not None:
            self._check_grad(gradient)
        self._grad = gradient

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def _check_grad(self, gradient: Any) -> None:
        if not isinstance(gradient, Tensor):
            raise TypeError(
                "assigned grad expected to be a Tensor or None but got grad of type "
                f"{type(gradient).__name__}"
            )
        if gradient is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if gradient.dtype is not self.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{gradient.dtype.c_name}' to a tensor "
                f"with grad_dtype '{self.dtype.type_name}'. The gradient must have the tensor's "
                f"dtype: convert it with .to({self.dtype})."
            )
        if gradient.shape != self.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(gradient.shape)}' to a tensor of "
                f"size '{list(self.shape)}'. Please ensure that the gradient and the tensor are "
                "the same size"
            )

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to the ``.grad`` of every leaf it was computed from.

        See ``gradlab.autograd.backward`` for arguments and errors.

        >>> import gradlab as gl
        >>> x = gl.tensor([1.0, 2.0], requires_grad=True)
        >>> (x**2).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(gradient)`` whenever this tensor's gradient is known; it may return another.

        Raises RuntimeError where no gradient will ever arrive.

        >>> import gradlab as gl
        >>> x = gl.ones(2, requires_grad=True)
        >>> handle = x.register_hook(lambda gradient: gradient * 10)
        >>> x.sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node, output = engine.edge_of(self)
        if node is None:
            return RemovableHandle({})  # nothing arrives at a view that has no history of its own
        if self._edge is None:
            self.__dict__["_kept_accumulator"] = node  # a leaf's hook must outlive a graph
        return register(node.own_hooks().on_output, (output, hook))

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call ``hook(tensor)`` whenever a gradient has been added to this leaf's ``.grad``.

        Raises RuntimeError for a tensor that is no leaf, or requires no grad.

        >>> import gradlab as gl
        >>> x = gl.ones(2, requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda leaf: print(leaf.grad))
        >>> x.sum().backward()
        tensor([1., 1.])
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors. Nothing is "
                "accumulated there. Use register_hook() to see the gradient pass by."
            )
        node, _ = engine.edge_of(self)
        if node is None:
            return RemovableHandle({})  # nothing arrives at a view that has no history of its own

        def accumulated(grad_inputs: Any, grad_outputs: tuple[Any, ...]) -> None:
            if grad_outputs[0] is None:
                return
            returned = hook(self)
            if returned is not None and not isinstance(returned, Tensor):
                raise TypeError(
                    f"expected Variable, but hook returned {type(returned).__name__!r}. A post "
                    "accumulate grad hook returns nothing."
                )
            if returned is not None and returned is not self:
                raise RuntimeError(
                    "Tensor post accumulate grad hooks should return None. To change the gradient, "
                    "write to the tensor's .grad."
                )

        accumulated.__wrapped__ = hook  # type: ignore[attr-defined]
        self.__dict__["_kept_accumulator"] = node
        return register(node.own_hooks().post, accumulated)

    def retain_grad(self) -> None:
        """Make backward passes store ``.grad`` here although this is no leaf.

        >>> import gradlab as gl
        >>> x = gl.ones(2, requires_grad=True)
        >>> y = x * 3
        >>> y.retain_grad()
        >>> y.sum().backward()
        >>> y.grad
        tensor([1., 1.])
        """
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node = None if self._edge is None else self.grad_fn
        if node is not None:
            retained = node.own_hooks().retained
            if self.output_nr not in retained:
                retained[self.output_nr] = _store_grad_in(self)

    @property
    def retains_grad(self) -> bool:
        """Whether ``retain_grad`` was called on this tensor, which is no leaf."""
        if self._edge is None:
            return False
        node, output = self._edge
        hooks = None if node is None else node.hooks
        return hooks is not None and output in hooks.retained

    def detach(self) -> Tensor:
        """The same numbers, in the same memory, without history.

        >>> import gradlab as gl
        >>> gl.ones(2, requires_grad=True).detach()
        tensor([1., 1.])
        """
        tensor = Tensor._wrap(in_order(self))
        tensor._counter = self._counter
        return tensor

    def detach_(self) -> Tensor:
        """Forget this tensor's history and make it a leaf; return it.

        >>> import gradlab as gl
        >>> y = gl.ones(2, requires_grad=True) * 3
        >>> y.detach_()
        tensor([3., 3.])
        """
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._edge = None
        self._requires_grad = False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor without history and with a version counter of its own.

        Changes made through it are not noticed by autograd; prefer ``detach()``.
        """
        tensor = Tensor._wrap(in_order(self))
        tensor._counter = self._counter if self.is_inference() else [0]
        return tensor

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self.requires_grad and value._array.dtype not in arrays.DIFFERENTIABLE:
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex "
                f"dtype. This is {value.dtype}."
            )
        before = self._array
        self._array = value._array
        if not self.is_inference():
            self._counter[0] = Reassigned(self._counter[0])
        if hasattr(self, "_accumulator") and before.dtype is not value._array.dtype:
            del self._accumulator  # it was made for the old dtype

    # ------------------------------------------------------------------ leaving for Python, NumPy

    def item(self) -> Any:
        """The only element as a Python number; RuntimeError where there are several.

        >>> import gradlab as gl
        >>> gl.tensor([2.5]).item()
        2.5
        """
        if self._array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self._array.size} elements cannot be converted to Scalar"
            )
        return self._array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers.

        >>> import gradlab as gl
        >>> gl.arange(4).reshape(2, 2).tolist()
        [[0, 1], [2, 3]]
        """
        return self._array.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """The elements as a NumPy array on the same memory.

        ``force=True`` detaches and copies from the GPU as needed. Raises RuntimeError for a tensor
        that requires grad, TypeError for one on a GPU.

        >>> import gradlab as gl
        >>> gl.arange(3).numpy()
        array([0, 1, 2])
        """
        if force:
            return arrays.plain(arrays.move(in_order(self), "cpu"))
        if self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. "
                "Use tensor.detach().numpy() instead."
            )
        if not arrays.is_on_cpu(self._array):
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. "
                "Use Tensor.cpu() to copy the tensor to host memory first."
            )
        return arrays.plain(in_order(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(
                    "Unable to avoid copy while creating an array as requested: the tensor is "
                    f"{array.dtype}, not {dtype}"
                )
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """What NumPy's functions return for a tensor: a tensor; masks, as in PyTorch, of uint8."""
        array = arrays.as_array(array)
        return Tensor._wrap(array.astype("uint8") if array.dtype.kind == "b" else array)

    def __bool__(self) -> bool:
        if self._array.size == 1:
            return bool(self._array.item())
        if self._array.size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")

    def __int__(self) -> int:
        return int(self._real_item("int64_t"))

    def __float__(self) -> float:
        number = float(self._real_item("double"))
        self._warn_of_conversion()
        return number

    def _warn_of_conversion(self) -> None:
        """Warn, once, that a number has no history; PyTorch does for ``float``, not for ``int``."""
        if self.requires_grad and is_grad_enabled():
            warn_once(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
                "behavior.\nConsider using tensor.detach() first: no gradient flows through a "
                "Python number. Where that is meant, .item() says so."
            )

    def _real_item(self, wanted: str) -> Any:
        """The only element as a real number, which a complex one may be in disguise."""
        if self._array.size != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars, and this one has "
                f"{self._array.size}"
            )
        item = self.item()
        if not isinstance(item, complex):
            return item
        if item.imag:
            raise RuntimeError(
                f"value cannot be converted to type {wanted} without overflow: {item} has an "
                "imaginary part. Take .real or abs() first."
            )
        return item.real

    def __complex__(self) -> complex:
        number = complex(self.item())
        self._warn_of_conversion()
        return number

    def __index__(self) -> int:
        if self._array.size != 1 or self._array.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return int(self._array.shape[0])

    def __iter__(self) -> Iterator[Any]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self) -> Any:
        return self if self._array.ndim == 0 else self.flip(0)

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, Tensor):
            element = element._array
        elif type(element) not in arrays.PYTHON_SCALARS:
            raise RuntimeError(
                "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                f"{type(element)}."
            )
        return bool((self._array == element).any())

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.grad_fn is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment. Use .detach().clone() for one that was computed."
            )
        copied = type(self)._from(Tensor._wrap(_deep_copy(in_order(self), memo)))
        copied._requires_grad = self._requires_grad
        if self._grad is not None:
            copied._grad = self._grad.__deepcopy__(memo)
        memo[id(self)] = copied
        return copied

    @classmethod
    def _from(cls, tensor: Tensor) -> Tensor:
        """A leaf of this class on another's memory."""
        made = new(cls)
        for slot in ("_array", "_edge", "_requires_grad", "_grad", "_view", "_counter"):
            setattr(made, slot, getattr(tensor, slot))
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        array = arrays.move(in_order(self), "cpu")
        memory = arrays.memory_of(array)
        if memory is None:
            memory = array.copy()
            array = memory
        place = (array.shape, array.dtype, arrays.place_in(memory, array))
        return _rebuild, (type(self), memory, place, str(self.device), self.requires_grad)

    # ------------------------------------------------------------------ showing

    def __repr__(self) -> str:
        try:
            node = self.grad_fn
            name = None if node is None else node.name().rpartition("::")[2]
        except RuntimeError:  # a view whose base was changed in a way that it may not be
            name = "Invalid"
        if level_of(self) is not None:  # a view of what has become a dual number since
            return repr(self)
        if levels.reversing and levels.reversed_by():
            return levels.text(self)
        return self._text(self._requires_grad, name)

    def _text(self, requires_grad: bool, grad_fn: str | None) -> str:
        return printing.tensor_text(
            arrays.move(self._array, "cpu"),
            default_dtype_name=arrays.get_default_dtype().name,
            device=str(self.device),
            requires_grad=requires_grad,
            grad_fn=grad_fn,
        )

    def __format__(self, spec: str) -> str:
        if self._array.ndim == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec)


def _deep_copy(array: Array, memo: dict[int, Any]) -> Array:
    """A copy that shares memory with the copies of what ``array`` shares memory with."""
    memory = arrays.memory_of(array)
    if memory is None:
        return array.copy()
    if id(memory) not in memo:
        memo[id(memory)] = memory.copy(order="K")
        memo.setdefault(id(memo), []).append(memory)  # which keeps its id, as the module copy does
    place = arrays.place_in(memory, array)
    return arrays.part_of(memo[id(memory)], array.shape, array.dtype, place)


def _rebuild(
    cls: type[Tensor], memory: Array, place: Any, device: str, requires_grad: bool
) -> Tensor:
    """A tensor from its pickled form; those that shared memory do so again."""
    array = arrays.part_of(memory, *place)
    return cls._from(Tensor._wrap(arrays.move(array, device))).requires_grad_(requires_grad)


def _store_grad_in(tensor: Tensor) -> Callable[[Tensor], None]:
    """A hook that puts a non-leaf's gradient into ``.grad``, holding the tensor only weakly."""
    reference = weakref.ref(tensor)

    def store(gradient: Tensor) -> None:
        owner = reference()
        if owner is not None:
            known = owner._grad
            owner._grad = gradient.clone() if known is None else known + gradient

    return store


class _InferenceCounter(list[int]):
    """The version counter of a tensor made in inference mode: there is none to read."""

    def __getitem__(self, index: Any) -> Any:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. To work around you can make a clone "
            "to get a normal tensor and use it in autograd."
        )


def inference_counter() -> list[int]:
    """A version counter for a tensor made in inference mode."""
    return _InferenceCounter()


def in_order(tensor: Any) -> Array:
    """A tensor's array, its elements put in order first where they lie pixel by pixel.

    Pictures (N, C, H, W) go from layer to layer with the channels innermost in memory, which is how
    convolution makes and reads them. Nobody sees it: whatever could tell (a view, ``stride()``,
    ``numpy()``, a second tensor on the same memory) comes here first, while the tensor is the
    memory's only owner. Memory that somebody brought along, or asked to lie so, is left as it is
    (``OutsideCounter``).
    """
    array = tensor._array
    if array.ndim < 4 or array.flags.c_contiguous or isinstance(array, Layout):
        return array
    if tensor._view is not None:
        return array
    by_pixel = array.transpose(0, *range(2, array.ndim), 1)
    if by_pixel.flags.c_contiguous and type(tensor._counter) is not OutsideCounter:
        tensor._array = array = array.copy("C")
    return array


class OutsideCounter(list[int]):
    """The version counter of memory that stays as it lies: somebody else's, or laid as asked."""


def normal_dim(dim: int, ndim: int) -> int:
    """``dim`` counted from the front; IndexError where the tensor has no such dimension."""
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise no_such_dim(dim, limit)
    return dim + limit if dim < 0 else dim


def no_such_dim(dim: int, ndim: int) -> IndexError:
    """The error for a dimension that a tensor of ``ndim`` dimensions doesn't have."""
    return IndexError(
        f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
    )
