"""Write the names of CuPy's functions, read from a wheel, for the tests that need no GPU.

    python -m pip download --no-deps cupy-cuda12x
    python tools/cupy_names.py cupy_cuda12x-*.whl > tests/data/cupy_names.txt

Nothing of the wheel is imported or installed: its `__init__` files are parsed.
"""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

FOLDERS = {
    "": "cupy",
    "fft.": "cupy/fft",
    "linalg.": "cupy/linalg",
    "random.": "cupy/random",
    "special.": "cupyx/scipy/special",
}

# Methods of ufuncs are in compiled code. All others raise NotImplementedError in CuPy 13 and 14
# (cupy/_core/_kernel.pyx).
UFUNC_METHODS = {
    "reduce": ("add", "multiply"),
    "accumulate": ("add", "multiply"),
    "reduceat": ("add",),
    "at": ("add", "bitwise_and", "bitwise_or", "bitwise_xor", "maximum", "minimum", "subtract"),
}


def public_names(source: str) -> Iterator[str]:
    """Names that a module's text imports, defines or assigns, those with an underscore left out."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        yield from (name for name in names if not name.startswith("_") and "." not in name)


def names_in(wheel: Path) -> set[str]:
    """`sin`, `linalg.norm`, `add.reduce`, SciPy's `special.erf` and so on."""
    found = {f"{name}.{method}" for method, names in UFUNC_METHODS.items() for name in names}
    with zipfile.ZipFile(wheel) as archive:
        for prefix, folder in FOLDERS.items():
            source = archive.read(folder + "/__init__.py").decode()
            found |= {prefix + name for name in public_names(source)}
    return found


def main() -> None:
    wheel = Path(sys.argv[1])
    version = re.match(r"cupy_\w+-([^-]+)-", wheel.name)
    print(f"# The names of CuPy {version[1] if version else ''}: tools/cupy_names.py")
    print("\n".join(sorted(names_in(wheel))))


if __name__ == "__main__":
    main()
