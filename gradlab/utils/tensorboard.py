"""``gradlab.utils.tensorboard``: write down how a training goes, for TensorBoard to show.

What is written are TensorBoard's own event files, by its package's own writer (``pip install
'gradlab[tensorboard]'``); ``tensorboard --logdir runs`` shows them.

>>> import tempfile
>>> with SummaryWriter(tempfile.mkdtemp()) as writer:
...     for step in range(3):
...         writer.add_scalar("loss", 1 / (1 + step), step)
"""

from __future__ import annotations

import io
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import numpy

from gradlab.tensor import Tensor

try:
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
except ImportError as error:
    raise ImportError(
        f"SummaryWriter needs TensorBoard ({error}): pip install 'gradlab[tensorboard]'"
    ) from error

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes numbers, pictures and texts of a training into a folder, for TensorBoard.

    ``log_dir`` is by default a new folder in ``runs``, named after the time and the computer, with
    ``comment`` at its end. With ``purge_step`` TensorBoard forgets what an earlier run wrote from
    that step on. ``max_queue`` events wait before the next one is held up, and ``flush_secs``
    seconds go by at most before they are in the file, whose name ends with ``filename_suffix``.

    What is added is found under its ``tag`` (slashes make groups), at ``global_step``; ``walltime``
    is when it was, by default now. As a context manager it closes itself.

    >>> import tempfile
    >>> writer = SummaryWriter(tempfile.mkdtemp())
    >>> writer.add_text("note", "first try")
    >>> writer.close()
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        self.log_dir = os.fspath(log_dir) if log_dir else _new_folder(comment)
        self.purge_step = purge_step
        self._options = (max_queue, flush_secs, filename_suffix)
        self._writers: dict[str, Any] = {}
        self._writer(self.log_dir)

    def get_logdir(self) -> str:
        """The folder that is written into.

        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> SummaryWriter(folder).get_logdir() == folder
        True
        """
        return self.log_dir

    # ------------------------------------------------------------------ numbers

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Add a number: a Python number, or a tensor or array of one element.

        ``new_style`` writes it as a tensor, which may have ``double_precision``. Raises
        AssertionError for more elements.

        >>> import tempfile
        >>> import gradlab as gl
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_scalar("loss", gl.tensor(0.5), global_step=1)
        """
        number = _number(scalar_value)
        if not new_style:
            return self._add(Summary.Value(tag=tag, simple_value=number), global_step, walltime)
        plugin = SummaryMetadata.PluginData(plugin_name="scalars")
        kind = ("DT_DOUBLE", "double_val") if double_precision else ("DT_FLOAT", "float_val")
        tensor = TensorProto(dtype=kind[0], **{kind[1]: [number]})
        described = SummaryMetadata(plugin_data=plugin)
        self._add(Summary.Value(tag=tag, tensor=tensor, metadata=described), global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Add several numbers that belong into one chart; each name becomes a run of its own.

        >>> import tempfile
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_scalars("loss", {"training": 0.3, "validation": 0.5}, 1)
        """
        for name, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag.replace('/', '_')}_{name}")
            number = Summary.Value(tag=main_tag, simple_value=_number(value))
            self._add(number, global_step, walltime, folder)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Add how the elements of a tensor are distributed, such as a layer's weights.

        ``bins``: ``"tensorflow"`` for limits that grow by 10 % from one to the next, on both sides
        of 0, or what ``numpy.histogram`` takes; joined until there are ``max_bins`` at most. Raises
        ValueError for no elements.

        >>> import tempfile
        >>> import gradlab as gl
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_histogram("weight", gl.randn(100), 0)
        """
        histogram = _histogram(_array(values), bins, max_bins)
        self._add(Summary.Value(tag=tag, histo=histogram), global_step, walltime)

    # ------------------------------------------------------------------ pictures

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Add a picture: floats from 0 to 1, or uint8 from 0 to 255.

        ``dataformats`` names the dimensions: C the channels (1, 3 or 4; left out for grey), H the
        height, W the width. Raises ValueError for other dimensions.

        >>> import tempfile
        >>> import gradlab as gl
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_image("noise", gl.rand(3, 8, 8), 0)
        """
        pixels = _pixels(_ordered(_array(img_tensor), dataformats, "HWC"))
        self._add(Summary.Value(tag=tag, image=_picture(pixels)), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Add a batch of pictures, N of them, as one picture of rows and columns.

        >>> import tempfile
        >>> import gradlab as gl
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_images("batch", gl.rand(10, 1, 8, 8), 0)
        """
        tiles = _tiled(_ordered(_array(img_tensor), dataformats, "NHWC"))
        self._add(Summary.Value(tag=tag, image=_picture(_pixels(tiles))), global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Add a figure of matplotlib's, or a list of them, as a picture; ``close`` it afterwards.

        >>> import tempfile
        >>> from matplotlib.figure import Figure
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_figure("empty", Figure(figsize=(1, 1)))
        """
        figures = list(figure) if isinstance(figure, Sequence) else [figure]
        drawn = [_drawn(one) for one in figures]
        pyplot = sys.modules.get("matplotlib.pyplot")
        if close and pyplot is not None:
            for one in figures:
                pyplot.close(one)
        if isinstance(figure, Sequence):
            self.add_images(tag, numpy.stack(drawn), global_step, walltime, "NHWC")
        else:
            self.add_image(tag, drawn[0], global_step, walltime, "HWC")

    # ------------------------------------------------------------------ words

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Add a text, which TensorBoard reads as Markdown.

        >>> import tempfile
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_text("note", "the *second* try")
        """
        text = TensorProto(
            dtype="DT_STRING",
            string_val=[text_string.encode()],
            tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
        )
        described = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        value = Summary.Value(tag=f"{tag}/text_summary", tensor=text, metadata=described)
        self._add(value, global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Add what was chosen for a run, and how it did, for TensorBoard's table of runs.

        ``hparam_dict``: bools, numbers, texts, tensors of one element, or None for nothing.
        ``metric_dict``: numbers. ``hparam_domain_discrete`` lists, for some of the choices, all
        that there are. ``run_name`` is by default the time. Raises TypeError for anything but
        dictionaries, ValueError for other values.

        >>> import tempfile
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_hparams({"lr": 0.1, "layers": 2}, {"accuracy": 0.97})
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError(
                "hparam_dict and metric_dict should be dictionary. They are "
                f"{type(hparam_dict).__name__} and {type(metric_dict).__name__}."
            )
        folder = os.path.join(self.log_dir, run_name or str(time.time()))
        for value in _choices(hparam_dict, metric_dict, hparam_domain_discrete or {}):
            self._add(value, global_step, None, folder)
        for name, value in metric_dict.items():
            number = Summary.Value(tag=name, simple_value=_number(value))
            self._add(number, global_step, None, folder)
        self._writers.pop(folder).close()

    def add_graph(self, model: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: TensorBoard shows graphs of another kind than those that tensors remember.

        >>> import tempfile
        >>> import gradlab as gl
        >>> SummaryWriter(tempfile.mkdtemp()).add_graph(gl.nn.Linear(2, 1))
        Traceback (most recent call last):
          ...
        NotImplementedError: add_graph is not available: gradlab's graph is what...
        """
        raise NotImplementedError(
            "add_graph is not available: gradlab's graph is what a result remembers, made anew "
            f"each time a {type(model).__name__} is called. The widgets draw it: "
            "from gradlab_widgets import graph; graph(model(input))"
        )

    # ------------------------------------------------------------------ the files

    def flush(self) -> None:
        """Write all that waits into the files.

        >>> import tempfile
        >>> SummaryWriter(tempfile.mkdtemp()).flush()
        """
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Write all that waits and close the files; what is added later goes to a new one.

        >>> import tempfile
        >>> SummaryWriter(tempfile.mkdtemp()).close()
        """
        while self._writers:
            self._writers.popitem()[1].close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _add(
        self, value: Any, step: int | None, walltime: float | None, folder: str | None = None
    ) -> None:
        when = time.time() if walltime is None else walltime
        event = Event(wall_time=when, summary=Summary(value=[value]))
        if step is not None:
            event.step = int(step)
        self._writer(folder or self.log_dir).add_event(event)

    def _writer(self, folder: str) -> Any:
        if folder not in self._writers:
            queue, seconds, suffix = self._options
            writer = self._writers[folder] = EventFileWriter(folder, queue, seconds, suffix)
            if folder == self.log_dir and self.purge_step is not None:
                start = SessionLog(status=SessionLog.START)
                writer.add_event(Event(step=self.purge_step, session_log=start))
                self.purge_step = None
        return self._writers[folder]


def _new_folder(comment: str) -> str:
    now = datetime.now().strftime("%b%d_%H-%M-%S")
    return os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")


# ------------------------------------------------------------------ numbers


def _array(value: Any) -> Any:
    """A NumPy array of what a tensor, an array, a list or a number holds."""
    return numpy.asarray(value.detach().cpu()._array if isinstance(value, Tensor) else value)


def _number(value: Any) -> float:
    array = _array(value)
    if array.size != 1:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions). Was given size: {array.size} and "
            f"{array.ndim} dimensions: take its mean(), or add_histogram."
        )
    return float(array.reshape(()))


def _histogram(values: Any, bins: Any, max_bins: int | None) -> Any:
    if values.size == 0:
        raise ValueError("The input has no element: a histogram is made of one at least.")
    values = values.reshape(-1).astype(numpy.float64)
    counts, limits = numpy.histogram(values, _growing() if bins == "tensorflow" else bins)
    if max_bins is not None and len(counts) > max_bins:
        joined = -(-len(counts) // max_bins)
        starts = numpy.arange(0, len(counts), joined)
        counts = numpy.add.reduceat(counts, starts)
        limits = numpy.append(limits[starts], limits[-1])
    # TensorBoard reads each bin's upper limit only: an empty first bin says where the next begins.
    filled = numpy.flatnonzero(counts)
    first, last = (filled[0], filled[-1]) if filled.size else (0, len(counts) - 1)
    return HistogramProto(
        min=values.min(),
        max=values.max(),
        num=values.size,
        sum=values.sum(),
        sum_squares=values @ values,
        bucket_limit=limits[first : last + 2].tolist(),
        bucket=[0, *counts[first : last + 1].tolist()],
    )


def _growing() -> Any:
    """Limits of bins, each 10 % further from 0 than the one before."""
    outwards = 1e-12 * 1.1 ** numpy.arange(774)  # up to 1e20
    return numpy.concatenate([-outwards[::-1], [0], outwards])


# ------------------------------------------------------------------ pictures


def _ordered(array: Any, given: str, wanted: str) -> Any:
    """The dimensions of pictures, named by ``given``, as ``wanted``; grey ones get a channel."""
    given = given.upper()
    if len(given) != array.ndim or set(given) | {"C"} != set(wanted):
        raise ValueError(
            f"dataformats={given!r} names {len(given)} dimensions, of {wanted} each once (C may be "
            f"left out), and the tensor has {array.ndim}: {array.shape}"
        )
    if "C" not in given:
        array, given = array[..., None], f"{given}C"
    array = array.transpose([given.index(letter) for letter in wanted])
    if array.shape[-1] not in (1, 3, 4):
        raise ValueError(f"a picture has 1, 3 or 4 channels, and this one {array.shape[-1]}")
    return array


def _pixels(array: Any) -> Any:
    scale = 1 if array.dtype == numpy.uint8 else 255
    return (array.astype(numpy.float32) * scale).clip(0, 255).astype(numpy.uint8)


def _tiled(batch: Any) -> Any:
    """Pictures side by side, in about as many rows as columns."""
    count, height, width, channels = batch.shape
    columns = max(1, int(numpy.ceil(numpy.sqrt(count))))
    rows = -(-count // columns)
    missing = numpy.zeros((rows * columns - count, height, width, channels), batch.dtype)
    tiles = numpy.concatenate([batch, missing]).reshape(rows, columns, height, width, channels)
    return tiles.swapaxes(1, 2).reshape(rows * height, columns * width, channels)


def _picture(pixels: Any) -> Any:
    from PIL import Image  # matplotlib brings it along

    height, width, channels = pixels.shape
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(file, "PNG")
    return Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=file.getvalue()
    )


def _drawn(figure: Any) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return numpy.asarray(canvas.buffer_rgba()).copy()


# ------------------------------------------------------------------ choices

# What a choice may be, the field of a message that it goes to, and the name of its type there.
_KINDS = [
    (bool, "bool_value", "DATA_TYPE_BOOL"),
    ((int, float), "number_value", "DATA_TYPE_FLOAT64"),
    (str, "string_value", "DATA_TYPE_STRING"),
]


def _choices(
    chosen: dict[str, Any], metrics: dict[str, Any], domains: dict[str, list[Any]]
) -> Iterator[Any]:
    """The three messages that the table of runs is made of."""
    start = plugin_data_pb2.SessionStartInfo()
    experiment = api_pb2.Experiment(
        metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in metrics]
    )
    for name, value in chosen.items():
        if value is None:
            continue
        plain = _number(value) if isinstance(value, Tensor) else value
        field, kind = _kind_of(name, plain)
        setattr(start.hparams[name], field, plain)
        info = api_pb2.HParamInfo(name=name, type=api_pb2.DataType.Value(kind))
        for possible in domains.get(name, []):
            setattr(info.domain_discrete.values.add(), field, possible)
        experiment.hparam_infos.append(info)
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))
    yield _choice(metadata.EXPERIMENT_TAG, experiment=experiment)
    yield _choice(metadata.SESSION_START_INFO_TAG, session_start_info=start)
    yield _choice(metadata.SESSION_END_INFO_TAG, session_end_info=end)


def _kind_of(name: str, value: Any) -> tuple[str, str]:
    for types, field, kind in _KINDS:
        if isinstance(value, types):  # type: ignore[arg-type]
            return field, kind
    raise ValueError(
        "value should be one of int, float, str, bool, or torch.Tensor, "
        f"and {name} is a {type(value).__name__}"
    )


def _choice(tag: str, **message: Any) -> Any:
    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **message)
    plugin = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString()
    )
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))
