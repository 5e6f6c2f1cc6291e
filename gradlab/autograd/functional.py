"""Derivatives of functions: whole Jacobians and Hessians, and their products with vectors.

Each takes a function and the point to differentiate it at, and calls the function once. Reverse
mode gives a row of the Jacobian per backward pass, so ``vjp`` is one pass and ``jacobian`` one for
each element of the output, or one of batches. A column (``jvp``, ``hvp``) is the derivative of a
pass: ``vjp`` is linear in its vector, and differentiating it with respect to that transposes the
Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gradlab import arrays
from gradlab.engine import grad
from gradlab.func.derivatives import by_output, jacfwd, units_of
from gradlab.func.derivatives import grad as func_grad
from gradlab.grad_mode import enable_grad
from gradlab.op import FUNCTIONS
from gradlab.tensor import Tensor

Tensors: TypeAlias = tuple[Tensor, ...]

OUTPUTS = "outputs of the user-provided function"


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """``func(*inputs)``, and ``v`` times its Jacobian: one backward pass.

    ``inputs`` is a tensor or a tuple of them, and so is what ``func`` returns; ``v`` has the
    shapes of the outputs and may be left out for a single output of one element. With
    ``create_graph`` both results can be differentiated again. With ``strict`` an input that the
    outputs don't depend on is an error, else its result is zeros.

    Raises TypeError where something else than tensors is given or returned, RuntimeError for a
    ``v`` of other shapes.

    >>> import gradlab as gl
    >>> vjp(lambda x: x**2, gl.tensor([1.0, 2.0]), gl.tensor([10.0, 1.0]))
    (tensor([1., 4.]), tensor([20.,  4.]))
    """
    of_tuple, point = _point(inputs, "vjp", create_graph)
    to_tuple, outputs = _values(func, point, "vjp", strict)
    vector = _vector(
        v, outputs, to_tuple, "vjp", create_graph, "returns a single Tensor with a single element."
    )
    found = _gradients(outputs, point, vector, create_graph)
    products = _filled(found, point, create_graph, _Independent.OF_INPUT if strict else None)
    return _handed_out(outputs, to_tuple, create_graph), _handed_out(
        products, of_tuple, create_graph
    )


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """``func(*inputs)``, and its Jacobian times ``v``: by differentiating a backward pass.

    Arguments and errors as in ``vjp``, except that ``v`` has the shapes of ``inputs``.

    >>> import gradlab as gl
    >>> jvp(lambda x: x**2, gl.tensor([1.0, 2.0]), gl.tensor([10.0, 1.0]))
    (tensor([1., 4.]), tensor([20.,  4.]))
    """
    of_tuple, point = _point(inputs, "jvp", create_graph)
    vector = _vector(v, point, of_tuple, "jvp", create_graph, _ONE_INPUT)
    to_tuple, outputs = _values(func, point, "jvp", strict)
    # What it is does not matter: the pass is linear in it, and the derivative is wanted.
    seeds = _zeros_tracked(outputs)
    passed = _gradients(outputs, point, seeds, create_graph=True)
    if strict:
        _check_gradients_tracked(passed)
    found = _gradients(passed, seeds, vector, create_graph)
    products = _filled(found, outputs, create_graph, _Independent.OF_SEED if strict else None)
    return _handed_out(outputs, to_tuple, create_graph), _handed_out(
        products, to_tuple, create_graph
    )


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at ``inputs``, of shape ``output.shape + input.shape``.

    A tensor for one input and one output, a tuple where one of them is a tuple, else a tuple (per
    output) of tuples (per input). ``create_graph`` and ``strict`` as in ``vjp``. With ``vectorize``
    all rows are computed at once, by a backward pass of batches; with ``strategy="forward-mode"``,
    which wants that, all columns at once, by dual numbers.

    Raises what ``vjp`` raises; RuntimeError or NotImplementedError for options that exclude each
    other.

    >>> import gradlab as gl
    >>> jacobian(lambda x: x**2, gl.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_strategy("jacobian", strategy, vectorize, create_graph, strict)
    if strategy == "forward-mode":
        return _columns(func, inputs, "jacobian")
    of_tuple, point = _point(inputs, "jacobian", create_graph)
    to_tuple, outputs = _values(func, point, "jacobian", strict)
    if vectorize and strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )
    with enable_grad():
        if vectorize:
            found = _rows_at_once(outputs, point, create_graph)
        else:
            found = [
                list(_rows(i, output, point, create_graph, strict))
                for i, output in enumerate(outputs)
            ]
    blocks = tuple(_handed_out(tuple(rows), of_tuple, create_graph) for rows in found)
    return blocks if to_tuple else blocks[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The matrix of second derivatives of ``func``, which returns one number, at ``inputs``.

    A tensor of shape ``input.shape + input.shape``, or for a tuple of inputs a tuple of tuples of
    them. Other arguments as in ``jacobian``.

    Raises RuntimeError where ``func`` returns anything but a tensor of one element.

    >>> import gradlab as gl
    >>> hessian(lambda x: (x**3).sum(), gl.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    of_tuple, point = _tensors(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in _STRATEGIES:
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def gradient(*given: Tensor) -> Tensors:
        value = _single_value(func, given, "hessian", strict)
        found = _gradients((value,), given, None, create_graph=True)
        slopes = _filled(found, given, True, None)
        if strict:
            _check_jacobian_tracked(slopes)
        return slopes

    if outer_jacobian_strategy == "forward-mode":
        _check_strategy("jacobian", "forward-mode", vectorize, create_graph, strict)

        def value(*given: Tensor) -> Any:
            return _single_value(func, given, "hessian", strict).reshape(())

        every = tuple(range(len(point)))
        blocks = _columns(func_grad(value, every), point, "hessian")
        return blocks if of_tuple else blocks[0][0]
    blocks = jacobian(gradient, point, create_graph, strict, vectorize, outer_jacobian_strategy)
    return blocks if of_tuple else blocks[0][0]


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """``func(*inputs)``, one number, and ``v`` times its Hessian: two backward passes.

    ``v`` has the shapes of ``inputs``. Other arguments and errors as in ``vjp`` and ``hessian``.

    >>> import gradlab as gl
    >>> vhp(lambda x: (x**3).sum(), gl.tensor([1.0, 2.0]), gl.tensor([10.0, 1.0]))
    (tensor(9.), tensor([60., 12.]))
    """
    of_tuple, point = _point(inputs, "vhp", create_graph)
    vector = _vector(v, point, of_tuple, "vhp", create_graph, _ONE_INPUT)
    value = _single_value(func, point, "vhp", strict)
    slopes = _gradients((value,), point, None, create_graph=True)
    if strict:
        _check_jacobian_tracked(slopes)
    found = _gradients(slopes, point, vector, create_graph)
    products = _filled(found, point, create_graph, _Independent.JACOBIAN if strict else None)
    return _handed_out((value,), False, create_graph), _handed_out(products, of_tuple, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """``func(*inputs)``, one number, and its Hessian times ``v``.

    The same as ``vhp`` wherever the Hessian is symmetric, and slower: three backward passes.

    >>> import gradlab as gl
    >>> hvp(lambda x: (x**3).sum(), gl.tensor([1.0, 2.0]), gl.tensor([10.0, 1.0]))
    (tensor(9.), tensor([60., 12.]))
    """
    of_tuple, point = _point(inputs, "hvp", create_graph)
    vector = _vector(v, point, of_tuple, "hvp", create_graph, _ONE_INPUT)
    value = _single_value(func, point, "hvp", strict)
    slopes = _gradients((value,), point, None, create_graph=True)
    if strict:
        _check_jacobian_tracked(slopes)
    seeds = _zeros_tracked(point)
    passed = _gradients(slopes, point, seeds, create_graph=True)
    found = _gradients(passed, seeds, vector, create_graph)
    products = _filled(found, point, create_graph, _Independent.HESSIAN if strict else None)
    return _handed_out((value,), False, create_graph), _handed_out(products, of_tuple, create_graph)


# ------------------------------------------------------------------ what goes in


_ONE_INPUT = "is a single Tensor with a single element."


def _tensors(given: Any, what: str, function: str) -> tuple[bool, Tensors]:
    """Whether ``given`` is a tuple, and the tensors in it."""
    many = isinstance(given, tuple)
    tensors = given if many else (given,)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            which = f"value at index {i}" if many else f"given {what}"
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors "
                f"but the {which} has type {type(tensor)}."
            )
    return many, tensors


def _point(inputs: Any, function: str, create_graph: bool) -> tuple[bool, Tensors]:
    """Fresh tensors to differentiate at: not those that ``func`` may use besides its arguments."""
    many, tensors = _tensors(inputs, "inputs", function)
    return many, tuple(_fresh(tensor, create_graph, tracked=True) for tensor in tensors)


def _fresh(tensor: Tensor, create_graph: bool, *, tracked: bool) -> Tensor:
    if create_graph and tensor.requires_grad:
        with enable_grad():
            fresh: Tensor = tensor.view_as(tensor)
        return fresh
    return tensor.detach().requires_grad_(tracked)


def _values(
    func: Callable[..., Any], point: Tensors, function: str, strict: bool
) -> tuple[bool, Tensors]:
    """Whether ``func`` returns a tuple at ``point``, and the tensors in it."""
    with enable_grad():
        returned = func(*point)
    many, outputs = _tensors(returned, OUTPUTS, function)
    for i, output in enumerate(outputs):
        if strict and not output.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                "must be computed in a differentiable manner from the input when running in strict "
                "mode."
            )
    return many, outputs


def _single_value(func: Callable[..., Any], point: Tensors, function: str, strict: bool) -> Tensor:
    """What ``func`` returns, which must be one number."""
    many, outputs = _values(func, point, function, strict)
    if many:
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    (value,) = outputs
    if value.numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {function} should contain a single "
            f"element, but its shape is {list(value.shape)}"
        )
    return value


def _vector(
    v: Any, like: Tensors, many: bool, function: str, create_graph: bool, single: str
) -> Tensors | None:
    """``v`` as a tuple of tensors with the shapes of ``like``; None stands for a one."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            of = "the input to the user-provided function"
            subject = "the user-provided function" if function == "vjp" else of
            raise RuntimeError(f"The vector v can only be None if {subject} {single}")
        return None
    _, vectors = _tensors(v, "v", function)
    if len(vectors) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}."
            if many
            else "The given v should contain a single Tensor."
        )
    for i, (vector, other) in enumerate(zip(vectors, like, strict=True)):
        if vector.shape != other.shape:
            which = f"Entry {i} in v" if many else "v"
            raise RuntimeError(
                f"{which} has invalid size: should be {other.shape} but got {vector.shape}."
            )
    return tuple(_fresh(vector, create_graph, tracked=False) for vector in vectors)


