"""Residual networks: K. He et al., "Deep residual learning for image recognition", 2015.

Laid out, named and initialised as torchvision's, so that weights published for these fit.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from gradlab import nn
from gradlab.models.hub import Weights, get_state_dict
from gradlab.tensor import Tensor


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, added to what came in.

    >>> import gradlab as gl
    >>> BasicBlock(4, 4)(gl.zeros(1, 4, 8, 8)).shape
    torch.Size([1, 4, 8, 8])
    """

    expansion = 1

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = _conv(inplanes, planes, 3, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv(planes, planes, 3)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 that narrow and widen, added to what came in.

    >>> import gradlab as gl
    >>> Bottleneck(16, 4)(gl.zeros(1, 16, 8, 8)).shape
    torch.Size([1, 16, 8, 8])
    """

    expansion = 4

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = _conv(inplanes, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv(planes, planes, 3, stride)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = _conv(planes, planes * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """A convolution, four stages of blocks, each half as large and twice as deep, and a classifier.

    ``layers``: how many blocks each stage has. Input (N, 3, H, W), output (N, ``num_classes``)
    scores. ``zero_init_residual`` lets every block begin by handing on what came in.

    >>> import gradlab as gl
    >>> ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5)(gl.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: list[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
    ) -> None:
        super().__init__()
        self.inplanes = 64
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._stage(block, 64, layers[0], 1)
        self.layer2 = self._stage(block, 128, layers[1], 2)
        self.layer3 = self._stage(block, 256, layers[2], 2)
        self.layer4 = self._stage(block, 512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._initialise(zero_init_residual)

    def _stage(
        self, block: type[BasicBlock | Bottleneck], planes: int, count: int, stride: int
    ) -> nn.Sequential:
        outputs = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != outputs:
            downsample = nn.Sequential(
                _conv(self.inplanes, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )
        blocks = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = outputs
        blocks += [block(outputs, planes) for _ in range(1, count)]
        return nn.Sequential(*blocks)

    def _initialise(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    assert last.weight is not None
                    nn.init.constant_(last.weight, 0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


# ------------------------------------------------------------------ published weights


def _published(name: str) -> Weights:
    """torchvision's first weights for ImageNet, as the timm project publishes them."""
    return Weights(repo=f"timm/{name}.tv_in1k", filename="model.safetensors", num_classes=1000)


class ResNet18_Weights(Enum):
    """Weights for ``resnet18``."""

    IMAGENET1K_V1 = _published("resnet18")
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(Enum):
    """Weights for ``resnet34``."""

    IMAGENET1K_V1 = _published("resnet34")
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(Enum):
    """Weights for ``resnet50``."""

    IMAGENET1K_V1 = _published("resnet50")
    DEFAULT = IMAGENET1K_V1


def _chosen(weights: Any, pretrained: bool, known: type[Enum]) -> Weights | None:
    if weights is None:
        return known["DEFAULT"].value if pretrained else None
    if isinstance(weights, Weights):
        return weights
    if isinstance(weights, known):
        return weights.value  # type: ignore[no-any-return]
    if isinstance(weights, str):
        name = weights.rpartition(".")[2]
        if name in known.__members__:
            return known[name].value  # type: ignore[no-any-return]
    raise ValueError(f"Invalid Weight: {weights!r}. There are {', '.join(known.__members__)}.")


def _made(
    block: type[BasicBlock | Bottleneck],
    layers: list[int],
    weights: Weights | None,
    progress: bool,
    options: dict[str, Any],
) -> ResNet:
    if weights is None:
        return ResNet(block, layers, **options)
    wanted = options.setdefault("num_classes", weights.num_classes)
    if wanted != weights.num_classes:
        raise ValueError(
            "The parameter 'num_classes' expected value "
            f"{weights.num_classes} but got {wanted} instead. Load the network as it was trained, "
            "then replace its last layer: model.fc = nn.Linear(model.fc.in_features, "
            f"{wanted})."
        )
    model = ResNet(block, layers, **options)
    model.load_state_dict(get_state_dict(weights, progress))
    return model


def _constructor(
    name: str, block: type[BasicBlock | Bottleneck], layers: list[int], known: type[Enum]
) -> Callable[..., ResNet]:
    def make(
        weights: Any = None, progress: bool = True, *, pretrained: bool = False, **options: Any
    ) -> ResNet:
        if isinstance(weights, bool):  # resnet18(True), of old scripts
            weights, pretrained = None, weights
        return _made(block, layers, _chosen(weights, pretrained, known), progress, options)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"""A ResNet of {name.removeprefix("resnet")} layers.

    ``weights``: None for a network that knows nothing yet, ``"IMAGENET1K_V1"`` (or
    ``pretrained=True``) for torchvision's, trained on ImageNet, which are fetched once and kept;
    or ``Weights`` of one's own. ``progress`` shows a bar meanwhile. Options are ``ResNet``'s.
    Raises ConnectionError offline, ValueError for other weights or another ``num_classes``.

    >>> import gradlab as gl
    >>> gl.models.{name}(num_classes=10).fc.out_features
    10
    """
    return make


resnet18 = _constructor("resnet18", BasicBlock, [2, 2, 2, 2], ResNet18_Weights)
resnet34 = _constructor("resnet34", BasicBlock, [3, 4, 6, 3], ResNet34_Weights)
resnet50 = _constructor("resnet50", Bottleneck, [3, 4, 6, 3], ResNet50_Weights)
