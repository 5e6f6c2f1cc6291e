"""Initial weights: after the same seed, PyTorch's numbers."""

from __future__ import annotations

from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.mark.parametrize("shape", [(3, 2), (40, 30), (4, 3, 5, 5)])
@pytest.mark.parametrize(
    "fill",
    [
        lambda init, t: init.uniform_(t),
        lambda init, t: init.uniform_(t, -2, 3),
        lambda init, t: init.normal_(t),
        lambda init, t: init.normal_(t, 1, 0.5),
        lambda init, t: init.constant_(t, 0.3),
        lambda init, t: init.ones_(t),
        lambda init, t: init.zeros_(t),
        lambda init, t: init.xavier_uniform_(t),
        lambda init, t: init.xavier_uniform_(t, gain=init.calculate_gain("relu")),
        lambda init, t: init.xavier_normal_(t),
        lambda init, t: init.kaiming_uniform_(t),
        lambda init, t: init.kaiming_uniform_(t, a=0.2, mode="fan_out"),
        lambda init, t: init.kaiming_normal_(t, nonlinearity="relu"),
        lambda init, t: init.kaiming_normal_(t, mode="FAN_IN", nonlinearity="tanh"),
    ],
)
def test_after_the_same_seed_the_numbers_are_pytorchs(torch: Any, fill: Any, shape: Any) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(7)
        tensor = lib.empty(*shape, requires_grad=True)
        version = tensor._version
        assert fill(lib.nn.init, tensor) is tensor
        assert tensor._version > version
        assert tensor.requires_grad
        assert tensor.grad_fn is None
        found.append(tensor.detach().numpy().tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_starts_from_pytorchs_weights(torch: Any, dtype: str) -> None:
    found = []
    for lib in (gl, torch):
        nn = lib.nn
        lib.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(1000, 100, dtype=getattr(lib, dtype)),
            nn.ReLU(),
            nn.Linear(100, 10, bias=False),
            nn.Linear(10, 3),
        )
        found.append([p.detach().numpy().tobytes() for p in model.parameters()])
    assert found[0] == found[1]


def test_a_generator_of_ones_own_is_used(torch: Any) -> None:
    found = [
        lib.nn.init.uniform_(lib.empty(3), generator=lib.Generator().manual_seed(3)).tolist()
        for lib in (gl, torch)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "param"),
    [
        ("linear", None),
        ("conv2d", None),
        ("sigmoid", None),
        ("tanh", None),
        ("relu", None),
        ("leaky_relu", None),
        ("leaky_relu", 0.2),
        ("leaky_relu", 1),
        ("selu", None),
    ],
)
def test_gains_are_pytorchs(torch: Any, name: str, param: Any) -> None:
    assert gl.nn.init.calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: lib.nn.init.calculate_gain("unknown"),
        lambda lib: lib.nn.init.calculate_gain("leaky_relu", "a"),
        lambda lib: lib.nn.init.calculate_gain("leaky_relu", True),
        lambda lib: lib.nn.init.xavier_uniform_(lib.empty(3)),
        lambda lib: lib.nn.init.kaiming_normal_(lib.empty(2, 2), mode="fan"),
        lambda lib: lib.nn.init.normal_(lib.empty(3), std=-1.0),
    ],
)
def test_what_cannot_be_initialised_is_told_in_pytorchs_words(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


def test_an_empty_tensor_is_left_alone_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        gl.nn.init.kaiming_uniform_(gl.empty(2, 0))


# ------------------------------------------------------------------ of a special form


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(4, 6), (6, 4), (30, 20), (4, 2, 3), (4, 3, 3, 2), (4, 4, 1, 2, 3)]
)
@pytest.mark.parametrize(
    "fill",
    [
        lambda init, t: init.trunc_normal_(t),
        lambda init, t: init.trunc_normal_(t, 1, 0.5, -1, 1.2),
        lambda init, t: init.trunc_normal_(t, 0.0, 1.0, 2.0, 4.0),
        lambda init, t: init.orthogonal_(t),
        lambda init, t: init.orthogonal_(t, 2.0),
        lambda init, t: init.eye_(t) if t.dim() == 2 else t.zero_(),
        lambda init, t: init.dirac_(t) if t.dim() > 2 else t.zero_(),
        lambda init, t: init.dirac_(t, 2) if t.dim() > 2 else t.zero_(),
        lambda init, t: init.sparse_(t, 0.3) if t.dim() == 2 else t.zero_(),
    ],
)
def test_weights_of_a_special_form_are_pytorchs_to_rounding(
    torch: Any, fill: Any, shape: Any, dtype: str
) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(5)
        found.append(fill(lib.nn.init, lib.empty(*shape, dtype=getattr(lib, dtype))))
    assert_close(*found, rtol=1e-5, atol=2e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: lib.nn.init.eye_(lib.empty(3)),
        lambda lib: lib.nn.init.sparse_(lib.empty(3, 2, 1), 0.1),
        lambda lib: lib.nn.init.dirac_(lib.empty(3, 2)),
        lambda lib: lib.nn.init.dirac_(lib.empty(3, 2, 1), 2),
        lambda lib: lib.nn.init.orthogonal_(lib.empty(3)),
    ],
)
def test_weights_that_cant_have_the_form_are_refused(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


def test_bounds_far_from_the_mean_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        gl.nn.init.trunc_normal_(gl.empty(3), mean=5.0, std=0.5, a=0.0, b=1.0)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("uniform", (-2, 3)),
        ("normal", (1, 0.5)),
        ("constant", (0.3,)),
        ("eye", ()),
        ("dirac", ()),
        ("xavier_uniform", (0.7,)),
        ("xavier_normal", ()),
        ("kaiming_uniform", (0.2, "fan_out")),
        ("kaiming_normal", ()),
        ("orthogonal", ()),
    ],
)
def test_older_names_are_warned_of(torch: Any, name: str, arguments: Any) -> None:
    found, said = [], []
    for lib in (gl, torch):
        lib.manual_seed(7)
        tensor = lib.empty(*((4, 3, 2) if name == "dirac" else (4, 3)))
        with pytest.warns(FutureWarning, match=f"{name}_`.$") as warned:
            assert getattr(lib.nn.init, name)(tensor, *arguments) is tensor
        found.append(tensor)
        said.append([str(one.message) for one in warned])
    assert said[0] == said[1]
    if name == "orthogonal":  # drawn otherwise, as docs/pytorch_names.md says
        assert_close(found[0].T @ found[0], torch.eye(3), atol=1e-6)
    else:
        assert_close(*found, rtol=1e-6)
