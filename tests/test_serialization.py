"""save and load: what goes to a file comes back, PyTorch's files load, nothing else is run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import gradlab as gl
from tests.nn.beside import assert_same_error

RANDOM = np.random.default_rng(0)


def through_a_file(value: Any, **options: Any) -> Any:
    file = io.BytesIO()
    gl.save(value, file)
    return gl.load(io.BytesIO(file.getvalue()), **options)


KINDS = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


@pytest.mark.parametrize("dtype", [*KINDS, "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_tensors_of_every_dtype_and_shape_come_back(dtype: str, shape: tuple[int, ...]) -> None:
    tensor = gl.tensor(RANDOM.normal(size=shape) * 5).to(getattr(gl, dtype))
    found = through_a_file(tensor)
    assert found.dtype is tensor.dtype
    assert found.shape == tensor.shape
    assert found.equal(tensor)


def test_tensors_that_do_not_lie_in_order_come_back() -> None:
    tensor = gl.arange(24.0).reshape(2, 3, 4)
    for view in (tensor.permute(2, 0, 1), tensor[:, ::2], tensor[0].t(), tensor[0, 0].expand(5, 4)):
        assert through_a_file(view).equal(view)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**70),
        "a\u00e4\n",
        1.5,
        float("inf"),
        -0.0,
        1 + 2j,
        b"\x00\xff",
        [1, [2.5, None]],
        (1, "a"),
        {"a": 1, 3: [2], None: {}},
        OrderedDict(b=1, a=2),
        Counter([3, 5, 3]),
        {1, 2.5},
        set(),
        gl.Size([2, 3]),
        gl.float16,
        gl.device("cpu"),
    ],
    ids=repr,
)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    found = through_a_file({"value": value})["value"]
    assert repr(found) == repr(value)
    assert type(found) is type(value)


def test_a_checkpoint_goes_on_where_it_was() -> None:
    model = gl.nn.Sequential(gl.nn.Linear(3, 4), gl.nn.Tanh(), gl.nn.Linear(4, 1))
    optimizer = gl.optim.Adam(model.parameters())
    x = gl.ones(2, 3)

    def step(model: Any, optimizer: Any) -> float:
        optimizer.zero_grad()
        loss = (model(x) ** 2).sum()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    step(model, optimizer)
    saved = {"epoch": 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    found = through_a_file(saved)
    other = gl.nn.Sequential(gl.nn.Linear(3, 4), gl.nn.Tanh(), gl.nn.Linear(4, 1))
    other.load_state_dict(found["model"])
    resumed = gl.optim.Adam(other.parameters())
    resumed.load_state_dict(found["optimizer"])
    assert found["epoch"] == 1
    assert [step(other, resumed) for _ in range(3)] == [step(model, optimizer) for _ in range(3)]


def test_one_tensor_in_two_places_is_one_again() -> None:
    weight = gl.ones(2)
    found = through_a_file({"a": weight, "b": [weight]})
    assert found["a"] is found["b"][0]


def test_tied_weights_are_written_once_and_are_tied_again() -> None:
    model = gl.nn.Sequential(gl.nn.Linear(30, 30, bias=False), gl.nn.Linear(30, 30, bias=False))
    model[1].weight = model[0].weight
    file = io.BytesIO()
    gl.save({"network": model.state_dict(), "weight": model[0].weight}, file)
    assert len(file.getvalue()) < 2 * 30 * 30 * 4
    found = gl.load(io.BytesIO(file.getvalue()))
    state, weight = found["network"], found["weight"]
    state["0.weight"].fill_(7)
    assert (state["1.weight"] == 7).all()
    assert (weight == 7).all()
    assert isinstance(weight, gl.nn.Parameter)
    assert not state["0.weight"].requires_grad


def test_parts_of_one_memory_that_differ_are_written_as_they_are() -> None:
    x = gl.arange(6.0)
    views = [x[:2], x[:3], x[::2], x.reshape(2, 3), x.reshape(3, 2).t(), x, x.view(gl.int32)]
    for found, view in zip(through_a_file(views), views, strict=True):
        assert found.dtype is view.dtype
        assert found.equal(view)


def test_what_was_computed_comes_back_as_a_leaf_that_requires_grad() -> None:
    torch = pytest.importorskip("torch")
    for lib in (gl, torch):
        file = io.BytesIO()
        lib.save(lib.ones(2, requires_grad=True) * 2, file)
        found = lib.load(io.BytesIO(file.getvalue()))
        assert str(found) == "tensor([2., 2.], requires_grad=True)"


@pytest.mark.parametrize(
    "make",
    [
        lambda s, o: s.MultiStepLR(o, [1, 3, 3]),
        lambda s, o: s.OneCycleLR(o, 0.5, total_steps=9),
        lambda s, o: s.ReduceLROnPlateau(o, patience=0),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 2),
        lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.1), s.StepLR(o, 2)], [3]),
        lambda s, o: s.CyclicLR(o, 0.1, 0.5, step_size_up=2, cycle_momentum=False),
    ],
)
def test_a_scheduler_goes_on_where_it_was(make: Any) -> None:
    def made() -> Any:
        optimizer = gl.optim.SGD([gl.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
        return optimizer, make(gl.optim.lr_scheduler, optimizer)

    def steps(optimizer: Any, scheduler: Any, count: int) -> list[float]:
        rates = []
        for _ in range(count):
            optimizer.step()
            plateau = isinstance(scheduler, gl.optim.lr_scheduler.ReduceLROnPlateau)
            scheduler.step(1.0) if plateau else scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    optimizer, scheduler = made()
    steps(optimizer, scheduler, 3)
    again = made()
    saved = through_a_file([optimizer.state_dict(), scheduler.state_dict()])
    for one, state in zip(again, saved, strict=True):
        one.load_state_dict(state)
    assert steps(*again, 5) == steps(optimizer, scheduler, 5)


def test_a_path_or_file_that_can_not_be_is_told_in_pytorchs_words(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for case in (
        lambda lib: lib.save({}, tmp_path / "missing" / "file.pt"),
        lambda lib: lib.load(tmp_path / "missing.pt"),
        lambda lib: lib.load(3),
    ):
        assert_same_error(case, torch)
    (tmp_path / "empty.pt").touch()
    for lib in (gl, torch):
        with pytest.raises(EOFError):
            lib.load(tmp_path / "empty.pt")


@pytest.mark.skipif(gl.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("place", [None, "cuda", "cuda:1", gl.device("cuda"), {"cuda:0": "cuda:0"}])
def test_tensors_from_a_gpu_need_a_place_where_there_is_none(place: Any) -> None:
    file = io.BytesIO()
    gl.save(gl.ones(2), file)
    header = file.getvalue().replace(b'\\"float32\\"', b'\\"float32\\", \\"device\\": \\"cuda:0\\"')
    size = len(header) - len(file.getvalue())
    assert size
    header = (int.from_bytes(header[:8], "little") + size).to_bytes(8, "little") + header[8:]
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device but"):
        gl.load(io.BytesIO(header), place)
    assert gl.load(io.BytesIO(header), "cpu").tolist() == [1, 1]
    assert gl.load(io.BytesIO(header), {"cuda:0": "cpu"}).tolist() == [1, 1]


def test_plain_values_in_pytorchs_files_load() -> None:
    torch = pytest.importorskip("torch")
    value = {"set": {1, 2}, "bytes": b"a\xff", "array": bytearray(b"b"), "milestones": Counter([3])}
    value["complex"] = 1 + 2j
    file = io.BytesIO()
    torch.save(value, file)
    assert gl.load(io.BytesIO(file.getvalue())) == value


def test_parameters_stay_parameters_and_leaves_wanted() -> None:
    parameter = gl.nn.Parameter(gl.ones(2), requires_grad=False)
    found = through_a_file([parameter, gl.ones(1, requires_grad=True), gl.ones(1)])
    assert isinstance(found[0], gl.nn.Parameter)
    assert [tensor.requires_grad for tensor in found] == [False, True, False]


def test_other_libraries_read_the_tensors_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    gl.save(gl.nn.Linear(2, 1).state_dict(), path)
    assert sorted(safetensors.numpy.load_file(path)) == ["bias", "weight"]


def test_files_of_other_libraries_are_dictionaries(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({"x": np.arange(3.0)}, path)
    found = gl.load(path)
    assert list(found) == ["x"]
    assert found["x"].tolist() == [0.0, 1.0, 2.0]
    found["x"] += 1  # its memory is its own


@pytest.mark.parametrize("value", [gl.nn.Linear(1, 1), object(), {object()}, lambda: None])
def test_what_is_no_plain_value_is_not_saved(value: Any) -> None:
    with pytest.raises(TypeError, match=r"save\(\) writes tensors and plain values, and at 'a.0"):
        gl.save({"a": [value]}, io.BytesIO())


@pytest.mark.parametrize("end", [0, 4, 9, 30, -1])
def test_a_file_that_is_cut_short_is_refused(end: int) -> None:
    file = io.BytesIO()
    gl.save({"x": gl.ones(10)}, file)
    with pytest.raises((RuntimeError, EOFError), match=r"cut short|is neither|Ran out of input"):
        gl.load(io.BytesIO(file.getvalue()[:end]))


# ------------------------------------------------------------------ PyTorch's files


def of_torch(value: Any, **options: Any) -> bytes:
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


@pytest.mark.parametrize("zipped", [True, False])
def test_pytorchs_files_load(zipped: bool) -> None:
    torch = pytest.importorskip("torch")
    base = torch.arange(24.0).reshape(4, 6)
    value = {
        "state": torch.nn.Linear(3, 2).state_dict(),
        "views": [base[1:, ::2], base.t(), base[0, 0], torch.ones(0, 3)],
        "kinds": [
            torch.ones(2).to(getattr(torch, kind))
            for kind in ("float16", "float64", "int8", "int64", "uint8", "bool", "complex64")
        ],
        "half": torch.tensor([1.5, -2.25, 3e38]).bfloat16(),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "plain": (1, "a", 2.5, None, torch.Size([2]), torch.float32),
    }
    found = gl.load(io.BytesIO(of_torch(value, _use_new_zipfile_serialization=zipped)))
    for key in ("views", "kinds"):
        for ours, theirs in zip(found[key], value[key], strict=True):
            assert str(ours.dtype) == str(theirs.dtype)
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert found["half"].tolist() == value["half"].float().tolist()
    assert found["views"][0].stride() == (6, 2)
    assert isinstance(found["parameter"], gl.nn.Parameter)
    assert found["plain"] == (1, "a", 2.5, None, gl.Size([2]), gl.float32)
    model = gl.nn.Linear(3, 2)
    assert str(model.load_state_dict(found["state"])) == "<All keys matched successfully>"
    assert model.weight.tolist() == value["state"]["weight"].tolist()


@pytest.mark.parametrize("zipped", [True, False])
def test_map_location_decides_where_tensors_go(zipped: bool) -> None:
    torch = pytest.importorskip("torch")
    data = of_torch({"x": torch.ones(2)}, _use_new_zipfile_serialization=zipped)
    seen: list[str] = []

    def place(tensor: Any, device: str) -> Any:
        seen.append(device)
        return tensor * 2

    assert gl.load(io.BytesIO(data), map_location=place)["x"].tolist() == [2.0, 2.0]
    assert gl.load(io.BytesIO(data), "cpu")["x"].tolist() == [1.0, 1.0]
    assert gl.load(io.BytesIO(data), {"cuda:0": "cpu"})["x"].tolist() == [1.0, 1.0]
    assert seen == ["cpu"]


class Malicious:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/gradlab_was_here",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_wants_more_than_tensors_is_refused_by_name(zipped: bool) -> None:
    data = of_torch({"x": Malicious()}, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError, match=r"Weights only load failed.*posix.system"):
        gl.load(io.BytesIO(data))
    assert not Path("/tmp/gradlab_was_here").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_module_is_refused_by_name(zipped: bool) -> None:
    torch = pytest.importorskip("torch")
    data = of_torch(torch.nn.Linear(1, 1), _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError, match=r"wants torch.nn.modules.linear.Linear"):
        gl.load(io.BytesIO(data))


@pytest.mark.parametrize("zipped", [True, False])
def test_pytorchs_files_cut_short_are_refused(zipped: bool) -> None:
    torch = pytest.importorskip("torch")
    data = of_torch({"x": torch.ones(1000)}, _use_new_zipfile_serialization=zipped)
    for share in (0.1, 0.5, 0.9, 0.99):
        with pytest.raises(
            (RuntimeError, pickle.UnpicklingError), match=r"cut short|can't be foll"
        ):
            gl.load(io.BytesIO(data[: int(len(data) * share)]))


def test_a_tensor_beyond_its_storage_is_refused() -> None:
    torch = pytest.importorskip("torch")
    data = of_torch(torch.ones(3))
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry.endswith("data.pkl"):
                content = content.replace(b"K\x03\x85", b"K\x63\x85")  # the size: 99, not 3
            new.writestr(entry, content)
    with pytest.raises(pickle.UnpicklingError, match=r"size \(99,\).* a storage of 3 elements"):
        gl.load(io.BytesIO(changed.getvalue()))
