"""Creation: dtypes, shapes, bits, random numbers, shared memory and errors, as in PyTorch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import gradlab as gl
from tests.ops.expressions import assert_same_error, torch
from tests.ops.printed import assert_prints_same

PRINTED = [
    # from data
    "torch.tensor([])", "torch.tensor([[], []])", "torch.tensor([1, 2.5])", "torch.tensor(1)",
    "torch.tensor([True, 2])", "torch.tensor([True, False])", "torch.tensor([1, 2j])",
    "torch.tensor(1.5, dtype=float)", "torch.tensor(1, dtype=bool)", "torch.tensor(True)",
    "torch.tensor([1.0, 2], requires_grad=True)", "torch.tensor(range(3))", "torch.tensor((1, 2))",
    "torch.tensor([(1, 2), [3, 4]])", "torch.tensor([torch.tensor(1.0), torch.tensor(2.0)])",
    "torch.tensor([torch.tensor([1.0]), torch.tensor([2.0])])", "torch.tensor(1j)",
    "torch.tensor([torch.tensor(1.0, dtype=torch.float64), 2])",
    "torch.tensor([torch.tensor(1, dtype=torch.int8)])", "torch.tensor([numpy.float64(1)])",
    "torch.tensor([numpy.float32(1)])", "torch.tensor(numpy.float64(1))",
    "torch.tensor(numpy.int8(1))", "torch.tensor([numpy.int32(1), 2])",
    "torch.tensor([numpy.float16(1), 2.0])", "torch.tensor([numpy.bool_(True)])",
    "torch.tensor(numpy.arange(3))", "torch.tensor(numpy.ones((2, 3)).T).stride()",
    "torch.tensor([[1.0, 2], [3, 4]], dtype=torch.int32)", "torch.tensor(-2**63)",
    "torch.tensor([1.7, -1.7], dtype=torch.int64)", "torch.tensor(-1, dtype=torch.uint8)",
    "torch.tensor(2**63, dtype=torch.float32)", "torch.tensor([1e300])", "torch.tensor(1e40)",
    "torch.tensor(70000, dtype=torch.float16)", "torch.tensor([3, 0], dtype=torch.bool)",
    "torch.tensor(float('nan'), dtype=torch.bool)", "torch.tensor(bytearray(b'ab'))",
    "torch.tensor([True, False], dtype=torch.float32)", "torch.tensor([1.0], device='cpu')",
    "torch.tensor(torch.ones(2))", "torch.tensor([numpy.array([1.0, 2])])",
    "torch.as_tensor([1, 2])", "torch.as_tensor(numpy.float32(3))",
    "torch.as_tensor(torch.ones(2), dtype=torch.float64)", "torch.from_numpy(numpy.ones(2))",
    "torch.from_numpy(numpy.ones((2, 3)).T).stride()", "torch.scalar_tensor(3)",
    "torch.from_numpy(numpy.broadcast_to(numpy.ones(1), (3,)))",
    # of one value
    "torch.zeros(2, 3)", "torch.zeros((2, 3))", "torch.zeros([2, 3])", "torch.zeros(size=(2,))",
    "torch.zeros(())", "torch.zeros(0)", "torch.zeros(torch.Size([2]))", "torch.ones(2, dtype=int)",
    "torch.zeros(torch.tensor(2))", "torch.zeros(2, requires_grad=True)",
    "torch.zeros(2, dtype=None)", "torch.empty(2, 3).shape", "torch.full((2,), 1)",
    "torch.full((2,), 1.5)", "torch.full((2,), True)", "torch.full((2,), 1, dtype=torch.float32)",
    "torch.full((2,), torch.tensor(2.5))", "torch.full([2], fill_value=3.0)",
    "torch.zeros_like(torch.ones(2, 3).t()).stride()", "torch.ones_like(torch.tensor([1, 2]))",
    "torch.zeros_like(torch.ones(1, 3).expand(2, 3)).stride()",
    "torch.ones_like(torch.ones(2), dtype=torch.int64)",
    "torch.ones_like(torch.ones(2), requires_grad=True)", "torch.full_like(torch.ones(2), 3)",
    "torch.full_like(torch.ones(2).long(), 3.5)", "torch.empty_like(torch.ones(2).long()).dtype",
    "torch.ones(2).new_tensor([1, 2])", "torch.ones(2).long().new_tensor([1.5])",
    "torch.ones(2).new_zeros(2, 3).shape", "torch.ones(2).new_zeros((2, 3)).shape",
    "torch.ones(2).new_ones(3, dtype=torch.int64)", "torch.ones(2).new_empty(3).shape",
    "torch.ones(2).new_full((2,), 1, requires_grad=True)",
    "torch.ones(2).long().new_full((2,), 1.5)",
    # by a rule
    "torch.arange(5)", "torch.arange(0)", "torch.arange(1, 2.5, 0.5)", "torch.arange(5, 0, -1)",
    "torch.arange(5.0)", "torch.arange(1, 5, dtype=torch.float32)", "torch.arange(True)",
    "torch.arange(5, dtype=torch.uint8)", "torch.arange(0.5, 5.5)", "torch.arange(1, 2, 0.1)",
    "torch.arange(start=2, end=5)", "torch.arange(end=5)", "torch.arange(0, 1e10, 1e9)",
    "torch.arange(2**40, 2**40 + 3)", "torch.arange(3, dtype=torch.float16)",
    "torch.arange(0, 3, torch.tensor(1))", "torch.arange(2.0, requires_grad=True)",
    "torch.linspace(0, 1, 5)", "torch.linspace(0, 1, 1)", "torch.linspace(0, 1, 0)",
    "torch.linspace(start=0, end=1, steps=4)", "torch.linspace(0, 10, 4, dtype=torch.int64)",
    "torch.linspace(0, 255, 6, dtype=torch.uint8)", "torch.linspace(torch.tensor(1.0), 2, 3)",
    "torch.linspace(0, 1j, 3)", "torch.linspace(1, 0, 3, requires_grad=True)",
    "torch.logspace(0, 2, 3)", "torch.logspace(0, 2, 3, base=2)",
    "torch.logspace(-1, 1, 5, dtype=torch.float64)", "torch.eye(3)", "torch.eye(2, 3)",
    "torch.eye(2, dtype=torch.int64)", "torch.eye(0)",
    # by chance, from one seed
    "torch.rand(3)", "torch.rand((2, 2))", "torch.rand(2, dtype=torch.float64)", "torch.randn(3)",
    "torch.randn(20)", "torch.randn(2, dtype=torch.cfloat)", "torch.randint(10, (2,))",
    "torch.randint(0, 3, size=(2,))", "torch.randint(high=3, size=(2,))", "torch.randperm(5)",
    "torch.randint(3, (2,), dtype=torch.float32)",
    "torch.rand(2, generator=torch.Generator().manual_seed(7))",
    "torch.randperm(4, generator=torch.Generator().manual_seed(7))",
    "torch.multinomial(torch.tensor([0.1, 0.9]), 3, replacement=True)",
    "torch.multinomial(torch.tensor([[0.3, 0.3, 0.4], [0.0, 0.1, 0.9]]), 2)",
    "torch.normal(torch.zeros(2), torch.ones(2))", "torch.normal(torch.zeros(2), 2.0)",
    "torch.normal(1.0, torch.ones(2))", "torch.normal(0.0, 1.0, (2,))",
    "torch.normal(0, 1, size=(2,))", "torch.bernoulli(torch.tensor([0.3, 0.7, 0.5]))",
    "torch.bernoulli(torch.tensor([0.5, 0.5]), 0.9)", "torch.zeros(3).bernoulli_(0.9)",
    "torch.bernoulli(torch.tensor([0.5, 0.5], requires_grad=True))",
    "torch.zeros(3).long().bernoulli_(torch.tensor([0.5, 0.6, 1.0]))",
    "torch.zeros(3).long().random_()", "torch.zeros(3).random_(10)",
    "torch.zeros(3).random_(2, 10)", "torch.zeros(3).uniform_()", "torch.zeros(3).uniform_(-1, 1)",
    "torch.zeros(3).normal_()", "torch.zeros(3).normal_(mean=1, std=2)",
    "torch.zeros(3).exponential_(2)", "torch.ones(2, requires_grad=True).clone().uniform_()",
    "torch.ones(2, requires_grad=True).clone().normal_()",
    "torch.ones(2, requires_grad=True).clone().bernoulli_()",
    "torch.ones(2, requires_grad=True).clone().exponential_()",
    "torch.ones(2, requires_grad=True).clone().random_(0, 5)", "torch.rand_like(torch.ones(2, 3))",
    "torch.randn_like(torch.ones(2).double())", "torch.randint_like(torch.ones(2), 5)",
    "torch.randint_like(torch.ones(2), 5, 9)", "torch.initial_seed()",
    "torch.get_rng_state().dtype",
    # over memory
    "torch.frombuffer(bytearray(b'12345678'), dtype=torch.int32)",
    "torch.frombuffer(bytearray(b'12345678'), dtype=torch.int32, count=1, offset=4)",
    "torch.frombuffer(bytearray(b'1234'), dtype=torch.float32, requires_grad=True)",
    "torch.asarray([1, 2])", "torch.asarray(3)", "torch.asarray([1.0, 2], requires_grad=True)",
    "torch.asarray(torch.ones(2), copy=True)", "torch.asarray(torch.ones(2), dtype=torch.int64)",
    "torch.asarray(bytearray(b'1234'), dtype=torch.int8)", "torch.asarray(numpy.ones(2))",
    "torch.asarray(torch.ones(2, requires_grad=True), requires_grad=False)",
    "torch.empty_strided((2, 3), (1, 2)).stride()", "torch.empty_strided((2, 0), (5, 2)).shape",
    "torch.empty_permuted((2, 3, 4), (0, 2, 1)).stride()",
    "torch.empty(2, 3, 4, 5, memory_format=torch.channels_last).stride()",
    "torch.empty((2, 3), memory_format=torch.contiguous_format, requires_grad=True).is_leaf",
    "torch.zeros_like(torch.ones(2, 3, 4, 5), memory_format=torch.channels_last).stride()",
    "torch.ones_like(torch.ones(2, 3).t(), memory_format=torch.contiguous_format).stride()",
    "torch.ones_like(torch.ones(2, 3).t(), memory_format=torch.preserve_format).stride()",
    "torch.full_like(torch.ones(2, 3).t(), 7, memory_format=torch.contiguous_format).stride()",
    "torch.ones(2).new_empty_strided((2, 2), (1, 2)).stride()", "torch.ones(2).new(2).shape",
    "torch.ones(2).new([1, 2])", "torch.ones(2).double().new()",
    "torch.ones(2).new(torch.Size([1, 2])).shape",
    # by other rules
    "torch.range(0, 4)", "torch.range(1, 4, 0.5)", "torch.range(4, 1, -1)",
    "torch.range(1, 4, dtype=torch.int64)", "torch.vander(torch.tensor([1.0, 2.0, 3.0]))",
    "torch.vander(torch.tensor([1, 2, 3]), 2, increasing=True)",
    "torch.vander(torch.tensor([1, 2]), 0)",
    "torch.vander(torch.tensor([1.5, 2.0], requires_grad=True))", "torch.hann_window(5)",
    "torch.hann_window(5, periodic=False)", "torch.hann_window(1)", "torch.hann_window(0)",
    "torch.hann_window(4, False, dtype=torch.float64)", "torch.hamming_window(4)",
    "torch.hamming_window(4, True, 0.5)", "torch.hamming_window(7, True, 0.5, 0.3)",
    "torch.blackman_window(6)", "torch.blackman_window(7, False, dtype=torch.float64)",
    "torch.bartlett_window(6)", "torch.bartlett_window(7, periodic=False)",
    "torch.kaiser_window(6, dtype=torch.float64)", "torch.kaiser_window(6, True, 8.0)",
    # by a class, as of old
    "torch.Tensor(2, 3).shape", "torch.Tensor([2, 3])", "torch.Tensor()", "torch.Tensor(3).shape",
    "torch.Tensor(torch.Size([2])).shape", "torch.FloatTensor([1, 2])", "torch.LongTensor([1.5])",
    "torch.LongTensor(2).shape", "torch.FloatTensor(numpy.ones(2))", "torch.Tensor(numpy.ones(2))",
    "torch.DoubleTensor([1]), torch.BoolTensor([True]), torch.HalfTensor([1])",
]  # fmt: skip

ERRORS = [
    "torch.tensor([[1, 2], [3]])", "torch.tensor([1, [2]])", "torch.tensor([[1], 2])",
    "torch.tensor('a')", "torch.tensor(['a'])", "torch.tensor([1, 'a'])", "torch.tensor(b'ab')",
    "torch.tensor(None)", "torch.tensor([None])", "torch.tensor({1: 2})", "torch.tensor(object())",
    "torch.tensor(iter([1]))", "torch.tensor(2**63)", "torch.tensor([2**70])",
    "torch.tensor(300, dtype=torch.uint8)", "torch.tensor(-200, dtype=torch.int8)",
    "torch.tensor([2**40], dtype=torch.int32)", "torch.tensor([float('nan')], dtype=torch.int64)",
    "torch.tensor(1e300, dtype=torch.int64)", "torch.tensor([1, 2], requires_grad=True)",
    "torch.tensor([torch.ones(2), torch.ones(2)])", "torch.tensor([1j], dtype=torch.float32)",
    "torch.tensor([1], dtype='float32')", "torch.from_numpy([1, 2])", "torch.zeros()",
    "torch.zeros(-1)", "torch.ones(-1)", "torch.rand(2, -3)", "torch.full((-1,), 1)",
    "torch.zeros(2.0)", "torch.zeros('a')", "torch.zeros(True)", "torch.zeros(2, dtype='float32')",
    "torch.full(2, 1.0)", "torch.zeros_like([1])",
    "torch.zeros(2, dtype=torch.int64, requires_grad=True)", "torch.arange(0, 5, -1)",
    "torch.arange(0, 5, 0)", "torch.arange(float('nan'))", "torch.arange(-1)",
    "torch.arange(2, dtype=torch.bool)", "torch.arange(2, requires_grad=True)",
    "torch.linspace(0, 1, -1)", "torch.linspace(0, 1, 2.5)",
    "torch.linspace(0, 1, 3, dtype=torch.bool)", "torch.eye(-1)", "torch.eye(2, -3)",
    "torch.asarray(torch.ones(2), dtype=torch.int64, copy=False)", "torch.asarray([1], copy=False)",
    "torch.frombuffer(bytearray(b'12345678'), dtype=torch.int32, offset=3)",
    "torch.frombuffer(bytearray(b''), dtype=torch.int32)",
    "torch.frombuffer(bytearray(b'1234'), dtype=torch.int32, count=3)",
    "torch.frombuffer(bytearray(b'1234'), dtype=torch.int32, offset=9)",
    "torch.frombuffer([1], dtype=torch.int32)", "torch.empty_strided((2, 2), (1,))",
    "torch.empty_strided((2, -2), (1, 1))", "torch.empty_strided((2, 2), (1, -1))",
    "torch.empty_permuted((2, 3, 4), (0, 2))", "torch.empty_permuted((2, 3, 4), (0, 2, 2))",
    "torch.range(4, 1)", "torch.range(1, 2, 0)", "torch.vander(torch.ones(2, 2))",
    "torch.vander(torch.ones(2), -1)", "torch.hann_window(-1)", "torch.rand(2, dtype=torch.int64)",
    "torch.randn(2, dtype=torch.int64)", "torch.randint(5, 5, (2,))", "torch.randint(10, 2)",
    "torch.randperm(-1)", "torch.randperm(3.5)", "torch.multinomial(torch.tensor([0.1, 0.9]), 3)",
    "torch.normal(torch.zeros(2), torch.ones(3))", "torch.normal(torch.zeros(2), -1.0)",
    "torch.normal(2.0, 3.0)", "torch.bernoulli(torch.tensor([1, 0]))",
    "torch.zeros(3).random_(5, 5)", "torch.zeros(3).uniform_(2, 1)", "torch.tensor(5).uniform_()",
    "torch.zeros(3).normal_(0, -1)", "torch.ones(2, requires_grad=True).uniform_()",
    "torch.Tensor(3.5)",
]  # fmt: skip


@pytest.mark.parametrize("line", PRINTED)
def test_prints_what_pytorch_prints(line: str) -> None:
    assert_prints_same(line)


@pytest.mark.parametrize("line", ERRORS)
def test_refused_as_by_pytorch(line: str) -> None:
    assert_same_error(line)


# ------------------------------------------------------------------ to the bit

RANGES = [(0.3, 4.3, 0.1), (-3.3, 7.7, 0.013), (5.0, -2.0, -0.37), (0.0, 1e6, 123.456)]
SPANS = [(-3.3, 7.7, 101), (0.0, 1.0, 1000), (1e-3, 1e4, 77), (2.0, -2.0, 50), (0.1, 0.2, 3)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("start", "end", "steps"), SPANS)
def test_linspace_is_pytorchs_to_the_bit(start: float, end: float, steps: int, dtype: str) -> None:
    ours = gl.linspace(start, end, steps, dtype=getattr(gl, dtype))
    theirs = torch.linspace(start, end, steps, dtype=getattr(torch, dtype))
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("start", "end", "step"), RANGES)
def test_arange_is_pytorchs_to_the_bit(start: float, end: float, step: float, dtype: str) -> None:
    ours = gl.arange(start, end, step, dtype=getattr(gl, dtype))
    theirs = torch.arange(start, end, step, dtype=getattr(torch, dtype))
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("base", [2.0, 3.3, 10.0])
def test_logspace_is_pytorchs_but_for_the_last_bit(base: float) -> None:
    ours = gl.logspace(-1.5, 2.5, 101, base).numpy()
    theirs = torch.logspace(-1.5, 2.5, 101, base).numpy()
    numpy.testing.assert_array_almost_equal_nulp(ours, theirs, nulp=4)


def test_random_numbers_stay_in_step_with_pytorchs() -> None:
    """Every kind of draw spends as much of the stream as PyTorch's does."""
    drawn = []
    for library in (gl, torch):
        library.manual_seed(42)
        numbers = [
            library.rand(3), library.randn(5), library.randint(0, 9, (4,)), library.randperm(6),
            library.normal(0.0, 2.0, (17,)), library.bernoulli(library.full((3,), 0.5)),
            library.empty(2).uniform_(-1, 1), library.empty(1).normal_(), library.rand(1),
        ]  # fmt: skip
        drawn.append([one.tolist() for one in numbers])
    assert drawn[0] == drawn[1]


