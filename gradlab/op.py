"""Operations: the one place that turns a declaration into everything an operation needs.

An operation is declared once, in ``ops/``, as a block like this::

    @op(
        latex=r"\\tanh input",
        grad=dict(input=(lambda g, out: g * (1 - out * out), r"g \\, (1 - out^2)")),
        promote="float",
        samples=real(-2, 2),
    )
    def tanh(xp: Namespace, input: Array) -> Array:
        return xp.tanh(input)

The forward works on raw arrays; ``xp`` is the library they belong to. Its parameters annotated
``Array`` are tensors (``Array | None`` optional ones, ``list[Array]`` a sequence of them), the
others are options. ``grad`` has for each differentiable tensor the formula of its gradient and
the same in LaTeX, in which the parameters' names stand for themselves.

The *names of a formula's parameters* say what the node must save: ``g`` is the gradient that
arrives, ``out`` the result, ``xp`` the functions to compute with, any other the tensor or option
of that name; ``input_shape`` saves only the shape of ``input``, ``input_strides`` how it lies in
memory. A formula uses operators and ``xp.`` functions only, so the one text serves twice: at first
order ``xp`` computes on raw arrays, under ``create_graph=True`` it is gradlab itself, and the
result can be differentiated again.

From the block, ``op`` writes the Python source of the function and of the node's ``apply``, made
for just this operation, and compiles it (as ``dataclasses`` does): signatures are real, and
nothing that is known at import is decided again at every call.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from gradlab import arrays, observers
from gradlab.arrays import Array
from gradlab.grad_mode import ensure_mode, mode
from gradlab.graph import NO_EDGE, Edge, Node, leaf_edge, next_order
from gradlab.inplace import assign, view_of
from gradlab.tensor import Tensor, inference_counter, no_such_dim

OPS: dict[str, Op] = {}
"""Every operation by its name."""

NODES: dict[str, Op] = {}
"""Every operation by its node's name, such as ``SinBackward0``."""

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Every public function of ``gradlab`` that works on tensors."""


@dataclass(frozen=True)
class Gradient:
    """The gradient of one input: its formula, the names it uses, and the formula in LaTeX."""

    formula: Callable[..., Any]
    parameters: tuple[str, ...]
    latex: str


@dataclass(frozen=True)
class Op:
    """A declared operation."""

    name: str
    forward: Callable[..., Any]
    latex: str
    gradients: Mapping[str, Gradient]
    samples: Any
    signature: inspect.Signature  # of the public function
    tensors: tuple[str, ...]
    optional: frozenset[str]  # tensors that may be None
    sequence: bool  # the only tensor parameter is a list of tensors
    options: tuple[str, ...]
    # None: dtypes as they are; "same": one for all; "float": that and never an integer;
    # "no bool": one for all, and a bool among others is refused
    promote: str | None
    outputs: int | None  # None: a tuple whose length depends on the arguments
    view: bool
    node: type[OpNode] = field(init=False)
    function: Callable[..., Tensor] = field(init=False)

    def saved_by(self, name: str) -> list[str]:
        """The inputs whose gradient needs the tensor ``name``."""
        return [of for of, rule in self.gradients.items() if name in rule.parameters]

    @property
    def public_name(self) -> str:
        """What people call it by: ``pow`` for ``pow_scalar``, one primitive of several."""
        return self.name.removesuffix("_scalar").removesuffix("_tensor")

    @property
    def saved_tensors(self) -> list[str]:
        """Tensors that some formula needs, ``out`` among them."""
        return [name for name in (*self.tensors, "out") if self.saved_by(name)]

    @property
    def saved_plain(self) -> list[str]:
        """Options and shapes that some formula needs."""
        used = {p for rule in self.gradients.values() for p in rule.parameters}
        return sorted(used - {"g", "gs", "xp", "out", *self.tensors})


def op(
    *,
    latex: str,
    grad: Mapping[str, tuple[Callable[..., Any], str]] | None = None,
    samples: Any = (),
    promote: str | None = None,
    node: str | None = None,
    outputs: int | None = 1,
    view: bool = False,
    method: bool = True,
    public: bool = True,
    operator: str | None = None,
    inplace: bool | None = None,
) -> Callable[[Callable[..., Any]], Any]:
    """Declare an operation; see the module's docstring.

    ``node``: the node's name where it is not the op's name in CamelCase with ``Backward0``.
    ``method``/``public``: whether it becomes a method and a function of ``gradlab`` (a primitive
    that a composite function uses is neither). ``operator``: the special method it also is.
    ``inplace``: whether the form ``name_`` is made; by default for operations that promote.
    Raises ValueError at import for a formula that names something the operation doesn't have.
    """

    def declare(forward: Callable[..., Any]) -> Any:
        declared = _read(forward, latex, grad or {}, samples, promote, outputs, view)
        node_name = node or _camel(declared.name) + "Backward0"
        object.__setattr__(declared, "node", _make_node(declared, node_name))
        function = _compile_function(declared, "raise argument_error(op, {arguments}) from None")
        object.__setattr__(declared, "function", function)
        if declared.name in OPS or (declared.gradients and node_name in NODES):
            raise ValueError(f"operation {declared.name!r} ({node_name}) is declared twice")
        OPS[declared.name] = declared
        if declared.gradients:
            NODES[node_name] = declared
        if public:
            FUNCTIONS[declared.name] = function
        if method:
            setattr(Tensor, declared.name, function)
        if inplace if inplace is not None else promote is not None:
            single = len(declared.tensors) == 1
            _publish_inplace_form(declared.name, function, public and single)
        if operator is not None:
            setattr(Tensor, operator, _compile_function(declared, "return NotImplemented"))
        return function

    return declare


def _publish_inplace_form(name: str, function: Callable[..., Any], public: bool) -> None:
    def change(input: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}_(): argument 'input' (position 1) must be Tensor, "
                f"not {type(input).__name__}. Make one with gradlab.tensor(...)."
            )
        return assign(input, function(input, *args, **kwargs), direct=True)

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"In-place form of ``{name}``: the result replaces ``input``."
    setattr(Tensor, name + "_", change)
    if public:
        FUNCTIONS[name + "_"] = change


def composite(
    name: str | None = None, *, method: bool = True, public: bool = True, inplace: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Publish a plain function of operations as a function of ``gradlab`` and a method.

    ``inplace``: whether the method ``name_`` is made; whichever operation the function ends with
    must then have the function's first argument as its first tensor.
    """

    def declare(function: Callable[..., Any]) -> Any:
        published = function.__name__ = function.__qualname__ = name or function.__name__
        if public:
            FUNCTIONS[published] = function
        if method:
            setattr(Tensor, published, function)
        if inplace:
            _publish_inplace_form(published, function, public=False)
        return function

    return declare


