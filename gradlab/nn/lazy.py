"""Lazy layers: they learn the size of their input from the first one they are called with.

Until then their parameters have no shape. The first call gives them one, draws their numbers, and
turns the layer into the ordinary one.
"""

from __future__ import annotations

from typing import Any

from gradlab.arrays import dtype as Dtype
from gradlab.nn import conv, linear, normalization
from gradlab.nn.module import Module
from gradlab.nn.uninitialized import UninitializedBuffer, UninitializedParameter, is_lazy
from gradlab.ops.creation import tensor
from gradlab.tensor import Tensor


class LazyModuleMixin:
    """What turns a module into its lazy form; ``cls_to_become`` is the ordinary one.

    A subclass writes ``initialize_parameters``, which gets what the module is called with.
    """

    cls_to_become: type[Module] | None = None

    def has_uninitialized_params(self: Any) -> bool:
        """Whether some parameter or buffer has no shape yet."""
        return any(is_lazy(t) for t in (*self._parameters.values(), *self._buffers.values()))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give parameters a shape and numbers, from the arguments of the first call."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(
                f"module {self._get_name()} has not been fully initialized: its "
                "initialize_parameters left some parameter without a shape"
            )
        if self.cls_to_become is None:
            return Module.__call__(self, *args, **kwargs)
        self.__class__ = self.cls_to_become
        return self(*args, **kwargs)


# ------------------------------------------------------------------ linear


class LazyLinear(LazyModuleMixin, linear.Linear):
    """``Linear`` with as many ``in_features`` as its first input has.

    >>> import gradlab as gl
    >>> layer = LazyLinear(3)
    >>> layer.weight
    <UninitializedParameter>
    >>> _ = layer(gl.ones(5, 2))
    >>> layer
    Linear(in_features=2, out_features=3, bias=True)
    """

    cls_to_become = linear.Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Dtype | None = None
    ) -> None:
        Module.__init__(self)
        self.in_features = 0
        self.out_features = out_features
        self.register_parameter("weight", UninitializedParameter(device=device, dtype=dtype))
        vector = UninitializedParameter(device=device, dtype=dtype) if bias else None
        self.register_parameter("bias", vector)

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``in_features`` from the input and draw weight and bias."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))
            if self.bias is not None:
                self.bias.materialize((self.out_features,))
            self.reset_parameters()
        self.in_features = self.weight.shape[1]


# ------------------------------------------------------------------ convolution


