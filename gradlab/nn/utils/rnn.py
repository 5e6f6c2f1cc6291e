"""Sequences of different lengths in one batch: padded to the longest one, or packed.

>>> import gradlab as gl
>>> sequences = [gl.tensor([1, 2, 3]), gl.tensor([4])]
>>> pad_sequence(sequences, batch_first=True)
tensor([[1, 2, 3],
        [4, 0, 0]])
>>> pack_sequence(sequences)
PackedSequence(data=tensor([1, 4, 2, 3]), batch_sizes=tensor([2, 1, 1]), sorted_indices=None, unsorted_indices=None)
"""  # noqa: E501  # as it is printed

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

from gradlab import arrays
from gradlab.nn.parameter import typename
from gradlab.op import FUNCTIONS, OPS
from gradlab.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

# ------------------------------------------------------------------ padding


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of different lengths, (L, …) each, as one tensor of the longest one's length.

    It is (T, N, …), or (N, T, …) with ``batch_first``; what is missing is filled with
    ``padding_value`` at the ``padding_side``, "right" or "left". Raises RuntimeError for no
    sequences, for another side, and for sequences whose other dimensions differ.

    >>> import gradlab as gl
    >>> pad_sequence([gl.ones(2), gl.ones(3)], batch_first=True, padding_side="left")
    tensor([[0., 1., 1.],
            [1., 1., 1.]])
    """
    given = _listed(sequences)
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    lengths = [len(one) for one in given]
    longest = max(lengths)
    rest = given[0].shape[1:]
    size = (len(given), longest) if batch_first else (longest, len(given))
    padded: Any = FUNCTIONS["full"](
        (*size, *rest), padding_value, dtype=given[0].dtype, device=given[0].device
    )
    for number, (one, length) in enumerate(zip(given, lengths, strict=True)):
        start = longest - length if padding_side == "left" else 0
        row = padded.select(0 if batch_first else 1, number)
        row.narrow(0, start, length).copy_(one)
    return padded  # type: ignore[no-any-return]


def _listed(sequences: Any) -> list[Any]:
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    given = list(sequences)
    if not given:
        raise RuntimeError("received an empty list of sequences")
    for number, one in enumerate(given):
        if not isinstance(one, Tensor):
            raise TypeError(
                f"expected Tensor as element {number} in argument 0, but got {typename(one)}"
            )
        if not one.dim():
            raise RuntimeError(f"a sequence has at least one dimension, but number {number} has 0")
    return given


def unpad_sequence(padded_sequences: Any, lengths: Tensor, batch_first: bool = False) -> list[Any]:
    """The sequences that ``pad_sequence`` made (T, N, …) of, given their lengths.

    >>> import gradlab as gl
    >>> unpad_sequence(gl.tensor([[1, 4], [2, 0]]), gl.tensor([2, 1]))
    [tensor([1, 2]), tensor([4])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    place = FUNCTIONS["arange"](rows.shape[1], device=lengths.device)
    return [row[place < length] for row, length in zip(rows, lengths, strict=True)]


# ------------------------------------------------------------------ packing


class _Fields(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Fields):
    """A batch of sequences of different lengths, as recurrent layers take it.

    ``data``: all steps of all sequences, the first ones of all first; ``batch_sizes``: how many
    sequences have each step, on the CPU. ``sorted_indices`` put the sequences in the order of their
    lengths, and ``unsorted_indices`` back; both are None where they were sorted. Made by
    ``pack_sequence`` and ``pack_padded_sequence``. Raises ValueError for sizes on a GPU.

    >>> import gradlab as gl
    >>> pack_sequence([gl.ones(2), gl.ones(1)]).double().data.dtype
    torch.float64
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError(
                    "Expected data to be a list or tuple of length 2: give data and batch_sizes"
                )
            data, batch_sizes = data
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. They should be instantiated by functions like pack_sequence and "
                "pack_padded_sequences in nn.utils.rnn."
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The sequence with its data moved or converted; itself where that changes nothing."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = [
            None if one is None else one.to(data.device)
            for one in (self.sorted_indices, self.unsorted_indices)
        ]
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self) -> Self:
        """The sequence on the CPU."""
        return self.to("cpu")

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """The sequence on a GPU."""
        return self.to(*(args or ("cuda",)), **kwargs)

    @property
    def is_cuda(self) -> bool:
        """Whether the data lies on a GPU."""
        return bool(self.data.is_cuda)

    def is_pinned(self) -> bool:
        """Whether the data lies in page-locked memory."""
        return bool(self.data.is_pinned())

    def pin_memory(self) -> Self:
        """The sequence with its data in page-locked memory, where there is such."""
        data = self.data.pin_memory()
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def double(self) -> Self:
        """The sequence in float64."""
        return self.to(arrays.float64)

    def float(self) -> Self:
        """The sequence in float32."""
        return self.to(arrays.float32)

    def half(self) -> Self:
        """The sequence in float16."""
        return self.to(arrays.float16)

    def long(self) -> Self:
        """The sequence in int64."""
        return self.to(arrays.int64)

    def int(self) -> Self:
        """The sequence in int32."""
        return self.to(arrays.int32)

    def short(self) -> Self:
        """The sequence in int16."""
        return self.to(arrays.int16)

    def char(self) -> Self:
        """The sequence in int8."""
        return self.to(arrays.int8)

    def byte(self) -> Self:
        """The sequence in uint8."""
        return self.to(arrays.uint8)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one; None for None.

    >>> import gradlab as gl
    >>> invert_permutation(gl.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    return permutation.argsort()  # type: ignore[no-any-return]


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """A padded batch of sequences, (T, N, …) or with ``batch_first`` (N, T, …), packed.

    ``lengths``: that of each, a list or a tensor on the CPU. The longest must come first; with
    ``enforce_sorted=False`` they are sorted here, and put back when unpacked. Raises RuntimeError
    for lengths that are not sorted, not as many as sequences, below 1, or above T.

    >>> import gradlab as gl
    >>> pack_padded_sequence(gl.tensor([[1, 4], [2, 0]]), [2, 1]).data
    tensor([1, 4, 2])
    """
    if not isinstance(lengths, Tensor):
        lengths = FUNCTIONS["tensor"](list(lengths), dtype=arrays.int64)
    order = None
    if not enforce_sorted:
        lengths, order = FUNCTIONS["sort"](lengths, stable=True, descending=True)
        order = order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    counts = _checked_lengths(input, lengths, batch_first)
    sizes = tuple(sum(count > t for count in counts) for t in range(counts[0]))
    data = OPS["pack_padded"].function(input, sizes, batch_first)
    return PackedSequence(data, FUNCTIONS["tensor"](list(sizes)), order)


def _checked_lengths(input: Any, lengths: Any, batch_first: bool) -> list[int]:
    """The lengths, the longest first; RuntimeError where they don't fit the input."""
    if lengths.dim() != 1 or lengths.is_cuda:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D {lengths.device} {lengths.dtype.type_name} tensor"
        )
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    steps, batch = (input.size(dim) for dim in ((1, 0) if batch_first else (0, 1)))
    counts = [int(count) for count in lengths.tolist()]
    if len(counts) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} "
            f"(batch_size={batch})"
        )
    if sorted(counts, reverse=True) != counts:
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if counts[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            f"that is <= 0: {counts[-1]}"
        )
    if counts[0] > steps:
        raise RuntimeError(
            f"a sequence of length {counts[0]} is not in an input of {steps} steps "
            f"(its shape is {list(input.shape)}, and batch_first={batch_first})"
        )
    return counts


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded batch, (T, N, …) or with ``batch_first`` (N, T, …), and the lengths.

    The sequences are in the order that they had before packing. ``total_length``: T, if it is to be
    more than the longest sequence's. Raises ValueError where it is less.

    >>> import gradlab as gl
    >>> pad_packed_sequence(pack_sequence([gl.ones(1), gl.ones(2)], enforce_sorted=False))
    (tensor([[1., 1.],
            [0., 1.]]), tensor([1, 2]))
    """
    sizes = sequence.batch_sizes.tolist()
    if total_length is not None and total_length < len(sizes):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {len(sizes)}"
        )
    padded = _padded(sequence.data, sizes, padding_value, total_length or len(sizes))
    if batch_first:
        padded = padded.transpose(0, 1)
    counts = [sum(size > number for size in sizes) for number in range(sizes[0])]
    lengths: Any = FUNCTIONS["tensor"](counts)
    back = sequence.unsorted_indices
    if back is not None:
        padded = padded.index_select(0 if batch_first else 1, back)
        lengths = lengths[back.cpu()]
    return padded, lengths


def _padded(data: Any, sizes: Sequence[int], padding_value: float, steps: int) -> Any:
    """(T, N, …) of packed data: runs of steps of equally many sequences are copied at once."""
    padded = FUNCTIONS["full"](
        (steps, sizes[0], *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device
    )
    row = step = 0
    for size, run in groupby(sizes):
        count = len(list(run))
        part = data.narrow(0, row, count * size).view(count, size, *data.shape[1:])
        padded.narrow(0, step, count).narrow(1, 0, size).copy_(part)
        row += count * size
        step += count
    return padded


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Sequences of different lengths, (L, …) each, packed: the longest first.

    With ``enforce_sorted=False`` they may come in any order. Errors as of ``pack_padded_sequence``.

    >>> import gradlab as gl
    >>> pack_sequence([gl.tensor([1, 2, 3]), gl.tensor([4, 5])]).data
    tensor([1, 4, 2, 5, 3])
    """
    lengths = [len(one) for one in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences that were packed, in their order.

    >>> import gradlab as gl
    >>> unpack_sequence(pack_sequence([gl.tensor([1, 2]), gl.tensor([4])]))
    [tensor([1, 2]), tensor([4])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
