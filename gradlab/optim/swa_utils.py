"""Averages of a model's weights over its training: SWA, where all count alike, and EMA.

P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.

>>> import gradlab as gl
>>> model = gl.nn.Linear(1, 1)
>>> averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
>>> for weight in (1.0, 2.0):
...     _ = gl.nn.init.constant_(model.weight, weight)
...     averaged.update_parameters(model)
>>> averaged.module.weight
Parameter containing:
tensor([[1.1000]], requires_grad=True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from gradlab.grad_mode import no_grad
from gradlab.nn.module import Module
from gradlab.nn.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from gradlab.op import FUNCTIONS
from gradlab.optim.lr_scheduler import LRScheduler, for_each_group
from gradlab.optim.optimizer import Optimizer
from gradlab.tensor import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

# ------------------------------------------------------------------ how averages are taken

Average = Callable[[Any, Any, Any], Any]
"""Of an averaged parameter, the present one and how many went into the average: the next one."""

MultiAverage = Callable[[Sequence[Any], Sequence[Any], Any], None]
"""The same in place for lists of parameters."""


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """A function that takes ``decay`` of the average, and the rest of the present parameter.

    Raises ValueError for a ``decay`` outside [0, 1].

    >>> get_ema_avg_fn(0.75)(4.0, 8.0, 1)
    5.0
    """
    _check_decay(decay)

    @no_grad
    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update  # type: ignore[no-any-return]


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """As ``get_ema_avg_fn``, in place for lists of parameters."""
    _check_decay(decay)

    @no_grad
    def ema_update(ema_params: Sequence[Any], current_params: Sequence[Any], _: Any) -> None:
        for ema, current in zip(ema_params, current_params, strict=True):
            if ema.is_floating_point() or ema.is_complex():
                ema.lerp_(current, 1 - decay)
            else:
                ema.copy_(ema * decay + current * (1 - decay))

    return ema_update  # type: ignore[no-any-return]


def get_swa_avg_fn() -> Average:
    """A function that takes the mean of all parameters so far.

    >>> get_swa_avg_fn()(4.0, 8.0, 3)
    5.0
    """

    @no_grad
    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update  # type: ignore[no-any-return]


def get_swa_multi_avg_fn() -> MultiAverage:
    """As ``get_swa_avg_fn``, in place for lists of parameters."""

    @no_grad
    def swa_update(
        averaged_params: Sequence[Any], current_params: Sequence[Any], num_averaged: Any
    ) -> None:
        for averaged, current in zip(averaged_params, current_params, strict=True):
            share = 1 / (int(num_averaged) + 1)
            if averaged.is_floating_point() or averaged.is_complex():
                averaged.lerp_(current, share)
            else:
                averaged.copy_(averaged + (current - averaged) * share)

    return swa_update  # type: ignore[no-any-return]


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


# ------------------------------------------------------------------ the averaged model


class AveragedModel(Module):
    """A copy of a model, whose parameters are averages of the model's as it is being trained.

    ``avg_fn`` or ``multi_avg_fn`` say how, by default ``get_swa_avg_fn()``. ``use_buffers``:
    buffers are averaged, too, not only copied. ``device``: where the copy is to be. The model is in
    ``module``, and how often it was updated in ``n_averaged``.

    >>> import gradlab as gl
    >>> averaged = AveragedModel(gl.nn.Linear(2, 1))
    >>> list(averaged.state_dict())
    ['n_averaged', 'module.weight', 'module.bias']
    """

    n_averaged: Tensor
    module: Module

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", FUNCTIONS["tensor"](0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Let the model's present parameters go into the averages; the first time, copy them."""
        own, present = self._averaged(self.module), self._averaged(model)
        pairs = [
            (one.detach(), other.detach().to(one.device))
            for one, other in zip(own, present, strict=True)
        ]
        if int(self.n_averaged) == 0:
            _copy(pairs)
        else:
            self._average(pairs)
        if not self.use_buffers:
            _copy(zip(self.module.buffers(), model.buffers(), strict=True))
        self.n_averaged += 1

    def _averaged(self, model: Module) -> Iterable[Any]:
        if self.use_buffers:
            return chain(model.parameters(), model.buffers())
        return model.parameters()

    def _average(self, pairs: list[tuple[Any, Any]]) -> None:
        if self.multi_avg_fn is None:
            avg_fn = self.avg_fn or get_swa_avg_fn()
            for own, present in pairs:
                own.copy_(avg_fn(own, present, self.n_averaged.to(own.device)))
            return
        kinds: dict[Any, list[tuple[Any, Any]]] = {}
        for own, present in pairs:
            kinds.setdefault((own.device, own.dtype), []).append((own, present))
        for (device, _), alike in kinds.items():
            owns, presents = zip(*alike, strict=True)
            self.multi_avg_fn(list(owns), list(presents), self.n_averaged.to(device))


def _copy(pairs: Iterable[tuple[Any, Any]]) -> None:
    for own, present in pairs:
        own.detach().copy_(present.detach())


_NORMS = (BatchNorm1d, BatchNorm2d, BatchNorm3d)


@no_grad
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running means and variances of a model's batch norms anew, from data.

    ``loader`` gives batches, or lists and tuples whose first element is one. The model, which is
    called on each, is afterwards in training mode if it was before.

    >>> import gradlab as gl
    >>> model = gl.nn.BatchNorm1d(1)
    >>> update_bn([gl.ones(2, 1), gl.tensor([[2.0], [4.0]])], model)
    >>> model.running_mean
    tensor([2.])
    """
    norms = [one for one in model.modules() if isinstance(one, _NORMS)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # all batches count alike
    for batch in loader:
        input = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(input if device is None else input.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


# ------------------------------------------------------------------ the learning rate


class SWALR(LRScheduler):
    """From the present learning rates to ``swa_lr`` in ``anneal_epochs``, and there they stay.

    ``swa_lr``: one for all groups, or a list. ``anneal_strategy``: "cos" or "linear". Raises
    ValueError for another strategy and for a number of epochs that is none.

    >>> import gradlab as gl
    >>> optimizer = gl.optim.SGD([gl.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = SWALR(optimizer, 0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> for epoch in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(scheduler.get_last_lr())
    [0.75]
    [0.5]
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        for group, rate in zip(groups, for_each_group(swa_lr, "swa_lr", groups), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in _STRATEGIES:
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The next learning rate of each group."""
        present = self._present()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        return [
            group["swa_lr"] * now + _without(rate, group["swa_lr"], before) * (1 - now)
            for group, rate in zip(self.optimizer.param_groups, present, strict=True)
        ]

    def _share(self, step: int) -> float:
        """How much of the learning rate is ``swa_lr`` already, at a step."""
        return _STRATEGIES[self._anneal_strategy](max(0, min(1, step / max(1, self.anneal_epochs))))


_STRATEGIES: dict[str, Callable[[float], float]] = {
    "cos": lambda t: (1 - math.cos(math.pi * t)) / 2,
    "linear": lambda t: t,
}


def _without(rate: Any, swa_lr: float, share: float) -> Any:
    """The learning rate that became ``rate`` when ``share`` of it was replaced by ``swa_lr``."""
    return swa_lr if share == 1 else (rate - share * swa_lr) / (1 - share)
