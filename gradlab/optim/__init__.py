"""``gradlab.optim``: optimizers, which change parameters so that a loss gets smaller.

>>> import gradlab as gl
>>> x = gl.tensor([3.0], requires_grad=True)
>>> optimizer = gl.optim.SGD([x], lr=0.1)
>>> (x * x).sum().backward()
>>> optimizer.step()
>>> x
tensor([2.4000], requires_grad=True)
"""

from __future__ import annotations

from gradlab.optim import lr_scheduler, swa_utils
from gradlab.optim.adadelta import Adadelta
from gradlab.optim.adafactor import Adafactor
from gradlab.optim.adagrad import Adagrad
from gradlab.optim.adam import Adam, AdamW
from gradlab.optim.adamax import Adamax
from gradlab.optim.asgd import ASGD
from gradlab.optim.lbfgs import LBFGS
from gradlab.optim.nadam import NAdam
from gradlab.optim.optimizer import Optimizer
from gradlab.optim.radam import RAdam
from gradlab.optim.rmsprop import RMSprop
from gradlab.optim.rprop import Rprop
from gradlab.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
