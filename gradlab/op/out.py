"""``out=``: a function's result written into a tensor that is there already.

PyTorch's functions take it (its methods don't), and so do those named here. Operations have the
argument in their generated source; a function of operations gets a small one around it, which
costs 40 ns a call. The result is computed first, so ``out`` may be one of the arguments.
"""

from __future__ import annotations

import inspect
import linecache
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gradlab import arrays
from gradlab.grad_mode import is_grad_enabled, no_grad
from gradlab.inplace import check_writable, count_change
from gradlab.tensor import Tensor

Function = Callable[..., Any]

# fmt: off
TAKE_OUT = frozenset("""
abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax angle any
arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin asin asinh atan atan2
atanh baddbmm bernoulli bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift
bitwise_xor bmm bucketize cat ceil chain_matmul cholesky cholesky_inverse cholesky_solve clamp
clamp_max clamp_min clip column_stack complex concat concatenate conj_physical copysign cos cosh
cross cummax cummin cumprod cumsum deg2rad diag diff digamma div divide dot dstack empty eq erf erfc
erfinv exp exp2 expm1 eye fix float_power floor floor_divide fmax fmin fmod frac frexp full gather
gcd ge ger greater greater_equal gt heaviside histc hstack hypot i0 igamma igammac index_select
inner inverse isneginf isposinf kron kthvalue lcm ldexp le lerp less less_equal lgamma linspace log
log10 log1p log2 logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor
logit logspace logsumexp lt lu lu_solve lu_unpack masked_select matmul matrix_power max maximum mean
median min minimum mm mode msort mul multinomial multiply mv mvlgamma nan_to_num nanmean nanmedian
nanquantile nansum ne neg negative nextafter nonzero norm normal not_equal nuclear_norm ones outer
polar polygamma pow prod qr quantile rad2deg rand randint randn randperm range reciprocal remainder
renorm round row_stack rsqrt scatter scatter_add scatter_reduce searchsorted sgn sigmoid sign
signbit sin sinc sinh sort sqrt square stack std sub subtract sum svd take take_along_dim tan tanh
tensordot topk triangular_solve tril triu true_divide trunc var vdot vstack where xlogy zeros
""".split())  # noqa: SIM905

TAKE_OUT_IN: Mapping[str, frozenset[str]] = {
    "linalg": frozenset("""
cholesky cholesky_ex cond cross det eig eigh eigvals eigvalsh householder_product inv inv_ex
ldl_factor ldl_factor_ex ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve matmul matrix_norm
matrix_power matrix_rank multi_dot norm pinv qr slogdet solve solve_ex solve_triangular svd svdvals
tensorinv tensorsolve vecdot vector_norm
""".split()),  # noqa: SIM905
    "special": frozenset("""
airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 digamma entr erf erfc erfcx erfinv exp2 expit expm1
gammainc gammaincc gammaln i0 i0e i1 i1e log1p log_ndtr logit logsumexp multigammaln ndtr ndtri
polygamma psi round sinc xlog1py xlogy zeta
""".split()),  # noqa: SIM905
    "fft": frozenset("""
fft fft2 fftn hfft hfft2 hfftn ifft ifft2 ifftn ihfft ihfft2 ihfftn irfft irfft2 irfftn rfft rfft2
rfftn fftfreq rfftfreq
""".split()),  # noqa: SIM905
}

