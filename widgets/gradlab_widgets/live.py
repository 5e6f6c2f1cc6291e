"""The live panel: the graph of the notebook's own tensors, drawn again as they change.

It looks after every cell, and while one runs about ten times a second, at a moment when the graph
is whole: as a backward pass starts. What it keeps between two looks is text and numbers, no tensor
and no node, so nothing that the user deleted lives on in it. A node is known again by the part it
plays (the line that made it, its name), so a cell that is run again, or the next turn of a training
loop, is drawn where its predecessor was.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from gradlab_widgets.adapters import Library, known_libraries, library_of_type, node_of
from gradlab_widgets.explain import Explained
from gradlab_widgets.names import Names, running_namespace, tensors_named
from gradlab_widgets.origins import moment, observe
from gradlab_widgets.recorder import no_collections, write_graph
from gradlab_widgets.trace import PREVIEW, Trace, TraceBuilder, clean
from gradlab_widgets.walk import Found, Graph
from gradlab_widgets.widgets import GradWidget

__all__ = ["LiveWidget", "live", "watch"]

_BEAT = 0.1  # seconds between two looks at a running cell
_SHARE = 0.04  # of a running cell's time that looking may take
_GLANCE = 8  # elements of a value that are shown while a cell runs

# Picks the tensors of one library that are drawn, and says which nodes behind them are.
Subject = Callable[[Library, Mapping[str, Any]], tuple[list[Any], Callable[[Found], bool] | None]]


class LiveWidget(GradWidget):
    """What `live` and `watch` return: a panel that follows the notebook until `stop()`."""

    def __init__(self, shell: Any, title: str, subject: Subject) -> None:
        self._shell = shell
        self._subject = subject
        self._parts: list[str] = []
        self._pulse = _Pulse(self._look_while_running)
        self._sidecar: Any = None
        self.title = title
        empty = TraceBuilder("gradlab").build(root=0)
        super().__init__("live", empty)
        self._follow()

    def stop(self) -> None:
        """Stop following; the panel stays as it is."""
        self._pulse.stop()
        for event, listener in self._listeners():
            with contextlib.suppress(ValueError):  # unregistered already
                self._shell.events.unregister(event, listener)
        self.send({"type": "stopped"})

    def close(self) -> None:
        """Stop following, and take the panel away."""
        self.stop()
        if self._sidecar is not None:
            self._sidecar.close()
        super().close()

    def dock(self) -> None:
        """Show the panel beside the notebook; needs the package `sidecar`.

        The output keeps a view of it. Only the browser knows whether there is a "beside" (Notebook
        has none), so it is the browser that folds that view while the panel stands elsewhere.
        """
        sidecar = importlib.import_module("sidecar")
        panel = sidecar.Sidecar(title=self.title, anchor="split-right")
        with panel:
            importlib.import_module("IPython.display").display(self)
        self._sidecar = panel

    # ------------------------------------------------------------------ when it looks

    def _listeners(self) -> list[tuple[str, Callable[..., None]]]:
        return [("pre_run_cell", self._cell_starts), ("post_run_cell", self._cell_ended)]

    def _follow(self) -> None:
        for event, listener in self._listeners():
            self._shell.events.register(event, listener)
        self._look(self._shell.user_ns)
        self._pulse.start()  # the cell that asked for the panel may go on

    def _cell_starts(self, info: object = None) -> None:
        self._pulse.start()

    def _cell_ended(self, result: object = None) -> None:
        self._pulse.stop()
        self._look(self._shell.user_ns)

    def _look_while_running(self) -> None:
        self._look(running_namespace(self._shell.user_ns), _GLANCE)

    def _look(self, namespace: Mapping[str, Any], most: int = PREVIEW) -> None:
        """Draw what is there; an error in drawing is not the user's, and is told in the panel."""
        try:
            with no_collections():
                self._show(self._trace_of(namespace, most))
        except Exception as error:
            self.stop()
            self._tell(f"The panel stopped: {type(error).__name__}: {error}")

    # ------------------------------------------------------------------ what it draws

    def _trace_of(self, namespace: Mapping[str, Any], most: int) -> Trace:
        libraries = list(known_libraries())
        builder = TraceBuilder(libraries[0].name if libraries else "gradlab")
        rows: list[int] = []
        for library in libraries:
            tensors, wanted = self._subject(library, namespace)
            if tensors:
                graph = Graph(library, _by_age(tensors), Names(library, namespace), most)
                _keep(graph, wanted)
                rows += write_graph(builder, graph, Explained(graph, numbers=False))
        return builder.build(root=rows[-1] if rows else 0)

    def _show(self, trace: Trace) -> None:
        parts = _parts_of(trace)
        payload = {**trace.to_json(), "parts": parts, "words": _difference(self._parts, parts)}
        shown = {name: x for name, x in self.payload.items() if name != "words"}
        if shown == {name: x for name, x in payload.items() if name != "words"}:
            return
        self._parts = parts
        self.trace = trace
        if self.selected is not None and self.selected >= len(parts):
            self.selected = None
        self.set_trait("payload", payload)

    def _tell(self, words: str) -> None:
        self.set_trait("payload", {**self.payload, "words": clean(words, 240)})

    # ------------------------------------------------------------------ elsewhere

    def _answer(self, content: object, buffers: object) -> None:
        """Answer a view that is ready, which calls itself live only then: a saved one never is."""
        super()._answer(content, buffers)
        if self._cell_ended in self._shell.events.callbacks["post_run_cell"]:
            self.send({"type": "live"})

    def still(self) -> str:
        """What is shown now, as HTML without a script: an image and a table."""
        return super().still() if self._parts else "<p>No tensor requires a gradient yet.</p>"

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self._parts)} nodes>"


