"""Where each node came from: the line of the user's code, the module, the tensor it produced.

A graph does not know this; somebody must look while it is being built. `observe()` starts looking
and `unobserve()` stops. In a Jupyter kernel importing gradlab_widgets starts it, so that drawings
know their source lines without any ado; elsewhere it must be asked for.

What is seen is written into `node.metadata`, which lives exactly as long as the node, so looking
keeps no graph alive. It costs about 3 µs an operation with gradlab and 4 µs with PyTorch, where
reading an attribute of a tensor (`x.shape`) takes 1 µs longer, too.
"""

from __future__ import annotations

import importlib.util
import linecache
import math
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from gradlab_widgets import calls
from gradlab_widgets.calls import Call
from gradlab_widgets.names import NOT_THE_USER, first_frame_outside

__all__ = ["Moment", "Origin", "moment", "observe", "observed_since", "origin_of", "unobserve"]

_KEY = "gradlab_widgets"
# Elements up to which a produced tensor's memory is kept, so that the steps inside
# `(2 * sin(a) + 1).sum()` can be shown; a larger tensor is only watched.
_ALIASED = 64
_NUMBERS = (float, int)
_PATIENCE = 3  # times that somebody asks for a whole graph before any will do


@dataclass(slots=True)  # frozen, it would take a microsecond more to make
class Origin:
    """Where one node was made, and what was in sight there."""

    filename: str
    line: int
    prompt: int | None  # of the notebook's cell: 3 for In [3]
    arguments: Sequence[Any]  # the plain numbers among them
    call: Call | None  # of the module or function that was running
    output: Any  # of a small output an alias, of a large one a weak reference
    version: int | None  # of the alias; None for a weak reference

    @property
    def cell(self) -> str:
        """'In [3]' in a notebook, else the file's name."""
        if self.prompt is not None:
            return f"In [{self.prompt}]"
        return os.path.basename(self.filename)

    @property
    def text(self) -> str:
        """The line itself; "" where its source is gone."""
        return linecache.getline(self.filename, self.line).strip()

    @property
    def module(self) -> Any:
        """The module whose forward made the node; None if there was none or it is gone."""
        call = self.call
        while call is not None and call.running is None:
            call = call.parent
        return None if call is None else call.module

    @property
    def tensor(self) -> Any:
        """The produced tensor; None once it is gone or was overwritten."""
        if self.version is None:
            return self.output()
        return self.output if self.output._version == self.version else None


def origin_of(node: Any) -> Origin | None:
    """What was seen of `node` while it was made; None if nobody looked."""
    metadata = getattr(node, "metadata", None)
    return metadata.get(_KEY) if metadata else None


def observed_since(library: str) -> float:
    """The sequence number from which on a library's nodes were watched; infinity if they are not.

    PyTorch tells of each function that is called, not of each node: what `linear` recorded before
    its last node has no origin of its own, but is known by this to be no older than watching.
    """
    return _observing.since(library)


def observe() -> None:
    """Start to note, for every operation that is recorded, the line of code that did it.

    It covers gradlab and PyTorch, whichever is imported now or later, and for PyTorch the thread
    that calls this. Costs a few microseconds an operation until `unobserve()`; calling it twice
    is the same as once.

    >>> observe()
    >>> unobserve()
    """
    _observing.start()


def unobserve() -> None:
    """Stop noting where operations come from; what was noted stays with its nodes."""
    _observing.stop()


def note(node: Any, output: Any, arguments: Sequence[Any] = ()) -> None:
    """Write into a new node's metadata where it was made; the first to say so is right."""
    metadata = node.metadata
    if _KEY in metadata:
        return
    frame = first_frame_outside(NOT_THE_USER, sys._getframe(1))
    if frame is None:
        return
    filename = frame.f_code.co_filename
    small = output.numel() <= _ALIASED
    metadata[_KEY] = Origin(
        filename,
        frame.f_lineno,
        _observing.prompts.get(filename),
        [x for x in arguments if type(x) in _NUMBERS],
        calls.call_of(frame),
        output.detach() if small else weakref.ref(output),
        output._version if small else None,
    )


