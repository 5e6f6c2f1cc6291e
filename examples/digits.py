"""The handwritten digits that the examples learn: 1,797 pictures of 8×8 grey pixels.

They come with scikit-learn: pip install 'gradlab[data]'.
"""

from __future__ import annotations

from sklearn.datasets import load_digits

import gradlab as gl
from gradlab.nn import Module
from gradlab.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split


def digits() -> tuple[Subset, Subset]:
    """Four fifths of the pictures to learn from, and a fifth to be examined on, drawn by chance.

    Each is a picture (1, 8, 8) with pixels from 0 to 1, and the number that it shows.
    """
    pictures, numbers = load_digits(return_X_y=True)
    pixels = gl.tensor(pictures / 16, dtype=gl.float32).reshape(-1, 1, 8, 8)
    train, test = random_split(TensorDataset(pixels, gl.tensor(numbers)), [0.8, 0.2])
    return train, test


def accuracy(model: Module, examined: Dataset) -> float:
    """The share of pictures that the model names rightly."""
    was_training = model.training
    model.eval()
    right = 0
    with gl.no_grad():
        for pictures, numbers in DataLoader(examined, batch_size=100):
            right += (model(pictures).argmax(1) == numbers).sum().item()
    model.train(was_training)
    return right / len(examined)
