"""Collating: a list of samples becomes one sample of batches."""

from __future__ import annotations

import collections.abc
from typing import Any

import numpy

from gradlab import arrays
from gradlab.ops.creation import as_tensor, tensor
from gradlab.ops.join import stack
from gradlab.tensor import Tensor


def default_convert(data: Any) -> Any:
    """NumPy's arrays in a sample as tensors, all the rest as it is.

    >>> import numpy
    >>> default_convert({"x": numpy.zeros(2), "name": "a"})
    {'x': tensor([0., 0.], dtype=torch.float64), 'name': 'a'}
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (numpy.ndarray, numpy.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        return type(data)({key: default_convert(value) for key, value in data.items()})  # type: ignore[call-arg]
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, (list, tuple)):
        return [default_convert(value) for value in data]
    return data


_NOT_COLLATED = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}. "
    "Pass the loader a collate_fn of your own for such samples."
)


def default_collate(batch: list[Any]) -> Any:
    """Samples of one kind as one batch: tensors are stacked, numbers become a tensor.

    Dictionaries, tuples and lists are gone into; texts stay a list. Raises TypeError for samples of
    another kind, RuntimeError for lists of different lengths or tensors of different shapes.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(batch, 0)
    if isinstance(first, numpy.ndarray) and first.dtype.kind in "SUO":
        raise TypeError(_NOT_COLLATED.format(first.dtype))
    if isinstance(first, (numpy.ndarray, numpy.generic)) and first.dtype.kind not in "SUO":
        return stack([as_tensor(one) for one in batch], 0)
    if isinstance(first, float):
        return tensor(batch, dtype=arrays.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, collections.abc.Mapping):
        return type(first)({key: default_collate([one[key] for one in batch]) for key in first})  # type: ignore[call-arg]
    if isinstance(first, (list, tuple)):
        return _collate_columns(first, batch)
    raise TypeError(_NOT_COLLATED.format(type(first)))


def _collate_columns(first: Any, batch: list[Any]) -> Any:
    if any(len(one) != len(first) for one in batch):
        raise RuntimeError(
            "each element in list of batch should be of equal size, but the sizes are "
            f"{[len(one) for one in batch]}"
        )
    columns = list(zip(*batch, strict=True))
    if hasattr(first, "_fields"):
        return type(first)(*(default_collate(list(column)) for column in columns))
    return [
        column if isinstance(column[0], (str, bytes)) else default_collate(list(column))
        for column in columns
    ]
