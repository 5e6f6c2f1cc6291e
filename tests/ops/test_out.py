"""``out=``: what is written, into what, and what is refused, as in PyTorch."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab.op.out import TAKE_OUT, TAKE_OUT_IN

A = [[2.0, 1.0], [1.0, 3.0]]

Call = Any  # takes a library and out=…, calls a function of it

CALLS: dict[str, Call] = {
    "one tensor": lambda t, **o: t.sin(t.tensor(A), **o),
    "a number": lambda t, **o: t.add(t.tensor(A), 1, **o),
    "an option by name": lambda t, **o: t.add(t.tensor(A), t.tensor(A), alpha=2, **o),
    "several": lambda t, **o: t.addmm(t.tensor(A), t.tensor(A), t.tensor(A), **o),
    "a reduction": lambda t, **o: t.sum(t.tensor(A), 0, **o),
    "a reduction by axis": lambda t, **o: t.sum(t.tensor(A), axis=1, keepdims=True, **o),
    "a list": lambda t, **o: t.cat([t.tensor(A), t.tensor(A)], 1, **o),
    "sizes": lambda t, **o: t.ones(2, 3, **o),
    "a range": lambda t, **o: t.arange(1, 4, **o),
    "random numbers": lambda t, **o: (t.manual_seed(3), t.randn(2, 2, **o))[1],
    "a comparison": lambda t, **o: t.gt(t.tensor(A), 1.5, **o),
    "a product": lambda t, **o: t.matmul(t.tensor(A), t.tensor(A), **o),
    "indices": lambda t, **o: t.gather(t.tensor(A), 1, t.tensor([[1], [0]]), **o),
    "another name": lambda t, **o: t.arccos(t.tensor(A) / 4, **o),
    "in linalg": lambda t, **o: t.linalg.inv(t.tensor(A), **o),
    "in special": lambda t, **o: t.special.expit(t.tensor(A), **o),
}
TWO_RESULTS: dict[str, Call] = {
    "max": lambda t, **o: t.max(t.tensor(A), 1, **o),
    "sort": lambda t, **o: t.sort(t.tensor(A), 1, **o),
    "topk": lambda t, **o: t.topk(t.tensor(A), 1, **o),
    "slogdet": lambda t, **o: t.linalg.slogdet(t.tensor(A), **o),
}

each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def empty_for(library: ModuleType, result: Any) -> Any:
    return library.empty(0, dtype=result.dtype)


@each_call
def test_the_result_is_written_into_out_and_out_returned(torch: ModuleType, call: Call) -> None:
    expected = call(torch)
    out = empty_for(torch, expected)
    assert call(torch, out=out) is out
    assert torch.equal(out, expected)


@pytest.mark.parametrize("call", TWO_RESULTS.values(), ids=TWO_RESULTS)
def test_several_results_go_into_a_tuple(torch: ModuleType, call: Call) -> None:
    expected = call(torch)
    outs = tuple(empty_for(torch, one) for one in expected)
    found = call(torch, out=outs)
    assert all(one is two for one, two in zip(found, outs, strict=True))
    assert all(torch.equal(one, two) for one, two in zip(outs, expected, strict=True))
    assert isinstance(found, tuple)
    assert hasattr(found, "_fields") or torch is not gl


@pytest.mark.parametrize("namespace", ["", *TAKE_OUT_IN])
def test_every_function_that_takes_out_in_pytorch_takes_it_here(namespace: str) -> None:
    module = getattr(gl, namespace, None) if namespace else gl
    names = TAKE_OUT_IN[namespace] if namespace else TAKE_OUT
    present = [name for name in names if hasattr(module, name)]
    without = [n for n in present if "out" not in inspect.signature(getattr(module, n)).parameters]
    assert without == []


def test_methods_of_composed_functions_take_no_out(torch: ModuleType) -> None:
    with pytest.raises(TypeError, match="out"):
        torch.ones(2).sum(0, out=torch.empty(0))


# ------------------------------------------------------------------ memory


def test_memory_of_the_right_shape_is_kept(torch: ModuleType) -> None:
    out = torch.zeros(2, 2)
    alias = out[0]
    torch.exp(torch.zeros(2, 2), out=out)
    assert alias.tolist() == [1.0, 1.0]
    assert (out._version, alias._version) == (1, 1)


def test_part_of_a_tensor_can_be_written(torch: ModuleType) -> None:
    whole = torch.zeros(2, 3)
    torch.add(torch.ones(3), 1, out=whole[1])
    assert whole.tolist() == [[0, 0, 0], [2, 2, 2]]


def test_out_may_be_an_argument(torch: ModuleType) -> None:
    x = torch.tensor(A)
    assert torch.mul(x, x, out=x) is x
    assert x.tolist() == [[4, 1], [1, 9]]


def test_another_shape_is_resized_with_a_warning(torch: ModuleType) -> None:
    out = torch.zeros(5)
    text = r"An output with one or more elements was resized since it had shape \[5\], which does "
    with pytest.warns(UserWarning, match=text + r"not match the required output shape \[2, 2\]"):
        torch.sin(torch.tensor(A), out=out)
    assert out.shape == (2, 2)


def test_what_is_filled_anew_is_resized_in_silence(torch: ModuleType) -> None:
    out = torch.zeros(5)
    assert torch.ones(2, out=out).tolist() == [1, 1]


def test_a_stretched_tensor_is_refused(torch: ModuleType) -> None:
    out = torch.empty(1).expand(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.sin(torch.ones(3), out=out)


# ------------------------------------------------------------------ dtypes


@pytest.mark.parametrize(
    ("function", "dtype", "expected"),
    [
        ("sin", "float64", None),
        ("sin", "int64", "result type Float can't be cast to the desired output type Long"),
        ("eq", "float32", None),
        ("sum", "float64", None),
        ("abs", "float64", "Found dtype Double but expected Float"),
        ("tril", "float64", "Expected out tensor to have dtype float, but got double instead"),
        ("argmax", "int32", "Expected out tensor to have dtype long int, but got int instead"),
        ("all", "int64", "all only supports bool tensor for result, got: Long"),
    ],
)
def test_a_dtype_is_cast_to_or_refused(
    torch: ModuleType, function: str, dtype: str, expected: str | None
) -> None:
    x = torch.tensor(A)
    args: tuple[Any, ...] = (x, x) if function == "eq" else (x,)
    args = (x, 0) if function in ("sum", "argmax", "all") else args
    out = torch.empty(0, dtype=getattr(torch, dtype))
    if expected is None:
        found = getattr(torch, function)(*args, out=out)
        plain = getattr(torch, function)(*args)
        numpy.testing.assert_allclose(found.numpy(), plain.numpy(), rtol=1e-6)
    else:
        with pytest.raises(RuntimeError, match=expected):
            getattr(torch, function)(*args, out=out)


def test_a_joined_result_that_does_not_fit_is_a_type_error(torch: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"torch.cat\(\): input types can't be cast to the desired"):
        torch.cat([torch.ones(2)], out=torch.empty(0, dtype=torch.int64))


def test_what_is_made_anew_is_of_outs_dtype(torch: ModuleType) -> None:
    out = torch.empty(0, dtype=torch.float64)
    assert torch.arange(3, out=out).tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(RuntimeError, match=r"does not match dtype of out parameter \(Double\)"):
        torch.zeros(2, dtype=torch.float32, out=out)


# ------------------------------------------------------------------ gradients


@pytest.mark.parametrize("which", ["argument", "listed argument", "out"])
def test_a_wanted_gradient_is_refused(torch: ModuleType, which: str) -> None:
    x, out = torch.ones(2), torch.ones(2)
    (out if which == "out" else x).requires_grad_()
    name = "cat" if which == "listed argument" else "sin"
    text = rf"{name}\(\): functions with out=... arguments don't support automatic differentiation"
    with pytest.raises(RuntimeError, match=text):
        torch.cat([x], out=out) if name == "cat" else torch.sin(x, out=out)


def test_without_recording_there_is_no_gradient_to_want(torch: ModuleType) -> None:
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        out = torch.sin(x, out=torch.empty(2))
    assert not out.requires_grad


# ------------------------------------------------------------------ wrong arguments


@pytest.mark.parametrize("wrong", [3, "x"])
def test_out_must_be_a_tensor(torch: ModuleType, wrong: Any) -> None:
    kind = type(wrong).__name__
    with pytest.raises(TypeError, match=rf"sin\(\): argument 'out' must be Tensor, not {kind}"):
        torch.sin(torch.ones(2), out=wrong)


def test_one_result_goes_into_no_tuple(torch: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"sin\(\): argument 'out' must be Tensor, not tuple"):
        torch.sin(torch.ones(2), out=(torch.empty(2),))


def test_each_result_needs_a_tensor(torch: ModuleType) -> None:
    with pytest.raises(TypeError, match="expected tuple of 2 elements but got 1"):
        torch.sort(torch.ones(2), out=(torch.empty(2),))
