"""Saving tensors, and what holds them, to a file; loading them, and PyTorch's files, from one.

``save`` writes the safetensors format: the tensors by name, for every library that reads it, and
what else a checkpoint holds (numbers, texts, lists, dictionaries) as JSON in the file's metadata.
``load`` reads that, any other safetensors file, and PyTorch's own files. These contain a pickle,
which is a program; it is run by an unpickler that can build tensors and nothing else.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import IO, Any

import numpy
import safetensors
import safetensors.numpy

from gradlab import arrays
from gradlab.nn.parameter import Parameter
from gradlab.tensor import Size, Tensor

File = str | os.PathLike[str] | IO[bytes]

_STRUCTURE = "gradlab.structure"
_BY_NAME = {str(dtype).removeprefix("torch."): dtype for dtype in arrays.ALL_DTYPES}


def save(obj: Any, f: File) -> None:
    """Write a tensor, or lists and dictionaries of tensors and plain values, to a file.

    ``f``: a path, or a file opened for writing bytes. Plain values are None, bools, numbers, texts,
    bytes, sets and ``Counter`` of them, ``Size``, dtypes and devices. A tensor that stands in
    several places is written once, and is one again when it is loaded; so are the numbers that
    several tensors of one shape hold, such as tied weights of a state_dict. Raises TypeError for
    anything else, of a module save its ``state_dict()``; RuntimeError for a folder that isn't
    there.

    >>> import gradlab as gl
    >>> import io
    >>> file = io.BytesIO()
    >>> gl.save({"epoch": 3, "weight": gl.ones(2)}, file)
    >>> gl.load(io.BytesIO(file.getvalue()))
    {'epoch': 3, 'weight': tensor([1., 1.])}
    """
    writer = _Writer()
    structure = writer.described(obj, "")
    metadata = {_STRUCTURE: json.dumps(structure), "format": "pt"}
    data = safetensors.numpy.save(writer.tensors, metadata)
    if hasattr(f, "write"):
        f.write(data)
        return
    folder = os.path.dirname(os.fspath(f))
    if folder and not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    with open(f, "wb") as file:
        file.write(data)


def load(
    f: File,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """Read what ``save`` wrote, a safetensors file, or a file of PyTorch's (zipped or older).

    ``map_location``: the device to put tensors on, instead of the one they were on; a text, a
    device, a dictionary from one to the other, or a function of a tensor and its device's name.
    ``weights_only`` and ``mmap`` are kept and change nothing: never anything but tensors and plain
    values is loaded. Raises RuntimeError for a file that is cut short or of another kind, EOFError
    for an empty one, and ``pickle.UnpicklingError`` for one that wants something else to be built,
    which it names.

    >>> import gradlab as gl
    >>> import io
    >>> file = io.BytesIO()
    >>> gl.save(gl.arange(3), file)
    >>> gl.load(io.BytesIO(file.getvalue()))
    tensor([0, 1, 2])
    """
    if hasattr(f, "read"):
        data, name = f.read(), getattr(f, "name", "the file")
    elif not isinstance(f, (str, os.PathLike)):
        raise AttributeError(
            f"'{type(f).__name__}' object has no attribute 'seek'. You can only torch.load from a "
            "file that is seekable. Please pre-load the data into a buffer like io.BytesIO and try "
            "to load from it instead."
        )
    else:
        with open(f, "rb") as file:
            data, name = file.read(), os.fspath(f)
    place = _placing(map_location)
    if data[:4] == b"PK\x03\x04":
        return _load_zip(data, str(name), place)
    if data[8:9] == b"{":
        return _load_safetensors(data, str(name), place)
    if data[:1] == b"\x80":
        return _load_old(data, str(name), place)
    if not data:
        raise EOFError(f"Ran out of input: {name} is empty")
    raise RuntimeError(
        f"{name} is neither a safetensors file nor one of PyTorch's: it begins with {data[:8]!r}"
    )


Place = Callable[[Tensor, str], Tensor]


def _placing(map_location: Any) -> Place:
    """What puts a loaded tensor, given the device it was saved from, where it belongs."""
    if map_location is None:
        return _moved
    if isinstance(map_location, dict):
        return lambda tensor, device: _moved(tensor, map_location.get(device, device))
    if callable(map_location) and not isinstance(map_location, (str, arrays.device)):
        return lambda tensor, device: _chosen(map_location(tensor, device), tensor)
    return lambda tensor, device: _moved(tensor, map_location)


def _moved(tensor: Tensor, device: Any) -> Tensor:
    """The tensor, which was read to the CPU, on a device."""
    device = arrays.device(device)
    if device.type == "cpu":
        return tensor
    if not arrays.cuda_is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    return tensor.to(device)  # type: ignore[no-any-return]


def _chosen(found: Tensor | None, tensor: Tensor) -> Tensor:
    return tensor if found is None else found


# ------------------------------------------------------------------ our own files


class _Writer:
    """Describes values in JSON, and gathers the tensors that the descriptions name."""

    def __init__(self) -> None:
        self.tensors: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def described(self, value: Any, name: str) -> Any:
        """The value as JSON: plain ones as they are, all others as {kind: …}."""
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, Tensor):
            return self._tensor(value, name or "tensor")
        if type(value) is float:  # JSON has neither inf nor nan
            return {"float": value.hex()}
        if type(value) is complex:
            return {"complex": [value.real.hex(), value.imag.hex()]}
        if isinstance(value, numpy.generic):
            return self.described(value.item(), name)
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
        if isinstance(value, Size):
            return {"Size": list(value)}
        if isinstance(value, (arrays.dtype, arrays.device)):
            return {type(value).__name__: str(value).removeprefix("torch.")}
        if type(value) in (list, tuple, set):
            items = [self.described(one, _joined(name, i)) for i, one in enumerate(value)]
            return {type(value).__name__: items}
        if isinstance(value, dict):
            kinds = (k.__name__ for k in (OrderedDict, Counter, dict) if isinstance(value, k))
            kind = next(kinds)
            return {
                kind: [
                    [self.described(key, name), self.described(one, _joined(name, key))]
                    for key, one in value.items()
                ]
            }
        what = "module: save its state_dict()" if hasattr(value, "state_dict") else "value"
        raise TypeError(
            f"save() writes tensors and plain values, and at {name or 'the top'!r} there is a "
            f"{type(value).__module__}.{type(value).__qualname__}, which is no such {what}"
        )

    def _tensor(self, tensor: Tensor, wanted: str) -> dict[str, Any]:
        memory = _memory(tensor)
        name = self._names.get(memory)
        if name is None:
            name, count = wanted, 1
            while name in self.tensors:
                count += 1
                name = f"{wanted} ({count})"
            self._names[memory] = name
            array = numpy.ascontiguousarray(tensor.detach().cpu().numpy()).reshape(tensor.shape)
            self.tensors[name] = _real(array)
        facts: dict[str, Any] = {"tensor": name, "dtype": str(tensor.dtype).removeprefix("torch.")}
        if str(tensor.device) != "cpu":
            facts["device"] = str(tensor.device)
        if isinstance(tensor, Parameter):
            facts["parameter"] = True
        if tensor.requires_grad:
            facts["requires_grad"] = True
        return facts


def _memory(tensor: Tensor) -> Any:
    """What is equal for tensors that hold the same numbers in the same memory."""
    array: Any = tensor.detach()._array  # in the order that a user sees
    return str(tensor.device), tensor.data_ptr(), array.shape, array.strides, array.dtype.str


def _joined(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _real(array: Any) -> Any:
    """A complex array as pairs, which every reader of safetensors understands."""
    if array.dtype.kind != "c":
        return array
    return array[..., None].view(array.real.dtype).copy()


def _load_safetensors(data: bytes, name: str, place: Place) -> Any:
    try:
        found = safetensors.numpy.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except Exception as error:
        raise RuntimeError(
            f"Error while deserializing header or data of {name}, a safetensors file of "
            f"{len(data)} bytes: {error}. It may have been cut short."
        ) from error
    tensors = {key: Tensor._wrap(numpy.array(array)) for key, array in found.items()}
    structure = header.get("__metadata__", {}).get(_STRUCTURE)
    if structure is None:
        return {key: place(tensor, "cpu") for key, tensor in tensors.items()}
    try:
        return _Reader(tensors, place).built(json.loads(structure))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RuntimeError(f"{name} describes its contents wrongly: {error!r}") from error


class _Reader:
    """Builds the values that ``_Writer`` described."""

    def __init__(self, tensors: dict[str, Tensor], place: Place) -> None:
        self._tensors = tensors
        self._place = place
        self._placed: dict[str, Tensor] = {}
        self._built: dict[Any, Tensor] = {}

    def built(self, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        if "tensor" in found:
            return self._tensor(found)
        ((kind, value),) = found.items()
        if kind == "float":
            return float.fromhex(value)
        if kind == "complex":
            return complex(*map(float.fromhex, value))
        if kind == "bytes":
            return bytes.fromhex(value)
        if kind == "Size":
            return Size(value)
        if kind == "dtype":
            return _BY_NAME[value]
        if kind == "device":
            return arrays.device(value)
        if kind in ("list", "tuple", "set"):
            items = [self.built(one) for one in value]
            return {"list": list, "tuple": tuple, "set": set}[kind](items)
        pairs = [(self.built(key), self.built(one)) for key, one in value]
        made: Any = {"dict": dict, "OrderedDict": OrderedDict, "Counter": _counter}[kind]
        return made(pairs)

    def _tensor(self, facts: dict[str, Any]) -> Tensor:
        name = facts["tensor"]
        if name not in self._placed:
            tensor = self._tensors[name]
            dtype = _BY_NAME[facts["dtype"]]
            if dtype.is_complex:
                tensor = Tensor._wrap(tensor._array.view(dtype.numpy)[..., 0])
            self._placed[name] = self._place(tensor, facts.get("device", "cpu"))
        wanted, parameter = facts.get("requires_grad", False), facts.get("parameter", False)
        kind = name, wanted, parameter
        if kind not in self._built:
            memory = self._placed[name].detach()
            self._built[kind] = Parameter(memory, wanted) if parameter else memory
            if wanted:
                self._built[kind].requires_grad_()
        return self._built[kind]


def _counter(pairs: Iterable[tuple[Any, int]]) -> Counter[Any]:
    return Counter(dict(pairs))


# ------------------------------------------------------------------ PyTorch's files

_STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "BFloat16Storage": "bfloat16",
}


class _Storage:
    """The numbers of one storage, in the order of memory, and where they were."""

    def __init__(self, numbers: Any, device: str) -> None:
        self.numbers = numbers
        self.device = device


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes, which older pickles write as texts of the characters 0 to 255."""
    if encoding != "latin1":
        raise ValueError(f"bytes are encoded as latin1, not as {encoding!r}")
    return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    """Runs a pickle in which only tensors and plain containers can be built."""

    def __init__(self, file: IO[bytes], name: str, storage: Any, place: Place) -> None:
        super().__init__(file, encoding="utf-8")
        self._name = name
        self._storage = storage
        self._place = place

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins"}.get(module, module)  # as the oldest pickles say
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return _STORAGES[name]
        allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("collections", "Counter"): Counter,
            ("builtins", "set"): set,
            ("builtins", "complex"): complex,
            ("builtins", "bytearray"): bytearray,
            ("_codecs", "encode"): _encoded,
            ("torch._utils", "_rebuild_tensor"): self._rebuild,
            ("torch._utils", "_rebuild_tensor_v2"): self._rebuild,
            ("torch._utils", "_rebuild_parameter"): self._rebuild_parameter,
            ("torch.nn.parameter", "Parameter"): self._rebuild_parameter,
            ("torch", "Size"): Size,
            ("torch", "device"): arrays.device,
        }
        if (module, name) in allowed:
            return allowed[module, name]
        if module == "torch" and name in _BY_NAME:
            return _BY_NAME[name]
        raise pickle.UnpicklingError(
            f"Weights only load failed. {self._name} wants {module}.{name} to be loaded, which is "
            "no tensor. A file that needs it may run any program: it is refused."
        )

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or pid[:1] != ("storage",) or len(pid) < 5:
            raise pickle.UnpicklingError(
                f"Weights only load failed. {self._name} refers to {pid!r}, which is no storage."
            )
        _, kind, key, device, count = pid[:5]
        return self._storage(kind, str(key), str(device), int(count))

    def _rebuild(
        self, storage: _Storage, offset: int, size: Any, stride: Any, *rest: Any
    ) -> Tensor:
        numbers = storage.numbers
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        empty = 0 in size
        if min([offset, *size, *stride], default=0) < 0 or (not empty and last >= numbers.size):
            raise pickle.UnpicklingError(
                f"Weights only load failed. {self._name} has a tensor of size {tuple(size)}, "
                f"stride {tuple(stride)} and offset {offset} in a storage of {numbers.size} "
                "elements."
            )
        steps = tuple(s * numbers.itemsize for s in stride)
        array = numpy.ndarray(tuple(size), numbers.dtype, numbers, offset * numbers.itemsize, steps)
        tensor = self._place(Tensor._wrap(array), storage.device)
        if rest and rest[0]:
            tensor.requires_grad_()
        return tensor

    def _rebuild_parameter(self, data: Tensor, requires_grad: bool = True, *hooks: Any) -> Tensor:
        return Parameter(data.detach(), requires_grad)


