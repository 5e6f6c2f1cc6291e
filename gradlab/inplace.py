"""In-place changes and views: what happens to history when memory changes under it.

A view shares memory and version counter with its base. When one of them is written to with
recording on, the *base's* history is rewritten (``CopySlices``: everywhere the old history, in the
view's place what the operation did), and every view made earlier finds out by the version counter,
when next asked, that its own history must be read off the base anew (``AsStridedBackward0``).
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy

from gradlab import arrays, levels, observers
from gradlab.arrays import Array
from gradlab.engine import edge_of
from gradlab.grad_mode import enable_grad, is_grad_enabled, is_inference_mode_enabled
from gradlab.graph import NO_EDGE, Edge, Node, next_order, operation_name, second_backward

ViewStep = tuple[Any, tuple[Any, ...], int]
"""One view operation: the Op, its options, and which of its outputs was taken."""


class View:
    """What a tensor is a view of, and by which operations."""

    __slots__ = (
        "base",
        "base_array",
        "base_steps",
        "forbidden",
        "op",
        "options",
        "output",
        "version",
    )

    def __init__(self, viewed: Any, op: Any, options: tuple[Any, ...]) -> None:
        parent = viewed._view
        self.base: Any = viewed if parent is None else parent.base
        self.base_array: Array = self.base._array
        self.base_steps: tuple[ViewStep, ...] = () if parent is None else parent.steps
        self.op = op
        self.options = options
        self.output = 0
        self.forbidden: str | None  # why history can't follow a change in place of this view
        if is_inference_mode_enabled() or (parent is not None and parent.forbidden == "inference"):
            self.forbidden = "inference"
        elif not is_grad_enabled():
            self.forbidden = "no_grad"
        elif op.outputs != 1:
            self.forbidden = "one of many"
        else:
            self.forbidden = None if parent is None else parent.forbidden
        self.version = viewed._counter[0]

    @property
    def steps(self) -> tuple[ViewStep, ...]:
        """The operations that lead from the base to this view.

        Where the base has been turned since, or given other data, only the geometry is left.
        """
        steps = (*self.base_steps, (self.op, self.options, self.output))
        if self.base._array is self.base_array:
            return steps
        part = _replay_on_array(self.base_array, steps)
        return ((_ByStrides, _place(part, self.base_array)[:3], 0),)

    @property
    def maker(self) -> str:
        """Which output of which operation this view is, in words."""
        return f"Output {self.output} of {operation_name(self.op.node.__name__)}"

    def refresh(self, tensor: Any, *, asked: bool = False) -> bool:
        """Bring the history of ``tensor``, which is this view, up to date with its base's.

        Returns whether it requires grad. Where nothing is recorded the history doesn't matter,
        unless it is just what is ``asked`` for.
        """
        base = self.base
        try:
            if tensor._edge is None and not base._requires_grad:
                return tensor._requires_grad  # type: ignore[no-any-return]
        except levels.NeedsRules:  # the base has become a dual number: so does its view, in place
            base._level.follow(tensor)
            if base._level.alive and not asked:
                raise
            return tensor.requires_grad  # type: ignore[no-any-return]
        if tensor._counter[0] != self.version and int(tensor._counter[0]) != int(self.version):
            if self.forbidden is None:
                node, output = _history_through(base, tensor._array, self.steps)
                assert node is not None, "a view's history is at least a node for itself"
                _give_history(tensor, node, output)
                self.version = tensor._counter[0]
            elif asked or is_grad_enabled():
                self.check_may_change("its base or another view of its base has been", tensor)
        return True

    def check_may_change(self, changed: str, tensor: Any) -> None:
        """Raise PyTorch's error where history could not follow a change of ``tensor``, this view.

        ``changed``: what is being changed, or has been.
        """
        if self.forbidden is None:
            return
        who = f"{self.maker} is a view"
        if self.forbidden == "one of many" and tensor._edge is not None:
            raise RuntimeError(
                f"{who} and {changed} modified inplace. This view is the output of a function that "
                "returns multiple views. Such functions do not allow the output views to be "
                "modified inplace. You should replace the inplace operation by an out-of-place one."
            )
        if self.forbidden == "in a Function":
            raise RuntimeError(
                f"{who} and {changed} modified inplace. This view was created inside a custom "
                "Function (or because an input was returned as-is) and the autograd logic to "
                "handle view+inplace would override the custom backward associated with the "
                "custom Function, leading to incorrect gradients. This behavior is forbidden. You "
                "can fix this by cloning the output of the custom Function."
            )
        who = "A view" if tensor._edge is None else f"{who} of a view which"
        mode, block, normal = "no_grad", "no_grad", "with grad mode enabled"
        if self.forbidden == "inference":
            mode, block, normal = "inference", "inference_mode", "in normal mode"
        raise RuntimeError(
            f"{who} was created in {mode} mode and {changed} modified inplace {normal}. Given that "
            "this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
            "code by moving both the view and the inplace either both inside the "
            f"{block} block (if you don't want the inplace to be "
            "tracked) or both outside (if you want the inplace to be tracked)."
        )


def view_of(viewed: Any, op: Any, options: tuple[Any, ...]) -> View | None:
    """The View of a tensor about to be returned by ``op``; inference tensors have none."""
    return None if viewed.is_inference() else View(viewed, op, options)


def _replay_on_array(array: Array, steps: Sequence[ViewStep]) -> Array:
    """The part of ``array`` that a view shows, as a view."""
    whole = array
    library = arrays.array_module(array)
    for op, options, output in steps:
        array = op.forward(library, array, *options)
        if op.outputs != 1:
            array = array[output]
    if array.size and not library.may_share_memory(whole, array):
        raise RuntimeError(
            "internal: a view could not be replayed on its base's gradient "
            f"(steps {[op.name for op, _, _ in steps]}); work on a clone() instead"
        )
    return array


def _replay_on_tensor(tensor: Any, steps: Sequence[ViewStep]) -> Any:
    for op, options, output in steps:
        tensor = op.function(tensor, *options)
        if op.outputs != 1:
            tensor = tensor[output]
    return tensor


class _ByStrides:
    """A step that is known by its geometry alone."""

    name = "as_strided"
    outputs = 1

    @staticmethod
    def forward(
        library: Any, array: Array, size: tuple[int, ...], stride: tuple[int, ...], start: int
    ) -> Array:
        """The view of an array without gaps, in whatever order its dimensions lie."""
        memory = array.ravel(order="K")[start:]
        apart = tuple(step * array.itemsize for step in stride)
        return library.lib.stride_tricks.as_strided(memory, size, apart)

    @staticmethod
    def function(tensor: Any, *geometry: Any) -> Any:
        """The view of a tensor."""
        return tensor.as_strided(*geometry)


def _changes_dtype(step: ViewStep) -> bool:
    """Whether a view shows complex numbers as pairs of real ones, or the reverse."""
    return step[0].name in ("view_as_real", "view_as_complex")


def _history_through(base: Any, view: Array, steps: Sequence[ViewStep]) -> Edge:
    """The history of the view of ``base`` by ``steps``: that of the base, and one node by strides.

    Strides count elements of one dtype; steps that change it have nodes of their own.
    """
    changes = [place for place, step in enumerate(steps) if _changes_dtype(step)]
    if changes:
        before, (change, *after) = steps[: changes[-1]], steps[changes[-1] :]
        with enable_grad():
            base = _replay_on_tensor(_view_through(base, before), [change])
        if not after:
            edge: Edge = base._edge
            return edge
        steps = after
    return AsStridedBackward0(base, view, steps), 0


def _view_through(base: Any, steps: Sequence[ViewStep]) -> Any:
    """The view of ``base`` by ``steps``, with its history."""
    if not steps:
        return base
    view = base._wrap(_replay_on_array(base._array, steps))
    view._edge = _history_through(base, view._array, steps)
    view._requires_grad = True
    return view


class Place(NamedTuple):
    """Where a view's elements lie in its base, and where the base's lie: in elements of memory."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    storage_offset: int  # from the base's first element
    base_size: tuple[int, ...]
    base_stride: tuple[int, ...]

    @property
    def reach(self) -> int:
        """How many elements of memory there must be."""
        ends = [
            sum((n - 1) * stride for n, stride in zip(sizes, strides, strict=True)) + start + 1
            for sizes, strides, start in (
                (self.size, self.stride, self.storage_offset),
                (self.base_size, self.base_stride, 0),
            )
            if 0 not in sizes
        ]
        return max(ends, default=0)


