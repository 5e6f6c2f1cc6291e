"""``Function``: an operation whose forward and backward a user writes by hand.

A subclass gives ``forward`` and ``backward`` as static methods and is called by ``apply``. Between
the two stands ``ctx``, a ``FunctionCtx``, on which forward leaves what backward needs. In the
graph the operation is a ``FunctionNode``, of a class made for each Function and named after it.

Node and ctx are two objects, which PyTorch makes one, so that whatever a user calls an attribute
(``ctx.shape = …``) it can't get in the way of the engine's. ``grad_fn`` answers for its ctx.
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

from gradlab import arrays, levels, observers
from gradlab.arrays import Array
from gradlab.engine import edge_of, invalid_gradient
from gradlab.grad_mode import is_grad_enabled, no_grad
from gradlab.graph import NO_EDGE, Edge, Node, next_order, second_backward
from gradlab.inplace import View, check_writable, count_change, record_change
from gradlab.op import modified_since
from gradlab.ops.shape import view
from gradlab.tensor import Tensor

_OF_THE_NODE = frozenset(
    {"metadata", "name", "next_functions", "register_hook", "register_prehook"}
)


class FunctionCtx:
    """What ``forward`` leaves for ``backward``: saved tensors, and any attribute of the user's own.

    ``needs_input_grad`` says for each argument of ``forward`` whether its gradient is wanted.

    >>> import gradlab as gl
    >>> class Square(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, gradient):
    ...         return 2 * ctx.saved_tensors[0] * gradient
    >>> x = gl.tensor(3.0, requires_grad=True)
    >>> gl.autograd.grad(Square.apply(x), x)
    (tensor(6.),)
    """

    needs_input_grad: tuple[bool, ...]
    to_save: tuple[Any, ...] = ()
    dirty_tensors: tuple[Any, ...] = ()
    non_differentiable: tuple[Any, ...] = ()
    materialize_grads: bool = True

    def __init__(self, node: FunctionNode | None = None) -> None:
        # The node holds its ctx: no cycle, both are freed at once.
        self._node = weakref.ref(node) if node is not None else _no_node

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (or None) for ``backward``, which finds them in ``saved_tensors``.

        Inputs and outputs belong here rather than into attributes: they are checked for changes
        in place, and freed after the backward pass.
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (or None) for ``jvp``. AssertionError for anything else."""
        if not all(tensor is None or isinstance(tensor, Tensor) for tensor in tensors):
            raise AssertionError(
                "save_for_forward expects all arguments to be tensors; you should save "
                "non-tensors as attributes on ctx."
            )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Say which inputs ``forward`` changed in place; it must return each of them."""
        self.dirty_tensors = args

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Nothing: tensors on the same memory are known to be."""
        warnings.warn(
            "`mark_shared_storage` is deprecated. Tensors with shared storages are automatically "
            "tracked: leave it out.",
            FutureWarning,
            stacklevel=2,
        )

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say which outputs have no gradient; ``backward`` gets zeros for them."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for outputs without gradient."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept.

        Raises RuntimeError where it was freed after a backward pass, and where one of the tensors
        was changed in place since.
        """
        if "saved_for_jvp" in self.__dict__:
            return tuple(self.saved_for_jvp)
        node = self._node()
        if node is None:
            raise second_backward()
        return node.saved_tensors

    def __getattr__(self, name: str) -> Any:
        node = self._node() if name in _OF_THE_NODE else None
        if node is None:
            raise AttributeError(f"{_class_name(self)!r} object has no attribute {name!r}")
        return getattr(node, name)

    def __repr__(self) -> str:
        return repr(self._node())


def _no_node() -> None:
    """The node of a ctx that was made by hand."""


def _class_name(ctx: FunctionCtx) -> str:
    node = ctx._node()
    return type(ctx).__name__ if node is None else node.name()


class FunctionNode(Node):
    """The node of a ``Function``; it knows its ctx's attributes as its own.

    >>> import gradlab as gl
    >>> class Same(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x.clone()
    >>> isinstance(Same.apply(gl.ones(1, requires_grad=True)).grad_fn, FunctionNode)
    True
    """

    __slots__ = ("_from_tensor", "_library", "_outputs", "_saved", "ctx")

    function: type[Function]

    def __init__(self, args: Sequence[Any], recorded: bool) -> None:
        self.ctx = FunctionCtx(self)
        self._from_tensor = tuple([isinstance(value, Tensor) for value in args])
        self._saved: list[Any] | None = []
        self._outputs: list[tuple[tuple[int, ...], Any] | None] = []
        self.next_functions = (
            tuple([_edge(value) for value in args if isinstance(value, Tensor)]) if recorded else ()
        )
        self.shape = None
        self.order = next_order()
        self.hooks = None
        self.exact = False

    @property
    def outputs(self) -> tuple[tuple[tuple[int, ...], Any], ...]:
        return tuple(known or ((), arrays.float32.numpy) for known in self._outputs)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What the ctx saved; see ``FunctionCtx.saved_tensors``."""
        if self._saved is None:
            raise second_backward()
        return tuple(None if saved is None else self._unpacked(saved) for saved in self._saved)

    def _unpacked(self, saved: Any) -> Any:
        tensor, array, counter, version = saved if type(saved) is tuple else saved.unpacked()
        own = type(tensor) is int  # one of our outputs: holding it would be a cycle
        if counter[0] != version and int(counter[0]) != int(version):
            maker = (self, tensor) if own else tensor._edge
            raise modified_since(array, counter, version, maker, f"{self.name()} saved it")
        if not own:
            return tensor
        result = Tensor._wrap(array)
        result._counter = counter
        result._edge = (self, tensor)
        result._requires_grad = True
        return result

    # ------------------------------------------------------------------ backward

    def apply(self, *gradients: Array | None) -> tuple[Array | None, ...]:
        with no_grad():
            found = self._run([None if g is None else Tensor._wrap(g) for g in gradients])
        # A view of each, by which the engine sees that the memory may be somebody else's.
        return tuple([None if g is None else g._array[...] for g in found])

    def apply_tensors(self, *gradients: Any) -> tuple[Any, ...]:
        return tuple(self._run(gradients))

    def _run(self, gradients: Sequence[Any]) -> list[Any]:
        if self.ctx.materialize_grads:
            gradients = [self._zeros(i) if g is None else g for i, g in enumerate(gradients)]
        return self._per_edge(self._rule()(self.ctx, *gradients))

    def _zeros(self, output: int) -> Tensor | None:
        known = self._outputs[output]
        if known is None:
            return None
        return Tensor._wrap(self._library.zeros(*known))

    def _rule(self) -> Callable[..., Any]:
        written = self.function
        if written.vjp is Function.vjp:
            return written.backward
        if written.backward is Function.backward:
            return written.vjp
        raise RuntimeError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
            f"should only implement one of them. {written.__name__} has both."
        )

    def _per_edge(self, returned: Any) -> list[Any]:
        """What ``backward`` returned, checked, without the None of what are no tensors."""
        found = returned if isinstance(returned, tuple) else (returned,)
        expected = len(self._from_tensor)
        if len(found) > expected and all(g is None for g in found[expected:]):
            found = found[:expected]
        if len(found) != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {expected}, got {len(found)}). Return one for each argument of "
                "forward, None for those that have none."
            )
        kept: list[Tensor | None] = []
        for position, (gradient, is_tensor) in enumerate(
            zip(found, self._from_tensor, strict=True), start=1
        ):
            if is_tensor:
                self._check(gradient, len(kept))
                kept.append(gradient)
            elif gradient is not None:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position "
                    f"{position}, but the corresponding forward input was not a Variable"
                )
        return kept

    def _check(self, gradient: Any, slot: int) -> None:
        if gradient is None:
            return
        if not isinstance(gradient, Tensor):
            raise RuntimeError(
                f"expected Variable or None (got {type(gradient).__name__}). {self.name()} must "
                "return one, or a tuple with one for each argument of forward."
            )
        following, output = self.next_functions[slot]
        if following is None:
            return
        shape, dtype = following.outputs[output]
        if not arrays.is_expandable(shape, gradient._array.shape):
            raise invalid_gradient(self, slot, gradient._array.shape, shape)
        if gradient.is_complex() and dtype.kind != "c":
            raise RuntimeError(
                "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == "
                f"grad_is_complex) to be true, but got false. {self.name()} returned a "
                f"{gradient.dtype} gradient for a real input."
            )

    # ------------------------------------------------------------------ after forward

    def finish(self, raw: Any, inputs: Sequence[Tensor], recorded: bool) -> Any:
        """Make of what ``forward`` returned what ``apply`` returns: results with their history."""
        returned = raw if isinstance(raw, tuple) else (raw,)
        self._check_marks(returned, inputs, recorded)
        if recorded:
            self._library = arrays.array_module(inputs[0]._array)
            self._outputs = [_shape_and_dtype(value) for value in returned]
            if len(returned) == 1 and self._outputs[0] is not None:
                self.shape, self.dtype = self._outputs[0]
        results = tuple(
            [
                self._result(value, i, inputs, recorded) if isinstance(value, Tensor) else value
                for i, value in enumerate(returned)
            ]
        )
        if recorded:
            _mark_views(self, results)
            self._save()
            if observers.active:
                observers.node_recorded(self, inputs, _first_tensor(results))
        return results if isinstance(raw, tuple) else results[0]

    def _check_marks(
        self, returned: Sequence[Any], inputs: Sequence[Tensor], recorded: bool
    ) -> None:
        for i, value in enumerate(self.ctx.dirty_tensors):
            if not isinstance(value, Tensor):
                raise RuntimeError(
                    f"mark_dirty can only accept variables, but argument {i} is of type "
                    f"{type(value).__name__}"
                )
            if not _contains(returned, value):
                raise RuntimeError(
                    "Some elements marked as dirty during the forward method were not returned as "
                    "output. The inputs that are modified inplace must all be outputs of the "
                    "Function."
                )
            if not _contains(inputs, value):
                warnings.warn(
                    "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors "
                    "that have been mutated should be passed to ctx.mark_dirty().",
                    UserWarning,
                    stacklevel=4,
                )
            elif recorded:
                self._check_changed(value, len(returned))
            count_change(value)
        for value in self.ctx.non_differentiable:
            if not isinstance(value, Tensor):
                raise RuntimeError(
                    "mark_non_differentiable only accepts variable arguments, but got "
                    f"{type(value).__name__}"
                )

    def _check_changed(self, tensor: Tensor, count: int) -> None:
        """Raise where history could not follow forward's change of an input."""
        if tensor._edge is None and tensor._requires_grad:
            raise RuntimeError(
                "a leaf Variable that requires grad has been used in an in-place operation. "
                f"{self.name()} changed it: call apply under no_grad(), or with a clone()."
            )
        if tensor._view is not None and count > 1:
            raise RuntimeError(
                "If your Function modifies inplace an input that is a view of another Tensor, your "
                "Function cannot return more than one Tensor. This is not supported by the current "
                "autograd engine. You should either make sure the input is not a view (using "
                ".clone() for example) or make your Function only return one Tensor (potentially "
                "splitting it into two Functions: one doing the inplace that returns a single "
                "Tensor and a second one that does the other operations)."
            )
        check_writable(tensor)

    def _result(
        self, tensor: Tensor, output: int, inputs: Sequence[Tensor], recorded: bool
    ) -> Tensor:
        """An output of ``forward`` as an output of this node."""
        changed = _contains(self.ctx.dirty_tensors, tensor)
        is_input = _contains(inputs, tensor)
        if (
            not recorded
            or _contains(self.ctx.non_differentiable, tensor)
            or tensor._array.dtype not in arrays.DIFFERENTIABLE
        ):
            if tensor.requires_grad:
                return tensor.detach()
            return _alias(tensor) if is_input and not changed else tensor
        if is_input and changed:
            argument = next(i for i, value in enumerate(inputs) if value is tensor)
            record_change(tensor, self, output=output, argument=argument)
            return tensor
        if is_input:
            tensor = _alias(tensor)
        tensor._edge = (self, output)
        tensor._requires_grad = True
        return tensor

    def _save(self) -> None:
        for i, value in enumerate(self.ctx.to_save):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type "
                    f"{type(value).__name__}. Keep anything else as an attribute of ctx."
                )
        self._saved = [None if t is None else self._saving(t) for t in self.ctx.to_save]
        self.ctx.to_save = ()  # the node holds them now, and lets them go after backward

    def _saving(self, tensor: Tensor) -> tuple[Any, Array, list[int], int]:
        edge = tensor._edge
        own = edge is not None and edge[0] is self
        holder = edge[1] if edge is not None and own else tensor
        return (holder, tensor._array, tensor._counter, tensor._counter[0])

    def pack_saved(self, pack: Callable[[Tensor, Any], Any]) -> None:
        """Let ``pack(tensor, saved)`` replace what stands for each saved tensor."""
        assert self._saved is not None
        self._saved = [
            None if saved is None else pack(self._unpacked(saved), saved) for saved in self._saved
        ]

    def release(self) -> None:
        self._saved = None

    # ------------------------------------------------------------------ what a learner sees

    def __getattr__(self, name: str) -> Any:
        try:
            if name == "op":  # a mark of declared operations, which a user's attribute must not be
                raise AttributeError
            return object.__getattribute__(self.ctx, name)
        except AttributeError:
            raise AttributeError(f"{self.name()!r} object has no attribute {name!r}") from None

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"


