"""Time gradlab beside PyTorch, plain NumPy, MyGrad and HIPS autograd, in one run.

    python benchmarks/run.py                 writes benchmarks/results/latest.json and .md
    python benchmarks/run.py --name laptop --rounds 40
    python benchmarks/run.py --threads 4 --only convolution large   (one thread unless told)
    python benchmarks/run.py --device cuda   gradlab and PyTorch on a GPU, whose name the files bear

The contestants take turns: every round times each of them once, in another order each time, so
what else the machine does in the meantime falls on all alike. A ratio is the median over the
rounds of the quotient of the times in one round. Results are compared before anything is timed.
Garbage collection stays on, as in use, but passes over what importing five libraries left behind.
"""

from __future__ import annotations

import threads  # isort: skip

import argparse
import functools
import gc
import importlib
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import cases
import gpu
import networks
import numpy as np
import recording

import gradlab

RESULTS = Path(__file__).parent / "results"
ROUND_SECONDS = 0.02  # how long one contestant is timed in one round

# What gradlab set out to reach: at most so much of another's time, on one thread and on more.
TARGETS = {
    "sine": {"torch": 0.40, "numpy": 2.0},
    "training": {"torch": 0.60, "numpy": 1.20},
    "chain": {"torch": 0.50},
    "number_chain": {"torch": 0.50},
    "large": {"torch": 1.0},
    "digits": {"torch": 0.60},
    "block": {"torch": 1.40},
    "lstm": {"torch": 0.80},
    "convolution": {"torch": 1.50},
    "resnet_1": {"torch": 1.10},
    "resnet_8": {"torch": 1.50},
}
TARGETS_ON_MORE_THREADS = {"convolution": {"torch": 1.90}, "large": {"torch": 1.0}}
TITLES = {
    "sine": "(2·sin(a) + 1).sum() of 25 floats, forward and backward",
    "training": "One training step, 16×1000 → 100 → 10: Linear, ReLU, Linear, squared error, SGD",
    "chain": "A chain of 2,000 small mul and div by 2×3 tensors that require grad",
    "number_chain": "A chain of 2,000 small mul and div of a 2×3 tensor by a number",
    "large": "(2·sin(a) + a·a).mean() of ten million floats, forward and backward",
    "jacobian": "jacobian() of 300 outputs by 100 inputs, a pass for each output",
    "jacobian_at_once": "jacobian(vectorize=True) of the same",
    "hessian": "hessian() of a function of 100 inputs",
    "deep": "100,000 additions in a row, forward and backward",
    "indexing": "A row, a slice, a mask and 30 drawn rows of 50×40, forward and backward",
    "digits": "An epoch of the digits, 64 → 128 → 64 → 10: 29 batches of 64, cross-entropy, Adam",
    "block": "A transformer's block, 8×64×128, 4 heads, causal, with loss, forward and backward",
    "lstm": "An LSTM over 50 steps, 16×32 → 64, forward and backward",
    "convolution": "A 3×3 convolution, 8×64×16×16 → 64, forward and both gradients",
    "resnet_1": "A training step of ResNet-18 at 1×3×64×64: cross-entropy, SGD",
    "resnet_8": "A training step of ResNet-18 at 8×3×64×64",
    "training_256": "The training step at 256×1000",
    "digits_256": "The epoch of the digits in 8 batches of 256",
    "block_256": "The transformer's block at 256×64×128",
    "lstm_256": "The LSTM at 256×32",
    "convolution_256": "The 3×3 convolution at 256×64×16×16",
    "resnet_256": "A training step of ResNet-18 at 256×3×64×64",
    "adam_small": "A step of Adam, 6 parameters, 17,000 numbers",
    "adam_large": "A step of Adam, 62 parameters, 11,200,000 numbers",
    "sgd_small": "A step of SGD with momentum, 6 parameters, 17,000 numbers",
    "sgd_large": "A step of SGD with momentum, 62 parameters, 11,200,000 numbers",
}


OF_A_GPU = ["training_256", "digits_256", "block_256", "lstm_256", "convolution_256", "resnet_256"]
CASES = {
    "cpu": [*(name for name in TITLES if name not in OF_A_GPU), "recording"],
    "cuda": [
        *("large", "training", "digits", "block", "lstm", "convolution", "resnet_1", "resnet_8"),
        *OF_A_GPU,
        *("adam_small", "adam_large", "sgd_small", "sgd_large"),
    ],
}