def _place(part: Array, whole: Array) -> Place:
    step = whole.itemsize
    return Place(
        part.shape,
        tuple(stride // step for stride in part.strides),
        (_address(part) - _address(whole)) // step if part.size else 0,
        whole.shape,
        tuple(stride // step for stride in whole.strides),
    )


class _ThroughView(Node):
    """A node that knows a view of a tensor by the steps that lead to it."""

    __slots__ = ("_layout", "_steps")

    def __init__(self, base: Any, steps: Sequence[ViewStep]) -> None:
        self._steps = steps
        self._layout = base._array.strides
        self.order = next_order()
        self.hooks = None
        self.exact = False

    def _place(self, shape: tuple[int, ...], dtype: Any) -> Place:
        """Where the view lies in a base; worked out on an empty one, as it is seldom asked."""
        whole = arrays.copy_with_layout(numpy.empty(shape, dtype), self._layout)
        return _place(_replay_on_array(whole, self._steps), whole)


class AsStridedBackward0(_ThroughView):
    """The history of a view whose base was changed: straight to the base, by all its steps."""

    __slots__ = ("_base",)

    def __init__(self, base: Any, view: Array, steps: Sequence[ViewStep]) -> None:
        super().__init__(base, steps)
        self._base = (base._array.shape, base._array.dtype)
        self.next_functions = (edge_of(base) if base._requires_grad else NO_EDGE,)
        self.shape = view.shape
        self.dtype = view.dtype

    @property
    def _saved_size(self) -> tuple[int, ...]:
        return self._place(*self._base).size

    @property
    def _saved_stride(self) -> tuple[int, ...]:
        return self._place(*self._base).stride

    @property
    def _saved_storage_offset(self) -> int:
        return self._place(*self._base).storage_offset

    def apply(self, *gradients: Array | None) -> tuple[Array | None, ...]:
        (gradient,) = gradients
        if gradient is None:
            return (None,)
        library = arrays.array_module(gradient)
        result = arrays.copy_with_layout(library.zeros(*self._base), self._layout)
        part = _replay_on_array(result, self._steps)
        if _overlap(part.shape, part.strides, part.itemsize):
            flat = library.zeros(result.size, result.dtype)
            library.add.at(flat, self._numbered(library), gradient)
            return (flat.reshape(result.shape),)
        part[...] = gradient
        return (result,)

    def apply_tensors(self, *gradients: Any) -> tuple[Any, ...]:
        (gradient,) = gradients
        if gradient is None:
            return (None,)
        place = self._place(*self._base)
        if not gradient._array.size:
            return (gradient.new_zeros(place.base_size),)
        if _overlap(place.size, place.stride):
            places = gradient._wrap(self._numbered(arrays.namespace(gradient.device)))
            zeros = gradient.new_zeros(math.prod(place.base_size))
            result = zeros.index_put((places,), gradient, accumulate=True)
            return (result.view(place.base_size),)
        memory = gradient.new_zeros(place.reach)
        memory.as_strided(place.size, place.stride, place.storage_offset).copy_(gradient)
        return (memory.as_strided(place.base_size, place.base_stride, 0),)

    def _numbered(self, library: Any) -> Array:
        """Which element of the base each of the view is."""
        shape, _ = self._base
        return _replay_on_array(library.arange(math.prod(shape)).reshape(shape), self._steps)


def _overlap(shape: tuple[int, ...], strides: tuple[int, ...], apart: int = 1) -> bool:
    """Whether an element may be shown several times."""
    for stride, n in sorted(zip(strides, shape, strict=True)):
        if n > 1:
            if stride < apart:
                return True
            apart = stride * n
    return False


class CopySlices(_ThroughView):
    """The history of a base of which a part was changed in place by another node."""

    __slots__ = ("_argument", "_changed")

    def name(self) -> str:
        """The node's name, PyTorch's with its namespace."""
        return "torch::autograd::CopySlices"

    def __init__(
        self, base: Any, before: Edge, steps: Sequence[ViewStep], changed: Node, argument: int
    ) -> None:
        super().__init__(base, steps)
        self._changed: Node | None = changed
        self._argument = argument  # which of the node's inputs the part was
        self.next_functions = (before, *_without(changed.next_functions, argument))
        self.shape = base._array.shape
        self.dtype = base._array.dtype

    def apply(self, *gradients: Array | None) -> tuple[Array | None, ...]:
        (gradient,) = gradients
        if self._changed is None:
            raise second_backward()
        if gradient is None:
            return (None,) * len(self.next_functions)
        result = arrays.copy_with_layout(gradient, self._layout)
        part = _replay_on_array(result, self._steps)
        leaving = self._changed.apply(part.copy())
        of_part = leaving[self._argument]
        part[...] = 0 if of_part is None else of_part
        return (result, *_without(leaving, self._argument))

    def apply_tensors(self, *gradients: Any) -> tuple[Any, ...]:
        (gradient,) = gradients
        if self._changed is None:
            raise second_backward()
        if gradient is None:
            return (None,) * len(self.next_functions)
        if levels.level_of(gradient) is None:
            copied = arrays.copy_with_layout(gradient._array, self._layout)
            result = gradient._wrap(copied).copy_(gradient)
        else:
            result = _laid_out(gradient, self._layout)
        if any(map(_changes_dtype, self._steps)):
            part = _replay_on_tensor(result, self._steps)
        else:
            place = self._place(gradient._array.shape, gradient._array.dtype)
            part = result.as_strided(place.size, place.stride, place.storage_offset)
        leaving = self._changed.apply_tensors(part.clone())
        of_part = leaving[self._argument]
        if of_part is None:
            part.zero_()
        else:
            part.copy_(of_part)
        return (result, *_without(leaving, self._argument))

    def release(self) -> None:
        self._changed = None


def _laid_out(tensor: Any, strides: tuple[int, ...]) -> Any:
    """As ``arrays.copy_with_layout``, of a wrapped tensor."""
    order = sorted(range(len(strides)), key=lambda i: -strides[i])
    back = sorted(range(len(strides)), key=order.__getitem__)
    return tensor.permute(order).contiguous().clone().permute(back)


def _without(values: Sequence[Any], position: int) -> tuple[Any, ...]:
    return (*values[:position], *values[position + 1 :])


def check_writable(target: Any, *, gains_history: bool = False) -> None:
    """Raise PyTorch's error where ``target`` must not be changed in place.

    ``gains_history``: what is written was computed from something that requires grad.
    """
    check_history(target, gains_history=gains_history)
    _check_memory(target)
    if target.is_inference() and not is_inference_mode_enabled():
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed."
            "You can make a clone to get a normal tensor before doing inplace update."
        )


def _check_memory(target: Any) -> None:
    """Raise where several elements lie in one place."""
    array = target._array
    stretched = any(
        stride == 0 and n > 1 for stride, n in zip(array.strides, array.shape, strict=True)
    )
    if stretched and array.size:  # NumPy gives arrays without elements strides of 0, too
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )


