"""Published weights: fetched from the Hugging Face hub once, checked, and kept."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradlab.serialization import load


@dataclass(frozen=True)
class Weights:
    """Where weights are published: a file of a repository on the hub, or a file on this machine.

    ``sha256``, if given, must be the file's. ``num_classes``: how many the network was trained for.

    >>> Weights(repo="timm/resnet18.tv_in1k", filename="model.safetensors").num_classes
    1000
    """

    repo: str
    filename: str = "model.safetensors"
    revision: str | None = None
    sha256: str | None = None
    num_classes: int = 1000


def get_state_dict(weights: Weights, progress: bool = True) -> dict[str, Any]:
    """The tensors of published weights by name, from the hub or from where they were kept.

    Raises ConnectionError where they are not kept and the hub can't be reached, RuntimeError for a
    file that is damaged.

    >>> import gradlab as gl
    >>> gl.save({"weight": gl.ones(1)}, "own.safetensors")  # doctest: +SKIP
    >>> get_state_dict(Weights(repo=".", filename="own.safetensors"))  # doctest: +SKIP
    {'weight': tensor([1.])}
    """
    local = Path(weights.repo) / weights.filename
    path = local if local.is_file() else _fetched(weights, progress)
    if weights.sha256 is not None:
        _check(path, weights.sha256)
    found = load(path)
    if not isinstance(found, dict):
        raise RuntimeError(f"{path} holds no state dict but a {type(found).__name__}")
    return found


def _fetched(weights: Weights, progress: bool) -> Path:
    """The path of a file of the hub's, in the hub library's own cache."""
    # Imported here: it takes 0.4 s, and few sessions fetch anything.
    from huggingface_hub import constants, errors, hf_hub_download
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)  # the hub library's own, for groups of bars
            super().__init__(*args, **{**kwargs, "disable": not progress})

    try:
        path = hf_hub_download(
            weights.repo, weights.filename, revision=weights.revision, tqdm_class=Bar
        )
    except (errors.EntryNotFoundError, errors.RepositoryNotFoundError) as error:
        if isinstance(error, errors.LocalEntryNotFoundError):
            raise _unreachable(weights, constants.HF_HUB_CACHE) from error
        raise RuntimeError(
            f"{weights.repo} on the hub has no {weights.filename}: {str(error).strip()}"
        ) from error
    except (errors.OfflineModeIsEnabled, OSError) as error:
        raise _unreachable(weights, constants.HF_HUB_CACHE) from error
    _check_by_name(Path(path))
    return Path(path)


def _unreachable(weights: Weights, cache: str) -> ConnectionError:
    return ConnectionError(
        f"Can't fetch {weights.filename} of {weights.repo}: the hub could not be reached, and "
        f"there is no copy in {cache}. Connect once, or put the file somewhere and pass "
        "weights=Weights(repo=FOLDER, filename=FILE)."
    )


def _check_by_name(path: Path) -> None:
    """Check a file of the cache by what it is kept under: a large file's SHA-256."""
    file = Path(os.path.realpath(path))  # what is to be deleted: a new link would lead to it again
    if len(file.name) == 64 and set(file.name) <= set("0123456789abcdef"):
        _check(file, file.name)


def _check(path: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise RuntimeError(
            f"{path} is damaged: its SHA-256 is {digest.hexdigest()}, and {sha256} was published. "
            "Delete it, and it will be fetched anew."
        )
