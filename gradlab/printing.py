"""Printing: a tensor's text, the same to the letter as PyTorch's.

Works on arrays only; ``Tensor.__repr__`` tells it the rest (device, ``grad_fn``…). The text is
made in three steps, each a function below: choose the elements that are shown, write each of
them as a cell of one common width, and lay the cells out in brackets, lines and suffixes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

# ---------------------------------------------------------------------------- options


@dataclass(frozen=True)
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": _Options(),
    "short": _Options(precision=2, edgeitems=2),
    "full": _Options(threshold=math.inf),
}
_options = _PROFILES["default"]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed from now on.

    ``precision`` is the number of digits after the point, ``threshold`` the number of elements
    above which only ``edgeitems`` at each end of a dimension are shown, ``linewidth`` the
    characters of a line. ``profile`` (``"default"``, ``"short"`` or ``"full"``) sets these four
    at once, before the others. ``sci_mode`` forces scientific notation on or off; as in PyTorch,
    every call that doesn't name it sets it back to None, which lets the values decide. Raises
    ValueError for a profile that doesn't exist.

    >>> set_printoptions(precision=2)
    >>> tensor_text(np.float32([0.125, 1]))
    'tensor([0.12, 1.00])'
    >>> set_printoptions(profile="default")
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"unknown profile {profile!r}: choose one of {', '.join(_PROFILES)}")
    named = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    start = _options if profile is None else _PROFILES[profile]
    _options = replace(start, sci_mode=sci_mode, **given)


def get_printoptions() -> dict[str, Any]:
    """The options in force, as keywords of :func:`set_printoptions`.

    >>> get_printoptions()["linewidth"]
    80
    """
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Set options as :func:`set_printoptions` does, until the end of a ``with`` block.

    >>> with printoptions(edgeitems=1, threshold=3):
    ...     print(tensor_text(np.arange(9)))
    tensor([0,  ..., 8])
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


# ---------------------------------------------------------------------------- whole texts


def tensor_text(
    array: Any,
    *,
    default_dtype_name: str = "float32",
    device: str = "cpu",
    requires_grad: bool = False,
    grad_fn: str | None = None,
    tangent: str | None = None,
    prefix: str = "tensor(",
) -> str:
    """The text of a tensor that holds ``array``, of any shape and any dtype tensors can have.

    ``default_dtype_name`` is the dtype that needs no ``dtype=``, ``grad_fn`` the name of the
    tensor's node; ``prefix`` replaces ``tensor(`` for subclasses. Of a CuPy array only what is
    shown leaves the GPU.

    >>> tensor_text(np.float64([1, np.nan]), grad_fn="SinBackward0")
    'tensor([1., nan], dtype=torch.float64, grad_fn=<SinBackward0>)'
    """
    suffixes = []
    if device != "cpu":
        suffixes.append(f"device='{device}'")
    suffixes += _size_suffix(array.shape) + _dtype_suffix(array, default_dtype_name)
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    indent = len(prefix)
    return _with_suffixes(prefix + _elements_text(array, indent), suffixes, indent) + ")"


def _size_suffix(shape: tuple[int, ...]) -> list[str]:
    """The size is told where the brackets don't show it; that of ``[]`` is (0,) if not told."""
    hidden = _options.edgeitems == 0 if math.prod(shape) else len(shape) != 1
    return [f"size={shape}"] if hidden else []


def _dtype_suffix(array: Any, default_name: str) -> list[str]:
    """The dtype is told unless a reader would guess it; brackets with nothing in them say none."""
    guessed = {default_name}
    if array.size:
        guessed |= {"int64", "bool", "complex128" if default_name == "float64" else "complex64"}
    return [] if array.dtype.name in guessed else [f"dtype=torch.{array.dtype.name}"]


def _with_suffixes(text: str, suffixes: Sequence[str], indent: int) -> str:
    # PyTorch counts the last line two characters longer than it is: room for the comma and ")".
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text


# ---------------------------------------------------------------------------- layout


class _Axis(NamedTuple):
    """How much of one dimension is shown: ``shown`` elements, with a gap in the middle if cut."""

    shown: int
    cut: bool


