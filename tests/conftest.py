"""What every test can ask for, and the one option that sends the engine's tests to a GPU."""

from __future__ import annotations

import os
import sys
from types import ModuleType

# pytest's workers share the cores already. With a pool of threads in each of them, small matrix
# products wait for one another: a training test took 80 s instead of 2. Read when NumPy and
# PyTorch are imported, hence here, before them.
for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(pool, "1")

import hypothesis  # noqa: E402
import pytest  # noqa: E402

import gradlab  # noqa: E402

# The same examples in every run: a failure is a change, not a dice roll.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        default="cpu",
        choices=("cpu", "cuda"),
        help="the device that the engine's tests make their tensors on (default: cpu)",
    )
    parser.addoption(
        "--fuzz-programs",
        type=int,
        default=60,
        help="how many random programs tests/fuzz plays of each kind (default: 60)",
    )
    parser.addoption(
        "--fuzz-seed",
        type=int,
        default=0,
        help="the seed of the first of them; each next one's is one more (default: 0)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--device") != "cuda":
        return
    if not gradlab.cuda.is_available():
        raise pytest.UsageError(
            "--device cuda, but gradlab.cuda.is_available() is False: either there is no GPU here, "
            "or CuPy is not installed (make gpu-test installs it)"
        )
    gradlab.set_default_device("cuda")
    gradlab.backends.cudnn.allow_tf32 = False  # results are compared with the CPU's


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--device") == "cuda":
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a GPU: run with --device cuda"))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same random numbers, in every run and in any order."""
    gradlab.manual_seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def device(pytestconfig: pytest.Config) -> str:
    """The device under test, as `--device` names it."""
    return str(pytestconfig.getoption("device"))


@pytest.fixture(params=["gradlab", "torch"])
def torch(request: pytest.FixtureRequest) -> ModuleType:
    """One script, two libraries: gradlab, and PyTorch where it is installed.

    A test that asks for it says what must come out, and PyTorch itself must agree.
    """
    module = pytest.importorskip(request.param)
    assert isinstance(module, ModuleType)
    return module
