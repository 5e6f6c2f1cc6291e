"""Random tensors: PyTorch's own numbers for the same seed; see ``generator.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlab import arrays, generator
from gradlab.arrays import Array, Namespace
from gradlab.generator import Generator, default_generator
from gradlab.inplace import assign
from gradlab.levels import by_chance
from gradlab.op import composite, op
from gradlab.ops.creation import finished, given_sizes, read_dtype, read_shape
from gradlab.tensor import Tensor
from gradlab.type_info import number_of

# ------------------------------------------------------------------ by chance


@composite(method=False)
@by_chance
def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers spread evenly over [0, 1): PyTorch's own for the same seed.

    The shape is given as ``rand(2, 3)`` or ``rand((2, 3))``. ``generator`` is drawn from instead
    of the default one. Raises NotImplementedError for dtypes that are not floating-point.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> gl.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    drawn = _source(generator).uniform(
        read_shape("rand", given_sizes(sizes, size)), read_dtype("rand", dtype).numpy
    )
    return finished(drawn, device, requires_grad)


@composite(method=False)
@by_chance
def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normally distributed numbers of mean 0 and variance 1: PyTorch's own for the same seed.

    Arguments and errors as of ``rand``.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> gl.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    drawn = _source(generator).normal(
        read_shape("randn", given_sizes(sizes, size)), read_dtype("randn", dtype).numpy
    )
    return finished(drawn, device, requires_grad)


def _source(given: Generator | None) -> Generator:
    return default_generator if given is None else given


@composite(method=False)
@by_chance
def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers from ``low`` (0 if left out) up to but not including ``high``.

    ``randint(high, size)`` or ``randint(low, high, size)``; int64 unless ``dtype`` says otherwise.
    Raises RuntimeError for an empty range.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> gl.randint(10, (3,))
    tensor([4, 9, 3])
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    elif low is None:
        low = 0
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"randint(): argument 'size' (position 2) must be tuple of ints, not "
            f"{type(size).__name__}: write randint({high}, ({size},))"
        )
    wanted = arrays.int64 if dtype is None else arrays.as_dtype(dtype, "randint")
    drawn = _source(generator).integers(low, high, read_shape("randint", (size,)), wanted.numpy)
    return finished(drawn, device, requires_grad)


@composite(method=False)
@by_chance
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers 0 to ``n - 1`` in random order; int64 unless ``dtype`` says otherwise.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> gl.randperm(4)
    tensor([0, 1, 3, 2])
    """
    if not isinstance(n, int):
        raise TypeError(
            f"randperm(): argument 'n' (position 1) must be int, not {type(n).__name__}"
        )
    wanted = arrays.int64 if dtype is None else arrays.as_dtype(dtype, "randperm")
    drawn = _source(generator).permutation(n, wanted.numpy)
    return finished(drawn, device, requires_grad)


