"""Embedding: rows of a table by their numbers."""

from __future__ import annotations

from typing import Any

from gradlab.arrays import Array, Namespace, dtype_of, int32, int64
from gradlab.op import op
from gradlab.ops.index import added_along
from gradlab.samples import call, draw, indices


@op(
    latex=r"{weight}_{indices}",
    grad=dict(
        weight=(
            lambda g, xp, indices, weight_shape, padding_idx, scale_grad_by_freq, sparse: (
                xp.embedding_dense_backward(
                    g, indices, weight_shape[0], padding_idx, scale_grad_by_freq
                )
            ),
            r"\textstyle\sum g \text{ at } indices",
        )
    ),
    saved=dict(weight_sym_argsize_0=lambda weight_shape: weight_shape[0], weight_sym_sizes=None),
    method=False,
    samples=(  # a padding's gradient is none of the derivative's
        call(draw(4, 3), indices(5, below=4)),
        call(draw(4, 2), indices(2, 3, below=4)),
        call(draw(3, 2), indices(below=3)),
    ),
)
def embedding(
    xp: Namespace,
    weight: Array,
    indices: Array,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Array:
    """The rows of ``weight`` that ``indices`` names; ``nn.functional.embedding`` says more.

    >>> import gradlab as gl
    >>> gl.embedding(gl.tensor([[1.0, 2.0], [3.0, 4.0]]), gl.tensor([1, 0, 1]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D (its shape is {list(weight.shape)})")
    check_indices(indices, "embedding")
    if sparse:
        raise NotImplementedError(
            "gradlab has no sparse gradients: leave out sparse=True, the gradient is then a dense "
            "tensor with zeros in the other rows"
        )
    if indices.size and not 0 <= indices.min() <= indices.max() < len(weight):
        outside = indices[(indices < 0) | (indices >= len(weight))]
        raise IndexError(
            f"index out of range in self: there are {len(weight)} rows, and one index is "
            f"{int(outside.reshape(-1)[0])}"
        )
    return weight.take(indices, axis=0)


def check_indices(indices: Array, where: str) -> None:
    """Raise RuntimeError for row numbers that are not of dtype int64 or int32."""
    if indices.dtype not in (int64.numpy, int32.numpy):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{dtype_of(indices).type_name}Tensor instead (while checking "
            f"arguments for {where})"
        )


@op(
    latex=r"\textstyle\sum gradient \text{ at } indices",
    grad=dict(
        gradient=(
            lambda g, xp, indices, padding_idx, scale_grad_by_freq: xp.embedding_taken(
                g, indices, padding_idx, scale_grad_by_freq
            ),
            r"{g}_{indices}",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(5, 3), indices(5, below=4), 4, -1, False),
        call(draw(2, 3, 2), indices(2, 3, below=4), 5, 1, True),
    ),
)
def embedding_dense_backward(
    xp: Namespace,
    gradient: Array,
    indices: Array,
    num_weights: int,
    padding_idx: int,
    scale_grad_by_freq: bool,
) -> Array:
    """The gradient of the table: each row's gradients added up, none for the padding's row."""
    rows = indices.reshape(-1)
    width = gradient.shape[-1]
    g = gradient.reshape(rows.size, width)
    factors = _factors(xp, rows, num_weights, padding_idx, scale_grad_by_freq)
    if factors is not None:
        g = g * factors.astype(g.dtype)[:, None]
    return added_along(xp, g, (num_weights, width), 0, rows)


@op(
    latex=r"{weight}_{indices}",
    grad=dict(
        weight=(
            lambda g, xp, indices, weight_shape, padding_idx, scale_grad_by_freq: (
                xp.embedding_dense_backward(
                    g, indices, weight_shape[0], padding_idx, scale_grad_by_freq
                )
            ),
            r"\textstyle\sum g \text{ at } indices",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(4, 2), indices(2, 3, below=4), 1, True),),
)
def embedding_taken(
    xp: Namespace, weight: Array, indices: Array, padding_idx: int, scale_grad_by_freq: bool
) -> Array:
    """Rows by their numbers, as the gradient of the gradient is: none for the padding's row."""
    taken = weight.take(indices, axis=0)
    rows = indices.reshape(-1)
    factors = _factors(xp, rows, len(weight), padding_idx, scale_grad_by_freq)
    if factors is None:
        return taken
    return taken * factors.astype(taken.dtype).reshape((*indices.shape, 1))


def _factors(
    xp: Namespace, rows: Array, count: int, padding_idx: int, scale_grad_by_freq: bool
) -> Any:
    """By what each row's gradient is multiplied: 0 for the padding, else 1 or how seldom it is."""
    if padding_idx < 0 and not scale_grad_by_freq:
        return None
    factors = (rows != padding_idx).astype(float)
    if scale_grad_by_freq and rows.size:
        factors /= xp.bincount(rows, minlength=count)[rows]
    return factors