def check_history(target: Any, *, gains_history: bool = False) -> None:
    """Raise where the history of ``target`` could not follow a change."""
    if not is_grad_enabled():
        return
    if target._view is not None and (gains_history or target.requires_grad):
        _check_view_writable(target._view, target)
    if target.requires_grad and target.grad_fn is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            "Wrap the change in `with torch.no_grad():`, or work on a clone()."
        )


def _check_view_writable(view: View, target: Any) -> None:
    view.check_may_change("is being", target)
    base = view.base
    if base.grad_fn is None and (base.requires_grad or target.requires_grad):
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation. "
            "Wrap the change in `with torch.no_grad():`, or work on a clone()."
        )


def write(target: Any, array: Array) -> None:
    """Put numbers into a tensor's memory, in its dtype, and count the change."""
    own = target._array
    if array.shape != own.shape:
        raise RuntimeError(
            f"output with shape {list(own.shape)} doesn't match the broadcast shape "
            f"{list(array.shape)}"
        )
    if arrays.category(array.dtype) > arrays.category(own.dtype):
        raise RuntimeError(
            f"result type {arrays.dtype_of(array).type_name} can't be cast to the desired output "
            f"type {arrays.dtype_of(own).type_name}"
        )
    own[...] = array
    count_change(target)