_STRATEGIES = ("forward-mode", "reverse-mode")


def _check_strategy(
    function: str, strategy: str, vectorize: bool, create_graph: bool, strict: bool
) -> None:
    if strategy not in _STRATEGIES:
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "reverse-mode":
        return
    for name, asked, error in (
        ("create_graph", create_graph, NotImplementedError),
        ("strict", strict, RuntimeError),
    ):
        if asked:
            raise error(
                f"torch.autograd.functional.{function}: `{name}=True` and "
                '`strategy="forward-mode"` are not supported together (yet). Please either set '
                f'`{name}=False` or `strategy="reverse-mode"`.'
            )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
            "only implemented for `vectorize=True`."
        )


# ------------------------------------------------------------------ backward passes


def _gradients(
    outputs: Sequence[Tensor | None],
    inputs: Tensors,
    vectors: Tensors | None,
    create_graph: bool,
) -> tuple[Tensor | None, ...]:
    """``grad`` of those outputs that have a history; None where an input has no part in them."""
    seeds: Sequence[Tensor | None] = [None] * len(outputs) if vectors is None else vectors
    tracked = [
        (output, seed)
        for output, seed in zip(outputs, seeds, strict=True)
        if output is not None and output.requires_grad
    ]
    if not tracked:
        return (None,) * len(inputs)
    roots, starts = zip(*tracked, strict=True)
    found: tuple[Tensor | None, ...] = grad(
        roots, inputs, starts, create_graph=create_graph, allow_unused=True
    )
    return found