def alias(name: str, *others: str) -> None:
    """Publish a function, its method and its in-place form under other names too."""
    for other in others:
        for form in ("", "_"):
            if name + form in FUNCTIONS:
                FUNCTIONS[other + form] = FUNCTIONS[name + form]
            if hasattr(Tensor, name + form):
                setattr(Tensor, other + form, getattr(Tensor, name + form))


# ------------------------------------------------------------------ reading a declaration


def _read(
    forward: Callable[..., Any],
    latex: str,
    grad: Mapping[str, tuple[Callable[..., Any], str]],
    samples: Any,
    promote: str | None,
    outputs: int | None,
    view: bool,
) -> Op:
    signature = inspect.signature(forward)
    parameters = list(signature.parameters.values())[1:]  # without xp
    kinds = {p.name: str(p.annotation) for p in parameters}
    tensors = tuple(n for n, kind in kinds.items() if kind in _TENSOR_KINDS)
    declared = Op(
        name=forward.__name__,
        forward=forward,
        latex=latex,
        gradients={of: _gradient(*rule) for of, rule in grad.items()},
        samples=samples,
        signature=signature.replace(parameters=parameters, return_annotation="Tensor"),
        tensors=tensors,
        optional=frozenset(n for n in tensors if kinds[n] == "Array | None"),
        sequence=any(kinds[n] == "list[Array]" for n in tensors),
        options=tuple(n for n in kinds if n not in tensors),
        promote=promote,
        outputs=outputs,
        view=view,
    )
    _check(declared)
    return declared


_TENSOR_KINDS = ("Array", "Array | None", "list[Array]")


def _gradient(formula: Callable[..., Any], latex: str) -> Gradient:
    return Gradient(formula, tuple(inspect.signature(formula).parameters), latex)


def _check(declared: Op) -> None:
    facts = {f"{name}_{fact}" for name in declared.tensors for fact in ("shape", "strides")}
    known = {"g", "gs", "xp", "out", *declared.tensors, *declared.options, *facts}
    for of, rule in declared.gradients.items():
        if of not in declared.tensors:
            raise ValueError(f"{declared.name}: gradient of {of!r}, which is no tensor of it")
        for name in rule.parameters:
            if name not in known:
                raise ValueError(
                    f"{declared.name}: the gradient of {of!r} names {name!r}; "
                    f"it can use {', '.join(sorted(known))}"
                )


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


# ------------------------------------------------------------------ the two vocabularies


class _RawFunctions:
    """What ``xp`` is in a formula at first order: the operations' forwards, on raw arrays.

    NumPy's own function where it has one of that name and it is a plain ufunc, and for anything
    that is no operation.
    """

    def __init__(self, library: Any) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        declared = OPS.get(name)
        own = getattr(self._library, name, None)
        if declared is None or isinstance(own, numpy.ufunc):
            if own is None:
                raise AttributeError(f"no operation and no array function is named {name!r}")
            found = own
        else:
            found = functools.partial(declared.forward, self._library)
        setattr(self, name, found)  # found once per name and library
        return found


class _TensorFunctions:
    """What ``xp`` is in a formula under ``create_graph``: the operations themselves."""

    def __getattr__(self, name: str) -> Any:
        try:
            return OPS[name].function
        except KeyError:
            raise AttributeError(
                f"a formula uses xp.{name}, which is no operation: it could not be "
                "differentiated again"
            ) from None