def _edge(tensor: Tensor) -> Edge:
    return edge_of(tensor) if tensor.requires_grad else NO_EDGE


def _contains(tensors: Sequence[Any], tensor: Tensor) -> bool:
    return any(one is tensor for one in tensors)


def _shape_and_dtype(value: Any) -> tuple[tuple[int, ...], Any] | None:
    return (value._array.shape, value._array.dtype) if isinstance(value, Tensor) else None


def _first_tensor(values: Sequence[Any]) -> Tensor | None:
    return next((value for value in values if isinstance(value, Tensor)), None)


def _alias(tensor: Tensor) -> Tensor:
    """Another tensor on the memory of an input that was returned as it came."""
    with no_grad():
        return cast(Tensor, view(tensor, tensor._array.shape))


# ------------------------------------------------------------------ views as results


def _mark_views(node: FunctionNode, results: Sequence[Any]) -> None:
    """Let changes in place of results that are views be refused: they would bypass ``backward``."""
    own = [
        value
        for value in results
        if isinstance(value, Tensor) and value._edge is not None and value._edge[0] is node
    ]
    for value in own:
        if value._view is not None:
            value._view = _FunctionView(value, node, several=len(own) > 1)


class _FunctionView(View):
    """What a Function's result is a view of; its history can't follow a change in place."""

    __slots__ = ("_maker",)

    def __init__(self, tensor: Tensor, node: FunctionNode, *, several: bool) -> None:
        known = tensor._view
        assert known is not None
        for slot in View.__slots__:
            setattr(self, slot, getattr(known, slot))
        self.forbidden = "one of many" if several else "in a Function"
        self.version = tensor._counter[0]
        self._maker = f"Output {tensor.output_nr} of {node.function.__name__}"

    @property
    def maker(self) -> str:
        return self._maker


