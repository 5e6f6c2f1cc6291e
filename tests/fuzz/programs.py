"""Random programs of operations on tensors of random shapes and dtypes, in both libraries.

An operation is called as one of its own samples says, but on whatever tensors there are by then,
so that every operation meets shapes and dtypes that nobody thought of.
"""

from __future__ import annotations

import math
import random
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy
import pytest

import gradlab
from gradlab.op import OPS, Op
from gradlab.samples import Draw
from tests.generated.cases import counterpart, public_function

torch = pytest.importorskip("torch")

LINES = 20


def _numbers(tensor: Any) -> Any:
    if tensor.dtype is torch.complex32:  # which NumPy lacks
        tensor = tensor.to(torch.complex64)
    return tensor.numpy(force=True)


def _tied(tensor: Any, *_: Any) -> bool:
    return bool(numpy.unique(_numbers(tensor)).size < tensor.numel())


def _without_full_rank(matrix: Any, *_: Any, **__: Any) -> bool:
    numbers = _numbers(matrix)
    if numbers.ndim < 2 or not numbers.size:
        return False
    first = numbers[..., : numbers.shape[-2]].astype(complex)  # by which Q is found
    values = numpy.linalg.svd(first, compute_uv=False)
    return bool((values.min(-1) < 1e-3 * values.max(-1)).any())


def _has_equal_singular_values(matrix: Any, *_: Any) -> bool:
    numbers = _numbers(matrix)
    if numbers.ndim < 2 or not numbers.size:
        return False
    values = numpy.linalg.svd(numbers.astype(complex), compute_uv=False)
    return bool((numpy.diff(values) > -1e-2).any() or (values < 1e-3).any())


def _has_pole(order: int, tensor: Any) -> bool:
    numbers = _numbers(tensor).astype(complex)
    return bool(((numbers.real <= 0) & (numbers == numpy.round(numbers))).any())


LEFT_OUT: dict[str, tuple[str, Callable[..., bool]]] = {
    **dict.fromkeys(
        ("as_strided", "as_strided_copy", "as_strided_own", "view_as_complex"),
        (
            "what it shows depends on how results lie in memory",
            lambda input, *_: not (input.is_contiguous() and input.numel()),
        ),
    ),
    **dict.fromkeys(
        ("kthvalue_parts", "median_dim", "nanmedian_dim", "topk_picked"),
        ("of equals PyTorch takes any", _tied),
    ),
    "acosh": (
        "PyTorch's z - 1 forgets the sign of a zero, which says on which side of the cut z is",
        lambda input: input.is_complex() and not _numbers(input).imag.all(),
    ),
    "block_diag": (
        "PyTorch's gradient takes a vector without elements for no row",
        lambda tensors: any(tuple(one.shape) == (0,) for one in tensors),
    ),
    "ldexp": (
        "PyTorch's gradient has 0 for 2 to the power of a negative integer",
        lambda input, other: _numbers(other).dtype.kind in "iu" and bool((other < 0).any()),
    ),
    "atan2": (
        "PyTorch negates a uint8 in its derivative",
        lambda *tensors: any(str(one.dtype) == "torch.uint8" for one in tensors),
    ),
    "linalg_solve_triangular": (
        "PyTorch doesn't look at the dtypes",
        lambda A, B, *_, **__: str(A.dtype) != str(B.dtype),
    ),
    "convolution": (
        "PyTorch takes a bias of another dtype in some layouts",
        lambda input, weight, bias, *_: bias is not None and str(bias.dtype) != str(input.dtype),
    ),
    "fill_tensor": (
        "PyTorch's integers require grad after it",
        lambda input, value: not (input.is_floating_point() or input.is_complex()),
    ),
    "linalg_qr": ("columns of a matrix without full rank are free", _without_full_rank),
    "singular_values": ("the derivative where two are equal is free", _has_equal_singular_values),
    "dist": (
        "of complex numbers: see vector_norm; less halves: there is no complex32",
        lambda one, other, p=2, **_: (
            (math.isinf(p) or "torch.float16" in (str(one.dtype), str(other.dtype)))
            and (one.is_complex() or other.is_complex())
        ),
    ),
    "scatter_reduce": (
        "PyTorch's gradient wants as many elements as indices",
        lambda input, dim, index, src, *_, **__: tuple(src.shape) != tuple(index.shape),
    ),
    "vector_norm": (
        "whose size is the largest can't be told from PyTorch's numbers, rounded otherwise",
        lambda input, ord, *_: input.is_complex() and math.isinf(ord),
    ),
    "polygamma": ("at a pole PyTorch's is some large number", _has_pole),
}
"""Calls of operations that are left out of random programs, and why: what is said of arguments."""

