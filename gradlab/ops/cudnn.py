"""Convolution by cuDNN, NVIDIA's library for layers, where its Python front end is installed.

The three kernels of ``conv`` on CuPy's arrays. Each answers None for what cuDNN doesn't compute;
``conv`` then does, by matrix products.

cuDNN is asked by *graphs*: tensors with sizes and strides, and an operation between them. To build
one, cuDNN looks for a kernel, which takes milliseconds; to run it takes microseconds. So graphs are
kept, one for each operation with its sizes and dtypes, and it is kept as well what cuDNN refused.

Tensors lie pixel by pixel, as gradlab keeps pictures and as tensor cores like them, or in order
where cuDNN takes nothing else. cuDNN finds the number of groups by itself, from the channels.
"""

from __future__ import annotations

import functools
import threading
import warnings
from typing import Any, NamedTuple

from gradlab import arrays
from gradlab.arrays import Array
from gradlab.backends import cudnn as settings
from gradlab.ops.windows import Sizes, picture_of, pixels_of, windows_along

# ------------------------------------------------------------------ the three kernels


def convolved(
    input: Array, weight: Array, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Array | None:
    """A picture (N, C, …) and a weight (O, C / groups, …) to a picture (N, O, …)."""
    lengths = (stride, padding, dilation)
    out = map(windows_along, input.shape[2:], weight.shape[2:], *lengths)
    result = (input.shape[0], weight.shape[0], *out)
    given = {"image": input, "weight": weight}
    return _computed("conv_fprop", given, (input.shape, weight.shape, result), lengths)


def input_gradient(
    g: Array,
    weight: Array,
    spatial: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array | None:
    """The gradient of a picture of size ``spatial``, from that of the result."""
    picture = (g.shape[0], weight.shape[1] * groups, *spatial)
    given = {"loss": g, "filter": weight}
    shapes = (picture, weight.shape, g.shape)
    return _computed("conv_dgrad", given, shapes, (stride, padding, dilation))


def weight_gradient(
    input: Array, g: Array, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Array | None:
    """The gradient of a weight of this shape, from the picture and the gradient of the result."""
    given = {"image": input, "loss": g}
    shapes = (input.shape, tuple(shape), g.shape)
    return _computed("conv_wgrad", given, shapes, (stride, padding, dilation))


# ------------------------------------------------------------------ what is asked for


class Problem(NamedTuple):
    """All that the choice of a kernel depends on; sizes of picture, weight and result."""

    operation: str
    dtype: str
    sizes: tuple[Sizes, Sizes, Sizes]
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    allow_tf32: bool
    deterministic: bool
    device: int
    thread: int  # handles, and graphs while they run, belong to one

    def sizes_of(self, name: str) -> Sizes:
        """The sizes of an operand, by the name that the operation gives it."""
        picture, weight, result = self.sizes
        by_name = {"image": picture, "weight": weight, "filter": weight, "loss": result}
        return by_name[name]

    @property
    def made(self) -> Sizes:
        """The sizes of what is computed."""
        return self.sizes[("conv_dgrad", "conv_wgrad", "conv_fprop").index(self.operation)]


def _computed(
    operation: str,
    given: dict[str, Array],
    sizes: tuple[Sizes, Sizes, Sizes],
    lengths: tuple[Sizes, Sizes, Sizes],
) -> Array | None:
    first = next(iter(given.values()))
    if not (settings.enabled and _is_for_cudnn(first.dtype, sizes, lengths)):
        return None
    is_line = len(lengths[0]) == 1  # which cuDNN takes as a picture of one row
    if is_line:
        given = {name: array[:, :, None] for name, array in given.items()}
        sizes = tuple((n, c, 1, size) for n, c, size in sizes)  # type: ignore[assignment]
        stride, padding, dilation = lengths
        lengths = ((1, *stride), (0, *padding), (1, *dilation))
    problem = Problem(
        operation,
        first.dtype.name,
        sizes,
        *lengths,
        settings.allow_tf32,
        settings.deterministic,
        first.device.id,
        threading.get_ident(),
    )
    with first.device:
        plan = _plan(problem)
        found = None if plan is None else plan.run(given)
    return found[:, :, 0] if is_line and found is not None else found


_DTYPES = {"float16": "HALF", "float32": "FLOAT", "float64": "DOUBLE"}


def _is_for_cudnn(
    dtype: Any, sizes: tuple[Sizes, Sizes, Sizes], lengths: tuple[Sizes, Sizes, Sizes]
) -> bool:
    """Whether cuDNN is there and knows the dtype, and the result is all windows of the picture.

    A transposed convolution may leave a window out.
    """
    if settings.front_end() is None or dtype.name not in _DTYPES:
        return False
    picture, weight, result = sizes
    out = tuple(map(windows_along, picture[2:], weight[2:], *lengths))
    return out == tuple(result[2:]) and 0 not in (*picture, *weight, *result)


# ------------------------------------------------------------------ plans


@functools.lru_cache(maxsize=1000)
def _plan(problem: Problem) -> _Plan | None:
    """A graph with a kernel for the problem, None where cuDNN has none."""
    cudnn = settings.front_end()
    for channels_last in (True, False):
        try:
            return _Plan(cudnn, problem, channels_last)
        except (cudnn.cudnnGraphNotSupportedError, RuntimeError, ValueError):
            continue
    return None


class _Plan:
    """A graph that cuDNN has a kernel for, for tensors that lie in one of two orders."""

    def __init__(self, cudnn: Any, problem: Problem, channels_last: bool) -> None:
        self._problem, self._channels_last = problem, channels_last
        self._cudnn, self._handle = cudnn, _handle(cudnn, problem.device, problem.thread)
        self._operands: dict[str, Any] = {}
        self._graph, self._made = self._described()
        _choose_kernel(cudnn, self._graph, problem)
        self._room = int(self._graph.get_workspace_size())
        self._is_refused = False

    def _described(self) -> tuple[Any, Any]:
        """The graph, and the tensor in it that is computed."""
        problem, kinds = self._problem, self._cudnn.data_type
        kind = getattr(kinds, _DTYPES[problem.dtype])
        exact = kinds.DOUBLE if problem.dtype == "float64" else kinds.FLOAT  # to add up in
        graph = self._cudnn.pygraph(
            io_data_type=kind,
            intermediate_data_type=exact,
            compute_data_type=exact,
            handle=self._handle,
        )
        for name in _OPERANDS[problem.operation]:
            sizes = problem.sizes_of(name)
            self._operands[name] = graph.tensor(
                name=name, dim=list(sizes), stride=self._strides(sizes), data_type=kind
            )
        made = getattr(graph, problem.operation)(
            **self._operands,
            pre_padding=list(problem.padding),
            post_padding=list(problem.padding),
            stride=list(problem.stride),
            dilation=list(problem.dilation),
        )
        made.set_output(True)
        made.set_data_type(kind)
        made.set_dim(list(problem.made))
        made.set_stride(self._strides(problem.made))
        return graph, made

    def _strides(self, sizes: Sizes) -> list[int]:
        """How far apart in memory neighbours are, counted in elements."""
        axes = list(range(len(sizes)))
        order = [0, *axes[2:], 1] if self._channels_last else axes
        strides, step = [0] * len(sizes), 1
        for axis in reversed(order):
            strides[axis] = step
            step *= sizes[axis]
        return strides

    def run(self, given: dict[str, Array]) -> Array | None:
        """What is computed from operands of the problem's sizes; None if cuDNN fails to."""
        if self._is_refused:
            return None
        xp = arrays.array_module(next(iter(given.values())))
        operands = {name: self._in_order(xp, array) for name, array in given.items()}
        made = self._new(xp)
        buffers = {self._operands[name]: array.data.ptr for name, array in operands.items()}
        buffers[self._made] = made.data.ptr
        room = xp.empty(max(1, self._room), "uint8")
        self._cudnn.set_stream(self._handle, xp.cuda.get_current_stream().ptr)
        try:
            self._graph.execute(buffers, room.data.ptr, handle=self._handle)
        except (self._cudnn.cudnnGraphNotSupportedError, RuntimeError) as error:
            self._is_refused = True
            warnings.warn(
                f"cuDNN had a kernel for {self._problem} and failed to run it: {error}. From now "
                "on this convolution is computed by matrix products.",
                stacklevel=2,
            )
            return None
        return picture_of(made) if self._channels_last else made

    def _in_order(self, xp: Any, picture: Array) -> Array:
        """The operand's numbers in the plan's order; copied where they lie otherwise."""
        found = xp.ascontiguousarray(pixels_of(picture) if self._channels_last else picture)
        return found.copy() if found.data.ptr % _ALIGNMENT else found

    def _new(self, xp: Any) -> Array:
        n, c, *spatial = self._problem.made
        shape = (n, *spatial, c) if self._channels_last else (n, c, *spatial)
        return xp.empty(shape, self._problem.dtype)


_OPERANDS = {
    "conv_fprop": ("image", "weight"),
    "conv_dgrad": ("loss", "filter"),
    "conv_wgrad": ("image", "loss"),
}
_ALIGNMENT = 16  # bytes; where kernels expect tensors to begin, unless told otherwise
_MOST_ROOM = 1 << 30  # bytes that a kernel may ask for to compute in


def _choose_kernel(cudnn: Any, graph: Any, problem: Problem) -> None:
    """Let cuDNN choose among the kernels that the settings allow; raises where there is none."""
    notes = cudnn.numerical_note
    barred = [notes.NONDETERMINISTIC] if problem.deterministic else []
    if problem.dtype == "float32":
        barred += [notes.DOWN_CONVERT_INPUTS]
        barred += [] if problem.allow_tf32 else [notes.TENSOR_CORE]
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    if barred:
        graph.deselect_numeric_notes(barred)
    graph.deselect_workspace_greater_than(_MOST_ROOM)
    graph.check_support()
    graph.build_plans()


@functools.cache
def _handle(cudnn: Any, device: int, thread: int) -> Any:
    """cuDNN's handle for the current device, in the current thread."""
    return cudnn.create_handle()
