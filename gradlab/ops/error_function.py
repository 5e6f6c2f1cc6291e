"""The error function in single precision, made of NumPy's tanh; and work on large arrays by pieces.

SciPy computes erf in double precision, number after number, 15 ns for each. But it is much like
tanh, of which NumPy computes sixteen at once in 6 ns: erf x = tanh(x + x P(x²)), P a polynomial.
Its errors count less and less as tanh nears 1. Altogether the result is at most 2.3 units in the
last place from erf, 0.3 on average; beyond the range of the polynomial it is exactly ±1.

What erf leaves to 1 is t exp(Q(t) - x²) for x ≥ 0, with t = 1 / (1 + x/2) and Q another polynomial.
The exponent reaches -100 and is computed in double precision, in half the time that SciPy takes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy

from gradlab.arrays import Array, Namespace, array_module, special_functions

_COEFFICIENTS = tuple(  # of P, highest first, found by tools/fit_erf.py; arrays, as calls like them
    numpy.array(number, numpy.float32)
    for number in (
        1.9539767e-10,
        -9.057021e-09,
        1.643439e-07,
        -1.3468999e-06,
        1.5506738e-06,
        6.884528e-05,
        -0.00059478136,
        -0.00020692279,
        0.10277221,
        0.12837918,
    )
)
_REST = (  # of Q, highest first, found there too
    -0.0748001343802,
    0.335659975952,
    -0.3775913716,
    -0.564889751805,
    1.87333042259,
    -1.85183535423,
    0.826923525733,
    -0.427039123953,
    0.160966895108,
    0.36391818605,
    1.00090057165,
    -1.26554384353,
)
_PIECE = 1 << 14  # single numbers: four such pieces fit into the second cache of most processors
_FEW = 1 << 10  # up to so many, to call NumPy for each term costs more than SciPy's erf


def by_pieces(kernel: Callable[..., None], spares: int, *inputs: Array) -> Array:
    """A new array like the first of ``inputs``, all of one shape and dtype, filled by ``kernel``.

    The kernel is called as ``kernel(out, *inputs, *spares)`` and works element by element, with so
    many spare arrays to compute in. It gets a piece at a time, which stays in the processor's cache
    from call to call.
    """
    first = inputs[0]
    library = array_module(first)
    out = library.empty_like(first)
    if library is not numpy or out.size <= _PIECE:
        kernel(out, *inputs, *(library.empty_like(out) for _ in range(spares)))
        return out
    lines = [_in_line(array, out) for array in (out, *inputs)]
    spare = numpy.empty((spares, _PIECE), out.dtype)
    for start in range(0, out.size, _PIECE):
        pieces = [line[start : start + _PIECE] for line in lines]
        kernel(*pieces, *spare[:, : pieces[0].size])
    return out


def _in_line(array: Array, out: Array) -> Array:
    """The elements in the order in which those of ``out`` lie in memory."""
    if array.strides != out.strides:
        array, given = numpy.empty_like(out), array
        array[...] = given
    return array.ravel("K")


def erf_of_singles(x: Array) -> Array:
    """``erf`` of an array of NumPy's in single precision."""
    if x.size <= _FEW:
        return special_functions(numpy).erf(x)
    return by_pieces(lambda out, x, square, total: put_erf(numpy, x, out, square, total), 2, x)


def erfc_of_singles(x: Array) -> Array:
    """``1 - erf`` of an array of NumPy's in single precision."""
    if x.size <= _FEW:
        return special_functions(numpy).erfc(x)
    return by_pieces(_put_erfc, 0, x)


def _put_erfc(out: Array, x: Array) -> None:
    size = numpy.absolute(x, dtype=numpy.float64)
    t = 1 / (1 + size * 0.5)
    highest, *others = _REST
    exponent = t * highest
    for coefficient in others[:-1]:
        exponent += coefficient
        exponent *= t
    exponent += others[-1]
    size *= size
    exponent -= size
    numpy.exp(exponent, exponent)
    exponent *= t
    below = (x < 0).astype(numpy.float64)  # there it is 2 - erfc(-x)
    below *= 2
    exponent *= 1 - below
    exponent += below
    with numpy.errstate(under="ignore"):
        out[...] = exponent


def put_erf(xp: Namespace, x: Array, out: Array, square: Array, total: Array) -> None:
    """Put ``erf`` of ``x`` into ``out``, which may be ``x``, and x² into ``square``.

    In single precision on the CPU it computes in ``total``; all else is SciPy's or CuPy's.
    """
    multiply, add = xp.multiply, xp.add
    multiply(x, x, square)
    if xp is not numpy or x.dtype != numpy.float32:
        special_functions(xp).erf(x, out)
        return
    highest, *others, lowest = _COEFFICIENTS
    multiply(square, highest, total)
    for coefficient in others:
        add(total, coefficient, total)
        multiply(total, square, total)
    add(total, lowest, total)
    multiply(total, x, total)
    add(total, x, total)
    xp.tanh(total, out)