RAW = {numpy: _RawFunctions(numpy)}
ON_TENSORS = _TensorFunctions()


def raw_functions(array: Array) -> _RawFunctions:
    """The vocabulary of formulas for the library ``array`` belongs to."""
    library = arrays.array_module(array)
    if library not in RAW:
        RAW[library] = _RawFunctions(library)
    return RAW[library]


# ------------------------------------------------------------------ nodes


class OpNode(Node):
    """The node of a declared operation."""

    __slots__ = ()
    op: Op

    def apply_tensors(self, *gradients: Any) -> tuple[Any, ...]:
        """As ``apply``, on tensors, by the same formulas."""
        known = next((g for g in gradients if g is not None), None)
        if known is None:
            return (None,) * len(self.next_functions)
        library = arrays.array_module(known._array)
        gs = [
            known._wrap(library.zeros(*self.outputs[i])) if g is None else g
            for i, g in enumerate(gradients)
        ]
        values: dict[str, Any] = {"g": gs[0], "gs": gs, "xp": ON_TENSORS}
        if self.op.sequence:
            (rule,) = self.op.gradients.values()
            return tuple(rule.formula(**self._values(rule, values)))
        return tuple(
            rule.formula(**self._values(rule, values)) if edge[0] else None
            for rule, edge in zip(self.op.gradients.values(), self.next_functions, strict=True)
        )

    def _values(self, rule: Gradient, known: dict[str, Any]) -> dict[str, Any]:
        """A formula's arguments; what is unpacked for one formula is ``known`` to the next."""
        for name in rule.parameters:
            if name not in known:
                known[name] = self._unpack(name)
        return {name: known[name] for name in rule.parameters}

    def _unpack(self, name: str) -> Any:
        """A saved value as a tensor with its history, or an option as it is."""
        saved = getattr(self, name)
        if name not in self.op.saved_tensors:
            return saved
        if saved is None:
            raise second_backward()
        if self.op.sequence:
            return [self._checked(name, one) for one in saved]
        return self._checked(name, saved)

    def _checked(self, name: str, saved: Any) -> Any:
        tensor, array, counter, version = saved
        if counter[0] != version:
            raise changed_in_place(self, name)
        if name != "out":
            return tensor
        result = Tensor._wrap(array)
        result._counter = counter
        # A saved result keeps its place in the graph; one written to a view, the view's.
        result._edge = (self, 0) if tensor is None else tensor()
        result._requires_grad = True
        return result

    def _saved_names(self) -> dict[str, str]:
        """PyTorch's names of what is saved, and ours."""
        names = (*self.op.saved_tensors, *self.op.saved_plain)
        return {"_saved_" + _pytorch_name(name): name for name in names}

    def __getattr__(self, name: str) -> Any:
        if name == "_metadata" or not name.startswith("_saved_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        ours = self._saved_names().get(name)
        if ours is None:
            raise AttributeError(
                f"{type(self).__name__} saves {', '.join(self._saved_names()) or 'nothing'}, "
                f"not {name!r}"
            )
        if not _is_set(self, ours):
            return None  # no gradient that was asked for needs it
        value = self._unpack(ours)
        return (
            Tensor._wrap(numpy.asarray(value))
            if type(value) in arrays.PYTHON_SCALARS and (ours in self.op.tensors)
            else value
        )

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._saved_names()]


def _pytorch_name(name: str) -> str:
    name = {"input": "self", "out": "result"}.get(name, name)
    name = re.sub("^input_", "self_", name)
    return re.sub("_shape$", "_sym_sizes", re.sub("_strides$", "_sym_strides", name))


def _is_set(node: OpNode, slot: str) -> bool:
    try:
        object.__getattribute__(node, slot)
    except AttributeError:
        return False
    return True


def _make_node(declared: Op, name: str) -> type[OpNode]:
    slots = (*declared.saved_tensors, *declared.saved_plain)
    if declared.outputs != 1:
        slots = (*slots, "outputs")
    body: dict[str, Any] = {"__slots__": slots, "op": declared, "__module__": __name__}
    body["can_own"] = declared.view and declared.outputs == 1
    if declared.gradients:
        source = _apply_source(declared) + "\n\n\n" + _release_source(declared)
        made = _compile(f"{declared.name} backward", source, declared)
        body["apply"] = made["apply"]
        body["release"] = made["release"]
    return type(name, (OpNode,), body)


# ------------------------------------------------------------------ writing source


