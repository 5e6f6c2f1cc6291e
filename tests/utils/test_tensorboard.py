"""SummaryWriter's files, read back by TensorBoard's own reader."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradlab as gl

pytest.importorskip("tensorboard")

from gradlab.utils.tensorboard import SummaryWriter


def read(folder: Path) -> Any:
    """TensorBoard's own view of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0}).Reload()


def picture(encoded: bytes) -> Any:
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(encoded)))


@pytest.mark.parametrize(
    "value", [0.5, 1, np.float64(0.25), gl.tensor(0.5), gl.tensor([[2.0]], requires_grad=True)]
)
def test_scalars_come_back_with_their_steps_and_times(tmp_path: Path, value: Any) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("a/loss", value, 3, walltime=12.5)
        writer.add_scalar("a/loss", value * 2, gl.tensor(4))
    one, two = read(tmp_path).Scalars("a/loss")
    expected = value.item() if isinstance(value, gl.Tensor) else float(value)
    assert (one.step, one.wall_time, one.value) == (3, 12.5, expected)
    assert (two.step, two.value) == (4, 2 * expected)


@pytest.mark.parametrize(("double", "field"), [(False, "float_val"), (True, "double_val")])
def test_scalars_in_the_new_style_are_tensors(tmp_path: Path, double: bool, field: str) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 0.1, 1, new_style=True, double_precision=double)
    (event,) = read(tmp_path).Tensors("loss")
    (number,) = getattr(event.tensor_proto, field)
    assert number == (0.1 if double else np.float32(0.1))


