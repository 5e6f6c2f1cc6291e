"""Gradient checks: formulas against finite differences, which know nothing of them.

``gradcheck`` moves each input a little, each element in turn, and compares how the outputs move
with the gradients that the backward pass gives. ``gradgradcheck`` does the same to the backward
pass itself. Both want float64 inputs: in float32 a difference of two outputs keeps few digits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy

from gradlab import arrays
from gradlab.arrays import Array
from gradlab.engine import edge_of, grad
from gradlab.func import vmap
from gradlab.func.duals import Forward
from gradlab.graph import Node, next_order
from gradlab.levels import inside
from gradlab.tensor import Tensor


class GradcheckError(RuntimeError):
    """What ``gradcheck`` and ``gradgradcheck`` raise where a gradient is wrong."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
) -> bool:
    """Whether the gradients of ``func`` agree with central differences, to ``atol`` and ``rtol``.

    ``inputs``: a tensor or a tuple, passed to ``func``; those that require grad are checked and
    should be float64 or complex128. ``eps``: how far each element is moved; of complex ones, the
    real and the imaginary part. Of complex outputs both parts are checked. Also checked: a second
    pass gives the same gradients to within ``nondet_tol``; a zero gradient gives zeros;
    with ``check_undefined_grad`` so does no gradient at all. ``fast_mode`` compares one random
    projection of each Jacobian. ``check_grad_dtypes`` asks for what is so in any case: the engine
    lets no gradient of another dtype than its input's pass.

    ``check_backward_ad`` and ``check_forward_ad`` say which modes are checked;
    ``check_batched_grad`` and ``check_batched_forward_grad`` whether in batches (inside of
    ``vmap``) each gives what it gives for one vector after the other.

    Raises GradcheckError at the first difference, or returns False with
    ``raise_exception=False``. Raises ValueError where no input requires grad, AssertionError for
    checks that exclude each other.

    >>> import gradlab as gl
    >>> x = gl.tensor([0.5, 2.0], dtype=gl.float64, requires_grad=True)
    >>> gl.autograd.gradcheck(gl.sin, (x,))
    True
    """
    _check_options(check_backward_ad, check_forward_ad, check_batched_grad)
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    given = _as_tuple(inputs)
    _check_inputs(given)
    try:
        outputs = _differentiable(func(*given))
        if not outputs:
            _check_constant(func, given, eps)
            return True
        compare = _compare_projections if fast_mode else _compare_jacobians
        for part, of_part in _real_parts(func, outputs):
            if check_forward_ad:
                _compare_forward(of_part, given, eps, atol, rtol, part, fast_mode)
            if check_backward_ad:
                compare(of_part, given, _differentiable(of_part(*given)), eps, atol, rtol, part)
        if check_batched_forward_grad:
            _check_batched_forward(func, given)
        if not check_backward_ad:
            return True
        for output in outputs:
            _check_repeatable(output, given, nondet_tol)
            _check_zero_gives_zero(output, given)
        for o, output in enumerate(outputs if check_batched_grad else ()):
            _check_batched(o, output, given)
        if check_undefined_grad:
            _check_undefined(func, given)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
) -> bool:
    """Whether second derivatives agree: ``gradcheck`` of the backward pass of ``func``.

    The backward pass is a function of ``inputs`` and of ``grad_outputs``, one for each output
    that requires grad; where none are given they are drawn at random, with gaps in memory if
    ``gen_non_contig_grad_outputs``. ``check_rev_over_rev`` and ``check_fwd_over_rev`` say in which
    modes that pass is differentiated. The other arguments are those of ``gradcheck``.

    >>> import gradlab as gl
    >>> x = gl.tensor([0.5, 2.0], dtype=gl.float64, requires_grad=True)
    >>> gl.autograd.gradgradcheck(gl.sin, (x,))
    True
    """
    given = _as_tuple(inputs)
    if grad_outputs is None:
        generator = numpy.random.default_rng(0)
        seeds = tuple(
            _random_like(output, generator, gen_non_contig_grad_outputs)
            for output in _differentiable(func(*given))
        )
    else:
        seeds = _as_tuple(grad_outputs)

    def backward_pass(*arguments: Any) -> tuple[Any, ...]:
        own, arriving = arguments[: len(given)], arguments[len(given) :]
        outputs = _differentiable(func(*own))
        found = grad(outputs, _wanting(own), arriving, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        backward_pass,
        given + seeds,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )


