"""What the generated tests call: every operation with each of its samples, here and in PyTorch."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab.op import OPS, Op
from gradlab.samples import Draw, Sample
from tests.generated import linear_algebra


@dataclass(frozen=True)
class Case:
    """One operation with one of its samples."""

    op: Op
    number: int
    sample: Sample

    def __str__(self) -> str:
        return f"{self.op.name}-{self.number}"

    def arguments(
        self, torch: ModuleType, *, dtype: str = "float64", requires_grad: bool = True
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The sample's arguments for a library: the same numbers for each, in its tensors.

        Tensors of floats get `dtype` and, where that has gradients, require them.
        """
        generator = numpy.random.default_rng([zlib.crc32(self.op.name.encode()), self.number])

        def given(value: Any, wanted: bool) -> Any:
            if isinstance(value, Draw):
                return _tensor(torch, value, generator, dtype, wanted)
            if isinstance(value, (tuple, list)):
                parts = [given(one, wanted) for one in value]
                return type(value)(parts) if torch is gl else parts
            return _translated(torch, value)

        def wanted(name: str) -> bool:
            return requires_grad and (name in self.op.gradients or not self.op.gradients)

        names = list(self.op.signature.parameters)[: len(self.sample.args)]
        args = tuple(
            given(value, wanted(name)) for name, value in zip(names, self.sample.args, strict=True)
        )
        kwargs = {name: given(value, wanted(name)) for name, value in self.sample.kwargs.items()}
        return args, kwargs


def _tensor(
    torch: ModuleType, draw: Draw, generator: numpy.random.Generator, dtype: str, wanted: bool
) -> Any:
    numbers = draw.array(generator)
    if draw.dtype not in ("float64", "complex128"):
        return torch.tensor(numbers)
    kind = numpy.dtype(dtype if draw.dtype == "float64" else draw.dtype)
    if kind.kind == "c" and draw.dtype == "float64":
        numbers = numbers + 1j * generator.uniform(-1, 1, draw.shape)
    if kind.kind in "ui":
        numbers = numpy.trunc(numpy.abs(numbers) if kind.kind == "u" else numbers)
    tensor = torch.tensor(numbers.astype(kind))
    return tensor.requires_grad_() if wanted and kind.kind in "fc" else tensor


def _translated(torch: ModuleType, value: Any) -> Any:
    """gradlab's own objects in a sample (tensors of indices, dtypes, devices) for `torch`."""
    if torch is gl:
        return value.to(gl.get_default_device()) if isinstance(value, gl.Tensor) else value
    if isinstance(value, gl.Tensor):
        return torch.tensor(value.numpy())
    if isinstance(value, gl.dtype):
        return getattr(torch, value.name)
    if isinstance(value, gl.device):
        return torch.device(str(value))
    return value


CASES = [
    Case(op, number, sample) for op in OPS.values() for number, sample in enumerate(op.samples)
]
DIFFERENTIABLE = [case for case in CASES if case.op.gradients]

each_case = pytest.mark.parametrize("case", CASES, ids=str)
each_differentiable_case = pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
each_op = pytest.mark.parametrize("op", OPS.values(), ids=OPS)


def tensors(values: Any) -> list[Any]:
    """The tensors in arguments or results, in order."""
    if isinstance(values, (tuple, list)):
        return [tensor for value in values for tensor in tensors(value)]
    if isinstance(values, dict):
        return tensors(list(values.values()))
    return [values] if hasattr(values, "requires_grad") else []


def random_seeds(torch: Any, results: list[Any]) -> list[Any]:
    """Gradients for results to start from, the same for each library."""
    generator = numpy.random.default_rng(0)

    def drawn(result: Any) -> Any:
        parts = generator.uniform(-1, 1, (2, *result.shape))
        return torch.tensor(parts[0] + 1j * parts[1] if result.is_complex() else parts[0])

    return [drawn(result) for result in results]


def numbers(tensor: Any) -> Any:
    """A tensor's elements as a NumPy array, whichever library and device it is of."""
    return tensor.numpy(force=True)


# ------------------------------------------------------------------ PyTorch's names