def test_several_scalars_of_one_chart_are_runs_of_their_own(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.add_scalars("m/loss", {"training": 0.5 - step, "test": 1.5}, step)
    events = read(tmp_path / "m_loss_training").Scalars("m/loss")
    assert [event.value for event in events] == [0.5, -0.5]
    assert [event.value for event in read(tmp_path / "m_loss_test").Scalars("m/loss")] == [1.5, 1.5]


@pytest.mark.parametrize("bins", ["tensorflow", "auto", 5, [-1.0, 0.0, 2.0, 9.0]])
@pytest.mark.parametrize("numbers", [[1.0], [-1.0, 0.0, 0.5, 0.5, 2.0, 7.0], [0.0, 0.0]])
def test_histograms_are_pytorchs(tmp_path: Path, bins: Any, numbers: list[float]) -> None:
    theirs = pytest.importorskip("torch.utils.tensorboard")
    torch = pytest.importorskip("torch")
    found = []
    for name, kind, lib in (("ours", SummaryWriter, gl), ("theirs", theirs.SummaryWriter, torch)):
        with kind(tmp_path / name) as writer:
            writer.add_histogram("weight", lib.tensor(numbers), 2, bins=bins)
        (event,) = read(tmp_path / name).Histograms("weight")
        found.append(event.histogram_value)
    ours, expected = found
    assert (ours.min, ours.max, ours.num) == (expected.min, expected.max, expected.num)
    assert (ours.sum, ours.sum_squares) == (expected.sum, expected.sum_squares)
    assert sum(ours.bucket) == sum(expected.bucket) == len(numbers)
    assert ours.bucket == expected.bucket
    np.testing.assert_allclose(ours.bucket_limit, expected.bucket_limit, rtol=1e-9)


def test_a_histogram_has_max_bins_at_most_and_loses_nothing(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("weight", gl.linspace(-2, 2, 101), bins=30, max_bins=8)
    (event,) = read(tmp_path).Histograms("weight")
    assert len(event.histogram_value.bucket) <= 9  # the first is empty
    assert sum(event.histogram_value.bucket) == 101


COLOURS = gl.arange(24, dtype=gl.uint8).reshape(3, 2, 4)


@pytest.mark.parametrize(
    ("tensor", "formats", "expected"),
    [
        (COLOURS, "CHW", COLOURS.permute(1, 2, 0)),
        (COLOURS.permute(1, 2, 0), "HWC", COLOURS.permute(1, 2, 0)),
        (COLOURS.permute(2, 1, 0), "WHC", COLOURS.permute(1, 2, 0)),
        (COLOURS[0], "HW", COLOURS[0]),
        (COLOURS[:1], "CHW", COLOURS[0]),
        (gl.tensor([[0.0, 0.5], [1.0, 3.0]]), "HW", gl.tensor([[0, 127], [255, 255]])),
    ],
)
def test_pictures_come_back(tmp_path: Path, tensor: Any, formats: str, expected: Any) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("p", tensor, 1, dataformats=formats)
    (event,) = read(tmp_path).Images("p")
    found = picture(event.encoded_image_string)
    assert (event.height, event.width) == found.shape[:2]
    np.testing.assert_array_equal(found, expected.numpy())


def test_a_batch_of_pictures_becomes_rows_and_columns(tmp_path: Path) -> None:
    batch = gl.arange(1, 4, dtype=gl.uint8).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)
    with SummaryWriter(tmp_path) as writer:
        writer.add_images("p", batch)
    (event,) = read(tmp_path).Images("p")
    found = picture(event.encoded_image_string)
    np.testing.assert_array_equal(found[::2, ::2], [[1, 2], [3, 0]])
    assert found.shape == (4, 4)


@pytest.mark.parametrize("count", [None, 3])
def test_figures_are_drawn_and_closed(tmp_path: Path, count: int | None) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figures = [pyplot.figure(figsize=(1, 2), dpi=50, facecolor="red") for _ in range(count or 1)]
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("kept", figures[0], close=False)
        assert pyplot.get_fignums()
        writer.add_figure("f", figures if count else figures[0])
    assert not pyplot.get_fignums()
    (event,) = read(tmp_path).Images("f")
    assert (event.width, event.height) == ((100, 200) if count else (50, 100))
    assert picture(event.encoded_image_string)[5, 5].tolist() == [255, 0, 0, 255]


def test_texts_come_back(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("note", "größer *and* louder", 7)
    (event,) = read(tmp_path).Tensors("note/text_summary")
    assert event.step == 7
    assert [text.decode() for text in event.tensor_proto.string_val] == ["größer *and* louder"]
    assert read(tmp_path).PluginTagToContent("text") == {"note/text_summary": b""}


def test_choices_and_how_they_did_come_back(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    chosen = {"lr": 0.1, "layers": 2, "kind": "LSTM", "bias": True, "p": gl.tensor(0.5), "x": None}
    with SummaryWriter(tmp_path) as writer:
        domains: dict[str, list[Any]] = {"kind": ["LSTM", "GRU"]}
        writer.add_hparams(chosen, {"accuracy": 0.97}, domains, run_name="one", global_step=5)
    found = read(tmp_path / "one")
    (event,) = found.Scalars("accuracy")
    assert (event.step, event.value) == (5, np.float32(0.97))
    messages = found.PluginTagToContent("hparams")
    start = HParamsPluginData.FromString(messages["_hparams_/session_start_info"])
    kinds = {n: v.WhichOneof("kind") for n, v in start.session_start_info.hparams.items()}
    assert kinds == {
        "lr": "number_value",
        "layers": "number_value",
        "p": "number_value",
        "kind": "string_value",
        "bias": "bool_value",
    }
    experiment = HParamsPluginData.FromString(messages["_hparams_/experiment"]).experiment
    assert [metric.name.tag for metric in experiment.metric_infos] == ["accuracy"]
    (kind,) = (info for info in experiment.hparam_infos if info.name == "kind")
    assert [v.string_value for v in kind.domain_discrete.values] == ["LSTM", "GRU"]
    assert HParamsPluginData.FromString(messages["_hparams_/session_end_info"])


@pytest.mark.parametrize(
    ("add", "error", "said"),
    [
        (lambda w: w.add_scalar("a", gl.ones(2)), AssertionError, "Was given size: 2 and 1"),
        (lambda w: w.add_histogram("a", gl.ones(0)), ValueError, "The input has no element"),
        (lambda w: w.add_image("a", gl.ones(2, 2)), ValueError, "names 3 dimensions"),
        (lambda w: w.add_image("a", gl.ones(1, 2, 2), None, None, "CHH"), ValueError, "each once"),
        (lambda w: w.add_image("a", gl.ones(2, 2, 2)), ValueError, "1, 3 or 4 channels"),
        (lambda w: w.add_hparams([], {}), TypeError, "should be dictionary. They are list"),
        (lambda w: w.add_hparams({"a": []}, {}), ValueError, "and a is a list"),
        (lambda w: w.add_graph(gl.nn.Linear(1, 1)), NotImplementedError, "gradlab_widgets import"),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, add: Callable[[SummaryWriter], None], error: type[Exception], said: str
) -> None:
    with SummaryWriter(tmp_path) as writer, pytest.raises(error, match=said):
        add(writer)


def test_flushing_writes_and_closing_begins_a_new_file(tmp_path: Path) -> None:
    writer = SummaryWriter(tmp_path, filename_suffix=".mine")
    writer.add_scalar("loss", 1.0, 0)
    writer.flush()
    assert len(read(tmp_path).Scalars("loss")) == 1
    writer.close()
    writer.close()
    writer.add_scalar("loss", 2.0, 1)
    writer.close()
    assert len(list(tmp_path.glob("*.mine"))) == 2


def test_what_a_run_wrote_from_a_step_on_can_be_forgotten(tmp_path: Path) -> None:
    for purge_step in (None, 3):
        with SummaryWriter(tmp_path, purge_step=purge_step, filename_suffix=f".{purge_step}") as w:
            for step in range(purge_step or 0, 6):
                w.add_scalar("loss", step if purge_step is None else -step, step)
    values = [event.value for event in read(tmp_path).Scalars("loss")]
    assert values == [0, 1, 2, -3, -4, -5]


def test_the_default_folder_is_named_after_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="-small") as writer:
        assert writer.get_logdir().startswith("runs/")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("-small")


def test_without_the_package_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['tensorboard'] = None\n"
        "import gradlab\n"
        "try: import gradlab.utils.tensorboard\n"
        "except ImportError as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'gradlab[tensorboard]'" in ran.stdout, ran.stderr
