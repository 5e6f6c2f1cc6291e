"""Layers whose first numbers don't matter, since they are written over."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from gradlab import random
from gradlab.nn.module import Module

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """A module whose parameters hold anything, made without using up random numbers.

    ``args`` and ``kwargs`` are its constructor's. Raises RuntimeError for what is no module class,
    or one that takes no ``device``.

    >>> from gradlab import nn
    >>> skip_init(nn.Linear, 2, 3, bias=False)
    Linear(in_features=2, out_features=3, bias=False)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(
            "Module must support a 'device' arg to skip initialization: the constructor of "
            f"{module_cls.__name__} takes none"
        )
    with random.fork_rng():
        return module_cls(*args, **kwargs)
