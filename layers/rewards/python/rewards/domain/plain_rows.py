"""Checking whole blocks of rows by column: what RowChecker says of plain rows, at a fifth of the cost.

A block is plain if each of its rows is skipped or is, but for its value, as one report made it: the rowId
fits the ids as they are shown, and the value is an amount that needs no explanation. Whatever is unusual
about a single row makes the block unusual, and `RowChecker` decides each of its rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from rewards.domain.duplicate_index import DuplicateSearch, RepeatedRows
from rewards.domain.header import find_columns
from rewards.domain.id_limits import MAX_UNIT_BYTES
from rewards.domain.row_ids import RowIds, identity_texts
from rewards.domain.units import decimals
from rewards.domain.values import NumberFormat, read_value

COLUMNS = ("accountId", "userId", "unit", "valueToRedeem", "rowId", "programId")

# Values that skip a row, whatever else is in it.
_SKIPPED = frozenset(("", "0", "0.0", "0.00"))
# All values of a block, a line each; `read_value` says the same of each.
_HUNDREDTHS = re.compile(r"(?:[0-9]{1,16}\.[0-9]{2}\n)+")
_WHOLE = re.compile(r"(?:[0-9]{1,18}\n)+")

# The characters of plain ids: they mean the same in a cell, in JSON and in any spelling.
_PLAIN = bytes(code for code in range(0x21, 0x7F) if chr(code) not in "'\"\\")
# An identity's text that is no longer has no id or program that is too long.
_LONGEST = 110


@dataclass(frozen=True, slots=True)
class PlainRows:
    """Rows to redeem, a list a column, and how many others of the block are skipped.

    A blank program is none. All texts are ASCII without quotes and backslashes.
    """

    skipped: int
    lines: Sequence[int]
    account_ids: Sequence[str]
    user_ids: Sequence[str]
    units: Sequence[str]
    values: Sequence[int]
    programs: Sequence[str]
    row_ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.lines)


class PlainRowChecker:
    """Checks the blocks of one file.

    `report` is the one that the rows come from; `duplicates` looks for rows that come more than once.
    """

    def __init__(
        self,
        header: Sequence[str],
        report: RowIds,
        number_format: NumberFormat,
        duplicates: DuplicateSearch | RepeatedRows,
    ) -> None:
        """The header has all COLUMNS."""
        self.width = len(header)
        # A payment's reference comes last, where there is one.
        self.places = [*find_columns(header, COLUMNS, ("reference",)).values()]
        self._report = report
        self._number_format = number_format
        self._duplicates = duplicates

    def check(self, columns: Sequence[list[str]] | None, first: int) -> PlainRows | None:
        """The rows to redeem of a block, or None unless all its rows are plain.

        `columns` are those at `places`, or None; `first` is the number of the first row.
        """
        if columns is None or "" in columns[0] or any(map(any, columns[len(COLUMNS) :])):
            return None
        values = columns[COLUMNS.index("valueToRedeem")]
        lines: Sequence[int] = range(first, first + len(values))
        if not _SKIPPED.isdisjoint(values):
            wanted = [value not in _SKIPPED for value in values]
            lines = list(compress(lines, wanted))
            columns = [list(compress(column, wanted)) for column in columns]
        if not lines:
            return PlainRows(len(values), (), (), (), (), (), (), ())
        return self._redeeming(len(values) - len(lines), lines, columns)

    def _redeeming(
        self, skipped: int, lines: Sequence[int], columns: Sequence[list[str]]
    ) -> PlainRows | None:
        """The rows with a value, or None unless all of them are plain."""
        account_ids, user_ids, units, cells, row_ids, programs = columns[: len(COLUMNS)]
        values = self._values(cells, units)
        if values is None or "" in user_ids:
            return None
        identities = identity_texts(account_ids, user_ids, units, programs)
        together = "".join(identities)
        if not together.isascii() or together.encode().translate(None, _PLAIN):
            return None
        if max(map(len, identities)) > _LONGEST:
            return None
        digests = self._report.digests(identities)
        if not self._report.fit(digests, row_ids) or self._duplicates.any_repeated(digests):
            return None
        return PlainRows(skipped, lines, account_ids, user_ids, units, values, programs, row_ids)

    def _values(self, cells: Sequence[str], units: Sequence[str]) -> list[int] | None:
        """The credits of all cells, or None if one is not a plain positive amount of its unit."""
        names = set(units)
        if "" in names or max(map(len, names)) > MAX_UNIT_BYTES:
            return None
        places = {decimals(unit) for unit in names}
        text = "\n".join(cells) + "\n"
        if places == {2} and _HUNDREDTHS.fullmatch(text):
            values = [*map(int, text.replace(".", "").split())]
        elif places == {0} and _WHOLE.fullmatch(text):
            values = [*map(int, text.split())]
        else:
            read = [
                read_value(cell, unit, self._number_format) for cell, unit in zip(cells, units, strict=True)
            ]
            values = [value for value in read if type(value) is int]
        # A cell of several lines makes more values than cells.
        return values if len(values) == len(cells) and 0 not in values else None