def count_change(target: Any) -> None:
    """Count one change of a tensor's memory. Inference tensors have no count."""
    if not target.is_inference():
        target._counter[0] += 1


def change(function: Callable[..., Any], target: Any, *args: Any, **kwargs: Any) -> Any:
    """Make ``target`` hold what ``function(target, *args, **kwargs)`` gives.

    Whatever is wrong with ``target`` is said before what is wrong with the arguments.
    """
    if levels.active and levels.innermost(target, args) is not None:
        tracked = target.requires_grad or any(getattr(one, "requires_grad", False) for one in args)
        before = target.clone() if tracked and is_grad_enabled() else target  # it may be saved
        return levels.assign(target, function(before, *args, **kwargs))
    own = target._array
    for other in args:
        if (
            hasattr(other, "_array")
            and other._array is not own
            and other._counter is target._counter
            and _overlaps_partly(own, other._array)
        ):
            check_writable(target, gains_history=other.requires_grad)
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to "
                "tensor refer to a single memory location. Please clone() the tensor before "
                "performing the operation."
            )
    of = _original(target) if observers.active and _packs(target) else target
    try:
        result = function(of, *args, **kwargs)
    except TypeError:
        raise  # the one thing that PyTorch, too, looks at before the target
    except Exception:
        gains = any(hasattr(one, "_array") and one.requires_grad for one in args)
        check_history(target, gains_history=gains)
        _check_memory(target)
        raise
    return assign(target, result, direct=True)


