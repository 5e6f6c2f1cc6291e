"""The other forms of views: as copies (``transpose_copy``), and in place (``transpose_``).

Either does what the view does, so it asks the view's function: which primitive it ends with, and
with which options, is what the view remembers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.inplace import View, check_history, show_differently
from gradlab.levels import level_of
from gradlab.op import FUNCTIONS, OPS, composite, op
from gradlab.ops.shape import at, place_narrow, squeeze_own
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ primitives


def _declare(view: str, name: str, node: str, copy: bool) -> Callable[..., Any]:
    """Declare an operation from a view's block: the same in all but that its result is no view."""
    declared = OPS[view]

    @functools.wraps(declared.forward)
    def forward(xp: Namespace, input: Array, *options: Any) -> Any:
        if copy and view == "view":
            input = xp.asarray(input, order="C")  # the copy need not lie as a view could
        result = declared.forward(xp, input, *options)
        if not copy:
            return result
        return result.copy() if declared.outputs == 1 else tuple(part.copy() for part in result)

    forward.__name__ = name
    function: Callable[..., Any] = op(
        latex=declared.latex,
        grad={of: (rule.formula, rule.latex) for of, rule in declared.gradients.items()},
        samples=declared.samples,
        saved=declared.saved_as,
        outputs=declared.outputs,
        node=node,
        public=False,
        method=False,
    )(forward)
    return function


def _shown(function: Callable[..., Any], input: Tensor, args: Any, kwargs: Any) -> Any:
    """The view that a function makes; of a tensor without history."""
    return function(input.detach(), *args, **kwargs)


# ------------------------------------------------------------------ copies

_COPIES = {
    view: _declare(view, f"{view}_copy", f"{OPS[view].node.__name__}_copy", copy=True)
    for view in (
        *("alias", "as_strided", "expand", "permute", "select", "slice", "split"),
        *("split_with_sizes", "squeeze_all", "squeeze_dim", "squeeze_dims", "t", "transpose"),
        *("unbind", "unfold", "unsqueeze", "view"),
    )
}


def _publish_copy(name: str, function: Callable[..., Any]) -> None:
    def copied(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        source = input.contiguous() if name == "view" else input
        shown = _shown(function, source, args, kwargs)
        several = isinstance(shown, tuple)
        if several and not shown:
            return ()
        view = (shown[0] if several else shown)._view
        if view is None:  # inference mode, in which nothing is remembered
            return tuple(part.clone() for part in shown) if several else shown.clone()
        return _COPIES[view.op.name](input, *view.options)

    copied.__doc__ = f"As ``{name}``, but a copy, in memory of its own."
    composite(f"{name}_copy", method=False)(copied)


def _all_of(input: Tensor) -> Any:
    return OPS["alias"].function(input)


def _range_of(
    input: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Any:
    if step <= 0:
        raise RuntimeError(f"slice step must be positive (it is {step})")
    bounds = slice(start, end, step).indices(input.size(dim))
    return OPS["slice"].function(input, dim, *bounds)


for _name in (
    *("as_strided", "permute", "select", "split", "split_with_sizes", "squeeze", "t"),
    *("transpose", "unbind", "unsqueeze"),
):
    _publish_copy(_name, FUNCTIONS[_name])
for _name in ("expand", "unfold", "view"):
    _publish_copy(_name, getattr(Tensor, _name))
_publish_copy("alias", _all_of)
_publish_copy("slice", _range_of)


# ------------------------------------------------------------------ parts that don't count as views

_UNSAFE = {
    "split": _declare("split", "unsafe_split", "UnsafeSplitBackward0", copy=False),
    "split_with_sizes": _declare(
        "split_with_sizes", "unsafe_split_with_sizes", "UnsafeSplitWithSizesBackward0", copy=False
    ),
}


def _publish_unsafe(name: str) -> None:
    function = FUNCTIONS[name]

    def parted(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        shown = _shown(function, input, args, kwargs)
        if level_of(input) is not None:
            return shown  # a transformation knows no memory, and takes the views
        view = shown[0]._view
        if view is None:  # inference mode
            return tuple(part.detach() for part in shown)
        return _UNSAFE[view.op.name](input, *view.options)

    parted.__doc__ = (
        f"As ``{name}``, for parts that nobody changes in place: they don't count as views."
    )
    composite(f"unsafe_{name}")(parted)


for _name in ("chunk", "split", "split_with_sizes"):
    _publish_unsafe(_name)


# ------------------------------------------------------------------ copies that are no views' own


@composite(method=False)
def detach_copy(input: Tensor) -> Tensor:
    """As ``detach``, but a copy, in memory of its own.

    >>> import gradlab as gl
    >>> gl.detach_copy(gl.ones(2, requires_grad=True))
    tensor([1., 1.])
    """
    return input.detach().clone()  # type: ignore[no-any-return]


@op(
    latex=r"{input}_{start:start+length}",
    grad=dict(
        input=(
            lambda g, xp, input_shape, dim, start, length: _widened(
                xp, g, tuple(input_shape), dim, start, length
            ),
            r"g \text{ there},\ 0 \text{ elsewhere}",
        )
    ),
    method=True,
    samples=(call(draw(4, 3), 0, 1, 2), call(draw(2, 5), -1, -3, 2)),
)
def narrow_copy(xp: Namespace, input: Array, dim: int, start: int, length: int) -> Array:
    """As ``narrow``, but a copy, in memory of its own.

    >>> import gradlab as gl
    >>> gl.narrow_copy(gl.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    dim, first = place_narrow(input, dim, start, length)
    return input[at(dim, slice(first, first + length))].copy()


def _widened(xp: Any, g: Any, shape: tuple[int, ...], dim: int, start: int, length: int) -> Any:
    first = start % shape[dim] if shape[dim] else 0
    return xp.slice_backward(g, shape, dim, first, first + length, 1)


# ------------------------------------------------------------------ in place

_OWN = {
    "as_strided": _declare("as_strided", "as_strided_own", "AsStridedBackward1", copy=False),
    "squeeze_all": _declare("squeeze_all", "squeeze_all_own", "SqueezeBackward3", copy=False),
    "squeeze_dim": squeeze_own,
    "squeeze_dims": _declare("squeeze_dims", "squeeze_dims_own", "SqueezeBackward5", copy=False),
    "t": _declare("t", "t_own", "TBackward1", copy=False),
    "transpose": _declare("transpose", "transpose_own", "TransposeBackward1", copy=False),
    "unsqueeze": _declare("unsqueeze", "unsqueeze_own", "UnsqueezeBackward1", copy=False),
}


def _publish_inplace_form(name: str) -> None:
    function = getattr(Tensor, name)

    def reshape(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        try:
            step = _shown(function, input, args, kwargs)._view
        except (IndexError, RuntimeError) as error:
            check_history(input)  # what is wrong with the tensor comes first
            raise type(error)(str(error).replace("t() expects", "t_() expects")) from None
        if step is None:  # inference mode
            return show_differently(input, function(input, *args, **kwargs), None)
        own = None if input._view is None else View(input, step.op, step.options)
        return show_differently(input, _OWN[step.op.name](input, *step.options), own)

    reshape.__doc__ = f"In-place form of ``{name}``: no number moves, the tensor is seen otherwise."
    composite(f"{name}_", public=name == "as_strided")(reshape)


for _name in ("as_strided", "squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze"):
    _publish_inplace_form(_name)