def _unpickled(file: IO[bytes], name: str, storage: Any, place: Place) -> Any:
    try:
        return _Unpickler(file, name, storage, place).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        raise pickle.UnpicklingError(
            f"Weights only load failed. {name} holds a pickle that can't be followed: {error!r}"
        ) from error


def _numbers(raw: bytes, kind: str, name: str, count: int) -> Any:
    """The bytes of a storage as an array that can be written to."""
    stored = numpy.dtype("<u2" if kind == "bfloat16" else _BY_NAME[kind].numpy)
    if len(raw) != count * stored.itemsize:
        raise RuntimeError(
            f"{name} is cut short or damaged: {count} elements of {kind} take "
            f"{count * stored.itemsize} bytes, and there are {len(raw)}"
        )
    found = numpy.frombuffer(bytearray(raw), stored)
    if kind == "bfloat16":  # the upper half of a float32
        return (found.astype(numpy.uint32) << 16).view(numpy.float32)
    return found


def _load_zip(data: bytes, name: str, place: Place) -> Any:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        (entry,) = (one for one in archive.namelist() if one.endswith("/data.pkl"))
        folder = entry.removesuffix("data.pkl")
        program = archive.read(entry)
        order = folder + "byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise RuntimeError(f"{name} was written on a machine of the other byte order")
    except (zipfile.BadZipFile, ValueError) as error:
        raise RuntimeError(
            "PytorchStreamReader failed reading zip archive: failed finding central directory. "
            f"{name}, of {len(data)} bytes, is cut short or not one of PyTorch's ({error})."
        ) from error
    known: dict[str, _Storage] = {}

    def storage(kind: str, key: str, device: str, count: int) -> _Storage:
        if key not in known:
            try:
                raw = archive.read(f"{folder}data/{key}")
            except (KeyError, zipfile.BadZipFile) as error:
                raise RuntimeError(
                    f"PytorchStreamReader failed locating file data/{key}: in {name}, {error}"
                ) from error
            known[key] = _Storage(_numbers(raw, kind, name, count), device)
        return known[key]

    try:
        return _unpickled(io.BytesIO(program), name, storage, place)
    except pickle.UnpicklingError as error:
        if isinstance(error.__cause__, RuntimeError):
            raise error.__cause__ from None
        raise


