"""What differs between the libraries whose graphs are drawn, and nothing else.

gradlab and PyTorch both offer the node protocol (`grad_fn`, `next_functions`, `_saved_*`, hooks),
so an adapter is small. Nothing is imported here that the user has not imported: the library of a
tensor is found among those in `sys.modules`.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab_widgets.trace import PREVIEW, Value, preview

__all__ = [
    "FREED",
    "Hooked",
    "Library",
    "Saved",
    "known_libraries",
    "library_of",
    "library_of_type",
]

# How PyTorch's sentence starts when saved values are asked for after the graph was freed.
FREED = "Trying to backward through the graph a second time"

Edge = tuple[Any, int]
Ran = Callable[[int, Sequence[Any], Sequence[Any]], None]


@dataclass(slots=True)
class Saved:
    """What a node remembers: tensors, everything else, and whether tensors were freed already."""

    tensors: list[tuple[str, Any]]
    options: dict[str, Any]
    freed: bool


@dataclass(frozen=True, slots=True)
class Hooked:
    """A hook of the user's, and the place where the library keeps it: `table[key]`."""

    kind: str  # trace.HOOK_KINDS
    function: Any
    table: dict[Any, Any]
    key: Any
    slot: int | None = None  # of a tensor's own hook: which output of its node the tensor is

    def replaced(self, function: Any) -> Any:
        """What is to stand at the place for `function` to be called instead."""
        return (self.slot, function) if type(self.table[self.key]) is tuple else function