def test_a_state_taken_from_pytorch_goes_on_with_its_numbers() -> None:
    torch.manual_seed(11)
    torch.randn(3)
    gl.set_rng_state(torch.get_rng_state().numpy())
    assert gl.randn(4).tolist() == torch.randn(4).tolist()
    state = gl.get_rng_state()
    first = gl.rand(3)
    gl.set_rng_state(state)
    assert gl.rand(3).tolist() == first.tolist()


# ------------------------------------------------------------------ memory


def test_tensor_copies_and_as_tensor_shares() -> None:
    array = numpy.array([1.0, 2.0])
    copied, shared, also = gl.tensor(array), gl.as_tensor(array), gl.from_numpy(array)
    array[0] = 5.0
    assert (copied[0].item(), shared[0].item(), also[0].item()) == (1.0, 5.0, 5.0)
    also.add_(1)
    assert array.tolist() == [6.0, 3.0]
    x = gl.ones(2)
    assert gl.as_tensor(x) is x
    assert gl.as_tensor(array, dtype=gl.float32).add_(1) is not None
    assert array.tolist() == [6.0, 3.0]


def test_a_read_only_array_warns_and_stays_as_it_is() -> None:
    array = numpy.array([1.0, 2.0])
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="^The given NumPy array is not writable"):
        x = gl.from_numpy(array)
    with pytest.raises(ValueError, match="read-only"):
        x.add_(1)
    assert array.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("gl.tensor(gl.ones(2))", "To copy construct from a tensor, it is recommended to use"),
        ("gl.tensor([numpy.ones(2)])", "Creating a tensor from a list of numpy.ndarrays is"),
    ],
)
def test_a_costly_or_doubtful_way_warns_where_it_was_taken(line: str, words: str) -> None:
    with pytest.warns(UserWarning, match="^" + re.escape(words)) as caught:
        eval(compile(line, "the line", "eval"), {"gl": gl, "numpy": numpy})
    assert [one.filename for one in caught] == ["the line"]


