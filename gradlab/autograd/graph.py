"""The recorded graph in a user's hands: edges, hooks on several tensors, hooks on what is saved.

``saved_tensors_hooks`` costs nothing while it is off. It is an observer (``observers.py``): right
after an operation has recorded its node, the saved tensors in it are replaced by ``_Packed``
objects, which the node takes apart as it would the tuple that it saved. Only that asks the hook.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy

from gradlab import arrays, observers
from gradlab.autograd.function import FunctionNode
from gradlab.engine import edge_of, running_pass
from gradlab.grad_mode import no_grad
from gradlab.graph import AccumulateGrad, Edge, Node, RemovableHandle, walk
from gradlab.inplace import count_change
from gradlab.op import UNCHANGING, OpNode, SavedTensor
from gradlab.tensor import Size, Tensor

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


# ------------------------------------------------------------------ edges


class _Fields(NamedTuple):
    node: Node
    output_nr: int
    ownership_token: Node | None = None


class GradientEdge(_Fields):
    """A place in the graph: output ``output_nr`` of ``node``, whose gradient arrives there.

    ``backward`` and ``grad`` take one wherever they take a tensor, so a graph can be
    differentiated whose tensors are gone: it answers whatever the engine asks of a tensor.

    >>> import gradlab as gl
    >>> y = gl.ones(2, requires_grad=True).sin()
    >>> gl.autograd.graph.get_gradient_edge(y).node.name()
    'SinBackward0'
    """

    __slots__ = ()

    requires_grad = True
    retains_grad = False
    _requires_grad = True
    _view = None
    _wrap = staticmethod(Tensor._wrap)

    @property
    def _edge(self) -> Edge:
        return (self.node, self.output_nr)

    @property
    def _array(self) -> arrays.Array:
        """Zeros that take no memory, as the tensor's numbers are gone."""
        shape, dtype = self.node.outputs[self.output_nr]
        leaf = next((node for node in walk(self.node) if isinstance(node, AccumulateGrad)), None)
        library = numpy if leaf is None else arrays.array_module(leaf.variable._array)
        return library.broadcast_to(library.zeros((), dtype), shape)

    @property
    def shape(self) -> Size:
        """Shape of the tensor that stood here."""
        return Size(self.node.outputs[self.output_nr][0])

    @property
    def dtype(self) -> arrays.dtype:
        """Type of its elements."""
        return arrays.BY_NUMPY[self.node.outputs[self.output_nr][1]]

    def is_complex(self) -> bool:
        """Whether its elements were complex numbers."""
        return self.dtype.is_complex

    def new_zeros(self, shape: Sequence[int]) -> Tensor:
        """Nothing that stands here can be asked to make a tensor."""
        raise RuntimeError(
            "materialize_grads cannot be used when the given input is a GradientEdge"
        )

    def retain_grad(self) -> None:
        """Nothing stands here whose gradient could be retained."""


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge at which the gradient of ``tensor`` arrives: at its grad_fn, or its accumulator.

    Raises RuntimeError for a tensor that requires no grad.

    >>> import gradlab as gl
    >>> x = gl.ones(2, requires_grad=True)
    >>> edge = get_gradient_edge(x.exp())
    >>> edge.node.name(), edge.output_nr
    ('ExpBackward0', 0)
    >>> gl.autograd.grad(edge, x, gl.ones(2))
    (tensor([2.7183, 2.7183]),)
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients. Make it with requires_grad=True, or from one that requires grad."
        )
    node, output = edge_of(tensor)
    assert node is not None
    return GradientEdge(node, output)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count a change of each tensor's memory that autograd could not see.

    A backward pass that needs the old numbers then raises an error rather than go wrong.

    >>> import gradlab as gl
    >>> x = gl.zeros(2)
    >>> x.numpy()[0] = 5.0
    >>> increment_version(x)
    >>> x._version
    1
    """
    if not isinstance(tensor, Iterable):
        raise RuntimeError(
            "increment_version expect a Iterable[Tensor] as input. It was given "
            f"{type(tensor).__name__}."
        )
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        count_change(one)


# ------------------------------------------------------------------ hooks on what is saved


class _Current(threading.local):
    """The running thread's hooks on saved tensors, the innermost last."""

    def __init__(self) -> None:
        self.hooks: list[_Packer] = []
        self.disabled: list[str] = []  # why none may be used
        self.mutation_allowed = False


_current = _Current()


