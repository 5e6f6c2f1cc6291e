"""What the user calls things: variable names and module paths, found by identity.

A graph knows operations, not names. The names come from whoever asked for the drawing: the local
and global variables of the first caller outside this package, which in a notebook are the
notebook's own. A tensor is recognised by its grad_fn, or if it is a leaf by being the same object.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from gradlab_widgets.adapters import Library, node_of

__all__ = [
    "NOT_THE_USER",
    "Names",
    "caller_namespace",
    "first_frame_outside",
    "package_of",
    "running_namespace",
    "tensors_named",
]

NOT_THE_USER = ("gradlab", "gradlab_widgets", "torch")
_CONTAINER_ITEMS = 100  # longer lists are data, not a handful of named tensors

# What is not named by the user's will: IPython's history of inputs and outputs (`_` is a result),
# and the variables that pytest puts into assertions (`@py_assert1`).
_HISTORY = re.compile(r"_+|_i+|_\d+|_i\d+|_ih|_oh|_dh|In|Out|exit|quit|get_ipython|__.*__|@.*")


def first_frame_outside(packages: tuple[str, ...], frame: FrameType | None) -> FrameType | None:
    """The innermost frame, from `frame` outwards, whose module is in none of `packages`."""
    while frame is not None and package_of(frame) in packages:
        frame = frame.f_back
    return frame


def package_of(frame: FrameType) -> str:
    """The package whose code runs in `frame`; "" where there is none."""
    return _package(frame.f_globals.get("__name__"))


@functools.cache
def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]


def caller_namespace() -> dict[str, Any]:
    """The variables in sight where the user's own code is: globals, then locals over them."""
    names: dict[str, Any] = {}
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        names |= shell.user_ns
    frame = first_frame_outside(NOT_THE_USER, sys._getframe(1))
    if frame is not None:
        names |= frame.f_globals
        names |= _locals(frame)
    return names


def running_namespace(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """A notebook's variables, and over them those of its functions that are running now."""
    own: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals is namespace and frame.f_locals is not namespace:
            own.append(frame)
        frame = frame.f_back
    names = dict(namespace)
    for function in reversed(own):
        names |= _locals(function)
    return names


def _locals(frame: FrameType) -> dict[str, Any]:
    """A function's local variables, without leaving a copy of them in its frame.

    Until Python 3.12 the frame keeps the dict that f_locals returns, and with it whatever the
    variables held, after they are gone.
    """
    snapshot = frame.f_locals
    copied = dict(snapshot)
    if frame.f_code.co_flags & inspect.CO_OPTIMIZED and type(snapshot) is dict:
        snapshot.clear()
    return copied


class Names:
    """The user's names for the tensors and modules of one library in a namespace.

    `of(node, output)` and `of_leaf(tensor)` are "" where there is no name; `module_of(tensor)` is
    the dotted path of the module that owns a parameter.
    """

    def __init__(self, library: Library, namespace: Mapping[str, Any]) -> None:
        self._library = library
        self._leaves: dict[int, str] = {}  # by id(): the namespace holds them while this lives
        self._outputs: dict[tuple[Any, int], tuple[str, Any]] = {}
        self._modules: dict[int, str] = {}  # id of a module's parameter → the module's path
        self._paths: dict[int, str] = {}  # id of a module → its path
        self._held: list[Any] = []  # so that no id() here is ever another object's
        for name, tensor in tensors_named(library, namespace):
            self._remember(name, tensor)
        for prefix, module in self._roots(namespace):
            self._remember_module(prefix, module)

    def of(self, node: Any, output: int = 0) -> str:
        """The name of what `node` produced as its output number `output`."""
        return self._outputs.get((node, output), ("", None))[0]

    def tensor_of(self, node: Any, output: int = 0) -> Any:
        """The named tensor that is output number `output` of `node`; None if there is none."""
        return self._outputs.get((node, output), ("", None))[1]

    def outputs(self) -> Iterator[tuple[Any, int, Any]]:
        """Each named tensor that a node produced: (node, output, tensor)."""
        return ((node, output, x) for (node, output), (_, x) in self._outputs.items())

    def of_leaf(self, tensor: Any) -> str:
        """The name of a leaf: a variable's, or the dotted one of a module's parameter."""
        return self._leaves.get(id(tensor), "")

    def of_tensor(self, tensor: Any) -> str:
        """The name of a tensor, leaf or not."""
        if tensor.grad_fn is None:
            return self.of_leaf(tensor)
        return self.of(tensor.grad_fn, int(tensor.output_nr))

    @property
    def has_modules(self) -> bool:
        """Whether any module is in sight."""
        return bool(self._paths)

    def module_of(self, parameter: Any) -> str:
        """The path of the module that owns a parameter; "" if none does."""
        return self._modules.get(id(parameter), "")

    def path_of(self, module: Any) -> str:
        """The dotted path of a module in sight; "" for a whole model or a stranger."""
        return self._paths.get(id(module), "")

    # ------------------------------------------------------------------ how they are found

    def _remember(self, name: str, tensor: Any) -> None:
        self._held.append(tensor)
        node = node_of(tensor)
        if node is None:
            self._leaves.setdefault(id(tensor), name)
        else:
            self._outputs.setdefault((node, int(tensor.output_nr)), (name, tensor))

    def _roots(self, namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """(path prefix, module) of each module that is in no other module in sight.

        The variable's name comes first in a path where it is needed to tell: when several models
        are in sight, or the module is a single layer that owns its parameters itself.
        """
        module_type = self._library.module_type()
        if module_type is None:
            return []
        found: dict[int, tuple[str, Any]] = {}
        for name, x in _variables(namespace):
            if issubclass(type(x), module_type):
                found.setdefault(id(x), (name, x))
        inner = {id(part) for _, m in found.values() for part in m.modules() if part is not m}
        roots = [pair for key, pair in found.items() if key not in inner]
        owners = [m for _, m in roots if next(iter(m.parameters()), None) is not None]
        alone = len(owners) <= 1
        return [("" if alone and _has_parts(m) else name, m) for name, m in roots]

    def _remember_module(self, prefix: str, root: Any) -> None:
        self._held.append(root)
        for path, module in root.named_modules():
            full = ".".join(filter(None, (prefix, path)))
            self._paths.setdefault(id(module), full)
            for name, parameter in module.named_parameters(recurse=False):
                self._modules.setdefault(id(parameter), full)
                self._leaves.setdefault(id(parameter), ".".join(filter(None, (full, name))))


def tensors_named(library: Library, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Tensors of a library that are variables, then those one level inside lists and dicts."""
    nested: list[tuple[str, Any]] = []
    for name, x in _variables(namespace):
        if library.is_tensor(x):
            yield name, x
        elif type(x) in (list, tuple) and len(x) <= _CONTAINER_ITEMS:
            nested += [(f"{name}[{i}]", item) for i, item in enumerate(x)]
        elif type(x) is dict and len(x) <= _CONTAINER_ITEMS:
            nested += [(f"{name}[{key!r}]", item) for key, item in x.items()]
    yield from ((name, x) for name, x in nested if library.is_tensor(x))


def _has_parts(module: Any) -> bool:
    return next(iter(module.children()), None) is not None


def _variables(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The user's own variables, private ones last."""
    own = [(str(name), x) for name, x in namespace.items() if not _HISTORY.fullmatch(str(name))]
    yield from (pair for pair in own if not pair[0].startswith("_"))
    yield from (pair for pair in own if pair[0].startswith("_"))
