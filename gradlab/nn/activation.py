"""Activations as modules: the nonlinear functions between a network's layers."""

from __future__ import annotations

from gradlab.nn import functional
from gradlab.nn.module import Module
from gradlab.tensor import Tensor


class _MaybeInPlace(Module):
    """An activation that can be told to overwrite its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_MaybeInPlace):
    """Each element, or 0 where it is negative.

    >>> import gradlab as gl
    >>> ReLU()(gl.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu(input, self.inplace)


class SiLU(_MaybeInPlace):
    """Each element times its own sigmoid.

    >>> import gradlab as gl
    >>> SiLU()(gl.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.silu(input, self.inplace)


class LeakyReLU(Module):
    """Each element, or ``negative_slope`` times it where it is negative.

    >>> import gradlab as gl
    >>> LeakyReLU(0.1)(gl.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + _inplace_suffix(self.inplace)


class ELU(Module):
    """Each element, or, where it is negative, what tends to ``-alpha`` below.

    >>> import gradlab as gl
    >>> ELU()(gl.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + _inplace_suffix(self.inplace)


def _inplace_suffix(inplace: bool) -> str:
    return ", inplace=True" if inplace else ""


class Sigmoid(Module):
    """Logistic function of each element: from 0 far below zero to 1 far above.

    >>> import gradlab as gl
    >>> Sigmoid()(gl.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.sigmoid(input)  # type: ignore[no-any-return]


class Tanh(Module):
    """Hyperbolic tangent of each element.

    >>> import gradlab as gl
    >>> Tanh()(gl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.tanh(input)  # type: ignore[no-any-return]


class Softplus(Module):
    """A smooth ``ReLU``; the element itself where ``beta`` times it is above ``threshold``.

    >>> import gradlab as gl
    >>> Softplus()(gl.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class _AlongDim(Module):
    """An activation of all elements along a dimension together."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """Turns the numbers along ``dim`` into probabilities: positive, with sum 1.

    >>> import gradlab as gl
    >>> Softmax(dim=0)(gl.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """The logarithm of ``Softmax``, right for large numbers as well.

    >>> import gradlab as gl
    >>> LogSoftmax(dim=0)(gl.tensor([0.0, 0.0]))
    tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.log_softmax(input, self.dim)
