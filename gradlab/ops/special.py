"""Special functions, element by element: computed by SciPy, or on a GPU by CuPy's of its names.

Many are functions of ``gradlab`` and methods; all are in ``gradlab.special``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import PYTHON_SCALARS, Array, Namespace, special_functions
from gradlab.op import FUNCTIONS, composite, op
from gradlab.ops.by_number import plus, times
from gradlab.ops.error_function import erf_of_singles, erfc_of_singles
from gradlab.samples import call, draw, pairs, real
from gradlab.tensor import Tensor

_2_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
_ROOT_PI_OVER_2 = math.sqrt(math.pi) / 2
_ROOT_2_PI = math.sqrt(2 * math.pi)

_FIXED = Tensor._wrap(numpy.array([1.5, 2, 3]))  # in samples, an operand without derivative


def special(xp: Namespace, name: str, kernel: str, *inputs: Array) -> Array:
    """What SciPy's function ``name`` makes of floating-point numbers, in their own dtype.

    Of float16 SciPy makes float32. ``kernel`` is PyTorch's name in the error for other dtypes.
    """
    dtype = inputs[0].dtype
    if dtype.kind != "f":
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{arrays.dtype_of(inputs[0]).type_name}': only "
            "floating-point numbers will do"
        )
    return getattr(special_functions(xp), name)(*inputs).astype(dtype, copy=False)


def _no_derivative(what: str) -> Callable[[], Any]:
    """The formula where PyTorch has none either."""

    def formula() -> Any:
        raise NotImplementedError(
            f"the derivative for '{what}' is not implemented. Detach that tensor."
        )

    return formula


# ------------------------------------------------------------------ error functions


@op(
    latex=r"\mathrm{erf}(input)",
    grad=dict(
        input=(
            lambda g, xp, input: g * (_2_OVER_ROOT_PI * xp.exp(-(input * input))),
            r"g \cdot \frac{2}{\sqrt{\pi}} \, e^{-input^2}",
        )
    ),
    promote="float",
    samples=real(-2, 2),
    in_single="forward",
)
def erf(xp: Namespace, input: Array) -> Array:
    """Gauss's error function of each element.

    >>> import gradlab as gl
    >>> gl.erf(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    if xp is numpy and input.dtype == numpy.float32:
        return erf_of_singles(input)
    return special(xp, "erf", "erf_vml_cpu", input)


@op(
    latex=r"1 - \mathrm{erf}(input)",
    grad=dict(
        input=(
            lambda g, xp, input: g * (-_2_OVER_ROOT_PI * xp.exp(-(input * input))),
            r"-g \cdot \frac{2}{\sqrt{\pi}} \, e^{-input^2}",
        )
    ),
    promote="float",
    samples=real(-2, 2),
)
def erfc(xp: Namespace, input: Array) -> Array:
    """1 minus the error function of each element, exact also where that is nearly 1.

    >>> import gradlab as gl
    >>> gl.erfc(gl.tensor([0.0, 1.0]))
    tensor([1.0000, 0.1573])
    """
    if xp is numpy and input.dtype == numpy.float32:
        return erfc_of_singles(input)
    return special(xp, "erfc", "erfc_vml_cpu", input)


@op(
    latex=r"e^{input^2} \, \mathrm{erfc}(input)",
    grad=dict(
        input=(
            lambda g, input, out: g * (2 * input * out - _2_OVER_ROOT_PI),
            r"g \left( 2 \, input \cdot out - \frac{2}{\sqrt{\pi}} \right)",
        )
    ),
    promote="float",
    node="SpecialErfcxBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=real(-2, 2),
)
def erfcx(xp: Namespace, input: Array) -> Array:
    """``erfc`` of each element times e to its square, which does not vanish where erfc does.

    >>> import gradlab as gl
    >>> gl.special.erfcx(gl.tensor([0.0, 100.0]))
    tensor([1.0000, 0.0056])
    """
    return special(xp, "erfcx", "erfcx_cpu", input)


@op(
    latex=r"\mathrm{erf}^{-1}(input)",
    grad=dict(
        input=(
            lambda g, xp, input: _erfinv_gradient(g, xp, xp.erfinv(input)),
            r"g \cdot \frac{\sqrt{\pi}}{2} \, e^{\mathrm{erf}^{-1}(input)^2}",
        )
    ),
    promote="float",
    samples=real(-0.9, 0.9),
)
def erfinv(xp: Namespace, input: Array) -> Array:
    """The number of which each element is the error function; nan outside [-1, 1].

    >>> import gradlab as gl
    >>> gl.erfinv(gl.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.4769,    inf])
    """
    return special(xp, "erfinv", "erfinv_vml_cpu", input)


def _erfinv_gradient(g: Any, xp: Any, result: Any) -> Any:
    return g * (_ROOT_PI_OVER_2 * xp.exp(result * result))


# ------------------------------------------------------------------ the normal distribution


def ndtr(input: Tensor) -> Tensor:
    """The share of a normal distribution that lies below each element.

    >>> import gradlab as gl
    >>> gl.special.ndtr(gl.tensor([-1.0, 0.0, 2.0]))
    tensor([0.1587, 0.5000, 0.9772])
    """
    return times(plus(erf(times(input, math.sqrt(0.5))), 1), 0.5)  # type: ignore[no-any-return]


@op(
    latex=r"\Phi^{-1}(input)",
    grad=dict(
        input=(
            lambda g, xp, out: g * (_ROOT_2_PI * xp.exp(out * out * 0.5)),
            r"g \, \sqrt{2 \pi} \, e^{out^2 / 2}",
        )
    ),
    promote="float",
    node="SpecialNdtriBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=real(0.1, 0.9),
)
def ndtri(xp: Namespace, input: Array) -> Array:
    """The number below which each element's share of a normal distribution lies.

    Nan outside [0, 1].

    >>> import gradlab as gl
    >>> gl.special.ndtri(gl.tensor([0.5, 0.9772, 1.0]))
    tensor([0.0000, 1.9991,    inf])
    """
    return special(xp, "ndtri", "ndtri_cpu", input)


@op(
    latex=r"\ln \Phi(input)",
    grad=dict(
        input=(
            lambda g, xp, input, out: (
                g * math.sqrt(0.5 / math.pi) * xp.exp(-(out + input * input * 0.5))
            ),
            r"g \cdot \frac{e^{-input^2 / 2}}{\sqrt{2 \pi} \, \Phi(input)}",
        )
    ),
    promote="float",
    node="SpecialLogNdtrBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=real(-3, 3),
)
def log_ndtr(xp: Namespace, input: Array) -> Array:
    """The logarithm of ``ndtr``, exact also far below 0, where that is nearly 0.

    >>> import gradlab as gl
    >>> gl.special.log_ndtr(gl.tensor([-20.0, 0.0]))
    tensor([-203.9172,   -0.6931])
    """
    return special(xp, "log_ndtr", "log_ndtr_cpu", input)


# ------------------------------------------------------------------ gamma functions


@op(
    latex=r"\ln |\Gamma(input)|",
    grad=dict(input=(lambda g, xp, input: g * xp.digamma(input), r"g \cdot \psi(input)")),
    promote="float",
    samples=(*real(0.5, 4), call(draw(3, low=-0.9, high=-0.1))),
)
def lgamma(xp: Namespace, input: Array) -> Array:
    """Logarithm of the size of the gamma function, which at n + 1 is n!, of each element.

    >>> import gradlab as gl
    >>> gl.lgamma(gl.tensor([1.0, 5.0])).exp()
    tensor([ 1., 24.])
    """
    found = special(xp, "gammaln", "lgamma_vml_cpu", input)
    return xp.where(xp.isinf(input), xp.absolute(input), found)  # at -inf SciPy has -inf


@op(
    latex=r"\psi(input)",
    grad=dict(input=(lambda g, xp, input: g * xp.polygamma(1, input), r"g \cdot \psi'(input)")),
    promote="float",
    samples=(*real(0.5, 4), call(draw(3, low=-0.9, high=-0.1))),
)
def digamma(xp: Namespace, input: Array) -> Array:
    """The derivative of ``lgamma`` at each element.

    >>> import gradlab as gl
    >>> gl.digamma(gl.tensor([1.0, 0.5]))
    tensor([-0.5772, -1.9635])
    """
    return special(xp, "digamma", "digamma", input)


@op(
    latex=r"\psi^{(n)}(input)",
    grad=dict(
        input=(
            lambda g, xp, n, input: g * xp.polygamma(n + 1, input),
            r"g \cdot \psi^{(n + 1)}(input)",
        )
    ),
    promote="float",
    public=False,
    method=False,
    inplace=False,
    samples=(
        *(call(n, draw(3, low=0.5, high=4)) for n in range(4)),
        call(2, draw(low=0.5)),
        call(1, draw(0)),
    ),
)
def polygamma(xp: Namespace, n: int, input: Array) -> Array:
    """Derivatives of ``digamma``.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 2.0]).polygamma(1)
    tensor([1.6449, 0.6449])
    """
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n. (n is {n})")
    if n == 0:
        return special(xp, "digamma", "digamma", input)
    sign = 1 if n % 2 else -1
    order = xp.asarray(n + 1, input.dtype)
    return sign * math.factorial(n) * special(xp, "zeta", "polygamma", order, input)


@composite("polygamma", method=False)
def _polygamma(n: int, input: Tensor) -> Tensor:
    """The ``n``-th derivative of ``digamma`` at each element.

    Raises RuntimeError for a negative ``n``.

    >>> import gradlab as gl
    >>> gl.polygamma(1, gl.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    return polygamma(n, input)  # type: ignore[no-any-return]


@composite("polygamma", public=False, inplace=True)
def _polygamma_method(input: Tensor, n: int) -> Tensor:
    """The ``n``-th derivative of ``digamma`` at each element.

    >>> import gradlab as gl
    >>> gl.tensor([1.0, 0.5]).polygamma(1)
    tensor([1.6449, 4.9348])
    """
    return polygamma(n, input)  # type: ignore[no-any-return]


@op(
    latex=r"\ln \Gamma_{p}(input)",
    grad=dict(
        input=(
            lambda g, xp, input, p: g * _half_steps(xp.digamma, input, p),
            r"g \textstyle\sum_{j=1}^{p} \psi\left(input + \frac{1 - j}{2}\right)",
        )
    ),
    inplace=True,
    samples=(*(call(draw(2, 3, low=2, high=4), p) for p in (1, 2, 4)), call(draw(low=2), p=3)),
)
def mvlgamma(xp: Namespace, input: Array, p: int) -> Array:
    """Logarithm of the gamma function of ``p`` dimensions.

    Raises RuntimeError for a ``p`` below 1, and for bools.

    >>> import gradlab as gl
    >>> gl.mvlgamma(gl.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1 (p is {p})")
    if input.dtype.kind == "b":
        raise RuntimeError("The input tensor may not be a boolean tensor. Convert it with .float()")
    (input,) = arrays.promote_to_float((input,))
    gammas = _half_steps(lambda x: special(xp, "gammaln", "arange_cpu", x), input, p)
    return gammas + p * (p - 1) / 4 * math.log(math.pi)


def _half_steps(function: Callable[[Any], Any], input: Any, p: int) -> Any:
    """The sum of a function at the input, and ½, 1, … less, ``p`` terms in all."""
    total = function(input)
    for j in range(1, p):
        total = total + function(input - j / 2)
    return total


@op(
    latex=r"\frac{1}{\Gamma(input)} \int_0^{other} t^{input - 1} e^{-t} \, d t",
    grad=dict(
        input=(_no_derivative("igamma: input"), r"\text{none}"),
        other=(
            lambda g, xp, input, other: g * _gamma_density(xp, input, other),
            r"g \cdot \frac{other^{input - 1} e^{-other}}{\Gamma(input)}",
        ),
    ),
    promote="same",
    numbers=(),
    samples=(call(_FIXED, draw(3, low=0.5)), call(_FIXED, draw(2, 1, low=0.5))),
)
def igamma(xp: Namespace, input: Array, other: Array) -> Array:
    """The part below ``other`` of the integral that is the gamma function of ``input``.

    It has a derivative for ``other`` only.

    >>> import gradlab as gl
    >>> gl.igamma(gl.tensor([1.0]), gl.tensor([2.0]))
    tensor([0.8647])
    """
    return special(xp, "gammainc", "igamma_cpu", input, other)


@op(
    latex=r"\frac{1}{\Gamma(input)} \int_{other}^{\infty} t^{input - 1} e^{-t} \, d t",
    grad=dict(
        input=(_no_derivative("igammac: input"), r"\text{none}"),
        other=(
            lambda g, xp, input, other: -g * _gamma_density(xp, input, other),
            r"-g \cdot \frac{other^{input - 1} e^{-other}}{\Gamma(input)}",
        ),
    ),
    promote="same",
    numbers=(),
    samples=(call(_FIXED, draw(3, low=0.5)), call(_FIXED, draw(2, 1, low=0.5))),
)
def igammac(xp: Namespace, input: Array, other: Array) -> Array:
    """The part above ``other`` of the integral that is the gamma function of ``input``.

    It has a derivative for ``other`` only.

    >>> import gradlab as gl
    >>> gl.igammac(gl.tensor([1.0]), gl.tensor([2.0]))
    tensor([0.1353])
    """
    return special(xp, "gammaincc", "igammac_cpu", input, other)


def _gamma_density(xp: Any, shape: Any, x: Any) -> Any:
    return xp.exp(xp.log(x) * (shape - 1) - x - xp.lgamma(shape))


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: the sum of 1 / (other + k) to the power ``input`` over k = 0, 1, …

    Either may be a number. It has a derivative for ``other`` only.

    >>> import gradlab as gl
    >>> gl.special.zeta(gl.tensor([2.0, 4.0]), 1)
    tensor([1.6449, 1.0823])
    """
    if type(input) in PYTHON_SCALARS:
        return scalar_zeta(input, other)  # type: ignore[no-any-return]
    return zeta_tensor(input, other)  # type: ignore[no-any-return]


_ZETA = r"\textstyle\sum_{k=0}^{\infty} \frac{1}{(other + k)^{input}}"
_ZETA_RULE = (
    lambda g, xp, input, other: -g * (input * _zeta_in(xp, input + 1, other)),
    r"-g \cdot input \, \textstyle\sum_{k=0}^{\infty} \frac{1}{(other + k)^{input + 1}}",
)


def _zeta_in(xp: Any, input: Any, other: Any) -> Any:
    """Zeta in a formula, whose first argument may be a number."""
    return (xp.scalar_zeta if type(input) in PYTHON_SCALARS else xp.zeta_tensor)(input, other)


@op(
    latex=_ZETA,
    grad=dict(input=(_no_derivative("zeta"), r"\text{none}"), other=_ZETA_RULE),
    promote="float",
    numbers=("input", "other"),
    node="SpecialZetaBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(call(_FIXED, draw(3, low=0.5)),),
)
def zeta_tensor(xp: Namespace, input: Array, other: Array) -> Array:
    """Zeta of tensors."""
    return special(xp, "zeta", "zeta", input, other)


@op(
    latex=_ZETA,
    grad=dict(other=_ZETA_RULE),
    promote="float",
    node="SpecialZetaBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=(call(2.5, draw(3, low=0.5)), call(3, draw(low=1))),
)
def scalar_zeta(xp: Namespace, input: float, other: Array) -> Array:
    """Zeta of a number and a tensor."""
    return special(xp, "zeta", "zeta", xp.asarray(input, other.dtype), other)


# ------------------------------------------------------------------ Bessel functions


def _at_zero(xp: Any, function: Callable[[Any], Any], input: Any, limit: float) -> Any:
    """``function``, that divides by its argument, of ``input``; at 0 its limit there."""
    zero = input == 0
    safe = xp.masked_fill_scalar(input, zero, 1.0)
    return xp.masked_fill_scalar(function(safe), zero, limit)


@op(
    latex=r"I_{0}(input)",
    grad=dict(input=(lambda g, xp, input: g * xp.i1(input), r"g \cdot I_{1}(input)")),
    promote="float",
    samples=real(-2, 2),
)
def i0(xp: Namespace, input: Array) -> Array:
    """Modified Bessel function of the first kind, order 0.

    >>> import gradlab as gl
    >>> gl.i0(gl.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return special(xp, "i0", "i0_vml_cpu", input)


@op(
    latex=r"e^{-|input|} \, I_{0}(input)",
    grad=dict(
        input=(
            lambda g, xp, input, out: g * (xp.i1e(input) - xp.sgn(input) * out),
            r"g \left( e^{-|input|} I_{1}(input) - \mathrm{sign}(input) \cdot out \right)",
        )
    ),
    promote="float",
    node="SpecialI0EBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(*real(0.1, 2), *real(-2, -0.1)),
)
def i0e(xp: Namespace, input: Array) -> Array:
    """``i0`` times e to minus the size of each element, which does not overflow.

    >>> import gradlab as gl
    >>> gl.special.i0e(gl.tensor([0.0, 1.0]))
    tensor([1.0000, 0.4658])
    """
    return special(xp, "i0e", "i0e_cpu", input)


@op(
    latex=r"I_{1}(input)",
    grad=dict(
        input=(
            lambda g, xp, input, out: (
                g * _at_zero(xp, lambda x: xp.i0(x) - xp.i1(x) / x, input, 0.5)
            ),
            r"g \left( I_{0}(input) - \frac{I_{1}(input)}{input} \right)",
        )
    ),
    promote="float",
    node="SpecialI1Backward0",
    public=False,
    method=False,
    inplace=False,
    samples=real(-2, 2),
)
def i1(xp: Namespace, input: Array) -> Array:
    """Modified Bessel function of the first kind, order 1.

    >>> import gradlab as gl
    >>> gl.special.i1(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return special(xp, "i1", "i1_cpu", input)


@op(
    latex=r"e^{-|input|} \, I_{1}(input)",
    grad=dict(
        input=(
            lambda g, xp, input, out: (
                g * _at_zero(xp, lambda x: xp.i0e(x) - xp.i1e(x) * (xp.sgn(x) + 1 / x), input, 0.5)
            ),
            r"g \left( e^{-|input|} I_{0}(input) - out \cdot \mathrm{sign}(input) "
            r"- \frac{out}{input} \right)",
        )
    ),
    promote="float",
    node="SpecialI1EBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=(*real(0.1, 2), *real(-2, -0.1)),
)
def i1e(xp: Namespace, input: Array) -> Array:
    """``i1`` times e to minus the size of each element, which does not overflow.

    >>> import gradlab as gl
    >>> gl.special.i1e(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2079])
    """
    return special(xp, "i1e", "i1e_cpu", input)


# ------------------------------------------------------------------ logarithms and entropy


@composite(inplace=True)
def xlogy(input: Any, other: Any) -> Tensor:
    """``input`` times the logarithm of ``other``, and 0 where ``input`` is 0.

    Either may be a number; shapes broadcast, integers become floats.

    >>> import gradlab as gl
    >>> gl.xlogy(gl.tensor([0.0, 2.0]), gl.tensor([0.0, 3.0]))
    tensor([0.0000, 2.1972])
    """
    if type(input) in PYTHON_SCALARS:
        return scalar_xlogy(input, other)  # type: ignore[no-any-return]
    if type(other) in PYTHON_SCALARS:
        return xlogy_scalar(input, other)  # type: ignore[no-any-return]
    return xlogy_tensor(input, other)  # type: ignore[no-any-return]


FUNCTIONS["xlogy_"] = getattr(Tensor, "xlogy_")  # noqa: B009

_XLOGY = r"input \cdot \ln other"
_XLOGY_INPUT = (
    lambda g, xp, input, other: xp.zeroed(
        xp.xlogy_tensor(g, other), xp.logical_and(input == 0, other <= 0)
    ),
    r"g \ln other",
)
_XLOGY_NUMBER = (
    lambda g, xp, input, other: (
        xp.xlogy_scalar(g, other) if other > 0 else xp.zeroed(xp.xlogy_scalar(g, other), input == 0)
    ),
    r"g \ln other",
)
_XLOGY_OTHER = (lambda g, input, other: g * input / other, r"g \cdot \frac{input}{other}")


@op(
    latex=_XLOGY,
    grad=dict(input=_XLOGY_INPUT, other=_XLOGY_OTHER),
    promote="float",
    numbers=("input", "other"),
    node="XlogyBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=pairs(-2, 2, 0.5, 3),
)
def xlogy_tensor(xp: Namespace, input: Array, other: Array) -> Array:
    """x log y of tensors."""
    return special(xp, "xlogy", "xlogy_cpu", input, other)


@op(
    latex=_XLOGY,
    grad=dict(other=_XLOGY_OTHER),
    promote="float",
    node="XlogyBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=(call(2.5, draw(3, low=0.5)), call(0, draw(low=0.5))),
)
def scalar_xlogy(xp: Namespace, input: float, other: Array) -> Array:
    """x log y of a number and a tensor."""
    return special(xp, "xlogy", "xlogy_cpu", xp.asarray(input, other.dtype), other)


@op(
    latex=_XLOGY,
    grad=dict(input=_XLOGY_NUMBER),
    promote="float",
    node="XlogyBackward2",
    public=False,
    method=False,
    inplace=False,
    samples=(call(draw(3), 2.5), call(draw(), 3)),
)
def xlogy_scalar(xp: Namespace, input: Array, other: float) -> Array:
    """x log y of a tensor and a number."""
    return special(xp, "xlogy", "xlogy_cpu", input, xp.asarray(other, input.dtype))


def xlog1py(input: Any, other: Any) -> Tensor:
    """``input`` times the logarithm of 1 plus ``other``, and 0 where ``input`` is 0.

    Either may be a number; shapes broadcast, integers become floats.

    >>> import gradlab as gl
    >>> gl.special.xlog1py(gl.tensor([0.0, 2.0]), gl.tensor([-1.0, 2.0]))
    tensor([0.0000, 2.1972])
    """
    if type(input) in PYTHON_SCALARS:
        return scalar_xlog1py(input, other)  # type: ignore[no-any-return]
    if type(other) in PYTHON_SCALARS:
        return xlog1py_scalar(input, other)  # type: ignore[no-any-return]
    return xlog1py_tensor(input, other)  # type: ignore[no-any-return]


_XLOG1PY = r"input \cdot \ln (1 + other)"
_XLOG1PY_INPUT = (
    lambda g, xp, input, other: xp.zeroed(
        xp.xlog1py_tensor(g, other), xp.logical_and(input == 0, other <= -1)
    ),
    r"g \ln (1 + other)",
)
_XLOG1PY_NUMBER = (
    lambda g, xp, input, other: (
        xp.xlog1py_scalar(g, other)
        if other > -1
        else xp.zeroed(xp.xlog1py_scalar(g, other), input == 0)
    ),
    r"g \ln (1 + other)",
)
_XLOG1PY_OTHER = (
    lambda g, input, other: g * input / (other + 1),
    r"g \cdot \frac{input}{1 + other}",
)


@op(
    latex=_XLOG1PY,
    grad=dict(input=_XLOG1PY_INPUT, other=_XLOG1PY_OTHER),
    promote="float",
    numbers=("input", "other"),
    node="SpecialXlog1PyBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=pairs(-2, 2, -0.5, 3),
)
def xlog1py_tensor(xp: Namespace, input: Array, other: Array) -> Array:
    """x log(1 + y) of tensors."""
    return special(xp, "xlog1py", "xlog1py_cpu", input, other)


@op(
    latex=_XLOG1PY,
    grad=dict(other=_XLOG1PY_OTHER),
    promote="float",
    node="SpecialXlog1PyBackward1",
    public=False,
    method=False,
    inplace=False,
    samples=(call(2.5, draw(3, low=-0.5)), call(0, draw(low=-0.5))),
)
def scalar_xlog1py(xp: Namespace, input: float, other: Array) -> Array:
    """x log(1 + y) of a number and a tensor."""
    return special(xp, "xlog1py", "xlog1py_cpu", xp.asarray(input, other.dtype), other)


@op(
    latex=_XLOG1PY,
    grad=dict(input=_XLOG1PY_NUMBER),
    promote="float",
    node="SpecialXlog1PyBackward2",
    public=False,
    method=False,
    inplace=False,
    samples=(call(draw(3), 2.5), call(draw(), 3)),
)
def xlog1py_scalar(xp: Namespace, input: Array, other: float) -> Array:
    """x log(1 + y) of a tensor and a number."""
    return special(xp, "xlog1py", "xlog1py_cpu", input, xp.asarray(other, input.dtype))


@op(
    latex=r"-input \ln input",
    grad=dict(input=(lambda g, xp, input: g * (-1 - xp.log(input)), r"-g \, (1 + \ln input)")),
    promote="float",
    node="SpecialEntrBackward0",
    public=False,
    method=False,
    inplace=False,
    samples=real(0.1, 2),
    in_single="forward",
)
def entr(xp: Namespace, input: Array) -> Array:
    """Each element's share in an entropy: -x ln x, 0 at 0, -inf below.

    >>> import gradlab as gl
    >>> gl.special.entr(gl.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.3466, -0.0000])
    """
    return special(xp, "entr", "entr_cpu", input)


@op(
    latex=r"\ln \frac{input}{1 - input}",
    grad=dict(
        input=(
            lambda g, xp, input, eps: _logit_gradient(g, xp, input, eps),
            r"\frac{g}{input \, (1 - input)}",
        )
    ),
    promote="float",
    samples=(*real(0.1, 0.9), call(draw(3, low=0.2, high=0.8), 0.1), call(draw(3), eps=0.01)),
)
def logit(xp: Namespace, input: Array, eps: float | None = None) -> Array:
    """The inverse of ``sigmoid``: logarithm of each element over 1 minus it.

    Elements outside [0, 1] give nan, unless ``eps`` is given: then all are moved into
    [eps, 1 - eps] first, and those moved have gradient 0.

    >>> import gradlab as gl
    >>> gl.logit(gl.tensor([0.25, 0.5, 1.0]))
    tensor([-1.0986,  0.0000,     inf])
    """
    if input.dtype.kind != "f":
        raise NotImplementedError(
            f"\"logit_cpu\" not implemented for '{arrays.dtype_of(input).type_name}': only "
            "floating-point numbers will do"
        )
    if eps is not None:
        input = xp.minimum(xp.maximum(input, eps), 1 - eps)
    return xp.log(input / (1 - input))


def _logit_gradient(g: Any, xp: Any, input: Any, eps: float | None) -> Any:
    low, outside = (0, math.nan) if eps is None else (eps, 0.0)
    slope = g / (input * (1 - input))
    return xp.masked_fill_scalar(slope, xp.logical_or(input < low, input > 1 - low), outside)


# ------------------------------------------------------------------ sinc


@op(
    latex=r"\frac{\sin \pi \, input}{\pi \, input}",
    grad=dict(input=(lambda g, xp, input: g * xp.sinc_slope(input), r"g \cdot \mathrm{sinc}'")),
    promote="float",
    samples=real(-2, 2),
    in_single="forward",
)
def sinc(xp: Namespace, input: Array) -> Array:
    """Sine of π times each element, over π times it; 1 at 0.

    >>> import gradlab as gl
    >>> gl.sinc(gl.tensor([0.0, 0.5, 1.5]))
    tensor([ 1.0000,  0.6366, -0.2122])
    """
    return _away_from_zero(xp, lambda x: xp.sin(x) / x, input, 1)


@op(
    latex=r"\frac{\cos \pi \, input - \mathrm{sinc}(input)}{input}",
    grad=dict(
        input=(
            lambda g, xp, input: (
                g
                * _at_zero(
                    xp,
                    lambda x: xp.sinc(x) * -(math.pi**2) - xp.sinc_slope(x) * 2 / x,
                    input,
                    -(math.pi**2) / 3,
                )
            ),
            r"g \left( -\pi^2 \, \mathrm{sinc}(input) - \frac{2 \, out}{input} \right)",
        )
    ),
    public=False,
    method=False,
    samples=real(-2, 2),
)
def sinc_slope(xp: Namespace, input: Array) -> Array:
    """The derivative of sinc, which has one itself, at 0 too."""
    return _away_from_zero(xp, lambda x: (xp.cos(x) - xp.sin(x) / x) * math.pi / x, input, 0)


def _away_from_zero(
    xp: Namespace, function: Callable[[Array], Array], array: Array, limit: float
) -> Array:
    """``function``, that divides by its argument, of π times an array; its limit at 0."""
    zero = array == 0
    wide = array.astype("float32") if array.dtype == "float16" else array
    found = xp.where(zero, limit, function(xp.where(zero, 1, wide) * math.pi))
    return found.astype(array.dtype, copy=False)
