"""Sequences of different lengths as one matrix, and recurrent networks that read them.

A batch is packed by its steps: first all sequences' first elements, then the second ones of those
that have any, and so on, the longest sequence first. ``batch_sizes`` says how many sequences are
still going at each step, and nothing is computed for those that have ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlab.arrays import Array, Namespace
from gradlab.op import op
from gradlab.ops.creation import tensor
from gradlab.ops.join import cat, stack, unbind
from gradlab.ops.linalg import linear
from gradlab.ops.pointwise import mul
from gradlab.ops.recurrent import STEPS, State, Step, Weights, by_layer, dropout_noise
from gradlab.samples import call, draw
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ packing


@op(
    latex=r"{input}_{t,n} \text{ of the steps } t \text{ that sequence } n \text{ has}",
    grad=dict(
        input=(
            lambda g, xp, batch_sizes, batch_first, input_shape: xp.pack_padded_backward(
                g, tuple(input_shape), batch_sizes, batch_first
            ),
            r"g \text{ at those steps, } 0 \text{ at the others}",
        )
    ),
    node="PackPaddedSequenceBackward0",
    saved=dict(
        batch_sizes=None,
        result1=lambda batch_sizes: tensor(batch_sizes),
        self_sym_sizes=None,
        input_sym_sizes="input_shape",
    ),
    public=False,
    method=False,
    samples=(
        call(draw(4, 3, 2), (3, 2, 1, 1), False),
        call(draw(2, 3), (2, 2, 1), True),
    ),
)
def pack_padded(
    xp: Namespace, input: Array, batch_sizes: tuple[int, ...], batch_first: bool
) -> Array:
    """The steps of sequences of (T, N, …) that they have, step by step."""
    steps = input.swapaxes(0, 1) if batch_first else input
    return xp.concatenate([steps[t, :count] for t, count in enumerate(batch_sizes)])


@op(
    latex=r"gradient \text{ at the steps that sequences have, } 0 \text{ at the others}",
    grad=dict(
        gradient=(
            lambda g, xp, batch_sizes, batch_first: xp.pack_padded(g, batch_sizes, batch_first),
            r"g \text{ of the steps that sequences have}",
        )
    ),
    public=False,
    method=False,
    samples=(
        call(draw(7, 2), (4, 3, 2), (3, 2, 1, 1), False),
        call(draw(5), (2, 3), (2, 2, 1), True),
    ),
)
def pack_padded_backward(
    xp: Namespace,
    gradient: Array,
    shape: tuple[int, ...],
    batch_sizes: tuple[int, ...],
    batch_first: bool,
) -> Array:
    """The gradient of the padded batch: packed steps where they came from."""
    padded = xp.zeros(shape, gradient.dtype)
    steps = padded.swapaxes(0, 1) if batch_first else padded
    start = 0
    for t, count in enumerate(batch_sizes):
        steps[t, :count] = gradient[start : start + count]
        start += count
    return padded


# ------------------------------------------------------------------ a layer


def _forwards(step: Step, gates: list[Any], state: State, weights: Weights) -> tuple[Any, State]:
    """The output at every step, and the last state of each sequence: the shortest end first."""
    outputs, ended = [], []
    for one in gates:
        going, count = len(state[0]), len(one)
        if count < going:
            ended.append(tuple(part.narrow(0, count, going - count) for part in state))
            state = tuple(part.narrow(0, 0, count) for part in state)
        state = step(one, state, weights)
        outputs.append(state[0])
    ended.append(state)
    return cat(outputs, 0), tuple(cat(parts[::-1], 0) for parts in zip(*ended, strict=True))


def _backwards(step: Step, gates: list[Any], first: State, weights: Weights) -> tuple[Any, State]:
    """The same from the end: the longest sequences begin, the others join in at their last step."""
    outputs = []
    state = tuple(part.narrow(0, 0, len(gates[-1])) for part in first)
    for one in reversed(gates):
        going, count = len(state[0]), len(one)
        if count > going:
            joining = [part.narrow(0, going, count - going) for part in first]
            state = tuple(cat(pair, 0) for pair in zip(state, joining, strict=True))
        state = step(one, state, weights)
        outputs.append(state[0])
    return cat(outputs[::-1], 0), state


def _by_steps(rows: Any, batch_sizes: Sequence[int]) -> list[Any]:
    parts, start = [], 0
    for count in batch_sizes:
        parts.append(rows.narrow(0, start, count))
        start += count
    return parts


# ------------------------------------------------------------------ layers on layers


def packed_network(
    mode: str,
    data: Tensor,
    batch_sizes: Sequence[int],
    hx: Sequence[Any],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor, ...]:
    """The output of the last layer, packed as ``data``, then each state of all layers stacked."""
    directions = (_forwards, _backwards)[: 1 + bidirectional]
    weights = by_layer(params, has_biases, num_layers * len(directions))
    before = list(zip(*(unbind(state, 0) for state in hx), strict=True))
    after = []
    for number in range(num_layers):
        outputs = []
        for i, run in enumerate(directions, number * len(directions)):
            gates = _by_steps(linear(data, weights[i].ih, weights[i].b_ih), batch_sizes)
            output, state = run(STEPS[mode], gates, before[i], weights[i])
            outputs.append(output)
            after.append(state)
        data = cat(outputs, -1) if bidirectional else outputs[0]
        if number < num_layers - 1 and dropout and train:
            data = mul(data, dropout_noise(data._array.shape, dropout, data))
    return data, *(stack(list(states), 0) for states in zip(*after, strict=True))
