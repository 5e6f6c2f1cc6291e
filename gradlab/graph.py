"""The recorded graph: nodes, the edges between them, and the hooks that hang on both.

A ``Node`` remembers one operation for the backward pass. Its ``next_functions`` are edges
``(node, output_nr)`` towards the operation's inputs: to the node that made an input, to the
``AccumulateGrad`` of a leaf, or ``(None, 0)`` where no gradient is wanted. Nodes of operations are
built by ``op``; the engine walks them.
"""

from __future__ import annotations

import itertools
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gradlab import arrays
from gradlab.arrays import Array

Edge = tuple["Node | None", int]
NO_EDGE: Edge = (None, 0)

Hook = Callable[..., Any]

# The engine runs ready nodes in the order of `order`, smallest first: the newest operation before
# older ones, and AccumulateGrad before all (PyTorch's order, so a learner sees PyTorch's order).
next_order = itertools.count(0, -1).__next__
_next_accumulator_order = itertools.count(-(2**63)).__next__


class Reassigned(int):
    """A count of changes after ``.data`` was assigned: unequal to all, so that users look again.

    A node that saved the tensor takes the array that it has now; a change counted on top of it is
    a plain number again.
    """

    def __ne__(self, other: object) -> bool:
        return True


class OutputMeta(NamedTuple):
    """Shape and dtype of one tensor that an operation produced."""

    shape: tuple[int, ...]
    dtype: arrays.dtype


class RemovableHandle:
    """What registering a hook returns: ``remove()`` takes the hook off again.

    Also a context manager that removes the hook at the end of its block.
    """

    _next_id = itertools.count().__next__

    def __init__(self, hooks: dict[int, Any]) -> None:
        self._hooks = hooks
        self.id = RemovableHandle._next_id()

    def remove(self) -> None:
        """Take the hook off; doing it twice is fine."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class Hooks:
    """The hooks of one node; made only when the first is registered."""

    __slots__ = ("on_output", "post", "pre", "retained")

    def __init__(self) -> None:
        self.on_output: dict[int, tuple[int, Hook]] = {}  # a tensor's own: (its output_nr, hook)
        self.retained: dict[int, Hook] = {}  # output_nr -> what stores .grad of a non-leaf
        self.pre: dict[int, Hook] = {}
        self.post: dict[int, Hook] = {}


def register(hooks: dict[int, Any], hook: Any) -> RemovableHandle:
    """Append ``hook`` and return the handle that removes it."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


