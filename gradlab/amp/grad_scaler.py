"""GradScaler: a loss is multiplied before its backward pass, and gradients divided before a step.

Half precision has no number below 6e-8 but 0. Gradients of a loss that was multiplied by a large
scale are larger by as much, and are divided again in the parameters' own precision. Where the
scale was too large, gradients are inf or NaN: that step is left out and the scale made smaller;
after many good steps it is tried larger.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from gradlab import arrays
from gradlab.arrays import cuda_is_available
from gradlab.ops.creation import full
from gradlab.tensor import Tensor


class OptState(Enum):
    """How far an optimizer has come since the last ``update()``.

    >>> [state.name for state in OptState]
    ['READY', 'UNSCALED', 'STEPPED']
    """

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class _Progress:
    """What the scaler knows of an optimizer since the last ``update()``."""

    def __init__(self) -> None:
        self.stage = OptState.READY
        self.checked = False
        self.found_inf = False


class GradScaler:
    """Keeps small gradients from vanishing in half precision.

    ``init_scale``: what losses are multiplied by at first; ``backoff_factor``: what the scale is
    multiplied by after a step whose gradients were not finite, ``growth_factor``: after
    ``growth_interval`` good ones. With ``enabled=False`` everything is left as it is, and a loop
    written for a scaler runs as if there was none; so it is, with a warning, on a "cuda" that is
    not available. Raises AssertionError for factors that go the wrong way.

    >>> import gradlab as gl
    >>> w = gl.ones(1, requires_grad=True)
    >>> optimizer = gl.optim.SGD([w], lr=0.5)
    >>> scaler = GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale((2 * w).sum())
    tensor(16., grad_fn=<MulBackward0>)
    >>> scaler.scale((2 * w).sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([0.], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if enabled and device == "cuda" and not cuda_is_available():
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                stacklevel=2,
            )
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1:
            raise AssertionError(f"The growth factor must be > 1.0. It is {growth_factor}.")
        if backoff_factor >= 1:
            raise AssertionError(f"The backoff factor must be < 1.0. It is {backoff_factor}.")
        self._init_scale = init_scale
        self._scale: Any = None  # a tensor from the first loss on, on its device
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        self._progress: dict[int, _Progress] = {}

    # ------------------------------------------------------------------ an iteration

    def scale(self, outputs: Any) -> Any:
        """A loss, or a list or tuple of them, multiplied by the scale.

        Raises ValueError for anything but tensors.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            device = outputs.device
            if self._scale is None:
                self._scale = full((), self._init_scale, dtype=arrays.float32, device=device)
            return outputs * self._scale.to(device)
        if isinstance(outputs, Iterable):
            kind: Callable[..., Any] = type(outputs) if isinstance(outputs, (list, tuple)) else list
            return kind(map(self.scale, outputs))
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, to clip them for example.

        ``step`` does it where this was not called. Raises RuntimeError for a second time in one
        iteration, ValueError for float16 gradients: parameters stay in full precision.
        """
        if not self._enabled:
            return
        self._check_scaled("unscale_")
        progress = self._progress.setdefault(id(optimizer), _Progress())
        if progress.stage is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if progress.stage is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        for group in optimizer.param_groups:
            for param in group["params"]:
                gradient = param.grad
                if gradient is None:
                    continue
                if gradient.dtype is arrays.float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                array = gradient._array
                progress.checked = True
                if not arrays.array_module(array).isfinite(array).all():
                    progress.found_inf = True
                array *= array.dtype.type(1 / self.get_scale())
                gradient._counter[0] += 1
        progress.stage = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Take a step of the optimizer, unless a gradient is inf or NaN; return what it returns.

        Raises RuntimeError for a closure, and for a second step in one iteration; AssertionError
        where no loss was scaled or no parameter has a gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scaled("step")
        progress = self._progress.setdefault(id(optimizer), _Progress())
        if progress.stage is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if progress.stage is OptState.READY:
            self.unscale_(optimizer)
        if not progress.checked:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = None if progress.found_inf else optimizer.step(*args, **kwargs)
        progress.stage = OptState.STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """End an iteration: make the scale smaller or larger, or set it to ``new_scale``.

        Raises AssertionError where no loss was scaled, or no gradient looked at.
        """
        if not self._enabled:
            return
        self._check_scaled("update")
        if new_scale is not None:
            self._scale.fill_(float(new_scale))
        else:
            checked = [one for one in self._progress.values() if one.checked]
            if not checked:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._adapt(any(one.found_inf for one in checked))
        self._progress = {}

    def _adapt(self, found_inf: bool) -> None:
        if found_inf:
            self._scale.mul_(self._backoff_factor)
            self._growth_tracker = 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            larger = self._scale * self._growth_factor
            if math.isfinite(larger.item()):
                self._scale = larger
            self._growth_tracker = 0

    def _check_scaled(self, name: str) -> None:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )

    # ------------------------------------------------------------------ looking and setting

    def is_enabled(self) -> bool:
        """Whether losses are scaled."""
        return self._enabled

    def get_scale(self) -> float:
        """What losses are multiplied by: 1 if the scaler is not enabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by after many good steps."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Multiply the scale by this after many good steps."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after gradients that were not finite."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Multiply the scale by this after gradients that were not finite."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many good steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Let the scale grow after this many good steps."""
        self._growth_interval = new_interval

    def state_dict(self) -> dict[str, Any]:
        """The scale, and what changes it: empty if the scaler is not enabled.

        >>> GradScaler("cpu").state_dict()["scale"]
        65536.0
        """
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned; RuntimeError for an empty one."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
