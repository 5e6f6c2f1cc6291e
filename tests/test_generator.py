"""The generator's numbers are PyTorch's, seed for seed, whatever is drawn in between."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradlab import generator
from gradlab.generator import Generator

SEEDS = [0, 1, 42, 2**31, 2**32 + 5, 2**64 - 1]
# Around the limits at which normals are drawn otherwise, and over the twister's 624 words.
SHAPES = [
    (), (0,), (1,), (7,), (15,), (16,), (17,), (3, 5), (31,), (0, 3), (4, 4, 4), (625,), (1300,),
]  # fmt: skip
FLOATS = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
BOUNDS = [(-0.3, 0.9), (-1, 1), (0, 0.1), (5, 5), (1, 1.001), (-6e4, 0)]
NAN, INF = float("nan"), float("inf")


def both(seed: int) -> tuple[Generator, Any]:
    torch = pytest.importorskip("torch")
    return Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def has_avx2() -> bool:
    """Whether PyTorch rounds here as it does on most x86 machines."""
    torch = pytest.importorskip("torch")
    return torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


def assert_same(ours: Any, theirs: Any) -> None:
    theirs = theirs.numpy()
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_array_equal(ours, theirs)


def assert_close(ours: Any, theirs: Any) -> None:
    """As :func:`assert_same`, but for the last bits that depend on the machine's C library."""
    theirs = theirs.numpy()
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_allclose(ours, theirs, rtol=8 * np.finfo(ours.dtype).eps, atol=0)


def assert_in_step(ours: Generator, theirs: Any) -> None:
    """Both stand at the same place: the same words left, the same spare normal kept."""
    torch = pytest.importorskip("torch")
    assert_same(ours.uniform((3,)), torch.rand(3, generator=theirs))
    assert_close(
        ours.normal((1,), "float64"), torch.randn(1, generator=theirs, dtype=torch.float64)
    )


# ---------------------------------------------------------------------------- each sampler


