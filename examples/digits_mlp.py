"""Read handwritten digits with a network of three layers: python examples/digits_mlp.py

Dropout and ever smaller steps keep it from learning the pictures by heart.
"""

from __future__ import annotations

from digits import accuracy, digits
from tqdm import trange

import gradlab as gl
from gradlab import nn
from gradlab.optim.lr_scheduler import CosineAnnealingLR
from gradlab.utils.data import DataLoader


def mlp() -> nn.Sequential:
    """Two hidden layers of neurons, and one that says how much each number is to be believed."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(64, 10),
    )


def main(epochs: int = 40) -> float:
    """Train, and return the accuracy on pictures never seen in training."""
    gl.manual_seed(0)
    train, test = digits()
    model = mlp()
    loss_function = nn.CrossEntropyLoss()
    optimizer = gl.optim.Adam(model.parameters(), lr=3e-3)
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