_OLD_MAGIC = 0x1950A86A20F9469CFC6C


def _load_old(data: bytes, name: str, place: Place) -> Any:
    """A file from before PyTorch 1.6: pickles one after the other, then the storages."""
    file = io.BytesIO(data)
    storages: dict[str, _Storage] = {}
    kinds: dict[str, str] = {}

    def storage(kind: str, key: str, device: str, count: int) -> _Storage:
        if key not in storages:
            if not 0 <= count * _width(kind) <= len(data):
                raise pickle.UnpicklingError(
                    f"Weights only load failed. {name}, of {len(data)} bytes, is cut short: its "
                    f"storage {key} has {count} elements of {kind}."
                )
            empty = bytes(count * _width(kind))
            storages[key] = _Storage(_numbers(empty, kind, name, count), device)
            kinds[key] = kind
        return storages[key]

    def part(place: Place = lambda tensor, device: tensor) -> Any:
        return _unpickled(file, name, storage, place)

    if part() != _OLD_MAGIC:
        raise RuntimeError(f"Invalid magic number; corrupt file? {name} is no file of PyTorch's")
    part()  # the version of the format
    part()  # the machine
    start = file.tell()
    part()  # which storages there are: their numbers come only now
    for key in map(str, part()):
        count = int.from_bytes(file.read(8), "little")
        if key in storages:
            raw = file.read(count * _width(kinds[key]))
            storages[key].numbers[...] = _numbers(raw, kinds[key], name, storages[key].numbers.size)
    file.seek(start)
    return part(place)


def _width(kind: str) -> int:
    return 2 if kind == "bfloat16" else int(_BY_NAME[kind].numpy.itemsize)
