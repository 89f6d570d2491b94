"""An upload as a sheet: a header and rows of text, whatever the file's format."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader
from typing import Any

from rewards.rules.csv_file import MAX_LINE
from rewards.rules.outcomes import FileProblem, FileRefusedError, WarningCode
from rewards.rules.spreadsheet import neutralise

# So many unknown names are listed; a file may have a new one in each of its lines.
MAX_NAMES = 20
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows` come with their numbers as a spreadsheet or an editor shows them.

    Cells of JSON may have halves of surrogate pairs, which the rules reject.

    `separator` is the CSV file's, and so that of its results; `mark` says that the results begin
    with a byte-order mark, `workbook` that the cells come from one; `neutralised` that the cells were made
    safe for spreadsheets when they were read, so that they can be written to a CSV file: those of a CSV file
    are as they are. `encoding` is the plain name of a text file's. `warnings` are those about the file as a
    whole, each with its explanation.
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    separator: str = ","
    mark: bool = True
    workbook: bool = False
    neutralised: bool = False
    encoding: str | None = None
    warnings: Mapping[WarningCode, str] = field(default_factory=dict)


def read_json_lines(
    stream: BufferedReader,
    columns: Sequence[str],
    explain_unknown: Callable[[Sequence[str]], str | None],
) -> Sheet:
    """JSON Lines with (some of) these names, flat (`user.id`) or as objects in objects.

    The sheet's warnings are complete when its last row was read: `explain_unknown` says what is to be said of
    the names found.
    """
    warnings: dict[WarningCode, str] = {}
    names = _Names(explain_unknown, warnings)
    rows = _json_rows(stream, columns, names)
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
    stream: BufferedReader, columns: Sequence[str], names: _Names
) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(iter(partial(stream.readline, MAX_LINE), b""), start=1):
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            raise FileRefusedError(
                FileProblem.UNREADABLE_FILE, f"Line {number} is longer than {MAX_LINE:,} bytes."
            )
        if not line.strip(b" \t\r\n\x1a"):  # blank, or the Ctrl-Z by which DOS programs end a file
            continue
        try:
            # Numbers stay the text they are: no binary floating point touches a value.
            value = json.loads(line, parse_float=str, parse_int=str)
        except (ValueError, RecursionError) as error:
            raise FileRefusedError(
                FileProblem.UNREADABLE_FILE, f"Line {number} is not JSON: {error}. Each line is one object."
            ) from error
        if not isinstance(value, dict):
            raise FileRefusedError(FileProblem.UNREADABLE_FILE, f"Line {number} is not a JSON object.")
        names.look_at(value)
        cells = {name: _json_cell(value, name) for name in columns}
        yield number, list(cells.values())


def _json_cell(value: dict[str, Any], name: str) -> str:
    """The text under `user.id`, be it written flat or as an object in an object; neutralised."""
    found = value.get(name)
    if found is None and "." in name:
        outer, _, inner = name.partition(".")
        nested = value.get(outer)
        found = nested.get(inner) if isinstance(nested, dict) else None
    if found is None:
        return ""
    if isinstance(found, list | dict) and not name.endswith("segments"):
        return ""  # no id, unit or date; the row will be told that it is missing
    return neutralise(found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))
