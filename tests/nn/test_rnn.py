"""Recurrent layers and cells: weights, results, gradients, graphs and errors are PyTorch's."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import gradlab as gl
from gradlab.op import OPS
from tests.nn.beside import assert_close, assert_same_error


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def node_names(root: Any) -> list[str]:
    """The names of all nodes below a root, sorted."""
    found, seen, waiting = [], set(), [root]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found.append(node.name().rpartition("::")[2])
        waiting += [below for below, _ in node.next_functions]
    return sorted(found)


def trained(lib: Any, kind: str, dtype: str, given: bool, options: dict[str, Any]) -> Any:
    """A network after one backward pass: its text, tensors to compare, and its graph."""
    rng = np.random.default_rng(0)
    hidden = options.get("proj_size", 6)
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    batch = 3 if options.get("batch_first") else 4
    lib.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dropout with one layer, and of PyTorch's projections
        network = getattr(lib.nn, kind)(5, 6, dtype=getattr(lib, dtype), **options)
        x = lib.tensor(rng.standard_normal((3, 4, 5)).astype(dtype), requires_grad=True)
        states = [
            lib.tensor(rng.standard_normal((layers, batch, size)).astype(dtype), requires_grad=True)
            for size in (hidden, 6)
        ]
        hx = None if not given else tuple(states) if kind == "LSTM" else states[0]
        output, last = network(x, hx)
    last = last if kind == "LSTM" else (last,)
    ((output * output).sum() + sum((one * one * one).sum() for one in last)).backward()
    grads = [t.grad for t in (x, *states, *network.parameters()) if t.grad is not None]
    tensors = [output, *last, *grads]
    weights = [p.detach().numpy().tobytes() for p in network.parameters()]
    text = (repr(network), list(network.state_dict()), weights)
    return text, tensors, (node_names(output.grad_fn), output.stride())


OPTIONS = [
    {},
    {"num_layers": 2, "dropout": 0.4},
    {"bias": False, "batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True, "dropout": 0.4, "bias": False},
]


@pytest.mark.parametrize(
    ("kind", "dtype", "given", "options"),
    [
        *itertools.product(["RNN", "GRU", "LSTM"], ["float32", "float64"], [False, True], OPTIONS),
        *itertools.product(["RNN"], ["float32"], [True], [{"nonlinearity": "relu"}]),
        *itertools.product(
            ["LSTM"],
            ["float32", "float64"],
            [False, True],
            [{"proj_size": 2}, {"proj_size": 2, "bidirectional": True, "num_layers": 2}],
        ),
    ],
)
def test_a_network_is_pytorchs(
    torch: Any, kind: str, dtype: str, given: bool, options: dict[str, Any]
) -> None:
    ours, theirs = (trained(lib, kind, dtype, given, options) for lib in (gl, torch))
    assert ours[0] == theirs[0]
    tolerance = {"rtol": 1e-3, "atol": 2e-5} if dtype == "float32" else {"rtol": 1e-8, "atol": 1e-9}
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert_close(one, other, **tolerance)
    assert ours[2] == theirs[2]


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_without_a_batch_everything_has_one_dimension_less(
    torch: Any, kind: str, batch_first: bool
) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        network = getattr(lib.nn, kind)(3, 4, batch_first=batch_first)
        output, last = network(lib.ones(5, 3))
        h = last[0] if kind == "LSTM" else last
        hx = (h, h) if kind == "LSTM" else h
        found.append((output, h, network(lib.ones(5, 3), hx)[0]))
    for one, other in zip(*found, strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNNCell", {}),
        ("RNNCell", {"nonlinearity": "relu", "bias": False}),
        ("GRUCell", {}),
        ("GRUCell", {"bias": False}),
        ("LSTMCell", {}),
    ],
)
@pytest.mark.parametrize("shape", [(2, 3), (3,)])
def test_a_cell_is_pytorchs(torch: Any, kind: str, options: dict[str, Any], shape: Any) -> None:
    found = []
    for lib in (gl, torch):
        lib.manual_seed(0)
        cell = getattr(lib.nn, kind)(3, 4, **options)
        x = lib.ones(shape).requires_grad_()
        first = cell(x)
        second = cell(x, first)
        outputs = second if isinstance(second, tuple) else (second,)
        sum(one.sum() for one in outputs).backward()
        grads = [x.grad, *(p.grad for p in cell.parameters())]
        names = node_names(outputs[0].grad_fn)
        found.append((repr(cell), list(cell.state_dict()), names, [*outputs, *grads]))
    ours, theirs = found
    assert ours[:3] == theirs[:3]
    for one, other in zip(ours[3], theirs[3], strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------ an LSTM layer in one node


def lstm_arguments(biases: bool) -> list[Any]:
    gl.manual_seed(0)
    shapes = [(3, 2, 2), (12, 2), (12, 3), *[(12,), (12,)] * biases, (2, 3), (2, 3)]
    return [gl.randn(*shape, dtype=gl.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("outputs", [(0,), (1,), (2,), (0, 1, 2)])
def test_the_fused_gradients_are_those_of_differences(
    biases: bool, reverse: bool, outputs: tuple[int, ...]
) -> None:
    def layer(*tensors: Any) -> Any:
        results = OPS["lstm_layer"].function(list(tensors), reverse, True)
        return tuple(results[i] for i in outputs)

    assert gl.autograd.gradcheck(layer, lstm_arguments(biases))
    assert gl.autograd.gradgradcheck(layer, lstm_arguments(biases))


def test_recorded_gradients_are_the_plain_ones() -> None:
    gl.manual_seed(0)
    network = gl.nn.LSTM(3, 4, bidirectional=True)
    x = gl.randn(5, 2, 3, requires_grad=True)
    wanted = [x, *network.parameters()]
    loss = network(x)[0].square().sum()
    plain = gl.autograd.grad(loss, wanted, retain_graph=True)
    recorded = gl.autograd.grad(loss, wanted, create_graph=True)
    for one, other in zip(plain, recorded, strict=True):
        np.testing.assert_allclose(one.numpy(), other.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_state_that_depends_on_the_input_gets_only_its_own_gradient() -> None:
    gl.manual_seed(0)
    network = gl.nn.LSTM(3, 3)
    x = gl.randn(1, 2, 3, requires_grad=True)
    state = x * 2
    loss = network(x, (state, state))[0].square().sum()
    (plain,) = gl.autograd.grad(loss, x, retain_graph=True)
    (recorded,) = gl.autograd.grad(loss, x, create_graph=True)
    np.testing.assert_allclose(plain.numpy(), recorded.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_no_sequences_at_all_have_gradients_of_zeros() -> None:
    lstm = gl.nn.LSTM(6, 3)
    x = gl.zeros(4, 0, 6, requires_grad=True)
    lstm(x)[0].sum().backward()
    assert x.grad.shape == (4, 0, 6)
    assert all((parameter.grad == 0).all() for parameter in lstm.parameters())


def test_weights_changed_before_backward_are_noticed() -> None:
    network = gl.nn.LSTM(2, 3)
    loss = network(gl.ones(4, 1, 2))[0].sum()
    with gl.no_grad():
        network.weight_hh_l0.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_transformations_take_the_steps() -> None:
    gl.manual_seed(0)
    network = gl.nn.LSTM(2, 3)
    x = gl.randn(4, 5, 1, 2)
    batched = gl.func.vmap(lambda one: network(one)[0])(x)
    for i in range(4):
        np.testing.assert_allclose(
            batched[i].detach().numpy(), network(x[i])[0].detach().numpy(), rtol=1e-5, atol=1e-6
        )


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "case",
    [
        lambda lib: lib.nn.LSTM(3, 4)(lib.ones(2)),
        lambda lib: lib.nn.RNN(3, 4)(lib.ones(2)),
        lambda lib: lib.nn.GRU(3, 4)(lib.ones(2, 2, 2, 2)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.ones(2, 2, 5)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.ones(2, 2, 3), (lib.ones(1, 2, 4), lib.ones(1, 3, 4))),
        lambda lib: lib.nn.LSTM(3, 4)(lib.ones(2, 2, 3), (lib.ones(2, 4), lib.ones(2, 4))),
        lambda lib: lib.nn.LSTM(3, 4)(lib.ones(2, 3), (lib.ones(1, 1, 4), lib.ones(1, 1, 4))),
        lambda lib: lib.nn.GRU(3, 4)(lib.ones(2, 2, 3), lib.ones(2, 2, 4)),
        lambda lib: lib.nn.GRU(3, 4)(lib.ones(2, 2, 3), lib.ones(2, 4)),
        lambda lib: lib.nn.GRU(3, 4)(lib.ones(2, 3), lib.ones(1, 1, 4)),
        lambda lib: lib.nn.RNN(3, 4)(lib.ones(2, 2, 3, dtype=lib.float64)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.ones(0, 2, 3)),
        lambda lib: lib.nn.LSTM(3, 4, proj_size=4),
        lambda lib: lib.nn.LSTM(3, 4, proj_size=-1),
        lambda lib: lib.nn.GRU(3, 4, proj_size=2),
        lambda lib: lib.nn.RNN(3, 4, nonlinearity="selu"),
        lambda lib: lib.nn.LSTM(3, 0),
        lambda lib: lib.nn.LSTM(3.0, 2),
        lambda lib: lib.nn.LSTM(3, 2, num_layers=0),
        lambda lib: lib.nn.LSTM(3, 2, 1, 1),
        lambda lib: lib.nn.LSTM(3, 2, dropout=2),
        lambda lib: lib.nn.LSTMCell(3, 4)(lib.ones(1, 1, 3)),
        lambda lib: lib.nn.LSTMCell(3, 4)(lib.ones(2, 2)),
        lambda lib: lib.nn.GRUCell(3, 4)(lib.ones(2, 3), lib.ones(3, 4)),
        lambda lib: lib.nn.GRUCell(3, 4)(lib.ones(2, 3), lib.ones(2, 5)),
        lambda lib: lib.nn.RNNCell(3, 4)(lib.ones(2, 3), lib.ones(2, 4, 1)),
        lambda lib: lib.nn.RNNCell(3, 4, nonlinearity="x")(lib.ones(2, 3)),
    ],
)
def test_errors_begin_with_pytorchs_words(torch: Any, case: Any) -> None:
    assert_same_error(case, torch)


def test_dropout_that_nothing_comes_of_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        gl.nn.GRU(2, 3, dropout=0.5)


def test_all_weights_and_flatten_parameters() -> None:
    network = gl.nn.LSTM(2, 3, bidirectional=True)
    network.flatten_parameters()
    assert [len(weights) for weights in network.all_weights] == [4, 4]
    assert network.all_weights[1][0] is network.weight_ih_l0_reverse


def test_numpys_buffers_are_as_before_after_a_backward_pass() -> None:
    before = np.getbufsize()
    gl.nn.LSTM(2, 3)(gl.ones(4, 1, 2))[0].sum().backward()
    assert np.getbufsize() == before
