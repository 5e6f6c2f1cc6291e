"""What shows in a profile besides operations: layers' functions, and what optimizers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradlab.autograd import timed_code
from gradlab.autograd.timed_code import Block, Label
from gradlab.nn import functional
from gradlab.op import OPS
from gradlab.optim.optimizer import Optimizer

# Where PyTorch calls the function by another name than its users. None: it is one of Python's
# there, of which only the parts show.
_ATEN = {
    "cross_entropy": "cross_entropy_loss",
    "gumbel_softmax": None,
    "local_response_norm": None,
    "logsigmoid": "log_sigmoid",
    "multi_head_attention_forward": None,
    "normalize": None,
    "softmin": None,
    "softsign": None,
    "tanhshrink": None,
}


# Shared by functions of layers, and nothing that somebody would call.
_INNER = {"check_probability", "placed"}


def _functions() -> Iterator[tuple[Any, Label]]:
    operations = {timed_code.operation_label(op) for op in OPS.values()}
    for name, function in vars(functional).items():
        label = f"aten::{_ATEN.get(name, name)}"
        own = getattr(function, "__module__", "").startswith(("gradlab.nn.", "gradlab.ops."))
        hidden = name.startswith("_") or name in _INNER or not _ATEN.get(name, name)
        if own and not hidden and label not in operations:  # which would be the same call again
            yield function, label


def _optimizers() -> Iterator[tuple[Any, Label]]:
    kinds: list[type[Optimizer]] = [Optimizer]
    for kind in kinds:
        kinds += kind.__subclasses__()
        for name in ("step", "zero_grad"):
            yield vars(kind).get(name), _step if name == "step" else _zero_grad


_step = Block(lambda args: f"Optimizer.step#{type(args[0]).__name__}.step")
_zero_grad = Block(lambda args: f"Optimizer.zero_grad#{type(args[0]).__name__}.zero_grad")

timed_code.watch(_functions)
timed_code.watch(_optimizers)