@pytest.mark.parametrize("dtype", FLOATS + COMPLEX)
@pytest.mark.parametrize("seed", SEEDS)
def test_uniform(seed: int, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    kind = getattr(torch, dtype)
    for shape in SHAPES:
        assert_same(ours.uniform(shape, dtype), torch.rand(shape, dtype=kind, generator=theirs))
        for low, high in BOUNDS if has_avx2() else []:
            expected = torch.empty(shape, dtype=kind).uniform_(low, high, generator=theirs)
            assert_same(ours.uniform(shape, dtype, low, high), expected)
    assert_in_step(ours, theirs)


@pytest.mark.parametrize("dtype", FLOATS + COMPLEX)
@pytest.mark.parametrize("seed", SEEDS)
def test_normal(seed: int, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    # float64: up to the C library's last bits. The others: up to the kernel PyTorch has here.
    apart = 1e-14 if dtype in ("float64", "complex128") else 0 if has_avx2() else 1e-5
    for shape in SHAPES:
        for mean, std in [(0, 1), (0, 0.02), (0.37, 1.77), (-3, 0)]:
            expected = torch.empty(shape, dtype=getattr(torch, dtype))
            expected = expected.normal_(mean, std, generator=theirs).numpy()
            drawn = ours.normal(shape, dtype, mean, std)
            assert (drawn.dtype, drawn.shape) == (expected.dtype, expected.shape)
            np.testing.assert_allclose(drawn, expected, rtol=100 * apart, atol=apart)
    assert_in_step(ours, theirs)


def test_a_million_normals_are_equal_to_the_bit() -> None:
    torch = pytest.importorskip("torch")
    if not has_avx2():
        pytest.skip("PyTorch rounds normals differently without AVX2")
    ours, theirs = both(7)
    assert_same(ours.normal((10**6,)), torch.randn(10**6, generator=theirs))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("seed", SEEDS)
def test_exponential(seed: int, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    kind = getattr(torch, dtype)
    for shape in SHAPES:
        for rate in (1.0, 0.01, 1.7, INF):
            expected = torch.empty(shape, dtype=kind).exponential_(rate, generator=theirs)
            assert_close(ours.exponential(shape, dtype, rate), expected)
    assert_in_step(ours, theirs)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
@pytest.mark.parametrize("seed", SEEDS)
def test_bernoulli_of_one_probability(seed: int, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    for shape in SHAPES:
        for p in (0, 0.3, 0.5, 1):
            expected = torch.empty(shape, dtype=getattr(torch, dtype)).bernoulli_(
                p, generator=theirs
            )
            assert_same(ours.bernoulli(p, shape, dtype), expected)
    assert_in_step(ours, theirs)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("seed", SEEDS)
def test_bernoulli_of_a_probability_each(seed: int, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    for shape in SHAPES:
        p = np.asarray(np.random.default_rng(0).random(shape)).astype(dtype)
        assert_same(ours.bernoulli(p), torch.bernoulli(torch.from_numpy(p), generator=theirs))
    p = np.array([[0.2], [0.7], [0.5]], dtype)
    expected = torch.empty(3, 50, dtype=torch.int8).bernoulli_(
        torch.from_numpy(p), generator=theirs
    )
    assert_same(ours.bernoulli(p, (3, 50), "int8"), expected)
    assert_in_step(ours, theirs)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0, 0.1, 0.3, 0.5, 0.9, 1])
def test_dropout_mask(p: float, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours = Generator().manual_seed(11)
    torch.manual_seed(11)
    for shape in SHAPES:
        ones = torch.ones(shape, dtype=getattr(torch, dtype))
        assert_same(ours.dropout_mask(shape, p, dtype), torch.nn.functional.dropout(ones, p))
    assert_in_step(ours, torch.default_generator)


RANGES = [
    (0, 1), (0, 10), (-7, 100), (0, 2**28 - 1), (0, 2**28), (-5, 2**32), (0, 2**40 + 3),
    (-(2**63), 2**63 - 1), (-(2**63), 0), (2**62, 2**63 - 1), (-1, None), (0, None),
    (-(2**63) + 1, None), (-(2**63), None), (None, None),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("seed", SEEDS)
def test_integers_of_64_bits(seed: int, low: int | None, high: int | None) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    bounds = () if low is None else (low, high)
    for shape in SHAPES:
        expected = torch.empty(shape, dtype=torch.int64).random_(*bounds, generator=theirs)
        assert_same(ours.integers(low, high, shape), expected)
    assert_in_step(ours, theirs)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, "bool"])
@pytest.mark.parametrize("seed", SEEDS)
def test_integers_of_other_dtypes(seed: int, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    kind = getattr(torch, dtype)
    ranges: list[Sequence[int | None]] = [(None, None), (0, None), (0, 2)]
    if dtype != "bool":
        ranges += [(1, 100), (5, None)]
    if dtype in ("int32", "float64"):
        ranges += [(-5, 2**30)]
    if dtype in FLOATS:
        bits = np.finfo(dtype).nmant + 1
        ranges += [(-(2**bits), 2**bits + 1)]
    for shape in SHAPES:
        for low, high in ranges:
            bounds = () if low is None else (low, high)
            expected = torch.empty(shape, dtype=kind).random_(*bounds, generator=theirs)
            assert_same(ours.integers(low, high, shape, dtype), expected)
    assert_in_step(ours, theirs)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 10, 33, 624, 5000, 100_000])
@pytest.mark.parametrize("seed", SEEDS)
def test_permutation(seed: int, n: int) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    assert_same(ours.permutation(n), torch.randperm(n, generator=theirs))
    assert_in_step(ours, theirs)


@pytest.mark.parametrize(
    ("dtype", "most"), [("uint8", 256), ("int8", 128), ("int16", 2**15), ("float16", 2049)]
)
def test_a_permutation_goes_up_to_what_its_dtype_holds(dtype: str, most: int) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(5)
    expected = torch.randperm(most, dtype=getattr(torch, dtype), generator=theirs)
    assert_same(ours.permutation(most, dtype), expected)
    with pytest.raises(RuntimeError) as theirs_error:
        torch.randperm(most + 1, dtype=getattr(torch, dtype))
    with pytest.raises(RuntimeError) as our_error:
        ours.permutation(most + 1, dtype)
    assert_same_sentence(our_error.value, theirs_error.value)


def test_a_large_permutation_shuffles_inside_out_on_64_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PyTorch's second algorithm, whose real limit takes gigabytes, told by its plain loop."""
    monkeypatch.setattr(generator, "_LARGE_PERMUTATION", 2)
    for n in (2, 3, 10, 1000, 5000):
        words = Generator().manual_seed(n)._long_words(n).tolist()
        order = list(range(n))
        for i, word in enumerate(words):
            z = word % (i + 1)
            order[i] = order[z]
            order[z] = i
        assert Generator().manual_seed(n).permutation(n).tolist() == order


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(3,), (1,), (40,), (5, 9), (1, 1), (3, 1000), (0, 4)])
@pytest.mark.parametrize("seed", SEEDS)
def test_multinomial(seed: int, shape: tuple[int, ...], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    weights = (np.random.default_rng(1).random(shape) + 0.01).astype(dtype)
    weights[..., 1:2] = 0
    theirs_weights = torch.from_numpy(weights)
    for n, replacement in [(1, False), (1, True), (2, True), (100, True), (shape[-1] - 1, False)]:
        if n == 0:
            continue
        expected = torch.multinomial(theirs_weights, n, replacement, generator=theirs)
        if dtype == "float16" and not replacement and n > 1:
            # Halves tie, and PyTorch leaves open which of two equals comes first.
            drawn = ours.multinomial(weights, n)
            assert (np.sort(drawn) == np.sort(expected.numpy())).sum() >= 0.97 * drawn.size
        else:
            assert_same(ours.multinomial(weights, n, replacement), expected)
    assert_in_step(ours, theirs)


# ---------------------------------------------------------------------------- in step


def draw_both(torch: Any, kind: str, n: int, ours: Generator, theirs: Any) -> tuple[Any, Any]:
    """The same draw from both: the mixed bag that a script would make."""
    double = torch.float64
    draws: dict[str, Callable[[], tuple[Any, Any]]] = {
        "rand": lambda: (ours.uniform((n,)), torch.rand(n, generator=theirs)),
        "rand64": lambda: (
            ours.uniform((n,), "float64"),
            torch.rand(n, generator=theirs, dtype=double),
        ),
        "randn64": lambda: (
            ours.normal((n,), "float64"),
            torch.randn(n, generator=theirs, dtype=double),
        ),
        "complex": lambda: (
            ours.normal((n,), "complex128"),
            torch.randn(n, generator=theirs, dtype=torch.complex128),
        ),
        "randint": lambda: (ours.integers(0, 9, (n,)), torch.randint(9, (n,), generator=theirs)),
        "randperm": lambda: (ours.permutation(n), torch.randperm(n, generator=theirs)),
        "bernoulli": lambda: (
            ours.bernoulli(0.4, (n,)),
            torch.empty(n).bernoulli_(0.4, generator=theirs),
        ),
        "seed": lambda: (
            np.array(ours.manual_seed(n).initial_seed()),
            torch.tensor(theirs.manual_seed(n).initial_seed()),
        ),
    }
    return draws[kind]()


KINDS = ["rand", "rand64", "randn64", "complex", "randint", "randperm", "bernoulli", "seed"]


@given(
    seed=st.integers(-(2**63), 2**64 - 1),
    calls=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 40)), max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_mixed_draws_stay_in_step(seed: int, calls: list[tuple[str, int]]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(seed)
    assert ours.initial_seed() == theirs.initial_seed()
    for kind, n in calls:
        drawn, expected = draw_both(torch, kind, n, ours, theirs)
        np.testing.assert_allclose(drawn, expected.numpy(), rtol=1e-14, atol=0)
    assert_in_step(ours, theirs)


@pytest.mark.parametrize("shape", [(), (2, 0), (4,)])
def test_every_sampler_returns_an_array_of_its_own(shape: tuple[int, ...]) -> None:
    ours = Generator()
    for drawn in (
        ours.uniform(shape),
        ours.uniform(shape, "float64", -1, 1),
        ours.uniform(shape, "complex64"),
        ours.normal(shape),
        ours.normal(shape, "complex128"),
        ours.exponential(shape),
        ours.bernoulli(0.5, shape),
        ours.bernoulli(np.full(shape, 0.5)),
        ours.dropout_mask(shape, 0.5),
        ours.dropout_mask(shape, 0),
        ours.integers(0, 9, shape),
    ):
        assert type(drawn) is np.ndarray
        assert drawn.shape == shape
        assert drawn.flags.writeable
        assert drawn.flags.c_contiguous


def test_an_odd_number_of_normals_leaves_one_for_the_next_call() -> None:
    ours = Generator().manual_seed(3)
    together = ours.normal((4,), "float64")
    ours.manual_seed(3)
    apart = np.concatenate([ours.normal((1,), "float64"), ours.normal((3,), "float64")])
    np.testing.assert_array_equal(together, apart)


# ---------------------------------------------------------------------------- seeds and states


def test_a_generator_nobody_seeded_starts_where_pytorchs_does() -> None:
    torch = pytest.importorskip("torch")
    assert Generator().initial_seed() == torch.Generator().initial_seed()
    assert_in_step(Generator(), torch.Generator())


@pytest.mark.parametrize("seed", [0, -1, -(2**63), 2**63, 2**64 - 1, np.int64(5)])
def test_manual_seed_takes_64_bits_signed_or_not(seed: int) -> None:
    ours = Generator()
    assert ours.manual_seed(seed) is ours
    assert ours.initial_seed() == int(seed) % 2**64


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, True, "a"])
def test_manual_seed_refuses_what_pytorch_refuses(seed: Any) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises((RuntimeError, ValueError)) as theirs_error:
        torch.Generator().manual_seed(seed)
    ours = Generator().manual_seed(4)
    with pytest.raises(theirs_error.type) as our_error:
        ours.manual_seed(seed)
    assert_same_sentence(our_error.value, theirs_error.value)
    assert ours.initial_seed() == 4


