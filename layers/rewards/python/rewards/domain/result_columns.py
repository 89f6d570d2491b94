"""The columns that results.csv has behind the upload's own (CONTRACT 3.4).

Only by them is an uploaded file recognised as a results.csv; columns of the same names in any other file
are the user's own.
"""

from collections.abc import Sequence

from rewards.domain.header import normalise
from rewards.domain.outcomes import RowResult
from rewards.domain.units import format_value

RESULT_COLUMNS = ("line", "importId", "outcome", "redeemedValue", "remainingValue", "message")
FAILED_COLUMNS = ("outcome", "message")
_OLD_RESULT_COLUMNS = ("line", "outcome", "redeemedValue", "availableValue", "message")


def result_cells(import_id: str, result: RowResult, unit: str) -> list[str]:
    """Return the cells of RESULT_COLUMNS; amounts have the decimals of `unit`.

    A row that was redeemed earlier names that redemption, so that these results, uploaded again, find it.
    """
    owner, line = result.redeemed_by or (import_id, result.line)
    remaining = "" if result.available is None else format_value(result.available, unit)
    redeemed = format_value(result.redeemed, unit)
    return [str(line), owner, result.outcome, redeemed, remaining, result.message]


def own_width(header: Sequence[str]) -> int:
    """Count the upload's own columns: all, or those before the columns of an uploaded results.csv."""
    width = _named_width(header)
    return width - len(RESULT_COLUMNS) if _ends_with(header[:width], RESULT_COLUMNS) else len(header)


def result_places(header: Sequence[str]) -> dict[str, int]:
    """Return where `line` and `importId` stand in an uploaded results.csv; nothing for any other file."""
    width = _named_width(header)
    if not _ends_with(header[:width], RESULT_COLUMNS):
        return {}
    first = width - len(RESULT_COLUMNS)
    return {name: first + RESULT_COLUMNS.index(name) for name in ("line", "importId")}


def is_old_results_file(header: Sequence[str]) -> bool:
    """Whether a file is a results.csv of version 0.1, which did not name the import."""
    return _ends_with(header[: _named_width(header)], _OLD_RESULT_COLUMNS)


def has_result_columns(header: Sequence[str]) -> bool:
    """Whether a file is the results.csv or the failed.csv of an import, where texts are safe to open."""
    own = header[: _named_width(header)]
    return any(_ends_with(own, columns) for columns in (RESULT_COLUMNS, FAILED_COLUMNS))


def _named_width(header: Sequence[str]) -> int:
    """The width without unnamed columns at the end, which spreadsheets leave behind."""
    width = len(header)
    while width and not header[width - 1].strip():
        width -= 1
    return width


def _ends_with(header: Sequence[str], columns: Sequence[str]) -> bool:
    return [normalise(name) for name in header[-len(columns) :]] == [normalise(name) for name in columns]
