"""``gradlab.cuda`` without a GPU: nothing is there, and asking for one says what is missing."""

from __future__ import annotations

from typing import Any

import pytest

import gradlab as gl

without_gpu = pytest.mark.skipif(gl.cuda.is_available(), reason="there is a GPU")

ASKING = {
    "current_device": lambda: gl.cuda.current_device(),
    "get_device_name": lambda: gl.cuda.get_device_name(),
    "synchronize": lambda: gl.cuda.synchronize(),
    "set_device": lambda: gl.cuda.set_device(0),
    "Tensor.cuda": lambda: gl.ones(2).cuda(),
    "Tensor.to": lambda: gl.ones(2).to("cuda:0"),
    "tensor": lambda: gl.tensor([1.0], device="cuda"),
    "zeros": lambda: gl.zeros(2, device=gl.device("cuda", 0)),
    "arange": lambda: gl.arange(3, device="cuda"),
    "rand": lambda: gl.rand(3, device="cuda"),
}


@without_gpu
@pytest.mark.parametrize("name", ASKING)
def test_asking_for_a_gpu_says_what_is_missing(name: str) -> None:
    asking: Any = ASKING[name]
    with pytest.raises(RuntimeError, match=r"^Found no NVIDIA driver on your system\.") as caught:
        asking()
    assert "pip install gradlab[cuda12]" in str(caught.value)


@without_gpu
def test_what_there_is_without_a_gpu() -> None:
    assert gl.cuda.is_available() is False
    assert gl.cuda.is_initialized() is False
    assert gl.cuda.device_count() == 0
    assert gl.cuda.memory_allocated() == 0


@without_gpu
def test_seeding_gpus_that_are_not_there_leaves_the_cpus_numbers_alone() -> None:
    gl.manual_seed(3)
    expected = gl.rand(2).tolist()
    gl.manual_seed(3)
    gl.cuda.manual_seed(99)
    gl.cuda.manual_seed_all(99)
    gl.cuda.empty_cache()
    assert gl.rand(2).tolist() == expected
