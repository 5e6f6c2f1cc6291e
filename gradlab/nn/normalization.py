"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlab.arrays import dtype as Dtype
from gradlab.nn import init
from gradlab.nn.functions import normalization as functional
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.ops.creation import empty, ones, tensor, zeros
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ over batches


class _NormBase(Module):
    """What layers with running statistics have in common."""

    _version = 2  # the first had no num_batches_tracked
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    dims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make_parameters(affine, affine and bias, device, dtype)

    def _make_parameters(self, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        like: dict[str, Any] = dict(device=device, dtype=dtype)
        size = (self.num_features,)
        self.register_parameter("weight", Parameter(empty(size, **like)) if weight else None)
        self.register_parameter("bias", Parameter(empty(size, **like)) if bias else None)
        tracked = self.track_running_stats
        self.register_buffer("running_mean", zeros(size, **like) if tracked else None)
        self.register_buffer("running_var", ones(size, **like) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, device=device) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running mean and variance."""
        if self.track_running_stats:
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and no running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _bring_up_to_date(
        self, state: dict[str, Any], prefix: str, version: int | None, errors: list[str]
    ) -> None:
        counted = self.num_batches_tracked
        if counted is not None and (version is None or version < 2):
            state.setdefault(prefix + "num_batches_tracked", counted)

    def _check_input(self, input: Tensor) -> None:
        if input.ndim not in self.dims:
            wanted = " or ".join(f"{n}D" for n in self.dims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input(input)
        momentum = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:  # the plain average of all batches so far
                momentum = 1 / float(self.num_batches_tracked)
        own = self.training or self.running_mean is None
        tracks = not self.training or self.track_running_stats
        return functional.batch_norm(
            input,
            self.running_mean if tracks else None,
            self.running_var if tracks else None,
            self.weight,
            self.bias,
            own,
            0.0 if momentum is None else momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """What layers that normalise each channel over a batch have in common."""


class BatchNorm1d(_BatchNorm):
    """``BatchNorm2d`` for vectors (N, C) and lines (N, C, L).

    >>> import gradlab as gl
    >>> BatchNorm1d(1)(gl.tensor([[1.0], [3.0]]))
    tensor([[-1.0000],
            [ 1.0000]], grad_fn=<NativeBatchNormBackward0>)
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Gives each channel of a batch of pictures mean 0 and variance 1, then a learned scale.

    While training, mean and variance are the batch's, and ``running_mean`` and ``running_var`` move
    towards them by ``momentum`` (None: their plain average so far); after ``eval()`` the running
    ones are used. ``affine=False``: no ``weight`` and ``bias``. ``track_running_stats=False``: no
    running ones, always the batch's. Raises ValueError for another number of dimensions.

    >>> import gradlab as gl
    >>> BatchNorm2d(3)(gl.randn(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """``BatchNorm2d`` for volumes (N, C, D, H, W).

    >>> BatchNorm3d(3)
    BatchNorm3d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    dims = (5,)


class _InstanceNorm(_NormBase):
    """What layers that normalise each picture by itself have in common."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _bring_up_to_date(
        self, state: dict[str, Any], prefix: str, version: int | None, errors: list[str]
    ) -> None:
        super()._bring_up_to_date(state, prefix, version, errors)
        if version is not None or self.track_running_stats:
            return
        kept = [
            n for n in ("running_mean", "running_var") if state.pop(prefix + n, None) is not None
        ]
        if kept:
            kind = type(self).__name__
            names = " and ".join(f'"{prefix}{name}"' for name in kept)
            errors.append(
                f"Unexpected running stats buffer(s) {names} for {kind} with "
                "track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this "
                f"may be expected because {kind} does not track running stats by default since "
                "0.4.0. Please remove these keys from state_dict. If the running stats are "
                f"actually needed, instead set track_running_stats=True in {kind} to enable them."
            )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input(input)
        single = input.ndim == self.dims[0]
        channels = input.shape[0 if single else 1]
        if channels != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={0 if single else 1} to match num_features "
                f"({self.num_features}), but got: {channels}."
            )
        assert self.momentum is not None
        result = functional.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum,
            self.eps,
        )
        return result.squeeze(0) if single else result


class InstanceNorm1d(_InstanceNorm):
    """``InstanceNorm2d`` for lines (N, C, L) or (C, L).

    >>> import gradlab as gl
    >>> InstanceNorm1d(1)(gl.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Gives each channel of each picture mean 0 and variance 1; ``affine``: then a learned scale.

    Pictures are (N, C, H, W) or (C, H, W). Arguments as for ``BatchNorm2d``, but nothing is learned
    or tracked unless asked for.

    >>> import gradlab as gl
    >>> InstanceNorm2d(3)(gl.randn(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """``InstanceNorm2d`` for volumes (N, C, D, H, W) or (C, D, H, W).

    >>> InstanceNorm3d(2).affine
    False
    """

    dims = (4, 5)


# ------------------------------------------------------------------ over layers and groups


class LayerNorm(Module):
    """Gives the last dimensions of each example mean 0 and variance 1, then a learned scale.

    ``normalized_shape``: their sizes, which ``weight`` and ``bias`` have too, unless
    ``elementwise_affine`` or ``bias`` is False.

    >>> import gradlab as gl
    >>> LayerNorm(2)(gl.tensor([[1.0, 3.0]]))
    tensor([[-1.0000,  1.0000]], grad_fn=<NativeLayerNormBackward0>)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            made = Parameter(empty(self.normalized_shape, device=device, dtype=dtype))
            self.register_parameter(name, made if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


def _shape(given: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(given) if isinstance(given, Sequence) else (given,)


class RMSNorm(Module):
    """Divides the last dimensions by the root of the mean of their squares; then a learned scale.

    >>> import gradlab as gl
    >>> RMSNorm(2, elementwise_affine=False)(gl.tensor([3.0, 4.0]))
    tensor([0.8485, 1.1314])
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = Parameter(empty(self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", made if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Gives each of ``num_groups`` parts of an example's channels mean 0 and variance 1.

    Then a learned scale for each channel, unless ``affine=False``. Raises ValueError where the
    channels can't be divided so.

    >>> import gradlab as gl
    >>> GroupNorm(3, 6)(gl.randn(20, 6, 10, 10)).shape
    torch.Size([20, 6, 10, 10])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            made = Parameter(empty((num_channels,), device=device, dtype=dtype))
            self.register_parameter(name, made if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divides each number by a power of how large it is in the ``size`` channels around it.

    >>> LocalResponseNorm(2)
    LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return functional.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