# ------------------------------------------------------------------ what goes in and comes out


def _as_tuple(values: Any) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, (tuple, list)) else (values,)


def _wanting(values: Sequence[Any]) -> list[Tensor]:
    """The tensors among ``values`` that require grad."""
    return [value for value in values if isinstance(value, Tensor) and value.requires_grad]


def _differentiable(result: Any) -> tuple[Tensor, ...]:
    outputs = _as_tuple(result)
    for one in outputs:
        if not isinstance(one, Tensor):
            raise AttributeError(
                f"'{type(one).__name__}' object has no attribute 'requires_grad': what is checked "
                "must return tensors"
            )
    return tuple(_wanting(outputs))


def _check_options(backward: bool, forward: bool, batched: bool) -> None:
    if not backward and not forward:
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if batched and not backward:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )


def _check_inputs(inputs: Sequence[Any]) -> None:
    if not _wanting(inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, "
            "but none of them have requires_grad=True."
        )
    for i, tensor in enumerate(inputs):
        if not isinstance(tensor, Tensor) or not tensor.requires_grad:
            continue
        if tensor.dtype not in (arrays.float64, arrays.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                f"complex. It is {tensor.dtype}, whose differences are too coarse to check by: "
                "make it float64 or complex128, or loosen eps, atol and rtol.",
                stacklevel=3,
            )
        sizes_and_steps = zip(tensor.shape, tensor.stride(), strict=True)
        if tensor.numel() and any(step == 0 and size > 1 for size, step in sizes_and_steps):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping, since it moves one element at a time. Call "
                ".contiguous() on it first."
            )


def _random_like(output: Tensor, generator: numpy.random.Generator, gaps: bool) -> Tensor:
    array = output._array
    drawn = _random(generator, (*array.shape, 2), array.dtype)
    chosen = drawn[..., 0] if gaps else drawn[..., 0].copy()
    return output._wrap(_beside(array, chosen)).requires_grad_()


def _random(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any) -> Any:
    """Numbers of which each part is between -1 and 1."""
    numbers = generator.uniform(-1, 1, shape)
    if dtype.kind == "c":
        numbers = numbers + 1j * generator.uniform(-1, 1, shape)
    return numbers.astype(dtype)


def _beside(array: Array, numbers: Any) -> Array:
    """Numbers made by NumPy, in the dtype and on the device of ``array``."""
    return arrays.array_module(array).asarray(numbers, dtype=array.dtype)


# ------------------------------------------------------------------ the two ways to a Jacobian


def _real_parts(
    func: Callable[..., Any], outputs: Sequence[Tensor]
) -> list[tuple[str, Callable[..., Any]]]:
    """``func``, or where it has complex outputs their two parts apart, each with its name."""
    if not any(output.is_complex() for output in outputs):
        return [("", func)]

    def part(name: str) -> Callable[..., Any]:
        def of_complex_outputs(*inputs: Any) -> tuple[Any, ...]:
            found = _as_tuple(func(*inputs))
            return tuple(
                getattr(one, name) if isinstance(one, Tensor) and one.is_complex() else one
                for one in found
            )

        return of_complex_outputs

    return [("imaginary", part("imag")), ("real", part("real"))]


def _differences(
    func: Callable[..., Any], inputs: Sequence[Any], moved: Tensor, direction: Any, eps: float
) -> list[Any]:
    """How fast each output of ``func`` changes as ``moved`` goes along ``direction``."""
    array = moved._array
    here, step = array.copy(), _beside(array, eps * direction)
    try:
        array[...] = here + step
        ahead = _numbers(func(*inputs))
        array[...] = here - step
        behind = _numbers(func(*inputs))
    finally:
        array[...] = here
    return [(a - b) / (2 * eps) for a, b in zip(ahead, behind, strict=True)]


