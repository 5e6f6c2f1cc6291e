"""What NumPy was built with, as it tells itself."""

from __future__ import annotations

from typing import Any

import numpy


def blas() -> dict[str, Any]:
    """NumPy's description of the library below its matrix products."""
    described: Any = numpy.show_config(mode="dicts")
    found: dict[str, Any] = described.get("Build Dependencies", {}).get("blas", {})
    return found


def processor_extensions() -> list[str]:
    """The processor's extensions that NumPy found and uses."""
    described: Any = numpy.show_config(mode="dicts")
    extensions = described.get("SIMD Extensions", {})
    return [*extensions.get("baseline", []), *extensions.get("found", [])]
