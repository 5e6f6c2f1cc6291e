"""Padding: values, graph, gradients and errors, as in PyTorch."""

from __future__ import annotations

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error

LINES = [
    "F.pad(m, (1, 1))", "F.pad(m, (1, -1, 0, 1), value=2.0)", "F.pad(m, (0, 0))", "F.pad(s, ())",
    "F.pad(i, (1, 1), value=1.7)", 'F.pad(mask, [1, 1], "constant", 1)',
    "torch.constant_pad_nd(m, (1, 1), 2.0)", "F.pad(x, (-1, -1, 2, 3, 1, 0))",
    "F.pad(m, (1, 2), mode='reflect')", "F.pad(x, (2, 1, 3, 0), mode='reflect')",
    "F.pad(b[None], (1, 2, 3, 1), mode='reflect')",
    "F.pad(b[None], (1, 2, 3, 1, 1, 0), mode='reflect')", "F.pad(x, (7, 9), mode='replicate')",
    "F.pad(x, (2, 1, 3, 0), mode='replicate')",
    "F.pad(b[None, None], (1, 2, 3, 1, 1, 5), mode='replicate')",
    "F.pad(x, (-1, -1), mode='reflect')", "F.pad(x, (-1, 2), mode='replicate')",
    "F.pad(x, (-1, 2), mode='circular')", "F.pad(x, (-2, 2, 1, -1), mode='circular')",
    "F.pad(m, (1, 2), mode='circular')", "F.pad(b[None], (1, 2, 3, 1), mode='circular')",
    "F.pad(b[None], (1, 2, 3, 1, 1, 0), mode='circular')",
]  # fmt: skip

ERRORS = [
    "F.pad(m, (1,))", "F.pad(m, (1, 1, 1, 1, 1, 1))", "F.pad(m, (-3, -3))",
    "F.pad(m, (1, 1), mode='foo')", "F.pad(m, (5, 1), mode='reflect')",
    "F.pad(x, (2, 1, 4, 1), mode='reflect')", "F.pad(m, (9, 1), mode='circular')",
    "F.pad(x, (1, 1), mode='reflect', value=1.0)", "F.pad(x, 1)", "F.pad(x, [1.5, 1])",
    "F.pad(s, (1, 1))",
]  # fmt: skip


def spelled_out(line: str) -> str:
    return line.replace("F.", "torch.nn.functional.")


@pytest.mark.parametrize("line", LINES)
def test_pads_as_pytorch(line: str) -> None:
    assert_same(spelled_out(line))


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(spelled_out(line))


@pytest.mark.parametrize(
    ("shape", "widths", "mode"), [((4, 5), (1, 1, 1, 1), "circular"), ((5,), (1, 1), "replicate")]
)
def test_only_the_last_dimensions_of_pictures_are_padded_by_what_lies_inside(
    shape: tuple[int, ...], widths: tuple[int, ...], mode: str
) -> None:
    words = rf"^Padding size {len(widths)} is not supported for {len(shape)}D input tensor\."
    with pytest.raises(NotImplementedError, match=words):
        gl.nn.functional.pad(gl.zeros(shape), widths, mode=mode)
