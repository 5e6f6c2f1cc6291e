"""The Python source of an operation's function and of its node's ``apply``, written at import."""

from __future__ import annotations

import inspect

import numpy

from gradlab.op.declaration import ARRIVING, Op
from gradlab.op.out import collected


def apply_source(declared: Op) -> str:
    """The source of a node's ``apply``: gradients of the inputs from those of the outputs."""
    lines = []
    if declared.underivable:
        return f"def apply(self, *gs):\n    gradient_of_{next(iter(declared.gradients))}()"
    if declared.outputs == 1:
        lines += [
            "def apply(self, g):",
            "    if g is None:",
            "        return (None,) * len(self.next_functions)",
        ]
    else:
        lines += _arrival_of_several(declared)
    if declared.conjugates:
        lines += ["    " + line for line in _conjugation(declared)]
    if any("xp" in rule.parameters for rule in declared.gradients.values()):
        lines.append("    xp = numpy_functions if type(g) is ndarray else raw_functions(g)")
    if declared.sequence:
        (rule,) = declared.gradients.values()
        for name in rule.parameters:
            lines += ["    " + line for line in _unpack_source(declared, name)]
        call = ", ".join(rule.parameters)
        lines += _returned(declared, f"gradient_of_{declared.tensors[0]}({call})")
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
            f"{indent}d_{of} = {_formula_call(declared, of)}",
            f"{indent}if type(d_{of}) is not ndarray:",
            f"{indent}    d_{of} = as_array(d_{of})",
        ]
    lines += _returned(declared, f"({' '.join(f'd_{name},' for name in declared.gradients)})")
    return "\n".join(lines)


def _formula_call(declared: Op, of: str) -> str:
    arguments = ", ".join(declared.gradients[of].parameters)
    call = f"gradient_of_{of}({arguments})"
    if declared.in_single is not True or _with_numbers(declared) or not arguments:
        return call
    return f"{call} if g.dtype is not FLOAT16 else in_single(gradient_of_{of}, {arguments})"


def _forward_call(declared: Op) -> str:
    arguments = f"xp, {', '.join(_forward_arguments(declared))}"
    if _with_numbers(declared):
        return f"compute({arguments})"
    if not declared.in_single:
        return f"forward({arguments})"
    as_it_is = f"a_{declared.tensors[0]}.dtype is not FLOAT16"
    if "dtype" in declared.options:  # whoever asks for one is to get it
        as_it_is += " or dtype is not None"
    return f"forward({arguments}) if {as_it_is} else in_single(forward, {arguments})"


def _with_numbers(declared: Op) -> bool:
    """Whether half precision is computed in single where it meets a Python number."""
    return declared.in_single == "with numbers"


def _conjugation(declared: Op) -> list[str]:
    """Lines that let formulas see the conjugate of a complex gradient (see ``_returned``)."""
    if declared.outputs != 1:
        return [
            'conjugate = g.dtype.kind == "c"',
            "if conjugate:",
            *(
                ["    arrived = conjugated(arrived)"]
                if _asks_what_arrived(declared)
                else ["    gs = conjugated(gs)", "    g = gs[0]"]
            ),
        ]
    return [
        'conjugate = self.dtype is not FLOAT32 and self.dtype.kind == "c"',
        "if conjugate:",
        "    (g,) = conjugated((g,))",
    ]


def _returned(declared: Op, gradients: str) -> list[str]:
    """Lines that return the formulas' results, which conjugated gradients make conjugated ones."""
    if not declared.conjugates:
        return [f"    return {gradients}"]
    return [f"    return conjugated({gradients}) if conjugate else {gradients}"]


def _used_by_several(declared: Op) -> dict[str, list[str]]:
    """Saved tensors that several formulas need, and the inputs whose formulas these are."""
    users = {name: declared.saved_by(name) for name in declared.saved_tensors}
    return {name: of for name, of in users.items() if len(of) > 1}


def _arrival_of_several(declared: Op) -> list[str]:
    """Lines that begin ``apply`` where there are several outputs."""
    if _asks_what_arrived(declared):
        return [
            "def apply(self, *arrived):",
            "    g = next((g for g in arrived if g is not None), None)",
            "    if g is None:",
            "        return (None,) * len(self.next_functions)",
        ]
    return [
        "def apply(self, *gs):",
        "    gs = zeros_for_missing(self, gs)",
        "    if gs is None:",
        "        return (None,) * len(self.next_functions)",
        "    g = gs[0]",
    ]


