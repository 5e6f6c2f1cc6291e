"""Small networks, for first lessons."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gradlab import nn
from gradlab.tensor import Tensor


class MLP(nn.Sequential):
    """Layers of neurons one after the other, with ReLU between them: ``MLP([64, 128, 10])``.

    Raises ValueError for fewer than two sizes.

    >>> import gradlab as gl
    >>> MLP([2, 8, 1])
    MLP(
      (0): Linear(in_features=2, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=1, bias=True)
    )
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        if len(sizes) < 2:
            raise ValueError(f"an MLP has an input and an output: two sizes at least, not {sizes}")
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        super().__init__(*layers[:-1])


class LeNet(nn.Module):
    """A small convolutional network for pictures, after LeNet-5 (LeCun et al., 1998).

    Input (N, ``channels``, ``size``, ``size``), ``size`` 8 at least; output: (N, ``classes``)
    scores.

    >>> import gradlab as gl
    >>> LeNet(size=8)(gl.zeros(4, 1, 8, 8)).shape
    torch.Size([4, 10])
    """

    def __init__(self, channels: int = 1, size: int = 28, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(32 * (size // 4) ** 2, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.features(input))  # type: ignore[no-any-return]