def _packs(target: Any) -> bool:
    """Whether saved_tensors_hooks will see what an operation saves of ``target``."""
    recorded = is_grad_enabled() and target.requires_grad
    return recorded and any(getattr(one, "packs", False) for one in observers.active)


def _original(target: Any) -> Any:
    """A copy of ``target`` with its history, to be saved in its place."""
    original = target._wrap(target._array.copy(order="K"))
    original._edge, original._requires_grad = target._edge, target._requires_grad
    return original


def _overlaps_partly(one: Array, two: Array) -> bool:
    """Whether two arrays without gaps share some elements and are not just the same ones."""
    for array in (one, two):
        if not array.size or not _is_dense(array):
            return False
    (begin, end), (begin_two, end_two) = _extent(one), _extent(two)
    if (begin, end) == (begin_two, end_two):
        return one.shape != two.shape or _steps(one) != _steps(two)
    return begin < end_two and begin_two < end


def _steps(array: Array) -> list[tuple[int, int]]:
    return [pair for pair in zip(array.shape, array.strides, strict=True) if pair[0] != 1]


def _extent(array: Array) -> tuple[int, int]:
    begin = _address(array)
    return begin, begin + int(array.nbytes)


def _address(array: Array) -> int:
    """Where the first element is."""
    return int(array.ctypes.data if arrays.is_on_cpu(array) else array.data.ptr)


def _is_dense(array: Array) -> bool:
    """Whether the elements fill their piece of memory, each once, in whatever order."""
    expected = array.itemsize
    for stride, n in sorted(zip(array.strides, array.shape, strict=True)):
        if n != 1:
            if stride != expected:
                return False
            expected *= n
    return True


