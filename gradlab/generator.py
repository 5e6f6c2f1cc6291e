"""Generator: random numbers that are PyTorch's own, seed for seed.

``manual_seed(0)`` and then ``rand``, ``randn``, ``randperm``, dropout… give on the CPU what they
give in PyTorch, and any mix of them stays in step with it. Four things make that so: the same
Mersenne Twister seeded in the same way, the same count of its 32-bit words spent per number, the
same formula from words to numbers, and the same roundings on the way.

The words are PyTorch's on every machine. PyTorch itself rounds some formulas differently from one
kind of processor to another; what is matched here is x86 with AVX2, its common case. The
samplers' docstrings say where a last bit may differ all the same.

Samplers return NumPy arrays; ``device="cuda"`` moves them afterwards.
"""

from __future__ import annotations

import math
import operator
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

Array: TypeAlias = np.ndarray[Any, Any]
Float32s: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
Float64s: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Uint64s: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

_WORDS = 624  # the twister's state, in 32-bit words
_UNSEEDED = 67280421310721  # what a Generator nobody has seeded starts from
_INT64 = np.iinfo(np.int64)
_LARGE_PERMUTATION = (2**32 - 1) // 20  # from here on 32 bits would favour some permutations

# get_state's bytes are those of torch.Generator.get_state, so that either library takes the
# other's. Several fields are left from older engines: PyTorch neither fills nor reads them.
_STATE = np.dtype(
    [
        ("seed", "u8"),
        ("left", "i4"),
        ("seeded", "i4"),
        ("next", "u8"),
        ("words", "u8", _WORDS),
        ("unused_x", "f8"),
        ("normal", "f8"),
        ("unused_rho", "f8"),
        ("has_normal", "i8"),
        ("unused_float_normal", "i8"),
    ]
)

# What PyTorch's errors call a dtype: by its tensor type, and by its C++ type.
_TYPE_NAMES = {
    "bool": ("Bool", "bool"),
    "uint8": ("Byte", "unsigned char"),
    "int8": ("Char", "signed char"),
    "int16": ("Short", "short int"),
    "int32": ("Int", "int"),
    "int64": ("Long", "long"),
    "float16": ("Half", "c10::Half"),
    "float32": ("Float", "float"),
    "float64": ("Double", "double"),
    "complex64": ("ComplexFloat", "c10::complex<float>"),
    "complex128": ("ComplexDouble", "c10::complex<double>"),
}