def _apply_source(declared: Op) -> str:
    """The source of a node's ``apply``: gradients of the inputs from those of the outputs."""
    lines = []
    if declared.outputs == 1:
        lines += [
            "def apply(self, g):",
            "    if g is None:",
            "        return (None,) * len(self.next_functions)",
        ]
    else:
        lines += [
            "def apply(self, *gs):",
            "    gs = zeros_for_missing(self, gs)",
            "    if gs is None:",
            "        return (None,) * len(self.next_functions)",
            "    g = gs[0]",
        ]
    if any("xp" in rule.parameters for rule in declared.gradients.values()):
        lines.append("    xp = numpy_functions if type(g) is ndarray else raw_functions(g)")
    if declared.sequence:
        (rule,) = declared.gradients.values()
        for name in rule.parameters:
            lines += ["    " + line for line in _unpack_source(declared, name)]
        call = ", ".join(rule.parameters)
        lines.append(f"    return gradient_of_{declared.tensors[0]}({call})")
        return "\n".join(lines)
    single = len(declared.gradients) == 1
    if not single:
        targets = ", ".join(f"(to_{name}, _)" for name in declared.gradients)
        lines.append(f"    {targets} = self.next_functions")
    shared = {} if single else _used_by_several(declared)
    for name, users in shared.items():  # taken once: unpacking may be a user's hook
        lines.append(f"    if {' or '.join(f'to_{of} is not None' for of in users)}:")
        lines += ["        " + line for line in _unpack_source(declared, name)]
    for of, rule in declared.gradients.items():
        indent = "    "
        if not single:
            lines += [f"    d_{of} = None", f"    if to_{of} is not None:"]
            indent = "        "
        for name in rule.parameters:
            if name not in shared:
                lines += [indent + line for line in _unpack_source(declared, name)]
        lines += [
            f"{indent}d_{of} = gradient_of_{of}({', '.join(rule.parameters)})",
            f"{indent}if type(d_{of}) is not ndarray:",
            f"{indent}    d_{of} = as_array(d_{of})",
        ]
    lines.append(f"    return ({' '.join(f'd_{name},' for name in declared.gradients)})")
    return "\n".join(lines)


def _used_by_several(declared: Op) -> dict[str, list[str]]:
    """Saved tensors that several formulas need, and the inputs whose formulas these are."""
    users = {name: declared.saved_by(name) for name in declared.saved_tensors}
    return {name: of for name, of in users.items() if len(of) > 1}


def _release_source(declared: Op) -> str:
    """The source of a node's ``release``: forget saved tensors; options stay, as in PyTorch."""
    forgotten = "".join(f"self.{name} = " for name in declared.saved_tensors)
    return f"def release(self):\n    {forgotten}None"


def _unpack_source(declared: Op, name: str) -> list[str]:
    """Lines that put a saved value into a local variable of its name."""
    if name in ("g", "gs", "xp"):
        return []
    if name in declared.saved_plain:
        return [f"{name} = self.{name}"]
    lines = [f"saved = self.{name}", "if saved is None:", "    raise second_backward()"]
    if declared.sequence:
        return [*lines, f"{name} = unpack_all(self, {name!r}, saved)"]
    return [
        *lines,
        f"_, {name}, counter, version = saved",
        "if counter[0] != version:",
        f"    raise changed_in_place(self, {name!r})",
    ]


def _function_source(declared: Op, on_bad_argument: str) -> str:
    """The source of the public function."""
    arguments = ", ".join(_names(declared))
    lines = [f"def {declared.name}{_plain_signature(declared)}:"]
    reading = _sequence_reading if declared.sequence else _reading
    lines += ["    try:", *("        " + line for line in reading(declared))]
    lines.append("        recording = mode.enabled")
    lines += [
        "    except AttributeError:",
        f"        converted = convert_arguments(op, ({arguments},))",
        "        if converted is not None:",
        f"            return function({_converted_arguments(declared)})",
        "        " + on_bad_argument.format(arguments=f"({arguments},)"),
        "    try:",
        f"        result = forward(xp, {', '.join(_forward_arguments(declared))})",
        "    except ValueError as error:",
        f"        raise forward_error(op, error, {_array_list(declared)}) from None",
    ]
    if declared.promote == "float" and _widens_integers(declared):
        lines += _again_in_float(declared)
    lines += _one_output(declared) if declared.outputs == 1 else _many_outputs(declared)
    return "\n".join(lines)


def _widens_integers(declared: Op) -> bool:
    """Whether the forward, of one tensor, makes floats of integers all by itself."""
    if len(declared.tensors) != 1 or declared.options:
        return False
    try:
        with numpy.errstate(all="ignore"):
            results = [declared.forward(numpy, numpy.ones(1, kind)) for kind in ("bool", "int64")]
    except Exception:  # it wants floats, or something that its module defines only further down
        return False
    return all(result.dtype.kind == "f" for result in results)


def _again_in_float(declared: Op) -> list[str]:
    """A result of another dtype than its one input: that was an integer, which NumPy widens.

    Looking at the result costs nothing extra, since its dtype is wanted anyway.
    """
    (name,) = declared.tensors
    return [
        f"    if result.dtype is not a_{name}.dtype:",
        f"        (a_{name},) = promote_to_float((a_{name},))",
        f"        result = forward(xp, {', '.join(_forward_arguments(declared))})",
    ]


