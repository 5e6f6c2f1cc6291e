"""Every operation against PyTorch: results, gradients, dtypes, node names, saved values."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab.op import OPS
from tests.generated.cases import (
    CASES,
    OWN_PARTS,
    PYTORCH,
    Case,
    counterpart,
    each_case,
    each_differentiable_case,
    numbers,
    plain_name,
    public_function,
    random_seeds,
    tensors,
)

pytorch = pytest.importorskip("torch")


def call(
    torch: Any, case: Case, function: Callable[..., Any] | None = None, **options: Any
) -> tuple[list[Any], list[Any]]:
    """The tensors given to an operation and those it returned."""
    args, kwargs = case.arguments(torch, **options)
    if function is None:
        function = case.op.function if torch is gl else counterpart(pytorch, case.op)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*args, **kwargs)
    return tensors([args, kwargs]), tensors(
        result if isinstance(result, (tuple, list)) else [result]
    )


def assert_equal(ours: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    numpy.testing.assert_allclose(numbers(ours), numbers(theirs), tolerance, tolerance)


def test_every_operation_has_a_counterpart() -> None:
    known = (
        {name for name in OPS if hasattr(pytorch, plain_name(name))} | set(PYTORCH) | set(OWN_PARTS)
    )
    assert set(OPS) - known == {"bernoulli_fill", "exponential", "uniform"}  # random, no samples


@each_case
def test_result(case: Case) -> None:
    _, ours = call(gl, case)
    _, theirs = call(pytorch, case)
    assert len(ours) == len(theirs)
    for one, two in zip(ours, theirs, strict=True):
        assert_equal(one, two, *LESS_EXACT.get(case.op.name, ()))
        assert one.requires_grad == two.requires_grad


LESS_EXACT = {"polygamma": (1e-8,)}  # PyTorch's series ends after 9 digits


def differentiable(given: list[Any], results: list[Any]) -> tuple[list[Any], list[Any]]:
    """What was given, and the results without those, such as indices, that have no gradient."""
    return given, [result for result in results if result.requires_grad]


PYTORCH_FAILS = {
    "clamp_tensor-3": "cannot reduce the gradient of an input that min stretched",
    **{f"hardsigmoid-{n}": "divides by 6 in float32 only" for n in range(7)},
}


@each_differentiable_case
def test_gradients(case: Case) -> None:
    if str(case) in PYTORCH_FAILS:
        pytest.skip(f"PyTorch {PYTORCH_FAILS[str(case)]}")
    found = []
    for torch in (gl, pytorch):
        given, results = differentiable(*call(torch, case))
        seeds = random_seeds(torch, results)
        inputs = [tensor for tensor in given if tensor.requires_grad]
        found.append(torch.autograd.grad(results, inputs, seeds, allow_unused=True))
    for ours, theirs in zip(*found, strict=True):
        if ours is None or theirs is None:  # no gradient, or zeros: libraries differ in which
            assert not any(numbers(g).any() for g in (ours, theirs) if g is not None)
        else:
            assert_equal(ours, theirs, 1e-9)


OTHER_NODES = {
    "singular_values", "trilinear",
    "as_strided_own", "masked_scatter_backward", "padded", "squeeze_all_own", "squeeze_dims_own",
    "t_own", "take_backward", "transpose_own", "unfold_backward", "unsqueeze_own",
    "cleared", "copy", "fill_scalar", "fill_tensor",
    "gather_backward", "index_backward", "index_select_backward", "masked_select_backward",
    "max_dim", "min_dim", "ratio", "real_part", "reshape_alias", "rsub", "scatter_value",
    "sort_picked", "sort_picked_stably", "squeeze_own", "topk_picked",
}  # fmt: skip
"""Their counterparts do the same by another way, so the node is another."""

SAVED_OTHERWISE = {
    "convolution": {"_saved_bias_sym_sizes_opt", "_saved_output_padding"},
    "multilabel_margin_loss": {"_saved_is_target"},
    "nll_loss": {"_saved_total_weight"},
    "nll_loss2d": {"_saved_total_weight"},
}
"""What only PyTorch keeps, and gradlab finds again."""

FIRST_CASES = list({case.op.name: case for case in CASES if case.op.gradients}.values())


@pytest.mark.parametrize(
    "case", [case for case in FIRST_CASES if case.op.name not in OTHER_NODES], ids=str
)
class TestNode:
    def test_name(self, case: Case) -> None:
        (_, (ours, *_)), (_, (theirs, *_)) = call(gl, case), call(pytorch, case)
        assert ours.grad_fn.name() == theirs.grad_fn.name()

    def test_saved_values_are_pytorchs(self, case: Case) -> None:
        (_, (ours, *_)), (_, (theirs, *_)) = call(gl, case), call(pytorch, case)
        found, expected = saved_by(ours.grad_fn), saved_by(theirs.grad_fn)
        other = SAVED_OTHERWISE.get(case.op.name, set())
        assert set(found) ^ set(expected) == other
        assert {name: found[name] for name in {*found} - other} == {
            name: expected[name] for name in {*expected} - other
        }


def saved_by(node: Any) -> dict[str, Any]:
    """What Python sees of the values that a node keeps."""
    return {
        name: described(getattr(node, name)) for name in dir(node) if name.startswith("_saved_")
    }


def described(value: Any) -> Any:
    """A saved value, of tensors shape and dtype; PyTorch shows negative integers as 2^64 less."""
    if isinstance(value, (list, tuple)):
        return tuple(map(described, value))
    if hasattr(value, "requires_grad"):
        return tuple(value.shape), str(value.dtype)
    if isinstance(value, int) and not isinstance(value, bool):
        return value % 2**64
    return str(value) if "dtype" in type(value).__name__ else value


# ------------------------------------------------------------------ other dtypes

DTYPES = ("float32", "float16", "int64", "int32", "uint8", "bool")
TOLERANCE = {"float32": 2e-6, "float16": 2e-3}
OF_ANY_DTYPE = [case for case in CASES if case.number < 3 and public_function(case.op)]


def outcome(torch: Any, case: Case, dtype: str) -> list[Any] | Exception:
    """Results for inputs of a dtype, or the exception where they are refused."""
    function = public_function(case.op) if torch is gl else counterpart(pytorch, case.op)
    try:
        return call(torch, case, function, dtype=dtype, requires_grad=False)[1]
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        return error


OF_EQUALS_EITHER = {"kthvalue_parts", "median_dim", "mode_parts", "nanmedian_dim"}
"""They also say where: of equals, of which there are many where numbers are whole, PyTorch names
one or another by how it happens to sort."""

ONLY_EMPTY = {"bmm-1", "mm-1", "mv-1"}
"""PyTorch multiplies matrices of bools only where they have no elements."""


WRONG_IN_PYTORCH = {("linalg_matrix_exp", "float16")}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", OF_ANY_DTYPE, ids=str)
def test_dtype(case: Case, dtype: str) -> None:
    ours, theirs = outcome(gl, case, dtype), outcome(pytorch, case, dtype)
    if "There is no complex number of two float16" in str(ours):
        return  # PyTorch has one, and refuses most operations on it
    if (case.op.name, dtype) in WRONG_IN_PYTORCH:
        pytest.skip("PyTorch's result is inf and nan")
    if "not implemented for" in str(theirs) or (str(case) in ONLY_EMPTY and dtype == "bool"):
        pytest.skip(f"PyTorch has no {case.op.name} for {dtype}")
    if isinstance(ours, Exception) or isinstance(theirs, Exception):
        assert type(ours) is type(theirs)
        return
    if case.op.name in OF_EQUALS_EITHER:
        ours, theirs = ours[:1], theirs[:1]
    for one, two in zip(ours, theirs, strict=True):
        assert_equal(one, two, TOLERANCE.get(dtype, 2e-6))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("case", [c for c in FIRST_CASES if c in OF_ANY_DTYPE], ids=str)
def test_gradients_in_lower_precision(case: Case, dtype: str) -> None:
    if case.op.name.startswith("linalg_") and dtype == "float16":
        pytest.skip("LAPACK has no halves")
    if case.op.name == "view_as_complex" and dtype == "float16":
        pytest.skip("there is no complex number of two float16")
    if "zeta" in case.op.name and dtype == "float16":
        pytest.skip("PyTorch has no zeta of halves")
    found = []
    for torch in (gl, pytorch):
        given, results = differentiable(*call(torch, case, dtype=dtype))
        seeds = [torch.ones_like(result) for result in results]
        inputs = [tensor for tensor in given if tensor.requires_grad]
        found.append(torch.autograd.grad(results, inputs, seeds, allow_unused=True))
    for ours, theirs in zip(*found, strict=True):
        if ours is not None and theirs is not None:
            assert_equal(ours, theirs, 4 * TOLERANCE[dtype])