def test_seed_differs_from_call_to_call_and_fixes_the_stream() -> None:
    ours = Generator()
    first, second = ours.seed(), ours.seed()
    assert first != second
    assert ours.initial_seed() == second
    np.testing.assert_array_equal(ours.uniform((5,)), Generator().manual_seed(second).uniform((5,)))


@pytest.mark.parametrize("drawn", [0, 1, 2, 623, 624, 625, 1248, 2000])
@pytest.mark.parametrize("spare", [False, True])
def test_states_are_pytorchs_own_bytes(drawn: int, spare: bool) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(9)
    ours.uniform((drawn,))
    torch.rand(drawn, generator=theirs)
    if spare:
        ours.normal((3,))
        torch.randn(3, generator=theirs)
    mine, his = ours.get_state(), theirs.get_state().numpy()
    assert (mine.dtype, mine.shape) == (his.dtype, his.shape)
    unread = slice(16, 24)  # `next`, which is not read once a block of words is used up
    np.testing.assert_array_equal(np.delete(mine, unread), np.delete(his, unread))
    other, another = both(0)
    other.set_state(his)
    another.set_state(torch.from_numpy(mine))
    assert other.initial_seed() == another.initial_seed() == 9
    assert_in_step(ours, another)
    assert_in_step(other, theirs)


