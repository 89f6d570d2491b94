"""A function's settings: one typed model, read from the environment once, checked at start."""

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


class SettingsError(Exception):
    """The function was deployed without a setting it needs, or with one that cannot be."""


def load(model: type[T], environment: Mapping[str, str] = os.environ) -> T:
    """Fill a dataclass of `str` and `int` fields from variables of the same names in capitals.

    Names every variable that is missing or empty at once.
    """
    values: dict[str, Any] = {}
    problems = []
    for field in fields(model):  # type: ignore[arg-type]
        name = field.name.upper()
        text = environment.get(name)
        if text is None:
            problems.append(f"{name} is not set")
        elif not text.strip():
            problems.append(f"{name} is empty")
        elif field.type in (int, "int"):
            if text.isdecimal():
                values[field.name] = int(text)
            else:
                problems.append(f"{name} is not a whole number: {text!r}")
        else:
            values[field.name] = text
    if problems:
        raise SettingsError("; ".join(problems))
    return model(**values)
