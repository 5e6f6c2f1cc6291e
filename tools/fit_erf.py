"""Fit the polynomials of the error functions in single precision: `python tools/fit_erf.py`.

Prints the coefficients in gradlab/ops/error_function.py, where erf x is tanh(x + x P(x²)). So P(x²)
is atanh(erf x) / x - 1, and an error of P counts by how much of the result it moves: less and less
as erf nears 1. Of all polynomials of the degree, the one with the least worst error solves a linear
program. Its highest coefficient is positive, so that it goes on growing beyond the fitted range,
where tanh is 1 already.

Of what erf leaves to 1, erfc x = t exp(Q(t) - x²) for x ≥ 0, where t = 1 / (1 + x/2) makes a short
interval of all x: Q is smooth there, and an expansion in Chebyshev's polynomials nearly the best.
"""

from __future__ import annotations

import numpy
from numpy.polynomial import Chebyshev
from numpy.polynomial.chebyshev import chebvander
from scipy import optimize, special

DEGREE = 9
LIMIT = 3.8  # beyond it erf is 1 to the precision of single numbers, less than one part in 2**23
SCALE = 1e6  # the solver takes for 0 what is below 1e-10


def fitted() -> numpy.ndarray:
    """The coefficients, lowest first."""
    x = LIMIT / 2 * (1 - numpy.cos(numpy.pi * (numpy.arange(1000) + 0.5) / 1000))
    value, rest = special.erf(x), special.erfc(x)
    wanted = numpy.where(x < 1, numpy.arctanh(value), numpy.log((1 + value) / rest) / 2) / x - 1
    weight = x * rest * (1 + value) / value  # how much of the result an error moves
    rows = SCALE * weight[:, None] * chebvander(2 * (x / LIMIT) ** 2 - 1, DEGREE)
    worst = numpy.full((len(x), 1), -1.0)
    answer = optimize.linprog(
        numpy.eye(DEGREE + 2)[-1],  # the worst error, to be made least
        A_ub=numpy.block([[rows, worst], [-rows, worst]]),
        b_ub=SCALE * numpy.concatenate([weight * wanted, -weight * wanted]),
        bounds=(None, None),
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    series = Chebyshev(answer.x[:-1], domain=[0, LIMIT**2])
    return series.convert(kind=numpy.polynomial.Polynomial).coef


REST_DEGREE = 11
FARTHEST = 10.2  # beyond it no single number is as small as erfc


def fitted_rest() -> numpy.ndarray:
    """The coefficients of Q, lowest first."""
    least = 1 / (1 + FARTHEST / 2)
    t = (1 + least + (1 - least) * numpy.cos(numpy.pi * (numpy.arange(400) + 0.5) / 400)) / 2
    wanted = numpy.log(special.erfcx(2 / t - 2) / t)
    series = Chebyshev.fit(t, wanted, REST_DEGREE, domain=[least, 1])
    return series.convert(kind=numpy.polynomial.Polynomial).coef


if __name__ == "__main__":
    for coefficient in fitted():
        print(numpy.float32(coefficient))
    for coefficient in fitted_rest():
        print(f"{coefficient:.12g}")
