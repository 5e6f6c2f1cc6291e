"""L-BFGS: steps by the curvature that recent gradients have shown.

After J. Nocedal and S. J. Wright, "Numerical Optimization", 2nd ed., algorithms 7.4 and 7.5 (the
two loops), and 3.5 and 3.6 (the line search).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from gradlab import arrays
from gradlab.grad_mode import enable_grad
from gradlab.optim.optimizer import Optimizer, check_at_least, parts
from gradlab.tensor import Tensor


class LBFGS(Optimizer):
    """Remembers how the gradient changed over its last steps, and steps as if it always does so.

    ``step(closure)`` calls ``closure``, which computes the loss and its gradients anew, up to
    ``max_eval`` times for up to ``max_iter`` steps (by default 5/4 as often), and stops sooner
    where no gradient is over ``tolerance_grad``, or neither step nor loss changes by more than
    ``tolerance_change``. ``history_size`` steps are remembered. ``line_search_fn="strong_wolfe"``
    looks for the length of each step; else it is ``lr``. All parameters are in one group: raises
    ValueError for several.

    >>> import gradlab as gl
    >>> p = gl.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((p - gl.tensor([1.0, 2.0])) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(20., grad_fn=<SumBackward0>)
    >>> p
    tensor([1.0000, 2.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_at_least(0, "learning rate", lr)
        if line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported, not {line_search_fn!r}")
        defaults = dict(
            lr=lr,
            max_iter=max_iter,
            max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            line_search_fn=line_search_fn,
        )
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take up to ``max_iter`` steps; returns the loss that ``closure`` returned first."""
        if closure is None:
            raise TypeError(
                "LBFGS.step() missing 1 required positional argument: 'closure'. It has to compute "
                "the loss several times: pass a function that does, and calls backward()."
            )
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> tuple[Any, Any]:
            with enable_grad():
                loss = closure()
            state["func_evals"] += 1
            return loss, self._flat_gradient()

        first, gradient = evaluate()
        loss = _number(first)
        before = state["func_evals"] - 1
        for i in range(group["max_iter"]):
            if abs(gradient).max() <= group["tolerance_grad"]:
                break
            state["n_iter"] += 1
            direction = self._direction(state, gradient, group["history_size"])
            length = float(group["lr"])
            if state["n_iter"] == 1:
                length *= min(1.0, 1.0 / float(abs(gradient).sum()))
            slope = float(gradient @ direction)
            last_loss = loss
            state["prev_flat_grad"] = Tensor._wrap(gradient)
            state.update(d=Tensor._wrap(direction), t=length, prev_loss=loss)
            if slope > -group["tolerance_change"]:
                break
            here = _Point(0.0, loss, gradient, slope)
            if group["line_search_fn"] is None:
                self._add(length, direction)
                if i + 1 == group["max_iter"]:
                    break  # nobody will look at the loss here
                found = _Point(length, *_with_number(evaluate()), math.nan)
            else:
                left = group["max_eval"] - (state["func_evals"] - before)
                found = self._search(here, length, direction, evaluate, left)
            loss, gradient, length = found.loss, found.gradient, found.length
            state["t"] = length
            if state["func_evals"] - before >= group["max_eval"]:
                break
            if abs(direction * length).max() <= group["tolerance_change"]:
                break
            if abs(loss - last_loss) < group["tolerance_change"]:
                break
        return first

    # ------------------------------------------------------------------ all as one vector

    def _flat_gradient(self) -> Any:
        """All gradients one after the other; zeros where there is none."""
        params = self.param_groups[0]["params"]
        xp = arrays.array_module(params[0]._array)
        return xp.concatenate(
            [
                parts(xp.zeros_like(p._array) if p._grad is None else p._grad._array).reshape(-1)
                for p in params
            ]
        )

    def _add(self, length: float, direction: Any) -> None:
        """Move all parameters along ``direction``."""
        start = 0
        for param in self.param_groups[0]["params"]:
            array = parts(param._array)
            array += length * direction[start : start + array.size].reshape(array.shape)
            param._counter[0] += 1
            start += array.size

    # ------------------------------------------------------------------ one step

    def _direction(self, state: dict[str, Any], gradient: Any, history_size: int) -> Any:
        """Where to go: the gradient, bent by what is known of the curvature."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -gradient
        change = gradient - state["prev_flat_grad"]._array
        step = state["d"]._array * state["t"]
        curvature = float(change @ step)
        if curvature > 1e-10:
            for name, value in (
                ("old_dirs", Tensor._wrap(change)),
                ("old_stps", Tensor._wrap(step)),
                ("ro", 1.0 / curvature),
            ):
                if len(state[name]) == history_size:
                    state[name].pop(0)
                state[name].append(value)
            state["H_diag"] = curvature / float(change @ change)
        known = [
            (change._array, step._array, inverse)
            for change, step, inverse in zip(
                state["old_dirs"], state["old_stps"], state["ro"], strict=True
            )
        ]
        direction = -gradient
        shares = []
        for change, step, inverse in reversed(known):
            shares.append(inverse * float(step @ direction))
            direction = direction - shares[-1] * change
        direction = direction * state["H_diag"]
        for change, step, inverse in known:
            direction = direction + (shares.pop() - inverse * float(change @ direction)) * step
        return direction

    def _search(
        self,
        here: _Point,
        length: float,
        direction: Any,
        evaluate: Callable[[], tuple[Any, Any]],
        most_looks: int,
    ) -> _Point:
        """Take a step of the length that a line search finds, which begins with ``length``."""
        params = self.param_groups[0]["params"]
        start = [param._array.copy() for param in params]

        def go_back() -> None:
            for param, array in zip(params, start, strict=True):
                param._array[...] = array
                param._counter[0] += 1

        def look(length: float) -> _Point:
            self._add(length, direction)
            loss, gradient = _with_number(evaluate())
            go_back()
            return _Point(length, loss, gradient, float(gradient @ direction))

        found = _strong_wolfe(look, here, length, float(abs(direction).max()), most_looks)
        self._add(found.length, direction)
        return found


def _with_number(found: tuple[Any, Any]) -> tuple[float, Any]:
    return _number(found[0]), found[1]


def _number(loss: Any) -> float:
    """What a closure returned, a tensor with history or a number, as a number."""
    return float(loss.detach() if isinstance(loss, Tensor) else loss)


# ------------------------------------------------------------------ the line search


class _Point(NamedTuple):
    """A place along the direction: how far, the loss there, its gradient, and its slope."""

    length: float
    loss: float
    gradient: Any
    slope: float


_ENOUGH_LOWER, _ENOUGH_FLATTER = 1e-4, 0.9
_NARROW = 1e-9


def _strong_wolfe(
    look: Callable[[float], _Point], start: _Point, length: float, size: float, most_looks: int
) -> _Point:
    """A place that is low enough for its distance, and flat enough (the strong Wolfe conditions).

    First ever farther until such a place is passed, then ever narrower between two places, the
    lower one first. ``size``: the largest element of the direction; ``most_looks``: how often it
    may look again.
    """

    def too_high(one: _Point) -> bool:
        return one.loss > start.loss + _ENOUGH_LOWER * one.length * start.slope

    def flat(one: _Point) -> bool:
        return abs(one.slope) <= -_ENOUGH_FLATTER * start.slope

    before, here = start, look(length)
    looks = 0
    while looks < most_looks:
        if too_high(here) or (looks > 1 and here.loss >= before.loss):
            break
        if flat(here):
            return here
        if here.slope >= 0:
            break
        least, most = here.length + 0.01 * (here.length - before.length), here.length * 10
        before, here = here, look(_lowest_between(before, here, least, most))
        looks += 1
    else:
        before = start
    low, high = (before, here) if before.loss <= here.loss else (here, before)
    stuck = False
    while looks < most_looks and abs(high.length - low.length) * size >= _NARROW:
        least, most = sorted((low.length, high.length))
        left, right = (low, high) if low.length == least else (high, low)
        length = _lowest_between(left, right, least, most)
        margin = 0.1 * (most - least)
        if min(most - length, length - least) < margin:
            if stuck or length >= most or length <= least:
                nearer_the_end = abs(length - most) < abs(length - least)
                length = most - margin if nearer_the_end else least + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        here = look(length)
        looks += 1
        if too_high(here) or here.loss >= low.loss:
            high = here
            low, high = (low, high) if low.loss <= high.loss else (high, low)
            continue
        if flat(here):
            return here
        if here.slope * (high.length - low.length) >= 0:
            high = low
        low = here
    return low


def _lowest_between(one: _Point, two: _Point, least: float, most: float) -> float:
    """Where the cubic through two places, of their slopes, is lowest, within bounds."""
    width = two.length - one.length
    bend = one.slope + two.slope + 3 * (one.loss - two.loss) / width
    square = bend * bend - one.slope * two.slope
    if not square >= 0:
        return (least + most) / 2
    root = math.sqrt(square)
    steepness = two.slope - one.slope + 2 * root
    if not steepness:
        return (least + most) / 2
    share = (two.slope + root - bend) / steepness
    return min(max(two.length - width * share, least), most)
