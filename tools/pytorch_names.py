"""Write which of PyTorch's public names exist in gradlab: `docs/pytorch_names.md`.

    python tools/pytorch_names.py > docs/pytorch_names.md

Both libraries are imported and asked; nothing is looked up in a list but the reasons why a name
will not come.
"""

from __future__ import annotations

import importlib
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

NAMESPACES = [
    *("", "Tensor", "autograd", "autograd.functional", "autograd.forward_ad", "autograd.graph"),
    *("autograd.profiler", "autograd.function", "func", "nn", "nn.functional", "nn.init"),
    *("nn.utils", "nn.utils.rnn", "nn.utils.parametrizations", "nn.parameter", "optim"),
    *("optim.lr_scheduler", "optim.swa_utils", "utils.data", "utils.checkpoint"),
    *("utils.benchmark", "linalg", "special", "fft", "random", "profiler", "cuda", "amp"),
    "distributions",
]

COMPILER = "compiling and tracing: code runs as it is written"

# Names that will not come, and why: the first pattern that is found in a name decides.
OUT_OF_SCOPE = {
    "quantized numbers": r"quant|qint|quint|qscheme|q_per|q_scale|q_zero|int_repr|choose_qparams"
    r"|per_channel|per_tensor|fused_moving_avg|fbgemm|QUInt|QInt|qat|q_",
    "sparse tensors": r"sparse|coo\b|csr|csc|bsr|bsc|coalesce|crow_|ccol_|row_indices|col_indices"
    r"|hspmm|sspaddmm|hsmm|saddmm|smm\b|spmm|dense_dim|to_dense|Sparse|^indices$|^values$"
    r"|cusparselt",
    COMPILER: r"jit|script|Script|trac(e|ing)d?_|dynamo"
    r"|vmapped_graph|compiler|cudagraph|CUDAGraph|make_graphed|graph_pool|is_current_stream_capt"
    r"|export\b|^cond$|while_loop|scan$|sym_|Sym(Int|Bool|Float)|unravel_index_sym|^typename_",
    "many processes and machines": r"distributed|Distributed|DataParallel|data_parallel|nccl"
    r"|parallel_|multiprocessing|SyncBatchNorm|share_memory|module_load|all_reduce|ipc_|gds"
    r"|ZeroRedundancy|GraphInfo",
    "libraries and devices other than NumPy, CuPy, CUDA": r"mkldnn|cudnn|miopen|xpu|mps|hpu|ipu"
    r"|vulkan|mtia|maia|xla|hip\b|MPS|onednn|cublas|cufft|privateuse|_nnpack|kleidiai|opaque"
    r"|nnapi|magma|cudart|cusolver|jiterator|tunable|green|Green|flash|metal|xnnpack|python_native",
    "dtypes that NumPy has not": r"bfloat16|BFloat16|bf16|float8|float4|bits\d|uint[1-7]\b|int[1-7]"
    r"\b|complex32|chalf|ComplexHalf|uint16|uint32|uint64|cdouble_half",
    "named dimensions": r"align_|refine_names|rename|has_names|^names$",
    "nested tensors": r"nested|Nested|jagged",
    "what a class of tensors overrides of all functions": r"torch_function|DisableTorch|overrides"
    r"|torch_dispatch|as_subclass|reinforce|unsafe_get_raw",
    "half precision by itself": r"autocast",
    "inner parts of layers": r"^(native_|batch_norm_|norm_except_dim|conv_tbc|embedding_renorm_"
    r"|(affine_)?grid_(sampler|generator)|indices_copy|values_copy|slice_inverse)|_cell$|_with_indices",
    "PyTorch's own inside": r"^(AVG|SUM|has_(lapack|mkl|openmp|spectral)|get_device_module)$|"
    r"^(storage_type|data_ptr_|classproperty|get_file_path|compiled_with|"
    r"prepare_multiprocessing|set_warn_|parse_|fork$|wait$|import_ir|merge_type|unify|vitals_|"
    r"read_vitals|set_vital|has_vit|is_vulkan|init_num|ExcludeDispatch|Dispatch|lobpcg|hash_tensor"
    r"|EnforceUnique|KinetoStepTracker|MemRecordsAcc|load_nvprof|parse_nvprof_trace|StringTable"
    r"|kineto_available|ExecutionTraceObserver|thread_safe_generator|memory_format$|layout$"
    r"|caching_|change_current|check_error|MemPool|CUDAPlugg|use_mem_pool|DeferredCuda|CudaError"
    r"|cudaStatus|host_memory|memory_s(napshot|tats)|AcceleratorError|OutOfMemoryError"
    r"|list_gpu_proc|ContextProp|PropModule|set_flags|flags$|GenericModule"
    r"|_functional_|smoketest|is_leaf_alias|align_to)",
}

