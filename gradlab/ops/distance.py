"""Distances between the rows of matrices."""

from __future__ import annotations

import math
from typing import Any

from gradlab import arrays
from gradlab.arrays import Array, Namespace
from gradlab.op import OPS, composite, op
from gradlab.ops.linalg import check_scalar_type
from gradlab.ops.matrices import column, common_batch
from gradlab.ops.reduce import norm_gradient
from gradlab.ops.shape import array_of, view
from gradlab.samples import call, draw
from gradlab.tensor import Tensor


def _differences(xp: Any, x1: Any, x2: Any) -> Any:
    """Every row of one minus every row of the other."""
    return xp.unsqueeze(x1, -2) - xp.unsqueeze(x2, -3)


def _cdist_gradient(xp: Any, g: Any, x1: Any, x2: Any, out: Any, p: float) -> Any:
    """The gradient of all differences; 0 where two rows are equal, as in PyTorch."""
    return norm_gradient(xp, column(xp, g), _differences(xp, x1, x2), column(xp, out), p, (-1,))


@op(
    latex=r"d_{i j} = \lVert x_{i} - y_{j} \rVert_p",
    grad=dict(
        x1=(
            lambda g, xp, x1, x2, out, p: xp.sum_dim(_cdist_gradient(xp, g, x1, x2, out, p), (-2,)),
            r"\textstyle\sum_j h_{i j} \, \frac{x_{i} - y_{j}}{d_{i j}} \; (p = 2)",
        ),
        x2=(
            lambda g, xp, x1, x2, out, p: (
                -xp.sum_dim(_cdist_gradient(xp, g, x1, x2, out, p), (-3,))
            ),
            r"-\textstyle\sum_i h_{i j} \, \frac{x_{i} - y_{j}}{d_{i j}} \; (p = 2)",
        ),
    ),
    node="CdistBackward0",
    public=False,
    method=False,
    samples=(
        call(draw(3, 2), draw(4, 2), 2.0),
        call(draw(3, 2), draw(2, 2), 1.0),
        call(draw(2, 3, 2), draw(2, 2), 3.0),
        call(draw(2, 2), draw(2, 2), math.inf),
        call(draw(0, 2), draw(2, 2), 2.0),
    ),
)
def cdist_forward(xp: Namespace, x1: Array, x2: Array, p: float) -> Array:
    """Norms of all differences between rows."""
    return _sizes(xp, x1[..., :, None, :] - x2[..., None, :, :], p)


def _sizes(xp: Namespace, differences: Array, p: float) -> Array:
    """The norm of each vector; 0 of one without elements, whichever norm."""
    if not differences.shape[-1]:
        return xp.zeros(differences.shape[:-1], differences.dtype)
    return OPS["vector_norm"].forward(xp, differences, p, (-1,))


@op(
    latex=r"d_{i j} = \lVert x_{i} - y_{j} \rVert_2",
    grad=dict(
        x1=(
            lambda g, xp, x1, x2, out: _euclidean_gradient(xp, g, x1, x2, out),
            r"\textstyle\sum_j h_{i j} \, \frac{x_{i} - y_{j}}{d_{i j}}",
        ),
        x2=(
            lambda g, xp, x1, x2, out: _euclidean_gradient(
                xp, xp.transpose(g, -2, -1), x2, x1, xp.transpose(out, -2, -1)
            ),
            r"-\textstyle\sum_i h_{i j} \, \frac{x_{i} - y_{j}}{d_{i j}}",
        ),
    ),
    public=False,
    method=False,
    samples=(call(draw(3, 2), draw(4, 2)), call(draw(2, 3, 2), draw(2, 4, 2))),
)
def euclidean_dist(xp: Namespace, x1: Array, x2: Array) -> Array:
    """Euclidean distances by one product of matrices: faster, and rounded more."""
    squares = [xp.add.reduce(x * x, -1) for x in (x1, x2)]
    both = squares[0][..., :, None] + squares[1][..., None, :]
    return xp.sqrt(xp.maximum(both - 2 * (x1 @ x2.swapaxes(-2, -1)), 0))


def _euclidean_gradient(xp: Any, g: Any, one: Any, two: Any, out: Any) -> Any:
    share = xp.ratio(g, out)
    return one * xp.sum_dim(share, (-1,), True) - share @ two


_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


