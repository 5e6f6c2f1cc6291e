"""Convolutions must be by cuDNN what they are by matrix products, forward and backward."""

from __future__ import annotations

from typing import Any

import pytest

import gradlab as gl
from gradlab.nn import functional as F
from gradlab.ops import cudnn

# Sizes of input and weight, and options.
PROBLEMS: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("conv1d", (2, 4, 9), (6, 4, 3), dict(padding=1, stride=2)),
    ("conv1d", (2, 4, 9), (4, 1, 3), dict(groups=4, dilation=2)),
    ("conv2d", (2, 8, 6, 5), (16, 8, 3, 3), dict(padding=1)),
    ("conv2d", (2, 8, 6, 5), (16, 8, 1, 1), dict(stride=2)),
    ("conv2d", (2, 3, 17, 16), (8, 3, 7, 7), dict(padding=3, stride=2)),
    ("conv2d", (2, 4, 9, 8), (6, 2, 3, 2), dict(groups=2, dilation=(2, 1), padding=(0, 1))),
    ("conv2d", (2, 4, 8, 8), (8, 1, 3, 3), dict(groups=4, padding=1)),
    ("conv2d", (1, 1, 5, 5), (1, 1, 3, 3), dict()),
    ("conv2d", (3, 16, 1, 1), (8, 16, 3, 3), dict(padding=1)),
    ("conv3d", (2, 2, 5, 4, 4), (3, 2, 3, 2, 2), dict(padding=1)),
    ("conv_transpose1d", (2, 4, 5), (4, 3, 3), dict(stride=2)),
    ("conv_transpose2d", (2, 4, 5, 4), (4, 6, 3, 3), dict(stride=2, padding=1, output_padding=1)),
    ("conv_transpose2d", (2, 4, 5, 4), (4, 3, 2, 2), dict(groups=2)),
    ("conv_transpose3d", (1, 2, 3, 2, 2), (2, 3, 2, 2, 2), dict(stride=2)),
]
CLOSE = {gl.float16: 2e-2, gl.float32: 5e-4, gl.float64: 1e-10}


def computed(name: str, sizes: Any, options: dict[str, Any], dtype: Any) -> list[Any]:
    """The result, its gradients, and the gradients of a gradient's square."""
    gl.manual_seed(0)
    with gl.device("cpu"):
        drawn = [gl.randn(size) for size in (*sizes, (sizes[1][0],))]
    x, weight, bias = (one.to("cuda", dtype) for one in drawn)
    if "transpose" in name:
        bias = bias.new_zeros(weight.shape[1] * options.get("groups", 1))
    given = [one.requires_grad_() for one in (x, weight, bias)]
    out = getattr(F, name)(*given, **options)
    first = gl.autograd.grad((out * out).sum(), given, create_graph=True)
    second = gl.autograd.grad((first[1] * first[1]).mean(), given, allow_unused=True)
    return [out, *first, *(one for one in second if one is not None)]


class ConvolutionByCudnn:
    """Tests for while the default device is a GPU, and cuDNN's front end is there."""

    @pytest.fixture(autouse=True)
    def _exactly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gl.backends.cudnn, "allow_tf32", False)

    def test_it_says_it_is_there(self) -> None:
        assert gl.backends.cudnn.is_available()
        assert gl.backends.cudnn.version() > 9000
        assert gl.backends.cudnn.is_acceptable(gl.ones(2))
        assert not gl.backends.cudnn.is_acceptable(gl.ones(2, device="cpu"))
        assert not gl.backends.cudnn.is_acceptable(gl.ones(2, dtype=gl.int64))

    @pytest.mark.parametrize("dtype", CLOSE, ids=str)
    @pytest.mark.parametrize(("name", "input", "weight", "options"), PROBLEMS)
    def test_it_computes_what_matrix_products_do(
        self,
        name: str,
        input: Any,
        weight: Any,
        options: dict[str, Any],
        dtype: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        found = computed(name, (input, weight), options, dtype)
        monkeypatch.setattr(gl.backends.cudnn, "enabled", False)
        expected = computed(name, (input, weight), options, dtype)
        for one, other in zip(found, expected, strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            size = other.abs().max().item() or 1.0
            assert (one - other).abs().max().item() <= CLOSE[dtype] * size

    @pytest.mark.parametrize("dtype", CLOSE, ids=str)
    def test_it_is_cudnn_that_computes(self, dtype: Any) -> None:
        x, weight = gl.randn(2, 8, 6, 6).to(dtype), gl.randn(4, 8, 3, 3).to(dtype)
        ones = ((1, 1),) * 3
        result = cudnn.convolved(x._array, weight._array, *ones)
        assert result is not None
        assert result.shape == (2, 4, 6, 6)
        assert cudnn.input_gradient(result, weight._array, (6, 6), *ones, 1) is not None
        assert cudnn.weight_gradient(x._array, result, (4, 8, 3, 3), *ones) is not None

    def test_a_part_of_memory_that_begins_anywhere_is_read(self) -> None:
        memory = gl.arange(101.0)
        x = memory[1:].view(1, 1, 10, 10)
        weight = gl.ones(1, 1, 2, 2)
        assert F.conv2d(x, weight)[0, 0, 0].tolist() == [
            4.0 * start + 26 for start in range(9)
        ]  # 1 + 2 + 11 + 12, …

    def test_what_it_can_not_compute_is_computed_otherwise(self) -> None:
        z = gl.complex(gl.randn(1, 2, 4, 4), gl.randn(1, 2, 4, 4))
        w = gl.complex(gl.randn(3, 2, 2, 2), gl.randn(3, 2, 2, 2))
        expected = F.conv2d(z.cpu(), w.cpu())
        assert gl.allclose(F.conv2d(z, w).cpu(), expected, atol=1e-5)
        assert F.conv2d(gl.ones(0, 2, 4, 4), gl.ones(3, 2, 2, 2)).shape == (0, 3, 3, 3)