RANDOM = ("bernoulli", "normal", "uniform", "exponential", "random", "dropout", "multinomial")
LACKS = (
    "Autograd not support dtype|Converting complex Scalar|"
    "output with shape .* doesn't match the broadcast shape|"
    "a bool tensor is not supported|can't be cast to|Integer division with addcdiv|"
    "must have the same dtype|expected scalar type|without overflow|"
    "not implemented for|does not support automatic differentiation|not supported for|"
    "derivative for .* is not implemented|Expected isFloatingType|"
    "PixelShuffleBackward0 returned an invalid gradient"
)
SHAPES = ((), (0,), (3,), (2, 3), (2, 1, 4), (1,), (3, 3), (2, 0), (1, 3), (2, 3, 4))
INTEGERS = ("int64", "int32", "int8", "uint8", "bool")
TOLERANCE = {"float16": 4e-2, "float32": 2e-3, "float64": 1e-6}
LARGEST = {"float16": 50.0, "float32": 1e3, "float64": 1e4}


class Difference(AssertionError):
    """What one library computes, and the other doesn't."""


def _callable_in_both() -> dict[str, tuple[Op, Any, Any]]:
    """Operations that both libraries have under a public name, with the two functions."""
    found = {}
    for name, op in OPS.items():
        if name.startswith(RANDOM) or not op.samples:
            continue
        try:
            ours, theirs = public_function(op), counterpart(torch, op)
        except (AttributeError, pytest.skip.Exception):
            continue
        if ours is not None:
            found[name] = (op, ours, theirs)
    return found


CALLABLE = _callable_in_both()
NAMES = sorted(CALLABLE)
FUNCTIONS = {
    "ours": {name: ours for name, (_, ours, _) in CALLABLE.items()},
    "theirs": {name: theirs for name, (_, _, theirs) in CALLABLE.items()},
}


