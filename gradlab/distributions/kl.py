"""How far one distribution is from another: the Kullback-Leibler divergence, by pairs of types."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradlab.distributions.continuous import Normal, Uniform
from gradlab.distributions.discrete import Bernoulli, Categorical
from gradlab.distributions.distribution import Distribution
from gradlab.distributions.independent import Independent, added_up
from gradlab.nn.functional import softplus
from gradlab.tensor import Tensor

Formula = Callable[[Any, Any], Any]

_FORMULAS: dict[tuple[type, type], Formula] = {}


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[..., Any]:
    """Decorate the function that computes the divergence of two types of distributions.

    >>> import gradlab as gl
    >>> class Mine(gl.distributions.Normal): ...
    >>> @register_kl(Mine, Mine)
    ... def zero(p, q):
    ...     return p.loc * 0
    >>> gl.distributions.kl_divergence(Mine(1.0, 1.0), Mine(0.0, 1.0))
    tensor(0.)
    """
    for one in (type_p, type_q):
        if not (isinstance(one, type) and issubclass(one, Distribution)):
            raise TypeError(f"Expected type_p and type_q to be Distribution subclasses, not {one}")

    def register(formula: Formula) -> Formula:
        _FORMULAS[type_p, type_q] = formula
        return formula

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The mean of log p(x) - log q(x) over draws x from ``p``, for each of the batch.

    Raises NotImplementedError for types without a formula.

    >>> import gradlab as gl
    >>> from gradlab.distributions import Normal
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for one in type(p).__mro__:
        for other in type(q).__mro__:
            if (one, other) in _FORMULAS:
                return _FORMULAS[one, other](p, q)  # type: ignore[no-any-return]
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
        f"{type(q).__name__}. Estimate it from draws: (p.log_prob(x) - q.log_prob(x)).mean()"
    )


@register_kl(Normal, Normal)
def _normals(p: Normal, q: Normal) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Uniform, Uniform)
def _uniforms(p: Uniform, q: Uniform) -> Any:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return found.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Bernoulli, q: Bernoulli) -> Any:
    yes = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    yes = yes.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0)
    no = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return yes + no.masked_fill(q.probs == 1, math.inf).masked_fill(p.probs == 1, 0)


@register_kl(Categorical, Categorical)
def _categoricals(p: Categorical, q: Categorical) -> Any:
    parts = p.probs * (p.logits - q.logits)
    return parts.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0).sum(-1)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            "KL(p || q) of Independents is implemented for one number of dimensions, not "
            f"{p.reinterpreted_batch_ndims} and {q.reinterpreted_batch_ndims}"
        )
    return added_up(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
