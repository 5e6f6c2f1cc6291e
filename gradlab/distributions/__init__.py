"""``gradlab.distributions``: probability distributions whose parameters are tensors.

What lessons on variational autoencoders and policy gradients use of ``torch.distributions``. Draws
after ``manual_seed`` are PyTorch's own.

>>> import gradlab as gl
>>> gl.distributions.Normal(gl.zeros(2), gl.ones(2))
Normal(loc: torch.Size([2]), scale: torch.Size([2]))
"""

from __future__ import annotations

from gradlab.distributions import constraints
from gradlab.distributions.continuous import Normal, Uniform
from gradlab.distributions.discrete import Bernoulli, Categorical
from gradlab.distributions.distribution import Distribution
from gradlab.distributions.independent import Independent
from gradlab.distributions.kl import kl_divergence, register_kl

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Independent",
    "Normal",
    "Uniform",
    "constraints",
    "kl_divergence",
    "register_kl",
]