# ------------------------------------------------------------------ what a user subclasses


class Function:
    """An operation with a derivative written by hand.

    A subclass has the static methods ``forward(ctx, *args)`` and ``backward(ctx, *gradients)``,
    and is called as ``Name.apply(*args)``. ``backward`` gets a gradient for each output and
    returns one for each argument, None for those that have none. Alternatively ``forward(*args)``
    comes without ctx and ``setup_context(ctx, inputs, output)`` leaves on it what is needed.
    Nothing that ``forward`` computes is recorded; what ``backward`` computes is, under
    ``create_graph=True``.

    >>> import gradlab as gl
    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, gradient):
    ...         (x,) = ctx.saved_tensors
    ...         return gradient * 3 * x**2
    >>> x = gl.tensor(2.0, requires_grad=True)
    >>> y = Cube.apply(x)
    >>> y
    tensor(8., grad_fn=<CubeBackward>)
    >>> y.backward()
    >>> x.grad
    tensor(12.)
    """

    _backward_cls: type[FunctionNode] = FunctionNode
    generate_vmap_rule = False  # whether vmap may run forward and backward on batches

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        body: dict[str, Any] = {"__slots__": (), "function": cls}
        cls._backward_cls = type(cls.__name__ + "Backward", (FunctionNode,), body)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. Write @staticmethod above "
            f"forward and backward, and call {type(self).__name__}.apply(...)."
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; the first argument is ctx unless there is a ``setup_context``."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Leave on ``ctx`` what backward needs, where ``forward`` has no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Turn the gradients of the outputs into one for each argument of ``forward``."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Turn tangents of the arguments into one for each output."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """Compute the result for batches: a pair (output, which of its dimensions is the batch)."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or "
            "set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` and record it.

        Raises RuntimeError for marks that contradict what ``forward`` returned, TypeError where
        anything but tensors was saved; what ``backward`` returns is checked when it runs.
        """
        separate = cls.setup_context is not Function.setup_context
        if separate:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        elif kwargs:
            args, kwargs = _in_order(cls.forward, args, kwargs), {}
        if levels.active and levels.innermost(args) is not None:
            return levels.apply_function(cls, args, kwargs)
        if levels.reversing and levels.reversed_by():
            levels.check_function(cls)
        result, _ = cls._applied(args, kwargs)
        return result

    @classmethod
    def _applied(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, FunctionNode]:
        """The result, and the node, which holds ctx."""
        separate = cls.setup_context is not Function.setup_context
        inputs = [value for value in args if isinstance(value, Tensor)]
        needs = tuple([isinstance(value, Tensor) and value.requires_grad for value in args])
        recorded = any(needs) and is_grad_enabled()
        node = cls._backward_cls(args, recorded)
        ctx = node.ctx
        ctx.needs_input_grad = needs
        with no_grad():
            if separate:
                raw = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, raw)
            else:
                raw = cls.forward(ctx, *args, **kwargs)
        return node.finish(raw, inputs, recorded), node


class InplaceFunction(Function):
    """A Function that may change its input in place; only older scripts tell it apart.

    >>> issubclass(InplaceFunction, Function)
    True
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


