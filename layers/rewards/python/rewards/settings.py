"""Settings: typed, read from the environment once, checked at start."""

import os
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from rewards.domain.errors import FaultError

T = TypeVar("T")


class SettingsError(FaultError):
    """The function was deployed without a setting it needs, or with one that is not valid."""


def load(
    model: type[T], environment: Mapping[str, str] = os.environ, only: Collection[str] | None = None
) -> T:
    """Fill a dataclass of `str` and `int` fields from variables of the same names in capitals.

    With `only`, just these fields are read; of a class with slots, reading another one raises AttributeError.
    Raises SettingsError, which names every variable that is missing or empty at once.
    """
    known = fields(model)  # type: ignore[arg-type]
    needed = [each for each in known if only is None or each.name in only]
    values: dict[str, Any] = {}
    problems = [f"{name} is no setting" for name in sorted({*(only or ())} - {each.name for each in known})]
    for each in needed:
        try:
            values[each.name] = _read(each.name.upper(), environment, is_number=each.type in (int, "int"))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("; ".join(problems))
    settings = object.__new__(model)
    for name, value in values.items():
        object.__setattr__(settings, name, value)
    return settings


def _read(name: str, environment: Mapping[str, str], is_number: bool) -> str | int:
    """Return a variable's value. Raises ValueError for one that is missing or not valid."""
    text = environment.get(name)
    if text is None:
        raise ValueError(f"{name} is not set")
    if not text.strip():
        raise ValueError(f"{name} is empty")
    if is_number and not text.isdecimal():
        raise ValueError(f"{name} is not a whole number: {text!r}")
    return int(text) if is_number else text
