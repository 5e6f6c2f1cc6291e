"""Containers: modules that hold other modules in a row, in a list or in a dictionary."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self

from gradlab.nn.module import Module, in_brackets, indented


class _Row(Module):
    """Modules in order, their names the numbers 0, 1, …"""

    def __init__(self, modules: Iterable[Module]) -> None:
        super().__init__()
        self.extend(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._part(list(self._modules)[index])
        return self._modules[self._name_at(index)]

    def _part(self, names: list[str]) -> Self:
        """A container of the same kind on some of the modules."""
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)[index] if isinstance(index, slice) else [self._name_at(index)]
        for name in names:
            delattr(self, name)
        self._renumber(list(self))

    def _name_at(self, index: int) -> str:
        """The name of the module at an index; IndexError where there is none."""
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range")
        return list(self._modules)[index]

    def _renumber(self, modules: list[Module]) -> None:
        self._modules.clear()
        self.extend(modules)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end; TypeError for what can't be iterated over."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, "
                f"but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at an index."""
        if not isinstance(module, Module):
            raise TypeError(f"module should be of type: {Module}, got {module!r}")
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take a module out and return it."""
        module: Module = self[index]
        del self[index]
        return module

    def __add__(self, other: Iterable[Module]) -> Self:
        return self._part(list(self._modules)).extend(other)

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]


class Sequential(_Row):
    """Modules that are called one after the other, each on the result of the one before.

    Takes the modules, or an OrderedDict of them by name.

    >>> import gradlab as gl
    >>> Sequential(gl.nn.Linear(2, 3), gl.nn.ReLU())
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], Mapping):
            super().__init__([])
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            super().__init__(args)

    def _part(self, names: list[str]) -> Self:
        return type(self)({name: self._modules[name] for name in names})

    def __add__(self, other: Any) -> Sequential:
        self._require_another(other)
        return Sequential(*self, *other)

    def __iadd__(self, other: Any) -> Self:
        self._require_another(other)
        return self.extend(list(other))

    def __mul__(self, times: int) -> Sequential:
        self._require_count(times)
        return Sequential(*list(self) * times)

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        self._require_count(times)
        return self.extend(list(self) * (times - 1))

    def _require_another(self, other: Any) -> None:
        if not isinstance(other, Sequential):
            raise ValueError(
                "add operator supports only objects of Sequential class, but "
                f"{type(other)} is given."
            )

    def _require_count(self, times: Any) -> None:
        if not isinstance(times, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(times)}")
        if times <= 0:
            raise ValueError(f"Non-positive multiplication factor {times} for {type(self)}")

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input


class ModuleList(_Row):
    """A list of modules, whose parameters the module that holds it sees. It can't be called.

    >>> import gradlab as gl
    >>> ModuleList(gl.nn.Linear(2, 2) for _ in range(3))
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__([] if modules is None else modules)

    def _part(self, names: list[str]) -> Self:
        return type(self)(self._modules[name] for name in names)  # type: ignore[misc]

    def __repr__(self) -> str:
        lines = []
        start = 0
        for text, alike in groupby(map(repr, self)):
            count = len(list(alike))
            label = f"({start}-{start + count - 1}): {count} x" if count > 1 else f"({start}):"
            lines.append(f"{label} {indented(text)}")
            start += count
        return in_brackets(self._get_name(), lines)


class ModuleDict(Module):
    """A dictionary of modules, whose parameters the module that holds it sees. It can't be called.

    >>> import gradlab as gl
    >>> choices = ModuleDict({"relu": gl.nn.ReLU(), "tanh": gl.nn.Tanh()})
    >>> choices["tanh"]
    Tanh()
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]  # type: ignore[return-value]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take a module out and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()  # type: ignore[return-value]

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._modules.items()  # type: ignore[return-value]

    def update(self, modules: Any) -> None:
        """Add the modules of a mapping, or of pairs of name and module."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update should be called with an iterable of key/value pairs, "
                f"but got {type(modules).__name__}"
            )
        pairs = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        for i, given in enumerate(pairs):
            if not isinstance(given, Iterable):
                raise TypeError(
                    f"ModuleDict update sequence element #{i} should be Iterable; is"
                    f"{type(given).__name__}"
                )
            pair = tuple(given)
            if len(pair) != 2:
                raise ValueError(
                    f"ModuleDict update sequence element #{i} has length {len(pair)}; 2 is required"
                )
            self[pair[0]] = pair[1]