class _Pulse:
    """Asks, while a cell runs, for a look: ten a second, or fewer if looking takes long."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._done: threading.Event | None = None
        self._rest = _BEAT

    def start(self) -> None:
        if self._done is None:
            self._done = threading.Event()
            self._rest = _BEAT
            threading.Thread(target=self._beat, args=(self._done,), daemon=True).start()

    def stop(self) -> None:
        if self._done is not None:
            self._done.set()
            self._done = None
            moment.leave(self._timed_look)

    def _beat(self, done: threading.Event) -> None:
        while not done.wait(self._rest):
            moment.ask(self._timed_look)

    def _timed_look(self) -> None:
        start = time.perf_counter()
        self._look()
        self._rest = max(_BEAT, (time.perf_counter() - start) / _SHARE)


# ---------------------------------------------------------------------- what a panel follows


def _everything(library: Library, namespace: Mapping[str, Any]) -> tuple[list[Any], None]:
    return [x for _, x in tensors_named(library, namespace) if x.requires_grad], None


def _variable(name: str) -> Subject:
    """Follow the variable `name`, whatever tensor it holds."""

    def subject(library: Library, namespace: Mapping[str, Any]) -> tuple[list[Any], None]:
        x: Any = namespace.get(name)
        return [x] if library.is_tensor(x) and x.requires_grad else [], None

    return subject


def _tensor(x: Any) -> Subject:
    """Follow one tensor, as long as somebody else keeps it."""
    kept = weakref.ref(x)

    def subject(library: Library, namespace: Mapping[str, Any]) -> tuple[list[Any], None]:
        x: Any = kept()
        return [x] if library.is_tensor(x) and x.requires_grad else [], None

    return subject


def _module(module: Any) -> Subject:
    """Follow a module: its parameters, and what the last results were computed with inside it."""
    kept = weakref.ref(module)

    def subject(
        library: Library, namespace: Mapping[str, Any]
    ) -> tuple[list[Any], Callable[[Found], bool] | None]:
        module: Any = kept()
        if not _is_module(library, module):
            return [], None
        inside = {id(part) for part in module.modules()}
        parameters = [p for p in module.parameters() if p.requires_grad]
        own = {id(p) for p in parameters}

        def wanted(found: Found) -> bool:
            if found.accumulates:
                return id(found.variable) in own
            return found.origin is not None and id(found.origin.module) in inside

        return _everything(library, namespace)[0] + parameters, wanted

    return subject


def _is_module(library: Library, x: object) -> bool:
    kind = library.module_type()
    return kind is not None and isinstance(x, kind)


def _by_age(tensors: list[Any]) -> list[Any]:
    """Results, the oldest first, then leaves; so what is new is drawn after what was there."""
    made = [x for x in tensors if node_of(x) is not None]
    made.sort(key=lambda x: int(node_of(x)._sequence_nr()))
    return made + [x for x in tensors if node_of(x) is None]


def _keep(graph: Graph, wanted: Callable[[Found], bool] | None) -> None:
    """Leave only the nodes that are wanted, and call a result only what nothing else uses."""
    if wanted is not None:
        graph.keep([found for found in graph.found if wanted(found)])
    used = {node for found in graph.found for node, _ in found.inputs}
    for found in graph.found:
        found.is_root = found.node not in used


# ---------------------------------------------------------------------- knowing nodes again


def _parts_of(trace: Trace) -> list[str]:
    """The part each node plays: the line and operation that made it, or a leaf's name."""
    nodes, sources = trace.nodes, trace.sources
    counts: Counter[str] = Counter()
    parts: list[str] = []
    for i, kind in enumerate(nodes.kind):
        source = nodes.source[i]
        if kind in ("leaf", "accumulate"):
            part = f"{kind} {nodes.name[i]}"
        elif source is None:
            part = f"{nodes.op[i]} {nodes.name[i]}"
        else:
            part = f"{nodes.op[i]} {sources.line[source]} {sources.text[source]}"
        counts[part] += 1
        parts.append(f"{part} {counts[part]}")
    return parts