class _LazyConv(LazyModuleMixin):
    """What lazy convolutions have in common."""

    def __init__(self: Any, out_channels: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(0, out_channels, *args, **kwargs)  # type: ignore[call-arg]

    def _make_parameters(self: Any, bias: bool, device: Any, dtype: Dtype | None) -> None:
        self.register_parameter("weight", UninitializedParameter(device=device, dtype=dtype))
        vector = UninitializedParameter(device=device, dtype=dtype) if bias else None
        self.register_parameter("bias", vector)

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take ``in_channels`` from the input and draw weight and bias."""
        if self.has_uninitialized_params():
            self.in_channels = self._channels_of(input)
            if self.in_channels % self.groups:
                raise ValueError("in_channels must be divisible by groups")
            self.weight.materialize(self._weight_shape())
            if self.bias is not None:
                self.bias.materialize((self.out_channels,))
            self.reset_parameters()
        shape = self.weight.shape
        self.in_channels = shape[0] if self.transposed else shape[1] * self.groups

    def _channels_of(self: Any, input: Tensor) -> int:
        single, batch = self.dims + 1, self.dims + 2
        if input.ndim not in (single, batch):
            raise RuntimeError(
                f"Expected {single}D (unbatched) or {batch}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {input.shape}"
            )
        return int(input.shape[1 if input.ndim == batch else 0])


class LazyConv1d(_LazyConv, conv.Conv1d):
    """``Conv1d`` with as many ``in_channels`` as its first input has.

    >>> LazyConv1d(8, 3).in_channels
    0
    """

    cls_to_become = conv.Conv1d


class LazyConv2d(_LazyConv, conv.Conv2d):
    """``Conv2d`` with as many ``in_channels`` as its first input has.

    >>> import gradlab as gl
    >>> layer = LazyConv2d(8, 3)
    >>> layer(gl.ones(1, 3, 5, 5)).shape, layer.in_channels
    (torch.Size([1, 8, 3, 3]), 3)
    """

    cls_to_become = conv.Conv2d


class LazyConv3d(_LazyConv, conv.Conv3d):
    """``Conv3d`` with as many ``in_channels`` as its first input has.

    >>> LazyConv3d(8, 3).in_channels
    0
    """

    cls_to_become = conv.Conv3d


class LazyConvTranspose1d(_LazyConv, conv.ConvTranspose1d):
    """``ConvTranspose1d`` with as many ``in_channels`` as its first input has.

    >>> LazyConvTranspose1d(8, 3).in_channels
    0
    """

    cls_to_become = conv.ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, conv.ConvTranspose2d):
    """``ConvTranspose2d`` with as many ``in_channels`` as its first input has.

    >>> LazyConvTranspose2d(8, 3).in_channels
    0
    """

    cls_to_become = conv.ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, conv.ConvTranspose3d):
    """``ConvTranspose3d`` with as many ``in_channels`` as its first input has.

    >>> LazyConvTranspose3d(8, 3).in_channels
    0
    """

    cls_to_become = conv.ConvTranspose3d


# ------------------------------------------------------------------ normalisation


class _LazyNorm(LazyModuleMixin):
    """What lazy normalisations have in common; all learn and track unless told otherwise."""

    def __init__(
        self: Any,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]
            0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _make_parameters(self: Any, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        like = dict(device=device, dtype=dtype)
        self.register_parameter("weight", UninitializedParameter(**like) if weight else None)
        self.register_parameter("bias", UninitializedParameter(**like) if bias else None)
        tracked = self.track_running_stats
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, UninitializedBuffer(**like) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, device=device) if tracked else None)

    def initialize_parameters(self: Any, input: Tensor) -> None:
        """Take ``num_features`` from the input."""
        if self.num_features == 0:
            self.num_features = int(input.shape[1])
        if self.has_uninitialized_params():
            for table in (self._parameters, self._buffers):
                for one in table.values():
                    if is_lazy(one):
                        one.materialize((self.num_features,))
            self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, normalization.BatchNorm1d):
    """``BatchNorm1d`` with as many ``num_features`` as its first input has channels.

    >>> LazyBatchNorm1d().num_features
    0
    """

    cls_to_become = normalization.BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, normalization.BatchNorm2d):
    """``BatchNorm2d`` with as many ``num_features`` as its first input has channels.

    >>> LazyBatchNorm2d().num_features
    0
    """

    cls_to_become = normalization.BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, normalization.BatchNorm3d):
    """``BatchNorm3d`` with as many ``num_features`` as its first input has channels.

    >>> LazyBatchNorm3d().num_features
    0
    """

    cls_to_become = normalization.BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, normalization.InstanceNorm1d):
    """``InstanceNorm1d`` with as many ``num_features`` as its first input has channels.

    >>> LazyInstanceNorm1d().num_features
    0
    """

    cls_to_become = normalization.InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, normalization.InstanceNorm2d):
    """``InstanceNorm2d`` with as many ``num_features`` as its first input has channels.

    >>> LazyInstanceNorm2d().num_features
    0
    """

    cls_to_become = normalization.InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, normalization.InstanceNorm3d):
    """``InstanceNorm3d`` with as many ``num_features`` as its first input has channels.

    >>> LazyInstanceNorm3d().num_features
    0
    """

    cls_to_become = normalization.InstanceNorm3d
