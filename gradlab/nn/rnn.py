"""Recurrent layers and their cells: networks that read a sequence step by step."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

from gradlab.arrays import dtype as Dtype
from gradlab.nn import init
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.nn.utils.rnn import PackedSequence
from gradlab.op import FUNCTIONS
from gradlab.ops.creation import empty, zeros
from gradlab.ops.linalg import linear
from gradlab.ops.packed import packed_network
from gradlab.ops.recurrent import STEPS, Weights
from gradlab.tensor import Tensor

# ------------------------------------------------------------------ whole sequences

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What recurrent networks have in common: ``mode`` names the kind, as ``"GRU"``.

    >>> RNNBase("GRU", 2, 3).weight_ih_l0.shape
    torch.Size([9, 2])
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        _check_dropout(dropout, num_layers)
        _check_options(bias, batch_first)
        _check_sizes(input_size, hidden_size, num_layers, proj_size)
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        for names in self._all_weights:
            for name, size in zip(names, self._sizes(names[0]), strict=True):
                setattr(self, name, Parameter(empty(size, device=device, dtype=dtype)))
        self.reset_parameters()

    @property
    def _all_weights(self) -> list[list[str]]:
        """The names of the weights of each layer and direction."""
        stems = ["weight_ih", "weight_hh", *["bias_ih", "bias_hh"] * self.bias]
        stems += ["weight_hr"] * (self.proj_size > 0)
        return [
            [f"{stem}_l{layer}{suffix}" for stem in stems]
            for layer in range(self.num_layers)
            for suffix in ["", "_reverse"][: self._directions]
        ]

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        """How many features the state, and each direction's output, has."""
        return self.proj_size or self.hidden_size

    def _sizes(self, first_name: str) -> list[tuple[int, ...]]:
        """The shapes of the weights of the layer whose first weight has this name."""
        rows = _GATES[self.mode] * self.hidden_size
        is_first = first_name.removesuffix("_reverse").endswith("_l0")
        features = self.input_size if is_first else self._output_size * self._directions
        biases: list[tuple[int, ...]] = [(rows,), (rows,)] if self.bias else []
        projection = [(self.proj_size, self.hidden_size)] if self.proj_size else []
        return [(rows, features), (rows, self._output_size), *biases, *projection]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights, in a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def reset_parameters(self) -> None:
        """Draw all weights anew, evenly from ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: where the weights lie in memory is no matter here."""

    # ------------------------------------------------------------------ running

    def _run(self, input: Tensor, states: Any, batched: bool) -> tuple[Tensor, ...]:
        """The output and the last states, of an input with a batch, which is taken off again."""
        function = FUNCTIONS[self.mode.lower()]
        given = states if self.mode == "LSTM" else states[0]
        output, *after = function(input, given, *self._options, self.batch_first)
        if batched:
            return output, *after
        return output.squeeze(self._batch_dim), *(state.squeeze(1) for state in after)

    def _run_packed(self, input: PackedSequence, states: Any) -> tuple[Any, ...]:
        """The output, packed, and the last states in the order that sequences had before."""
        states = [_in_order(state, input.sorted_indices) for state in states]
        sizes = input.batch_sizes.tolist()
        output, *after = packed_network(self.mode, input.data, sizes, states, *self._options)
        packed = PackedSequence(output, *input[1:])
        return packed, *(_in_order(state, input.unsorted_indices) for state in after)

    @property
    def _options(self) -> tuple[Any, ...]:
        """The weights in one list, and what is to be done with them."""
        flat = [weight for weights in self.all_weights for weight in weights]
        plain = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        return flat, *plain

    @property
    def _batch_dim(self) -> int:
        return 0 if self.batch_first else 1

    def _batched(self, input: Any, said: str = "") -> tuple[Any, bool]:
        """The input with a batch, and whether it had one."""
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{self._kind}: Expected input to be 2D or 3D, got {input.dim()}D{said} instead"
            )
        if input.dim() == 3:
            return input, True
        return input.unsqueeze(self._batch_dim), False

    @property
    def _kind(self) -> str:
        return self.mode.split("_")[0]

    def _zeros(self, input: Any, size: int, batch: int) -> Tensor:
        """The state before the first step where none is given."""
        shape = (self.num_layers * self._directions, batch, size)
        return zeros(shape, dtype=input.dtype, device=input.device)  # type: ignore[no-any-return]

    def _one_state(self, input: Any, hx: Any, said: str) -> tuple[Any, Tensor]:
        """Output and last state of a network that has only one."""
        if isinstance(input, PackedSequence):
            if hx is None:
                hx = self._zeros(input.data, self.hidden_size, int(input.batch_sizes[0]))
            self.check_forward_args(input.data, hx, input.batch_sizes)
            return self._run_packed(input, (hx,))
        input, batched = self._batched(input, said)
        if hx is None:
            hx = self._zeros(input, self.hidden_size, input.size(self._batch_dim))
        elif batched and hx.dim() != 3:
            raise RuntimeError(
                f"For batched 3-D input, hx should also be 3-D but got {hx.dim()}-D tensor"
            )
        elif not batched:
            if hx.dim() != 2:
                raise RuntimeError(
                    f"For unbatched 2-D input, hx should also be 2-D but got {hx.dim()}-D tensor"
                )
            hx = hx.unsqueeze(1)
        self.check_forward_args(input, hx)
        return self._run(input, (hx,), batched)  # type: ignore[return-value]

    # ------------------------------------------------------------------ checks

    def check_input(self, input: Tensor, batch_sizes: Tensor | None = None) -> None:
        """Raise the error for an input of another dtype than the weights', or of another size.

        With ``batch_sizes`` it is packed, and has one dimension less.
        """
        dtype = self.all_weights[0][0].dtype
        if input.dtype is not dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). "
                f"Convert input: input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        dimensions = 3 if batch_sizes is None else 2
        if input.dim() != dimensions:
            raise RuntimeError(f"input must have {dimensions} dimensions, got {input.dim()}")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(
        self, input: Tensor, batch_sizes: Tensor | None = None
    ) -> tuple[int, int, int]:
        """The shape that a state must have for an input with a batch."""
        counts = input.size(self._batch_dim) if batch_sizes is None else batch_sizes[0]
        batch = int(counts)
        return self.num_layers * self._directions, batch, self._output_size

    def check_hidden_size(
        self, hx: Tensor, expected: tuple[int, ...], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise the error for a state of another shape than ``expected``."""
        if tuple(hx.size()) != expected:
            raise RuntimeError(msg.format(expected, list(hx.size())))

    def check_forward_args(
        self, input: Tensor, hidden: Any, batch_sizes: Tensor | None = None
    ) -> None:
        """Raise the error for an input or a state that doesn't fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def extra_repr(self) -> str:
        usual = [
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ]
        unusual = [f"{n}={getattr(self, n)}" for n, value in usual if getattr(self, n) != value]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *unusual])