def aten(name: str) -> Callable[[ModuleType], Any]:
    """An operation of PyTorch's that has no function of its own in `torch`."""
    return lambda torch: getattr(torch.ops.aten, name)


def functional(name: str) -> Callable[[ModuleType], Any]:
    return lambda torch: getattr(torch.nn.functional, name)


def called(name: str) -> Callable[[ModuleType], Any]:
    return lambda torch: getattr(torch, name)


def picked(x: Any, indices: Any, dim: int, keepdim: bool) -> Any:
    """The elements at one index along a dimension, as max and min along it pick them."""
    return x.gather(dim, indices) if keepdim else x.gather(dim, indices.unsqueeze(dim)).squeeze(dim)


def put_into_zeros(index_put: Any, g: Any, shape: Any, indices: Any) -> Any:
    return index_put(g.new_zeros(shape), indices, g, True)


def zero_at(index_put: Any, x: Any, indices: Any) -> Any:
    return index_put(x, indices, x.new_zeros(()))


def add_into_zeros(index_add: Any, g: Any, shape: Any, dim: int, index: Any) -> Any:
    return index_add(g.new_zeros(shape), dim, index, g)


def scatter_into_zeros(masked_scatter: Any, g: Any, shape: Any, mask: Any) -> Any:
    return masked_scatter(g.new_zeros(shape), mask, g)


def special(name: str) -> Callable[[ModuleType], Any]:
    return lambda torch: getattr(torch.special, name)


def overwriting(find: Callable[[ModuleType], Any]) -> Callable[[ModuleType], Any]:
    """A function that overwrites its input, called with a copy."""
    return lambda torch: functools.partial(on_copy, find(torch))


def on_copy(function: Any, x: Any, *options: Any) -> Any:
    return function(x + 0, *options)


Counterpart = Callable[[ModuleType], Callable[..., Any]]


def packed_by_sizes(torch: ModuleType) -> Callable[..., Any]:
    """PyTorch's packing, which takes lengths where ours takes how many sequences each step has."""
    pack = torch.ops.aten._pack_padded_sequence

    def call(input: Any, batch_sizes: Sequence[int], batch_first: bool) -> Any:
        lengths = [sum(size > i for size in batch_sizes) for i in range(batch_sizes[0])]
        return pack(input, torch.tensor(lengths), batch_first)[0]

    return call


