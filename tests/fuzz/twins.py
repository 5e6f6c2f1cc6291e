"""One program, line by line, in PyTorch and in gradlab, compared after every line.

What is compared is all that a person can see: numbers, versions, bases, flags, the whole graph by
its nodes' names, gradients, what hooks were given, warnings, and errors up to their first sentence.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy
import pytest

import gradlab

torch = pytest.importorskip("torch")

TOLERANCE = {
    "float16": 2e-3,
    "float32": 1e-5,
    "float64": 1e-6,
}  # what came through float32 may be float64 again


PYTORCH_GIVES_UP = {
    "INTERNAL ASSERT FAILED": "PyTorch broke",
    "A leaf node was passed to _will_engine_execute_node": "gradlab's multi-hooks know leaves",
    "that has been detached in-place": "gradlab kept the numbers",
    "out of bounds for storage of size 0": "PyTorch takes index_fill_'s index outside for memory",
}


class Difference(AssertionError):
    """What a line did in one library and not in the other."""


class KnownDifference(Exception):
    """The two differ in what is known and meant; nothing after it can be compared."""


class Twins:
    """The tensors of a program, by name, in both libraries.

    A line is Python text in which ``torch`` is the library and ``log`` a list for hooks to write
    to.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.theirs: dict[str, Any] = _names(torch)
        self.ours: dict[str, Any] = _names(gradlab)

    @property
    def names(self) -> list[str]:
        """The tensors' names."""
        return [name for name, value in self.theirs.items() if isinstance(value, torch.Tensor)]

    @property
    def hooked(self) -> list[str]:
        """Those of the tensors that have hooks."""
        return [name for name in self.names if self.theirs[name]._backward_hooks]

    def play(self, line: str) -> bool:
        """Run a line in both, compare, and say whether it ran without an error."""
        self.lines.append(line)
        theirs, ours = _run(line, self.theirs), _run(line, self.ours)
        _stop_at_known_differences(theirs["error"], ours["error"])
        for what, expected in theirs.items():
            if not _same_words(expected, ours[what]):
                raise self.difference(what, expected, ours[what])
        self._undo_pytorchs_change_of_an_inference_tensor(theirs["error"])
        self.compare()
        return not theirs["error"]

    def _undo_pytorchs_change_of_an_inference_tensor(self, error: Words) -> None:
        """PyTorch says that it does not allow the change, and has made it; gradlab has not."""
        if error and error[0][1].startswith("Inplace update to inference tensor"):
            for name in self.names:
                if self.theirs[name].is_inference():
                    self.ours[name]._array[...] = self.theirs[name].detach().numpy()

    def compare(self) -> None:
        """Raise for the first thing that is not the same in both."""
        names = self.names
        theirs, ours = _Look(torch, self.theirs, names), _Look(gradlab, self.ours, names)
        if set(theirs.facts) != set(ours.facts):
            raise self.difference("names", sorted(theirs.facts), sorted(ours.facts))
        for name, facts in theirs.facts.items():
            for fact, expected in facts.items():
                found = ours.facts[name][fact]
                if not _equal(expected, found):
                    self._stop_at_mixed_layouts(fact)
                    raise self.difference(f"{fact} of {name}", expected, found)
        if theirs.graph != ours.graph:
            raise self.difference("graph", "\n".join(theirs.graph), "\n".join(ours.graph))
        if not _equal(self.theirs["log"], self.ours["log"]):
            raise self.difference("log", self.theirs["log"], self.ours["log"])

    def _stop_at_mixed_layouts(self, fact: str) -> None:
        """Of two operands that lie otherwise PyTorch follows the first, NumPy the usual order."""
        operands = re.search(r"(\w+)( [*+] |, )(\w+)[\])]*$", self.lines[-1])
        if fact == "strides" and operands is not None and operands[1] != operands[3]:
            raise KnownDifference("how what is computed of two tensors lies in memory")
        if fact == "strides" and "twice(" in self.lines[-1]:
            raise KnownDifference("how a second derivative lies in memory: formulas differ")

    def difference(self, what: str, expected: Any, found: Any) -> Difference:
        """An error that shows the program too."""
        program = "\n".join(self.lines)
        return Difference(f"{what} after\n{program}\nPyTorch:\n{expected}\ngradlab:\n{found}")


