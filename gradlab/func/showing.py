"""How tensors print inside of transformations: in each of those around them, the innermost outside.

Gradients are taken of plain tensors, so that one of them is inside of ``func.grad`` can only be
read off its history.
"""

from __future__ import annotations

from typing import Any

from gradlab import levels
from gradlab.func.pullback import Differentiation
from gradlab.graph import AccumulateGrad, Node, walk
from gradlab.op.wrapped import Wrapped
from gradlab.tensor import Tensor


def text(tensor: Any) -> str:
    """A tensor's text, as PyTorch's, which begins with the innermost transformation."""
    around: list[tuple[int, str]] = []
    while isinstance(tensor, Wrapped) and tensor._heading is not None:
        around.append((tensor._level.depth, tensor._heading))
        tensor = tensor._inner
    if isinstance(tensor, Wrapped):  # no transformation, but a dual number
        shown = repr(tensor)
    else:
        tracking = [of for of in levels.reversed_by() if _depends(tensor, of)]
        around += [(of.depth, f"GradTrackingTensor(lvl={of.depth}") for of in tracking]
        shown = tensor._text(*_history_outside(tensor, tracking))
    for _, heading in sorted(around):
        inner = "\n".join("    " + line for line in shown.split("\n"))
        shown = f"{heading}, value=\n{inner}\n)"
    return shown


def _depends(tensor: Tensor, of: Differentiation) -> bool:
    """Whether a plain tensor was computed from what is differentiated by."""
    if tensor.__dict__.get("_differentiation") is of:
        return True
    node = tensor.grad_fn
    return node is not None and any(one in of.nodes or _leaf_of(one) is of for one in walk(node))


def _leaf_of(node: Node) -> Any:
    """Whose leaf it is that a node adds gradients to."""
    if not isinstance(node, AccumulateGrad):
        return None
    return node.variable.__dict__.get("_differentiation")


def _history_outside(tensor: Tensor, tracking: list[Differentiation]) -> tuple[bool, str | None]:
    """Whether a tensor requires grad, and the name of its node, for those who look from outside."""
    node = tensor.grad_fn
    if not tracking:
        return tensor._requires_grad, None if node is None else node.name()
    while node is not None and any(node in of.nodes for of in tracking):
        node = node.next_functions[0][0]
    if node is None:
        return False, None
    if isinstance(node, AccumulateGrad):
        return _leaf_of(node) not in tracking, None
    outside = any(
        isinstance(one, AccumulateGrad) and _leaf_of(one) not in tracking for one in walk(node)
    )
    return outside, node.name() if outside else None