# What modules import for themselves, or keep for each other.
_HELPERS = re.compile(
    r"^(has_torch_function\w*|handle_torch_function|boolean_dispatch|assert_int_or_pair"
    r"|sym_int|reproducibility_notes|tf32_notes|sparse_support_notes|TYPE_CHECKING|np"
    r"|default_generators|ordered_unique|unit_to_english|set_torch_threads|factory_kwargs|common_notes|Tensor"
    r"|BroadcastingList\d|GRID_SAMPLE\w*|ScalingType|SwizzleType|argument_validation)$"
)

SAMPLERS: dict[str, Callable[[Any], Any]] = {
    "rand": lambda t: t.rand(20),
    "randn": lambda t: t.randn(20),
    "randint": lambda t: t.randint(0, 1000, (20,)),
    "randperm": lambda t: t.randperm(20),
    "normal": lambda t: t.normal(t.zeros(20), t.ones(20)),
    "bernoulli": lambda t: t.bernoulli(t.full((20,), 0.5)),
    "multinomial": lambda t: t.multinomial(t.ones(20), 5),
    "poisson": lambda t: t.poisson(t.full((20,), 4.0)),
    "binomial": lambda t: t.binomial(t.full((20,), 9.0), t.full((20,), 0.5)),
    "rand (float64)": lambda t: t.rand(20, dtype=t.float64),
    "randn (float64)": lambda t: t.randn(20, dtype=t.float64),
    "nn.functional.dropout": lambda t: t.nn.functional.dropout(t.ones(20), 0.5),
    "nn.functional.gumbel_softmax": lambda t: t.nn.functional.gumbel_softmax(t.ones(20)),
    "nn.functional.rrelu": lambda t: t.nn.functional.rrelu(-t.ones(20), training=True),
    "nn.init.trunc_normal_": lambda t: t.nn.init.trunc_normal_(t.empty(20)),
    "nn.init.orthogonal_": lambda t: t.nn.init.orthogonal_(t.empty(4, 4)),
    "nn.Linear": lambda t: t.nn.Linear(4, 5).weight.detach(),
    "Tensor.uniform_": lambda t: t.empty(20).uniform_(),
    "Tensor.normal_": lambda t: t.empty(20).normal_(),
    "Tensor.exponential_": lambda t: t.empty(20).exponential_(),
    "Tensor.cauchy_": lambda t: t.empty(20).cauchy_(),
    "Tensor.log_normal_": lambda t: t.empty(20).log_normal_(),
    "Tensor.geometric_": lambda t: t.empty(20).geometric_(0.3),
    "Tensor.bernoulli_": lambda t: t.empty(20).bernoulli_(0.5),
    "Tensor.random_": lambda t: t.empty(20).random_(0, 1000),
}


@dataclass
class Namespace:
    """The public names of one of PyTorch's namespaces, sorted by what is here."""

    path: str
    here: list[str]
    missing: list[str]
    out_of_scope: dict[str, list[str]]

    @property
    def title(self) -> str:
        """As users write it."""
        return f"torch.{self.path}" if self.path else "torch"


def find(library: Any, path: str) -> Any:
    """The object at a dotted path in a library, or None."""
    found = library
    for part in filter(None, path.split(".")):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(f"{found.__name__}.{part}")
            except (AttributeError, ImportError):
                return None
    return found


def public_names(namespace: Any) -> Iterator[str]:
    """Names that PyTorch lists as public or, where it lists none, that it defines."""
    listed = getattr(namespace, "__all__", None)
    for name in sorted(set(listed or dir(namespace))):
        if name.startswith("_") or not hasattr(namespace, name):
            continue
        value = getattr(namespace, name)
        if isinstance(value, types.ModuleType):
            continue
        own = str(getattr(value, "__module__", None) or "torch").startswith("torch")
        if isinstance(namespace, type) or (not _HELPERS.match(name) and (listed or own)):
            yield name


