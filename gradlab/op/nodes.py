"""The nodes of declared operations, and the two vocabularies in which their formulas compute."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array
from gradlab.graph import Edge, Node, operation_name, second_backward
from gradlab.op.declaration import OPS, Gradient, Op
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ the two vocabularies


class _RawFunctions:
    """What ``xp`` is in a formula at first order: the operations' forwards, on raw arrays.

    NumPy's own function where it has one of that name and it is a plain ufunc, and for anything
    that is no operation.
    """

    def __init__(self, library: Any) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        declared = OPS.get(name)
        own = getattr(self._library, name, None)
        if declared is None or isinstance(own, numpy.ufunc):
            if own is None:
                raise AttributeError(f"no operation and no array function is named {name!r}")
            found = own
        else:
            found = functools.partial(declared.forward, self._library)
        setattr(self, name, found)  # found once per name and library
        return found


class _TensorFunctions:
    """What ``xp`` is in a formula under ``create_graph``: the operations themselves."""

    def __getattr__(self, name: str) -> Any:
        try:
            return OPS[name].function
        except KeyError:
            raise AttributeError(
                f"a formula uses xp.{name}, which is no operation: it could not be "
                "differentiated again"
            ) from None


RAW = {numpy: _RawFunctions(numpy)}
ON_TENSORS = _TensorFunctions()


def raw_functions(array: Array) -> _RawFunctions:
    """The vocabulary of formulas for the library ``array`` belongs to."""
    library = arrays.array_module(array)
    if library not in RAW:
        RAW[library] = _RawFunctions(library)
    return RAW[library]


# ------------------------------------------------------------------ nodes


class OpNode(Node):
    """The node of a declared operation."""

    __slots__ = ()
    op: Op

    def apply_tensors(self, *gradients: Any) -> tuple[Any, ...]:
        """As ``apply``, on tensors, by the same formulas."""
        known = next((g for g in gradients if g is not None), None)
        if known is None:
            return (None,) * len(self.next_functions)
        gs = [self._zeros(i, known) if g is None else g for i, g in enumerate(gradients)]
        if not (self.op.conjugates and gs[0]._array.dtype.kind == "c"):
            return self._by_formulas(gs, gradients)
        conj = ON_TENSORS.conj
        arrived = tuple(None if g is None else conj(g) for g in gradients)
        leaving = self._by_formulas([conj(g) for g in gs], arrived)
        return tuple(None if g is None else conj(g) for g in leaving)

    def _zeros(self, output: int, known: Tensor) -> Tensor:
        """The gradient of an output at which none arrived, where ``known`` is another's."""
        shape, dtype = self.outputs[output]
        zeros: Tensor = known.new_zeros(shape, dtype=arrays.BY_NUMPY[dtype])
        return zeros

    def _by_formulas(self, gs: list[Any], arrived: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the formulas make of the gradients of all outputs."""
        values = {"g": gs[0], "gs": gs, "arrived": arrived, "xp": ON_TENSORS}
        if self.op.sequence:
            (rule,) = self.op.gradients.values()
            return tuple(rule.formula(**self._values(rule, values)))
        return tuple(
            rule.formula(**self._values(rule, values)) if edge[0] else None
            for rule, edge in zip(self.op.gradients.values(), self.next_functions, strict=True)
        )

    def _values(self, rule: Gradient, known: dict[str, Any]) -> dict[str, Any]:
        """A formula's arguments; what is unpacked for one formula is ``known`` to the next."""
        for name in rule.parameters:
            if name not in known:
                known[name] = self._unpack(name)
        return {name: known[name] for name in rule.parameters}

    def _unpack(self, name: str) -> Any:
        """A saved value as a tensor with its history, or an option as it is."""
        saved = getattr(self, name)
        if name not in self.op.saved_tensors:
            if saved is None and self.op.holds_tensors(name):
                raise second_backward()
            return saved
        if saved is None:
            raise second_backward()
        if isinstance(saved, list):
            return [self._checked(name, one) for one in saved]
        return self._checked(name, saved)

    def _checked(self, name: str, saved: Any) -> Any:
        tensor, array, counter, version = saved if type(saved) is tuple else saved.unpacked()
        if counter[0] != version and int(counter[0]) != int(version):
            raise changed_in_place(self, name)
        output = self.op.output_named(name)
        if output is None:
            return tensor
        result = Tensor._wrap(array)
        result._counter = counter
        # A saved result keeps its place in the graph; one written to a view, the view's.
        result._edge = (self, output) if tensor is None else tensor()
        result._requires_grad = array.dtype in arrays.DIFFERENTIABLE
        return result

    def _names_of_saved(self) -> dict[str, Any]:
        """PyTorch's names of what is saved, and ours, or functions of what has ours."""
        kind = type(self)
        if kind not in _NAMES_OF_SAVED:
            tensors = self.op.saved_tensors
            shapes = {f"{name}_shape" for name in tensors}  # which a tensor says itself
            names = [*tensors, *(name for name in self.op.saved_plain if name not in shapes)]
            first = "input" if self.op.name in _SAY_INPUT else "self"
            pairs: dict[str, Any] = {"_saved_" + _pytorch_name(n, first): n for n in names}
            pairs.update({"_saved_" + name: what for name, what in self.op.saved_as.items()})
            _NAMES_OF_SAVED[kind] = {name: what for name, what in pairs.items() if what is not None}
        return _NAMES_OF_SAVED[kind]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_raw_saved_"):
            ours = self._names_of_saved().get(name.removeprefix("_raw"))
            if ours in self.op.saved_tensors and not self.op.sequence:
                return SavedTensor(self, ours)
        if name == "_metadata" or not name.startswith("_saved_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        ours = self._names_of_saved().get(name)
        if ours is None:
            raise AttributeError(
                f"{type(self).__name__} saves {', '.join(self._names_of_saved()) or 'nothing'}, "
                f"not {name!r}"
            )
        if callable(ours):
            return self._made_of_saved(ours)
        if not _is_set(self, ours):
            return None  # no gradient that was asked for needs it
        value = self._unpack(ours)
        if ours.endswith("_strides"):  # counted in bytes; one pair of them for a pair of inputs
            return tuple(stride // self.dtype.itemsize for stride in value)
        return (
            Tensor._wrap(numpy.asarray(value))
            if type(value) in arrays.PYTHON_SCALARS and (ours in self.op.tensors)
            else value
        )

    def _made_of_saved(self, make: Callable[..., Any]) -> Any:
        """What a function makes of saved values, of the result's ``shape`` and of the ``node``."""
        given: dict[str, Any] = {"node": self, "shape": self.shape}
        names = inspect.signature(make).parameters
        if not all(name in given or _is_set(self, name) for name in names):
            return None
        return make(**{one: given[one] if one in given else self._unpack(one) for one in names})

    def __dir__(self) -> list[str]:
        saved = self._names_of_saved()
        raw = [name for name, ours in saved.items() if ours in self.op.saved_tensors]
        return [*super().__dir__(), *saved, *(f"_raw{name}" for name in raw)]


_NAMES_OF_SAVED: dict[type[OpNode], dict[str, Any]] = {}

_SAY_INPUT = {"convolution", "native_batch_norm", "native_group_norm", "native_layer_norm"}
"""Operations whose first input PyTorch saves as ``_saved_input``, not ``_saved_self``."""


def _pytorch_name(name: str, first: str) -> str:
    if name == "normalized_shape":
        return name
    name = {"input": first, "out": "result"}.get(name, name)
    name = re.sub("^input_(?=shape$|strides$)", first + "_", name)
    return re.sub("_shape$", "_sym_sizes", re.sub("_strides$", "_sym_strides", name))


class SavedTensor:
    """The place in which a node keeps a tensor: hooks may be put on it after it was saved."""

    pack: Callable[[Tensor, Any, Any, Any], Any]  # given by autograd.graph, where hooks are at home

    def __init__(self, node: OpNode, name: str) -> None:
        self._node = node
        self._name = name

    def register_hooks(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        """Keep what ``pack_hook`` makes of the tensor; ``unpack_hook`` makes the tensor of that.

        RuntimeError where nothing was saved here, or is any more, or hooks are on it already.
        """
        saved = getattr(self._node, self._name) if _is_set(self._node, self._name) else ()
        if saved == () or (type(saved) is tuple and saved[1] is None):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor with value None is forbidden"
            )
        if saved is None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. "
                "Saved intermediate values of the graph are freed when you call .backward() or "
                "autograd.grad(). Specify retain_graph=True to register hooks afterwards."
            )
        if type(saved) is not tuple:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: "
                "only one pair of hooks is allowed at a time."
            )
        tensor = self._node._unpack(self._name)
        setattr(self._node, self._name, SavedTensor.pack(tensor, saved, pack_hook, unpack_hook))


def _is_set(node: OpNode, slot: str) -> bool:
    try:
        object.__getattribute__(node, slot)
    except AttributeError:
        return False
    return True


# ------------------------------------------------------------------ what can be wrong


def array_now(node: OpNode, name: str) -> Array:
    """The array of a saved tensor to which another was assigned, as ``.data``, since.

    RuntimeError where it was written to instead.
    """
    tensor, array, counter, version = getattr(node, name)
    if int(counter[0]) != int(version):
        raise changed_in_place(node, name)
    return _reassigned(tensor, array)


def arrays_now(node: OpNode, name: str) -> list[Array]:
    """As ``array_now``, of several tensors."""
    saved = getattr(node, name)
    if any(int(counter[0]) != int(version) for _, _, counter, version in saved):
        raise changed_in_place(node, name)
    return [_reassigned(tensor, array) for tensor, array, _, _ in saved]


def _reassigned(tensor: Any, array: Array) -> Array:
    """A result that a node saved is no tensor: that keeps the array it had."""
    return tensor._array.astype(array.dtype, copy=False) if isinstance(tensor, Tensor) else array


def changed_in_place(node: OpNode, name: str) -> RuntimeError:
    """The error for a saved tensor that was written to since.

    Of several PyTorch names the one that it unpacks first.
    """
    for other in sorted(node.op.saved_tensors, key=node.op.packing_order):
        saved = getattr(node, other) if _is_set(node, other) else None
        if type(saved) is tuple and saved[1] is not None and int(saved[2][0]) != int(saved[3]):
            name = other
            break
    saved = getattr(node, name)
    tensor, array, counter, version = (
        next(one for one in saved if int(one[2][0]) != int(one[3]))
        if isinstance(saved, list)
        else saved
    )
    output = node.op.output_named(name)
    maker = None if output is None else (node, output) if tensor is None else tensor()
    if output is None and isinstance(tensor, Tensor):
        array = tensor._array
        maker = tensor._edge if tensor.grad_fn is not None else None
    who = f"{node.name()} saved it as {name!r}"
    return modified_since(array, counter, version, maker, who)


def modified_since(
    array: Array, counter: list[int], version: int, maker: Edge | None, who: str
) -> RuntimeError:
    """The error for an array saved at ``version`` and written to since.

    ``maker``: which output of which node it was; ``who``: a clause that says what saved it.
    """
    origin = ""
    if maker is not None and maker[0] is not None:
        origin = f", which is output {maker[1]} of {operation_name(maker[0].name())},"
    place = "torch" if arrays.is_on_cpu(array) else "torch.cuda"
    kind = f"{place}.{arrays.dtype_of(array).type_name}Tensor"
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{kind} {list(array.shape)}]{origin} is at version {counter[0]}; expected "
        f"version {version} instead. {who} and needs it unchanged: "
        "use an out-of-place operation, or change a clone(). Hint: enable anomaly detection to "
        "find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )
