"""Every public name says what it does, and shows it in an example that runs.

That the examples run is tested where all doctests are, by the suite.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import gradlab

NAMESPACES = [
    *("", "Tensor", "amp", "autograd", "autograd.function", "autograd.functional"),
    *("autograd.forward_ad", "autograd.graph", "autograd.profiler", "backends.cpu"),
    *("backends.cuda", "backends.cudnn", "backends.mkl", "backends.mkldnn", "backends.mps"),
    *("backends.openmp", "backends.opt_einsum", "cuda", "func", "linalg", "nn"),
    *("nn.functional", "nn.init", "optim", "optim.lr_scheduler", "profiler", "random", "special"),
    *("utils.benchmark", "utils.checkpoint", "utils.data", "utils.tensorboard"),
]


def namespace(path: str) -> Any:
    if path in ("", "Tensor"):
        return getattr(gradlab, path) if path else gradlab
    return importlib.import_module(f"gradlab.{path}")


def public(path: str) -> Iterator[tuple[str, Any]]:
    """The functions, classes, methods and properties of ours that a namespace shows."""
    found = namespace(path)
    for name, value in vars(found).items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        value = getattr(value, "__func__", value)
        kinds = (inspect.isfunction, inspect.isclass, inspect.isdatadescriptor)
        listed = getattr(found, "__all__", None)
        whole = path in ("", "Tensor") or listed is not None
        room = "gradlab" if whole else f"gradlab.{path}"  # what else it shows, it only imported
        own = str(getattr(value, "__module__", "gradlab")).startswith(room)
        if own and any(kind(value) for kind in kinds) and (listed is None or name in listed):
            yield name, value


EVERYTHING = [(path, name, value) for path in NAMESPACES for name, value in public(path)]
IDS = [f"{path}.{name}".lstrip(".") for path, name, _ in EVERYTHING]

each = pytest.mark.parametrize(("path", "name", "value"), EVERYTHING, ids=IDS)


def described(value: Any) -> str:
    return inspect.getdoc(value) or ""


def is_form_of_another(value: Any) -> bool:
    """Whether a function is another's in-place or copying form, made from it: see there."""
    return described(value).startswith(("In-place form of ``", "As ``"))


def needs_example(path: str, name: str, value: Any) -> bool:
    """Whether a name has to be shown at work: not where there would be no more to see than said."""
    is_property = inspect.isdatadescriptor(value)
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    on_gpu = "cuda" in (path, name)  # where nothing of it can be run without one
    return not (is_form_of_another(value) or is_property or is_error or on_gpu)


@each
def test_a_public_name_says_what_it_does_in_a_sentence(path: str, name: str, value: Any) -> None:
    first = described(value).split("\n\n")[0]
    assert first, f"{path}.{name} has no docstring"
    assert first.rstrip().endswith((".", ":", "…")), f"{path}.{name} begins with no sentence"


@each
def test_a_public_name_is_shown_in_an_example(path: str, name: str, value: Any) -> None:
    if needs_example(path, name, value):
        assert ">>> " in described(value), f"{path}.{name} has no example"


def is_generated(value: Any) -> bool:
    """Whether pytest doesn't find the docstring in the module that it names."""
    module = sys.modules.get(str(getattr(value, "__module__", "")))
    return inspect.isfunction(value) and getattr(module, value.__name__, None) is not value


GENERATED = [one for one in EVERYTHING if is_generated(one[2]) and ">>> " in described(one[2])]


@pytest.mark.parametrize(
    ("path", "name", "value"), GENERATED, ids=[f"{one[0]}.{one[1]}" for one in GENERATED]
)
def test_an_example_that_was_generated_runs(path: str, name: str, value: Any) -> None:
    names = dict(vars(sys.modules[value.__module__]))
    example = doctest.DocTestParser().get_doctest(described(value), names, name, None, None)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    said: list[str] = []
    doctest.DocTestRunner(optionflags=flags).run(example, out=said.append)
    assert not said, "".join(said)
