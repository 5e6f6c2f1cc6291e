"""Embedding, as a function."""

from __future__ import annotations

from typing import Any

from gradlab import arrays
from gradlab.ops import embedding as table
from gradlab.tensor import Tensor


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight``, (num_embeddings, embedding_dim), that ``input`` names.

    The result has the shape of ``input`` with one dimension more. The row ``padding_idx`` gets no
    gradient. With ``max_norm``, rows with a larger ``norm_type``-norm are first scaled down to it,
    in place. ``scale_grad_by_freq`` divides a row's gradient by how often it was named. ``sparse``
    gradients don't exist here. Raises IndexError for a number without a row.

    >>> import gradlab as gl
    >>> embedding(gl.tensor([1, 0]), gl.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    if not isinstance(input, Tensor):
        raise TypeError(
            "embedding(): argument 'indices' (position 2) must be Tensor, not "
            f"{type(input).__name__}"
        )
    rows = weight._array.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError(
                f"Padding_idx must be within num_embeddings ({rows}), but it is {padding_idx}"
            )
        padding_idx %= rows
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    padding = -1 if padding_idx is None else padding_idx
    return table.embedding(weight, input, padding, scale_grad_by_freq, sparse)  # type: ignore[no-any-return]


def _renormalize(weight: Any, input: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are named and too long down to ``max_norm``, unrecorded."""
    array = weight._array
    xp = arrays.array_module(array)
    named = xp.unique(input._array)
    rows = array[named]
    norms = (xp.absolute(rows) ** norm_type).sum(1) ** (1 / norm_type)
    too_long = norms > max_norm
    if too_long.any():
        factors = (max_norm / (norms[too_long] + 1e-7)).astype(array.dtype)
        array[named[too_long]] = rows[too_long] * factors[:, None]
        weight._counter[0] += 1
