"""Watching every operation while somebody wants to, and leaving no trace when nobody does.

While at least one ``Recorder`` runs, the functions of all operations, and the ``apply`` of all
nodes, run other code: it tells the running thread's recorder when the function began and ended,
and calls the function's own code in between. What changes is ``__code__``, and not the names that
lead to a function: so every way to call it is seen, by the module, a method, an operator, a name
imported long ago or a formula. Before and after, operations are exactly what they were.

A recorder sees its own thread only, as in PyTorch.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any, Protocol

from gradlab import engine
from gradlab.autograd.function import Function
from gradlab.graph import AccumulateGrad, Node
from gradlab.op import FUNCTIONS, NODES, OPS, Op
from gradlab.tensor import Tensor

Label = str | Callable[[tuple[Any, ...]], str]
"""What a function is called, or how to tell from its arguments."""

PASS = "autograd::engine::run"
"""The label of a whole backward pass."""


class Block:
    """The label of a function that shows as a block of the user's, told from its arguments."""

    def __init__(self, name: Callable[[tuple[Any, ...]], str]) -> None:
        self._name = name

    def __call__(self, args: tuple[Any, ...]) -> str:
        return self._name(args)


class Recorder(Protocol):
    """What is told of each call in the thread it was started in."""

    def begin(self, label: Label, args: tuple[Any, ...]) -> Any:
        """A function is about to run; what is returned here is handed to ``end``."""

    def end(
        self, label: Label, begun: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        """The function has run, or raised an error: then ``result`` is None."""


running = threading.local()
"""``running.recorder`` of the running thread; None, or nothing at all, where nobody watches."""

_changing = threading.Lock()
_recorders = 0
_originals: dict[FunctionType, CodeType] = {}


def start(recorder: Recorder) -> None:
    """Tell ``recorder`` of this thread's calls. Raises RuntimeError where another is told."""
    global _recorders
    if getattr(running, "recorder", None) is not None:
        raise RuntimeError(
            "Profiler is already enabled on this thread: leave the profiler that runs before you "
            "enter another one"
        )
    with _changing:
        if not _recorders:
            for function, label in _watched().items():
                _originals[function] = function.__code__
                function.__code__ = _watching_code(function, label)
        _recorders += 1
    running.recorder = recorder


def stop() -> None:
    """Tell this thread's recorder of nothing any more."""
    global _recorders
    running.recorder = None
    with _changing:
        _recorders -= 1
        if not _recorders:
            for function, code in _originals.items():
                function.__code__ = code
            _originals.clear()


# ------------------------------------------------------------------ which functions

_others: list[Callable[[], Iterable[tuple[Any, Label]]]] = []


def watch(functions: Callable[[], Iterable[tuple[Any, Label]]]) -> None:
    """Let what ``functions`` returns at each start be watched too, each under its label.

    So rooms above this one show what they have that is no operation, such as an optimizer's step.
    """
    _others.append(functions)


def _watched() -> dict[FunctionType, Label]:
    """Every function that is watched, and its label."""
    found: dict[FunctionType, Label] = {}
    for source in (_operations(), _nodes(), *(functions() for functions in _others)):
        for function, label in source:
            if type(function) is FunctionType:
                found.setdefault(function, label)
    return found


# No operations to whoever looks at a profile: they compute nothing, or only choose one that does.
_NO_OPERATIONS = {
    *("as_subclass", "data_ptr", "dim_order", "ndimension", "numel", "typename", "untyped_storage"),
    *("bool", "byte", "cdouble", "cfloat", "char", "double", "float", "half", "int", "long"),
    *("short", "type", "asarray", "from_dlpack", "from_numpy", "frombuffer", "new", "new_tensor"),
    *("get_rng_state", "set_rng_state", "set_default_tensor_type", "set_printoptions"),
    "check_probability",
}


def _operations() -> Iterator[tuple[Any, Label]]:
    methods = [
        method
        for method in vars(Tensor).values()
        if getattr(method, "__module__", "").startswith(("gradlab.op.", "gradlab.ops."))
        or getattr(method, "__module__", "") == "gradlab.op"
    ]
    for function in (*(op.function for op in OPS.values()), *FUNCTIONS.values(), *methods):
        declared = getattr(function, "__globals__", {}).get("op")
        name = getattr(function, "__name__", "__")
        if isinstance(declared, Op):
            yield function, operation_label(declared)
        elif not name.startswith(("_", "is_")) and name not in _NO_OPERATIONS:
            yield function, "aten::" + name
    for name in ("detach", "detach_", "item"):
        yield getattr(Tensor, name, None), "aten::" + name
    yield Function.apply.__func__, lambda args: str(args[0].__name__)  # type: ignore[attr-defined]


_PRIVATE = {"cdist", "log_softmax", "softmax", "to_copy", "trilinear", "unsafe_view"}


def operation_label(declared: Op) -> str:
    """What PyTorch calls an operation: ``aten::_to_copy`` that of the node ``ToCopyBackward0``."""
    node = declared.node.__name__
    if node not in NODES:  # not differentiable: the node's name was made up
        return "aten::" + declared.public_name
    name = re.sub(r"Backwards?\d*", "", node)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\d[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return "aten::_" + words if words in _PRIVATE else "aten::" + words


def node_label(node: Node) -> str:
    """What PyTorch calls a node in a profile."""
    return "torch::autograd::AccumulateGrad" if type(node) is AccumulateGrad else node.name()


def _nodes() -> Iterator[tuple[Any, Label]]:
    kinds = Node.__subclasses__()
    for kind in kinds:
        kinds += kind.__subclasses__()
        yield vars(kind).get("apply"), _label_of_first
        yield vars(kind).get("apply_tensors"), _label_of_first
    yield AccumulateGrad.accumulate, _label_of_first
    yield AccumulateGrad.accumulate_tensor, _label_of_first
    yield engine._run_through, PASS


def _label_of_first(args: tuple[Any, ...]) -> str:
    return node_label(args[0])


# ------------------------------------------------------------------ the other code


def _watching_code(function: FunctionType, label: Label) -> CodeType:
    """Code that runs ``function`` as it is now, and tells the recorder of it."""
    own = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    own.__kwdefaults__ = function.__kwdefaults__
    template = _template(function.__code__.co_freevars)
    fills = {"<running>": running, "<own>": own, "<label>": label}
    constants = [fills.get(c, c) if type(c) is str else c for c in template.co_consts]
    return template.replace(
        co_consts=tuple(constants), co_name=function.__name__, co_qualname=function.__qualname__
    )


# A function's globals are its module's, so what this code uses stands in it as constants, and a
# function's code can only change for one with as many variables of an outer function.
_SOURCE = """
def factory({free}):
    def call(*args, **kwargs):
        {touch}
        own = "<own>"
        running = "<running>"
        recorder = getattr(running, "recorder", None)
        if recorder is None:
            return own(*args, **kwargs)
        result = None
        begun = recorder.begin("<label>", args)
        try:
            result = own(*args, **kwargs)
            return result
        finally:
            recorder.end("<label>", begun, args, kwargs, result)
    return call
"""
_templates: dict[tuple[str, ...], CodeType] = {}


def _template(free: tuple[str, ...]) -> CodeType:
    if free not in _templates:
        source = _SOURCE.format(free=", ".join(free), touch="; ".join(free) or "pass")
        scope: dict[str, Any] = {}
        exec(compile(source, "<gradlab profiler>", "exec"), scope)
        _templates[free] = scope["factory"](*free).__code__
    return _templates[free]