def _elements_text(array: Any, indent: int) -> str:
    if array.size == 0:
        return "[]"
    summarised = array.size > _options.threshold
    axes = [_axis(length, summarised) for length in array.shape]
    cells, width = _cells(_shown(array, axes))
    return _brackets(iter(cells), axes, width, indent)


def _axis(length: int, summarised: bool) -> _Axis:
    cut = summarised and length > 2 * _options.edgeitems
    return _Axis(2 * _options.edgeitems if cut else length, cut)


def _shown(array: Any, axes: Sequence[_Axis]) -> np.ndarray[Any, Any]:
    """The elements to print, in one small NumPy array; the rest is never touched."""
    # The longest dimension first: what is left to copy is then small from the start.
    for i in sorted(range(array.ndim), key=lambda i: -int(array.shape[i])):
        if axes[i].cut:
            end = axes[i].shown // 2
            array = array[(slice(None),) * i + ([*range(end), *range(-end, 0)],)]
    on_host: np.ndarray[Any, Any] = array.get() if hasattr(array, "get") else array
    return on_host


def _brackets(cells: Iterator[str], axes: Sequence[_Axis], width: int, indent: int) -> str:
    """The cells in nested brackets: inner rows are filled lines, blank lines part the outer."""
    if not axes:
        return next(cells)
    axis, inner = axes[0], axes[1:]
    margin = " " * (indent + 1)
    if inner:
        blocks = [_brackets(cells, inner, width, indent + 1) for _ in range(axis.shown)]
        return "[" + ("," + "\n" * len(inner) + margin).join(_with_gap(blocks, axis, "...")) + "]"
    row = _with_gap([next(cells) for _ in range(axis.shown)], axis, " ..." if axis.shown else "...")
    per_line = max(1, (_options.linewidth - indent) // (width + 2))
    lines = [", ".join(row[i : i + per_line]) for i in range(0, len(row), per_line)]
    return "[" + (",\n" + margin).join(lines) + "]"


def _with_gap(parts: list[str], axis: _Axis, gap: str) -> list[str]:
    half = axis.shown // 2
    return [*parts[:half], gap, *parts[half:]] if axis.cut else parts


# ---------------------------------------------------------------------------- cells


def _cells(shown: np.ndarray[Any, Any]) -> tuple[list[str], int]:
    """Each element's text, row-major, and the width a line must count for one of them."""
    kind = shown.dtype.kind
    if kind == "c":
        real, real_width = _float_cells(shown.real)
        imaginary, imaginary_width = _float_cells(shown.imag)
        pairs = zip(real, imaginary, strict=True)
        return [_complex_cell(*pair) for pair in pairs], real_width + imaginary_width + 1
    if kind == "f":
        return _float_cells(shown)
    return _aligned([str(value) for value in shown.ravel().tolist()])


def _complex_cell(real: str, imaginary: str) -> str:
    imaginary = imaginary.lstrip()
    return real + ("" if imaginary[0] in "+-" else "+") + imaginary + "j"


def _float_cells(shown: np.ndarray[Any, Any]) -> tuple[list[str], int]:
    """Floats in one notation for all, which the finite values other than 0 choose.

    They alone set the width too, so a NaN may stick out of its column, as in PyTorch.
    """
    values: list[float] = shown.ravel().tolist()
    deciding = list(filter(_decides, values))
    texts = list(map(_notation(deciding), values))
    width = max(
        (len(text) for text, value in zip(texts, values, strict=True) if _decides(value)), default=1
    )
    return [text.rjust(width) for text in texts], width


def _decides(value: float) -> bool:
    return value != 0 and math.isfinite(value)


def _notation(values: Sequence[float]) -> Callable[[float], str]:
    precision = _options.precision
    if values and _is_scientific(values):
        return f"{{:.{precision}e}}".format
    if all(value.is_integer() for value in values):
        return _write_whole
    return f"{{:.{precision}f}}".format


def _is_scientific(values: Sequence[float]) -> bool:
    if _options.sci_mode is not None:
        return _options.sci_mode
    smallest, largest = min(map(abs, values)), max(map(abs, values))
    return largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4


def _write_whole(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else str(value)


def _aligned(texts: list[str]) -> tuple[list[str], int]:
    width = max(map(len, texts), default=1)
    return [text.rjust(width) for text in texts], width
