"""What every test can ask for, and the one option that sends the engine's tests to a GPU."""

from __future__ import annotations

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
