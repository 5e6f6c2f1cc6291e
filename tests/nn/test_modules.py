"""gradlab.nn.modules: layers are found where PyTorch keeps them."""

from __future__ import annotations

import importlib
import pkgutil
from collections import OrderedDict
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl

torch = pytest.importorskip("torch")

FILES = [found.name for found in pkgutil.iter_modules(torch.nn.modules.__path__)]
NOT_HERE = {"_functions", "linear_cross_entropy", "linear_cross_entropy_options"}


@pytest.mark.parametrize("file", sorted(set(FILES) - NOT_HERE))
def test_a_file_holds_the_layers_that_pytorchs_holds(file: str) -> None:
    theirs = importlib.import_module(f"torch.nn.modules.{file}")
    ours = importlib.import_module(f"gradlab.nn.modules.{file}")
    assert ours is getattr(gl.nn.modules, file)
    public = [name for name in theirs.__all__ if hasattr(gl.nn, name)]
    assert public or file in ("lazy", "module", "utils")
    for name in public:
        assert getattr(ours, name) is getattr(gl.nn, name)


@pytest.mark.parametrize(
    ("file", "base"),
    [
        ("batchnorm", "_BatchNorm"),
        ("batchnorm", "_NormBase"),
        ("instancenorm", "_InstanceNorm"),
        ("conv", "_ConvNd"),
        ("conv", "_ConvTransposeNd"),
        ("dropout", "_DropoutNd"),
        ("loss", "_Loss"),
        ("pooling", "_MaxPoolNd"),
        ("pooling", "_AdaptiveAvgPoolNd"),
        ("module", "Module"),
    ],
)
def test_a_base_is_that_of_the_same_layers(file: str, base: str) -> None:
    def kinds(lib: ModuleType) -> set[str]:
        of = getattr(getattr(lib.nn.modules, file), base)
        named = {name: getattr(lib.nn, name) for name in dir(gl.nn) if hasattr(torch.nn, name)}
        layers = {n: k for n, k in named.items() if isinstance(k, type) and not n.startswith("_")}
        return {name for name, kind in layers.items() if issubclass(kind, of)}

    assert kinds(gl) == kinds(torch) != set()


def test_numbers_become_pairs() -> None:
    for lib in (gl, torch):
        utils = lib.nn.modules.utils
        assert utils._pair(3) == (3, 3)
        assert utils._pair([1, 2]) == (1, 2)
        assert utils._triple(1) == (1, 1, 1)
        assert utils._single(2) == (2,)


def test_a_prefix_is_taken_off_names_and_versions() -> None:
    found = []
    for lib in (gl, torch):
        state: Any = OrderedDict()
        lib.nn.Sequential(lib.nn.BatchNorm1d(1)).state_dict(destination=state, prefix="module.")
        plain = dict(lib.nn.Linear(1, 1).state_dict(prefix="module."), other=1)
        wrapped: Any = lib.nn.ModuleDict({"module": lib.nn.Sequential(lib.nn.BatchNorm1d(1))})
        whole = wrapped.state_dict()
        for one in (state, plain, whole):
            lib.nn.modules.utils.consume_prefix_in_state_dict_if_present(one, "module.")
        found.append((list(state), list(plain), list(whole), dict(whole._metadata)))
    assert found[0] == found[1]
