"""``gradlab.models``: networks to learn on, and published weights for them.

>>> import gradlab as gl
>>> model = gl.models.resnet18(num_classes=10)
>>> sum(p.numel() for p in model.parameters())
11181642
"""

from __future__ import annotations

from gradlab.models.hub import Weights, get_state_dict
from gradlab.models.language import GPT, CharRNN, GPTConfig
from gradlab.models.resnet import (
    BasicBlock,
    Bottleneck,
    ResNet,
    ResNet18_Weights,
    ResNet34_Weights,
    ResNet50_Weights,
    resnet18,
    resnet34,
    resnet50,
)
from gradlab.models.small import MLP, LeNet

__all__ = [
    "GPT",
    "MLP",
    "BasicBlock",
    "Bottleneck",
    "CharRNN",
    "GPTConfig",
    "LeNet",
    "ResNet",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "Weights",
    "get_state_dict",
    "resnet18",
    "resnet34",
    "resnet50",
]