def _prompts() -> Mapping[str, int | None]:
    """IPython's table from a cell's made-up file name to the number of its prompt."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(getattr(shell, "compile", None), "_filename_map", {})


class Moment:
    """When somebody who wants to look at the graphs of a running cell may do so.

    A timer asks; the watchers below let it look as soon as a backward pass runs, when the graph is
    whole, or, if it had to ask `_PATIENCE` times, at the next operation. So nothing is done per
    operation but to see that nobody asks. Only the main thread, where cells run, is looked at.
    """

    def __init__(self) -> None:
        self.wanted: tuple[Callable[[], None], ...] = ()
        self.soon = False
        self._asked = 0

    def ask(self, look: Callable[[], None]) -> None:
        """Have `look` called at the next good moment, once."""
        if look not in self.wanted:
            self.wanted, self._asked = (*self.wanted, look), 0
        self._asked += 1
        self.soon = self._asked > _PATIENCE

    def leave(self, look: Callable[[], None]) -> None:
        """Forget that `look` was asked for."""
        self.wanted = tuple(one for one in self.wanted if one != look)
        self.soon = False

    def come(self) -> None:
        """Let those who wait look."""
        if threading.current_thread() is not threading.main_thread():
            return
        wanted, self.wanted, self.soon = self.wanted, (), False
        for look in wanted:
            look()


moment = Moment()


# ---------------------------------------------------------------------- how each library is watched


class _WatchModules:
    """Follows which nn.Module is running, through the library's hooks on all modules."""

    def __init__(self, module_file: str) -> None:
        hooks = importlib.import_module(module_file)
        self._handles = [
            hooks.register_module_forward_pre_hook(self._enter),
            hooks.register_module_forward_hook(self._leave, always_call=True),
        ]

    def _enter(self, module: Any, inputs: Any) -> None:
        calls.enter(module, first_frame_outside(NOT_THE_USER, sys._getframe(1)))

    def _leave(self, module: Any, inputs: Any, output: Any) -> None:
        calls.leave(module)

    def stop(self) -> None:
        for handle in self._handles:
            handle.remove()


class _WatchGradlab:
    """Told by gradlab itself."""

    since = math.inf  # every node is told of

    def __init__(self, gradlab: ModuleType) -> None:
        self._observers = importlib.import_module("gradlab.observers")
        self._observers.add(self)
        self._modules = _WatchModules("gradlab.nn.module")

    def on_node(self, node: Any, inputs: Sequence[Any], output: Any) -> None:
        note(node, output, inputs)
        if moment.soon:
            moment.come()

    def on_step(self, step: Any) -> None:
        if moment.wanted:
            moment.come()

    def stop(self) -> None:
        self._modules.stop()
        self._observers.remove(self)


class _WatchTorch:
    """Sees every function of PyTorch's that is called, through its own override mechanism."""

    def __init__(self, torch: ModuleType) -> None:
        with torch.enable_grad():
            self.since = torch.zeros((), requires_grad=True).neg().grad_fn._sequence_nr()
        self._overrides = importlib.import_module("torch.overrides")
        self._mode = _torch_mode(torch, self._overrides)
        self._mode.__enter__()
        self._modules = _WatchModules("torch.nn.modules.module")

    def stop(self) -> None:
        self._modules.stop()
        above = []  # modes that somebody entered after ours stay
        while (mode := self._overrides._pop_mode()) is not self._mode:
            above.append(mode)
        for mode in reversed(above):
            self._overrides._push_mode(mode)


def _torch_mode(torch: ModuleType, overrides: ModuleType) -> Any:
    tensor_type = torch.Tensor
    backward = tensor_type.backward
    is_tracing, is_compiling = torch.jit.is_tracing, torch.compiler.is_compiling

    class Watch(overrides.TorchFunctionMode):  # type: ignore[misc, name-defined]
        """Calls the function, then notes the node of what it returned."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if moment.soon or (moment.wanted and func is backward):
                moment.come()
            result = func(*args, **kwargs) if kwargs else func(*args)
            if is_tracing() or is_compiling():
                return result  # what is done here would become part of the user's program
            if isinstance(result, tensor_type):
                if (node := result.grad_fn) is not None:
                    note(node, result, args)
            elif isinstance(result, (tuple, list)):
                for part in result:
                    if isinstance(part, tensor_type) and (node := part.grad_fn) is not None:
                        note(node, part, args)
            return result

    return Watch()


_WATCHERS: dict[str, Callable[[ModuleType], Any]] = {
    "gradlab": _WatchGradlab,
    "torch": _WatchTorch,
}


class _Observing:
    """Which libraries are being watched, and the finder that waits for those not yet imported."""

    def __init__(self) -> None:
        self._watches: dict[str, Any] = {}
        self._finder: _Finder | None = None
        self.prompts: Mapping[str, int | None] = {}

    def start(self) -> None:
        self.prompts = _prompts()
        for name in _WATCHERS:
            if name in sys.modules:
                self.watch(name)
        if self._finder is None:
            self._finder = _Finder(self)
            sys.meta_path.insert(0, self._finder)

    def watch(self, name: str) -> None:
        if name not in self._watches:
            self._watches[name] = _WATCHERS[name](sys.modules[name])

    def since(self, name: str) -> float:
        return self._watches[name].since if name in self._watches else math.inf

    def stop(self) -> None:
        for watch in self._watches.values():
            watch.stop()
        self._watches.clear()
        if self._finder is not None:
            sys.meta_path.remove(self._finder)
            self._finder = None


class _Finder:
    """Finds modules as everybody else does, but starts watching a library once it is imported."""

    def __init__(self, observing: _Observing) -> None:
        self._observing = observing
        self._searching = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _WATCHERS or self._searching:
            return None
        self._searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._searching = False
        if spec is not None and spec.loader is not None:
            self._watch_after_loading(spec)
        return spec

    def _watch_after_loading(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            if self in sys.meta_path:  # nobody stopped observing meanwhile
                self._observing.watch(spec.name)

        loader.exec_module = exec_module


_observing = _Observing()