# Where the dtype of `out` must be the result's, and how PyTorch says so. For all others any dtype
# will do to which the result's can be cast.
_SAME_DTYPE: Mapping[str, str] = {
    name: sentence
    for sentence, names in {
        "Expected out tensor to have dtype {in_c}, but got {got_in_c} instead": """
addmm argmax argmin baddbmm bmm diag gather inverse lu_solve lu_unpack matmul max median min mm
mode msort mv nanmedian norm qr scatter scatter_add scatter_reduce sort svd take_along_dim topk
triangular_solve tril triu kthvalue linalg_cholesky linalg_cholesky_ex linalg_det linalg_eigh
linalg_eigvalsh linalg_inv linalg_inv_ex linalg_lu linalg_lu_factor linalg_lu_factor_ex
linalg_matmul linalg_qr linalg_slogdet linalg_solve linalg_solve_ex linalg_svd linalg_svdvals
linalg_vector_norm
""",
        "Found dtype {got} but expected {dtype}": """
abs absolute bitwise_not ceil clamp clamp_max clamp_min clip conj_physical fix floor frac neg
negative round sgn sign special_round trunc
""",
        "{name} only supports bool tensor for result, got: {got}": "all any",
        "{name} does not support non-boolean outputs.": "isneginf isposinf signbit",
        "expected scalar_type {dtype} but found {got}": "cummax cummin logcumsumexp",
        "expected scalar type {dtype} but found {got}": "linalg_solve_triangular",
        "{name}(): self and result must have the same scalar type": "index_select masked_select",
        "Expected the dtype for input and out to match, but got {dtype} for input's dtype and "
        "{got} for output's dtype.": "amax amin",
        "Expected out type to be {dtype} but got {got}": "where",
        "Expected object of scalar type {dtype} but got scalar type {got} for argument 'out'": (
            "complex polar"
        ),
        "multinomial expects Long tensor out, got: {got}": "multinomial",
        "nan_to_num: dtype of out: {got} should be same as input: {dtype}": "nan_to_num",
        "nonzero: Expected out tensor to have scalar type {dtype} but got scalar type{got}": (
            "nonzero"
        ),
        "result dtype {got} does not match input dtype {dtype}": "dot vdot",
        "take(): self and out expected to have the same dtype, but got self.dtype = {dtype} and "
        "out.dtype = {got}": "take",
        "the output given to float_power has dtype {got} but the operation's result requires "
        "dtype {dtype}": "float_power",
        "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or "
        "Long(int64) depending on whether out_int32 flag is True, but we got output tensor's dtype "
        "{got}": "bucketize searchsorted",
    }.items()
    for name in names.split()
}
# fmt: on
_JOINING = {
    *("cat", "concat", "concatenate", "stack", "hstack", "vstack", "row_stack", "dstack"),
    "column_stack",
}
# What is filled anew may have had any shape before, without a warning.
_FILLING = {
    *("bernoulli", "empty", "eye", "full", "linspace", "logspace", "multinomial", "ones", "rand"),
    *("randint", "randn", "randperm", "zeros"),
}
# Their results are of the input's dtype, and then cast.
_OWN_DTYPE = {"mean", "norm", "linalg_norm", "linalg_vector_norm", "linalg_matrix_norm"}


# ------------------------------------------------------------------ the argument


def accepting_out(functions: Mapping[str, Any], namespace: str = "") -> dict[str, Function]:
    """Those of ``functions`` that take ``out=`` in PyTorch and here not yet, so that they do."""
    names = TAKE_OUT_IN[namespace] if namespace else TAKE_OUT
    prefix = f"{namespace}_" if namespace else ""
    return {
        name: _around(prefix + name, function)
        for name, function in functions.items()
        if name in names and "out" not in function.__code__.co_varnames
    }


def _around(name: str, function: Any) -> Function:
    """``function`` with one argument more."""
    parameters = list(inspect.signature(function).parameters.values())
    open_ended = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
    known = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    lines = [
        f"def {function.__name__}({_declared(parameters)}):",
        f"    if {' or '.join(['out is not None', *open_ended])}:",
    ]
    if open_ended:  # such as the keyword `axis`; passing on none of them takes 0.2 µs less
        lines += [
            "        if out is None:",
            f"            return function({_passed_on(parameters)})",
        ]
    lines += [
        f"        return into({name!r}, function, out, {collected(parameters)})",
        f"    return function({_passed_on(known)})",
    ]
    source = "\n".join(lines)
    filename = f"<gradlab {name} with out>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope: dict[str, Any] = {f"default_{p.name}": p.default for p in parameters}
    scope.update(function=function, into=into, __name__=function.__module__)
    exec(compile(source, filename, "exec"), scope)
    made: Function = scope[function.__name__]
    made.__doc__ = function.__doc__
    made.__annotations__ = {**function.__annotations__, "out": "Tensor | None"}
    return made


def _declared(parameters: Sequence[inspect.Parameter]) -> str:
    """A signature's text, with ``out``."""
    parts = []
    star = False
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            star = True
        elif p.kind is p.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        mark = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        default = "" if p.default is p.empty else f"=default_{p.name}"
        parts.append(mark + p.name + default)
    out = ["out=None"] if star else ["*", "out=None"]
    place = next((i for i, p in enumerate(parts) if p.startswith("**")), len(parts))
    return ", ".join([*parts[:place], *out, *parts[place:]])


