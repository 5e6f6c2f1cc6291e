"""What everyday scripts ask and switch besides computing: backends, threads, seeds, precision."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest

import gradlab as gl
from gradlab import threads
from gradlab.utils import benchmark

# ------------------------------------------------------------------ backends


@pytest.mark.parametrize("name", ["mkldnn", "cudnn", "mps", "nnpack"])
def test_what_does_not_compute_here_says_so(name: str) -> None:
    assert getattr(gl.backends, name).is_available() is False


@pytest.mark.parametrize("name", ["mkl", "openmp", "opt_einsum"])
def test_what_may_compute_here_answers(name: str) -> None:
    assert isinstance(getattr(gl.backends, name).is_available(), bool)


def test_the_answers_are_read_off_numpys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradlab.backends import built

    described = {"name": "mkl-sdl", "openblas configuration": "OpenBLAS 0.3 USE_OPENMP"}
    monkeypatch.setattr(built, "blas", lambda: described)
    assert gl.backends.mkl.is_available()
    assert gl.backends.openmp.is_available()
    monkeypatch.setattr(built, "blas", lambda: {"name": "scipy-openblas"})
    assert not gl.backends.mkl.is_available()
    assert not gl.backends.openmp.is_available()
    for found, word in [(["AVX512F"], "AVX512"), (["AVX2"], "AVX2"), ([], "DEFAULT")]:
        monkeypatch.setattr(built, "processor_extensions", lambda found=found: found)
        assert gl.backends.cpu.get_cpu_capability() == word


def test_switches_of_cudnn_may_be_set_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl.backends.cudnn, "benchmark", True)
    assert gl.backends.cudnn.benchmark is True
    assert gl.backends.cudnn.version() is None
    assert gl.backends.cuda.matmul.allow_tf32 is False


@pytest.mark.skipif(gl.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_numbers_are_zero_or_an_error() -> None:
    assert gl.cuda.memory_reserved() == gl.cuda.max_memory_allocated() == 0
    assert gl.cuda.get_arch_list() == []
    with gl.cuda.device(None), gl.cuda.device(-1):
        pass
    for ask in (
        gl.cuda.mem_get_info,
        gl.cuda.get_device_capability,
        gl.cuda.Event,
        gl.cuda.device(0).__enter__,
    ):
        with pytest.raises(RuntimeError, match="Found no NVIDIA driver"):
            ask()


def test_the_version_is_gradlabs() -> None:
    assert gl.version.__version__ == gl.__version__
    assert gl.version.hip is None
    assert gl.version.cuda is None or re.fullmatch(r"\d+\.\d", gl.version.cuda)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = gl.version.nonsense


# ------------------------------------------------------------------ threads


def test_threads_are_the_blas_own() -> None:
    before = gl.get_num_threads()
    try:
        gl.set_num_threads(2)
        assert gl.get_num_threads() == 2
        assert [getter() for getter, _ in threads._libraries()] == [2] * len(threads._libraries())
    finally:
        gl.set_num_threads(before)


def test_where_nobody_can_be_told_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_libraries", list)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert gl.get_num_threads() == 3
    gl.set_num_threads(3)
    with pytest.warns(UserWarning, match="takes 3 threads, which can't be changed from here"):
        gl.set_num_threads(1)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (0, "set_num_threads expects a positive integer"),
        (-1, "set_num_threads expects a positive integer"),
        (1.5, "set_num_threads expects an int, but got float"),
    ],
)
def test_wrong_numbers_of_threads_are_refused(torch: ModuleType, number: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        torch.set_num_threads(number)


def test_operations_run_one_at_a_time() -> None:
    gl.set_num_interop_threads(1)
    with pytest.raises(RuntimeError, match="one at a time"):
        gl.set_num_interop_threads(2)


# ------------------------------------------------------------------ switches


def test_deterministic_algorithms_may_be_asked_for(torch: ModuleType) -> None:
    try:
        for mode, warn_only, level in [(True, False, 2), (True, True, 1), (False, False, 0)]:
            torch.use_deterministic_algorithms(mode, warn_only=warn_only)
            assert torch.are_deterministic_algorithms_enabled() is mode
            assert torch.is_deterministic_algorithms_warn_only_enabled() is warn_only
            assert torch.get_deterministic_debug_mode() == level
        for said, level in [("error", 2), ("warn", 1), (2, 2), ("default", 0)]:
            torch.set_deterministic_debug_mode(said)
            assert torch.get_deterministic_debug_mode() == level
    finally:
        torch.use_deterministic_algorithms(False)


def test_wrong_switches_are_refused(torch: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"argument 'mode' .* must be bool, not int"):
        torch.use_deterministic_algorithms(1)
    with pytest.raises(RuntimeError, match="invalid value of debug_mode, expected"):
        torch.set_deterministic_debug_mode("loud")
    with pytest.warns(UserWarning, match="low is not one of 'highest', 'high', or 'medium'"):
        torch.set_float32_matmul_precision("low")
    assert torch.get_float32_matmul_precision() in ("highest", None)


def test_autocast_is_refused_unless_it_is_off() -> None:
    for make in (gl.autocast, gl.amp.autocast):
        with pytest.raises(NotImplementedError, match="autocast is not available"):
            make("cpu")
        with make("cuda", dtype=gl.float16, enabled=False):
            assert (gl.ones(2) @ gl.ones(2)).dtype is gl.float32
            assert not gl.is_autocast_enabled("cuda")

    @gl.autocast("cpu", enabled=False)
    def double(x: Any) -> Any:
        """Twice."""
        return 2 * x

    assert double(gl.ones(1)).item() == 2
    assert double.__doc__ == "Twice."


def test_a_loop_written_for_a_scaler_runs() -> None:
    w = gl.ones(1, requires_grad=True)
    optimizer = gl.optim.SGD([w], lr=0.5)
    with pytest.warns(UserWarning, match="GradScaler is enabled, but"):
        scaler = gl.amp.GradScaler()
    scaler.scale((w * 2).sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.item() == 0
    scaler.load_state_dict(scaler.state_dict())


def test_autocast_for_a_gpu_that_is_not_there_is_switched_off(torch: ModuleType) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with (
        pytest.warns(UserWarning, match="CUDA is not available or torch_xla is imported"),
        torch.autocast("cuda"),
    ):
        assert (torch.ones(2) * 2).dtype is torch.float32
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`, got: `<class"):
        torch.autocast(torch.device("cpu"))


def test_compile_returns_what_it_was_given() -> None:
    def double(x: Any) -> Any:
        return 2 * x

    assert gl.compile(double) is double
    assert gl.compile(mode="reduce-overhead", fullgraph=True)(double) is double


def test_denormals_can_not_be_switched() -> None:
    assert gl.set_flush_denormal(True) is False


def test_storages_are_told_from_tensors(torch: ModuleType) -> None:
    assert torch.is_storage(torch.ones(2).untyped_storage())
    assert not torch.is_storage(torch.ones(2))


# ------------------------------------------------------------------ random numbers


def test_the_random_module_is_the_default_generators(torch: ModuleType) -> None:
    torch.random.manual_seed(5)
    assert torch.random.initial_seed() == torch.initial_seed() == 5
    state = torch.random.get_rng_state()
    assert (state.dtype, state.shape) == (torch.uint8, (5056,))
    first = torch.rand(3)
    torch.random.set_rng_state(state)
    assert torch.equal(torch.rand(3), first)
    assert isinstance(torch.random.seed(), int)


def test_a_state_of_pytorchs_goes_on_here() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(9)
    torch.rand(5)
    gl.set_rng_state(gl.tensor(torch.get_rng_state().numpy()))
    assert gl.rand(3).tolist() == torch.rand(3).tolist()


@pytest.mark.parametrize("fails", [False, True])
def test_a_fork_leaves_the_stream_alone(torch: ModuleType, fails: bool) -> None:
    torch.manual_seed(1)
    expected = torch.rand(2).tolist()
    torch.manual_seed(1)
    try:
        with torch.random.fork_rng():
            torch.rand(7)
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert torch.rand(2).tolist() == expected


def test_a_fork_that_is_not_enabled_is_none(torch: ModuleType) -> None:
    torch.manual_seed(1)
    with torch.random.fork_rng(enabled=False):
        first = torch.rand(2).tolist()
    torch.manual_seed(1)
    assert torch.rand(2).tolist() == first


def test_a_state_is_bytes(torch: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"RNG state must be a torch.ByteTensor"):
        torch.random.set_rng_state(torch.ones(3))


# ------------------------------------------------------------------ measuring

MEASUREMENTS = [
    dict(raw_times=[2.5e-3], number_per_run=10),
    dict(raw_times=[1e-3, 2e-3, 3e-3], number_per_run=1000),
    dict(raw_times=[1.0, 1.01, 1.02, 1.03, 0.99, 1.01], number_per_run=2),
    dict(raw_times=[1.0, 1.2, 1.4, 1.1, 0.9, 1.0], number_per_run=1),
    dict(raw_times=[1.0, 2.0, 3.0, 4.0, 5.0], number_per_run=1),
]
TASKS = [
    dict(stmt="f(x)", setup="pass"),
    dict(stmt="f(x)", setup="x = 1", label="label", description="new", num_threads=4),
    dict(stmt="f(x)\ng(x)", setup="x = 1\ny = 2", sub_label="of two lines"),
]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("measured", MEASUREMENTS)
def test_measurements_print_and_count_as_pytorchs(
    task: dict[str, Any], measured: dict[str, Any]
) -> None:
    pytest.importorskip("torch")
    from torch.utils.benchmark.utils import common

    ours = benchmark.Measurement(**measured, task_spec=benchmark.TaskSpec(**task))
    theirs = common.Measurement(**measured, task_spec=common.TaskSpec(**task))
    assert repr(ours).splitlines()[1:] == repr(theirs).splitlines()[1:]
    for name in ("median", "mean", "iqr"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-6, abs=1e-15)
    for name in ("significant_figures", "has_warnings", "title", "as_row_name", "num_threads"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.meets_confidence(0.5) == theirs.meets_confidence(0.5)


@pytest.mark.parametrize(
    ("seconds", "unit"), [(3e-9, "ns"), (1.5e-6, "us"), (0.25, "ms"), (3.0, "s"), (5000.0, "s")]
)
def test_times_are_shown_in_a_unit_of_their_size(seconds: float, unit: str) -> None:
    assert benchmark.select_unit(seconds)[0] == unit


def test_a_timer_runs_the_statement_as_often_as_it_says() -> None:
    calls: list[int] = []
    timer = benchmark.Timer("f()", setup="f = g", globals={"g": lambda: calls.append(1)})
    measured = timer.timeit(300)
    assert (measured.number_per_run, len(measured.raw_times)) == (300, 1)
    assert len(calls) == 303


def test_a_timer_measures_for_as_long_as_it_should() -> None:
    measured = benchmark.Timer("x * 2", globals={"x": gl.ones(3)}).blocked_autorange(
        min_run_time=0.02
    )
    assert sum(measured.raw_times) >= 0.02
    assert 1e-8 < measured.median < 1e-3
    steady = benchmark.Timer("pass").adaptive_autorange(min_run_time=0.01, max_run_time=0.5)
    assert len(steady.raw_times) > 3 or sum(steady.raw_times) >= 0.5


def test_a_timer_knows_the_library_and_sets_the_threads() -> None:
    seen: list[int] = []
    before = gl.get_num_threads()
    names = {"see": lambda: seen.append(gl.get_num_threads())}
    benchmark.Timer("torch.ones(1); see()", globals=names, num_threads=2).timeit(1)
    assert set(seen) == {2}
    assert gl.get_num_threads() == before


def test_only_python_is_measured() -> None:
    with pytest.raises(NotImplementedError, match="only Python can be measured"):
        benchmark.Timer("int x;", language="c++")


def test_measurements_of_one_thing_merge() -> None:
    task = benchmark.TaskSpec("f(x)")
    parts = [benchmark.Measurement(10, [1.0, 2.0], task), benchmark.Measurement(1, [0.5], task)]
    (merged,) = benchmark.Measurement.merge(parts)
    assert merged.times == [0.1, 0.2, 0.5]