def _publish_random_like(function: str, what: str, draw: Callable[..., Tensor]) -> None:
    def like(
        input: Tensor,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        return draw(
            input.shape,
            dtype=input.dtype if dtype is None else dtype,
            device=input.device if device is None else device,
            requires_grad=requires_grad,
        )

    like.__doc__ = (
        f"As ``gradlab.{what}``, of the shape, dtype and device of ``input``.\n\n"
        f">>> import gradlab as gl\n>>> gl.{what}_like(gl.ones(2, 3)).shape\ntorch.Size([2, 3])"
    )
    composite(function, method=False)(like)


_publish_random_like("rand_like", "rand", rand)
_publish_random_like("randn_like", "randn", randn)


@composite(method=False)
def randint_like(input: Tensor, low: int, high: int | None = None, **options: Any) -> Tensor:
    """As ``gradlab.randint``, of the shape, dtype and device of ``input``.

    >>> import gradlab as gl
    >>> gl.randint_like(gl.zeros(2, 3), 5).shape
    torch.Size([2, 3])
    """
    low, high = (0, low) if high is None else (low, high)
    own = {"dtype": input.dtype, "device": input.device}
    return randint(low, high, input.shape, **{**own, **options})  # type: ignore[no-any-return]


@composite("normal", method=False)
@by_chance
def _normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normally distributed numbers of a ``mean`` and ``std``, each a number or one per element.

    With two numbers ``size`` says how many. The gradients of ``mean`` and ``std`` are 0. Raises
    RuntimeError for a negative ``std``.

    >>> import gradlab as gl
    >>> _ = gl.manual_seed(0)
    >>> gl.normal(10.0, 0.5, (3,))
    tensor([10.7705,  9.8533,  8.9106])
    """
    source = _source(generator)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        if size is None:
            raise TypeError(
                "normal() received an invalid combination of arguments - got "
                f"({type(mean).__name__}, {type(std).__name__}): two numbers need a size"
            )
        shape = read_shape("normal", (size,))
        drawn = source.normal(shape, read_dtype("normal", dtype).numpy, mean, std)
        return finished(drawn, device, requires_grad)
    if not isinstance(std, Tensor):
        return normal_around(mean, std, generator=source)  # type: ignore[no-any-return]
    if (std._array < 0).any():
        raise RuntimeError(
            f"normal expects all elements of std >= 0.0, but found {std._array.min()}"
        )
    if not isinstance(mean, Tensor):
        return normal_spread(std, mean, generator=source)  # type: ignore[no-any-return]
    return normal_of_each(mean, std, generator=source)  # type: ignore[no-any-return]


_NORMAL = r"\mathcal{N}(mean, std)"
_NOTHING = (lambda g, xp: xp.zeros_like(g), r"0")


@op(latex=_NORMAL, grad=dict(mean=_NOTHING), node="NormalBackward1", public=False, method=False)
def normal_around(xp: Namespace, mean: Array, std: float, *, generator: Generator) -> Array:
    """Normal numbers, each around a mean of its own."""
    drawn = generator.normal(mean.shape, mean.dtype, 0.0, std)
    return (xp.asarray(drawn) + mean).astype(mean.dtype, copy=False)


@op(latex=_NORMAL, grad=dict(std=_NOTHING), node="NormalBackward2", public=False, method=False)
def normal_spread(xp: Namespace, std: Array, mean: float, *, generator: Generator) -> Array:
    """Normal numbers, each with a deviation of its own."""
    drawn = xp.asarray(generator.normal(std.shape, std.dtype))
    return (drawn * std + mean).astype(std.dtype, copy=False)


@op(
    latex=_NORMAL,
    grad=dict(mean=_NOTHING, std=_NOTHING),
    node="NormalBackward3",
    public=False,
    method=False,
)
def normal_of_each(xp: Namespace, mean: Array, std: Array, *, generator: Generator) -> Array:
    """Normal numbers, each with a mean and a deviation of its own."""
    shape = (mean + std).shape  # or the error for shapes that don't broadcast
    drawn = xp.asarray(generator.normal(shape, mean.dtype))
    return (drawn * std + mean).astype(mean.dtype, copy=False)


@composite()
@by_chance
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Positions in ``input``, a vector or a matrix of rows, drawn in proportion to its elements.

    int64, ``num_samples`` of them (per row), the same one twice only with ``replacement``. Raises
    RuntimeError for negative weights and where there are too few.

    >>> import gradlab as gl
    >>> gl.multinomial(gl.tensor([0.0, 1.0, 0.0]), 1)
    tensor([1])
    """
    weights = arrays.move(input._array, "cpu")
    drawn = _source(generator).multinomial(weights, num_samples, replacement)
    return finished(drawn, input.device, False)


_NO_GRADIENT = dict(input=(lambda g, xp: xp.zeros_like(g), r"0"))


@op(latex=r"\mathrm{Bernoulli}(input)", grad=_NO_GRADIENT)
def bernoulli(
    xp: Namespace, input: Array, p: float | None = None, *, generator: Generator | None = None
) -> Array:
    """1 with the probability that each element is (or ``p``), else 0. The gradient is 0.

    Raises RuntimeError for a probability outside [0, 1].

    >>> import gradlab as gl
    >>> gl.bernoulli(gl.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    chances = arrays.move(input, "cpu") if p is None else p
    return xp.asarray(_source(generator).bernoulli(chances, input.shape, input.dtype))


# Filling a tensor in place with random numbers: what it held has no influence any more.


@op(
    latex=r"\mathrm{Bernoulli}(p)",
    grad=_NO_GRADIENT,
    node="BernoulliBackward2",
    public=False,
    method=False,
)
def bernoulli_fill(
    xp: Namespace, input: Array, p: Any, *, generator: Generator | None = None
) -> Array:
    """1 with probability ``p``, a number or an array, else 0."""
    return xp.asarray(_source(generator).bernoulli(p, input.shape, input.dtype))


@composite("bernoulli_", public=False)
def _bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
    """Put 1 with probability ``p``, a number or a tensor of one per element, and 0 elsewhere.

    >>> import gradlab as gl
    >>> x = gl.empty(3).bernoulli_(0.5)
    >>> bool(((x == 0) | (x == 1)).all())
    True
    """
    chances = arrays.move(p._array, "cpu") if isinstance(p, Tensor) else p
    return assign(input, bernoulli_fill(input, chances, generator=generator), direct=True)


@op(
    latex=r"\mathcal{U}(from_, to)",
    grad=_NO_GRADIENT,
    public=False,
    method=False,
    inplace=True,
)
def uniform(
    xp: Namespace,
    input: Array,
    from_: float = 0.0,
    to: float = 1.0,
    *,
    generator: Generator | None = None,
) -> Array:
    """Numbers spread evenly over [from_, to)."""
    from_ = number_of("uniform_", "from", from_, 1, "float")
    to = number_of("uniform_", "to", to, 2, "float")
    return xp.asarray(_source(generator).uniform(input.shape, input.dtype, from_, to))


@op(
    latex=r"\mathcal{N}(mean, std)",
    grad=_NO_GRADIENT,
    public=False,
    method=False,
    inplace=True,
)
def normal(
    xp: Namespace,
    input: Array,
    mean: float = 0.0,
    std: float = 1.0,
    *,
    generator: Generator | None = None,
) -> Array:
    """Normally distributed numbers."""
    mean = number_of("normal_", "mean", mean, 1, "float")
    std = number_of("normal_", "std", std, 2, "float")
    return xp.asarray(_source(generator).normal(input.shape, input.dtype, mean, std))


@op(
    latex=r"\mathrm{Exponential}(lambd)",
    grad=_NO_GRADIENT,
    public=False,
    method=False,
    inplace=True,
)
def exponential(
    xp: Namespace, input: Array, lambd: float = 1.0, *, generator: Generator | None = None
) -> Array:
    """Exponentially distributed numbers of mean 1 / lambd."""
    lambd = number_of("exponential_", "lambd", lambd, 1, "float")
    return xp.asarray(_source(generator).exponential(input.shape, input.dtype, lambd))


@op(latex=r"\mathcal{U}\{low, high\}", grad=_NO_GRADIENT, public=False, method=False)
def random(
    xp: Namespace,
    input: Array,
    low: int | None,
    high: int | None,
    *,
    generator: Generator | None = None,
) -> Array:
    """Whole numbers from ``low`` up to but not including ``high``."""
    return xp.asarray(_source(generator).integers(low, high, input.shape, input.dtype))


@composite("random_", public=False)
def _random_(input: Tensor, *bounds: int | None, generator: Generator | None = None) -> Any:
    """Put whole numbers: ``random_()``, ``random_(to)`` or ``random_(from, to)``, ``to`` excluded.

    Without bounds, from 0 to the largest that the dtype holds exactly.

    >>> import gradlab as gl
    >>> x = gl.empty(3).random_(0, 2)
    >>> bool(((x == 0) | (x == 1)).all())
    True
    """
    low, high = {0: (None, None), 1: (0, *bounds)}.get(len(bounds), bounds)
    return assign(input, random(input, low, high, generator=generator), direct=True)


@composite(method=False)
def get_rng_state() -> Tensor:
    """Where the default generator's stream of random numbers is: bytes for ``set_rng_state``.

    >>> import gradlab as gl
    >>> gl.get_rng_state().shape
    torch.Size([5056])
    """
    return Tensor._wrap(generator.get_rng_state())


@composite(method=False)
def set_rng_state(new_state: Any) -> None:
    """Take the default generator back to where ``get_rng_state`` was called.

    >>> import gradlab as gl
    >>> state = gl.get_rng_state()
    >>> before = gl.rand(2)
    >>> gl.set_rng_state(state)
    >>> gl.rand(2).tolist() == before.tolist()
    True
    """
    generator.set_rng_state(new_state.numpy() if isinstance(new_state, Tensor) else new_state)
