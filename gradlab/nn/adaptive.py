"""A softmax over very many classes that is fast for those that are frequent.

E. Grave et al., "Efficient softmax approximation for GPUs", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from gradlab.arrays import dtype as Dtype
from gradlab.nn.container import ModuleList, Sequential
from gradlab.nn.functional import log_softmax
from gradlab.nn.linear import Linear
from gradlab.nn.module import Module
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor


class AdaptiveOutput(NamedTuple):
    """What ``AdaptiveLogSoftmaxWithLoss`` gives: a log-probability for each target, and the loss.

    >>> AdaptiveOutput(output=1, loss=2).loss
    2
    """

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of ``n_classes`` classes, of which the first are the frequent ones.

    ``cutoffs`` divide them: those before the first cutoff are in the head, with one entry for each
    later cluster, and only the cluster of a target is computed, from ``in_features`` divided by
    ``div_value`` once more for each. Called with inputs (N, in_features) and targets (N), or with
    one of each, it returns ``output``, (N), and ``loss``, their negative mean. Raises ValueError
    for cutoffs that don't divide the classes, RuntimeError for targets that are no classes.

    >>> import gradlab as gl
    >>> softmax = AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[4, 10], div_value=2.0)
    >>> softmax(gl.ones(3, 8), gl.tensor([0, 5, 19])).output.shape
    torch.Size([3])
    >>> softmax.log_prob(gl.ones(3, 8)).shape
    torch.Size([3, 20])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        _check_cutoffs(list(cutoffs), n_classes)
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        like: dict[str, Any] = dict(device=device, dtype=dtype)
        self.head = Linear(in_features, self.head_size, bias=head_bias, **like)
        self.tail = ModuleList()
        for i, (first, end) in enumerate(pairwise(self.cutoffs), start=1):
            hidden = int(in_features // div_value**i)
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, **like),
                    Linear(hidden, end - first, bias=False, **like),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input: Any, target: Any) -> AdaptiveOutput:
        _check_sizes(input, target)
        if target.dim() == 0:
            output, loss = self.forward(input.unsqueeze(0), target.unsqueeze(0))
            return AdaptiveOutput(output.squeeze(0), loss)
        in_head = target.clone()  # each target's place in the head: its own or its cluster's
        output = input.new_zeros(len(target))
        known = target < self.shortlist_size
        for i, (first, end) in enumerate(pairwise(self.cutoffs)):
            of_cluster = (target >= first) & (target < end)
            known = known | of_cluster
            rows = of_cluster.nonzero().squeeze(1)
            if not len(rows):
                continue
            in_head[of_cluster] = self.shortlist_size + i
            logs = log_softmax(self.tail[i](input[rows]), dim=1)
            picked = logs.gather(1, (target[rows] - first).unsqueeze(1)).squeeze(1)
            output = output.index_add(0, rows, picked)
        if not (known & (target >= 0)).all():
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        logs = log_softmax(self.head(input), dim=1)
        output = output + logs.gather(1, in_head.unsqueeze(1)).squeeze(1)
        return AdaptiveOutput(output, (-output).mean())

    def log_prob(self, input: Any) -> Tensor:
        """The log-probabilities of all classes, (N, n_classes)."""
        head = log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            own = log_softmax(cluster(input), dim=1)
            parts.append(own + head[:, self.shortlist_size + i].unsqueeze(1))
        return FUNCTIONS["cat"](parts, 1)  # type: ignore[no-any-return]

    def predict(self, input: Any) -> Tensor:
        """The likeliest class of each input, (N).

        Clusters are only computed for inputs whose likeliest entry of the head is one of them.
        """
        likeliest = self.head(input).argmax(dim=1)
        later = likeliest >= self.shortlist_size
        if later.any():
            likeliest[later] = self.log_prob(input[later]).argmax(dim=1)
        return likeliest  # type: ignore[no-any-return]


def _check_cutoffs(cutoffs: list[int], n_classes: int) -> None:
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    rising = all(one < other for one, other in pairwise(cutoffs))
    whole = all(int(cutoff) == cutoff for cutoff in cutoffs)
    if not rising or not whole or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1:
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
            f"order, where each value is between 1 and n_classes-1: {cutoffs} for {n_classes} "
            "classes"
        )


def _check_sizes(input: Tensor, target: Tensor) -> None:
    dims = target.dim()
    if dims > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if dims and len(input) != len(target):
        raise RuntimeError(
            "Input and target should have the same size in the batch dimension: there are "
            f"{len(input)} and {len(target)}."
        )
    if input.dim() != dims + 1:
        raise RuntimeError(
            f"{dims}D target tensor expects {dims + 1}D input tensors, but found inputs with size "
            f"{input.size()}"
        )
