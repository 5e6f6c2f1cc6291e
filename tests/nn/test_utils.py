"""nn.utils: clipping, vectors of parameters, and weights computed anew, as PyTorch does them."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from tests.nn.beside import assert_close, assert_same_error

torch = pytest.importorskip("torch")

RANDOM = np.random.default_rng(0)
GRADIENTS = [RANDOM.normal(size=shape) * 3 for shape in ((3, 2), (4,), ())]


def parameters(lib: Any) -> list[Any]:
    leaves = [lib.ones(a.shape, dtype=lib.float64, requires_grad=True) for a in GRADIENTS]
    for leaf, gradient in zip(leaves, GRADIENTS, strict=True):
        leaf.grad = lib.tensor(gradient)
    return [*leaves, lib.ones(2, requires_grad=True)]


@pytest.mark.parametrize("limit", [0.5, 3.0, 1e6])
@pytest.mark.parametrize("order", [2.0, 1, math.inf, 0.5])
def test_gradients_are_clipped_by_their_norm(order: float, limit: float) -> None:
    found = []
    for lib in (gl, torch):
        given = parameters(lib)
        total = lib.nn.utils.clip_grad_norm_(iter(given), limit, order)
        found.append([total, *(p.grad for p in given[:3])])
        assert given[3].grad is None
    for one, other in zip(*found, strict=True):
        assert_close(one, other, rtol=1e-12)


def test_gradients_are_clipped_by_their_elements() -> None:
    found = []
    for lib in (gl, torch):
        given = parameters(lib)
        lib.nn.utils.clip_grad_value_(given, 1.5)
        found.append([p.grad for p in given[:3]])
    for one, other in zip(*found, strict=True):
        assert_close(one, other)


def test_a_norm_that_is_not_finite_can_be_refused() -> None:
    def case(lib: Any) -> None:
        x = lib.ones(2, requires_grad=True)
        x.grad = lib.tensor([math.inf, 1.0])
        lib.nn.utils.clip_grad_norm_(x, 1.0, error_if_nonfinite=True)

    assert_same_error(case, torch)
    assert gl.nn.utils.clip_grad_norm_([], 1.0).item() == 0.0


def test_parameters_become_a_vector_and_come_back() -> None:
    model = gl.nn.Linear(3, 2)
    vector = gl.nn.utils.parameters_to_vector(model.parameters())
    assert vector.tolist() == [*model.weight.flatten().tolist(), *model.bias.tolist()]
    vector.sum().backward()
    assert model.bias.grad is not None
    gl.nn.utils.vector_to_parameters(gl.arange(8.0), model.parameters())
    assert model.weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert model.bias.tolist() == [6, 7]
    assert model.weight.requires_grad
    assert_same_error(lambda lib: lib.nn.utils.vector_to_parameters([1.0], []), torch)


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Linear": (lambda lib: lib.nn.Linear(4, 3), (5, 4)),
    "Conv2d": (lambda lib: lib.nn.Conv2d(2, 3, 3), (2, 2, 5, 5)),
    "ConvTranspose2d": (lambda lib: lib.nn.ConvTranspose2d(2, 3, 3), (2, 2, 5, 5)),
}
NORMS: dict[str, Any] = {
    "weight_norm": lambda u, m: u.weight_norm(m),
    "weight_norm of all": lambda u, m: u.weight_norm(m, dim=None),
    "weight_norm along 1": lambda u, m: u.weight_norm(m, dim=1),
    "spectral_norm": lambda u, m: u.spectral_norm(m),
    "spectral_norm, 3 steps": lambda u, m: u.spectral_norm(m, n_power_iterations=3),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_weights_computed_anew_train_as_in_pytorch(norm: Any, layer: str) -> None:
    make, shape = LAYERS[layer]
    numbers = RANDOM.normal(size=shape).astype(np.float32)
    found = []
    for lib in (gl, torch):
        lib.manual_seed(3)
        module = norm(lib.nn.utils, make(lib))
        optimizer = lib.optim.SGD(module.parameters(), lr=0.1)
        outputs = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = (module(lib.tensor(numbers)) ** 2).mean()
            loss.backward()
            optimizer.step()
            outputs.append(loss.item())
        module.eval()
        outputs.append(module(lib.tensor(numbers)).sum().item())
        found.append((outputs, {k: v.shape for k, v in module.state_dict().items()}))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4)
    assert {k: tuple(v) for k, v in found[0][1].items()} == {
        k: tuple(v) for k, v in found[1][1].items()
    }


def test_the_older_weight_norm_is_warned_of() -> None:
    with pytest.warns(FutureWarning) as theirs:
        torch.nn.utils.weight_norm(torch.nn.Linear(3, 2))
    with pytest.warns(FutureWarning) as ours:
        gl.nn.utils.weight_norm(gl.nn.Linear(3, 2))
    assert str(ours[0].message) == str(theirs[0].message)


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_a_norm_can_be_taken_off_and_put_on_but_once(kind: str) -> None:
    utils = gl.nn.utils
    layer = getattr(utils, kind)(gl.nn.Linear(3, 2))
    x = gl.ones(1, 3)
    layer.eval()
    before = layer(x)
    with pytest.raises(RuntimeError, match=f"Cannot register two {kind} hooks on the same param"):
        getattr(utils, kind)(layer)
    getattr(utils, f"remove_{kind}")(layer)
    assert_close(layer(x), before, rtol=1e-6)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match=f"{kind} of 'weight' not found in Linear"):
        getattr(utils, f"remove_{kind}")(layer)


@pytest.mark.parametrize("iterate", [list, lambda given: (one for one in given)])
def test_nothing_to_clip_is_warned_of_where_it_may_be_a_mistake(iterate: Any) -> None:
    for lib in (gl, torch):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            assert lib.nn.utils.clip_grad_norm_(iterate([]), 1.0).item() == 0
        said = [str(one.message) for one in warned]
        empty = "`parameters` is an empty generator, no gradient clipping will occur."
        assert said == ([] if iterate is list else [empty])


@pytest.mark.parametrize(
    "case",
    [
        lambda lib, x: lib.nn.utils.clip_grad_norm([x], 0.5),
        lambda lib, x: lib.nn.utils.stateless.functional_call(lib.nn.Softmax(0), {}, (x.detach(),)),
    ],
)
def test_older_names_are_warned_of(case: Any) -> None:
    found, said = [], []
    for lib in (gl, torch):
        x = lib.ones(3, requires_grad=True)
        (2 * x).sum().backward()
        with pytest.warns(FutureWarning, match="is (now )?deprecated") as warned:
            found += [case(lib, x), x.grad]
        said.append([str(one.message) for one in warned])
    assert said[0] == said[1]
    assert_close(found[0], found[2], rtol=1e-6)
    assert_close(found[1], found[3], rtol=1e-6)


def test_a_layer_made_without_initialisation_uses_up_no_random_numbers() -> None:
    for lib in (gl, torch):
        lib.manual_seed(0)
        wanted = lib.rand(3)
        lib.manual_seed(0)
        layer = lib.nn.utils.skip_init(lib.nn.Conv2d, 2, 4, 3, bias=False, dtype=lib.float64)
        assert layer.weight.dtype is lib.float64
        assert layer.weight.requires_grad
        assert lib.rand(3).tolist() == wanted.tolist()


@pytest.mark.parametrize(
    "case",
    [
        lambda nn: nn.utils.skip_init(dict),
        lambda nn: nn.utils.skip_init(3),
        lambda nn: nn.utils.skip_init(nn.ReLU),
    ],
)
def test_only_layers_with_a_device_can_do_without_initialisation(case: Any) -> None:
    assert_same_error(lambda lib: case(lib.nn), torch)
