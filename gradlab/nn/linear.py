"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

from gradlab.arrays import dtype as Dtype
from gradlab.nn import functional, init
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.ops.creation import empty
from gradlab.ops.products import bilinear
from gradlab.tensor import Tensor


class Identity(Module):
    """Returns what it is given; takes any arguments and ignores them.

    >>> import gradlab as gl
    >>> Identity(54)(gl.tensor(1.0))
    tensor(1.)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """``input @ weight.T + bias``, for an input of shape (…, in_features).

    ``weight`` has shape (out_features, in_features), ``bias`` (out_features,), or is None with
    ``bias=False``. Both are drawn evenly from ±1/√in_features.

    >>> import gradlab as gl
    >>> Linear(20, 30)(gl.ones(128, 20)).shape
    torch.Size([128, 30])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(empty((out_features,), device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # which is ±1/√in_features
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"


class Bilinear(Module):
    """``input1ᵀ · weight · input2 + bias``: a number for each pair of two inputs' features.

    Inputs are (…, in1_features) and (…, in2_features); ``weight`` has the shape (out_features,
    in1_features, in2_features). Weight and bias are drawn evenly from ±1/√in1_features.

    >>> import gradlab as gl
    >>> Bilinear(20, 30, 40)(gl.ones(128, 20), gl.ones(128, 30)).shape
    torch.Size([128, 40])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features!r})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        size = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(size, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(empty((out_features,), device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return bilinear(input1, input2, self.weight, self.bias)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
