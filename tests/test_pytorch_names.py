"""The page that says which of PyTorch's names are here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gradlab
import pytorch_names

PAGE = Path(__file__).parent.parent / "docs/pytorch_names.md"


def test_the_page_is_up_to_date() -> None:
    torch = pytest.importorskip("torch")
    text = PAGE.read_text("utf-8")
    version = torch.__version__.partition("+")[0]
    if f"PyTorch {version} " not in text:
        pytest.skip(f"the page was made with another PyTorch than {version}")
    lines = list(pytorch_names.page(gradlab, torch))
    assert text.splitlines() == lines, "run `make pytorch-names`"


def libraries() -> tuple[Any, Any]:
    theirs = SimpleNamespace(
        __all__=["sin", "quantize", "later", "_private"], sin=1, quantize=2, later=3, _private=4
    )
    return SimpleNamespace(sin=1), SimpleNamespace(**vars(theirs), _C=SimpleNamespace())


def test_names_are_here_missing_or_out_of_scope() -> None:
    found = pytorch_names.compare(*libraries(), "")
    assert found.here == ["sin"]
    assert found.missing == ["later"]
    assert found.out_of_scope == {"quantized numbers": ["quantize"]}


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"), [([1.0], [1.0], True), ([1.0], [2.0], False)]
)
def test_samplers_are_compared_number_by_number(
    ours: list[float], theirs: list[float], expected: bool
) -> None:
    def library(numbers: list[float]) -> Any:
        drawn = SimpleNamespace(tolist=lambda: numbers)
        return SimpleNamespace(manual_seed=lambda _: None, rand=lambda _: drawn)

    sample = pytorch_names.SAMPLERS["rand"]
    assert pytorch_names.same_numbers(library(ours), library(theirs), sample) is expected
    nothing = SimpleNamespace(manual_seed=lambda _: None)
    assert pytorch_names.same_numbers(nothing, library(theirs), sample) is None


def test_no_reason_hides_a_name_of_everyday_use() -> None:
    everyday = (
        "sin matmul tensor Linear conv2d save load where scatter jacobian var_mean DataLoader"
    )
    assert [name for name in everyday.split() if pytorch_names.reason(name)] == []