PYTORCH: dict[str, Counterpart] = {
    **linear_algebra.COUNTERPARTS,
    "silu": functional("silu"),
    "leaky_relu": functional("leaky_relu"),
    "elu": lambda torch: torch.ops.aten.elu,
    "softplus": functional("softplus"),
    "mish": functional("mish"),
    "hardtanh": functional("hardtanh"),
    "softshrink": functional("softshrink"),
    "hardsigmoid": functional("hardsigmoid"),
    "hardswish": functional("hardswish"),
    "glu": functional("glu"),
    "prelu_kernel": aten("_prelu_kernel"),
    **{
        f"{name}_number": lambda torch, name=name: getattr(torch.ops.aten, name).Scalar
        for name in ("add", "sub", "mul", "div")
    },
    "norm_along": aten("norm"),
    "rsub_tensor": called("rsub"),
    "safe_softmax": aten("_safe_softmax"),
    "elu_over": overwriting(aten("elu_")),
    "celu_over": overwriting(functional("celu_")),
    "leaky_relu_over": overwriting(functional("leaky_relu_")),
    "rrelu_with_noise": aten("rrelu_with_noise"),
    "median_dim": called("median"),
    "nanmedian_dim": called("nanmedian"),
    "kthvalue_parts": called("kthvalue"),
    "mode_parts": called("mode"),
    "aminmax_parts": lambda torch: (
        lambda x, dim=None, keepdim=False: torch.aminmax(x, dim=dim, keepdim=keepdim)
    ),
    "var_mean": lambda torch: (
        lambda x, dim, correction=1, keepdim=False: torch.var_mean(
            x, dim, correction=correction, keepdim=keepdim
        )
    ),
    "std_mean": lambda torch: (
        lambda x, dim, correction=1, keepdim=False: torch.std_mean(
            x, dim, correction=correction, keepdim=keepdim
        )
    ),
    "cummax_parts": called("cummax"),
    "cummin_parts": called("cummin"),
    "frexp_parts": called("frexp"),
    "erfcx": special("erfcx"),
    "ndtri": special("ndtri"),
    "log_ndtr": special("log_ndtr"),
    "entr": special("entr"),
    "i0e": special("i0e"),
    "i1": special("i1"),
    "i1e": special("i1e"),
    "scalar_xlogy": called("xlogy"),
    "xlog1py_tensor": special("xlog1py"),
    "xlog1py_scalar": special("xlog1py"),
    "scalar_xlog1py": special("xlog1py"),
    "zeta_tensor": special("zeta"),
    "scalar_zeta": special("zeta"),
    "conj_physical_own": lambda torch: lambda x: x.clone().conj_physical_(),
    "real_part": lambda torch: lambda x: x.real.clone(),
    "copy": lambda torch: lambda x, other: x.clone().copy_(other),
    "fill_scalar": lambda torch: lambda x, value: x.clone().fill_(value),
    "fill_tensor": lambda torch: lambda x, value: x.clone().fill_(value),
    "zero": lambda torch: lambda x: x.clone().zero_(),
    "threshold_backward": lambda torch: functools.partial(
        torch.ops.aten.threshold_backward, threshold=0
    ),
    "to_copy": lambda torch: lambda x, dtype, device, source: x.to(dtype, copy=True),
    "view": aten("view"),
    "reshape_alias": lambda torch: lambda x, shape: x.reshape(shape),
    "unsafe_view": aten("_unsafe_view"),
    "squeeze_all": called("squeeze"),
    "squeeze_dim": called("squeeze"),
    "squeeze_dims": called("squeeze"),
    "squeeze_own": called("squeeze"),
    "alias": aten("alias"),
    "expand": lambda torch: lambda x, shape: x.expand(shape),
    "repeat": lambda torch: lambda x, repeats: x.repeat(repeats),
    "select_backward": aten("select_backward"),
    "slice": aten("slice"),
    "slice_backward": aten("slice_backward"),
    "diagonal_backward": aten("diagonal_backward"),
    "block_diag": lambda torch: lambda tensors: torch.block_diag(*tensors),
    "unfold": lambda torch: lambda x, dim, size, step: x.unfold(dim, size, step),
    "unfold_backward": aten("unfold_backward"),
    "squeeze_all_copy": called("squeeze_copy"),
    "squeeze_dim_copy": called("squeeze_copy"),
    "squeeze_dims_copy": called("squeeze_copy"),
    "as_strided_own": called("as_strided"),
    "squeeze_all_own": called("squeeze"),
    "squeeze_dims_own": called("squeeze"),
    "t_own": called("t"),
    "transpose_own": called("transpose"),
    "unsqueeze_own": called("unsqueeze"),
    "index_fill_scalar": called("index_fill"),
    "index_fill_tensor": called("index_fill"),
    "take_backward": lambda torch: lambda g, shape, index: g.new_zeros(shape).put(index, g, True),
    "put": lambda torch: (
        lambda x, index, source, accumulate=False: torch.Tensor.put(x, index, source, accumulate)
    ),
    "masked_scatter_backward": aten("masked_scatter_backward"),
    "_unique2": called("unique"),
    "unique_dim": called("unique"),
    "_unique_consecutive": called("unique_consecutive"),
    "padded": lambda torch: lambda x, padding, how: torch.nn.functional.pad(x, padding, how),
    **{
        f"{kind}_pad{dims}d": aten(f"{kind}_pad{dims}d")
        for kind in ("reflection", "replication")
        for dims in (1, 2, 3)
    },
    "index": aten("index"),
    "index_put": aten("index_put"),
    "index_backward": lambda torch: functools.partial(put_into_zeros, torch.ops.aten.index_put),
    "cleared": lambda torch: functools.partial(zero_at, torch.ops.aten.index_put),
    "gather_backward": lambda torch: (
        lambda g, shape, dim, index: g.new_zeros(shape).scatter_add(dim, index, g)
    ),
    "index_select_backward": lambda torch: functools.partial(add_into_zeros, torch.index_add),
    "masked_select_backward": lambda torch: functools.partial(
        scatter_into_zeros, torch.masked_scatter
    ),
    "scatter_value": called("scatter"),
    "gelu": functional("gelu"),
    "gelu_backward": aten("gelu_backward"),
    "logsigmoid": functional("logsigmoid"),
    "round_whole": called("round"),
    "round_decimals": lambda torch: lambda x, decimals: torch.round(x, decimals=decimals),
    "div_rounded": lambda torch: (
        lambda x, other, rounding_mode: torch.div(x, other, rounding_mode=rounding_mode)
    ),
    "sort_picked": lambda torch: lambda x, indices, dim: x.gather(dim, indices),
    "sort_picked_stably": lambda torch: lambda x, indices, dim: x.gather(dim, indices),
    "topk_picked": lambda torch: lambda x, indices, dim: x.gather(dim, indices),
    "im2col": aten("im2col"),
    "col2im": aten("col2im"),
    "upsample_nearest1d": aten("upsample_nearest1d"),
    "upsample_nearest2d": aten("upsample_nearest2d"),
    "upsample_nearest3d": aten("upsample_nearest3d"),
    "upsample_linear1d": aten("upsample_linear1d"),
    "upsample_bilinear2d": aten("upsample_bilinear2d"),
    "upsample_trilinear3d": aten("upsample_trilinear3d"),
    "upsample_bicubic2d": aten("upsample_bicubic2d"),
    "upsample_nearest_exact1d": aten("_upsample_nearest_exact1d"),
    "upsample_nearest_exact2d": aten("_upsample_nearest_exact2d"),
    "upsample_nearest_exact3d": aten("_upsample_nearest_exact3d"),
    "upsample_bilinear2d_aa": aten("_upsample_bilinear2d_aa"),
    "upsample_bicubic2d_aa": aten("_upsample_bicubic2d_aa"),
    "max_pool2d_with_indices": aten("max_pool2d_with_indices"),
    "max_pool3d_with_indices": aten("max_pool3d_with_indices"),
    "adaptive_max_pool2d": aten("adaptive_max_pool2d"),
    "adaptive_max_pool3d": aten("adaptive_max_pool3d"),
    "max_unpool2d": aten("max_unpool2d"),
    "max_unpool3d": lambda torch: (
        # One maximum for each window, so the windows are as large as the result.
        lambda input, indices, output_size: torch.nn.functional.max_unpool3d(
            input, indices, output_size
        )
    ),
    "avg_pool2d": aten("avg_pool2d"),
    "avg_pool3d": aten("avg_pool3d"),
    "adaptive_avg_pool2d": functional("adaptive_avg_pool2d"),
    "adaptive_avg_pool3d": functional("adaptive_avg_pool3d"),
    "mse_loss": aten("mse_loss"),
    "nll_loss": aten("nll_loss"),
    "nll_loss2d": aten("nll_loss2d"),
    "binary_cross_entropy": aten("binary_cross_entropy"),
    "smooth_l1_loss": aten("smooth_l1_loss"),
    "huber_loss": aten("huber_loss"),
    "soft_margin_loss": aten("soft_margin_loss"),
    "multi_margin_loss": lambda torch: (
        lambda input, target, weight=None, p=1, margin=1.0, reduction=1: (
            torch.nn.functional.multi_margin_loss(
                input, target, p, margin, weight, reduction=("none", "mean", "sum")[reduction]
            )
        )
    ),
    "multilabel_margin_loss": aten("multilabel_margin_loss"),
    "scalar_pow": called("pow"),
    "var": lambda torch: (
        lambda x, dim, correction=1, keepdim=False: torch.var(
            x, dim, correction=correction, keepdim=keepdim
        )
    ),
    "std": lambda torch: (
        lambda x, dim, correction=1, keepdim=False: torch.std(
            x, dim, correction=correction, keepdim=keepdim
        )
    ),
    "sum_dim": called("sum"),
    "mean_dim": called("mean"),
    "prod_dim": called("prod"),
    "vector_norm": lambda torch: torch.linalg.vector_norm,
    "max_dim": lambda torch: lambda x, indices, dim, keepdim: picked(x, indices, dim, keepdim),
    "min_dim": lambda torch: lambda x, indices, dim, keepdim: picked(x, indices, dim, keepdim),
    "ratio": called("div"),
    "pack_padded": packed_by_sizes,
}
"""The primitives whose name is not that of a function `torch.<name>` with the same arguments."""

