"""Complex numbers: their parts, their conjugates, and how they are made of real ones.

Gradients are PyTorch's: of a real loss L, the gradient of z = x + iy is dL/dx + i dL/dy. Most of
these operations have no complex derivative, so their formulas give that gradient as it stands
(``holomorphic=False``, see ``op``).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.inplace import change
from gradlab.op import composite, op
from gradlab.ops.convert import contiguous_format
from gradlab.samples import call, complex_draw, draw, pairs
from gradlab.samples import real as numbers
from gradlab.tensor import Tensor

_COMPLEX = tuple(call(complex_draw(*shape)) for shape in ((3,), (2, 3), ()))

# ------------------------------------------------------------------ parts


@op(
    latex=r"(\operatorname{Re} input, \operatorname{Im} input)",
    grad=dict(
        input=(
            lambda g, xp: xp.view_as_complex(xp.clone(g, memory_format=contiguous_format)),
            r"{g}_0 + i \, {g}_1",
        ),
    ),
    holomorphic=False,
    view=True,
    samples=_COMPLEX,
)
def view_as_real(xp: Namespace, input: Array) -> Array:
    """Complex numbers as real ones, in a last dimension of size 2 more; a view.

    Raises RuntimeError for a tensor that is not complex.

    >>> import gradlab as gl
    >>> gl.view_as_real(gl.tensor([1 + 2j, 3 - 4j]))
    tensor([[ 1.,  2.],
            [ 3., -4.]])
    """
    if input.dtype.kind != "c":
        raise RuntimeError(
            "view_as_real is only supported for complex tensors, and this one is "
            f"{arrays.dtype_of(input)}. Make it complex with .to(gradlab.complex64)."
        )
    return input[..., None].view(input.real.dtype)


@op(
    latex=r"{input}_0 + i \, {input}_1",
    grad=dict(
        input=(
            lambda g, xp: xp.view_as_real(g),
            r"(\operatorname{Re} g, \operatorname{Im} g)",
        )
    ),
    holomorphic=False,
    view=True,
    samples=(call(draw(3, 2)), call(draw(2, 3, 2)), call(draw(2))),
)
def view_as_complex(xp: Namespace, input: Array) -> Array:
    """Pairs of real numbers, along a last dimension of size 2, as complex ones; a view.

    Raises RuntimeError where the last dimension has another size, or its elements don't lie side
    by side.

    >>> import gradlab as gl
    >>> gl.view_as_complex(gl.tensor([[1.0, 2.0], [3.0, -4.0]]))
    tensor([1.+2.j, 3.-4.j])
    """
    if input.dtype.kind != "f":
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {arrays.dtype_of(input).type_name}"
        )
    _refuse_half(input)
    if input.ndim == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if input.shape[-1] != 2:
        raise RuntimeError(
            f"Tensor must have a last dimension of size 2, not {input.shape[-1]}: the real and the "
            "imaginary part"
        )
    if input.size and input.strides[-1] != input.itemsize:
        raise RuntimeError(
            "Tensor must have a last dimension with stride 1, not "
            f"{input.strides[-1] // input.itemsize}. Call .contiguous() on it first."
        )
    return input.view(_complex_of(input))[..., 0]


def _complex_of(array: Array) -> Any:
    """The complex dtype whose parts have the dtype of ``array``."""
    return (arrays.complex64 if array.dtype.itemsize == 4 else arrays.complex128).numpy


def _refuse_half(array: Array) -> None:
    if array.dtype.itemsize == 2:
        raise NotImplementedError(
            "There is no complex number of two float16: convert to float32 first, with .float()."
        )


@composite()
def real(input: Tensor) -> Tensor:
    """The real parts, a view; a real tensor is returned as it is.

    >>> import gradlab as gl
    >>> gl.real(gl.tensor([1 + 2j, 3 - 4j]))
    tensor([1., 3.])
    """
    _require_tensor("real", input)
    return view_as_real(input).select(-1, 0) if input.is_complex() else input


@composite()
def imag(input: Tensor) -> Tensor:
    """The imaginary parts, a view. Raises RuntimeError for a real tensor.

    >>> import gradlab as gl
    >>> gl.imag(gl.tensor([1 + 2j, 3 - 4j]))
    tensor([ 2., -4.])
    """
    _require_tensor("imag", input)
    if not input.is_complex():
        raise RuntimeError(
            "imag is not implemented for tensors with non-complex dtypes, such as "
            f"{input.dtype}: their imaginary parts are all 0."
        )
    return view_as_real(input).select(-1, 1)  # type: ignore[no-any-return]


def _require_tensor(name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}"
        )


def _set_real(self: Tensor, value: Any) -> None:
    real(self).copy_(value)


def _set_imag(self: Tensor, value: Any) -> None:
    imag(self).copy_(value)


Tensor.real = property(real, _set_real)  # type: ignore[attr-defined]
Tensor.imag = property(imag, _set_imag)  # type: ignore[attr-defined]


@op(
    latex=r"\operatorname{Re} input",
    grad=dict(input=(lambda g: g, r"g")),
    holomorphic=False,
    public=False,
    method=False,
    samples=_COMPLEX,
)
def real_part(xp: Namespace, input: Array) -> Array:
    """The real parts, in memory of their own: what formulas use."""
    return input.real.copy()


@op(
    latex=r"\arg input",
    grad=dict(
        input=(
            lambda g, xp, input: (
                xp.zeroed(g * (xp.sgn(input) * 1j / xp.abs(input)), input == 0)
                if arrays.is_complex(input)
                else xp.zeros_like(g)
            ),
            r"g \cdot \frac{i \, input}{|input|^2}",
        )
    ),
    holomorphic=False,
    samples=(*numbers(0.1, 2), *numbers(-2, -0.1)),
)
def angle(xp: Namespace, input: Array) -> Array:
    """The angle of each complex number, from -pi to pi; of a real one, 0 or (below 0) pi.

    At 0, and for real numbers, the gradient is 0.

    >>> import gradlab as gl
    >>> gl.angle(gl.tensor([1j, -1.0, 1 + 1j]))
    tensor([1.5708, 3.1416, 0.7854])
    """
    if input.dtype.kind == "c":
        return xp.arctan2(input.imag, input.real)
    dtype = input.dtype if input.dtype.kind == "f" else arrays.get_default_dtype().numpy
    angles = xp.where(input < 0, math.pi, xp.where(input != input, math.nan, 0.0))
    return angles.astype(dtype)


# ------------------------------------------------------------------ conjugates


@op(
    latex=r"\overline{input}",
    grad=dict(input=(lambda g, xp: xp.conj(g), r"\overline{g}")),
    holomorphic=False,
    public=False,
    method=False,
    samples=_COMPLEX,
)
def conj(xp: Namespace, input: Array) -> Array:
    """Conjugates, in memory of their own."""
    return xp.conjugate(input)


@composite("conj")
def _conj(input: Tensor) -> Tensor:
    """The complex conjugate of each element; a real tensor is returned as it is.

    Not a view, as PyTorch's is: a change in place of the result leaves ``input`` alone.

    >>> import gradlab as gl
    >>> gl.conj(gl.tensor([1 + 2j, 3.0]))
    tensor([1.-2.j, 3.-0.j])
    """
    _require_tensor("conj", input)
    return conj(input) if input.is_complex() else input


@op(
    latex=r"\overline{input}",
    grad=dict(input=(lambda g, xp: xp.conj_physical(g), r"\overline{g}")),
    holomorphic=False,
    public=False,
    method=False,
    samples=_COMPLEX,
)
def conj_physical(xp: Namespace, input: Array) -> Array:
    """Conjugates."""
    return xp.conjugate(input)


@composite("conj_physical")
def _conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate of each element; a real tensor is returned as it is.

    >>> import gradlab as gl
    >>> gl.conj_physical(gl.tensor([1 + 2j, 3.0]))
    tensor([1.-2.j, 3.-0.j])
    """
    _require_tensor("conj_physical", input)
    return conj_physical(input) if input.is_complex() else input


