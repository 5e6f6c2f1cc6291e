"""Titles: PyTorch makes a node's name from its operation's; the title is the operation's again."""

from __future__ import annotations

import pytest

from gradlab_widgets.adapters import _SIGNS, title

torch = pytest.importorskip("torch")

# Nodes that belong to no operation of the dispatcher, or whose operation has another name there.
OF_NO_OPERATION = {
    "AccumulateGrad": "accumulate_grad",
    "CopyBackwards": "copy_backwards",
    "CopySlices": "copy_slices",
    "CudnnAttentionBackward0": "cudnn_attention",
    "DelayedError": "delayed_error",
    "EfficientAttentionBackward0": "efficient_attention",
    "Error": "error",
    "FlashAttentionBackward0": "flash_attention",
    "NotImplemented": "not_implemented",
    "SendRpcBackward": "send_rpc",
    "SlowConv2DBackward0": "slow_conv2d",
    "UndefinedGrad": "undefined_grad",
    "UndefinedGradBackward": "undefined_grad",
}


def known_names() -> list[str]:
    """Every node of PyTorch's own."""
    return [name for name in dir(torch._C._functions) if not name.startswith("__")]


def operations() -> set[str]:
    """The names of PyTorch's operations, without the underscores around them."""
    names = torch._C._dispatch_get_all_op_names()
    return {name.partition("::")[2].partition(".")[0].strip("_") for name in names}


@pytest.fixture(scope="module")
def known() -> set[str]:
    return operations() | set(_SIGNS.values())


@pytest.mark.parametrize("node", known_names())
def test_a_nodes_title_is_its_operations_name(node: str, known: set[str]) -> None:
    assert title(node) in known or title(node) == OF_NO_OPERATION.get(node)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("MaxPool2DWithIndicesBackward0", "max_pool2d_with_indices"),
        ("AdaptiveAvgPool2DBackwardBackward0", "adaptive_avg_pool2d_backward"),
        ("SmoothL1LossBackward0", "smooth_l1_loss"),
        ("GridSampler2DBackward0", "grid_sampler_2d"),
        ("UpsampleBicubic2DAaBackward0", "upsample_bicubic2d_aa"),
        ("FftC2RBackward0", "fft_c2r"),
        ("SpecialXlog1PyBackward2", "special_xlog1py"),
        ("SelectBackward0_copy", "select_copy"),
        ("SelectBackwardAutogradNestedTensor0", "select"),
        ("Atan2Backward0", "atan2"),
        ("TBackward0", "transpose"),
        ("MulBackward0", "×"),
    ],
)
def test_words_are_parted_where_pytorchs_operation_parts_them(node: str, expected: str) -> None:
    assert title(node) == expected