def assign(target: Any, result: Any, *, direct: bool) -> Any:
    """Make ``target`` hold what ``result``, computed out of place, holds: numbers and history.

    ``direct``: the last node of result's history has target's own history as its first edge, so
    it can stand for the change of a view. Otherwise the change is recorded as copying ``result``.
    """
    if levels.active and levels.innermost(target, result) is not None:
        return levels.assign(target, result)
    check_writable(target, gains_history=result.requires_grad)
    view = target._view
    if view is not None and not direct and is_grad_enabled() and result.requires_grad:
        return target.copy_(result)
    _keep_saved_original(result.grad_fn, target)
    write(target, result._array)
    node = result.grad_fn
    if node is None or not is_grad_enabled():
        return target
    node.dtype = target._array.dtype
    node.exact = False
    record_change(target, node)
    _rebind_saved_result(node, target)
    return target


def show_differently(target: Any, result: Any, view: View | None) -> Any:
    """Let ``target`` show its memory as ``result`` does, of which it takes shape and history.

    ``view``: what it is a view of now, where it was one before. No number changes.
    """
    check_history(target)
    target._array = result._array
    if hasattr(target, "_accumulator"):
        del target._accumulator  # it was made for the old shape
    count_change(target)
    if result._edge is not None:
        _give_history(target, result._edge[0])
    if view is not None:
        view.forbidden = target._view.forbidden
        view.version = target._counter[0] if is_grad_enabled() else target._view.version
        target._view = view
    return target


def record_change(target: Any, node: Node, *, output: int = 0, argument: int = 0) -> None:
    """Record that ``node`` made what ``target`` now holds, out of what it held before.

    ``output`` and ``argument`` say which of node's outputs and inputs ``target`` is.
    """
    view = target._view
    if view is None:
        _give_history(target, node, output)
        return
    base = view.base
    before = edge_of(base) if base.requires_grad else NO_EDGE
    _give_history(base, CopySlices(base, before, view.steps, node, argument))


def _give_history(tensor: Any, node: Node, output: int = 0) -> None:
    """Let ``tensor`` be an output of ``node``; what retains its gradient goes along."""
    before = tensor._edge
    tensor._edge = (node, output)
    tensor._requires_grad = True
    if before is not None and before[0].hooks is not None:
        retain = before[0].hooks.retained.pop(before[1], None)
        if retain is not None:
            node.own_hooks().retained[output] = retain


def _keep_saved_original(node: Any, target: Any) -> None:
    """Where the operation saved what is about to change in place, let it save a copy.

    As in PyTorch that is its first tensor. One that is given twice, ``x.mul_(x)``, is an error in
    the backward pass.
    """
    for name in node.op.tensors[:1] if hasattr(node, "op") else ():
        saved = getattr(node, name, None)
        if isinstance(saved, tuple) and saved[0] is target:
            original = target._wrap(saved[1].copy(order="K"))
            original._edge, original._requires_grad = target._edge, target._requires_grad
            setattr(node, name, (original, original._array, original._counter, 0))
        elif saved is not None and hasattr(saved, "keep_original"):  # saved_tensors_hooks packed it
            saved.keep_original(target)


def _rebind_saved_result(node: Any, target: Any) -> None:
    """A node that saved its result saved what now lies in ``target``'s memory."""
    if not isinstance(getattr(node, "out", None), tuple):
        return
    view = target._view
    history = None if view is None else _history_of_view(view)
    node.out = (history, target._array, target._counter, target._counter[0])


def _history_of_view(view: View) -> Callable[[], Edge]:
    """How to find the history that a view has now. It holds no node: that would be a circle."""
    wrap, array, steps = view.base._wrap, view.base._array, view.steps
    node = weakref.ref(view.base._edge[0])

    def edge() -> Edge:
        base = wrap(array)
        base._edge = (node(), 0)
        base._requires_grad = True
        return _history_through(base, _replay_on_array(array, steps), steps)

    return edge
