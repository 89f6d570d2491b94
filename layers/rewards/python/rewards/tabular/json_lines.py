"""JSON Lines as a sheet: one object per line, one column per name."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from io import BufferedReader
from typing import Any

from rewards.domain.header import MAX_NAMES, normalise
from rewards.domain.outcomes import FileProblem, FileRejectedError, WarningCode
from rewards.tabular.csv_reader import MAX_LINE
from rewards.tabular.sheet import Sheet

# So many names of columns are remembered, so that each is looked at once.
_REMEMBERED = 1_000


def read_json_lines(
    stream: BufferedReader,
    columns: Sequence[str],
    explain_unknown: Callable[[Sequence[str]], str | None],
    safe: Callable[[str], str],
) -> Sheet:
    """JSON Lines with (some of) these names, flat (`user.id`) or as objects in objects.

    `safe` makes a text a cell that no spreadsheet runs. The sheet's warnings are complete when its last row
    was read: `explain_unknown` says what is to be said of the names found.
    """
    warnings: dict[WarningCode, str] = {}
    names = _Names(explain_unknown, warnings)
    rows = _json_rows(stream, columns, names, safe)
    return Sheet(list(columns), rows, mark=False, neutralised=True, warnings=warnings)


class _Names:
    """The names that the objects of a file have, and the warning about those that are not known."""

    def __init__(
        self, explain_unknown: Callable[[Sequence[str]], str | None], warnings: dict[WarningCode, str]
    ) -> None:
        self._explain_unknown = explain_unknown
        self._warnings = warnings
        self._passed: set[str] = set()
        self._unknown: list[str] = []

    def look_at(self, value: dict[str, Any]) -> None:
        """Remember the names of one object; names in an object in it have its name in front."""
        for name, inner in value.items():
            if isinstance(inner, dict):
                for each in inner:
                    self._add(f"{name}.{each}")
            else:
                self._add(name)

    def _add(self, name: str) -> None:
        if name in self._passed or len(self._unknown) > MAX_NAMES:
            return
        if len(self._passed) < _REMEMBERED:
            self._passed.add(name)
        if name not in self._unknown and self._explain_unknown([name]):
            self._unknown.append(name)
            self._warnings[WarningCode.UNKNOWN_COLUMN] = self._explain_unknown(self._unknown) or ""


def _json_rows(
    stream: BufferedReader, columns: Sequence[str], names: _Names, safe: Callable[[str], str]
) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(iter(partial(stream.readline, MAX_LINE), b""), start=1):
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            raise FileRejectedError(
                FileProblem.UNREADABLE_FILE, f"Line {number} is longer than {MAX_LINE:,} bytes."
            )
        if not line.strip(b" \t\r\n\x1a"):  # blank, or the Ctrl-Z by which DOS programs end a file
            continue
        try:
            # Numbers stay the text they are: no binary floating point touches a value.
            value = json.loads(line, parse_float=str, parse_int=str, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise FileRejectedError(
                FileProblem.UNREADABLE_FILE,
                f"Line {number} is not JSON: {error}. Each line must be one object.",
            ) from error
        if not isinstance(value, dict):
            raise FileRejectedError(FileProblem.UNREADABLE_FILE, f"Line {number} is not a JSON object.")
        names.look_at(value)
        found = _flat(value, number)
        yield number, [safe(_json_cell(found.get(_comparable(name)), name)) for name in columns]


_comparable = lru_cache(maxsize=4096)(normalise)  # the same names stand in every line


def _flat(value: dict[str, Any], line: int) -> dict[str, Any]:
    """An object's values by the names of columns as headers are compared: `user.id` may be written flat, or
    as an object in an object. Rejects a file in which a name has two values in one line."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        nested = {f"{name}.{each}": text for each, text in inner.items()} if isinstance(inner, dict) else {}
        for full, text in ((name, inner), *nested.items()):
            if text is None:
                continue
            if found.setdefault(_comparable(full), text) != text:
                raise FileRejectedError(
                    FileProblem.UNREADABLE_FILE, f"Line {line} has two values for {full[:60]!r}."
                )
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError for one that has a name twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:60]!r} occurs more than once")
    return found


def _json_cell(found: Any, name: str) -> str:
    """A value of an object as the text of a cell."""
    if found is None:
        return ""
    if isinstance(found, list | dict) and not name.endswith("segments"):
        return ""  # no id, unit or date; the row fails because the field is missing
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