BackwardCFunction = FunctionNode


def _in_order(
    forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """All arguments as positional ones: ``backward`` returns a gradient for each position."""
    names = [
        parameter.name
        for parameter in inspect.signature(forward).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ][1:]
    ordered = list(args)
    for name in names[: len(args)]:
        if name in kwargs:
            raise TypeError(f"forward() got multiple values for argument {name!r}")
    for name in kwargs:
        if name not in names:
            raise TypeError(f"forward() got an unexpected keyword argument {name!r}")
    for position, name in enumerate(names[len(args) :], start=len(args)):
        if len(ordered) == len(args) + len(kwargs):
            break
        if name not in kwargs:
            raise TypeError(
                f"forward() missing required argument: {name!r} (position {position}). A later "
                "one was given by name: give this one too."
            )
        ordered.append(kwargs[name])
    return tuple(ordered)


# ------------------------------------------------------------------ backward only once


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a Function's ``backward`` whose own computations can't be differentiated again.

    It then runs without recording, and a second derivative through it is an error rather than
    wrong.

    >>> import gradlab as gl
    >>> class Double(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, gradient):
    ...         return gradient * 2
    >>> x = gl.ones(1, requires_grad=True)
    >>> gl.autograd.grad(Double.apply(x), x)
    (tensor([2.]),)
    """

    @functools.wraps(backward)
    def wrapped(ctx: Any, *gradients: Any) -> Any:
        with no_grad():
            found = backward(ctx, *gradients)
        if not is_grad_enabled() or not any(
            isinstance(g, Tensor) and g.requires_grad for g in gradients
        ):
            return found
        if isinstance(found, tuple):
            return tuple(_refusing_history(g) for g in found)
        return _refusing_history(found)

    return wrapped


def _refusing_history(gradient: Any) -> Any:
    """The same numbers with a history through which no backward pass can go."""
    if not isinstance(gradient, Tensor):
        return gradient
    result = gradient.detach()
    if gradient._array.dtype in arrays.DIFFERENTIABLE:
        result._edge = (Error(gradient), 0)
        result._requires_grad = True
    return result


class Error(Node):
    """The history of what must not be differentiated again.

    >>> import gradlab as gl
    >>> Error(gl.ones(2)).name()
    'Error'
    """

    __slots__ = ()

    def __init__(self, tensor: Tensor) -> None:
        self.next_functions = ()
        self.shape = tensor._array.shape
        self.dtype = tensor._array.dtype
        self.order = next_order()
        self.hooks = None
        self.exact = False

    def apply(self, *gradients: Array | None) -> tuple[Array | None, ...]:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )

    apply_tensors = apply