def _converted_arguments(declared: Op) -> str:
    """The arguments of a second call, with those converted that the first could not use."""
    parameters = declared.signature.parameters.values()
    return ", ".join(
        f"{p.name}=converted[{i}]" if p.kind is p.KEYWORD_ONLY else f"converted[{i}]"
        for i, p in enumerate(parameters)
    )


def _names(declared: Op) -> list[str]:
    return list(declared.signature.parameters)


def _plain_signature(declared: Op) -> str:
    """The signature without annotations, defaults taken from the forward's own."""
    parts = []
    keyword_only = False
    for parameter in declared.signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            parts.append("*")
            keyword_only = True
        default = "" if parameter.default is parameter.empty else f"=default_{parameter.name}"
        parts.append(parameter.name + default)
    return f"({', '.join(parts)})"


def _forward_arguments(declared: Op) -> list[str]:
    return [
        ("a_" if name in declared.tensors else "") + name + ""
        if declared.signature.parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY
        else f"{name}={'a_' if name in declared.tensors else ''}{name}"
        for name in _names(declared)
    ]


def _array_list(declared: Op) -> str:
    if declared.sequence:
        return f"a_{declared.tensors[0]}"
    return "[" + ", ".join(f"a_{name}" for name in declared.tensors) + "]"


def _needs(name: str) -> str:
    return f"{name}._requires_grad if {name}._view is None else {name}.requires_grad"


def _reading(declared: Op) -> list[str]:
    """Lines that take the arrays out of the tensors, in a common dtype."""
    first, *others = declared.tensors
    if declared.promote is None:
        return [*_reading_as_they_are(declared), *_library(f"a_{first}")]
    if not others:
        lines = [f"a_{first} = {first}._array", f"needs_{first} = {_needs(first)}"]
        if declared.promote == "float" and not _widens_integers(declared):
            lines += [
                f"if a_{first}.dtype not in DIFFERENTIABLE:",
                f"    (a_{first},) = promote_to_float((a_{first},))",
            ]
        return [*lines, *_library(f"a_{first}")]
    if len(others) == 1 and not declared.optional:
        return [*_reading_pair(declared, first, others[0]), *_library(f"a_{first}")]
    lines = []
    for name in declared.tensors:
        lines += [
            f"if type({name}) in PYTHON_SCALARS or {name} is None:",
            f"    a_{name}, needs_{name}, counter_{name} = {name}, False, UNCHANGING",
            "else:",
            f"    a_{name}, counter_{name} = {name}._array, {name}._counter",
            f"    needs_{name} = {_needs(name)}",
        ]
    together = ", ".join(f"a_{name}" for name in declared.tensors)
    lines.append(f"{together} = promote_present(({together}), {declared.promote!r})")
    return [*lines, *_library(f"a_{first}")]


def _reading_as_they_are(declared: Op) -> list[str]:
    lines = []
    for name in declared.tensors:
        read = [f"a_{name} = {name}._array", f"needs_{name} = {_needs(name)}"]
        if name in declared.optional:
            lines += [f"if {name} is None:", f"    a_{name}, needs_{name} = None, False", "else:"]
            read = ["    " + line for line in read]
        lines += read
    return lines


def _reading_pair(declared: Op, one: str, two: str) -> list[str]:
    """Two operands, of which the second is often a Python number."""
    meets = {"float": "promote_to_float", "no bool": "promote_without_bool"}
    meet = meets.get(declared.promote or "", "promote")
    plain = "in NUMBERS" if declared.promote == "no bool" else "is not complex"
    same = (
        f"a_{one}.dtype is not a_{two}.dtype or type(a_{two}) is not ndarray"
        f" or type(a_{one}) is not ndarray"
    )
    if declared.promote == "float":
        same += f" or a_{one}.dtype not in DIFFERENTIABLE"
    return [
        f"a_{one} = {one}._array",
        f"needs_{one} = {_needs(one)}",
        f"if type({two}) in PYTHON_SCALARS:",
        f"    if a_{one}.dtype in REAL_FLOATING and type({two}) {plain}:",
        # A 0-d array of the first's dtype: with a Python number NumPy takes 0.60 µs, not 0.31 µs.
        f"        a_{two} = array({two}, a_{one}.dtype) if type(a_{one}) is ndarray else {two}",
        "    else:",
        f"        a_{one}, a_{two} = {meet}((a_{one}, {two}))",
        f"    needs_{two} = False",
        f"    counter_{two} = UNCHANGING",
        "else:",
        f"    a_{two} = {two}._array",
        f"    if {same}:",
        f"        a_{one}, a_{two} = {meet}((a_{one}, a_{two}))",
        f"    needs_{two} = {_needs(two)}",
        f"    counter_{two} = {two}._counter",
    ]


def _sequence_reading(declared: Op) -> list[str]:
    (name,) = declared.tensors
    return [
        f"a_{name} = [tensor._array for tensor in {name}]",
        f"if not a_{name}:",
        f"    raise empty_list({declared.name!r})",
        f"a_{name} = promote(a_{name})",
        f"needs_{name} = any([tensor.requires_grad for tensor in {name}])",
        *_library(f"a_{name}[0]"),
    ]