def _in_order(state: Any, order: Tensor | None) -> Any:
    """A state with its batch in another order."""
    return state if order is None else state.index_select(1, order)


def _check_dropout(dropout: float, num_layers: int) -> None:
    is_number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not is_number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            f"element being zeroed, and it is {dropout!r}"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )


def _check_options(bias: bool, batch_first: bool) -> None:
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")


def _check_sizes(input_size: int, hidden_size: int, num_layers: int, proj_size: int) -> None:
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNN(RNNBase):
    """``h = tanh(W_ih x + b_ih + W_hh h + b_hh)`` at every step of a sequence.

    Takes the size of the input and of the state, the number of layers, the nonlinearity
    (``"tanh"`` or ``"relu"``), and: ``bias``; ``batch_first``, for sequences (N, T, features)
    instead of (T, N, features); ``dropout``, its probability between layers; ``bidirectional``.
    Called with a sequence and, if not zeros, the first state of each layer (layers, N, hidden),
    it returns the last layer's state at each step and each layer's last. Without a batch, all have
    one dimension less. Of a ``PackedSequence`` the output is packed, too.

    >>> import gradlab as gl
    >>> output, last = RNN(3, 4)(gl.ones(5, 2, 3))
    >>> output.shape, last.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Dtype | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse_projection(kwargs)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device=device, dtype=dtype, **kwargs,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        return self._one_state(input, hx, " tensor")


class GRU(RNNBase):
    """A network of gated recurrent units.

    Arguments and results as of ``RNN``, but for the nonlinearity.

    >>> import gradlab as gl
    >>> output, last = GRU(3, 4, num_layers=2, batch_first=True)(gl.ones(2, 5, 3))
    >>> output.shape, last.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        return self._one_state(input, hx, "")