def _difference(before: list[str], after: list[str]) -> str:
    """What changed, in a sentence for those who do not see it."""
    old, new = set(before), set(after)
    come = len([part for part in after if part not in old])
    gone = len([part for part in before if part not in new])
    changes = [
        f"{n} {'node' if n == 1 else 'nodes'} {word}"
        for n, word in ((come, "new"), (gone, "gone"))
        if n
    ]
    return f"{', '.join(changes) or 'No node is new'}; {len(after)} in all."


# ---------------------------------------------------------------------- how a panel is made

_panels: dict[str, LiveWidget] = {}


def live(beside: bool | None = None) -> LiveWidget:
    """Follow the notebook: a panel with the graph of its tensors, which grows as cells run.

    Tensors are those that variables hold and that require a gradient, gradlab's and PyTorch's.
    The panel is drawn anew after each cell, and about ten times a second while one trains. With
    `beside`, it docks beside the notebook, for which the package `sidecar` must be installed; by
    default it does so where it is. There is one such panel: a second call takes the first away.

    Raises RuntimeError outside IPython, ImportError if `beside` is asked for without `sidecar`.
    """
    return _open("live graph", _everything, beside)


def watch(x: Any, beside: bool = False) -> LiveWidget:
    """Follow one thing: a tensor, or an nn.Module with its parameters and what runs in it.

    A tensor in a variable is followed by the variable's name, so that it may be computed again.
    Nothing is kept alive by it. Raises TypeError for what is neither, RuntimeError outside
    IPython, ImportError if `beside` is asked for without `sidecar`.
    """
    shell = _shell("watch(x)")
    name = next((n for n, held in shell.user_ns.items() if held is x and not n.startswith("_")), "")
    if library_of_type(type(x)) is not None:
        subject = _variable(name) if name else _tensor(x)
    elif any(_is_module(library, x) for library in known_libraries()):
        subject = _module(x)
    else:
        raise TypeError(
            f"watch(x) takes a tensor or an nn.Module of gradlab or PyTorch, but got "
            f"{type(x).__name__}"
        )
    return _open(f"watching {name or type(x).__name__}", subject, beside)


def _open(title: str, subject: Subject, beside: bool | None) -> LiveWidget:
    shell = _shell("live()")
    has_sidecar = importlib.util.find_spec("sidecar") is not None
    if beside and not has_sidecar:
        raise ImportError(
            "a panel beside the notebook needs the package sidecar: run `pip install sidecar`, "
            "then reload the page. Without it, live(beside=False) shows the panel in the output."
        )
    observe()
    if title in _panels:
        _panels.pop(title).close()
    panel = _panels[title] = LiveWidget(shell, title, subject)
    if beside or (beside is None and has_sidecar):
        panel.dock()
    return panel


def _shell(what: str) -> Any:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        raise RuntimeError(
            f"{what} follows the cells of a notebook, and there is no IPython here. In a script, "
            "graph(x) draws what is behind a tensor."
        )
    return shell


def register_magic(shell: Any) -> None:
    """Offer `%gradlab live`, `%gradlab watch NAME` and `%gradlab stop`."""
    shell.register_magic_function(_magic, "line", "gradlab")


def _magic(line: str) -> LiveWidget | None:
    """`%gradlab live`: a panel that follows the notebook; `watch NAME`: one thing; `stop`: none."""
    match line.split():
        case ["live"]:
            return live()
        case ["watch", name]:
            variables = _shell("%gradlab").user_ns
            if name not in variables:
                raise NameError(f"%gradlab watch {name}: there is no variable {name!r}")
            return watch(variables[name])
        case ["stop"]:
            for panel in _panels.values():
                panel.stop()
            return None
    raise ValueError(
        f"%gradlab {line}: not known; there are `%gradlab live`, `%gradlab watch NAME` and "
        "`%gradlab stop`"
    )
