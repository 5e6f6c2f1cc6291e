"""``gradlab.func``: transformations of functions, which can be composed in any order.

>>> import gradlab as gl
>>> x = gl.tensor([1.0, 2.0])
>>> gl.func.vmap(gl.func.grad(lambda x: x**3))(x)
tensor([ 3., 12.])
"""

from __future__ import annotations

from gradlab.func.derivatives import (
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
)
from gradlab.func.functions import VmapInfo
from gradlab.func.modules import functional_call, stack_module_state
from gradlab.func.vectorize import vmap

__all__ = [
    "VmapInfo",
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
