"""Batch norm after a convolution or a linear layer, made one layer with it.

In evaluation a batch norm multiplies by one number for each channel and adds another one; the layer
before it can do that by itself.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]

M = TypeVar("M", bound=Module)


def fuse_conv_bn_eval(conv: M, bn: Module, transpose: bool = False) -> M:
    """A convolution that does what ``conv`` and then the batch norm ``bn`` do in evaluation.

    ``transpose``: it is a transposed one. Both stay as they are. Raises AssertionError for modules
    in training, and for a batch norm without running statistics.

    >>> import gradlab as gl
    >>> conv, norm = gl.nn.Conv2d(1, 2, 3).eval(), gl.nn.BatchNorm2d(2).eval()
    >>> x = gl.ones(1, 1, 3, 3)
    >>> bool(gl.allclose(fuse_conv_bn_eval(conv, norm)(x), norm(conv(x)), atol=1e-6))
    True
    """
    return _fused(conv, bn, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: M, bn: Module) -> M:
    """A linear layer that does what ``linear`` and then the batch norm ``bn`` do in evaluation.

    As ``fuse_conv_bn_eval``. Raises AssertionError, too, where the batch norm has neither as many
    features as the layer nor one.

    >>> import gradlab as gl
    >>> linear, norm = gl.nn.Linear(3, 2).eval(), gl.nn.BatchNorm1d(2).eval()
    >>> x = gl.ones(1, 3)
    >>> bool(gl.allclose(fuse_linear_bn_eval(linear, norm)(x), norm(linear(x)), atol=1e-6))
    True
    """
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    return _fused(linear, bn, 0)


def fuse_conv_bn_weights(
    conv_w: Any,
    conv_b: Any,
    bn_rm: Any,
    bn_rv: Any,
    bn_eps: float,
    bn_w: Any,
    bn_b: Any,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """The weight and bias of ``fuse_conv_bn_eval``, of those of both layers.

    ``bn_rm`` and ``bn_rv`` are the running mean and variance; biases and ``bn_w`` may be None.
    """
    return _weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """The weight and bias of ``fuse_linear_bn_eval``, of those of both layers."""
    return _weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _fused(layer: M, bn: Any, channels: int) -> M:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval! Call .eval() on both modules first.")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused = deepcopy(layer)
    fused.weight, fused.bias = _weights(
        layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        channels,
    )  # fmt: skip
    return fused


def _weights(
    weight: Any, bias: Any, mean: Any, var: Any, eps: float, scale: Any, shift: Any, channels: int
) -> tuple[Parameter, Parameter]:
    """The layers' weights in one; ``channels`` is the weight's dimension of those that come out."""
    factor = (var + eps).rsqrt()
    if scale is not None:
        factor = factor * scale
    added = factor * (-mean if bias is None else bias - mean)
    if shift is not None:
        added = added + shift
    shape = [1] * weight.dim()
    shape[channels] = -1
    trained = bias is not None and bias.requires_grad
    made = (weight * factor.reshape(shape)).to(weight.dtype)
    added = added.to(weight.dtype if bias is None else bias.dtype)
    return Parameter(made, weight.requires_grad), Parameter(added, trained)