OWN_PARTS = {
    "embedding_dense_backward": "keeps the scale by frequency in its own derivative",
    "embedding_bag": "hands on other parts; tests/nn/test_embedding_bag.py compares it",
    "embedding_taken": "a part of an embedding's second derivative",
    "resample": "what all upsampling is; PyTorch has one operation for each mode",
    "resample_backward": "a part of the derivatives of upsampling",
    **linear_algebra.OWN_PARTS,
    "adaptive_avg_backward": "takes the shape where PyTorch's takes the input",
    "avg_pool_backward": "takes the shape where PyTorch's takes the input",
    "conv_input_grad": "a part of a convolution's derivative",
    "conv_weight_grad": "a part of a convolution's derivative",
    "dot_over": "a part of the derivatives of normalisation",
    "native_batch_norm": "lets mean and deviation have gradients, too, for the second derivative",
    "native_group_norm": "lets mean and deviation have gradients, too, for the second derivative",
    "native_layer_norm": "lets mean and deviation have gradients, too, for the second derivative",
    "put_at": "a part of the derivatives of pooling",
    "sum_over": "a part of the derivatives of normalisation",
    "taken_at": "a part of the derivatives of pooling",
    "weighted_sum": "a part of the derivatives of normalisation",
    "attention": "hands on what its backward pass needs; tests/nn/test_attention.py compares it",
    "lstm_layer": "hands on what its backward pass needs; tests/nn/test_rnn.py compares it",
    "multilabel_margin_slopes": "the derivative of multilabel_margin_loss",
    "pack_padded_backward": "takes the sizes of steps as a tuple",
    "nll_loss_backward": "takes the weights where PyTorch's takes their sum",
    "sinc_slope": "the derivative of sinc",
    "strided_scatter": "PyTorch's gradient fails its own gradcheck",
    "by_steps": "a part of the derivatives with cases",
    "overlay": "a part of as_strided's derivative",
    "overlay_backward": "a part of as_strided's derivative",
    "padded_backward": "a part of padding's derivative; PyTorch has one for each number of dims",
    "scatter_combined": "a part of scatter; tests/ops/test_scatter.py compares it",
    "scalar_remainder": "has no gradient; tests/test_graphs.py compares its node",
    "normal_around": "random, no samples",
    "normal_of_each": "random, no samples",
    "normal_spread": "random, no samples",
    "shifted": "a part of cumprod's derivative; PyTorch has no such operation",
    "ties": "a part of max's derivative",
    "zeroed": "a part of the derivatives with cases",
}
"""Primitives with nothing in PyTorch to compare to; what uses them is compared."""


def counterpart(torch: ModuleType, op: Op) -> Callable[..., Any]:
    """The function of `torch` that does what a primitive does."""
    if op.name in OWN_PARTS:
        pytest.skip(OWN_PARTS[op.name])
    found: Callable[..., Any] = PYTORCH.get(op.name, called(plain_name(op.name)))(torch)
    return found


def plain_name(name: str) -> str:
    """`pow` for `pow_scalar` and `pow_tensor`: one function, one primitive per kind of operand."""
    return name.removesuffix("_scalar").removesuffix("_tensor")


def public_function(op: Op) -> Callable[..., Any] | None:
    """The function of gradlab through which people reach a primitive, if it has PyTorch's name."""
    if op.name in OWN_PARTS:
        return None
    try:
        return counterpart(gl, op)
    except AttributeError:  # torch.ops.aten, which gradlab has no need of
        return None
