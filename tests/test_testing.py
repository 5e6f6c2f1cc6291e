"""`testing.assert_close` beside PyTorch's: what passes, and every word of what it says."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy
import pytest

import gradlab as gl

nan, inf = float("nan"), float("inf")

CASES: dict[str, Callable[[Any], tuple[Any, Any, dict[str, Any]]]] = {
    "one element of three": lambda t: (t.tensor([1.0, 2, 3]), t.tensor([1.0, 2, 4]), {}),
    "close enough": lambda t: (t.tensor([1.0]), t.tensor([1.0 + 1e-6]), {}),
    "integers": lambda t: (t.tensor([1, 2, 3]), t.tensor([1, 2, 4]), {}),
    "integers with tolerances": lambda t: (t.tensor([7]), t.tensor([9]), dict(rtol=0.1, atol=1)),
    "large integers": lambda t: (t.tensor([2**62]), t.tensor([1]), {}),
    "booleans": lambda t: (t.tensor([True]), t.tensor([False]), {}),
    "a scalar": lambda t: (t.tensor(1.0), t.tensor(2.0), {}),
    "a float": lambda t: (1.0, 2.0, {}),
    "an integer": lambda t: (1, 2, {}),
    "zero is expected": lambda t: (1.5, 0.0, {}),
    "an integer for a float": lambda t: (1, 1.0, {}),
    "true for false": lambda t: (True, False, {}),
    "a complex number": lambda t: (1 + 1j, 1 + 2j, {}),
    "shapes": lambda t: (t.tensor([1.0]), t.tensor([1.0, 2]), {}),
    "dtypes": lambda t: (t.tensor([1.0]), t.tensor([1.0], dtype=t.float64), {}),
    "dtypes that may differ": lambda t: (
        t.tensor([1.0]),
        t.tensor([1.5], dtype=t.float64),
        dict(check_dtype=False),
    ),
    "strides": lambda t: (t.ones(2, 2), t.ones(2, 2).t(), dict(check_stride=True)),
    "a list": lambda t: (
        [t.tensor([1.0]), t.tensor([2.0])],
        [t.tensor([1.0]), t.tensor([3.0])],
        {},
    ),
    "a mapping": lambda t: ({"a": [t.tensor(2.0)]}, {"a": [t.tensor(3.0)]}, {}),
    "keys": lambda t: ({"a": 1}, {"b": 1}, {}),
    "lengths": lambda t: ([1], [1, 2], {}),
    "none": lambda t: (None, None, {}),
    "none for a number": lambda t: (1, None, {}),
    "text": lambda t: ("a", "a", {}),
    "a list for a tensor": lambda t: (t.tensor([1.0]), [1.0], {}),
    "a number for a tensor": lambda t: (1.0, t.tensor(1.0), {}),
    "nan": lambda t: (t.tensor([nan]), t.tensor([nan]), {}),
    "nan allowed": lambda t: (t.tensor([nan]), t.tensor([nan]), dict(equal_nan=True)),
    "infinity": lambda t: (t.tensor([inf, 1.0]), t.tensor([1.0, 1.0]), {}),
    "no elements": lambda t: (t.tensor([]), t.tensor([]), {}),
    "one tolerance": lambda t: (1.0, 1.0, dict(rtol=0.1)),
    "tolerances": lambda t: (t.tensor([1.0]), t.tensor([1.2]), dict(rtol=0.1, atol=0)),
    "no tolerance": lambda t: (1.0, 2.0, dict(rtol=0, atol=0)),
    "another text": lambda t: (1, 2, dict(msg="no")),
    "text made of the text": lambda t: (1, 2, dict(msg=lambda said: f"So: {said}")),
    "complex tensors": lambda t: (t.tensor([1 + 1j]), t.tensor([1 + 2j]), {}),
    "half precision": lambda t: (
        t.tensor([0.5], dtype=t.float16),
        t.tensor([0.6], dtype=t.float16),
        {},
    ),
    "arrays": lambda t: (numpy.ones(2), numpy.zeros(2), {}),
    "an array for a tensor": lambda t: (numpy.ones(2), t.ones(2), {}),
    "a tensor that requires grad": lambda t: (t.ones(2, requires_grad=True), t.zeros(2), {}),
    "a matrix": lambda t: (t.eye(2), t.ones(2, 2), {}),
}


def outcome(library: Any, make: Callable[[Any], tuple[Any, Any, dict[str, Any]]]) -> str:
    actual, expected, options = make(library)
    try:
        library.testing.assert_close(actual, expected, **options)
    except (AssertionError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}".replace("gradlab.tensor.", "torch.")
    return "fine"


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_it_says_what_pytorch_says(
    make: Callable[[Any], tuple[Any, Any, dict[str, Any]]], torch: ModuleType
) -> None:
    assert outcome(gl, make) == outcome(torch, make)


def test_a_difference_is_told_with_its_place() -> None:
    with pytest.raises(AssertionError, match=r"1 / 4 .25\.0%.\n.*: 2\.0 at index .1, 0."):
        gl.testing.assert_close(gl.tensor([[1.0, 2], [5, 4]]), gl.tensor([[1.0, 2], [3, 4]]))


MADE = [
    "(2, 3), dtype=torch.float32",
    "2, 3, dtype=torch.float64, low=0, high=1",
    "(), dtype=torch.float32",
    "4, dtype=torch.int64",
    "4, dtype=torch.uint8",
    "40, dtype=torch.int8, low=-1000, high=1000",
    "9, dtype=torch.bool",
    "3, dtype=torch.complex64",
    "5, dtype=torch.float16, low=0.5",
    "(2, 3), dtype=torch.float32, noncontiguous=True",
    "(2, 3), dtype=torch.float32, requires_grad=True",
    "30, dtype=torch.int32, low=-1, high=2, exclude_zero=True",
    "2, dtype=torch.float32, low=3, high=1",
    "2, dtype=torch.uint8, low=-5, high=-1",
    "2, dtype=torch.float32, low=float('nan')",
    "2, dtype=torch.int64, requires_grad=True",
    "2, dtype=torch.float32, noncontiguous=True, memory_format=torch.contiguous_format",
]


@pytest.mark.parametrize("arguments", MADE)
def test_tensors_to_test_with_are_pytorchs(arguments: str) -> None:
    torch = pytest.importorskip("torch")

    def made(library: Any) -> str:
        library.manual_seed(1)
        try:
            line = f"torch.testing.make_tensor({arguments}, device='cpu')"
            x = eval(line, {"torch": library})
        except ValueError as error:
            return str(error)
        return f"{x} {x.dtype} {x.stride()} {x.requires_grad} {x.is_leaf}"

    assert made(gl) == made(torch)
