"""What a declared operation is: the table of all of them, and how a block is read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradlab.op.nodes import OpNode
    from gradlab.tensor import Tensor

OPS: dict[str, Op] = {}
"""Every operation by its name."""

NODES: dict[str, Op] = {}
"""Every operation by its node's name, such as ``SinBackward0``."""

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Every public function of ``gradlab`` that works on tensors."""


ARRIVING = ("g", "gs", "arrived")
"""What formulas call gradients: the first, all of them, and all with None where none arrived."""


@dataclass(frozen=True)
class Gradient:
    """The gradient of one input: its formula, the names it uses, and the formula in LaTeX."""

    formula: Callable[..., Any]
    parameters: tuple[str, ...]
    latex: str


SavedAs = Callable[..., Any] | str | None
"""What the node's attribute ``_saved_<name>`` is: a function of saved values, one by its own name,
or, if None, nothing: PyTorch keeps no such thing."""


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
    # of a pair that promotes, the names in whose place a Python number may stand; None: a number is
    # taken for a tensor, even where there is no other
    numbers: tuple[str, ...] | None
    outputs: int | None  # None: a tuple whose length depends on the arguments
    results: tuple[str, ...]  # names of several outputs, by which formulas call them
    view: bool
    holomorphic: bool  # formulas are g times plain derivatives; complex ones get conjugated
    saved_as: Mapping[str, SavedAs]
    # Half precision is computed in single: True, "forward" only, or a pair's, "with numbers"
    in_single: bool | str
    node: type[OpNode] = field(init=False)
    function: Callable[..., Tensor] = field(init=False)

    def saved_by(self, name: str) -> list[str]:
        """The inputs whose gradient needs the tensor ``name``."""
        return [of for of, rule in self.gradients.items() if name in rule.parameters]

    @property
    def conjugates(self) -> bool:
        """Whether a complex gradient is conjugated on its way in and out of the formulas.

        Not where all that is done to it has real coefficients, as in views and sums: no formula
        names a tensor, or an option that may be a complex number.
        """
        used = {name for rule in self.gradients.values() for name in rule.parameters}
        parameters = self.signature.parameters
        numbers = {name for name in self.options if "float" in str(parameters[name].annotation)}
        return self.holomorphic and not used.isdisjoint({"out", *self.tensors, *numbers})

    @property
    def underivable(self) -> bool:
        """Whether all that its formulas do is to refuse: they need nothing, not even ``g``."""
        rules = self.gradients.values()
        return bool(rules) and not any(rule.parameters for rule in rules)

    @property
    def public_name(self) -> str:
        """What people call it by: ``pow`` for ``pow_scalar``, one primitive of several."""
        return self.name.removesuffix("_scalar").removesuffix("_tensor")

    @functools.cached_property
    def saved_tensors(self) -> list[str]:
        """Tensors that some formula needs, ``out`` among them."""
        return [name for name in (*self.tensors, "out", *self.results) if self.saved_by(name)]

    def packing_order(self, name: str) -> tuple[bool, str]:
        """Sorts saved tensors as PyTorch packs them: inputs by its names, then results."""
        return name not in self.tensors, "self" if name == "input" else name

    def holds_tensors(self, name: str) -> bool:
        """Whether an option is a tuple of index tensors, freed after backward like all tensors."""
        option = self.signature.parameters.get(name)
        return option is not None and str(option.annotation) == "Indices"

    @functools.cached_property
    def saved_plain(self) -> list[str]:
        """Options and shapes that some formula needs."""
        used = {p for rule in self.gradients.values() for p in rule.parameters}
        return sorted(used - {*ARRIVING, "xp", "out", *self.tensors, *self.results})

    def output_named(self, name: str) -> int | None:
        """Which output a saved value is; None for one that is an input."""
        if name == "out":
            return 0
        return self.results.index(name) if name in self.results else None


# ------------------------------------------------------------------ reading a declaration


def read(
    forward: Callable[..., Any],
    latex: str,
    grad: Mapping[str, tuple[Callable[..., Any], str]],
    samples: Any,
    promote: str | None,
    outputs: int | tuple[str, ...] | None,
    view: bool,
    holomorphic: bool = True,
    saved: Mapping[str, SavedAs] | None = None,
    numbers: tuple[str, ...] | None = None,
    in_single: bool | str = False,
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
        numbers=numbers,
        outputs=len(outputs) if isinstance(outputs, tuple) else outputs,
        results=outputs if isinstance(outputs, tuple) else (),
        view=view,
        holomorphic=holomorphic,
        saved_as=saved or {},
        in_single=in_single,
    )
    _check(declared)
    return declared


_TENSOR_KINDS = ("Array", "Array | None", "list[Array]")


def _gradient(formula: Callable[..., Any], latex: str) -> Gradient:
    return Gradient(formula, tuple(inspect.signature(formula).parameters), latex)


def _check(declared: Op) -> None:
    facts = {f"{name}_{fact}" for name in declared.tensors for fact in ("shape", "strides")}
    saved = {"out", *declared.tensors, *declared.results, *declared.options, *facts}
    known = {*ARRIVING, "xp", *saved}
    for of, rule in declared.gradients.items():
        if of not in declared.tensors:
            raise ValueError(f"{declared.name}: gradient of {of!r}, which is no tensor of it")
        for name in rule.parameters:
            if name not in known:
                raise ValueError(
                    f"{declared.name}: the gradient of {of!r} names {name!r}; "
                    f"it can use {', '.join(sorted(known))}"
                )


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
