"""An upload as a sheet: a header and rows of text, whatever the file's format."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader
from typing import Any

from rewards.rules.csv_file import MAX_LINE
from rewards.rules.outcomes import FileProblem, FileRefusedError, WarningCode
from rewards.rules.spreadsheet import neutralise


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows` come with their numbers as a spreadsheet or an editor shows them.

    Their cells are those of a CSV file: as they are if the upload is one, otherwise neutralised, so
    that they can be written to the results as they are. `separator` is the CSV file's, and so that of its
    results; `mark` says that the results begin with a byte-order mark. `warnings` are those about
    the file as a whole, each with its explanation.
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    separator: str = ","
    mark: bool = True
    warnings: Mapping[WarningCode, str] = field(default_factory=dict)


def read_json_lines(stream: BufferedReader, columns: Sequence[str]) -> Sheet:
    """JSON Lines with (some of) these names, flat (`user.id`) or as objects in objects."""
    return Sheet(list(columns), _json_rows(stream, columns), mark=False)


def _json_rows(stream: BufferedReader, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(iter(partial(stream.readline, MAX_LINE), b""), start=1):
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            raise FileRefusedError(
                FileProblem.UNREADABLE_FILE, f"Line {number} is longer than {MAX_LINE:,} bytes."
            )
        if not line.strip():
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
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    # JSON can spell half a surrogate pair, which no file or table can hold.
    return neutralise(text.encode("utf-8", "replace").decode())