def _numbers(result: Any) -> list[Any]:
    """Copies of the outputs, as flat vectors on the CPU: those that require grad, else all."""
    return _flat(_differentiable(result) or [t for t in _as_tuple(result) if isinstance(t, Tensor)])


def _flat(outputs: Sequence[Tensor]) -> list[Any]:
    flat = [arrays.move(output._array, "cpu").reshape(-1) for output in outputs]
    return [a.astype("complex128" if a.dtype.kind == "c" else "float64") for a in flat]


def _vector_jacobian(output: Tensor, inputs: Sequence[Any], vector: Any) -> list[Any]:
    """What the backward pass makes of ``vector``: an array for each input that requires grad."""
    seed = output._wrap(_beside(output._array, vector))
    chosen = _wanting(inputs)
    found = grad(output, chosen, seed, retain_graph=True, allow_unused=True)
    return [
        numpy.zeros(t.shape, t.dtype.numpy) if g is None else arrays.move(g._array, "cpu")
        for t, g in zip(chosen, found, strict=True)
    ]


def _basis(shape: Sequence[int]) -> Iterator[Any]:
    """For each element an array that has 1 there and 0 elsewhere."""
    for index in numpy.ndindex(*shape):
        direction = numpy.zeros(shape)
        direction[index] = 1
        yield direction


def _numerical_jacobians(
    func: Callable[..., Any], inputs: Sequence[Any], moved: Tensor, eps: float
) -> list[Any]:
    """For each output: a row for each element of ``moved``, a column for each of the output.

    Of a complex element, the change with its real part plus i times that with its imaginary part.
    """
    rows = [_differences(func, inputs, moved, direction, eps) for direction in _basis(moved.shape)]
    per_output = [numpy.stack(of_one) for of_one in zip(*rows, strict=True)]
    if not moved.is_complex():
        return per_output
    rows = [_differences(func, inputs, moved, 1j * unit, eps) for unit in _basis(moved.shape)]
    upwards = [numpy.stack(of_one) for of_one in zip(*rows, strict=True)]
    return [along + 1j * up for along, up in zip(per_output, upwards, strict=True)]


def _analytical_jacobians(output: Tensor, inputs: Sequence[Any]) -> list[Any]:
    """For each input that requires grad: rows and columns as in ``_numerical_jacobians``."""
    columns = [_vector_jacobian(output, inputs, vector) for vector in _basis(output.shape)]
    per_input = zip(*columns, strict=True)
    return [numpy.stack([c.reshape(-1) for c in of_one], axis=1) for of_one in per_input]


# ------------------------------------------------------------------ the checks


def _compare_jacobians(
    func: Callable[..., Any],
    inputs: Sequence[Any],
    outputs: Sequence[Tensor],
    eps: float,
    atol: float,
    rtol: float,
    part: str,
) -> None:
    chosen = _wanting(inputs)
    numerical = [_numerical_jacobians(func, inputs, x, eps) for x in chosen]
    for o, output in enumerate(outputs):
        for i, found in enumerate(_analytical_jacobians(output, inputs)):
            if not chosen[i].numel():
                continue
            expected = numerical[i][o]
            if not numpy.allclose(found, expected, rtol, atol):
                raise _mismatch(o, i, Tensor._wrap(expected), Tensor._wrap(found), part)


def _compare_projections(
    func: Callable[..., Any],
    inputs: Sequence[Any],
    outputs: Sequence[Tensor],
    eps: float,
    atol: float,
    rtol: float,
    part: str,
) -> None:
    """As ``_compare_jacobians``, on ``v · J · u`` with random u and v instead of all of J."""
    generator = numpy.random.default_rng(0)
    chosen = _wanting(inputs)
    us = [_random(generator, x.shape, x.dtype.numpy) for x in chosen]
    vs = [generator.uniform(-1, 1, output.shape) for output in outputs]
    numerical = [_differences(func, inputs, x, u, eps) for x, u in zip(chosen, us, strict=True)]
    for o, (output, v) in enumerate(zip(outputs, vs, strict=True)):
        for i, found in enumerate(_vector_jacobian(output, inputs, v)):
            expected = float(numerical[i][o] @ v.reshape(-1))
            got = float((found.conj() * us[i]).sum().real)
            # An error of atol in every element of J makes one of at most this in v · J · u.
            allowed = atol * float(numpy.abs(us[i]).sum() * numpy.abs(v).sum())
            if not abs(got - expected) <= allowed + rtol * abs(expected):
                raise GradcheckError(
                    f"{_mismatch(o, i, expected, got, part)}"
                    "Both are projections on random vectors (fast_mode=True); "
                    "fast_mode=False shows the whole Jacobians."
                )


