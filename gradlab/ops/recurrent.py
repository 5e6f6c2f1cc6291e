"""Recurrent layers: the same weights applied to one step of a sequence after the other.

PyTorch records RNN and GRU step by step, and so do these: a learner sees the chain through time,
and derivatives of any order come from the operations it is made of. An LSTM in single precision is
one node per layer and direction, in PyTorch and here, whose backward pass is written by hand.

Its arrays lie with the batch as the last dimension. Then every gate is one block of memory, the
input, the state and a row of ones for the bias are one matrix (one product per step), and what has
nothing to do with the order of steps is computed for all of them at once.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gradlab import arrays, engine, generator
from gradlab.arrays import Array, Namespace
from gradlab.grad_mode import enable_grad
from gradlab.levels import by_chance, innermost
from gradlab.op import OPS, composite, op
from gradlab.ops.buffers import unbuffered
from gradlab.ops.choosing import relu, sigmoid
from gradlab.ops.join import cat, stack, unbind
from gradlab.ops.linalg import linear
from gradlab.ops.pointwise import mul
from gradlab.ops.trigonometry import tanh
from gradlab.tensor import Tensor


class Weights(NamedTuple):
    """What one layer computes with in one direction."""

    ih: Tensor
    hh: Tensor
    b_ih: Tensor | None = None
    b_hh: Tensor | None = None
    hr: Tensor | None = None  # an LSTM's projection


# ------------------------------------------------------------------ one step

# A step takes what the input contributes to the gates, the state, and the weights; it returns the
# next state. A state is a tuple, whose first tensor is the output.

State = tuple[Any, ...]
Step = Callable[[Any, State, Weights], State]


def rnn_step(activation: Callable[[Any], Any]) -> Step:
    """The step of a plain network: the activation of the sum."""

    def step(gates: Any, state: State, weights: Weights) -> State:
        return (activation(linear(state[0], weights.hh, weights.b_hh) + gates),)

    return step


def gru_step(gates: Any, state: State, weights: Weights) -> State:
    """The step of a GRU: the reset, update and new gates."""
    (h,) = state
    from_input = gates.unsafe_chunk(3, -1)
    from_state = linear(h, weights.hh, weights.b_hh).unsafe_chunk(3, -1)
    reset = sigmoid(from_state[0] + from_input[0])
    update = sigmoid(from_state[1] + from_input[1])
    new = tanh(from_input[2] + from_state[2] * reset)
    return ((h - new) * update + new,)


def lstm_step(gates: Any, state: State, weights: Weights) -> State:
    """The step of an LSTM: the input, forget, cell and output gates."""
    h, c = state
    summed: Any = linear(h, weights.hh, weights.b_hh) + gates
    parts = summed.unsafe_chunk(4, -1)
    into, forget, out = sigmoid(parts[0]), sigmoid(parts[1]), sigmoid(parts[3])
    cell = forget * c + into * tanh(parts[2])
    hidden = out * tanh(cell)
    if weights.hr is not None:
        hidden = linear(hidden, weights.hr)
    return hidden, cell


STEPS: dict[str, Step] = {
    "RNN_TANH": rnn_step(tanh),
    "RNN_RELU": rnn_step(relu),
    "GRU": gru_step,
    "LSTM": lstm_step,
}
"""The step of each kind of network, by PyTorch's name for it."""


# ------------------------------------------------------------------ all steps