class Generator:
    """A stream of random numbers that a seed fixes.

    >>> generator = Generator().manual_seed(0)
    >>> generator.uniform((3,))
    array([0.4962566 , 0.7682218 , 0.08847743], dtype=float32)
    """

    def __init__(self, device: str = "cpu") -> None:
        if str(device) != "cpu":
            raise RuntimeError(
                f"Device type {str(device).upper()} is not supported for torch.Generator() api: "
                "draw from a CPU generator and move the numbers"
            )
        self.device = str(device)
        self._twister = np.random.MT19937(0)
        self.manual_seed(_UNSEEDED)

    # ------------------------------------------------------------------------ seed and state

    def manual_seed(self, seed: int) -> Generator:
        """Start over from ``seed`` and return the generator itself.

        ``seed`` lies between -2**63 and 2**64 - 1; a negative one counts from 2**64 down. Of its
        64 bits the lower 32 make a difference to the numbers. Raises ValueError out of that
        range and RuntimeError for what is not an integer.
        """
        self._seed = _checked_seed(seed)
        # RandomState seeds a twister the reference way; the twister's own way hashes the seed.
        np.random.RandomState(self._twister).seed(self._seed % 2**32)
        self._spare_normal: float | None = None
        return self

    def seed(self) -> int:
        """Start over from a seed that nobody can foretell, and return it."""
        return self.manual_seed(secrets.randbits(53)).initial_seed()

    def initial_seed(self) -> int:
        """The seed last started from, as a number of at least 0."""
        return self._seed

    def get_state(self) -> Array:
        """Where the stream is now: 5056 bytes for :meth:`set_state`, ours or PyTorch's."""
        twister = self._twister.state["state"]
        state = np.zeros(1, _STATE)
        state["seed"] = self._seed
        state["seeded"] = True
        state["left"] = _WORDS + 1 - twister["pos"]
        state["next"] = twister["pos"] % _WORDS
        state["words"] = twister["key"]
        state["has_normal"] = self._spare_normal is not None
        state["normal"] = self._spare_normal or 0.0
        return state.view(np.uint8)

    def set_state(self, state: Array | bytes) -> None:
        """Go to where a stream was when :meth:`get_state`, ours or PyTorch's, was called.

        Raises TypeError if ``state`` doesn't hold bytes and RuntimeError if they are no state;
        the generator then stays as it is.
        """
        fields = _checked_state(state)
        twister: Any = {
            "key": fields["words"].astype(np.uint32),
            "pos": _WORDS + 1 - fields["left"],
        }
        self._twister.state = {"bit_generator": "MT19937", "state": twister}
        self._seed = int(fields["seed"])
        self._spare_normal = float(fields["normal"]) if fields["has_normal"] else None

    def clone_state(self) -> Generator:
        """Another generator, at the same place in the same stream.

        >>> generator = Generator().manual_seed(3)
        >>> bool(generator.clone_state().uniform(()) == generator.uniform(()))
        True
        """
        return _at(self.get_state())

    # ------------------------------------------------------------------------ words, unit floats

    def _words(self, n: int) -> Uint64s:
        """``n`` random 32-bit words, each in 64 bits: what everything below is made from."""
        words: Uint64s = self._twister.random_raw(n)
        return words

    def _long_words(self, n: int) -> Uint64s:
        """``n`` random 64-bit words of two draws each, the upper half drawn first."""
        words = self._words(2 * n)
        return words[0::2] << np.uint64(32) | words[1::2]

    def _units(self, n: int, dtype: np.dtype[Any]) -> Array:
        """``n`` numbers in [0, 1): multiples of 2**-53 in float64, else of 2**-24 in float32."""
        if dtype == np.float64:
            return (self._long_words(n) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53
        return (self._words(n) & np.uint64(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)

    # ------------------------------------------------------------------------ real numbers

    def uniform(
        self,
        shape: Sequence[int],
        dtype: DTypeLike = np.float32,
        low: float = 0.0,
        high: float = 1.0,
    ) -> Array:
        """Numbers spread evenly over [low, high), as ``torch.rand`` and ``uniform_`` draw them.

        Any floating or complex dtype; real and imaginary parts are drawn alike. Equal to
        PyTorch's to the bit; on processors without a fused multiply-add, PyTorch's own differ in
        the last bit for bounds other than 0 and 1. Raises NotImplementedError for other dtypes,
        RuntimeError for bounds that are the wrong way round or that the dtype can't hold.

        >>> Generator().manual_seed(0).uniform((2,), np.float64, -1, 1)
        array([0.940106  , 0.41563973])
        """
        dtype = np.dtype(dtype)
        _require_kind(dtype, "fc", "check_uniform_bounds")
        if dtype.kind == "c":
            return _paired(self.uniform((*shape, 2), _part(dtype), low, high), dtype)
        _check_uniform_bounds(dtype, low, high)
        units = self._units(math.prod(shape), dtype)
        if (low, high) != (0, 1):
            low_, high_ = np.array([low, high], units.dtype)
            units = multiply_add(units, high_ - low_, low_)
        values = units.astype(dtype, copy=False)
        # Rounding may reach the bound that is to stay out.
        values[values == np.array(high, dtype)] = low
        return values.reshape(shape)

    def normal(
        self,
        shape: Sequence[int],
        dtype: DTypeLike = np.float32,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> Array:
        """Normally distributed numbers, as ``torch.randn`` and ``normal_`` draw them.

        Any floating or complex dtype; a complex number has the variance ``std**2`` shared by its
        two parts. float32 and float16 are PyTorch's to the bit on x86 with AVX2; elsewhere
        PyTorch's own differ from these by some 1e-6. float64 is PyTorch's to the bit where Python
        and NumPy call the C library that PyTorch calls, else to a unit or two in the last place.
        Raises NotImplementedError for other dtypes and RuntimeError if ``std`` is not at least 0.

        >>> Generator().manual_seed(0).normal((2,))
        array([ 1.5409961, -0.2934289], dtype=float32)
        """
        dtype = np.dtype(dtype)
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        _require_kind(dtype, "fc", "normal_kernel_cpu")
        if dtype.kind == "c":
            parts = self.normal((*shape, 2), _part(dtype), mean, std / math.sqrt(2))
            return _paired(parts, dtype)
        n = math.prod(shape)
        if n < 16:
            values = multiply_add(self._few_normals(n), np.float64(std), np.float64(mean))
        else:
            values = self._many_normals(n, dtype, mean, std)
        return values.astype(dtype, copy=False).reshape(shape)

    def _few_normals(self, n: int) -> Float64s:
        """``n`` standard normals by pairs; the second of an odd pair is kept for the next call."""
        values: list[float] = []
        if n and self._spare_normal is not None:
            values, self._spare_normal = [self._spare_normal], None
        pairs = (n - len(values) + 1) // 2
        units = self._units(2 * pairs, np.dtype(np.float64)).tolist()
        for turn, tail in zip(units[0::2], units[1::2], strict=True):
            radius = math.sqrt(-2.0 * math.log1p(-tail))
            angle = 2.0 * math.pi * turn
            values += [radius * math.cos(angle), radius * math.sin(angle)]
        if len(values) > n:
            self._spare_normal = values.pop()
        return np.array(values, np.float64)

    def _many_normals(self, n: int, dtype: np.dtype[Any], mean: float, std: float) -> Array:
        """At least 16 normals in blocks of 16; the last 16 are drawn anew unless they fill one."""
        whole = n // 16 * 16
        # Halves are drawn block by block, so the words of a block left unfilled are not spent.
        units = self._units(whole if dtype == np.float16 else n, dtype)
        if whole == n:
            return _normals_from_units(units, mean, std)
        # One transform for both: of 100 numbers, each takes 0.15 ms whatever their count.
        both = np.concatenate([units[:whole], self._units(16, dtype)])
        made = _normals_from_units(both, mean, std)
        return np.concatenate([made[: n - 16], made[whole:]])

    def exponential(
        self, shape: Sequence[int], dtype: DTypeLike = np.float32, rate: float = 1.0
    ) -> Array:
        """Numbers with the density ``rate * exp(-rate * x)``, as ``exponential_`` draws them.

        Any real floating dtype; PyTorch's to the bit where Python calls the same C library, else
        to a unit in the last place. Raises RuntimeError for other dtypes and for a ``rate`` that
        is not above 0.

        >>> Generator().manual_seed(0).exponential((2,))
        array([3.5083263, 1.2303847], dtype=float32)
        """
        dtype = np.dtype(dtype)
        if not rate > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
        if dtype.kind != "f":
            raise RuntimeError(
                "Exponential distribution is a continuous probability distribution. dtype must be "
                f"a floating point but you specified {_TYPE_NAMES[dtype.name][0]}"
            )
        units = self._units(math.prod(shape), np.dtype(np.float64))
        logarithm = _exactly(math.log1p, -units) if dtype == np.float64 else np.log1p(-units)
        return (-1.0 / rate * logarithm).astype(dtype).reshape(shape)

    # ------------------------------------------------------------------------ yes or no

    def bernoulli(
        self,
        p: float | Array,
        shape: Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
    ) -> Array:
        """Ones with probability ``p`` and zeros, as ``torch.bernoulli`` and ``bernoulli_`` do.

        With a number ``p``, of any ``shape`` asked for, float32 unless ``dtype`` says otherwise.
        An array ``p`` holds a probability per element and is broadcast to ``shape``; shape and
        dtype are its own if not given. PyTorch draws differently for the two, and so does this.
        Raises RuntimeError for a probability outside [0, 1].

        >>> Generator().manual_seed(0).bernoulli(0.5, (4,))
        array([0., 0., 1., 0.], dtype=float32)
        """
        chances, own = (p, p.dtype) if isinstance(p, np.ndarray) else (np.float64(p), np.float32)
        shape = chances.shape if shape is None else shape
        dtype = np.dtype(own if dtype is None else dtype)
        _require_kind(chances.dtype, "f", "bernoulli_tensor_cpu_p_")
        _require_kind(dtype, "biuf", "bernoulli_scalar_cpu_")
        _check_chances(p)
        units = self._units(math.prod(shape), chances.dtype)
        drawn: Array = units < np.broadcast_to(chances, tuple(shape)).ravel()
        return drawn.astype(dtype).reshape(shape)

    def dropout_mask(self, shape: Sequence[int], p: float, dtype: DTypeLike = np.float32) -> Array:
        """What dropout multiplies by: 0 with probability ``p``, else 1 / (1 - p).

        Draws as ``torch.nn.functional.dropout`` does on the CPU: nothing at all if ``p`` is 0 or
        1. Raises ValueError for a ``p`` outside [0, 1].

        >>> Generator().manual_seed(0).dropout_mask((4,), 0.5)
        array([0., 0., 2., 0.], dtype=float32)
        """
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        if p in (0, 1):
            return np.full(shape, 1 - p, dtype)
        working = np.result_type(dtype, np.float32)  # halves are divided in float32
        mask = self.bernoulli(1 - p, shape, working)
        mask /= working.type(1 - p)
        return mask.astype(dtype, copy=False)

    # ------------------------------------------------------------------------ whole numbers

    def integers(
        self,
        low: int | None,
        high: int | None,
        shape: Sequence[int],
        dtype: DTypeLike = np.int64,
    ) -> Array:
        """Whole numbers from ``low`` up to but not including ``high``, each as likely.

        These are ``torch.randint``'s and ``random_``'s numbers. Without ``high`` they go up to
        and include the largest that ``dtype`` holds; without both they start at 0. A floating
        ``dtype`` holds whole numbers up to 2**11, 2**24 or 2**53; PyTorch warns of bounds beyond
        those, here they raise. Raises RuntimeError for bounds that ``dtype`` can't hold or that
        are the wrong way round, ValueError for bounds that don't fit in 64 bits.

        >>> Generator().manual_seed(0).integers(0, 10, (5,))
        array([4, 9, 3, 0, 3])
        """
        dtype = np.dtype(dtype)
        if dtype.kind not in "biuf":
            raise RuntimeError(
                "check_random_bounds handles only integral, floating-point and boolean types, "
                f"not {dtype.name}"
            )
        n = math.prod(shape)
        largest = _largest_integer(dtype)
        if low is None:
            # `random_()` counts on 64 bits where they fit, whatever the number of values.
            words = self._long_words(n) if dtype.itemsize == 8 else self._words(n)
            low, count = 0, largest + 1
        else:
            low, count = _checked_range(low, largest + 1 if high is None else high, dtype, largest)
            # On 32 bits the remainder of a large count would favour the smaller values.
            words = self._words(n) if count < 2**28 else self._long_words(n)
        if count < 2**64:
            words %= np.uint64(count)
            words += np.uint64(low % 2**64)
        return words.view(np.int64).astype(dtype).reshape(shape)

    def permutation(self, n: int, dtype: DTypeLike = np.int64) -> Array:
        """The numbers 0 to ``n - 1`` in an order as likely as any other: ``torch.randperm``'s.

        Any integer or real floating dtype. Raises RuntimeError if ``n`` is negative or ``dtype``
        can't hold every number below it.

        >>> Generator().manual_seed(0).permutation(5)
        array([4, 0, 1, 3, 2])
        """
        dtype = np.dtype(dtype)
        _require_kind(dtype, "iuf", "randperm")
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
        _check_holds(dtype, n)
        if n < _LARGE_PERMUTATION:
            steps = np.arange(max(n - 1, 0), dtype=np.uint64)
            chosen: Array = steps + self._words(len(steps)) % (np.uint64(n) - steps)
            order = _swapped_forward(chosen.astype(np.int64), n)
        else:
            chosen = self._long_words(n) % np.arange(1, n + 1, dtype=np.uint64)
            order = _shuffled_inside_out(chosen.astype(np.int64))
        return order.astype(dtype)

    def multinomial(self, weights: Array, n: int, replacement: bool = False) -> Array:
        """``n`` positions of ``weights``, drawn in proportion to them: ``torch.multinomial``'s.

        ``weights`` is a vector, or a matrix of which every row gives ``n`` positions of its own;
        any real floating dtype. The result is int64 of shape ``(n,)`` or ``(rows, n)``. Without
        replacement and with fewer weights above 0 than ``n``, the rest are weights of 0, here the
        first of them; PyTorch takes some. Raises RuntimeError for weights that are negative, not
        finite or all 0, and for more positions than can be drawn.

        >>> weights = np.array([0.0, 1.0, 3.0])
        >>> Generator().manual_seed(0).multinomial(weights, 6, replacement=True)
        array([2, 2, 2, 2, 2, 2])
        """
        _check_weights(weights, n, replacement)
        rows = np.atleast_2d(weights)
        if replacement and n > 1:
            units = self._units(len(rows) * n, np.dtype(np.float64)).reshape(len(rows), n)
            chosen = np.empty((len(rows), n), np.int64)
            for row, unit, into in zip(rows, units, chosen, strict=True):
                into[:] = _inverted(row, unit)
        else:
            # The first of several exponential clocks to ring is one drawn in proportion to rates.
            with np.errstate(divide="ignore"):
                haste = rows / self.exponential(rows.shape, rows.dtype)
            chosen = np.argsort(-haste, axis=1, kind="stable")[:, :n]
        return chosen.reshape((*weights.shape[:-1], n))


# ---------------------------------------------------------------------------- seeds and states


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}: {seed!r}")
    number: int = operator.index(seed)
    if not -(2**63) <= number < 2**64:
        raise ValueError(
            f"Overflow when unpacking long long: seed {number} lies outside -2**63 to 2**64 - 1"
        )
    return number & (2**64 - 1)


def _checked_state(state: Array | bytes) -> Any:
    array = np.frombuffer(state, np.uint8) if isinstance(state, bytes) else np.asarray(state)
    if array.dtype != np.uint8:
        raise TypeError(f"RNG state must be a torch.ByteTensor, but got dtype {array.dtype}")
    if array.size != _STATE.itemsize:
        raise RuntimeError(
            f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the input RNG "
            f"state size to be {array.size}"
        )
    fields = np.ascontiguousarray(array).view(_STATE)[0]
    if fields["seeded"] != 1 or not 0 < fields["left"] <= _WORDS or fields["next"] > _WORDS:
        raise RuntimeError("Invalid mt19937 state: these bytes were not made by get_state()")
    return fields


# ---------------------------------------------------------------------------- arguments


def _part(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a complex number's two parts."""
    return np.dtype(f"f{dtype.itemsize // 2}")


def _paired(parts: Array, dtype: np.dtype[Any]) -> Array:
    return parts.view(dtype)[..., 0]


def _require_kind(dtype: np.dtype[Any], kinds: str, kernel: str) -> None:
    if dtype.kind not in kinds:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{_TYPE_NAMES[dtype.name][0]}'"
        )


def _largest_integer(dtype: np.dtype[Any]) -> int:
    """The largest whole number below which ``dtype`` holds every other."""
    if dtype.kind == "f":
        return int(2 ** (np.finfo(dtype).nmant + 1))
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def _check_holds(dtype: np.dtype[Any], n: int) -> None:
    """Raise unless ``dtype`` holds every number below ``n``."""
    most = _largest_integer(dtype) + 1
    if n <= most:
        return
    if dtype.kind == "f":
        type_name = _TYPE_NAMES[dtype.name][0]
        raise RuntimeError(f"n cannot be greater than {most} for {type_name} type, but got {n}")
    c_name = "int" if dtype == np.int32 else f"{dtype.name}_t"
    raise RuntimeError(
        f"value cannot be converted to type {c_name} without overflow: n is {n}, and the numbers "
        f"below it must not pass {most - 1}"
    )


def _checked_range(low: int, high: int, dtype: np.dtype[Any], largest: int) -> tuple[int, int]:
    """The first value and the number of values from ``low`` to below ``high``."""
    if not (_INT64.min <= low <= _INT64.max and _INT64.min <= high <= _INT64.max + 1):
        raise ValueError(f"Overflow when unpacking long long: from {low} to {high}")
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    smallest = -largest if dtype.kind == "f" else 0 if dtype.kind in "bu" else -largest - 1
    for name, value in (("from", low), ("to - 1", high - 1)):
        if not smallest <= value <= largest:
            raise RuntimeError(
                f"{name} is out of bounds for {_TYPE_NAMES[dtype.name][1]}: {name} = {value}, and "
                f"{dtype.name} holds whole numbers from {smallest} to {largest}"
            )
    return low, high - low


def _check_uniform_bounds(dtype: np.dtype[Any], low: float, high: float) -> None:
    type_name, c_name = _TYPE_NAMES[dtype.name]
    largest = float(np.finfo(dtype).max)
    for name, value in (("from", low), ("to", high)):
        if not abs(value) <= largest:
            raise RuntimeError(
                f"{name} is out of bounds for {c_name}: {name} = {value:g}, and {dtype.name} "
                f"goes from {-largest:g} to {largest:g}"
            )
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{type_name}>::max(), but found "
            f"to={high:g} and from={low:g} which result in to-from to exceed the limit"
        )


def _check_chances(p: float | Array) -> None:
    if np.all(np.greater_equal(p, 0) & np.less_equal(p, 1)):
        return
    if isinstance(p, np.ndarray):
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false: probabilities lie between "
            f"0 and 1, and these from {p.min()} to {p.max()}"
        )
    raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")