@composite()
def conj_physical_(input: Tensor) -> Tensor:
    """In-place form of ``conj_physical``.

    >>> import gradlab as gl
    >>> gl.conj_physical_(gl.tensor([1 + 2j, 3.0]))
    tensor([1.-2.j, 3.-0.j])
    """
    _require_tensor("conj_physical_", input)
    if not input.is_complex():
        return input
    return change(conj_physical_own, input)  # type: ignore[no-any-return]


@op(
    latex=r"\overline{input}",
    grad=dict(input=(lambda g, xp: xp.conj_physical(g), r"\overline{g}")),
    node="ConjPhysicalBackward1",
    holomorphic=False,
    public=False,
    method=False,
    samples=_COMPLEX,
)
def conj_physical_own(xp: Namespace, input: Array) -> Array:
    """Conjugates, in the place of the elements."""
    return xp.conjugate(input)


@composite()
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugates are computed when they are asked for, not put off.

    >>> import gradlab as gl
    >>> gl.resolve_conj(gl.tensor([1 + 2j]).conj())
    tensor([1.-2.j])
    """
    return input


@composite()
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negatives are computed when they are asked for, not put off.

    >>> import gradlab as gl
    >>> gl.resolve_neg(gl.tensor([1 + 2j]).conj().imag)
    tensor([-2.])
    """
    return input


@composite()
def is_conj(input: Tensor) -> bool:
    """Whether a conjugation of this tensor was put off: never.

    >>> import gradlab as gl
    >>> gl.is_conj(gl.tensor([1 + 2j]).conj())
    False
    """
    return False