def _refuse_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class LSTM(RNNBase):
    """A network of long short-term memory.

    Arguments and results as of ``RNN``, but for the nonlinearity; states are pairs ``(h, c)`` of
    hidden state and cell. With ``proj_size``, the hidden state is projected to that size.

    >>> import gradlab as gl
    >>> output, (h, c) = LSTM(3, 4, bidirectional=True)(gl.ones(5, 2, 3))
    >>> output.shape, h.shape, c.shape
    (torch.Size([5, 2, 8]), torch.Size([2, 2, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(
        self, input: Any, hx: tuple[Any, Any] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        if isinstance(input, PackedSequence):
            if hx is None:
                hx = self._two_zeros(input.data, int(input.batch_sizes[0]))
            self.check_forward_args(input.data, hx, input.batch_sizes)
            packed, *last = self._run_packed(input, hx)
            return packed, tuple(last)
        input, batched = self._batched(input)
        if hx is None:
            hx = self._two_zeros(input, input.size(self._batch_dim))
        else:
            dims = (hx[0].dim(), hx[1].dim())
            if batched and dims != (3, 3):
                raise RuntimeError(
                    "For batched 3-D input, hx and cx should also be 3-D but got "
                    f"({dims[0]}-D, {dims[1]}-D) tensors"
                )
            if not batched:
                if dims != (2, 2):
                    raise RuntimeError(
                        "For unbatched 2-D input, hx and cx should also be 2-D but got "
                        f"({dims[0]}-D, {dims[1]}-D) tensors"
                    )
                hx = hx[0].unsqueeze(1), hx[1].unsqueeze(1)
        self.check_forward_args(input, hx)
        output, *last = self._run(input, hx, batched)
        return output, tuple(last)  # type: ignore[return-value]

    def _two_zeros(self, input: Any, batch: int) -> tuple[Tensor, Tensor]:
        sizes = self._output_size, self.hidden_size
        return tuple(self._zeros(input, size, batch) for size in sizes)  # type: ignore[return-value]

    def check_forward_args(
        self, input: Tensor, hidden: Any, batch_sizes: Tensor | None = None
    ) -> None:
        """Raise the error for an input, a state or a cell that doesn't fit."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], expected, "Expected hidden[0] size {}, got {}")
        of_cell = (*expected[:2], self.hidden_size)
        self.check_hidden_size(hidden[1], of_cell, "Expected hidden[1] size {}, got {}")


# ------------------------------------------------------------------ one step


class RNNCellBase(Module):
    """What the cells have in common: weights for ``num_chunks`` gates.

    >>> RNNCellBase(2, 3, bias=False, num_chunks=4).weight_hh.shape
    torch.Size([12, 3])
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        made = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty((rows, input_size), **made))
        self.weight_hh = Parameter(empty((rows, hidden_size), **made))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty((rows,), **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew, evenly from ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, mode: str, input: Any, states: Any) -> tuple[Tensor, ...]:
        """The next states; zeros are the first ones where ``states`` is None."""
        if input.dim() not in (1, 2):
            raise ValueError(
                f"{self._get_name()}: Expected input to be 1D or 2D, got {input.dim()}D instead"
            )
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
            states = states and [state.unsqueeze(0) for state in states]
        if states is None:
            shape = (input.size(0), self.hidden_size)
            first = zeros(shape, dtype=input.dtype, device=input.device)
            states = [first] * (2 if mode == "LSTM" else 1)
        self._check(input, states)
        weights = Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        gates = linear(input, self.weight_ih, self.bias_ih)
        after = STEPS[mode](gates, tuple(states), weights)
        return after if batched else tuple(state.squeeze(0) for state in after)

    def _check(self, input: Any, states: Any) -> None:
        if input.size(1) != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.size(1)} expected {self.input_size}"
            )
        for number, state in enumerate(states):
            if state.size(0) != input.size(0):
                raise RuntimeError(
                    f"Input batch size {input.size(0)} doesn't match hidden{number} batch size "
                    f"{state.size(0)}"
                )
            if state.size(1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden{number} has inconsistent hidden_size: got {state.size(1)}, expected "
                    f"{self.hidden_size}"
                )

    def _check_hidden(self, hx: Any) -> None:
        if hx is not None and hx.dim() not in (1, 2):
            raise ValueError(
                f"{self._get_name()}: Expected hidden to be 1D or 2D, got {hx.dim()}D instead"
            )

    def extra_repr(self) -> str:
        sizes = f"{self.input_size}, {self.hidden_size}"
        return sizes if self.bias else f"{sizes}, bias={self.bias}"


class RNNCell(RNNCellBase):
    """One step of ``RNN``: from an input (N, input_size) and a state to the next state.

    >>> import gradlab as gl
    >>> RNNCell(3, 4)(gl.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        self._check_hidden(hx)
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        mode = f"RNN_{self.nonlinearity.upper()}"
        return self._step(mode, input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        unusual = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + unusual


class GRUCell(RNNCellBase):
    """One step of ``GRU``: from an input (N, input_size) and a state to the next state.

    >>> import gradlab as gl
    >>> GRUCell(3, 4)(gl.ones(2, 3), gl.zeros(2, 4)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        self._check_hidden(hx)
        return self._step("GRU", input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """One step of ``LSTM``: from an input and a pair ``(h, c)`` of states to the next pair.

    >>> import gradlab as gl
    >>> h, c = LSTMCell(3, 4)(gl.ones(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        for number, state in enumerate(hx or ()):
            if state.dim() not in (1, 2):
                raise ValueError(
                    f"LSTMCell: Expected hx[{number}] to be 1D or 2D, got {state.dim()}D instead"
                )
        return self._step("LSTM", input, hx)  # type: ignore[return-value]
