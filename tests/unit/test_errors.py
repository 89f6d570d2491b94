"""All exceptions of the package are one tree, as rewards/domain/errors.py draws it."""

import importlib
import inspect
import pkgutil
import re

import rewards
from rewards.domain import errors


def exceptions():
    """The classes of the package that derive from Exception."""
    for module_info in pkgutil.walk_packages(rewards.__path__, "rewards."):
        module = importlib.import_module(module_info.name)
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Exception) and found.__module__ == module.__name__:
                yield found


def drawn():
    """The pairs of a class and its parent in the docstring, by name."""
    parents = {}
    for line in errors.__doc__.splitlines():
        match = re.fullmatch(r"    ([│ ]*(?:[├└]── )?)(\w+Error)(?:  .*)?", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth] = match[2]
            yield match[2], parents[depth - 1] if depth else "Exception"


def test_the_docstring_draws_the_tree_of_exceptions():
    public = {each for each in exceptions() if not each.__name__.startswith("_")}
    assert sorted(drawn()) == sorted((each.__name__, each.__base__.__name__) for each in public)


def test_every_exception_has_the_same_root():
    assert all(issubclass(each, errors.RewardsError) for each in exceptions())
