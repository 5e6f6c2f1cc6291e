"""What shows in a profile besides operations: layers' functions, and what optimizers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradlab.autograd import timed_code
from gradlab.autograd.timed_code import Block, Label
from gradlab.nn import functional
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


def _functions() -> Iterator[tuple[Any, Label]]:
    for name, function in vars(functional).items():
        shown = _ATEN.get(name, name)
        own = getattr(function, "__module__", "").startswith(("gradlab.nn.", "gradlab.ops."))
        if own and not name.startswith("_") and shown:
            yield function, "aten::" + shown


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