class Program:
    """A random program, played in both libraries line by line.

    After every line the results are compared, and gradlab's numbers are replaced by PyTorch's, so
    that rounding doesn't add up until a comparison or a floor() comes out otherwise.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.lines = [f"# seed {seed}"]
        self.dtype = self.draw.choice(("float64", "float64", "float32", "float16"))
        self.mixed = self.draw.random() < 0.25
        self.complex = self.draw.random() < 0.1
        self.theirs: dict[str, Any] = {"torch": torch, "f": FUNCTIONS["theirs"]}
        self.ours: dict[str, Any] = {"torch": gradlab, "f": FUNCTIONS["ours"]}
        self.live: list[str] = []
        self.leaves: list[str] = []

    # ------------------------------------------------------------------ making lines

    def play(self, lines: int = LINES) -> None:
        """Play the whole program; raise the first Difference."""
        for _ in range(3):
            self._leaf(self.draw.choice(SHAPES))
        for number in range(lines):
            self._step(number)
        self._differentiate(self.live, self.leaves)

    def _leaf(self, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> str:
        name = f"x{len(self.leaves)}"
        dtype = self.dtype
        if self.mixed and self.draw.random() < 0.5:
            dtype = self.draw.choice((*INTEGERS, "float16", "float32", "float64"))
        if self.complex and self.draw.random() < 0.5:
            dtype = self.draw.choice(("complex64", "complex128"))
        values = [self._number(dtype, low, high) for _ in range(int(numpy.prod(shape)))]
        text = f"torch.tensor({values}, dtype=torch.{dtype}).reshape({shape})"
        if "float" in dtype or "complex" in dtype:
            text += ".requires_grad_()"
        self.leaves.append(name)
        self._run(name, text)
        return name

    def _number(self, dtype: str, low: float, high: float) -> Any:
        number = round(self.draw.uniform(low, high), 3)
        if dtype == "bool":
            return number > (low + high) / 2
        if dtype in INTEGERS:
            return int(min(abs(number), 127) if dtype == "uint8" else max(min(number, 127), -128))
        return complex(number, self._number("float64", low, high)) if "complex" in dtype else number

    def _step(self, number: int) -> None:
        op, _, _ = CALLABLE[name := self.draw.choice(NAMES)]
        sample = self.draw.choice(op.samples)
        named = [f"{key}={self._text(value)}" for key, value in sample.kwargs.items()]
        arguments = ", ".join([*map(self._text, sample.args), *named])
        if not self._is_left_out(name, arguments):
            self._run(f"t{number}", f"f[{name!r}]({arguments})")

    def _is_left_out(self, name: str, arguments: str) -> bool:
        if name not in LEFT_OUT:
            return False
        _, says_so = LEFT_OUT[name]
        return any(
            eval(f"says_so({arguments})", {**names, "says_so": says_so})
            for names in (self.theirs, self.ours)
        )

    def _text(self, value: Any) -> str:
        """An argument of a sample as it stands in a line."""
        if isinstance(value, Draw) and value.dtype == "float64" and not value.integers:
            if self.live and self.draw.random() < 0.7:
                return self.draw.choice(self.live)
            return self._leaf(value.shape, value.low, value.high)
        if isinstance(value, Draw):
            array = value.array(numpy.random.default_rng(self.draw.getrandbits(32)))
            return (
                f"torch.tensor({array.tolist()}, dtype=torch.{array.dtype}).reshape({array.shape})"
            )
        if isinstance(value, gradlab.Tensor):
            array = value.numpy()
            return (
                f"torch.tensor({array.tolist()}, dtype=torch.{array.dtype}).reshape({array.shape})"
            )
        if type(value) in (list, tuple):
            inner = ", ".join(map(self._text, value))
            return f"[{inner}]" if type(value) is list else f"({inner},)" if value else "()"
        if isinstance(value, tuple):  # an index, of a class of its own
            inner = ", ".join(map(self._text, value))
            return f"[{inner}]"
        if isinstance(value, float) and not math.isfinite(value):
            return f"float('{value}')"
        return f"torch.{value.name}" if isinstance(value, gradlab.dtype) else repr(value)

    # ------------------------------------------------------------------ running them

    def _run(self, name: str, text: str) -> None:
        """Play ``name = text`` in both, and compare."""
        self.lines.append(f"{name} = {text}")
        theirs, ours = self._value(text, self.theirs), self._value(text, self.ours)
        if isinstance(theirs, Exception) or isinstance(ours, Exception):
            self._compare_errors("error", theirs, ours)
            self.lines.pop()
            return
        used = sorted(set(re.findall(r"\b[xt]\d+(?:_\d+)?\b", text)))
        self._keep(name, theirs, ours)
        if used and name in self.live:
            self._differentiate([name], used)

    def _compare_errors(self, what: str, theirs: Any, ours: Any) -> None:
        """Raise where one library has an error and the other none.

        PyTorch lacks some kernels for some dtypes, or for second derivatives; gradlab may have
        them. And PyTorch checks less where there is nothing to compute.
        """
        lacks = isinstance(theirs, Exception) and re.search(LACKS, str(theirs))
        lacks = lacks or "no complex number of two float16" in str(ours)  # complex32
        lacks = lacks or _is_singular_but_for_rounding(theirs, ours)
        if (
            not lacks
            and not _is_empty(theirs)
            and isinstance(theirs, Exception) != isinstance(ours, Exception)
        ):
            raise self.difference(what, _words(theirs), _words(ours))

    def _value(self, text: str, names: dict[str, Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return eval(text, names)
            except Exception as error:
                return error

    def _keep(self, name: str, theirs: Any, ours: Any) -> None:
        if isinstance(theirs, (tuple, list)):
            if not isinstance(ours, (tuple, list)) or len(theirs) != len(ours):
                raise self.difference("results", theirs, ours)
            for i, (one, other) in enumerate(zip(theirs, ours, strict=True)):
                self._keep(f"{name}_{i}", one, other)
            if len(theirs):
                self.lines.append(
                    f"{', '.join(f'{name}_{i}' for i in range(len(theirs)))}, = {name}"
                )
            return
        if not isinstance(theirs, torch.Tensor):
            if theirs != ours:
                raise self.difference("result", theirs, ours)
            return
        self._compare(f"value of {name}", theirs, ours, lambda names: _named(names, name))
        if theirs.requires_grad != ours.requires_grad:
            raise self.difference("requires_grad", theirs.requires_grad, ours.requires_grad)
        self.theirs[name], self.ours[name] = theirs, ours
        if not self._is_tame(theirs):
            return
        if theirs.dtype.is_floating_point and ours._array.flags.writeable:
            ours._array[...] = theirs.numpy(force=True)
        self.live.append(name)

    def _is_tame(self, tensor: Any) -> bool:
        """Whether one can go on with the numbers: few, finite, not large."""
        if tensor.numel() > 500 or tensor.ndim > 5:
            return False
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return True
        largest = LARGEST.get(str(tensor.dtype)[6:], 1e3)
        return (
            bool(tensor.detach().abs().nan_to_num(1e9, 1e9, 1e9).max() < largest)
            if (tensor.numel())
            else True
        )

    def _compare(
        self, what: str, theirs: Any, ours: Any, again: Callable[[dict[str, Any]], Any]
    ) -> None:
        if (theirs is None) != (ours is None):
            raise self.difference(what, theirs, ours)
        if theirs is None:
            return
        if theirs.dtype == torch.complex32:  # which gradlab doesn't have
            return
        kinds = (str(theirs.dtype), tuple(theirs.shape)), (str(ours.dtype), tuple(ours.shape))
        if kinds[0] != kinds[1]:
            raise self.difference(f"kind of {what}", *kinds)
        expected, found = theirs.numpy(force=True), ours._array
        tolerance = self._tolerance(what, kinds[0][0])
        scale = 1.0
        if expected.size and what.startswith("grad") and expected.dtype.kind in "fc":
            finite = numpy.abs(expected[numpy.isfinite(expected)])
            scale = max(1.0, float(finite.max(initial=0)))
        with numpy.errstate(all="ignore"):
            if "order 2" in what and expected.dtype.kind == "f":
                # At kinks PyTorch's may be 0 times infinity.
                expected = numpy.where(numpy.isnan(expected), found, expected)
            if expected.dtype.kind == "c":  # how infinite, and in which direction, is chance
                finite_both = numpy.isfinite(expected) & numpy.isfinite(found)
                expected, found = expected[finite_both], found[finite_both]
            close = numpy.allclose(
                found, expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True
            )
        if not close and not self._is_rounding(theirs, ours, again):
            raise self.difference(what, theirs, ours)

    def _is_rounding(self, theirs: Any, ours: Any, again: Callable[[dict[str, Any]], Any]) -> bool:
        """Whether two results differ by no more than rounding can do in this program.

        Either ours is as near as PyTorch's to what PyTorch computes in float64 throughout, or
        PyTorch's own moves as far when its leaves are moved by the last of their digits.
        """
        expected, found = _wide(theirs), _wide(ours)
        with warnings.catch_warnings(), numpy.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            exact = _wide(again(self._replayed(exact=True)))
            slack = 1e-6 * max(1.0, numpy.abs(exact[numpy.isfinite(exact)]).max(initial=0))
            wrong = numpy.nan_to_num(numpy.abs(expected - exact), nan=numpy.inf)
            near = (numpy.abs(found - exact) <= 4 * wrong + slack) | numpy.isclose(
                found, expected, rtol=4e-2, atol=slack, equal_nan=True
            )
            if near.all() and wrong.any():
                return True
            moved = [_wide(again(self._replayed(seed=seed))) for seed in range(6)]
            if any((numpy.isfinite(one) != numpy.isfinite(expected)).any() for one in moved):
                return True
            reach = numpy.nan_to_num(numpy.abs(numpy.stack(moved) - expected)).max(initial=0)
            return bool(reach and numpy.nanmax(numpy.abs(found - expected)) <= 8 * reach)

    def _replayed(self, *, exact: bool = False, seed: int | None = None) -> dict[str, Any]:
        """The program's tensors in PyTorch, all in float64, or from leaves a rounding away."""
        names: dict[str, Any] = {"torch": torch, "f": FUNCTIONS["theirs"]}
        generator = torch.Generator().manual_seed(seed or 0)
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64 if exact else before)
        try:
            for line in self.lines:
                wide = re.sub("float16|float32", "float64", line.replace("complex64", "complex128"))
                exec(wide if exact else line, names)
                leaf = names.get(line.split(" = ")[0])
                if seed is not None and line.startswith("x") and leaf.requires_grad:
                    steps = torch.randint(0, 2, leaf.shape, generator=generator) * 2 - 1
                    leaf.data.mul_(1 + steps * torch.finfo(leaf.dtype).eps)
        finally:
            torch.set_default_dtype(before)
        return names

    def _tolerance(self, what: str, dtype: str) -> float:
        kind = dtype.removeprefix("torch.").replace("complex64", "float32")
        kind = kind.replace("complex128", "float64")
        if what.startswith("grad"):
            used = [str(one.dtype) for one in self.theirs.values() if isinstance(one, torch.Tensor)]
            for low in ("float16", "float32"):
                if any(low in one or (low == "float32" and "complex64" in one) for one in used):
                    return TOLERANCE[low]
        return TOLERANCE.get(kind, 0.0)

    # ------------------------------------------------------------------ gradients

    def _differentiate(self, results: list[str], inputs: list[str]) -> None:
        """Compare first and second derivatives of ``results`` with respect to ``inputs``."""
        theirs = self._gradients(torch, self.theirs, results, inputs)
        ours = self._gradients(gradlab, self.ours, results, inputs)
        for order, (expected, found) in enumerate(zip(theirs, ours, strict=False), start=1):
            if isinstance(expected, Exception) or isinstance(found, Exception):
                self._compare_errors(f"error of gradient of order {order}", expected, found)
                return
            for name, one, other in zip(inputs, expected, found, strict=True):
                if order == 2 and name not in self.leaves:
                    continue  # formulas may use their input where PyTorch's use the result
                if order == 2 and (one is None) != (other is None):
                    zeros = other._array if one is None else one.numpy(force=True)
                    if not zeros.any():
                        continue  # how much of a formula depends on the input is its own affair
                self._compare(
                    f"gradient of order {order} of {name}",
                    one,
                    other,
                    self._gradient_of(results, inputs, name, order),
                )

    def _gradient_of(
        self, results: list[str], inputs: list[str], name: str, order: int
    ) -> Callable[[dict[str, Any]], Any]:
        """How a gradient is computed by PyTorch from tensors of other numbers."""
        return lambda names: self._gradients(torch, names, results, inputs)[order - 1][
            inputs.index(name)
        ]

    def _gradients(
        self, library: Any, names: dict[str, Any], results: list[str], inputs: list[str]
    ) -> list[Any]:
        leaves = [names[name] for name in inputs]
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        orders: list[Any] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                total = _total(library, [names[name] for name in results])
                first = library.autograd.grad(total, wanted, create_graph=True, allow_unused=True)
                orders.append(_for_each(leaves, wanted, first))
                if len(results) > 1 and self.dtype != "float64":
                    return orders  # rounding twenty lines ago counts too much
                if not any(g is not None and g.requires_grad for g in first):
                    return orders
                second = _total(library, first)
                found = library.autograd.grad(second, wanted, retain_graph=True, allow_unused=True)
                orders.append(_for_each(leaves, wanted, found))
            except Exception as error:
                orders.append(error)
        return orders

    def difference(self, what: str, expected: Any, found: Any) -> Difference:
        """An error that shows the program too."""
        program = "\n".join(self.lines)
        return Difference(f"{what} after\n{program}\nPyTorch:\n{expected}\ngradlab:\n{found}")


