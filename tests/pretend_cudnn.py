"""A stand-in for cuDNN's Python front end, over the memory of the stand-in for CuPy.

It has the functions, arguments and constants that versions 1.9.0, 1.14.1 and 1.32.0 of
`nvidia-cudnn-frontend` have in common (`tests/data/cudnn_names.txt`) and no others, wants the steps
of a graph in their order, and checks sizes as cuDNN does. A graph that runs reads and writes the
memory at the addresses it is given, by the strides it was told: wrong ones give wrong numbers.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

_, *_LINES = (Path(__file__).parent / "data/cudnn_names.txt").read_text("utf-8").splitlines()
NAMES = {what: names.split() for what, names in (line.split(": ") for line in _LINES)}
data_type, heur_mode, numerical_note = (
    Enum(kind, NAMES[kind])  # type: ignore[misc]
    for kind in ("data_type", "heur_mode", "numerical_note")
)

_NUMPY = {"HALF": "float16", "FLOAT": "float32", "DOUBLE": "float64"}
_ROOM = 96  # bytes that every kernel wants to compute in
_STEPS = [
    "validate", "build_operation_graph", "create_execution_plans", "check_support", "build_plans",
]  # fmt: skip


class cudnnGraphNotSupportedError(Exception):
    """What cuDNN raises where it has no kernel."""


class Library:
    """One module `cudnn`, and what it was asked for."""

    def __init__(self) -> None:
        self.built: list[_Graph] = []
        self.ran: list[_Graph] = []
        self.streams: list[int] = []
        self.refuses: Callable[[_Graph], bool] = lambda graph: False
        self.fails_to_run = False

    def module(self) -> ModuleType:
        """What to put into `sys.modules`."""
        made: Any = ModuleType("cudnn")
        made.data_type, made.heur_mode = data_type, heur_mode
        made.numerical_note = numerical_note
        made.cudnnGraphNotSupportedError = cudnnGraphNotSupportedError
        made.backend_version = lambda: 92800
        made.create_handle = object
        made.set_stream = lambda handle, stream: self.streams.append(stream)
        made.pygraph = lambda **options: _Graph(self, options)
        return made  # type: ignore[no-any-return]


class _Tensor:
    def __init__(self, dim: Any = None, stride: Any = None, kind: Any = None) -> None:
        self.dim, self.stride, self.kind, self.is_output = dim, stride, kind, False

    def set_output(self, value: bool) -> None:
        self.is_output = value

    def set_data_type(self, kind: Any) -> None:
        self.kind = kind

    def set_dim(self, dim: list[int]) -> None:
        self.dim = dim

    def set_stride(self, stride: list[int]) -> None:
        self.stride = stride

    def at(self, address: int) -> Any:
        """The array at an address that is laid out like this."""
        if address % 16:
            raise RuntimeError("CUDNN_STATUS_BAD_PARAM: misaligned address")
        dtype = numpy.dtype(_NUMPY[self.kind.name])
        last = sum((n - 1) * s for n, s in zip(self.dim, self.stride, strict=True))
        memory = (ctypes.c_char * ((last + 1) * dtype.itemsize)).from_address(address)
        strides = [s * dtype.itemsize for s in self.stride]
        return numpy.ndarray(self.dim, dtype, memory, 0, strides)


class _Graph:
    """What `cudnn.pygraph` makes: one convolution, forward or for one of its gradients."""

    def __init__(self, library: Library, options: dict[str, Any]) -> None:
        _check("pygraph.__init__", options)
        self.options, self._library = options, library
        self.operation, self.operands, self.lengths = "", {}, {}  # type: ignore[var-annotated]
        self.made = _Tensor()
        self.notes = [{numerical_note.TENSOR_CORE}, {numerical_note.NONDETERMINISTIC}, set()]
        self._done: list[str] = []

    @property
    def channels_last(self) -> bool:
        return self.made.stride[1] == 1  # type: ignore[no-any-return]

    # ------------------------------------------------------------------ describing

    def tensor(self, **options: Any) -> _Tensor:
        _check("pygraph.tensor", options)
        _check_integers(options["dim"], options["stride"])
        return _Tensor(options["dim"], options["stride"], options["data_type"])

    def __getattr__(self, name: str) -> Any:
        if name in ("conv_fprop", "conv_dgrad", "conv_wgrad"):
            return lambda **options: self._convolve(name, options)
        if name in _STEPS:
            return lambda *args: self._step(name, args)
        raise AttributeError(name)

    def _convolve(self, operation: str, options: dict[str, Any]) -> _Tensor:
        _check(f"pygraph.{operation}", options)
        self.operation = operation
        for name, value in options.items():
            if isinstance(value, _Tensor):
                self.operands[name] = value
            else:
                _check_integers(value)
                self.lengths[name] = value
        return self.made

    def _picture_weight_result(self, of: Callable[[_Tensor], Any]) -> tuple[Any, Any, Any]:
        given = self.operands
        weight = "weight" if self.operation == "conv_fprop" else "filter"
        return (
            of(given.get("image", self.made)),
            of(given.get(weight, self.made)),
            of(given.get("loss", self.made)),
        )

    # ------------------------------------------------------------------ choosing a kernel

    def _step(self, name: str, args: Any) -> None:
        self._done.append(name)
        if self._done != _STEPS[: len(self._done)]:
            raise RuntimeError(f"steps in another order: {self._done}")
        if name == "validate":
            self._check_sizes()
        elif name == "create_execution_plans":
            assert all(isinstance(mode, heur_mode) for mode in args[0])
        elif name == "check_support" and self._library.refuses(self):
            raise cudnnGraphNotSupportedError("No execution plans support the graph.")
        elif name == "build_plans":
            if not self.notes:
                raise RuntimeError("No plans left")
            self._library.built.append(self)

    def _check_sizes(self) -> None:
        if not self.made.is_output or self.options.get("handle") is None:
            raise RuntimeError("no output, or no handle")
        x, w, y = self._picture_weight_result(lambda tensor: tensor.dim)
        if x[1] % w[1] or w[0] % (x[1] // w[1]) or (x[0], w[0]) != (y[0], y[1]):
            raise RuntimeError(f"CUDNN_STATUS_BAD_PARAM: channels of {x}, {w}, {y}")
        if len(x) not in (4, 5):
            raise RuntimeError(f"CUDNN_STATUS_NOT_SUPPORTED: dimensions of {x}")
        named = ("pre_padding", "post_padding", "stride", "dilation")
        before, after, stride, dilation = (self.lengths[name] for name in named)
        for i, size in enumerate(y[2:]):
            seen = x[i + 2] + before[i] + after[i] - dilation[i] * (w[i + 2] - 1) - 1
            if seen // stride[i] + 1 != size:
                raise RuntimeError(f"CUDNN_STATUS_BAD_PARAM: spatial sizes of {x}, {w}, {y}")

    def deselect_numeric_notes(self, notes: Any) -> None:
        self._wants("create_execution_plans")
        self.notes = [own for own in self.notes if not own & set(notes)]

    def deselect_workspace_greater_than(self, most: int) -> None:
        self._wants("create_execution_plans")
        if most < _ROOM:
            self.notes = []

    def get_workspace_size(self) -> int:
        self._wants("build_plans")
        return _ROOM

    def _wants(self, step: str) -> None:
        if self._done[-1] != step:
            raise RuntimeError(f"after {self._done[-1]}, not after {step}")

    # ------------------------------------------------------------------ running

    def execute(self, buffers: dict[_Tensor, int], workspace: int, handle: Any) -> None:
        self._wants("build_plans")
        assert handle is self.options["handle"]
        assert self._library.streams, "no stream was set"
        if set(buffers) != {*self.operands.values(), self.made}:
            raise RuntimeError("the variant pack is missing a buffer")
        if self._library.fails_to_run:
            raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED")
        ctypes.memset(workspace, 0xFF, _ROOM)
        self._library.ran.append(self)
        x, w, y = self._picture_weight_result(lambda tensor: tensor.at(buffers[tensor]))
        self._compute(x, w, y)

    def _compute(self, x: Any, w: Any, y: Any) -> None:
        """Fill the one of the three that is made, place by place of the kernel."""
        stride, dilation = self.lengths["stride"], self.lengths["dilation"]
        around = [(0, 0), (0, 0), *((p, p) for p in self.lengths["pre_padding"])]
        groups = x.shape[1] // w.shape[1]
        exact = self.options["compute_data_type"].name
        wide = numpy.pad(x, around).astype(_NUMPY[exact])
        if self.operation != "conv_wgrad":
            weight = w.astype(_NUMPY[exact])
        else:
            weight = numpy.zeros(w.shape, _NUMPY[exact])
        result = y.astype(_NUMPY[exact])
        if self.operation == "conv_fprop":
            result[...] = 0
        elif self.operation == "conv_dgrad":
            wide[...] = 0
        for place in itertools.product(*map(range, w.shape[2:])):
            under = tuple(
                slice(k * d, k * d + (n - 1) * s + 1, s)
                for k, d, n, s in zip(place, dilation, y.shape[2:], stride, strict=True)
            )
            for group in range(groups):
                ins, outs = (
                    slice(group * n // groups, (group + 1) * n // groups)
                    for n in (x.shape[1], y.shape[1])
                )
                seen, here = wide[(slice(None), ins, *under)], result[:, outs]
                at = (outs, slice(None), *place)
                if self.operation == "conv_fprop":
                    here += numpy.einsum("nc...,oc->no...", seen, weight[at])
                elif self.operation == "conv_dgrad":
                    seen += numpy.einsum("no...,oc->nc...", here, weight[at])
                else:
                    axes = (0, *range(2, x.ndim))
                    weight[at] += numpy.tensordot(here, seen, (axes, axes))
        inner = tuple(slice(a, a + n) for (a, _), n in zip(around, x.shape, strict=True))
        made, found = {
            "conv_fprop": (y, result), "conv_dgrad": (x, wide[inner]), "conv_wgrad": (w, weight),
        }[self.operation]  # fmt: skip
        made[...] = found


def _check(function: str, options: dict[str, Any]) -> None:
    unknown = set(options) - set(NAMES[function])
    if unknown:
        raise TypeError(f"{function}() got unexpected arguments {sorted(unknown)}")


def _check_integers(*lists: Any) -> None:
    for numbers in lists:
        if type(numbers) is not list or not all(type(n) is int for n in numbers):
            raise TypeError(f"a list of int is wanted, not {numbers!r}")