def _passed_on(parameters: Sequence[inspect.Parameter]) -> str:
    marks: dict[Any, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*{0}",
        inspect.Parameter.VAR_KEYWORD: "**{0}",
        inspect.Parameter.KEYWORD_ONLY: "{0}={0}",
    }
    return ", ".join(marks.get(p.kind, "{0}").format(p.name) for p in parameters)


def collected(parameters: Sequence[inspect.Parameter]) -> str:
    """The text of a tuple of the positional arguments and a dictionary of the others."""
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    first = [p for p in parameters if p.kind not in named]
    others = [p for p in parameters if p.kind in named]
    return f"({_passed_on(first)}{',' * bool(first)}), dict({_passed_on(others)})"


def with_out(signature: inspect.Signature) -> inspect.Signature:
    """The signature of a function that takes ``out`` too."""
    out = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)
    return signature.replace(parameters=[*signature.parameters.values(), out])


# ------------------------------------------------------------------ writing


def into(
    name: str, function: Function, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call ``function`` and write its result into ``out``, a tensor or a tuple of them.

    A tensor of another shape is resized, with a warning unless it has no elements. Raises
    TypeError where ``out`` is no tensor, RuntimeError where a gradient is wanted or the result
    can't be held by ``out``'s dtype.
    """
    outs = out if isinstance(out, (tuple, list)) else (out,)
    for one in outs:
        if not isinstance(one, Tensor):
            raise TypeError(
                f"{name}(): argument 'out' must be Tensor, not {type(one).__name__}. Make one "
                "with gradlab.empty(0)."
            )
    tensors = (*_tensors((args, kwargs)), *outs)
    if is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad. Use what the function returns, or write "
            "within gradlab.no_grad()."
        )
    with no_grad():
        result = function(*args, **_as_out_is(name, outs[0], kwargs))
    if isinstance(result, Tensor) and isinstance(out, (tuple, list)):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    results = (result,) if isinstance(result, Tensor) else result
    if len(results) != len(outs):
        raise TypeError(
            f"{name}(): expected tuple of {len(results)} elements but got {len(outs)}: "
            "out= needs a tensor for each result"
        )
    for one, computed in zip(outs, results, strict=True):
        _write(name, one, computed)
    if isinstance(result, Tensor):
        return out
    return type(result)(*outs) if hasattr(result, "_fields") else outs


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(tuple(values.values()))
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors(value)


def _as_out_is(name: str, out: Tensor, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The options, with the dtype and the device of ``out`` where these may be chosen."""
    given = kwargs.get("dtype")
    if given is not None and given is not out.dtype:
        raise RuntimeError(
            f"dtype {given.type_name} does not match dtype of out parameter "
            f"({out.dtype.type_name}): leave dtype= out, or make out of that one"
        )
    own: dict[str, Any] = {"device": out.device}
    if name not in _OWN_DTYPE:
        own["dtype"] = out.dtype
    return {key: own.get(key) if value is None else value for key, value in kwargs.items()}


def _write(name: str, out: Tensor, result: Tensor) -> None:
    if out.device != result.device:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{result.device} and {out.device}!"
        )
    if name != "bernoulli":  # whose zeros and ones any dtype holds
        _check_dtype(name, out.dtype, result.dtype)
    if out.shape != result.shape:
        if out.numel() and name not in _FILLING:
            warnings.warn(
                "An output with one or more elements was resized since it had shape "
                f"{list(out.shape)}, which does not match the required output shape "
                f"{list(result.shape)}. This behavior is deprecated, and in a future PyTorch "
                "release outputs will not be resized unless they have zero elements. You can "
                "explicitly reuse an out tensor t by resizing it, inplace, to zero elements with "
                "t.resize_(0).",
                UserWarning,
                stacklevel=4,
            )
        out.resize_(result.shape)
    with no_grad():
        check_writable(out)
    out._array[...] = result._array
    count_change(out)


def _check_dtype(name: str, out: arrays.dtype, result: arrays.dtype) -> None:
    if name in _SAME_DTYPE and out is not result:
        said = _SAME_DTYPE[name].format(
            name=name,
            dtype=result.type_name,
            got=out.type_name,
            in_c=result.c_name,
            got_in_c=out.c_name,
        )
        raise RuntimeError(f"{said} (make out with dtype={result!r})")
    if arrays.category(result.numpy) <= arrays.category(out.numpy):
        return
    if name in _JOINING:
        raise TypeError(
            f"torch.cat(): input types can't be cast to the desired output type {out.type_name}"
        )
    raise RuntimeError(
        f"result type {result.type_name} can't be cast to the desired output type {out.type_name}"
    )