_BAD_WEIGHTS = "probability tensor contains either `inf`, `nan` or element < 0"


def _weights_fault(weights: Array) -> str:
    entry = "= infinity or NaN" if np.all(weights >= 0) else "< 0"
    return f"invalid multinomial distribution (encountering probability entry {entry})"


def _check_weights(weights: Array, n: int, replacement: bool) -> None:
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, but got shape {weights.shape}")
    if weights.dtype.kind != "f":
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{_TYPE_NAMES[weights.dtype.name][0]}"
        )
    if n <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples: n_sample is {n}")
    if not replacement and n > weights.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{n} samples of {weights.shape[-1]}"
        )
    if not np.all((weights >= 0) & (weights < math.inf)):
        raise RuntimeError(_weights_fault(weights) if replacement and n > 1 else _BAD_WEIGHTS)
    if not np.all(weights.sum(axis=-1) > 0):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


# ---------------------------------------------------------------------------- formulas


def _inverted(weights: Array, units: Float64s) -> Array:
    """The positions where the running sum of ``weights``, as part of the whole, passes units."""
    precise = np.float64 if weights.dtype == np.float64 else np.float32
    reached: Array = np.cumsum(weights, dtype=precise)
    reached /= reached[-1]
    reached[-1] = 1
    positions: Array = np.searchsorted(reached.astype(np.float64), units)
    return positions


