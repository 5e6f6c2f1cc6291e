"""What dtypes can hold, what they turn into, and what they meet in."""

from __future__ import annotations

from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import dtype


class finfo:
    """The limits of a floating dtype; of a complex one, those of its parts.

    Without a dtype, the default one. ``min`` and ``max`` are the ends of its range, ``eps`` the
    step from 1 to the next number, ``tiny`` (or ``smallest_normal``) the smallest number of full
    precision, ``resolution`` what is surely told apart in decimals, ``bits`` its size. Raises
    TypeError for integers and bools.

    >>> import gradlab as gl
    >>> gl.finfo(gl.float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        found = arrays.get_default_dtype() if type is None else _checked("finfo", type)
        if not (found.is_floating_point or found.is_complex):
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'torch.finfo' of {found}"
            )
        limits = numpy.finfo(found.numpy)
        self.bits = int(limits.bits)
        self.dtype = limits.dtype.name
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.resolution = float(f"1e-{limits.precision}")
        self.smallest_normal = self.tiny = float(limits.tiny)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]


class iinfo:
    """The limits of an integer dtype: ``min``, ``max``, ``bits``.

    Raises TypeError for floats and bools.

    >>> import gradlab as gl
    >>> gl.iinfo(gl.int8).max
    127
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtype) -> None:
        found = _checked("iinfo", type)
        if found is arrays.bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo: it is True or False")
        if found.is_floating_point or found.is_complex:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                f"'torch.iinfo' of {found}"
            )
        limits = numpy.iinfo(found.numpy)
        self.bits, self.max, self.min = int(limits.bits), int(limits.max), int(limits.min)
        self.dtype = found.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]


def type_name(value: Any) -> str:
    """What errors call the type of a value: ``list``, but ``numpy.ndarray``."""
    name: str = value.__class__.__name__
    return f"numpy.{name}" if value.__class__.__module__ == "numpy" else name


def check_flag(function: str, argument: str, value: Any, position: int | None = None) -> None:
    """Raise PyTorch's TypeError for what is neither True nor False."""
    if not isinstance(value, (bool, numpy.bool)):
        where = "" if position is None else f" (position {position})"
        raise TypeError(
            f"{function}(): argument '{argument}'{where} must be bool, not {type_name(value)}"
        )


def number_of(
    function: str, argument: str, value: Any, position: int | None = None, wanted: str = "Number"
) -> Any:
    """An argument that must be a number: one of Python's or NumPy's, or a 0-d tensor.

    Raises PyTorch's TypeError for others, and for a tensor whose history would be lost.
    """
    if type(value) in arrays.PYTHON_SCALARS:
        return value
    if isinstance(value, numpy.generic):
        return value.item()
    hint = ""
    if hasattr(value, "_array"):
        if not value.ndim and not value.requires_grad:
            return value.item()
        hint = ". No gradient flows to it: pass its .item()" if value.requires_grad else ""
    where = "" if position is None else f" (position {position})"
    raise TypeError(
        f"{function}(): argument '{argument}'{where} must be {wanted}, not {type_name(value)}{hint}"
    )


def check_int(function: str, argument: str, value: Any, position: int) -> None:
    """Raise PyTorch's TypeError for what is no whole number."""
    if not hasattr(value, "__index__"):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be int, not "
            f"{type_name(value)}"
        )


def _checked(function: str, type: Any, name: str = "type", position: int = 1) -> dtype:
    if not isinstance(type, dtype):
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be torch.dtype, not "
            f"{type.__class__.__name__}: pass gradlab.float32 or another dtype"
        )
    return type


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether an in-place operation may write results of one dtype into a tensor of another.

    It may unless their category (bool < integer < float < complex) is higher. Raises TypeError for
    what is no dtype.

    >>> import gradlab as gl
    >>> gl.can_cast(gl.float64, gl.float16), gl.can_cast(gl.float16, gl.int64)
    (True, False)
    """
    given, wanted = _checked("can_cast", from_, "from_"), _checked("can_cast", to, "to", 2)
    return arrays.category(given.numpy) <= arrays.category(wanted.numpy)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The dtype in which tensors of two dtypes meet.

    Raises TypeError for what is no dtype.

    >>> import gradlab as gl
    >>> gl.promote_types(gl.int64, gl.float16), gl.promote_types(gl.uint8, gl.int8)
    (torch.float16, torch.int16)
    """
    one, two = (
        arrays.as_dtype(given, "promote_types")
        if isinstance(given, type)
        else _checked("promote_types", given, f"type{position}", position)
        for position, given in enumerate((type1, type2), start=1)
    )
    return arrays.BY_NUMPY[arrays.promote_types(one.numpy, two.numpy)]