class Node:
    """One recorded operation: how to turn the gradient of its outputs into that of its inputs.

    >>> import gradlab as gl
    >>> node = (gl.ones(2, requires_grad=True) * 2).sum().grad_fn
    >>> node.name(), node.next_functions[0][0].name()
    ('SumBackward0', 'MulBackward0')
    """

    __slots__ = (
        "__weakref__",
        "_metadata",
        "dtype",
        "exact",
        "hooks",
        "next_functions",
        "order",
        "shape",
    )

    next_functions: tuple[Edge, ...]
    order: int
    hooks: Hooks | None
    shape: tuple[int, ...] | None  # of the output; None where there are several, see `outputs`
    dtype: Any  # NumPy's dtype of the output
    exact: bool  # each gradient it hands on has the shape and dtype of the input: no need to look
    can_own = False  # whether it matters that nobody else holds the gradient that arrives

    @property
    def outputs(self) -> tuple[tuple[tuple[int, ...], Any], ...]:
        """(shape, NumPy dtype) of each output of the operation."""
        assert self.shape is not None
        return ((self.shape, self.dtype),)

    def apply(self, *gradients: Array | None) -> tuple[Array | None, ...]:
        """Gradients of the inputs, one per edge, from those of the outputs: raw arrays."""
        raise NotImplementedError

    def apply_tensors(self, *gradients: Any) -> tuple[Any, ...]:
        """As ``apply``, on tensors and recording, so the pass can itself be differentiated."""
        raise NotImplementedError

    def release(self) -> None:
        """Forget saved values: this node has run and will not run again."""

    # ------------------------------------------------------------------ what a learner sees

    def __call__(self, *gradients: Any) -> Any:
        """Gradients of the inputs from those of the outputs, all of them tensors or None.

        >>> import gradlab as gl
        >>> y = gl.ones(2, requires_grad=True) * 3
        >>> y.grad_fn(gl.ones(2))
        (tensor([3., 3.]), None)
        """
        found = self.apply_tensors(*gradients)
        return found[0] if len(found) == 1 else tuple(found)

    def name(self) -> str:
        """The node's name, PyTorch's for the same operation.

        >>> import gradlab as gl
        >>> gl.ones(2, requires_grad=True).sin().grad_fn.name()
        'SinBackward0'
        """
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"

    def _sequence_nr(self) -> int:
        """How many operations were recorded before this one."""
        return -self.order

    @property
    def _input_metadata(self) -> tuple[OutputMeta, ...]:
        """Shape and dtype of each output of the operation: what arrives in backward."""
        return tuple(OutputMeta(shape, arrays.BY_NUMPY[dt]) for shape, dt in self.outputs)

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary of the user's own, kept as long as the node."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata: dict[Any, Any] = {}
            return self._metadata

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after this node ran; it may return new ones.

        In PyTorch's words, grad_inputs are what the node passes on and grad_outputs what arrived.
        """
        return register(self.own_hooks().post, hook)

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before this node runs; it may return new ones."""
        return register(self.own_hooks().pre, hook)

    def own_hooks(self) -> Hooks:
        """This node's hooks, made on first use."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks


_accumulating = threading.Lock()  # leaves may be shared by backward passes in several threads


class AccumulateGrad(Node):
    """The end of a path: adds the gradient that arrives to ``variable.grad``."""

    __slots__ = ("variable",)

    can_own = True
    next_functions = ()
    exact = True

    def name(self) -> str:
        """The node's name, PyTorch's with its namespace.

        >>> import gradlab as gl
        >>> y = gl.ones(2, requires_grad=True) * 2
        >>> y.grad_fn.next_functions[0][0].name()
        'torch::autograd::AccumulateGrad'
        """
        return "torch::autograd::AccumulateGrad"

    def __init__(self, variable: Any) -> None:
        array = variable._array
        self.variable = variable
        self.shape = array.shape
        self.dtype = array.dtype
        self.order = _next_accumulator_order()
        self.hooks = None

    def accumulate(self, gradient: Array, owned: bool) -> None:
        """Add an array to ``.grad``; one that nobody else holds (``owned``) is kept, not copied."""
        variable = self.variable
        if not variable._requires_grad:
            return  # frozen, or detached in place, since
        if variable._edge is not None:
            raise _moved_inside()
        with _accumulating:
            grad = variable._grad
            if grad is None:
                variable._grad = variable._wrap(gradient if owned else gradient.copy())
            else:
                grad._array += gradient
                grad._counter[0] += 1

    def accumulate_tensor(self, gradient: Any) -> None:
        """Add a tensor that has a history of its own (``create_graph=True``) to ``.grad``."""
        variable = self.variable
        if not variable._requires_grad:
            return
        if variable._edge is not None:
            raise _moved_inside()
        with _accumulating:
            grad = variable._grad
            if grad is None:  # a copy: the gradient may be a tensor that somebody else holds
                variable._grad = gradient.new_zeros(variable._array.shape).copy_(gradient)
            else:
                variable._grad = grad + gradient


def _moved_inside() -> RuntimeError:
    return RuntimeError(
        "leaf variable has been moved into the graph interior. It was detached in place and has "
        "got a history since, which this pass knows nothing of."
    )


def leaf_edge(leaf: Any) -> Edge:
    """The edge to the AccumulateGrad of a leaf, the same node as long as somebody holds it.

    The leaf keeps only a weak reference, so leaf and node are no cycle and are freed at once.
    """
    try:
        node: Node | None = leaf._accumulator()
    except AttributeError:  # the slot is empty until the first use
        node = None
    if node is None:
        if not leaf._requires_grad:
            return NO_EDGE  # a view that requires grad only because what it is a view of does
        node = AccumulateGrad(leaf)
        leaf._accumulator = weakref.ref(node)
    return (node, 0)


def operation_name(node_name: str) -> str:
    """A node's operation as errors name it: ``Mean1`` for ``MeanBackward1``."""
    if node_name in ("CopyBackwards", "CopySlices"):  # PyTorch says where these two are at home
        return f"torch::autograd::{node_name}"
    return re.sub(r"Backward(\d*)$", lambda found: found[1].lstrip("0"), node_name)


def second_backward() -> RuntimeError:
    """The error for a graph whose saved values are gone."""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
        "backward through the graph a second time or if you need to access saved tensors after "
        "calling backward."
    )


def walk(*roots: Node | None) -> Iterator[Node]:
    """Every node reachable from ``roots``, each once, without recursion."""
    seen = {root for root in roots if root is not None}
    stack = list(seen)
    while stack:
        node = stack.pop()
        yield node
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                stack.append(following)
