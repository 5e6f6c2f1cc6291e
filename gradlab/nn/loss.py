"""Losses as modules: what training makes small."""

from __future__ import annotations

from gradlab.nn import functional
from gradlab.nn.module import Module
from gradlab.tensor import Tensor


class _Loss(Module):
    """``reduction`` says what becomes of each element's loss: ``"mean"``, ``"sum"``, ``"none"``."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a ``weight`` for each class or element."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """The mean (or sum, or each) of the squared differences.

    >>> import gradlab as gl
    >>> MSELoss()(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The mean (or sum, or each) of the absolute differences.

    >>> import gradlab as gl
    >>> L1Loss()(gl.tensor([1.0, 2.0]), gl.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.l1_loss(input, target, reduction=self.reduction)


class NLLLoss(_WeightedLoss):
    """The negative log-probability of the right classes; see ``functional.nll_loss``.

    >>> import gradlab as gl
    >>> NLLLoss()(gl.tensor([[-0.5, -1.0], [-2.0, -3.0]]), gl.tensor([0, 1]))
    tensor(1.7500)
    """

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.nll_loss(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_WeightedLoss):
    """How surprised a classifier with these scores is; see ``functional.cross_entropy``.

    >>> import gradlab as gl
    >>> CrossEntropyLoss()(gl.tensor([[0.0, 0.0], [0.0, 0.0]]), gl.tensor([0, 1]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """How surprised one is by yes or no; see ``functional.binary_cross_entropy``.

    >>> import gradlab as gl
    >>> BCELoss()(gl.tensor([0.5, 0.9]), gl.tensor([0.0, 1.0]))
    tensor(0.3993)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy(
            input, target, self.weight, reduction=self.reduction
        )


class BCEWithLogitsLoss(_WeightedLoss):
    """``BCELoss`` of the sigmoid of its input, right for large numbers as well.

    >>> import gradlab as gl
    >>> BCEWithLogitsLoss()(gl.tensor([0.0, 200.0]), gl.tensor([0.0, 1.0]))
    tensor(0.3466)
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
