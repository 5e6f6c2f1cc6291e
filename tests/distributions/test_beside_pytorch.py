"""Distributions line by line beside PyTorch's: draws, densities, gradients, shapes, words."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy
import pytest

import gradlab

torch = pytest.importorskip("torch")
pytest.importorskip("torch.distributions")

MADE = {
    "a normal": "D.Normal(0.5, 2.0)",
    "normals": "D.Normal(m, s)",
    "a number and a tensor": "D.Normal(m, 2)",
    "broadcast": "D.Normal(m, s[0, 0])",
    "a uniform": "D.Uniform(-1.0, 3.0)",
    "uniforms": "D.Uniform(m, m + s)",
    "a bernoulli": "D.Bernoulli(0.3)",
    "bernoullis": "D.Bernoulli(m.sigmoid())",
    "bernoulli of logits": "D.Bernoulli(logits=m)",
    "categorical": "D.Categorical(s[0])",
    "categoricals": "D.Categorical(s)",
    "categoricals of logits": "D.Categorical(logits=m)",
    "independent": "D.Independent(D.Normal(m, s), 1)",
    "independent of none": "D.Independent(D.Normal(m, s), 0)",
    "independent of all": "D.Independent(D.Bernoulli(logits=m), 2)",
}

ASKED = [
    *("d", "d.batch_shape", "d.event_shape", "d.support", "d.has_rsample", "d.mean", "d.mode"),
    *("d.variance", "d.stddev", "d.entropy()", "d.sample()", "d.sample((3,))", "d.sample((2, 20))"),
    *("d.rsample()", "d.rsample((40,))", "d.log_prob(d.sample((3,)))", "d.perplexity()"),
    *("d.cdf(d.sample((2,)))", "d.icdf(torch.tensor(0.3))", "d.enumerate_support()"),
    *("d.enumerate_support(expand=False)", "d.expand((2, *d.batch_shape)).sample()"),
    *("d.log_prob(torch.tensor(-7.0))", "d.log_prob(torch.zeros(9, 9))", "d.log_prob('a')"),
    *("d.sample_n(4)", "getattr(d, 'param_shape')", "getattr(d, 'logits')", "getattr(d, 'probs')"),
    *("D.kl_divergence(d, d)", "d.sample().requires_grad", "sorted(d.arg_constraints)"),
]

LINES = [
    "D.Normal(0.0, -1.0)",
    "D.Normal(m, -s)",
    "D.Normal('a', 1.0)",
    "D.Normal(m, s[:1, :2])",
    "D.Normal(0.0, -1.0, validate_args=False).scale",
    "D.Normal(float('nan'), 1.0)",
    "D.Normal(0.0, 1.0).log_prob(torch.tensor(float('nan')))",
    "D.Uniform(1.0, 0.0)",
    "D.Uniform(0.0, 1.0).log_prob(torch.tensor(3.0))",
    "D.Uniform(0.0, 1.0, validate_args=False).log_prob(torch.tensor([3.0, 0.5, 0.0, 1.0]))",
    "D.Bernoulli()",
    "D.Bernoulli(0.5, 0.5)",
    "D.Bernoulli(1.5)",
    "D.Bernoulli(0.3).log_prob(torch.tensor(2.0))",
    "D.Bernoulli(logits=torch.tensor(float('nan')))",
    "D.Categorical()",
    "D.Categorical(probs=s, logits=s)",
    "D.Categorical(torch.tensor(1.0))",
    "D.Categorical(torch.tensor([-1.0, 2.0]))",
    "D.Categorical(s).log_prob(torch.tensor(5))",
    "D.Categorical(torch.tensor([0.0, 1.0])).entropy()",
    "D.Categorical(torch.tensor([0.0, 1.0])).log_prob(torch.tensor(0))",
    "D.Independent(D.Normal(m, s), 3)",
    "D.kl_divergence(D.Normal(m, s), D.Normal(0.0, 1.0)).sum()",
    "D.kl_divergence(D.Uniform(m, m + s), D.Uniform(m - 1, m + s + 1))",
    "D.kl_divergence(D.Uniform(m, m + s), D.Uniform(m + 1, m + s))",
    "D.kl_divergence(D.Bernoulli(logits=m), D.Bernoulli(0.3))",
    "D.kl_divergence(D.Bernoulli(1.0), D.Bernoulli(torch.tensor([0.0, 1.0, 0.5])))",
    "D.kl_divergence(D.Categorical(s), D.Categorical(logits=m))",
    "D.kl_divergence(D.Categorical(s[0]), D.Categorical(torch.tensor([0.0, 0.5, 0.5])))",
    "D.kl_divergence(D.Independent(D.Normal(m, s), 1), D.Independent(D.Normal(-m, s), 1))",
    "D.Normal(m, s).log_prob(m + 1).sum()",
    "(D.Categorical(logits=m).log_prob(torch.tensor([0, 2])) * torch.tensor([1.0, -2.0])).sum()",
    "D.Bernoulli(logits=m).log_prob((m > 0).float())",
    "D.Normal(m.double(), s.double()).sample((20,))",
    "D.Distribution.set_default_validate_args(True)",
    "D.constraints.positive, D.constraints.real, D.constraints.unit_interval",
]


def outcome(library: Any, made: str | None, line: str) -> Any:
    m = library.tensor([[0.5, -1.0, 2.0], [0.1, 0.2, -0.3]], requires_grad=True)
    s = library.tensor([[0.5, 1.0, 2.0], [1.5, 0.2, 0.3]], requires_grad=True)
    seen = {"torch": library, "D": library.distributions, "m": m, "s": s}
    library.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if made is not None:
                seen["d"] = eval(made, seen)
            result = eval(line, seen)
        except Exception as error:
            return error
    if not isinstance(result, library.Tensor):
        return str(result)
    facts = [str(result.dtype), tuple(result.shape), result.requires_grad]
    numbers = [numpy.array(result.detach().tolist())]
    if result.requires_grad:
        weights = library.arange(1, result.numel() + 1, dtype=result.dtype).reshape(result.shape)
        found = library.autograd.grad((result * weights).sum(), (m, s), allow_unused=True)
        numbers += [numpy.array(0.0 if g is None else g.tolist()) for g in found]
    return facts, numbers


def compare(made: str | None, line: str) -> None:
    ours, theirs = outcome(gradlab, made, line), outcome(torch, made, line)
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert type(ours) is type(theirs), (ours, theirs)
        first = re.split(r"\. |\n", str(theirs))[0].rstrip(".:, ")
        assert str(ours).startswith(re.sub("0x[0-9a-f]+", "", first))
    elif isinstance(theirs, str):
        assert ours == theirs
    else:
        assert ours[0] == theirs[0]
        for one, other in zip(ours[1], theirs[1], strict=True):
            numpy.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("made", MADE)
def test_each_distribution(made: str, asked: str) -> None:
    compare(MADE[made], asked)


@pytest.mark.parametrize("line", LINES)
def test_line(line: str) -> None:
    compare(None, line)


def test_an_autoencoder_learns() -> None:
    losses = []
    for library in (gradlab, torch):
        D = library.distributions
        library.manual_seed(0)
        x = library.randn(64, 4).sigmoid().round()
        encoder, decoder = library.nn.Linear(4, 4), library.nn.Linear(2, 4)
        optimizer = library.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.05)
        prior = D.Independent(D.Normal(library.zeros(2), library.ones(2)), 1)
        for _ in range(20):
            mean, spread = encoder(x).chunk(2, -1)
            code = D.Independent(D.Normal(mean, spread.exp()), 1)
            seen = D.Independent(D.Bernoulli(logits=decoder(code.rsample())), 1)
            loss = (D.kl_divergence(code, prior.expand((64,))) - seen.log_prob(x)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_class_that_says_nothing_of_its_parameters_is_warned_of() -> None:
    said = []
    for library in (gradlab, torch):

        class Mine(library.distributions.Distribution):  # type: ignore[name-defined, misc]
            pass

        with pytest.warns(UserWarning, match="does not define `arg_constraints`"):
            said.append(tuple(Mine().batch_shape))
        Mine(validate_args=False)
    assert said == [(), ()]