def _compare_forward(
    func: Callable[..., Any],
    inputs: Sequence[Any],
    eps: float,
    atol: float,
    rtol: float,
    part: str,
    fast_mode: bool,
) -> None:
    """Compare tangents with differences: along one random direction, or along every one."""
    generator = numpy.random.default_rng(0)
    for i, x in enumerate(_wanting(inputs)):
        units = list(_basis(x.shape))
        if x.is_complex():
            units += [1j * unit for unit in units]
        if fast_mode:
            units = [_random(generator, x.shape, x.dtype.numpy)]
        for direction in units:
            numerical = _differences(func, inputs, x, direction, eps)
            analytical = _pushed(func, inputs, x, _beside(x._array, direction))
            for o, (expected, found) in enumerate(zip(numerical, analytical, strict=True)):
                if not numpy.allclose(found, expected, rtol, atol):
                    wrapped = (Tensor._wrap(expected), Tensor._wrap(found))
                    raise _mismatch(o, i, *wrapped, part, "computed with forward mode ")


def _pushed(
    func: Callable[..., Any], inputs: Sequence[Any], moved: Tensor, direction: Array
) -> list[Any]:
    """The outputs' tangents, as ``_differences`` has them, by forward mode."""

    return _flat(_tangents(func, inputs, moved, Tensor._wrap(direction)))


def _tangents(
    func: Callable[..., Any], inputs: Sequence[Any], moved: Tensor, direction: Tensor
) -> tuple[Tensor, ...]:
    with inside(Forward(None)) as level:
        assert isinstance(level, Forward)
        dual = level.dual(moved, direction)
        outputs = _differentiable(func(*[dual if one is moved else one for one in inputs]))
        parts = [level.parts(output) for output in outputs]
        return tuple(p.new_zeros(p.shape) if t is None else t for p, t in parts)


_BATCHED = (
    "gradcheck or gradgradcheck failed while testing batched gradient computation. Some operation "
    "gives other gradients for a batch of vectors, inside of vmap, than for each of them."
)


def _check_batched(o: int, output: Tensor, inputs: Sequence[Any]) -> None:
    """Compare the gradients of two random vectors at once with those of each."""
    generator = numpy.random.default_rng(0)
    vectors = [_random(generator, output.shape, output.dtype.numpy) for _ in range(2)]
    expected = [_vector_jacobian(output, inputs, vector) for vector in vectors]
    batch = output._wrap(_beside(output._array, numpy.stack(vectors)))
    chosen = _wanting(inputs)
    found = grad(output, chosen, batch, retain_graph=True, allow_unused=True, is_grads_batched=True)
    for i, (got, *rows) in enumerate(zip(found, *expected, strict=True)):
        _check_same_batch(f"output {o} and input {i}", got, numpy.stack(rows))