def _rows(
    index: int, output: Tensor, point: Tensors, create_graph: bool, strict: bool
) -> tuple[Tensor, ...]:
    """The Jacobian of one output with respect to each input, a backward pass for each row."""
    rows = [_row(index, output, unit, point, create_graph, strict) for unit in _units(output)]
    per_input = zip(*rows, strict=True) if rows else [()] * len(point)
    return tuple(
        FUNCTIONS["stack"](list(column)).view(output.shape + x.shape)
        for column, x in zip(per_input, point, strict=True)
    )


def _rows_at_once(outputs: Tensors, point: Tensors, create_graph: bool) -> list[list[Tensor]]:
    """The Jacobian of each output with respect to each input, by one pass for all rows."""
    pairs = zip(outputs, units_of(outputs), strict=True)
    tracked = [(output, units) for output, units in pairs if output.requires_grad]
    columns: Sequence[Tensor | None] = [None] * len(point)
    if tracked:
        roots, starts = zip(*tracked, strict=True)
        columns = grad(
            roots,
            point,
            starts,
            create_graph=create_graph,
            allow_unused=True,
            is_grads_batched=True,
        )
    count = sum(output.numel() for output in outputs)
    filled = [
        x.new_zeros((count, *x.shape)) if column is None else column
        for column, x in zip(columns, point, strict=True)
    ]
    return by_output(filled, outputs, point)


