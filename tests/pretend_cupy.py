"""A stand-in for CuPy that needs no GPU: NumPy's arrays behind CuPy's manners.

It has the functions that CuPy has (`tests/data/cupy_names.txt`) and no others, and it is as strict:
its arrays never become NumPy arrays but by `get()`, and never meet NumPy arrays in an operation.
So what runs on it mixes no libraries up. Of speed and of CUDA it says nothing.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy
import scipy.special

_LIST = Path(__file__).parent / "data/cupy_names.txt"
NAMES = frozenset(_LIST.read_text("utf-8").splitlines())

launched: list[str] = []
"""What would have been kernels on a GPU, in order: functions, operators and fused formulas."""

STREAM = 7
"""The address of the current stream."""

_TAKE_NUMPY_ARRAYS = {"array", "asarray", "asanyarray", "ascontiguousarray"}


def _unwrapped(value: Any, numpy_too: bool = False) -> Any:
    """The NumPy arrays inside arguments; TypeError for an argument that is a NumPy array itself."""
    if isinstance(value, Array):
        return value._array
    if isinstance(value, numpy.ndarray) and not numpy_too:
        raise TypeError(f"Unsupported type {type(value)}: CuPy computes with its own arrays only")
    if isinstance(value, (tuple, list)):
        return type(value)([_unwrapped(one, numpy_too) for one in value])
    if isinstance(value, dict):
        return {name: _unwrapped(one, numpy_too) for name, one in value.items()}
    return value


def _wrapped(value: Any) -> Any:
    """Results as this library's arrays: CuPy returns arrays where NumPy returns scalars."""
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return Array(numpy.asarray(value))
    if isinstance(value, (tuple, list)):
        parts = [_wrapped(one) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _function(function: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    takes_numpy = name in _TAKE_NUMPY_ARRAYS

    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(one, _Traced) for one in args):
            return _traced_call(function, name, args, **kwargs)
        launched.append(name)
        with numpy.errstate(all="ignore"):
            result = function(*_unwrapped(args, takes_numpy), **_unwrapped(kwargs))
        if name == "diagonal":
            result.setflags(write=True)  # in NumPy it is not
        return _wrapped(result)

    return call


class Array:
    """What `cupy.ndarray` is."""

    __array_priority__ = 100

    def __init__(
        self, array: Any, dtype: Any = None, memptr: Any = None, strides: Any = None
    ) -> None:
        self._array = array if memptr is None else memptr.seen_as(array, dtype, strides)

    @property
    def data(self) -> Any:
        return _Pointer(self._array)

    def get(self) -> Any:
        """A copy of the numbers in main memory."""
        return self._array.copy()

    @property
    def device(self) -> Any:
        return _Device()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # such as __array_interface__, by which NumPy would get in
            raise AttributeError(name)
        found = getattr(self._array, name)
        return _function(found, name) if callable(found) else _wrapped(found)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use .get().")

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a NumPy function was called on an array of CuPy's")

    def __array_function__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a NumPy function was called on an array of CuPy's")

    def __getitem__(self, key: Any) -> Any:
        return _wrapped(self._array[_unwrapped(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._array[_unwrapped(key)] = _unwrapped(value)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Any]:
        return (Array(numpy.asarray(row)) for row in self._array)

    def __bool__(self) -> bool:
        return bool(self._array)

    def __int__(self) -> int:
        return int(self._array)

    def __float__(self) -> float:
        return float(self._array)

    def __index__(self) -> int:
        return operator.index(self._array)

    __hash__ = None  # type: ignore[assignment]


class _Pointer:
    """A place in the memory of an array, so many bytes from its first element."""

    def __init__(self, array: Any, offset: int = 0) -> None:
        self._array, self._offset = array, offset

    @property
    def ptr(self) -> int:
        return int(self._array.ctypes.data) + self._offset

    def __add__(self, offset: int) -> Any:
        return _Pointer(self._array, self._offset + offset)

    def seen_as(self, shape: Any, dtype: Any, strides: Any) -> Any:
        """An array of this shape over the memory from here on."""
        owner = self._array
        while isinstance(owner.base, numpy.ndarray):
            owner = owner.base
        start = self.ptr - int(owner.ctypes.data)
        return numpy.ndarray(shape, dtype, owner.ravel(order="K"), start, strides)


def _publish_operator(name: str) -> None:
    def apply(self: Array, *others: Any) -> Any:
        launched.append(name)
        with numpy.errstate(all="ignore"):
            result = getattr(self._array, name)(*_unwrapped(others))
        return result if result is NotImplemented else _wrapped(result)

    def apply_in_place(self: Array, other: Any) -> Any:
        launched.append(name)
        with numpy.errstate(all="ignore"):
            getattr(self._array, name)(_unwrapped(other))
        return self

    setattr(Array, name, apply_in_place if name in _IN_PLACE else apply)


_BINARY = [
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul",
    "and", "or", "xor", "lshift", "rshift",
]  # fmt: skip
_IN_PLACE = {f"__i{name}__" for name in _BINARY if name != "matmul"}
for _name in (
    *(f"__{name}__" for name in [*_BINARY, "eq", "ne", "lt", "le", "gt", "ge"]),
    *(f"__r{name}__" for name in _BINARY),
    *_IN_PLACE,
    *(f"__{name}__" for name in ("neg", "pos", "abs", "invert")),
):
    _publish_operator(_name)


class _Ufunc:
    """A ufunc with those of its methods that CuPy has."""

    def __init__(self, ufunc: Any) -> None:
        self._ufunc = ufunc
        self.__name__ = ufunc.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _function(self._ufunc, self.__name__)(*args, **kwargs)

    def __getattr__(self, method: str) -> Any:
        if f"{self.__name__}.{method}" not in NAMES:
            raise NotImplementedError(f"`{self.__name__}.{method}` is not supported yet")
        found = _function(getattr(self._ufunc, method))
        return _plain_reduce(found) if method == "reduce" else found


def _plain_reduce(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """CuPy's `reduce` takes no `initial` and no `where`."""

    def call(
        array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        return reduce(array, axis, dtype, out, keepdims)

    return call


# ------------------------------------------------------------------ fused formulas


def _fuse(kernel_name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`cupy.fuse`: of a formula that computes element by element, one kernel.

    CuPy runs the formula once on stand-ins of its arguments, and writes down what it does.
    """

    def decorate(formula: Callable[..., None]) -> Callable[..., None]:
        def kernel(*args: Any) -> None:
            shapes = {one.shape for one in args if isinstance(one, Array)}
            if len(shapes) != 1:
                raise ValueError(f"a kernel's arrays should have one shape, and have {shapes}")
            exact = numpy.result_type(*(one.dtype for one in args if isinstance(one, Array)))
            if any(numpy.result_type(one, exact) != exact for one in args if _is_number(one)):
                raise TypeError(f"a number is more precise than the arrays, which are {exact}")
            launched.append(kernel_name)
            with numpy.errstate(all="ignore"):
                if formula(*map(_as_traced, args)) is not None:
                    raise TypeError("a kernel that changes its arrays returns nothing")

        return kernel

    return decorate


def _as_traced(value: Any) -> Any:
    if value is None:
        return None
    if not (isinstance(value, Array) or _is_number(value)):
        raise TypeError(f"a kernel takes arrays, NumPy's numbers and None, not {type(value)}")
    return _Traced(value._array if isinstance(value, Array) else value)


def _is_number(value: Any) -> bool:
    """Whether it is a number of a dtype: Python's are doubles to some versions of CuPy."""
    return isinstance(value, numpy.floating)


class _Traced:
    """What a formula that is fused gets for an array or a number: something to compute with."""

    __array_ufunc__ = None  # NumPy's functions refuse it, as they refuse CuPy's
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any) -> None:
        self._value = value

    @property
    def dtype(self) -> Any:
        return self._value.dtype

    def astype(self, dtype: Any) -> Any:
        return _Traced(self._value.astype(dtype))

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is not Ellipsis:
            raise ValueError("The fusion supports `[...]` or `[:]`.")
        self._value[...] = value._value

    def __bool__(self) -> bool:
        raise TypeError("Cannot convert to Python scalar in cupy.fuse")

    __float__ = __int__ = __bool__  # type: ignore[assignment]


def _traced_call(
    function: Callable[..., Any], name: str, args: Any, out: _Traced | None = None
) -> Any:
    """One step of a fused formula."""
    if not isinstance(function, numpy.ufunc) and name not in {"where", "clip"}:
        raise TypeError(f"`{name}` can't be fused")
    values = [one._value if isinstance(one, _Traced) else one for one in args]
    operands = values[1:] if name == "where" else values
    if not any(isinstance(one, numpy.ndarray) for one in operands):
        raise TypeError(f"`{name}` of numbers alone: a kernel would do it in another precision")
    options = {} if out is None else {"out": out._value}
    return _Traced(numpy.asarray(function(*values, **options)))


def _publish_traced(name: str, ufunc: Any) -> None:
    def apply(self: _Traced, *others: Any) -> Any:
        return _traced_call(ufunc, name, (self, *others))

    def apply_turned(self: _Traced, other: Any) -> Any:
        return _traced_call(ufunc, name, (other, self))

    def apply_in_place(self: _Traced, other: Any) -> Any:
        return _traced_call(ufunc, name, (self, other), out=self)

    setattr(_Traced, f"__{name}__", apply)
    if ufunc in _WITH_OTHER_FORMS:
        setattr(_Traced, f"__r{name}__", apply_turned)
        setattr(_Traced, f"__i{name}__", apply_in_place)


_WITH_OTHER_FORMS = {numpy.add, numpy.subtract, numpy.multiply, numpy.divide, numpy.power}
for _name, _found in dict(
    add=numpy.add, sub=numpy.subtract, mul=numpy.multiply, truediv=numpy.divide, pow=numpy.power,
    neg=numpy.negative, lt=numpy.less, le=numpy.less_equal, gt=numpy.greater,
    ge=numpy.greater_equal,
).items():  # fmt: skip
    _publish_traced(_name, _found)


class _Module(ModuleType):
    """The module `cupy`, or one inside it."""

    def __init__(self, name: str, own: Any) -> None:
        super().__init__(name)
        self._own = own
        self._prefix = name.partition(".")[2]

    def __getattr__(self, name: str) -> Any:
        full = f"{self._prefix}.{name}".lstrip(".")
        if full not in NAMES or not hasattr(self._own, name):
            raise AttributeError(f"module 'cupy' has no attribute {full!r}")
        found = getattr(self._own, name)
        if isinstance(found, ModuleType):
            return _Module(f"cupy.{name}", found)
        if isinstance(found, numpy.ufunc):
            return _Ufunc(found)
        return _function(found, name) if callable(found) and not isinstance(found, type) else found


class _Device:
    """The only GPU there is."""

    def __init__(self, id: int = 0) -> None:
        if id != 0:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self.id = 0

    def __enter__(self) -> _Device:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def synchronize(self) -> None:
        launched.append("synchronize")


def modules() -> dict[str, ModuleType]:
    """What to put into `sys.modules`: a `cupy` that sees one GPU, and the part of `cupyx` used."""
    cupy = _Module("cupy", numpy)
    cupy.ndarray = Array  # type: ignore[attr-defined]
    cupy.fuse = _fuse  # type: ignore[attr-defined]
    cupy.cuda = SimpleNamespace(  # type: ignore[attr-defined]
        Device=_Device,
        runtime=SimpleNamespace(
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda device: {"name": b"Stand-in GPU"},
        ),
        get_current_stream=lambda: SimpleNamespace(ptr=STREAM),
    )
    special = _Module("cupy.special", scipy.special)  # so are its functions listed
    cupyx = ModuleType("cupyx")
    cupyx.errstate = lambda linalg: contextlib.nullcontext()  # type: ignore[attr-defined]
    return {"cupy": cupy, "cupyx": cupyx, "cupyx.scipy.special": special}