def test_what_a_tensor_made_from_a_tensor_remembers() -> None:
    x = gl.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="copy construct"):
        copied = gl.tensor(x * 2)
    assert (copied.is_leaf, copied.requires_grad, copied.tolist()) == (True, False, [2.0, 2.0])


def test_the_default_dtype_decides_about_floats_only() -> None:
    gl.set_default_dtype(gl.float64)
    try:
        made = [gl.tensor(1.5), gl.ones(1), gl.arange(1.0), gl.rand(1), gl.tensor([1]), gl.eye(1)]
    finally:
        gl.set_default_dtype(gl.float32)
    assert [one.dtype for one in made] == [gl.float64] * 4 + [gl.int64, gl.float64]


def test_a_subclass_is_made_from_data() -> None:
    class Named(gl.Tensor):
        """A tensor with a class of its own."""

    assert type(Named([1.0, 2.0])) is Named
    assert Named([1.0, 2.0]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("make", [gl.from_numpy, gl.as_tensor])
def test_reshaping_an_array_in_place_reshapes_no_tensor_on_it(make: Callable[..., Any]) -> None:
    array = numpy.arange(6.0)
    x = make(array)
    array.resize((2, 3), refcheck=False)
    array[0, 1] = 7.0
    assert x.tolist() == [0.0, 7.0, 2.0, 3.0, 4.0, 5.0]


def test_what_is_done_to_the_array_of_a_tensor_is_not_done_to_the_tensor() -> None:
    x = gl.zeros(2)
    x.numpy().setflags(write=False)
    assert x.add_(1).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("line", ["gl.from_numpy(a)", "gl.as_tensor(a)", "gl.ones(2) * a"])
def test_a_tensor_on_an_array_of_a_subclass_computes_as_any_other(line: str) -> None:
    class Other(numpy.ndarray):
        pass

    tensor = eval(line, {"gl": gl, "a": numpy.ones(2).view(Other)})
    assert type((tensor * 2).numpy()) is numpy.ndarray
    assert type(tensor._array) is numpy.ndarray
