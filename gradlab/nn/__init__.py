"""``gradlab.nn``: networks, built of modules.

>>> import gradlab as gl
>>> from gradlab import nn
>>> _ = gl.manual_seed(0)
>>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
>>> model(gl.ones(5, 2)).shape
torch.Size([5, 1])
"""

from __future__ import annotations

from gradlab.nn import functional, init
from gradlab.nn.activation import (
    ELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from gradlab.nn.container import ModuleDict, ModuleList, Sequential
from gradlab.nn.dropout import Dropout
from gradlab.nn.linear import Identity, Linear
from gradlab.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
)
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.nn.shape import Flatten

__all__ = [
    "ELU",
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "functional",
    "init",
]