def _asks_what_arrived(declared: Op) -> bool:
    """Whether a formula tells gradients that are zeros from those that are none."""
    return any("arrived" in rule.parameters for rule in declared.gradients.values())


def release_source(declared: Op) -> str:
    """The source of a node's ``release``: forget saved tensors; options of other kinds stay."""
    names = [*declared.saved_tensors, *filter(declared.holds_tensors, declared.saved_plain)]
    forgotten = "".join(f"self.{name} = " for name in names)
    return f"def release(self):\n    {forgotten}None"


def _unpack_source(declared: Op, name: str) -> list[str]:
    """Lines that put a saved value into a local variable of its name."""
    if name == "xp" or name in ARRIVING:
        return []
    if name in declared.saved_plain:
        freed = [f"if {name} is None:", "    raise second_backward()"]
        return [f"{name} = self.{name}", *freed * declared.holds_tensors(name)]
    lines = [f"saved = self.{name}", "if saved is None:", "    raise second_backward()"]
    if declared.sequence and name in declared.tensors:
        return [*lines, f"{name} = unpack_all(self, {name!r}, saved)"]
    return [
        *lines,
        f"_, {name}, counter, version = saved",
        "if counter[0] != version:",
        f"    {name} = array_now(self, {name!r})",
    ]


def function_source(declared: Op, on_bad_argument: str, takes_out: bool = False) -> str:
    """The source of the public function."""
    arguments = ", ".join(_names(declared))
    lines = [f"def {declared.name}{_plain_signature(declared, takes_out)}:"]
    if takes_out:
        values = collected(list(declared.signature.parameters.values()))
        into = f"into({declared.public_name!r}, function, out, {values})"
        lines += ["    if out is not None:", f"        return {into}"]
    reading = _sequence_reading if declared.sequence else _reading
    lines += ["    compute = forward"] * _with_numbers(declared)
    lines += ["    try:", *("        " + line for line in reading(declared))]
    lines.append("        recording = mode.enabled")
    lines += [
        "    except NeedsRules:",
        f"        return interpret(op, ({arguments},))",
        "    except AttributeError:",
        f"        converted = convert_arguments(op, ({arguments},))",
        "        if converted is not None:",
        f"            return function({_converted_arguments(declared)})",
        "        " + on_bad_argument.format(arguments=f"({arguments},)"),
        "    try:",
        f"        result = {_forward_call(declared)}",
        "    except ValueError as error:",
        f"        raise forward_error(op, error, {_array_list(declared)}) from None",
        "    except TypeError as error:",
        f"        raise option_error(op, error, ({arguments},)) from None",
        "    except NeedsRules:",  # an option holds a wrapped tensor
        f"        return interpret(op, ({arguments},))",
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


def _plain_signature(declared: Op, takes_out: bool) -> str:
    """The signature without annotations, defaults taken from the forward's own."""
    parts = []
    keyword_only = False
    for parameter in declared.signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            parts.append("*")
            keyword_only = True
        default = "" if parameter.default is parameter.empty else f"=default_{parameter.name}"
        parts.append(parameter.name + default)
    if takes_out:
        parts += ["out=None"] if keyword_only else ["*", "out=None"]
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


def _needs(declared: Op, name: str) -> str:
    if not declared.gradients:  # a comparison doesn't ask for a history, which may be lost
        return "False"
    return f"{name}._requires_grad if {name}._view is None else {name}._view.refresh({name})"


def _reading(declared: Op) -> list[str]:
    """Lines that take the arrays out of the tensors, in a common dtype."""
    first, *others = declared.tensors
    if declared.promote is None:
        return [*_reading_as_they_are(declared), *_library(f"a_{first}")]
    if not others:
        lines = [f"a_{first} = {first}._array", f"needs_{first} = {_needs(declared, first)}"]
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
            f"    needs_{name} = {_needs(declared, name)}",
        ]
    together = ", ".join(f"a_{name}" for name in declared.tensors)
    lines.append(f"{together} = promote_present(({together}), {declared.promote!r})")
    return [*lines, *_library(f"a_{first}")]