@composite(method=False)
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = _MODES[0]) -> Tensor:
    """Distances between every row of one matrix and every row of another: (*, n, m) from (*, n, k).

    ``p`` says which norm of the difference. The Euclidean distances of more than 25 rows are
    computed with a product of matrices, which rounds more; ``compute_mode`` says otherwise. The
    gradient is 0 where rows are equal. Raises RuntimeError for negative ``p``, and where the
    numbers of columns differ.

    >>> import gradlab as gl
    >>> gl.cdist(gl.tensor([[0.0, 0.0]]), gl.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[5., 0.]])
    """
    one, two = array_of(x1, "cdist", "x1"), array_of(x2, "cdist", "x2", 2)
    _check_cdist(one, two, p)
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode: {_MODES}")
    by_product = compute_mode == _MODES[1] or (
        compute_mode == _MODES[0] and max(one.shape[-2], two.shape[-2]) > 25
    )
    if p != 2 or not by_product:
        return cdist_forward(x1, x2, float(p))  # type: ignore[no-any-return]
    found = euclidean_dist(x1, x2)
    return view(found, found._array.shape)  # type: ignore[no-any-return]


def _check_cdist(one: Array, two: Array, p: float) -> None:
    for name, array in (("X1", one), ("X2", two)):
        if array.dtype.kind != "f":
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: "
                f"{arrays.dtype_of(array).type_name}. Convert it, with .float() for example."
            )
    for name, array in (("X1", one), ("X2", two)):
        if array.ndim < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {array.ndim}D"
            )
    if one.shape[-1] != two.shape[-1]:
        raise RuntimeError(
            "X1 and X2 must have the same number of columns. "
            f"X1: {one.shape[-1]} X2: {two.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, not {p}")
    check_scalar_type(one, two)
    if one.dtype.itemsize == 2 and one.size and two.size:
        raise NotImplementedError("\"cdist\" not implemented for 'Half'. Convert with .float().")
    common_batch(one.shape[:-2], two.shape[:-2])


# ------------------------------------------------------------------ within one matrix


@op(
    latex=r"x_{i} - x_{j}, \; i < j",
    grad=dict(
        input=(
            lambda g, xp, input_shape: xp.pair_differences_backward(g, input_shape[0]),
            r"\textstyle\sum_j h_{i j} - \textstyle\sum_j h_{j i}",
        )
    ),
    public=False,
    method=False,
    samples=(call(draw(3, 2)), call(draw(1, 2))),
)
def pair_differences(xp: Namespace, input: Array) -> Array:
    """Every row minus every later one."""
    first, second = xp.triu_indices(input.shape[0], 1)
    return input[first] - input[second]


@op(
    latex=r"\textstyle\sum_j h_{i j} - \textstyle\sum_j h_{j i}",
    grad=dict(input=(lambda g, xp: xp.pair_differences(g), r"h_{i} - h_{j}")),
    public=False,
    method=False,
    samples=(call(draw(3, 2), 3),),
)
def pair_differences_backward(xp: Namespace, input: Array, rows: int) -> Array:
    """For each row the gradients of the differences it is in."""
    first, second = xp.triu_indices(rows, 1)
    result = xp.zeros((rows, input.shape[1]), input.dtype)
    xp.add.at(result, first, input)
    xp.subtract.at(result, second, input)
    return result


@op(
    latex=r"\lVert x_{i} - x_{j} \rVert_p",
    grad=dict(
        input=(
            lambda g, xp, input, out, p: xp.pair_differences_backward(
                norm_gradient(
                    xp, column(xp, g), xp.pair_differences(input), column(xp, out), p, (-1,)
                ),
                input.shape[0],
            ),
            r"\textstyle\sum_j h_{i j} \, \frac{x_{i} - x_{j}}{d_{i j}} \; (p = 2)",
        )
    ),
    node="PdistBackward0",
    public=False,
    method=False,
    samples=(call(draw(4, 2), 2.0), call(draw(3, 2), 1.0), call(draw(3, 2), 3.0)),
)
def pdist_forward(xp: Namespace, input: Array, p: float) -> Array:
    """Norms of the differences of every two rows."""
    first, second = xp.triu_indices(input.shape[0], 1)
    return _sizes(xp, input[first] - input[second], p)


@composite(method=False)
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Distances between every two rows of a matrix: (n, m) gives (n (n - 1) / 2).

    The order is that of the upper triangle of ``cdist(input, input)``. Raises RuntimeError for
    anything but a matrix, and for negative ``p``.

    >>> import gradlab as gl
    >>> gl.pdist(gl.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    array = array_of(input, "pdist")
    if array.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {array.ndim}D")
    if array.dtype not in arrays.DIFFERENTIABLE:
        raise RuntimeError("pdist only supports floating-point dtypes. Convert with .float().")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, not {p}")
    return pdist_forward(input, float(p))  # type: ignore[no-any-return]