def main() -> None:
    """Time everything and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], parents=[threads.parser])
    parser.add_argument("--device", choices=CASES, default="cpu", help="what is timed")
    parser.add_argument("--name", help="name of the result files (latest, or the GPU's)")
    parser.add_argument("--rounds", type=int, default=60, help="rounds per case (default 60)")
    known = [*TITLES, "recording"]
    parser.add_argument("--only", nargs="+", choices=known, help="these cases alone")
    parser.add_argument("--no-operations", action="store_true", help="leave out the table of ops")
    arguments = parser.parse_args()
    torch = _torch()
    on_gpu = arguments.device == "cuda"
    if on_gpu:
        torch = gpu.checked(torch)
    settle = gpu.settling(torch) if on_gpu else _nothing
    here = machine() | (gpu.described() if on_gpu else {})
    report: dict[str, Any] = {"machine": here, "rounds": arguments.rounds, "cases": {}}
    for name in arguments.only or CASES[arguments.device]:
        if name == "recording":
            report[name] = recording.measured(timed, torch, max(5, arguments.rounds // 4))
            print(recording.table(report[name]), end="\n\n", flush=True)
            continue
        contestants = contestants_of(name, torch, arguments.device)
        with gpu.in_full_precision(torch):
            check(name, contestants)
        gc.collect()
        gc.freeze()
        report["cases"][name] = summary(timed(contestants, arguments.rounds, settle))
        print(case_table(name, report), end="\n\n", flush=True)
    if not arguments.no_operations:
        rounds = max(5, arguments.rounds // 4)
        report["operations"] = operations(torch, rounds, arguments.device, settle)
        print(operation_table(report["operations"]))
    name = arguments.name or (gpu.file_name() if on_gpu else "latest")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(markdown(report))


def _torch() -> ModuleType | None:
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        print("PyTorch is not installed: it is left out.", file=sys.stderr)
        return None
    torch.set_num_threads(threads.THREADS)
    return torch


def contestants_of(
    name: str, torch: ModuleType | None, device: str = "cpu"
) -> dict[str, cases.Round]:
    """Who takes part in a case, with everything that belongs to it on the device."""
    case, _, batch = name.rpartition("_")
    case, options = (case, {"batch": int(batch)}) if batch.isdigit() else (name, {})
    room = networks if hasattr(networks, f"{case}_like_torch") else cases
    write = functools.partial(getattr(room, f"{case}_like_torch"), **options)
    found = {}
    for library, module in _like_torch(torch).items():
        # Not as the default of the whole run: that would slow each of PyTorch's calls.
        with module.device(device):
            found[library] = write(module)
    if device == "cpu" and not options:
        found |= {library: prepare() for library, prepare in _peers(room, case)}
    return found


def _like_torch(torch: ModuleType | None) -> dict[str, ModuleType]:
    return {"gradlab": gradlab} | ({"torch": torch} if torch else {})


def _peers(room: ModuleType, case: str) -> Iterator[tuple[str, Callable[[], cases.Round]]]:
    installed = {"mygrad": cases.mygrad, "autograd": cases.autograd}
    for library in ("numpy", "numpy_folded", "mygrad", "autograd"):
        if hasattr(room, f"{case}_{library}") and installed.get(library, np):
            yield library, getattr(room, f"{case}_{library}")


def check(case: str, contestants: Mapping[str, cases.Round]) -> None:
    """Stop unless all contestants compute the same: the timing would mean nothing."""
    results = {name: [np.asarray(r) for r in _flat(run())] for name, run in contestants.items()}
    expected = results["numpy" if "numpy" in results else "gradlab"]
    for name, found in results.items():
        for one, other in zip(found, expected, strict=True):
            # 1,000 divisions and multiplications in float32 drift apart by some 1e-4.
            least = 2e-3 * float(np.abs(other).max())
            said = f"{case}: {name} computes something else"
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=least, err_msg=said)


def _flat(values: Sequence[Any]) -> list[Any]:
    return [v.cpu().numpy() if hasattr(v, "cpu") else v for v in values]


# ------------------------------------------------------------------ timing


def _nothing() -> None:
    """A processor has done what it was told when the call returns."""


def timed(
    contestants: Mapping[str, Callable[[], Any]],
    rounds: int,
    settle: Callable[[], None] = _nothing,
) -> dict[str, list[float]]:
    """Seconds per call in each round, for each contestant; ``settle`` waits for what was begun."""
    repeats = {name: _repeats(run, settle) for name, run in contestants.items()}
    found: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            run = contestants[name]
            calls = range(repeats[name])
            settle()
            start = time.perf_counter()
            for _ in calls:
                run()
            settle()
            found[name].append((time.perf_counter() - start) / len(calls))
    return found


def _repeats(run: Callable[[], Any], settle: Callable[[], None]) -> int:
    """How many calls fill a round; this warms the contestant up as well."""
    count = 1
    while True:
        settle()
        start = time.perf_counter()
        for _ in range(count):
            run()
        settle()
        seconds = time.perf_counter() - start
        if seconds > ROUND_SECONDS / 4:
            return max(1, round(count * ROUND_SECONDS / seconds))
        count *= 4


def summary(times: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Median and least time in microseconds, and gradlab's ratio to each of the others."""
    return {
        "median_us": {name: statistics.median(t) * 1e6 for name, t in times.items()},
        "min_us": {name: min(t) * 1e6 for name, t in times.items()},
        "ratio": {
            name: statistics.median(
                own / other for own, other in zip(times["gradlab"], t, strict=True)
            )
            for name, t in times.items()
            if name != "gradlab"
        },
        "ratio_of_min": {
            name: min(times["gradlab"]) / min(t) for name, t in times.items() if name != "gradlab"
        },
    }