def _names(library: Any) -> dict[str, Any]:
    """What a program may use."""

    def twice(gradient: Any, leaf: Any) -> Any:
        """The gradient of the sum of a gradient's squares."""
        found = library.autograd.grad((gradient * gradient).sum(), [leaf], allow_unused=True)[0]
        return None if found is None else found.clone()

    return {
        "torch": library,
        "log": [],
        "twice": twice,
        "apart": _apart,
        "may_turn": lambda t: not t.is_leaf and not t.retains_grad,
        "same_kind": lambda t, u: t.shape == u.shape and not (t.is_inference() or u.is_inference()),
    }


def _apart(t: Any, u: Any) -> bool:
    """Whether it matters not in which order the elements of ``t`` are computed from ``u``.

    Where the two share memory and either has gaps, or they came to it by way of NumPy, PyTorch
    doesn't notice, and computes some from what it has written before.
    """
    if t is u or not (t.numel() and u.numel()):
        return True
    if t.is_contiguous() and u.is_contiguous() and t.shape == u.shape:
        return True
    return bool(t.untyped_storage().data_ptr() != u.untyped_storage().data_ptr())


Words = list[tuple[str, str]]
"""Exceptions or warnings: the name of the type, and the text."""


def _run(line: str, names: dict[str, Any]) -> dict[str, Words]:
    """The error and the warnings of a line."""
    error = []
    names["torch"].set_warn_always(True)  # many warnings come once in a process
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(line, names)
        except Exception as raised:
            error = [(type(raised).__name__, str(raised))]
    names["torch"].set_warn_always(False)
    heard = [(w.category.__name__, str(w.message)) for w in caught]
    heard = [one for one in heard if one[0] != "RuntimeWarning"]  # NumPy's, of log(0) and the like
    return {"error": error, "warnings": heard}


def _stop_at_known_differences(theirs: Words, ours: Words) -> None:
    for text, why in PYTORCH_GIVES_UP.items():
        if text in "".join(said for _, said in theirs):
            raise KnownDifference(why)
    said = "".join(text for _, text in theirs), "".join(text for _, text in ours)
    if said[0] != said[1] and "nference" in "".join(said):
        raise KnownDifference("of two things wrong with an inference tensor, each says another")
    makers = [re.findall(r"modified by .*?, which is output \d of (\w+),", text) for text in said]
    if makers[0] != makers[1] and "AsStrided" in makers[1]:
        raise KnownDifference(
            "a view's history is named by gradlab, by PyTorch while somebody holds it"
        )
    if theirs and ours and "another view of its base has been modified" in said[0]:
        raise KnownDifference("PyTorch looks at the history before the arguments, gradlab after")
    overlap = "written-to tensor refer to a single"
    if overlap in said[0] and overlap not in said[1]:
        raise KnownDifference("PyTorch refuses overlaps that gradlab computes right")
    if not theirs and ours and "more than one element of the written-to tensor" in ours[0][1]:
        raise KnownDifference("PyTorch fills a stretched tensor, which gradlab refuses to")


def _same_words(theirs: Words, ours: Words) -> bool:
    """The same types, and each of our texts begins with the first sentence of theirs."""
    return [kind for kind, _ in theirs] == [kind for kind, _ in ours] and all(
        found.startswith(first_sentence(expected))
        for (_, expected), (_, found) in zip(theirs, ours, strict=True)
    )


def first_sentence(text: str) -> str:
    """A message without what follows its first sentence, and without its full stop."""
    return re.split(r"[.!?](?=\s|$|See )|\n|\(Triggered", text)[0].strip()