def _step_by_step(
    step: Step, input: Tensor, state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    # What the input contributes is one matrix product for all steps.
    gates = unbind(linear(input, weights.ih, weights.b_ih), 0)
    outputs = []
    for one in reversed(gates) if reverse else gates:
        state = step(one, state, weights)
        outputs.append(state[0])
    return stack(outputs[::-1] if reverse else outputs, 0), state


def _lstm_in_one(
    input: Tensor, state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    biases = () if weights.b_ih is None else (weights.b_ih, weights.b_hh)
    tensors = [input, weights.ih, weights.hh, *biases, *state]
    wanted = input._requires_grad
    output, hy, cy, _, _ = OPS["lstm_layer"].function(tensors, reverse, wanted)
    return output, (hy, cy)


# ------------------------------------------------------------------ an LSTM layer in one


def _parts(tensors: Sequence[Any]) -> tuple[Any, Any, Any, Any, Any, Any, Any]:
    """Input, weights, biases or None, and the two states."""
    input, w_ih, w_hh, *biases, hx, cx = tensors
    b_ih, b_hh = biases or (None, None)
    return input, w_ih, w_hh, b_ih, b_hh, hx, cx


def _lstm_gradients(
    arrived: Sequence[Any],
    tensors: Sequence[Any],
    output: Any,
    gates: Any,
    tanh_cells: Any,
    reverse: bool,
    to_input: bool,
) -> Sequence[Any]:
    if isinstance(output, Tensor):
        return _gradients_by_steps(tensors, arrived[:3], reverse)
    with unbuffered():  # blocks of 1,000 numbers with gaps between: a third of the time
        return _gradients_at_once(arrived, tensors, output, gates, tanh_cells, reverse, to_input)


def _gradients_by_steps(
    tensors: Sequence[Any], arrived: Sequence[Any], reverse: bool
) -> Sequence[Any]:
    """The gradients with a history of their own: those of the layer taken step by step."""
    with enable_grad():
        own = [one.view_as(one) for one in tensors]  # to differentiate by these, and no further
        input, w_ih, w_hh, b_ih, b_hh, hx, cx = _parts(own)
        weights = Weights(w_ih, w_hh, b_ih, b_hh)
        output, state = _step_by_step(lstm_step, input, (hx, cx), weights, reverse)
        pairs = [(y, g) for y, g in zip((output, *state), arrived, strict=True) if g is not None]
        needed = [one for one in own if one.requires_grad]
        roots, gs = zip(*pairs, strict=True)
        found = iter(engine.grad(roots, needed, gs, create_graph=True, allow_unused=True))
    return [next(found) if one.requires_grad else None for one in own]


def _gradients_at_once(
    arrived: Sequence[Any],
    tensors: Sequence[Any],
    output: Any,
    gates: Any,
    tanh_cells: Any,
    reverse: bool,
    to_input: bool,
) -> Sequence[Any]:
    """The gradients of a layer: back through the steps for the gates, the rest in large products.

    The sweep's products need only two blocks: what the gradient of the state is multiplied by, and
    what that of the cell is. Both are known for all steps before it begins.
    """
    input, w_ih, w_hh, b_ih, _, hx, _ = _parts(tensors)
    library = arrays.array_module(output)
    steps, batch, hidden = output.shape
    of_output, of_h, of_c = arrived[:3]
    if reverse:
        input, output = input[::-1], output[::-1]
        of_output = None if of_output is None else of_output[::-1]

    slopes = _slopes(library, gates, tanh_cells)
    by_gate = slopes.swapaxes(0, 1)  # of i, f, g, o, and of the cell through tanh
    d_gates = slopes.reshape(steps, 5 * hidden, batch)[:, : 4 * hidden]
    dh = library.zeros((hidden, batch), output.dtype) if of_h is None else of_h.T.copy()
    dc = library.zeros((hidden, batch), output.dtype) if of_c is None else of_c.T.copy()
    turned = (
        itertools.repeat(None)
        if of_output is None
        else library.ascontiguousarray(of_output.swapaxes(1, 2))[::-1]
    )
    w_back = w_hh.T
    matmul, multiply, add = library.matmul, library.multiply, library.add
    # Loops take a step's views out of prepared ones, which is three times as fast as indexing, and
    # multiply gate by gate: broadcasting over gates takes longer than the calls it saves.
    for d_output, i, f, g, o, cell, forget, at_step in zip(
        turned, *by_gate[:, ::-1], gates[::-1, 1], d_gates[::-1], strict=False
    ):
        if d_output is not None:
            add(dh, d_output, dh)
        multiply(o, dh, o)
        multiply(cell, dh, cell)
        add(dc, cell, dc)
        multiply(i, dc, i)
        multiply(f, dc, f)
        multiply(g, dc, g)
        multiply(dc, forget, dc)
        matmul(w_back, at_step, dh)

    rows = library.empty((steps, batch, 4 * hidden), output.dtype)
    rows[...] = d_gates.swapaxes(1, 2)
    d_rows = rows.reshape(steps * batch, 4 * hidden)
    states = library.concatenate((hx[None], output[:-1])).reshape(steps * batch, hidden)
    d_input = None
    if to_input:
        d_input = (d_rows @ w_ih).reshape(input.shape)
        d_input = d_input[::-1] if reverse else d_input
    found = [d_input, d_rows.T @ input.reshape(len(d_rows), input.shape[2]), d_rows.T @ states]
    if b_ih is not None:
        d_bias = library.ones(steps * batch, output.dtype) @ d_rows
        found += [d_bias, d_bias.copy()]
    return [*found, dh.T, dc.T]


def _slopes(xp: Namespace, gates: Array, tanh_cells: Array) -> Array:
    """(T, 5, H, N): how i, f, g and o, before their activations, and the cell pass gradients on.

    The first three to be multiplied by the gradient of the cell, the others by the state's.
    """
    steps, _, hidden, batch = gates.shape
    slopes = xp.empty((steps, 5, hidden, batch), gates.dtype)
    i, o, g = gates[:, 0], gates[:, 2], gates[:, 3]
    for of, value, by in (
        (slopes[:, :2], gates[:, :2], gates[:, 3:]),  # i and f by g and the cell before
        (slopes[:, 3], o, tanh_cells),
    ):
        xp.multiply(value, value, of)
        xp.subtract(value, of, of)
        xp.multiply(of, by, of)
    for of, value, by in ((slopes[:, 2], g, i), (slopes[:, 4], tanh_cells, o)):
        xp.multiply(value, value, of)
        xp.subtract(1, of, of)
        xp.multiply(of, by, of)
    return slopes


@op(
    latex=r"h_{t} = o_{t} \tanh c_{t}, \quad c_{t} = f_{t} \, c_{t-1} + i_{t} \, \tilde{c}_{t}",
    grad=dict(
        tensors=(
            lambda arrived, tensors, output, gates, tanh_cells, reverse, to_input: _lstm_gradients(
                arrived, tensors, output, gates, tanh_cells, reverse, to_input
            ),
            r"\text{back through the steps: } \bar{c}_{t-1} = f_{t} \, \bar{c}_{t}, \; "
            r"\bar{h}_{t-1} = W^{\mathsf T} \bar{z}_{t}",
        )
    ),
    node="MkldnnRnnLayerBackward0",
    outputs=("output", "hy", "cy", "gates", "tanh_cells"),
    public=False,
    method=False,
)
def lstm_layer(
    xp: Namespace, tensors: list[Array], reverse: bool, to_input: bool
) -> tuple[Array, ...]:
    """An LSTM layer: of (T, N, input) the output (T, N, H), and the last state and cell.

    ``tensors``: the input, two weights, two biases or none, and the states before the first step.
    ``to_input``: whether the input gets a gradient. For the backward pass the values of the gates
    i, f, o, g and the cells before each step are returned too, (T, 5, H, N), and tanh of the cells.
    """
    input, w_ih, w_hh, b_ih, b_hh, hx, cx = _parts(tensors)
    if reverse:
        input = input[::-1]
    steps, batch, features = input.shape
    hidden = w_hh.shape[1]
    weights = _weights_in_one(xp, w_ih, w_hh, None if b_ih is None else b_ih + b_hh)
    columns = xp.ones((steps + 1, weights.shape[1], batch), input.dtype)  # input, state, ones
    columns[:steps, :features] = input.swapaxes(1, 2)
    states = columns[:, features : features + hidden]
    states[0] = hx.T
    gates = xp.empty((steps + 1, 5, hidden, batch), input.dtype)  # the last cell comes after all
    gates[0, 4] = cx.T
    tanh_cells = xp.empty((steps, hidden, batch), input.dtype)
    of_input, of_cell = products = xp.empty((2, hidden, batch), input.dtype)
    half = xp.asarray(0.5, input.dtype)
    matmul, multiply, add, tanh = xp.matmul, xp.multiply, xp.add, xp.tanh
    before, flat = gates[:-1], gates.reshape(steps + 1, 5 * hidden, batch)[:-1]
    for column, four, three, two, out, new_and_cell, cell, tanh_cell, state in zip(
        columns[:-1], flat[:, : 4 * hidden], flat[:, : 3 * hidden], before[:, :2], before[:, 2],
        before[:, 3:], gates[1:, 4], tanh_cells, states[1:], strict=True,
    ):  # fmt: skip
        matmul(weights, column, four)
        tanh(four, four)
        multiply(three, half, three)  # sigmoid(2x) is (1 + tanh x) / 2, and one call does all four
        add(three, half, three)
        multiply(two, new_and_cell, products)
        add(of_input, of_cell, cell)
        tanh(cell, tanh_cell)
        multiply(out, tanh_cell, state)
    output = states[1:].swapaxes(1, 2).copy()
    hy, cy = output[-1].copy(), gates[-1, 4].T.copy()
    return (output[::-1].copy() if reverse else output), hy, cy, before, tanh_cells


def _weights_in_one(xp: Namespace, w_ih: Array, w_hh: Array, bias: Array | None) -> Array:
    """Weights and bias side by side; gates in the order i, f, o, g, and halved but for g."""
    hidden = w_hh.shape[1]
    parts = [w_ih, w_hh] if bias is None else [w_ih, w_hh, bias[:, None]]
    weights = xp.empty((4, hidden, sum(part.shape[1] for part in parts)), w_hh.dtype)
    start = 0
    for part in parts:
        by_gate = part.reshape(4, hidden, -1)
        end = start + part.shape[1]
        xp.multiply(by_gate[:2], 0.5, weights[:2, :, start:end])
        xp.multiply(by_gate[3], 0.5, weights[2, :, start:end])
        weights[3, :, start:end] = by_gate[2]
        start = end
    return weights.reshape(4 * hidden, start)


# ------------------------------------------------------------------ layers on layers


def _network(
    mode: str,
    input: Any,
    hx: Sequence[Any],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """The output of the last layer at every step, then each state of all layers stacked."""
    if batch_first:
        input = input.transpose(0, 1)
    if not input._array.shape[0]:
        raise RuntimeError(
            "Expected sequence length to be larger than 0 in RNN: there is no step to take in an "
            f"input of shape {list(input.shape)}"
        )
    directions = 2 if bidirectional else 1
    weights = by_layer(params, has_biases, num_layers * directions)
    if mode == "LSTM" and _is_in_one([input, *hx, *params], weights[0]):
        run, input = _lstm_in_one, input.contiguous()
        before = [tuple(state[i] for state in hx) for i in range(len(weights))]
    else:
        run = functools.partial(_step_by_step, STEPS[mode])
        before = list(zip(*(unbind(state, 0) for state in hx), strict=True))
    after = []
    for number in range(num_layers):
        outputs = []
        for i in range(number * directions, (number + 1) * directions):
            output, state = run(input, before[i], weights[i], i % directions == 1)
            outputs.append(output)
            after.append(state)
        input = cat(outputs, -1) if bidirectional else outputs[0]
        if number < num_layers - 1 and dropout and train and input._array.size:
            input = mul(input, dropout_noise(input._array.shape, dropout, input))
    output = input
    if batch_first:  # PyTorch transposes an LSTM's output out of place, the others' in place
        output = OPS["transpose" if mode == "LSTM" else "transpose_own"].function(input, 0, 1)
    return output, *(stack(list(states), 0) for states in zip(*after, strict=True))


def _is_in_one(tensors: Sequence[Tensor], weights: Weights) -> bool:
    """Whether an LSTM's layers are one node each: PyTorch's are for float32, unprojected.

    Not inside of transformations, which know rules for what the steps are made of.
    """
    return (
        weights.hr is None
        and innermost(tensors) is None
        and all(one.dtype is arrays.float32 for one in tensors)
    )


def by_layer(params: Sequence[Tensor], has_biases: bool, count: int) -> list[Weights]:
    """The weights of every layer and direction, which come in one list."""
    each = len(params) // count
    if each * count != len(params) or each not in ((4, 5) if has_biases else (2, 3)):
        raise RuntimeError(
            f"got an incorrect number of RNN parameters: {len(params)} for {count} layers and "
            "directions"
        )
    found = []
    for start in range(0, len(params), each):
        own = list(params[start : start + each])
        projection = own.pop() if each in (3, 5) else None
        found.append(Weights(*own, *[None] * (4 - len(own)), hr=projection))  # type: ignore[misc]
    return found


@by_chance
def dropout_noise(shape: tuple[int, ...], p: float, like: Any) -> Tensor:
    """Zeros with probability ``p``, else 1 / (1 - p), to multiply ``like`` by."""
    noise = generator.default_generator.dropout_mask(shape, p, like._array.dtype)
    return Tensor._wrap(arrays.move(noise, like.device))


def _publish(name: str, mode: str, what: str) -> None:
    def network(
        input: Tensor,
        hx: Any,
        params: Sequence[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Tensor, ...]:
        states = hx if mode == "LSTM" else (hx,)
        return _network(
            mode, input, states, params, has_biases, num_layers, dropout, train, bidirectional,
            batch_first,
        )  # fmt: skip

    shown = "(h, c)" if mode == "LSTM" else "h"
    gates = {"LSTM": 4, "GRU": 3}.get(mode, 1)
    network.__doc__ = (
        f"{what} on weights that are given, as its layer in ``gradlab.nn`` calls it.\n\n"
        "``params`` are the weights of all layers and directions in one list. Returns the output "
        "at every\nstep and the last states.\n\n"
        ">>> import gradlab as gl\n"
        f">>> h, c = gl.zeros(1, 2, 3), gl.zeros(1, 2, 3)\n"
        f">>> params = [gl.ones({gates * 3}, 4), gl.ones({gates * 3}, 3)]\n"
        f">>> options = (False, 1, 0.0, True, False, False)\n"
        f">>> gl.{name}(gl.ones(5, 2, 4), {shown}, params, *options)[0].shape\n"
        "torch.Size([5, 2, 3])"
    )
    composite(name, method=False)(network)


_publish("rnn_tanh", "RNN_TANH", "A recurrent network with tanh")
_publish("rnn_relu", "RNN_RELU", "A recurrent network with relu")
_publish("gru", "GRU", "A network of gated recurrent units")
_publish("lstm", "LSTM", "A network of long short-term memory")
