"""A file imports only from its own floor and the floors below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINE = ROOT / "gradlab"
WIDGETS = ROOT / "widgets/gradlab_widgets"

ROOMS = [
    "arrays backends cuda generator grad_mode levels observers printing return_types samples "
    "settings threads type_info version warn",
    "graph engine inplace",
    "tensor op random",
    "ops",
    "autograd func linalg special",
    "nn optim utils",
    "amp distributions serialization testing",
    # The front door (`__init__`) names every room, so only this floor may come in by it.
    "models profiler cleaning cli __main__ __init__",
]
FLOORS = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms.split()}

FILES = sorted(ENGINE.rglob("*.py"))


def room(module: str) -> str:
    """The room a dotted name inside `gradlab` is in: `ops` for `gradlab.ops.reduce`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported(file: Path, package_root: Path = ROOT) -> Iterator[str]:
    """Dotted names a file imports anywhere in it, type-checking imports left out."""
    package = list(file.relative_to(package_root).with_suffix("").parts[:-1])
    tree = ast.parse(file.read_text("utf-8"))
    for_types = {id(node) for block in ast.walk(tree) if _is_type_checking(block)
                 for node in ast.walk(block)}  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            # `from gradlab import ops` imports the room `ops`; `from gradlab import sin` the door.
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                is_room = base == "gradlab" and alias.name in FLOORS
                yield inner if is_room else base


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    }


def home(file: Path) -> str:
    """The room that a file of the engine is in."""
    return room(".".join(file.relative_to(ROOT).with_suffix("").parts))


def too_high(file: Path) -> list[str]:
    """The imports of `file` that reach above its own floor."""
    ours = (name for name in imported(file) if name.split(".")[0] == "gradlab")
    return [name for name in ours if FLOORS[room(name)] > FLOORS[home(file)]]


def test_every_room_has_a_floor() -> None:
    assert {home(file) for file in FILES} - set(FLOORS) == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_imports_only_from_its_floor_and_below(file: Path) -> None:
    assert too_high(file) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_engine_imports_neither_the_widgets_nor_pytorch(file: Path) -> None:
    assert {name.split(".")[0] for name in imported(file)}.isdisjoint({"gradlab_widgets", "torch"})


@pytest.mark.parametrize("file", sorted(WIDGETS.rglob("*.py")), ids=lambda file: file.name)
def test_the_widgets_never_import_pytorch(file: Path) -> None:
    assert "torch" not in {name.split(".")[0] for name in imported(file, WIDGETS.parent)}


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("import gradlab.nn", ["gradlab.nn"]),
        ("from gradlab.ops import reduce", ["gradlab.ops"]),
        ("from gradlab import ops", ["gradlab.ops"]),
        ("from gradlab import sin", ["gradlab"]),
        ("from . import tensor", ["gradlab.tensor"]),
        ("from .ops.reduce import sum", ["gradlab.ops.reduce"]),
        ("def late():\n    import gradlab.optim", ["gradlab.optim"]),
        ("if TYPE_CHECKING:\n    from gradlab.tensor import Tensor", []),
    ],
)
def test_every_way_to_write_an_import_is_read(
    tmp_path: Path, statement: str, names: list[str]
) -> None:
    (tmp_path / "gradlab").mkdir()
    file = tmp_path / "gradlab/graph.py"
    file.write_text(statement)
    assert list(imported(file, tmp_path)) == names