@composite()
def is_neg(input: Tensor) -> bool:
    """Whether a negation of this tensor was put off: never.

    >>> import gradlab as gl
    >>> gl.is_neg(gl.tensor([1 + 2j]).conj().imag)
    False
    """
    return False


@composite()
def isreal(input: Tensor) -> Tensor:
    """Which elements are real: a mask, True where the imaginary part is 0.

    >>> import gradlab as gl
    >>> gl.isreal(gl.tensor([1 + 2j, 3.0]))
    tensor([False,  True])
    """
    _require_tensor("isreal", input)
    return input.detach().imag == 0 if input.is_complex() else _all_true(input)


def _all_true(input: Tensor) -> Tensor:
    library = arrays.array_module(input._array)
    return Tensor._wrap(library.ones(input.shape, dtype=bool))


# ------------------------------------------------------------------ conjugate transposes


@composite()
def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of a matrix or of each of a batch.

    Raises RuntimeError for a tensor of one dimension.

    >>> import gradlab as gl
    >>> gl.adjoint(gl.tensor([[1j, 2.0]]))
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    return _adjoint(input, "adjoint()")


def _adjoint(input: Tensor, name: str) -> Tensor:
    if input.ndim < 2:
        if input.ndim == 0:
            _warn_of_no_dimensions(name)
            return _conj(input)  # type: ignore[no-any-return]
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got "
            f"{input.ndim}-D tensor."
        )
    return _conj(input.transpose(-2, -1))  # type: ignore[no-any-return]


def _matrix_h(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix or of each of a batch."""
    return _adjoint(self, "mH")


def _h(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix."""
    if self.ndim == 0:
        _warn_of_no_dimensions("H")
        return _conj(self)  # type: ignore[no-any-return]
    if self.ndim != 2:
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor. "
            "For batches of matrices, consider using tensor.mH"
        )
    return _adjoint(self, "H")


def _warn_of_no_dimensions(name: str) -> None:
    warnings.warn(
        f"Tensor.{name} is deprecated on 0-D tensors. Consider using x.conj().", stacklevel=4
    )


Tensor.H = property(_h)  # type: ignore[attr-defined]
Tensor.mH = property(_matrix_h)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ complex from real


@op(
    latex=r"real + i \, imag",
    grad=dict(
        real=(lambda g, xp, real, imag: xp.real_part(g), r"\operatorname{Re} g"),
        imag=(lambda g, xp, real, imag: xp.real_part(g * -1j), r"\operatorname{Im} g"),
    ),
    holomorphic=False,
    method=False,
    samples=pairs(),
)
def complex(xp: Namespace, real: Array, imag: Array) -> Array:
    """Complex numbers of these real and imaginary parts, which broadcast.

    Raises RuntimeError for parts of different dtypes, or of integers.

    >>> import gradlab as gl
    >>> gl.complex(gl.tensor([1.0, 2.0]), gl.tensor([3.0, -4.0]))
    tensor([1.+3.j, 2.-4.j])
    """
    _check_parts(real, imag)
    return _joined(xp, real, imag)


@op(
    latex=r"abs \cdot e^{i \, angle}",
    grad=dict(
        abs=(
            lambda g, xp, out: xp.real_part(g * xp.conj(xp.sgn(out))),
            r"\operatorname{Re}\left(g \, e^{-i \, angle}\right)",
        ),
        angle=(
            lambda g, xp, out: xp.real_part(g * xp.conj(out * 1j)),
            r"\operatorname{Re}\left(-i \, g \, \overline{out}\right)",
        ),
    ),
    holomorphic=False,
    method=False,
    samples=pairs(0.1, 2, -2, 2),
)
def polar(xp: Namespace, abs: Array, angle: Array) -> Array:
    """Complex numbers of these absolute values and angles, which broadcast.

    Raises RuntimeError for tensors of different dtypes, or of integers.

    >>> import gradlab as gl
    >>> gl.polar(gl.tensor([1.0, 2.0]), gl.tensor([0.0, 0.5]))
    tensor([1.0000+0.0000j, 1.7552+0.9589j])
    """
    _check_parts(abs, angle)
    return _joined(xp, abs * xp.cos(angle), abs * xp.sin(angle))


def _joined(xp: Namespace, real: Array, imag: Array) -> Array:
    pairs = xp.empty((*numpy.broadcast_shapes(real.shape, imag.shape), 2), real.dtype)
    pairs[..., 0] = real
    pairs[..., 1] = imag
    return pairs.view(_complex_of(real))[..., 0]


def _check_parts(one: Array, two: Array) -> None:
    names = [arrays.dtype_of(part).type_name for part in (one, two)]
    if one.dtype.kind != "f" or two.dtype.kind != "f":
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {names[0]} and "
            f"{names[1]}"
        )
    if one.dtype != two.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {names[0]} but got scalar type {names[1]} for second "
            f"argument. Convert one of them with .to({arrays.dtype_of(one)})."
        )
    _refuse_half(one)
