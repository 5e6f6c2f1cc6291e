"""Embedding: a learned vector for each of a number of things, or one for each bag of them."""

from __future__ import annotations

from typing import Any

from gradlab.arrays import dtype as Dtype
from gradlab.grad_mode import no_grad
from gradlab.nn import init
from gradlab.nn.functions.embedding import embedding, embedding_bag
from gradlab.nn.module import Module
from gradlab.nn.parameter import Parameter
from gradlab.ops.creation import empty
from gradlab.tensor import Tensor


class Embedding(Module):
    """A table of ``num_embeddings`` vectors of ``embedding_dim`` numbers, looked up by number.

    ``weight`` is drawn from the standard normal distribution; the row ``padding_idx`` is zeros and
    stays so. Other options as for ``functional.embedding``. ``_weight``: the table to use.

    >>> import gradlab as gl
    >>> Embedding(10, 3)(gl.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
    torch.Size([2, 4, 3])
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _row("Padding_idx", padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        size = (num_embeddings, embedding_dim)
        if _weight is None:
            made = empty(size, device=device, dtype=dtype)
            self.weight = Parameter(made, requires_grad=not _freeze)
            self.reset_parameters()
            return
        if tuple(_weight.shape) != size:
            raise AssertionError(
                "Shape of weight does not match num_embeddings and embedding_dim: "
                f"{list(_weight.shape)} and {list(size)}"
            )
        self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        _draw(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer on a table that exists already; ``freeze``: it is not trained.

        >>> import gradlab as gl
        >>> Embedding.from_pretrained(gl.tensor([[1.0, 2.0]]))(gl.tensor(0))
        tensor([1., 2.])
        """
        if embeddings.ndim != 2:
            raise AssertionError(
                "Embeddings parameter is expected to be 2-dimensional "
                f"(it has {embeddings.ndim} dimensions)"
            )
        rows, columns = embeddings.shape
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append("scale_grad_by_freq=True")
        if self.sparse:
            parts.append("sparse=True")
        return ", ".join(parts)


class EmbeddingBag(Module):
    """A table of vectors as ``Embedding``'s, of which each bag's sum, mean or maximum is taken.

    ``mode``: which, "sum", "mean" or "max". ``weight`` is drawn from the standard normal
    distribution; the row ``padding_idx`` is zeros and counts for nothing. Called with numbers of
    rows, and offsets and weights as ``functional.embedding_bag`` takes them, which has the other
    options, too.

    >>> import gradlab as gl
    >>> bags = EmbeddingBag(10, 3, mode="sum")
    >>> bags(gl.tensor([1, 2, 4, 5, 4]), gl.tensor([0, 3])).shape
    torch.Size([2, 3])
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = _row("padding_idx", padding_idx, num_embeddings)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        size = (num_embeddings, embedding_dim)
        if _weight is None:
            self.weight = Parameter(empty(size, device=device, dtype=dtype))
            self.reset_parameters()
            return
        if tuple(_weight.shape) != size:
            raise AssertionError(
                "Shape of weight does not match num_embeddings and embedding_dim: "
                f"{list(_weight.shape)} and {list(size)}"
            )
        self.weight = Parameter(_weight)

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        _draw(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A layer on a table that exists already; ``freeze``: it is not trained.

        >>> import gradlab as gl
        >>> bags = EmbeddingBag.from_pretrained(gl.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> bags(gl.tensor([[0, 1]]))
        tensor([[2., 3.]])
        """
        if embeddings.dim() != 2:
            raise AssertionError(
                "Embeddings parameter is expected to be 2-dimensional "
                f"(it has {embeddings.dim()} dimensions)"
            )
        rows, columns = embeddings.shape
        made = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        made.weight.requires_grad = not freeze
        return made

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        return embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append("scale_grad_by_freq=True")
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)


def _draw(weight: Parameter, padding_idx: int | None) -> None:
    """Fill a table with normally distributed numbers, its padding's row with zeros."""
    init.normal_(weight)
    if padding_idx is not None:
        with no_grad():
            weight[padding_idx].fill_(0)


def _row(name: str, padding_idx: int | None, num_embeddings: int) -> int | None:
    """The row that ``padding_idx`` names, counted from the first."""
    if padding_idx is None:
        return None
    if not -num_embeddings <= padding_idx < num_embeddings:
        raise AssertionError(
            f"{name} must be within num_embeddings ({num_embeddings}), but it is {padding_idx}"
        )
    return padding_idx % num_embeddings
