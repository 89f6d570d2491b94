"""The first rows of each outcome and warning, to show them without opening the results."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from rewards.domain.header import normalise
from rewards.domain.outcomes import SETTLED, Outcome, RowResult

# The rows that are shown of each outcome; results.csv has all of them.
MAX_ROWS = 5
_MAX_CELL = 200


# Line, message, and the cells of `columns`.
ExampleRow = tuple[int, str, list[str]]


class ExamplesRecord(TypedDict, total=False):
    """The rows as they are stored: by outcome, and by warning (not in files of version 0.1)."""

    columns: list[str]
    rows: dict[str, list[ExampleRow]]
    warned: dict[str, list[ExampleRow]]


class Examples:
    """Collects rows in line order; what it keeps does not grow with the file.

    Of outcomes that leave nothing to fix only ALREADY_REDEEMED is shown; rows with a warning are shown by
    their warnings.
    """

    def __init__(self, header: Sequence[str], columns: Iterable[str]) -> None:
        """`columns` are what is shown of a row, as far as the header has them."""
        places = {normalise(name): place for place, name in enumerate(header)}
        shown = {name: places.get(normalise(name)) for name in columns}
        self._places = {name: place for name, place in shown.items() if place is not None}
        self._rows: dict[str, list[ExampleRow]] = {}
        self._warned: dict[str, list[ExampleRow]] = {}

    def add(self, cells: Sequence[str], result: RowResult) -> None:
        for warning in result.warnings:
            self._keep(self._warned.setdefault(warning, []), cells, result)
        if result.outcome not in SETTLED or result.outcome == Outcome.ALREADY_REDEEMED:
            self._keep(self._rows.setdefault(result.outcome, []), cells, result)

    def _keep(self, rows: list[ExampleRow], cells: Sequence[str], result: RowResult) -> None:
        if len(rows) < MAX_ROWS:
            shown = [_cut(cells[place]) for place in self._places.values()]
            rows.append((result.line, _cut(result.message), shown))

    def record(self) -> ExamplesRecord:
        """What was collected, to be stored."""
        return {"columns": list(self._places), "rows": self._rows, "warned": self._warned}


def merged(records: Sequence[ExamplesRecord]) -> ExamplesRecord:
    """What `Examples` would have collected of all the rows of these records, which are in line order."""
    rows: dict[str, list[ExampleRow]] = {}
    warned: dict[str, list[ExampleRow]] = {}
    for record in records:
        for all_rows, more in ((rows, record["rows"]), (warned, record["warned"])):
            for name, shown in more.items():
                kept = all_rows.setdefault(name, [])
                kept.extend(shown[: MAX_ROWS - len(kept)])
    return {"columns": records[0]["columns"], "rows": rows, "warned": warned}


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CELL else text[: _MAX_CELL - 1] + "…"
