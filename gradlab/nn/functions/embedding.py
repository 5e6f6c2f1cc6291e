"""Embeddings, and bags of them, as functions."""

from __future__ import annotations

from typing import Any

from gradlab import arrays
from gradlab.nn.parameter import typename
from gradlab.op import FUNCTIONS, OPS
from gradlab.ops import embedding as table
from gradlab.ops.embedding_bag import MODES
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


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """For each bag of rows of ``weight`` their ``mode``: "sum", "mean" or "max", (bags, columns).

    ``input`` names rows: (bags, size), or one vector for all bags, and ``offsets`` says where in it
    each begins (with ``include_last_offset`` also where the last ends). ``per_sample_weights``, of
    the input's shape, are factors for the rows of a sum. The row ``padding_idx`` is left out of the
    bags; an empty one gives zeros. Other options as for ``embedding``. Raises ValueError for
    shapes, offsets and modes that don't fit, NotImplementedError for weights without "sum",
    RuntimeError for a number without a row.

    >>> import gradlab as gl
    >>> table = gl.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> embedding_bag(gl.tensor([0, 1, 2]), table, gl.tensor([0, 2]))
    tensor([[2., 3.],
            [5., 6.]])
    """
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then "
            f"it must have the same shape as the input ({input.shape})"
        )
    offsets = _offsets(input, offsets)
    _check_mode(mode, scale_grad_by_freq, sparse, per_sample_weights, weight)
    indices = input.reshape(-1)
    if per_sample_weights is not None and input.dim() == 2:
        per_sample_weights = per_sample_weights.reshape(-1)
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    padding = -1 if padding_idx is None else _row(padding_idx, len(weight))
    output, *_ = OPS["embedding_bag"].function(
        weight, indices, offsets, scale_grad_by_freq, MODES.index(mode), sparse,
        per_sample_weights, include_last_offset, padding,
    )  # fmt: skip
    return output  # type: ignore[no-any-return]


def _offsets(input: Any, offsets: Any) -> Any:
    """Where bags begin in the input, laid out as one vector."""
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                "of fixed length sequences. However, found offsets of type "
                f"<class 'torch.{type(offsets).__name__}'>"
            )
        bags, size = input.shape
        return size * FUNCTIONS["arange"](bags, device=input.device)
    if input.dim() != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if offsets is None:
        raise ValueError(
            "offsets has to be a 1D Tensor but got None: it says where in the input bags begin"
        )
    if offsets.dim() != 1:
        raise ValueError(f"offsets has to be a 1D Tensor (it has {offsets.dim()} dimensions)")
    return offsets


def _check_mode(
    mode: str, scale_grad_by_freq: bool, sparse: bool, per_sample_weights: Any, weight: Any
) -> None:
    """Raise the error for a mode that doesn't exist, or has not the options that are asked for."""
    if mode not in MODES:
        raise ValueError(f"mode has to be one of sum, mean or max (not {mode!r})")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is None:
        return
    if mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}')."
        )
    if per_sample_weights.dtype is not weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument "
            f"#1 'per_sample_weights'; but type {typename(weight)} does not equal "
            f"{typename(per_sample_weights)} (while checking arguments for embedding_bag)"
        )


def _row(padding_idx: int, rows: int) -> int:
    """The padding's row counted from 0."""
    if not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, -{rows} through {rows - 1}, but "
            f"got {padding_idx}"
        )
    return padding_idx % rows


def _renormalize(weight: Any, input: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are named and too long down to ``max_norm``, unrecorded."""
    array = weight._array
    xp = arrays.array_module(array)
    if input._array.dtype.kind not in "iu":
        raise RuntimeError(
            "Expected tensor for argument #2 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {typename(input)} instead (while checking arguments for "
            "embedding_renorm_)"
        )
    named = xp.unique(input._array)
    outside = named[(named < 0) | (named >= len(array))]
    if outside.size:
        raise IndexError(
            f"select(): index {outside[0]} out of range for tensor of size {list(array.shape)} at "
            "dimension 0"
        )
    rows = array[named]
    norms = (xp.absolute(rows) ** norm_type).sum(1) ** (1 / norm_type)
    too_long = norms > max_norm
    if too_long.any():
        factors = (max_norm / (norms[too_long] + 1e-7)).astype(array.dtype)
        array[named[too_long]] = rows[too_long] * factors[:, None]
        weight._counter[0] += 1