class Library:
    """The names one library gives to what all of them have."""

    name: str
    # Where the functions live through which every backward pass of a user goes.
    backward_entries: tuple[tuple[str, str], ...]

    def __init__(self, module: Any) -> None:
        self.module = module
        self.tensor_type: type = module.Tensor
        self._saved_names: dict[type, tuple[tuple[str, str], ...]] = {}

    # ------------------------------------------------------------------ tensors

    def is_tensor(self, x: object) -> bool:
        """Whether `x` is one of this library's tensors."""
        return issubclass(type(x), self.tensor_type)

    def edge(self, tensor: Any) -> Edge:
        """The node that made `tensor`, or gathers its gradient, and which output of it it is."""
        raise NotImplementedError

    def dtype(self, tensor_or_meta: Any) -> str:
        """The dtype's bare name: 'float32'."""
        return str(tensor_or_meta.dtype).rpartition(".")[2]

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        """The tensor's numbers, not copied where possible; raises where NumPy has no such."""
        raise NotImplementedError

    def value(self, tensor: Any, limit: int = PREVIEW) -> Value | None:
        """What the trace keeps of a tensor; shape and dtype only where numbers can't be read."""
        if tensor is None:
            return None
        try:
            return preview(self.array(tensor), self.dtype(tensor), limit)
        except (RuntimeError, TypeError, ValueError, NotImplementedError):
            return Value(_shape(tensor), self.dtype(tensor), (), int(tensor.numel()))

    # ------------------------------------------------------------------ nodes

    def node_name(self, node: Any) -> str:
        """The node's bare name: 'SinBackward0', 'AccumulateGrad'."""
        return str(node.name()).rpartition("::")[2]

    def output_metas(self, node: Any) -> Sequence[tuple[tuple[int, ...], str]]:
        """Shape and dtype of every tensor that the node's operation produced."""
        metas = getattr(node, "_input_metadata", ())
        return [(_shape(meta), self.dtype(meta)) for meta in metas]

    def watch(self, nodes: Mapping[Any, int], ran: Ran) -> list[Any]:
        """Call `ran(row, leaving, arrived)` after each of the nodes ran, by their rows.

        What leaves and arrives are tensors, or arrays where they have no history. Returns handles;
        `remove()` of each ends it.
        """
        return [node.register_hook(functools.partial(ran, row)) for node, row in nodes.items()]

    def saved(self, node: Any) -> Saved:
        """What the node saved, by PyTorch's names."""
        found = Saved([], {}, False)
        for name, attribute in self._names_of_saved(type(node), node):
            self._read_saved(found, node, name, attribute)
        return found

    def _read_saved(self, found: Saved, node: Any, name: str, attribute: str) -> None:
        try:
            x = getattr(node, attribute)
        except RuntimeError as error:
            # the other reason is an in-place change, which the pass itself will report
            found.freed = found.freed or str(error).startswith(FREED)
            return
        if self.is_tensor(x):
            found.tensors.append((name, x))
        elif isinstance(x, (tuple, list)) and any(map(self.is_tensor, x)):
            parts = [(f"{name}[{i}]", part) for i, part in enumerate(x)]
            found.tensors += [(of, part) for of, part in parts if self.is_tensor(part)]
        elif x is not None:
            found.options[name] = x

    def _names_of_saved(self, kind: type, node: Any) -> tuple[tuple[str, str], ...]:
        """(PyTorch's name, attribute) of all that a kind of node can save; read once per kind."""
        names = self._saved_names.get(kind)
        if names is None:
            attributes = [a for a in dir(node) if a.startswith("_saved_")]
            names = tuple((a.removeprefix("_saved_"), a) for a in attributes)
            if not names and "saved_tensors" in dir(kind):  # an autograd.Function of the user's
                names = (("tensors", "saved_tensors"),)
            self._saved_names[kind] = names
        return names

    def is_custom(self, node: Any) -> bool:
        """Whether the node belongs to an autograd.Function that the user wrote."""
        return hasattr(type(node), "saved_tensors")

    def has_hooks(self, node: Any) -> bool:
        """Whether hooks run at a node, as far as that is easy to know."""
        return False

    def hooks(self, node: Any, tensors: Sequence[tuple[int, Any]]) -> Iterator[Hooked]:
        """The hooks that run at a node; `tensors` are (output, tensor) of those in sight."""
        raise NotImplementedError

    def title(self, node: Any) -> str:
        """The short forward name: 'sin', '×', 'matmul'."""
        name = self.node_name(node)
        return name.removesuffix("Backward") if self.is_custom(node) else title(name)

    # ------------------------------------------------------------------ the pass

    def backward(self, root: Any, gradient: Any) -> None:
        """Run the real backward pass and keep the graph."""
        root.backward(gradient, retain_graph=True)

    def ones_like(self, tensor: Any) -> Any:
        """The gradient a scalar's backward starts with."""
        return self.module.ones_like(tensor.detach())

    def grad(self, output: Any, inputs: Any, gradient: Any = None) -> Any:
        """The gradient of `output` with respect to one tensor, or None; no `.grad` is touched."""
        return self.module.autograd.grad(
            output, inputs, gradient, retain_graph=True, allow_unused=True
        )[0]

    # ------------------------------------------------------------------ modules

    def module_type(self) -> type | None:
        """The library's nn.Module, if it was imported."""
        nn = sys.modules.get(f"{self.name}.nn")
        return getattr(nn, "Module", None)


class Torch(Library):
    """PyTorch."""

    name = "torch"
    backward_entries = (("torch.autograd", "backward"),)

    def edge(self, tensor: Any) -> Edge:
        edge = self.module.autograd.graph.get_gradient_edge(tensor)
        return edge.node, edge.output_nr

    def hooks(self, node: Any, tensors: Sequence[tuple[int, Any]]) -> Iterator[Hooked]:
        # a node tells of its hooks only to whoever registers one more, a tensor's are the tensor's
        for output, tensor in tensors:
            for key, hook in (tensor._backward_hooks or {}).items():
                yield Hooked("tensor hook", hook, tensor._backward_hooks, key, output)
            table = tensor._post_accumulate_grad_hooks or {}
            for key, hook in table.items():
                yield Hooked("post-accumulate hook", hook, table, key)
        registers = (("pre-hook", node.register_prehook), ("node hook", node.register_hook))
        for kind, register in registers:
            handle = register(_nothing)
            table = handle.hooks_dict_ref()
            handle.remove()
            for key, hook in table.items():
                yield Hooked(kind, hook, table, key)

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        plain = tensor.detach()
        if plain.layout is not self.module.strided:
            plain = plain.to_dense()
        if self.dtype(plain).startswith(("bfloat", "float8")):
            plain = plain.float()  # NumPy has no such dtype; float32 holds every number of theirs
        array: np.ndarray[Any, Any] = plain.cpu().resolve_conj().resolve_neg().numpy()
        return array