class _Look:
    """What a person sees of the tensors of a program."""

    def __init__(self, library: Any, values: dict[str, Any], names: list[str]) -> None:
        self._library = library
        self._numbers: dict[Any, int] = {}
        self.graph: list[str] = []
        tensors = {
            name: value for name in names if isinstance(value := values[name], library.Tensor)
        }
        # What PyTorch computes from an inference tensor may begin at version 1, or be a view.
        self._inference = any(tensor.is_inference() for tensor in tensors.values())
        self.facts = {name: self._facts(tensor, tensors) for name, tensor in tensors.items()}

    def _facts(self, tensor: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        requires_grad = tensor.requires_grad
        base, error = None, None
        try:
            node = tensor.grad_fn
        except RuntimeError as raised:  # a view whose history can't be found any more
            node, error = None, first_sentence(str(raised))
        if tensor._base is not None:
            same = [name for name, one in tensors.items() if one is tensor._base]
            base = same or tuple(tensor._base.shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            grad = tensor.grad if error is None else None
        return {
            "shape": tuple(tensor.shape),
            "strides": _strides(tensor),
            "dtype": str(tensor.dtype),
            "numbers": tensor.detach(),
            "version": None if self._inference else tensor._version,
            "requires_grad": requires_grad,
            "error of grad_fn": error,
            "grad_fn": None if node is None else name_of(node),
            "base": None if self._inference else base,
            "is_leaf": None if error else tensor.is_leaf,
            "output_nr": None if error else tensor.output_nr,
            # PyTorch leaves it set when detach_() makes a leaf of the tensor.
            "retains_grad": None if error or tensor.is_leaf else tensor.retains_grad,
            "history": self._walk(node),
            "grad": grad,
        }

    def _walk(self, root: Any) -> int | None:
        """The number of a node; every node new to us is described in ``graph``."""
        if root is None:
            return None
        stack = [root]
        order = []
        while stack:
            node = stack.pop()
            if node in self._numbers:
                continue
            self._numbers[node] = len(self._numbers)
            order.append(node)
            stack += [one for one, _ in reversed(node.next_functions) if one is not None]
        for node in order:
            edges = [
                (None if to is None else self._numbers[to], n) for to, n in node.next_functions
            ]
            self.graph.append(f"{self._numbers[node]} {name_of(node)} {edges}")
        return self._numbers[root]


def _strides(tensor: Any) -> tuple[int, ...]:
    """Where one goes along the dimensions in which there is somewhere to go.

    Pictures, of four dimensions, are put in order in gradlab before anybody looks, and what an
    index picks of three dimensions lies in order.
    """
    if not tensor.numel() or tensor.ndim > 2:
        return ()
    return tuple(step for step, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1)


def name_of(node: Any) -> str:
    """A node's name; PyTorch calls some by their full name in C++."""
    return str(node.name()).replace("torch::autograd::", "")


def _equal(theirs: Any, ours: Any) -> bool:
    """Equal, tensors if their numbers are close and their shape, dtype and flags the same."""
    if isinstance(theirs, torch.Tensor) and isinstance(ours, gradlab.Tensor):
        dtype = str(theirs.dtype)
        if (
            dtype != str(ours.dtype)
            or tuple(theirs.shape) != tuple(ours.shape)
            or theirs.requires_grad != ours.requires_grad
        ):
            return False
        tolerance = TOLERANCE.get(dtype.split(".")[1], 0)
        with numpy.errstate(all="ignore"):
            return bool(
                numpy.allclose(
                    ours._array,
                    theirs.detach().numpy(),
                    rtol=tolerance,
                    atol=tolerance,
                    equal_nan=True,
                )
            )
    if isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple)):
        return len(theirs) == len(ours) and all(map(_equal, theirs, ours))
    return bool(theirs == ours)