class saved_tensors_hooks:
    """Within a ``with`` block, let ``pack_hook`` say what is kept of each saved tensor.

    ``pack_hook(tensor)`` returns anything; ``unpack_hook`` makes of that a tensor of the same
    numbers whenever the backward pass needs it. The innermost block decides. No version is checked
    for what a hook has packed.

    Raises TypeError where ``unpack_hook`` returns no tensor, RuntimeError where ``pack_hook``
    changes its tensor in place.

    >>> import gradlab as gl
    >>> x = gl.tensor([2.0, 3.0], requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.numpy(force=True).tolist(), gl.tensor):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([4., 6.])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if _current.disabled:
            raise RuntimeError(_current.disabled[-1])
        packer = _Packer(self.pack_hook, self.unpack_hook)
        _current.hooks.append(packer)
        observers.add(packer)

    def __exit__(self, *exc: object) -> None:
        observers.remove(_current.hooks.pop())


class _Packer:
    """An observer that packs what nodes save while it is its thread's innermost."""

    packs = True  # what is changed in place is copied before it is saved, and not packed twice

    def __init__(self, pack: Callable[[Tensor], Any], unpack: Callable[[Any], Tensor]) -> None:
        self.pack = pack
        self.unpack = unpack

    def on_node(self, node: Any, inputs: Sequence[Any], output: Any) -> None:
        """Pack what ``node`` has just saved."""
        if not _current.hooks or _current.hooks[-1] is not self:
            return
        if isinstance(node, FunctionNode):
            node.pack_saved(self._packed)
        elif isinstance(node, OpNode):
            for name in sorted(node.op.saved_tensors, key=node.op.packing_order):
                saved = getattr(node, name, None)
                if isinstance(saved, list):
                    setattr(node, name, [self._packed(one[0], one) for one in saved])
                elif saved is not None:
                    tensor = output if name == "out" else saved[0]
                    setattr(node, name, self._packed(tensor, saved))

    def on_step(self, step: Any) -> None:
        """A backward pass packs nothing but what it records itself."""

    def _packed(self, tensor: Any, saved: Any) -> Any:
        if not isinstance(tensor, Tensor):  # a Python number, or nothing
            return saved
        return _Packed(self, tensor, saved)


class _Packed:
    """What a hook made of a saved tensor. Taken apart, it is what the node had saved."""

    __slots__ = ("_data", "_dtype", "_edge", "_own", "_packer", "_tensor")

    def __init__(self, packer: _Packer, tensor: Tensor, saved: Any) -> None:
        holder, array, _, _ = saved
        self._packer = packer
        self._tensor = weakref.ref(tensor)
        self._own = holder is not tensor  # a result of the node itself, which attaches it
        self._edge = holder if self._own else edge_of(tensor) if tensor.requires_grad else None
        self._dtype = array.dtype
        self._pack(tensor)

    def _pack(self, tensor: Tensor) -> None:
        version = tensor._version
        with no_grad():
            self._data = self._packer.pack(tensor)
        if tensor._version != version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as "
                "input to pack hook cannot be modified by in-place operations as this can lead to "
                "unexpected side-effects. Change a clone() instead."
            )

    def keep_original(self, target: Tensor) -> None:
        """Pack a copy if ``target``, about to change in place, is what was packed."""
        if self._tensor() is target:
            self._pack(target.detach().clone())

    def __iter__(self) -> Iterator[Any]:
        """As ``unpacked``, without recording: a pass on raw arrays takes it apart."""
        with no_grad():
            return iter(self.unpacked())

    def unpacked(self) -> tuple[Any, arrays.Array, list[int], int]:
        """Tensor, array, version counter and version, as nodes save them."""
        tensor = self._packer.unpack(self._data)
        if not isinstance(tensor, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        array = tensor._array.astype(self._dtype, copy=False)
        return (self._edge if self._own else self._restored(array), array, UNCHANGING, 0)

    def _restored(self, array: arrays.Array) -> Tensor:
        tensor = Tensor._wrap(array)
        tensor._requires_grad = self._edge is not None
        if self._edge is not None and isinstance(self._edge[0], AccumulateGrad):
            tensor._accumulator = weakref.ref(self._edge[0])  # stands for the leaf that was saved
        else:
            tensor._edge = self._edge
        return tensor


def _pack_later(tensor: Tensor, saved: Any, pack: Any, unpack: Any) -> _Packed:
    """What is to stand for a tensor that a node has saved already."""
    return _Packed(_Packer(pack, unpack), tensor, saved)


SavedTensor.pack = staticmethod(_pack_later)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within a ``with`` block, refuse hooks on saved tensors with ``error_message``.

    >>> with disable_saved_tensors_hooks("not here"), saved_tensors_hooks(abs, abs):
    ...     pass
    Traceback (most recent call last):
    RuntimeError: not here
    """
    if _current.hooks:
        raise RuntimeError(error_message)
    _current.disabled.append(error_message)
    try:
        yield
    finally:
        _current.disabled.pop()


class save_on_cpu(saved_tensors_hooks):
    """Within a ``with`` block, keep saved tensors in the computer's main memory, not the GPU's.

    ``pin_memory`` and ``device_type`` are accepted and make no difference.

    >>> import gradlab as gl
    >>> x = gl.ones(2, requires_grad=True)
    >>> with save_on_cpu():
    ...     y = x.exp().sum()
    >>> y.backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(
            lambda tensor: (tensor.device, tensor.cpu()),
            lambda packed: packed[1].to(packed[0]),
        )


class _Snapshots:
    """The copies made within one ``allow_mutation_on_saved_tensors``."""

    def __init__(self) -> None:
        self.open = True

    def clear(self) -> None:
        """Let go of all copies; no backward pass can use them any more."""
        self.open = False


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Snapshots]:
    """Within a ``with`` block, let tensors that were saved be changed in place.

    Every saved tensor is copied when it is saved, whether it is changed later or not. Forward and
    backward pass must both be within the block.

    >>> import gradlab as gl
    >>> with allow_mutation_on_saved_tensors():
    ...     x = gl.ones(2, requires_grad=True)
    ...     y = x.clone()
    ...     out = (y**2).sum()
    ...     _ = y.sin_()
    ...     out.backward()
    >>> x.grad
    tensor([2., 2.])
    """
    if _current.mutation_allowed:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    snapshots = _Snapshots()

    def unpack(copy: Tensor) -> Tensor:
        if not snapshots.open:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context"
                "in which the graph was originally recorded."
            )
        return copy

    _current.mutation_allowed = True
    try:
        with saved_tensors_hooks(lambda tensor: tensor.detach().clone(), unpack):
            yield snapshots
    finally:
        snapshots.clear()
        _current.mutation_allowed = False