@pytest.mark.parametrize("make", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
@pytest.mark.parametrize(
    "ours", [Generator(), generator.default_generator], ids=["one", "the default"]
)
def test_copies_go_on_from_the_same_place_on_their_own(
    ours: Generator, make: Callable[[Generator], Generator]
) -> None:
    ours.manual_seed(8)
    ours.normal((3,))
    copied = make(ours)
    cloned = ours.clone_state()
    expected = ours.normal((5,))
    np.testing.assert_array_equal(copied.normal((5,)), expected)
    np.testing.assert_array_equal(cloned.normal((5,)), expected)


def test_a_state_may_be_bytes() -> None:
    ours = Generator().manual_seed(8)
    state = ours.get_state().tobytes()
    expected = ours.uniform((5,))
    ours.set_state(state)
    np.testing.assert_array_equal(ours.uniform((5,)), expected)


@pytest.mark.parametrize(
    "state",
    [
        np.zeros(3, np.uint8),
        np.zeros(5056, np.uint8),
        np.zeros(5056, np.float32),
    ],
    ids=["short", "zeros", "floats"],
)
def test_set_state_refuses_what_pytorch_refuses_and_stays(state: Any) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises((RuntimeError, TypeError)) as theirs_error:
        torch.Generator().set_state(torch.from_numpy(state))
    ours = Generator().manual_seed(1)
    before = ours.get_state()
    with pytest.raises(theirs_error.type) as our_error:
        ours.set_state(state)
    assert_same_sentence(our_error.value, theirs_error.value)
    np.testing.assert_array_equal(ours.get_state(), before)


def test_a_generator_lives_on_the_cpu() -> None:
    assert Generator("cpu").device == "cpu"
    with pytest.raises(RuntimeError, match="Device type CUDA is not supported"):
        Generator("cuda")


def test_the_default_generator_is_seeded_like_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    assert generator.manual_seed(-3) is generator.default_generator
    torch.manual_seed(-3)
    assert generator.initial_seed() == torch.initial_seed()
    assert_in_step(generator.default_generator, torch.default_generator)
    generator.manual_seed(1.7)  # type: ignore[arg-type]
    assert generator.initial_seed() == 1
    state = generator.get_rng_state()
    expected = generator.default_generator.uniform((3,))
    generator.set_rng_state(state)
    np.testing.assert_array_equal(generator.default_generator.uniform((3,)), expected)
    assert generator.seed() == generator.initial_seed()


# ---------------------------------------------------------------------------- errors


def assert_same_sentence(ours: BaseException, theirs: BaseException) -> None:
    sentence = str(theirs).split(".  (Could this")[0].rstrip(".")
    assert str(ours).startswith(sentence)


def errors() -> list[Any]:
    torch = pytest.importorskip("torch")
    ours = Generator()

    def into(dtype: str = "float32") -> Any:
        return torch.empty(3, dtype=getattr(torch, dtype))

    cases: list[tuple[Callable[[], Any], Callable[[], Any]]] = []
    for low, high in [(2, 1), (0, 1e39), (-3e38, 3e38), (NAN, 1), (0, INF)]:
        cases.append(
            (
                partial(ours.uniform, (3,), "float32", low, high),
                partial(into().uniform_, low, high),
            )
        )
    cases += [
        (partial(ours.uniform, (3,), "int64"), into("int64").uniform_),
        (partial(ours.normal, (3,), "bool"), into("bool").normal_),
        (partial(ours.normal, (3,), "float32", 0, -1), partial(into().normal_, 0, -1)),
        (partial(ours.normal, (3,), "float32", 0, NAN), partial(into().normal_, 0, NAN)),
        (partial(ours.exponential, (3,), "float32", 0), partial(into().exponential_, 0)),
        (partial(ours.exponential, (3,), "float32", NAN), partial(into().exponential_, NAN)),
        (partial(ours.exponential, (3,), "int64"), into("int64").exponential_),
        (partial(ours.bernoulli, 2), partial(into().bernoulli_, 2)),
        (partial(ours.bernoulli, NAN), partial(into().bernoulli_, NAN)),
        (partial(ours.bernoulli, 0.5, (), "complex64"), partial(into("complex64").bernoulli_, 0.5)),
        (
            partial(ours.bernoulli, np.float32([0.5, 2])),
            partial(torch.bernoulli, torch.tensor([0.5, 2])),
        ),
        (partial(ours.bernoulli, np.array([0, 1])), partial(torch.bernoulli, torch.tensor([0, 1]))),
        (
            partial(ours.dropout_mask, (3,), 1.5),
            partial(torch.nn.functional.dropout, into(), 1.5),
        ),
        (partial(ours.permutation, -1), partial(torch.randperm, -1)),
        (partial(ours.permutation, 5, "bool"), partial(torch.randperm, 5, dtype=torch.bool)),
    ]
    for low, high, dtype in [
        (5, 5, "int64"),
        (0, 300, "uint8"),
        (-1, 3, "uint8"),
        (0, 3, "bool"),
        (-129, 3, "int8"),
        (0, 2**15 + 1, "int16"),
        (0, 2**40, "int32"),
        (0, 2**64, "int64"),
        (0, 70000, "float16"),
        (0, 2, "complex64"),
    ]:
        cases.append(
            (
                partial(ours.integers, low, high, (3,), dtype),
                partial(torch.randint, low, high, (3,), dtype=getattr(torch, dtype)),
            )
        )
    for weights, n, replacement in [
        ([1.0, 1, 1], 4, False),
        ([1.0, 1, 1], 0, False),
        ([0.0, 0], 1, False),
        ([0.0, 0], 2, True),
        ([[1.0, 0], [0, 0]], 2, True),
        ([-1.0, 2], 1, False),
        ([-1.0, 2], 2, True),
        ([NAN, 2], 2, True),
        ([INF, 2], 1, False),
        ([[[1.0]]], 1, False),
        (1.0, 1, False),
        ([1, 2], 1, False),
    ]:
        array = np.asarray(weights)
        cases.append(
            (
                partial(ours.multinomial, array, n, replacement),
                partial(torch.multinomial, torch.from_numpy(array), n, replacement),
            )
        )
    return cases


def test_errors_begin_with_pytorchs_sentences() -> None:
    for ours, theirs in errors():
        with pytest.raises((RuntimeError, ValueError, NotImplementedError)) as theirs_error:
            theirs()
        with pytest.raises(theirs_error.type) as our_error:
            ours()
        assert_same_sentence(our_error.value, theirs_error.value)


def test_bounds_a_float_cannot_hold_raise_where_pytorch_warns() -> None:
    with pytest.raises(RuntimeError, match="float32 holds whole numbers from -16777216 to 1677721"):
        Generator().integers(0, 2**25, (3,), "float32")