def _library(array: str) -> list[str]:
    return [f"xp = numpy if type({array}) is ndarray else array_module({array})"]


def _new_tensor(declared: Op, result: str) -> list[str]:
    shared = f"{declared.tensors[0]}._counter" if declared.view else "[0]"
    view = f"view_of({declared.tensors[0]}, op, ({_option_tuple(declared)}))"
    return [
        "made = new(Tensor)",
        f"made._array = {result}",
        "made._grad = None",
        f"made._view = {view if declared.view else 'None'}",
        f"made._counter = {shared}",
    ]


def _option_tuple(declared: Op) -> str:
    return "".join(f"{name}, " for name in declared.options)


def _inputs(declared: Op) -> str:
    """What the operation was given for its tensors: tensors, Python numbers or None."""
    names = ", ".join(declared.tensors)
    return names if declared.sequence else f"({names},)"


def _one_output(declared: Op) -> list[str]:
    lines = [
        "if type(result) is not ndarray and isinstance(result, numpy_scalar):",
        "    result = asarray(result)",
        *_new_tensor(declared, "result"),
    ]
    plain = ["made._edge = None", "made._requires_grad = False"]
    if not declared.view:
        plain += ["if mode.inference:", "    made._counter = inference_counter()"]
    if declared.gradients:
        needs = " or ".join(f"needs_{name}" for name in declared.gradients)
        lines += [
            f"if ({needs}) and recording:",
            *("    " + line for line in _recording(declared)),
            "    node.shape = result.shape",
            "    node.dtype = result.dtype",
            "    made._edge = (node, 0)",
            "    made._requires_grad = True",
            "    if observers.active:",
            f"        observers.node_recorded(node, {_inputs(declared)}, made)",
            "else:",
            *("    " + line for line in plain),
        ]
    else:
        lines += plain
    return ["    " + line for line in [*lines, "return made"]]


_OUTPUT_OF_VIEW = ["    if made._view is not None:", "        made._view.output = output"]


def _many_outputs(declared: Op) -> list[str]:
    """A tuple of results; those that are no floating-point numbers have no gradient."""
    lines = ["node = None"]
    if declared.gradients:
        needs = " or ".join(f"needs_{name}" for name in declared.gradients)
        lines += [
            f"if ({needs}) and recording:",
            *("    " + line for line in _recording(declared)),
            "    node.shape = node.dtype = None",
            "    node.outputs = tuple((array.shape, array.dtype) for array in result)",
        ]
    lines += [
        "tensors = []",
        "for output, array in enumerate(result):",
        "    array = as_array(array)",
        *("    " + line for line in _new_tensor(declared, "array")),
        "    made._requires_grad = node is not None and array.dtype in DIFFERENTIABLE",
        "    made._edge = (node, output) if made._requires_grad else None",
        *_OUTPUT_OF_VIEW * declared.view,
        "    tensors.append(made)",
        "if node is not None and observers.active:",
        f"    observers.node_recorded(node, {_inputs(declared)}, tensors[0])",
        "return tuple(tensors)",
    ]
    return ["    " + line for line in lines]


def _recording(declared: Op) -> list[str]:
    """Lines that make the node: edges, and what the formulas need."""
    lines = []
    for name in declared.tensors:
        if name not in declared.gradients:
            lines += [f"if needs_{name}:", f"    raise not_differentiable(op, {name!r})"]
    lines += [
        "node = Node()",
        f"node.next_functions = {_edges(declared)}",
        "node.order = next_order()",
        "node.hooks = None",
        f"node.exact = {_exact(declared)}",
    ]
    for name in declared.saved_tensors:
        if name != "out":
            lines += _saving(declared, name)
    for name in declared.saved_plain:
        if name in declared.options:
            lines.append(f"node.{name} = {name}")
        else:
            of, _, fact = name.rpartition("_")
            value = f"[a.{fact} for a in a_{of}]" if declared.sequence else f"a_{of}.{fact}"
            lines.append(f"node.{name} = {value}")
    if "out" in declared.saved_tensors:
        lines.append("node.out = (None, result, made._counter, 0)")
    return lines


def _exact(declared: Op) -> str:
    """Whether nothing was broadcast or promoted, so that no gradient has to be fitted."""
    if declared.promote is None or declared.sequence or declared.outputs != 1:
        return "False"
    same_dtype = f"result.dtype is a_{declared.tensors[0]}.dtype"
    if len(declared.tensors) == 1:
        return same_dtype
    if len(declared.tensors) > 2 or declared.optional:
        return "False"
    one, two = declared.tensors  # exact against a Python number that left the tensor's dtype alone
    return f"counter_{two} is UNCHANGING and a_{one} is {one}._array"