# ------------------------------------------------------------------ hooks on several tensors


class _Handles:
    """Removes hooks from several tensors at once."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self._handles = handles

    def remove(self) -> None:
        """Take all the hooks off."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def _node_of(tensor: Tensor) -> Node:
    node = edge_of(tensor)[0] if tensor.requires_grad else None
    if node is None:
        raise AssertionError("Expected gradient function to be set. The tensor requires no grad.")
    return node


class _Arrivals:
    """The gradients of several tensors that are known so far in one pass."""

    def __init__(self, count: int, expected: int) -> None:
        self.gradients: list[Tensor | None] = [None] * count
        self.expected = expected
        self.seen = 0


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all"
) -> _Handles:
    """Call ``fn`` once per backward pass: when the gradients of ``tensors`` are known.

    With mode "all", ``fn(gradients)`` is called after the last of them, with None for tensors
    that the pass doesn't reach; with "any", ``fn(gradient)`` is called for the first.

    Raises ValueError for another mode, AssertionError for a tensor that requires no grad.

    >>> import gradlab as gl
    >>> x, y = gl.ones(1, requires_grad=True), gl.ones(1, requires_grad=True)
    >>> handle = register_multi_grad_hook([x, y], print)
    >>> (2 * x + 3 * y).backward()
    [tensor([2.]), tensor([3.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        tensors = [tensor for tensor in tensors if tensor.requires_grad]
    nodes = [_node_of(tensor) for tensor in tensors] if mode == "all" else []
    # Passes may run in several threads at once; what is known of one is forgotten with it.
    passes: weakref.WeakKeyDictionary[Any, _Arrivals] = weakref.WeakKeyDictionary()
    lock = threading.Lock()

    def hook(position: int, gradient: Tensor) -> None:
        current = running_pass()
        assert current is not None
        with lock:
            if current not in passes:
                passes[current] = _Arrivals(len(tensors), sum(map(current.will_run, nodes)))
            arrivals = passes[current]
            arrivals.gradients[position] = gradient
            arrivals.seen += 1
        if mode == "any" and arrivals.seen == 1:
            fn(gradient)
        if mode == "all" and arrivals.seen == arrivals.expected:
            fn(arrivals.gradients)

    return _Handles(
        [
            tensor.register_hook(functools.partial(hook, position))
            for position, tensor in enumerate(tensors)
        ]
    )
