"""ResNet: laid out, initialised and computing as torchvision's, rewritten here in torch.nn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close

torch = pytest.importorskip("torch")


def network(lib: Any, kind: str, layers: list[int], classes: int) -> Any:
    """The same network in either library's nn, with torchvision's names."""
    nn = lib.nn
    basic = kind == "basic"
    expansion = 1 if basic else 4

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, inputs: int, planes: int, stride: int = 1, down: Any = None) -> None:
            super().__init__()
            sizes = [(3, stride), (3, 1)] if basic else [(1, 1), (3, stride), (1, 1)]
            wide = planes * expansion
            channels = [inputs, planes, wide] if basic else [inputs, planes, planes, wide]
            for i, (size, step) in enumerate(sizes, 1):
                conv = nn.Conv2d(
                    channels[i - 1], channels[i], size, step, padding=size // 2, bias=False
                )
                setattr(self, f"conv{i}", conv)
                setattr(self, f"bn{i}", nn.BatchNorm2d(channels[i]))
            self.count = len(sizes)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = down

        def forward(self, x: Any) -> Any:
            out = x
            for i in range(1, self.count + 1):
                out = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(out))
                if i < self.count:
                    out = self.relu(out)
            return self.relu(out + (x if self.downsample is None else self.downsample(x)))

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.relu = nn.ReLU(inplace=True)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            inputs = 64
            for stage, (planes, count) in enumerate(
                zip((64, 128, 256, 512), layers, strict=True), 1
            ):
                stride = 1 if stage == 1 else 2
                wide = planes * expansion
                down = None
                if stride != 1 or inputs != wide:
                    conv = nn.Conv2d(inputs, wide, 1, stride, bias=False)
                    down = nn.Sequential(conv, nn.BatchNorm2d(wide))
                blocks = [Block(inputs, planes, stride, down)]
                blocks += [Block(wide, planes) for _ in range(count - 1)]
                setattr(self, f"layer{stage}", nn.Sequential(*blocks))
                inputs = wide
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(512 * expansion, classes)
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

        def forward(self, x: Any) -> Any:
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(lib.flatten(self.avgpool(x), 1))

    return Net()


NETWORKS = {
    "resnet18": ("basic", [2, 2, 2, 2]),
    "resnet34": ("basic", [3, 4, 6, 3]),
    "resnet50": ("bottleneck", [3, 4, 6, 3]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_gives_the_same_weights_by_the_same_names(name: str) -> None:
    gl.manual_seed(1)
    ours = getattr(gl.models, name)(num_classes=7).state_dict()
    torch.manual_seed(1)
    theirs = network(torch, *NETWORKS[name], 7).state_dict()
    assert list(ours) == list(theirs)
    for key in ours:
        assert_close(ours[key], theirs[key], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_logits_gradients_and_statistics_are_pytorchs_for_the_same_weights(name: str) -> None:
    torch.manual_seed(2)
    theirs = network(torch, *NETWORKS[name], 7)
    theirs.double()  # in float32 so deep a network's gradients differ by some 10 %
    ours = getattr(gl.models, name)(num_classes=7).double()
    ours.load_state_dict({k: gl.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    pictures = np.random.default_rng(0).normal(size=(4, 3, 64, 64))
    classes = np.array([0, 3, 6, 1])
    for lib, model in ((gl, ours), (torch, theirs)):
        loss = lib.nn.functional.cross_entropy(model(lib.tensor(pictures)), lib.tensor(classes))
        loss.backward()
    for key in ("conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.bn1.weight", "fc.bias"):
        one, other = (dict(m.named_parameters())[key].grad for m in (ours, theirs))
        assert_close(one, other, rtol=1e-6, atol=1e-8 * float(other.abs().max()))
    assert_close(ours.bn1.running_var, theirs.bn1.running_var, rtol=1e-10)
    ours.eval()
    theirs.eval()
    assert_close(
        ours(gl.tensor(pictures)).detach(),
        theirs(torch.tensor(pictures)).detach(),
        rtol=1e-8,
    )


def test_a_pytorch_file_of_weights_loads(tmp_path: Any) -> None:
    theirs = network(torch, *NETWORKS["resnet18"], 1000)
    for zipped in (True, False):
        path = tmp_path / f"resnet18-{zipped}.pth"
        torch.save(theirs.state_dict(), path, _use_new_zipfile_serialization=zipped)
        model = gl.models.resnet18()
        assert str(model.load_state_dict(gl.load(path))) == "<All keys matched successfully>"
        assert_close(model.layer3[1].conv2.weight, theirs.layer3[1].conv2.weight)


def test_a_frozen_body_gets_no_gradient_and_its_new_head_does() -> None:
    model = gl.models.resnet18()
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = gl.nn.Linear(model.fc.in_features, 10)
    optimizer = gl.optim.SGD(model.fc.parameters(), lr=0.1)
    loss = model(gl.randn(2, 3, 32, 32)).sum()
    node, seen = loss.grad_fn, []
    while node is not None:
        seen.append(node.name())
        node = next((n for n, _ in node.next_functions if n is not None), None)
    assert "ConvolutionBackward0" not in seen  # history stops at the head
    loss.backward()
    before = model.fc.bias.detach().clone()
    optimizer.step()
    assert not model.fc.bias.equal(before)
    assert [name for name, p in model.named_parameters() if p.grad is not None] == [
        "fc.weight",
        "fc.bias",
    ]
