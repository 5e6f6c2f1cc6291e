"""Conversion and copying: identity, dtypes, layout, history and errors, as in PyTorch."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

import gradlab as gl
from tests.ops.expressions import assert_same, assert_same_error, torch
from tests.ops.printed import assert_prints_same

LINES = [
    "x.clone()", "x.contiguous()", "x.transpose(0, 2).contiguous()", "x.transpose(0, 2).clone()",
    "x.to(torch.float64)", "x.to(torch.float32)", "x.to('cpu')", "x.to(n)", "x.to(m)", "x.double()",
    "x.float().double()", "x.half()", "x.long()", "n.double()", "mask.double()", "x.bool()",
    "x.to(torch.float64, copy=True)", "x.type(torch.float32)", "x.type_as(m)", "x.type_as(n)",
    "x.cpu()", "x.to('cpu', torch.float32)", "x.to(dtype=torch.float32)", "x.to(None)", "x.to()",
    "x.clone().copy_(m)", "x.clone().copy_(m.detach())", "torch.ones(3, 4, 5).double().copy_(x)",
    "torch.ones(3, 4, 5).copy_(x)", "x.clone().copy_(s)", "n.clone().copy_(x[:, :, 0])",
    "x.clone().fill_(2)", "x.clone().fill_(s)", "x.clone().zero_()", "x.clone().copy_(2.5)",
    "torch.zero_(x.clone())", "torch.fill_(x.clone(), 3)", "n.clone().fill_(2.7)",
]  # fmt: skip

PRINTED = [
    "torch.ones(2).type()", "torch.ones(2).long().type()", "torch.ones(2).type(torch.int64)",
    "torch.ones(2).type('torch.DoubleTensor')", "torch.tensor([1.7, -1.7]).int()",
    "torch.tensor([1.7, 300.0]).short(), torch.tensor([0.0, 0.5]).bool()",
    "torch.tensor([1, 2]).byte(), torch.tensor([1, 2]).char(), torch.tensor([1, 2]).half()",
    "torch.tensor([1, 2]).cfloat(), torch.tensor([1, 2]).cdouble()",
    "torch.ones(2).to(torch.float64, True)", "torch.ones(2).to('cpu', torch.float64, True, True)",
    "(lambda x: (x.to(torch.float32) is x, x.float() is x, x.cpu() is x, x.contiguous() is x))"
    "(torch.ones(2))",
    "(lambda x: x.to(torch.float32, copy=True) is x)(torch.ones(2))",
    "(lambda x: x.to(torch.float32, False, True) is x)(torch.ones(2))",
    "torch.ones(2, 3).t().clone().stride(), torch.ones(2, 3).t().contiguous().stride()",
    "torch.ones(2, 3).t().double().stride()", "torch.ones(1, 3).expand(2, 3).clone().stride()",
    "torch.ones(2, 3).t().clone(memory_format=torch.contiguous_format).stride()",
    "torch.zeros(2).bool().copy_(torch.tensor([0.0, -1.7]))", "torch.contiguous_format",
    "torch.ones(2, dtype=torch.cfloat).float()", "torch.tensor([70000.0]).half()",
    "torch.ones(2, requires_grad=True).to(torch.int64)",
    "torch.ones(2, requires_grad=True).clone().zero_()",
    "torch.zeros(2).device, torch.zeros(2).is_cuda",
    "torch.zeros(2, device=torch.device('cpu', 0)).device",
]  # fmt: skip

ERRORS = [
    "x.to('cuda:x')", "x.copy_([1, 2])", "v.clone().copy_(torch.ones(3))",
    "v.clone().copy_(m.detach())", "v.clone().fill_(v)",
    "torch.ones(2, requires_grad=True).zero_()",
    "torch.ones(2, requires_grad=True).copy_(torch.ones(2))",
    "x.type('torch.NoTensor')",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_values_graph_and_gradients_are_pytorchs(line: str) -> None:
    assert_same(line)


@pytest.mark.parametrize("line", PRINTED)
def test_prints_what_pytorch_prints(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


@pytest.mark.parametrize("name", ["fill_", "copy_"])
def test_a_complex_number_does_not_fit_into_a_real_tensor(name: str) -> None:
    with pytest.raises(RuntimeError, match=r"^value cannot be converted to type float"):
        getattr(gl.ones(2), name)(1j)


def test_a_wrong_word_is_no_conversion() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'dtyp'"):
        gl.ones(2).to(dtyp=gl.float64)


def test_a_copy_into_part_of_a_tensor_reaches_both_histories() -> None:
    x = gl.ones(3, requires_grad=True)
    y = gl.ones(1, requires_grad=True)
    whole = x * 2
    whole[1:2].copy_(y * 5)
    whole.sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.tolist(), y.grad.tolist()) == ([2.0, 0.0, 2.0], [5.0])


def test_a_change_of_precision_and_back_can_be_differentiated_twice() -> None:
    x = gl.tensor([1.0, 2.0], dtype=gl.float64, requires_grad=True)
    (slope,) = gl.autograd.grad((x.float() ** 3).sum(), x, create_graph=True)
    (curvature,) = gl.autograd.grad(slope.sum(), x)
    assert (slope.dtype, curvature.dtype) == (gl.float64, gl.float64)
    assert curvature.tolist() == [6.0, 12.0]


WRITTEN = [
    "y.fill_(value)", "y.masked_fill(y == 0, value)", "(y.__setitem__(0, value), y)[1]",
    "torch.where(y == 0, value, y)", "y if y.is_floating_point() else y.clamp(max=value)",
]  # fmt: skip


@pytest.mark.parametrize("line", WRITTEN)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "float16", "float32", "bool"])
@pytest.mark.parametrize("value", [-1, 255, 300, -300, 2**31, -(2**63), 1e300, math.inf, -2.7])
def test_a_number_that_does_not_fit_is_refused_not_wrapped(
    line: str, dtype: str, value: float
) -> None:
    def outcome(library: Any) -> tuple[str, Any]:
        y = library.zeros(2, dtype=getattr(library, dtype))
        try:
            result = eval(line, {"torch": library, "y": y, "value": value})
        except RuntimeError as error:
            return "refused", str(error)
        return str(result.dtype), result.tolist()

    (kind, expected), (found_kind, found) = outcome(torch), outcome(gl)
    assert found_kind == kind
    if kind == "refused":  # PyTorch has two names for float16, at::Half and c10::Half
        assert found.replace("c10::Half", "").startswith(re.sub(r"(at|c10)::Half", "", expected))
    else:
        assert found == expected
