"""Random programs on vectors, and random compositions of transformations to run them by."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

STEPS = """
x.sin()
x.tanh()
(x * x + 1).log()
x.sigmoid()
x.cumsum(0)
x.flip(0)
x * x.sum()
x.softmax(0)
x - x.mean()
t.where(x > 0, x * x, x.sin())
x.roll(1, 0)
t.stack([x[0] * x[1], *x.unbind(0)[1:]])
x.reshape(2, 2).t().reshape(-1)
(x.reshape(2, 2) @ x.reshape(2, 2)).flatten()
x.reshape(2, 2).mv(x[:2]).repeat(2)
t.cat([x[2:], x[:2] * x[2:]])
x.index_select(0, t.tensor([3, 1, 0, 0]))
x[[1, 0, 3, 2]] * c
x * c.exp()
t.maximum(x, c)
x.sort()[0]
x.pow(3)
x.outer(x).sum(1)
x.max() + x
x.amin(0) * x
x.std() + x
x.unsqueeze(0).expand(3, 4).sum(0)
x.norm() * x
x.gather(0, t.tensor([0, 0, 2, 1]))
changed_in_place(x, c)
x.logsumexp(0) - x
x.prod() * x
x.detach() * x
t.einsum('i,j->j', x, c)
t.outer(x, x).logsumexp(1)
t.zeros_like(x).copy_(x) * x
x / (c * c + 1)
""".strip().split("\n")


def changed_in_place(x: Any, c: Any) -> Any:
    y = x.clone()
    y[1:3] *= 2
    y[0] = x[3] * x[1]
    y[::2] = c[::2] * x[1::2]
    y[1:].mul_(c[1:])
    y.add_(x.sum())
    return y


def program(draw: random.Random) -> list[str]:
    return [draw.choice(STEPS) for _ in range(draw.randint(1, 4))]


def compiled(steps: list[str], torch: Any) -> Callable[[Any, Any], Any]:
    """A function of two vectors of 4 elements that does these steps with a library."""

    def run(x: Any, c: Any) -> Any:
        for step in steps:
            x = eval(step, {"t": torch, "x": x, "c": c, "changed_in_place": changed_in_place})
        return x

    return run


Transformed = Callable[[Any, Callable[[Any, Any], Any], Any, Any], Any]

COMPOSITIONS: dict[str, Transformed] = {
    "grad": lambda F, f, X, c: F.grad(lambda y: f(y, c).sum())(X[0]),
    "jvp": lambda F, f, X, c: F.jvp(f, (X[0], c), (X[1], X[2])),
    "vmap": lambda F, f, X, c: F.vmap(f, (0, None))(X, c),
    "vmap over c": lambda F, f, X, c: F.vmap(f, (None, 0))(c, X),
    "vmap vmap": lambda F, f, X, c: F.vmap(F.vmap(f, (None, 0)), (0, None))(X, X[:2]),
    "jacrev": lambda F, f, X, c: F.jacrev(f, (0, 1))(X[0], c),
    "jacfwd": lambda F, f, X, c: F.jacfwd(f, (0, 1))(X[0], c),
    "hessian": lambda F, f, X, c: F.hessian(lambda y: f(y, c).sum())(X[0]),
    "jacrev jacrev": lambda F, f, X, c: F.jacrev(F.jacrev(lambda y: f(y, c)))(X[0]),
    "jacrev jacfwd": lambda F, f, X, c: F.jacrev(F.jacfwd(lambda y: f(y, c)))(X[0]),
    "vmap grad": lambda F, f, X, c: F.vmap(F.grad(lambda y, d: f(y, d).sum()), (0, None))(X, c),
    "vmap of a grad that closes over": lambda F, f, X, c: F.vmap(
        lambda d: F.grad(lambda y: f(y, d).sum())(c)
    )(X),
    "vmap hessian": lambda F, f, X, c: F.vmap(F.hessian(lambda y: f(y, c).sum()))(X[:2]),
    "grad vmap": lambda F, f, X, c: F.grad(lambda y: F.vmap(f, (0, None))(y, c).sin().sum())(X),
    "jvp vmap": lambda F, f, X, c: F.jvp(lambda y: F.vmap(f, (0, None))(y, c), (X,), (X * 2,)),
    "vmap jvp": lambda F, f, X, c: F.vmap(lambda y: F.jvp(lambda z: f(z, c), (y,), (y * y,)))(X),
    "grad jvp": lambda F, f, X, c: F.grad(lambda y: F.jvp(lambda z: f(z, y), (c,), (y,))[1].sum())(
        X[0]
    ),
    "jvp grad": lambda F, f, X, c: F.jvp(
        lambda y: F.grad(lambda z: f(z, y).sum())(c), (X[0],), (X[1],)
    ),
    "grad grad grad": lambda F, f, X, c: F.grad(
        lambda y: F.grad(lambda z: F.grad(lambda w: f(w, z).sum())(y).sum())(c).sum()
    )(X[0]),
    "vmap vjp": lambda F, f, X, c: F.vmap(lambda u: F.vjp(f, c, c)[1](u))(X),
}


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]