class Gradlab(Library):
    """gradlab."""

    name = "gradlab"
    backward_entries = (("gradlab.engine", "backward"), ("gradlab.autograd", "backward"))

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self._names: dict[type, str] = {}  # each kind of node is a type of its own
        self._titles: dict[type, str] = {}
        self._places: dict[type, list[tuple[str, str, Any]]] = {}

    def edge(self, tensor: Any) -> Edge:
        edge_of: Callable[[Any], Edge] = sys.modules["gradlab.engine"].edge_of
        return edge_of(tensor)

    def has_hooks(self, node: Any) -> bool:
        return node.hooks is not None

    def saved(self, node: Any) -> Saved:
        """As of any library; an input that is as it was saved is taken from where it lies."""
        kind = type(node)
        if kind not in self._places:
            self._places[kind] = self._places_of_saved(kind, node)
        found = Saved([], {}, False)
        for name, attribute, place in self._places[kind]:
            if place is not None:
                try:
                    kept = place(node)
                except AttributeError:
                    continue  # no gradient that was asked for needs it
                if type(kept) is tuple and not kept[2][0] != kept[3] and self.is_tensor(kept[0]):  # noqa: SIM202
                    found.tensors.append((name, kept[0]))
                    continue
            self._read_saved(found, node, name, attribute)
        return found

    def _places_of_saved(self, kind: type, node: Any) -> list[tuple[str, str, Any]]:
        """(PyTorch's name, attribute, what reads the node's slot if an input is in it)."""
        op: Any = getattr(kind, "op", None)
        ours = node._names_of_saved() if op is not None else {}
        places = []
        for name, attribute in self._names_of_saved(kind, node):
            slot = ours.get(attribute, "")
            is_input = slot and slot in op.saved_tensors and op.output_named(slot) is None
            place = getattr(kind, slot).__get__ if is_input else None
            places.append((name, attribute, place))
        return places

    def hooks(self, node: Any, tensors: Sequence[tuple[int, Any]]) -> Iterator[Hooked]:
        if node.hooks is None:
            return
        for key, (output, hook) in node.hooks.on_output.items():
            yield Hooked("tensor hook", hook, node.hooks.on_output, key, output)
        for key, hook in node.hooks.pre.items():
            yield Hooked("pre-hook", hook, node.hooks.pre, key)
        for key, hook in node.hooks.post.items():
            after_grad = getattr(hook, "__module__", "") == "gradlab.tensor"
            kind = "post-accumulate hook" if after_grad else "node hook"
            yield Hooked(kind, hook, node.hooks.post, key)

    def watch(self, nodes: Mapping[Any, int], ran: Ran) -> list[Any]:
        watch = _Steps(nodes, ran)
        sys.modules["gradlab.observers"].add(watch)
        return [watch]

    def value(self, tensor: Any, limit: int = PREVIEW) -> Value | None:
        array = tensor if type(tensor) is np.ndarray else getattr(tensor, "_array", None)
        if type(array) is not np.ndarray:  # on a GPU, or None
            return super().value(tensor, limit)
        return preview(array, _name_of(array.dtype), limit)

    def node_name(self, node: Any) -> str:
        kind = type(node)
        if kind not in self._names:
            self._names[kind] = super().node_name(node)
        return self._names[kind]

    def title(self, node: Any) -> str:
        kind = type(node)
        if kind not in self._titles:
            self._titles[kind] = super().title(node)
        return self._titles[kind]

    def output_metas(self, node: Any) -> Sequence[tuple[tuple[int, ...], str]]:
        if node.shape is None:
            return super().output_metas(node)
        return ((node.shape, _name_of(node.dtype)),)

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        if isinstance(tensor, np.generic):  # a sum of two numbers that came as arrays
            return np.asarray(tensor)
        array: np.ndarray[Any, Any] = tensor._array
        if type(array) is not np.ndarray:  # on a GPU
            array = tensor.detach().cpu().numpy()
        return array