def _exactly(function: Callable[[float], float], x: Float64s) -> Float64s:
    """``function``, from ``math``, of each number: the C library's, which PyTorch calls.

    NumPy's own logarithms are several times as fast and now and then a last bit off.
    """
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def multiply_add(x: Array, factor: Any, term: Any) -> Array:
    """``x * factor + term`` rounded once, the way a processor's fused instruction does it."""
    if x.dtype == np.float32:
        # float64 holds the product of two float32 numbers exactly.
        exact = x.astype(np.float64)
        exact *= factor
        exact += term
        return exact.astype(np.float32)
    product = x * factor
    total: Array = product + term
    if np.ndim(term) == 0 and term == 0:
        return total
    with np.errstate(over="ignore", invalid="ignore"):
        x_high, x_low = _halves(x)
        high, low = _halves(factor)
        product_error = ((x_high * high - product) + x_high * low + x_low * high) + x_low * low
        added = total - product
        correction = (product - (total - added)) + (term - added) + product_error
    # Near the end of float64's range the halves overflow; there the plain sum has to do.
    return total + np.where(np.isfinite(correction), correction, 0)


def _halves(x: Any) -> tuple[Any, Any]:
    """A float64 as the sum of two of 26 bits each (Veltkamp), to multiply exactly."""
    spread = x * (2.0**27 + 1)
    high = spread - (spread - x)
    return high, x - high