def _edges(declared: Op) -> str:
    def edge(name: str) -> str:
        return f"{name}._edge or leaf_edge({name})"

    if declared.sequence:
        (name,) = declared.tensors
        return (
            f"tuple([{edge('tensor')} if tensor._requires_grad else NO_EDGE for tensor in {name}])"
        )
    if len(declared.gradients) == 1:
        (name,) = declared.gradients
        return f"({edge(name)},)"
    parts = [f"{edge(name)} if needs_{name} else NO_EDGE" for name in declared.gradients]
    return f"({', '.join(parts)})"


def _saving(declared: Op, name: str) -> list[str]:
    if declared.sequence:
        pairs = f"zip({name}, a_{name}, strict=True)"
        return [f"node.{name} = [(t, a, t._counter, t._counter[0]) for t, a in {pairs}]"]
    pair = len(declared.tensors) > 1 and declared.promote is not None
    number = pair and (name != declared.tensors[0] or len(declared.tensors) > 2)
    counter = f"counter_{name}" if number else f"{name}._counter"
    line = f"node.{name} = ({name}, a_{name}, {counter}, {counter}[0])"
    users = declared.saved_by(name)
    if name in declared.optional and not pair:
        line = (
            f"node.{name} = ({name}, None, UNCHANGING, 0) if {name} is None else "
            + line.split(" = ")[1]
        )
    if len(declared.tensors) == 1:
        return [line]
    return [f"if {' or '.join(f'needs_{of}' for of in users)}:", "    " + line]


def _compile_function(declared: Op, on_bad_argument: str) -> Callable[..., Any]:
    source = _function_source(declared, on_bad_argument)
    function: Callable[..., Any] = _compile(declared.name, source, declared)[declared.name]
    function.__doc__ = inspect.getdoc(declared.forward)
    function.__module__ = declared.forward.__module__
    function.__signature__ = declared.signature  # type: ignore[attr-defined]
    return function


def _compile(title: str, source: str, declared: Op) -> dict[str, Any]:
    """Run generated source; it is kept where tracebacks and ``inspect.getsource`` find it."""
    filename = f"<gradlab {title}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope: dict[str, Any] = dict(
        _SCOPE,
        __name__=declared.forward.__module__,
        op=declared,
        forward=declared.forward,
        numpy_functions=RAW[numpy],
    )
    for parameter in declared.signature.parameters.values():
        scope[f"default_{parameter.name}"] = parameter.default
    for of, rule in declared.gradients.items():
        scope[f"gradient_of_{of}"] = rule.formula
    exec(compile(source, filename, "exec"), scope)
    if declared.name in scope:
        scope["function"] = scope[declared.name]
        scope["Node"] = declared.node
    return scope


# ------------------------------------------------------------------ what generated source calls


UNCHANGING = [0]  # the version counter of a Python number


def _promote_present(operands: Sequence[Any], how: str) -> list[Any]:
    """Promote those of several operands that are there."""
    meet = arrays.promote_to_float if how == "float" else arrays.promote
    present = iter(meet([operand for operand in operands if operand is not None]))
    return [None if operand is None else next(present) for operand in operands]


def _promote_without_bool(operands: Sequence[Any]) -> list[Array]:
    """Promote for a subtraction, which PyTorch refuses for masks (the forward, for two masks)."""
    bools = [type(one) is bool or getattr(one, "dtype", None) == arrays.BOOL for one in operands]
    if any(bools) and not all(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return arrays.promote(operands)


def _zeros_for_missing(node: Node, gradients: Sequence[Array | None]) -> list[Array] | None:
    """Zeros for outputs at which no gradient arrived; None where none did at any."""
    known = next((g for g in gradients if g is not None), None)
    if known is None:
        return None
    xp = arrays.array_module(known)
    return [
        xp.zeros(*node.outputs[i]) if gradient is None else gradient
        for i, gradient in enumerate(gradients)
    ]


def _unpack_all(node: OpNode, name: str, saved: Sequence[Any]) -> list[Array]:
    for _, _, counter, version in saved:
        if counter[0] != version:
            raise changed_in_place(node, name)
    return [array for _, array, _, _ in saved]


def _convert_arguments(declared: Op, values: tuple[Any, ...]) -> list[Any] | None:
    """The arguments with NumPy scalars as Python's and a leading number as a tensor, or None."""
    if not hasattr(mode, "enabled"):
        ensure_mode()
        return list(values)  # nothing was wrong but that this thread had no mode yet
    converted = list(values)
    for i, name in enumerate(declared.signature.parameters):
        if name in declared.tensors and isinstance(values[i], (numpy.generic, numpy.ndarray)):
            is_scalar = isinstance(values[i], numpy.generic)
            converted[i] = values[i].item() if is_scalar else Tensor._wrap(arrays.plain(values[i]))
    paired = len(declared.tensors) == 2 and declared.promote is not None and not declared.sequence
    if paired and type(converted[0]) in arrays.PYTHON_SCALARS and isinstance(converted[1], Tensor):
        meet = arrays.promote_to_float if declared.promote == "float" else arrays.promote
        converted[0] = Tensor._wrap(meet((converted[0], converted[1]._array))[0])
    same = all(new is old for new, old in zip(converted, values, strict=True))
    return None if same else converted


def _argument_error(declared: Op, values: tuple[Any, ...]) -> TypeError:
    for position, (name, value) in enumerate(
        zip(declared.signature.parameters, values, strict=True), start=1
    ):
        if name in declared.tensors and not isinstance(value, Tensor) and not declared.sequence:
            if value is None and name in declared.optional:
                continue
            return TypeError(
                f"{declared.public_name}(): argument '{name}' (position {position}) must be "
                f"Tensor, not {type(value).__name__}. Make one with gradlab.tensor(...)."
            )
    return TypeError(
        f"{declared.public_name}() received an invalid combination of arguments - got "
        f"({', '.join(type(v).__name__ for v in values)})"
    )


def _not_differentiable(declared: Op, name: str) -> RuntimeError:
    return RuntimeError(
        f"The function '{declared.name}' is not differentiable with respect to argument '{name}'. "
        "This input cannot have requires_grad True. Pass its .detach()."
    )


def _empty_list(name: str) -> RuntimeError:
    return RuntimeError(f"{name}(): expected a non-empty list of Tensors")


def _forward_error(declared: Op, error: ValueError, operands: Sequence[Array]) -> Exception:
    """PyTorch's error for dimensions that aren't there and shapes that don't broadcast."""
    if isinstance(error, numpy.exceptions.AxisError):
        return no_such_dim(error.axis, error.ndim)
    shapes = [getattr(operand, "shape", ()) for operand in operands]
    if len(shapes) < 2 or (declared.promote is None and "broadcast" not in str(error)):
        return RuntimeError(f"{declared.public_name}(): {error}")
    one, two = shapes[0], shapes[1]
    for other in shapes[1:]:
        two = other
        for back in range(1, min(len(one), len(other)) + 1):
            a, b = one[-back], other[-back]
            if a != b and 1 not in (a, b):
                return RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at "
                    f"non-singleton dimension {max(len(one), len(two)) - back}"
                    f" ({declared.public_name} of shapes {list(one)} and {list(two)})"
                )
    return RuntimeError(f"{declared.public_name}(): {error}")


