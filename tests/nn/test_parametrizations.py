"""Weight norm, spectral norm and orthogonal matrices as parametrizations, beside PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def of(lib: Any) -> Any:
    return lib.nn.utils.parametrizations


def followed(lib: Any, make: Callable[[Any], Any], shape: tuple[int, ...], name: str) -> Any:
    """A module's text, and its tensors at first, after three steps, and in evaluation."""
    lib.manual_seed(1)
    module = make(lib)
    text = [str(module), list(module.state_dict()), [n for n, _ in module.named_parameters()]]
    x = lib.linspace(-1, 2, 60)[: lib.Size(shape).numel()].reshape(shape)
    tensors = [getattr(module, name)]
    optimizer = lib.optim.SGD(module.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        module(x).square().sum().backward()
        optimizer.step()
        tensors.append(getattr(module, name))
    module.eval()
    tensors += [getattr(module, name), module(x), *module.state_dict().values()]
    return text, tensors


LAYERS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "Linear": (lambda lib: lib.nn.Linear(5, 3), (2, 5)),
    "Conv2d": (lambda lib: lib.nn.Conv2d(2, 3, 2), (1, 2, 3, 4)),
    "ConvTranspose2d": (lambda lib: lib.nn.ConvTranspose2d(2, 3, 2), (1, 2, 2, 3)),
    "LayerNorm": (lambda lib: lib.nn.LayerNorm(4), (3, 4)),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("weight_norm", {}),
        ("weight_norm", {"dim": None}),
        ("weight_norm", {"dim": -1}),
        ("weight_norm", {"dim": 1}),
        ("spectral_norm", {}),
        ("spectral_norm", {"n_power_iterations": 3, "dim": -1}),
    ],
)
def test_normed_weights_train_as_pytorchs(
    torch: Any, layer: str, kind: str, options: dict[str, Any]
) -> None:
    if layer == "LayerNorm" and options.get("dim") == 1:
        pytest.skip("a vector has no dimension 1")
    make, shape = LAYERS[layer]

    def normed(lib: Any) -> Any:
        return getattr(of(lib), kind)(make(lib), **options)

    ours, theirs = (followed(lib, normed, shape, "weight") for lib in (gl, torch))
    assert ours[0] == theirs[0]
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert_close(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "orthogonal_map", "use_trivialization"),
    list(
        itertools.product(
            [(3, 3), (5, 3), (3, 5)], [None, "matrix_exp", "cayley", "householder"], [True, False]
        )
    ),
)
def test_orthogonal_weights_stay_orthogonal_and_train_as_pytorchs(
    torch: Any, shape: tuple[int, int], orthogonal_map: str | None, use_trivialization: bool
) -> None:
    def made(lib: Any) -> Any:
        return of(lib).orthogonal(
            lib.nn.Linear(*shape),
            orthogonal_map=orthogonal_map,
            use_trivialization=use_trivialization,
        )

    ours, theirs = (followed(lib, made, (2, shape[0]), "weight") for lib in (gl, torch))
    assert ours[0] == theirs[0]
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert_close(one, other, rtol=1e-3, atol=1e-5)
    for weight in ours[1][:5]:
        rows = weight if shape[0] >= shape[1] else weight.T
        gl.testing.assert_close(rows @ rows.T, gl.eye(3), rtol=0, atol=1e-5)


def test_a_batch_of_matrices_and_complex_ones_are_made_orthogonal(torch: Any) -> None:
    for shape, dtype in (((2, 4, 3), "float32"), ((3, 3), "complex64")):
        found = []
        for lib in (gl, torch):
            lib.manual_seed(0)
            module = lib.nn.Module()
            module.w = lib.nn.Parameter(lib.randn(shape, dtype=getattr(lib, dtype)))
            found.append(of(lib).orthogonal(module, "w").w)
        assert_close(*found, rtol=1e-4, atol=1e-5)


def test_an_orthogonal_weight_can_be_assigned_to(torch: Any) -> None:
    found = []
    for lib in (gl, torch):
        layer = of(lib).orthogonal(lib.nn.Linear(3, 3))
        layer.weight = lib.arange(9.0).view(3, 3) + lib.eye(3)
        found.append(layer.weight)
    assert_close(*found, rtol=1e-4, atol=1e-5)


def test_the_norm_becomes_one() -> None:
    layer = gl.nn.utils.parametrizations.spectral_norm(gl.nn.Linear(20, 40))
    assert gl.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=0.05)


def test_a_state_of_the_older_weight_norm_is_loaded() -> None:
    with pytest.warns(FutureWarning, match="is deprecated in favor of"):
        older = gl.nn.utils.weight_norm(gl.nn.Linear(3, 2))
    with gl.no_grad():
        older.weight_g.mul_(2)
    layer = gl.nn.utils.parametrizations.weight_norm(gl.nn.Linear(3, 2))
    layer.load_state_dict(older.state_dict())
    x = gl.ones(1, 3)
    gl.testing.assert_close(layer(x), older(x))


def shortened(lib: Any) -> None:
    of(lib).orthogonal(lib.nn.Linear(3, 3)).weight = lib.ones(2, 2)


WRONG: list[Callable[[Any], Any]] = [
    lambda lib: of(lib).weight_norm(lib.nn.Linear(2, 2), "w"),
    lambda lib: of(lib).spectral_norm(lib.nn.Linear(2, 2), "w"),
    lambda lib: of(lib).spectral_norm(lib.nn.Linear(2, 2), dim=2),
    lambda lib: of(lib).spectral_norm(lib.nn.Linear(2, 2), n_power_iterations=0),
    lambda lib: of(lib).orthogonal(lib.nn.Linear(2, 2), "w"),
    lambda lib: of(lib).orthogonal(lib.nn.Linear(2, 2), "bias"),
    lambda lib: of(lib).orthogonal(lib.nn.Linear(2, 2), orthogonal_map="turn"),
    lambda lib: of(lib).orthogonal(
        lib.nn.Linear(2, 2, dtype=lib.complex64), orthogonal_map="householder"
    ),
    shortened,
]


@pytest.mark.parametrize("case", WRONG)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Callable[[Any], Any]) -> None:
    assert_same_error(case, torch)
