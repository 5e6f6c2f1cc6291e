"""The examples run, and reach what their README says they reach."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradlab as gl

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def example(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An example's module, as its script finds it: with the other examples beside it."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module(name)


def test_a_network_of_three_layers_reads_over_97_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert example("digits_mlp", monkeypatch).main() > 0.97


def test_a_small_convolutional_network_reads_over_98_percent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert example("digits_convnet", monkeypatch).main() > 0.98


def test_a_resnets_new_head_learns_and_all_of_it_learns_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_head, in_the_end = example("finetune_resnet", monkeypatch).main()
    assert by_head > 0.35  # by chance it would be 0.1
    assert in_the_end > 0.85


@pytest.mark.parametrize(("kind", "loss"), [("rnn", 1.2), ("gpt", 1.9)])
def test_characters_surprise_less_and_less(
    monkeypatch: pytest.MonkeyPatch, kind: str, loss: float
) -> None:
    characters = example("characters", monkeypatch)
    losses, written = characters.main(kind, 250)
    assert losses[0] == pytest.approx(np.log(len(characters.CHARACTERS)), rel=0.1)  # knows nothing
    assert losses[-1] < loss
    assert written.startswith("Marta ")
    assert len(written) == 306


def with_torch(script: Path) -> ModuleType:
    """The script, its imports from gradlab taken from PyTorch."""
    text = script.read_text("utf-8")
    text = text.replace("import gradlab as gl", "import torch as gl").replace("gradlab.", "torch.")
    module = ModuleType("with_torch")
    vars(module)["__file__"] = str(script)
    exec(compile(text, str(script), "exec"), vars(module))
    return module


def torch_rnn(torch: Any, characters: int) -> Any:
    nn = torch.nn

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(characters, 32)
            self.rnn = nn.LSTM(32, 128, batch_first=True)
            self.head = nn.Linear(128, characters)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.rnn(self.embedding(tokens))[0])

    return Net()


def test_the_character_models_loss_falls_as_pytorchs(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = example("characters", monkeypatch), with_torch(EXAMPLES / "characters.py")
    torch.manual_seed(1)
    their_model = torch_rnn(torch, len(ours.CHARACTERS))
    our_model = ours.model_of("rnn")
    our_model.load_state_dict(
        {name: gl.tensor(value.numpy()) for name, value in their_model.state_dict().items()}
    )
    curves = []
    for lib, module, model in ((gl, ours, our_model), (torch, theirs, their_model)):
        lib.manual_seed(2)  # the same pieces of text in the same order
        curves.append(module.train(model, 80))
    np.testing.assert_allclose(*curves, rtol=2e-3)
    assert curves[0][-1] < 0.65 * curves[0][0]


# ------------------------------------------------------------------ as scripts


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_short_and_says_how_it_is_run(script: Path) -> None:
    text = script.read_text("utf-8")
    assert len(text.splitlines()) < 100
    if "__main__" in text:
        assert f"python examples/{script.name}" in text.split('"""')[1]
        assert script.name in (EXAMPLES / "README.md").read_text("utf-8")


def test_a_script_runs_from_the_command_line() -> None:
    program = [sys.executable, "-W", "error", str(EXAMPLES / "digits_mlp.py")]
    ran = subprocess.run(program, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"9[78]\.\d\d% of the test pictures are read rightly\n", ran.stdout)
    assert "epoch" in ran.stderr  # the bar of tqdm