@functools.cache  # NumPy makes it up each time
def _name_of(dtype: np.dtype[Any]) -> str:
    return dtype.name


class _Steps:
    """Hears from gradlab's engine which nodes ran, which takes half as long as a hook on each."""

    def __init__(self, nodes: Mapping[Any, int], ran: Ran) -> None:
        self._nodes = nodes
        self._ran = ran

    def on_node(self, node: Any, inputs: Sequence[Any], output: Any) -> None:
        """Nothing is to be said of what is recorded."""

    def on_step(self, step: Any) -> None:
        row = self._nodes.get(step.node)
        if row is not None:
            self._ran(row, step._grad_inputs, step._grad_outputs)

    def remove(self) -> None:
        sys.modules["gradlab.observers"].remove(self)


def _nothing(*gradients: Any) -> None:
    """A hook that does nothing."""


def _shape(x: Any) -> tuple[int, ...]:
    """The shape of a tensor or of a node's output; () where it has none, as a nested tensor."""
    try:
        return tuple(int(n) for n in x.shape)
    except RuntimeError:
        return ()


_ADAPTERS: dict[str, type[Library]] = {"gradlab": Gradlab, "torch": Torch}
_libraries: dict[str, Library] = {}
_by_type: dict[type, Library | None] = {}


def known_libraries() -> Iterator[Library]:
    """The libraries among those known here that the user has imported, whole."""
    for name, adapter in _ADAPTERS.items():
        module = sys.modules.get(name)
        if hasattr(module, "Tensor"):  # half imported, it has none yet
            if name not in _libraries:
                _libraries[name] = adapter(module)
            yield _libraries[name]


def library_of_type(kind: type) -> Library | None:
    """The library whose tensors are of type `kind`; None if it is no tensor."""
    try:
        return _by_type[kind]
    except KeyError:
        pass
    for library in known_libraries():
        if issubclass(kind, library.tensor_type):
            _by_type[kind] = library
            return library
    return None  # not remembered: a library may be imported later


def library_of(x: object, what: str = "this") -> Library:
    """The library that tensor `x` belongs to.

    Raises TypeError for anything that is no tensor, saying what it is and what would do.
    """
    library = library_of_type(type(x))
    if library is None:
        raise TypeError(
            f"{what} takes a tensor of gradlab or PyTorch, but got {_described(x)}. "
            "Make one with gradlab.tensor(…, requires_grad=True) and compute something from it."
        )
    return library


def _described(x: object) -> str:
    kind = type(x)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


_SIGNS = {
    "add": "+",
    "sub": "−",
    "rsub": "−",
    "mul": "×",
    "div": "÷",
    "neg": "−",
    "mm": "matmul",
    "bmm": "matmul",
    "mv": "matmul",
    "t": "transpose",
    "unsafe_view": "view",
    "reshape_alias": "view",
    "linalg_vector_norm": "norm",
}


# PyTorch writes `max_pool2d` as MaxPool2D and `smooth_l1_loss` as SmoothL1Loss: behind a digit, a
# capital begins no new word but in these.
_PARTED = re.compile(r"^(grid_sampler|smooth_l1)(?=[a-z0-9])")
_NODE_SUFFIX = re.compile(r"Backward(?:Autograd\w*?)?\d*(?=$|_copy$)")


@functools.cache
def title(op: str) -> str:
    """The short forward name of a built-in operation's node.

    >>> title("SinBackward0"), title("MulBackward0"), title("LogSoftmaxBackward0")
    ('sin', '×', 'log_softmax')
    >>> title("MaxPool2DWithIndicesBackward0"), title("SmoothL1LossBackward0")
    ('max_pool2d_with_indices', 'smooth_l1_loss')
    """
    words = re.sub(r"(?<=[A-Za-z])(?=[A-Z])", "_", _NODE_SUFFIX.sub("", op)).lower()
    snake = _PARTED.sub(r"\1_", words)
    return _SIGNS.get(snake, snake)


def node_of(tensor: Any) -> Any:
    """The node that made a tensor that somebody holds; None for a leaf.

    None, too, for a view whose history was lost by a change in place, which raises when asked:
    it is in no graph.
    """
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None
