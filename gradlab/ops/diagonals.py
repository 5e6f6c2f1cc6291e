"""Diagonals of matrices, and the triangles above and below them."""

from __future__ import annotations

import builtins
from typing import Any

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import composite, op
from gradlab.ops.creation import finished, zeros
from gradlab.ops.join import check_tensors
from gradlab.ops.shape import array_of, reshape, slice
from gradlab.ops.storage import as_strided
from gradlab.samples import call, draw
from gradlab.tensor import Tensor, normal_dim

# ------------------------------------------------------------------ triangles


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


# ------------------------------------------------------------------ diagonals


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
    return _distinct_diagonal(input, offset, dim1, dim2)


def _distinct_diagonal(array: Array, offset: int, dim1: int, dim2: int) -> Array:
    if normal_dim(dim1, array.ndim) == normal_dim(dim2, array.ndim):
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal_of(array, offset, dim1, dim2)


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
    diagonal_of(result, offset, dim1, dim2)[...] = array
    return result


def diagonal_of(array: Array, offset: int, dim1: int, dim2: int) -> Array:
    """A diagonal as a writable view; NumPy's is a view like any other, but locked."""
    result = array.diagonal(offset, dim1, dim2)
    if arrays.is_on_cpu(array) and array.flags.writeable:
        result.flags.writeable = True
    return result


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
    node="DiagonalBackward0_copy",
    method=False,
    samples=(call(draw(3, 3)), call(draw(2, 3), 1), call(draw(2, 3, 4), -1, 2, 0)),
)
def diagonal_copy(
    xp: Namespace, input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Array:
    """As ``diagonal``, but a copy.

    >>> import gradlab as gl
    >>> gl.diagonal_copy(gl.tensor([[1, 2], [3, 4]]), 1)
    tensor([2])
    """
    return _distinct_diagonal(input, offset, dim1, dim2).copy()


@op(
    latex=r"\mathrm{diag}(input)",
    grad=dict(
        input=(
            lambda g, xp, offset, dim1, dim2: xp.diagonal(g, offset, dim1, dim2),
            r"\mathrm{diagonal}(g)",
        )
    ),
    samples=(call(draw(3)), call(draw(2, 3), -1, 0, 2), call(draw(2), 1), call(draw(2, 0))),
)
def diag_embed(
    xp: Namespace, input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1
) -> Array:
    """Matrices of zeros with the vectors of the last dimension on a diagonal.

    ``offset`` moves the diagonal up; ``dim1`` and ``dim2`` are where the matrices' dimensions end
    up. Raises RuntimeError where these are the same.

    >>> import gradlab as gl
    >>> gl.diag_embed(gl.tensor([1, 2]), offset=1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    ndim = input.ndim + 1
    one, two = normal_dim(dim1, ndim), normal_dim(dim2, ndim)
    if one == two:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    shape = list(input.shape[:-1])
    size = input.shape[-1] + builtins.abs(offset)
    for d in sorted((one, two)):
        shape.insert(d, size)
    return _on_diagonal(xp, input, tuple(shape), offset, dim1, dim2)


@composite()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, as a copy; or the matrix with a vector on its diagonal.

    >>> import gradlab as gl
    >>> gl.diag(gl.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    ndim = array_of(input, "diag").ndim
    if ndim == 1:
        return diag_embed(input, diagonal)  # type: ignore[no-any-return]
    if ndim == 2:
        return diagonal_copy(input, diagonal)  # type: ignore[no-any-return]
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")


@composite()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The square matrix with all elements, in order, on a diagonal.

    >>> import gradlab as gl
    >>> gl.diagflat(gl.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    array_of(input, "diagflat")
    return diag_embed(reshape(input, (-1,)), offset)  # type: ignore[no-any-return]


@composite(public=False)
def fill_diagonal_(input: Tensor, value: float, wrap: bool = False) -> Tensor:
    """Put a number on the diagonal of a matrix, in place.

    Of a tensor with more dimensions, which must be equally long, it fills the places whose
    indices are all the same. ``wrap``: begin again after every block of a tall matrix. Raises
    RuntimeError for a vector.

    >>> import gradlab as gl
    >>> gl.zeros(2, 3).fill_diagonal_(5.0)
    tensor([[5., 0., 0.],
            [0., 5., 0.]])
    """
    shape = input._array.shape
    if len(shape) < 2:
        raise RuntimeError(f"dimensions must larger than 1 (there are {len(shape)})")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError(f"all dimensions of input must be of equal length (got {list(shape)})")
    if len(shape) == 2:
        starts = range(0, shape[0], shape[1] + 1) if wrap else (0,)
        for start in starts:
            diagonal(slice(input, 0, start, shape[0]) if start else input).fill_(value)
    else:
        as_strided(input, shape[:1], (builtins.sum(input.stride()),), 0).fill_(value)
    return input


# ------------------------------------------------------------------ several matrices on one


@op(
    latex=r"\mathrm{diag}(tensors)",
    grad=dict(
        tensors=(
            lambda g, xp, tensors_shape: _blocks(xp, g, tensors_shape),
            r"\text{the blocks of } g",
        )
    ),
    saved=dict(tensors_sym_sizes=None),
    public=False,
    method=False,
    samples=(call([draw(2, 3), draw(2), draw()]), call([draw(1, 2)]), call([draw(2, 2), draw(0)])),
)
def block_diag(xp: Namespace, tensors: list[Array]) -> Array:
    """A matrix of zeros with matrices on its diagonal."""
    for place, array in enumerate(tensors):
        if array.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {place} has {array.ndim} dimensions"
            )
    sizes = [_as_matrix(array.shape) for array in tensors]
    height, width = (builtins.sum(n) for n in zip(*sizes, strict=True))
    result = xp.zeros((height, width), tensors[0].dtype)
    row = column = 0
    for array, (h, w) in zip(tensors, sizes, strict=True):
        result[row : row + h, column : column + w] = array
        row, column = row + h, column + w
    return result


def _as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """The sizes of a matrix; a vector is a row, a number has one element."""
    one, two = (1, 1, *shape)[-2:]
    return one, two


def _blocks(xp: Any, g: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    blocks = []
    row = column = 0
    for shape in shapes:
        h, w = _as_matrix(tuple(shape))
        block = xp.slice(xp.slice(g, 0, row, row + h), 1, column, column + w)
        blocks.append(xp.view(xp.clone(block), tuple(shape)))
        row, column = row + h, column + w
    return blocks


@composite("block_diag", method=False)
def _block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with these on its diagonal, zeros elsewhere. Vectors are rows.

    >>> import gradlab as gl
    >>> gl.block_diag(gl.tensor([[1, 2]]), gl.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    check_tensors(tensors)
    if not tensors:
        return zeros((1, 0))  # type: ignore[no-any-return]
    return block_diag(list(tensors))  # type: ignore[no-any-return]


# ------------------------------------------------------------------ where the triangles are


def _triangle(name: str, row: int, col: int, dtype: Any, device: Any, inside: Any) -> Tensor:
    for side, size in (("row", row), ("col", col)):
        if size < 0:
            raise RuntimeError(f"{side} must be non-negative, got{size}")
    wanted = arrays.int64 if dtype is None else arrays.as_dtype(dtype, name)
    if wanted not in (arrays.int64, arrays.int32):
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{wanted.type_name}': indices are int32 or int64"
        )
    xp = arrays.namespace(device)
    places = xp.nonzero(inside(xp.arange(row)[:, None], xp.arange(col)))
    return finished(xp.stack(places).astype(wanted.numpy), device, False)


@composite(method=False)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Where the lower triangle of a matrix is: a row of row numbers and one of column numbers.

    >>> import gradlab as gl
    >>> gl.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", row, col, dtype, device, lambda r, c: c - r <= offset)


@composite(method=False)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Where the upper triangle of a matrix is: a row of row numbers and one of column numbers.

    >>> import gradlab as gl
    >>> gl.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle("triu_indices", row, col, dtype, device, lambda r, c: c - r >= offset)