def second_backward() -> RuntimeError:
    """The error for a graph whose saved values are gone."""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
        "backward through the graph a second time or if you need to access saved tensors after "
        "calling backward."
    )


def changed_in_place(node: OpNode, name: str) -> RuntimeError:
    """The error for a saved tensor that was written to since."""
    saved = getattr(node, name)
    tensor, array, counter, version = saved[0] if node.op.sequence else saved
    maker = (node, 0) if name == "out" else getattr(tensor, "_edge", None)
    who = f"{node.name()} saved it as {name!r}"
    return modified_since(array, counter, version, maker, who)


def modified_since(
    array: Array, counter: list[int], version: int, maker: Edge | None, who: str
) -> RuntimeError:
    """The error for an array saved at ``version`` and written to since.

    ``maker``: which output of which node it was; ``who``: a clause that says what saved it.
    """
    origin = ""
    if maker is not None and maker[0] is not None:
        made_by = re.sub(r"Backward\d*$", "", maker[0].name())
        origin = f", which is output {maker[1]} of {made_by},"
    place = "torch" if arrays.is_on_cpu(array) else "torch.cuda"
    kind = f"{place}.{arrays.dtype_of(array).type_name}Tensor"
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{kind} {list(array.shape)}]{origin} is at version {counter[0]}; expected "
        f"version {version} instead. {who} and needs it unchanged: "
        "use an out-of-place operation, or change a clone(). Hint: enable anomaly detection to "
        "find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


_SCOPE: dict[str, Any] = {
    "DIFFERENTIABLE": arrays.DIFFERENTIABLE,
    "NO_EDGE": NO_EDGE,
    "NUMBERS": frozenset((float, int)),
    "PYTHON_SCALARS": arrays.PYTHON_SCALARS,
    "REAL_FLOATING": arrays.REAL_FLOATING,
    "Tensor": Tensor,
    "UNCHANGING": UNCHANGING,
    "argument_error": _argument_error,
    "array_module": arrays.array_module,
    "as_array": arrays.as_array,
    "array": numpy.array,
    "asarray": numpy.asarray,
    "changed_in_place": changed_in_place,
    "convert_arguments": _convert_arguments,
    "empty_list": _empty_list,
    "forward_error": _forward_error,
    "leaf_edge": leaf_edge,
    "inference_counter": inference_counter,
    "mode": mode,
    "ndarray": numpy.ndarray,
    "new": object.__new__,
    "next_order": next_order,
    "not_differentiable": _not_differentiable,
    "numpy": numpy,
    "numpy_scalar": numpy.generic,
    "observers": observers,
    "promote": arrays.promote,
    "promote_present": _promote_present,
    "promote_to_float": arrays.promote_to_float,
    "promote_without_bool": _promote_without_bool,
    "raw_functions": raw_functions,
    "second_backward": second_backward,
    "unpack_all": _unpack_all,
    "view_of": view_of,
    "zeros_for_missing": _zeros_for_missing,
}
