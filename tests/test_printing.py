"""A tensor's text is PyTorch's, to the letter.

Two parts: texts written out here, which need no PyTorch, and a comparison with the installed
PyTorch over a table of arrays and over arrays that hypothesis makes up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradlab.printing import (
    get_printoptions,
    printoptions,
    set_printoptions,
    tensor_text,
)

NAN, INF = float("nan"), float("inf")
FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8"]
COMPLEX = ["complex64", "complex128"]
DTYPES = [*FLOATS, *INTEGERS, *COMPLEX, "bool"]


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    yield
    set_printoptions(profile="default")


# ---------------------------------------------------------------------------- written out here


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.float32(3), "tensor(3.)"),
        (np.float32(0.1), "tensor(0.1000)"),
        (np.int64(-7), "tensor(-7)"),
        (np.bool_(True), "tensor(True)"),
        (np.float32([1, 2.5]), "tensor([1.0000, 2.5000])"),
        (np.float32([1, NAN, -INF]), "tensor([1., nan, -inf])"),
        (np.float32([0.5, NAN, 100]), "tensor([  0.5000,      nan, 100.0000])"),
        (np.float32([1e-5, 1]), "tensor([1.0000e-05, 1.0000e+00])"),
        (np.float64([1]), "tensor([1.], dtype=torch.float64)"),
        (np.complex64([1 - 2j]), "tensor([1.-2.j])"),
        (np.complex64([1.5 + 2j, NAN]), "tensor([1.5000+2.j,    nan+0.j])"),
        (np.zeros(0, np.float32), "tensor([])"),
        (np.zeros((2, 0), np.int64), "tensor([], size=(2, 0), dtype=torch.int64)"),
        (np.float32([[1, 2], [3, 4]]), "tensor([[1., 2.],\n        [3., 4.]])"),
        (np.zeros((2, 1, 1), bool), "tensor([[[False]],\n\n        [[False]]])"),
        (np.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    ],
    ids=str,
)
def test_text(array: Any, text: str) -> None:
    assert tensor_text(array) == text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"requires_grad": True}, "tensor([1.], requires_grad=True)"),
        ({"grad_fn": "SinBackward0"}, "tensor([1.], grad_fn=<SinBackward0>)"),
        (
            {"grad_fn": "MulBackward0", "requires_grad": True},
            "tensor([1.], grad_fn=<MulBackward0>)",
        ),
        ({"device": "cuda:0"}, "tensor([1.], device='cuda:0')"),
        ({"default_dtype_name": "float64"}, "tensor([1.], dtype=torch.float32)"),
        ({"prefix": "Angle("}, "Angle([1.])"),
        (
            {"device": "cuda:0", "default_dtype_name": "float64", "requires_grad": True},
            "tensor([1.], device='cuda:0', dtype=torch.float32, requires_grad=True)",
        ),
    ],
    ids=str,
)
def test_suffixes(options: dict[str, Any], text: str) -> None:
    assert tensor_text(np.float32([1]), **options) == text


def test_a_suffix_that_does_not_fit_starts_a_line_under_the_numbers() -> None:
    text = tensor_text(np.arange(12, dtype=np.float64), device="cuda:0", grad_fn="MulBackward0")
    assert text == (
        "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11.],\n"
        "       device='cuda:0', dtype=torch.float64, grad_fn=<MulBackward0>)"
    )


def test_a_profile_sets_all_four_options_and_named_ones_win() -> None:
    set_printoptions(linewidth=40, sci_mode=True)
    set_printoptions(profile="short", precision=6)
    assert get_printoptions() == {
        "precision": 6,
        "threshold": 1000,
        "edgeitems": 2,
        "linewidth": 80,
        "sci_mode": None,
    }


def test_an_unknown_profile_is_refused_and_changes_nothing() -> None:
    set_printoptions(precision=7)
    with pytest.raises(ValueError, match="unknown profile 'long': choose one of default, short"):
        set_printoptions(profile="long", precision=2)
    assert get_printoptions()["precision"] == 7


def test_printoptions_ends_with_its_block_even_on_an_error() -> None:
    set_printoptions(sci_mode=True)
    with suppress(KeyError), printoptions(precision=1):
        assert tensor_text(np.float32(0.25)) == "tensor(0.2)"
        raise KeyError
    assert tensor_text(np.float32(0.25)) == "tensor(2.5000e-01)"


@pytest.mark.parametrize("shape", [(100_000_000,), (10_000, 10_000), (7, 14_000_000)])
def test_a_big_tensor_is_cut_before_anything_is_formatted(shape: tuple[int, ...]) -> None:
    array = np.broadcast_to(np.float32(1.5), shape)
    start = time.perf_counter()
    assert "..." in tensor_text(array)
    assert time.perf_counter() - start < 0.2


def test_only_the_shown_part_of_a_gpu_array_is_fetched() -> None:
    fetched = []

    class OnGpu(np.ndarray[Any, Any]):
        def get(self) -> np.ndarray[Any, Any]:
            fetched.append(self.size)
            return np.asarray(self)

    array = np.arange(4000).reshape(4, 1000)
    assert tensor_text(array.view(OnGpu)) == tensor_text(array)
    assert fetched == [4 * 6]


# ---------------------------------------------------------------------------- against PyTorch


def assert_same_text(array: Any, **options: Any) -> None:
    torch = pytest.importorskip("torch")
    array = np.asarray(array)
    with printoptions(**options), torch._tensor_str.printoptions(**options):
        assert tensor_text(array) == repr(torch.from_numpy(array.copy()))


VALUES = {
    "whole": [1, 2, 30],
    "whole and zero": [0, 1, 0],
    "zeros": [0, 0],
    "fraction": [0.5, 1, 2],
    "rounding": [0.00005, 0.00015, 0.12345, 0.99995],
    "wide": [1, 1000],
    "ratio over 1000": [0.5, 501],
    "small": [0.5e-4, 1],
    "large": [6e4, 100],
    "one": [7],
    "many": [i * 0.37 for i in range(40)],
    "many whole": list(range(70)),
}
SIGNED = {
    "negative whole": [-1, 2],
    "negative": [-0.25, 0.25, -2],
    "negative zero": [-0.0, 0.0],
    "only negative": [-3.5],
}
SPECIAL = {
    "nan": [NAN],
    "nans and whole": [NAN, 1, 2],
    "nan and fraction": [NAN, 0.5],
    "infinities": [INF, -INF],
    "all kinds": [NAN, INF, -INF, 0, -1.5, 20],
    "tiny": [1e-7],
    "inf and tiny": [INF, 1e-7, 3],
}
EXTREME = {
    "huge whole": [1e9, 1],
    "over 1e8": [100000001.0, 100000002.0],
    "1e8": [1e8],
    "extremes": [3e-38, 3e38],
    "denormal": [1e-40],
}
DOUBLE = {"double extremes": [1e-300, 1e300], "double denormal": [5e-324, 1]}


def table() -> Iterator[Any]:
    for dtype in DTYPES:
        sets = dict(VALUES)
        if dtype != "uint8":
            sets |= SIGNED
        if dtype[0] in "fc":
            sets |= SPECIAL
            if dtype != "float16":
                sets |= EXTREME
            if dtype in ("float64", "complex128"):
                sets |= DOUBLE
        for name, values in sets.items():
            if dtype[:3] == "int" or dtype in ("uint8", "bool"):
                values = [int(v) % 128 for v in values]
            yield pytest.param(np.array(values, dtype), id=f"{dtype} {name}")
        if dtype[0] == "c":
            mixed = [
                a + 1j * b for a, b in [(1, -2), (0.5, NAN), (NAN, -INF), (0, -0.0), (99, 1e-6)]
            ]
            for n in range(1, len(mixed) + 1):
                yield pytest.param(np.array(mixed[:n], dtype), id=f"{dtype} first {n} mixed")


@pytest.mark.parametrize("array", list(table()))
def test_values_are_written_as_pytorch_writes_them(array: Any) -> None:
    assert_same_text(array)
    assert_same_text(array[0])
    assert_same_text(np.stack([array, array[::-1]]))
    for sci_mode in (True, False):
        assert_same_text(array, sci_mode=sci_mode)
        assert_same_text(array, sci_mode=sci_mode, precision=2)
    assert_same_text(array, precision=0)


SHAPES = [
    (), (0,), (1,), (5,), (100,), (0, 3), (3, 0), (1, 1), (3, 4), (40, 2), (2, 40), (2, 0, 2),
    (2, 3, 4), (1, 2, 1, 3), (2, 2, 2, 2), (1000,), (1001,), (7, 200), (200, 7), (6, 200), (200, 6),
    (2, 3, 4, 5, 6), (20, 20, 20), (2, 501), (501, 2), (1, 1, 1001), (1001, 1, 1), (12, 1, 12, 12),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_are_laid_out_as_pytorch_does(shape: tuple[int, ...], dtype: str) -> None:
    array = (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 0.5).astype(dtype)
    assert_same_text(array)
    assert_same_text(array, profile="short")


@pytest.mark.parametrize(
    "options",
    [
        {"profile": "short"},
        {"profile": "full"},
        {"linewidth": 20},
        {"linewidth": 200},
        {"linewidth": 1},
        {"threshold": 0},
        {"threshold": 5, "edgeitems": 1},
        {"threshold": 5, "edgeitems": 2, "linewidth": 30},
        {"edgeitems": 0},
        {"edgeitems": 0, "threshold": 0},
        {"precision": 0},
        {"precision": 10},
        {"precision": 20, "sci_mode": True},
        {"sci_mode": False, "precision": 8},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(), (0, 2), (9,), (1, 9), (4, 5), (3, 4, 5), (30, 40)], ids=str)
def test_options_do_what_they_do_in_pytorch(
    options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    numbers = np.random.default_rng(0)
    for dtype in ("float32", "float64", "complex64", "int64", "bool"):
        assert_same_text((numbers.normal(size=shape) * 3).astype(dtype), **options)


def test_options_follow_the_same_sequence_of_calls() -> None:
    torch = pytest.importorskip("torch")
    calls: list[dict[str, Any]] = [
        {"precision": 2},
        {"sci_mode": True},
        {"linewidth": 50},
        {"profile": "short", "edgeitems": 5},
        {"threshold": 10, "sci_mode": False},
        {"profile": "full"},
        {"profile": "default"},
    ]
    for call in calls:
        set_printoptions(**call)
        torch.set_printoptions(**call)
        assert get_printoptions() == torch._tensor_str.get_printoptions()


@pytest.mark.parametrize("linewidth", [*range(20, 110, 3)])
@pytest.mark.parametrize("size", [1, 7, 10, 11, 12])
def test_suffixes_flow_to_the_next_line_where_pytorch_does(linewidth: int, size: int) -> None:
    torch = pytest.importorskip("torch")
    array = np.arange(size, dtype=np.float64) / 4
    leaf = torch.from_numpy(array).requires_grad_()
    node = leaf.view(1, -1)
    name = type(node.grad_fn).__name__
    with printoptions(linewidth=linewidth), torch._tensor_str.printoptions(linewidth=linewidth):
        assert tensor_text(array, requires_grad=True) == repr(leaf)
        assert tensor_text(array[None], requires_grad=True, grad_fn=name) == repr(node)


@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 2])
def test_dtype_is_told_where_pytorch_tells_it(default: str, dtype: str, size: int) -> None:
    torch = pytest.importorskip("torch")
    array = np.ones(size, dtype)
    torch.set_default_dtype(getattr(torch, default))
    try:
        expected = repr(torch.from_numpy(array))
    finally:
        torch.set_default_dtype(torch.float32)
    assert tensor_text(array, default_dtype_name=default) == expected


def test_views_print_like_their_copies() -> None:
    array = np.arange(3000, dtype=np.float32).reshape(3, 10, 100)
    for view in (array.T, array[:, ::-2], array[..., ::7], np.broadcast_to(array[0], (9, 10, 100))):
        assert_same_text(view)


# Magnitudes, whole numbers, specials: what decides between the three notations.
_FLOATS = st.one_of(
    st.floats(width=16),
    st.integers(-1000, 1000).map(float),
    st.sampled_from([0.0, -0.0, NAN, INF, -INF, 1.0, 1e-4, 1e4, 6e4]),
    st.builds(lambda m, e: m * 10.0**e, st.floats(-10, 10), st.integers(-7, 4)),
)
_WIDE_FLOATS = st.one_of(_FLOATS, st.floats(), st.integers(-(10**12), 10**12).map(float))
_SHAPES = st.one_of(
    st.lists(st.integers(0, 6), max_size=4),
    st.lists(st.integers(1, 60), min_size=1, max_size=2),
)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(_SHAPES)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        elements: st.SearchStrategy[Any] = st.integers(int(info.min), int(info.max))
        elements = st.one_of(elements, st.integers(0, 100))
    elif dtype.kind == "b":
        elements = st.booleans()
    else:
        elements = _FLOATS if dtype == np.float16 else _WIDE_FLOATS
    # A few values laid out over the whole array: hypothesis is slow at long lists.
    some = st.lists(elements, min_size=1, max_size=12)
    with np.errstate(all="ignore"):
        values = np.array(draw(some)).astype(dtype)
        if dtype.kind == "c":
            values.imag = np.resize(np.array(draw(some)), values.shape)
    return np.resize(values, shape) if np.prod(shape) else np.zeros(shape, dtype)


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 12),
        "threshold": st.integers(0, 300),
        "edgeitems": st.integers(0, 5),
        "linewidth": st.integers(10, 150),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@given(array=arrays(), options=st.one_of(st.just({}), OPTIONS))
@settings(max_examples=500, deadline=None)
def test_any_array_prints_as_in_pytorch(
    array: np.ndarray[Any, Any], options: dict[str, Any]
) -> None:
    assert_same_text(array, **options)