def _normals_from_units(units: Array, mean: float, std: float) -> Array:
    """Box and Muller's normals from numbers in [0, 1): 8 radii, then 8 angles, in each 16."""
    single = units.dtype == np.float32
    # Blocks whose many intermediate values stay in the cache: twice as large, twice as slow.
    blocks = [units[i : i + 2**15].reshape(-1, 2, 8) for i in range(0, len(units), 2**15)]
    polar = _single_polar if single else _double_polar
    normals = np.concatenate([polar(1 - block[:, 0], block[:, 1]) for block in blocks])
    if (mean, std) == (0, 1):
        normals += normals.dtype.type(0)  # which leaves no -0, as the formula does
        return normals.ravel()
    return multiply_add(normals.ravel(), units.dtype.type(std), units.dtype.type(mean))


def _double_polar(tails: Float64s, turns: Float64s) -> Float64s:
    radius = np.sqrt(-2 * _exactly(math.log, tails))
    angle = 2 * math.pi * turns
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _single_polar(tails: Float32s, turns: Float32s) -> Float32s:
    """As :func:`_double_polar`, rounded at every step as PyTorch's float32 kernel rounds it.

    That kernel takes its logarithm, sine and cosine from the polynomials of the Cephes library,
    whose last bits no better function gives.
    """
    radius = np.sqrt(-2 * _cephes_log(tails))
    sine, cosine = _cephes_sine_cosine(_TWO_PI * turns)
    return np.stack([radius * cosine, radius * sine], axis=1)