def _columns(func: Callable[..., Any], inputs: Any, function: str) -> Any:
    """The Jacobian by forward mode, nested as ``jacobian`` returns it."""
    of_tuple, tensors = _tensors(inputs, "inputs", function)
    point = tuple(tensor.detach() for tensor in tensors)
    outer: list[bool] = []

    def checked(*given: Tensor) -> Tensors:
        many, outputs = _tensors(func(*given), OUTPUTS, function)
        outer.append(many)
        return outputs

    found = jacfwd(checked, tuple(range(len(point))))(*point)
    blocks = tuple(_handed_out(row, of_tuple, create_graph=False) for row in found)
    return blocks if outer[0] else blocks[0]


def _row(
    index: int, output: Tensor, unit: Tensor, point: Tensors, create_graph: bool, strict: bool
) -> Tensors:
    if output.requires_grad:
        found = grad(
            output, point, unit, retain_graph=True, create_graph=create_graph, allow_unused=True
        )
    else:
        found = (None,) * len(point)
    for i, gradient in enumerate(found):
        if strict and gradient is None:
            raise RuntimeError(
                f"Output {index} of the user-provided function is independent of input {i}. This "
                "is not allowed in strict mode."
            )
    return _filled(found, point, create_graph, _Independent.OF_INPUT if strict else None)


def _units(output: Tensor) -> list[Tensor]:
    """For each element a tensor of output's shape that has a one there."""
    library = arrays.array_module(output._array)
    count = output.numel()
    identity = library.eye(count, dtype=output._array.dtype)
    return [Tensor._wrap(row.reshape(output._array.shape)) for row in identity]


def _zeros_tracked(like: Tensors) -> Tensors:
    return tuple(t.new_zeros(t.shape).requires_grad_() for t in like)


# ------------------------------------------------------------------ what comes out


class _Independent:
    """PyTorch's sentences for a derivative that is missing, and for one without history."""

    OF_INPUT = (
        "The output of the user-provided function is independent of input {i}. This is not "
        "allowed in strict mode.",
        "The jacobian of the user-provided function is independent of input {i}. This is not "
        "allowed in strict mode when create_graph=True.",
    )
    OF_SEED = (
        "The gradient with respect to the input is independent of entry {i} in the grad_outputs "
        "when using the double backward trick to compute forward mode gradients. This is not "
        "allowed in strict mode.",
        OF_INPUT[1],
    )
    JACOBIAN = (
        "The jacobian of the user-provided function is independent of input {i}. This is not "
        "allowed in strict mode.",
        "The hessian of the user-provided function is independent of input {i}. This is not "
        "allowed in strict mode when create_graph=True.",
    )
    HESSIAN = (
        "The hessian of the user-provided function is independent of entry {i} in the "
        "grad_jacobian. This is not allowed in strict mode as it prevents from using the double "
        "backward trick to replace forward mode AD.",
        JACOBIAN[1],
    )


def _filled(
    found: Sequence[Tensor | None],
    like: Tensors,
    create_graph: bool,
    strict: tuple[str, str] | None,
) -> Tensors:
    """``found`` with zeros for None; with ``strict`` sentences, an error instead."""
    for i, gradient in enumerate(found if strict is not None else ()):
        missing, without_history = strict or ("", "")
        if gradient is None:
            raise RuntimeError(missing.format(i=i))
        if create_graph and not gradient.requires_grad:
            raise RuntimeError(without_history.format(i=i))
    return tuple(
        t.new_zeros(t.shape) if gradient is None else gradient
        for gradient, t in zip(found, like, strict=True)
    )


def _check_gradients_tracked(gradients: Sequence[Tensor | None]) -> None:
    for i, gradient in enumerate(gradients):
        if gradient is None:
            raise RuntimeError(_Independent.OF_INPUT[0].format(i=i))
        if not gradient.requires_grad:
            raise RuntimeError(
                f"The gradient with respect to input {i} is independent of the inputs of the "
                "user-provided function. This is not allowed in strict mode."
            )


def _check_jacobian_tracked(slopes: Sequence[Tensor | None]) -> None:
    for i, slope in enumerate(slopes):
        if slope is None:
            raise RuntimeError(_Independent.OF_INPUT[0].format(i=i))
        if not slope.requires_grad:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided "
                f"function with respect to input {i} is independent of the input. This is not "
                "allowed in strict mode. You should ensure that your function is twice "
                "differentiable and that the jacobian depends on the inputs (this would be "
                "violated by a linear function for example)."
            )


def _handed_out(tensors: Tensors, many: bool, create_graph: bool) -> Any:
    """Results as they are returned: without history unless it was asked for."""
    results = tensors if create_graph else tuple(tensor.detach() for tensor in tensors)
    return results if many else results[0]
