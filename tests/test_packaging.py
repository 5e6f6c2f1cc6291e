"""What is built carries all that a learner needs, and importing it brings nothing it should not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from hatch_build import is_fresh

ROOT = Path(__file__).parent.parent
LOCKS = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "widgets/package-lock.json"]
LESSON = "01_tensors_that_remember.ipynb"
BUNDLES = [
    f"gradlab_widgets/static/{name}" for name in ("graph.js", "step.js", "chart.js", "tour.js")
]


def hatch(project: Path, target: str, into: Path) -> Path:
    """Build with no `node` to be found: the bundles must be there, or travel in the sdist."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    subprocess.run(command, cwd=project, env={**os.environ, "PATH": "/nowhere"}, check=True)
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git has or would take, and the bundles: a build may make those anew.

    Where they are stale it empties `node_modules`, which somebody else may be using.
    """
    copy = tmp_path_factory.mktemp("source")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in [*listed.stdout.split("\0"), *(f"widgets/{bundle}" for bundle in BUNDLES)]:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def sdist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hatch(source, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as an installer would."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (project,) = unpacked.iterdir()
    return hatch(project, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.mark.xdist_group("packaging")
def test_the_wheel_carries_both_packages_the_bundles_and_the_lessons(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for expected in ("gradlab/__init__.py", "gradlab/py.typed", f"gradlab/lessons/{LESSON}",
                     "gradlab_widgets/__init__.py", *BUNDLES):  # fmt: skip
        assert expected in names
    for shared in ("share/jupyter/lab/settings/overrides.d/gradlab.json",
                   "share/jupyter/labextensions/gradlab/package.json",
                   "share/jupyter/labextensions/gradlab/static/remoteEntry.js",
                   "etc/jupyter/jupyter_nbconvert_config.py",
                   "etc/jupyter/jupyter_server_config.d/gradlab.json"):  # fmt: skip
        assert [name for name in names if name.endswith(f"data/{shared}")]
    assert not [name for name in names if name.endswith((".ts", ".map")) or "/tests/" in name]


@pytest.mark.xdist_group("packaging")
@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_bundle_in_the_wheel_is_the_one_that_was_built(
    wheel: Path, source: Path, bundle: str
) -> None:
    built = (source / "widgets" / bundle).read_bytes()
    assert zipfile.ZipFile(wheel).read(bundle) == built


@pytest.mark.parametrize("stale", BUNDLES)
@pytest.mark.parametrize("missing", [False, True])
def test_a_bundle_that_is_missing_or_older_than_a_source_is_made_anew(
    tmp_path: Path, stale: str, missing: bool
) -> None:
    widgets = tmp_path / "widgets"
    for name in ("src/graph.ts", "scripts/build.mjs", "package.json", *BUNDLES):
        (widgets / name).parent.mkdir(parents=True, exist_ok=True)
        (widgets / name).touch()
        os.utime(widgets / name, (1000, 1000))
    assert is_fresh(tmp_path)
    if missing:
        (widgets / stale).unlink()
    else:
        os.utime(widgets / stale, (999, 999))
    assert not is_fresh(tmp_path)


@pytest.mark.xdist_group("packaging")
def test_the_lessons_are_found_in_an_unpacked_wheel(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "from gradlab.cli import shipped_lessons; print(*shipped_lessons())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split()[0] == str(tmp_path / "gradlab/lessons" / LESSON)


@pytest.mark.parametrize(
    ("package", "unwanted"),
    [
        ("gradlab", ["torch", "cupy", "gradlab_widgets", "matplotlib", "IPython", "ipywidgets"]),
        ("gradlab_widgets", ["torch", "cupy", "pygraphviz", "matplotlib.pyplot"]),
    ],
)
def test_importing_brings_nothing_that_was_not_asked_for(package: str, unwanted: list[str]) -> None:
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert set(unwanted).isdisjoint(loaded.stdout.split())


def test_the_version_is_told_in_one_voice() -> None:
    import gradlab

    assert gradlab.__version__ == version("gradlab")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_files_name_versions_and_no_addresses(lock: Path) -> None:
    assert "://" not in lock.read_text("utf-8")


@pytest.mark.parametrize("name", ["lab", "test", "bench"])
def test_every_requirement_is_pinned(name: str) -> None:
    lines = (ROOT / f"requirements/{name}.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not re.match(r"[\w.\-]+==[\w.]+( ; .+)?$", line)] == []


def test_the_tests_run_with_the_versions_that_learners_get() -> None:
    lab, test = (
        set((ROOT / f"requirements/{name}.txt").read_text("utf-8").splitlines())
        for name in ("lab", "test")
    )
    assert lab <= test
