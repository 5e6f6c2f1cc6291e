"""Every test that asks for `gl` runs on gradlab and, where it is installed, on PyTorch."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

import gradlab_widgets as gw


@pytest.fixture(params=["gradlab", "torch"])
def gl(request: pytest.FixtureRequest) -> Any:
    """A library with PyTorch's functions."""
    return pytest.importorskip(request.param)


@pytest.fixture
def nn(gl: Any) -> Any:
    """The library's neural-network modules."""
    return importlib.import_module(f"{gl.__name__}.nn")


@pytest.fixture
def observed(gl: Any) -> Iterator[None]:
    """Operations are observed for the time of the test."""
    gw.observe()
    yield
    gw.unobserve()