def reason(name: str) -> str | None:
    """Why a name will not come, if it will not."""
    return next((why for why, pattern in OUT_OF_SCOPE.items() if re.search(pattern, name)), None)


def is_compilers(torch: Any, path: str, name: str) -> bool:
    """Whether a name is one of the classes that PyTorch's C++ side shows at the top level."""
    return not path and isinstance(getattr(torch._C, name, None), type) and name != "Stream"


def compare(gradlab: Any, torch: Any, path: str) -> Namespace:
    """One namespace of both libraries."""
    ours = find(gradlab, path)
    result = Namespace(path, [], [], {})
    for name in public_names(find(torch, path)):
        why = reason(name) or (COMPILER if is_compilers(torch, path, name) else None)
        if ours is not None and hasattr(ours, name):
            result.here.append(name)
        elif why is None:
            result.missing.append(name)
        else:
            result.out_of_scope.setdefault(why, []).append(name)
    return result


def same_numbers(gradlab: Any, torch: Any, sample: Callable[[Any], Any]) -> bool | None:
    """Whether a sampler gives PyTorch's numbers after the same seed; None where there is none."""
    results = []
    for library in (torch, gradlab):
        library.manual_seed(11)
        try:
            results.append(sample(library).tolist())
        except (AttributeError, NotImplementedError):
            return None
    return bool(results[0] == results[1])


# ------------------------------------------------------------------ the page


def listed(names: list[str]) -> str:
    """Names in alphabetical order, in one paragraph."""
    return ", ".join(f"`{name}`" for name in names)


def page(gradlab: Any, torch: Any) -> Iterator[str]:
    """The lines of the page."""
    version = torch.__version__.partition("+")[0]
    spaces = [compare(gradlab, torch, path) for path in NAMESPACES if find(torch, path)]
    yield "# PyTorch's names, here and missing"
    yield ""
    yield (
        f"Every public name of PyTorch {version} in the namespaces below, compared with gradlab's "
        "by `make pytorch-names`. A name that is here behaves as PyTorch's does unless its "
        "docstring says otherwise; a name that is out of scope will not come, for the reason given."
    )
    yield ""
    yield "| Namespace | Here | Missing | Out of scope |"
    yield "|---|---:|---:|---:|"
    for space in spaces:
        others = sum(len(names) for names in space.out_of_scope.values())
        yield f"| `{space.title}` | {len(space.here)} | {len(space.missing)} | {others} |"
    yield ""
    yield "## Random numbers"
    yield ""
    yield from random_numbers(gradlab, torch)
    for space in spaces:
        if not space.missing and not space.out_of_scope:
            continue
        yield ""
        yield f"## {space.title}"
        if space.missing:
            yield ""
            yield f"Missing: {listed(space.missing)}."
        for why, names in space.out_of_scope.items():
            yield ""
            yield f"Out of scope ({why}): {listed(names)}."


def random_numbers(gradlab: Any, torch: Any) -> Iterator[str]:
    """Which samplers give PyTorch's numbers."""
    found = {name: same_numbers(gradlab, torch, sample) for name, sample in SAMPLERS.items()}
    equal = [name for name, same in found.items() if same]
    other = [name for name, same in found.items() if same is False]
    absent = [name for name, same in found.items() if same is None]
    yield (
        "On the CPU, after `manual_seed(s)`, these give the numbers that PyTorch gives: "
        f"{listed(equal)}."
    )
    if other:
        yield ""
        yield f"These give numbers of the right distribution, but not the same: {listed(other)}."
    if absent:
        yield ""
        yield f"These are missing: {listed(absent)}."
    yield ""
    yield (
        "On a GPU the numbers are those of the CPU, and PyTorch's there are others. Samplers that "
        "PyTorch draws with a library chosen at build time (MKL) can differ from one build of "
        "PyTorch to the next."
    )


def main() -> None:
    import torch

    import gradlab

    print("\n".join(page(gradlab, torch)))


if __name__ == "__main__":
    main()
