"""``gradlab.nn.modules``: the layers where PyTorch keeps them, for scripts that look there.

>>> from gradlab.nn.modules.batchnorm import _BatchNorm
>>> from gradlab import nn
>>> isinstance(nn.BatchNorm2d(3), _BatchNorm), isinstance(nn.InstanceNorm2d(3), _BatchNorm)
(True, False)
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, MutableMapping
from types import ModuleType
from typing import Any

from gradlab.nn import (
    activation,
    adaptive,
    attention,
    container,
    conv,
    dropout,
    lazy,
    linear,
    loss,
    module,
    normalization,
    padding,
    parameter_container,
    pooling,
    rnn,
    shape,
    similarity,
    sparse,
    transformer,
    upsampling,
    vision,
)

# PyTorch's files, and where here the layers are that stand in each.
_FILES: dict[str, tuple[ModuleType, ...]] = {
    "activation": (activation, attention),
    "adaptive": (adaptive,),
    "batchnorm": (normalization, lazy),
    "channelshuffle": (vision,),
    "container": (container, parameter_container),
    "conv": (conv, lazy),
    "distance": (similarity,),
    "dropout": (dropout,),
    "flatten": (shape,),
    "fold": (upsampling,),
    "instancenorm": (normalization, lazy),
    "lazy": (lazy,),
    "linear": (linear, lazy),
    "loss": (loss,),
    "module": (module,),
    "normalization": (normalization,),
    "padding": (padding,),
    "pixelshuffle": (vision,),
    "pooling": (pooling,),
    "rnn": (rnn,),
    "sparse": (sparse,),
    "transformer": (transformer,),
    "upsampling": (upsampling,),
}
# Bases that scripts ask a layer about, by PyTorch's names for them.
_BASES: dict[str, dict[str, type]] = {
    "conv": {"_ConvNd": conv._Conv, "_ConvTransposeNd": conv._ConvTranspose},
    "dropout": {"_DropoutNd": dropout._Dropout},
    "pooling": {
        "_AdaptiveAvgPoolNd": pooling._AdaptiveAvgPool,
        "_AdaptiveMaxPoolNd": pooling._AdaptiveMaxPool,
        "_LPPoolNd": pooling._LPPool,
        "_MaxPoolNd": pooling._MaxPool,
        "_MaxUnpoolNd": pooling._MaxUnpool,
    },
}


def _pair(x: Any) -> Any:
    """``x`` twice, or what is a pair already."""
    return _several(x, 2)


def _triple(x: Any) -> Any:
    """``x`` three times, or what are three already."""
    return _several(x, 3)


def _single(x: Any) -> Any:
    """``x`` by itself in a tuple."""
    return _several(x, 1)


def _several(x: Any, count: int) -> Any:
    return tuple(x) if isinstance(x, Iterable) else (x,) * count


def consume_prefix_in_state_dict_if_present(state: MutableMapping[str, Any], prefix: str) -> None:
    """Take a prefix such as "module." off the names of a state_dict, in place.

    >>> state = {"module.weight": 1}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'weight': 1}
    """
    for name in [name for name in state if name.startswith(prefix)]:
        state[name.removeprefix(prefix)] = state.pop(name)
    metadata = getattr(state, "_metadata", {})
    for name in [name for name in metadata if name.startswith(prefix) or name == prefix[:-1]]:
        if name:
            metadata[name.removeprefix(prefix) if name != prefix[:-1] else ""] = metadata.pop(name)


def _made(name: str, names: dict[str, Any]) -> None:
    """Let ``gradlab.nn.modules.<name>`` be a module that holds ``names``."""
    found = ModuleType(f"{__name__}.{name}", f"What PyTorch keeps in ``nn.modules.{name}``.")
    vars(found).update(names)
    globals()[name] = sys.modules[found.__name__] = found


def _layers(room: ModuleType) -> dict[str, Any]:
    """The layers of a room and what else of its own has a name for everyone, and plain bases."""
    return {
        name: value
        for name, value in vars(room).items()
        if getattr(value, "__module__", None) == room.__name__ and not name.startswith("__")
    }


for _name, _rooms in _FILES.items():
    _made(
        _name, {k: v for room in _rooms for k, v in _layers(room).items()} | _BASES.get(_name, {})
    )
_made(
    "utils",
    {
        "_pair": _pair,
        "_single": _single,
        "_triple": _triple,
        "consume_prefix_in_state_dict_if_present": consume_prefix_in_state_dict_if_present,
    },
)
Module = module.Module
