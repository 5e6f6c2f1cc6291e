"""Activations as modules: the nonlinear functions between a network's layers."""

from __future__ import annotations

from typing import Any

from gradlab.nn import functional
from gradlab.nn.init import constant_
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.op import FUNCTIONS
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


class ReLU6(_MaybeInPlace):
    """Each element, or 0 where it is negative and 6 where it is larger.

    >>> import gradlab as gl
    >>> ReLU6()(gl.tensor([-1.0, 2.0, 7.0]))
    tensor([0., 2., 6.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu6(input, self.inplace)


class Mish(_MaybeInPlace):
    """Each element times tanh of its ``Softplus``.

    >>> import gradlab as gl
    >>> Mish()(gl.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.mish(input, self.inplace)


class SELU(_MaybeInPlace):
    """``ELU`` with the two factors that keep the spread of what goes through many layers.

    >>> import gradlab as gl
    >>> SELU()(gl.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.selu(input, self.inplace)


class Hardsigmoid(Module):
    """A sigmoid of three straight pieces: 0 up to -3, 1 from 3.

    >>> import gradlab as gl
    >>> Hardsigmoid()(gl.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardsigmoid(input, self.inplace)


class Hardswish(Module):
    """Each element times its ``Hardsigmoid``.

    >>> import gradlab as gl
    >>> Hardswish()(gl.tensor([1.0, 4.0]))
    tensor([0.6667, 4.0000])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardswish(input, self.inplace)


class Hardtanh(Module):
    """Each element, moved to ``min_val`` and ``max_val`` where it lies outside.

    >>> import gradlab as gl
    >>> Hardtanh()(gl.tensor([-2.0, 0.5, 3.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if max_val <= min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        suffix = _inplace_suffix(self.inplace)
        return f"min_val={self.min_val}, max_val={self.max_val}" + suffix


class Threshold(Module):
    """Each element where it is above ``threshold``, else ``value``.

    >>> import gradlab as gl
    >>> Threshold(1, 20)(gl.tensor([-1.0, 0.5, 2.0]))
    tensor([20., 20.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        suffix = _inplace_suffix(self.inplace)
        return f"threshold={self.threshold}, value={self.value}" + suffix


class RReLU(Module):
    """``LeakyReLU`` with slopes drawn from [lower, upper) in training, else the middle one.

    >>> import gradlab as gl
    >>> RReLU(0.1, 0.3).eval()(gl.tensor([-1.0, 2.0]))
    tensor([-0.2000,  2.0000])
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + _inplace_suffix(self.inplace)


class PReLU(Module):
    """Each element, or a learned slope times it where it is negative.

    There is one slope, or one for each of ``num_parameters`` channels, at first ``init``.

    >>> import gradlab as gl
    >>> PReLU()(gl.tensor([-1.0, 2.0]))
    tensor([-0.2500,  2.0000], grad_fn=<PreluKernelBackward0>)
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        slopes = FUNCTIONS["empty"](num_parameters, device=device, dtype=dtype)
        self.weight = Parameter(slopes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Make all slopes ``init``."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return functional.prelu(input, self.weight)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class CELU(Module):
    """``ELU`` with a slope of 1 at 0 from both sides, whatever ``alpha``.

    >>> import gradlab as gl
    >>> CELU(2.0)(gl.tensor([-1.0, 2.0]))
    tensor([-0.7869,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + _inplace_suffix(self.inplace)


class GELU(Module):
    """Each element times the share of a normal distribution below it.

    >>> import gradlab as gl
    >>> GELU()(gl.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return functional.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class _Shrink(Module):
    """An activation that makes 0 of what lies within ``lambd`` of it."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """Each element, or 0 where it lies within ``lambd`` of 0.

    >>> import gradlab as gl
    >>> Hardshrink()(gl.tensor([-1.0, 0.2, 2.0]))
    tensor([-1.,  0.,  2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardshrink(input, self.lambd)  # type: ignore[no-any-return]


class Softshrink(_Shrink):
    """Each element moved by ``lambd`` towards 0, and 0 where it would get beyond.

    >>> import gradlab as gl
    >>> Softshrink()(gl.tensor([-1.0, 0.2, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softshrink(input, self.lambd)


class Tanhshrink(Module):
    """Each element minus its tanh.

    >>> import gradlab as gl
    >>> Tanhshrink()(gl.tensor([-1.0, 2.0]))
    tensor([-0.2384,  1.0360])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.tanhshrink(input)


class Softsign(Module):
    """Each element over 1 plus its size.

    >>> import gradlab as gl
    >>> Softsign()(gl.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softsign(input)


class LogSigmoid(Module):
    """Logarithm of the sigmoid of each element, without overflow.

    >>> import gradlab as gl
    >>> LogSigmoid()(gl.tensor([-100.0, 0.0]))
    tensor([-100.0000,   -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.logsigmoid(input)


class GLU(Module):
    """The first half of the elements along ``dim`` times the sigmoid of the second half.

    >>> import gradlab as gl
    >>> GLU()(gl.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return functional.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmin(_AlongDim):
    """``Softmax`` of the negative: the smallest is the most probable.

    >>> import gradlab as gl
    >>> Softmin(dim=0)(gl.tensor([0.0, 1.0]))
    tensor([0.7311, 0.2689])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmin(input, self.dim)


class Softmax2d(Module):
    """``Softmax`` over the channels of pictures, (C, H, W) or (N, C, H, W).

    Raises ValueError for another number of dimensions.

    >>> import gradlab as gl
    >>> Softmax2d()(gl.zeros(4, 1, 1)).flatten()
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return functional.softmax(input, -3)
