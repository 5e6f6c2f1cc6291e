"""gradlab: automatic differentiation with PyTorch's API, to learn from and to look inside.

A PyTorch script about autograd runs with ``import gradlab as torch``. The widgets that draw its
graphs are in the package ``gradlab_widgets``.

>>> import gradlab as gl
>>> x = gl.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from __future__ import annotations

import sys
import warnings
from math import e, inf, nan, pi

from gradlab import (
    amp,
    autograd,
    backends,
    cuda,
    distributions,
    func,
    linalg,
    models,
    nn,
    op,
    ops,
    optim,
    printing,
    profiler,
    random,
    special,
    testing,
    utils,
    version,
)
from gradlab.amp import GradScaler
from gradlab.arrays import bool_ as bool
from gradlab.arrays import (
    complex64,
    complex128,
    device,
    dtype,
    float16,
    float32,
    float64,
    get_default_device,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_device,
    set_default_dtype,
    uint8,
)
from gradlab.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from gradlab.func import vmap
from gradlab.generator import Generator, default_generator, initial_seed, manual_seed, seed
from gradlab.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from gradlab.ops.convert import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    memory_format,
    preserve_format,
)
from gradlab.ops.questions import layout, strided
from gradlab.printing import set_printoptions
from gradlab.random import get_rng_state, set_rng_state
from gradlab.serialization import load, save
from gradlab.settings import (
    are_deterministic_algorithms_enabled,
    autocast,
    compile,
    get_autocast_dtype,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    is_autocast_enabled,
    is_deterministic_algorithms_warn_only_enabled,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    use_deterministic_algorithms,
)
from gradlab.tensor import Size, Tensor
from gradlab.threads import (
    get_num_interop_threads,
    get_num_threads,
    set_num_interop_threads,
    set_num_threads,
)
from gradlab.type_info import can_cast, finfo, iinfo, promote_types
from gradlab.warn import is_warn_always_enabled, set_warn_always

half = float16
float = float32
double = float64
cfloat = complex64
cdouble = complex128
short = int16
int = int32
long = int64

newaxis = None

globals().update(op.FUNCTIONS)
globals().update(op.out.accepting_out(op.FUNCTIONS))
for _module, _name in ((linalg, "linalg"), (special, "special")):
    vars(_module).update(op.out.accepting_out(vars(_module), _name))

# ``gradlab.cuda`` lies at the bottom and can't import what scales losses.
setattr(cuda, "amp", sys.modules.setdefault("gradlab.cuda.amp", amp.cuda))  # noqa: B010

# log(0) is -inf and 0/0 is nan, silently, as in PyTorch: NumPy's warnings about them are not for
# the user. A filter costs nothing per operation; numpy.errstate around each would cost 0.9 µs.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"gradlab\.")

__version__ = "0.1.0"