def _named(names: dict[str, Any], name: str) -> Any:
    """A result by its name; one of several before they have got theirs."""
    if name in names:
        return names[name]
    whole, _, place = name.rpartition("_")
    return _named(names, whole)[int(place)]


def _wide(tensor: Any) -> Any:
    """A tensor's numbers in double precision."""
    array = tensor.numpy(force=True) if isinstance(tensor, torch.Tensor) else tensor._array
    return array.astype(numpy.complex128 if array.dtype.kind == "c" else numpy.float64)


def _is_singular_but_for_rounding(theirs: Any, ours: Any) -> bool:
    """Whether a pivot that PyTorch's LAPACK found to be 0 is one by rounding in NumPy's."""
    if "the input matrix is singular" not in str(theirs) or not isinstance(ours, gradlab.Tensor):
        return False
    return bool(ours.abs().max() > 1e6)


def _is_empty(value: Any) -> bool:
    """Whether a result, or every part of it, has no elements."""
    parts = value if isinstance(value, (tuple, list)) else [value]
    return all(isinstance(one, torch.Tensor) and not one.numel() for one in parts[:1])


def _total(library: Any, tensors: Sequence[Any]) -> Any:
    """One number that depends on every element of every tensor, each by another weight."""
    total = library.zeros((), dtype=library.float64)
    for place, tensor in enumerate(tensors, start=1):
        if tensor is None or not tensor.requires_grad:
            continue
        real = library.view_as_real(tensor.clone()) if tensor.is_complex() else tensor
        weights = library.arange(real.numel(), dtype=library.float64).reshape(real.shape)
        total = total + (real.to(library.float64) * (weights / 7 + place).cos()).sum()
    return total


def _for_each(leaves: list[Any], wanted: list[Any], found: Any) -> list[Any]:
    of = {id(leaf): gradient for leaf, gradient in zip(wanted, found, strict=True)}
    return [of.get(id(leaf)) for leaf in leaves]


def _words(value: Any) -> str:
    return f"{type(value).__name__}: {str(value)[:300]}"
