"""A folder of rules, by the names of its modules: what is not asked for is not imported."""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from typing import overload

from kbtool.lint.rule import Rule


class Registry(Sequence[Rule]):
    """The rules of a package, in order; the module of KB101 dead-link is `kb101_dead_link`."""

    def __init__(self, package: str, modules: Sequence[str]) -> None:
        self._package = package
        self._modules = modules

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._modules)

    @overload
    def __getitem__(self, at: int) -> Rule: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Rule]: ...
    def __getitem__(self, at: int | slice) -> Rule | Sequence[Rule]:
        """Import and return one rule, or some."""
        if isinstance(at, slice):
            return tuple(map(self._imported, self._modules[at]))
        return self._imported(self._modules[at])

    def _imported(self, module: str) -> Rule:
        rule: Rule = import_module(f"{self._package}.{module}").RULE
        return rule

    @cached_property
    def keys(self) -> frozenset[str]:
        """Every id and every name; two rules may share a name."""
        return frozenset(key for module in self._modules for key in _keys(module))

    def named(self, keys: Collection[str]) -> Iterator[Rule]:
        """Yield the rules that have one of these ids or names."""
        for module in self._modules:
            if not _keys(module).isdisjoint(keys):
                yield self._imported(module)


def _keys(module: str) -> set[str]:
    number, _, name = module.partition("_")
    return {number.upper(), name.replace("_", "-")}