def _singles(*constants: float) -> Float32s:
    return np.array(constants, np.float32)


_TWO_PI, _FOUR_OVER_PI, _SQRT_HALF = _singles(2 * math.pi, 4 / math.pi, math.sqrt(0.5))
_PI_OVER_4 = _singles(0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)
_LN_2 = _singles(0.693359375, -2.12194440e-4)
_LOG = _singles(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_SINE = _singles(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COSINE = _singles(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)


def _polynomial(x: Float64s, coefficients: Float32s) -> Float32s:
    """Of single numbers ``x``, kept in double precision, to multiply exactly."""
    first, *others = coefficients.tolist()
    value = np.full(x.shape, first, np.float32)
    for coefficient in others:
        value = multiply_add(value, x, coefficient)
    return value


def _cephes_log(x: Float32s) -> Float32s:
    """The logarithm of numbers in (0, 1] that are no smaller than 2**-24."""
    bits = x.view(np.int32)
    # From the bits of a number those of its fraction in [1/2, 1), and its exponent.
    fraction = ((bits & 0x7FFFFF) | 0x3F000000).view(np.float32)
    small = (fraction < _SQRT_HALF).astype(np.float32)
    power = ((bits >> 23) - 126).astype(np.float32) - small
    excess = (1 + small) * fraction - 1
    square = excess * excess
    rest = multiply_add(
        _polynomial(excess.astype(np.float64), _LOG) * excess, square, power * _LN_2[1]
    )
    return multiply_add(power, float(_LN_2[0]), excess + (rest - 0.5 * square))


def _cephes_sine_cosine(angle: Float32s) -> tuple[Float32s, Float32s]:
    """Sine and cosine of angles in [0, 2π]."""
    # Eighths of a turn, counted up to an even number: what is left lies within ±π/4 of them.
    eighths = ((angle * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    counted = eighths.astype(np.float32)
    for part in _PI_OVER_4.tolist():
        angle = multiply_add(counted, -part, angle)
    square = angle * angle
    wide = square.astype(np.float64)
    even = multiply_add(_polynomial(wide, _COSINE) * square, wide, -0.5 * square) + 1
    odd = multiply_add(_polynomial(wide, _SINE) * square, angle, angle)
    # Every other quarter of a turn the two change places. By their bits: to choose each of so many
    # numbers at random takes NumPy 3.5 ns, its processor guessing wrong every other time.
    quarters = eighths >> 1
    one, two = even.view(np.int32), odd.view(np.int32)
    changed = (one ^ two) & -(quarters & 1)
    sine, cosine = two ^ changed, one ^ changed
    sine ^= _sign(quarters)
    cosine ^= _sign(quarters + 1)
    return sine.view(np.float32), cosine.view(np.float32)


def _sign(quarters: Array) -> Array:
    """The bit for the sign of the sine after so many quarters: two times +, two times -…"""
    return (quarters & 2) << 30


# ---------------------------------------------------------------------------- permutations
#
# Both of PyTorch's shuffles are loops in which a step reads what earlier steps wrote. Here the
# question is turned round, to be answered for all positions at once: which step wrote what is
# read here, what had that step read, and so on back to a number that nothing had moved.


def _swapped_forward(chosen: Array, n: int) -> Array:
    """0 to n - 1 after step i = 0, 1… has swapped positions ``i`` and ``chosen[i] >= i``.

    >>> _swapped_forward(np.array([2, 2]), 3)
    array([2, 0, 1])
    """
    steps = np.arange(n)
    chosen = np.append(chosen, n - 1)[:n]  # the last position is left with what is there
    # Before step i, position i holds what the last step to choose it had at its own position.
    origin = steps.copy()
    moved = chosen != steps
    origin[chosen[moved]] = steps[moved]
    origin = _followed(origin)
    before = _previous_equal(chosen)
    return np.where(before < 0, chosen, origin[before])


def _shuffled_inside_out(chosen: Array) -> Array:
    """Step i = 0, 1… puts at position i what is at ``chosen[i] <= i``, and there puts i.

    >>> _shuffled_inside_out(np.array([0, 0, 1]))
    array([1, 2, 0])
    """
    steps = np.arange(len(chosen))
    # What step i finds: the step that chose the position before or, with none, what was put there.
    before = _previous_equal(chosen)
    fresh = before < 0
    found = np.where(fresh, steps, before)[_followed(np.where(fresh, chosen, steps))]
    found[chosen] = steps  # of several steps that chose one position, the last stays
    return found


def _previous_equal(values: Array) -> Array:
    """For each position the last one before it with the same value, or -1.

    >>> _previous_equal(np.array([5, 7, 5, 5]))
    array([-1, -1,  0,  2])
    """
    order = _sorted_positions(values)
    by_value = values[order]
    later = np.flatnonzero(by_value[1:] == by_value[:-1])
    previous = np.full(len(values), -1)
    previous[order[1:][later]] = order[later]
    return previous


def _sorted_positions(values: Array) -> Array:
    """The positions of numbers of at least 0 in their order, of equal ones the first one first.

    16 bits at a time, which NumPy sorts seven times as fast as longer numbers.

    >>> _sorted_positions(np.array([70000, 7, 5, 7]))
    array([2, 1, 3, 0])
    """
    order = np.argsort(values.astype(np.uint16), kind="stable")
    rest = values >> 16
    while rest.any():
        order = order[np.argsort(rest[order].astype(np.uint16), kind="stable")]
        rest = rest >> 16
    return order


def _followed(links: Array) -> Array:
    """Where each chain of links ends, at a position that links to itself; doubling the stride."""
    while True:
        further = links[links]
        if np.array_equal(further, links):
            return links
        links = further


# ---------------------------------------------------------------------------- the default one


def _at(state: Array) -> Generator:
    """A generator at this place of a stream."""
    generator = Generator()
    generator.set_state(state)
    return generator


class _Default(Generator):
    """The generator that everyone draws from; a thread may get a stream of its own instead.

    Workers of data loaders do: they draw at the same time, and whose turn it was would otherwise
    decide what each of them and their reader get.
    """

    def __init__(self) -> None:
        self._everyones = Generator()
        self._threads = threading.local()
        self.device = "cpu"

    def use_own_stream(self, seed: int) -> None:
        """Draw from a stream that begins at ``seed`` wherever this thread draws from now on."""
        self._threads.own = Generator().manual_seed(seed)

    @contextmanager
    def everyones_stream(self) -> Iterator[None]:
        """Within the block this thread draws from everyone's stream, as if it had none of its own.

        >>> with default_generator.everyones_stream():
        ...     _ = default_generator.uniform((2,))
        """
        own = vars(self._threads).pop("own", None)
        try:
            yield
        finally:
            if own is not None:
                self._threads.own = own

    def __reduce__(self) -> tuple[Callable[..., Generator], tuple[Array]]:
        return _at, (self.get_state(),)  # a copy is a plain one, where this thread is

    def _stream(self) -> Generator:
        return getattr(self._threads, "own", self._everyones)

    @property
    def _twister(self) -> np.random.MT19937:  # type: ignore[override]
        return self._stream()._twister

    @property
    def _seed(self) -> int:
        return self._stream()._seed

    @_seed.setter
    def _seed(self, seed: int) -> None:
        self._stream()._seed = seed

    @property
    def _spare_normal(self) -> float | None:
        return self._stream()._spare_normal

    @_spare_normal.setter
    def _spare_normal(self, spare: float | None) -> None:
        self._stream()._spare_normal = spare


default_generator = _Default()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Start the default generator over from ``seed`` and return it.

    ``seed`` is turned into an integer first; see :meth:`Generator.manual_seed` for the rest.

    >>> manual_seed(-1).initial_seed() == 2**64 - 1
    True
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Start the default generator over from a seed nobody can foretell, and return it.

    >>> seed() == initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default generator last started from.

    >>> _ = manual_seed(7)
    >>> initial_seed()
    7
    """
    return default_generator.initial_seed()


def get_rng_state() -> Array:
    """Where the default generator's stream is now: bytes for :func:`set_rng_state`."""
    return default_generator.get_state()


def set_rng_state(state: Array | bytes) -> None:
    """Take the default generator's stream back to where :func:`get_rng_state` was called.

    >>> state = get_rng_state()
    >>> before = default_generator.uniform((2,))
    >>> set_rng_state(state)
    >>> bool(np.all(default_generator.uniform((2,)) == before))
    True
    """
    default_generator.set_state(state)
