"""Layers, losses, optimisers and loaders must compute on a CUDA device what they do on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import gradlab as gl
from gradlab import nn, optim

Case = tuple[str, Callable[[], Any], tuple[tuple[int, ...], ...]]

ACTIVATIONS = [
    "CELU", "ELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
    "LogSigmoid", "Mish", "PReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus",
    "Softshrink", "Softsign", "Tanh", "Tanhshrink",
]  # fmt: skip

# What it is called, how to make it, and the shapes of what it takes.
LAYERS: list[Case] = [
    ("Linear", lambda: nn.Linear(5, 3), ((4, 5),)),
    ("Bilinear", lambda: nn.Bilinear(5, 3, 2), ((4, 5), (4, 3))),
    ("Conv1d", lambda: nn.Conv1d(4, 6, 3, padding=1), ((2, 4, 9),)),
    ("Conv2d", lambda: nn.Conv2d(4, 6, 3, padding=1), ((2, 4, 8, 8),)),
    ("Conv2d 1x1", lambda: nn.Conv2d(4, 6, 1), ((2, 4, 8, 8),)),
    ("Conv2d stride 2", lambda: nn.Conv2d(4, 6, 3, stride=2), ((2, 4, 9, 9),)),
    ("Conv2d dilated", lambda: nn.Conv2d(4, 6, 3, dilation=2), ((2, 4, 9, 9),)),
    ("Conv2d groups", lambda: nn.Conv2d(4, 6, 3, groups=2), ((2, 4, 8, 8),)),
    ("Conv2d depthwise", lambda: nn.Conv2d(4, 4, 3, groups=4), ((2, 4, 8, 8),)),
    (
        "Conv2d reflect",
        lambda: nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
        ((2, 4, 8, 8),),
    ),
    ("Conv3d", lambda: nn.Conv3d(2, 3, 3), ((2, 2, 5, 5, 5),)),
    ("ConvTranspose1d", lambda: nn.ConvTranspose1d(4, 6, 3), ((2, 4, 9),)),
    ("ConvTranspose2d", lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1), ((2, 4, 5, 5),)),
    ("MaxPool1d", lambda: nn.MaxPool1d(2), ((2, 3, 8),)),
    ("MaxPool2d", lambda: nn.MaxPool2d(3, stride=2, padding=1), ((2, 3, 8, 8),)),
    ("AvgPool2d", lambda: nn.AvgPool2d(2), ((2, 3, 8, 8),)),
    ("AdaptiveAvgPool2d", lambda: nn.AdaptiveAvgPool2d((3, 2)), ((2, 3, 8, 8),)),
    ("AdaptiveMaxPool2d", lambda: nn.AdaptiveMaxPool2d(3), ((2, 3, 8, 8),)),
    ("BatchNorm1d", lambda: nn.BatchNorm1d(5), ((4, 5),)),
    ("BatchNorm2d", lambda: nn.BatchNorm2d(3), ((4, 3, 5, 5),)),
    ("LayerNorm", lambda: nn.LayerNorm(6), ((4, 5, 6),)),
    ("GroupNorm", lambda: nn.GroupNorm(2, 4), ((3, 4, 5, 5),)),
    ("InstanceNorm2d", lambda: nn.InstanceNorm2d(3, affine=True), ((2, 3, 5, 5),)),
    ("RMSNorm", lambda: nn.RMSNorm(6), ((4, 6),)),
    ("LocalResponseNorm", lambda: nn.LocalResponseNorm(2), ((2, 4, 5, 5),)),
    ("Dropout", lambda: nn.Dropout(0.4), ((6, 5),)),
    ("Dropout2d", lambda: nn.Dropout2d(0.4), ((2, 6, 3, 3),)),
    ("Upsample nearest", lambda: nn.Upsample(scale_factor=2), ((2, 3, 4, 4),)),
    ("Upsample bilinear", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), ((2, 3, 4, 4),)),
    ("PixelShuffle", lambda: nn.PixelShuffle(2), ((2, 8, 3, 3),)),
    ("Flatten", lambda: nn.Flatten(), ((2, 3, 4),)),
    ("RNN", lambda: nn.RNN(4, 6), ((5, 3, 4),)),
    ("GRU", lambda: nn.GRU(4, 6, num_layers=2), ((5, 3, 4),)),
    ("LSTM", lambda: nn.LSTM(4, 6, bidirectional=True), ((5, 3, 4),)),
    ("LSTMCell", lambda: nn.LSTMCell(4, 6), ((3, 4),)),
    ("MultiheadAttention", lambda: nn.MultiheadAttention(8, 2), ((5, 3, 8),) * 3),
    (
        "TransformerEncoderLayer",
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu"),
        ((5, 3, 8),),
    ),
    (
        "TransformerDecoderLayer",
        lambda: nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0),
        ((5, 3, 8), (4, 3, 8)),
    ),
    *((name, getattr(nn, name), ((4, 5),)) for name in ACTIVATIONS),
    ("GLU", nn.GLU, ((4, 6),)),
    ("LogSoftmax", lambda: nn.LogSoftmax(1), ((4, 5),)),
    ("Softmax", lambda: nn.Softmax(1), ((4, 5),)),
    ("L1Loss", nn.L1Loss, ((4, 5), (4, 5))),
    ("MSELoss", nn.MSELoss, ((4, 5), (4, 5))),
    ("SmoothL1Loss", nn.SmoothL1Loss, ((4, 5), (4, 5))),
    ("HuberLoss", nn.HuberLoss, ((4, 5), (4, 5))),
    ("KLDivLoss", lambda: nn.KLDivLoss(reduction="batchmean"), ((4, 5), (4, 5))),
    ("TripletMarginLoss", nn.TripletMarginLoss, ((4, 5), (4, 5), (4, 5))),
]

# How each optimiser is made from parameters: every one, and every branch of its formula.
OPTIMISERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3, maximize=True)),
    ("Adam", dict()),
    ("Adam", dict(amsgrad=True, weight_decay=0.01, maximize=True)),
    ("AdamW", dict(amsgrad=True)),
    ("RMSprop", dict()),
    ("RMSprop", dict(centered=True, momentum=0.9, weight_decay=0.1)),
    ("Adagrad", dict(lr_decay=0.1, weight_decay=0.1)),
    ("Adadelta", dict()),
    ("Adamax", dict()),
    ("NAdam", dict()),
    ("NAdam", dict(weight_decay=0.1, decoupled_weight_decay=True)),
    ("RAdam", dict(weight_decay=0.1)),
    ("RAdam", dict(weight_decay=0.1, decoupled_weight_decay=True)),
    ("ASGD", dict(t0=2)),
    ("Rprop", dict()),
]


def in_order(value: Any) -> Iterator[gl.Tensor]:
    """The floating-point tensors of a result, however it is nested."""
    if isinstance(value, gl.Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from in_order(one)


def passed(make: Callable[[], Any], shapes: tuple[tuple[int, ...], ...], device: str) -> list[Any]:
    """Outputs and gradients of a layer made and fed from a seed on the CPU, run on `device`."""
    with gl.device("cpu"):
        gl.manual_seed(0)
        layer = make()
        inputs = [gl.rand(shape) + 0.1 * index for index, shape in enumerate(shapes)]
    layer = layer.to(device)
    given = [one.to(device).requires_grad_() for one in inputs]
    outputs = list(in_order(layer(*given)))
    sum(((out * out).sum() for out in outputs), start=gl.zeros((), device=device)).backward()
    found = [*outputs, *(one.grad for one in given), *(p.grad for p in layer.parameters())]
    return [one for one in found if one is not None]


def assert_same(
    found: list[Any], expected: list[Any], rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    assert all(one.is_cuda for one in found)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert gl.allclose(one.cpu(), other, rtol=rtol, atol=atol)


class NetworksOnTheDevice:
    """Tests for while the default device is a GPU."""

    @pytest.mark.parametrize(
        ("make", "shapes"), [c[1:] for c in LAYERS], ids=[c[0] for c in LAYERS]
    )
    def test_a_layer_and_its_gradients_are_those_of_the_cpu(
        self, make: Callable[[], Any], shapes: tuple[tuple[int, ...], ...]
    ) -> None:
        expected = passed(make, shapes, "cpu")
        assert_same(passed(make, shapes, "cuda"), expected)

    @pytest.mark.parametrize("dtype", [gl.float64, gl.float32, gl.float16], ids=str)
    @pytest.mark.parametrize(("name", "options"), OPTIMISERS)
    def test_an_optimiser_goes_where_it_goes_on_the_cpu(
        self, name: str, options: dict[str, Any], dtype: Any
    ) -> None:
        def trained(device: str) -> list[Any]:
            with gl.device("cpu"):
                gl.manual_seed(0)
                starts = [gl.randn(3, 4), gl.randn(5)]
            params = [start.to(device, dtype).requires_grad_() for start in starts]
            optimizer = getattr(optim, name)(params, **options)
            for _ in range(8):
                optimizer.zero_grad()
                sum((x * x).sum() for x in params).backward()
                optimizer.step()
            return [x.detach().double() for x in params]

        # A GPU multiplies and adds in one rounding, and quotients of small numbers enlarge that.
        close = {gl.float64: 1e-9, gl.float32: 1e-4, gl.float16: 1e-2}[dtype]
        assert_same(trained("cuda"), trained("cpu"), close, close)

    def test_a_search_of_lbfgs_goes_where_it_goes_on_the_cpu(self) -> None:
        def found(device: str) -> list[Any]:
            x = gl.arange(6.0, device="cpu").to(device).requires_grad_()
            optimizer = optim.LBFGS([x], lr=0.1, max_iter=4)

            def closure() -> Any:
                optimizer.zero_grad()
                loss = ((x * x - 1) ** 2).sum()
                loss.backward()
                return loss

            optimizer.step(closure)
            return [x.detach()]

        assert_same(found("cuda"), found("cpu"))

    def test_complex_numbers_go_downhill(self) -> None:
        def trained(device: str) -> list[Any]:
            x = gl.tensor([1 + 2j, -3j], device="cpu").to(device).requires_grad_()
            optimizers = [optim.SGD([x], lr=0.1, momentum=0.9), optim.Adam([x])]
            for optimizer in optimizers * 3:
                optimizer.zero_grad()
                (x * x.conj()).real.sum().backward()
                optimizer.step()
            return [gl.view_as_real(x.detach())]

        assert_same(trained("cuda"), trained("cpu"))

    def test_classes_are_learned_from_a_loader(self) -> None:
        gl.manual_seed(0)
        x = gl.randn(64, 6)
        classes = (x[:, 0] > 0).long()
        data = gl.utils.data.TensorDataset(x.cpu(), classes.cpu())
        model = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 2))
        optimizer = optim.Adam(model.parameters(), lr=0.05)
        losses = []
        for _ in range(5):
            for inputs, wanted in gl.utils.data.DataLoader(data, batch_size=16):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(inputs.cuda()), wanted.cuda())
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        assert losses[-1] < losses[0] / 2

    def test_a_resnet_takes_a_step(self) -> None:
        model = gl.models.resnet18(num_classes=4)
        optimizer = optim.SGD(model.parameters(), lr=0.01)
        before = model.fc.weight.detach().clone()
        loss = nn.functional.cross_entropy(model(gl.randn(2, 3, 32, 32)), gl.tensor([1, 3]))
        loss.backward()
        optimizer.step()
        assert all(parameter.grad.is_cuda for parameter in model.parameters())
        assert not gl.equal(before, model.fc.weight)

    def test_a_checkpoint_goes_to_the_cpu_and_back(self, tmp_path: Any) -> None:
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        gl.save(model.state_dict(), tmp_path / "model.pt")
        there = gl.load(tmp_path / "model.pt", map_location="cpu")
        assert not any(value.is_cuda for value in there.values())
        model.load_state_dict(there)
        assert all(value.is_cuda for value in model.state_dict().values())

    def test_clipping_and_norms_of_gradients(self) -> None:
        layer = nn.Linear(4, 3)
        layer(gl.ones(2, 4)).sum().backward()
        norm = nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        assert norm.is_cuda
        after = gl.cat([p.grad.flatten() for p in layer.parameters()]).norm().item()
        assert after == pytest.approx(1.0, rel=1e-4)