def _check_batched_forward(func: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Compare the tangents along two random directions at once with those along each."""
    generator = numpy.random.default_rng(0)
    for i, x in enumerate(_wanting(inputs)):
        directions = [_random(generator, x.shape, x.dtype.numpy) for _ in range(2)]
        expected = [_pushed(func, inputs, x, _beside(x._array, one)) for one in directions]

        def push(direction: Tensor, moved: Tensor = x) -> tuple[Tensor, ...]:
            return _tangents(func, inputs, moved, direction)

        batch = x._wrap(_beside(x._array, numpy.stack(directions)))
        for o, (got, *rows) in enumerate(zip(vmap(push)(batch), *expected, strict=True)):
            _check_same_batch(f"output {o} and input {i}", got.flatten(1), numpy.stack(rows))


def _check_same_batch(which: str, found: Tensor | None, expected: Any) -> None:
    got = numpy.zeros(expected.shape) if found is None else arrays.move(found._array, "cpu")
    if not numpy.allclose(got, expected):
        raise GradcheckError(
            f"For {which}:\n\n{_BATCHED}\n\nGot:\n{Tensor._wrap(got)}\n\nExpected:\n"
            f"{Tensor._wrap(expected)}"
        )


def _mismatch(
    o: int, i: int, numerical: Any, analytical: Any, part: str, mode: str = ""
) -> GradcheckError:
    where = f"While considering the {part} part of complex outputs only, " if part else ""
    return GradcheckError(
        f"{where}Jacobian {mode}mismatch for output {o} with respect to input {i},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _check_constant(func: Callable[..., Any], inputs: Sequence[Any], eps: float) -> None:
    """A function no output of which requires grad must not depend on its inputs."""
    for i, x in enumerate(_wanting(inputs)):
        for o, jacobian in enumerate(_numerical_jacobians(func, inputs, x, eps)):
            if jacobian.any():
                raise GradcheckError(
                    "Numerical gradient for function expected to be zero: no output requires "
                    f"grad, yet output {o} changes with input {i}:\n{Tensor._wrap(jacobian)}"
                )


def _check_repeatable(output: Tensor, inputs: Sequence[Any], tolerance: float) -> None:
    seed = _random(numpy.random.default_rng(0), output.shape, output.dtype.numpy)
    first = _vector_jacobian(output, inputs, seed)
    second = _vector_jacobian(output, inputs, seed)
    for one, two in zip(first, second, strict=True):
        worst = numpy.abs(one - two).max(initial=0)
        if worst > tolerance:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and "
                "grad_output multiple times gives different values, although analytical gradient "
                f"matches numerical gradient. The tolerance for nondeterminism was {tolerance}; "
                f"the largest difference is {worst}."
            )


def _check_zero_gives_zero(output: Tensor, inputs: Sequence[Any]) -> None:
    for i, gradient in enumerate(_vector_jacobian(output, inputs, numpy.zeros(output.shape))):
        if gradient.any():
            raise GradcheckError(
                f"backward not multiplied by grad_output: with zeros as gradient of the output, "
                f"input {i} received\n{Tensor._wrap(gradient)}"
            )


def _check_undefined(func: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """No gradient at all, at all outputs and at each in turn, must count as zeros."""
    count = len(_differentiable(func(*inputs)))
    cases = [set(range(count)), *([{o} for o in range(count)] if count > 1 else [])]
    for missing in cases:
        outputs = _differentiable(func(*inputs))
        roots = [_without_gradient(t) if o in missing else t for o, t in enumerate(outputs)]
        zeros = [t._wrap(_beside(t._array, numpy.zeros(t.shape))) for t in outputs]
        try:
            found = grad(roots, _wanting(inputs), zeros, allow_unused=True)
        except Exception as error:
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. A gradient may be "
                f"None where it is not known or not needed; this failed with {error!r}"
            ) from error
        if any(g is not None and g._array.any() for g in found):
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are "
                f"undefined or zero, but they are {found}"
            )


def _without_gradient(tensor: Tensor) -> Tensor:
    """A root from which no gradient arrives at ``tensor``."""
    root = tensor._wrap(tensor._array)
    root._edge = (_NoGradient(tensor), 0)
    root._requires_grad = True
    return root


class _NoGradient(Node):
    """Passes on None, whatever arrives."""

    __slots__ = ()

    def __init__(self, tensor: Tensor) -> None:
        self.next_functions = (edge_of(tensor),)
        self.shape = tensor._array.shape
        self.dtype = tensor._array.dtype
        self.order = next_order()
        self.hooks = None
        self.exact = False

    def apply(self, *gradients: Array | None) -> tuple[Array | None, ...]:
        return (None,)
