"""``gradlab.utils.benchmark``: how long a line of code takes, measured with care.

>>> from gradlab.utils.benchmark import Timer
>>> Timer("x + x", globals={"x": 1}).timeit(100).number_per_run
100
"""

from __future__ import annotations

import contextlib
import math
import statistics
import sys
import textwrap
import timeit
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from timeit import default_timer
from typing import Any

import numpy

from gradlab import arrays, threads

__all__ = ["Measurement", "TaskSpec", "Timer", "select_unit", "timer", "trim_sigfig"]

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_UNSTEADY, _VERY_UNSTEADY = 0.1, 0.25  # interquartile range, as a part of the median


def timer() -> float:
    """The time now in seconds, after a GPU has done all that it was told.

    >>> timer() <= timer()
    True
    """
    if arrays.cuda_is_available():
        arrays.cupy().cuda.Device().synchronize()
    return default_timer()


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which a time in seconds is a number of one to three digits, and its length.

    >>> select_unit(2.5e-5)
    ('us', 1e-06)
    """
    for unit, length in _UNITS.items():
        if t < 1000 * length:
            return unit, length
    return "s", 1.0


def trim_sigfig(x: float, n: int) -> float:
    """``x`` rounded to ``n`` digits that count.

    >>> trim_sigfig(3.14159, 2)
    3.1
    """
    if x == 0:
        return x
    return round(x, n - math.ceil(math.log10(abs(x))))


@dataclass(frozen=True)
class TaskSpec:
    """What is measured: a statement, what is run before it, and what people call it.

    >>> TaskSpec("f(x)", label="my function", sub_label="small").title
    'my function: small'
    """

    stmt: str
    setup: str = "pass"
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The labels, or the statement."""
        name = self.label or self.stmt
        if "\n" not in name:
            return name + (f": {self.sub_label}" if self.sub_label else "")
        more = f" ({self.sub_label})" if self.sub_label else ""
        return f"stmt:{more}\n" + textwrap.indent(name, "  ")

    def summarize(self) -> str:
        """Title, description and setup, as a measurement prints them."""
        setup = "" if self.setup in ("", "pass") else f"setup: {self.setup}"
        if "\n" in setup:
            setup = "setup:\n" + textwrap.indent(self.setup, "  ")
        parts = [part for part in (self.title, self.description or "", setup) if part]
        return "\n".join(part + "\n" if "\n" in part else part for part in parts)


