"""Teach a ResNet-18 to read digits, its last layer first: python examples/finetune_resnet.py

With --pretrained it begins with weights that know ImageNet's photographs (45 MB, fetched once);
without, with weights drawn by chance, of whose features the head can make less.
"""

from __future__ import annotations

import argparse

from digits import accuracy, digits
from tqdm import tqdm

import gradlab as gl
from gradlab import nn
from gradlab.utils.data import DataLoader, Dataset


class Enlarged(Dataset):
    """Pictures as a ResNet expects them: in colour, and 64 pixels high and wide."""

    def __init__(self, pictures: Dataset) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> tuple[gl.Tensor, gl.Tensor]:
        picture, number = self.pictures[place]
        larger = nn.functional.interpolate(picture[None], size=(64, 64), mode="bilinear")
        return larger[0].expand(3, 64, 64), number


def train_epoch(model: nn.Module, pictures: Dataset, lr: float, what: str) -> None:
    """Show the model all pictures once; frozen parameters stay as they are."""
    loss_function = nn.CrossEntropyLoss()
    optimizer = gl.optim.Adam(model.parameters(), lr=lr)
    progress = tqdm(DataLoader(pictures, batch_size=32, shuffle=True), desc=what, unit="batch")
    for batch, numbers in progress:
        optimizer.zero_grad()
        loss = loss_function(model(batch), numbers)
        loss.backward()
        optimizer.step()
        progress.set_postfix(loss=f"{loss.item():.4f}")


def main(pretrained: bool = False) -> tuple[float, float]:
    """Train the head, then everything; return the accuracy after each."""
    gl.manual_seed(0)
    train, test = (Enlarged(part) for part in digits())
    model = gl.models.resnet18(pretrained=pretrained)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, 10)  # a new one, which is not frozen
    model.eval()  # batch norms stay as they are, too
    train_epoch(model, train, lr=1e-2, what="the head")
    after_head = accuracy(model, test)
    model.train()
    for parameter in model.parameters():
        parameter.requires_grad = True
    train_epoch(model, train, lr=1e-3, what="everything")
    return after_head, accuracy(model, test)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pretrained", action="store_true", help="begin with ImageNet's weights")
    head, everything = main(parser.parse_args().pretrained)
    print(f"test pictures read rightly: {head:.2%} by the new head, {everything:.2%} in the end")