def _reading_as_they_are(declared: Op) -> list[str]:
    lines = []
    for name in declared.tensors:
        read = [f"a_{name} = {name}._array", f"needs_{name} = {_needs(declared, name)}"]
        if name in declared.optional:
            lines += [f"if {name} is None:", f"    a_{name}, needs_{name} = None, False", "else:"]
            read = ["    " + line for line in read]
        lines += read
    if declared.view:
        array = f"a_{declared.tensors[0]}"
        lines.append(f"if {array}.ndim > 3 and not {array}.flags.c_contiguous:")
        lines.append(f"    {array} = in_order({declared.tensors[0]})")
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
        same += f" or (a_{one}.dtype is not FLOAT32 and a_{one}.dtype not in DIFFERENTIABLE)"
    first = [f"a_{one} = {one}._array", f"needs_{one} = {_needs(declared, one)}"]
    second = [
        f"a_{two} = {two}._array",
        f"if {same}:",
        f"    a_{one}, a_{two} = {meet}((a_{one}, a_{two}))",
        f"needs_{two} = {_needs(declared, two)}",
        f"counter_{two} = {two}._counter",
    ]
    if declared.numbers is not None and two not in declared.numbers:
        return [*first, *second]
    wide = _with_numbers(declared)
    known = "SINGLE_OR_DOUBLE" if wide else "REAL_FLOATING"
    otherwise = f"a_{one}, a_{two} = {meet}((a_{one}, {two}))"
    if wide:
        otherwise = f"compute, a_{one}, a_{two} = with_number(forward, {meet}, a_{one}, {two})"
    return [
        *first,
        f"if type({two}) is not Tensor and type({two}) in PYTHON_SCALARS:",
        f"    if a_{one}.dtype in {known} and type({two}) {plain}:",
        # A 0-d array of the first's dtype: with a Python number NumPy takes 0.60 µs, not 0.31 µs.
        f"        a_{two} = array({two}, a_{one}.dtype) if type(a_{one}) is ndarray else {two}",
        "    else:",
        f"        {otherwise}",
        f"    needs_{two} = False",
        f"    counter_{two} = UNCHANGING",
        "else:",
        *("    " + line for line in second),
    ]


def _sequence_reading(declared: Op) -> list[str]:
    (name,) = declared.tensors
    return [
        f"a_{name} = [tensor._array for tensor in {name}]",
        f"if not a_{name}:",
        f"    raise empty_list({declared.name!r})",
        f"a_{name} = promote(a_{name})",
        f"needs_{name} = any([{_needs(declared, 'tensor')} for tensor in {name}])",
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
        lines += [
            f"if ({_needs_any(declared)}) and recording:",
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


def _needs_any(declared: Op) -> str:
    """Whether a tensor requires grad, also one that no gradient is known for: an error."""
    differentiable = [name for name in declared.tensors if name in declared.gradients]
    others = [name for name in declared.tensors if name not in declared.gradients]
    return " or ".join(f"needs_{name}" for name in (*differentiable, *others))


_OUTPUT_OF_VIEW = ["    if made._view is not None:", "        made._view.output = output"]


def _many_outputs(declared: Op) -> list[str]:
    """A tuple of results; those that are no floating-point numbers have no gradient."""
    lines = ["node = None"]
    if declared.gradients:
        lines += [
            f"if ({_needs_any(declared)}) and recording:",
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
        *_saving_results(declared),
        "if node is not None and observers.active:",
        f"    observers.node_recorded(node, {_inputs(declared)}, tensors[0])",
        "return tuple(tensors)",
    ]
    return ["    " + line for line in lines]


def _saving_results(declared: Op) -> list[str]:
    """Lines that let the node keep those of its results that formulas name."""
    named = [name for name in declared.results if name in declared.saved_tensors]
    lines = []
    for name in named:
        made = f"tensors[{declared.output_named(name)}]"
        lines.append(f"    node.{name} = (None, {made}._array, {made}._counter, 0)")
    return ["if node is not None:", *lines] if lines else []


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
        if declared.output_named(name) is None:
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
    if declared.underivable:  # which inputs there were doesn't matter any more
        known = (f"*(({edge(name)},) if needs_{name} else ())" for name in declared.gradients)
        return f"({', '.join(known)},)"
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
