"""What every test can ask for, and the one option that sends the engine's tests to a GPU."""

from __future__ import annotations

from types import ModuleType

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        default="cpu",
        choices=("cpu", "cuda"),
        help="the device that the engine's tests make their tensors on (default: cpu)",
    )


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
