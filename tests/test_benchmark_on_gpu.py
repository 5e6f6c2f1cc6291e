"""`benchmarks/run.py --device cuda` on the stand-ins for CuPy and cuDNN: every case takes a step.

Of speed this says nothing; that every tensor of a case is on the device, that the device is waited
for, and what is written, it does.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import gradlab as gl
from gradlab.backends import cudnn as settings
from gradlab.op import nodes
from gradlab.ops import cudnn
from tests import pretend_cudnn, pretend_cupy

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
ROOMS = ("threads", "cases", "gpu", "networks", "recording", "run")
CACHES = [settings.front_end, cudnn._plan, cudnn._handle]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", ["run.py"])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # to be put back: the benchmark sets them
    yield importlib.import_module("run")
    for name in ROOMS:
        sys.modules.pop(name, None)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[pretend_cudnn.Library]:
    made, library = pretend_cupy.modules(), pretend_cudnn.Library()
    for name, module in {**made, "cudnn": library.module()}.items():
        monkeypatch.setitem(sys.modules, name, module)
    for cache in CACHES:
        cache.cache_clear()
    yield library
    nodes.RAW.pop(made["cupy"], None)
    for cache in CACHES:
        cache.cache_clear()


# Every case for a GPU, the large ones with a small batch: they are the same but for it.
NAMES = [
    *("training", "training_5", "digits_256", "block", "block_2", "lstm", "lstm_3"),
    *("convolution", "convolution_2", "resnet_1", "resnet_3"),
    *("adam_small", "adam_large", "sgd_small", "sgd_large"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_case_computes_on_the_device_what_it_does_on_the_cpu(
    name: str, run: Any, request: pytest.FixtureRequest
) -> None:
    expected = run.contestants_of(name, None)["gradlab"]()
    library = request.getfixturevalue("library")
    contestants = run.contestants_of(name, None, "cuda")
    assert list(contestants) == ["gradlab"]
    found = contestants["gradlab"]()
    assert all(one.is_cuda for one in found)
    for one, other in zip(found, expected, strict=True):
        scale = float(numpy.abs(other.numpy()).max())
        numpy.testing.assert_allclose(
            one.cpu().numpy(), other.numpy(), rtol=1e-3, atol=1e-3 * scale
        )
    assert bool(library.ran) == name.startswith(("convolution", "resnet"))
    assert gl.get_default_device().type == "cpu"


def test_every_case_that_was_asked_for_is_timed(run: Any) -> None:
    cases = run.CASES["cuda"]
    assert set(cases) <= set(run.TITLES)
    for case in ("training", "digits", "block", "lstm", "convolution", "resnet"):
        assert f"{case}_256" in cases
    assert {"resnet_1", "resnet_8"} <= set(cases)
    assert not any(name.endswith("_256") for name in run.CASES["cpu"])


@pytest.mark.usefixtures("library")
def test_a_run_writes_which_gpu_it_was(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setattr(run, "ROUND_SECONDS", 1e-4)
    monkeypatch.setattr(run, "_torch", lambda: None)  # it would be left with one thread
    monkeypatch.setattr(run.gc, "freeze", lambda: None)
    only = ["training", "convolution_256"]
    monkeypatch.setattr(run.networks, "drawn", _few(run.networks.drawn))
    given = ["--device", "cuda", "--rounds", "2", "--no-operations", "--only", *only]
    monkeypatch.setattr(sys, "argv", ["run.py", *given])
    pretend_cupy.launched.clear()
    run.main()
    assert pretend_cupy.launched.count("synchronize") >= 2 * 2 * len(only)
    (file,) = tmp_path.glob("*.json")
    assert file.stem.endswith("-stand-in-gpu")
    report = json.loads(file.read_text("utf-8"))
    assert report["machine"]["gpu"] == "Stand-in GPU"
    assert report["machine"]["cuDNN"] == "92800"
    assert list(report["cases"]) == only
    page = file.with_suffix(".md").read_text("utf-8")
    assert "Stand-in GPU" in page
    assert "≤" not in page  # the targets are for processors
    assert settings.allow_tf32 is True


def _few(drawn: Any) -> Any:
    """Numbers for a batch of 2 wherever one of 256 is asked for."""
    return lambda *shape, **options: drawn(*(2 if n == 256 else n for n in shape), **options)


def test_without_a_gpu_it_says_so(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "--device", "cuda"])
    monkeypatch.setattr(gl.cuda, "is_available", lambda: False)
    monkeypatch.setattr(run, "_torch", lambda: None)
    with pytest.raises(SystemExit, match=r"needs an NVIDIA GPU and CuPy .* nothing was timed"):
        run.main()


def test_peers_that_are_not_installed_are_left_out(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.cases, "mygrad", None)
    monkeypatch.setattr(run.cases, "autograd", None)
    assert list(run.contestants_of("sine", None)) == ["gradlab", "numpy", "numpy_folded"]
