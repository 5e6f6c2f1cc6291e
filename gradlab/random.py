"""``gradlab.random``: the default generator of random numbers.

>>> import gradlab as gl
>>> gl.random.manual_seed(3).initial_seed()
3
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from gradlab import generator
from gradlab.generator import Generator, default_generator, initial_seed, manual_seed, seed
from gradlab.tensor import Tensor

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


def get_rng_state() -> Tensor:
    """Where the stream of random numbers is now: a tensor of bytes for ``set_rng_state``.

    >>> get_rng_state().dtype
    torch.uint8
    """
    return Tensor._wrap(numpy.array(generator.get_rng_state()))


def set_rng_state(new_state: Tensor) -> None:
    """Take the stream of random numbers back to where ``get_rng_state`` was called.

    Raises TypeError unless it is a tensor of bytes, RuntimeError for bytes that are no state.

    >>> import gradlab as gl
    >>> state = get_rng_state()
    >>> before = gl.rand(2)
    >>> set_rng_state(state)
    >>> gl.equal(gl.rand(2), before)
    True
    """
    if not isinstance(new_state, Tensor) or new_state._array.dtype != numpy.uint8:
        found = getattr(new_state, "dtype", type(new_state).__name__)
        raise TypeError(f"RNG state must be a torch.ByteTensor, and this is {found}")
    generator.set_rng_state(new_state._array)


@contextlib.contextmanager
def fork_rng(
    devices: Sequence[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:
    """Within a ``with`` block draw what random numbers you like; after it all is as before.

    ``devices`` may be named and makes no difference: a GPU's numbers come from the same stream.

    >>> import gradlab as gl
    >>> state = gl.random.get_rng_state()
    >>> with gl.random.fork_rng():
    ...     numbers = gl.rand(3)
    >>> gl.equal(gl.random.get_rng_state(), state)
    True
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
