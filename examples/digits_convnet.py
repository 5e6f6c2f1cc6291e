"""Read handwritten digits with a small convolutional network: python examples/digits_convnet.py

Shapes are looked for anywhere in the picture (convolutions); chance leaves out a part of what was
found (dropout), so that no single shape decides; and the steps become smaller towards the end.
"""

from __future__ import annotations

from digits import accuracy, digits
from tqdm import trange

import gradlab as gl
from gradlab import nn
from gradlab.optim.lr_scheduler import CosineAnnealingLR
from gradlab.utils.data import DataLoader


def convnet() -> nn.Sequential:
    """Two stages of convolutions, each followed by a halving of the picture, and a classifier."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(32 * 2 * 2, 10),
    )


def main(epochs: int = 25) -> float:
    """Train, and return the accuracy on pictures never seen in training."""
    gl.manual_seed(0)
    train, test = digits()
    model = convnet()
    loss_function = nn.CrossEntropyLoss()
    optimizer = gl.optim.Adam(model.parameters(), lr=5e-3)
    scheduler = CosineAnnealingLR(optimizer, epochs)
    for _ in (progress := trange(epochs, unit="epoch")):
        for pictures, numbers in DataLoader(train, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            loss = loss_function(model(pictures), numbers)
            loss.backward()
            optimizer.step()
        scheduler.step()
        progress.set_postfix(loss=f"{loss.item():.4f}")
    return accuracy(model, test)


if __name__ == "__main__":
    print(f"{main():.2%} of the test pictures are read rightly")
