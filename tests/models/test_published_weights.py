"""Published weights: fetched from a hub once, shown, kept, and refused when they are not right."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gradlab as gl
from gradlab.models import Weights, get_state_dict
from tests.models.hub_server import Hub, serving


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


def as_file(value: Any) -> bytes:
    file = io.BytesIO()
    gl.save(value, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def resnet_state() -> dict[str, Any]:
    gl.manual_seed(5)
    return gl.models.resnet18().state_dict()  # type: ignore[no-any-return]


def run(hub: Hub | None, home: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that knows no hub but this one (None: one that nobody answers at)."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url if hub is not None else "http://127.0.0.1:9",
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_ETAG_TIMEOUT": "2",
        "HF_HUB_DOWNLOAD_TIMEOUT": "2",
    }
    return subprocess.run(
        [sys.executable, "-c", "import gradlab as gl\n" + code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


RESNET = "model = gl.models.resnet18(pretrained=True)\n"
SHOW = "print(model.fc.weight.sum().item(), model.bn1.running_var.sum().item())\n"


def test_a_pretrained_network_is_fetched_once_with_a_bar_and_kept(
    hub: Hub, resnet_state: dict[str, Any], tmp_path: Path
) -> None:
    hub.files["timm/resnet18.tv_in1k/model.safetensors"] = as_file(resnet_state)
    expected = (
        f"{resnet_state['fc.weight'].sum().item()} {resnet_state['bn1.running_var'].sum().item()}\n"
    )
    first = run(hub, tmp_path, RESNET + SHOW)
    assert (first.stdout, first.returncode) == (expected, 0), first.stderr
    assert "100%" in first.stderr
    downloads = sum(request.startswith("GET") for request in hub.requests)
    code = 'model = gl.models.resnet18(weights="IMAGENET1K_V1", progress=False)\n' + SHOW
    again = run(hub, tmp_path, code)
    assert (again.stdout, again.returncode) == (expected, 0), again.stderr
    assert "%" not in again.stderr
    assert sum(request.startswith("GET") for request in hub.requests) == downloads
    offline = run(None, tmp_path, RESNET + SHOW)
    assert (offline.stdout, offline.returncode) == (expected, 0), offline.stderr


FETCH = (
    "from gradlab.models import Weights, get_state_dict\n"
    'get_state_dict(Weights(repo="me/net", filename="FILE"), progress=False)\n'
)


def error_of(hub: Hub | None, home: Path, file: str) -> str:
    """The error that fetching a file ends with: its kind and its words."""
    caught = "try:\n    {}except Exception as error:\n    print(type(error).__name__, error)\n"
    importing, fetching = FETCH.replace("FILE", file).splitlines(keepends=True)
    found = run(hub, home, importing + caught.format(fetching))
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_without_a_hub_and_a_copy_the_way_out_is_told(tmp_path: Path) -> None:
    error = error_of(None, tmp_path, "model.safetensors")
    assert error.startswith(
        "ConnectionError Can't fetch model.safetensors of me/net: the hub could not be reached, "
        "and there is no copy in "
    )
    assert error.endswith("pass weights=Weights(repo=FOLDER, filename=FILE).")


def test_a_file_that_the_hub_does_not_have_is_named(hub: Hub, tmp_path: Path) -> None:
    error = error_of(hub, tmp_path, "absent.safetensors")
    assert error.startswith("RuntimeError me/net on the hub has no absent.safetensors:")


def test_a_file_changed_on_its_way_is_refused(hub: Hub, tmp_path: Path) -> None:
    published = as_file({"x": gl.ones(4)})
    hub.files["me/net/changed.safetensors"] = published
    hub.sent["me/net/changed.safetensors"] = published[:-1] + b"\x01"
    error = error_of(hub, tmp_path, "changed.safetensors")
    assert error.startswith("RuntimeError ")
    assert "is damaged: its SHA-256 is " in error


def test_a_damaged_file_is_fetched_anew_once_it_is_deleted(hub: Hub, tmp_path: Path) -> None:
    published = as_file({"x": gl.ones(4)})
    hub.files["me/net/mended.safetensors"] = published
    hub.sent["me/net/mended.safetensors"] = published[:-1] + b"\x01"
    damaged = error_of(hub, tmp_path, "mended.safetensors")
    del hub.sent["me/net/mended.safetensors"]
    assert error_of(hub, tmp_path, "mended.safetensors") == damaged
    Path(damaged.removeprefix("RuntimeError ").partition(" is damaged: ")[0]).unlink()
    assert error_of(hub, tmp_path, "mended.safetensors") == ""


def test_a_program_in_the_place_of_weights_is_refused_and_not_run(hub: Hub, tmp_path: Path) -> None:
    class Program:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "was run",)

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"fc.weight": Program()}, 2))
        archive.writestr("archive/byteorder", b"little")
    for name, data in (("zip.pth", file.getvalue()), ("old.pth", pickle.dumps(Program(), 2))):
        hub.files[f"me/net/{name}"] = data
        error = error_of(hub, tmp_path, name)
        assert error.startswith("UnpicklingError Weights only load failed. ")
        assert f"{name} wants " in error
        assert "which is no tensor" in error
    assert not (tmp_path / "was run").exists()


def test_a_machine_told_to_stay_offline_asks_nobody(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = len(hub.requests)
    error = error_of(hub, tmp_path, "model.safetensors")
    assert error.startswith("ConnectionError Can't fetch model.safetensors of me/net: the hub coul")
    assert len(hub.requests) == asked


def test_a_download_that_breaks_off_is_not_kept(hub: Hub, tmp_path: Path) -> None:
    published = as_file({"x": gl.ones(400)})
    hub.files["me/net/short.safetensors"] = published
    hub.sent["me/net/short.safetensors"] = published[:100]
    found = run(hub, tmp_path, FETCH.replace("FILE", "short.safetensors"))
    assert found.returncode == 1
    del hub.sent["me/net/short.safetensors"]
    found = run(hub, tmp_path, FETCH.replace("FILE", "short.safetensors"))
    assert found.returncode == 0, found.stderr


# ------------------------------------------------------------------ files on this machine


def test_weights_may_lie_on_this_machine(tmp_path: Path) -> None:
    model = gl.models.MLP([2, 3, 1])
    gl.save(model.state_dict(), tmp_path / "mlp.safetensors")
    found = get_state_dict(Weights(repo=str(tmp_path), filename="mlp.safetensors"))
    assert list(found) == list(model.state_dict())


def test_a_checksum_of_ones_own_is_checked(tmp_path: Path) -> None:
    gl.save({"x": gl.ones(1)}, tmp_path / "x.safetensors")
    weights = Weights(repo=str(tmp_path), filename="x.safetensors", sha256="0" * 64)
    with pytest.raises(RuntimeError, match=r"x.safetensors is damaged: its SHA-256 is [0-9a-f]+"):
        get_state_dict(weights)


def pretrained(folder: Path, state: dict[str, Any]) -> Any:
    gl.save(state, folder / "model.safetensors")
    return gl.models.resnet18(weights=Weights(repo=str(folder)))


def test_weights_with_a_wrong_key_or_shape_are_refused_by_name(
    tmp_path: Path, resnet_state: dict[str, Any]
) -> None:
    renamed = {key.replace("fc.bias", "fc.bios"): value for key, value in resnet_state.items()}
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "fc.bias"'):
        pretrained(tmp_path, renamed)
    reshaped = {**resnet_state, "fc.weight": gl.ones(10, 512)}
    with pytest.raises(RuntimeError, match=r"size mismatch for fc.weight: .*\[10, 512\]"):
        pretrained(tmp_path, reshaped)
    gl.save([1], tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match="holds no state dict but a list"):
        gl.models.resnet18(weights=Weights(repo=str(tmp_path)))


def test_a_file_of_torchvisions_loads_as_well(tmp_path: Path, resnet_state: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    state = {key: torch.from_numpy(value.numpy()) for key, value in resnet_state.items()}
    uncounted = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    for saved, options in ((state, {}), (uncounted, {"_use_new_zipfile_serialization": False})):
        torch.save(saved, tmp_path / "resnet18.pth", **options)
        found = gl.models.resnet18(weights=Weights(repo=str(tmp_path), filename="resnet18.pth"))
        for key, value in found.state_dict().items():
            assert value.equal(resnet_state[key]), key


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_file_cut_short_is_refused_by_name(
    tmp_path: Path, resnet_state: dict[str, Any], name: str, share: float
) -> None:
    path = tmp_path / name
    state = {key: value for key, value in resnet_state.items() if key.startswith("layer1")}
    if name.endswith(".pth"):
        torch = pytest.importorskip("torch")
        torch.save({key: torch.from_numpy(value.numpy()) for key, value in state.items()}, path)
    else:
        gl.save(state, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises((RuntimeError, EOFError), match=name):
        get_state_dict(Weights(repo=str(tmp_path), filename=name))


def test_weights_that_are_no_tensors_or_of_another_network_are_refused_by_name(
    tmp_path: Path, resnet_state: dict[str, Any]
) -> None:
    with pytest.raises(RuntimeError, match=r'parameter named "fc.bias", expected torch.Tensor'):
        pretrained(tmp_path, {**resnet_state, "fc.bias": 3})
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "head.weight"'):
        pretrained(tmp_path, {**resnet_state, "head.weight": gl.ones(1)})
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "conv1.weight"'):
        pretrained(tmp_path, {"state_dict": resnet_state})


def test_unknown_weights_and_another_number_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Invalid Weight: 'V9'\. There are IMAGENET1K_V1"):
        gl.models.resnet18(weights="V9")
    with pytest.raises(ValueError, match="The parameter 'num_classes' expected value 1000 but got"):
        gl.models.resnet18(weights="IMAGENET1K_V1", num_classes=10)
