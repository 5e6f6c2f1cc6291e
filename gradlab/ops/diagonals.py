"""Diagonals of matrices, and the triangles above and below them."""

from __future__ import annotations

import builtins

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.shape import array_of
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, normal_dim


@op(
    latex=r"\mathrm{tril}(input)",
    grad=dict(input=(lambda g, xp, diagonal: xp.tril(g, diagonal), r"\mathrm{tril}(g)")),
    inplace=True,
    samples=(call(draw(3, 3)), call(draw(2, 3, 4), 1), call(draw(3, 2), -1)),
)
def tril(xp: Namespace, input: Array, diagonal: int = 0) -> Array:
    """Matrices with zeros above a diagonal (0: the main one).

    >>> import gradlab as gl
    >>> gl.tril(gl.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    _check_matrix("tril", input)
    return xp.tril(input, diagonal)


@op(
    latex=r"\mathrm{triu}(input)",
    grad=dict(input=(lambda g, xp, diagonal: xp.triu(g, diagonal), r"\mathrm{triu}(g)")),
    inplace=True,
    samples=(call(draw(3, 3)), call(draw(2, 3, 4), 1), call(draw(3, 2), -1)),
)
def triu(xp: Namespace, input: Array, diagonal: int = 0) -> Array:
    """Matrices with zeros below a diagonal (0: the main one).

    >>> import gradlab as gl
    >>> gl.triu(gl.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    _check_matrix("triu", input)
    return xp.triu(input, diagonal)


def _check_matrix(name: str, array: Array) -> None:
    if array.ndim < 2:
        raise RuntimeError(
            f"{name}: input tensor must have at least 2 dimensions (this one has {array.ndim})"
        )


@op(
    latex=r"\mathrm{diagonal}(input)",
    grad=dict(
        input=(
            lambda g, xp, input_shape, offset, dim1, dim2: xp.diagonal_backward(
                g, input_shape, offset, dim1, dim2
            ),
            r"\mathrm{diag}(g)",
        )
    ),
    view=True,
    samples=(call(draw(3, 3)), call(draw(2, 3, 4), 1, 0, -1), call(draw(3, 2), -1)),
)
def diagonal(xp: Namespace, input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """A view of the diagonal of two dimensions, as the last dimension.

    >>> import gradlab as gl
    >>> gl.tensor([[1, 2], [3, 4]]).diagonal()
    tensor([1, 4])
    """
    if normal_dim(dim1, input.ndim) == normal_dim(dim2, input.ndim):
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return _diagonal(input, offset, dim1, dim2)


@op(
    latex=r"\mathrm{diag}(input)",
    grad=dict(
        input=(
            lambda g, xp, offset, dim1, dim2: xp.diagonal(g, offset, dim1, dim2),
            r"\mathrm{diagonal}(g)",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(3), (3, 3), 0, 0, 1), call(draw(2, 3), (4, 2, 3), -1, 0, -1)),
)
def diagonal_backward(
    xp: Namespace, input: Array, shape: tuple[int, ...], offset: int, dim1: int, dim2: int
) -> Array:
    """Zeros of ``shape`` with ``input`` on a diagonal."""
    return _on_diagonal(xp, input, shape, offset, dim1, dim2)


def _on_diagonal(
    xp: Namespace, array: Array, shape: tuple[int, ...], offset: int, dim1: int, dim2: int
) -> Array:
    result = xp.zeros(shape, array.dtype)
    _diagonal(result, offset, dim1, dim2)[...] = array
    return result


def _diagonal(array: Array, offset: int, dim1: int, dim2: int) -> Array:
    """A diagonal as a writable view; NumPy's is a view like any other, but locked."""
    result = array.diagonal(offset, dim1, dim2)
    if arrays.is_on_cpu(array) and array.flags.writeable:
        result.flags.writeable = True
    return result


@op(
    latex=r"\mathrm{diagonal}(input)",
    grad=dict(
        input=(
            lambda g, xp, input_shape, offset: xp.diagonal_backward(g, input_shape, offset, 0, 1),
            r"\mathrm{diag}(g)",
        )
    ),
    node="DiagonalBackward0_copy",
    public=False,
    method=False,
    samples=(call(draw(3, 3)), call(draw(2, 3), 1)),
)
def diagonal_copy(xp: Namespace, input: Array, offset: int = 0) -> Array:
    """A copy of the diagonal of a matrix."""
    return input.diagonal(offset).copy()


@op(
    latex=r"\mathrm{diag}(input)",
    grad=dict(
        input=(
            lambda g, xp, offset, dim1, dim2: xp.diagonal(g, offset, dim1, dim2),
            r"\mathrm{diagonal}(g)",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(3), (3, 3), 0, 0, 1),),
)
def diag_embed(
    xp: Namespace, input: Array, shape: tuple[int, ...], offset: int, dim1: int, dim2: int
) -> Array:
    """A matrix of zeros with a vector on a diagonal."""
    return _on_diagonal(xp, input, shape, offset, dim1, dim2)


@composite()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, as a copy; or the matrix with a vector on its diagonal.

    >>> import gradlab as gl
    >>> gl.diag(gl.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    shape = array_of(input, "diag").shape
    if len(shape) == 1:
        size = shape[0] + builtins.abs(diagonal)
        return diag_embed(input, (size, size), diagonal, 0, 1)  # type: ignore[no-any-return]
    if len(shape) == 2:
        return diagonal_copy(input, diagonal)  # type: ignore[no-any-return]
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(shape)}D")