@dataclass(repr=False)
class Measurement:
    """How long the runs of a statement took; prints as a summary.

    ``raw_times``: seconds of each measurement, of ``number_per_run`` runs.

    >>> Measurement(10, [1e-4, 2e-4, 3e-4], TaskSpec("f(x)")).median
    2e-05
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute {name!r}")

    @property
    def times(self) -> list[float]:
        """Seconds of one run, in each measurement."""
        return [time / self.number_per_run for time in self.raw_times]

    def _quantile(self, q: float) -> float:
        return float(numpy.quantile(self.times, q))

    @property
    def median(self) -> float:
        """Seconds that half of the runs took less than."""
        return self._quantile(0.5)

    @property
    def mean(self) -> float:
        """Seconds of a run on average."""
        return statistics.fmean(self.times)

    @property
    def iqr(self) -> float:
        """Seconds between the fastest quarter and the slowest: how unsteady the runs were."""
        return self._quantile(0.75) - self._quantile(0.25)

    @property
    def significant_figures(self) -> int:
        """How many digits of the median are to be trusted: 1 to 5."""
        times = sorted(self.times)
        middle = times[len(times) // 4 : math.ceil(3 * len(times) / 4)]
        uncertain = max(1.645 * statistics.pstdev(middle) / math.sqrt(len(middle)), 25e-9)
        return min(max(math.floor(math.log10(self.median / uncertain)), 1), 5)

    def meets_confidence(self, threshold: float = _UNSTEADY) -> bool:
        """Whether the runs were steady: ``iqr`` is less than that part of the median."""
        return self.iqr / self.median < threshold

    @property
    def has_warnings(self) -> bool:
        """Whether the runs were unsteady."""
        return bool(self._warnings())

    def _warnings(self) -> list[str]:
        if self.meets_confidence(_UNSTEADY):
            return []
        said = (
            "This could indicate system fluctuation."
            if self.meets_confidence(_VERY_UNSTEADY)
            else "This suggests significant environmental influence."
        )
        part = self.iqr / self.median * 100
        return [
            f"  WARNING: Interquartile range is {part:.1f}% of the median measurement.",
            "           " + said,
        ]

    @property
    def title(self) -> str:
        """What is measured."""
        return self.task_spec.title

    @property
    def as_row_name(self) -> str:
        """What is measured, in short."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __repr__(self) -> str:
        n = len(self.raw_times)
        unit, length = select_unit(self.median)
        plural = "s" if self.task_spec.num_threads > 1 else ""
        lines = [
            object.__repr__(self),
            self.task_spec.summarize(),
            f"  {'Median: ' if n > 1 else ''}{self.median / length:.2f} {unit}",
        ]
        if n >= 4:
            low, high = self._quantile(0.25) / length, self._quantile(0.75) / length
            lines.append(f"  IQR:    {self.iqr / length:.2f} {unit} ({low:.2f} to {high:.2f})")
        lines.append(
            f"  {n} measurement{'s' if n > 1 else ''}, {self.number_per_run} runs "
            f"{'per measurement,' if n > 1 else ','} {self.task_spec.num_threads} thread{plural}"
        )
        return "\n".join([*lines, *self._warnings()])

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One measurement for each thing measured, of all its times."""
        groups: dict[TaskSpec, list[float]] = {}
        for measurement in measurements:
            groups.setdefault(measurement.task_spec, []).extend(measurement.times)
        return [Measurement(1, times, task) for task, times in groups.items()]


class Timer:
    """Measures a statement: ``timeit``'s Timer, on one thread unless told otherwise, warmed up.

    ``globals`` are the names that ``stmt`` and ``setup`` know, gradlab as ``torch`` and
    ``gradlab`` among them. The labels are only printed.

    >>> print(Timer("x * 2", globals={"x": 3}, label="double").timeit(100))
    <gradlab.utils.benchmark.Measurement object at 0x...>
    double
      ...s
      1 measurement, 100 runs , 1 thread
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: str = "python",
    ) -> None:
        if str(language).lower() not in ("python", "py"):
            raise NotImplementedError(f"language={language!r}: only Python can be measured")
        if global_setup:
            raise ValueError("global_setup is C++ only, most likely you wanted to use `setup`")
        stmt, setup = _dedented(stmt), _dedented(setup)
        library = sys.modules["gradlab"]
        names = {"torch": library, "gradlab": library, **(globals or {})}
        self._timer = timeit.Timer(stmt, setup, timer, names)
        self._task_spec = TaskSpec(stmt, setup, label, sub_label, description, env, num_threads)

    def _time(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    @contextlib.contextmanager
    def _own_threads(self) -> Iterator[None]:
        before = threads.get_num_threads()
        threads.set_num_threads(self._task_spec.num_threads)
        try:
            yield
        finally:
            threads.set_num_threads(before)

    def _measured(self, number: int, times: Sequence[float]) -> Measurement:
        return Measurement(number, list(times), self._task_spec)

    def timeit(self, number: int = 1000000) -> Measurement:
        """Measure ``number`` runs once, after a hundredth as many to warm up."""
        with self._own_threads():
            self._time(max(number // 100, 2))
            return self._measured(number, [self._time(number)])

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Measure again and again for ``min_run_time`` seconds, as many runs at a time as it takes
        for the clock itself not to count.
        """
        return self._repeated(min_run_time, min_run_time, math.inf, lambda _: True, callback)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Measure until the times are steady (``iqr`` below ``threshold``), or time is up."""

        def steady(found: Measurement) -> bool:
            return len(found.raw_times) > 3 and found.meets_confidence(threshold)

        return self._repeated(0.05, min_run_time, max_run_time, steady, callback)

    def _repeated(
        self,
        for_block: float,
        at_least: float,
        at_most: float,
        enough: Callable[[Measurement], bool],
        callback: Callable[[int, float], Any] | None,
    ) -> Measurement:
        with self._own_threads():
            number = self._block_size(for_block)
            found = self._measured(number, [])
            while sum(found.raw_times) < at_most:
                found.raw_times.append(self._time(number))
                if callback:
                    callback(number, found.raw_times[-1])
                if sum(found.raw_times) >= at_least and enough(found):
                    break
            return found

    def _block_size(self, min_run_time: float) -> int:
        """How many runs to measure at a time."""
        overhead = statistics.median(self._time(0) for _ in range(5))
        number = 1
        while True:
            taken = self._time(number)
            long_enough = overhead / taken <= 1e-4 and taken >= min_run_time / 1000
            if long_enough or taken > min_run_time:
                return number
            number *= 10


def _dedented(code: str) -> str:
    return textwrap.dedent(code).removeprefix("\n").rstrip()
