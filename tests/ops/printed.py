"""One line of Python evaluated with PyTorch and with gradlab: what it prints is compared.

Both start from the same seed. The line sees ``torch`` (one library or the other), ``numpy``, and
modules of Python's own.
"""

from __future__ import annotations

import copy
import math
import pickle
import re
import warnings
from typing import Any

import numpy
import pytest

import gradlab

torch = pytest.importorskip("torch")


PLAIN = {"copy": copy, "math": math, "pickle": pickle}
"""Modules of Python's own that a line may use."""


def printed(library: Any, line: str) -> tuple[str, list[type[Warning]]]:
    """The text of a line's value, and the kinds of warnings on the way."""
    library.manual_seed(0)
    library.set_warn_always(True)  # whatever was warned of once before
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"gradlab\.")
            text = repr(eval(line, {"torch": library, "numpy": numpy, **PLAIN}))
    finally:
        library.set_warn_always(False)
    return re.sub(r"0x[0-9a-f]+", "0x…", text), [one.category for one in caught]


def assert_prints_same(line: str) -> None:
    """The line prints in gradlab what it prints in PyTorch, and warns as often."""
    assert printed(gradlab, line) == printed(torch, line)
