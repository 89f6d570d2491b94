"""Bugs put into the product on purpose: the proof that the simulation would find them.

A bug is a change of a line or two in the source of a module. The changed module is compiled, and
the code of its functions takes the place of the real code until the end of the block, so whoever
imported a function before has the bug as well.
"""

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any


@dataclass(frozen=True)
class Bug:
    """`before` stands once in the module's source, and becomes `after`; `seed` finds it out."""

    module: str
    before: str
    after: str
    seed: int


PLANTED: dict[str, Bug] = {
    "forget the version condition": Bug(
        "rewards.adapters.accounts",
        """'WHERE "pk"=? AND "sk"=? AND "version"=?'""",
        """'WHERE "pk"=? AND "sk"=?'""",
        0,
    ),
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Run a block with a bug of PLANTED, or with none."""
    if name is None:
        yield
        return
    bug = PLANTED[name]
    module = importlib.import_module(bug.module)
    source = inspect.getsource(module)
    if source.count(bug.before) != 1:
        raise LookupError(f"{name}: {bug.before!r} stands {source.count(bug.before)} times in {bug.module}")
    changed = dict(_codes(compile(source.replace(bug.before, bug.after), str(module.__file__), "exec")))
    functions = dict(_functions(module))
    kept = {function: function.__code__ for function in functions.values()}
    for place, function in functions.items():
        if place in changed:
            function.__code__ = changed[place]
    try:
        yield
    finally:
        for function, code in kept.items():
            function.__code__ = code


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Every function's code in a module's, by its qualified name."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_qualname, constant
            yield from _codes(constant)


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Every function and method of a module, by its qualified name."""
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            for member in vars(value).values():
                yield from _function(member, module)
        else:
            yield from _function(value, module)


def _function(value: Any, module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    found = inspect.unwrap(getattr(value, "__func__", value)) if callable(value) else None
    if isinstance(found, FunctionType) and found.__module__ == module.__name__:
        yield found.__qualname__, found