def operations(
    torch: ModuleType | None, rounds: int, device: str, settle: Callable[[], None]
) -> list[dict[str, Any]]:
    """What single operations cost, recorded, and with their backward pass."""
    rows = []
    for size, numbers in {"5×5": cases.SMALL, "300×300": cases.LARGE}.items():
        for name in cases.OPERATIONS:
            contestants = {}
            for library, module in _like_torch(torch).items():
                with module.device(device):
                    for what, backward in (("forward", False), ("both", True)):
                        contestants[f"{library} {what}"] = cases.operation_like_torch(
                            module, name, numbers, backward
                        )
            times = timed(contestants, rounds, settle)
            least = {key: min(t) * 1e6 for key, t in times.items()}
            rows.append({"operation": name, "size": size, "min_us": least})
    return rows


# ------------------------------------------------------------------ reporting


def machine() -> dict[str, str]:
    """What the figures were taken on, and when."""
    found = {
        "date": date.today().isoformat(),
        "cpu": _cpu(),
        "threads": "one thread" if threads.THREADS == 1 else f"{threads.THREADS} threads",
        "python": platform.python_version(),
    }
    for package in ("gradlab", "numpy", "torch", "mygrad", "autograd"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = getattr(sys.modules.get(package), "__version__", "not installed")
    return found


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def markdown(report: Mapping[str, Any]) -> str:
    """The whole report as a page."""
    on = report["machine"]
    versions = ", ".join(
        f"{k} {v}" for k, v in on.items() if k not in ("date", "cpu", "gpu", "threads")
    )
    place = " and ".join(on[what] for what in ("gpu", "cpu") if what in on)
    parts = [
        "# gradlab beside its peers",
        f"{on['date']}, {place}, {on['threads']}; {versions}. {report['rounds']} interleaved "
        "rounds per case. Times are microseconds; *ratio* is gradlab's time as a part of the "
        "other's, the median over rounds; *of min* compares the least times.",
    ]
    parts += [case_table(name, report) for name in report["cases"]]
    if "recording" in report:
        parts.append(recording.table(report["recording"]))
    if "operations" in report:
        parts.append(operation_table(report["operations"]))
    return "\n\n".join(parts) + "\n"


def case_table(name: str, report: Mapping[str, Any]) -> str:
    """One case as a table."""
    case, targets = report["cases"][name], _targets(report)
    lines = [
        f"### {TITLES[name]}\n",
        "| | median | min | ratio | of min | target |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for library, median in case["median_us"].items():
        ratio, of_min = (case[key].get(library) for key in ("ratio", "ratio_of_min"))
        target = targets.get(name, {}).get(library)
        cells = [
            library,
            f"{median:.1f}",
            f"{case['min_us'][library]:.1f}",
            *("" if value is None else f"{value:.2f}" for value in (ratio, of_min)),
            "" if target is None else f"≤ {target:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _targets(report: Mapping[str, Any]) -> Mapping[str, Mapping[str, float]]:
    if "gpu" in report["machine"]:
        return {}
    return TARGETS if threads.THREADS == 1 else TARGETS_ON_MORE_THREADS


def operation_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Single operations as a table: least times, forward alone and with the backward pass."""
    columns = list(rows[0]["min_us"])
    lines = [
        "### Single operations, recorded (least microseconds; both: forward and backward)\n",
        f"| | size | {' | '.join(columns)} |",
        "|---|---|" + "---:|" * len(columns),
    ]
    for row in rows:
        times = " | ".join(f"{row['min_us'][column]:.1f}" for column in columns)
        lines.append(f"| `{row['operation']}` | {row['size']} | {times} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
